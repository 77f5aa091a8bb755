"""A finished picture: it shows itself in a notebook and is saved as PNG, SVG or PDF, each time the same."""

import base64
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

from kostnadsvekst.errors import OutputError, SpecificationError
from kostnadsvekst.report.look import DOTS_PER_INCH, SOFTWARE, STYLE
from kostnadsvekst.report.output import write_files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
# Pixels of a screen to an inch, by which a notebook shows a picture in the size that it was made for.
_SCREEN = 96
_INDENT = re.compile(r"\n +")
_LONG_NUMBER = re.compile(r"<!--.*?-->|(?:scale|matrix)\([^)]*\)|-?\d+\.\d{3,}", re.DOTALL)


class Picture(bytes):
    """A picture in the house style: the bytes of its PNG, and more.

    It can be written and compared as the bytes that it is. In a notebook it shows itself; `save` writes it.

    Attributes
    ----------
    description : str
        What the picture says of itself, also to who cannot see it.
    layout_faults : tuple of str
        Words that overlap or are cut, and legends that cover data; empty when all can be read.

    Notes
    -----
    Nothing in a file depends on the day, the machine or the order of a dictionary: letters are outlines in an
    SVG, and embedded fonts in a PDF.
    """

    description: str
    layout_faults: tuple[str, ...]
    _figure: "Figure | None"
    _svg: bytes | None

    def __new__(
        cls,
        png: bytes,
        figure: "Figure | None",
        description: str = "",
        layout_faults: tuple[str, ...] = (),
        svg: bytes | None = None,
    ) -> Self:
        """Keep what `kostnadsvekst.report.figures.finish` has drawn."""
        self = super().__new__(cls, png)
        kept = {"description": description, "layout_faults": layout_faults, "_figure": figure, "_svg": svg}
        for name, value in kept.items():
            object.__setattr__(self, name, value)
        return self

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a picture does not change: {name} cannot be set; draw it again")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a picture does not change: {name} cannot be deleted; draw it again")

    def __repr__(self) -> str:
        width, height = self.size
        return f"<Picture {self.description!r}, {width} x {height} pixels>"

    def __str__(self) -> str:
        return repr(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return Picture, (bytes(self), self._figure, self.description, self.layout_faults, self._svg)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int.from_bytes(self[16:20], "big"), int.from_bytes(self[20:24], "big")

    @property
    def png(self) -> bytes:
        """The PNG."""
        return bytes(self)

    @property
    def svg(self) -> bytes:
        """The drawing as SVG."""
        return self._svg if self._svg is not None else render_svg(self._drawn("SVG"), self.description)

    @property
    def pdf(self) -> bytes:
        """The drawing as PDF of one page."""
        return render_pdf(self._drawn("PDF"), self.description)

    def save(self, path: str | Path) -> Path:
        """Write the picture; a failure leaves what was there.

        Parameters
        ----------
        path : path
            Its end says the format: ``.png``, ``.svg`` or ``.pdf``. The folder is made if it does not exist.

        Returns
        -------
        Path

        Raises
        ------
        SpecificationError
            For another end.
        OutputError
            The file cannot be written.
        """
        path = Path(path)
        kind = path.suffix.lower().removeprefix(".")
        if kind not in FORMATS:
            known = ", ".join(f".{name}" for name in FORMATS)
            raise SpecificationError(f"{path.name!r}: a picture is saved as one of {known}; name it so")
        content: bytes = getattr(self, kind)
        try:
            (written,) = write_files(path.parent, {path.name: content})
        except (OSError, ValueError) as error:  # a ValueError: a null in the name
            raise OutputError(
                f"{str(path)!r}: {getattr(error, 'strerror', None) or error}; check that the folder can be "
                "written to and that its disk has room"
            ) from error
        return written

    def to_files(self, path: str) -> dict[str, bytes]:
        """Return the files of a chapter: the picture as PNG, and beside it the drawing as SVG.

        Parameters
        ----------
        path : str
            Without the end.

        Returns
        -------
        dict
            Path -> content; no figure is kept in memory.
        """
        svg = self.svg
        return {
            f"{path}.png": Picture(bytes(self), None, self.description, self.layout_faults, svg),
            f"{path}.svg": svg,
        }

    def _drawn(self, kind: str) -> "Figure":
        if self._figure is None:
            raise OutputError(f"this picture was kept as PNG and SVG only: draw it again for a {kind}")
        return self._figure

    def _repr_png_(self) -> bytes:
        return bytes(self)

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, str], dict[str, Any]]:
        """Show the picture in its own size; sharp on screens of twice the points."""
        width, height = (round(n * _SCREEN / DOTS_PER_INCH) for n in self.size)
        data = {"image/png": base64.b64encode(self).decode("ascii"), "text/plain": repr(self)}
        wanted = {kind: text for kind, text in data.items() if not include or kind in include}
        kept = {kind: text for kind, text in wanted.items() if kind not in (exclude or ())}
        return kept, {"image/png": {"width": width, "height": height, "alt": self.description}}


def render_png(figure: "Figure") -> bytes:
    """Lay a figure out, once and for all formats, and draw it as PNG without a time stamp."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    with mpl.rc_context(STYLE):
        FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": SOFTWARE})
    figure.set_layout_engine("none")
    return buffer.getvalue()


def render_svg(figure: "Figure", title: str) -> bytes:
    """Draw a figure that `render_png` has laid out as SVG: no date, no finer numbers than seen."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.BytesIO()
    about = {"Date": None, "Creator": SOFTWARE, "Title": title}
    with mpl.rc_context(STYLE):
        FigureCanvasSVG(figure).print_svg(buffer, metadata=about)
    return _INDENT.sub("\n", _LONG_NUMBER.sub(_shorten, buffer.getvalue().decode())).encode()


def render_pdf(figure: "Figure", title: str) -> bytes:
    """Draw a figure that `render_png` has laid out as PDF, without a date."""
    import matplotlib as mpl
    from matplotlib.backends.backend_pdf import FigureCanvasPdf

    buffer = io.BytesIO()
    about = {"Creator": SOFTWARE, "Producer": SOFTWARE, "CreationDate": None, "Title": title}
    with mpl.rc_context(STYLE):
        FigureCanvasPdf(figure).print_pdf(buffer, metadata=about)
    return buffer.getvalue()


def _shorten(found: "re.Match[str]") -> str:
    """Round a place to a hundredth of a point; scales and what is only said stay."""
    text = found[0]
    if text[0] not in "-0123456789" or text.startswith("<"):
        return text
    return f"{float(text):.2f}".rstrip("0").rstrip(".")
