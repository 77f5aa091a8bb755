"""Sheets of the municipal systems as tables of the council's page, both languages in one."""

import re
from collections.abc import Iterator, Mapping, Sequence

from kostnadsvekst.chapters.municipal_sheets import UNIT_KEYS, evaluated
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.report.council_page.content import Cell, Column, PageTable
from kostnadsvekst.report.workbook import Link, Sheet, Value

# Digits shown behind the comma, by the look of a column; years and codes stand as they are.
_DECIMALS = {"kr": 2, "whole": 0, "number": 2, "percent": 1, "factor": 4}
# Name of the column that says where in the user's book a row was read.
PLACE = "place"
Unit = tuple[str, float]
Pair = tuple[Sheet, Sheet]
_LINKED = re.compile(r"(.*) (\d+)")


def page_table(key: str, pair: Pair, inputs: Mapping[str, Sheet] | None = None) -> PageTable:
    """Table of a sheet.

    Parameters
    ----------
    key : str
    pair : (Sheet, Sheet)
        The same in Norwegian and English.
    inputs : mapping of str to Sheet
        Norwegian sheets of what was read, by name: links to them become places in the user's book.
    """
    nb, en = pair
    columns = tuple(_column(nb, en, k) for k in range(len(nb.columns)))
    rows = tuple(
        tuple(_cell(a, b, inputs or {}) for a, b in zip(one, other, strict=True))
        for one, other in zip(nb.rows, en.rows, strict=True)
    )
    notes = tuple(Bilingual(*texts) for texts in zip(nb.notes, en.notes, strict=True))
    return PageTable(key, Bilingual(nb.title, en.title), columns, rows, notes)


def _column(nb: Sheet, en: Sheet, k: int) -> Column:
    labels = (f"{c.label} ({c.unit})" if c.unit else c.label for c in (nb.columns[k], en.columns[k]))
    return Column(nb.columns[k].name, Bilingual(*labels), _DECIMALS.get(nb.columns[k].look))


def _cell(nb: Value, en: Value, inputs: Mapping[str, Sheet]) -> Cell:
    if isinstance(nb, Link):
        return both(_place(nb, inputs))
    one, other = evaluated(nb), evaluated(en)
    if one is None or one != one:
        return None
    if isinstance(one, int | float):
        return float(one)
    return Bilingual(one, str(other))


def _place(link: Link, inputs: Mapping[str, Sheet]) -> str:
    """Place in the book read of the row that a link leads to; of rows that were computed, the link's text."""
    found = _LINKED.fullmatch(link.text)
    sheet = inputs.get(found[1]) if found else None
    if sheet is None or found is None or all(column.name != PLACE for column in sheet.columns):
        return link.text
    return str(sheet.rows[int(found[2]) - sheet.first - 1][sheet.position(PLACE)])


def rows_of(table: PageTable, unit: Unit) -> list[int]:
    """Rows of a municipality and year."""
    return [k for k in range(len(table.rows)) if unit_of(table, k) == unit]


def unit_of(table: PageTable, row: int) -> Unit:
    """Municipality and year of a row."""
    year = table.number(row, UNIT_KEYS[1])
    return table.text(row, UNIT_KEYS[0]).nb, -1.0 if year is None else year


def units_of(table: PageTable) -> list[Unit]:
    """Municipalities and years, in the order of the rows."""
    if not table.has(*UNIT_KEYS):
        return []
    return list(dict.fromkeys(unit_of(table, k) for k in range(len(table.rows))))


def own_first(units: Sequence[Unit], own: str) -> list[Unit]:
    """Order units: one's own municipality, its last year first, then the others, of the same year first."""
    mine = sorted((unit for unit in units if unit[0] == own), key=lambda unit: -unit[1])
    others = [unit for unit in units if unit[0] != own]
    year = mine[0][1] if mine else None
    return [*mine, *sorted(others, key=lambda unit: unit[1] != year)]


def unit_label(unit: Unit) -> Bilingual:
    """Name of a municipality and year."""
    return both(f"{unit[0]} {unit[1]:.0f}")


def is_hidden(cell: Cell) -> bool:
    """Whether a cell holds the sign of a hidden number."""
    return isinstance(cell, Bilingual) and cell.nb == ":"


def hiding_units(tables: Sequence[PageTable]) -> set[Unit]:
    """Municipalities and years of which any number is hidden."""
    return {
        unit_of(table, k)
        for table in tables
        if table.has(*UNIT_KEYS)
        for k, row in enumerate(table.rows)
        if any(map(is_hidden, row))
    }


def without_units(tables: Sequence[PageTable], units: set[Unit]) -> Iterator[PageTable]:
    """Tables without the rows of some municipalities and years; those without rows are left out.

    A table that does not say whose its rows are is left out if anything is.

    Parameters
    ----------
    tables : sequence of PageTable
    units : set of Unit
    """
    for table in tables:
        if not table.has(*UNIT_KEYS):
            if not units:
                yield table
            continue
        kept = [k for k in range(len(table.rows)) if unit_of(table, k) not in units]
        if kept:
            yield table.keeping([column.name for column in table.columns], kept)
