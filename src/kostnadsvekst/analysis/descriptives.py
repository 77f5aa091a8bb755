"""Weighted descriptive statistics, as Stata's ``summarize [aweight]`` computes them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STATISTICS = ("mean", "std_dev", "minimum", "maximum")


@dataclass(frozen=True, slots=True)
class Description:
    """Mean, standard deviation and range of a variable."""

    mean: float
    std_dev: float
    minimum: float
    maximum: float


def describe(values: Floats, weights: Floats) -> Description:
    """Describe a variable with analytic weights.

    Parameters
    ----------
    values, weights : (n,) arrays
        Weights are positive.

    Returns
    -------
    Description
        With w scaled to sum to n, the standard deviation is sqrt(sum w (x - mean)^2 / (n - 1)); the range is
        unweighted. Source: Stata, summarize, Methods and formulas.
    """
    n = len(values)
    w = weights * (n / weights.sum())
    mean = float(w @ values / n)
    variance = float(w @ (values - mean) ** 2 / (n - 1))
    return Description(mean, variance**0.5, float(values.min()), float(values.max()))


def describe_by_statsmodels(values: Floats, weights: Floats) -> Description:
    """Describe a variable by ``statsmodels.stats.weightstats.DescrStatsW``: the second opinion."""
    from statsmodels.stats.weightstats import DescrStatsW

    stats = DescrStatsW(values, weights * (len(values) / weights.sum()), ddof=1)
    return Description(float(stats.mean), float(stats.std), float(np.min(values)), float(np.max(values)))
