"""Leave-one-cluster-out coefficients in closed form, and the cluster jackknife (CV3).

With S = X'WX over the within columns and S_g, u_g = X_g'W e_g its part and the score of cluster g,
b without g is b - (S - S_g)^-1 u_g whenever no effect is shared between clusters. It is computed in the
orthonormal coordinates Q = X R^-1, in which S is the identity, however collinear the columns are.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.covariance_facts import CovarianceFacts
from kostnadsvekst.models.inference import (
    Covariance,
    FittedMoments,
    WithinMoments,
    carry,
    cluster_sums,
    count_clusters,
    nests,
    orthonormal_rows,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
# A coefficient is not identified without a cluster when less than this share of its pivot is left.
UNIDENTIFIED = 1e-10
# Rounding of the orthonormal columns' products, times the condition number of the regressors.
_ROUNDING = 1e-14


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """Estimates without each of M clusters.

    Attributes
    ----------
    coefficients : (M, k + 1) array
        The constant last. NaN where the rest of the data does not identify the model.
    std_error : (M, k) array
        Classical standard errors without the cluster.
    df_resid : (M,) integer array
    weight_share : (M,) array
        The cluster's share of the sum of weights.
    change : (M, k + 1) array
        Of the coefficients, with more digits than their difference from the full-sample estimates.
    """

    coefficients: Floats
    std_error: Floats
    df_resid: Ints
    weight_share: Floats
    change: Floats


def leave_one_out(fit: FittedMoments, clusters: Ints) -> LeaveOneOut:
    """Estimates without each cluster, without fitting again.

    Parameters
    ----------
    fit : FittedMoments
    clusters : (n,) integer array
        Codes 0 ... M - 1; every entity must be inside one cluster.

    Raises
    ------
    SpecificationError
        With fewer than two clusters, or effects that span clusters.

    Notes
    -----
    Sum of squares without g at its own minimum: SSR - e_g'We_g - d'(S - S_g)d with d = b_(g) - b.
    Source: MacKinnon, Nielsen and Webb (2023), Journal of Econometrics 232, eq. 16.
    """
    n_clusters = count_clusters(clusters)
    if not nests(clusters, fit.entities):
        raise SpecificationError(
            "leaving out a cluster in closed form needs every absorbed effect inside one cluster; "
            "here some effect spans several"
        )
    n, k = fit.X_within.shape
    Q = orthonormal_rows(fit, fit.X_within)
    scores = cluster_sums(Q * (fit.weights * fit.residuals)[:, None], clusters)
    rest = np.eye(k) - cluster_products(Q, fit.weights, clusters)
    values, vectors = np.linalg.eigh(rest)
    identified = values[:, 0] > least_share(fit)
    root = np.full_like(rest, np.nan)
    root[identified] = vectors[identified] / np.sqrt(values[identified])[:, None, :]
    turned = -np.einsum("gij,gkj,gk->gi", root, root, scores)
    squares = cluster_sums((fit.weights * fit.residuals**2)[:, None], clusters)[:, 0]
    ssr = fit.ssr - squares - np.einsum("gi,gij,gj->g", turned, rest, turned)
    effects = np.bincount(_cluster_of_entity(fit.entities, clusters), minlength=n_clusters)
    df_resid = n - np.bincount(clusters, minlength=n_clusters) - (fit.n_entities - effects) - k
    weight: Floats = np.bincount(clusters, fit.weights, n_clusters).astype(np.float64)
    change = _change(fit, clusters, turned, weight)
    return LeaveOneOut(
        coefficients=np.append(fit.coefficients, fit.constant) + change,
        std_error=_std_error(fit, root, ssr, df_resid),
        df_resid=df_resid,
        weight_share=weight / n,
        change=change,
    )


def jackknife(fit: FittedMoments, clusters: Ints) -> Covariance:
    """Cluster jackknife covariance CV3: (M - 1)/M times the sum of squared changes from leaving out one.

    Parameters
    ----------
    fit : FittedMoments
    clusters : (n,) integer array

    Raises
    ------
    SpecificationError
        As `leave_one_out`; also where the model is not identified without some cluster.

    Notes
    -----
    Source: MacKinnon, Nielsen and Webb (2023), eq. 15 (around the full-sample estimate); Stata's
    ``vce(jackknife, mse)``. Tests use t with M - 1 degrees of freedom.
    """
    change = leave_one_out(fit, clusters).change
    broken = int(np.isnan(change).any(axis=1).sum())
    if broken:
        raise SpecificationError(
            f"the jackknife does not exist: without any one of {broken} cluster(s) some coefficient "
            "is not identified"
        )
    n_clusters = len(change)
    matrix = (n_clusters - 1) / n_clusters * (change.T @ change)
    return Covariance(matrix, n_clusters - 1, CovarianceFacts("jackknife", n_clusters=(n_clusters,)))


def least_share(fit: WithinMoments) -> float:
    """Share of the information on some combination of slopes that must be left without a cluster.

    Below it what is left is rounding error of the orthonormal columns, whose digits are as many less as the
    condition number of the regressors has.
    """
    R = fit.triangle / np.sqrt(np.einsum("ij,ij->j", fit.triangle, fit.triangle))
    return max(UNIDENTIFIED, float(_ROUNDING * np.linalg.cond(R)))


def cluster_products(X: Floats, weights: Floats, clusters: Ints) -> Floats:
    """X_g'W_g X_g for each of M clusters.

    Parameters
    ----------
    X : (n, k) array
    weights : (n,) array
    clusters : (n,) integer array

    Returns
    -------
    (M, k, k) array
    """
    order = np.argsort(clusters, kind="stable")
    starts = np.searchsorted(clusters[order], np.arange(int(clusters.max()) + 2))
    X, weighted = X[order], (X * weights[:, None])[order]
    return np.stack([X[a:b].T @ weighted[a:b] for a, b in pairwise(starts)])


def _change(fit: FittedMoments, clusters: Ints, turned: Floats, weight: Floats) -> Floats:
    """Carry the changes without each cluster from orthonormal coordinates to (b, constant)."""
    n, k = fit.X_within.shape
    slopes = carry(fit, np.column_stack([turned, np.zeros(len(turned))]))[:, :k]
    # Levels from the grand means: what is left of the constant's parts then does not cancel.
    centred = fit.entity_means - np.append(fit.x_mean, fit.constant + fit.x_mean @ fit.coefficients)
    level = (centred[:, k] - centred[:, :k] @ fit.coefficients)[fit.entities] + fit.residuals
    columns = np.column_stack([fit.X_within + centred[fit.entities, :k], level])
    without = -cluster_sums(columns * fit.weights[:, None], clusters) / (n - weight)[:, None]
    moved = orthonormal_rows(fit, without[:, :k] + fit.x_mean)
    return np.column_stack([slopes, without[:, k] - np.einsum("gj,gj->g", moved, turned)])


def _std_error(fit: FittedMoments, root: Floats, ssr: Floats, df_resid: Ints) -> Floats:
    """Classical standard errors without each cluster, (M, k)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = np.sqrt(np.where(df_resid > 0, ssr / df_resid, np.nan))
    inverse = carry(fit, np.eye(len(fit.triangle) + 1))[:-1, :-1].T
    errors: Floats = np.sqrt(np.einsum("gij->gi", (inverse @ root) ** 2)) * scale[:, None]
    return errors


def _cluster_of_entity(entities: Ints, clusters: Ints) -> Ints:
    of_entity = np.zeros(int(entities.max()) + 1, dtype=np.intp)
    of_entity[entities] = clusters
    return of_entity
