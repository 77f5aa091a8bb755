"""Staffing as sheets that compute: man-years from decided hours, decisions by size, application offices."""

import math
from dataclasses import replace
from functools import partial

from kostnadsvekst.chapters.municipal_faults import Faults
from kostnadsvekst.chapters.municipal_public import blocks_of, hide, rows_to_hide
from kostnadsvekst.chapters.municipal_sheets import (
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
from kostnadsvekst.municipal.staffing import application_office, decisions, fte_from_hours
from kostnadsvekst.report.workbook import Chart, Formula, Sheet, SheetColumn, Value
from kostnadsvekst.sources.municipal_book import MunicipalBook, units_of

_LIMITS = ("grense_lav", "grense_middels", "grense_hoy")


def staffing(book: MunicipalBook, lang: str) -> System:
    """Compute the staffing of a book.

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
    assumptions = used_assumptions(book)
    inputs = {name: input_sheet(table, lang) for name, table in book.tables.items()}
    made = {
        "ambulant_units": _units_sheet,
        "decisions": _decisions_sheet,
        "application_offices": _offices_sheet,
    }
    results = [make(book, inputs[name], faults, lang) for name, make in made.items() if name in inputs]
    faults.refuse()
    log = assumption_log(assumptions, book.kind.assumptions)
    public = partial(_public, tuple(results))
    return System(tuple(inputs.values()), tuple(results), assumptions, tuple(log), public)


def _public(results: tuple[Sheet, ...]) -> tuple[Sheet, ...]:
    """Hide sizes with few recipients, a larger one beside them, and hours and shares that bound them."""
    few = {
        sheet.rows[k][:2]
        for sheet in results
        if _has_sizes(sheet)
        for k, columns in _hidden_decisions(sheet).items()
        if "recipients" in columns
    }
    shown = []
    for sheet in results:
        hidden = _hidden_decisions(sheet) if _has_sizes(sheet) else {}
        if any(column.name == "unit" for column in sheet.columns):
            # Of all hours of the units, sizes of known limits leave little for a hidden one.
            hidden = {k: ("hours_per_week", "fte") for k, row in enumerate(sheet.rows) if row[:2] in few}
        shown.append(hide(sheet, hidden))
    return tuple(shown)


def _has_sizes(sheet: Sheet) -> bool:
    return sheet.columns[-1].name == "hours_share_percent"


def _hidden_decisions(sheet: Sheet) -> dict[int, tuple[str, ...]]:
    """Rows of a block with few recipients -> what is hidden; one share beside its count tells the sum."""
    hidden: dict[int, tuple[str, ...]] = {}
    for first, last in blocks_of(sheet).values():
        rows = rows_to_hide(sheet, "recipients", first, last)
        if rows:
            hidden |= dict.fromkeys(range(first, last + 1), _BOUNDS)
            hidden |= dict.fromkeys(rows, ("recipients", *_BOUNDS))
    return hidden


_BOUNDS = ("share_percent", "cumulative_percent", "hours_per_week", "hours_share_percent")


def _units_sheet(book: MunicipalBook, given: Sheet, faults: Faults, lang: str) -> Sheet:
    fte = words(lang, "Årsverk", "Man-years")
    columns = (
        *unit_columns(lang),
        SheetColumn("unit", words(lang, "Enhet", "Unit"), width=26),
        result_column(
            "hours_per_week", words(lang, "Vedtakstimer per uke", "Decided hours a week"), "", "number"
        ),
        result_column("fte", fte, words(lang, "årsverk", "man-years"), "number"),
        links_column(lang, 22),
    )
    name = words(lang, "Årsverk etter vedtak", "Man-years by decisions")
    note = words(
        lang,
        "Timer × uker / (timer per årsverk × ATA). ATA og timer per årsverk må ha samme grunnlag.",
        "Hours × weeks / (hours per man-year × ATA). ATA and hours must have the same base.",
    )
    empty = Sheet(name, name, columns, (), (note,), (Chart(fte, ("municipality", "unit"), "fte", axis=fte),))
    rows: list[tuple[Value, ...]] = []
    for row, one in enumerate(book.frame("ambulant_units").to_dict("records")):
        compute = partial(
            fte_from_hours,
            float(one["hours_per_week"]),
            book.assumptions["ata_andel"],
            hours_per_fte_year=book.assumptions["timer_per_aarsverk"],
            weeks=book.assumptions["uker_per_aar"],
        )
        found = faults.attempt("ambulant_units", row, compute)
        hours = empty.cell("hours_per_week", row)
        rows.append(
            (
                one["municipality"],
                one["year"],
                one["unit"],
                Formula(f"={given.cell('hours_per_week', row)}", one["hours_per_week"]),
                Formula(f"={hours}*uker_per_aar/(timer_per_aarsverk*ata_andel)", found or 0.0),
                row_link(given, row),
            )
        )
    return replace(empty, rows=tuple(rows))


def _decisions_sheet(book: MunicipalBook, given: Sheet, faults: Faults, lang: str) -> Sheet:
    hours = words(lang, "timer per uke", "hours per week")
    columns = (
        *unit_columns(lang),
        result_column("from_hours", words(lang, "Fra", "From"), hours, "number"),
        result_column("to_hours", words(lang, "Til", "To"), hours, "number"),
        result_column("recipients", words(lang, "Mottakere", "Recipients"), "", "whole"),
        result_column("share_percent", words(lang, "Andel", "Share"), "%", "percent"),
        result_column("cumulative_percent", words(lang, "Samlet andel", "Cumulative share"), "%", "percent"),
        result_column("hours_per_week", words(lang, "Timer", "Hours"), hours, "number"),
        result_column(
            "hours_share_percent", words(lang, "Andel av timene", "Share of hours"), "%", "percent"
        ),
    )
    name = words(lang, "Vedtak etter størrelse", "Decisions by size")
    note = words(
        lang,
        "En grense hører til gruppen over, den øverste til gruppen under.",
        "A limit belongs to the group above it, the highest to the group below.",
    )
    title = words(lang, "Mottakere etter timer", "Recipients by hours")
    chart = Chart(title, ("municipality", "from_hours"), "recipients", axis=words(lang, "antall", "number"))
    empty = Sheet(name, name, columns, (), (note,), (chart,))
    rows: list[tuple[Value, ...]] = []
    limits = [book.assumptions[limit] for limit in _LIMITS]
    for municipality, year, part in units_of(book.tables["decisions"]):
        compute = partial(decisions, list(part["hours_per_week"]), limits)
        found = faults.attempt("decisions", int(part.index[0]), compute)
        if found is None:
            continue
        for size, one in enumerate(found.to_dict("records")):
            place = (len(rows), size, len(found))
            values = {str(key): float(value) for key, value in one.items()}
            rows.append((municipality, year, *_decision_cells(empty, given, place, values)))
    return replace(empty, rows=tuple(rows))


def _decision_cells(
    sheet: Sheet, given: Sheet, place: tuple[int, int, int], one: dict[str, float]
) -> tuple[Value, ...]:
    """Cells of a size: row k of the sheet, the size-th of so many."""
    k, size, sizes = place
    start = k - size
    same = conditions(given, sheet, k)
    hours, low, high = given.span("hours_per_week"), sheet.cell("from_hours", k), sheet.cell("to_hours", k)
    last, before_last = size == sizes - 1, size == sizes - 2
    inside = f"({hours}{'>' if last else '>='}{low})"
    inside += "" if last else f"*({hours}{'<=' if before_last else '<'}{high})"
    block = (start, start + sizes - 1)

    def share(name: str, first: int) -> str:
        return f"=100*SUM({sheet.span(name, (first, k))})/SUM({sheet.span(name, block)})"

    known = not math.isnan(one["hours_share_percent"])
    return (
        Formula(f"={_LIMITS[size - 1]}", one["from_hours"]) if size else 0.0,
        None if last else Formula(f"={_LIMITS[size]}", one["to_hours"]),
        Formula(f"=SUMPRODUCT({same}*{inside})", one["recipients"]),
        Formula(share("recipients", k), one["share_percent"]),
        Formula(share("recipients", start), one["cumulative_percent"]),
        Formula(f"=SUMPRODUCT({same}*{inside}*{hours})", one["hours_per_week"]),
        Formula(share("hours_per_week", k), one["hours_share_percent"]) if known else None,
    )


def _offices_sheet(book: MunicipalBook, given: Sheet, faults: Faults, lang: str) -> Sheet:
    per = words(lang, "Årsverk per 10 000 innbyggere", "Man-years per 10 000 inhabitants")
    columns = (
        *unit_columns(lang),
        result_column("fte_per_10000", per, words(lang, "behovskorrigert", "need-adjusted"), "factor"),
        links_column(lang, 24),
    )
    name = words(lang, "Saksbehandling", "Case handling")
    title = words(lang, "Årsverk i forvaltningskontoret", "Man-years of the application office")
    empty = Sheet(
        name, title, columns, (), (), (Chart(per, ("municipality", "year"), "fte_per_10000", axis=per),)
    )
    rows: list[tuple[Value, ...]] = []
    for row, one in enumerate(book.frame("application_offices").to_dict("records")):
        excluded = 0.0 if math.isnan(one["excluded_fte"]) else float(one["excluded_fte"])
        compute = partial(
            application_office,
            float(one["fte"]),
            float(one["population"]),
            float(one["need_index"]),
            excluded_fte=excluded,
        )
        found = faults.attempt("application_offices", row, compute)
        fte, out, people, need = (
            given.cell(cell, row) for cell in ("fte", "excluded_fte", "population", "need_index")
        )
        value = Formula(f"=({fte}-{out})/({people}*{need})*10000", found or 0.0)
        rows.append((one["municipality"], one["year"], value, row_link(given, row)))
    return replace(empty, rows=tuple(rows))
