"""Projection of places as sheets that compute: coverage, places, bands, sums, and the housing ladder."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

from kostnadsvekst.chapters.municipal_faults import Faults
from kostnadsvekst.chapters.municipal_projection_lines import TODAY, Line, Place, read_places
from kostnadsvekst.chapters.municipal_projection_public import public_projection
from kostnadsvekst.chapters.municipal_sheets import (
    Judgement,
    System,
    assumption_log,
    input_sheet,
    links_column,
    result_column,
    row_link,
    unit_columns,
    used_assumptions,
    words,
)
from kostnadsvekst.language import Bilingual
from kostnadsvekst.municipal.projection_bands import record_at
from kostnadsvekst.municipal.projection_inputs import age_order
from kostnadsvekst.report.workbook import Chart, Formula, Sheet, SheetColumn, Value
from kostnadsvekst.sources.municipal_book import MunicipalBook
from kostnadsvekst.sources.municipal_projection_kind import SERVICE_NAMES

_COSTS = {
    "institution_long": "kostnad_institusjon",
    "institution_short": "kostnad_institusjon",
    "housing_24h": "kostnad_doegnbolig",
    "municipal_rental": "kostnad_bolig",
    "private_home": "kostnad_bolig",
}
# Homes that the municipality does not have to build.
_PRIVATE = "private_home"
_YES_NO = {True: Bilingual("ja", "yes"), False: Bilingual("nei", "no")}
MEANING = Bilingual(
    "Båndet på 90 % er så bredt som tidligere framskrivinger har tatt feil: når hver utgave holdes utenfor "
    "etter tur, har båndet fra de andre inneholdt det som kom i 88–93 % av tilfellene etter 1–12 år. Det "
    "gjelder folketallet, ikke om dekningen blir som antatt.",
    "The band of 90 % is as wide as past projections were wrong: leaving each edition out in turn, the band "
    "of the others held what came in 88–93 % of cases 1–12 years ahead. It is about the population, not "
    "about whether coverage will be as assumed.",
)
BEYOND = Bilingual(
    "«Utenfor» er ja når året er lenger fram enn noen utgave har rukket (16 år), eller aldersgruppen bare er "
    "en del av den feilene er kjent for: da er båndet forlenget, og det loves ikke noe om nivået. Fra 13 til "
    "16 år står bare én utgave bak, og det kan ikke prøves.",
    "'Beyond' is yes where the year is further ahead than any edition has reached (16 years), or the age "
    "group is only a part of one with known errors: the band is then extrapolated, and nothing is claimed of "
    "its level. From 13 to 16 years one edition is behind it, which cannot be checked.",
)


@dataclass(frozen=True, slots=True)
class _Inputs:
    """Sheets that formulas refer to."""

    population: Sheet
    users: Sheet
    services: Sheet | None
    policies: Sheet | None
    record: Sheet
    # Age group and horizon -> row of the record's sheet.
    record_rows: dict[tuple[str, int], int]


def projection_of_places(book: MunicipalBook, lang: str) -> System:
    """Compute the projections of a book.

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
    places = read_places(book, faults)
    faults.refuse()
    assumptions = used_assumptions(book)
    given = _inputs(book, places, lang)
    shares = _coverage_sheet(places, given, lang)
    lines = _lines_sheet(places, shares, given, lang)
    ages = _ages_sheet(places, lines, given, lang)
    sums = _sums_sheet(places, lines, ages, lang)
    ladder = _ladder_sheet(places, lines, given, lang)
    results = (sums, ages, ladder, lines, shares)
    inputs = tuple(
        s for s in (given.population, given.users, given.services, given.policies, given.record) if s
    )
    log = [*assumption_log(assumptions, book.kind.assumptions), *_judgements(places)]
    notes = tuple(note.get(lang) for one in places for note in one.left_out)
    public = partial(
        public_projection, results, book, lambda rest: projection_of_places(rest, lang).results, lang
    )
    return System(inputs, results, assumptions, tuple(log), public, notes)


def _results(book: MunicipalBook, lang: str) -> tuple[Sheet, ...]:
    return projection_of_places(book, lang).results


def _inputs(book: MunicipalBook, places: Sequence[Place], lang: str) -> _Inputs:
    made = {name: input_sheet(table, lang) for name, table in book.tables.items()}
    record, rows = _record_sheet(places, lang)
    return _Inputs(
        made["population"], made["users"], made.get("services"), made.get("policies"), record, rows
    )


