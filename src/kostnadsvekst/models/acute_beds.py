"""The demand model of chapter 6: municipal acute beds (ØHD) and the use of hospitals.

log H_mt = b_S log S_mt + b_D log D_mt + b_ØHD ØHD_mt + f_m + b_t M_t + u_mt

H is a count of hospital contacts from municipality m in month t, S supply, D demand, f municipality
effects, M season, and ØHD is 1 from the month of the first patient (report, section 6.1; Swanson and Hagen
2016, BMJ Open 6:e012892). 81 outcomes: age (all, under 80, 80+) × department (all, internal medicine,
surgery) × contact (admission, day stay, outpatient) × urgency (all, elective, acute).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit
from threadpoolctl import threadpool_limits

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.models.ar1_grid import Ar1GridFit, fit_ar1_complete, fit_ar1_grid
from kostnadsvekst.models.periods import check_unique, period_numbers
from kostnadsvekst.models.poisson import fit_poisson
from kostnadsvekst.models.two_way_outcomes import SharedRegressors, fit_two_way, share_regressors
from kostnadsvekst.naming import require_columns
from kostnadsvekst.provenance import SYNTHETIC, Provenance, provenance_of
from kostnadsvekst.sources.files import read_table
from kostnadsvekst.sources.synthetic_acute_beds import CELLS, DEFAULT_SEED, simulate

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

AGES = ("all", "under80", "80plus")
DEPARTMENTS = ("all", "internal", "surgery")
CONTACTS = ("admissions", "day_stays", "outpatient")
URGENCIES = ("all", "elective", "acute")
SUPPLY = ("nursing_home_places_per_1000_80plus", "gps_per_1000")
DEMAND = ("population", "share_67_79_percent", "share_80_plus_percent")
MECHANISMS = ("physician_on_site", "co_located")
TREATMENT = "acute_beds"
MAIN_OUTCOME = "admissions_acute_internal_80plus"

OUTCOMES = tuple(
    f"{contact}_{urgency}_{department}_{age}"
    for contact, urgency, department, age in product(CONTACTS, URGENCIES, DEPARTMENTS, AGES)
)
# Section 6.1: 80 years and over, admissions and day stays, by urgency and department.
REPORT_OUTCOMES = tuple(o for o in OUTCOMES if o.endswith("_80plus") and not o.startswith("outpatient"))

COVARIANCES = ("classical", "cluster")
ESTIMATORS = ("log", "poisson")
# Name -> what absorbs common movements over time; "season" is the report's model.
TIME_EFFECTS = {
    "season": "an effect for each calendar month",
    "month": "an effect for every month of the period (two-way fixed effects)",
    "season_trend": "an effect for each calendar month, and a linear trend",
}
_LISTED = 10


@dataclass(frozen=True, slots=True)
class MonthlyGrid:
    """A monthly panel as arrays over N municipalities and T months.

    Attributes
    ----------
    municipalities : (N,) array
    months : PeriodIndex of length T
    present : (N, T) boolean array
    first : (N,) integer array
        First month with beds, counted from the panel's first; negative if before it, `NEVER` if none.
    values : dict of str to (N, T) array
        Every numeric column; NaN where there is no row.
    """

    municipalities: NDArray[np.object_]
    months: pd.PeriodIndex
    present: Bools
    first: Ints
    values: dict[str, Floats]

    @property
    def treated(self) -> Floats:
        """(N, T) the ØHD dummy."""
        return (np.arange(len(self.months)) >= self.first[:, None]).astype(np.float64)


NEVER = 1_000_000


def load_panel(path: str | Path | None = None, seed: int = DEFAULT_SEED) -> pd.DataFrame:
    """Monthly panel of municipalities: a file of the user's own, or the synthetic one.

    Parameters
    ----------
    path : str or Path, optional
        Any format of `kostnadsvekst.sources.files.read_table`. Columns: ``municipality``; ``month``
        (``2012-07`` or a date); ``first_month`` (first month with beds, constant in a municipality, empty
        for never; earlier than the panel for beds that were always there); the 24 base counts
        ``{contact}_{urgency}_{department}_{age}`` (see `kostnadsvekst.sources.synthetic_acute_beds.CELLS`);
        `SUPPLY` and `DEMAND`; optionally `MECHANISMS` (0 or 1, empty for municipalities without beds).
    seed : int
        Of the synthetic panel, when no path is given.

    Returns
    -------
    DataFrame
        One row for each municipality and month, sorted; ``month`` and ``first_month`` as text.

    Raises
    ------
    DataMissingError
        If the file or a column does not exist.
    InvalidDataError
        All faults at once: months that cannot be read, rows that repeat a municipality and month, counts
        that are negative or not whole, supply or demand that is not positive, a first month that changes.
    """
    panel = simulate(seed).panel if path is None else read_table(path)
    return panel if path is None else check_panel(panel)


def check_panel(panel: pd.DataFrame) -> pd.DataFrame:
    """Check a monthly panel and bring it into order; arguments and errors as `load_panel`."""
    require_columns(["municipality", "month", "first_month", *CELLS, *SUPPLY, *DEMAND], panel.columns)
    months = _month_text(panel["month"], "month")
    first = _month_text(panel["first_month"].mask(panel["first_month"].isin(["", 0, "0"])), "first_month")
    checked = panel.assign(month=months, first_month=first)
    check_unique(checked["municipality"], checked["month"])
    problems = [*_count_faults(checked), *_positive_faults(checked), *_adoption_faults(checked)]
    if problems:
        raise InvalidDataError(f"monthly panel: {len(problems)} problem(s)", problems)
    checked.attrs = {**panel.attrs, "provenance": _origin(panel)}
    return checked.sort_values(["municipality", "month"], ignore_index=True)


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


def to_grid(panel: pd.DataFrame, until: str = "2017-12") -> MonthlyGrid:
    """Arrays over municipalities and months, up to and including a month.

    Raises
    ------
    InvalidDataError
        If no row is left.
    """
    # Every column that is taken from a frame gets a deep copy of its attributes: leave these behind.
    panel = panel.copy(deep=False)
    panel.attrs = {}
    numbers = period_numbers(panel["month"])
    kept = numbers <= pd.Period(until, "M").ordinal
    if not kept.any():
        raise InvalidDataError(f"the panel has no month up to {until}; it begins in {panel['month'].min()}")
    start, end = int(numbers[kept].min()), int(numbers[kept].max())
    units, names = pd.factorize(panel["municipality"], sort=True)
    rows = slice(None) if kept.all() else kept
    shape = (len(names), end - start + 1)
    cells = units[rows] * shape[1] + numbers[rows] - start
    present = np.zeros(shape, dtype=bool)
    present.flat[cells] = True
    values = {}
    for name, column in panel.items():
        if pd.api.types.is_numeric_dtype(column.dtype):
            values[name] = np.full(shape, np.nan)
            values[name].ravel()[cells] = column.to_numpy(dtype=np.float64, na_value=np.nan)[rows]
    return MonthlyGrid(
        municipalities=np.asarray(names, dtype=object),
        months=pd.period_range(pd.Period(ordinal=start, freq="M"), periods=shape[1], freq="M"),
        present=present,
        first=_first_months(panel, units, len(names), start),
        values=values,
    )


def outcome_counts(grid: MonthlyGrid, outcome: str) -> Floats:
    """(N, T) counts of one of the 81 outcomes, the sum of its base cells; NaN where one is missing."""
    first, *others = (grid.values[cell] for cell in base_cells(outcome))
    counts = first.copy()
    for other in others:
        counts += other
    return counts


def base_cells(outcome: str) -> tuple[str, ...]:
    """Names of the base cells that add up to an outcome.

    Examples
    --------
    >>> base_cells("admissions_all_internal_80plus")
    ('admissions_elective_internal_80plus', 'admissions_acute_internal_80plus')
    """
    contact, urgency, department, age = outcome_parts(outcome)
    return tuple(
        f"{contact}_{u}_{d}_{a}"
        for u in (URGENCIES[1:] if urgency == "all" else (urgency,))
        for d in (DEPARTMENTS[1:] if department == "all" else (department,))
        for a in (AGES[1:] if age == "all" else (age,))
    )


def outcome_parts(outcome: str) -> tuple[str, str, str, str]:
    """Contact, urgency, department and age of an outcome.

    Raises
    ------
    SpecificationError
        If there is no such outcome.
    """
    if outcome not in OUTCOMES:
        raise SpecificationError(
            f"unknown outcome {outcome!r}; an outcome is contact_urgency_department_age with contact in "
            f"{', '.join(CONTACTS)}, urgency in {', '.join(URGENCIES)}, department in "
            f"{', '.join(DEPARTMENTS)}, age in {', '.join(AGES)}"
        )
    contact = next(c for c in CONTACTS if outcome.startswith(c))
    urgency, department, age = outcome.removeprefix(contact + "_").split("_")
    return contact, urgency, department, age


def cumulative_adoption(panel: pd.DataFrame) -> pd.Series:
    """Municipalities with beds at the end of each month (Figure 12), over the panel's months."""
    grid = to_grid(panel, str(panel["month"].max()))
    counts = (grid.first[:, None] <= np.arange(len(grid.months))).sum(0)
    return pd.Series(counts, index=grid.months.astype(str), name="municipalities")


