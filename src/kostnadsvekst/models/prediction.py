"""Predictions of an estimate, on its own rows and on new data: Stata's ``predict`` after ``areg``."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.models.absorbed_levels import AbsorbedSet, NormalisedEffects, find_set
from kostnadsvekst.models.collinear_terms import TIED
from kostnadsvekst.models.estimate_face import FittedEstimate
from kostnadsvekst.models.new_data import check_unseen, refuse_unseen
from kostnadsvekst.models.rows import LISTED, name_rows
from kostnadsvekst.naming import require_columns

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Mask = NDArray[np.bool_]

# Stata's words after areg and reghdfe: xbd or xb, d, residuals, stdp.
KINDS = ("mean", "effects", "residual", "std_error")


def predict(
    estimate: FittedEstimate, new_data: pd.DataFrame | None, *, effects: bool, kind: str, unseen: str
) -> pd.Series:
    """Predict, see `kostnadsvekst.Estimate.predict`.

    Parameters
    ----------
    estimate : Estimate
    new_data : DataFrame or None
    effects : bool
    kind : {"mean", "effects", "residual", "std_error"}
    unseen : {"refuse", "nan"}
    """
    check_unseen(unseen)
    if kind not in KINDS:
        raise SpecificationError(f"unknown kind {kind!r} of prediction; known: {', '.join(KINDS)}")
    if kind == "effects":
        find_set(estimate.absorbed_sets, None)
    if kind == "std_error" and effects:
        raise SpecificationError(
            "the standard error is that of constant + x'b: the effects are estimated from few rows each, and "
            "their errors are not counted; ask for it with effects=False"
        )
    if new_data is None:
        values = _of_own_rows(estimate, effects, kind)
        return align(estimate, values, kind)
    if not isinstance(new_data, pd.DataFrame):
        raise SpecificationError(
            f"new_data is a data frame with the columns of the terms, not {type(new_data).__name__}"
        )
    return pd.Series(_of_new_rows(estimate, new_data, effects, kind, unseen), new_data.index, name=kind)


def align(estimate: FittedEstimate, values: Floats, name: str) -> pd.Series:
    """Values of the rows used over the index of the data, NaN in the rows left out.

    Without data the index are the positions of the rows used.
    """
    if estimate.data is None:
        return pd.Series(values, index=pd.Index(estimate.rows, name="row"), name=name)
    whole = np.full(len(estimate.data), np.nan)
    whole[estimate.rows] = values
    return pd.Series(whole, index=estimate.data.index, name=name)


def _of_own_rows(estimate: FittedEstimate, effects: bool, kind: str) -> Floats:
    X, y = estimate.untransformed
    xb = estimate.fit.constant + X @ estimate.fit.coefficients
    if kind == "std_error":
        return _standard_errors(estimate, X)
    of_rows = estimate.effects_of_rows if effects or kind == "effects" else np.zeros(len(xb))
    return _chosen(kind, xb, of_rows, y)


def _of_new_rows(
    estimate: FittedEstimate, frame: pd.DataFrame, effects: bool, kind: str, unseen: str
) -> Floats:
    if kind == "effects":
        return _effects_of_new_rows(estimate, frame, np.ones(len(frame), dtype=bool), unseen)
    k = len(estimate.fit.coefficients)
    whole = estimate.ties.terms.columns_of(frame, unseen=unseen)
    X, complete = whole[:, :k], ~_in_any(np.isnan(whole))
    if kind == "std_error":
        return _standard_errors(estimate, X)
    of_rows = np.zeros(len(frame))
    if effects:
        if estimate.absorbed_sets:
            of_rows = _effects_of_new_rows(estimate, frame, complete, unseen)
        of_rows = np.where(_are_tied(estimate, frame, whole, unseen), of_rows, np.nan)
    xb = estimate.fit.constant + X @ estimate.fit.coefficients
    y = estimate.terms_of_estimate.outcome_of(frame) if kind == "residual" else xb
    return _chosen(kind, xb, of_rows, y)


def _are_tied(estimate: FittedEstimate, frame: pd.DataFrame, whole: Floats, unseen: str) -> Mask:
    """Whether the terms left out as collinear are what they are in the rows used: else nothing is known."""
    ties, sets = estimate.ties, estimate.absorbed_sets
    codes = [one.codes_in(frame) for one in sets] or [np.zeros(len(frame), dtype=np.intp)]
    loose = np.abs(ties.distance(whole, codes)) > TIED
    loose &= np.logical_and.reduce([at >= 0 for at in codes])[:, None]
    rows = np.flatnonzero(_in_any(loose))
    if len(rows) and unseen == "refuse":
        names = [name for name, free in zip(ties.terms.dropped, _in_any(loose.T), strict=True) if free]
        raise InvalidDataError(
            f"{len(rows)} row(s) of the new data are not identified: {', '.join(names)} was left out of the "
            "estimation as collinear, and here it is not what the other terms and the effects make of it; "
            "leave these rows out, predict with effects=False, or ask for unseen='nan'",
            _named_rows(estimate, frame, rows),
        )
    return ~_in_any(loose)


def _in_any(cells: Mask) -> Mask:
    """Whether any cell of a row is true."""
    found: Mask = np.asarray(cells.any(axis=1))
    return found


def _named_rows(estimate: FittedEstimate, frame: pd.DataFrame, rows: Ints) -> list[str]:
    spec = estimate.specification
    if spec.entity in frame.columns:
        return name_rows(frame, rows, spec.entity, spec.time)
    return [f"row {position + 1}" for position in rows[:LISTED]]


def _chosen(kind: str, xb: Floats, of_rows: Floats, y: Floats) -> Floats:
    if kind == "effects":
        return of_rows
    mean = xb + of_rows
    return y - mean if kind == "residual" else mean


def _standard_errors(estimate: FittedEstimate, X: Floats) -> Floats:
    """Of constant + x'b, by the estimate's covariance of the terms."""
    if estimate.facts.rho is not None:
        raise SpecificationError(
            "the covariance of the constant with AR(1) disturbances is on another scale than the constant "
            "(as in Stata's xtregar): a prediction has no standard error; combine() gives those of slopes"
        )
    Z = np.column_stack([X, np.ones(len(X))])
    errors: Floats = np.sqrt(np.einsum("ij,jk,ik->i", Z, estimate.inference.matrix, Z))
    return errors


def _effects_of_new_rows(
    estimate: FittedEstimate, frame: pd.DataFrame, complete: Mask, unseen: str
) -> Floats:
    """Add up a row's effects; NaN, or refused, where a level or the combination of levels is not known."""
    sets, found = estimate.absorbed_sets, estimate.normalised_effects
    require_columns([c for one in sets for c in one.columns], frame.columns)
    codes = [one.codes_in(frame) for one in sets]
    absent = [frame[list(one.columns)].isna().any(axis=1).to_numpy() for one in sets]
    if unseen == "refuse":
        for one, at, gone in zip(sets, codes, absent, strict=True):
            _refuse_unseen_levels(one, frame, (at < 0) & ~gone & complete)
    known = np.logical_and.reduce([at >= 0 for at in codes])
    total = np.sum([part[at] for part, at in zip(found.effects, codes, strict=True)], axis=0)
    joined = _are_joined(sets, found, codes)
    if unseen == "refuse":
        _refuse_unjoined(estimate, frame, known & complete & ~joined)
    return np.where(known & joined, total, np.nan)


