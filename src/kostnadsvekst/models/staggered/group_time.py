"""Effects by cohort and period as linear functions of the outcome, and their aggregation.

Each estimator returns the same value, `GroupTimeEffects`: an effect for each cohort and period with the
contribution of each unit to its error. Weighted means of effects then have a standard error, whatever the
weights.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from kostnadsvekst.models.balanced.projection import build_projector
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
        Unit contributions: the variance of a'effect is the sum over units of (influence @ a)^2.
    size : (m,) array
        Weight of the treated cell: number of treated units, or their sum of weights.
    cohort_of_unit : (N,) integer array
    unit_weight : (N,) array
        For the variance of estimated cohort shares; None-like zeros if shares are taken as fixed.
    random_shares : bool
        Whether cohort shares are estimates too (Callaway and Sant'Anna) or fixed.
    """

    cohort: Ints
    period: Ints
    effect: Floats
    influence: Floats
    size: Floats
    cohort_of_unit: Ints
    unit_weight: Floats
    random_shares: bool

    @property
    def horizon(self) -> Ints:
        """Periods since the cohort's first treated one."""
        return self.period - self.cohort


@dataclass(frozen=True, slots=True)
class Mean:
    """A weighted mean of effects with the contribution of each unit to its error, (N,)."""

    estimate: float
    influence: Floats

    @property
    def std_error(self) -> float:
        """Root of the sum of squared contributions."""
        return float(np.sqrt(np.sum(self.influence**2)))


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
    return Mean(estimate, influence)


def mean_of_means(means: list[Mean], shares: Floats | None = None) -> Mean:
    """Mean of means with fixed shares, alike if none are given."""
    share = np.full(len(means), 1 / len(means)) if shares is None else shares / shares.sum()
    estimate = float(share @ [m.estimate for m in means])
    return Mean(estimate, np.stack([m.influence for m in means], axis=1) @ share)


def callaway_santanna(panel: AdoptionPanel, control: str, base_period: str) -> GroupTimeEffects:
    """Differences in means of outcome changes between a cohort and its controls.

    Parameters
    ----------
    panel : AdoptionPanel
        Balanced, with weights constant in a unit, nobody treated from the start.
    control : {"not_yet_treated", "never_treated"}
    base_period : {"universal", "varying"}
        Before treatment, changes are taken from the period before treatment, or from the period before.

    Returns
    -------
    GroupTimeEffects
        Without the base period itself, where the effect is zero by construction.

    Notes
    -----
    Callaway and Sant'Anna (2021), equation 2.7 without covariates. Not yet treated controls of cohort g in
    period t are units first treated after both t and the base period.
    """
    w, first = panel.weights[:, 0] / panel.weights[:, 0].mean(), panel.first
    found: list[tuple[int, int, float, Floats, float]] = []
    for g in panel.cohorts:
        cohort = first == g
        for t in range(panel.y.shape[1]):
            base = g - 1 if t >= g or base_period == "universal" else t - 1
            if base < 0 or base == t:
                continue
            late = NEVER - 1 if control == "never_treated" else max(t, base)
            controls = (first > late) & ~cohort
            if not controls.any():
                continue
            change = panel.y[:, t] - panel.y[:, base]
            effect, influence = _difference(change, w, cohort, controls)
            found.append((int(g), t, effect, influence, float(w[cohort].sum())))
    return _collect(found, first, w, random_shares=True)


def _difference(change: Floats, w: Floats, cohort: Bools, controls: Bools) -> tuple[float, Floats]:
    influence, means = np.zeros(len(change)), []
    for group, sign in ((cohort, 1.0), (controls, -1.0)):
        total = w[group].sum()
        mean = w[group] @ change[group] / total
        influence[group] += sign * w[group] * (change[group] - mean) / total
        means.append(mean)
    return float(means[0] - means[1]), influence


def _collect(
    found: list[tuple[int, int, float, Floats, float]], first: Ints, w: Floats, random_shares: bool
) -> GroupTimeEffects:
    cohort, period, effect, influence, size = zip(*found, strict=True)
    return GroupTimeEffects(
        cohort=np.array(cohort, dtype=np.intp),
        period=np.array(period, dtype=np.intp),
        effect=np.array(effect),
        influence=np.stack(influence, axis=1),
        size=np.array(size),
        cohort_of_unit=first,
        unit_weight=w,
        random_shares=random_shares,
    )