def collapse_to_quarters(panel: pd.DataFrame, outcome: str = MAIN_OUTCOME) -> pd.DataFrame:
    """Quarterly panel of the log of an outcome, for the estimators of `kostnadsvekst.staggered`.

    Parameters
    ----------
    panel : DataFrame
        From `load_panel`.
    outcome : str
        One of `OUTCOMES`.

    Returns
    -------
    DataFrame
        ``municipality``, ``quarter``, ``first_quarter`` (of the first month with beds; missing for never),
        ``count``, ``log_count``. Only municipalities with all months and a contact in every quarter, so
        that the panel is balanced; ``attrs["n_dropped"]`` counts the others.

    Notes
    -----
    Quarters have far fewer zeros than months, and cohorts that are large enough. The first treated quarter
    may be treated in part.
    """
    grid = to_grid(panel, str(panel["month"].max()))
    skip = (1 - int(grid.months[0].month)) % 3
    n_quarters = (len(grid.months) - skip) // 3
    inside = slice(skip, skip + 3 * n_quarters)
    counts = outcome_counts(grid, outcome)[:, inside].reshape(len(grid.first), n_quarters, 3).sum(-1)
    kept = (counts > 0).all(axis=1)
    quarters = grid.months[inside][::3].asfreq("Q")
    first = np.floor_divide(grid.first - skip, 3) + quarters[0].ordinal
    starts = pd.arrays.PeriodArray(np.where(grid.first == NEVER, pd.NaT._value, first), dtype="period[Q-DEC]")
    n = int(kept.sum())
    table = pd.DataFrame(
        {
            "municipality": np.repeat(grid.municipalities[kept], n_quarters),
            "quarter": pd.PeriodIndex(np.tile(quarters, n)),
            "first_quarter": np.repeat(starts[kept], n_quarters),
            "count": counts[kept].ravel(),
            "log_count": np.log(counts[kept]).ravel(),
            "data_origin": provenance_of(panel).origin,
        }
    )
    table.attrs = {"provenance": provenance_of(panel), "n_dropped": int((~kept).sum())}
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
    with threadpool_limits(1, "blas"):
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
        next(shared) if by_month and c.used.all() else fit_ar1_grid(c.log, X, c.used, model.classes)
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


