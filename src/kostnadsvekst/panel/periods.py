"""The one reading of time: columns of any kind as whole numbers, one step a period.

Whole numbers, dates, pandas periods, categories and text are read into a kind and numbers of that kind; the
column as a whole then says how long a period is. Lags, autocorrelation, kernels over time, adoption dates and
the monthly panel all read time here.
"""

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_LISTED = 10
_LARGEST = 2**62
_FIRST_YEAR, _LAST_YEAR = 1800, 2200
_SHORTEST_MONTH = 27  # days between neighbouring months' dates: fewer, and the dates are days
_MONTH_NAMES = {
    name: number
    for names in (
        "jan feb mar apr mai jun jul aug sep okt nov des",
        "jan febr mars april mai juni juli aug sept okt nov des",
        "januar februar mars april mai juni juli august september oktober november desember",
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "january february march april may june july august september october november december",
    )
    for number, name in enumerate(names.split(), start=1)
}
_FORMS = (
    "years, dates (2015-01-31, 31.01.2015), months (2015-01, 2015M01, 201501, jan 2015), quarters (2015K1)"
)


@dataclass(frozen=True, slots=True)
class Periods:
    """A time column as whole numbers.

    Attributes
    ----------
    numbers : (n,) integer array
        0 for the first period of the column; neighbouring periods differ by one.
    unit : {"year", "half-year", "quarter", "month", "week", "Stata week", "day", "second", "number"}
    delta : int
        Length of a period in units: the largest step that all times of the column are multiples of.
    first : int
        The first period, in units since 1 January 1970; years and plain numbers as they are.
    """

    numbers: Ints
    unit: str
    delta: int
    first: int

    @property
    def step(self) -> str:
        """Length of a period in words, such as ``"2 years"``."""
        return f"{self.delta} {self.unit}s" if self.delta > 1 else f"1 {self.unit}"

    def place(self, times: pd.Series) -> Floats:
        """Put other times on the same scale.

        Parameters
        ----------
        times : Series
            In any form; a finer unit is taken to the period in which it lies. Missing values stay missing.

        Returns
        -------
        (m,) array
            On the scale of `numbers`: negative before the first period, not whole between two periods, NaN
            where missing.

        Raises
        ------
        InvalidDataError
            If a value cannot be read, or names a longer period than the column's unit.
        """
        placed = np.full(len(times), np.nan)
        known = times.notna().to_numpy()
        if known.any():
            given = times.reset_index(drop=True)[known]
            placed[known] = (_read(given).to(self.unit, given) - self.first) / self.delta
        return placed

    def label(self, number: int) -> str:
        """Period as text, such as ``2015``, ``2015-07`` or ``2015Q3``."""
        value = self.first + number * self.delta
        if self.unit in _FREQUENCIES:
            return str(pd.Period(ordinal=value, freq=_FREQUENCIES[self.unit]))
        if self.unit == "half-year":
            return f"{1970 + value // 2}H{value % 2 + 1}"
        if self.unit == "week":
            year, week, _ = (datetime.date(1970, 1, 5) + datetime.timedelta(weeks=value)).isocalendar()
            return f"{year}W{week:02d}"
        if self.unit == "Stata week":
            return f"{1970 + value // 52}w{value % 52 + 1}"
        return str(value)


_FREQUENCIES = {"quarter": "Q", "month": "M", "day": "D", "second": "s"}


