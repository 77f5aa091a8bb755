"""Covariances of the within estimator, and the distribution of a coefficient.

Symbols (w, X, x_mean, A, e, c0, J) are those of docs/notation.md, with k kept regressors and the constant
last. The constant is c0 - x_mean'b and c0 is uncorrelated with b, so every covariance is first built for
(b, c0), where the bread is block diagonal (A, 1/n), and then turned by J = [[I, 0], [-x_mean', 1]].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array
from scipy.special import stdtr, stdtrit

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.covariance_facts import CONVENTIONS, NEGATIVE_EIGENVALUES, CovarianceFacts

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_ROUNDING = 1e-12


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
    def entities(self) -> Ints: ...  # noqa: D102
    @property
    def n_entities(self) -> int: ...  # noqa: D102
    @property
    def df_resid(self) -> int: ...  # noqa: D102
    @property
    def ssr(self) -> float: ...  # noqa: D102
    def effects_beside_nested(self, clusterings: Sequence[Ints]) -> int | None: ...  # noqa: D102


class FittedMoments(WithinMoments, Protocol):
    """A fit that also knows its coefficients and its columns' entity means."""

    @property
    def coefficients(self) -> Floats: ...  # noqa: D102
    @property
    def constant(self) -> float: ...  # noqa: D102
    @property
    def entity_means(self) -> Floats: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Covariance:
    """Covariance of (b, constant).

    Attributes
    ----------
    matrix : (k + 1, k + 1) array
    df : int
        Degrees of freedom of the t distribution for tests and intervals.
    facts : CovarianceFacts
        How it was computed: kind, clusters, small-sample convention, corrections.
    tests : TTests, optional
        Tests and intervals that do not come from the t distribution, such as those of a bootstrap; NaN
        where they were not computed.
    """

    matrix: Floats
    df: int
    facts: CovarianceFacts
    tests: "TTests | None" = None

    @property
    def description(self) -> str:
        """The kind with its small-sample convention, in English."""
        return self.facts.text.en


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
    return Covariance(_with_constant(inner, fit.x_mean), fit.df_resid, CovarianceFacts("classical"))


def hc1(fit: WithinMoments) -> Covariance:
    """Heteroskedasticity-robust covariance with the factor n / (n - G - k).

    Source: Stata's ``areg, vce(robust)``; White (1980), MacKinnon and White (1985, HC1).
    """
    n = len(fit.residuals)
    scores = _scores(fit)
    inner = _sandwich(fit, scores.T @ scores) * (n / fit.df_resid)
    return Covariance(_with_constant(inner, fit.x_mean), fit.df_resid, CovarianceFacts("hc1"))


def clustered(fit: WithinMoments, clusters: Ints, convention: str = "areg") -> Covariance:
    """Cluster-robust covariance.

    Parameters
    ----------
    fit : WithinMoments
    clusters : (n,) integer array
        Codes 0 ... M - 1.
    convention : {"areg", "xtreg", "none"}
        Small-sample factor: areg M/(M-1) (n-1)/(n-G-k); xtreg and reghdfe, for effects nested in the
        clusters, M/(M-1) (n-1)/(n-k-1), where effects of further sets that are not nested count in k; none 1.

    Raises
    ------
    SpecificationError
        With fewer than two clusters, an unknown convention, or xtreg's where the effects are not nested.

    Notes
    -----
    Source: Liang and Zeger (1986); Stata's ``areg`` and ``xtreg, fe`` with ``vce(cluster)``. Tests use
    t with M - 1 degrees of freedom.
    """
    n_clusters = count_clusters(clusters)
    factor = _factor(fit, n_clusters, convention, (clusters,))
    sums = cluster_sums(_scores(fit), clusters)
    inner = _sandwich(fit, sums.T @ sums) * factor
    facts = CovarianceFacts("cluster", n_clusters=(n_clusters,), convention=convention)
    return Covariance(_with_constant(inner, fit.x_mean), n_clusters - 1, facts)


def twoway_clustered(fit: WithinMoments, first: Ints, second: Ints, convention: str = "areg") -> Covariance:
    """Covariance robust to correlation within each of two groupings: V1 + V2 - V12.

    Parameters
    ----------
    fit : WithinMoments
    first, second : (n,) integer arrays
        Codes 0 ... M1 - 1 and 0 ... M2 - 1.
    convention : {"areg", "xtreg", "none"}
        Each of the three parts gets its own factor M/(M-1), as in Cameron, Gelbach and Miller; xtreg
        needs effects nested in either grouping.

    Raises
    ------
    SpecificationError
        As `clustered`.

    Notes
    -----
    Source: Cameron, Gelbach and Miller (2011), eq. 2.11 and section 2.3. If the difference has a negative
    eigenvalue it is set to zero, and the facts say so. Tests use t with min(M1, M2) - 1 degrees of
    freedom.
    """
    both = np.unique(np.stack([first, second]), axis=1, return_inverse=True)[1].reshape(-1)
    scores = _scores(fit)
    meat = np.zeros((scores.shape[1], scores.shape[1]))
    counts = [count_clusters(first), count_clusters(second), count_clusters(both)]
    for codes, count, sign in zip((first, second, both), counts, (1, 1, -1), strict=True):
        sums = cluster_sums(scores, codes)
        meat += sign * _factor(fit, count, convention, (first, second)) * (sums.T @ sums)
    matrix, truncated = _nearest_semidefinite(_with_constant(_sandwich(fit, meat), fit.x_mean))
    facts = CovarianceFacts(
        "twoway",
        n_clusters=tuple(counts[:2]),
        convention=convention,
        corrections=(NEGATIVE_EIGENVALUES,) if truncated else (),
    )
    return Covariance(matrix, min(counts[:2]) - 1, facts)


