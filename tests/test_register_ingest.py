"""Ingest: every row is accounted for, formats agree, nothing personal is left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyreadstat
import pytest

from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.register import ingest, simulate_episodes, weekly_cube
from kostnadsvekst.register.workspace import workspace
from test_register_weekly import simple

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
# What each row changes, and the reason under which it is counted.
FAULTY = [
    ({"person_id": ""}, "person_id missing"),
    ({"service": "circus"}, "service unknown or missing"),
    ({"start_date": "10.01.2018"}, "start_date missing or unreadable"),
    ({"end_date": "soon"}, "end_date unreadable"),
    ({"end_date": "2018-01-09"}, "end_date before start_date"),
    ({"birth_year": "2019"}, "birth_year missing or impossible"),
    ({"birth_year": "1897"}, "birth_year missing or impossible"),
    ({"sex": "3"}, "sex missing or unknown"),
    ({"hours_per_week": "many"}, "hours_per_week unreadable, negative or above 336"),
    ({"hours_per_week": "-1"}, "hours_per_week unreadable, negative or above 336"),
    ({"hours_per_week": "336.5"}, "hours_per_week unreadable, negative or above 336"),
]


def write_csv(path, changes, **options):
    pd.DataFrame([{**GOOD, **change} for change in changes]).to_csv(path, index=False, **options)
    return path


def test_every_row_is_accounted_for(tmp_path):
    changes = [change for change, _ in FAULTY]
    fine = [
        {},
        {},  # duplicate
        {"end_date": "", "hours_per_week": "", "start_date": "2018-03-01"},
        {"person_id": "a", "municipality": "301"},
        {"person_id": "a", "municipality": "", "start_date": "2018-01-11"},
        {"person_id": "c", "birth_year": "1960"},
        {"person_id": "c", "birth_year": "1961", "start_date": "2018-01-12"},
    ]
    report = ingest(write_csv(tmp_path / "in.csv", changes + fine), tmp_path / "out.parquet")
    assert report.rows_read == 18
    assert report.rows_kept == 6
    assert report.rows_read == report.rows_kept + report.rows_refused
    for reason in {reason for _, reason in FAULTY}:
        assert report.refused[reason] == sum(r == reason for _, r in FAULTY)
    assert report.refused["duplicate of another row"] == 1
    assert list(report.repaired.values()) == [1, 1, 0, 1]
    rows = pd.read_parquet(tmp_path / "out.parquet")
    assert rows["person_id"].tolist() == [0, 0, 1, 1, 2, 2]
    assert rows["municipality"].tolist()[:2] == ["0301", "9999"]
    assert rows["birth_year"].tolist()[-2:] == [1961, 1961]  # that of the latest episode
    assert rows["end_date"].isna().sum() == 1
    assert rows["hours_per_week"].isna().sum() == 1


def test_small_counts_are_masked_in_what_is_printed(tmp_path):
    report = ingest(write_csv(tmp_path / "in.csv", [{}, {"sex": "9"}]), tmp_path / "out.parquet")
    assert "fewer than 5" in str(report)
    assert "about" in str(report)  # the exact number kept would give the refused ones away
    frame = report.to_frame().set_index("reason")
    assert frame.loc["sex missing or unknown", "rows"] == "fewer than 5"


def test_mapping_of_columns_codes_dates_and_decimals(tmp_path):
    text = "lopenr;fodt;kjonn;knr;tjeneste;fra;til;timer\n7;1950;K;301;HT;10.01.2018;01.02.2018;3,5\n"
    (tmp_path / "in.csv").write_bytes(text.encode("latin-1"))
    (tmp_path / "map.toml").write_text(
        """
        [columns]
        person_id = "lopenr"
        birth_year = "fodt"
        sex = "kjonn"
        municipality = "knr"
        service = "tjeneste"
        start_date = "fra"
        end_date = "til"
        hours_per_week = "timer"
        [services]
        HT = "home_health"
        [sex]
        K = 2
        [dates]
        format = "%d.%m.%Y"
        [csv]
        delimiter = ";"
        """
    )
    ingest(tmp_path / "in.csv", tmp_path / "out.parquet", mapping=tmp_path / "map.toml")
    row = pd.read_parquet(tmp_path / "out.parquet").iloc[0]
    assert (row["service"], row["sex"], row["hours_per_week"]) == ("home_health", 2, 3.5)
    assert str(row["start_date"]) == "2018-01-10"


def test_formats_and_splits_give_the_same_cube(tmp_path):
    register = simple(300)
    register["person_id"] = register["person_id"].astype(float)
    expected = weekly_cube(simple(300))
    pyreadstat.write_dta(register, tmp_path / "in.dta")
    pyreadstat.write_sav(register, tmp_path / "in.sav")
    simple(300).iloc[:500].to_parquet(tmp_path / "p1.parquet")
    simple(300).iloc[400:].to_csv(tmp_path / "p2.csv", index=False, date_format="%Y-%m-%d")  # 100 rows twice
    for number, paths in enumerate(["in.dta", "in.sav", ("p1.parquet", "p2.csv")]):
        names = [paths] if isinstance(paths, str) else paths
        out = tmp_path / f"out{number}.parquet"
        report = ingest([tmp_path / name for name in names], out)
        assert report.rows_kept == report.rows_read - report.rows_refused
        pd.testing.assert_frame_equal(weekly_cube(out), expected)


def test_sas_file_is_read(tmp_path):
    sample = Path(pyreadstat.__file__).parent / "tests" / "sample.sas7bdat"
    if not sample.is_file():
        pytest.skip("this pyreadstat ships no SAS sample, and nothing else here can write one")
    with pytest.raises(InvalidDataError, match="missing column"):
        ingest(sample, tmp_path / "out.parquet")


def test_missing_columns_of_all_files_at_once(tmp_path):
    simple(5).drop(columns="sex").to_parquet(tmp_path / "a.parquet")
    simple(5).drop(columns=["service", "end_date"]).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(InvalidDataError) as caught:
        ingest([tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path / "out.parquet")
    assert len(caught.value.problems) == 3
    assert not (tmp_path / "out.parquet").exists()


def test_wrong_arguments(tmp_path):
    with pytest.raises(DataMissingError):
        ingest(tmp_path / "none.csv", tmp_path / "out.parquet")
    path = write_csv(tmp_path / "in.csv", [{}])
    with pytest.raises(SpecificationError, match="'circus' is none of long_term_stay") as caught:
        ingest(path, tmp_path / "out.parquet", mapping={"services": {"X": "circus"}, "columns": {"age": "a"}})
    assert "'age' is none of person_id" in str(caught.value)
    (tmp_path / "in.doc").touch()
    with pytest.raises(SpecificationError, match="must end in"):
        ingest(tmp_path / "in.doc", tmp_path / "out.parquet")
    with pytest.raises(InvalidDataError, match="no usable row"):
        ingest(write_csv(tmp_path / "bad.csv", [{"sex": "9"}] * 6), tmp_path / "out.parquet")


def test_unchanged_deliveries_are_not_read_again(tmp_path):
    path = write_csv(tmp_path / "in.csv", [{}, {"sex": "9"}])
    first = ingest(path, tmp_path / "out.parquet")
    again = ingest(path, tmp_path / "out.parquet")
    assert again.reused
    assert (again.rows_kept, again.refused) == (first.rows_kept, first.refused)
    write_csv(path, [{}, {"person_id": "z"}])
    assert ingest(path, tmp_path / "out.parquet").rows_kept == 2


def test_rows_come_out_sorted_and_distinct_across_many_batches(tmp_path):
    register = simple(30_000)
    register["person_id"] = "x" + (register["person_id"] * 7919 % 30_011).astype(str)
    register.to_parquet(tmp_path / "in.parquet")
    ingest(tmp_path / "in.parquet", tmp_path / "out.parquet", memory_limit="200MB")
    rows = pd.read_parquet(tmp_path / "out.parquet")
    assert rows["person_id"].is_monotonic_increasing
    assert rows["person_id"].nunique() == register["person_id"].nunique()
    pd.testing.assert_frame_equal(weekly_cube(tmp_path / "out.parquet"), weekly_cube(register))


KILLED = """
import os, signal, sys
import pyarrow.parquet as pq
from kostnadsvekst.register import ingest
def die(*args, **kwargs):
    os.kill(os.getpid(), getattr(signal, sys.argv[4]))
