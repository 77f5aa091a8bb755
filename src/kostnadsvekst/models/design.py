"""From the terms of a specification and a data frame to named columns of numbers."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.models.arguments import option_values
from kostnadsvekst.models.bases import Basis, fit_basis, is_basis
from kostnadsvekst.models.grammar import (
    BASES,
    CATEGORY,
    EACH,
    EXPRESSION,
    MOST_TERMS,
    canonical,
    canonical_factor,
    canonical_outcome,
    excerpt,
    is_quoted,
    quote,
    refuse_ambiguous,
    split_call,
    split_product,
    unquote,
)
from kostnadsvekst.models.results import CONSTANT
from kostnadsvekst.models.rows import read_levels
from kostnadsvekst.models.transformations import FUNCTIONS, parse_call
from kostnadsvekst.naming import first_of, nearest_names
from kostnadsvekst.panel.columns import read_numbers

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
_LISTED = 10


@dataclass(frozen=True, slots=True)
class DesignState:
    """What is kept of a design, so that the same columns can be made of other data.

    Attributes
    ----------
    terms : tuple of tuple of str
        From `parse_terms`.
    levels : mapping of str to array
        Sorted levels of the categorical columns.
    bases : mapping of str to Basis
        Coefficients and knots of polynomials and splines.
    """

    terms: tuple[tuple[str, ...], ...]
    levels: Mapping[str, Any]
    bases: Mapping[str, Basis]


@dataclass(frozen=True, slots=True)
class Design:
    """Columns of a regression before effects are taken out.

    Attributes
    ----------
    terms : tuple of str
        Names of the k columns, such as ``"C(year)[T.2016]:free_income"``.
    columns : (n, k) array
    sources : tuple of tuple of str
        Factors of the term that each column is of, such as ``("C(year)", "free_income")``.
    state : DesignState, optional
        What `build_design` takes to make the same columns of other rows.
    """

    terms: tuple[str, ...]
    columns: Floats
    sources: tuple[tuple[str, ...], ...]
    state: DesignState | None = field(default=None, repr=False)


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
        ``"x"``, ``"C(x)"`` or a transformation such as ``"diff(log(x))"``.

    Raises
    ------
    SpecificationError
        If a term cannot be read, or the products are too many.
    """
    known = set(columns)
    terms: dict[tuple[str, ...], None] = {}
    for regressor in regressors:
        for factors in _expand(regressor, known):
            terms.setdefault(factors)
        if len(terms) > MOST_TERMS:
            raise SpecificationError(f"the regressors stand for more than {MOST_TERMS:,} terms")
    _refuse_two_references(terms)
    return tuple(terms)


