"""Staggered adoption: what the static two-way estimate compares, and estimators that compare well.

Outcomes are in logs or any other scale; effects are in the same. ``first_treated`` is missing, 0 or
infinite for units that are never treated.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr, ndtri

from kostnadsvekst.errors import DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.models.adoption_panel import (
    NEVER,
    AdoptionPanel,
    only_complete,
    read_adoption_panel,
    require_balanced,
    require_controls,
    without_always_treated,
)
from kostnadsvekst.models.group_time import (
    GroupTimeEffects,
    Mean,
    callaway_santanna,
    imputation,
    mean_of_means,
    sun_abraham,
    weighted_mean,
)
from kostnadsvekst.models.projection import build_projector

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

METHODS = ("callaway_santanna", "sun_abraham", "imputation", "two_stage")
CONTROLS = ("not_yet_treated", "never_treated")
BASE_PERIODS = ("universal", "varying")
AGGREGATIONS = ("simple", "dynamic", "group", "calendar")
# Kinds of 2x2 comparisons, in the order of trust.
KINDS = (
    "treated vs never treated",
    "earlier vs later (not yet treated)",
    "later vs earlier (already treated)",
    "treated vs always treated",
)


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


@dataclass(frozen=True, slots=True)
class WaldTest:
    """Joint test that coefficients are zero: ``statistic`` is chi-squared with ``df`` degrees of freedom."""

    statistic: float
    df: int
    p_value: float


@dataclass(frozen=True, slots=True)
class NegativeWeights:
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
    """

    weights: pd.DataFrame
    share_negative: float
    sum_negative: float
    estimate: float
    smallest_spread: float


@dataclass(frozen=True, slots=True)
class Randomisation:
    """Static estimate against its distribution under random adoption dates.

    Attributes
    ----------
    estimate : float
    draws : (R,) array
        Estimates with the dates dealt anew among the units.
    p_value : float
        (1 + number of draws at least as far from zero) / (R + 1).
    """

    estimate: float
    draws: Floats
    p_value: float


