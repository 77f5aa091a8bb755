r"""Start panels: what the synthetic municipalities look like before they are fitted.

A variable of unit i in year t is ``level_i + national trend_t + deviation_it``. Levels are correlated with
size and with each other as in Norwegian municipalities (small ones older, with higher income), scaled to
the printed standard deviation. Deviations have the size that the printed standard errors imply,
``sigma / (SE sqrt(N - G))`` at weight 1, and run smoothly over the years where the quantity does.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kostnadsvekst.synthetic.panel.covariates import INCOME, N_VARIABLES, WORKING_AGE, weighted_moments
from kostnadsvekst.synthetic.panel.printed import (
    COVARIATES,
    FREE_INCOME,
    INCOME_UNIT,
    N_OBS,
    N_UNITS,
    N_YEARS,
    Printed,
)
from kostnadsvekst.synthetic.panel.solver import Box, squeeze, time_kernel
from kostnadsvekst.synthetic.panel.targets import Targets

COLUMN = {name: k for k, name in enumerate(COVARIATES)} | {"free_income": INCOME}
AGES = tuple(COLUMN[name] for name in COVARIATES[:5])


@dataclass(frozen=True)
class Habit:
    """How a variable behaves.

    Attributes
    ----------
    size : float
        Correlation of its level with log population.
    elderly : float
        Correlation of its level with the share of elderly, given size.
    trend : tuple of float
        National change since 2015.
    smooth : float
        Share of the deviations that runs smoothly over the years.
    low, high : float
        Ordinary range, inside the printed minimum and maximum.
    """

    size: float
    elderly: float
    trend: tuple[float, ...]
    smooth: float
    low: float
    high: float


# The trends follow published national figures in broad strokes; the printed cells decide in the end.
HABITS = {
    "age_0_5": Habit(0.25, -0.75, (0, -0.12, -0.25, -0.38, -0.52), 0.95, 2.9, 10.2),
    "age_6_15": Habit(-0.05, -0.60, (0, 0.01, 0.02, 0.01, -0.02), 0.95, 7.8, 17.0),
    "age_16_66": Habit(0.0, 0.0, (0, -0.20, -0.42, -0.64, -0.85), 0.95, 57.0, 71.3),
    "age_67_79": Habit(-0.55, 0.80, (0, 0.35, 0.70, 1.04, 1.38), 0.95, 4.2, 21.5),
    "age_80_plus": Habit(-0.55, 0.70, (0, -0.01, -0.01, 0.01, 0.05), 0.95, 2.1, 9.1),
    "living_alone_80_plus": Habit(0.10, 0.05, (0, -0.2, -0.4, -0.7, -0.9), 0.6, 44.0, 86.0),
    "divorced_16_66": Habit(0.15, 0.0, (0, -0.05, -0.11, -0.18, -0.25), 0.9, 5.5, 15.0),
    "unemployed_15_74": Habit(0.30, 0.0, (0, 0.05, -0.20, -0.40, -0.50), 0.75, 0.3, 6.5),
    "immigrants": Habit(0.65, -0.10, (0, 0.70, 1.30, 1.80, 2.25), 0.95, 2.5, 31.5),
    "urban": Habit(0.85, 0.0, (0, 0.15, 0.35, 0.55, 0.70), 0.95, 5.0, 98.6),
    "deaths": Habit(-0.45, 0.70, (0, 0.0, -0.05, -0.1, -0.2), 0.1, 3.3, 21.5),
}  # fmt: skip

LARGEST_UNIT_PATHS = {
    "age_16_66": (71.32, 71.41, 71.503, 71.44, 71.35),
    "immigrants": (30.3, 31.2, 32.1, 32.9, 33.8),
    "urban": (98.50, 98.54, 98.58, 98.62, 98.66),
}
# Free income of the largest unit, kr. The printed SD falls from 10,335 in 2017 to 6,504 in 2018, and much of
# that must be the largest unit's fall towards the mean; a path at 76-80 thousand until 2017, which would
# leave the spread of the others alone, was not compatible with the other cells.
LARGEST_INCOME = np.array([65000.0, 67500.0, 71000.0, 64500.0, 65000.0])
INCOME_RANGE = (45000.0, 98000.0)
STEP_SHARE = 0.2
STEP = np.array([-2.0, -2.0, -2.0, 3.0, 3.0]) / np.sqrt(6.0)

SMALL_POWER, LARGE_POWER = 0.2, 0.5
NEAR_BOUND = 0.08  # part of the range within which cells are held back
KERNEL = time_kernel(0.95, N_YEARS)


@dataclass(frozen=True)
class StartPanel:
    """Start of stage 2.

    Attributes
    ----------
    cells : ndarray, shape (365, 5, 12)
    box : Box
    """

    cells: np.ndarray
    box: Box


def draw_start_panel(
    persons: np.ndarray, printed: Printed, targets: Targets, rng: np.random.Generator
) -> StartPanel:
    """Draw covariates and free income before they are fitted.

    Parameters
    ----------
    persons : ndarray, shape (365, 5)
    printed : Printed
    targets : Targets
    rng : Generator
    """
    w = N_OBS * persons / persons.sum()
    scale = deviation_scale(w, printed)
    lower, upper = _ordinary_box(printed)
    pins = _pin_extremes(persons, printed, rng)
    cells = _draw_covariates(w, scale, printed, targets, rng, (lower, upper), pins)
    box = (lower[..., INCOME], upper[..., INCOME])
    cells[..., INCOME] = _draw_income(w, scale[..., INCOME], targets, rng, box, pins[..., INCOME])
    pinned = ~np.isnan(pins)
    lower, upper = np.where(pinned, pins, lower), np.where(pinned, pins, upper)
    cells = np.where(pinned, pins, cells)
    return StartPanel(cells, Box(lower, upper, scale, KERNEL, NEAR_BOUND * _range(printed)))


def deviation_scale(w: np.ndarray, printed: Printed) -> np.ndarray:
    """Size of the deviations that the standard errors imply, shape (365, 1, 12)."""
    sigma = 1170.0
    ses = np.append(printed.slope_ses[1, 4 : 4 + INCOME], printed.slope_ses[2, FREE_INCOME])
    at_one = sigma / (ses * np.sqrt(N_OBS - N_UNITS))
    scale: np.ndarray = relative_scale(w)[:, None, None] * at_one
    return scale


def relative_scale(w: np.ndarray) -> np.ndarray:
    """Size of a unit's deviations and changes relative to weight 1, shape (365,).

    Weighted mean square 1. Above weight 1 it falls as sampling noise of persons would; below, less noise
    than that is enough.
    """
    unit = w.mean(axis=1)
    scale: np.ndarray = unit ** np.where(unit < 1, -SMALL_POWER, -LARGE_POWER)
    standard: np.ndarray = scale / np.sqrt(np.mean(unit * scale**2))
    return standard


def _range(printed: Printed) -> np.ndarray:
    x = printed.covariates
    return np.append(x.maximum - x.minimum, (INCOME_RANGE[1] - INCOME_RANGE[0]) / INCOME_UNIT)


def _ordinary_box(printed: Printed) -> tuple[np.ndarray, np.ndarray]:
    low = np.append([HABITS[name].low for name in COVARIATES], INCOME_RANGE[0] / INCOME_UNIT)
    high = np.append([HABITS[name].high for name in COVARIATES], INCOME_RANGE[1] / INCOME_UNIT)
    shape = (N_UNITS, N_YEARS, N_VARIABLES)
    # A year's smallest and largest income are pinned; nobody else may go beyond them.
    lower, upper = np.broadcast_to(low, shape).copy(), np.broadcast_to(high, shape).copy()
    lower[..., INCOME] = np.maximum(lower[..., INCOME], printed.income.minimum / INCOME_UNIT + 0.02)
    upper[..., INCOME] = np.minimum(upper[..., INCOME], printed.income.maximum / INCOME_UNIT - 0.02)
    return lower, upper


def _pin_extremes(persons: np.ndarray, printed: Printed, rng: np.random.Generator) -> np.ndarray:
    """Cells that carry a printed minimum or maximum (else NaN), shape (365, 5, 12).

    Extremes sit in small units, where they cost little; those of the young and of growing suburbs in
    middle-sized ones. Zeros and 0.026 are plain errors of the source and last one year.
    """
    pins = np.full((N_UNITS, N_YEARS, N_VARIABLES), np.nan)
    for name, path in LARGEST_UNIT_PATHS.items():
        pins[0, :, COLUMN[name]] = path
    pins[0, :, INCOME] = LARGEST_INCOME / INCOME_UNIT
    small = iter(rng.permutation(np.arange(N_UNITS - 45, N_UNITS - 1)))
    middle = iter(rng.permutation(np.arange(12, 60)))
    rural = [next(small) for _ in range(12)]
    pins[rural, :, COLUMN["urban"]] = printed.covariates.minimum[COLUMN["urban"]]

    def pin(name: str, extreme: str, units: Iterator[int]) -> None:
        year = rng.integers(N_YEARS)
        pins[next(units), year, COLUMN[name]] = getattr(printed.covariates, extreme)[COLUMN[name]]

    for name in COVARIATES:
        if name != "urban":
            pin(name, "minimum", middle if name in ("age_80_plus", "deaths") else small)
        if name not in ("age_16_66", "immigrants"):
            pin(name, "maximum", middle if name in ("age_0_5", "age_6_15", "urban") else small)
    pins[next(small), :, INCOME] = printed.income.minimum / INCOME_UNIT
    pins[next(small), :, INCOME] = printed.income.maximum / INCOME_UNIT
    return pins


def _draw_covariates(
    w: np.ndarray,
    scale: np.ndarray,
    printed: Printed,
    targets: Targets,
    rng: np.random.Generator,
    box: tuple[np.ndarray, np.ndarray],
    pins: np.ndarray,
) -> np.ndarray:
    size = np.log(w.mean(axis=1))
    size = (size - size.mean()) / size.std()
    noise = rng.standard_normal((N_UNITS, INCOME))
    elderly = rng.standard_normal(N_UNITS)
    cells = np.empty((N_UNITS, N_YEARS, N_VARIABLES))
    for name in sorted(COVARIATES, key=lambda n: n == "age_16_66"):
        k, habit = COLUMN[name], HABITS[name]
        own = np.sqrt(max(0.0, 1 - habit.size**2 - habit.elderly**2 * (1 - habit.size**2)))
        level = habit.size * size + habit.elderly * np.sqrt(1 - habit.size**2) * elderly + own * noise[:, k]
        moving = np.array(habit.trend) + scale[:, :, k] * smooth_deviations(habit.smooth, N_UNITS, rng)
        mean, sd = targets.covariate_means[k], printed.covariates.std_dev[k]
        low, high = box[0][..., k], box[1][..., k]
        if k == WORKING_AGE:
            others = [j for j in AGES if j != k]
            level = -cells[..., others].sum(axis=2).mean(axis=1)
            sd = None
        cells[..., k] = _scale_levels(w, level, moving, mean, sd, low, high, pins[..., k])
    return cells


def _scale_levels(
    w: np.ndarray,
    level: np.ndarray,
    moving: np.ndarray,
    mean: float,
    sd: float | None,
    low: np.ndarray,
    high: np.ndarray,
    pins: np.ndarray,
) -> np.ndarray:
    """Scale and shift the levels so that mean and SD come out inside the bounds."""
    shift: float | np.ndarray = 0.0
    stretch = 1.0 if sd is None else sd / level.std()
    for _ in range(30):
        cells: np.ndarray = shift + stretch * level[:, None] + moving
        cells = np.where(np.isnan(pins), squeeze(cells, low, high, NEAR_BOUND * (high - low)), pins)
        found_mean, found_sd = weighted_moments(w.ravel(), cells.ravel())
        shift += mean - found_mean
        if sd is not None:
            stretch *= np.clip(sd / found_sd, 0.8, 1.25)
    return cells


def smooth_deviations(smooth: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Deviations from unit means with mean square 1, shape (n, 5): linear, bent and independent parts."""
    t = np.arange(N_YEARS) - 2.0
    line, bend = t / np.sqrt(2.0), (t**2 - 2.0) / np.sqrt(2.8)
    z = rng.standard_normal((n, 2))
    rough = rng.standard_normal((n, N_YEARS))
    rough = (rough - rough.mean(axis=1, keepdims=True)) / np.sqrt(0.8)
    trended = np.sqrt(0.85) * z[:, :1] * line + np.sqrt(0.15) * z[:, 1:] * bend
    deviations: np.ndarray = np.sqrt(smooth) * trended + np.sqrt(1 - smooth) * rough
    return deviations


