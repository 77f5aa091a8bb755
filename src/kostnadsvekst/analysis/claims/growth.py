"""Numbers that chapter 4 and the summary print on growth, from a growth account and from KOSTRA groups."""

from collections.abc import Callable, Mapping
from itertools import pairwise

import pandas as pd

from kostnadsvekst.analysis.claims.measures import NotInDataError, compute_measure
from kostnadsvekst.analysis.growth import compound_rate, summarise, top_groups
from kostnadsvekst.panel.functions import RESIDUAL, TOTAL
from kostnadsvekst.sources.published import printed_value


def measure_growth(measure: str, accounted: pd.DataFrame | None, groups: pd.DataFrame | None) -> float | str:
    """Value of a measure of chapter 4.

    Parameters
    ----------
    measure : str
        As in the column ``measure`` of the claims on growth.
    accounted : DataFrame or None
        From `kostnadsvekst.analysis.growth.account`.
    groups : DataFrame or None
        From `kostnadsvekst.analysis.growth.by_group`.

    Returns
    -------
    float or str
        Per cent, a year, a function or a list of groups (``top_groups:3:kroner``, ``top_groups:3:percent``).

    Raises
    ------
    NotInDataError
        If the data lack the accounts, the groups, the function or the year; the text says which.
    """
    name, *arguments = measure.split(":")
    if name in OF_GROUPS:
        if groups is None:
            raise NotInDataError("the data have no KOSTRA groups")
        of_groups: str = compute_measure(measure, OF_GROUPS, groups)
        return of_groups
    if accounted is None:
        raise NotInDataError("the data have no expenditures by function")
    _require(arguments, accounted)
    of_accounts: float | str = compute_measure(measure, OF_ACCOUNTS, accounted)
    return of_accounts


def explain_real_growth(real: pd.DataFrame, prices: pd.Series) -> str:
    """Say what can be known of the difference between printed and real growth.

    Parameters
    ----------
    real : DataFrame
        Account of the real totals.
    prices : Series
        Index by which it was deflated.

    Returns
    -------
    str
    """
    growth = summarise(real).loc[TOTAL]
    years = sorted(real["year"])
    printed = printed_value(f"growth_real:{TOTAL}:{years[0]}:{years[-1]}")
    implied = 100 * ((1 + growth["growth_nominal_percent"] / 100) / (1 + printed / 100) - 1)
    ours = 100 * (prices[years[-1]] / prices[years[0]] - 1)
    return (
        f"same total in {years[-1]} as table 1; nominal growth {growth['growth_nominal_percent']:.1f} %; "
        f"with it the printed {printed:g} % implies price growth of {implied:.1f} %, the embedded municipal "
        f"deflator has {ours:.1f} %. The report does not print its price index (municipal consumption), and "
        "accounts and index are revised"
    )


def explain_care_growth(measure: str, accounted: pd.DataFrame | None) -> str:
    """Say what other readings of "the sector" grew by, where a measure is on its nominal growth.

    Parameters
    ----------
    measure : str
    accounted : DataFrame or None
        From `kostnadsvekst.analysis.growth.account`.

    Returns
    -------
    str
        Empty for any other measure.
    """
    name, *arguments = measure.split(":")
    computation = {"growth_nominal": _growth_nominal, "acceleration": _acceleration}.get(name)
    if computation is None or accounted is None:
        return ""
    told = [f"{of}: {computation(accounted, of, *arguments[1:]):.2f}" for of in _OTHER_SECTORS]
    return f"of other readings of the sector, {'; '.join(told)}"


def explain_top_groups(measure: str, groups: pd.DataFrame | None) -> str:
    """Say what the groups named by a measure grew by, where it is one of the groups that grew most.

    Parameters
    ----------
    measure : str
    groups : DataFrame or None
        From `kostnadsvekst.analysis.growth.by_group`.

    Returns
    -------
    str
        Empty for any other measure.
    """
    name, *arguments = measure.split(":")
    if name != "top_groups" or groups is None or len(groups) < int(arguments[0]):
        return ""
    named = {unit: top_groups(groups, int(arguments[0]), column) for unit, column in _UNITS.items()}
    kroner, percent = (", ".join(named[unit]) for unit in ("kroner", "percent"))
    rates = "; ".join(f"{group}: {groups.loc[group, 'growth_percent']:.1f}" for group in named["percent"])
    return (
        f"the sentence names no unit; in kroner per inhabitant, which figure 4 draws, {kroner} grew most, "
        f"in per cent {percent} ({rates})"
    )


def _require(arguments: list[str], accounted: pd.DataFrame) -> None:
    years = {a for a in arguments if len(a) == 4 and a.isdigit()}
    functions = {function for a in set(arguments) - years for function in a.split("+")}
    for wanted, known in (
        (functions, set(accounted["function"])),
        (years, set(accounted["year"].astype(str))),
    ):
        if wanted - known:
            raise NotInDataError(f"the data have no {', '.join(sorted(wanted - known))}")


def _of(accounted: pd.DataFrame, function: str, column: str) -> pd.Series:
    """Take a function's column by year, or the sum over functions joined by a plus."""
    chosen = accounted[accounted["function"].isin(function.split("+"))]
    by_year: pd.Series = chosen.groupby("year", sort=True)[column].sum(min_count=1)
    return by_year


def _growth_real(accounted: pd.DataFrame, function: str, first: str, last: str) -> float:
    real = _of(accounted, function, "real_nok1000")
    return float(100 * (real[int(last)] / real[int(first)] - 1))


