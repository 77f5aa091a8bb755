"""Printed numbers that contradict each other by more than their rounding."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.municipal.printed_relations import PrintedTable, read_table_as_printed, relations
from kostnadsvekst.municipal.printed_statements import Judgement, Statement, judge, read_statements

COLUMNS = ("id", "what", "a", "b", "difference", "slack", "source")
Tables: TypeAlias = Mapping[str, Any] | Sequence[Any] | pd.DataFrame


def contradictions(tables: Tables, *, agreeing: bool = False) -> pd.DataFrame:
    """Find what printed tables contradict: sums, gross and net, rates, shares, repeated numbers, texts.

    Parameters
    ----------
    tables : mapping, sequence, or DataFrame
        Tables as they are printed, by name, of two kinds that can be mixed.

        *Numbers with roles*: a frame with ``id`` (the rows of one relation), ``role``, ``value``, and
        optionally ``what``, ``source``, ``per`` and ``decimals`` (where the value does not show them). Sum of
        parts × factors / divisors × per should be the result. Roles: ``part`` (``net``, ``refund``,
        ``numerator``, ``amount``, ``cost``, ``fte``), ``minus``, ``factor``, ``divisor`` (``denominator``,
        ``whole``, ``mean``), ``result`` (``total``, ``gross``, ``rate``, ``share``, ``index``, ``printed``);
        ``count`` (``users``, ``places``: parts), ``times`` (a factor) and ``population`` (``recipients``:
        divisors) are exact whole numbers. ``own``, ``mean`` and ``text`` ("higher", "lavere") hold a
        sentence against a table.

        *Printed tables*: a frame (index: labels; ``attrs`` may have title, unit and source), or a mapping
        with ``columns``, ``rows`` (each ``label`` and ``values``), and ``id``, ``title``, ``unit``,
        ``source``. What should hold is found by `printed_relations.relations`: totals and their parts in a
        table and between tables, gross = net + refund, shares that sum to 100, the same row printed twice,
        indices, negative counts. Texts keep their digits: ``"17,50"`` has two; in a row of numbers all have
        as many decimals as the one with most.
    agreeing : bool
        Also give the relations that hold.

    Returns
    -------
    DataFrame
        ``id, what, a, b, difference, slack, source``: `a` as it follows from the printed numbers, `b` as
        printed, b − a, and by how much rounding of all printed digits can explain a difference.

    Raises
    ------
    InvalidDataError
        Tables that cannot be read: all faults, with the relation or table.

    Notes
    -----
    Slack: half a unit of the last printed digit of every number, carried through sums, products and quotients
    by interval arithmetic. Sources: SPEC's list of contradictions in Harstad 2023, Ålesund 2020, Lier 2017.
    """
    statements, printed = _read(tables)
    found = [*statements, *relations(printed)]
    judged = [(statement, judge(statement)) for statement in found]
    rows = [_row(statement, judgement) for statement, judgement in judged if agreeing or not judgement.holds]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype(dict.fromkeys(("a", "b", "difference", "slack"), float))


def _read(tables: Tables) -> tuple[list[Statement], list[PrintedTable]]:
    statements: list[Statement] = []
    printed: list[PrintedTable] = []
    problems: list[str] = []
    for name, table in _named(tables):
        try:
            if isinstance(table, pd.DataFrame) and {"id", "role", "value"} <= set(table.columns):
                statements += read_statements(table, name)
            else:
                printed.append(read_table_as_printed(table, name))
        except InvalidDataError as error:
            problems += error.problems or [f"{name}: {error.summary}"]
    if problems:
        raise InvalidDataError(f"printed tables: {len(problems)} problem(s)", problems)
    return statements, printed


def _named(tables: Tables) -> Iterable[tuple[str, Any]]:
    if isinstance(tables, pd.DataFrame) or (isinstance(tables, Mapping) and "rows" in tables):
        return [("table 1", tables)]
    if isinstance(tables, Mapping):
        return [(str(name), table) for name, table in tables.items()]
    if isinstance(tables, str) or not isinstance(tables, Sequence):
        raise SpecificationError(f"tables is a mapping or a sequence of tables, not {type(tables).__name__}")
    return [(f"table {k + 1}", table) for k, table in enumerate(tables)]


def _row(statement: Statement, judged: Judgement) -> dict[str, Any]:
    a, b = judged.computed, statement.result.value
    row = (statement.id, statement.what, a, b, b - a, judged.slack, statement.source)
    return dict(zip(COLUMNS, row, strict=True))
