"""What a working model says of the variance of a clustered covariance: degrees of freedom for its tests.

A contrast a of the coefficients is the sum over M clusters of a'Y_g'e_g; under the working model these M
terms have the covariance matrix Gamma(a). With the effects' and regressors' columns F of length one and the
weights v that the working model leaves, Gamma_gh = [g = h] Y_g'Y_g - L_g'P_h - P_g'L_h + L_g' Xi L_h, where
L_g = F_g'Y_g, P_g = F_g'v_g Y_g and Xi = F'v^2 F; without weights it is [g = h] Y_g'Y_g - L_g'L_h.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array, kron

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Loadings:
    """Products of q columns of M clusters with the orthonormal columns of G effects and k regressors.

    Attributes
    ----------
    effects : sparse (M q, G) array
        Row g q + c belongs to column c of cluster g.
    slopes : (M, q, k) array
    """

    effects: csr_array
    slopes: Floats

    def at(self, contrast: Floats) -> "tuple[csr_array, Floats]":
        """Take the loadings of one contrast (q,) of the columns: (M, G) and (M, k)."""
        pick = kron(eye_array(len(self.slopes)), contrast[None, :], format="csr")
        return csr_array(pick @ self.effects), np.einsum("q,gqk->gk", contrast, self.slopes)


@dataclass(frozen=True, slots=True)
class Products:
    """Weighted products Xi of the orthonormal columns: (G,) and (G, k) and (k, k) blocks."""

    effects: Floats
    across: Floats
    slopes: Floats


@dataclass(frozen=True, slots=True)
class WorkingModel:
    """Variance of the clusters' terms under a working model.

    Attributes
    ----------
    contrasts : (k + 1, q) array
        Coordinates of each coefficient, the constant last.
    own : (M, q, q) array
        Y_g'Y_g.
    loadings : Loadings
        L_g.
    weighted : Loadings, optional
        P_g where weights are left.
    products : Products, optional
        Xi, with `weighted`.
    """

    contrasts: Floats
    own: Floats
    loadings: Loadings
    weighted: Loadings | None = None
    products: Products | None = None

    def covariance(self, first: Floats, second: Floats) -> Floats:
        """Covariance of the clusters' terms of two contrasts (q,), (M, M)."""
        effects_1, slopes_1 = self.loadings.at(first)
        effects_2, slopes_2 = self.loadings.at(second)
        gamma: Floats = np.diag(np.einsum("i,gij,j->g", first, self.own, second))
        if self.weighted is None or self.products is None:
            gamma -= (effects_1 @ effects_2.T).toarray() + slopes_1 @ slopes_2.T
            return gamma
        weighted_1, through_1 = self.weighted.at(first)
        weighted_2, through_2 = self.weighted.at(second)
        xi = self.products
        gamma -= (effects_1 @ weighted_2.T + weighted_1 @ effects_2.T).toarray()
        gamma -= slopes_1 @ through_2.T + through_1 @ slopes_2.T
        gamma += (effects_1 @ effects_2.multiply(xi.effects).T).toarray()
        gamma += slopes_1 @ xi.slopes @ slopes_2.T
        gamma += (effects_1 @ xi.across) @ slopes_2.T + slopes_1 @ (effects_2 @ xi.across).T
        return gamma

    def degrees_of_freedom(self, contrasts: Floats) -> Floats:
        """Count Satterthwaite's degrees of freedom of each contrast's variance: 2 E(V)^2 / Var(V).

        NaN where the variance is zero.
        """
        found = np.array([self._trace_and_square(contrast) for contrast in contrasts])
        with np.errstate(divide="ignore", invalid="ignore"):
            df: Floats = np.where(found[:, 0] > 0, found[:, 0] ** 2 / found[:, 1], np.nan)
        return df

    def hotelling(self, contrasts: Floats) -> float:
        """Degrees of freedom eta of Hotelling's T^2 for p contrasts together.

        Source: Pustejovsky and Tipton (2018), eq. 15 to 17 (the test HTZ): with the statistic Q the ratio
        (eta - p + 1) / (eta p) Q has F(p, eta - p + 1).
        """
        p = len(contrasts)
        expected = np.array([[np.trace(self.covariance(a, b)) for b in contrasts] for a in contrasts])
        values, vectors = np.linalg.eigh(expected)
        standard = (vectors / np.sqrt(values)).T @ contrasts
        own = [self.covariance(a, a) for a in standard]
        total = sum(float(np.einsum("gh,gh->", first, second)) for first in own for second in own)
        for i in range(p):
            for j in range(p):
                crossed = self.covariance(standard[i], standard[j])
                total += float(np.einsum("gh,hg->", crossed, crossed))
        return p * (p + 1) / total

    def _trace_and_square(self, contrast: Floats) -> tuple[float, float]:
        """Trace of the clusters' covariance, and the sum of its squared entries."""
        if self.weighted is not None:
            gamma = self.covariance(contrast, contrast)
            return float(np.trace(gamma)), float(np.einsum("gh,gh->", gamma, gamma))
        # Without the (M, M) matrix, for clusters may be as many as rows.
        own = np.einsum("i,gij,j->g", contrast, self.own, contrast)
        D, S = self.loadings.at(contrast)
        length = np.asarray(D.multiply(D).sum(axis=1)).ravel() + np.einsum("gk,gk->g", S, S)
        effects, across, slopes = D.T @ D, D.T @ S, S.T @ S
        square = float(effects.multiply(effects).sum()) + 2 * float((across**2).sum())
        square += float((slopes**2).sum())
        return float(own.sum() - length.sum()), float(own @ (own - 2 * length)) + square
