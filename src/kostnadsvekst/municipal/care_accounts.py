"""Accounts of a home-care service: costs by account or one total, and the refunds that are deducted."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import pandas as pd

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.municipal.cost_parameters import AccountRanges, account_ranges
from kostnadsvekst.municipal.given_numbers import number_faults, read_amounts
from kostnadsvekst.naming import require_columns

TOTAL = "total"
_HALF_ORE = 0.005  # kr: what sums of printed øre may differ by
_FIRST_INCOME = 600  # of the three digits of an art: 600 and above are incomes

Accounts: TypeAlias = float | Mapping[int, float] | Mapping[str, float] | pd.Series | pd.DataFrame


@dataclass(frozen=True, slots=True)
class CareAccounts:
    """Sums of the accounts, kroner.

    Attributes
    ----------
    gross_kr : float or None
        Costs before refunds; None where only a total after refunds is known.
    refunds_kr : float or None
    refunds_given : bool
        Whether an account of refunds was given; else refunds are taken as zero, or not known.
    net_kr : float
        After refunds, before administration.
    wages_kr, social_costs_kr : float or None
        None without accounts of costs. Social costs are pension, insurance and employer contribution.
    """

    gross_kr: float | None
    refunds_kr: float | None
    refunds_given: bool
    net_kr: float
    wages_kr: float | None
    social_costs_kr: float | None


def read_care_accounts(
    accounts: Accounts, total_is_net_of_refunds: bool | None
) -> tuple[CareAccounts | None, list[str]]:
    """Sum accounts, and say what is wrong with them.

    Parameters
    ----------
    accounts : float, mapping, Series or DataFrame
        As `kostnadsvekst.municipal.unit_costs.home_service`.
    total_is_net_of_refunds : bool or None

    Returns
    -------
    tuple
        The sums, None if there are faults; and the faults.

    Raises
    ------
    SpecificationError
        A total without `total_is_net_of_refunds`.
    DataMissingError
        A frame without its columns.
    """
    amounts, faults = _amounts(accounts)
    if TOTAL in amounts and not isinstance(total_is_net_of_refunds, bool):
        raise SpecificationError(
            "a total is given: say with total_is_net_of_refunds=True or False whether refunds are deducted "
            "from it"
        )
    ranges = account_ranges()
    costs, refunds, unknown = _sort(amounts, ranges)
    faults += unknown
    if faults:
        return None, faults
    return _sums(amounts.get(TOTAL), costs, refunds, bool(total_is_net_of_refunds), ranges)


def sum_accounts(accounts: Accounts, first: int, last: int) -> tuple[float, list[str]]:
    """Sum accounts of a range, øre kept, and say what is wrong with them.

    Parameters
    ----------
    accounts : mapping, Series or DataFrame
    first, last : int
        Four digits; both belong to the range.
    """
    amounts, faults = _amounts(accounts)
    amounts.pop(TOTAL, None)
    _, _, unknown = _sort(amounts, account_ranges())
    return _between(amounts, first, last), faults + unknown


def _amounts(accounts: Accounts) -> tuple[dict[str, float], list[str]]:
    """Account as text, or `TOTAL` -> kroner."""
    if isinstance(accounts, pd.DataFrame):
        require_columns(["account", "amount_kr"], accounts.columns)
        accounts = pd.Series(accounts["amount_kr"].to_numpy(), index=accounts["account"].to_numpy())
    if isinstance(accounts, Mapping | pd.Series):
        amounts, faults = read_amounts("accounts", accounts)
        return {TOTAL if key.lower() == TOTAL else key: value for key, value in amounts.items()}, faults
    faults = number_faults("the total, kr,", accounts)
    return ({} if faults else {TOTAL: float(accounts)}), faults


def _sort(
    amounts: Mapping[str, float], ranges: AccountRanges
) -> tuple[dict[str, float], dict[str, float], list[str]]:
    """Accounts of costs, accounts of refunds, and faults of those that are neither."""
    costs: dict[str, float] = {}
    refunds: dict[str, float] = {}
    faults = []
    for key, value in amounts.items():
        if key == TOTAL:
            continue
        if not (key.isascii() and key.isdigit() and len(key) >= 4 and key.startswith("1")):
            faults.append(
                f"{key!r} is no account of the operating accounts (1 and the art, as 1010) nor {TOTAL!r}"
            )
        elif _number(key) in ranges.refunds:
            refunds[key] = value
        elif int(key[1:4]) >= _FIRST_INCOME:
            known = ", ".join(map(str, ranges.refunds))
            faults.append(
                f"account {key} is an income, and none of those that the model deducts ({known}); leave it "
                "out, or book it on one of them"
            )
        else:
            costs[key] = value
    return costs, refunds, faults


def _sums(
    total: float | None,
    costs: Mapping[str, float],
    refunds: Mapping[str, float],
    is_net: bool,
    ranges: AccountRanges,
) -> tuple[CareAccounts | None, list[str]]:
    items, refunded = math.fsum(costs.values()), math.fsum(refunds.values())
    faults = _faults_of_sums(total, items if costs else None, refunded, is_net)
    gross: float | None = items
    if total is not None and not costs:
        gross = (total + refunded if refunds else None) if is_net else total
    net = (gross - refunded) if gross is not None else total
    if net is not None and net < 0:
        faults.append(f"refunds of {refunded:.2f} kr are more than the costs; give costs and refunds in kr")
    if faults or net is None:
        return None, faults
    return CareAccounts(
        gross_kr=gross,
        refunds_kr=None if gross is None else refunded,
        refunds_given=bool(refunds),
        net_kr=net,
        wages_kr=_between(costs, *ranges.wages) if costs else None,
        social_costs_kr=_between(costs, *ranges.social_costs) if costs else None,
    ), []


def _faults_of_sums(total: float | None, items: float | None, refunds: float, is_net: bool) -> list[str]:
    faults = []
    if total is None and items is None:
        faults.append("no account of costs and no total is given")
    if total is not None and total <= 0:
        faults.append(f"the total is {total:.2f} kr; costs are given as positive kroner")
    if items is not None and items <= 0:
        faults.append(f"the accounts of costs sum to {items:.2f} kr; costs are given as positive kroner")
    if refunds < 0:
        faults.append(
            f"the refunds sum to {refunds:.2f} kr; they are given as positive kroner: turn the sign of a "
            "ledger"
        )
    if total is not None and items is not None:
        expected = items - refunds if is_net else items
        if abs(total - expected) > _HALF_ORE:
            what = "costs less refunds" if is_net else "costs"
            faults.append(
                f"the total is {total:.2f} kr, the accounts of {what} sum to {expected:.2f} kr: "
                f"{total - expected:+.2f} kr; mend one of them, or give only one"
            )
    return faults


def _between(amounts: Mapping[str, float], first: int, last: int) -> float:
    return math.fsum(value for key, value in amounts.items() if first <= _number(key) <= last)


def _number(account: str) -> int:
    """First four digits: a municipality's own accounts may have more."""
    return int(account[:4]) if account[:4].isdigit() else 0
