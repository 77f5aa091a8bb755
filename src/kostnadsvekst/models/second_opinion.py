"""The same specification through linearmodels, as an independent check of our own estimator."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.preparation import prepare
from kostnadsvekst.models.results import CONSTANT
from kostnadsvekst.models.specifications import Specification
from kostnadsvekst.naming import require_columns


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What the other engine says.

    Attributes
    ----------
    coefficients : DataFrame
        Index term (``"constant"`` included), columns estimate, std_error, p_value.
    r_squared : float
        The absorbed effects included.
    engine : str
        Library and version.
    """

    coefficients: pd.DataFrame
    r_squared: float
    engine: str


def ask_linearmodels(spec: Specification, data: pd.DataFrame, dropped: Collection[str] = ()) -> SecondOpinion:
    """Fit a specification by ``linearmodels.PanelOLS`` with entity effects.

    Parameters
    ----------
    spec : Specification
        With classical standard errors.
    data : DataFrame
        With each entity at most once in a period.
    dropped : collection of str
        Terms to leave out as collinear, which PanelOLS does not do by itself.

    Returns
    -------
    SecondOpinion

    Raises
    ------
    SpecificationError
        If the specification asks for other standard errors, whose small-sample conventions differ, or absorbs
        nothing.

    Notes
    -----
    A column of ones beside the entity effects gives the constant of ``areg``; ``rsquared_inclusive`` is its
    R squared. Columns are divided by their standard deviation before and multiplied back after, since
    PanelOLS solves by pseudo-inverse.
    """
    import linearmodels
    from linearmodels.panel import PanelOLS

    if spec.covariance != "classical":
        raise SpecificationError("the second opinion is on classical standard errors only")
    if spec.effects != "entity" or spec.absorb:
        raise SpecificationError("the second opinion is on models with absorbed entity effects alone")
    prepared = prepare(spec, data)
    require_columns([spec.time], data.columns)
    design = prepared.build_design()
    kept = [j for j, term in enumerate(design.terms) if term not in dropped]
    columns = design.columns[:, kept]
    scale = np.append(columns.std(axis=0), 1.0)
    names = [*(design.terms[j] for j in kept), CONSTANT]
    # PanelOLS wants numbers or dates as its time index; the codes of the sorted periods serve for any.
    periods = pd.factorize(prepared.times, sort=True)[0]
    index = pd.MultiIndex.from_arrays([prepared.entities, periods], names=["entity", "time"])
    X = pd.DataFrame(np.column_stack([columns, np.ones(len(periods))]) / scale, index, names)
    y = pd.Series(prepared.outcome, index, name=spec.outcome)
    weights = pd.Series(prepared.weights, index) if spec.weights else None
    fit = PanelOLS(y, X, weights=weights, entity_effects=True).fit()
    coefficients = pd.DataFrame(
        {"estimate": fit.params / scale, "std_error": fit.std_errors / scale, "p_value": fit.pvalues}
    )
    return SecondOpinion(coefficients, fit.rsquared_inclusive, f"linearmodels {linearmodels.__version__}")
