"""Which cells of linked two-way tables are suppressed: every small one can be larger, and none is unique."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

_ABOVE = -1
_FREE = 1e-6  # price of a cell that is suppressed already
_PLENTY = 1 << 40


@dataclass(frozen=True, slots=True)
class Limits:
    """What else is published of the table above: how small and how large its cells can be.

    Attributes
    ----------
    floor : ndarray of int64, shape (n_rows, n_columns)
        What a suppressed cell is at least.
    caps : ndarray of int64, shape (n_rows * n_columns, n_rows * n_columns)
        What each cell (columns) can be at most where the cell of the row is to move.
    """

    floor: NDArray[np.int64]
    caps: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LinkedPattern:
    """What is suppressed.

    Attributes
    ----------
    hidden : ndarray of bool, shape (n_tables, n_rows, n_columns)
    closed : ndarray of bool, same shape
        Suppressed cells that may also be empty.
    others : ndarray of int64, shape (n_rows * n_columns, n_rows * n_columns)
        The table above as it can be where the cell of the row moves; as it is where none does.
    """

    hidden: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    others: NDArray[np.int64]


def no_limits(shape: tuple[int, int]) -> Limits:
    """Suppressed cells have one person or more."""
    n_cells = shape[0] * shape[1]
    return Limits(np.ones(shape, dtype=np.int64), np.full((n_cells, n_cells), _PLENTY, dtype=np.int64))


def suppress_table(
    table: NDArray[np.int64], threshold: int, small: NDArray[np.bool_], limits: Limits | None = None
) -> LinkedPattern:
    """Cells to suppress in one two-way table.

    Parameters
    ----------
    table : ndarray of int64, shape (n_rows, n_columns)
        Margins last.
    threshold : int
    small : ndarray of bool, same shape
        What must be suppressed.
    limits : Limits, optional
        Of this table.

    Returns
    -------
    LinkedPattern
        As `suppress_linked`, of one table. Without caps there is always a pattern: at the worst a small cell,
        its margins and the total. Where caps leave none the table is closed.
    """
    everything = np.ones(table.shape, dtype=bool)
    return suppress_linked(table[None], threshold, small[None], everything, table, limits)


def suppress_linked(
    tables: NDArray[np.int64],
    threshold: int,
    small: NDArray[np.bool_],
    above_hidden: NDArray[np.bool_],
    above: NDArray[np.int64],
    limits: Limits | None = None,
) -> LinkedPattern:
    """Cells to suppress in two-way tables whose sum is published too, with its own suppressed cells.

    Parameters
    ----------
    tables : ndarray of int64, shape (n_tables, n_rows, n_columns)
        Margins last. Municipalities, for example.
    threshold : int
    small : ndarray of bool, same shape
        What must be suppressed.
    above_hidden : ndarray of bool, shape (n_rows, n_columns)
        What the table above suppresses; its pattern is final.
    above : ndarray of int64, same shape
        The table above (not more than the sum where persons are counted in several tables).
    limits : Limits, optional
        Of the table above. Default: `no_limits`.

    Returns
    -------
    LinkedPattern

    Notes
    -----
    For each small cell there is another set of tables of whole numbers that agrees with all that is shown, in
    which that cell is at least the threshold; for each other suppressed cell one in which it differs. They
    are made of moves: along a cycle of cells in one table (Cox 1995, Journal of the American Statistical
    Association 90, 1453-1462) and back along the same cells in another, so that the sum above stays; or in
    one table alone where all cells of the cycle are suppressed above. The cheapest are taken, the suppressed
    count of persons being the price. Suppressed cells stay at one person or more, since cells with nobody are
    shown.

    Where no such moves exist (five persons of the country in five municipalities) cells are closed, that is
    suppressed also where nobody is: first that cell in all tables, then its row, then its table, then rows
    until what is left of them is no secret (`_Plan`), then everything. With everything closed only the table
    above is told, which is safe by itself.
    """
    plan = _Plan(tables, threshold, above_hidden, above, limits or no_limits(above.shape))
    if len(tables) > 1 or not above_hidden.all():
        plan.protect_above()
    plan.protect_small(small.reshape(len(tables), -1))
    plan.vary_closed()
    closed = plan.closed & plan.hidden  # others lie on no move: they may be shown
    return LinkedPattern(plan.hidden.reshape(tables.shape), closed.reshape(tables.shape), plan.others)


class _Plan:
    def __init__(
        self,
        tables: NDArray[np.int64],
        threshold: int,
        above_hidden: NDArray[np.bool_],
        above: NDArray[np.int64],
        limits: Limits,
    ) -> None:
        n_tables, self.shape = len(tables), (tables.shape[1], tables.shape[2])
        self.open = True
        self.dealt = np.zeros(self.shape[0] * self.shape[1], dtype=bool)
        self.threshold = threshold
        self.values = np.ascontiguousarray(tables.reshape(n_tables, -1))
        self.hidden = np.zeros(self.values.shape, dtype=bool)
        self.moved = np.zeros(self.values.shape, dtype=bool)
        self.closed = np.zeros(self.values.shape, dtype=bool)
        self.above_hidden = above_hidden.ravel()
        self.above = above.ravel()
        self.above_moved = np.zeros(self.above.size, dtype=bool)
        self.floor = limits.floor.ravel()
        self.caps = limits.caps
        self.others = np.tile(self.above, (self.above.size, 1))
        self.tail, self.head = _arcs(*self.shape)

    def protect_small(self, small: NDArray[np.bool_]) -> None:
        """Let every small cell of the tables rise to the threshold."""
        tables, cells = np.nonzero(small)
        for k in np.argsort(self.values[tables, cells], kind="stable"):
            table, cell = int(tables[k]), int(cells[k])
            self._settle(table, cell, self._needs(self.values[table, cell]))

    def protect_above(self) -> None:
        """Let the suppressed cells above move by what is suppressed below."""
        hidden = np.flatnonzero(self.above_hidden & (self.above > 0))
        hidden = hidden[np.argsort(self.above[hidden], kind="stable")]
        for cell in hidden[self.above[hidden] < self.threshold]:
            if not self._moves_one_of(_ABOVE, int(cell), self._needs(self.above[cell])):
                self._deal_rows(int(cell))
                return
        for cell in hidden:
            if not self.above_moved[cell] and not self._moves_one_of(_ABOVE, int(cell), (1, -1)):
                self._deal_rows(int(cell))
                return

    def vary_closed(self) -> None:
        """See that what is closed is not unique."""
        for table, cell in np.argwhere(self.hidden & ~self.moved & (self.values > 0)).tolist():
            if self.open and not self.moved[table, cell] and not self._moves_one_of(table, cell, (1, -1)):
                self._close_everything()

    def _settle(self, table: int, cell: int, needs: Sequence[int]) -> None:
        """Suppress what lets a cell move; close more and more until there is a way."""
        if not self.open or self.dealt[cell] or self._moves_one_of(table, cell, needs):
            return
        for closing in ((slice(None), cell), (slice(None), self._row(cell)), table):
            self.closed[closing] = True
            if self._moves_one_of(table, cell, needs):
                return
        self._deal_rows(cell)

    def _deal_rows(self, cell: int) -> None:
        """Suppress the rows of a cell and of what the table above suppresses, in all tables.

        Of each column and table only the sum over these rows is then known, and of each cell above the sum
        over the tables. Any change above can be dealt out among the tables (a transportation problem whose
        sums agree), and any cell of a table can be as large as the smaller of both sums. So rows are added
        until no such sum of a table is small. Not so where the table above suppresses sums of columns.
        """
        pattern = self.above_hidden.reshape(self.shape)
        if pattern[-1].any():
            self._close_everything()
            return
        tables = self.values.reshape(-1, *self.shape)
        rows: NDArray[np.bool_] = pattern[:-1].any(axis=1) | self.dealt.reshape(self.shape)[:-1, 0]
        if (row := cell // self.shape[1]) < len(rows):
            rows[row] = True
        by_size = np.argsort(tables[:, :-1, -1].sum(axis=0), kind="stable")
        for row in by_size[~rows[by_size]]:
            sums = tables[:, :-1, :-1][:, rows].sum(axis=1)
            if not ((sums > 0) & (sums < self.threshold)).any():
                break
            rows[row] = True
        self.dealt = np.repeat(np.append(rows, False), self.shape[1])
        self.closed[:, self.dealt] = self.hidden[:, self.dealt] = True
        if not self.dealt[cell]:
            self._close_everything()

    def _close_everything(self) -> None:
        self.closed[:] = self.hidden[:] = True
        self.open = False

    def _row(self, cells: int | NDArray[np.int64]) -> NDArray[np.int64]:
        """All cells of the rows of some cells."""
        rows = np.unique(np.atleast_1d(cells) // self.shape[1])
        return np.asarray(rows[:, None] * self.shape[1] + np.arange(self.shape[1]), dtype=np.int64).ravel()

    def _moves_one_of(self, table: int, cell: int, needs: Sequence[int]) -> bool:
        return any(self._move(table, cell, need) for need in needs)

    def _needs(self, value: np.int64) -> tuple[int, ...]:
        """Name changes of which one is enough, the safest first."""
        lacking = self.threshold - int(value)
        return (self.threshold, lacking) if lacking > 0 else (self.threshold, 1, -1)

    def _move(self, table: int, cell: int, need: int) -> bool:
        """Whether the cell can change by `need`; what that takes is then suppressed."""
        marks, touched = self.hidden.copy(), np.zeros(self.hidden.shape, dtype=bool)
        above_marks = np.zeros(self.above.size, dtype=bool)
        work_above = self.above.copy()
        found = _moves(
            self.values, marks, touched, self.closed, work_above, self.above_hidden, above_marks, self.floor,
            self.caps[cell], table, cell, need, self.tail, self.head,
        )  # fmt: skip
        if found:
            self.hidden |= touched
            self.moved |= touched
            self.above_moved |= above_marks
            self.others[cell] = work_above
        return bool(found)


def _arcs(n_rows: int, n_columns: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cells as arcs: rows lead to columns, columns to the bottom margin, margins back to rows."""
    row, column = np.divmod(np.arange(n_rows * n_columns), n_columns)
    backwards = (row == n_rows - 1) != (column == n_columns - 1)
    tail = np.where(backwards, n_rows + column, row)
    return tail, np.where(backwards, row, n_rows + column)


