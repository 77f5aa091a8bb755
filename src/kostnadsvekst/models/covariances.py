"""The covariance that a specification asks for, computed from the arrays of a fit and the data's columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.models import inference
from kostnadsvekst.models.jackknife import jackknife
from kostnadsvekst.models.wild_bootstrap import wild_covariance
from kostnadsvekst.naming import require_columns

Ints = NDArray[np.intp]
_LISTED = 10


@dataclass(frozen=True)
class Grouping:
    """Columns of the rows used, as codes for clustering.

    Attributes
    ----------
    entity, time : str
    known : mapping of str to (n,) integer array
        Codes that are at hand already.
    data : DataFrame, optional
        Where other columns are.
    rows : (n,) integer array
        Positions of the rows used in the data.
    """

    entity: str
    time: str
    known: Mapping[str, Ints]
    data: pd.DataFrame | None = field(repr=False)
    rows: Ints = field(repr=False)

    def codes(self, column: str) -> Ints:
        """Codes 0, 1, ... of a column's sorted levels.

        Raises
        ------
        DataMissingError
            If the column does not exist.
        InvalidDataError
            If it has missing values in rows that are used.
        """
        if column in self.known:
            return self.known[column]
        if self.data is None:
            raise SpecificationError(f"the estimate has no data to take the column {column!r} from")
        require_columns([column], self.data.columns)
        values = self.data[column].iloc[self.rows]
        codes: Ints = pd.factorize(values, sort=True)[0]
        missing = np.flatnonzero(codes < 0)
        if len(missing):
            where = self.data[[self.entity, self.time]].iloc[self.rows[missing[:_LISTED]]]
            listed = [f"{self.entity} {e} {self.time} {t}" for e, t in where.itertuples(index=False)]
            raise InvalidDataError(f"clusters {column!r} are missing in {len(missing)} row(s)", listed)
        return codes


def compute_covariance(
    choice: str | tuple[str, ...],
    fit: inference.FittedMoments,
    grouping: Grouping,
    *,
    convention: str = "areg",
    names: Sequence[str] = (),
    **options: Any,
) -> inference.Covariance:
    """Covariance of a fit.

    Parameters
    ----------
    choice : str or tuple of str
        The covariance of a `Specification`.
    fit : WithinFit
    grouping : Grouping
    convention : {"areg", "xtreg", "none"}
        Small-sample factor, see `kostnadsvekst.models.inference.clustered`.
    names : sequence of str
        Of the k columns.
    **options
        For driscoll_kraay: ``lags``. For wild_cluster: ``draws`` (9,999), ``seed``, ``distribution``
        (``"rademacher"`` or ``"webb"``), ``terms`` (all).

    Raises
    ------
    SpecificationError
        If there are fewer than two clusters, or an option does not belong to the kind.
    """
    kind, *columns = (choice,) if isinstance(choice, str) else choice
    allowed = _OPTIONS.get(kind, ())
    foreign = sorted(set(options) - set(allowed))
    if foreign:
        raise SpecificationError(
            f"the covariance {kind!r} has no option {', '.join(foreign)}"
            + (f"; it has {', '.join(allowed)}" if allowed else "")
        )
    if kind == "classical":
        return inference.classical(fit)
    if kind == "hc1":
        return inference.hc1(fit)
    if kind == "driscoll_kraay":
        return inference.driscoll_kraay(fit, grouping.codes(grouping.time), convention=convention, **options)
    if kind == "twoway":
        first, second = columns or (grouping.entity, grouping.time)
        codes = grouping.codes(first), grouping.codes(second)
        return inference.twoway_clustered(fit, *codes, convention, (first, second))
    clusters = grouping.codes(columns[0] if columns else grouping.entity)
    if kind == "cluster":
        return inference.clustered(fit, clusters, convention)
    if kind == "jackknife":
        return jackknife(fit, clusters)
    return wild_covariance(fit, clusters, convention, names=names, **options)


_OPTIONS = {"driscoll_kraay": ("lags",), "wild_cluster": ("draws", "seed", "distribution", "terms")}
