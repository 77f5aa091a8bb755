"""Values of register deliveries: every way of writing them, placeholders, zones and encodings."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyreadstat
import pytest

import kostnadsvekst as kv
from conftest import ROOT
from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.register import ingestion
from kostnadsvekst.register.delivered_values import PLACEHOLDERS
from kostnadsvekst.register.ingestion import REFUSALS, REPAIRS

GOOD = {
    "person_id": "7",
    "birth_year": "1950",
    "sex": "2",
    "municipality": "0301",
    "service": "home_health",
    "start_date": "2018-01-10",
    "end_date": "2018-02-01",
    "hours_per_week": "3.5",
}
START_PLACEHOLDER = REFUSALS[3]
END_PLACEHOLDER = REPAIRS[2]
NO_BIRTH, NO_HOURS = "birth_year missing or impossible", "hours_per_week unreadable, negative or above 336"


def text_of(*changes: dict[str, str], mark: str = ";") -> str:
    rows = [{**GOOD, "person_id": str(i), **change} for i, change in enumerate(changes)]
    return "\n".join([mark.join(GOOD), *(mark.join(row.values()) for row in rows)]) + "\n"


def ingest(folder: Path, content: str | bytes, mapping: dict | None = None):
    """Report and rows of one text file, beside a good row that is always there."""
    path = folder / "in.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    report = kv.register.ingest(path, folder / "out.parquet", mapping)
    return report, pd.read_parquet(folder / "out.parquet")


# --- Text files


LAYOUTS = {
    "semicolons": lambda text: text,
    "commas": lambda text: text.replace(";", ","),
    "tabs": lambda text: text.replace(";", "\t"),
    "told by the first line": lambda text: "sep=;\n" + text,
    "a title": lambda text: "KPR 2018\n\n" + text,
    "Windows": lambda text: text.replace("\n", "\r\n"),
    "old Macs": lambda text: text.replace("\n", "\r"),
    "a byte order mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "blank lines": lambda text: "\n" + text.replace("\n", "\n\n"),
    "signs of comments": lambda text: text.replace("\n0;", "\n#0;"),
    "quoted": lambda text: "\n".join(
        ";".join(f'"{cell}"' for cell in line.split(";")) for line in text.splitlines()
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_same_episodes_in_every_layout(tmp_path, name):
    report, rows = ingest(tmp_path, LAYOUTS[name](text_of({}, {"end_date": ""})))
    assert (report.rows_read, report.rows_kept) == (2, 2)
    assert rows["hours_per_week"].tolist() == [3.5, 3.5]
    assert rows["end_date"].isna().tolist() == [False, True]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-16-le", "cp865"])
def test_encodings_that_are_told(tmp_path, encoding):
    text = text_of({"service": "Hjelp på ås"})
    mapping = {"services": {"Hjelp på ås": "home_health"}, "csv": {"encoding": encoding}}
    report, _ = ingest(tmp_path, text.encode(encoding), mapping)
    assert report.rows_kept == 1
    assert not [path for path in tmp_path.iterdir() if path.is_dir()], "the private copy is gone"


FAULTS = {
    "a byte of no letter": (text_of({}, {"service": "på"}).encode("cp1252"), None, "line 3, byte 16"),
    "a byte of no letter in the encoding told": (
        text_of({}, {"service": "B\x81"}).encode("latin-1"),
        {"csv": {"encoding": "cp1252"}},
        "byte 16 of line 3 (0x81)",
    ),
    "a row too long": (
        text_of({}, {}) + "1;2;3;4;5;6;7;8;9\n",
        None,
        "(9 fields, the header has 8); in.csv, line 4",
    ),
    "a row too short": (text_of({}, {}) + "1;2\n", None, "(2 fields, the header has 8); in.csv, line 4"),
    "a note": (text_of({}) + "\nKilde: KPR\n", None, "(1 fields, the header has 8); in.csv, line"),
    "an open quote": (text_of({}, {"service": '"home'}), None, "a quote that is not closed; in.csv"),
    "line ends of two kinds": (text_of({}, {}).replace("\n", "\r\n", 1), None, "end in different ways"),
    "a name twice": (
        text_of({}).replace("birth_year", "sex", 1),
        None,
        "1 name(s) of columns in in.csv, line 1",
    ),
    "no names": (text_of({}).partition("\n")[2], None, "8 missing column(s)"),
    "another mark": (text_of({}), {"csv": {"delimiter": "|"}}, "8 missing column(s)"),
    "nothing": ("\n \n", None, "in.csv has no text"),
    "only names": (text_of(), None, "no usable row"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_text_files_that_are_refused(tmp_path, name):
    content, mapping, message = FAULTS[name]
    with pytest.raises(InvalidDataError) as caught:
        ingest(tmp_path, content, mapping)
    assert message in str(caught.value)
    assert "1950" not in str(caught.value)
    assert not (tmp_path / "out.parquet").exists()


def test_an_encoding_that_does_not_exist(tmp_path):
    with pytest.raises(SpecificationError, match="'klingon' is no known encoding"):
        ingest(tmp_path, text_of({}), {"csv": {"encoding": "klingon"}})


def test_quotes_that_are_told(tmp_path):
    _, rows = ingest(tmp_path, text_of({"service": "'home_health'"}), {"csv": {"quote": "'"}})
    assert rows["service"].tolist() == ["home_health"]


# --- Hours


@pytest.mark.parametrize(
    ("text", "told", "hours"),
    [
        ("7,5", {}, 7.5),
        ("7.5", {}, 7.5),
        ("7,5", {"decimal": ","}, 7.5),
        ("7.5", {"decimal": "."}, 7.5),
        ("0.007,5", {"decimal": ",", "thousands": "."}, 7.5),
        ("0 007,5", {"decimal": ",", "thousands": " "}, 7.5),
        ("0\u00a0007,5", {"decimal": ",", "thousands": " "}, 7.5),
        (" 7,5\u00a0", {}, 7.5),
        (".", {}, None),
        ("NULL", {}, None),
        (".A", {}, None),
        (":", {"decimal": ","}, None),
    ],
)
def test_hours_with_the_decimal_mark_that_is_told(tmp_path, text, told, hours):
    report, rows = ingest(tmp_path, text_of({"hours_per_week": text}), {"csv": {"delimiter": ";", **told}})
    assert report.rows_kept == 1
    found = rows["hours_per_week"].iloc[0]
    assert pd.isna(found) if hours is None else found == hours


@pytest.mark.parametrize(
    ("text", "told"), [("7.5", {"decimal": ","}), ("7,5", {"decimal": "."}), ("1 2,5", {}), ("seven", {})]
)
def test_hours_that_do_not_fit_are_refused(tmp_path, text, told):
    report, _ = ingest(
        tmp_path,
        text_of({}, {"hours_per_week": text})
        if not told
        else text_of({"hours_per_week": "1"}, {"hours_per_week": text}),
        {"csv": {"delimiter": ";", **told}},
    )
    assert report.refused[NO_HOURS] == 1


# --- Dates


@pytest.mark.parametrize("day", PLACEHOLDERS)
def test_placeholders_are_named_and_never_dates(tmp_path, day):
    report, rows = ingest(tmp_path, text_of({}, {"start_date": day}, {"end_date": day}))
    assert report.refused[START_PLACEHOLDER] == 1
    assert report.repaired[END_PLACEHOLDER] == 1
    assert report.refused["end_date before start_date"] == 0
    assert rows["end_date"].isna().tolist() == [False, True]
    assert "placeholder such as 9999-12-31" in str(report)


def test_placeholders_may_be_told(tmp_path):
    text = text_of({"start_date": "1960-01-01"}, {"end_date": "2049-12-31"}, {"end_date": "9999-12-31"})
    report, rows = ingest(tmp_path, text, {"dates": {"placeholders": ["2049-12-31"]}})
    assert report.refused[START_PLACEHOLDER] == 0
    assert rows["end_date"].astype(str).fillna("").tolist() == ["2018-02-01", "", "9999-12-31"]
    report, _ = ingest(tmp_path, text, {"dates": {"placeholders": []}})
    assert report.repaired[END_PLACEHOLDER] == 0


@pytest.mark.parametrize("suffix", ["sav", "dta", "parquet"])
def test_placeholders_in_files_of_other_programs(tmp_path, suffix):
    frame = pd.DataFrame([GOOD, {**GOOD, "person_id": "8"}]).astype({"birth_year": float, "sex": float})
    frame["start_date"] = pd.to_datetime(frame["start_date"]).dt.date
    frame["end_date"] = [pd.Timestamp("9999-12-31").date(), pd.Timestamp("2018-02-01").date()]
    write = {"sav": pyreadstat.write_sav, "dta": pyreadstat.write_dta, "parquet": pd.DataFrame.to_parquet}
    write[suffix](frame, tmp_path / f"in.{suffix}")
    report = kv.register.ingest(tmp_path / f"in.{suffix}", tmp_path / "out.parquet")
    assert report.repaired[END_PLACEHOLDER] == 1
    assert pd.read_parquet(tmp_path / "out.parquet")["end_date"].isna().tolist() == [True, False]


BIRTHS = {
    "1950": 1950,
    "1950.0": 1950,
    "1950-05-17": 1950,
    "17.05.1950": 1950,
    "19500517": 1950,
    "1950.5": None,
    "50": None,
    "1950,5": None,
    "1950-13-45": None,
    "1900-01-01": None,
    "05/17/1950": None,
    "17055012345": None,
    "-1950": None,
    "": None,
}


@pytest.mark.parametrize("text", BIRTHS)
def test_years_of_birth(tmp_path, text):
    report, rows = ingest(tmp_path, text_of({}, {"birth_year": text, "start_date": "2018-01-11"}))
    assert report.refused[NO_BIRTH] == (BIRTHS[text] is None)
    assert rows["birth_year"].tolist()[1:] == ([] if BIRTHS[text] is None else [BIRTHS[text]])


def test_fractional_years_of_birth_in_numbers_are_refused(tmp_path):
    frame = pd.DataFrame([GOOD, {**GOOD, "person_id": "8"}]).assign(birth_year=[1950.0, 1950.5])
    frame.to_parquet(tmp_path / "in.parquet")
    report = kv.register.ingest(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert report.refused[NO_BIRTH] == 1


def test_dates_of_birth_of_every_storage(tmp_path):
    frame = pd.DataFrame([GOOD]).assign(birth_year=pd.to_datetime(["1950-05-17"]))
    frame.to_parquet(tmp_path / "in.parquet")
    kv.register.ingest(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert pd.read_parquet(tmp_path / "out.parquet")["birth_year"].tolist() == [1950]


def zoned(folder: Path) -> Path:
    """Episodes whose midnights of Oslo lie on the day before in UTC and on the same day in Tokyo."""
    frame = pd.DataFrame([GOOD, {**GOOD, "person_id": "8"}])
    for name, days in {"start_date": ["2018-01-10", "2018-07-01"], "end_date": ["2018-02-01", None]}.items():
        frame[name] = pd.to_datetime(pd.Series(days)).dt.tz_localize("Europe/Oslo")
    frame.to_parquet(folder / "in.parquet")
    return folder / "in.parquet"


def test_times_with_a_zone_ask_whose_day_is_meant(tmp_path):
    path = zoned(tmp_path)
    with pytest.raises(InvalidDataError) as caught:
        kv.register.ingest(path, tmp_path / "out.parquet")
    assert str(caught.value).count('[dates] timezone = "Europe/Oslo"') == 2
    assert "in.parquet: start_date" in str(caught.value)
    with pytest.raises(SpecificationError, match="'Mars' is no time zone"):
        kv.register.ingest(path, tmp_path / "out.parquet", {"dates": {"timezone": "Mars"}})
    for episodes in (path, pd.read_parquet(path)):
        for engine in ("painter", "duckdb"):
            with pytest.raises(InvalidDataError, match="start_date has the time zone Europe/Oslo"):
                kv.register.weekly_cube(episodes, engine=engine)


CHILD = """
import sys, pandas as pd, kostnadsvekst as kv
kv.register.ingest(sys.argv[1], sys.argv[2], {"dates": {"timezone": "Europe/Oslo"}})
print(pd.read_parquet(sys.argv[2])[["start_date", "end_date"]].astype(str).fillna("").to_numpy().tolist())
"""


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_days_do_not_depend_on_the_zone_of_the_machine(tmp_path, zone):
    environment = {**os.environ, "TZ": zone, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", CHILD, str(zoned(tmp_path)), str(tmp_path / "out.parquet")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[['2018-01-10', '2018-02-01'], ['2018-07-01', '']]"


def test_text_with_a_zone(tmp_path):
    text = text_of({"start_date": "2018-01-09T23:30:00Z", "end_date": "2018-02-01T12:00:00+0100"})
    pattern = {"format": "%Y-%m-%dT%H:%M:%S%z"}
    with pytest.raises(SpecificationError, match="whose day is meant"):
        ingest(tmp_path, text, {"dates": pattern})
    _, rows = ingest(tmp_path, text, {"dates": {**pattern, "timezone": "Europe/Oslo"}})
    assert rows[["start_date", "end_date"]].astype(str).to_numpy().tolist() == [["2018-01-10", "2018-02-01"]]


def test_iso_times_without_a_zone_lie_on_their_day(tmp_path):
    _, rows = ingest(
        tmp_path, text_of({"start_date": "2018-01-10 23:59:59", "end_date": "2018-02-01T00:00:00"})
    )
    assert rows[["start_date", "end_date"]].astype(str).to_numpy().tolist() == [["2018-01-10", "2018-02-01"]]


# --- Codes and persons


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("0301", "0301"),
        ("301", "0301"),
        ("301.0", "0301"),
        ("0301 Oslo", "0301"),
        ("K-0301", "0301"),
        ("K_0301 Oslo", "0301"),
        ("1515 - Herøy", "1515"),
        (" 0301\u00a0", "0301"),
        ("S001", "S001"),
        ("Oslo", "Oslo"),
        ("NA", "9999"),
        (".", "9999"),
        ("030101", "9999"),
    ],
)
def test_municipalities_however_they_are_written(tmp_path, written, code):
    _, rows = ingest(tmp_path, text_of({"municipality": written}))
    assert rows["municipality"].tolist() == [code]


def test_numbers_with_a_point_are_the_same_persons(tmp_path):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text(text_of({"person_id": "7.0", "sex": "2.0"}))
    second.write_text(text_of({"person_id": "7", "start_date": "2018-03-01", "end_date": ""}))
    kv.register.ingest([first, second], tmp_path / "out.parquet")
    assert pd.read_parquet(tmp_path / "out.parquet")["person_id"].tolist() == [0, 0]


def persons(folder: Path, values: list, name: str = "in.parquet") -> list[int]:
    frame = pd.DataFrame([GOOD] * len(values)).assign(person_id=values)
    if name.endswith(".csv"):
        frame.to_csv(folder / name, index=False)
    else:
        frame.to_parquet(folder / name)
    kv.register.ingest(folder / name, folder / "out.parquet")
    return pd.read_parquet(folder / "out.parquet")["person_id"].tolist()


@pytest.mark.parametrize(
    "values",
    [
        [2**53, 2**53 + 1, 2**53 + 2],
        [float(2**53 - 2), float(2**53 - 1), 3.0],
        ["9007199254740993", "9007199254740992", "12345678901234567890123"],
        pd.Categorical(["a", "b", "c"]),
        [1e15, 1e15 + 1, 4.0],
    ],
)
def test_persons_stay_apart_whatever_their_number(tmp_path, values):
    assert persons(tmp_path, values) == [0, 1, 2]
    assert persons(tmp_path, values, "in.csv") == [0, 1, 2]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([2.0**53 + 2, 1.0], "makes one person of several"),
        ([1.5, 2.0], "has decimals, so it is no identifier"),
    ],
)
def test_persons_that_the_file_has_lost_are_refused(tmp_path, values, message):
    with pytest.raises(InvalidDataError, match=message):
        persons(tmp_path, values)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_column_that_is_empty_in_one_chunk(tmp_path, monkeypatch, backwards):
    monkeypatch.setattr(ingestion, "_CHUNK_ROWS", 1)
    frame = pd.DataFrame([GOOD, {**GOOD, "person_id": "8"}]).astype({"birth_year": float, "sex": float})
    frame["start_date"] = pd.to_datetime(frame["start_date"]).dt.date
    frame["end_date"] = [pd.Timestamp("2018-02-01").date(), None]
    pyreadstat.write_dta(frame.iloc[::-1] if backwards else frame, tmp_path / "in.dta")
    kv.register.ingest(tmp_path / "in.dta", tmp_path / "out.parquet")
    assert pd.read_parquet(tmp_path / "out.parquet")["end_date"].isna().tolist() == [False, True]


def test_columns_without_any_value_are_missing_values(tmp_path):
    frame = pd.DataFrame([GOOD]).assign(end_date=pa.nulls(1).to_pandas(), hours_per_week=np.nan)
    frame.to_parquet(tmp_path / "in.parquet")
    kv.register.ingest(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert pd.read_parquet(tmp_path / "out.parquet")[["end_date", "hours_per_week"]].isna().all(axis=None)


def test_the_placeholders_that_programs_write():
    named = ("1900-01-01", "1753-01-01", "1582-10-15", "1960-01-01", "1970-01-01", "2099-12-31", "9999-12-31")
    assert set(named) <= set(PLACEHOLDERS)
