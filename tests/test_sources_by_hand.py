"""Files of users, stores, downloads and printed cells: what is read, and what a fault says."""

import gzip
import hashlib
import json

import numpy as np
import pandas as pd
import pytest

from fake_statbank import FakeStatBank, Table, running
from kostnadsvekst.errors import DataMissingError, InvalidDataError, SourceError, SpecificationError
from kostnadsvekst.provenance import provenance_of
from kostnadsvekst.sources.cache import Cache
from kostnadsvekst.sources.control_totals import control_series, load_control_totals
from kostnadsvekst.sources.download import (
    BORDERS,
    choose,
    describe_holes,
    describe_plan,
    download,
    fill_years,
)
from kostnadsvekst.sources.embedded import embedded_path
from kostnadsvekst.sources.files import read_table
from kostnadsvekst.sources.number_texts import parse_numbers
from kostnadsvekst.sources.published import CLAIM_COLUMNS, check_cells, load_cells, load_claims, parse_printed
from kostnadsvekst.sources.store import read_store, write_store
from kostnadsvekst.sources.transport import Policy

# Numbers as text ----------


@pytest.mark.parametrize(
    ("texts", "numbers", "whole"),
    [
        (["1", "2"], [1, 2], True),
        (["1", ""], [1, np.nan], False),
        (["1.0", "2"], [1, 2], False),
        (["1e2", "2"], [100, 2], False),
        (["1E2", "2"], [100, 2], False),
        (["0", "10"], [0, 10], True),
        (["0.5", ".5"], [0.5, 0.5], False),
        (["+3", "-4"], [3, -4], True),
        (["1,5", "2"], [1.5, 2], False),
        (["1,234.5", "1,000"], [1234.5, 1000], False),
        (["1.234,5", "1.000"], [1234.5, 1000], False),
        (["1\u2009234", "5 000"], [1234, 5000], True),
        (["12.5", "3.25"], [12.5, 3.25], False),
    ],
)
def test_texts_that_are_numbers(texts, numbers, whole):
    found = parse_numbers(pd.Series(texts, name="n", index=range(5, 5 + len(texts))))
    np.testing.assert_array_equal(found, numbers)
    assert found.dtype == ("int64" if whole else "float64")
    assert (found.name, found.index[0]) == ("n", 5)


@pytest.mark.parametrize(
    "texts",
    [
        ["01", "2"],
        ["1", "x"],
        ["1e", "2"],
        ["1,5", "1.5"],
        ["1,2,3", "4"],
        ["--1"],
        ["1-"],
        ["", "."],
        ["e5"],
    ],
)
def test_texts_that_stay_text(texts):
    found = parse_numbers(pd.Series(texts))
    assert found.tolist()[0] == texts[0] or pd.isna(found.iloc[0])
    assert not pd.api.types.is_numeric_dtype(found)
    assert found.isna().tolist() == [text in ("", ".") for text in texts]


# Files ----------


@pytest.mark.parametrize("mark", [";", "\t", ",", "|"])
def test_marks_between_columns(tmp_path, mark):
    path = tmp_path / "a.txt"
    path.write_text(f"code{mark}n\n0101{mark}1\n0104{mark}2\n", "utf-8")
    table = read_table(path)
    assert table.to_dict("list") == {"code": ["0101", "0104"], "n": [1, 2]}
    provenance = provenance_of(table)
    assert (provenance.origin, provenance.file) == ("file of the user", "a.txt")
    assert provenance.file_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("n", [10, 11])
def test_lines_with_another_number_of_columns(tmp_path, n):
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n" + "1,2,3\n" * n, "utf-8")
    with pytest.raises(InvalidDataError) as caught:
        read_table(path)
    lines = ", ".join(str(i) for i in range(3, 13))
    more = "" if n == 10 else " and 1 more"
    assert f"has 2 columns in its first line but another number in line(s) {lines}{more}:" in str(
        caught.value
    )


