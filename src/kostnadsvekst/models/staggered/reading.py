"""From a long data frame to a panel with staggered adoption: what is missing, refused, or placed where."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.callers import level_of_caller
from kostnadsvekst.errors import DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.models.design import build_design, columns_of, parse_terms, read_sample
from kostnadsvekst.models.rows import level_codes, name_rows
from kostnadsvekst.models.staggered.adoption_panel import LISTED, NEVER, AdoptionPanel
from kostnadsvekst.models.transformations import source_columns, transformed_columns
from kostnadsvekst.naming import require_columns
from kostnadsvekst.panel.columns import read_numbers
from kostnadsvekst.panel.periods import Periods, check_unique, read_periods
from kostnadsvekst.panel.unit_codes import leave_out_unnamed_rows

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Columns:
    """What is read of a data frame."""

    outcome: str
    unit: str
    time: str
    first_treated: str
    weights: str | None
    covariates: tuple[str, ...]
    cluster: str
    first_stage: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Places:
    """Unit and period of each of n rows in a grid of N units by T periods."""

    unit: Ints
    period: Ints
    units: NDArray[Any]
    periods: NDArray[Any]
    scale: Periods

    def grid(self, values: NDArray[Any]) -> NDArray[Any]:
        """(N, T) array of the rows' values, zero where there is no row."""
        filled = np.zeros((len(self.units), len(self.periods)), dtype=values.dtype)
        filled[self.unit, self.period] = values
        return filled


def read_adoption_panel(
    data: pd.DataFrame,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    weights: str | None = None,
    *,
    never_treated: object = None,
    covariates: Sequence[str] = (),
    cluster: str | None = None,
    first_stage: Sequence[str] | None = None,
    anticipation: int = 0,
) -> AdoptionPanel:
    """Arrays of a long panel.

    Parameters
    ----------
    data : DataFrame
        One row for each unit and period. A missing outcome is a missing row.
    outcome, unit, time : str
        Columns.
    first_treated : str
        Column with the first treated period, read as `time` is (`kostnadsvekst.panel.periods.read_periods`)
        and constant in a unit; a date between two periods is treated from the next one on. Missing and
        infinite mean never, and so does a period after the panel's last; 0 does unless 0 is a period of the
        panel.
    weights : str, optional
        Column of positive weights; they may vary over time where the estimator allows it.
    never_treated : value or sequence of values, optional
        What means never beside missing and infinite; ``()`` says that nothing else does. Needed where 0 is a
        period of the panel and stands in `first_treated`.
    covariates : sequence of str
        Columns or terms as in a specification, such as ``"log(population)"`` or ``"C(region)"``. A row in
        which one is missing is left out with a warning.
    cluster : str, optional
        Column that holds units together, constant in a unit.
    first_stage : sequence of str, optional
        Columns with the sets of effects of a first stage, the unit and the time if left out. ``"state^year"``
        is an effect for each combination.
    anticipation : int
        Periods before treatment in which units may already be affected: a first treated period that soon
        after the panel is kept.

    Returns
    -------
    AdoptionPanel

    Raises
    ------
    DataMissingError
        If a column does not exist.
    SpecificationError
        If covariates are no sequence, or a term cannot be read.
    InvalidDataError
        If a unit and period occur twice, a unit changes its first period or its cluster, a period between
        the first and the last has no row at all, an outcome is text or infinite, or a 0 in `first_treated`
        may be a period or never: units and periods are named.

    Warns
    -----
    DataWarning
        For rows without a unit or a time, and rows without a covariate: they are left out.
    """
    if isinstance(covariates, str):
        raise SpecificationError(f"covariates must be a sequence of columns, such as [{covariates!r}]")
    stages = (unit, time) if first_stage is None else tuple(first_stage)
    columns = _Columns(
        outcome, unit, time, first_treated, weights, tuple(covariates), cluster or unit, stages
    )
    _require(columns, data)
    data = leave_out_unnamed_rows(data, unit, time)
    values = _outcome_values(data, columns)
    kept = ~np.isnan(values)
    names, adjusted, complete = _covariate_values(data, columns, kept)
    kept &= complete
    if not kept.any():
        raise InvalidDataError(f"no row has a value of {outcome!r}")
    rows = data[kept]
    places = _place(rows, columns)
    first = _first_periods(rows, places, columns, never_treated, anticipation)
    return _fill(rows, columns, places, first, values[kept], names, adjusted)


