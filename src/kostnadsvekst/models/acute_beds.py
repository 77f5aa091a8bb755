"""The demand model of chapter 6: municipal acute beds (ØHD) and the use of hospitals.

log H_mt = b_S log S_mt + b_D log D_mt + b_ØHD ØHD_mt + f_m + b_t M_t + u_mt

H is a count of hospital contacts from municipality m in month t, S supply, D demand, f municipality
effects, M season, and ØHD is 1 from the month of the first patient (report, section 6.1; Swanson and Hagen
2016, BMJ Open 6:e012892). 81 outcomes: age (all, under 80, 80+) × department (all, internal medicine,
surgery) × contact (admission, day stay, outpatient) × urgency (all, elective, acute).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.models.acute_beds_results import results
from kostnadsvekst.models.balanced.ar1 import BalancedAr1Fit, fit_ar1_complete, fit_ar1_with_gaps
from kostnadsvekst.models.balanced.poisson import fit_poisson
from kostnadsvekst.models.balanced.two_way_outcomes import SharedRegressors, fit_two_way, share_regressors
from kostnadsvekst.naming import require_columns
from kostnadsvekst.panel.monthly import (
    AGES,
    CONTACTS,
    DEMAND,
    DEPARTMENTS,
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

    Returns
    -------
    DataFrame
        A row for each outcome (and group of a split): ``effect_percent`` = 100 (exp(b) - 1) with 95 %
        interval, ``estimate`` (b), ``std_error``, ``statistic``, ``p_value``, ``df``, ``n_obs``,
        ``n_municipalities``, ``n_zero`` (months lost because log 0 does not exist), ``n_missing`` (rows
        without a count or a control), ``rho``, and how it was estimated.

    Raises
    ------
    SpecificationError
        For an unknown outcome, covariance, estimator or time effect, or an effect that is not identified.
    """
    names = _outcome_names(outcomes)
    _check_choices(covariance, time_effects, estimator, ar1)
    grid = to_grid(panel, until)
    classes, trend = _time_classes(grid.months, time_effects)
    regressors, labels = _regressors(grid, split, trend)
    model = _Model(covariance, estimator, ar1, classes)
    records = _fit_all(grid, names, regressors, labels, model)
    table = pd.DataFrame.from_records(records)
    table["time_effects"], table["until"] = time_effects, until
    table["covariance"] = covariance
    table["estimator"] = "ar1" if ar1 else estimator
    table["data_origin"] = provenance_of(panel).origin
    table.attrs["provenance"] = provenance_of(panel)
    return table


@dataclass(frozen=True, slots=True)
class _Model:
    covariance: str
    estimator: str
    ar1: bool
    classes: Ints


@dataclass(frozen=True, slots=True)
class _Effect:
    """Estimates of the treatment's coefficients of one outcome."""

    estimate: Floats
    std_error: Floats
    df: float
    n_obs: int
    n_units: int
    rho: float


@dataclass(frozen=True, slots=True)
class _Cells:
    """Counts of an outcome, the cells that can be used, and how many cells are lost."""

    counts: Floats
    used: Bools
    n_zero: int
    n_missing: int

    @property
    def log(self) -> Floats:
        return np.log(np.where(self.used, self.counts, 1.0))


_Fitted = tuple[_Cells, _Effect]


def _fit_all(
    grid: MonthlyGrid, names: Sequence[str], X: Floats, labels: Sequence[str], model: _Model
) -> list[dict[str, object]]:
    known = grid.present & np.isfinite(X).all(0)
    X = np.where(known, X, 0.0)
    # One outcome at a time, so that it stays in the processor's cache until it is done.
    cells = (_cells(grid, outcome_counts(grid, name), known, model) for name in names)
    # Small products, many times over: threads would wait for one another longer than they work.
    with threads_for(0):
        fits = (_fit_ar1 if model.ar1 else _fit_each)(cells, X, model, len(labels))
        return [
            record
            for name, (outcome, effect) in zip(names, fits, strict=True)
            for record in _records(name, effect, labels, outcome)
        ]


