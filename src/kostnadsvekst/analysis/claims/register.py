"""Printed numbers of the report's chapter on the KPR register, computed from protected tables.

Only what `kostnadsvekst.register.protect_cube` lets through is read here. Every function takes the tables and
the arguments of a measure as text: a service or a set of them (`SERVICE_SETS`), age groups separated by
semicolons (or ``all``), and periods: a month ``2017-01`` or a year ``2017``.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from kostnadsvekst.analysis.claims.measures import compute_measure
from kostnadsvekst.register.decomposition import NO_GROWTH
from kostnadsvekst.register.schema import AGE_GROUPS, SERVICE_CODES, SERVICES, weeks_of_month
from kostnadsvekst.register.tables import RegisterTables

_TIME_LIMITED = ("time_limited_other", "time_limited_rehabilitation", "time_limited_assessment")
_INSTITUTION = ("long_term_stay", "respite_institution", *_TIME_LIMITED)
# Services that the report takes together.
SERVICE_SETS: Mapping[str, tuple[str, ...]] = {
    **{code: (code,) for code in SERVICE_CODES},
    "time_limited": _TIME_LIMITED,
    "assessment_and_rehabilitation": _TIME_LIMITED[1:],
    "short_stays": (*_TIME_LIMITED, "respite_institution"),
    "all_but_practical": (*_INSTITUTION, "home_health"),
}
NOT_IN_REGISTER = "none"


def compute_claims(tables: RegisterTables, claims: pd.DataFrame) -> pd.Series:
    """Our number for each claim; missing where the register does not hold it.

    Parameters
    ----------
    tables : RegisterTables
    claims : DataFrame
        From `kostnadsvekst.sources.published.load_claims`.

    Returns
    -------
    Series of float
        In the order of the claims. A claim about several age groups gives the weakest group; a claim about a
        rank gives the rank.
    """
    # A service that nobody uses has no shares and no growth.
    with np.errstate(divide="ignore", invalid="ignore"):
        ours = [
            np.nan
            if claim.evidence == NOT_IN_REGISTER
            else float(compute_measure(claim.measure, COMPUTATIONS, tables))
            for claim in claims.itertuples()
        ]
    found = pd.Series(ours, index=claims.index, dtype=np.float64)
    return found.where(np.isfinite(found))


def explain_register(measure: str, tables: RegisterTables) -> str:
    """Say what a claim about several services rests on, service by service.

    Parameters
    ----------
    measure : str
    tables : RegisterTables

    Returns
    -------
    str
        Empty for a claim about one service.
    """
    name, *arguments = measure.split(":")
    if name == "growth_below_80_least":
        return _explain_below_80(tables, *arguments)
    return _explain_strongest(tables, *arguments) if name == "service_growth_rank" else ""


def _explain_below_80(t: RegisterTables, services: str, start: str, end: str) -> str:
    shares = below_80_by_service(t, services, start, end)
    rest = [service for service in SERVICE_SETS[services] if service not in shares]
    told = "; ".join(f"{_called(service)} {share:.1f}" for service, share in shares.items())
    return f"per cent of the growth below 80 years, service by service: {told}" + (
        f"; no growth to divide: {', '.join(map(_called, rest))}" if rest else ""
    )


def _explain_strongest(t: RegisterTables, service: str, start: str, end: str) -> str:
    """Name the services that grew more, in per cent and in users: the sentence says neither."""
    users = {code: _users_of(t, code, "all") for code in SERVICE_CODES}
    in_percent = {code: _change(series, start, end) for code, series in users.items()}
    in_users = {code: _difference(series, start, end) for code, series in users.items()}
    parts = [
        f"in {unit} {grown[service]:,.{digits}f}, more: {_more(grown, service, digits)}"
        for unit, grown, digits in (("per cent", in_percent, 2), ("users per week", in_users, 0))
    ]
    return f"growth of {_called(service)} {start} to {end}: {'; '.join(parts)}"


def _more(grown: Mapping[str, float], service: str, decimals: int) -> str:
    above = sorted((code for code in grown if grown[code] > grown[service]), key=lambda code: -grown[code])
    return ", ".join(f"{_called(code)} {grown[code]:,.{decimals}f}" for code in above) or "none"


def _called(service: str) -> str:
    return SERVICES[service]["en"]


def _in(series: pd.Series, period: str) -> pd.Series:
    """Weeks of a month or a year, by their Monday; of an ISO year where a year is asked for."""
    weeks = pd.DatetimeIndex(series.index)
    if len(period) == 4:
        return series[weeks.isocalendar().year.to_numpy() == int(period)]
    return series[weeks_of_month(weeks, period)]


def _between(series: pd.Series, start: str, end: str) -> pd.Series:
    first, last = _in(series, start).index[0], _in(series, end).index[-1]
    return series.loc[first:last]


def _yearly_changes(series: pd.Series) -> dict[str, float]:
    """Year -> per cent from January to the next January; 2020 ends in December."""
    ends = ["2017-01", "2018-01", "2019-01", "2020-01", "2020-12"]
    return {a[:4]: _change(series, a, b) for a, b in pairwise(ends)}


def _change(series: pd.Series, start: str, end: str) -> float:
    """Per cent from the mean of one period to that of another."""
    return float(100 * (_in(series, end).mean() / _in(series, start).mean() - 1))


def _difference(series: pd.Series, start: str, end: str) -> float:
    return float(_in(series, end).mean() - _in(series, start).mean())


# Users ----------


def _users_of(t: RegisterTables, services: str, group: str) -> pd.Series:
    return t.users(SERVICE_SETS[services], group)


def _users(t: RegisterTables, services: str, groups: str, start: str, end: str) -> float:
    first, *others = (_users_of(t, services, g) for g in groups.split(";"))
    return float(_between(sum(others, first), start, end).mean())


def _users_change(t: RegisterTables, services: str, group: str, start: str, end: str) -> float:
    return _change(_users_of(t, services, group), start, end)


def _users_least_rise(t: RegisterTables, services: str, groups: str, start: str, end: str) -> float:
    return _least(min, [_users_change(t, services, g, start, end) for g in groups.split(";")])


def _users_most_rise(t: RegisterTables, services: str, groups: str, start: str, end: str) -> float:
    return _least(max, [_users_change(t, services, g, start, end) for g in groups.split(";")])


def _users_least_yearly_rise(t: RegisterTables, services: str, group: str) -> float:
    """Change of the weakest year, from January to January, per cent; 2020 ends in December."""
    return min(_yearly_changes(_users_of(t, services, group)).values())


def _least(which: Callable[[list[float]], float], changes: Sequence[float]) -> float:
    """Pick, of groups that are said to move one way, the one that moved least; confidential ones aside."""
    seen = [change for change in changes if not np.isnan(change)]
    return which(seen) if seen else np.nan


def _share_80(t: RegisterTables, services: str, start: str, end: str) -> float:
    share = 100 * _users_of(t, services, "80+") / _users_of(t, services, "all")
    return float(_between(share, start, end).mean())


def _share_80_change(t: RegisterTables, services: str, start: str, end: str) -> float:
    return _change(100 * _users_of(t, services, "80+") / _users_of(t, services, "all"), start, end)


def _share_women(t: RegisterTables, services: str, start: str, end: str) -> float:
    share = 100 * t.users(SERVICE_SETS[services], "all", "2") / _users_of(t, services, "all")
    return float(_between(share, start, end).mean())


def _mean_age(t: RegisterTables, services: str, group: str, start: str, end: str) -> float:
    return float(_between(t.mean_age(SERVICE_SETS[services], group), start, end).mean())


def _growth_below_80(t: RegisterTables, services: str, start: str, end: str) -> float:
    """Part of the growth in users below 80 years, per cent."""
    old, everybody = (_difference(_users_of(t, services, g), start, end) for g in ("80+", "all"))
    return 100 * (1 - old / everybody)


def below_80_by_service(t: RegisterTables, services: str, start: str, end: str) -> dict[str, float]:
    """Part of each service's growth in users that is below 80 years, per cent, largest first.

    Parameters
    ----------
    t : RegisterTables
    services : str
        Of `SERVICE_SETS`.
    start, end : str
        ``YYYY-MM``: the months compared.

    Returns
    -------
    dict of str to float
        Service -> per cent; without services that grew by less than `NO_GROWTH` of their users, which have no
        growth to divide, and without confidential ones.
    """
    shares = {}
    for service in SERVICE_SETS[services]:
        users = _users_of(t, service, "all")
        if _difference(users, start, end) > NO_GROWTH * _in(users, start).mean():
            shares[service] = _growth_below_80(t, service, start, end)
    known = {service: share for service, share in shares.items() if np.isfinite(share)}
    return dict(sorted(known.items(), key=lambda item: -item[1]))


def _growth_below_80_least(t: RegisterTables, services: str, start: str, end: str) -> float:
    return min(below_80_by_service(t, services, start, end).values(), default=np.nan)


# Hours ----------


def _hours_of(t: RegisterTables, service: str, group: str) -> pd.Series:
    return t.hours_per_user(SERVICE_SETS[service], group)


def _hours(t: RegisterTables, service: str, groups: str, start: str, end: str) -> float:
    means = [_between(_hours_of(t, service, g), start, end).mean() for g in groups.split(";")]
    return float(np.mean(means))


def _hours_change(t: RegisterTables, service: str, group: str, start: str, end: str) -> float:
    return _change(_hours_of(t, service, group), start, end)


def _hours_difference(t: RegisterTables, service: str, group: str, start: str, end: str) -> float:
    return _difference(_hours_of(t, service, group), start, end)


def _hours_least_rise(t: RegisterTables, service: str, groups: str, start: str, end: str) -> float:
    return _least(min, [_hours_change(t, service, g, start, end) for g in groups.split(";")])


def _hours_least_fall(t: RegisterTables, service: str, groups: str, start: str, end: str) -> float:
    return _least(max, [_hours_change(t, service, g, start, end) for g in groups.split(";")])


# Years ----------


def _users_of_year(t: RegisterTables, service: str, year: str) -> float:
    return t.users_of_year(SERVICE_SETS[service], int(year))


def _users_of_year_difference(t: RegisterTables, service: str, start: str, end: str) -> float:
    return _users_of_year(t, service, end) - _users_of_year(t, service, start)


# Ranks ----------


def _rank(values: Mapping[str, float], wanted: Sequence[str], descending: bool = True) -> float:
    """Worst rank of the wanted among all that are known; 1 is the largest."""
    order = sorted((g for g in values if not np.isnan(values[g])), key=values.__getitem__, reverse=descending)
    known = set(wanted) <= set(order)
    return float(max(order.index(g) + 1 for g in wanted)) if known else np.nan


def _sizes(t: RegisterTables, services: str, start: str, end: str) -> dict[str, float]:
    return {g: float(_between(_users_of(t, services, g), start, end).mean()) for g in AGE_GROUPS}


def _size_rank(t: RegisterTables, services: str, groups: str, start: str, end: str) -> float:
    return _rank(_sizes(t, services, start, end), groups.split(";"))


def _size_rank_from_below(t: RegisterTables, services: str, groups: str, start: str, end: str) -> float:
    return _rank(_sizes(t, services, start, end), groups.split(";"), descending=False)


def _hours_rank(t: RegisterTables, service: str, groups: str, start: str, end: str) -> float:
    hours = {g: _hours(t, service, g, start, end) for g in AGE_GROUPS}
    return _rank(hours, groups.split(";"))


def _relative_growth_rank(t: RegisterTables, services: str, groups: str, start: str, end: str) -> float:
    grown = {g: _users_change(t, services, g, start, end) for g in AGE_GROUPS}
    return _rank(grown, groups.split(";"))


def _absolute_growth_rank(t: RegisterTables, services: str, groups: str, start: str, end: str) -> float:
    grown = {g: _difference(_users_of(t, services, g), start, end) for g in AGE_GROUPS}
    return _rank(grown, groups.split(";"))


def _service_growth_rank(t: RegisterTables, service: str, start: str, end: str) -> float:
    return _rank({s: _users_change(t, s, "all", start, end) for s in SERVICE_CODES}, (service,))


def _year_growth_rank(t: RegisterTables, service: str, year: str) -> float:
    """Rank of a year's growth, from January to January, among the years; 2020 ends in December."""
    return _rank(_yearly_changes(_users_of(t, service, "all")), (year,))


