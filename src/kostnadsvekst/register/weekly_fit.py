"""The level of weekly series with or without a season, as a test decides for each."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.register.level_model import LevelFit, fit_level, level_design, season_p_value
from kostnadsvekst.register.weekly_series import ShiftTerms, holidays, season_terms, turns_of_year

SEASON_TEST = 0.05  # a season is kept where the p value is not above this


@dataclass(frozen=True, slots=True)
class WeeklyFit:
    """Series that are fitted alike.

    Attributes
    ----------
    fit : LevelFit
    series : ndarray of int, shape (n_series,)
        Their columns among those observed.
    season : bool
    season_p_values : ndarray of float64, shape (n_series,)
        Missing where no test was asked for.
    """

    fit: LevelFit
    series: NDArray[np.intp]
    season: bool
    season_p_values: NDArray[np.float64]


def fit_weekly(
    observed: NDArray[np.float64],
    weeks: pd.DatetimeIndex,
    shifts: ShiftTerms,
    season: bool | None = None,
) -> list[WeeklyFit]:
    """Fit the level of each series, with a season where an F test finds one.

    Parameters
    ----------
    observed : ndarray of float64, shape (n_weeks, n_series)
    weeks : DatetimeIndex
        Consecutive Mondays.
    shifts : ShiftTerms
        The same for all series.
    season : bool, optional
        With or without one for all; default: as the test decides (`SEASON_TEST`).

    Returns
    -------
    list of WeeklyFit
        One or two: with a season, without.
    """
    turns, everything = turns_of_year(weeks), np.arange(observed.shape[1])
    left_out = holidays(weeks)
    with_season = level_design(shifts.columns, season_terms(weeks), turns, left_out)
    without = level_design(shifts.columns, np.empty((len(weeks), 0)), turns, left_out)
    untested = np.full(everything.size, np.nan)
    if season is not None:
        fit = fit_level(observed, with_season if season else without)
        return [WeeklyFit(fit, everything, season, untested)]
    fit = fit_level(observed, with_season)
    p_values = season_p_value(fit)
    found, none = np.flatnonzero(p_values <= SEASON_TEST), np.flatnonzero(p_values > SEASON_TEST)
    both = [
        WeeklyFit(_picked(fit, found), found, True, p_values[found]),
        WeeklyFit(fit_level(observed[:, none], without), none, False, p_values[none]),
    ]
    return [one for one in both if one.series.size]


def _picked(fit: LevelFit, series: NDArray[np.intp]) -> LevelFit:
    return LevelFit(fit.design, fit.line[:, series], fit.rest[:, series], fit.weights[:, series])
