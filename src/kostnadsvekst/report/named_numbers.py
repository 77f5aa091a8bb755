"""Numbers by name: each is looked up in a file of the results, so that no text has to repeat a digit.

A name says the file, the row and the column; what is not there, or there more than once, is an error that
lists every name it befalls.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import LANGUAGES
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.output import read_csv_text

Files = Mapping[str, str | bytes]


@dataclass(frozen=True, slots=True)
class NamedNumber:
    """Where a number of a text stands.

    Attributes
    ----------
    file : str
        Path below the results folder: CSV, or any text together with `pattern`.
    where : mapping of str to str
        Column -> value of the row; the row must be one, but for `count`.
    below : mapping of str to float
        Column -> the value that rows must be below, for `count`.
    column : str, optional
    pattern : str, optional
        Regular expression with one group, the number.
    text : mapping of str to str, optional
        Language -> column, for a piece of text instead of a number.
    count : bool
        Take the number of rows.
    less : float
        What is subtracted.
    decimals : int
    """

    file: str
    where: Mapping[str, str] = field(default_factory=dict)
    below: Mapping[str, float] = field(default_factory=dict)
    column: str | None = None
    pattern: str | None = None
    text: Mapping[str, str] | None = None
    count: bool = False
    less: float = 0.0
    decimals: int = 0


def look_up(names: Mapping[str, NamedNumber], files: Files) -> dict[str, dict[str, str]]:
    """Numbers as they are printed, in both languages.

    Parameters
    ----------
    names : mapping of str to NamedNumber
    files : mapping of str to str or bytes
        Path below the results folder -> content.

    Returns
    -------
    dict of str to dict
        Name -> language -> text.

    Raises
    ------
    SpecificationError
        Every name whose file, row, column or number is not there, or not once.
    """
    found, faults = {}, []
    tables: dict[str, pd.DataFrame] = {}
    for name, place in names.items():
        try:
            found[name] = _printed(place, files, tables)
        except LookupError as error:
            faults.append(f"{name}: {error.args[0]}")
    if faults:
        raise SpecificationError("\n".join(["numbers that are not in the results:", *faults]))
    return found


def _printed(place: NamedNumber, files: Files, tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    if place.file not in files:
        raise LookupError(f"there is no file {place.file}")
    if place.file.endswith(".csv"):
        if place.file not in tables:
            tables[place.file] = read_csv_text(files[place.file])
        rows = _rows(place, tables[place.file])
        if place.count:
            return _in_both(float(len(rows)), 0)
        (row,) = rows.to_dict("records")
        if place.text is not None:
            return {lang: str(row[place.text[lang]]) for lang in LANGUAGES}
        cell = str(row[place.column])
    else:
        cell = _text(files[place.file])
    return _in_both(_number(cell, place) - place.less, place.decimals)


def _rows(place: NamedNumber, table: pd.DataFrame) -> pd.DataFrame:
    """Pick the rows; refuse columns that are not there, and any number of rows but one."""
    asked = {
        *place.where,
        *place.below,
        *((place.text or {}).values()),
        *([place.column] if place.column else []),
    }
    if missing := sorted(asked - {*table.columns}):
        raise LookupError(f"{place.file} has no column {', '.join(missing)}")
    rows = table
    for column, value in place.where.items():
        rows = rows[rows[column] == value]
    for column, limit in place.below.items():
        rows = rows[rows[column].astype(float) < limit]
    if not place.count and len(rows) != 1:
        raise LookupError(f"{place.file} has {len(rows)} rows where {dict(place.where)}")
    return rows


def _number(cell: str, place: NamedNumber) -> float:
    if place.pattern is not None:
        hits = re.findall(place.pattern, cell)
        if len({*hits}) != 1:
            raise LookupError(f"{place.file} has {len(hits)} places like {place.pattern}")
        return float(hits[0].replace(",", ""))
    try:
        return float(cell.replace(",", ".") if cell.count(",") == 1 else cell)
    except ValueError:
        raise LookupError(f"{place.file}: {cell!r} is not a number") from None


def _in_both(value: float, decimals: int) -> dict[str, str]:
    return {lang: format_number(value, decimals, lang) for lang in LANGUAGES}


def _text(content: str | bytes) -> str:
    return content if isinstance(content, str) else content.decode("utf-8")