def _refuse_unseen_levels(one: AbsorbedSet, frame: pd.DataFrame, strange: Mask) -> None:
    if strange.any():
        levels = frame.loc[strange, list(one.columns)].drop_duplicates()
        named = [", ".join(map(str, row)) for row in levels.itertuples(index=False)]
        refuse_unseen(one.name, named, int(strange.sum()))


def _are_joined(sets: tuple[AbsorbedSet, ...], found: NormalisedEffects, codes: list[Ints]) -> Mask:
    """Whether the sum of a row's effects is identified.

    It is where the estimation has a row of the same levels, and where the effects are identified one by one
    and all levels are in one connected component.
    """
    first = found.components[0][codes[0]]
    same = np.logical_and.reduce(
        [part[at] == first for part, at in zip(found.components, codes, strict=True)]
    )
    if found.separate:
        return np.asarray(same)
    seen = pd.MultiIndex.from_arrays([one.codes for one in sets])
    return np.asarray(seen.unique().get_indexer(pd.MultiIndex.from_arrays(codes)) >= 0)


def _refuse_unjoined(estimate: FittedEstimate, frame: pd.DataFrame, bad: Mask) -> None:
    if bad.any():
        rows = np.flatnonzero(bad)
        raise InvalidDataError(
            f"{len(rows)} row(s) of the new data combine levels of "
            f"{', '.join(one.name for one in estimate.absorbed_sets)} that no chain of rows of the "
            "estimation connects: the sum of their effects is not identified; leave them out, or ask for "
            "unseen='nan'",
            _named_rows(estimate, frame, rows),
        )
