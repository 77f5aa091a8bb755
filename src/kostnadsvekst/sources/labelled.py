"""Files of Stata, SAS and SPSS: codes stay codes, their labels lie beside them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.errors import InvalidDataError

# Whole numbers up to here are exact as float64.
_EXACT = 2**53
# From so many digits on, a whole number in a double is an identifier or an exact amount, not a measurement.
_DIGITS = 16


def read_labelled(path: Path) -> pd.DataFrame:
    """Read a file of a statistics package.

    Parameters
    ----------
    path : Path
        ``.dta``, ``.sas7bdat``, ``.xpt``, ``.sav``, ``.zsav`` or ``.por``.

    Returns
    -------
    DataFrame
        Numbers stay numbers; only text that Stata's ``encode`` has numbered 1, 2, ... in the order of the
        alphabet and that consists of numbers (years, codes) is given back. ``attrs["value_labels"]`` has the
        labels: column -> code as text -> label. Stata's months, quarters and half-years (``%tm``, ``%tq``,
        ``%th``) are text such as ``2010M1``, its weeks (``%tw``) their first days. Stata's ``.a`` to ``.z``
        and SAS' are missing.
    """
    import pyreadstat

    readers: dict[str, Callable[..., Any]] = {
        ".dta": pyreadstat.read_dta,
        ".sav": pyreadstat.read_sav,
        ".zsav": pyreadstat.read_sav,
        ".por": pyreadstat.read_por,
        ".sas7bdat": pyreadstat.read_sas7bdat,
        ".xpt": pyreadstat.read_xport,
    }
    table, meta = readers[path.suffix.lower()](path)
    for name, stored in meta.original_variable_types.items():
        read = _STATA_TIMES.get(str(stored).replace("-", "")[:3])  # %-tm is left-justified %tm
        if read and pd.api.types.is_numeric_dtype(table[name].dtype):
            table[name] = read(table[name])
    labels = {name: _as_json(found) for name, found in meta.variable_value_labels.items()}
    for name, found in meta.variable_value_labels.items():
        table[name] = _before_encode(table[name], found)
    table.attrs["value_labels"] = labels
    return table


def refuse_rounded(table: pd.DataFrame, name: str) -> None:
    """Refuse whole numbers that a file has already rounded, because it keeps them as double.

    Parameters
    ----------
    table : DataFrame
    name : str
        Of the file, for messages.

    Raises
    ------
    InvalidDataError
        If a column of decimals holds nothing but whole numbers, and some beyond 2^53 with at least 16 digits.
    """
    problems = [f"column {column!r}" for column in table.columns if _is_rounded(table[column])]
    if problems:
        raise InvalidDataError(
            f"the file {name!r} keeps whole numbers beyond 2^53 as double, which rounds them: different "
            "ones may have "
            "become the same; export them as text or as 64-bit integers",
            problems,
        )


def _is_rounded(column: pd.Series) -> bool:
    if not pd.api.types.is_float_dtype(column.dtype):
        return False
    values = column.dropna().to_numpy(dtype=np.float64)
    with np.errstate(invalid="ignore"):
        large = values[np.abs(values) > _EXACT]
        if not len(large) or not np.isfinite(values).all() or (values != np.round(values)).any():
            return False
    return any(len(str(abs(int(value))).rstrip("0")) >= _DIGITS for value in large[:1000])


def _as_json(labels: Mapping[Any, str]) -> dict[str, str]:
    """Labels by code as text, so that the frame can be saved: 301.0 is "301"."""
    return {code_text(code): str(label) for code, label in labels.items()}


def code_text(code: object) -> str:
    """Text of a code: whole numbers without a decimal point.

    Parameters
    ----------
    code : object
    """
    whole = isinstance(code, float | np.floating) and float(code).is_integer()
    return str(int(code)) if whole else str(code)  # type: ignore[call-overload]


def _before_encode(column: pd.Series, labels: Mapping[Any, str]) -> pd.Series:
    """Stata's ``encode`` turns years kept as text into 1, 2, ...; the labels then hold the numbers."""
    in_order = [str(labels[code]) for code in sorted(labels)] if _from_one(labels) else []
    if not in_order or in_order != sorted(in_order) or len(set(in_order)) < len(in_order):
        return column
    text = column.map(labels)
    if not (text.notna() | column.isna()).all():
        return column
    numbers = pd.to_numeric(text, errors="coerce")
    return numbers if (numbers.notna() | column.isna()).all() else column


def _from_one(labels: Mapping[Any, str]) -> bool:
    numeric = all(isinstance(code, int | float | np.number) for code in labels)
    return numeric and sorted(labels) == list(range(1, len(labels) + 1))


def _stata_weeks(column: pd.Series) -> pd.Series:
    """First days of Stata's weeks, of which every year has 52, the first beginning on 1 January."""
    years, weeks = np.divmod(column, 52)
    january = pd.to_datetime((1960 + years).astype("Int64").astype("string") + "-01-01")
    first_days: pd.Series = january + pd.to_timedelta(7 * weeks, unit="D")
    return first_days


def _stata_text(letter: str, parts: int) -> Callable[[pd.Series], pd.Series]:
    """Numbers since 1960 to text that `kostnadsvekst.panel.periods` reads, such as 2010M1."""

    def text(number: float) -> str:
        year, part = divmod(int(number), parts)
        return f"{1960 + year}{letter}{part + 1}"

    return lambda column: column.astype(object).map(text, na_action="ignore")


# Stata's times that are stored as numbers since 1960, by their format.
_STATA_TIMES: dict[str, Callable[[pd.Series], pd.Series]] = {
    "%tm": _stata_text("M", 12),
    "%tq": _stata_text("Q", 4),
    "%th": _stata_text("H", 2),
    "%tw": _stata_weeks,
}
