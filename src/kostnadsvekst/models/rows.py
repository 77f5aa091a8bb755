"""Rows of a panel by name in messages, and their levels as codes."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError

Ints = NDArray[np.intp]
LISTED = 10
# Whole numbers are counted where their range is at most so many times their number.
_DENSE_RANGE = 4


def name_rows(data: pd.DataFrame, positions: NDArray[Any], entity: str, time: str) -> list[str]:
    """Entity and time of the first rows of some positions, such as ``"municipality 0301 year 2015"``.

    Parameters
    ----------
    data : DataFrame
    positions : integer array
    entity, time : str
        Columns.

    Returns
    -------
    list of str
        At most `LISTED`.
    """
    first = positions[:LISTED]
    pairs = zip(data[entity].iloc[first], data[time].iloc[first], strict=True)
    return [f"{entity} {unit} {time} {when}" for unit, when in pairs]


def sorted_codes(column: pd.Series) -> tuple[Ints, Any]:
    """Codes 0, 1, ... of a column's sorted levels, -1 where it is missing, and the levels.

    Parameters
    ----------
    column : Series
        Of length n.

    Returns
    -------
    codes : (n,) integer array
    levels : array

    Notes
    -----
    ``pandas.factorize(column, sort=True)``, in a fraction of its time for the columns that panels have:
    text in Arrow's memory, and whole numbers within a range not much longer than the column, such as years.
    """
    values = column.array
    if isinstance(values, pd.arrays.ArrowStringArray):
        return _codes_of_text(values)
    if len(column) and isinstance(column.dtype, np.dtype) and column.dtype.kind == "i":
        numbers = column.to_numpy()
        if int(numbers.max()) - int(numbers.min()) < _DENSE_RANGE * len(numbers):
            return _codes_of_numbers(numbers)
    codes, levels = pd.factorize(column, sort=True)
    return codes, levels


def _codes_of_text(values: Any) -> tuple[Ints, Any]:
    encoded = values.__arrow_array__().combine_chunks().dictionary_encode()
    order = pc.array_sort_indices(encoded.dictionary)
    # One place more than there are levels: the code of a missing value, -1, stays what it is.
    rank = np.full(len(order) + 1, -1, dtype=np.intp)
    rank[order.to_numpy()] = np.arange(len(order))
    indices = encoded.indices.fill_null(-1) if encoded.null_count else encoded.indices
    return rank[indices.to_numpy()], encoded.dictionary.take(order).to_numpy(zero_copy_only=False)


def _codes_of_numbers(values: NDArray[Any]) -> tuple[Ints, Any]:
    low = int(values.min())
    # First to the widest numbers: differences of small ones overflow.
    shifted = values.astype(np.intp) - low
    found = np.bincount(shifted) > 0
    codes: Ints = (np.cumsum(found) - 1)[shifted]
    return codes, (np.flatnonzero(found) + low).astype(values.dtype)


def level_codes(
    data: pd.DataFrame, column: str, entity: str, time: str, what: str = "clusters"
) -> tuple[Ints, Any]:
    """Codes 0, 1, ... of a column's sorted levels, and the levels.

    Parameters
    ----------
    data : DataFrame
        The rows used.
    column, entity, time : str
    what : str
        What the levels are, for the message.

    Raises
    ------
    InvalidDataError
        If the column has missing values; the rows are named.
    """
    codes, levels = sorted_codes(data[column])
    missing = np.flatnonzero(codes < 0)
    if len(missing):
        listed = name_rows(data, missing, entity, time)
        raise InvalidDataError(f"{what} {column!r} are missing in {len(missing)} row(s)", listed)
    return codes, levels
