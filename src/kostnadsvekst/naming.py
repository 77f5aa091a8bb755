"""Names that were not found, with the nearest name that exists."""

import difflib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError


def nearest_names(absent: Iterable[str], known: Iterable[object]) -> str:
    """List absent names in quotes, each with the nearest known one where there is one.

    Characters that look like others, or are invisible, are named by their code.

    Parameters
    ----------
    absent, known : iterables of str
    """
    names = [str(name) for name in known]
    hints = []
    for name in absent:
        near = difflib.get_close_matches(name, names, n=1)
        hints.append(f"{name!r}{_odd_characters(name)}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    return ", ".join(hints)


def check_renaming(renamed: Mapping[str, str], present: Iterable[object]) -> None:
    """Refuse a renaming of columns that do not exist, or to a name that another column has.

    Parameters
    ----------
    renamed : mapping of str to str
        Their name -> ours.
    present : iterable
        The columns that the data have.

    Raises
    ------
    DataMissingError
        If columns to be renamed are absent; the nearest present names are suggested.
    SpecificationError
        If two columns would have one name.
    """
    columns = list(present)
    require_columns(renamed, columns)
    after = Counter(renamed.get(str(name), str(name)) for name in columns)
    twice = [f"{ours!r} (from {theirs!r})" for theirs, ours in renamed.items() if after[ours] > 1]
    if twice:
        raise SpecificationError(
            f"renamed to a name that another column has: {', '.join(twice)}; rename that one, too, or leave "
            "this one"
        )


def _odd_characters(name: str) -> str:
    """Characters of a name that are neither Latin letters in one piece, nor printable signs."""
    odd = dict.fromkeys(
        c for c in name if ord(c) > _LATIN or unicodedata.combining(c) or c.isspace() * (c != " ")
    )
    return f" (with {', '.join(f'U+{ord(c):04X}' for c in odd)})" if odd else ""


_LATIN = 0x24F


def first_of(lines: Iterable[str], most: int = 20) -> list[str]:
    """Return the first lines of a list, and how many more there are.

    Parameters
    ----------
    lines : iterable of str
    most : int
    """
    listed = list(lines)
    return [*listed[:most], *([f"and {len(listed) - most} more"] if len(listed) > most else [])]


def require_columns(needed: Iterable[str], present: Iterable[object]) -> None:
    """Refuse data that lack a column or have two of one name; all are named.

    Parameters
    ----------
    needed : iterable of str
    present : iterable
        The columns that the data have.

    Raises
    ------
    DataMissingError
        If columns are absent; the nearest present names are suggested.
    InvalidDataError
        If the data have several columns of a needed name: which one is meant is not known.
    """
    needed, columns = list(needed), list(present)
    absent = [name for name in needed if name not in columns]
    if absent:
        names = ", ".join(str(name) for name in columns)
        raise DataMissingError(
            f"the data lack the column(s) {nearest_names(absent, columns)}; they have {names}"
        )
    repeated = [name for name in dict.fromkeys(needed) if columns.count(name) > 1]
    if repeated:
        times = ", ".join(f"{name!r} ({columns.count(name)} times)" for name in repeated)
        raise InvalidDataError(
            f"the data have several columns of one name: {times}; rename them, or keep one with "
            "data.loc[:, ~data.columns.duplicated()]"
        )
