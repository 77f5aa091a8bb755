"""Reading counts, accounts, populations and need indices: all faults at once, with place and remedy."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.errors import DataWarning, InvalidDataError
from kostnadsvekst.municipal.user_group_terms import (
    AGE_COLUMNS,
    ALL,
    BOUGHT,
    GROUPS,
    KINDS,
    OWN,
    PLACE_KINDS,
    PROVISIONS,
    UNIQUE,
    CareFunction,
    care_functions,
    services,
)
from kostnadsvekst.naming import first_of, nearest_names, require_columns

PLACE_YEAR = ("municipality", "year")
CELL = ("municipality", "year", "group", "service", "provision")
COUNTS = ("users", "places", "units", "fte")
AMOUNTS = ("gross_kr", "net_kr", "refund_kr")
_ORE = 0.015  # gross, net and refund are each rounded to an øre
_YEARS = (1900, 2200)


@dataclass(frozen=True, slots=True)
class Table:
    """What a table must have.

    Attributes
    ----------
    keys : tuple of str
        Columns of text (``year``: whole number); missing is a fault.
    numbers : tuple of str
        Columns of numbers; missing is a fault.
    counts : tuple of str
        Columns of numbers that may lack, or be missing in a row; never negative.
    whole_rows : bool
        Whether two rows that agree in everything but numbers are a fault.
    """

    keys: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    whole_rows: bool = True


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a profile is made of, read and checked.

    Attributes
    ----------
    counts : DataFrame
        `CELL`, ``kind``, `COUNTS`.
    accounts : DataFrame
        `CELL`, ``kind``, ``function`` where given, `AMOUNTS`; functions outside care are left out.
    places : DataFrame, index municipality and year
        ``population``, ``adjusted`` (population × need index), ``adjusted_pu`` where given, age groups.
    left_out : tuple of str
        What was left out, and why.
    """

    counts: pd.DataFrame
    accounts: pd.DataFrame
    places: pd.DataFrame
    left_out: tuple[str, ...]


def read_inputs(
    counts: pd.DataFrame, accounts: pd.DataFrame, population: pd.DataFrame, need_index: pd.DataFrame | float
) -> Inputs:
    """Read and check the four tables of a profile.

    Parameters
    ----------
    counts, accounts, population, need_index
        As `kostnadsvekst.municipal.user_groups.profile`.

    Raises
    ------
    InvalidDataError
        All faults of the four tables.
    DataMissingError
        Columns that lack.
    """
    problems: list[str] = []
    read_counts = _attempt(problems, _counts, counts)
    read_accounts = _attempt(problems, _accounts, accounts)
    people = _attempt(problems, _population, population)
    needs = _attempt(problems, _need, need_index, population)
    if people is not None and needs is not None:
        cells = [t for t in (read_counts, read_accounts) if t is not None]
        problems += _unknown_places(cells, people, needs)
    if problems:
        raise InvalidDataError(f"user groups: {len(problems)} problem(s)", first_of(problems, 50))
    assert read_counts is not None
    assert read_accounts is not None
    assert people is not None
    assert needs is not None
    inside, left_out = _inside_care(read_accounts)
    return Inputs(read_counts, inside, _denominators(people, needs), left_out)


def read_table(frame: pd.DataFrame, name: str, table: Table) -> pd.DataFrame:
    """Columns with their types, or all that is wrong with them.

    Parameters
    ----------
    frame : DataFrame
    name : str
        What the table is called in messages.
    table : Table

    Returns
    -------
    DataFrame
        All columns; keys as text, year as int, numbers as float.

    Raises
    ------
    InvalidDataError, DataMissingError
    """
    require_frame(frame, name)
    given = [c for c in (*table.counts, "kind") if c in frame.columns]
    require_columns((*table.keys, *table.numbers, *given), frame.columns)
    read = frame.reset_index(drop=True).copy()
    problems = [*_read_keys(read, table.keys)]
    for column in (*table.numbers, *(c for c in table.counts if c in frame)):
        problems += _read_number(read, column, column in table.numbers, column in table.counts)
    if table.whole_rows and not problems:
        problems += _repeated(read, {*table.numbers, *table.counts})
    if problems:
        raise InvalidDataError(f"{name}: {len(problems)} problem(s)", first_of(problems, 50))
    return read


