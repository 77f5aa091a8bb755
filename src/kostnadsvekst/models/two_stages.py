"""Two-stage least squares with absorbed effects, on arrays.

Symbols are those of docs/notation.md. Everything is within the effects and multiplied by the square root of
the weights where it is squared: X = [X1 D] are the regressors, of which the p columns of D are endogenous,
Z = [X1 Z2] the instruments, q of them excluded from the equation. With P the weighted projection on Z the
coefficients are those of y on PX, and the residuals e = y - Xb are those of X itself. A fit is therefore a
`WithinFit` whose columns are PX and whose residuals are e: its scores, and so its covariances, are those of
two-stage least squares (Wooldridge 2010, section 5.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models import inference
from kostnadsvekst.models.covariance_facts import CovarianceFacts
from kostnadsvekst.models.fixed_effects import WithinFit, fit_within
from kostnadsvekst.models.inference import Covariance

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# A column of D is explained in full when the first stage leaves less than this share of its within length.
EXPLAINED = 1e-9
# Share of the information on some combination that must be left without a cluster.
_IDENTIFIED = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class InstrumentalFit(WithinFit):
    """A second stage: as `WithinFit`, but ``X_within`` are the regressors' projections on the instruments.

    ``residuals`` and ``ssr`` are those of the regressors themselves.

    Attributes
    ----------
    regressors_within : (n, k) array
        The regressors minus their effects, not projected.
    instruments_within : (n, L) array
        All instruments minus their effects, the exogenous regressors first.
    """

    regressors_within: Floats = None  # type: ignore[assignment]
    instruments_within: Floats = None  # type: ignore[assignment]

    @property
    def X(self) -> Floats:
        """Regressors as they were, (n, k)."""
        return self.regressors_within + self._effects()[:, :-1]

    @property
    def y(self) -> Floats:
        """Outcome, (n,)."""
        outcome: Floats = self.regressors_within @ self.coefficients + self.residuals + self._effects()[:, -1]
        return outcome

    def _effects(self) -> Floats:
        effects = self.entity_means[self.entities]
        for codes, further in zip(self.absorbed, self.absorbed_effects, strict=True):
            effects = effects + further[codes]
        return effects


@dataclass(frozen=True, slots=True)
class TwoStages:
    """Fits of both stages; k1 exogenous regressors, p endogenous columns and q instruments were kept.

    Attributes
    ----------
    second : InstrumentalFit
    first : tuple of WithinFit
        Each endogenous column on exogenous regressors and instruments.
    reduced : WithinFit
        The outcome on the same.
    ols : WithinFit
        The outcome on exogenous regressors and endogenous columns.
    regressors, instruments : tuple of int
        Positions of the kept columns of X1 and of Z2.
    dropped_regressors, dropped_instruments : tuple of int
        Those left out as collinear.
    """

    second: InstrumentalFit
    first: tuple[WithinFit, ...]
    reduced: WithinFit
    ols: WithinFit
    regressors: tuple[int, ...]
    instruments: tuple[int, ...]
    dropped_regressors: tuple[int, ...]
    dropped_instruments: tuple[int, ...]

    @property
    def endogenous_within(self) -> Floats:
        """(n, p) endogenous columns minus their effects."""
        return self.second.regressors_within[:, len(self.regressors) :]

    @property
    def first_residuals(self) -> Floats:
        """(n, p) residuals of the first stages."""
        return np.column_stack([fit.residuals for fit in self.first])


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of a model with instruments, and their names; n rows.

    Attributes
    ----------
    y : (n,) array
    X, D, Z : (n, k1), (n, p) and (n, q) arrays
        Exogenous regressors, endogenous columns, excluded instruments.
    weights : (n,) array
    effects : tuple of (n,) integer arrays
        Codes of the sets of effects, at least one.
    names : tuple of three tuples of str
        Of the columns of X, D and Z.
    """

    y: Floats
    X: Floats
    D: Floats
    Z: Floats
    weights: Floats
    effects: tuple[Ints, ...]
    names: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]

    def fit(self, outcome: Floats, columns: Floats, names: Sequence[str]) -> WithinFit:
        """Regress one column on others within the effects."""
        first, *further = self.effects
        return fit_within(outcome, columns, self.weights, first, names, absorb=further)


