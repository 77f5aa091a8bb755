"""The effort ladder as sheets that compute, and what a move between its steps changes."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import pandas as pd

from kostnadsvekst.chapters.municipal_faults import Faults
from kostnadsvekst.chapters.municipal_public import blocks_of, hide, is_small, rows_to_hide
from kostnadsvekst.chapters.municipal_sheets import (
    Judgement,
    System,
    conditions,
    evaluated,
    input_sheet,
    links_column,
    result_column,
    row_link,
    unit_columns,
    words,
)
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.municipal.effort_ladder import ladder, move
from kostnadsvekst.report.workbook import Chart, Formula, Sheet, SheetColumn, Value
from kostnadsvekst.sources.municipal_book import MunicipalBook, units_of

_MILLION = 1_000_000
_COLUMNS = ["step", "name", "group", "unit", "recipients", "price_kr", "total_mnok", "in_cost"]


@dataclass(frozen=True, slots=True)
class _Ladder:
    """The ladder of a municipality and year, before and after its moves."""

    municipality: str
    year: int
    before: pd.DataFrame
    after: pd.DataFrame | None
    moves: tuple[tuple[int, Mapping[str, Any], float], ...]
    # Step -> row of the sheet that was read.
    rows: Mapping[int, int]


def effort_ladder(book: MunicipalBook, lang: str) -> System:
    """Compute the ladders of a book.

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
    ladders = [*_ladders(book, faults)]
    faults.refuse()
    steps = input_sheet(book.tables["steps"], lang)
    inputs = [steps]
    before = _ladder_sheet(book, ladders, steps, lang)
    results = [before]
    if "moves" in book.tables:
        moves = input_sheet(book.tables["moves"], lang)
        inputs.append(moves)
        moved = _moves_sheet(ladders, moves, before, lang)
        results += [moved, _after_sheet(ladders, before, moves, lang)]
    log = [entry for one in ladders for entry in _judgements(one)]
    return System(tuple(inputs), tuple(results), (), tuple(log), partial(_public, tuple(results)))


def _public(results: tuple[Sheet, ...]) -> tuple[Sheet, ...]:
    """Hide steps with few recipients, a larger one beside them, and what gives their price or cost back."""
    before, *others = results
    hidden: dict[int, tuple[str, ...]] = {}
    secret: set[tuple[object, ...]] = set()
    for first, last in blocks_of(before).values():
        few = rows_to_hide(before, "recipients", first, last)
        if few:
            # Shares tell the sum of all steps, and that what the hidden ones cost: with their prices, counts.
            hidden |= dict.fromkeys(range(first, last + 1), ("share_percent",))
        for k in few:
            hidden[k] = _TOLD
            secret.add(before.rows[k][:3])
        priced = [
            k for k in range(first, last + 1) if before.rows[k][before.position("price_kr")] is not None
        ]
        # The price difference of the next step would give the price of a hidden one.
        next_ones = [k for below, k in pairwise(priced) if below in few and k not in few]
        hidden |= dict.fromkeys(next_ones, ("share_percent", "price_difference_kr"))
    if not others:
        return (hide(before, hidden),)
    moves, after = others
    # A plan for few persons is a number of few persons, and so is what is left when others have moved.
    secret |= {row[:3] for row in after.rows if is_small(_number(row[after.position("recipients")]))}
    told = {
        k: ("n", "change_kr")
        for k, row in enumerate(moves.rows)
        if is_small(_number(row[moves.position("n")]))
        or {(*row[:2], row[moves.position(name)]) for name in ("origin", "target")} & secret
    }
    shown = (hide(before, hidden), hide(moves, told))
    return shown if hidden or told else (*shown, after)


def _number(value: Value) -> float:
    """Return the number of a cell; zero where it has none."""
    plain = evaluated(value)
    return float(plain) if isinstance(plain, int | float) else 0.0


_TOLD = ("recipients", "price_kr", "total_mnok", "share_percent", "price_difference_kr")


def _ladders(book: MunicipalBook, faults: Faults) -> Iterator[_Ladder]:
    moves = book.frame("moves")
    for municipality, year, rows in units_of(book.tables["steps"]):
        steps = rows[_COLUMNS].assign(in_cost=[flag is not False for flag in rows["in_cost"]])
        before = faults.attempt("steps", int(rows.index[0]), partial(ladder, steps))
        if before is None:
            continue
        after, done = before, []
        same = moves[(moves["municipality"] == municipality) & (moves["year"] == year)]
        for row, one in same.iterrows():
            step = partial(move, after, float(one["n"]), int(one["origin"]), int(one["target"]))
            moved = faults.attempt("moves", int(row), step)
            if moved is not None:
                after = moved
                done.append((int(row), one.to_dict(), float(moved.attrs["change_kr"])))
        places = {int(step): int(row) for row, step in rows["step"].items()}
        yield _Ladder(municipality, year, before, after if done else None, tuple(done), places)


