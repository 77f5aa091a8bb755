"""Kernels that paint each person's episodes on a calendar and count the colours.

Rows are packed into one 64-bit word, so that a register in any order can be grouped by person in memory.
All sums are integers: results do not depend on the order of rows, batches or persons.
"""

from datetime import date

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kostnadsvekst.register.schema import (
    FIRST_BIRTH_YEAR,
    HOURS_UNIT,
    LAST_BIRTH_YEAR,
    MAX_HOURS_PER_WEEK,
    OLDEST_AGE,
    SERVICE_CODES,
)

N_SERVICES = len(SERVICE_CODES)
FAULTS = (
    "person_id missing",
    "service unknown or missing",
    "start_date missing",
    "end_date before start_date",
    "birth_year missing or impossible",
    "sex missing or not 1 or 2",
    "hours_per_week negative or above 336",
    "municipality missing",
)

# Bits of a packed row: hours + 1 in hundredths 0-15, last bucket 16-25, first bucket 26-35, municipality
# 36-45, service 46-49, outside the period 50, sex 51, birth year 52-59. As numbers, words of one person are
# in the order of service, municipality and first bucket.
OUTSIDE = np.uint64(1) << np.uint64(50)
_MISSING_DAY = -(2**31)
_HOURS = np.uint64(0xFFFF)
_KEY = np.uint64(36)
_IDENTITY = np.uint64(51)
_FOREVER = 1 << 40

# Day number of 1 January, from the first birth year until the last one is too old.
_NEW_YEARS = np.array(
    [
        (date(year, 1, 1) - date(1970, 1, 1)).days
        for year in range(FIRST_BIRTH_YEAR, LAST_BIRTH_YEAR + OLDEST_AGE + 2)
    ],
    dtype=np.int32,
)


@njit(cache=True)
def year_of_day(day: int) -> int:
    """Calendar year of a day number (proleptic Gregorian; Hinnant's civil-from-days)."""
    z = day + 719468
    era = z // 146097
    doe = z - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    return yoe + era * 400 + (1 if doy >= 306 else 0)


@njit(cache=True, inline="always")
def _born_in_time(birth_year: int, start: int) -> bool:
    """Whether the birth year is at most that of the start day, and at most `OLDEST_AGE` years before."""
    if birth_year < FIRST_BIRTH_YEAR or birth_year > LAST_BIRTH_YEAR:
        return False
    year = birth_year - FIRST_BIRTH_YEAR
    return bool((start >= _NEW_YEARS[year]) & (start < _NEW_YEARS[year + OLDEST_AGE + 1]))


@njit(cache=True)
def pack_rows(
    person: NDArray[np.int64],
    birth_year: NDArray[np.int32],
    sex: NDArray[np.int8],
    service: NDArray[np.int8],
    municipality: NDArray[np.int16],
    start: NDArray[np.int32],
    end: NDArray[np.int32],
    hours: NDArray[np.float64],
    first_day: int,
    last_day: int,
    bucket_of_day: NDArray[np.int16],
    packed: NDArray[np.uint64],
    faults: NDArray[np.int64],
) -> None:
    """Check rows and pack each into one word, in place.

    Parameters
    ----------
    person, ..., hours : ndarray, shape (n_rows,)
        As in `EpisodeArrays`.
    first_day, last_day : int
        Counted period, days since 1970-01-01.
    bucket_of_day : ndarray of int16, shape (last_day - first_day + 1,)
    packed : ndarray of uint64, shape (n_rows,)
        Output.
    faults : ndarray of int64, shape (len(FAULTS),)
        Output: increased by the number of rows with each fault.
    """
    for i in range(person.size):
        hour = hours[i]
        if hour != hour:
            hour = 0.0
        born_in_time = _born_in_time(birth_year[i], start[i])
        usable = (
            (person[i] >= 0)
            & (service[i] >= 0)
            & (end[i] >= start[i])
            & born_in_time
            & ((sex[i] == 1) | (sex[i] == 2))
            & (hour >= 0.0)
            & (hour <= MAX_HOURS_PER_WEEK)
            & (municipality[i] >= 0)
        )
        if not usable:
            _count_faults(
                person[i], birth_year[i], sex[i], service[i], municipality[i], start[i], end[i], hour, faults
            )
            packed[i] = OUTSIDE
            continue
        word = (np.uint64(birth_year[i] - FIRST_BIRTH_YEAR) << np.uint64(52)) | (
            np.uint64(sex[i] - 1) << _IDENTITY
        )
        if start[i] > last_day or end[i] < first_day:
            packed[i] = word | OUTSIDE
            continue
        first = bucket_of_day[max(start[i], first_day) - first_day]
        last = bucket_of_day[min(end[i], last_day) - first_day]
        packed[i] = (
            word
            | (np.uint64(service[i]) << np.uint64(46))
            | (np.uint64(municipality[i]) << _KEY)
            | (np.uint64(first) << np.uint64(26))
            | (np.uint64(last) << np.uint64(16))
            | np.uint64(int(hour * HOURS_UNIT + 0.5) + 1)
        )


