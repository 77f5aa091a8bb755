"""Kernels that paint each person's episodes on a calendar and count the colours.

Rows are packed into one 64-bit word, so that a register in any order can be grouped by person in memory.
All sums are integers: results do not depend on the order of rows, batches or persons.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kostnadsvekst.register.schema import (
    FIRST_BIRTH_YEAR,
    HOURS_UNIT,
    LAST_BIRTH_YEAR,
    MAX_HOURS_PER_WEEK,
    OLDEST_AGE,
)

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
OUTSIDE = np.uint64(1) << np.uint64(63)

# Bits of a packed row: first bucket 0-9, last bucket 10-19, hours + 1 in hundredths 20-35, service 36-39,
# sex 40, birth year 41-48, municipality 49-58, outside the period 63.
_MISSING_DAY = -(2**31)


@njit(cache=True)
def year_of_day(day: int) -> int:
    """Calendar year of a day number (proleptic Gregorian; Hinnant's civil-from-days)."""
    z = day + 719468
    era = z // 146097
    doe = z - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    return yoe + era * 400 + (1 if doy >= 306 else 0)


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
        bad = False
        if person[i] < 0:
            faults[0] += 1
            bad = True
        if service[i] < 0:
            faults[1] += 1
            bad = True
        if start[i] == _MISSING_DAY:
            faults[2] += 1
            bad = True
        else:
            if end[i] < start[i]:
                faults[3] += 1
                bad = True
            year = year_of_day(start[i])
            birth = birth_year[i]
            if (
                birth > year
                or birth < year - OLDEST_AGE
                or birth < FIRST_BIRTH_YEAR
                or birth > LAST_BIRTH_YEAR
            ):
                faults[4] += 1
                bad = True
        if sex[i] != 1 and sex[i] != 2:
            faults[5] += 1
            bad = True
        if hour < 0.0 or hour > MAX_HOURS_PER_WEEK:
            faults[6] += 1
            bad = True
        if municipality[i] < 0:
            faults[7] += 1
            bad = True
        if bad:
            packed[i] = OUTSIDE
            continue
        word = (np.uint64(sex[i] - 1) << np.uint64(40)) | (
            np.uint64(birth_year[i] - FIRST_BIRTH_YEAR) << np.uint64(41)
        )
        if start[i] > last_day or end[i] < first_day:
            packed[i] = word | OUTSIDE
            continue
        first = bucket_of_day[max(start[i], first_day) - first_day]
        last = bucket_of_day[min(end[i], last_day) - first_day]
        colour = np.uint64(int(hour * HOURS_UNIT + 0.5) + 1)
        packed[i] = (
            word
            | np.uint64(first)
            | (np.uint64(last) << np.uint64(10))
            | (colour << np.uint64(20))
            | (np.uint64(service[i]) << np.uint64(36))
            | (np.uint64(municipality[i]) << np.uint64(49))
        )


@njit(cache=True)
def count_rows(person: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
    """Add the number of rows of each person number to `counts`, in place."""
    for i in range(person.size):
        counts[person[i]] += 1


@njit(cache=True)
def scatter_rows(
    person: NDArray[np.int64],
    packed: NDArray[np.uint64],
    start: NDArray[np.int32],
    low: int,
    high: int,
    position: NDArray[np.int64],
    packed_out: NDArray[np.uint64],
    start_out: NDArray[np.int32],
) -> None:
    """Put the rows of persons low <= person < high where their person begins, in place (counting sort)."""
    with_start = start_out.size > 0
    for i in range(person.size):
        if low <= person[i] < high:
            k = position[person[i] - low]
            position[person[i] - low] = k + 1
            packed_out[k] = packed[i]
            if with_start:
                start_out[k] = start[i]


Int = int | np.int64

# Number of the only bit that is set in a word, by a multiplication (de Bruijn sequence of 64 bits).
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_BIT_NUMBER = np.zeros(64, dtype=np.int8)
for _bit in range(64):
    _BIT_NUMBER[((1 << _bit) * int(_DE_BRUIJN) & (2**64 - 1)) >> 58] = _bit


@njit(cache=True, inline="always")
def _mark(marks: NDArray[np.uint64], shift: Int, first: Int, stop: Int) -> None:
    """Remember that the colour can change at two buckets."""
    marks[shift + first // 64] |= np.uint64(1) << np.uint64(first % 64)
    marks[shift + stop // 64] |= np.uint64(1) << np.uint64(stop % 64)


@njit(cache=True)
def _doubled_marks(marks: NDArray[np.uint64]) -> NDArray[np.uint64]:
    larger = np.zeros(2 * marks.size, dtype=np.uint64)
    larger[: marks.size] = marks
    return larger


@njit(cache=True)
def _add_run(
    sums: NDArray[np.int64],
    first: Int,
    stop: Int,
    colour: Int,
    segments: NDArray[np.int64],
    cells: NDArray[np.int64],
    ages: NDArray[np.int64],
    offset: Int,
) -> None:
    """Add a person to the buckets first <= w < stop with one colour, as differences between buckets.

    `cells` and `ages` are the person's by year, `offset` is that of service and municipality.
    """
    k = 0
    while segments[k + 1] <= first:
        k += 1
    with_hours = 1 if colour > 1 else 0
    low = first
    while low < stop:
        high = min(stop, segments[k + 1])
        cell = cells[k] + offset
        age = ages[k]
        sums[cell, low, 0] += 1
        sums[cell, low, 1] += age
        sums[cell, low, 2] += with_hours
        sums[cell, low, 3] += colour - 1
        sums[cell, high, 0] -= 1
        sums[cell, high, 1] -= age
        sums[cell, high, 2] -= with_hours
        sums[cell, high, 3] -= colour - 1
        low = high
        k += 1


@njit(cache=True)
def paint_persons(
    offsets: NDArray[np.int64],
    packed: NDArray[np.uint64],
    start: NDArray[np.int32],
    segments: NDArray[np.int64],
    segment_years: NDArray[np.int64],
    group_of_age: NDArray[np.int64],
    n_municipalities: int,
    sums: NDArray[np.int64],
) -> int:
    """Add whole persons to the cube, in place.

    Parameters
    ----------
    offsets : ndarray of int64, shape (n_persons + 1,)
        Rows offsets[p] to offsets[p + 1] belong to one person.
    packed : ndarray of uint64, shape (n_rows,)
    start : ndarray of int32, shape (n_rows,) or (0,)
        Start days: the latest start wins; empty: the largest hours win.
    segments : ndarray of int64, shape (n_segments + 1,)
        Buckets segments[k] to segments[k + 1] share the year segment_years[k].
    segment_years : ndarray of int64, shape (n_segments,)
    group_of_age : ndarray of int64, shape (n_ages,)
    n_municipalities : int
    sums : ndarray of int64, shape (n_cells, n_buckets + 1, 4)
        Differences between neighbouring buckets of users, sum of ages, users with hours and hundredths of
        hours. A cell is ((service, age group, sex), municipality) in row-major order.

    Returns
    -------
    int
        Number of persons with more than one birth year or sex.
    """
    n_buckets = sums.shape[1] - 1
    n_groups = group_of_age.max() + 1
    latest = start.size > 0
    zero = np.uint16(0)
    canvas = np.zeros(16 * n_buckets, dtype=np.uint16)
    since = np.zeros(16 * n_buckets if latest else 0, dtype=np.int32)
    n_words = n_buckets // 64 + 1
    marks = np.zeros(16 * n_words, dtype=np.uint64)
    bit_number = _BIT_NUMBER
    keys = np.zeros(16, dtype=np.int64)
    lows = np.zeros(16, dtype=np.int64)
    highs = np.zeros(16, dtype=np.int64)
    only = np.zeros(16, dtype=np.int64)  # row of a slot that has one row so far, else -1
    cells = np.zeros(segment_years.size, dtype=np.int64)
    ages = np.zeros(segment_years.size, dtype=np.int64)
    conflicts = 0
    for p in range(offsets.size - 1):
        begin, stop = offsets[p], offsets[p + 1]
        if begin == stop:
            continue
        identity = (packed[begin] >> np.uint64(40)) & np.uint64(0x1FF)
        sex = np.int64(identity & np.uint64(1))
        birth_year = np.int64(identity >> np.uint64(1)) + FIRST_BIRTH_YEAR
        for k in range(segment_years.size):
            ages[k] = max(segment_years[k] - birth_year, 0)
            group = group_of_age[min(ages[k], group_of_age.size - 1)]
            cells[k] = (group * 2 + sex) * n_municipalities
        n_slots = 0
        conflict = False
        for i in range(begin, stop):
            word = packed[i]
            if (word >> np.uint64(40)) & np.uint64(0x1FF) != identity:
                conflict = True
            if word & OUTSIDE:
                continue
            key = np.int64((word >> np.uint64(36)) & np.uint64(0xF)) * n_municipalities + np.int64(
                (word >> np.uint64(49)) & np.uint64(0x3FF)
            )
            slot = 0
            while slot < n_slots and keys[slot] != key:
                slot += 1
            first, last = _ends(word)
            if slot == n_slots:
                if n_slots == keys.size:
                    canvas, marks = _doubled(canvas), _doubled_marks(marks)
                    keys, lows, highs, only = _longer(keys), _longer(lows), _longer(highs), _longer(only)
                    if latest:
                        since = _doubled_days(since)
                keys[slot], lows[slot], highs[slot], only[slot] = key, first, last, i
                n_slots += 1
                continue
            if only[slot] >= 0:
                _paint(canvas, since, slot * n_buckets, packed, start, only[slot])
                _mark(marks, slot * n_words, lows[slot], highs[slot] + 1)
                only[slot] = -1
            _paint(canvas, since, slot * n_buckets, packed, start, i)
            _mark(marks, slot * n_words, first, last + 1)
            lows[slot] = min(lows[slot], first)
            highs[slot] = max(highs[slot], last)
        conflicts += conflict
        for slot in range(n_slots):
            service = keys[slot] // n_municipalities
            offset = service * n_groups * 2 * n_municipalities + keys[slot] - service * n_municipalities
            low, high = lows[slot], highs[slot] + 1
            if only[slot] >= 0:
                colour = np.int64((packed[only[slot]] >> np.uint64(20)) & np.uint64(0xFFFF))
                _add_run(sums, low, high, colour, segments, cells, ages, offset)
                continue
            shift = np.uint64(slot * n_buckets)
            begin_run, colour = np.int64(low), np.int64(0)
            # Colours change only where an episode begins or has ended: visit those buckets alone.
            for word_number in range(n_words):
                bits = marks[slot * n_words + word_number]
                marks[slot * n_words + word_number] = np.uint64(0)
                while bits:
                    lowest = bits & (~bits + np.uint64(1))
                    bits ^= lowest
                    w = np.int64(word_number * 64) + np.int64(
                        bit_number[(lowest * _DE_BRUIJN) >> np.uint64(58)]
                    )
                    following = np.int64(canvas[shift + np.uint64(w)]) if w < high else np.int64(0)
                    if following != colour:
                        if colour > 0:
                            _add_run(sums, begin_run, w, colour, segments, cells, ages, offset)
                        begin_run, colour = w, following
            for painted in range(np.uint64(low), np.uint64(high)):
                canvas[shift + painted] = zero
    return conflicts


@njit(cache=True)
def _ends(word: np.uint64) -> tuple[np.int64, np.int64]:
    return np.int64(word & np.uint64(0x3FF)), np.int64((word >> np.uint64(10)) & np.uint64(0x3FF))


@njit(cache=True, inline="always")
def _paint(
    canvas: NDArray[np.uint16],
    since: NDArray[np.int32],
    shift: int,
    packed: NDArray[np.uint64],
    start: NDArray[np.int32],
    i: int,
) -> None:
    """Paint one episode over what is there: the larger hours win, or the later start."""
    word = packed[i]
    # Unsigned positions: no check for negative ones, so that the loops become vector instructions.
    low = np.uint64(shift) + (word & np.uint64(0x3FF))
    high = np.uint64(shift) + ((word >> np.uint64(10)) & np.uint64(0x3FF)) + np.uint64(1)
    colour = np.uint16((word >> np.uint64(20)) & np.uint64(0xFFFF))
    if start.size:
        day = start[i]
        for w in range(low, high):
            if canvas[w] == np.uint16(0) or day > since[w] or (day == since[w] and colour > canvas[w]):
                canvas[w] = colour
                since[w] = day
    else:
        for w in range(low, high):
            canvas[w] = max(canvas[w], colour)


@njit(cache=True)
def _doubled(canvas: NDArray[np.uint16]) -> NDArray[np.uint16]:
    larger = np.zeros(2 * canvas.size, dtype=np.uint16)
    larger[: canvas.size] = canvas
    return larger


@njit(cache=True)
def _doubled_days(days: NDArray[np.int32]) -> NDArray[np.int32]:
    larger = np.zeros(2 * days.size, dtype=np.int32)
    larger[: days.size] = days
    return larger


@njit(cache=True)
def _longer(values: NDArray[np.int64]) -> NDArray[np.int64]:
    larger = np.zeros(2 * values.size, dtype=np.int64)
    larger[: values.size] = values
    return larger
