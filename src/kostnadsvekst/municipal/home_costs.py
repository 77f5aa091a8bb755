"""Measures of a home service: money, hours, cost of an hour, and share of time with recipients (ATA).

Source: KS, NHO and Virke, sections 4.2 and 4.3.
"""

from dataclasses import dataclass, replace

from kostnadsvekst.municipal.care_accounts import CareAccounts
from kostnadsvekst.municipal.home_hours import Hours

# What available hours need.
FOR_AVAILABLE = "fte", "sick_leave", "training_days", "paid_leave_days", "public_holidays", "holiday_days"


@dataclass(frozen=True, slots=True)
class Measure:
    """A result of a home service.

    Attributes
    ----------
    name : str
    value : float or None
    unit, status : str
    why_not : str
        Why there is no value.
    """

    name: str
    value: float | None
    unit: str
    status: str
    why_not: str = ""


def measures_of_home_service(sums: CareAccounts, admin: float, hours: Hours | None) -> list[Measure]:
    """List all measures, also those that cannot be told.

    Parameters
    ----------
    sums : CareAccounts
    admin : float
        Kroner.
    hours : Hours or None
    """
    return [
        *_measures_of_money(sums, admin),
        *_measures_of_hours(hours),
        *_measures_of_unit_costs(sums, admin, hours),
    ]


def faults_of_ata(hours: Hours) -> list[str]:
    """Refuse more hours delivered than worked.

    Parameters
    ----------
    hours : Hours
    """
    worked, delivered = hours.available_hours, hours.delivered_per_year
    if worked is None:
        worked = hours.paid_hours
    if worked is None or delivered is None or delivered <= worked * (1 + 1e-9):
        return []
    return [
        f"{delivered:.10g} hours are delivered in a year, more than the {worked:.10g} that the man-years "
        f"work: an ATA of {100 * delivered / worked:.1f} per cent; see that hours and man-years are of the "
        "same service, and count extra help and overtime as man-years"
    ]


def _measures_of_money(sums: CareAccounts, admin: float) -> list[Measure]:
    with_admin = sums.net_kr + admin
    refunds = "stated" if sums.refunds_given or sums.wages_kr is not None else "assumed"
    net_only = "the total is after refunds, and no account of refunds is given"
    no_items = "no accounts of costs are given"
    return [
        Measure("gross_cost", sums.gross_kr, "kr", "stated", net_only),
        Measure("refunds", sums.refunds_kr, "kr", refunds, net_only),
        Measure("wages", sums.wages_kr, "kr", "derived", no_items),
        Measure("pension_and_employer_contribution", sums.social_costs_kr, "kr", "derived", no_items),
        Measure("net_cost_excluding_administration", sums.net_kr, "kr", "stated"),
        Measure("administration", float(admin), "kr", "stated"),
        Measure("net_cost_including_administration", with_admin, "kr", "stated"),
        Measure(
            "administration_share",
            100 * admin / with_admin if with_admin else None,
            "percent",
            "derived",
            "there is no cost",
        ),
    ]


def _measures_of_hours(hours: Hours | None) -> list[Measure]:
    number = _hours_by_kind(hours)
    rows = [
        Measure(f"{kind}_hours", number[kind], "hours/year", "assumed", _lacks(hours, *needed))
        for kind, needed in _NEEDED.items()
    ]
    planned, delivered, paid, available = (row.value for row in rows)
    for name, whole, status, why in (
        ("share_delivered", planned, "stated", _lacks(hours, "planned_per_week", "delivered_per_week")),
        ("ata_available", available, "assumed", _lacks(hours, "delivered_per_week", *FOR_AVAILABLE)),
        ("ata_paid", paid, "assumed", _lacks(hours, "delivered_per_week", "fte")),
    ):
        value = None if delivered is None else _ratio(100 * delivered, whole)
        rows.append(Measure(name, value, "percent", status, why))
    return rows


def _measures_of_unit_costs(sums: CareAccounts, admin: float, hours: Hours | None) -> list[Measure]:
    number = _hours_by_kind(hours)
    kinds = {"planned": "planned", "delivered": "delivered", "worked": "available"}
    nets = {"excluding": sums.net_kr, "including": sums.net_kr + admin}
    row = Measure("", None, "kr/hour", "assumed")
    return [
        replace(
            row,
            name=f"cost_per_{called}_hour_{which}_administration",
            value=_ratio(net, number[kind]),
            why_not=_lacks(hours, *_NEEDED[kind]),
        )
        for called, kind in kinds.items()
        for which, net in nets.items()
    ]


# Kind of hours -> what it needs.
_NEEDED: dict[str, tuple[str, ...]] = {
    "planned": ("planned_per_week",),
    "delivered": ("delivered_per_week",),
    "paid": ("fte",),
    "available": FOR_AVAILABLE,
}


def _hours_by_kind(hours: Hours | None) -> dict[str, float | None]:
    """Hours of the year."""
    if hours is None:
        return dict.fromkeys(_NEEDED)
    return {
        "planned": hours.planned_per_year,
        "delivered": hours.delivered_per_year,
        "paid": hours.paid_hours,
        "available": hours.available_hours,
    }


def _ratio(value: float, whole: float | None) -> float | None:
    return None if whole is None else value / whole


def _lacks(hours: Hours | None, *names: str) -> str:
    """Say what a measure lacks."""
    return "no hours are given" if hours is None else f"not given: {', '.join(hours.not_given(*names))}"