def read_periods(times: pd.Series, rows: NDArray[Any] | None = None) -> Periods:
    """Read a time column.

    Parameters
    ----------
    times : Series
        Whole numbers, dates or time stamps (pandas, Arrow, ``datetime``), pandas periods, or text and
        categories that hold years (``2015``), months (``2015-07``, ``2015M07``, ``201507``, ``jul 2015``),
        quarters (``2015K3``, ``2015Q3``), half-years (``2015H1``), ISO weeks (``2015W07``, ``2015U07``) or
        dates (``2015-07-01``, ``01.07.2015``).
    rows : (m,) integer array, optional
        Positions of the rows whose numbers are wanted, none of them missing. The length of a period is still
        that of the whole column: a sample of every second year has gaps, not longer periods.

    Returns
    -------
    Periods

    Raises
    ------
    InvalidDataError
        If a value is missing or cannot be read, or values are of several kinds; the first rows are named.

    Notes
    -----
    Dates that fall on the same day of every year are years; at most one a month, months; else days, weeks
    being a step of seven. Numbers that all look like ``201507`` are months, like ``20150731`` dates. The step
    is the greatest common divisor of the distances between the distinct times of the whole column, so a panel
    of every second year has a step of two years, and units that were seen in other years than the rest share
    it. Dates of Stata's weeks, of which every year has 52, are weeks of that kind.
    """
    times = times.reset_index(drop=True)
    chosen = np.arange(len(times)) if rows is None else rows
    missing = times.isna().to_numpy()
    _refuse(times, np.sort(chosen[missing[chosen]]), "is missing")
    reading = _read(times[~missing] if missing.any() else times)
    unit = reading.own_unit()
    values = reading.to(unit, times)
    distinct = np.sort(pd.unique(values))
    delta = int(np.gcd.reduce(np.diff(distinct))) if len(distinct) > 1 else 1
    first = int(distinct[0]) if len(distinct) else 0
    placed = np.zeros(len(times), dtype=np.int64)
    placed[~missing] = (values - first) // delta
    return Periods(placed[chosen], unit, delta, first)


def read_panel_periods(entities: pd.Series, times: pd.Series, rows: NDArray[Any] | None = None) -> Periods:
    """Read the periods of a panel's rows that have an entity; what stands in the others does not matter.

    Parameters
    ----------
    entities, times : Series
        Of all rows of the data.
    rows : (m,) integer array, optional
        As in `read_periods`; without it all rows that have an entity.

    Returns
    -------
    Periods

    Raises
    ------
    InvalidDataError
        As `read_periods`.
    """
    known = entities.notna().to_numpy()
    return read_periods(
        times if known.all() else times.where(known), np.flatnonzero(known) if rows is None else rows
    )


def period_numbers(times: pd.Series, unit: str | None = None, rows: NDArray[Any] | None = None) -> Ints:
    """Turn times into whole numbers of a unit.

    Parameters
    ----------
    times : Series
        As `read_periods`.
    unit : str, optional
        One of `Periods.unit`; without it the column's own.
    rows : (m,) integer array, optional
        Positions of the rows to read, the others may hold anything.

    Returns
    -------
    (n,) integer array
        Years and plain numbers themselves; else units since 1 January 1970.

    Raises
    ------
    InvalidDataError
        As `read_periods`; also where a value is a longer period than the unit.
    """
    times = times.reset_index(drop=True)
    times = times if rows is None else times.iloc[rows]
    _refuse(times, np.flatnonzero(times.isna().to_numpy()), "is missing")
    reading = _read(times)
    return reading.to(unit or reading.own_unit(), times)


def check_unique(entities: pd.Series, times: pd.Series, numbers: Ints | None = None) -> None:
    """Raise InvalidDataError naming every entity and time that has more than one row.

    Parameters
    ----------
    entities, times : Series
    numbers : (n,) integer array, optional
        What the times were read as: the same period may be written in two ways.
    """
    compared = times.to_numpy() if numbers is None else numbers
    keys = pd.DataFrame({"entity": entities.to_numpy(), "time": compared})
    repeated = keys.duplicated(keep=False).to_numpy()
    if not repeated.any():
        return
    first = np.flatnonzero(repeated & ~keys.duplicated().to_numpy())
    problems = [f"{entities.name} {entities.iloc[i]} {times.name} {times.iloc[i]}" for i in first[:_LISTED]]
    if len(first) > _LISTED:
        problems.append(f"and {len(first) - _LISTED} more")
    raise InvalidDataError(
        f"{len(first)} combination(s) of {entities.name} and {times.name} have more than one row; "
        "an observation must be unique",
        problems,
    )


