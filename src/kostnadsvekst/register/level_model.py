"""The level of weekly series: a smooth curve and shifts beside a periodic season and autocorrelated noise.

y = X b + Z u + e, with e an AR(1) of variance σ² and autocorrelation ρ, and u ~ N(0, λσ² I). Z is a basis of
the integrated random walk, whose conditional mean is the cubic smoothing spline (Wahba 1978); its slope may
change more at the turns of the year, where municipal budgets change. Neither λ nor ρ nor the bends are
plugged in: all is averaged over a grid of them, weighted by restricted likelihood. Nothing is random.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, stdtr

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.threads import one_thread

Array = NDArray[np.float64]

WEEKS_PER_YEAR = 52.1775
_CURVES_PER_YEAR = 12  # the smooth curve bends within a month, not from week to week
# A turn of the year may change the slope as much as this number of other years' weeks do together.
_TURN_OF_YEAR = 10.0
# Uniform in Fisher's z: −0.29, −0.10, ..., 0.98. Beyond, noise and level cannot be told apart in four years.
_AUTOCORRELATIONS: Array = np.tanh(np.arange(-0.3, 2.4, 0.2))
# λ from almost a straight line to a curve that follows the noise. A curve that is straight for certain (λ
# below one) would hide bends that are too small to be seen: intervals of growth held 80 per cent with it.
_SMOOTHNESSES: Array = 10.0 ** np.arange(0.0, 6.0)
_LEAST_WEIGHT = 1e-6
_ROUNDING = 1e-9  # of a series' size: what is below is not noise
_REACH = 50.0  # standard deviations within which an end of an interval is sought
_HALVINGS, _CHORDS = 20, 4  # to 10⁻⁹ standard deviations


@dataclass(frozen=True, slots=True)
class LevelDesign:
    """Terms of the model for a series of n weeks.

    Attributes
    ----------
    fixed : ndarray of float64, shape (n_weeks, n_fixed)
        Constant, time, shifts, season, then a term of its own for each week that is not to count.
    curves : ndarray of float64, shape (n_weeks, n_curves)
        Their inner products are the covariance of the smooth curve, less its straight line.
    bends : ndarray of float64, shape (n_weeks, n_bends)
        A change of slope at each turn of the year.
    n_shifts : int
    """

    fixed: Array
    curves: Array
    bends: Array
    n_shifts: int
    n_season: int

    @property
    def terms(self) -> Array:
        """All terms beside each other, (n_weeks, n_terms)."""
        return np.column_stack([self.fixed, self.curves, self.bends])

    @property
    def degrees_of_freedom(self) -> int:
        """Weeks less fixed terms."""
        n_weeks, n_fixed = self.fixed.shape
        return int(n_weeks - n_fixed)

    def part(self, name: str) -> Array:
        """Terms of ``trend``, ``shift``, ``season`` or ``level`` (trend and shifts), zero elsewhere."""
        index = np.arange(self.terms.shape[1])
        first_season = 2 + self.n_shifts
        shift = (index >= 2) & (index < first_season)
        season = (index >= first_season) & (index < first_season + self.n_season)
        trend = (index < 2) | (index >= self.fixed.shape[1])
        keep = {"trend": trend, "shift": shift, "season": season, "level": trend | shift}[name]
        return np.where(keep, self.terms, 0.0)

    def coefficients_of(self, name: str) -> Array:
        """Pick the coefficients of ``shift`` or ``season``: combinations, (n_picked, n_terms)."""
        first, last = {
            "shift": (2, 2 + self.n_shifts),
            "season": (2 + self.n_shifts, 2 + self.n_shifts + self.n_season),
        }[name]
        return np.eye(self.terms.shape[1])[first:last]


@dataclass(frozen=True, slots=True)
class LevelFit:
    """Posterior of the terms' coefficients for each of a number of series.

    Attributes
    ----------
    design : LevelDesign
    line : ndarray of float64, shape (n_fixed, n_series)
        Least squares on the fixed terms.
    rest : ndarray of float64, shape (n_weeks, n_series)
        The series less the line: what is left keeps its digits in sums of squares.
    weights : ndarray of float64, shape (n_cells, n_series)
        Of each ρ, with and without bends, and λ (λ runs fastest); they sum to one.
    """

    design: LevelDesign
    line: Array
    rest: Array
    weights: Array


@dataclass(frozen=True, slots=True)
class _Cell:
    """One ρ, kind and λ: the coefficients have mean `coefficients`, covariance noise variance × `inverse`."""

    rho: float
    inverse: Array
    coefficients: Array
    squares: Array
    log_determinant: float


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What one ρ, kind and λ says of linear combinations of the coefficients: a t distribution.

    Attributes
    ----------
    rho : float
    series : ndarray of int
        Those in which it has weight.
    weights : ndarray of float64, shape (n_series,)
    mean : ndarray of float64, shape (n_combinations, n_series)
    inverse : ndarray of float64, shape (n_combinations, n_combinations)
        The covariance is this × the variance of the noise.
    noise : ndarray of float64, shape (n_series,)
        Variance of the noise.
    """

    rho: float
    series: NDArray[np.intp]
    weights: Array
    mean: Array
    inverse: Array
    noise: Array


