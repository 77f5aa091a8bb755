"""Places, cost and man-years that a projected population needs, with bands from the record of projections.

Source: Ålesund 2020 to 2021 (seed text 001, projection of nursing-home places): five age groups, today's
coverage, Statistics Norway's main alternative (MMMM), and alternatives that change coverage from 80 years.
"""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kostnadsvekst.errors import DataWarning
from kostnadsvekst.municipal.given_numbers import number_faults, refuse, year_faults
from kostnadsvekst.municipal.housing_ladder import HOUSING_LADDER, LadderStep, housing_ladder
from kostnadsvekst.municipal.projection_bands import bands, totals
from kostnadsvekst.municipal.projection_factors import read_factors
from kostnadsvekst.municipal.projection_inputs import (
    AGE,
    AGE_KEY,
    APART,
    age_order,
    overlap_faults,
    read_numbers,
    records,
    refuse_projection,
    told,
)
from kostnadsvekst.municipal.projection_record import errors, recorded_errors, same_borders
from kostnadsvekst.municipal.projection_scenarios import healthy_ageing, moved_to_housing, policy_factors
from kostnadsvekst.provenance import provenance_of

__all__ = [
    "HOUSING_LADDER",
    "Growth",
    "LadderStep",
    "bands",
    "coverage",
    "errors",
    "growth",
    "healthy_ageing",
    "housing_ladder",
    "moved_to_housing",
    "places_in_use",
    "policy_factors",
    "project",
    "recorded_errors",
    "same_borders",
    "totals",
]

CONSTANT = "constant"
# Kroner of a place below this are thousands or millions by mistake.
_LEAST_KR = 5_000.0
# Difference of the base year's population that is more than late registration.
_SAME_BASE = 0.005
_COLUMNS = ["alternative", "year", AGE, "places", "cost_mnok", "fte"]
_BY_PLACE = "the population has several municipalities and the coverage none: give it by municipality"
_MORE = ["population_alternative", "horizon", "population", "coverage"]


def __dir__() -> list[str]:
    return sorted(__all__)


def coverage(users: object, population: object) -> pd.Series:
    """Coverage by age group: persons who use the service for each inhabitant of the base year.

    Parameters
    ----------
    users : mapping, Series or DataFrame
        Persons, or places in use, by age group; a frame has ``age_group`` and ``users``, and may have
        ``municipality``, ``service`` (long and short term, or steps of the housing ladder, apart) and
        ``year``, the base year.
    population : mapping, Series or DataFrame
        Inhabitants of the base year by age group; a frame has ``age_group`` and ``population``, and may have
        ``municipality``, ``year`` and ``alternative``. Of several years the base year of `users` is taken.

    Returns
    -------
    Series
        Share (0.137 for 13.7 per cent) by ``age_group``; by ``municipality`` and ``service``, too, where
        given.
        ``attrs["base_year"]`` if a year is known, and ``attrs["base_population"]``.

    Raises
    ------
    InvalidDataError
        Missing age groups on either side, no inhabitants, more users than inhabitants, negative or missing
        numbers, rows twice, years that do not meet; all at once.

    Notes
    -----
    persons / population. Stated: seed text 001, lines 1308 to 1319. Base year of the report: 1 January 2020
    (derived: its populations reproduce the twelve printed rates).
    """
    used, faults = read_numbers(users, "users", ("year",))
    base_year, more = _base_year(used, population)
    there, wrong = read_numbers(_of_year(population, base_year), "population")
    faults += [*more, *wrong, *overlap_faults(used, "users", APART)]
    keys = [name for name in APART if name in used and name in there]
    used, there = used.drop(columns="year", errors="ignore"), there.rename(columns={AGE: "label"})
    met = used.merge(there, on=[*keys, AGE_KEY], how="outer", indicator=True)
    faults += _coverage_faults(met, [name for name in APART if name in used or name in there])
    refuse_projection("coverage", faults)
    met = met.sort_values(AGE, key=lambda labels: labels.map(age_order), kind="stable")
    index = [*(name for name in APART if name in met), AGE]
    shares = pd.Series(met["users"].to_numpy() / met["population"].to_numpy(), name="coverage")
    shares.index = pd.MultiIndex.from_frame(met[index]) if len(index) > 1 else pd.Index(met[AGE], name=AGE)
    shares.attrs = {"base_population": _base_population(met)}
    if base_year is not None:
        shares.attrs["base_year"] = base_year
    return shares


