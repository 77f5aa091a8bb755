"""Disclosure control: what may leave the register code, and proof that suppressed cells stay secret."""

import heapq
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import DataMissingError, DisclosureError, InvalidDataError, SpecificationError

CONFIDENTIAL = ":"  # Statistics Norway's symbol
ALL = "all"
# A magnitude below the threshold of contributors is protected by this share of its own size.
_MAGNITUDE_PROTECTION = 0.2


def protect(
    table: pd.DataFrame,
    threshold: int = 5,
    *,
    counts: pd.DataFrame | None = None,
    largest: pd.DataFrame | None = None,
    dominance: float = 0.85,
    total: str = ALL,
    method: Literal["own", "optimal"] = "own",
) -> pd.DataFrame:
    """Suppress small and dominated cells, and others so that they cannot be worked out.

    Parameters
    ----------
    table : DataFrame of non-negative numbers
        Two-way table; with or without margins labelled `total`.
    threshold : int
        Cells with at least one but fewer persons are suppressed.
    counts : DataFrame, optional
        Persons in each cell where `table` holds a magnitude such as hours; same labels.
    largest : DataFrame, optional
        Contribution of the largest contributor to each inner cell of a magnitude.
    dominance : float
        Cells in which the largest contributor has more than this share are suppressed.
    total : str
        Label of the margins.
    method : {"own", "optimal"}
        Cheapest cycles in the network of cells; or the optimal pattern by pytauargus (extra ``sdc``, counts
        only), completed by our own where it protects small cells too little.

    Returns
    -------
    DataFrame of object
        The table with margins; suppressed cells hold ``":"``. ``attrs["suppressed"]`` is their number.

    Raises
    ------
    InvalidDataError
        Negative or missing values, repeated labels, margins that are not sums.
    DisclosureError
        If no pattern protects the table.

    Notes
    -----
    A two-way table with margins is a network: cells are arcs between the nodes of rows and columns, and a
    table that agrees with all that is published differs from the true one by cycles through suppressed
    cells (Cox 1995, Journal of the American Statistical Association 90, 1453-1462). For each small cell the
    cheapest cycle is suppressed on which its value can rise by the threshold, also for an attacker who knows
    that suppressed cells are not empty. Cells with nobody are published. Tables whose cells are sums over
    a third dimension are to be protected one layer at a time.
    """
    values = _with_margins(table, total)
    persons = values if counts is None else _with_margins(counts, total).loc[values.index, values.columns]
    n = persons.to_numpy(dtype=float)
    x = values.to_numpy(dtype=float)
    need = np.where((n > 0) & (n < threshold), float(threshold) if counts is None else 0.0, 0.0)
    if counts is not None:
        small = (n > 0) & (n < threshold)
        need[small] = np.maximum(_MAGNITUDE_PROTECTION * x[small], 1e-9)
    if largest is not None:
        top = np.zeros_like(x)
        top[:-1, :-1] = largest.reindex(index=values.index[:-1], columns=values.columns[:-1]).to_numpy(float)
        dominated = (x > 0) & (top > dominance * x)
        need[dominated] = np.maximum(need[dominated], top[dominated] / dominance - x[dominated] + 1e-9)
    if method == "optimal":
        if counts is not None:
            raise SpecificationError("method='optimal' protects tables of counts only")
        pattern = suppression_pattern(x, need, already=_optimal_pattern(values, threshold))
    elif method == "own":
        pattern = suppression_pattern(x, need, floor=1.0 if counts is None else 0.0)
    else:
        raise SpecificationError(f"method={method!r}; allowed are 'own' and 'optimal'")
    shown = values.astype(object).mask(pattern, CONFIDENTIAL)
    shown.attrs = {"suppressed": int(pattern.sum()), "threshold": threshold}
    return shown


