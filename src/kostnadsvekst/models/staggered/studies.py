"""Results of estimators for staggered adoption: effects by horizon, and their means."""

import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.covariance_facts import CovarianceFacts
from kostnadsvekst.models.results import AbsorbedEffects, ResultFacts, TidyResult, coefficient_frame
from kostnadsvekst.models.staggered.adoption_panel import (
    NEVER,
    AdoptionPanel,
)
from kostnadsvekst.models.staggered.group_time import (
    GroupTimeEffects,
    Mean,
    mean_of_means,
    weighted_mean,
)
from kostnadsvekst.provenance import Provenance

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
AGGREGATIONS = ("simple", "dynamic", "group", "calendar")


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A mean of effects and the parts it is made of.

    Attributes
    ----------
    estimate, std_error, conf_low, conf_high : float
    parts : DataFrame
        One row for each horizon, cohort or period: ``estimate``, ``std_error``, ``conf_low``, ``conf_high``.
    """

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    parts: pd.DataFrame


@dataclass(frozen=True, slots=True)
class StudyColumns:
    """Columns that a study was made of; weights None where all weigh the same."""

    outcome: str
    unit: str
    time: str
    weights: str | None = None


@dataclass(frozen=True)
class EventStudy:
    """Effects by time since treatment; its terms are the horizons.

    Attributes
    ----------
    method, control, base_period : str
    effects : GroupTimeEffects
        By cohort and period.
    panel : AdoptionPanel
        What was estimated on.
    columns : StudyColumns
    provenance : Provenance
        Origin of the data.
    """

    method: str
    control: str
    base_period: str
    effects: GroupTimeEffects
    panel: AdoptionPanel
    columns: StudyColumns
    provenance: Provenance

    @cached_property
    def horizons(self) -> pd.DataFrame:
        """Frame with ``horizon``, ``estimate``, ``std_error``, ``conf_low``, ``conf_high``, ``n_cohorts``.

        Horizon 0 is the first treated period. Negative ones test for trends before treatment; where the
        effect is zero by construction (the base period) there is no row.
        """
        found = np.unique(self.effects.horizon)
        means = [self._horizon_mean(h) for h in found]
        counts = [int((self.effects.horizon == h).sum()) for h in found]
        return _frame(means, "horizon", found).assign(n_cohorts=counts)

    @cached_property
    def covariance(self) -> Floats:
        """(h, h) covariance of the horizons' estimates."""
        influence = np.stack([self._horizon_mean(h).influence for h in self.horizons["horizon"]], axis=1)
        return influence.T @ influence

    @property
    def terms(self) -> tuple[str, ...]:
        """Horizons as terms, such as ``"horizon[-2]"``."""
        return tuple(f"horizon[{h}]" for h in self.horizons["horizon"])

    @cached_property
    def coefficients(self) -> pd.DataFrame:
        """Frame over the terms with tests and 95 % intervals by the normal distribution; see `Result`."""
        table = self.horizons
        return coefficient_frame(self.terms, table["estimate"].to_numpy(), table["std_error"].to_numpy())

    @property
    def n_obs(self) -> int:
        """Number of rows used."""
        return int(self.panel.present.sum())

    @property
    def n_entities(self) -> int:
        """Number of units used."""
        return len(self.panel.units)

    @property
    def df(self) -> float:
        """Infinite: tests and intervals are by the normal distribution."""
        return float("inf")

    @property
    def facts(self) -> ResultFacts:
        """How the study came about, as `kostnadsvekst.models.results.Result` says."""
        horizons = [int(h) for h in self.horizons["horizon"]]
        return self._facts({f"horizon[{h}]": _horizon_label(h) for h in horizons}, (_HORIZON_NOTE,))

    def result(self, kind: str = "simple") -> TidyResult:
        """Mean of the effects after treatment as a result, for tables.

        Parameters
        ----------
        kind : {"simple", "dynamic", "group", "calendar"}
            As in `aggregate`.

        Returns
        -------
        TidyResult
            Of one term, ``"average[simple]"``.

        Raises
        ------
        SpecificationError
            For an unknown kind.
        """
        mean = self.aggregate(kind)
        term = f"average[{kind}]"
        frame = coefficient_frame((term,), np.array([mean.estimate]), np.array([mean.std_error]))
        facts = self._facts({term: _AVERAGES[kind]}, ())
        return TidyResult(frame, self.n_obs, self.n_entities, self.df, facts)

    def aggregate(self, kind: str = "simple") -> Aggregate:
        """Mean of the effects after treatment.

        Parameters
        ----------
        kind : {"simple", "dynamic", "group", "calendar"}
            ``simple`` weights treated cells by their size; ``dynamic`` is the mean over horizons, ``group``
            over cohorts weighted by size (of means over their periods), ``calendar`` over periods.

        Returns
        -------
        Aggregate

        Raises
        ------
        SpecificationError
            For an unknown kind.

        Notes
        -----
        Callaway and Sant'Anna (2021), section 3.
        """
        after = self.effects.horizon >= 0
        if kind == "simple":
            mean = weighted_mean(self.effects, after)
            return _aggregate(mean, _frame([mean], "all", ["all"]))
        levels = {
            "dynamic": self.effects.horizon,
            "group": self.effects.cohort,
            "calendar": self.effects.period,
        }
        if kind not in levels:
            raise SpecificationError(f"unknown aggregation {kind!r}; known: {', '.join(AGGREGATIONS)}")
        key = levels[kind]
        found = np.unique(key[after])
        means = [weighted_mean(self.effects, after & (key == k), kind != "group") for k in found]
        labels = list(found) if kind == "dynamic" else [self.panel.periods[k] for k in found]
        return _aggregate(self._overall(kind, found, means), _frame(means, kind, labels))

    def _facts(self, labels: dict[str, Bilingual], notes: tuple[Bilingual, ...]) -> ResultFacts:
        columns, n_units = self.columns, len(self.panel.units)
        absorbed = (
            AbsorbedEffects(columns.unit, n_units),
            AbsorbedEffects(columns.time, len(self.panel.periods)),
        )
        return ResultFacts(
            estimator=self.method,
            label=_METHODS[self.method],
            outcome=columns.outcome,
            covariance=_covariance_facts(self.method, columns.unit, n_units),
            provenance=self.provenance,
            sample=_SAMPLE,
            effects=(_DIFFERENCES,) if self.method == "callaway_santanna" else absorbed,
            weights=columns.weights,
            labels=labels,
            notes=notes,
        )

    def _horizon_mean(self, horizon: int) -> Mean:
        return weighted_mean(self.effects, self.effects.horizon == horizon)

    def _overall(self, kind: str, found: Ints, means: list[Mean]) -> Mean:
        if kind != "group":
            return mean_of_means(means)
        size = np.array([self.effects.size[self.effects.cohort == g].max() for g in found])
        overall = mean_of_means(means, size)
        if not self.effects.random_shares:
            return overall
        deviation = dict(zip(found.tolist(), [m.estimate - overall.estimate for m in means], strict=True))
        term = np.array([deviation.get(int(g), 0.0) for g in self.effects.cohort_of_unit])
        return Mean(overall.estimate, overall.influence + term * self.effects.unit_weight / size.sum())


