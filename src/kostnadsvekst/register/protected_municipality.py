"""The largest municipality of a register, protected beside the country; its users and hours by year."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from kostnadsvekst.errors import DataMissingError, SpecificationError
from kostnadsvekst.register.episodes import Episodes
from kostnadsvekst.register.masking import masked
from kostnadsvekst.register.protected_cube import protect_cube
from kostnadsvekst.register.schema import AGE_GROUPS
from kostnadsvekst.register.weekly import largest_municipality_cube

_KEYS = ["service", "age_group", "sex", "week"]
# Labels inside the cube, since a municipality may be called anything.
_LARGEST, _ELSEWHERE = "largest", "elsewhere"


@dataclass(frozen=True, slots=True)
class ProtectedMunicipality:
    """What may be shown of one municipality beside the country.

    Attributes
    ----------
    municipality : str
        Its code in the episodes.
    services : tuple of str
        Of which `weekly` tells; a week without rows of one of them has none of its users.
    weeks : DatetimeIndex
        Mondays of the weeks that the register covers.
    weekly : DataFrame
        Its rows of `protect_cube`, without the column ``municipality``.
    """

    municipality: str
    services: tuple[str, ...]
    weeks: pd.DatetimeIndex
    weekly: pd.DataFrame


@masked
def protect_largest(
    episodes: Episodes, country: pd.DataFrame, years: pd.DataFrame, services: Sequence[str]
) -> ProtectedMunicipality:
    """Protect the weekly table of the municipality with the most users, beside that of the country.

    Parameters
    ----------
    episodes : DataFrame, path, or sequence of paths
        As `weekly_cube`.
    country, years : DataFrame
        `weekly_cube` and `yearly_users` of the same episodes, which are published as well.
    services : sequence of str
        Of which the table is made.

    Returns
    -------
    ProtectedMunicipality
        The largest by users of all weeks and services added; of equals the one whose code comes first.

    Raises
    ------
    DataMissingError
        Episodes without a user in any week.

    Notes
    -----
    Every user of the country either has an episode in the municipality in the week or has not, so the
    country is split in two and protected as a country of two municipalities (`protect_cube`). Only the
    first of them is told. Another municipality must not be published beside it from a call of its own.
    """
    name, own = largest_municipality_cube(episodes)
    if own.empty:
        raise DataMissingError("episodes: nobody uses a service in any week, so no municipality is largest")
    inside = own[own["service"].isin(services)]
    whole, beside = (cube[cube["service"].isin(services)] for cube in (country, years))
    shown = protect_cube(_split(inside, whole), country=whole, beside=beside)
    weekly = shown[shown["municipality"] == _LARGEST].drop(columns="municipality")
    weeks = pd.DatetimeIndex(np.sort(country["week"].unique()))
    return ProtectedMunicipality(name, tuple(services), weeks, weekly.reset_index(drop=True))


def _split(inside: pd.DataFrame, country: pd.DataFrame) -> pd.DataFrame:
    """Cube of two municipalities: the users with an episode in the largest one, and all other users."""
    own = _summable(inside.drop(columns="municipality"))
    rest = _summable(country).sub(own, fill_value=0.0)
    # Hours elsewhere are not told, and persons with episodes in both would make them inconsistent.
    rest[["users_with_hours", "hours"]] = 0.0
    both = pd.concat({_LARGEST: own, _ELSEWHERE: rest}, names=["municipality"])
    both = both[both["users"] > 0]
    both["mean_age"] = both.pop("age_sum") / both["users"]
    return both.reset_index()


def _summable(cube: pd.DataFrame) -> pd.DataFrame:
    plain = cube.astype({"service": object, "age_group": object})
    rows = plain.assign(age_sum=np.rint(plain["mean_age"] * plain["users"])).set_index(_KEYS)
    return rows[["users", "users_with_hours", "hours", "age_sum"]].astype(float)


def users_and_hours_by_year(place: ProtectedMunicipality, service: str, last_day: str) -> pd.DataFrame:
    """Users and hours of a service by year and age group, from the protected weekly table.

    Parameters
    ----------
    place : ProtectedMunicipality
    service : str
        One of its services.
    last_day : str
        ``YYYY-MM-DD``; weeks that end later are left out, so that the last year may be a part of one.

    Returns
    -------
    DataFrame
        For each year and age group (also ``"all"``):

        ``weeks``
            Weeks counted, by the ISO year in which they lie.
        ``whole_year``
            Whether these are all weeks of the ISO year.
        ``users_per_week``
            Mean over the weeks; missing where a week is suppressed.
        ``hours_per_week``
            Mean over the weeks; missing where a week's hours are.
        ``hours``
            Sum over the weeks.
        ``hours_unit``
            ``hours`` is off by half of it at most: the weeks' sums are rounded.

    Raises
    ------
    SpecificationError
        A service that the table does not tell of; no week ends by `last_day`, or it is no date.

    Notes
    -----
    Users are means of weeks and no distinct persons of a year: a part of a year has fewer distinct persons
    than a whole one, and counts for two kinds of years of the same persons would give away those between.
    """
    if service not in place.services:
        known = ", ".join(place.services)
        raise SpecificationError(f"service={service!r}: the table tells of {known} only")
    weeks, weekly = _weeks_until(place.weeks, last_day), place.weekly
    rows = weekly[(weekly["service"] == service) & (weekly["sex"].astype(str) == "all")]
    rows = rows.astype({"age_group": object}).set_index(["week", "age_group"])
    groups = [*AGE_GROUPS, "all"]
    # A service without rows in a week has nobody there; suppressed weeks have rows without numbers.
    cells = pd.MultiIndex.from_product([weeks, groups], names=["week", "age_group"])
    wide = rows[["users", "hours", "hours_unit"]].reindex(cells, fill_value=0.0).reset_index()
    wide["year"] = wide["week"].dt.isocalendar().year.astype("int64")
    by = wide.groupby(["year", "age_group"])[["users", "hours", "hours_unit"]]
    size = by.size()
    sums = by.sum().where(by.count().eq(size, axis=0))
    last = {year: date(year, 12, 28).isocalendar().week for year in sums.index.unique("year")}
    frame = pd.DataFrame(
        {
            "weeks": size,
            "whole_year": size == size.index.get_level_values("year").map(last),
            "users_per_week": sums["users"] / size,
            "hours_per_week": sums["hours"] / size,
            "hours": sums["hours"],
            "hours_unit": sums["hours_unit"],
        }
    )
    order = pd.MultiIndex.from_product([sums.index.unique("year"), groups], names=["year", "age_group"])
    return frame.reindex(order).reset_index()


def _weeks_until(weeks: pd.DatetimeIndex, last_day: str) -> pd.DatetimeIndex:
    try:
        end = date.fromisoformat(last_day)
    except (TypeError, ValueError) as error:
        raise SpecificationError(f"last_day={last_day!r} is not a date written as YYYY-MM-DD") from error
    inside = weeks[weeks + pd.Timedelta(days=6) <= pd.Timestamp(end)]
    if inside.empty:
        raise SpecificationError(f"last_day={last_day}: no week of the register ends by then")
    return inside
