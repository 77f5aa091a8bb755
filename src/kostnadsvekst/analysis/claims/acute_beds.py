"""Numbers that section 6.2 prints on municipal acute beds, from the monthly panel and its estimates."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from kostnadsvekst.analysis.claims.measures import NotInDataError, compute_measure
from kostnadsvekst.panel.monthly import cumulative_adoption

EFFECT, NO_EFFECT = "effect", "no effect"
_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class AcuteBedsMaterial:
    """What the claims are computed from.

    Attributes
    ----------
    panel : DataFrame
        Monthly panel.
    effects : mapping of str to DataFrame
        Last month used -> frame of `kostnadsvekst.acute_beds.estimate_effects`, the report's model.
    """

    panel: pd.DataFrame
    effects: Mapping[str, pd.DataFrame]


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
    return found.loc[outcome]


def _effect_percent(material: AcuteBedsMaterial, outcome: str, until: str) -> float:
    return float(_estimate(material, outcome, until)["effect_percent"])


def _effect_or_not(material: AcuteBedsMaterial, outcome: str, until: str) -> str:
    return NO_EFFECT if _estimate(material, outcome, until)["p_value"] >= _LEVEL else EFFECT


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


def _first_new_month(material: AcuteBedsMaterial, first: str, last: str) -> str:
    """First month with more municipalities than the panel's first; the range where it lies within."""
    cumulative = cumulative_adoption(material.panel)
    month = str(cumulative.index[int((cumulative > cumulative.iloc[0]).argmax())])
    return f"{first} to {last}" if first <= month <= last else month


COMPUTATIONS: Mapping[str, Callable[..., float | str]] = {
    "effect_percent": _effect_percent,
    "effect_or_not": _effect_or_not,
    "adopters": _adopters,
    "municipalities": _municipalities,
    "starts_above_zero": _starts_above_zero,
    "first_new_month": _first_new_month,
}
