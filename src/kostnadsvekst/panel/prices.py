"""Deflators: from kroner of the year to kroner of one year."""

from collections.abc import Mapping
from functools import lru_cache

import pandas as pd

from kostnadsvekst.errors import DataMissingError
from kostnadsvekst.sources.embedded import embedded_path
from kostnadsvekst.toml_files import read_toml

SOURCE = "parameters/prices.toml"


def price_index(base_year: int, growth: Mapping[int, float] | None = None) -> pd.Series:
    """Price index from yearly growth, one in the base year; without `growth` the embedded municipal deflator.

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

    Notes
    -----
    The embedded series is the municipal deflator (kommunal deflator: prices of municipal purchases and wages)
    of the Ministry of Finance and TBU, of a vintage that its source does not state. It is not the index with
    which the report deflates: that is the price index of municipal consumption (prisindeks for kommunalt
    konsum), which the report does not print. With Statistics Norway's totals of 2015 and 2020 the report's
    18.1 per cent real growth implies 12.3 per cent price growth; the embedded deflator has 12.9. Give
    `growth` to use another index.
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
        Year -> growth. It is the municipal deflator, not the report's price index of municipal consumption;
        its source, of a vintage that is not stated, is in ``data/parameters/prices.toml``.
    """
    table = read_toml(embedded_path(SOURCE), "embedded parameters").content["municipal_deflator"]["growth"]
    return {int(year): float(value) for year, value in table.items()}
