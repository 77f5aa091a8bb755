"""What the sheets of a municipal book must say together: months, weights, years, totals; faults by cell."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any, Protocol

import pandas as pd

from kostnadsvekst.naming import nearest_names
from kostnadsvekst.sources.municipal_forms import BookKind, Form
from kostnadsvekst.sources.municipal_kinds import (
    CALCULATOR,
    COMPARE,
    FOR_ALL,
    LADDER,
    LIMITS_OF_WORDS,
    ORDINARY_PLACE,
    PLACE_TYPES,
    SAVINGS,
    STAFFING,
    UNIT_COSTS,
    USER_GROUPS,
)

_MONTHS = 12
_HALF_ORE = 0.005
_TOTAL = "total"
_ACCOUNT = "1[0-9]{3,}"


class Sheet(Protocol):
    """A sheet that was read, as `kostnadsvekst.sources.municipal_book.BookTable`."""

    @property
    def form(self) -> Form:
        """Its form."""

    @property
    def frame(self) -> pd.DataFrame:
        """Its rows."""

    def place(self, row: int, name: str) -> str:
        """Cell of a value."""


Sheets = Mapping[str, Any]


def check_tables(kind: BookKind, tables: Sheets, unreadable: Set[str] = frozenset()) -> list[str]:
    """Faults between rows and between sheets.

    Parameters
    ----------
    kind : BookKind
    tables : mapping of str to BookTable
        Sheets that could be read, by name of the form.
    unreadable : set of str
        Those that are there and could not: nothing is said of what hangs on them.

    Returns
    -------
    list of str
        One sentence a fault: cell, what is wrong, what to do.
    """
    faults = [*_assumptions(kind, tables), *_spelt_alike(tables)]
    for part in kind.parts:
        hidden = {own for own, name in part.names.items() if name in unreadable}
        faults += _checked_together(part.kind, part.tables(tables), hidden)
    return faults + _checked_together(kind, tables, unreadable)


def _checked_together(kind: BookKind, tables: Sheets, unreadable: Set[str]) -> list[str]:
    faults: list[str] = []
    for one, other in _TOGETHER.get(kind.name, ()):
        if not unreadable & {one, other}:
            faults += _same_years(tables, one, other)
    for check, forms in _CHECKS.get(kind.name, {}).items():
        if not unreadable & forms:
            faults += check(tables)
    return faults


def _assumptions(kind: BookKind, tables: Sheets) -> Iterator[str]:
    if "assumptions" not in tables:
        return
    table = tables["assumptions"]
    known = {text.casefold(): a for a in kind.assumptions for text in (a.name, a.label.nb, a.label.en)}
    for row, (name, value) in enumerate(zip(table.frame["name"], table.frame["value"], strict=True)):
        one = known.get(name.casefold())
        if one is None:
            near = nearest_names([name], [a.label.nb for a in kind.assumptions])
            yield (
                f"{table.place(row, 'name')}: no assumption is called {near}: take the name from the template"
            )
        elif not one.minimum <= value <= one.maximum:
            yield (
                f"{table.place(row, 'value')}: {one.label.nb!r} is {value:g}: it lies between "
                f"{one.minimum:g} and {one.maximum:g}"
            )


def _spelt_alike(tables: Sheets) -> Iterator[str]:
    """Require one spelling: formulas of a workbook do not tell small letters from capital ones."""
    first: dict[str, tuple[str, str]] = {}
    for table in tables.values():
        if "municipality" not in table.frame:
            continue
        for row, name in enumerate(table.frame["municipality"]):
            known, where = first.setdefault(name.casefold(), (name, table.place(row, "municipality")))
            if known != name:
                yield (
                    f"{table.place(row, 'municipality')}: {name!r} is {known!r} in {where}: write them alike"
                )


def _same_years(tables: Sheets, one: str, other: str) -> Iterator[str]:
    """Each municipality and year of a sheet is in the other, too."""
    if one not in tables or other not in tables:
        missing = other if one in tables else one
        if one in tables or other in tables:
            there = tables[one if one in tables else other]
            yield (
                f"sheet {there.grid.name!r} is filled in and the sheet {_LABELS[missing]!r} is not: "
                "both are needed"
            )
        return
    for a, b in ((one, other), (other, one)):
        known = set(_units(tables[b].frame))
        told: set[tuple[Any, ...]] = set()
        for row, unit in enumerate(_units(tables[a].frame)):
            if unit not in known | told:
                told.add(unit)
                yield (
                    f"{tables[a].place(row, 'year')}: {_words(unit)} is not in the sheet "
                    f"{tables[b].grid.name!r}: give both the same municipalities and years"
                )


def _units(frame: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """Municipality and year of each row, and the service where there is one."""
    names = [name for name in ("municipality", "year") if name in frame.columns]
    return iter(frame[names].itertuples(index=False, name=None))


def _words(unit: tuple[Any, ...]) -> str:
    return " ".join(f"{part:g}" if isinstance(part, float) else str(part) for part in unit)


def _months(tables: Sheets) -> Iterator[str]:
    if "places" not in tables:
        return
    table = tables["places"]
    for key, rows in table.frame.groupby(["municipality", "year", "place_type"], sort=False):
        months = float(rows["months"].sum())
        if not math.isclose(months, _MONTHS):
            cells = ", ".join(table.place(row, "months") for row in rows.index)
            yield (
                f"{cells}: the months of {_words(key)} add up to {months:g}, and the year has 12: write 12, "
                "or a row with 0 places for the rest"
            )
    for key, rows in table.frame.groupby(["municipality", "year"], sort=False):
        if not rows["places"].sum() > 0:
            yield f"{table.place(rows.index[0], 'places')}: {_words(key)} has no places to divide the cost by"


def _weights(tables: Sheets) -> Iterator[str]:
    known = {choice.nb for choice in PLACE_TYPES}
    if "weights" in tables:
        table = tables["weights"]
        known = set(table.frame["place_type"])
        ordinary = table.frame.index[table.frame["place_type"] == ORDINARY_PLACE]
        if not len(ordinary):
            yield (
                f"sheet {table.grid.name!r} has no row {ORDINARY_PLACE!r}: the others are weighed against "
                "it; add it with weight 1"
            )
        yield from (
            f"{table.place(row, 'weight')}: {ORDINARY_PLACE!r} has weight {weight:g}, and it is 1 by "
            "definition: write 1, and divide the others by it"
            for row, weight in table.frame.loc[ordinary, "weight"].items()
            if weight != 1
        )
    if "places" in tables:
        table = tables["places"]
        for row, name in enumerate(table.frame["place_type"]):
            if name not in known:
                yield (
                    f"{table.place(row, 'place_type')}: {nearest_names([name], known)} has no weight: add it "
                    "to the sheet 'Vekter', or use a name that has one"
                )


def _hours(tables: Sheets) -> Iterator[str]:
    if "home_hours" not in tables:
        return
    table = tables["home_hours"]
    for row, one in table.frame.iterrows():
        if math.isnan(one["planned_per_week"]) and math.isnan(one["delivered_per_week"]):
            yield (
                f"{table.place(row, 'planned_per_week')}, {table.place(row, 'delivered_per_week')}: both are "
                "empty: write planned hours, delivered hours, or both"
            )
        away = one[["training_days", "paid_leave_days", "public_holidays"]].sum()
        if away >= _WORKING_DAYS:
            yield f"{table.place(row, 'training_days')}: {away:g} days away leave no day to work: mend them"


def _accounts(tables: Sheets) -> Iterator[str]:
    """Require that a total goes with a word on what it is, and that arts are numbers."""
    if "home_accounts" not in tables:
        return
    table = tables["home_accounts"]
    hours = tables["home_hours"].frame if "home_hours" in tables else None
    services = ["municipality", "year", "service"]
    for key, rows in table.frame.groupby(services, sort=False):
        total = rows.index[rows["account"].str.casefold() == _TOTAL]
        wrong = [
            row
            for row in rows.index
            if row not in total and not (re.fullmatch(_ACCOUNT, rows["account"][row]))
        ]
        yield from (
            f"{table.place(row, 'account')}: {rows['account'][row]!r} is no account: write 1 and "
            "the art, as 1010, or 'total'"
            for row in wrong
        )
        if hours is None:
            continue
        same = hours[(hours[services] == list(key)).all(axis=1)]
        if same.empty:
            yield (
                f"{table.place(rows.index[0], 'service')}: {_words(key)} is not in the sheet "
                f"{tables['home_hours'].grid.name!r}: add its hours"
            )
        elif len(total) and not isinstance(same["total_is_net"].iloc[0], bool):
            yield (
                f"{tables['home_hours'].place(same.index[0], 'total_is_net')}: empty, and the accounts of "
                f"{_words(key)} have a total: write 'ja' if refunds are subtracted in it, else 'nei'"
            )


def _moves(tables: Sheets) -> Iterator[str]:
    if "moves" not in tables or "steps" not in tables:
        return
    table, steps = tables["moves"], tables["steps"].frame
    now: dict[tuple[Any, ...], dict[float, float]] = {}
    for unit, step, number in zip(_units(steps), steps["step"], steps["recipients"], strict=True):
        now.setdefault(unit, {})[step] = number
    for row, (unit, move) in enumerate(zip(_units(table.frame), table.frame.to_dict("records"), strict=True)):
        recipients = now.get(unit, {})
        absent = [name for name in ("origin", "target") if move[name] not in recipients]
        for name in absent:
            yield (
                f"{table.place(row, name)}: {_words(unit)} has no step {move[name]:g}: name one of its steps"
            )
        if move["origin"] == move["target"]:
            yield f"{table.place(row, 'target')}: from a step to itself: name another step"
        if absent:
            continue
        if move["n"] > recipients[move["origin"]]:
            yield (
                f"{table.place(row, 'n')}: {move['n']:g} move and step {move['origin']:g} then has "
                f"{recipients[move['origin']]:g}: move fewer"
            )
        recipients[move["origin"]] -= move["n"]
        recipients[move["target"]] += move["n"]


def _recipients(tables: Sheets) -> Iterator[str]:
    """Costs of a step have recipients, and a step for all inhabitants no price alone."""
    if "steps" not in tables:
        return
    table = tables["steps"]
    for row, one in table.frame.iterrows():
        if one["in_cost"] is False:
            continue
        no_total, no_price = math.isnan(one["total_mnok"]), math.isnan(one["price_kr"])
        if not one["recipients"] and one["unit"] != FOR_ALL and one["total_mnok"] > 0:
            yield (
                f"{table.place(row, 'recipients')}: {one['total_mnok']:g} million kroner and no recipients: "
                "write their number, or the cost 0"
            )
        if no_total and no_price:
            yield (
                f"{table.place(row, 'total_mnok')}: neither cost nor price: write one of them, 0 if it is "
                "free"
            )
        elif one["unit"] == FOR_ALL and no_total:
            yield f"{table.place(row, 'price_kr')}: a step for all inhabitants has no price: write the cost"


def _offices(tables: Sheets) -> Iterator[str]:
    if "application_offices" not in tables:
        return
    table = tables["application_offices"]
    for row, one in table.frame.iterrows():
        if one["excluded_fte"] > one["fte"]:
            yield (
                f"{table.place(row, 'excluded_fte')}: {one['excluded_fte']:g} man-years are taken out of "
                f"{one['fte']:g}: take out no more than there are"
            )


def _limits(tables: Sheets) -> Iterator[str]:
    """Require that limits between decisions rise."""
    names = ("grense_lav", "grense_middels", "grense_hoy")
    yield from _rise(tables, STAFFING, names, "the limits between decisions")


def _rising(tables: Sheets) -> Iterator[str]:
    """Require that limits of the words for a difference rise."""
    yield from _rise(tables, COMPARE, LIMITS_OF_WORDS, "the limits of the words")


def _rise(tables: Sheets, kind: BookKind, names: Sequence[str], what: str) -> Iterator[str]:
    if "assumptions" not in tables:
        return
    table = tables["assumptions"]
    labels = {text.casefold(): a.name for a in kind.assumptions for text in (a.name, *a.label)}
    given = {a.name: a.value for a in kind.assumptions}
    given |= {
        labels[name.casefold()]: float(value)
        for name, value in zip(table.frame["name"], table.frame["value"], strict=True)
        if name.casefold() in labels
    }
    limits = [given[name] for name in names]
    if limits != sorted(set(limits)):
        told = ", ".join(f"{limit:g}" for limit in limits)
        yield f"{table.place(0, 'value')}: {what} are {told}: let them rise"


def _functions(tables: Sheets) -> Iterator[str]:
    """Functions stand in all rows of accounts and shared costs or in none; corrections need them."""
    sheets = [tables[name] for name in ("accounts", "shared") if name in tables]
    given = [isinstance(value, str) for table in sheets for value in table.frame["function"]]
    if "corrections" not in tables and not any(given):
        return
    for table in sheets:
        for row, value in enumerate(table.frame["function"]):
            if not isinstance(value, str):
                yield (
                    f"{table.place(row, 'function')}: empty: write the function, as all rows of accounts and "
                    "shared costs do where one does or costs are moved"
                )


def _pairs(tables: Sheets) -> Iterator[str]:
    """Lines of a correction sum to zero."""
    if "corrections" not in tables:
        return
    table = tables["corrections"]
    for key, rows in table.frame.groupby(["municipality", "year", "pair"], sort=False):
        left = math.fsum(rows["amount_kr"])
        if abs(left) >= _HALF_ORE:
            cells = ", ".join(table.place(row, "amount_kr") for row in rows.index)
            yield f"{cells}: the lines of {_words(key)} sum to {left:.2f} kr, not to zero: mend them"


def _covered(tables: Sheets) -> Iterator[str]:
    """Municipalities and years of every sheet have inhabitants and a need index."""
    if "population" not in tables:
        return
    known = set(_units(tables["population"].frame))
    for name in ("counts", "accounts", "corrections", "shared"):
        if name not in tables:
            continue
        told: set[tuple[Any, ...]] = set()
        for row, unit in enumerate(_units(tables[name].frame)):
            if unit not in known | told:
                told.add(unit)
                yield (
                    f"{tables[name].place(row, 'year')}: {_words(unit)} is not in the sheet "
                    f"{tables['population'].grid.name!r}: add its inhabitants and need index"
                )


def _ages(tables: Sheets) -> Iterator[str]:
    """Age groups are no more than all inhabitants."""
    if "population" not in tables:
        return
    table = tables["population"]
    names = ["population_0_17", "population_18_67", "population_80_plus"]
    for row, one in table.frame.iterrows():
        parts = sum(one[name] for name in names if not math.isnan(one[name]))
        if parts > one["population"]:
            yield (
                f"{table.place(row, 'population')}: the age groups are {parts:g}, more than all "
                f"{one['population']:g} inhabitants: mend them"
            )


def _quantities(tables: Sheets) -> Iterator[str]:
    if "prices" not in tables or "lines" not in tables:
        return
    table, prices = tables["lines"], tables["prices"].frame
    known = {name.casefold() for name in prices["service"]}
    for row, name in enumerate(table.frame["service"]):
        if name.casefold() not in known:
            near = nearest_names([name], dict.fromkeys(prices["service"]))
            yield f"{table.place(row, 'service')}: {near} has no price: add it to the sheet 'Priser'"


def _one_own(tables: Sheets) -> Iterator[str]:
    """One's own municipality is one, has costs, and is in no group that it is compared with."""
    costs = tables.get("costs", tables.get("accounts"))
    if "own" not in tables or costs is None:
        return
    table = tables["own"]
    names = list(table.frame["municipality"])
    yield from (
        f"{table.place(row, 'municipality')}: a second municipality: keep one, and make a book for each"
        for row in range(1, len(names))
    )
    if names[0] not in set(costs.frame["municipality"]):
        near = nearest_names(names[:1], dict.fromkeys(costs.frame["municipality"]))
        where = table.place(0, "municipality")
        yield f"{where}: {near} has no rows in the sheet {costs.grid.name!r}: add them"
    if "groups" in tables:
        groups = tables["groups"]
        yield from (
            f"{groups.place(row, 'municipality')}: {name!r} is one's own municipality: leave it out"
            for row, name in enumerate(groups.frame["municipality"])
            if name == names[0]
        )


