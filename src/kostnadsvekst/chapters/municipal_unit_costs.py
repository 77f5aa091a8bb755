"""Unit costs as sheets that compute: nursing homes, home nursing, practical assistance."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pandas as pd

from kostnadsvekst.chapters.municipal_faults import Faults
from kostnadsvekst.chapters.municipal_public import blocks_of, hide, is_small, sum_tells
from kostnadsvekst.chapters.municipal_sheets import (
    STATUSES,
    UNIT_KEYS,
    Judgement,
    System,
    assumption_log,
    choice_text,
    conditions,
    input_sheet,
    links_column,
    result_column,
    row_link,
    slug,
    unit_columns,
    used_assumptions,
    words,
)
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.municipal.cost_parameters import account_ranges
from kostnadsvekst.municipal.unit_costs import (
    Hours,
    ata_sensitivity,
    average_places,
    home_service,
    nursing_home,
    oslo_weights,
)
from kostnadsvekst.report.workbook import Chart, Formula, Sheet, SheetColumn, Value
from kostnadsvekst.sources.municipal_book import MunicipalBook
from kostnadsvekst.sources.municipal_forms import Assumption
from kostnadsvekst.sources.municipal_kinds import ORDINARY_PLACE, PLACE_TYPES, UNIT_COSTS

BASES = {
    "unweighted": Bilingual("uvektet", "unweighted"),
    "weighted": Bilingual("vektet", "weighted"),
}
UNITS = {
    "kr": Bilingual("kr", "NOK"),
    "percent": Bilingual("%", "%"),
    "hours/year": Bilingual("timer per år", "hours per year"),
    "kr/hour": Bilingual("kr per time", "NOK per hour"),
}
MEASURES = {
    "gross_cost": Bilingual("Brutto kostnad", "Gross cost"),
    "refunds": Bilingual("Refusjoner", "Refunds"),
    "wages": Bilingual("Lønn", "Wages"),
    "pension_and_employer_contribution": Bilingual(
        "Pensjon og arbeidsgiveravgift", "Pension and employer contribution"
    ),
    "net_cost_excluding_administration": Bilingual(
        "Netto kostnad uten administrasjon", "Net cost without administration"
    ),
    "administration": Bilingual("Administrasjon", "Administration"),
    "net_cost_including_administration": Bilingual(
        "Netto kostnad med administrasjon", "Net cost with administration"
    ),
    "administration_share": Bilingual("Administrasjon, andel", "Administration, share"),
    "planned_hours": Bilingual("Planlagte timer", "Planned hours"),
    "delivered_hours": Bilingual("Leverte timer", "Delivered hours"),
    "paid_hours": Bilingual("Lønnede timer", "Paid hours"),
    "available_hours": Bilingual("Tilgjengelige timer", "Available hours"),
    "share_delivered": Bilingual("Leverte av planlagte timer", "Delivered of planned hours"),
    "ata_available": Bilingual("ATA av tilgjengelige timer", "ATA of available hours"),
    "ata_paid": Bilingual("ATA av lønnede timer", "ATA of paid hours"),
    **{
        f"cost_per_{kind}_hour_{which}_administration": Bilingual(
            f"Kostnad per {nb} time {nb_which} administrasjon",
            f"Cost per {kind} hour {en_which} administration",
        )
        for kind, nb in (("planned", "planlagt"), ("delivered", "levert"), ("worked", "arbeidet"))
        for which, nb_which, en_which in (("excluding", "uten", "without"), ("including", "med", "with"))
    },
}
# Shares of time with recipients of which the sensitivity is shown, and which the reader may change.
ATA_SHARES = (0.5, 0.55, 0.6, 0.65, 0.7)
_SERVICE = [*UNIT_KEYS, "service"]
_SERVICE_FIELD = UNIT_COSTS.form("home_hours").field("service")


@dataclass(frozen=True, slots=True)
class _Home:
    """One service of a municipality and year, read and computed."""

    row: int
    key: tuple[str, int, str]
    accounts: dict[str, float]
    hours: Hours
    measures: pd.DataFrame


def unit_costs(book: MunicipalBook, lang: str) -> System:
    """Compute the unit costs of a book.

    Parameters
    ----------
    book : MunicipalBook
    lang : {"nb", "en"}

    Returns
    -------
    System

    Raises
    ------
    InvalidDataError
        What cannot be computed, each with its place in the book.
    """
    faults = Faults(book)
    weights = _weights(book)
    assumptions = (*used_assumptions(book), *weights.values())
    inputs: list[Sheet] = []
    results: list[Sheet] = []
    log = assumption_log(assumptions, book.kind.assumptions)
    if "nursing_homes" in book.tables:
        nursing = input_sheet(book.tables["nursing_homes"], lang)
        places = _places_sheet(book, weights, lang)
        inputs += [nursing, places]
        results.append(_nursing_sheet(book, weights, (nursing, places), faults, lang))
    if "home_hours" in book.tables:
        accounts, hours = _accounts_sheet(book, lang), input_sheet(book.tables["home_hours"], lang)
        inputs += [accounts, hours]
        services = [*_services(book, faults)]
        home = _home_sheet(services, (accounts, hours), lang)
        results.append(home)
        results += _ata_sheets(services, home, hours, book, lang)
        log += [entry for one in services for entry in _left_out(one)]
    faults.refuse()
    public = partial(_public, book, tuple(results))
    return System(tuple(inputs), tuple(results), assumptions, tuple(log), public)


def _public(book: MunicipalBook, results: tuple[Sheet, ...]) -> tuple[Sheet, ...]:
    """Hide few places, and weighted places where a type has few: both sums would give them back."""
    if "places" not in book.tables:
        return results
    nursing, *others = results
    frame = book.frame("places")
    kinds = frame.assign(mean=frame["places"] * frame["months"] / 12)
    kinds = kinds.groupby(["municipality", "year", "place_type"], sort=False)["mean"].sum()
    hidden: dict[int, tuple[str, ...]] = {}
    for key, (first, last) in blocks_of(nursing).items():
        of_unit = kinds[key]
        if is_small(float(of_unit.sum())) or sum_tells(of_unit):
            hidden |= dict.fromkeys(range(first, last + 1), _COUNTED)
        elif any(map(is_small, of_unit)):
            hidden |= dict.fromkeys(range(first + 1, last + 1), _COUNTED)
    return (hide(nursing, hidden), *others)


_COUNTED = ("places", "cost_per_place_kr", "cost_per_day_kr", "care_fte_per_place")


def _weights(book: MunicipalBook) -> dict[str, Assumption]:
    """Weight of each type of place that the book uses, as assumptions with names of cells."""
    if "places" not in book.tables:
        return {}
    used = dict.fromkeys([ORDINARY_PLACE, *book.tables["places"].frame["place_type"]])
    own = book.frame("weights")
    given = dict(zip(own["place_type"], own["weight"], strict=True))
    told = dict(zip(own["place_type"], own["source"], strict=True))
    oslo = {_fold(str(name)): float(weight) for name, weight in oslo_weights().items()}
    out: dict[str, Assumption] = {}
    for name in used:
        value = float(given[name]) if given else oslo[_fold(name)]
        label = next((choice for choice in PLACE_TYPES if choice.nb == name), both(name))
        cell = slug(f"vekt {name}", [one.name for one in out.values()])
        out[name] = Assumption(
            cell,
            Bilingual(f"Vekt: {label.nb}", f"Weight: {label.en}"),
            Bilingual("ordinære plasser", "ordinary places"),
            value,
            0,
            10,
            "assumed" if given or name == "Barnebolig" else "stated",
            both(str(told[name])) if isinstance(told.get(name), str) else _OSLO,
        )
    return out


_OSLO = Bilingual(
    "KS, NHO og Virke, vedlegg 1: Oslos kostnader i 2012 (barnebolig: modellens standard)",
    "KS, NHO and Virke, annex 1: Oslo's costs in 2012 (children's home: the model's default)",
)


def _fold(name: str) -> str:
    """Name as the source's table and the form both have it."""
    return " ".join(name.partition("(")[0].casefold().split())


