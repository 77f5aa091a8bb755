"""Cells of a municipal book: texts, numbers of either style, yes and no; what cannot be read is named."""

import datetime
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from kostnadsvekst.sources.missing_symbols import is_missing
from kostnadsvekst.sources.municipal_forms import (
    COUNT,
    NO,
    NUMERIC,
    PERCENT,
    YEAR,
    YES,
    YES_NO,
    Field,
    Form,
)
from kostnadsvekst.sources.municipal_grids import Grid
from kostnadsvekst.sources.number_texts import MARKS, how_written, name_unclear, parse_numbers

Place = Callable[[int, str], str]
_CODE_DIGITS = 4


def read_values(
    grid: Grid, form: Form, columns: Mapping[str, int], lines: Sequence[int]
) -> tuple[dict[str, list[Any]], list[str]]:
    """Values of each field, and what is wrong with cells by themselves.

    Parameters
    ----------
    grid : Grid
    form : Form
    columns : mapping of str to int
        Field -> column of the grid.
    lines : sequence of int
        Rows of the grid that hold data.

    Returns
    -------
    values : dict of str to list
        Text, float (NaN where empty), or bool; of every field, also one that the sheet lacks.
    faults : list of str
    """
    values: dict[str, list[Any]] = {}
    faults: list[str] = []
    for one in form.fields:
        if one.name not in columns:
            values[one.name] = [math.nan if one.holds in NUMERIC else None] * len(lines)
            continue
        column = columns[one.name]
        places = [(line, column) for line in lines]
        cells = [grid.rows[i][j] if j < len(grid.rows[i]) else None for i, j in places]
        broken = _broken(grid, places)
        faults += [f"{grid.place(*places[k])}: {why}" for k, why in broken.items()]
        whole = [None if k in broken else cell for k, cell in enumerate(cells)]
        read = _numbers if one.holds in NUMERIC else _words
        values[one.name], wrong = read(grid, one, places, whole)
        faults += [f"{grid.place(*places[k])}: {why}" for k, why in wrong.items()]
        faults += [
            f"{grid.place(*place)}: empty: write {one.label.nb!r}"
            for k, place in enumerate(places)
            if one.required and k not in broken and k not in wrong and _is_blank(values[one.name][k])
        ]
    return values, faults


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _broken(grid: Grid, places: Sequence[tuple[int, int]]) -> dict[int, str]:
    out = {}
    for k, place in enumerate(places):
        if place in grid.errors:
            i, j = place
            out[k] = f"the cell holds the error {grid.rows[i][j]}: mend its formula, or write the value"
        elif place in grid.unstored:
            out[k] = (
                "a formula without a stored value: open the book in Excel and save it, or paste the value"
            )
    return out


def _numbers(
    grid: Grid, one: Field, places: Sequence[tuple[int, int]], cells: Sequence[Any]
) -> tuple[list[Any], dict[int, str]]:
    """Numbers of a column: cells that are numbers, and texts read as the files of the user's own are."""
    values: list[Any] = [math.nan] * len(cells)
    wrong: dict[int, str] = {}
    texts: dict[int, str] = {}
    for k, cell in enumerate(cells):
        if isinstance(cell, bool):
            wrong[k] = f"{cell} is no number: write digits"
        elif isinstance(cell, int | float):
            shown = one.holds == PERCENT and places[k] in grid.percent
            values[k] = float(cell) * (100.0 if shown else 1.0)
        elif isinstance(cell, datetime.datetime | datetime.date | datetime.time | datetime.timedelta):
            wrong[k] = (
                f"a date ({_date(cell)}) where {one.label.nb!r} belongs: Excel made it of a number; format "
                "the cell as a number and write it again"
            )
        elif isinstance(cell, str) and not is_missing(cell.strip(), among_numbers=True):
            texts[k] = cell.strip().removesuffix("%") if one.holds == PERCENT else cell
    read, unread = _parse(texts)
    for k, number in read.items():
        values[k] = number
    return values, wrong | unread


def _date(cell: Any) -> str:
    return cell.date().isoformat() if isinstance(cell, datetime.datetime) else str(cell)


def _parse(texts: Mapping[int, str]) -> tuple[dict[int, float], dict[int, str]]:
    """Numbers of the texts of a column, which have one style; others, and unclear ones, are faults."""
    if not texts:
        return {}, {}
    column = pd.Series(texts, dtype=object)
    written = how_written(column)
    if not written.marks:
        return _parse_each(texts)
    if any("," in text for text in written.unclear):
        told = f"can be read in two ways: {name_unclear(written)}; write it as a number"
        return {}, {k: told for k, text in texts.items() if text.strip() in written.unclear}
    return {int(k): float(number) for k, number in parse_numbers(column).items()}, {}


