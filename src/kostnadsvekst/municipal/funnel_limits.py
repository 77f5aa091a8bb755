"""Limits of a funnel plot: where municipalities of a size would lie if all had the same rate."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from kostnadsvekst.municipal.count_intervals import Limits

Floats = NDArray[np.float64]


def funnel_limits(
    target: float,
    sizes: ArrayLike,
    level: float = 0.95,
    *,
    kind: Literal["poisson", "binomial", "compound"] = "poisson",
    relative: float = 1.0,
    phi: float = 1.0,
    tau2: float = 0.0,
) -> Limits:
    """Limits around a target by size.

    Parameters
    ----------
    target : float
        Common rate, numerator over denominator.
    sizes : array, shape (n,)
        Denominators; for costs recipients.
    level : float
    kind : {"poisson", "binomial", "compound"}
    relative : float
        Of costs: squared relative standard error of one recipient, the spread and for amounts for each
        inhabitant one more.
    phi : float
        Multiplicative overdispersion; nothing below one.
    tau2 : float
        Additive overdispersion, in the unit of the target squared.

    Returns
    -------
    Limits
        Of rates, not below zero.

    Notes
    -----
    Spiegelhalter 2005 (Statistics in Medicine 24, 1185-1202): target ± z sqrt(phi V / size + tau^2), and
    by chance alone, for counts and proportions, quantiles of the distribution with interpolation between
    whole numbers (its appendix).
    """
    n = np.asarray(sizes, float)
    if kind != "compound" and phi <= 1 and tau2 == 0:
        tail = (1 - level) / 2
        return Limits(_quantile(tail, target, n, kind) / n, _quantile(1 - tail, target, n, kind) / n)
    at = {"poisson": target, "binomial": target * (1 - target), "compound": target**2 * relative}[kind]
    half = stats.norm.isf((1 - level) / 2) * np.sqrt(max(phi, 1.0) * at / n + tau2)
    return Limits(np.maximum(target - half, 0.0), target + half)


def _quantile(p: float, target: float, n: Floats, kind: str) -> Floats:
    """Quantile of a count, as if the probability of each count were spread evenly below it."""
    law = stats.poisson(n * target) if kind == "poisson" else stats.binom(np.round(n), target)
    whole = law.ppf(p)
    share = (law.cdf(whole) - p) / law.pmf(whole)
    return np.asarray(np.maximum(whole - share, 0.0))
