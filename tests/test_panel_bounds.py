"""The panel's modules at their bounds: raw data, schema, periods, prices, months, reasons of differences."""

import datetime
import inspect
import re
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from fake_country import CHANGES, CODES, country
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.panel import monthly, schema
from kostnadsvekst.panel.build import build_panel
from kostnadsvekst.panel.differences import explain_differences
from kostnadsvekst.panel.functions import read_functions
from kostnadsvekst.panel.kostra_groups import add_groups, number_of
from kostnadsvekst.panel.periods import check_unique, period_numbers
from kostnadsvekst.panel.prices import load_growth, price_index
from kostnadsvekst.panel.raw import (
    DENOMINATORS,
    QUANTITIES,
    UNITS,
    MappedColumn,
    PanelChoices,
    RawData,
    check_values,
    read_mapping,
    read_raw,
    read_stored,
)
from kostnadsvekst.panel.schema import COLUMNS, POPULATION_10K, check_panel, label_of, suspicious_jumps
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.sources.store import Store

# Prices ----------


def test_index_by_hand():
    index = price_index(2016, {2017: 100.0, 2015: 10.0, 2016: 50.0})
    assert index.index.tolist() == [2014, 2015, 2016, 2017]
    np.testing.assert_allclose(index, [1 / 1.65, 1 / 1.5, 1.0, 2.0])
    assert (index.name, index.index.name) == ("price_index", "year")
    assert price_index(2014, {2015: 10.0}).tolist() == pytest.approx([1.0, 1.1])


@pytest.mark.parametrize(
    ("base", "growth", "message"),
    [
        (2013, {2015: 1.0}, "no prices for the base year 2013: known are 2014 to 2015"),
        (2016, {2015: 1.0}, "no prices for the base year 2016"),
        (2015, {2015: 1.0, 2017: 1.0}, "needed for every year; given: 2015, 2017"),
        (2015, {}, "needed for every year; given: $"),
    ],
)
def test_prices_that_do_not_reach(base, growth, message):
    with pytest.raises(DataMissingError, match=message):
        price_index(base, growth)


def test_embedded_growth_is_in_per_cent():
    growth = load_growth()
    assert [growth[year] for year in (2016, 2017, 2018, 2019)] == [2.6, 2.4, 3.1, 3.2]
    assert price_index(2019)[2015] == pytest.approx(1 / (1.026 * 1.024 * 1.031 * 1.032))


# Periods ----------


@pytest.mark.parametrize(
    ("times", "numbers"),
    [
        (pd.Series([2015, 2016]), [2015, 2016]),
        (pd.Series([2015.0, -3.0]), [2015, -3]),
        (pd.Series(["1970-01", "1970-03", "1969-12"]), [0, 2, -1]),
        (pd.Series(pd.to_datetime(["1970-01-31", "1971-01-01"])), [0, 12]),
        (pd.Series(pd.PeriodIndex(["1970-02", "1970-01"], freq="M")), [1, 0]),
        (pd.Series(pd.PeriodIndex(["1970Q2", "1971Q1"], freq="Q")), [1, 4]),
        (pd.Series(pd.PeriodIndex(["2015", "2017"], freq="Y")), [2015, 2017]),
        (pd.Series(pd.array([2015, 2016], dtype="Int64")), [2015, 2016]),
    ],
)
def test_numbers_of_periods(times, numbers):
    found = period_numbers(times)
    assert found.tolist() == numbers
    assert found.dtype == np.intp


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([2015, 2015.5], "1 value(s) is not a whole number\n  - row 1: np.float64(2015.5)"),
        ([np.nan, 2015], "1 value(s) is missing\n  - row 0: np.float64(nan)"),
        ([np.inf, 2015], "1 value(s) is not a whole number\n  - row 0: np.float64(inf)"),
        (["2015-01", "x", "2015-13"], "2 value(s) is neither a number, a date nor a month such as 2012-07;"),
    ],
)
def test_times_that_cannot_be_read(values, reason):
    with pytest.raises(InvalidDataError) as caught:
        period_numbers(pd.Series(values, name="when"))
    assert str(caught.value).startswith(f"time column 'when': {reason}")


def test_ten_rows_of_bad_times_are_listed():
    with pytest.raises(InvalidDataError) as caught:
        period_numbers(pd.Series(["x"] * 11, name="when"))
    assert caught.value.problems == tuple(f"row {i}: 'x'" for i in range(10))


