"""Numbers written as text, Norwegian or English style; where both styles fit, neither is guessed."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.sources.missing_symbols import is_missing

MARKS = (".", ",")
# Between thousands and around values: ordinary, no-break, narrow no-break and thin blanks.
BLANKS = " \t\u00a0\u202f\u2009"
# Whole numbers up to here are exact as float64.
EXACT = 2**53
# No symbol of missing is longer.
_LONGEST = 5

_AMBIGUOUS_SHOWN = 5


def _pattern(decimal: str, thousands: str) -> str:
    groups = "|".join(rf"[1-9][0-9]{{0,2}}(?:[{mark}][0-9]{{3}})+" for mark in (BLANKS, re.escape(thousands)))
    mark = re.escape(decimal)
    return rf"^[+-]?(?:(?:[0-9]+|{groups})(?:{mark}[0-9]*)?|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?$"


# Decimal mark -> what a number looks like.
_NUMBER = {".": _pattern(".", ","), ",": _pattern(",", ".")}
_CODE = "^0[0-9]+$"
_WHOLE = "^[+-]?[0-9]+$"


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
    texts = _stripped(column)
    present = texts.filter(pc.invert(_missing(texts))).drop_null()
    marked = present.filter(pc.match_substring_regex(present, "[.,]"))
    if not len(present) or _any(present, _CODE):
        return Written(frozenset(), (), bool(len(marked)))
    marks = frozenset(mark for mark in MARKS if _all(present, _NUMBER[mark]))
    unclear = marked[:_AMBIGUOUS_SHOWN].to_pylist() if len(marks) > 1 else []
    # One comma among points is what the caller asks for.
    with_comma = marked.filter(pc.match_substring(marked, ","))[:1].to_pylist() if unclear else []
    return Written(marks, tuple(dict.fromkeys([*with_comma, *unclear])), bool(len(marked)))


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
    if decimal is None and any("," in text for text in written.unclear):
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


def _stripped(column: pd.Series) -> pa.Array:
    texts = pa.array(column.to_numpy(dtype=object), pa.string(), from_pandas=True)
    return pc.replace_substring(pc.utf8_trim(texts, BLANKS + "\r\n"), "\u2212", "-")


def _missing(texts: pa.Array, *, among_numbers: bool = True) -> pa.Array:
    """Which texts stand for a missing value; each distinct one is looked up once."""
    distinct = texts.unique().drop_null()
    short = distinct.filter(pc.less_equal(pc.utf8_length(distinct), _LONGEST))
    gone = [text for text in short.to_pylist() if is_missing(text, among_numbers=among_numbers)]
    return pc.is_in(texts, value_set=pa.array(gone, pa.string()))


def _all(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _any(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(texts, pattern)).as_py())


def _plain(texts: pa.Array, decimal: str) -> pa.Array:
    for sign in (*BLANKS, "," if decimal == "." else "."):
        texts = pc.replace_substring(texts, sign, "")
    return pc.replace_substring(pc.replace_substring(texts, decimal, "."), "+", "")


def _value(text: str, decimal: str) -> float:
    return float(_plain(pa.array([text]), decimal)[0].as_py())


def _words(column: pd.Series) -> pd.Series:
    return column.mask(_missing(_stripped(column), among_numbers=False).to_numpy(zero_copy_only=False))


def _numbers(column: pd.Series, decimal: str) -> pd.Series:
    texts = _stripped(column)
    known = pc.if_else(_missing(texts), pa.scalar(None, pa.string()), _plain(texts, decimal))
    if _all(known.drop_null(), _WHOLE):
        return _integers(column, known)
    # Python's own reading: every digit counts, and what is too large is infinite.
    values = np.array([np.nan if text is None else float(text) for text in known.to_pylist()])
    return _words(column) if np.isinf(values).any() else pd.Series(values, column.index, name=column.name)


def _integers(column: pd.Series, known: pa.Array) -> pd.Series:
    try:
        whole = known.cast(pa.int64())
    except pa.ArrowInvalid:  # more digits than 64 bits hold
        return _words(column)
    if not whole.null_count:
        return pd.Series(whole.to_numpy(), index=column.index, name=column.name)
    values = whole.fill_null(0).to_numpy()
    gone = whole.is_null().to_numpy(zero_copy_only=False)
    if max(int(values.max()), -int(values.min())) > EXACT:
        return pd.Series(pd.arrays.IntegerArray(values.copy(), gone), index=column.index, name=column.name)
    return pd.Series(np.where(gone, np.nan, values), index=column.index, name=column.name)
