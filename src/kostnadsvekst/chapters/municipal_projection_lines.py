"""What the sheets of a projection hold: coverage, places and bands of each municipality of the book."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from kostnadsvekst.chapters.municipal_faults import Faults
from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.municipal.projection import (
    bands,
    coverage,
    places_in_use,
    project,
    recorded_errors,
    totals,
)
from kostnadsvekst.municipal.projection_bands import has_record
from kostnadsvekst.municipal.projection_inputs import age_order
from kostnadsvekst.sources.municipal_book import MunicipalBook
from kostnadsvekst.sources.municipal_projection_kind import SERVICE_NAMES
from kostnadsvekst.sources.population_projections import MAIN

TODAY = Bilingual("Dagens dekning", "Today's coverage")
_CODES = {label.nb: code for code, label in SERVICE_NAMES.items()}
_ORDER = {code: k for k, code in enumerate(SERVICE_NAMES)}
_COSTS = {
    "institution_long": "kostnad_institusjon",
    "institution_short": "kostnad_institusjon",
    "housing_24h": "kostnad_doegnbolig",
    "municipal_rental": "kostnad_bolig",
    "private_home": "kostnad_bolig",
}
# Where no row of a policy holds, and coverage is today's.
_NO_ROW = -1


@dataclass(frozen=True, slots=True)
class Share:
    """Coverage of a service and age group in the base year, and the rows that it is from."""

    service: str
    age_group: str
    users: float
    population: float
    bed_days: bool
    row: int
    population_row: int


@dataclass(frozen=True, slots=True)
class Line:
    """Places of a service and age group in a year of an alternative, and the rows they are from."""

    policy: str | None
    population_alternative: str
    year: int
    horizon: int
    service: str
    age_group: str
    population: float
    coverage: float
    places: float
    cost_mnok: float
    fte: float | None
    dwellings: float | None
    share: int
    population_row: int
    policy_row: int | None
    new_coverage: bool
    service_row: int | None
    own_cost: bool


@dataclass(frozen=True, slots=True)
class Band:
    """Half the width of a band in logarithms, and whether it is beyond the record."""

    log_half: float
    extrapolated: bool


_Key = tuple[str | None, str, int]


@dataclass(frozen=True, slots=True)
class Place:
    """The projection of a municipality."""

    municipality: str
    base_year: int
    ages: tuple[str, ...]
    banded: tuple[str, ...]
    shares: tuple[Share, ...]
    lines: tuple[Line, ...]
    bands: Mapping[tuple[_Key, str], Band]
    totals: Mapping[_Key, tuple[float, float, bool]]
    record: pd.DataFrame
    mapped: tuple[str, ...]
    left_out: tuple[Bilingual, ...]

    def band(self, line: Line) -> Band | None:
        """Band of the age group of a line; None where the record does not have it."""
        return self.bands.get((_key(line), line.age_group))

    def total(self, line: Line) -> tuple[float, float, bool] | None:
        """Band of the sum over ages, in the alternative and year of a line."""
        return self.totals.get(_key(line))

    def today(self, service: str) -> float:
        """Places of a service in the base year."""
        return math.fsum(one.users for one in self.shares if one.service == service)


def _key(line: Line) -> _Key:
    return line.policy, line.population_alternative, line.year


def read_places(book: MunicipalBook, faults: Faults) -> list[Place]:
    """Compute the projection of each municipality of a book.

    Parameters
    ----------
    book : MunicipalBook
    faults : Faults
        Where what cannot be computed is collected.
    """
    record = recorded_errors()
    found = []
    people = book.frame("population")
    for name in dict.fromkeys(people["municipality"]):
        first = int((people["municipality"] == name).to_numpy().argmax())
        made = faults.attempt("population", first, partial(_read_place, book, str(name), record))
        found += [] if made is None else [made]
    users = book.frame("users")
    for row, name in enumerate(users["municipality"]):
        if name not in set(people["municipality"]):
            faults.attempt("users", row, partial(_no_population, str(name)))
    return found


def _no_population(name: str) -> None:
    raise InvalidDataError(f"{name!r} is not in the sheet of the projection: add it there, too")


def _read_place(book: MunicipalBook, name: str, record: pd.DataFrame) -> Place:
    people = _rows(book, "population", name)
    users = _rows(book, "users", name)
    _check(book, name, people, users)
    base_year = int(people["year"].min())
    users["service"] = users["service"].map(_CODES)
    days = book.assumptions["dogn_per_aar"]
    users["users"] = [
        places_in_use(bed, days) if math.isnan(count) else count
        for count, bed in zip(users["users"], users["bed_days"], strict=True)
    ]
    there = people[["alternative", "year", "age_group", "population"]]
    shares = coverage(users[["year", "service", "age_group", "users"]], there)
    factors = _factors(book, name, shares, there)
    made = project(shares, there).assign(policy=None)
    if factors is not None:
        main = there[there["alternative"] == MAIN]
        planned = project(shares, main, factors=factors)
        made = pd.concat([made, planned.assign(policy=planned["alternative"])], ignore_index=True)
    return _place(book, name, base_year, (made, people, users, factors, record))


def _rows(book: MunicipalBook, form: str, name: str) -> pd.DataFrame:
    """Rows of a municipality, with their place in the sheet."""
    frame = book.frame(form)
    own = frame[frame["municipality"] == name].copy()
    own["row"] = own.index
    return own.reset_index(drop=True)


def _check(book: MunicipalBook, name: str, people: pd.DataFrame, users: pd.DataFrame) -> None:
    """Refuse what the sheets do not say together; all at once."""
    faults = []
    if MAIN not in set(people["alternative"]):
        faults.append(f"{name}: the main alternative {MAIN} lacks; add it")
    if users.empty:
        faults.append(f"{name} has no users; add them")
    base = people["year"].min()
    place = book.tables["users"].place
    for row, year, count, bed in zip(
        users["row"], users["year"], users["users"], users["bed_days"], strict=True
    ):
        if year != base:
            faults.append(f"{place(row, 'year')}: {year:g} is not the first year of the projection, {base:g}")
        if math.isnan(count) == math.isnan(bed):
            faults.append(f"{place(row, 'users')}: write users or bed days, one of them")
    if faults:
        raise InvalidDataError(f"{name}: {len(faults)} fault(s)", faults)


def _factors(book: MunicipalBook, name: str, shares: pd.Series, there: pd.DataFrame) -> pd.DataFrame | None:
    """Factor by alternative, service, age group and year, from the rows that say from when it holds."""
    rows = _rows(book, "policies", name) if "policies" in book.tables else pd.DataFrame()
    if rows.empty:
        return None
    rows["service"] = rows["service"].map(_CODES)
    years = sorted(map(int, there["year"].unique()))
    faults: list[str] = []
    made: list[dict[str, Any]] = []
    place = book.tables["policies"].place
    for row in rows.to_dict("records"):
        where = place(int(row["row"]), "factor")
        key = (row["service"], row["age_group"])
        if math.isnan(row["factor"]) == math.isnan(row["coverage_percent"]):
            faults.append(f"{where}: write a factor or a new coverage, one of them")
        elif key not in shares.index:
            faults.append(f"{where}: there are no users of this service and age group to change")
        elif not math.isnan(row["coverage_percent"]) and shares[key] == 0:
            faults.append(f"{where}: nobody of the age group uses it today, so there is nothing to scale")
        if not math.isnan(row["from_year"]) and not years[0] < row["from_year"] <= years[-1]:
            faults.append(f"{where}: {row['from_year']:g} is not after {years[0]} and up to {years[-1]}")
    if faults:
        raise InvalidDataError(f"{name}: {len(faults)} fault(s)", faults)
    keys = ["alternative", "service", "age_group"]
    for (policy, service, age), own in rows.groupby(keys, sort=False):
        ordered = own.assign(since=own["from_year"].fillna(years[0] + 1)).sort_values("since", kind="stable")
        for year in years:
            past = ordered[ordered["since"] <= year]
            one = past.iloc[-1] if len(past) else None
            made.append(
                {
                    "alternative": policy,
                    "service": service,
                    "age_group": age,
                    "year": year,
                    "factor": 1.0 if one is None else _factor(one, float(shares[service, age])),
                    "row": _NO_ROW if one is None else int(one["row"]),
                    "new_coverage": one is not None and not math.isnan(one["coverage_percent"]),
                }
            )
    return pd.DataFrame(made)


def _factor(row: pd.Series, share: float) -> float:
    """Factor of a row; a new coverage is one, too."""
    return (
        float(row["factor"]) if math.isnan(row["coverage_percent"]) else row["coverage_percent"] / 100 / share
    )


def _place(
    book: MunicipalBook,
    name: str,
    base_year: int,
    computed: tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame | None, pd.DataFrame],
) -> Place:
    made, people, users, factors, record = computed
    ages = tuple(sorted(dict.fromkeys(made["age_group"]), key=age_order))
    banded = tuple(age for age in ages if has_record(record, age))
    found = _shares(users, people, base_year)
    lines = _lines(book, name, made, (found, people, factors))
    half, whole = _bands(book, made, record, banded, len(ages))
    absent = [age for age in ages if age not in banded]
    listed = ", ".join(absent)
    told = Bilingual(
        f"{name}: ingen kjente feil for {listed}; båndet er utelatt, også i summen",
        f"{name}: no errors are known of {listed}; its band is left out, also in the sum",
    )
    mapped = tuple(map(str, users["mapped"].dropna()))
    return Place(
        name, base_year, ages, banded, found, lines, half, whole, record, mapped, (told,) if absent else ()
    )


def _shares(users: pd.DataFrame, people: pd.DataFrame, base_year: int) -> tuple[Share, ...]:
    base = people[(people["year"] == base_year) & (people["alternative"] == people["alternative"].iloc[0])]
    there = {age: (float(n), int(row)) for age, n, row in base[["age_group", "population", "row"]].to_numpy()}
    made = [
        Share(
            row["service"],
            row["age_group"],
            float(row["users"]),
            there[row["age_group"]][0],
            not math.isnan(row["bed_days"]),
            int(row["row"]),
            there[row["age_group"]][1],
        )
        for row in users.to_dict("records")
    ]
    return tuple(sorted(made, key=lambda one: (_ORDER[one.service], age_order(one.age_group))))


def _lines(
    book: MunicipalBook,
    name: str,
    made: pd.DataFrame,
    sources: tuple[Sequence[Share], pd.DataFrame, pd.DataFrame | None],
) -> tuple[Line, ...]:
    shares, people, factors = sources
    share_at = {(one.service, one.age_group): k for k, one in enumerate(shares)}
    keys = ["alternative", "year", "age_group"]
    people_at = dict(zip(map(tuple, people[keys].to_numpy()), people["row"], strict=True))
    rows = _rows(book, "services", name) if "services" in book.tables else pd.DataFrame()
    services = {_CODES[row["service"]]: row for row in rows.to_dict("records")}
    policy_at: dict[tuple[object, ...], tuple[int, bool]] = {}
    if factors is not None:
        named = factors[["alternative", "service", "age_group", "year", "row", "new_coverage"]]
        policy_at = {tuple(row[:4]): (row[4], row[5]) for row in named.itertuples(index=False, name=None)}
    found = []
    for row in made.to_dict("records"):
        policy = row["policy"] if isinstance(row["policy"], str) else None
        where = (policy, row["service"], row["age_group"], row["year"])
        at, new = policy_at.get(where, (_NO_ROW, False))
        person = people_at[row["population_alternative"], row["year"], row["age_group"]]
        found.append(
            Line(
                policy,
                row["population_alternative"],
                int(row["year"]),
                int(row["horizon"]),
                row["service"],
                row["age_group"],
                float(row["population"]),
                float(row["coverage"]),
                float(row["places"]),
                *_costs(book, services.get(row["service"]), row),
                share_at[row["service"], row["age_group"]],
                int(person),
                None if at == _NO_ROW else int(at),
                new,
                *_service_row(services.get(row["service"])),
            )
        )
    return tuple(sorted(found, key=_line_order))


def _line_order(line: Line) -> tuple[object, ...]:
    policy = line.policy or ""
    main = line.population_alternative != MAIN
    return (
        policy,
        main,
        line.population_alternative,
        line.year,
        _ORDER[line.service],
        age_order(line.age_group),
    )


def _costs(
    book: MunicipalBook, service: Mapping[str, Any] | None, row: Mapping[str, Any]
) -> tuple[float, float | None, float | None]:
    """Cost, man-years and dwellings of a line."""
    cost = book.assumptions[_COSTS[row["service"]]]
    if service is None:
        return row["places"] * cost, None, None
    cost = cost if math.isnan(service["cost_mnok"]) else float(service["cost_mnok"])
    fte, dwellings = float(service["fte_per_place"]), float(service["dwellings"])
    return (
        row["places"] * cost,
        None if math.isnan(fte) else row["places"] * fte,
        None if math.isnan(dwellings) else dwellings,
    )


def _service_row(service: Mapping[str, Any] | None) -> tuple[int | None, bool]:
    return (None, False) if service is None else (int(service["row"]), not math.isnan(service["cost_mnok"]))


def _bands(
    book: MunicipalBook, made: pd.DataFrame, record: pd.DataFrame, banded: tuple[str, ...], ages: int
) -> tuple[dict[tuple[_Key, str], Band], dict[_Key, tuple[float, float, bool]]]:
    """Bands of age groups, and of sums where all ages have one."""
    z = book.assumptions["baand_z"]
    level = math.erf(z / math.sqrt(2))
    rows = made[made["age_group"].isin(banded)].copy()
    rows["alternative"] = [p if isinstance(p, str) else None for p in rows["policy"]]
    rows["alternative"] = rows["alternative"].astype(object).where(rows["alternative"].notna(), "")
    found = bands(rows.assign(places=rows["population"]), record, level=level)
    half: dict[tuple[_Key, str], Band] = {}
    for row in found.to_dict("records"):
        key = (row["alternative"] or None, row["population_alternative"], int(row["year"]))
        width = math.log(row["high"] / row["places"]) if row["places"] > 0 else 0.0
        half[key, row["age_group"]] = Band(width, bool(row["extrapolated"]))
    if len(banded) < ages:
        return half, {}
    whole = totals(bands(rows, record, level=level), correlation=book.assumptions["samvariasjon"])
    sums = {
        (row["alternative"] or None, row["population_alternative"], int(row["year"])): (
            float(row["low"]),
            float(row["high"]),
            bool(row["extrapolated"]),
        )
        for row in whole.to_dict("records")
    }
    return half, sums