def _fill(
    rows: pd.DataFrame,
    columns: _Columns,
    places: _Places,
    first: Ints,
    values: Floats,
    names: tuple[str, ...],
    adjusted: Floats,
) -> AdoptionPanel:
    weights = _weights(rows, columns) if columns.weights else np.ones(len(rows))
    covariates = [places.grid(column) for column in adjusted.T]
    return AdoptionPanel(
        y=places.grid(values),
        present=places.grid(np.ones(len(rows), dtype=bool)),
        weights=places.grid(weights),
        first=first,
        units=places.units,
        periods=places.periods,
        clusters=_clusters(rows, places, columns),
        covariates=np.reshape(covariates, (len(covariates), len(places.units), len(places.periods))),
        covariate_names=names,
        effects=tuple(
            places.grid(_effect_codes(rows, name, places, columns)) for name in columns.first_stage
        ),
    )


def _require(columns: _Columns, data: pd.DataFrame) -> None:
    known = frozenset(data.columns)
    numeric, categorical = columns_of(parse_terms(columns.covariates, known))
    sources = [source for factor in (*numeric, *categorical) for source in source_columns(factor, known)]
    parts = [part for name in columns.first_stage for part in _parts(name, known)]
    weights = [columns.weights] if columns.weights else []
    needed = [columns.outcome, columns.unit, columns.time, columns.first_treated, columns.cluster, *weights]
    require_columns(list(dict.fromkeys([*needed, *sources, *parts])), data.columns)


def _outcome_values(data: pd.DataFrame, columns: _Columns) -> Floats:
    column = data[columns.outcome]
    if pd.api.types.is_float_dtype(column.dtype):
        infinite = np.isinf(column.to_numpy(dtype=np.float64, na_value=np.nan))
        _refuse(infinite, f"{columns.outcome} is infinite", data, columns)
    return read_numbers(column, columns.outcome)


def _covariate_values(
    data: pd.DataFrame, columns: _Columns, kept: Bools
) -> tuple[tuple[str, ...], Floats, Bools]:
    """Names and (n, K) columns of the rows that are kept and complete; which rows are complete."""
    whole = np.ones(len(data), dtype=bool)
    effects = data[list(dict.fromkeys(p for c in columns.first_stage for p in _parts(c, data.columns)))]
    whole &= ~effects.isna().to_numpy().any(axis=1)
    if not columns.covariates:
        _warn_incomplete(kept & ~whole, data, columns)
        return (), np.empty((int((kept & whole).sum()), 0)), whole
    terms = parse_terms(columns.covariates, data.columns)
    numeric, categorical = columns_of(terms)
    made = transformed_columns(data, [*numeric, *categorical], columns.unit, columns.time)
    sample = read_sample(data, numeric, categorical, made)
    whole &= sample.complete
    _warn_incomplete(kept & ~whole, data, columns)
    design = build_design(terms, sample.take(np.flatnonzero(kept & whole)))
    return design.terms, design.columns, whole


def _warn_incomplete(lost: Bools, data: pd.DataFrame, columns: _Columns) -> None:
    if lost.any():
        listed = "; ".join(name_rows(data, np.flatnonzero(lost), columns.unit, columns.time))
        more = f" and {lost.sum() - LISTED} more" if lost.sum() > LISTED else ""
        warnings.warn(
            f"{lost.sum()} row(s) without a covariate or an effect of the first stage are left out: "
            f"{listed}{more}",
            DataWarning,
            stacklevel=level_of_caller(),
        )


def _place(rows: pd.DataFrame, columns: _Columns) -> _Places:
    scale = read_periods(rows[columns.time])
    check_unique(rows[columns.unit], rows[columns.time], scale.numbers)
    codes, names = level_codes(rows, columns.unit, columns.unit, columns.time, what="units")
    labels = _period_labels(rows[columns.time], scale.numbers)
    return _Places(codes, scale.numbers.astype(np.intp), np.asarray(names, dtype=object), labels, scale)


def _first_periods(
    rows: pd.DataFrame, places: _Places, columns: _Columns, never_treated: object, anticipation: int
) -> Ints:
    column = rows[columns.first_treated].infer_objects()
    never = _says_never(column, never_treated)
    if never_treated is None:
        never |= _zero_that_is_no_period(column, places, columns)
    # A date between two periods is treated from the next one on.
    placed = np.ceil(places.scale.place(column.mask(never)))
    late = ~(placed < len(places.periods) + anticipation)
    numbers = np.where(late, NEVER, placed).astype(np.intp)
    first = np.full(len(places.units), NEVER, dtype=np.intp)
    first[places.unit] = numbers
    _refuse_changes(first[places.unit] != numbers, columns.first_treated, rows, places, columns.unit)
    return first


