"""Picture of how one number becomes another, step by step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kostnadsvekst.language import Bilingual
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.axis_marks import set_round_ticks
from kostnadsvekst.report.figures import TITLE, finish, new_figure
from kostnadsvekst.report.look import BLUE, YELLOW
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.pictures import Picture

_LEVEL_STYLE: dict[str, Any] = {"color": "#8C8C8C"}
_RISE_STYLE: dict[str, Any] = {"color": YELLOW, "hatch": "///", "edgecolor": "white"}
_FALL_STYLE: dict[str, Any] = {"color": BLUE}
# Black on white, so that it is seen on a dark bar, too.
_INTERVAL: tuple[dict[str, Any], ...] = ({"color": "white", "lw": 3}, {"color": "black", "lw": 1})


@dataclass(frozen=True, slots=True)
class Waterfall:
    """One panel: a first number, steps, and the last number.

    Attributes
    ----------
    title, first, last : Bilingual
        Of the panel, and of its two levels.
    start : float
        The first number; the last one is this and the sum of the steps.
    labels : tuple of Bilingual
    steps, low, high : tuple of float
        Changes from number to number, and their intervals; NaN where there is none.
    """

    title: Bilingual
    first: Bilingual
    last: Bilingual
    start: float
    labels: tuple[Bilingual, ...]
    steps: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def draw_waterfall(
    panels: Sequence[Waterfall], lang: str, *, quantity: Bilingual, provenance: Provenance, decimals: int = 0
) -> Picture:
    """Draw panels below each other.

    Parameters
    ----------
    panels : sequence of Waterfall
    lang : {"nb", "en"}
    quantity : Bilingual
        What is measured, with its unit and the level of the intervals.
    provenance : Provenance
    decimals : int

    Returns
    -------
    Picture
    """
    height = 0.9 + sum(0.55 + 0.3 * (len(panel.steps) + 2) for panel in panels)
    ratios = [len(panel.steps) + 3 for panel in panels]
    figure, axes = new_figure(7.4, height, len(panels), squeeze=False, height_ratios=ratios)
    for ax, panel in zip(axes[:, 0], panels, strict=True):
        _draw_panel(ax, panel, lang, decimals)
    axes[-1, 0].set_xlabel(quantity.get(lang))
    return finish(figure, provenance, lang)


def _draw_panel(ax: Any, panel: Waterfall, lang: str, decimals: int) -> None:
    levels = panel.start + np.concatenate([[0.0], np.cumsum(panel.steps)])
    ax.barh(0, levels[0], **_LEVEL_STYLE)
    ax.barh(len(panel.steps) + 1, levels[-1], **_LEVEL_STYLE)
    for k, step in enumerate(panel.steps):
        ax.barh(k + 1, step, left=levels[k], **(_RISE_STYLE if step > 0 else _FALL_STYLE))
        if np.isfinite(panel.low[k]):
            ends = [levels[k] + panel.low[k], levels[k] + panel.high[k]]
            for look in _INTERVAL:
                ax.plot(ends, [k + 1] * 2, **look)
        ax.plot([levels[k]] * 2, [k - 0.4, k + 1.4], color="#888888", lw=0.6)
    numbers = [levels[0], *panel.steps, levels[-1]]
    outermost = [_outermost(panel, levels, k) for k in range(len(panel.steps))]
    places = [max(levels[0], 0.0), *outermost, max(levels[-1], 0.0)]
    for k, (number, end) in enumerate(zip(numbers, places, strict=True)):
        text = format_number(number, decimals, lang)
        sign = "+" if number > 0 and 0 < k <= len(panel.steps) else ""
        ax.annotate(sign + text, (end, k), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    names = [panel.first, *panel.labels, panel.last]
    ax.set_yticks(range(len(names)), [name.get(lang) for name in names])
    ax.invert_yaxis()
    ax.axvline(0, color="#444444", lw=0.8)
    ax.grid(visible=False, axis="y")
    ax.margins(x=0.12)
    set_round_ticks(ax.xaxis, lang)
    ax.set_title(panel.title.get(lang), **TITLE)


def _outermost(panel: Waterfall, levels: Any, k: int) -> float:
    """Right end of a step with its interval."""
    ends = [levels[k], levels[k + 1], levels[k] + panel.high[k]]
    return float(np.nanmax(ends))
