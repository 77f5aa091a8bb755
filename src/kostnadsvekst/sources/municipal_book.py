"""Read a municipality's own book: every fault of every sheet at once, with its cell and what to do."""

import difflib
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kostnadsvekst.errors import DataMissingError, InvalidDataError
from kostnadsvekst.naming import first_of
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.sources.files import USER_FILE
from kostnadsvekst.sources.municipal_cells import check_values, read_values
from kostnadsvekst.sources.municipal_checks import check_tables
from kostnadsvekst.sources.municipal_forms import YES_NO, BookKind, Field, Form
from kostnadsvekst.sources.municipal_grids import Grid, read_grids

# Faults told at once.
MOST_TOLD = 60
_ALIKE = 0.72
_FREE = ("merknad", "note", "kommentar", "comment")


@dataclass(frozen=True, slots=True)
class BookTable:
    """A sheet that was read.

    Attributes
    ----------
    form : Form
    frame : DataFrame
        One row a line, columns named as the form's fields; text, or numbers with NaN where empty.
    grid : Grid
    columns : mapping of str to int
        Field -> its column in the grid.
    lines : tuple of int
        Row of the grid of each row of the frame.
    """

    form: Form
    frame: pd.DataFrame
    grid: Grid
    columns: Mapping[str, int]
    lines: tuple[int, ...]

    def place(self, row: int, name: str) -> str:
        """Cell of a value: ``Plasser!C7``."""
        return self.grid.place(self.lines[row], self.columns.get(name, 0))


@dataclass(frozen=True, slots=True)
class MunicipalBook:
    """A book that was read.

    Attributes
    ----------
    kind : BookKind
    tables : mapping of str to BookTable
        Those that have rows, by name of the form.
    assumptions : mapping of str to float
        All of the kind's, the book's own value where it has one.
    reasons : mapping of str to str
        The book's own reasons for its assumptions.
    provenance : Provenance
    unread : tuple of str
        Sheets and columns that are the user's own notes.
    """

    kind: BookKind
    tables: Mapping[str, BookTable]
    assumptions: Mapping[str, float]
    reasons: Mapping[str, str]
    provenance: Provenance
    unread: tuple[str, ...] = ()

    def frame(self, name: str) -> pd.DataFrame:
        """Rows of a sheet; without rows where the book has none."""
        if name in self.tables:
            return self.tables[name].frame
        form = next(form for form in self.kind.sheets if form.name == name)
        return pd.DataFrame(columns=[one.name for one in form.fields])


def read_municipal_book(path: str | Path, kind: BookKind, origin: str = USER_FILE) -> MunicipalBook:
    """Read a book and check all of it.

    Parameters
    ----------
    path : path
        A workbook as the template is, a folder of CSV files named as its sheets, or one CSV file.
    kind : BookKind
    origin : str
        Of the numbers.

    Raises
    ------
    DataMissingError
        There is no such file.
    InvalidDataError
        All faults, each with sheet, cell and remedy.
    """
    path = Path(path)
    grids = read_grids(path)
    chosen, faults, unread = _match_sheets(grids, kind)
    tables: dict[str, BookTable] = {}
    unreadable = set()
    for form in kind.sheets:
        if form.name in chosen:
            table, wrong, notes = _read_sheet(chosen[form.name], form)
            faults += wrong
            unread += notes
            if table is not None:
                tables[form.name] = table
            elif wrong:
                unreadable.add(form.name)
    faults += [] if faults else _missing_sheets(kind, chosen, tables)
    faults += check_tables(kind, tables, unreadable)
    if faults:
        told = list(dict.fromkeys(faults))
        raise InvalidDataError(
            f"the book {path.name!r} has {len(told)} fault(s); nothing is written", first_of(told, MOST_TOLD)
        )
    own = tables["assumptions"].frame if "assumptions" in tables else pd.DataFrame(columns=["name", "value"])
    given = {_assumption_name(kind, row.name): float(row.value) for row in own.itertuples(index=False)}
    reasons = {
        _assumption_name(kind, row["name"]): row["reason"]
        for row in own.to_dict("records")
        if isinstance(row.get("reason"), str)
    }
    return MunicipalBook(
        kind,
        {name: table for name, table in tables.items() if name != "assumptions"},
        {one.name: given.get(one.name, one.value) for one in kind.assumptions},
        reasons,
        Provenance(origin, path.name, _digest(path)),
        tuple(unread),
    )


