"""What the package maketables asks of a result, so that its tables take ours beside those of others.

Its plug-in format (maketables 0.2, ``maketables.extractors.PluginExtractor``) is a set of attributes that are
looked up on the result by name; nothing is imported from it.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import translate

if TYPE_CHECKING:
    from kostnadsvekst.models.results import ResultFacts

# Their names of columns -> ours.
_COLUMNS = {
    "b": "estimate",
    "se": "std_error",
    "t": "statistic",
    "p": "p_value",
    "ci95l": "conf_low",
    "ci95u": "conf_high",
}
# Their keys of statistics -> attribute of the result or of its facts.
_STATISTICS = {
    "N": "n_obs",
    "n_entities": "n_entities",
    "r2": "r_squared",
    "r2_within": "r_squared_within",
    "adj_r2": "r_squared_adjusted",
    "rmse": "sigma",
    "rho": "rho",
    "ll": "log_likelihood",
    "aic": "aic",
    "bic": "bic",
}
_LABELS = {"n_entities": "Units", "r2_within": "R² within", "rho": "Autocorrelation", "rmse": "Root MSE"}


class _Face(Protocol):
    @property
    def coefficients(self) -> pd.DataFrame: ...
    @property
    def facts(self) -> "ResultFacts": ...


class MaketablesFace:
    """The attributes of maketables' plug-in format."""

    __slots__ = ()

    @property
    def __maketables_coef_table__(self: _Face) -> pd.DataFrame:
        """Frame over the terms with the columns b, se, t, p, ci95l, ci95u."""
        table = self.coefficients[list(_COLUMNS.values())].set_axis(list(_COLUMNS), axis="columns")
        return table.rename_axis("Coefficient")

    @property
    def __maketables_depvar__(self: _Face) -> str:
        """Outcome."""
        return self.facts.outcome

    @property
    def __maketables_fixef_string__(self: _Face) -> str | None:
        """Absorbed sets of effects, joined by ``+``."""
        return "+".join(translate(one.name, "en") for one in self.facts.effects) or None

    @property
    def __maketables_var_labels__(self: _Face) -> dict[str, str]:
        """Terms -> labels, where a term is no column."""
        return {term: label.en for term, label in self.facts.labels.items()}

    @property
    def __maketables_vcov_info__(self: _Face) -> dict[str, Any]:
        """Kind of the covariance, and columns of its clusters."""
        covariance = self.facts.covariance
        return {"vcov_type": covariance.text.en, "clustervar": "+".join(covariance.columns) or None}

    @property
    def __maketables_default_stat_keys__(self: _Face) -> list[str]:
        """Statistics that a table shows unless told."""
        facts = self.facts
        known = [key for key in ("r2", "r2_within") if getattr(facts, _STATISTICS[key]) is not None]
        return ["N", "n_entities", *known, *(["rho"] if facts.rho is not None else [])]

    @property
    def __maketables_stat_labels__(self: _Face) -> dict[str, str]:
        """Labels of statistics that maketables has none for."""
        return dict(_LABELS)

    def __maketables_stat__(self: _Face, key: str) -> Any:
        """Return a statistic by maketables' key; None where this result has none."""
        name = _STATISTICS.get(key)
        if name is None:
            return None
        with suppress(SpecificationError):
            return getattr(self.facts if hasattr(self.facts, name) else self, name, None)
        return None
