r"""Stage 1: populations, which are also the weights.

Model 1 has year dummies only, so its standard errors depend on nothing but the weights and sigma_1:
with q_it = w_it / w_i. the Gram matrix of the demeaned dummies is
``G = sum_i [diag(w_i) - w_i w_i' / w_i.]`` (rows and columns 2016-2019), ``V = G^-1``,
``SE_t = sigma_1 sqrt(V_tt)`` and ``SE(const)^2 = sigma_1^2 (1/N + s'Vs)``.

The derivatives are ``dV_tt/dw_iu = -((e_u - q_i)' V_t)^2`` and, with ``a = V s``,
``d(s'Vs)/dw_iu = 2 a_u / N - ((e_u - q_i)' a)^2``, ``e_2015 = 0``.

Log populations are ``base + sum_k prior_k z_ik phi_k(t)`` with independent standard normal z. The panel is
the ridge (posterior mode) solution ``min |z|^2 + |f|^2 / rho^2``, f the distances from the printed cells in
half units: exact targets would demand absurd growth, a place inside the rounding interval does not.
"""

from dataclasses import dataclass

import numpy as np

from kostnadsvekst.errors import CalibrationError
from kostnadsvekst.synthetic.panel.printed import (
    HALF_UNIT,
    N_OBS,
    N_UNITS,
    N_YEARS,
    Printed,
)
from kostnadsvekst.synthetic.panel.targets import complex_step_jacobian, pooled_moments

# Population of Norway on 1 January 2016-2020 (SSB), and of its capital, whose maximum table A2 prints.
NATIONAL_POPULATION = np.array([5213985.0, 5258317.0, 5295619.0, 5328212.0, 5367580.0])
LARGEST_UNIT = np.array([658390.0, 666759.0, 673469.0, 681071.0, 693494.0])
SMALLEST_UNIT = np.array([762.0, 755.0, 748.0, 741.0, 730.0])
SECOND_UNIT = 270_000.0
COVERAGE = 0.968  # of the national population; the mean and SD of table A2 ask for it

# Time shape of the differences in growth between units: the composition effect in table A1 (yearly means
# against model 1's year effects) grows in these proportions.
GROWTH_SHAPE = np.cumsum([0.0, 0.72, 1.0, 1.04, 1.24]) / 4.0
TIME_BASIS = np.array(
    [
        [1.0, 1.0, 1.0, 1.0, 1.0],
        GROWTH_SHAPE,
        [1.0, -0.5, -1.0, -0.5, 1.0],
        [-0.5, 1.0, 0.0, -1.0, 0.5],
        [1 / 6, -4 / 6, 1.0, -4 / 6, 1 / 6],
    ]
)
PRIOR_SD = np.array([0.15, 0.012, 0.0015, 0.0008, 0.0006])
FLEXIBLE_BELOW = 9000.0
RHO = 0.08
MAX_HALF_UNITS = 0.9
TOTAL_TOLERANCE = 0.004


@dataclass(frozen=True)
class Populations:
    """Result of stage 1.

    Attributes
    ----------
    persons : ndarray of int, shape (365, 5)
        Largest unit first, then by falling size; the smallest unit is last.
    sigma_1 : float
        Residual SD of model 1 that its five printed standard errors imply, kr at weight 1.
    """

    persons: np.ndarray
    sigma_1: float


@dataclass(frozen=True)
class WeightStatistics:
    """Statistics of the weights and their derivatives.

    Attributes
    ----------
    values : ndarray, shape (12,)
        Five shares, mean and SD of population (10,000), then the variances of the four year effects and of
        the constant at sigma_1 = 1.
    gradient : ndarray, shape (12, 365, 5)
        With respect to the populations.
    """

    values: np.ndarray
    gradient: np.ndarray


def fit_populations(printed: Printed, rng: np.random.Generator) -> Populations:
    """Find populations with the weight-only cells of the tables.

    Parameters
    ----------
    printed : Printed
    rng : Generator

    Returns
    -------
    Populations

    Raises
    ------
    CalibrationError
        If a cell is missed by more than `MAX_HALF_UNITS`.
    """
    base = np.log(draw_start(rng))
    persons, sigma_1 = _fit_ridge(base, printed)
    persons = round_keeping_totals(persons)
    persons = persons[np.argsort(-persons[:, 0], kind="stable")]
    _, sigma_1 = confine_sigma_1(persons, printed)
    misfit = np.abs(_cell_residuals(weight_statistics(persons).values, sigma_1, printed))
    if misfit.max() > MAX_HALF_UNITS:
        raise CalibrationError(
            f"populations miss a printed cell by {misfit.max():.2f} half units of its last digit"
        )
    return Populations(persons.astype(np.int64), sigma_1)


