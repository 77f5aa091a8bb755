"""Names that were not found, with the nearest name that exists."""

import difflib
from collections.abc import Iterable


def nearest_names(absent: Iterable[str], known: Iterable[str]) -> str:
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
