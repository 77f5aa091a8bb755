"""Unit and period effects taken out of many columns at once, on a grid of units by periods.

Columns are arrays (..., N, T); a cell without an observation has weight zero and its value is ignored.
The projector is built once for a pattern of weights and serves every column that shares it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dposv

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# Share of a period effect's own variance below which it is collinear with the others.
_COLLINEAR = 1e-10


@dataclass(frozen=True, slots=True)
class TwoWayProjector:
    """Weighted deviations from unit effects and period effects.

    Attributes
    ----------
    weights : (N, T) array
        Zero where there is no observation.
    classes : (T,) integer array
        Period effect to which each period belongs, 0 ... C - 1.
    unit_weight : (N,) array
        Sum of weights, 1 where a unit has no observation.
    unit_class : (N, C) array
        Sum of weights of a unit in the periods of a class.
    inverse : (C, C) array or None
        Generalised inverse of the period effects' Gram matrix after the unit effects; None if all weights
        are equal, where means do.
    n_units, n_effects : int
        Units with an observation; rank of the unit and period effects together.
    binary : bool
        Whether all weights are zero or one.
    """

    weights: Floats
    classes: Ints
    unit_weight: Floats
    unit_class: Floats
    inverse: Floats | None
    n_units: int
    n_effects: int
    binary: bool

    def residuals(self, grids: Floats) -> Floats:
        """Take the effects out of (..., N, T) columns; cells without weight become zero."""
        if self.inverse is None:
            return self._balanced(grids)
        present = self.weights > 0
        values = np.where(present, grids, 0.0)
        weighted = values if self.binary else values * self.weights
        unit_mean = weighted.sum(-1) / self.unit_weight
        by_class = class_sums(weighted.sum(-2), self.classes, self.unit_class.shape[1])
        effects = (by_class - unit_mean @ self.unit_class) @ self.inverse
        values -= (unit_mean - effects @ self.unit_class.T / self.unit_weight)[..., None]
        values -= effects[..., None, self.classes]
        values *= present
        return values

    def _balanced(self, grids: Floats) -> Floats:
        within: Floats = grids - grids.mean(-1, keepdims=True)
        n_classes = self.unit_class.shape[1]
        means = class_sums(within.mean(-2), self.classes, n_classes) / np.bincount(self.classes)
        within -= means[..., None, self.classes]
        return within


def build_projector(weights: Floats, classes: Ints | None = None) -> TwoWayProjector:
    """Prepare to take unit and period effects out of columns.

    Parameters
    ----------
    weights : (N, T) array
        Not negative; zero where there is no observation.
    classes : (T,) integer array, optional
        Codes 0 ... C - 1 of the period effects, such as calendar months; one for each period if left out.

    Returns
    -------
    TwoWayProjector

    Notes
    -----
    With unit effects partialled out, the period effects' Gram matrix is diag(sum_i w_it) - M' diag(1 / sum_t
    w_it) M, where M holds the weights by unit and class. Its Cholesky factor, without the first effect,
    serves all columns; where units and periods fall apart into unconnected parts an eigenvalue
    decomposition finds the rank.
    """
    n_units, n_periods = weights.shape
    classes = np.arange(n_periods) if classes is None else np.asarray(classes)
    n_classes = int(classes.max()) + 1
    totals = weights.sum(1)
    used = int((totals > 0).sum())
    unit_weight = np.where(totals > 0, totals, 1.0)
    unit_class = np.stack([weights[:, classes == c].sum(1) for c in range(n_classes)], axis=1)
    if (weights == weights.flat[0]).all() and weights.flat[0] > 0:
        rank = n_units + n_classes - 1
        return TwoWayProjector(weights, classes, unit_weight, unit_class, None, n_units, rank, False)
    gram = np.diag(unit_class.sum(0)) - unit_class.T @ (unit_class / unit_weight[:, None])
    inverse, rank = generalised_inverse(gram, np.diag(gram) <= 0)
    binary = bool(((weights == 0) | (weights == 1)).all())
    return TwoWayProjector(weights, classes, unit_weight, unit_class, inverse, used, used + rank, binary)


def generalised_inverse(gram: Floats, empty: NDArray[np.bool_]) -> tuple[Floats, int]:
    """Generalised inverse and rank of a Gram matrix in which the columns add up to zero.

    Parameters
    ----------
    gram : (C, C) array
        Positive semidefinite.
    empty : (C,) boolean array
        Columns that are zero throughout.

    Returns
    -------
    inverse : (C, C) array
    rank : int
    """
    return solve_generalised(gram, empty, np.eye(len(gram)))


def solve_generalised(gram: Floats, empty: NDArray[np.bool_], right: Floats) -> tuple[Floats, int]:
    """Generalised inverse of a Gram matrix, as `generalised_inverse`, times (C, r) right-hand sides; rank."""
    solution = np.zeros_like(right)
    rest = np.flatnonzero(~empty)[1:]
    if not len(rest):
        return solution, 0
    part = gram[1:, 1:] if len(rest) == len(gram) - 1 else gram[np.ix_(rest, rest)]
    length = np.sqrt(np.diag(part))
    scaled, sides = part / length / length[:, None], right[rest] / length[:, None]
    factor, found, failed = dposv(scaled, sides, lower=1)
    if not failed and np.diag(factor).min() ** 2 > _COLLINEAR:
        solution[rest] = found / length[:, None]
        return solution, len(rest)
    values, vectors = np.linalg.eigh(scaled)
    kept = values > _COLLINEAR * values[-1]
    basis = vectors[:, kept]
    solution[rest] = basis @ ((basis.T @ sides) / values[kept, None]) / length[:, None]
    return solution, int(kept.sum())


def class_sums(by_period: Floats, classes: Ints, n_classes: int) -> Floats:
    """Add up (..., T) columns over the periods of each class, (..., C)."""
    if n_classes == len(classes) and (classes == np.arange(n_classes)).all():
        return by_period
    indicator = (classes[:, None] == np.arange(n_classes)).astype(np.float64)
    sums: Floats = by_period @ indicator
    return sums
