"""Effects by time since treatment, by estimators that compare well."""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.callers import level_of_caller
from kostnadsvekst.errors import DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.models.staggered.adjusted_contrasts import ADJUSTMENTS
from kostnadsvekst.models.staggered.adoption_panel import (
    AdoptionPanel,
    list_names,
    only_complete,
    require_controls,
    without_always_treated,
)
from kostnadsvekst.models.staggered.callaway_santanna import Comparisons, callaway_santanna
from kostnadsvekst.models.staggered.group_time import Estimated, GroupTimeEffects
from kostnadsvekst.models.staggered.imputation import imputation
from kostnadsvekst.models.staggered.reading import read_adoption_panel
from kostnadsvekst.models.staggered.studies import EventStudy, StudyColumns, TwoStageStudy
from kostnadsvekst.models.staggered.sun_abraham import sun_abraham
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
    *,
    covariates: Sequence[str] = (),
    adjustment: str = "doubly_robust",
    cluster: str | None = None,
    anticipation: int = 0,
    first_stage: Sequence[str] | None = None,
    never_treated: object = None,
) -> EventStudy:
    """Effects by time since treatment, without comparisons against treated units.

    Parameters
    ----------
    data : DataFrame
        Long panel; see `kostnadsvekst.staggered.read_adoption_panel` for the columns.
    outcome, unit, time, first_treated : str
    method : {"callaway_santanna", "sun_abraham", "imputation", "two_stage"}
        Callaway and Sant'Anna (2021); Sun and Abraham (2021), whose controls are always the never treated;
        Borusyak, Jaravel and Spiess (2024); Gardner (2022), with the variance of two steps by horizon.
    control : {"not_yet_treated", "never_treated"}
        For Callaway and Sant'Anna. Imputation and two-stage use all untreated cells.
    weights : str, optional
        Column of positive weights; Callaway and Sant'Anna and two-stage need them constant in a unit.
    base_period : {"universal", "varying"}
        For Callaway and Sant'Anna's effects before treatment.
    covariates : sequence of str
        Columns or terms as in a specification, such as ``"log(population)"`` or ``"C(region)"``. Callaway and
        Sant'Anna compare changes among units that had the same values in the earlier one of both periods;
        Sun and Abraham have them as further regressors; imputation and two-stage in the first stage, on the
        untreated cells.
    adjustment : {"doubly_robust", "regression", "weighting"}
        How Callaway and Sant'Anna's estimator uses covariates.
    cluster : str, optional
        Column that holds units together, constant in a unit; the standard errors are clustered by it instead
        of by the unit.
    anticipation : int
        Periods before treatment in which units may already act on what is to come: comparisons are with the
        period before these, and units are controls only until then.
    first_stage : sequence of str, optional
        Columns with *all* the sets of effects of the first stage of imputation and two-stage, in place of the
        unit and the time: ``(unit, time, "state^year")`` adds an effect for each state and year,
        ``("state", "year")`` has effects of states only.
    never_treated : value or sequence of values, optional
        What means never in `first_treated`, see `kostnadsvekst.staggered.read_adoption_panel`.

    Returns
    -------
    EventStudy

    Raises
    ------
    SpecificationError
        For an unknown choice, or if nobody can serve as a control: in a period (named), or at all; or if no
        effect is identified.
    InvalidDataError
        As `read_adoption_panel`, and for weights that vary where they must not.

    Warns
    -----
    DataWarning
        For rows without a unit or a time, units treated from the first period on, units with missing periods
        (by Callaway and Sant'Anna), cohorts without a row to be compared with (by Sun and Abraham), treated
        rows that untreated ones do not identify (by imputation and two-stage): all are left out. For effects
        that rest on one treated unit alone (they have no standard error), or are compared with one only. For
        a first stage without an effect of units or of periods.
    """
    _check_choices(method, control, base_period, adjustment)
    _check_scope(method, anticipation, first_stage)
    read = read_adoption_panel(
        data,
        outcome,
        unit,
        time,
        first_treated,
        weights,
        never_treated=never_treated,
        covariates=covariates,
        cluster=cluster,
        first_stage=first_stage,
        anticipation=anticipation,
    )
    panel = _comparable(without_always_treated(read, anticipation), method, control, anticipation)
    estimated = estimate_panel(panel, method, Comparisons(control, base_period, anticipation, adjustment))
    for note in (*estimated.notes, *_single(estimated), *_bare_first_stage(estimated.panel, first_stage)):
        warnings.warn(note, DataWarning, stacklevel=level_of_caller())
    made = TwoStageStudy if method == "two_stage" else EventStudy
    stages = None if first_stage is None else tuple(first_stage)
    columns = StudyColumns(outcome, unit, time, weights, cluster, tuple(covariates), stages)
    return made(
        method,
        control,
        base_period,
        estimated.effects,
        estimated.panel,
        columns,
        provenance_of(data),
        anticipation,
    )


