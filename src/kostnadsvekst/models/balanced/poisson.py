"""Poisson pseudo-maximum likelihood with unit and period effects (PPML)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.balanced.projection import build_projector

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

# Largest last step of a coefficient, in units of its standard error; convergence is quadratic, so what is
# left is far smaller.
TOLERANCE = 1e-5
MAX_ITERATIONS = 60


@dataclass(frozen=True, slots=True)
class PoissonFit:
    """Coefficients of k regressors in log E[y] with unit and period effects.

    Attributes
    ----------
    coefficients : (k,) array
    clustered : (k, k) array
        Sandwich covariance clustered by unit, factor M / (M - 1).
    n_obs, n_units : int
        Cells and units used.
    n_separated : int
        Cells left out because the unit, or the period, has only zeros: they carry no information.
    iterations : int
    """

    coefficients: Floats
    clustered: Floats
    n_obs: int
    n_units: int
    n_separated: int
    iterations: int


def fit_poisson(y: Floats, X: Floats, present: Bools, classes: Ints) -> PoissonFit:
    """Fit by iteratively reweighted least squares.

    Parameters
    ----------
    y : (N, T) array
        Counts, not negative.
    X : (k, N, T) array
    present : (N, T) boolean array
        Cells with an observation.
    classes : (T,) integer array
        Period effects, codes 0 ... C - 1.

    Returns
    -------
    PoissonFit

    Raises
    ------
    SpecificationError
        If nothing is left after cells that carry no information, a regressor is collinear, or the
        iteration does not converge.

    Notes
    -----
    Santos Silva and Tenreyro (2006); the two-way step with weights is `projection`, the sandwich as in
    Correia, Guimaraes and Zylkin (2020), with units of zeros only left out as they describe.
    """
    used = _informative(y, present, classes)
    if not used.any():
        raise SpecificationError("no unit has a positive count")
    y, X = np.where(used, y, 0.0), np.where(used, X, 0.0)
    mu = _margins(y, used, classes)
    eta, last = np.log(np.where(used, mu, 1.0)), np.full(len(X), np.inf)
    for iteration in range(1, MAX_ITERATIONS + 1):
        working = eta + np.where(used, (y - mu) / np.where(used, mu, 1.0), 0.0)
        residual = build_projector(mu, classes).residuals(np.concatenate([X, working[None]]))
        b, bread = _weighted_solve(residual, mu)
        eta = np.where(used, working - residual[-1] + np.tensordot(b, residual[:-1], 1), 0.0)
        mu = np.where(used, np.exp(np.clip(eta, -30, 30)), 0.0)
        if (np.abs(b - last) <= TOLERANCE * np.sqrt(np.diag(bread))).all():
            return _result(residual[:-1], y - mu, b, bread, used, present, iteration)
        last = b
    raise SpecificationError(f"Poisson regression has not converged in {MAX_ITERATIONS} iterations")


def _informative(y: Floats, present: Bools, classes: Ints) -> Bools:
    used = present.copy()
    indicator = classes[:, None] == np.arange(classes.max() + 1)
    while True:
        positive = np.where(used, y, 0.0)
        units = positive.sum(1) > 0
        periods = ((positive.sum(0) @ indicator) > 0)[classes]
        kept = used & units[:, None] & periods
        if (kept == used).all():
            return used
        used = kept


def _margins(y: Floats, used: Bools, classes: Ints) -> Floats:
    """Multiply unit and period means: the fit without regressors on a complete grid."""
    indicator = (classes[:, None] == np.arange(classes.max() + 1)).astype(np.float64)
    by_unit = y.sum(1) / np.maximum(used.sum(1), 1)
    by_class = (y.sum(0) @ indicator) / np.maximum(used.sum(0) @ indicator, 1)
    return np.where(used, by_unit[:, None] * by_class[classes] / y[used].mean(), 0.0)


def _weighted_solve(residual: Floats, weights: Floats) -> tuple[Floats, Floats]:
    k = len(residual) - 1
    flat = residual.reshape(k + 1, -1)
    gram = (flat * weights.ravel()) @ flat.T
    length = np.sqrt(np.diag(gram)[:k])
    if not (length > 0).all() or np.linalg.cond(gram[:k, :k] / np.outer(length, length)) > 1e12:
        raise SpecificationError("a regressor is collinear with the others or with the effects")
    bread = np.linalg.inv(gram[:k, :k]).astype(np.float64)
    return bread @ gram[:k, k], bread


def _result(
    X: Floats,
    errors: Floats,
    b: Floats,
    bread: Floats,
    used: Bools,
    present: Bools,
    iteration: int,
) -> PoissonFit:
    scores = np.einsum("knt,nt->nk", X, errors)
    n_units = int(used.any(1).sum())
    return PoissonFit(
        coefficients=b,
        clustered=n_units / (n_units - 1) * bread @ (scores.T @ scores) @ bread,
        n_obs=int(used.sum()),
        n_units=n_units,
        n_separated=int(present.sum() - used.sum()),
        iterations=iteration,
    )
