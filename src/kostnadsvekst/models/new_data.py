"""The terms of an estimate evaluated on other rows, with the estimation's levels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.models.design import Design, DesignState, Sample, build_design, read_sample
from kostnadsvekst.models.grammar import goes_along_time, is_quoted, split_call, unquote
from kostnadsvekst.models.preparation import NeededColumns, needed_columns
from kostnadsvekst.models.rows import LISTED
from kostnadsvekst.models.specifications import Specification
from kostnadsvekst.models.transformations import parse_call, source_columns, transformed_columns
from kostnadsvekst.naming import first_of, require_columns
from kostnadsvekst.panel.columns import read_numbers

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Mask = NDArray[np.bool_]

UNSEEN = ("refuse", "nan")


@dataclass(frozen=True)
class TermsOfEstimate:
    """What has to be known of an estimation to evaluate its terms on other rows.

    Attributes
    ----------
    specification : Specification
    terms, dropped : tuple of str
        The k kept terms, without the constant; those left out as collinear.
    data : DataFrame
        That was estimated on.
    rows : (n,) integer array
        Positions of the rows used.
    complete_rows : integer array
        Positions of the rows whose levels, knots and coefficients count: with AR(1) disturbances also those
        that the transformation took.
    """

    specification: Specification
    terms: tuple[str, ...]
    dropped: tuple[str, ...]
    data: pd.DataFrame
    rows: Ints
    complete_rows: Ints

    @property
    def needed(self) -> NeededColumns:
        """What the specification reads, as it was read when it was estimated."""
        return needed_columns(self.specification, self.data.columns.tolist())

    def columns_of(self, frame: pd.DataFrame, *, unseen: str = "refuse", rows: Ints | None = None) -> Floats:
        """Evaluate the terms on a frame, with the estimation's levels, references, knots and coefficients.

        Parameters
        ----------
        frame : DataFrame
            m rows. Lags and differences are taken inside it.
        unseen : {"refuse", "nan"}
            What is done about levels of categories that the estimation does not have.
        rows : integer array, optional
            Positions of the rows that are asked for, in order; all without it. Where transformations do not
            exist in other rows, or values are outside a spline's bounds, nothing is refused.

        Returns
        -------
        (m, k) array, or of the rows asked for
            NaN in rows where something is missing.

        Raises
        ------
        DataMissingError, InvalidDataError, SpecificationError
            As in the estimation; also `InvalidDataError` for levels that it does not have.
        """
        sample, state = _taken(self._read(frame, rows), rows), self.state
        codes = {name: _codes_in(name, sample, own, unseen) for name, own in state.levels.items()}
        known = Sample(sample.numbers, {**sample.codes, **codes}, {**sample.levels, **state.levels})
        design = build_design(state.terms, known, state)
        place = {name: j for j, name in enumerate(design.terms)}
        columns: Floats = design.columns[:, [place[name] for name in self.terms]]
        columns[~known.complete] = np.nan
        return columns

    @cached_property
    def design(self) -> Design:
        """Design of the complete rows."""
        rows = self.complete_rows
        return build_design(self.needed.terms, self._read(self.data, rows).take(rows))

    @property
    def state(self) -> DesignState:
        """Levels, references, knots and coefficients of the estimation."""
        if self.design.state is None:
            raise SpecificationError("the design has no state to be evaluated on other rows with")
        return self.design.state

    @property
    def sources(self) -> list[str]:
        """Columns that the terms are made of."""
        return self._sources((*self.needed.numeric, *self.needed.categorical))

    def outcome_of(self, frame: pd.DataFrame, *, rows: Ints | None = None) -> Floats:
        """(m,) outcome of a frame, NaN where it is missing; parameters and errors as `columns_of`."""
        factor, spec = self.needed.outcome, self.specification
        require_columns(self._sources((factor,)), frame.columns)
        made = transformed_columns(frame, [factor], spec.entity, spec.time, _mask(frame, rows))
        column = made[factor] if factor in made else frame[unquote(factor)]
        values = read_numbers(column, unquote(factor))
        return values if rows is None else values[rows]

    def _read(self, frame: pd.DataFrame, rows: Ints | None) -> Sample:
        needed, spec = self.needed, self.specification
        factors = (*needed.numeric, *needed.categorical)
        require_columns(self._sources(factors), frame.columns)
        made = transformed_columns(frame, factors, spec.entity, spec.time, _mask(frame, rows))
        return read_sample(frame, needed.numeric, needed.categorical, made)

    def _sources(self, factors: Sequence[str]) -> list[str]:
        spec, known = self.specification, set(self.data.columns)
        time = (spec.entity, spec.time) if any(goes_along_time(f) for f in factors if f not in known) else ()
        return list(dict.fromkeys((*time, *(c for f in factors for c in source_columns(f, known)))))


def check_unseen(unseen: str) -> None:
    """Refuse a word for what is done with unseen levels.

    Raises
    ------
    SpecificationError
        If it is not among `UNSEEN`.
    """
    if unseen not in UNSEEN:
        raise SpecificationError(f"unknown unseen={unseen!r}; known: {', '.join(UNSEEN)}")


def refuse_unseen(what: str, levels: Sequence[object], n_rows: int) -> None:
    """Refuse levels that the estimation does not have.

    Raises
    ------
    InvalidDataError
        Always; it lists the first.
    """
    raise InvalidDataError(
        f"{n_rows} row(s) of the new data have levels of {what} that the estimation does not have: nothing "
        "is known of them; leave them out, or ask for unseen='nan'",
        first_of(map(str, levels), LISTED),
    )


def inside_basis(factor: str) -> str:
    """Column or transformation inside ``C(...)``, a polynomial or a spline; else the factor itself."""
    call = None if is_quoted(factor) else split_call(factor)
    return factor if call is None or parse_call(factor) else call[1][0]


def _mask(frame: pd.DataFrame, rows: Ints | None) -> Mask | None:
    if rows is None:
        return None
    mask = np.zeros(len(frame), dtype=bool)
    mask[rows] = True
    return mask


def _taken(sample: Sample, rows: Ints | None) -> Sample:
    """Rows of a sample, with all its levels."""
    if rows is None:
        return sample
    numbers = {name: values[rows] for name, values in sample.numbers.items()}
    return Sample(numbers, {name: codes[rows] for name, codes in sample.codes.items()}, sample.levels)


def _objects(levels: object) -> NDArray[np.object_]:
    return np.asarray(pd.Index(levels), dtype=object)


def _codes_in(name: str, sample: Sample, levels: object, unseen: str) -> Ints:
    """Codes of a category among the estimation's levels, -1 where missing or unseen."""
    check_unseen(unseen)
    codes, own = sample.codes[name], _objects(sample.levels[name])
    place = pd.Index(_objects(levels), dtype=object).get_indexer(pd.Index(own, dtype=object))
    found = np.where(codes >= 0, np.append(place, -1)[codes], -1)
    strange = (codes >= 0) & (found < 0)
    if strange.any() and unseen == "refuse":
        refuse_unseen(f"C({unquote(name)})", list(own[np.unique(codes[strange])]), int(strange.sum()))
    return found.astype(np.intp)
