"""What chapter 6 is computed from: the monthly panel and all its estimates."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kostnadsvekst.analysis.acute_beds.equivalence import (
    OUTCOMES_WITHOUT_EFFECT,
    EquivalenceTest,
    default_margin,
    judge_equivalence,
    select_outcomes,
)
from kostnadsvekst.analysis.acute_beds.multiplicity import judge_outcomes
from kostnadsvekst.analysis.acute_beds.survival import (
    EARLY,
    LATE,
    SurvivalStudy,
    estimate_mechanisms,
    estimate_variants,
    study_survival,
)
from kostnadsvekst.chapters import Settings
from kostnadsvekst.models.acute_beds import estimate_effects
from kostnadsvekst.panel.monthly import load_panel
from kostnadsvekst.provenance import Provenance, provenance_of
from kostnadsvekst.synthetic.acute_beds import SyntheticAcuteBeds, simulate

_MODELS: tuple[dict[str, Any], ...] = (
    {},
    {"covariance": "classical"},
    {"ar1": True, "covariance": "classical"},
    {"estimator": "poisson"},
)


@dataclass(frozen=True)
class Inputs:
    """The monthly panel, with its truth where it is synthetic.

    Attributes
    ----------
    panel : DataFrame
    synthetic : SyntheticAcuteBeds, optional
    """

    panel: pd.DataFrame
    synthetic: SyntheticAcuteBeds | None

    @property
    def provenance(self) -> Provenance:
        """Origin of the panel."""
        return provenance_of(self.panel)


@dataclass(frozen=True)
class Material:
    """All that the chapter's tables and figures are made of.

    Attributes
    ----------
    inputs : Inputs
    everything : DataFrame
        All 81 outcomes to the end of 2017 under four models.
    early : DataFrame
        The report's selection to the end of 2014, the report's model.
    variants, mechanisms : DataFrame
        The main outcome by variant of the model, and by physician on site and co-location.
    study : SurvivalStudy
    together : DataFrame
        The report's model of all outcomes to the end of 2017, tested together.
    """

    inputs: Inputs
    everything: pd.DataFrame
    early: pd.DataFrame
    variants: pd.DataFrame
    mechanisms: pd.DataFrame
    study: SurvivalStudy
    together: pd.DataFrame

    @property
    def late(self) -> pd.DataFrame:
        """All outcomes to the end of 2017, the report's model."""
        chosen = (self.everything["estimator"] == "log") & (self.everything["covariance"] == "cluster")
        return self.everything[chosen]

    @property
    def poisson(self) -> pd.DataFrame:
        """All outcomes to the end of 2017, Poisson."""
        return self.everything[self.everything["estimator"] == "poisson"]

    @property
    def margin(self) -> float:
        """Margin of the equivalence tests, per cent."""
        return default_margin()

    @property
    def equivalence(self) -> tuple[EquivalenceTest, ...]:
        """Where the report says "no effect": its outcomes in both periods, the report's model."""
        return judge_equivalence(
            select_outcomes((self.early, self.late), OUTCOMES_WITHOUT_EFFECT), self.margin
        )


def read_inputs(settings: Settings) -> Inputs:
    """Monthly panel of the user, or the synthetic one with its truth."""
    if settings.data is not None:
        return Inputs(load_panel(settings.data, columns=settings.rename), None)
    synthetic = simulate()
    return Inputs(synthetic.panel, synthetic)


def gather(settings: Settings, step: Callable[[str], None]) -> Material:
    """Read the panel and estimate.

    Parameters
    ----------
    settings : Settings
    step : callable
        Told what is being done.
    """
    step("monthly panel")
    inputs = read_inputs(settings)
    step("81 outcomes, four models")
    everything = [estimate_effects(inputs.panel, "all", LATE, **model) for model in _MODELS]
    early = estimate_effects(inputs.panel, "report", EARLY)
    variants = estimate_variants(inputs.panel)
    mechanisms = estimate_mechanisms(inputs.panel)
    step("81 outcomes tested together")
    together = judge_outcomes(inputs.panel, LATE)
    step("estimators for staggered adoption")
    study = study_survival(inputs.panel, variants, inputs.synthetic)
    effects = pd.concat(everything, ignore_index=True)
    return Material(inputs, effects, early, variants, mechanisms, study, together)
