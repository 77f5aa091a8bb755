"""Many specifications from one: every combination of the choices named."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations, product
from math import prod
from typing import Any

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.specifications import Specification

Controls = Sequence[Sequence[str]]
MOST_SPECIFICATIONS = 1_000_000


def grid(
    base: Specification,
    *,
    controls: Controls = ((),),
    excluding: Callable[[Specification], bool] | None = None,
    **choices: Iterable[Any],
) -> tuple[Specification, ...]:
    """Write the specifications of a grid.

    Parameters
    ----------
    base : Specification
        Gives the parts that no choice is named for.
    controls : sequence of sequences of str
        Terms to add to the regressors, one set a choice; see `subsets`.
    excluding : callable, optional
        Specification -> whether to leave it out.
    **choices
        Part of a specification -> its values: ``outcome=[...]``, ``weights=["population", None]``,
        ``sample=[(), "without_oslo"]``, ``covariance=["classical", ("cluster", "region")]``, ``regressors``,
        ``effects``, ``convention`` ...

    Returns
    -------
    tuple of Specification
        Without repetition, the last choice varying fastest.

    Raises
    ------
    SpecificationError
        If a choice has no values or a part does not exist, everything is excluded, or there are more than a
        million.

    Examples
    --------
    >>> base = Specification("y", ("x",), "unit", "year")
    >>> len(grid(base, controls=subsets({"a": ["z1", "z2"], "b": ["z3"]}), covariance=["classical", "hc1"]))
    8
    """
    parts = {name: _listed(name, values) for name, values in choices.items()}
    sets = _listed("controls", controls)
    _refuse_too_many(prod(map(len, (*parts.values(), sets))), "specifications in the grid")
    specs: dict[Specification, None] = {}
    for values in product(*parts.values(), sets):
        *chosen, added = values
        spec = base.vary(**dict(zip(parts, chosen, strict=True))).adding(*added)
        if not (excluding and excluding(spec)):
            specs.setdefault(spec)
    if not specs:
        raise SpecificationError("the grid is empty: every specification is excluded")
    return tuple(specs)


def subsets(groups: Mapping[str, Sequence[str]] | Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Every combination of groups of terms, from none to all, for ``controls`` of `grid`.

    Parameters
    ----------
    groups : mapping of str to sequence of str, or sequence of str
        Terms that go in and out together; a plain sequence makes each term its own group.

    Raises
    ------
    SpecificationError
        If there are more than a million.
    """
    members = list(groups.values()) if isinstance(groups, Mapping) else [(term,) for term in groups]
    _refuse_too_many(2 ** len(members), f"combinations of {len(members)} groups")
    return tuple(
        tuple(term for group in chosen for term in group)
        for size in range(len(members) + 1)
        for chosen in combinations(members, size)
    )


def _refuse_too_many(count: int, what: str) -> None:
    if count > MOST_SPECIFICATIONS:
        raise SpecificationError(f"{what}: more than {MOST_SPECIFICATIONS:,}; name fewer choices")


def _listed(name: str, values: Iterable[Any]) -> list[Any]:
    if isinstance(values, str):
        raise SpecificationError(f"{name} of a grid must be a list of choices, not the text {values!r}")
    listed = list(values)
    if not listed:
        raise SpecificationError(f"{name} of a grid has no values")
    return listed