def require_neighbours(entities: NDArray[Any], periods: Periods, entity: str, time: str) -> None:
    """Refuse a panel in which no unit has two rows one period apart.

    Parameters
    ----------
    entities : (n,) integer array
        Codes from 0.
    periods : Periods
        Of the same rows.
    entity, time : str
        Columns, for the message.

    Raises
    ------
    SpecificationError
    """
    numbers = periods.numbers
    # Units so far apart that the last period of one is no neighbour of the next one's first.
    cells = np.sort(entities.astype(np.int64) * (numbers.max(initial=0) + 2) + numbers)
    if not (np.diff(cells) == 1).any():
        raise SpecificationError(
            f"no {entity} has two rows one period apart; {time!r} is read as periods of {periods.step}, so "
            "nothing in the data tells how one depends on the one before it. If a period is longer, write it "
            "so (2015-07 instead of a date, year // 2), or take the rows of those periods to a data frame of "
            "their own"
        )


# --- Kinds of values


class _Reading(NamedTuple):
    """Values of a kind: a unit, ``"date"`` (days since 1970) or ``"number"``."""

    kind: str
    values: Ints

    def own_unit(self) -> str:
        """Return the unit that the column as a whole shows."""
        if self.kind == "date":
            return _unit_of_dates(np.unique(self.values)) if len(self.values) else "day"
        if self.kind == "number" and len(self.values):
            low, high = self.values.min(), self.values.max()
            return "year" if low >= _FIRST_YEAR and high <= _LAST_YEAR else "number"
        return self.kind

    def to(self, unit: str, times: pd.Series) -> Ints:
        """Values in a unit; a finer kind goes to the period in which it lies."""
        kind, values = self
        if unit == kind or {unit, kind} <= {"year", "number"}:
            return values
        if kind == "second":
            kind, values = "date", values // _DAY
        if kind == "date":
            if unit in _OF_DAYS:
                return _OF_DAYS[unit](values)
            kind, values = "month", _months_of_days(values)
        size, wanted = _MONTHS.get(kind), _MONTHS.get(unit)
        if size is None or wanted is None or size > wanted:
            what = f"is a {self.kind}, where a {unit} is needed ({_FORMS})"
            raise _refusal(times, np.arange(len(times)), what)
        return values * size // wanted + (1970 if unit == "year" else 0)


def _months_of_days(days: Ints) -> Ints:
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def _unit_of_dates(days: Ints) -> str:
    """Length of a period from the distinct, sorted dates."""
    dates = days.astype("datetime64[D]")
    months = _months_of_days(days)
    day = (dates - dates.astype("datetime64[M]")).astype(np.int64)
    last = _months_of_days(days + 1) > months
    same_day = len(np.unique(day)) == 1 or last.all()
    if same_day and len(np.unique(months % 12)) == 1 and (len(days) > 1 or day[0] + months[0] % 12 == 0):
        return "year"
    apart = np.diff(days)
    if len(np.unique(months)) == len(days) and apart.min(initial=99) >= _SHORTEST_MONTH:
        return "month"
    of_stata = (_day_of_year(days) % 7 == 0).all() and (_day_of_year(days) < 364).all()
    return "Stata week" if of_stata and np.gcd.reduce(apart) % 7 else "day"


