"""Borders of a few codes: which dates belong to a period, whose weights count, what is summed."""

import datetime
import json

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from fake_statbank import FakeStatBank, running
from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.panel.municipalities import check_codes, describe_unused, sum_to_borders
from kostnadsvekst.panel.raw import AGES, QUANTITIES, RawData, read_raw
from kostnadsvekst.sources import klass

NONE = pd.DataFrame(columns=list(klass.CHANGE_COLUMNS), dtype=str)


def changes(*rows: tuple[str, str, str]) -> pd.DataFrame:
    """Date, old code, new code."""
    return pd.DataFrame(
        [(date, old, f"Old {old}", new, f"New {new}") for date, old, new in rows],
        columns=list(klass.CHANGE_COLUMNS),
    )


def mapped(start, end, listed, codes, borders="merged-in-period", **options):
    return kv.klass.municipality_mapping(start, end, borders, changes=listed, codes=codes, **options)


def targets(mapping: pd.DataFrame, year: int) -> dict[str, str]:
    return mapping[mapping["year"] == year].set_index("code")["target"].to_dict()


def notes(mapping: pd.DataFrame) -> dict[str, str]:
    """Targets with a note, the same in every year."""
    noted = mapping.loc[mapping["note"] != "", ["target", "note"]].drop_duplicates()
    assert noted["target"].is_unique
    return noted.set_index("target")["note"].to_dict()


@pytest.fixture
def adjusted(monkeypatch):
    """Border adjustments instead of the real ones."""

    def set_adjustments(*moved: tuple[str, list[str]]) -> None:
        entries = [
            {
                "date": datetime.date.fromisoformat(date),
                "codes": codes,
                "what": f"border of {codes[0]} moved",
                "source": "invented",
            }
            for date, codes in moved
        ]
        monkeypatch.setattr(klass, "_load_parameters", lambda: {"boundary_adjustment": entries})

    return set_adjustments


# Border adjustments ----------


@pytest.mark.parametrize(
    ("date", "belongs"),
    [
        ("2015-12-31", False),
        ("2016-01-01", False),  # the first year's borders are already those after it
        ("2016-01-02", True),
        ("2017-06-30", True),
        ("2018-01-01", True),  # the last year's borders are those after it
        ("2018-01-02", False),
        ("2018-12-31", False),
    ],
)
def test_adjustments_between_the_first_and_the_last_1_january_belong_to_the_period(adjusted, date, belongs):
    adjusted((date, ["0001", "0002"]))
    mapping = mapped(2016, 2018, NONE, {2016: ["0001", "0002", "0003"]})
    expected = f"border of 0001 moved on {date}: population moved not known"
    assert notes(mapping) == (dict.fromkeys(["0001", "0002"], expected) if belongs else {})
    assert mapping["target"].tolist() == mapping["code"].tolist() == ["0001", "0002", "0003"] * 3


@pytest.mark.parametrize(
    ("start", "end", "noted"),
    [
        (2015, 2016, []),
        (2016, 2016, []),
        (2016, 2017, ["1102", "1124"]),
        (2017, 2019, []),
        (2015, 2019, ["1102", "1124"]),
    ],
)
def test_the_real_adjustment_of_1_january_2017(start, end, noted):
    mapping = mapped(start, end, NONE, {start: ["0301", "1102", "1124"]})
    assert sorted(notes(mapping)) == noted
    for text in notes(mapping).values():
        assert text == "border between Sola and Sandnes adjusted on 2017-01-01: population moved not known"


def test_adjustments_reach_the_builder(adjusted):
    adjusted(("2016-01-01", ["0001"]), ("2017-01-01", ["0002"]))
    raw = totals(["0001", "0002", "0003"], range(2016, 2018))
    data = read_raw(raw)
    data = RawData(data.values, data.provenance, NONE, {2016: ["0001", "0002", "0003"]})
    options = {"start": 2016, "end": 2017, "population": "start-of-year"}
    panel = kv.build_panel(data, **options)
    assert sorted(panel["municipality"].unique()) == ["0001", "0003"]
    assert [entry["municipality"] for entry in panel.attrs["log"]] == ["0002"]
    kept = kv.build_panel(data, keep=["0002"], **options)
    assert sorted(kept["municipality"].unique()) == ["0001", "0002", "0003"]


