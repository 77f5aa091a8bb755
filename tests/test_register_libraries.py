"""What the register asks of libraries that may be missing: solver, database, cluster; and its own records."""

import dataclasses
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst.register as register
from kostnadsvekst.errors import DataMissingError
from kostnadsvekst.register import (
    IngestReport,
    disclosure,
    episodes,
    ibis_engine,
    ingestion,
    level_model,
    protected_growth,
    schema,
    tables,
    trends,
    weekly,
    weekly_cube,
    weekly_fit,
    weekly_series,
)

FRAME = pd.DataFrame(
    {
        "person_id": [1, 2],
        "birth_year": [1950, 1960],
        "sex": [2, 1],
        "municipality": ["0301", "0301"],
        "service": ["home_health", "practical_bpa"],
        "start_date": [pd.Timestamp("2020-01-06")] * 2,
        "end_date": [pd.NaT, pd.Timestamp("2020-01-14")],
        "hours_per_week": [2.0, 3.0],
    }
)
PERIOD = {"start": "2020-01-06", "end": "2020-02-03"}

# --- The solver of optimal patterns


def with_solver(monkeypatch, unsafe):
    """pytauargus replaced by one that hides the cells given; what it was asked is recorded."""
    asked = []

    def protect(people, dimensions, value, **options):
        asked.append((people, dimensions, value, options, Path.cwd()))
        rows = sorted({*people["row"], "T"})
        columns = sorted({*people["column"], "T"})
        cells = [{"row": r, "column": c} for r in rows for c in columns]
        safe = ["x" if (cell["row"], cell["column"]) in unsafe else 1 for cell in cells]
        return types.SimpleNamespace(tables=[types.SimpleNamespace(rows=cells, safe=lambda: safe)])

    module = types.ModuleType("pytauargus")
    module.protect = protect
    monkeypatch.setitem(sys.modules, "pytauargus", module)
    monkeypatch.delitem(sys.modules, "kostnadsvekst.register.tauargus", raising=False)
    return asked


def with_margins(inner):
    full = inner.copy()
    full["all"] = full.sum(axis=1)
    full.loc["all"] = full.sum(axis=0)
    return full


def test_solver_reads_a_record_for_each_person_in_a_private_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    asked = with_solver(monkeypatch, {("r0001", "c0000"), ("T", "c0001"), ("T", "T"), ("r0000", "T")})
    from kostnadsvekst.register.tauargus import optimal_pattern

    counts = with_margins(pd.DataFrame([[2, 0, 7], [6, 5, 9]], index=list("ab"), columns=list("xyz")))
    pattern = optimal_pattern(counts, 4)
    assert np.argwhere(pattern).tolist() == [[0, 3], [1, 0], [2, 1], [2, 3]]
    people, dimensions, value, options, folder = asked[0]
    found = people.groupby(["row", "column"])["persons"].sum()
    assert found.to_dict() == {
        ("r0000", "c0000"): 2,
        ("r0000", "c0002"): 7,
        ("r0001", "c0000"): 6,
        ("r0001", "c0001"): 5,
        ("r0001", "c0002"): 9,
    }
    assert (people["persons"] == 1).all()
    assert dimensions == ["row", "column"]
    assert value == "persons"
    assert options["safety_rules"] == "FREQ(4,100)"
    assert options["suppress"] == "OPT(1)"
    assert options["totcode"] == "T"
    assert str(folder) == options["workdir"]
    assert folder.name.startswith("kostnadsvekst-register-tau-")
    assert not folder.exists()
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize(("persons", "asks"), [(0, False), (1, True), (4, True), (5, False)])
def test_solver_is_asked_only_where_there_are_small_cells(monkeypatch, persons, asks):
    asked = with_solver(monkeypatch, set())
    from kostnadsvekst.register.tauargus import optimal_pattern

    counts = with_margins(pd.DataFrame([[persons, 30], [40, 50]], index=list("ab"), columns=list("xy")))
    assert not optimal_pattern(counts, 5).any()
    assert bool(asked) is asks


# --- Database and cluster


@pytest.mark.parametrize("overlap", ["max", "latest"])
def test_database_counts_a_period_within_one_year(overlap):
    cube = weekly_cube(FRAME, overlap, engine="duckdb", **PERIOD)
    pd.testing.assert_frame_equal(cube, weekly_cube(FRAME, overlap, **PERIOD))
    assert cube["users"].tolist() == [1] * 7
    assert cube["hours"].tolist() == [2] * 5 + [3] * 2


