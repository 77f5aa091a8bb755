"""Does the effect on acute admissions survive? Variants of the model, and estimators that compare well."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.analysis.acute_beds.truth import monthly_truth, true_cells
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models import staggered
from kostnadsvekst.models.acute_beds import MAIN_OUTCOME, MECHANISMS, collapse_to_quarters, estimate_effects
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
}
COMPARED_VARIANTS = ("report", "ar1", "poisson", "season_trend", "month")
# Imputation on the quarters before municipalities had a duty to have beds.
BEFORE_DUTY = "before_duty"
_LAST_BEFORE_DUTY = "2015Q4"
_QUARTERLY = ("log_count", "municipality", "quarter", "first_quarter")
_PLACEBO_QUARTERS = 4
_TREND_WINDOW = 8
_N_DRAWS = 999


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
    true_horizons: pd.Series | None
    failures: tuple[str, ...]


def estimate_variants(panel: pd.DataFrame) -> pd.DataFrame:
    """Estimate the main outcome under each of `VARIANTS`, up to `EARLY` and up to `LATE`.

    Parameters
    ----------
    panel : DataFrame
        From `kostnadsvekst.acute_beds.load_panel`.

    Returns
    -------
    DataFrame
        As `estimate_effects`, with the column ``variant``.
    """
    frames = [
        estimate_effects(panel, [MAIN_OUTCOME], until, **arguments).assign(variant=name)
        for name, arguments in VARIANTS.items()
        for until in (EARLY, LATE)
    ]
    return pd.concat(frames, ignore_index=True)


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
        (whether the municipality has it); empty if the panel has none.
    """
    frames = [
        estimate_effects(panel, [MAIN_OUTCOME], until, split=name).assign(mechanism=name)
        for name in MECHANISMS
        if name in panel.columns
        for until in (EARLY, LATE)
    ]
    if not frames:
        return pd.DataFrame()
    table = pd.concat(frames, ignore_index=True)
    return table.assign(value=table["group"] == table["mechanism"] + " = 1")


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
    failures: list[str] = []
    fitted = {method: _fit(quarters, method, failures) for method in staggered.METHODS}
    studies = {method: study for method, study in fitted.items() if study is not None}
    early = quarters[quarters["quarter"] <= pd.Period(_LAST_BEFORE_DUTY)]
    before_duty = _fit(early, "imputation", failures)
    compared = studies | ({} if before_duty is None else {BEFORE_DUTY: before_duty})
    return SurvivalStudy(
        static=tuple(_of_variant(variants, name, synthetic) for name in COMPARED_VARIANTS),
        modern=tuple(_of_study(name, study, synthetic) for name, study in compared.items()),
        studies=studies,
        comparisons=staggered.bacon(quarters, *_QUARTERLY),
        diagnostics=_diagnose(quarters, studies.get("callaway_santanna")),
        true_horizons=_true_horizons(studies.get("imputation"), synthetic),
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


def _of_variant(variants: pd.DataFrame, name: str, synthetic: SyntheticAcuteBeds | None) -> Comparison:
    row = variants[(variants["variant"] == name) & (variants["until"] == LATE)].iloc[0]
    truth = None if synthetic is None else percent(monthly_truth(synthetic))
    effect, low, high = (float(row[f"{part}_percent"]) for part in ("effect", "conf_low", "conf_high"))
    return Comparison(name, effect, low, high, truth)


def _of_study(name: str, study: staggered.EventStudy, synthetic: SyntheticAcuteBeds | None) -> Comparison:
    mean = study.aggregate("simple")
    truth = None if synthetic is None else percent(float(true_cells(synthetic, study)["log_effect"].mean()))
    return Comparison(name, percent(mean.estimate), percent(mean.conf_low), percent(mean.conf_high), truth)


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
    half = staggered.sensitivity(study, (0.5,), window=_TREND_WINDOW).iloc[0]
    return {
        "trend": staggered.pre_trend_test(study, _TREND_WINDOW).p_value,
        "placebo": percent(dates.estimate),
        "placebo_low": percent(dates.conf_low),
        "placebo_high": percent(dates.conf_high),
        "set_low": percent(half["set_low"]),
        "set_high": percent(half["set_high"]),
    }
