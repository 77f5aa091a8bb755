"""A small invented country whose municipalities merge, are renumbered and split."""

import numpy as np
import pandas as pd

from kostnadsvekst.panel.raw import AGES

# A country of eight codes: 0002+0003 merge in 2017, 0005 is renumbered in 2018, 0006 is split in 2019.
CHANGES = pd.DataFrame(
    [
        ("2017-01-01", "0002", "Two", "0012", "Twelve"),
        ("2017-01-01", "0003", "Three", "0012", "Twelve"),
        ("2018-01-01", "0005", "Five", "0015", "Fifteen"),
        ("2019-01-01", "0006", "Six", "0007", "Seven"),
        ("2019-01-01", "0006", "Six", "0008", "Eight"),
        ("2019-01-01", "0007", "Seven", "0007", "Seven"),
        ("2019-01-01", "0008", "Eight", "0008", "Eight"),
        ("2020-01-01", "0009", "Nine", "0001", "One"),
        ("2020-01-01", "0001", "One", "0001", "One"),
    ],
    columns=["changeOccurred", "oldCode", "oldName", "newCode", "newName"],
)
CODES = {2015: ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009"]}
ALIVE = {
    2015: CODES[2015],
    2016: CODES[2015],
    2017: ["0001", "0004", "0005", "0006", "0007", "0008", "0009", "0012"],
    2018: ["0001", "0004", "0006", "0007", "0008", "0009", "0012", "0015"],
    2019: ["0001", "0004", "0007", "0008", "0009", "0012", "0015"],
    2020: ["0001", "0004", "0007", "0008", "0012", "0015"],
}
COUNTS = ("urban", "immigrants", "deaths", "living_alone_80_plus", "divorced_16_66", "unemployed_15_74")


def country(seed: int = 0, years=range(2015, 2021), stable: tuple[str, ...] = ()) -> pd.DataFrame:
    """Raw totals of the country, consistent inside each municipality; `stable` are further codes."""
    rng = np.random.default_rng(seed)
    rows = []
    for year in years:
        for code in [*ALIVE[year], *stable]:
            bands = {age: int(rng.integers(50, 2000)) for age in AGES}
            people = sum(bands.values())
            counts = {name: int(rng.integers(1, 40)) for name in COUNTS}
            money = {
                "net_expenditure": people * rng.uniform(15, 30),
                "free_income": people * rng.uniform(40, 70),
            }
            quantities = {
                **bands,
                **counts,
                "population_start": people,
                "persons_15_74": bands["age_16_66"] + 50,
            }
            rows += [(code, year, q, v, "persons") for q, v in quantities.items()]
            rows += [(code, year, q, v, "nok1000") for q, v in money.items()]
    return pd.DataFrame(rows, columns=["municipality", "year", "quantity", "value", "unit"])