def bacon(data: pd.DataFrame, outcome: str, unit: str, time: str, first_treated: str) -> pd.DataFrame:
    """Goodman-Bacon decomposition of the static two-way estimate.

    Parameters
    ----------
    data : DataFrame
        A balanced panel; see `kostnadsvekst.models.adoption_panel.read_adoption_panel` for the columns.
    outcome, unit, time, first_treated : str

    Returns
    -------
    DataFrame
        One row for each comparison of two groups: ``kind`` (see `KINDS`), ``treated_cohort`` and
        ``control_cohort`` (first treated period; "never", "always"), ``weight``, ``estimate``. Weights sum
        to one and the weighted sum of the estimates is the static two-way estimate, which is in
        ``attrs["two_way"]``.

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
    panel = read_adoption_panel(data, outcome, unit, time, first_treated)
    require_balanced(panel, "the Goodman-Bacon decomposition")
    groups = _timing_groups(panel)
    rows = [row for k in groups for j in groups for row in _comparison(panel, k, j)]
    if not rows:
        raise SpecificationError("treatment does not vary within units and periods: nothing is compared")
    table = pd.DataFrame(rows)
    table["weight"] /= table["weight"].sum()
    table = table[table["weight"] > 0].reset_index(drop=True)
    table.attrs["two_way"] = two_way_estimate(panel)
    return table


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


def event_study(
    data: pd.DataFrame,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    method: str = "callaway_santanna",
    control: str = "not_yet_treated",
    weights: str | None = None,
    base_period: str = "universal",
) -> EventStudy:
    """Effects by time since treatment, without comparisons against treated units.

    Parameters
    ----------
    data : DataFrame
        Long panel; see `kostnadsvekst.models.adoption_panel.read_adoption_panel` for the columns.
    outcome, unit, time, first_treated : str
    method : {"callaway_santanna", "sun_abraham", "imputation", "two_stage"}
        Callaway and Sant'Anna (2021); Sun and Abraham (2021), whose controls are always the never treated;
        Borusyak, Jaravel and Spiess (2024); Gardner (2022), with diff-diff's standard errors by horizon.
    control : {"not_yet_treated", "never_treated"}
        For Callaway and Sant'Anna. Imputation and two-stage use all untreated cells.
    weights : str, optional
        Column of positive weights; Callaway and Sant'Anna and two-stage need them constant in a unit.
    base_period : {"universal", "varying"}
        For Callaway and Sant'Anna's effects before treatment.

    Returns
    -------
    EventStudy

    Raises
    ------
    SpecificationError
        For an unknown choice, or if nobody can serve as a control: in a period (named), or at all.
    InvalidDataError
        As `read_adoption_panel`, and for weights that vary where they must not.

    Warns
    -----
    DataWarning
        For units treated from the first period on (left out), units with missing periods (left out by
        Callaway and Sant'Anna), and cohorts of one unit, whose effects rest on that unit alone.
    """
    _check_choices(method, control, base_period)
    panel = without_always_treated(read_adoption_panel(data, outcome, unit, time, first_treated, weights))
    require_controls(panel, "never_treated" if method == "sun_abraham" else control)
    if method in ("callaway_santanna", "two_stage"):
        _require_constant_weights(panel, method)
    if method == "callaway_santanna":
        panel = only_complete(panel, "Callaway and Sant'Anna's estimator")
        require_controls(panel, control)
    _warn_small_cohorts(panel)
    fit: dict[str, Callable[[], GroupTimeEffects]] = {
        "callaway_santanna": lambda: callaway_santanna(panel, control, base_period),
        "sun_abraham": lambda: sun_abraham(panel),
        "imputation": lambda: imputation(panel),
        "two_stage": lambda: imputation(panel),
    }
    if method == "two_stage":
        return TwoStageStudy(method, control, base_period, fit[method](), panel)
    return EventStudy(method, control, base_period, fit[method](), panel)


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


def pre_trend_test(study: EventStudy, horizons: int | None = None) -> WaldTest:
    """Joint test that the effects before treatment are zero.

    Parameters
    ----------
    study : EventStudy
        By Callaway and Sant'Anna or Sun and Abraham, which estimate horizons before treatment.
    horizons : int, optional
        How many of the last horizons before treatment to test; all of them if left out.

    Raises
    ------
    SpecificationError
        If the study has no horizon before treatment.
    """
    table = study.horizons
    chosen = (table["horizon"] < 0) & (table["horizon"] >= -np.inf if horizons is None else True)
    if horizons is not None:
        chosen &= table["horizon"] >= -horizons - 1
    picked = np.flatnonzero(chosen.to_numpy())
    if not len(picked):
        raise SpecificationError(f"{study.method} has no effects before treatment to test")
    estimate = table["estimate"].to_numpy()[picked]
    values, vectors = np.linalg.eigh(study.covariance[np.ix_(picked, picked)])
    kept = values > 1e-10 * values[-1]
    statistic = float(np.sum((vectors[:, kept].T @ estimate) ** 2 / values[kept]))
    return WaldTest(statistic, int(kept.sum()), float(chdtrc(int(kept.sum()), statistic)))


def sensitivity(
    study: EventStudy, magnitudes: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0), window: int | None = None
) -> pd.DataFrame:
    """How far parallel trends may fail before the mean effect over horizons is no longer clear.

    Parameters
    ----------
    study : EventStudy
        With horizons before treatment and the base period -1.
    magnitudes : tuple of float
        Bounds on violations after treatment, relative to the largest one between neighbouring periods
        before it.
    window : int, optional
        Use only horizons from -window - 1 to window.

    Returns
    -------
    DataFrame
        ``magnitude``, identified set ``set_low``, ``set_high``, robust interval ``conf_low``, ``conf_high``
        for the mean effect over the horizons after treatment.

    Notes
    -----
    Rambachan and Roth (2023), relative magnitudes, by diff-diff's ``HonestDiD``.
    """
    from diff_diff import compute_honest_did

    results = _honest_input(study, window)
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for magnitude in magnitudes:
            bounds = compute_honest_did(results, method="relative_magnitude", M=float(magnitude))
            rows.append(
                {
                    "magnitude": magnitude,
                    "set_low": float(bounds.lb),
                    "set_high": float(bounds.ub),
                    "conf_low": float(bounds.ci_lb),
                    "conf_high": float(bounds.ci_ub),
                }
            )
    return pd.DataFrame(rows)


def negative_weights(
    data: pd.DataFrame, outcome: str, unit: str, time: str, first_treated: str
) -> NegativeWeights:
    """Weights that the static two-way estimate gives to the effects of treated cells.

    Parameters
    ----------
    data : DataFrame
        It may be unbalanced; see `kostnadsvekst.models.adoption_panel.read_adoption_panel`.
    outcome, unit, time, first_treated : str

    Returns
    -------
    NegativeWeights

    Notes
    -----
    de Chaisemartin and D'Haultfoeuille (2020), theorem 1: with D~ the treatment after unit and period
    effects, the weight of a treated cell is D~ over the sum of D~ in treated cells.
    """
    panel = read_adoption_panel(data, outcome, unit, time, first_treated)
    residual, estimate = _static(panel)
    cell = panel.treated & panel.present
    weight = residual[cell] / residual[cell].sum()
    units, periods = np.nonzero(cell)
    table = pd.DataFrame({"unit": panel.units[units], "period": panel.periods[periods], "weight": weight})
    spread = float(np.sqrt(np.mean((weight * len(weight) - 1) ** 2)))
    return NegativeWeights(
        weights=table,
        share_negative=float((weight < 0).mean()),
        sum_negative=float(weight[weight < 0].sum()),
        estimate=estimate,
        smallest_spread=abs(estimate) / spread if spread > 0 else float("inf"),
    )


def placebo(
    data: pd.DataFrame,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    shift: int,
    method: str = "imputation",
) -> Aggregate:
    """Effect of treatment dates moved into the past, on the periods before true treatment.

    Parameters
    ----------
    data, outcome, unit, time, first_treated
        As `event_study`.
    shift : int
        Number of periods by which the dates are moved; cells that are truly treated are left out, so the
        placebo treatment lasts `shift` periods.
    method : str
        As `event_study`; not Callaway and Sant'Anna, which compares the same units throughout.

    Returns
    -------
    Aggregate
        The simple mean; far from zero it speaks of trends before treatment, or of anticipation.

    Raises
    ------
    SpecificationError
        If `shift` is not positive or no unit is left to be treated.
    """
    if shift < 1:
        raise SpecificationError("shift must be at least one period")
    if method == "callaway_santanna":
        raise SpecificationError(
            "placebo dates need an estimator for unbalanced panels, such as 'imputation'"
        )
    panel = without_always_treated(read_adoption_panel(data, outcome, unit, time, first_treated))
    kept = panel.present & ~panel.treated
    i, t = np.nonzero(kept)
    moved = np.where(panel.first == NEVER, NEVER, np.maximum(panel.first - shift, 0))
    frame = pd.DataFrame(
        {
            "unit": panel.units[i],
            "period": t + 1,
            "y": panel.y[i, t],
            "first": np.where(moved[i] == NEVER, np.nan, moved[i] + 1.0),
        }
    )
    kept_frame = frame[frame["period"] <= _last_with_controls(frame)]
    with warnings.catch_warnings():
        # What is small or left out was said of the true dates; periods are renumbered here.
        warnings.simplefilter("ignore", DataWarning)
        return event_study(kept_frame, "y", "unit", "period", "first", method).aggregate()


def randomisation_inference(
    data: pd.DataFrame,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    n_draws: int = 999,
    seed: int = 1,
) -> Randomisation:
    """Deal the adoption dates anew among units and compare the static estimate with what comes out.

    Parameters
    ----------
    data, outcome, unit, time, first_treated
        As `bacon`; the panel may be unbalanced.
    n_draws : int
    seed : int

    Returns
    -------
    Randomisation

    Notes
    -----
    A test of the sharp hypothesis of no effect anywhere, valid if dates were as good as random.
    """
    panel = read_adoption_panel(data, outcome, unit, time, first_treated)
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


def _honest_input(study: EventStudy, window: int | None) -> Any:
    """Event study in the form that diff-diff's HonestDiD reads."""
    from diff_diff.results import MultiPeriodDiDResults, PeriodEffect

    table = study.horizons
    kept = np.ones(len(table), dtype=bool)
    if window is not None:
        kept = ((table["horizon"] >= -window - 1) & (table["horizon"] <= window)).to_numpy()
    if not (table["horizon"][kept] < 0).any():
        raise SpecificationError(f"{study.method} has no effects before treatment to judge trends by")
    positions = np.flatnonzero(kept)
    chosen = table.iloc[positions]
    effects = {
        int(r.horizon): PeriodEffect(
            period=int(r.horizon),
            effect=r.estimate,
            se=r.std_error,
            t_stat=r.estimate / r.std_error,
            p_value=float(2 * ndtr(-abs(r.estimate / r.std_error))),
            conf_int=(r.conf_low, r.conf_high),
        )
        for r in chosen.itertuples()
    }
    keys = list(effects)
    after = [h for h in keys if h >= 0]
    mean = float(np.mean([effects[h].effect for h in after]))
    vcov = study.covariance[np.ix_(positions, positions)]
    last = np.array([h >= 0 for h in keys]) / len(after)
    std_error = float(np.sqrt(last @ vcov @ last))
    return MultiPeriodDiDResults(
        period_effects=effects,
        avg_att=mean,
        avg_se=std_error,
        avg_t_stat=mean / std_error,
        avg_p_value=float(2 * ndtr(-abs(mean / std_error))),
        avg_conf_int=(mean - 1.96 * std_error, mean + 1.96 * std_error),
        n_obs=int(study.panel.present.sum()),
        n_treated=int((study.panel.first < NEVER).sum()),
        n_control=int((study.panel.first == NEVER).sum()),
        pre_periods=[h for h in keys if h < 0],
        post_periods=after,
        reference_period=-1,
        vcov=vcov,
        interaction_indices={h: j for j, h in enumerate(keys)},
    )


def _check_choices(method: str, control: str, base_period: str) -> None:
    for what, value, known in (
        ("method", method, METHODS),
        ("control", control, CONTROLS),
        ("base_period", base_period, BASE_PERIODS),
    ):
        if value not in known:
            raise SpecificationError(f"unknown {what} {value!r}; known: {', '.join(known)}")


def _require_constant_weights(panel: AdoptionPanel, method: str) -> None:
    high = np.where(panel.present, panel.weights, -np.inf).max(axis=1)
    low = np.where(panel.present, panel.weights, np.inf).min(axis=1)
    varying = np.flatnonzero(high > low)
    if len(varying):
        problems = []
        for i in varying[:10]:
            t = int(np.flatnonzero(panel.present[i] & (panel.weights[i] != low[i]))[0])
            problems.append(
                f"{panel.units[i]}: {low[i]:g}, but {panel.weights[i, t]:g} in {panel.periods[t]}"
            )
        raise InvalidDataError(
            f"{method} needs weights that are constant in a unit; they vary over time in {len(varying)}: use "
            "the unit's mean, or method='imputation'",
            problems,
        )


def _warn_small_cohorts(panel: AdoptionPanel) -> None:
    sizes = [(panel.periods[g], int((panel.first == g).sum())) for g in panel.cohorts]
    single = [str(label) for label, size in sizes if size == 1]
    if single:
        warnings.warn(
            f"cohort(s) of one unit ({', '.join(single)}): their effects have no standard error of their own",
            DataWarning,
            stacklevel=3,
        )


def _last_with_controls(frame: pd.DataFrame) -> int:
    """Last period up to which every period has a cell before its placebo date."""
    untreated = frame[~(frame["period"] >= frame["first"])]
    present = np.isin(np.arange(1, frame["period"].max() + 1), untreated["period"])
    return int(np.argmin(present)) if not present.all() else int(frame["period"].max())
