"""Staggered adoption: what the static two-way estimate compares, and estimators that compare well.

Outcomes are in logs or any other scale; effects are in the same. ``first_treated`` is missing or infinite for
units that are never treated, or 0 where 0 is no period of the panel.
"""

from kostnadsvekst.models.staggered.adjusted_contrasts import ADJUSTMENTS
from kostnadsvekst.models.staggered.adoption_panel import AdoptionPanel
from kostnadsvekst.models.staggered.event_study import BASE_PERIODS, CONTROLS, METHODS, event_study
from kostnadsvekst.models.staggered.reading import read_adoption_panel
from kostnadsvekst.models.staggered.robust_intervals import robust_relative_magnitudes, robust_smoothness
from kostnadsvekst.models.staggered.robustness import WaldTest, placebo, pre_trend_test, sensitivity
from kostnadsvekst.models.staggered.static import (
    KINDS,
    NegativeWeights,
    Randomisation,
    bacon,
    bacon_shares,
    negative_weights,
    randomisation_inference,
    two_way_estimate,
)
from kostnadsvekst.models.staggered.studies import AGGREGATIONS, Aggregate, EventStudy, TwoStageStudy

__all__ = [
    "ADJUSTMENTS",
    "AGGREGATIONS",
    "BASE_PERIODS",
    "CONTROLS",
    "KINDS",
    "METHODS",
    "AdoptionPanel",
    "Aggregate",
    "EventStudy",
    "NegativeWeights",
    "Randomisation",
    "TwoStageStudy",
    "WaldTest",
    "bacon",
    "bacon_shares",
    "event_study",
    "negative_weights",
    "placebo",
    "pre_trend_test",
    "randomisation_inference",
    "read_adoption_panel",
    "robust_relative_magnitudes",
    "robust_smoothness",
    "sensitivity",
    "two_way_estimate",
]


def __dir__() -> list[str]:
    return sorted(__all__)
