"""Disclosure control: what may leave the register code, and proof that suppressed cells stay secret."""

import heapq
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import DataMissingError, DisclosureError, InvalidDataError, SpecificationError
from kostnadsvekst.register.table_checks import (
    ALL,
    CONFIDENTIAL,
    check_dominance,
    check_threshold,
    read_cells,
    refuse_other_totals,
    same_labels,
    with_margins,
)

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
    not_totals: Collection[Hashable] = (),
) -> pd.DataFrame:
    """Suppress small and dominated cells, and others so that they cannot be worked out.

    Parameters
    ----------
    table : DataFrame of non-negative numbers
        Two-way table; with or without margins labelled `total`. Persons, unless `counts` or `largest` is
        given.
    threshold : int
        Cells with at least one but fewer persons are suppressed; 2 or more.
    counts : DataFrame, optional
        Persons in each cell where `table` holds a magnitude such as hours; same labels.
    largest : DataFrame, optional
        Contribution of the largest contributor to each inner cell of a magnitude; same labels, of the same
        type.
    dominance : float
        Cells in which the largest contributor has more than this share are suppressed.
    total : str
        Label of the margins.
    method : {"own", "optimal"}
        Cheapest cycles in the network of cells; or the optimal pattern by pytauargus (extra ``sdc``, counts
        only), completed by our own where it protects small cells too little.
    not_totals : collection of labels
        Rows and columns that are the sum of others by chance.

    Returns
    -------
    DataFrame of object
        The table with margins; suppressed cells hold ``":"``. ``attrs["suppressed"]`` is their number.

    Raises
    ------
    InvalidDataError
        Cells that are no numbers, missing, negative or infinite; persons that are no whole numbers; repeated
        labels or labels of several levels; margins that are not sums; totals under another label than
        `total`; `counts` or `largest` with other labels than the table, or that the table contradicts.
    SpecificationError
        A threshold below 2, a share outside 0 to 1, an unknown method.
    DisclosureError
        If no pattern protects the table.

    Notes
    -----
    A two-way table with margins is a network: cells are arcs between the nodes of rows and columns, and a
    table that agrees with all that is published differs from the true one by cycles through suppressed
    cells (Cox 1995, Journal of the American Statistical Association 90, 1453-1462). For each small cell the
    cheapest cycle is suppressed on which its value can rise by the threshold, also for an attacker who knows
    that suppressed cells are not empty. Cells with nobody are published.

    The promise is for one table. Layers of a table of three ways hang together (`protect_layers`), and so do
    a magnitude and its persons: what one shows can tell what another hides. Compare tables of persons of
    which one is a part of the other with `check_differences`.
    """
    threshold, dominance = check_threshold(threshold), check_dominance(dominance)
    if method not in ("own", "optimal"):
        raise SpecificationError(f"method={method!r}; allowed are 'own' and 'optimal'")
    if method == "optimal" and (counts is not None or largest is not None):
        raise SpecificationError("method='optimal' protects tables of counts only")
    numbers, _ = read_cells(table, "table", whole=counts is None and largest is None)
    refuse_other_totals(numbers, total, not_totals, "table")
    values = with_margins(numbers, total, "table")
    if counts is None and largest is None:
        values = values.round().astype("int64")
    x = values.to_numpy(dtype=float)
    persons = values if counts is None else _persons_of(values, counts, total)
    need = _need(x, persons.to_numpy(dtype=float), threshold, magnitude=counts is not None)
    if largest is not None:
        need = np.maximum(need, _need_of_dominated(values, largest, dominance, total))
    if method == "optimal":
        pattern = suppression_pattern(x, need, already=_optimal_pattern(values, threshold))
    else:
        pattern = suppression_pattern(x, need, floor=1.0 if counts is None else 0.0)
    shown = values.astype(object).mask(pattern, CONFIDENTIAL)
    shown.attrs = {"suppressed": int(pattern.sum()), "threshold": threshold}
    return shown


def _need(
    x: NDArray[np.float64], n: NDArray[np.float64], threshold: int, *, magnitude: bool
) -> NDArray[np.float64]:
    """By how much the cells of few persons must be able to rise."""
    small = (n > 0) & (n < threshold)
    enough = np.maximum(_MAGNITUDE_PROTECTION * x, 1e-9) if magnitude else float(threshold)
    return np.where(small, enough, 0.0)


def _persons_of(values: pd.DataFrame, counts: pd.DataFrame, total: str) -> pd.DataFrame:
    """Persons in the cells of a magnitude."""
    numbers, _ = read_cells(counts, "counts", whole=True)
    if problems := same_labels(values, numbers, "counts", total):
        raise InvalidDataError("counts: not the labels of the table", problems)
    persons = with_margins(numbers, total, "counts").loc[values.index, values.columns]
    nobody = (persons == 0) & (values > 0)
    if nobody.to_numpy().any():
        raise InvalidDataError("counts: nobody in cells that are not empty", _where(nobody))
    return persons


