r"""Stage 2: covariates and free income, given the populations.

All of table A3 is a function of the design matrix, the weights and model 4 (see `regression`), so the
covariates can be found before there is any expenditure. A start panel that looks like municipalities is
moved as little as possible until every cell is met.

The model 3 standard errors, const_2, const_3, the pooled moments of free income and R2 of models 1 and 3
are left out: they follow from the identities in `targets`, and keeping them would make the Newton system
singular.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from kostnadsvekst.synthetic.panel.printed import (
    COVARIATES,
    FREE_INCOME,
    HALF_UNIT,
    INCOME_UNIT,
    MODEL_SIZES,
    N_OBS,
    N_TERMS,
    N_UNITS,
    N_YEARS,
    POPULATION,
    TERM_SCALE,
    Printed,
)
from kostnadsvekst.synthetic.panel.regression import (
    FREE_SLOPES,
    N_PARAMETERS,
    Derivatives,
    Design,
    NestedModels,
    build_design,
    differentiate_constant,
    differentiate_constant_se,
    differentiate_slope,
    differentiate_slope_se,
    differentiate_ssr,
    nest_models,
    pull_back,
)
from kostnadsvekst.synthetic.panel.solver import Box, Conditions, System
from kostnadsvekst.synthetic.panel.targets import Targets

N_VARIABLES = len(COVARIATES) + 1  # and free income, the last
INCOME = N_VARIABLES - 1
N_AGES = 5
WORKING_AGE = COVARIATES.index("age_16_66")
# How far years are smoothed in one round: deaths and unemployment do vary from year to year.
SMOOTHED = np.array([0.5] * 5 + [0.5, 0.5, 0.2, 0.5, 0.5, 0.0, 1.0])
# Two stars on free income in model 4 (b about 0.024) need a standard error below this.
MAX_INCOME_SE = 0.00915
MAX_INCOME_SE_10K = MAX_INCOME_SE * INCOME_UNIT


@dataclass(frozen=True)
class CovariateProblem:
    """What stage 2 is to achieve, and with what.

    Attributes
    ----------
    persons : ndarray, shape (365, 5)
    sigma_1 : float
    printed : Printed
    targets : Targets
    edge : float
        Part of the rounding interval that cells with few digits may use.
    """

    persons: np.ndarray
    sigma_1: float
    printed: Printed
    targets: Targets
    edge: float = 0.9

    @property
    def weights(self) -> np.ndarray:
        """Weights with sum N, shape (365, 5)."""
        weights: np.ndarray = N_OBS * self.persons / self.persons.sum()
        return weights

    def slopes_4(self, parameters: np.ndarray) -> np.ndarray:
        """Model 4's coefficients, shape (21,)."""
        b4: np.ndarray = self.targets.slopes[-1].copy()
        b4[FREE_SLOPES] = parameters[:-1]
        return b4


@dataclass(frozen=True)
class Row:
    """One regression cell to be met: its distance in half units and its derivatives."""

    residual: float
    derivatives: Callable[[], Derivatives]
    half_unit: float
    asleep: bool = False


def pose_covariates(problem: CovariateProblem, box: Box) -> System:
    """Conditions on covariates, free income (10,000 kr) and model 4's free parameters.

    Parameters
    ----------
    problem : CovariateProblem
    box : Box
        Of cells with shape (365, 5, 12): `COVARIATES`, then free income.
    """
    return System(
        box=box,
        parameter_box=parameter_box(problem),
        residuals=lambda cells, parameters: _all_residuals(problem, cells, parameters),
        conditions=lambda cells, parameters: _all_conditions(problem, cells, parameters),
    )


