"""Man-years from decided hours, decisions by size, and staff of application offices.

Source: Ålesund 2020 to 2021 (recipients of home care and volume of decisions), Lier 2017 (case handling). The
table of man-years is lost there: what is assumed is said.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kostnadsvekst.municipal.given_numbers import number_faults, refuse, twice, week_faults
from kostnadsvekst.provenance import provenance_of

__all__ = [
    "ImpliedTotal",
    "application_office",
    "decisions",
    "delivered_share_percent",
    "fte_from_hours",
    "fte_from_yearly_hours",
    "fte_ratio",
    "implied_total",
]

LIMITS = (1, 2.5, 15)
_SHARE = "60 per cent are 0.6"


def __dir__() -> list[str]:
    return sorted(__all__)


def fte_from_hours(
    hours_per_week: float, ata: float, *, hours_per_fte_year: float, weeks: float = 52
) -> float:
    """Man-years that decided hours need.

    Parameters
    ----------
    hours_per_week : float
        Decided hours, or hours to deliver.
    ata : float
        Share of time with recipients, above 0, at most 1.
    hours_per_fte_year : float
        Hours that a man-year has, of the base of `ata`: paid hours (1950, or 1846 on shifts of 35.5 hours) if
        it is a share of paid hours, available hours (`Hours.available_hours` / fte) if of those.
    weeks : float
        Of the year. Assumed: 52.

    Returns
    -------
    float
        Man-years, not rounded.

    Raises
    ------
    InvalidDataError
        Negative hours, a share that is none or in per cent, no hours of a man-year; all at once.

    Notes
    -----
    hours × weeks / (hours_per_fte_year × ATA). Assumed: the source states ATA of 60 per cent, and prints no
    formula.
    """
    faults = number_faults("hours_per_week", hours_per_week, least=0) + week_faults(weeks)
    refuse("man-years", faults + _faults_of_base(ata, hours_per_fte_year))
    return hours_per_week * weeks / (hours_per_fte_year * ata)


def fte_from_yearly_hours(hours_per_year: float, ata: float, *, hours_per_fte_year: float) -> float:
    """Man-years that decided hours of a year need.

    Parameters
    ----------
    hours_per_year : float
    ata, hours_per_fte_year : float
        As `fte_from_hours`.

    Raises
    ------
    InvalidDataError
        As `fte_from_hours`.
    """
    faults = number_faults("hours_per_year", hours_per_year, least=0)
    refuse("man-years", faults + _faults_of_base(ata, hours_per_fte_year))
    return hours_per_year / (hours_per_fte_year * ata)


def fte_ratio(ata_from: float, ata_to: float) -> float:
    """Man-years at another ATA, relative to those now; hours of a man-year do not matter.

    Parameters
    ----------
    ata_from, ata_to : float
        Shares of the same base.

    Raises
    ------
    InvalidDataError
        A share that is none.

    Notes
    -----
    ata_from / ata_to. Derived: of two man-years by `fte_from_hours`.
    """
    faults = [
        *number_faults("ata_from", ata_from, above=0, most=1, remedy=_SHARE),
        *number_faults("ata_to", ata_to, above=0, most=1, remedy=_SHARE),
    ]
    refuse("the ratio of man-years", faults)
    return ata_from / ata_to


def delivered_share_percent(delivered_fte: float, fte: float) -> float:
    """Share of man-years that is delivered to recipients.

    Parameters
    ----------
    delivered_fte : float
        Delivered hours as man-years.
    fte : float
        Man-years of the service.

    Returns
    -------
    float
        Per cent. Man-years are paid ones: not comparable with an ATA of available hours.

    Raises
    ------
    InvalidDataError
        No man-years, or more delivered than there are.
    """
    faults = number_faults("fte", fte, above=0)
    faults += number_faults("delivered_fte", delivered_fte, least=0, most=math.inf if faults else fte)
    refuse("the share delivered", faults)
    return 100 * delivered_fte / fte


@dataclass(frozen=True, slots=True)
class ImpliedTotal:
    """Total that a count and its rounded share imply.

    Attributes
    ----------
    value : float
        From the share as printed.
    low, high : float
        From the shares that round to it.
    """

    value: float
    low: float
    high: float


def implied_total(count: float, percent: float, decimals: int = 0) -> ImpliedTotal:
    """Find the total of which a count is a printed share.

    Parameters
    ----------
    count : float
    percent : float
        As printed, above 0, at most 100.
    decimals : int
        Printed.

    Raises
    ------
    InvalidDataError
        A negative count, a share that is none or rounds to zero.

    Notes
    -----
    count / percent × 100; the bounds at percent ± half a unit of the last decimal, at most 100 per cent.
    """
    half = 0.5 / 10**decimals
    faults = number_faults("count", count, least=0)
    faults += number_faults("percent", percent, above=half, most=100, remedy="its rounding leaves no bound")
    refuse("the total", faults)
    return ImpliedTotal(
        value=100 * count / percent,
        low=100 * count / min(100.0, percent + half),
        high=100 * count / (percent - half),
    )


def decisions(hours: Iterable[float] | Mapping[str, float], limits: Sequence[float] = LIMITS) -> pd.DataFrame:
    """Recipients and hours by the size of decisions.

    Parameters
    ----------
    hours : iterable or mapping of float
        Decided hours per week, one number for each recipient.
    limits : sequence of float
        Rising. The last is a limit upwards ("over 15 hours"), the others downwards ("under 1 hour").

    Returns
    -------
    DataFrame, one row for each size
        ``from_hours``, ``to_hours`` (missing where there is no limit), ``recipients``, ``share_percent``,
        ``cumulative_percent`` (of the recipients, with the sizes before), ``hours_per_week``,
        ``hours_share_percent`` (missing where all decisions are zero). A decision on the last limit is below
        it, on another limit above it.

    Raises
    ------
    InvalidDataError
        No decision; negative, missing or non-numeric hours; limits that do not rise; all at once.

    Notes
    -----
    Counts of persons: `kostnadsvekst.register.protect` before they leave the house. Stated in words: Ålesund,
    shares under 1, under 2.5 and over 15 hours a week.
    """
    values = list(hours.values()) if isinstance(hours, Mapping) else list(hours)
    refuse("decisions by size", [*_faults_of_decisions(values), *_faults_of_limits(limits)])
    sizes = np.array(values, dtype=float)
    edges = np.array(limits, dtype=float)
    # The last limit belongs to the size below it.
    place = np.searchsorted(edges[:-1], sizes, side="right") + (sizes > edges[-1])
    count = np.bincount(place, minlength=len(edges) + 1)
    total = [math.fsum(sizes[place == size]) for size in range(len(edges) + 1)]
    frame = pd.DataFrame({"from_hours": [0.0, *edges], "to_hours": [*edges, math.nan], "recipients": count})
    frame["share_percent"] = 100 * count / len(sizes)
    frame["cumulative_percent"] = 100 * count.cumsum() / len(sizes)
    frame["hours_per_week"] = total
    whole = math.fsum(total)
    frame["hours_share_percent"] = [100 * part / whole if whole else math.nan for part in total]
    if isinstance(hours, pd.Series):
        frame.attrs["provenance"] = provenance_of(hours).to_attrs()
    return frame


def application_office(
    fte: float, population: float, need_index: float, *, excluded_fte: float = 0.0
) -> float:
    """Man-years of case handling per 10 000 need-adjusted inhabitants.

    Parameters
    ----------
    fte : float
        Man-years of the office.
    population : float
        Inhabitants.
    need_index : float
        Need for services relative to the country: 0.972 for 97.2 per cent.
    excluded_fte : float
        Man-years on tasks that other offices do not have, taken out first.

    Returns
    -------
    float
        ``fte_per_10000``.

    Raises
    ------
    InvalidDataError
        Negative numbers, more man-years taken out than there are, an index in per cent; all at once.

    Notes
    -----
    (fte − excluded_fte) / (population × need_index) × 10 000. Derived: Lier 2017, 13.67 − 2 man-years are
    4.93.
    """
    faults = number_faults("fte", fte, least=0)
    most = math.inf if faults else fte
    faults += number_faults("excluded_fte", excluded_fte, least=0, most=most, remedy="it is a part of fte")
    faults += number_faults("population", population, above=0)
    faults += number_faults("need_index", need_index, above=0, most=5, remedy="97.2 per cent are 0.972")
    refuse("man-years per 10 000 inhabitants", faults)
    return (fte - excluded_fte) / (population * need_index) * 10_000


def _faults_of_base(ata: float, hours_per_fte_year: float) -> list[str]:
    return [
        *number_faults("ata", ata, above=0, most=1, remedy=_SHARE),
        *number_faults("hours_per_fte_year", hours_per_fte_year, above=0),
    ]


def _faults_of_decisions(values: Sequence[object]) -> list[str]:
    faults = [] if values else ["no decision is given"]
    for number, value in enumerate(values, 1):
        faults += number_faults(f"hours of decision {number}", value, least=0)
    return faults


def _faults_of_limits(limits: Sequence[float]) -> list[str]:
    faults = [] if len(limits) else ["no limit is given"]
    for limit in limits:
        faults += number_faults("a limit", limit, above=0)
    faults += twice("limits", map(str, limits), "give each once")
    if not faults and list(limits) != sorted(limits):
        faults.append(f"the limits {', '.join(map(str, limits))} do not rise; sort them")
    return faults
