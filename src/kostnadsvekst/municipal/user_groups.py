"""Costs by group of users: corrections, shared costs, refunds, and the profile beside others."""

import math
from numbers import Real

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.municipal.allocation import allocate
from kostnadsvekst.municipal.contradictions import contradictions
from kostnadsvekst.municipal.corrections import correct, moved
from kostnadsvekst.municipal.log_curves import LogCurve, log_curve
from kostnadsvekst.municipal.user_group_measures import colour, index_to_mean
from kostnadsvekst.municipal.user_group_profile import profile

__all__ = [
    "LogCurve",
    "adjust_employer_contribution",
    "allocate",
    "colour",
    "contradictions",
    "correct",
    "index_to_mean",
    "log_curve",
    "moved",
    "profile",
    "refund",
]

NATIONAL_RATE = 0.141  # employer's contribution in zone I


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
    wrong = [f"{name}={value}" for name, value in given.items() if not (_is_finite(value) and value >= 0)]
    wrong += [f"share={share} is above one"] if _is_finite(share) and share > 1 else []
    if wrong:
        raise SpecificationError(f"the refund cannot be computed from {', '.join(wrong)}")
    return share * max(0.0, wage_cost - deductions - threshold)


def _is_finite(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def adjust_employer_contribution(
    cost: float,
    rate: float,
    *,
    contribution: float | None = None,
    wage_share: float | None = None,
    to: float = NATIONAL_RATE,
) -> float:
    """Cost as it would be at another rate of employer's contribution (arbeidsgiveravgift).

    Parameters
    ----------
    cost : float
        Kroner, contribution included; negative for income.
    rate : float
        The municipality's own rate as a share, such as 0.051; zero in zone V.
    contribution : float, optional
        Kroner of contribution inside the cost (account 099 or 1099), also on refunds of wages.
    wage_share : float, optional
        Wage costs, contribution included, as a share of the cost; where the contribution is not known.
    to : float
        The rate to compare at.

    Returns
    -------
    float
        Kroner.

    Raises
    ------
    SpecificationError
        Numbers that are not finite, rates that are no shares below one, both or neither of `contribution` and
        `wage_share`, a contribution that is not a part of the cost; a rate of zero with `contribution`: it
        tells nothing of the wages, give `wage_share`.

    Notes
    -----
    cost − contribution + contribution × to / rate; else cost × (1 + wage_share × (to − rate) / (1 + rate)).
    The source states the aim only (Harstad 2023, section 1.1): the formula is assumed.
    """
    _refuse_contribution(cost, rate, contribution, wage_share, to)
    if rate == to:
        return float(cost)
    if contribution is not None:
        return cost - contribution + contribution * to / rate
    share = 0.0 if wage_share is None else wage_share
    return cost * (1.0 + share * (to - rate) / (1.0 + rate))


def _refuse_contribution(
    cost: float, rate: float, contribution: float | None, wage_share: float | None, to: float
) -> None:
    given = {"cost": cost, "contribution": contribution, "wage_share": wage_share}
    wrong = [
        f"{n}={v} is not finite"
        for n, v in given.items()
        if (v is not None or n == "cost") and not _is_finite(v)
    ]
    wrong += [
        f"{name}={value} is no share (14.1 per cent is 0.141)"
        for name, value in {"rate": rate, "to": to}.items()
        if not (_is_finite(value) and 0 <= value < 1)
    ]
    if wrong:
        raise SpecificationError(f"the employer's contribution cannot be adjusted: {'; '.join(wrong)}")
    if (contribution is None) == (wage_share is None) and not (rate == to and contribution is None):
        wrong.append("give one of contribution= and wage_share=")
    if wage_share is not None and not 0 <= wage_share <= 1:
        wrong.append(f"wage_share={wage_share} is no share of the cost")
    if contribution is not None and not (abs(contribution) <= abs(cost) and contribution * cost >= 0):
        wrong.append(f"contribution={contribution} is no part of cost={cost}")
    if contribution is not None and rate == 0 and to != 0:
        wrong.append("at rate=0 the contribution tells nothing of the wages; give wage_share=")
    if wrong:
        raise SpecificationError(f"the employer's contribution cannot be adjusted: {'; '.join(wrong)}")
