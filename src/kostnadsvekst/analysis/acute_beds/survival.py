"""Does the effect on acute admissions survive? Variants of the model, and estimators that compare well."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.analysis.acute_beds.truth import monthly_truth, true_cells
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models import staggered
from kostnadsvekst.models.acute_beds import (
    DISTANCE,
    MAIN_OUTCOME,
    MECHANISMS,
    collapse_to_quarters,
    estimate_effects,
)
from kostnadsvekst.sources.published import printed_value
from kostnadsvekst.synthetic.acute_beds import SyntheticAcuteBeds

EARLY, LATE = "2014-12", "2017-12"
# Name -> arguments of `estimate_effects`.
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "report": {},
    "classical": {"covariance": "classical"},
    "ar1": {"ar1": True, "covariance": "classical"},
    "poisson": {"estimator": "poisson"},
    "season_trend": {"time_effects": "season_trend"},
    "month": {"time_effects": "month"},
    "month_poisson": {"time_effects": "month", "estimator": "poisson"},
    "rate": {"per_inhabitant": True},
    "rate_poisson": {"per_inhabitant": True, "estimator": "poisson"},
    "distance": {"controls": (DISTANCE,)},
}
COMPARED_VARIANTS = ("report", "ar1", "poisson", "season_trend", "month")
# Imputation on the quarters before municipalities had a duty to have beds.
BEFORE_DUTY = "before_duty"
_LAST_BEFORE_DUTY = "2015Q4"
_QUARTERLY = ("log_count", "municipality", "quarter", "first_quarter")
_PLACEBO_QUARTERS = 4
_TREND_WINDOW = 8
_N_DRAWS = 999
# Bounds on violations of parallel trends after introduction: relative to the largest step between quarters
# before it, and changes of the slope from quarter to quarter, log points.
MAGNITUDES = (0.0, 0.5, 1.0)
SLOPE_CHANGES = (0.0, 0.001)


@dataclass(frozen=True, slots=True)
class Comparison:
    """An estimate of the mean effect, per cent.

    Attributes
    ----------
    name : str
        A key of `VARIANTS`, one of `kostnadsvekst.staggered.METHODS`, or `BEFORE_DUTY`.
    effect, low, high : float
        With a 95 % interval.
    truth : float or None
        Mean true effect over the cells that were averaged, where the panel is synthetic.
    """

    name: str
    effect: float
    low: float
    high: float
    truth: float | None


@dataclass(frozen=True, slots=True)
class Robustness:
    """Mean effect over the first quarters when parallel trends may fail by a bound, per cent.

    Attributes
    ----------
    kind : {"magnitude", "slope"}
        Relative magnitudes or smoothness; see `kostnadsvekst.models.staggered.robust_intervals`.
    bound : float
    set_low, set_high : float
        Identified set, NaN for smoothness; not an interval.
    low, high : float
        Robust 95 % interval.
    """

    kind: str
    bound: float
    set_low: float
    set_high: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the estimators for staggered adoption say of an effect that was claimed; per cent.

    Attributes
    ----------
    claimed : float
    n : int
        Estimators with an interval.
    n_with_claim, n_with_zero : int
        Whose 95 % interval holds the claimed effect, and zero.
    low, high : float
        The lowest and the highest limit; NaN if there is none.
    """

    claimed: float
    n: int
    n_with_claim: int
    n_with_zero: int
    low: float
    high: float


@dataclass(frozen=True)
class SurvivalStudy:
    """All that the question is answered from.

    Attributes
    ----------
    static, modern : tuple of Comparison
        Variants of the model on months; estimators for staggered adoption on quarters.
    studies : mapping of str to EventStudy
        Of the methods that the panel identifies.
    comparisons : DataFrame
        Goodman-Bacon decomposition of the two-way estimate on quarters.
    diagnostics : mapping of str to float
        Counts, shares in per cent, p values, effects in per cent.
    robustness : tuple of Robustness
        Of Callaway and Sant'Anna's estimates; empty where they cannot be had.
    true_horizons : Series, optional
        Mean true log effect by quarters since introduction.
    failures : tuple of str
        Methods that the panel does not identify, and why.
    """

    static: tuple[Comparison, ...]
    modern: tuple[Comparison, ...]
    studies: Mapping[str, staggered.EventStudy]
    comparisons: pd.DataFrame
    diagnostics: Mapping[str, float]
    robustness: tuple[Robustness, ...]
    true_horizons: pd.Series | None
    failures: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """Whether the report's effect to the end of 2017 survives."""
        methods = [row for row in self.modern if row.name in staggered.METHODS]
        return judge_claim(methods, printed_value(f"effect_percent:{MAIN_OUTCOME}:{LATE}"))


