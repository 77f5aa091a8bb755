"""Standard errors for few clusters: HC2, HC3, CR2, and Satterthwaite's degrees of freedom.

With the absorbed effects and the regressors together as columns U, and H = U (U'WU)^-1 U'W, the residuals of
cluster g have the variance B_g = [(I - H) Phi (I - H)']_gg if that of the errors is Phi, the working model.
CR2 multiplies them by B_g^(-1/2) (the pseudo-inverse where B_g is singular, as it is along the effects of
units inside the cluster), so that the variance is unbiased if the working model holds. It is Phi = I
(`IDENTITY`), as clubSandwich and estimatr have it, or Phi = W^-1 (`INVERSE_WEIGHTS`), the model behind
analytic weights; without weights both are the same.

No dummies are formed of the entities, only of further absorbed sets. Everything is in the orthonormal
coordinates Q = W^(1/2) X R^-1 of the regressors.
Where Phi = W^-1 and effects lie inside clusters, B_g is I - Q_g Q_g' beside the effects, and k x k matrices
do; in other cases B_g is decomposed in full.

Sources: Bell and McCaffrey (2002); Pustejovsky and Tipton (2018); Imbens and Kolesar (2016).
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from kostnadsvekst.callers import level_of_caller
from kostnadsvekst.errors import DataWarning, SpecificationError
from kostnadsvekst.models.covariance_facts import TARGETS, CovarianceFacts
from kostnadsvekst.models.inference import (
    Covariance,
    WithinMoments,
    carry,
    carry_both,
    cluster_sums,
    count_clusters,
    nests,
    orthonormal_rows,
)
from kostnadsvekst.models.jackknife import cluster_products, least_share
from kostnadsvekst.models.working_model import Loadings, Products, WorkingModel

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

IDENTITY, INVERSE_WEIGHTS = TARGETS
RESIDUAL, SATTERTHWAITE = "residual", "satterthwaite"
# A matrix of this many rows and columns takes 0.8 GB and minutes to decompose.
MAX_ROWS = 10_000
# Effects of further sets stand as columns, which so many rows of a panel's size still bear.
MAX_LEVELS = 2_000
_DEPENDENT = 1e-11
# Share of a coefficient's variance along directions that one cluster decides, beyond which it is named; and
# share of the usual standard error below which what is left is rounding.
_DECIDED, _NOTHING = 1e-9, 1e-6


class _Adjusted(NamedTuple):
    """Adjusted scores in orthonormal coordinates, (M, k + 1), and directions that are lost.

    ``decided`` is (m, k): directions of the slopes in which one cluster decides alone, so that its residuals
    say nothing of its errors.
    """

    scores: Floats
    decided: Floats
    own: Floats
    loadings: Loadings
    weighted: Loadings | None = None
    products: Products | None = None


class _Rows(NamedTuple):
    """Rows of the regression in units in which Phi is the identity.

    ``d`` is a row's only entry in the entities' orthonormal columns, ``z`` its entries in those of further
    sets of effects and of the regressors, ``v`` the weights that are left, ``u`` the weights of the residual
    ``e`` in the k + 1 scores.
    """

    d: Floats
    z: Floats
    v: Floats
    u: Floats
    e: Floats
    entities: Ints


def cr2(
    fit: WithinMoments, clusters: Ints, *, names: Sequence[str] = (), target: str = IDENTITY
) -> Covariance:
    """Bias-reduced cluster-robust covariance with Satterthwaite degrees of freedom for each coefficient.

    Parameters
    ----------
    fit : WithinMoments
    clusters : (n,) integer array
        Codes 0 ... M - 1; they may cut through the absorbed effects.
    names : sequence of str
        Of the k columns, for warnings.
    target : {"identity", "inverse_weights"}
        The working model where rows have different weights: errors of equal variance, or of variance 1/w.

    Returns
    -------
    Covariance
        ``df`` is a (k + 1,) array.

    Raises
    ------
    SpecificationError
        With fewer than two clusters, an unknown target, or a cluster of more than `MAX_ROWS` rows where it
        must be decomposed in full.

    Notes
    -----
    Equal to clubSandwich's ``vcovCR(type = "CR2")`` with ``coef_test(test = "Satterthwaite")`` on the model
    with dummies, and to estimatr's ``lm_robust(se_type = "CR2")``; these have the target ``"identity"``. The
    cost without weights and with effects inside the clusters is that of the jackknife, M k^3; otherwise the
    sum over clusters of their rows cubed.

    Where a cluster alone decides a coefficient, its residuals say nothing of that coefficient's error: it is
    named in a `DataWarning`, and has no standard error where no other cluster speaks of it.
    """
    if target not in TARGETS:
        raise SpecificationError(f"unknown target {target!r}; known: {', '.join(TARGETS)}")
    n_clusters = count_clusters(clusters)
    weighted = not np.allclose(fit.weights, 1, rtol=0, atol=1e-12)
    plain = not weighted or target == INVERSE_WEIGHTS
    adjusted = _adjust(fit, clusters, plain)
    # Whether a cluster decides alone has to do with the regression, not with the working model.
    decided = adjusted.decided if plain else _adjust(fit, clusters, plain=True).decided
    facts = CovarianceFacts("cr2", n_clusters=(n_clusters,), target=target if weighted else None)
    matrix = _matrix(fit, adjusted.scores, decided, names)
    return _with_own_df(fit, matrix, adjusted, facts)


def hc2(fit: WithinMoments, *, names: Sequence[str] = (), df: str = RESIDUAL) -> Covariance:
    """Heteroskedasticity-robust covariance of squared residuals over 1 - h, h the leverage of a row.

    Parameters
    ----------
    fit : WithinMoments
    names : sequence of str
        Of the k columns, for warnings.
    df : {"residual", "satterthwaite"}
        Degrees of freedom n - G - k, or those of Bell and McCaffrey for each coefficient, under errors of
        variance 1/w.

    Raises
    ------
    SpecificationError
        For unknown degrees of freedom.

    Notes
    -----
    Leverages are those of the model with dummies; with weights, w times the quadratic form. Source: MacKinnon
    and White (1985); equal to sandwich's ``vcovHC`` and estimatr's ``lm_robust``. The only row of a unit has
    leverage one and residual zero, and adds nothing; neither does a row that alone decides a coefficient,
    which is named in a `DataWarning`.
    """
    return _by_leverage(fit, names, df, "hc2", 0.5)


def hc3(fit: WithinMoments, *, names: Sequence[str] = (), df: str = RESIDUAL) -> Covariance:
    """Heteroskedasticity-robust covariance of squared residuals over (1 - h)^2; otherwise as `hc2`."""
    return _by_leverage(fit, names, df, "hc3", 1.0)


def _by_leverage(fit: WithinMoments, names: Sequence[str], df: str, kind: str, power: float) -> Covariance:
    if df not in (RESIDUAL, SATTERTHWAITE):
        raise SpecificationError(f"unknown df {df!r}; known: {RESIDUAL}, {SATTERTHWAITE}")
    rows = _rows(fit, plain=True)
    left = 1 - rows.d**2 - np.einsum("ij,ij->i", rows.z, rows.z)
    known = left > least_share(fit)
    factor = np.where(known, np.where(known, left, 1.0) ** -power, 0.0)
    y = rows.u * factor[:, None]
    scores, decided = y * rows.e[:, None], rows.u[~known, :-1]
    matrix = _matrix(fit, scores, decided, names)
    if df == RESIDUAL:
        turned = scores[:, :-1].T @ scores[:, :-1]
        return Covariance(matrix, fit.df_resid, CovarianceFacts(kind), orthonormal=turned)
    own = np.einsum("ni,nj->nij", y, y)
    adjusted = _Adjusted(scores, decided, own, _loadings(rows, y, np.arange(len(y)), fit.n_entities))
    return _with_own_df(fit, matrix, adjusted, CovarianceFacts(kind))


def _rows(fit: WithinMoments, plain: bool) -> _Rows:
    """Rows with the weights in the regression, or (not plain) beside it."""
    w, total = fit.weights, np.bincount(fit.entities, fit.weights, fit.n_entities)[fit.entities]
    Z, k = _coordinates(fit), len(fit.triangle)
    if plain:
        z, root = Z * np.sqrt(w)[:, None], np.sqrt(w)
        u = np.column_stack([z[:, -k:], root])
        return _Rows(np.sqrt(w / total), z, np.ones(len(w)), u, root * fit.residuals, fit.entities)
    u = np.column_stack([Z[:, -k:], np.ones(len(w))]) * w[:, None]
    return _Rows(1 / np.sqrt(total), Z, w, u, fit.residuals, fit.entities)


def _coordinates(fit: WithinMoments) -> Floats:
    """Orthonormal columns (n, r + k) of r further effects and, last, of the regressors: Z'WZ is the identity.

    The effects of further sets stand here as columns, without what the entities explain of them.
    """
    Z = orthonormal_rows(fit, fit.X_within)
    if not fit.absorbed:
        return Z
    n, starts = len(Z), np.cumsum([0, *(int(codes.max()) + 1 for codes in fit.absorbed)])
    if starts[-1] > MAX_LEVELS:
        raise SpecificationError(
            f"the absorbed sets beside the first have {starts[-1]:,} levels: HC2, HC3 and CR2 take at most "
            f"{MAX_LEVELS:,}; absorb the largest set as the entity, or choose 'hc1' or 'cluster'"
        )
    dummies = np.zeros((n, starts[-1]))
    for codes, start in zip(fit.absorbed, starts[:-1], strict=True):
        dummies[np.arange(n), codes + start] = 1.0
    root = np.sqrt(fit.weights)[:, None]
    total = np.bincount(fit.entities, fit.weights, fit.n_entities)[:, None]
    means = cluster_sums(dummies * fit.weights[:, None], fit.entities) / total
    columns = (dummies - means[fit.entities]) * root
    values, vectors = np.linalg.eigh(columns.T @ columns)
    # Eigenvalues are matters of counts and weights: those of dependent levels are zero but for rounding.
    independent = np.linalg.qr(columns @ vectors[:, values > _DEPENDENT * values[-1]])[0]
    return np.hstack([independent / root, Z])


def _adjust(fit: WithinMoments, clusters: Ints, plain: bool) -> _Adjusted:
    if plain and nests(clusters, fit.entities):
        return _adjust_nested(fit, clusters)
    return _adjust_in_full(_rows(fit, plain), clusters, fit.n_entities, least_share(fit))


def _adjust_nested(fit: WithinMoments, clusters: Ints) -> _Adjusted:
    """Adjust by k x k matrices: effects lie inside clusters, and Phi = W^-1."""
    k, n_clusters = len(fit.triangle), int(clusters.max()) + 1
    Z = _coordinates(fit)
    sums = cluster_sums(Z * (fit.weights * fit.residuals)[:, None], clusters)
    values, vectors = np.linalg.eigh(cluster_products(Z, fit.weights, clusters))
    known = 1 - values > least_share(fit)
    root = np.where(known, 1 / np.sqrt(np.where(known, 1 - values, 1.0)), 0.0)
    # Of the coordinates the regressors' are the last; the constant's own coordinate is the entities', along
    # which residuals and their adjustment are zero.
    ours, back = vectors[:, -k:], vectors.transpose(0, 2, 1)
    scores, slopes = np.zeros((n_clusters, k + 1)), np.zeros((n_clusters, k + 1, Z.shape[1]))
    own = np.zeros((n_clusters, k + 1, k + 1))
    scores[:, :k] = np.einsum("gij,gkj,gk->gi", ours * root[:, None, :], vectors, sums)
    slopes[:, :k] = (ours * (values * root)[:, None, :]) @ back
    own[:, :k, :k] = (ours * (values * root**2)[:, None, :]) @ ours.transpose(0, 2, 1)
    effects = csr_array((n_clusters * (k + 1), fit.n_entities))
    return _Adjusted(scores, back[~known][:, -k:], own, Loadings(effects, slopes))


def _adjust_in_full(rows: _Rows, clusters: Ints, n_entities: int, least: float) -> _Adjusted:
    """Adjust by the decomposition of each cluster's own matrix."""
    order = np.argsort(clusters, kind="stable")
    sizes = np.bincount(clusters)
    if sizes.max() > MAX_ROWS:
        raise SpecificationError(
            f"a cluster has {sizes.max()} rows and cuts through absorbed effects or has weights: CR2 would "
            f"decompose a matrix of that size (at most {MAX_ROWS}); use 'jackknife', or, for effects inside "
            "the clusters, target='inverse_weights'"
        )
    products = _products(rows, n_entities)
    y = np.empty(rows.u.shape)
    decided = []
    for members in np.split(order, np.cumsum(sizes)[:-1]):
        y[members], lost = _adjust_one(rows, members, products, least)
        decided.append(lost)
    own = cluster_products(y, np.ones(len(y)), clusters)
    loadings = _loadings(rows, y, clusters, n_entities)
    scores = cluster_sums(y * rows.e[:, None], clusters)
    if (rows.v == 1).all():
        return _Adjusted(scores, np.vstack(decided), own, loadings)
    weighted = _loadings(rows, y * rows.v[:, None], clusters, n_entities)
    return _Adjusted(scores, np.vstack(decided), own, loadings, weighted, products)