def _need_of_dominated(
    values: pd.DataFrame, largest: pd.DataFrame, dominance: float, total: str
) -> NDArray[np.float64]:
    """By how much cells must be able to rise until the largest contributor is below the share."""
    numbers, _ = read_cells(largest, "largest", whole=False)
    if problems := same_labels(values, numbers, "largest", total):
        raise InvalidDataError("largest: not the labels of the table", problems)
    inner = values.iloc[:-1, :-1]
    top = numbers.loc[inner.index, inner.columns]
    wrong = (top > inner * (1 + 1e-9)) | ((top == 0) & (inner > 0))
    if wrong.to_numpy().any():
        raise InvalidDataError(
            "largest: more than the whole cell, or nothing in a cell that is not empty", _where(wrong)
        )
    # A margin that one contributor dominates is on the cycle of the cell that he or she dominates: the others
    # in the line have less than what that cell must be able to rise by.
    of_all = np.pad(top.to_numpy(dtype=float), ((0, 1), (0, 1)))
    x = values.to_numpy(dtype=float)
    dominated = (x > 0) & (of_all > dominance * x)
    return np.where(dominated, np.maximum(of_all / dominance - x, 0.0) + 1e-9, 0.0)


def _where(wrong: pd.DataFrame) -> list[str]:
    rows, columns = np.nonzero(wrong.to_numpy())
    return [f"{wrong.index[i]}, {wrong.columns[j]}" for i, j in zip(rows, columns, strict=True)]


def require_safe(
    table: pd.DataFrame,
    counts: pd.DataFrame,
    threshold: int = 5,
    total: str = ALL,
    *,
    not_totals: Collection[Hashable] = (),
) -> None:
    """Refuse to export a table that shows a small cell or lets one be worked out.

    Parameters
    ----------
    table : DataFrame
        About to leave, ``":"`` where suppressed: persons, or a magnitude of the same cells. With both
        margins, one, or none: what is not in it is not published.
    counts : DataFrame
        Persons in each cell; with or without margins; labels as in `table`, in any order.
    threshold : int
    total : str
        Label of the margins.
    not_totals : collection of labels
        Rows and columns that are the sum of others by chance.

    Raises
    ------
    DisclosureError
        Exit code 4. Labels of the cells, never their values.
    InvalidDataError
        A table that cannot be judged: cells that are neither numbers nor ``":"``; labels that `counts` lacks,
        or the other way round; totals under another label than `total`.
    SpecificationError
        A threshold below 2.

    Notes
    -----
    The promise is for one table. Cells of at least `threshold` persons may follow from what is shown.
    """
    threshold = check_threshold(threshold)
    shown, hidden_cells = read_cells(table, "table", whole=False, may_hide=True)
    numbers, _ = read_cells(counts, "counts", whole=True)
    refuse_other_totals(numbers, total, not_totals, "counts")
    true = with_margins(numbers, total, "counts")
    if problems := same_labels(true, shown, "table", total) or _wrong_totals(shown, true, total):
        raise InvalidDataError(
            "table: it cannot be judged by these counts; a total of another name is named with total=",
            problems,
        )
    # A margin that is not in the table is not published.
    hidden = pd.DataFrame(True, index=true.index, columns=true.columns)
    hidden.loc[shown.index, shown.columns] = hidden_cells
    published = hidden.to_numpy(dtype=bool)
    x = true.to_numpy(dtype=float)
    small = (x > 0) & (x < threshold)
    labels = [(r, c) for r in true.index for c in true.columns]
    problems = [f"{labels[k]}: fewer than {threshold} persons" for k in np.flatnonzero(small & ~published)]
    weak = _recoverable(x, published, small, threshold)
    weak[~true.index.isin(shown.index)] = False
    weak[:, ~true.columns.isin(shown.columns)] = False
    problems += [f"{labels[k]}: follows from what is shown" for k in np.flatnonzero(weak)]
    if problems:
        raise DisclosureError(
            "\n".join([f"export refused, {len(problems)} cell(s):", *(f"  - {p}" for p in problems)])
        )


def _wrong_totals(shown: pd.DataFrame, true: pd.DataFrame, total: str) -> list[str]:
    """Totals that are not those of the counts although all other cells shown are the counts."""
    known = true.loc[shown.index, shown.columns]
    agrees = shown.isna() | np.isclose(shown, known)
    margin = np.logical_or.outer(shown.index == total, shown.columns == total)
    if not agrees.to_numpy()[~margin].all():
        return []  # a magnitude
    return [f"{place}: the total is not that of the counts" for place in _where(~agrees & margin)]


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


def _optimal_pattern(values: pd.DataFrame, threshold: int) -> NDArray[np.bool_]:
    """Pattern of least suppressed persons by pytauargus."""
    try:
        from kostnadsvekst.register.tauargus import optimal_pattern
    except ImportError as error:
        raise DataMissingError("method='optimal' needs the extra: pip install kostnadsvekst[sdc]") from error
    return optimal_pattern(values, threshold)
