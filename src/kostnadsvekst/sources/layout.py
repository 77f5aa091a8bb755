"""Where the table lies on a page: titles above it, notes below it, years side by side.

Statistics Norway and people put a title above a table, notes below it, and a column for each year. The same
rules hold for text files and for sheets of a workbook; `docs/own_files.md` states them.
"""

import datetime
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import pandas as pd

from kostnadsvekst.errors import InvalidDataError

_LISTED = 10
_NOTE = re.compile(
    r"\s*((kilde|source|notes?|merknad|fotnoter?|footnotes?|sist oppdatert|sist endret|last updated"
    r"|latest update|kontakt|contact|copyright|standardtegn|statistisk sentralbyrå|statistics norway|ssb"
    r"|tall i)\b"
    r"|(enhet|unit):|©|\*|\d\)|[¹²³])",
    re.IGNORECASE,
)
_TIMES = (
    ("year", re.compile(r"(?:(?P<what>.*\S)\s+)?(?P<time>(?:19|20)\d\d)")),
    ("quarter", re.compile(r"(?:(?P<what>.*\S)\s+)?(?P<time>(?:19|20)\d\d[KQ][1-4])")),
    ("date", re.compile(r"(?:(?P<what>.*\S)\s+)?(?P<time>(?:19|20)\d\d-\d\d-\d\d)")),
    ("month", re.compile(r"(?:(?P<what>.*\S)\s+)?(?P<time>(?:19|20)\d\dM(?:0[1-9]|1[0-2]))")),
)
_TIME_NAMES = {
    "year",
    "år",
    "aar",
    "tid",
    "time",
    "month",
    "måned",
    "quarter",
    "kvartal",
    "period",
    "periode",
}
_MEASURES = ("statistikkvariabel", "contents", "contentscode")
VALUE = "value"


class Row(NamedTuple):
    """A row of the page: its line in the file (or row of the sheet) and its cells."""

    place: int
    cells: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A table on a page.

    Attributes
    ----------
    names : tuple of str
    rows : list of Row
        All with as many cells as there are names.
    header : int
        Line of the names.
    titles, notes : tuple of str
        What stands above and below.
    """

    names: tuple[str, ...]
    rows: list[Row]
    header: int
    titles: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def in_words(self) -> str:
        """Say where the table was found."""
        above = f", {len(self.titles)} line(s) of title above" if self.titles else ""
        below = f", {len(self.notes)} line(s) of notes below" if self.notes else ""
        return (
            f"names in line {self.header}{above}{below}, {len(self.rows)} row(s) of {len(self.names)} columns"
        )


def is_blank(cell: Any) -> bool:
    """Whether a cell is empty."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def find_table(rows: Sequence[Row], file: str, how: str = "") -> Found:
    """Find the table among titles, blank lines and notes.

    Parameters
    ----------
    rows : sequence of Row
        The whole page, blank rows too.
    file : str
        For messages.
    how : str
        How the file was read, for messages.

    Returns
    -------
    Found

    Raises
    ------
    InvalidDataError
        If rows have another number of cells than the names, there is a second table, names are missing or
        there twice, or there are no names at all; lines are named.
    """
    begin = header_position(rows)
    end = _end_of_table(rows, begin)
    width = len(rows[begin].cells)
    inside = [row for row in rows[begin + 1 : end] if not _is_empty(row)]
    _refuse_ragged(rows[begin], inside, rows[end:], width, file, how)
    titles = _texts(rows[:begin])
    names = [_name_of(cell) for cell in rows[begin].cells]
    kept = _named_columns(names, inside, rows[begin].place, file)
    nameless = len(kept) < width
    return Found(
        names=tuple(name or f"Unnamed: {i}" for i, name in enumerate(names) if i in kept),
        rows=[Row(row.place, [row.cells[i] for i in kept]) for row in inside] if nameless else inside,
        header=rows[begin].place,
        titles=titles,
        notes=_texts(rows[end:]),
    )


def _is_empty(row: Row) -> bool:
    return all(map(is_blank, row.cells))


def _n_filled(row: Row) -> int:
    return sum(not is_blank(cell) for cell in row.cells)


def _texts(rows: Sequence[Row]) -> tuple[str, ...]:
    lines = ("; ".join(str(cell).strip() for cell in row.cells if not is_blank(cell)) for row in rows)
    return tuple(line for line in lines if line)


def header_position(rows: Sequence[Row]) -> int:
    """Position of the first row that is no title.

    Parameters
    ----------
    rows : sequence of Row
        A title is one cell alone, or stands apart above a blank line.
    """
    usual = _usual_width(rows)
    for position, row in enumerate(rows):
        n_filled = _n_filled(row)
        if n_filled == 0 or (n_filled == 1 and usual > 1):
            continue
        apart = position + 1 < len(rows) and _n_filled(rows[position + 1]) == 0
        if not (apart and len(row.cells) < usual):
            return position
    return next((position for position, row in enumerate(rows) if _n_filled(row)), 0)


def _usual_width(rows: Sequence[Row]) -> int:
    """Count the cells of most rows; notes of one cell may be more than the rows of a small table."""
    widths = Counter(len(row.cells) for row in rows if len(row.cells) > 1 and not _is_empty(row))
    return max(widths, key=widths.__getitem__, default=1)


def _end_of_table(rows: Sequence[Row], begin: int) -> int:
    """Position after the last row that is no note."""
    width = len(rows[begin].cells)
    end = len(rows)
    while end > begin + 1 and _may_be_note(rows, end - 1, width):
        end -= 1
    # What was passed over may be rows of data after all: the first of them tells.
    while end < len(rows) and not _is_note(rows, end):
        end += 1
    return end


