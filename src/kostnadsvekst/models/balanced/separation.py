"""Cells of a Poisson regression with unit and period effects for which the maximum lies at infinity.

A cell with a count of zero is separated when some combination z of the regressors and the effects is zero in
every cell with a positive count, nowhere positive in the others, and negative in this one: the likelihood
then rises for ever along z, the cell's fitted value goes to zero, and it tells nothing about what is left
(Correia, Guimarães and Zylkin 2019, arXiv:1903.01633, theorem 1 and proposition 1).

The search is exact, not iterative. On the positive cells z must vanish, which leaves few directions: the
combinations of regressors that the effects reproduce there, and a constant for each part into which the
positive cells fall. Without such a combination the parts alone decide, and z falls along a path of zero
cells from part to part: a cell is separated unless its path leads back. Otherwise a small linear programme
finds all separated cells at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import coo_matrix, csr_matrix, eye, hstack
from scipy.sparse.csgraph import breadth_first_order, connected_components

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.balanced.projection import build_projector

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

# Length of what the effects leave of a combination of regressors, relative to the longest, below which they
# reproduce it.
_RANK = 1e-9
# Values of a direction below this share of its largest are rounding.
_ZERO = 1e-8
# Bound on directions in the linear programme, so that rounding cannot be blown up to a separation.
_LARGEST = 1e6


@dataclass(frozen=True, slots=True)
class Separation:
    """What carries information in a Poisson regression with effects.

    Attributes
    ----------
    used : (N, T) boolean array
        Cells left.
    by_effects : int
        Cells left out because their unit or period has only zeros.
    by_regressors : int
        Other cells left out: separated by regressors, or by effects in combination.
    units, classes : integer arrays
        Units and period classes of which no cell is left.
    omitted : tuple of int
        Regressors that the cells left do not identify.
    """

    used: Bools
    by_effects: int
    by_regressors: int
    units: Ints
    classes: Ints
    omitted: tuple[int, ...]


def find_separation(y: Floats, X: Floats, present: Bools, classes: Ints) -> Separation:
    """Find the separated cells, and the regressors that only they identified.

    Parameters
    ----------
    y : (N, T) array
        Counts, not negative.
    X : (k, N, T) array
    present : (N, T) boolean array
        Cells with an observation.
    classes : (T,) integer array
        Period effects, codes 0 ... C - 1.

    Returns
    -------
    Separation

    Notes
    -----
    Of regressors that are identified together only, all are omitted; the coefficients of the others do not
    depend on which of them a fit keeps.
    """
    known = _without_empty_effects(y, present, classes)
    used = known & ~_separated(y, X, known, classes)
    lost = used.sum() < known.sum()
    left, before = np.bincount(classes, used.any(0)), np.bincount(classes, present.any(0))
    return Separation(
        used=used,
        by_effects=int(present.sum() - known.sum()),
        by_regressors=int(known.sum() - used.sum()),
        units=np.flatnonzero(present.any(1) & ~used.any(1)),
        classes=np.flatnonzero((left == 0) & (before > 0)),
        omitted=not_identified(X, used, classes) if lost else (),
    )


def null_directions(X: Floats, used: Bools, classes: Ints) -> Floats:
    """Find the combinations of regressors that unit and period effects reproduce in the cells used.

    Parameters
    ----------
    X : (k, N, T) array
    used : (N, T) boolean array
    classes : (T,) integer array

    Returns
    -------
    (k, r) array
        A column for each combination, for regressors of length one.
    """
    within = build_projector(used.astype(np.float64), classes).residuals(X)[:, used]
    scale = _scale(X, used)
    _, lengths, rows = np.linalg.svd((within / scale[:, None]).T, full_matrices=within.shape[1] < len(X))
    lengths = np.concatenate([lengths, np.zeros(len(X) - len(lengths))])
    return np.asarray(rows[lengths <= _RANK * max(1.0, lengths[0])].T / scale[:, None])


def not_identified(X: Floats, used: Bools, classes: Ints) -> tuple[int, ...]:
    """Regressors that the effects, alone or with other regressors, reproduce in the cells used."""
    directions = null_directions(X, used, classes) * _scale(X, used)[:, None]
    return tuple(int(j) for j in np.flatnonzero(np.abs(directions).max(1, initial=0.0) > _ZERO))


def independent(X: Floats, used: Bools, classes: Ints) -> Ints:
    """Regressors, first come first kept, that neither the effects nor earlier regressors reproduce."""
    kept: list[int] = []
    for j in range(len(X)):
        if not null_directions(X[[*kept, j]], used, classes).shape[1]:
            kept.append(j)
    return np.array(kept, dtype=np.intp)


def _scale(X: Floats, used: Bools) -> Floats:
    """Length of each regressor's deviations from its mean, by which what the effects leave is judged."""
    values = X[:, used]
    length = np.linalg.norm(values - values.mean(1, keepdims=True), axis=1)
    return np.where(length > 0, length, 1.0)


