"""How strong instruments are, whether they agree, and what holds however weak they are; on arrays.

Z are the q excluded instruments without what the exogenous regressors explain, in orthonormal coordinates
(Z'WZ = I); D are the p endogenous columns likewise, V their first-stage residuals. Meats are sums over rows,
clusters or periods of the products of moments, without a small-sample factor.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eig
from scipy.special import chdtrc, chndtrix

from kostnadsvekst.models.inference import bartlett_sum, cluster_sums
from kostnadsvekst.models.notebook_face import Shown
from kostnadsvekst.models.two_stages import TwoStages
from kostnadsvekst.provenance import UNKNOWN, Provenance

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
# Meat of (n, m) moments.
Meat = Callable[[Floats], Floats]

# Shares of the worst-case bias for which critical values of the effective F are given.
BIASES = (0.05, 0.10, 0.20, 0.30)
LEVEL = 0.95
# A meat is singular when its least eigenvalue is below this share of the largest.
_SINGULAR = 1e-12
# An eigenvalue is a number when its imaginary part is below this share of its size.
_REAL = 1e-7


@dataclass(frozen=True, slots=True, repr=False)
class InstrumentTest(Shown):
    """A test of or with instruments.

    Attributes
    ----------
    name : str
    null : str
        The hypothesis that a small p value speaks against.
    statistic : float
    distribution : {"F", "chi2"}
    df_numerator : int
    df_denominator : float
        Infinite for chi squared.
    p_value : float
    covariance : str
        Covariance that the test rests on.
    provenance : Provenance
        Origin of the data.
    """

    name: str
    null: str
    statistic: float
    distribution: str
    df_numerator: int
    df_denominator: float
    p_value: float
    covariance: str
    provenance: Provenance = field(default=Provenance(UNKNOWN), repr=False, compare=False, kw_only=True)

    def __str__(self) -> str:
        second = f", {self.df_denominator:.6g}" if self.distribution == "F" else ""
        return (
            f"{self.name}: {self.distribution}({self.df_numerator}{second}) = {self.statistic:.4g}, "
            f"p = {self.p_value:.4g}; null: {self.null}; {self.covariance}"
        )

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class EffectiveF:
    """Effective first-stage F of one endogenous column.

    Attributes
    ----------
    statistic, df : float
        The F, and the effective degrees of freedom of its critical values.
    critical : tuple of (float, float)
        Share of the worst-case bias -> the F above which a larger bias is rejected at 5 per cent.
    """

    statistic: float
    df: float
    critical: tuple[tuple[float, float], ...]

    def __str__(self) -> str:
        values = ", ".join(f"{value:.4g} ({share:.0%})" for share, value in self.critical)
        return (
            f"effective F (Montiel Olea-Pflueger) = {self.statistic:.4g}; critical values for a bias of at "
            f"most that share of the worst case: {values}"
        )


@dataclass(frozen=True, slots=True)
class PartialledOut:
    """Instruments and endogenous columns without the exogenous regressors, times the root of the weights.

    Attributes
    ----------
    Z : (n, q) array
        Orthonormal.
    D, V : (n, p) arrays
        Endogenous columns and their first-stage residuals.
    """

    Z: Floats
    D: Floats
    V: Floats


def partial_out(stages: TwoStages) -> PartialledOut:
    """Take the exogenous regressors out of instruments and endogenous columns."""
    fit, k1 = stages.second, len(stages.regressors)
    root = np.sqrt(fit.weights)[:, None]
    exogenous = np.linalg.qr(fit.instruments_within[:, :k1] * root)[0]

    def rest(columns: Floats) -> Floats:
        # Twice: what rounding left of the exogenous regressors counts where instruments are nearly collinear.
        once = columns - exogenous @ (exogenous.T @ columns)
        left: Floats = once - exogenous @ (exogenous.T @ once)
        return left

    Z = np.linalg.qr(rest(fit.instruments_within[:, k1:] * root))[0]
    return PartialledOut(Z, rest(stages.endogenous_within * root), stages.first_residuals * root)


def sum_over_rows(moments: Floats) -> Floats:
    """Meat robust to heteroskedasticity."""
    meat: Floats = moments.T @ moments
    return meat


def sum_over_clusters(moments: Floats, clusters: Ints) -> Floats:
    """Meat of one clustering."""
    return sum_over_rows(cluster_sums(moments, clusters))


def sum_over_two(moments: Floats, first: Ints, second: Ints) -> Floats:
    """Meat of two clusterings; it may have negative eigenvalues."""
    both = np.unique(np.stack([first, second]), axis=1, return_inverse=True)[1].reshape(-1)
    parts = [sum_over_clusters(moments, codes) for codes in (first, second, both)]
    return parts[0] + parts[1] - parts[2]


def sum_over_periods(moments: Floats, periods: Ints, lags: int) -> Floats:
    """Meat of Driscoll and Kraay's kind; numbers of periods differ by one between neighbours."""
    present, codes = np.unique(periods, return_inverse=True)
    return bartlett_sum(cluster_sums(moments, codes), present, lags)