def sun_abraham(panel: AdoptionPanel) -> GroupTimeEffects:
    """Coefficients of cohort by horizon dummies in a two-way regression, horizon -1 left out.

    Parameters
    ----------
    panel : AdoptionPanel
        Units never treated are the reference. It may be unbalanced, weights may vary.

    Returns
    -------
    GroupTimeEffects
        Its influence gives the covariance clustered by unit, factor M/(M-1) (n-1)/(n-K-1) with K counting
        the dummies and the period effects.

    Notes
    -----
    Sun and Abraham (2021), section 4.1. Cohort shares are taken as fixed, as in their software.
    """
    cells = [
        (int(g), t)
        for g in panel.cohorts
        for t in range(panel.y.shape[1])
        if t != g - 1 and panel.present[panel.first == g, t].any()
    ]
    observed = panel.present.astype(np.float64)
    X = np.zeros((len(cells), *panel.y.shape))
    for j, (g, t) in enumerate(cells):
        X[j, panel.first == g, t] = observed[panel.first == g, t]
    projector = build_projector(panel.weights)
    X, y = projector.residuals(X), projector.residuals(panel.y)
    root = np.sqrt(panel.weights)
    flat = (X * root).reshape(len(cells), -1)
    inverse, rank = _symmetric_inverse(flat @ flat.T)
    b = inverse @ (flat @ (y * root).ravel())
    errors = (y - np.tensordot(b, X, 1)) * panel.weights
    n, units = int(panel.present.sum()), projector.n_units
    factor = units / (units - 1) * (n - 1) / (n - (projector.n_effects - units) - rank - 1)
    influence = np.sqrt(factor) * np.einsum("knt,nt->nk", X, errors, optimize=True) @ inverse
    sizes = [float(panel.weights[panel.first == g, t].sum()) for g, t in cells]
    found = [(g, t, float(b[j]), influence[:, j], sizes[j]) for j, (g, t) in enumerate(cells)]
    return _collect(found, panel.first, np.ones(len(panel.first)), random_shares=False)


def imputation(panel: AdoptionPanel) -> GroupTimeEffects:
    """Observed minus imputed outcomes of treated cells, by cohort and period.

    Parameters
    ----------
    panel : AdoptionPanel
        It may be unbalanced, weights may vary; every period has an untreated unit.

    Returns
    -------
    GroupTimeEffects
        Of treated cells only.

    Notes
    -----
    Borusyak, Jaravel and Spiess (2024): unit and period effects from untreated cells; the variance is their
    conservative one, with residuals of treated cells taken around the mean of their cohort and period. The
    weight v that an estimate gives to an untreated cell is minus the projection of its treated weights.
    """
    treated = panel.treated & panel.present
    untreated_weight = np.where(treated, 0.0, panel.weights)
    projector = build_projector(untreated_weight)
    fitted = _fitted_everywhere(panel.y, untreated_weight, projector.inverse)
    gap = np.where(panel.present, panel.y - fitted, 0.0)
    cells = [(int(g), t) for g in panel.cohorts for t in range(int(g), panel.y.shape[1])]
    found: list[tuple[int, int, float, Floats, float]] = []
    for g, t in cells:
        members = (panel.first == g) & panel.present[:, t]
        size = float(panel.weights[members, t].sum())
        if size == 0:
            continue
        weight = np.zeros_like(panel.y)
        weight[members, t] = panel.weights[members, t] / size
        effect = float((weight * gap).sum())
        v = weight - _projected_weights(weight, untreated_weight, projector.inverse)
        around = np.where(treated, 0.0, gap)
        around[members, t] = gap[members, t] - effect
        found.append((g, t, effect, (v * around).sum(axis=1), size))
    return _collect(found, panel.first, np.ones(len(panel.first)), random_shares=False)


def _fitted_everywhere(y: Floats, w: Floats, inverse: Floats | None) -> Floats:
    """Extend the unit and period effects of the untreated cells to every cell."""
    a, b = _effects((w * y).sum(1), (w * y).sum(0), w, inverse)
    fitted: Floats = a[:, None] + b
    return fitted


def _projected_weights(weight: Floats, w: Floats, inverse: Floats | None) -> Floats:
    a, b = _effects(weight.sum(1), weight.sum(0), w, inverse)
    projected: Floats = w * (a[:, None] + b)
    return projected


def _effects(by_unit: Floats, by_period: Floats, w: Floats, inverse: Floats | None) -> tuple[Floats, Floats]:
    """Solve the normal equations of unit and period effects for given right-hand sides."""
    total = w.sum(1)
    safe = np.where(total > 0, total, 1.0)
    if inverse is None:
        raise AssertionError("treated cells have weight zero, so the weights cannot all be equal")
    b = inverse @ (by_period - w.T @ (by_unit / safe))
    a = (by_unit - w @ b) / safe
    return a, b


def _symmetric_inverse(gram: Floats) -> tuple[Floats, int]:
    length = np.sqrt(np.diag(gram))
    length = np.where(length > 1e-7 * max(length.max(), 1e-300), length, np.inf)
    scaled = gram / np.outer(length, length)
    try:
        factor = cho_factor(scaled, lower=True)
        if np.diag(factor[0]).min() ** 2 > 1e-10:
            return cho_solve(factor, np.eye(len(gram))) / np.outer(length, length), len(gram)
    except LinAlgError:
        pass
    values, vectors = np.linalg.eigh(scaled)
    kept = values > 1e-10 * values[-1]
    basis = vectors[:, kept] / length[:, None]
    return basis @ (basis.T / values[kept, None]), int(kept.sum())
