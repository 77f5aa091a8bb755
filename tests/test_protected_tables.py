"""One call from episodes to protected material: the same as step by step, and nothing small in it."""

import dataclasses

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

import kostnadsvekst as kv
from kostnadsvekst.register.protected_growth import protected_growth
from kostnadsvekst.register.protected_municipality import protect_largest
from kostnadsvekst.register.protected_tables import LOCAL_SERVICES, protect_register, read_origin
from kostnadsvekst.sources.embedded import embedded_path

MONTHS = ("2017-01", "2020-12")
THRESHOLD = 5


@pytest.fixture(scope="module")
def population():
    return pd.read_csv(embedded_path("synthetic/population_by_age_group_synthetic.csv"))


@pytest.fixture(scope="module")
def episodes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("register")
    raw = kv.register.simulate_episodes(n_persons=3_000, seed=4, out=folder / "raw.parquet")
    kv.register.ingest(raw, folder / "episodes.parquet")
    return folder / "episodes.parquet"


@pytest.fixture(scope="module")
def protected(episodes, population):
    return protect_register(episodes, population, *MONTHS)


def test_the_same_as_step_by_step(episodes, population, protected):
    cube = kv.register.weekly_cube(episodes)
    years = kv.register.yearly_users(episodes)
    weekly = kv.register.protect_cube(cube, beside=years)
    assert_frame_equal(protected.tables.weekly, weekly)
    assert_frame_equal(protected.tables.yearly, kv.register.protect_cube(years, beside=cube))
    growth = protected_growth(weekly, population, *MONTHS)
    assert_frame_equal(protected.growth.parts, growth.parts)
    assert_frame_equal(protected.growth.below, growth.below)
    largest = protect_largest(episodes, cube, years, LOCAL_SERVICES)
    assert protected.largest.municipality == largest.municipality
    assert_frame_equal(protected.largest.weekly, largest.weekly)
    assert cube.attrs["rules"].items() < protected.rules.items()
    assert "fewer than 5" in protected.rules["disclosure"]


def test_nothing_small_is_in_it(episodes, protected):
    raw = kv.register.weekly_cube(episodes)
    assert (raw["users"] < THRESHOLD).any(), "the case that matters is in the data"
    for table in (protected.tables.weekly, protected.tables.yearly, protected.largest.weekly):
        users = table["users"].to_numpy(float)
        assert np.isnan(users).any()
        assert not ((users > 0) & (users < THRESHOLD)).any()
    assert {field.name for field in dataclasses.fields(protected)} == {
        "tables",
        "growth",
        "largest",
        "rules",
        "origin",
    }


def test_origin_goes_along(episodes, protected, tmp_path):
    assert protected.origin == "synthetic"
    own = tmp_path / "own.parquet"
    pq.write_table(pq.read_table(episodes).replace_schema_metadata({"origin": "register"}), own)
    assert read_origin(own) == "register"
    assert read_origin([own, episodes]) == "synthetic", "one synthetic file makes the whole synthetic"
    frame = pd.read_parquet(own)
    assert read_origin(frame) == "data frame of the caller"
    assert read_origin(frame.assign(data_origin="synthetic")) == "synthetic"


def test_missing_episodes_are_said(population, tmp_path):
    with pytest.raises(kv.errors.DataMissingError):
        protect_register(tmp_path / "none.parquet", population, *MONTHS)
