"""Intervals for the mean effect after treatment that hold although parallel trends may fail somewhat.

Rambachan and Roth (2023), "A More Credible Approach to Parallel Trends", Review of Economic Studies 90(5).
The estimates by horizon are the effects plus a difference in trends, which is zero in the base period -1 and
is all there is before treatment. How far it may run on after treatment is bounded in one of two ways:

relative magnitudes (section 2.4.2)
    between neighbouring periods after treatment it changes by at most `magnitude` times the largest change
    between neighbouring periods before;
smoothness (section 2.4.1)
    its slope changes by at most `bound` from one period to the next.

The identified set says what would be left open if the estimates had no error. An interval must also hold
their error; the set alone has no coverage.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import ndtr, ndtri

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.origins import with_origin
from kostnadsvekst.models.staggered.studies import EventStudy

Floats = NDArray[np.float64]

LEVEL = 0.95
_NEWTON_STEPS = 60
_SOLVER_TOLERANCE = 1e-12


@dataclass(frozen=True, slots=True)
class RobustInterval:
    """Interval for a weighted mean of effects.

    Attributes
    ----------
    set_low, set_high : float
        Identified set at the estimates; not an interval with coverage. NaN for smoothness, whose estimator
        does not start from it.
    low, high : float
        Holds the mean with at least 95 % probability under the bound.
    """

    set_low: float
    set_high: float
    low: float
    high: float


@with_origin
def robust_relative_magnitudes(
    study: EventStudy, magnitudes: Sequence[float] = (0.0, 0.5, 1.0, 2.0), window: int | None = None
) -> pd.DataFrame:
    """Intervals for the mean effect over horizons, by the size of trend violations relative to those before.

    Parameters
    ----------
    study : EventStudy
        With horizons before treatment and the base period -1 throughout.
    magnitudes : sequence of float
        Largest change after treatment, relative to the largest before.
    window : int, optional
        Use only horizons from -window - 1 to window.

    Returns
    -------
    DataFrame
        ``magnitude``, ``set_low``, ``set_high`` (identified set), ``conf_low``, ``conf_high`` (interval).

    Raises
    ------
    SpecificationError
        For a negative magnitude, a study without horizons before treatment, with a varying base period, or
        with a horizon missing in between.
    """
    path = _read_path(study, window)
    rows = [
        relative_magnitude_interval(
            path.estimates, path.covariance, path.n_before, path.weights, float(magnitude)
        )
        for magnitude in magnitudes
    ]
    return _frame("magnitude", magnitudes, rows)


@with_origin
def robust_smoothness(study: EventStudy, bounds: Sequence[float], window: int | None = None) -> pd.DataFrame:
    """Intervals for the mean effect over horizons, by how much the slope of a trend may change.

    Parameters
    ----------
    study, window
        As `robust_relative_magnitudes`.
    bounds : sequence of float
        Largest change of the slope from one period to the next, in units of the outcome; 0 lets a linear
        difference in trends run on.

    Returns
    -------
    DataFrame
        ``bound``, ``conf_low``, ``conf_high``.

    Raises
    ------
    SpecificationError
        As `robust_relative_magnitudes`.
    """
    path = _read_path(study, window)
    rows = [
        smoothness_interval(path.estimates, path.covariance, path.n_before, path.weights, float(bound))
        for bound in bounds
    ]
    return _frame("bound", bounds, rows).drop(columns=["set_low", "set_high"])


def relative_magnitude_interval(
    estimates: Floats, covariance: Floats, n_before: int, weights: Floats, magnitude: float
) -> RobustInterval:
    """Interval under relative magnitudes.

    Parameters
    ----------
    estimates : (h,) array
        Horizons -n_before - 1 ... -2, then 0 ... h - n_before - 1; the base period -1 is not among them.
    covariance : (h, h) array
    n_before : int
        Horizons before the base period; at least one.
    weights : (h - n_before,) array
        Of the effects in the mean.
    magnitude : float
        Not negative.

    Returns
    -------
    RobustInterval

    Raises
    ------
    SpecificationError
        For a negative magnitude or no horizon before the base period.

    Notes
    -----
    The identified set is the union over the changes before treatment, each taken as the largest (lemma 2.2):
    its ends are the largest and the smallest of finitely many linear functions of the estimates. The
    interval runs to the largest of their upper 97.5 % limits and the smallest of their lower ones. The limit
    of the function that is truly largest holds it with 97.5 % probability, so that the interval holds the
    whole set with at least 95 %; it is a little wider than the conditional tests of their section 4.
    """
    _check_bound(magnitude, n_before, "magnitude")
    target = np.concatenate([np.zeros(n_before), weights])
    steps = _steps_before(len(estimates), n_before)
    reach = magnitude * np.abs(np.cumsum(weights[::-1])[::-1]).sum()
    lines = np.concatenate([target + reach * steps, target - reach * steps])
    values = lines @ estimates
    half = ndtri(0.5 + LEVEL / 2) * np.sqrt(np.einsum("ij,jk,ik->i", lines, covariance, lines))
    return RobustInterval(
        float(values.min()), float(values.max()), float((values - half).min()), float((values + half).max())
    )


def smoothness_interval(
    estimates: Floats, covariance: Floats, n_before: int, weights: Floats, bound: float
) -> RobustInterval:
    """Fixed-length interval under smoothness: the shortest around an affine estimator.

    Parameters
    ----------
    estimates, covariance, n_before, weights
        As `relative_magnitude_interval`.
    bound : float
        Largest change of the slope, not negative.

    Returns
    -------
    RobustInterval

    Raises
    ------
    SpecificationError
        For a negative bound, no horizon before the base period, or a search that does not end.

    Notes
    -----
    Section 4.1. The estimator subtracts a combination of the estimates before treatment that takes out any
    linear trend. Its worst bias is `bound` times the sum of the absolute weights that it puts on changes of
    the slope, and the half length is the 95 % quantile of the absolute value of a normal variable with this
    mean and the estimator's variance. That is convex in the combination, so the minimum is found at once.
    """
    _check_bound(bound, n_before, "bound")
    scale = float(np.sqrt(np.trace(covariance) / len(covariance)))
    problem = _SmoothnessProblem(
        covariance / scale**2, n_before, np.asarray(weights, dtype=np.float64), bound / scale
    )
    v = problem.solve()
    line = np.concatenate([v, weights])
    centre, half = float(line @ estimates), scale * problem.half_length(v)
    return RobustInterval(float("nan"), float("nan"), centre - half, centre + half)


def folded_normal_quantile(bias: float) -> float:
    """95 % quantile of the absolute value of a normal variable with a mean of `bias` and variance one."""
    high = bias + ndtri(0.5 + LEVEL / 2)
    for _ in range(_NEWTON_STEPS):
        miss = ndtr(high - bias) - ndtr(-high - bias) - LEVEL
        density = _density(high - bias) + _density(high + bias)
        high -= miss / density
        if abs(miss) < 1e-15:
            break
    return float(high)


@dataclass(frozen=True, slots=True)
class _SmoothnessProblem:
    """Shortest interval: minimise over the weights v of the estimates before treatment.

    Changes of the slope enter as differences of two parts that are not negative, so that the sum of their
    absolute values is smooth.
    """

    covariance: Floats
    n_before: int
    weights: Floats
    bound: float

    def half_length(self, v: Floats) -> float:
        """Half length of the interval with these weights before treatment."""
        line = np.concatenate([v, self.weights])
        sd = float(np.sqrt(line @ self.covariance @ line))
        return sd * folded_normal_quantile(self.bound * float(np.abs(self._curvature().T @ line).sum()) / sd)

    def solve(self) -> Floats:
        """Weights of the shortest interval."""
        slope, start = self._slope(), self._least_variance()
        if self.bound == 0:
            return start
        D = self._curvature()
        n, m, k = self.n_before, D.shape[1], len(self.covariance)
        inside, fixed = D[:n].T, D[n:].T @ self.weights
        bend = inside @ start + fixed
        first = np.concatenate([start, np.maximum(bend, 0), np.maximum(-bend, 0)])
        A = np.block([[slope[:n], np.zeros(2 * m)], [inside, -np.eye(m), np.eye(m)]])
        b = np.concatenate([[-slope[n:] @ self.weights], -fixed])
        found = minimize(
            self._objective,
            first,
            args=(n, k),
            jac=True,
            method="SLSQP",
            bounds=[(None, None)] * n + [(0, None)] * (2 * m),
            constraints={"type": "eq", "fun": lambda z: A @ z - b, "jac": lambda _: A},
            options={"ftol": _SOLVER_TOLERANCE, "maxiter": 1000},
        )
        if not found.success:
            raise SpecificationError(f"no shortest interval found: {found.message}")
        v = np.asarray(found.x[:n])
        # Rounding must not leave any of a linear trend in.
        return np.asarray(v + slope[:n] * ((b[0] - slope[:n] @ v) / (slope[:n] @ slope[:n])))

    def _objective(self, z: Floats, n: int, k: int) -> tuple[float, Floats]:
        """Half length and its gradient in the weights and the two parts of each change of the slope."""
        line = np.concatenate([z[:n], self.weights])
        pull = self.covariance @ line
        sd = float(np.sqrt(line @ pull))
        ratio = self.bound * float(z[n:].sum()) / sd
        quantile = folded_normal_quantile(ratio)
        near, far = _density(quantile - ratio), _density(quantile + ratio)
        by_bias = (near - far) / (near + far)
        by_sd = quantile - ratio * by_bias
        gradient = np.concatenate([by_sd * pull[:n] / sd, np.full(len(z) - n, by_bias * self.bound)])
        return sd * quantile, gradient

    def _slope(self) -> Floats:
        """(h,) what a linear trend of one a period adds to each horizon."""
        n_after = len(self.weights)
        return np.concatenate([np.arange(-self.n_before, 0), np.arange(1, n_after + 1)]).astype(np.float64)

    def _curvature(self) -> Floats:
        """(h, h - 1) what a change of one in the slope adds to each horizon, slope before the base held.

        A change in the base period bends all that comes after; one at a later horizon what comes after it,
        and one at an earlier horizon what comes before it.
        """
        place = self._slope()
        kinks = np.arange(-self.n_before + 1, len(self.weights))
        after = np.maximum(place[:, None] - kinks, 0.0) * (kinks >= 0)
        before = np.maximum(kinks - place[:, None], 0.0) * (kinks < 0)
        return np.asarray(after + before)

    def _least_variance(self) -> Floats:
        """Weights with the smallest variance among those that take out a linear trend."""
        n, slope = self.n_before, self._slope()
        inside, cross = self.covariance[:n, :n], self.covariance[:n, n:] @ self.weights
        kkt = np.block([[inside, slope[:n, None]], [slope[None, :n], np.zeros((1, 1))]])
        right = np.concatenate([-cross, [-slope[n:] @ self.weights]])
        return np.asarray(np.linalg.lstsq(kkt, right, rcond=None)[0][:n])


@dataclass(frozen=True, slots=True)
class _Path:
    """Estimates by horizon around the base period -1, and the weights of the mean after treatment."""

    estimates: Floats
    covariance: Floats
    n_before: int
    weights: Floats


def _read_path(study: EventStudy, window: int | None) -> _Path:
    table = study.horizons
    horizon = table["horizon"].to_numpy()
    if study.method == "callaway_santanna" and study.base_period != "universal":
        raise SpecificationError(
            "robust intervals need one base period for all horizons: use base_period='universal'"
        )
    # Periods of anticipation lie after the base: trends may fail there too, but they are not in the mean.
    base = study.last_before + 1
    kept = np.ones(len(horizon), dtype=bool)
    if window is not None:
        kept = (horizon >= base - window) & (horizon <= window)
    before, after = horizon[kept & (horizon < base)], horizon[kept & (horizon >= base)]
    if not len(before) or not (after >= 0).any():
        raise SpecificationError(f"{study.method} has no effects before treatment to judge trends by")
    expected = np.concatenate([np.arange(before[0], base), np.arange(base + 1, after[-1] + 1)])
    missing = np.setdiff1d(expected, horizon[kept])
    if len(missing) or base in after:
        listed = ", ".join(map(str, missing)) or f"{base} (it must be the base period)"
        raise SpecificationError(
            f"robust intervals need every horizon around the base period; at fault: {listed}: use a window"
        )
    weights = (after >= 0) / (after >= 0).sum()
    covariance = study.covariance[np.ix_(kept, kept)]
    errors = table["std_error"].to_numpy()[kept]
    if not (errors > 0).all():
        listed = ", ".join(map(str, horizon[kept][~(errors > 0)]))
        raise SpecificationError(f"horizons without a standard error: {listed}: use a window without them")
    return _Path(table["estimate"].to_numpy()[kept], covariance, len(before), weights)


def _check_bound(value: float, n_before: int, what: str) -> None:
    if not value >= 0:
        raise SpecificationError(f"the {what} must not be negative: {value:g}")
    if n_before < 1:
        raise SpecificationError("no effects before treatment to judge trends by")


def _steps_before(n: int, n_before: int) -> Floats:
    """(n_before, n) changes between neighbouring periods before treatment, the last one up to the base."""
    steps = np.zeros((n_before, n))
    place = np.arange(n_before)
    steps[place, place] = -1
    steps[place[:-1], place[:-1] + 1] = 1
    return steps


def _frame(name: str, values: Sequence[float], rows: Sequence[RobustInterval]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            name: list(values),
            "set_low": [row.set_low for row in rows],
            "set_high": [row.set_high for row in rows],
            "conf_low": [row.low for row in rows],
            "conf_high": [row.high for row in rows],
        }
    )


def _density(x: float) -> float:
    return float(np.exp(-x * x / 2) / np.sqrt(2 * np.pi))
