"""Shared costs spread over user groups to the øre, with every step of it in cells."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import pandas as pd

from kostnadsvekst.chapters.municipal_sheets import (
    conditions,
    links_column,
    result_column,
    row_link,
    unit_columns,
    words,
)
from kostnadsvekst.report.workbook import Formula, Sheet, SheetColumn, Value
from kostnadsvekst.sources.municipal_book import MunicipalBook, units_of
from kostnadsvekst.sources.municipal_kinds import USER_GROUP_NAMES

# Remainders that floating point alone tells apart are equal.
_EQUAL = "1E-6"


@dataclass(frozen=True, slots=True)
class _Line:
    """A shared line: its row, its amount, direct costs of the groups, and the share of each."""

    at: int
    municipality: str
    year: int
    name: str
    amount_kr: float
    direct: pd.Series
    shares: tuple[float, ...]


def allocation_sheet(
    book: MunicipalBook, used: pd.DataFrame, inputs: Mapping[str, Sheet], lang: str
) -> Sheet:
    """Sheet that spreads each shared line over the groups by their direct costs.

    Parameters
    ----------
    book : MunicipalBook
    used : DataFrame
        Accounts of the analysis, with ``origin`` and ``at``; rows of origin ``"shared"`` are the shares.
    inputs : mapping of str to Sheet
        What was read.
    lang : {"nb", "en"}
    """
    kr = words(lang, "kr", "NOK")
    columns = (
        *unit_columns(lang),
        SheetColumn("line", words(lang, "Linje", "Line"), width=28),
        SheetColumn("group", words(lang, "Brukergruppe", "User group"), width=38),
        SheetColumn("order", words(lang, "Rekkefølge", "Order"), "", "year", width=11),
        result_column("key_kr", words(lang, "Direkte utgifter", "Direct costs"), kr),
        result_column("exact_ore", words(lang, "Nøyaktig andel", "Exact share"), "øre", "factor"),
        result_column("rest_ore", words(lang, "Rest", "Remainder"), "øre", "factor"),
        result_column("allocated_kr", words(lang, "Fordelt", "Allocated"), kr),
        links_column(lang, 20),
    )
    name = words(lang, "Fordeling", "Allocation")
    note = words(
        lang,
        "Hele øre rundes ned; de øre som er igjen, går til gruppene med størst rest.",
        "Whole øre are cut downwards; those left go to the groups with the largest remainders.",
    )
    title = words(lang, "Fellesutgifter fordelt på brukergruppene", "Shared costs by user group")
    empty = Sheet(name, title, columns, (), (note,))
    rows: list[tuple[Value, ...]] = []
    for line in _lines(book, used):
        rows += _line_rows(empty, inputs, line, len(rows), lang)
    return replace(empty, rows=tuple(rows))


def _lines(book: MunicipalBook, used: pd.DataFrame) -> Iterator[_Line]:
    shares = used[used["origin"] == "shared"]["gross_kr"]
    direct_rows = used[used["origin"] != "shared"]
    start = 0
    for municipality, year, rows in units_of(book.tables["shared"]):
        same = direct_rows[(direct_rows["municipality"] == municipality) & (direct_rows["year"] == year)]
        direct = same.groupby("group", sort=True)["gross_kr"].sum()
        for at, name, amount in zip(rows.index, rows["line"], rows["amount_kr"], strict=True):
            found = shares.iloc[start : start + len(direct)]
            yield _Line(int(at), municipality, year, str(name), float(amount), direct, tuple(found))
            start += len(direct)


def _line_rows(
    sheet: Sheet, inputs: Mapping[str, Sheet], line: _Line, start: int, lang: str
) -> Iterator[tuple[Value, ...]]:
    shared = inputs["shared"]
    block = (start, start + len(line.direct) - 1)
    amount, keys = shared.cell("amount_kr", line.at), sheet.span("key_kr", block)
    names = {label.nb: label.get(lang) for label in USER_GROUP_NAMES.values()}
    for k, (group, direct, exact, share) in enumerate(
        zip(line.direct.index, line.direct, _exact(line), line.shares, strict=True), start
    ):
        key, ore = sheet.cell("key_kr", k), sheet.cell("exact_ore", k)
        yield (
            line.municipality,
            line.year,
            line.name,
            names.get(str(group), str(group)),
            float(k - start + 1),
            Formula(_direct(sheet, inputs, k), float(direct)),
            Formula(f"=ABS({amount})*100*{key}/SUM({keys})", float(exact)),
            Formula(f"={ore}-INT({ore})", float(exact % 1)),
            Formula(_allocated(sheet, k, block, amount), float(share)),
            row_link(shared, line.at),
        )


def _exact(line: _Line) -> list[Fraction]:
    """Shares of the amount without its sign, in øre."""
    keys = [Fraction(str(value)) for value in line.direct]
    return [abs(Fraction(str(line.amount_kr))) * 100 * key / sum(keys) for key in keys]


def _direct(sheet: Sheet, inputs: Mapping[str, Sheet], k: int) -> str:
    """Write the formula of the direct costs of a group: accounts and corrections."""
    sums = []
    for name, amount in (("accounts", "gross_kr"), ("corrections", "amount_kr")):
        if name in inputs:
            given = inputs[name]
            keys = ("municipality", "year", "group")
            same = conditions(given, sheet, k, keys)
            sums.append(f"SUMPRODUCT({same}*{given.span(amount)})")
    return f"={'+'.join(sums)}"


def _allocated(sheet: Sheet, k: int, block: tuple[int, int], amount: str) -> str:
    """Write the formula of the share in whole øre: largest remainders, then larger keys, then names."""
    rests, keys, orders = (sheet.span(name, block) for name in ("rest_ore", "key_kr", "order"))
    rest, key, order = (sheet.cell(name, k) for name in ("rest_ore", "key_kr", "order"))
    tie = f"(ABS({rests}-{rest})<={_EQUAL})"
    before = (
        f"SUMPRODUCT(({rests}>{rest}+{_EQUAL})*1)"
        f"+SUMPRODUCT({tie}*(ABS({keys})>ABS({key})))"
        f"+SUMPRODUCT({tie}*(ABS({keys})=ABS({key}))*({orders}<{order}))"
    )
    left = f"ROUND(SUM({rests}),0)"
    return f"=IF({amount}<0,-1,1)*(INT({sheet.cell('exact_ore', k)})+IF({before}<{left},1,0))/100"
