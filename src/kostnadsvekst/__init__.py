"""Cost growth in Norwegian municipal health and care services.

The public names are loaded on first use, so that ``import kostnadsvekst`` is immediate.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kostnadsvekst.version import __version__

# Public name -> module that holds it. A module listed under its own name is itself public.
_PUBLIC = {
    "SPECIFICATIONS": "kostnadsvekst.models.specifications",
    "NEEDS": "kostnadsvekst.models.specifications",
    "Specification": "kostnadsvekst.models.specifications",
    "Estimate": "kostnadsvekst.models.fixed_effects",
    "estimate": "kostnadsvekst.models.fixed_effects",
    "grid": "kostnadsvekst.models.grids",
    "subsets": "kostnadsvekst.models.grids",
    "wald_test": "kostnadsvekst.models.diagnostics",
    "mundlak_test": "kostnadsvekst.models.diagnostics",
    "wooldridge_test": "kostnadsvekst.models.diagnostics",
    "reset_test": "kostnadsvekst.models.diagnostics",
    "influence": "kostnadsvekst.analysis.influence",
    "compare_weights": "kostnadsvekst.analysis.influence",
    "specification_curve": "kostnadsvekst.analysis.specification_curve",
    "draw_curve": "kostnadsvekst.report.specification_figures",
    "draw_influence": "kostnadsvekst.report.specification_figures",
    "table": "kostnadsvekst.report.regression_tables",
    "check_panel": "kostnadsvekst.panel.schema",
    "load_panel": "kostnadsvekst.panel.load",
    "load_cells": "kostnadsvekst.sources.published",
    "build_panel": "kostnadsvekst.panel.build",
    "estimate_ar1": "kostnadsvekst.models.ar1",
    "acute_beds": "kostnadsvekst.models.acute_beds",
    "staggered": "kostnadsvekst.models.staggered",
    "errors": "kostnadsvekst.errors",
    "register": "kostnadsvekst.register",
    "growth": "kostnadsvekst.analysis.growth",
    "klass": "kostnadsvekst.sources.klass",
    "statbank": "kostnadsvekst.sources.statbank",
}

__all__ = ["__version__", *sorted(_PUBLIC)]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'kostnadsvekst' has no attribute {name!r}")
    module = import_module(_PUBLIC[name])
    value = (
        module
        if _PUBLIC[name].rpartition(".")[2] == name and not hasattr(module, name)
        else getattr(module, name)
    )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from kostnadsvekst import errors as errors
