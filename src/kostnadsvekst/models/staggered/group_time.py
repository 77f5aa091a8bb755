"""Effects by cohort and period as linear functions of the outcome, and their aggregation.

Each estimator returns the same value, `GroupTimeEffects`: an effect for each cohort and period with the
contribution of each unit to its error. Weighted means of effects then have a standard error, whatever the
weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kostnadsvekst.models.staggered.adoption_panel import NEVER, AdoptionPanel

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class GroupTimeEffects:
    """m effects of cohorts in periods.

    Attributes
    ----------
    cohort, period : (m,) integer arrays
        First treated period of the cohort; period of the effect.
    effect : (m,) array
    influence : (N, m) array
        Unit contributions: the variance of a'effect is the sum over clusters of the squared sum over their
        units of influence @ a.
    size : (m,) array
        Weight of the treated cell: number of treated units, or their sum of weights.
    cohort_of_unit : (N,) integer array
    unit_weight : (N,) array
        For the variance of estimated cohort shares; ones if shares are taken as fixed.
    random_shares : bool
        Whether cohort shares are estimates too (Callaway and Sant'Anna) or fixed.
    clusters : (N,) integer array
        Codes of the clusters.
    n_treated, n_control : (m,) integer arrays
        Units of the cohort in the period, and units that they are compared with.
    own_error : (m,) boolean array
        Whether the treated come from two clusters or more: a single one has no spread.
    unit_share : (N, m) array
        Share of each unit in the treated cell, where an estimator's means need it.
    center : (m,) array
        What the residuals of the treated cells are taken around, likewise.
    """

    cohort: Ints
    period: Ints
    effect: Floats
    influence: Floats
    size: Floats
    cohort_of_unit: Ints
    unit_weight: Floats
    random_shares: bool
    clusters: Ints
    n_treated: Ints
    n_control: Ints
    own_error: Bools
    unit_share: Floats
    center: Floats

    @property
    def horizon(self) -> Ints:
        """Periods since the cohort's first treated one."""
        return self.period - self.cohort

    @property
    def std_error(self) -> Floats:
        """(m,) standard error of each effect by itself; NaN where it has none of its own."""
        summed = sum_over(self.clusters, self.influence)
        return np.where(self.own_error, np.sqrt((summed**2).sum(axis=0)), np.nan)


@dataclass(frozen=True, slots=True)
class CellEffect:
    """Effect of a cohort in a period, as an estimator finds it.

    Attributes
    ----------
    cohort, period : int
    effect : float
    influence : (N,) array
    size : float
    controls : (N,) boolean array
        Units that it is compared with.
    share : (N,) array, optional
    center : float
    """

    cohort: int
    period: int
    effect: float
    influence: Floats
    size: float
    controls: Bools
    share: Floats | None = None
    center: float = 0.0


@dataclass(frozen=True, slots=True)
class Estimated:
    """Effects, the panel that they were estimated on, and what a user should know of what was left out."""

    effects: GroupTimeEffects
    panel: AdoptionPanel
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mean:
    """A weighted mean of effects.

    Attributes
    ----------
    estimate : float
    influence : (C,) array
        Contribution of each cluster to its error.
    own_error : bool
        False where every effect in it rests on a single treated cluster.
    """

    estimate: float
    influence: Floats
    own_error: bool = True

    @property
    def std_error(self) -> float:
        """Root of the sum of squared contributions; NaN where there is no error of its own."""
        return float(np.sqrt(np.sum(self.influence**2))) if self.own_error else float("nan")


def weighted_mean(effects: GroupTimeEffects, chosen: Bools, by_size: bool = True) -> Mean:
    """Mean of chosen effects, weighted by size (or each alike).

    Notes
    -----
    With estimated shares the influence gets the second term of Callaway and Sant'Anna (2021), corollary 2:
    the share of a cohort among units is itself a mean over units.
    """
    picked = np.flatnonzero(chosen)
    size = effects.size[picked] if by_size else np.ones(len(picked))
    share = size / size.sum()
    estimate = float(share @ effects.effect[picked])
    influence = effects.influence[:, picked] @ share
    if by_size and effects.random_shares:
        # Sum over effects of (1{unit in cohort} - share of cohort) (effect - mean) / sum of shares.
        deviation = effects.effect[picked] - estimate
        of_cohort = np.zeros(int(max(effects.cohort_of_unit[effects.cohort_of_unit < NEVER].max(), 0)) + 1)
        np.add.at(of_cohort, effects.cohort[picked], deviation)
        inside = (effects.cohort_of_unit >= 0) & (effects.cohort_of_unit < NEVER)
        term = np.zeros(len(influence))
        term[inside] = of_cohort[effects.cohort_of_unit[inside]]
        influence = influence + term * effects.unit_weight / size.sum()
    return Mean(estimate, sum_over(effects.clusters, influence), bool(effects.own_error[picked].any()))


def two_step_mean(effects: GroupTimeEffects, chosen: Bools) -> Mean:
    """Mean of chosen effects, weighted by size, with the variance of a two-step moment estimator.

    Notes
    -----
    Gardner (2022), section 4: the second step is a regression of the treated cells' gaps on one constant for
    all that is averaged, so their residuals are around that mean and not around each cell's.
    """
    picked = np.flatnonzero(chosen)
    share = effects.size[picked] / effects.size[picked].sum()
    estimate = float(share @ effects.effect[picked])
    moved = effects.unit_share[:, picked] * (effects.center[picked] - estimate)
    influence = sum_over(effects.clusters, (effects.influence[:, picked] + moved) @ share)
    # Cells of several units give the mean a spread, whatever each of them has.
    units = sum_over(effects.clusters, effects.unit_share[:, picked].sum(axis=1))
    return Mean(estimate, influence, int((units > 0).sum()) > 1)


def mean_of_means(means: Sequence[Mean], shares: Floats | None = None) -> Mean:
    """Mean of means with fixed shares, alike if none are given."""
    share = np.full(len(means), 1 / len(means)) if shares is None else shares / shares.sum()
    estimate = float(share @ [m.estimate for m in means])
    influence = np.stack([m.influence for m in means], axis=1) @ share
    return Mean(estimate, influence, any(m.own_error for m in means))


def collect(
    found: Sequence[CellEffect], panel: AdoptionPanel, unit_weight: Floats, random_shares: bool
) -> GroupTimeEffects:
    """Put the effects of an estimator side by side.

    Parameters
    ----------
    found : sequence of CellEffect
    panel : AdoptionPanel
        What they were estimated on.
    unit_weight : (N,) array
    random_shares : bool
    """
    treated = [(panel.first == f.cohort) & panel.present[:, f.period] for f in found]
    none = np.zeros(len(panel.first))
    return GroupTimeEffects(
        cohort=np.array([f.cohort for f in found], dtype=np.intp),
        period=np.array([f.period for f in found], dtype=np.intp),
        effect=np.array([f.effect for f in found]),
        influence=np.stack([f.influence for f in found], axis=1),
        size=np.array([f.size for f in found]),
        cohort_of_unit=panel.first,
        unit_weight=unit_weight,
        random_shares=random_shares,
        clusters=panel.clusters,
        n_treated=np.array([t.sum() for t in treated], dtype=np.intp),
        n_control=np.array([f.controls.sum() for f in found], dtype=np.intp),
        own_error=np.array([_several(panel.clusters[t]) for t in treated]),
        unit_share=np.stack([none if f.share is None else f.share for f in found], axis=1),
        center=np.array([f.center for f in found]),
    )


def sum_over(clusters: Ints, values: Floats) -> Floats:
    """Add up (N,) or (N, m) values over clusters 0, 1, ..."""
    n_clusters = int(clusters.max()) + 1
    if n_clusters == len(clusters) and (clusters == np.arange(n_clusters)).all():
        return values
    summed = np.zeros((n_clusters, *values.shape[1:]))
    np.add.at(summed, clusters, values)
    return summed


def _several(clusters: Ints) -> bool:
    return len(clusters) > 1 and bool((clusters != clusters[0]).any())
