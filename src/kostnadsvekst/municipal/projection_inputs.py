"""Reading what projections of places are made from, by age group and service; all faults at once."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.municipal.given_numbers import municipality_name
from kostnadsvekst.sources.age_groups import parse_age_group

# Columns that may stand beside the age group and keep apart.
APART = ("municipality", "service")
AGE = "age_group"
# An age group as it is compared: "67-79 år" is "67-79".
AGE_KEY = "age_key"


def age_key(label: object) -> str:
    """Age group as it is compared, whatever the words of the source.

    Parameters
    ----------
    label : str
    """
    ages = parse_age_group(label)
    return str(label).strip().casefold() if ages is None else f"{ages.low:03d}-{ages.high:03d}"


def age_order(label: object) -> tuple[int, str]:
    """Place of an age group among others: the youngest first, texts that are no ages last.

    Parameters
    ----------
    label : str
    """
    ages = parse_age_group(label)
    return (10_000 if ages is None else ages.low, str(label))


def read_numbers(given: object, value: str, others: Sequence[str] = ()) -> tuple[pd.DataFrame, list[str]]:
    """Read numbers by age group from a mapping, a Series or a frame.

    Parameters
    ----------
    given : mapping, Series or DataFrame
        Age group -> number; a Series whose index has names (``"service"``, ``"age_group"``); or a frame.
    value : str
        Column of the numbers, for a frame also the only other column of numbers.
    others : sequence of str
        Columns kept if they are there.

    Returns
    -------
    tuple
        Frame with the columns that are there of `APART` and `others`, ``age_group``, ``age_key`` and `value`;
        and the faults.
    """
    frame, faults = _as_frame(given, value)
    if faults:
        return pd.DataFrame(columns=[AGE, AGE_KEY, value]), faults
    keys = [name for name in (*APART, *others) if name in frame]
    made = frame[[*keys, AGE, value]].copy()
    if "municipality" in made:
        made["municipality"] = [municipality_name(name) for name in made["municipality"]]
        faults += (
            [f"{value}: a municipality has no name; fill it in"] if "" in set(made["municipality"]) else []
        )
    made[AGE] = made[AGE].astype(str).str.strip()
    made[AGE_KEY] = made[AGE].map(age_key)
    numbers = pd.to_numeric(made[value], errors="coerce").astype(float)
    bad = ~np.isfinite(numbers.to_numpy())
    faults += [f"{value} of {told(row, keys)} is no number; fill it in" for row in records(made[bad])]
    low = numbers.to_numpy() < 0
    faults += [f"{value} of {told(row, keys)} is negative ({row[value]:g})" for row in records(made[low])]
    twice = made.duplicated([*keys, AGE_KEY], keep="first")
    faults += [f"{value} of {told(row, keys)} stands twice; keep one" for row in records(made[twice])]
    made[value] = numbers
    if not len(made):
        faults.append(f"{value} is empty; give at least one age group")
    return made.drop_duplicates([*keys, AGE_KEY]).reset_index(drop=True), faults


def overlap_faults(rows: pd.DataFrame, what: str, apart: Sequence[str] = ()) -> list[str]:
    """Say which age groups share ages with another, whose persons would count twice.

    Parameters
    ----------
    rows : DataFrame
        From `read_numbers`.
    what : str
    apart : sequence of str
        Columns that keep groups apart: services, municipalities.
    """
    keys = [name for name in apart if name in rows]
    units: dict[tuple[Any, ...], dict[str, None]] = {}
    for *unit, label in zip(*(rows[name] for name in (*keys, AGE)), strict=True):
        units.setdefault(tuple(unit), {})[label] = None
    faults = []
    # Most units have the same age groups.
    for labels in dict.fromkeys(map(tuple, units.values())):
        known = {label: parse_age_group(label) for label in labels}
        ordered = sorted((ages.low, ages.high, label) for label, ages in known.items() if ages is not None)
        faults += [
            f"{what}: age groups {one!r} and {other!r} share ages; keep groups that do not"
            for (_, high, one), (low, _, other) in pairwise(ordered)
            if low <= high
        ]
    return list(dict.fromkeys(faults))


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dictionaries, columns by name."""
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False, name=None)]


def told(row: Mapping[str, Any], keys: Iterable[str]) -> str:
    """Name of a row, for messages.

    Parameters
    ----------
    row : mapping
    keys : iterable of str
        Columns that keep apart, beside the age group.
    """
    return ", ".join([*(f"{name} {row[name]}" for name in keys), f"age group {row[AGE]!r}"])


def _as_frame(given: object, value: str) -> tuple[pd.DataFrame, list[str]]:
    if isinstance(given, pd.Series):
        names = [AGE if name is None else name for name in given.index.names]
        index = given.index.set_names(names)
        given = given.rename(value).set_axis(index).reset_index()
    elif isinstance(given, Mapping):
        given = pd.DataFrame({AGE: list(given.keys()), value: list(given.values())})
    if not isinstance(given, pd.DataFrame):
        return pd.DataFrame(), [
            f"{value} is a {type(given).__name__}; give a mapping, a Series or a frame by age group"
        ]
    absent = [name for name in (AGE, value) if name not in given.columns]
    have = ", ".join(map(str, given.columns))
    return given, [f"{value}: the column {name!r} lacks (there are {have})" for name in absent]


def refuse_projection(what: str, faults: Sequence[str]) -> None:
    """Raise if there are faults; each is told once.

    Parameters
    ----------
    what : str
    faults : sequence of str

    Raises
    ------
    InvalidDataError
    """
    listed = list(dict.fromkeys(faults))
    if listed:
        most = 40
        more = [f"and {len(listed) - most} more"] if len(listed) > most else []
        message = f"{what} cannot be computed: {len(listed)} fault(s)"
        raise InvalidDataError(message, [*listed[:most], *more])
