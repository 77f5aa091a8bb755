"""Savings potential as sheets that compute: by function, and how the answer moves with each choice."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from kostnadsvekst.chapters.municipal_members import members_by_year, moves
from kostnadsvekst.chapters.municipal_sheets import (
    Judgement,
    System,
    assumption_log,
    input_sheet,
    links_column,
    result_column,
    row_link,
    used_assumptions,
    words,
)
from kostnadsvekst.errors import DataWarning, DisclosureError, InvalidDataError
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.municipal.savings import CAVEATS, MEANS, grid, savings
from kostnadsvekst.naming import first_of
from kostnadsvekst.report.workbook import Formula, Sheet, SheetColumn, Value
from kostnadsvekst.sources.municipal_book import MunicipalBook

_OWN = Bilingual("egen kommune", "own municipality")
_MEANS = {
    "municipalities": Bilingual("snitt av kommunene", "mean of municipalities"),
    "ratio_of_sums": Bilingual("sum delt på sum", "ratio of sums"),
}
_AGAINST = {
    "same": Bilingual("samme svar", "same answer"),
    "size": Bilingual("annen størrelse", "another size"),
    "sign": Bilingual("annet fortegn", "another sign"),
}
_LEVEL_KEYS = ("group", "need_key", "year", "function", "municipality")
Block = tuple[str, str, int, str]


@dataclass(frozen=True, slots=True)
class _Base:
    """What the sheets are made of.

    Attributes
    ----------
    book : MunicipalBook
    own : str
    members : mapping of (str, int) to tuple of str
        Group and year -> municipalities.
    functions : tuple of str
    needs : mapping of str to DataFrame
        Key -> need index by municipality, year and function, and ``at``: its row in the sheet of needs.
    cells : DataFrame
        ``group``, ``need_key``, ``year``, ``mean``, as `savings.grid` gives them.
    """

    book: MunicipalBook
    own: str
    members: Mapping[tuple[str, int], tuple[str, ...]]
    functions: tuple[str, ...]
    needs: Mapping[str, pd.DataFrame]
    cells: pd.DataFrame


def savings_potential(book: MunicipalBook, lang: str) -> System:
    """Compute the savings potential of a book.

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
    DisclosureError
        From ``public()``: costs that are not by function of the accounts.
    """
    base, notes = _read(book, lang)
    inputs = {name: input_sheet(table, lang) for name, table in book.tables.items()}
    levels, blocks = _levels_sheet(base, inputs, lang)
    table, spans = _savings_sheet(base, levels, blocks, lang)
    cells = _grid_sheet(base, (table, levels), (spans, blocks), lang)
    summary = _summary_sheet(base, cells, lang)
    results = (summary, cells, table, levels)
    assumptions = used_assumptions(book)
    log = [*assumption_log(assumptions, book.kind.assumptions), *_judgements(base)]
    public = partial(_public, base, results)
    return System(tuple(inputs.values()), results, assumptions, tuple(log), public, notes)


def _public(base: _Base, results: tuple[Sheet, ...]) -> tuple[Sheet, ...]:
    """Show all but the accounts; only functions of the accounts, whose costs are public themselves."""
    inside = [f for f in base.functions if not (len(f) == 3 and f.isascii() and f.isdigit())]
    if inside:
        raise DisclosureError(
            "the public edition tells costs by KOSTRA function (three digits): that of a service with few "
            f"users tells of them. These are none: {', '.join(first_of(inside))}. Write the function, "
            "or leave --publish out"
        )
    return results[:-1]


# --- What the book says


def _read(book: MunicipalBook, lang: str) -> tuple[_Base, tuple[str, ...]]:
    own = str(book.frame("own")["municipality"].iloc[0])
    costs = book.frame("costs")
    mine = costs[costs["municipality"] == own]
    years = [int(year) for year in sorted(set(mine["year"]))]
    functions = tuple(dict.fromkeys(mine["function"]))
    members = members_by_year(book, own, years, "costs", lang)
    needs = _needs(book, functions)
    groups = list(dict.fromkeys(group for group, _ in members))
    parts: list[pd.DataFrame] = []
    notes: list[str] = []
    for year in years:
        inside = {group: members[group, year] for group in groups if members[group, year]}
        notes += [_empty(group, year, lang) for group in groups if group not in inside]
        found = _grid_of(book, own, year, inside, needs) if inside else []
        notes += found if isinstance(found, list) else found.attrs["left_out"]
        parts += [] if isinstance(found, list) else [found]
    if not parts:
        table = book.tables["own"]
        where = table.place(0, "municipality")
        raise InvalidDataError(
            f"no saving of {own} can be computed", [f"{where}: {note}" for note in first_of(notes)]
        )
    keys = ["group", "need_key", "year", "mean"]
    cells = pd.concat(parts)[[*keys, "saving_mnok", "per_inhabitant_kr", "municipalities"]]
    order = {name: k for k, name in enumerate((*groups, *needs, *MEANS))}
    cells = cells.sort_values(keys, key=lambda c: c.map(lambda v: order.get(v, v)), kind="stable")
    return _Base(book, own, members, functions, needs, cells.reset_index(drop=True)), tuple(notes)


def _grid_of(
    book: MunicipalBook,
    own: str,
    year: int,
    members: Mapping[str, tuple[str, ...]],
    needs: Mapping[str, pd.DataFrame],
) -> pd.DataFrame | list[str]:
    """Compute the grid of a year, or why it cannot be."""
    costs, people = book.frame("costs"), book.frame("population")
    only_positive = book.assumptions["bare_positive"] == 1
    with warnings.catch_warnings():
        # What is left out is told in the notes.
        warnings.simplefilter("ignore", DataWarning)
        try:
            return grid(costs, people, needs, members, own=own, years=[year], only_positive=only_positive)
        except InvalidDataError as error:
            return list(error.problems)


def _empty(group: str, year: int, lang: str) -> str:
    return f"{group} {year}: " + words(lang, "ingen medlemmer", "no members")


def _needs(book: MunicipalBook, functions: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Need index of each key by function: its own row, or the one for all functions."""
    table = book.frame("need").assign(at=lambda rows: range(len(rows)))
    found = {}
    for key, rows in table.groupby("need_key", sort=False):
        general = rows[rows["function"].isna()]
        special = rows[rows["function"].notna()]
        spread = [general.assign(function=function) for function in functions]
        both_kinds = pd.concat([*spread, special])
        where = ["municipality", "year", "function"]
        found[str(key)] = both_kinds.drop_duplicates(where, keep="last").reset_index(drop=True)
    return found


