"""Stocks and flows of synthetic users: who is in a service in each week."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kostnadsvekst.register.schema import AGE_LOWER

OLDEST_SYNTHETIC_AGE = 104
FIRST_WEEK_OF_ALL = -1
STILL_ACTIVE = -1


@dataclass(frozen=True, slots=True)
class Spells:
    """Unbroken periods of a client in a service, each array of shape (n_spells,).

    Attributes
    ----------
    client : ndarray of int64
        A client can have several spells.
    birth_year : ndarray of int64
    woman : ndarray of bool
    first_week : ndarray of int64
        −1 for those who were in the service before the first week.
    last_week : ndarray of int64
        −1 for those who are in the service at the end.
    """

    client: NDArray[np.int64]
    birth_year: NDArray[np.int64]
    woman: NDArray[np.bool_]
    first_week: NDArray[np.int64]
    last_week: NDArray[np.int64]


def flow(
    stock: NDArray[np.int64],
    yearly: NDArray[np.int64],
    years: NDArray[np.int64],
    mean_age: NDArray[np.float64],
    women: NDArray[np.float64],
    seed: int,
) -> Spells:
    """Spells whose weekly stock is given exactly, and so are the distinct clients of each year.

    Parameters
    ----------
    stock : ndarray of int64, shape (n_weeks, n_groups)
        Clients in each week and age group.
    yearly : ndarray of int64, shape (n_years,)
        Distinct clients of each ISO year.
    years : ndarray of int64, shape (n_weeks,)
        ISO year of each week.
    mean_age : ndarray of float64, shape (n_weeks, n_groups)
        Towards which the ages of those who enter are steered.
    women : ndarray of float64, shape (n_weeks,)
        Share towards which the sexes of those who enter are steered.
    seed : int

    Returns
    -------
    Spells
    """
    fresh = _fresh_entries(stock, yearly, years)
    changes = np.abs(np.diff(stock, axis=0)).sum()
    n_years = len(np.unique(years))
    # Every New Year some clients grow into the next age group and are balanced by exits and entries.
    capacity = int(stock[0].sum() + fresh.sum() + changes + n_years * stock.max(axis=0).sum() + 1000)
    client, birth_year, woman, first, last, n_spells = _flow(
        stock, fresh, years, mean_age, women, np.array([*AGE_LOWER, OLDEST_SYNTHETIC_AGE + 1]), capacity, seed
    )
    return Spells(*(values[:n_spells] for values in (client, birth_year, woman, first, last)))


def _fresh_entries(
    stock: NDArray[np.int64], yearly: NDArray[np.int64], years: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Clients who come for the first time in the year, by week and group.

    Distinct clients of a year are those of its first week and the fresh ones of the others, so their number
    fixes the turnover.
    """
    fresh = np.zeros_like(stock)
    for number, year in enumerate(np.unique(years)):
        weeks = np.flatnonzero(years == year)
        inner = weeks[1:]
        budget = max(int(yearly[number] - stock[weeks[0]].sum()), 0)
        growth = np.maximum(stock[inner] - stock[inner - 1], 0)
        surplus = budget - growth.sum()
        if surplus >= 0:
            fresh[inner] = growth + _share_out(surplus, stock[inner])
        else:
            fresh[inner] = np.minimum(_share_out(budget, growth), growth)
    return fresh


