"""Rows of a panel that do not say whose or when they are: left out by name, before anything is placed."""

import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import DataWarning, InvalidDataError

_LISTED = 10


def leave_out_unnamed_rows(data: pd.DataFrame, unit: str, time: str, stacklevel: int = 3) -> pd.DataFrame:
    """Rows with a unit code and a time; a `DataWarning` names the others.

    Parameters
    ----------
    data : DataFrame
        A panel in long form.
    unit, time : str
        Columns. None, NaN, NA, NaT and a category without a level are missing.
    stacklevel : int
        Of the warning; 3 is who called the caller.

    Returns
    -------
    DataFrame
        The data themselves where nothing is missing.

    Raises
    ------
    InvalidDataError
        If no row has both.
    """
    lacks = {name: data[name].isna().to_numpy() for name in (unit, time)}
    missing = lacks[unit] | lacks[time]
    if not missing.any():
        return data
    if missing.all():
        raise InvalidDataError(f"no row has both a unit in {unit!r} and a time in {time!r}")
    named = " or ".join(repr(name) for name, gone in lacks.items() if gone.any())
    warnings.warn(
        f"{missing.sum()} row(s) without {named} belong to nobody and are "
        f"left out: {_describe(data, np.flatnonzero(missing), unit, time)}",
        DataWarning,
        stacklevel=stacklevel,
    )
    return data[~missing]


def _describe(data: pd.DataFrame, positions: NDArray[np.intp], unit: str, time: str) -> str:
    first = positions[:_LISTED]
    rows = zip(first, data[unit].iloc[first], data[time].iloc[first], strict=True)
    listed = [f"row {position} ({unit} {code}, {time} {when})" for position, code, when in rows]
    more = len(positions) - _LISTED
    return "; ".join(listed) + (f" and {more} more" if more > 0 else "")