def _comparable(panel: AdoptionPanel, method: str, control: str, anticipation: int) -> AdoptionPanel:
    """Panel of what an estimator can compare."""
    require_controls(panel, "never_treated" if method == "sun_abraham" else control, anticipation)
    if method in ("callaway_santanna", "two_stage"):
        _require_constant_weights(panel, method)
    if method == "callaway_santanna":
        panel = only_complete(panel, "Callaway and Sant'Anna's estimator")
        require_controls(panel, control, anticipation)
    return panel


def estimate_panel(panel: AdoptionPanel, method: str, comparisons: Comparisons) -> Estimated:
    """Estimate the effects of a panel that has controls throughout.

    Parameters
    ----------
    panel : AdoptionPanel
        Nobody affected from the start.
    method : str
        One of `METHODS`.
    comparisons : Comparisons
    """
    if method == "callaway_santanna":
        return callaway_santanna(panel, comparisons)
    if method == "sun_abraham":
        return sun_abraham(panel, comparisons.anticipation)
    return imputation(panel, comparisons.anticipation)


def _check_choices(method: str, control: str, base_period: str, adjustment: str) -> None:
    for what, value, known in (
        ("method", method, METHODS),
        ("control", control, CONTROLS),
        ("base_period", base_period, BASE_PERIODS),
        ("adjustment", adjustment, ADJUSTMENTS),
    ):
        if value not in known:
            raise SpecificationError(f"unknown {what} {value!r}; known: {', '.join(known)}")


def _check_scope(method: str, anticipation: int, first_stage: Sequence[str] | None) -> None:
    if isinstance(anticipation, bool) or anticipation != int(anticipation) or anticipation < 0:
        raise SpecificationError("anticipation must be a whole number of periods, zero or more")
    if first_stage is None:
        return
    if method not in ("imputation", "two_stage"):
        raise SpecificationError(f"{method} has no first stage; use method='two_stage' or 'imputation'")
    if isinstance(first_stage, str) or not len(first_stage):
        raise SpecificationError(
            "first_stage must be a sequence of columns, such as (unit, time, 'state^year')"
        )


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


def _bare_first_stage(panel: AdoptionPanel, first_stage: Sequence[str] | None) -> tuple[str, ...]:
    """Say so if the effects that were told leave units or periods without any."""
    if first_stage is None:
        return ()
    steady = [_constant_in_a_unit(codes, panel.present) for codes in panel.effects]
    lacking = [] if any(steady) else ["units"]
    lacking += ["periods"] if all(steady) else []
    listed = " + ".join(first_stage)
    return tuple(
        f"first_stage names all the effects of the first stage: {what} have none of their own beside {listed}"
        for what in lacking
    )


def _constant_in_a_unit(codes: NDArray[np.intp], present: NDArray[np.bool_]) -> bool:
    high = np.where(present, codes, -1).max(axis=1)
    return bool(((codes == high[:, None]) | ~present).all())


def _single(estimated: Estimated) -> tuple[str, ...]:
    """Name what rests on one unit alone."""
    effects, panel = estimated.effects, estimated.panel
    kind = "unit" if len(np.unique(panel.clusters)) == len(panel.units) else "cluster"
    notes = []
    alone = np.unique(effects.cohort[~effects.own_error])
    if len(alone):
        thin = [g for g in alone if effects.own_error[effects.cohort == g].any()]
        where = f" in period(s) {list_names(panel.periods[_periods_alone(effects, thin)])}" if thin else ""
        notes.append(
            f"cohort(s) of one {kind} ({list_names(panel.periods[alone])}){where}: their effects have no "
            "standard error of their own"
        )
    compared = np.unique(effects.period[effects.n_control == 1])
    if len(compared):
        notes.append(
            f"effects in period(s) {list_names(panel.periods[compared])} are compared with one untreated "
            "unit only, and their standard errors do not count its own deviations"
        )
    return tuple(notes)


def _periods_alone(effects: GroupTimeEffects, cohorts: list[int]) -> NDArray[np.intp]:
    return np.unique(effects.period[~effects.own_error & np.isin(effects.cohort, cohorts)])
