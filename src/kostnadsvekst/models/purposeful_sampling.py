"""Maximum-variation samples: the most varied choice of a few units, exact, by integer programming."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from kostnadsvekst.errors import SpecificationError

# Up to this many units every gain is a whole number of parts of their least common multiple.
_EXACT = 15
NOT_CHOSEN = -1


@dataclass(frozen=True, slots=True)
class Choice:
    """A most varied sample.

    Attributes
    ----------
    criterion : ndarray of int, shape (n_units,)
        By which criterion a unit was chosen; -1 where it was not.
    variation : float
        The sample's variation.
    bound : float
        No sample has more; equal to `variation` where the optimum is proved.
    """

    criterion: NDArray[np.int64]
    variation: float
    bound: float


def variation_of(categories: NDArray[np.int64]) -> float:
    """Variation of a sample: 1 + 1/2 + ... + 1/n for each category of each attribute with n units.

    Parameters
    ----------
    categories : ndarray, shape (n_units, n_attributes)

    Notes
    -----
    The first unit of a category counts one, the second a half: a new kind is always worth more than another
    of a kind that is there, and of equally many kinds the even sample is the more varied one.
    """
    counts = (np.unique(column, return_counts=True)[1] for column in categories.T)
    return math.fsum(math.fsum(1 / j for j in range(1, n + 1)) for some in counts for n in some)


def most_varied(
    categories: NDArray[np.int64], eligible: NDArray[np.bool_], quotas: NDArray[np.int64]
) -> Choice:
    """Choose units so that their variation is as large as can be.

    Parameters
    ----------
    categories : ndarray of int, shape (n_units, n_attributes)
        Category of each unit in each attribute. Of samples that are equally varied, the one with the first
        units in this order is taken.
    eligible : ndarray of bool, shape (n_units, n_criteria)
    quotas : ndarray of int, shape (n_criteria,)
        How many units are to be chosen by each criterion; nobody is chosen twice.

    Returns
    -------
    Choice

    Raises
    ------
    SpecificationError
        There are not enough units.

    Notes
    -----
    Maximum variation sampling (Patton 1990, Qualitative Evaluation and Research Methods, 172) made exact: the
    sum of concave functions of counts is maximised as an integer linear programme by HiGHS.
    """
    kinds = _kinds_of(categories, eligible)
    if not _enough(kinds, eligible.shape[1], quotas):
        asked, meet = (", ".join(map(str, numbers)) for numbers in (quotas, eligible.sum(axis=0)))
        raise SpecificationError(
            f"{asked} units are asked for by the criteria, which {meet} meet (nobody is chosen twice): "
            "widen a band, or ask for fewer"
        )
    programme = _programme_of(kinds, quotas)
    most = programme.maximise(programme.gains)
    tolerance = 0.5 if quotas.sum() <= _EXACT else most.value * 1e-9
    counts = _first_of_equals(programme, most, tolerance)
    criterion = np.full(len(categories), NOT_CHOSEN)
    left = [list(members) for members in kinds.members]
    for (kind, by), n in zip(kinds.pairs, counts, strict=True):
        criterion[[left[kind].pop(0) for _ in range(n)]] = by
    variation = variation_of(categories[criterion != NOT_CHOSEN])
    proved = most.bound - most.value < tolerance
    return Choice(criterion, variation, variation if proved else most.bound / programme.scale)


@dataclass(frozen=True, slots=True)
class _Kinds:
    """Units that nothing tells apart: their positions, (kind, criterion) pairs, categories of each kind."""

    members: tuple[NDArray[np.int64], ...]
    pairs: tuple[tuple[int, int], ...]
    categories: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Solution:
    counts: NDArray[np.int64]
    value: float
    bound: float


@dataclass(frozen=True, slots=True)
class _Programme:
    """Integer programme in the units taken of each pair and the steps that each category has climbed.

    Attributes
    ----------
    gains : ndarray
        Of each variable; whole numbers where they can be.
    matrix, low, high : ndarray
        Constraints.
    upper : ndarray
        Bounds of the variables.
    n_pairs : int
    scale : float
        Of the gains.
    """

    gains: NDArray[np.float64]
    matrix: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    upper: NDArray[np.float64]
    n_pairs: int
    scale: float

    def maximise(
        self,
        objective: NDArray[np.float64],
        fixed: Sequence[int] = (),
        floor: float = 0.0,
    ) -> _Solution:
        """Solve with the first pairs fixed and gains of at least the floor."""
        lower, upper = np.zeros(len(self.upper)), self.upper.copy()
        lower[: len(fixed)] = upper[: len(fixed)] = fixed
        found = milp(
            -objective,
            integrality=np.arange(len(self.upper)) < self.n_pairs,
            bounds=Bounds(lower, upper),
            constraints=[
                LinearConstraint(self.matrix, self.low, self.high),
                LinearConstraint(self.gains, floor, np.inf),
            ],
            options={"mip_rel_gap": 0.0},
        )
        counts = np.rint(found.x[: self.n_pairs]).astype(int)
        return _Solution(counts, float(self.gains @ found.x), -float(found.mip_dual_bound))


def _first_of_equals(programme: _Programme, most: _Solution, tolerance: float) -> list[int]:
    """Of equally varied samples the one with the first units."""
    counts, fixed = most.counts, list[int]()
    for pair in range(programme.n_pairs):
        # What is left when all that was asked for is taken is zero, and no other sample can have more.
        if counts[pair:].any() and counts[pair] < programme.upper[pair]:
            objective = np.zeros(len(programme.upper))
            objective[pair] = 1.0
            counts = programme.maximise(objective, fixed, most.value - tolerance).counts
        fixed.append(int(counts[pair]))
    return fixed


def _enough(kinds: _Kinds, n_criteria: int, quotas: NDArray[np.int64]) -> bool:
    """Whether every criterion can have its units, for any set of criteria (Hall 1935)."""
    sizes = [len(members) for members in kinds.members]
    for some in product((False, True), repeat=n_criteria):
        meets = {kind for kind, criterion in kinds.pairs if some[criterion]}
        if sum(sizes[kind] for kind in meets) < quotas[np.array(some)].sum():
            return False
    return True


def _kinds_of(categories: NDArray[np.int64], eligible: NDArray[np.bool_]) -> _Kinds:
    usable = np.flatnonzero(eligible.any(axis=1))
    rows = np.column_stack([categories, eligible])[usable]
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    members = tuple(usable[inverse.ravel() == kind] for kind in np.argsort(first, kind="stable"))
    pairs = tuple((k, int(c)) for k, some in enumerate(members) for c in np.flatnonzero(eligible[some[0]]))
    return _Kinds(members, pairs, categories[np.array([some[0] for some in members], dtype=int)])


def _programme_of(kinds: _Kinds, quotas: NDArray[np.int64]) -> _Programme:
    wanted = int(quotas.sum())
    scale = float(math.lcm(*range(1, wanted + 1))) if wanted <= _EXACT else 1e6
    kind, criterion = np.array(kinds.pairs).reshape(-1, 2).T
    sizes = np.array([len(members) for members in kinds.members])
    names = [(a, c) for a, column in enumerate(kinds.categories.T) for c in np.unique(column)]
    meets = np.array([kinds.categories[kind, a] == c for a, c in names], dtype=float)
    climbed = -np.kron(np.eye(len(names)), np.ones(wanted))
    of_kind = kind == np.arange(len(sizes))[:, None]
    by_criterion = criterion == np.arange(len(quotas))[:, None]
    n_steps = climbed.shape[1]
    nothing = [np.zeros((len(rows), n_steps)) for rows in (of_kind, by_criterion)]
    return _Programme(
        gains=np.concatenate([np.zeros(len(kind)), np.tile(scale / np.arange(1, wanted + 1), len(names))]),
        matrix=np.block([[meets, climbed], [of_kind, nothing[0]], [by_criterion, nothing[1]]]),
        low=np.concatenate([np.zeros(len(names) + len(sizes)), quotas]),
        high=np.concatenate([np.zeros(len(names)), sizes, quotas]),
        upper=np.concatenate([np.minimum(sizes[kind], quotas[criterion]), np.ones(n_steps)]),
        n_pairs=len(kind),
        scale=scale,
    )
