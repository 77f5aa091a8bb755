"""Two published tables of which one may tell what the other hides."""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack, vstack

from kostnadsvekst.errors import DisclosureError, InvalidDataError
from kostnadsvekst.register.label_parts import Parts, SharedParts, shared_parts
from kostnadsvekst.register.table_checks import ALL, check_threshold, read_cells, refuse_other_totals

_SECONDS = 20.0  # for one question to the solver; what is not proved in time is refused


def check_differences(
    first: pd.DataFrame,
    second: pd.DataFrame,
    threshold: int = 5,
    names: tuple[str, str] = ("first", "second"),
    *,
    total: str = ALL,
    parts: Parts | None = None,
    not_totals: Collection[Hashable] = (),
) -> None:
    """Refuse two published tables of which one tells what the other hides, or that differ by few persons.

    Parameters
    ----------
    first, second : DataFrame
        Tables of counts with ``":"`` where suppressed, as `protect` returns them. The same table for two
        populations (with and without a group), for two divisions (ages 0-66 and 0-67), or for two deliveries.
    threshold : int
    names : tuple of str
        For the message.
    total : str
        Label of the margins.
    parts : mapping, optional
        What labels are made of, where they are no ranges of numbers: ``{"Oslo region": ["0301", "0219"]}``.
        A label that is not mentioned is a part of its own.
    not_totals : collection of labels
        Rows and columns that are sums of others by chance.

    Raises
    ------
    InvalidDataError
        Tables that cannot be read, totals under other labels, margins that fit no cells; labels in one table
        only where each has some, unless they are ranges of numbers or told by `parts`.
    DisclosureError
        If a cell that both show differs by at least 1 and less than `threshold`; or a cell suppressed in one
        is shown in the other; or a suppressed cell, or a group that is a difference of labels of the two
        tables, can be worked out from both tables together or bounded below the threshold. All are listed,
        by label.

    Notes
    -----
    Both tables are taken together as constraints on whole numbers of persons. An attacker supposes that the
    two count the same persons if nothing that is published speaks against it; else that one counts a part of
    the other's persons. Integer programs give the largest and the smallest size of every suppressed cell and
    of every group in between. Where tables are corrected up and down at once, only cells are compared.
    """
    threshold = check_threshold(threshold)
    sides = _read(first, second, names, total, not_totals)
    shared = [
        shared_parts([x for x in a if x != total], [x for x in b if x != total], parts, kind)
        for kind, a, b in zip(("row", "column"), sides[0].axes, sides[1].axes, strict=True)
    ]
    problems = [*_compare_cells(sides[0], sides[1], threshold, names)]
    if not problems:
        problems = [*_attack(sides, (shared[0], shared[1]), threshold, names, total)]
    if problems:
        head = (
            f"{names[0]} and {names[1]} may not be published together, {len(problems)} cell(s); suppress the "
            "cells in both or publish one:"
        )
        raise DisclosureError("\n".join([head, *(f"  - {problem}" for problem in problems)]))


