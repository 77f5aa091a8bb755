"""A check of trends by another model and another program: statsmodels' unobserved components."""

import warnings
from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.register.trends import trend
from kostnadsvekst.register.weekly_series import (
    Break,
    checked_weeks,
    holidays,
    season_terms,
    shift_terms,
    week_number,
)

# Variances (irregular, level, slope) in units of the series' weekly changes, from which the optimiser starts.
_STARTS = ((1.0, 1e-2, 1e-4), (1e-2, 1.0, 1e-2))
_SEARCH = {"pgtol": 1e-8, "factr": 10.0, "maxiter": 500}  # far below what is printed: see the tests
_SAME_LIKELIHOOD = 6  # decimals


def components_check(
    series: pd.Series,
    breaks: Sequence[Break] = ("2020-03-09",),
    *,
    start: str | date | None = None,
    end: str | date | None = None,
    season: bool | None = None,
) -> pd.DataFrame:
    """Level shifts and growth from a structural time series model beside those of `trend`.

    Parameters
    ----------
    series, breaks, season
        As in `trend`.
    start, end : str or date, optional
        Days in the weeks between which growth is compared; default: the first and the last week.

    Returns
    -------
    DataFrame
        A row for each shift and for the growth (unit of the series): ``trend`` (as `trend` has it),
        ``components`` (estimate), ``std_error`` (of the shifts, by the components model).

    Raises
    ------
    InvalidDataError, SpecificationError
        As in `trend` and `growth`.

    Notes
    -----
    statsmodels' ``UnobservedComponents``: local linear trend, the same shifts and season as regressors in the
    state, so that three variances are left to search for. The better of two starts of a quasi-Newton search;
    growth of the register's series is the same from both to 0.001 per cent.
    """
    observed, weeks = checked_weeks(series)
    parts = trend(series, breaks, season=season)
    shifts = shift_terms(weeks, breaks)
    has_season = bool(parts["seasonal"].to_numpy().any())
    regressors = [shifts.columns, season_terms(weeks)] if has_season else [shifts.columns]
    counting = observed.copy()
    counting[holidays(weeks)] = np.nan
    smoothed, variances = _smoothed(counting, np.column_stack(regressors))
    n_shifts = len(shifts.names)
    sizes, errors = smoothed[2 : 2 + n_shifts, -1], np.sqrt(variances[2 : 2 + n_shifts, -1])
    path = smoothed[0] + shifts.columns @ sizes
    level = parts["level"].to_numpy()
    first = 0 if start is None else week_number(weeks, start)
    last = len(weeks) - 1 if end is None else week_number(weeks, end)
    return pd.DataFrame(
        {
            "what": [*(f"shift {name}" for name in shifts.names), "growth"],
            "trend": [*parts.attrs["shifts"].values(), level[last] - level[first]],
            "components": [*sizes, path[last] - path[first]],
            "std_error": [*errors, np.nan],
        }
    )


def _smoothed(
    observed: NDArray[np.float64], regressors: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smoothed states (level, slope, coefficients) and their variances, (n_states, n_weeks)."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    scale = np.nanstd(np.diff(observed)) or 1.0
    exog = regressors if regressors.shape[1] else None
    model = UnobservedComponents(observed / scale, level="lltrend", exog=exog, mle_regression=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # at a variance of zero the search ends at its bound, as it should
        fits = [model.fit(start_params=list(start), disp=False, **_SEARCH) for start in _STARTS]
    best = max(fits, key=lambda fit: round(fit.llf, _SAME_LIKELIHOOD))
    variances = np.diagonal(best.smoothed_state_cov, axis1=0, axis2=1).T
    return best.smoothed_state * scale, variances * scale**2
