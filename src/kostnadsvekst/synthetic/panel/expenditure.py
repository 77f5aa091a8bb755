r"""Stage 3: net expenditure, given weights, design matrix, and model 4's coefficients and residual variance.

With these every cell of table A3 is decided; expenditure has to satisfy the normal equations of model 4,
``L^-1 Z~'W y = L' b4`` with ``G = LL'`` (21 whitened conditions), ``sum w (y~ - Z~ b4)^2 = df_4 sigma_4^2``,
and the yearly means and standard deviations of table A1: 32 conditions.

The yearly means differ from model 1's year effects only through the changing weights within the year, so
units with high expenditure must have grown less: the correlation between expenditure and growth of about
-0.7 is no choice of ours but follows from the printed cells.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from kostnadsvekst.synthetic.panel.covariates import weighted_moment_gradients, weighted_moments
from kostnadsvekst.synthetic.panel.printed import (
    DF_RESID,
    HALF_UNIT,
    N_TERMS,
    N_UNITS,
    N_YEARS,
    Printed,
)
from kostnadsvekst.synthetic.panel.regression import Design
from kostnadsvekst.synthetic.panel.solver import Box, Conditions, System, squeeze, time_kernel
from kostnadsvekst.synthetic.panel.start import relative_scale, smooth_deviations
from kostnadsvekst.synthetic.panel.targets import Targets

LOWEST, BELOW_HIGHEST, NEAR_BOUND = 12700.0, 2500.0, 4000.0
# Half units of the whitened conditions and of the residual sum of squares, chosen so that one of them
# moves no printed cell by more than one half unit: half unit / SE is at least 6e-7.
WHITENED_UNIT = 5e-4
SSR_UNIT = 1e-6
MEAN, GROWTH_SLOPE = 21100.0, -3400.0


@dataclass(frozen=True)
class ExpenditureProblem:
    """What stage 3 is to achieve.

    Attributes
    ----------
    design : Design
    factor : ndarray, shape (21, 21)
        Cholesky factor L of ``design.gram``.
    b4 : ndarray, shape (21,)
    sigma_4 : float
    printed : Printed
    targets : Targets
    """

    design: Design
    factor: np.ndarray
    b4: np.ndarray
    sigma_4: float
    printed: Printed
    targets: Targets

    @property
    def weights(self) -> np.ndarray:
        """Weights with sum N, shape (365, 5)."""
        return self.design.weights.reshape(N_UNITS, N_YEARS)

    @property
    def ssr(self) -> float:
        """Residual sum of squares of model 4."""
        return DF_RESID[-1] * self.sigma_4**2


def describe_expenditure(
    design: Design, b4: np.ndarray, sigma_4: float, printed: Printed, targets: Targets
) -> ExpenditureProblem:
    """Stage 3 for a fitted design matrix."""
    return ExpenditureProblem(design, np.linalg.cholesky(design.gram), b4, sigma_4, printed, targets)


def pose_expenditure(problem: ExpenditureProblem, box: Box) -> System:
    """Conditions on expenditure, shape (365, 5, 1), kr per inhabitant; there are no parameters."""
    linear = _linear_gradient(problem)
    n_linear = len(linear)
    whitener = _whitener(linear, box)

    def residuals(cells: np.ndarray, parameters: np.ndarray) -> np.ndarray:
        r = _residuals(problem, cells[..., 0])
        r[:n_linear] = solve_triangular(whitener, r[:n_linear], lower=True)
        return r

    gradient = solve_triangular(whitener, linear.reshape(n_linear, -1), lower=True).reshape(linear.shape)

    def conditions(cells: np.ndarray, parameters: np.ndarray) -> Conditions:
        by_cells = np.concatenate([gradient, _curved_gradient(problem, cells[..., 0])])
        return Conditions(residuals(cells, parameters), by_cells[..., None], np.zeros((len(by_cells), 0)))

    def distance(r: np.ndarray) -> float:
        return float(np.abs(np.append(whitener @ r[:n_linear], r[n_linear:])).max())

    none = np.zeros((1, 1, 0))
    return System(
        box=box,
        parameter_box=Box(none, none, none, np.eye(1), np.zeros(0)),
        residuals=residuals,
        conditions=conditions,
        distance=distance,
    )


def _whitener(linear: np.ndarray, box: Box) -> np.ndarray:
    """Cholesky factor of the linear conditions' Gram matrix in the metric of the box.

    The yearly means are nearly collinear with the normal equations of the year dummies. Taken as they are,
    the small difference between them would not count until everything else is met.
    """
    rows = (linear * box.scale[..., 0] * (box.lower < box.upper)[..., 0]) @ box.kernel
    rows = rows.reshape(len(rows), -1)
    return np.linalg.cholesky(rows @ rows.T)


def draw_expenditure(problem: ExpenditureProblem, rng: np.random.Generator) -> tuple[np.ndarray, Box]:
    """Start of stage 3: levels with the forced correlation with growth, model 4, smooth residuals.

    Returns
    -------
    expenditure : ndarray, shape (365, 5, 1)
    box : Box
    """
    w, printed = problem.weights, problem.printed
    persons = problem.design.Z[:, 15].reshape(w.shape)
    income = problem.design.Z[:, 16].reshape(w.shape).mean(axis=1)
    unit_weight = w.sum(axis=1)
    growth = standardise(np.log(persons[:, -1] / persons[:, 0]), unit_weight)
    noise = rng.standard_normal(N_UNITS) + 0.9 * standardise(income, unit_weight)
    noise -= growth * np.average(noise * growth, weights=unit_weight)
    level = GROWTH_SLOPE * growth + 3000.0 * standardise(np.exp(0.35 * noise), unit_weight)
    scale = problem.sigma_4 * relative_scale(w)[:, None]
    residual = scale * smooth_deviations(0.8, N_UNITS, rng)
    residual += (
        0.35 * scale * standardise(level, unit_weight)[:, None] * (np.arange(N_YEARS) - 2) / np.sqrt(2)
    )
    fitted = (problem.design.demeaned @ problem.b4).reshape(w.shape)
    start = MEAN + level[:, None] + fitted + _project(problem, residual)
    lower, upper = _pinned_bounds(start, w, printed, rng)
    kernel = time_kernel(0.8, N_YEARS) + np.ones((N_YEARS, N_YEARS)) / N_YEARS
    box = Box(lower, upper, scale[..., None], kernel, np.array([NEAR_BOUND]))
    pinned = lower == upper
    return np.where(pinned, lower, squeeze(start[..., None], lower, upper, NEAR_BOUND)), box


def standardise(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean 0 and SD 1."""
    centred = x - np.average(x, weights=weights)
    standard: np.ndarray = centred / np.sqrt(np.average(centred**2, weights=weights))
    return standard