@njit(cache=True)
def _moves(
    values: NDArray[np.int64],
    marks: NDArray[np.bool_],
    touched: NDArray[np.bool_],
    closed: NDArray[np.bool_],
    work_above: NDArray[np.int64],
    above_hidden: NDArray[np.bool_],
    above_marks: NDArray[np.bool_],
    floor: NDArray[np.int64],
    cap: NDArray[np.int64],
    table: int,
    cell: int,
    need: int,
    tail: NDArray[np.int64],
    head: NDArray[np.int64],
) -> bool:
    """Mark the cells of the cheapest moves by which a cell changes by `need`; False if there are none.

    Moves are made one after the other on a copy of the tables, so that all of them together are possible.
    """
    work = values.copy()
    direction = 1 if need > 0 else -1
    left = abs(need)
    step = left
    signs = np.zeros(tail.size, dtype=np.int64)
    while left > 0 and step > 0:
        step = min(step, left)
        mover, partner = _cheapest_move(
            values,
            work,
            marks,
            closed,
            work_above,
            above_hidden,
            floor,
            cap,
            table,
            cell,
            step,
            direction,
            tail,
            head,
            signs,
        )
        if mover < 0:
            step //= 2
            continue
        for c in range(tail.size):
            if signs[c] == 0:
                continue
            work[mover, c] += step * signs[c]
            marks[mover, c] = touched[mover, c] = True
            if partner >= 0:
                work[partner, c] -= step * signs[c]
                marks[partner, c] = touched[partner, c] = True
            else:
                work_above[c] += step * signs[c]
                above_marks[c] = True
        left -= step
    return left == 0


