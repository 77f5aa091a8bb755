"""From a specification and a data frame to arrays, in one walk; behind it nobody reads the frame.

The specification says which columns it needs; they are required once; then sample, transformations, arrays.
"""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.callers import level_of_caller
from kostnadsvekst.errors import DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.models.covariance_kinds import choose_columns
from kostnadsvekst.models.design import (
    Design,
    Sample,
    build_design,
    columns_of,
    parse_terms,
    read_sample,
    resolve_outcome,
)
from kostnadsvekst.models.grammar import goes_along_time
from kostnadsvekst.models.rows import LISTED, level_codes, name_rows
from kostnadsvekst.models.samples import sample_mask
from kostnadsvekst.models.specifications import DEFAULT_TIME, Specification
from kostnadsvekst.models.transformations import source_columns, transformed_columns
from kostnadsvekst.naming import require_columns
from kostnadsvekst.provenance import Provenance, provenance_of

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class NeededColumns:
    """What a specification reads.

    Attributes
    ----------
    outcome : str
        Column or transformation.
    terms : tuple of tuple of str
        Regressors as products of factors, see `kostnadsvekst.models.design.parse_terms`.
    numeric, categorical : tuple of str
        Columns and transformations that the terms use.
    entity, time : str
    weights : str, optional
    clusters : tuple of str
        Columns of the covariance.
    absorbed : tuple of tuple of str
        Columns of each further set of effects; of several columns the levels at once.
    sources : tuple of str
        Columns of the data that all this is made of, without repetition. What a sample compares beyond them
        is known when it is evaluated.
    """

    outcome: str
    terms: tuple[tuple[str, ...], ...]
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    entity: str
    time: str
    weights: str | None
    clusters: tuple[str, ...]
    absorbed: tuple[tuple[str, ...], ...]
    sources: tuple[str, ...]

    @property
    def numbers(self) -> tuple[str, ...]:
        """Outcome, numeric factors and weights: what is read as numbers."""
        return (self.outcome, *self.numeric, *((self.weights,) if self.weights else ()))

    @property
    def categories(self) -> tuple[str, ...]:
        """Categorical factors and columns of the absorbed sets: what is read as codes beside the entity."""
        return (*self.categorical, *(column for columns in self.absorbed for column in columns))

    @property
    def complete(self) -> set[str]:
        """What must not be missing in a row that is used, beside the entity."""
        return {*self.numbers, *self.categories}


@dataclass(frozen=True)
class PreparedSample:
    """The rows that a specification uses, as arrays; n rows.

    Attributes
    ----------
    needed : NeededColumns
    sample : Sample
        Complete rows, and how many were not.
    rows : (n,) integer array
        Their positions in the data.
    units, times : Series
        Entity and time of each row, as the data have them; times are missing where the data have none and
        nothing asks for them.
    clusters : dict of str to (n,) integer array
        Codes of the entity and of the covariance's columns.
    absorbs : bool
        Whether each entity has an effect.
    provenance : Provenance
    """

    needed: NeededColumns
    sample: Sample
    rows: Ints
    units: pd.Series = field(repr=False)
    times: pd.Series = field(repr=False)
    clusters: dict[str, Ints] = field(repr=False)
    absorbs: bool
    provenance: Provenance

    @property
    def outcome(self) -> Floats:
        """(n,) outcome."""
        return self.sample.numbers[self.needed.outcome]

    @property
    def weights(self) -> Floats:
        """(n,) weights, ones where there are none."""
        weights = self.needed.weights
        return self.sample.numbers[weights] if weights else np.ones(len(self.rows))

    @property
    def entities(self) -> Ints:
        """(n,) codes of the entities."""
        return self.sample.codes[self.needed.entity]

    @property
    def absorbed(self) -> Ints:
        """(n,) codes of the entities' effects, or one constant for all."""
        return self.entities if self.absorbs else np.zeros_like(self.entities)

    @property
    def effect_sets(self) -> tuple[Ints, ...]:
        """(n,) codes of each set of effects: the entities' first, or one constant where there is no set."""
        further = tuple(_joint_codes([self.sample.codes[c] for c in one]) for one in self.needed.absorbed)
        return (self.absorbed, *further) if self.absorbs or not further else further

    def build_design(self) -> Design:
        """Columns of the terms."""
        return build_design(self.needed.terms, self.sample)

    def cluster_codes(self, positions: Ints) -> dict[str, Ints]:
        """Codes of the covariance's columns at some of the rows; levels that are gone leave no gap."""
        return {
            name: np.unique(codes[positions], return_inverse=True)[1].astype(np.intp)
            for name, codes in self.clusters.items()
        }