pq.ParquetWriter.add_key_value_metadata = die  # all rows are written, nothing is in place yet
ingest(sys.argv[1], sys.argv[2], temp_directory=sys.argv[3])
"""


def killed_ingestion(folder: Path, signal_name: str = "SIGKILL") -> tuple[Path, Path]:
    """Ingest in a process that is killed with everything written, nothing in place; target, spill folder."""
    register = simple(2000)
    register["person_id"] = register["person_id"].astype(float)
    pyreadstat.write_dta(register, folder / "in.dta")
    temp, out = folder / "temp", folder / "out.parquet"
    source = Path(__file__).parents[1] / "src"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(folder / "in.dta"), str(out), str(temp), signal_name],
        env={**os.environ, "PYTHONPATH": str(source)},
    )
    assert killed.returncode == -getattr(signal, signal_name)
    return out, temp


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize("signal_name", ["SIGKILL", "SIGTERM"])
def test_killed_process_leaves_nothing_after_the_next_start(tmp_path, signal_name):
    out, temp = killed_ingestion(tmp_path, signal_name)
    # else this test shows nothing: the delivery as Parquet, and the half-written episodes
    left = [*temp.rglob("*.parquet"), *tmp_path.glob("kostnadsvekst-register-*/*.parquet")]
    assert len(left) == 2
    for path in left:
        assert oct(path.stat().st_mode)[-3:] == "600" or path.name == "episodes.parquet"
        assert oct(path.parent.stat().st_mode)[-3:] == "700"
    # Another piece of work in the same places: everything must go.
    with workspace(temp), workspace(tmp_path):
        assert not list(temp.rglob("*.parquet"))
    assert not list(temp.iterdir())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.dta", "temp"]
    ingest(tmp_path / "in.dta", out, temp_directory=temp)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.dta", "out.parquet", "temp"]
    assert not list(temp.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows has its own rules")
def test_only_the_owner_may_read_the_episodes_unless_asked_otherwise(tmp_path):
    path = write_csv(tmp_path / "in.csv", [{}])
    for out, options, mode in (("a", {}, "600"), ("b", {"file_mode": 0o640}, "640")):
        report = ingest(path, tmp_path / f"{out}.parquet", **options)
        assert oct((tmp_path / f"{out}.parquet").stat().st_mode)[-3:] == mode
        assert report.out == str(tmp_path / f"{out}.parquet")
        assert ingest(path, tmp_path / f"{out}.parquet", **options).out == report.out


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_interrupted_work_is_taken_up_and_then_removed(tmp_path, monkeypatch):
    out, temp = killed_ingestion(tmp_path)

    def refuse(*args, **kwargs):
        raise AssertionError("the Stata file was read again")

    monkeypatch.setattr(pyreadstat, "read_file_in_chunks", refuse)
    report = ingest(tmp_path / "in.dta", out, temp_directory=temp)
    assert report.rows_kept == len(simple(2000).drop_duplicates())
    assert not list(temp.iterdir())


def test_an_error_leaves_neither_temporary_nor_half_written_files(tmp_path, monkeypatch):
    path = write_csv(tmp_path / "in.csv", [{}])

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(pq.ParquetWriter, "write_table", interrupt)
    with pytest.raises(KeyboardInterrupt):
        ingest(path, tmp_path / "out.parquet")
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]


def test_living_processes_keep_their_folders(tmp_path):
    with workspace(tmp_path) as first, workspace(tmp_path) as second:
        assert first != second
        assert first.is_dir()
        assert second.is_dir()
        assert oct(first.stat().st_mode)[-3:] == "700" or os.name == "nt"


def test_person_born_after_own_episode_in_the_latest_row(tmp_path):
    # Start 2018 with birth year 2018, start 2019 with birth year 2019: impossible for the first.
    changes = [
        {"birth_year": "2018"},
        {"birth_year": "2019", "start_date": "2019-05-01", "end_date": ""},
    ]
    ingest(write_csv(tmp_path / "in.csv", changes), tmp_path / "out.parquet")
    assert pd.read_parquet(tmp_path / "out.parquet")["birth_year"].tolist() == [2018, 2018]
    assert np.isfinite(weekly_cube(tmp_path / "out.parquet")["mean_age"]).all()


def test_missing_columns_name_the_file_of_the_user(tmp_path):
    pyreadstat.write_dta(pd.DataFrame({"lopenr": [1, 2]}), tmp_path / "kpr_2017.dta")
    with pytest.raises(InvalidDataError, match=r"kpr_2017\.dta: no column person_id"):
        ingest(tmp_path / "kpr_2017.dta", tmp_path / "out.parquet")


def test_one_synthetic_delivery_makes_the_whole_synthetic(tmp_path):
    made = simulate_episodes(n_persons=1000, seed=1, out=tmp_path / "made.parquet")
    pd.read_parquet(made).to_csv(tmp_path / "own.csv", index=False)
    ingest([tmp_path / "own.csv", made], tmp_path / "both.parquet")
    ingest(tmp_path / "own.csv", tmp_path / "alone.parquet")
    origins = [
        pq.read_schema(tmp_path / f).metadata.get(b"origin") for f in ("both.parquet", "alone.parquet")
    ]
    assert origins[0] == b"synthetic"
    assert origins[1] != b"synthetic"