def check_differences(
    first: pd.DataFrame,
    second: pd.DataFrame,
    threshold: int = 5,
    names: tuple[str, str] = ("first", "second"),
) -> None:
    """Refuse two published tables of which one counts a part of the other's persons.

    Parameters
    ----------
    first, second : DataFrame
        Tables of counts with ``":"`` where suppressed; cells with the same labels are compared. The same
        table for two populations (with and without a group), or for two deliveries.
    threshold : int
    names : tuple of str
        For the message.

    Raises
    ------
    DisclosureError
        If a cell that both show differs by at least 1 and less than `threshold`, or a cell suppressed in one
        is shown in the other, or follows from the other's margins; all are listed.
    """
    rows = first.index.intersection(second.index)
    columns = first.columns.intersection(second.columns)
    problems = []
    for row in rows:
        for column in columns:
            a, b = first.loc[row, column], second.loc[row, column]
            hidden = (a == CONFIDENTIAL, b == CONFIDENTIAL)
            if not any(hidden) and 0 < abs(float(a) - float(b)) < threshold:
                problems.append(f"{row}, {column}: the difference is a group of fewer than {threshold}")
            elif hidden[0] != hidden[1]:
                problems.append(f"{row}, {column}: suppressed in {names[hidden[1]]} only")
    if problems:
        raise DisclosureError(
            "\n".join(
                [
                    f"{names[0]} and {names[1]} may not be published together, {len(problems)} cell(s); "
                    "suppress the cells in both or publish one:",
                    *(f"  - {problem}" for problem in problems),
                ]
            )
        )


def require_safe(table: pd.DataFrame, counts: pd.DataFrame, threshold: int = 5, total: str = ALL) -> None:
    """Refuse to export a table that shows a small cell or lets one be worked out.

    Parameters
    ----------
    table : DataFrame
        About to leave, ``":"`` where suppressed.
    counts : DataFrame
        Persons in each cell; with or without margins.
    threshold : int
    total : str
        Label of the margins.

    Raises
    ------
    DisclosureError
        Exit code 4. Labels of the cells, never their values.
    """
    true = _with_margins(counts, total).loc[table.index, table.columns]
    x = true.to_numpy(dtype=float)
    hidden = (table == CONFIDENTIAL).to_numpy()
    small = (x > 0) & (x < threshold)
    labels = [(r, c) for r in table.index for c in table.columns]
    problems = [f"{labels[k]}: fewer than {threshold} persons" for k in np.flatnonzero(small & ~hidden)]
    if total in table.index and total in table.columns:
        weak = _recoverable(x, hidden, small, threshold)
        problems += [f"{labels[k]}: follows from what is shown" for k in np.flatnonzero(weak)]
    if problems:
        raise DisclosureError(
            "\n".join([f"export refused, {len(problems)} cell(s):", *(f"  - {p}" for p in problems)])
        )


