"""Hours and ages as coarse sums, so that nobody who comes or leaves can be told from them.

A sum of hours is published in multiples of two whole weeks (336 hours), a sum of ages in multiples of twice
the width of the age group. The edges of the rounding, the smallest and the largest sum that are possible at
all, and what one person can add are then multiples of one number; so are the ends of what can be told about
one person from any run of weeks of a cell, its sexes and their sum (the constraints are an interval matrix,
which is totally unimodular: Hoffman and Kruskal 1956). A range that is not empty and whose ends are such
multiples is the whole range.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kostnadsvekst.register.schema import AGE_LOWER, HOURS_UNIT, MAX_HOURS_PER_WEEK, OLDEST_AGE

HOURS_STEP = MAX_HOURS_PER_WEEK
_STEP = int(HOURS_STEP * HOURS_UNIT)
_LEAST_STEPS = 5  # a sum of fewer steps is told too coarsely to be of use, and a person could be most of it
MEAN_AGE_FROM = 20  # users: below, the rounding is more than about a year
_LOWEST = np.array(AGE_LOWER, dtype=np.int64)[:, None]
AGE_WIDTHS = np.diff([*AGE_LOWER, OLDEST_AGE + 1]) - 1

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Coarse:
    """Rounded sums and means; missing where nothing is told.

    Attributes
    ----------
    total, total_unit : ndarray, shape (n_blocks, n_ages + 1, n_sexes + 1)
        Sum, and twice the largest error of it.
    mean, mean_unit : ndarray, same shape
        By person.
    """

    total: Floats
    total_unit: Floats
    mean: Floats
    mean_unit: Floats


@dataclass(frozen=True, slots=True)
class WithHours:
    """Users with hours.

    Attributes
    ----------
    shown : ndarray of float, shape (n_blocks, n_ages + 1, n_sexes + 1)
        Exact counts; missing where some but few have hours, or have none.
    about : ndarray of float, same shape
        The count where shown, all users where fewer than twice the threshold have no hours; else missing.
    fewest : ndarray of float, same shape
        What the count is at least.
    """

    shown: Floats
    about: Floats
    fewest: Floats


def users_with_hours(users: Counts, with_hours: Counts, hidden: Mask, threshold: int) -> WithHours:
    """Tell how many users have hours, where neither those with nor those without are few.

    Parameters
    ----------
    users, with_hours : ndarray of int64, shape (n_blocks, n_ages + 1, n_sexes + 1)
    hidden : ndarray of bool, same shape
        Where users are suppressed.
    threshold : int

    Notes
    -----
    Both sexes of an age group are told, or only their sum; totals over ages are told where all age groups
    are, as their sum. So nothing can be worked out by subtraction.
    """
    few = 2 * threshold
    known = ~hidden
    without = users - with_hours
    both_many = (with_hours >= few) & (without >= few)
    told = known & ((with_hours == 0) | (without == 0) | both_many)
    nearly = known & (with_hours >= few) & ~told
    shown = np.where(told, with_hours.astype(float), np.nan)
    both = told[:, :-1, :-1].all(axis=2)
    shown[:, :-1, :-1][~both] = np.nan
    shown[:, :-1, -1] = np.where(both, with_hours[:, :-1, -1], shown[:, :-1, -1])
    about = np.where(np.isnan(shown) & nearly, users, shown)
    about[:, :-1, :-1][~both] = np.nan
    fewest = np.where(np.isnan(shown), about - (few - 1), shown)
    for values in (shown, about, fewest):
        values[:, -1, :] = values[:, :-1, :].sum(axis=1)
        _inherit(values, users, with_hours, known)
    return WithHours(shown, about, fewest)


def _inherit(values: Floats, users: Counts, with_hours: Counts, known: Mask) -> None:
    """Tell all cells, in place, where nobody of a service and week has hours, or everybody."""
    total, all_users = with_hours[:, -1, -1], users[:, -1, -1]
    for blocks, told in ((total == 0, 0 * users), (total == all_users, users)):
        values[blocks] = np.where(known, told, np.nan)[blocks]


def users_with_hours_below(users: Counts, hidden: Mask, above: Counts, shown_above: Floats) -> Floats:
    """Tell users with hours of municipalities where the country tells it anyway: all have hours, or nobody.

    Parameters
    ----------
    users : ndarray of int64, shape (n_municipalities, n_ages + 1, n_sexes + 1)
    hidden : ndarray of bool, same shape
    above : ndarray of int64, same shape
        Users in the country.
    shown_above : ndarray of float, same shape
        Users with hours in the country; missing where not told.
    """
    nobody, everybody = (_reach(shown_above == whole) for whole in (np.zeros_like(above), above))
    told = np.where(nobody, 0.0, np.where(everybody, users, np.nan))
    told = np.where(users == above, shown_above, told)
    return np.where(hidden, np.nan, told)


def _reach(margins: Mask) -> Mask:
    """Cells of which the same is said by themselves, their row, their column or the total."""
    return margins | margins[..., -1:] | margins[..., -1:, :] | margins[..., -1:, -1:]


def coarse_hours(hours: Floats, known: Mask, with_hours: WithHours, by_row: bool) -> Coarse:
    """Round sums of hours to multiples of `HOURS_STEP`, and make hours per user with hours of them.

    Parameters
    ----------
    hours : ndarray of float, shape (n_blocks, n_ages + 1, n_sexes + 1)
    known : ndarray of bool, same shape
        Where a sum may be told.
    with_hours : WithHours
    by_row : bool
        Round the sums over sexes of each age group by themselves; False: add the rounded sexes.
    """
    exact = np.rint(hours * HOURS_UNIT).astype(np.int64)
    rounded = (exact + _STEP // 2) // _STEP * _STEP / HOURS_UNIT
    total = np.where(known, rounded, np.nan)
    unit = np.where(known, np.where(exact > 0, HOURS_STEP, 0.0), np.nan)
    _add_up(total, unit, by_row)
    nobody = with_hours.about == 0
    total[nobody] = unit[nobody] = 0.0
    useful = (total >= _LEAST_STEPS * HOURS_STEP) | nobody
    total, unit = np.where(useful, total, np.nan), np.where(useful, unit, np.nan)
    about, fewest = (np.where(nobody, np.nan, n) for n in (with_hours.about, with_hours.fewest))
    mean = total / about
    errors = (mean - (total - unit / 2) / about, (total + unit / 2) / fewest - mean)
    return Coarse(total, unit, mean, 2 * np.fmax(*errors))


def coarse_ages(users: Counts, age_sum: Counts, hidden: Mask, by_row: bool) -> Coarse:
    """Mean ages from sums in multiples of twice the width of the age group, counted from its youngest age.

    Parameters
    ----------
    users, age_sum : ndarray of int64, shape (n_blocks, n_ages + 1, n_sexes + 1)
    hidden : ndarray of bool, same shape
        Where users are suppressed. A mean over ages is told where all age groups are shown.
    by_row : bool
        As in `coarse_hours`.
    """
    total = np.full(users.shape, np.nan)
    unit = total.copy()
    inner, width = users[:, :-1], AGE_WIDTHS[:, None]
    beyond = age_sum[:, :-1] - inner * _LOWEST
    rounded = (beyond + width) // (2 * width) * (2 * width) + inner * _LOWEST
    known = ~hidden[:, :-1]
    total[:, :-1] = np.where(known, rounded, np.nan)
    unit[:, :-1] = np.where(known, np.where(inner > 0, 2 * width, 0), np.nan)
    _add_up(total, unit, by_row)
    heads = np.where(~hidden & (users >= MEAN_AGE_FROM), users, np.nan)
    return Coarse(total, unit, total / heads, unit / heads)


def _add_up(total: Floats, unit: Floats, by_row: bool) -> None:
    """Put sums of rounded parts into the margins, in place; missing where a part is."""
    for values in (total, unit):
        if not by_row:
            values[:, :-1, -1] = values[:, :-1, :-1].sum(axis=2)
        values[:, -1, :] = values[:, :-1, :].sum(axis=1)
