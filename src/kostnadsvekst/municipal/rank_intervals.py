"""Ranks of municipalities with what is known of them: expected ranks, and intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from kostnadsvekst.municipal.key_groups import KeyGroups

Floats = NDArray[np.float64]

# Rows that are compared at a time with all: their numbers stay in the processor's cache.
_BLOCK = 48


@dataclass(frozen=True, slots=True)
class RankLimits:
    """Limits of each rank; 1 is the highest rate.

    Attributes
    ----------
    low, high : array, shape (n,)
        Whole numbers; missing in groups of one.
    """

    low: Floats
    high: Floats


def raw_ranks(rates: ArrayLike, groups: KeyGroups) -> Floats:
    """Ranks of observed rates, 1 the highest; equal rates share the mean of their ranks.

    Parameters
    ----------
    rates : array, shape (n,)
    groups : KeyGroups
    """
    r = np.asarray(rates, float)
    ranks = np.empty(r.size)
    for rows in groups.slices():
        ordered = np.sort(r[rows])
        above = ordered.size - np.searchsorted(ordered, r[rows], "right")
        not_below = ordered.size - np.searchsorted(ordered, r[rows], "left")
        ranks[rows] = (above + not_below + 1) / 2
    return ranks


def expected_ranks(location: ArrayLike, variance: ArrayLike, groups: KeyGroups) -> Floats:
    """Posterior expectation of each rank.

    Parameters
    ----------
    location, variance : array, shape (n,)
        Of a `shrinkage.Posterior`.
    groups : KeyGroups

    Returns
    -------
    array, shape (n,)
        1 + sum over the others of the probability that they are higher: no whole number, and near the middle
        where little is known. Of all estimates it has the smallest expected squared error.

    Notes
    -----
    Laird & Louis 1989, Journal of Educational Statistics 14, 29-46, eq. 2.
    """
    place, spread = np.asarray(location, float), np.asarray(variance, float)
    ranks = np.empty(place.size)
    for rows in groups.slices():
        ranks[rows] = _expected(place[rows], spread[rows])
    return ranks


def _expected(x: Floats, v: Floats) -> Floats:
    """Each pair once: what one is sure to be higher, the other is not."""
    if np.isnan(x).any() or np.isnan(v).any():
        return np.full(x.size, np.nan)
    if not v.any() and np.all(x == x[0]):
        return np.full(x.size, (x.size + 1) / 2)
    ranks = np.full(x.size, 0.5)  # the place it starts from, less its own half below
    for start in range(0, x.size, _BLOCK):
        end = min(start + _BLOCK, x.size)
        sd = np.sqrt(v[start:end, None] + v[None, start:])
        if not sd.all():
            sd[sd == 0] = 1.0
        higher = special.ndtr((x[None, start:] - x[start:end, None]) / sd)
        ranks[start:end] += higher.sum(axis=1)
        ranks[end:] += (end - start) - higher[:, end - start :].sum(axis=0)
    return ranks


def pairwise_level(level: float, groups: KeyGroups) -> Floats:
    """Level of each comparison of two that gives a rank its level, shape (g,); one in groups of one.

    Parameters
    ----------
    level : float
    groups : KeyGroups

    Notes
    -----
    level^(1 / (n - 1)): Sidak 1967, for the n - 1 comparisons of a municipality with the others.
    """
    return np.where(groups.sizes > 1, level ** (1.0 / np.maximum(groups.sizes - 1, 1)), np.nan)


def rank_limits(rates: ArrayLike, low: ArrayLike, high: ArrayLike, groups: KeyGroups) -> RankLimits:
    """Interval of the rank of each municipality.

    Parameters
    ----------
    rates, low, high : array, shape (n,)
        Observed rates, with limits at the level of `pairwise_level`.
    groups : KeyGroups

    Returns
    -------
    RankLimits
        The best place is one after the number that are surely higher; the worst is before those surely lower.

    Notes
    -----
    Mogstad, Romano, Shaikh & Wilhelm 2024, Review of Economic Studies 91, 476-518, section 3.1: whatever the
    true rates, also equal ones, the rank is inside with at least its level (one municipality at a time, not
    all at once). No prior is used. Two rates differ surely where the lower limit of their difference is above
    zero, made from the limits of the two by squaring and adding (Zou & Donner 2008, Statistics in Medicine
    27, 1693-1702), so that it is as skewed as counts are.
    """
    r, below, above = (np.asarray(x, float) for x in (rates, low, high))
    best, worst = np.empty(r.size), np.empty(r.size)
    for rows in groups.slices():
        best[rows], worst[rows] = _places(r[rows], below[rows], above[rows])
    alone = groups.sizes[groups.of_row] < 2
    return RankLimits(np.where(alone, np.nan, best), np.where(alone, np.nan, worst))


def _places(rates: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Best and worst place; from the highest down, so that each pair is looked at once."""
    order = np.argsort(-rates)
    r, least, most = rates[order], low[order], high[order]
    with np.errstate(over="ignore"):  # a limit that few degrees of freedom leave without end
        down, up = (r - least) ** 2, (most - r) ** 2
    lower, higher = np.zeros(r.size), np.zeros(r.size)  # how many surely are
    for start in range(0, r.size, _BLOCK):
        end = min(start + _BLOCK, r.size)
        # Nothing is surely below a rate that is not below its lower limit.
        first = int(np.searchsorted(-r, -np.fmax.reduce(least[start:end])))
        if first == r.size:
            continue
        gap = r[start:end, None] - r[None, first:]  # how much row is above column
        surely = gap * np.abs(gap) > down[start:end, None] + up[None, first:]
        lower[start:end] += surely.sum(axis=1)
        higher[first:] += surely.sum(axis=0, dtype=np.uint8)
    best, worst = np.empty(r.size), np.empty(r.size)
    best[order], worst[order] = 1 + higher, r.size - lower
    return best, worst
