"""Cubes of the register as they may leave: nobody's presence, age or hours can be worked out from them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.register.linked_tables import Limits, no_limits, suppress_linked, suppress_table
from kostnadsvekst.register.rounded_sums import (
    AGE_WIDTHS,
    HOURS_STEP,
    Coarse,
    WithHours,
    coarse_ages,
    coarse_hours,
    users_with_hours,
    users_with_hours_below,
)
from kostnadsvekst.register.schema import AGE_GROUPS, AGE_LOWER, MAX_HOURS_PER_WEEK, SEXES

_CONFIDENTIAL, _NOT_TOLD = ":", ".."  # Statistics Norway's symbols
_ALL = "all"
_SHAPE = (len(AGE_GROUPS) + 1, len(SEXES) + 1)
_OLDEST = (
    *(low - 1 for low in AGE_LOWER[1:]),
    150,
)  # episodes without an end grow older than schema.OLDEST_AGE
_HOURS = ("users_with_hours", "hours")
_ROUNDING = 0.006  # half a hundredth of an hour, and what floating point adds
_MOST_NAMED = 20

_N = TypeVar("_N", np.int64, np.float64)
Mask = NDArray[np.bool_]
Counts = NDArray[np.int64]


def protect_cube(
    cube: pd.DataFrame,
    threshold: int = 5,
    *,
    country: pd.DataFrame | None = None,
    beside: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Cube with margins over age and sex from which no small group and nobody's age or hours follow.

    Parameters
    ----------
    cube : DataFrame
        From `weekly_cube` or `yearly_users`; with ``municipality`` or without.
    threshold : int
        Groups of at least one but fewer persons are suppressed; at least 2.
    country : DataFrame, optional
        The cube without municipalities, where `cube` has them and a person can be in several of them in a
        week. Default: the sum of the municipalities.
    beside : DataFrame, optional
        The cube of the years where `cube` has weeks, and of the weeks where it has years; of the country.
        Needed where both leave: a year has as many users as any of its weeks, at least.

    Returns
    -------
    DataFrame
        For every service and week (municipality, year), age group and sex, both also ``"all"``:

        ``users``
            Exact; missing where ``status`` is ``":"`` (not zero) or ``".."`` (zero or not).
        ``users_with_hours``
            Exact; missing where fewer than twice the threshold of the users have hours, or have none.
        ``hours``
            In multiples of 336; missing below 1,680, and ``status_hours`` is ``":"`` there.
        ``hours_per_user``
            Those hours by user with hours (where fewer than twice the threshold of the users have none: by
            user).
        ``mean_age``
            From sums of ages in multiples of twice the width of the age group; missing below 20 users.

        What is told is off by half of ``hours_unit``, ``hours_per_user_unit`` and ``mean_age_unit`` at most.
        Sums over age groups are sums of what is told of them. Combinations with nobody are zeros in tables
        that have users at all.

        By municipality the last rows are those of the country (``municipality`` is ``"all"``), as they are
        without municipalities; users with hours are told only where the country tells them anyway.
        ``attrs`` holds the threshold, the units, and how many cells are suppressed.

    Raises
    ------
    SpecificationError
        A threshold that is no whole number from 2 on; `country` with a cube without municipalities; `country`
        or `beside` with municipalities, `beside` with the same unit of time.
    InvalidDataError
        Columns that lack, cells that occur twice, counts that are negative, missing or no whole numbers, more
        users with hours than users, hours of nobody or above 336 a person, ages outside the age group, a
        country with more users than its municipalities.

    Notes
    -----
    What is promised and how it is kept is told in ``docs/privacy.md``. Users:
    `linked_tables.suppress_linked`. Hours and ages: `rounded_sums`. Services are no parts of a whole (a
    person can use several), so sums over services are not published here.
    """
    _check_threshold(threshold)
    if "municipality" not in cube:
        if country is not None:
            raise SpecificationError("country: give it with a cube by municipality only")
        told, _ = _protect_country(_read(cube, "cube"), _read_beside(cube, beside), threshold)
        return _finish([told.frame()], threshold)
    below = _read(cube, "cube")
    whole = (
        below.country() if country is None else _read(_without_municipality(country, "country"), "country")
    )
    _check_country(below, whole)
    above, limits = _protect_country(whole, _read_beside(cube, beside), threshold)
    return _finish([_protect_municipalities(below, above, limits, threshold), above.frame(_ALL)], threshold)


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Tables age × sex with margins, one for each combination of `keys`."""

    keys: pd.DataFrame
    users: Counts
    age_sum: Counts
    with_hours: Counts | None
    hours: NDArray[np.float64] | None

    def country(self) -> "_Blocks":
        """Sum over municipalities."""
        outer = [name for name in self.keys if name != "municipality"]
        keys = self.keys[outer].drop_duplicates().sort_values(outer, ignore_index=True)
        place = _position(self.keys[outer], keys)

        def add(values: NDArray[_N]) -> NDArray[_N]:
            total = np.zeros((len(keys), *_SHAPE), dtype=values.dtype)
            np.add.at(total, place, values)
            return total

        return _Blocks(
            keys,
            add(self.users),
            add(self.age_sum),
            None if self.with_hours is None else add(self.with_hours),
            None if self.hours is None else add(self.hours),
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """What is shown of blocks."""

    keys: pd.DataFrame
    users: Counts
    hidden: Mask
    closed: Mask
    ages: Coarse
    with_hours: NDArray[np.float64] | None = None
    hours: Coarse | None = None

    def frame(self, municipality: str | None = None) -> pd.DataFrame:
        """Rows for each cell; with a municipality of this name first."""
        n_cells = self.users[0].size if len(self.users) else 0
        keys = self.keys if municipality is None else self.keys.assign(municipality=municipality)
        frame = keys.loc[keys.index.repeat(n_cells)].reset_index(drop=True)
        frame["age_group"] = np.tile(np.repeat([*AGE_GROUPS, _ALL], _SHAPE[1]), len(keys))
        frame["sex"] = np.tile([*map(str, SEXES), _ALL], _SHAPE[0] * len(keys))
        for name, values in self._measures():
            frame[name] = values.ravel()
        return frame

    def _measures(self) -> Iterator[tuple[str, NDArray[np.float64] | NDArray[np.str_]]]:
        yield "users", np.where(self.hidden, np.nan, self.users)
        if self.hours is not None and self.with_hours is not None:
            yield "users_with_hours", self.with_hours
            yield from (("hours", self.hours.total), ("hours_per_user", self.hours.mean))
        yield "mean_age", self.ages.mean
        yield "status", np.select([self.closed, self.hidden], [_NOT_TOLD, _CONFIDENTIAL], "")
        if self.hours is not None:
            yield "status_hours", np.where(np.isnan(self.hours.total), _CONFIDENTIAL, "")
            yield from (("hours_unit", self.hours.total_unit), ("hours_per_user_unit", self.hours.mean_unit))
        yield "mean_age_unit", self.ages.mean_unit


def _protect_country(
    blocks: _Blocks, beside: _Blocks | None, threshold: int
) -> tuple[_Told, Mapping[int, Limits]]:
    """Each table by itself, within the limits that another unit of time sets."""
    hidden = np.zeros(blocks.users.shape, dtype=bool)
    closed = hidden.copy()
    small = _small(blocks, threshold)
    limits = {} if beside is None else _limits(blocks, beside, threshold)
    for block in np.flatnonzero(small.any(axis=(1, 2))):
        found = suppress_table(blocks.users[block], threshold, small[block], limits.get(int(block)))
        hidden[block], closed[block] = found.hidden[0], found.closed[0]
    ages = coarse_ages(blocks.users, blocks.age_sum, hidden, by_row=True)
    if blocks.with_hours is None or blocks.hours is None:
        return _Told(blocks.keys, blocks.users, hidden, closed, ages), limits
    told = users_with_hours(blocks.users, blocks.with_hours, hidden, threshold)
    hours = coarse_hours(blocks.hours, ~np.isnan(told.about), told, by_row=True)
    return _Told(blocks.keys, blocks.users, hidden, closed, ages, told.shown, hours), limits


def _limits(blocks: _Blocks, beside: _Blocks, threshold: int) -> dict[int, Limits]:
    """Bound weeks by their years (at most as many users), or years by their weeks (at least as many)."""
    if "week" in blocks.keys:
        floors = _floors(beside, blocks)
        return _caps(blocks, beside, floors, threshold)
    return {year: Limits(floor, no_limits(_SHAPE).caps) for year, floor in enumerate(_floors(blocks, beside))}


def _floors(years: _Blocks, weeks: _Blocks) -> Counts:
    """Find the largest week of each year's cells; one person at least."""
    floors = np.ones(years.users.shape, dtype=np.int64)
    for week, year in _weeks_inside(weeks, years):
        np.maximum(floors[year], weeks.users[week], out=floors[year])
    return floors


