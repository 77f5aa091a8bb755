"""From the text of a measure to its computation: ``name:argument:argument``, found by name."""

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.naming import nearest_names


class NotInDataError(Exception):
    """A measure that the data at hand cannot give; the text says why."""


def compute_measure(measure: str, computations: Mapping[str, Callable[..., Any]], *data: object) -> Any:
    """Compute a measure.

    Parameters
    ----------
    measure : str
        Name of the computation and its arguments, separated by colons.
    computations : mapping of str to callable
        Each takes the data, then the arguments as text.
    *data
        What the computations read.

    Raises
    ------
    SpecificationError
        If no computation has the name, the nearest is suggested; or if it takes another number of arguments.
    NotInDataError
        If the data do not hold the measure.
    """
    name, *arguments = measure.split(":")
    if name not in computations:
        raise SpecificationError(f"unknown measure {nearest_names([name], computations)}")
    computation = computations[name]
    try:
        signature(computation).bind(*data, *arguments)
    except TypeError as mismatch:
        raise SpecificationError(f"measure {measure!r}: {mismatch}; separate arguments by colons") from None
    return computation(*data, *arguments)
