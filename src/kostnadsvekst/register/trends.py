"""Trends of weekly series with level shifts: shifts out, robust STL, shifts back in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError

PERIOD = 52  # weeks
_HARMONICS = 4
_TREND_WINDOW = 53  # the shortest that a season of 52 weeks allows: bends within a year are seen
_BLOCK = 13  # weeks of residuals kept together by the bootstrap

Break = str | tuple[str, str]


def trend(
    series: pd.Series,
    breaks: Sequence[Break] = ("2020-03-09",),
    *,
    n_bootstrap: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Split a weekly series into trend, season, level shifts and residual.

    Parameters
    ----------
    series : Series of float, indexed by Monday
        At least two years of consecutive weeks.
    breaks : sequence of str or pair of str
        Monday of a lasting level shift; or a pair for one that lasts from the first Monday until the week
        before the second.
    n_bootstrap : int
        Replications behind the confidence band; 0 gives no band.
    level : float
        Of the band.
    seed : int

    Returns
    -------
    DataFrame
        ``week``, ``observed``, ``trend``, ``seasonal``, ``shift``, ``residual``, ``conf_low``, ``conf_high``.
        observed = trend + seasonal + shift + residual; the band is that of trend + shift, in the unit of the
        series. ``attrs["shifts"]`` has the size of each shift.

    Raises
    ------
    InvalidDataError
        Missing weeks, missing values or fewer than 105 weeks; all named.
    SpecificationError
        A break outside the series or not on a Monday.

    Notes
    -----
    Without the shifts, LOESS would put part of a break before it happens. Shifts are estimated by least
    squares beside a piecewise linear trend and four harmonics of the year, removed, and put back after
    robust STL (Cleveland et al. 1990) of the rest. The band is a circular block bootstrap of the residuals
    (Politis and Romano 1992; blocks of 13 weeks) through both steps.
    """
    observed, weeks = _checked(series)
    steps, names = _steps(weeks, breaks)
    parts = _split(observed, steps)
    level_path = parts.trend + steps @ parts.shifts
    low = high = np.full(observed.size, np.nan)
    if n_bootstrap:
        tail = (1 - level) / 2
        quantiles = np.quantile(_bootstrap(parts, steps, n_bootstrap, seed), [tail, 1 - tail], axis=0)
        # Basic interval: reflects the quantiles, so that the smoother's own bias is not counted twice.
        high, low = 2 * level_path - quantiles
    frame = pd.DataFrame(
        {
            "week": weeks,
            "observed": observed,
            "trend": parts.trend,
            "seasonal": parts.seasonal,
            "shift": steps @ parts.shifts,
            "residual": parts.residual,
            "conf_low": low,
            "conf_high": high,
        }
    )
    frame.attrs = {"shifts": dict(zip(names, parts.shifts.tolist(), strict=True))}
    return frame


