"""What the report prints, as data: the cells of its tables and the claims of its running text."""

from collections.abc import Hashable, Iterator, Mapping
from functools import lru_cache
from typing import Any

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

EVIDENCE = ("identity", "input", "consequence", "none")
CLAIM_COLUMNS = (
    "chapter",
    "id",
    "place",
    "row",
    "column",
    "quote",
    "printed",
    "measure",
    "value",
    "low",
    "high",
    "decimals",
    "evidence",
    "note",
    "quantity",
    "period",
    "unit",
    "computable_from",
    "same_as",
    "role",
    "word",
    "settled_by",
)
# What a row is to its claim: the claim itself, a stronger or weaker way to the same number, something that
# must hold as well, or another reading of the sentence.
ROLES = ("", "evidence", "part", "wording")
_CLAIM_NUMBERS = ("value", "low", "high", "decimals")
_ROUNDING = 1e-9


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


def load_claims(*chapters: str) -> pd.DataFrame:
    """Load the claims of the running text, in the order of the file.

    Parameters
    ----------
    *chapters : str
        Any of ``"growth"``, ``"table-1"``, ``"kpr"``, ``"ohd"`` (computed in those chapters), ``"printed"``,
        ``"national"``, ``"panel"`` and ``"external"`` (in the chapter on claims); all of them if none is
        named.

    Returns
    -------
    DataFrame
        One row for each claim and each further way to it (``C188-acute``): ``chapter``, ``id``, ``place``
        (section), ``row`` and ``column`` (what it is about), ``quote``, ``printed`` (text; empty where the
        quote says it), ``measure`` (what is to be
        computed, such as ``growth_real:FGK9:2015:2020``), ``value`` (NaN where the claim is no number),
        ``low`` and ``high`` (what the wording allows; NaN: half a unit of the last printed digit),
        ``decimals``, ``evidence`` (what agreement proves on the synthetic data: one of `EVIDENCE`, "none"
        where no data at hand hold it), ``note``, ``quantity``, ``period``, ``unit``, ``computable_from`` (of
        the file of claims), ``same_as`` (claim that says the same elsewhere), ``role`` (one of `ROLES`),
        ``word`` (of size, in ``parameters/claim_words.csv``: gives ``low`` and ``high``) and ``settled_by``
        (in ``parameters/claim_sources.csv``: what would settle a claim that no data at hand hold).

    Raises
    ------
    InvalidDataError
        If the embedded file breaks its schema; every fault is listed.
    """
    claims = _read_claims().copy()
    return claims[claims["chapter"].isin(chapters)].reset_index(drop=True) if chapters else claims


@lru_cache(maxsize=1)
def _read_claims() -> pd.DataFrame:
    text = dict.fromkeys((c for c in CLAIM_COLUMNS if c not in _CLAIM_NUMBERS), str)
    path = embedded_path("published/report_003_claims.csv")
    blank_is_missing = {name: [""] for name in _CLAIM_NUMBERS}
    claims = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=blank_is_missing)
    check_claims(claims)
    return claims


def check_claims(claims: pd.DataFrame) -> None:
    """Check claims against their schema.

    Parameters
    ----------
    claims : DataFrame
        As returned by `load_claims`.

    Raises
    ------
    InvalidDataError
        An id that occurs twice, an unknown class of evidence or role, no measure or quote, nothing that would
        settle what is not computed, a duplicate of a claim that is not there or is itself a duplicate, an
        interval with one end or that does not hold its value. All faults are reported at once.
    """
    missing = [c for c in CLAIM_COLUMNS if c not in claims.columns]
    if missing:
        raise InvalidDataError(f"claims lack the columns {', '.join(missing)}")
    problems = [f"{name} occurs twice" for name in claims.loc[claims["id"].duplicated(), "id"]]
    problems += [fault for claim in claims.to_dict("records") for fault in _claim_faults(claim)]
    first = set(claims.loc[claims["same_as"] == "", "id"])
    problems += [
        f"{c.id}: same as {c.same_as!r}, which is no claim of its own"
        for c in claims.itertuples()
        if c.same_as and c.same_as not in first
    ]
    if problems:
        raise InvalidDataError(f"claims: {len(problems)} problem(s)", problems)


def _claim_faults(claim: Mapping[Hashable, Any]) -> Iterator[str]:
    name, low, high, value = (claim[column] for column in ("id", "low", "high", "value"))
    if claim["evidence"] not in EVIDENCE:
        yield f"{name}: evidence {claim['evidence']!r} is not one of {', '.join(EVIDENCE)}"
    if claim["role"] not in ROLES:
        yield f"{name}: role {claim['role']!r} is not one of {', '.join(role or 'blank' for role in ROLES)}"
    needed = ("quote", "measure", "settled_by") if claim["evidence"] == "none" else ("quote", "measure")
    yield from (f"{name}: no {column}" for column in needed if not claim[column])
    if pd.isna(low) != pd.isna(high):
        yield f"{name}: an interval with one end only"
    elif pd.notna(low) and not low <= value <= high:
        yield f"{name}: {value:g} is outside {low:g} to {high:g}"


def printed_value(measure: str) -> float:
    """Return the number that the report prints for a measure, with the most decimals where it does so twice.

    Parameters
    ----------
    measure : str
        As in the column ``measure`` of `load_claims`.

    Raises
    ------
    InvalidDataError
        If the report prints no number for it, or numbers that no single one rounds to.
    """
    claims = _read_claims()
    found = claims[(claims["measure"] == measure) & claims["value"].notna()]
    if found.empty:
        raise InvalidDataError(f"the report prints no number for {measure!r}")
    value = float(found.sort_values("decimals", kind="stable")["value"].iloc[-1])
    half = 0.5 * 10.0 ** -found["decimals"] + _ROUNDING
    low, high = found["low"].fillna(found["value"] - half), found["high"].fillna(found["value"] + half)
    outside = found[(value < low) | (value > high)]
    if len(outside):
        listed = [f"{c.id} ({c.place}): {c.value:g}" for c in found.itertuples()]
        raise InvalidDataError(f"the report contradicts itself on {measure!r}", listed)
    return value


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


def load_codebook() -> pd.DataFrame:
    """Table A4: what each function of the accounts covers.

    Returns
    -------
    DataFrame
        ``function``, ``description_nb`` (the report's words, shortened), ``description_en``, ``source`` (the
        Ministry's guidance that the report quotes).
    """
    return pd.read_csv(embedded_path("published/kostra_functions.csv"), dtype=str)


def load_municipal_economy() -> pd.DataFrame:
    """Numbers of section 4.1, which the report quotes and which nothing here is computed from.

    Returns
    -------
    DataFrame
        ``measure``, ``year``, ``value``, ``wording``, ``unit``, ``source``, ``place``.
    """
    economy = pd.read_csv(embedded_path("published/municipal_economy.csv"))
    return economy.assign(year=economy["year"].astype("Int64"))
