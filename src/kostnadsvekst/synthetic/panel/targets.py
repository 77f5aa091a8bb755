r"""Unrounded numbers that could stand behind the printed ones: nearest consistent targets.

The printed cells obey exact identities, but only inside their rounding intervals. Fitting data to the
rounded values would mean fitting contradictions, so the numbers nearest to the printed cells that satisfy
the identities are found first: with theta the unrounded and theta0 the printed cells, minimise
``sum ((theta - theta0) / half unit)^2`` subject to ``c(theta) = 0``.

The identities:

a) Model 3 adds one variable to model 2. With ``t`` the t-ratio of that variable and
   ``r = df_2 / (df_3 + t^2)`` the ratio of the residual variances, for each common term and the constant
   ``SE3_j^2 = r SE2_j^2 + (b2_j - b3_j)^2 / t^2`` and ``SE3 = b3 / t`` for the variable itself
   (Frisch-Waugh-Lovell; one unknown, 18 equations).
b) ``const_m = ybar - xbar' b_m``.
c) Pooled means and standard deviations are functions of the yearly ones and of the weight shares s_t.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kostnadsvekst.errors import CalibrationError
from kostnadsvekst.synthetic.panel.printed import (
    DF_RESID,
    FREE_INCOME,
    HALF_UNIT,
    INCOME_UNIT,
    MODEL_SIZES,
    N_OBS,
    N_UNITS,
    TERM_SCALE,
    Printed,
)

Conditions = Callable[[np.ndarray], np.ndarray]

COMMON = MODEL_SIZES[1]
MAX_DISPLACEMENT = 0.9


@dataclass(frozen=True)
class Targets:
    """Unrounded cells, consistent with each other and with given weight shares.

    Attributes
    ----------
    slopes, slope_ses : ndarray, shape (4, 21)
        As in `Printed`; the standard errors of models 1 and 4 are the printed ones.
    constants, constant_ses : ndarray, shape (4,)
    expenditure_means, expenditure_sds, income_means, income_sds : ndarray, shape (5,)
        By year, kr per inhabitant.
    expenditure_mean, expenditure_sd : float
        Pooled.
    covariate_means : ndarray, shape (11,)
    income_t : float
        t-ratio of free income in model 3.
    displacement : float
        Largest distance from a printed cell, in half units of the last digit.
    """

    slopes: np.ndarray
    slope_ses: np.ndarray
    constants: np.ndarray
    constant_ses: np.ndarray
    expenditure_means: np.ndarray
    expenditure_sds: np.ndarray
    income_means: np.ndarray
    income_sds: np.ndarray
    expenditure_mean: float
    expenditure_sd: float
    covariate_means: np.ndarray
    income_t: float
    displacement: float


def solve_targets(printed: Printed, shares: np.ndarray, population_10k_mean: float) -> Targets:
    """Find the consistent numbers nearest to the printed cells.

    Parameters
    ----------
    printed : Printed
    shares : ndarray, shape (5,)
        Weight share of each year, summing to 1.
    population_10k_mean : float
        Weighted mean population in 10,000.

    Returns
    -------
    Targets

    Raises
    ------
    CalibrationError
        If no consistent numbers lie inside the rounding intervals.
    """
    cells, half_units = _stack(printed)

    def residuals(theta: np.ndarray) -> np.ndarray:
        return _identities(_unstack(theta), shares, population_10k_mean)

    theta = solve_least_norm(cells, half_units, residuals)
    # The t-ratio (last entry) is no cell; everything else must round to what was printed.
    displacement = float(np.max(np.abs(theta - cells)[:-1] / half_units[:-1]))
    if not displacement < MAX_DISPLACEMENT:
        raise CalibrationError(
            f"the nearest consistent numbers lie {displacement:.2f} half units from the printed cells"
        )
    return _as_targets(printed, _unstack(theta), displacement)


def solve_least_norm(
    start: np.ndarray, scale: np.ndarray, residuals: Conditions, iterations: int = 20
) -> np.ndarray:
    """Nearest point to ``start`` in the metric ``scale`` with ``residuals(point) = 0``, by Newton steps.

    Each step solves the linearised problem: with J the Jacobian at theta and D = diag(scale),
    ``theta <- start + D (J D)^+ (J (theta - start) - c(theta))``.

    Parameters
    ----------
    start, scale : ndarray, shape (n,)
    residuals : callable
        Analytic function of (n,) complex to (m,), m < n; differentiated by complex steps.
    iterations : int
    """
    theta = start.copy()
    for _ in range(iterations):
        jacobian = complex_step_jacobian(residuals, theta)
        gap = jacobian @ (theta - start) - residuals(theta)
        size = np.linalg.norm(jacobian * scale, axis=1)
        step = np.linalg.lstsq(jacobian * scale / size[:, None], gap / size, rcond=1e-13)[0]
        new: np.ndarray = start + scale * step
        if np.max(np.abs(new - theta) / scale) < 1e-10:
            return new
        theta = new
    return theta


def complex_step_jacobian(function: Conditions, point: np.ndarray) -> np.ndarray:
    """Jacobian of an analytic function, exact to rounding (Squire and Trapp 1998)."""
    step = 1e-30
    columns = []
    for k in range(point.size):
        moved = point.astype(complex)
        moved[k] += 1j * step
        columns.append(np.imag(function(moved)) / step)
    return np.stack(columns, axis=1)


# Layout of theta: name -> how to find the printed value, and its length.
_BLOCKS = (
    ("b1", 4),
    ("b2", 16),
    ("b3", 17),
    ("b4", 21),
    ("se2", 16),
    ("se3", 17),
    ("constants", 4),
    ("constant_ses", 4),
    ("y_means", 5),
    ("y_sds", 5),
    ("f_means", 5),
    ("f_sds", 5),
    ("y_mean", 1),
    ("y_sd", 1),
    ("f_mean", 1),
    ("f_sd", 1),
    ("x_means", 11),
    ("t", 1),
)


def _stack(printed: Printed) -> tuple[np.ndarray, np.ndarray]:
    values = {
        **{f"b{m + 1}": printed.slopes[m, :size] for m, size in enumerate(MODEL_SIZES)},
        "se2": printed.slope_ses[1, :COMMON],
        "se3": printed.slope_ses[2, : COMMON + 1],
        "constants": printed.constants,
        "constant_ses": printed.constant_ses,
        "y_means": printed.expenditure.mean,
        "y_sds": printed.expenditure.std_dev,
        "f_means": printed.income.mean,
        "f_sds": printed.income.std_dev,
        "y_mean": printed.expenditure_pooled.mean,
        "y_sd": printed.expenditure_pooled.std_dev,
        "f_mean": printed.income_pooled.mean,
        "f_sd": printed.income_pooled.std_dev,
        "x_means": printed.covariates.mean,
        "t": printed.slopes[2, FREE_INCOME] / printed.slope_ses[2, FREE_INCOME],
    }
    scales: dict[str, np.ndarray | float] = {
        **{f"b{m + 1}": TERM_SCALE[:size] for m, size in enumerate(MODEL_SIZES)},
        "se2": TERM_SCALE[:COMMON],
        "se3": TERM_SCALE[: COMMON + 1],
        "t": 1e3,
    }
    half = [np.broadcast_to(HALF_UNIT * scales.get(name, 1.0), (size,)) for name, size in _BLOCKS]
    return np.concatenate([np.atleast_1d(values[name]) for name, _ in _BLOCKS]), np.concatenate(half)


def _unstack(theta: np.ndarray) -> dict[str, np.ndarray]:
    ends = np.cumsum([size for _, size in _BLOCKS])[:-1]
    return dict(zip((name for name, _ in _BLOCKS), np.split(theta, ends), strict=True))


def _identities(cells: dict[str, np.ndarray], shares: np.ndarray, population_10k_mean: float) -> np.ndarray:
    return np.concatenate(
        [
            added_variable_identity(cells),
            _constant_identities(cells, shares, population_10k_mean),
            _pooling_identities(cells, shares),
        ]
    )


def added_variable_identity(cells: dict[str, np.ndarray]) -> np.ndarray:
    """Residuals of identity (a): 16 slopes, the constant, and the added variable itself."""
    t2 = cells["t"] ** 2
    ratio = DF_RESID[1] / (DF_RESID[2] + t2)
    se2 = np.append(cells["se2"], cells["constant_ses"][1])
    se3 = np.append(cells["se3"][:COMMON], cells["constant_ses"][2])
    moved = np.append(cells["b2"] - cells["b3"][:COMMON], cells["constants"][1] - cells["constants"][2])
    common = se3**2 - ratio * se2**2 - moved**2 / t2
    return np.append(common, cells["se3"][FREE_INCOME] * cells["t"] - cells["b3"][FREE_INCOME])


def _constant_identities(
    cells: dict[str, np.ndarray], shares: np.ndarray, population_10k_mean: float
) -> np.ndarray:
    income = cells["f_means"] / INCOME_UNIT
    xbar = np.concatenate(
        [
            shares[1:],
            cells["x_means"],
            [population_10k_mean],
            [shares @ income],
            shares[1:] * income[1:],
        ]
    )
    fitted = [xbar[: MODEL_SIZES[m]] @ cells[f"b{m + 1}"] for m in range(4)]
    gaps: np.ndarray = cells["constants"] - cells["y_mean"] + np.array(fitted)
    return gaps


def _pooling_identities(cells: dict[str, np.ndarray], shares: np.ndarray) -> np.ndarray:
    out = []
    for v in ("y", "f"):
        mean, sd = pooled_moments(cells[f"{v}_means"], cells[f"{v}_sds"], shares)
        out += [cells[f"{v}_mean"] - mean, cells[f"{v}_sd"] - sd]
    return np.concatenate(out)


def pooled_moments(means: np.ndarray, sds: np.ndarray, shares: np.ndarray) -> tuple[float, float]:
    """Pooled mean and SD from yearly ones: Stata's aweights, divisor n - 1 by year and pooled."""
    mean = shares @ means
    variances = sds**2 * (N_UNITS - 1) / N_UNITS
    total = shares @ (variances + means**2) - mean**2
    return mean, np.sqrt(total * N_OBS / (N_OBS - 1))


def _as_targets(printed: Printed, cells: dict[str, np.ndarray], displacement: float) -> Targets:
    slopes, slope_ses = printed.slopes.copy(), printed.slope_ses.copy()
    for m, size in enumerate(MODEL_SIZES):
        slopes[m, :size] = cells[f"b{m + 1}"]
    slope_ses[1, :COMMON] = cells["se2"]
    slope_ses[2, : COMMON + 1] = cells["se3"]
    return Targets(
        slopes=slopes,
        slope_ses=slope_ses,
        constants=cells["constants"],
        constant_ses=cells["constant_ses"],
        expenditure_means=cells["y_means"],
        expenditure_sds=cells["y_sds"],
        income_means=cells["f_means"],
        income_sds=cells["f_sds"],
        expenditure_mean=float(cells["y_mean"][0]),
        expenditure_sd=float(cells["y_sd"][0]),
        covariate_means=cells["x_means"],
        income_t=float(cells["t"][0]),
        displacement=displacement,
    )
