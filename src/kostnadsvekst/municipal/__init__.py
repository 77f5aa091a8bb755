"""Municipal cost systems: arithmetic of unit costs and user groups on a municipality's own numbers.

The systems are modules, loaded on first use, so that ``import kostnadsvekst.municipal`` is immediate.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

# A system and the module that holds it.
_PUBLIC = {
    "unit_costs": "kostnadsvekst.municipal.unit_costs",
    "user_groups": "kostnadsvekst.municipal.user_groups",
    "extracts": "kostnadsvekst.municipal.extracts",
    "effort_ladder": "kostnadsvekst.municipal.effort_ladder",
    "resource_calculator": "kostnadsvekst.municipal.resource_calculator",
    "staffing": "kostnadsvekst.municipal.staffing",
    "protection": "kostnadsvekst.municipal.protection",
    "comparison": "kostnadsvekst.municipal.comparison",
    "projection": "kostnadsvekst.municipal.projection",
    "savings": "kostnadsvekst.municipal.savings",
}

__all__ = sorted(_PUBLIC)  # noqa: PLE0605


def _load(name: str) -> Any:
    """Import the module of a public name."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'kostnadsvekst.municipal' has no attribute {name!r}")
    return import_module(_PUBLIC[name])


def __dir__() -> list[str]:
    return sorted(__all__)


# As in `kostnadsvekst`: type checkers read the names here and must not see `__getattr__`.
if TYPE_CHECKING:
    from kostnadsvekst.municipal import comparison as comparison
    from kostnadsvekst.municipal import effort_ladder as effort_ladder
    from kostnadsvekst.municipal import extracts as extracts
    from kostnadsvekst.municipal import projection as projection
    from kostnadsvekst.municipal import protection as protection
    from kostnadsvekst.municipal import resource_calculator as resource_calculator
    from kostnadsvekst.municipal import savings as savings
    from kostnadsvekst.municipal import staffing as staffing
    from kostnadsvekst.municipal import unit_costs as unit_costs
    from kostnadsvekst.municipal import user_groups as user_groups
else:
    __getattr__ = _load
