"""Picture of what something left out would do to a coefficient."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.confounding import Sensitivity
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.axis_marks import legend_above, set_round_ticks
from kostnadsvekst.report.figures import COLOURS, FIGURE_TITLE, MARKERS, finish, new_figure
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.pictures import Picture

_POINTS = 200
# Directions in which a place for the number of a line is looked for, and how near the edge it may be.
_RAYS, _EDGE = 11, 16
# The number of a line stands on it, on white.
_ON_LINE: Any = {"ha": "center", "va": "center", "bbox": {"pad": 1.0, "color": "white"}}


def draw_contours(
    known: Sensitivity,
    lang: str,
    *,
    title: Bilingual,
    labels: Mapping[str, Bilingual],
    treatment: Bilingual,
    outcome: Bilingual,
    provenance: Provenance,
    decimals: int = 3,
) -> Picture:
    """Draw lines of equal coefficients over how strong something left out is, with benchmarks.

    Parameters
    ----------
    known : Sensitivity
        From `kostnadsvekst.sensitivity`.
    lang : {"nb", "en"}
    title : Bilingual
    labels : mapping of str to Bilingual
        Of the benchmarks.
    treatment, outcome : Bilingual
        What the axes are shares of.
    provenance : Provenance
    decimals : int
        Of the coefficients.

    Returns
    -------
    Picture
        The line of zero is thick: beyond it the coefficient has changed its sign.
    """
    figure, axes = new_figure(7.4, 5.0)
    shown = known.benchmarks
    ends = [
        min(100 * 1.15 * max(shown[column].max(), known.robustness_value), 99.0)
        for column in ("r2_treatment", "r2_outcome")
    ]
    _draw_lines(axes, known, ends, lambda value: format_number(value, decimals, lang))
    for k, (name, part) in enumerate(shown.groupby("benchmark", sort=False)):
        _draw_benchmark(axes, part, labels[str(name)].get(lang), k)
    axes.set_xlabel(treatment.get(lang))
    axes.set_ylabel(outcome.get(lang))
    set_round_ticks(axes.xaxis, lang)
    set_round_ticks(axes.yaxis, lang)
    figure.suptitle(title.get(lang), **FIGURE_TITLE)
    legend_above(axes, len(shown["benchmark"].unique()), 8)
    return finish(figure, provenance, lang)


def _draw_lines(axes: Any, known: Sensitivity, ends: Sequence[float], text: Callable[[float], str]) -> None:
    """Lines of equal coefficients, each named where it is farthest from the benchmarks."""
    x, y = np.meshgrid(*(np.linspace(0, end, _POINTS) for end in ends))
    left, _ = known.adjusted(x / 100, y / 100)
    lines = axes.contour(x, y, left, levels=8, colors="#777777", linewidths=0.8)
    axes.contour(x, y, left, levels=[0.0], colors="black", linewidths=2)
    marks = 100 * known.benchmarks[["r2_treatment", "r2_outcome"]].to_numpy() / ends
    for level in lines.levels:
        place = _clear_place(known, level, marks, np.asarray(ends))
        if place is not None:
            weight = "bold" if level == 0 else "normal"
            axes.text(*place, text(level + 0.0), fontsize=7, weight=weight, **_ON_LINE)


def _clear_place(known: Sensitivity, level: float, marks: Any, ends: Any) -> Any:
    """Where a line crosses one of the rays from the origin, as far from all marks as it can be."""
    best, farthest = None, 0.0
    along = np.linspace(0.0, 1.0, _POINTS)
    for angle in np.radians(np.linspace(20, 70, _RAYS)):
        ray = along[:, None] * np.array([np.cos(angle), np.sin(angle)]) / max(np.cos(angle), np.sin(angle))
        left, _ = known.adjusted(*(ray * ends / 100).T)
        at = int(np.abs(left - level).argmin())
        inside = _EDGE < at < _POINTS - _EDGE
        clear = float(np.linalg.norm(marks - ray[at], axis=1).min(initial=1.0))
        if inside and clear > farthest:
            best, farthest = ray[at] * ends, clear
    return best


def _draw_benchmark(axes: Any, part: Any, label: str, number: int) -> None:
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    axes.plot(
        100 * part["r2_treatment"],
        100 * part["r2_outcome"],
        marker,
        color=colour,
        label=label,
        markersize=6,
        zorder=5,
    )
    for row in part.itertuples():
        axes.annotate(
            f"{row.multiple:g}×",
            (100 * row.r2_treatment, 100 * row.r2_outcome),
            xytext=(5, 3),
            textcoords="offset points",
            fontsize=7,
        )
