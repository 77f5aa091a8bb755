"""Municipalities beside each other with what is known: funnel plot and plot of ranks."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.municipal.funnel_limits import funnel_limits
from kostnadsvekst.municipal.user_group_profile import KEYS
from kostnadsvekst.municipal.user_group_terms import ALL, GROUPS, MEASURES, service_label
from kostnadsvekst.naming import nearest_names, require_columns
from kostnadsvekst.provenance import provenance_of
from kostnadsvekst.report.axis_marks import LineEnd, label_line_ends, legend_above, set_round_ticks
from kostnadsvekst.report.figures import FIGURE_TITLE, finish, new_figure
from kostnadsvekst.report.look import BLUE, GREY, PALE_BLUE, RED
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.pictures import Picture
from kostnadsvekst.report.plot_inputs import check_lang, written

Floats = NDArray[np.float64]

# More names than this beside a funnel, or rows of ranks with a name, cannot be read.
_MOST_NAMES = 8
_MOST_ROWS = 60
_POINTS = 200
_TITLE_LETTERS = 88

_MEAN = Bilingual("felles rate", "common rate")
_CHANCE = Bilingual("{level} %: tilfeldighet alene", "{level}%: chance alone")
_PHI = Bilingual("{level} %: med overspredning (φ = {phi})", "{level}%: with overdispersion (φ = {phi})")
_TAU = Bilingual(
    "{level} %: med forskjeller mellom kommuner (τ)", "{level}%: with differences between municipalities (τ)"
)
_SIZES = {
    "compound": Bilingual("Mottakere (logaritmisk)", "Recipients (logarithmic)"),
    "": Bilingual("Nevner (logaritmisk)", "Denominator (logarithmic)"),
}
_RANK = Bilingual("Plass (1 er høyest)", "Rank (1 is the highest)")
_EXPECTED = Bilingual("forventet plass", "expected rank")
_RAW = Bilingual("plass i tabellen", "rank in the table")
_LIMITS = Bilingual("{level} %-intervall", "{level}% interval")
_NOT_DRAWN = Bilingual("{n} uten plass er ikke tegnet", "{n} without a rank not drawn")


def draw_funnel(
    compared: pd.DataFrame, lang: str = "en", *, own: str | None = None, title: str | Bilingual | None = None
) -> Picture:
    """Draw the municipalities of one comparison by size, with the limits of chance and of overdispersion.

    Parameters
    ----------
    compared : DataFrame
        Rows of `municipal.comparison.intervals` of one year, group, age, service, provision and measure.
    lang : {"nb", "en"}
    own : str, optional
        Municipality to mark.
    title : str or Bilingual, optional
        Default: measure, group, service and year.

    Returns
    -------
    Picture
        Names stand beside those outside the widest limits, the furthest out first, and beside `own`.

    Raises
    ------
    SpecificationError
        Rows of several comparisons, or none with limits; an `own` that is not there.
    DataMissingError
        Columns that lack.

    Notes
    -----
    Spiegelhalter 2005, see `municipal.funnel_limits`. Limits with phi are drawn where it is above one, those
    with tau where it is above zero.
    """
    rows, _ = _one_comparison(compared, "value", own)
    check_lang(lang)
    figure, axes = new_figure(8.2, 4.6)
    sizes = (rows["count"] if _is_cost(rows) else rows["denominator"]).to_numpy(float)
    at = np.geomspace(sizes.min() / 1.3, sizes.max() * 1.3, _POINTS)
    widest = _draw_limits(axes, rows, at, _level(compared), lang)
    outside = _draw_points(axes, rows, sizes, at, widest, own)
    axes.set_xscale("log")
    axes.set_xlim(at[0], at[-1])
    axes.set_ylim(bottom=0)
    _ticks_of_sizes(axes, lang)
    set_round_ticks(axes.yaxis, lang)
    axes.set_xlabel(_SIZES["compound" if _is_cost(rows) else ""].get(lang))
    axes.set_ylabel(MEASURES[rows["measure"].iloc[0]].unit.get(lang))
    label_line_ends(axes, outside)
    legend_above(axes, 2)
    figure.suptitle(_title(rows, title, lang), **FIGURE_TITLE)
    return finish(figure, provenance_of(compared), lang)


def draw_ranks(
    compared: pd.DataFrame, lang: str = "en", *, own: str | None = None, title: str | Bilingual | None = None
) -> Picture:
    """Draw the rank of each municipality of one comparison with its interval ("caterpillar").

    Parameters
    ----------
    compared, lang, own, title
        As in `draw_funnel`.

    Returns
    -------
    Picture
        Filled: expected rank; hollow: rank of the observed value; line: limits of the rank. Above 60
        municipalities only `own` is named.

    Raises
    ------
    SpecificationError
        Rows of several comparisons, or none with limits of a rank; an `own` that is not there.
    DataMissingError
        Columns that lack.
    """
    rows, left = _one_comparison(compared, "rank_low", own)
    check_lang(lang)
    rows = rows.assign(order=rows["rank"].fillna(rows["rank_raw"]))
    rows = rows.sort_values(["order", "rank_raw", "municipality"])
    many = len(rows) > _MOST_ROWS
    figure, axes = new_figure(7.4, 1.6 + (6.5 if many else 0.19 * max(len(rows), 6)))
    places = np.arange(len(rows))
    mine = rows["municipality"].eq(own).to_numpy()
    colours = np.where(mine, RED, BLUE)
    axes.hlines(places, rows["rank_low"], rows["rank_high"], color=np.where(mine, RED, GREY), linewidth=1.4)
    hollow = {"linestyle": "none", "marker": "o", "markersize": 4, "markerfacecolor": "white", "color": GREY}
    axes.plot(rows["rank_raw"], places, label=_RAW.get(lang), **hollow)
    axes.scatter(rows["rank"], places, color=colours, s=18, zorder=3, label=_EXPECTED.get(lang))
    axes.plot([], [], color=GREY, label=_LIMITS.get(lang).format(level=_per_cent(_level(compared), lang)))
    shown = mine if many else np.ones(len(rows), dtype=bool)
    axes.set_yticks(places[shown], rows["municipality"][shown], fontsize=7.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0.5, len(rows) + 0.5)
    axes.grid(visible=False, axis="y")
    set_round_ticks(axes.xaxis, lang, whole=True)
    note = f" – {_NOT_DRAWN.get(lang).format(n=left)}" if left else ""
    axes.set_xlabel(_RANK.get(lang) + note)
    legend_above(axes, 3)
    figure.suptitle(_title(rows, title, lang), **FIGURE_TITLE)
    return finish(figure, provenance_of(compared), lang)


def _one_comparison(compared: pd.DataFrame, needed: str, own: str | None) -> tuple[pd.DataFrame, int]:
    """Rows that can be drawn, in a fixed order, and how many cannot."""
    require_columns(["municipality", *KEYS, "value", "low", "rank_low"], getattr(compared, "columns", []))
    several = [name for name in KEYS if len(compared[name].unique()) > 1]
    if several:
        raise SpecificationError(f"rows of several comparisons ({', '.join(several)} differ): choose one")
    rows = compared[compared[needed].notna() & compared["low"].notna()].sort_values("municipality")
    if rows.empty:
        raise SpecificationError("no row has limits to draw; attrs['left_out'] says why")
    if own is not None and own not in set(rows["municipality"]):
        raise SpecificationError(f"own: {nearest_names([own], rows['municipality'])} has no limits here")
    return rows, len(compared) - len(rows)


def _is_cost(rows: pd.DataFrame) -> bool:
    return bool(rows["method"].iloc[0] == "compound")


def _level(compared: pd.DataFrame) -> float:
    return float(compared.attrs.get("level", 0.95))


def _per_cent(level: float, lang: str) -> str:
    decimals = next((d for d in (0, 1, 2) if abs(round(100 * level, d) - 100 * level) < 1e-9), 3)
    return format_number(100 * level, decimals, lang)


def _draw_limits(axes: Any, rows: pd.DataFrame, at: Floats, level: float, lang: str) -> tuple[Floats, Floats]:
    """Draw the common rate and each pair of limits; give the widest."""
    first = rows.iloc[0]
    per = float((rows["value"] / (rows["numerator"] / rows["denominator"])).median())
    target, phi, tau = first["target"] / per, float(first["phi"]), float(first["tau"]) / per
    counted = _is_cost(rows) and not np.allclose(rows["count"], rows["denominator"])
    options: dict[str, Any] = {"kind": first["method"], "relative": float(first["spread"]) + counted}
    drawn: list[tuple[Bilingual, str, dict[str, Any]]] = [(_CHANCE, "--", {})]
    drawn += [(_PHI, "-", {"phi": phi})] if phi > 1 else []
    drawn += [(_TAU, ":", {"tau2": tau**2})] if tau > 0 else []
    axes.axhline(first["target"], color="black", linewidth=0.8, label=_MEAN.get(lang))
    low, high = np.full(at.size, np.inf), np.zeros(at.size)
    words = {"level": _per_cent(level, lang), "phi": format_number(phi, 1, lang)}
    for label, dash, extra in drawn:
        limits = funnel_limits(target, at, level, **options, **extra)
        low, high = np.minimum(low, per * limits.low), np.maximum(high, per * limits.high)
        look = {"color": GREY if label is _CHANCE else BLUE, "linewidth": 1.1, "linestyle": dash}
        axes.plot(at, per * limits.high, label=label.get(lang).format(**words), **look)
        axes.plot(at, per * limits.low, **look)
    axes.fill_between(at, low, high, color=PALE_BLUE, alpha=0.35, linewidth=0, zorder=0)
    return low, high


def _draw_points(
    axes: Any, rows: pd.DataFrame, sizes: Floats, at: Floats, widest: tuple[Floats, Floats], own: str | None
) -> list[LineEnd]:
    """Draw the municipalities; give the names to write."""
    value = rows["value"].to_numpy(float)
    low, high = (np.interp(sizes, at, limit) for limit in widest)
    beyond = np.maximum(value - high, low - value)
    mine = rows["municipality"].eq(own).to_numpy()
    axes.scatter(sizes, value, s=np.where(mine, 42, 16), color=np.where(mine, RED, BLUE), zorder=3)
    out = [k for k in np.argsort(-beyond, kind="stable") if beyond[k] > 0 and not mine[k]][:_MOST_NAMES]
    named = [*np.flatnonzero(mine), *out]
    names = rows["municipality"].astype(str).to_numpy()
    return [LineEnd(sizes[k], value[k], names[k], RED if mine[k] else BLUE) for k in named]


def _ticks_of_sizes(axes: Any, lang: str) -> None:
    """Ticks at 1, 2 and 5 times powers of ten, few enough to be read."""
    from matplotlib.ticker import NullFormatter

    low, high = axes.get_xlim()
    every = np.array([f * 10.0**p for p in range(-3, 10) for f in (1, 2, 5)])
    places = every[(every >= low) & (every <= high)]
    if len(places) > 7:
        places = places[np.isclose(np.log10(places) % 1, 0)]
    axes.set_xticks(places, [format_number(x, 0 if x >= 1 else 3, lang) for x in places])
    axes.xaxis.set_minor_formatter(NullFormatter())


def _title(rows: pd.DataFrame, title: str | Bilingual | None, lang: str) -> str:
    if title is not None:
        return written(title, lang)
    first = rows.iloc[0]
    parts = [MEASURES[first["measure"]].label]
    parts += [GROUPS[first["group"]]] if first["group"] in GROUPS else []
    parts += [service_label(first["service"])] if first["service"] != ALL else []
    words = ", ".join(part.get(lang) for part in parts)
    return f"{words[:_TITLE_LETTERS]}, {first['year']}"
