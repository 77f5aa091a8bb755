"""The panel builder: identities that hold whatever the numbers, and clear errors."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kostnadsvekst as kv
from fake_country import CHANGES, CODES, country, write_user_files
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.panel.municipalities import sum_to_borders
from kostnadsvekst.panel.prices import price_index
from kostnadsvekst.panel.raw import read_raw
from kostnadsvekst.provenance import provenance_of


class FakeBorders:
    """The builder with the small country's borders."""

    def __call__(self, raw, **options):
        from kostnadsvekst.panel.raw import RawData, read_raw

        data = read_raw(raw)
        return kv.build_panel(RawData(data.values, data.provenance, CHANGES, CODES), **options)


build = FakeBorders()


def log_of(panel: pd.DataFrame) -> dict[str, str]:
    return {entry["municipality"]: entry["reason"] for entry in panel.attrs["log"]}


def test_merged_municipalities_are_one_unit_throughout():
    raw = country()
    panel = build(raw, population="start-of-year")
    assert sorted(panel["municipality"].unique()) == ["0001", "0004", "0009", "0012", "0015"]
    before = raw[(raw["year"] == 2015) & raw["municipality"].isin(["0002", "0003"])]
    sums = before.groupby("quantity")["value"].sum()
    row = panel[(panel["municipality"] == "0012") & (panel["year"] == 2015)].iloc[0]
    assert row["population"] == sums["population_start"]
    deflator = price_index(2019)[2015]
    np.testing.assert_allclose(
        row["net_expenditure"],
        1000 * sums["net_expenditure"] / sums["population_start"] / deflator,
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        row["age_80_plus"], 100 * sums["age_80_plus"] / sums["population_start"], rtol=1e-12
    )
    np.testing.assert_allclose(
        row["divorced_16_66"], 100 * sums["divorced_16_66"] / sums["age_16_66"], rtol=1e-12
    )
    np.testing.assert_allclose(row["deaths"], 1000 * sums["deaths"] / sums["population_start"], rtol=1e-12)


def test_every_unit_left_out_is_in_the_log_with_a_reason():
    panel = build(country(), population="start-of-year", exclude=["0004"])
    reasons = log_of(panel)
    assert set(reasons) == {"0006", "0007", "0008", "0004"}
    assert "split on 2019-01-01 into 0007, 0008" in reasons["0006"]
    assert "received a part of 0006 Six" in reasons["0007"]
    assert reasons["0004"] == "left out by choice"
    assert [step["units"] for step in panel.attrs["steps"]] == [9, 7, 5, 4, 4]
    assert (
        panel.groupby("municipality")["year"]
        .apply(list)
        .map(lambda y: y == [2015, 2016, 2017, 2018, 2019])
        .all()
    )


def test_missing_values_drop_the_unit_and_say_which(tmp_path):
    raw = country()
    at = (raw["municipality"] == "0003") & (raw["year"] == 2016) & (raw["quantity"] == "urban")
    raw.loc[at, "value"] = np.nan
    gone = raw[
        ~((raw["municipality"] == "0004") & (raw["year"] == 2019) & (raw["quantity"] == "free_income"))
    ]
    panel = build(gone, population="start-of-year")
    assert log_of(panel)["0012"] == "missing: urban 2016 of 0003"
    assert log_of(panel)["0004"] == "missing: free_income 2019"
    assert set(panel["municipality"]) == {"0001", "0009", "0015"}


def test_null_is_not_zero_but_zero_is_zero():
    raw = country()
    at = (raw["municipality"] == "0001") & (raw["year"] == 2016) & (raw["quantity"] == "immigrants")
    raw.loc[at, "value"] = 0
    panel = build(raw, population="start-of-year")
    assert panel.query("municipality == '0001' and year == 2016")["immigrants"].item() == 0