def places_in_use(bed_days: float, days: float = 365) -> float:
    """Places in use on average, from registered days of stay.

    Parameters
    ----------
    bed_days : float
        Of the year.
    days : float
        Of the year; 366 in leap years.

    Raises
    ------
    InvalidDataError
        Negative or missing days of stay, days that are no year's.

    Notes
    -----
    bed_days / days. Stated: seed text 001, lines 1330 to 1341.
    """
    faults = number_faults("bed_days", bed_days, least=0)
    faults += number_faults("days", days, above=0, most=366, remedy="a year has 365 or 366")
    refuse("places in use", faults)
    return bed_days / days


@dataclass(frozen=True, slots=True)
class Growth:
    """Growth from one number to another.

    Attributes
    ----------
    ratio : float
    percent : float
    percent_per_year : float
        Geometric; missing where no years are given.
    """

    ratio: float
    percent: float
    percent_per_year: float


def growth(start: float, end: float, years: float | None = None) -> Growth:
    """Growth of places, as the reports print it.

    Parameters
    ----------
    start, end : float
    years : float, optional
        Between them.

    Raises
    ------
    InvalidDataError
        No start, a negative end, no years between.
    """
    faults = [*number_faults("start", start, above=0), *number_faults("end", end, least=0)]
    faults += [] if years is None else number_faults("years", years, above=0)
    refuse("growth", faults)
    ratio = end / start
    yearly = math.nan if years is None else 100 * (ratio ** (1 / years) - 1)
    return Growth(ratio, 100 * (ratio - 1), yearly)


def project(
    coverage: pd.Series | Mapping[str, float],
    population: pd.DataFrame,
    *,
    factors: object = None,
    cost_per_place: float | Mapping[str, float] | pd.Series | None = None,
    fte_per_place: float | Mapping[str, float] | pd.Series | None = None,
) -> pd.DataFrame:
    """Places, cost and man-years by alternative, year and age group.

    Parameters
    ----------
    coverage : Series or mapping
        Share by age group, from `coverage`; may have ``municipality`` and ``service`` in its index.
    population : DataFrame
        ``year``, ``age_group``, ``population``; may have ``alternative`` (such as MMMM, LLML, HHMH) and
        ``municipality``. The first year is the base year.
    factors : mapping, Series or DataFrame, optional
        Factor on the coverage: by age group, or a frame with ``age_group``, ``factor`` and any of
        ``alternative`` (name of a policy), ``service``, ``municipality`` and ``year``. Age groups that an
        alternative does not name keep their coverage. Default: coverage stays as it is.
    cost_per_place : float, mapping or Series, optional
        Kroner a year: one number, by service, or by age group.
    fte_per_place : float, mapping or Series, optional
        Man-years, as `cost_per_place`.

    Returns
    -------
    DataFrame
        ``alternative`` (of the factors if they name alternatives, else of the population), ``year``,
        ``age_group``, ``places``, ``cost_mnok`` and ``fte`` (missing where not given), and beside them
        ``population_alternative``, ``horizon`` (years from the base year), ``population``, ``coverage``
        (after the factor); first ``municipality`` and ``service`` where the coverage has them.
        ``attrs["base_year"]``.

    Raises
    ------
    InvalidDataError
        Age groups missing on either side, rows twice, negative or missing numbers, years that lack in an
        alternative, a first year that is not the coverage's base year, factors of unknown age groups or
        years; all at once.

    Notes
    -----
    places = coverage × factor × population. Stated: seed text 001, lines 1308 to 1319; factor 1 in
    alternative 0, free from 80 years in the others, lines 1534 to 1546: where factors below 80 differ between
    alternatives, a `DataWarning` says so. Alternatives of the population are no measure of how sure a
    projection is: see `bands`.
    """
    shares, faults = read_numbers(coverage, "coverage")
    attrs = dict(getattr(coverage, "attrs", {}))
    people, more = _read_population(population)
    faults += [*_share_faults(shares), *more]
    refuse_projection("the projection", faults + _meeting_faults(shares, people, attrs))
    _tell_other_base(people, attrs)
    keys = [AGE_KEY, *(name for name in ("municipality",) if name in shares and name in people)]
    rows = shares.merge(people.rename(columns={AGE: "label"}), on=keys)
    rows, faults = read_factors(factors, rows)
    rows["places"] = rows["coverage"] * rows["population"]
    for column, given, least in (("cost_mnok", cost_per_place, _LEAST_KR), ("fte", fte_per_place, 0.0)):
        unit, wrong = _per_place(given, rows, column, least)
        faults += wrong
        rows[column] = rows["places"] * unit / (1e6 if column == "cost_mnok" else 1)
    refuse_projection("the projection", faults)
    return _in_order(rows, population, attrs)


