"""From the terms of a specification and a data frame to named columns of numbers."""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_CATEGORICAL = re.compile(r"C\(\s*(.+?)\s*\)")
_LISTED = 10


@dataclass(frozen=True, slots=True)
class Design:
    """Columns of a regression before effects are taken out.

    Attributes
    ----------
    terms : tuple of str
        Names of the k columns, such as ``"C(year)[T.2016]:free_income"``.
    columns : (n, k) array
    """

    terms: tuple[str, ...]
    columns: Floats


def parse_terms(regressors: Sequence[str], columns: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Read regressors into products of factors.

    Parameters
    ----------
    regressors : sequence of str
        As in `Specification`.
    columns : iterable of str
        Names that exist; a name that holds ``:`` or ``*`` is recognised as one column.

    Returns
    -------
    tuple of tuple of str
        One entry a term, in order, without repetition; each is the factors of a product, and a factor is
        ``"x"`` or ``"C(x)"``.
    """
    known = set(columns)
    terms: dict[tuple[str, ...], None] = {}
    for regressor in regressors:
        for factors in _expand(regressor, known):
            terms.setdefault(factors)
    return tuple(terms)


def columns_of(terms: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Names of the data columns that the terms use, each once, in order."""
    return tuple(dict.fromkeys(_column(factor) for term in terms for factor in term))


def require_columns(needed: Iterable[str], data: pd.DataFrame) -> None:
    """Raise DataMissingError naming every absent column and the nearest present one."""
    absent = [name for name in needed if name not in data.columns]
    if not absent:
        return
    names = [str(c) for c in data.columns]
    hints = []
    for name in absent:
        near = difflib.get_close_matches(name, names, n=1)
        hints.append(f"{name!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    raise DataMissingError(f"the data lack the column(s) {', '.join(hints)}; they have {', '.join(names)}")


def numeric_column(data: pd.DataFrame, name: str) -> Floats:
    """A column as numbers, missing values as NaN.

    Raises
    ------
    InvalidDataError
        If the column holds text or infinite values; the rows are named.
    """
    column = data[name]
    if not pd.api.types.is_numeric_dtype(column.dtype):
        column = _numbers_in(column, name)
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        rows = _rows(data, np.flatnonzero(np.isinf(values)))
        raise InvalidDataError(f"column {name!r} holds infinite values", rows)
    return values


def build_design(terms: Sequence[tuple[str, ...]], data: pd.DataFrame) -> Design:
    """Columns of the terms on complete data.

    Parameters
    ----------
    terms : sequence of tuple of str
        From `parse_terms`.
    data : DataFrame
        Rows without missing values in the columns used.

    Returns
    -------
    Design

    Notes
    -----
    A categorical factor is coded without its first level (in sorted order) where the term without the
    factor is in the model too, else in full; the absorbed effects stand for the constant. This is the
    marginality rule of R and formulaic. What is still collinear is dropped, and named, by the estimator.
    """
    present = {frozenset(term) for term in terms} | {frozenset[str]()}
    blocks = [_code_term(term, data, present) for term in terms]
    names = tuple(name for block_names, _ in blocks for name in block_names)
    columns: list[Floats] = [column for _, block in blocks for column in block]
    return Design(names, np.column_stack(columns))


def _expand(regressor: str, known: set[str]) -> list[tuple[str, ...]]:
    text = regressor.strip()
    if text in known:
        return [(text,)]
    if "*" in text:
        parts = [part.strip() for part in text.split("*")]
        products = [p for size in range(1, len(parts) + 1) for p in combinations(parts, size)]
        return [tuple(factor for part in p for factor in _expand(part, known)[0]) for p in products]
    factors = tuple(_factor(part, known) for part in text.split(":"))
    if len(set(factors)) != len(factors):
        raise SpecificationError(f"term {regressor!r} has the same factor twice")
    return [factors]


def _factor(text: str, known: set[str]) -> str:
    text = text.strip()
    if text in known:
        return text
    match = _CATEGORICAL.fullmatch(text)
    name = match.group(1) if match else text
    if not name or (name not in known and re.search(r"[()+\-/^|~,]", name)):
        raise SpecificationError(f"cannot read the term {text!r}: a factor is a column name or C(column)")
    return f"C({name})" if match else name


def _column(factor: str) -> str:
    match = _CATEGORICAL.fullmatch(factor)
    return match.group(1) if match else factor


def _code_term(
    term: tuple[str, ...], data: pd.DataFrame, present: set[frozenset[str]]
) -> tuple[list[str], list[Floats]]:
    names, columns = [""], [np.ones(1)]
    for factor in term:
        reduced = frozenset(term) - {factor} in present
        factor_names, factor_columns = _code_factor(factor, data, reduced)
        pairs = [(i, j) for i in range(len(names)) for j in range(len(factor_names))]
        names, columns = (
            [f"{names[i]}:{factor_names[j]}" if names[i] else factor_names[j] for i, j in pairs],
            [columns[i] * factor_columns[j] for i, j in pairs],
        )
    return names, columns


def _code_factor(factor: str, data: pd.DataFrame, reduced: bool) -> tuple[list[str], list[Floats]]:
    if factor == _column(factor):
        return [factor], [numeric_column(data, factor)]
    codes, levels = pd.factorize(data[_column(factor)], sort=True)
    kept = range(1 if reduced else 0, len(levels))
    mark = "T." if reduced else ""
    names = [f"{factor}[{mark}{_level_name(levels[j])}]" for j in kept]
    return names, [(codes == j).astype(np.float64) for j in kept]


def _level_name(level: Any) -> str:
    return str(int(level)) if isinstance(level, float | np.floating) and level == int(level) else str(level)


def _numbers_in(column: pd.Series, name: str) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        raise InvalidDataError(f"column {name!r} is categorical: write C({name}) for a dummy per level")
    numbers = pd.to_numeric(column, errors="coerce")
    text = np.flatnonzero(numbers.isna() & column.notna())
    if len(text):
        shown = [f"row {i}: {column.iloc[i]!r}" for i in text[:_LISTED]]
        raise InvalidDataError(
            f"column {name!r} has text in {len(text)} row(s) where numbers are needed "
            f"(write C({name}) if it is a category)",
            shown,
        )
    return numbers


def _rows(data: pd.DataFrame, positions: NDArray[Any]) -> list[str]:
    listed = [f"row {data.index[i]}" for i in positions[:_LISTED]]
    return listed + ([f"and {len(positions) - _LISTED} more"] if len(positions) > _LISTED else [])
