"""Steps of an effort ladder as they are given: read, checked, and summed by step."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.errors import DataMissingError
from kostnadsvekst.municipal.given_numbers import number_faults, refuse, twice
from kostnadsvekst.naming import require_columns

FOR_ALL = "innbyggere"
_FOR_ALL_STEPS = (1, 2, 3)  # where no unit is given: what the source says of both editions
_STAR = "*"
_MNOK = 1_000_000


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps of a ladder, sorted; lists of one length but for the last three.

    Attributes
    ----------
    step, name, group : tuple
    recipients : tuple of float
        NaN where not given.
    price_kr : tuple of float
        NaN for steps without one.
    total_kr : tuple of float
    left_out : tuple of str
        What is starred.
    contradictions : tuple of mapping
        ``step``, ``column``, ``given``, ``computed``, ``slack``.
    share_sum : float or None
        Of the shares as given.
    """

    step: tuple[int, ...]
    name: tuple[str, ...]
    group: tuple[str, ...]
    recipients: tuple[float, ...]
    price_kr: tuple[float, ...]
    total_kr: tuple[float, ...]
    left_out: tuple[str, ...]
    contradictions: tuple[Mapping[str, Any], ...]
    share_sum: float | None


def read_steps(steps: pd.DataFrame) -> Steps:
    """Read the steps of a ladder.

    Parameters
    ----------
    steps : DataFrame
        As `kostnadsvekst.municipal.effort_ladder.ladder`.

    Raises
    ------
    DataMissingError
        A column is absent.
    InvalidDataError
        Whatever is wrong, all at once.
    """
    require_columns(["step", "name", "recipients"], steps.columns)
    amounts = [column for column in ("total_mnok", "price_kr") if column in steps.columns]
    if not amounts:
        raise DataMissingError("the steps lack the column 'total_mnok', or 'price_kr'; give one of them")
    require_columns(amounts, steps.columns)
    rows = [_row(record) for record in steps.to_dict("records")]
    faults = [] if rows else ["there is no step"]
    for number, row in enumerate(rows, 1):
        faults += _faults_of_row(row, f"row {number}")
    refuse("the ladder", faults)
    return _by_step(rows)


def _row(record: Mapping[Hashable, Any]) -> dict[str, Any]:
    """Read a row with every column, empty ones None."""
    columns = ("step", "name", "group", "unit", "item", "in_cost", *_NUMBERS)
    row = {column: _none_if_empty(record.get(column)) for column in columns}
    label = str(row["item"] or row["name"] or "").strip()
    row["counts"] = row["in_cost"] is not False and not label.endswith(_STAR)
    row["label"] = label.rstrip(_STAR).strip()
    return row


_NUMBERS = ("recipients", "total_mnok", "price_kr", "share_percent")


