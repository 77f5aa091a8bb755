"""Marginal effects by group or over the values of a variable."""

from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.naming import require_columns
from kostnadsvekst.provenance import provenance_of
from kostnadsvekst.report.axis_marks import set_round_ticks
from kostnadsvekst.report.figures import FIGURE_TITLE, finish, new_figure
from kostnadsvekst.report.look import BLUE
from kostnadsvekst.report.pictures import Picture
from kostnadsvekst.report.plot_inputs import check_lang, check_level, interval_words, written
from kostnadsvekst.report.term_labels import term_label

COLUMNS = ("by", "estimate", "std_error", "conf_low", "conf_high")
_MOST_TICKS = 12
# Whole numbers between these are years, which have no sign between thousands.
_YEARS = (1800, 2200)
_TITLE = Bilingual("Marginal effekt", "Marginal effect")


def draw_marginal_effects(
    effects: pd.DataFrame,
    lang: str = "en",
    *,
    variable: str | Bilingual = "",
    by: str | Bilingual = "",
    outcome: str | Bilingual = "",
    level: float = 0.95,
    title: str | Bilingual = _TITLE,
) -> Picture:
    """Draw marginal effects with their intervals, such as of free income in each year.

    Parameters
    ----------
    effects : DataFrame
        From an estimate's ``marginal("free_income", by="year")``; or with the columns ``by``,
        ``estimate``, ``std_error``, ``conf_low``, ``conf_high``. Numbers in ``by`` are places
        on the axis, anything else is names.
    lang : {"nb", "en"}
    variable, by, outcome : str or Bilingual
        Columns or words for what varies, over what, and its effect on what; without them what the frame
        knows of itself (``attrs``).
    level : float
        Of the frame's intervals, as the picture says; the frame's own ``attrs["level"]`` goes before it.
    title : str or Bilingual

    Returns
    -------
    Picture

    Raises
    ------
    DataMissingError
        If a column is missing.
    InvalidDataError
        If there is no row, or an estimate is missing; the groups are named.
    """
    check_lang(lang)
    effects = _with_groups(effects)
    require_columns(COLUMNS, effects.columns)
    _check(effects)
    level = effects.attrs.get("level", level)
    check_level(level)
    known = {key: effects.attrs.get(key, "") for key in ("variable", "by", "outcome")}
    names = {
        key: _name(own or known[key], lang)
        for key, own in (("variable", variable), ("by", by), ("outcome", outcome))
    }
    figure, axes = new_figure(7.0, 4.2)
    if pd.api.types.is_numeric_dtype(effects["by"]):
        _draw_over(axes, effects.sort_values("by"), lang)
    else:
        _draw_groups(axes, effects)
    axes.axhline(0, color="black", linewidth=0.8, zorder=1)
    set_round_ticks(axes.yaxis, lang)
    axes.set_xlabel(names["by"])
    words = Bilingual("Marginal effekt", "Marginal effect").get(lang)
    axes.set_ylabel(f"{words}\n({interval_words(level).get(lang)})")
    figure.suptitle(_heading(written(title, lang), names, lang), **FIGURE_TITLE)
    return finish(figure, provenance_of(effects), lang)


def _with_groups(effects: pd.DataFrame) -> pd.DataFrame:
    """Frame whose groups stand in the column ``by``: those of an estimate have the columns' own names."""
    groups = effects.attrs.get("groups")
    if groups is None or "by" in effects.columns or not {*groups} <= {*effects.columns}:
        return effects
    if len(groups) == 1:
        return effects.rename(columns={groups[0]: "by"})
    named = [", ".join(map(str, row)) for row in effects[groups].itertuples(index=False)]
    return effects.assign(by=named)


def _check(effects: pd.DataFrame) -> None:
    if effects.empty:
        raise InvalidDataError("no marginal effect to draw: the frame has no rows")
    missing = effects[~np.isfinite(effects["estimate"].to_numpy(float))]
    if len(missing):
        groups = [f"by = {value}" for value in missing["by"]]
        raise InvalidDataError(f"{len(missing)} marginal effects are missing; leave those rows out", groups)


def _name(text: str | Bilingual, lang: str) -> str:
    """Label of a column; other words are their own."""
    return text.get(lang) if isinstance(text, Bilingual) else term_label(text).get(lang) if text else ""


def _heading(title: str, names: dict[str, str], lang: str) -> str:
    of, on = {"nb": ("av", "på"), "en": ("of", "on")}[lang]
    parts = [title]
    parts += [f"{of} {names['variable']}"] if names["variable"] else []
    parts += [f"{on} {names['outcome']}"] if names["outcome"] else []
    return " ".join(parts)


def _draw_over(axes: Any, effects: pd.DataFrame, lang: str) -> None:
    """Effects at numbers: points joined by a line, with intervals."""
    x = effects["by"].to_numpy(float)
    axes.plot(x, effects["estimate"], color=BLUE, linewidth=0.9, marker="o", markersize=5, zorder=3)
    axes.vlines(x, effects["conf_low"], effects["conf_high"], color=BLUE, linewidth=1.8, zorder=2)
    whole = bool(np.all(x == np.round(x)))
    set_round_ticks(axes.xaxis, lang, whole=whole)
    if whole and len(x) <= _MOST_TICKS:
        axes.set_xticks(x)
    if whole and _YEARS[0] <= x.min() and x.max() <= _YEARS[1]:
        axes.xaxis.set_major_formatter("{x:.0f}")


def _draw_groups(axes: Any, effects: pd.DataFrame) -> None:
    places = np.arange(len(effects))
    axes.plot(places, effects["estimate"], linestyle="none", color=BLUE, marker="o", markersize=5, zorder=3)
    axes.vlines(places, effects["conf_low"], effects["conf_high"], color=BLUE, linewidth=1.8, zorder=2)
    turn = {"rotation": 45, "ha": "right"} if max(len(str(name)) for name in effects["by"]) > 8 else {}
    axes.set_xticks(places, [str(name) for name in effects["by"]], **turn)
    axes.grid(visible=False, axis="x")