def _share_faults(shares: pd.DataFrame) -> list[str]:
    """Coverage of more users than inhabitants, and age groups that count persons twice."""
    above = shares[shares["coverage"] > 1]
    keys = [name for name in APART if name in shares]
    return [
        *(
            f"coverage of {told(row, keys)} is {row['coverage']:g}, more than one user an inhabitant; 13.7 "
            "per cent is 0.137"
            for row in records(above)
        ),
        *overlap_faults(shares, "coverage", APART),
    ]


def _in_order(rows: pd.DataFrame, population: pd.DataFrame, attrs: Mapping[str, object]) -> pd.DataFrame:
    first = {int(year) for year in rows.groupby("population_alternative")["year"].min()}
    rows["horizon"] = rows["year"] - min(first)
    rows["order"] = rows[AGE].map({label: k for k, label in enumerate(sorted(set(rows[AGE]), key=age_order))})
    apart = [name for name in APART if name in rows]
    by = [*apart, "alternative", "population_alternative", "year", "order"]
    made = rows.sort_values(by, kind="stable").reset_index(drop=True)[[*apart, *_COLUMNS, *_MORE]]
    made.attrs = {"base_year": min(first), "provenance": provenance_of(population).to_attrs()}
    return made


def _base_year(used: pd.DataFrame, population: object) -> tuple[int | None, list[str]]:
    """Year of the users, or the only one of the population; faults where they do not meet."""
    framed = isinstance(population, pd.DataFrame) and "year" in population
    given = [
        list(used["year"].dropna()) if "year" in used else [],
        list(population["year"].dropna()) if framed else [],  # type: ignore[index]
    ]
    wrong = [*year_faults("users: year", given[0]), *year_faults("population: year", given[1])]
    if wrong:
        return None, wrong
    of_users, of_population = ({int(float(str(year))) for year in one} for one in given)
    if len(of_users) > 1:
        return None, [f"users are of several years ({_listed(of_users)}); coverage has one base year"]
    if not of_users and len(of_population) > 1:
        return None, [
            f"the population has the years {_listed(of_population)}: give the base year's rows, or users a "
            "column year"
        ]
    if of_users and of_population and not of_users & of_population:
        return None, [
            f"the years do not meet: users are of {_listed(of_users)}, the population of "
            f"{_listed(of_population)}"
        ]
    year = next(iter(of_users or of_population), None)
    return year, []


def _listed(years: set[int]) -> str:
    return ", ".join(sorted(map(str, years)))


