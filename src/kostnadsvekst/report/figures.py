"""Common look of the figures, and their rendering to bytes that do not change from run to run."""

import io
from typing import TYPE_CHECKING, Any

from kostnadsvekst.language import SYNTHETIC_LABEL
from kostnadsvekst.provenance import Provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's palette, readable by the colour-blind.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7F7F7F", "#F0E442")
# Beside the colours, which grey print does not tell apart.
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D")
DOTS_PER_INCH = 150
# Written into every figure: says whose it is, and is the same in every version.
SOFTWARE = "kostnadsvekst"
# Keywords of a panel's title, and of the title of a figure with several panels.
TITLE: Any = {"loc": "left", "weight": "bold", "fontsize": 10}
FIGURE_TITLE: Any = {"x": 0.01, "ha": "left", "weight": "bold", "fontsize": 10}
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "svg.hashsalt": "kostnadsvekst",
    # A name with dollar signs is a name.
    "text.parse_math": False,
}


def new_figure(
    width: float = 7.0, height: float = 4.2, rows: int = 1, columns: int = 1, **options: Any
) -> Any:
    """Start a figure in the house style.

    Parameters
    ----------
    width, height : float
        Inches.
    rows, columns : int
        Number of panels.
    **options
        Passed to ``Figure.subplots``, such as ``sharex``.

    Returns
    -------
    figure : Figure
    axes : Axes or array of Axes
        As from ``Figure.subplots``.
    """
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib.figure import Figure

    with mpl.rc_context({**STYLE, "axes.prop_cycle": cycler(color=COLOURS)}):
        figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
        return figure, figure.subplots(rows, columns, **options)


def render_png(figure: "Figure", provenance: Provenance, lang: str, source: str = "") -> bytes:
    """Render a figure with its origin printed below it.

    Parameters
    ----------
    figure : Figure
        From `new_figure`.
    provenance : Provenance
        Synthetic data are labelled so, in red, on the picture itself.
    lang : {"nb", "en"}
    source : str
        What to print below a figure of real data instead.

    Returns
    -------
    bytes
        A PNG without time stamp.
    """
    import matplotlib as mpl
    from matplotlib.text import Text

    label = SYNTHETIC_LABEL.get(lang) if provenance.synthetic else source
    if label:
        colour = "#B00020" if provenance.synthetic else "#555555"
        figure.supxlabel(label, fontsize=7.5, color=colour, x=0.01, ha="left", weight="bold")
    for text in figure.findobj(Text):
        if isinstance(text, Text):  # those that were made outside the house style
            text.set_parse_math(False)
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": SOFTWARE})
    return buffer.getvalue()