@settings(max_examples=5)
@given(seed=st.integers(0, 10**6))
def test_sums_are_conserved_and_order_does_not_matter(seed):
    raw = country(seed)
    mapping = kv.klass.municipality_mapping(2015, 2019, 2019, changes=CHANGES, codes=CODES)
    values = raw[raw["year"] <= 2019]
    summed = sum_to_borders(values, mapping)
    placed = values[values["municipality"] != "0006"]
    left = summed.groupby(["year", "quantity"])["value"].sum(min_count=1)
    right = placed.groupby(["year", "quantity"])["value"].sum()
    # quantities of split units are gaps, so compare without their targets
    touched = summed["municipality"].isin(["0007", "0008"])
    untouched = summed[~touched].groupby(["year", "quantity"])["value"].sum()
    own = placed[~placed["municipality"].isin(["0007", "0008"])].groupby(["year", "quantity"])["value"].sum()
    np.testing.assert_allclose(untouched, own, rtol=1e-12)
    np.testing.assert_allclose(left, right, rtol=1e-12)
    shuffled = raw.sample(frac=1, random_state=seed)
    for population in ("start-of-year", "end-of-year"):
        one = build(raw, population=population)
        two = build(shuffled, population=population)
        pd.testing.assert_frame_equal(one, two, check_exact=True)
        assert one.attrs["log"] == two.attrs["log"]


def test_order_of_files_does_not_matter():
    raw = country()
    parts = {q: frame.drop(columns="quantity") for q, frame in raw.groupby("quantity")}
    backwards = dict(reversed(list(parts.items())))
    one, two = build(parts, population="start-of-year"), build(backwards, population="start-of-year")
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    pd.testing.assert_frame_equal(one, build(raw, population="start-of-year"), check_exact=True)


def test_end_of_year_population_is_that_of_the_next_january():
    raw = country()
    panel = build(raw).set_index(["municipality", "year"])["population"]
    start = raw[raw["quantity"] == "population_start"].set_index(["municipality", "year"])["value"]
    assert panel["0012", 2015] == start["0002", 2016] + start["0003", 2016]
    assert panel["0012", 2016] == start["0012", 2017]
    assert panel["0015", 2017] == start["0015", 2018]
    assert panel["0015", 2019] == start["0015", 2020]
    # 0009 is taken into 0001 in 2020: their populations at the end of 2019 do not exist one by one
    assert log_of(build(raw)).keys() >= {"0001", "0009"}
    assert "population 2019" in log_of(build(raw))["0001"]
    wider = build(raw, borders=2020).set_index(["municipality", "year"])["population"]
    assert wider["0001", 2019] == start["0001", 2020]
    assert wider["0001", 2018] == start["0001", 2019] + start["0009", 2019]


def test_given_end_of_year_population_is_used():
    raw = country(years=range(2015, 2020))
    people = raw[raw["quantity"] == "population_start"].assign(quantity="population_end")
    people["value"] += 7
    panel = build(pd.concat([raw, people])).set_index(["municipality", "year"])["population"]
    start = raw[raw["quantity"] == "population_start"].set_index(["municipality", "year"])["value"]
    assert panel["0001", 2019] == start["0001", 2019] + 7


def test_rates_are_averaged_by_their_denominator_in_a_merger():
    raw = country()
    start = raw[raw["quantity"] == "population_start"].set_index(["municipality", "year"])["value"]
    income = raw["quantity"] == "free_income"
    per_head = [
        1000 * v / start[m, y]
        for m, y, v in raw.loc[income, ["municipality", "year", "value"]].itertuples(index=False)
    ]
    rates = raw.copy()
    rates.loc[income, "value"], rates.loc[income, "unit"] = per_head, "nok_per_inhabitant"
    one, two = build(raw, population="start-of-year"), build(rates, population="start-of-year")
    np.testing.assert_allclose(one["free_income"], two["free_income"], rtol=1e-12)
    # a rate is what the source says, whatever the date of the population
    three = build(rates).set_index(["municipality", "year"])["free_income"] * 1.0
    both = one.set_index(["municipality", "year"])["free_income"].reindex(three.index)
    np.testing.assert_allclose(three, both, rtol=1e-12)


def test_retired_codes_with_zero_and_future_codes_with_null_are_harmless():
    raw = country()
    extra = pd.DataFrame(
        [("0002", 2018, "urban", 0.0, "persons"), ("0012", 2015, "urban", np.nan, "persons")],
        columns=raw.columns,
    )
    one = build(raw, population="start-of-year")
    two = build(pd.concat([raw, extra]), population="start-of-year")
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    extra["value"] = 5.0
    with pytest.warns(DataWarning, match="0002 2018: urban = 5.*0012 2015"):
        build(pd.concat([raw, extra]), population="start-of-year")


