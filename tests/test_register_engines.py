"""DuckDB and Spark give the painter's cube, cell by cell, and the day-by-day count."""

import shutil

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.register import weekly_cube
from register_oracle import count_by_day, cube_to_dict
from test_register_weekly import END, START, registers, simple


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(
    parts=st.lists(registers(), min_size=10, max_size=10),
    overlap=st.sampled_from(["max", "latest"]),
    by_municipality=st.booleans(),
)
def test_duckdb_equals_count_by_day(parts, overlap, by_municipality):
    # Ten random registers with persons of their own in one: the database pays its start only once.
    register = pd.concat(
        [part.assign(person_id=part["person_id"] + 100 * k) for k, part in enumerate(parts)],
        ignore_index=True,
    ).sample(frac=1, random_state=len(parts[0]))
    expected = count_by_day(register, START, END, overlap, by_municipality)
    cube = weekly_cube(register, overlap, by_municipality, engine="duckdb", start=START, end=END)
    assert cube_to_dict(cube) == expected
    pd.testing.assert_frame_equal(cube, weekly_cube(register, overlap, by_municipality, start=START, end=END))


def test_duckdb_on_files_in_parts(tmp_path, monkeypatch):
    register = simple(400)
    register["person_id"] = "p" + register["person_id"].astype(str)
    register.iloc[:900].to_parquet(tmp_path / "a.parquet")
    register.iloc[900:].to_parquet(tmp_path / "b.parquet")
    monkeypatch.setattr("kostnadsvekst.register.ibis_engine.ROWS_PER_PART", 700)
    cube = weekly_cube(tmp_path, engine="duckdb", temp_directory=tmp_path / "spill")
    pd.testing.assert_frame_equal(cube, weekly_cube(register))
    assert list((tmp_path / "spill").iterdir()) == []


@pytest.mark.parametrize("engine", ["painter", "duckdb"])
def test_engines_refuse_alike(engine):
    register = simple(200)
    register.loc[:9, "sex"] = 9
    register.loc[20:25, "service"] = "unknown"
    register.loc[30:31, "start_date"] = pd.NaT
    register.loc[40:49, "hours_per_week"] = 337
    register.loc[60:69, "birth_year"] = 2025
    register.loc[70:79, "end_date"] = pd.Timestamp("2010-01-01")
    with pytest.raises(InvalidDataError) as caught:
        weekly_cube(register, engine=engine)
    assert caught.value.problems == (
        "service unknown or missing: 6 row(s)",
        "start_date missing: fewer than 5 row(s)",
        "end_date before start_date: 10 row(s)",
        "birth_year missing or impossible: 10 row(s)",
        "sex missing or not 1 or 2: 10 row(s)",
        "hours_per_week negative or above 336: 10 row(s)",
    )
    contradictory = simple(200)
    contradictory.loc[contradictory["person_id"] < 100, "birth_year"] -= contradictory["sex"] * (
        contradictory.index % 2
    )
    with pytest.raises(InvalidDataError, match=r"more than one birth_year or sex \(persons\): \d\d row"):
        weekly_cube(contradictory, engine=engine)


@pytest.mark.spark
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java 17")
@pytest.mark.parametrize("overlap", ["max", "latest"])
def test_spark_equals_painter(overlap, tmp_path):
    pytest.importorskip("pyspark", reason="extra 'cluster' is not installed")
    register = simple(400)
    for by_municipality in (False, True):
        cube = weekly_cube(register, overlap, by_municipality, engine="spark", temp_directory=tmp_path)
        pd.testing.assert_frame_equal(cube, weekly_cube(register, overlap, by_municipality))
    assert list(tmp_path.iterdir()) == []