def _known_members(tables: Sheets) -> Iterator[str]:
    """Members of groups have costs in some year."""
    costs = tables.get("costs", tables.get("accounts"))
    if "groups" not in tables or costs is None:
        return
    table, known = tables["groups"], dict.fromkeys(costs.frame["municipality"])
    for row, name in enumerate(table.frame["municipality"]):
        if name not in known:
            near = nearest_names([name], known)
            where = table.place(row, "municipality")
            yield f"{where}: {near} has no rows in the sheet {costs.grid.name!r}: add or remove it"


def _costs_covered(tables: Sheets) -> Iterator[str]:
    """Municipalities and years with costs have inhabitants, and a need index of each key."""
    if "costs" not in tables:
        return
    table, keys = tables["costs"], dict.fromkeys(tables["need"].frame["need_key"]) if "need" in tables else ()
    people = set(_units(tables["population"].frame)) if "population" in tables else None
    needs = {(*unit, key) for unit, key in _needs(tables)}
    told: set[tuple[Any, ...]] = set()
    for row, unit in enumerate(_units(table.frame)):
        if unit in told:
            continue
        told.add(unit)
        where = f"{table.place(row, 'year')}: {_words(unit)}"
        if people is not None and unit not in people:
            yield f"{where} is not in the sheet {tables['population'].grid.name!r}: add its inhabitants"
        yield from (
            f"{where} has no need index {key!r} in the sheet {tables['need'].grid.name!r}: add it"
            for key in keys
            if (*unit, key) not in needs
        )


