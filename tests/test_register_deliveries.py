"""Bounds of ingest, of the masks and of temporary folders: what a small mistake would change."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.register import IngestReport, ingest, ingestion, weekly_cube
from kostnadsvekst.register.delivered_values import quoted
from kostnadsvekst.register.episodes import CodeBook
from kostnadsvekst.register.ingestion import (
    REFUSALS,
    REPAIRS,
    Delivery,
    _relation,
    _settle_persons,
    _whole_persons,
)
from kostnadsvekst.register.mapping import read_mapping
from kostnadsvekst.register.workspace import remove_abandoned, remove_folder, workspace

GOOD = {
    "person_id": "b",
    "birth_year": "1950",
    "sex": "2",
    "municipality": "0301",
    "service": "home_health",
    "start_date": "2018-01-10",
    "end_date": "2018-02-01",
    "hours_per_week": "3.5",
}


def delivered(tmp_path, *changes, mapping=None, **options):
    """Report and rows of a text file of rows that differ from a good one."""
    path = tmp_path / "in.csv"
    pd.DataFrame([{**GOOD, **change} for change in changes]).to_csv(path, index=False, **options)
    report = ingest(path, tmp_path / "out.parquet", mapping)
    return report, pd.read_parquet(tmp_path / "out.parquet")


# --- Rows at the bounds


def test_rows_just_inside_the_bounds_are_kept(tmp_path):
    changes = [
        {"person_id": "a"},
        {"person_id": "b", "end_date": "2018-01-10"},  # on the same day
        {"person_id": "c", "birth_year": "2018"},
        {"person_id": "d", "birth_year": "1898"},  # 120 years
        {"person_id": "e", "hours_per_week": "336"},
        {"person_id": "f", "hours_per_week": "0"},
        {"person_id": "g", "hours_per_week": ""},
        {"person_id": "h", "start_date": "1999-06-01", "birth_year": "1880"},
        {"person_id": "i", "hours_per_week": "0.004"},
        {"person_id": "j", "hours_per_week": "0.006"},
        {"person_id": "k", "hours_per_week": "1,25"},
    ]
    report, rows = delivered(tmp_path, *changes)
    assert report.rows_refused == 0
    assert report.rows_read == report.rows_kept == 11
    assert rows["person_id"].tolist() == list(range(11))
    hours = rows["hours_per_week"].astype(float).round(4)
    assert hours[[4, 5, 8, 9, 10]].tolist() == [336, 0, 0, 0.01, 1.25]
    assert hours.isna().tolist() == [k == 6 for k in range(11)]
    assert rows["birth_year"].tolist()[2:4] == [2018, 1898]
    assert rows["end_date"].astype(str).tolist()[1] == "2018-01-10"


def test_rows_just_outside_the_bounds_are_refused(tmp_path):
    changes = [
        {},
        {"birth_year": "1897", "person_id": "c"},
        {"birth_year": "1879", "start_date": "1990-01-01", "end_date": "", "person_id": "d"},
        {"hours_per_week": "336.01", "person_id": "e"},
        {"hours_per_week": "-0.01", "person_id": "f"},
        {"end_date": "2018-01-09", "person_id": "g"},
        {"birth_year": "2019", "person_id": "h"},
        {"birth_year": "", "person_id": "i"},
        {"sex": "0", "person_id": "j"},
    ]
    report, rows = delivered(tmp_path, *changes)
    assert len(rows) == report.rows_kept == 1
    found = [report.refused[reason] for reason in REFUSALS]
    assert found == [0, 0, 0, 0, 0, 1, 4, 1, 2, 0]
    assert report.rows_refused == 8


def test_a_row_is_counted_under_its_first_fault(tmp_path):
    everything = {
        "person_id": "",
        "service": "x",
        "start_date": "x",
        "end_date": "x",
        "birth_year": "x",
        "sex": "x",
        "hours_per_week": "x",
    }
    names = list(everything)
    rows = [{name: everything[name] for name in names[k:]} for k in range(7)]
    report, _ = delivered(tmp_path, {}, *rows)
    found = [report.refused[reason] for reason in REFUSALS]
    assert found == [1, 1, 1, 0, 1, 0, 1, 1, 1, 0]
    assert report.rows_read == 8


def test_municipalities_are_repaired(tmp_path):
    places = ["0301", "301", "", "30", "03011", "S001", "03-1", "abc"]
    changes = [{"person_id": str(k), "municipality": place} for k, place in enumerate(places)]
    report, rows = delivered(tmp_path, *changes)
    assert rows["municipality"].tolist() == ["0301", "0301", "9999", "9999", "9999", "S001", "9999", "9999"]
    assert [report.repaired[repair] for repair in REPAIRS] == [5, 1, 0, 0]


@pytest.mark.parametrize(
    "change",
    [
        {"service": "practical_bpa"},
        {"start_date": "2018-01-11"},
        {"end_date": "2018-02-02"},
        {"hours_per_week": "3.51"},
        {"municipality": "1103"},
    ],
)
def test_rows_that_differ_in_anything_are_no_duplicates(tmp_path, change):
    report, rows = delivered(tmp_path, {}, change, {}, change, {})
    assert len(rows) == 2
    assert report.refused["duplicate of another row"] == 3


def test_repairs_of_duplicates_are_not_counted(tmp_path):
    later = {"birth_year": "1952", "start_date": "2018-01-12"}
    report, rows = delivered(tmp_path, {"birth_year": "1950"}, {"birth_year": "1951"}, later)
    assert rows["birth_year"].tolist() == [1952, 1952]
    assert report.refused["duplicate of another row"] == 1
    assert [report.repaired[repair] for repair in REPAIRS] == [0, 0, 0, 1]


def test_the_same_row_of_another_person_is_no_duplicate(tmp_path):
    report, rows = delivered(tmp_path, {"person_id": "a"}, {"person_id": "b"})
    assert rows["person_id"].tolist() == [0, 1]
    assert report.refused["duplicate of another row"] == 0


def test_rows_are_sorted_within_a_person(tmp_path):
    changes = [
        {"start_date": "2018-01-20"},
        {"service": "long_term_stay", "start_date": "2018-01-25"},
        {"start_date": "2018-01-10", "hours_per_week": "9"},
        {"start_date": "2018-01-10", "hours_per_week": "2"},
    ]
    _, rows = delivered(tmp_path, *changes)
    assert rows["service"].tolist() == ["long_term_stay"] + 3 * ["home_health"]
    assert rows["hours_per_week"].tolist() == [3.5, 2, 9, 3.5]


def test_kinds_and_origin_of_the_file(tmp_path):
    delivered(tmp_path, {})
    schema = pq.read_schema(tmp_path / "out.parquet")
    assert [str(kind) for kind in schema.types] == [
        "int32",
        "int16",
        "int8",
        "string",
        "string",
        "date32[day]",
        "date32[day]",
        "float",
    ]
    assert schema.metadata[b"origin"] == b"register"
    assert schema.metadata[b"sorted_by"] == b"person_id"


# --- Contradictions between rows of a person


def settled(*rows):
    """Birth years, sexes, rows kept and rows repaired of (begins, birth year, sex, start)."""
    begins = np.array([row[0] for row in rows], dtype=bool)
    year, sex, start = (np.array([row[k] for row in rows], dtype=np.int32) for k in (1, 2, 3))
    same = [np.full(len(rows), value, dtype=np.int32) for value in (0, 10**6, 0, 0)]
    repaired = np.zeros(len(rows), dtype=bool)
    days = ((start - 1970) * 365.25 + 10).astype(np.int32)
    keep = _settle_persons(begins, year, sex, same[0], days, *same[1:], repaired)
    return year.tolist(), sex.tolist(), keep.tolist(), repaired.tolist()


def test_latest_episode_settles_birth_year_and_sex():
    rows = [(True, 1950, 1, 2017), (False, 1951, 2, 2019), (False, 1952, 1, 2018), (True, 1960, 2, 2017)]
    year, sex, keep, repaired = settled(*rows)
    assert year == [1951, 1951, 1951, 1960]
    assert sex == [2, 2, 2, 2]
    assert keep == [True] * 4
    assert repaired == [True, False, True, False]


def test_of_equal_starts_the_last_row_settles():
    year, _, keep, repaired = settled((True, 1950, 1, 2017), (False, 1951, 1, 2017))
    assert year == [1951, 1951]
    assert keep == [True, False]  # then it is the same row twice
    assert repaired == [True, False]
    assert settled((True, 1950, 1, 2017), (False, 1950, 2, 2017))[1] == [2, 2]


def test_born_after_the_first_episode():
    # 2019 is too late for an episode of 2017: its own birth year is believed, at most 120 years back.
    year, *_ = settled((True, 1980, 1, 2017), (False, 2019, 1, 2019))
    assert year == [1980, 1980]
    year, *_ = settled((True, 1890, 1, 2009), (False, 2019, 1, 2020))
    assert year == [1900, 1900]
    year, *_ = settled((True, 1901, 1, 2009), (False, 2019, 1, 2020))
    assert year == [1901, 1901]
    # Born in the year of the first episode is in time.
    year, *_ = settled((True, 1980, 1, 2017), (False, 2017, 1, 2019))
    assert year == [2017, 2017]


def batch(persons):
    n = len(persons)
    columns = {"person": pa.array(persons)}
    columns |= {k: pa.array([1] * n, pa.int32()) for k in ("birth_year", "sex", "service", "hundredths")}
    columns["start_day"] = pa.array(range(n), pa.int32())
    columns["end_day"] = pa.array([None] * n, pa.int32())
    columns["municipality"] = pa.array(["0301", "1103"] * n)[:n]
    return pa.RecordBatch.from_pydict(columns)


def cut(*batches):
    found = list(_whole_persons(iter([batch(persons) for persons in batches]), CodeBook()))
    assert all(rows.begins[0] for rows in found)
    assert all(rows.begins.size == rows.values["start_day"].size for rows in found)
    return [rows.begins.tolist() for rows in found]


def test_persons_are_not_cut_between_batches():
    assert cut([1, 1, 2]) == [[True, False], [True]]
    assert cut([1, 1], [1, 2], [2, 3]) == [[True, False, False], [True, False], [True]]
    assert cut([1], [2]) == [[True], [True]]
    assert cut([1, 1]) == [[True, False]]
    assert cut([], [4]) == [[True]]
    assert cut() == []
    assert cut(["a"], ["a", "b"]) == [[True, False], [True]]
    assert cut([7000, 7000], [7000, 7001]) == [[True, False, False], [True]]


@pytest.mark.parametrize("batches", [([2, 1],), ([1, 2], [1]), ([3], [3, 2])])
def test_persons_out_of_order_stop_the_work(batches):
    with pytest.raises(InvalidDataError, match="out of order"):
        cut(*batches)


def test_values_of_sorted_rows():
    (first, last) = _whole_persons(iter([batch([1, 1, 2])]), CodeBook())
    assert first.values["start_day"].tolist() == [0, 1]
    assert last.values["start_day"].tolist() == [2]
    assert first.values["end_day"].tolist() == [2**31 - 1] * 2
    assert first.values["municipality"].tolist() == [0, 1]


# --- Reports


def report_of(refused, kept=1234, repaired=None):
    return IngestReport("out", kept + sum(refused.values()), kept, refused, repaired or {})


@pytest.mark.parametrize(("n", "shown"), [(0, "1234"), (1, "about 1200"), (4, "about 1200"), (5, "1234")])
def test_rows_kept_are_rounded_where_they_would_give_others_away(n, shown):
    frame = report_of({"a": n, "b": 7}).to_frame()
    assert frame["what"].tolist() == ["read", "kept", "refused", "refused"]
    assert frame["rows"].tolist()[1] == shown
    assert frame["rows"].tolist()[2] == ("fewer than 5" if 0 < n < 5 else str(n))
    assert frame["reason"].tolist() == ["", "", "a", "b"]


def test_report_in_print():
    text = str(report_of({"a": 9}, repaired={"r": 2}))
    assert text.splitlines()[0] == "out"
    assert "repaired" in text
    assert "fewer than 5  r" in text
    again = IngestReport("out", 3, 3, reused=True)
    assert str(again).splitlines()[0] == "out (unchanged since last time)"
    assert again.rows_refused == 0


def test_stored_report_is_that_of_the_same_deliveries_and_rules(tmp_path, monkeypatch):
    first, _ = delivered(tmp_path, {}, {"person_id": "c", "sex": "9"})
    again = ingest(tmp_path / "in.csv", tmp_path / "out.parquet")
    assert again.reused
    assert not first.reused
    assert again.rows_read == 2
    other = ingest(tmp_path / "in.csv", tmp_path / "out.parquet", {"sex": {"9": 1}})
    assert not other.reused
    assert other.rows_kept == 2
    monkeypatch.setattr(ingestion, "_RULES_VERSION", 10**6)
    assert not ingest(tmp_path / "in.csv", tmp_path / "out.parquet", {"sex": {"9": 1}}).reused
    os.utime(tmp_path / "in.csv", ns=(1, 1))
    assert not ingest(tmp_path / "in.csv", tmp_path / "out.parquet", {"sex": {"9": 1}}).reused


# --- Mappings, files


def test_mapping_of_codes_and_formats(tmp_path):
    mapping = {
        "services": {"17": "practical_bpa"},
        "sex": {"M": 1, "K": 2},
        "dates": {"format": ["%d.%m.%Y", "%Y%m%d"]},
    }
    _, rows = delivered(
        tmp_path,
        {"person_id": "a", "service": "17", "sex": "M", "start_date": "10.01.2018", "end_date": "20180201"},
        {"person_id": "b", "sex": "1", "start_date": "20180110", "end_date": ""},
        mapping=mapping,
    )
    assert rows["service"].tolist() == ["practical_bpa", "home_health"]
    assert rows["sex"].tolist() == [1, 1]
    assert rows["start_date"].astype(str).tolist() == ["2018-01-10", "2018-01-10"]


def test_numbers_as_decimals_lose_their_point(tmp_path):
    frame = pd.DataFrame(
        [{**GOOD, "person_id": 10.0, "municipality": 301.0, "sex": 2.0, "birth_year": 1950.0}]
    )
    frame["hours_per_week"] = 3.5
    frame.to_parquet(tmp_path / "in.parquet")
    ingest(tmp_path / "in.parquet", tmp_path / "out.parquet")
    row = pd.read_parquet(tmp_path / "out.parquet").iloc[0]
    assert (row["municipality"], row["sex"], row["birth_year"]) == ("0301", 2, 1950)


def test_all_that_is_wrong_with_a_mapping():
    wrong = {
        "columns": {"age": "alder", "sex": "kjonn"},
        "services": {"X": "circus", "Y": "home_health"},
        "sex": {"M": 3, "K": 2},
        "colours": {},
    }
    with pytest.raises(SpecificationError) as caught:
        read_mapping(wrong)
    lines = [line.strip(" -") for line in str(caught.value).splitlines()]
    assert lines[0] == "the mapping cannot be used: 4 fault(s)"
    places = ["[columns] age", "[services] X", "[sex] M", "colours"]
    assert [line.split(":")[0] for line in lines[1:]] == places
    assert "'circus' is none of" in lines[2]
    assert "practical_bpa" in lines[2]
    assert "3 must be 1 (man) or 2 (woman)" in lines[3]
    assert read_mapping(None).tables == {n: {} for n in ("columns", "services", "sex", "dates", "csv")}


def test_a_mapping_written_in_python_may_have_numbers_as_codes():
    read = read_mapping({"sex": {0: 1, 1: 2}, "dates": {"format": "%d.%m.%Y"}, "csv": {"delimiter": ";"}})
    assert read.tables["sex"] == {"0": 1, "1": 2}
    assert read.tables["dates"] == {"format": ("%d.%m.%Y",)}
    assert read.tables["csv"] == {"delimiter": ";"}


def test_mapping_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataMissingError, match="there is no file"):
        read_mapping(tmp_path / "map.toml")
    (tmp_path / "map.toml").write_text("[columns")
    with pytest.raises(SpecificationError, match=r"map\.toml"):
        read_mapping(tmp_path / "map.toml")


def test_names_with_quotes(tmp_path):
    assert quoted("it's") == "'it''s'"
    places = [tmp_path / "a.parquet", tmp_path / "b'c.parquet"]
    assert _relation(Delivery("a", tuple(places)), {}, tmp_path) == (
        f"read_parquet(['{places[0]}', '{tmp_path}/b''c.parquet'], hive_partitioning = false)"
    )
    (tmp_path / "a.CSV").write_text("a;it's\n1;2\n")
    assert _relation(Delivery("a.CSV", (tmp_path / "a.CSV",)), {"delimiter": ";"}, tmp_path) == (
        f"read_csv(['{tmp_path}/a.CSV'], hive_partitioning = false, header = true, auto_detect = false, "
        "delim = ';', quote = '\"', escape = '\"', skip = 0, columns = {'a': 'VARCHAR', 'it''s': 'VARCHAR'})"
    )


def test_files_of_other_kinds_are_passed_over_in_folders_only(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    pd.DataFrame([GOOD]).to_csv(folder / "a.CSV", index=False)
    (folder / "readme.doc").write_text("no episodes")
    report = ingest(folder, folder / "out.parquet")
    assert report.rows_kept == 1
    # The file written before is no delivery.
    pd.DataFrame([{**GOOD, "person_id": "z"}]).to_csv(folder / "b.txt", index=False)
    assert ingest(folder, folder / "out.parquet").rows_read == 2
    with pytest.raises(SpecificationError, match=r"readme\.doc"):
        ingest([folder / "a.CSV", folder / "readme.doc"], tmp_path / "out.parquet")
    with pytest.raises(SpecificationError, match="2GB"):
        ingest(folder / "a.CSV", tmp_path / "out.parquet", memory_limit="much")


def test_database_spills_into_the_private_folder_and_not_without_end(tmp_path, monkeypatch):
    import duckdb

    real = duckdb.connect
    seen = []

    def connect(config):
        spill = Path(config["temp_directory"])
        seen.append((spill.is_dir(), spill.parent.parent, spill.parent.name[:23], config))
        return real(config=config)

    monkeypatch.setattr(duckdb, "connect", connect)
    path = tmp_path / "in.csv"
    pd.DataFrame([GOOD]).to_csv(path, index=False)
    ingest(path, tmp_path / "a.parquet", memory_limit="300MB")
    ingest(path, tmp_path / "b.parquet", temp_directory=tmp_path / "temp")
    assert [found[:3] for found in seen] == [
        (True, tmp_path, "kostnadsvekst-register-"),
        (True, tmp_path / "temp", "kostnadsvekst-register-"),
    ]
    assert [found[3]["memory_limit"] for found in seen] == ["300MB", "2GB"]
    assert {found[3]["max_temp_directory_size"] for found in seen} == {"4GB"}  # 20 times the files, and 4


def test_no_usable_row_says_why(tmp_path):
    with pytest.raises(InvalidDataError) as caught:
        delivered(tmp_path, *[{"sex": "9"}] * 6, {"service": "x"})
    assert list(caught.value.problems) == [
        "service unknown or missing: fewer than 5 row(s)",
        "sex missing or unknown: 6 row(s)",
    ]
    assert not (tmp_path / "out.parquet").exists()


# --- Temporary folders


HOLDS = """
import sys, time
from filelock import FileLock
with FileLock(sys.argv[1] + "/in-use.lock"):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def held(folder: Path) -> Iterator[subprocess.Popen]:
    """Another process that works in a folder."""
    folder.mkdir(mode=0o700, exist_ok=True)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def folder_of(root: Path, name: str, marked: bool = True) -> Path:
    folder = root / f"kostnadsvekst-register-{name}"
    folder.mkdir(mode=0o700)
    if marked:
        (folder / "in-use.lock").touch()
    (folder / "part").touch()
    return folder


