"""The synthetic panel: the three stages, rounding, and the final check."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from kostnadsvekst.errors import CalibrationError
from kostnadsvekst.synthetic.panel.covariates import (
    INCOME,
    CovariateProblem,
    freeze_cells,
    pose_covariates,
    prefer_plausible,
    smooth_years,
    start_parameters,
)
from kostnadsvekst.synthetic.panel.expenditure import describe_expenditure, draw_expenditure, pose_expenditure
from kostnadsvekst.synthetic.panel.populations import fit_populations, weight_statistics
from kostnadsvekst.synthetic.panel.printed import (
    COVARIATES,
    INCOME_UNIT,
    N_UNITS,
    N_YEARS,
    YEARS,
    Printed,
    load_printed,
)
from kostnadsvekst.synthetic.panel.regression import build_design
from kostnadsvekst.synthetic.panel.solver import Report, Solution, relax_conditions, solve_conditions
from kostnadsvekst.synthetic.panel.start import draw_start_panel
from kostnadsvekst.synthetic.panel.targets import solve_targets
from kostnadsvekst.synthetic.panel.verification import find_misses

DEFAULT_SEED = 2015
MAX_ATTEMPTS = 8
DATA_ORIGIN = "synthetic"
Progress = Callable[[str], None]

# A printed constant has seven digits, so some units must carry the digits that rounding takes away. Units
# are rounded group by group, and those not yet rounded take up the difference: all but 180 first, in the end
# all but 30. Income is in 10,000 kr.
CARRIER_CANDIDATES = slice(20, 260)
ORDINARY_DECIMALS = np.array([2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 4])
FINE_DECIMALS = np.array([4] * INCOME + [6])
ROUNDING = (
    (180, ORDINARY_DECIMALS),
    (110, ORDINARY_DECIMALS),
    (60, ORDINARY_DECIMALS),
    (30, FINE_DECIMALS),
)
WIDE_EDGE = 0.97  # while rounding, cells with few digits may use more of their interval
LAST_DECIMALS = np.array([8] * INCOME + [9])
N_EXPENDITURE_CARRIERS = 60
EXPENDITURE_DECIMALS = 5
EXPENDITURE_TOLERANCE = 1e-3
ROUNDS_COVARIATES = 6
ROUNDS_EXPENDITURE = 12


@dataclass(frozen=True)
class CalibratedPanel:
    """A synthetic panel that has all published cells of tables A1 to A3.

    Attributes
    ----------
    seed : int
    attempt : int
        0 unless the solver failed with the first start and was restarted.
    persons : ndarray of int, shape (365, 5)
    covariates : ndarray, shape (365, 5, 11)
        In the order of ``printed.COVARIATES``: per cent, deaths per 1000.
    free_income, net_expenditure : ndarray, shape (365, 5)
        2019 kroner per inhabitant.
    """

    seed: int
    attempt: int
    persons: np.ndarray
    covariates: np.ndarray
    free_income: np.ndarray
    net_expenditure: np.ndarray

    def to_frame(self) -> pd.DataFrame:
        """Return a frame sorted by municipality and year, with the columns of the panel schema."""
        columns: dict[str, object] = {
            "municipality": np.repeat([f"S{i:03d}" for i in range(1, N_UNITS + 1)], N_YEARS),
            "year": np.tile(YEARS, N_UNITS),
            "population": self.persons.ravel(),
            "net_expenditure": self.net_expenditure.ravel(),
            "free_income": self.free_income.ravel(),
        }
        columns |= {name: self.covariates[..., k].ravel() for k, name in enumerate(COVARIATES)}
        return pd.DataFrame({**columns, "data_origin": DATA_ORIGIN})


def calibrate_panel(seed: int = DEFAULT_SEED, progress: Progress | None = None) -> CalibratedPanel:
    """Make a synthetic panel on which the estimator prints the published tables.

    Parameters
    ----------
    seed : int
        Any non-negative integer. If the solver fails with the start drawn from it, further starts are
        drawn from the seed and the number of the attempt.
    progress : callable, optional
        Called with a short text for each stage.

    Returns
    -------
    CalibratedPanel

    Raises
    ------
    CalibrationError
        If no start led to a panel with all cells; the message says how each one failed.

    Notes
    -----
    Stages: populations (`populations`), covariates and free income (`start`, `covariates`), expenditure
    (`expenditure`); most cells are then rounded and a few units take up the difference. A weighted least
    squares regression with explicit dummies (`verification`) has the last word.
    """
    if seed < 0:
        raise CalibrationError(f"seed must not be negative: {seed}")
    printed = load_printed()
    failures = []
    for attempt in range(MAX_ATTEMPTS):
        try:
            return _attempt(printed, seed, attempt, progress or (lambda text: None))
        except (CalibrationError, np.linalg.LinAlgError) as failure:
            failures.append(f"attempt {attempt + 1}: {failure}")
    raise CalibrationError("\n".join([f"no panel found from seed {seed}", *failures]))


def _attempt(printed: Printed, seed: int, attempt: int, progress: Progress) -> CalibratedPanel:
    rng = np.random.default_rng([seed, attempt])

    def report(stage: str) -> Report:
        label = f"attempt {attempt + 1}, {stage}" if attempt else stage
        return lambda step, worst: progress(f"{label}: step {step}, {worst:.1e} half units away")

    populations = fit_populations(printed, rng)
    persons = populations.persons.astype(float)
    values = weight_statistics(persons).values
    targets = solve_targets(printed, shares=values[:5], population_10k_mean=float(values[5]))
    problem = CovariateProblem(persons, populations.sigma_1, printed, targets)
    carriers = CARRIER_CANDIDATES.start + rng.permutation(CARRIER_CANDIDATES.stop - CARRIER_CANDIDATES.start)
    fitted = _fit_covariates(problem, carriers, rng, report)
    net_expenditure = _fit_expenditure(problem, fitted, carriers, rng, report)
    panel = CalibratedPanel(
        seed=seed,
        attempt=attempt,
        persons=populations.persons,
        covariates=fitted.cells[..., :INCOME],
        free_income=np.round(fitted.cells[..., INCOME] * INCOME_UNIT, 5),
        net_expenditure=net_expenditure,
    )
    progress("checking all cells")
    misses = find_misses(panel.to_frame())
    if misses:
        raise CalibrationError("the panel misses printed cells:\n" + "\n".join(misses))
    return panel


def _fit_covariates(
    problem: CovariateProblem,
    carriers: np.ndarray,
    rng: np.random.Generator,
    report: Callable[[str], Report],
) -> Solution:
    """Stage 2: fit, make plausible, round; the carriers take up what rounding changes."""
    start = draw_start_panel(problem.persons, problem.printed, problem.targets, rng)
    system = pose_covariates(problem, start.box)
    solution = solve_conditions(
        system, start.cells, start_parameters(problem), report=report("covariates and income")
    )
    solution = relax_conditions(
        system,
        solution,
        lambda cells: prefer_plausible(problem.weights, cells),
        rounds=ROUNDS_COVARIATES,
        report=report("smoothing covariates and income"),
    )
    pinned = start.box.lower == start.box.upper
    problem = replace(problem, edge=WIDE_EDGE)
    for n_kept, decimals in ROUNDING:
        frozen = np.ones(solution.cells.shape, bool)
        frozen[carriers[:n_kept]] = False
        cells = np.where(frozen & ~pinned, round_cells(solution.cells, decimals), solution.cells)
        solution = solve_conditions(
            pose_covariates(problem, freeze_cells(start.box, cells, frozen)),
            cells,
            solution.parameters,
            report=report("rounding covariates and income"),
        )
        pinned = pinned | frozen
    cells = np.where(pinned, solution.cells, round_cells(solution.cells, LAST_DECIMALS))
    return replace(solution, cells=cells)


def _fit_expenditure(
    problem: CovariateProblem,
    fitted: Solution,
    carriers: np.ndarray,
    rng: np.random.Generator,
    report: Callable[[str], Report],
) -> np.ndarray:
    """Stage 3: fit, make plausible, round; shape (365, 5)."""
    design = build_design(problem.persons, fitted.cells[..., :INCOME], fitted.cells[..., INCOME])
    b4, sigma_4 = problem.slopes_4(fitted.parameters), float(np.exp(fitted.parameters[-1]))
    stage = describe_expenditure(design, b4, sigma_4, problem.printed, problem.targets)
    start, box = draw_expenditure(stage, rng)
    system = pose_expenditure(stage, box)
    solution = solve_conditions(
        system, start, np.zeros(0), tolerance=EXPENDITURE_TOLERANCE, report=report("expenditure")
    )
    solution = relax_conditions(
        system,
        solution,
        lambda y: smooth_years(problem.weights, y),
        rounds=ROUNDS_EXPENDITURE,
        report=report("smoothing expenditure"),
    )
    frozen = np.ones(start.shape, bool)
    frozen[carriers[:N_EXPENDITURE_CARRIERS]] = False
    y = np.where(frozen & (box.lower < box.upper), np.round(solution.cells), solution.cells)
    system = pose_expenditure(stage, freeze_cells(box, y, frozen))
    solution = solve_conditions(
        system, y, np.zeros(0), tolerance=EXPENDITURE_TOLERANCE, report=report("rounding expenditure")
    )
    return np.where(frozen, solution.cells, np.round(solution.cells, EXPENDITURE_DECIMALS))[..., 0]


def round_cells(cells: np.ndarray, decimals: np.ndarray) -> np.ndarray:
    """Round each variable (last axis) to its own number of decimals."""
    return np.stack([np.round(cells[..., k], int(d)) for k, d in enumerate(decimals)], axis=-1)
