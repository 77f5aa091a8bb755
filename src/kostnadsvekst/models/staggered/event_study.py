"""Effects by time since treatment, by estimators that compare well."""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

from kostnadsvekst.errors import DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.models.staggered.adoption_panel import (
    AdoptionPanel,
    only_complete,
    read_adoption_panel,
    require_controls,
    without_always_treated,
)
from kostnadsvekst.models.staggered.group_time import (
    GroupTimeEffects,
    callaway_santanna,
    imputation,
    sun_abraham,
)
from kostnadsvekst.models.staggered.studies import EventStudy, StudyColumns, TwoStageStudy
from kostnadsvekst.provenance import provenance_of

METHODS = ("callaway_santanna", "sun_abraham", "imputation", "two_stage")
CONTROLS = ("not_yet_treated", "never_treated")
BASE_PERIODS = ("universal", "varying")


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
        Long panel; see `kostnadsvekst.staggered.read_adoption_panel` for the columns.
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
    made = TwoStageStudy if method == "two_stage" else EventStudy
    columns = StudyColumns(outcome, unit, time, weights)
    return made(method, control, base_period, fit[method](), panel, columns, provenance_of(data))


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
