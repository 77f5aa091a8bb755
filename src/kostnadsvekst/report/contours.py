"""Picture of what something left out would do to a coefficient."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.confounding import Sensitivity
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.figures import COLOURS, TITLE, new_figure, render_png
from kostnadsvekst.report.numbers import format_number

_POINTS = 200


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
) -> bytes:
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
    bytes
        PNG. The line of zero is thick: beyond it the coefficient has changed its sign.
    """
    figure, axes = new_figure(7.4, 4.8)
    shown = known.benchmarks
    right = 1.15 * max(shown["r2_treatment"].max(), known.robustness_value)
    top = 1.15 * max(shown["r2_outcome"].max(), known.robustness_value)
    x, y = np.meshgrid(np.linspace(0, min(right, 0.99), _POINTS), np.linspace(0, min(top, 0.99), _POINTS))
    left, _ = known.adjusted(x, y)
    lines = axes.contour(100 * x, 100 * y, left, levels=8, colors="#777777", linewidths=0.8)
    axes.clabel(lines, fmt=lambda value: format_number(value, decimals, lang), fontsize=7)
    axes.contour(100 * x, 100 * y, left, levels=[0.0], colors="black", linewidths=2)
    for k, (name, part) in enumerate(shown.groupby("benchmark", sort=False)):
        _draw_benchmark(axes, part, COLOURS[k], labels[str(name)].get(lang), k)
    axes.set_xlabel(treatment.get(lang))
    axes.set_ylabel(outcome.get(lang))
    axes.set_title(title.get(lang), **TITLE)
    axes.legend(loc="upper right", fontsize=8, frameon=True)
    return render_png(figure, provenance, lang)


def _draw_benchmark(axes: Any, part: Any, colour: str, label: str, number: int) -> None:
    marker = "os^Dv"[number % 5]
    axes.plot(
        100 * part["r2_treatment"], 100 * part["r2_outcome"], marker, color=colour, label=label, markersize=5
    )
    for row in part.itertuples():
        axes.annotate(
            f"{row.multiple:g}×",
            (100 * row.r2_treatment, 100 * row.r2_outcome),
            xytext=(5, 3),
            textcoords="offset points",
            fontsize=7,
            color=colour,
        )
