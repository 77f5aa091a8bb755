"""Logarithmic curves through municipalities: man-years for each place against places per 1000 inhabitants."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError


@dataclass(frozen=True, slots=True)
class LogCurve:
    """y = slope × ln(x) + intercept.

    Attributes
    ----------
    slope, intercept : float
    r_squared : float
        1 − SSE / SST; missing where all y are equal.
    n : int
        Points that made the curve.
    """

    slope: float
    intercept: float
    r_squared: float
    n: int

    def at(self, x: float) -> float:
        """Height of the curve.

        Parameters
        ----------
        x : float
            Above zero.

        Raises
        ------
        SpecificationError
        """
        if not (math.isfinite(x) and x > 0):
            raise SpecificationError(f"x={x}: the curve is defined above zero")
        return self.slope * math.log(x) + self.intercept


def log_curve(x: ArrayLike, y: ArrayLike) -> LogCurve:
    """Fit y = a ln(x) + b by least squares.

    Parameters
    ----------
    x : array, shape (n,)
        Places per 1000 inhabitants of the age group; above zero.
    y : array, shape (n,)
        Man-years for each place, own provision.

    Returns
    -------
    LogCurve

    Raises
    ------
    InvalidDataError
        Values that are missing, infinite or no numbers, x that is not above zero, unequal lengths; all
        points are named.
    SpecificationError
        Fewer than two different x: no slope is identified.

    Notes
    -----
    Ordinary least squares on ln x, as the trend line of a spreadsheet. Source: Harstad 2023, figures of
    man-years for each place.
    """
    ln_x, heights = _points(x, y)
    if len(np.unique(ln_x)) < 2:
        raise SpecificationError("a curve needs at least two different x; it has fewer")
    dx, dy = ln_x - ln_x.mean(), heights - heights.mean()
    slope = float(dx @ dy / (dx @ dx))
    intercept = float(heights.mean() - slope * ln_x.mean())
    total = float(dy @ dy)
    residual = dy - slope * dx
    flat = np.ptp(heights) == 0
    r_squared = math.nan if flat else 1.0 - float(residual @ residual) / total
    return LogCurve(slope, intercept, r_squared, len(ln_x))


def _points(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    numbers = [_numbers(values) for values in (x, y)]
    if len(numbers[0]) != len(numbers[1]):
        raise InvalidDataError(f"curve: {len(numbers[0])} x and {len(numbers[1])} y; give as many of each")
    good = np.isfinite(numbers[0]) & np.isfinite(numbers[1]) & (numbers[0] > 0)
    if not good.all():
        problems = [f"point {k + 1}: x and y are numbers, and x is above zero" for k in np.flatnonzero(~good)]
        raise InvalidDataError(f"curve: {len(problems)} point(s) cannot be used; leave them out", problems)
    return np.log(numbers[0]), numbers[1]


def _numbers(values: ArrayLike) -> NDArray[np.float64]:
    flat: Sequence[object] = np.atleast_1d(np.asarray(values, dtype=object)).ravel().tolist()
    numbers = pd.to_numeric(pd.Series(flat, dtype=object), errors="coerce")
    return np.asarray(numbers, dtype=float)
