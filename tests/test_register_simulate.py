"""Synthetic register: stocks and yearly users as printed, whatever else is random."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.register import simulate_episodes, weekly_cube, yearly_users
from kostnadsvekst.synthetic.population_flow import flow

SHARE = 0.05  # of the country


@pytest.fixture(scope="module")
def episodes(tmp_path_factory):
    return simulate_episodes(int(688_000 * SHARE), out=tmp_path_factory.mktemp("register") / "e.parquet")


@pytest.fixture(scope="module")
def cube(episodes):
    return weekly_cube(episodes)


def month(cube, service, name, groups=None):
    rows = cube[cube["service"] == service]
    rows = rows if groups is None else rows[rows["age_group"].isin(groups)]
    users = rows.groupby("week")["users"].sum()
    iso = users.index.isocalendar().week
    return users[(users.index.strftime("%Y-%m") == name) & ~iso.isin([52, 53, 1])].mean() / SHARE


def test_printed_levels(cube):
    # Report, chapter 5: sections 5.1.1, 5.2, 5.3.1, 5.3.3; within a tenth of a percent of the country.
    for service, when, printed in [
        ("long_term_stay", "2017-01", 33000),
        ("home_health", "2017-01", 152800),
        ("home_health", "2020-12", 189900),
        ("practical_daily", "2017-01", 64000),
        ("practical_bpa", "2017-01", 3400),
        ("practical_bpa", "2020-12", 4270),
    ]:
        assert month(cube, service, when) == pytest.approx(printed, rel=0.002, abs=40)
    assert month(cube, "long_term_stay", "2020-12", ["80+"]) == pytest.approx(23300, rel=0.002)


def test_printed_users_of_a_year(episodes):
    found = yearly_users(episodes).groupby(["service", "year"], observed=True)["users"].sum() / SHARE
    for service, year, printed in [
        ("long_term_stay", 2017, 47439),
        ("home_health", 2019, 251100),
        ("practical_daily", 2020, 102000),
        ("practical_bpa", 2018, 4154),
    ]:
        assert found[service, year] == pytest.approx(printed, rel=0.002, abs=40)


def test_lockdown_and_hours(cube):
    users = cube[cube["service"] == "time_limited_other"].groupby("week")["users"].sum()
    assert users["2020-03-23"] < 0.8 * users["2020-02-24"]
    rows = cube[(cube["service"] == "practical_daily")]
    assert rows["hours"].sum() / rows["users_with_hours"].sum() == pytest.approx(4.3, rel=0.03)


def test_episodes_overlap_and_are_labelled_synthetic(episodes):
    metadata = pq.read_schema(episodes).metadata
    assert metadata[b"origin"] == b"synthetic"
    rows = pd.read_parquet(episodes).sort_values(["person_id", "service", "start_date"])
    same = (
        rows[["person_id", "service"]].to_numpy()[1:] == rows[["person_id", "service"]].to_numpy()[:-1]
    ).all(1)
    start, end = (pd.to_datetime(rows[name]).to_numpy() for name in ("start_date", "end_date"))
    overlapping = same & (start[1:] <= end[:-1])
    assert overlapping.mean() > 0.1
    assert rows.duplicated().mean() > 0.01
    assert rows["end_date"].isna().any()
    assert rows["municipality"].str.fullmatch(r"S\d{3}").all()
    assert rows.groupby("person_id")[["birth_year", "sex"]].nunique().max().max() == 1


def test_same_seed_same_file_other_seed_other_file(tmp_path):
    files = [simulate_episodes(3000, seed=s, out=tmp_path / f"{k}.parquet") for k, s in enumerate((1, 1, 2))]
    contents = [f.read_bytes() for f in files]
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_too_small_a_register_is_refused(tmp_path):
    with pytest.raises(SpecificationError, match="at least 1000"):
        simulate_episodes(10, out=tmp_path / "e.parquet")
    assert not list(tmp_path.iterdir())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 200), st.integers(0, 300))
def test_flow_meets_stocks_and_yearly_clients(seed, level, extra):
    rng = np.random.default_rng(seed)
    years = np.repeat([2017, 2018, 2019], 52)
    stock = rng.poisson(level, (156, 5)) + 5
    yearly = np.array([stock[52 * k].sum() + 52 * level + extra for k in range(3)])
    spells = flow(stock, yearly, years, np.full((156, 5), [11.0, 30, 50, 70, 88]), np.full(156, 0.6), seed)
    first = np.maximum(spells.first_week, 0)
    last = np.where(spells.last_week < 0, 155, spells.last_week)
    for week in range(0, 156, 7):
        age = years[week] - spells.birth_year[(first <= week) & (week <= last)]
        groups = np.searchsorted([18, 40, 60, 80], age, side="right")
        assert (np.bincount(groups, minlength=5) == stock[week]).all()
    for k in range(3):
        present = (first < 52 * (k + 1)) & (last >= 52 * k)
        assert np.unique(spells.client[present]).size == yearly[k]