def test_an_adjustment_is_noted_where_its_municipality_ends_up(adjusted):
    listed = changes(
        ("2017-01-01", "0001", "0011"), ("2018-01-01", "0011", "0021"), ("2018-01-01", "0002", "0021")
    )
    codes = {2016: ["0001", "0002", "0003"]}
    for code in ("0001", "0011"):  # as it was called before or after that day
        adjusted(("2017-01-01", [code]))
        assert list(notes(mapped(2016, 2018, listed, codes))) == ["0021"]
        assert list(notes(mapped(2016, 2017, listed, codes))) == ["0011"]
    adjusted(("2017-01-01", ["0001"]), ("2017-07-01", ["0011"]))
    text = notes(mapped(2016, 2018, listed, codes))["0021"]
    assert text == (
        "border of 0001 moved on 2017-01-01: population moved not known; "
        "border of 0011 moved on 2017-07-01: population moved not known"
    )


# Changes of codes ----------


@pytest.mark.parametrize(
    ("date", "merged_from"),
    [
        ("2016-01-01", None),
        ("2016-01-02", 2017),
        ("2017-01-01", 2017),
        ("2017-01-02", 2018),
        ("2018-01-02", None),
    ],
)
def test_a_merger_holds_from_the_1_january_after_it(adjusted, date, merged_from):
    adjusted()
    listed = changes((date, "0001", "0009"), (date, "0002", "0009"))
    before = {2016: ["0009", "0003"] if date == "2016-01-01" else ["0001", "0002", "0003"]}
    mapping = mapped(2016, 2018, listed, before)
    for year in (2016, 2017, 2018):
        own = (
            ["0003", "0009"]
            if date == "2016-01-01" or (merged_from and year >= merged_from)
            else ["0001", "0002", "0003"]
        )
        assert sorted(targets(mapping, year)) == own
        end = ["0001", "0002", "0003"] if date == "2018-01-02" else ["0003", "0009"]
        assert sorted(set(targets(mapping, year).values())) == end
    assert (mapping["weight"] == 1).all()
    assert (mapping["note"] == "").all()


def test_codes_of_an_earlier_year_are_carried_forward(adjusted):
    adjusted()
    listed = changes(("2015-01-01", "0001", "0009"), ("2017-01-01", "0009", "0010"))
    mapping = mapped(2016, 2017, listed, {2014: ["0001", "0003", "9999"]})
    assert targets(mapping, 2016) == {"0009": "0010", "0003": "0003"}
    assert targets(mapping, 2017) == {"0010": "0010", "0003": "0003"}
    assert sorted(mapping["year"].unique()) == [2016, 2017]
    with pytest.raises(
        SpecificationError, match="codes are given for 2017; give those of 2016 or an earlier"
    ):
        mapped(2016, 2017, listed, {2017: ["0010"]})
    with pytest.raises(InvalidDataError, match=r"2017-01-01 concern codes that did not exist.*\n.*0009"):
        mapped(2016, 2017, listed, {2016: ["0003"]})


@pytest.mark.parametrize(
    ("start", "end", "borders"), [(2016, 2018, 2017), (2018, 2017, "merged-in-period"), (2018, 2017, 2020)]
)
def test_borders_before_the_end_are_refused(start, end, borders):
    with pytest.raises(SpecificationError, match=f"cannot hold the years {start}-{end}"):
        mapped(start, end, NONE, {2015: ["0001"]}, borders)


def test_borders_of_a_later_year(adjusted):
    adjusted()
    listed = changes(
        ("2019-01-01", "0001", "0009"), ("2020-01-01", "0009", "0010"), ("2021-01-01", "0010", "0011")
    )
    mapping = mapped(2017, 2018, listed, {2017: ["0001"]}, "2020")
    assert mapping[["year", "code", "target"]].to_numpy().tolist() == [
        [2017, "0001", "0010"],
        [2018, "0001", "0010"],
    ]
    one = mapped(2018, 2018, listed, {2018: ["0001"]})
    assert one[["year", "code", "target"]].to_numpy().tolist() == [[2018, "0001", "0001"]]


def test_one_date_at_a_time_a_renamed_code_is_no_split(adjusted):
    adjusted()
    listed = changes(("2017-01-01", "0001", "0001"), ("2018-01-01", "0001", "0010"))
    mapping = mapped(2016, 2018, listed, {2016: ["0001"]})
    assert targets(mapping, 2016) == {"0001": "0010"}
    assert kv.klass.list_splits(listed).empty
    twice = pd.concat([listed, listed.iloc[[1]]])
    assert kv.klass.list_splits(twice).empty


