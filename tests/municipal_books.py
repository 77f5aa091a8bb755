"""Invented books of municipalities: counts, accounts, population and need by user group. All is made up."""

import numpy as np
import pandas as pd

COUNT_COLUMNS = ["municipality", "year", "group", "service", "provision", "users", "places", "units", "fte"]
ACCOUNT_COLUMNS = ["municipality", "year", "group", "service", "provision", "gross_kr", "refund_kr"]
TYPES = (
    "long_term_ordinary",
    "long_term_dementia",
    "short_term_ordinary",
    "short_term_rehabilitation",
    "acute_beds",
)
HOME = ("home_nursing", "support_contact", "care_allowance")


NAMES = ("Oppdiktet A", "Oppdiktet B", "Oppdiktet C", "Oppdiktet D")


def made_book(seed, years=1, most=4):
    """Counts (many of them small), accounts, population and need.

    Every year is a book of its own, with two to `most` municipalities: nothing links the years.
    """
    rng = np.random.default_rng(seed)
    places = [(m, 2020 + y) for y in range(years) for m in NAMES[: rng.integers(2, most + 1)]]
    counts = pd.DataFrame([row for m, y in places for row in _counts(rng, m, y)], columns=COUNT_COLUMNS)
    accounts = counts[ACCOUNT_COLUMNS[:5]].assign(
        gross_kr=np.round(rng.uniform(1e5, 5e7, len(counts)), 2), refund_kr=0.0
    )
    accounts = accounts[~accounts["service"].isin(("unique_users", *TYPES))]
    columns = [
        "municipality",
        "year",
        "population",
        "population_0_17",
        "population_18_67",
        "population_80_plus",
    ]
    population = pd.DataFrame([(m, y, *_people(rng)) for m, y in places], columns=columns)
    need = population[["municipality", "year"]].assign(need_index=rng.uniform(0.9, 1.1, len(places)).round(4))
    return counts, accounts, population, need


def _people(rng):
    whole = int(rng.integers(2_000, 60_000))
    return whole, int(whole * 0.2), int(whole * 0.6), int(whole * 0.06)


def _small(rng):
    """A count that is often small."""
    return int(rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 12, 25, 60], p=[0.1, *[0.09] * 5, *[0.09] * 5]))


def _counts(rng, place, year):
    for group in rng.choice(["pu_adults", "mh_adults", "elderly_home"], rng.integers(1, 3), replace=False):
        rows = [*_group(rng, place, year, str(group))]
        most = max(row[5] for row in rows)
        whole = sum(row[5] for row in rows)
        unique = int(rng.integers(most, max(most, whole) + 1))
        yield from rows
        yield (place, year, str(group), "unique_users", "all", unique, None, None, None)
    yield from _nursing_homes(rng, place, year)


def _group(rng, place, year, group):
    for service in HOME[: rng.integers(1, 4)]:
        yield (place, year, group, service, "own", _small(rng), None, None, round(rng.uniform(0.5, 40), 2))
    if group != "elderly_home":
        for provision in ("own", "bought")[: rng.integers(1, 3)]:
            homes = _small(rng)
            fte = round(rng.uniform(1, 80), 2) if provision == "own" else None
            yield (place, year, group, "housing", provision, homes, homes + int(rng.integers(0, 3)), 1, fte)


def _nursing_homes(rng, place, year):
    group = "elderly_institution"
    for service in TYPES[: rng.integers(2, 6)]:
        for provision in ("own", "bought")[: rng.choice([1, 1, 2])]:
            yield (place, year, group, service, provision, None, _small(rng), 1, None)
    for provision in ("own", "bought"):
        yield (place, year, group, "nursing_home", provision, _small(rng) + 2, None, None, 50.0)
