"""Pictures of a specification curve and of single units' influence."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.analysis.influence import Influence
from kostnadsvekst.analysis.specification_curve import (
    ADDED,
    DECLARED,
    OK,
    PUBLISHED,
    SpecificationCurve,
    stable_order,
)
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.models.samples import sample_label
from kostnadsvekst.panel.schema import label_of
from kostnadsvekst.report.axis_marks import legend_above, set_round_ticks
from kostnadsvekst.report.figures import FIGURE_TITLE, finish, new_figure
from kostnadsvekst.report.look import BLUE, PALE_BLUE, RED, YELLOW
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.pictures import Picture
from kostnadsvekst.report.plot_inputs import check_count, check_lang
from kostnadsvekst.report.term_labels import term_label

Mask = NDArray[np.bool_]
Choices = Mapping[Bilingual, Mapping[Bilingual, Mask]]

_ROLE_LABEL = {
    DECLARED: Bilingual("i rutenettet, bestemt på forhånd", "in the grid, declared beforehand"),
    ADDED: Bilingual("lagt til etterpå", "added later"),
    PUBLISHED: Bilingual("publisert", "published"),
}
_ROLE_STYLE: dict[str, dict[str, Any]] = {
    DECLARED: {"s": 3, "color": BLUE, "zorder": 3, "linewidths": 0, "rasterized": True},
    ADDED: {
        "s": 13,
        "color": YELLOW,
        "marker": "^",
        "zorder": 6,
        "edgecolors": "black",
        "linewidths": 0.5,
    },
    PUBLISHED: {
        "s": 52,
        "color": RED,
        "marker": "D",
        "zorder": 5,
        "edgecolors": "black",
        "linewidths": 0.7,
    },
}
_BINS = 240
_COEFFICIENT = Bilingual("Koeffisient", "Coefficient")
_CURVE_TITLE = Bilingual("Spesifikasjonskurve", "Specification curve")
_INFLUENCE_TITLE = Bilingual("De mest innflytelsesrike enhetene", "The most influential units")
_PART_LABEL = {
    "outcome": Bilingual("Utfall", "Outcome"),
    "effects": Bilingual("Effekter", "Effects"),
    "weights": Bilingual("Vekter", "Weights"),
    "sample": Bilingual("Utvalg", "Sample"),
    "covariance": Bilingual("Standardfeil", "Standard errors"),
    "convention": Bilingual("Småutvalgsfaktor", "Small-sample factor"),
}


def draw_curve(
    curve: SpecificationCurve,
    lang: str = "en",
    *,
    choices: Choices | None = None,
    quantity: Bilingual = _COEFFICIENT,
    title: Bilingual = _CURVE_TITLE,
    labels: Mapping[str, str] | None = None,
) -> Picture:
    """Draw a specification curve: sorted estimates above, the choices behind them below.

    Parameters
    ----------
    curve : SpecificationCurve
        With one term.
    lang : {"nb", "en"}
    choices : mapping of group to mapping of choice to mask, optional
        Masks are over the rows of ``curve.frame``; without it `list_choices`.
    quantity : Bilingual
        Title of the axis of estimates, with its unit.
    title : Bilingual
    labels : mapping of str to str, optional
        Identifier of a specification -> text at its point.

    Returns
    -------
    Picture

    Raises
    ------
    SpecificationError
        If nothing was estimated, or there is more than one term.
    """
    check_lang(lang)
    good = (curve.frame["status"] == OK).to_numpy()
    choices = list_choices(curve) if choices is None else choices
    if len(set(curve.frame.loc[good, "term"])) != 1:
        raise SpecificationError("a specification curve shows one term, estimated at least once")
    order = np.flatnonzero(good)[stable_order(curve.frame["estimate"].to_numpy()[good])]
    frame = curve.frame.iloc[order]
    rows = sum(len(group) for group in choices.values()) + len(choices)
    figure, axes = new_figure(8.2, 3.6 + 0.165 * rows, 2, 1, sharex=True, height_ratios=(3.3, 0.165 * rows))
    figure.suptitle(title.get(lang), **FIGURE_TITLE)
    _draw_estimates(axes[0], frame, quantity, lang, labels or {})
    _draw_choices(axes[1], frame, choices, order, lang)
    return finish(figure, curve.provenance, lang)


def list_choices(curve: SpecificationCurve) -> dict[Bilingual, dict[Bilingual, Mask]]:
    """List the choices in which the specifications of a curve differ.

    Parameters
    ----------
    curve : SpecificationCurve

    Returns
    -------
    dict
        Group -> choice -> mask over the rows of ``curve.frame``: terms that only some have, then every other
        part with more than one value.
    """
    specs = [curve.specifications[name] for name in curve.frame["spec"]]
    groups: dict[Bilingual, dict[Bilingual, Mask]] = {}
    every = dict.fromkeys(term for spec in specs for term in spec.regressors)
    having = {term: np.array([term in spec.regressors for spec in specs]) for term in every}
    some = {term_label(term): mask for term, mask in having.items() if not mask.all()}
    if some:
        groups[Bilingual("Variabler", "Terms")] = some
    for part, heading in _PART_LABEL.items():
        values = [getattr(spec, part) for spec in specs]
        different = dict.fromkeys(values)
        if len(different) > 1:
            groups[heading] = {
                _choice_label(part, choice): np.array([value == choice for value in values])
                for choice in different
            }
    return groups


def _choice_label(part: str, value: Any) -> Bilingual:
    if part == "sample":
        return sample_label(value)
    if part == "outcome":
        return term_label(value)
    if value is None:
        return Bilingual("ingen", "none")
    return label_of(value) if isinstance(value, str) else both(" ".join(value))


def _draw_estimates(
    axis: Any, frame: pd.DataFrame, quantity: Bilingual, lang: str, labels: Mapping[str, str]
) -> None:
    x = np.arange(len(frame))
    # Each by its own standard errors; how often it covers was not simulated.
    interval = {
        "nb": "95 %-intervall (nominelt; dekning ikke simulert)",
        "en": "95% interval (nominal; coverage not simulated)",
    }[lang]
    low, high = frame["conf_low"].to_numpy(), frame["conf_high"].to_numpy()
    axis.vlines(
        x, low, high, color=PALE_BLUE, linewidth=min(3.0, 400 / len(frame)), zorder=1, rasterized=True
    )
    axis.plot([], [], color=PALE_BLUE, linewidth=5, label=interval)
    axis.axhline(0, color="black", linewidth=0.8, zorder=2)
    for role, style in _ROLE_STYLE.items():
        at = (frame["role"] == role).to_numpy()
        if at.any():
            label = f"{_ROLE_LABEL[role].get(lang)} ({format_number(at.sum(), 0, lang)})"
            axis.scatter(x[at], frame["estimate"].to_numpy()[at], label=label, **style)
    ends = frame[["estimate"]].to_numpy()
    span = np.nanquantile(np.concatenate([low, high, ends.ravel()]), [0.002, 0.998])
    margin = 0.08 * (span[1] - span[0])
    axis.set_ylim(min(span[0] - margin, ends.min() - margin), max(span[1] + margin, ends.max() + margin))
    _name_points(axis, frame, labels)
    axis.set_ylabel(quantity.get(lang))
    axis.set_xlim(-len(frame) * 0.01, len(frame) * 1.01)
    axis.legend(loc="upper left", fontsize=7.5, frameon=False)
    set_round_ticks(axis.yaxis, lang)


def _name_points(axis: Any, frame: pd.DataFrame, labels: Mapping[str, str]) -> None:
    estimates = frame["estimate"].to_numpy()
    for identifier, text in labels.items():
        for position in np.flatnonzero((frame["spec"] == identifier).to_numpy()):
            axis.annotate(
                text,
                (position, estimates[position]),
                xytext=(0, 16),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                weight="bold",
                color=RED,
                zorder=6,
            )


def _draw_choices(axis: Any, frame: pd.DataFrame, choices: Choices, order: Any, lang: str) -> None:
    """One strip for each choice: the darker, the more of the specifications there have made it."""
    edges = np.linspace(0, len(frame), min(_BINS, len(frame)) + 1)
    bins = np.digitize(np.arange(len(frame)), edges[1:-1])
    size = np.bincount(bins)
    marked = {role: np.flatnonzero((frame["role"] == role).to_numpy()) for role in (ADDED, PUBLISHED)}
    height, ticks, texts = 0, [], []
    for group, members in choices.items():
        axis.text(0, height + 0.15, group.get(lang), fontsize=7.5, weight="bold", va="center")
        height += 1
        for choice, mask in members.items():
            made = mask[order]
            share = np.bincount(bins, made, len(size)) / size
            extent = (0, len(frame), height + 0.4, height - 0.4)
            axis.imshow(
                share[None, :],
                aspect="auto",
                extent=extent,
                cmap="Blues",
                vmin=0,
                vmax=1.1,
                interpolation="nearest",
            )
            for role, positions in marked.items():
                hits = positions[made[positions]]
                axis.scatter(hits, np.full(len(hits), height), **_ROLE_STYLE[role] | {"s": 14})
            ticks.append(height)
            texts.append(choice.get(lang))
            height += 1
    axis.set_ylim(height - 0.4, -0.6)
    axis.set_yticks(ticks, texts, fontsize=7)
    _finish_choices(axis, lang)


def _finish_choices(axis: Any, lang: str) -> None:
    axis.tick_params(axis="y", length=0)
    axis.grid(False)
    for side in ("left", "bottom"):
        axis.spines[side].set_visible(False)
    axis.set_xlabel(
        {"nb": "Spesifikasjoner, sortert etter koeffisient", "en": "Specifications, sorted by coefficient"}[
            lang
        ]
    )
    set_round_ticks(axis.xaxis, lang, whole=True)


def draw_influence(
    influence: Influence,
    terms: Sequence[str],
    lang: str = "en",
    *,
    count: int = 10,
    quantities: Mapping[str, Bilingual] | None = None,
    title: Bilingual = _INFLUENCE_TITLE,
) -> Picture:
    """Draw the estimates without each of the most influential units.

    Parameters
    ----------
    influence : Influence
    terms : sequence of str
        One panel each.
    lang : {"nb", "en"}
    count : int
        Units shown in each panel.
    quantities : mapping of str to Bilingual, optional
        Term -> title of its axis, with the unit.
    title : Bilingual

    Returns
    -------
    Picture

    Raises
    ------
    SpecificationError
        If there is no term, a term does not exist, or `count` is below one.
    """
    check_lang(lang)
    check_count(count, "units")
    if not terms or isinstance(terms, str):
        raise SpecificationError(f"terms is a list such as ['free_income'], not {terms!r}")
    figure, axes = new_figure(7.6, 0.9 + 2.9 * len(terms), len(terms), 1, squeeze=False)
    figure.suptitle(title.get(lang), **FIGURE_TITLE)
    for axis, term in zip(axes[:, 0], terms, strict=True):
        label = (quantities or {}).get(term, term_label(term))
        _draw_leave_one_out(axis, influence, term, label, lang, count)
    return finish(figure, influence.estimate.provenance, lang)


def _draw_leave_one_out(
    axis: Any, influence: Influence, term: str, label: Bilingual, lang: str, count: int
) -> None:
    frame = influence.of(term).head(count)[::-1]
    line = influence.estimate.coefficients.loc[term]
    y = np.arange(len(frame))
    band = {"nb": "alle, med nominelt 95 %-intervall", "en": "all, with nominal 95% interval"}[lang]
    axis.axvspan(line["conf_low"], line["conf_high"], color=PALE_BLUE, zorder=0)
    axis.axvline(line["estimate"], color=BLUE, zorder=1, label=band)
    half = 1.96 * frame["std_error_without"].fillna(0)
    without = {
        "nb": "uten enheten, klassisk 95 %-intervall (nominelt)",
        "en": "without the unit, classical 95% interval (nominal)",
    }
    axis.errorbar(
        frame["estimate_without"],
        y,
        xerr=half,
        fmt="o",
        color=RED,
        markersize=4,
        capsize=2,
        linewidth=1,
        label=without[lang],
    )
    axis.set_yticks(y, [_unit_text(unit, share, lang) for unit, share in frame["weight_share"].items()])
    axis.set_xlabel(label.get(lang))
    set_round_ticks(axis.xaxis, lang)
    axis.grid(axis="y", visible=False)
    legend_above(axis, 2)


def _unit_text(unit: Any, share: float, lang: str) -> str:
    weight = {"nb": "vekt", "en": "weight"}[lang]
    sign = {"nb": " %", "en": "%"}[lang]
    return f"{unit} ({weight} {format_number(100 * share, 1, lang)}{sign})"
