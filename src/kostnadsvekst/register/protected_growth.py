"""Growth by age told only as far as the protected weekly table tells it."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from kostnadsvekst.register.decomposition import decompose_growth, growth_below_age
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


def protected_growth(
    cube: pd.DataFrame, weekly: pd.DataFrame, population: pd.DataFrame, start: str, end: str
) -> ProtectedGrowth:
    """Parts of the growth by age, told only as far as the weekly table tells them.

    Parameters
    ----------
    cube : DataFrame
        From `weekly_cube`.
    weekly : DataFrame
        `protect_cube` of it.
    population : DataFrame
        ``year``, ``age_group``, ``persons`` on 1 January.
    start, end : str
        ``"YYYY-MM"``: the months compared.

    Returns
    -------
    ProtectedGrowth

    Notes
    -----
    The parts are computed from the cube itself. Age groups that are confidential in a month compared are
    added together first: the table gives their sum away in any case. A service whose total is confidential
    is left out, and so are hours where any age group's are, and the part below 80 where 80+ is.
    """
    parts, below = [], []
    for service in SERVICES:
        hidden = confidential_groups(weekly, service, "users", (start, end))
        if hidden is None:
            continue
        shown, people = cube[cube["service"] == service], population
        if hidden:
            shown, people = merge_groups(shown, population, hidden)
        found = decompose_growth(shown, people, start, end)
        told = found["measure"] == "users"
        if confidential_groups(weekly, service, "hours_per_user", (start, end)) == ():
            told |= found["measure"] == "hours"
        parts.append(found[told])
        if AGE_GROUPS[-1] not in hidden:
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
    measure : {"users", "hours_per_user"}
    months : sequence of str
        ``"YYYY-MM"``.
    """
    rows = weekly[(weekly["sex"] == "all") & (weekly["service"] == service)]
    weeks = pd.DatetimeIndex(rows["week"])
    compared = [weeks_of_month(weeks, month) for month in months]
    rows = rows[pd.DataFrame(compared).any().to_numpy()]
    hidden = set(rows.loc[rows[measure].isna(), "age_group"])
    if rows.empty or "all" in hidden:
        return None
    return tuple(group for group in AGE_GROUPS if group in hidden)


def merge_groups(
    cube: pd.DataFrame, population: pd.DataFrame, groups: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cube and population with the users and persons of some age groups in the last of them.

    Parameters
    ----------
    cube, population : DataFrame
        As `protected_growth`.
    groups : sequence of str
        Of `AGE_GROUPS`, youngest first.
    """
    last = groups[-1]
    merged = cube.assign(age_group=cube["age_group"].astype(str).replace(dict.fromkeys(groups, last)))
    inside = population["age_group"].isin(groups)
    sums = population[inside].groupby("year")["persons"].sum()
    whole = population["year"].map(sums).where(population["age_group"] == last, population["persons"])
    return merged, population.assign(persons=whole)


def _with_sum(below: pd.DataFrame) -> pd.DataFrame:
    """Growth below 80 by service, and the sum over services last."""
    total = below[["growth", "growth_below"]].sum()
    share = 100 * total["growth_below"] / total["growth"] if total["growth"] else float("nan")
    last = {"service": "all", **total.to_dict(), "share_below_percent": share}
    return pd.concat([below, pd.DataFrame([last])], ignore_index=True)
