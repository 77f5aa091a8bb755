"""Factors on coverage: by age group, service, policy and year, as they are given to a projection."""

import warnings

import pandas as pd

from kostnadsvekst.errors import DataWarning
from kostnadsvekst.municipal.projection_inputs import AGE, AGE_KEY, APART, read_numbers, records, told
from kostnadsvekst.sources.age_groups import parse_age_group

# Below it the report has the same coverage in all alternatives (seed text 001, lines 1534 to 1546).
SAME_BELOW = 80


def read_factors(factors: object, rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Put factors on the coverage of rows, for each alternative.

    Parameters
    ----------
    factors : mapping, Series, DataFrame or None
        As `kostnadsvekst.municipal.projection.project` takes them.
    rows : DataFrame
        Coverage and population by ``population_alternative``, ``year`` and ``age_group``.

    Returns
    -------
    tuple
        Rows with ``alternative`` and the coverage after its factor, and the faults.
    """
    unchanged = rows.assign(alternative=rows["population_alternative"])
    if factors is None:
        return unchanged, []
    given, faults = read_numbers(factors, "factor", ("alternative", "year"))
    faults += _unknown(given, rows)
    if faults:
        return unchanged, faults
    if "alternative" not in given:
        made, faults = _apply(given, unchanged, "")
        return made, faults
    parts = []
    for name, own in given.groupby("alternative", sort=False):
        made, wrong = _apply(own.drop(columns="alternative"), rows.assign(alternative=name), f"{name}: ")
        parts.append(made)
        faults += wrong
    _tell_below(parts)
    return pd.concat(parts, ignore_index=True), faults


def _apply(own: pd.DataFrame, rows: pd.DataFrame, named: str) -> tuple[pd.DataFrame, list[str]]:
    keys = [name for name in (*APART, "year") if name in own]
    made = rows.merge(own.drop(columns=AGE), on=[*keys, AGE_KEY], how="left")
    lacking = (
        made[made["factor"].isna() & made[AGE_KEY].isin(set(own[AGE_KEY]))] if "year" in own else made[:0]
    )
    faults = []
    for label, years in lacking.groupby(AGE, sort=False)["year"]:
        listed = ", ".join(map(str, sorted(set(years))))
        if "service" not in own or not _service_untold(own, lacking):
            faults.append(f"{named}factor of {label!r} lacks in the years {listed}; give one for each year")
    made["coverage"] = made["coverage"] * made["factor"].fillna(1.0)
    return made.drop(columns="factor"), faults


def _service_untold(own: pd.DataFrame, lacking: pd.DataFrame) -> bool:
    """Whether factors lack because their service has none at all, and keeps its coverage."""
    return not set(lacking["service"]) & set(own["service"])


def _unknown(given: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """Factors of age groups, services, municipalities and years that the projection does not have."""
    faults = []
    known = dict(zip(rows[AGE_KEY], rows[AGE], strict=True))
    have = ", ".join(map(repr, dict.fromkeys(known.values())))
    strange = given[~given[AGE_KEY].isin(set(known))]
    faults += [
        f"factor of {told(row, [])}: the projection has no such group (it has {have})"
        for row in records(strange)
    ]
    for name in (*APART, "year"):
        if name in given and name not in rows:
            faults.append(f"factors have {name} and the projection has not")
        elif name in given:
            unknown = sorted(set(given[name]) - set(rows[name]), key=str)
            faults += [f"factor of {name} {value}: the projection has none such" for value in unknown]
    return faults


def _tell_below(parts: list[pd.DataFrame]) -> None:
    """Say which age groups below 80 years have another coverage in one alternative than in another."""
    every = pd.concat(parts, ignore_index=True)
    ages = {label: parse_age_group(label) for label in pd.unique(every[AGE])}
    below = [label for label, one in ages.items() if one is not None and one.high < SAME_BELOW]
    keys = [*(name for name in APART if name in every), "population_alternative", "year", AGE]
    spread = every[every[AGE].isin(below)].groupby(keys)["coverage"].agg(lambda one: one.max() - one.min())
    moved = sorted(set(spread[spread > 1e-12].index.get_level_values(AGE)))
    if moved:
        warnings.warn(
            f"coverage of {', '.join(moved)} differs between alternatives; in the report those below "
            f"{SAME_BELOW} years have the same in all",
            DataWarning,
            stacklevel=4,
        )