def is_singular(meat: Floats) -> bool:
    """Whether a meat has no inverse, as where there are more moments than clusters."""
    size = np.sqrt(np.abs(np.diag(meat)))
    if not (size > 0).all():
        return True
    values = np.linalg.eigvalsh(meat / np.outer(size, size))
    return bool(values[0] <= _SINGULAR * values[-1])


def cragg_donald(parts: PartialledOut, df: int) -> float:
    """Cragg and Donald's F: the least eigenvalue of the first stages' explained over unexplained variance.

    Parameters
    ----------
    parts : PartialledOut
    df : int
        Residual degrees of freedom of the first stages.

    Notes
    -----
    Source: Cragg and Donald (1993), Econometric Theory 9, 222-240; Stock and Yogo (2005), equation 2.6. With
    one endogenous column it is the classical first-stage F.
    """
    explained = parts.Z.T @ parts.D
    R = np.asarray(np.linalg.qr(parts.V, mode="r"))
    turned = np.linalg.solve(R.T, explained.T)
    return float(np.linalg.eigvalsh(turned @ turned.T)[0] * df / parts.Z.shape[1])


def kleibergen_paap(parts: PartialledOut, meat: Meat | None, df: int, *, wald: bool) -> float:
    """Kleibergen and Paap's rk statistic that the first stages have rank p - 1; chi squared with q - p + 1.

    Parameters
    ----------
    parts : PartialledOut
    meat : callable, optional
        Meat of the moments; without it errors are independent and of equal variance.
    df : int
        Rows less absorbed effects, over which that variance is a mean.
    wald : bool
        Whether the moments' variance is that of the first-stage residuals, or (the LM form) that of the
        endogenous columns themselves.

    Returns
    -------
    float
        NaN where the variance of the moments is singular.

    Notes
    -----
    Source: Kleibergen and Paap (2006), Journal of Econometrics 133, 97-126, equations 3 to 9 and theorem 1.
    """
    p = parts.D.shape[1]
    noise = parts.V if wald else parts.D
    R = np.asarray(np.linalg.qr(noise, mode="r"))
    U = np.linalg.solve(R.T, noise.T).T
    theta = np.linalg.solve(R.T, (parts.Z.T @ parts.D).T).T
    left, _, right = np.linalg.svd(theta)
    A = left[:, p - 1 :] @ _polar(left[p - 1 :, p - 1 :])
    B = _polar(right[p - 1 :, p - 1 :]) @ right[p - 1 :, :]
    # Moments along the directions that have no instrument if the rank is p - 1.
    rest = (parts.Z @ A) * (U @ B.T)
    S = np.eye(rest.shape[1]) / df if meat is None else meat(rest)
    if is_singular(S):
        return float("nan")
    moved = (A.T @ theta @ B.T)[:, 0]
    return float(moved @ np.linalg.solve(S, moved))


def _polar(block: Floats) -> Floats:
    """Orthogonal matrix nearest to a block's inverse, M^-1 (M M')^(1/2)."""
    left, _, right = np.linalg.svd(block)
    turned: Floats = right.T @ left.T
    return turned


def effective_f(gram: Floats, coefficients: Floats, covariance: Floats) -> EffectiveF:
    """Effective F of Montiel Olea and Pflueger, and its critical values.

    Parameters
    ----------
    gram : (q, q) array
        Z'WZ of the instruments without the exogenous regressors.
    coefficients : (q,) array
        Of the instruments in the first stage.
    covariance : (q, q) array
        Theirs, of any kind.

    Notes
    -----
    pi'Z'WZ pi over the trace of V(pi) Z'WZ. Critical values are those of the simplified test: the 95th
    percentile of a noncentral chi squared with effective degrees of freedom K and noncentrality K/tau,
    divided by K. Source: Montiel Olea and Pflueger (2013), JBES 31, 358-369, section 3 and equation 8.
    """
    product = covariance @ gram
    trace = float(np.trace(product))
    statistic = float(coefficients @ gram @ coefficients) / trace
    largest = float(np.linalg.eigvals(product).real.max())
    squares = float(np.trace(product @ product))
    critical = []
    for share in BIASES:
        x = 1 / share
        df = trace**2 * (1 + 2 * x) / (squares + 2 * x * trace * largest)
        critical.append((share, float(chndtrix(LEVEL, df, x * df)) / df))
    df = trace**2 * (1 + 2 / BIASES[1]) / (squares + 2 / BIASES[1] * trace * largest)
    return EffectiveF(statistic, df, tuple(critical))