def _record_sheet(places: Sequence[Place], lang: str) -> tuple[Sheet, dict[tuple[str, int], int]]:
    """Errors of past projections, for the age groups and years of the book."""
    wanted = sorted(
        {(age, line.horizon) for one in places for age in one.banded for line in one.lines if line.horizon},
        key=lambda pair: (age_order(pair[0]), pair[1]),
    )
    frames = [record_at(places[0].record, age, horizon) for age, horizon in wanted]
    columns = (
        SheetColumn("age_group", words(lang, "Aldersgruppe", "Age group"), width=16),
        SheetColumn("record_age_group", words(lang, "Feil kjent for", "Errors known of"), width=16),
        SheetColumn("horizon", words(lang, "År fram", "Years ahead"), "", "year", width=10),
        SheetColumn(
            "common", words(lang, "Felles kvadratfeil", "Common square error"), "", "general", "input"
        ),
        SheetColumn(
            "counted",
            words(lang, "Kvadratfeil × innbyggere", "Square error × inhabitants"),
            "",
            "general",
            "input",
        ),
        SheetColumn("largest", words(lang, "Største gruppe", "Largest group"), "", "whole", "input"),
        SheetColumn("editions", words(lang, "Utgaver bak", "Editions behind"), "", "year", width=12),
    )
    rows: list[tuple[Value, ...]] = []
    for (age, horizon), found in zip(wanted, frames, strict=True):
        one = found.iloc[0]
        numbers = (one["mean_square_common"], one["mean_square_counted"], one["largest_population"])
        rows.append((age, str(one["age_group"]), horizon, *map(float, numbers), int(one["editions"])))
    name = words(lang, "Treffsikkerhet", "Accuracy")
    title = words(lang, "Tidligere framskrivingers feil", "Errors of past projections")
    source = words(
        lang,
        "Statistisk sentralbyrås utgaver 2010–2024 og folketallet som kom, kommuner i Telemark.",
        "Statistics Norway's editions 2010–2024 and the population that came, municipalities of Telemark.",
    )
    return Sheet(name, title, columns, tuple(rows), (source,)), {key: k for k, key in enumerate(wanted)}


def _coverage_sheet(places: Sequence[Place], given: _Inputs, lang: str) -> Sheet:
    columns = (
        *unit_columns(lang),
        SheetColumn("service", words(lang, "Tjeneste", "Service"), width=32),
        SheetColumn("age_group", words(lang, "Aldersgruppe", "Age group"), width=16),
        result_column("users", words(lang, "Brukere", "Users"), words(lang, "i bruk", "in use"), "number"),
        result_column("population", words(lang, "Innbyggere", "Inhabitants"), "", "whole"),
        result_column("coverage_percent", words(lang, "Dekning", "Coverage"), "%", "factor"),
        links_column(lang, 24),
    )
    name = words(lang, "Dekning", "Coverage")
    note = words(
        lang,
        "Brukere eller plasser i bruk i basisåret delt på innbyggere 1. januar samme år.",
        "Users or places in use in the base year over inhabitants 1 January of that year.",
    )
    empty = Sheet(name, words(lang, "Dekning i basisåret", "Coverage of the base year"), columns, (), (note,))
    rows: list[tuple[Value, ...]] = []
    for one in places:
        for share in one.shares:
            k = len(rows)
            users = given.users.cell("users", share.row)
            if share.bed_days:
                users = f"{given.users.cell('bed_days', share.row)}/dogn_per_aar"
            value = f"=100*{empty.cell('users', k)}/{empty.cell('population', k)}"
            rows.append(
                (
                    one.municipality,
                    one.base_year,
                    SERVICE_NAMES[share.service].get(lang),
                    share.age_group,
                    Formula(f"={users}", share.users),
                    Formula(
                        f"={given.population.cell('population', share.population_row)}", share.population
                    ),
                    Formula(value, 100 * share.users / share.population),
                    row_link(given.users, share.row),
                )
            )
    return replace(empty, rows=tuple(rows))


def _policy_columns(lang: str) -> tuple[SheetColumn, ...]:
    return (
        *unit_columns(lang),
        SheetColumn("alternative", words(lang, "Alternativ", "Alternative"), width=26),
        SheetColumn("population_alternative", words(lang, "Framskriving", "Projection"), width=14),
    )


def _keys(one: Place, line: Line, lang: str) -> tuple[Value, ...]:
    policy = TODAY.get(lang) if line.policy is None else line.policy
    return (one.municipality, line.year, policy, line.population_alternative)