def _none_if_empty(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return None if value is None or value is pd.NA or value is pd.NaT or value != value else value


def _faults_of_row(row: Mapping[str, Any], at: str) -> list[str]:
    step = row["step"]
    whole = isinstance(step, int | float) and not isinstance(step, bool) and step >= 1 and step % 1 == 0
    at = f"{at} (step {step})" if whole else at
    faults = [] if whole else [f"{at}: step is {step!r}, not a whole number from 1"]
    faults += [] if row["label"] else [f"{at}: no name"]
    if row["in_cost"] is not None and not isinstance(row["in_cost"], bool):
        faults.append(f"{at}: in_cost is {row['in_cost']!r}, neither true nor false")
    bounds: dict[str, dict[str, Any]] = {
        "recipients": {"least": 0},
        "price_kr": {"least": 0},
        "total_mnok": {},
        "share_percent": {"least": 0, "most": 100, "remedy": "shares are per cent of all costs"},
    }
    for column, limits in bounds.items():
        if row[column] is not None:
            faults += number_faults(f"{at}: {column}", row[column], **limits)
    return faults


def _by_step(rows: Sequence[Mapping[str, Any]]) -> Steps:
    """Sum items by step, and find what the sums contradict."""
    items = any(row["item"] for row in rows)
    faults = [] if items else twice("steps", (str(int(row["step"])) for row in rows), _ONE_ROW)
    by_step: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_step.setdefault(int(row["step"]), []).append(row)
    merged = []
    for step in sorted(by_step):
        one, wrong = _merged(step, by_step[step])
        merged.append(one)
        faults += wrong
    refuse("the ladder", faults)
    return _steps(merged, tuple(row["label"] for row in rows if not row["counts"]))


_ONE_ROW = "keep one row a step, or name the parts of a step in a column 'item'"


def _merged(step: int, rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """One row for a step, and what is wrong with it."""
    one: dict[str, Any] = {"step": step}
    faults = []
    for column in ("name", "group", "unit", "recipients", "price_kr", "share_percent"):
        values = list(dict.fromkeys(row[column] for row in rows if row[column] is not None))
        if len(values) > 1:
            told = ", ".join(map(repr, values))
            faults.append(f"step {step}: {column} differs between its items: {told}; it is the step's")
        one[column] = values[0] if values else None
    one["name"] = str(one["name"] or "").rstrip(_STAR).strip()
    one["for_all"] = (
        str(one["unit"]).strip().casefold() == FOR_ALL if one["unit"] is not None else step in _FOR_ALL_STEPS
    )
    counted = [row for row in rows if row["counts"]]
    totals = [row["total_mnok"] for row in counted if row["total_mnok"] is not None]
    one["total_mnok"] = math.fsum(totals) if totals else None
    one["counts"] = bool(counted)
    return one, faults + _faults_of_step(one, counted, len(totals))


def _faults_of_step(one: Mapping[str, Any], counted: Sequence[Mapping[str, Any]], totals: int) -> list[str]:
    at, recipients, price = f"step {one['step']}", one["recipients"], one["price_kr"]
    if not counted:
        return []
    faults = []
    if totals not in (0, len(counted)):
        faults.append(f"{at}: total_mnok of an item is missing; write 0, or in_cost=False to leave it out")
    if not totals and price is None:
        faults.append(f"{at}: neither total_mnok nor price_kr; write 0 if it costs nothing")
    if one["for_all"]:
        if not totals and price is not None:
            faults.append(f"{at}: a step for all inhabitants has no price; give total_mnok")
        return faults
    if recipients is None:
        faults.append(f"{at}: recipients are missing; write 0 if there are none")
    elif not recipients and one["total_mnok"]:
        faults.append(
            f"{at}: {one['total_mnok']:g} million kroner and no recipients: the price is not known; give "
            f"recipients, or unit {FOR_ALL!r} for a step for all inhabitants"
        )
    return faults


def _steps(merged: Sequence[Mapping[str, Any]], left_out: tuple[str, ...]) -> Steps:
    total = [_total_kr(one) for one in merged]
    price = [_price_kr(one, kr) for one, kr in zip(merged, total, strict=True)]
    shares = [one["share_percent"] for one in merged if one["share_percent"] is not None]
    return Steps(
        step=tuple(one["step"] for one in merged),
        name=tuple(one["name"] for one in merged),
        group=tuple(str(one["group"] or "") for one in merged),
        recipients=tuple(
            math.nan if one["recipients"] is None else float(one["recipients"]) for one in merged
        ),
        price_kr=tuple(price),
        total_kr=tuple(total),
        left_out=left_out,
        contradictions=(*_prices_that_differ(merged, price), *_shares_that_differ(merged, total)),
        share_sum=math.fsum(shares) if shares else None,
    )


def _total_kr(one: Mapping[str, Any]) -> float:
    if not one["counts"]:
        return 0.0
    if one["total_mnok"] is not None:
        return float(one["total_mnok"]) * _MNOK
    return float(one["price_kr"]) * float(one["recipients"])


def _price_kr(one: Mapping[str, Any], total_kr: float) -> float:
    if one["for_all"] or not one["counts"]:
        return math.nan
    if one["total_mnok"] is None:
        return float(one["price_kr"])
    return total_kr / float(one["recipients"]) if one["recipients"] else math.nan


def _prices_that_differ(
    merged: Sequence[Mapping[str, Any]], price: Sequence[float]
) -> Iterable[dict[str, Any]]:
    """Prices that do not round from total and recipients, at the digits that are given."""
    half_total = _half_unit(one["total_mnok"] for one in merged) * _MNOK
    for one, computed in zip(merged, price, strict=True):
        if one["price_kr"] is None or one["total_mnok"] is None or math.isnan(computed):
            continue
        slack = _half_of_last_digit(one["price_kr"]) + half_total / one["recipients"]
        if abs(one["price_kr"] - computed) > slack * (1 + 1e-9):
            yield _contradiction(one, "price_kr", computed, slack)


def _shares_that_differ(
    merged: Sequence[Mapping[str, Any]], total: Sequence[float]
) -> Iterable[dict[str, Any]]:
    whole = math.fsum(total)
    if not whole > 0:
        return
    half_share = _half_unit(one["share_percent"] for one in merged)
    half_total = _half_unit(one["total_mnok"] for one in merged) * _MNOK
    for one, kr in zip(merged, total, strict=True):
        if one["share_percent"] is None:
            continue
        computed = 100 * kr / whole
        slack = half_share + (100 + computed * len(merged)) * half_total / whole
        if abs(one["share_percent"] - computed) > slack * (1 + 1e-9):
            yield _contradiction(one, "share_percent", computed, slack)


def _contradiction(one: Mapping[str, Any], column: str, computed: float, slack: float) -> dict[str, Any]:
    given = float(one[column])
    return {"step": one["step"], "column": column, "given": given, "computed": computed, "slack": slack}


def _half_unit(values: Iterable[float | None]) -> float:
    """Half a unit of the last decimal of a column; of whole numbers without any."""
    texts = [f"{value:.10f}".rstrip("0").partition(".")[2] for value in values if value is not None]
    return 0.5 / 10.0 ** max(map(len, texts), default=0)


def _half_of_last_digit(value: float) -> float:
    """Half a unit of the last digit that is not zero: 84 000 is rounded to thousands."""
    unit = 1.0
    if not value or value != int(value):
        return _half_unit([value])
    while value % (unit * 10) == 0:
        unit *= 10
    return unit / 2
