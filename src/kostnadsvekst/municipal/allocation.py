"""Shared costs spread over groups, exact to the øre."""

import math
from collections.abc import Hashable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from numbers import Real
from typing import TypeAlias

import numpy as np
import pandas as pd

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.naming import first_of

Costs: TypeAlias = pd.DataFrame | pd.Series | Mapping[str, float]
_ORE = 100
_MOST_KR = 1e13  # in whole øre a float is exact up to here


def allocate(
    direct: Costs,
    shared: pd.Series | Mapping[str, float] | float,
    key: Costs | None = None,
) -> pd.DataFrame:
    """Spread shared costs over groups by a key, each line to the øre.

    Parameters
    ----------
    direct : DataFrame, Series or mapping
        Direct costs in kroner, one column (entry) for each group; rows of a frame are added.
    shared : Series, mapping or float
        Shared costs in kroner, one entry for each line; a number is one line called ``"shared"``.
        Amounts may be negative (income).
    key : DataFrame, Series or mapping, optional
        Weight of each group, the same for all lines; or a frame with a row for each line. A group that is
        not named gets nothing. Default: the direct costs (profilen på direkteførte kostnader).

    Returns
    -------
    DataFrame
        The columns of `direct`, one row for each shared line, kroner with two decimals; each row sums to its
        line to the øre. ``attrs["totals_kr"]`` has direct and shared costs of each group.

    Raises
    ------
    InvalidDataError
        Amounts or weights that are no numbers, shared amounts finer than an øre, lines that occur twice,
        lines or groups of the key that are unknown.
    SpecificationError
        Weights that sum to zero: the shares are not identified.

    Notes
    -----
    allocated_g = shared × key_g / sum(key). Exact shares are cut to whole øre downwards, and the øre that are
    left go to the groups with the largest remainders; of equal remainders, to the larger weight in absolute
    value, then to the name that comes first. A line and its opposite are spread alike; the order of columns
    does not matter, and a group of weight zero gets nothing. Weights may be negative. Source: Harstad 2023,
    section 1.1; Ålesund 2020, section 2.2 and annex 6.
    """
    costs, lines = _frame(direct, "direct"), _lines(shared)
    weights = _weights(costs, lines, key)
    rows = {
        line: _spread(amount, weights[line if line in weights else _ALL_LINES])
        for line, amount in lines.items()
    }
    result = pd.DataFrame.from_dict(rows, orient="index", columns=list(costs.columns), dtype=float)
    result.attrs["totals_kr"] = _totals(costs, result)
    return result.rename_axis("line")


_ALL_LINES = object()  # where all lines have the same key


def _totals(direct: pd.DataFrame, shared: pd.DataFrame) -> dict[str, float]:
    both = pd.concat([direct, shared])
    exact = {group: sum(_number(value) or Fraction(0) for value in both[group]) for group in direct}
    return {str(group): float(total) for group, total in exact.items()}


def spread_ore(ore: int, weights: Mapping[str, Fraction]) -> dict[str, int]:
    """Spread whole øre by weights: largest remainders, as `allocate` says.

    Parameters
    ----------
    ore : int
    weights : mapping
        Their sum is not zero.
    """
    total = sum(weights.values(), Fraction(0))
    exact = {group: abs(ore) * weight / total for group, weight in weights.items()}
    whole = {group: math.floor(share) for group, share in exact.items()}
    left = abs(ore) - sum(whole.values())
    order = sorted(exact, key=lambda g: (whole[g] - exact[g], -abs(weights[g]), str(g)))
    for group in order[:left]:
        whole[group] += 1
    return {group: -share if ore < 0 else share for group, share in whole.items()}


def _spread(ore: int, weights: Mapping[str, Fraction]) -> list[float]:
    """Kroner for each group; no negative zero."""
    return [share / _ORE for share in spread_ore(ore, weights).values()]


