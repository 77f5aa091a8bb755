"""KOSTRA key figures as an analyst keeps them in a workbook: blocks of years by region, many on a sheet."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.sources.files import USER_FILE
from kostnadsvekst.sources.layout import is_blank
from kostnadsvekst.sources.municipal_grids import Grid, read_grids

_YEAR = re.compile(r"(?:19|20)\d\d")
_UNIT = re.compile(r"(?P<name>.*\S)\s*\((?P<unit>[^()]*)\)\s*")
COLUMNS = ("sheet", "indicator", "unit", "region", "year", "value", "cell")


def read_kostra_book(path: str | Path) -> pd.DataFrame:
    r"""Read the blocks of key figures in a workbook.

    Parameters
    ----------
    path : path
        A workbook whose sheets hold blocks: a line with the indicator and its unit in parentheses, a line
        with ``År \ Region`` and the regions, and a line for each year below it.

    Returns
    -------
    DataFrame
        `COLUMNS`: one row a number; cells that are empty are left out. Sheets of other shapes are named in
        ``attrs["unread"]``.

    Raises
    ------
    DataMissingError
        There is no such file.
    InvalidDataError
        It has no block, or cells of a block that are no numbers; each is named.
    """
    path = Path(path)
    rows: list[tuple[Any, ...]] = []
    faults: list[str] = []
    unread = []
    for grid in read_grids(path):
        found = [*_blocks(grid)]
        if not found:
            unread.append(grid.name)
        for header, title in found:
            rows += _block(grid, header, title, faults)
    if not rows and not faults:
        raise InvalidDataError(
            f"the workbook {path.name!r} has no block of key figures: a line 'År \\ Region' with "
            "regions beside "
            "it, and years below"
        )
    if faults:
        raise InvalidDataError(
            f"the workbook {path.name!r} has {len(faults)} cell(s) that are no numbers", faults
        )
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame.attrs["unread"] = unread
    frame.attrs["provenance"] = Provenance(USER_FILE, path.name).to_attrs()
    return frame


def _blocks(grid: Grid) -> Iterator[tuple[int, str]]:
    """Row of the regions of each block, and its title."""
    for number, row in enumerate(grid.rows):
        first = row[0] if row else None
        if (
            number
            and isinstance(first, str)
            and re.match(r"(?:år|year)\s*[\\/]\s*region", first, re.IGNORECASE)
        ):
            title = grid.rows[number - 1][0]
            if isinstance(title, str):
                yield number, title


def _block(grid: Grid, header: int, title: str, faults: list[str]) -> Iterator[tuple[Any, ...]]:
    match = _UNIT.fullmatch(title)
    indicator, unit = (match["name"], match["unit"]) if match else (title.strip(), "")
    regions = _regions(grid.rows[header])
    for number in range(header + 1, len(grid.rows)):
        first = grid.rows[number][0]
        if is_blank(first) or not _YEAR.fullmatch(str(first).strip()):
            return
        for column, region in regions:
            value = grid.rows[number][column] if column < len(grid.rows[number]) else None
            place = grid.place(number, column)
            if is_blank(value):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                faults.append(f"{place}: {value!r} is no number: write digits, or leave the cell empty")
                continue
            yield grid.name, indicator, unit, region, int(str(first).strip()), float(value), place


def _regions(row: Sequence[Any]) -> list[tuple[int, str]]:
    return [(j, str(cell).strip()) for j, cell in enumerate(row) if j and not is_blank(cell)]