def test_encodings(tmp_path):
    path = tmp_path / "a.csv.gz"
    for encoding in ("utf-8", "utf-8-sig", "cp1252"):
        path.write_bytes(gzip.compress("navn;n\nBærum;1\n".encode(encoding)))
        assert read_table(path)["navn"].tolist() == ["Bærum"]
    plain = tmp_path / "b.csv"
    plain.write_bytes("navn;n\nB\x81;1\n".encode("latin-1"))  # not in Windows' table either
    with pytest.raises(InvalidDataError, match=r"byte 0x81 in line 2 \(byte 2 of the line\)"):
        read_table(plain)
    assert read_table(plain, encoding="latin-1")["navn"].tolist() == ["B\x81"]
    mixed = ["navn;n", *["Bærum;1"] * 11, "Bærum;2"]
    plain.write_bytes(
        "\n".join(mixed[:1]).encode() + b"\n" + "\n".join(mixed[1:12]).encode("cp1252") + "\nBærum;2".encode()
    )
    with pytest.raises(InvalidDataError) as caught:
        read_table(plain)
    assert "mixes encodings: line(s) 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 are not UTF-8" in str(caught.value)


def test_names_of_files(tmp_path):
    (tmp_path / "a.CSV").write_text("a;b\n1;2\n", "utf-8")
    assert read_table(tmp_path / "a.CSV").to_dict("list") == {"a": [1], "b": [2]}
    for name in ("a", "a.doc", "a.csvx"):
        (tmp_path / name).write_text("x", "utf-8")
        with pytest.raises(
            InvalidDataError, match=r"known endings: \.csv, \.txt, \.parquet, \.dta, \.sas7bdat"
        ):
            read_table(tmp_path / name)
    with pytest.raises(DataMissingError, match="there is no file"):
        read_table(tmp_path)


def test_labels_that_are_numbers(tmp_path):
    import pyreadstat

    frame = pd.DataFrame({"year": [1.0, 2.0], "place": [1.0, 2.0], "part": [1.0, 3.0]})
    labels = {"year": {1: "2015", 2: "2016"}, "place": {1: "Oslo", 2: "5"}, "part": {1: "10"}}
    pyreadstat.write_dta(frame, tmp_path / "a.dta", variable_value_labels=labels)
    table = read_table(tmp_path / "a.dta")
    assert table["year"].tolist() == [2015, 2016]
    assert table["place"].tolist() == [1, 2]
    assert table["part"].tolist() == [1, 3]  # one of its values has no label
    assert table.attrs["value_labels"]["place"] == {"1": "Oslo", "2": "5"}


# Store ----------


def cells(value=1.5):
    frame = pd.DataFrame({"Region": ["0301", "1101"], "value": [value, np.nan], "n": [1, 2]})
    frame.attrs = {
        "label": "L",
        "retrieved": "R",
        "updated": "U",
        "api": "v2",
        "sha256": ["a", "b"],
        "missing": {"Tid": ["2014"]},
    }
    return frame


def test_description_of_a_store(tmp_path):
    folder = tmp_path / "deep" / "s"
    entry = {"table": "12362", "quantity": "deaths"}
    write_store(folder, {"b": cells(), "a": cells(2.5)}, {"a": entry})
    description = json.loads((folder / "datapackage.json").read_text("utf-8"))
    assert [r["name"] for r in description["resources"]] == ["a", "b"]
    assert description["version"] == "1"
    first = description["resources"][0]
    content = (folder / "a.parquet").read_bytes()
    assert first["hash"] == "sha256:" + hashlib.sha256(content).hexdigest()
    assert (first["bytes"], first["rows"]) == (len(content), 2)
    assert [f["type"] for f in first["schema"]["fields"]] == ["string", "number", "number"]
    told = {k: first[k] for k in ("title", "retrieved", "updated", "api", "answers_sha256", "missing_codes")}
    assert told == {
        "title": "L",
        "retrieved": "R",
        "updated": "U",
        "api": "v2",
        "answers_sha256": ["a", "b"],
        "missing_codes": {"Tid": ["2014"]},
    }
    assert first["request"] == entry
    assert description["resources"][1]["request"] is None
    store = read_store(str(folder))
    assert store.requests == {"a": entry}
    assert store.tables["a"].attrs == {"title": "L", "retrieved": "R", "updated": "U"}
    hashes = "".join(r["hash"] for r in description["resources"])
    assert store.provenance.file_sha256 == hashlib.sha256(hashes.encode()).hexdigest()
    assert (store.provenance.origin, store.provenance.file) == ("Statistics Norway", "s")
    assert folder.stat().st_mode & 0o777 == 0o755