def _needs(tables: Sheets) -> Iterator[tuple[tuple[Any, ...], str]]:
    if "need" in tables:
        frame = tables["need"].frame
        yield from zip(_units(frame), frame["need_key"], strict=True)


_WORKING_DAYS = 260 - 25
_TOGETHER = {UNIT_COSTS.name: (("nursing_homes", "places"), ("home_accounts", "home_hours"))}
_LABELS = {form.name: form.label.nb for form in (*UNIT_COSTS.forms, *LADDER.forms, *CALCULATOR.forms)}
# Checks of each kind of book, and the sheets that each of them looks at.
_CHECKS: dict[str, dict[Callable[[Sheets], Iterator[str]], frozenset[str]]] = {
    UNIT_COSTS.name: {
        _months: frozenset({"places"}),
        _weights: frozenset({"weights", "places"}),
        _hours: frozenset({"home_hours"}),
        _accounts: frozenset({"home_accounts", "home_hours"}),
    },
    LADDER.name: {_recipients: frozenset({"steps"}), _moves: frozenset({"steps", "moves"})},
    CALCULATOR.name: {_quantities: frozenset({"lines", "prices"})},
    STAFFING.name: {_offices: frozenset({"application_offices"}), _limits: frozenset({"assumptions"})},
    COMPARE.name: {
        _one_own: frozenset({"own", "accounts", "groups"}),
        _known_members: frozenset({"groups", "accounts"}),
        _covered: frozenset({"population"}),
        _ages: frozenset({"population"}),
        _functions: frozenset({"accounts", "shared", "corrections"}),
        _pairs: frozenset({"corrections"}),
        _rising: frozenset({"assumptions"}),
    },
    SAVINGS.name: {
        _one_own: frozenset({"own", "costs", "groups"}),
        _known_members: frozenset({"groups", "costs"}),
        _costs_covered: frozenset({"costs", "population", "need"}),
    },
    USER_GROUPS.name: {
        _covered: frozenset({"population"}),
        _ages: frozenset({"population"}),
        _functions: frozenset({"accounts", "shared", "corrections"}),
        _pairs: frozenset({"corrections"}),
    },
}