@njit(cache=True)
def _count_faults(
    person: int,
    birth_year: int,
    sex: int,
    service: int,
    municipality: int,
    start: int,
    end: int,
    hour: float,
    faults: NDArray[np.int64],
) -> None:
    """Add the faults of one row, in place."""
    known_start = start != _MISSING_DAY
    faults[0] += person < 0
    faults[1] += service < 0
    faults[2] += not known_start
    faults[3] += known_start and end < start
    faults[4] += known_start and not _born_in_time(birth_year, start)
    faults[5] += sex != 1 and sex != 2
    faults[6] += hour < 0.0 or hour > MAX_HOURS_PER_WEEK
    faults[7] += municipality < 0


@njit(cache=True)
def find_persons(person: NDArray[np.int64], previous: int) -> tuple[NDArray[np.int64], bool]:
    """Rows at which the person is another one than before, and whether the numbers never fall.

    Parameters
    ----------
    person : ndarray of int64, shape (n_rows,)
    previous : int
        Number of the person before the first row.
    """
    begins = np.empty(person.size + 1, dtype=np.int64)
    n_persons = 0
    in_order = True
    for i in range(person.size):
        begins[n_persons] = i
        n_persons += person[i] != previous
        in_order &= person[i] >= previous
        previous = person[i]
    return begins[:n_persons], in_order


@njit(cache=True)
def count_rows(person: NDArray[np.int64], lowest: int, counts: NDArray[np.int64]) -> None:
    """Add the number of rows of each person number, from the lowest, to `counts`, in place.

    Persons outside, among them missing ones, are passed over.
    """
    for i in range(person.size):
        number = person[i] - lowest
        if 0 <= number < counts.size:
            counts[number] += 1


@njit(cache=True)
def scatter_rows(
    person: NDArray[np.int64],
    packed: NDArray[np.uint64],
    start: NDArray[np.int32],
    lowest: int,
    position: NDArray[np.int64],
    packed_out: NDArray[np.uint64],
    start_out: NDArray[np.int32],
) -> None:
    """Put the rows of the persons from the lowest where they belong, in place (counting sort).

    Parameters
    ----------
    person, packed, start : ndarray, shape (n_rows,)
        `start` may be empty.
    lowest : int
        Number of the person to whom position[0] belongs; persons outside are passed over.
    position : ndarray of int64, shape (n_persons,)
        Where the next row of each person goes; moved on.
    packed_out, start_out : ndarray
        Output.
    """
    with_start = start_out.size > 0
    for i in range(person.size):
        number = person[i] - lowest
        if 0 <= number < position.size:
            k = position[number]
            position[number] = k + 1
            packed_out[k] = packed[i]
            if with_start:
                start_out[k] = start[i]


