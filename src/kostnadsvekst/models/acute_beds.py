"""The demand model of chapter 6: municipal acute beds (ØHD) and the use of hospitals.

log H_mt = b_S log S_mt + b_D log D_mt + b_ØHD ØHD_mt + f_m + b_t M_t + u_mt

H is a count of hospital contacts from municipality m in month t, S supply, D demand, f municipality
effects, M season, and ØHD is 1 from the month of the first patient (report, section 6.1; Swanson and Hagen
2016, BMJ Open 6:e012892). 81 outcomes: age (all, under 80, 80+) × department (all, internal medicine,
surgery) × contact (admission, day stay, outpatient) × urgency (all, elective, acute).
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from kostnadsvekst.callers import level_of_caller
from kostnadsvekst.errors import DataWarning, SpecificationError
from kostnadsvekst.models.acute_beds_design import BedsDesign, build_beds_design, log_persons
from kostnadsvekst.models.acute_beds_results import results
from kostnadsvekst.models.balanced.ar1 import BalancedAr1Fit, fit_ar1_complete, fit_ar1_with_gaps
from kostnadsvekst.models.balanced.poisson import PoissonFit, fit_poisson, separation_message
from kostnadsvekst.models.balanced.separation import not_identified
from kostnadsvekst.models.balanced.two_way_outcomes import SharedRegressors, fit_two_way, share_regressors
from kostnadsvekst.panel.monthly import (
    AGES,
    CONTACTS,
    DEMAND,
    DEPARTMENTS,
    DISTANCE,
    MAIN_OUTCOME,
    MECHANISMS,
    NEVER,
    OUTCOMES,
    REPORT_OUTCOMES,
    SUPPLY,
    TREATMENT,
    URGENCIES,
    MonthlyGrid,
    base_cells,
    check_panel,
    collapse_to_quarters,
    cumulative_adoption,
    load_panel,
    outcome_columns,
    outcome_counts,
    outcome_parts,
    short_names,
    to_grid,
)
from kostnadsvekst.provenance import provenance_of
from kostnadsvekst.threads import threads_for

__all__ = [
    "AGES",
    "CONTACTS",
    "COVARIANCES",
    "DEMAND",
    "DEPARTMENTS",
    "DISTANCE",
    "ESTIMATORS",
    "MAIN_OUTCOME",
    "MECHANISMS",
    "NEVER",
    "OUTCOMES",
    "REPORT_OUTCOMES",
    "SUPPLY",
    "TIME_EFFECTS",
    "TREATMENT",
    "URGENCIES",
    "MonthlyGrid",
    "base_cells",
    "check_panel",
    "collapse_to_quarters",
    "cumulative_adoption",
    "estimate_effects",
    "load_panel",
    "outcome_columns",
    "outcome_counts",
    "outcome_parts",
    "results",
    "short_names",
    "to_grid",
]


def __dir__() -> list[str]:
    return sorted(__all__)


Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
_LISTED = 10

COVARIANCES = ("classical", "cluster")
ESTIMATORS = ("log", "poisson")
# Name -> what absorbs common movements over time; "season" is the report's model.
TIME_EFFECTS = {
    "season": "an effect for each calendar month",
    "month": "an effect for every month of the period (two-way fixed effects)",
    "season_trend": "an effect for each calendar month, and a linear trend",
}


def estimate_effects(
    panel: pd.DataFrame,
    outcomes: str | Sequence[str] = "report",
    until: str = "2017-12",
    covariance: str = "cluster",
    ar1: bool = False,
    *,
    time_effects: str = "season",
    estimator: str = "log",
    split: str | None = None,
    per_inhabitant: bool = False,
    controls: Sequence[str] = (),
) -> pd.DataFrame:
    """Effect of municipal acute beds on hospital contacts.

    Parameters
    ----------
    panel : DataFrame
        From `load_panel`.
    outcomes : {"all", "report"} or sequence of str
        The 81 outcomes, the report's selection (80+, admissions and day stays), or some of `OUTCOMES`.
    until : str
        Last month used.
    covariance : {"cluster", "classical"}
        Clustered by municipality (factor of Stata's ``xtreg, fe``: the municipality effects are nested),
        or homoskedastic with n - N - K degrees of freedom.
    ar1 : bool
        AR(1) disturbances as `kostnadsvekst.estimate_ar1`; a month that is lost leaves a gap.
    time_effects : {"season", "month", "season_trend"}
        See `TIME_EFFECTS`.
    estimator : {"log", "poisson"}
        Least squares on the log of the count, or Poisson pseudo-maximum likelihood on the count, which
        keeps the months without a contact (clustered standard errors, no AR(1)).
    split : str, optional
        A 0/1 column such as `MECHANISMS`: one effect for each of its values, in rows of their own.
    per_inhabitant : bool
        Contacts per inhabitant of the outcome's age group instead of the count: log population, which
        otherwise has a coefficient of its own, is then the denominator (for Poisson an offset).
    controls : sequence of str
        Further positive columns, such as ``distance_to_hospital_km``: in logs, or, where they do not vary
        within municipalities and the municipality effects hold their level, in logs less their mean times
        years.

    Returns
    -------
    DataFrame
        A row for each outcome (and group of a split): ``effect_percent`` = 100 (exp(b) - 1) with 95 %
        interval, ``estimate`` (b), ``std_error``, ``statistic``, ``p_value``, ``df``, ``n_obs``,
        ``n_municipalities``, ``n_zero`` (months lost because log 0 does not exist), ``n_missing`` (rows
        without a count or a control), ``n_separated`` (rows that carry no information for Poisson), ``rho``,
        ``refused`` (why there is no estimate; else empty), and how it was estimated.

    Raises
    ------
    SpecificationError
        For an unknown outcome, covariance, estimator or time effect, or if no effect is identified.
    DataMissingError, InvalidDataError
        For a split or control that is not there, or has values that it must not.

    Warns
    -----
    DataWarning
        For outcomes whose effect is not identified while that of others is (their rows have no estimate),
        and for what Poisson regression leaves out: municipalities and months without any contact, months
        that the regressors separate, and controls that only these identified.

    Notes
    -----
    An outcome for which the panel has a column of its own is that column, such as a total over all
    departments that holds more than internal medicine and surgery; see `outcome_counts`.
    """
    names = _outcome_names(outcomes)
    _check_choices(covariance, time_effects, estimator, ar1)
    grid = to_grid(panel, until)
    classes, trend = _time_classes(grid.months, time_effects)
    design = build_beds_design(grid, split, trend, controls, per_inhabitant)
    model = _Model(covariance, estimator, ar1, classes, per_inhabitant)
    records = _fit_all(grid, names, design, model)
    table = pd.DataFrame.from_records(records)
    table["time_effects"], table["until"] = time_effects, until
    table["per_inhabitant"], table["controls"] = per_inhabitant, design.controls
    table["covariance"] = covariance
    table["estimator"] = "ar1" if ar1 else estimator
    table["data_origin"] = provenance_of(panel).origin
    table.attrs["provenance"] = provenance_of(panel).to_attrs()
    return table


@dataclass(frozen=True, slots=True)
class _Model:
    covariance: str
    estimator: str
    ar1: bool
    classes: Ints
    per_inhabitant: bool


@dataclass(frozen=True, slots=True)
class _Effect:
    """Estimates of the treatment's coefficients of one outcome; of Poisson also what was left out."""

    estimate: Floats
    std_error: Floats
    df: float
    n_obs: int
    n_units: int
    rho: float
    poisson: PoissonFit | None = None


@dataclass(frozen=True, slots=True)
class _Places:
    """Names of the grid's municipalities and months, and the period effect of each month."""

    municipalities: NDArray[np.str_]
    months: NDArray[np.object_]
    classes: Ints


@dataclass(frozen=True, slots=True)
class _Cells:
    """Counts of an outcome, the cells that can be used, and how many cells are lost."""

    counts: Floats
    used: Bools
    n_zero: int
    n_missing: int
    log_persons: Floats | None = None
    refused: str = ""

    @property
    def log(self) -> Floats:
        """Log of the count, or of the rate."""
        log: Floats = np.log(np.where(self.used, self.counts, 1.0))
        return log if self.log_persons is None else np.where(self.used, log - self.log_persons, 0.0)


# An effect, or why there is none.
_Fitted = tuple[_Cells, _Effect | SpecificationError]


def _fit_all(
    grid: MonthlyGrid, names: Sequence[str], design: BedsDesign, model: _Model
) -> list[dict[str, object]]:
    known = grid.present & np.isfinite(design.X).all(0)
    X = np.where(known, design.X, 0.0)
    # One outcome at a time, so that it stays in the processor's cache until it is done.
    cells = (_cells(grid, name, known, model) for name in names)
    # Small products, many times over: threads would wait for one another longer than they work.
    with threads_for(0):
        fits = list((_fit_ar1 if model.ar1 else _fit_each)(cells, X, model, design))
    _tell_refused(names, [fit for _, fit in fits])
    places = _Places(grid.municipalities.astype(str), grid.months.astype(str).to_numpy(), model.classes)
    _tell_left_out(names, [fit for _, fit in fits], places, design)
    return [
        record
        for name, (outcome, fit) in zip(names, fits, strict=True)
        for record in _records(name, fit, design, outcome)
    ]


def _cells(grid: MonthlyGrid, name: str, controls_known: Bools, model: _Model) -> _Cells:
    try:
        counts = outcome_counts(grid, name)
    except SpecificationError as error:
        nothing = np.zeros_like(grid.present)
        return _Cells(np.zeros(nothing.shape), nothing, 0, int(grid.present.sum()), refused=str(error))
    known = controls_known & np.isfinite(counts)
    persons = log_persons(grid, name) if model.per_inhabitant else None
    n_missing = int(grid.present.sum() - known.sum())
    if model.estimator == "poisson":
        return _Cells(np.where(known, counts, 0.0), known, 0, n_missing, persons)
    zero = known & (counts == 0)
    return _Cells(counts, known & ~zero, int(zero.sum()), n_missing, persons)


def _fit_each(outcomes: Iterable[_Cells], X: Floats, model: _Model, design: BedsDesign) -> Iterator[_Fitted]:
    k = len(design.groups)
    if model.estimator == "poisson":
        yield from ((cells, _attempt(_poisson, cells, X, model, design)) for cells in outcomes)
        return
    shared = share_regressors(X, model.classes)
    for cells in outcomes:
        yield cells, _named(_attempt(_two_way, cells, shared, model, k), cells, X, model, design)


def _attempt(fit: Callable[..., _Effect], cells: _Cells, *arguments: object) -> _Effect | SpecificationError:
    """Fit, or return why this outcome's effect is not identified: those of others may be."""
    if cells.refused:
        return SpecificationError(cells.refused)
    try:
        return fit(cells, *arguments)
    except SpecificationError as error:
        return error


def _named(
    fit: _Effect | SpecificationError, cells: _Cells, X: Floats, model: _Model, design: BedsDesign
) -> _Effect | SpecificationError:
    """Add to a refusal the regressors that the months left do not tell apart."""
    if isinstance(fit, _Effect) or not cells.used.any():
        return fit
    involved = not_identified(np.where(cells.used, X, 0.0), cells.used, model.classes)
    if not involved:
        return fit
    return SpecificationError(f"{fit} ({', '.join(design.names[j] for j in involved)})")


def _fit_ar1(outcomes: Iterable[_Cells], X: Floats, model: _Model, design: BedsDesign) -> list[_Fitted]:
    """Outcomes without a lost cell share all that depends on the regressors; the others stand alone."""
    outcomes, k = list(outcomes), len(design.groups)
    by_month = len(np.unique(model.classes)) == len(model.classes)
    complete = [cells for cells in outcomes if by_month and cells.used.all()]
    shared = iter(fit_ar1_complete(np.stack([c.log for c in complete]), X) if complete else [])
    return [
        (c, _ar1_effect(next(shared), model, k))
        if by_month and c.used.all()
        else (c, _named(_attempt(_ar1_with_gaps, c, X, model, k), c, X, model, design))
        for c in outcomes
    ]


def _ar1_with_gaps(cells: _Cells, X: Floats, model: _Model, k: int) -> _Effect:
    return _ar1_effect(fit_ar1_with_gaps(cells.log, X, cells.used, model.classes), model, k)


def _two_way(cells: _Cells, shared: SharedRegressors, model: _Model, k: int) -> _Effect:
    """Least squares with the covariance of the model."""
    fit = fit_two_way(cells.log, cells.used, shared)
    _check_identified(fit.gram)
    bread, m, n, units = np.linalg.inv(fit.gram), len(fit.gram), fit.n_obs, fit.n_units
    df = n - fit.n_effects - m
    if model.covariance == "classical":
        V = bread * fit.sum_of_squares / df
    else:
        nested = n - (fit.n_effects - units) - m - 1
        influences = fit.scores @ bread
        V = units / (units - 1) * (n - 1) / nested * influences.T @ influences
        df = units - 1
    return _Effect(fit.coefficients[:k], np.sqrt(np.diag(V)[:k]), df, n, units, float("nan"))


def _ar1_effect(fit: BalancedAr1Fit, model: _Model, k: int) -> _Effect:
    clustered = model.covariance == "cluster"
    V = fit.clustered if clustered else fit.classical
    df = fit.n_units - 1 if clustered else fit.df_resid
    return _Effect(fit.coefficients[:k], np.sqrt(np.diag(V)[:k]), df, fit.n_obs, fit.n_units, fit.rho)


def _poisson(cells: _Cells, X: Floats, model: _Model, design: BedsDesign) -> _Effect:
    fit = fit_poisson(cells.counts, X, cells.used, model.classes, design.names, cells.log_persons)
    k = len(design.groups)
    if np.isnan(fit.coefficients[:k]).all():
        raise SpecificationError(separation_message(design.names[:k], fit.separation))
    std_error = np.sqrt(np.diag(fit.clustered)[:k])
    df, rho = fit.n_units - 1, float("nan")
    return _Effect(fit.coefficients[:k], std_error, df, fit.n_obs, fit.n_units, rho, fit)


def _tell_refused(names: Sequence[str], fits: Sequence[_Effect | SpecificationError]) -> None:
    """Refuse where no outcome's effect is identified, otherwise warn of those that are not."""
    reasons: dict[str, list[str]] = {}
    for name, fit in zip(names, fits, strict=True):
        if isinstance(fit, SpecificationError):
            reasons.setdefault(str(fit), []).append(name)
    if not reasons:
        return
    text = "; ".join(f"{', '.join(refused)}: {reason}" for reason, refused in reasons.items())
    n = sum(map(len, reasons.values()))
    if n == len(fits):
        raise SpecificationError(text)
    warnings.warn(f"{n} outcome(s) without an estimate: {text}", DataWarning, stacklevel=level_of_caller())


def _tell_left_out(
    names: Sequence[str], fits: Sequence[_Effect | SpecificationError], places: _Places, design: BedsDesign
) -> None:
    """Warn of what carries no information for Poisson regression, and of coefficients that it had alone."""
    told = [
        f"{name}: {_left_out(fit.poisson, places, design)}"
        for name, fit in zip(names, fits, strict=True)
        if isinstance(fit, _Effect) and fit.poisson is not None and fit.poisson.n_separated
    ]
    if not told:
        return
    more = f"; and {len(told) - _LISTED} more outcomes" if len(told) > _LISTED else ""
    warnings.warn(
        f"Poisson regression leaves out what carries no information: {'; '.join(told[:_LISTED])}{more}",
        DataWarning,
        stacklevel=level_of_caller(),
    )


def _left_out(fit: PoissonFit, places: _Places, design: BedsDesign) -> str:
    separation = fit.separation
    parts = [f"{separation.by_effects} row(s) without any contact in the municipality or month"]
    if separation.by_regressors:
        parts.append(f"{separation.by_regressors} separated by regressors")
    for what, named in (
        ("municipality(ies)", places.municipalities[separation.units]),
        ("month(s)", places.months[np.isin(places.classes, separation.classes)]),
    ):
        if len(named):
            more = ", …" if len(named) > _LISTED else ""
            parts.append(f"{len(named)} {what} ({', '.join(named[:_LISTED])}{more})")
    if separation.omitted:
        parts.append(f"no coefficient for {', '.join(design.names[j] for j in separation.omitted)}")
    return ", ".join(parts)


def _records(
    name: str, fit: _Effect | SpecificationError, design: BedsDesign, cells: _Cells
) -> list[dict[str, object]]:
    contact, urgency, department, age = outcome_parts(name)
    effect = _no_effect(cells, len(design.groups)) if isinstance(fit, SpecificationError) else fit
    half = stdtrit(effect.df, 0.975) * effect.std_error
    with np.errstate(invalid="ignore", divide="ignore"):
        statistic = effect.estimate / effect.std_error
    return [
        {
            "outcome": name,
            "age": age,
            "department": department,
            "contact": contact,
            "urgency": urgency,
            "group": label,
            "effect_percent": 100 * np.expm1(effect.estimate[j]),
            "conf_low_percent": 100 * np.expm1(effect.estimate[j] - half[j]),
            "conf_high_percent": 100 * np.expm1(effect.estimate[j] + half[j]),
            "estimate": effect.estimate[j],
            "std_error": effect.std_error[j],
            "statistic": statistic[j],
            "p_value": 2 * stdtr(effect.df, -abs(statistic[j])),
            "df": effect.df,
            "n_obs": effect.n_obs,
            "n_municipalities": effect.n_units,
            "n_zero": cells.n_zero,
            "n_missing": cells.n_missing,
            "n_separated": 0 if effect.poisson is None else effect.poisson.n_separated,
            "rho": effect.rho,
            "refused": _refusal(fit, j, design),
        }
        for j, label in enumerate(design.groups)
    ]


def _no_effect(cells: _Cells, k: int) -> _Effect:
    nothing, n_units = np.full(k, np.nan), int(cells.used.any(1).sum())
    return _Effect(nothing, nothing, float("nan"), int(cells.used.sum()), n_units, float("nan"))


def _refusal(fit: _Effect | SpecificationError, j: int, design: BedsDesign) -> str:
    if isinstance(fit, SpecificationError):
        return str(fit)
    if fit.poisson is None or not np.isnan(fit.estimate[j]):
        return ""
    return separation_message([design.names[j]], fit.poisson.separation)


def _time_classes(months: pd.PeriodIndex, time_effects: str) -> tuple[Ints, bool]:
    if time_effects == "month":
        return np.arange(len(months)), False
    calendar = np.unique(np.asarray(months.month), return_inverse=True)[1]
    return calendar.astype(np.intp), time_effects == "season_trend"


def _check_identified(gram: Floats) -> None:
    length = np.sqrt(np.diag(gram))
    scaled = gram / np.outer(np.where(length > 0, length, 1.0), np.where(length > 0, length, 1.0))
    if not length[0] > 1e-8 or np.linalg.eigvalsh(scaled)[0] < 1e-10:
        raise SpecificationError(
            "the effect is not identified: acute beds do not vary within municipalities and months, or a "
            "control is collinear with the effects"
        )


def _check_choices(covariance: str, time_effects: str, estimator: str, ar1: bool) -> None:
    for what, value, known in (
        ("covariance", covariance, COVARIANCES),
        ("time_effects", time_effects, tuple(TIME_EFFECTS)),
        ("estimator", estimator, ESTIMATORS),
    ):
        if value not in known:
            raise SpecificationError(f"unknown {what} {value!r}; known: {', '.join(known)}")
    if estimator == "poisson" and (ar1 or covariance != "cluster"):
        raise SpecificationError(
            "Poisson regression comes with clustered standard errors and without AR(1): counts of zero and "
            "overdispersion make classical ones wrong"
        )


def _outcome_names(outcomes: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(outcomes, str):
        known = {"all": OUTCOMES, "report": REPORT_OUTCOMES}
        if outcomes not in known:
            raise SpecificationError(
                f"outcomes must be 'all', 'report' or a sequence of names, not the text {outcomes!r}"
            )
        return known[outcomes]
    for name in outcomes:
        outcome_parts(name)
    return tuple(outcomes)
