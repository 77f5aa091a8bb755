"""Columns of a part of an extract: their names, their types, and what is wrong with their values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from kostnadsvekst.naming import nearest_names
from kostnadsvekst.sources.missing_symbols import is_missing
from kostnadsvekst.sources.municipal_forms import COUNT, NUMERIC, YEAR, Field, Form
from kostnadsvekst.sources.number_texts import EXACT, how_written, name_unclear, parse_numbers

_ROWS_TOLD = 5
_CODE_DIGITS = 4


@dataclass(frozen=True, slots=True)
class ExtractPart:
    """A file, or a table of a database.

    Attributes
    ----------
    name : str
        As messages call it.
    table : pyarrow.Table
    folders : mapping of str to str
        Columns that the folders of the file name, ``year=2023``.
    attributes : mapping
        Of the frame that was written to it.
    origin : str
        Of numbers that no attribute tells of.
    """

    name: str
    table: pa.Table
    folders: Mapping[str, str]
    attributes: Mapping[str, Any]
    origin: str


@dataclass(frozen=True, slots=True)
class ReadPart:
    """A part that was read.

    Attributes
    ----------
    name : str
    columns : frozenset of str
        Fields that it has.
    frame : DataFrame or None
        One column a field that it has; None where a column lacks or has no values of its kind.
    faults, unread : tuple of str
    """

    name: str
    columns: frozenset[str]
    frame: pd.DataFrame | None
    faults: tuple[str, ...]
    unread: tuple[str, ...]


def read_part(part: ExtractPart, form: Form) -> ReadPart:
    """Read the columns of a part that the form has.

    Parameters
    ----------
    part : ExtractPart
    form : Form
    """
    found, faults, unread = _match(part, form)
    values: dict[str, pd.Series] = {}
    for name, column in found.items():
        one = form.field(name)
        read, wrong = _number_column(one, column) if one.holds in NUMERIC else _text_column(one, column)
        faults += [f"{part.name}, column {column.name!r}: {why}" for why in wrong]
        if read is not None:
            values[name] = read
    complete = set(values) >= {one.name for one in form.fields if one.required} and len(values) == len(found)
    frame = pd.DataFrame(values) if complete else None
    return ReadPart(part.name, frozenset(found), frame, tuple(faults), tuple(unread))


def tell_rows(bad: NDArray[np.bool_], values: pd.Series | None = None) -> str:
    """Name rows, counted from one: ``3 rows, row 5 ('tolv'), row 9 ('x'), …``.

    Parameters
    ----------
    bad : array of bool, shape (n,)
    values : Series, optional
        What stands there.
    """
    at = np.flatnonzero(bad)
    told = [] if values is None else values.iloc[at[:_ROWS_TOLD]].tolist()
    shown = [
        f"row {k + 1}{f' ({value!r})' if told else ''}" for k, value in zip_longest(at[:_ROWS_TOLD], told)
    ]
    more = f" and {len(at) - _ROWS_TOLD} more" if len(at) > _ROWS_TOLD else ""
    return ", ".join(shown) + more


def _match(part: ExtractPart, form: Form) -> tuple[dict[str, pd.Series], list[str], list[str]]:
    """Columns by field, faults of their names, and those that no field is called."""
    known = {_plain(text): one.name for one in form.fields for text in (one.name, *one.label)}
    names = [*part.table.column_names, *(f for f in part.folders if f not in part.table.column_names)]
    found: dict[str, pd.Series] = {}
    faults, unread = [], []
    for number, name in enumerate(names):
        field = known.get(_plain(name))
        if field is None:
            unread.append(f"{part.name}: column {name!r}")
        elif field in found:
            faults.append(f"{part.name}: columns {found[field].name!r} and {name!r} are the same: keep one")
        elif number < part.table.num_columns:
            found[field] = _as_series(part.table.column(number), name)
        else:
            found[field] = pd.Series([part.folders[name]] * part.table.num_rows, name=name, dtype="str")
    lacking = [one.name for one in form.fields if one.required and one.name not in found]
    if lacking:
        had = ", ".join(names)
        faults.append(f"{part.name}: has no column {nearest_names(lacking, names)}; it has {had}")
    if not part.table.num_rows:
        faults.append(f"{part.name}: has no rows")
    return found, faults, unread


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _as_series(column: pa.ChunkedArray, name: str) -> pd.Series:
    """Arrow's column under its type; codes of a dictionary are what they stand for."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return pd.Series(pd.arrays.ArrowExtensionArray(column), name=name)


def _arrow_type(column: pd.Series) -> pa.DataType:
    return column.dtype.pyarrow_dtype if isinstance(column.dtype, pd.ArrowDtype) else pa.string()


def _is_text(kind: pa.DataType) -> bool:
    return any(
        is_it(kind) for is_it in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    )


