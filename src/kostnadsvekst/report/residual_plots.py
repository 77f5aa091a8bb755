"""Residuals of an estimate: against fitted values, against the normal distribution, by unit."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.fixed_effects import Estimate
from kostnadsvekst.report.axis_marks import set_round_ticks
from kostnadsvekst.report.figures import FIGURE_TITLE, finish, new_figure
from kostnadsvekst.report.look import BLUE, RED
from kostnadsvekst.report.pictures import Picture
from kostnadsvekst.report.plot_inputs import check_count, check_lang, outcome_of, written

Floats = NDArray[np.float64]

# More points than this are drawn as pixels in an SVG, which else would be megabytes.
MOST_POINTS = 500
_BINS = 20
_ROUNDING = 1e-10
_TITLE = Bilingual("Residualer", "Residuals")
_FITTED = Bilingual("Predikert verdi", "Fitted value")
_RESIDUAL = Bilingual("Residual", "Residual")
_NORMAL = Bilingual("Normalfordelingens kvantil", "Quantile of the normal distribution")
_SCALED = Bilingual("Residual i standardavvik", "Residual in standard deviations")
_MEANS = Bilingual("snitt i 20 like store grupper", "mean of 20 groups of equal size")


@dataclass(frozen=True, slots=True)
class ResidualPoints:
    """What is drawn of n residuals.

    Attributes
    ----------
    fitted, residual : (n,) arrays
        In the outcome's unit.
    scaled : (n,) array
        Residual times the root of the weight (which sum to n), over the root of the mean weighted square with
        the residual degrees of freedom: in standard deviations of a row of average weight.
    """

    fitted: Floats
    residual: Floats
    scaled: Floats


def residual_points(estimate: Estimate) -> ResidualPoints:
    """Compute what is drawn.

    Parameters
    ----------
    estimate : Estimate

    Raises
    ------
    SpecificationError
        If it has no residuals of its own rows, or all are zero.
    """
    if type(estimate) is not Estimate:
        raise SpecificationError(
            f"residuals are drawn of what estimate returns, not of {type(estimate).__name__}"
        )
    fit = estimate.fit
    length = np.sqrt(np.average(fit.y**2, weights=fit.weights))
    if estimate.df_resid < 1 or np.abs(fit.residuals).max() <= _ROUNDING * max(length, np.finfo(float).tiny):
        raise SpecificationError(
            "the model explains every row: no residual is left to draw; estimate fewer parameters"
        )
    scaled = fit.residuals * np.sqrt(fit.weights) / estimate.sigma
    return ResidualPoints(fit.y - fit.residuals, fit.residuals, scaled)


def draw_residuals(
    estimate: Estimate, lang: str = "en", *, count: int = 12, title: str | Bilingual = _TITLE
) -> Picture:
    """Draw the residuals of an estimate in three panels.

    Parameters
    ----------
    estimate : Estimate
    lang : {"nb", "en"}
    count : int
        Units shown by name: those with the largest root mean square of residuals in standard deviations.
    title : str or Bilingual

    Returns
    -------
    Picture
        Residual by fitted value with means of twenty groups of equal size (effects that are not linear bend
        them); quantiles against the normal distribution's at (i - 1/2) / n; residuals of the units that the
        model fits worst.

    Raises
    ------
    SpecificationError
        If there are no residuals, or all are zero, or `count` is below one.
    """
    check_lang(lang)
    check_count(count, "units")
    points = residual_points(estimate)
    outcome = outcome_of([estimate])
    figure, (left, middle, right) = new_figure(11.0, 4.4, columns=3)
    many = len(points.residual) > MOST_POINTS
    _draw_against_fitted(left, points, lang, many)
    _draw_quantiles(middle, points.scaled, lang, many)
    _draw_units(right, estimate, points.scaled, count, lang)
    figure.suptitle(f"{written(title, lang)}: {outcome.get(lang)}", **FIGURE_TITLE)
    return finish(figure, estimate.provenance, lang)


def _draw_against_fitted(axes: Any, points: ResidualPoints, lang: str, many: bool) -> None:
    look = {"s": 6, "color": BLUE, "alpha": 0.4, "linewidths": 0, "rasterized": many}
    axes.scatter(points.fitted, points.residual, **look)
    axes.axhline(0, color="black", linewidth=0.8)
    order = np.argsort(points.fitted, kind="stable")
    bins = [part for part in np.array_split(order, _BINS) if len(part)]
    x, y = (np.array([v[part].mean() for part in bins]) for v in (points.fitted, points.residual))
    axes.plot(x, y, color=RED, linewidth=1.4, marker="D", markersize=3)
    axes.set_xlabel(_FITTED.get(lang))
    axes.set_ylabel(_RESIDUAL.get(lang))
    axes.set_title(
        Bilingual("Mot predikert", "Against fitted").get(lang) + f" ({_MEANS.get(lang)})",
        loc="left",
        fontsize=8.5,
    )
    set_round_ticks(axes.xaxis, lang, 5)
    set_round_ticks(axes.yaxis, lang)


def _draw_quantiles(axes: Any, scaled: Floats, lang: str, many: bool) -> None:
    n = len(scaled)
    normal = ndtri((np.arange(n) + 0.5) / n)
    axes.plot(normal[[0, -1]], normal[[0, -1]], color="black", linewidth=0.8)
    axes.scatter(normal, np.sort(scaled), s=6, color=BLUE, linewidths=0, rasterized=many)
    axes.set_xlabel(_NORMAL.get(lang))
    axes.set_ylabel(_SCALED.get(lang))
    title = Bilingual("Mot normalfordelingen (linje: like)", "Against the normal (line: equal)")
    axes.set_title(title.get(lang), loc="left", fontsize=8.5)
    set_round_ticks(axes.xaxis, lang)
    set_round_ticks(axes.yaxis, lang)


def worst_units(estimate: Estimate, scaled: Floats, count: int) -> list[tuple[str, Floats]]:
    """Units with the largest root mean square, the largest first, with their residuals.

    Parameters
    ----------
    estimate : Estimate
    scaled : (n,) array
    count : int

    Returns
    -------
    list of (str, array)
    """
    codes = estimate.fit.entities
    rows = np.bincount(codes)
    size = np.sqrt(np.bincount(codes, scaled**2) / rows)
    worst = np.argsort(-size, kind="stable")[:count]
    return [(_unit_name(estimate, int(code)), scaled[codes == code]) for code in worst]


def _unit_name(estimate: Estimate, code: int) -> str:
    row = int(np.flatnonzero(estimate.fit.entities == code)[0])
    if estimate.data is None:
        return str(code)
    return str(estimate.data[estimate.specification.entity].iloc[estimate.rows[row]])


def _draw_units(axes: Any, estimate: Estimate, scaled: Floats, count: int, lang: str) -> None:
    units = worst_units(estimate, scaled, count)
    for place, (_, own) in enumerate(units):
        axes.plot(own, np.full(len(own), place), linestyle="none", marker="|", markersize=9, color=BLUE)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(units)), [name for name, _ in units], fontsize=8)
    axes.set_ylim(len(units) - 0.5, -0.5)
    axes.set_xlabel(_SCALED.get(lang))
    title = Bilingual("Enhetene med størst spredning", "The units with the largest spread")
    axes.set_title(title.get(lang), loc="left", fontsize=8.5)
    set_round_ticks(axes.xaxis, lang)