def _assumption_name(kind: BookKind, text: str) -> str:
    return next(
        one.name
        for one in kind.assumptions
        if text.casefold() in names_of(one.name, one.label.nb, one.label.en)
    )


def names_of(*names: str) -> set[str]:
    """Spellings under which a sheet, a column or an assumption is found."""
    return {" ".join(name.casefold().split()) for name in names}


def _digest(path: Path) -> str:
    files = sorted(p for p in path.iterdir() if p.suffix.lower() == ".csv") if path.is_dir() else [path]
    whole = hashlib.sha256()
    for file in files:
        whole.update(file.read_bytes())
    return whole.hexdigest()


def _match_sheets(grids: tuple[Grid, ...], kind: BookKind) -> tuple[dict[str, Grid], list[str], list[str]]:
    """Find the sheet of each form; misspelt, hidden and doubled ones are faults, others notes."""
    known = {name: f.name for f in kind.sheets for name in names_of(f.name, f.label.nb, f.label.en)}
    chosen: dict[str, Grid] = {}
    faults, notes = [], []
    for grid in grids:
        title = " ".join(grid.name.removesuffix(".csv").removesuffix(".CSV").casefold().split())
        form = known.get(title)
        if form is None:
            near = difflib.get_close_matches(title, known, n=1, cutoff=_ALIKE)
            free = title.startswith(_FREE)
            if near and not free:
                label = _label_of(kind, known[near[0]])
                faults.append(f"sheet {grid.name!r} is not known: is it {label!r}? give it that name")
            else:
                notes.append(f"sheet {grid.name!r}")
        elif form in chosen:
            faults.append(f"sheets {chosen[form].name!r} and {grid.name!r} are the same: keep one")
        elif grid.hidden:
            faults.append(f"sheet {grid.name!r} is hidden: show it, or delete it")
        else:
            chosen[form] = grid
    return chosen, faults, notes


def _label_of(kind: BookKind, name: str) -> str:
    return next(form.label.nb for form in kind.sheets if form.name == name)


def _missing_sheets(kind: BookKind, chosen: Mapping[str, Grid], tables: Mapping[str, BookTable]) -> list[str]:
    faults = [
        f"there is no sheet {form.label.nb!r} ({form.label.en!r}): take it from the template"
        for form in kind.forms
        if not form.optional and form.name not in chosen
    ]
    if not any(form.name in tables for form in kind.forms) and all(form.optional for form in kind.forms):
        names = ", ".join(repr(form.label.nb) for form in kind.forms)
        faults.append(f"no sheet has rows: fill in at least one of {names}")
    return faults


def _read_sheet(grid: Grid, form: Form) -> tuple[BookTable | None, list[str], list[str]]:
    """Read a sheet: the table (None if it cannot be read), its faults, and columns left unread."""
    header = _header_row(grid, form)
    if header is None:
        filled = any(cell is not None for row in grid.rows for cell in row)
        if not filled and form.optional:
            return None, [], []
        what = "has no row with the names of its columns" if filled else "is empty"
        wanted = ", ".join(one.label.nb for one in form.fields if one.required)
        return None, [f"sheet {grid.name!r} {what}: it needs {wanted}; take it from the template"], []
    columns, faults, notes = _match_columns(grid, form, header)
    lines = _filled_lines(grid, columns, header)
    faults += _hidden_and_merged(grid, columns, header, lines)
    if not lines:
        if not form.optional:
            faults.append(f"sheet {grid.name!r} has no rows below its column names: fill it in")
        return None, faults, notes
    values, wrong = read_values(grid, form, columns, lines)
    faults += wrong
    if faults:
        return None, faults, notes
    # True and False among empty cells stay Python's own, also where no cell is empty.
    kinds = {one.name: object if one.holds == YES_NO else None for one in form.fields}
    frame = pd.DataFrame({name: pd.Series(cells, dtype=kinds[name]) for name, cells in values.items()})
    table = BookTable(form, frame, grid, columns, tuple(lines))
    return table, check_values(table.place, form, frame), notes


