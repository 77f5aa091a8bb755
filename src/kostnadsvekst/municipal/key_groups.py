"""Rows that are sorted by what they are compared with: sums within each comparison."""

from dataclasses import dataclass

import numpy as np
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
