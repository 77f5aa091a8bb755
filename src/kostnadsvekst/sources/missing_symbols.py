"""What stands for a missing value: one list for every kind of file."""

import re

import pandas as pd

# Statistics Norway's symbols (Standardtegn i tabeller) and what they say.
STATUSES: dict[str, str] = {
    ".": "cannot occur",
    "..": "not available",
    "...": "not yet available",
    ":": "not published, confidential",
    "-": "nil: none, or less than can be counted; not taken as zero",
}
# What other programs write, in columns of any kind. "Na" is a name.
MISSING_TEXTS = frozenset(("", *STATUSES, "NA", "NaN", "nan", "N/A", "#N/A", "NULL", "<NA>", "NaT", "None"))
# What is missing only where all other values are numbers: Stata's and SAS' .a to .z among them.
_AMONG_NUMBERS = re.compile(r"na|n/a|#n/a|nan|null|none|nil|\.[a-z_]|[\u2013\u2014\u2212*]", re.IGNORECASE)
# Symbols that are Statistics Norway's own; a point alone is SAS' and Stata's too.
_TELLING = frozenset(STATUSES) - {"."}


def is_missing(text: str, *, among_numbers: bool = False) -> bool:
    """Whether a text stands for a missing value.

    Parameters
    ----------
    text : str
        Without blanks around it.
    among_numbers : bool
        Whether all other values of the column are numbers: then ``Na``, ``null``, ``.a`` and a dash are
        missing too, which are values among words.
    """
    return text in MISSING_TEXTS or (among_numbers and bool(_AMONG_NUMBERS.fullmatch(text)))


def statuses(texts: pd.Series) -> pd.Series | None:
    """Symbols of Statistics Norway in a column, so that their meaning is not lost with the value.

    Parameters
    ----------
    texts : Series of str
        The column as it was written, without blanks around the values.

    Returns
    -------
    Series of str or None
        The symbol where there is one, else an empty text; None if the column has none, or only points,
        which other programs write too.
    """
    symbols = texts.where(texts.isin(STATUSES), "")
    return symbols if _TELLING.intersection(symbols.unique()) else None