def level_design(
    shifts: Array, season: Array, turns: NDArray[np.intp], left_out: NDArray[np.intp]
) -> LevelDesign:
    """Terms of the level for the weeks that the shifts and the season have.

    Parameters
    ----------
    shifts : ndarray of float64, shape (n_weeks, n_shifts)
    season : ndarray of float64, shape (n_weeks, n_season)
    turns : ndarray of int
        Numbers of the weeks at which a year begins.
    left_out : ndarray of int
        Numbers of the weeks that say nothing of the level.

    Returns
    -------
    LevelDesign
    """
    time, line = _time(len(shifts))
    bends = np.sqrt(_TURN_OF_YEAR) * np.maximum(time[:, None] - time[turns], 0.0)
    fixed = np.column_stack([line, shifts, season, np.eye(time.size)[:, left_out]])
    return LevelDesign(fixed, _curves(time.size), bends, shifts.shape[1], season.shape[1])


def _time(n_weeks: int) -> tuple[Array, Array]:
    """Years since the first week, and the straight line in them."""
    time = np.arange(n_weeks) / WEEKS_PER_YEAR
    return time, np.column_stack([np.ones(n_weeks), time - time.mean()])


@lru_cache(maxsize=8)
def _curves(n_weeks: int) -> Array:
    """Leading axes of the integrated random walk's covariance, orthogonal to the straight line."""
    time, line = _time(n_weeks)
    first, last = np.minimum.outer(time, time), np.maximum.outer(time, time)
    kernel = first**2 * (3 * last - first) / 6
    orthonormal = np.linalg.qr(line)[0]
    rest = np.eye(time.size) - orthonormal @ orthonormal.T
    values, axes = np.linalg.eigh(rest @ kernel @ rest)
    n_curves = round(_CURVES_PER_YEAR * time.size / WEEKS_PER_YEAR)
    curves: Array = axes[:, -n_curves:] * np.sqrt(values[-n_curves:])
    curves.flags.writeable = False  # every design of as many weeks has these
    return curves


def dependent_columns(fixed: Array) -> list[int]:
    """Columns that those before them determine, by number."""
    found = []
    kept = np.empty((fixed.shape[0], 0))
    for number, column in enumerate(fixed.T):
        rest = column - kept @ (kept.T @ column)
        rest = rest - kept @ (kept.T @ rest)
        if np.linalg.norm(rest) <= _ROUNDING * np.linalg.norm(column):
            found.append(number)
        else:
            kept = np.column_stack([kept, rest / np.linalg.norm(rest)])
    return found