def _of_year(population: object, year: int | None) -> object:
    """Rows of the base year; alternatives are alike in it, so that one of them is enough."""
    if not isinstance(population, pd.DataFrame):
        return population
    rows = population
    if year is not None and "year" in rows:
        rows = rows[pd.to_numeric(rows["year"], errors="coerce") == year]
    if "alternative" in rows and len(rows):
        rows = rows[rows["alternative"] == rows["alternative"].iloc[0]]
    return rows


def _coverage_faults(met: pd.DataFrame, keys: list[str]) -> list[str]:
    faults = []
    for row in records(met):
        named = told({**row, AGE: row[AGE] if row["_merge"] != "right_only" else row["label"]}, keys)
        if row["_merge"] == "left_only":
            faults.append(f"{named}: the population lacks it; give it, or widen the groups")
        elif row["_merge"] == "right_only":
            faults.append(f"{named}: users lack it; write 0 if nobody uses the service")
        elif row["population"] == 0:
            faults.append(f"{named}: the population is zero, so coverage is not defined; widen the group")
        elif row["users"] > row["population"]:
            faults.append(f"{named}: {row['users']:g} users are more than {row['population']:g} inhabitants")
    return faults


def _base_population(met: pd.DataFrame) -> dict[str, float]:
    place = met["municipality"] if "municipality" in met else pd.Series("", index=met.index)
    names = (f"{one}|{key}" for one, key in zip(place, met[AGE_KEY], strict=True))
    return dict(zip(names, map(float, met["population"]), strict=True))


def _read_population(population: object) -> tuple[pd.DataFrame, list[str]]:
    if isinstance(population, pd.Series):
        population = population.rename("population").reset_index()
    if not isinstance(population, pd.DataFrame) or "year" not in population:
        return pd.DataFrame(), ["population is no frame with year, age_group and population"]
    framed = population
    if "alternative" not in framed:
        framed = framed.assign(alternative=CONSTANT)
    people, faults = read_numbers(framed, "population", ("alternative", "year"))
    people = people.drop(columns="service", errors="ignore")
    if len(people):
        years = pd.to_numeric(people["year"], errors="coerce").astype(float)
        faults += year_faults("population: year", pd.unique(people["year"]))
        people["year"] = years.where(years % 1 == 0, 0).astype("int64")
        people = people.rename(columns={"alternative": "population_alternative"})
    return people, faults


def _meeting_faults(shares: pd.DataFrame, people: pd.DataFrame, attrs: Mapping[str, object]) -> list[str]:
    """Name what lacks on either side, by place, alternative and year."""
    if not len(shares) or not len(people) or "population_alternative" not in people:
        return []
    places = ["municipality"] if "municipality" in shares and "municipality" in people else []
    faults = []
    if "municipality" in people and not places and len(set(people["municipality"])) > 1:
        faults.append(_BY_PLACE)
    faults += _missing_groups(shares, people, places)
    units = [*places, "population_alternative"]
    for name, years in _lacking(people, units, "year").items():
        listed = ", ".join(sorted(map(str, years)))
        faults.append(f"{name}: the years {listed} lack that others have")
    start = attrs.get("base_year")
    first = people.groupby(units, sort=False)["year"].min()
    for name, year in first[first != start].items() if start is not None else ():
        faults.append(
            f"{_plain(name)}: the projection begins in {year} and the coverage is of {start}: take the "
            "edition that begins at the base year, or compute coverage of its first year"
        )
    return faults


