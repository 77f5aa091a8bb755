"""Transformed columns in a specification: ``log(x)``, ``diff(log(x))``, ``lag(x)``, ``per_capita(x)`` ...

Lags and differences are taken inside an entity between periods exactly that far apart: after a gap the
value is missing, not that of an older year. Periods are those of the column as a whole, so where it has every
second year only, the lag is the value two years before (`kostnadsvekst.panel.periods.read_periods`).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.models.rows import LISTED, name_rows
from kostnadsvekst.panel.periods import check_unique, read_panel_periods

POPULATION = "population"
_CALL = re.compile(r"(\w+)\(\s*(.+?)\s*(?:,\s*(\d+)\s*)?\)")


@dataclass(frozen=True, slots=True)
class Call:
    """A transformation of an expression, such as ``lag`` of ``log(x)`` by 2 periods."""

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
    match = _CALL.fullmatch(factor.strip())
    if not match or match.group(1) not in FUNCTIONS:
        return None
    function, argument, periods = match.groups()
    if periods is not None and (function not in _OVER_TIME or int(periods) < 1):
        raise SpecificationError(
            f"cannot read {factor!r}: a number of periods, at least 1, goes with "
            f"{' and '.join(_OVER_TIME)} only"
        )
    return Call(function, argument, int(periods or 1))


def source_columns(factor: str, known: Iterable[str]) -> tuple[str, ...]:
    """Names of the columns that a factor is made of; a name that exists is its own source."""
    call = None if factor in set(known) else parse_call(factor)
    if call is None:
        return (factor,)
    extra = (POPULATION,) if call.function in ("per_capita", "total") else ()
    return (*source_columns(call.argument, known), *extra)


def transformed_columns(
    data: pd.DataFrame, factors: Iterable[str], entity: str, time: str
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

    Raises
    ------
    InvalidDataError
        If the logarithm of a number that is not positive is asked for, or, where lags are taken, an entity
        has two rows in a period or a time cannot be read; the rows are named.
    """
    made = [factor for factor in dict.fromkeys(factors) if factor not in data.columns and parse_call(factor)]
    return {factor: _evaluate(factor, data, entity, time) for factor in made}


def _evaluate(factor: str, data: pd.DataFrame, entity: str, time: str) -> pd.Series:
    if factor in data.columns:
        return pd.to_numeric(data[factor])
    call = parse_call(factor)
    if call is None:
        raise SpecificationError(f"cannot read {factor!r}")
    argument = _evaluate(call.argument, data, entity, time)
    if call.function in _OVER_TIME:
        earlier = _lagged(argument, data, entity, time, call.periods)
        return earlier if call.function == "lag" else argument - earlier
    if call.function == "log":
        _refuse_nonpositive(factor, argument, data, entity, time)
    return FUNCTIONS[call.function](argument, data)


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


def _refuse_nonpositive(factor: str, argument: pd.Series, data: pd.DataFrame, entity: str, time: str) -> None:
    bad = np.flatnonzero((argument <= 0).to_numpy())
    if len(bad):
        named = zip(name_rows(data, bad, entity, time), argument.iloc[bad[:LISTED]], strict=True)
        listed = [f"{row}: {value:g}" for row, value in named]
        raise InvalidDataError(
            f"{factor} does not exist in {len(bad)} row(s) where the value is zero or negative; leave them "
            "out by a sample, or keep the column as it is",
            listed,
        )


_OVER_TIME = ("lag", "diff")
FUNCTIONS: dict[str, Callable[[pd.Series, pd.DataFrame], pd.Series]] = {
    "log": lambda x, data: np.log(x),
    "square": lambda x, data: x**2,
    "per_capita": lambda x, data: x / data[POPULATION],
    "total": lambda x, data: x * data[POPULATION],
    "lag": lambda x, data: x,
    "diff": lambda x, data: x,
}
