"""Results of estimators for staggered adoption: effects by horizon, and their means."""

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from kostnadsvekst.errors import SpecificationError
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


@dataclass(frozen=True)
class EventStudy:
    """Effects by time since treatment.

    Attributes
    ----------
    method, control, base_period : str
    effects : GroupTimeEffects
        By cohort and period.
    panel : AdoptionPanel
        What was estimated on.
    """

    method: str
    control: str
    base_period: str
    effects: GroupTimeEffects
    panel: AdoptionPanel

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