# --- Sheets


def _cell_columns(lang: str) -> tuple[SheetColumn, ...]:
    return (
        SheetColumn("group", words(lang, "Gruppe", "Group"), width=26),
        SheetColumn("need_key", words(lang, "Behovsnøkkel", "Need key"), width=20),
        SheetColumn("year", words(lang, "År", "Year"), "", "year", width=8),
    )


def _levels_sheet(
    base: _Base, inputs: Mapping[str, Sheet], lang: str
) -> tuple[Sheet, dict[Block, tuple[int, int]]]:
    """Cost per need-adjusted inhabitant of one's own and each reference, in blocks that lie together."""
    kr, per = words(lang, "kr", "NOK"), words(lang, "kr per innbygger", "NOK per inhabitant")
    columns = (
        *_cell_columns(lang),
        SheetColumn("function", words(lang, "Funksjon", "Function"), width=18),
        SheetColumn("municipality", words(lang, "Kommune", "Municipality"), width=24),
        result_column("amount_kr", words(lang, "Netto driftsutgifter", "Net expenditure"), kr),
        result_column("population", words(lang, "Innbyggere", "Inhabitants"), "", "whole"),
        result_column("need_index", words(lang, "Behovsindeks", "Need index"), "", "factor"),
        result_column("adjusted", words(lang, "Justerte innbyggere", "Adjusted inhabitants"), "", "number"),
        result_column("adjusted_kr", words(lang, "Utgift, behovskorrigert", "Cost, need-adjusted"), per),
        links_column(lang, 24),
    )
    name = words(lang, "Grunnlag", "Basis of comparison")
    title = words(lang, "Utgift per behovskorrigert innbygger", "Cost per need-adjusted inhabitant")
    empty = Sheet(name, title, columns, ())
    blocks: dict[Block, tuple[int, int]] = {}
    rows: list[tuple[Value, ...]] = []
    find = _Rows(base)
    for block, members in _blocks(base, lang):
        blocks[block] = (len(rows), len(rows) + len(members) - 1)
        rows += [_level(empty, inputs, find, (len(rows) + k, block, m)) for k, m in enumerate(members)]
    return replace(empty, rows=tuple(rows)), blocks