def suppression_pattern(
    values: NDArray[np.float64],
    need: NDArray[np.float64],
    floor: float = 1.0,
    already: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """Cells to suppress so that every small cell can be larger by what it needs.

    Parameters
    ----------
    values : ndarray, shape (n_rows + 1, n_columns + 1)
        Margins last.
    need : ndarray, same shape
        By how much each sensitive cell must be able to rise in the eyes of an attacker; 0 if not sensitive.
    floor : float
        What an attacker knows to be the smallest value of a suppressed cell (zeros are published).
    already : ndarray of bool, optional
        A pattern to start from.

    Returns
    -------
    ndarray of bool, same shape

    Raises
    ------
    DisclosureError
        If the table is too small to protect.
    """
    pattern = np.array(need > 0, order="C")
    if already is not None:
        pattern |= already
    if not pattern.any():
        return pattern
    network = _Network(values, floor)
    sensitive = np.flatnonzero(need)
    for cell in sensitive[np.argsort(-need.ravel()[sensitive], kind="stable")]:
        wanted = need.ravel()[cell]
        for _ in range(60):
            path = network.cheapest_return(int(cell), wanted, pattern)
            if path is not None:
                break
            wanted *= 0.8
        else:
            raise DisclosureError(
                "a table has too few cells with anybody in them to protect its small cells: merge categories"
            )
        pattern.flat[path] = True
    return pattern


@dataclass(frozen=True, slots=True)
class _Arc:
    cell: int
    tail: int
    head: int


class _Network:
    """Cells as arcs: rows lead to columns, columns to the bottom margin, margins back to rows."""

    def __init__(self, values: NDArray[np.float64], floor: float) -> None:
        n_rows, n_columns = values.shape
        self.values = values.ravel()
        self.floor = floor
        self.n_nodes = n_rows + n_columns
        self.arcs = []
        for i in range(n_rows):
            for j in range(n_columns):
                row, column = i, n_rows + j
                # An inner cell leaves its row; a margin of a row enters it. Likewise for columns.
                backwards = (i == n_rows - 1) != (j == n_columns - 1)
                tail, head = (column, row) if backwards else (row, column)
                self.arcs.append(_Arc(i * n_columns + j, tail, head))
        self.links: list[list[tuple[int, int, bool]]] = [[] for _ in range(self.n_nodes)]
        for arc in self.arcs:
            if self.values[arc.cell] > 0:
                self.links[arc.tail].append((arc.head, arc.cell, True))
                self.links[arc.head].append((arc.tail, arc.cell, False))

    def cheapest_return(self, cell: int, rise: float, pattern: NDArray[np.bool_]) -> list[int] | None:
        """Cells of the cheapest cycle on which `cell` rises by `rise`; None if there is none."""
        suppressed = pattern.ravel()
        arc = self.arcs[cell]
        cost = np.full(self.n_nodes, np.inf)
        came: dict[int, tuple[int, int]] = {}
        cost[arc.head] = 0.0
        queue = [(0.0, arc.head)]
        while queue:
            so_far, node = heapq.heappop(queue)
            if node == arc.tail:
                break
            if so_far > cost[node]:
                continue
            for other, link, forward in self.links[node]:
                if link == cell or (not forward and self.values[link] - self.floor < rise):
                    continue
                price = so_far + (1e-6 if suppressed[link] else self.values[link] + 1.0)
                if price < cost[other]:
                    cost[other] = price
                    came[other] = (node, link)
                    heapq.heappush(queue, (price, other))
        if not np.isfinite(cost[arc.tail]):
            return None
        path, node = [], arc.tail
        while node != arc.head:
            node, link = came[node]
            path.append(link)
        return path

    def rise_within(self, cell: int, pattern: NDArray[np.bool_], enough: float) -> float:
        """By how much a suppressed cell can rise when only suppressed cells change, up to `enough`."""
        suppressed = pattern.ravel()
        arc = self.arcs[cell]
        flow: dict[int, float] = {}
        total = 0.0
        while total < enough:
            came: dict[int, tuple[int, int, bool]] = {}
            room = {arc.head: enough - total}
            queue = [arc.head]
            while queue and arc.tail not in room:
                node = queue.pop(0)
                for other, link, forward in self.links[node]:
                    if other in room or link == cell or not suppressed[link]:
                        continue
                    used = flow.get(link, 0.0)
                    left = np.inf if forward else self.values[link] - self.floor + used
                    if left > 1e-9:
                        room[other] = min(room[node], left)
                        came[other] = (node, link, forward)
                        queue.append(other)
            if arc.tail not in room:
                return total
            step, node = room[arc.tail], arc.tail
            while node != arc.head:
                node, link, forward = came[node]
                flow[link] = flow.get(link, 0.0) + (step if forward else -step)
            total += step
        return total


def _recoverable(
    values: NDArray[np.float64], hidden: NDArray[np.bool_], small: NDArray[np.bool_], threshold: int
) -> NDArray[np.bool_]:
    network = _Network(values, 1.0)
    weak = np.zeros(values.size, dtype=bool)
    for cell in np.flatnonzero(hidden & small):
        weak[cell] = network.rise_within(int(cell), hidden, threshold) < threshold - values.ravel()[cell]
    return weak.reshape(values.shape)


def _with_margins(table: pd.DataFrame, total: str) -> pd.DataFrame:
    problems = [f"label {label!r} occurs twice" for axis in table.axes for label in axis[axis.duplicated()]]
    numbers = table.apply(pd.to_numeric, errors="coerce")
    bad = np.argwhere(~(numbers >= 0).to_numpy())
    problems += [f"{table.index[i]}, {table.columns[j]}: missing or negative" for i, j in bad]
    if problems:
        raise InvalidDataError(f"table: {len(problems)} problem(s)", problems)
    inner = numbers.drop(index=total, columns=total, errors="ignore")
    full = inner.copy()
    full[total] = inner.sum(axis=1)
    full.loc[total] = full.sum(axis=0)
    for labels, given in (("row", total in table.index), ("column", total in table.columns)):
        if given:
            ours = full.loc[total, table.columns] if labels == "row" else full.loc[table.index, total]
            theirs = numbers.loc[total] if labels == "row" else numbers[total]
            wrong = ~np.isclose(ours.to_numpy(float), theirs.to_numpy(float), rtol=1e-9)
            problems += [f"{label}: the {labels} total is not the sum" for label in ours.index[wrong]]
    if problems:
        raise InvalidDataError("table: margins are not sums", problems)
    return full


def _optimal_pattern(values: pd.DataFrame, threshold: int) -> NDArray[np.bool_]:
    """Pattern of least suppressed persons by pytauargus."""
    try:
        from kostnadsvekst.register.tauargus import optimal_pattern
    except ImportError as error:
        raise DataMissingError("method='optimal' needs the extra: pip install kostnadsvekst[sdc]") from error
    return optimal_pattern(values, threshold)
