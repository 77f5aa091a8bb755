"""Invented counts, costs and true rates of municipalities, many data sets at a time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# Of the largest municipality over the smallest in `draw_sizes`.
_SPAN = 20.0


@dataclass(frozen=True, slots=True)
class DrawnCosts:
    """Recipients and what is spent on them.

    Attributes
    ----------
    counts, amounts : array, shape of the means
    """

    counts: Floats
    amounts: Floats


def draw_sizes(n: int) -> Floats:
    """Make sizes of n municipalities: the first is 1, the others go from 1/4.5 to 4.5, evenly in logarithms.

    Parameters
    ----------
    n : int
    """
    others = np.exp(np.linspace(-np.log(_SPAN) / 2, np.log(_SPAN) / 2, n - 1)) if n > 1 else np.zeros(0)
    return np.asarray(np.r_[1.0, others])


def draw_true_rates(shape: str, cv: float, sets: int, n: int, seed: int) -> Floats:
    """Draw true rates with mean 1, shape (sets, n).

    Parameters
    ----------
    shape : {"gamma", "lognormal", "two levels", "equal"}
    cv : float
        Coefficient of variation; of no use when they are equal.
    sets, n : int
        Data sets, and municipalities in each.
    seed : int
    """
    rng = np.random.default_rng(seed)
    if shape == "gamma":
        return np.asarray(rng.gamma(cv**-2, cv**2, (sets, n)))
    if shape == "lognormal":
        s2 = np.log1p(cv**2)
        return np.asarray(np.exp(rng.normal(-s2 / 2, np.sqrt(s2), (sets, n))))
    if shape == "two levels":  # one in four is high
        high = rng.random((sets, n)) < 0.25
        return np.asarray(np.where(high, 1 + cv * np.sqrt(3), 1 - cv / np.sqrt(3)))
    return np.ones((sets, n))


def draw_counts(means: ArrayLike, seed: int, phi: float = 1.0) -> Floats:
    """Draw counts with variance phi times their mean: Poisson, or negative binomial.

    Parameters
    ----------
    means : array
    seed : int
    phi : float
        One or more.
    """
    rng = np.random.default_rng(seed)
    m = np.asarray(means, float)
    if phi > 1:
        m = rng.gamma(m / (phi - 1), phi - 1)
    return rng.poisson(m).astype(float)


def draw_proportions(sizes: ArrayLike, probability: float, seed: int) -> Floats:
    """Draw counts that are a part of their size.

    Parameters
    ----------
    sizes : array
    probability : float
    seed : int
    """
    return np.random.default_rng(seed).binomial(np.asarray(sizes, int), probability).astype(float)


def draw_costs(means: ArrayLike, unit_costs: ArrayLike, cv: float, seed: int) -> DrawnCosts:
    """Draw recipients, and the sum of their costs, each a gamma draw of its own.

    Parameters
    ----------
    means : array
        Expected recipients.
    unit_costs : array
        Expected cost of one.
    cv : float
        Coefficient of variation between recipients.
    seed : int
    """
    rng = np.random.default_rng(seed)
    counts = rng.poisson(np.asarray(means, float)).astype(float)
    shape = cv**-2
    return DrawnCosts(
        counts, rng.gamma(np.maximum(counts, 1e-9) * shape, 1 / shape) * np.asarray(unit_costs, float)
    )