def overidentification(stages: TwoStages, meat: Meat | None, df: int) -> tuple[float, float] | None:
    """Sargan's or Hansen's J and its p value, chi squared with q - p; None where the moments are singular.

    Parameters
    ----------
    stages : TwoStages
    meat : callable, optional
        Meat of the moments; without it Sargan's, e'PZ e over e'e / `df`.
    df : int
        Rows less absorbed effects.

    Notes
    -----
    Hansen's J is that of two-step GMM, whose weights are the inverse meat of the residuals of two-stage least
    squares. Source: Sargan (1958), Econometrica 26; Hansen (1982), Econometrica 50, lemma 4.2; Baum,
    Schaffer and Stillman (2003), Stata Journal 3, sections 2.4 and 4.
    """
    fit = stages.second
    root = np.sqrt(fit.weights)[:, None]
    Q = np.linalg.qr(fit.instruments_within * root)[0]
    e = fit.residuals * root[:, 0]
    restrictions = len(stages.instruments) - len(stages.first)
    if meat is None:
        moments = Q.T @ e
        J = float(moments @ moments / (e @ e) * df)
        return J, float(chdtrc(restrictions, J))
    S = meat(Q * e[:, None])
    if is_singular(S) or np.linalg.eigvalsh(S)[0] <= 0:
        return None
    half = np.linalg.cholesky(S)
    X = np.linalg.solve(half, Q.T @ (fit.regressors_within * root))
    moments = np.linalg.solve(half, Q.T @ e)
    left = moments - X @ np.linalg.lstsq(X, moments, rcond=None)[0]
    J = float(left @ left)
    return J, float(chdtrc(restrictions, J))


@dataclass(frozen=True, slots=True)
class QuadraticFamily:
    """Coefficients delta(t) = d0 + d1 t (q,) whose covariance is V0 + V1 t + V2 t^2."""

    coefficients: tuple[Floats, Floats]
    covariances: tuple[Floats, Floats, Floats]

    def statistic(self, t: float) -> float:
        """Wald statistic over q that all coefficients are zero at t."""
        (d0, d1), (V0, V1, V2) = self.coefficients, self.covariances
        delta = d0 + d1 * t
        return float(delta @ np.linalg.solve(V0 + V1 * t + V2 * t**2, delta)) / len(delta)


def quadratic_through(points: Sequence[float], values: Sequence[Floats]) -> tuple[Floats, Floats, Floats]:
    """Give the coefficients of the matrix polynomial of degree two through three points."""
    powers = np.vander(np.asarray(points, dtype=float), 3, increasing=True)
    solved = np.linalg.solve(powers, np.stack([v.ravel() for v in values]))
    shape = values[0].shape
    return solved[0].reshape(shape), solved[1].reshape(shape), solved[2].reshape(shape)


def accepted_set(family: QuadraticFamily, critical: float) -> tuple[tuple[float, float], ...] | None:
    """Values t at which the Wald statistic is at most a critical value, as intervals in order.

    None where V(t) is not positive definite for some t, as that of two-way clusters may be.

    Notes
    -----
    The bounds are roots of det(V(t) - delta(t) delta(t)' / (q c)), a quadratic eigenvalue problem. The
    set may be empty, the whole line, or two rays.
    """
    (d0, d1), (V0, V1, V2) = family.coefficients, family.covariances
    q = len(d0)
    scale = 1 / (q * critical)
    A = V0 - scale * np.outer(d0, d0)
    B = V1 - scale * (np.outer(d0, d1) + np.outer(d1, d0))
    C = V2 - scale * np.outer(d1, d1)
    bounds = sorted({-np.inf, *_real_roots(A, B, C), *_real_roots(V0, V1, V2), np.inf})
    inside: list[tuple[float, float]] = []
    for low, high in pairwise(bounds):
        t = _between(low, high)
        if is_singular(V0 + V1 * t + V2 * t**2):
            return None
        if family.statistic(t) <= critical:
            joined = bool(inside) and inside[-1][1] == low
            inside.append((inside.pop()[0], high) if joined else (low, high))
    return tuple(inside)


def _real_roots(A: Floats, B: Floats, C: Floats) -> list[float]:
    """Real t at which A + B t + C t^2 is singular."""
    zero, one = np.zeros_like(A), np.eye(len(A))
    roots = eig(np.block([[zero, one], [-A, -B]]), np.block([[one, zero], [zero, C]]), right=False)
    return [float(r.real) for r in roots if np.isfinite(r) and abs(r.imag) <= _REAL * max(1.0, abs(r))]


def _between(low: float, high: float) -> float:
    if np.isinf(low) and np.isinf(high):
        return 0.0
    if np.isinf(low):
        return high - max(1.0, abs(high))
    return low + max(1.0, abs(low)) if np.isinf(high) else (low + high) / 2
