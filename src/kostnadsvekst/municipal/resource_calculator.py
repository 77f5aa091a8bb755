"""Resource calculator: what a package of services costs in a year, and what else the sum buys.

Source: Ålesund 2020 to 2021, unit prices of the trial of state funding. All cells of the calculator were
empty in the source: its formulas are assumed.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.errors import DataMissingError
from kostnadsvekst.municipal.cost_parameters import price_table
from kostnadsvekst.municipal.given_numbers import number_faults, refuse, twice, week_faults
from kostnadsvekst.naming import nearest_names, require_columns
from kostnadsvekst.provenance import provenance_of

__all__ = [
    "QUANTITIES",
    "UNITS",
    "bought_premium",
    "equivalents",
    "index_prices",
    "package",
    "price_at_factor",
    "prices",
]

# Unit of a price -> what a quantity of it is.
UNITS = {
    "hour": "hours per week",
    "place": "percent of a year",
    "day": "days per year",
    "call_out": "call-outs per year",
}
# Unit of a price -> column of lines that has such quantities only.
QUANTITIES = {
    "hour": "hours_per_week",
    "place": "percent_of_year",
    "day": "days_per_year",
    "call_out": "call_outs_per_year",
}
_COLUMNS = ("service", "time", "unit", "provision", "step", "price_kr")
_KEYS = ("service", "time", "provision")


def __dir__() -> list[str]:
    return sorted(__all__)


def prices(name: str) -> pd.DataFrame:
    """Price list of the trial of state funding.

    Parameters
    ----------
    name : str
        ``list1`` (zone 1 of employer contribution; travel group 1) or ``list2`` (the calculator's).

    Returns
    -------
    DataFrame
        ``service``, ``time`` (of the day, or staffing factor; empty where there is one price), ``unit`` (a
        key of `UNITS`), ``provision`` (``own``, ``bought`` for places; else empty), ``step`` of the ladder
        with 12 steps, ``price_kr`` per hour, place and year, day, or call-out. ``attrs``: ``source``, and
        ``status`` of what was matched. The lists carry no year.

    Raises
    ------
    SpecificationError
        No such list.
    """
    found = price_table(name)
    frame = pd.DataFrame(found["rows"], columns=list(_COLUMNS))
    frame["price_kr"] = frame["price_kr"].astype(float)
    frame.attrs = {
        "price_list": name,
        "source": found["source"],
        "status": {column: found[f"{column}_status"] for column in ("price_kr", "service", "step")},
        "note": found["note"],
    }
    return frame


def package(lines: pd.DataFrame, prices: pd.DataFrame, *, weeks: float = 52) -> pd.DataFrame:
    """Cost of a package of services.

    Parameters
    ----------
    lines : DataFrame
        ``service`` and ``quantity``: hours per week, per cent of a year for places (100 is one place the
        whole year), days or call-outs per year, as the price's unit says (`UNITS`). ``time`` and
        ``provision`` where the service has several prices. Optional: ``unit``, which must be the price's;
        ``alternative``, whose packages are summed apart; any other column is kept. Instead of ``quantity`` a
        column for each unit: ``hours_per_week``, ``percent_of_year``, ``days_per_year``,
        ``call_outs_per_year``, one of them filled in on a line.
    prices : DataFrame
        From `prices`, or a list of one's own: ``service``, ``unit``, ``price_kr``, and ``time``,
        ``provision``, ``step`` if it has them.
    weeks : float
        Of the year. Assumed: 52.

    Returns
    -------
    DataFrame
        The lines with ``unit``, ``price_kr``, ``kr_per_week``, ``kr_per_year`` (and ``step``). ``attrs``:
        ``weeks``, ``kr_per_year`` (sum), ``alternatives`` (sum of each).

    Raises
    ------
    DataMissingError
        A column is absent.
    InvalidDataError
        Prices that are not positive, of an unknown unit or twice; lines without a price, with several, of
        another unit, over other weeks, or with a quantity that is negative or missing; all at once.

    Notes
    -----
    Hours: price × hours × weeks. Places: price × per cent / 100. Days and call-outs: price × number. Per
    week: per year / weeks. Assumed, but that of places: derived from the cells of 0 per cent.
    """
    table, faults = _read_prices(prices)
    lines, wrong = _with_quantity(lines)
    faults += wrong + week_faults(weeks) + _mixed_weeks(lines, weeks)
    found = []
    for number, line in enumerate(lines.to_dict("records"), 1):
        price, wrong = _price_of_line({str(key): value for key, value in line.items()}, table, number)
        found.append(price)
        faults += wrong
    faults += [] if len(lines) else ["the package has no line"]
    refuse("the package", faults)
    of_list = {key: value for key, value in _origin(prices).items() if key != "provenance"}
    return _costed(lines, [price for price in found if price is not None], weeks, of_list)


def equivalents(total_kr: float | pd.DataFrame, prices: pd.DataFrame, *, weeks: float = 52) -> pd.DataFrame:
    """Tell what a sum buys of each service.

    Parameters
    ----------
    total_kr : float or DataFrame
        Kroner in a year, or a `package` of the same number of weeks.
    prices : DataFrame
        As `package`.
    weeks : float
        Of the year. Assumed: 52.

    Returns
    -------
    DataFrame
        The prices with ``per_year`` (hours, places, days, call-outs) and ``quantity`` as a line of a
        `package` has it (hours per week, per cent of a year, days and call-outs per year); ``quantity_unit``
        names it.

    Raises
    ------
    DataMissingError
        A column is absent.
    InvalidDataError
        A negative sum, prices as in `package`, a package over other weeks; all at once.

    Notes
    -----
    sum / price, hours / weeks. Assumed: the source has the question, not the formula.
    """
    table, faults = _read_prices(prices)
    faults += week_faults(weeks)
    if isinstance(total_kr, pd.DataFrame):
        require_columns(["kr_per_year"], total_kr.columns)
        made = total_kr.attrs.get("weeks", weeks)
        if made != weeks:
            faults.append(
                f"the package is of {made:g} weeks, the equivalents of {weeks!r}; use one number of weeks"
            )
        total_kr = math.fsum(total_kr["kr_per_year"])
    faults += number_faults("total_kr", total_kr, least=0)
    refuse("what the sum buys", faults)
    price = np.array([row["price_kr"] for row in table], dtype=float)
    per_quantity = np.array([_per_quantity(row["unit"], weeks) for row in table])
    frame = pd.DataFrame(table)
    per_year = {"per_year": total_kr / price, "quantity": total_kr / price / per_quantity}
    frame = frame.assign(**per_year, quantity_unit=[UNITS[row["unit"]] for row in table])
    frame.attrs = {**_origin(prices), "weeks": float(weeks), "total_kr": float(total_kr), "status": "assumed"}
    return frame


def index_prices(prices: pd.DataFrame, factor: float) -> pd.DataFrame:
    """Move all prices of a list by a factor.

    Parameters
    ----------
    prices : DataFrame
        As `package`.
    factor : float
        For example 1.047, with which list 2 becomes list 1, within a krone for all but one row (derived).

    Raises
    ------
    InvalidDataError
        A factor that is not positive, or prices as in `package`.
    """
    table, faults = _read_prices(prices)
    refuse(
        "the price list", faults + number_faults("factor", factor, above=0, remedy="4.7 per cent are 1.047")
    )
    moved = pd.DataFrame(table)
    moved["price_kr"] = moved["price_kr"] * factor
    moved.attrs = {**_origin(prices), "factor": float(factor)}
    return moved


def bought_premium(prices: pd.DataFrame) -> pd.DataFrame:
    """Price of a bought place above that of an own one.

    Parameters
    ----------
    prices : DataFrame
        As `package`.

    Returns
    -------
    DataFrame
        ``service``, ``time``, ``own_kr``, ``bought_kr``, ``difference_kr``, of services that have both.

    Raises
    ------
    DataMissingError
        A column is absent, or no service has both.
    InvalidDataError
        Prices as in `package`.
    """
    table, faults = _read_prices(prices)
    refuse("the price of bought places", faults)
    frame = pd.DataFrame(table)
    wide = frame[frame["provision"].isin(["own", "bought"])].pivot(
        index=["service", "time"], columns="provision", values="price_kr"
    )
    if not {"own", "bought"} <= set(wide.columns):
        raise DataMissingError("no service of the price list has a price for own and for bought places")
    wide = wide.dropna().rename(columns={"own": "own_kr", "bought": "bought_kr"}).rename_axis(columns=None)
    wide["difference_kr"] = wide["bought_kr"] - wide["own_kr"]
    both = wide[["own_kr", "bought_kr", "difference_kr"]].reset_index()
    both.attrs = _origin(prices)
    return both


def price_at_factor(known: Mapping[float, float], factor: float) -> float:
    """Price of an hour at a staffing factor between two known ones.

    Parameters
    ----------
    known : mapping
        Two staffing factors -> price, kroner per hour.
    factor : float
        Between them.

    Returns
    -------
    float
        Kroner per hour, not rounded.

    Raises
    ------
    InvalidDataError
        Not two factors, or one beyond them: no price is known there.

    Notes
    -----
    Linear. Derived: prices of day activity are 89.2 + 367.8 × factor within a krone.
    """
    faults = [] if len(known) == 2 else [f"{len(known)} staffing factors are given, two are needed"]
    for at, price in known.items():
        faults += number_faults("a staffing factor", at, above=0) + number_faults("a price", price, above=0)
    refuse("the price at a staffing factor", faults)
    (low, low_price), (high, high_price) = sorted(known.items())
    remedy = "no price is known beyond the two"
    refuse(
        "the price at a staffing factor", number_faults("factor", factor, least=low, most=high, remedy=remedy)
    )
    part = (factor - low) / (high - low)
    return (1 - part) * low_price + part * high_price


Row = dict[str, Any]


def _read_prices(prices: pd.DataFrame) -> tuple[list[Row], list[str]]:
    """Rows of a price list with every column, and what is wrong with them."""
    require_columns(["service", "unit", "price_kr"], prices.columns)
    table: list[Row] = []
    faults = [] if len(prices) else ["the price list has no row"]
    for number, record in enumerate(prices.to_dict("records"), 1):
        row = {"service": "", "time": "", "unit": "", "provision": "", "step": None}
        row |= {column: _text(record.get(column)) for column in ("service", "time", "unit", "provision")}
        row |= {"step": record.get("step"), "price_kr": record["price_kr"]}
        faults += _faults_of_price(row, f"price row {number} ({_label(row)})")
        table.append(row)
    faults += twice("prices", map(_label, table), "keep one row for each service, time and provision")
    return table, faults


def _faults_of_price(row: Row, at: str) -> list[str]:
    faults = [] if row["service"] else [f"{at}: no service"]
    if row["unit"] not in UNITS:
        faults.append(f"{at}: unit {nearest_names([row['unit']], UNITS)} is none of {', '.join(UNITS)}")
    return faults + number_faults(f"{at}: price_kr", row["price_kr"], above=0)


def _text(value: Any) -> str:
    return "" if value is None or value is pd.NA or value != value else " ".join(str(value).split())


def _label(row: Mapping[str, Any]) -> str:
    return " | ".join(filter(None, (row[key] for key in _KEYS)))


def _price_of_line(
    line: Mapping[str, Any], table: Sequence[Row], number: int
) -> tuple[Row | None, list[str]]:
    """Find the one price row of a line, and what is wrong with the line."""
    asked = {key: _text(line.get(key)) for key in _KEYS}
    at = f"line {number} ({_label(asked)})"
    faults = number_faults(f"{at}: quantity", line["quantity"], least=0)
    of_service = [row for row in table if row["service"].casefold() == asked["service"].casefold()]
    if not of_service:
        known = dict.fromkeys(row["service"] for row in table)
        return None, [*faults, f"{at}: no price of service {nearest_names([asked['service']], known)}"]
    found = [
        row
        for row in of_service
        if all(
            not asked[key] or asked[key].casefold() == row[key].casefold() for key in ("time", "provision")
        )
    ]
    if len(found) != 1:
        choices = "; ".join(_label(row) for row in (found or of_service))
        what = "several prices fit" if found else "no price fits"
        return None, [*faults, f"{at}: {what}; say which by time and provision: {choices}"]
    unit = _text(line.get("unit"))
    if unit and unit != found[0]["unit"]:
        faults.append(
            f"{at}: the quantity is in {unit!r}, the price per {found[0]['unit']!r}; give "
            f"{UNITS[found[0]['unit']]}"
            if found[0]["unit"] in UNITS
            else f"{at}: the quantity is in {unit!r}, the price per {found[0]['unit']!r}"
        )
    return found[0], faults


def _with_quantity(lines: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Lines with ``quantity`` and its ``unit``, and those that say it twice or not at all."""
    given = [column for column in QUANTITIES.values() if column in lines.columns]
    if "quantity" in lines.columns or not given:
        require_columns(["service", "quantity"], lines.columns)
        return lines, []
    require_columns(["service", *given], lines.columns)
    filled = lines[given].notna().to_numpy()
    faults = [
        f"line {number}: {count} of {', '.join(given)} are filled in; one is needed"
        for number, count in enumerate(filled.sum(axis=1).tolist(), 1)
        if count != 1
    ]
    if faults:
        return lines.assign(quantity=0.0), faults
    unit = {column: unit for unit, column in QUANTITIES.items()}
    which = [given[place] for place in filled.argmax(axis=1)]
    quantity = [lines[column].iloc[number] for number, column in enumerate(which)]
    return lines.assign(quantity=quantity, unit=[unit[column] for column in which]), []


def _mixed_weeks(lines: pd.DataFrame, weeks: float) -> list[str]:
    """Lines that say of how many weeks they are must all be of `weeks`."""
    if "weeks" not in lines.columns:
        return []
    other = [str(value) for value in dict.fromkeys(lines["weeks"]) if value != weeks]
    if not other:
        return []
    return [f"lines of {', '.join(other)} weeks in a package of {weeks!r}; use one number of weeks"]


def _costed(
    lines: pd.DataFrame, found: Sequence[Row], weeks: float, origin: Mapping[str, Any]
) -> pd.DataFrame:
    price = np.array([row["price_kr"] for row in found], dtype=float)
    per_year = np.array([_per_quantity(row["unit"], weeks) for row in found])
    yearly = price * lines["quantity"].to_numpy(dtype=float) * per_year
    steps = {"step": [row["step"] for row in found]} if any(_text(row["step"]) for row in found) else {}
    columns = {name: lines[name].array for name in lines.columns}
    columns |= {"unit": [row["unit"] for row in found], **steps}
    columns |= {"price_kr": price, "kr_per_week": yearly / weeks, "kr_per_year": yearly}
    frame = pd.DataFrame(columns, index=lines.index)
    frame.attrs = {
        **_origin(lines),
        **origin,
        "weeks": float(weeks),
        "kr_per_year": math.fsum(yearly),
        "alternatives": _by_alternative(frame),
        "status": "assumed",
    }
    return frame


def _by_alternative(frame: pd.DataFrame) -> dict[str, float]:
    if "alternative" not in frame.columns:
        return {}
    sums: dict[str, float] = {}
    for name, part in frame.groupby("alternative", sort=False)["kr_per_year"]:
        sums[str(name)] = math.fsum(part)
    return sums


def _per_quantity(unit: str, weeks: float) -> float:
    """Units of the price in a year that one of the quantity is."""
    return {"hour": float(weeks), "place": 0.01, "day": 1.0, "call_out": 1.0}[unit]


def _origin(frame: pd.DataFrame) -> dict[str, Any]:
    """Attributes that travel on: the origin of the data, and of the prices."""
    kept = {key: frame.attrs[key] for key in ("price_list", "source") if key in frame.attrs}
    if "provenance" in frame.attrs:
        kept["provenance"] = provenance_of(frame).to_attrs()
    return kept