@pytest.mark.parametrize("n", [1, 10, 11, 13])
def test_repeated_keys_are_listed_up_to_ten(n):
    unit = pd.Series([*range(n), *range(n), 0, 99], name="unit")
    year = pd.Series([2015] * len(unit), name="year")
    with pytest.raises(InvalidDataError) as caught:
        check_unique(unit, year)
    assert caught.value.summary.startswith(f"{n} combination(s) of unit and year have more than one row")
    more = [f"and {n - 10} more"] if n > 10 else []
    assert list(caught.value.problems) == [f"unit {i} year 2015" for i in range(min(n, 10))] + more
    check_unique(unit.iloc[:n], year.iloc[:n])


# Raw data ----------


def raw(**changes):
    frame = pd.DataFrame(
        {
            "municipality": ["0001", "0001", "0002"],
            "year": [2015, 2016, 2015],
            "quantity": ["urban", "urban", "deaths"],
            "value": [1.0, 2.0, 3.0],
            "unit": "persons",
        }
    )
    return frame.assign(**changes)


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"year": [2015, 2016.5, 2015]}, ["year np.float64(2016.5) is not a whole number"]),
        ({"year": [2015, None, "x"]}, ["year None is not a whole number", "year 'x' is not a whole number"]),
        ({"unit": ["persons", "percent", "persons"]}, ["urban is given in several units (persons, percent)"]),
        ({"unit": "kroner"}, ["unit 'kroner' is not one of " + ", ".join(UNITS)]),
        (
            {"quantity": ["urban", "urban", "dead"]},
            ["quantity 'dead' is not one of " + ", ".join(QUANTITIES)],
        ),
        (
            {"municipality": ["1", "0001", "00011"]},
            [
                f"municipality {code} is no code of four digits (numbers lose a leading zero: keep codes as "
                "text)"
                for code in ("'00011'", "'1'")
            ],
        ),
        ({"value": ["1", "to", "3"]}, ["0001 2016: urban is 'to', not a number"]),
        (
            {"value": [np.inf, 1.0, -np.inf]},
            ["0001 2015: urban is infinite", "0002 2015: deaths is infinite"],
        ),
    ],
)
def test_faults_of_raw_data(changes, problems):
    with pytest.raises(InvalidDataError) as caught:
        check_values(raw(**changes))
    assert list(caught.value.problems) == problems
    assert caught.value.summary == f"raw data cannot be used: {len(problems)} problem(s)"


def test_raw_data_that_can_be_used():
    checked = check_values(raw(value=["1 234,5", "..", "7"], year=["2015", "2016", 2015.0], more=1))
    assert list(checked.columns) == ["municipality", "year", "quantity", "value", "unit"]
    np.testing.assert_array_equal(checked["value"], [1234.5, np.nan, 7.0])
    assert checked["year"].tolist() == [2015, 2016, 2015]
    assert checked["year"].dtype == "int64"
    with pytest.raises(DataMissingError, match=r"lack the column.*value, unit; they need municipality, year"):
        check_values(raw().drop(columns=["value", "unit"]))
    with pytest.raises(DataMissingError, match="no data to build"):
        read_raw({})
    mapping = {q: f.drop(columns="quantity") for q, f in raw().groupby("quantity")}
    assert len(read_raw(mapping).values) == 3


@pytest.mark.parametrize("n", [20, 21])
def test_twenty_rows_of_each_fault_are_listed(n):
    frame = pd.concat([raw().iloc[[0]].assign(value="x", municipality=f"{i:04d}") for i in range(n)])
    with pytest.raises(InvalidDataError) as caught:
        check_values(frame)
    assert list(caught.value.problems) == [f"{i:04d} 2015: urban is 'x', not a number" for i in range(20)] + (
        ["and 1 more"] if n == 21 else []
    )


def test_units_are_what_they_say():
    assert UNITS == {
        "persons": (1.0, False),
        "nok1000": (1000.0, False),
        "nok": (1.0, False),
        "nok_per_inhabitant": (1.0, True),
        "percent": (0.01, True),
        "per_1000": (0.001, True),
    }
    assert DENOMINATORS["deaths"] == DENOMINATORS["net_expenditure"] == "population"
    assert DENOMINATORS["urban"] == DENOMINATORS["age_0_5"] == "population_start"


