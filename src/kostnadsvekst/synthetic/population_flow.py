"""Stocks and flows of synthetic users: who is in a service in each week."""

from dataclasses import dataclass
from typing import NamedTuple

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
    bounds = np.array([*AGE_LOWER, OLDEST_SYNTHETIC_AGE + 1])
    made, n_spells = _flow(stock, fresh, years, mean_age, women, bounds, capacity, seed)
    return Spells(
        made.client[:n_spells],
        made.birth[:n_spells],
        made.woman[:n_spells],
        made.first[:n_spells],
        made.last[:n_spells],
    )


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
    parts: NDArray[np.int64] = np.diff(ends, prepend=0).reshape(weights.shape, order="F")
    return parts


class _Members(NamedTuple):
    """Age groups (rows): the spells of those who receive the service now, and of those who may return."""

    spells: NDArray[np.int64]
    size: NDArray[np.int64]
    pool: NDArray[np.int32]
    pooled: NDArray[np.int64]
    ages: NDArray[np.float64]
    women: NDArray[np.float64]


class _Spells(NamedTuple):
    """Client, birth year, sex, first and last week of each spell."""

    client: NDArray[np.int64]
    birth: NDArray[np.int64]
    woman: NDArray[np.bool_]
    first: NDArray[np.int64]
    last: NDArray[np.int64]


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
) -> tuple[_Spells, int]:
    np.random.seed(seed)  # noqa: NPY002
    n_weeks, n_groups = stock.shape
    made, group = _empty(n_groups, 2 * stock.max() + 1000, capacity)
    n_spells, n_clients, debt = 0, 0, 0
    for w in range(n_weeks):
        new_year = w == 0 or years[w] != years[w - 1]
        if new_year and w:
            debt = 0
            _grow_older(group, made, years[w], bounds)
        for g in range(n_groups):
            entering = 0 if new_year else min(fresh[w, g], stock[w, g])
            back = max(0, stock[w, g] - group.size[g] - entering)
            leaving = group.size[g] + entering + back - stock[w, g]
            for _ in range(leaving):
                spell = _leave(group, made, g, years[w])
                made.last[spell] = w - 1
                if not new_year:
                    group.pool[g, group.pooled[g]] = spell
                    group.pooled[g] += 1
            for entry in range(entering + back):
                spell = n_spells
                n_spells += 1
                made.first[spell] = w if w else -1
                returns = entry >= entering
                # A return without anybody to return is a new client: one fewer later in the year.
                if returns and not group.pooled[g] and not new_year:
                    debt += 1
                if (returns or debt > 0) and group.pooled[g] and not new_year:
                    debt -= not returns
                    _return(group, made, g, spell)
                else:
                    made.client[spell] = n_clients
                    n_clients += 1
                    todo = entering + back - entry
                    age, woman = _draw_client(group, g, todo, mean_age[w, g], women[w], bounds)
                    made.birth[spell], made.woman[spell] = years[w] - age, woman
                _enter(group, made, g, spell, years[w])
    return made, n_spells


@njit(cache=True)
def _empty(n_groups: int, most: int, capacity: int) -> tuple[_Spells, _Members]:
    made = _Spells(
        np.zeros(capacity, dtype=np.int64),
        np.zeros(capacity, dtype=np.int64),
        np.zeros(capacity, dtype=np.bool_),
        np.zeros(capacity, dtype=np.int64),
        np.full(capacity, -1, dtype=np.int64),
    )
    group = _Members(
        np.zeros((n_groups, most), dtype=np.int64),
        np.zeros(n_groups, dtype=np.int64),
        np.zeros((n_groups, capacity), dtype=np.int32),
        np.zeros(n_groups, dtype=np.int64),
        np.zeros(n_groups),
        np.zeros(n_groups),
    )
    return made, group


@njit(cache=True)
def _grow_older(group: _Members, made: _Spells, year: int, bounds: NDArray[np.int64]) -> None:
    """Everybody into the age group of the new year; those who left last year do not return."""
    moved, before = group.spells.copy(), group.size.copy()
    group.size[:], group.pooled[:], group.ages[:], group.women[:] = 0, 0, 0.0, 0.0
    for g in range(len(before)):
        for k in range(before[g]):
            spell = moved[g, k]
            age = year - made.birth[spell]
            new = 0
            while new < len(before) - 1 and age >= bounds[new + 1]:
                new += 1
            _enter(group, made, new, spell, year)


@njit(cache=True)
def _enter(group: _Members, made: _Spells, g: int, spell: int, year: int) -> None:
    group.spells[g, group.size[g]] = spell
    group.size[g] += 1
    group.ages[g] += year - made.birth[spell]
    group.women[g] += made.woman[spell]


@njit(cache=True)
def _leave(group: _Members, made: _Spells, g: int, year: int) -> int:
    """Take one at random out of the group; the spell."""
    k = np.random.randint(group.size[g])  # noqa: NPY002
    spell = group.spells[g, k]
    group.size[g] -= 1
    group.spells[g, k] = group.spells[g, group.size[g]]
    group.ages[g] -= year - made.birth[spell]
    group.women[g] -= made.woman[spell]
    return int(spell)


@njit(cache=True)
def _return(group: _Members, made: _Spells, g: int, spell: int) -> None:
    """Give the spell to one at random of those who left the group."""
    k = np.random.randint(group.pooled[g])  # noqa: NPY002
    old = group.pool[g, k]
    group.pooled[g] -= 1
    group.pool[g, k] = group.pool[g, group.pooled[g]]
    made.client[spell], made.birth[spell], made.woman[spell] = (
        made.client[old],
        made.birth[old],
        made.woman[old],
    )


@njit(cache=True)
def _draw_client(
    group: _Members, g: int, todo: int, mean_age: float, women: float, bounds: NDArray[np.int64]
) -> tuple[int, bool]:
    """Age and sex of a new client; those still to come make up for what the others lack."""
    n = group.size[g]
    lack = min(0.3 * n / todo, 40.0) if n else 0.0
    now = group.ages[g] / n if n else mean_age
    age = _draw_age(mean_age + lack * (mean_age - now), bounds[g], bounds[g + 1])
    now_women = group.women[g] / n if n else women
    share = min(max(women + lack * (women - now_women), 0.02), 0.98)
    return age, np.random.random() < share  # noqa: NPY002


@njit(cache=True)
def _draw_age(wanted: float, low: int, high: int) -> int:
    share = min(max((wanted + 0.5 - low) / (high - low), 0.04), 0.96)
    return min(low + int(np.random.beta(4.0 * share, 4.0 * (1.0 - share)) * (high - low)), high - 1)  # noqa: NPY002
