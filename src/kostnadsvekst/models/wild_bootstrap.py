"""Wild cluster bootstrap with weights and absorbed effects: p values and intervals by test inversion.

The null c'b = r is imposed (WCR). With a = A c, z = X a, s = c'a and d = r - c'b the restricted residuals
are e(d) = e - d z/s, so everything that a draw v of signs needs is linear or quadratic in d and is computed
once; a test of any other null costs no further draw. The sums q_g, u_g and h_g over clusters are in
docs/notation.md.

Where clusters cut through absorbed effects the outcome of a draw must be demeaned again; the entity sums
of the restricted residuals then stand beside u_g and those of z beside h_g.

Sources: Cameron, Gelbach and Miller (2008); Roodman, MacKinnon, Nielsen and Webb (2019), section 5 and
appendix A; Webb (2023) for six-point draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.covariance_facts import TIES_UNCOUNTED, CovarianceFacts, DrawFacts
from kostnadsvekst.models.inference import (
    Covariance,
    FittedMoments,
    TTests,
    WithinMoments,
    carry,
    cluster_sums,
    clustered,
    count_clusters,
    nests,
    orthonormal_rows,
)
from kostnadsvekst.naming import nearest_names

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

DRAWS, SEED = 9_999, 20_201
# Whether draws that give the statistic of the data count as being as extreme; see `wild_covariance`.
COUNTED, UNCOUNTED = "counted", "uncounted"
_WEBB = np.sqrt(np.array([0.5, 1.0, 1.5]))
DISTRIBUTIONS = {
    "rademacher": np.array([-1.0, 1.0]),
    "webb": np.concatenate([-_WEBB[::-1], _WEBB]),
}
# Draws that give the same statistic as the data, such as all signs equal, must count as ties.
_TIE = 1e-9
# Intervals are searched to this many standard errors; beyond, they are unbounded.
_FAR = 1e4
_BISECTIONS = 60


class Signs(NamedTuple):
    """Draws of cluster signs.

    Attributes
    ----------
    values : (R, M) array
    enumerated : bool
        Whether these are all distinct vectors (of each pair v, -v only one, for they give the same |t|).
    facts : DrawFacts
    """

    values: Floats
    enumerated: bool
    facts: DrawFacts

    @property
    def description(self) -> str:
        """Number, distribution and seed, in English."""
        return self.facts.text.en


@dataclass(frozen=True, slots=True)
class WildTest:
    """Result of a wild cluster bootstrap of one linear combination.

    Attributes
    ----------
    estimate, statistic : float
        The combination, and its cluster t statistic against the null (without small-sample factor).
    p_value, conf_low, conf_high : float
        Symmetric two-sided p value and the interval of nulls that are not rejected; an end is infinite where
        no null however far is rejected, as with few clusters.
    n_clusters, n_draws : int
    enumerated : bool
    description : str
    """

    estimate: float
    statistic: float
    p_value: float
    conf_low: float
    conf_high: float
    n_clusters: int
    n_draws: int
    enumerated: bool
    description: str


def draw_signs(
    n_clusters: int, draws: int = DRAWS, seed: int = SEED, distribution: str = "rademacher"
) -> Signs:
    """Draw signs for the clusters, or enumerate all vectors where there are no more than draws.

    Parameters
    ----------
    n_clusters : int
    draws : int
    seed : int
    distribution : {"rademacher", "webb"}

    Raises
    ------
    SpecificationError
        For an unknown distribution or fewer than 1 draw.
    """
    if distribution not in DISTRIBUTIONS:
        raise SpecificationError(f"unknown distribution {distribution!r}; known: {', '.join(DISTRIBUTIONS)}")
    if draws < 1:
        raise SpecificationError(f"the bootstrap needs at least one draw, not {draws}")
    points = DISTRIBUTIONS[distribution]
    # The first sign is fixed to the upper half of the points: v and -v are one draw.
    n_vectors = len(points) // 2 * len(points) ** (n_clusters - 1) if n_clusters < 64 else draws + 1
    if n_vectors <= draws:
        grids = [points[len(points) // 2 :]] + [points] * (n_clusters - 1)
        values = np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1).reshape(-1, n_clusters)
        return Signs(values, True, DrawFacts(2 * n_vectors, distribution))
    picks = np.random.default_rng(seed).integers(0, len(points), (draws, n_clusters), dtype=np.int8)
    return Signs(points[picks], False, DrawFacts(draws, distribution, seed))


def wild_test(
    fit: FittedMoments,
    clusters: Ints,
    contrast: Floats,
    signs: Signs,
    null: float = 0.0,
    level: float = 0.95,
    ties: str = COUNTED,
) -> WildTest:
    """Bootstrap test and interval of the combination contrast'b.

    Parameters
    ----------
    fit : FittedMoments
    clusters : (n,) integer array
        Codes 0 ... M - 1; they may cut through the absorbed effects.
    contrast : (k,) array
    signs : Signs
        For M clusters.
    null : float
    level : float
        Coverage of the interval.
    ties : {"counted", "uncounted"}
        See `wild_covariance`.

    Notes
    -----
    The p value is the share of vectors with |t*| >= |t| when all are enumerated, else (1 + count)/(1 + R).
    """
    n_clusters = count_clusters(clusters)
    moments = cluster_moments(fit, clusters, contrast)
    curve = _RejectionCurve.of(moments, signs, _check_ties(ties))
    estimate = float(contrast @ fit.coefficients)
    std_error = float(np.sqrt(moments.score_square))
    statistic = (estimate - null) / std_error
    # 1 - 0.9 is a little less than 0.1: p values are multiples of 1/(1 + R) and may be 0.1 itself.
    alpha = round(1 - level, 12)
    low, high = (estimate + side * curve.invert(side, std_error, alpha) for side in (-1, 1))
    return WildTest(
        estimate=estimate,
        statistic=statistic,
        p_value=curve.p_value(null - estimate),
        conf_low=low,
        conf_high=high,
        n_clusters=n_clusters,
        n_draws=len(signs.values),
        enumerated=signs.enumerated,
        description=f"{n_clusters} clusters, {signs.description}",
    )


def wild_covariance(
    fit: FittedMoments,
    clusters: Ints,
    convention: str = "areg",
    *,
    names: Sequence[str],
    terms: Sequence[str] | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
    distribution: str = "rademacher",
    ties: str = COUNTED,
) -> Covariance:
    """Clustered covariance whose tests and intervals come from the wild cluster bootstrap.

    Parameters
    ----------
    fit : FittedMoments
    clusters : (n,) integer array
    convention : {"areg", "xtreg", "none"}
        Of the standard errors; the bootstrap does not depend on it.
    names : sequence of str
        Of the k columns.
    terms : sequence of str, optional
        Columns to test; the others, and the constant, which has no null of interest, get NaN.
    draws, seed, distribution
        See `draw_signs`.
    ties : {"counted", "uncounted"}
        Whether draws with |t*| = |t|, such as the vector of equal signs, count as being as extreme: the
        p value is then the share of |t*| >= |t|, and (1 + count)/(1 + R) where vectors are drawn, so that
        the test never rejects too often. ``"uncounted"`` is the share of |t*| > |t|, of all or of the R
        drawn, as Stata's ``boottest`` has it (Roodman and others 2019, section 3.2); with few clusters it
        is smaller by up to 2 in the number of vectors and can be zero.

    Raises
    ------
    SpecificationError
        With fewer than two clusters, or terms that do not exist.
    """
    base = clustered(fit, clusters, convention)
    absent = [term for term in terms or () if term not in names]
    if absent:
        raise SpecificationError(f"not among the terms: {nearest_names(absent, names)}")
    signs = draw_signs(int(clusters.max()) + 1, draws, seed, distribution)
    coefficients, k = fit.coefficients, len(fit.coefficients)
    p_value, low, high = (np.full(k + 1, np.nan) for _ in range(3))
    for j, name in enumerate(names):
        if terms is None or name in terms:
            test = wild_test(fit, clusters, np.eye(k)[j], signs, ties=ties)
            p_value[j], low[j], high[j] = test.p_value, test.conf_low, test.conf_high
    std_error = np.sqrt(np.diag(base.matrix))
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.append(coefficients, fit.constant) / std_error
    notes = (TIES_UNCOUNTED,) if ties == UNCOUNTED else ()
    facts = CovarianceFacts("wild_cluster", draws=signs.facts, corrections=notes, beneath=base.facts)
    tests = TTests(std_error, statistic, p_value, low, high)
    return replace(base, facts=facts, tests=tests)


class NullStatistics(NamedTuple):
    """Absolute t statistics under one null, without small-sample factor.

    Attributes
    ----------
    observed : float
    drawn : (R,) array
        Infinite where a draw's variance is zero.
    std_error : float
        Clustered, of the combination; without the factor.
    """

    observed: float
    drawn: Floats
    std_error: float


def null_statistics(
    fit: WithinMoments, clusters: Ints, contrast: Floats, signs: Floats, distance: float
) -> NullStatistics:
    """Return the absolute t statistic of the data, and of each draw with the null imposed.

    Parameters
    ----------
    fit : WithinMoments
    clusters : (n,) integer array
        Codes 0 ... M - 1.
    contrast : (k,) array
    signs : (R, M) array
    distance : float
        Null less the estimated combination.

    Returns
    -------
    NullStatistics
    """
    return statistics_of(cluster_moments(fit, clusters, contrast), signs, distance)


def statistics_of(moments: "ClusterMoments", signs: Floats, distance: float) -> NullStatistics:
    """As `null_statistics`, from what is left of the data.

    Parameters
    ----------
    moments : ClusterMoments
    signs : (R, M) array
    distance : float
        Null less the estimated combination.

    Returns
    -------
    NullStatistics
    """
    # One null alone: its restricted residuals are put together before the draws, not after.
    q, u = moments.q0 - distance * moments.q1, moments.u0 - distance * moments.u1
    data, draws = (bootstrap_statistics(v, q, u, moments.h) for v in (np.ones((1, signs.shape[1])), signs))
    drawn = np.sqrt(np.abs(np.nan_to_num(draws, nan=np.inf)))
    return NullStatistics(float(np.sqrt(np.abs(data[0]))), drawn, float(np.sqrt(moments.score_square)))


def bootstrap_statistics(signs: Floats, q: Floats, u: Floats, h: Floats) -> Floats:
    """Squared t statistics of the draws at one null, up to the small-sample factor.

    Parameters
    ----------
    signs : (R, M) array
    q : (M,) array
    u, h : (M, m) arrays
        Rows q_g, u_g, h_g of docs/notation.md, at the restricted residuals.

    Returns
    -------
    (R,) array
        Signed: sign of the numerator times the square.
    """
    numerator = signs @ q
    denominator = _inner(signs, (q, u), (q, u), h)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.sign(numerator) * numerator**2 / denominator


def _check_ties(ties: str) -> str:
    if ties not in (COUNTED, UNCOUNTED):
        raise SpecificationError(f"unknown ties {ties!r}; known: {COUNTED}, {UNCOUNTED}")
    return ties


class ClusterMoments(NamedTuple):
    """Cluster sums at the unrestricted residuals (index 0) and of the direction z/s (index 1)."""

    q0: Floats
    q1: Floats
    u0: Floats
    u1: Floats
    h: Floats
    score_square: float


def cluster_moments(fit: WithinMoments, clusters: Ints, contrast: Floats) -> ClusterMoments:
    """Sum up the data by cluster for the draws: all that a test needs of them, whatever the draws.

    Parameters
    ----------
    fit : WithinMoments
    clusters : (n,) integer array
        Codes 0 ... M - 1.
    contrast : (k,) array

    Returns
    -------
    ClusterMoments
        In the orthonormal coordinates of the regressors, in which the bread is the identity.
    """
    w, X = fit.weights, fit.X_within
    alpha = orthonormal_rows(fit, contrast[None, :])[0]
    z = X @ carry(fit, np.append(alpha, 0.0)[None, :])[0, :-1]
    direction = z / float(alpha @ alpha)
    u0, u1, h = (
        orthonormal_rows(fit, cluster_sums(X * (w * values)[:, None], clusters))
        for values in (fit.residuals, direction, z)
    )
    q0, q1 = u0 @ alpha, u1 @ alpha
    if not nests(clusters, fit.entities):
        total = np.bincount(fit.entities, w, fit.n_entities)
        u0, u1 = (
            np.hstack([u, _crossed(w * e, clusters, fit)]) for u, e in ((u0, fit.residuals), (u1, direction))
        )
        h = np.hstack([h, _crossed(w * z, clusters, fit) / total])
    return ClusterMoments(q0, q1, u0, u1, h, float(q0 @ q0))


def _crossed(values: Floats, clusters: Ints, fit: WithinMoments) -> Floats:
    """Sum over each cluster and entity, (M, G)."""
    table = np.zeros((int(clusters.max()) + 1, fit.n_entities))
    np.add.at(table, (clusters, fit.entities), values)
    return table


class _Pieces(NamedTuple):
    """What vectors of signs say of every null: numerator n0 - d n1, squared denominator quadratic in d."""

    n0: Floats
    n1: Floats
    d00: Floats
    d01: Floats
    d11: Floats

    @classmethod
    def of(cls, moments: ClusterMoments, v: Floats) -> "_Pieces":
        zero, one = (moments.q0, moments.u0), (moments.q1, moments.u1)
        return cls(
            v @ moments.q0,
            v @ moments.q1,
            _inner(v, zero, zero, moments.h),
            _inner(v, zero, one, moments.h),
            _inner(v, one, one, moments.h),
        )

    def at(self, d: float) -> tuple[Floats, Floats]:
        """Numerator and denominator of the squared t statistics of the null at distance d."""
        return (self.n0 - d * self.n1) ** 2, self.d00 - 2 * d * self.d01 + d * d * self.d11


class _RejectionCurve(NamedTuple):
    """P values of every null, from the draws and from the data, which are the draw of equal signs."""

    draws: _Pieces
    data: _Pieces
    enumerated: bool
    ties: str

    @classmethod
    def of(cls, moments: ClusterMoments, signs: Signs, ties: str) -> "_RejectionCurve":
        # Through the same sums as the draws: the draw of equal signs is then a tie to the last bits.
        equal = np.ones((1, signs.values.shape[1]))
        return cls(_Pieces.of(moments, signs.values), _Pieces.of(moments, equal), signs.enumerated, ties)

    def p_value(self, d: float) -> float:
        """P value of the null at distance d from the estimate."""
        numerator, denominator = self.draws.at(d)
        observed, scale = self.data.at(d)
        # A tie falls on the side of the convention, whatever rounding says.
        edge = 1 - _TIE if self.ties == COUNTED else 1 + _TIE
        extreme, n_draws = int((numerator * scale >= observed * denominator * edge).sum()), len(numerator)
        if self.enumerated or self.ties == UNCOUNTED:
            return extreme / n_draws
        return (1 + extreme) / (1 + n_draws)

    def invert(self, side: int, std_error: float, alpha: float) -> float:
        """Distance to the nearest rejected null on one side."""
        far = std_error
        while self.p_value(side * far) > alpha:
            far *= 2
            if far > _FAR * std_error:
                return float("inf")
        near = far / 2 if far > std_error else 0.0
        for _ in range(_BISECTIONS):
            middle = (near + far) / 2
            if self.p_value(side * middle) > alpha:
                near = middle
            else:
                far = middle
        return far


def _inner(v: Floats, left: tuple[Floats, Floats], right: tuple[Floats, Floats], h: Floats) -> Floats:
    """Sum over clusters of the products of the scores v_g q_g - h_g u'v of two pieces, one for each draw."""
    (q, u), (r, t) = left, right
    if h.shape[1] >= len(q):
        first = v @ (np.diag(q) - h @ u.T).T
        second = first if left is right else v @ (np.diag(r) - h @ t.T).T
        products: Floats = np.einsum("ij,ij->i", first, second)
        return products
    m = u.shape[1]
    # One product of matrices instead of several: the draws are read from memory once.
    if left is right:
        both = v @ np.hstack([u, h * q[:, None]])
        uv, tv = both[:, :m], both[:, :m]
        crossed = 2 * np.einsum("ij,ij->i", uv, both[:, m:])
    else:
        both = v @ np.hstack([u, t, h * q[:, None], h * r[:, None]])
        uv, tv = both[:, :m], both[:, m : 2 * m]
        crossed = np.einsum("ij,ij->i", tv, both[:, 2 * m : 3 * m])
        crossed += np.einsum("ij,ij->i", uv, both[:, 3 * m :])
    total: Floats = _squares(v) @ (q * r) - crossed + np.einsum("ij,ij->i", uv @ (h.T @ h), tv)
    return total


def _squares(v: Floats) -> Floats:
    # Rademacher signs square to one: a single row then serves all draws.
    return np.ones((1, v.shape[1])) if np.abs(v[0, 0]) == 1 and (np.abs(v[0]) == 1).all() else v**2
