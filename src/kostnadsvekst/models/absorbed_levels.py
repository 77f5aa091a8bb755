"""Absorbed effects by their levels: what of them is identified, and how they are normalised."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.new_data import TermsOfEstimate
from kostnadsvekst.naming import nearest_names, require_columns

if TYPE_CHECKING:
    from kostnadsvekst.models.fixed_effects import WithinFit

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

ONE_SET = (
    "mean zero over the rows used, weighted as the estimation is (areg); the constant is in none of them"
)
SEVERAL_SETS = (
    "all sets but the first have mean zero over the rows of each connected component, weighted as the "
    "estimation is; the first set's effects are what is left beside the constant; levels of different "
    "components cannot be compared"
)


@dataclass(frozen=True)
class AbsorbedSet:
    """A set of absorbed effects.

    Attributes
    ----------
    name : str
        As in the specification: a column, or columns joined by ``^``.
    columns : tuple of str
    codes : (n,) integer array
        Level of each row used.
    levels : Index or MultiIndex
        The G levels, in the order of the codes.
    """

    name: str
    columns: tuple[str, ...]
    codes: Ints
    levels: pd.Index

    def codes_in(self, frame: pd.DataFrame) -> Ints:
        """Level of each row of another frame, -1 where it is missing or not among the levels."""
        require_columns(self.columns, frame.columns)
        found: Ints = self.levels.get_indexer(_keys(frame, self.columns)).astype(np.intp)
        found[frame[list(self.columns)].isna().any(axis=1).to_numpy()] = -1
        return found


@dataclass(frozen=True, slots=True)
class NormalisedEffects:
    """Effects of each set.

    Attributes
    ----------
    effects : tuple of (G_j,) arrays
        Of a row's levels they and the constant add up to its fitted effects.
    components : tuple of (G_j,) integer arrays
        Connected component of each level; inside one all are comparable.
    separate : bool
        Whether each set's effects are identified, up to the normalisation; else only their sums over the
        levels of rows that were used.
    """

    effects: tuple[Floats, ...]
    components: tuple[Ints, ...]
    separate: bool


def absorbed_sets(terms: TermsOfEstimate, codes: Sequence[Ints]) -> tuple[AbsorbedSet, ...]:
    """Absorbed sets with their levels by name.

    Parameters
    ----------
    terms : TermsOfEstimate
        With its data, from whose rows the names come.
    codes : sequence of (n,) integer arrays

    Returns
    -------
    tuple of AbsorbedSet
        Empty for a pooled model.
    """
    spec = terms.specification
    entity = [(spec.entity, (spec.entity,))] if spec.effects == "entity" else []
    named = [*entity, *zip(spec.absorb, terms.needed.absorbed, strict=True)]
    return tuple(
        AbsorbedSet(name, parts, one, _keys(terms.data.iloc[terms.rows[_first_rows(one)]], parts))
        # A pooled model has one constant, and no name for it.
        for (name, parts), one in zip(named, codes, strict=bool(named))
    )


def find_set(sets: Sequence[AbsorbedSet], name: str | None) -> int:
    """Position of a set by its name; the first without one.

    Raises
    ------
    SpecificationError
        If there is none of that name, or none at all.
    """
    if not sets:
        raise SpecificationError("nothing was absorbed: a pooled model has one constant and no effects")
    names = [one.name for one in sets]
    if name is not None and name not in names:
        raise SpecificationError(
            f"not among the absorbed sets: {nearest_names([name], names)}; they are {', '.join(names)}"
        )
    return 0 if name is None else names.index(name)


def effects_of_fit(fit: "WithinFit") -> tuple[Floats, ...]:
    """Effects of each set on y - X b, (G_j,) each; their sums over a row's levels alone are determined."""
    b = fit.coefficients
    return tuple(one[:, -1] - one[:, :-1] @ b for one in (fit.entity_means, *fit.absorbed_effects))


def normalise(
    effects: Sequence[Floats],
    codes: Sequence[Ints],
    weights: Floats,
    constant: float,
    n_independent: int | None,
) -> NormalisedEffects:
    """Normalise effects as `ONE_SET` and `SEVERAL_SETS` say.

    Parameters
    ----------
    effects : sequence of (G_j,) arrays
        Their sums over a row's levels hold the constant.
    codes : sequence of (n,) integer arrays
    weights : (n,) array
    constant : float
    n_independent : int or None
        Number of independent effects; None where only a bound is known.

    Notes
    -----
    Levels are nodes and rows are edges of a graph with C connected components. Each set but the first has a
    free constant in each component; if there is nothing else that is free, the number of independent
    effects is the number of levels less C times the number of these sets. With two sets it always is
    (Abowd, Creecy and Kramarz 2002); with more it need not be.
    """
    components = _components(codes) if len(codes) > 1 else (np.zeros(len(effects[0]), dtype=np.intp),)
    n_components = int(components[0].max()) + 1
    first, *others = (np.array(one) for one in effects)
    for own, at, part in zip(others, codes[1:], components[1:], strict=True):
        shift = _weighted_means(own[at], weights, part[at], n_components)
        np.subtract(own, shift[part], out=own)
        first += shift[components[0]]
    free = sum(map(len, effects)) - n_components * (len(effects) - 1)
    separate = len(effects) <= 2 or n_independent == free
    return NormalisedEffects((first - constant, *others), components, separate)


def effects_frame(
    one: AbsorbedSet, position: int, found: NormalisedEffects, normalisation: str
) -> pd.DataFrame:
    """Frame over the levels of a set: effect, n_obs, component.

    Raises
    ------
    SpecificationError
        If the effects of the sets are not identified one by one.
    """
    if not found.separate:
        raise SpecificationError(
            f"the effects of {one.name} and the other absorbed sets are not identified one by one, beyond a "
            "constant in each connected component (or it is not known whether they are); their sums are: "
            "predict(kind='effects')"
        )
    counts = np.bincount(one.codes, minlength=len(one.levels))
    columns = {"effect": found.effects[position], "n_obs": counts, "component": found.components[position]}
    frame = pd.DataFrame(columns, index=one.levels).sort_index()
    frame.attrs = {"absorbed_set": one.name, "normalisation": normalisation}
    return frame


def _keys(frame: pd.DataFrame, columns: Sequence[str]) -> pd.Index:
    if len(columns) == 1:
        return pd.Index(frame[columns[0]], name=columns[0])
    return pd.MultiIndex.from_frame(frame[list(columns)])


def _first_rows(codes: Ints) -> Ints:
    first: Ints = np.unique(codes, return_index=True)[1]
    return first


def _components(codes: Sequence[Ints]) -> tuple[Ints, ...]:
    """Give each level of each set its connected component; rows join the levels that they have."""
    sizes = [int(one.max()) + 1 for one in codes]
    starts = np.cumsum([0, *sizes])
    ends = [one + at for one, at in zip(codes[1:], starts[1:], strict=False)]
    cells = (np.tile(codes[0], len(ends)), np.concatenate(ends))
    graph = coo_array((np.ones(len(cells[0]), dtype=np.int8), cells), shape=(int(starts[-1]),) * 2)
    numbers = connected_components(graph, directed=False)[1].astype(np.intp)
    return tuple(numbers[a:b] for a, b in pairwise(starts))


def _weighted_means(values: Floats, weights: Floats, groups: Ints, n_groups: int) -> Floats:
    means: Floats = np.bincount(groups, weights * values, n_groups) / np.bincount(groups, weights, n_groups)
    return means
