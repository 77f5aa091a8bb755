"""What stands on the council's page, as values: tables, figures, what leads from one to the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from kostnadsvekst.language import Bilingual

# A text, a number, or nothing.
Cell = Bilingual | float | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name : str
        By which figures and the script find it.
    label : Bilingual
        With its unit.
    decimals : int or None
        Of numbers; None for texts and for years, which stand without a thousands separator.
    """

    name: str
    label: Bilingual
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table.

    Attributes
    ----------
    key : str
        Unique on the page: letters, digits, hyphens.
    title : Bilingual
    columns : tuple of Column
    rows : tuple of tuple of Cell
        As many cells as columns.
    notes : tuple of Bilingual
    """

    key: str
    title: Bilingual
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[Bilingual, ...] = ()

    def has(self, *names: str) -> bool:
        """Whether it has columns of these names."""
        return {column.name for column in self.columns} >= set(names)

    def position(self, name: str) -> int:
        """Place of a column, from 0."""
        return next(i for i, column in enumerate(self.columns) if column.name == name)

    def cell(self, row: int, name: str) -> Cell:
        """Cell of a row."""
        return self.rows[row][self.position(name)]

    def keeping(self, names: Sequence[str], rows: Sequence[int] | None = None) -> "PageTable":
        """Take some of its columns and rows."""
        places = [self.position(name) for name in names]
        kept = range(len(self.rows)) if rows is None else rows
        columns = tuple(self.columns[k] for k in places)
        cells = tuple(tuple(self.rows[row][k] for k in places) for row in kept)
        return replace(self, columns=columns, rows=cells)

    def number(self, row: int, name: str) -> float | None:
        """Return the number of a cell; None where it holds none, as where it is hidden."""
        value = self.cell(row, name)
        return None if value is None or isinstance(value, tuple) or value != value else float(value)

    def text(self, row: int, name: str) -> Bilingual:
        """Text of a cell; empty where it holds none."""
        value = self.cell(row, name)
        return value if isinstance(value, Bilingual) else Bilingual("", "")


@dataclass(frozen=True, slots=True)
class Drill:
    """Rows of a table that stand behind something: a bar, a row of another table.

    Attributes
    ----------
    title : Bilingual
    table : str
        Key of a `PageTable`.
    rows : tuple of int
    columns : tuple of str
        Those that are shown; empty for all.
    """

    title: Bilingual
    table: str
    rows: tuple[int, ...]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """Something in a figure that has a value: shown where it is pointed at or has the focus.

    Attributes
    ----------
    shape : str
        Markup of the drawing.
    told : Bilingual
        What it is, with its numbers.
    opens : str
        Key of a `Drill`; empty where nothing is behind it.
    """

    shape: str
    told: Bilingual
    opens: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """Text of a figure.

    Attributes
    ----------
    x, y : float
    text : Bilingual
    look : str
        Class of the style sheet: ``"tick"``, ``"axis"``, ``"name"``.
    anchor : {"start", "middle", "end"}
    """

    x: float
    y: float
    text: Bilingual
    look: str = "tick"
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure.

    Attributes
    ----------
    key : str
    title : Bilingual
    size : (float, float)
        Width and height.
    ground : tuple of str
        Markup behind the marks: grid, limits.
    texts : tuple of Text
    marks : tuple of Mark
    about : Bilingual
        How to read it; also for those who do not see it.
    table : str
        Key of the table that holds its numbers; empty where there is none.
    """

    key: str
    title: Bilingual
    size: tuple[float, float]
    ground: tuple[str, ...]
    texts: tuple[Text, ...]
    marks: tuple[Mark, ...]
    about: Bilingual
    table: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """Figures of which one is shown, by what is chosen from a list.

    Attributes
    ----------
    key : str
    label : Bilingual
        Of the list.
    options : tuple of (Bilingual, Drawing)
    """

    key: str
    label: Bilingual
    options: tuple[tuple[Bilingual, Drawing], ...]


@dataclass(frozen=True, slots=True)
class LadderTrial:
    """What moves between the steps of a ladder change, computed in the page.

    Attributes
    ----------
    key : str
    title : Bilingual
        Whose ladder it is.
    steps : tuple of mapping
        ``step``, ``name``, ``recipients``, ``price_kr``, ``total_mnok``; None where there is none.
    moves : tuple of (float, int, int)
        Those of the book: number, from, to.
    figure : str
        Key of the drawing of its steps: costs after the moves are marked there.
    """

    key: str
    title: Bilingual
    steps: tuple[Mapping[str, object], ...]
    moves: tuple[tuple[float, int, int], ...]
    figure: str = ""


@dataclass(frozen=True, slots=True)
class CalculatorTrial:
    """What packages cost and what else their sums buy, computed in the page.

    Attributes
    ----------
    key : str
    title : Bilingual
    prices : tuple of mapping
        ``service``, ``time``, ``unit``, ``provision``, ``price_kr`` as given.
    lines : tuple of mapping
        ``alternative``, ``price`` (place of its price), ``quantity``.
    weeks, factor : (float, float, float)
        Value, least and most.
    units : mapping of str to Bilingual
        Unit of a price -> what a quantity of it is.
    """

    key: str
    title: Bilingual
    prices: tuple[Mapping[str, object], ...]
    lines: tuple[Mapping[str, object], ...]
    weeks: tuple[float, float, float]
    factor: tuple[float, float, float]
    units: Mapping[str, Bilingual]


Part = PageTable | Drawing | Choice | LadderTrial | CalculatorTrial | Bilingual


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with a heading.

    Attributes
    ----------
    key : str
    heading : Bilingual
    parts : tuple of Part
        In their order; a text is a paragraph.
    short : tuple of Part
        Those of the short report on paper: texts, tables with few columns, drawings.
    """

    key: str
    heading: Bilingual
    parts: tuple[Part, ...]
    short: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class CouncilPage:
    """Everything on the page.

    Attributes
    ----------
    title : Bilingual
    banners : tuple of Bilingual
        What the reader must know first, in every part: not for publication, made up, small numbers hidden.
    basis : Bilingual
        Name of the book read, or that it is made up.
    answer : tuple of Bilingual
        Sentences at the top.
    sections : tuple of Section
    behind : tuple of PageTable
        Tables that are shown on demand only.
    drills : mapping of str to Drill
    rows_behind : mapping of (str, int) to tuple of Drill
        Table and row -> what stands behind it.
    version : str
        Of the package.
    """

    title: Bilingual
    banners: tuple[Bilingual, ...]
    basis: Bilingual
    answer: tuple[Bilingual, ...]
    sections: tuple[Section, ...]
    behind: tuple[PageTable, ...] = ()
    drills: Mapping[str, Drill] = field(default_factory=dict)
    rows_behind: Mapping[tuple[str, int], tuple[Drill, ...]] = field(default_factory=dict)
    version: str = ""

    @property
    def tables(self) -> Sequence[PageTable]:
        """All tables, those shown on demand last."""
        shown = [part for section in self.sections for part in section.parts if isinstance(part, PageTable)]
        return (*shown, *self.behind)
