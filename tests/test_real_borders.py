"""The builder on real borders and real populations; the amounts that are not public here are invented."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from kostnadsvekst.sources.published import load_cells

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
BANDS = {
    "population_start": "ialt",
    "age_0_5": "0_5",
    "age_6_15": "6_15",
    "age_16_66": "16_66",
    "age_67_79": "67_79",
}
INVENTED = ("living_alone_80_plus", "divorced_16_66", "unemployed_15_74", "immigrants", "urban", "deaths")


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    path = SHARED / "population" / "population_1jan_bands_original_codes_2010_2021.csv"
    if not path.is_file():
        pytest.skip("real populations are not beside this checkout")
    bands = pd.read_csv(path, dtype={"kommune": str}).query("2015 <= aar <= 2020")
    people = {name: bands[column] for name, column in BANDS.items()}
    people["age_80_plus"] = bands["80_89"] + bands["90_pluss"]
    people["persons_15_74"] = people["age_16_66"]
    people |= dict.fromkeys(INVENTED, people["age_80_plus"] * 0 + 1)
    money = {"net_expenditure": bands["ialt"] * 20.0, "free_income": bands["ialt"] * 55.0}
    common = {"municipality": bands["kommune"], "year": bands["aar"]}
    frames = [
        pd.DataFrame({**common, "quantity": name, "value": values, "unit": unit})
        for unit, group in (("persons", people), ("nok1000", money))
        for name, values in group.items()
    ]
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def changes() -> Path:
    path = SHARED / "klass" / "klass131_changes_2015_2020.csv"
    if not path.is_file():
        pytest.skip("recorded changes are not beside this checkout")
    return path


def test_steps_of_the_report(raw, changes):
    panel = kv.build_panel(raw, changes=changes, population="start-of-year")
    # Sandefjord and Tønsberg (Stokke was split) are out, and pairs with a border adjusted in 2017 or 2019
    assert [s["units"] for s in panel.attrs["steps"]] == [428, 422, 414, 414, 414]
    reasons = {e["municipality"]: e["reason"] for e in panel.attrs["log"]}
    adjusted = ["1102", "1124", "0928", "0937", "1444", "1449"]
    assert set(reasons) == {"0720", "0704", "0710", *adjusted}
    assert reasons["1449"].startswith(
        "part of the basic unit Kjøs moved from Hornindal to Stryn on 2019-01-01"
    )
    kept = kv.build_panel(raw, changes=changes, population="start-of-year", keep=adjusted)
    assert kept["municipality"].nunique() == 420
    # Rissa and Leksvik, the report's example, are one unit before their merger
    start = raw[raw["quantity"] == "population_start"].set_index(["municipality", "year"])["value"]
    own = panel.set_index(["municipality", "year"])["population"]
    assert own["5054", 2015] == start["1624", 2015] + start["1718", 2015]
    np.testing.assert_allclose(panel.query("year == 2019")["net_expenditure"], 20_000)
    np.testing.assert_allclose(
        panel.query("year == 2015")["free_income"], 55_000 * 1.026 * 1.024 * 1.031 * 1.032
    )


def test_end_of_2019_is_not_known_for_units_merged_in_2020(raw, changes):
    panel = kv.build_panel(raw, changes=changes)
    reasons = {e["municipality"]: e["reason"] for e in panel.attrs["log"]}
    assert reasons["0104"] == reasons["0136"] == "missing: population 2019"  # Moss and Rygge
    # 356 in 2020, of which those that continue one municipality alone
    assert {"0301", "1101", "0101"} <= set(panel["municipality"])
    wider = kv.build_panel(raw, changes=changes, borders=2020)
    assert [s["units"] for s in wider.attrs["steps"]] == [428, 356, 321, 321, 321]
    ends = wider.groupby("year")["population"].sum()
    # Oslo is the maximum of table A2, 69.349 (10 000 inhabitants): the report counts at the end of the year
    oslo = wider[wider["municipality"] == "0301"].set_index("year")["population"]
    printed = (
        load_cells("A2").query("variable == 'population_10k' and statistic == 'maximum'")["value"].item()
    )
    assert round(oslo[2019] / 10_000, 3) == printed
    assert (ends.diff().dropna() > 0).all()
