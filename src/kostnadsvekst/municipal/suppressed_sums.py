"""Which cells and sums must be hidden so that no small count follows from the sums that are told."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Cell = TypeVar("Cell", bound=Hashable)


@dataclass(frozen=True, slots=True)
class PublishedSum(Generic[Cell]):
    """A sum of cells that is meant to be published.

    Attributes
    ----------
    name : str
    cells : frozenset
    secondary : bool
        Whether a large cell may be hidden so that the sum can be told; else the sum itself is hidden.
    """

    name: str
    cells: frozenset[Cell]
    secondary: bool = True


@dataclass(frozen=True, slots=True)
class Suppression(Generic[Cell]):
    """What is hidden.

    Attributes
    ----------
    cells : frozenset
    sums : frozenset of str
    """

    cells: frozenset[Cell]
    sums: frozenset[str]


def suppress(
    values: Mapping[Cell, float],
    sums: Sequence[PublishedSum[Cell]],
    *,
    small: Sequence[Cell] = (),
    threshold: int = 6,
) -> Suppression[Cell]:
    """Hide small cells, and as much else as keeps them secret.

    Parameters
    ----------
    values : mapping
        Cell -> count; missing ones are left out of sums. Zero is told.
    sums : sequence of PublishedSum
        In order of importance: a sum is told if it can be together with those before it.
    small : sequence
        Further cells to hide, such as those of which another count is small.
    threshold : int
        Counts from 1 to one below it are hidden.

    Returns
    -------
    Suppression

    Notes
    -----
    Hidden cells that are in the same told sums form a class. It is safe if every cell in it can hold any
    count from 1 to threshold − 1 while the class keeps its sum and all others hold 1 at least: with k cells
    of sum H, k ≥ 2 and H ≥ k + threshold − 2. If all of them are small, the same must hold for somebody who
    knows that: H ≤ (threshold − 1) k − (threshold − 2). Sums of several classes tell less than the sums of
    each, so a pattern of safe classes is safe whatever is told of them.

    Beside a small cell the least of the large ones is hidden, with all that equal it: who knows this program
    would else learn from the order of two equal cells which of the hidden ones is small. With one sum no
    small cell follows from the pattern. With several, of which one is refused, it does in rare cases.
    """
    known = {cell: v for cell, v in values.items() if not math.isnan(v)}
    hidden = {cell for cell, v in known.items() if 0 < v < threshold} | (set(small) & set(values))
    told: list[frozenset[Cell]] = []
    refused = set()
    for wanted in sums:
        extra = _enough_hidden(known, hidden, [*told, wanted.cells], wanted.secondary, threshold)
        if extra is None:
            refused.add(wanted.name)
        else:
            hidden |= extra
            told.append(wanted.cells)
    return Suppression(frozenset(hidden), frozenset(refused))


def _enough_hidden(
    known: Mapping[Cell, float],
    hidden: set[Cell],
    told: Sequence[frozenset[Cell]],
    secondary: bool,
    threshold: int,
) -> set[Cell] | None:
    """Further cells to hide so that all these sums can be told; None if there are none."""
    extra: set[Cell] = set()
    while unsafe := _unsafe_class(known, hidden | extra, told, threshold):
        if not secondary:
            return None
        where = _membership(next(iter(unsafe)), told)
        free = [
            c
            for c, v in known.items()
            if v >= threshold and c not in hidden | extra and _membership(c, told) == where
        ]
        if not free:
            return None
        # All that are as few: the order of equal cells is known, and would tell which one is small.
        extra |= {c for c in free if known[c] <= min(known[one] for one in free)}
    return extra


def _membership(cell: Cell, told: Sequence[frozenset[Cell]]) -> tuple[bool, ...]:
    return tuple(cell in cells for cells in told)


def _unsafe_class(
    known: Mapping[Cell, float], hidden: set[Cell], told: Sequence[frozenset[Cell]], threshold: int
) -> set[Cell]:
    """Find a class of hidden cells of which a small one does not stay secret; empty if all are safe."""
    classes: dict[tuple[bool, ...], set[Cell]] = {}
    for cell in sorted(hidden & set(known), key=str):
        where = _membership(cell, told)
        if any(where) and known[cell] > 0:
            classes.setdefault(where, set()).add(cell)
    unsafe = (cells for cells in classes.values() if not _is_safe([known[c] for c in cells], threshold))
    return next(unsafe, set())


def _is_safe(values: Sequence[float], threshold: int) -> bool:
    k, total = len(values), math.fsum(values)
    all_small = max(values) < threshold
    fits_small = total <= (threshold - 1) * k - (threshold - 2)
    return k >= 2 and total >= k + threshold - 2 and (fits_small or not all_small)