def _share_out(total: int, weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integers in proportion to `weights` that sum to `total`."""
    flat = weights.astype(float).ravel(order="F")
    if total == 0 or flat.sum() == 0:
        return np.zeros(weights.shape, dtype=np.int64)
    ends = np.rint(np.cumsum(flat) / flat.sum() * total).astype(np.int64)
    return np.diff(ends, prepend=0).reshape(weights.shape, order="F")


@njit(cache=True)
def _draw_age(wanted: float, low: int, high: int) -> int:
    share = min(max((wanted + 0.5 - low) / (high - low), 0.04), 0.96)
    return min(low + int(np.random.beta(4.0 * share, 4.0 * (1.0 - share)) * (high - low)), high - 1)  # noqa: NPY002


@njit(cache=True)
def _flow(
    stock: NDArray[np.int64],
    fresh: NDArray[np.int64],
    years: NDArray[np.int64],
    mean_age: NDArray[np.float64],
    women: NDArray[np.float64],
    bounds: NDArray[np.int64],
    capacity: int,
    seed: int,
) -> tuple:
    np.random.seed(seed)  # noqa: NPY002
    n_weeks, n_groups = stock.shape
    client = np.zeros(capacity, dtype=np.int64)
    birth = np.zeros(capacity, dtype=np.int64)
    woman = np.zeros(capacity, dtype=np.bool_)
    first = np.zeros(capacity, dtype=np.int64)
    last = np.full(capacity, -1, dtype=np.int64)
    members = np.zeros((n_groups, 2 * stock.max() + 1000), dtype=np.int64)
    pool = np.zeros((n_groups, capacity), dtype=np.int32)
    count = np.zeros(n_groups, dtype=np.int64)
    pooled = np.zeros(n_groups, dtype=np.int64)
    ages = np.zeros(n_groups)
    n_women = np.zeros(n_groups)
    n_spells, n_clients, debt = 0, 0, 0
    for w in range(n_weeks):
        new_year = w == 0 or years[w] != years[w - 1]
        if new_year and w:
            debt = 0
            moved = members.copy()
            before = count.copy()
            count[:], pooled[:], ages[:], n_women[:] = 0, 0, 0.0, 0.0
            for g in range(n_groups):
                for k in range(before[g]):
                    spell = moved[g, k]
                    age = years[w] - birth[spell]
                    group = 0
                    while group < n_groups - 1 and age >= bounds[group + 1]:
                        group += 1
                    members[group, count[group]] = spell
                    count[group] += 1
                    ages[group] += age
                    n_women[group] += woman[spell]
        for g in range(n_groups):
            entering = 0 if new_year else min(fresh[w, g], stock[w, g])
            back = max(0, stock[w, g] - count[g] - entering)
            leaving = count[g] + entering + back - stock[w, g]
            for _ in range(leaving):
                k = np.random.randint(count[g])  # noqa: NPY002
                spell = members[g, k]
                count[g] -= 1
                members[g, k] = members[g, count[g]]
                last[spell] = w - 1
                ages[g] -= years[w] - birth[spell]
                n_women[g] -= woman[spell]
                if not new_year:
                    pool[g, pooled[g]] = spell
                    pooled[g] += 1
            for entry in range(entering + back):
                spell = n_spells
                n_spells += 1
                first[spell] = w if w else -1
                returns = entry >= entering
                # A return without anybody to return is a new client: one fewer later in the year.
                if returns and not pooled[g] and not new_year:
                    debt += 1
                if (returns or debt > 0) and pooled[g] and not new_year:
                    debt -= not returns
                    k = np.random.randint(pooled[g])  # noqa: NPY002
                    old = pool[g, k]
                    pooled[g] -= 1
                    pool[g, k] = pool[g, pooled[g]]
                    client[spell], birth[spell], woman[spell] = client[old], birth[old], woman[old]
                else:
                    client[spell] = n_clients
                    n_clients += 1
                    # Steer: those still to come make up for what the others lack.
                    n, todo = count[g], entering + back - entry
                    lack = min(0.3 * n / todo, 40.0) if n else 0.0
                    now = ages[g] / n if n else mean_age[w, g]
                    age = _draw_age(mean_age[w, g] + lack * (mean_age[w, g] - now), bounds[g], bounds[g + 1])
                    now_women = n_women[g] / n if n else women[w]
                    share = min(max(women[w] + lack * (women[w] - now_women), 0.02), 0.98)
                    birth[spell] = years[w] - age
                    woman[spell] = np.random.random() < share  # noqa: NPY002
                members[g, count[g]] = spell
                count[g] += 1
                ages[g] += years[w] - birth[spell]
                n_women[g] += woman[spell]
    return client, birth, woman, first, last, n_spells
