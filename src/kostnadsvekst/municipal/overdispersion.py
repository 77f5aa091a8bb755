"""Overdispersion: how much more municipalities, or years, differ than chance makes them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.municipal.key_groups import KeyGroups, distinct_rows

Floats = NDArray[np.float64]

WINSORISED = 0.1  # of each end, as Spiegelhalter proposes
_ROUNDS = 500
_PRECISION = 1e-11


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Overdispersion of each comparison; missing where one row tells nothing of it.

    Attributes
    ----------
    phi : array, shape (g,)
        Multiplicative: variance over that of chance alone. Not cut at one.
    df : array, shape (g,)
        Degrees of freedom behind phi.
    tau2 : array, shape (g,)
        Additive: variance of the true rates between municipalities.
    """

    phi: Floats
    df: Floats
    tau2: Floats


def dispersion_between(
    rates: ArrayLike,
    target: ArrayLike,
    variances: ArrayLike,
    groups: KeyGroups,
    winsorised: float = WINSORISED,
) -> Dispersion:
    """Overdispersion of municipalities around a common rate.

    Parameters
    ----------
    rates : array, shape (n,)
    target : array, shape (g,)
        Common rate of each comparison.
    variances : array, shape (n,)
        Of each rate by chance alone, at the target.
    groups : KeyGroups
    winsorised : float
        Share of the z-scores at each end that are moved to the next, so that a few municipalities that are
        truly different do not make all limits wide.

    Returns
    -------
    Dispersion

    Raises
    ------
    SpecificationError
        A share that is not from 0 to below one half.

    Notes
    -----
    z = (rate - target) / sd; phi = sum of z^2 / (n - 1), tau^2 = (sum of z^2 - (n - 1)) / (sum w - sum w^2 /
    sum w) with w = 1 / variance, and zero where negative (Spiegelhalter 2005, Statistics in Medicine 24,
    1185-1202, the section on over-dispersion; the second is DerSimonian & Laird's 1986). Winsorised z have
    a smaller variance also without overdispersion: at 10 per cent 0.68. The paper lets it be; here the sum is
    divided by it (`winsorised_normal`), as the limits would else be too narrow.
    """
    if not 0 <= winsorised < 0.5:
        raise SpecificationError(f"winsorised={winsorised}: give a share from 0 to below 0.5")
    variances = np.asarray(variances, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (np.asarray(rates, float) - groups.spread(target)) / np.sqrt(variances)
        z, cut = _winsorise(z, groups, winsorised)
        kept, efficiency = winsorised_normal(cut)
        total = groups.sum(z**2) / kept
        free = groups.sizes - 1.0
        weights = 1.0 / variances
        sums, squares = groups.sum(weights), groups.sum(weights**2)
        tau2 = np.maximum(total - free, 0.0) / (sums - squares / sums)
        phi = total / free
    known = (free > 0) & np.isfinite(phi)
    return Dispersion(*(np.where(known, x, np.nan) for x in (phi, free * efficiency, tau2)))


def winsorised_normal(cut: ArrayLike) -> tuple[Floats, Floats]:
    """Variance of a standard normal whose ends are moved in, and the efficiency of its sum of squares.

    Parameters
    ----------
    cut : array
        Share of each end.

    Returns
    -------
    variance, efficiency : array
        The second is the degrees of freedom over those of a sum of squares that is not winsorised, from the
        influence function of the mean of min(z^2, c^2) where c is a quantile of the data (Huber & Ronchetti
        2009, chapter 3).
    """
    q = np.asarray(cut, float)
    c = stats.norm.isf(np.where(q > 0, q, 0.25))
    density = stats.norm.pdf(c)
    second = 1 - 2 * q - 2 * c * density
    fourth = 3 * second - 2 * c**3 * density
    variance = second + 2 * q * c**2
    move = 2 * q * c / density
    outside = 2 * q * (c**2 - variance + move * (1 - 2 * q)) ** 2
    centre = variance + 2 * q * move
    error = outside + fourth - 2 * centre * second + centre**2 * (1 - 2 * q)
    with np.errstate(divide="ignore", invalid="ignore"):
        efficiency = 2 * variance**2 / error
    return np.where(q > 0, variance, 1.0), np.where(q > 0, efficiency, 1.0)


def _winsorise(z: Floats, groups: KeyGroups, share: float) -> tuple[Floats, Floats]:
    """Z-scores with the ends moved in, and the share that was moved at each end of each group."""
    order = np.lexsort([z, groups.of_row])
    moved = np.floor(share * groups.sizes + 1e-9).astype(np.int64)
    ends = groups.starts + groups.sizes - 1
    ranked = z[order]
    low, high = ranked[groups.starts + moved], ranked[ends - moved]
    return np.clip(z, groups.spread(low), groups.spread(high)), moved / groups.sizes


@dataclass(frozen=True, slots=True)
class WithinDispersion:
    """How much a municipality's numbers vary around its own level, beside the years' common change.

    Attributes
    ----------
    phi : array, shape (g,)
        Sum of squared residuals over variances and degrees of freedom; missing without degrees of freedom.
    df : array, shape (g,)
    """

    phi: Floats
    df: Floats


def dispersion_within(
    amounts: ArrayLike,
    sizes: ArrayLike,
    units: ArrayLike,
    periods: ArrayLike,
    groups: KeyGroups,
    *,
    power: int = 1,
    proportion: bool = False,
) -> WithinDispersion:
    """Dispersion from year to year, of amounts with a level for each municipality and each year.

    Parameters
    ----------
    amounts, sizes : array, shape (n,)
        Counts and their denominators; or kroner and the number of recipients.
    units, periods : array of int, shape (n,)
        Numbers from zero of the municipality and of the year within each group, unlike those of other groups.
    groups : KeyGroups
        All years of a comparison.
    power : {1, 2}
        Variance of an amount is phi × size × rate^power: 1 for counts, 2 for kroner, where phi is the squared
        coefficient of variation between recipients.
    proportion : bool
        With power 1, of counts that are a part of their size: phi × size × rate × (1 - rate).

    Returns
    -------
    WithinDispersion

    Notes
    -----
    amount = size × municipality × year, fitted as Poisson regression with two fixed effects by proportional
    fitting; phi is Pearson's statistic over rows - municipalities - years + 1 (McCullagh & Nelder 1989,
    section 4.5).
    """
    y, e = np.asarray(amounts, float), np.asarray(sizes, float)
    unit, period = np.asarray(units), np.asarray(periods)
    rate = _two_way_rates(y, e, unit, period, groups)
    variance = e * rate**power * (1 - np.minimum(rate, 1.0) if proportion else 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.where(variance > 0, (y - e * rate) ** 2 / variance, 0.0)
    used = variance > 0
    freedom = groups.sum(used) - _distinct(unit, used, groups) - _distinct(period, used, groups) + 1.0
    freedom = np.where(groups.sum(used) > 0, freedom, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = groups.sum(squares) / freedom
    return WithinDispersion(np.where(freedom > 0, phi, np.nan), freedom)


def dispersion_of_one_level(
    amounts: ArrayLike, sizes: ArrayLike, groups: KeyGroups, power: int
) -> WithinDispersion:
    """Dispersion around a level that all rows of a group share; else as `dispersion_within`.

    Parameters
    ----------
    amounts, sizes : array, shape (n,)
    groups : KeyGroups
    power : {1, 2}

    Returns
    -------
    WithinDispersion
    """
    y, e = np.asarray(amounts, float), np.asarray(sizes, float)
    expected = e * groups.spread(_over(groups.sum(y), groups.sum(e)))
    used = expected > 0
    freedom = np.maximum(groups.sum(used) - 1.0, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.where(used, (y - expected) ** 2 / (expected**power / e ** (power - 1)), 0.0)
        phi = groups.sum(squares) / freedom
    return WithinDispersion(np.where(freedom > 0, phi, np.nan), freedom)


def _two_way_rates(
    y: Floats, e: Floats, unit: NDArray[np.int64], period: NDArray[np.int64], groups: KeyGroups
) -> Floats:
    """Fitted rate of each row: municipality times year, by proportional fitting within each group."""
    rate = np.zeros(y.size)
    for rows in groups.slices():
        own, units = _numbered(unit[rows])
        when, periods = _numbered(period[rows])
        cell = own * periods + when
        amounts, sizes = (_sums(cell, x[rows], units * periods).reshape(units, periods) for x in (y, e))
        rate[rows] = _fitted(amounts, sizes).ravel()[cell]
    return rate


def _numbered(ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Numbers from zero of the ids, and how many there are."""
    codes, values = pd.factorize(ids)
    return codes, len(values)


def _fitted(amounts: Floats, sizes: Floats) -> Floats:
    """Rates of municipalities (down) in years (across) that give the sums of both."""
    of_unit, of_year = amounts.sum(axis=1), amounts.sum(axis=0)
    year, rate = np.ones(of_year.size), np.zeros(amounts.shape)
    for _ in range(_ROUNDS):
        level = _over(of_unit, sizes @ year)
        year = _over(of_year, level @ sizes)
        before, rate = rate, level[:, None] * year
        if np.all(np.abs(rate - before) <= _PRECISION * rate):
            break
    return rate


def _sums(ids: NDArray[np.int64], values: Floats, size: int) -> Floats:
    return np.asarray(np.bincount(ids, values, minlength=size), dtype=float)


def _over(top: Floats, bottom: Floats) -> Floats:
    return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1.0), 0.0)


def _distinct(ids: NDArray[np.int64], used: NDArray[np.bool_], groups: KeyGroups) -> Floats:
    """How many different ids each group has among the rows that are used."""
    first, _ = distinct_rows(groups.of_row[used], ids[used])
    return np.bincount(groups.of_row[used][first], minlength=groups.sizes.size).astype(float)