def _adjust_one(rows: _Rows, members: Ints, products: Products, least: float) -> tuple[Floats, Floats]:
    """B_g^(-1/2) times the scores' weights, (n_g, k + 1), and (m, k) directions of the slopes without B_g."""
    inside, codes = np.unique(rows.entities[members], return_inverse=True)
    F = np.zeros((len(members), len(inside) + rows.z.shape[1]))
    F[np.arange(len(members)), codes] = rows.d[members]
    F[:, len(inside) :] = rows.z[members]
    across = products.across[inside]
    xi = np.block([[np.diag(products.effects[inside]), across], [across.T, products.slopes]])
    P = rows.v[members][:, None] * F - F @ xi / 2
    values, vectors = np.linalg.eigh(np.eye(len(members)) - F @ P.T - P @ F.T)
    known = values > least
    root = np.where(known, 1 / np.sqrt(np.where(known, values, 1.0)), 0.0)
    lost = vectors[:, ~known].T @ rows.u[members][:, :-1]
    return vectors @ (root[:, None] * (vectors.T @ rows.u[members])), lost


def _products(rows: _Rows, n_entities: int) -> Products:
    squared = rows.v**2
    effects: Floats = np.bincount(rows.entities, squared * rows.d**2, n_entities).astype(np.float64)
    across = cluster_sums(rows.z * (squared * rows.d)[:, None], rows.entities)
    return Products(effects, across, (rows.z * squared[:, None]).T @ rows.z)


