"""Dated parameters of unit costs, working time, effort ladders and price lists, each with source and status.

Source: ``data/parameters/municipal.toml``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.naming import nearest_names
from kostnadsvekst.sources.embedded import municipal_parameters


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """A constant of working time.

    Attributes
    ----------
    value : float
    unit : str
    status : str
        ``stated``, ``derived`` or ``assumed``.
    source : str
    """

    value: float
    unit: str
    status: str
    source: str


@dataclass(frozen=True, slots=True)
class PlaceWeight:
    """Weight of a type of nursing-home place.

    Attributes
    ----------
    weight : float
        Ordinary places that one place of the type costs, as the model prints it (two decimals).
    cost_kr : float or None
        Cost of a place in Oslo in 2012, of which the weight is made; None where the weight has no cost.
    """

    weight: float
    cost_kr: float | None = None


@dataclass(frozen=True, slots=True)
class AccountRanges:
    """How accounts of home care are read.

    Attributes
    ----------
    refunds : tuple of int
        Accounts that are deducted.
    wages, social_costs : tuple of int
        First and last account.
    """

    refunds: tuple[int, ...]
    wages: tuple[int, int]
    social_costs: tuple[int, int]


def working_time() -> dict[str, WorkingTime]:
    """Constants of working time by name."""
    return {name: WorkingTime(**one) for name, one in _table("working_time")["constants"].items()}


def place_weights_of_oslo() -> dict[str, PlaceWeight]:
    """Weights of nursing-home places by type, as the model of KS, NHO and Virke prints them."""
    return {name: PlaceWeight(**one) for name, one in _table("place_weights")["types"].items()}


def account_ranges() -> AccountRanges:
    """Which accounts of home care are refunds, wages, and pension with employer contribution."""
    table = _table("home_care_accounts")
    ranges = {name: tuple(table[name]) for name in ("refunds", "wages", "social_costs")}
    return AccountRanges(**ranges)


def ladder_edition(name: str) -> Mapping[str, Any]:
    """Return the steps of an effort ladder in one edition.

    Parameters
    ----------
    name : str

    Raises
    ------
    SpecificationError
        No such edition.
    """
    return _one_of("edition of the effort ladder", name, _table("effort_ladder"))


def price_table(name: str) -> Mapping[str, Any]:
    """Price list as its source prints it: title, source, status and rows.

    Parameters
    ----------
    name : str

    Raises
    ------
    SpecificationError
        No such list.
    """
    return _one_of("price list", name, _table("price_lists"))


def _table(name: str) -> Mapping[str, Any]:
    table: Mapping[str, Any] = municipal_parameters()[name]
    return table


def _one_of(what: str, name: str, tables: Mapping[str, Any]) -> Mapping[str, Any]:
    known = [key for key, value in tables.items() if isinstance(value, Mapping)]
    if name not in known:
        raise SpecificationError(
            f"no {what} {nearest_names([str(name)], known)}; there are {', '.join(known)}"
        )
    table: Mapping[str, Any] = tables[name]
    return table
