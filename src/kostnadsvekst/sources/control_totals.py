"""Real totals of the country that printed numbers are held against, with their sources."""

from functools import lru_cache
from typing import Any

import pandas as pd

from kostnadsvekst.sources.embedded import embedded_path
from kostnadsvekst.toml_files import read_toml


@lru_cache(maxsize=1)
def load_control_totals() -> dict[str, Any]:
    """Real totals of the country with their sources.

    Returns
    -------
    dict
        ``net_operating_expenditure`` and ``population``, each with ``totals`` (year as text -> number),
        ``unit``, ``source``. Take the totals as a Series with `control_series`.
    """
    return dict(read_toml(embedded_path("parameters/control_totals.toml"), "embedded parameters").content)


def control_series(name: str) -> pd.Series:
    """Real totals of the country by year.

    Parameters
    ----------
    name : {"net_operating_expenditure", "population", "municipalities"}

    Returns
    -------
    Series
        1000 kroner at current prices, or persons on 1 January.
    """
    totals = load_control_totals()[name]["totals"]
    return pd.Series({int(year): float(value) for year, value in totals.items()}, name=name).rename_axis(
        "year"
    )
