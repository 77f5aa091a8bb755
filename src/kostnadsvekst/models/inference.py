"""Covariances of the within estimator, and the distribution of a coefficient.

Symbols (w, X, x_mean, R, A, e, c0) are those of docs/notation.md, with k kept regressors and the constant
last. The constant is c0 - x_mean'b with c0 the weighted mean of y around x_mean. Every sandwich is the
square of influences: each sum of scores is first carried to (b, constant) and squared then. The product
A S A of the other order loses twice as many digits as A itself where columns are nearly collinear. For the
same reason A is never used but as the two triangular solves with R, where R'R = X'WX.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import dtrsm
from scipy.sparse import csc_array
from scipy.special import stdtr, stdtrit

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual, Sentence
from kostnadsvekst.models.content import ContentEqual
from kostnadsvekst.models.covariance_facts import (
    CONVENTIONS,
    DISTANCES,
    NEGATIVE_EIGENVALUES,
    NO_ERROR_OF_CONSTANT,
    CovarianceFacts,
)
from kostnadsvekst.models.working_model import WorkingModel

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
    def triangle(self) -> Floats: ...  # noqa: D102
    @property
    def x_mean(self) -> Floats: ...  # noqa: D102
    @property
    def entities(self) -> Ints: ...  # noqa: D102
    @property
    def absorbed(self) -> tuple[Ints, ...]: ...  # noqa: D102
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


@dataclass(frozen=True, slots=True, eq=False)
class Covariance(ContentEqual):
    """Covariance of (b, constant).

    Attributes
    ----------
    matrix : (k + 1, k + 1) array
    df : float or (k + 1,) array
        Degrees of freedom of the t distribution for tests and intervals, where they differ one for each
        coefficient.
    facts : CovarianceFacts
        How it was computed: kind, clusters, small-sample convention, corrections.
    tests : TTests, optional
        Tests and intervals that do not come from the t distribution, such as those of a bootstrap; NaN
        where they were not computed.
    working : WorkingModel, optional
        Where degrees of freedom come from a working model: those of any combination of coefficients.
    orthonormal : (k, k) array, optional
        Covariance of R b, for joint tests: it keeps the digits that the matrix of nearly collinear
        coefficients has not. None where eigenvalues were set to zero.
    """

    matrix: Floats
    df: float | Floats
    facts: CovarianceFacts
    tests: "TTests | None" = None
    working: WorkingModel | None = field(default=None, repr=False)
    orthonormal: Floats | None = field(default=None, repr=False)

    @property
    def description(self) -> str:
        """The kind with its small-sample convention: English, with its Norwegian."""
        return Sentence(self.facts.text.en, self.facts.text.nb)


@dataclass(frozen=True, slots=True, eq=False)
class TTests(ContentEqual):
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
    unit = np.eye(len(fit.triangle) + 1)
    unit[-1, -1] = np.sqrt(len(fit.residuals))
    s2 = fit.ssr / fit.df_resid
    F = carry(fit, unit) * np.sqrt(s2)
    facts, k = CovarianceFacts("classical"), len(fit.triangle)
    return Covariance(F.T @ F, fit.df_resid, facts, orthonormal=s2 * np.eye(k))


def hc1(fit: WithinMoments) -> Covariance:
    """Heteroskedasticity-robust covariance with the factor n / (n - G - k).

    Source: Stata's ``areg, vce(robust)``; White (1980), MacKinnon and White (1985, HC1).
    """
    n = len(fit.residuals)
    by_row = orthonormal_scores(fit, scores(fit))
    # The square is taken in orthonormal coordinates, where it is far from singular with so many rows.
    meat = by_row.T @ by_row * (n / fit.df_resid)
    return Covariance(carry_both(fit, meat), fit.df_resid, CovarianceFacts("hc1"), orthonormal=meat[:-1, :-1])


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
    factor = cluster_factor(fit, n_clusters, convention, (clusters,))
    sums = orthonormal_scores(fit, cluster_sums(scores(fit), clusters))
    F, turned = carry(fit, sums), sums[:, :-1]
    facts = CovarianceFacts("cluster", n_clusters=(n_clusters,), convention=convention)
    return Covariance(F.T @ F * factor, n_clusters - 1, facts, orthonormal=turned.T @ turned * factor)


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
    eigenvalue it is set to zero, on the scale of correlations, and the facts say so; the result then depends
    on the choice of columns (years from 0 or from 2015), as it does in other programs. A variance of the
    constant that is negative on its own account is NaN, and said. Tests use t with min(M1, M2) - 1 degrees
    of freedom.
    """
    both = np.unique(np.stack([first, second]), axis=1, return_inverse=True)[1].reshape(-1)
    # Carried to orthonormal coordinates before the sums, so that the three parts have the same rounding.
    by_row = orthonormal_scores(fit, scores(fit))
    total, meat = (np.zeros((by_row.shape[1],) * 2) for _ in range(2))
    counts = [count_clusters(first), count_clusters(second), count_clusters(both)]
    for codes, count, sign in zip((first, second, both), counts, (1, 1, -1), strict=True):
        sums = cluster_sums(by_row, codes)
        F, factor = carry(fit, sums), sign * cluster_factor(fit, count, convention, (first, second))
        total += factor * (F.T @ F)
        meat += factor * (sums.T @ sums)
    matrix, corrections = _nearest_semidefinite(total)
    facts = CovarianceFacts(
        "twoway",
        n_clusters=tuple(counts[:2]),
        convention=convention,
        corrections=corrections,
    )
    whole = None if NEGATIVE_EIGENVALUES in corrections else meat[:-1, :-1]
    return Covariance(matrix, min(counts[:2]) - 1, facts, orthonormal=whole)