def _header_row(grid: Grid, form: Form) -> int | None:
    """Row that has most names of columns, at least two of them or all that are required."""
    known = {name for one in form.fields for name in _names(one)}
    scores = [
        (len(known & names_of(*(cell for cell in row if isinstance(cell, str)))), -number)
        for number, row in enumerate(grid.rows)
    ]
    best, place = max(scores, default=(0, 0))
    least = min(2, sum(one.required for one in form.fields))
    return -place if best >= max(least, 1) else None


def _names(one: Field) -> set[str]:
    return names_of(one.name, one.label.nb, one.label.en)


def _match_columns(grid: Grid, form: Form, header: int) -> tuple[dict[str, int], list[str], list[str]]:
    columns: dict[str, int] = {}
    faults: list[str] = []
    notes: list[tuple[str, int]] = []
    strange: list[tuple[str, int]] = []
    for number, cell in enumerate(grid.rows[header]):
        if cell is None or not str(cell).strip():
            continue
        text = " ".join(str(cell).casefold().split())
        found = next((one for one in form.fields if text in _names(one)), None)
        if found is None:
            (notes if text.startswith(_FREE) else strange).append((str(cell), number))
        elif found.name in columns:
            faults.append(f"{grid.place(header, number)}: column {str(cell)!r} is there twice: delete one")
        else:
            columns[found.name] = number
    missing = [one for one in form.fields if one.name not in columns]
    faults += [_strange_column(grid, header, number, text, missing) for text, number in strange]
    faults += [
        f"sheet {grid.name!r} has no column {one.label.nb!r} ({one.label.en!r}): name it so, or take the "
        "sheet from the template"
        for one in missing
        if one.required
    ]
    return columns, faults, [f"{grid.place(header, number)} {text!r}" for text, number in notes]


def _strange_column(grid: Grid, header: int, number: int, text: str, missing: list[Field]) -> str:
    labels = [one.label.nb for one in missing]
    near = difflib.get_close_matches(text, labels, n=1, cutoff=0.5)
    way = f"is it {near[0]!r}? name it so" if near else "give it the template's name"
    return (
        f"{grid.place(header, number)}: column {text!r} is not known: {way}, or let its name begin with "
        "'Merknad' to leave it unread"
    )


def _filled_lines(grid: Grid, columns: Mapping[str, int], header: int) -> list[int]:
    """Rows below the names that hold anything."""
    used = columns.values()
    return [
        number
        for number, row in enumerate(grid.rows)
        if number > header
        and any(column < len(row) and row[column] is not None and str(row[column]).strip() for column in used)
    ]


def _hidden_and_merged(grid: Grid, columns: Mapping[str, int], header: int, lines: list[int]) -> list[str]:
    faults = [
        f"{grid.name}!{span}: merged cells: unmerge them and fill in each cell"
        for span, _, last in grid.merged
        if last >= header
    ]
    faults += [
        f"{grid.name} row {line + 1} is hidden and has values: show it, or delete it"
        for line in lines
        if line in grid.hidden_rows
    ]
    return faults + [
        f"{grid.place(header, column)}: the column is hidden: show it, or delete it"
        for column in columns.values()
        if column in grid.hidden_columns and lines
    ]


def units_of(table: BookTable) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """Rows of each municipality and year, in the order of the sheet."""
    for (municipality, year), rows in table.frame.groupby(["municipality", "year"], sort=False):
        yield str(municipality), int(year), rows


def require_rows(book: MunicipalBook, name: str) -> pd.DataFrame:
    """Rows of a sheet that is needed."""
    if name not in book.tables:
        raise DataMissingError(f"the book has no rows in the sheet {_label_of(book.kind, name)!r}")
    return book.tables[name].frame