def test_only_our_own_folders_of_the_dead_go(tmp_path):
    living = tmp_path / "kostnadsvekst-register-living"
    foreign = folder_of(tmp_path, "foreign", marked=False)  # named as ours are, without our marker
    linked = tmp_path / "kostnadsvekst-register-linked"
    elsewhere = folder_of(tmp_path / "..", f"elsewhere-{tmp_path.name}")
    linked.symlink_to(elsewhere)
    folder_of(tmp_path, "dead")
    with held(living) as process:
        assert remove_abandoned(tmp_path) == 1
        assert sorted(tmp_path.iterdir()) == sorted([living, foreign, linked])
        process.kill()
        process.wait()
        assert remove_abandoned(tmp_path) == 1  # whatever ends a process, its lock goes with it
    assert sorted(tmp_path.iterdir()) == sorted([foreign, linked])
    assert (elsewhere / "part").exists()


def test_workspace_goes_with_the_work(tmp_path):
    with workspace(tmp_path / "a" / "b") as folder:
        assert folder.name.startswith("kostnadsvekst-register-")
        assert folder.parent == tmp_path / "a" / "b"
        (folder / "part").touch()
        with workspace(tmp_path / "a" / "b") as second:
            assert second != folder
        assert (folder / "part").exists()
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_workspace_with_a_key_is_taken_over_from_the_dead_only(tmp_path):
    left = folder_of(tmp_path, "key")
    with workspace(tmp_path, key="key") as folder:
        assert folder == left
        assert (folder / "part").exists()
        with workspace(tmp_path, key="key") as second:  # the same work, at the same time
            assert second != left
        assert left.exists()
    assert list(tmp_path.iterdir()) == []
    busy = tmp_path / "kostnadsvekst-register-busy"
    with held(busy), workspace(tmp_path, key="busy") as third:
        assert third != busy
    with workspace(tmp_path, key="new") as folder:
        assert folder.name == "kostnadsvekst-register-new"
        assert os.name == "nt" or oct(folder.stat().st_mode)[-3:] == "700"