@njit(cache=True)
def _cheapest_move(
    values: NDArray[np.int64],
    work: NDArray[np.int64],
    marks: NDArray[np.bool_],
    closed: NDArray[np.bool_],
    work_above: NDArray[np.int64],
    above_hidden: NDArray[np.bool_],
    floor: NDArray[np.int64],
    cap: NDArray[np.int64],
    table: int,
    cell: int,
    step: int,
    direction: int,
    tail: NDArray[np.int64],
    head: NDArray[np.int64],
    best_signs: NDArray[np.int64],
) -> tuple[int, int]:
    """Table that moves and its partner (-1: the table above moves along); the signs of the cells in place."""
    n_tables, n_cells = values.shape
    best, best_mover, best_partner = np.inf, -1, -1
    signs = np.zeros(n_cells, dtype=np.int64)
    up, down = np.zeros(n_cells, dtype=np.bool_), np.zeros(n_cells, dtype=np.bool_)
    price = np.zeros(n_cells)
    first, last = (0, n_tables) if table < 0 else (table, table + 1)
    for mover in range(first, last):
        for partner in range(-1, 0 if table < 0 else n_tables):
            if partner == mover:
                continue
            for c in range(n_cells):
                up[c] = values[mover, c] > 0 or closed[mover, c]
                down[c] = up[c] and work[mover, c] - step >= (0 if closed[mover, c] else 1)
                price[c] = _FREE if marks[mover, c] else values[mover, c] + 1.0
                if partner < 0:
                    up[c] &= above_hidden[c] and work_above[c] + step <= cap[c]
                    down[c] &= above_hidden[c] and work_above[c] - step >= floor[c]
                else:
                    usable = values[partner, c] > 0 or closed[partner, c]
                    up[c] &= usable and work[partner, c] - step >= (0 if closed[partner, c] else 1)
                    down[c] &= usable
                    price[c] += _FREE if marks[partner, c] else values[partner, c] + 1.0
            if not (up[cell] if direction > 0 else down[cell]):
                continue
            cost = _cheapest_cycle(up, down, price, cell, direction, tail, head, signs)
            if cost < best:
                best, best_mover, best_partner = cost, mover, partner
                for c in range(n_cells):
                    best_signs[c] = signs[c]
    return best_mover, best_partner


