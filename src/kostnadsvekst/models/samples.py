"""Samples as named predicates: which rows a specification uses.

A sample is a name in `SAMPLES` or an expression over the columns, such as ``"year >= 2016"`` or
``"kostra_group in [10, 11]"``. Several are combined by "and". Lags and differences are taken before rows
are left out, so the first year of a sample can use the year before it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.models.expressions import evaluate_expression
from kostnadsvekst.models.grammar import excerpt
from kostnadsvekst.naming import nearest_names, require_columns
from kostnadsvekst.panel.schema import SUSPICIOUS_JUMP

Mask = NDArray[np.bool_]
OSLO = "0301"
# Statistics Norway's size classes of municipalities in KOSTRA, inhabitants.
SMALL, LARGE = 5_000, 20_000
_MONEY = ("net_expenditure", "free_income")


@dataclass(frozen=True, slots=True)
class SamplePredicate:
    """A named choice of rows.

    Attributes
    ----------
    label : Bilingual
    rows : callable
        (data, entity column) -> mask of the rows to keep.
    """

    label: Bilingual
    rows: Callable[[pd.DataFrame, str], Mask]


def sample_mask(names: Sequence[str], data: pd.DataFrame, entity: str) -> Mask:
    """Rows that satisfy every predicate.

    Parameters
    ----------
    names : sequence of str
        Names in `SAMPLES` or expressions, see `kostnadsvekst.models.expressions`.
    data : DataFrame
    entity : str

    Raises
    ------
    DataMissingError
        If a predicate needs a column that does not exist.
    SpecificationError
        If an expression cannot be read, is not true or false, or leaves fewer than two entities.
    """
    mask = np.ones(len(data), dtype=bool)
    for name in names:
        known = SAMPLES.get(name) if isinstance(name, str) else None
        mask &= known.rows(data, entity) if known else _evaluate(name, data)
        left = data[entity].to_numpy()[mask]
        if len(pd.unique(left)) < 2:
            raise SpecificationError(
                f"the sample {' and '.join(names)!r} leaves {len(left)} row(s) of {len(pd.unique(left))} "
                f"{entity}: at least two are needed (stopped at {name!r})"
            )
    return mask


def sample_label(names: Sequence[str]) -> Bilingual:
    """Label of a combination of predicates."""
    if not names:
        return Bilingual("alle kommuner", "all municipalities")
    labels = [SAMPLES[name].label if name in SAMPLES else both(name) for name in names]
    return Bilingual(", ".join(t.nb for t in labels), ", ".join(t.en for t in labels))


def _evaluate(expression: str, data: pd.DataFrame) -> Mask:
    if isinstance(expression, str) and expression.isidentifier() and expression not in data.columns:
        raise SpecificationError(
            f"unknown sample {nearest_names([expression[:100]], [*SAMPLES, *data.columns])}; known: "
            f"{', '.join(SAMPLES)}, or an expression over the columns such as 'year >= 2016'"
        )
    value = evaluate_expression(expression, data)
    mask = np.asarray(value)
    if mask.dtype != bool or mask.shape != (len(data),):
        raise SpecificationError(f"the sample {excerpt(expression)} is not true or false for each row")
    return mask


def _without_oslo(data: pd.DataFrame, entity: str) -> Mask:
    """Oslo by its code; in invented data, where there is no code 0301, the most populous unit."""
    codes = data[entity].astype("str")
    if (codes == OSLO).any():
        return np.asarray(codes != OSLO)
    require_columns(["population"], data.columns)
    return np.asarray(data[entity] != _mean_population(data, entity).idxmax())


def _without_errors(data: pd.DataFrame, entity: str) -> Mask:
    """Rows whose amounts are within a factor `SUSPICIOUS_JUMP` of the median over all rows.

    The unit's own median would not do: where most of its years are wrong, it takes the right ones for errors.
    """
    mask = np.ones(len(data), dtype=bool)
    require_columns(_MONEY, data.columns)
    for name in _MONEY:
        usual = data[name].median()
        mask &= data[name].between(usual / SUSPICIOUS_JUMP, usual * SUSPICIOUS_JUMP).to_numpy()
    return mask


def _by_size(lower: float, upper: float) -> Callable[[pd.DataFrame, str], Mask]:
    """Units by their mean population, so that no unit is in the sample in some years only."""

    def rows(data: pd.DataFrame, entity: str) -> Mask:
        require_columns(["population"], data.columns)
        size = data[entity].map(_mean_population(data, entity))
        return np.asarray((size >= lower) & (size < upper))

    return rows


def _mean_population(data: pd.DataFrame, entity: str) -> pd.Series:
    return data.groupby(entity)["population"].mean()


SAMPLES: dict[str, SamplePredicate] = {
    "without_oslo": SamplePredicate(
        Bilingual("uten Oslo (største enhet)", "without Oslo (largest unit)"), _without_oslo
    ),
    "without_errors": SamplePredicate(
        Bilingual("uten åpenbare feil", "without evident errors"), _without_errors
    ),
    "small": SamplePredicate(
        Bilingual("under 5000 innbyggere", "below 5,000 inhabitants"), _by_size(0, SMALL)
    ),
    "medium": SamplePredicate(
        Bilingual("5000–19 999 innbyggere", "5,000–19,999 inhabitants"), _by_size(SMALL, LARGE)
    ),
    "large": SamplePredicate(
        Bilingual("minst 20 000 innbyggere", "20,000 inhabitants or more"), _by_size(LARGE, np.inf)
    ),
}
