"""A small invented country whose municipalities merge, are renumbered and split."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyreadstat

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


def write_user_files(folder: Path, raw: pd.DataFrame) -> Path:
    """Three files as people have them: Norwegian CSV in Windows encoding, Stata, Excel; and the mapping."""
    wide = raw.pivot(index=["municipality", "year"], columns="quantity", values="value").reset_index()
    money = wide[["municipality", "year", "net_expenditure", "free_income"]]
    lines = ["kommune_nr;år;utgifter;inntekter"]
    for r in money.itertuples(index=False):
        spent = f"{r.net_expenditure:,.3f}".replace(",", "\u00a0").replace(".", ",")
        lines.append(f"{r.municipality};{r.year};{spent};{r.free_income:.3f}".replace(".", ","))
    (folder / "regnskap.csv").write_bytes("\r\n".join(lines).encode("cp1252"))
    ages = wide[["municipality", "year", *AGES, "population_start", "persons_15_74"]]
    pyreadstat.write_dta(
        ages.astype({"municipality": "int64"}).astype({"municipality": float}), folder / "alder.dta"
    )
    rest = wide[["municipality", "year", *COUNTS]]
    rest.to_excel(folder / "levekår.xlsx", index=False)
    column = '{{ column = "{}", unit = "persons" }}'.format
    mapping = [
        "[files.accounts]",
        'path = "regnskap.csv"',
        'municipality = "kommune_nr"',
        'year = "år"',
        "[files.accounts.columns]",
        'net_expenditure = { column = "utgifter", unit = "nok1000" }',
        'free_income = { column = "inntekter", unit = "nok1000" }',
        "[files.ages]",
        'path = "alder.dta"',
        'municipality = "municipality"',
        'year = "year"',
        "[files.ages.columns]",
        *(f"{name} = {column(name)}" for name in [*AGES, "population_start", "persons_15_74"]),
        "[files.rest]",
        'path = "levekår.xlsx"',
        'municipality = "municipality"',
        'year = "year"',
        "[files.rest.columns]",
        *(f"{name} = {column(name)}" for name in COUNTS),
    ]
    (folder / "mapping.toml").write_text("\n".join(mapping), "utf-8")
    return folder / "mapping.toml"