def needed_columns(spec: Specification, present: Iterable[str] = ()) -> NeededColumns:
    """Columns that a specification needs.

    Parameters
    ----------
    spec : Specification
    present : iterable of str
        Names of columns that exist: one that looks like a product or a transformation is taken as it is.

    Raises
    ------
    SpecificationError
        If a term cannot be read, or the specification has instruments, which only
        `kostnadsvekst.models.instrumental` knows what to do with.
    """
    if spec.instruments:
        raise SpecificationError(
            f"{', '.join(spec.endogenous)} is instrumented here, which kostnadsvekst.estimate alone can do; "
            "for anything else write the endogenous terms among the regressors, or leave them out: "
            "spec.vary(endogenous=(), instruments=())"
        )
    known = frozenset(present)
    read = _read_terms(spec.regressors, known)
    outcome = resolve_outcome(spec.outcome, known)
    clusters = choose_columns(spec.covariance, spec.entity, spec.time)
    absorbed = tuple(_set_columns(name, known) for name in spec.absorb)
    made_of = (*source_columns(outcome, known), *read.sources, *(c for one in absorbed for c in one))
    weights = (spec.weights,) if spec.weights else ()
    factors = (outcome, *read.numeric, *read.categorical)
    # A name of one's own that is absent is a slip of the pen; the default may not have been meant at all.
    asked = not known or spec.time in known or spec.time != DEFAULT_TIME
    time = (spec.time,) if asked or any(goes_along_time(f) for f in factors if f not in known) else ()
    return NeededColumns(
        outcome=outcome,
        terms=read.terms,
        numeric=read.numeric,
        categorical=read.categorical,
        entity=spec.entity,
        time=spec.time,
        weights=spec.weights,
        clusters=clusters,
        absorbed=absorbed,
        sources=tuple(dict.fromkeys((*time, spec.entity, *made_of, *weights, *clusters))),
    )


class _Terms(NamedTuple):
    terms: tuple[tuple[str, ...], ...]
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    sources: tuple[str, ...]


# A grid names the same regressors with many weights, samples and covariances.
@lru_cache(maxsize=4096)
def _read_terms(regressors: tuple[str, ...], known: frozenset[str]) -> _Terms:
    terms = parse_terms(regressors, known)
    numeric, categorical = columns_of(terms)
    sources = tuple(c for factor in (*numeric, *categorical) for c in source_columns(factor, known))
    return _Terms(terms, numeric, categorical, sources)


def read_needed(needed: Sequence[NeededColumns], data: pd.DataFrame, chosen: Mask | None = None) -> Sample:
    """Transform and read the columns of specifications with the same entity and time.

    Parameters
    ----------
    needed : sequence of NeededColumns
        Their sources must be in the data.
    data : DataFrame
    chosen : (n,) boolean array, optional
        Rows of the sample, where transformations must exist; all without it.

    Raises
    ------
    InvalidDataError
        If the data have no rows, a column holds text or infinite values, or a transformation does not exist.
    """
    entity, time = needed[0].entity, needed[0].time
    numbers = dict.fromkeys(name for one in needed for name in one.numbers)
    categories = dict.fromkeys(name for one in needed for name in one.categories)
    made = transformed_columns(data, [*numbers, *categories], entity, time, chosen)
    return read_sample(data, numbers, [entity, *categories], made)