def driscoll_kraay(
    fit: WithinMoments, periods: Ints, lags: int | None = None, convention: str = "areg"
) -> Covariance:
    """Covariance robust to correlation between entities and over time.

    Parameters
    ----------
    fit : WithinMoments
    periods : (n,) integer array
        Codes 0 ... T - 1 of the sorted periods.
    lags : int, optional
        Of the Bartlett kernel; without it floor(4 (T/100)^(2/9)), as in Stata's ``xtscc``.
    convention : {"areg", "xtreg", "none"}
        Factor T/(T-1) (n-1)/(n-G-k), T/(T-1) (n-1)/(n-k-1), or 1.

    Raises
    ------
    SpecificationError
        With fewer than two periods, or lags outside 0 ... T - 1.

    Notes
    -----
    Source: Driscoll and Kraay (1998); Hoechle (2007). The scores are summed over the entities in each
    period; with few periods the result is unreliable. Tests use t with T - 1 degrees of freedom.
    """
    n_periods = count_clusters(periods)
    lags = int(4 * (n_periods / 100) ** (2 / 9)) if lags is None else lags
    if not 0 <= lags < n_periods:
        raise SpecificationError(f"lags must be between 0 and {n_periods - 1}, not {lags}")
    sums = cluster_sums(_scores(fit), periods)
    meat = sums.T @ sums
    for lag in range(1, lags + 1):
        product = sums[lag:].T @ sums[:-lag]
        meat += (1 - lag / (lags + 1)) * (product + product.T)
    factor = _factor(fit, n_periods, convention, ())
    inner = _sandwich(fit, meat) * factor
    facts = CovarianceFacts("driscoll_kraay", n_periods=n_periods, lags=lags, convention=convention)
    return Covariance(_with_constant(inner, fit.x_mean), n_periods - 1, facts)


def small_sample_factor(
    n: int, k: int, df_resid: int, n_clusters: int, convention: str, nested: bool = True
) -> float:
    """Factor on a covariance summed over clusters, see `clustered`.

    Parameters
    ----------
    n, k, df_resid : int
        Rows, kept regressors, n - G - k.
    n_clusters : int
    convention : {"areg", "xtreg", "none"}
    nested : bool
        Whether each effect is inside one cluster, without which xtreg's factor does not exist.
    """
    if convention == "none":
        return 1.0
    lost = {"areg": df_resid, "xtreg": n - k - 1}
    if convention not in lost:
        raise SpecificationError(f"unknown convention {convention!r}; known: {', '.join(CONVENTIONS)}")
    if convention == "xtreg" and not nested:
        raise SpecificationError(
            "the convention 'xtreg' counts no effects because they are nested in the clusters; here some "
            "effect spans several clusters: use convention='areg'"
        )
    return n_clusters / (n_clusters - 1) * (n - 1) / lost[convention]


def count_clusters(clusters: Ints) -> int:
    """Count the clusters.

    Raises
    ------
    SpecificationError
        If there are fewer than two.
    """
    n_clusters = int(clusters.max()) + 1
    if n_clusters < 2:
        raise SpecificationError("clustered standard errors need at least two clusters")
    return n_clusters


def nests(clusters: Ints, entities: Ints) -> bool:
    """Whether every entity is inside one cluster."""
    one_of = np.zeros(int(entities.max()) + 1, dtype=clusters.dtype)
    one_of[entities] = clusters
    return bool((one_of[entities] == clusters).all())


def cluster_sums(values: Floats, clusters: Ints) -> Floats:
    """Sum the rows of an (n, m) array over each of M clusters, (M, m)."""
    n = len(clusters)
    membership = csc_array((np.ones(n), clusters, np.arange(n + 1)), shape=(int(clusters.max()) + 1, n))
    sums: Floats = membership @ values
    return sums


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


def _factor(fit: WithinMoments, n_clusters: int, convention: str, clusterings: tuple[Ints, ...]) -> float:
    n, k = fit.X_within.shape
    counted = fit.effects_beside_nested(clusterings) if convention == "xtreg" else 0
    # Effects of other sets count as regressors: their first levels are not in the constant.
    nested, k = counted is not None, k + (counted or 0)
    return small_sample_factor(n, k, fit.df_resid, n_clusters, convention, nested)


def _nearest_semidefinite(matrix: Floats) -> tuple[Floats, bool]:
    """Set negative eigenvalues to zero where the slopes' block has any; the constant may be left without.

    The constant comes last; on its own account nothing is changed, only a negative variance becomes NaN.
    """
    # On the scale of correlations: the columns' units must not decide what counts as negative.
    scale = np.sqrt(np.abs(np.diag(matrix)))
    scale[scale == 0] = 1.0
    scaled = matrix / np.outer(scale, scale)
    slopes = np.linalg.eigvalsh(scaled[:-1, :-1])
    if slopes.min() < -_ROUNDING * slopes.max():
        values, vectors = np.linalg.eigh(scaled)
        truncated: Floats = (vectors * np.maximum(values, 0)) @ vectors.T * np.outer(scale, scale)
        return truncated, True
    if matrix[-1, -1] < 0:
        matrix[-1, -1] = np.nan
    return matrix, False


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