def _caps(weeks: _Blocks, years: _Blocks, floors: Counts, threshold: int) -> dict[int, Limits]:
    """Where a year's cell is small itself, week and year rise together: the year as it then can be."""
    small = _small(years, threshold)
    floor, found, limits = np.ones(_SHAPE, dtype=np.int64), {}, {}
    for week, year in _weeks_inside(weeks, years):
        if year not in found:
            within = Limits(floors[year], no_limits(_SHAPE).caps)
            found[year] = suppress_table(years.users[year], threshold, small[year], within).others
        limits[week] = Limits(floor, found[year])
    return limits


def _weeks_inside(weeks: _Blocks, years: _Blocks) -> list[tuple[int, int]]:
    """Numbers of each week and of the year that it lies in from Monday to Sunday."""
    monday = pd.to_datetime(weeks.keys["week"])
    whole = monday.dt.year == (monday + pd.Timedelta(days=6)).dt.year
    inside = weeks.keys.assign(year=monday.dt.year, number=np.arange(len(weeks.keys)))[whole]
    other = _plain(years.keys).assign(other=np.arange(len(years.keys))).astype({"year": "int64"})
    both = _plain(inside).astype({"year": "int64"}).merge(other, on=["service", "year"])
    return list(zip(both["number"].tolist(), both["other"].tolist(), strict=True))