@dataclass(frozen=True)
class TwoStageStudy(EventStudy):
    """Gardner's estimator: the points of imputation, with the variance of a two-step moment estimator.

    ``horizons`` and the simple aggregate have diff-diff's standard errors, which count the first stage's
    error by its own moments. The other aggregates have those of imputation.
    """

    @cached_property
    def fitted(self) -> Any:
        """Result object of diff-diff's ``TwoStageDiD``."""
        from diff_diff import SurveyDesign, TwoStageDiD

        frame = self._frame()
        design = SurveyDesign(weights="weight") if (frame["weight"] != 1).any() else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return TwoStageDiD().fit(frame, "y", "unit", "period", "first", survey_design=design)

    @cached_property
    def horizons(self) -> pd.DataFrame:
        """Frame as that of `EventStudy`, of the horizons from zero on."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = self.fitted.aggregate("event_study").to_dataframe()
        table = table[table["event_time"] >= 0]
        counts = [int((self.effects.horizon == h).sum()) for h in table["event_time"]]
        return pd.DataFrame(
            {
                "horizon": table["event_time"].to_numpy(dtype=np.intp),
                "estimate": table["att"].to_numpy(dtype=np.float64),
                "std_error": table["se"].to_numpy(dtype=np.float64),
                "conf_low": table["conf_int_lower"].to_numpy(dtype=np.float64),
                "conf_high": table["conf_int_upper"].to_numpy(dtype=np.float64),
                "n_cohorts": counts,
            }
        )

    def aggregate(self, kind: str = "simple") -> Aggregate:
        """Aggregate as `EventStudy.aggregate`."""
        result = EventStudy.aggregate(self, kind)
        if kind != "simple":
            return result
        estimate, std_error = float(self.fitted.overall_att), float(self.fitted.overall_se)
        half = ndtri(0.975) * std_error
        parts = pd.DataFrame(
            {
                "all": ["all"],
                "estimate": estimate,
                "std_error": std_error,
                "conf_low": estimate - half,
                "conf_high": estimate + half,
            }
        )
        return Aggregate(estimate, std_error, estimate - half, estimate + half, parts)

    def result(self, kind: str = "simple") -> TidyResult:
        """Mean as `EventStudy.result`; only the simple one has the standard error of two stages."""
        result = super().result(kind)
        if kind == "simple":
            return result
        covariance = _covariance_facts("imputation", self.columns.unit, self.n_entities)
        return replace(result, facts=replace(result.facts, covariance=covariance))

    def _frame(self) -> pd.DataFrame:
        panel = self.panel
        unit, period = np.nonzero(panel.present)
        first = np.where(panel.first == NEVER, 0, panel.first + 1)
        return pd.DataFrame(
            {
                "unit": unit,
                "period": period + 1,
                "first": first[unit],
                "y": panel.y[unit, period],
                "weight": panel.weights[unit, period],
            }
        )


def _frame(means: list[Mean], name: str, keys: Any) -> pd.DataFrame:
    estimate = np.array([m.estimate for m in means])
    std_error = np.array([m.std_error for m in means])
    half = ndtri(0.975) * std_error
    return pd.DataFrame(
        {
            name: keys,
            "estimate": estimate,
            "std_error": std_error,
            "conf_low": estimate - half,
            "conf_high": estimate + half,
        }
    )


def _aggregate(mean: Mean, parts: pd.DataFrame) -> Aggregate:
    half = ndtri(0.975) * mean.std_error
    return Aggregate(mean.estimate, mean.std_error, mean.estimate - half, mean.estimate + half, parts)


def _horizon_label(horizon: int) -> Bilingual:
    number = str(horizon).replace("-", "\u2212")
    return Bilingual(f"Horisont {number}", f"Horizon {number}")


def _covariance_facts(method: str, unit: str, n_units: int) -> CovarianceFacts:
    # Sun and Abraham's regression is clustered by unit as any other, with the unit effects nested.
    convention = "xtreg" if method == "sun_abraham" else None
    return CovarianceFacts(method, _ERRORS[method], (unit,), (n_units,), convention=convention)


_METHODS = {
    "callaway_santanna": Bilingual("Callaway og Sant'Anna", "Callaway and Sant'Anna"),
    "sun_abraham": Bilingual("Sun og Abraham", "Sun and Abraham"),
    "imputation": Bilingual(
        "Imputering (Borusyak, Jaravel og Spiess)", "Imputation (Borusyak, Jaravel and Spiess)"
    ),
    "two_stage": Bilingual("To steg (Gardner)", "Two-stage (Gardner)"),
}
_ERRORS = {
    "callaway_santanna": Bilingual(
        "fra enhetenes innflytelsesfunksjoner", "from the units' influence functions"
    ),
    "sun_abraham": Bilingual("klyngerobuste", "clustered"),
    "imputation": Bilingual("konservative klyngerobuste", "conservative clustered"),
    "two_stage": Bilingual("klyngerobuste i to steg", "two-step clustered"),
}
_AVERAGES = {
    "simple": Bilingual("Snitteffekt, behandlede celler", "Average effect, treated cells"),
    "dynamic": Bilingual("Snitteffekt over horisonter", "Average effect over horizons"),
    "group": Bilingual("Snitteffekt over kohorter", "Average effect over cohorts"),
    "calendar": Bilingual("Snitteffekt over perioder", "Average effect over periods"),
}
_SAMPLE = Bilingual("uten enheter behandlet fra start", "without units treated from the start")
_DIFFERENCES = AbsorbedEffects(Bilingual("endringer innen enhet", "changes within units"))
_HORIZON_NOTE = Bilingual(
    "Horisont 0 er den første behandlede perioden", "Horizon 0 is the first treated period"
)
