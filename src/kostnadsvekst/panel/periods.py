"""Time columns as whole numbers, one step a period, and the checks that a panel index needs."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError

Ints = NDArray[np.intp]

_LISTED = 10


def period_numbers(times: pd.Series) -> Ints:
    """Turn times into integers that differ by one between neighbouring periods.

    Parameters
    ----------
    times : Series
        Whole numbers (years), pandas periods, dates (taken as months) or text such as ``"2012-07"``
        (months). Without missing values.

    Returns
    -------
    (n,) integer array
        The numbers themselves; for months the number of months since January 1970.

    Raises
    ------
    InvalidDataError
        If a value is none of these; the first rows are named.
    """
    if isinstance(times.dtype, pd.PeriodDtype):
        return np.asarray(times.dt.year, dtype=np.intp) if _yearly(times) else _ordinals(times)
    if pd.api.types.is_datetime64_any_dtype(times.dtype):
        return _ordinals(times.dt.to_period("M"))
    if pd.api.types.is_numeric_dtype(times.dtype):
        return _whole_numbers(times)
    return _ordinals(_parse_months(times))


def check_unique(entities: pd.Series, times: pd.Series) -> None:
    """Raise InvalidDataError naming every entity and time that has more than one row."""
    keys = pd.DataFrame({"entity": entities.to_numpy(), "time": times.to_numpy()})
    repeated = keys[keys.duplicated(keep=False)].drop_duplicates()
    if len(repeated):
        problems = [
            f"{entities.name} {r.entity} {times.name} {r.time}" for r in repeated.head(_LISTED).itertuples()
        ]
        more = len(repeated) - _LISTED
        if more > 0:
            problems.append(f"and {more} more")
        raise InvalidDataError(
            f"{len(repeated)} combination(s) of {entities.name} and {times.name} have more than one row; "
            "an observation must be unique",
            problems,
        )


def _yearly(times: pd.Series) -> bool:
    return str(times.dtype).startswith("period[Y")


def _ordinals(periods: pd.Series) -> Ints:
    return np.asarray(periods.astype("int64"), dtype=np.intp)


def _whole_numbers(times: pd.Series) -> Ints:
    values: NDArray[np.float64] = times.to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.flatnonzero(~np.isfinite(values) | (values != np.round(values)))
    if len(bad):
        _refuse(times, bad, "is not a whole number")
    return values.astype(np.intp)


def _parse_months(times: pd.Series) -> pd.Series:
    # A panel repeats each month for every unit: each text is read once.
    codes, texts = pd.factorize(times.astype(str))
    parsed = pd.Series(pd.to_datetime(pd.Series(texts), format="%Y-%m", errors="coerce"))
    bad = np.flatnonzero(parsed.isna().to_numpy()[codes])
    if len(bad):
        _refuse(times, bad, "is neither a number, a date nor a month such as 2012-07")
    return parsed.dt.to_period("M").take(codes)


def _refuse(times: pd.Series, rows: NDArray[np.intp], reason: str) -> None:
    listed = [f"row {i}: {times.iloc[i]!r}" for i in rows[:_LISTED]]
    raise InvalidDataError(f"time column {times.name!r}: {len(rows)} value(s) {reason}", listed)