def _read(
    first: pd.DataFrame,
    second: pd.DataFrame,
    names: tuple[str, str],
    total: str,
    not_totals: Collection[Hashable],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    found, problems = [], []
    for table, name in zip((first, second), names, strict=True):
        try:
            numbers, _ = read_cells(table, name, whole=True, may_hide=True)
            refuse_other_totals(numbers, total, not_totals, name)
            found.append(numbers)
        except InvalidDataError as error:
            problems += [f"{error.summary}", *error.problems]
    if problems:
        raise InvalidDataError("tables that cannot be compared", problems)
    return found[0], found[1]


def _compare_cells(
    first: pd.DataFrame, second: pd.DataFrame, threshold: int, names: tuple[str, str]
) -> Iterator[str]:
    rows = [x for x in first.index if x in second.index]
    columns = [x for x in first.columns if x in second.columns]
    for row, column in product(rows, columns):
        a, b = float(first.loc[row, column]), float(second.loc[row, column])
        if 0.5 < abs(a - b) < threshold - 0.5:
            yield f"{row}, {column}: the difference is a group of fewer than {threshold}"
        elif np.isnan(a) != np.isnan(b):
            yield f"{row}, {column}: suppressed in {names[int(np.isnan(b))]} only"


# --- Both tables as constraints on whole numbers of persons


@dataclass(frozen=True, slots=True)
class _Groups:
    """Groups of persons as sums of unknown parts: published cells, or what lies between them."""

    labels: tuple[str, ...]
    sums: csr_array  # shape (n_groups, 2 n_parts): parts of the first table, then of the second
    values: NDArray[np.float64]  # published; missing where suppressed
    suppressed: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _System:
    """Constraints of both tables, and one solution."""

    known: LinearConstraint
    bounds: Bounds
    solution: NDArray[np.float64]


def _attack(
    sides: tuple[pd.DataFrame, pd.DataFrame],
    shared: tuple[SharedParts, SharedParts],
    threshold: int,
    names: tuple[str, str],
    total: str,
) -> Iterator[str]:
    cells = [_cells(table, shared, k, names[k], total) for k, table in enumerate(sides)]
    hidden = [_targets(groups) for groups in cells]
    both = _covered(shared, 0) & _covered(shared, 1)
    for relation, system in _suppositions(cells, shared, both):
        groups = [*hidden]
        if relation == "same":
            groups.append(_between(shared))
        elif relation != "apart":
            groups.append(_differences(sides, shared, both, total))
        yield from _small(system, groups, threshold)


def _suppositions(
    cells: Sequence[_Groups], shared: tuple[SharedParts, SharedParts], both: NDArray[np.bool_]
) -> Iterator[tuple[str, _System]]:
    """How the two tables may hang together, and what follows; the strongest only."""
    for floor in (1.0, 0.0):  # empty cells are published by `protect`, not by everybody
        apart = _system(cells, shared, both, "apart", floor)
        if apart is None:
            continue
        if same := _system(cells, shared, both, "same", floor):
            yield "same", same
            return
        nested = [(r, _system(cells, shared, both, r, floor)) for r in ("part", "whole")]
        found = [(relation, system) for relation, system in nested if system is not None]
        yield from found or [("apart", apart)]
        return
    raise InvalidDataError(
        "the margins of a table fit no cells: they are not sums of what is shown and suppressed"
    )


def _system(
    cells: Sequence[_Groups],
    shared: tuple[SharedParts, SharedParts],
    both: NDArray[np.bool_],
    relation: str,
    floor: float,
) -> _System | None:
    sums = vstack([groups.sums for groups in cells])
    values = np.concatenate([groups.values for groups in cells])
    low, high = np.where(np.isnan(values), floor, values), np.where(np.isnan(values), np.inf, values)
    if relation != "apart" and both.any():
        parts = np.flatnonzero(both)
        link = csr_array((np.ones(parts.size), (np.arange(parts.size), parts)), shape=(parts.size, both.size))
        sums = vstack([sums, hstack([link, -link])])
        low = np.concatenate((low, np.full(parts.size, -np.inf if relation == "whole" else 0.0)))
        high = np.concatenate((high, np.full(parts.size, np.inf if relation == "part" else 0.0)))
    most = np.nanmax(values, initial=0.0) + 10.0 * values.size + 1e4
    empty = csr_array(vstack([groups.sums for groups in cells])).T @ (values == 0).astype(float) > 0
    covered = np.concatenate((_covered(shared, 0), _covered(shared, 1))) & ~empty
    if relation == "same":
        covered &= np.tile(np.logical_and(*np.split(covered, 2)) | ~both, 2)
    bounds = Bounds(np.zeros(covered.size), np.where(covered, most, 0.0))
    known = LinearConstraint(csr_array(sums), low, high)
    solution, _ = _solve(known, bounds, np.zeros(covered.size))
    if solution is None:
        solution, _ = _solve(known, bounds, np.zeros(covered.size), presolve=False)
    return None if solution is None else _System(known, bounds, solution)


def _solve(
    known: LinearConstraint, bounds: Bounds, goal: NDArray[np.float64], presolve: bool = True
) -> tuple[NDArray[np.float64] | None, bool]:
    """Solution in whole numbers with the largest goal, and whether it is proved."""
    options = {"time_limit": _SECONDS, "presolve": presolve}
    answer = milp(-goal, constraints=known, bounds=bounds, integrality=1, options=options)
    if answer.x is None:
        return None, answer.status == 2
    solution = np.round(answer.x)
    sums = known.A @ solution
    if ((sums < known.lb - 0.5) | (sums > known.ub + 0.5)).any():
        return None, False
    return solution, answer.status == 0


# --- Groups


def _axis_sets(shared: SharedParts, side: int) -> Mapping[Hashable, frozenset[int]]:
    return shared.first if side == 0 else shared.second


def _whole(shared: SharedParts, side: int) -> frozenset[int]:
    """Parts that a table counts along an axis: those of its labels; all, where it has nothing but a total."""
    own = _axis_sets(shared, side).values()
    return frozenset().union(*own) if own else frozenset(range(shared.n_parts))


def _covered(shared: tuple[SharedParts, SharedParts], side: int) -> NDArray[np.bool_]:
    """Parts that a table counts, rows by columns, flat."""
    marks = []
    for axis in shared:
        mark = np.zeros(axis.n_parts, dtype=bool)
        mark[list(_whole(axis, side))] = True
        marks.append(mark)
    return np.outer(*marks).ravel()


def _cells(
    table: pd.DataFrame, shared: tuple[SharedParts, SharedParts], side: int, name: str, total: str
) -> _Groups:
    sets = [{**_axis_sets(axis, side), total: _whole(axis, side)} for axis in shared]
    places = [(row, column) for row in table.index for column in table.columns]
    n_parts = shared[0].n_parts * shared[1].n_parts
    chosen = [_flat(sets[0][row], sets[1][column], shared) + side * n_parts for row, column in places]
    labels = tuple(f"{row}, {column} ({name})" for row, column in places)
    values = table.to_numpy(dtype=float).ravel()
    return _Groups(labels, _matrix(chosen, 2 * n_parts), values, np.isnan(values))


def _flat(
    rows: frozenset[int], columns: frozenset[int], shared: tuple[SharedParts, SharedParts]
) -> NDArray[np.int64]:
    starts = np.array(sorted(rows), dtype=np.int64) * shared[1].n_parts
    return (starts[:, None] + np.array(sorted(columns), dtype=np.int64)).ravel()


def _matrix(chosen: Sequence[NDArray[np.int64]], n: int) -> csr_array:
    rows = np.repeat(np.arange(len(chosen)), [c.size for c in chosen])
    columns = np.concatenate([*chosen, np.zeros(0, dtype=np.int64)])
    return csr_array((np.ones(rows.size), (rows, columns)), shape=(len(chosen), n))


def _targets(groups: _Groups) -> _Groups:
    """Cells that are suppressed, or shown with anybody in them."""
    keep = np.flatnonzero(groups.suppressed | ((groups.values > 0) & ~groups.suppressed))
    return _Groups(
        tuple(groups.labels[k] for k in keep), groups.sums[keep], groups.values[keep], groups.suppressed[keep]
    )


def _between(shared: tuple[SharedParts, SharedParts]) -> _Groups:
    """Find groups that no label names but that labels of the two tables have between them."""
    first = _covered(shared, 0)
    n_parts = first.size
    rows, columns = (_axis_groups(axis) for axis in shared)
    named = {
        (a, b)
        for side in (0, 1)
        for a in _axis_sets(shared[0], side).values()
        for b in _axis_sets(shared[1], side).values()
    }
    places = [(a, b) for a, b in product(rows, columns) if (a, b) not in named]
    chosen = [_flat(a, b, shared) for a, b in places]
    chosen = [np.where(first[parts], parts, parts + n_parts) for parts in chosen]
    labels = tuple(f"{rows[a]}, {columns[b]} (between the tables)" for a, b in places)
    nothing = np.full(len(places), np.nan)
    return _Groups(labels, _matrix(chosen, 2 * n_parts), nothing, np.zeros(len(places), dtype=bool))


def _axis_groups(axis: SharedParts) -> dict[frozenset[int], str]:
    """List groups along one axis: labels, all, and what lies between labels of the two tables."""
    labelled = {parts: str(label) for own in (axis.second, axis.first) for label, parts in own.items()}
    every = {frozenset(range(axis.n_parts)): "all"}
    if set(axis.first.values()) == set(axis.second.values()):
        return {**every, **labelled}
    if axis.ordered:
        runs = {frozenset(range(i, j)) for i in range(axis.n_parts) for j in range(i + 1, axis.n_parts + 1)}
    else:
        pairs = [*product(axis.first.values(), axis.second.values())]
        runs = {a - b for a, b in pairs} | {b - a for a, b in pairs} | {a & b for a, b in pairs}
    named = {parts: _name(axis, parts) for parts in runs if parts}
    return {**every, **named, **labelled}


def _name(axis: SharedParts, parts: frozenset[int]) -> str:
    ends = axis.names[min(parts)], axis.names[max(parts)]
    return " + ".join(axis.names[k] for k in sorted(parts)) if len(parts) < 4 else f"{ends[0]} to {ends[1]}"


def _differences(
    sides: tuple[pd.DataFrame, pd.DataFrame],
    shared: tuple[SharedParts, SharedParts],
    both: NDArray[np.bool_],
    total: str,
) -> _Groups:
    """Persons that one table counts more than the other, in the cells of both."""
    sets = [
        {
            **{x: p for x, p in axis.first.items() if axis.second.get(x) == p},
            total: frozenset(range(axis.n_parts)),
        }
        for axis in shared
    ]
    places = list(product(sets[0], sets[1]))
    chosen = [_flat(sets[0][row], sets[1][column], shared) for row, column in places]
    kept = [k for k, parts in enumerate(chosen) if both[parts].all()]
    more = _matrix([chosen[k] for k in kept], both.size)
    labels = tuple(f"{places[k][0]}, {places[k][1]} (difference)" for k in kept)
    nothing = np.full(len(kept), np.nan)
    return _Groups(labels, csr_array(hstack([more, -more])), nothing, np.zeros(len(kept), dtype=bool))


# --- How small a group must be


def _small(system: _System, groups: Sequence[_Groups], threshold: int) -> Iterator[str]:
    """Name each group that is exact though suppressed, or surely smaller than the threshold."""
    labels = [label for g in groups for label in g.labels]
    suppressed = np.concatenate([g.suppressed for g in groups])
    ends = _Ends(system, csr_array(vstack([g.sums for g in groups])))
    ends.spread(suppressed, threshold)
    for k, label in enumerate(labels):
        low, high = ends.low[k], ends.high[k]
        if k in ends.unproved:
            yield f"{label}: could not be shown to be safe in {_SECONDS:g} seconds"
        elif suppressed[k] and high - low < 0.5:
            yield f"{label}: follows from both tables"
        elif 0.5 < high < threshold - 0.5:
            yield f"{label}: known to be fewer than {threshold} from both tables"


class _Ends:
    """Smallest and largest size of groups over the solutions seen."""

    def __init__(self, system: _System, sums: csr_array) -> None:
        self.system = system
        self.sums = sums
        self.empty = np.abs(sums) @ system.bounds.ub == 0
        sizes = np.abs(sums @ system.solution)
        self.low, self.high = sizes, sizes
        self.unproved: set[int] = set()

    def spread(self, suppressed: NDArray[np.bool_], threshold: int) -> None:
        """Ask the solver until every group is seen to be wide, or is proved not to be."""
        for turn in range(4):
            if (open_ := self._open(suppressed, threshold)).size > 3:
                signs = np.zeros(len(self.low))
                signs[open_] = np.where(np.arange(open_.size) >> turn & 1, -1.0, 1.0)
                self._ask(signs)
        for k in self._open(suppressed, threshold):
            # A group is refused only if a second way of solving says so: presolving can lose solutions.
            for presolve, sign in product((True, False), (1.0, -1.0)):
                if k in self._open(suppressed, threshold):
                    one = np.zeros(len(self.low))
                    one[k] = sign
                    if not self._ask(one, presolve) and not presolve:
                        self.unproved.add(int(k))
        self.unproved &= set(self._open(suppressed, threshold).tolist())

    def _open(self, suppressed: NDArray[np.bool_], threshold: int) -> NDArray[np.int64]:
        wide = self.empty | (self.high > threshold - 0.5) & (~suppressed | (self.high - self.low > 0.5))
        return np.flatnonzero(~wide)

    def _ask(self, weights: NDArray[np.float64], presolve: bool = True) -> bool:
        solution, proved = _solve(self.system.known, self.system.bounds, self.sums.T @ weights, presolve)
        if solution is not None:
            sizes = np.abs(self.sums @ solution)
            self.low, self.high = np.minimum(self.low, sizes), np.maximum(self.high, sizes)
        return proved