# Splits and weights ----------

SPLIT = changes(
    ("2017-01-01", "0001", "0010"),
    ("2017-01-01", "0001", "0011"),
    ("2018-01-01", "0011", "0012"),
)
CODES = {2015: ["0001", "0003"]}


def shares(*rows, years=None):
    frame = pd.DataFrame(rows, columns=["code", "target", "weight"])
    return frame if years is None else frame.assign(year=years)


def test_a_split_without_shares_has_no_target_and_touches_those_that_received(adjusted):
    adjusted()
    mapping = mapped(2015, 2018, SPLIT, CODES)
    assert targets(mapping, 2016) == {"0001": "", "0003": "0003"}
    assert targets(mapping, 2017) == {"0010": "0010", "0011": "0012", "0003": "0003"}
    received = "received a part of 0001 Old 0001, split on 2017-01-01: shares not known"
    assert notes(mapping) == {
        "": "0001 was split on 2017-01-01 into 0010, 0011: shares not known",
        "0010": received,
        "0012": received,
    }
    assert kv.klass.list_splits(SPLIT).to_numpy().tolist() == [
        ["2017-01-01", "0001", "Old 0001", ("0010", "0011")]
    ]
    assert notes(mapped(2017, 2018, SPLIT, {2017: ["0010", "0011", "0003"]})) == {}
    assert notes(mapped(2015, 2016, SPLIT, CODES)) == {}
    for date, noted in (("2018-01-01", True), ("2018-01-02", False)):
        late = changes((date, "0001", "0010"), (date, "0001", "0003"))
        assert ("0003" in notes(mapped(2015, 2018, late, CODES))) == noted


def weight_of(mapping: pd.DataFrame, year: int) -> dict[str, float]:
    rows = mapping[(mapping["year"] == year) & (mapping["code"] == "0001")]
    return rows.set_index("target")["weight"].to_dict()


def test_general_weights_hold_in_every_year(adjusted):
    adjusted()
    mapping = mapped(2015, 2018, SPLIT, CODES, weights=shares(("0001", "0010", 0.25), ("0001", "0012", 0.75)))
    for year in (2015, 2016):
        assert weight_of(mapping, year) == {"0010": 0.25, "0012": 0.75}
    assert notes(mapping) == {}
    assert targets(mapping, 2017) == {"0010": "0010", "0011": "0012", "0003": "0003"}


def test_weights_of_a_year_go_before_general_ones(adjusted):
    adjusted()
    rows = [
        ("0001", "0010", 0.25),
        ("0001", "0012", 0.75),
        ("0001", "0010", 0.4),
        ("0001", "0012", 0.6),
        ("0001", "0010", 0.1),
        ("0001", "0012", 0.9),
    ]
    for order in ([0, 1, 2, 3, 4, 5], [4, 2, 0, 1, 3, 5]):
        years = [np.nan, np.nan, 2016, 2016, 1999, 1999]
        weights = shares(*rows, years=years).iloc[order]
        mapping = mapped(2015, 2018, SPLIT, CODES, weights=weights)
        assert weight_of(mapping, 2015) == {"0010": 0.25, "0012": 0.75}
        assert weight_of(mapping, 2016) == {"0010": 0.4, "0012": 0.6}
        people = pd.DataFrame(
            [("0001", 2015, "p", 1000.0), ("0001", 2016, "p", 1000.0)],
            columns=["municipality", "year", "quantity", "value"],
        )
        summed = sum_to_borders(people, mapping).set_index(["municipality", "year"])["value"]
        assert [summed["0010", 2015], summed["0010", 2016]] == [250.0, 400.0]
        assert [summed["0012", 2015], summed["0012", 2016]] == [750.0, 600.0]