def _step_columns(lang: str) -> tuple[SheetColumn, ...]:
    return (
        *unit_columns(lang),
        SheetColumn("step", words(lang, "Trinn", "Step"), "", "year", width=8),
        SheetColumn("name", words(lang, "Navn", "Name"), width=40),
        result_column("recipients", words(lang, "Antall", "Number"), "", "whole"),
        result_column("price_kr", words(lang, "Pris", "Price"), words(lang, "kr", "NOK")),
        result_column(
            "total_mnok", words(lang, "Kostnad", "Cost"), words(lang, "mill. kr", "NOK million"), "factor"
        ),
        result_column(
            "share_percent", words(lang, "Andel av kostnaden", "Share of the cost"), "%", "percent"
        ),
    )


def _ladder_sheet(book: MunicipalBook, ladders: Sequence[_Ladder], steps: Sheet, lang: str) -> Sheet:
    columns = (
        *_step_columns(lang),
        result_column(
            "price_difference_kr",
            words(lang, "Prisforskjell til trinnet under", "Difference to the step below"),
            words(lang, "kr", "NOK"),
        ),
        links_column(lang, 16),
    )
    name = words(lang, "Innsatstrapp", "Effort ladder")
    note = words(
        lang,
        "Trappen viser grad av inngripen, ikke stigende kostnad. Pris er netto kostnad per mottaker.",
        "The ladder shows degree of intervention, not rising cost. The price is net cost per recipient.",
    )
    title = words(lang, "Kostnad per trinn", "Cost by step")
    chart = Chart(title, ("step", "name"), "total_mnok", "bar", words(lang, "mill. kr", "NOK million"))
    empty = Sheet(name, name, columns, (), (note,), (chart,))
    rows: list[tuple[Value, ...]] = []
    for one in ladders:
        rows += _ladder_rows(book, empty, steps, one, len(rows), lang)
    return replace(empty, rows=tuple(rows))


def _ladder_rows(
    book: MunicipalBook, sheet: Sheet, steps: Sheet, one: _Ladder, start: int, lang: str
) -> Iterator[tuple[Value, ...]]:
    given = book.frame("steps")
    totals = sheet.span("total_mnok", (start, start + len(one.before) - 1))
    below: int | None = None
    for k, row in enumerate(one.before.itertuples(index=False), start):
        at = one.rows[int(row.step)]
        total, price = _cost_formulas(given.loc[at], sheet, steps, (k, at))
        priced = not math.isnan(row.price_kr)
        difference = (
            f"={sheet.cell('price_kr', k)}-{sheet.cell('price_kr', below)}" if below is not None else ""
        )
        yield (
            one.municipality,
            one.year,
            row.step,
            row.name,
            None
            if math.isnan(row.recipients)
            else Formula(f"={steps.cell('recipients', at)}", row.recipients),
            Formula(price, row.price_kr) if priced else None,
            Formula(total, row.total_mnok),
            Formula(f"=100*{sheet.cell('total_mnok', k)}/SUM({totals})", row.share_percent),
            Formula(difference, row.price_difference_kr) if priced and difference else None,
            row_link(steps, at),
        )
        below = k if priced else below


def _cost_formulas(given: pd.Series, sheet: Sheet, steps: Sheet, place: tuple[int, int]) -> tuple[str, str]:
    """Formulas of cost and price: one is given, the other follows."""
    k, at = place
    if given["in_cost"] is False:
        return "=0", "=0"
    if math.isnan(given["total_mnok"]):
        total = f"={steps.cell('price_kr', at)}*{sheet.cell('recipients', k)}/{_MILLION}"
        return total, f"={steps.cell('price_kr', at)}"
    price = f"={sheet.cell('total_mnok', k)}*{_MILLION}/{sheet.cell('recipients', k)}"
    return f"={steps.cell('total_mnok', at)}", price


