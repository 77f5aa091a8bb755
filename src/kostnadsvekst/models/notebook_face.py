"""How results show themselves: a few words in a terminal, a table in a notebook."""

from dataclasses import fields
from importlib import import_module

import numpy as np
import pandas as pd

_LONGEST = 40


class Shown:
    """A dataclass with a short ``repr`` and, in notebooks, a table; to be made with ``repr=False``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return brief(self)

    def _repr_html_(self) -> str:
        # The report stands above the models: it is named, and loaded when a notebook asks.
        text: str = import_module("kostnadsvekst.report.notebook").html_of(self)
        return text


def brief(result: object) -> str:
    """Tell a dataclass in a line or two: single values as they are, arrays and frames by their size.

    Parameters
    ----------
    result : object
    """
    parts = [(part.name, getattr(result, part.name)) for part in fields(result) if part.repr]  # type: ignore[arg-type]
    told = ", ".join(f"{name}={_told(value)}" for name, value in parts if value is not None)
    return f"{type(result).__name__}({told})"


def _told(value: object) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    if isinstance(value, pd.DataFrame | pd.Series | np.ndarray):
        return f"<{' x '.join(map(str, value.shape))}>"
    if isinstance(value, bool | int | np.integer):
        return str(value)
    if isinstance(value, str):
        return repr(value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…")
    if isinstance(value, tuple | list | dict | set | frozenset):
        return f"<{len(value)}>" if value else "()"
    return f"<{type(value).__name__}>"