def test_a_weight_of_one_year_only_leaves_the_others_without(adjusted):
    adjusted()
    weights = shares(("0001", "0010", 0.4), ("0001", "0012", 0.6), years=2016)
    mapping = mapped(2015, 2018, SPLIT, CODES, weights=weights)
    assert weight_of(mapping, 2015) == {"": 1.0}
    assert weight_of(mapping, 2016) == {"0010": 0.4, "0012": 0.6}
    # What receives the parts is not the same area throughout: nobody may keep it.
    assert sorted(notes(mapping)) == ["", "0010", "0012"]
    assert "0001 Old 0001, split on 2017-01-01: shares not known" in notes(mapping)["0010"]
    since = mapped(2016, 2018, SPLIT, {2016: CODES[2015]}, weights=weights)
    assert notes(since) == {}


def test_shares_of_a_code_do_not_place_those_of_an_earlier_name(adjusted):
    adjusted()
    listed = pd.concat([changes(("2016-01-01", "0002", "0001")), SPLIT])
    weights = shares(("0001", "0010", 0.4), ("0001", "0012", 0.6))
    mapping = mapped(2015, 2018, listed, {2015: ["0002", "0003"]}, weights=weights)
    assert targets(mapping, 2015) == {"0002": "", "0003": "0003"}
    assert weight_of(mapping, 2016) == {"0010": 0.4, "0012": 0.6}
    assert sorted(notes(mapping)) == ["", "0010", "0012"]
    both = pd.concat([weights, weights.assign(code="0002")])
    mapping = mapped(2015, 2018, listed, {2015: ["0002", "0003"]}, weights=both)
    assert notes(mapping) == {}


def test_a_split_that_is_placed_does_not_hide_another(adjusted):
    adjusted()
    listed = pd.concat([SPLIT, changes(("2018-01-01", "0003", "0004"), ("2018-01-01", "0003", "0005"))])
    weights = shares(("0001", "0010", 0.4), ("0001", "0012", 0.6))
    assert sorted(notes(mapped(2015, 2018, listed, CODES, weights=weights))) == ["", "0004", "0005"]
    weights = shares(("0003", "0004", 0.4), ("0003", "0005", 0.6))
    assert sorted(notes(mapped(2015, 2018, listed, CODES, weights=weights))) == ["", "0010", "0012"]


@pytest.mark.parametrize(
    ("rows", "years", "message"),
    [
        ([("0001", "0010", 0.5), ("0001", "0012", 0.6)], None, r"0001 \(nan\): 1\.1"),
        ([("0001", "0010", 0.5), ("0001", "0012", 0.5 + 2e-9)], None, "sum to one"),
        ([("0001", "0010", -0.5), ("0001", "0012", 1.5)], None, "must be positive"),
        (
            [("0001", "0010", 0.5), ("0001", "0012", 0.5)],
            [2015, 2016],
            r"0001 \(2015\): 0\.5\n.*0001 \(2016\): 0\.5",
        ),
    ],
)
def test_weights_that_are_none(adjusted, rows, years, message):
    adjusted()
    with pytest.raises(InvalidDataError, match=message):
        mapped(2015, 2018, SPLIT, CODES, weights=shares(*rows, years=years))
    rounded = shares(
        ("0001", "0010", 0.5), ("0001", "0012", 0.5 + 5e-10), ("0003", "0003", 0.0), ("0003", "0010", 1.0)
    )
    assert len(mapped(2015, 2015, SPLIT, CODES, weights=rounded)) == 4


# Reading KLASS ----------


def test_changes_are_read_from_every_form(tmp_path):
    frame = changes(
        ("2018-01-01", "0002", "0003"), ("2017-01-01", "0001", "0002"), ("2017-01-01", "0001", "0002")
    )
    expected = frame.iloc[[1, 0]].reset_index(drop=True)
    document = {"codeChanges": frame.to_dict("records")}
    (tmp_path / "a.json").write_text(json.dumps(document), "utf-8")
    frame.to_csv(tmp_path / "a.csv", index=False)
    for source in (frame.assign(more=1), document, tmp_path / "a.json", str(tmp_path / "a.csv")):
        pd.testing.assert_frame_equal(kv.klass.read_changes(source), expected, check_dtype=False)
    with pytest.raises(InvalidDataError, match="lacks the columns changeOccurred, oldCode"):
        kv.klass.read_changes({})
    for column in ("oldCode", "newCode"):
        for code in ("12345", "123", "12a4"):
            with pytest.raises(InvalidDataError, match=rf"2018-01-01: .*{code}"):
                kv.klass.read_changes(frame.assign(**{column: code}))
    with pytest.raises(DataMissingError, match="no file"):
        kv.klass.read_changes(tmp_path)


