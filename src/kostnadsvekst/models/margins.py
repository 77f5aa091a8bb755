"""Marginal effects: average derivatives of the outcome by a variable, with delta-method errors."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import DataMissingError, SpecificationError
from kostnadsvekst.models.collinear_terms import TIED, Ties
from kostnadsvekst.models.estimate_face import FittedEstimate
from kostnadsvekst.models.grammar import goes_along_time, unquote
from kostnadsvekst.models.linear_combinations import check_level, interval_and_test
from kostnadsvekst.models.new_data import TermsOfEstimate, inside_basis
from kostnadsvekst.models.transformations import source_columns
from kostnadsvekst.naming import nearest_names, require_columns
from kostnadsvekst.panel.columns import read_numbers

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# Steps of the derivative, as shares of the variable's standard deviation and of a positive value itself. The
# error is of the step's fourth power.
_STEP, _STEP_OF_VALUE = 1e-3, 1e-2
MOST_POINTS = 1_000
_RESERVED = ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high", "n_obs")


def marginal_effects(
    estimate: FittedEstimate,
    variable: str,
    by: str | Sequence[str] | None,
    at: Mapping[str, Any] | None,
    level: float,
    weighted: bool,
) -> pd.DataFrame:
    """Average derivatives, see `kostnadsvekst.Estimate.marginal`.

    Parameters
    ----------
    estimate : Estimate
    variable : str
    by : str or sequence of str or None
    at : mapping of str to value or sequence of values, or None
    level : float
    weighted : bool
    """
    level, terms = check_level(level), estimate.terms_of_estimate
    keys = [by] if isinstance(by, str) else list(by or ())
    points = list(_points(at or {}))
    _check_variable(terms, variable)
    _check_names(terms, variable, keys, list(at or {}))
    weights = estimate.fit.weights if weighted else np.ones(len(terms.rows))
    groups, labels = _groups(terms.data.iloc[terms.rows], keys)
    ties = estimate.ties
    found = []
    for point in points:
        slopes = _slopes(ties.terms, terms.data.assign(**point), variable)
        rows = _identified(_means(slopes, weights, groups, len(labels)), ties, variable)
        found.append(_with_tests(estimate, rows, level, np.bincount(groups)).assign(**point))
    heads = [labels.assign(**point) for point in points]
    whole = pd.concat(found, ignore_index=True)
    head = pd.concat(heads, ignore_index=True) if keys or at else pd.DataFrame(index=whole.index)
    frame = pd.concat([head, whole[[name for name in whole if name not in head]]], axis=1)
    frame.attrs = {
        "variable": variable,
        "outcome": estimate.specification.outcome,
        "by": ", ".join((*keys, *(at or {}))),
        "groups": [*keys, *(at or {})],
        "level": level,
        "covariance": estimate.inference.description,
        "provenance": estimate.provenance.to_attrs(),
    }
    return frame


def _points(at: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each combination of the values at which variables are held."""
    values = {name: list(_listed(given)) for name, given in at.items()}
    gaps = [name for name, one in values.items() if any(pd.isna(value) is True for value in one)]
    if gaps:
        raise SpecificationError(f"at= holds {', '.join(gaps)} at a missing value")
    count = int(np.prod([len(one) for one in values.values()], dtype=float))
    if count > MOST_POINTS or not count:
        raise SpecificationError(
            f"at= stands for {count:,} combinations of values; at least 1 and at most {MOST_POINTS:,} are "
            f"computed"
        )
    for combination in product(*values.values()):
        yield dict(zip(values, combination, strict=True))


def _listed(given: Any) -> Sequence[Any]:
    alone = isinstance(given, str) or not hasattr(given, "__iter__")
    return [given] if alone else list(given)


def _check_variable(terms: TermsOfEstimate, variable: str) -> None:
    """Refuse a variable that has no derivative, or none that is meant for certain."""
    if not isinstance(variable, str):
        raise SpecificationError(f"a variable is the name of a column, not {variable!r:.100}")
    needed, known = terms.needed, set(terms.data.columns)
    sources = {factor: source_columns(factor, known) for factor in (*needed.numeric, *needed.categorical)}
    if not any(variable in made_of for made_of in sources.values()):
        candidates = dict.fromkeys(c for f in needed.numeric for c in sources[f])
        raise SpecificationError(
            f"no term is made of the column {nearest_names([variable], candidates)}; derivatives are with "
            f"respect to {', '.join(candidates)}"
        )
    inside = [f for f in needed.categorical if variable in sources[f]]
    if inside:
        raise SpecificationError(
            f"{variable!r} is in the model as a category (C({unquote(inside[0])})): levels have no "
            "derivative; compare two of them with combine()"
        )
    delayed = [f for f in needed.numeric if variable in sources[f] and f not in known and goes_along_time(f)]
    if delayed:
        raise SpecificationError(
            f"{variable!r} is in the model with a lag or difference ({', '.join(delayed)}): a change now and "
            "one in an earlier period have different effects; add up the coefficients that you mean with "
            "combine()"
        )
    if variable in _absorbed_columns(terms):
        raise SpecificationError(
            f"{variable!r} also has absorbed effects: the outcome's derivative is not that of the terms alone"
        )


def _absorbed_columns(terms: TermsOfEstimate) -> list[str]:
    spec = terms.specification
    entity = [spec.entity] if spec.effects == "entity" else []
    return [*entity, *(column for one in terms.needed.absorbed for column in one)]