def require_frame(frame: object, name: str) -> None:
    """Refuse what is no data frame.

    Parameters
    ----------
    frame : object
    name : str
        What it should be.

    Raises
    ------
    InvalidDataError
    """
    if not isinstance(frame, pd.DataFrame):
        raise InvalidDataError(f"{name}: a data frame is needed, not {type(frame).__name__}")


def strict_sums(table: pd.DataFrame, keys: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """Sum by keys; a sum with an unknown part is unknown.

    Parameters
    ----------
    table : DataFrame
    keys, columns : sequence of str
    """
    return table.groupby(list(keys))[list(columns)].sum(skipna=False)


def where_of(row: pd.Series) -> str:
    """Municipality, year and what else tells a row from others."""
    parts = [str(row[c]) for c in (*CELL, "function") if c in row and str(row[c]) not in ("", "nan")]
    return f"row {int(row.name) + 1} ({', '.join(parts)})"


def explain_function(function: CareFunction, year: int) -> str:
    """Why a function is not in the accounts of a year, and what to use."""
    if year > function.last:
        instead = f"; use {' and '.join(function.became)}" if function.became else ""
        return f"function {function.code} ended with {function.last}{instead}"
    earlier = [f.code for f in care_functions().values() if function.code in f.became]
    instead = f"; use {' and '.join(earlier)}" if earlier else ""
    return f"function {function.code} exists from {function.first}{instead}"


def _attempt(problems: list[str], read: Callable[..., pd.DataFrame], *tables: object) -> pd.DataFrame | None:
    """Give the table, or nothing and its faults among the problems."""
    try:
        return read(*tables)
    except InvalidDataError as error:
        name = read.__name__.strip("_")
        problems += [f"{name}: {problem}" for problem in error.problems] or [f"{name}: {error.summary}"]
        return None


def _counts(frame: pd.DataFrame) -> pd.DataFrame:
    given = read_cell_names(frame)
    read = read_table(given, "counts", Table(CELL, (), COUNTS))
    for column in COUNTS:
        read[column] = read[column].astype(float) if column in read else np.nan
    problems = [*_not_whole(read), *_more_than_unique(read)]
    if problems:
        raise InvalidDataError("counts: faults", problems)
    summed, problems = _agreeing_sums(read, list(COUNTS))
    homes, more = _nursing_homes_once(summed)
    if problems or more:
        raise InvalidDataError("counts: faults", [*problems, *more])
    return homes


def _accounts(frame: pd.DataFrame) -> pd.DataFrame:
    given = read_cell_names(frame)
    amounts = tuple(c for c in AMOUNTS if c in given)
    if len(amounts) < 2:
        require_columns(("gross_kr", "refund_kr"), given.columns)
    function = ("function",) if "function" in given else ()
    read = read_table(given, "accounts", Table((*CELL, *function), amounts))
    problems = [*_complete_amounts(read), *_dated(read)]
    if problems:
        raise InvalidDataError("accounts: faults", problems)
    return read


def _population(frame: pd.DataFrame) -> pd.DataFrame:
    columns = getattr(frame, "columns", ())
    wide = _wide(frame) if "age" in columns else frame
    ages = tuple(c for c in AGE_COLUMNS.values() if c in getattr(wide, "columns", ()))
    read = read_table(wide, "population", Table(PLACE_YEAR, ("population",), ages))
    problems = [
        f"{where_of(row)}: {column} is {row[column]:g}; give the number of inhabitants"
        for column in ("population", *ages)
        for _, row in read[~(read[column].isna() | (read[column] > 0))].iterrows()
    ]
    problems += [
        f"{where_of(row)}: {column} {row[column]:g} is more than all inhabitants"
        for column in ages
        for _, row in read[read[column] > read["population"]].iterrows()
    ]
    if problems:
        raise InvalidDataError("population: faults", problems)
    return read.set_index(list(PLACE_YEAR))[["population", *ages]]


def _need(need_index: pd.DataFrame | float, population: pd.DataFrame) -> pd.DataFrame:
    """Need index (and index of intellectual disability) by municipality and year; about one."""
    if isinstance(need_index, Real) and isinstance(population, pd.DataFrame):
        require_columns(PLACE_YEAR, population.columns)
        need_index = population[list(PLACE_YEAR)].drop_duplicates().assign(need_index=float(need_index))
    pu = ("pu_index",) if "pu_index" in getattr(need_index, "columns", ()) else ()
    read = read_table(need_index, "need_index", Table(PLACE_YEAR, ("need_index", *pu)))
    problems = [
        f"{where_of(row)}: {column} is {row[column]:g}; give it as a factor (97.2 per cent is 0.972)"
        for column in ("need_index", *pu)
        for _, row in read[~read[column].between(0.1, 10.0)].iterrows()
    ]
    if problems:
        raise InvalidDataError("need_index: faults", problems)
    return read.set_index(list(PLACE_YEAR))[["need_index", *pu]]


def _wide(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each municipality and year, from one for each age group."""
    require_columns((*PLACE_YEAR, "age", "population"), frame.columns)
    names = {ALL: "population", **AGE_COLUMNS}
    unknown = sorted(set(frame["age"].astype(str)) - set(names))
    twice = frame[frame.duplicated([*PLACE_YEAR, "age"])]
    problems = [f"age {age!r}; known are {', '.join(names)}" for age in unknown]
    problems += [f"{where_of(row)}, age {row['age']}: stands twice" for _, row in twice.iterrows()]
    if problems:
        raise InvalidDataError("population: faults", problems)
    wide = frame.assign(age=frame["age"].astype(str).map(names))
    return wide.pivot(index=list(PLACE_YEAR), columns="age", values="population").reset_index()


def read_cell_names(frame: pd.DataFrame) -> pd.DataFrame:
    """Group, service and provision by their codes.

    Parameters
    ----------
    frame : DataFrame
        Codes, or names in Norwegian or English; an empty service or provision is ``"all"``. Words that are
        not known stay as they are.

    Raises
    ------
    InvalidDataError
        Something else than a frame.
    """
    require_frame(frame, "counts or accounts")
    given = frame.copy()
    if "provision" not in given:
        given["provision"] = ALL
    for column in ("service", "provision"):
        if column in given:
            given[column] = given[column].astype(object).where(given[column].notna(), ALL).replace("", ALL)
    known = {code: service.label for code, service in services().items()}
    for column, labels in (("group", GROUPS), ("service", known), ("provision", PROVISIONS)):
        if column in given:
            codes = {str(n).casefold(): code for code, label in labels.items() for n in (code, *label)}
            given[column] = map_distinct(given[column], partial(_code, codes))
    return given


def _code(codes: Mapping[str, str], value: object) -> object:
    return codes.get(str(value).strip().casefold(), value)


def map_distinct(column: pd.Series, function: Callable[[Any], Any]) -> pd.Series:
    """Apply a function to each distinct value; missing values stay missing.

    Parameters
    ----------
    column : Series
    function : callable
        Of a value that is not missing.

    Returns
    -------
    Series of object
    """
    mixed = column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) != "string"
    if mixed:  # 1, 1.0 and True are one value to a hash, and three to a reader
        return column.astype(object).map(function, na_action="ignore")
    codes, distinct = pd.factorize(column)
    values = np.empty(len(distinct) + 1, dtype=object)
    values[:-1] = [function(value) for value in distinct.tolist()]
    values[-1] = None  # the code of what is missing is -1
    return pd.Series(values[codes], index=column.index, name=column.name, dtype=object)


def _read_keys(read: pd.DataFrame, keys: Sequence[str]) -> Iterator[str]:
    for column in keys:
        missing = read[column].isna() | map_distinct(read[column], _is_blank).eq(True)
        if column == "reason":
            read[column] = read[column].astype(object).where(~missing, "").astype(str)
            continue
        yield from (f"row {k + 1}: {column} is empty" for k in np.flatnonzero(missing))
        if column == "year":
            yield from _read_years(read, missing)
        else:
            read[column] = read[column].astype(object).where(missing, map_distinct(read[column], _text))
    yield from _unknown_words(read, keys)


def _is_blank(value: object) -> bool:
    return not str(value).strip()


def _text(value: object) -> str:
    """Codes that a spreadsheet made numbers are texts again."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _read_years(read: pd.DataFrame, missing: pd.Series) -> Iterator[str]:
    years = _as_numbers(read["year"])
    good = years.between(*_YEARS) & (years % 1 == 0)
    for k in np.flatnonzero(~good & ~missing):
        yield f"row {k + 1}: year {read['year'].iloc[k]!r} is no year"
    read["year"] = years.where(good, 0).astype(int)


def _unknown_words(read: pd.DataFrame, keys: Sequence[str]) -> Iterator[str]:
    for column, known in (("group", GROUPS), ("provision", PROVISIONS)):
        if column in keys:
            for word in sorted(set(map(str, read[column].dropna().unique())) - set(known) - {""}):
                rows = read[read[column].astype(str) == word]
                places = ", ".join(f"{r.municipality} {r.year}" for r in rows.head(3).itertuples())
                hint = nearest_names([word], known)
                yield f"{column} {hint} ({places}) is not known; known are {', '.join(known)}"
    if "service" in keys:
        _read_kinds(read)


def _read_kinds(read: pd.DataFrame) -> None:
    """Kind of each service; services that are not known are kept under their own name."""
    known = services()
    own = read["kind"] if "kind" in read else pd.Series(np.nan, read.index, dtype=object)
    listed = read["service"].map({code: service.kind for code, service in known.items()})
    kinds = own.where(own.isin(KINDS), listed).fillna("other")
    first = ~read["service"].duplicated()
    read["kind"] = read["service"].map(dict(zip(read["service"][first], kinds[first], strict=True)))
    strange = sorted(set(read.loc[listed.isna() & ~own.isin(KINDS), "service"].astype(str)) - {ALL})
    if strange:
        warnings.warn(
            f"services that the package does not know: {nearest_names(strange, known)}; they are kept under "
            "their own names, without coverage (or give a column kind)",
            DataWarning,
            stacklevel=2,
        )


def _read_number(read: pd.DataFrame, column: str, required: bool, count: bool) -> Iterator[str]:
    numbers = _as_numbers(read[column])
    given = read[column].notna()
    if not _is_plain(read[column]):
        given &= read[column].astype(str).str.strip() != ""
    bad = given & (numbers.isna() | ~np.isfinite(numbers))
    for k in np.flatnonzero(bad):
        yield f"{where_of(read.iloc[k])}: {column} {read[column].iloc[k]!r} is no number; write digits only"
    if required:
        for k in np.flatnonzero(~given):
            yield f"{where_of(read.iloc[k])}: {column} is empty; give it, or leave the row out"
    if count:
        for k in np.flatnonzero(numbers < 0):
            yield f"{where_of(read.iloc[k])}: {column} is {numbers.iloc[k]:g}; a count is not negative"
    read[column] = numbers


def _as_numbers(column: pd.Series) -> pd.Series:
    """Real numbers, also as text; missing where there is none."""
    if _is_plain(column):
        return column.astype(float)
    real = column.astype(object).map(lambda v: str(v) if isinstance(v, Real | str | Decimal) else None)
    return pd.to_numeric(real, errors="coerce").astype(float)


def _is_plain(column: pd.Series) -> bool:
    """Whether all values are numbers or missing, as a machine stores them."""
    return isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf"


def _repeated(read: pd.DataFrame, numbers: set[str]) -> Iterator[str]:
    words = [c for c in read.columns if c not in numbers]
    for k in np.flatnonzero(read.duplicated(words)):
        yield f"{where_of(read.iloc[k])}: stands twice; keep one, or add them"


def _not_whole(read: pd.DataFrame) -> Iterator[str]:
    for column in ("users", "units"):
        odd = read[column].notna() & (read[column] % 1 != 0)
        for _, row in read[odd].iterrows():
            yield f"{where_of(row)}: {column} {row[column]:g} is no whole number; count persons, not averages"


def _more_than_unique(read: pd.DataFrame) -> Iterator[str]:
    keys = ["municipality", "year", "group"]
    unique = read[read["kind"] == "unique"].groupby(keys)["users"].sum(min_count=1).rename("unique")
    beside = read.join(unique, on=keys)
    for _, row in beside[(beside["users"] > beside["unique"]) & (beside["kind"] != "unique")].iterrows():
        yield (
            f"{where_of(row)}: {row['users']:g} users, but the group has {row['unique']:g} unique users; "
            f"correct one of them ({UNIQUE})"
        )


def _agreeing_sums(read: pd.DataFrame, columns: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Rows without totals that stand beside their parts, and totals that are not the sum of them."""
    keys = list(CELL[:-1])
    parts = read[read["provision"].isin((OWN, BOUGHT))]
    sums = strict_sums(parts, keys, columns)
    totals = read[read["provision"] == ALL].join(sums.add_suffix("_sum"), on=keys)
    problems = [
        f"{where_of(row)}: {column} {row[column]:g} is not own + bought, {row[f'{column}_sum']:g}"
        for column in columns
        for _, row in totals[(totals[column] - totals[f"{column}_sum"]).abs() > 1e-6].iterrows()
    ]
    split = pd.MultiIndex.from_frame(read[keys]).isin(sums.index)
    return read[~(split & (read["provision"] == ALL))].reset_index(drop=True), problems


def _nursing_homes_once(read: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Nursing homes with their places told by type once only, and totals that are not the sum of the types.

    Their sum is shown as a sum, so that protection knows what it is the sum of.
    """
    home = read["group"] == "elderly_institution"
    typed = read[home & read["kind"].isin(PLACE_KINDS)]
    whole = read[home & (read["kind"] == "institution")]
    problems = []
    for column, keys in (("places", CELL[:3]), ("users", CELL[:3])):
        sums = typed.groupby(list(keys))[column].sum(min_count=1).rename("typed")
        totals = whole.groupby(list(keys))[column].sum(min_count=1).rename("whole")
        both = pd.concat([sums, totals], axis=1).dropna()
        wrong = both if column == "users" else both[(both["whole"] - both["typed"]).abs() > 1e-6]
        for (place, year, _), row in wrong.iterrows():
            where = f"{place} {year}, nursing homes: {row['whole']:g} {column}"
            if column == "users":
                problems.append(f"{where} and users by type of place; give the one or the other")
            else:
                problems.append(f"{where} are not the sum of the types, {row['typed']:g}; correct one")
    told = pd.MultiIndex.from_frame(typed.loc[typed["places"].notna(), list(CELL[:3])])
    again = whole.index[pd.MultiIndex.from_frame(whole[list(CELL[:3])]).isin(told)]
    read.loc[again, ["places", "units"]] = np.nan
    return read, problems


def _complete_amounts(read: pd.DataFrame) -> Iterator[str]:
    """Add the amount that lacks; the three must agree where all are given."""
    if "gross_kr" not in read:
        read["gross_kr"] = read["net_kr"] + read["refund_kr"]
    elif "refund_kr" not in read:
        read["refund_kr"] = read["gross_kr"] - read["net_kr"]
    elif "net_kr" not in read:
        read["net_kr"] = read["gross_kr"] - read["refund_kr"]
    off = read["gross_kr"] - read["net_kr"] - read["refund_kr"]
    for _, row in read[off.abs() > _ORE].iterrows():
        yield (
            f"{where_of(row)}: gross {row['gross_kr']:.2f} is not net {row['net_kr']:.2f} + refund "
            f"{row['refund_kr']:.2f}; correct one, or leave one of the columns out"
        )


def _dated(read: pd.DataFrame) -> Iterator[str]:
    known = care_functions()
    if "function" not in read:
        return
    codes = read["function"]
    first, last = (
        codes.map({code: getattr(function, name) for code, function in known.items()}).astype(float)
        for name in ("first", "last")
    )
    for k in np.flatnonzero((read["year"] < first) | (read["year"] > last)):
        yield f"{where_of(read.iloc[k])}: {explain_function(known[codes.iloc[k]], int(read['year'].iloc[k]))}"


def _inside_care(read: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    if "function" not in read:
        return read, ()
    known = care_functions()
    care = read["function"].isin([code for code, function in known.items() if function.care])
    outside = read[~care].groupby(["municipality", "year", "function"])["net_kr"].sum()
    left = (f"{m} {y}, function {f}: {net:.2f} kr net is outside care" for (m, y, f), net in outside.items())
    return read[care].reset_index(drop=True), tuple(left)


def _unknown_places(
    tables: Iterable[pd.DataFrame], people: pd.DataFrame, needs: pd.DataFrame
) -> Iterator[str]:
    """Municipalities and years that have cells, but no population or need index."""
    cells = [t[list(PLACE_YEAR)].drop_duplicates() for t in tables]
    wanted = sorted({pair for t in cells for pair in t.itertuples(index=False, name=None)})
    for name, have in (("population", people), ("need_index", needs)):
        known = set(have.index)
        for place, year in wanted:
            if (place, year) not in known:
                years = sorted({int(y) for m, y in known if m == place})
                other = f" (it has {', '.join(map(str, years))})" if years else ""
                yield f"{name}: {place} {year} lacks{other}; add the row, or leave this year's cells out"


def _denominators(people: pd.DataFrame, needs: pd.DataFrame) -> pd.DataFrame:
    places = people.join(needs, how="inner")
    places["adjusted"] = places["population"] * places["need_index"]
    if "pu_index" in places:
        places["adjusted_pu"] = places["population"] * places["pu_index"]
    return places.drop(columns=[c for c in ("need_index", "pu_index") if c in places])
