"""The monthly panel of municipalities of chapter 6: reading, checking, arrays, outcomes, quarters.

81 outcomes: age (all, under 80, 80+) × department (all, internal medicine, surgery) × contact (admission,
day stay, outpatient) × urgency (all, elective, acute).
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.naming import require_columns
from kostnadsvekst.panel.own_panels import naming_file, read_own_panel
from kostnadsvekst.panel.periods import check_unique, period_numbers
from kostnadsvekst.panel.unit_codes import leave_out_unnamed_rows
from kostnadsvekst.provenance import SYNTHETIC, Provenance, provenance_of
from kostnadsvekst.synthetic.acute_beds import CELLS, DEFAULT_SEED, simulate

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
DISTANCE = "distance_to_hospital_km"
TREATMENT = "acute_beds"
MAIN_OUTCOME = "admissions_acute_internal_80plus"
OUTCOMES = tuple(
    f"{contact}_{urgency}_{department}_{age}"
    for contact, urgency, department, age in product(CONTACTS, URGENCIES, DEPARTMENTS, AGES)
)
# Section 6.1: 80 years and over, admissions and day stays, by urgency and department.
REPORT_OUTCOMES = tuple(o for o in OUTCOMES if o.endswith("_80plus") and not o.startswith("outpatient"))
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


def load_panel(
    path: str | Path | None = None,
    seed: int = DEFAULT_SEED,
    *,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
    decimal: str | None = None,
) -> pd.DataFrame:
    """Monthly panel of municipalities: a file of the user's own, or the synthetic one.

    Parameters
    ----------
    path : str or Path, optional
        Any format of `kostnadsvekst.sources.files.read_table`. Columns, also under their `short_names`:
        ``municipality``; ``month`` (as `kostnadsvekst.panel.periods.read_periods` reads it: ``2012-07``,
        ``2012M07``, ``201207``, a date, Stata's ``%tm`` ...); ``first_month`` (first month with beds,
        constant in a municipality, empty for never; earlier than the panel for beds that were always
        there); the 24 base counts ``{contact}_{urgency}_{department}_{age}`` (see
        `kostnadsvekst.synthetic.acute_beds.CELLS`); `SUPPLY` and `DEMAND`; optionally `MECHANISMS` (0 or 1,
        empty for municipalities without beds), `DISTANCE`, and any other of `OUTCOMES` as a total of one's
        own, such as ``admissions_acute_all_80plus`` where all departments are more than internal medicine
        and surgery: sums of base counts are then not taken for it.
    seed : int
        Of the synthetic panel, when no path is given.
    columns : mapping of str to str, optional
        Name in the file -> name here.
    sheet, decimal : str, optional
        As in `kostnadsvekst.sources.files.read_table`.

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
        that are negative or not whole, totals that are smaller than the sum of their parts, supply or demand
        that is not positive, a first month that changes.

    Warns
    -----
    DataWarning
        For rows without a municipality or a month, which are left out.
    """
    if path is None:
        return simulate(seed).panel
    with naming_file(path):
        return check_panel(read_own_panel(path, columns, sheet, decimal))


def short_names() -> dict[str, str]:
    """Names of at most 32 letters for the columns that have more, as Stata's files need them.

    Returns
    -------
    dict of str to str
        Name -> short name: ``adm``, ``day``, ``out`` for the contact, ``nursing_places`` for
        ``nursing_home_places``. `load_panel` reads them as the names they stand for.

    Examples
    --------
    >>> panel = load_panel()
    >>> panel.rename(columns=short_names()).to_stata("panel.dta")  # doctest: +SKIP
    """
    return {name: _shorten(name) for name in _COLUMNS if len(name) > STATA_LETTERS}


def _shorten(name: str) -> str:
    return _SHORTENED.sub(lambda found: _SHORTER[found.group()], name)


STATA_LETTERS = 32
_SHORTER = {
    "admissions": "adm",
    "day_stays": "day",
    "outpatient": "out",
    "nursing_home_places": "nursing_places",
}
_SHORTENED = re.compile("|".join(_SHORTER))
_COLUMNS = (*CELLS, *SUPPLY, *DEMAND, *MECHANISMS)


def check_panel(panel: pd.DataFrame) -> pd.DataFrame:
    """Check a monthly panel and bring it into order; arguments and errors as `load_panel`."""
    attrs = panel.attrs
    panel = panel.rename(columns={_shorten(name): name for name in _COLUMNS})
    panel.attrs = attrs
    twice = list(dict.fromkeys(panel.columns[panel.columns.duplicated()]))
    if twice:
        raise InvalidDataError(f"{len(twice)} column(s) are there twice, perhaps under a short name", twice)
    require_columns(["municipality", "month", "first_month", *CELLS, *SUPPLY, *DEMAND], panel.columns)
    origin = _origin(panel)
    panel = leave_out_unnamed_rows(panel, "municipality", "month")
    months = _month_text(panel["month"], "month")
    first = _month_text(panel["first_month"].mask(panel["first_month"].isin(["", 0, "0"])), "first_month")
    checked = panel.assign(month=months, first_month=first)
    check_unique(checked["municipality"], checked["month"])
    problems = [
        *_count_faults(checked),
        *_total_faults(checked),
        *_positive_faults(checked),
        *_adoption_faults(checked),
    ]
    if problems:
        raise InvalidDataError(f"monthly panel: {len(problems)} problem(s)", problems)
    checked.attrs = {**panel.attrs, "provenance": origin.to_attrs()}
    return checked.sort_values(["municipality", "month"], ignore_index=True)


def to_grid(panel: pd.DataFrame, until: str = "2017-12") -> MonthlyGrid:
    """Arrays over municipalities and months, up to and including a month.

    Raises
    ------
    InvalidDataError
        If no row is left.

    Warns
    -----
    DataWarning
        For rows without a municipality or a month, which are left out.
    """
    # Every column that is taken from a frame gets a deep copy of its attributes: leave these behind.
    panel = panel.copy(deep=False)
    panel.attrs = {}
    panel = leave_out_unnamed_rows(panel, "municipality", "month")
    numbers = period_numbers(panel["month"], "month")
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
    """(N, T) counts of one of the 81 outcomes; NaN where a part is missing.

    Raises
    ------
    SpecificationError
        As `outcome_columns`.
    """
    first, *others = (grid.values[column] for column in outcome_columns(outcome, grid.values))
    counts = first.copy()
    for other in others:
        counts += other
    return counts


def outcome_columns(outcome: str, columns: Collection[str]) -> tuple[str, ...]:
    """Columns of a panel that add up to an outcome.

    Parameters
    ----------
    outcome : str
        One of `OUTCOMES`.
    columns : collection of str
        Those of the panel. A total of the user's own, such as ``admissions_acute_all_80plus`` over all
        departments, of which internal medicine and surgery are a part only, stands for itself.

    Returns
    -------
    tuple of str
        The outcome's own column; else its parts by age, by urgency and last by department, each again its
        own column or its parts.

    Raises
    ------
    SpecificationError
        If own totals cover a part of the outcome only: it would be neither total nor sum.

    Examples
    --------
    >>> outcome_columns("admissions_acute_all_80plus", CELLS)
    ('admissions_acute_internal_80plus', 'admissions_acute_surgery_80plus')
    """
    found = _resolved(outcome, columns)
    cells = set(base_cells(outcome))
    totals = [t for t in OUTCOMES if t in columns and t not in CELLS and set(base_cells(t)) <= cells]
    if totals and any(column in CELLS for column in found):
        raise SpecificationError(
            f"the panel has own totals for a part of {outcome} ({', '.join(totals[:_LISTED])}), so that "
            f"it is neither a total nor a sum of departments: add the column {outcome!r}"
        )
    return found


def _resolved(outcome: str, columns: Collection[str]) -> tuple[str, ...]:
    if outcome in columns or outcome in CELLS:
        return (outcome,)
    contact, urgency, department, age = outcome_parts(outcome)
    if age == "all":
        parts = [f"{contact}_{urgency}_{department}_{a}" for a in AGES[1:]]
    elif urgency == "all":
        parts = [f"{contact}_{u}_{department}_{age}" for u in URGENCIES[1:]]
    else:
        parts = [f"{contact}_{urgency}_{d}_{age}" for d in DEPARTMENTS[1:]]
    return tuple(column for part in parts for column in _resolved(part, columns))


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
        ``municipality``, ``quarter`` (text such as ``2013Q2``), ``first_quarter`` (of the first month with
        beds; missing for never), ``count``, ``log_count``. Only municipalities with all months and a contact
        in every quarter, so that the panel is balanced; ``attrs["n_dropped"]`` counts the others.

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
    never = grid.first == NEVER
    first = np.where(never, 0, np.floor_divide(grid.first - skip, 3) + quarters[0].ordinal)
    starts = pd.Series(pd.PeriodIndex.from_ordinals(first, freq="Q-DEC").astype(str)).mask(never).array
    n = int(kept.sum())
    table = pd.DataFrame(
        {
            "municipality": np.repeat(grid.municipalities[kept], n_quarters),
            "quarter": np.tile(quarters.astype(str), n),
            "first_quarter": np.repeat(starts[kept], n_quarters),
            "count": counts[kept].ravel(),
            "log_count": np.log(counts[kept]).ravel(),
            "data_origin": provenance_of(panel).origin,
        }
    )
    table.attrs = {"provenance": provenance_of(panel).to_attrs(), "n_dropped": int((~kept).sum())}
    return table


def _first_months(panel: pd.DataFrame, units: Ints, n_units: int, start: int) -> Ints:
    first = np.full(n_units, NEVER, dtype=np.intp)
    known = panel["first_month"].notna().to_numpy()
    if known.any():
        numbers = period_numbers(panel["first_month"], "month", np.flatnonzero(known))
        first[units[known]] = numbers - start
    return first


def _month_text(column: pd.Series, name: str) -> pd.Series:
    text = pd.Series(None, index=column.index, dtype=object, name=name)
    known = column.notna().to_numpy()
    if known.any():
        numbers = period_numbers(column, "month", np.flatnonzero(known))
        text[known] = pd.PeriodIndex.from_ordinals(numbers, freq="M").astype(str)
    return text


def _origin(panel: pd.DataFrame) -> Provenance:
    """Provenance of a file; a saved synthetic panel stays synthetic."""
    origin = provenance_of(panel)
    synthetic = "data_origin" in panel.columns and (panel["data_origin"] == SYNTHETIC).any()
    return replace(origin, origin=SYNTHETIC) if synthetic else origin


def _count_faults(panel: pd.DataFrame) -> list[str]:
    problems = []
    for cell in (*CELLS, *_own_totals(panel)):
        values = pd.to_numeric(panel[cell], errors="coerce").to_numpy(dtype=np.float64)
        given = panel[cell].notna().to_numpy()
        wrong = given & ~((values >= 0) & (values == np.floor(values)) & np.isfinite(values))
        problems += _name_rows(panel, wrong, f"{cell} is not a whole number of zero or more")
    return problems


def _own_totals(panel: pd.DataFrame) -> list[str]:
    return [name for name in OUTCOMES if name in panel.columns and name not in CELLS]


def _total_faults(panel: pd.DataFrame) -> list[str]:
    problems = []
    for total in _own_totals(panel):
        parts = panel[list(base_cells(total))].apply(pd.to_numeric, errors="coerce").sum(axis=1)
        values = pd.to_numeric(panel[total], errors="coerce")
        wrong = (values < parts).to_numpy(dtype=bool)
        problems += _name_rows(panel, wrong, f"{total} is smaller than the sum of its parts")
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
