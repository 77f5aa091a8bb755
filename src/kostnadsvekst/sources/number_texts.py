"""Numbers written as text, Norwegian or English style; where both styles fit, neither is guessed."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.sources.missing_symbols import is_missing

MARKS = (".", ",")
# Between thousands and around values: ordinary, no-break, narrow no-break and thin blanks.
BLANKS = " \t\u00a0\u202f\u2009"
# Whole numbers up to here are exact as float64.
EXACT = 2**53
_INT64 = 2**63

_CODE = re.compile(r"0[0-9]+")
_AMBIGUOUS_SHOWN = 5


def _pattern(decimal: str, thousands: str) -> re.Pattern[str]:
    groups = "|".join(rf"[1-9][0-9]{{0,2}}(?:[{mark}][0-9]{{3}})+" for mark in (BLANKS, re.escape(thousands)))
    whole = rf"(?:[0-9]+|{groups})"
    mark = re.escape(decimal)
    return re.compile(rf"[+-]?(?:{whole}(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?")


# Decimal mark -> what a number looks like.
_NUMBER = {".": _pattern(".", ","), ",": _pattern(",", ".")}


@dataclass(frozen=True, slots=True)
class Written:
    """How the numbers of a column are written.

    Attributes
    ----------
    marks : frozenset of str
        Decimal marks with which all its values are numbers; empty if it is no column of numbers.
    unclear : tuple of str
        Values that are another number with another mark, such as ``"1,234"``; only where both marks fit.
    marked : bool
        Whether any value has a point or a comma at all.
    """

    marks: frozenset[str]
    unclear: tuple[str, ...]
    marked: bool

    @property
    def mark(self) -> str | None:
        """The decimal mark that the column itself proves, if it does."""
        return next(iter(self.marks)) if self.marked and len(self.marks) == 1 else None


def how_written(column: pd.Series) -> Written:
    """Find the decimal marks with which a column of text is a column of numbers.

    Parameters
    ----------
    column : Series of str
    """
    present = _present(column)
    marked = [text for text in present if "," in text or "." in text]
    if not present or any(_CODE.fullmatch(text) for text in present):
        return Written(frozenset(), (), bool(marked))
    marks = frozenset(mark for mark in MARKS if all(_NUMBER[mark].fullmatch(text) for text in present))
    return Written(marks, tuple(marked) if len(marks) > 1 else (), bool(marked))


def parse_numbers(column: pd.Series, decimal: str | None = None) -> pd.Series:
    """Turn a column of text into numbers where all of it is numbers, Norwegian or English style.

    Parameters
    ----------
    column : Series of str
        ``"1 234,5"``, ``"1,234.5"``, ``"1.234,5"`` and ``"1234.5"`` are all read; the column as a whole shows
        which mark is the decimal mark. Blanks and the other mark stand between groups of three digits only.
    decimal : {".", ","}, optional
        The decimal mark where it is known.

    Returns
    -------
    Series
        Numbers with NaN for missing (`kostnadsvekst.sources.missing_symbols`), whole numbers exact however
        large; or the text as it was (missing as NaN) if any value is not a number or has leading zeros, or
        has more digits than a 64-bit integer.

    Raises
    ------
    InvalidDataError
        If the column has commas and every value can be read with either mark, as ``"1,234"``.
    """
    written = how_written(column)
    if decimal is None and len(written.unclear) and any("," in text for text in written.unclear):
        raise InvalidDataError(
            f"column {column.name!r} can be read in two ways: {name_unclear(written)}; tell the decimal mark "
            '(decimal="," or decimal=".")'
        )
    mark = decimal or written.mark or "."
    return _numbers(column, mark) if mark in written.marks else _words(column)


def name_unclear(written: Written) -> str:
    """List values that two styles read differently, with both readings.

    Parameters
    ----------
    written : Written
    """
    return "; ".join(
        f"{text!r} is {_value(text, '.'):g} or {_value(text, ','):g}"
        for text in written.unclear[:_AMBIGUOUS_SHOWN]
    )


def _stripped(text: object) -> str:
    return str(text).strip(BLANKS + "\r\n").replace("\u2212", "-")


def _present(column: pd.Series) -> list[str]:
    """Distinct values that are there."""
    texts = [_stripped(text) for text in column.dropna().unique()]
    return [text for text in texts if not is_missing(text, among_numbers=True)]


def _plain(text: str, decimal: str) -> str:
    for sign in (*BLANKS, "," if decimal == "." else "."):
        text = text.replace(sign, "")
    return text.replace(decimal, ".")


def _value(text: str, decimal: str) -> float:
    return float(_plain(text, decimal))


def _words(column: pd.Series) -> pd.Series:
    gone = {text for text in column.dropna().unique() if is_missing(_stripped(text))}
    return column.where(~column.isin(gone))


def _numbers(column: pd.Series, decimal: str) -> pd.Series:
    codes, levels = pd.factorize(column)
    plain = [_plain(_stripped(text), decimal) for text in levels]
    there = [not is_missing(_stripped(text), among_numbers=True) for text in levels]
    known = [text for text, present in zip(plain, there, strict=True) if present]
    if all(text.lstrip("+-").isdigit() for text in known):
        return _integers(column, codes, plain, there)
    values = np.array([float(t) if p else np.nan for t, p in zip(plain, there, strict=True)] + [np.nan])
    if np.isinf(values).any():
        return _words(column)
    return pd.Series(values[codes], index=column.index, name=column.name)


def _integers(column: pd.Series, codes: np.ndarray, plain: list[str], there: list[bool]) -> pd.Series:
    if any(len(text) > 20 for text, present in zip(plain, there, strict=True) if present):
        return _words(column)
    values = [int(t) if p else 0 for t, p in zip(plain, there, strict=True)] + [0]
    if not all(-_INT64 <= value < _INT64 for value in values):
        return _words(column)
    gone = ~np.array([*there, False])[codes]
    whole = np.array(values, dtype=np.int64)[codes]
    if not gone.any():
        return pd.Series(whole, index=column.index, name=column.name)
    if max(map(abs, values)) > EXACT:
        return pd.Series(pd.arrays.IntegerArray(whole, gone), index=column.index, name=column.name)
    return pd.Series(np.where(gone, np.nan, whole), index=column.index, name=column.name)