def _compound_real(accounted: pd.DataFrame, function: str, first: str, last: str) -> float:
    return compound_rate(_growth_real(accounted, function, first, last), int(last) - int(first))


def _growth_nominal(accounted: pd.DataFrame, function: str, first: str, last: str) -> float:
    nominal = _of(accounted, function, "nominal_nok1000")
    return float(100 * (nominal[int(last)] / nominal[int(first)] - 1))


def _acceleration(accounted: pd.DataFrame, function: str, first: str, last: str) -> float:
    """Nominal growth of the last year against the mean growth of the years before it, ratio."""
    years = [str(year) for year in range(int(first), int(last) + 1)]
    _require(years, accounted)
    *before, of_last = (_growth_nominal(accounted, function, *pair) for pair in pairwise(years))
    return of_last / (sum(before) / len(before))


def _amount(accounted: pd.DataFrame, function: str, year: str) -> float:
    return float(_of(accounted, function, "nominal_nok1000")[int(year)])


def _index_base(accounted: pd.DataFrame, function: str, year: str) -> float:
    return float(_of(accounted, function, "index_real")[int(year)])


def _functions_by_growth(accounted: pd.DataFrame, first: str, last: str) -> pd.Series:
    """Real growth of each function that has expenditure in both years, per cent, largest first."""
    functions = [f for f in accounted["function"].unique() if f not in (TOTAL, RESIDUAL)]
    if not functions:
        raise NotInDataError("the data have the total only, no functions")
    real = {f: _of(accounted, f, "real_nok1000") for f in functions}
    grown = {f: _growth_real(accounted, f, first, last) for f in functions if _has(real[f], first, last)}
    return pd.Series(grown, dtype=float).sort_values(ascending=False)


def _has(real: pd.Series, *years: str) -> bool:
    return all(real.get(int(year), 0) > 0 for year in years)


def _growth_rank(accounted: pd.DataFrame, function: str, first: str, last: str) -> float:
    return float(_functions_by_growth(accounted, first, last).index.get_loc(function) + 1)


def _least_function_growth(accounted: pd.DataFrame, first: str, last: str) -> float:
    return float(_functions_by_growth(accounted, first, last).iloc[-1])


def _least_yearly_growth(accounted: pd.DataFrame, function: str) -> float:
    """Smallest real growth a year, per cent; over a gap in the years the mean of the gap."""
    real = _of(accounted, function, "real_nok1000")
    steps = pairwise(real.index)
    return min(compound_rate(100 * (real[b] / real[a] - 1), b - a) for a, b in steps)


def _steepest_at_start(accounted: pd.DataFrame, function: str, turn: str) -> float:
    """Rank of the years up to a turn, by yearly real growth, among those before and after it."""
    first, last = (str(year) for year in (accounted["year"].min(), accounted["year"].max()))
    rates = [_compound_real(accounted, function, *years) for years in ((first, turn), (turn, last))]
    return 1.0 if rates[0] >= rates[1] else 2.0


def _share(accounted: pd.DataFrame, function: str, year: str) -> float:
    return float(_of(accounted, function, "share_percent")[int(year)])


def _strongest_year(accounted: pd.DataFrame, function: str) -> str:
    growth = _of(accounted, function, "growth_real_percent")
    if growth.iloc[1:].isna().any():
        raise NotInDataError("years are missing in between, so the strongest is not known")
    return str(growth.idxmax())


def _faster(accounted: pd.DataFrame, one: str, other: str) -> str:
    real = {name: _of(accounted, name, "real_nok1000") for name in (one, other)}
    return max(real, key=lambda name: real[name].iloc[-1] / real[name].iloc[0])


def _top_groups(groups: pd.DataFrame, count: str, unit: str = "kroner") -> str:
    if len(groups) < int(count):
        raise NotInDataError(f"the data have {len(groups)} KOSTRA group(s), not {count}")
    return ", ".join(top_groups(groups, int(count), _UNITS[unit]))


def _small_highest(groups: pd.DataFrame) -> str:
    """Weighted mean of groups 1-6 against all others but 16, which is defined by income and not by size."""
    number = pd.Series([int(str(name)) for name in groups.index], index=groups.index)
    amount = groups["population_first"] * groups["level_first"]

    def level(chosen: pd.Series) -> float:
        return float(amount[chosen].sum() / groups["population_first"][chosen].sum())

    return "høyest" if level(number <= 6) > level(number.between(7, 15)) else "ikke høyest"


# What else "pleie og omsorg" may be: with activation (234) and premises (261), or all of health and care.
_OTHER_SECTORS = ("234+253+254+261", TOTAL)
# The sentence on groups names no unit: it is judged in both.
_UNITS = {"kroner": "growth", "percent": "growth_percent"}

OF_ACCOUNTS: Mapping[str, Callable[..., float | str]] = {
    "growth_real": _growth_real,
    "compound_real": _compound_real,
    "growth_nominal": _growth_nominal,
    "acceleration": _acceleration,
    "amount": _amount,
    "index_base": _index_base,
    "growth_rank": _growth_rank,
    "least_function_growth": _least_function_growth,
    "least_yearly_growth": _least_yearly_growth,
    "steepest_at_start": _steepest_at_start,
    "share": _share,
    "strongest_year": _strongest_year,
    "faster": _faster,
}
OF_GROUPS: Mapping[str, Callable[..., str]] = {
    "top_groups": _top_groups,
    "small_highest": _small_highest,
}