def _day_of_year(days: Ints) -> Ints:
    """0 for 1 January."""
    dates = days.astype("datetime64[D]")
    from_new_year: Ints = (dates - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    return from_new_year


def _stata_weeks(days: Ints) -> Ints:
    years = days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    weeks: Ints = years * 52 + np.minimum(_day_of_year(days) // 7, 51)
    return weeks


_DAY = 86_400  # seconds
_MONTHS = {"month": 1, "quarter": 3, "half-year": 6, "year": 12}
_OF_DAYS: dict[str, Callable[[Ints], Ints]] = {
    "day": lambda days: days,
    "week": lambda days: (days - 4) // 7,  # 5 January 1970 was a Monday
    "Stata week": _stata_weeks,
    "second": lambda days: days * _DAY,
}


def _read(times: pd.Series) -> _Reading:
    """Kind and numbers of a column of any type, without missing values."""
    dtype = times.dtype
    if isinstance(dtype, pd.PeriodDtype):
        return _read_pandas_periods(times)
    if isinstance(dtype, np.dtype | pd.DatetimeTZDtype) and pd.api.types.is_datetime64_any_dtype(dtype):
        return _read_dates(times)
    if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        _refuse(times, np.arange(len(times)), f"is no time ({_FORMS})")
    return _read_numbers(times) if pd.api.types.is_numeric_dtype(dtype) else _read_objects(times)


def _read_pandas_periods(times: pd.Series) -> _Reading:
    frequency = str(times.dtype).removeprefix("period[").removesuffix("]").split("-")[0]
    if frequency in ("Y", "A", "YE"):
        return _Reading("year", np.asarray(times.dt.year, dtype=np.int64))
    begins = times.dt.start_time
    if frequency == "M":
        return _Reading("month", np.asarray(begins.dt.year * 12 + begins.dt.month - 1 - 1970 * 12, np.int64))
    if frequency == "Q":  # a quarter of a fiscal year lies where it begins
        quarters = begins.dt.year * 4 + begins.dt.quarter - 1 - 1970 * 4
        return _Reading("quarter", np.asarray(quarters, dtype=np.int64))
    return _read_dates(begins)


def _read_dates(times: pd.Series) -> _Reading:
    """Dates by the calendar and clock of their own zone."""
    local = times.dt.tz_localize(None) if getattr(times.dtype, "tz", None) is not None else times
    seconds = local.to_numpy(dtype="datetime64[s]").astype(np.int64)
    if len(np.unique(seconds % _DAY)) > 1:  # else a time of day that says nothing
        return _Reading("second", seconds)
    return _Reading("date", seconds // _DAY)


def _read_numbers(times: pd.Series) -> _Reading:
    if pd.api.types.is_complex_dtype(times.dtype):
        _refuse(times, np.arange(len(times)), "is not a whole number")
    if times.dtype.kind in "iu":
        values = times.to_numpy(dtype=f"{times.dtype.kind}8")
        # The smallest integer is what a missing date becomes elsewhere; differences must not overflow.
        _refuse(times, np.flatnonzero((values > _LARGEST) | (values < -_LARGEST)), "is no time")
        return _kind_of_numbers(values.astype(np.int64))
    numbers = times.to_numpy(dtype=np.float64, na_value=np.nan)
    wrong = ~(np.abs(numbers) < 2.0**53) | (numbers != np.round(numbers))
    _refuse(times, np.flatnonzero(wrong), "is not a whole number")
    return _kind_of_numbers(numbers.astype(np.int64))


def _kind_of_numbers(values: Ints) -> _Reading:
    """Numbers as they are, unless all of them are months like 201507 or dates like 20150731."""
    if len(values) and values.min() >= _FIRST_YEAR * 100 and values.max() < (_LAST_YEAR + 1) * 10_000:
        years, months = np.divmod(values, 100)
        if values.max() < (_LAST_YEAR + 1) * 100 and ((months >= 1) & (months <= 12)).all():
            return _Reading("month", (years - 1970) * 12 + months - 1)
        if values.min() >= _FIRST_YEAR * 10_000:
            dates = pd.to_datetime(pd.Series(values.astype(str)), format="%Y%m%d", errors="coerce")
            if dates.notna().all():
                return _Reading("date", dates.to_numpy(dtype="datetime64[D]").astype(np.int64))
    return _Reading("number", values)


# --- Objects and text


def _read_objects(times: pd.Series) -> _Reading:
    """Text, categories, Arrow's dates or Python's objects; each distinct value is read once."""
    codes, levels = pd.factorize(times)
    distinct = list(levels)
    if not distinct:
        return _Reading("number", np.zeros(0, dtype=np.int64))
    kinds = [_kind_of_object(value) for value in distinct]
    usual = _most_common(kinds)
    strange = [i for i, kind in enumerate(kinds) if kind != usual or kind == "unknown"]
    what = f"is no time ({_FORMS})" if usual == "unknown" else f"is not a {usual} as the other values are"
    _refuse(times, np.flatnonzero(np.isin(codes, strange)), what)
    read = _OBJECTS[usual](distinct, times, codes)
    return _Reading(read.kind, read.values[codes])


def _most_common(kinds: list[str]) -> str:
    """Kind of most values; where two are as many, that of the first value."""
    return max(dict.fromkeys(kinds), key=kinds.count)


def _kind_of_object(value: Any) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, pd.Period):
        return "period"
    if isinstance(value, datetime.date | np.datetime64):
        return "date"
    numeric = isinstance(value, int | float | Decimal | np.integer | np.floating)
    return "number" if numeric and not isinstance(value, bool) else "unknown"


def _object_numbers(distinct: list[Any], times: pd.Series, codes: NDArray[Any]) -> _Reading:
    wrong = [i for i, value in enumerate(distinct) if not _is_whole(value)]
    _refuse(times, np.flatnonzero(np.isin(codes, wrong)), "is not a whole number")
    return _kind_of_numbers(np.array([int(value) for value in distinct], dtype=np.int64))


def _is_whole(value: Any) -> bool:
    return bool(np.isfinite(float(value))) and int(value) == value and abs(int(value)) <= _LARGEST


def _object_dates(distinct: list[Any], times: pd.Series, codes: NDArray[Any]) -> _Reading:
    stamps = [pd.Timestamp(value).tz_localize(None) for value in distinct]
    return _read_dates(pd.Series(np.array([stamp.to_datetime64() for stamp in stamps], "datetime64[s]")))


def _object_periods(distinct: list[Any], times: pd.Series, codes: NDArray[Any]) -> _Reading:
    frequencies = sorted({value.freqstr for value in distinct})
    if len(frequencies) > 1:
        _refuse(times, np.arange(len(times)), f"is of several frequencies ({', '.join(frequencies)})")
    return _read_pandas_periods(pd.Series(pd.PeriodIndex(distinct)))


def _object_text(distinct: list[Any], times: pd.Series, codes: NDArray[Any]) -> _Reading:
    read = [_read_text(text) for text in _without_slashes(distinct, times, codes)]
    unread = [i for i, one in enumerate(read) if one is None]
    reason = f"is neither a number, a date nor a month such as 2012-07; known: {_FORMS}"
    _refuse(times, np.flatnonzero(np.isin(codes, unread)), reason)
    known = [one for one in read if one]
    kinds = [kind for kind, _ in known]
    usual = _most_common(kinds)
    strange = [i for i, kind in enumerate(kinds) if kind != usual]
    _refuse(times, np.flatnonzero(np.isin(codes, strange)), f"is not a {usual} as the other values are")
    values = np.array([number for _, number in known], dtype=np.int64)
    return _kind_of_numbers(values) if usual == "number" else _Reading(usual, values)


def _without_slashes(distinct: list[str], times: pd.Series, codes: NDArray[Any]) -> list[str]:
    """Dates such as 31/12/2015 as 31.12.2015, if one of them tells which of the two is the day."""
    found = [_SLASHED.fullmatch(text.strip()) for text in distinct]
    slashed = [match for match in found if match]
    if not slashed:
        return distinct
    first, second = (max(int(match[i]) for match in slashed) for i in (1, 2))
    if (first > 12) == (second > 12):
        where = np.flatnonzero(np.isin(codes, [i for i, match in enumerate(found) if match]))
        reason = "does not tell the day from the month in dates with slashes: write 2015-07-01 or 01.07.2015"
        _refuse(times, where, reason)
    day, month = (1, 2) if first > 12 else (2, 1)
    return [
        f"{match[day]}.{match[month]}.{match[3]}" if match else text
        for match, text in zip(found, distinct, strict=True)
    ]


_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_OBJECTS: dict[str, Callable[[list[Any], pd.Series, NDArray[Any]], _Reading]] = {
    "text": _object_text,
    "date": _object_dates,
    "period": _object_periods,
    "number": _object_numbers,
}

_CLOCK = r"(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
_YEAR = r"(?P<year>\d{4})"
# Kind and pattern of the whole text; the first that fits.
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("number", r"(?P<value>[+-]?\d{1,18})(?:\.0+)?"),
        ("date", rf"{_YEAR}-(?P<month>\d{{1,2}})-(?P<day>\d{{1,2}}){_CLOCK}"),
        # With points between them the day is first everywhere; with slashes it depends on the country.
        ("date", rf"(?P<day>\d{{1,2}})\.(?P<month>\d{{1,2}})\.{_YEAR}{_CLOCK}"),
        ("month", rf"{_YEAR}\s?[-/M]\s?(?P<month>\d{{1,2}})"),
        ("month", rf"(?P<month>\d{{1,2}})[-/.]{_YEAR}"),
        ("quarter", rf"{_YEAR}[\s-]?[QK](?P<part>[1-4])"),
        ("half-year", rf"{_YEAR}[\s-]?[H](?P<part>[12])"),
        ("week", rf"{_YEAR}[\s-]?[WU](?P<part>\d{{1,2}})"),
        ("month", rf"{_YEAR}[\s-]?(?P<name>[a-z]+)\.?"),
        ("month", rf"(?P<name>[a-z]+)\.?[\s-]?{_YEAR}"),
    )
)


