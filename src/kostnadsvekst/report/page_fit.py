"""How a table fits on paper: the size of its letters, upright or across, broken over pages, or in parts.

The rule, tried in this order until one step fits:

1. upright, at each size of the paper, largest first; 2. across the page (landscape), likewise; 3. with the
columns divided into two, three, ... parts of their own, each by the same rule.

Numbers are never broken. Headings are, between words, to the width of their column's numbers or of their
longest word. Labels and columns of text must get at least `COMFORTABLE` points where they need as much (if no
step gives that, any that fits will do) and share what is left so that their longest cells have equally many
lines. A table that is higher than the page is broken between rows, its headings repeated.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from kostnadsvekst.report.text_widths import is_broken, text_width, widest_piece, wrap

COMFORTABLE = 95.0
# Height of a line, in sizes of the font; and of what a table has beside lines of text, in points.
LEADING = 1.25
_RULES = 40.0


@dataclass(frozen=True, slots=True)
class Paper:
    """Text area of a page.

    Attributes
    ----------
    width, height : float
        Upright, in points.
    sizes, sizes_across : tuple of float
        Sizes of the font to try, in points.
    gap : float
        Between columns, in points.
    stretch : float
        How much wider than measured the letters may turn out, where the font is not known.
    """

    width: float
    height: float
    sizes: tuple[float, ...] = (9.0, 8.0)
    sizes_across: tuple[float, ...] = (9.0, 8.0, 7.0)
    gap: float = 8.0
    stretch: float = 1.0


@dataclass(frozen=True, slots=True)
class Texts:
    """A table as texts, in one language.

    Attributes
    ----------
    name : str
        Stem of the files.
    lang : {"nb", "en"}
    title : str
    stub : str
        Heading of the labels.
    headings : tuple of tuple of (str, int)
        Lines of headings, each with the number of columns that it stands over.
    rows : tuple of tuple of str
        Label and cells; the label alone where the line heads those below.
    indents : tuple of int
        Of the labels, in sizes of the font.
    rules : tuple of bool
        Whether a line stands above each row.
    left : tuple of bool
        Whether each column beside the labels is set from the left.
    notes : tuple of str
    """

    name: str
    lang: str
    title: str
    stub: str
    headings: tuple[tuple[tuple[str, int], ...], ...]
    rows: tuple[tuple[str, ...], ...]
    indents: tuple[int, ...]
    rules: tuple[bool, ...]
    left: tuple[bool, ...]
    notes: tuple[str, ...] = ()

    @property
    def n_columns(self) -> int:
        """Number of columns beside the labels."""
        return sum(span for _, span in self.headings[0])

    def part(self, start: int, stop: int) -> "Texts":
        """Return the labels with some of the columns; headings are cut with them."""
        rows = tuple((row[0], *row[1:][start:stop]) for row in self.rows)
        headings = tuple(tuple(_cut_line(line, start, stop)) for line in self.headings)
        return replace(self, headings=headings, rows=rows, left=self.left[start:stop])


@dataclass(frozen=True, slots=True)
class Fit:
    """How a table, or a part of it, is set.

    Attributes
    ----------
    start, stop : int
        Columns beside the labels that are shown.
    size : float
        Of the font, in points.
    across : bool
        Whether the page is turned.
    widths : tuple of float
        Of the labels and of each column, in points.
    wrapped : tuple of bool
        Whether a text of that column is broken into lines.
    over_pages : bool
        Whether the table is higher than a page.
    """

    start: int
    stop: int
    size: float
    across: bool
    widths: tuple[float, ...]
    wrapped: tuple[bool, ...]
    over_pages: bool

    def total(self, gap: float) -> float:
        """Width of the table, in points."""
        return sum(self.widths) + gap * (len(self.widths) - 1)


def fit_table(texts: Texts, paper: Paper) -> tuple[Fit, ...]:
    """Find how a table fits on paper.

    Parameters
    ----------
    texts : Texts
    paper : Paper

    Returns
    -------
    tuple of Fit
        One, or one for each part of the columns. A table with a single number wider than the page is given
        the largest page and does not fit.
    """
    for edges in _divisions(texts):
        parts = [texts.part(start, stop) for start, stop in pairwise(edges)]
        found = [_fit_one(part, paper, start) for part, start in zip(parts, edges, strict=False)]
        if all(fit is not None for fit in found):
            return tuple(fit for fit in found if fit is not None)
    return tuple(_forced(texts.part(j, j + 1), paper, j) for j in range(texts.n_columns))


def _divisions(texts: Texts) -> Iterator[list[int]]:
    """Edges of the parts: all columns together, then ever more parts, cut between groups where there are."""
    n = texts.n_columns
    ends = [0]
    for _, span in texts.headings[0]:
        ends.append(ends[-1] + span)
    for cuts in (ends, list(range(n + 1))):
        for count in range(1, len(cuts)):
            yield sorted({cuts[round(k * (len(cuts) - 1) / count)] for k in range(count + 1)})


def _fit_one(texts: Texts, paper: Paper, start: int) -> Fit | None:
    options = [(False, size) for size in paper.sizes] + [(True, size) for size in paper.sizes_across]
    for least in (COMFORTABLE, 0.0):
        for across, size in options:
            width = paper.height if across else paper.width
            room = width - paper.gap * texts.n_columns
            widths = _column_widths(texts, room, size * paper.stretch, least)
            if widths is not None:
                return _fitted(texts, paper, start, size, across, widths)
    return None


def _forced(texts: Texts, paper: Paper, start: int) -> Fit:
    size = paper.sizes_across[-1]
    widths = [need for need, _ in _needs(texts, size * paper.stretch)]
    return _fitted(texts, paper, start, size, True, widths)


def _fitted(
    texts: Texts, paper: Paper, start: int, size: float, across: bool, widths: Sequence[float]
) -> Fit:
    measured = size * paper.stretch
    wrapped = tuple(
        any(text_width(text, measured) + extra > width + 1e-6 for text, extra in cells)
        for cells, width in zip(_columns(texts, measured), widths, strict=True)
    )
    page = paper.width if across else paper.height
    line = paper.height if across else paper.width
    high = _height(texts, measured, widths, line) > page
    return Fit(start, start + texts.n_columns, size, across, tuple(widths), wrapped, high)


def _columns(texts: Texts, size: float) -> list[list[tuple[str, float]]]:
    """Texts of each column with what stands before them, without the headings."""
    full = [(row, indent) for row, indent in zip(texts.rows, texts.indents, strict=True) if len(row) > 1]
    labels = [(row[0], indent * size) for row, indent in full] or [("", 0.0)]
    cells = [[(row[j], 0.0) for row, _ in full] or [("", 0.0)] for j in range(1, texts.n_columns + 1)]
    return [labels, *cells]


def _needs(texts: Texts, size: float) -> list[tuple[float, float]]:
    """Least and full width of each column, the headings that stand over it alone included."""
    heads = [[texts.stub], *([] for _ in range(texts.n_columns))]
    for line in texts.headings:
        j = 1
        for text, span in line:
            if span == 1:
                heads[j].append(text)
            j += span
    needs = []
    for cells, own in zip(_columns(texts, size), heads, strict=True):
        least = max(widest_piece(text, size) + extra for text, extra in cells)
        full = max(text_width(text, size) + extra for text, extra in cells)
        head = max((widest_piece(text, size) for text in own), default=0.0)
        needs.append((max(least, head), max(full, head)))
    return _under_spans(texts, size, needs)


def _under_spans(texts: Texts, size: float, needs: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Widen the columns below a heading whose longest word is wider than they are together."""
    for line in texts.headings:
        j = 1
        for text, span in line:
            lacking = widest_piece(text, size) - sum(least for least, _ in needs[j : j + span])
            if span > 1 and lacking > 0:
                for k in range(j, j + span):
                    least, full = needs[k]
                    needs[k] = (least + lacking / span, max(full, least + lacking / span))
            j += span
    return needs


