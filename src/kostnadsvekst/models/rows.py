"""Rows of a panel by name in messages, and their levels as codes."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.panel.columns import read_levels

Ints = NDArray[np.intp]
LISTED = 10


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