def _missing_groups(shares: pd.DataFrame, people: pd.DataFrame, places: list[str]) -> list[str]:
    labels = dict(zip(people[AGE_KEY], people[AGE], strict=True))
    labels |= dict(zip(shares[AGE_KEY], shares[AGE], strict=True))
    apart = [name for name in APART if name in shares]
    no_share = _lacking(shares.assign(what="coverage"), apart or ["what"], AGE_KEY, set(people[AGE_KEY]))
    units = [*places, "population_alternative", "year"]
    no_people = _lacking(people, units, AGE_KEY, set(shares[AGE_KEY]))
    faults = [
        f"{name}: no coverage of age group {labels[key]!r}; write 0 if nobody uses the service"
        for name, keys in no_share.items()
        for key in sorted(keys, key=str)
    ]
    faults += [
        f"{name}: the population lacks age group {labels[key]!r}"
        for name, keys in no_people.items()
        for key in sorted(keys, key=str)
    ]
    if places:
        one, other = set(shares["municipality"]), set(people["municipality"])
        faults += [f"municipality {name!r}: there is no population" for name in sorted(one - other)]
        faults += [f"municipality {name!r}: there is no coverage" for name in sorted(other - one)]
    return faults


def _lacking(
    rows: pd.DataFrame, units: list[str], what: str, wanted: set[object] | None = None
) -> dict[str, list[object]]:
    """Name of a unit -> what it lacks of what is wanted, or of what others have."""
    there = rows[[*units, what]].drop_duplicates()
    every = pd.DataFrame({what: list(set(there[what]) if wanted is None else wanted)})
    grid = there[units].drop_duplicates().merge(every, how="cross")
    met = grid.merge(there, on=[*units, what], how="left", indicator=True)
    found: dict[str, list[object]] = {}
    for row in records(met[met["_merge"] == "left_only"]):
        found.setdefault(", ".join(str(row[name]) for name in units), []).append(row[what])
    return found


def _plain(name: object) -> str:
    return ", ".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _tell_other_base(people: pd.DataFrame, attrs: Mapping[str, object]) -> None:
    """Tell where the projection starts from other numbers than the coverage: borders may differ."""
    base = attrs.get("base_population")
    if not isinstance(base, Mapping) or "base_year" not in attrs:
        return
    first = people[people["year"] == attrs["base_year"]]
    place = first["municipality"] if "municipality" in first else pd.Series("", index=first.index)
    names = [f"{one}|{key}" for one, key in zip(place, first[AGE_KEY], strict=True)]
    if not any(name in base for name in names):
        names = [f"|{key}" for key in first[AGE_KEY]]
    other = {
        label: (base[name], number)
        for name, label, number in zip(names, first[AGE], first["population"], strict=True)
        if name in base and abs(number - base[name]) > _SAME_BASE * base[name]
    }
    if other:
        listed = "; ".join(f"{label}: {a:g} and {b:g}" for label, (a, b) in other.items())
        warnings.warn(
            f"the coverage's population is not that of the projection's first year ({listed}): are the "
            "borders the same?",
            DataWarning,
            stacklevel=3,
        )


def _per_place(
    given: float | Mapping[str, float] | pd.Series | None, rows: pd.DataFrame, what: str, least: float
) -> tuple[pd.Series | float, list[str]]:
    """Kroner or man-years of a place for each row."""
    if given is None:
        return math.nan, []
    name = "cost_per_place" if what == "cost_mnok" else "fte_per_place"
    remedy = "give kroner: 1.2 mill. is 1200000" if least else ""
    if not isinstance(given, Mapping | pd.Series):
        return _checked(name, given, least, remedy)
    named = {str(key): value for key, value in given.items()}
    faults = []
    for key, value in named.items():
        faults += _checked(f"{name} of {key!r}", value, least, remedy)[1]
    keys = rows["service"] if "service" in rows and set(rows["service"]) & set(named) else rows[AGE]
    unknown = [key for key in pd.unique(keys) if key not in named]
    faults += [f"{name} of {key!r} is missing; fill it in" for key in unknown]
    return (math.nan, faults) if faults else (keys.map(named).astype(float), [])


def _checked(name: str, value: object, least: float, remedy: str) -> tuple[float, list[str]]:
    faults = number_faults(name, value, least=0)
    if not faults and 0 < float(value) < least:  # type: ignore[arg-type]
        faults = [f"{name} is {value:g}: {remedy}"]
    return (math.nan if faults else float(np.float64(value))), faults  # type: ignore[arg-type]
