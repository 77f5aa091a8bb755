"""Invented regions and expenditures by function of the municipalities of a synthetic panel."""

import numpy as np
import pandas as pd

# As many as Norway had from 2020; their sizes are invented.
REGIONS = tuple(f"Region {letter}" for letter in "ABCDEFGHIJK")
FUNCTIONS = ("institutions_nok", "home_services_nok", "other_care_nok")
# Shares of the three in the expenditure of a municipality, and how much they differ and move.
_SHARES = np.array([0.38, 0.53, 0.09])
_BETWEEN, _WITHIN = 0.10, 0.05


def add_case_columns(panel: pd.DataFrame, prices: pd.Series, seed: int = 72) -> pd.DataFrame:
    """Panel with what a selection of cases needs and the calibrated panel does not have.

    Parameters
    ----------
    panel : DataFrame
        ``municipality``, ``year``, ``population``, ``net_expenditure`` (kroner per inhabitant,
        constant prices).
    prices : Series, index year
        Price index, one in the year of the constant prices.
    seed : int

    Returns
    -------
    DataFrame
        With ``region``, ``expenditure_nok`` and its parts `FUNCTIONS` (kroner of the municipality, current
        prices). The same for every order of rows. Attributes are kept.
    """
    rng = np.random.default_rng(seed)
    units = sorted(panel["municipality"].unique())
    years = sorted(panel["year"].unique())
    region = pd.Series(rng.choice(REGIONS, len(units), p=rng.dirichlet(np.full(len(REGIONS), 8.0))), units)
    noise = _BETWEEN * rng.standard_normal((len(units), 1, 3)) + _WITHIN * rng.standard_normal(
        (len(units), len(years), 3)
    )
    shares = _SHARES * np.exp(noise)
    shares /= shares.sum(axis=2, keepdims=True)
    row, column = (
        pd.Index(units).get_indexer(panel["municipality"]),
        pd.Index(years).get_indexer(panel["year"]),
    )
    total = panel["net_expenditure"] * panel["population"] * panel["year"].map(prices)
    parts = {name: total * shares[row, column, k] for k, name in enumerate(FUNCTIONS)}
    out = panel.assign(region=panel["municipality"].map(region), expenditure_nok=total, **parts)
    out.attrs = panel.attrs
    return out