def _places_sheet(book: MunicipalBook, weights: Mapping[str, Assumption], lang: str) -> Sheet:
    table = book.tables["places"]
    column = SheetColumn("weight", words(lang, "Vekt", "Weight"), "", "factor", "result", 12)
    cells = [Formula(f"={weights[name].name}", weights[name].value) for name in table.frame["place_type"]]
    return input_sheet(table, lang, [(column, cells)])


def _nursing_sheet(
    book: MunicipalBook,
    weights: Mapping[str, Assumption],
    inputs: tuple[Sheet, Sheet],
    faults: Faults,
    lang: str,
) -> Sheet:
    columns = (
        *unit_columns(lang),
        SheetColumn("basis", words(lang, "Plasser regnet", "Places counted"), width=14),
        result_column("places", words(lang, "Plasser", "Places"), words(lang, "plasser", "places"), "number"),
        result_column("cost_per_place_kr", words(lang, "Kostnad per plass", "Cost per place"), _kr(lang)),
        result_column("cost_per_day_kr", words(lang, "Kostnad per døgn", "Cost per day"), _kr(lang)),
        result_column(
            "care_fte_per_place",
            words(lang, "Pleieårsverk per plass", "Man-years of care per place"),
            words(lang, "årsverk", "man-years"),
            "factor",
        ),
        links_column(lang, 20),
    )
    name = words(lang, "Kostnad per plass", "Cost per place")
    chart = Chart(name, ("municipality", "basis"), "cost_per_place_kr", axis=_kr(lang))
    empty = Sheet(
        name,
        words(lang, "Sykehjem: ", "Nursing homes: ") + name.casefold(),
        columns,
        (),
        _notes(lang),
        (chart,),
    )
    rows: list[tuple[Value, ...]] = []
    for row, one in enumerate(book.frame("nursing_homes").to_dict("records")):
        found = faults.attempt("nursing_homes", row, partial(_nursing, book, one, weights))
        for basis in [] if found is None else found.index:
            assert found is not None
            rows.append(_nursing_row(empty, inputs, (row, len(rows)), one, found.loc[basis], lang))
    return replace(empty, rows=tuple(rows))


