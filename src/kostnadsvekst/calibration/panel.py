"""The synthetic panel: the three stages, rounding, and the final check."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kostnadsvekst.calibration.covariates import (
    INCOME,
    CovariateProblem,
    fit_covariates,
    freeze_cells,
    start_parameters,
)
from kostnadsvekst.calibration.expenditure import draw_expenditure, fit_expenditure, pose_expenditure
from kostnadsvekst.calibration.populations import fit_populations, weight_statistics
from kostnadsvekst.calibration.printed import (
    COVARIATES,
    INCOME_UNIT,
    N_UNITS,
    N_YEARS,
    YEARS,
    Printed,
    load_printed,
)
from kostnadsvekst.calibration.regression import build_design
from kostnadsvekst.calibration.start import draw_start_panel
from kostnadsvekst.calibration.targets import solve_targets
from kostnadsvekst.calibration.verification import find_misses
from kostnadsvekst.errors import CalibrationError

DEFAULT_SEED = 2015
MAX_ATTEMPTS = 8
DATA_ORIGIN = "synthetic"
Progress = Callable[[str], None]

# Decimals of the ordinary units; income in 10,000 kr, so whole kroner.
DECIMALS = np.array([2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 4])
FINE_DECIMALS = np.array([4] * INCOME + [6])
CARRIER_DECIMALS = np.array([8] * INCOME + [9])
# A printed constant has seven digits, so some units must carry the digits that rounding takes away.
CARRIER_CANDIDATES = slice(40, 240)
N_CARRIERS = 45
N_LAST_CARRIERS = 15
N_EXPENDITURE_CARRIERS = 60
EXPENDITURE_DECIMALS, EXPENDITURE_CARRIER_DECIMALS = 0, 5


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
    carriers : ndarray of bool, shape (365,)
        Units whose values have many decimals because they carry the digits of the printed cells.
    """

    seed: int
    attempt: int
    persons: np.ndarray
    covariates: np.ndarray
    free_income: np.ndarray
    net_expenditure: np.ndarray
    carriers: np.ndarray

    def to_frame(self) -> pd.DataFrame:
        """The panel as a frame sorted by municipality and year, with the columns of the panel schema."""
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
    label = f"attempt {attempt + 1}: " if attempt else ""
    progress(f"{label}populations")
    populations = fit_populations(printed, rng)
    persons = populations.persons.astype(float)
    values = weight_statistics(persons).values
    targets = solve_targets(printed, shares=values[:5], population_10k_mean=float(values[5]))
    problem = CovariateProblem(persons, populations.sigma_1, printed, targets)

    def report(stage: str) -> Callable[[int, float], None]:
        return lambda iteration, worst: progress(
            f"{label}{stage}, step {iteration}, {worst:.2g} half units away"
        )

    start = draw_start_panel(persons, printed, targets, rng)
    solution = fit_covariates(
        problem, start.cells, start_parameters(problem), start.box, report("covariates and income")
    )
    cells, parameters = solution.cells, solution.parameters
    order = CARRIER_CANDIDATES.start + rng.permutation(CARRIER_CANDIDATES.stop - CARRIER_CANDIDATES.start)
    carriers = np.zeros(N_UNITS, bool)
    carriers[order[:N_CARRIERS]] = True
    last = np.zeros(N_UNITS, bool)
    last[order[:N_LAST_CARRIERS]] = True
    for kept, decimals in ((carriers, DECIMALS), (last, FINE_DECIMALS)):
        frozen = np.broadcast_to(~kept[:, None, None], cells.shape)
        pinned = start.box.lower == start.box.upper
        cells = np.where(frozen & ~pinned, round_cells(cells, decimals), cells)
        box = freeze_cells(start.box, cells, frozen)
        solution = fit_covariates(problem, cells, parameters, box, report("covariates, rounded"))
        cells, parameters = solution.cells, solution.parameters
    cells = np.where(last[:, None, None], round_cells(cells, CARRIER_DECIMALS), cells)

    design = build_design(persons, cells[..., :INCOME], cells[..., INCOME])
    stage_3 = pose_expenditure(
        design, problem.slopes_4(parameters), float(np.exp(parameters[-1])), printed, targets
    )
    y, y_box = draw_expenditure(stage_3, rng)
    y = fit_expenditure(stage_3, y, y_box, report("expenditure")).cells
    y_carriers = np.zeros(N_UNITS, bool)
    y_carriers[order[:N_EXPENDITURE_CARRIERS]] = True
    frozen = np.broadcast_to(~y_carriers[:, None, None], y.shape)
    y = np.where(frozen & (y_box.lower < y_box.upper), np.round(y, EXPENDITURE_DECIMALS), y)
    y = fit_expenditure(stage_3, y, freeze_cells(y_box, y, frozen), report("expenditure, rounded")).cells
    y = np.round(y, EXPENDITURE_CARRIER_DECIMALS)

    panel = CalibratedPanel(
        seed=seed,
        attempt=attempt,
        persons=populations.persons,
        covariates=cells[..., :INCOME],
        free_income=np.round(cells[..., INCOME] * INCOME_UNIT, 5),
        net_expenditure=y[..., 0],
        carriers=y_carriers | carriers,
    )
    progress(f"{label}checking all cells")
    misses = find_misses(panel.to_frame())
    if misses:
        raise CalibrationError("the panel misses printed cells:\n" + "\n".join(misses))
    return panel


def round_cells(cells: np.ndarray, decimals: np.ndarray) -> np.ndarray:
    """Round each variable (last axis) to its own number of decimals."""
    return np.stack([np.round(cells[..., k], int(d)) for k, d in enumerate(decimals)], axis=-1)
