"""Wald tests: what a test says of itself, and joint tests of linear restrictions on arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, fdtrc

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.inference import Covariance, FittedMoments, carry, orthonormal_rows
from kostnadsvekst.models.notebook_face import Shown
from kostnadsvekst.provenance import UNKNOWN, Provenance

Floats = NDArray[np.float64]

# A restriction is a combination of the ones before it when they leave less than this share of its length.
COLLINEAR = 1e-9
_LISTED = 8


@dataclass(frozen=True, slots=True, repr=False)
class HypothesisTest(Shown):
    """An F test.

    Attributes
    ----------
    name : str
    null : str
        The hypothesis that a small p value speaks against.
    statistic : float
    df_numerator : int
    df_denominator : float
        Infinite where the test is by the chi-squared distribution; the statistic is then chi2 / df_numerator.
    p_value : float
    covariance : str
        Covariance that the test rests on.
    provenance : Provenance
        Origin of the data.
    """

    name: str
    null: str
    statistic: float
    df_numerator: int
    df_denominator: float
    p_value: float
    covariance: str
    provenance: Provenance = field(default=Provenance(UNKNOWN), repr=False, compare=False, kw_only=True)

    def __str__(self) -> str:
        return (
            f"{self.name}: F({self.df_numerator}, {self.df_denominator:.6g}) = {self.statistic:.4g}, "
            f"p = {self.p_value:.4g}; null: {self.null}; covariance {self.covariance}"
        )

    __repr__ = __str__


def wald_of_fit(
    name: str,
    null: str,
    rows: Floats,
    fit: FittedMoments,
    covariance: Covariance,
    values: float | Floats = 0.0,
) -> HypothesisTest:
    """Test p linear restrictions on (b, constant) of a within regression together.

    Parameters
    ----------
    name, null : str
        Of the test, and of its hypothesis.
    rows : (p, k + 1) array
        Weights of the coefficients, the constant's last.
    fit : WithinFit
    covariance : Covariance
    values : float or (p,) array
        What the combinations are under the hypothesis.

    Returns
    -------
    HypothesisTest
        By F(p, df); with the degrees of freedom of a working model by Hotelling's T^2
        (`kostnadsvekst.models.working_model.WorkingModel.hotelling`).

    Raises
    ------
    SpecificationError
        If the restrictions are not independent, or more than the covariance has rank.
    """
    restrictions = _restrictions(rows, fit, values, covariance)
    if restrictions is None:
        raise SpecificationError(
            f"{name} test: {len(rows)} restrictions cannot be tested together with the covariance "
            f"{covariance.description}, whose rank is lower (fewer clusters than restrictions, or one twice)"
        )
    difference, middle, contrasts = restrictions
    share, df = _denominator(covariance, contrasts)
    statistic = share * float(difference @ np.linalg.solve(middle, difference)) / len(rows)
    p_value = float(fdtrc(len(rows), df, statistic))
    return HypothesisTest(name, null, statistic, len(rows), df, p_value, covariance.description)


def wald_of_combinations(
    null: str, difference: Floats, variance: Floats, df: float, covariance: str
) -> HypothesisTest:
    """Test p combinations of coefficients together, given their covariance.

    Parameters
    ----------
    null : str
    difference : (p,) array
        Of the combinations from what they are under the hypothesis.
    variance : (p, p) array
    df : float
        Of the denominator; infinite for the chi-squared test.
    covariance : str
        Its description.

    Raises
    ------
    SpecificationError
        If the covariance of the combinations is not known or not of rank p.
    """
    p = len(difference)
    size = np.sqrt(np.maximum(np.diag(variance), 0.0))
    known = bool(np.isfinite(variance).all() and (size > 0).all())
    middle = variance / np.outer(size, size) if known else variance
    if not known or np.linalg.matrix_rank(middle, hermitian=True) < p:
        raise SpecificationError(
            f"{p} restrictions cannot be tested together: their covariance ({covariance}) is not known, or "
            "its rank is lower; test fewer of them"
        )
    scaled = difference / size
    quadratic = float(scaled @ np.linalg.solve(middle, scaled))
    p_value = float(chdtrc(p, quadratic) if np.isinf(df) else fdtrc(p, df, quadratic / p))
    return HypothesisTest("Wald", null, quadratic / p, p, df, p_value, covariance)


def say_null(names: Sequence[str], value: float = 0.0) -> str:
    """Write the hypothesis that all of some coefficients have a value."""
    more = f" = ... ({len(names) - _LISTED} more)" if len(names) > _LISTED else ""
    return " = ".join(names[:_LISTED]) + f"{more} = {value:g}"


class _Restrictions(NamedTuple):
    """What restrictions say: difference from the null (p,), its covariance, their coordinates."""

    difference: Floats
    middle: Floats
    contrasts: Floats


def _restrictions(
    rows: Floats, fit: FittedMoments, null: float | Floats, covariance: Covariance
) -> _Restrictions | None:
    """Restrictions of length one, on slopes in orthonormal coordinates; None where they are not independent.

    In these coordinates coefficients that are nearly collinear can be tested together: the same hypothesis
    is written as one on orthonormal combinations of R b, whose covariance is far from singular.
    """
    # A constant without an error, which is NaN, says nothing of tests of slopes.
    matrix = covariance.matrix if rows[:, -1].any() else np.nan_to_num(covariance.matrix)
    scale = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", rows, matrix, rows), 0.0))
    if not (scale > 0).all():
        return None
    if covariance.orthonormal is None or rows[:, -1].any():
        b = np.append(fit.coefficients, fit.constant)
        middle = rows @ matrix @ rows.T / np.outer(scale, scale)
        found = _Restrictions((rows @ b - null) / scale, middle, rows @ carry(fit, np.eye(len(b))).T)
    else:
        in_basis = orthonormal_rows(fit, rows[:, :-1])
        length = np.sqrt(np.einsum("ij,ij->i", in_basis, in_basis))
        Q, T = np.linalg.qr((in_basis / length[:, None]).T)
        if np.abs(np.diag(T)).min() <= COLLINEAR:
            return None
        difference = Q.T @ (fit.triangle @ fit.coefficients) - np.linalg.solve(T.T, null / length)
        contrasts = np.column_stack([Q.T, np.zeros(len(rows))])
        found = _Restrictions(difference, Q.T @ covariance.orthonormal @ Q, contrasts)
    size = np.sqrt(np.diag(found.middle))
    rank = np.linalg.matrix_rank(found.middle / np.outer(size, size)) if (size > 0).all() else 0
    return found if rank == len(rows) else None


def _denominator(covariance: Covariance, contrasts: Floats) -> tuple[float, float]:
    """Share of the statistic that has an F distribution, and its denominator's degrees of freedom."""
    if covariance.working is None:
        return 1.0, float(np.max(covariance.df))
    p, eta = len(contrasts), covariance.working.hotelling(contrasts)
    if eta <= p - 1:
        raise SpecificationError(
            f"{p} restrictions cannot be tested together with {covariance.description}: the degrees of "
            f"freedom ({eta:.2g}) are fewer; test fewer of them"
        )
    return (eta - p + 1) / eta, eta - p + 1
