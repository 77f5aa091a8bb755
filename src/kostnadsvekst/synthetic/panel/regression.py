r"""Table A3 as a function of the design matrix, the weights and model 4.

With the coefficients b4 and the residual variance of model 4 given, expenditure is not needed for models
1 to 3. Let ``G = Z~'WZ~`` (Z~ demeaned by unit), ``V_m`` the inverse of the leading block of G padded with
zeros, and ``delta_m = b4 - b_m``. Then

    b_m = V_m G b4,  SSR_m = SSR_4 + delta_m' G delta_m,  sigma_m^2 = SSR_m / df_m,
    SE_mj = sigma_m sqrt(V_m,jj),  const_m = ybar - xbar' b_m,
    SE(const_m)^2 = sigma_m^2 (1/N + xbar' V_m xbar).

A statistic s has derivatives ``A = ds/dG`` (symmetric), ``g = ds/dxbar`` and, with
``dG = Z~'W dZ + dZ'W Z~``, ``ds/dZ_it = w_it (2 Z~_it A + g / N)``.
"""

from dataclasses import dataclass

import numpy as np

from kostnadsvekst.synthetic.panel.printed import DF_RESID, FREE_INCOME, MODEL_SIZES, N_OBS, N_TERMS

# Coefficients of model 4 that are printed with too few digits to be fixed: free income and its products.
FREE_SLOPES = np.arange(FREE_INCOME, N_TERMS)
N_PARAMETERS = FREE_SLOPES.size + 1  # and log sigma_4


@dataclass(frozen=True)
class Design:
    """Design matrix and its second moments.

    Attributes
    ----------
    Z, demeaned : ndarray, shape (1825, 21)
    weights : ndarray, shape (1825,)
    gram : ndarray, shape (21, 21)
    xbar : ndarray, shape (21,)
    """

    Z: np.ndarray
    demeaned: np.ndarray
    weights: np.ndarray
    gram: np.ndarray
    xbar: np.ndarray


@dataclass(frozen=True)
class NestedModels:
    """Models 1 to 4.

    Attributes
    ----------
    slopes : ndarray, shape (4, 21)
        Zero where a model lacks the term; likewise below.
    V : ndarray, shape (4, 21, 21)
    ssr, sigma2 : ndarray, shape (4,)
    slope_ses : ndarray, shape (4, 21)
    constants, constant_ses : ndarray, shape (4,)
    """

    slopes: np.ndarray
    V: np.ndarray
    ssr: np.ndarray
    sigma2: np.ndarray
    slope_ses: np.ndarray
    constants: np.ndarray
    constant_ses: np.ndarray


@dataclass(frozen=True)
class Derivatives:
    """Derivatives of m statistics.

    Attributes
    ----------
    A : ndarray, shape (m, 21, 21)
        With respect to G, symmetric.
    g : ndarray, shape (m, 21)
        With respect to xbar.
    parameters : ndarray, shape (m, 6)
        With respect to the five `FREE_SLOPES` of model 4 and log sigma_4.
    """

    A: np.ndarray
    g: np.ndarray
    parameters: np.ndarray


def build_design(persons: np.ndarray, covariates: np.ndarray, income: np.ndarray) -> Design:
    """Design matrix of model 4.

    Parameters
    ----------
    persons : ndarray, shape (365, 5)
    covariates : ndarray, shape (365, 5, 11)
    income : ndarray, shape (365, 5)
        10,000 kr per inhabitant.
    """
    n, years = persons.shape
    dummies = np.broadcast_to(np.eye(years)[:, 1:], (n, years, years - 1))
    Z = np.concatenate(
        [dummies, covariates, persons[..., None] / 1e4, income[..., None], dummies * income[..., None]],
        axis=2,
    )
    w = N_OBS * persons / persons.sum()
    unit_means = np.einsum("it,itk->ik", w, Z) / w.sum(axis=1)[:, None]
    demeaned = (Z - unit_means[:, None]).reshape(-1, N_TERMS)
    w, Z = w.ravel(), Z.reshape(-1, N_TERMS)
    return Design(Z, demeaned, w, demeaned.T @ (w[:, None] * demeaned), w @ Z / N_OBS)


