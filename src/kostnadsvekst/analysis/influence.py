"""Influence of single units on an estimate, and what the weighting does to it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.fixed_effects import Estimate, estimate
from kostnadsvekst.models.jackknife import LeaveOneOut, leave_one_out
from kostnadsvekst.models.notebook_face import Shown
from kostnadsvekst.models.specifications import dummies_of
from kostnadsvekst.naming import nearest_names
from kostnadsvekst.threads import one_thread


@dataclass(frozen=True, repr=False)
class Influence(Shown):
    """Estimates without each unit.

    Attributes
    ----------
    estimate : Estimate
    column : str
        Whose levels are left out, one at a time.
    units : Index
        The M levels.
    left_out : LeaveOneOut
        Arrays over units and terms.
    """

    estimate: Estimate
    column: str
    units: pd.Index
    left_out: LeaveOneOut

    @property
    def coefficients(self) -> pd.DataFrame:
        """Coefficients without each unit: units x terms."""
        return pd.DataFrame(self.left_out.coefficients, self.units, list(self.estimate.terms))

    def of(self, term: str) -> pd.DataFrame:
        """Influence on one coefficient, the most influential unit first.

        Parameters
        ----------
        term : str

        Returns
        -------
        DataFrame
            Index unit; ``estimate_without``, ``change`` (without minus with), ``change_in_se`` (the change
            in standard errors of the estimate's own covariance), ``std_error_without`` (classical; NaN for
            the constant), ``weight_share`` (of the sum of weights).

        Raises
        ------
        SpecificationError
            If the term does not exist.
        """
        if term not in self.estimate.terms:
            raise SpecificationError(f"not among the terms: {nearest_names([term], self.estimate.terms)}")
        j = self.estimate.terms.index(term)
        line = self.estimate.coefficients.iloc[j]
        without = self.left_out.coefficients[:, j]
        errors = self.left_out.std_error
        frame = pd.DataFrame(
            {
                "estimate_without": without,
                "change": without - line["estimate"],
                "change_in_se": (without - line["estimate"]) / line["std_error"],
                "std_error_without": errors[:, j] if j < errors.shape[1] else np.nan,
                "weight_share": self.left_out.weight_share,
            },
            index=self.units,
        )
        # Not identified without the unit comes first: no influence is larger.
        order = np.argsort(-np.nan_to_num(frame["change"].abs().to_numpy(), nan=np.inf), kind="stable")
        return frame.iloc[order]


@one_thread
def influence(fitted: Estimate, by: str | None = None) -> Influence:
    """Leave out each unit in turn, in closed form.

    Parameters
    ----------
    fitted : Estimate
        With absorbed entity effects.
    by : str, optional
        Column whose levels are left out; every entity must be inside one level. Without it the entity.

    Raises
    ------
    SpecificationError
        If entities span levels, there are fewer than two levels, or further sets of effects are absorbed.
    DataMissingError
        If the column does not exist.

    Notes
    -----
    See `kostnadsvekst.models.jackknife.leave_one_out`: equal to fitting again without the unit.
    """
    if type(fitted) is not Estimate or fitted.data is None:
        raise SpecificationError("influence is on estimates of kostnadsvekst.estimate with their data")
    if fitted.fit.absorbed:
        raise SpecificationError(
            f"influence is on one set of absorbed effects: write "
            f"{dummies_of(fitted.specification.absorb)} among the regressors instead of absorbing"
        )
    column = by or fitted.specification.entity
    codes = fitted.grouping.codes(column)
    levels = fitted.data[column].iloc[fitted.rows]
    _, first = np.unique(codes, return_index=True)
    units = pd.Index(levels.to_numpy()[first], name=column)
    return Influence(fitted, column, units, leave_one_out(fitted.fit, codes))


def compare_weights(fitted: Estimate) -> dict[str, Estimate]:
    """Fit the specification weighted, unweighted, and weighted without the unit of the largest weight.

    Parameters
    ----------
    fitted : Estimate
        With weights.

    Returns
    -------
    dict
        ``"weighted"`` (as given), ``"unweighted"``, ``"without_largest"``.

    Raises
    ------
    SpecificationError
        If the estimate has no weights.
    """
    spec = fitted.specification
    if type(fitted) is not Estimate or spec.weights is None or fitted.data is None:
        raise SpecificationError("the estimate has no weights to compare with none")
    units = fitted.data[spec.entity].iloc[fitted.rows]
    shares = pd.Series(fitted.fit.weights, index=units.to_numpy()).groupby(level=0).sum()
    others = fitted.data[(fitted.data[spec.entity] != shares.idxmax()).to_numpy()]
    return {
        "weighted": fitted,
        "unweighted": estimate(spec.vary(weights=None), fitted.data),
        "without_largest": estimate(spec, others),
    }
