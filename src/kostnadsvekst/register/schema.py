"""What an episode is, which services and age groups are counted, and by which rules."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError

Overlap = Literal["max", "latest"]

# Code in episode files -> names in print (seed chapter 5).
SERVICES: dict[str, dict[str, str]] = {
    "long_term_stay": {"nb": "Langtidsopphold i institusjon", "en": "Long-term stay in institution"},
    "respite_institution": {"nb": "Avlastningsopphold i institusjon", "en": "Respite in institution"},
    "time_limited_other": {"nb": "Tidsbegrenset opphold – annet", "en": "Time-limited stay: other"},
    "time_limited_rehabilitation": {
        "nb": "Tidsbegrenset opphold – habilitering/rehabilitering",
        "en": "Time-limited stay: habilitation/rehabilitation",
    },
    "time_limited_assessment": {
        "nb": "Tidsbegrenset opphold – utredning/behandling",
        "en": "Time-limited stay: assessment/treatment",
    },
    "home_health": {"nb": "Helsetjenester i hjemmet", "en": "Health services at home"},
    "practical_daily": {
        "nb": "Praktisk bistand – daglige gjøremål",
        "en": "Practical assistance: daily tasks",
    },
    "practical_training": {"nb": "Praktisk bistand – opplæring", "en": "Practical assistance: training"},
    "practical_bpa": {
        "nb": "Brukerstyrt personlig assistanse (BPA)",
        "en": "User-controlled personal assistance (BPA)",
    },
}
SERVICE_CODES = tuple(SERVICES)

AGE_GROUPS = ("0-17", "18-39", "40-59", "60-79", "80+")
AGE_LOWER = (0, 18, 40, 60, 80)
SEXES = (1, 2)  # 1 man, 2 woman

EPISODE_COLUMNS = (
    "person_id",
    "birth_year",
    "sex",
    "municipality",
    "service",
    "start_date",
    "end_date",
    "hours_per_week",
)

FIRST_WEEK = "2017-01-02"
LAST_WEEK = "2020-12-28"
OLDEST_AGE = 120
FIRST_BIRTH_YEAR = 1880
LAST_BIRTH_YEAR = FIRST_BIRTH_YEAR + 255
_CONFLICT = "rows of a person with more than one birth_year or sex (persons)"
MAX_HOURS_PER_WEEK = 336.0  # two carers round the clock
HOURS_UNIT = 100  # hours are counted in hundredths, so that sums do not depend on the order of rows
MAX_BUCKETS = 1023
MAX_MUNICIPALITIES = 1024
_EPOCH = date(1970, 1, 1)
_MOST_DIGITS = 12  # of a memory limit


@dataclass(frozen=True, slots=True)
class Calendar:
    """Consecutive time buckets (weeks or years) and the year on which age is reckoned in each.

    Attributes
    ----------
    first_day, last_day : int
        Days since 1970-01-01 of the first and last day that are counted.
    starts : tuple of date
        First day of each bucket.
    years : ndarray of int, shape (n_buckets,)
        ISO year of a week, calendar year of a year.
    bucket_of_day : ndarray of int16, shape (n_days,)
        Bucket of each day from `first_day`.
    unit : {"week", "year"}
    """

    first_day: int
    last_day: int
    starts: tuple[date, ...]
    years: NDArray[np.int64]
    bucket_of_day: NDArray[np.int16]
    unit: str

    @property
    def n_buckets(self) -> int:
        """Number of buckets."""
        return len(self.starts)


def week_calendar(start: str | date = FIRST_WEEK, end: str | date = LAST_WEEK) -> Calendar:
    """Weeks from one Monday to another, both included.

    Weeks are counted as whole days since the first Monday divided by seven: a calendar year put together
    with an ISO week number would misplace the days around New Year.

    Parameters
    ----------
    start, end : str or date
        Mondays of the first and last week.

    Raises
    ------
    SpecificationError
        If either is not a Monday, the period is empty, or it has more than 1023 weeks.
    """
    first, last = _as_date(start, "start"), _as_date(end, "end")
    for name, day in (("start", first), ("end", last)):
        if day.weekday() != 0:
            monday = day - timedelta(days=day.weekday())
            raise SpecificationError(f"{name}={day} is not a Monday; the Monday of that week is {monday}")
    n_weeks = (last - first).days // 7 + 1
    if not 1 <= n_weeks <= MAX_BUCKETS:
        raise SpecificationError(
            f"{first} to {last} is {n_weeks} weeks; between 1 and {MAX_BUCKETS} can be counted"
        )
    starts = tuple(first + timedelta(days=7 * week) for week in range(n_weeks))
    return Calendar(
        first_day=(first - _EPOCH).days,
        last_day=(last - _EPOCH).days + 6,
        starts=starts,
        years=np.array([day.isocalendar().year for day in starts]),
        bucket_of_day=np.repeat(np.arange(n_weeks, dtype=np.int16), 7),
        unit="week",
    )


def year_calendar(first: int, last: int) -> Calendar:
    """Calendar years from `first` to `last`, both included."""
    if not first <= last <= first + 50:
        raise SpecificationError(f"years {first} to {last}: between 1 and 51 years can be counted")
    starts = tuple(date(year, 1, 1) for year in range(first, last + 1))
    lengths = [(date(day.year + 1, 1, 1) - day).days for day in starts]
    return Calendar(
        first_day=(starts[0] - _EPOCH).days,
        last_day=(date(last, 12, 31) - _EPOCH).days,
        starts=starts,
        years=np.arange(first, last + 1),
        bucket_of_day=np.repeat(np.arange(len(starts), dtype=np.int16), lengths),
        unit="year",
    )


def weeks_of_month(weeks: pd.DatetimeIndex, month: str) -> NDArray[np.bool_]:
    """Which weeks make up the level of a month.

    Parameters
    ----------
    weeks : DatetimeIndex
        Mondays.
    month : str
        ``"YYYY-MM"``.

    Returns
    -------
    ndarray of bool, shape (n_weeks,)
        Weeks whose Monday lies in the month, without ISO weeks 52, 53 and 1: at Christmas and New Year some
        services are far below their level.
    """
    # An ISO week is that of its Thursday.
    number = ((weeks + pd.Timedelta(days=3)).day_of_year.to_numpy() - 1) // 7 + 1
    wanted = pd.Period(month, "M")
    inside = (weeks.year == wanted.year) & (weeks.month == wanted.month)
    return np.asarray(inside) & ~np.isin(number, (52, 53, 1))


def age_group_codes(ages: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index in `AGE_GROUPS` of each age; negative ages (born after the week) count as 0."""
    return np.searchsorted(np.array(AGE_LOWER), np.maximum(ages, 0), side="right") - 1