def _measures(lang: str) -> tuple[SheetColumn, ...]:
    return (
        result_column("places", words(lang, "Plasser", "Places"), words(lang, "plasser", "places"), "number"),
        result_column(
            "cost_mnok", words(lang, "Kostnad", "Cost"), words(lang, "mill. kr", "NOK million"), "number"
        ),
        result_column(
            "fte", words(lang, "Årsverk", "Man-years"), words(lang, "årsverk", "man-years"), "number"
        ),
    )


def _lines_sheet(places: Sequence[Place], shares: Sheet, given: _Inputs, lang: str) -> Sheet:
    columns = (
        *_policy_columns(lang),
        SheetColumn("service", words(lang, "Tjeneste", "Service"), width=32),
        SheetColumn("age_group", words(lang, "Aldersgruppe", "Age group"), width=16),
        result_column("population", words(lang, "Innbyggere", "Inhabitants"), "", "whole"),
        result_column("coverage_percent", words(lang, "Dekning", "Coverage"), "%", "factor"),
        *_measures(lang),
        links_column(lang, 24),
    )
    name = words(lang, "Plasser", "Places")
    title = words(lang, "Plasser etter tjeneste og alder", "Places by service and age")
    note = words(lang, "Plasser = dekning × innbyggere.", "Places = coverage × inhabitants.")
    empty = Sheet(name, title, columns, (), (note,))
    rows: list[tuple[Value, ...]] = []
    start = 0
    for one in places:
        for line in one.lines:
            rows.append(_line_row(one, line, (len(rows), start), (empty, shares, given), lang))
        start += len(one.shares)
    return replace(empty, rows=tuple(rows))


def _line_row(
    one: Place, line: Line, at: tuple[int, int], sheets: tuple[Sheet, Sheet, _Inputs], lang: str
) -> tuple[Value, ...]:
    k, start = at
    sheet, shares, given = sheets
    share = shares.cell("coverage_percent", start + line.share)
    if line.policy_row is not None and given.policies is not None:
        column = "coverage_percent" if line.new_coverage else "factor"
        factor = given.policies.cell(column, line.policy_row)
        share = factor if line.new_coverage else f"{share}*{factor}"
    cost, fte = _COSTS[line.service], None
    if line.service_row is not None and given.services is not None:
        cost = given.services.cell("cost_mnok", line.service_row) if line.own_cost else cost
        fte = given.services.cell("fte_per_place", line.service_row) if line.fte is not None else None
    number = sheet.cell("places", k)
    return (
        *_keys(one, line, lang),
        SERVICE_NAMES[line.service].get(lang),
        line.age_group,
        Formula(f"={given.population.cell('population', line.population_row)}", line.population),
        Formula(f"={share}", 100 * line.coverage),
        Formula(f"={sheet.cell('coverage_percent', k)}*{sheet.cell('population', k)}/100", line.places),
        Formula(f"={number}*{cost}", line.cost_mnok),
        None if fte is None or line.fte is None else Formula(f"={number}*{fte}", line.fte),
        row_link(given.population, line.population_row),
    )


def _band_columns(lang: str) -> tuple[SheetColumn, ...]:
    return (
        result_column(
            "low", words(lang, "Bånd, nedre", "Band, low"), words(lang, "plasser", "places"), "number"
        ),
        result_column(
            "high", words(lang, "Bånd, øvre", "Band, high"), words(lang, "plasser", "places"), "number"
        ),
        SheetColumn("extrapolated", words(lang, "Utenfor", "Beyond"), width=10),
    )


def _blocks(one: Place) -> Iterator[tuple[int, int]]:
    """First and last line of each alternative and year."""
    start = 0
    for _, block in groupby(
        one.lines, key=lambda line: (line.policy, line.population_alternative, line.year)
    ):
        length = len(list(block))
        yield start, start + length - 1
        start += length