def test_every_unit_becomes_the_same_panel():
    """One municipality in two years: a total, or the same as a rate of its own denominator."""
    plain = country(years=[2015, 2016])
    wide = plain.pivot(index=["municipality", "year"], columns="quantity", values="value")
    options = {"start": 2015, "end": 2016, "borders": "as-is", "population": "start-of-year"}
    expected = build_panel(plain, **options)

    def as_unit(quantity, unit, factor, denominator):
        chosen = plain["quantity"] == quantity
        keys = pd.MultiIndex.from_frame(plain.loc[chosen, ["municipality", "year"]])
        divisor = 1.0 if denominator is None else wide[denominator].reindex(keys).to_numpy()
        frame = plain.copy()
        frame.loc[chosen, "value"] = frame.loc[chosen, "value"] * factor / divisor
        return frame.assign(unit=frame["unit"].where(~chosen, unit))

    for quantity, unit, factor, denominator in (
        ("net_expenditure", "nok", 1000.0, None),
        ("net_expenditure", "nok_per_inhabitant", 1000.0, "population_start"),
        ("deaths", "per_1000", 1000.0, "population_start"),
        ("urban", "percent", 100.0, "population_start"),
        ("unemployed_15_74", "percent", 100.0, "persons_15_74"),
        ("living_alone_80_plus", "percent", 100.0, "age_80_plus"),
    ):
        found = build_panel(as_unit(quantity, unit, factor, denominator), **options)
        pd.testing.assert_frame_equal(found, expected, rtol=1e-12)


def test_bands_of_a_store_include_their_bounds():
    cells = pd.DataFrame(
        [
            ("0001", "2015", age, v)
            for age, v in [("005", 1.0), ("006", 2.0), ("015", 4.0), ("016", 8.0), ("105+", 16.0)]
        ]
        + [
            ("0002", "2015", age, v)
            for age, v in [("005", np.nan), ("006", 2.0), ("015", 4.0), ("016", 8.0), ("105+", 1)]
        ],
        columns=["Region", "Tid", "Alder", "value"],
    )
    cells.attrs = {"updated": "2021-06-13"}
    entry = {
        "table": "07459",
        "region": "Region",
        "age": "Alder",
        "unit": "persons",
        "bands": {"age_0_5": [0, 5], "age_6_15": [6, 15], "population_start": [0, 199]},
    }
    deaths = pd.DataFrame({"R": ["0001"], "Aar": ["2015K4"], "value": [3.0]})
    simple = {"table": "06913", "region": "R", "time": "Aar", "unit": "persons", "quantity": "deaths"}
    other = {"table": "1", "region": "R"}
    codes = pd.DataFrame({"code": ["0001", "0002"], "year": 2015})
    tables = {
        "ages": cells,
        "deaths": deaths,
        "other": deaths,
        "klass_codes": codes,
        "klass_changes": CHANGES,
    }
    store = Store("s", tables, {"ages": entry, "deaths": simple, "other": other}, Provenance("x"))
    data = read_stored(store)
    found = data.values.set_index(["quantity", "municipality"])["value"]
    assert found.loc[["age_0_5", "age_6_15", "population_start"]].xs("0001", level=1).tolist() == [
        1.0,
        6.0,
        31.0,
    ]
    assert np.isnan(found["age_0_5", "0002"])
    assert np.isnan(found["population_start", "0002"])
    assert found["age_6_15", "0002"] == 6.0
    assert found["deaths", "0001"] == 3.0
    assert data.values["year"].unique().tolist() == [2015]
    assert data.codes == {2015: ["0001", "0002"]}
    assert data.updated == {"07459": "2021-06-13", "06913": "", "1": ""}
    assert data.changes is CHANGES
    with pytest.raises(DataMissingError, match="store s holds no table that a panel is built from"):
        read_stored(Store("s", tables, {"other": other}, Provenance("x")))


def test_choices_of_a_mapping(tmp_path):
    path = tmp_path / "m.toml"
    files = "[files.a]\npath = 'a.csv'\nmunicipality = 'm'\nyear = 'y'\n"
    files += "columns = { deaths = { column = 'd', unit = 'persons' } }\n"
    assert PanelChoices().given == {}
    path.write_text(f"{files}[panel]\nend = 2016\nborders = 2020\nprices = {{ 2016 = 2.5 }}\n", "utf-8")
    mapping = read_mapping(path)
    assert mapping.panel.given == {"end": 2016, "borders": "2020", "prices": {2016: 2.5}}
    assert mapping.files["a"].columns == {"deaths": MappedColumn("d", "persons")}
    # What may be fixed is what the builder takes.
    assert {one.name for one in fields(PanelChoices)} <= set(inspect.signature(kv.build_panel).parameters)


# Building ----------


def small_country(**options):
    data = read_raw(country())
    data = RawData(data.values, data.provenance, CHANGES, CODES)
    return kv.build_panel(data, population="start-of-year", **options)