def _parse_each(texts: Mapping[int, str]) -> tuple[dict[int, float], dict[int, str]]:
    """Find the texts that are no numbers, or are written in another style than most."""
    single = {k: how_written(pd.Series([text], dtype=object)) for k, text in texts.items()}
    wrong = {
        k: f"{texts[k]!r} is no number: write digits, with a comma or a point for decimals"
        for k, written in single.items()
        if not written.marks
    }
    rest = {k: text for k, text in texts.items() if k not in wrong}
    if wrong:
        read, more = _parse(rest)
        return read, wrong | more
    marks = {k: written.mark for k, written in single.items()}
    return {}, {
        k: f"{texts[k]!r} has {'a point' if mark == MARKS[0] else 'a comma'} for decimals and other cells "
        "of the column have the other mark: write them alike"
        for k, mark in marks.items()
        if mark
    }


def _words(
    grid: Grid, one: Field, places: Sequence[tuple[int, int]], cells: Sequence[Any]
) -> tuple[list[Any], dict[int, str]]:
    values: list[Any] = [None] * len(cells)
    wrong: dict[int, str] = {}
    for k, cell in enumerate(cells):
        text = _text(one, cell)
        if not text:
            continue
        if one.holds == YES_NO:
            if text.casefold() not in {*(w.casefold() for w in (*YES, *NO)), "true", "false"}:
                wrong[k] = f"{text!r}: write {YES.nb!r} or {NO.nb!r}"
            else:
                values[k] = text.casefold() in {*(w.casefold() for w in YES), "true"}
            continue
        values[k] = _choice(one, text)
        if one.only_choices and values[k] is None:
            known = ", ".join(repr(choice.nb) for choice in one.choices)
            wrong[k] = f"{text!r} is not among the choices of {one.label.nb!r}: write one of {known}"
    return values, wrong


def _text(one: Field, cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = " ".join(str(cell).split())
    # Excel takes the zero off a municipality code.
    return text.zfill(_CODE_DIGITS) if one.name == "municipality" and text.isdigit() else text


def _choice(one: Field, text: str) -> str | None:
    """Norwegian spelling of a choice; any other text as it is where others are allowed."""
    found = next(
        (choice.nb for choice in one.choices if text.casefold() in {w.casefold() for w in choice}), None
    )
    return found if found is not None or one.only_choices else text


def check_values(place: Place, form: Form, frame: pd.DataFrame) -> list[str]:
    """Values outside their bounds, fractions where whole numbers belong, and rows that are there twice.

    Parameters
    ----------
    place : callable
        ``place(row, field)``: the cell.
    form : Form
    frame : DataFrame
    """
    faults = []
    for one in form.fields:
        if one.holds in NUMERIC:
            for k, value in enumerate(frame[one.name]):
                why = _outside(one, float(value))
                faults += [f"{place(k, one.name)}: {why}"] if why else []
    if form.key:
        keys = frame[list(form.key)].map(lambda v: v.casefold() if isinstance(v, str) else v)
        first: dict[tuple[Any, ...], int] = {}
        for k, key in enumerate(keys.itertuples(index=False, name=None)):
            if key in first:
                told = ", ".join(str(v) for v in frame.loc[k, list(form.key)])
                other = place(first[key], form.key[0])
                faults.append(f"{place(k, form.key[0])}: {told} is already in {other}: keep one row")
            else:
                first[key] = k
    return faults


def _outside(one: Field, value: float) -> str:
    if math.isnan(value):
        return ""
    shown = f"{one.label.nb!r} is {value:g}"
    if not math.isfinite(value):
        return f"{shown}: write a finite number"
    if one.holds in (COUNT, YEAR) and value != int(value):
        return f"{shown}, and whole numbers belong there"
    if one.positive and value <= 0:
        return f"{shown}: it must be above zero, it is divided by; leave the row out if there is none"
    if one.minimum is not None and value < one.minimum:
        return f"{shown}: it is at least {one.minimum:g}"
    if one.maximum is not None and value > one.maximum:
        limit = f"{one.maximum:g}" + (" %" if one.holds == PERCENT else "")
        return f"{shown}: it is at most {limit}"
    return ""
