"""Cohort by horizon dummies in one two-way regression."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.balanced.projection import build_projector
from kostnadsvekst.models.staggered.adoption_panel import NEVER, AdoptionPanel, list_cells, list_names
from kostnadsvekst.models.staggered.group_time import CellEffect, Estimated, collect
from kostnadsvekst.threads import threads_for

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

_IDENTIFIED = 1e-6
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class _Regression:
    """Coefficients of the m cells with the units' contributions (N, m); which cells are identified."""

    coefficients: Floats
    influence: Floats
    identified: Bools


def sun_abraham(panel: AdoptionPanel, anticipation: int = 0) -> Estimated:
    """Coefficients of cohort by horizon dummies in a two-way regression, horizon -1 left out.

    Parameters
    ----------
    panel : AdoptionPanel
        Units never treated are the reference. It may be unbalanced, weights may vary. Covariates are further
        regressors.
    anticipation : int
        The horizon left out is that before -anticipation.

    Returns
    -------
    Estimated
        Its influence gives the covariance clustered by the panel's clusters, factor M/(M-1) (n-1)/(n-K-1)
        with K counting the dummies, the covariates and the period effects.

    Raises
    ------
    SpecificationError
        If no cohort has a row in the horizon that is left out, or no effect is identified.

    Notes
    -----
    Sun and Abraham (2021), section 4.1. Cohort shares are taken as fixed, as in their software. A cohort
    without a row in the period it is compared with is left out: its dummies add up to its unit effects.
    """
    panel, notes = _with_reference(panel, anticipation)
    cells = [
        (int(g), t)
        for g in panel.cohorts
        for t in range(panel.y.shape[1])
        if t != g - 1 - anticipation and panel.present[panel.first == g, t].any()
    ]
    if not any(t >= g for g, t in cells):
        raise SpecificationError("no effect is identified: " + "; ".join(notes or ("no treated row",)))
    with threads_for(panel.y.size * len(cells) ** 2):
        fit = _regress(panel, cells)
    if not fit.identified.all():
        notes = (*notes, _left_out(panel, cells, fit.identified))
    never = panel.first == NEVER
    found = [
        CellEffect(
            g,
            t,
            float(fit.coefficients[j]),
            fit.influence[:, j],
            float(panel.weights[panel.first == g, t].sum()),
            never & panel.present[:, t],
        )
        for j, (g, t) in enumerate(cells)
        if fit.identified[j]
    ]
    if not any(f.period >= f.cohort for f in found):
        raise SpecificationError("no effect is identified: " + "; ".join(notes))
    return Estimated(collect(found, panel, np.ones(len(panel.first)), random_shares=False), panel, notes)


def _with_reference(panel: AdoptionPanel, anticipation: int) -> tuple[AdoptionPanel, tuple[str, ...]]:
    """Panel of the cohorts that have a row in the period they are compared with."""
    n_periods = panel.y.shape[1]
    late = (panel.first >= n_periods) & (panel.first < NEVER)
    panel = panel.without(panel.affected(anticipation) & late[:, None])
    lacking = [
        g for g in panel.cohorts if not panel.present[panel.first == g, int(g) - 1 - anticipation].any()
    ]
    if not lacking:
        return panel, ()
    gone = np.isin(panel.first, lacking)
    when = "period before treatment" if not anticipation else f"period {anticipation + 1} before treatment"
    note = (
        f"cohort(s) without a row in the {when} cannot be compared with it and are left out: "
        f"{list_names(panel.periods[lacking])} (units {list_names(panel.units[gone])})"
    )
    if len(lacking) == len(panel.cohorts):
        raise SpecificationError(f"no effect is identified: {note}")
    return panel.take(~gone), (note,)


def _regress(panel: AdoptionPanel, cells: list[tuple[int, int]]) -> _Regression:
    m, root = len(cells), np.sqrt(panel.weights)
    projector = build_projector(panel.weights)
    # The columns are the largest arrays here by far: no more of them at once than needed.
    X = np.concatenate([_dummies(panel, cells), panel.covariates])
    lengths = _lengths(X, root)
    X, y = projector.residuals(X), projector.residuals(panel.y)
    # What unit and period effects leave of a column that they make up is rounding.
    X *= (_lengths(X, root) > _ROUNDING * lengths)[:, None, None]
    flat = (X * root).reshape(len(X), -1)
    gram = flat @ flat.T
    inverse, rank = symmetric_inverse(gram)
    b = inverse @ (flat @ (y * root).ravel())
    errors = (y - np.tensordot(b, X, 1)) * panel.weights
    n, units = int(panel.present.sum()), projector.n_units
    clusters = int(panel.clusters.max()) + 1
    spare = n - (projector.n_effects - units) - rank - 1
    # Nothing is left over where the dummies fit every row: then there is no error either.
    factor = clusters / (clusters - 1) * (n - 1) / spare if spare > 0 and clusters > 1 else np.nan
    scores = np.einsum("knt,nt->nk", X, errors, optimize=True)
    influence = np.sqrt(factor) * scores @ inverse
    return _Regression(b[:m], influence[:, :m], _identified(inverse, gram, rank)[:m])


def _lengths(columns: Floats, root: Floats) -> Floats:
    """Length of each column, cells weighted."""
    return np.array([np.linalg.norm(column * root) for column in columns])


def _dummies(panel: AdoptionPanel, cells: list[tuple[int, int]]) -> Floats:
    X = np.zeros((len(cells), *panel.y.shape))
    for j, (g, t) in enumerate(cells):
        X[j, (panel.first == g) & panel.present[:, t], t] = 1.0
    return X


def _identified(inverse: Floats, gram: Floats, rank: int) -> Bools:
    """Coefficients that every solution of the normal equations shares."""
    if rank == len(gram):
        return np.ones(rank, dtype=bool)
    length = np.sqrt(np.maximum(np.diag(gram), np.finfo(float).tiny))
    kept = (inverse @ gram) * length[:, None] / length
    alike: Bools = np.abs(kept - np.eye(len(gram))).max(axis=1) < _IDENTIFIED
    return alike


def _left_out(panel: AdoptionPanel, cells: list[tuple[int, int]], identified: Bools) -> str:
    lost = np.zeros(panel.y.shape, dtype=bool)
    for (g, t), known in zip(cells, identified, strict=True):
        lost[panel.first == g, t] |= not known
    named = ", ".join(list_cells(panel, lost & panel.present))
    return f"effects of cohorts in periods that no never treated unit connects are left out: {named}"


def symmetric_inverse(gram: Floats) -> tuple[Floats, int]:
    """Generalised inverse of a Gram matrix, and its rank; columns that are nearly zero count as none."""
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
