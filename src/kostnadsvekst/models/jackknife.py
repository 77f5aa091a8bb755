"""Leave-one-cluster-out coefficients in closed form, and the cluster jackknife (CV3).

With S = X'WX over the within columns and S_g, u_g = X_g'W e_g its part and the score of cluster g,
b without g is b - (S - S_g)^-1 u_g whenever no effect is shared between clusters.
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
    cluster_sums,
    count_clusters,
    nests,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
# A coefficient is not identified without a cluster when less than this share of its pivot is left.
UNIDENTIFIED = 1e-10


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
    """

    coefficients: Floats
    std_error: Floats
    df_resid: Ints
    weight_share: Floats


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
    # Columns of unit length: the pivots are then comparable and the systems well scaled.
    length = np.sqrt(np.einsum("i,ij,ij->j", fit.weights, fit.X_within, fit.X_within))
    X = fit.X_within / length
    scores = cluster_sums(X * (fit.weights * fit.residuals)[:, None], clusters)
    parts = cluster_products(X, fit.weights, clusters)
    rest = parts.sum(axis=0) - parts
    values, vectors = np.linalg.eigh(rest)
    identified = values[:, 0] > UNIDENTIFIED
    inverse = np.full_like(rest, np.nan)
    kept = vectors[identified]
    inverse[identified] = (kept / values[identified, None, :]) @ kept.transpose(0, 2, 1)
    change = -np.einsum("gij,gj->gi", inverse, scores)
    # One step of refinement keeps ill-conditioned models at full precision.
    change -= np.einsum("gij,gj->gi", inverse, scores + np.einsum("gij,gj->gi", rest, change))
    b = fit.coefficients + change / length
    squares = cluster_sums((fit.weights * fit.residuals**2)[:, None], clusters)[:, 0]
    ssr = fit.ssr - squares - np.einsum("gi,gij,gj->g", change, rest, change)
    effects = np.bincount(_cluster_of_entity(fit.entities, clusters), minlength=n_clusters)
    df_resid = n - np.bincount(clusters, minlength=n_clusters) - (fit.n_entities - effects) - k
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (ssr / df_resid)[:, None] * np.einsum("gii->gi", inverse)
        std_error = np.sqrt(np.where(df_resid[:, None] > 0, variance, np.nan)) / length
    sums = cluster_sums(np.column_stack([fit.weights[:, None] * _levels(fit), fit.weights]), clusters)
    left = sums.sum(axis=0) - sums
    constant = (left[:, k] - np.einsum("gj,gj->g", left[:, :k], b)) / left[:, -1]
    return LeaveOneOut(np.column_stack([b, constant]), std_error, df_resid, sums[:, -1] / n)


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
    left = leave_one_out(fit, clusters).coefficients
    broken = int(np.isnan(left).any(axis=1).sum())
    if broken:
        raise SpecificationError(
            f"the jackknife does not exist: without any one of {broken} cluster(s) some coefficient "
            "is not identified"
        )
    n_clusters = len(left)
    change = left - np.append(fit.coefficients, fit.constant)
    matrix = (n_clusters - 1) / n_clusters * (change.T @ change)
    return Covariance(matrix, n_clusters - 1, CovarianceFacts("jackknife", n_clusters=(n_clusters,)))


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


def _levels(fit: FittedMoments) -> Floats:
    """Columns and outcome as they were, (n, k + 1)."""
    fitted = fit.X_within @ fit.coefficients + fit.residuals
    levels: Floats = np.column_stack([fit.X_within, fitted]) + fit.entity_means[fit.entities]
    return levels


def _cluster_of_entity(entities: Ints, clusters: Ints) -> Ints:
    of_entity = np.zeros(int(entities.max()) + 1, dtype=np.intp)
    of_entity[entities] = clusters
    return of_entity