def _project(problem: ExpenditureProblem, residual: np.ndarray) -> np.ndarray:
    """Residuals of model 4 with the wanted sum of squares."""
    w = problem.weights
    e = residual - (w * residual).sum(axis=1, keepdims=True) / w.sum(axis=1, keepdims=True)
    design = problem.design
    slope = np.linalg.solve(design.gram, design.demeaned.T @ (w * e).ravel())
    e = e - (design.demeaned @ slope).reshape(w.shape)
    scaled: np.ndarray = e * np.sqrt(problem.ssr / (w * e**2).sum())
    return scaled


def _pinned_bounds(
    start: np.ndarray, w: np.ndarray, printed: Printed, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds, with each year's smallest and largest value pinned in small units.

    The smallest values (234 kr in 2017) are plain errors of the source.
    """
    low, high = printed.expenditure.minimum, printed.expenditure.maximum
    lower = np.broadcast_to(np.maximum(LOWEST, low + 50.0), start.shape).copy()
    upper = np.broadcast_to(high - BELOW_HIGHEST, start.shape).copy()
    small = np.arange(N_UNITS - 45, N_UNITS - 1)
    means = start[small].mean(axis=1)
    order = small[np.argsort(means)]
    lowest, highest = order[rng.integers(5)], order[-1 - rng.integers(5)]
    lower[lowest], upper[lowest] = low, low
    lower[highest], upper[highest] = high, high
    return lower[..., None], upper[..., None]


def _residuals(problem: ExpenditureProblem, y: np.ndarray) -> np.ndarray:
    w, design = problem.weights, problem.design
    demeaned = y - (w * y).sum(axis=1, keepdims=True) / w.sum(axis=1, keepdims=True)
    e = demeaned.ravel() - design.demeaned @ problem.b4
    score = design.demeaned.T @ (design.weights * e)
    whitened = solve_triangular(problem.factor, score, lower=True)
    ssr = (design.weights * e**2).sum()
    years = [weighted_moments(w[:, t], y[:, t]) for t in range(N_YEARS)]
    means = np.array([mean for mean, _ in years]) - problem.targets.expenditure_means
    sds = np.array([sd for _, sd in years]) - problem.targets.expenditure_sds
    return np.concatenate(
        [
            whitened / WHITENED_UNIT,
            means / HALF_UNIT,
            [(ssr / problem.ssr - 1) / SSR_UNIT],
            sds / HALF_UNIT,
        ]
    )


def _linear_gradient(problem: ExpenditureProblem) -> np.ndarray:
    """Differentiate the whitened conditions and the yearly means, shape (26, 365, 5); constant."""
    design, w = problem.design, problem.weights
    rows = solve_triangular(problem.factor, design.demeaned.T, lower=True) * design.weights
    means = np.eye(N_YEARS)[:, None, :] * (w / w.sum(axis=0))
    return np.concatenate([rows.reshape(N_TERMS, N_UNITS, N_YEARS) / WHITENED_UNIT, means / HALF_UNIT])


def _curved_gradient(problem: ExpenditureProblem, y: np.ndarray) -> np.ndarray:
    """Differentiate the sum of squares and the yearly SDs, shape (6, 365, 5)."""
    w, design = problem.weights, problem.design
    demeaned = y - (w * y).sum(axis=1, keepdims=True) / w.sum(axis=1, keepdims=True)
    e = demeaned - (design.demeaned @ problem.b4).reshape(y.shape)
    out = np.zeros((1 + N_YEARS, N_UNITS, N_YEARS))
    out[0] = 2 * w * e / problem.ssr / SSR_UNIT
    for t in range(N_YEARS):
        _, d_sd = weighted_moment_gradients(w[:, t], y[:, t])
        out[1 + t, :, t] = d_sd / HALF_UNIT
    return out