def _says_never(column: pd.Series, never_treated: object) -> Bools:
    listed = isinstance(never_treated, list | tuple | set | frozenset | np.ndarray | pd.Series | pd.Index)
    values = list(never_treated) if listed else [] if never_treated is None else [never_treated]  # type: ignore[call-overload]
    never: Bools = np.array(column.isna() | column.isin(values), dtype=bool)
    infinite: Bools = np.array(column.isin([np.inf]), dtype=bool)
    return never | infinite


def _zero_that_is_no_period(column: pd.Series, places: _Places, columns: _Columns) -> Bools:
    zero = np.array(column.eq(0).fillna(False), dtype=bool)
    numbers = places.scale.unit in ("year", "number")
    if zero.any() and numbers and 0 <= places.scale.place(pd.Series([0]))[0] < len(places.periods):
        units = np.unique(places.unit[zero])
        more = [f"and {len(units) - LISTED} more"] if len(units) > LISTED else []
        raise InvalidDataError(
            f"{columns.first_treated!r} is 0 in {len(units)} unit(s), and 0 is a period of {columns.time!r}: "
            "say never_treated=0 if it means never, never_treated=() if it means that period",
            [*(f"{columns.unit} {places.units[u]}" for u in units[:LISTED]), *more],
        )
    return zero


def _refuse_changes(changes: Bools, what: str, rows: pd.DataFrame, places: _Places, unit: str) -> None:
    changing = np.unique(places.unit[changes])
    if len(changing):
        raise InvalidDataError(
            f"{what!r} must be constant in a unit and is not in {len(changing)}",
            [f"{unit} {places.units[u]}" for u in changing[:LISTED]],
        )


def _clusters(rows: pd.DataFrame, places: _Places, columns: _Columns) -> Ints:
    if columns.cluster == columns.unit:
        return np.arange(len(places.units))
    codes, _ = level_codes(rows, columns.cluster, columns.unit, columns.time)
    clusters = np.zeros(len(places.units), dtype=np.intp)
    clusters[places.unit] = codes
    _refuse_changes(clusters[places.unit] != codes, columns.cluster, rows, places, columns.unit)
    return clusters


def _parts(name: str, known: Any) -> tuple[str, ...]:
    """Columns of a set of effects: itself, or those that ``^`` combines."""
    return (name,) if name in known else tuple(part.strip() for part in name.split("^"))


def _effect_codes(rows: pd.DataFrame, name: str, places: _Places, columns: _Columns) -> Ints:
    if name == columns.unit:
        return places.unit
    if name == columns.time:
        return places.period
    parts = [pd.factorize(rows[part], sort=True)[0] for part in _parts(name, rows.columns)]
    combined: Ints = np.unique(np.stack(parts, axis=1), axis=0, return_inverse=True)[1].ravel()
    return combined


def _weights(rows: pd.DataFrame, columns: _Columns) -> Floats:
    values: Floats = pd.to_numeric(rows[columns.weights], errors="coerce").to_numpy(dtype=np.float64)
    wrong = ~(values > 0) | np.isinf(values)
    _refuse(wrong, f"{columns.weights} is not a positive number", rows, columns)
    return values


def _period_labels(times: pd.Series, numbers: NDArray[np.int64]) -> NDArray[Any]:
    labels = np.full(int(numbers.max()) + 1, None, dtype=object)
    labels[numbers] = times.to_numpy(dtype=object)
    gaps = [i for i, label in enumerate(labels) if label is None]
    if gaps:
        around = [f"after {labels[i - 1]}" for i in gaps if labels[i - 1] is not None]
        raise InvalidDataError(f"{len(gaps)} period(s) inside the panel have no row", around[:LISTED])
    return labels


def _refuse(wrong: Bools, what: str, data: pd.DataFrame, columns: _Columns) -> None:
    if wrong.any():
        places = name_rows(data, np.flatnonzero(wrong), columns.unit, columns.time)
        raise InvalidDataError(f"{what} in {wrong.sum()} row(s)", places)