def _notes(lang: str) -> tuple[str, ...]:
    return (
        words(
            lang,
            "Kostnad delt på plasser i bruk. Vektet: plassene regnet om til ordinære langtidsplasser.",
            "Cost divided by places in use. Weighted: places as ordinary long-term places.",
        ),
    )


def _kr(lang: str) -> str:
    return UNITS["kr"].get(lang)


def _nursing(book: MunicipalBook, one: Mapping[str, Any], weights: Mapping[str, Assumption]) -> pd.DataFrame:
    frame = book.frame("places")
    same = frame[(frame["municipality"] == one["municipality"]) & (frame["year"] == one["year"])]
    places = {
        str(kind): average_places(zip(rows["places"], rows["months"], strict=True))
        for kind, rows in same.groupby("place_type", sort=False)
    }
    fte = float(one["care_fte"])
    return nursing_home(
        float(one["gross_cost_thousand_kr"]),
        places,
        {kind: weight.value for kind, weight in weights.items()},
        care_fte=None if math.isnan(fte) else fte,
        days=book.assumptions["dogn_per_aar"],
    )


def _nursing_row(
    sheet: Sheet,
    inputs: tuple[Sheet, Sheet],
    place: tuple[int, int],
    one: Mapping[str, Any],
    found: pd.Series,
    lang: str,
) -> tuple[Value, ...]:
    nursing, places = inputs
    row, k = place
    weight = f"*{places.span('weight')}" if found.name == "weighted" else ""
    same = conditions(places, sheet, k)
    count = f"=SUMPRODUCT({same}*{places.span('places')}*{places.span('months')}{weight})/12"
    per_place = f"={nursing.cell('gross_cost_thousand_kr', row)}*1000/{sheet.cell('places', k)}"
    fte = Formula(f"={nursing.cell('care_fte', row)}/{sheet.cell('places', k)}", found["care_fte_per_place"])
    return (
        one["municipality"],
        one["year"],
        BASES[str(found.name)].get(lang),
        Formula(count, found["places"]),
        Formula(per_place, found["cost_per_place_kr"]),
        Formula(f"={sheet.cell('cost_per_place_kr', k)}/dogn_per_aar", found["cost_per_day_kr"]),
        None if math.isnan(found["care_fte_per_place"]) else fte,
        row_link(nursing, row),
    )