def _small(blocks: _Blocks, threshold: int) -> Mask:
    """Find cells below the threshold, or at it and with hours for some: that would tell 1 to 4 of them."""
    small: Mask = (blocks.users > 0) & (blocks.users < threshold)
    if blocks.with_hours is not None:
        mixed = (blocks.with_hours > 0) & (blocks.with_hours < blocks.users)
        small |= mixed & (blocks.users == threshold)
    return small


def _protect_municipalities(
    blocks: _Blocks, above: _Told, limits: Mapping[int, Limits], threshold: int
) -> pd.DataFrame:
    """All municipalities of a service and week together, below what the country shows."""
    outer = list(above.keys)
    place = _position(blocks.keys[outer], above.keys)
    hidden = np.zeros(blocks.users.shape, dtype=bool)
    closed = hidden.copy()
    small = (blocks.users > 0) & (blocks.users < threshold)
    order = np.argsort(place, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(place[order])) + 1):
        if rows.size:
            k = int(place[rows[0]])
            if above.closed[k].all():
                hidden[rows] = closed[rows] = True
                continue
            found = suppress_linked(
                blocks.users[rows], threshold, small[rows], above.hidden[k], above.users[k], limits.get(k)
            )
            hidden[rows], closed[rows] = found.hidden, found.closed
    ages = coarse_ages(blocks.users, blocks.age_sum, hidden, by_row=False)
    if above.with_hours is None or blocks.hours is None:
        return _Told(blocks.keys, blocks.users, hidden, closed, ages).frame()
    told = users_with_hours_below(blocks.users, hidden, above.users[place], above.with_hours[place])
    same = WithHours(told, told, told)
    hours = coarse_hours(blocks.hours, ~hidden, same, by_row=False)
    return _Told(blocks.keys, blocks.users, hidden, closed, ages, told, hours).frame()


def _finish(parts: list[pd.DataFrame], threshold: int) -> pd.DataFrame:
    columns = list(parts[0])
    frame = pd.concat([part[columns] for part in parts], ignore_index=True)
    frame.attrs = {
        "threshold": threshold,
        "suppressed": int((frame["status"] != "").sum()),
        "hours_step": HOURS_STEP,
        "age_steps": dict(zip(AGE_GROUPS, (2 * AGE_WIDTHS).tolist(), strict=True)),
    }
    return frame


