"""The printed cells of the report as data, exactly as printed."""

import pandas as pd

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.sources.embedded import embedded_path

TABLES = ("1", "A1", "A2", "A3")
# Health and care in all, as Statistics Norway codes it.
TOTAL_FUNCTION = "FGK9"
STATISTICS = (
    "amount_nok1000",
    "share_percent",
    "mean",
    "std_dev",
    "minimum",
    "maximum",
    "estimate",
    "std_error",
    "r_squared",
)
STARS = ("", "*", "**", "***")
COLUMNS = (
    "table",
    "row",
    "column",
    "printed",
    "value",
    "decimals",
    "stars",
    "statistic",
    "variable",
    "term",
    "period",
    "model",
    "reference",
)


def load_cells(*tables: str) -> pd.DataFrame:
    """Load the printed numeric cells of the report's tables, in the order of print.

    Parameters
    ----------
    *tables : str
        Any of ``"1"``, ``"A1"``, ``"A2"``, ``"A3"``; all of them if none is named.

    Returns
    -------
    DataFrame
        One row for each printed cell: ``table``, ``row`` and ``column`` (headings as printed),
        ``printed`` (text), ``value`` (number), ``decimals``, ``stars`` (of an estimate, else empty),
        ``statistic`` (one of `STATISTICS`), ``variable`` (the panel's column), ``term`` (of a regression,
        as in ``Estimate.coefficients``), ``period``, ``model``, ``reference`` (place in the report).

    Raises
    ------
    InvalidDataError
        If the embedded file breaks its schema; every fault is listed.

    Notes
    -----
    Source: Kostnadsvekst i den kommunale helse- og omsorgstjenesten (2021), table 1 in section 4.2 and
    tables A1 to A3 in appendix 1.
    """
    text_columns = dict.fromkeys((c for c in COLUMNS if c not in ("value", "decimals")), str)
    cells = pd.read_csv(
        embedded_path("published/report_003_tables.csv"), dtype=text_columns, keep_default_na=False
    )
    check_cells(cells)
    if tables:
        cells = cells[cells["table"].isin(tables)].reset_index(drop=True)
    return cells


def check_cells(cells: pd.DataFrame) -> None:
    """Check printed cells against their schema.

    Parameters
    ----------
    cells : DataFrame
        As returned by `load_cells`.

    Raises
    ------
    InvalidDataError
        Unknown table, statistic or stars; a value that is not what was printed; a cell that occurs twice.
        All faults are reported at once.
    """
    missing = [c for c in COLUMNS if c not in cells.columns]
    if missing:
        raise InvalidDataError(f"published cells lack the columns {', '.join(missing)}")
    problems = []
    for number, cell in enumerate(cells.to_dict("records"), start=2):
        where = f"line {number} (table {cell['table']}, {cell['row']}, {cell['column']})"
        for column, allowed in (("table", TABLES), ("statistic", STATISTICS), ("stars", STARS)):
            if cell[column] not in allowed:
                problems.append(f"{where}: {column} {cell[column]!r} is not one of {', '.join(allowed)}")
        if cell["stars"] and cell["statistic"] != "estimate":
            problems.append(f"{where}: stars on a {cell['statistic']}")
        decimals, value = parse_printed(cell["printed"])
        if (decimals, value) != (cell["decimals"], cell["value"]):
            problems.append(f"{where}: printed {cell['printed']!r} but stored as {cell['value']!r}")
    repeated = cells[cells.duplicated(["table", "row", "column"], keep=False)]
    problems += [f"table {c.table}, {c.row}, {c.column} occurs twice" for c in repeated.itertuples()]
    if problems:
        raise InvalidDataError(f"published cells: {len(problems)} problem(s)", problems)


def parse_printed(printed: str) -> tuple[int, float]:
    """Decimals and value of a number as printed in the report.

    Parameters
    ----------
    printed : str
        With blanks between thousands and a point or a comma before the decimals.

    Returns
    -------
    decimals : int
    value : float
    """
    plain = printed.replace(" ", "").replace(",", ".")
    return len(plain.partition(".")[2]), float(plain)
