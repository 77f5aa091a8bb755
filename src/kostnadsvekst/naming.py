"""Names that were not found, with the nearest name that exists."""

import difflib
from collections.abc import Iterable

from kostnadsvekst.errors import DataMissingError


def nearest_names(absent: Iterable[str], known: Iterable[object]) -> str:
    """List absent names in quotes, each with the nearest known one where there is one.

    Parameters
    ----------
    absent, known : iterables of str
    """
    names = [str(name) for name in known]
    hints = []
    for name in absent:
        near = difflib.get_close_matches(name, names, n=1)
        hints.append(f"{name!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    return ", ".join(hints)


def require_columns(needed: Iterable[str], present: Iterable[object]) -> None:
    """Raise DataMissingError naming every absent column and the nearest present one.

    Parameters
    ----------
    needed : iterable of str
    present : iterable
        The columns that the data have.
    """
    columns = list(present)
    absent = [name for name in needed if name not in columns]
    if absent:
        names = ", ".join(str(name) for name in columns)
        raise DataMissingError(
            f"the data lack the column(s) {nearest_names(absent, columns)}; they have {names}"
        )
