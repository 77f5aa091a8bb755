"""Rows of a panel by name in messages, and their levels as codes."""

from collections.abc import Hashable
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.panel.columns import list_rows

Ints = NDArray[np.intp]
LISTED = 10
# Whole numbers are counted where their range is at most so many times their number.
_DENSE_RANGE = 4


def name_rows(data: pd.DataFrame, positions: NDArray[Any], entity: str, time: str) -> list[str]:
    """Entity and time of the first rows of some positions, such as ``"municipality 0301 year 2015"``.

    Where the data have no such time, the number of the row, counted from 1, stands in its place.

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
    word, times = (time, data[time].iloc[first]) if time in data.columns else ("row", first + 1)
    pairs = zip(data[entity].iloc[first], times, strict=True)
    return [f"{entity} {unit} {word} {when}" for unit, when in pairs]


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


def read_levels(column: pd.Series, name: str) -> tuple[Ints, Any]:
    """Read a column as codes 0, 1, ... of its sorted levels, or refuse it naming the rows.

    Parameters
    ----------
    column : (n,) Series
    name : str
        For the message.

    Returns
    -------
    tuple of (n,) integer array and levels
        Missing values of any kind have the code -1.

    Raises
    ------
    InvalidDataError
        If values are lists or the like, or the same code is there as a number and as a text.
    """
    try:
        codes, levels = sorted_codes(column)
    except TypeError as error:
        rows = np.flatnonzero([not isinstance(value, Hashable) for value in column])
        raise InvalidDataError(
            f"column {name!r} has values in {len(rows)} row(s) that cannot be told apart as levels: make "
            "them texts or numbers",
            list_rows(column, rows),
        ) from error
    # Comparing pandas' types of text with object takes longer than to code them.
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "O":
        _refuse_both_kinds(levels, codes, column, name)
    return codes, levels


def _refuse_both_kinds(levels: Any, codes: Ints, column: pd.Series, name: str) -> None:
    """Refuse levels such as 301 and "301", which a spreadsheet takes for one and a program for two."""
    texts = {level for level in levels if isinstance(level, str)}
    numbers = [i for i, level in enumerate(levels) if isinstance(level, Real) and _code_text(level) in texts]
    rows = np.flatnonzero(np.isin(codes, numbers))
    if len(rows):
        raise InvalidDataError(
            f"column {name!r} has {len(numbers)} level(s) both as a number and as a text; the numbers are in "
            f"{len(rows)} row(s): make all of them texts, or all numbers",
            list_rows(column, rows),
        )


def _code_text(number: Any) -> str:
    return str(int(number)) if np.isfinite(number) and number == int(number) else str(number)


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
    codes, levels = read_levels(data[column], column)
    missing = np.flatnonzero(codes < 0)
    if len(missing):
        listed = name_rows(data, missing, entity, time)
        raise InvalidDataError(f"{what} {column!r} are missing in {len(missing)} row(s)", listed)
    return codes, levels