def _draw_income(
    w: np.ndarray,
    scale: np.ndarray,
    targets: Targets,
    rng: np.random.Generator,
    box: tuple[np.ndarray, np.ndarray],
    pins: np.ndarray,
) -> np.ndarray:
    """Free income in 10,000 kr: skewed levels, higher in small units, and a shift in 2018."""
    size = np.log(w.mean(axis=1))
    size = (size - size.mean()) / size.std()
    level = np.exp(0.45 * (-0.6 * size + 0.8 * rng.standard_normal(N_UNITS)))
    shift = rng.standard_normal((N_UNITS, 1)) * STEP
    deviations = np.sqrt(STEP_SHARE) * shift + np.sqrt(1 - STEP_SHARE) * smooth_deviations(0.8, N_UNITS, rng)
    moving = 0.75 * scale * deviations
    cells = np.where(np.isnan(pins), 0.0, pins)
    free = np.isnan(pins)
    mean, sd = targets.income_means / INCOME_UNIT, targets.income_sds / INCOME_UNIT
    low, high = box
    width = NEAR_BOUND * (INCOME_RANGE[1] - INCOME_RANGE[0]) / INCOME_UNIT
    for t in range(N_YEARS):
        stretch, shift_t = 0.5, 5.0
        for _ in range(40):
            trial = squeeze(shift_t + stretch * level + moving[:, t], low[:, t], high[:, t], width)
            cells[:, t] = np.where(free[:, t], trial, cells[:, t])
            found_mean, found_sd = weighted_moments(w[:, t], cells[:, t])
            shift_t += mean[t] - found_mean
            stretch *= np.clip(sd[t] / found_sd, 0.8, 1.25)
    return cells
