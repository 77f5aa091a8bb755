"""A column of a data frame as numbers: ONE reading for everybody who estimates."""

import datetime
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError

Floats = NDArray[np.float64]

LISTED = 10
_DAY = np.timedelta64(1, "D")
_EPOCH = np.datetime64("1970-01-01")
# Whole numbers up to here are exact as float64.
_EXACT = 2**53
# Beyond any float64.
_LARGEST = 2**1023
_DATES = (datetime.date, np.datetime64)
_DURATIONS = (datetime.timedelta, np.timedelta64)
# Share of a column's range by which rounding may move a value; the estimators call less than this collinear.
_ROUNDED = 1e-9


def read_numbers(column: pd.Series, name: str) -> Floats:
    """Read a column as float64, or refuse it naming the rows.

    Parameters
    ----------
    column : (n,) Series
        Numbers and truth values of any storage (nullable, Arrow, decimal, sparse, objects), texts that are
        numbers with a decimal point, dates and durations. A missing value of any kind (None, NaN, NA, NaT)
        is NaN.
    name : str
        For the message.

    Returns
    -------
    (n,) array
        Truth values as 0 and 1; dates as days since 1 January 1970 whatever their resolution, durations as
        days; yearly pandas periods as years, others as the number of periods since January 1970.

    Raises
    ------
    InvalidDataError
        If the column is categorical, or has text, imaginary or infinite numbers, whole numbers so large
        that float64 rounds away what distinguishes them, or anything else; rows are named.
    """
    plain = _at_once(column)
    if plain is not None:
        return plain
    if isinstance(column.dtype, pd.CategoricalDtype):
        raise InvalidDataError(
            f"column {name!r} is categorical: write C({name}) for a dummy per level, or make it numbers "
            "with .astype(float)"
        )
    if isinstance(column.dtype, pd.PeriodDtype):
        return _periods(column)
    numbers = column.astype(object) if _is_arrow_object(column.dtype) else column
    if numbers.dtype.kind in "Mm":
        return _days(numbers)
    if not _is_numeric(numbers.dtype):
        numbers = _from_objects(numbers, column, name)
    if numbers.dtype.kind == "c":
        numbers = _real(numbers, column, name)
    if numbers.dtype.kind in "iu":
        _refuse_rounded(numbers, column, name)
    with np.errstate(over="ignore"):
        values: Floats = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise InvalidDataError(
            f"column {name!r} holds infinite values in {len(infinite)} row(s)", list_rows(column, infinite)
        )
    return values


def _at_once(column: pd.Series) -> Floats | None:
    """Values of a column of ordinary numbers, at once; None where something has to be looked at."""
    kind = column.dtype
    if not isinstance(kind, np.dtype) or kind.kind not in "fi" or not len(column):
        return None
    values: NDArray[Any] = column.to_numpy()
    if kind.kind == "i":
        safe = kind.itemsize <= 4 or -_EXACT <= values.min() <= values.max() <= _EXACT
        return values.astype(np.float64) if safe else None
    return values if kind == np.float64 and np.isfinite(values).all() else None


def list_rows(column: pd.Series, positions: NDArray[Any]) -> list[str]:
    """Label and value of the first rows of some positions, such as ``"row 3: 'n/a'"``."""
    listed = [f"row {column.index[i]}: {column.iloc[i]!r}" for i in positions[:LISTED]]
    return listed + ([f"and {len(positions) - LISTED} more"] if len(positions) > LISTED else [])


def _is_numeric(dtype: Any) -> bool:
    return dtype.kind in "iufbc" and pd.api.types.is_numeric_dtype(dtype)


def _is_arrow_object(dtype: Any) -> bool:
    """Whether Arrow holds texts, decimals, dates, or what is no number."""
    return isinstance(dtype, pd.ArrowDtype) and dtype.kind not in "iufb"


def _periods(column: pd.Series) -> Floats:
    ordinals: Floats = column.array.asi8.astype(np.float64)
    ordinals[column.isna().to_numpy()] = np.nan
    return ordinals + 1970 if str(column.dtype).startswith("period[Y") else ordinals


def _days(column: pd.Series) -> Floats:
    """Days since 1970, or days of duration; NaT is NaN, not the smallest integer."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    values = column.to_numpy()
    days: Floats = (values - _EPOCH if values.dtype.kind == "M" else values) / _DAY
    return days


def _from_objects(objects: pd.Series, column: pd.Series, name: str) -> pd.Series:
    """Numbers in texts or objects; ``column`` is what the user gave."""
    present = objects.dropna()
    for kinds, read in ((_DATES, pd.to_datetime), (_DURATIONS, pd.to_timedelta)):
        if len(present) and present.map(lambda value, kinds=kinds: isinstance(value, kinds)).all():
            days = _days(read(present, **({"utc": True} if read is pd.to_datetime else {})))
            return pd.Series(days, index=present.index).reindex(objects.index)
    plain = pd.Series([_plain(value) for value in objects], index=objects.index, dtype=object)
    numbers = pd.to_numeric(plain, errors="coerce")
    wrong = np.flatnonzero(numbers.isna() & objects.notna())
    if len(wrong):
        raise InvalidDataError(
            f"column {name!r} has text in {len(wrong)} row(s) where numbers are needed "
            f"(write C({name}) if it is a category)",
            list_rows(column, wrong),
        )
    whole = plain.map(lambda value: isinstance(value, int | np.integer)).to_numpy(dtype=bool)
    _refuse_rounded(plain[whole], column[whole], name)
    return numbers


def _plain(value: Any) -> Any:
    """Fractions, decimals and integers beyond any float as floats; all else as it is."""
    if isinstance(value, str | float) or not isinstance(value, Real | Decimal):
        return value
    if isinstance(value, int | np.integer) and abs(int(value)) < _LARGEST:
        return value
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _real(numbers: pd.Series, column: pd.Series, name: str) -> pd.Series:
    """Real parts, where the imaginary ones are zero."""
    values = numbers.to_numpy()
    imaginary = np.flatnonzero(values.imag != 0)
    imaginary = imaginary[~np.isnan(values[imaginary])]
    if len(imaginary):
        raise InvalidDataError(
            f"column {name!r} has an imaginary part in {len(imaginary)} row(s) where real numbers are "
            "needed: take .real, .imag or np.abs of it first",
            list_rows(column, imaginary),
        )
    return pd.Series(values.real, index=numbers.index)


def _refuse_rounded(numbers: pd.Series, column: pd.Series, name: str) -> None:
    """Refuse whole numbers that float64 moves by a part of their range that an estimator would notice."""
    low, high = numbers.min(), numbers.max()
    if pd.isna(low) or low == high or max(-int(low), int(high)) <= _EXACT:
        return
    integers = [int(value) for value in numbers.to_numpy(dtype=object, na_value=0)]
    least = _ROUNDED * float(int(high) - int(low))
    bad = np.flatnonzero([abs(int(float(value)) - value) > least for value in integers])
    if len(bad):
        raise InvalidDataError(
            f"column {name!r} has {len(bad)} whole number(s) beyond 2^53 that differ by less than a float64 "
            "can hold; subtract a common value first, or leave it out if it is an identifier",
            list_rows(column, bad),
        )