def test_each_row_is_in_one_part(monkeypatch):
    import ibis

    numbers = pd.DataFrame({"person": [0, 1, 5, 8, 8, -3]})
    texts = pd.DataFrame({"person": [f"p{k}" for k in range(12)]})
    monkeypatch.setattr(ibis_engine, "ROWS_PER_PART", 4)

    def parts(frame, n_rows):
        with ibis_engine._quiet_libraries():
            found = ibis_engine._parts(ibis.memtable(frame), n_rows)
            return [part.execute()["person"].tolist() for part in found]

    assert parts(numbers, 0) == parts(numbers, 4) == [[0, 1, 5, 8, 8, -3]]
    assert parts(numbers, 5) == parts(numbers, 8) == [[0, 8, 8], [1, 5, -3]]
    assert len(parts(numbers, 9)) == 3
    by_hash = parts(texts, 12)
    assert len(by_hash) == 3
    assert sorted(name for part in by_hash for name in part) == sorted(texts["person"])


def test_engines_that_are_missing_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ibis", None)
    with pytest.raises(DataMissingError, match=r"kostnadsvekst\[database\].*'painter'"):
        weekly_cube(FRAME, engine="duckdb", **PERIOD)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DataMissingError, match="Java 17"):
        weekly_cube(FRAME, engine="spark", **PERIOD)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    with pytest.raises(DataMissingError, match="cluster"):
        weekly_cube(FRAME, engine="spark", **PERIOD)


class FakeSession:
    """Spark's session and its builder in one: remembers what it is told."""

    def __init__(self):
        self.options = {}
        self.views = []
        self.stopped = 0
        self.read = self.builder = self

    def master(self, where):
        self.options["master"] = where
        return self

    def appName(self, name):
        return self

    def config(self, name, value):
        self.options[name] = value
        return self

    def getOrCreate(self):
        return self

    def parquet(self, *files):
        self.files = files
        assert all(Path(file).is_file() for file in files)
        return self

    def createOrReplaceTempView(self, name):
        self.views.append(name)

    def stop(self):
        self.stopped += 1


@pytest.mark.parametrize(("limit", "memory"), [("2GB", "2G"), ("500MB", "500M"), ("3GiB", "3G")])
@pytest.mark.parametrize("active", [False, True])
def test_session_of_a_cluster_is_left_and_an_own_one_is_stopped(monkeypatch, tmp_path, limit, memory, active):
    session, running = FakeSession(), FakeSession()
    sql = types.ModuleType("pyspark.sql")
    sql.SparkSession = types.SimpleNamespace(
        getActiveSession=lambda: running if active else None, builder=session
    )
    monkeypatch.setitem(sys.modules, "pyspark", types.ModuleType("pyspark"))
    monkeypatch.setitem(sys.modules, "pyspark.sql", sql)
    ibis = types.ModuleType("ibis")
    ibis.pyspark = types.SimpleNamespace(
        connect=lambda s: types.SimpleNamespace(table=lambda name: (s, name))
    )
    monkeypatch.setitem(sys.modules, "ibis", ibis)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(ibis_engine, "_SPARK_FOLDERS", set())
    folder = tmp_path / "spill"
    folder.mkdir()
    with ibis_engine._spark(episodes.open_episodes(FRAME), limit, folder) as (used, name):
        assert used is (running if active else session)
        assert used.views == [name]
        assert used.stopped == 0
    assert used.stopped == (0 if active else 1)
    assert folder.exists() is active
    if not active:
        assert session.options["spark.driver.memory"] == memory
        assert session.options["spark.local.dir"] == str(folder)


# --- Records


RECORDS = [
    IngestReport,
    schema.Calendar,
    episodes.EpisodeSource,
    episodes.EpisodeArrays,
    tables.RegisterTables,
    protected_growth.ProtectedGrowth,
    disclosure._Arc,
    level_model.LevelDesign,
    level_model.LevelFit,
    level_model.Conclusion,
    level_model._Cell,
    weekly_fit.WeeklyFit,
    weekly_series.ShiftTerms,
    weekly_series.ChangingShift,
    trends._Fitted,
    weekly._Packed,
    ingestion._SortedRows,
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_records_cannot_be_changed(record):
    names = [field.name for field in dataclasses.fields(record)]
    made = record(*names[: len(names)])
    for name in (names[0], "another"):
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
            setattr(made, name, 0)
    assert not hasattr(made, "__dict__")


@pytest.mark.parametrize("record", [ingestion._Tally, weekly._Cube], ids=lambda record: record.__name__)
def test_running_sums_take_no_misspelt_name(record):
    assert "__slots__" in vars(record)
    tally = ingestion._Tally()
    assert dataclasses.astuple(tally) == (0, 0, 0, 0)


def test_sizes_with_which_speed_and_memory_were_measured():
    assert episodes.BATCH_ROWS == 262_144
    assert ibis_engine.ROWS_PER_PART == 6_000_000
    assert ingestion._CHUNK_ROWS == 500_000


def test_public_names_of_the_room():
    assert dir(register) == sorted(register.__all__)
    for name in ("weekly_cube", "protect", "simulate_episodes"):
        assert name in dir(register)
        assert callable(getattr(register, name))
    with pytest.raises(AttributeError, match="'nonsense'"):
        _ = register.nonsense
