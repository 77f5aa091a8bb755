"""The printed cells of tables A1 to A3 as arrays in the order of the design matrix.

Notation used in this package (N = 1825 unit-years, G = 365 units, T = 5 years):

``p`` population, ``w = N p / sum p`` weights, ``s_t = sum_i w_it / N`` weight share of year t,
``Z`` the 21 regressors in the order of `TERMS`; model m uses the first ``MODEL_SIZES[m]`` of them.
Free income is in 10,000 kr here, so that all columns of ``Z`` have comparable size.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.sources.published import load_cells

YEARS = (2015, 2016, 2017, 2018, 2019)
N_UNITS = 365
N_YEARS = len(YEARS)
N_OBS = N_UNITS * N_YEARS

COVARIATES = (
    "age_0_5",
    "age_6_15",
    "age_16_66",
    "age_67_79",
    "age_80_plus",
    "living_alone_80_plus",
    "divorced_16_66",
    "unemployed_15_74",
    "immigrants",
    "urban",
    "deaths",
)
TERMS = (
    *(f"C(year)[T.{year}]" for year in YEARS[1:]),
    *COVARIATES,
    "population_10k",
    "free_income",
    *(f"C(year)[T.{year}]:free_income" for year in YEARS[1:]),
)
N_TERMS = len(TERMS)
POPULATION = TERMS.index("population_10k")
FREE_INCOME = TERMS.index("free_income")
MODELS = ("A3-1", "A3-2", "A3-3", "A3-4")
MODEL_SIZES = (4, 16, 17, 21)
DF_RESID = tuple(N_OBS - N_UNITS - size for size in MODEL_SIZES)

DECIMALS = 3
HALF_UNIT = 0.5 * 10.0**-DECIMALS
INCOME_UNIT = 1e4
TERM_SCALE = np.where(["free_income" in term for term in TERMS], INCOME_UNIT, 1.0)


@dataclass(frozen=True)
class Moments:
    """Mean, standard deviation, minimum and maximum of one or several columns."""

    mean: np.ndarray
    std_dev: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray


@dataclass(frozen=True)
class Printed:
    """Tables A1 to A3 as arrays.

    Attributes
    ----------
    slopes, slope_ses : ndarray, shape (4, 21)
        Table A3, NaN where a model lacks the term; free income per 10,000 kr.
    constants, constant_ses, r_squared : ndarray, shape (4,)
        Table A3.
    expenditure, income : Moments, shape (5,)
        Table A1 by year, kr per inhabitant.
    expenditure_pooled, income_pooled : Moments, shape ()
        Table A1, 2015-2019.
    covariates : Moments, shape (11,)
        Table A2 in the order of `COVARIATES`.
    population_10k : Moments, shape ()
        Table A2, 10,000 inhabitants.
    """

    slopes: np.ndarray
    slope_ses: np.ndarray
    constants: np.ndarray
    constant_ses: np.ndarray
    r_squared: np.ndarray
    expenditure: Moments
    expenditure_pooled: Moments
    income: Moments
    income_pooled: Moments
    covariates: Moments
    population_10k: Moments


def load_printed() -> Printed:
    """Read tables A1 to A3.

    Returns
    -------
    Printed

    Raises
    ------
    InvalidDataError
        If a cell is missing or not printed with three decimals.
    """
    cells = load_cells("A1", "A2", "A3")
    odd = cells[cells["decimals"] != DECIMALS]
    if len(odd):
        raise InvalidDataError(
            "the calibration needs cells printed with three decimals",
            [f"table {c.table}, {c.row}, {c.column}: {c.printed}" for c in odd.itertuples()],
        )
    descriptive = cells[cells["table"] != "A3"].set_index(["statistic", "variable", "period"])["value"]
    regression = cells[cells["table"] == "A3"].set_index(["statistic", "term", "model"])["value"]
    pooled = f"{YEARS[0]}-{YEARS[-1]}"
    by_year = [str(year) for year in YEARS]
    return Printed(
        slopes=_terms(regression, "estimate") * TERM_SCALE,
        slope_ses=_terms(regression, "std_error") * TERM_SCALE,
        constants=np.array([regression["estimate", "constant", m] for m in MODELS]),
        constant_ses=np.array([regression["std_error", "constant", m] for m in MODELS]),
        r_squared=np.array([regression["r_squared", "", m] for m in MODELS]),
        expenditure=_moments(descriptive, [("net_expenditure", t) for t in by_year]),
        expenditure_pooled=_moments(descriptive, [("net_expenditure", pooled)]),
        income=_moments(descriptive, [("free_income", t) for t in by_year]),
        income_pooled=_moments(descriptive, [("free_income", pooled)]),
        covariates=_moments(descriptive, [(name, pooled) for name in COVARIATES]),
        population_10k=_moments(descriptive, [("population_10k", pooled)]),
    )


def _terms(cells: pd.Series, statistic: str) -> np.ndarray:
    table = np.full((len(MODELS), N_TERMS), np.nan)
    for m, (model, size) in enumerate(zip(MODELS, MODEL_SIZES, strict=True)):
        table[m, :size] = [cells[statistic, term, model] for term in TERMS[:size]]
    return table


def _moments(cells: pd.Series, keys: list[tuple[str, str]]) -> Moments:
    def column(statistic: str) -> np.ndarray:
        return np.squeeze([cells[statistic, variable, period] for variable, period in keys])

    return Moments(column("mean"), column("std_dev"), column("minimum"), column("maximum"))