def columns_of(terms: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the numeric and of the categorical columns that the terms use, in order.

    Polynomials and splines are made of numeric columns when the rows are known.
    """
    factors = dict.fromkeys(factor for term in terms for factor in term)
    numeric = dict.fromkeys(_column(f) if is_basis(f) else f for f in factors if not _is_category(f))
    return tuple(numeric), tuple(dict.fromkeys(_column(f) for f in factors if _is_category(f)))


@dataclass(frozen=True, slots=True)
class Sample:
    """The columns that a model uses, as arrays.

    Attributes
    ----------
    numbers : dict of str to (n,) array
        Missing values are NaN.
    codes : dict of str to (n,) integer array
        Levels of the categorical columns as 0, 1, ...; missing values are -1.
    levels : dict of str to array
        Sorted levels of the categorical columns.
    n_incomplete : int
        Rows left out of the sample because a value was missing.
    """

    numbers: dict[str, Floats]
    codes: dict[str, Ints]
    levels: dict[str, Any]
    n_incomplete: int = 0

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Rows without a missing value."""
        columns = (*self.numbers.values(), *self.codes.values())
        complete = np.ones(len(columns[0]), dtype=bool)
        for v in self.numbers.values():
            missing = np.isnan(v)
            if missing.any():
                complete &= ~missing
        for codes in self.codes.values():
            if codes.min() < 0:
                complete &= codes >= 0
        return complete

    def take(self, rows: Ints) -> "Sample":
        """Sample of some rows; levels that no row has any more are gone."""
        codes, levels = {}, {}
        for name, old in self.codes.items():
            used, codes[name] = np.unique(old[rows], return_inverse=True)
            levels[name] = self.levels[name][used]
        return Sample({name: v[rows] for name, v in self.numbers.items()}, codes, levels)


def read_sample(
    data: pd.DataFrame,
    numeric: Iterable[str],
    categorical: Iterable[str],
    made: Mapping[str, pd.Series] | None = None,
) -> Sample:
    """Columns of a frame as arrays.

    Parameters
    ----------
    data : DataFrame
    numeric, categorical : iterables of str
        Names of columns that exist, or were made.
    made : mapping of str to Series, optional
        Columns beside those of the data, over the same rows.

    Raises
    ------
    InvalidDataError
        If the frame is empty, or a numeric column holds text or infinite values; the rows are named.
    """
    if data.empty:
        raise InvalidDataError("the data have no rows")
    beside = made or {}
    numbers = {
        name: read_numbers(beside[name] if name in beside else data[unquote(name)], unquote(name))
        for name in dict.fromkeys(numeric)
    }
    levels = {
        name: read_levels(beside[name] if name in beside else data[unquote(name)], unquote(name))
        for name in dict.fromkeys(categorical)
    }
    codes = {name: pair[0] for name, pair in levels.items()}
    return Sample(numbers, codes, {name: pair[1] for name, pair in levels.items()})


def build_design(
    terms: Sequence[tuple[str, ...]], sample: Sample, state: DesignState | None = None
) -> Design:
    """Columns of the terms.

    Parameters
    ----------
    terms : sequence of tuple of str
        From `parse_terms`.
    sample : Sample
        Complete rows.
    state : DesignState, optional
        Of the design whose columns are made again; the sample's codes are then those of its levels. Without
        it levels, references, knots and coefficients come from the sample.

    Returns
    -------
    Design

    Raises
    ------
    SpecificationError
        If a reference is no level, a category has one level and nothing else is there, two terms would have
        one name, or a polynomial or spline does not exist for these values.

    Notes
    -----
    A categorical factor is coded without its first level (in sorted order) where the term without the
    factor is in the model too, else in full; the absorbed effects stand for the constant. This is the
    marginality rule of R and formulaic. ``C(x, ref="a")`` leaves out that level instead, and
    ``i(x, ref="a")`` that level always, as fixest does. What is still collinear is dropped, and named, by
    the estimator.
    """
    present = {frozenset(term) for term in terms} | {frozenset[str]()}
    kept = state or _fit_state(terms, sample)
    blocks = [_code_term(term, sample, present, kept) for term in terms]
    names = tuple(name for block_names, _ in blocks for name in block_names)
    if not names:
        raise SpecificationError(
            f"no column is left of {', '.join(':'.join(term) for term in terms)}: a category has one level"
        )
    _refuse_names(names)
    sources = tuple(term for term, (block_names, _) in zip(terms, blocks, strict=True) for _ in block_names)
    return Design(names, np.stack([column for _, block in blocks for column in block], axis=1), sources, kept)


def _fit_state(terms: Sequence[tuple[str, ...]], sample: Sample) -> DesignState:
    factors = dict.fromkeys(factor for term in terms for factor in term)
    bases = {f: fit_basis(f, sample.numbers[_column(f)], _call_name(f)) for f in factors if is_basis(f)}
    levels = {_column(f): sample.levels[_column(f)] for f in factors if _is_category(f)}
    return DesignState(tuple(terms), levels, bases)


def resolve_column(text: str, known: Iterable[str]) -> str:
    """Read an outcome, or a factor of a term, as a column that exists or as a transformation.

    Parameters
    ----------
    text : str
    known : iterable of str
        Names of the columns that exist; without any the text is read as a term.

    Returns
    -------
    str
        Name of a column, in backticks if it looks like a call, or a transformation as it is written.

    Raises
    ------
    SpecificationError
        If it could be both.
    """
    text = text.strip()
    if is_quoted(text):
        return canonical_factor(unquote(text))
    present = set(known)
    refuse_ambiguous(text, present)
    return canonical_factor(text) if text in present else text


def resolve_outcome(text: str, known: Iterable[str]) -> str:
    """As `resolve_column`, of an outcome: it is never a product, so it cannot be mistaken for one."""
    text = canonical_outcome(text)
    return resolve_column(text if parse_call(text) else quote(unquote(text)), known)


def _expand(regressor: str, known: set[str]) -> list[tuple[str, ...]]:
    text = regressor.strip()
    if text in known or is_quoted(text):
        return [(resolve_column(text, known),)]
    if f"{EACH}(" in text:
        # The product that i(year, income) stands for.
        text = canonical(text)
    parts = split_product(text, "*")
    if len(parts) > 1:
        if 2 ** len(parts) > MOST_TERMS:
            raise SpecificationError(
                f"cannot read the term {excerpt(regressor)}: all products of {len(parts)} factors are more "
                f"than {MOST_TERMS:,} terms"
            )
        products = [p for size in range(1, len(parts) + 1) for p in combinations(parts, size)]
        return [tuple(factor for part in p for factor in _expand(part, known)[0]) for p in products]
    factors = tuple(_factor(part, known) for part in split_product(text, ":"))
    if len(set(factors)) != len(factors):
        raise SpecificationError(f"term {regressor!r} has the same factor twice; a square is square(x)")
    return [factors]


def _factor(text: str, known: set[str]) -> str:
    factor = resolve_column(text, known)
    if is_quoted(text.strip()) or unquote(factor) in known or parse_call(factor):
        return factor
    call = split_call(factor)
    if call:
        function, (argument, *options) = call
        inner = resolve_column(argument, known)
        inner = inner if parse_call(inner) else quote(unquote(inner))
        return f"{function}({', '.join([inner, *options])})"
    if not factor or re.search(r"[()+\-/^|~,]", factor):
        raise SpecificationError(
            f"cannot read the term {text!r}: a factor is a column name, {CATEGORY}(column), "
            f"{EXPRESSION}(arithmetic), or {', '.join((*FUNCTIONS, *BASES))} of a column; a column's name "
            "with signs stands in backticks"
        )
    return factor


def _is_category(factor: str) -> bool:
    call = None if is_quoted(factor) else split_call(factor)
    return call is not None and call[0] in (CATEGORY, EACH)


def _refuse_two_references(terms: Iterable[tuple[str, ...]]) -> None:
    """Refuse a category whose terms leave out different levels: their coefficients do not belong together."""
    found: dict[str, dict[str, None]] = {}
    for factor in dict.fromkeys(factor for term in terms for factor in term):
        call = None if is_quoted(factor) else split_call(factor)
        if call is not None and call[0] == CATEGORY:
            found.setdefault(_column(factor), {})[factor] = None
    for column, factors in found.items():
        if len(factors) > 1:
            raise SpecificationError(
                f"{unquote(column)!r} stands with different references: "
                f"{', '.join(map(_call_name, factors))}; write the same in every term"
            )


def _column(factor: str) -> str:
    """Column or transformation inside ``C(...)``, ``poly(...)`` and the like."""
    _, (inside, *_) = split_call(factor) or (CATEGORY, [factor])
    return canonical_factor(unquote(inside)) if is_quoted(inside) else inside


def _refuse_names(names: tuple[str, ...]) -> None:
    """Refuse terms that results could not tell apart."""
    if CONSTANT in names:
        raise SpecificationError(
            f"a regressor is called {CONSTANT!r}, as the term of the model's own constant: rename the column"
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SpecificationError(
            f"two terms would be called {', '.join(map(repr, repeated))}: rename one of their columns"
        )


def _code_term(
    term: tuple[str, ...], sample: Sample, present: set[frozenset[str]], state: DesignState
) -> tuple[list[str], list[Floats]]:
    blocks = [_code_factor(factor, sample, frozenset(term) - {factor} in present, state) for factor in term]
    names, columns = blocks[0]
    for factor_names, factor_columns in blocks[1:]:
        names = [f"{left}:{right}" for left in names for right in factor_names]
        columns = [left * right for left in columns for right in factor_columns]
    return names, columns


def _code_factor(
    factor: str, sample: Sample, reduced: bool, state: DesignState
) -> tuple[list[str], list[Floats]]:
    if is_basis(factor):
        block = state.bases[factor].columns(sample.numbers[_column(factor)])
        name = _call_name(factor)
        return [f"{name}[{j + 1}]" for j in range(block.shape[1])], list(block.T)
    if not _is_category(factor):
        return [unquote(factor)], [sample.numbers[factor]]
    column = _column(factor)
    codes, levels = sample.codes[column], state.levels[column]
    left_out = _left_out(factor, levels, reduced)
    kept = [j for j in range(len(levels)) if j != left_out]
    mark = "" if left_out is None else "T."
    names = [f"{CATEGORY}({unquote(column)})[{mark}{_level_name(levels[j])}]" for j in kept]
    return names, [(codes == j).astype(np.float64) for j in kept]


def _call_name(factor: str) -> str:
    """Write a call as it was given, its column without needless backticks."""
    function, (_, *options) = split_call(factor) or ("", [""])
    return f"{function}({', '.join([unquote(_column(factor)), *options])})"


def _left_out(factor: str, levels: Any, reduced: bool) -> int | None:
    """Position of the level without a column; None where all have one."""
    function, (column, *options) = split_call(factor) or (CATEGORY, [factor])
    asked = option_values(function, options)
    if "ref" not in asked:
        return 0 if reduced and function == CATEGORY else None
    names = [_level_name(level) for level in levels]
    if str(asked["ref"]) not in names:
        raise SpecificationError(
            f"{function}({unquote(column)}): no row that is used has the reference level "
            f"{nearest_names([str(asked['ref'])], names)}; levels are {', '.join(first_of(names, _LISTED))}"
        )
    return names.index(str(asked["ref"])) if reduced or function == EACH else None


def _level_name(level: Any) -> str:
    whole = isinstance(level, float | np.floating) and float(level).is_integer()
    return str(int(level)) if whole else str(level)