def test_rates_and_their_scales_by_hand():
    panel = small_country(prices=dict.fromkeys(range(2015, 2020), 0.0), end=2019, base_year=2019)
    own = country().query("municipality == '0004' and year == 2017").set_index("quantity")["value"]
    row = panel.query("municipality == '0004' and year == 2017").iloc[0]
    people = own["population_start"]
    assert row["population"] == people
    assert row["net_expenditure"] == pytest.approx(1000 * own["net_expenditure"] / people)
    assert row["free_income"] == pytest.approx(1000 * own["free_income"] / people)
    assert row["deaths"] == pytest.approx(1000 * own["deaths"] / people)
    assert row["urban"] == pytest.approx(100 * own["urban"] / people)
    assert row["unemployed_15_74"] == pytest.approx(100 * own["unemployed_15_74"] / own["persons_15_74"])
    assert row["living_alone_80_plus"] == pytest.approx(
        100 * own["living_alone_80_plus"] / own["age_80_plus"]
    )
    assert row["divorced_16_66"] == pytest.approx(100 * own["divorced_16_66"] / own["age_16_66"])
    assert panel.attrs["choices"] == {
        "start": 2015,
        "end": 2019,
        "base_year": 2019,
        "borders": "merged-in-period",
        "population": "start-of-year",
    }
    assert [step["step"] for step in panel.attrs["steps"]] == [
        "municipalities on 1 January 2015",
        "those merged until 2019 as one unit",
        "without changes of borders",
        "without those left out by choice",
        "with every variable in every year (balanced)",
    ]


def test_steps_of_other_borders():
    named = [small_country(borders=borders, end=2018).attrs["steps"][1]["step"] for borders in (2020, "2020")]
    assert named == ["on the borders of 2020"] * 2
    as_is = kv.build_panel(country(years=[2015]), 2015, 2015, borders="as-is", population="start-of-year")
    assert as_is.attrs["steps"][1] == {"step": "units as they are", "units": 9}


@pytest.mark.parametrize("quantity", ["age_80_plus", "persons_15_74", "population_start", "age_16_66"])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_denominator_of_zero_leaves_the_unit_out(quantity, value):
    data = country()
    at = (data["municipality"] == "0004") & (data["year"] == 2016) & (data["quantity"] == quantity)
    data.loc[at, "value"] = value
    found = kv.build_panel(
        RawData(read_raw(data).values, Provenance("x"), CHANGES, CODES), population="start-of-year"
    )
    assert "0004" not in set(found["municipality"])
    reason = next(e["reason"] for e in found.attrs["log"] if e["municipality"] == "0004")
    assert f"{quantity} 2016" in reason
    assert reason.startswith("missing: ")


def test_a_numerator_of_zero_stays():
    data = country()
    data.loc[data["quantity"].isin(["deaths", "net_expenditure"]), "value"] = 0.0
    found = kv.build_panel(
        RawData(read_raw(data).values, Provenance("x"), CHANGES, CODES), population="start-of-year"
    )
    assert (found[["deaths", "net_expenditure"]] == 0).all(axis=None)
    assert found["municipality"].nunique() == 5


def test_unused_amounts_are_named_up_to_ten():
    extra = pd.DataFrame(
        [
            ("0012", 2015, q, 5.0, "nok1000" if q in ("net_expenditure", "free_income") else "persons")
            for q in QUANTITIES[:11]
        ],
        columns=country().columns,
    )
    data = pd.concat([country(), extra])
    data = RawData(read_raw(data).values, Provenance("x"), CHANGES, CODES)
    with pytest.warns(DataWarning, match=r"11 value\(s\) stand on codes that did not exist") as caught:
        kv.build_panel(data, population="start-of-year")
    assert str(caught[0].message).count("0012 2015") == 10


@pytest.mark.parametrize("end", [2018, 2019])
def test_population_at_the_end_of_the_last_year_as_it_is(end):
    data = country(years=range(2018, end + 2))
    alive = data[data["year"] == end + 1]["municipality"].unique()
    panel = kv.build_panel(data, 2018, end, borders="as-is").set_index(["municipality", "year"])["population"]
    start = data[data["quantity"] == "population_start"].set_index(["municipality", "year"])["value"]
    units = set(panel.index.get_level_values(0))
    assert units <= set(alive)
    for code in units:
        for year in range(2018, end + 1):
            assert panel[code, year] == start[code, year + 1]


# Schema ----------


