"""Least squares with unit and period effects for many outcomes that share their regressors.

On a complete grid the effects are means, and the regressors without them, x~, do once for all outcomes.
An outcome with lost cells only needs corrections from the units that lost some: with S the cells that are
used and x-_i a unit's mean over them,

sum_S (x~ - x-_i)(x~ - x-_i)' = sum x~ x~' + sum over units i with lost cells of
    [sum_{t in S_i} (x~_it - x-_i)(x~_it - x-_i)' - sum_t x~_it x~_it'],

and likewise for sums by period, since those of x~ over the whole grid are zero. The period effects' Gram
matrix is n (diag(c) - c c' / T) for n complete units and c periods in a class, plus the terms of the others.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kostnadsvekst.models.balanced.projection import build_projector, class_sums, solve_generalised

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

# Sums may be taken in the order that fills the vector registers; nothing else is relaxed.
_VECTORISED = {"reassoc", "contract", "nsz"}
# Share of a regressor's variation in the complete grid below which what is left of it is rounding error.
_ROUNDING = 1e-11


@dataclass(frozen=True, slots=True)
class SharedRegressors:
    """Regressors of many outcomes, with the effects of the complete grid taken out.

    Attributes
    ----------
    X : (N, k, T) array
    unit_products : (N, k, k) array
        Sum of x x' over a unit's periods.
    products : (k, k) array
        The same over all units.
    classes : (T,) integer array
        Period effect of each period, codes 0 ... C - 1.
    """

    X: Floats
    unit_products: Floats
    products: Floats
    classes: Ints


@dataclass(frozen=True, slots=True)
class TwoWayFit:
    """Least squares of one outcome on k regressors, unit and period effects.

    Attributes
    ----------
    gram : (k, k) array
        Of the regressors without effects; a regressor of which only rounding error is left has zeros.
    moments : (k,) array
        Regressors without effects times the outcome.
    coefficients : (k,) array
        NaN where `gram` is singular, and with it the scores and the sum of squares.
    scores : (N, k) array
        Sum of regressors times residual by unit.
    sum_of_squares : float
    n_obs, n_units, n_effects : int
        Cells used, units with one, and rank of the unit and period effects together.
    """

    gram: Floats
    moments: Floats
    coefficients: Floats
    scores: Floats
    sum_of_squares: float
    n_obs: int
    n_units: int
    n_effects: int


def share_regressors(X: Floats, classes: Ints) -> SharedRegressors:
    """Prepare (k, N, T) regressors, finite in every cell, for `fit_two_way`."""
    residuals = build_projector(np.ones(X.shape[1:]), classes).residuals(X)
    by_unit = np.ascontiguousarray(residuals.transpose(1, 0, 2))
    products = by_unit @ by_unit.transpose(0, 2, 1)
    return SharedRegressors(by_unit, products, products.sum(0), np.asarray(classes, dtype=np.intp))


def fit_two_way(y: Floats, used: Bools, shared: SharedRegressors) -> TwoWayFit:
    """Fit one outcome on the cells in which it is observed.

    Parameters
    ----------
    y : (N, T) array
        Outcome; ignored where not used.
    used : (N, T) boolean array
    shared : SharedRegressors

    Returns
    -------
    TwoWayFit
    """
    n_periods = used.shape[1]
    counts = np.count_nonzero(used, axis=1)
    lost = np.flatnonzero(counts < n_periods)
    total = shared.products
    gram, xy = total - shared.unit_products[lost].sum(0), np.zeros(len(total))
    by_period = np.zeros((len(total) + 1, n_periods))
    within = np.empty(used.shape)
    _unit_deviations(shared.X, used, counts, y, within, gram, xy, by_period)
    effects, explained, rank = _period_effects(by_period, used, counts, lost, shared.classes)
    gram -= explained[:-1, :-1]
    gone = np.diag(gram) <= _ROUNDING * np.diag(total)
    gram[gone] = gram[:, gone] = 0.0
    moments = xy - explained[:-1, -1]
    b = _solve(gram, moments)
    scores, squares = np.empty((len(y), len(total))), np.empty(len(y))
    _unit_scores(shared.X, used, counts, within, b, effects, scores, squares)
    n_units = int((counts > 0).sum())
    n_obs, ssr = int(counts.sum()), float(squares.sum())
    return TwoWayFit(gram, moments, b, scores, ssr, n_obs, n_units, n_units + rank)


def _solve(gram: Floats, moments: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.solve(gram, moments), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.full(len(moments), np.nan)


def _period_effects(
    by_period: Floats, used: Bools, counts: Ints, lost: Ints, classes: Ints
) -> tuple[Floats, Floats, int]:
    """Period effects (k+1, T) of the columns, the products they explain, and the effects' rank."""
    sizes = np.bincount(classes).astype(np.float64)
    by_class = class_sums(by_period, classes, len(sizes))
    n_complete = len(used) - len(lost)
    if not len(lost):
        effects, rank = by_class / (n_complete * sizes), len(sizes) - 1
    else:
        weights = class_sums(used[lost].astype(np.float64), classes, len(sizes))
        diagonal = n_complete * sizes + weights.sum(0)
        weights = weights / np.sqrt(np.maximum(counts[lost], 1))[:, None]
        gram = np.diag(diagonal) - weights.T @ weights
        gram -= np.outer(sizes, sizes) * (n_complete / len(classes))
        solution, rank = solve_generalised(gram, np.diag(gram) <= 0, by_class.T)
        effects = solution.T
    return np.ascontiguousarray(effects[:, classes]), by_class @ effects.T, rank


