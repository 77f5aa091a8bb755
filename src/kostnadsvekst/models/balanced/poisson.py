"""Poisson pseudo-maximum likelihood with unit and period effects (PPML)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.balanced.projection import build_projector
from kostnadsvekst.models.balanced.separation import (
    Separation,
    find_separation,
    independent,
    not_identified,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

# Largest last step of a coefficient, in units of its standard error, and of the fit as a whole, in units of
# the log likelihood; convergence is quadratic, so what is left is far smaller.
TOLERANCE = 1e-5
MAX_ITERATIONS = 60
_FIT_TOLERANCE = 1e-8
_MAX_HALVINGS = 30
# Largest log of a fitted value: beyond it a step is halved, so that no value overflows.
_LARGEST_LOG = 600.0
# Names of regressors that are listed at most.
_LISTED = 10


@dataclass(frozen=True, slots=True)
class PoissonFit:
    """Coefficients of k regressors in log E[y] with unit and period effects.

    Attributes
    ----------
    coefficients : (k,) array
        NaN where separated cells alone identified a regressor.
    clustered : (k, k) array
        Sandwich covariance clustered by unit, factor M / (M - 1); NaN likewise.
    n_obs, n_units : int
        Cells and units used.
    separation : Separation
        What was left out because it carries no information.
    iterations : int
    """

    coefficients: Floats
    clustered: Floats
    n_obs: int
    n_units: int
    separation: Separation
    iterations: int

    @property
    def n_separated(self) -> int:
        """Cells left out because they carry no information."""
        return self.separation.by_effects + self.separation.by_regressors


def fit_poisson(
    y: Floats,
    X: Floats,
    present: Bools,
    classes: Ints,
    names: Sequence[str] | None = None,
    offset: Floats | None = None,
) -> PoissonFit:
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
    names : sequence of str, optional
        Of the regressors, for messages.
    offset : (N, T) array, optional
        Added to log E[y] with coefficient one, such as the log of persons.

    Returns
    -------
    PoissonFit

    Raises
    ------
    SpecificationError
        If nothing is left after cells that carry no information, all regressors are separated (named), some
        are collinear (named), fewer than two units are left to cluster by, or the iteration does not
        converge.

    Notes
    -----
    Santos Silva and Tenreyro (2006); the two-way step with weights is `projection`, the sandwich as in
    Correia, Guimarães and Zylkin (2020). Cells that have no finite maximum are left out first, as Correia,
    Guimarães and Zylkin (2019) show that they must: without them the coefficients that exist are the same.
    A regressor that only such cells identified has no estimate.
    """
    labels = [f"regressor {j + 1}" for j in range(len(X))] if names is None else list(names)
    separation = find_separation(y, X, present, classes)
    used = separation.used
    if not used.any():
        raise SpecificationError("no unit has a positive count")
    kept = _identified(X, separation, present, classes, labels)
    y, X = np.where(used, y, 0.0), np.where(used, X, 0.0)
    base = np.zeros_like(y) if offset is None else np.where(used, offset, 0.0)
    state = _iterate(y, X[kept], used, classes, base)
    return _result(state, kept, len(X), y, separation)


def _identified(X: Floats, separation: Separation, present: Bools, classes: Ints, labels: list[str]) -> Ints:
    """Regressors to fit with; refuses what is collinear, and what leaves none."""
    if len(separation.omitted) == len(X):
        raise SpecificationError(separation_message([labels[j] for j in separation.omitted], separation))
    if separation.omitted:
        return independent(X, separation.used, classes)
    involved = not_identified(X, separation.used, classes)
    if involved:
        listed = ", ".join([labels[j] for j in involved][:_LISTED])
        raise SpecificationError(f"a regressor is collinear with the others or with the effects: {listed}")
    return np.arange(len(X))


def separation_message(names: Sequence[str], separation: Separation) -> str:
    """Say which regressors have no estimate because cells with a count of zero separate them."""
    return (
        f"no estimate exists for {', '.join(names)}: all that identifies it are {separation.by_regressors} "
        "cell(s) with a count of zero, so the maximum of the likelihood lies at infinity; leave it out, or "
        "take a longer period or a wider outcome in which these cells have a count"
    )


@dataclass(frozen=True, slots=True)
class _State:
    """Last iterate: coefficients, fitted values and the regressors' weighted deviations from the effects."""

    b: Floats
    mu: Floats
    within: Floats
    iterations: int