def test_units_touched_by_a_split_cannot_be_kept_without_weights():
    with pytest.raises(SpecificationError, match="0007 cannot be kept without weights"):
        build(country(), keep=["0007"])
    with pytest.raises(SpecificationError, match="0099 is no unit"):
        build(country(), exclude=["0099"])
    shares = pd.DataFrame({"code": ["0006", "0006"], "target": ["0007", "0008"], "weight": [0.25, 0.75]})
    panel = build(country(), weights=shares, population="start-of-year")
    raw = (
        country().query("year == 2015 and quantity == 'population_start'").set_index("municipality")["value"]
    )
    got = panel.query("municipality == '0007' and year == 2015")["population"].item()
    assert got == round(raw["0007"] + 0.25 * raw["0006"])


def test_as_is_needs_no_borders():
    raw = country(years=[2015, 2016])
    panel = kv.build_panel(raw, start=2015, end=2016, borders="as-is", population="start-of-year")
    assert panel["municipality"].nunique() == 9
    assert panel.attrs["choices"]["borders"] == "as-is"


def test_real_kroner_of_another_base_year():
    raw = country()
    old = build(raw, population="start-of-year", base_year=2015)
    new = build(raw, population="start-of-year", base_year=2019)
    np.testing.assert_allclose(new["net_expenditure"] / old["net_expenditure"], 1.026 * 1.024 * 1.031 * 1.032)
    flat = build(raw, population="start-of-year", prices=dict.fromkeys(range(2015, 2020), 0.0))
    first = raw.query("municipality == '0001' and year == 2015").set_index("quantity")["value"]
    np.testing.assert_allclose(
        flat.iloc[0]["net_expenditure"], 1000 * first["net_expenditure"] / first["population_start"]
    )
    with pytest.raises(DataMissingError, match="no prices for 2018, 2019"):
        build(raw, prices={2015: 1.0, 2016: 1.0, 2017: 1.0}, base_year=2016)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f: f.assign(municipality=f["municipality"].replace("0001", "1")),
            "'1' is no code of four digits",
        ),
        (
            lambda f: f.assign(municipality=f["municipality"].replace("0001", "4601")),
            "do not exist.*\n.*4601",
        ),
        (
            lambda f: f.assign(value=f["value"].astype(object).where(f.index != 3, "mange")),
            "is 'mange', not a number",
        ),
        (lambda f: f.assign(quantity=f["quantity"].replace("urban", "by")), "quantity 'by' is not one of"),
        (lambda f: f.assign(unit=f["unit"].where(f.index != 1, "nok")), "is given in several units"),
        (lambda f: f.assign(year=f["year"].astype(object).where(f.index != 1, "2015a")), "year '2015a'"),
        (lambda f: pd.concat([f, f.iloc[[5]]]), "occur more than once"),
        (lambda f: f.assign(value=f["value"].where(f.index != 3, np.inf)), "is infinite"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(InvalidDataError, match=message):
        build(change(country()), population="start-of-year")


def test_missing_quantities_and_choices_are_named():
    raw = country()
    with pytest.raises(DataMissingError, match="lack free_income, urban"):
        build(raw[~raw["quantity"].isin(["urban", "free_income"])])
    with pytest.raises(SpecificationError, match="population 'july' is not one of"):
        build(raw, population="july")
    with pytest.raises(DataMissingError, match=r"lack the column.*unit"):
        build(raw.drop(columns="unit"))


# Users' own files ----------


def test_users_files_give_the_same_panel(tmp_path):
    raw = country()
    rounded = raw.assign(value=raw["value"].round(3))
    ours = build(write_user_files(tmp_path, rounded), population="start-of-year")
    pd.testing.assert_frame_equal(ours, build(rounded, population="start-of-year"))
    assert provenance_of(ours).origin == "files of the user"


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet", ".sav", ".dta", ".xlsx"])
def test_every_kind_of_file(tmp_path, suffix):
    import pyreadstat

    raw = country(years=[2015, 2016])
    wide = raw.pivot(index=["municipality", "year"], columns="quantity", values="value").reset_index()
    wide = wide.rename_axis(columns=None)
    path = tmp_path / f"panel{suffix}"
    writers = {
        ".csv": lambda: wide.to_csv(path, index=False),
        ".csv.gz": lambda: path.write_bytes(gzip.compress(wide.to_csv(index=False).encode())),
        ".parquet": lambda: wide.to_parquet(path),
        ".sav": lambda: pyreadstat.write_sav(wide, path),
        ".dta": lambda: pyreadstat.write_dta(wide, path),
        ".xlsx": lambda: wide.to_excel(path, index=False),
    }
    writers[suffix]()
    units = dict(zip(raw["quantity"], raw["unit"], strict=True))
    lines = [
        f'[files.a]\npath = "{path.name}"\nmunicipality = "municipality"\nyear = "year"\n[files.a.columns]'
    ]
    lines += [f'{q} = {{ column = "{q}", unit = "{u}" }}' for q, u in units.items()]
    (tmp_path / "m.toml").write_text("\n".join(lines))
    options = {"start": 2015, "end": 2016, "borders": "as-is", "population": "start-of-year"}
    pd.testing.assert_frame_equal(
        kv.build_panel(tmp_path / "m.toml", **options), kv.build_panel(raw, **options)
    )


def test_faulty_mappings_are_named(tmp_path):
    path = write_user_files(tmp_path, country())
    text = path.read_text("utf-8")
    for old, new, error, message in [
        (
            '"utgifter"',
            '"utgift"',
            DataMissingError,
            "regnskap.csv has no column.*utgift;.*it has kommune_nr",
        ),
        ("regnskap.csv", "nei.csv", DataMissingError, "nei.csv"),
        ('year = "år"', "", SpecificationError, r"\[files.accounts\] year \(line 1\): is missing"),
        ("[files.accounts]", "[files.accounts", SpecificationError, "is not a TOML file: line 1, column 16"),
    ]:
        path.write_text(text.replace(old, new), "utf-8")
        with pytest.raises(error, match=message):
            build(path)
    path.write_text("origin = 'x'", "utf-8")
    with pytest.raises(SpecificationError, match=r"has no \[files"):
        build(path)


def test_choices_and_borders_of_a_mapping_need_no_network(tmp_path):
    raw = country(stable=("0101", "0102"))
    path = write_user_files(tmp_path, raw)
    CHANGES.to_csv(tmp_path / "changes.csv", index=False)
    head = 'changes = "changes.csv"\n[panel]\npopulation = "start-of-year"\nborders = "as-is"\nend = 2016\n'
    text = path.read_text("utf-8")
    path.write_text(head + text, "utf-8")
    panel = kv.load_panel(path)
    assert panel.attrs["choices"]["borders"] == "as-is"
    assert sorted(panel["year"].unique()) == [2015, 2016]
    assert "population_10k" in panel
    assert len(read_raw(path).changes) == len(CHANGES)
    path.write_text(head.replace("population", "befolkning") + text, "utf-8")
    with pytest.raises(SpecificationError, match="unknown key 'befolkning'"):
        kv.load_panel(path)


def test_mixed_encodings_are_refused(tmp_path):
    path = write_user_files(tmp_path, country())
    accounts = tmp_path / "regnskap.csv"
    lines = accounts.read_bytes().split(b"\r\n")
    lines[0] = lines[0].decode("cp1252").encode("utf-8")
    accounts.write_bytes(b"\r\n".join([*lines, "sum Tromsø;2015;1;1".encode("cp1252")]))
    with pytest.raises(InvalidDataError, match=r"regnskap.csv.* mixes encodings: line\(s\) 2, 3"):
        build(path)


def test_text_in_a_users_file_is_named(tmp_path):
    path = write_user_files(tmp_path, country())
    accounts = tmp_path / "regnskap.csv"
    lines = accounts.read_bytes().split(b"\r\n")
    lines[3] = b";".join([*lines[3].split(b";")[:2], b"ca. 12 000", b"1"])
    accounts.write_bytes(b"\r\n".join(lines))
    with pytest.raises(InvalidDataError, match=r"0001 2017: net_expenditure is 'ca. 12 000', not a number"):
        build(path)


def test_steps_and_log_survive_as_json():
    panel = build(country(), population="start-of-year")
    assert json.loads(json.dumps([panel.attrs["log"], panel.attrs["steps"], panel.attrs["choices"]]))
    assert len(pd.concat([panel, panel.copy()])) == 2 * len(panel)