def _check_names(terms: TermsOfEstimate, variable: str, by: list[str], at: list[str]) -> None:
    """Refuse columns that do not exist, or would be there twice."""
    require_columns(by, terms.data.columns)
    absent = [name for name in at if name not in terms.data.columns]
    if absent:
        raise DataMissingError(
            f"at= names columns that the data lack: {nearest_names(absent, terms.data.columns)}"
        )
    wrong = sorted({name for name in (*by, *at) if name in _RESERVED} | (set(by) & set(at)))
    if wrong or len(set(by)) < len(by):
        raise SpecificationError(
            f"by= and at= are different columns, none called {', '.join(_RESERVED)}; see "
            f"{', '.join(wrong or by)}"
        )
    if variable in by:
        raise SpecificationError(f"{variable!r} cannot be varied and held in groups (by=) at once; use at=")


def _groups(data: pd.DataFrame, by: list[str]) -> tuple[Ints, pd.DataFrame]:
    """Group of each row, and the levels of each group, sorted."""
    if not by:
        return np.zeros(len(data), dtype=np.intp), pd.DataFrame(index=[0])
    missing = [name for name in by if data[name].isna().any()]
    if missing:
        raise SpecificationError(
            f"by= groups by {', '.join(missing)}, which is missing in rows that were used: fill it, or leave "
            "these rows out of the estimation"
        )
    grouped = data.groupby(by, sort=True, observed=True)
    codes = grouped.ngroup().to_numpy().astype(np.intp)
    first = np.unique(codes, return_index=True)[1]
    return codes, data[by].iloc[first].reset_index(drop=True)


def _identified(means: Floats, ties: Ties, variable: str) -> Floats:
    """Take the (groups, k + 1) means of the kept terms, refused where they do not identify the derivative.

    With columns left out the coefficients are determined up to combinations that change nothing in the rows
    used; a derivative is identified where none of these changes it.
    """
    k = len(ties.weights)
    kept, left_out = means[:, :k], means[:, k:-1]
    terms = ties.terms
    spread = np.std(read_numbers(terms.data[variable], variable)[terms.rows])
    loose = (np.abs(left_out - kept @ ties.weights) * spread / ties.size > TIED).any(axis=0)
    if loose.any():
        names = [name for name, free in zip(terms.dropped, loose, strict=True) if free]
        raise SpecificationError(
            f"the derivative by {variable!r} is not identified: {', '.join(names)} was left out as "
            "collinear, and other coefficients would give another derivative with the same fit; combine() "
            "gives combinations of the coefficients that the model has"
        )
    return np.column_stack([kept, np.zeros(len(kept))])


def _slopes(terms: TermsOfEstimate, data: pd.DataFrame, variable: str) -> Floats:
    """(n, k) derivatives of the columns of the terms with respect to a variable."""
    values = read_numbers(data[variable], variable)
    used, observed = values[terms.rows], read_numbers(terms.data[variable], variable)[terms.rows]
    step = _step(used, observed)
    first = _first_nodes(used, observed, step) if _has_bounds(terms, variable) else np.full(len(used), -2)
    weights = np.array([_WEIGHTS[start] for start in first.tolist()])
    slopes = np.zeros((len(used), len(terms.terms)))
    for node in range(weights.shape[1]):
        if weights[:, node].any():
            moved = values.copy()
            moved[terms.rows] += (first + node) * step
            columns = terms.columns_of(data.assign(**{variable: moved}), rows=terms.rows)
            slopes += (weights[:, node] / step)[:, None] * columns
    return slopes


# Derivative at zero of the quartic through five neighbouring nodes, by the first of them.
_WEIGHTS = {
    -2: np.array([1.0, -8.0, 0.0, 8.0, -1.0]) / 12,
    0: np.array([-25.0, 48.0, -36.0, 16.0, -3.0]) / 12,
    -4: np.array([3.0, -16.0, 36.0, -48.0, 25.0]) / 12,
}


def _has_bounds(terms: TermsOfEstimate, variable: str) -> bool:
    """Whether a term of the variable exists between bounds only, as splines do."""
    known = set(terms.data.columns)
    return any(variable in source_columns(inside_basis(factor), known) for factor in terms.state.bases)


def _first_nodes(values: Floats, observed: Floats, step: Floats) -> Ints:
    """First node of each row, so that none is outside of what was observed."""
    first = np.where(values - 2 * step < observed.min(), 0, -2)
    return np.where(values + 2 * step > observed.max(), -4, first)


def _step(values: Floats, observed: Floats) -> Floats:
    spread = float(np.std(observed)) or float(np.abs(observed).max()) or 1.0
    step = np.full(len(values), _STEP * spread)
    # What is positive stays positive, so that logarithms exist.
    return np.minimum(step, _STEP_OF_VALUE * values) if (values > 0).all() else step


def _means(slopes: Floats, weights: Floats, groups: Ints, n_groups: int) -> Floats:
    """Average derivatives in groups, weighted: (groups, k + 1), the constant's, zero, last."""
    share = weights / np.bincount(groups, weights, n_groups)[groups]
    means = np.zeros((n_groups, slopes.shape[1] + 1))
    np.add.at(means[:, :-1], groups, slopes * share[:, None])
    return means


def _with_tests(estimate: FittedEstimate, rows: Floats, level: float, counts: Ints) -> pd.DataFrame:
    values = rows[:, :-1] @ estimate.fit.coefficients
    std_error = np.sqrt(np.maximum(np.diag(estimate.combination_variance(rows)), 0.0))
    df = estimate.combination_df(rows)
    statistic, p_value, low, high = interval_and_test(values, std_error, df, level)
    return pd.DataFrame(
        {
            "estimate": values,
            "std_error": std_error,
            "statistic": statistic,
            "p_value": p_value,
            "conf_low": low,
            "conf_high": high,
            "n_obs": counts,
        }
    )