@pytest.mark.skipif(os.name == "nt", reason="Windows has its own rules")
def test_a_folder_that_others_can_read_is_not_taken_over(tmp_path):
    open_to_all = folder_of(tmp_path, "key")
    open_to_all.chmod(0o755)
    with workspace(tmp_path, key="key") as folder:
        assert folder != open_to_all
        assert oct(folder.stat().st_mode)[-3:] == "700"


def test_workspace_goes_after_an_error(tmp_path):
    with pytest.raises(KeyboardInterrupt), workspace(tmp_path):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_folder_is_removed_even_if_it_fills_again(tmp_path, monkeypatch):
    import shutil

    folder = tmp_path / "x"
    folder.mkdir()
    tried = []
    real = shutil.rmtree
    waited = []

    def slow(path, ignore_errors):
        assert ignore_errors
        tried.append(path)
        if len(tried) == 3:
            real(path)

    monkeypatch.setattr(shutil, "rmtree", slow)
    monkeypatch.setattr(time, "sleep", waited.append)
    remove_folder(folder)
    assert len(tried) == 3
    assert waited == [0.1, 0.1]
    folder.mkdir()
    remove_folder(folder)
    assert len(tried) == 3 + 50


# --- Masks


def test_masks_at_the_ends_of_years_and_of_the_period():
    base = {"birth_year": 1950, "sex": 2, "municipality": "0301", "service": "home_health"}
    spans = [
        ("2019-12-29", "2019-12-30", 1.0),
        ("2019-12-22", "2019-12-22", 2.0),  # before the first day
        ("2019-12-23", "2019-12-23", 3.0),
        ("2021-01-10", "2021-01-10", 4.0),
        ("2021-01-11", None, 5.0),  # after the last
        ("2020-12-28", "2021-01-03", 6.0),
        ("2019-01-01", None, 7.0),
        ("2020-01-05", "2020-01-06", 0.0),
        ("2020-06-01", "2020-06-01", None),
        ("2020-06-05", "2020-06-08", 336.0),
        ("2020-06-05", "2020-06-08", 0.004),
        ("2020-06-05", "2020-06-08", 0.006),
    ]
    rows = [
        {
            **base,
            "person_id": k,
            "start_date": pd.Timestamp(a),
            "end_date": pd.Timestamp(b),
            "hours_per_week": h,
        }
        for k, (a, b, h) in enumerate(spans)
    ]
    rows += [
        {**rows[6], "birth_year": year, "person_id": 100 + year, "start_date": pd.Timestamp("2020-12-30")}
        for year in (2020, 2003, 2002, 1981, 1980, 1961, 1960, 1941, 1940, 1900)
    ]
    frame = pd.DataFrame(rows)
    for overlap in ("max", "latest"):
        ours = weekly_cube(frame, overlap, True, start="2019-12-23", end="2021-01-04")
        theirs = weekly_cube(frame, overlap, True, "duckdb", start="2019-12-23", end="2021-01-04")
        pd.testing.assert_frame_equal(theirs, ours)
    by_week = ours.groupby("week")[["users", "hours"]].sum()
    assert by_week["users"].iloc[0] == 3  # persons 0, 2 and 6
    assert by_week["hours"].iloc[0] == 11
    assert by_week["users"].loc["2020-12-28"] == 2 + 10
    in_53 = ours[ours["week"] == "2020-12-28"].groupby("age_group", observed=True)["users"].sum()
    assert in_53.to_dict() == {"0-17": 2, "18-39": 2, "40-59": 2, "60-79": 4, "80+": 2}