def _ar1_effect(fit: Ar1GridFit, model: _Model, k: int) -> _Effect:
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


def _first_months(panel: pd.DataFrame, units: Ints, n_units: int, start: int) -> Ints:
    first = np.full(n_units, NEVER, dtype=np.intp)
    known = panel["first_month"].notna().to_numpy()
    if known.any():
        first[units[known]] = period_numbers(panel["first_month"][known]) - start
    return first


def _month_text(column: pd.Series, name: str) -> pd.Series:
    text = pd.Series(None, index=column.index, dtype=object, name=name)
    known = column.notna()
    if known.any():
        numbers = period_numbers(column[known])
        text[known] = pd.PeriodIndex.from_ordinals(numbers, freq="M").astype(str)
    return text


def _origin(panel: pd.DataFrame) -> Provenance:
    """Provenance of a file; a saved synthetic panel stays synthetic."""
    origin = provenance_of(panel)
    synthetic = "data_origin" in panel.columns and (panel["data_origin"] == SYNTHETIC).any()
    return replace(origin, origin=SYNTHETIC) if synthetic else origin


def _count_faults(panel: pd.DataFrame) -> list[str]:
    problems = []
    for cell in CELLS:
        values = pd.to_numeric(panel[cell], errors="coerce").to_numpy(dtype=np.float64)
        given = panel[cell].notna().to_numpy()
        wrong = given & ~((values >= 0) & (values == np.floor(values)) & np.isfinite(values))
        problems += _name_rows(panel, wrong, f"{cell} is not a whole number of zero or more")
    return problems


def _positive_faults(panel: pd.DataFrame) -> list[str]:
    problems = []
    for name in (*SUPPLY, *DEMAND):
        values = pd.to_numeric(panel[name], errors="coerce").to_numpy(dtype=np.float64)
        wrong = panel[name].notna().to_numpy() & ~((values > 0) & np.isfinite(values))
        problems += _name_rows(panel, wrong, f"{name} is not a positive number")
    return problems


def _adoption_faults(panel: pd.DataFrame) -> list[str]:
    distinct = panel.assign(first_month=panel["first_month"].fillna("never")).groupby("municipality")
    changing = distinct["first_month"].nunique()
    return [
        f"municipality {name}: first_month has {count} different values; it must be constant"
        for name, count in changing[changing > 1].head(_LISTED).items()
    ]


def _name_rows(panel: pd.DataFrame, wrong: Bools, what: str) -> list[str]:
    if not wrong.any():
        return []
    places = [
        f"{panel['municipality'].iloc[i]} {panel['month'].iloc[i]}" for i in np.flatnonzero(wrong)[:_LISTED]
    ]
    more = f" and {wrong.sum() - _LISTED} more" if wrong.sum() > _LISTED else ""
    return [f"{what} in {wrong.sum()} row(s): {'; '.join(places)}{more}"]
