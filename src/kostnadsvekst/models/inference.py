"""Covariances of the within estimator, and the distribution of a coefficient.

Notation, with k kept regressors and the constant last:

============  =========  ====================================================================
symbol        shape      meaning
============  =========  ====================================================================
w             (n,)       weights, scaled to sum to n
X             (n, k)     regressors minus their weighted entity means
x_mean        (k,)       weighted grand means of the regressors
A             (k, k)     (X'WX)^-1
e             (n,)       residuals
c0            scalar     constant of the regression on regressors in deviation from x_mean
============  =========  ====================================================================

The constant is c0 - x_mean'b and c0 is uncorrelated with b, so every covariance is first built for
(b, c0), where the bread is block diagonal (A, 1/n), and then turned by J = [[I, 0], [-x_mean', 1]].
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from kostnadsvekst.errors import SpecificationError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


class WithinMoments(Protocol):
    """What a covariance needs to know of a fit (see `kostnadsvekst.models.fixed_effects.WithinFit`)."""

    @property
    def X_within(self) -> Floats: ...  # noqa: D102
    @property
    def residuals(self) -> Floats: ...  # noqa: D102
    @property
    def weights(self) -> Floats: ...  # noqa: D102
    @property
    def bread(self) -> Floats: ...  # noqa: D102
    @property
    def x_mean(self) -> Floats: ...  # noqa: D102
    @property
    def n_entities(self) -> int: ...  # noqa: D102
    @property
    def df_resid(self) -> int: ...  # noqa: D102
    @property
    def ssr(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Covariance:
    """Covariance of (b, constant).

    Attributes
    ----------
    matrix : (k + 1, k + 1) array
    df : int
        Degrees of freedom of the t distribution for tests and intervals.
    description : str
        The type with its small-sample convention, as printed under tables.
    """

    matrix: Floats
    df: int
    description: str


@dataclass(frozen=True, slots=True)
class TTests:
    """Tests of zero and intervals for each coefficient; all arrays have the coefficients' shape."""

    std_error: Floats
    statistic: Floats
    p_value: Floats
    conf_low: Floats
    conf_high: Floats


def classical(fit: WithinMoments) -> Covariance:
    """Homoskedastic covariance s^2 (X'WX)^-1 with s^2 = e'We / (n - G - k).

    Source: Stata's ``areg`` with ``[aweight]``, Methods and formulas.
    """
    s2 = fit.ssr / fit.df_resid
    inner = _block(fit.bread, 1 / len(fit.residuals)) * s2
    return Covariance(_with_constant(inner, fit.x_mean), fit.df_resid, "classical (homoskedastic)")


def hc1(fit: WithinMoments) -> Covariance:
    """Heteroskedasticity-robust covariance with the factor n / (n - G - k).

    Source: Stata's ``areg, vce(robust)``; White (1980), MacKinnon and White (1985, HC1).
    """
    n = len(fit.residuals)
    scores = _scores(fit)
    inner = _sandwich(fit, scores.T @ scores) * (n / fit.df_resid)
    return Covariance(_with_constant(inner, fit.x_mean), fit.df_resid, "robust (HC1)")


def clustered(fit: WithinMoments, clusters: Ints, convention: str = "areg") -> Covariance:
    """Cluster-robust covariance.

    Parameters
    ----------
    fit : WithinMoments
    clusters : (n,) integer array
        Codes 0 ... M - 1.
    convention : {"areg", "xtreg"}
        Small-sample factor: areg M/(M-1) (n-1)/(n-G-k); xtreg and reghdfe, for effects nested in the
        clusters, M/(M-1) (n-1)/(n-k-1).

    Raises
    ------
    SpecificationError
        With fewer than two clusters, or an unknown convention.

    Notes
    -----
    Source: Liang and Zeger (1986); Stata's ``areg`` and ``xtreg, fe`` with ``vce(cluster)``. Tests use
    t with M - 1 degrees of freedom.
    """
    n, k = fit.X_within.shape
    n_clusters = int(clusters.max()) + 1
    if n_clusters < 2:
        raise SpecificationError("clustered standard errors need at least two clusters")
    lost = {"areg": fit.df_resid, "xtreg": n - k - 1}
    if convention not in lost:
        raise SpecificationError(f"unknown convention {convention!r}; known: {', '.join(lost)}")
    sums = np.zeros((n_clusters, k + 1))
    np.add.at(sums, clusters, _scores(fit))
    factor = n_clusters / (n_clusters - 1) * (n - 1) / lost[convention]
    inner = _sandwich(fit, sums.T @ sums) * factor
    description = f"clustered ({n_clusters} clusters, {convention} small-sample factor)"
    return Covariance(_with_constant(inner, fit.x_mean), n_clusters - 1, description)


def t_tests(estimates: Floats, covariance: Covariance, level: float = 0.95) -> TTests:
    """Two-sided t tests of zero and confidence intervals.

    Parameters
    ----------
    estimates : (m,) array
    covariance : Covariance
        Of the same m coefficients.
    level : float
        Coverage of the intervals.
    """
    std_error = np.sqrt(np.diag(covariance.matrix))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimates / std_error
    half_width = stdtrit(covariance.df, 0.5 + level / 2) * std_error
    p_value = 2 * stdtr(covariance.df, -np.abs(statistic))
    return TTests(std_error, statistic, p_value, estimates - half_width, estimates + half_width)


def _scores(fit: WithinMoments) -> Floats:
    weighted = fit.weights * fit.residuals
    return np.column_stack([fit.X_within * weighted[:, None], weighted])


def _sandwich(fit: WithinMoments, meat: Floats) -> Floats:
    bread = _block(fit.bread, 1 / len(fit.residuals))
    return bread @ meat @ bread


def _block(bread: Floats, constant: float) -> Floats:
    k = len(bread)
    block = np.zeros((k + 1, k + 1))
    block[:k, :k] = bread
    block[k, k] = constant
    return block


def _with_constant(inner: Floats, x_mean: Floats) -> Floats:
    turn = np.eye(len(inner))
    turn[-1, :-1] = -x_mean
    return turn @ inner @ turn.T