def prepare(spec: Specification, data: pd.DataFrame) -> PreparedSample:
    """Rows and columns of a specification as arrays.

    Parameters
    ----------
    spec : Specification
    data : DataFrame
        One row an observation, in any order.

    Returns
    -------
    PreparedSample

    Raises
    ------
    DataMissingError
        If columns do not exist; all are named, each with the nearest name.
    InvalidDataError
        If a column holds text or infinite values, a weight is missing or not positive, a cluster is missing,
        or no row is complete.
    SpecificationError
        If a term or sample cannot be read.

    Warns
    -----
    DataWarning
        If rows with missing values are left out.
    """
    present = data.columns.tolist()
    needed = needed_columns(spec, present)
    require_columns(needed.sources, present)
    chosen = sample_mask(spec.sample, data, spec.entity) if spec.sample else np.ones(len(data), dtype=bool)
    sample = read_needed([needed], data, chosen)
    if spec.weights:
        _check_weights(spec, sample.numbers[spec.weights], data, chosen)
    sample, rows = _complete_rows(spec, sample, data, chosen)
    units = data[spec.entity]
    times = data[spec.time] if spec.time in present else pd.Series(pd.NA, index=data.index)
    all_used = len(rows) == len(data)
    return PreparedSample(
        needed=needed,
        sample=sample,
        rows=rows,
        units=units if all_used else units.iloc[rows],
        times=times if all_used else times.iloc[rows],
        clusters=_cluster_codes(needed, sample, data, rows),
        absorbs=spec.effects == "entity",
        provenance=provenance_of(data),
    )


def _set_columns(name: str, known: frozenset[str]) -> tuple[str, ...]:
    """Columns of an absorbed set; one that exists under the whole name is taken as it is."""
    return (name,) if name in known else tuple(part.strip() for part in name.split("^"))


def _joint_codes(codes: Sequence[Ints]) -> Ints:
    """Codes of the combinations of levels that occur, each in use."""
    joint = codes[0]
    for other in codes[1:]:
        joint = joint * (int(other.max()) + 1) + other
        joint = np.unique(joint, return_inverse=True)[1].astype(np.intp)
    return joint


def _cluster_codes(needed: NeededColumns, sample: Sample, data: pd.DataFrame, rows: Ints) -> dict[str, Ints]:
    """Codes of the entity, and of what else the covariance groups by."""
    codes = {needed.entity: sample.codes[needed.entity]}
    others = [column for column in needed.clusters if column != needed.entity]
    if others:
        wanted = dict.fromkeys((needed.entity, needed.time, *others))
        used = data[[name for name in wanted if name in data.columns]].iloc[rows]
        codes |= {column: level_codes(used, column, needed.entity, needed.time)[0] for column in others}
    return codes


def _complete_rows(
    spec: Specification, sample: Sample, data: pd.DataFrame, chosen: Mask
) -> tuple[Sample, Ints]:
    complete = sample.complete
    rows = np.flatnonzero(complete & chosen)
    if len(rows) == len(data):
        return sample, rows
    if not len(rows):
        raise InvalidDataError("no row has a value in every column that the specification needs")
    gaps = np.flatnonzero(~complete & chosen)
    if len(gaps):
        warnings.warn(
            f"{len(gaps)} of {len(rows) + len(gaps)} rows have missing values and are left out: "
            f"{_describe_rows(spec, data, gaps)}",
            DataWarning,
            stacklevel=level_of_caller(),
        )
    return replace(sample.take(rows), n_incomplete=len(gaps)), rows


def _check_weights(spec: Specification, weights: Floats, data: pd.DataFrame, chosen: Mask) -> None:
    bad = np.flatnonzero(~(weights > 0) & chosen)
    if len(bad):
        raise InvalidDataError(
            f"weights must be positive numbers; {spec.weights!r} is missing, zero or negative in {len(bad)} "
            f"row(s): {_describe_rows(spec, data, bad)}"
        )


def _describe_rows(spec: Specification, data: pd.DataFrame, positions: Ints) -> str:
    more = f" and {len(positions) - LISTED} more" if len(positions) > LISTED else ""
    return "; ".join(name_rows(data, positions, spec.entity, spec.time)) + more