def _new_year_rise_rank(t: RegisterTables, services: str, years: str) -> float:
    """Worst rank of the named years by the rise from December to weeks 3-5; 2017 starts from that spring."""
    series = _users_of(t, services, "all")
    rise = {}
    for year in range(2018, 2021):
        before = _in(series, f"{year - 1}-12").mean()
        after = series.loc[f"{year}-01-15" : f"{year}-02-05"].mean()
        rise[str(year)] = after / before
    first = _in(series, "2017-01").mean()
    rise["2017"] = first / series.loc["2017-05-01":"2017-06-30"].mean()
    return _rank(rise, years.split(";"))


# Seasons and breaks ----------


def _christmas_change(t: RegisterTables, services: str) -> float:
    """Weeks 52 and 53 against weeks 48 to 50, per cent."""
    series = _users_of(t, services, "all")
    week = pd.DatetimeIndex(series.index).isocalendar().week.to_numpy()
    return float(
        100 * (series[np.isin(week, (52, 53))].mean() / series[np.isin(week, (48, 49, 50))].mean() - 1)
    )


def _week_of_fall(t: RegisterTables, services: str, year: str) -> float:
    """ISO week before summer with the largest fall from the week before."""
    falls = _users_of(t, services, "all").loc[f"{year}-01-06" : f"{year}-06-29"].diff()
    return np.nan if falls.isna().all() else float(falls.idxmin().isocalendar().week)


