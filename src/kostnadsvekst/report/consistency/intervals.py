"""Interval arithmetic: what a printed number may have been before it was rounded.

Moore, Kearfott and Cloud (2009), Introduction to Interval Analysis, chapters 2 and 5. Ends are ordinary
floating-point numbers, so two intervals count as disjoint only when they are so by more than rounding of the
arithmetic itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Relative error of a sum of a hundred doubles is far below; printed numbers have at most ten digits.
_RELATIVE = 1e-11


@dataclass(frozen=True, slots=True)
class Interval:
    """Every number from ``low`` to ``high``; either end may be infinite."""

    low: float
    high: float

    def __add__(self, other: "Interval") -> "Interval":
        return Interval(self.low + other.low, self.high + other.high)

    def __sub__(self, other: "Interval") -> "Interval":
        return Interval(self.low - other.high, self.high - other.low)

    def __mul__(self, other: "Interval") -> "Interval":
        ends = [_times(a, b) for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(ends), max(ends))

    def __truediv__(self, other: "Interval") -> "Interval":
        if other.low <= 0 <= other.high:
            return EVERYTHING
        return self * Interval(1 / other.high, 1 / other.low)

    def scale(self, factor: float) -> "Interval":
        """Multiply by a number."""
        return self * exact(factor)

    def power(self, exponent: float) -> "Interval":
        """Raise to a positive power; what is negative counts as zero."""
        return Interval(max(self.low, 0.0) ** exponent, max(self.high, 0.0) ** exponent)

    def square(self) -> "Interval":
        """Squares of all numbers of the interval."""
        ends = sorted((self.low**2, self.high**2))
        return Interval(0.0 if self.low <= 0 <= self.high else ends[0], ends[1])

    def distance(self, other: "Interval") -> float:
        """Gap between two intervals, zero where they meet."""
        return max(0.0, self.low - other.high, other.low - self.high)

    def meets(self, other: "Interval") -> bool:
        """Whether some number lies in both, rounding of the arithmetic granted."""
        ends = (x for x in (self.low, self.high, other.low, other.high) if math.isfinite(x))
        return self.distance(other) <= _RELATIVE * max(map(abs, ends), default=0.0)

    def above(self, other: "Interval") -> bool:
        """Whether every number of it is larger than every number of the other."""
        return self.low > other.high and not self.meets(other)

    def common(self, other: "Interval") -> "Interval | None":
        """Numbers that lie in both, None where there are none."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Interval(low, high) if low <= high else None

    @property
    def middle(self) -> float:
        """Midpoint."""
        return (self.low + self.high) / 2


EVERYTHING = Interval(-math.inf, math.inf)


def exact(value: float) -> Interval:
    """Interval of one number."""
    return Interval(value, value)


def total(intervals: Sequence[Interval]) -> Interval:
    """Sum of intervals."""
    return Interval(math.fsum(i.low for i in intervals), math.fsum(i.high for i in intervals))


def _times(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b


def weighted_mean(values: Sequence[Interval], weights: Sequence[Interval]) -> Interval:
    """Range of a weighted mean whose weights are known within bounds and add up to one.

    Parameters
    ----------
    values : sequence of Interval
    weights : sequence of Interval
        Bounds of each weight, as shares.

    Returns
    -------
    Interval
        Exact: a linear programme over a box cut by one plane is solved by filling the weights in the order
        of the values (the fractional knapsack of Dantzig, 1957).
    """
    low = _fill([v.low for v in values], weights, largest=False)
    return Interval(low, _fill([v.high for v in values], weights, largest=True))


def _fill(values: Sequence[float], weights: Sequence[Interval], *, largest: bool) -> float:
    shares = [w.low for w in weights]
    left = 1.0 - math.fsum(shares)
    for k in sorted(range(len(values)), key=lambda k: values[k], reverse=largest):
        more = min(left, weights[k].high - weights[k].low)
        shares[k] += more
        left -= more
    return math.fsum(s * v for s, v in zip(shares, values, strict=True)) / math.fsum(shares)