def test_codes_and_groups_of_documents():
    items = [{"code": "0301", "name": "Oslo", "level": 1}, {"code": "9999", "name": "Uoppgitt"}]
    for key in ("codes", "classificationItems"):
        assert kv.klass.read_codes({key: items}).to_numpy().tolist() == [["0301", "Oslo"]]
    assert list(kv.klass.read_codes({}).columns) == ["code", "name"]
    pairs = [("0301", "EKG16"), ("12", "1101"), ("EKG1", "1103"), ("1106", "EKGA")]
    document = {"correspondenceMaps": [{"sourceCode": s, "targetCode": t} for s, t in pairs]}
    assert kv.klass.read_kostra_groups(document).to_numpy().tolist() == [
        ["0301", "EKG16"],
        ["1101", "12"],
        ["1103", "EKG1"],
        ["1106", "EKGA"],
    ]
    assert kv.klass.read_kostra_groups({}).empty


def test_what_klass_is_asked(tmp_path):
    pair = {"correspondenceMaps": [{"sourceCode": "EKG01", "targetCode": "0001"}]}
    listed = changes(("2017-01-01", "0001", "0002"))
    with running(FakeStatBank()) as bank:
        bank.klass = {
            "classifications/131/changes": {"codeChanges": listed.to_dict("records")},
            "classifications/131/codesAt": {
                "codes": [{"code": c, "name": c} for c in ("0001", "0003", "9999")]
            },
            "correspondencetables/2476": pair,
            "correspondencetables/978": pair,
        }
        at = {"base_url": bank.url_klass, "cache": tmp_path}
        pd.testing.assert_frame_equal(kv.klass.fetch_changes(2015, 2019, **at), listed, check_dtype=False)
        assert kv.klass.fetch_codes(2015, **at)["code"].tolist() == ["0001", "0003"]
        groups = kv.klass.fetch_kostra_groups([2016, 2020], **at)
        assert groups.to_numpy().tolist() == [[2016, "0001", "EKG01"], [2020, "0001", "EKG01"]]
        asked = [path.removeprefix("/api/klass/v1/") for _, path in bank.log]
        assert asked == [
            "classifications/131/changes?from=2015-01-01&to=2019-12-31",
            "classifications/131/codesAt?date=2015-01-01",
            "correspondencetables/2476",
            "correspondencetables/978",
        ]
        mapping = kv.klass.municipality_mapping(2015, 2018, "merged-in-period", **at)
        assert targets(mapping, 2015) == {"0001": "0002", "0003": "0003"}
        assert bank.log[-1][1].endswith("changes?from=2015-01-01&to=2018-12-31")
        sent = len(bank.log)
        assert kv.klass.fetch_codes(2015, offline=True, **at)["code"].tolist() == ["0001", "0003"]
        with pytest.raises(
            DataMissingError, match=r"offline, and never fetched before: GET .*date=2016-01-01"
        ):
            kv.klass.fetch_codes(2016, offline=True, **at)
        with pytest.raises(DataMissingError, match="offline, and never fetched"):
            kv.klass.municipality_mapping(2014, 2018, "merged-in-period", offline=True, **at)
        assert len(bank.log) == sent
        kv.klass.fetch_codes(2015, refresh=True, **at)
        assert len(bank.log) == sent + 1
    with pytest.raises(
        SpecificationError, match="no KOSTRA grouping is known for 2014; there is one for 2015, 2016"
    ):
        kv.klass.fetch_kostra_groups([2014], **at)


# Sums on fixed borders ----------


def totals(codes, years, **quantities):
    """Raw data in which every municipality has everything."""
    rows = [
        (code, year, quantity, 100.0 + 10 * i + (1000.0 if quantity in (*AGES, "population_start") else 0))
        for i, code in enumerate(codes)
        for year in years
        for quantity in QUANTITIES
        if quantity != "population_end"
    ]
    frame = pd.DataFrame(rows, columns=["municipality", "year", "quantity", "value"])
    money = frame["quantity"].isin(["net_expenditure", "free_income"])
    return frame.assign(unit=np.where(money, "nok1000", "persons"))