def draw_start(rng: np.random.Generator) -> np.ndarray:
    """Plausible populations: a lognormal size distribution, the larger units growing faster.

    Returns
    -------
    ndarray, shape (365, 5)
        Scaled to `COVERAGE` of the national population in each year.
    """
    ranks = (np.arange(1, N_UNITS - 1) - 0.5) / (N_UNITS - 2)
    quantile = np.sort(_normal_quantile(1 - ranks) + 0.02 * rng.standard_normal(ranks.size))[::-1]
    size = np.hypot(np.exp(8.63 + 1.24 * quantile), 780.0)
    size[0] = SECOND_UNIT
    standardised = (np.log(size) - np.log(size).mean()) / np.log(size).std()
    growth = 0.018 + 0.012 * standardised + 0.022 * rng.standard_normal(size.size)
    wobble = 0.002 * rng.standard_normal((size.size, N_YEARS)) * np.minimum(1, 9000 / size)[:, None] ** 0.5
    free = size[:, None] * np.exp(growth[:, None] * GROWTH_SHAPE + wobble)
    free = np.maximum(free, 775.0)
    rest = COVERAGE * NATIONAL_POPULATION - LARGEST_UNIT - SMALLEST_UNIT
    free = free * rest / free.sum(axis=0)
    return np.vstack([LARGEST_UNIT, free, SMALLEST_UNIT])