def _cells(grid: MonthlyGrid, counts: Floats, controls_known: Bools, model: _Model) -> _Cells:
    known = controls_known & np.isfinite(counts)
    n_missing = int(grid.present.sum() - known.sum())
    if model.estimator == "poisson":
        return _Cells(np.where(known, counts, 0.0), known, 0, n_missing)
    zero = known & (counts == 0)
    return _Cells(counts, known & ~zero, int(zero.sum()), n_missing)


def _fit_each(outcomes: Iterable[_Cells], X: Floats, model: _Model, k: int) -> Iterator[_Fitted]:
    if model.estimator == "poisson":
        yield from ((cells, _poisson(cells, X, model, k)) for cells in outcomes)
        return
    shared = share_regressors(X, model.classes)
    yield from ((cells, _two_way(cells, shared, model, k)) for cells in outcomes)


def _fit_ar1(outcomes: Iterable[_Cells], X: Floats, model: _Model, k: int) -> list[_Fitted]:
    """Outcomes without a lost cell share all that depends on the regressors; the others stand alone."""
    outcomes = list(outcomes)
    by_month = len(np.unique(model.classes)) == len(model.classes)
    complete = [cells for cells in outcomes if by_month and cells.used.all()]
    shared = iter(fit_ar1_complete(np.stack([c.log for c in complete]), X) if complete else [])
    fits = (
        next(shared) if by_month and c.used.all() else fit_ar1_with_gaps(c.log, X, c.used, model.classes)
        for c in outcomes
    )
    return [(cells, _ar1_effect(fit, model, k)) for cells, fit in zip(outcomes, fits, strict=True)]


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
        V = units / (units - 1) * (n - 1) / nested * bread @ (fit.scores.T @ fit.scores) @ bread
        df = units - 1
    return _Effect(fit.coefficients[:k], np.sqrt(np.diag(V)[:k]), df, n, units, float("nan"))


def _ar1_effect(fit: BalancedAr1Fit, model: _Model, k: int) -> _Effect:
    clustered = model.covariance == "cluster"
    V = fit.clustered if clustered else fit.classical
    df = fit.n_units - 1 if clustered else fit.df_resid
    return _Effect(fit.coefficients[:k], np.sqrt(np.diag(V)[:k]), df, fit.n_obs, fit.n_units, fit.rho)


def _poisson(cells: _Cells, X: Floats, model: _Model, k: int) -> _Effect:
    fit = fit_poisson(cells.counts, X, cells.used, model.classes)
    std_error = np.sqrt(np.diag(fit.clustered)[:k])
    return _Effect(fit.coefficients[:k], std_error, fit.n_units - 1, fit.n_obs, fit.n_units, float("nan"))


def _records(name: str, effect: _Effect, labels: Sequence[str], cells: _Cells) -> list[dict[str, object]]:
    contact, urgency, department, age = outcome_parts(name)
    half = stdtrit(effect.df, 0.975) * effect.std_error
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
            "rho": effect.rho,
        }
        for j, label in enumerate(labels)
    ]


def _regressors(grid: MonthlyGrid, split: str | None, trend: bool) -> tuple[Floats, tuple[str, ...]]:
    """(k, N, T) regressors, the treatment's columns first, and the labels of these."""
    require_columns([*SUPPLY, *DEMAND], grid.values)
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = [np.log(grid.values[name]) for name in (*SUPPLY, *DEMAND)]
    treatments, labels = _treatments(grid, split)
    drift = [np.broadcast_to(np.arange(len(grid.months)) / 12.0, grid.present.shape)] if trend else []
    return np.stack([*treatments, *logs, *drift]), labels


def _treatments(grid: MonthlyGrid, split: str | None) -> tuple[list[Floats], tuple[str, ...]]:
    if split is None:
        return [grid.treated], ("all",)
    require_columns([split], grid.values)
    group = grid.values[split]
    unknown = grid.present & (grid.treated > 0) & ~np.isin(group, (0.0, 1.0))
    if unknown.any():
        listed = [str(m) for m in grid.municipalities[unknown.any(1)]]
        raise InvalidDataError(
            f"{split!r} must be 0 or 1 where there are beds; it is not in {len(listed)} municipality(ies)",
            listed[:_LISTED],
        )
    parts = [np.where(group == value, grid.treated, 0.0) for value in (1.0, 0.0)]
    return parts, (f"{split} = 1", f"{split} = 0")


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
