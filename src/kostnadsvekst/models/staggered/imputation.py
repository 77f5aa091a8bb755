"""Observed outcomes of treated cells minus what the untreated cells say they would have been."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.staggered.adoption_panel import NEVER, AdoptionPanel, list_cells
from kostnadsvekst.models.staggered.first_stage import FirstStage, build_first_stage
from kostnadsvekst.models.staggered.group_time import CellEffect, Estimated, collect, sum_over

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Rows:
    """The n rows of a panel: unit, period, weight, and whether they can be affected."""

    unit: Ints
    period: Ints
    weight: Floats
    affected: Bools
    stage: FirstStage


def imputation(panel: AdoptionPanel, anticipation: int = 0) -> Estimated:
    """Observed minus imputed outcomes of treated cells, by cohort and period.

    Parameters
    ----------
    panel : AdoptionPanel
        It may be unbalanced, weights may vary; every period has an untreated unit. Its sets of effects and
        its covariates are those of the first stage.
    anticipation : int
        Cells that soon before treatment are imputed too.

    Returns
    -------
    Estimated
        Of treated cells only, and of those before that may be affected. Cells that the untreated ones do not
        identify are left out of the panel.

    Raises
    ------
    SpecificationError
        If no treated cell is identified.

    Notes
    -----
    Borusyak, Jaravel and Spiess (2024): effects and coefficients from untreated cells; the variance is their
    conservative one, equation 8: residuals of the treated cells of a cohort and period are taken around
    sum_c v_c sum_i v_i gap_i / sum_c v_c^2, where v are the cells' weights in the estimate and v_c their sum
    over a cluster. The weight that an estimate gives to an untreated cell is minus the projection of its
    treated weights.
    """
    late = (panel.first >= panel.y.shape[1]) & (panel.first < NEVER)
    panel = panel.without(panel.affected(anticipation) & late[:, None])
    rows = _rows(panel, anticipation)
    lost = _unidentified(panel, rows)
    notes = _note(panel, lost) if lost.any() else ()
    if not (panel.present & panel.treated & ~lost).any():
        raise SpecificationError("no effect is identified: " + "; ".join(notes))
    if lost.any():
        panel = panel.without(lost)
        rows = _rows(panel, anticipation)
    gap = panel.y[rows.unit, rows.period]
    gap = gap - rows.stage.fitted(gap)
    cells = _cells(panel, rows)
    shares = _shares(rows, cells)
    first = _first_stage_influence(rows, gap, shares)
    found = [
        _effect(panel, rows, gap, cell, first[:, j], anticipation)
        for j, cell in enumerate(zip(*np.divmod(np.unique(cells[cells >= 0]), panel.y.shape[1]), strict=True))
    ]
    return Estimated(collect(found, panel, np.ones(len(panel.first)), random_shares=False), panel, notes)


def _rows(panel: AdoptionPanel, anticipation: int) -> _Rows:
    unit, period = np.nonzero(panel.present)
    affected = panel.affected(anticipation)[unit, period]
    weight = panel.weights[unit, period]
    effects = [codes[unit, period] for codes in panel.effects]
    covariates = panel.covariates[:, unit, period].T
    stage = build_first_stage(effects, covariates, weight, ~affected)
    return _Rows(unit, period, weight, affected, stage)


def _unidentified(panel: AdoptionPanel, rows: _Rows) -> Bools:
    lost = np.zeros(panel.y.shape, dtype=bool)
    gone = rows.affected & ~rows.stage.identified
    lost[rows.unit[gone], rows.period[gone]] = True
    return lost


def _note(panel: AdoptionPanel, lost: Bools) -> tuple[str, ...]:
    named = ", ".join(list_cells(panel, lost))
    return (
        f"{lost.sum()} treated row(s) are left out: no chain of untreated rows connects their unit with "
        f"their period (or covariates), so nothing shows what would have happened: {named}",
    )


def _cells(panel: AdoptionPanel, rows: _Rows) -> Ints:
    """(n,) cohort and period of each affected row as one number, -1 for the others."""
    key = panel.first[rows.unit] * panel.y.shape[1] + rows.period
    return np.where(rows.affected, key, -1)


def _shares(rows: _Rows, cells: Ints) -> csr_array:
    """(n, m) weights of the affected rows in their cell's effect; they add up to one in a cell."""
    at = np.flatnonzero(cells >= 0)
    _, code = np.unique(cells[at], return_inverse=True)
    share = rows.weight[at] / np.bincount(code, rows.weight[at])[code]
    return csr_array((share, (at, code)), shape=(len(cells), int(code.max()) + 1))


def _first_stage_influence(rows: _Rows, gap: Floats, shares: csr_array) -> Floats:
    """(N, m) contributions of the untreated rows to the error of each cell's effect."""
    stage, n_units = rows.stage, int(rows.unit.max()) + 1
    levels = csr_array(
        (np.ones(len(gap)), (stage.lead, np.arange(len(gap)))), shape=(len(stage.total), len(gap))
    )
    effects, coefficients = stage.solve((levels @ shares).toarray(), (stage.rest.T @ shares).toarray())
    by_unit = csr_array((stage.weights * gap, (rows.unit, np.arange(len(gap)))), shape=(n_units, len(gap)))
    influence: Floats = -((by_unit @ levels.T) @ effects + (by_unit @ stage.rest) @ coefficients)
    return influence


def _effect(
    panel: AdoptionPanel, rows: _Rows, gap: Floats, cell: tuple[Ints, Ints], first: Floats, anticipation: int
) -> CellEffect:
    g, t = (int(part) for part in cell)
    at = np.flatnonzero((panel.first[rows.unit] == g) & (rows.period == t))
    unit, size = rows.unit[at], float(rows.weight[at].sum())
    share = np.zeros(len(panel.first))
    share[unit] = rows.weight[at] / size
    gaps = np.zeros(len(panel.first))
    gaps[unit] = gap[at]
    by_cluster = sum_over(panel.clusters, share)
    center = float(by_cluster @ sum_over(panel.clusters, share * gaps) / (by_cluster @ by_cluster))
    controls = panel.present[:, t] & ~panel.affected(anticipation)[:, t]
    return CellEffect(
        g, t, float(share @ gaps), first + share * (gaps - center), size, controls, share, center
    )