class _Rows:
    """Rows of the sheets that were read, by what they are about."""

    def __init__(self, base: _Base) -> None:
        costs, people = base.book.frame("costs"), base.book.frame("population")
        self.costs = _index(costs, ("municipality", "year", "function"), costs["amount_kr"])
        self.people = _index(people, ("municipality", "year"), people["population"])
        self.needs = {
            (key, *where): (int(row["at"]), float(row["need_index"]))
            for key, table in base.needs.items()
            for row in table.to_dict("records")
            for where in [(row["municipality"], int(row["year"]), row["function"])]
        }


def _index(
    table: pd.DataFrame, keys: Sequence[str], values: pd.Series
) -> dict[tuple[object, ...], tuple[int, float]]:
    columns = [table[key].astype(int) if key == "year" else table[key] for key in keys]
    return {
        where: (k, float(value))
        for k, (*where_list, value) in enumerate(zip(*columns, values, strict=True))
        for where in [tuple(where_list)]
    }


def _blocks(base: _Base, lang: str) -> Iterator[tuple[Block, tuple[str, ...]]]:
    cells = base.cells[["group", "need_key", "year"]].drop_duplicates()
    own = cells[["need_key", "year"]].drop_duplicates().itertuples(index=False, name=None)
    for (key, year), function in product(own, base.functions):
        yield (_OWN.get(lang), key, year, function), (base.own,)
    for (group, key, year), function in product(cells.itertuples(index=False, name=None), base.functions):
        yield (group, key, year, function), base.members[group, year]


def _level(
    sheet: Sheet, inputs: Mapping[str, Sheet], find: _Rows, place: tuple[int, Block, str]
) -> tuple[Value, ...]:
    k, (group, key, year, function), municipality = place
    cost_row, amount = find.costs[municipality, year, function]
    people_row, people = find.people[municipality, year]
    need_row, need = find.needs[key, municipality, year, function]
    cells = {c: sheet.cell(c, k) for c in ("amount_kr", "population", "need_index", "adjusted")}
    given = inputs["costs"]
    return (
        group,
        key,
        float(year),
        function,
        municipality,
        Formula(f"={given.cell('amount_kr', cost_row)}", amount),
        Formula(f"={inputs['population'].cell('population', people_row)}", people),
        Formula(f"={inputs['need'].cell('need_index', need_row)}", need),
        Formula(f"={cells['population']}*{cells['need_index']}", people * need),
        Formula(f"={cells['amount_kr']}/{cells['adjusted']}", amount / (people * need)),
        row_link(given, cost_row),
    )


def _savings_sheet(
    base: _Base, levels: Sheet, blocks: Mapping[Block, tuple[int, int]], lang: str
) -> tuple[Sheet, dict[tuple[str, str, int, str], tuple[int, int]]]:
    """Write the saving of each function, in blocks of one group, key, year and mean."""
    per = words(lang, "kr per justert innbygger", "NOK per adjusted inhabitant")
    columns = (
        *_cell_columns(lang),
        SheetColumn("mean", words(lang, "Snitt", "Mean"), width=22),
        SheetColumn("function", words(lang, "Funksjon", "Function"), width=18),
        result_column("own_kr", words(lang, "Egen kommune", "Own municipality"), per),
        result_column("reference_kr", words(lang, "De andre", "The others"), per),
        *_saving_columns(lang),
    )
    name = words(lang, "Innsparing", "Savings")
    title = words(lang, "Innsparingspotensial per funksjon", "Savings potential by function")
    note = words(
        lang,
        "Over null: egen kommune ville brukt mindre på de andres nivå. (Egen − andre) × innbyggere × behov.",
        "Above zero: one's own would spend less at the others' level. (Own − others) × inhabitants × need.",
    )
    empty = Sheet(name, title, columns, (), (note,))
    rows: list[tuple[Value, ...]] = []
    spans = {}
    for group, key, year, mean in _cells(base):
        spans[group, key, year, mean] = (len(rows), len(rows) + len(base.functions) - 1)
        found = _found(base, group, key, year, mean)
        for one in found.to_dict("records"):
            own = blocks[_OWN.get(lang), key, year, one["function"]][0]
            block = blocks[group, key, year, one["function"]]
            labels = (group, key, float(year), _MEANS[mean].get(lang), one["function"])
            numbers = {str(name): float(value) for name, value in one.items() if name != "function"}
            rows.append((*labels, *_saving(empty, levels, (len(rows), own, block), mean, numbers)))
    return replace(empty, rows=tuple(rows)), spans