@pytest.mark.parametrize("engine", ["painter", "duckdb"])
def test_engines_count_each_fault_alike(engine):
    good = {
        "person_id": 1.0,
        "birth_year": 1950,
        "sex": 2,
        "municipality": "0301",
        "service": "home_health",
        "start_date": pd.Timestamp("2020-01-06"),
        "end_date": pd.Timestamp("2020-01-10"),
        "hours_per_week": 2.0,
    }
    inside = [
        {"birth_year": 2020},
        {"birth_year": 1900},
        {"hours_per_week": 336.0},
        {"hours_per_week": 0.0},
        {"end_date": pd.Timestamp("2020-01-06")},
        {"sex": 1},
        {"birth_year": 1880, "start_date": pd.Timestamp("2000-12-31")},
        {"birth_year": 2135, "start_date": pd.Timestamp("2135-01-01"), "end_date": pd.NaT},
    ]
    outside = {
        "service unknown or missing": ([{"service": None}] * 3, [{"service": "x"}] * 3),
        "start_date missing": ([{"start_date": pd.NaT}] * 7,),
        "end_date before start_date": ([{"end_date": pd.Timestamp("2020-01-05")}] * 8,),
        "birth_year missing or impossible": (
            [{"birth_year": 2021}] * 5,
            [{"birth_year": 1899}] * 4,
            [{"birth_year": 1879, "start_date": pd.Timestamp("1990-01-01")}] * 3,
            [{"birth_year": 2136, "start_date": pd.Timestamp("2140-01-01"), "end_date": pd.NaT}] * 2,
        ),
        "sex missing or not 1 or 2": ([{"sex": 0}] * 5, [{"sex": 3}] * 5),
        "hours_per_week negative or above 336": (
            [{"hours_per_week": -0.01}] * 6,
            [{"hours_per_week": 336.01}] * 5,
        ),
        "municipality missing": ([{"municipality": None}] * 12,),
    }
    wrong = [change for groups in outside.values() for group in groups for change in group]
    frame = pd.DataFrame([{**good, **change, "person_id": k} for k, change in enumerate(inside + wrong)])
    with pytest.raises(InvalidDataError) as caught:
        weekly_cube(frame, by_municipality=True, engine=engine)
    expected = [f"{name}: {sum(map(len, groups))} row(s)" for name, groups in outside.items()]
    assert list(caught.value.problems) == expected
    weekly_cube(
        frame.iloc[: len(inside)], by_municipality=True, engine=engine
    )  # and those just inside are good
