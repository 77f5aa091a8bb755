"""Relations that should hold among printed tables, found by words and by the numbers that do agree."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from numbers import Real
from typing import Any

import pandas as pd

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.municipal.printed_statements import Printed, Statement, decimals_of, judge, read_printed

# A relation is taken to be meant where at least so many columns, and such a share of them, agree ...
_AGREEING, _SHARE = 2, 0.3
# ... to this part of the number: coarser numbers agree by chance.
_FINE = 0.005
_FINE_INDEX = 0.2  # of an index; means of one digit give coarser ones
_DIGITS = 100.0  # numbers from here on that are equal twice are the same number
_COUNTED = re.compile(r"^(unike\s+)?(brukere|plasser|årsverk|users|places|man-years|personer|persons)", re.I)
_COUNTED_BY_NAME = re.compile(r"place_|places|plass|users|bruker|fte|årsverk|coverage|dekning", re.I)
_EXACT = re.compile(r"^(brukere|plasser|users|places|personer|persons)$", re.I)
_TOTAL = re.compile(r"\b(totalt|total|sum|i alt|samlet)\b", re.I)
_NET, _REFUND = re.compile(r"netto|\bnet\b", re.I), re.compile(r"refusjon|tilskudd|refund|grant", re.I)
_GROSS = re.compile(r"brutto|gross|ikke fratrukket", re.I)
_AGES = (re.compile(r"\bbarn\b|children|0-1[78]", re.I), re.compile(r"voksne|adults|18-67|over 18", re.I))
_GROUPS = (re.compile(r"utviklingsh|\bpu\b|intellectual", re.I), re.compile(r"psyk|\bmh\b|mental", re.I))


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """A table as printed.

    Attributes
    ----------
    id, title, unit, source : str
    rows : dict of str to dict
        Label -> column -> number; cells without one lack.
    """

    id: str
    title: str
    unit: str
    source: str
    rows: Mapping[str, Mapping[str, Printed]]


Row = Mapping[str, Printed]


def read_table_as_printed(table: pd.DataFrame | Mapping[str, Any], name: str) -> PrintedTable:
    """Read a printed table.

    Parameters
    ----------
    table : DataFrame or mapping
        See `kostnadsvekst.municipal.contradictions.contradictions`.
    name : str
        Its id where it says none.

    Raises
    ------
    InvalidDataError
        Rows that have more values than there are columns, or no label.
    """
    if isinstance(table, pd.DataFrame):
        about: Mapping[str, Any] = table.attrs
        columns = [str(c) for c in table.columns]
        lines = [
            (str(label), list(row)) for label, row in zip(table.index, table.to_numpy(object), strict=True)
        ]
    elif isinstance(table, Mapping) and all(
        isinstance(table.get(k), list | tuple) for k in ("columns", "rows")
    ):
        about, columns = table, [str(c) for c in table["columns"]]
        lines = [_line(row, name) for row in table["rows"]]
    else:
        raise InvalidDataError(f"{name}: neither a frame nor a mapping with columns and rows")
    key, unit = str(about.get("id", name)), str(about.get("unit", ""))
    problems = [
        f"{key}, {label!r}: {len(values)} values in {len(columns)} columns"
        for label, values in lines
        if len(values) > len(columns)
    ]
    if problems:
        raise InvalidDataError(f"{key}: {len(problems)} problem(s)", problems)
    exact = bool(_EXACT.match(unit.strip()))
    rows = {
        label: _read_row(columns, values, exact) for label, values in lines if len(values) == len(columns)
    }
    return PrintedTable(key, str(about.get("title", "")), unit, str(about.get("source", key)), rows)


def _line(row: object, name: str) -> tuple[str, list[object]]:
    values = row.get("values", ()) if isinstance(row, Mapping) else None
    if isinstance(values, str) or not isinstance(values, Iterable) or not isinstance(row, Mapping):
        raise InvalidDataError(f"{name}: a row has a label and a list of values")
    return str(row.get("label", "")), list(values)


def _read_row(columns: Sequence[str], values: Sequence[object], exact: bool) -> dict[str, Printed]:
    """Numbers of a row; all have as many decimals as the one with most."""
    decimals = max((_shown(value) for value in values), default=0)
    found = {}
    for column, value in zip(columns, values, strict=True):
        number = read_printed(value, None if isinstance(value, str) else decimals)
        if number is not None:
            hidden = isinstance(value, str) and "<" in value
            found[_plain(column)] = Printed(number.value) if exact and not hidden else number
    return found


def _shown(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, Real):
        return 0
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return 0
    return decimals_of(number, keep=False) if number.is_finite() else 0


def _plain(column: str) -> str:
    """Name of a column without the two digits of a year."""
    return re.sub(r"\s+\d\d$", "", column.strip())


def relations(tables: Sequence[PrintedTable]) -> list[Statement]:
    """Relations that the tables claim.

    Parameters
    ----------
    tables : sequence of PrintedTable

    Returns
    -------
    list of Statement

    Notes
    -----
    By words: a row called total is the sum of rows above it, where that holds in a column; a gross table by
    service beside net and refund of the same group of users. By numbers: two tables (rows) are taken to tell
    the same where at least two columns, and three in ten, agree to half a per cent; then the other columns
    should agree, too. Tables are compared where they have two columns in common.
    """
    single = [_totals, _shares, _negatives]
    found = [s for table in tables for find in single for s in find(table)]
    columns = {id(table): {c for row in table.rows.values() for c in row} for table in tables}
    for pair in itertools.combinations(tables, 2):
        if len(columns[id(pair[0])] & columns[id(pair[1])]) >= _AGREEING:
            found += _same_rows(*pair)
            for one, other in (pair, pair[::-1]):
                found += [*_sums_between(one, other), *_indices(one, other)]
    return list({s.id: s for s in found}.values())


# --- In one table


def _totals(table: PrintedTable) -> Iterator[Statement]:
    above: list[Row] = []
    for label, row in table.rows.items():
        if _TOTAL.search(label) and len(above) > 1:
            yield from _nearest_sum(table, above, row, label)
            above = []
        else:
            above.append(row)


def _nearest_sum(table: PrintedTable, above: list[Row], row: Row, label: str) -> list[Statement]:
    """Rows above a total that sum to it in most columns; nothing where they do in none."""
    runs = [above[k:] for k in range(len(above) - 1)] + [above[:k] for k in range(2, len(above))]
    tried = [list(_per_column(table, run, row, f"sum of parts, {label}")) for run in runs]
    agreeing = [sum(_agrees(s) for s in found if len(s.parts) > 1) for found in tried]
    return tried[agreeing.index(max(agreeing))] if max(agreeing) else []


def _shares(table: PrintedTable) -> Iterator[Statement]:
    if not re.search(r"prosent|per ?cent|%", table.unit, re.I) or re.search(r"snitt|mean", table.unit, re.I):
        return
    columns = list(dict.fromkeys(c for row in table.rows.values() for c in row))
    by_row = {label: list(row.values()) for label, row in table.rows.items()}
    by_column = {c: [row[c] for row in table.rows.values() if c in row] for c in columns}
    for lines in (by_row, by_column):
        sums = [
            Statement(
                f"{table.id}|{name}|100",
                f"shares sum to 100: {name}",
                table.source,
                tuple((1.0, n) for n in numbers),
                Printed(100.0),
            )
            for name, numbers in lines.items()
            if len(numbers) > 2
        ]
        if sums and sum(map(_agrees, sums)) >= len(sums) / 2:
            yield from sums


def _negatives(table: PrintedTable) -> Iterator[Statement]:
    """Hold negative counts against zero."""
    named = _COUNTED_BY_NAME.search(f"{table.id} {table.title}")
    if not (_COUNTED.match(table.unit.strip()) or (named and not table.unit)):
        return
    for label, row in table.rows.items():
        for column, number in row.items():
            if number.value < 0:
                what = f"negative: {label}, {column}"
                yield Statement(
                    f"{table.id}|{label}|{column}|negative",
                    what,
                    table.source,
                    ((1.0, Printed(0.0)),),
                    number,
                )


# --- Between tables


def _sums_between(parts: PrintedTable, whole: PrintedTable) -> Iterator[Statement]:
    """Rows of one table against a row, or net and refund, of another."""
    if len(parts.rows) < 2 or _first(parts.unit) != _first(whole.unit):
        return
    rows = list(parts.rows.values())
    for label, row in whole.rows.items():
        found = list(_per_column(parts, rows, row, f"sum of {parts.id} against {label}", whole))
        if _meant(found):
            yield from found
    for refund, net in itertools.permutations(whole.rows, 2):
        if (
            _REFUND.search(refund)
            and _NET.search(net)
            and not _NET.search(refund)
            and _same_ages(refund, net)
        ):
            found = list(_gross(parts, whole, refund, net))
            if _gross_of(parts, whole, refund) or _meant(found):
                yield from found


def _gross(parts: PrintedTable, whole: PrintedTable, refund: str, net: str) -> Iterator[Statement]:
    """Net + refund against the sum of services."""
    rows = list(parts.rows.values())
    columns = [c for c in whole.rows[net] if any(c in row for row in rows)]
    for column in columns:
        named = [whole.rows[name].get(column, Printed(0.0)) for name in (net, refund)]
        services = [(1.0, row[column]) for row in rows if column in row]
        total = Printed(sum(n.value for _, n in services), sum(n.half for _, n in services))
        yield Statement(
            f"{parts.id}|{whole.id}|{refund}|{column}",
            f"gross = net + refund against the sum of services: {parts.id}, {column}",
            f"{parts.source}; {whole.source}",
            tuple((1.0, n) for n in named),
            total,
        )


def _gross_of(parts: PrintedTable, whole: PrintedTable, refund: str) -> bool:
    """Whether words tell that a table of gross costs and a refund are of the same users."""
    gross, net = f"{parts.id} {parts.title} {parts.unit}", f"{whole.id} {whole.title}"
    return bool(
        (
            _GROSS.search(gross)
            and _GROUPS[0].search(gross.replace("_", " "))
            and _GROUPS[0].search(net.replace("_", " "))
        )
        or (
            _GROSS.search(gross)
            and _GROUPS[1].search(gross.replace("_", " "))
            and _GROUPS[1].search(net.replace("_", " "))
        )
    ) and _same_ages(gross, refund if any(a.search(refund) for a in _AGES) else f"{net} {whole.unit}")


def _same_ages(one: str, other: str) -> bool:
    kinds = [tuple(bool(age.search(text.replace("_", " "))) for age in _AGES) for text in (one, other)]
    return kinds[0] == kinds[1]


def _same_rows(one: PrintedTable, other: PrintedTable) -> Iterator[Statement]:
    """Compare a row that two tables print."""
    kinds = [bool(_GROSS.search(f"{t.id} {t.title} {t.unit}")) for t in (one, other)]
    if _first(one.unit) != _first(other.unit) or kinds[0] != kinds[1]:
        return
    for (a, left), (b, right) in itertools.product(one.rows.items(), other.rows.items()):
        both = [c for c in left if c in right]
        equal = [c for c in both if left[c] == right[c] and abs(left[c].value) >= _DIGITS]
        if len(equal) >= _AGREEING and len(equal) >= _SHARE * len(both):
            for column in both:
                yield Statement(
                    f"{one.id}|{other.id}|{a}|{b}|{column}",
                    f"printed twice: {a} and {b}, {column}",
                    f"{one.source}; {other.source}",
                    ((1.0, left[column]),),
                    right[column],
                )


def _indices(table: PrintedTable, index: PrintedTable) -> Iterator[Statement]:
    """Own / mean × 100, where the mean is the column that is 100."""
    for (label, row), (name, indices) in itertools.product(table.rows.items(), index.rows.items()):
        means = [c for c in row if c in indices and _is_mean(c, row[c], indices[c])]
        if len(means) != 1:
            continue
        found = [
            Statement(
                f"{table.id}|{index.id}|{label}|{name}|{column}",
                f"index = own / mean × 100: {name}, {column}",
                f"{table.source}; {index.source}",
                ((1.0, row[column]),),
                number,
                (),
                (row[means[0]],),
                100.0,
            )
            for column, number in indices.items()
            if column in row and column != means[0]
        ]
        fine = [s for s in found if judge(s).slack <= _FINE_INDEX * s.result.value]
        if len(fine) > _AGREEING and sum(map(_agrees, fine)) >= len(fine) - 1:
            yield from found


def _is_mean(column: str, mean: Printed, index: Printed) -> bool:
    named = re.search(r"snitt|mean", column, re.I)
    return named is not None and index.value == 100.0 and mean.value > mean.half


# --- Whether a relation is meant


def _per_column(
    table: PrintedTable, rows: Sequence[Row], total: Row, what: str, other: PrintedTable | None = None
) -> Iterator[Statement]:
    for column, number in total.items():
        parts = tuple((1.0, row[column]) for row in rows if column in row)
        if parts:
            source = table.source if other is None else f"{table.source}; {other.source}"
            where = table.id if other is None else f"{table.id}|{other.id}"
            yield Statement(f"{where}|{what}|{column}", f"{what}: {column}", source, parts, number)


def _meant(found: Sequence[Statement]) -> bool:
    fine = [s for s in found if _agrees(s) and len(s.parts) > 1 and _slack(s) <= _FINE * abs(s.result.value)]
    return len(fine) >= _AGREEING and len(fine) >= _SHARE * len(found)


def _slack(statement: Statement) -> float:
    return statement.result.half + sum(abs(w) * n.half for w, n in statement.parts)


def _agrees(statement: Statement) -> bool:
    return judge(statement).holds


def _first(unit: str) -> str:
    words = re.findall(r"\w+", unit.casefold())
    return words[0] if words else ""