def judge_claim(estimates: Sequence[Comparison], claimed: float) -> Verdict:
    """Count the intervals that hold a claimed effect, and those that hold zero.

    Parameters
    ----------
    estimates : sequence of Comparison
        Those without an interval (limits that are not finite) are not counted.
    claimed : float
        Per cent.

    Returns
    -------
    Verdict
    """
    known = [row for row in estimates if np.isfinite(row.low) and np.isfinite(row.high)]
    return Verdict(
        claimed=claimed,
        n=len(known),
        n_with_claim=sum(row.low <= claimed <= row.high for row in known),
        n_with_zero=sum(row.low <= 0 <= row.high for row in known),
        low=min((row.low for row in known), default=float("nan")),
        high=max((row.high for row in known), default=float("nan")),
    )


def estimate_variants(panel: pd.DataFrame) -> pd.DataFrame:
    """Estimate the main outcome under each of `VARIANTS` that the panel allows, up to `EARLY` and to `LATE`.

    Parameters
    ----------
    panel : DataFrame
        From `kostnadsvekst.acute_beds.load_panel`.

    Returns
    -------
    DataFrame
        As `estimate_effects`, with the column ``variant``; ``attrs["failures"]`` says which variants the
        panel does not identify, and why.

    Raises
    ------
    SpecificationError
        If it identifies none.
    """
    frames, failures = [], []
    for name, arguments in VARIANTS.items():
        if not set(arguments.get("controls", ())) <= set(panel.columns):
            continue
        for until in (EARLY, LATE):
            try:
                found = estimate_effects(panel, [MAIN_OUTCOME], until, **arguments)
            except SpecificationError as error:
                failures.append(f"{name} to {until}: {error}")
            else:
                frames.append(found.assign(variant=name))
    if not frames:
        raise SpecificationError("no variant of the model is identified: " + "; ".join(failures))
    table = pd.concat(frames, ignore_index=True)
    table.attrs = {**frames[0].attrs, "failures": tuple(failures)}
    return table


def estimate_mechanisms(panel: pd.DataFrame) -> pd.DataFrame:
    """Estimate the main outcome by each of `MECHANISMS` that the panel has, up to `EARLY` and up to `LATE`.

    Parameters
    ----------
    panel : DataFrame
        From `kostnadsvekst.acute_beds.load_panel`.

    Returns
    -------
    DataFrame
        As `estimate_effects`, two rows a mechanism and period, with the columns ``mechanism`` and ``value``
        (whether the municipality has it); empty if the panel has none. ``attrs["failures"]`` says which the
        panel does not identify, and why.
    """
    frames, failures = [], []
    for name in MECHANISMS:
        if name not in panel.columns:
            continue
        for until in (EARLY, LATE):
            try:
                found = estimate_effects(panel, [MAIN_OUTCOME], until, split=name)
            except SpecificationError as error:
                failures.append(f"{name} to {until}: {error}")
            else:
                frames.append(found.assign(mechanism=name))
    if not frames:
        table = pd.DataFrame()
    else:
        table = pd.concat(frames, ignore_index=True)
        table = table.assign(value=table["group"] == table["mechanism"] + " = 1")
    table.attrs["failures"] = tuple(failures)
    return table


def study_survival(
    panel: pd.DataFrame, variants: pd.DataFrame, synthetic: SyntheticAcuteBeds | None = None
) -> SurvivalStudy:
    """Compare the model's variants with estimators for staggered adoption.

    Parameters
    ----------
    panel : DataFrame
        From `kostnadsvekst.acute_beds.load_panel`.
    variants : DataFrame
        From `estimate_variants`.
    synthetic : SyntheticAcuteBeds, optional
        The truth behind the panel.

    Returns
    -------
    SurvivalStudy
    """
    quarters = collapse_to_quarters(panel)
    failures: list[str] = list(variants.attrs.get("failures", ()))
    fitted = {method: _fit(quarters, method, failures) for method in staggered.METHODS}
    studies = {method: study for method, study in fitted.items() if study is not None}
    early = quarters[quarters["quarter"] <= _LAST_BEFORE_DUTY]
    before_duty = _fit(early, "imputation", failures)
    compared = studies | ({} if before_duty is None else {BEFORE_DUTY: before_duty})
    return SurvivalStudy(
        static=tuple(_of_variants(variants, synthetic)),
        modern=tuple(_of_study(name, study, synthetic) for name, study in compared.items()),
        studies=studies,
        comparisons=staggered.bacon(quarters, *_QUARTERLY),
        diagnostics=_diagnose(quarters, studies.get("callaway_santanna")),
        true_horizons=_true_horizons(studies.get("imputation"), synthetic),
        robustness=_robustness(studies.get("callaway_santanna"), failures),
        failures=tuple(dict.fromkeys(failures)),
    )


