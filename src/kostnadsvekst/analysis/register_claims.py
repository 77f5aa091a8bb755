"""Printed numbers of the report's chapter on the KPR register, computed from protected tables.

Only what `kostnadsvekst.register.protect_cube` lets through is read here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from kostnadsvekst.register.schema import weeks_of_month
from kostnadsvekst.register.tables import RegisterTables
from kostnadsvekst.sources.embedded import embedded_path

TIME_LIMITED = ("time_limited_other", "time_limited_rehabilitation", "time_limited_assessment")
SERVICES = {
    "long-term stay": ("long_term_stay",),
    "respite in institution": ("respite_institution",),
    "time-limited stays (3 types)": TIME_LIMITED,
    "time-limited: other": ("time_limited_other",),
    "time-limited: habilitation/rehabilitation": ("time_limited_rehabilitation",),
    "time-limited: assessment/treatment": ("time_limited_assessment",),
    "time-limited: assessment/treatment; habilitation/rehabilitation": TIME_LIMITED[1:],
    "time-limited stays and respite": (*TIME_LIMITED, "respite_institution"),
    "short-term stays": (*TIME_LIMITED, "respite_institution"),
    "home health": ("home_health",),
    "practical assistance, daily activities": ("practical_daily",),
    "practical assistance, training": ("practical_training",),
    "BPA": ("practical_bpa",),
    "all KPR services except practical assistance": (
        "long_term_stay",
        "respite_institution",
        *TIME_LIMITED,
        "home_health",
    ),
}
GROUPS = ("0-17", "18-39", "40-59", "60-79", "80+")
# The report writes 0-18 and 0-17 for the same group.
_GROUP = {"0-18": "0-17"}


def load_claims() -> pd.DataFrame:
    """Load the printed KPR numbers: 157 claims with quantity, service, age group, period, value and interval.

    Returns
    -------
    DataFrame
        ``low`` and ``high`` bound what the printed wording allows ("about", "just under", rounding).
    """
    text = dict.fromkeys(("id", "age_group", "period_start", "period_end", "service", "note"), str)
    path = embedded_path("published/report_003_kpr_claims.csv")
    return pd.read_csv(path, dtype=text, keep_default_na=False)


def compute_claims(tables: RegisterTables, claims: pd.DataFrame) -> pd.Series:
    """Our number for each claim; missing where the register does not hold it.

    Parameters
    ----------
    tables : RegisterTables
    claims : DataFrame
        From `load_claims`.

    Returns
    -------
    Series of float
        In the order of the claims. A claim about each age group gives the weakest group; a claim about a
        rank gives the rank.
    """
    # A service that nobody uses has no shares and no growth.
    with np.errstate(divide="ignore", invalid="ignore"):
        ours = pd.Series([_compute(tables, claim) for claim in claims.itertuples()], index=claims.index)
    return ours.where(np.isfinite(ours))


def _compute(t: RegisterTables, claim: object) -> float:
    c = _Claim.of(claim)
    if c.special is not None:
        return c.special(t)
    for part, compute in _BY_QUANTITY:
        if part in c.quantity:
            return compute(t, c)
    return np.nan


@dataclass(frozen=True, slots=True)
class _Claim:
    quantity: str
    services: tuple[str, ...]
    groups: tuple[str, ...]
    start: str
    end: str
    kind: str
    value: float
    special: Callable[[RegisterTables], float] | None

    @classmethod
    def of(cls, row: object) -> "_Claim":
        get = lambda name: getattr(row, name)  # noqa: E731
        if get("computable_from") != "KPR episodes":
            return cls("", (), (), "", "", "", 0.0, lambda t: np.nan)
        special = _SPECIAL.get(get("id"))
        return cls(
            get("quantity"),
            SERVICES.get(get("service"), ()),
            _groups(get("age_group")),
            get("period_start"),
            get("period_end"),
            get("kind"),
            float(get("value")),
            special,
        )


def _groups(text: str) -> tuple[str, ...]:
    if text == "each":
        return GROUPS
    if text == "each below 80":
        return GROUPS[:-1]
    return tuple(_GROUP.get(g.strip(), g.strip()) for g in text.split(";"))


def _in(series: pd.Series, period: str) -> pd.Series:
    """Weeks of a month or a year, by their Monday; of an ISO year where a year is asked for."""
    weeks = pd.DatetimeIndex(series.index)
    if len(period) == 4:
        return series[weeks.isocalendar().year.to_numpy() == int(period)]
    return series[weeks_of_month(weeks, period)]


def _between(series: pd.Series, start: str, end: str) -> pd.Series:
    first, last = _in(series, start).index[0], _in(series, end).index[-1]
    return series.loc[first:last]


def _change(series: pd.Series, start: str, end: str) -> float:
    return 100 * (_in(series, end).mean() / _in(series, start).mean() - 1)


def _weakest(changes: Sequence[float], value: float) -> float:
    """Pick, of groups that are said to move one way, the one that moved least; confidential ones aside."""
    seen = [change for change in changes if not np.isnan(change)]
    if not seen:
        return np.nan
    return min(seen) if value > 0 else max(seen)


def _users(t: RegisterTables, c: _Claim) -> float:
    series = [t.users(c.services, g) for g in c.groups]
    if c.kind == "change_pct":
        return _weakest([_change(s, c.start, c.end) for s in series], c.value)
    total = series[0] if len(series) == 1 else sum(series[1:], series[0])
    return float(_between(total, c.start, c.end).mean())


def _hours(t: RegisterTables, c: _Claim) -> float:
    series = [t.hours_per_user(c.services, g) for g in c.groups]
    if c.kind == "change_abs":
        return float(_in(series[0], c.end).mean() - _in(series[0], c.start).mean())
    if c.kind == "change_pct":
        return _weakest([_change(s, c.start, c.end) for s in series], c.value)
    return float(np.mean([_between(s, c.start, c.end).mean() for s in series]))


def _per_year(t: RegisterTables, c: _Claim) -> float:
    if c.kind == "change_abs":
        return t.users_of_year(c.services, int(c.end)) - t.users_of_year(c.services, int(c.start))
    return t.users_of_year(c.services, int(c.start))


def _share_80(t: RegisterTables, c: _Claim) -> float:
    share = 100 * t.users(c.services, "80+") / t.users(c.services)
    return float(_between(share, c.start, c.end).mean())


def _women(t: RegisterTables, c: _Claim) -> float:
    share = 100 * t.users(c.services, "all", "2") / t.users(c.services)
    return float(_between(share, c.start, c.end).mean())


def _age(t: RegisterTables, c: _Claim) -> float:
    return float(_between(t.mean_age(c.services, c.groups[0]), c.start, c.end).mean())


def _below_80(t: RegisterTables, c: _Claim) -> float:
    old, all_ages = t.users(c.services, "80+"), t.users(c.services)
    change = [float(_in(s, c.end).mean() - _in(s, c.start).mean()) for s in (old, all_ages)]
    return 100 * (1 - change[0] / change[1])


def _largest(t: RegisterTables, c: _Claim) -> float:
    """Worst rank of the named groups among all by mean number of users."""
    sizes = {g: _between(t.users(c.services, g), c.start, c.end).mean() for g in GROUPS}
    return _rank(sizes, c.groups, descending=c.quantity != "smallest age group")


def _most_hours(t: RegisterTables, c: _Claim) -> float:
    hours = {g: _between(t.hours_per_user(c.services, g), c.start, c.end).mean() for g in GROUPS}
    return _rank(hours, c.groups)


def _relative_growth(t: RegisterTables, c: _Claim) -> float:
    return _rank({g: _change(t.users(c.services, g), c.start, c.end) for g in GROUPS}, c.groups)


def _absolute_growth(t: RegisterTables, c: _Claim) -> float:
    grown = {}
    for g in GROUPS:
        series = t.users(c.services, g)
        grown[g] = _in(series, c.end).mean() - _in(series, c.start).mean()
    return _rank(grown, c.groups)


def _rank(values: dict[str, float], wanted: Sequence[str], descending: bool = True) -> float:
    order = sorted((g for g in values if not np.isnan(values[g])), key=values.__getitem__, reverse=descending)
    known = set(wanted) <= set(order)
    return float(max(order.index(g) + 1 for g in wanted)) if known else np.nan


def _months(start: str, end: str, services: tuple[str, ...]) -> Callable[[RegisterTables], float]:
    return lambda t: _change(t.users(services), start, end)


def _christmas(t: RegisterTables) -> float:
    """Weeks 52 to 1 against the three weeks before them, percent."""
    series = t.users(SERVICES["respite in institution"])
    week = pd.DatetimeIndex(series.index).isocalendar().week.to_numpy()
    return float(
        100 * (series[np.isin(week, (52, 53))].mean() / series[np.isin(week, (48, 49, 50))].mean() - 1)
    )


def _week_of_fall(t: RegisterTables) -> float:
    """ISO week of 2020 before summer with the largest fall from the week before."""
    falls = t.users(TIME_LIMITED).loc["2020-01-06":"2020-06-29"].diff()
    return np.nan if falls.isna().all() else float(falls.idxmin().isocalendar().week)


def _new_year(t: RegisterTables) -> float:
    """Rank of the weaker of 2018 and 2020 among years by the rise from December to weeks 3-5."""
    series = t.users(TIME_LIMITED)
    rise = {}
    for year in range(2018, 2021):
        before = _in(series, f"{year - 1}-12").mean()
        after = series.loc[f"{year}-01-15" : f"{year}-02-05"].mean()
        rise[str(year)] = after / before
    first = _in(series, "2017-01").mean()
    rise["2017"] = first / series.loc["2017-05-01":"2017-06-30"].mean()
    return _rank(rise, ("2018", "2020"))


def _strongest_service(t: RegisterTables) -> float:
    growth = {s: _change(t.users((s,)), "2017-01", "2020-12") for names in SERVICES.values() for s in names}
    return _rank(growth, ("practical_daily",))


def _strongest_year(t: RegisterTables) -> float:
    series = t.users(("practical_daily",))
    ends = ["2017-01", "2018-01", "2019-01", "2020-01", "2020-12"]
    steps = {a: _change(series, a, b) for a, b in pairwise(ends)}
    return _rank(steps, ("2017-01",))


def _hours_to_2019(t: RegisterTables) -> float:
    """From January 2017 to January 2019."""
    return _change(t.hours_per_user(("home_health",)), "2017-01", "2019-01")


def _hours_back(t: RegisterTables) -> float:
    """December 2020 against the mean of 2017."""
    return _change(t.hours_per_user(("home_health",)), "2017", "2020-12")


def _back_to_2019(t: RegisterTables) -> float:
    """Mid-June to November 2020 against the same weeks of 2019, percent."""
    series = t.users(TIME_LIMITED[1:])
    return float(
        100
        * (series.loc["2020-06-15":"2020-11-30"].mean() / series.loc["2019-06-15":"2019-11-30"].mean() - 1)
    )


_SPECIAL: dict[str, Callable[[RegisterTables], float]] = {
    "C019": _hours_to_2019,
    "C210": _hours_to_2019,
    "C020": _hours_back,
    "C211": _hours_back,
    "C113": lambda t: float((100 * t.users(TIME_LIMITED, "80+") / t.users(TIME_LIMITED)).mean()),
    "C089": lambda t: float(len(SERVICES["short-term stays"])),
    "C093": _new_year,
    "C094": _week_of_fall,
    "C095": _back_to_2019,
    "C101": _christmas,
    "C213": _strongest_service,
    "C222": _months("2018-12", "2019-01", ("home_health",)),
    "C229": _strongest_year,
    "C244": _months("2020-02", "2020-04", SERVICES["time-limited stays and respite"]),
    "C108": lambda t: t.users_of_year(("time_limited_assessment",), 2017),
    "C109": lambda t: t.users_of_year(("time_limited_assessment",), 2020),
}
# First match decides.
_BY_QUANTITY: tuple[tuple[str, Callable[[RegisterTables, _Claim], float]], ...] = (
    ("per year", _per_year),
    ("share of patients 80+", _share_80),
    ("share of user growth below", _below_80),
    ("share women", _women),
    ("mean age", _age),
    ("most allotted hours", _most_hours),
    ("second most hours", _most_hours),
    ("strongest growth", _relative_growth),
    ("largest relative growth", _relative_growth),
    ("largest absolute growth", _absolute_growth),
    ("largest age group", _largest),
    ("smallest age group", _largest),
    ("hours per user", _hours),
    ("users per week", _users),
    ("patients per week", _users),
    ("direction of change", _users),
)
