"""Transformed columns in a specification: ``log(x)``, ``diff(log(x))``, ``lag(x)``, ``I(x ** 3)`` ...

Lags and differences are taken inside an entity between periods exactly that far apart: after a gap the
value is missing, not that of an older year. Periods are those of the column as a whole, so where it has every
second year only, the lag is the value two years before (`kostnadsvekst.panel.periods.read_periods`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.models.arguments import read_arithmetic
from kostnadsvekst.models.expressions import evaluate_expression
from kostnadsvekst.models.grammar import CALLS, EXPRESSION, OVER_TIME, split_call, unquote
from kostnadsvekst.models.rows import LISTED, name_rows
from kostnadsvekst.panel.columns import read_numbers
from kostnadsvekst.panel.periods import check_unique, read_panel_periods

POPULATION = "population"


@dataclass(frozen=True, slots=True)
class Call:
    """A transformation of an expression, such as ``lag`` of ``log(x)`` by 2 periods.

    The argument of ``I`` is arithmetic of columns.
    """

    function: str
    argument: str
    periods: int = 1


def parse_call(factor: str) -> Call | None:
    """Read the outermost transformation of a factor; None if it is not one.

    Raises
    ------
    SpecificationError
        If a number of periods is given to a function that has none, or is zero.
    """
    call = split_call(factor)
    if call is None or call[0] not in (*CALLS, EXPRESSION):
        return None
    function, (argument, *periods) = call
    return Call(function, argument, int(periods[0]) if periods else 1)


def source_columns(factor: str, known: Iterable[str]) -> tuple[str, ...]:
    """Names of the columns that a factor is made of; a name that exists is its own source."""
    call = None if factor in set(known) else parse_call(factor)
    if call is None:
        return (unquote(factor),)
    if call.function == EXPRESSION:
        return read_arithmetic(call.argument).columns
    extra = (POPULATION,) if call.function in OF_POPULATION else ()
    return (*source_columns(call.argument, known), *extra)


def transformed_columns(
    data: pd.DataFrame,
    factors: Iterable[str],
    entity: str,
    time: str,
    chosen: NDArray[np.bool_] | None = None,
) -> dict[str, pd.Series]:
    """Compute the transformed ones among some factors, each under its own text.

    Parameters
    ----------
    data : DataFrame
        It must have the factors' `source_columns`.
    factors : iterable of str
        Columns and transformations; columns that exist are left alone.
    entity, time : str
        Columns within and along which lags are taken; times as `kostnadsvekst.panel.periods` reads them.
    chosen : (n,) boolean array, optional
        Rows of the sample; in the others a value that does not exist is missing, and refused only if a row
        of the sample is made of it.

    Raises
    ------
    InvalidDataError
        If a column holds no numbers, the logarithm of a number that is not positive is asked for, or a value
        per head where the population is not positive, or, where lags are taken, an entity has two rows in a
        period or a time cannot be read; the rows are named.
    """
    made = [factor for factor in dict.fromkeys(factors) if factor not in data.columns and parse_call(factor)]
    sample = np.ones(len(data), dtype=bool) if chosen is None else chosen
    return {factor: _defined(factor, _Panel(data, entity, time, sample)) for factor in made}


@dataclass(frozen=True, slots=True)
class _Panel:
    """What a transformation is computed on; ``fill`` stands where one does not exist."""

    data: pd.DataFrame
    entity: str
    time: str
    chosen: NDArray[np.bool_]
    fill: float = np.nan
    faults: list[InvalidDataError] = field(default_factory=list)


def _defined(factor: str, panel: _Panel) -> pd.Series:
    """Values of a factor, refused if one in a chosen row is made of what does not exist."""
    values = _evaluate(factor, panel)
    if panel.faults:
        # A missing value that would not be missing with a number in that place.
        filled = _evaluate(factor, replace(panel, fill=1.0, faults=[]))
        if (values.isna() & filled.notna() & panel.chosen).any():
            raise panel.faults[0]
    return values


def _evaluate(factor: str, panel: _Panel) -> pd.Series:
    data = panel.data
    name = factor if factor in data.columns else unquote(factor)
    if name in data.columns:
        # To float64 first: integers overflow silently, and half the digits are lost in float32.
        return pd.Series(read_numbers(data[name], name), index=data.index)
    call = parse_call(factor)
    if call is None:
        raise SpecificationError(f"cannot read {factor!r}")
    if call.function == EXPRESSION:
        return _computed(factor, call.argument, panel)
    argument = _evaluate(call.argument, panel)
    if call.function in OVER_TIME:
        earlier = _lagged(argument, data, panel.entity, panel.time, call.periods)
        return earlier if call.function == "lag" else argument - earlier
    if call.function == "log":
        argument = _positive(factor, argument, argument, panel)
    population = argument
    if call.function in OF_POPULATION:
        population = _evaluate(POPULATION, panel)
    if call.function == "per_capita":
        population = _positive(factor, argument, population, panel)
    # What is too large for float64 is infinite, and refused by whoever reads it.
    with np.errstate(over="ignore"):
        return FUNCTIONS[call.function](argument, population)


def _computed(factor: str, expression: str, panel: _Panel) -> pd.Series:
    """Arithmetic of columns; missing where one of them is."""
    names = read_arithmetic(expression).columns
    columns, missing = panel.data[list(names)].copy(deep=False), np.zeros(len(panel.data), dtype=bool)
    for name in names:
        missing |= columns[name].isna().to_numpy()
        if pd.api.types.is_numeric_dtype(columns[name].dtype):
            # As everywhere: whole numbers overflow silently.
            columns[name] = read_numbers(columns[name], name)
    with np.errstate(all="ignore"):
        found = evaluate_expression(expression, columns, f"term {factor}")
    values = pd.Series(np.asarray(found, dtype=np.float64), index=panel.data.index).mask(missing)
    bad = ~missing & ~np.isfinite(values.to_numpy())
    if not bad.any():
        return values
    rows = np.flatnonzero(bad & panel.chosen if (bad & panel.chosen).any() else bad)
    panel.faults.append(
        InvalidDataError(
            f"{factor} does not exist in {len(rows)} row(s), or is infinite; leave them out by a sample",
            name_rows(panel.data, rows, panel.entity, panel.time),
        )
    )
    return values.mask(bad, panel.fill)


def _lagged(values: pd.Series, data: pd.DataFrame, entity: str, time: str, periods: int) -> pd.Series:
    """Value of the same unit so many periods before; missing in rows without a unit, as the row will be."""
    known = data[entity].notna().to_numpy()
    units, times = data[entity][known], data[time][known]
    read = read_panel_periods(data[entity], data[time])
    check_unique(units, times, read.numbers)
    index = pd.MultiIndex.from_arrays([units, read.numbers])
    found = index.get_indexer(pd.MultiIndex.from_arrays([units, read.numbers - periods]))
    if len(found) and not (found >= 0).any():
        raise SpecificationError(
            f"lags and differences over {periods} period(s): no {entity} has two rows that far apart "
            f"({time} has periods of {read.step})"
        )
    numbers = values.to_numpy(dtype=float, na_value=np.nan)[known]
    lagged = np.full(len(data), np.nan)
    lagged[known] = np.where(found >= 0, numbers[found], np.nan)
    return pd.Series(lagged, index=data.index)


def _positive(factor: str, argument: pd.Series, positive: pd.Series, panel: _Panel) -> pd.Series:
    """Give what must be positive where there is an argument; other numbers are a fault, and filled."""
    bad = (argument.notna() & (positive <= 0)).to_numpy()
    if not bad.any():
        return positive
    # The rows of the sample, or, where it is made of others, all.
    rows = np.flatnonzero(bad & panel.chosen if (bad & panel.chosen).any() else bad)
    named = zip(
        name_rows(panel.data, rows, panel.entity, panel.time), positive.iloc[rows[:LISTED]], strict=True
    )
    what = "the value" if positive is argument else POPULATION
    panel.faults.append(
        InvalidDataError(
            f"{factor} does not exist in {len(rows)} row(s) where {what} is zero or negative; leave them out "
            "by a sample, or keep the column as it is",
            [f"{row}: {value:g}" for row, value in named],
        )
    )
    return positive.mask(bad, panel.fill)


OF_POPULATION = ("per_capita", "total")
# Of a column and, where they are per head or in total, of the population.
FUNCTIONS: dict[str, Callable[[pd.Series, pd.Series], pd.Series]] = {
    "log": lambda x, population: np.log(x),
    "square": lambda x, population: x**2,
    "per_capita": lambda x, population: x / population,
    "total": lambda x, population: x * population,
    "lag": lambda x, population: x,
    "diff": lambda x, population: x,
}