def test_bounds_are_inclusive(small_panel):
    bounded = [c for c in COLUMNS.values() if c.dtype != "text" and c.name != "year"]
    panel = small_panel.astype(dict.fromkeys((c.name for c in bounded), float))
    for column in bounded:
        panel.loc[[4, 5], column.name] = [column.lower, column.upper]
    assert not any("outside" in problem for problem in problems_of(panel))
    for column in bounded:
        panel.loc[[4, 5], column.name] = [column.lower - 1, column.upper + 1]
    problems = list(schema._value_problems(panel))
    for c in bounded:
        outside = [p for p in problems if f"{c.name} is outside {c.lower:g} to {c.upper:g} {c.unit.en}" in p]
        assert [p.split(":")[0] for p in outside] == ["municipality 0104 2016", "municipality 0104 2017"], (
            c.name
        )


@pytest.mark.parametrize(("year", "fine"), [(1969, False), (1970, True), (2100, True), (2101, False)])
def test_bounds_of_years(small_panel, year, fine):
    panel = small_panel[small_panel["year"] == 2015].assign(year=year)
    assert bool(problems_of(panel)) != fine


def problems_of(panel):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *a, **o: None)
        try:
            check_panel(panel)
        except InvalidDataError as error:
            return list(error.problems)
    return []


@pytest.mark.parametrize(
    ("median", "hint"),
    [(999.0, "thousand kroner"), (1_000.0, None), (500_000.0, None), (500_001.0, "looks like totals")],
)
@pytest.mark.parametrize("name", ["net_expenditure", "free_income"])
def test_medians_that_are_in_another_unit(small_panel, median, hint, name):
    found = problems_of(small_panel.assign(**{name: median}))
    assert found == [] if hint is None else [p for p in found if hint in p and name in p] == found != []


def money(values, name="net_expenditure"):
    """One municipality with the median 100 in both amounts."""
    n = len(values)
    frame = pd.DataFrame({"municipality": "0101", "year": range(2015, 2015 + n)})
    return frame.assign(**{"net_expenditure": 100.0, "free_income": 100.0, name: values})


@pytest.mark.parametrize("name", ["net_expenditure", "free_income"])
@pytest.mark.parametrize(
    ("value", "found", "thousand"),
    [
        (500.0, False, False),
        (500.1, True, False),
        (20.0, False, False),
        (19.99, True, False),
        (20_000.0, True, False),
        (20_001.0, True, True),
        (499_999.0, True, True),
        (500_000.0, True, False),
        (0.1, True, True),
        (0.0, True, False),
    ],
)
def test_jumps_above_a_factor_of_five(value, found, thousand, name):
    jumps = suspicious_jumps(money([100.0, 100.0, value], name))
    assert len(jumps) == found
    for jump in jumps:
        assert jump.startswith(f"municipality 0101 2017: {name} {value:,.0f} against its median of 100")
        assert ("thousand kroner for kroner" in jump) == thousand


def test_text_bounds_and_keys_are_named_once(small_panel):
    panel = small_panel.astype({"urban": object, "population": float})
    panel.loc[0, "urban"] = "x"
    panel.loc[1, "population"] = 0.5
    panel.loc[2, "year"] = 2018
    assert problems_of(panel) == [
        "municipality 0101 2016: population is outside 1 to 1e+07 persons: np.float64(0.5)",
        "municipality 0101 2015: urban is not a number: 'x'",
        "municipality 0101: has no row for 2017; the panel must be balanced: add the row or leave the "
        "municipality out",
        "municipality 0104: has no row for 2018; the panel must be balanced: add the row or leave the "
        "municipality out",
        "municipality 0301: has no row for 2018; the panel must be balanced: add the row or leave the "
        "municipality out",
    ]
    with pytest.raises(InvalidDataError, match="the panel has no rows"):
        check_panel(small_panel.iloc[:0])
    assert label_of("population_10k") is POPULATION_10K.label
    assert label_of("deaths") is COLUMNS["deaths"].label
    assert (label_of("other").nb, label_of("other").en) == ("other", "other")


@pytest.mark.parametrize("n", [20, 21])
def test_twenty_problems_of_a_panel_are_listed(small_panel, n):
    panel = pd.concat([small_panel.assign(municipality=f"{i:04d}") for i in range(7)], ignore_index=True)
    panel = panel.drop_duplicates(["municipality", "year"]).reset_index(drop=True)
    panel.loc[range(n), "urban"] = 101.0
    found = problems_of(panel)
    assert len(found) == n if n == 20 else found[20:] == ["and 1 more"]
    assert sum("urban is outside" in problem for problem in found) == 20


# Loading ----------


