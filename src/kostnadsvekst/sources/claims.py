"""Numbers in the running text of chapter 4 as data, and the real totals that they are held against."""

import tomllib
from functools import lru_cache
from typing import Any

import pandas as pd

from kostnadsvekst.sources.embedded import embedded_path

COLUMNS = ("id", "section", "row", "column", "printed", "value", "decimals", "measure", "quote")


def load_growth_claims() -> pd.DataFrame:
    """Numbers that section 4.2, section 4.3 and the summary print on growth.

    Returns
    -------
    DataFrame
        `COLUMNS`; ``measure`` says what is to be computed, such as ``growth_real:FGK9:2015:2020``; ``value``
        is NaN where the claim is no number (a year, groups).
    """
    text = {c: str for c in COLUMNS if c not in ("value", "decimals")}
    return pd.read_csv(embedded_path("published/report_003_growth.csv"), dtype=text)[list(COLUMNS)]


@lru_cache(maxsize=1)
def load_control_totals() -> dict[str, Any]:
    """Real totals of the country with their sources.

    Returns
    -------
    dict
        ``net_operating_expenditure`` and ``population``, each with ``totals`` (year as text -> number),
        ``unit``, ``source``. Take the totals as a Series with `control_series`.
    """
    return tomllib.loads(embedded_path("parameters/control_totals.toml").read_text("utf-8"))


def control_series(name: str) -> pd.Series:
    """Real totals of the country by year.

    Parameters
    ----------
    name : {"net_operating_expenditure", "population"}

    Returns
    -------
    Series
        1000 kroner at current prices, or persons on 1 January.
    """
    totals = load_control_totals()[name]["totals"]
    return pd.Series({int(year): float(value) for year, value in totals.items()}, name=name).rename_axis(
        "year"
    )
