"""Figures of the house: where they start, how they are finished into pictures."""

import re
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from kostnadsvekst.language import SYNTHETIC_LABEL
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.layout_faults import find_layout_faults
from kostnadsvekst.report.look import (
    COLOURS,
    DASHES,
    DOTS_PER_INCH,
    FIGURE_TITLE,
    MARKERS,
    ORDERED,
    SOFTWARE,
    STYLE,
    TITLE,
)
from kostnadsvekst.report.pictures import Picture
from kostnadsvekst.report.pictures import render_png as draw_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

__all__ = [
    "COLOURS",
    "DASHES",
    "DOTS_PER_INCH",
    "FIGURE_TITLE",
    "MARKERS",
    "ORDERED",
    "SOFTWARE",
    "STYLE",
    "TITLE",
    "finish",
    "new_figure",
    "render_png",
]

# Inches between a panel, its words and the edge of the figure.
_MARGIN = 0.06
# Control characters but the end of a line, signs that turn the reading direction, halves of characters.
_UNSEEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+"
)
# Of the line below a figure, in bold of 7.5 points.
_LETTERS_AN_INCH = 14


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
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with mpl.rc_context({**STYLE, "axes.prop_cycle": cycler(color=COLOURS)}):
        layout = ConstrainedLayoutEngine(w_pad=_MARGIN, h_pad=_MARGIN)
        figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout=layout)
        return figure, figure.subplots(rows, columns, **options)


def finish(figure: "Figure", provenance: Provenance, lang: str, source: str = "") -> Picture:
    """Finish a figure: its origin printed below it, laid out, drawn, and looked over.

    Parameters
    ----------
    figure : Figure
        From `new_figure`; not to be changed afterwards.
    provenance : Provenance
        Synthetic data are labelled so, in red, on the picture itself.
    lang : {"nb", "en"}
    source : str
        What to print below a figure of real data instead.

    Returns
    -------
    Picture
        With the words that cannot be read, if any, in ``layout_faults``.
    """
    label = SYNTHETIC_LABEL.get(lang) if provenance.synthetic else source
    if label:
        colour = "#B00020" if provenance.synthetic else "#555555"
        lines = wrap(label, int(_LETTERS_AN_INCH * figure.get_figwidth()))
        figure.supxlabel("\n".join(lines), fontsize=7.5, color=colour, x=0.01, ha="left", weight="bold")
    for text in _texts_of(figure):  # those that were made outside the house style
        text.set_parse_math(False)
    _make_printable(figure)
    png = draw_png(figure)
    return Picture(png, figure, _description_of(figure, label), find_layout_faults(figure, _texts_of(figure)))


def _make_printable(figure: "Figure") -> None:
    """Turn what no letter is drawn for into blanks: such signs end an SVG or stop the drawing."""
    unseen = [text for text in _texts_of(figure) if _UNSEEN.search(text.get_text())]
    for text in unseen:
        text.set_text(_UNSEEN.sub(" ", text.get_text()))
    for axes in figure.axes if unseen else ():
        for axis in (axes.xaxis, axes.yaxis):  # whose ticks are written anew when they are drawn
            words = [label.get_text() for label in axis.get_ticklabels()]
            if any(_UNSEEN.search(word) for word in words):
                axis.set_ticklabels([_UNSEEN.sub(" ", word) for word in words])


def _texts_of(figure: "Figure") -> list["Text"]:
    from matplotlib.text import Text

    return [text for text in figure.findobj(Text) if isinstance(text, Text)]


def render_png(figure: "Figure", provenance: Provenance, lang: str, source: str = "") -> bytes:
    """Finish a figure as `finish` does, and keep the PNG alone.

    Parameters
    ----------
    figure : Figure
        From `new_figure`.
    provenance : Provenance
    lang : {"nb", "en"}
    source : str

    Returns
    -------
    bytes
        A PNG without time stamp.
    """
    return bytes(finish(figure, provenance, lang, source))


def _description_of(figure: "Figure", label: str) -> str:
    """Title of the figure or of its panels, and the origin of the data: what is told to who cannot see it."""
    own = figure.get_suptitle()
    panels = [axes.get_title(loc="left") for axes in figure.axes]
    titles = [own] if own else [title for title in panels if title]
    return " ".join("; ".join(titles + [label] * bool(label)).split())
