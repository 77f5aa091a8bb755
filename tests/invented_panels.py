"""Invented panels for the tests of inference: clustered errors, weights that vary by year, nested regions."""

import numpy as np
import pandas as pd


def make_panel(n_units: int = 24, years: int = 6, n_regions: int = 6, seed: int = 7) -> pd.DataFrame:
    """Panel with columns unit, region, year, population, y, x, z; unit effects correlated with x.

    y = 2 + 0.5 x - 0.3 z + unit effect + shock of region and year + autocorrelated error.
    """
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(n_units), years)
    year = np.tile(np.arange(2010, 2010 + years), n_units)
    region = unit % n_regions
    effect = rng.normal(size=n_units)[unit]
    x = effect + rng.normal(size=len(unit)) + 0.2 * (year - 2010)
    z = rng.normal(size=len(unit))
    shock = rng.normal(size=(n_regions, years))[region, year - 2010]
    noise = rng.normal(size=(n_units, years)).cumsum(axis=1).ravel() * 0.5
    population = np.round(np.exp(rng.normal(8, 1, n_units)))[unit] * (1 + 0.02 * (year - 2010))
    y = 2 + 0.5 * x - 0.3 * z + effect + shock + noise
    return pd.DataFrame(
        {"unit": unit, "region": region, "year": year, "population": population, "y": y, "x": x, "z": z}
    )


def make_municipal_panel(n_units: int = 40, years: int = 5, seed: int = 3) -> pd.DataFrame:
    """Panel with the columns of the municipal schema, every value inside its bounds, labelled synthetic."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(1, n_units + 1), years)
    year = np.tile(np.arange(2015, 2015 + years), n_units)
    n = len(unit)
    size = np.exp(rng.normal(8.6, 1.0, n_units))
    size[0] = 650_000
    drift = rng.normal(size=(n_units, years)).cumsum(axis=1).ravel()
    level = rng.normal(size=n_units)[unit - 1]
    income = 60_000 + 4_000 * level + 1_500 * (year - 2015) + 2_000 * rng.normal(size=n)
    noise = rng.normal(0, 0.3, (n, 4))
    ages = np.column_stack([6.5 + 0.2 * drift, 11 + 0 * drift, 65 - 0.5 * drift, 12 + 0.3 * drift]) + noise
    expenditure = (
        20_000
        + 2_000 * level
        + 0.05 * (income - 60_000)
        + 500 * (year - 2015)
        + 300 * drift
        + rng.normal(0, 500, n)
    )
    return pd.DataFrame(
        {
            "municipality": [f"{code:04d}" for code in 9000 + unit],
            "year": year,
            "population": np.round(size[unit - 1] * (1 + 0.01 * (year - 2015))).astype(int),
            "net_expenditure": expenditure,
            "free_income": income,
            "age_0_5": ages[:, 0],
            "age_6_15": ages[:, 1],
            "age_16_66": ages[:, 2],
            "age_67_79": ages[:, 3],
            "age_80_plus": 5 + rng.normal(0, 0.3, n),
            "living_alone_80_plus": 60 + rng.normal(0, 2, n),
            "divorced_16_66": 11 + rng.normal(0, 0.5, n),
            "unemployed_15_74": 2.5 + rng.uniform(0, 1, n),
            "immigrants": 10 + rng.normal(0, 1, n),
            "urban": 60 + rng.normal(0, 3, n),
            "deaths": 8 + rng.normal(0, 1, n),
            "data_origin": "synthetic",
        }
    )
