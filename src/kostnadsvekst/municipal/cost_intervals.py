"""Intervals of costs and man-years: from the count behind them and the spread between recipients."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from kostnadsvekst.municipal.count_intervals import Limits, poisson_interval
from kostnadsvekst.municipal.key_groups import at_distinct

Floats = NDArray[np.float64]


def compound_interval(
    rates: ArrayLike,
    counts: ArrayLike,
    spread: ArrayLike,
    df: ArrayLike,
    level: ArrayLike = 0.95,
    *,
    counted: ArrayLike = True,
) -> Limits:
    """Interval of an amount for each inhabitant, or for each recipient.

    Parameters
    ----------
    rates : array, shape (n,)
        Above zero.
    counts : array, shape (n,)
        Recipients, places or units behind the amount, above zero.
    spread : array, shape (n,)
        Squared coefficient of variation of the amount between recipients.
    df : array, shape (n,)
        Degrees of freedom behind the spread.
    level : float or array, shape (n,)
    counted : bool or array, shape (n,)
        The number of recipients varies by chance too (an amount for each inhabitant), as a Poisson count;
        else it is what it is (an amount for each recipient).

    Returns
    -------
    Limits

    Notes
    -----
    A compound Poisson sum has the squared relative variance (1 + spread) / count, a mean spread / count. The
    limits of the count (mid-P) and of the mean (log-normal, Student's t) are joined on the scale of
    logarithms by squaring and adding (Zou & Donner 2008, Statistics in Medicine 27, 1693-1702).
    """
    r, n = np.asarray(rates, float), np.asarray(counts, float)
    tail = (1.0 - np.asarray(level, float)) / 2
    unit = -at_distinct(stats.t.ppf, tail, df) * np.sqrt(np.asarray(spread, float) / n)
    number = poisson_interval(n, level)
    chance = np.asarray(counted, bool)
    down = np.hypot(unit, np.where(chance, np.log(n / number.low), 0.0))
    up = np.hypot(unit, np.where(chance, np.log(number.high / n), 0.0))
    return Limits(r * np.exp(-down), r * np.exp(up))


def relative_variance(counts: ArrayLike, spread: ArrayLike, counted: ArrayLike) -> Floats:
    """Squared relative standard error of an amount, as in `compound_interval`.

    Parameters
    ----------
    counts, spread : array, shape (n,)
    counted : bool or array, shape (n,)

    Returns
    -------
    array, shape (n,)
    """
    chance = np.asarray(counted, bool).astype(float)
    return np.asarray((np.asarray(spread, float) + chance) / np.asarray(counts, float))
