"""Sheets of a municipal book as grids of cells: a workbook's, or the CSV files of a folder."""

import csv
import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kostnadsvekst.errors import DataMissingError, InvalidDataError
from kostnadsvekst.sources.delimited import decode, find_delimiter

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LARGEST = 64_000_000
_FORMULA = re.compile(rb"<f[ >/]")


@dataclass(frozen=True, slots=True)
class Grid:
    """A sheet.

    Attributes
    ----------
    name : str
        Of the sheet, or of the file.
    rows : tuple of tuple
        Values of the cells from the first row and column on.
    hidden : bool
        Whether the whole sheet is.
    hidden_rows, hidden_columns : frozenset of int
        Positions from 0.
    merged : tuple of (str, int, int)
        Merged cells: ``A7:A9``, its first row and its last, from 0.
    errors, unstored : frozenset of (int, int)
        Cells that hold an error, and formulas without a stored value.
    percent : frozenset of (int, int)
        Cells whose number is shown as per cent: 0.12 is 12 %.
    """

    name: str
    rows: tuple[tuple[Any, ...], ...]
    hidden: bool = False
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    merged: tuple[tuple[str, int, int], ...] = ()
    errors: frozenset[tuple[int, int]] = frozenset()
    unstored: frozenset[tuple[int, int]] = frozenset()
    percent: frozenset[tuple[int, int]] = field(default=frozenset())

    def place(self, row: int, column: int) -> str:
        """Name of a cell for a reader, ``Plasser!C7``; of a text file as a spreadsheet shows it."""
        return f"{self.name}!{column_letters(column)}{row + 1}"


def column_letters(column: int) -> str:
    """Letters of a column of a sheet, counted from 0: 0 is A, 26 is AA."""
    letters, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def read_grids(path: str | Path) -> tuple[Grid, ...]:
    """Read all sheets of a workbook, all CSV files of a folder, or one CSV file.

    Parameters
    ----------
    path : path
        ``.xlsx``, ``.xlsm``, a folder with ``.csv`` files named as the sheets, or one such file.

    Raises
    ------
    DataMissingError
        There is nothing there.
    InvalidDataError
        It cannot be opened: a password, another kind of file, a damaged one.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.suffix.lower() == ".csv")
        if not files:
            raise DataMissingError(
                f"the folder {str(path)!r} has no CSV files: one for each sheet is needed, named as the sheet"
            )
        return tuple(_text_grid(file) for file in files)
    if not path.is_file():
        raise DataMissingError(f"there is no file or folder {str(path)!r}: check the path")
    if path.suffix.lower() == ".csv":
        return (_text_grid(path),)
    return _workbook_grids(path)


def _text_grid(path: Path) -> Grid:
    text, _ = decode(path.read_bytes(), str(path))
    delimiter, text, skipped = find_delimiter(text)
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter)
    rows = [*[() for _ in range(skipped)], *(tuple(cell or None for cell in line) for line in lines)]
    return Grid(path.name, tuple(rows))


def _workbook_grids(path: Path) -> tuple[Grid, ...]:
    import openpyxl

    _refuse_other_kinds(path)
    try:
        shown = openpyxl.load_workbook(path, data_only=True)
        written = openpyxl.load_workbook(path) if _has_formulas(path) else shown
    except Exception as error:  # openpyxl raises many kinds; each means a damaged file
        raise InvalidDataError(
            f"the workbook {str(path)!r} cannot be read ({error}): open it in Excel and save it again"
        ) from error
    return tuple(_sheet_grid(sheet, written[sheet.title]) for sheet in shown.worksheets)


def _refuse_other_kinds(path: Path) -> None:
    content = path.read_bytes()
    if content.startswith(_OLE):
        locked = "EncryptedPackage".encode("utf-16-le") in content
        raise InvalidDataError(
            f"the workbook {str(path)!r} is protected by a password: open it in Excel and save it without one"
            if locked
            else f"{str(path)!r} is a workbook of Excel 97-2003: open it and save it as .xlsx"
        )
    if not zipfile.is_zipfile(path):
        raise InvalidDataError(
            f"{str(path)!r} is no workbook: give an .xlsx file, a CSV file, or a folder of CSV files"
        )
    with zipfile.ZipFile(path) as archive:
        size = sum(part.file_size for part in archive.infolist())
    if size > _LARGEST:
        raise InvalidDataError(
            f"the workbook {str(path)!r} unpacks to {size / 1e6:.0f} MB, more than any book of this kind "
            "holds: copy the sheets that are needed to a new one"
        )


def _has_formulas(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        pages = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        return any(_FORMULA.search(archive.read(name)) for name in pages if name.endswith(".xml"))


def _sheet_grid(shown: Any, written: Any) -> Grid:
    cells = [cell for row in shown.iter_rows() for cell in row if cell.value is not None]
    formulas = [cell for row in written.iter_rows() for cell in row if cell.data_type == "f"]
    return Grid(
        shown.title,
        tuple(shown.iter_rows(values_only=True)),
        hidden=shown.sheet_state != "visible",
        hidden_rows=frozenset(n - 1 for n, d in shown.row_dimensions.items() if d.hidden),
        hidden_columns=_hidden_columns(shown),
        merged=tuple((str(m), m.min_row - 1, m.max_row - 1) for m in shown.merged_cells.ranges),
        errors=frozenset((c.row - 1, c.column - 1) for c in cells if c.data_type == "e"),
        unstored=frozenset(
            (c.row - 1, c.column - 1) for c in formulas if shown.cell(c.row, c.column).value is None
        ),
        percent=frozenset(
            (c.row - 1, c.column - 1) for c in cells if "%" in (c.number_format or "") and c.data_type == "n"
        ),
    )


def _hidden_columns(sheet: Any) -> frozenset[int]:
    dimensions: Mapping[str, Any] = sheet.column_dimensions
    spans = [(d.min, d.max) for d in dimensions.values() if d.hidden and d.min and d.max]
    return frozenset(n - 1 for first, last in spans for n in range(first, min(last, sheet.max_column) + 1))