@one_thread
def fit_level(observed: Array, design: LevelDesign) -> LevelFit:
    """Weigh smoothness, bends and autocorrelation by their restricted likelihood.

    Parameters
    ----------
    observed : ndarray of float64, shape (n_weeks, n_series)
    design : LevelDesign
        Its fixed terms must be independent.

    Returns
    -------
    LevelFit

    Notes
    -----
    log p(λ, ρ | y) = −½ log|V| − ½ log|X'V⁻¹X| − ½(n − p) log y'Py (Harville 1977), V = R(ρ) + λZZ', with a
    flat prior on log λ and on Fisher's z of ρ within the grid, and even odds of bends.
    """
    line = np.linalg.lstsq(design.fixed, observed, rcond=None)[0]
    rest = observed - design.fixed @ line
    size = np.maximum(np.abs(observed).max(axis=0), np.finfo(float).tiny ** 0.25)
    least = len(rest) * (_ROUNDING * size) ** 2
    scores = np.array(
        [
            -0.5 * cell.log_determinant
            - 0.5 * design.degrees_of_freedom * np.log(np.maximum(cell.squares, least))
            for cell in _cells(rest, design)
        ]
    )
    weights: Array = np.exp(scores - scores.max(axis=0)).astype(np.float64)
    weights[weights < _LEAST_WEIGHT] = 0.0
    weights /= weights.sum(axis=0)
    return LevelFit(design, line.astype(np.float64), rest, weights)


def _cells(rest: Array, design: LevelDesign, wanted: NDArray[np.bool_] | None = None) -> Iterator[_Cell]:
    """Solve each ρ, kind and λ, or those that are wanted, in the order of the weights."""
    terms, n_fixed, n_bends = design.terms, design.fixed.shape[1], design.bends.shape[1]
    number = 0
    for rho in _AUTOCORRELATIONS:
        white, y = whiten(terms, rho), whiten(rest, rho)
        gram, right, squares = white.T @ white, white.T @ y, (y**2).sum(axis=0)
        for n_used in (terms.shape[1] - n_bends, terms.shape[1]):
            for smoothness in _SMOOTHNESSES:
                if wanted is None or wanted[number]:
                    inverse, log_determinant = _penalised_inverse(gram, n_fixed, n_used, smoothness)
                    coefficients = inverse @ right
                    log_determinant += (len(rest) - 1) * np.log1p(-(rho**2))
                    left = squares - (right * coefficients).sum(axis=0)
                    yield _Cell(rho, inverse, coefficients, left, log_determinant)
                number += 1


def _penalised_inverse(gram: Array, n_fixed: int, n_used: int, smoothness: float) -> tuple[Array, float]:
    """Inverse of gram + penalty on the first `n_used` terms, zero beyond; log|V||X'V⁻¹X| less R's part."""
    penalty = np.zeros(n_used)
    penalty[n_fixed:] = 1 / smoothness
    system = gram[:n_used, :n_used] + np.diag(penalty)
    inverse = np.zeros_like(gram)
    inverse[:n_used, :n_used] = np.linalg.inv(system)
    return inverse, float(np.linalg.slogdet(system)[1] + (n_used - n_fixed) * np.log(smoothness))


def whiten(columns: Array, rho: float) -> Array:
    """Columns as uncorrelated rows of variance one, where they were an AR(1) of variance one.

    Parameters
    ----------
    columns : ndarray of float64, shape (n_weeks, n_columns)
    rho : float
        Between −1 and 1.

    Returns
    -------
    ndarray of float64, shape (n_weeks, n_columns)
        Prais and Winsten (1954).
    """
    white = columns.copy()
    white[1:] -= rho * columns[:-1]
    white[1:] /= np.sqrt(1 - rho**2)
    return white


def conclude(fit: LevelFit, combinations: Array) -> Iterator[Conclusion]:
    """Posterior of linear combinations of the coefficients, for each ρ, kind and λ that has weight.

    Parameters
    ----------
    fit : LevelFit
    combinations : ndarray of float64, shape (n_combinations, n_terms)
        For the level of all weeks: ``fit.design.part("level")``.

    Yields
    ------
    Conclusion
    """
    design = fit.design
    line = combinations[:, : design.fixed.shape[1]] @ fit.line
    wanted: NDArray[np.bool_] = np.any(fit.weights > 0, axis=1)
    for weights, cell in zip(fit.weights[wanted], _cells(fit.rest, design, wanted), strict=True):
        series = np.flatnonzero(weights)
        yield Conclusion(
            rho=cell.rho,
            series=series,
            weights=weights[series],
            mean=line[:, series] + combinations @ cell.coefficients[:, series],
            inverse=combinations @ cell.inverse @ combinations.T,
            noise=np.maximum(cell.squares[series], 0.0) / design.degrees_of_freedom,
        )


