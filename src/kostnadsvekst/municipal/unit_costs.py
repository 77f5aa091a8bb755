"""Unit costs of nursing homes, home nursing and practical assistance.

Source: KS, NHO and Virke, booklet on unit costs (2014), sections 4.1 to 4.3 and annexes 1 to 3. ``status``
says of each result whether its formula is stated there, derived from its printed numbers, or assumed.

Rounding: nothing is rounded. Sums of accounts are exact to the øre; to print øre, round half away from zero,
as a workbook's ROUND does.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import pandas as pd

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.municipal.care_accounts import Accounts, read_care_accounts, sum_accounts
from kostnadsvekst.municipal.cost_parameters import place_weights_of_oslo
from kostnadsvekst.municipal.given_numbers import number_faults, read_amounts, refuse, twice
from kostnadsvekst.municipal.home_costs import FOR_AVAILABLE, faults_of_ata, measures_of_home_service
from kostnadsvekst.municipal.home_hours import Hours
from kostnadsvekst.naming import nearest_names
from kostnadsvekst.provenance import provenance_of

__all__ = [
    "Hours",
    "account_subtotal",
    "administration_share",
    "ata_sensitivity",
    "average_places",
    "average_weight",
    "cost_difference",
    "cost_per_unit",
    "extra_hours",
    "home_service",
    "nursing_home",
    "oslo_weights",
    "place_weights",
    "places_in_use",
    "weighted_places",
]

MONTHS = 12
Base = Literal["available", "paid"]
_NURSING_HOME = "places", "cost_per_place_kr", "cost_per_day_kr", "care_fte_per_place"


def __dir__() -> list[str]:
    return sorted(__all__)


def average_places(periods: Iterable[tuple[float, float]]) -> float:
    """Average places of a year in which their number changed.

    Parameters
    ----------
    periods : iterable of (places, months)
        Months sum to 12.

    Returns
    -------
    float
        Not rounded: the source prints 48 for 48.333.

    Raises
    ------
    InvalidDataError
        No pairs, negative places, months that are not positive or do not sum to 12; all at once.

    Notes
    -----
    sum(places × months) / 12. Stated: section 4.1.
    """
    pairs, faults = _pairs(periods)
    total = math.fsum(months for _, months in pairs)
    if not faults and abs(total - MONTHS) > 1e-9:
        faults.append(f"the months sum to {total:.10g}, not to {MONTHS}; give every month of the year once")
    refuse("average places", faults)
    return math.fsum(places * months for places, months in pairs) / MONTHS


def places_in_use(bed_days: float, days: float = 365) -> float:
    """Average places in use.

    Parameters
    ----------
    bed_days : float
        Days that residents stayed in the period.
    days : float
        Of the period.

    Raises
    ------
    InvalidDataError
        Numbers that are negative, missing, or no days.

    Notes
    -----
    bed_days / days. Stated: Ålesund 2020 to 2021, projection of places.
    """
    faults = number_faults("bed_days", bed_days, least=0) + number_faults("days", days, above=0)
    refuse("places in use", faults)
    return bed_days / days


def place_weights(costs: Mapping[str, float] | pd.Series, ordinary: str | float) -> pd.Series:
    """Weights of types of place, the ordinary place 1.

    Parameters
    ----------
    costs : mapping or Series
        Type -> cost of a place, kroner.
    ordinary : str or float
        Type that is the ordinary place, or the cost of an ordinary place, kroner.

    Returns
    -------
    Series, index ``place_type``
        ``weight``, not rounded: the source shows two decimals.

    Raises
    ------
    InvalidDataError
        Costs that are not positive, a type twice, no cost of the ordinary type; all at once.

    Notes
    -----
    weight = cost of the type / cost of the ordinary place. Stated: section 4.1, annex 1.
    """
    kept, faults = read_amounts("costs", costs, above=0)
    if isinstance(ordinary, str):
        base = kept.get(ordinary.strip(), math.nan)
        if ordinary.strip() not in kept and not any(repr(ordinary.strip()) in fault for fault in faults):
            faults.append(
                f"no cost of the ordinary place {nearest_names([ordinary], kept)}; all weights are relative "
                "to it"
            )
    else:
        found = number_faults("the cost of an ordinary place", ordinary, above=0)
        faults += found
        base = math.nan if found else float(ordinary)
    refuse("weights of places", faults)
    return pd.Series(kept, name="weight").rename_axis("place_type") / base


def oslo_weights() -> pd.Series:
    """Weights of places that the model uses where a municipality has none of its own.

    Returns
    -------
    Series, index ``place_type``
        ``weight``, with two decimals as printed: Oslo's costs of 2012 relative to an ordinary place. The
        weight of a place for children (barnebolig) is a default of the model without experience behind it.
        ``attrs["cost_2012_kr"]`` has the costs.
    """
    known = place_weights_of_oslo()
    weights = pd.Series({name: one.weight for name, one in known.items()}, name="weight")
    weights.attrs["cost_2012_kr"] = {name: one.cost_kr for name, one in known.items()}
    return weights.rename_axis("place_type")


def weighted_places(
    places: Mapping[str, float] | pd.Series, weights: Mapping[str, float] | pd.Series | None = None
) -> float:
    """Places as ordinary places.

    Parameters
    ----------
    places : mapping or Series
        Type -> average places in use.
    weights : mapping or Series, optional
        As `nursing_home`.

    Raises
    ------
    InvalidDataError
        As `nursing_home`.

    Notes
    -----
    sum(places × weight). Stated: section 4.1.
    """
    given, weight, faults = _weighted(places, weights)
    refuse("weighted places", faults)
    return math.fsum(given[name] * weight[name] for name in given)


def average_weight(places: float, weighted: float) -> float:
    """Weight of the average place.

    Parameters
    ----------
    places, weighted : float
        Places as they are, and as ordinary places (`weighted_places`).

    Raises
    ------
    InvalidDataError
        Numbers that are not positive.
    """
    faults = number_faults("places", places, above=0) + number_faults("weighted places", weighted, above=0)
    refuse("the average weight", faults)
    return weighted / places


def cost_per_unit(cost_kr: float, number: float, what: str = "recipients") -> float:
    """Cost of a recipient, place, inhabitant or hour.

    Parameters
    ----------
    cost_kr : float
        Kroner.
    number : float
    what : str
        What is counted, for messages.

    Returns
    -------
    float
        Kroner for each.

    Raises
    ------
    InvalidDataError
        No number to divide by, or no cost.
    """
    refuse(
        f"the cost by {what}",
        number_faults("the cost, kr,", cost_kr) + number_faults(f"number of {what}", number, above=0),
    )
    return cost_kr / number


def cost_difference(cost_kr: float, number: float, other: float, what: str = "places") -> float:
    """Difference that counting makes: the cost of each at one number less that at another.

    Parameters
    ----------
    cost_kr : float
        Kroner.
    number, other : float
        For example places at the end of the year, and the average of the year.
    what : str
        What is counted, for messages.

    Returns
    -------
    float
        Kroner for each; positive where `number` is the smaller.

    Raises
    ------
    InvalidDataError
        As `cost_per_unit`.

    Notes
    -----
    cost / number − cost / other. Stated: section 4.1, where the printed 54 100 is 54 166.67 cut off.
    """
    return cost_per_unit(cost_kr, number, what) - cost_per_unit(cost_kr, other, what)


def nursing_home(
    cost_thousand: float,
    places: Mapping[str, float] | pd.Series | float,
    weights: Mapping[str, float] | pd.Series | None = None,
    *,
    care_fte: float | None = None,
    days: float = 365,
) -> pd.DataFrame:
    """Cost of a nursing-home place, of all places alike and of ordinary places.

    Parameters
    ----------
    cost_thousand : float
        Adjusted gross operating expenditures of function 253, consolidated, 1000 kroner.
    places : mapping, Series or float
        Type -> average places in use in the year; not bought, not sold, not housing with 24-hour care. One
        number where types are not known: the row ``weighted`` is then left out.
    weights : mapping or Series, optional
        Type -> ordinary places that it costs; the ordinary place has 1. `oslo_weights` if not given, whose
        names may be in capitals.
    care_fte : float, optional
        Man-years of care.
    days : float
        Of the year. Assumed: the source does not say; 365.

    Returns
    -------
    DataFrame, index ``basis``: ``unweighted``, ``weighted``
        ``places``, ``cost_per_place_kr``, ``cost_per_day_kr``, ``care_fte_per_place`` (NaN without
        `care_fte`). ``attrs``: ``cost_kr``, ``days``, ``average_weight``, and ``status`` of each column.

    Raises
    ------
    InvalidDataError
        A cost or places that are not positive, a type twice or without weight, weights without an ordinary
        place; all at once.

    Notes
    -----
    Stated in words, section 4.1: cost × 1000 / sum(places), and / sum(places × weight); day price: / days.
    """
    faults = number_faults("cost_thousand", cost_thousand, above=0, remedy="give it in 1000 kroner")
    faults += number_faults("days", days, above=0, most=366)
    faults += [] if care_fte is None else number_faults("care_fte", care_fte, least=0)
    rows, wrong = _rows_of_places(places, weights)
    refuse("costs of nursing-home places", faults + wrong)
    frame = pd.DataFrame({"places": rows}).rename_axis("basis")
    cost_kr = float(cost_thousand) * 1000
    frame["cost_per_place_kr"] = cost_kr / frame["places"]
    frame["cost_per_day_kr"] = frame["cost_per_place_kr"] / float(days)
    frame["care_fte_per_place"] = (math.nan if care_fte is None else float(care_fte)) / frame["places"]
    frame.attrs = {
        "cost_kr": cost_kr,
        "days": float(days),
        "status": dict(zip(_NURSING_HOME, ("stated", "stated", "assumed", "stated"), strict=True)),
    }
    if "weighted" in rows:
        frame.attrs["average_weight"] = rows["weighted"] / rows["unweighted"]
    return frame


def account_subtotal(
    accounts: Mapping[int, float] | Mapping[str, float] | pd.Series | pd.DataFrame, first: int, last: int
) -> float:
    """Sum of the accounts of a range.

    Parameters
    ----------
    accounts : mapping, Series or DataFrame
        As `home_service`.
    first, last : int
        Four digits; both belong to the range, as 1010 and 1069 for wages.

    Returns
    -------
    float
        Kroner.

    Raises
    ------
    InvalidDataError
        As `home_service`.
    """
    total, faults = sum_accounts(accounts, first, last)
    refuse(f"the sum of accounts {first} to {last}", faults)
    return total


def administration_share(cost_kr: float, admin: float) -> float:
    """Share of administration in the cost of a service.

    Parameters
    ----------
    cost_kr : float
        With administration, kroner.
    admin : float
        Kroner.

    Returns
    -------
    float
        Per cent.

    Raises
    ------
    InvalidDataError
        No cost, or administration that is negative or more than the cost.
    """
    faults = number_faults("the cost with administration, kr,", cost_kr, above=0)
    most = math.inf if faults else cost_kr
    faults += number_faults("admin", admin, least=0, most=most, remedy="the cost has administration in it")
    refuse("the share of administration", faults)
    return 100 * admin / cost_kr


def home_service(
    accounts: Accounts,
    hours: Hours | None,
    *,
    admin: float = 0.0,
    total_is_net_of_refunds: bool | None = None,
) -> pd.DataFrame:
    """Cost of an hour of home nursing or practical assistance, and the share of time with recipients (ATA).

    Residents of staffed housing are out of both accounts and hours.

    Parameters
    ----------
    accounts : float, mapping, Series or DataFrame
        Account -> kroner; a frame has columns ``account`` and ``amount_kr``. Costs are positive (1064, a
        contra account, is negative), refunds (1701, 1710, 1711, 1712, 1729) are positive and deducted.
        ``"total"`` instead of the accounts of costs, or beside them, is the sum of one cell; a number alone
        is that total.
    hours : Hours or None
        None: measures of money only.
    admin : float
        Costs of administration, kroner, not among the accounts.
    total_is_net_of_refunds : bool, optional
        Whether refunds are deducted from the total. Needed with a total: the two models of the source differ
        (home nursing: after refunds, practical assistance: before).

    Returns
    -------
    DataFrame
        ``measure``, ``value``, ``unit`` and ``status``: gross cost, refunds, net cost without and with
        administration, administration's share; with accounts wages, and pension with employer contribution;
        hours of the year; cost per planned, delivered and worked hour, without and with administration; ATA
        of available and of paid hours (the source says both). ``attrs["left_out"]``: measure -> why it is not
        there.

    Raises
    ------
    InvalidDataError
        Accounts that are no accounts of costs, stand twice or are missing; a total that is not the sum of the
        accounts; refunds with a ledger's sign or above the costs; negative administration; more hours
        delivered than available; all at once.
    SpecificationError
        A total without `total_is_net_of_refunds`.
    DataMissingError
        A frame without its columns.

    Notes
    -----
    Formulas of hours: `Hours`. Refunds that are not given beside a total before refunds are taken as zero,
    status assumed.
    """
    if not isinstance(hours, Hours | None):
        raise SpecificationError(
            f"hours are kv.municipal.unit_costs.Hours or None, not {type(hours).__name__}"
        )
    sums, faults = read_care_accounts(accounts, total_is_net_of_refunds)
    faults += number_faults("admin", admin, least=0, remedy="costs are given as positive kroner")
    faults += faults_of_ata(hours) if hours else []
    refuse("costs of the home service", faults)
    assert sums is not None
    measures = measures_of_home_service(sums, admin, hours)
    kept = [one for one in measures if one.value is not None]
    frame = pd.DataFrame(
        [(one.name, one.value, one.unit, one.status) for one in kept],
        columns=["measure", "value", "unit", "status"],
    )
    frame.attrs["left_out"] = {one.name: one.why_not for one in measures if one.value is None}
    if isinstance(accounts, pd.Series | pd.DataFrame) and "provenance" in accounts.attrs:
        frame.attrs["provenance"] = provenance_of(accounts).to_attrs()
    return frame


def ata_sensitivity(
    net_cost: float, hours: Hours, shares: Iterable[float], *, base: Base = "available"
) -> pd.DataFrame:
    """Cost of a delivered hour at other shares of time with recipients (ATA).

    Parameters
    ----------
    net_cost : float
        Kroner in the year.
    hours : Hours
        With man-years; with absences, too, for the base of available hours.
    shares : iterable of float
        Above 0, at most 1: 0.6 for 60 per cent.
    base : {"available", "paid"}
        Hours that ATA is a share of. The source says both.

    Returns
    -------
    DataFrame, in the order of `shares`
        ``ata``, ``delivered_per_week``, ``cost_per_delivered_hour_kr``.

    Raises
    ------
    InvalidDataError
        Shares that are no shares or stand twice, a cost that is not positive, hours without what the base
        needs.

    Notes
    -----
    delivered per week = ATA × hours of the base / weeks; cost = net_cost / (ATA × hours of the base).
    Assumed, as the available hours of `Hours` are.
    """
    if base not in ("available", "paid"):
        raise SpecificationError(
            f"base {nearest_names([str(base)], ['available', 'paid'])} is not available or paid"
        )
    kept, faults = _shares(shares)
    faults += number_faults("net_cost", net_cost, above=0)
    faults += _no_base(hours, base)
    refuse("the sensitivity to ATA", faults)
    worked = hours.available_hours if base == "available" else hours.paid_hours
    assert worked is not None
    frame = pd.DataFrame({"ata": kept})
    frame["delivered_per_week"] = frame["ata"] * worked / hours.weeks
    frame["cost_per_delivered_hour_kr"] = net_cost / (frame["ata"] * worked)
    frame.attrs = {"base": base, "status": "assumed"}
    return frame


def extra_hours(available_hours: float, ata_change: float) -> float:
    """Hours with recipients per year that a change of ATA gives, at the same man-years.

    Parameters
    ----------
    available_hours : float
        Per year (`Hours.available_hours`).
    ata_change : float
        As a share: 0.10 for ten percentage points.

    Raises
    ------
    InvalidDataError
        No hours, or a change beyond 100 points.

    Notes
    -----
    available hours × change. Stated in words: section 3.1 of the source; assumed as far as the available
    hours are.
    """
    faults = number_faults("available_hours", available_hours, above=0)
    faults += number_faults("ata_change", ata_change, least=-1, most=1, remedy="ten points are 0.10")
    refuse("extra hours", faults)
    return available_hours * ata_change


def _pairs(periods: Iterable[tuple[float, float]]) -> tuple[list[tuple[float, float]], list[str]]:
    faults: list[str] = []
    kept = []
    for number, pair in enumerate(periods, 1):
        try:
            places, months = pair
        except (TypeError, ValueError):
            faults.append(f"period {number} is {pair!r}, not a pair of places and months")
            continue
        found = number_faults(f"places of period {number}", places, least=0)
        found += number_faults(f"months of period {number}", months, above=0, most=MONTHS)
        kept += [] if found else [(float(places), float(months))]
        faults += found
    return kept, faults if kept or faults else ["no period is given; one period of 12 months is enough"]


def _rows_of_places(
    places: Mapping[str, float] | pd.Series | float, weights: Mapping[str, float] | pd.Series | None
) -> tuple[dict[str, float], list[str]]:
    if not isinstance(places, Mapping | pd.Series):
        found = number_faults("places", places, above=0)
        if weights is not None:
            found.append("weights are given, but places are one number: give places by type")
        return ({} if found else {"unweighted": float(places)}), found
    given, weight, faults = _weighted(places, weights)
    if faults:
        return {}, faults
    return {
        "unweighted": math.fsum(given.values()),
        "weighted": math.fsum(given[name] * weight[name] for name in given),
    }, []


def _weighted(
    places: Mapping[str, float] | pd.Series, weights: Mapping[str, float] | pd.Series | None
) -> tuple[dict[str, float], dict[str, float], list[str]]:
    """Places by type, the weight of each type, and faults of both."""
    given, faults = read_amounts("places", places, least=0)
    if not faults and math.fsum(given.values()) <= 0:
        faults.append("there is no place of any type; a cost per place needs at least one")
    known, wrong = read_amounts("weights", oslo_weights() if weights is None else weights, above=0)
    faults += wrong + ([] if wrong else _no_ordinary(known))
    by_fold = {_fold(name): value for name, value in known.items()}
    weight = {name: known.get(name, by_fold.get(_fold(name))) for name in given}
    absent = [name for name, value in weight.items() if value is None]
    if absent and not wrong:
        faults.append(
            f"no weight for {nearest_names(absent, known)}; there are weights for {', '.join(known)}"
        )
    return given, {name: value for name, value in weight.items() if value is not None}, faults


def _fold(name: str) -> str:
    """Name in small letters without a remark in parentheses."""
    return " ".join(name.partition("(")[0].casefold().split())


def _no_ordinary(weights: Mapping[str, float]) -> list[str]:
    wrong = [
        f"{name!r} has {weight:g}"
        for name, weight in weights.items()
        if _fold(name).startswith("ordin") and weight != 1
    ]
    if wrong:
        return [f"the ordinary place has weight 1, always; {', '.join(wrong)}: divide all weights by it"]
    if 1 not in weights.values():
        return ["no type of place has weight 1: give the ordinary place, to which the others are relative"]
    return []


def _shares(shares: Iterable[float]) -> tuple[list[float], list[str]]:
    given: list[Any] = (
        list(shares) if isinstance(shares, Iterable) and not isinstance(shares, str) else [shares]
    )
    faults = [] if given else ["no share is given"]
    for share in given:
        faults += number_faults("a share", share, above=0, most=1, remedy="60 per cent are 0.6")
    faults += twice("shares", map(str, given), "give each once")
    return given, faults


def _no_base(hours: Hours, base: Base) -> list[str]:
    if not isinstance(hours, Hours):
        return [f"hours are kv.municipal.unit_costs.Hours, not {type(hours).__name__}"]
    lacking = hours.not_given(*(FOR_AVAILABLE if base == "available" else ("fte",)))
    return [f"{base} hours are not known: {', '.join(lacking)} not given"] if lacking else []