Int = int | np.int64


@njit(cache=True)
def paint_persons(
    offsets: NDArray[np.int64],
    packed: NDArray[np.uint64],
    start: NDArray[np.int32],
    segment_of_bucket: NDArray[np.int64],
    pieces: NDArray[np.int64],
    n_municipalities: int,
    sums: NDArray[np.int64],
) -> int:
    """Add whole persons to the cube, in place; rows are put in order within each person.

    The episodes of a person and service are swept from the first to the last. A stack holds what is known of
    the buckets to come: on top (`stop`, `colour`) the hours that show from `since` and until when, below
    (`stops`, `colours`) those that show thereafter, at the bottom nothing for ever. Stops rise from top to
    bottom. The sweep is not a function of its own: that takes half as much time again.

    Parameters
    ----------
    offsets : ndarray of int64, shape (n_persons + 1,)
        Rows offsets[p] to offsets[p + 1] belong to one person.
    packed : ndarray of uint64, shape (n_rows,)
    start : ndarray of int32, shape (n_rows,) or (0,)
        Start days: the latest start wins; empty: the largest hours win.
    segment_of_bucket : ndarray of int64, shape (n_buckets,)
        Buckets of the same segment belong to the same year.
    pieces : ndarray of int64, shape (n_birth_years, n_segments, 3)
        For a birth year (from `FIRST_BIRTH_YEAR`) in a segment: bucket before which the person stays in the
        age group, first cell of the age group, and the year from which age is reckoned.
    n_municipalities : int
    sums : ndarray of int64, shape (n_cells, n_buckets + 1, 4)
        Differences between neighbouring buckets of users, sum of birth years, users with hours and hundredths
        of hours. A cell is ((service, age group, sex), municipality) in row-major order.

    Returns
    -------
    int
        Number of persons with more than one birth year or sex.
    """
    latest = start.size > 0
    cells_per_service = sums.shape[0] // N_SERVICES
    stops = np.zeros(sums.shape[1] + 2, dtype=np.int64)
    colours = np.zeros(sums.shape[1] + 2, dtype=np.int64)
    stops[0] = _FOREVER
    conflicts = 0
    for p in range(offsets.size - 1):
        begin, end = offsets[p], offsets[p + 1]
        if begin == end:
            continue
        if latest:
            _sort_by_start(packed, start, begin, end)
        else:
            _sort(packed, begin, end)
        identity = packed[begin] >> _IDENTITY
        conflicts += packed[end - 1] >> _IDENTITY != identity
        of_person = pieces[np.int64(identity >> np.uint64(1))]
        sex_offset = np.int64(identity & np.uint64(1)) * n_municipalities
        i = begin
        while i < end and not packed[i] & OUTSIDE:
            key = packed[i] >> _KEY
            service = np.int64((key >> np.uint64(10)) & np.uint64(0xF))
            offset = service * cells_per_service + sex_offset + np.int64(key & np.uint64(0x3FF))
            since, stop, colour = _unpack(packed[i])
            depth: Int = 1
            i += 1
            while i < end and packed[i] >> _KEY == key:
                first, new_stop, new_colour = _unpack(packed[i])
                i += 1
                while stop <= first:
                    _add_run(sums, since, stop, colour, segment_of_bucket, of_person, offset)
                    since = stop
                    depth -= 1
                    stop, colour = stops[depth], colours[depth]
                if new_colour < colour and not latest:
                    if new_stop > stop:
                        depth = _put_below(stops, colours, depth, new_stop, new_colour)
                    continue
                if new_colour != colour:
                    _add_run(sums, since, first, colour, segment_of_bucket, of_person, offset)
                    since = first
                elif new_stop <= stop:
                    continue
                stops[depth], colours[depth] = stop, colour
                while stops[depth] <= new_stop:
                    depth -= 1
                depth += 1
                stop, colour = new_stop, new_colour
            while depth > 0:
                _add_run(sums, since, stop, colour, segment_of_bucket, of_person, offset)
                since = stop
                depth -= 1
                stop, colour = stops[depth], colours[depth]
    return conflicts