def _may_be_note(rows: Sequence[Row], position: int, width: int) -> bool:
    row = rows[position]
    first = str(row.cells[0]) if len(row.cells) else ""
    if width > 1 and _NOTE.match(first):
        return True
    if width == 1 or not (_n_filled(row) <= 1 or len(row.cells) < width):
        return False
    return _n_filled(row) == 0 or len(row.cells) == 1 or any(letter.isalpha() for letter in first)


def _is_note(rows: Sequence[Row], position: int) -> bool:
    """Tell a row after which all are notes: it follows a blank line, or begins as notes do."""
    row = rows[position]
    if _n_filled(row) == 0:
        after = [r for r in rows[position:] if _n_filled(r) and not _NOTE.match(str(r.cells[0]))]
        return not any(
            len(one.cells) == len(other.cells) and min(_n_filled(one), _n_filled(other)) > 1
            for one, other in pairwise(after)
        )
    return bool(_NOTE.match(str(row.cells[0]))) and _n_filled(row) == 1


def _refuse_ragged(
    header: Row, inside: Sequence[Row], below: Sequence[Row], width: int, file: str, how: str
) -> None:
    ragged = [row.place for row in inside if len(row.cells) != width]
    if not ragged:
        return
    where = "its first line" if header.place == 1 else f"line {header.place}"
    more = f" and {len(ragged) - _LISTED} more" if len(ragged) > _LISTED else ""
    raise InvalidDataError(
        f"the file {file!r} has {width} columns in {where} but another number in line(s) "
        f"{', '.join(map(str, ragged[:_LISTED]))}{more}: decimal commas in a comma-separated file must be in "
        f"quotes, and notes below a table need a blank line above them{how}"
    )


def _name_of(cell: Any) -> str:
    if isinstance(cell, datetime.datetime | datetime.date):
        return cell.isoformat()[:10]
    return "" if is_blank(cell) else str(cell).strip().lstrip("\ufeff")


def _named_columns(names: Sequence[str], rows: Sequence[Row], line: int, file: str) -> list[int]:
    """Positions of columns to keep: those without a name and without values are no columns."""
    nameless = [i for i, name in enumerate(names) if not name]
    filled = [i for i in nameless if any(not is_blank(row.cells[i]) for row in rows)]
    problems = [
        f"column {i + 1} has values but no name in line {line}: a merged cell, or names in two lines?"
        for i in filled
        if i > 0
    ]
    twice = [name for name in dict.fromkeys(names) if name and names.count(name) > 1]
    problems += [f"the name {name!r} stands {names.count(name)} times in line {line}" for name in twice]
    numbers = [name for name in names if re.fullmatch(r"[+-]?[0-9][0-9.,]*", name)]
    if len(numbers) == len(names) and list(map(str, range(len(names)))) != list(names):
        problems.append(f"line {line} holds numbers where names of columns are needed")
    if problems:
        remedy = "write one line with a name for each column"
        raise InvalidDataError(f"the file {file!r}: names of columns cannot be read; {remedy}", problems)
    return sorted(set(range(len(names))) - (set(nameless) - set(filled)))


def lengthen(table: pd.DataFrame) -> pd.DataFrame:
    """Years side by side as rows, as Statistics Norway's CSV files have them.

    Parameters
    ----------
    table : DataFrame
        Columns such as ``2015``, ``2016`` or ``Frie inntekter 2015`` (a blank before the year), also months
        (``2015M01``), quarters (``2015K1``) and dates.

    Returns
    -------
    DataFrame
        One row for each time with a column ``year``, ``month``, ``quarter`` or ``date``; values under their
        own name, or ``value`` where the names are years alone; a column ``statistikkvariabel``
        (``contents``) becomes one column for each of its values. A table with a column of time, or with fewer
        than two such columns, is returned as it is.
    """
    if {str(name).strip().lower() for name in table.columns} & _TIME_NAMES:
        return table
    for time, pattern in _TIMES:
        found = {str(name): match for name in table.columns if (match := pattern.fullmatch(str(name)))}
        times = {match["time"] for match in found.values()}
        if len(times) > 1:
            return _long(table, time, {n: (m["what"] or VALUE, m["time"]) for n, m in found.items()})
    return table


def _long(table: pd.DataFrame, time: str, found: dict[str, tuple[str, str]]) -> pd.DataFrame:
    others = [name for name in table.columns if name not in found]
    pieces = []
    for when in dict.fromkeys(t for _, t in found.values()):
        renamed = {name: what for name, (what, t) in found.items() if t == when}
        piece = table[[*others, *renamed]].rename(columns=renamed)
        pieces.append(piece.assign(**{time: when, "_row": range(len(table))}))
    long = pd.concat(pieces, ignore_index=True).sort_values(["_row"], kind="stable", ignore_index=True)
    long = long[[*others, time, *dict.fromkeys(what for what, _ in found.values())]]
    measure = next((name for name in others if str(name).lower() in _MEASURES), None)
    return long if measure is None or VALUE not in long else _by_measure(long, measure, time)


def _by_measure(long: pd.DataFrame, measure: str, time: str) -> pd.DataFrame:
    keys = [name for name in long.columns if name not in (measure, VALUE)]
    if long.duplicated([*keys, measure]).any() or long[[*keys, measure]].isna().any(axis=None):
        return long
    wide = long.pivot(index=keys, columns=measure, values=VALUE)
    order = pd.MultiIndex.from_frame(long[keys].drop_duplicates())
    wide = wide.reindex(order)[list(long[measure].unique())]
    wide.columns.name = None
    return wide.reset_index()
