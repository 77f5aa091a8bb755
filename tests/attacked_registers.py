"""Invented registers of persons for the attack, of several kinds."""

from collections.abc import Callable

import numpy as np
import pandas as pd

WEEKS = 3
_OLD = ([0, 18, 40, 60, 80], [18, 40, 60, 80, 100])


def register_of(kind: str, seed: int) -> pd.DataFrame:
    """Persons of one service in a few municipalities and weeks; columns of `register_attack.PEOPLE`."""
    rng = np.random.default_rng((seed, KINDS.index(kind)))
    people = _DRAWS[kind](rng)
    people["person"] = np.arange(len(people))
    people["service"] = "home_health"
    stays = rng.random(len(people)) < 0.9
    people["first"] = np.where(stays, 0, rng.integers(0, WEEKS, len(people)))
    people["last"] = np.where(stays, WEEKS - 1, rng.integers(people["first"], WEEKS))
    return people


def _people(rng, n, n_places=3, groups=(0.1, 0.15, 0.2, 0.25, 0.3), women=0.6, places=None, hours=0.8):
    group = rng.choice(5, n, p=groups)
    place = rng.choice(n_places, n, p=places)
    has = rng.random(n) < hours
    return pd.DataFrame(
        {
            "municipality": np.array([f"{301 + 800 * k:04}" for k in range(n_places)])[place],
            "age": rng.integers(np.array(_OLD[0])[group], np.array(_OLD[1])[group]),
            "sex": np.where(rng.random(n) < women, "2", "1"),
            "hours": np.where(has, np.round(np.exp(rng.normal(1.2, 1.1, n)).clip(0.25, 168), 2), 0.0),
        }
    )


def _tiny(rng):
    return _people(rng, int(rng.integers(2, 16)), 2)


def _skewed(rng):
    return _people(rng, int(rng.integers(60, 200)), 3, (0.01, 0.02, 0.05, 0.22, 0.7), 0.8)


def _one_large_place(rng):
    return _people(rng, int(rng.integers(80, 240)), 4, places=(0.85, 0.06, 0.05, 0.04))


def _many_zeros(rng):
    groups = np.zeros(5)
    groups[rng.choice(5, 2, replace=False)] = 0.5
    return _people(rng, int(rng.integers(10, 60)), 3, groups, rng.choice([0.05, 0.5, 1.0]))


def _one_person_has_the_hours(rng):
    people = _people(rng, int(rng.integers(40, 120)), 2)
    people["hours"] = np.where(people["hours"] > 0, 0.25, 0.0)
    people.loc[rng.choice(len(people), 2, replace=False), "hours"] = 168.0
    return people


def _all_have_hours(rng):
    return _people(rng, int(rng.integers(40, 160)), 3, hours=1.0)


def _nobody_has_hours(rng):
    return _people(rng, int(rng.integers(40, 160)), 3, hours=0.0)


def _few_have_hours(rng):
    return _people(rng, int(rng.integers(60, 160)), 2, hours=rng.choice([0.05, 0.95]))


def _even(rng):
    return _people(rng, int(rng.integers(100, 300)), 3, (0.2, 0.2, 0.2, 0.2, 0.2), 0.5)


def _one_small_cell(rng):
    """Every cell of every municipality has many, but for one."""
    counts = rng.integers(7, 15, (3, 5, 2))
    counts[tuple(rng.integers(0, counts.shape))] = rng.integers(1, 5)
    place, group, woman = (index.ravel() for index in np.indices(counts.shape))
    people = _people(rng, int(counts.sum()), 3, hours=1.0)
    each = [np.repeat(index, counts.ravel()) for index in (place, group, woman)]
    people["municipality"] = np.array(["0301", "1101", "1901"])[each[0]]
    people["age"] = rng.integers(np.array(_OLD[0])[each[1]], np.array(_OLD[1])[each[1]])
    people["sex"] = np.where(each[2] == 1, "2", "1")
    return people


_DRAWS: dict[str, Callable[[np.random.Generator], pd.DataFrame]] = {
    "tiny": _tiny,
    "skewed": _skewed,
    "one large place": _one_large_place,
    "many zeros": _many_zeros,
    "one person has the hours": _one_person_has_the_hours,
    "all have hours": _all_have_hours,
    "nobody has hours": _nobody_has_hours,
    "few have hours": _few_have_hours,
    "even": _even,
    "one small cell": _one_small_cell,
}
KINDS = tuple(_DRAWS)
