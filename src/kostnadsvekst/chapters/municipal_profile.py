"""The profile of user groups as a sheet: numerator, denominator, value, mean, index and colour."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from kostnadsvekst.chapters.municipal_ledgers import SHARED, Ledger
from kostnadsvekst.chapters.municipal_sheets import STATUSES, result_column, unit_columns, words
from kostnadsvekst.language import Bilingual
from kostnadsvekst.municipal.user_group_terms import (
    AGE_80,
    AGE_COLUMNS,
    ALL,
    BOUGHT,
    GROUPS,
    INSTITUTION,
    MEASURES,
    PROVISIONS,
    SHORT_TERM,
    service_label,
)
from kostnadsvekst.report.workbook import Chart, Formula, Sheet, SheetColumn, Value

COLOURS = {"red": Bilingual("rød", "red"), "green": Bilingual("grønn", "green")}
_FILLS = {"red": "#F8D7DA", "green": "#D9EAD3"}
_KEYS = ["year", "group", "age", "service", "provision", "measure"]
_AGES = {
    ALL: Bilingual("alle, behovskorrigert", "all, need-adjusted"),
    "0-17": Bilingual("0–17 år", "0–17 years"),
    "18-67": Bilingual("18–67 år", "18–67 years"),
    AGE_80: Bilingual("80 år og over", "80 years and above"),
}
# Column of the counts that each measure counts, above the line and below it.
_COUNTS = {
    "users_per_1000": ("users", None),
    "places_per_1000": ("places", None),
    "fte_per_1000": ("fte", None),
    "coverage_80_plus": ("places", None),
    "fte_per_100_recipients": ("fte", "users"),
    "fte_per_place": ("fte", "places"),
    "places_per_unit": ("places", "units"),
}
_AMOUNTS = {
    "net_per_inhabitant": "net_kr",
    "net_per_inhabitant_pu": "net_kr",
    "gross_per_inhabitant": "gross_kr",
    "refund_share": "refund_kr",
    "share_of_net": "net_kr",
    "cost_per_recipient": "gross_kr",
    "cost_per_place": "gross_kr",
}
Part = tuple[str, float]


@dataclass(frozen=True, slots=True)
class _Books:
    """What the parts of a value are made of."""

    accounts: "Ledger | _Tracing"
    counts: "Ledger | _Tracing"
    population: Sheet
    people: pd.DataFrame
    # Municipality and year -> row of the inhabitants.
    rows: Mapping[tuple[str, float], int]


@dataclass(frozen=True, slots=True)
class _Tracing:
    """A ledger that notes which of its rows with an amount the sums are over."""

    ledger: Ledger
    rows: set[int]

    def total(
        self, amount: str, same: Mapping[str, tuple[str, object]], flags: tuple[str, ...] = ()
    ) -> tuple[str, float]:
        """Sum as the ledger has it."""
        known = ~np.isnan(self.ledger.columns[amount].astype(float))
        self.rows.update(np.flatnonzero(self.ledger.fitting(same, flags) & known).tolist())
        return self.ledger.total(amount, same, flags)


def rows_behind(
    found: pd.DataFrame, ledgers: tuple[Ledger, Ledger], people: tuple[Sheet, pd.DataFrame], lang: str
) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """Rows of the accounts and of the counts that each row of a profile is made of.

    Parameters
    ----------
    found, ledgers, people, lang
        As for `profile_sheet`.
    """
    units = zip(people[1]["municipality"], people[1]["year"], strict=True)
    rows = {unit: k for k, unit in enumerate(units)}
    out = []
    for record in found.to_dict("records"):
        one = {str(key): value for key, value in record.items()}
        traced = tuple(_Tracing(ledger, set()) for ledger in ledgers)
        cells = {name: ("", value) for name, value in _keys_of(one, lang).items()}
        _parts(_Books(traced[0], traced[1], *people, rows), one, cells, lang)
        out.append((tuple(sorted(traced[0].rows)), tuple(sorted(traced[1].rows))))
    return tuple(out)


def _keys_of(one: Mapping[str, object], lang: str) -> dict[str, object]:
    """Keys of a row as the sheets write them."""
    return {
        "municipality": one["municipality"],
        "year": float(str(one["year"])),
        "group": _label(str(one["group"]), GROUPS, lang),
        "service": _service(str(one["service"]), lang),
        "provision": PROVISIONS[str(one["provision"])].get(lang),
    }


def profile_sheet(
    found: pd.DataFrame, ledgers: tuple[Ledger, Ledger], people: tuple[Sheet, pd.DataFrame], lang: str
) -> Sheet:
    """Sheet of a profile.

    Parameters
    ----------
    found : DataFrame
        From `kostnadsvekst.municipal.user_groups.profile`.
    ledgers : (Ledger, Ledger)
        Accounts of the analysis, and counts.
    people : (Sheet, DataFrame)
        Inhabitants and need index.
    lang : {"nb", "en"}
    """
    units = zip(people[1]["municipality"], people[1]["year"], strict=True)
    books = _Books(*ledgers, *people, {unit: k for k, unit in enumerate(units)})
    name = words(lang, "Profil", "Profile")
    note = words(
        lang,
        "Indeks: snittet av kommunene er 100. Rød er over snittet, grønn under; det er ingen dom om "
        "rett og galt.",
        "Index: the mean of the municipalities is 100. Red is above it, green below; no judgement is meant.",
    )
    marks = tuple(("colour", COLOURS[code].get(lang), fill) for code, fill in _FILLS.items())
    title = words(lang, "Profil av brukergruppene", "Profile of the user groups")
    empty = Sheet(name, title, _columns(lang), (), (note,), (), marks)
    first = found.groupby(_KEYS, sort=False).cumcount()
    size = found.groupby(_KEYS, sort=False)["value"].transform("size")
    rows: list[tuple[Value, ...]] = []
    for k, one in enumerate(found.to_dict("records")):
        start = k - int(first.iloc[k])
        block = (start, start + int(size.iloc[k]) - 1)
        rows.append(_row(empty, books, (k, block), {str(key): value for key, value in one.items()}, lang))
    return replace(empty, rows=tuple(rows))


def _columns(lang: str) -> tuple[SheetColumn, ...]:
    return (
        *unit_columns(lang),
        SheetColumn("group", words(lang, "Brukergruppe", "User group"), width=34),
        SheetColumn("age", words(lang, "Innbyggere", "Inhabitants"), width=20),
        SheetColumn("service", words(lang, "Tjeneste", "Service"), width=34),
        SheetColumn("provision", words(lang, "Utførelse", "Provision"), width=12),
        SheetColumn("measure", words(lang, "Mål", "Measure"), width=36),
        result_column("numerator", words(lang, "Teller", "Numerator"), "", "number"),
        result_column("denominator", words(lang, "Nevner", "Denominator"), "", "number"),
        result_column("value", words(lang, "Verdi", "Value"), "", "number"),
        SheetColumn("unit", words(lang, "Enhet", "Unit"), width=26),
        result_column("mean", words(lang, "Snitt", "Mean"), "", "number"),
        result_column(
            "index", words(lang, "Indeks", "Index"), words(lang, "snitt = 100", "mean = 100"), "percent"
        ),
        SheetColumn("colour", words(lang, "Farge", "Colour"), "", "text", "result", 8),
        SheetColumn("status", words(lang, "Status", "Status"), width=10),
    )


def _row(
    sheet: Sheet, books: _Books, place: tuple[int, tuple[int, int]], one: Mapping[str, object], lang: str
) -> tuple[Value, ...]:
    k, block = place
    measure = MEASURES[str(one["measure"])]
    labels = _keys_of(one, lang)
    cells = {name: (sheet.cell(name, k), value) for name, value in labels.items()}
    above, below = _parts(books, one, cells, lang)
    top, bottom = sheet.cell("numerator", k), sheet.cell("denominator", k)
    value = Formula(f"={top}/{bottom}*{measure.per:g}", float(str(one["value"])))
    return (
        str(labels["municipality"]),
        float(str(one["year"])),
        str(labels["group"]),
        _AGES[str(one["age"])].get(lang),
        str(labels["service"]),
        str(labels["provision"]),
        measure.label.get(lang),
        _checked(above, float(str(one["numerator"]))),
        _checked(below, float(str(one["denominator"]))),
        value,
        measure.unit.get(lang),
        *_beside_mean(sheet, (k, block), one, lang),
        STATUSES[measure.status].get(lang),
    )


def _service(code: str, lang: str) -> str:
    return SHARED.get(lang) if code == SHARED.nb else service_label(code).get(lang)


def _label(code: str, labels: Mapping[str, Bilingual], lang: str) -> str:
    return labels[code].get(lang) if code in labels else PROVISIONS[ALL].get(lang)


def _checked(part: Part | None, number: float) -> Value:
    """Return the formula of a part where it comes to the number; else the number alone."""
    # No row that fits is a sum of nothing: zero.
    value = math.nan if part is None else 0.0 if math.isnan(part[1]) else part[1]
    if part is not None and math.isclose(value, number, rel_tol=1e-9, abs_tol=1e-9):
        return Formula(f"={part[0]}", number)
    return number


def _beside_mean(
    sheet: Sheet, place: tuple[int, tuple[int, int]], one: Mapping[str, object], lang: str
) -> Iterator[Value]:
    """Cells of mean, index and colour; empty where there is nobody to compare with."""
    k, block = place
    mean, index = float(str(one["mean"])), float(str(one["index"]))
    if block[0] == block[1] or math.isnan(mean):
        yield from (None, None, None)
        return
    values = sheet.span("value", block)
    zeros = MEASURES[str(one["measure"])].kind != "unit_cost"
    average = f"=AVERAGE({values})" if zeros else f"=SUM({values})/SUMPRODUCT(({values}<>0)*1)"
    yield Formula(average, mean)
    own, other = sheet.cell("value", k), sheet.cell("mean", k)
    yield None if math.isnan(index) else Formula(f"=100*{own}/{other}", index)
    red, green = (COLOURS[code].get(lang) for code in ("red", "green"))
    equal = f"ABS({own}-{other})<=1E-12*MAX(ABS({own}),ABS({other}))"
    told = COLOURS[str(one["colour"])].get(lang) if one["colour"] else ""
    yield Formula(f'=IF({equal},"",IF({own}>{other},"{red}","{green}"))', told)


def _parts(
    books: _Books, one: Mapping[str, object], cells: Mapping[str, tuple[str, object]], lang: str
) -> tuple[Part | None, Part | None]:
    """Numerator and denominator of a measure, as formulas and as they come out."""
    measure = str(one["measure"])
    if measure in _COUNTS:
        above, below = _COUNTS[measure]
        top = _count(books, above, one, cells)
        return top, _people(books, one) if below is None else _count(books, below, one, cells)
    if measure == "services_per_unique_user":
        group = {name: cells[name] for name in ("municipality", "year", "group")}
        used, unique = (
            books.counts.total("users", group, ("counted", flag)) for flag in ("service_use", "unique")
        )
        return used, unique
    if measure == "bought_share":
        bought = {**cells, "provision": (f'"{PROVISIONS[BOUGHT].get(lang)}"', PROVISIONS[BOUGHT].get(lang))}
        whole = _amount(books, "gross_kr", one, cells)
        return _amount(books, "gross_kr", {**one, "provision": BOUGHT}, bought), whole
    top = _amount(books, _AMOUNTS[measure], one, cells)
    if measure == "refund_share":
        return top, _amount(books, "gross_kr", one, cells)
    if measure == "share_of_net":
        return top, _amount(books, "net_kr", {**one, "group": ALL}, cells)
    if measure in ("cost_per_recipient", "cost_per_place"):
        return top, _count(books, "users" if measure == "cost_per_recipient" else "places", one, cells)
    return top, _people(books, one)


def _count(
    books: _Books, column: str, one: Mapping[str, object], cells: Mapping[str, tuple[str, object]]
) -> Part:
    same = {name: cells[name] for name in ("municipality", "year", "group")}
    flags = ["counted"]
    service = one["service"]
    if service == INSTITUTION:
        flags.append("nursing_staff" if column == "fte" else "nursing_place")
    elif service == SHORT_TERM:
        flags.append("short_place")
    elif service != ALL:
        same["service"] = cells["service"]
    if one["provision"] != ALL:
        same["provision"] = cells["provision"]
    return books.counts.total(column, same, tuple(flags))


def _amount(
    books: _Books, column: str, one: Mapping[str, object], cells: Mapping[str, tuple[str, object]]
) -> Part:
    same = {name: cells[name] for name in ("municipality", "year")}
    flags = ["care"]
    if one["service"] == INSTITUTION:
        flags.append("nursing")
    for name in ("group", "service", "provision"):
        if one[name] not in (ALL, INSTITUTION):
            same[name] = cells[name]
    return books.accounts.total(column, same, tuple(flags))


def _people(books: _Books, one: Mapping[str, object]) -> Part | None:
    """Inhabitants of the age group, or all of them times the index."""
    people, row = books.people, books.rows[str(one["municipality"]), float(str(one["year"]))]
    if one["age"] != ALL:
        name = AGE_COLUMNS[str(one["age"])]
        return books.population.cell(name, row), float(people[name][row])
    index = "pu_index" if one["measure"] == "net_per_inhabitant_pu" else "need_index"
    cells = [books.population.cell(name, row) for name in ("population", index)]
    return "*".join(cells), float(people["population"][row] * people[index][row])


def summary_rows(found: pd.DataFrame) -> list[int]:
    """Rows of the profile that the summary shows: net expenditure of each group, need-adjusted.

    Parameters
    ----------
    found : DataFrame
        The profile.
    """
    whole = (found["measure"] == "net_per_inhabitant") & (found["age"] == ALL) & (found["service"] == ALL)
    return [k for k, chosen in enumerate(whole & (found["group"] != ALL)) if chosen]


def summary_sheet(profile: Sheet, rows: Sequence[int], lang: str) -> Sheet:
    """Sheet of net expenditure by group, with a chart; numbers come from the profile.

    Parameters
    ----------
    profile : Sheet
        From `profile_sheet`.
    rows : sequence of int
        From `summary_rows`.
    lang : {"nb", "en"}
    """
    unit = words(lang, "kr per innbygger, behovskorrigert", "kr per inhabitant, need-adjusted")
    columns = (
        SheetColumn("group", words(lang, "Brukergruppe", "User group"), width=42),
        *unit_columns(lang),
        result_column("value", words(lang, "Netto driftsutgifter", "Net expenditure"), unit, "number"),
        result_column("mean", words(lang, "Snitt", "Mean"), unit, "number"),
        result_column(
            "index", words(lang, "Indeks", "Index"), words(lang, "snitt = 100", "mean = 100"), "percent"
        ),
    )
    name = words(lang, "Sammendrag", "Summary")
    title = words(lang, "Netto driftsutgifter per brukergruppe", "Net expenditure by user group")
    chart = Chart(title, ("group", "municipality"), "value", "bar", unit)
    shown: list[tuple[Value, ...]] = []
    for k in rows:
        keys = (profile.rows[k][profile.position(key)] for key in ("group", "municipality", "year"))
        shown.append((*keys, *(_copied(profile, cell, k) for cell in ("value", "mean", "index"))))
    return Sheet(name, title, columns, tuple(shown), (), (chart,))


def _copied(sheet: Sheet, name: str, k: int) -> Value:
    value = sheet.rows[k][sheet.position(name)]
    return Formula(f"={sheet.cell(name, k)}", value.value) if isinstance(value, Formula) else None
