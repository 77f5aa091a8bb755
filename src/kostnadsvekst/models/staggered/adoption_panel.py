"""A panel with staggered adoption as arrays, and the checks that every estimator on it needs."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kostnadsvekst.callers import level_of_caller
from kostnadsvekst.errors import DataWarning, InvalidDataError, SpecificationError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

NEVER = 1_000_000_000
LISTED = 10


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
        First treated period, 0 ... T - 1; negative if treated before the panel, `NEVER` if not in it. With
        anticipation, a date shortly after the panel is kept as it is.
    units : (N,) array
    periods : (T,) array
        Labels as in the data.
    clusters : (N,) integer array
        Codes 0, 1, ... of the clusters that hold the units; the units themselves unless told.
    covariates : (K, N, T) array
        Zero where absent.
    covariate_names : tuple of str
    effects : tuple of (N, T) integer arrays
        Codes of the sets of effects of a first stage: units and periods unless told.
    """

    y: Floats
    present: Bools
    weights: Floats
    first: Ints
    units: NDArray[Any]
    periods: NDArray[Any]
    clusters: Ints
    covariates: Floats
    covariate_names: tuple[str, ...]
    effects: tuple[Ints, ...]

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
        inside = (self.first > 0) & (self.first < self.y.shape[1])
        return np.unique(self.first[inside])

    @property
    def balanced(self) -> bool:
        """Whether every unit is present in every period."""
        return bool(self.present.all())

    def affected(self, anticipation: int) -> Bools:
        """(N, T) whether a unit is treated in a period, or may already act on what is to come."""
        return np.arange(self.y.shape[1]) >= self.first[:, None] - anticipation

    def take(self, units: Any) -> "AdoptionPanel":
        """Panel of some units."""
        return replace(
            self,
            y=self.y[units],
            present=self.present[units],
            weights=self.weights[units],
            first=self.first[units],
            units=self.units[units],
            clusters=np.unique(self.clusters[units], return_inverse=True)[1].astype(np.intp),
            covariates=self.covariates[:, units],
            effects=tuple(codes[units] for codes in self.effects),
        )

    def until(self, n_periods: int) -> "AdoptionPanel":
        """Panel of the first periods; units without a row in these are gone."""
        cut = replace(
            self,
            y=self.y[:, :n_periods],
            present=self.present[:, :n_periods],
            weights=self.weights[:, :n_periods],
            periods=self.periods[:n_periods],
            covariates=self.covariates[:, :, :n_periods],
            effects=tuple(codes[:, :n_periods] for codes in self.effects),
        )
        return cut.take(cut.present.any(axis=1))

    def without(self, cells: Bools) -> "AdoptionPanel":
        """Panel without some (N, T) cells; units that have no other are gone."""
        kept = self.present & ~cells
        thinned = replace(
            self,
            y=np.where(kept, self.y, 0.0),
            present=kept,
            weights=np.where(kept, self.weights, 0.0),
            covariates=np.where(kept, self.covariates, 0.0),
        )
        some = kept.any(axis=1)
        return thinned if some.all() else thinned.take(some)


def without_always_treated(panel: AdoptionPanel, anticipation: int = 0) -> AdoptionPanel:
    """Panel without units that are treated from the first period on; a `DataWarning` names them.

    Parameters
    ----------
    panel : AdoptionPanel
    anticipation : int
        Periods before treatment in which units may already be affected.
    """
    always = panel.first - anticipation <= 0
    if not always.any():
        return panel
    reach = f" (or {anticipation} before it)" if anticipation else ""
    warnings.warn(
        f"{always.sum()} unit(s) treated from the first period on{reach} have no period without treatment "
        f"and are left out: {list_names(panel.units[always])}",
        DataWarning,
        stacklevel=level_of_caller(),
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
        f"left out: {list_names(panel.units[~complete])}",
        DataWarning,
        stacklevel=level_of_caller(),
    )
    return panel.take(complete)


def require_balanced(panel: AdoptionPanel, what: str) -> None:
    """Raise InvalidDataError naming the units and periods that are missing."""
    missing = ~panel.present
    if missing.any():
        raise InvalidDataError(f"{what} needs a balanced panel; missing are", list_cells(panel, missing))


def require_controls(panel: AdoptionPanel, control: str, anticipation: int = 0) -> None:
    """Raise SpecificationError if there is nobody to compare with.

    Parameters
    ----------
    panel : AdoptionPanel
    control : {"not_yet_treated", "never_treated"}
    anticipation : int
    """
    if not len(panel.cohorts):
        raise SpecificationError("no unit becomes treated inside the panel: there is no effect to estimate")
    if control == "never_treated" and not (panel.first == NEVER).any():
        raise SpecificationError(
            "there is no never treated unit to compare with; use control='not_yet_treated' on a shorter panel"
        )
    empty = (panel.present & ~panel.affected(anticipation)).sum(axis=0) == 0
    if empty.any():
        periods = panel.periods[empty]
        raise SpecificationError(
            f"no unit is untreated in {len(periods)} period(s) ({list_names(periods)}), so nothing shows "
            f"what would have happened without treatment; end the panel before {periods[0]}"
        )


def list_cells(panel: AdoptionPanel, cells: Bools) -> list[str]:
    """List unit and period of the first of some (N, T) cells, and how many more there are."""
    found = np.argwhere(cells)
    listed = [f"{panel.units[i]} {panel.periods[t]}" for i, t in found[:LISTED]]
    more = [f"and {len(found) - LISTED} more"] if len(found) > LISTED else []
    return [*listed, *more]


def list_names(names: NDArray[Any]) -> str:
    """List the first of some names in one line, and how many more there are."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(str(n) for n in names[:LISTED]) + more