def nest_models(design: Design, b4: np.ndarray, sigma_4: float, ybar: float) -> NestedModels:
    """Models 1 to 4 implied by the coefficients and the residual SD of model 4."""
    V = np.zeros((len(MODEL_SIZES), N_TERMS, N_TERMS))
    for m, k in enumerate(MODEL_SIZES):
        V[m, :k, :k] = np.linalg.inv(design.gram[:k, :k])
    slopes = V @ (design.gram @ b4)
    delta = b4 - slopes
    ssr = DF_RESID[-1] * sigma_4**2 + np.einsum("mi,ij,mj->m", delta, design.gram, delta)
    sigma2 = ssr / np.array(DF_RESID)
    lever = 1 / N_OBS + np.einsum("i,mij,j->m", design.xbar, V, design.xbar)
    diagonal = np.diagonal(V, axis1=1, axis2=2)
    return NestedModels(
        slopes=slopes,
        V=V,
        ssr=ssr,
        sigma2=sigma2,
        slope_ses=np.sqrt(sigma2[:, None] * diagonal),
        constants=ybar - slopes @ design.xbar,
        constant_ses=np.sqrt(sigma2 * lever),
    )


def differentiate_slope(design: Design, models: NestedModels, m: int, j: int) -> Derivatives:
    """Differentiate b_m,j: ``A = sym(V_m[:, j] delta_m')``."""
    v, delta = models.V[m][:, j], _delta(models, m)
    parameters = np.append(v @ design.gram[:, FREE_SLOPES], 0.0)
    return Derivatives(_symmetric(v, delta), np.zeros(N_TERMS), parameters)


def differentiate_constant(design: Design, models: NestedModels, m: int) -> Derivatives:
    """Differentiate const_m: ``A = -sym(u delta_m')`` with ``u = V_m xbar``, ``g = -b_m``."""
    u = models.V[m] @ design.xbar
    parameters = np.append(-u @ design.gram[:, FREE_SLOPES], 0.0)
    return Derivatives(-_symmetric(u, _delta(models, m)), -models.slopes[m], parameters)


def differentiate_ssr(design: Design, models: NestedModels, m: int) -> Derivatives:
    """Differentiate SSR_m: ``A = delta_m delta_m'`` (envelope theorem)."""
    delta = _delta(models, m)
    parameters = np.append(2 * (design.gram @ delta)[FREE_SLOPES], 2 * models.ssr[-1])
    return Derivatives(np.outer(delta, delta), np.zeros(N_TERMS), parameters)


def differentiate_slope_se(design: Design, models: NestedModels, m: int, j: int) -> Derivatives:
    """Differentiate SE_mj, from ``d SE^2 = V_jj dSSR/df - sigma^2 (V[:, j]' dG V[:, j])``."""
    ssr, v, df = differentiate_ssr(design, models, m), models.V[m][:, j], DF_RESID[m]
    chain = 1 / (2 * models.slope_ses[m, j])
    A = v[j] * ssr.A / df - models.sigma2[m] * np.outer(v, v)
    return Derivatives(chain * A, ssr.g, chain * v[j] * ssr.parameters / df)


def differentiate_constant_se(design: Design, models: NestedModels, m: int) -> Derivatives:
    """Differentiate SE(const_m); ``g = sigma^2 u / SE`` with ``u = V_m xbar``."""
    ssr, u, df = differentiate_ssr(design, models, m), models.V[m] @ design.xbar, DF_RESID[m]
    lever = 1 / N_OBS + design.xbar @ u
    chain = 1 / (2 * models.constant_ses[m])
    A = lever * ssr.A / df - models.sigma2[m] * np.outer(u, u)
    return Derivatives(chain * A, chain * 2 * models.sigma2[m] * u, chain * lever * ssr.parameters / df)


def pull_back(design: Design, A: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Differentiate with respect to Z, shape (m, 1825, 21), of statistics with derivatives A and g."""
    m = len(A)
    by_gram = design.demeaned @ A.transpose(1, 0, 2).reshape(N_TERMS, m * N_TERMS)
    by_gram = by_gram.reshape(-1, m, N_TERMS).transpose(1, 0, 2)
    by_cell: np.ndarray = design.weights[:, None] * (2 * by_gram + g[:, None] / N_OBS)
    return by_cell


def _delta(models: NestedModels, m: int) -> np.ndarray:
    difference: np.ndarray = models.slopes[-1] - models.slopes[m]
    return difference


def _symmetric(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    outer = np.outer(a, b)
    return (outer + outer.T) / 2
