"""Ranks of municipalities with what is known of them: expected ranks, and intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from kostnadsvekst.municipal.key_groups import KeyGroups

Floats = NDArray[np.float64]


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
        x, v = place[rows], spread[rows]
        sd = np.sqrt(v[:, None] + v[None, :])
        higher = special.ndtr((x[None, :] - x[:, None]) / np.where(sd > 0, sd, 1.0))
        ranks[rows] = higher.sum(axis=1) + 0.5  # its own half, and the one it starts from
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
    with np.errstate(over="ignore"):  # a limit that few degrees of freedom leave without end
        down, up = (r - below) ** 2, (above - r) ** 2
    for rows in groups.slices():
        gap = r[rows][None, :] - r[rows][:, None]  # how much column is above row
        surely = gap * np.abs(gap) > down[rows][None, :] + up[rows][:, None]
        best[rows] = 1 + surely.sum(axis=1)
        worst[rows] = surely.shape[0] - surely.sum(axis=0)
    alone = groups.sizes[groups.of_row] < 2
    return RankLimits(np.where(alone, np.nan, best), np.where(alone, np.nan, worst))