def test_codes_of_files(small_panel, tmp_path):
    numeric = small_panel.assign(municipality=small_panel["municipality"].astype(float))
    numeric.to_parquet(tmp_path / "a.parquet")
    assert kv.load_panel(tmp_path / "a.parquet")["municipality"].unique().tolist() == ["0101", "0104", "0301"]
    numeric.assign(municipality=numeric["municipality"] + 0.5).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(InvalidDataError, match=r"must be whole numbers or text: 101\.5, 104\.5"):
        kv.load_panel(tmp_path / "b.parquet")
    gap = numeric.copy()
    gap.loc[0, "municipality"] = np.nan
    gap.to_parquet(tmp_path / "c.parquet")
    with pytest.raises(InvalidDataError, match="municipality is missing"):
        kv.load_panel(tmp_path / "c.parquet")


# KOSTRA groups and functions ----------


def test_groups_by_hand():
    assert [number_of(g) for g in ("EKG06", "6", "EKG16", "x", "010")] == ["6", "6", "16", "x", "10"]
    groups = pd.DataFrame(
        [(2015, "0001", "EKG01"), (2015, "0001", "EKG02"), (2016, "0001", "EKG03"), (2015, "0002", "EKG10")],
        columns=["year", "code", "kostra_group"],
    )
    panel = pd.DataFrame({"municipality": ["0002", "0001", "0003"]})
    panel.attrs["kept"] = 1
    found = add_groups(panel, groups, 2015)
    assert found["kostra_group"].tolist()[:2] == ["10", "1"]
    assert pd.isna(found["kostra_group"].iloc[2])
    assert found.attrs == {"kept": 1}
    assert "kostra_group" not in panel
    with pytest.raises(DataMissingError, match="no KOSTRA groups for 2017"):
        add_groups(panel, groups, 2017)


def cells(**more):
    values = {
        ("253", 2014): 1.0,
        ("253", 2015): 2.0,
        ("253", 2016): 3.0,
        ("255", 2014): 4.0,
        ("255", 2015): 5.0,
    }
    values |= more.pop("values", {})
    rows = [(f, str(y), v) for (f, y), v in values.items()]
    return pd.DataFrame(rows, columns=["KOKfunksjon0000", "Tid", "value"])


def test_co_financing_ended_with_2015():
    found = read_functions(cells())
    assert found["255"].tolist() == [4.0, 5.0, 0.0]
    assert found.index.tolist() == [2014, 2015, 2016]
    given = read_functions(cells(values={("255", 2016): 7.0}))
    assert given["255"].tolist() == [4.0, 5.0, 7.0]
    with pytest.raises(DataMissingError, match=r"lack 255 2015$"):
        read_functions(cells(values={("255", 2015): np.nan}))
    with pytest.raises(DataMissingError, match=r"lack 253 2014, 253 2016$"):
        read_functions(cells(values={("253", 2014): np.nan, ("253", 2016): np.nan}))


# Reasons of differences ----------


def differing(n=365, years=range(2015, 2020), **attrs):
    rows = [(f"{m:04d}", y) for m in range(n) for y in years]
    panel = pd.DataFrame(rows, columns=["municipality", "year"])
    panel.attrs.update(attrs)
    return panel


@pytest.mark.parametrize(
    ("panel", "reason"),
    [
        (differing(), ""),
        (differing(provenance=Provenance("synthetic"), choices={"base_year": 2018}), ""),
        (
            differing(364),
            "other N: 1820 municipality-years (364 municipalities, 2015-2019) against the report's "
            "1825 (365, 2015-2019)",
        ),
        (
            differing(years=range(2015, 2021)),
            "other N: 2190 municipality-years (365 municipalities, 2015-2020)",
        ),
        (
            differing(years=range(2014, 2020)),
            "other N: 2190 municipality-years (365 municipalities, 2014-2019)",
        ),
        (
            differing(choices={"population": "start-of-year"}),
            "population at the start of the year, the report's weights fit the end",
        ),
        (differing(choices={"borders": "2020"}), "borders: 2020; the report merges within the period only"),
        (differing(choices={"base_year": 2020}), "kroner of 2020, the report has 2019"),
        (
            differing(
                choices={"population": "end-of-year", "borders": "merged-in-period", "base_year": 2019}
            ),
            "",
        ),
        (differing(updated={"1": "2021-11-30T00", "2": "2020-01-01"}), ""),
        (
            differing(updated={"2": "2022-01-01", "1": "2021-12-01", "3": "2021-11-01"}),
            "tables updated after the report, figures may be revised: 1, 2",
        ),
        (
            differing(choices={"base_year": 2018, "borders": "as-is"}, provenance=Provenance("x")),
            "borders: as-is; the report merges within the period only; kroner of 2018, the report has 2019",
        ),
    ],
)
def test_reasons_that_the_panel_shows(panel, reason):
    found = explain_differences(panel)
    assert found == reason or (reason.endswith(")") and found.startswith(reason))