@njit(cache=True, fastmath=_VECTORISED)
def _unit_deviations(
    X: Floats,
    used: Bools,
    counts: Ints,
    y: Floats,
    within: Floats,
    gram: Floats,
    xy: Floats,
    by_period: Floats,
) -> None:
    """Deviations of y from unit means; add to the moments, for X only what lost cells change."""
    n_units, k, n_periods = X.shape
    deviations = np.empty((k, n_periods))
    for i in range(n_units):
        n = max(counts[i], 1)
        _deviations(y[i : i + 1], used[i], n, within[i : i + 1])
        for t in range(n_periods):
            by_period[k, t] += within[i, t]
        # The mean of X over the unit drops out of its product with deviations.
        for j in range(k):
            product = 0.0
            for t in range(n_periods):
                product += X[i, j, t] * within[i, t]
            xy[j] += product
        if counts[i] < n_periods:
            _deviations(X[i], used[i], n, deviations)
            _replace_products(X[i], deviations, gram, by_period)


@njit(cache=True, fastmath=_VECTORISED)
def _deviations(x: Floats, used: Bools, n: int, within: Floats) -> None:
    """Deviations of a unit's columns from their means over its used periods, zero in the others."""
    k, n_periods = x.shape
    for j in range(k):
        mean = 0.0
        for t in range(n_periods):
            mean += x[j, t] if used[t] else 0.0
        mean /= n
        for t in range(n_periods):
            within[j, t] = x[j, t] - mean if used[t] else 0.0


@njit(cache=True, fastmath=_VECTORISED)
def _replace_products(x: Floats, within: Floats, gram: Floats, by_period: Floats) -> None:
    """Add the products of deviations, and to the sums by period the deviations in place of the columns."""
    k, n_periods = within.shape
    for j in range(k):
        for t in range(n_periods):
            by_period[j, t] += within[j, t] - x[j, t]
        for h in range(j + 1):
            product = 0.0
            for t in range(n_periods):
                product += within[j, t] * within[h, t]
            gram[j, h] += product
            if h < j:
                gram[h, j] += product


@njit(cache=True, fastmath=_VECTORISED)
def _unit_scores(
    X: Floats,
    used: Bools,
    counts: Ints,
    within: Floats,
    b: Floats,
    effects: Floats,
    scores: Floats,
    squares: Floats,
) -> None:
    """Residuals e_it of each unit, from which its mean is taken, and with them sum_t (x_it - d_t) e_it."""
    n_units, k, n_periods = X.shape
    e, drift = np.empty(n_periods), effects[k].copy()
    for j in range(k):
        for t in range(n_periods):
            drift[t] -= b[j] * effects[j, t]
    for i in range(n_units):
        for t in range(n_periods):
            e[t] = within[i, t] - drift[t]
        for j in range(k):
            for t in range(n_periods):
                e[t] -= b[j] * X[i, j, t]
        squares[i] = _centre(e, used[i], max(counts[i], 1))
        for j in range(k):
            score = 0.0
            for t in range(n_periods):
                score += (X[i, j, t] - effects[j, t]) * e[t]
            scores[i, j] = score


@njit(cache=True, fastmath=_VECTORISED)
def _centre(e: Floats, used: Bools, n: int) -> float:
    """Take the mean over used periods out of e, make the others zero, return the sum of squares."""
    mean, squares = 0.0, 0.0
    for t in range(len(e)):
        mean += e[t] if used[t] else 0.0
    mean /= n
    for t in range(len(e)):
        e[t] = e[t] - mean if used[t] else 0.0
        squares += e[t] * e[t]
    return squares
