"""What drives the growth in users and hours: population, coverage and hours per user, split exactly."""

from collections.abc import Sequence
from datetime import date
from itertools import permutations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.register.schema import AGE_GROUPS, AGE_LOWER, weeks_of_month

NO_GROWTH = 0.01  # of the users at the start: less is too little to divide
FACTORS = {"users": ("population", "coverage"), "hours": ("population", "coverage", "hours_per_user")}


def decompose_growth(
    cube: pd.DataFrame, population: pd.DataFrame, start: str | date, end: str | date
) -> pd.DataFrame:
    """Split growth in users and hours into population, coverage and hours per user, by age group.

    Parameters
    ----------
    cube : DataFrame
        From `weekly_cube`.
    population : DataFrame
        ``year``, ``age_group``, ``persons`` on 1 January; interpolated between years.
    start, end : str or date
        ``"YYYY-MM"`` for the mean over the weeks of the month (those of Christmas and New Year left out, see
        `kostnadsvekst.register.schema.weeks_of_month`), or any day for its week.

    Returns
    -------
    DataFrame
        ``service``, ``measure`` ("users", persons per week; "hours", hours per week), ``age_group``,
        ``component``, ``contribution`` (unit of the measure), ``share_percent`` (of the measure's growth in
        the service; missing where there is none).

    Raises
    ------
    SpecificationError
        Dates without weeks in the cube.
    InvalidDataError
        Population that is missing or not positive, for every year and age group at once.

    Notes
    -----
    Users of an age group are P·c (population, users per person), hours P·c·h (hours per user, users without
    hours included). Shapley value: a factor's contribution is the mean of its effect over all orders in
    which the factors can change, so the parts sum to the change exactly and no order is preferred
    (Shorrocks 2013, Journal of Economic Inequality 11, 99-126).
    """
    before, after = (_mean_of_weeks(cube, day) for day in (start, end))
    persons = _persons(population, [_middle(cube, day) for day in (start, end)])
    rows = []
    for service in before.index.get_level_values("service").unique():
        for measure, names in FACTORS.items():
            for group in AGE_GROUPS:
                values = [
                    _factors(table.loc[(service, group)], persons[k][group], measure)
                    for k, table in enumerate((before, after))
                ]
                parts = shapley_product(values[0], values[1])
                rows += [(service, measure, group, *pair) for pair in zip(names, parts, strict=True)]
    frame = pd.DataFrame(rows, columns=["service", "measure", "age_group", "component", "contribution"])
    total = frame.groupby(["service", "measure"])["contribution"].transform("sum")
    frame["share_percent"] = 100 * frame["contribution"] / total.where(total != 0)
    return frame


def growth_below_age(
    cube: pd.DataFrame,
    start: str | date,
    end: str | date,
    age: int = 80,
    services: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Share of the growth in users that is found below an age.

    Parameters
    ----------
    cube : DataFrame
        From `weekly_cube`.
    start, end : str or date
        As in `decompose_growth`.
    age : int
        A lower bound of an age group: 18, 40, 60 or 80.
    services : sequence of str, optional
        Default: all in the cube.

    Returns
    -------
    DataFrame
        ``service`` ("all" last: the sum over services, persons counted in each), ``growth`` (users per
        week), ``growth_below``, ``share_below_percent`` (missing where growth is below 1 percent of the
        users at the start; above 100 where users of that age and older became fewer).

    Raises
    ------
    SpecificationError
        If `age` is not the bound of an age group.
    """
    if age not in AGE_LOWER[1:]:
        raise SpecificationError(f"age={age}: must be one of {', '.join(map(str, AGE_LOWER[1:]))}")
    below = [g for g, low in zip(AGE_GROUPS, AGE_LOWER, strict=True) if low < age]
    before = _mean_of_weeks(cube, start)
    change = (_mean_of_weeks(cube, end) - before)["users"].unstack("age_group")
    if services is not None:
        change = change.loc[list(services)]
    table = pd.DataFrame({"growth": change.sum(axis=1), "growth_below": change[below].sum(axis=1)})
    table.loc["all"] = table.sum()
    at_start = before["users"].unstack("age_group").sum(axis=1).reindex(table.index)
    at_start["all"] = at_start.sum()
    grew = table["growth"].where(table["growth"] > NO_GROWTH * at_start)
    table["share_below_percent"] = 100 * table["growth_below"] / grew
    return table.rename_axis("service").reset_index()


def shapley_product(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """Contribution of each factor to the change of their product.

    Parameters
    ----------
    before, after : ndarray, shape (n_factors,)

    Returns
    -------
    ndarray, shape (n_factors,)
        Sums to prod(after) − prod(before).
    """
    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    parts = np.zeros(before.size)
    orders = list(permutations(range(before.size)))
    for order in orders:
        state = before.copy()
        for factor in order:
            level = state.prod()
            state[factor] = after[factor]
            parts[factor] += state.prod() - level
    return parts / len(orders)


def _weeks_of(cube: pd.DataFrame, day: str | date) -> pd.DatetimeIndex:
    weeks = pd.DatetimeIndex(cube["week"].unique()).sort_values()
    if isinstance(day, str) and len(day) == 7:
        found = weeks[weeks_of_month(weeks, day)]
    else:
        ago = pd.Timestamp(day) - weeks
        found = weeks[(ago >= pd.Timedelta(0)) & (ago < pd.Timedelta(days=7))]
    if not len(found):
        raise SpecificationError(
            f"{day}: the cube has no such week (it runs from {weeks[0]:%Y-%m-%d} to {weeks[-1]:%Y-%m-%d})"
        )
    return found


def _middle(cube: pd.DataFrame, day: str | date) -> pd.Timestamp:
    weeks = _weeks_of(cube, day)
    return weeks[0] + (weeks[-1] - weeks[0]) / 2 + pd.Timedelta(days=3)


def _mean_of_weeks(cube: pd.DataFrame, day: str | date) -> pd.DataFrame:
    """Mean users and hours by service and age group; zero where the cube has no row."""
    weeks = _weeks_of(cube, day)
    rows = cube[cube["week"].isin(weeks)]
    keys = [rows["service"].astype(str), rows["age_group"].astype(str)]
    sums = rows[["users", "hours"]].groupby(keys).sum() / len(weeks)
    services = sorted(cube["service"].astype(str).unique())
    index = pd.MultiIndex.from_product([services, AGE_GROUPS], names=["service", "age_group"])
    return sums.reindex(index, fill_value=0.0)


def _persons(population: pd.DataFrame, days: Sequence[pd.Timestamp]) -> list[dict[str, float]]:
    table = population.pivot_table(index="year", columns="age_group", values="persons", aggfunc="sum")
    problems, found = [], []
    for day in days:
        point = day.year + (day.day_of_year - 1) / 365.25
        values = {}
        for group in AGE_GROUPS:
            known = table[group].dropna() if group in table else pd.Series(dtype=float)
            needed = [year for year in (day.year, day.year + 1) if year not in known.index]
            problems += [f"{year}, {group}: no population" for year in needed]
            problems += [f"{year}, {group}: {n} persons" for year, n in known.items() if not n > 0]
            values[group] = float(np.interp(point, known.index, known)) if len(known) else np.nan
        found.append(values)
    if problems:
        raise InvalidDataError("population on 1 January cannot be used", sorted(set(problems)))
    return found


def _factors(row: pd.Series, persons: float, measure: str) -> NDArray[np.float64]:
    users, hours = float(row["users"]), float(row["hours"])
    if measure == "users":
        return np.array([persons, users / persons])
    return np.array([persons, users / persons, hours / users if users else 0.0])
