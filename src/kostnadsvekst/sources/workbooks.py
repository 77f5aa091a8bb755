"""Excel workbooks: a table on one of the sheets, under titles and merged cells."""

import datetime
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.naming import nearest_names
from kostnadsvekst.sources.delimited import STATUS, parse_columns
from kostnadsvekst.sources.layout import Found, Row, find_table, is_blank, lengthen
from kostnadsvekst.sources.missing_symbols import is_missing, statuses

# Excel itself keeps 15 digits and writes zeros for the others.
_EXCEL_DIGITS = 15
_EXACT = 2**53
_FORMULA = re.compile(rb"<f[ >/]")
_LISTED = 10


def read_workbook(path: Path, sheet: str | None = None, decimal: str | None = None) -> pd.DataFrame:
    """Read a table from a workbook.

    Parameters
    ----------
    path : Path
        ``.xlsx`` or ``.xlsm``.
    sheet : str, optional
        Name of the sheet; needed where several visible ones hold a table.
    decimal : {".", ","}, optional
        Decimal mark of numbers that are kept as text.

    Returns
    -------
    DataFrame
        As `kostnadsvekst.sources.delimited.read_delimited`; dates stay dates.

    Raises
    ------
    InvalidDataError
        If it cannot be told which sheet is meant, cells hold errors or formulas without a value, or whole
        numbers have more digits than Excel keeps; sheets and cells are named.
    SpecificationError
        If there is no such sheet.
    """
    import openpyxl

    book = openpyxl.load_workbook(path, data_only=True)
    chosen = _choose(book, str(path), sheet)
    _refuse_faulty_cells(path, chosen)
    found = find_table(_rows(chosen), str(path), f" (sheet {chosen.title!r})")
    table = _to_frame(found, str(path), decimal)
    table.attrs["layout"] = f"sheet {chosen.title!r}, {found.in_words()}"
    for what, lines in (("titles", found.titles), ("notes", found.notes)):
        if lines:
            table.attrs[what] = list(lines)
    return table


def _choose(book: Any, name: str, wanted: str | None) -> Any:
    if wanted is not None:
        if wanted not in book.sheetnames:
            raise SpecificationError(
                f"the file {name!r} has no sheet {nearest_names([wanted], book.sheetnames)}; it has "
                f"{', '.join(map(repr, book.sheetnames))}"
            )
        return book[wanted]
    tables = [s for s in book.worksheets if s.sheet_state == "visible" and _has_table(s)]
    if len(tables) > 1:
        listed = ", ".join(repr(s.title) for s in tables)
        raise InvalidDataError(
            f"the file {name!r} has tables on {len(tables)} sheets ({listed}): tell which is meant, such as "
            f"sheet={tables[0].title!r}, or save that sheet alone"
        )
    if not tables:
        for one in book.worksheets:
            _refuse_faulty_cells(Path(name), one)
        hidden = [s.title for s in book.worksheets if s.sheet_state != "visible"]
        more = (
            f" (hidden sheets are not looked at: {', '.join(map(repr, hidden))}; name one)" if hidden else ""
        )
        raise InvalidDataError(f"the file {name!r} has no sheet with a table: no rows of two cells{more}")
    return tables[0]


def _has_table(sheet: Any) -> bool:
    """Whether two rows have at least two cells, or the sheet is one column of several."""
    rows = [sum(not is_blank(cell) for cell in row) for row in sheet.iter_rows(values_only=True)]
    return sum(n > 1 for n in rows) > 1


def _refuse_faulty_cells(path: Path, sheet: Any) -> None:
    errors = [
        f"{cell.coordinate}: {cell.value}"
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "e" and not is_missing(str(cell.value))
    ]
    if errors:
        raise InvalidDataError(
            f"the file {str(path)!r}, sheet {sheet.title!r}: {len(errors)} cell(s) hold errors; mend their "
            "formulas, "
            "or empty them where the value is missing",
            _some(errors),
        )
    empty = _formulas_without_value(path, sheet)
    if empty:
        raise InvalidDataError(
            f"the file {str(path)!r}, sheet {sheet.title!r}: {len(empty)} formula(s) have no stored value; "
            "open the "
            "file in Excel and save it, or paste the values",
            _some(empty),
        )


def _some(problems: Sequence[str]) -> list[str]:
    more = len(problems) - _LISTED
    return [*problems[:_LISTED], *([f"and {more} more"] if more > 0 else [])]


def _formulas_without_value(path: Path, sheet: Any) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        parts = [n for n in archive.namelist() if n.startswith("xl/worksheets/") and n.endswith(".xml")]
        if not any(_FORMULA.search(archive.read(part)) for part in parts):
            return []
    import openpyxl

    written = openpyxl.load_workbook(path)[sheet.title]
    return [
        f"{cell.coordinate}: {cell.value}"
        for row in written.iter_rows()
        for cell in row
        if cell.data_type == "f" and sheet[cell.coordinate].value is None
    ]


def _rows(sheet: Any) -> list[Row]:
    """Rows of the sheet as one sees them: merged cells filled, names in several rows joined."""
    values = [list(row) for row in sheet.iter_rows(values_only=True)]
    spans: list[tuple[int, int, int, int]] = []
    for merged in sheet.merged_cells.ranges:
        top, left, bottom, right = (
            merged.min_row - 1,
            merged.min_col - 1,
            merged.max_row - 1,
            merged.max_col - 1,
        )
        alone = all(is_blank(cell) for i, cell in enumerate(values[top]) if not left <= i <= right)
        if alone and right > left:  # a title across the table
            continue
        for row in range(top, min(bottom + 1, len(values))):
            values[row][left : right + 1] = [values[top][left]] * (right + 1 - left)
        spans.append((top, left, bottom, right))
    rows = _within_columns([Row(i + 1, cells) for i, cells in enumerate(values)])
    return _joined_names(rows, spans)