def _saving_columns(lang: str) -> tuple[SheetColumn, SheetColumn]:
    million, per = (
        words(lang, "mill. kr", "NOK million"),
        words(lang, "kr per innbygger", "NOK per inhabitant"),
    )
    label = words(lang, "Innsparing", "Saving")
    return result_column("saving_mnok", label, million, "number"), result_column(
        "per_inhabitant_kr", words(lang, "Innsparing per innbygger", "Saving per inhabitant"), per
    )


def _cells(base: _Base) -> Iterator[tuple[str, str, int, str]]:
    for row in base.cells.itertuples():
        yield str(row.group), str(row.need_key), int(str(row.year)), str(row.mean)


def _found(base: _Base, group: str, key: str, year: int, mean: str) -> pd.DataFrame:
    costs = base.book.frame("costs").drop(columns="source")
    of_year = costs[costs["year"] == year]
    own = of_year[of_year["municipality"] == base.own]
    others = of_year[of_year["municipality"].isin(base.members[group, year])]
    return savings(own, others, base.book.frame("population"), base.needs[key], mean=mean)


def _saving(
    sheet: Sheet,
    levels: Sheet,
    place: tuple[int, int, tuple[int, int]],
    mean: str,
    one: Mapping[str, float],
) -> tuple[Value, ...]:
    k, own, block = place
    average = f"=AVERAGE({levels.span('adjusted_kr', block)})"
    if mean == "ratio_of_sums":
        average = f"=SUM({levels.span('amount_kr', block)})/SUM({levels.span('adjusted', block)})"
    mine, theirs, saved = (sheet.cell(c, k) for c in ("own_kr", "reference_kr", "saving_mnok"))
    adjusted, people = levels.cell("adjusted", own), levels.cell("population", own)
    return (
        Formula(f"={levels.cell('adjusted_kr', own)}", one["own_kr"]),
        Formula(average, one["reference_kr"]),
        Formula(f"=({mine}-{theirs})*{adjusted}/1000000", one["saving_mnok"]),
        Formula(f"={saved}*1000000/{people}", one["per_inhabitant_kr"]),
    )


def _grid_sheet(
    base: _Base,
    sheets: tuple[Sheet, Sheet],
    places: tuple[Mapping[tuple[str, str, int, str], tuple[int, int]], Mapping[Block, tuple[int, int]]],
    lang: str,
) -> Sheet:
    """Sum over functions with every group, key, year and mean, beside the first."""
    (table, levels), (spans, blocks) = sheets, places
    columns = (
        *_cell_columns(lang),
        SheetColumn("mean", words(lang, "Snitt", "Mean"), width=22),
        *_saving_columns(lang),
        result_column("municipalities", words(lang, "Kommuner", "Municipalities"), "", "whole"),
        SheetColumn(
            "against_first", words(lang, "Mot første rad", "Against the first row"), "", "text", "result", 20
        ),
    )
    name = words(lang, "Rutenett", "Grid")
    title = words(lang, "Hvor mye svaret flytter seg med valgene", "How far the choices move the answer")
    note = words(
        lang,
        "Samme kommune og regnskap; bare gruppe, behovsnøkkel, år og snitt er ulike.",
        "The same municipality and accounts; only group, need key, year and mean differ.",
    )
    empty = Sheet(name, title, columns, (), (note,))
    limit = base.book.assumptions["annen_storrelse"]
    first = float(base.cells["saving_mnok"].iloc[0])
    rows: list[tuple[Value, ...]] = []
    for k, (cell, one) in enumerate(zip(_cells(base), base.cells.to_dict("records"), strict=True)):
        group, key, year, mean = cell
        saved, start = empty.cell("saving_mnok", k), empty.cell("saving_mnok", 0)
        inside = table.span("saving_mnok", spans[cell])
        members = levels.span("adjusted", blocks[group, key, year, base.functions[0]])
        people = levels.cell("population", blocks[_OWN.get(lang), key, year, base.functions[0]][0])
        told = _AGAINST[_against(first, float(one["saving_mnok"]), limit)].get(lang)
        rows.append(
            (
                group,
                key,
                float(year),
                _MEANS[mean].get(lang),
                Formula(
                    f"=IF(bare_positive=1,SUMPRODUCT(({inside}>0)*{inside}),SUM({inside}))",
                    one["saving_mnok"],
                ),
                Formula(f"={saved}*1000000/{people}", one["per_inhabitant_kr"]),
                Formula(f"=COUNT({members})", float(one["municipalities"])),
                Formula(_against_formula(saved, start, lang), told),
            )
        )
    return replace(empty, rows=tuple(rows))