def _loadings(rows: _Rows, y: Floats, clusters: Ints, n_entities: int) -> Loadings:
    """Sum over clusters the products of (n, q) columns with those of the effects and regressors."""
    n, q = y.shape
    n_clusters = int(clusters.max()) + 1
    places = (clusters[:, None] * q + np.arange(q)).ravel()
    values = (rows.d[:, None] * y).ravel()
    effects = csr_array((values, (places, np.repeat(rows.entities, q))), shape=(n_clusters * q, n_entities))
    pairs = np.einsum("nq,nk->nqk", y, rows.z).reshape(n, -1)
    return Loadings(effects, cluster_sums(pairs, clusters).reshape(n_clusters, q, -1))


def _matrix(fit: WithinMoments, scores: Floats, decided: Floats, names: Sequence[str]) -> Floats:
    """Covariance of (b, constant), after a warning of coefficients that one cluster decides."""
    if len(scores) < len(fit.residuals):
        F = carry(fit, scores)
        matrix: Floats = F.T @ F
    else:
        matrix = carry_both(fit, scores.T @ scores)
    directions = carry(fit, np.eye(scores.shape[1])).T[:-1, :-1]
    length = np.einsum("ij,ij->i", directions, directions)
    hit = ((directions @ decided.T) ** 2 > _DECIDED * length[:, None]).any(axis=1)
    if hit.any():
        names = names or [f"column {j + 1}" for j in range(len(hit))]
        listed = ", ".join(name for name, one in zip(names, hit, strict=True) if one)
        warnings.warn(
            f"decided by a single cluster (or row), whose residuals say nothing of its errors: {listed}; "
            "their standard errors rest on the other clusters and are too small, or absent",
            DataWarning,
            stacklevel=level_of_caller(),
        )
        usual = length * fit.ssr / fit.df_resid
        nothing = np.append(hit & (np.diag(matrix)[:-1] <= _NOTHING**2 * usual), False)
        matrix[nothing] = matrix[:, nothing] = np.nan
    return matrix


def _with_own_df(
    fit: WithinMoments, matrix: Floats, adjusted: _Adjusted, facts: CovarianceFacts
) -> Covariance:
    """Covariance with Satterthwaite degrees of freedom for each coefficient."""
    contrasts = carry(fit, np.eye(len(matrix))).T
    working = WorkingModel(contrasts, adjusted.own, adjusted.loadings, adjusted.weighted, adjusted.products)
    df = working.degrees_of_freedom(contrasts)
    df[np.isnan(np.diag(matrix))] = np.nan
    known = df[~np.isnan(df)]
    bounds = (float(known.min()), float(known.max())) if len(known) else None
    turned = adjusted.scores[:, :-1]
    facts = replace(facts, df_range=bounds)
    return Covariance(matrix, df, facts, working=working, orthonormal=turned.T @ turned)
