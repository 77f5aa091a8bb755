"""An estimate as the package marginaleffects takes models of packages that it does not know.

Its protocol (marginaleffects 0.6) is no attribute but a class: whatever is an instance of
``marginaleffects.classes.ModelAbstract`` is taken as it is. The class is therefore made when it is asked
for, so that nothing here needs the package.
"""

from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import DataMissingError, SpecificationError
from kostnadsvekst.models.estimate_face import FittedEstimate
from kostnadsvekst.models.grammar import goes_along_time

Floats = NDArray[np.float64]

_PACKAGE = "marginaleffects"
# Its word for columns whose values are names of levels.
_KIND = "character"


def marginaleffects_model(estimate: FittedEstimate) -> Any:
    """Wrap an estimate for ``marginaleffects.predictions``, ``comparisons``, ``slopes`` and their averages.

    Parameters
    ----------
    estimate : Estimate

    Returns
    -------
    marginaleffects.classes.ModelAbstract
        Predictions are constant + x'b + the row's absorbed effects, which are held fixed; coefficients are
        the terms and the constant, with the estimate's covariance. Its tests have the
        estimate's degrees of freedom (the least, where each coefficient has its own).

    Raises
    ------
    DataMissingError
        If the package is not installed.
    SpecificationError
        If a term is lagged or differenced: the package evaluates rows one by one.
    """
    terms = estimate.terms_of_estimate
    known = set(terms.data.columns)
    delayed = [f for f in terms.needed.numeric if f not in known and goes_along_time(f)]
    if delayed:
        raise SpecificationError(
            f"marginaleffects evaluates rows one by one, and {', '.join(delayed)} needs the periods before; "
            "use marginal()"
        )
    try:
        classes, polars = import_module(f"{_PACKAGE}.classes"), import_module("polars")
    except ImportError as error:
        raise DataMissingError(
            f"the package {_PACKAGE} (or what it needs) is not installed ({error}): pip install {_PACKAGE}"
        ) from error
    frame = _model_data(estimate)
    vault = classes.ModelVault(
        coef=estimate.coefficients["estimate"].to_numpy(copy=True),
        coefnames=np.array(estimate.terms),
        # Not None: a missing formula is taken for a text.
        formula=lambda newdata: (None, _design(estimate, newdata.to_pandas())),
        modeldata=polars.from_pandas(frame),
        package="kostnadsvekst",
        vcov=estimate.inference.matrix,
        variable_names=_variables(estimate, frame),
    )
    model = _class_of(classes.ModelAbstract, polars)(estimate, vault)
    for name in _categories(estimate):
        model.set_variable_type(name, _KIND)
    return model


def _class_of(base: Any, polars: Any) -> Any:
    """Make the class: predictions are linear in the coefficients, the absorbed effects the last column."""

    class MarginaleffectsModel(base):  # type: ignore[misc]
        def get_exog(self, newdata: Any) -> Floats:
            return _design(self.model, newdata.to_pandas())

        def get_predict(self, params: Any, newdata: Floats) -> Any:
            values = newdata[:, :-1] @ np.asarray(params) + newdata[:, -1]
            rows = polars.Series(np.arange(len(values)), dtype=polars.Int32)
            return polars.DataFrame({"rowid": rows, "estimate": values})

        @property
        def df_resid(self) -> float:
            """Degrees of freedom of its tests: the least, where each coefficient has its own."""
            return float(np.min(self.model.df))

        def get_vcov(self, vcov: Any = True) -> Any:
            if vcov is True:
                return self.vault.vcov
            if vcov is False or vcov is None:
                return None
            return self.model.with_covariance(vcov).inference.matrix

    return MarginaleffectsModel


def _design(estimate: FittedEstimate, frame: pd.DataFrame) -> Floats:
    """(m, k + 2) columns of the terms, ones, and the row's absorbed effects."""
    X = estimate.terms_of_estimate.columns_of(frame)
    effects = np.zeros(len(frame))
    if estimate.absorbed_sets:
        effects = estimate.predict(frame, kind="effects").to_numpy()
    return np.column_stack([X, np.ones(len(X)), effects])


def _model_data(estimate: FittedEstimate) -> pd.DataFrame:
    """Rows used, with the columns that terms and absorbed sets are made of, and the weights."""
    terms = estimate.terms_of_estimate
    needed = [c for c in terms.needed.sources if c in terms.data.columns]
    return terms.data[needed].iloc[terms.rows].reset_index(drop=True)


def _categories(estimate: FittedEstimate) -> list[str]:
    """Columns whose numbers are names of levels."""
    needed = estimate.terms_of_estimate.needed
    absorbed = [column for one in estimate.absorbed_sets for column in one.columns]
    return [c for c in dict.fromkeys((*needed.categorical, *absorbed)) if c in _model_data(estimate)]


def _variables(estimate: FittedEstimate, frame: pd.DataFrame) -> list[str]:
    """Outcome first, then the columns that the terms are made of."""
    terms = estimate.terms_of_estimate
    return [terms.needed.outcome, *(c for c in terms.sources if c in frame)]
