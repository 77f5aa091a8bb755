"""Terms that were left out as collinear: what ties them to the terms and effects that an estimate has.

With columns left out the coefficients are determined up to changes that make no difference in the rows
used. What is computed of them elsewhere, a derivative or a prediction, is identified where these make none
there either.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kostnadsvekst.models.absorption import project, read_sets
from kostnadsvekst.models.new_data import TermsOfEstimate

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# A column that is off its ties by less than this share of its size is not: rounding.
TIED = 1e-7


@dataclass(frozen=True)
class Ties:
    """How columns left out are made of the k kept ones and effects of the absorbed sets.

    Attributes
    ----------
    terms : TermsOfEstimate
        Kept terms and, behind them, those left out.
    weights : (k, dropped) array
        Of the kept columns.
    effects : tuple of (G_j, dropped) arrays
        Beside them, of each set's levels.
    size : (dropped,) array
        Root mean squares of the columns left out; one for a column of zeros.
    """

    terms: TermsOfEstimate
    weights: Floats
    effects: tuple[Floats, ...]
    size: Floats

    def distance(self, columns: Floats, codes: Sequence[Ints]) -> Floats:
        """(m, dropped) distances of columns left out from their ties, as shares of their size.

        Parameters
        ----------
        columns : (m, k + dropped) array
        codes : sequence of (m,) integer arrays
            Levels of each absorbed set.
        """
        k = len(self.weights)
        tied = columns[:, :k] @ self.weights
        for effects, at in zip(self.effects, codes, strict=True):
            tied += effects[at]
        return (columns[:, k:] - tied) / self.size


def find_ties(terms: TermsOfEstimate, codes: Sequence[Ints]) -> Ties:
    """Find what ties the terms left out.

    Parameters
    ----------
    terms : TermsOfEstimate
    codes : sequence of (n,) integer arrays
        Levels of each absorbed set in the rows used; one constant where nothing was absorbed.
    """
    k = len(terms.terms)
    if not terms.dropped:
        return Ties(
            terms, np.empty((k, 0)), tuple(np.empty((int(at.max()) + 1, 0)) for at in codes), np.empty(0)
        )
    whole = replace(terms, terms=(*terms.terms, *terms.dropped))
    columns = whole.columns_of(terms.data, rows=terms.rows)
    projection = project(columns, np.ones(len(columns)), read_sets(codes))
    within = projection.within
    length = np.linalg.norm(within[:, :k], axis=0)
    weights = np.linalg.lstsq(within[:, :k] / length, within[:, k:], rcond=None)[0] / length[:, None]
    effects = tuple(one[:, k:] - one[:, :k] @ weights for one in projection.effects)
    size = np.sqrt(np.mean(columns[:, k:] ** 2, axis=0))
    return Ties(whole, weights, effects, np.where(size > 0, size, 1.0))
