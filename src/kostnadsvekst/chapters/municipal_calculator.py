"""The resource calculator as sheets that compute: what a package costs, and what else the sum buys."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pandas as pd

from kostnadsvekst.chapters.municipal_faults import Faults
from kostnadsvekst.chapters.municipal_sheets import (
    Judgement,
    System,
    assumption_log,
    conditions,
    input_sheet,
    links_column,
    result_column,
    row_link,
    unit_columns,
    used_assumptions,
    words,
)
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.municipal.resource_calculator import equivalents, index_prices, package, prices
from kostnadsvekst.report.council_page.content import CalculatorTrial
from kostnadsvekst.report.workbook import Chart, Formula, Sheet, SheetColumn, Value
from kostnadsvekst.sources.municipal_book import MunicipalBook
from kostnadsvekst.sources.municipal_kinds import BOUGHT, CALCULATOR, OWN, PRICE_UNITS

# Without prices of its own a book is computed with this list.
PRICE_LIST = "list2"
PROVISIONS = {"own": OWN, "bought": BOUGHT}
_QUANTITIES = {
    "hour": Bilingual("timer per uke", "hours per week"),
    "place": Bilingual("% av en plass", "% of a place"),
    "day": Bilingual("døgn per år", "days per year"),
    "call_out": Bilingual("utrykninger per år", "call-outs per year"),
}
_PER_QUANTITY = {"hour": "uker_per_aar", "place": "0.01", "day": "1", "call_out": "1"}
_KEY = ["municipality", "year", "alternative"]
_LINE = ["service", "time", "provision", "quantity"]


@dataclass(frozen=True, slots=True)
class _Prices:
    """Prices as they are given, and with the factor on all of them; weeks of a year."""

    given: pd.DataFrame
    used: pd.DataFrame
    own: bool
    weeks: float


def resource_calculator(book: MunicipalBook, lang: str) -> System:
    """Compute the packages of a book.

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
        Lines without a price, or with several; each with its place in the book.
    """
    faults = Faults(book)
    table = _prices(book)
    costed = [*_costed(book, table, faults)]
    faults.refuse()
    assumptions = used_assumptions(book)
    lines = input_sheet(book.tables["lines"], lang)
    listed = _price_sheet(table, lang)
    cost = _cost_sheet(costed, (lines, listed), lang)
    sums = _sum_sheet(costed, cost, table, lang)
    other = _equivalent_sheet(sums, listed, table, lang)
    log = assumption_log(assumptions, book.kind.assumptions)
    log.append(_price_judgement(table))
    return System((lines, listed), (cost, sums, other), assumptions, tuple(log))


def calculator_trials(book: MunicipalBook) -> tuple[CalculatorTrial, ...]:
    """Take the packages of each municipality and year, to be changed in a page that computes.

    Parameters
    ----------
    book : MunicipalBook
    """
    table = _prices(book)
    faults = Faults(book)
    costed = [*_costed(book, table, faults)]
    faults.refuse()
    prices = tuple(_priced(one) for one in table.given.to_dict("records"))
    bounds = {one.name: one for one in book.kind.assumptions}
    weeks, factor = (
        (book.assumptions[name], bounds[name].minimum, bounds[name].maximum)
        for name in ("uker_per_aar", "prisfaktor")
    )
    lines: dict[tuple[str, int], list[dict[str, object]]] = {}
    for _, one, place in costed:
        line = {"alternative": one["alternative"], "price": place, "quantity": float(one["quantity"])}
        lines.setdefault((str(one["municipality"]), int(one["year"])), []).append(line)
    return tuple(
        CalculatorTrial(
            f"packages-{k}", both(f"{name} {year}"), prices, tuple(own), weeks, factor, _QUANTITIES
        )
        for k, ((name, year), own) in enumerate(lines.items())
    )


def _priced(one: Mapping[Any, Any]) -> dict[str, object]:
    """Price as the page has it: its factor is applied there."""
    return {
        "service": one["service"],
        "time": one["time"],
        "provision": PROVISIONS.get(one["provision"], ""),
        "unit": one["unit"],
        "price_kr": float(one["price_kr"]),
    }


def _prices(book: MunicipalBook) -> _Prices:
    own = "prices" in book.tables
    if own:
        codes = {label.nb: code for code, label in PRICE_UNITS.items()}
        provisions = {label.nb: code for code, label in PROVISIONS.items()}
        given = book.frame("prices").copy()
        given["unit"] = given["unit"].map(codes)
        given["provision"] = given["provision"].map(provisions).fillna("")
        given["time"] = given["time"].fillna("")
    else:
        given = prices(PRICE_LIST)
    used = index_prices(given, book.assumptions["prisfaktor"])
    return _Prices(given, used, own, book.assumptions["uker_per_aar"])


def _price_judgement(table: _Prices) -> Judgement:
    if table.own:
        choice = Bilingual("Bokens egne priser", "The book's own prices")
        return Judgement(Bilingual("Priser", "Prices"), choice, Bilingual("Arket «Priser»", "Sheet 'Prices'"))
    return Judgement(
        Bilingual("Priser", "Prices"),
        Bilingual("Prisliste 2", "Price list 2"),
        Bilingual(
            "Ålesund 2020–2021; listen har ikke årstall, og tjenestenavnene er koblet etter rekkefølgen",
            "Ålesund 2020–2021; the list carries no year, and names of services were matched by order",
        ),
        "stated",
    )


def _costed(book: MunicipalBook, table: _Prices, faults: Faults) -> Iterator[tuple[int, pd.Series, int]]:
    """Row of the sheet, its costed line, and the place of its price in the list."""
    lines = book.frame("lines").copy()
    lines["provision"] = lines["provision"].map({label.nb: code for code, label in PROVISIONS.items()})
    for row in range(len(lines)):
        compute = partial(package, lines.iloc[[row]], table.used, weeks=table.weeks)
        found = faults.attempt("lines", row, compute)
        if found is not None:
            yield row, found.iloc[0], _place_of(lines.iloc[row], table.used)


def _place_of(line: pd.Series, table: pd.DataFrame) -> int:
    """Place of the one price that fits a line."""
    fits = table["service"].str.casefold() == str(line["service"]).casefold()
    for name in ("time", "provision"):
        asked = line[name]
        if isinstance(asked, str) and asked:
            fits &= table[name].str.casefold() == asked.casefold()
    return int(fits.to_numpy().argmax())


def _price_sheet(table: _Prices, lang: str) -> Sheet:
    kr = words(lang, "kr", "NOK")
    form = CALCULATOR.form("prices")
    columns = (
        SheetColumn("service", form.field("service").label.get(lang), width=52),
        SheetColumn("time", form.field("time").label.get(lang), width=30),
        SheetColumn("unit", form.field("unit").label.get(lang), width=12),
        SheetColumn("provision", form.field("provision").label.get(lang), width=12),
        SheetColumn("step", form.field("step").label.get(lang), "", "year", width=8),
        SheetColumn("price_kr", form.field("price_kr").label.get(lang), kr, "kr", "input"),
        result_column("used_kr", words(lang, "Pris som brukes", "Price used"), kr),
    )
    name = form.label.get(lang)
    empty = Sheet(name, name, columns, ())
    rows: list[tuple[Value, ...]] = []
    pairs = zip(table.given.to_dict("records"), table.used["price_kr"], strict=True)
    for k, (one, used) in enumerate(pairs):
        step = one.get("step")
        rows.append(
            (
                one["service"],
                one["time"],
                PRICE_UNITS[one["unit"]].get(lang),
                _provision(one["provision"], lang),
                None if step is None or step != step else float(step),
                float(one["price_kr"]),
                Formula(f"={empty.cell('price_kr', k)}*prisfaktor", float(used)),
            )
        )
    return replace(empty, rows=tuple(rows))


def _provision(code: Any, lang: str) -> str:
    return PROVISIONS[code].get(lang) if code in PROVISIONS else ""


def _cost_sheet(
    costed: Sequence[tuple[int, pd.Series, int]], inputs: tuple[Sheet, Sheet], lang: str
) -> Sheet:
    lines, listed = inputs
    kr = words(lang, "kr", "NOK")
    columns = (
        *unit_columns(lang),
        SheetColumn("alternative", words(lang, "Alternativ", "Alternative"), width=26),
        SheetColumn("service", words(lang, "Tjeneste", "Service"), width=46),
        SheetColumn("time", words(lang, "Tid eller bemanning", "Time or staffing"), width=26),
        result_column("quantity", words(lang, "Mengde", "Quantity"), "", "number"),
        SheetColumn("quantity_unit", words(lang, "Mengden er", "The quantity is"), width=18),
        result_column("price_kr", words(lang, "Pris", "Price"), kr),
        result_column("kr_per_week", words(lang, "Kostnad per uke", "Cost per week"), kr),
        result_column("kr_per_year", words(lang, "Kostnad per år", "Cost per year"), kr),
        links_column(lang, 16),
    )
    name = words(lang, "Pakker", "Packages")
    note = words(
        lang,
        "Timer: pris × timer × uker. Plass: pris × prosent. Døgn og utrykning: pris × antall. "
        "Formlene er antatt.",
        "Hours: price × hours × weeks. Place: price × per cent. Days and call-outs: price × number. Assumed.",
    )
    empty = Sheet(name, words(lang, "Hva pakkene koster", "What the packages cost"), columns, (), (note,))
    rows: list[tuple[Value, ...]] = []
    for row, one, place in costed:
        k = len(rows)
        per = _PER_QUANTITY[one["unit"]]
        year = f"={empty.cell('price_kr', k)}*{empty.cell('quantity', k)}*{per}"
        rows.append(
            (
                one["municipality"],
                one["year"],
                one["alternative"],
                one["service"],
                one["time"] if isinstance(one["time"], str) else "",
                Formula(f"={lines.cell('quantity', row)}", one["quantity"]),
                _QUANTITIES[one["unit"]].get(lang),
                Formula(f"={listed.cell('used_kr', place)}", one["price_kr"]),
                Formula(f"={empty.cell('kr_per_year', k)}/uker_per_aar", one["kr_per_week"]),
                Formula(year, one["kr_per_year"]),
                row_link(lines, row),
            )
        )
    return replace(empty, rows=tuple(rows))


def _sum_sheet(costed: Sequence[tuple[int, pd.Series, int]], cost: Sheet, table: _Prices, lang: str) -> Sheet:
    kr = words(lang, "kr", "NOK")
    columns = (
        *unit_columns(lang),
        SheetColumn("alternative", words(lang, "Alternativ", "Alternative"), width=26),
        result_column("kr_per_week", words(lang, "Kostnad per uke", "Cost per week"), kr),
        result_column("kr_per_year", words(lang, "Kostnad per år", "Cost per year"), kr),
    )
    name = words(lang, "Sum per alternativ", "Sum by alternative")
    chart = Chart(
        words(lang, "Kostnad per år", "Cost per year"),
        ("municipality", "alternative"),
        "kr_per_year",
        axis=kr,
    )
    empty = Sheet(name, name, columns, (), (), (chart,))
    whole = pd.DataFrame([one for _, one, _ in costed])
    rows: list[tuple[Value, ...]] = []
    for key, part in whole.groupby(_KEY, sort=False):
        k = len(rows)
        total = package(part[_LINE], table.used, weeks=table.weeks).attrs["kr_per_year"]
        same = conditions(cost, empty, k, _KEY)
        week = Formula(f"={empty.cell('kr_per_year', k)}/uker_per_aar", total / table.weeks)
        rows.append((*key, week, Formula(f"=SUMPRODUCT({same}*{cost.span('kr_per_year')})", total)))
    return replace(empty, rows=tuple(rows))


def _equivalent_sheet(sums: Sheet, listed: Sheet, table: _Prices, lang: str) -> Sheet:
    columns = (
        *unit_columns(lang),
        SheetColumn("alternative", words(lang, "Alternativ", "Alternative"), width=26),
        SheetColumn("service", words(lang, "Tjeneste", "Service"), width=52),
        SheetColumn("time", words(lang, "Tid eller bemanning", "Time or staffing"), width=30),
        SheetColumn("provision", words(lang, "Utførelse", "Provision"), width=12),
        result_column("quantity", words(lang, "Summen kjøper", "The sum buys"), "", "number"),
        SheetColumn("quantity_unit", words(lang, "Mengden er", "The quantity is"), width=18),
    )
    name = words(lang, "Hva summen ellers kjøper", "What else the sum buys")
    empty = Sheet(name, name, columns, ())
    rows: list[tuple[Value, ...]] = []
    for at, one in enumerate(sums.rows):
        total = one[sums.position("kr_per_year")]
        assert isinstance(total, Formula)
        found = equivalents(float(total.value), table.used, weeks=table.weeks)
        for place, row in enumerate(found.to_dict("records")):
            per = _PER_QUANTITY[str(row["unit"])]
            formula = f"={sums.cell('kr_per_year', at)}/{listed.cell('used_kr', place)}/{per}"
            rows.append((*one[:3], *_bought(row, formula, lang)))
    return replace(empty, rows=tuple(rows))


def _bought(row: Mapping[Any, Any], formula: str, lang: str) -> tuple[Value, ...]:
    return (
        row["service"],
        row["time"],
        _provision(row["provision"], lang),
        Formula(formula, row["quantity"]),
        _QUANTITIES[row["unit"]].get(lang),
    )