def _ages_sheet(places: Sequence[Place], lines: Sheet, given: _Inputs, lang: str) -> Sheet:
    columns = (
        *_policy_columns(lang),
        SheetColumn("age_group", words(lang, "Aldersgruppe", "Age group"), width=16),
        result_column("places", words(lang, "Plasser", "Places"), words(lang, "plasser", "places"), "number"),
        result_column(
            "log_half", words(lang, "Halv bredde", "Half width"), words(lang, "logaritme", "log"), "factor"
        ),
        *_band_columns(lang),
        links_column(lang, 24),
    )
    name = words(lang, "Plasser etter alder", "Places by age")
    title = words(lang, "Plasser etter alder, med bånd", "Places by age, with bands")
    notes = (
        MEANING.get(lang),
        BEYOND.get(lang),
        words(
            lang,
            "Båndet er plasser × e^±halv bredde, som er z × √(felles feil + feil × innbyggere / innbyggere).",
            "The band is places × e^±half width; half width = z × √(common + counted / inhabitants).",
        ),
    )
    empty = Sheet(name, title, columns, (), notes)
    rows: list[tuple[Value, ...]] = []
    offset = 0
    for one in places:
        for first, last in _blocks(one):
            for age in one.ages:
                inside = [k for k in range(first, last + 1) if one.lines[k].age_group == age]
                rows.append(_age_row(one, inside, (len(rows), offset), (empty, lines, given), lang))
        offset += len(one.lines)
    return replace(empty, rows=tuple(rows))


def _age_row(
    one: Place, inside: list[int], at: tuple[int, int], sheets: tuple[Sheet, Sheet, _Inputs], lang: str
) -> tuple[Value, ...]:
    k, offset = at
    sheet, lines, given = sheets
    line = one.lines[inside[0]]
    number = math.fsum(one.lines[j].places for j in inside)
    sums = "+".join(lines.cell("places", offset + j) for j in inside)
    band = one.band(line)
    keys = (*_keys(one, line, lang), line.age_group, Formula(f"={sums}", number))
    link = row_link(lines, offset + inside[0])
    if band is None:
        return (*keys, None, None, None, None, link)
    half = "=0*baand_z"
    if line.horizon:
        row = given.record_rows[line.age_group, line.horizon]
        common, counted, largest = (given.record.cell(c, row) for c in ("common", "counted", "largest"))
        people = lines.cell("population", offset + inside[0])
        part = f"IF({people}>0,{counted}/MIN({people},{largest}),0)"
        half = f"=baand_z*({common}+{part})^0.5"
    here, width = sheet.cell("places", k), sheet.cell("log_half", k)
    return (
        *keys,
        Formula(half, band.log_half),
        Formula(f"={here}*EXP(-{width})", number * math.exp(-band.log_half)),
        Formula(f"={here}*EXP({width})", number * math.exp(band.log_half)),
        _YES_NO[band.extrapolated].get(lang),
        link,
    )


def _sums_sheet(places: Sequence[Place], lines: Sheet, ages: Sheet, lang: str) -> Sheet:
    columns = (*_policy_columns(lang), *_measures(lang), *_band_columns(lang), links_column(lang, 28))
    name = words(lang, "Plasser i alt", "Places in all")
    title = words(lang, "Plasser, kostnad og årsverk i alt", "Places, cost and man-years in all")
    chart = Chart(title, ("year", "population_alternative"), "places", axis=words(lang, "plasser", "places"))
    empty = Sheet(name, title, columns, (), (MEANING.get(lang), BEYOND.get(lang)), (chart,))
    rows: list[tuple[Value, ...]] = []
    offset, first_age = 0, 0
    for one in places:
        for first, last in _blocks(one):
            span = (offset + first, offset + last)
            of_ages = (first_age, first_age + len(one.ages) - 1)
            rows.append(_sum_row(one, (first, last), (len(rows), span, of_ages), (empty, lines, ages), lang))
            first_age += len(one.ages)
        offset += len(one.lines)
    return replace(empty, rows=tuple(rows))


def _sum_row(
    one: Place,
    block: tuple[int, int],
    at: tuple[int, tuple[int, int], tuple[int, int]],
    sheets: tuple[Sheet, Sheet, Sheet],
    lang: str,
) -> tuple[Value, ...]:
    k, span, of_ages = at
    sheet, lines, ages = sheets
    inside = one.lines[block[0] : block[1] + 1]
    number = math.fsum(line.places for line in inside)
    cost = math.fsum(line.cost_mnok for line in inside)
    told = [line.fte for line in inside if line.fte is not None]
    fte = Formula(f"=SUM({lines.span('fte', span)})", math.fsum(told)) if told else None
    total = one.total(inside[0])
    low: Value = None
    high: Value = None
    beyond: Value = None
    if total is not None:
        p, w, here = ages.span("places", of_ages), ages.span("log_half", of_ages), sheet.cell("places", k)
        square = f"(1-samvariasjon)*SUMPRODUCT({p}*{w}*{p}*{w})+samvariasjon*SUMPRODUCT({p}*{w})^2"
        for sign, which in (("0-", "low"), ("", "high")):
            text = f"=IF({here}>0,{here}*EXP({sign}({square})^0.5/{here}),0)"
            low, high = (Formula(text, total[0]), high) if which == "low" else (low, Formula(text, total[1]))
        beyond = _YES_NO[total[2]].get(lang)
    return (
        *_keys(one, inside[0], lang),
        Formula(f"=SUM({ages.span('places', of_ages)})", number),
        Formula(f"=SUM({lines.span('cost_mnok', span)})", cost),
        fte,
        low,
        high,
        beyond,
        row_link(ages, of_ages[0]),
    )