VALUES = pd.DataFrame(
    [
        ("0001", 2015, "p", 100.0),
        ("0002", 2015, "p", 10.0),
        ("0003", 2015, "p", 1.0),
        ("0009", 2016, "p", 120.0),
        ("0003", 2016, "p", np.nan),
        ("0001", 2015, "q", 5.0),
        ("0002", 2015, "q", np.nan),
        ("0009", 2015, "p", np.nan),
        ("0001", 2016, "p", 0.0),
    ],
    columns=["municipality", "year", "quantity", "value"],
)
MAPPING = pd.DataFrame(
    [
        (2015, "0001", "0009", 1.0),
        (2015, "0002", "0009", 1.0),
        (2015, "0003", "0003", 0.5),
        (2015, "0003", "0004", 0.5),
        (2016, "0009", "0009", 1.0),
        (2016, "0003", "0003", 1.0),
        (2015, "0005", "", 1.0),
    ],
    columns=["year", "code", "target", "weight"],
)


def test_sums_and_gaps_by_hand():
    summed = sum_to_borders(VALUES, MAPPING)
    assert list(summed.columns) == ["municipality", "year", "quantity", "value", "gaps"]
    keyed = summed.set_index(["municipality", "year", "quantity"])
    assert keyed.loc[("0009", 2015, "p")].tolist() == [110.0, ""]
    assert keyed.loc[("0003", 2015, "p")].tolist() == [0.5, ""]
    assert keyed.loc[("0004", 2015, "p")].tolist() == [0.5, ""]
    assert keyed.loc[("0009", 2016, "p")].tolist() == [120.0, ""]
    for key, gaps in {
        ("0003", 2016, "p"): "0003",
        ("0009", 2015, "q"): "0002",
        ("0009", 2016, "q"): "0009",
        ("0003", 2015, "q"): "0003",
        ("0004", 2015, "q"): "0003",
        ("0003", 2016, "q"): "0003",
    }.items():
        assert np.isnan(keyed.loc[key, "value"])
        assert keyed.loc[key, "gaps"] == gaps
    assert len(summed) == 10
    assert "" not in set(summed["municipality"])
    both = VALUES.assign(value=VALUES["value"].where(VALUES["quantity"] != "q"))
    gaps = sum_to_borders(both, MAPPING).set_index(["municipality", "year", "quantity"])["gaps"]
    assert gaps["0009", 2015, "q"] == "0001, 0002"
    pd.testing.assert_frame_equal(sum_to_borders(VALUES[::-1], MAPPING[::-1]), summed)


def test_repeated_values_are_named():
    twice = pd.concat([VALUES, VALUES.iloc[[0, 0, 3]]])
    with pytest.raises(InvalidDataError) as caught:
        sum_to_borders(twice, MAPPING)
    assert caught.value.summary == "2 value(s) occur more than once"
    assert caught.value.problems == ("0001 2015: p", "0009 2016: p")


def test_unknown_codes_are_those_with_an_amount():
    check_codes(VALUES, MAPPING)
    more = [
        ("0005", 1.0),
        ("0004", 1.0),
        ("7777", 0.0),
        ("8888", np.nan),
        ("2111", 5.0),
        ("2211", 1.0),
        ("2300", 1.0),
        ("9999", 4.0),
    ]
    fine = pd.DataFrame([(c, 2015, "p", v) for c, v in more], columns=VALUES.columns)
    check_codes(fine, MAPPING)
    wrong = pd.DataFrame([(c, 2015, "p", -1.0) for c in ("7778", "7777", "2400")], columns=VALUES.columns)
    with pytest.raises(InvalidDataError) as caught:
        check_codes(wrong, MAPPING)
    assert caught.value.summary.startswith("3 municipality code(s) do not exist in 2015-2016 ")
    assert caught.value.problems == ("2400", "7777", "7778")


def test_amounts_on_codes_of_other_years_are_described():
    assert describe_unused(VALUES, MAPPING) == []
    odd = pd.DataFrame(
        [
            ("0001", 2016, "p", 2.5),
            ("0009", 2015, "p", 3.0),
            ("0009", 2016, "p", 9.0),
            ("0001", 2014, "p", 1.0),
            ("0001", 2017, "p", 1.0),
            ("0002", 2016, "q", 0.0),
            ("0002", 2016, "p", np.nan),
        ],
        columns=VALUES.columns,
    )
    assert describe_unused(odd, MAPPING) == ["0001 2016: p = 2.5", "0009 2015: p = 3"]