@one_thread
def mean_of(fit: LevelFit, combinations: Array) -> Array:
    """Posterior mean of linear combinations, (n_combinations, n_series)."""
    means = np.zeros((len(combinations), fit.rest.shape[1]))
    for said in conclude(fit, combinations):
        means[:, said.series] += said.weights * said.mean
    return means


@one_thread
def deviation_of(fit: LevelFit, combinations: Array) -> Array:
    """Posterior standard deviation of linear combinations, (n_combinations, n_series)."""
    centre, squares = mean_of(fit, combinations), np.zeros((len(combinations), fit.rest.shape[1]))
    free = fit.design.degrees_of_freedom
    for said in conclude(fit, combinations):
        variance = np.diag(said.inverse)[:, None] * said.noise * free / (free - 2)
        squares[:, said.series] += said.weights * (variance + (said.mean - centre[:, said.series]) ** 2)
    deviation: Array = np.sqrt(squares)
    return deviation


def probability_below(fit: LevelFit, combinations: Array, values: Array) -> Array:
    """Posterior probability that each combination is below a value, a mixture of t distributions.

    Parameters
    ----------
    fit : LevelFit
    combinations : ndarray of float64, shape (n_combinations, n_terms)
    values : ndarray of float64, shape (n_combinations,) or (n_combinations, n_series)

    Returns
    -------
    ndarray of float64, shape (n_combinations, n_series)
    """
    below = np.zeros((len(combinations), fit.rest.shape[1]))
    asked = np.broadcast_to(values.reshape(len(combinations), -1), below.shape)
    for said in conclude(fit, combinations):
        distance = asked[:, said.series] - said.mean
        below[:, said.series] += said.weights * _t_below(
            distance, np.diag(said.inverse)[:, None] * said.noise, fit.design.degrees_of_freedom
        )
    return below


def ratio_below(fit: LevelFit, above: Array, under: Array, ratios: Array) -> Array:
    """Posterior probability that the ratio of two combinations is below a number, for each series.

    Parameters
    ----------
    fit : LevelFit
    above, under : ndarray of float64, shape (n_terms,)
        Numerator and denominator; the latter is taken to be positive.
    ratios : ndarray of float64, shape (n_series,)

    Returns
    -------
    ndarray of float64, shape (n_series,)

    Notes
    -----
    The ratio is below r where ``above − r · under`` is below zero (Fieller 1954).
    """
    said = list(conclude(fit, np.vstack([above, under])))
    return _ratio_below(said, ratios, fit.design.degrees_of_freedom)


def _ratio_below(said: Sequence[Conclusion], ratios: Array, degrees_of_freedom: int) -> Array:
    below = np.zeros(ratios.size)
    for one in said:
        ratio, (upper, cross, lower) = ratios[one.series], one.inverse[np.triu_indices(2)]
        variance = (upper - 2 * ratio * cross + ratio**2 * lower) * one.noise
        distance = ratio * one.mean[1] - one.mean[0]
        below[one.series] += one.weights * _t_below(distance, variance, degrees_of_freedom)
    return below


def _t_below(distance: Array, variance: Array, degrees_of_freedom: int) -> Array:
    """Probability below a distance from the mean; a step where there is no variance."""
    scale = np.sqrt(np.maximum(variance, np.finfo(float).tiny))
    probability: Array = stdtr(degrees_of_freedom, distance / scale)
    return probability


