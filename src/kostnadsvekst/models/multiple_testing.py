"""Many tests at once: adjusted p values from joint draws, and simultaneous bands.

Sources: Romano and Wolf (2005), Econometrica 73, 1237-1282, with the p values of Romano and Wolf (2016),
Statistics and Probability Letters 113, 38-40; Westfall and Young (1993), Resampling-based multiple testing;
Montiel Olea and Plagborg-Møller (2019), Journal of Applied Econometrics 34, 1-17.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.covariance_kinds import choose_columns
from kostnadsvekst.models.fixed_effects import Estimate, WithinFit
from kostnadsvekst.models.inference import cluster_factor, count_clusters
from kostnadsvekst.models.origins import with_origin
from kostnadsvekst.models.rows import read_levels
from kostnadsvekst.models.wild_bootstrap import (
    DRAWS,
    SEED,
    ClusterMoments,
    cluster_moments,
    draw_signs,
    statistics_of,
)
from kostnadsvekst.naming import nearest_names

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# Statistics that differ by less are ties: the draw of equal signs is the data themselves.
_TIE = 1e-9
_BAND_DRAWS = 100_000


@with_origin
def many_outcomes(
    estimates: Mapping[str, Estimate],
    term: str,
    *,
    cluster: str | None = None,
    draws: int = DRAWS,
    seed: int = SEED,
    distribution: str = "rademacher",
) -> pd.DataFrame:
    """Test one term of many estimates, with p values that count how many were tested.

    Parameters
    ----------
    estimates : mapping of str to Estimate
        Name of the outcome -> estimate with the term; each may have lost other rows.
    term : str
        The null of every test is that its coefficient is zero.
    cluster : str, optional
        Column of the clusters; without it the entity.
    draws, seed, distribution
        Of the wild cluster bootstrap with the null imposed (see
        `kostnadsvekst.models.wild_bootstrap.draw_signs`). A cluster has the same sign in every outcome, so
        that the draws hang together as the outcomes do.

    Returns
    -------
    DataFrame, in the order of the estimates
        ``outcome``, ``estimate``, ``std_error`` (clustered), ``statistic``, ``n_clusters``, ``p_value`` (wild
        cluster bootstrap, for this test alone), ``p_romano_wolf``, ``p_westfall_young`` (family-wise error),
        ``p_benjamini_hochberg``, ``p_benjamini_yekutieli`` (false discovery rate, from ``p_value``). The
        number of draws and the seed in ``attrs``.

    Raises
    ------
    SpecificationError
        No estimates, or one without the term.
    """
    lacking = [name for name, est in estimates.items() if term not in est.terms[:-1]]
    if lacking or not estimates:
        known = sorted({t for est in estimates.values() for t in est.terms[:-1]})
        raise SpecificationError(
            f"no term {nearest_names([term], known)} in {', '.join(lacking)}" if lacking else "no estimates"
        )
    instrumented = [name for name, est in estimates.items() if est.specification.instruments]
    if instrumented:
        raise SpecificationError(
            f"the draws are of least squares, and {', '.join(instrumented)} has instruments: test its "
            "reduced form (.reduced_form) instead"
        )
    tests = []
    for name, est in estimates.items():
        labels, codes = _cluster_labels(est, cluster)
        tests.append(
            OneTest(name, est.fit, est.terms.index(term), labels, codes, est.specification.convention)
        )
    return joint_tests(tests, draws=draws, seed=seed, distribution=distribution)


@dataclass(frozen=True, slots=True)
class OneTest:
    """A fit and the coefficient that is tested.

    Attributes
    ----------
    name : str
    fit : WithinFit
    position : int
        Of the coefficient.
    labels : array
        Of the M clusters that the fit has; the same cluster has the same label in every test.
    codes : (n,) integer array
        Cluster of each row, 0 ... M - 1.
    convention : str
        Of the clustered standard error.
    """

    name: str
    fit: WithinFit
    position: int
    labels: NDArray[np.object_]
    codes: Ints
    convention: str = "areg"


@dataclass(frozen=True, slots=True)
class _Summed:
    """What the draws need of a test."""

    name: str
    estimate: float
    labels: NDArray[np.object_]
    n_clusters: int
    moments: ClusterMoments
    factor: float


def _summed(test: OneTest) -> _Summed:
    M, k = count_clusters(test.codes), len(test.fit.coefficients)
    return _Summed(
        name=test.name,
        estimate=float(test.fit.coefficients[test.position]),
        labels=test.labels,
        n_clusters=M,
        moments=cluster_moments(test.fit, test.codes, np.eye(k)[test.position]),
        factor=float(np.sqrt(cluster_factor(test.fit, M, test.convention, (test.codes,)))),
    )


def joint_tests(
    tests: Iterable[OneTest], *, draws: int = DRAWS, seed: int = SEED, distribution: str = "rademacher"
) -> pd.DataFrame:
    """Test one coefficient of each of several fits with draws that they share.

    Parameters
    ----------
    tests : iterable of OneTest
        Taken one by one; none is kept.
    draws, seed, distribution
        As `many_outcomes`.

    Returns
    -------
    DataFrame
        As `many_outcomes`.
    """
    # Fits hold all rows; what is left of each is small, so that the tests can come one by one.
    left = [_summed(test) for test in tests]
    present = set().union(*(test.labels for test in left))
    everyone = pd.Index(sorted(present, key=lambda label: (str(type(label)), label)), dtype=object)
    signs = draw_signs(len(everyone), draws, seed, distribution)
    rows, found = [], []
    for test in left:
        M, b = test.n_clusters, test.estimate
        own = signs.values if len(everyone) == M else signs.values[:, everyone.get_indexer(test.labels)]
        found.append(statistics_of(test.moments, own, -b))
        error = found[-1].std_error * test.factor
        rows.append((test.name, b, error, b / error, M))
    frame = pd.DataFrame(rows, columns=["outcome", "estimate", "std_error", "statistic", "n_clusters"])
    drawn = np.stack([one.drawn for one in found], axis=1)
    adjusted = adjust(np.array([one.observed for one in found]), drawn, signs.enumerated)
    frame = frame.assign(**adjusted)
    frame.attrs = {"draws": signs.description, "clusters": len(everyone)}
    return frame


def adjust(observed: Floats, drawn: Floats, enumerated: bool = False) -> dict[str, Floats]:
    """P values of S tests, alone and together, from joint draws under their nulls.

    Parameters
    ----------
    observed : (S,) array
        Absolute statistics.
    drawn : (R, S) array
    enumerated : bool
        Whether the draws are all there are; the data are then one of them.

    Returns
    -------
    dict of str to (S,) array
        ``p_value``, ``p_romano_wolf``, ``p_westfall_young``, ``p_benjamini_hochberg``,
        ``p_benjamini_yekutieli``.
    """
    from statsmodels.stats.multitest import multipletests

    alone = _share_at_least(drawn, observed, enumerated)
    ranks = _bootstrap_p_values(drawn, enumerated)
    return {
        "p_value": alone,
        "p_romano_wolf": step_down(observed, drawn, enumerated),
        "p_westfall_young": step_down(-alone, -ranks, enumerated),
        "p_benjamini_hochberg": multipletests(alone, method="fdr_bh")[1],
        "p_benjamini_yekutieli": multipletests(alone, method="fdr_by")[1],
    }


def step_down(observed: Floats, drawn: Floats, enumerated: bool = False) -> Floats:
    """P values adjusted by the largest of the statistics that are not yet decided.

    Parameters
    ----------
    observed : (S,) array
        The larger, the more against the null.
    drawn : (R, S) array
        The same under all nulls together.
    enumerated : bool

    Returns
    -------
    (S,) array

    Notes
    -----
    With the tests in falling order, the p value of a test is the share of draws in which the largest
    statistic of this test and those after it is at least its own; and at least that of the test before it.
    """
    order = np.argsort(-observed, kind="stable")
    # Largest of each test and those after it.
    largest = np.maximum.accumulate(drawn[:, order][:, ::-1], axis=1)[:, ::-1]
    p = np.maximum.accumulate(_share_at_least(largest, observed[order], enumerated))
    adjusted = np.empty(len(observed))
    adjusted[order] = p
    return adjusted


def simultaneous_critical_value(
    covariance: Floats,
    level: float = 0.95,
    df: float | None = None,
    *,
    draws: int = _BAND_DRAWS,
    seed: int = SEED,
) -> float:
    """Find the number of standard errors on each side of a band that covers all coefficients at once.

    Parameters
    ----------
    covariance : (m, m) array
        Of the estimates; those without variance count for nothing.
    level : float
    df : float, optional
        Degrees of freedom of the common variance; without it normal.
    draws, seed : int
        Of the largest of m correlated |t|: the result has a simulation error.

    Returns
    -------
    float
        At least that of a single interval, at most Bonferroni's, but for simulation error.

    Raises
    ------
    SpecificationError
        A level outside (0, 1), or a covariance without any variance.
    """
    if not 0 < level < 1:
        raise SpecificationError(f"level={level!r} is not in (0, 1)")
    scale = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    used = scale > 0
    if not used.any():
        raise SpecificationError("none of the estimates has a standard error: no band")
    correlation = covariance[np.ix_(used, used)] / np.outer(scale[used], scale[used])
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((draws, len(root))) @ root.T
    if df is not None:
        z /= np.sqrt(rng.chisquare(df, draws) / df)[:, None]
    return float(np.quantile(np.abs(z).max(axis=1), level))


def _cluster_labels(est: Estimate, column: str | None) -> tuple[NDArray[np.object_], Ints]:
    """Labels of the clusters that the estimate used, and the code of each row."""
    spec = est.specification
    name = column or choose_columns("cluster", spec.entity, spec.time)[0]
    if est.data is None:
        raise SpecificationError("the estimate does not know its data: fit it with kv.estimate")
    codes, levels = read_levels(est.data[name].iloc[est.rows], name)
    return np.asarray(levels, dtype=object), codes


def _share_at_least(drawn: Floats, observed: Floats, enumerated: bool) -> Floats:
    """Share of draws that are at least as large; the data count as one where not all are enumerated."""
    edge = observed - _TIE * np.abs(observed)
    counts = (drawn >= edge).sum(axis=0)
    shares: Floats = counts / len(drawn) if enumerated else (1 + counts) / (1 + len(drawn))
    return shares


def _bootstrap_p_values(drawn: Floats, enumerated: bool) -> Floats:
    """P value of every draw among the draws of its own test."""
    n = len(drawn)
    ordered = np.sort(drawn, axis=0)
    shares = np.empty_like(drawn)
    for s in range(drawn.shape[1]):
        edge = drawn[:, s] - _TIE * np.abs(drawn[:, s])
        counts = n - np.searchsorted(ordered[:, s], edge, side="left")
        shares[:, s] = counts / n if enumerated else counts / (n + 1)
    return shares