def _position(rows: pd.DataFrame, keys: pd.DataFrame) -> NDArray[np.int64]:
    """Find which key each row has."""
    numbered = _plain(keys).assign(number=np.arange(len(keys)))
    found = _plain(rows).merge(numbered, on=list(keys), how="left", validate="m:1")["number"]
    return np.asarray(found, dtype=np.int64)


def _plain(keys: pd.DataFrame) -> pd.DataFrame:
    """Keys that can be compared: a cube read from a file has no categories."""
    return keys.astype({name: object for name in keys if isinstance(keys[name].dtype, pd.CategoricalDtype)})


# Reading and checking ----------


def _read(cube: pd.DataFrame, name: str) -> _Blocks:
    time = _check_columns(cube, name)
    outer = [c for c in ("municipality", "service") if c in cube] + [time]
    _check_cells(cube, outer, name)
    keys = cube[outer].drop_duplicates().sort_values(outer, ignore_index=True)
    block = _position(cube[outer], keys)
    age = cube["age_group"].astype(str).map({g: k for k, g in enumerate(AGE_GROUPS)}).to_numpy(np.int64)
    sex = cube["sex"].astype(str).map({str(s): k for k, s in enumerate(SEXES)}).to_numpy(np.int64)

    def table(values: pd.Series) -> NDArray[np.float64]:
        filled = np.zeros((len(keys), *_SHAPE))
        filled[block, age, sex] = values.to_numpy(dtype=float)
        filled[:, :, -1] = filled.sum(axis=2)
        filled[:, -1, :] = filled.sum(axis=1)
        return filled

    def whole(values: pd.Series) -> Counts:
        return np.rint(table(values)).astype(np.int64)

    with_hours = "users_with_hours" in cube
    return _Blocks(
        keys,
        whole(cube["users"]),
        whole((cube["mean_age"] * cube["users"]).where(cube["users"] > 0, 0.0).round()),
        whole(cube["users_with_hours"]) if with_hours else None,
        table(cube["hours"]) if with_hours else None,
    )


def _check_threshold(threshold: object) -> None:
    if isinstance(threshold, bool) or not isinstance(threshold, int | np.integer) or threshold < 2:
        raise SpecificationError(f"threshold={threshold!r}: must be a whole number of persons from 2 on")


def _check_columns(cube: pd.DataFrame, name: str) -> str:
    """Name of the column of time."""
    problems = [
        f"column {c!r} is missing"
        for c in ("service", "age_group", "sex", "users", "mean_age")
        if c not in cube
    ]
    times = [c for c in ("week", "year") if c in cube]
    if len(times) != 1:
        problems.append("needs either the column 'week' or 'year'" + (", not both" if times else ""))
    if len(lone := [c for c in _HOURS if c in cube]) == 1:
        problems.append(f"has {lone[0]!r} without the other of 'users_with_hours' and 'hours'")
    problems += [f"column {c!r} occurs twice" for c in cube.columns[cube.columns.duplicated()]]
    if problems:
        raise InvalidDataError(f"{name}: not a cube of weekly_cube or yearly_users", problems)
    return times[0]


def _check_cells(cube: pd.DataFrame, outer: list[str], name: str) -> None:
    """Labels first, since numbers are judged by them."""
    labels = [*outer, "age_group", "sex"]
    problems = [f"{column}: missing" for column in labels if cube[column].isna().any()]
    if "municipality" in outer and (cube["municipality"].astype(str) == _ALL).any():
        problems.append(f"municipality: {_ALL!r} is the country, which is formed here; leave it out")
    for column, allowed in (("age_group", AGE_GROUPS), ("sex", tuple(map(str, SEXES)))):
        unknown = sorted(set(cube[column].dropna().astype(str)) - set(allowed))
        problems += [
            f"{column}: {label!r}, allowed are {', '.join(allowed)}" for label in unknown[:_MOST_NAMED]
        ]
    twice = cube[cube.duplicated(labels)]
    problems += _named(twice, outer, "the cell occurs twice") if not problems else []
    problems += _wrong_types(cube)
    if not problems:
        problems = _wrong_numbers(cube, outer)
    if problems:
        raise InvalidDataError(f"{name} cannot be protected: {len(problems)} problem(s)", problems)


