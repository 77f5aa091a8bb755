"""The function behind a number: its module, its name and its text, found from the function itself."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from textwrap import dedent
from typing import Any


@dataclass(frozen=True, slots=True)
class CodeReference:
    """A function of this package.

    Attributes
    ----------
    module, name : str
        ``"kostnadsvekst.models.fixed_effects"``, ``"estimate"``.
    path : str
        Of the file in a checkout.
    source : str
        Its text without numbers of lines: an edit elsewhere in the file leaves it as it is.
    """

    module: str
    name: str
    path: str
    source: str

    @property
    def key(self) -> str:
        """Name with its module."""
        return f"{self.module}.{self.name}"


def refer_to(function: Callable[..., Any]) -> CodeReference:
    """Refer to a function; one with arguments filled in is the function itself.

    Parameters
    ----------
    function : callable
        Of this package, written with ``def``.
    """
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    module, name = function.__module__, function.__qualname__
    file = "/__init__.py" if inspect.getmodule(function).__spec__.submodule_search_locations else ".py"  # type: ignore[union-attr]
    path = f"src/{module.replace('.', '/')}{file}"
    return CodeReference(module, name, path, dedent(inspect.getsource(function)).rstrip() + "\n")
