"""Measures of the analysis of user groups as numbers: rates, unit costs, indices and colours."""

import math
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kostnadsvekst.errors import SpecificationError

RED, GREEN = "red", "green"
_SAME = 1e-12  # values that floating point alone tells apart


def ratio(numerator: ArrayLike, denominator: ArrayLike, per: float = 1.0) -> NDArray[np.float64]:
    """Numerator / denominator × per; missing where the denominator is zero or missing.

    Parameters
    ----------
    numerator, denominator : array, shape (n,)
    per : float
        Such as 1000 for a rate per 1000.
    """
    top, bottom = np.broadcast_arrays(np.asarray(numerator, float), np.asarray(denominator, float))
    safe = np.where(bottom == 0, np.nan, bottom)
    return top / safe * per


def index_to_mean(own: float, mean: float) -> float:
    """Own value with the mean as 100.

    Parameters
    ----------
    own, mean : float

    Returns
    -------
    float
        own / mean × 100; missing where the mean is zero or missing.

    Raises
    ------
    SpecificationError
        Values that are infinite.

    Notes
    -----
    Source: Harstad 2023, tables with "snitt = 100".
    """
    if not _are_numbers(own, mean) or math.isinf(own) or math.isinf(mean):
        raise SpecificationError(f"own={own}, mean={mean}: an index needs finite numbers")
    return float(ratio(own, mean, 100.0))


def colour(own: float, mean: float) -> str:
    """``"red"`` above the mean, ``"green"`` below it, empty where equal or unknown.

    Parameters
    ----------
    own, mean : float

    Raises
    ------
    SpecificationError
        Something that is no number.

    Notes
    -----
    The direction is stated (Harstad 2023, table of shares; no judgement of right or wrong is meant); no scale
    is printed. Values that floating point alone tells apart are equal.
    """
    if not _are_numbers(own, mean):
        raise SpecificationError(f"own={own}, mean={mean}: a colour needs numbers")
    if math.isnan(own) or math.isnan(mean) or math.isclose(own, mean, rel_tol=_SAME, abs_tol=0.0):
        return ""
    return RED if own > mean else GREEN


def _are_numbers(*values: object) -> bool:
    return all(isinstance(value, Real) for value in values)


def colours(own: ArrayLike, mean: ArrayLike) -> NDArray[np.int8]:
    """Colours of many values, as `colour` gives them.

    Parameters
    ----------
    own, mean : array, shape (n,)

    Returns
    -------
    array, shape (n,)
        0 for none, 1 for red, 2 for green.
    """
    a, b = np.asarray(own, dtype=float), np.asarray(mean, dtype=float)
    with np.errstate(over="ignore", invalid="ignore"):
        apart = np.abs(a - b) > _SAME * np.maximum(np.abs(a), np.abs(b))
    apart |= np.isinf(a) | np.isinf(b)
    return np.where((a > b) & apart, 1, np.where((a < b) & apart, 2, 0)).astype(np.int8)
