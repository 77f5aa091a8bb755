"""A panel with staggered adoption as arrays, and the checks that every estimator on it needs."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.models.rows import level_codes, name_rows
from kostnadsvekst.naming import require_columns
from kostnadsvekst.panel.periods import check_unique, period_numbers

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

NEVER = 1_000_000_000
_LISTED = 10


@dataclass(frozen=True, slots=True)
class AdoptionPanel:
    """N units over T consecutive periods.

    Attributes
    ----------
    y : (N, T) array
        Outcome; zero where absent.
    present : (N, T) boolean array
    weights : (N, T) array
        Ones unless weights were given; zero where absent.
    first : (N,) integer array
        First treated period, 0 ... T - 1; negative if treated before the panel, `NEVER` if not in it.
    units : (N,) array
    periods : (T,) array
        Labels as in the data.
    """

    y: Floats
    present: Bools
    weights: Floats
    first: Ints
    units: NDArray[Any]
    periods: NDArray[Any]

    @property
    def treated(self) -> Bools:
        """(N, T) whether a unit is treated in a period."""
        return np.arange(self.y.shape[1]) >= self.first[:, None]

    @property
    def horizons(self) -> Ints:
        """(N, T) periods since the first treated one; far below zero for never treated units."""
        return np.arange(self.y.shape[1]) - self.first[:, None]

    @property
    def cohorts(self) -> Ints:
        """First treated periods of units that are treated in the panel but not from its first period on."""
        inside = (self.first > 0) & (self.first < NEVER)
        return np.unique(self.first[inside])

    @property
    def balanced(self) -> bool:
        """Whether every unit is present in every period."""
        return bool(self.present.all())

    def take(self, units: Any) -> "AdoptionPanel":
        """Panel of some units."""
        return AdoptionPanel(
            self.y[units],
            self.present[units],
            self.weights[units],
            self.first[units],
            self.units[units],
            self.periods,
        )


def read_adoption_panel(
    data: pd.DataFrame, outcome: str, unit: str, time: str, first_treated: str, weights: str | None = None
) -> AdoptionPanel:
    """Arrays of a long panel.

    Parameters
    ----------
    data : DataFrame
        One row for each unit and period. A missing outcome is a missing row.
    outcome, unit, time : str
        Columns.
    first_treated : str
        Column with the first treated period in the units of `time`, constant in a unit; missing, 0 or
        infinite for never, and so is a period after the panel's last.
    weights : str, optional
        Column of positive weights; they may vary over time where the estimator allows it.

    Returns
    -------
    AdoptionPanel

    Raises
    ------
    DataMissingError
        If a column does not exist.
    InvalidDataError
        If a unit and period occur twice, a unit changes its first period, a period between the first and
        the last has no row at all, or an outcome is infinite: units and periods are named.
    """
    require_columns([outcome, unit, time, first_treated, *([weights] if weights else [])], data.columns)
    values = pd.to_numeric(data[outcome], errors="coerce").to_numpy(dtype=np.float64)
    _refuse(np.isinf(values), f"{outcome} is infinite", data, unit, time)
    rows = data[~np.isnan(values)]
    if rows.empty:
        raise InvalidDataError(f"no row has a value of {outcome!r}")
    check_unique(rows[unit], rows[time])
    numbers = period_numbers(rows[time])
    start, n_periods = int(numbers.min()), int(np.ptp(numbers)) + 1
    codes, names = level_codes(rows, unit, unit, time, what="units")
    shape = (len(names), n_periods)
    present = np.zeros(shape, dtype=bool)
    present[codes, numbers - start] = True
    y, w = np.zeros(shape), present.astype(np.float64)
    y[codes, numbers - start] = values[~np.isnan(values)]
    if weights:
        w[codes, numbers - start] = _weights(rows, weights, unit, time)
    labels = _period_labels(rows[time], numbers, start, n_periods)
    first = _first_periods(rows, codes, unit, time, first_treated, start, n_periods)
    return AdoptionPanel(y, present, w, first, np.asarray(names, dtype=object), labels)


def without_always_treated(panel: AdoptionPanel) -> AdoptionPanel:
    """Panel without units that are treated from the first period on; a `DataWarning` names them."""
    always = panel.first <= 0
    if not always.any():
        return panel
    warnings.warn(
        f"{always.sum()} unit(s) treated from the first period on have no period without treatment and are "
        f"left out: {_list(panel.units[always])}",
        DataWarning,
        stacklevel=3,
    )
    return panel.take(~always)


def only_complete(panel: AdoptionPanel, what: str) -> AdoptionPanel:
    """Panel of the units that are present in every period; a `DataWarning` names the others."""
    complete = panel.present.all(axis=1)
    if complete.all():
        return panel
    if not complete.any():
        raise InvalidDataError(f"{what} needs units that are present in every period; there is none")
    warnings.warn(
        f"{what} compares the same units over time: {(~complete).sum()} unit(s) with missing periods are "
        f"left out: {_list(panel.units[~complete])}",
        DataWarning,
        stacklevel=3,
    )
    return panel.take(complete)


def require_balanced(panel: AdoptionPanel, what: str) -> None:
    """Raise InvalidDataError naming the units and periods that are missing."""
    missing = np.argwhere(~panel.present)
    if len(missing):
        listed = [f"{panel.units[i]} {panel.periods[t]}" for i, t in missing[:_LISTED]]
        more = [f"and {len(missing) - _LISTED} more"] if len(missing) > _LISTED else []
        raise InvalidDataError(f"{what} needs a balanced panel; missing are", [*listed, *more])


def require_controls(panel: AdoptionPanel, control: str) -> None:
    """Raise SpecificationError if there is nobody to compare with.

    Parameters
    ----------
    panel : AdoptionPanel
    control : {"not_yet_treated", "never_treated"}
    """
    if not len(panel.cohorts):
        raise SpecificationError("no unit becomes treated inside the panel: there is no effect to estimate")
    if control == "never_treated" and not (panel.first == NEVER).any():
        raise SpecificationError(
            "there is no never treated unit to compare with; use control='not_yet_treated' on a shorter panel"
        )
    empty = (panel.present & ~panel.treated).sum(axis=0) == 0
    if empty.any():
        periods = panel.periods[empty]
        raise SpecificationError(
            f"no unit is untreated in {len(periods)} period(s) ({_list(periods)}), so nothing shows what "
            f"would have happened without treatment; end the panel before {periods[0]}"
        )


def _first_periods(
    rows: pd.DataFrame, codes: Ints, unit: str, time: str, first_treated: str, start: int, n_periods: int
) -> Ints:
    column = rows[first_treated]
    if pd.api.types.is_numeric_dtype(column.dtype):
        column = column.astype("float64").replace([0.0, np.inf], np.nan)
    known = column.notna().to_numpy()
    numbers = np.full(len(rows), NEVER, dtype=np.intp)
    if known.any():
        numbers[known] = period_numbers(column[known]) - start
    numbers[numbers >= n_periods] = NEVER
    first = np.full(codes.max() + 1, NEVER, dtype=np.intp)
    first[codes] = numbers
    changing = np.unique(codes[first[codes] != numbers])
    if len(changing):
        names = rows[unit].iloc[[int(np.flatnonzero(codes == c)[0]) for c in changing[:_LISTED]]]
        raise InvalidDataError(
            f"{first_treated!r} must be constant in a unit and is not in {len(changing)}",
            [f"{unit} {name}" for name in names],
        )
    return first


def _weights(rows: pd.DataFrame, weights: str, unit: str, time: str) -> Floats:
    values: Floats = pd.to_numeric(rows[weights], errors="coerce").to_numpy(dtype=np.float64)
    _refuse(~(values > 0) | np.isinf(values), f"{weights} is not a positive number", rows, unit, time)
    return values


def _period_labels(times: pd.Series, numbers: Ints, start: int, n_periods: int) -> NDArray[Any]:
    labels = np.full(n_periods, None, dtype=object)
    labels[numbers - start] = times.to_numpy(dtype=object)
    gaps = [i for i, label in enumerate(labels) if label is None]
    if gaps:
        around = [f"after {labels[i - 1]}" for i in gaps if labels[i - 1] is not None]
        raise InvalidDataError(f"{len(gaps)} period(s) inside the panel have no row", around[:_LISTED])
    return labels


def _refuse(wrong: Bools, what: str, data: pd.DataFrame, unit: str, time: str) -> None:
    if wrong.any():
        places = name_rows(data, np.flatnonzero(wrong), unit, time)
        raise InvalidDataError(f"{what} in {wrong.sum()} row(s)", places)


def _list(names: NDArray[Any]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(str(n) for n in names[:_LISTED]) + more