def percent(log_effect: float) -> float:
    """Return a log effect in per cent."""
    return float(100 * np.expm1(log_effect))


def _fit(data: pd.DataFrame, method: str, failures: list[str]) -> staggered.EventStudy | None:
    """Fit, or note why the panel does not identify this one."""
    try:
        return staggered.event_study(data, *_QUARTERLY, method=method)
    except SpecificationError as error:
        failures.append(f"{method}: {error}")
        return None


def _of_variants(variants: pd.DataFrame, synthetic: SyntheticAcuteBeds | None) -> Iterator[Comparison]:
    truth = None if synthetic is None else percent(monthly_truth(synthetic))
    for name in COMPARED_VARIANTS:
        for row in variants[(variants["variant"] == name) & (variants["until"] == LATE)].to_dict("records"):
            effect, low, high = (
                float(row[f"{part}_percent"]) for part in ("effect", "conf_low", "conf_high")
            )
            yield Comparison(name, effect, low, high, truth)


def _of_study(name: str, study: staggered.EventStudy, synthetic: SyntheticAcuteBeds | None) -> Comparison:
    mean = study.aggregate("simple")
    truth = None if synthetic is None else percent(float(true_cells(synthetic, study)["log_effect"].mean()))
    return Comparison(name, percent(mean.estimate), percent(mean.conf_low), percent(mean.conf_high), truth)


def _robustness(study: staggered.EventStudy | None, failures: list[str]) -> tuple[Robustness, ...]:
    """Robust intervals of the mean over the first quarters, or a note why there are none."""
    if study is None:
        return ()
    try:
        sizes = staggered.robust_relative_magnitudes(study, MAGNITUDES, _TREND_WINDOW)
        slopes = staggered.robust_smoothness(study, SLOPE_CHANGES, _TREND_WINDOW)
    except SpecificationError as error:
        failures.append(f"robust intervals: {error}")
        return ()
    slopes = slopes.rename(columns={"bound": "magnitude"}).assign(set_low=np.nan, set_high=np.nan)
    columns = ["set_low", "set_high", "conf_low", "conf_high"]
    return tuple(
        Robustness(kind, float(row["magnitude"]), *(percent(row[name]) for name in columns))
        for kind, table in (("magnitude", sizes), ("slope", slopes))
        for row in table.to_dict("records")
    )


def _true_horizons(
    study: staggered.EventStudy | None, synthetic: SyntheticAcuteBeds | None
) -> pd.Series | None:
    if study is None or synthetic is None:
        return None
    return true_cells(synthetic, study).groupby("horizon")["log_effect"].mean()


def _diagnose(quarters: pd.DataFrame, study: staggered.EventStudy | None) -> dict[str, float]:
    """Compute tests and shares that say how far the estimates can be trusted."""
    weights = staggered.negative_weights(quarters, *_QUARTERLY)
    random = staggered.randomisation_inference(quarters, *_QUARTERLY, n_draws=_N_DRAWS)
    first = quarters.drop_duplicates("municipality")["first_quarter"]
    found = {
        "never": float(first.isna().sum()),
        "dropped": float(quarters.attrs["n_dropped"]),
        "negative_share": 100 * weights.share_negative,
        "negative_sum": weights.sum_negative,
        "random": random.p_value,
    }
    return found if study is None else found | _check_trends(quarters, study)


def _check_trends(quarters: pd.DataFrame, study: staggered.EventStudy) -> dict[str, float]:
    dates = staggered.placebo(quarters, *_QUARTERLY, shift=_PLACEBO_QUARTERS)
    return {
        "trend": staggered.pre_trend_test(study, _TREND_WINDOW).p_value,
        "placebo": percent(dates.estimate),
        "placebo_low": percent(dates.conf_low),
        "placebo_high": percent(dates.conf_high),
    }
