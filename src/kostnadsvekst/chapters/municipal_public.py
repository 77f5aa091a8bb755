"""The public edition of a municipal system: values alone, small numbers and what betrays them hidden."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

import pandas as pd

from kostnadsvekst.chapters.municipal_sheets import LINKS, System, evaluated
from kostnadsvekst.municipal.protection import THRESHOLD, protect_rows
from kostnadsvekst.municipal.suppressed_sums import PublishedSum, suppress
from kostnadsvekst.report.workbook import Sheet, Value

HIDDEN = ":"


def public_sheets(system: System) -> tuple[Sheet, ...]:
    """Sheets of results that the public may see.

    Parameters
    ----------
    system : System
        Whose `public` says what is hidden; a system without it holds no counts of persons or places.

    Returns
    -------
    tuple of Sheet
        Without formulas, links and inputs: a formula would tell where what is hidden comes from.
    """
    shown = system.results if system.public is None else system.public()
    return tuple(values_of(sheet) for sheet in shown)


def values_of(sheet: Sheet) -> Sheet:
    """Sheet without formulas, links, and cells to be changed.

    Parameters
    ----------
    sheet : Sheet
    """
    kept = [k for k, column in enumerate(sheet.columns) if column.name != LINKS]
    columns = tuple(replace(sheet.columns[k], role="text") for k in kept)
    rows = tuple(tuple(evaluated(row[k]) for k in kept) for row in sheet.rows)
    return replace(sheet, columns=columns, rows=rows)


def hide(sheet: Sheet, hidden: Mapping[int, Collection[str]]) -> Sheet:
    """Sheet with some cells hidden.

    Parameters
    ----------
    sheet : Sheet
    hidden : mapping of int to names
        Row -> columns; cells that are empty stay empty.
    """
    rows: list[tuple[Value, ...]] = []
    for number, row in enumerate(sheet.rows):
        columns = hidden.get(number, ())
        cells = zip(sheet.columns, row, strict=True)
        rows.append(tuple(HIDDEN if c.name in columns and v is not None else v for c, v in cells))
    return replace(sheet, rows=tuple(rows))


def rows_to_hide(sheet: Sheet, count: str, first: int, last: int) -> list[int]:
    """Rows of a block of counts to hide, so that the small ones stay secret although sums are told.

    Parameters
    ----------
    sheet : Sheet
    count : str
        Column of the counts; empty cells are no counts.
    first, last : int
        Rows of the block.
    """
    place = sheet.position(count)
    counts = [evaluated(row[place]) for row in sheet.rows[first : last + 1]]
    numbers = [float(value) if isinstance(value, int | float) else float("nan") for value in counts]
    found = protect_rows(pd.DataFrame({"count": numbers}), ["count"], [], threshold=THRESHOLD)
    return [first + k for k, mark in enumerate(found["hidden"]) if mark]


def is_small(number: float) -> bool:
    """Whether a number of persons or places is hidden: above zero and five or fewer."""
    return 0 < number < THRESHOLD


def sum_tells(counts: Iterable[float]) -> bool:
    """Whether the sum of counts that are not told themselves gives a small one of them back.

    Parameters
    ----------
    counts : iterable of float
        Such as one of each type of place: of six places of six types each has one.
    """
    cells = dict(enumerate(counts))
    if not any(map(is_small, cells.values())):
        return False
    whole = PublishedSum("all", frozenset(cells), secondary=False)
    return bool(suppress(cells, [whole], small=list(cells), threshold=THRESHOLD).sums)


def blocks_of(sheet: Sheet) -> dict[tuple[object, object], tuple[int, int]]:
    """First and last row of each municipality and year."""
    found: dict[tuple[object, object], tuple[int, int]] = {}
    for number, row in enumerate(sheet.rows):
        key = (row[0], row[1])
        found[key] = (found.get(key, (number, number))[0], number)
    return found
