"""Age groups as sources write them (``"67-79 år"``, ``"80 år og over"``, ``"Under 67 år"``); their sums."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.naming import first_of, require_columns

__all__ = ["AgeGroup", "in_age_groups", "parse_age_group"]

# Nobody is older; an open group ends here, so that widths of groups can be added up.
OLDEST = 200
_YEARS = r"(?:\s*(?:years?|år))?"
_OPEN = re.compile(
    rf"(\d{{1,3}}){_YEARS}\s*(?:\+|(?:og|and|eller|or)\s+(?:over|eldre|older|above|mer|more))\s*{_YEARS}"
)
_CLOSED = re.compile(rf"(\d{{1,3}}){_YEARS}\s*(?:-|–|til|to)\s*(\d{{1,3}}){_YEARS}")
_UNDER = re.compile(rf"(?:under|below)\s+(\d{{1,3}}){_YEARS}")
_SINGLE = re.compile(rf"(\d{{1,3}}){_YEARS}")


@dataclass(frozen=True, slots=True, order=True)
class AgeGroup:
    """Ages in whole years, both ends in it.

    Attributes
    ----------
    low : int
    high : int
        `OLDEST` for a group without an upper end.
    """

    low: int
    high: int

    @property
    def width(self) -> int:
        """Number of one-year ages."""
        return self.high - self.low + 1

    def holds(self, other: "AgeGroup") -> bool:
        """Whether all ages of the other are in this group."""
        return self.low <= other.low and other.high <= self.high

    def meets(self, other: "AgeGroup") -> bool:
        """Whether the groups share an age."""
        return self.low <= other.high and other.low <= self.high


def parse_age_group(text: object) -> AgeGroup | None:
    """Ages that a text means; None if it is not understood.

    Parameters
    ----------
    text : str or int
        Such as ``"67-79 år"``, ``"80 år og over"``, ``"90 år eller eldre"``, ``"Under 67 år"``, ``"105+"``,
        ``"003"``, ``7``.
    """
    plain = " ".join(str(text).casefold().split())
    if found := _OPEN.fullmatch(plain):
        return AgeGroup(int(found[1]), OLDEST)
    if found := _CLOSED.fullmatch(plain):
        low, high = int(found[1]), int(found[2])
        return AgeGroup(low, high) if low <= high else None
    if found := _UNDER.fullmatch(plain):
        return AgeGroup(0, int(found[1]) - 1) if int(found[1]) else None
    if found := _SINGLE.fullmatch(plain):
        return AgeGroup(int(found[1]), int(found[1]))
    return None


def in_age_groups(frame: pd.DataFrame, groups: Sequence[str], value: str = "population") -> pd.DataFrame:
    """Sum one-year ages, or groups, to wider groups.

    Parameters
    ----------
    frame : DataFrame
        ``age_group``, the column of numbers, and columns that keep apart (municipality, year, …).
    groups : sequence of str
        Such as ``["0-66", "67-79", "80-89", "90+"]``. They do not overlap; ages outside all are left out.
    value : str
        Column of numbers.

    Returns
    -------
    DataFrame
        As given, one row for each group, named as in `groups`.

    Raises
    ------
    InvalidDataError
        Groups that are not understood or overlap, groups of the source that lie across a border, ages that
        lack or stand twice; all at once.
    """
    require_columns(["age_group", value], frame.columns)
    targets = _parse_all(groups, "groups")
    sources = _parse_all(pd.unique(frame["age_group"]), "age_group")
    faults = _overlaps(targets)
    into: dict[object, object] = {}
    for label, ages in sources.items():
        met = [name for name, target in targets.items() if target.meets(ages)]
        faults += [
            f"age_group {label!r} lies across the border of {name!r}: no part of it is known; choose groups "
            "that are sums of those given"
            for name in met
            if not targets[name].holds(ages)
        ]
        into |= {label: met[0]} if met else {}
    if faults:
        raise InvalidDataError(f"age groups: {len(faults)} fault(s)", first_of(faults))
    keys = [name for name in frame.columns if name not in ("age_group", value)]
    kept = frame.assign(
        width=frame["age_group"].map({label: ages.width for label, ages in sources.items()}),
        age_group=frame["age_group"].map(into),
    ).dropna(subset=["age_group"])
    sums = kept.groupby([*keys, "age_group"], sort=False, dropna=False)[[value, "width"]]
    made = sums.sum(min_count=1).reset_index()
    _refuse_gaps(made, frame, keys, targets)
    made.attrs = dict(frame.attrs)
    return made[list(frame.columns)]


def _parse_all(labels: Iterable[object], what: str) -> dict[object, AgeGroup]:
    found = {label: parse_age_group(label) for label in labels}
    wrong = [
        f"{what}: {label!r} is no age group; write it as '67-79 år' or '90 år og over'"
        for label, ages in found.items()
        if ages is None
    ]
    if wrong:
        raise InvalidDataError(f"age groups: {len(wrong)} fault(s)", first_of(wrong))
    return {label: ages for label, ages in found.items() if ages is not None}


def _overlaps(targets: dict[object, AgeGroup]) -> list[str]:
    named = sorted(targets.items(), key=lambda pair: pair[1])
    return [
        f"the groups {one!r} and {other!r} overlap; give each age once"
        for (one, ages), (other, more) in pairwise(named)
        if ages.meets(more)
    ]


def _refuse_gaps(
    made: pd.DataFrame, frame: pd.DataFrame, keys: Sequence[str], targets: dict[object, AgeGroup]
) -> None:
    """Refuse groups of which ages lack, or stand twice, somewhere."""
    wanted = made["age_group"].map({name: ages.width for name, ages in targets.items()})
    wrong = made[made["width"] != wanted]
    faults = [
        f"{', '.join(f'{key} {row[key]}' for key in keys)}{', ' if keys else ''}age group "
        f"{row['age_group']!r}: " + ("ages lack" if row["width"] < wanted[k] else "ages stand twice")
        for k, row in wrong.iterrows()
    ]
    places = frame[list(keys)].drop_duplicates().shape[0] if keys else 1
    if not faults and len(made) != places * len(targets):
        counted = made["age_group"].value_counts()
        faults = [
            f"age group {name!r} is not there in {places - counted.get(name, 0)} of {places} places"
            for name in targets
            if counted.get(name, 0) != places
        ]
    if faults:
        raise InvalidDataError(f"age groups: {len(faults)} fault(s)", first_of(faults))