# --- Numbers


def _number_column(one: Field, column: pd.Series) -> tuple[pd.Series | None, list[str]]:
    kind = _arrow_type(column)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = column.astype("Float64") if pa.types.is_decimal(kind) else column
        read = pd.Series(values.to_numpy(dtype=float, na_value=np.nan))
    elif _is_text(kind):
        texts = column.astype(object).where(column.notna(), None)
        parsed, wrong = _parsed(texts)
        if parsed is None:
            return None, wrong
        read = parsed
    elif pa.types.is_null(kind):
        read = pd.Series(np.full(len(column), np.nan))
    else:
        return None, [f"it holds {kind}: numbers belong there; convert it to whole numbers or decimals"]
    return read, [*_number_faults(one, read)]


def _parsed(texts: pd.Series) -> tuple[pd.Series | None, list[str]]:
    """Numbers of texts that have one style; others, and unclear ones, are faults."""
    written = how_written(texts)
    distinct = texts.dropna().unique()
    gone = texts.isna() | texts.isin([t for t in distinct if is_missing(t.strip(), among_numbers=True)])
    if gone.all():
        return pd.Series(np.full(len(texts), np.nan)), []
    if any("," in text for text in written.unclear):
        return None, [f"it can be read in two ways: {name_unclear(written)}; write it as numbers"]
    if written.marks:
        return pd.Series(parse_numbers(texts).to_numpy(dtype=float, na_value=np.nan)), []
    single = {t: bool(how_written(pd.Series([t], dtype=object)).marks) for t in texts[~gone].unique()}
    bad = (~gone & ~texts.map(single).eq(True)).to_numpy(dtype=bool)
    if not bad.any():
        return None, ["some rows have a point for decimals and some a comma: write them alike"]
    return None, [f"{bad.sum()} row(s) hold no number: {tell_rows(bad, texts)}; write digits"]


def _number_faults(one: Field, values: pd.Series) -> Iterator[str]:
    numbers = values.to_numpy(dtype=float)
    missing = np.isnan(numbers)
    checks = [
        (missing & one.required, "is empty: give it, or leave the row out"),
        (np.isinf(numbers), "is infinite: write a finite number"),
        (np.abs(numbers) > EXACT, "is larger than any number of this kind"),
    ]
    if one.holds in (COUNT, YEAR):
        whole = np.isfinite(numbers) & (numbers != np.floor(numbers))
        checks.append((whole, "is no whole number"))
    if one.positive:
        checks.append((numbers <= 0, "must be above zero, it is divided by"))
    elif one.minimum is not None:
        checks.append((numbers < one.minimum, f"is less than {one.minimum:g}"))
    if one.maximum is not None:
        checks.append((numbers > one.maximum, f"is more than {one.maximum:g}"))
    for bad, why in checks:
        if bad.any():
            shown = None if bad[missing].any() else values
            yield f"{why} in {bad.sum()} row(s): {tell_rows(bad, shown)}"


# --- Texts


def _text_column(one: Field, column: pd.Series) -> tuple[pd.Series | None, list[str]]:
    kind = _arrow_type(column)
    if not (
        _is_text(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)
    ):
        return None, [f"it holds {kind}: text belongs there; convert it to text"]
    codes, distinct = pd.factorize(column)
    words = np.array([*(_text(one, value) for value in distinct.tolist()), ""], dtype=object)
    read = pd.Series(words[codes], dtype="str")
    blank = read.eq("").to_numpy(dtype=bool)
    faults = []
    if one.required and blank.any():
        faults.append(f"is empty in {blank.sum()} row(s): {tell_rows(blank)}; write {one.label.nb!r}")
    if one.only_choices:
        known = {text.casefold() for choice in one.choices for text in choice} | set(_CODES.get(one.name, ()))
        strange = [word for word in read[~blank].unique() if word.casefold() not in known]
        bad = read.isin(strange).to_numpy(dtype=bool)
        if bad.any():
            told = ", ".join(choice.nb for choice in one.choices)
            faults.append(
                f"{bad.sum()} row(s) hold no {one.label.en!r}: {tell_rows(bad, read)}; known are {told}"
            )
    return read, faults


def _text(one: Field, value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = " ".join(str(value).split())
    # Numbers of municipalities that were stored as numbers have lost their zero.
    return text.zfill(_CODE_DIGITS) if one.name == "municipality" and text.isdigit() else text


def _codes() -> dict[str, frozenset[str]]:
    from kostnadsvekst.sources.municipal_kinds import PROVISION_NAMES, USER_GROUP_NAMES

    return {"group": frozenset(USER_GROUP_NAMES), "provision": frozenset(PROVISION_NAMES)}


_CODES = _codes()
