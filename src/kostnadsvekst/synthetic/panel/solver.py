r"""Levenberg-Marquardt for few conditions on many bounded unknowns.

There are some hundred conditions r(x) = 0 and thousands of unknowns, so the step is taken in dual form,
``dz = J'(JJ' + mu I)^-1 (-r)``: of all steps that solve the linearised problem, nearly the smallest one in
the metric ``dx = M z``. The start panel decides what the result looks like; the solver moves it as little
as possible.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kostnadsvekst.errors import CalibrationError

Report = Callable[[int, float], None]


@dataclass(frozen=True)
class Box:
    """Bounds on panel cells and the metric of their changes.

    Attributes
    ----------
    lower, upper : ndarray, shape (units, years, variables)
        A cell with ``lower == upper`` is pinned.
    scale : ndarray, shape (units, 1 or years, variables)
        Typical size of a change.
    kernel : ndarray, shape (years, years)
        Changes are ``scale * damp * (kernel @ z)`` along time: a smooth kernel makes smooth changes.
    width : ndarray, shape (variables,)
        Changes are damped within this distance from a bound.
    """

    lower: np.ndarray
    upper: np.ndarray
    scale: np.ndarray
    kernel: np.ndarray
    width: np.ndarray

    def damp(self, cells: np.ndarray) -> np.ndarray:
        """Factor from 0 (at a bound) to 1."""
        distance = np.minimum(self.upper - cells, cells - self.lower)
        factor: np.ndarray = np.clip(distance / self.width, 0.0, 1.0)
        return factor

    def move(self, cells: np.ndarray, change: np.ndarray) -> np.ndarray:
        """Approach the bounds exponentially instead of stopping at them, which would stall the solver."""
        distance = np.where(change > 0, self.upper - cells, cells - self.lower)
        distance = np.maximum(distance, 0.0)
        safe = np.where(distance > 0, distance, 1.0)
        return cells + np.where(distance > 0, np.sign(change) * safe * -np.expm1(-np.abs(change) / safe), 0.0)


@dataclass(frozen=True)
class Conditions:
    """Conditions at one point.

    Attributes
    ----------
    residuals : ndarray, shape (m,)
        In half units of the last printed digit.
    by_cells : ndarray, shape (m, units, years, variables)
    by_parameters : ndarray, shape (m, parameters)
    """

    residuals: np.ndarray
    by_cells: np.ndarray
    by_parameters: np.ndarray


def _largest(residuals: np.ndarray) -> float:
    return float(np.abs(residuals).max())


@dataclass(frozen=True)
class System:
    """Conditions on bounded cells and parameters.

    Attributes
    ----------
    box, parameter_box : Box
        The box of the parameters has shape (1, 1, parameters) and kernel [[1]].
    residuals, conditions : callable
        Of cells and parameters, without and with derivatives.
    distance : callable
        Largest distance from a printed cell in half units, of the residuals.
    """

    box: Box
    parameter_box: Box
    residuals: Callable[[np.ndarray, np.ndarray], np.ndarray]
    conditions: Callable[[np.ndarray, np.ndarray], Conditions]
    distance: Callable[[np.ndarray], float] = _largest


@dataclass(frozen=True)
class Solution:
    """Cells and parameters that satisfy the conditions.

    Attributes
    ----------
    cells : ndarray, shape (units, years, variables)
    parameters : ndarray, shape (parameters,)
    iterations : int
    worst : float
        Largest distance from a printed cell in half units.
    """

    cells: np.ndarray
    parameters: np.ndarray
    iterations: int
    worst: float


def solve_conditions(
    system: System,
    cells: np.ndarray,
    parameters: np.ndarray,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 120,
    report: Report | None = None,
) -> Solution:
    """Move ``cells`` and ``parameters`` inside their boxes until all residuals vanish.

    Parameters
    ----------
    system : System
    cells : ndarray, shape (units, years, variables)
    parameters : ndarray, shape (parameters,)
    tolerance : float
        On ``system.distance``.
    max_iterations : int
    report : callable, optional
        Called with the iteration and the distance.

    Raises
    ------
    CalibrationError
        If the residuals do not vanish.
    """
    mu, worst = 1e-3, np.inf
    for iteration in range(max_iterations):
        now = system.conditions(cells, parameters)
        worst = system.distance(now.residuals)
        if report is not None:
            report(iteration, worst)
        if worst < tolerance:
            return Solution(cells, parameters, iteration, worst)
        step = _take_step(system, now, cells, parameters, mu)
        if step is None:
            break
        cells, parameters, mu = step.cells, step.parameters, step.mu
    raise CalibrationError(f"the solver stopped {worst:.3g} half units from the printed cells")


def relax_conditions(
    system: System,
    solution: Solution,
    prefer: Callable[[np.ndarray], np.ndarray],
    *,
    rounds: int,
    fraction: float = 0.5,
    report: Report | None = None,
) -> Solution:
    """Approach a preferred panel without giving up the conditions.

    Each round moves a fraction of the way to ``prefer(cells)`` and returns to the conditions by the
    smallest change. A round that does not find back is repeated with a smaller fraction.

    Parameters
    ----------
    system : System
    solution : Solution
    prefer : callable
        Of cells; what they ought to look like.
    rounds : int
    fraction : float
    report : callable, optional

    Returns
    -------
    Solution
        With distance below 0.01.
    """
    for _ in range(rounds):
        cells = solution.cells
        change = fraction * (prefer(cells) - cells) * system.box.damp(cells)
        try:
            solution = solve_conditions(
                system,
                system.box.move(cells, change),
                solution.parameters,
                tolerance=1e-2,
                max_iterations=20,
                report=report,
            )
        except CalibrationError:
            fraction /= 2
    return solution


@dataclass(frozen=True)
class _Step:
    cells: np.ndarray
    parameters: np.ndarray
    mu: float


def _take_step(
    system: System, now: Conditions, cells: np.ndarray, parameters: np.ndarray, mu: float
) -> _Step | None:
    """One accepted Levenberg-Marquardt step, or None if no damping helps."""
    damp = system.box.damp(cells)
    parameter_damp = system.parameter_box.damp(parameters[None, None])[0, 0]
    J = _in_metric(now, system, damp, parameter_damp)
    # Rows of unit norm; soft rows that are asleep have no gradient and wake in the next iteration.
    size = np.linalg.norm(J, axis=1)
    active = size > 0
    J, r = J[active] / size[active, None], now.residuals[active] / size[active]
    eigenvalues, vectors = np.linalg.eigh(J @ J.T)
    merit = np.linalg.norm(r)
    for _ in range(25):
        z = J.T @ (vectors @ ((vectors.T @ -r) / (np.maximum(eigenvalues, 0) + mu)))
        new_cells, new_parameters = _move(z, system, cells, parameters, damp, parameter_damp)
        trial = np.linalg.norm(system.residuals(new_cells, new_parameters)[active] / size[active])
        if np.isfinite(trial) and trial < 0.997 * merit:
            return _Step(new_cells, new_parameters, max(mu * (0.1 if trial < 0.3 * merit else 0.4), 1e-15))
        mu *= 4.0
    return None


def _in_metric(now: Conditions, system: System, damp: np.ndarray, parameter_damp: np.ndarray) -> np.ndarray:
    """Express derivatives by the standardised changes z, shape (m, cells + parameters)."""
    box = system.box
    by_cells = now.by_cells * (box.scale * damp)
    smooth = np.einsum("ritk,ts->risk", by_cells, box.kernel, optimize=True)
    by_parameters = now.by_parameters * (system.parameter_box.scale[0, 0] * parameter_damp)
    return np.concatenate([smooth.reshape(len(smooth), -1), by_parameters], axis=1)


def _move(
    z: np.ndarray,
    system: System,
    cells: np.ndarray,
    parameters: np.ndarray,
    damp: np.ndarray,
    parameter_damp: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Cells and parameters after the standardised change z."""
    box, parameter_box = system.box, system.parameter_box
    by_cell = z[: cells.size].reshape(cells.shape)
    change = box.scale * damp * np.einsum("ts,isk->itk", box.kernel, by_cell)
    parameter_change = parameter_box.scale[0, 0] * parameter_damp * z[cells.size :]
    moved = parameter_box.move(parameters[None, None], parameter_change[None, None])[0, 0]
    return box.move(cells, change), moved