def fit_two_stages(columns: Columns) -> TwoStages:
    """Two-stage least squares within the effects.

    Parameters
    ----------
    columns : Columns

    Returns
    -------
    TwoStages

    Raises
    ------
    SpecificationError
        If fewer instruments than endogenous columns are left once those that are collinear with the effects,
        the regressors or each other are out, if an endogenous column does not vary beside the regressors, or
        if the instruments do not explain the endogenous columns apart from each other: all are named.

    Notes
    -----
    The second stage is run on X1 and D less the first stages' residuals, whose effects and means are those
    of D itself.
    """
    regressors, endogenous, instruments = columns.names
    _refuse_too_few(instruments, endogenous, instruments)
    ols = columns.fit(columns.y, np.column_stack([columns.X, columns.D]), (*regressors, *endogenous))
    k1, p = len(regressors), len(endogenous)
    lost = [endogenous[j - k1] for j in ols.dropped if j >= k1]
    if lost:
        raise SpecificationError(
            f"the endogenous {', '.join(lost)} does not vary within the absorbed effects beside the other "
            "regressors: nothing is left to be explained; leave it out, or absorb fewer effects"
        )
    Z, names = np.column_stack([columns.X, columns.Z]), (*regressors, *instruments)
    try:
        first = tuple(columns.fit(columns.D[:, j], Z, names) for j in range(p))
    except SpecificationError as error:
        raise SpecificationError(f"the first stage cannot be fitted: {error}") from error
    kept = tuple(j - k1 for j in first[0].kept if j >= k1)
    _refuse_too_few([instruments[j] for j in kept], endogenous, instruments)
    second = _second_stage(columns, first, Z[:, list(first[0].kept)])
    return TwoStages(
        second=second,
        first=first,
        reduced=columns.fit(columns.y, Z, names),
        ols=ols,
        regressors=tuple(j for j in first[0].kept if j < k1),
        instruments=kept,
        dropped_regressors=tuple(j for j in first[0].dropped if j < k1),
        dropped_instruments=tuple(j - k1 for j in first[0].dropped if j >= k1),
    )


def _refuse_too_few(kept: Sequence[str], endogenous: Sequence[str], given: Sequence[str]) -> None:
    if len(kept) >= len(endogenous):
        return
    lost = [name for name in given if name not in kept]
    collinear = (
        f" ({', '.join(lost)} collinear with the effects, the regressors or each other)" if lost else ""
    )
    raise SpecificationError(
        f"not identified: {len(endogenous)} endogenous column(s), {', '.join(endogenous)}, and "
        f"{len(kept)} instrument(s) for them{collinear}; at least as many instruments are needed"
    )


def _second_stage(columns: Columns, first: Sequence[WithinFit], Z: Floats) -> InstrumentalFit:
    regressors, endogenous, _ = columns.names
    residuals, k1 = np.column_stack([fit.residuals for fit in first]), len(regressors)
    projected = np.column_stack([columns.X, columns.D - residuals])
    fit = columns.fit(columns.y, projected, (*regressors, *endogenous))
    lost = [endogenous[j - k1] for j in fit.dropped if j >= k1]
    if lost:
        raise SpecificationError(
            f"not identified: the instruments do not explain {', '.join(lost)} apart from the regressors and "
            "the other endogenous columns"
        )
    p = len(endogenous)
    within = fit.X_within.copy()
    within[:, -p:] += residuals
    actual = fit.residuals - residuals @ fit.coefficients[-p:]
    own: dict[str, Any] = {part.name: getattr(fit, part.name) for part in fields(WithinFit)}
    own |= {"residuals": actual, "ssr": float(fit.weights @ actual**2)}
    return InstrumentalFit(**own, regressors_within=within, instruments_within=first[0].X_within)


