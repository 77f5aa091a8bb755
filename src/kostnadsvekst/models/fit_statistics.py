"""Measures of fit of a least squares regression, by Stata's definitions."""

from dataclasses import dataclass

import numpy as np
from scipy.special import fdtrc

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Sentence
from kostnadsvekst.models.hypotheses import HypothesisTest

COUNTS = ("terms", "all")
# A fit without residuals beyond the rounding of the outcome's own size has no likelihood.
_ROUNDING = 1e-11


@dataclass(frozen=True, slots=True)
class FitStatistics:
    """Measures of fit.

    Attributes
    ----------
    n_obs : int
    n_parameters : int
        Counted in the criteria.
    log_likelihood, aic, bic, root_mse : float
    """

    n_obs: int
    n_parameters: int
    log_likelihood: float
    aic: float
    bic: float
    root_mse: float


def fit_statistics(
    *, n: int, k: int, n_effects: int, ssr: float, squares: float, count: str
) -> FitStatistics:
    """Measures of fit from sums of squares with weights that sum to n.

    Parameters
    ----------
    n, k, n_effects : int
        Rows, slopes, and independent effects, the constant among them.
    ssr, squares : float
        Sums of squares of the residuals, and of the outcome around zero.
    count : {"terms", "all"}
        As in `kostnadsvekst.Estimate.fit_statistics`.

    Raises
    ------
    SpecificationError
        For an unknown count, or if nothing is left beside rounding.
    """
    if count not in COUNTS:
        raise SpecificationError(f"unknown count {count!r}; known: {', '.join(COUNTS)}")
    if ssr <= _ROUNDING**2 * squares:
        raise SpecificationError("the model fits every row: without residuals there is no likelihood")
    parameters = k + (1 if count == "terms" else n_effects)
    log_likelihood = -n / 2 * (1 + np.log(2 * np.pi) + np.log(ssr / n))
    return FitStatistics(
        n_obs=n,
        n_parameters=parameters,
        log_likelihood=float(log_likelihood),
        aic=float(-2 * log_likelihood + 2 * parameters),
        bic=float(-2 * log_likelihood + parameters * np.log(n)),
        root_mse=float(np.sqrt(ssr / (n - n_effects - k))),
    )


def f_of_effects(pooled: float, ssr: float, added: int, df: int) -> HypothesisTest:
    """F test of effects by the sums of squared residuals without and with them.

    Parameters
    ----------
    pooled, ssr : float
        Without and with the effects.
    added : int
        Number of independent effects beside the constant.
    df : int
        Degrees of freedom with them.
    """
    if not added:
        raise SpecificationError("one absorbed effect is the constant: there is nothing to test")
    statistic = (pooled - ssr) / added / (ssr / df)
    p_value = float(fdtrc(added, df, statistic))
    null = Sentence("absorbed effects do not differ", "de absorberte effektene er like")
    return HypothesisTest(
        Sentence("F of effects", "F av effektene"),
        null,
        float(statistic),
        added,
        df,
        p_value,
        Sentence("classical (homoskedastic)", "klassiske (homoskedastiske)"),
    )