def _iterate(y: Floats, X: Floats, used: Bools, classes: Ints, offset: Floats) -> _State:
    """Newton's method in steps: each corrects the rounding of those before."""
    start = np.log(np.where(used, _margins(y, used, classes), 1.0)) + offset - offset.mean(where=used)
    eta, b = np.where(used, start, 0.0), np.zeros(len(X))
    mu = _mean(eta, used)
    for iteration in range(1, MAX_ITERATIONS + 1):
        working = np.where(used, (y - mu) / np.where(used, mu, 1.0), 0.0)
        residual = build_projector(mu, classes).residuals(np.concatenate([X, working[None]]))
        delta, std_error = _weighted_solve(residual, mu)
        step = np.where(used, working - residual[-1] + np.tensordot(delta, residual[:-1], 1), 0.0)
        size, eta, mu = _halved(y, eta, step, used)
        b = b + size * delta
        settled = (np.abs(delta) <= TOLERANCE * std_error).all() and (mu * step**2).sum() <= _FIT_TOLERANCE
        if settled and iteration > 1:
            within = build_projector(mu, classes).residuals(X)
            return _State(b, mu, within, iteration)
    raise SpecificationError(f"Poisson regression has not converged in {MAX_ITERATIONS} iterations")


def _mean(eta: Floats, used: Bools) -> Floats:
    return np.where(used, np.exp(np.clip(eta, -_LARGEST_LOG, _LARGEST_LOG)), 0.0)


def _halved(y: Floats, eta: Floats, step: Floats, used: Bools) -> tuple[float, Floats, Floats]:
    """Size of a step that does not lower the likelihood, and where it leads."""
    before, size = _loss(y, eta, used), 1.0
    for _ in range(_MAX_HALVINGS):
        further = eta + size * step
        if further.max() < _LARGEST_LOG and _loss(y, further, used) <= before + 1e-9 * (1.0 + abs(before)):
            break
        size /= 2
    return size, further, _mean(further, used)


def _loss(y: Floats, eta: Floats, used: Bools) -> float:
    """Negative log likelihood, without what does not depend on the fit."""
    return float((_mean(eta, used) - y * eta).sum())


def _margins(y: Floats, used: Bools, classes: Ints) -> Floats:
    """Multiply unit and period means: the fit without regressors on a complete grid."""
    indicator = (classes[:, None] == np.arange(classes.max() + 1)).astype(np.float64)
    by_unit = y.sum(1) / np.maximum(used.sum(1), 1)
    by_class = (y.sum(0) @ indicator) / np.maximum(used.sum(0) @ indicator, 1)
    return np.where(used, by_unit[:, None] * by_class[classes] / y[used].mean(), 0.0)


def _weighted_solve(residual: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Step of the coefficients, and their standard errors for a count that is Poisson."""
    k = len(residual) - 1
    flat = residual.reshape(k + 1, -1)
    gram = (flat * weights.ravel()) @ flat.T
    length = np.sqrt(np.diag(gram)[:k])
    length = np.where(length > 0, length, 1.0)
    scaled = gram[:k, :k] / np.outer(length, length)
    # A pseudo-inverse: what is hardly identified now may be so at a later iterate.
    inverse = np.linalg.pinv(scaled, rcond=1e-14, hermitian=True)
    return inverse @ (gram[:k, k] / length) / length, np.sqrt(np.abs(np.diag(inverse))) / length


def _result(state: _State, kept: Ints, k: int, y: Floats, separation: Separation) -> PoissonFit:
    """Coefficients with the sandwich: the bread times each unit's score first, then squared."""
    n_units = int(separation.used.any(1).sum())
    if n_units < 2:
        raise SpecificationError("standard errors clustered by unit need two units with a positive count")
    root = (state.within * np.sqrt(state.mu)).reshape(len(kept), -1).T
    length = np.linalg.norm(root, axis=0)
    triangle: Floats = np.asarray(np.linalg.qr(root / length, mode="r"))
    scores = np.einsum("knt,nt->kn", state.within, y - state.mu) / length[:, None]
    moves = np.linalg.solve(triangle, np.linalg.solve(triangle.T, scores)) / length[:, None]
    b, V = np.full(k, np.nan), np.full((k, k), np.nan)
    b[kept], V[np.ix_(kept, kept)] = state.b, n_units / (n_units - 1) * moves @ moves.T
    gone = list(separation.omitted)
    b[gone], V[gone], V[:, gone] = np.nan, np.nan, np.nan
    return PoissonFit(b, V, int(separation.used.sum()), n_units, separation, state.iterations)