def as_its_own_instrument(fit: WithinFit) -> InstrumentalFit:
    """Write least squares as two stages in which each column is its own instrument."""
    own: dict[str, Any] = {part.name: getattr(fit, part.name) for part in fields(WithinFit)}
    return InstrumentalFit(**own, regressors_within=fit.X_within, instruments_within=fit.X_within)


def jackknife_two_stages(fit: InstrumentalFit, clusters: Ints) -> Covariance:
    """Cluster jackknife covariance CV3: both stages without each of M clusters in turn.

    Parameters
    ----------
    fit : InstrumentalFit
    clusters : (n,) integer array
        Codes 0 ... M - 1; every effect must be inside one cluster.

    Raises
    ------
    SpecificationError
        With fewer than two clusters, effects that span clusters, or where the model is not identified
        without some cluster.

    Notes
    -----
    The sum of squared changes from leaving out one cluster, times (M - 1)/M, as MacKinnon, Nielsen and Webb
    (2023, equation 15) have it for least squares. Tests use t with M - 1 degrees of freedom.
    """
    n_clusters = inference.count_clusters(clusters)
    if not all(inference.nests(clusters, codes) for codes in (fit.entities, *fit.absorbed)):
        raise SpecificationError(
            "the jackknife of two-stage least squares needs every absorbed effect inside one cluster; here "
            "some effect spans several: choose another covariance"
        )
    turned = _changes_without(fit, clusters, n_clusters)
    broken = int(np.isnan(turned).any(axis=1).sum())
    if broken:
        raise SpecificationError(
            f"the jackknife does not exist: without any one of {broken} cluster(s) the instruments do not "
            "identify some coefficient"
        )
    change = _with_constant(fit, clusters, turned)
    share = (n_clusters - 1) / n_clusters
    facts = CovarianceFacts("jackknife", n_clusters=(n_clusters,))
    return Covariance(
        share * (change.T @ change), n_clusters - 1, facts, orthonormal=share * (turned.T @ turned)
    )


def _changes_without(fit: InstrumentalFit, clusters: Ints, n_clusters: int) -> Floats:
    """Change of R b without each cluster, (M, k); NaN where the rest does not identify it."""
    root = np.sqrt(fit.weights)[:, None]
    Q = np.linalg.qr(fit.instruments_within * root)[0]
    X = inference.orthonormal_rows(fit, fit.regressors_within) * root
    e = fit.residuals * root[:, 0]
    changes = np.full((n_clusters, X.shape[1]), np.nan)
    B, c = Q.T @ X, Q.T @ e
    for g in range(n_clusters):
        rows = clusters == g
        values, vectors = np.linalg.eigh(np.eye(Q.shape[1]) - Q[rows].T @ Q[rows])
        kept = values > _IDENTIFIED
        half = vectors[:, kept] / np.sqrt(values[kept])
        left = half.T @ (B - Q[rows].T @ X[rows])
        if min(left.shape) == X.shape[1] and np.linalg.svd(left, compute_uv=False)[-1] ** 2 > _IDENTIFIED:
            changes[g] = np.linalg.lstsq(left, half.T @ (c - Q[rows].T @ e[rows]), rcond=None)[0]
    return changes


def _with_constant(fit: InstrumentalFit, clusters: Ints, turned: Floats) -> Floats:
    """Give the changes of (b, constant) without each cluster, (M, k + 1)."""
    slopes = inference.solve_upper(fit.triangle, turned.T).T
    X, weight = fit.X, np.bincount(clusters, fit.weights)
    level = fit.y - X @ fit.coefficients - fit.constant
    sums = inference.cluster_sums(np.column_stack([X, level]) * fit.weights[:, None], clusters)
    means = (sums.sum(axis=0) - sums) / (len(level) - weight)[:, None]
    constant = means[:, -1] - np.einsum("gj,gj->g", means[:, :-1], slopes)
    return np.column_stack([slopes, constant])
