"""The look of every figure: palettes that hold in grey and for the colour-blind, and the house style."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BLUE, RED, GREEN, YELLOW, BLACK = "#0A3A75", "#B3361B", "#2FA27B", "#F0B93A", "#000000"
# Of lines and intervals that are no series of the data.
GREY = "#7F7F7F"
# Series without an order. Any two differ by 1.7 in contrast of luminance, so that a grey print and an eye
# without red or green cones tell them apart; the lightest has 1.7 against white paper.
COLOURS = (BLUE, RED, GREEN, YELLOW, BLACK)
# Series with an order, such as age groups, from dark to light: 1.6 from one to the next.
ORDERED = ("#17203F", "#2B4C8C", "#2C7A87", "#55A97C", "#E6BF45")
PALETTES = {"series": COLOURS, "ordered": ORDERED}
# A fill whose edges are drawn over in the series' own colour.
PALE_BLUE = "#C3D2E4"
# Beside the colours: where many lines cross, luminance alone is hard to follow.
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v")
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
    "hatch.linewidth": 0.8,
    "svg.hashsalt": SOFTWARE,
    # Letters as outlines, so that a drawing looks the same on a machine without the font.
    "svg.fonttype": "path",
    # TrueType, so that the words of a PDF can be found and copied.
    "pdf.fonttype": 42,
    # A name with dollar signs is a name.
    "text.parse_math": False,
}


@contextmanager
def drawn_as_shipped() -> Iterator[None]:
    """Draw as matplotlib is shipped, whatever ``matplotlibrc`` or settings the user has; theirs come back.

    Lines and texts take what `STYLE` does not name from the settings in force when they are made.
    """
    if "matplotlib" not in sys.modules and not any(path.is_file() for path in _files_of_the_user()):
        yield  # the import takes time, and not every chapter draws
        return
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        yield


def _files_of_the_user() -> list[Path]:
    """Return where matplotlib looks for settings of the user's (`matplotlib.matplotlib_fname`)."""
    given = os.environ.get("MATPLOTLIBRC", "")
    folder = os.environ.get("MPLCONFIGDIR", "")
    settings = os.environ.get("XDG_CONFIG_HOME") or Path("~", ".config").expanduser()
    places = [
        Path(),
        *(
            [Path(folder)]
            if folder
            else [Path(settings, "matplotlib"), Path("~", ".matplotlib").expanduser()]
        ),
    ]
    named = [Path(given), Path(given, "matplotlibrc")] if given else []
    return [*named, *(place / "matplotlibrc" for place in places)]