def growth(
    series: pd.Series,
    start: str | date,
    end: str | date,
    breaks: Sequence[Break] = ("2020-03-09",),
    *,
    n_bootstrap: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> pd.Series:
    """Growth of the level (trend and shifts) between two weeks, with its uncertainty.

    Parameters
    ----------
    series, breaks, n_bootstrap, level, seed
        As in `trend`.
    start, end : str or date
        Any days; the weeks in which they lie are compared.

    Returns
    -------
    Series
        ``level_start``, ``level_end``, ``change``, ``change_percent``, ``conf_low_percent``,
        ``conf_high_percent``.

    Raises
    ------
    SpecificationError
        If a date is outside the series.
    """
    observed, weeks = _checked(series)
    steps, _ = _steps(weeks, breaks)
    first, last = (_week_number(weeks, day) for day in (start, end))
    parts = _split(observed, steps)
    path = parts.trend + steps @ parts.shifts
    percent = 100 * (path[last] / path[first] - 1)
    low = high = np.nan
    if n_bootstrap:
        paths = _bootstrap(parts, steps, n_bootstrap, seed)
        drawn = 100 * (paths[:, last] / paths[:, first] - 1)
        tail = (1 - level) / 2
        low, high = 2 * percent - np.quantile(drawn, [1 - tail, tail])
    return pd.Series(
        {
            "level_start": path[first],
            "level_end": path[last],
            "change": path[last] - path[first],
            "change_percent": percent,
            "conf_low_percent": low,
            "conf_high_percent": high,
        }
    )


def components_check(series: pd.Series, breaks: Sequence[Break] = ("2020-03-09",)) -> pd.DataFrame:
    """Level shifts and growth from a structural time series model beside those of `trend`.

    Parameters
    ----------
    series, breaks
        As in `trend`.

    Returns
    -------
    DataFrame
        A row for each shift and for the growth from the first to the last week (unit of the series):
        ``stl``, ``components`` (estimate), ``std_error`` (of the shifts, by the components model).

    Notes
    -----
    statsmodels' ``UnobservedComponents``: local linear trend, the same steps as regressors, the year as
    four harmonics with fixed coefficients (so that 209 weeks identify them).
    """
    import warnings

    from statsmodels.tsa.statespace.structural import UnobservedComponents

    observed, weeks = _checked(series)
    steps, names = _steps(weeks, breaks)
    parts = _split(observed, steps)
    scale = observed.std() or 1.0
    regressors = np.column_stack([steps, _season_terms(observed.size)])
    model = UnobservedComponents(observed / scale, level="lltrend", exog=regressors)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence is judged by the comparison itself
        fit = model.fit(disp=False, maxiter=200)
    n_steps = steps.shape[1]
    n_states = fit.params.size - regressors.shape[1]
    shifts = fit.params[n_states : n_states + n_steps] * scale
    errors = fit.bse[n_states : n_states + n_steps] * scale
    smooth = fit.level["smoothed"] * scale + steps @ shifts
    path = parts.trend + steps @ parts.shifts
    return pd.DataFrame(
        {
            "what": [*(f"shift {name}" for name in names), "growth"],
            "stl": [*parts.shifts, path[-1] - path[0]],
            "components": [*shifts, smooth[-1] - smooth[0]],
            "std_error": [*errors, np.nan],
        }
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    trend: NDArray[np.float64]
    seasonal: NDArray[np.float64]
    residual: NDArray[np.float64]
    shifts: NDArray[np.float64]


def _checked(series: pd.Series) -> tuple[NDArray[np.float64], pd.DatetimeIndex]:
    weeks = pd.DatetimeIndex(series.index)
    problems = [f"week {week:%Y-%m-%d} has no value" for week in weeks[series.isna().to_numpy()]]
    if len(weeks) < 2 * PERIOD + 1:
        problems.append(f"{len(weeks)} weeks; at least {2 * PERIOD + 1} are needed")
    gaps = np.flatnonzero(np.diff(weeks.to_numpy()) != np.timedelta64(7, "D"))
    problems += [f"after week {weeks[gap]:%Y-%m-%d} comes {weeks[gap + 1]:%Y-%m-%d}" for gap in gaps]
    if len(weeks) and weeks[0].weekday() != 0:
        problems.append(f"{weeks[0]:%Y-%m-%d} is not a Monday")
    if problems:
        raise InvalidDataError(f"weekly series: {len(problems)} problem(s)", problems)
    return series.to_numpy(dtype=float), weeks


def _steps(weeks: pd.DatetimeIndex, breaks: Sequence[Break]) -> tuple[NDArray[np.float64], list[str]]:
    columns, names = [], []
    for item in breaks:
        first, last = (item, None) if isinstance(item, str) else item
        begin = _week_number(weeks, first)
        stop = len(weeks) if last is None else _week_number(weeks, last)
        if begin == 0 or stop <= begin:
            raise SpecificationError(f"break {item!r}: there must be weeks before it, and in it")
        columns.append((np.arange(len(weeks)) >= begin) & (np.arange(len(weeks)) < stop))
        names.append(first if last is None else f"{first} to {last}")
    return np.array(columns, dtype=float).reshape(len(columns), len(weeks)).T, names


def _week_number(weeks: pd.DatetimeIndex, day: str | date) -> int:
    days: int = (pd.Timestamp(day) - weeks[0]).days
    if not 0 <= days < 7 * len(weeks):
        raise SpecificationError(f"{day} is outside {weeks[0]:%Y-%m-%d} to {weeks[-1]:%Y-%m-%d}")
    return days // 7


def _season_terms(n_weeks: int) -> NDArray[np.float64]:
    angle = 2 * np.pi * np.arange(n_weeks)[:, None] * np.arange(1, _HARMONICS + 1) / 52.1775
    return np.column_stack([np.sin(angle), np.cos(angle)])


def _trend_terms(n_weeks: int) -> NDArray[np.float64]:
    """Piecewise linear trend with a knot for each year: bends any closer would swallow the shifts."""
    time = np.arange(n_weeks) / PERIOD
    knots = np.arange(1, time[-1] - 0.5)
    return np.column_stack([np.ones(n_weeks), time, np.maximum(time[:, None] - knots, 0)])


def _split(observed: NDArray[np.float64], steps: NDArray[np.float64]) -> _Parts:
    from statsmodels.tsa.seasonal import STL

    design = np.column_stack([steps, _trend_terms(observed.size), _season_terms(observed.size)])
    shifts = np.linalg.lstsq(design, observed, rcond=None)[0][: steps.shape[1]].astype(np.float64)
    rest = observed - steps @ shifts
    if np.ptp(rest) == 0:  # a constant series has no robust weights
        zero = np.zeros_like(rest)
        return _Parts(rest, zero, zero, shifts)
    # Jumps of about a tenth of the window, as Cleveland et al. (1990) advise, for speed.
    stl = STL(rest, period=PERIOD, trend=_TREND_WINDOW, robust=True, trend_jump=5, low_pass_jump=5)
    fit = stl.fit(inner_iter=2, outer_iter=5)
    return _Parts(fit.trend, fit.seasonal, fit.resid, shifts)


def _bootstrap(parts: _Parts, steps: NDArray[np.float64], n_bootstrap: int, seed: int) -> NDArray[np.float64]:
    """Levels of series made of the fitted parts and residuals drawn in blocks, (n_bootstrap, n_weeks)."""
    rng = np.random.default_rng(seed)
    n_weeks = parts.residual.size
    fitted = parts.trend + parts.seasonal + steps @ parts.shifts
    residual = parts.residual - parts.residual.mean()
    n_blocks = -(-n_weeks // _BLOCK)
    paths = np.empty((n_bootstrap, n_weeks))
    for draw in range(n_bootstrap):
        begins = rng.integers(0, n_weeks, n_blocks)
        index = (begins[:, None] + np.arange(_BLOCK)).ravel()[:n_weeks] % n_weeks
        again = _split(fitted + residual[index], steps)
        paths[draw] = again.trend + steps @ again.shifts
    return paths
