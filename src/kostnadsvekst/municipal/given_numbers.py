"""Numbers as municipal systems are given them; faults are collected, so that all are told at once."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import pandas as pd

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.naming import first_of


def refuse(what: str, faults: Sequence[str]) -> None:
    """Raise if there are faults.

    Parameters
    ----------
    what : str
        What cannot be computed.
    faults : sequence of str
        One sentence each, with what to do.

    Raises
    ------
    InvalidDataError
    """
    if faults:
        raise InvalidDataError(f"{what} cannot be computed: {len(faults)} fault(s)", first_of(faults))


def number_faults(
    name: str,
    value: object,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
    remedy: str = "",
) -> list[str]:
    """Say what is wrong with a number; empty if nothing is.

    Parameters
    ----------
    name : str
        For the reader, with its unit.
    value : object
    least, above, most, below : float
        Bounds; `least` and `most` belong to what is allowed, `above` and `below` do not.
    remedy : str
        What to do if the number is outside.
    """
    if value is None or value is pd.NA:
        return [f"{name} is missing; fill it in"]
    if isinstance(value, bool) or not isinstance(value, Real):
        shown = repr(value) if isinstance(value, bool | str) else f"a {type(value).__name__}"
        return [f"{name} is {shown[:_SHOWN]}, not a number; write it with digits only"]
    number = float(value)
    if not math.isfinite(number):
        return [f"{name} is missing or infinite ({number}); fill it in"]
    if least <= number <= most and above < number < below:
        return []
    wanted = _wanted(least, above, most, below)
    return [f"{name} is {number:.10g}, must be {wanted}{f'; {remedy}' if remedy else ''}"]


_SHOWN = 60  # characters of a text


def _wanted(least: float, above: float, most: float, below: float) -> str:
    bounds = [("at least", least), ("above", above), ("at most", most), ("below", below)]
    return " and ".join(f"{word} {bound:g}" for word, bound in bounds if math.isfinite(bound))


def week_faults(weeks: object) -> list[str]:
    """Say what is wrong with the number of weeks in a year.

    Parameters
    ----------
    weeks : object
    """
    return number_faults("weeks", weeks, above=0, most=53, remedy="a year has 52, or 365/7")


def read_amounts(
    name: str,
    given: object,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
) -> tuple[dict[str, float], list[str]]:
    """Read amounts by name: those that are numbers, and what is wrong with the others.

    Parameters
    ----------
    name : str
        What an amount is, for messages.
    given : mapping or Series
        Name -> amount.
    least, above : float
        As `number_faults`.

    Returns
    -------
    tuple
        Name as text -> amount, and the faults: no mapping, empty, a name twice, no number, out of bounds.
    """
    if not isinstance(given, Mapping | pd.Series):
        return {}, [f"{name} are a mapping or a Series from name to number, not {type(given).__name__}"]
    pairs = [(as_name(key), value) for key, value in given.items()]
    faults = [] if pairs else [f"{name} are empty; give at least one"]
    faults += twice(name, [key for key, _ in pairs], "add the numbers up, or name them apart")
    kept: dict[str, float] = {}
    for key, value in pairs:
        found = number_faults(f"{name} {key!r}", value, least=least, above=above)
        faults += found
        if not found:
            kept[key] = float(value)
    return kept, faults


def as_name(key: Any) -> str:
    """Take a key for a name: whole numbers without decimals, texts without spaces around them.

    Parameters
    ----------
    key : object
    """
    whole = isinstance(key, float) and key.is_integer()
    return str(int(key) if whole else key).strip()


_CODE_DIGITS = 4


def municipality_name(key: Any) -> str:
    """Take a key for a municipality: ``301``, ``301.0``, ``"301"`` and ``"0301"`` are one.

    Parameters
    ----------
    key : object
        Name or number; a number of three digits has lost its zero. Empty if it is missing.
    """
    if key is None or key is pd.NA or key is pd.NaT or (isinstance(key, float) and math.isnan(key)):
        return ""
    name = as_name(key)
    return name.zfill(_CODE_DIGITS) if name.isdigit() and len(name) == _CODE_DIGITS - 1 else name


def year_faults(name: str, values: Iterable[Any]) -> list[str]:
    """Say which values are no years.

    Parameters
    ----------
    name : str
    values : iterable
        Numbers, or texts of digits.
    """
    years = pd.to_numeric(pd.Series(list(values), dtype=object), errors="coerce").astype(float)
    wrong = [value for value, year in zip(values, years, strict=True) if year % 1 != 0]
    return [f"{name} {value!r} is no year; write it as 2024" for value in dict.fromkeys(map(str, wrong))]


def twice(name: str, keys: Iterable[str], remedy: str) -> list[str]:
    """Name what stands more than once.

    Parameters
    ----------
    name : str
        What the keys are.
    keys : iterable of str
    remedy : str
    """
    repeated = [f"{key!r} ({n} times)" for key, n in Counter(keys).items() if n > 1]
    return [f"{name} more than once: {', '.join(first_of(repeated))}; {remedy}"] if repeated else []
