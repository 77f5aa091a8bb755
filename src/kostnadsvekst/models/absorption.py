"""Several sets of absorbed effects: the weighted projection on their dummies, and how many are independent.

The dummies never exist as columns. The largest set is eliminated from the normal equations of the effects,
which leaves S = C - B'D^-1 B over the levels of the other sets: D and C hold the weights of the levels, and
of pairs of them, B those of a level of the largest set with one of the others. S is factorised where it is
small, and else solved by conjugate gradients. Either way what is left of a column is projected again until
nothing changes: the result then equals least squares with dummies to rounding.

Which effects are independent depends on which levels occur together, never on the weights. Two sets are a
bipartite graph, in which each connected component has one effect too many (Abowd, Creecy and Kramarz 2002).
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpstrf
from scipy.sparse import coo_array, csc_array, csr_array, eye_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.inference import nests

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# Up to so many levels beside the largest set, S is a dense matrix.
DENSE = 2_000
# A pivot of S, whose diagonal is at most one, is zero below this. It is a matter of counts, so that others
# are at least about one over the square of the number of rows.
_ZERO_PIVOT = 1e-11
# Conjugate gradients stop at this share of the right side; the projection, when a round changes so little.
_RESIDUAL, _SETTLED = 1e-10, 1e-12
_ROUNDING = 1e-15
_ITERATIONS, _ROUNDS = 1_000, 25
# Entries of S in a row, on average, up to which elimination is cheap.
_FEW_ENTRIES = 20


@dataclass(frozen=True, slots=True)
class EffectSets:
    """Sets of effects and what of them is independent.

    Attributes
    ----------
    codes : tuple of (n,) integer arrays
        Codes 0 ... G_j - 1 of each set, each in use.
    spanning : tuple of int
        Positions of the sets that no other set spans, the largest first: a set whose levels are unions of
        another's levels adds nothing to it.
    rank : int
        Number of independent effects, or a bound from above.
    exact : bool
        Whether `rank` is the number itself: always with one or two spanning sets, and with more where the
        levels beside the largest set are not over `DENSE`.
    pivots : integer array, optional
        Levels of the spanning sets beside the largest whose effects are independent of it and of each other,
        numbered through; None where they were not looked for.
    """

    codes: tuple[Ints, ...]
    spanning: tuple[int, ...]
    rank: int
    exact: bool
    pivots: Ints | None


@dataclass(frozen=True, slots=True)
class Projection:
    """Columns without what sets of effects explain; n rows, m columns.

    Attributes
    ----------
    within : (n, m) array
    effects : tuple of (G_j, m) arrays
        For each set, in order: the columns are `within` plus the effects of a row's levels. Only sums of
        effects are determined; a set that another one spans has zeros.
    """

    within: Floats
    effects: tuple[Floats, ...]


def read_sets(codes: Sequence[Ints]) -> EffectSets:
    """Count the independent effects of some sets.

    Parameters
    ----------
    codes : sequence of (n,) integer arrays
        At least one; codes 0 ... G_j - 1, each in use.

    Notes
    -----
    With three or more spanning sets beyond `DENSE` the bound is the sum of the levels, less for each set but
    the largest the largest number of connected components that it forms with a set before it, as in Stata's
    ``reghdfe, dofadjustments(pairwise)``. It makes standard errors too large, never too small.
    """
    sets, spanning = tuple(codes), _spanning(codes)
    first, *rest = (codes[j] for j in spanning)
    if len(rest) < 2:
        levels = _levels(rest[0]) if rest else 0
        redundant: Any = np.unique(_components(first, rest[0]), return_index=True)[1] if rest else ()
        pivots = np.setdiff1d(np.arange(levels), redundant)
    elif sum(map(_levels, rest)) <= DENSE:
        pivots = _pivots(_CrossTables.of(np.ones(len(first)), (first, *rest)).schur())
    else:
        return EffectSets(sets, spanning, _bound([first, *rest]), False, None)
    return EffectSets(sets, spanning, _levels(first) + len(pivots), True, pivots)


def project(columns: Floats, weights: Floats, sets: EffectSets) -> Projection:
    """Take out of each column its weighted projection on the effects.

    Parameters
    ----------
    columns : (n, m) array
    weights : (n,) array
        Positive.
    sets : EffectSets

    Raises
    ------
    SpecificationError
        If conjugate gradients do not converge: the sets are too large to be factorised and hardly connected.
    """
    found = [np.zeros((_levels(codes), columns.shape[1])) for codes in sets.codes]
    within, length = columns, _lengths(columns)
    step = _round_of(columns, weights, sets)
    for _ in range(_ROUNDS):
        fitted = np.zeros_like(within)
        for j, effects in zip(sets.spanning, step(within), strict=True):
            found[j] += effects
            fitted += effects[sets.codes[j]]
        within = within - fitted
        if (_lengths(fitted) <= _SETTLED * length).all():
            return Projection(within, tuple(found))
    counts = ", ".join(f"{_levels(codes):,}" for codes in sets.codes)
    raise SpecificationError(
        f"the absorbed sets of {counts} levels are connected by so few rows that the iteration does not "
        "converge: absorb fewer sets, or leave out levels that hardly occur with others"
    )


def demean(columns: Floats, weights: Floats, entities: Ints, n_entities: int) -> Floats:
    """Deviations of each column from its weighted entity means.

    Parameters
    ----------
    columns : (n, m) array
    weights : (n,) array
    entities : (n,) integer array
        Codes 0 ... n_entities - 1.
    n_entities : int

    Returns
    -------
    (n, m) array
    """
    return columns - entity_means(columns, weights, entities, n_entities)[entities]


def entity_means(columns: Floats, weights: Floats, entities: Ints, n_entities: int) -> Floats:
    """Weighted mean of each column in each entity, (n_entities, m); parameters as in `demean`."""
    n = len(weights)
    membership = csc_array((weights, entities, np.arange(n + 1)), shape=(n_entities, n))
    means: Floats = membership @ columns
    means /= np.bincount(entities, weights, n_entities)[:, None]
    return means


def _round_of(columns: Floats, weights: Floats, sets: EffectSets) -> Callable[[Floats], list[Floats]]:
    """Columns -> effects of the spanning sets that explain them, to the accuracy of one solution."""
    codes = [sets.codes[j] for j in sets.spanning]
    if len(codes) == 1:
        return lambda columns: [entity_means(columns, weights, codes[0], _levels(codes[0]))]
    tables = _CrossTables.of(weights, codes)
    if sets.pivots is not None and len(tables.rest_scale) <= DENSE:
        return partial(tables.effects, solve=_factorised(tables, sets.pivots))
    # What is left of a right side of this size is rounding, and S may not have it in its range.
    rounding = (_ROUNDING * _lengths(columns * np.sqrt(weights)[:, None])) ** 2
    return partial(tables.effects, solve=_iterated(tables, rounding, sets.pivots))


@dataclass(frozen=True, slots=True)
class _CrossTables:
    """Weights of levels and of pairs of levels; the largest set first, the R levels of the others in one row.

    Divided by the square roots of the levels' weights, so that C has ones on its diagonal and S has
    eigenvalues between zero and the number of the other sets.

    Attributes
    ----------
    starts : (sets,) integer array
        Of each set among the R levels, and R.
    first_sums, rest_sums : (G, n) and (R, n) sparse arrays
        Weighted sums over the levels, scaled.
    first_scale, rest_scale : (G,) and (R,) arrays
        One over the square roots of the levels' weights.
    between : (G, R) sparse array
        B, scaled.
    among : (R, R) sparse array or None
        C, scaled; None where it is the identity, with one other set.
    """

    starts: Ints
    first_sums: csc_array
    rest_sums: csc_array
    first_scale: Floats
    rest_scale: Floats
    between: csr_array
    among: csr_array | None

    @classmethod
    def of(cls, weights: Floats, sets: Sequence[Ints]) -> "_CrossTables":
        n, first, rest = len(weights), sets[0], sets[1:]
        starts = np.cumsum([0, *(_levels(codes) for codes in rest)])
        first_scale = 1 / np.sqrt(np.bincount(first, weights))
        rest_scale = np.concatenate([1 / np.sqrt(np.bincount(codes, weights)) for codes in rest])
        numbered = np.stack([codes + at for codes, at in zip(rest, starts[:-1], strict=True)], axis=1).ravel()
        repeated = np.repeat(weights, len(rest)) * rest_scale[numbered]
        shape, ends = (int(starts[-1]), n), np.arange(0, n * len(rest) + 1, len(rest))
        rest_sums = csc_array((repeated, numbered, ends), shape=shape)
        cells = (np.repeat(first, len(rest)), numbered)
        values = repeated * first_scale[cells[0]]
        between = coo_array((values, cells), shape=(len(first_scale), shape[0])).tocsr()
        among = None
        if len(rest) > 1:
            members = csc_array((rest_scale[numbered], numbered, ends), shape=shape)
            among = (rest_sums @ members.T).tocsr()
        first_sums = csc_array(
            (weights * first_scale[first], first, np.arange(n + 1)), shape=(len(first_scale), n)
        )
        return cls(starts, first_sums, rest_sums, first_scale, rest_scale, between, among)

    def sparse_schur(self) -> csr_array:
        """S, scaled, (R, R)."""
        own = eye_array(len(self.rest_scale), format="csr") if self.among is None else self.among
        return own - (self.between.T @ self.between).tocsr()

    def schur(self) -> Floats:
        """S, scaled, as a dense (R, R) array."""
        matrix: Floats = self.sparse_schur().toarray()
        return matrix

    def apply(self, vectors: Floats) -> Floats:
        """S times (R, m) vectors."""
        own = vectors if self.among is None else self.among @ vectors
        product: Floats = own - self.between.T @ (self.between @ vectors)
        return product

    def diagonal(self) -> Floats:
        """Diagonal of S; ones where nothing is left."""
        left = 1 - np.asarray(self.between.power(2).sum(axis=0)).ravel()
        return np.where(left > _ZERO_PIVOT, left, 1.0)

    def effects(self, columns: Floats, solve: Callable[[Floats], Floats]) -> list[Floats]:
        """Effects of each set that explain (n, m) columns best, given a solver of S v = u."""
        first, rest = self.first_sums @ columns, self.rest_sums @ columns
        v = solve(rest - self.between.T @ first)
        of_rest = v * self.rest_scale[:, None]
        of_first = (first - self.between @ v) * self.first_scale[:, None]
        return [of_first, *(of_rest[a:b] for a, b in pairwise(self.starts))]


def _factorised(tables: _CrossTables, pivots: Ints) -> Callable[[Floats], Floats]:
    """Solver of S v = u for (R, m) right sides."""
    invert = _inverse(tables.schur()[np.ix_(pivots, pivots)])

    def solve(right: Floats) -> Floats:
        v = np.zeros_like(right)
        v[pivots] = invert(right[pivots])
        return v

    return solve


def _inverse(matrix: Floats) -> Callable[[Floats], Floats]:
    """Solver of a positive definite system.

    Weights that differ by more than ten digits leave levels unconnected in numbers: the matrix is then as
    good as singular, and its directions without weight are left out.
    """
    with suppress(np.linalg.LinAlgError):
        factor = cho_factor(matrix, lower=True, check_finite=False)
        if not len(matrix) or np.diag(factor[0]).min() ** 2 > _ZERO_PIVOT:
            return lambda right: cho_solve(factor, right, check_finite=False)
    values, vectors = np.linalg.eigh(matrix)
    kept = vectors[:, values > _ZERO_PIVOT]
    scaled = kept / values[values > _ZERO_PIVOT]
    return lambda right: scaled @ (kept.T @ right)


def _iterated(tables: _CrossTables, rounding: Floats, pivots: Ints | None) -> Callable[[Floats], Floats]:
    """Solver by conjugate gradients, and by sparse elimination where they creep.

    They creep along chains of levels that few rows join; but then S has few entries and little fill.
    """
    made: list[Callable[[Floats], Floats]] = []

    def solve(right: Floats) -> Floats:
        if made:
            return made[0](right)
        v, settled = _conjugate_gradients(tables, rounding, right)
        if settled or pivots is None or tables.sparse_schur().nnz > _FEW_ENTRIES * len(right):
            return v
        made.append(_eliminated(tables, pivots))
        return made[0](right)

    return solve


def _eliminated(tables: _CrossTables, pivots: Ints) -> Callable[[Floats], Floats]:
    """Solver by sparse elimination."""
    schur = tables.sparse_schur()[pivots][:, pivots].tocsc()
    factor = splu(schur, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0, options={"SymmetricMode": True})

    def solve(right: Floats) -> Floats:
        v = np.zeros_like(right)
        v[pivots] = factor.solve(right[pivots])
        return v

    return solve


def _conjugate_gradients(tables: _CrossTables, rounding: Floats, right: Floats) -> tuple[Floats, bool]:
    """Solution of S v = u for m columns, preconditioned by the diagonal of S, and whether it is one."""
    diagonal = tables.diagonal()[:, None]
    v, left = np.zeros_like(right), right.copy()
    direction = left / diagonal
    square = np.einsum("ij,ij->j", left, direction)
    target = np.maximum(_RESIDUAL**2 * square, rounding)
    for _ in range(_ITERATIONS):
        active = square > target
        if not active.any():
            return v, True
        image = tables.apply(direction)
        curvature = np.einsum("ij,ij->j", direction, image)
        active &= curvature > 0
        step = np.divide(square, curvature, out=np.zeros_like(square), where=active)
        v += step * direction
        left -= step * image
        scaled = left / diagonal
        before, square = square, np.einsum("ij,ij->j", left, scaled)
        direction = scaled + np.divide(square, before, out=np.zeros_like(square), where=active) * direction
    return v, False


def _spanning(codes: Sequence[Ints]) -> tuple[int, ...]:
    """Positions of the sets whose levels are not unions of the levels of another, the largest first."""
    kept: list[int] = []
    for j in sorted(range(len(codes)), key=lambda j: -_levels(codes[j])):
        if not any(nests(codes[j], codes[i]) for i in kept):
            kept.append(j)
    return tuple(kept)


def _pivots(schur: Floats) -> Ints:
    """Rows of a positive semidefinite matrix that span it."""
    _, order, rank, _ = dpstrf(schur, tol=_ZERO_PIVOT, lower=1)
    return np.sort(order[:rank] - 1).astype(np.intp)


def _bound(sets: Sequence[Ints]) -> int:
    """Levels of all sets, less the components that each set but the first forms with one before it."""
    shared = [
        max(int(_components(before, codes).max()) + 1 for before in sets[:j])
        for j, codes in enumerate(sets)
        if j
    ]
    return sum(map(_levels, sets)) - sum(shared)


def _components(first: Ints, second: Ints) -> Ints:
    """Return the connected component of each level of the second set; rows join levels of the two."""
    size = _levels(first)
    cells = (first, second + size)
    graph = coo_array((np.ones(len(first), np.int8), cells), shape=(size + _levels(second),) * 2)
    numbers: Ints = connected_components(graph, directed=False)[1][size:].astype(np.intp)
    return numbers


def _levels(codes: Ints) -> int:
    return int(codes.max()) + 1


def _lengths(columns: Floats) -> Floats:
    lengths: Floats = np.sqrt(np.einsum("ij,ij->j", columns, columns))
    return lengths
