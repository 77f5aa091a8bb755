"""Trends and growth of weekly series with level shifts, with intervals whose coverage is measured."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.register.level_model import (
    LevelFit,
    conclude,
    interval_of,
    mean_of,
    ratio_interval,
)
from kostnadsvekst.register.weekly_fit import fit_weekly
from kostnadsvekst.register.weekly_series import Break, checked_weeks, shift_terms, week_number
from kostnadsvekst.threads import one_thread


def trend(
    series: pd.Series,
    breaks: Sequence[Break] = ("2020-03-09",),
    *,
    season: bool | None = None,
    level: float = 0.95,
    n_bootstrap: int | None = None,
    seed: int | None = None,
) -> pd.DataFrame:
    """Split a weekly series into trend, season, level shifts and residual.

    Parameters
    ----------
    series : Series of float, indexed by Monday
        At least two years of consecutive weeks.
    breaks : sequence of str, pair of str or ChangingShift
        Monday of a lasting level shift; or a pair for one that lasts from the first Monday until the week
        before the second; or a `ChangingShift` for one that changes evenly while it lasts.
    season : bool, optional
        Whether there is one; default: if an F test finds it (5 per cent). It is the same every year, so that
        it cannot take a part of the trend.
    level : float
        Of the band, between 0 and 1.
    n_bootstrap, seed : int, optional
        Deprecated and without effect: nothing is drawn at random any more.

    Returns
    -------
    DataFrame
        ``week``, ``observed``, ``trend``, ``seasonal``, ``shift``, ``residual``, ``level``, ``conf_low``,
        ``conf_high``, all in the unit of the series. observed = trend + seasonal + shift + residual;
        ``level`` is trend + shift, and the band is that of the level, week by week (pointwise). ``attrs``
        has the size of each of the ``shifts``, ``conf_level``, ``season_p_value`` (missing where no test was
        asked for) and ``autocorrelation`` of the residual from week to week.

    Raises
    ------
    InvalidDataError
        Missing weeks, missing values or fewer than 105 weeks; all named.
    SpecificationError
        A break outside the series, without weeks before it, or determined by the others; a `level` outside 0
        to 1.

    Notes
    -----
    `kostnadsvekst.register.level_model`: smoothing spline with AR(1) noise, averaged over smoothness and
    autocorrelation. ISO weeks 52, 53 and 1 say nothing of the level: what is special to them is residual.
    What varies more slowly than about half a year is level, what varies faster is noise.
    The interval is a posterior one; how often it holds the true level is measured by
    ``benchmarks/coverage_trends.py`` (``results/kpr/coverage.csv``): over the weeks together close to its
    name, less in the weeks beside a sharp bend, more where a smooth curve is well seen (Nychka 1988).
    """
    _check_options(level, n_bootstrap, seed)
    weeks, fitted = _fit(series, breaks, season)
    design = fitted.fit.design
    parts = {name: mean_of(fitted.fit, design.part(name))[:, 0] for name in ("trend", "season", "shift")}
    low, high = interval_of(fitted.fit, design.part("level"), level)
    observed = series.to_numpy(dtype=float)
    frame = pd.DataFrame(
        {
            "week": weeks,
            "observed": observed,
            "trend": parts["trend"],
            "seasonal": parts["season"],
            "shift": parts["shift"],
            "residual": observed - sum(parts.values()),
            "level": parts["trend"] + parts["shift"],
            "conf_low": low,
            "conf_high": high,
        }
    )
    frame.attrs = {
        "shifts": _shift_sizes(fitted),
        "conf_level": level,
        "season_p_value": None if np.isnan(fitted.season_p_value) else fitted.season_p_value,
        "autocorrelation": _autocorrelation(fitted.fit),
    }
    return frame


def growth(
    series: pd.Series,
    start: str | date,
    end: str | date,
    breaks: Sequence[Break] = ("2020-03-09",),
    *,
    season: bool | None = None,
    level: float = 0.95,
    n_bootstrap: int | None = None,
    seed: int | None = None,
) -> pd.Series:
    """Growth of the level (trend and shifts) between two weeks, with its uncertainty.

    Parameters
    ----------
    series, breaks, season, level, n_bootstrap, seed
        As in `trend`.
    start, end : str or date
        Any days; the weeks in which they lie are compared.

    Returns
    -------
    Series
        ``level_start``, ``level_end``, ``change`` (unit of the series), ``change_percent``,
        ``conf_low_percent``, ``conf_high_percent``.

    Raises
    ------
    InvalidDataError
        As in `trend`; or the level may be zero at the start, so that growth in per cent is not identified.
    SpecificationError
        As in `trend`; or a date outside the series.
    """
    _check_options(level, n_bootstrap, seed)
    weeks, fitted = _fit(series, breaks, season)
    rows = fitted.fit.design.part("level")
    first, last = (rows[week_number(weeks, day)] for day in (start, end))
    before, after = mean_of(fitted.fit, np.vstack([first, last]))[:, 0]
    try:
        low, high = ratio_interval(fitted.fit, last, first, level)
    except SpecificationError as error:
        raise InvalidDataError(f"week of {start}: {error}") from error
    return pd.Series(
        {
            "level_start": before,
            "level_end": after,
            "change": after - before,
            "change_percent": 100 * (after / before - 1),
            "conf_low_percent": 100 * (low - 1),
            "conf_high_percent": 100 * (high - 1),
        }
    )


@dataclass(frozen=True, slots=True)
class _Fitted:
    fit: LevelFit
    names: tuple[str, ...]
    season_p_value: float


def _fit(series: pd.Series, breaks: Sequence[Break], season: bool | None) -> tuple[pd.DatetimeIndex, _Fitted]:
    observed, weeks = checked_weeks(series)
    shifts = shift_terms(weeks, breaks)
    (found,) = fit_weekly(observed[:, None], weeks, shifts, season)
    return weeks, _Fitted(found.fit, shifts.names, float(found.season_p_values[0]))


def _check_options(level: float, n_bootstrap: int | None, seed: int | None) -> None:
    if n_bootstrap is not None or seed is not None:
        warnings.warn(
            "n_bootstrap and seed have no effect: the interval is computed, not drawn; leave them out",
            DeprecationWarning,
            stacklevel=3,
        )
    if not 0 < level < 1:
        raise SpecificationError(f"level={level!r}: must lie between 0 and 1")


def _shift_sizes(fitted: _Fitted) -> dict[str, float]:
    sizes = mean_of(fitted.fit, fitted.fit.design.coefficients_of("shift"))[:, 0]
    return dict(zip(fitted.names, sizes.tolist(), strict=True))


@one_thread
def _autocorrelation(fit: LevelFit) -> float:
    nothing = np.empty((0, fit.design.terms.shape[1]))
    return float(sum(said.rho * said.weights[0] for said in conclude(fit, nothing)))