def _ladder_sheet(places: Sequence[Place], lines: Sheet, given: _Inputs, lang: str) -> Sheet:
    there = words(lang, "Plasser og boliger som finnes", "Places and dwellings there are")
    columns = (
        *_policy_columns(lang),
        SheetColumn("service", words(lang, "Trinn", "Step"), width=32),
        *_measures(lang)[:2],
        result_column("dwellings", there, "", "number"),
        result_column("dwellings_needed", words(lang, "Flere som trengs", "More needed"), "", "number"),
        links_column(lang, 24),
    )
    name = words(lang, "Boligtrapp", "Housing ladder")
    note = words(
        lang,
        "Flere som trengs = plasser − de som finnes; uten eget tall er de som finnes, dagens. Private "
        "boliger bygger ikke kommunen.",
        "More needed = places − those there are, today's if no number is given. Private homes are not built "
        "by the municipality.",
    )
    empty = Sheet(
        name, words(lang, "Boligtrappen framover", "The housing ladder ahead"), columns, (), (note,)
    )
    rows: list[tuple[Value, ...]] = []
    offset = 0
    for one in places:
        first_row = len(rows)
        for first, last in _blocks(one):
            steps = groupby(range(first, last + 1), key=lambda k, one=one: one.lines[k].service)  # type: ignore[misc]
            for s, (_, inside) in enumerate(steps):
                rows.append(
                    _ladder_row(
                        one, [*inside], (len(rows), offset, first_row + s), (empty, lines, given), lang
                    )
                )
        offset += len(one.lines)
    return replace(empty, rows=tuple(rows))


def _ladder_row(
    one: Place, inside: list[int], at: tuple[int, int, int], sheets: tuple[Sheet, Sheet, _Inputs], lang: str
) -> tuple[Value, ...]:
    k, offset, base = at
    sheet, lines, given = sheets
    line = one.lines[inside[0]]
    span = (offset + inside[0], offset + inside[-1])
    number = math.fsum(one.lines[j].places for j in inside)
    cost = math.fsum(one.lines[j].cost_mnok for j in inside)
    dwellings: Value = None
    needed: Value = None
    if line.service != _PRIVATE:
        text, there = sheet.cell("places", base), one.today(line.service)
        if line.dwellings is not None and given.services is not None and line.service_row is not None:
            text, there = given.services.cell("dwellings", line.service_row), line.dwellings
        dwellings = Formula(f"={text}", there)
        needed = Formula(f"={sheet.cell('places', k)}-{sheet.cell('dwellings', k)}", number - there)
    return (
        *_keys(one, line, lang),
        SERVICE_NAMES[line.service].get(lang),
        Formula(f"=SUM({lines.span('places', span)})", number),
        Formula(f"=SUM({lines.span('cost_mnok', span)})", cost),
        dwellings,
        needed,
        row_link(lines, span[0]),
    )


def _judgements(places: Sequence[Place]) -> Iterator[Judgement]:
    yield Judgement(
        Bilingual("Bånd", "Bands"),
        Bilingual(
            "Feil i Statistisk sentralbyrås utgaver 2010–2024, kommuner i Telemark",
            "Errors of Statistics Norway's editions 2010–2024, municipalities of Telemark",
        ),
        MEANING,
        "derived",
    )
    for one in places:
        dates = ", ".join(dict.fromkeys(one.mapped))
        yield Judgement(
            Bilingual(f"{one.municipality}: basisår", f"{one.municipality}: base year"),
            Bilingual(f"1. januar {one.base_year}", f"1 January {one.base_year}"),
            Bilingual(
                f"Første år i framskrivingen. Kartlagt: {dates or 'ikke oppgitt'}",
                f"First year of the projection. Mapped: {dates or 'not told'}",
            ),
            "stated",
        )
        for note in one.left_out:
            yield Judgement(
                Bilingual(one.municipality, one.municipality), Bilingual("Uten bånd", "No band"), note
            )