def _accounts_sheet(book: MunicipalBook, lang: str) -> Sheet:
    """Accounts with their number and what they are, by which formulas choose them."""
    table = book.tables["home_accounts"]
    kinds = [_kind(account) for account in table.frame["account"]]
    kind = SheetColumn("kind", words(lang, "Slag", "Kind"), width=12)
    number = SheetColumn("number", words(lang, "Artsnummer", "Account number"), "", "year", width=12)
    labels: list[Value] = [KINDS[one].get(lang) for one in kinds]
    numbers: list[Value] = [
        float(str(a)[:4]) if k != "total" else 0.0 for a, k in zip(table.frame["account"], kinds, strict=True)
    ]
    return input_sheet(table, lang, [(kind, labels), (number, numbers)])


KINDS = {
    "cost": Bilingual("kostnad", "cost"),
    "refund": Bilingual("refusjon", "refund"),
    "total": Bilingual("total", "total"),
}


def _kind(account: str) -> str:
    if account.casefold() == "total":
        return "total"
    return "refund" if int(account[:4]) in account_ranges().refunds else "cost"


def _services(book: MunicipalBook, faults: Faults) -> Iterator[_Home]:
    accounts = book.frame("home_accounts")
    for row, one in enumerate(book.frame("home_hours").to_dict("records")):
        same = accounts[(accounts[_SERVICE] == [one[name] for name in _SERVICE]).all(axis=1)]
        items = dict(zip(same["account"].str.lower(), same["amount_kr"], strict=True))
        hours = faults.attempt("home_hours", row, partial(_hours, book, one))
        if hours is None:
            continue
        found = faults.attempt("home_hours", row, partial(_home, items, hours, one))
        if found is not None:
            key = (str(one["municipality"]), int(one["year"]), str(one["service"]))
            yield _Home(row, key, items, hours, found)


def _home(items: Mapping[str, float], hours: Hours, one: Mapping[str, Any]) -> pd.DataFrame:
    is_net = one["total_is_net"]
    return home_service(
        items,
        hours,
        admin=float(one["admin_kr"]),
        total_is_net_of_refunds=bool(is_net) if isinstance(is_net, bool) else None,
    )


def _hours(book: MunicipalBook, one: Mapping[str, Any]) -> Hours:
    def known(name: str, per: float = 1.0) -> float | None:
        value = float(one[name])
        return None if math.isnan(value) else value / per

    return Hours(
        known("planned_per_week"),
        known("delivered_per_week"),
        known("fte"),
        known("sick_leave_percent", 100),
        known("training_days"),
        known("paid_leave_days"),
        known("public_holidays"),
        holiday_days=book.assumptions["feriedager"],
        weekly_hours=book.assumptions["timer_per_uke"],
        weeks=book.assumptions["uker_per_aar"],
    )


def _home_sheet(services: Sequence[_Home], inputs: tuple[Sheet, Sheet], lang: str) -> Sheet:
    columns = (
        *unit_columns(lang),
        SheetColumn("service", words(lang, "Tjeneste", "Service"), width=22),
        SheetColumn("measure", words(lang, "Mål", "Measure"), width=46),
        result_column("value", words(lang, "Verdi", "Value"), ""),
        SheetColumn("unit", words(lang, "Enhet", "Unit"), width=16),
        SheetColumn("status", words(lang, "Status", "Status"), width=12),
        links_column(lang, 30),
    )
    name = words(lang, "Kostnad per time", "Cost per hour")
    note = words(
        lang,
        "ATA: andelen av timene som er hos brukerne. Kilden regner den av både tilgjengelige og "
        "lønnede timer.",
        "ATA: share of the hours spent with recipients. The source takes it of available and of paid hours.",
    )
    title = words(lang, "Hjemmetjenester: ", "Home services: ") + name.casefold()
    empty = Sheet(name, title, columns, (), (note,))
    rows: list[tuple[Value, ...]] = []
    for one in services:
        rows += _home_rows(empty, inputs, one, len(rows), lang)
    return replace(empty, rows=tuple(rows))


