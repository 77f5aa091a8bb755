"""Distinct users, hours and mean age by service, age group, sex and week."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.progress import Progress
from kostnadsvekst.register import painter
from kostnadsvekst.register.episodes import (
    BATCH_ROWS,
    CodeBook,
    Episodes,
    EpisodeSource,
    open_episodes,
    person_numbers,
    to_arrays,
)
from kostnadsvekst.register.masking import masked
from kostnadsvekst.register.schema import (
    AGE_GROUPS,
    FIRST_BIRTH_YEAR,
    FIRST_WEEK,
    HOURS_UNIT,
    LAST_BIRTH_YEAR,
    LAST_WEEK,
    MAX_MUNICIPALITIES,
    SERVICE_CODES,
    SEXES,
    Calendar,
    Overlap,
    age_group_codes,
    check_overlap,
    counting_rules,
    memory_bytes,
    refuse_faults,
    week_calendar,
    year_calendar,
)

Engine = Literal["painter", "duckdb", "spark"]
_NOBODY = -(2**63)
_HELD_SHARE = 0.75  # of the memory limit, for the packed rows of an unsorted register


@masked
def weekly_cube(
    episodes: Episodes,
    overlap: Overlap = "max",
    by_municipality: bool = False,
    engine: Engine = "painter",
    memory_limit: str = "2GB",
    *,
    start: str | date = FIRST_WEEK,
    end: str | date = LAST_WEEK,
    temp_directory: str | Path | None = None,
) -> pd.DataFrame:
    """Count distinct users and their hours in each week.

    Parameters
    ----------
    episodes : DataFrame, path, or sequence of paths
        Episodes as written by `ingest` or `simulate_episodes`; Parquet files in any order of rows. Fastest
        and smallest when sorted by person.
    overlap : {"max", "latest"}
        Which hours count where episodes of the same service overlap; see `counting_rules`.
    by_municipality : bool
        Count in each municipality.
    engine : {"painter", "duckdb", "spark"}
        Own kernel; or Ibis expressions on DuckDB, or on Spark (extra ``cluster``; needs Java 17).
    memory_limit : str
        The painter reads an unsorted register more than once rather than exceed it; DuckDB and Spark spill.
    start, end : str or date
        Mondays of the first and the last week.
    temp_directory : path, optional
        Where DuckDB and Spark spill (personal data); default: a folder of their own that is removed at the
        end, or at the next start after a crash.

    Returns
    -------
    DataFrame
        ``service``, ``age_group``, ``sex`` (1 man, 2 woman), ``week`` (Monday), ``users`` (persons),
        ``users_with_hours`` (persons), ``hours`` (hours per week, sum over users), ``mean_age`` (years), and
        ``municipality`` first if asked for. One row for each combination with at least one user, sorted.
        ``attrs["rules"]`` holds the counting rules. **The cube has small cells: it may not leave the secure
        zone before** `protect_cube`.

    Raises
    ------
    DataMissingError
        If there is no such file.
    InvalidDataError
        Unusable rows, with the number of each kind; persons with more than one birth year or sex.
    SpecificationError
        Unknown rule or engine, or a period that does not run from Monday to Monday.

    Notes
    -----
    The three engines give identical cubes: hours are summed as integers (hundredths).
    """
    check_overlap(overlap)
    calendar = week_calendar(start, end)
    source = open_episodes(episodes)
    if engine == "painter":
        cube = _to_frame(*_paint(source, calendar, overlap, by_municipality, memory_bytes(memory_limit)))
    elif engine in ("duckdb", "spark"):
        from kostnadsvekst.register.ibis_engine import count_with_masks

        cube = count_with_masks(
            source, calendar, overlap, by_municipality, engine, memory_limit, temp_directory
        )
    else:
        raise SpecificationError(f"engine={engine!r}; allowed are 'painter', 'duckdb' and 'spark'")
    cube.attrs = {"rules": counting_rules(overlap, by_municipality=by_municipality)}
    return cube


@masked
def largest_municipality_cube(episodes: Episodes) -> tuple[str, pd.DataFrame]:
    """Count as `weekly_cube` with municipalities does, and return the rows of the one with the most users.

    Parameters
    ----------
    episodes : DataFrame, path, or sequence of paths

    Returns
    -------
    name : str
        The largest by users of all weeks and services added; of equals the one whose code comes first. Empty
        where nobody uses a service.
    cube : DataFrame
        Its rows, small cells as in `weekly_cube`.

    Notes
    -----
    The rows of all municipalities, as a frame, take as much memory as everything else together.
    """
    calendar, source = week_calendar(FIRST_WEEK, LAST_WEEK), open_episodes(episodes)
    cube, names = _paint(source, calendar, "max", True, memory_bytes("2GB"))
    sums = cube.sums.reshape(-1, cube.n_municipalities, *cube.sums.shape[1:])
    # What is added up is a change from week to week; its running sum is the users.
    users = {
        name: int(np.cumsum(sums[:, place, :-1, 0], axis=1).sum()) for place, name in enumerate(names or [])
    }
    name = min(users, key=lambda name: (-users[name], name), default="")
    if not users.get(name):
        return "", _to_frame(cube, names)
    only = _Cube(calendar, cube.latest, 1)
    only.sums[:] = sums[:, names.index(name) if names else 0]
    return name, _to_frame(only, [name])


@masked
def yearly_users(
    episodes: Episodes, first: int = 2017, last: int = 2020, *, memory_limit: str = "2GB"
) -> pd.DataFrame:
    """Count distinct users in each calendar year.

    Parameters
    ----------
    episodes : DataFrame, path, or sequence of paths
    first, last : int
        Calendar years.
    memory_limit : str
        As in `weekly_cube`.

    Returns
    -------
    DataFrame
        ``service``, ``age_group``, ``sex``, ``year``, ``users`` (persons), ``mean_age``; small cells as in
        `weekly_cube`.
    """
    source = open_episodes(episodes)
    calendar = year_calendar(first, last)
    counts = _to_frame(*_paint(source, calendar, "max", False, memory_bytes(memory_limit)))
    counts["year"] = pd.to_datetime(counts["week"]).dt.year
    counts.attrs = {"rules": counting_rules(unit="year")}
    return counts[["service", "age_group", "sex", "year", "users", "mean_age"]]


@dataclass(slots=True)
class _Cube:
    """Running sums of the painter; see `painter.paint_persons` for shapes."""

    calendar: Calendar
    latest: bool
    n_municipalities: int
    faults: NDArray[np.int64] = field(init=False)
    conflicts: int = field(default=0, init=False)
    sums: NDArray[np.int64] = field(init=False)
    segment_of_bucket: NDArray[np.int64] = field(init=False)
    pieces: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        n_cells = len(SERVICE_CODES) * len(AGE_GROUPS) * len(SEXES) * self.n_municipalities
        self.faults = np.zeros(len(painter.FAULTS), dtype=np.int64)
        self.sums = np.zeros((n_cells, self.calendar.n_buckets + 1, 4), dtype=np.int64)

        self.segment_of_bucket = np.cumsum(np.diff(self.calendar.years, prepend=self.calendar.years[:1]) != 0)
        self.pieces = _age_pieces(self.calendar, len(SEXES) * self.n_municipalities)

    def add(self, offsets: NDArray[np.int64], packed: NDArray[np.uint64], start: NDArray[np.int32]) -> None:
        self.conflicts += painter.paint_persons(
            offsets,
            packed,
            start if self.latest else start[:0],
            self.segment_of_bucket,
            self.pieces,
            self.n_municipalities,
            self.sums,
        )


def _age_pieces(calendar: Calendar, cells_per_group: int) -> NDArray[np.int64]:
    """How long each birth year stays in an age group; see `painter.paint_persons`."""
    begins = np.flatnonzero(np.diff(calendar.years, prepend=-1))
    years = calendar.years[begins]
    birth_years = np.arange(FIRST_BIRTH_YEAR, LAST_BIRTH_YEAR + 1)[:, None]
    ages = np.maximum(years - birth_years, 0)
    groups = age_group_codes(ages)
    pieces = np.stack((np.zeros_like(ages), groups * cells_per_group, years - ages), axis=2)
    pieces[:, -1, 0] = calendar.n_buckets
    for k in range(begins.size - 2, -1, -1):
        goes_on = (pieces[:, k, 1:] == pieces[:, k + 1, 1:]).all(axis=1)
        pieces[:, k, 0] = np.where(goes_on, pieces[:, k + 1, 0], begins[k + 1])
    return pieces


@dataclass(frozen=True, slots=True)
class _Packed:
    """Rows as words; `start` is empty unless the latest start wins."""

    person: NDArray[np.int64]
    words: NDArray[np.uint64]
    start: NDArray[np.int32]

    def between(self, low: int, high: int | None) -> "_Packed":
        return _Packed(self.person[low:high], self.words[low:high], self.start[low:high])


class _NotSortedError(Exception):
    """Rows of one person are not together."""


def _paint(
    source: EpisodeSource, calendar: Calendar, overlap: Overlap, by_municipality: bool, memory: int
) -> tuple[_Cube, list[str] | None]:
    places = _municipality_codes(source) if by_municipality else CodeBook()
    n_places = max(len(places.numbers), 1)

    def new_cube() -> _Cube:
        return _Cube(calendar, overlap == "latest", n_places)

    columns = _needed_columns(by_municipality)
    cube = new_cube()
    try:
        _paint_sorted(source, columns, places, cube)
    except _NotSortedError:
        cube = new_cube()
        _paint_any_order(source, columns, places, cube, memory)
    faults = dict(zip(painter.FAULTS, cube.faults.tolist(), strict=True))
    refuse_faults(faults, cube.conflicts, source.name)
    names = sorted(places.numbers, key=places.numbers.__getitem__) if by_municipality else None
    return cube, names


def _needed_columns(by_municipality: bool) -> list[str]:
    columns = ["person_id", "birth_year", "sex", "service", "start_date", "end_date", "hours_per_week"]
    return [*columns, "municipality"] if by_municipality else columns


def _municipality_codes(source: EpisodeSource) -> CodeBook:
    book = CodeBook()
    for batch in source.batches(["municipality"]):
        column = batch.column(0)
        encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        book.encode(encoded.dictionary.to_pylist())
    if len(book.numbers) > MAX_MUNICIPALITIES:
        raise SpecificationError(
            f"{len(book.numbers)} municipality codes; at most {MAX_MUNICIPALITIES} can be counted at once"
        )
    return book


def _pack(
    source: EpisodeSource, columns: list[str], places: CodeBook, cube: _Cube, persons: CodeBook
) -> Iterator[_Packed]:
    calendar = cube.calendar
    with Progress("painting", source.n_rows) as progress:
        for batch in source.batches(columns):
            rows = to_arrays(batch, persons, places)
            words = np.empty(batch.num_rows, dtype=np.uint64)
            painter.pack_rows(
                rows.person,
                rows.birth_year,
                rows.sex,
                rows.service,
                rows.municipality,
                rows.start,
                rows.end,
                rows.hours,
                calendar.first_day,
                calendar.last_day,
                calendar.bucket_of_day,
                words,
                cube.faults,
            )
            yield _Packed(rows.person, words, rows.start.copy() if cube.latest else np.empty(0, np.int32))
            progress.advance(batch.num_rows)


def _paint_sorted(source: EpisodeSource, columns: list[str], places: CodeBook, cube: _Cube) -> None:
    """Paint in one pass, holding one batch and the unfinished last person."""
    held = _Packed(np.empty(0, np.int64), np.empty(0, np.uint64), np.empty(0, np.int32))
    for rows in _pack(source, columns, places, cube, CodeBook()):
        previous = int(held.person[-1]) if held.person.size else _NOBODY
        begins, in_order = painter.find_persons(rows.person, previous)
        if not in_order:
            raise _NotSortedError
        if begins.size == 0:
            held = _joined(held, rows)
            continue
        first, last = int(begins[0]), int(begins[-1])
        _paint_person(_joined(held, rows.between(0, first)), cube)
        cube.add(begins, rows.words, rows.start)
        held = rows.between(last, None)
    _paint_person(held, cube)


def _paint_person(rows: _Packed, cube: _Cube) -> None:
    cube.add(np.array([0, rows.words.size]), rows.words, rows.start)


def _joined(first: _Packed, second: _Packed) -> _Packed:
    return _Packed(
        np.concatenate((first.person, second.person)),
        np.concatenate((first.words, second.words)),
        np.concatenate((first.start, second.start)),
    )


def _paint_any_order(
    source: EpisodeSource, columns: list[str], places: CodeBook, cube: _Cube, memory: int
) -> None:
    """Group rows by person with a counting sort; as many passes as the memory limit asks for.

    The packed rows are held between counting and grouping if there is room, else read again.
    """
    persons = CodeBook()
    row_bytes = 12 if cube.latest else 8
    held = None
    if source.n_rows * (8 + 2 * row_bytes) <= _HELD_SHARE * memory:
        held = list(_pack(source, columns, places, cube, persons))
        numbers = [rows.person for rows in held]
        lowest, counts = _rows_by_person(lambda: numbers, source)
    else:
        lowest, counts = _rows_by_person(lambda: _read_persons(source, persons), source)
    cuts = _cut_persons(counts, rows_per_pass=max(memory // (2 * row_bytes), BATCH_ROWS))
    for number, (low, high) in enumerate(pairwise(cuts)):
        known = cube.faults.copy()
        batches = held or _pack(source, columns, places, cube, persons)
        cube.add(*_grouped(batches, lowest + low, counts[low:high], cube.latest))
        if number:  # faults are counted in the first pass
            cube.faults[:] = known


def _grouped(
    batches: Iterable[_Packed], lowest: int, counts: NDArray[np.int64], latest: bool
) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int32]]:
    """Rows of the persons from `lowest` on, person by person: offsets, words and starts."""
    offsets = np.concatenate(([0], np.cumsum(counts)))
    words = np.empty(offsets[-1], dtype=np.uint64)
    start = np.empty(offsets[-1] if latest else 0, dtype=np.int32)
    position = offsets[:-1].copy()
    for rows in batches:
        painter.scatter_rows(rows.person, rows.words, rows.start, lowest, position, words, start)
    return offsets, words, start


def _read_persons(source: EpisodeSource, persons: CodeBook) -> Iterator[NDArray[np.int64]]:
    for batch in source.batches(["person_id"]):
        yield person_numbers(batch, persons)


def _rows_by_person(
    read: Callable[[], Iterable[NDArray[np.int64]]], source: EpisodeSource
) -> tuple[int, NDArray[np.int64]]:
    """Lowest person number and the number of rows of each number from there; missing persons are left out."""
    low, high = np.iinfo(np.int64).max, 0
    for numbers in read():
        low, high = min(low, int(numbers.min(initial=low))), max(high, int(numbers.max(initial=0)))
    low = min(max(low, 0), high)
    if high - low > 8 * source.n_rows + 10_000_000:
        raise SpecificationError(
            f"{source.name}: person numbers spread too widely to be grouped in memory; run "
            "kv.register.ingest first, which numbers the persons, or use engine='duckdb'"
        )
    counts = np.zeros(high - low + 1, dtype=np.int64)
    for numbers in read():
        painter.count_rows(numbers, low, counts)
    return low, counts


def _cut_persons(counts: NDArray[np.int64], rows_per_pass: int) -> NDArray[np.int64]:
    ends = np.cumsum(counts)
    n_passes = max(1, -(-int(ends[-1]) // rows_per_pass))
    wanted = np.arange(1, n_passes) * rows_per_pass
    inner = np.searchsorted(ends, wanted, side="right")
    return np.unique(np.concatenate(([0], inner, [counts.size])))


def _to_frame(cube: _Cube, municipalities: list[str] | None) -> pd.DataFrame:
    """Cells with users as rows, sorted."""
    sums = np.cumsum(cube.sums[:, :-1], axis=1, out=cube.sums[:, :-1])
    cell, bucket = np.nonzero(sums[:, :, 0])
    users, birth_year_sum, users_with_hours, hours = sums[cell, bucket].T
    age_sum = cube.calendar.years[bucket] * users - birth_year_sum
    rest, place = np.divmod(cell, cube.n_municipalities)
    rest, sex = np.divmod(rest, len(SEXES))
    service, group = np.divmod(rest, len(AGE_GROUPS))
    weeks = np.array(cube.calendar.starts, dtype="datetime64[s]")
    frame = pd.DataFrame(
        {
            "service": pd.Categorical.from_codes(service, SERVICE_CODES, ordered=True),
            "age_group": pd.Categorical.from_codes(group, AGE_GROUPS, ordered=True),
            "sex": np.array(SEXES, dtype=np.int64)[sex],
            "week": weeks[bucket],
            "users": users,
            "users_with_hours": users_with_hours,
            "hours": hours / HOURS_UNIT,
            "mean_age": age_sum / users,
        }
    )
    if municipalities is not None:
        frame.insert(0, "municipality", np.array(municipalities, dtype=object)[place])
        frame["municipality"] = frame["municipality"].astype("str")
    keys = [name for name in ("municipality", "service", "age_group", "sex", "week") if name in frame]
    return frame.sort_values(keys, ignore_index=True)