def _without_empty_effects(y: Floats, present: Bools, classes: Ints) -> Bools:
    """Cells of units and periods that have a positive count."""
    used = present.copy()
    indicator = classes[:, None] == np.arange(classes.max() + 1)
    while True:
        positive = np.where(used, y, 0.0)
        units = positive.sum(1) > 0
        periods = ((positive.sum(0) @ indicator) > 0)[classes]
        kept = used & units[:, None] & periods
        if (kept == used).all():
            return used
        used = kept


def _separated(y: Floats, X: Floats, used: Bools, classes: Ints) -> Bools:
    """Separated cells among those whose unit and period have a positive count."""
    positive, zero = used & (y > 0), used & (y == 0)
    found = np.zeros_like(used)
    if not zero.any():
        return found
    parts = _parts(positive, classes)
    directions = null_directions(X, positive, classes)
    unit, period = np.nonzero(zero)
    from_part, to_part = parts.of_unit[unit], parts.of_class[classes[period]]
    if directions.shape[1] == 0:
        found[zero] = _leads_away(from_part, to_part, parts.n)
        return found
    values = [_extended(X, g, positive, parts, classes)[zero] for g in directions.T]
    found[zero] = _programme(np.stack(values, axis=1), from_part, to_part, parts.n)
    return found


@dataclass(frozen=True, slots=True)
class _Parts:
    """Connected parts of the graph of units and period classes that share a positive cell."""

    graph: csr_matrix
    n: int
    of_unit: Ints
    of_class: Ints


def _parts(positive: Bools, classes: Ints) -> _Parts:
    n_units, n_classes = len(positive), int(classes.max()) + 1
    unit, period = np.nonzero(positive)
    size = n_units + n_classes
    edges = coo_matrix((np.ones(len(unit)), (unit, n_units + classes[period])), shape=(size, size)).tocsr()
    n, label = connected_components(edges, directed=False)
    return _Parts(edges, n, label[:n_units], label[n_units:])


def _leads_away(start: Ints, end: Ints, n: int) -> Bools:
    """Whether the path from one part to another does not lead back."""
    if n == 1:
        return np.zeros(len(start), dtype=bool)
    graph = coo_matrix((np.ones(len(start)), (start, end)), shape=(n, n)).tocsr()
    loops = connected_components(graph, directed=True, connection="strong")[1]
    return np.asarray(loops[start] != loops[end])


def _extended(X: Floats, direction: Floats, positive: Bools, parts: _Parts, classes: Ints) -> Floats:
    """(N, T) combination of regressors less the effects that reproduce it in the positive cells."""
    value = np.tensordot(direction, X, 1)
    n_units, n_classes = len(value), len(parts.of_class)
    by_class = np.zeros((n_units, n_classes))
    unit, period = np.nonzero(positive)
    by_class[unit, classes[period]] = value[positive]
    effects = np.zeros(n_units + n_classes)
    labels = np.concatenate([parts.of_unit, parts.of_class])
    for part in range(parts.n):
        root = int(np.argmax(labels == part))
        order, before = breadth_first_order(parts.graph, root, directed=False)
        for node in order[1:]:
            i, c = sorted((int(node), int(before[node])))
            effects[node] = by_class[i, c - n_units] - effects[before[node]]
    left = np.asarray(value - effects[:n_units, None] - effects[n_units:][classes])
    left[np.abs(left) <= _ZERO * max(np.abs(value).max(), np.abs(effects).max())] = 0.0
    return left


def _programme(values: Floats, start: Ints, end: Ints, n_parts: int) -> Bools:
    """Zero cells that some direction makes negative while none becomes positive.

    Parameters
    ----------
    values : (m, r) array
        Directions of the regressors, in the m zero cells.
    start, end : (m,) integer arrays
        Parts of the cells' unit and period.
    n_parts : int

    Notes
    -----
    Maximise the sum of t over directions d with values @ d <= -t and 0 <= t <= 1: directions can be scaled
    and added, so one solution reaches t = 1 in every cell that any direction separates.
    """
    m = len(values)
    largest = np.abs(values).max(0)
    values = values / np.where(largest > 0, largest, 1.0)
    cells = np.arange(m)
    part = coo_matrix((np.ones(m), (cells, start)), shape=(m, n_parts)) - coo_matrix(
        (np.ones(m), (cells, end)), shape=(m, n_parts)
    )
    A = hstack([csr_matrix(values), part, eye(m)], format="csr")
    n_free = values.shape[1] + n_parts
    bounds = [(-_LARGEST, _LARGEST)] * n_free + [(0.0, 1.0)] * m
    cost = np.concatenate([np.zeros(n_free), -np.ones(m)])
    solution = linprog(cost, A_ub=A, b_ub=np.zeros(m), bounds=bounds, method="highs")
    if solution.x is None:
        raise SpecificationError(f"the search for separated months failed: {solution.message}")
    return np.asarray(solution.x[n_free:] > 0.5)
