"""Deflators: from kroner of the year to kroner of one year."""

import tomllib
from collections.abc import Mapping
from functools import lru_cache

import pandas as pd

from kostnadsvekst.errors import DataMissingError
from kostnadsvekst.sources.embedded import embedded_path

SOURCE = "parameters/prices.toml"


def price_index(base_year: int, growth: Mapping[int, float] | None = None) -> pd.Series:
    """Price index of municipal consumption.

    Parameters
    ----------
    base_year : int
        Year whose index is one.
    growth : mapping, optional
        Year -> growth on the year before, per cent. The embedded municipal deflator if not given.

    Returns
    -------
    Series
        Index by year, ``base_year`` = 1, named ``price_index``. The first year is the one before the first
        growth.

    Raises
    ------
    DataMissingError
        If the years have a gap or do not reach the base year.
    """
    growth = dict(sorted((load_growth() if growth is None else growth).items()))
    years = list(growth)
    if not years or years != list(range(years[0], years[-1] + 1)):
        raise DataMissingError(f"price growth is needed for every year; given: {', '.join(map(str, years))}")
    chained = pd.Series([100.0, *growth.values()], index=[years[0] - 1, *years])
    chained.iloc[1:] = 1 + chained.iloc[1:] / 100
    index = chained.cumprod()
    if base_year not in index.index:
        raise DataMissingError(
            f"no prices for the base year {base_year}: known are {index.index[0]} to {index.index[-1]}; "
            f"add its growth to {SOURCE}"
        )
    return (index / index[base_year]).rename("price_index").rename_axis("year")


@lru_cache(maxsize=1)
def load_growth() -> Mapping[int, float]:
    """Price growth of the embedded municipal deflator, per cent on the year before.

    Returns
    -------
    mapping
        Year -> growth. Its source is in ``data/parameters/prices.toml``.
    """
    table = tomllib.loads(embedded_path(SOURCE).read_text("utf-8"))["municipal_deflator"]["growth"]
    return {int(year): float(value) for year, value in table.items()}
