"""The population of a register by age group, from a file of the user's."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.naming import require_columns
from kostnadsvekst.panel.periods import period_numbers
from kostnadsvekst.sources.files import read_table

_COLUMNS = ("year", "age_group", "persons")
_LISTED = 10


def read_population(path: str | Path, groups: Sequence[str]) -> pd.DataFrame:
    """Read persons by year and age group.

    Parameters
    ----------
    path : str or Path
        File of any kind that `kostnadsvekst.sources.files.read_table` reads, with ``year`` (dates too),
        ``age_group`` and ``persons`` on 1 January. Other columns are left out.
    groups : sequence of str
        Names of the age groups, such as ``"0-17"``; ``0–17 år`` and ``80 år og over`` are read as well.

    Returns
    -------
    DataFrame
        ``year`` (int), ``age_group`` (str), ``persons`` (float), and ``data_origin`` where the file has it.

    Raises
    ------
    DataMissingError
        No such file or column.
    InvalidDataError
        Years or persons that are no numbers, persons that are missing or below one, other age groups, or an
        age group that has several rows in a year: all are listed with their rows.
    """
    table = read_table(path)
    require_columns(_COLUMNS, table.columns)
    found = table[[*_COLUMNS, *(c for c in ("data_origin",) if c in table)]].copy()
    found.attrs = {"provenance": table.attrs["provenance"]}
    persons = pd.to_numeric(found["persons"], errors="coerce").astype(float)
    found["age_group"] = [_group_name(value) for value in found["age_group"]]
    problems = [
        *_name_rows(found, "age_group", ~found["age_group"].isin(groups), f"is none of {', '.join(groups)}"),
        *_name_rows(found, "persons", ~(persons >= 1) | np.isinf(persons), "is not a number of one or more"),
    ]
    found["persons"] = persons
    if not pd.api.types.is_numeric_dtype(found["year"].dtype):
        found["year"] = period_numbers(found["year"], "year")
    twice = found.duplicated(["year", "age_group"], keep=False)
    problems += _name_rows(found, "age_group", twice, "has several rows in its year: add them up first")
    if problems:
        raise InvalidDataError(f"population in {str(path)!r}: {len(problems)} problem(s)", problems)
    return found.astype({"year": "int64"})


def _group_name(value: object) -> str:
    """Name of an age group as ours: a hyphen between ages, a plus after the last."""
    text = re.sub(r"\s*(år|years?)\b", "", str(value).strip().lower())
    text = re.sub(r"\s*(og over|eller eldre|and over|or older)$", "+", text)
    return re.sub(r"\s*[-–—]\s*", "-", text)


def _name_rows(table: pd.DataFrame, column: str, wrong: pd.Series, what: str) -> list[str]:
    positions = np.flatnonzero(wrong.to_numpy(dtype=bool))
    rows = [
        f"row {i + 1} (year {table['year'].iloc[i]}): {column} {table[column].iloc[i]!r} {what}"
        for i in positions[:_LISTED]
    ]
    more = len(positions) - _LISTED
    return rows + ([f"and {more} more rows whose {column} {what}"] if more > 0 else [])
