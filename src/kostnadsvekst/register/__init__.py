"""Counts from the municipal patient and user register (KPR): persons stay inside, safe tables come out.

The functions are loaded on first use, so that ``import kostnadsvekst.register`` is immediate.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "simulate_episodes": "kostnadsvekst.synthetic.register",
    "ingest": "kostnadsvekst.register.ingestion",
    "IngestReport": "kostnadsvekst.register.ingestion",
    "weekly_cube": "kostnadsvekst.register.weekly",
    "yearly_users": "kostnadsvekst.register.weekly",
    "counting_rules": "kostnadsvekst.register.schema",
    "trend": "kostnadsvekst.register.trends",
    "growth": "kostnadsvekst.register.trends",
    "ChangingShift": "kostnadsvekst.register.weekly_series",
    "components_check": "kostnadsvekst.register.components",
    "decompose_growth": "kostnadsvekst.register.decomposition",
    "growth_below_age": "kostnadsvekst.register.decomposition",
    "protect": "kostnadsvekst.register.disclosure",
    "protect_cube": "kostnadsvekst.register.protected_cube",
    "protect_layers": "kostnadsvekst.register.protected_layers",
    "check_differences": "kostnadsvekst.register.table_differences",
    "require_safe": "kostnadsvekst.register.disclosure",
}

__all__ = sorted(_PUBLIC)  # noqa: PLE0605


def _load(name: str) -> Any:
    """Value of a public name; kept, so that it is looked up once."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'kostnadsvekst.register' has no attribute {name!r}")
    value = getattr(import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


# As in `kostnadsvekst`: type checkers read the names here and must not see `__getattr__`.
if TYPE_CHECKING:
    from kostnadsvekst.register.components import components_check as components_check
    from kostnadsvekst.register.decomposition import decompose_growth as decompose_growth
    from kostnadsvekst.register.decomposition import growth_below_age as growth_below_age
    from kostnadsvekst.register.disclosure import protect as protect
    from kostnadsvekst.register.disclosure import require_safe as require_safe
    from kostnadsvekst.register.ingestion import IngestReport as IngestReport
    from kostnadsvekst.register.ingestion import ingest as ingest
    from kostnadsvekst.register.protected_cube import protect_cube as protect_cube
    from kostnadsvekst.register.protected_layers import protect_layers as protect_layers
    from kostnadsvekst.register.schema import counting_rules as counting_rules
    from kostnadsvekst.register.table_differences import check_differences as check_differences
    from kostnadsvekst.register.trends import growth as growth
    from kostnadsvekst.register.trends import trend as trend
    from kostnadsvekst.register.weekly import weekly_cube as weekly_cube
    from kostnadsvekst.register.weekly import yearly_users as yearly_users
    from kostnadsvekst.register.weekly_series import ChangingShift as ChangingShift
    from kostnadsvekst.synthetic.register import simulate_episodes as simulate_episodes
else:
    __getattr__ = _load
