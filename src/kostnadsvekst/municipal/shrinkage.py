"""Empirical Bayes: rates of municipalities drawn towards their group, as far as chance may have made them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from kostnadsvekst.municipal.key_groups import KeyGroups

Floats = NDArray[np.float64]
Kind = Literal["poisson", "binomial", "normal"]

_ROUNDS = 200
_PRECISION = 1e-10
# After none has moved: what groups are fitted together then changes nothing that can be read.
_ROUNDS_MORE = 2
# Groups are fitted some at a time: numbers stay in the cache, and those that are done wait for few others.
_ROWS_AT_A_TIME = 10_000


@dataclass(frozen=True, slots=True)
class Prior:
    """Distribution of the true rates of each comparison.

    Attributes
    ----------
    mean : array, shape (g,)
    variance : array, shape (g,)
        Zero where the rates differ no more than by chance. Missing, as the mean, where fewer than two
        municipalities tell it, or all are zero (or all of their size).
    """

    mean: Floats
    variance: Floats


@dataclass(frozen=True, slots=True)
class Posterior:
    """What is known of the true rate of each municipality.

    Attributes
    ----------
    mean : array, shape (n,)
        The shrunken rate.
    above : array, shape (n,)
        Probability that the true rate is above the mean of the group's true rates.
    location, variance : array, shape (n,)
        Of the rate on a scale where it is nearly normal, to compare municipalities on.
    """

    mean: Floats
    above: Floats
    location: Floats
    variance: Floats


def fit_prior(
    rates: ArrayLike, coefficients: ArrayLike, groups: KeyGroups, kind: Kind, members: ArrayLike | None = None
) -> Prior:
    """Mean and variance of the true rates, by moments.

    Parameters
    ----------
    rates : array, shape (n,)
    coefficients : array, shape (n,)
        A rate has, by chance, the variance V(mean) × coefficient: V is mean and the coefficient 1 / size for
        counts; mean (1 - mean) and 1 / size for proportions; mean^2 and the squared relative standard error
        for costs.
    groups : KeyGroups
    kind : {"poisson", "binomial", "normal"}
        V, as told.
    members : array of bool, shape (n,), optional
        Municipalities that the mean is of; default all.

    Returns
    -------
    Prior

    Notes
    -----
    The variance tau^2 for which sum of (rate - mean)^2 / (V c + tau^2) equals n - 1, and the mean weighted by
    1 / (V c + tau^2): Paule & Mandel 1982 as DerSimonian & Kacker 2007 (Contemporary Clinical Trials 28,
    105-114, eq. 6) solve it; by moments and not by marginal likelihood, so nothing is assumed of the shape.
    Marshall 1991 (Applied Statistics 40, 283-294) is its first step.
    """
    r, c = np.asarray(rates, float), np.asarray(coefficients, float)
    inside = np.ones(r.size, bool) if members is None else np.asarray(members, bool)
    found = [
        _fitted(r[rows], c[rows], part, kind, inside[rows]) for rows, part in groups.pieces(_ROWS_AT_A_TIME)
    ]
    mean, variance = (np.concatenate(x) for x in zip(*found, strict=True)) if found else np.zeros((2, 0))
    return Prior(mean, variance)


def _fitted(
    r: Floats, c: Floats, groups: KeyGroups, kind: Kind, inside: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Mean and variance of some groups, fitted until none moves."""
    free = groups.sum(inside) - 1.0
    equal = np.divide(1.0, c, out=np.zeros_like(c), where=inside)
    mean, tau2 = _weighted(r, equal, groups), np.zeros(free.size)
    share = 1.0 - c if kind == "binomial" else np.ones_like(c)  # of tau^2 in the variance of a rate
    still = 0
    for _ in range(_ROUNDS):
        variance = groups.spread(_at_mean(mean, kind)) * c + np.maximum(share, 0.0) * groups.spread(tau2)
        with np.errstate(divide="ignore", invalid="ignore"):
            w = np.where(inside, 1.0 / variance, 0.0)
            mean = _weighted(r, w, groups)
            squares = w * (r - groups.spread(mean)) ** 2
            gap = groups.sum(squares) - free
            following = np.maximum(tau2 + gap / groups.sum(share * w * squares), 0.0)
        moved = np.abs(following - tau2) > _PRECISION * (following + tau2)
        tau2 = np.where(np.isfinite(following), following, 0.0)
        still = 0 if np.any(moved) else still + 1
        if still > _ROUNDS_MORE:
            break
    known = (free > 0) & (_at_mean(mean, kind) > 0)
    return np.where(known, mean, np.nan), np.where(known, tau2, np.nan)


