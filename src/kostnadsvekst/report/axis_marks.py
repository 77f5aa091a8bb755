"""Ticks at round numbers in either language, names beside their lines, legends that leave the data alone."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.ticker import Formatter, MaxNLocator
from scipy.optimize import isotonic_regression

from kostnadsvekst.report.numbers import format_number

ROUND_STEPS = (1, 2, 5, 10)
# More decimals than a tick of a readable axis has.
_MOST_DECIMALS = 8
_POINTS_PER_INCH = 72
# Of a figure's height, what the words above and below leave to a panel.
_PANEL_SHARE = 0.6
# From the end of a line to the left edge of its name, not to the middle of it.
_LEADER: Any = {"arrowstyle": "-", "linewidth": 0.8, "shrinkA": 1, "shrinkB": 1, "relpos": (0.0, 0.5)}


class LineEnd(NamedTuple):
    """Last point of a line and what is written beside it."""

    x: Any
    y: float
    text: str
    colour: str


class RoundNumbers(Formatter):
    """Numbers of an axis, all with the decimals that the finest of them needs.

    Parameters
    ----------
    lang : {"nb", "en"}
    """

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self.decimals = 0

    def set_locs(self, locs: list[float]) -> None:
        """Read how many decimals the places need."""
        super().set_locs(locs)
        places = np.asarray(locs, dtype=float)
        step = np.abs(np.diff(places)).min() if len(places) > 1 else np.abs(places).max(initial=1.0)
        self.decimals = next(
            (
                d
                for d in range(_MOST_DECIMALS)
                if np.allclose(places, places.round(d), rtol=0, atol=1e-3 * step)
            ),
            _MOST_DECIMALS,
        )

    def __call__(self, value: float, pos: int | None = None) -> str:
        """Write the number of one tick."""
        return format_number(value + 0.0, self.decimals, self.lang)


def set_round_ticks(axis: Any, lang: str, most: int = 8, *, whole: bool = False) -> None:
    """Put ticks at 1, 2 or 5 times a power of ten, and write them as the language does.

    Parameters
    ----------
    axis : Axis
    lang : {"nb", "en"}
    most : int
        Number of spaces between ticks.
    whole : bool
        Whether fractions make no sense, as of persons.
    """
    axis.set_major_locator(MaxNLocator(nbins=most, steps=ROUND_STEPS, integer=whole))
    axis.set_major_formatter(RoundNumbers(lang))


def label_line_ends(axes: Any, ends: Sequence[LineEnd], fontsize: float = 7.5, panels: int = 1) -> None:
    """Write the name of each line beside its end, moved apart where ends are close.

    Parameters
    ----------
    axes : Axes
        With its final limits.
    ends : sequence of LineEnd
    fontsize : float
    panels : int
        Rows of panels in the figure, from which the height of a letter follows.
    """
    if not ends:
        return
    low, high = axes.get_ylim()
    inches = _PANEL_SHARE * axes.figure.get_figheight() / panels
    line = 1.3 * fontsize / _POINTS_PER_INCH / inches * (high - low)
    heights = np.array([line * (end.text.count("\n") + 1) for end in ends])
    places = move_apart(np.array([end.y for end in ends]), heights, (low, high))
    for end, place in zip(ends, places, strict=True):
        axes.annotate(
            end.text,
            (end.x, end.y),
            xytext=(1.03, (place - low) / (high - low)),
            textcoords="axes fraction",
            va="center",
            fontsize=fontsize,
            annotation_clip=False,
            arrowprops={"color": end.colour, **_LEADER},
        )


def move_apart(
    wanted: np.ndarray, heights: np.ndarray, limits: tuple[float, float] = (-np.inf, np.inf)
) -> np.ndarray:
    """Places as near to the wanted ones as their heights allow.

    Parameters
    ----------
    wanted : (m,) array
    heights : (m,) array
        Of what stands there, in the same unit.
    limits : tuple of float
        Between which everything stands; where there is no room for all it begins at the lower one.

    Returns
    -------
    (m,) array
        Neighbours are half of both heights apart or more; the sum of squared moves is the least possible
        (isotonic regression of the places less the heights below them, cut at the limits).
    """
    order = np.argsort(wanted, kind="stable")
    tall = heights[order]
    below = np.concatenate([[0.0], np.cumsum((tall[1:] + tall[:-1]) / 2)])
    least, most = limits[0] + tall[0] / 2, limits[1] - tall[-1] / 2 - below[-1]
    rest = isotonic_regression(wanted[order] - below).x
    placed = np.empty(len(wanted))
    placed[order] = np.maximum(np.minimum(rest, most), least) + below
    return placed


def legend_above(axes: Any, columns: int, fontsize: float = 7.5, **options: Any) -> Any:
    """Put the legend between the title of the figure and the panel, where there are no data.

    Parameters
    ----------
    axes : Axes
        Without a title of its own: the figure has it.
    columns : int
    fontsize : float
    **options
        Passed to ``Axes.legend``.
    """
    place = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.3, "borderpad": 0.2}
    return axes.legend(ncols=columns, fontsize=fontsize, frameon=False, **place, **options)