def test_a_store_takes_the_place_of_an_older_one_or_of_nothing(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    write_store(empty, {"a": cells()}, {})
    write_store(empty, {"b": cells()}, {})
    assert list(read_store(empty).tables) == ["b"]
    assert sorted(p.name for p in empty.iterdir()) == [".kostnadsvekst.json", "b.parquet", "datapackage.json"]
    assert [p.name for p in tmp_path.iterdir()] == ["empty"]


# Downloads ----------

REQUESTS = {
    "one": {
        "table": "1",
        "what": "One thing",
        "verified": True,
        "selection": {"Tid": ["{years}", "{years}K4", "{next}"], "Region": ["*"]},
    },
    "two": {
        "table": "2",
        "what": "Two things",
        "note": "guess",
        "verified": False,
        "selection": {"Tid": ["2015"]},
    },
}


def test_years_of_a_request():
    filled = fill_years(REQUESTS, 2015, 2017)
    assert filled["one"]["selection"] == {
        "Tid": ["2015", "2016", "2017", "2015K4", "2016K4", "2017K4", "2018"],
        "Region": ["*"],
    }
    assert filled["two"]["selection"] == {"Tid": ["2015"]}
    assert filled["one"]["what"] == "One thing"
    assert fill_years(REQUESTS, 2015, 2015)["one"]["selection"]["Tid"] == ["2015", "2015K4", "2016"]
    assert REQUESTS["one"]["selection"]["Tid"] == ["{years}", "{years}K4", "{next}"]


def test_choosing_by_name():
    assert choose(REQUESTS, []) == (REQUESTS, BORDERS)
    assert choose(REQUESTS, ["two"]) == ({"two": REQUESTS["two"]}, ())
    assert choose(REQUESTS, ["kostra_groups", "one", "klass_changes"]) == (
        {"one": REQUESTS["one"]},
        ("klass_changes", "kostra_groups"),
    )
    with pytest.raises(
        SpecificationError, match="called a, b; there are one, two, klass_changes, klass_codes"
    ):
        choose(REQUESTS, ["b", "a", "one"])


def test_plan_says_what_nobody_has_verified():
    lines = list(describe_plan(REQUESTS, ["klass_codes"], base_url="http://x", klass_url="http://k"))
    assert lines[0] == "one: One thing"
    assert lines[1].startswith(
        "    GET http://x/tables/1/data?lang=no&outputFormat=json-stat2&valueCodes[Tid]="
    )
    assert lines[2] == "two: Two things   [not verified: guess]"
    assert lines[4:] == ["klass_codes: http://k"]


def bank_of_two():
    bank = FakeStatBank()
    table = Table({"Tid": ["2014", "2015", "2016"]}, lambda address: (float(address["Tid"]), ""))
    bank.tables = {"1": table, "2": table}
    pair = {"correspondenceMaps": [{"sourceCode": "EKG01", "targetCode": "0001"}]}
    names = {
        "changeOccurred": "2016-01-01",
        "oldCode": "0001",
        "oldName": "a",
        "newCode": "0002",
        "newName": "b",
    }
    bank.klass = {
        "classifications/131/changes": {"codeChanges": [names]},
        "classifications/131/codesAt": {"codes": [{"code": "0001", "name": "a"}]},
        "correspondencetables/2476": pair,
        "correspondencetables/190": pair,
    }
    return bank


FAST = Policy(calls=10_000, window=1.0, timeout=5.0, attempts=2, first_wait=0.01, longest_wait=0.02)
PLAIN = {name: {"table": name, "selection": {"Tid": ["2015"]}} for name in ("1", "2")}


def test_everything_that_can_be_fetched_is(tmp_path):
    with running(bank_of_two()) as bank:
        told = []
        at = {"base_url": bank.url, "klass_url": bank.url_klass, "cache": tmp_path, "policy": FAST}
        done = download(PLAIN, BORDERS, 2015, 2016, announce=told.append, **at)
        tables = done.tables
        assert done.requests == PLAIN
        assert done.holes == {}
        assert list(tables) == told == ["1", "2", *BORDERS]
        assert tables["1"]["value"].tolist() == [2015.0]
        assert tables["klass_codes"].to_dict("list") == {"code": ["0001"], "name": ["a"], "year": [2015]}
        assert tables["kostra_groups"]["year"].tolist() == [2015, 2016, 2017]  # and the year after the last
        asked = [path for _, path in bank.log]
        assert any("changes?from=2015-01-01&to=2017-12-31" in path for path in asked)
        assert any("codesAt?date=2015-01-01" in path for path in asked)
        again = download(PLAIN, ["klass_changes"], 2015, 2016, offline=True, **at)
        assert list(again.tables) == ["1", "2", "klass_changes"]
        assert len(bank.log) == len(asked)
        wrong = {"1": PLAIN["1"], "9": {"table": "9", "selection": {"Tid": ["2015"]}}, "2": PLAIN["2"]}
        holed = download(wrong, ["klass_codes"], 2015, 2016, announce=told.append, **at)
        assert list(holed.tables) == ["1", "2", "klass_codes"]
        message = describe_holes(holed.holes, 4)
        assert message.startswith(
            "1 of 4 tables could not be fetched (the rest is in the cache); where a code is"
        )
        assert "  - 9: table 9: HTTP 400: Non-existent table" in message
        with pytest.raises(SourceError, match="1 of 1 tables"):
            download({"9": wrong["9"]}, [], 2015, 2016, **at)
        assert told[-3:] == ["1", "2", "klass_codes"]


def test_a_source_that_is_down_is_not_waited_for_again(tmp_path):
    with running(bank_of_two()) as bank:
        bank.v2_down = True
        at = {"base_url": bank.url, "klass_url": bank.url_klass, "cache": Cache(tmp_path), "policy": FAST}
        with pytest.raises(SourceError) as caught:
            download(PLAIN, ["klass_codes"], 2015, 2016, **at)
        assert str(caught.value).startswith("3 of 3 tables could not be fetched")
        assert "  - 2: not tried\n  - klass_codes: not tried" in str(caught.value)
        assert not any("/tables/2/" in path for _, path in bank.log)


# Printed cells ----------


def test_printed_numbers():
    for printed, expected in {
        "1 234 567": (0, 1234567.0),
        "0,5": (1, 0.5),
        ".039": (3, 0.039),
        "-1.90": (2, -1.9),
        "7": (0, 7.0),
    }.items():
        assert parse_printed(printed) == expected


def test_faults_of_printed_cells_are_all_listed():
    good = load_cells("1")
    check_cells(good)
    assert set(load_cells("1", "A3")["table"]) == {"1", "A3"}
    assert len(load_cells()) > len(load_cells("1", "A3")) > len(good)
    bad = good.head(3).copy()
    bad.loc[0, "table"] = "7"
    bad.loc[1, "stars"] = "*"
    bad.loc[2, "value"] += 1
    bad = pd.concat([bad, good.iloc[[3, 3]]])
    with pytest.raises(InvalidDataError) as caught:
        check_cells(bad)
    problems = list(caught.value.problems)
    row = good.iloc[0]
    assert (
        problems[0]
        == f"line 2 (table 7, {row['row']}, {row['column']}): table '7' is not one of 1, A1, A2, A3"
    )
    assert problems[1].startswith("line 3 (")
    assert problems[1].endswith("stars on a " + good["statistic"].iloc[1])
    assert f"printed {good['printed'].iloc[2]!r} but stored as" in problems[2]
    assert [p.endswith("occurs twice") for p in problems[3:]] == [True, True]
    assert caught.value.summary == "published cells: 5 problem(s)"
    with pytest.raises(InvalidDataError, match="lack the columns value, stars"):
        check_cells(good.drop(columns=["value", "stars"]))
    for column, value in (("statistic", "median"), ("stars", "****")):
        with pytest.raises(InvalidDataError, match=f"{column} '.*' is not one of"):
            check_cells(good.head(2).assign(**{column: value}))


def test_claims_and_totals():
    claims = load_claims()
    assert list(claims.columns) == list(CLAIM_COLUMNS)
    assert claims["chapter"].value_counts().to_dict() == {
        "kpr": 173,
        "printed": 90,
        "growth": 45,
        "external": 29,
        "table-1": 20,
        "ohd": 19,
        "national": 11,
        "panel": 2,
    }
    assert set(load_claims("ohd", "growth")["chapter"]) == {"growth", "ohd"}
    totals = control_series("net_operating_expenditure")
    assert totals.index.name == "year"
    assert totals[[2015, 2020]].tolist() == [95_045_027.0, 126_069_838.0]
    assert set(load_control_totals()) >= {"net_operating_expenditure", "population"}
    with pytest.raises(
        DataMissingError, match=r"'nothing\.csv' not found \(looked in .* and .*nothing\.csv\)"
    ):
        embedded_path("nothing.csv")
