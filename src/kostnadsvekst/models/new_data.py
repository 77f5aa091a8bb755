"""The terms of an estimate evaluated on other rows, with the estimation's levels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.models.design import Sample, build_design, read_sample
from kostnadsvekst.models.grammar import CATEGORY, goes_along_time, is_quoted, split_call, unquote
from kostnadsvekst.models.preparation import NeededColumns, needed_columns
from kostnadsvekst.models.rows import LISTED
from kostnadsvekst.models.specifications import Specification
from kostnadsvekst.models.transformations import source_columns, transformed_columns
from kostnadsvekst.naming import require_columns
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
    """

    specification: Specification
    terms: tuple[str, ...]
    dropped: tuple[str, ...]
    data: pd.DataFrame
    rows: Ints

    @property
    def needed(self) -> NeededColumns:
        """What the specification reads, as it was read when it was estimated."""
        return needed_columns(self.specification, self.data.columns.tolist())

    def columns_of(
        self, frame: pd.DataFrame, *, unseen: str = "refuse", chosen: Mask | None = None
    ) -> Floats:
        """Evaluate the terms on a frame.

        Parameters
        ----------
        frame : DataFrame
            m rows. Lags and differences are taken inside it.
        unseen : {"refuse", "nan"}
            What is done about levels of categories that the estimation does not have.
        chosen : (m,) boolean array, optional
            Rows where transformations must exist; all without it.

        Returns
        -------
        (m, k) array
            NaN in rows where something is missing.

        Raises
        ------
        DataMissingError, InvalidDataError, SpecificationError
            As in the estimation; also `InvalidDataError` for levels that it does not have.
        """
        sample = self._with_own_levels(self._read(frame, chosen), unseen)
        design = build_design(self.needed.terms, sample)
        place = {name: j for j, name in enumerate(design.terms)}
        columns: Floats = design.columns[:, [place[name] for name in self.terms]]
        columns[~sample.complete] = np.nan
        return columns

    def dropped_with(self, variable: str) -> list[str]:
        """Terms that were left out as collinear and are made of a column."""
        if not self.dropped:
            return []
        known = set(self.data.columns)
        row = self.data.iloc[self.rows]
        design = build_design(self.needed.terms, self._with_own_levels(self._read(row, None), "nan"))
        made_of = {
            name: {c for factor in factors for c in source_columns(_inside(factor), known)}
            for name, factors in zip(design.terms, design.sources, strict=True)
        }
        return [name for name in self.dropped if variable in made_of.get(name, ())]

    @property
    def sources(self) -> list[str]:
        """Columns that the terms are made of."""
        return self._sources((*self.needed.numeric, *self.needed.categorical))

    @property
    def used(self) -> Mask:
        """Whether each row of the data was used."""
        used = np.zeros(len(self.data), dtype=bool)
        used[self.rows] = True
        return used

    def outcome_of(self, frame: pd.DataFrame, *, chosen: Mask | None = None) -> Floats:
        """(m,) outcome of a frame, NaN where it is missing; parameters and errors as `columns_of`."""
        factor, spec = self.needed.outcome, self.specification
        require_columns(self._sources((factor,)), frame.columns)
        made = transformed_columns(frame, [factor], spec.entity, spec.time, chosen)
        column = made[factor] if factor in made else frame[unquote(factor)]
        return read_numbers(column, unquote(factor))

    def _read(self, frame: pd.DataFrame, chosen: Mask | None) -> Sample:
        needed, spec = self.needed, self.specification
        factors = (*needed.numeric, *needed.categorical)
        require_columns(self._sources(factors), frame.columns)
        made = transformed_columns(frame, factors, spec.entity, spec.time, chosen)
        return read_sample(frame, needed.numeric, needed.categorical, made)

    def _with_own_levels(self, sample: Sample, unseen: str) -> Sample:
        """Sample whose categories are coded by the estimation's levels."""
        levels = self._levels()
        codes = {name: _estimated_codes(name, sample, own, unseen) for name, own in levels.items()}
        return Sample(sample.numbers, {**sample.codes, **codes}, {**sample.levels, **levels})

    def _levels(self) -> dict[str, NDArray[np.object_]]:
        """Levels of the categories among the rows that were used."""
        needed, spec = self.needed, self.specification
        if not needed.categorical:
            return {}
        made = transformed_columns(self.data, needed.categorical, spec.entity, spec.time, self.used)
        sample = read_sample(self.data, (), needed.categorical, made).take(self.rows)
        return {name: _objects(sample.levels[name]) for name in needed.categorical}

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
    more = [f"and {len(levels) - LISTED} more"] if len(levels) > LISTED else []
    raise InvalidDataError(
        f"{n_rows} row(s) of the new data have levels of {what} that the estimation does not have: nothing "
        f"is "
        "known of them; leave them out, or ask for unseen='nan'",
        [*map(str, levels[:LISTED]), *more],
    )


def _inside(factor: str) -> str:
    """Column or transformation of a factor, without ``C(...)``."""
    call = None if is_quoted(factor) else split_call(factor)
    return call[1][0] if call and call[0] == CATEGORY else factor


def _objects(levels: object) -> NDArray[np.object_]:
    return np.asarray(pd.Index(levels), dtype=object)


def _estimated_codes(name: str, sample: Sample, levels: NDArray[np.object_], unseen: str) -> Ints:
    """Codes of a category among the estimation's levels, -1 where missing or unseen."""
    check_unseen(unseen)
    codes, own = sample.codes[name], _objects(sample.levels[name])
    place = pd.Index(levels, dtype=object).get_indexer(pd.Index(own, dtype=object))
    found = np.where(codes >= 0, np.append(place, -1)[codes], -1)
    strange = (codes >= 0) & (found < 0)
    if strange.any() and unseen == "refuse":
        refuse_unseen(f"C({unquote(name)})", list(own[place < 0]), int(strange.sum()))
    return found.astype(np.intp)