@njit(cache=True, inline="always")
def _unpack(word: np.uint64) -> tuple[np.int64, np.int64, np.int64]:
    """First bucket, the bucket after the last, and colour (hundredths of hours + 1)."""
    first = np.int64((word >> np.uint64(26)) & np.uint64(0x3FF))
    stop = np.int64((word >> np.uint64(16)) & np.uint64(0x3FF)) + 1
    return first, stop, np.int64(word & _HOURS)


@njit(cache=True)
def _put_below(
    stops: NDArray[np.int64], colours: NDArray[np.int64], depth: Int, stop: Int, colour: Int
) -> Int:
    """Put an episode with fewer hours than the top into the stack below it; returns the new depth."""
    place = depth
    while colours[place - 1] > colour:
        place -= 1
        if stops[place] >= stop:
            return depth
    if colours[place - 1] == colour and stops[place - 1] >= stop:
        return depth
    kept = place
    while stops[kept - 1] <= stop:
        kept -= 1
    n_above = depth - place
    stops[kept + 1 : kept + 1 + n_above] = stops[place:depth].copy()
    colours[kept + 1 : kept + 1 + n_above] = colours[place:depth].copy()
    stops[kept], colours[kept] = stop, colour
    return kept + 1 + n_above


@njit(cache=True, inline="always")
def _add_run(
    sums: NDArray[np.int64],
    first: Int,
    stop: Int,
    colour: Int,
    segment_of_bucket: NDArray[np.int64],
    pieces: NDArray[np.int64],
    offset: Int,
) -> None:
    """Add a person to the buckets first <= w < stop with one colour, as differences between buckets.

    `pieces` are those of the person, `offset` is that of service, sex and municipality.
    """
    if colour == 0:
        return
    with_hours = 1 if colour > 1 else 0
    low = first
    while low < stop:
        piece = pieces[segment_of_bucket[low]]
        high = min(stop, piece[0])
        cell = piece[1] + offset
        birth_year = piece[2]
        sums[cell, low, 0] += 1
        sums[cell, low, 1] += birth_year
        sums[cell, low, 2] += with_hours
        sums[cell, low, 3] += colour - 1
        sums[cell, high, 0] -= 1
        sums[cell, high, 1] -= birth_year
        sums[cell, high, 2] -= with_hours
        sums[cell, high, 3] -= colour - 1
        low = high


@njit(cache=True, inline="always")
def _sort(packed: NDArray[np.uint64], begin: Int, end: Int) -> None:
    """Sort the rows of one person in place: few, and mostly in order already."""
    for i in range(begin + 1, end):
        word = packed[i]
        k = i
        while k > begin and packed[k - 1] > word:
            packed[k] = packed[k - 1]
            k -= 1
        packed[k] = word


@njit(cache=True)
def _sort_by_start(packed: NDArray[np.uint64], start: NDArray[np.int32], begin: Int, end: Int) -> None:
    """Sort the rows of one person by service and municipality, start day and hours, in place."""
    for i in range(begin + 1, end):
        word, day = packed[i], start[i]
        k = i
        while k > begin and _is_after(packed[k - 1], start[k - 1], word, day):
            packed[k], start[k] = packed[k - 1], start[k - 1]
            k -= 1
        packed[k], start[k] = word, day


@njit(cache=True, inline="always")
def _is_after(word: np.uint64, day: Int, other: np.uint64, other_day: Int) -> bool:
    key, other_key = word >> _KEY, other >> _KEY
    later = (day > other_day) | ((day == other_day) & (word & _HOURS > other & _HOURS))
    return bool((key > other_key) | ((key == other_key) & later))
