"""Difference between a treated and a control group in the change of an outcome, adjusted for covariates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ADJUSTMENTS = ("doubly_robust", "regression", "weighting")
# Controls that resemble the treated this much are left out, and beyond the second nobody is comparable.
_TRIM = 0.995
_NO_OVERLAP = 0.999
_COLLINEAR = 1e-12
_STEPS = 60


@dataclass(frozen=True, slots=True)
class Contrast:
    """An effect with the contributions of n units to its error: the variance is their sum of squares."""

    estimate: float
    influence: Floats


@dataclass(frozen=True, slots=True)
class _Part:
    """A weighted mean over units, (n,) contributions to its error."""

    mean: float
    influence: Floats


def compare_means(change: Floats, w: Floats, treated: Bools) -> Contrast:
    """Weighted mean change of the treated less that of the others.

    Parameters
    ----------
    change, w : (n,) arrays
        Change of the outcome; weights.
    treated : (n,) boolean array
    """
    influence, means = np.zeros(len(change)), []
    for group, sign in ((treated, 1.0), (~treated, -1.0)):
        total = w[group].sum()
        mean = w[group] @ change[group] / total
        influence[group] += sign * w[group] * (change[group] - mean) / total
        means.append(mean)
    return Contrast(float(means[0] - means[1]), influence)


def compare_adjusted(change: Floats, covariates: Floats, w: Floats, treated: Bools, how: str) -> Contrast:
    """Effect on the treated under parallel trends among units with the same covariates.

    Parameters
    ----------
    change, w : (n,) arrays
    covariates : (n, K) array
        Without a constant.
    treated : (n,) boolean array
    how : {"doubly_robust", "regression", "weighting"}
        By the controls' regression on the covariates and the odds of the propensity score, or one of both.

    Returns
    -------
    Contrast
        Its error counts that of the regression and of the propensity score.

    Raises
    ------
    SpecificationError
        If the covariates do not identify it: they are collinear, or foretell who is treated.

    Notes
    -----
    Sant'Anna and Zhao (2020), equations 2.2 to 2.4 and theorem A.1 with least squares and maximum
    likelihood for the nuisance parts, as R's DRDID; controls with a propensity score above 0.995 are left
    out.
    """
    w = w / w.mean()
    X = _standardise(covariates, w)
    n = len(change)
    kept = np.ones(n, dtype=bool)
    odds, propensity_error = np.zeros(n), np.zeros((n, X.shape[1]))
    if how != "regression":
        score, propensity_error = _propensity(X, w, treated)
        kept = treated | (score < _TRIM)
        odds = np.where(treated | ~kept, 0.0, score / (1 - score))
    residual, regression_error = change, np.zeros((n, X.shape[1]))
    if how != "weighting":
        residual, regression_error = _regress_on_controls(change, X, w, treated)
    effect = _group_mean(residual, X, np.where(treated, w, 0.0), regression_error)
    if how == "regression":
        return Contrast(effect.mean, effect.influence)
    v = odds * w
    rest = _group_mean(residual, X, v, regression_error)
    slope = (v * (residual - rest.mean)) @ X / v.sum()
    return Contrast(effect.mean - rest.mean, effect.influence - rest.influence - propensity_error @ slope)


def _group_mean(residual: Floats, X: Floats, v: Floats, regression_error: Floats) -> _Part:
    """Weighted mean of residuals; its error by itself and by the regression's coefficients."""
    total = v.sum()
    mean = float(v @ residual / total)
    return _Part(mean, v * (residual - mean) / total - regression_error @ (v @ X / total))


def _standardise(covariates: Floats, w: Floats) -> Floats:
    """Constant and covariates of mean zero and spread one: the same regressions, better conditioned."""
    center = w @ covariates / w.sum()
    spread = np.sqrt(w @ (covariates - center) ** 2 / w.sum())
    # A column without spread is left at zero: it says nothing beside the constant.
    flat = spread <= _COLLINEAR * np.maximum(np.abs(center), 1e-300)
    scaled = np.where(flat, 0.0, (covariates - center) / np.where(flat, 1.0, spread))
    return np.column_stack([np.ones(len(covariates)), scaled[:, ~flat]])


def _regress_on_controls(change: Floats, X: Floats, w: Floats, treated: Bools) -> tuple[Floats, Floats]:
    """Change less what the controls' regression foretells; (n, K) contributions to the coefficients."""
    v = np.where(treated, 0.0, w)
    inverse = _inverse((X * v[:, None]).T @ X, "the covariates are collinear among the controls")
    residual = change - X @ (inverse @ (X.T @ (v * change)))
    return residual, (X * (v * residual)[:, None]) @ inverse


def _propensity(X: Floats, w: Floats, treated: Bools) -> tuple[Floats, Floats]:
    """Logit scores by maximum likelihood; (n, K) contributions to the coefficients."""
    D, b = treated.astype(np.float64), np.zeros(X.shape[1])
    _inverse((X * w[:, None]).T @ X, "the covariates are collinear")
    score = _logistic(X @ b)
    for _ in range(_STEPS):
        information = (X * (w * score * (1 - score))[:, None]).T @ X
        step = _inverse(information, _SEPARATED) @ (X.T @ (w * (D - score)))
        b = b + step
        score = _logistic(X @ b)
        if score.max() >= _NO_OVERLAP:
            raise SpecificationError(_SEPARATED)
        if np.abs(step).max() < 1e-10:
            information = (X * (w * score * (1 - score))[:, None]).T @ X
            errors = (X * (w * (D - score))[:, None]) @ _inverse(information, _SEPARATED)
            return score, errors
    raise SpecificationError(_SEPARATED)


def _logistic(z: Floats) -> Floats:
    value: Floats = 1 / (1 + np.exp(-np.clip(z, -500, 500)))
    return value


def _inverse(gram: Floats, problem: str) -> Floats:
    values, vectors = np.linalg.eigh(gram)
    if not values[0] > _COLLINEAR * values[-1]:
        raise SpecificationError(problem)
    inverse: Floats = (vectors / values) @ vectors.T
    return inverse


_SEPARATED = "the covariates foretell who is treated (no overlap)"
