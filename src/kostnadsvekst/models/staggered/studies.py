"""Results of estimators for staggered adoption: effects by horizon, and their means."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.content import ContentEqual
from kostnadsvekst.models.covariance_facts import CovarianceFacts
from kostnadsvekst.models.multiple_testing import simultaneous_critical_value
from kostnadsvekst.models.notebook_face import Shown
from kostnadsvekst.models.origins import with_origin
from kostnadsvekst.models.result_methods import ResultMethods
from kostnadsvekst.models.results import AbsorbedEffects, ResultFacts, TidyResult, coefficient_frame
from kostnadsvekst.models.staggered.adoption_panel import AdoptionPanel
from kostnadsvekst.models.staggered.group_time import (
    GroupTimeEffects,
    Mean,
    mean_of_means,
    sum_over,
    two_step_mean,
    weighted_mean,
)
from kostnadsvekst.panel.schema import label_of
from kostnadsvekst.provenance import UNKNOWN, Provenance

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
AGGREGATIONS = ("simple", "dynamic", "group", "calendar")


@dataclass(frozen=True, slots=True, repr=False)
class Aggregate(Shown):
    """A mean of effects and the parts it is made of.

    Attributes
    ----------
    estimate, std_error, conf_low, conf_high : float
    parts : DataFrame
        One row for each horizon, cohort or period: ``estimate``, ``std_error``, ``conf_low``, ``conf_high``.
    provenance : Provenance
        Origin of the data.
    """

    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    parts: pd.DataFrame
    provenance: Provenance = field(default=Provenance(UNKNOWN), repr=False, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class StudyColumns:
    """Columns that a study was made of.

    Attributes
    ----------
    outcome, unit, time : str
    weights : str, optional
        None where all weigh the same.
    cluster : str, optional
        None where the units are the clusters.
    covariates : tuple of str
        Terms that the effects are adjusted for.
    first_stage : tuple of str, optional
        Sets of effects of a first stage; None for units and periods.
    """

    outcome: str
    unit: str
    time: str
    weights: str | None = None
    cluster: str | None = None
    covariates: tuple[str, ...] = ()
    first_stage: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False, repr=False)
class EventStudy(ContentEqual, ResultMethods, Shown):
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
    anticipation : int
        Periods before treatment in which units may already be affected.
    """

    method: str
    control: str
    base_period: str
    effects: GroupTimeEffects
    panel: AdoptionPanel
    columns: StudyColumns
    provenance: Provenance
    anticipation: int = 0

    @cached_property
    @with_origin
    def horizons(self) -> pd.DataFrame:
        """Frame with ``horizon``, ``estimate``, ``std_error``, ``conf_low``, ``conf_high``, ``n_cohorts``.

        Horizon 0 is the first treated period. Negative ones test for trends before treatment, or are effects
        of what is to come (anticipation); where the effect is zero by construction (the base period) there
        is no row. The standard error is missing where a horizon rests on a single treated cluster.
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

    def vcov(self) -> pd.DataFrame:
        """Covariance of the horizons as a frame over the terms; NaN where a horizon has no error."""
        known = np.isfinite(self.horizons["std_error"].to_numpy())
        matrix = np.where(np.outer(known, known), self.covariance, np.nan)
        return pd.DataFrame(matrix, index=pd.Index(self.terms, name="term"), columns=list(self.terms))

    @with_origin
    def simultaneous(self, level: float = 0.95, between: tuple[int, int] | None = None) -> pd.DataFrame:
        """Horizons with a band that nominally covers the effects at all of them at once.

        Parameters
        ----------
        level : float
        between : tuple of int, optional
            First and last horizon of the band; without it all.

        Returns
        -------
        DataFrame
            The columns of `horizons`, and ``band_low``, ``band_high``; ``attrs["critical"]`` is the number of
            standard errors on each side (sup-t; simulated, see
            `kostnadsvekst.models.multiple_testing.simultaneous_critical_value`).
        """
        low, high = between or (-np.inf, np.inf)
        inside = self.horizons["horizon"].between(low, high).to_numpy()
        known = inside & np.isfinite(self.horizons["std_error"].to_numpy())
        critical = simultaneous_critical_value(self.covariance[np.ix_(known, known)], level)
        shown = self.horizons[inside].reset_index(drop=True)
        half = critical * shown["std_error"]
        band = shown.assign(band_low=shown["estimate"] - half, band_high=shown["estimate"] + half)
        band.attrs["critical"] = critical
        return band

    @with_origin
    def group_time(self) -> pd.DataFrame:
        """Effects by cohort and period, ATT(g, t).

        Returns
        -------
        DataFrame
            One row each: ``cohort`` (first treated period) and ``period`` as in the data, ``horizon``,
            ``estimate``, ``std_error``, ``conf_low``, ``conf_high``, ``n_treated`` (units of the cohort in
            the period) and ``n_control`` (units that they are compared with). An effect that rests on a
            single treated cluster has no error of its own.
        """
        effects, periods = self.effects, self.panel.periods
        half = ndtri(0.975) * effects.std_error
        return pd.DataFrame(
            {
                "cohort": periods[effects.cohort],
                "period": periods[effects.period],
                "horizon": effects.horizon,
                "estimate": effects.effect,
                "std_error": effects.std_error,
                "conf_low": effects.effect - half,
                "conf_high": effects.effect + half,
                "n_treated": effects.n_treated,
                "n_control": effects.n_control,
            }
        ).infer_objects()

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
    def n_clusters(self) -> int:
        """Number of clusters of the standard errors: the units unless told."""
        return int(self.panel.clusters.max()) + 1

    @property
    def last_before(self) -> int:
        """Last horizon before treatment that an unaffected unit's effect can be tested at.

        Of a path from one base period it is that before the base, where the effect is zero; of period to
        period changes it is the base.
        """
        by_change = self.method == "callaway_santanna" and self.base_period == "varying"
        return -self.anticipation - (1 if by_change else 2)

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

    @with_origin
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
            mean = self._simple_mean()
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
        columns = self.columns
        return ResultFacts(
            estimator=self.method,
            label=_METHODS[self.method],
            outcome=columns.outcome,
            covariance=_covariance_facts(self.method, columns, self.n_clusters),
            provenance=self.provenance,
            sample=_SAMPLE,
            effects=(_DIFFERENCES,) if self.method == "callaway_santanna" else self._absorbed(),
            weights=columns.weights,
            labels=labels,
            notes=(*notes, *_adjustments(columns, self.anticipation)),
        )

    def _absorbed(self) -> tuple[AbsorbedEffects, ...]:
        columns = self.columns
        if self.method == "sun_abraham" or columns.first_stage is None:
            return (
                AbsorbedEffects(columns.unit, len(self.panel.units)),
                AbsorbedEffects(columns.time, len(self.panel.periods)),
            )
        present = self.panel.present
        return tuple(
            AbsorbedEffects(name, len(np.unique(codes[present])))
            for name, codes in zip(columns.first_stage, self.panel.effects, strict=True)
        )

    def _horizon_mean(self, horizon: int) -> Mean:
        return weighted_mean(self.effects, self.effects.horizon == horizon)

    def _simple_mean(self) -> Mean:
        return weighted_mean(self.effects, self.effects.horizon >= 0)

    def _overall(self, kind: str, found: Ints, means: list[Mean]) -> Mean:
        if kind != "group":
            return mean_of_means(means)
        size = np.array([self.effects.size[self.effects.cohort == g].max() for g in found])
        overall = mean_of_means(means, size)
        if not self.effects.random_shares:
            return overall
        deviation = dict(zip(found.tolist(), [m.estimate - overall.estimate for m in means], strict=True))
        term = np.array([deviation.get(int(g), 0.0) for g in self.effects.cohort_of_unit])
        added = sum_over(self.effects.clusters, term * self.effects.unit_weight / size.sum())
        return replace(overall, influence=overall.influence + added)


@dataclass(frozen=True, eq=False, repr=False)
class TwoStageStudy(EventStudy):
    """Gardner's estimator: the points of imputation, with the variance of a two-step moment estimator.

    ``horizons``, their covariance and the simple aggregate have the standard errors of two steps, which count
    the first stage's error by its own moments. The other aggregates have those of imputation.
    """

    def result(self, kind: str = "simple") -> TidyResult:
        """Mean as `EventStudy.result`; only the simple one has the standard error of two stages."""
        result = super().result(kind)
        if kind == "simple":
            return result
        covariance = _covariance_facts("imputation", self.columns, self.n_clusters)
        return replace(result, facts=replace(result.facts, covariance=covariance))

    def _horizon_mean(self, horizon: int) -> Mean:
        return two_step_mean(self.effects, self.effects.horizon == horizon)

    def _simple_mean(self) -> Mean:
        return two_step_mean(self.effects, self.effects.horizon >= 0)


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


def _covariance_facts(method: str, columns: StudyColumns, n_clusters: int) -> CovarianceFacts:
    # Sun and Abraham's regression is clustered as any other, with the unit effects nested.
    convention = "xtreg" if method == "sun_abraham" else None
    clusters = (columns.cluster or columns.unit,)
    return CovarianceFacts(method, _ERRORS[method], clusters, (n_clusters,), convention=convention)


def _adjustments(columns: StudyColumns, anticipation: int) -> tuple[Bilingual, ...]:
    """Say what a reader must know beside the method: covariates, and effects of what is to come."""
    notes = []
    if columns.covariates:
        labels = [label_of(term) for term in columns.covariates]
        norwegian, english = (" + ".join(label.get(lang) for label in labels) for lang in ("nb", "en"))
        notes.append(Bilingual(f"Justert for {norwegian}", f"Adjusted for {english}"))
    if anticipation:
        notes.append(
            Bilingual(
                f"Sammenlignet med siste periode før {anticipation} periode(r) med mulig tilpasning",
                f"Compared with the last period before {anticipation} period(s) of possible anticipation",
            )
        )
    return tuple(notes)


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
