"""The function behind a number: its module, its name and its text, found from the function itself."""

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
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


@cache
def refer_to(function: Callable[..., Any]) -> CodeReference:
    """Refer to a function; one with arguments filled in is the function itself.

    Parameters
    ----------
    function : callable
        Of a module that is imported, written with ``def``.
    """
    while isinstance(function, partial):
        function = function.func
    function = inspect.unwrap(function)
    module, name = function.__module__, function.__qualname__
    is_package = hasattr(sys.modules[module], "__path__")
    path = f"src/{module.replace('.', '/')}{'/__init__.py' if is_package else '.py'}"
    return CodeReference(module, name, path, dedent(inspect.getsource(function)).rstrip() + "\n")


def code_of_measure(module: str, measure: str) -> Iterator[CodeReference]:
    """Yield the function that computes a measure, found in its module by the name of the measure.

    Parameters
    ----------
    module : str
        Below the package, as in the column ``module`` of the claims: ``"analysis.claims.growth"``.
    measure : str
        Such as ``"growth_real:FGK9:2015:2020"``.
    """
    held = vars(import_module(f"kostnadsvekst.{module}"))
    registries = [held[name] for name in ("COMPUTATIONS", "OF_ACCOUNTS", "OF_GROUPS") if name in held]
    for registry in registries:
        if (name := measure.partition(":")[0]) in registry:
            yield refer_to(registry[name])