def _home_rows(
    sheet: Sheet, inputs: tuple[Sheet, Sheet], one: _Home, start: int, lang: str
) -> Iterator[tuple[Value, ...]]:
    accounts, hours = inputs
    names = list(one.measures["measure"])
    cells = {name: sheet.cell("value", start + k) for k, name in enumerate(names)}
    formulas = _formulas(inputs, one, cells, lang)
    money = {"gross_cost", "refunds", "wages", "pension_and_employer_contribution"}
    for row in one.measures.itertuples(index=False):
        of = accounts if row.measure in money else hours
        at = _first_account(accounts, one, lang) if row.measure in money else one.row
        municipality, year, service = one.key
        yield (
            municipality,
            year,
            choice_text(_SERVICE_FIELD, service, lang),
            MEASURES[row.measure].get(lang),
            Formula(formulas[row.measure], row.value),
            UNITS[row.unit].get(lang),
            STATUSES[row.status].get(lang),
            row_link(of, at),
        )


def _first_account(accounts: Sheet, one: _Home, lang: str) -> int:
    places = [accounts.position(name) for name in _SERVICE]
    wanted = (one.key[0], float(one.key[1]), choice_text(_SERVICE_FIELD, one.key[2], lang))
    return next(k for k, row in enumerate(accounts.rows) if tuple(row[p] for p in places) == wanted)


def _formulas(inputs: tuple[Sheet, Sheet], one: _Home, cells: Mapping[str, str], lang: str) -> dict[str, str]:
    """Write the formula of each measure, by the cells of the accounts, of the hours and of other measures."""
    accounts, hours = inputs
    same = conditions(accounts, hours, one.row, _SERVICE)

    def booked(kind: str, first: int = 0, last: int = 0) -> str:
        chosen = f'*({accounts.span("kind")}="{KINDS[kind].get(lang)}")'
        if first:
            chosen += f"*({accounts.span('number')}>={first})*({accounts.span('number')}<={last})"
        return f"SUMPRODUCT({same}{chosen}*{accounts.span('amount_kr')})"

    def given(name: str) -> str:
        return hours.cell(name, one.row)

    ranges = account_ranges()
    costs = any(_kind(account) == "cost" for account in one.accounts)
    refunds = any(_kind(account) == "refund" for account in one.accounts)
    is_gross = costs or "gross_cost" in cells
    total = booked("total")
    if not costs and refunds and _total_is_net(one):
        total = f"{booked('total')}+{booked('refund')}"
    days = "+".join(given(name) for name in ("training_days", "paid_leave_days", "public_holidays"))
    year = f"timer_per_uke*uker_per_aar-({days}+feriedager)*timer_per_uke/5"
    net = f"{cells.get('gross_cost')}-{cells.get('refunds')}" if is_gross else booked("total")
    formulas = {
        "gross_cost": booked("cost") if costs else total,
        "refunds": booked("refund"),
        "wages": booked("cost", *ranges.wages),
        "pension_and_employer_contribution": booked("cost", *ranges.social_costs),
        "net_cost_excluding_administration": net,
        "administration": given("admin_kr"),
        "net_cost_including_administration": (
            f"{cells['net_cost_excluding_administration']}+{cells['administration']}"
        ),
        "planned_hours": f"{given('planned_per_week')}*uker_per_aar",
        "delivered_hours": f"{given('delivered_per_week')}*uker_per_aar",
        "paid_hours": f"{given('fte')}*timer_per_uke*uker_per_aar",
        "available_hours": f"{given('fte')}*({year})*(1-{given('sick_leave_percent')}/100)",
    }
    return {name: f"={text}" for name, text in (formulas | _ratios(cells)).items()}


def _total_is_net(one: _Home) -> bool:
    """Whether the gross cost is more than the total that was given: refunds were added to it."""
    gross = one.measures.set_index("measure")["value"].get("gross_cost", math.nan)
    return bool(gross > one.accounts.get("total", math.nan))


