"""Weekly series: what can be used, shifts of level, a season that cannot drift, turns of the year."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.register.level_model import WEEKS_PER_YEAR, dependent_columns

PERIOD = 52  # weeks
HOLIDAY_WEEKS = (52, 53, 1)  # ISO weeks at Christmas and New Year, as in `weeks_of_month`
_HARMONICS = 4
_WEEKS_FROM_THE_EDGE = 13  # a turn of the year any nearer is not told from the first or the last slope


@dataclass(frozen=True, slots=True)
class ChangingShift:
    """A shift of level that changes evenly while it lasts, as when a service comes back step by step.

    Attributes
    ----------
    first : str
        Monday of the first week.
    end : str
        Monday of the week after the last.
    """

    first: str
    end: str


Break = str | tuple[str, str] | ChangingShift


@dataclass(frozen=True, slots=True)
class ShiftTerms:
    """Regressors of level shifts.

    Attributes
    ----------
    columns : ndarray of float64, shape (n_weeks, n_shifts)
    names : tuple of str
        Of each column.
    """

    columns: NDArray[np.float64]
    names: tuple[str, ...]


def checked_weeks(series: pd.Series) -> tuple[NDArray[np.float64], pd.DatetimeIndex]:
    """Values and Mondays of a weekly series that has no holes.

    Parameters
    ----------
    series : Series of float, indexed by Monday

    Returns
    -------
    values : ndarray of float64, shape (n_weeks,)
    weeks : DatetimeIndex

    Raises
    ------
    InvalidDataError
        Missing weeks, values that are missing or infinite, or fewer than 105 weeks; all named.
    """
    weeks = pd.DatetimeIndex(series.index)
    problems = [f"week {week:%Y-%m-%d} has no value" for week in weeks[series.isna().to_numpy()]]
    values = series.to_numpy(dtype=float, na_value=np.nan)
    problems += [f"week {week:%Y-%m-%d} is infinite" for week in weeks[np.isinf(values)]]
    if len(weeks) < 2 * PERIOD + 1:
        problems.append(f"{len(weeks)} weeks; at least {2 * PERIOD + 1} are needed")
    gaps = np.flatnonzero(np.diff(weeks.to_numpy()) != np.timedelta64(7, "D"))
    problems += [f"after week {weeks[gap]:%Y-%m-%d} comes {weeks[gap + 1]:%Y-%m-%d}" for gap in gaps]
    if len(weeks) and weeks[0].weekday() != 0:
        problems.append(f"{weeks[0]:%Y-%m-%d} is not a Monday")
    if problems:
        raise InvalidDataError(f"weekly series: {len(problems)} problem(s)", problems)
    return values, weeks


def week_number(weeks: pd.DatetimeIndex, day: str | date) -> int:
    """Position of the week in which a day lies.

    Raises
    ------
    SpecificationError
        If the day is outside the weeks.
    """
    days: int = (pd.Timestamp(day) - weeks[0]).days
    if not 0 <= days < 7 * len(weeks):
        raise SpecificationError(f"{day} is outside {weeks[0]:%Y-%m-%d} to {weeks[-1]:%Y-%m-%d}")
    return days // 7


def shift_terms(weeks: pd.DatetimeIndex, breaks: Sequence[Break]) -> ShiftTerms:
    """Regressors of level shifts.

    Parameters
    ----------
    weeks : DatetimeIndex
        Consecutive Mondays.
    breaks : sequence of str, pair of str or ChangingShift
        Monday of a lasting shift; or a pair for one that lasts from the first Monday until the week before
        the second; or one that changes evenly in between.

    Returns
    -------
    ShiftTerms
        Of a `ChangingShift` two: its size in the first week, and the change until the last.

    Raises
    ------
    SpecificationError
        A break outside the weeks, without weeks before it or in it, or one that other breaks, the straight
        line, the season and the weeks at Christmas determine.
    """
    columns: list[NDArray[np.float64]] = []
    names: list[str] = []
    for item in breaks:
        begin, stop, name = _span(weeks, item)
        number = np.arange(len(weeks))
        inside = ((number >= begin) & (number < stop)).astype(float)
        columns.append(inside)
        names.append(name)
        if isinstance(item, ChangingShift):
            columns.append(inside * (number - begin) / max(stop - 1 - begin, 1))
            names.append(f"{name}, change")
    stacked = np.array(columns).reshape(len(columns), len(weeks)).T
    _refuse_dependent(weeks, stacked, names)
    return ShiftTerms(stacked, tuple(names))


def _span(weeks: pd.DatetimeIndex, item: Break) -> tuple[int, int, str]:
    if isinstance(item, str):
        begin, stop, name = week_number(weeks, item), len(weeks), item
    else:
        first, end = (item.first, item.end) if isinstance(item, ChangingShift) else item
        begin, stop, name = week_number(weeks, first), week_number(weeks, end), f"{first} to {end}"
    least = 2 if isinstance(item, ChangingShift) else 1
    if begin == 0 or stop < begin + least:
        raise SpecificationError(f"break {item!r}: there must be weeks before it, and in it")
    return begin, stop, name


def _refuse_dependent(weeks: pd.DatetimeIndex, shifts: NDArray[np.float64], names: Sequence[str]) -> None:
    time = np.arange(len(weeks), dtype=float)
    line = np.column_stack([np.ones(time.size), time - time.mean()])
    others = np.column_stack([line, season_terms(weeks), np.eye(time.size)[:, holidays(weeks)]])
    dependent = dependent_columns(np.column_stack([others, shifts]))
    wrong = [names[number - others.shape[1]] for number in dependent]
    if wrong:
        raise SpecificationError(
            f"break(s) {'; '.join(wrong)}: other breaks, the straight line, the season and the weeks at "
            "Christmas determine them; leave them out"
        )


def season_terms(weeks: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Season that is the same every year.

    Parameters
    ----------
    weeks : DatetimeIndex
        Consecutive Mondays.

    Returns
    -------
    ndarray of float64, shape (n_weeks, 8)
        Four harmonics, with mean zero over a year.
    """
    angle = 2 * np.pi * np.arange(len(weeks))[:, None] * np.arange(1, _HARMONICS + 1) / WEEKS_PER_YEAR
    return np.column_stack([np.sin(angle), np.cos(angle)])


def holidays(weeks: pd.DatetimeIndex) -> NDArray[np.intp]:
    """Positions of ISO weeks 52, 53 and 1, when some services are far below their level."""
    return np.flatnonzero(np.isin(weeks.isocalendar().week.to_numpy(), HOLIDAY_WEEKS))


def turns_of_year(weeks: pd.DatetimeIndex) -> NDArray[np.intp]:
    """Positions of the first ISO weeks of years, those near either edge of the series left out."""
    turns = np.flatnonzero(weeks.isocalendar().week.to_numpy() == 1)
    kept: NDArray[np.intp] = turns[
        (turns >= _WEEKS_FROM_THE_EDGE) & (turns < len(weeks) - _WEEKS_FROM_THE_EDGE)
    ]
    return kept