def _against(first: float, value: float, limit: float) -> str:
    if first * value < 0:
        return "sign"
    return "size" if abs(value - first) > limit * abs(first) else "same"


def _against_formula(value: str, first: str, lang: str) -> str:
    same, size, sign = (_AGAINST[code].get(lang) for code in ("same", "size", "sign"))
    other = f'IF(ABS({value}-{first})>annen_storrelse*ABS({first}),"{size}","{same}")'
    return f'=IF({value}*{first}<0,"{sign}",{other})'


def _summary_sheet(base: _Base, cells: Sheet, lang: str) -> Sheet:
    """Lowest and highest saving, and what that means; the caveats above."""
    columns = (
        SheetColumn("what", words(lang, "Svar", "Answer"), width=44),
        result_column(
            "saving_mnok", words(lang, "Innsparing", "Saving"), words(lang, "mill. kr", "NOK million")
        ),
        SheetColumn("told", words(lang, "I ord", "In words"), "", "text", "result", 60),
    )
    name = words(lang, "Sammendrag", "Summary")
    title = words(lang, f"Innsparingspotensial for {base.own}", f"Savings potential of {base.own}")
    values = base.cells["saving_mnok"].to_numpy(dtype=float)
    span = cells.span("saving_mnok")
    low, high = float(np.min(values)), float(np.max(values))
    turns, holds = _answers(lang)
    told = Formula(f'=IF(MIN({span})*MAX({span})<0,"{turns}","{holds}")', turns if low * high < 0 else holds)
    rows = (
        (words(lang, "Lavest av alle valg", "Lowest of all choices"), Formula(f"=MIN({span})", low), told),
        (words(lang, "Høyest av alle valg", "Highest of all choices"), Formula(f"=MAX({span})", high), None),
    )
    return Sheet(name, title, columns, rows, tuple(one.get(lang) for one in CAVEATS))


def _answers(lang: str) -> tuple[str, str]:
    return (
        words(
            lang,
            "Fortegnet avhenger av valget: tallet er ikke et funn",
            "The sign depends on the choice: the figure is no finding",
        ),
        words(
            lang,
            "Fortegnet er det samme med alle valg; størrelsen er mellom de to",
            "The sign is the same with all choices; the size is between the two",
        ),
    )


# --- Judgements


def _judgements(base: _Base) -> Iterator[Judgement]:
    yield Judgement(
        Bilingual("Formel", "Formula"),
        Bilingual("(Egen − andre) × innbyggere × behovsindeks", "(Own − others) × inhabitants × need index"),
        Bilingual(
            "Ålesund oppgir retning og størrelse; tabellen er tapt, formelen er den eneste som passer",
            "Ålesund states direction and size; the table is lost, the formula is the only one that fits",
        ),
        "assumed",
    )
    moving = moves(base.book)
    yield Judgement(
        Bilingual("Medlemmer i gruppene", "Members of the groups"),
        Bilingual("Hvert års medlemmer", "Each year's members")
        if moving
        else Bilingual("Medlemmene i siste år, i alle år", "Members of the last year, in all years"),
        Bilingual(
            "KOSTRA-gruppene ble laget på nytt i 2020; med nye medlemmer endrer snittet seg av det alene",
            "KOSTRA groups were made anew in 2020; with new members the mean changes by that alone",
        ),
    )
    for (group, year), members in base.members.items():
        named = ", ".join(members)
        yield Judgement(
            Bilingual(f"Medlemmer av {group} {year}", f"Members of {group} {year}"),
            Bilingual(f"{len(members)} kommuner: {named}", f"{len(members)} municipalities: {named}"),
            Bilingual("Fra boken", "From the book"),
        )
    for caveat in CAVEATS:
        yield Judgement(Bilingual("Forbehold", "Caveat"), both("–"), caveat)