def prefer_plausible(weights: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Give each unit smooth years and age shares that sum to their mean.

    Parameters
    ----------
    weights : ndarray, shape (365, 5)
    cells : ndarray, shape (365, 5, 12)
    """
    preferred: np.ndarray = cells + SMOOTHED * (smooth_years(weights, cells) - cells)
    excess = preferred[..., :N_AGES].sum(axis=2)
    excess = excess - np.average(excess, weights=weights)
    preferred[..., WORKING_AGE] -= 0.5 * excess
    return preferred


def smooth_years(weights: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Keep the national path, and of each unit's distance from it the level and the linear trend."""
    t = np.arange(N_YEARS) - (N_YEARS - 1) / 2
    line = np.full((N_YEARS, N_YEARS), 1 / N_YEARS) + np.outer(t, t) / (t @ t)
    national = np.einsum("it,itk->tk", weights / weights.sum(axis=0), cells)
    smooth: np.ndarray = national + np.einsum("ts,isk->itk", line, cells - national)
    return smooth


def parameter_box(problem: CovariateProblem) -> Box:
    """Model 4's income slopes inside their rounding intervals, log sigma_4 practically free."""
    middle = problem.printed.slopes[-1, FREE_SLOPES]
    room = problem.edge * HALF_UNIT * TERM_SCALE[FREE_SLOPES]
    lower = np.append(middle - room, np.log(800.0))
    upper = np.append(middle + room, np.log(1300.0))
    scale = np.append(room, 0.01)
    width = np.append(room / 4, 0.01)
    return Box(lower[None, None], upper[None, None], scale[None, None], np.eye(1), width)


def start_parameters(problem: CovariateProblem) -> np.ndarray:
    """Start from the printed income slopes and the sigma_4 that R2 of model 4 implies."""
    ssr = (1 - problem.printed.r_squared[-1]) * (N_OBS - 1) * problem.targets.expenditure_sd**2
    sigma_4 = np.sqrt(ssr / (N_OBS - N_UNITS - N_TERMS))
    return np.append(problem.printed.slopes[-1, FREE_SLOPES], np.log(sigma_4))


def _all_residuals(problem: CovariateProblem, cells: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    design, models = _regress(problem, cells, parameters)
    regression = [row.residual for row in _regression_rows(problem, design, models)]
    return np.append(regression, _moment_residuals(problem, cells))


def _all_conditions(problem: CovariateProblem, cells: np.ndarray, parameters: np.ndarray) -> Conditions:
    design, models = _regress(problem, cells, parameters)
    rows = _regression_rows(problem, design, models)
    by_cells, by_parameters = _regression_gradient(design, rows)
    moments = _moment_gradient(problem, cells)
    return Conditions(
        residuals=np.append([row.residual for row in rows], _moment_residuals(problem, cells)),
        by_cells=np.concatenate([by_cells, moments]),
        by_parameters=np.concatenate([by_parameters, np.zeros((len(moments), N_PARAMETERS))]),
    )


def _regress(
    problem: CovariateProblem, cells: np.ndarray, parameters: np.ndarray
) -> tuple[Design, NestedModels]:
    design = build_design(problem.persons, cells[..., :INCOME], cells[..., INCOME])
    models = nest_models(
        design, problem.slopes_4(parameters), float(np.exp(parameters[-1])), problem.targets.expenditure_mean
    )
    return design, models


def _regression_rows(problem: CovariateProblem, design: Design, models: NestedModels) -> list[Row]:
    """Distances of table A3's cells, those that must be met first, then the soft ones."""
    t = problem.targets
    rows = [
        _row(
            models.slopes[m, j] - t.slopes[m, j],
            partial(differentiate_slope, design, models, m, j),
            HALF_UNIT * TERM_SCALE[j],
        )
        for m in range(3)
        for j in range(MODEL_SIZES[m])
    ]
    exact = [(1, j) for j in range(POPULATION + 1)] + [(2, FREE_INCOME)]
    exact += [(3, j) for j in range(POPULATION + 1)]
    rows += [
        _row(
            models.slope_ses[m, j] - t.slope_ses[m, j],
            partial(differentiate_slope_se, design, models, m, j),
            HALF_UNIT * TERM_SCALE[j],
        )
        for m, j in exact
    ]
    return rows + _constant_rows(problem, design, models) + _soft_rows(problem, design, models)


def _constant_rows(problem: CovariateProblem, design: Design, models: NestedModels) -> list[Row]:
    """Distances of the constants, their standard errors and the first model's sum of squares."""
    t = problem.targets
    rows = [
        _row(
            models.constant_ses[m] - t.constant_ses[m],
            partial(differentiate_constant_se, design, models, m),
            HALF_UNIT,
        )
        for m in (1, 3)
    ]
    gap = models.constants[3] - t.constants[3]
    rows.append(_row(gap, partial(differentiate_constant, design, models, 3), HALF_UNIT))
    ssr_1 = problem.sigma_1**2 * (N_OBS - N_UNITS - MODEL_SIZES[0])
    unit = 2 * ssr_1 / problem.sigma_1 * HALF_UNIT
    rows.append(_row(models.ssr[0] - ssr_1, partial(differentiate_ssr, design, models, 0), unit))
    return rows


def _row(gap: float, differentiate: Callable[[], Derivatives], unit: float) -> Row:
    """Distance of a cell from the printed number, in units of what the last digit allows."""
    return Row(gap / unit, differentiate, unit)


def _soft_rows(problem: CovariateProblem, design: Design, models: NestedModels) -> list[Row]:
    """Cells printed with few digits: any place inside the rounding interval will do."""
    rows = []
    for j in FREE_SLOPES.tolist():
        low = problem.printed.slope_ses[3, j] - HALF_UNIT * TERM_SCALE[j]
        high = problem.printed.slope_ses[3, j] + HALF_UNIT * TERM_SCALE[j]
        if j == FREE_INCOME:
            high = min(high, MAX_INCOME_SE_10K)
        rows.append(
            _soft_row(
                models.slope_ses[3, j],
                low,
                high,
                problem.edge,
                partial(differentiate_slope_se, design, models, 3, j),
            )
        )
    total = (N_OBS - 1) * problem.targets.expenditure_sd**2
    for m in (1, 3):
        low = (1 - problem.printed.r_squared[m] - HALF_UNIT) * total
        high = (1 - problem.printed.r_squared[m] + HALF_UNIT) * total
        rows.append(
            _soft_row(models.ssr[m], low, high, problem.edge, partial(differentiate_ssr, design, models, m))
        )
    return rows


def _soft_row(
    value: float, low: float, high: float, edge: float, derivatives: Callable[[], Derivatives]
) -> Row:
    half = (high - low) / 2
    distance = (value - (low + high) / 2) / half
    excess = float(np.sign(distance) * max(abs(distance) - edge, 0.0))
    return Row(excess, derivatives, half, asleep=excess == 0.0)


def _regression_gradient(design: Design, rows: list[Row]) -> tuple[np.ndarray, np.ndarray]:
    """Differentiate by cells (m, 365, 5, 12) and by parameters (m, 6)."""
    A, g = np.zeros((len(rows), N_TERMS, N_TERMS)), np.zeros((len(rows), N_TERMS))
    parameters = np.zeros((len(rows), N_PARAMETERS))
    for i, row in enumerate(rows):
        if not row.asleep:
            d = row.derivatives()
            A[i], g[i], parameters[i] = d.A / row.half_unit, d.g / row.half_unit, d.parameters / row.half_unit
    by_Z = pull_back(design, A, g).reshape(len(rows), N_UNITS, N_YEARS, N_TERMS)
    by_cells = np.empty((len(rows), N_UNITS, N_YEARS, N_VARIABLES))
    by_cells[..., :INCOME] = by_Z[..., N_YEARS - 1 : POPULATION]
    by_cells[..., INCOME] = by_Z[..., FREE_INCOME]
    for t in range(1, N_YEARS):
        by_cells[:, :, t, INCOME] += by_Z[:, :, t, FREE_INCOME + t]
    return by_cells, parameters


def _moment_residuals(problem: CovariateProblem, cells: np.ndarray) -> np.ndarray:
    """Means and SDs of covariates (22), then of free income by year (10), in half units."""
    mean, sd = weighted_moments(problem.weights.ravel(), cells[..., :INCOME].reshape(N_OBS, -1))
    t, out = problem.targets, []
    out += [(mean - t.covariate_means) / HALF_UNIT, (sd - problem.printed.covariates.std_dev) / HALF_UNIT]
    by_year = [weighted_moments(problem.persons[:, k], cells[:, k, INCOME]) for k in range(N_YEARS)]
    half = HALF_UNIT / INCOME_UNIT
    out.append((np.array([m for m, _ in by_year]) - t.income_means / INCOME_UNIT) / half)
    out.append((np.array([s for _, s in by_year]) - t.income_sds / INCOME_UNIT) / half)
    return np.concatenate(out)


def _moment_gradient(problem: CovariateProblem, cells: np.ndarray) -> np.ndarray:
    out = np.zeros((2 * INCOME + 2 * N_YEARS, N_UNITS, N_YEARS, N_VARIABLES))
    w = problem.weights
    for k in range(INCOME):
        d_mean, d_sd = weighted_moment_gradients(w.ravel(), cells[..., k].ravel())
        out[k, ..., k] = d_mean.reshape(w.shape) / HALF_UNIT
        out[INCOME + k, ..., k] = d_sd.reshape(w.shape) / HALF_UNIT
    for t in range(N_YEARS):
        d_mean, d_sd = weighted_moment_gradients(w[:, t], cells[:, t, INCOME])
        out[2 * INCOME + t, :, t, INCOME] = d_mean / (HALF_UNIT / INCOME_UNIT)
        out[2 * INCOME + N_YEARS + t, :, t, INCOME] = d_sd / (HALF_UNIT / INCOME_UNIT)
    return out


def weighted_moments(weights: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and SD over the first axis: aweights, divisor n - 1."""
    n, share = len(weights), weights / weights.sum()
    mean = share @ values
    return mean, np.sqrt(n / (n - 1) * (share @ (values - mean) ** 2))


def weighted_moment_gradients(weights: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differentiate `weighted_moments` of one column by its values."""
    n, share = len(weights), weights / weights.sum()
    mean, sd = weighted_moments(weights, values)
    return share, n / (n - 1) * share * (values - mean) / sd


def freeze_cells(box: Box, cells: np.ndarray, frozen: np.ndarray) -> Box:
    """Pin some cells where they are."""
    return replace(box, lower=np.where(frozen, cells, box.lower), upper=np.where(frozen, cells, box.upper))