def _lines(shared: pd.Series | Mapping[str, float] | float) -> dict[Hashable, int]:
    """Øre of each line."""
    if not isinstance(shared, Real | pd.Series | Mapping):
        kind = type(shared).__name__
        raise InvalidDataError(f"shared costs: a number, series or mapping is needed, not {kind}")
    given = pd.Series({"shared": shared}) if isinstance(shared, Real) else pd.Series(shared, dtype=object)
    problems = [f"line {line!r}: occurs twice" for line in given.index[given.index.duplicated()]]
    found: dict[Hashable, int] = {}
    for line, amount in given.items():
        value = _number(amount)
        if value is None or abs(value) > _MOST_KR:
            problems.append(f"line {line!r}: {amount!r} is no amount in kroner")
        elif (value * _ORE).denominator != 1:
            problems.append(f"line {line!r}: {amount!r} is finer than an øre; round it to two decimals")
        else:
            found[line] = int(value * _ORE)
    _refuse("shared costs", problems)
    return found


def _weights(
    costs: pd.DataFrame, lines: Mapping[Hashable, int], key: Costs | None
) -> dict[object, dict[str, Fraction]]:
    """Weights of the groups, by line; under `_ALL_LINES` where all lines have the same."""
    groups = list(costs.columns)
    frame = costs if key is None else _frame(key, "key")
    by_line = isinstance(key, pd.DataFrame) and len(key) > 1
    problems = [f"group {g!r} of the key is not in direct ({', '.join(map(str, groups))})"
                for g in frame.columns if g not in groups]  # fmt: skip
    if by_line:
        problems += [f"line {line!r} has no row in the key" for line in lines if line not in frame.index]
    _refuse("key", problems)
    whole = frame.reindex(columns=groups, fill_value=0)
    if by_line:
        found = {line: _exact(whole.loc[line], groups) for line in lines}
    else:
        found = {_ALL_LINES: _sum([_exact(row, groups) for _, row in whole.iterrows()], groups)}
    empty = [name for name, of_groups in found.items() if not sum(of_groups.values())]
    zero = ["all lines" if name is _ALL_LINES else f"line {name!r}" for name in empty]
    if zero and lines:
        raise SpecificationError(
            f"the key sums to zero ({', '.join(zero)}): shares are not identified; give key= other weights"
        )
    return found


def _exact(row: pd.Series, groups: Sequence[str]) -> dict[str, Fraction]:
    return {group: _number(row[group]) or Fraction(0) for group in groups}


def _sum(rows: Sequence[Mapping[str, Fraction]], groups: Sequence[str]) -> dict[str, Fraction]:
    return {group: sum((row[group] for row in rows), Fraction(0)) for group in groups}


def _frame(costs: Costs, name: str) -> pd.DataFrame:
    if not isinstance(costs, pd.DataFrame | pd.Series | Mapping):
        raise InvalidDataError(f"{name}: a frame, series or mapping is needed, not {type(costs).__name__}")
    frame = costs if isinstance(costs, pd.DataFrame) else pd.DataFrame([dict(costs)], dtype=object)
    problems = [f"group {group!r}: occurs twice" for group in frame.columns[frame.columns.duplicated()]]
    if isinstance(costs, pd.DataFrame) and name == "key":
        problems += [f"line {line!r}: occurs twice" for line in frame.index[frame.index.duplicated()]]
    if not problems:
        problems = [
            f"{line}, group {group!r}: {value!r} is no number"
            for line, row in zip(frame.index, frame.astype(object).to_numpy(), strict=True)
            for group, value in zip(frame.columns, row, strict=True)
            if _number(value) is None
        ]
    if frame.empty:
        problems.append("no group or no row is given")
    _refuse(name, problems)
    return frame


def _number(value: object) -> Fraction | None:
    """Read a number as it is written: 0.1 is a tenth."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real | Decimal | np.number):
        return None
    return Fraction(str(value)) if math.isfinite(value) else None


def _refuse(name: str, problems: Sequence[str]) -> None:
    if problems:
        raise InvalidDataError(f"{name}: {len(problems)} problem(s)", first_of(problems))
