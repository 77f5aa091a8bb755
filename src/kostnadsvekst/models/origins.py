"""The origin of the data, carried on from what a function was given to what it returns."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import pandas as pd

from kostnadsvekst.provenance import Provenance, provenance_of

P = ParamSpec("P")
T = TypeVar("T")


def with_origin(function: Callable[P, T]) -> Callable[P, T]:
    """Give what a function returns the origin of its first argument: the label must never get lost.

    Parameters
    ----------
    function : callable
        Its first argument is a frame, something with ``provenance`` or ``facts``, or a mapping of names to
        such. What it returns is a frame, or a dataclass with a field ``provenance``; anything else stays.
    """

    @wraps(function)
    def carrying(*args: P.args, **kwargs: P.kwargs) -> T:
        made = function(*args, **kwargs)
        given = args[0] if args else next(iter(kwargs.values()), None)
        known = _origin_of(given)
        return made if known is None else _given(made, known)

    return carrying


def _origin_of(given: object) -> Provenance | None:
    if isinstance(given, pd.DataFrame):
        return provenance_of(given)
    if isinstance(given, Mapping):
        known = [origin for origin in map(_origin_of, given.values()) if origin]
        return next((origin for origin in known if origin.synthetic), known[0] if known else None)
    found = getattr(given, "provenance", None)
    if found is None:
        found = getattr(getattr(given, "facts", None), "provenance", None)
    return found if isinstance(found, Provenance) else None


def _given(made: Any, origin: Provenance) -> Any:
    if isinstance(made, pd.DataFrame):
        made.attrs.setdefault("provenance", origin.to_attrs())
        return made
    if isinstance(made, dict):
        return {name: _given(value, origin) for name, value in made.items()}
    if not is_dataclass(made) or isinstance(made, type):
        return made
    inside = {part.name: getattr(made, part.name) for part in fields(made)}
    changed = {name: _given(value, origin) for name, value in inside.items() if _may_hold(value)}
    changed |= {
        name: tuple(_given(one, origin) for one in value)
        for name, value in inside.items()
        if isinstance(value, tuple) and any(map(_may_hold, value))
    }
    if "provenance" in inside:
        changed["provenance"] = origin
    return replace(made, **changed) if changed else made


def _may_hold(value: object) -> bool:
    """Whether a field may itself have an origin: a frame, or a result with one."""
    if isinstance(value, dict):
        return any(map(_may_hold, value.values()))
    return isinstance(value, pd.DataFrame) or (is_dataclass(value) and hasattr(value, "provenance"))