def _normal_quantile(p: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    quantile: np.ndarray = ndtri(p)
    return quantile


def weight_statistics(persons: np.ndarray) -> WeightStatistics:
    """Statistics that depend on the populations alone, with analytic derivatives.

    Parameters
    ----------
    persons : ndarray, shape (365, 5)
    """
    total = persons.sum()
    w = N_OBS * persons / total
    q = w / w.sum(axis=1, keepdims=True)
    gram = np.diag(w.sum(axis=0)) - w.T @ q
    V = np.zeros((N_YEARS, N_YEARS))
    V[1:, 1:] = np.linalg.inv(gram[1:, 1:])
    shares = w.sum(axis=0) / N_OBS
    a = V @ shares
    mean, sd, moment_gradient = _size_moments(persons)
    values = np.concatenate([shares, [mean, sd], np.diag(V)[1:], [1 / N_OBS + shares @ a]])

    by_weight = np.zeros((values.size, N_UNITS, N_YEARS))
    by_weight[np.arange(5), :, np.arange(5)] = 1 / N_OBS
    columns = np.vstack([V[1:], a])  # (5, years)
    lever = columns[:, None, :] - (q @ columns.T).T[:, :, None]
    by_weight[7:] = -(lever**2)
    by_weight[11] += 2 * a / N_OBS
    # Weights are scaled to sum to N, so only changes in proportion count.
    by_weight -= np.einsum("rit,it->r", by_weight, w)[:, None, None] / N_OBS
    gradient = by_weight * (N_OBS / total)
    gradient[5:7] = moment_gradient
    return WeightStatistics(values, gradient)


def _size_moments(persons: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Weighted mean and SD of population in 10,000, and their gradients (2, 365, 5)."""
    x, total = persons / 1e4, persons.sum()
    share = persons / total
    mean = float((share * x).sum())
    correction = N_OBS / (N_OBS - 1)
    sd = float(np.sqrt(correction * ((share * x**2).sum() - mean**2)))
    d_mean = (2 * x - mean) / total
    d_square = (3 * x**2 - (share * x**2).sum()) / total
    return mean, sd, np.stack([d_mean, correction * (d_square - 2 * mean * d_mean) / (2 * sd)])


def _cell_residuals(values: np.ndarray, sigma_1: float | np.ndarray, printed: Printed) -> np.ndarray:
    """Distances from the printed cells in half units, shape (12,): 5 from the shares, then as `values`."""
    shares = values[:5]
    y_mean, y_sd = pooled_moments(printed.expenditure.mean, printed.expenditure.std_dev, shares)
    f_mean, f_sd = pooled_moments(printed.income.mean, printed.income.std_dev, shares)
    constant = y_mean - shares[1:] @ printed.slopes[0, :4]
    ses = sigma_1 * np.sqrt(values[7:])
    model = [y_mean, y_sd, f_mean, f_sd, constant, values[5], values[6], *ses]
    cells = [
        printed.expenditure_pooled.mean,
        printed.expenditure_pooled.std_dev,
        printed.income_pooled.mean,
        printed.income_pooled.std_dev,
        printed.constants[0],
        printed.population_10k.mean,
        printed.population_10k.std_dev,
        *printed.slope_ses[0, :4],
        printed.constant_ses[0],
    ]
    gaps: np.ndarray = (np.array(model) - np.array(cells)) / HALF_UNIT
    return gaps


def _fit_ridge(base: np.ndarray, printed: Printed, iterations: int = 60) -> tuple[np.ndarray, float]:
    """Gauss-Newton in dual form: ``z = -J'(JJ' + rho^2 I)^-1 (f - J z)``, with a step limit."""
    flexible = np.ones((N_UNITS, len(PRIOR_SD)))
    flexible[:, 1:] = np.minimum(1.0, (FLEXIBLE_BELOW / np.exp(base[:, :1])) ** 0.5)
    flexible[[0, -1]] = 0.0
    spread = flexible[:, :, None] * PRIOR_SD[:, None] * TIME_BASIS  # (365, 5 coefficients, years)
    z = np.zeros((N_UNITS, len(PRIOR_SD)))
    log_sigma = np.log(1197.7)
    target_total = COVERAGE * NATIONAL_POPULATION.sum()
    for _ in range(iterations):
        persons = np.exp(base + np.einsum("ik,ikt->it", z, spread))
        stats = weight_statistics(persons)
        point = np.append(stats.values, log_sigma)

        def residuals(v: np.ndarray) -> np.ndarray:
            return _cell_residuals(v[:-1], np.exp(v[-1]), printed)

        f = np.append(residuals(point), np.log(persons.sum() / target_total) / TOTAL_TOLERANCE * RHO)
        outer = complex_step_jacobian(residuals, point)
        by_log = np.concatenate(
            [
                np.einsum("rs,sit->rit", outer[:, :-1], stats.gradient) * persons,
                (persons / persons.sum() / TOTAL_TOLERANCE * RHO)[None],
            ]
        )
        by_z = np.einsum("rit,ikt->rik", by_log, spread).reshape(f.size, -1)
        # sigma_1 is free: a parameter with a wide prior.
        J = np.column_stack([by_z, np.append(outer[:, -1], 0.0) * 0.1])
        current = np.append(z.ravel(), (log_sigma - np.log(1197.7)) / 0.1)
        K = J @ J.T + RHO**2 * np.eye(f.size)
        proposal = -J.T @ np.linalg.solve(K, f - J @ current)
        step = proposal - current
        limit = min(1.0, 1.0 / max(np.abs(step[:-1]).max(), 1e-12))
        z = z + limit * step[:-1].reshape(z.shape)
        log_sigma += 0.1 * limit * step[-1]
        if limit == 1.0 and np.abs(step).max() < 1e-8:
            break
    return np.exp(base + np.einsum("ik,ikt->it", z, spread)), float(np.exp(log_sigma))


def round_keeping_totals(persons: np.ndarray) -> np.ndarray:
    """Whole persons, with each year's total rounded (largest remainders)."""
    whole: np.ndarray = np.floor(persons)
    missing = np.round(persons.sum(axis=0)).astype(int) - whole.sum(axis=0).astype(int)
    order = np.argsort(whole - persons, axis=0, kind="stable")
    for t in range(N_YEARS):
        whole[order[: missing[t], t], t] += 1
    return whole


def confine_sigma_1(persons: np.ndarray, printed: Printed) -> tuple[float, float]:
    """Width and middle of the interval for sigma_1 that the five printed standard errors leave."""
    unit_ses = np.sqrt(weight_statistics(persons).values[7:])
    cells = np.append(printed.slope_ses[0, :4], printed.constant_ses[0])
    low = ((cells - HALF_UNIT) / unit_ses).max()
    high = ((cells + HALF_UNIT) / unit_ses).min()
    return float(high - low), float((low + high) / 2)