def _at_mean(mean: Floats, kind: Kind) -> Floats:
    return {"poisson": mean, "binomial": mean * (1 - mean), "normal": mean**2}[kind]


def _weighted(r: Floats, w: Floats, groups: KeyGroups) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return groups.sum(w * r) / groups.sum(w)


def shrink_counts(counts: ArrayLike, sizes: ArrayLike, prior: Prior, groups: KeyGroups) -> Posterior:
    """Posterior of Poisson rates with a gamma prior.

    Parameters
    ----------
    counts, sizes : array, shape (n,)
    prior : Prior
    groups : KeyGroups

    Returns
    -------
    Posterior

    Notes
    -----
    Prior gamma(a, b) with a / b the mean and a / b^2 the variance; posterior gamma(a + count, b + size)
    (Clayton & Kaldor 1987, Biometrics 43, 671-681, section 2). The scale on which municipalities are compared
    is the cube root (Wilson & Hilferty 1931).
    """
    m, tau2 = groups.spread(prior.mean), groups.spread(prior.variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        shape, rate = m**2 / tau2 + np.asarray(counts, float), m / tau2 + np.asarray(sizes, float)
        mean = shape / rate
        location, variance = np.cbrt(mean) * (1 - 1 / (9 * shape)), np.cbrt(mean) ** 2 / (9 * shape)
        above = special.gammaincc(shape, rate * m)
    return _settled(Posterior(mean, above, location, variance), m, tau2)


def shrink_proportions(counts: ArrayLike, sizes: ArrayLike, prior: Prior, groups: KeyGroups) -> Posterior:
    """Posterior of proportions with a beta prior.

    Parameters
    ----------
    counts, sizes : array, shape (n,)
    prior : Prior
    groups : KeyGroups

    Returns
    -------
    Posterior

    Notes
    -----
    Prior beta(a, b) with the mean and variance of `prior`; posterior beta(a + count, b + size - count)
    (Gelman and others 2013, Bayesian Data Analysis, section 5.3). They are compared on the scale of the
    arcsine of the square root.
    """
    m, tau2 = groups.spread(prior.mean), groups.spread(prior.variance)
    y, n = np.asarray(counts, float), np.asarray(sizes, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        strength = np.maximum(m * (1 - m) / tau2 - 1, 1e-6)
        a, b = m * strength + y, (1 - m) * strength + n - y
        mean = a / (a + b)
        above = special.betaincc(a, b, m)
        location, variance = np.arcsin(np.sqrt(mean)), 1 / (4 * (a + b + 1))
    return _settled(Posterior(mean, above, location, variance), m, tau2)


def shrink_normal(rates: ArrayLike, coefficients: ArrayLike, prior: Prior, groups: KeyGroups) -> Posterior:
    """Posterior of costs with a normal prior.

    Parameters
    ----------
    rates, coefficients : array, shape (n,)
        As in `fit_prior`.
    prior : Prior
    groups : KeyGroups

    Returns
    -------
    Posterior

    Notes
    -----
    Efron & Morris 1975 (JASA 70, 311-319): mean + B (rate - mean), B = tau^2 / (tau^2 + variance of the
    rate), that variance taken at the mean, so that a low cost is not trusted more for being low.
    """
    m, tau2 = groups.spread(prior.mean), groups.spread(prior.variance)
    noise = m**2 * np.asarray(coefficients, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        kept = tau2 / (tau2 + noise)
        mean, variance = m + kept * (np.asarray(rates, float) - m), kept * noise
        above = special.ndtr((mean - m) / np.sqrt(variance))
    return _settled(Posterior(mean, above, mean, variance), m, tau2)


def _settled(found: Posterior, m: Floats, tau2: Floats) -> Posterior:
    """Where rates differ by chance alone all are the mean, and above it as likely as below."""
    alike, unknown = tau2 == 0, np.isnan(tau2)

    def settle(values: Floats, then: Floats | float) -> Floats:
        return np.where(unknown, np.nan, np.where(alike, then, values))

    return Posterior(
        settle(found.mean, m),
        settle(found.above, 0.5),
        settle(found.location, 0.0),
        settle(found.variance, 0.0),
    )
