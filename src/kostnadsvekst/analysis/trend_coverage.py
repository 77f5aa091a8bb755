"""How often the intervals of trends and growth hold the truth, on synthetic weekly series."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.register.level_model import deviation_of, probability_below, ratio_below
from kostnadsvekst.register.weekly_fit import fit_weekly
from kostnadsvekst.register.weekly_series import shift_terms, week_number
from kostnadsvekst.synthetic.weekly_series import (
    WEEKS,
    WeeklyDesign,
    simulate_weekly,
    weekly_designs,
)

CONF_LEVEL = 0.95
_TOLERANCE = 2.0  # percentage points within which an interval is taken to have its level
_GROWTH = ("2017-01-09", "2020-12-14")
_JUDGED = np.append(np.arange(0, len(WEEKS), 4), len(WEEKS) - 1)
_AT_ONCE = 500


def coverage_table(
    n_draws: int = 2000, first_seed: int = 70_000, designs: Sequence[WeeklyDesign] | None = None
) -> pd.DataFrame:
    """Coverage of the band of the level and of the interval of growth, for each design.

    Parameters
    ----------
    n_draws : int
        Series for each design.
    first_seed : int
    designs : sequence of WeeklyDesign, optional
        Default: `kostnadsvekst.synthetic.weekly_series.weekly_designs`.

    Returns
    -------
    DataFrame
        A row for each design: ``trend``, ``breaks``, ``noise``, ``noise_sd``, ``n_draws``; coverage in per
        cent of the level (every fourth week, taken together), its Monte Carlo standard error, of the week
        with least coverage, of growth from the second week of 2017 to week 51 of 2020, its Monte Carlo
        standard error; ``std_error`` of the level (posterior) in standard deviations of the noise;
        ``season_found``, per cent of series; ``outside``, by how many points level or growth miss 93 to 97,
        and the ``reason``.
    """
    chosen = list(weekly_designs()) if designs is None else designs
    return pd.DataFrame([_row(design, n_draws, first_seed + 100 * k) for k, design in enumerate(chosen)])


def _row(design: WeeklyDesign, n_draws: int, seed: int) -> dict[str, object]:
    sizes = [min(_AT_ONCE, n_draws - first) for first in range(0, n_draws, _AT_ONCE)]
    parts = [_judge(design, size, seed + k, k == 0) for k, size in enumerate(sizes)]
    level, growth, season, deviation = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
    of_series, of_weeks = 100 * level.mean(axis=0), 100 * level.mean(axis=1)
    coverage, of_growth = of_series.mean(), 100 * growth.mean()
    missed = max(abs(share - 100 * CONF_LEVEL) - _TOLERANCE for share in (coverage, of_growth))
    return {
        "trend": design.name,
        "breaks": "; ".join(shift_terms(WEEKS, design.breaks).names) or "none",
        "noise": design.noise,
        "noise_sd": design.noise_size,
        "n_draws": n_draws,
        "coverage_level": coverage,
        "mc_error_level": of_series.std(ddof=1) / np.sqrt(n_draws),
        "coverage_worst_week": of_weeks.min(),
        "worst_week": f"{WEEKS[_JUDGED[of_weeks.argmin()]]:%Y-%m-%d}",
        "coverage_growth": of_growth,
        "mc_error_growth": np.sqrt(of_growth * (100 - of_growth) / n_draws),
        "std_error": np.nanmean(deviation) / design.noise_size,
        "season_found": 100 * season.mean(),
        "outside": max(missed, 0.0),
        "reason": _reason(min(coverage, of_growth), missed),
    }


def _reason(lowest: float, missed: float) -> str:
    if missed <= 0:
        return ""
    if lowest < 100 * CONF_LEVEL - _TOLERANCE:
        return "too narrow: a bend close to two shifts is taken for a part of them"
    return "too wide: how far a trend bends is unknown, and averaged over"


def _judge(
    design: WeeklyDesign, n_series: int, seed: int, measure_width: bool
) -> tuple[NDArray[np.float64], ...]:
    """Whether the band holds the level, (n_judged, n_series), the interval the growth; season; deviation."""
    series = simulate_weekly(design, n_series, seed)
    level = np.empty((_JUDGED.size, n_series))
    growth, season, deviation = np.empty(n_series), np.empty(n_series), np.full(n_series, np.nan)
    first, last = (week_number(WEEKS, day) for day in _GROWTH)
    for found in fit_weekly(series.observed, WEEKS, shift_terms(WEEKS, design.breaks)):
        truth, rows = series.level[:, found.series], found.fit.design.part("level")
        level[:, found.series] = _inside(probability_below(found.fit, rows[_JUDGED], truth[_JUDGED]))
        below = ratio_below(found.fit, rows[last], rows[first], truth[last] / truth[first])
        growth[found.series], season[found.series] = _inside(below), found.season
        if measure_width:
            deviation[found.series] = deviation_of(found.fit, rows[_JUDGED]).mean(axis=0)
    return level, growth, season, deviation


def _inside(below: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.abs(below - 0.5) < CONF_LEVEL / 2
