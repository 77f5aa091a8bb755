"""Workbooks that compute: live formulas with their values stored, named assumptions, links, charts.

A sheet knows where each of its cells lies before anything is written, so a formula of one sheet can name the
cells of another. Texts are never taken for formulas or links, whatever they begin with.
"""

import datetime
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.sources.municipal_grids import column_letters

# What Excel 2010 and LibreOffice 7.4 both know, and the workbooks use.
FUNCTIONS = frozenset(
    {
        "ABS",
        "AND",
        "AVERAGE",
        "COUNT",
        "EXP",
        "IF",
        "INDEX",
        "INT",
        "INTERCEPT",
        "ISNUMBER",
        "LN",
        "MATCH",
        "MAX",
        "MIN",
    }
    | {"NOT", "OR", "ROUND", "RSQ", "SLOPE", "SUM", "SUMPRODUCT"}
)
MADE = datetime.datetime(2000, 1, 1)
_CALLED = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)\(")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_SHEET_NAME = re.compile(r"[^\[\]:*?/\\']{1,31}")
_DEFINED_NAME = re.compile(r"[a-z][a-z0-9_]*_[a-z_]*[a-z]|[a-z]{4,}")
_ROWS_OF_A_PAGE = 40
_CHARACTERS_OF_A_CELL = 32_000
INK, GREY, RED = "#1A1A1A", "#555555", "#B00020"
INPUT_FILL, RESULT_FILL, HEAD_FILL = "#FFF7DB", "#EAF3EA", "#E8ECF1"
# Looks of numbers, by what a column holds.
FORMATS: Mapping[str, str] = {
    "text": "@",
    "kr": "#,##0.00",
    "whole": "#,##0",
    "year": "0",
    "number": "#,##0.00",
    "percent": "0.0",
    "factor": "0.0000",
    "general": "General",
}
_ALIGN = {"year": "center"}
# Height of a line of text, points; and lines of a row at most.
_LINE, _MOST_LINES = 13.5, 12


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula and its value.

    Attributes
    ----------
    text : str
        As Excel in English has it, with the equals sign.
    value : float, int or str
        What it comes to; stored, so that programs that do not compute show it.
    """

    text: str
    value: float | int | str

    def __post_init__(self) -> None:
        """Refuse functions that older programs lack."""
        if not self.text.startswith("="):
            raise SpecificationError(f"a formula begins with '=': {self.text!r}")
        unknown = functions_of(self.text) - FUNCTIONS
        if unknown:
            raise SpecificationError(f"functions that Excel 2010 or LibreOffice 7.4 lack: {sorted(unknown)}")


@dataclass(frozen=True, slots=True)
class Link:
    """A text that leads to a cell of the book.

    Attributes
    ----------
    text : str
    cell : str
        As `Sheet.cell` gives it.
    """

    text: str
    cell: str


Value = str | int | float | Formula | Link | None


@dataclass(frozen=True, slots=True)
class SheetColumn:
    """A column of a sheet.

    Attributes
    ----------
    name : str
        By which formulas find it.
    label, unit : str
    look : str
        Key of `FORMATS`.
    role : {"text", "input", "result"}
        Inputs and results have colours of their own.
    width : float
    """

    name: str
    label: str
    unit: str = ""
    look: str = "text"
    role: str = "text"
    width: float = 16.0


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of columns of a sheet, beside its table.

    Attributes
    ----------
    title : str
    categories : tuple of str
        First and last column of the names, which lie beside each other.
    values : str
        Column.
    kind : {"column", "bar"}
    axis : str
        What the values are, with unit.
    """

    title: str
    categories: tuple[str, str]
    values: str
    kind: str = "column"
    axis: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet: title, notes, names of columns, units, rows.

    Attributes
    ----------
    name : str
    title : str
    columns : tuple of SheetColumn
    rows : tuple of tuple
        A value for each column.
    notes : tuple of str
        Above the table.
    charts : tuple of Chart
    marks : tuple of (str, str, str)
        Column, text and colour: cells of the column that hold the text are coloured.
    header, first : int
        Row of the names and row of the first data, from 0.
    """

    name: str
    title: str
    columns: tuple[SheetColumn, ...]
    rows: tuple[tuple[Value, ...], ...]
    notes: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    marks: tuple[tuple[str, str, str], ...] = ()

    header: int = field(init=False)
    first: int = field(init=False)

    def __post_init__(self) -> None:
        """Find where the table lies: below title, banner, notes and a blank line; units above the data."""
        object.__setattr__(self, "header", 3 + len(self.notes))
        units = any(column.unit for column in self.columns)
        object.__setattr__(self, "first", self.header + (2 if units else 1))

    @property
    def last(self) -> int:
        """Row of the last data, from 0."""
        return self.first + max(len(self.rows), 1) - 1

    def position(self, name: str) -> int:
        """Place of a column, from 0."""
        return next(i for i, column in enumerate(self.columns) if column.name == name)

    def cell(self, name: str, row: int) -> str:
        """Address of a cell of the table, row from 0, for a formula on any sheet."""
        return f"{_quoted(self.name)}!${column_letters(self.position(name))}${self.first + row + 1}"

    def span(self, name: str, rows: tuple[int, int] | None = None) -> str:
        """Address of a column of the table, or of its rows from one to another."""
        letters = column_letters(self.position(name))
        first, last = (0, max(len(self.rows), 1) - 1) if rows is None else rows
        return f"{_quoted(self.name)}!${letters}${self.first + first + 1}:${letters}${self.first + last + 1}"

    def block(self, first: str, last: str) -> str:
        """Address of the columns of the table from one to another."""
        left, right = (column_letters(self.position(name)) for name in (first, last))
        return f"{_quoted(self.name)}!${left}${self.first + 1}:${right}${self.last + 1}"


@dataclass(frozen=True, slots=True)
class Workbook:
    """A workbook.

    Attributes
    ----------
    title : str
    sheets : tuple of Sheet
    banners : tuple of str
        On every sheet: that it is not for publication, that numbers are made up.
    names : mapping of str to str
        Defined name -> address of its cell.
    """

    title: str
    sheets: tuple[Sheet, ...]
    banners: tuple[str, ...] = ()
    names: Mapping[str, str] | None = None


def functions_of(formula: str) -> set[str]:
    """Functions that a formula calls.

    Parameters
    ----------
    formula : str
    """
    return {name.upper() for name in _CALLED.findall(_QUOTED.sub("", formula))}


def _quoted(sheet: str) -> str:
    return f"'{sheet}'"


def render_workbook(book: Workbook) -> bytes:
    """Write a workbook.

    Parameters
    ----------
    book : Workbook

    Returns
    -------
    bytes
        The same for the same workbook.

    Raises
    ------
    SpecificationError
        A name of a sheet or cell that Excel does not take, or a row with another number of cells than the
        sheet has columns.
    """
    import xlsxwriter

    _check(book)
    buffer = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    written = xlsxwriter.Workbook(buffer, options | {"strings_to_numbers": False, "nan_inf_to_errors": False})
    written.set_properties({"title": book.title, "author": "kostnadsvekst", "created": MADE})
    looks = _Looks(written)
    sheets = [(sheet, written.add_worksheet(sheet.name)) for sheet in book.sheets]
    for name, address in (book.names or {}).items():
        written.define_name(name, f"={address}")
    for sheet, page in sheets:
        _write_sheet(page, sheet, book.banners, looks)
        for number, chart in enumerate(sheet.charts):
            _add_chart(written, page, sheet, chart, number)
    written.close()
    return buffer.getvalue()


def _check(book: Workbook) -> None:
    faults = [f"sheet {s.name!r}" for s in book.sheets if not _SHEET_NAME.fullmatch(s.name)]
    lower = [s.name.casefold() for s in book.sheets]
    faults += [f"sheet {name!r} twice" for name in set(lower) if lower.count(name) > 1]
    faults += [f"name {name!r}" for name in book.names or {} if not _DEFINED_NAME.fullmatch(name)]
    faults += [
        f"sheet {s.name!r}, row {number}: {len(row)} cells for {len(s.columns)} columns"
        for s in book.sheets
        for number, row in enumerate(s.rows)
        if len(row) != len(s.columns)
    ]
    if faults:
        raise SpecificationError(f"the workbook cannot be written: {'; '.join(faults)}")


class _Looks:
    """Formats of a workbook, each made once."""

    def __init__(self, written: Any) -> None:
        self._written = written
        self._made: dict[tuple[tuple[str, Any], ...], Any] = {}

    def get(self, **wanted: Any) -> Any:
        """Format with these properties."""
        key = tuple(sorted(wanted.items()))
        if key not in self._made:
            base = {"font_name": "Calibri", "font_size": 10, "font_color": INK, "valign": "top"}
            self._made[key] = self._written.add_format(base | wanted)
        return self._made[key]

    def of(self, column: SheetColumn, value: Value) -> Any:
        """Format of a cell of a table."""
        if isinstance(value, Link):
            return self.get(font_color="#0563C1", underline=1, text_wrap=True)
        fill = {"input": INPUT_FILL, "result": RESULT_FILL}.get(column.role)
        wanted: dict[str, Any] = {"num_format": FORMATS[column.look], "bottom": 4, "bottom_color": "#CCCCCC"}
        wanted |= {"bg_color": fill} if fill else {}
        wanted |= (
            {"text_wrap": True, "indent": 1}
            if column.look == "text"
            else {"align": _ALIGN.get(column.look, "right")}
        )
        return self.get(**wanted)


def _write_sheet(page: Any, sheet: Sheet, banners: Iterable[str], looks: _Looks) -> None:
    page.hide_gridlines(2)
    page.write_string(0, 0, sheet.title, looks.get(bold=True, font_size=14))
    page.write_string(1, 0, " · ".join(banners), looks.get(bold=True, font_color=RED))
    for number, note in enumerate(sheet.notes):
        page.write_string(2 + number, 0, note, looks.get(font_color=GREY, italic=True))
    for number, column in enumerate(sheet.columns):
        align = {"indent": 1} if column.look == "text" else {"align": _ALIGN.get(column.look, "right")}
        head = {"bold": True, "bg_color": HEAD_FILL, "text_wrap": True, **align}
        page.write_string(sheet.header, number, column.label, looks.get(top=1, **head))
        if sheet.first - sheet.header > 1:
            unit = looks.get(**head | {"bold": False, "bottom": 1})
            page.write_string(sheet.header + 1, number, column.unit, unit)
        page.set_column(number, number, column.width)
    page.set_row(sheet.header, _LINE * _lines([c.label for c in sheet.columns], sheet.columns))
    if sheet.first - sheet.header > 1:
        page.set_row(sheet.header + 1, _LINE * _lines([c.unit for c in sheet.columns], sheet.columns))
    for number, row in enumerate(sheet.rows):
        page.set_row(sheet.first + number, _LINE * _lines(row, sheet.columns))
        for place, (column, value) in enumerate(zip(sheet.columns, row, strict=True)):
            _write_value(page, sheet.first + number, place, value, looks.of(column, value))
    for name, text, colour in sheet.marks:
        place, fill = sheet.position(name), looks.get(bg_color=colour)
        rule = {"type": "cell", "criteria": "==", "value": f'"{text}"', "format": fill}
        page.conditional_format(sheet.first, place, sheet.last, place, rule)
    page.freeze_panes(sheet.first, 0)
    page.set_landscape()
    page.set_paper(9)
    # One page wide; and one high where a chart would else be cut by the end of the page.
    page.fit_to_pages(1, int(bool(sheet.charts) and len(sheet.rows) <= _ROWS_OF_A_PAGE))
    page.set_footer("&L&A&R&P / &N")


def _lines(row: Sequence[Value], columns: Sequence[SheetColumn]) -> int:
    """Count the lines that the longest text of a row takes in its column."""
    texts = [value.text if isinstance(value, Link) else value for value in row]
    longest = [
        -(-len(text) // max(1, int(column.width)))
        for text, column in zip(texts, columns, strict=True)
        if isinstance(text, str)
    ]
    return min(max([1, *longest]), _MOST_LINES)


def _write_value(page: Any, row: int, column: int, value: Value, look: Any) -> None:
    if value is None or (isinstance(value, float) and value != value):
        page.write_blank(row, column, None, look)
    elif isinstance(value, Formula):
        page.write_formula(row, column, value.text, look, value.value)
    elif isinstance(value, Link):
        page.write_url(row, column, f"internal:{value.cell.replace('$', '')}", look, value.text)
    elif isinstance(value, str):
        page.write_string(row, column, printable(value), look)
    else:
        page.write_number(row, column, float(value), look)


def printable(text: str) -> str:
    """Text without signs that a cell cannot hold, and not longer than it can be.

    Parameters
    ----------
    text : str
    """
    return re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", " ", text)[:_CHARACTERS_OF_A_CELL]


def _smallest(sheet: Sheet, column: str) -> float:
    """Smallest number of a column; zero where there is none."""
    cells = (row[sheet.position(column)] for row in sheet.rows)
    values = (cell.value if isinstance(cell, Formula) else cell for cell in cells)
    return min((float(v) for v in values if isinstance(v, int | float) and v == v), default=0.0)


def _add_chart(written: Any, page: Any, sheet: Sheet, chart: Chart, number: int) -> None:
    made = written.add_chart({"type": chart.kind})
    made.add_series(
        {
            "name": chart.title,
            "categories": f"={sheet.block(*chart.categories)}",
            "values": f"={sheet.span(chart.values)}",
            "fill": {"color": "#0072B2"},
            "gap": 60,
        }
    )
    made.set_title({"name": chart.title, "name_font": {"size": 11}, "overlay": False})
    made.set_legend({"none": True})
    titled, plain = ("set_x_axis", "set_y_axis") if chart.kind == "bar" else ("set_y_axis", "set_x_axis")
    lines = {"visible": True, "line": {"color": "#DDDDDD"}}
    axis = {"name": chart.axis, "name_font": {"size": 9}, "major_gridlines": lines}
    # Bars tell by their length: without a base at zero a tenth more looks like twice as much.
    getattr(made, titled)(axis | ({"min": 0} if _smallest(sheet, chart.values) >= 0 else {}))
    getattr(made, plain)({"reverse": chart.kind == "bar", "num_font": {"size": 9}})
    height = max(320, 60 + 22 * len(sheet.rows)) if chart.kind == "bar" else 320
    made.set_size({"width": 760, "height": min(height, 900)})
    page.insert_chart(sheet.last + 3 + 17 * number, 0, made)
