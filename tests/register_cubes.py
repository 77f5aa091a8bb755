"""Small cubes, protected tables and populations written by hand, for the tests of the register."""

import pandas as pd

from kostnadsvekst.register import protect_cube
from kostnadsvekst.register.schema import AGE_GROUPS
from kostnadsvekst.register.tables import RegisterTables

MIDDLE_AGES = (10, 30, 50, 70, 85)


def cube_of(levels):
    """Weekly cube from (service, week, users by age group) or that and hours per user.

    Men and women are half each; everybody has hours (default: 2 a week).
    """
    rows = []
    for service, week, users, *more in levels:
        for group, age, n in zip(AGE_GROUPS, MIDDLE_AGES, users, strict=True):
            if n == 0:
                continue
            hours = more[0] if more else 2.0
            row = (pd.Timestamp(week), n / 2, n / 2, hours * n / 2, float(age))
            rows += [(service, group, sex, *row) for sex in (1, 2)]
    names = ["service", "age_group", "sex", "week", "users", "users_with_hours", "hours", "mean_age"]
    return pd.DataFrame(rows, columns=names)


def weekly_of(services, weeks, hidden=()):
    """Protected table in which all is shown but (service, week, age group, measure)."""
    rows = [
        (service, pd.Timestamp(week), group, sex, 10.0, 20.0)
        for service in services
        for week in weeks
        for group in (*AGE_GROUPS, "all")
        for sex in ("1", "2", "all")
    ]
    return _hide(
        pd.DataFrame(rows, columns=["service", "week", "age_group", "sex", "users", "hours"]), hidden
    )


def told_of(cube, hidden=()):
    """Rows of both sexes of a cube and their sum over ages, in which all is shown but what is named."""
    keys = ["service", "week", "age_group"]
    rows = cube.groupby(keys)[["users", "hours"]].sum()
    rows = rows.reindex(
        pd.MultiIndex.from_product([*rows.index.levels[:2], AGE_GROUPS], names=keys), fill_value=0.0
    )
    total = rows.groupby(keys[:2]).sum().reset_index().assign(age_group="all")
    return _hide(pd.concat([rows.reset_index(), total], ignore_index=True).assign(sex="all"), hidden)


def protected_tables_of(cube):
    """Protected tables of a cube and of the largest week of each year, hours and ages not rounded.

    What is made of the tables is tested on round numbers; the rounding itself in `test_protected_cube.py`.
    """
    yearly = cube[["service", "age_group", "sex", "users", "mean_age"]].assign(year=cube["week"].dt.year)
    yearly = yearly.groupby(["service", "age_group", "sex", "year"], as_index=False).max()
    return RegisterTables(_not_rounded(cube), protect_cube(yearly))


def _not_rounded(cube):
    shown, keys = protect_cube(cube), ["service", "week", "age_group", "sex"]
    rows = cube.assign(sex=cube["sex"].astype(str), age_sum=cube["mean_age"] * cube["users"])
    measures = ["users", "users_with_hours", "hours", "age_sum"]
    margins = [("age_group",), ("sex",), ("age_group", "sex")]
    rows = pd.concat([rows, *(rows.assign(**dict.fromkeys(names, "all")) for names in margins)])
    sums = rows.groupby(keys)[measures].sum().reindex(pd.MultiIndex.from_frame(shown[keys]))
    sums = sums.set_axis(shown.index).where(shown["users"].notna())
    hours = sums["hours"] / sums["users_with_hours"]
    return shown.assign(hours=sums["hours"], hours_per_user=hours, mean_age=sums["age_sum"] / sums["users"])


def _hide(table, hidden):
    for service, week, group, measure in hidden:
        here = (table["service"] == service) & (table["week"] == pd.Timestamp(week))
        table.loc[here & (table["age_group"] == group) & (table["sex"] == "all"), measure] = float("nan")
    return table


def population_of(by_year):
    """Population from a dictionary: year to persons by age group."""
    return pd.DataFrame(
        [(y, g, n) for y, persons in by_year.items() for g, n in zip(AGE_GROUPS, persons, strict=True)],
        columns=["year", "age_group", "persons"],
    )


def lasting(persons, years=range(2017, 2022)):
    """Population that stays as it is."""
    return population_of(dict.fromkeys(years, persons))
