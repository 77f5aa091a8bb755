"""Intervals of counts and proportions: exact, mid-P, and wider where the counts vary more than by chance."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.municipal.key_groups import distinct_rows
from kostnadsvekst.naming import first_of

Floats = NDArray[np.float64]

_STEPS = 60  # a safeguarded Newton takes under ten; bisection alone would take fifty
_PRECISION = 1e-11
# A count below is none: quantiles of the gamma function do not exist in floating point.
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class Limits:
    """Two-sided limits.

    Attributes
    ----------
    low, high : array, shape (n,)
        Of the expected count, or of the probability.
    """

    low: Floats
    high: Floats


def poisson_interval(counts: ArrayLike, level: ArrayLike = 0.95, *, mid_p: bool = True) -> Limits:
    """Interval of the mean of a Poisson count.

    Parameters
    ----------
    counts : array, shape (n,)
        Zero or more. A mean of several dates (48.3 places) need not be whole: the gamma function goes through
        the whole numbers.
    level : float or array, shape (n,)
    mid_p : bool
        Half the probability of the count itself, on each side; without it the interval is exact.

    Returns
    -------
    Limits

    Raises
    ------
    InvalidDataError
        Counts that are negative, missing or infinite.
    SpecificationError
        A level that is not between 0 and 1.

    Notes
    -----
    Exact: P(Y >= y | low) = P(Y <= y | high) = (1 - level) / 2, quantiles of the chi-squared distribution
    (Garwood 1936, Biometrika 28, 437-442). It covers at least `level` at every mean. Mid-P (Lancaster 1961;
    Cohen & Yang 1994, Statistics in Medicine 13, 2189-2203): P(Y > y) + P(Y = y) / 2 instead, which covers
    `level` on average over means, sometimes less.
    """
    y, alpha = _checked(counts, level)
    first, back = distinct_rows(y, alpha)
    y, tail = y[first], alpha[first] / 2
    exact = _garwood(y, tail)
    if not mid_p:
        return Limits(exact.low[back], exact.high[back])
    low = _root(
        lambda m: (special.gammainc(_positive(y), m) + special.gammainc(y + 1, m)) / 2 - tail,
        lambda m: (_poisson_pmf(y - 1, m) + _poisson_pmf(y, m)) / 2,
        exact.low,
        special.gammaincinv(y + 1, tail),
    )
    high = _root(
        lambda m: tail - (special.gammaincc(y + 1, m) + _at_most_before(y, m)) / 2,
        lambda m: (_poisson_pmf(y, m) + _poisson_pmf(y - 1, m)) / 2,
        np.where(y > 0, special.gammainccinv(_positive(y), tail), 0.0),
        exact.high,
    )
    return Limits(np.where(y > 0, low, 0.0)[back], high[back])


def binomial_interval(
    counts: ArrayLike, sizes: ArrayLike, level: ArrayLike = 0.95, *, mid_p: bool = True
) -> Limits:
    """Interval of a probability, from a count that is a part of another.

    Parameters
    ----------
    counts, sizes : array, shape (n,)
        0 <= count <= size, and size > 0.
    level : float or array, shape (n,)
    mid_p : bool
        As in `poisson_interval`.

    Returns
    -------
    Limits
        Between 0 and 1.

    Raises
    ------
    InvalidDataError
        Counts above their size, and as in `poisson_interval`.
    SpecificationError
        A level that is not between 0 and 1.

    Notes
    -----
    Exact: Clopper & Pearson 1934, Biometrika 26, 404-413, quantiles of the beta distribution. Mid-P: Berry &
    Armitage 1995, The Statistician 44, 417-423.
    """
    y, alpha = _checked(counts, level)
    n = np.broadcast_to(np.asarray(sizes, float), y.shape)
    wrong = np.flatnonzero(~(np.isfinite(n) & (n > 0) & (y <= n)))
    if wrong.size:
        raise InvalidDataError(
            f"counts that are no part of their size, in places {first_of(map(str, wrong))}"
        )
    first, back = distinct_rows(y, n, alpha)
    y, n, tail = y[first], n[first], alpha[first] / 2
    below = _probability_low(y, n, tail, mid_p)
    above = 1.0 - _probability_low(n - y, n, tail, mid_p)
    return Limits(below[back], above[back])


def overdispersed_interval(
    counts: ArrayLike,
    sizes: ArrayLike,
    phi: ArrayLike,
    critical: ArrayLike,
    *,
    proportion: bool = False,
    corrected: bool = False,
) -> Limits:
    """Interval of a rate whose count has `phi` times the variance that chance gives it.

    Parameters
    ----------
    counts, sizes : array, shape (n,)
    phi : array, shape (n,)
        Variance over that of a Poisson count, or of a binomial one.
    critical : array, shape (n,)
        Quantile, such as 1.96; of Student's t where phi is estimated.
    proportion : bool
        Binomial: the variance of the rate p is phi p (1 - p) / size, not phi p / size.
    corrected : bool
        Half a count is added on each side, so that it covers at least its level as exact intervals do.

    Returns
    -------
    Limits
        Of count / size.

    Notes
    -----
    The rates r with (count / size - r)^2 = critical^2 phi V(r) / size: Wilson's score interval (1927, JASA
    22, 209-212) with the variance of a quasi-likelihood (McCullagh & Nelder 1989, chapter 9). It is a
    solution of a quadratic, has no need of a distribution for the extra variance, and covers negative
    binomial counts of mean 20 and more within one point of its level when phi is known.
    """
    y, n = np.broadcast_arrays(np.asarray(counts, float), np.asarray(sizes, float))
    half = 0.5 if corrected else 0.0
    spread = np.asarray(critical, float) ** 2 * np.asarray(phi, float)
    low = _score_root(np.maximum(y - half, 0.0), n, spread, proportion, -1.0)
    top = np.minimum(y + half, n) if proportion else y + half
    return Limits(np.maximum(low, 0.0), _score_root(top, n, spread, proportion, 1.0))


def _score_root(y: Floats, n: Floats, spread: Floats, proportion: bool, sign: float) -> Floats:
    """One root of (y/n - r)^2 = spread V(r) / n."""
    curved = 1.0 + spread / n if proportion else np.ones_like(y)
    middle = y / n + spread / (2 * n)
    inside = middle**2 - curved * (y / n) ** 2
    return np.asarray((middle + sign * np.sqrt(np.maximum(inside, 0.0))) / curved)


def _checked(counts: ArrayLike, level: ArrayLike) -> tuple[Floats, Floats]:
    """Check counts and level; give counts, and the probability outside the interval."""
    levels = np.asarray(level, dtype=float)
    if not np.all((levels > 0) & (levels < 1)):
        raise SpecificationError(f"level={levels}: give a number between 0 and 1, such as 0.95")
    y = np.atleast_1d(np.asarray(counts, dtype=float))
    wrong = np.flatnonzero(~(np.isfinite(y) & (y >= 0)))
    if wrong.size:
        raise InvalidDataError(
            f"counts that are negative, missing or infinite, in places {first_of(map(str, wrong))}"
        )
    return np.where(y < _NOTHING, 0.0, y), np.broadcast_to(1.0 - levels, y.shape)


def _garwood(y: Floats, tail: Floats) -> Limits:
    low = np.where(y > 0, special.gammaincinv(_positive(y), tail), 0.0)
    return Limits(low, special.gammainccinv(y + 1, tail))


def _positive(y: Floats) -> Floats:
    return np.where(y > 0, y, 1.0)


def _at_most_before(y: Floats, mean: Floats) -> Floats:
    """P(Y <= y - 1)."""
    return np.where(y > 0, special.gammaincc(_positive(y), mean), 0.0)


def _poisson_pmf(y: Floats, mean: Floats) -> Floats:
    """Also the slope of the incomplete gamma function of y + 1; zero below zero."""
    safe = np.where(y > -1, y, 0.0)
    mass = np.exp(special.xlogy(safe, mean) - mean - special.gammaln(safe + 1))
    return np.where(y > -1, mass, 0.0)


def _probability_low(y: Floats, n: Floats, tail: Floats, mid_p: bool) -> Floats:
    some, rest = _positive(y), n - np.where(y > 0, y, 1.0)
    exact = np.where(y > 0, special.betaincinv(some, rest + 1, tail), 0.0)
    if not mid_p:
        return np.asarray(exact)
    after = _positive(rest)  # of a count that is all of its size, P(Y > y) is zero

    def excess(p: Floats) -> Floats:
        more = np.where(rest > 0, special.betainc(some + 1, after, p), 0.0)
        return np.asarray((special.betainc(some, rest + 1, p) + more) / 2 - tail)

    def slope(p: Floats) -> Floats:
        more = np.where(rest > 0, _beta_pdf(some + 1, after, p), 0.0)
        return (_beta_pdf(some, rest + 1, p) + more) / 2

    top = np.where(rest > 0, special.betaincinv(some + 1, after, tail), 1.0)
    return np.where(y > 0, _root(excess, slope, exact, top), 0.0)


def _beta_pdf(a: Floats, b: Floats, p: Floats) -> Floats:
    return np.asarray(np.exp(special.xlogy(a - 1, p) + special.xlog1py(b - 1, -p) - special.betaln(a, b)))


def _root(
    excess: Callable[[Floats], Floats], slope: Callable[[Floats], Floats], low: Floats, high: Floats
) -> Floats:
    """Where an increasing function is zero: Newton's steps, and halves where they leave the bracket."""
    x = (low + high) / 2
    for _ in range(_STEPS):
        gap = excess(x)
        low, high = np.where(gap < 0, x, low), np.where(gap > 0, x, high)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            step = x - gap / slope(x)
        inside = (step >= low - _PRECISION * low) & (step <= high + _PRECISION * high)
        before, x = x, np.where(inside, step, (low + high) / 2)
        if np.all(np.abs(x - before) <= _PRECISION * x):
            break
    return x