@njit(cache=True)
def _cheapest_cycle(
    up: NDArray[np.bool_],
    down: NDArray[np.bool_],
    price: NDArray[np.float64],
    cell: int,
    direction: int,
    tail: NDArray[np.int64],
    head: NDArray[np.int64],
    signs: NDArray[np.int64],
) -> float:
    """Price of the cheapest cycle on which `cell` rises (falls); the signs of its cells in place."""
    n_nodes = tail.size  # more than there are
    start, goal = (head[cell], tail[cell]) if direction > 0 else (tail[cell], head[cell])
    cost = np.full(n_nodes, np.inf)
    came = np.full(n_nodes, -1)
    cost[start] = 0.0
    changed = True
    while changed:
        changed = False
        for c in range(tail.size):
            if c == cell:
                continue
            if up[c] and cost[tail[c]] + price[c] < cost[head[c]]:
                cost[head[c]], came[head[c]], changed = cost[tail[c]] + price[c], c, True
            if down[c] and cost[head[c]] + price[c] < cost[tail[c]]:
                cost[tail[c]], came[tail[c]], changed = cost[head[c]] + price[c], c, True
    for c in range(tail.size):
        signs[c] = 0
    if not np.isfinite(cost[goal]):
        return np.inf
    signs[cell] = direction
    node = goal
    while node != start:
        c = came[node]
        forward = head[c] == node
        signs[c] = 1 if forward else -1
        node = tail[c] if forward else head[c]
    return float(cost[goal] + price[cell])