# The monthly panel ----------

MONTHS = ["2012-11", "2012-12", "2013-01", "2013-02", "2013-03", "2013-04", "2013-05", "2013-06", "2013-07"]
FIRST = {"A": "2013-05", "B": None, "C": "2010-01", "D": "2012-12"}


def monthly_panel(months=MONTHS):
    rows = [(name, month, first) for name, first in FIRST.items() for month in months]
    frame = pd.DataFrame(rows, columns=["municipality", "month", "first_month"])
    for j, cell in enumerate(monthly.CELLS):
        frame[cell] = [1 + j + i for i in range(len(frame))]
    for name in (*monthly.SUPPLY, *monthly.DEMAND):
        frame[name] = 2.0
    return frame


def test_arrays_of_months():
    panel = kv.acute_beds.check_panel(monthly_panel()).drop(index=[3])
    grid = kv.acute_beds.to_grid(panel, "2013-06")
    assert grid.municipalities.tolist() == ["A", "B", "C", "D"]
    assert grid.months.astype(str).tolist() == MONTHS[:8]
    assert grid.first.tolist() == [6, monthly.NEVER, -34, 1]
    assert grid.treated[:, [0, 1, 5, 6, 7]].tolist() == [
        [0, 0, 0, 1, 1],
        [0, 0, 0, 0, 0],
        [1, 1, 1, 1, 1],
        [0, 1, 1, 1, 1],
    ]
    expected = np.ones((4, 8), dtype=bool)
    expected[0, 3] = False
    np.testing.assert_array_equal(grid.present, expected)
    cell = grid.values[monthly.CELLS[0]]
    assert np.isnan(cell[0, 3])
    assert cell[1].tolist() == list(range(10, 18))
    assert kv.acute_beds.to_grid(panel).present.shape == (4, 9)
    with pytest.raises(InvalidDataError, match="no month up to 2012-10; it begins in 2012-11"):
        kv.acute_beds.to_grid(panel, "2012-10")
    assert kv.acute_beds.to_grid(panel, "2012-11").present.shape == (4, 1)
    assert kv.acute_beds.cumulative_adoption(panel).to_dict() == dict(
        zip(MONTHS, [1, 2, 2, 2, 2, 2, 3, 3, 3], strict=True)
    )


@pytest.mark.parametrize(
    ("outcome", "cells"),
    [
        ("admissions_acute_internal_80plus", ["admissions_acute_internal_80plus"]),
        (
            "day_stays_all_surgery_80plus",
            ["day_stays_elective_surgery_80plus", "day_stays_acute_surgery_80plus"],
        ),
        (
            "outpatient_acute_all_80plus",
            ["outpatient_acute_internal_80plus", "outpatient_acute_surgery_80plus"],
        ),
        (
            "day_stays_acute_surgery_all",
            ["day_stays_acute_surgery_under80", "day_stays_acute_surgery_80plus"],
        ),
    ],
)
def test_outcomes_are_sums_of_cells(outcome, cells):
    assert kv.acute_beds.base_cells(outcome) == tuple(cells)
    grid = kv.acute_beds.to_grid(kv.acute_beds.check_panel(monthly_panel()))
    before = {name: values.copy() for name, values in grid.values.items()}
    expected = sum(grid.values[cell] for cell in cells)
    np.testing.assert_array_equal(kv.acute_beds.outcome_counts(grid, outcome), expected)
    np.testing.assert_array_equal(kv.acute_beds.outcome_counts(grid, outcome), expected)
    for name, values in grid.values.items():
        np.testing.assert_array_equal(values, before[name])


@pytest.mark.parametrize(
    ("start", "quarters"),
    [
        (0, ["2013Q1", "2013Q2"]),
        (1, ["2013Q1", "2013Q2"]),
        (2, ["2013Q1", "2013Q2"]),
        (3, ["2013Q2"]),
    ],
)
def test_quarters_are_whole(start, quarters):
    panel = kv.acute_beds.check_panel(monthly_panel(MONTHS[start:]))
    table = kv.acute_beds.collapse_to_quarters(panel)
    one = table[table["municipality"] == "A"]
    assert one["quarter"].astype(str).tolist() == quarters
    rows = panel[panel["municipality"] == "A"].set_index("month")[monthly.MAIN_OUTCOME]
    second = rows[["2013-04", "2013-05", "2013-06"]].sum()
    assert one["count"].iloc[-1] == second
    assert one["log_count"].iloc[-1] == pytest.approx(np.log(second))
    firsts = table.drop_duplicates("municipality").set_index("municipality")["first_quarter"]
    assert pd.isna(firsts["B"])
    assert firsts.drop("B").astype(str).to_dict() == {"A": "2013Q2", "C": "2010Q1", "D": "2012Q4"}
    assert table.attrs["n_dropped"] == 0


