"""A SYNTHETIC register of episodes with the levels, paths and untidiness that the report describes."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.progress import Progress
from kostnadsvekst.register.literal_paths import parquet_labels
from kostnadsvekst.register.schema import (
    AGE_GROUPS,
    FIRST_WEEK,
    LAST_WEEK,
    MAX_HOURS_PER_WEEK,
    SERVICE_CODES,
    Calendar,
    age_group_codes,
    week_calendar,
    weeks_of_month,
)
from kostnadsvekst.sources.embedded import embedded_path
from kostnadsvekst.synthetic.population_flow import Spells, flow
from kostnadsvekst.toml_files import read_toml

DEFAULT_SEED = 2021
SYNTHETIC_NOTE = "SYNTHETIC episodes: invented persons, calibrated to printed national totals"
N_MUNICIPALITIES = 356
_EPOCH_DAY = (date.fromisoformat(FIRST_WEEK) - date(1970, 1, 1)).days
_PERSISTENCE = 0.95  # of chance variation from week to week
_LAST_DAY_OF_2020 = (date(2020, 12, 31) - date(1970, 1, 1)).days
# Share of a service's clients who also have, or had, health services at home (own assumption).
_SHARED_WITH_HOME_HEALTH = {
    "long_term_stay": 0.6,
    "respite_institution": 0.3,
    "time_limited_other": 0.6,
    "time_limited_rehabilitation": 0.5,
    "time_limited_assessment": 0.5,
    "practical_daily": 0.75,
    "practical_training": 0.6,
    "practical_bpa": 0.5,
}


def simulate_episodes(
    n_persons: int | None = None, seed: int = DEFAULT_SEED, out: str | Path = "episodes.parquet"
) -> Path:
    """Write a synthetic register of episodes.

    Weekly users by service and age group, distinct users of each year, hours, mean ages and the share of
    women follow the numbers that the report prints for the country (``data/parameters/
    kpr_register_simulation.toml``). Episodes overlap, are delivered twice, renewed and left open as in the
    real register, and are not sorted by person.

    Parameters
    ----------
    n_persons : int, optional
        About how many persons the register is to hold; default: the country. A larger register is made of
        several countries, a smaller one of a share of it.
    seed : int
        The same seed gives the same file.
    out : path
        Parquet file to write.

    Returns
    -------
    Path
        `out`. Columns: ``person_id`` (int), ``birth_year``, ``sex`` (1 man, 2 woman), ``municipality``
        (invented, S001 to S356), ``service``, ``start_date``, ``end_date`` (may be missing),
        ``hours_per_week`` (may be missing). The file's metadata say that it is synthetic.

    Raises
    ------
    SpecificationError
        If `n_persons` is below 1000.

    Notes
    -----
    Stocks are met exactly by construction: in each week, those who leave are drawn at random and those who
    enter fill the gap; the number who enter for the first time in a year fixes its distinct users. Levels
    in the text that contradict each other cannot all be met.
    """
    parameters = read_toml(
        embedded_path("parameters/kpr_register_simulation.toml"), "embedded parameters"
    ).content
    national = int(parameters["national_persons"])
    wanted = national if n_persons is None else n_persons
    if wanted < 1000:
        raise SpecificationError(
            f"n_persons={wanted}: at least 1000 persons are needed for the levels to mean anything"
        )
    n_blocks = -(-wanted // (national + national // 4))
    scale = wanted / (n_blocks * national)
    target = Path(out)
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    try:
        with (
            partial.open("wb") as file,
            pq.ParquetWriter(file, _arrow_schema(), compression="zstd") as writer,
        ):
            first_person = 0
            with Progress("simulating", n_blocks * len(SERVICE_CODES)) as progress:
                for block in range(n_blocks):
                    register = _Register(parameters, scale, np.random.SeedSequence([seed, block]))
                    for table, n_new in register.tables(first_person):
                        writer.write_table(table, row_group_size=1 << 18)
                        first_person = max(first_person, n_new)
                        progress.advance(1)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


@dataclass(frozen=True, slots=True)
class _Rows:
    """Episodes of one service before persons are numbered; arrays of shape (n_rows,)."""

    client: NDArray[np.int64]
    birth_year: NDArray[np.int64]
    woman: NDArray[np.bool_]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    open_end: NDArray[np.bool_]
    hours: NDArray[np.float64]


class _Register:
    """One country's worth of episodes."""

    def __init__(self, parameters: Mapping[str, Any], scale: float, seeds: np.random.SeedSequence) -> None:
        self.parameters = parameters
        self.scale = scale
        self.calendar = week_calendar(FIRST_WEEK, LAST_WEEK)
        self.seeds = dict(zip(("persons", *SERVICE_CODES), seeds.spawn(len(SERVICE_CODES) + 1), strict=True))

    def tables(self, first_person: int) -> Iterator[tuple[pa.Table, int]]:
        """Yield the episodes of each service with the number that follows the last person."""
        rng = np.random.default_rng(self.seeds["persons"])
        home_birth = home_woman = np.empty(0, dtype=np.int64)
        next_person = first_person
        municipality_of: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        # Health services at home first: their clients are those whom other services share.
        for service in sorted(SERVICE_CODES, key=lambda name: name != "home_health"):
            own = np.random.default_rng(self.seeds[service])
            rows = _service_rows(self.parameters, service, self.scale, self.calendar, own)
            birth, woman = _clients(rows)
            if service == "home_health":
                persons = np.arange(birth.size)
                home_birth, home_woman = birth, woman
            else:
                shared, n_known = _SHARED_WITH_HOME_HEALTH[service], next_person - first_person
                persons = _link(birth, woman, home_birth, home_woman, shared, n_known, rng)
            next_person = max(next_person, first_person + int(persons.max(initial=-1)) + 1)
            n_missing = next_person - first_person - municipality_of.size
            municipality_of = np.append(municipality_of, _draw_municipalities(n_missing, rng))
            yield _to_table(service, rows, persons, first_person, municipality_of, rng), next_person


