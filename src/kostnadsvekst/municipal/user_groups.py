"""Costs by group of users."""

import math

from kostnadsvekst.errors import SpecificationError


def refund(wage_cost: float, *, threshold: float, share: float = 0.80, deductions: float = 0.0) -> float:
    """State refund for one resource-intensive user.

    Parameters
    ----------
    wage_cost : float
        Direct wage cost of the user in the year, kroner.
    threshold : float
        Cost that the municipality bears itself, kroner (see
        `kostnadsvekst.municipal.parameters.refund_rule`).
    share : float
        Of the cost above the threshold that the state pays.
    deductions : float
        Deducted from the cost before the threshold, kroner: other earmarked grants for the user.

    Returns
    -------
    float
        Kroner, never negative.

    Raises
    ------
    SpecificationError
        A number that is missing or negative, or a share above one.

    Notes
    -----
    share × max(0, wage_cost − deductions − threshold). Source: the report, section 8.2.3.
    """
    given = {"wage_cost": wage_cost, "threshold": threshold, "share": share, "deductions": deductions}
    wrong = [f"{name}={value}" for name, value in given.items() if not (math.isfinite(value) and value >= 0)]
    wrong += [f"share={share} is above one"] if share > 1 else []
    if wrong:
        raise SpecificationError(f"the refund cannot be computed from {', '.join(wrong)}")
    return share * max(0.0, wage_cost - deductions - threshold)