def _ratios(cells: Mapping[str, str]) -> dict[str, str]:
    """Formulas of the measures that are one measure over another."""
    shares = {
        "administration_share": ("administration", "net_cost_including_administration"),
        "share_delivered": ("delivered_hours", "planned_hours"),
        "ata_available": ("delivered_hours", "available_hours"),
        "ata_paid": ("delivered_hours", "paid_hours"),
    }
    out = {name: f"100*{cells.get(a)}/{cells.get(b)}" for name, (a, b) in shares.items()}
    for kind, hours in (("planned", "planned"), ("delivered", "delivered"), ("worked", "available")):
        for which in ("excluding", "including"):
            net = cells[f"net_cost_{which}_administration"]
            out[f"cost_per_{kind}_hour_{which}_administration"] = f"{net}/{cells.get(f'{hours}_hours')}"
    return out


def _ata_sheets(
    services: Sequence[_Home], home: Sheet, hours: Sheet, book: MunicipalBook, lang: str
) -> Iterator[Sheet]:
    """Cost of a delivered hour at other shares of time with recipients, where available hours are known."""
    known = [one for one in services if one.hours.available_hours is not None]
    if not known:
        return
    columns = (
        *unit_columns(lang),
        SheetColumn("service", words(lang, "Tjeneste", "Service"), width=22),
        SheetColumn(
            "ata", words(lang, "ATA av tilgjengelige timer", "ATA of available hours"), "", "factor", "input"
        ),
        result_column(
            "delivered_per_week",
            words(lang, "Leverte timer", "Delivered hours"),
            words(lang, "timer per uke", "hours per week"),
            "number",
        ),
        result_column(
            "cost_per_delivered_hour_kr",
            words(lang, "Kostnad per levert time", "Cost per delivered hour"),
            UNITS["kr/hour"].get(lang),
        ),
    )
    name = words(lang, "Hva ATA betyr", "What ATA means")
    chart = Chart(
        words(lang, "Kostnad per levert time etter ATA", "Cost per delivered hour by ATA"),
        ("service", "ata"),
        "cost_per_delivered_hour_kr",
        axis=UNITS["kr/hour"].get(lang),
    )
    note = words(
        lang, "Netto kostnad uten administrasjon. ATA kan endres.", "Net cost without administration."
    )
    empty = Sheet(name, name, columns, (), (note,), (chart,))
    places = {row[:4]: k for k, row in enumerate(home.rows)}
    rows: list[tuple[Value, ...]] = []
    for one in known:
        service = choice_text(_SERVICE_FIELD, one.key[2], lang)
        key = (one.key[0], one.key[1], service)
        net, available = (
            home.cell("value", places[(*key, MEASURES[measure].get(lang))])
            for measure in ("net_cost_excluding_administration", "available_hours")
        )
        values = one.measures.set_index("measure")["value"]
        found = ata_sensitivity(float(values["net_cost_excluding_administration"]), one.hours, ATA_SHARES)
        for line in found.itertuples(index=False):
            ata = empty.cell("ata", len(rows))
            week = Formula(f"={ata}*{available}/uker_per_aar", line.delivered_per_week)
            cost = Formula(f"={net}/({ata}*{available})", line.cost_per_delivered_hour_kr)
            rows.append((*key, line.ata, week, cost))
    yield replace(empty, rows=tuple(rows))


def _left_out(one: _Home) -> Iterator[Judgement]:
    """Measures that cannot be had of what was given."""
    municipality, year, service = one.key
    left_out: Mapping[str, str] = one.measures.attrs.get("left_out", {})
    if left_out:
        names = [MEASURES[name] for name in left_out if name in MEASURES]
        where = f"{municipality} {year}, "
        english = choice_text(_SERVICE_FIELD, service, "en")
        yield Judgement(
            Bilingual(where + service, where + english),
            Bilingual("Utelatt: mål som mangler grunnlag", "Left out: measures without a basis"),
            Bilingual("; ".join(name.nb for name in names), "; ".join(name.en for name in names)),
        )