def _service_rows(
    parameters: Mapping[str, Any], service: str, scale: float, calendar: Calendar, rng: np.random.Generator
) -> _Rows:
    facts = parameters["services"][service]
    stock = _stock(facts, parameters["knots"], calendar, scale, rng)
    spells = flow(
        stock,
        np.rint(np.array(facts["yearly_users"]) * scale).astype(np.int64),
        calendar.years,
        _mean_ages(facts, parameters["mean_age_default"], calendar),
        np.interp(
            np.arange(calendar.n_buckets), [0, calendar.n_buckets - 1], np.array(facts["women_percent"]) / 100
        ),
        int(rng.integers(2**31)),
    )
    rows = _first_decisions(spells, calendar, float(facts["mean_stay_weeks"]), rng)
    if "hours" not in facts:
        return _redelivered(rows, 0.02, rng)
    rows = _decisions(rows, float(facts["decision_weeks"]), rng)
    rows = _with_hours(rows, facts, stock, calendar, rng)
    return _redelivered(_overlapping(rows, float(facts["overlap_share"]), rng), 0.02, rng)


def _stock(
    facts: Mapping[str, Any], knots: list[str], calendar: Calendar, scale: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Clients by week and age group; months of the knots have the printed mean."""
    weeks = np.arange(calendar.n_buckets)
    mondays = pd.DatetimeIndex(calendar.starts)
    inside = [np.flatnonzero(weeks_of_month(mondays, knot)) for knot in knots]
    centres = [positions.mean() for positions in inside]
    shape = _season(facts, calendar) * _disruption(facts.get("disruption", []), calendar)
    paths = []
    for values in facts["users"]:
        wanted = np.array(values, dtype=float) * scale
        noisy = shape * _chance(float(wanted.mean()), calendar.n_buckets, rng)
        base = wanted.copy()
        for _ in range(30):  # fixed point: neither season nor chance may move the level at a knot
            path = np.interp(weeks, centres, base) * noisy
            base *= wanted / np.array([path[positions].mean() for positions in inside])
        paths.append(np.interp(weeks, centres, base) * noisy)
    return np.rint(np.column_stack(paths)).astype(np.int64)


def _chance(level: float, n_weeks: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Slow random course around one, of the size that counts of independent persons would have."""
    course = np.zeros(n_weeks)
    for week, step in enumerate(rng.normal(0, np.sqrt(1 - _PERSISTENCE**2), n_weeks)):
        course[week] = _PERSISTENCE * course[week - 1] + step
    chance: NDArray[np.float64] = np.maximum(1 + 0.5 * course / np.sqrt(max(level, 1.0)), 0.5)
    return chance


def _season(facts: Mapping[str, Any], calendar: Calendar) -> NDArray[np.float64]:
    shape = np.ones(calendar.n_buckets)
    iso = [day.isocalendar() for day in calendar.starts]
    week = np.array([day.week for day in iso])
    for year, rise in facts.get("new_year_rise", {}).items():
        shape += np.where(calendar.years == int(year), rise * np.exp(-(((week - 4) / 3.5) ** 2)), 0)
    dip = float(facts.get("christmas_dip", 0))
    shape[np.isin(week, (52, 53))] *= 1 - dip
    shape[week == 1] *= 1 - dip / 2
    return shape


def _disruption(points: list[list[Any]], calendar: Calendar) -> NDArray[np.float64]:
    if not points:
        return np.ones(calendar.n_buckets)
    days = [date.fromisoformat(day).toordinal() for day, _ in points]
    weeks = [day.toordinal() for day in calendar.starts]
    factors: NDArray[np.float64] = np.interp(weeks, days, [factor for _, factor in points])
    return factors


def _mean_ages(facts: Mapping[str, Any], default: list[float], calendar: Calendar) -> NDArray[np.float64]:
    ends = [[age, age] for age in default]
    ends[3] = facts.get("mean_age_60_79", ends[3])
    ends[4] = facts.get("mean_age_80", ends[4])
    weeks = np.arange(calendar.n_buckets)
    return np.column_stack([np.interp(weeks, [0, weeks[-1]], pair) for pair in ends])


def _first_decisions(spells: Spells, calendar: Calendar, mean_stay: float, rng: np.random.Generator) -> _Rows:
    """Turn weeks into days so that ISO years and calendar years hold the same persons."""
    n_spells = spells.client.size
    monday = np.array([(day - date(1970, 1, 1)).days for day in calendar.starts])
    january = np.array([(date(int(year), 1, 1) - date(1970, 1, 1)).days for year in calendar.years])
    earliest = np.maximum(monday, january)
    latest = np.minimum(monday + 6, _LAST_DAY_OF_2020)
    first = np.maximum(spells.first_week, 0)
    day_in = rng.random(n_spells)
    start = earliest[first] + (day_in * (latest[first] - earliest[first] + 1)).astype(np.int64)
    before = _EPOCH_DAY - 1 - rng.exponential(mean_stay * 7, n_spells).astype(np.int64)
    new_year_of_birth = ((spells.birth_year - 1970) * 365.2425).astype(np.int64) + 2
    start = np.where(
        spells.first_week < 0, np.maximum(before, np.minimum(new_year_of_birth, _EPOCH_DAY - 1)), start
    )
    active = spells.last_week < 0
    last = np.where(active, calendar.n_buckets - 1, spells.last_week)
    lower = np.maximum(start, earliest[last])
    end = lower + (rng.random(n_spells) * (latest[last] - lower + 1)).astype(np.int64)
    later = _LAST_DAY_OF_2020 + 4 + rng.integers(0, 300, n_spells)
    end = np.where(active, later, end)
    open_end = active & (rng.random(n_spells) < 0.8)
    return _Rows(
        spells.client, spells.birth_year, spells.woman, start, end, open_end, np.full(n_spells, np.nan)
    )


def _decisions(rows: _Rows, weeks: float, rng: np.random.Generator) -> _Rows:
    """Cut spells into decisions that begin on Mondays."""
    stop = np.minimum(rows.end, _LAST_DAY_OF_2020)
    begin = np.maximum(rows.start, _EPOCH_DAY - 365)
    n_weeks = np.maximum((stop - begin) // 7, 0)
    n_cuts = np.minimum(rng.poisson(n_weeks / weeks), np.maximum(n_weeks // 3, 0))
    row = np.repeat(np.arange(rows.start.size), n_cuts + 1)
    number = np.arange(row.size) - np.repeat(np.cumsum(n_cuts + 1) - n_cuts - 1, n_cuts + 1)
    jitter = rng.random(row.size) * 0.6 + 0.2
    fraction = (number - 1 + jitter) / np.repeat(n_cuts + 1, n_cuts + 1)
    monday = (begin[row] + fraction * (stop - begin)[row] - _EPOCH_DAY) // 7 * 7 + _EPOCH_DAY
    start = np.where(number == 0, rows.start[row], np.maximum(monday.astype(np.int64), rows.start[row] + 1))
    is_last = np.append(row[1:] != row[:-1], True)
    end = np.where(is_last, rows.end[row], np.append(start[1:], 0) - 1)
    keep = end >= start
    picked = _take(rows, row)
    cut = _Rows(
        picked.client, picked.birth_year, picked.woman, start, end, picked.open_end & is_last, picked.hours
    )
    return _take(cut, np.flatnonzero(keep))


def _with_hours(
    rows: _Rows,
    facts: Mapping[str, Any],
    stock: NDArray[np.int64],
    calendar: Calendar,
    rng: np.random.Generator,
) -> _Rows:
    """Hours of each decision: a factor of the person, one of the decision, and the printed level and path."""
    points = facts.get("hours_path", [[FIRST_WEEK, 1.0]])
    path = _disruption(points, calendar)
    if not facts.get("hours_path_absolute", False):
        path = path / path.mean()
    target = path[:, None] * np.array(facts["hours"])
    person = rng.gamma(2.5, 1 / 2.5, int(rows.client.max()) + 1)
    drift = person[rows.client] * rng.lognormal(0, 0.12, rows.client.size)
    first = np.clip((rows.start - _EPOCH_DAY) // 7, 0, calendar.n_buckets - 1)
    last = np.clip((rows.end - _EPOCH_DAY) // 7, 0, calendar.n_buckets - 1)
    middle = (first + last) // 2
    group = age_group_codes(calendar.years[middle] - rows.birth_year)
    without = rng.random(rows.client.size) < 0.04
    inside = (rows.end >= _EPOCH_DAY) & ~without
    level = target.copy()
    hours = drift
    for _ in range(6):
        hours = _quarters(drift * level[middle, group])
        level *= np.clip(target / _weekly_means(hours, inside, first, last, group, target), 0.5, 2)
    empty = np.where(rng.random(without.size) < 0.5, 0.0, np.nan)
    return replace(rows, hours=np.where(without, empty, hours))


def _quarters(hours: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.clip(np.rint(hours * 4) / 4, 0.25, MAX_HOURS_PER_WEEK)


def _weekly_means(
    hours: NDArray[np.float64],
    inside: NDArray[np.bool_],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    group: NDArray[np.int64],
    target: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Mean hours by week and group, smoothed over nine weeks; the target where there is nobody."""
    n_weeks, n_groups = target.shape
    sums = np.zeros((2, n_weeks + 1, n_groups))
    for k, weights in enumerate((np.where(inside, hours, 0.0), inside.astype(float))):
        np.add.at(sums[k], (first, group), weights)
        np.add.at(sums[k], (last + 1, group), -weights)
    totals, counts = np.cumsum(sums, axis=1)[:, :-1]
    mean = np.where(counts > 0, totals / np.maximum(counts, 1), target)
    kernel = np.ones(9) / 9
    padded = np.pad(mean / target, ((4, 4), (0, 0)), mode="edge")
    smooth = np.column_stack([np.convolve(padded[:, g], kernel, "valid") for g in range(n_groups)])
    return smooth * target


def _overlapping(rows: _Rows, share: float, rng: np.random.Generator) -> _Rows:
    """Add second deliveries that overlap their decision, some beyond its end, with fewer hours."""
    chosen = np.flatnonzero(rng.random(rows.start.size) < share)
    copies = _take(rows, chosen)
    length = np.minimum(copies.end, _LAST_DAY_OF_2020 + 30) - copies.start
    shift = (rng.random(chosen.size) * 0.5 * length).astype(np.int64)
    start = copies.start + np.maximum(shift, 0)
    # A decision that is not closed when the next begins: the end is that of the person's last decision.
    last_end = np.zeros(int(rows.client.max(initial=0)) + 1, dtype=np.int64)
    followed = np.append((rows.client[1:] == rows.client[:-1]) & (rows.start[1:] == rows.end[:-1] + 1), False)
    last_end = np.where(followed, np.append(rows.end[1:], 0), rows.end)[chosen]
    beyond = rng.random(chosen.size) < 0.5
    end = np.where(beyond, np.minimum(last_end, copies.end + 60), copies.end)
    hours = np.where(
        copies.hours > 0, _quarters(copies.hours * rng.uniform(0.2, 0.6, chosen.size)), copies.hours
    )
    extra = _Rows(
        copies.client, copies.birth_year, copies.woman, start, np.maximum(end, start), copies.open_end, hours
    )
    return _concatenate(rows, extra)


def _redelivered(rows: _Rows, share: float, rng: np.random.Generator) -> _Rows:
    chosen = np.flatnonzero(rng.random(rows.start.size) < share)
    return _concatenate(rows, _take(rows, chosen))


def _take(rows: _Rows, index: NDArray[np.int64]) -> _Rows:
    return _Rows(
        rows.client[index],
        rows.birth_year[index],
        rows.woman[index],
        rows.start[index],
        rows.end[index],
        rows.open_end[index],
        rows.hours[index],
    )


def _concatenate(first: _Rows, second: _Rows) -> _Rows:
    pairs = ((getattr(first, name), getattr(second, name)) for name in _Rows.__slots__)
    return _Rows(*(np.concatenate(pair) for pair in pairs))


def _clients(rows: _Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Birth year and sex of each client of a service."""
    n_clients = int(rows.client.max(initial=-1)) + 1
    birth, woman = np.zeros(n_clients, dtype=np.int64), np.zeros(n_clients, dtype=np.int64)
    birth[rows.client] = rows.birth_year
    woman[rows.client] = rows.woman
    return birth, woman


def _link(
    birth: NDArray[np.int64],
    woman: NDArray[np.int64],
    home_birth: NDArray[np.int64],
    home_woman: NDArray[np.int64],
    share: float,
    n_known: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Person of each client: someone of the same birth year and sex with services at home, or someone new."""
    key, home_key = 2 * birth + woman, 2 * home_birth + home_woman
    wants = np.flatnonzero(rng.random(key.size) < share)
    persons = np.full(key.size, -1, dtype=np.int64)
    home_order = rng.permutation(home_key.size)
    home_order = home_order[np.argsort(home_key[home_order], kind="stable")]
    order = wants[np.argsort(key[wants], kind="stable")]
    home_sorted = home_key[home_order]
    begin = np.searchsorted(home_sorted, key[order])
    rank = np.arange(order.size) - np.searchsorted(key[order], key[order])
    place = np.minimum(begin + rank, max(home_sorted.size - 1, 0))
    fits = home_sorted[place] == key[order] if home_sorted.size else np.zeros(order.size, dtype=bool)
    fits &= begin + rank == place
    persons[order[fits]] = home_order[place[fits]]
    new = persons < 0
    persons[new] = n_known + np.arange(new.sum())
    return persons


def _draw_municipalities(n_persons: int, rng: np.random.Generator) -> NDArray[np.int64]:
    sizes = np.random.default_rng(N_MUNICIPALITIES).lognormal(0, 1.3, N_MUNICIPALITIES)
    return rng.choice(N_MUNICIPALITIES, size=n_persons, p=sizes / sizes.sum())


def _to_table(
    service: str,
    rows: _Rows,
    persons: NDArray[np.int64],
    first_person: int,
    municipality_of: NDArray[np.int64],
    rng: np.random.Generator,
) -> pa.Table:
    person = persons[rows.client]
    n_rows = person.size
    # One person in fifty moves: episodes from 2019 on lie in the next municipality.
    moved = (person % 50 == 0) & (rows.start >= _EPOCH_DAY + 730)
    place = (municipality_of[person] + moved) % N_MUNICIPALITIES
    names = pa.array([f"S{number:03}" for number in range(1, N_MUNICIPALITIES + 1)])
    order = rng.permutation(n_rows)
    return pa.table(
        [
            pa.array((first_person + person)[order]),
            pa.array(rows.birth_year[order].astype(np.int16)),
            pa.array(np.where(rows.woman, 2, 1)[order].astype(np.int8)),
            pa.DictionaryArray.from_arrays(pa.array(place[order].astype(np.int32)), names).cast(pa.string()),
            pa.array([service]).take(pa.array(np.zeros(n_rows, dtype=np.int32))),
            pa.array(rows.start[order].astype(np.int32)).cast(pa.date32()),
            pa.array(rows.end[order].astype(np.int32), mask=rows.open_end[order]).cast(pa.date32()),
            pa.array(rows.hours[order], mask=np.isnan(rows.hours[order])),
        ],
        schema=_arrow_schema(),
    )


def _arrow_schema() -> pa.Schema:
    return pa.schema(
        [
            ("person_id", pa.int64()),
            ("birth_year", pa.int16()),
            ("sex", pa.int8()),
            ("municipality", pa.string()),
            ("service", pa.string()),
            ("start_date", pa.date32()),
            ("end_date", pa.date32()),
            ("hours_per_week", pa.float64()),
        ],
        metadata={"origin": "synthetic", "note": SYNTHETIC_NOTE, "age_groups": ",".join(AGE_GROUPS)},
    )


def is_synthetic(path: str | Path) -> bool:
    """Whether an episode file says of itself that it is synthetic."""
    return parquet_labels(path).get(b"origin") == b"synthetic"


def describe(path: str | Path) -> pd.Series:
    """Rows and persons of an episode file (for benchmarks)."""
    persons = pq.read_table(path, columns=["person_id"])["person_id"].to_numpy()
    return pd.Series({"rows": persons.size, "persons": np.unique(persons).size})
