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
    "estimate": "kostnadsvekst.models.estimation",
    "grid": "kostnadsvekst.models.grids",
    "subsets": "kostnadsvekst.models.grids",
    "wald_test": "kostnadsvekst.models.diagnostics",
    "mundlak_test": "kostnadsvekst.models.diagnostics",
    "wooldridge_test": "kostnadsvekst.models.diagnostics",
    "reset_test": "kostnadsvekst.models.diagnostics",
    "influence": "kostnadsvekst.analysis.influence",
    "compare_weights": "kostnadsvekst.analysis.influence",
    "describe": "kostnadsvekst.analysis.group_means",
    "specification_curve": "kostnadsvekst.analysis.specification_curve",
    "draw_funnel": "kostnadsvekst.report.comparison_plots",
    "draw_ranks": "kostnadsvekst.report.comparison_plots",
    "draw_curve": "kostnadsvekst.report.specification_figures",
    "draw_influence": "kostnadsvekst.report.specification_figures",
    "draw_coefficients": "kostnadsvekst.report.coefficient_plots",
    "draw_event_studies": "kostnadsvekst.report.event_study_plots",
    "draw_marginal_effects": "kostnadsvekst.report.marginal_plots",
    "draw_residuals": "kostnadsvekst.report.residual_plots",
    "Picture": "kostnadsvekst.report.pictures",
    "table": "kostnadsvekst.report.regression_tables",
    "check_panel": "kostnadsvekst.panel.schema",
    "load_panel": "kostnadsvekst.panel.load",
    "load_cells": "kostnadsvekst.sources.published",
    "build_panel": "kostnadsvekst.panel.build",
    "estimate_ar1": "kostnadsvekst.models.ar1",
    "decompose": "kostnadsvekst.models.gelbach",
    "sensitivity": "kostnadsvekst.models.confounding",
    "oster_delta": "kostnadsvekst.models.confounding",
    "many_outcomes": "kostnadsvekst.models.multiple_testing",
    "detectable_effect": "kostnadsvekst.models.detectable",
    "resample_power": "kostnadsvekst.models.detectable",
    "account_for_growth": "kostnadsvekst.models.growth_accounting",
    "acute_beds": "kostnadsvekst.models.acute_beds",
    "staggered": "kostnadsvekst.models.staggered",
    "errors": "kostnadsvekst.errors",
    "register": "kostnadsvekst.register",
    "municipal": "kostnadsvekst.municipal",
    "growth": "kostnadsvekst.analysis.growth",
    "consistency": "kostnadsvekst.report.consistency",
    "klass": "kostnadsvekst.sources.klass",
    "statbank": "kostnadsvekst.sources.statbank",
}

__all__ = ["__version__", *sorted(_PUBLIC)]  # noqa: PLE0604


def _load(name: str) -> Any:
    """Value of a public name; kept, so that it is looked up once."""
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


# Type checkers and editors read the names here, with their signatures. They must not see `__getattr__`:
# it would make any misspelt name a right one.
if TYPE_CHECKING:
    from kostnadsvekst import errors as errors
    from kostnadsvekst import municipal as municipal
    from kostnadsvekst import register as register
    from kostnadsvekst.analysis import growth as growth
    from kostnadsvekst.analysis.group_means import describe as describe
    from kostnadsvekst.analysis.influence import compare_weights as compare_weights
    from kostnadsvekst.analysis.influence import influence as influence
    from kostnadsvekst.analysis.specification_curve import specification_curve as specification_curve
    from kostnadsvekst.models import acute_beds as acute_beds
    from kostnadsvekst.models import staggered as staggered
    from kostnadsvekst.models.ar1 import estimate_ar1 as estimate_ar1
    from kostnadsvekst.models.confounding import oster_delta as oster_delta
    from kostnadsvekst.models.confounding import sensitivity as sensitivity
    from kostnadsvekst.models.detectable import detectable_effect as detectable_effect
    from kostnadsvekst.models.detectable import resample_power as resample_power
    from kostnadsvekst.models.diagnostics import mundlak_test as mundlak_test
    from kostnadsvekst.models.diagnostics import reset_test as reset_test
    from kostnadsvekst.models.diagnostics import wald_test as wald_test
    from kostnadsvekst.models.diagnostics import wooldridge_test as wooldridge_test
    from kostnadsvekst.models.estimation import estimate as estimate
    from kostnadsvekst.models.fixed_effects import Estimate as Estimate
    from kostnadsvekst.models.gelbach import decompose as decompose
    from kostnadsvekst.models.grids import grid as grid
    from kostnadsvekst.models.grids import subsets as subsets
    from kostnadsvekst.models.growth_accounting import account_for_growth as account_for_growth
    from kostnadsvekst.models.multiple_testing import many_outcomes as many_outcomes
    from kostnadsvekst.models.specifications import NEEDS as NEEDS
    from kostnadsvekst.models.specifications import SPECIFICATIONS as SPECIFICATIONS
    from kostnadsvekst.models.specifications import Specification as Specification
    from kostnadsvekst.panel.build import build_panel as build_panel
    from kostnadsvekst.panel.load import load_panel as load_panel
    from kostnadsvekst.panel.schema import check_panel as check_panel
    from kostnadsvekst.report import consistency as consistency
    from kostnadsvekst.report.coefficient_plots import draw_coefficients as draw_coefficients
    from kostnadsvekst.report.comparison_plots import draw_funnel as draw_funnel
    from kostnadsvekst.report.comparison_plots import draw_ranks as draw_ranks
    from kostnadsvekst.report.event_study_plots import draw_event_studies as draw_event_studies
    from kostnadsvekst.report.marginal_plots import draw_marginal_effects as draw_marginal_effects
    from kostnadsvekst.report.pictures import Picture as Picture
    from kostnadsvekst.report.regression_tables import table as table
    from kostnadsvekst.report.residual_plots import draw_residuals as draw_residuals
    from kostnadsvekst.report.specification_figures import draw_curve as draw_curve
    from kostnadsvekst.report.specification_figures import draw_influence as draw_influence
    from kostnadsvekst.sources import klass as klass
    from kostnadsvekst.sources import statbank as statbank
    from kostnadsvekst.sources.published import load_cells as load_cells
else:
    __getattr__ = _load