@one_thread
def interval_of(fit: LevelFit, combinations: Array, conf_level: float) -> tuple[Array, Array]:
    """Central posterior interval of each combination, for one series.

    Parameters
    ----------
    fit : LevelFit
        Of one series.
    combinations : ndarray of float64, shape (n_combinations, n_terms)
    conf_level : float
        Between 0 and 1.

    Returns
    -------
    low, high : ndarray of float64, shape (n_combinations,)
    """
    said = list(conclude(fit, combinations))
    weights = np.array([one.weights[0] for one in said])
    means = np.array([one.mean[:, 0] for one in said])
    variances = np.array([np.diag(one.inverse) * one.noise[0] for one in said])
    free = fit.design.degrees_of_freedom

    def below(values: Array) -> Array:
        return weights @ _t_below(values - means, variances, free)

    reach = _REACH * np.sqrt(variances.max(axis=0)) + np.finfo(float).tiny
    bounds = (means.min(axis=0) - reach, means.max(axis=0) + reach)
    tail = (1 - conf_level) / 2
    return _solve(below, tail, bounds), _solve(below, 1 - tail, bounds)


@one_thread
def ratio_interval(fit: LevelFit, above: Array, under: Array, conf_level: float) -> tuple[float, float]:
    """Central posterior interval of the ratio of two combinations, for one series.

    Parameters
    ----------
    fit : LevelFit
        Of one series.
    above, under : ndarray of float64, shape (n_terms,)
        Numerator and denominator.
    conf_level : float
        Between 0 and 1.

    Returns
    -------
    low, high : float

    Raises
    ------
    SpecificationError
        If the denominator may be zero or negative: the ratio has no finite interval then (Fieller 1954).

    Notes
    -----
    By `ratio_below`.
    """
    tail = (1 - conf_level) / 2
    if probability_below(fit, under[None, :], np.zeros(1))[0, 0] > tail / 100:
        raise SpecificationError("the level at the start may be zero: growth in per cent is not identified")
    if np.array_equal(above, under):
        return 1.0, 1.0
    both = np.vstack([above, under])
    (top,), (bottom,) = mean_of(fit, both)
    of_top, of_bottom = deviation_of(fit, both)[:, 0]
    ratio = top / bottom
    reach = _REACH * (of_top + abs(ratio) * of_bottom) / bottom + np.finfo(float).tiny

    said = list(conclude(fit, both))

    def below(ratios: Array) -> Array:
        return _ratio_below(said, ratios, fit.design.degrees_of_freedom)

    bounds = (np.array([ratio - reach]), np.array([ratio + reach]))
    low, high = (float(_solve(below, p, bounds)[0]) for p in (tail, 1 - tail))
    return low, high


def _solve(below: Callable[[Array], Array], probability: float, bounds: tuple[Array, Array]) -> Array:
    """Values below which the given probability lies: by halving, then by chords."""
    low, high = bounds
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        under = below(middle) < probability
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    below_low, below_high = below(low), below(high)
    for _ in range(_CHORDS):
        rise = np.maximum(below_high - below_low, np.finfo(float).tiny)
        middle = low + np.clip((probability - below_low) / rise, 0, 1) * (high - low)
        reached = below(middle)
        under = reached < probability
        low, below_low = np.where(under, middle, low), np.where(under, reached, below_low)
        high, below_high = np.where(under, high, middle), np.where(under, below_high, reached)
    return middle


@one_thread
def season_p_value(fit: LevelFit) -> Array:
    """P value of no season: that of an F test, averaged over ρ, kind and λ.

    Parameters
    ----------
    fit : LevelFit
        With a season among its fixed terms.

    Returns
    -------
    ndarray of float64, shape (n_series,)
    """
    combinations, n_season = fit.design.coefficients_of("season"), fit.design.n_season
    p_values = np.zeros(fit.rest.shape[1])
    for said in conclude(fit, combinations):
        squares = (said.mean * np.linalg.solve(said.inverse, said.mean)).sum(axis=0)
        size = np.maximum(said.noise, np.finfo(float).tiny)
        statistic = squares / (n_season * size)
        p_values[said.series] += said.weights * fdtrc(n_season, fit.design.degrees_of_freedom, statistic)
    return p_values