def _read_text(text: str) -> tuple[str, int] | None:
    """Kind and number of a text; None if it is no time."""
    for kind, pattern in _PATTERNS:
        match = pattern.fullmatch(text.strip())
        if match is None:
            continue
        try:
            return kind, _number_of(kind, {k: v for k, v in match.groupdict().items() if v is not None})
        except (ValueError, KeyError):  # no such month, day or week, or a word that is no month
            continue
    return None


def _number_of(kind: str, parts: dict[str, str]) -> int:
    if kind == "number":
        return int(parts["value"])
    year = int(parts["year"])
    if kind == "week":
        monday = datetime.date.fromisocalendar(year, int(parts["part"]), 1)
        return (monday - datetime.date(1970, 1, 5)).days // 7
    if kind in ("quarter", "half-year"):
        per_year = {"quarter": 4, "half-year": 2}[kind]
        return (year - 1970) * per_year + int(parts["part"]) - 1
    month = _MONTH_NAMES[parts["name"].lower()] if "name" in parts else int(parts["month"])
    first = datetime.date(year, month, int(parts.get("day", "1")))
    if kind == "date":
        return (first - datetime.date(1970, 1, 1)).days
    return (year - 1970) * 12 + month - 1


def _refuse(times: pd.Series, rows: NDArray[Any], reason: str) -> None:
    """Refuse some rows of a column, if there are any."""
    if len(rows):
        raise _refusal(times, rows, reason)


def _refusal(times: pd.Series, rows: NDArray[Any], reason: str) -> InvalidDataError:
    """Error that names rows by the column's index, which counts the user's rows."""
    listed = [f"row {times.index[i]}: {times.iloc[i]!r}" for i in rows[:_LISTED]]
    return InvalidDataError(f"time column {times.name!r}: {len(rows)} value(s) {reason}", listed)