def check_overlap(overlap: str) -> None:
    """Raise `SpecificationError` unless `overlap` names a rule."""
    if overlap not in ("max", "latest"):
        raise SpecificationError(f"overlap={overlap!r}; allowed are 'max' and 'latest'")


def counting_rules(
    overlap: Overlap = "max", *, by_municipality: bool = False, unit: str = "week"
) -> dict[str, str]:
    """Return the rules by which persons and hours are counted, as text to print beside the result.

    Parameters
    ----------
    overlap : {"max", "latest"}
    by_municipality : bool
    unit : {"week", "year"}

    Returns
    -------
    dict
        Name of the rule to its wording.
    """
    check_overlap(overlap)
    hours = {
        "max": "the largest hours per week among the person's episodes of the service that touch the week",
        "latest": "the hours of the episode of the service with the latest start date among those that touch "
        "the week (equal starts: the larger hours)",
    }[overlap]
    place = (
        "a person is counted once in each municipality with an episode in the week; the country can be less "
        "than the sum of its municipalities"
        if by_municipality
        else "a person is counted once in the country, whatever the number of municipalities"
    )
    return {
        "users": f"distinct persons with at least one day of an episode of the service in the {unit}",
        "overlap": hours,
        "open_end": "an episode without end date lasts to the end of the counted period",
        "same_day": "an episode that starts and ends on the same day counts",
        "end_date": "the end date is the last day of the episode",
        "zero_hours": "a person whose hours are zero or missing is in users, not in users_with_hours",
        "hours": "hours are counted in hundredths, rounded half up",
        "age": "ISO year of the week minus birth year"
        if unit == "week"
        else "calendar year minus birth year",
        "week": "Monday to Sunday, named by the Monday" if unit == "week" else "1 January to 31 December",
        "municipality": place,
        "duplicates": "repeated and redelivered rows change nothing",
    }


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


def faults_to_error(counts: dict[str, int], where: str) -> InvalidDataError:
    """Error that lists all faults of an episode file without revealing small counts."""
    problems = [f"{reason}: {masked_count(count)} row(s)" for reason, count in counts.items() if count]
    return InvalidDataError(
        f"{where}: {len(problems)} kind(s) of unusable rows; run kv.register.ingest first, which repairs or "
        "refuses them and reports how many",
        problems,
    )


def masked_count(count: int, threshold: int = 5) -> str:
    """Text of a count that may leave the register code."""
    return f"fewer than {threshold}" if 0 < count < threshold else str(count)


def memory_bytes(limit: str) -> int:
    """Bytes of a memory limit such as ``"2GB"`` or ``"500MB"``.

    Raises
    ------
    SpecificationError
        If it is not a positive number followed by KB, MB, GB or KiB, MiB, GiB.
    """
    units = {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "KB": 10**3, "MB": 10**6, "GB": 10**9}
    text = limit.replace(" ", "").upper() if isinstance(limit, str) else ""
    for unit, size in units.items():
        number = text.removesuffix(unit)
        plain = number.isascii() and len(number) <= _MOST_DIGITS and number.replace(".", "", 1).isdigit()
        if number != text and plain and float(number) > 0:
            return int(float(number) * size)
    raise SpecificationError(f"memory_limit={limit!r:.60}; write for example '2GB' or '500MB'")


def _as_date(value: Any, name: str) -> date:
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise SpecificationError(f"{name}={value!r} is not a date written as YYYY-MM-DD") from error
