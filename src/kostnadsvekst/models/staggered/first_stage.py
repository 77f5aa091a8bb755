"""A regression of untreated rows on sets of effects and covariates, extended to every row.

The largest set of effects is taken out of the others first, so that what is solved for is small.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_array, hstack

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

_COLLINEAR = 1e-10
_ZERO = 1e-12
_SAME = 1e-6


@dataclass(frozen=True, slots=True)
class FirstStage:
    """Weighted least squares on the untreated among n rows.

    Attributes
    ----------
    lead : (n,) integer array
        Codes of the largest set of effects, L levels.
    rest : (n, r) sparse array
        Dummies of the other sets, and covariates.
    weights : (n,) array
        Zero where a row is not used.
    total : (L,) array
        Sums of weights by level, 1 where there is none.
    shared : (L, r) array
        Sums of weights times the columns of the rest.
    basis : (r, k) array
        Of the part of the rest that the untreated rows identify.
    factor : tuple
        Cholesky factor of the normal equations in that basis.
    identified : (n,) boolean array
        Rows whose fitted value every solution of the normal equations shares.
    """

    lead: Ints
    rest: csr_array
    weights: Floats
    total: Floats
    shared: Floats
    basis: Floats
    factor: tuple[Floats, bool]
    identified: Bools

    def solve(self, by_level: Floats, by_column: Floats) -> tuple[Floats, Floats]:
        """Solve the normal equations for right-hand sides.

        Parameters
        ----------
        by_level : (L, m) array
        by_column : (r, m) array

        Returns
        -------
        (L, m) effects of the largest set and (r, m) coefficients of the rest
        """
        mean = by_level / self.total[:, None]
        inner = self.basis.T @ (by_column - self.shared.T @ mean)
        coefficients = self.basis @ cho_solve(self.factor, inner)
        return mean - self.shared @ coefficients / self.total[:, None], coefficients

    def fitted(self, y: Floats) -> Floats:
        """(n,) fitted values of every row, by the effects and coefficients of the untreated ones."""
        by_level = np.zeros(len(self.total))
        np.add.at(by_level, self.lead, self.weights * y)
        by_column = self.rest.T @ (self.weights * y)
        effects, coefficients = self.solve(by_level[:, None], by_column[:, None])
        fitted: Floats = effects[self.lead, 0] + self.rest @ coefficients[:, 0]
        return fitted


def build_first_stage(
    effects: Sequence[Ints], covariates: Floats, weights: Floats, untreated: Bools
) -> FirstStage:
    """Prepare the regression, and find out which rows it says something about.

    Parameters
    ----------
    effects : sequence of (n,) integer arrays
        Codes of one set of effects or more.
    covariates : (n, K) array
    weights : (n,) array
        Positive.
    untreated : (n,) boolean array

    Returns
    -------
    FirstStage

    Notes
    -----
    A row is identified if its columns lie in the space that the untreated rows' columns span. For unit and
    period effects that is so if a chain of untreated rows connects its unit with its period.
    """
    lead, *others = sorted((_compact(codes) for codes in effects), key=lambda c: -int(c.max()))
    rest = csr_array(hstack([*(_dummies(codes) for codes in others), _scaled(covariates, untreated)]))
    n_levels = int(lead.max()) + 1
    once = untreated.astype(np.float64)
    total, shared, plain = _reduced(lead, rest, once, n_levels)
    seen = np.isin(np.arange(n_levels), lead[untreated])
    basis, length, null = _identified_part(plain, rest, once)
    inside = _inside(lead, csr_array(rest / length), shared / total[:, None] / length, null)
    used = weights * once
    total, shared, gram = _reduced(lead, rest, used, n_levels)
    inner = basis.T @ gram @ basis
    return FirstStage(
        lead, rest, used, total, shared, basis, cho_factor(inner, lower=True), seen[lead] & inside
    )


def _inside(lead: Ints, rest: csr_array, mean: Floats, null: Floats) -> Bools:
    """Rows whose columns, less their level's mean, have nothing in the null space; all in scaled columns."""
    outside = np.abs(rest @ null - (mean @ null)[lead]).max(axis=1, initial=0.0)
    squares: Floats = np.asarray(rest.multiply(rest).sum(axis=1)).ravel()
    size = np.sqrt(squares) + np.sqrt((mean**2).sum(axis=1))[lead]
    inside: Bools = outside <= _SAME * np.maximum(size, _SAME)
    return inside


def _reduced(lead: Ints, rest: csr_array, w: Floats, n_levels: int) -> tuple[Floats, Floats, Floats]:
    """Add up weights by level and the rest by level; the rest's Gram matrix without the levels."""
    sums = np.zeros(n_levels)
    np.add.at(sums, lead, w)
    total = np.where(sums > 0, sums, 1.0)
    levels = csr_array((w, (lead, np.arange(len(lead)))), shape=(n_levels, len(lead)))
    shared: Floats = (levels @ rest).toarray()
    weighted = rest.multiply(w[:, None])
    gram: Floats = (rest.T @ weighted).toarray() - shared.T @ (shared / total[:, None])
    return total, shared, gram


def _identified_part(gram: Floats, rest: csr_array, once: Floats) -> tuple[Floats, Floats, Floats]:
    """Basis (r, k) of what is identified, lengths (r,), and the (r, r - k) null space in scaled columns."""
    if not len(gram):
        return np.empty((0, 0)), np.empty(0), np.empty((0, 0))
    whole = rest.multiply(rest).T @ once
    length = np.sqrt(np.maximum(np.diag(gram), 0.0))
    empty = length**2 <= _ZERO * np.maximum(whole, _ZERO)
    length = np.where(empty, 1.0, length)
    scaled = np.where(empty | empty[:, None], 0.0, gram / np.outer(length, length))
    values, vectors = np.linalg.eigh(scaled)
    kept = values > _COLLINEAR * max(values[-1], 1.0)
    return vectors[:, kept] / length[:, None], length, vectors[:, ~kept]


def _compact(codes: Ints) -> Ints:
    return np.unique(codes, return_inverse=True)[1].astype(np.intp)


def _dummies(codes: Ints) -> csr_array:
    n = len(codes)
    return csr_array((np.ones(n), (np.arange(n), codes)), shape=(n, int(codes.max()) + 1))


def _scaled(covariates: Floats, untreated: Bools) -> csr_array:
    """Covariates of mean zero and spread one among the untreated: the same fit, better conditioned."""
    center = covariates[untreated].mean(axis=0)
    spread = covariates[untreated].std(axis=0)
    return csr_array((covariates - center) / np.where(spread > 0, spread, 1.0))
