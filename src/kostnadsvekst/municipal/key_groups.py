"""Rows that are sorted by what they are compared with: sums within each comparison."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class KeyGroups:
    """Groups of neighbouring rows.

    Attributes
    ----------
    of_row : array of int, shape (n,)
        Number of the group of each row, from zero, never falling.
    starts : array of int, shape (g,)
        First row of each group.
    sizes : array of int, shape (g,)
    """

    of_row: NDArray[np.int64]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, sorted_ids: ArrayLike) -> "KeyGroups":
        """Make groups of rows that have the same id and stand together."""
        ids = np.asarray(sorted_ids)
        first = np.r_[True, ids[1:] != ids[:-1]] if ids.size else np.zeros(0, dtype=bool)
        starts = np.flatnonzero(first).astype(np.int64)
        sizes = np.diff(np.r_[starts, ids.size]).astype(np.int64)
        return cls(np.cumsum(first).astype(np.int64) - 1, starts, sizes)

    def sum(self, values: ArrayLike) -> NDArray[np.float64]:
        """Sum within each group, shape (g,)."""
        if not self.starts.size:
            return np.zeros(0)
        return np.asarray(np.add.reduceat(np.asarray(values, float), self.starts))

    def spread(self, of_group: ArrayLike) -> NDArray[np.float64]:
        """Put a number of each group beside each of its rows, shape (n,)."""
        return np.asarray(of_group, float)[self.of_row]

    def slices(self) -> list[slice]:
        """Rows of each group."""
        return [slice(a, a + n) for a, n in zip(self.starts.tolist(), self.sizes.tolist(), strict=True)]

    def distinct(self, *columns: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find groups of the same numbers: a service that none buys is its own sum.

        Parameters
        ----------
        *columns : array, shape (n,)

        Returns
        -------
        kept : array of int
            Rows of the groups that differ from those before.
        back : array of int, shape (n,)
            Which of the kept rows has the numbers of each row.
        """
        arrays = [np.ascontiguousarray(x) for x in columns]
        seen: dict[tuple[bytes, ...], int] = {}
        new, place, size = [], np.empty(self.starts.size, dtype=np.int64), 0
        for number, rows in enumerate(self.slices()):
            numbers = tuple(x[rows].tobytes() for x in arrays)
            if numbers not in seen:
                seen[numbers] = size
                new.append(np.arange(rows.start, rows.stop))
                size += rows.stop - rows.start
            place[number] = seen[numbers]
        kept = np.concatenate([*new, np.zeros(0, dtype=np.int64)])
        return kept, (place - self.starts)[self.of_row] + np.arange(self.of_row.size)

    def pieces(self, rows: int) -> Iterator[tuple[slice, "KeyGroups"]]:
        """Give some whole groups at a time, of about so many rows: where they stand, and their groups."""
        first = 0
        while first < self.starts.size:
            begin = self.starts[first]
            last = max(int(np.searchsorted(self.starts, begin + rows)), first + 1)
            starts, sizes = self.starts[first:last] - begin, self.sizes[first:last]
            where = slice(int(begin), int(begin + sizes.sum()))
            yield where, KeyGroups(self.of_row[where] - first, starts, sizes)
            first = last


def distinct_rows(*columns: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of numbers that differ from each other.

    Parameters
    ----------
    *columns : array, shape (n,)

    Returns
    -------
    first : array of int, shape (d,)
        Where each is first found.
    back : array of int, shape (n,)
        Which of them each row is.
    """
    back = np.zeros(np.asarray(columns[0]).size, dtype=np.int64)
    for column in map(np.asarray, columns):
        codes, values = pd.factorize(column, use_na_sentinel=False)
        back = pd.factorize(back * len(values) + codes)[0] if len(values) > 1 else back
    first = np.zeros(back.max(initial=-1) + 1, dtype=np.int64)
    first[back[::-1]] = np.arange(back.size)[::-1]
    return first, back


def at_distinct(function: Callable[..., NDArray[np.float64]], *columns: ArrayLike) -> NDArray[np.float64]:
    """Compute a function of numbers once for each that differ, shape (n,)."""
    arrays = np.broadcast_arrays(*(np.asarray(x, float) for x in columns))
    first, back = distinct_rows(*arrays)
    return np.asarray(function(*(x[first] for x in arrays)))[back]