def squeeze(
    values: np.ndarray, lower: np.ndarray, upper: np.ndarray, width: float | np.ndarray
) -> np.ndarray:
    """Bend values smoothly inside their bounds, leaving those further inside than ``width`` alone.

    Unlike clipping it keeps different values different and none at its bound, where it could not move.
    """
    low, high = lower + width, upper - width
    below = lower + width * np.exp(np.minimum(values - low, 0) / width)
    above = upper - width * np.exp(np.minimum(high - values, 0) / width)
    return np.where(values < low, below, np.where(values > high, above, values))


def time_kernel(smoothness: float, years: int) -> np.ndarray:
    """Square root of a covariance over time: a random walk with drift mixed with independent years.

    Parameters
    ----------
    smoothness : float
        Share of the smooth part, 0 to 1.
    years : int

    Returns
    -------
    ndarray, shape (years, years)
        Symmetric.
    """
    t = np.arange(years) - (years - 1) / 2
    level = np.ones((years, years))
    trend = np.outer(t, t) / np.mean(t**2)
    bend = t**2 - np.mean(t**2)
    curve = np.outer(bend, bend) / np.mean(bend**2)
    covariance = smoothness * (level + trend + 0.4 * curve) / 2.4 + (1 - smoothness) * np.eye(years)
    values, vectors = np.linalg.eigh(covariance)
    root: np.ndarray = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root