def driscoll_kraay(
    fit: WithinMoments,
    periods: Ints,
    lags: int | str | None = None,
    distance: str = "calendar",
    convention: str = "areg",
) -> Covariance:
    """Covariance robust to correlation between entities and over time.

    Parameters
    ----------
    fit : WithinMoments
    periods : (n,) integer array
        Numbers of the periods, which differ by one between neighbours.
    lags : int, optional
        Of the Bartlett kernel; without it floor(4 (T/100)^(2/9)), as in Stata's ``xtscc``. The text
        ``"calendar"`` or ``"rank"`` stands for that number and the distance of that name.
    distance : {"calendar", "rank"}
        How far two periods are from each other: in steps of the calendar, so that an absent period leaves
        a gap, or in their rank among the periods that are present, as plm's ``vcovSCC`` counts. The same
        where no period is absent.
    convention : {"areg", "xtreg", "none"}
        Factor T/(T-1) (n-1)/(n-G-k), T/(T-1) (n-1)/(n-k-1), or 1, with T periods present.

    Raises
    ------
    SpecificationError
        With fewer than two periods, lags outside 0 ... the last period's distance from the first, or an
        unknown distance.

    Notes
    -----
    Source: Driscoll and Kraay (1998); Hoechle (2007). The scores are summed over the entities in each
    period; with few periods the result is unreliable. Tests use t with T - 1 degrees of freedom.
    """
    lags, distance = (None, lags) if isinstance(lags, str) else (lags, distance)
    if distance not in DISTANCES:
        raise SpecificationError(f"unknown distance {distance!r}; known: {', '.join(DISTANCES)}")
    present, codes = np.unique(periods, return_inverse=True)
    n_periods = count_clusters(codes)
    places = present - present[0] if distance == "calendar" else np.arange(n_periods)
    lags = int(4 * (n_periods / 100) ** (2 / 9)) if lags is None else lags
    if not 0 <= lags <= places[-1]:
        raise SpecificationError(f"lags must be between 0 and {places[-1]}, not {lags}")
    sums = orthonormal_scores(fit, cluster_sums(scores(fit), codes))
    meat = bartlett_sum(sums, places, lags) * cluster_factor(fit, n_periods, convention, ())
    facts = CovarianceFacts(
        "driscoll_kraay",
        n_periods=n_periods,
        lags=lags,
        distance=distance,
        n_absent=int(places[-1]) + 1 - n_periods,
        convention=convention,
    )
    return Covariance(carry_both(fit, meat), n_periods - 1, facts, orthonormal=meat[:-1, :-1])


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


def scores(fit: WithinMoments) -> Floats:
    """Score of each row for the slopes and c0: w e X and, last, w e; (n, k + 1)."""
    weighted = fit.weights * fit.residuals
    return np.column_stack([fit.X_within * weighted[:, None], weighted])


def orthonormal_rows(fit: WithinMoments, rows: Floats) -> Floats:
    """Rows of (m, k) over the regressors, such as X or sums of scores, times R^-1.

    The columns of W^(1/2) X R^-1 are orthonormal: what is computed with them keeps its digits however
    collinear the regressors are.
    """
    return solve_upper(fit.triangle, rows.T, transposed=True).T