def _column_widths(texts: Texts, room: float, size: float, least: float) -> list[float] | None:
    """Widths that fit into the room; None if they do not, or a column of text gets less than it should."""
    needs = _needs(texts, size)
    widths = [need for need, _ in needs]
    full = [full for _, full in needs]
    if sum(widths) > room:
        return None
    widths = _pour(widths, [min(need, COMFORTABLE) for need in full], room - sum(widths))
    if any(width < min(need, least) - 1e-6 for width, need in zip(widths, full, strict=True)):
        return None
    widths = _share(widths, full, room)
    whole = [max(_whole_heading(texts, j, size), width) for j, width in enumerate(widths)]
    return _pour(widths, whole, room - sum(widths))


def _whole_heading(texts: Texts, column: int, size: float) -> float:
    """Width of the headings over one column, unbroken."""
    if not column:
        return text_width(texts.stub, size)
    found, j = 0.0, 1
    for text, span in texts.headings[-1]:
        found = text_width(text, size) if j == column and span == 1 else found
        j += span
    return found


def _share(widths: Sequence[float], full: Sequence[float], room: float) -> list[float]:
    """Widen columns of text up to what they need, so that they have equally many lines."""
    low, high = 1.0, max(1.0, *(need / width for need, width in zip(full, widths, strict=True) if width))

    def given(lines: float) -> list[float]:
        return [max(width, min(need, need / lines)) for width, need in zip(widths, full, strict=True)]

    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if sum(given(middle)) <= room else (middle, high)
    return given(high)


def _pour(widths: Sequence[float], full: Sequence[float], room: float) -> list[float]:
    """Give room to all columns equally until they have what they need."""
    given = list(widths)
    while room > 1e-6:
        thirsty = [j for j, width in enumerate(given) if width < full[j] - 1e-6]
        if not thirsty:
            break
        share = min(room / len(thirsty), *(full[j] - given[j] for j in thirsty))
        for j in thirsty:
            given[j] += share
        room -= share * len(thirsty)
    return given


def _height(texts: Texts, size: float, widths: Sequence[float], line: float) -> float:
    """Height of the table with its caption and notes, in points."""
    lines = sum(
        max(
            len(wrap(text, width - (indent * size if j == 0 else 0), size)) if is_broken(text) else 1
            for j, (text, width) in enumerate(zip(row, widths, strict=False))
        )
        for row, indent in zip(texts.rows, texts.indents, strict=True)
    )
    heads = 2 * len(texts.headings)
    around = sum(len(wrap(text, line, 10.0)) for text in (texts.title, *texts.notes))
    return (lines + heads) * LEADING * size + around * LEADING * 10 + _RULES


def _cut_line(line: Sequence[tuple[str, int]], start: int, stop: int) -> Iterator[tuple[str, int]]:
    place = 0
    for text, span in line:
        inside = min(place + span, stop) - max(place, start)
        if inside > 0:
            yield text, inside
        place += span
