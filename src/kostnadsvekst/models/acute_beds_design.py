"""Right-hand side of the demand model of chapter 6: treatment, supply, demand, and named further controls."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.naming import require_columns
from kostnadsvekst.panel.monthly import DEMAND, SUPPLY, TREATMENT, MonthlyGrid, outcome_parts

Floats = NDArray[np.float64]
_LISTED = 10
_MONTHS_A_YEAR = 12.0


@dataclass(frozen=True, slots=True)
class BedsDesign:
    """Regressors of the demand model.

    Attributes
    ----------
    X : (k, N, T) array
        The treatment's columns first; NaN where a control is missing.
    names : tuple of str
        Of the k regressors.
    groups : tuple of str
        Of the treatment's columns: ``"all"``, or the two values of a split.
    controls : str
        The controls beside supply and demand, as they enter; empty if there are none.
    """

    X: Floats
    names: tuple[str, ...]
    groups: tuple[str, ...]
    controls: str


def build_beds_design(
    grid: MonthlyGrid, split: str | None, trend: bool, controls: Sequence[str], per_inhabitant: bool
) -> BedsDesign:
    """Put the regressors together.

    Parameters
    ----------
    grid : MonthlyGrid
    split : str, optional
        Column of 0 and 1 by which the effect is split.
    trend : bool
        Whether there is a linear trend.
    controls : sequence of str
        Further columns, positive. In logs where they vary within a municipality; where they do not, the
        municipality's effect holds their level, and the log's deviation from its mean over municipalities
        enters times the years since the first month: a trend of its own by the control, none in common.
    per_inhabitant : bool
        Whether the outcome is a rate: its denominator then is no regressor.

    Raises
    ------
    DataMissingError
        For a column that is not there.
    InvalidDataError
        For a split that is not 0 or 1 where there are beds, a control that is not positive.
    SpecificationError
        For a control that the model has already.
    """
    _check_controls(controls)
    demand = [name for name in DEMAND if not (per_inhabitant and name == "population")]
    require_columns([*SUPPLY, *DEMAND, *controls], grid.values)
    treatments, groups = _treatments(grid, split)
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = [np.log(grid.values[name]) for name in (*SUPPLY, *demand)]
    further = [_control(grid, name) for name in controls]
    drift = [np.broadcast_to(_years(grid), grid.present.shape)] if trend else []
    names = [
        *(TREATMENT if group == "all" else f"{TREATMENT}[{group}]" for group in groups),
        *(f"log {name}" for name in (*SUPPLY, *demand)),
        *(name for name, _ in further),
        *(["trend"] if trend else []),
    ]
    X = np.stack([*treatments, *logs, *(values for _, values in further), *drift])
    return BedsDesign(X, tuple(names), groups, "; ".join(name for name, _ in further))


def log_persons(grid: MonthlyGrid, outcome: str) -> Floats:
    """(N, T) log of the inhabitants of an outcome's age group: the denominator of its rate."""
    age = outcome_parts(outcome)[3]
    share = grid.values["share_80_plus_percent"] / 100
    part = {"all": np.ones_like(share), "80plus": share, "under80": 1 - share}[age]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.log(grid.values["population"] * part))


def _check_controls(controls: Sequence[str]) -> None:
    if isinstance(controls, str):
        raise SpecificationError(f"controls must be a sequence of names, not the text {controls!r}")
    known = [name for name in controls if name in (*SUPPLY, *DEMAND)]
    if known:
        raise SpecificationError(f"the model has these controls already: {', '.join(known)}")


def _control(grid: MonthlyGrid, name: str) -> tuple[str, Floats]:
    values = grid.values[name]
    wrong = grid.present & ~(values > 0) & ~np.isnan(values)
    if wrong.any():
        unit, month = np.nonzero(wrong)
        listed = [f"{grid.municipalities[i]} {grid.months[t]}" for i, t in zip(unit, month, strict=True)]
        raise InvalidDataError(
            f"the control {name!r} must be positive: its log does not exist in {len(listed)} row(s)",
            listed[:_LISTED],
        )
    known = np.isfinite(values)
    log = np.log(np.where(known, values, np.nan))
    if _varies(log, known):
        return f"log {name}", log
    by_unit = np.array([row[seen][0] if seen.any() else np.nan for row, seen in zip(log, known, strict=True)])
    centre = by_unit[np.isfinite(by_unit)].mean() if known.any() else 0.0
    return f"log {name} × years", (log - centre) * _years(grid)


def _varies(log: Floats, known: NDArray[np.bool_]) -> bool:
    high, low = np.where(known, log, -np.inf).max(1), np.where(known, log, np.inf).min(1)
    return bool((high > low).any())


def _years(grid: MonthlyGrid) -> Floats:
    return np.arange(len(grid.months)) / _MONTHS_A_YEAR


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
