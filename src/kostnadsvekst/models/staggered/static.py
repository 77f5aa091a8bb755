"""The static two-way estimate: what it compares, how it weights, and what chance would give."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.balanced.projection import build_projector
from kostnadsvekst.models.notebook_face import Shown
from kostnadsvekst.models.origins import with_origin
from kostnadsvekst.models.staggered.adoption_panel import (
    NEVER,
    AdoptionPanel,
    require_balanced,
)
from kostnadsvekst.models.staggered.reading import read_adoption_panel
from kostnadsvekst.provenance import UNKNOWN, Provenance

Floats = NDArray[np.float64]

_ROUNDING = 1e-10
# Kinds of 2x2 comparisons, in the order of trust.
KINDS = (
    "treated vs never treated",
    "earlier vs later (not yet treated)",
    "later vs earlier (already treated)",
    "treated vs always treated",
)


@dataclass(frozen=True, slots=True, repr=False)
class NegativeWeights(Shown):
    """How the static estimate weights treated cells.

    Attributes
    ----------
    weights : DataFrame
        For each treated cell ``unit``, ``period``, ``weight``; the weights sum to one.
    share_negative : float
        Share of treated cells with a negative weight.
    sum_negative : float
        Sum of the negative weights.
    estimate : float
        The static estimate.
    smallest_spread : float
        Smallest standard deviation of the cells' effects with which their mean could be zero, given the
        static estimate (de Chaisemartin and D'Haultfoeuille 2020, corollary 1).
    provenance : Provenance
        Origin of the data.
    """

    weights: pd.DataFrame
    share_negative: float
    sum_negative: float
    estimate: float
    smallest_spread: float
    provenance: Provenance = field(default=Provenance(UNKNOWN), repr=False, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True, repr=False)
class Randomisation(Shown):
    """Static estimate against its distribution under random adoption dates.

    Attributes
    ----------
    estimate : float
    draws : (R,) array
        Estimates with the dates dealt anew among the units.
    p_value : float
        (1 + number of draws at least as far from zero) / (R + 1).
    provenance : Provenance
        Origin of the data.
    """

    estimate: float
    draws: Floats
    p_value: float
    provenance: Provenance = field(default=Provenance(UNKNOWN), repr=False, compare=False, kw_only=True)


@with_origin
def bacon(
    data: pd.DataFrame,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    *,
    never_treated: object = None,
) -> pd.DataFrame:
    """Goodman-Bacon decomposition of the static two-way estimate.

    Parameters
    ----------
    data : DataFrame
        A balanced panel; see `kostnadsvekst.staggered.read_adoption_panel` for the columns.
    outcome, unit, time, first_treated : str
    never_treated : value or sequence of values, optional
        As there.

    Returns
    -------
    DataFrame
        One row for each comparison of two groups: ``kind`` (see `KINDS`), ``treated_cohort`` and
        ``control_cohort`` (first treated period; as text where "never" or "always" is among them),
        ``weight``, ``estimate``. Weights sum to one and the weighted sum of the estimates is the static
        two-way estimate, which is in ``attrs["two_way"]``.

    Raises
    ------
    InvalidDataError
        If the panel is unbalanced: the missing units and periods are named.
    SpecificationError
        If treatment does not vary within units and periods.

    Notes
    -----
    Goodman-Bacon (2021), theorem 1. Units treated from the first period on act as controls that are
    treated throughout; with a growing effect, and with already treated controls, the comparison subtracts
    the change of the control's effect.
    """
    panel = read_adoption_panel(data, outcome, unit, time, first_treated, never_treated=never_treated)
    require_balanced(panel, "the Goodman-Bacon decomposition")
    groups = _timing_groups(panel)
    rows = [row for k in groups for j in groups for row in _comparison(panel, k, j)]
    if not rows:
        raise SpecificationError("treatment does not vary within units and periods: nothing is compared")
    table = pd.DataFrame(rows)
    if len(set(map(type, table["control_cohort"]))) > 1:  # words beside periods could not be saved
        table["control_cohort"] = table["control_cohort"].astype(str)
    table["weight"] /= table["weight"].sum()
    table = table[table["weight"] > 0].reset_index(drop=True)
    table.attrs["two_way"] = two_way_estimate(panel)
    return table


@with_origin
def bacon_shares(comparisons: pd.DataFrame) -> pd.DataFrame:
    """Weight and mean estimate of each kind of comparison, over `KINDS`.

    Parameters
    ----------
    comparisons : DataFrame
        From `bacon`.
    """
    weighted = comparisons.assign(product=comparisons["weight"] * comparisons["estimate"])
    sums = weighted.groupby("kind")[["weight", "product"]].sum().reindex(list(KINDS), fill_value=0.0)
    counts = weighted.groupby("kind").size().reindex(list(KINDS), fill_value=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums["product"] / sums["weight"]
    return pd.DataFrame({"n_comparisons": counts, "weight": sums["weight"], "estimate": mean})


@with_origin
def negative_weights(
    data: pd.DataFrame,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    *,
    never_treated: object = None,
) -> NegativeWeights:
    """Weights that the static two-way estimate gives to the effects of treated cells.

    Parameters
    ----------
    data : DataFrame
        It may be unbalanced; see `kostnadsvekst.staggered.read_adoption_panel`.
    outcome, unit, time, first_treated : str
    never_treated : value or sequence of values, optional
        As there.

    Returns
    -------
    NegativeWeights

    Notes
    -----
    de Chaisemartin and D'Haultfoeuille (2020), theorem 1: with D~ the treatment after unit and period
    effects, the weight of a treated cell is D~ over the sum of D~ in treated cells.
    """
    panel = read_adoption_panel(data, outcome, unit, time, first_treated, never_treated=never_treated)
    residual, estimate = _static(panel)
    cell = panel.treated & panel.present
    weight = residual[cell] / residual[cell].sum()
    units, periods = np.nonzero(cell)
    table = pd.DataFrame({"unit": panel.units[units], "period": panel.periods[periods], "weight": weight})
    # A weight of zero comes out as some 1e-17 of either sign.
    negative = weight < -_ROUNDING * np.abs(weight).max()
    spread = float(np.sqrt(np.mean((weight * len(weight) - 1) ** 2)))
    return NegativeWeights(
        weights=table,
        share_negative=float(negative.mean()),
        sum_negative=float(weight[negative].sum()),
        estimate=estimate,
        smallest_spread=abs(estimate) / spread if spread > 0 else float("inf"),
    )


@with_origin
def randomisation_inference(
    data: pd.DataFrame,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    n_draws: int = 999,
    seed: int = 1,
    *,
    never_treated: object = None,
) -> Randomisation:
    """Deal the adoption dates anew among units and compare the static estimate with what comes out.

    Parameters
    ----------
    data, outcome, unit, time, first_treated
        As `bacon`; the panel may be unbalanced.
    n_draws : int
    seed : int
    never_treated : value or sequence of values, optional
        As `bacon`.

    Returns
    -------
    Randomisation

    Notes
    -----
    A test of the sharp hypothesis of no effect anywhere, valid if dates were as good as random.
    """
    panel = read_adoption_panel(data, outcome, unit, time, first_treated, never_treated=never_treated)
    projector = build_projector(panel.weights)
    y = projector.residuals(panel.y)
    rng = np.random.default_rng(seed)
    treated = panel.treated.astype(np.float64)
    residual = projector.residuals(treated)
    estimate = _slope(residual, y)
    draws = np.empty(n_draws)
    # In a balanced panel the residual of the dealt treatment is the residual dealt.
    products = residual @ y.T / np.vdot(residual, residual) if panel.balanced else None
    units = np.arange(len(treated))
    for r in range(n_draws):
        order = rng.permutation(len(treated))
        if products is not None:
            draws[r] = products[order, units].sum()
        else:
            draws[r] = _slope(projector.residuals(treated[order]), y)
    p_value = (1 + int((np.abs(draws) >= abs(estimate) - 1e-12).sum())) / (n_draws + 1)
    return Randomisation(estimate, draws, p_value)


def two_way_estimate(panel: AdoptionPanel) -> float:
    """Coefficient of the treatment dummy in a regression with unit and period effects."""
    return _static(panel)[1]


def _static(panel: AdoptionPanel) -> tuple[Floats, float]:
    projector = build_projector(panel.weights)
    residual = projector.residuals(panel.treated.astype(np.float64)) * panel.weights
    total = float((residual * panel.treated).sum())
    if total <= 1e-9 * max(float(panel.present.sum()), 1.0):
        raise SpecificationError("treatment does not vary within units and periods: nothing is compared")
    return residual, float((residual * panel.y).sum()) / total


def _slope(residual: Floats, y: Floats) -> float:
    return float(np.vdot(residual, y) / np.vdot(residual, residual))


@dataclass(frozen=True, slots=True)
class _Group:
    """Units with the same first period: share of units, share of periods treated, mean outcome by period."""

    first: int
    label: object
    share: float
    treated_share: float
    mean: Floats


def _timing_groups(panel: AdoptionPanel) -> list[_Group]:
    n_periods = panel.y.shape[1]
    start = np.where(panel.first <= 0, 0, panel.first)
    groups = []
    for first in np.unique(start):
        members = start == first
        label = {0: "always", NEVER: "never"}.get(int(first))
        groups.append(
            _Group(
                first=int(first),
                label=panel.periods[first] if label is None else label,
                share=float(members.mean()),
                treated_share=float(np.clip(n_periods - first, 0, n_periods) / n_periods),
                mean=panel.y[members].mean(axis=0),
            )
        )
    return groups


def _comparison(panel: AdoptionPanel, k: _Group, j: _Group) -> list[dict[str, object]]:
    """Comparison of treated group k with control group j, none or one row."""
    if k.first in (0, NEVER) or k.first == j.first:
        return []
    time = np.arange(panel.y.shape[1])
    # Means before and after the treated group's first period, inside the window where the control is
    # untreated throughout (later, never) or treated throughout (earlier, always).
    if j.first > k.first:
        window = time < j.first
        kind = KINDS[0] if j.first == NEVER else KINDS[1]
        lengths = (k.treated_share - j.treated_share) * (1 - k.treated_share)
    else:
        window = time >= j.first
        kind = KINDS[3] if j.first == 0 else KINDS[2]
        lengths = k.treated_share * (j.treated_share - k.treated_share)
    after, before = window & (time >= k.first), window & (time < k.first)
    estimate = (k.mean[after].mean() - k.mean[before].mean()) - (j.mean[after].mean() - j.mean[before].mean())
    return [
        {
            "kind": kind,
            "treated_cohort": k.label,
            "control_cohort": j.label,
            "weight": k.share * j.share * lengths,
            "estimate": estimate,
        }
    ]