def _wrong_types(cube: pd.DataFrame) -> list[str]:
    measures = [c for c in ("users", "mean_age", *_HOURS) if c in cube]
    text = [c for c in measures if not pd.api.types.is_numeric_dtype(cube[c]) or cube[c].dtype == bool]
    return [f"{c}: {cube[c].dtype}, must be numbers" for c in text]


def _wrong_numbers(cube: pd.DataFrame, outer: list[str]) -> list[str]:
    """Tell what is wrong with the numbers, by cell; never the numbers themselves."""
    users, age = cube["users"].astype(float), cube["mean_age"].astype(float)
    group = cube["age_group"].astype(str)
    lowest, highest = (
        group.map(dict(zip(AGE_GROUPS, ends, strict=True))).astype(float) for ends in (AGE_LOWER, _OLDEST)
    )
    inside = (age >= lowest - 1e-6) & (age <= highest + 1e-6)
    wrong = {
        "users: not a whole number from 0 on": ~_is_count(users),
        "mean_age: missing, or outside the age group": (users > 0) & ~inside,
    }
    if "hours" in cube:
        some, hours = cube["users_with_hours"].astype(float), cube["hours"].astype(float)
        wrong |= {
            "users_with_hours: not a whole number from 0 on": ~_is_count(some),
            "users_with_hours: more than users": some > users,
            "hours: missing, negative or infinite": ~((hours >= 0) & np.isfinite(hours)),
            f"hours: more than {MAX_HOURS_PER_WEEK:.0f} a user with hours": (hours > _ROUNDING)
            & (hours > MAX_HOURS_PER_WEEK * some + _ROUNDING),
        }
    return [text for what, mask in wrong.items() for text in _named(cube[mask], outer, what)]


def _is_count(values: pd.Series) -> pd.Series:
    return (values >= 0) & np.isfinite(values) & (values == values.round())


def _named(rows: pd.DataFrame, outer: list[str], what: str) -> list[str]:
    if rows.empty:
        return []
    labels = rows[[*outer, "age_group", "sex"]].astype(str).agg(", ".join, axis=1).head(_MOST_NAMED)
    more = [f"{what}: and {len(rows) - _MOST_NAMED} more cells"] if len(rows) > _MOST_NAMED else []
    return [f"{label}: {what}" for label in labels] + more


def _without_municipality(other: pd.DataFrame, name: str) -> pd.DataFrame:
    if "municipality" in other:
        raise SpecificationError(f"{name}: has municipalities; give the cube of the country")
    return other


def _read_beside(cube: pd.DataFrame, beside: pd.DataFrame | None) -> _Blocks | None:
    if beside is None:
        return None
    if ("week" in cube) == ("week" in beside):
        raise SpecificationError("beside: give years beside weeks, or weeks beside years")
    return _read(_without_municipality(beside, "beside"), "beside")


def _check_country(below: _Blocks, whole: _Blocks) -> None:
    """Check that a person counts in the country, and at most once for each municipality."""
    added = below.country()
    names = list(added.keys)
    same = _plain(added.keys).merge(_plain(whole.keys), on=names, how="outer", indicator=True)
    lonely = same[same["_merge"] != "both"]
    problems = [
        f"{', '.join(map(str, row))}: in one of them only"
        for row in lonely[names].head(_MOST_NAMED).to_numpy()
    ]
    if (below.hours is None) != (whole.hours is None):
        problems.append("hours: in one of them only")
    if not problems:
        place = _position(below.keys[names], whole.keys)
        largest = np.zeros(whole.users.shape, dtype=np.int64)
        np.maximum.at(largest, place, below.users)
        wrong = ((whole.users > added.users) | (whole.users < largest)).any(axis=(1, 2))
        problems = [
            f"{', '.join(map(str, row))}: users that no municipality has, or fewer than one municipality"
            for row in whole.keys[wrong].head(_MOST_NAMED).to_numpy()
        ]
    if problems:
        raise InvalidDataError("country and cube are not of the same register", problems)