def _within_columns(rows: list[Row]) -> list[Row]:
    """Leave out columns in which no row of two cells has anything."""
    tabular = [row.cells for row in rows if sum(not is_blank(cell) for cell in row.cells) > 1]
    used = sorted({i for cells in tabular for i, cell in enumerate(cells) if not is_blank(cell)})
    if not used:
        return rows
    kept = range(used[0], used[-1] + 1)
    out = []
    for row in rows:
        cells = [row.cells[i] for i in kept]
        outside = [cell for i, cell in enumerate(row.cells) if i not in kept and not is_blank(cell)]
        if outside and all(map(is_blank, cells)):  # a title beside the table's own columns
            cells[0] = outside[0]
        out.append(Row(row.place, cells))
    return out


def _joined_names(rows: list[Row], spans: Sequence[tuple[int, int, int, int]]) -> list[Row]:
    """Join the rows of names where cells of the first are merged: ``Utgifter`` over ``2015``, ``2016``."""
    first = next((i for i, row in enumerate(rows) if sum(not is_blank(c) for c in row.cells) > 1), None)
    if first is None:
        return rows
    last = first
    while (
        any(top <= last <= bottom and right > left for top, left, bottom, right in spans)
        and last < len(rows) - 1
    ):
        last += 1
    last = max([last, *(bottom for top, _, bottom, _ in spans if first <= top <= last)])
    if last == first:
        return rows
    columns = zip(*(row.cells for row in rows[first : last + 1]), strict=True)
    joined = [" ".join(dict.fromkeys(str(c).strip() for c in cells if not is_blank(c))) for cells in columns]
    return [*rows[:first], Row(rows[last].place, joined), *rows[last + 1 :]]


def _to_frame(found: Found, name: str, decimal: str | None) -> pd.DataFrame:
    columns = (
        zip(*(row.cells for row in found.rows), strict=True) if found.rows else ([] for _ in found.names)
    )
    cells = {n: pd.Series(list(c), dtype=object) for n, c in zip(found.names, columns, strict=True)}
    problems = [p for n, column in cells.items() for p in _lost_digits(n, column, found)]
    if problems:
        raise InvalidDataError(
            f"the file {name!r}: whole numbers with more than {_EXCEL_DIGITS} digits, of which Excel keeps "
            "no more; "
            "format the column as text before writing them, or take the file that they come from",
            _some(problems),
        )
    table = lengthen(pd.DataFrame(cells))
    # Numbers that are numbers need no reading; the texts of a column tell how its texts are written.
    texts = {n: table[n].map(_text_only).astype("str") for n in table.columns if _has_text(table[n])}
    parsed = parse_columns(pd.DataFrame(texts), name, decimal, point_is_decimal=False) if texts else {}
    out: dict[str, pd.Series] = {}
    for column in table.columns:
        if column not in texts:
            out[column] = table[column].infer_objects()
            continue
        out[column] = _joined(table[column], parsed[column])
        symbols = statuses(texts[column].str.strip())
        if symbols is not None and pd.api.types.is_numeric_dtype(out[column].dtype):
            out[f"{column}{STATUS}"] = symbols
    return pd.DataFrame(out)


def _has_text(column: pd.Series) -> bool:
    return any(isinstance(value, str) for value in column)


def _text_only(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _joined(cells: pd.Series, parsed: pd.Series) -> pd.Series:
    """Cells that are numbers together with texts that were read as numbers; else all of them as text."""
    is_text = cells.map(lambda value: isinstance(value, str)).astype(bool)
    numbers = cells[~is_text & cells.notna()]
    if not len(numbers):
        return parsed
    numeric = numbers.map(lambda value: isinstance(value, int | float) and not isinstance(value, bool)).all()
    no_texts = all(is_missing(text.strip(), among_numbers=bool(numeric)) for text in cells[is_text])
    if numeric and (pd.api.types.is_numeric_dtype(parsed.dtype) or no_texts):
        read = parsed if pd.api.types.is_numeric_dtype(parsed.dtype) else cells.mask(is_text)
        joined = read.astype(object).where(is_text, cells)
        return pd.to_numeric(joined.where(joined.notna(), None)).rename(cells.name)
    if no_texts:
        return cells.mask(is_text).infer_objects()
    return cells.map(_cell_text, na_action="ignore").where(~is_text, parsed.astype(object)).astype("str")


def _cell_text(value: Any) -> str:
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _lost_digits(name: str, column: pd.Series, found: Found) -> list[str]:
    """Whole numbers of which Excel or the file has cut digits off."""
    whole = [
        (row.place, value)
        for row, value in zip(found.rows, column, strict=True)
        if isinstance(value, int | float) and abs(value) >= 10**_EXCEL_DIGITS and value == int(value)
    ]
    cut = all(int(value) % 10 ** (len(str(abs(int(value)))) - _EXCEL_DIGITS) == 0 for _, value in whole)
    lost = [(place, v) for place, v in whole if (isinstance(v, float) and abs(v) > _EXACT) or cut]
    lost = [(place, v) for place, v in lost if len(str(abs(int(v))).rstrip("0")) >= _EXCEL_DIGITS - 1]
    return [f"column {name!r}, row {place}: {value}" for place, value in lost]