def test_quarters_without_a_contact_drop_the_municipality():
    panel = monthly_panel()
    panel[monthly.MAIN_OUTCOME] = 1
    quarter = (panel["municipality"] == "B") & panel["month"].between("2013-01", "2013-03")
    panel.loc[quarter, monthly.MAIN_OUTCOME] = 0
    one_left = (panel["municipality"] == "A") & panel["month"].isin(["2013-04", "2013-05"])
    panel.loc[one_left, monthly.MAIN_OUTCOME] = 0
    panel = panel[~((panel["municipality"] == "C") & (panel["month"] == "2013-05"))]
    table = kv.acute_beds.collapse_to_quarters(kv.acute_beds.check_panel(panel))
    assert table["municipality"].unique().tolist() == ["A", "D"]
    assert table.attrs["n_dropped"] == 2
    assert table["count"].tolist() == [3, 1, 3, 3]


def test_months_as_dates_and_never_as_zero():
    plain = kv.acute_beds.check_panel(monthly_panel())
    dated = monthly_panel().assign(month=lambda d: pd.to_datetime(d["month"]) + datetime.timedelta(days=3))
    pd.testing.assert_frame_equal(kv.acute_beds.check_panel(dated), plain)
    for never in ("", 0, "0"):
        coded = monthly_panel()
        coded["first_month"] = coded["first_month"].astype(object).where(coded["municipality"] != "B", never)
        assert kv.acute_beds.check_panel(coded)["first_month"].isna().sum() == len(MONTHS)
    shuffled = monthly_panel().sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(kv.acute_beds.check_panel(shuffled), plain)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (monthly.MAIN_OUTCOME, -1.0, "is not a whole number of zero or more in 1 row(s): A 2012-12"),
        (monthly.MAIN_OUTCOME, 0.5, "is not a whole number of zero or more in 1 row(s): A 2012-12"),
        (monthly.MAIN_OUTCOME, np.inf, "is not a whole number of zero or more in 1 row(s): A 2012-12"),
        (monthly.MAIN_OUTCOME, 0.0, None),
        (monthly.MAIN_OUTCOME, np.nan, None),
        ("gps_per_1000", 0.0, "gps_per_1000 is not a positive number in 1 row(s): A 2012-12"),
        ("population", np.inf, "population is not a positive number in 1 row(s): A 2012-12"),
        ("population", 1e-9, None),
        ("population", np.nan, None),
        ("first_month", "2013-06", "municipality A: first_month has 2 different values; it must be constant"),
        ("first_month", None, "municipality A: first_month has 2 different values; it must be constant"),
    ],
)
def test_faults_of_a_monthly_panel(column, value, message):
    panel = monthly_panel()
    if column != "first_month":
        panel[column] = panel[column].astype(float)
    panel.loc[1, column] = value
    if message is None:
        kv.acute_beds.check_panel(panel)
        return
    with pytest.raises(InvalidDataError, match=r"monthly panel: 1 problem\(s\)\n.*" + re.escape(message)):
        kv.acute_beds.check_panel(panel)


@pytest.mark.parametrize("n", [10, 11])
def test_ten_rows_of_a_fault_are_listed(n):
    panel = monthly_panel()
    panel.loc[range(n), "population"] = 0.0
    with pytest.raises(InvalidDataError) as caught:
        kv.acute_beds.check_panel(panel)
    listed = "; ".join(
        f"{m} {t}" for m, t in panel[["municipality", "month"]].head(10).itertuples(index=False)
    )
    more = " and 1 more" if n == 11 else ""
    assert caught.value.problems == (f"population is not a positive number in {n} row(s): {listed}{more}",)


def test_there_are_81_outcomes_of_which_the_report_has_18():
    assert len(monthly.OUTCOMES) == 81
    assert len(monthly.REPORT_OUTCOMES) == 2 * 3 * 3
    assert monthly.MAIN_OUTCOME in monthly.REPORT_OUTCOMES
    for wrong in ("admissions", "admissions_acute_internal_80", "stays_all_all_all"):
        with pytest.raises(SpecificationError, match=f"unknown outcome '{wrong}'"):
            kv.acute_beds.outcome_parts(wrong)
    assert kv.acute_beds.outcome_parts("day_stays_all_surgery_under80") == (
        "day_stays",
        "all",
        "surgery",
        "under80",
    )