def _moves_sheet(ladders: Sequence[_Ladder], moves: Sheet, before: Sheet, lang: str) -> Sheet:
    columns = (
        *unit_columns(lang),
        SheetColumn("n", words(lang, "Antall som flytter", "Number who move"), "", "whole", "result"),
        SheetColumn("origin", words(lang, "Fra trinn", "From step"), "", "year", width=10),
        SheetColumn("target", words(lang, "Til trinn", "To step"), "", "year", width=10),
        result_column(
            "change_kr",
            words(lang, "Endring i kostnad per år", "Change of cost a year"),
            words(lang, "kr", "NOK"),
        ),
        links_column(lang, 16),
    )
    name = words(lang, "Hva flytting betyr", "What moves mean")
    note = words(
        lang,
        "Antall × (pris på nytt trinn − pris på gammelt trinn). Antatt: den som flytter, koster som snittet.",
        "Number × (price of the new step − price of the old one). Assumed: who moves costs the average.",
    )
    places = _places(ladders)
    rows: list[tuple[Value, ...]] = []
    for one in ladders:
        for at, given, change in one.moves:
            n = moves.cell("n", at)
            to, origin = (
                before.cell("price_kr", places[one.municipality, one.year, int(given[which])])
                for which in ("target", "origin")
            )
            rows.append(
                (
                    one.municipality,
                    one.year,
                    Formula(f"={n}", given["n"]),
                    given["origin"],
                    given["target"],
                    Formula(f"={n}*({to}-{origin})", change),
                    row_link(moves, at),
                )
            )
    return Sheet(name, name, columns, tuple(rows), (note,))


def _places(ladders: Sequence[_Ladder]) -> dict[tuple[str, int, int], int]:
    """Row of each step in the sheet of the ladder."""
    keys = [(one.municipality, one.year, int(step)) for one in ladders for step in one.before["step"]]
    return {key: k for k, key in enumerate(keys)}


def _after_sheet(ladders: Sequence[_Ladder], before: Sheet, moves: Sheet, lang: str) -> Sheet:
    name = words(lang, "Etter flytting", "After the moves")
    note = words(
        lang, "Trappen når alle flyttinger er gjort, med samme priser.", "After all moves, same prices."
    )
    empty = Sheet(name, name, _step_columns(lang), (), (note,))
    places = _places(ladders)
    rows: list[tuple[Value, ...]] = []
    for one in ladders:
        if one.after is None:
            continue
        totals = empty.span("total_mnok", (len(rows), len(rows) + len(one.after) - 1))
        for row in one.after.itertuples(index=False):
            k, at = len(rows), places[one.municipality, one.year, int(row.step)]
            total, recipients = _moved(moves, before, at, empty.cell("recipients", k))
            share = Formula(f"=100*{empty.cell('total_mnok', k)}/SUM({totals})", row.share_percent)
            priced = not math.isnan(row.price_kr)
            rows.append(
                (
                    one.municipality,
                    one.year,
                    row.step,
                    row.name,
                    None if math.isnan(row.recipients) else Formula(recipients, row.recipients),
                    Formula(f"={before.cell('price_kr', at)}", row.price_kr) if priced else None,
                    Formula(total if priced else f"={before.cell('total_mnok', at)}", row.total_mnok),
                    share,
                )
            )
    return replace(empty, rows=tuple(rows))


def _moved(moves: Sheet, before: Sheet, at: int, recipients: str) -> tuple[str, str]:
    """Formulas of cost and recipients after the moves to and from a step."""
    same = conditions(moves, before, at)
    step, n = before.cell("step", at), moves.span("n")
    to = f"SUMPRODUCT({same}*({moves.span('target')}={step})*{n})"
    away = f"SUMPRODUCT({same}*({moves.span('origin')}={step})*{n})"
    old, price = before.cell("recipients", at), before.cell("price_kr", at)
    total = f"={before.cell('total_mnok', at)}+({recipients}-{old})*{price}/{_MILLION}"
    return total, f"={old}+{to}-{away}"


def _judgements(one: _Ladder) -> Iterator[Judgement]:
    where = f"{one.municipality} {one.year}"
    for found in one.before.attrs.get("contradictions", []):
        price = found["column"] == "price_kr"
        given, computed = f"{found['given']:.10g}", f"{found['computed']:.6g}"
        yield Judgement(
            Bilingual(f"{where}, trinn {found['step']}", f"{where}, step {found['step']}"),
            Bilingual(
                f"{'Pris' if price else 'Andel'} regnes ut: {computed}".replace(".", ","),
                f"{'Price' if price else 'Share'} is computed: {computed}",
            ),
            Bilingual(
                f"Oppgitt {given} går ikke opp med kostnad og antall".replace(".", ","),
                f"{given} as given does not fit cost and number",
            ),
            "derived",
        )
    for _, moved, _ in one.moves:
        if isinstance(moved.get("reason"), str):
            told = f"{moved['n']:g}: {moved['origin']:g} → {moved['target']:g}"
            yield Judgement(
                Bilingual(f"{where}, flytting", f"{where}, move"),
                both(told),
                both(str(moved["reason"])),
                "assumed",
            )