def solve_upper(R: Floats, target: Floats, transposed: bool = False) -> Floats:
    """R^-1 (or R'^-1) times (k,) or (k, m) targets, for an upper triangle R without zeros on its diagonal."""
    # BLAS itself: scipy's own function takes longer to check small systems than to solve them, and LAPACK's
    # starts threads for them.
    right = target[:, None] if target.ndim == 1 else target
    solution: Floats = dtrsm(1.0, R, right, trans_a=int(transposed))
    return solution[:, 0] if target.ndim == 1 else solution


def carry(fit: WithinMoments, coordinates: Floats) -> Floats:
    """Carry (m, k + 1) orthonormal coordinates, the score of c0 last."""
    k = len(fit.triangle)
    F = np.empty(coordinates.shape)
    F[:, :k] = solve_upper(fit.triangle, coordinates[:, :k].T).T
    # Not from the slopes' changes: these may be large and cancel in x_mean'b.
    F[:, k] = coordinates[:, k] / len(fit.residuals) - coordinates[:, :k] @ mean_coordinates(fit)
    return F


def mean_coordinates(fit: WithinMoments) -> Floats:
    """(k,) vector h = R^-T x_mean: the constant changes by -h't where b changes by R^-1 t."""
    coordinates: Floats = orthonormal_rows(fit, fit.x_mean[None, :])[0]
    return coordinates


def orthonormal_scores(fit: WithinMoments, sums: Floats) -> Floats:
    """Orthonormal coordinates of (m, k + 1) sums of scores, that of c0 as it is."""
    return np.column_stack([orthonormal_rows(fit, sums[:, :-1]), sums[:, -1]])


def carry_both(fit: WithinMoments, meat: Floats) -> Floats:
    """Carry the covariance of orthonormal coordinates (see `carry`) to that of (b, constant)."""
    return carry(fit, carry(fit, meat).T)


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
    # A variance of zero may be a rounding error below it; one that is negative in earnest is NaN already.
    std_error = np.sqrt(np.maximum(np.diag(covariance.matrix), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = estimates / std_error
    half_width = stdtrit(covariance.df, 0.5 + level / 2) * std_error
    p_value = 2 * stdtr(covariance.df, -np.abs(statistic))
    return TTests(std_error, statistic, p_value, estimates - half_width, estimates + half_width)


def cluster_factor(
    fit: WithinMoments, n_clusters: int, convention: str, clusterings: tuple[Ints, ...]
) -> float:
    """Small-sample factor of a fit whose scores are summed over clusters.

    Parameters
    ----------
    fit : WithinMoments
    n_clusters : int
    convention : {"areg", "xtreg", "none"}
    clusterings : tuple of (n,) integer arrays
        In which effects may be nested.
    """
    n, k = fit.X_within.shape
    counted = fit.effects_beside_nested(clusterings) if convention == "xtreg" else 0
    # Effects of other sets count as regressors: their first levels are not in the constant.
    nested, k = counted is not None, k + (counted or 0)
    return small_sample_factor(n, k, fit.df_resid, n_clusters, convention, nested)


def _nearest_semidefinite(matrix: Floats) -> tuple[Floats, tuple[Bilingual, ...]]:
    """Set negative eigenvalues to zero where the slopes' block has any; the constant may be left without.

    The constant comes last; on its own account nothing is changed, only a negative variance becomes NaN.
    What was done is said in the second value.
    """
    # On the scale of correlations: the columns' units must not decide what counts as negative.
    scale = np.sqrt(np.abs(np.diag(matrix)))
    scale[scale == 0] = 1.0
    scaled = matrix / np.outer(scale, scale)
    slopes = np.linalg.eigvalsh(scaled[:-1, :-1])
    if slopes.min() < -_ROUNDING * slopes.max():
        values, vectors = np.linalg.eigh(scaled)
        truncated: Floats = (vectors * np.maximum(values, 0)) @ vectors.T * np.outer(scale, scale)
        return truncated, (NEGATIVE_EIGENVALUES,)
    if matrix[-1, -1] < 0:
        matrix[-1, -1] = np.nan
        return matrix, (NO_ERROR_OF_CONSTANT,)
    return matrix, ()


def bartlett_sum(sums: Floats, places: Ints, lags: int) -> Floats:
    """Sum the products of periods (T, m), weighted by 1 - distance / (lags + 1)."""
    meat: Floats = sums.T @ sums
    for lag in range(1, lags + 1):
        now, before = np.isin(places, places + lag), np.isin(places + lag, places)
        product = sums[now].T @ sums[before]
        meat += (1 - lag / (lags + 1)) * (product + product.T)
    return meat
