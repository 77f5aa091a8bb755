"""What the rows of an extract must say together: each once, each municipality under one name."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.naming import first_of
from kostnadsvekst.sources.extract_columns import ReadPart
from kostnadsvekst.sources.municipal_forms import YEAR, Form

_TOLD = 5
_NUMBER = re.compile("[0-9]{4}")
_NUMBER_AND_NAME = re.compile(r"([0-9]{4})[ ,:–-]+(\S.*)")


@dataclass(frozen=True, slots=True)
class ExtractTable:
    """Rows of all parts of a table.

    Attributes
    ----------
    form : Form
    frame : DataFrame
    files : tuple of str
    starts : array of int, shape (files,)
        Row of the frame at which each file begins.
    """

    form: Form
    frame: pd.DataFrame
    files: tuple[str, ...]
    starts: NDArray[np.int64]

    def place(self, row: int) -> str:
        """Where a row of the frame is: ``counts-2023.parquet row 7``."""
        file = int(np.searchsorted(self.starts, row, side="right")) - 1
        return f"{self.files[file]} row {row - int(self.starts[file]) + 1}"


def joined(form: Form, parts: Sequence[ReadPart]) -> ExtractTable:
    """Put the rows of the parts below one another.

    Parameters
    ----------
    form : Form
    parts : sequence of ReadPart
        With the same columns, and a frame each.
    """
    frames = [part.frame for part in parts if part.frame is not None]
    lengths = [0, *(len(frame) for frame in frames[:-1])]
    frame = pd.concat(frames, ignore_index=True)
    for one in form.fields:
        if one.holds == YEAR and np.isfinite(frame[one.name]).all():
            frame[one.name] = frame[one.name].astype("int64")
    return ExtractTable(form, frame, tuple(part.name for part in parts), np.cumsum(lengths).astype(np.int64))


def check_tables(tables: Mapping[str, ExtractTable]) -> list[str]:
    """Faults between rows and between tables.

    Parameters
    ----------
    tables : mapping of str to ExtractTable
        Those that could be read.
    """
    faults = [fault for table in tables.values() for fault in _repeated(table)]
    faults += _named_twice(tables)
    if "accounts" in tables:
        faults += _functions(tables["accounts"])
    if "population" in tables:
        for name in ("counts", "accounts"):
            faults += _without_people(tables["population"], tables[name]) if name in tables else []
    return faults


def _repeated(table: ExtractTable) -> Iterator[str]:
    keys = [name for name in table.form.key if name in table.frame]
    folded = table.frame[keys].apply(lambda c: c.str.casefold() if c.dtype == "str" else c)
    again = folded.duplicated().to_numpy()
    if not again.any():
        return
    first = folded.groupby(keys, sort=False, dropna=False).cumcount().eq(0)
    number = folded.groupby(keys, sort=False, dropna=False).ngroup().to_numpy()
    begin = pd.Series(np.flatnonzero(first), index=number[first.to_numpy()])
    at = np.flatnonzero(again)
    for k in at[:_TOLD]:
        told = ", ".join(str(v) for v in table.frame.loc[k, keys])
        yield f"{table.place(k)}: {told} is already in {table.place(int(begin[number[k]]))}: keep one row"
    if len(at) > _TOLD:
        yield f"{table.form.name}: {len(at) - _TOLD} more row(s) stand twice"


def _named_twice(tables: Mapping[str, ExtractTable]) -> Iterator[str]:
    """Find municipalities that are written in several ways, and sums of others among them."""
    first: dict[str, str] = {}
    for table in tables.values():
        names = table.frame["municipality"].drop_duplicates()
        for row, name in names[names != ""].items():
            first.setdefault(name, table.place(int(row)))
    known: dict[str, str] = {}
    for name, place in first.items():
        for part in _parts_of(name):
            other = known.setdefault(part, name)
            if other != name:
                yield (
                    f"{place}: {name!r} is the municipality {other!r} in {first[other]}: write it in one way"
                )
    numbers = [name for name in first if _NUMBER.match(name)]
    others = [name for name in first if not _NUMBER.match(name)]
    if numbers and others:
        few = min(numbers, others, key=len)
        kind = "numbers" if few is numbers else "no numbers"
        told = "; ".join(first_of((f"{name!r} in {first[name]}" for name in few), _TOLD))
        yield (
            f"most municipalities are told in another way than {told}, which have {kind}: write all alike, "
            "and leave out counties, groups and the country, which would count in the mean"
        )


def _parts_of(name: str) -> Iterator[str]:
    """Split into number and name where both are written."""
    both = _NUMBER_AND_NAME.fullmatch(name)
    yield from (part.casefold() for part in (both.groups() if both else (name,)))


def _functions(table: ExtractTable) -> Iterator[str]:
    """Functions stand in all rows of the accounts, or in none."""
    if "function" not in table.frame:
        return
    empty = np.flatnonzero(table.frame["function"].eq(""))
    if 0 < len(empty) < len(table.frame):
        told = ", ".join(first_of((table.place(int(k)) for k in empty), _TOLD))
        yield f"accounts: the function is empty in {len(empty)} row(s), {told}: write it in all, or in none"


def _without_people(people: ExtractTable, table: ExtractTable) -> Iterator[str]:
    keys = ["municipality", "year"]
    wanted = table.frame[keys].drop_duplicates()
    beside = wanted.reset_index().merge(people.frame[keys].drop_duplicates(), how="left", indicator=True)
    lacking = beside[beside["_merge"] == "left_only"]
    for row, place, year in lacking[["index", *keys]].head(_TOLD).itertuples(index=False):
        yield f"{table.place(row)}: {place} {year} is not in the population: add inhabitants and need index"
    if len(lacking) > _TOLD:
        yield f"{table.form.name}: {len(lacking) - _TOLD} more of them are not in the population"
