"""Event studies of several estimators side by side."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from scipy.special import ndtri

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.staggered import EventStudy
from kostnadsvekst.report.axis_marks import set_round_ticks
from kostnadsvekst.report.figures import FIGURE_TITLE, finish, new_figure
from kostnadsvekst.report.look import BLUE
from kostnadsvekst.report.pictures import Picture
from kostnadsvekst.report.plot_inputs import (
    check_lang,
    check_level,
    common_origin,
    headed,
    interval_words,
    outcome_of,
    written,
)

Studies: TypeAlias = EventStudy | Sequence[EventStudy] | Mapping[str, EventStudy]

PANELS_IN_A_ROW = 4
_SHADE = "#EEEEEE"
_TITLE = Bilingual("Effekt etter tid siden behandling", "Effect by time since treatment")
_TIME = Bilingual("Perioder siden behandling", "Periods since treatment")
_WIDTH_OF_TITLE = 26
# Of bold words of ten points.
_LETTERS_AN_INCH = 11


def draw_event_studies(
    studies: Studies,
    lang: str = "en",
    *,
    between: tuple[int, int] | None = None,
    level: float = 0.95,
    percent: bool = False,
    title: str | Bilingual = _TITLE,
) -> Picture:
    """Draw event studies in panels with common axes, the time before treatment shaded.

    Parameters
    ----------
    studies : EventStudy, sequence of EventStudy, or mapping of heading to EventStudy
        Of one outcome; without headings each panel is named by its estimator.
    lang : {"nb", "en"}
    between : tuple of int, optional
        First and last horizon; without it all. The band covers these.
    level : float
        Of the intervals of single horizons (thick) and of the band of all at once (thin; sup-t).
    percent : bool
        Draw ``100 (exp(effect) - 1)``: the outcome is in logs.
    title : str or Bilingual

    Returns
    -------
    Picture
        A hollow mark at zero is the base period, where the effect is zero by construction; a mark without a
        line rests on a single treated cluster and has no error.

    Raises
    ------
    SpecificationError
        If there is nothing to draw, no horizon is in `between`, or the outcomes differ.

    Examples
    --------
    >>> studies = [event_study(data, "y", "unit", "time", "first", method) for method in METHODS]
    ... draw_event_studies(studies, "nb", between=(-6, 8))  # doctest: +SKIP
    """
    check_lang(lang)
    check_level(level)
    given = headed(studies, EventStudy, "what staggered.event_study returns")
    found = list(given.values())
    outcome = outcome_of(found)
    tables = [_table(study, between, level) for study in found]
    columns = min(len(found), PANELS_IN_A_ROW)
    rows = -(-len(found) // columns)
    shared = {"sharex": True, "sharey": True, "squeeze": False}
    figure, panels = new_figure(max(6.0, 0.8 + 2.9 * columns), 1.3 + 2.9 * rows, rows, columns, **shared)
    for axes in panels.flat[len(found) :]:
        axes.remove()
    names = [_heading(name, study, lang) for name, study in given.items()]
    for axes, name, study, table in zip(panels.flat, names, found, tables, strict=False):
        _draw_study(axes, _scaled(table, percent), _base_of(study, table), lang)
        axes.set_title(name, loc="left", fontsize=9)
    reading = wrap(_reading(level, lang), int(_LETTERS_AN_INCH * figure.get_figwidth()))
    heading = "\n".join([f"{written(title, lang)}: {outcome.get(lang)}", *reading])
    figure.suptitle(heading, **FIGURE_TITLE)
    for axes in panels[:, 0]:
        axes.set_ylabel(_axis(percent, lang))
    for axes in panels.flat[max(len(found) - columns, 0) : len(found)]:  # nothing stands below
        axes.set_xlabel(_TIME.get(lang))
        axes.tick_params(labelbottom=True)
    return finish(figure, common_origin(found), lang)


def _table(study: EventStudy, between: tuple[int, int] | None, level: float) -> pd.DataFrame:
    """Horizons with intervals and band at a level."""
    low, high = between or (-float("inf"), float("inf"))
    if not study.horizons["horizon"].between(low, high).any():
        found = study.horizons["horizon"]
        raise SpecificationError(
            f"no horizon of {study.facts.label.en} is between {low} and {high}: it has {found.min()} to "
            f"{found.max()}"
        )
    shown = study.horizons[study.horizons["horizon"].between(low, high)]
    if shown["std_error"].notna().any():
        shown = study.simultaneous(level, between)
    else:  # every horizon rests on one treated cluster: points alone
        shown = shown.assign(band_low=float("nan"), band_high=float("nan"))
    half = ndtri((1 + level) / 2) * shown["std_error"]
    return shown.assign(conf_low=shown["estimate"] - half, conf_high=shown["estimate"] + half)


def _scaled(table: pd.DataFrame, percent: bool) -> pd.DataFrame:
    columns = ["estimate", "conf_low", "conf_high", "band_low", "band_high"]
    return table.assign(**(100 * np.expm1(table[columns]))) if percent else table


def _base_of(study: EventStudy, table: pd.DataFrame) -> int | None:
    """Horizon of the base period where it is seen; None where effects are changes from period to period."""
    base = -1 - study.anticipation
    horizons = table["horizon"]
    return base if base not in set(horizons) and horizons.min() <= base <= horizons.max() else None


def _heading(name: str | Bilingual, study: EventStudy, lang: str) -> str:
    shown = written(name, lang)
    numbered = not shown or shown.startswith("(")
    return "\n".join(wrap(study.facts.label.get(lang) if numbered else shown, _WIDTH_OF_TITLE))


def _draw_study(axes: Any, table: pd.DataFrame, base: int | None, lang: str) -> None:
    x = table["horizon"]
    axes.vlines(x, table["band_low"], table["band_high"], color=BLUE, linewidth=0.7)
    axes.vlines(x, table["conf_low"], table["conf_high"], color=BLUE, linewidth=2.2)
    axes.plot(x, table["estimate"], linestyle="none", marker="o", markersize=4, color=BLUE, zorder=3)
    if base is not None:
        hollow = {"marker": "o", "markersize": 4, "markeredgecolor": BLUE, "markerfacecolor": "white"}
        axes.plot([base], [0.0], linestyle="none", zorder=3, **hollow)
    axes.axhline(0, color="black", linewidth=0.8, zorder=1)
    axes.axvspan(min(x.min(), -1) - 0.5, -0.5, color=_SHADE, zorder=0, linewidth=0)
    axes.margins(x=0.02)
    set_round_ticks(axes.xaxis, lang, 6, whole=True)
    set_round_ticks(axes.yaxis, lang)


def _axis(percent: bool, lang: str) -> str:
    if percent:
        return Bilingual("Effekt, prosent", "Effect, per cent").get(lang)
    return Bilingual("Effekt, i utfallets enhet", "Effect, in the outcome's unit").get(lang)


def _reading(level: float, lang: str) -> str:
    words = interval_words(level).get(lang)
    return Bilingual(
        f"Tykk: {words} for hver periode; tynn: for alle samtidig. Grått: før behandling",
        f"Thick: {words} of each period; thin: of all at once. Grey: before treatment",
    ).get(lang)