def _summer_to_november_change(t: RegisterTables, services: str, first: str, last: str) -> float:
    """Mid-June to November of a year against the same days of another, per cent."""
    series = _users_of(t, services, "all")
    means = [series.loc[f"{year}-06-15" : f"{year}-11-30"].mean() for year in (first, last)]
    return float(100 * (means[1] / means[0] - 1))


def _number_of_services(t: RegisterTables, services: str) -> float:
    return float(len(SERVICE_SETS[services]))


COMPUTATIONS: Mapping[str, Callable[..., float]] = {
    "users": _users,
    "users_change": _users_change,
    "users_least_rise": _users_least_rise,
    "users_most_rise": _users_most_rise,
    "users_least_yearly_rise": _users_least_yearly_rise,
    "share_80": _share_80,
    "share_80_change": _share_80_change,
    "share_women": _share_women,
    "mean_age": _mean_age,
    "growth_below_80": _growth_below_80,
    "growth_below_80_least": _growth_below_80_least,
    "hours": _hours,
    "hours_change": _hours_change,
    "hours_difference": _hours_difference,
    "hours_least_rise": _hours_least_rise,
    "hours_least_fall": _hours_least_fall,
    "users_of_year": _users_of_year,
    "users_of_year_bound": _users_of_year,
    "users_of_year_difference": _users_of_year_difference,
    "size_rank": _size_rank,
    "size_rank_from_below": _size_rank_from_below,
    "hours_rank": _hours_rank,
    "relative_growth_rank": _relative_growth_rank,
    "absolute_growth_rank": _absolute_growth_rank,
    "service_growth_rank": _service_growth_rank,
    "year_growth_rank": _year_growth_rank,
    "new_year_rise_rank": _new_year_rise_rank,
    "christmas_change": _christmas_change,
    "week_of_fall": _week_of_fall,
    "summer_to_november_change": _summer_to_november_change,
    "number_of_services": _number_of_services,
}
