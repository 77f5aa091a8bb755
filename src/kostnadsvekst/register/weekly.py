"""Distinct users, hours and mean age by service, age group, sex and week."""

from collections.abc import Iterator
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
from kostnadsvekst.register.progress import RowProgress
from kostnadsvekst.register.schema import (
    AGE_GROUPS,
    FIRST_WEEK,
    HOURS_UNIT,
    LAST_WEEK,
    MAX_MUNICIPALITIES,
    SERVICE_CODES,
    SEXES,
    Calendar,
    Overlap,
    age_group_codes,
    check_overlap,
    counting_rules,
    faults_to_error,
    memory_bytes,
    week_calendar,
    year_calendar,
)

Engine = Literal["painter", "duckdb", "spark"]
_CONFLICT = "rows of a person with more than one birth_year or sex (persons)"
_OLDEST = 200


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
        cube = _paint(source, calendar, overlap, by_municipality, memory_bytes(memory_limit))
    elif engine in ("duckdb", "spark"):
        from kostnadsvekst.register.masks import count_with_masks

        cube = count_with_masks(
            source, calendar, overlap, by_municipality, engine, memory_limit, temp_directory
        )
    else:
        raise SpecificationError(f"engine={engine!r}; allowed are 'painter', 'duckdb' and 'spark'")
    cube.attrs = {"rules": counting_rules(overlap, by_municipality=by_municipality)}
    return cube


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
    counts = _paint(source, calendar, "max", False, memory_bytes(memory_limit))
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

    def __post_init__(self) -> None:
        n_cells = len(SERVICE_CODES) * len(AGE_GROUPS) * len(SEXES) * self.n_municipalities
        self.faults = np.zeros(len(painter.FAULTS), dtype=np.int64)
        self.sums = np.zeros((n_cells, self.calendar.n_buckets + 1, 4), dtype=np.int64)

    def add(self, offsets: NDArray[np.int64], packed: NDArray[np.uint64], start: NDArray[np.int32]) -> None:
        years = self.calendar.years
        breaks = np.flatnonzero(np.diff(years)) + 1
        segments = np.concatenate(([0], breaks, [years.size])).astype(np.int64)
        self.conflicts += painter.paint_persons(
            offsets,
            packed,
            start if self.latest else start[:0],
            segments,
            years[segments[:-1]],
            age_group_codes(np.arange(_OLDEST)),
            self.n_municipalities,
            self.sums,
        )


@dataclass(frozen=True, slots=True)
class _Packed:
    person: NDArray[np.int64]
    words: NDArray[np.uint64]
    start: NDArray[np.int32]


class _NotSortedError(Exception):
    """Rows of one person are not together."""


def _paint(
    source: EpisodeSource, calendar: Calendar, overlap: Overlap, by_municipality: bool, memory: int
) -> pd.DataFrame:
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
    return _to_frame(cube, names)


def refuse_faults(faults: dict[str, int], conflicts: int, where: str) -> None:
    """Raise if rows cannot be used or persons contradict themselves.

    Parameters
    ----------
    faults : dict
        Kind of fault to number of rows.
    conflicts : int
        Persons with more than one birth year or sex; looked at only where all rows can be used.
    where : str

    Raises
    ------
    InvalidDataError
    """
    if any(faults.values()):
        raise faults_to_error(faults, where)
    if conflicts:
        raise faults_to_error({_CONFLICT: conflicts}, where)


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
    with RowProgress("painting", source.n_rows) as progress:
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
            yield _Packed(rows.person, words, rows.start)
            progress.advance(batch.num_rows)


def _paint_sorted(source: EpisodeSource, columns: list[str], places: CodeBook, cube: _Cube) -> None:
    """Paint in one pass, holding one batch and the unfinished last person."""
    tail = _Packed(np.empty(0, np.int64), np.empty(0, np.uint64), np.empty(0, np.int32))
    for batch in _pack(source, columns, places, cube, CodeBook()):
        rows = _joined(tail, batch)
        if rows.person.size == 0:
            continue
        steps = np.diff(rows.person)
        if np.any(steps < 0):
            raise _NotSortedError
        offsets = np.concatenate(([0], np.flatnonzero(steps) + 1))
        cube.add(offsets, rows.words, rows.start)
        last = offsets[-1]
        tail = _Packed(rows.person[last:].copy(), rows.words[last:].copy(), rows.start[last:].copy())
    cube.add(np.array([0, tail.words.size]), tail.words, tail.start)


def _joined(first: _Packed, second: _Packed) -> _Packed:
    if first.person.size == 0:
        return second
    return _Packed(
        np.concatenate((first.person, second.person)),
        np.concatenate((first.words, second.words)),
        np.concatenate((first.start, second.start)),
    )


def _paint_any_order(
    source: EpisodeSource, columns: list[str], places: CodeBook, cube: _Cube, memory: int
) -> None:
    """Group rows by person with a counting sort; as many passes as the memory limit asks for."""
    persons = CodeBook()
    lowest, counts = _rows_by_person(source, persons)
    bytes_per_row = 12 if cube.latest else 8
    cuts = _cut_persons(counts, rows_per_pass=max(memory // (2 * bytes_per_row), BATCH_ROWS))
    for number, (low, high) in enumerate(pairwise(cuts)):
        offsets = np.concatenate(([0], np.cumsum(counts[low:high])))
        words = np.empty(offsets[-1], dtype=np.uint64)
        start = np.empty(offsets[-1] if cube.latest else 0, dtype=np.int32)
        position = offsets[:-1].copy()
        if number:  # faults are counted in the first pass
            known = cube.faults.copy()
        for rows in _pack(source, columns, places, cube, persons):
            person = np.maximum(rows.person, 0)  # rows without a person are refused when all is read
            painter.scatter_rows(person - lowest, rows.words, rows.start, low, high, position, words, start)
        if number:
            cube.faults[:] = known
        cube.add(offsets, words, start)


def _rows_by_person(source: EpisodeSource, persons: CodeBook) -> tuple[int, NDArray[np.int64]]:
    """Lowest person number and the number of rows of each number from there."""
    low, high = np.iinfo(np.int64).max, 0
    for batch in source.batches(["person_id"]):
        numbers = np.maximum(person_numbers(batch, persons), 0)
        low, high = min(low, int(numbers.min(initial=low))), max(high, int(numbers.max(initial=0)))
    if high - low > 8 * source.n_rows + 10_000_000:
        raise SpecificationError(
            f"{source.name}: person numbers spread too widely to be grouped in memory; run "
            "kv.register.ingest first, which numbers the persons, or use engine='duckdb'"
        )
    counts = np.zeros(high - low + 1, dtype=np.int64)
    for batch in source.batches(["person_id"]):
        numbers = np.maximum(person_numbers(batch, persons), 0) - low
        painter.count_rows(numbers, counts)
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
    users, age_sum, users_with_hours, hours = sums[cell, bucket].T
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
