"""Numbers that chapter 6 prints on municipal acute beds, from the monthly panel and its estimates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from kostnadsvekst.analysis.acute_beds.equivalence import default_margin, judge_equivalence
from kostnadsvekst.analysis.claims.measures import NotInDataError, compute_measure
from kostnadsvekst.panel.monthly import REPORT_OUTCOMES, cumulative_adoption, to_grid


@dataclass(frozen=True, slots=True)
class AcuteBedsMaterial:
    """What the claims are computed from.

    Attributes
    ----------
    panel : DataFrame
        Monthly panel.
    effects : mapping of str to DataFrame
        Last month used -> frame of `kostnadsvekst.acute_beds.estimate_effects`, the report's model.
    mechanisms : DataFrame, optional
        From `kostnadsvekst.analysis.acute_beds.survival.estimate_mechanisms`.
    """

    panel: pd.DataFrame
    effects: Mapping[str, pd.DataFrame]
    mechanisms: pd.DataFrame = field(default_factory=pd.DataFrame)


def measure_acute_beds(measure: str, material: AcuteBedsMaterial) -> float | str:
    """Value of a measure of section 6.2.

    Parameters
    ----------
    measure : str
        As in the column ``measure`` of the claims on acute beds.
    material : AcuteBedsMaterial

    Raises
    ------
    NotInDataError
        If the panel does not hold the month or the estimates not the period or outcome.
    """
    value: float | str = compute_measure(measure, COMPUTATIONS, material)
    return value


def _estimate(material: AcuteBedsMaterial, outcome: str, until: str) -> pd.Series:
    if until not in material.effects:
        raise NotInDataError(f"there is no estimate up to {until}")
    found = material.effects[until].set_index("outcome")
    if outcome not in found.index:
        raise NotInDataError(f"there is no estimate of {outcome}")
    row = found.loc[outcome]
    if row.get("refused", ""):
        raise NotInDataError(str(row["refused"]))
    return row


def _effect_percent(material: AcuteBedsMaterial, outcome: str, until: str) -> float:
    return float(_estimate(material, outcome, until)["effect_percent"])


def _no_effect(material: AcuteBedsMaterial, outcome: str, until: str) -> str:
    """Verdict of an equivalence test: "no effect" is shown, not inferred from a large p value."""
    row = _estimate(material, outcome, until)
    (test,) = judge_equivalence(row.to_frame().T.assign(outcome=outcome, until=until), default_margin())
    return test.verdict


def _earlier_article(material: AcuteBedsMaterial, mechanism: str, value: str, until: str) -> float:
    """Never a number to judge by: the report cites another article, with other data."""
    cited = "the report cites Swanson and Hagen (2016); it is no result of its own"
    if mechanism == "everybody":
        raise NotInDataError(
            f"{cited}; that article attaches -1.9 % (95 % interval -3.0 to -1.0) to all admissions at 80+, "
            "not to acute ones to internal medicine"
        )
    found = material.mechanisms
    if not found.empty:
        chosen = (found["mechanism"] == mechanism) & (found["until"] == until)
        found = found[chosen & (found["value"] == (value == "1"))]
    if found.empty:
        raise NotInDataError(f"{cited}; the panel has no {mechanism}")
    row = found.iloc[0]
    raise NotInDataError(
        f"{cited}; on the same split the model gives {row['effect_percent']:.1f} % "
        f"(95 % interval {row['conf_low_percent']:.1f} to {row['conf_high_percent']:.1f}) on the data at hand"
    )


def _adopters(material: AcuteBedsMaterial, month: str) -> float:
    """Municipalities with beds at the end of a month."""
    cumulative = cumulative_adoption(material.panel)
    if month not in cumulative.index:
        raise NotInDataError(f"the panel has no {month}")
    return float(cumulative[month])


def _municipalities(material: AcuteBedsMaterial) -> float:
    return float(material.panel["municipality"].nunique())


def _starts_above_zero(material: AcuteBedsMaterial) -> str:
    return str(bool(cumulative_adoption(material.panel).iloc[0] > 0)).lower()


def _adopters_at_start(material: AcuteBedsMaterial) -> float:
    """Municipalities with beds at the end of the panel's first month."""
    return float(cumulative_adoption(material.panel).iloc[0])


def _dummy_values(material: AcuteBedsMaterial) -> str:
    """Values that the indicator of beds takes, in order; a month that is missing has none."""
    grid = to_grid(material.panel)
    return ", ".join(f"{value:g}" for value in np.unique(grid.treated[grid.present]))


def _effect_rank(material: AcuteBedsMaterial, outcome: str, until: str) -> float:
    """Rank of an outcome among those of the chapter, the largest fall first."""
    _estimate(material, outcome, until)
    found = material.effects[until].set_index("outcome")["effect_percent"].dropna()
    order = found[found.index.isin(REPORT_OUTCOMES)].sort_values()
    if outcome not in order.index:
        raise NotInDataError(f"{outcome} is not among the outcomes of the chapter")
    return float(order.index.get_loc(outcome) + 1)


def _first_new_month(material: AcuteBedsMaterial, first: str, last: str) -> str:
    """First month with more municipalities than the panel's first; the range where it lies within."""
    cumulative = cumulative_adoption(material.panel)
    month = str(cumulative.index[int((cumulative > cumulative.iloc[0]).argmax())])
    return f"{first} to {last}" if first <= month <= last else month


COMPUTATIONS: Mapping[str, Callable[..., float | str]] = {
    "effect_percent": _effect_percent,
    "no_effect": _no_effect,
    "earlier_article": _earlier_article,
    "adopters": _adopters,
    "municipalities": _municipalities,
    "adopters_at_start": _adopters_at_start,
    "dummy_values": _dummy_values,
    "effect_rank": _effect_rank,
    "starts_above_zero": _starts_above_zero,
    "first_new_month": _first_new_month,
}
