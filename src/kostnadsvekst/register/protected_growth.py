"""Growth by age, computed from the protected weekly table alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from kostnadsvekst.register.decomposition import FACTORS, decompose_growth, growth_below_age
from kostnadsvekst.register.schema import AGE_GROUPS, SERVICES, weeks_of_month

_PARTS = ("service", "measure", "age_group", "component", "contribution", "share_percent")
_BELOW = ("service", "growth", "growth_below", "share_below_percent")


@dataclass(frozen=True, slots=True)
class ProtectedGrowth:
    """Growth between two months, without what the weekly table hides.

    Attributes
    ----------
    parts : DataFrame
        As `decompose_growth`; confidential age groups are taken together in the oldest of them.
    below : DataFrame
        As `growth_below_age` below 80 years, the sum over the services shown last.
    """

    parts: pd.DataFrame
    below: pd.DataFrame


def protected_growth(weekly: pd.DataFrame, population: pd.DataFrame, start: str, end: str) -> ProtectedGrowth:
    """Parts of the growth by age, from what the weekly table tells and nothing else.

    Parameters
    ----------
    weekly : DataFrame
        From `protect_cube`, without municipalities.
    population : DataFrame
        ``year``, ``age_group``, ``persons`` on 1 January.
    start, end : str
        ``"YYYY-MM"``: the months compared.

    Returns
    -------
    ProtectedGrowth

    Notes
    -----
    Age groups whose users (hours) are not told in a month compared are taken together: theirs is the total
    less that of the other groups. A service is left out where its total is not told, and so is the part below
    80 where 80+ is confidential.
    """
    parts, below = [], []
    for service in SERVICES:
        hidden = confidential_groups(weekly, service, "users", (start, end))
        if hidden is None:
            continue
        for measure in FACTORS:
            together = confidential_groups(weekly, service, measure, (start, end))
            if together is not None:
                shown = told_cube(weekly, service, (start, end), together)
                found = decompose_growth(shown, merge_population(population, together), start, end)
                parts.append(found[found["measure"] == measure])
        if AGE_GROUPS[-1] not in hidden:
            shown = told_cube(weekly, service, (start, end), hidden)
            below.append(growth_below_age(shown, start, end).iloc[:-1])
    return ProtectedGrowth(
        parts=pd.concat(parts) if parts else pd.DataFrame(columns=_PARTS),
        below=_with_sum(pd.concat(below)) if below else pd.DataFrame(columns=_BELOW),
    )


def confidential_groups(
    weekly: pd.DataFrame, service: str, measure: str, months: Sequence[str]
) -> tuple[str, ...] | None:
    """Age groups with a confidential cell in the months compared; None where all of the service is.

    Parameters
    ----------
    weekly : DataFrame
        From `protect_cube`.
    service : str
    measure : {"users", "hours"}
    months : sequence of str
        ``"YYYY-MM"``.
    """
    rows = _of_months(weekly, service, months)
    hidden = set(rows.loc[rows[[*{"users", measure}]].isna().any(axis=1), "age_group"])
    if rows.empty or "all" in hidden:
        return None
    return tuple(group for group in AGE_GROUPS if group in hidden)


def told_cube(
    weekly: pd.DataFrame, service: str, months: Sequence[str], hidden: Sequence[str]
) -> pd.DataFrame:
    """Cube of what is told of a service in the months compared.

    Parameters
    ----------
    weekly : DataFrame
        From `protect_cube`.
    service : str
        Its total is told in these months.
    months : sequence of str
        ``"YYYY-MM"``.
    hidden : sequence of str
        Age groups, youngest first; the last of them holds what all of them have.

    Returns
    -------
    DataFrame
        ``service``, ``age_group``, ``week``, ``users``, ``hours`` (without meaning where
        the total is not told).
    """
    rows = _of_months(weekly, service, months)
    wide = rows.pivot_table(
        index="week", columns="age_group", values=["users", "hours"], dropna=False
    ).fillna(0.0)
    users, hours = (wide[name].reindex(columns=[*AGE_GROUPS, "all"]) for name in ("users", "hours"))
    for table in (users, hours):
        if hidden:
            table[list(hidden)] = 0.0
            table[hidden[-1]] = table["all"] - table[list(AGE_GROUPS)].sum(axis=1)
    long = [table[list(AGE_GROUPS)].melt(ignore_index=False) for table in (users, hours)]
    told = long[0].rename(columns={"value": "users"}).assign(hours=long[1]["value"])
    return told.reset_index().assign(service=service)


def merge_population(population: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """Put the persons of some age groups into the last of them.

    Parameters
    ----------
    population : DataFrame
        As `protected_growth`.
    groups : sequence of str
        Of `AGE_GROUPS`, youngest first.
    """
    if not groups:
        return population
    inside = population["age_group"].isin(groups)
    sums = population[inside].groupby("year")["persons"].sum()
    whole = population["year"].map(sums).where(population["age_group"] == groups[-1], population["persons"])
    return population.assign(persons=whole)


def _of_months(weekly: pd.DataFrame, service: str, months: Sequence[str]) -> pd.DataFrame:
    """Rows of both sexes in the weeks of the months."""
    rows = weekly[(weekly["sex"] == "all") & (weekly["service"] == service)]
    weeks = pd.DatetimeIndex(rows["week"])
    compared = [weeks_of_month(weeks, month) for month in months]
    return rows[pd.DataFrame(compared).any().to_numpy()]


def _with_sum(below: pd.DataFrame) -> pd.DataFrame:
    """Growth below 80 by service, and the sum over services last."""
    total = below[["growth", "growth_below"]].sum()
    share = 100 * total["growth_below"] / total["growth"] if total["growth"] else float("nan")
    last = {"service": "all", **total.to_dict(), "share_below_percent": share}
    return pd.concat([below, pd.DataFrame([last])], ignore_index=True)
