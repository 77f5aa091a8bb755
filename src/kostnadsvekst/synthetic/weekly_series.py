"""SYNTHETIC weekly series with a known level, to measure how often intervals hold it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.register.schema import FIRST_WEEK, LAST_WEEK, SERVICE_CODES, weeks_of_month
from kostnadsvekst.register.weekly_series import Break, ChangingShift, shift_terms
from kostnadsvekst.sources.embedded import embedded_path
from kostnadsvekst.toml_files import read_toml

WEEKS = pd.date_range(FIRST_WEEK, LAST_WEEK, freq="W-MON")
_TIME = np.arange(len(WEEKS), dtype=float)
_LOCKDOWN = ChangingShift("2020-03-09", "2020-06-15")
_LASTING, _TEMPORARY = "2020-03-09", ("2019-05-06", "2019-08-05")
_SIZE = 3000.0  # of the series of the shapes: that of a kind of short stay
# Chance variation as in the synthetic register: half as large as that of a count, and slow.
_REGISTER = ("register", 0.95, 0.5)
_COUNTS = (("white", 0.0, 1.0), ("AR(1) 0.5", 0.5, 1.0), ("AR(1) 0.8", 0.8, 1.0))
_SHORT_SEASON = 0.03
_CHRISTMAS = {"respite_institution": -0.30}


@dataclass(frozen=True, slots=True)
class WeeklyDesign:
    """A process of weekly series whose level is known.

    Attributes
    ----------
    name : str
        The service, or the shape of the trend.
    noise : str
    trend : ndarray of float64, shape (n_weeks,)
    breaks : tuple of Break
        As the estimator is told.
    shift_sizes : tuple of float
        Of each regressor of `shift_terms`.
    season : ndarray of float64, shape (n_weeks,)
    noise_size : float
        Standard deviation of the noise, of a stationary AR(1).
    autocorrelation : float
    wandering : float
        Standard deviation of a random walk's weekly steps, part of the level.
    """

    name: str
    noise: str
    trend: NDArray[np.float64]
    breaks: tuple[Break, ...]
    shift_sizes: tuple[float, ...]
    season: NDArray[np.float64]
    noise_size: float
    autocorrelation: float
    wandering: float = 0.0


@dataclass(frozen=True, slots=True)
class WeeklySeries:
    """Invented series, each array of shape (n_weeks, n_series)."""

    observed: NDArray[np.float64]
    level: NDArray[np.float64]


def simulate_weekly(design: WeeklyDesign, n_series: int, seed: int) -> WeeklySeries:
    """Draw series of a design: level + season + noise.

    Parameters
    ----------
    design : WeeklyDesign
    n_series, seed : int

    Returns
    -------
    WeeklySeries
    """
    rng = np.random.default_rng(seed)
    shifts = shift_terms(WEEKS, design.breaks).columns @ np.array(design.shift_sizes, dtype=float)
    steps = rng.normal(size=(_TIME.size, n_series))
    level = (design.trend + shifts)[:, None] + design.wandering * np.cumsum(steps, axis=0)
    noise = rng.normal(size=(_TIME.size, n_series))
    rho = design.autocorrelation
    for week in range(1, _TIME.size):
        noise[week] = rho * noise[week - 1] + np.sqrt(1 - rho**2) * noise[week]
    return WeeklySeries(level + design.season[:, None] + design.noise_size * noise, level)


def weekly_designs() -> Iterator[WeeklyDesign]:
    """Each service with its own level, path, season and breaks; then trends of other shapes and breaks.

    Yields
    ------
    WeeklyDesign
        The noise of a count (standard deviation the root of the mean), white or autocorrelated; for services
        also the slow one of the synthetic register.
    """
    parameters = read_toml(
        embedded_path("parameters/kpr_register_simulation.toml"), "embedded parameters"
    ).content
    for service in SERVICE_CODES:
        users = np.array(parameters["services"][service]["users"], dtype=float).sum(axis=0)
        yield from _with_noise(_service(service, users, parameters["knots"]), (*_COUNTS, _REGISTER))
    for shape in _SHAPES:
        yield from _with_noise(_shaped(shape, (_LASTING,), (-600.0,)), _COUNTS)
    for shape in ("straight", "bend"):
        for breaks, sizes in (((), ()), ((_TEMPORARY,), (-600.0,))):
            yield from _with_noise(_shaped(shape, breaks, sizes), _COUNTS)


def _with_noise(design: WeeklyDesign, noises: tuple[tuple[str, float, float], ...]) -> Iterator[WeeklyDesign]:
    for name, rho, size in noises:
        yield replace(
            design, noise=name, noise_size=size * float(np.sqrt(design.trend.mean())), autocorrelation=rho
        )


def _service(service: str, users: NDArray[np.float64], knots: list[str]) -> WeeklyDesign:
    """Straight from printed number to printed number, as in the synthetic register."""
    centres = np.array([np.flatnonzero(weeks_of_month(WEEKS, knot)).mean() for knot in knots])
    slopes = np.diff(users) / np.diff(centres)
    path = np.interp(_TIME, centres, users)
    path = np.where(centres[-1] < _TIME, users[-1] + slopes[-1] * (_TIME - centres[-1]), path)
    path = np.where(centres[0] > _TIME, users[0] + slopes[0] * (_TIME - centres[0]), path)
    breaks, sizes = _breaks_of(service, path.mean())
    short = service.startswith(("time_limited", "respite"))
    season = _year(_SHORT_SEASON * path.mean() if short else 0.0)
    at_christmas = np.isin(WEEKS.isocalendar().week.to_numpy(), (52, 53))
    season = season + _CHRISTMAS.get(service, 0.0) * path.mean() * at_christmas
    return WeeklyDesign(service, "", path, breaks, sizes, season, 0.0, 0.0)


def _breaks_of(service: str, size: float) -> tuple[tuple[Break, ...], tuple[float, ...]]:
    if service == "time_limited_other":
        return (_LOCKDOWN, _LOCKDOWN.end), (-0.25 * size, 0.20 * size, -0.05 * size)
    if service.startswith(("time_limited", "respite")):
        return (_LOCKDOWN,), (-0.25 * size, 0.20 * size)
    if service == "home_health":
        return (ChangingShift("2018-12-31", "2019-03-04"),), (-0.01 * size, 0.01 * size)
    return (), ()


def _year(amplitude: float) -> NDArray[np.float64]:
    return amplitude * np.cos(2 * np.pi * _TIME / 52.1775)


def _shaped(shape: str, breaks: tuple[Break, ...], sizes: tuple[float, ...]) -> WeeklyDesign:
    wandering = 2.0 if shape == "random walk" else 0.0
    return WeeklyDesign(shape, "", _SIZE + _SHAPES[shape], breaks, sizes, _year(120.0), 0.0, 0.0, wandering)


# Users above the first week; bends lie at weeks that no calendar names.
_SHAPES = {
    "straight": 2.0 * _TIME,
    "bend": 6.0 * np.minimum(_TIME, 70) + np.maximum(_TIME - 70, 0),
    "sharp bend": 20.0 * np.minimum(_TIME, 75),
    "parabola": 8.0 * _TIME - 0.03 * _TIME**2,
    "slow S": 800 / (1 + np.exp(-(_TIME - 100) / 25)),
    "quick S": 800 / (1 + np.exp(-(_TIME - 100) / 12)),
    "random walk": 2.0 * _TIME,
}
