"""Weekly cube: painter against a day-by-day count, and what must not matter."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.register import counting_rules, weekly_cube, yearly_users
from kostnadsvekst.register.schema import SERVICE_CODES, week_calendar
from register_oracle import count_by_day, cube_to_dict

START, END = "2019-12-16", "2021-01-04"  # both turns of 2020, week 53 and one week of 2021
PERSONS = [(1950 + 7 * p if p < 8 else 2019, 1 + p % 2) for p in range(9)]


@st.composite
def registers(draw, text_ids=False):
    n_rows = draw(st.integers(1, 14))
    anchor = [date(2019, 12, 28), date(2020, 3, 9), date(2020, 12, 24), date(2020, 7, 1)]
    rows = []
    for _ in range(n_rows):
        person = draw(st.integers(0, 8))
        birth_year, sex = PERSONS[person]
        begin = draw(st.sampled_from(anchor)) + timedelta(days=draw(st.integers(-20, 20)))
        length = draw(st.sampled_from([0, 0, 1, 3, 6, 7, 8, 30, 400, None]))
        rows.append(
            {
                "person_id": f"p{person:02}" if text_ids else person,
                "birth_year": birth_year,
                "sex": sex,
                "municipality": draw(st.sampled_from(["S001", "S002"])),
                "service": draw(st.sampled_from(["home_health", "practical_bpa", "long_term_stay"])),
                "start_date": begin,
                "end_date": None if length is None else begin + timedelta(days=length),
                "hours_per_week": draw(st.sampled_from([None, 0.0, 0.25, 3.33, 10.0, 10.0, 168.0])),
            }
        )
    return pd.DataFrame(rows + rows[: draw(st.integers(0, 3))])


few = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@few
@given(
    register=registers(),
    overlap=st.sampled_from(["max", "latest"]),
    by_municipality=st.booleans(),
    order=st.randoms(),
)
def test_painter_equals_count_by_day(register, overlap, by_municipality, order):
    expected = count_by_day(register, START, END, overlap, by_municipality)
    rows = list(range(len(register)))
    order.shuffle(rows)
    for frame in (register.iloc[rows], register.sort_values("person_id", kind="stable")):
        cube = weekly_cube(frame, overlap, by_municipality, start=START, end=END)
        assert cube_to_dict(cube) == expected


@few
@given(register=registers(text_ids=True))
def test_text_pseudonyms_count_like_numbers(register):
    expected = count_by_day(register, START, END, "max", False)
    assert cube_to_dict(weekly_cube(register, start=START, end=END)) == expected


@few
@given(
    episodes=st.lists(
        st.tuples(st.integers(0, 120), st.integers(0, 150), st.sampled_from([None, 0, 1, 2, 3, 5])),
        min_size=5,
        max_size=25,
    ),
    overlap=st.sampled_from(["max", "latest"]),
)
def test_deeply_nested_episodes(episodes, overlap):
    first = date(2019, 12, 10)
    register = pd.DataFrame(
        {
            "person_id": 1,
            "birth_year": 1980,  # turns 40 on the way
            "sex": 2,
            "municipality": "S001",
            "service": "home_health",
            "start_date": first + timedelta(days=begin),
            "end_date": first + timedelta(days=begin + days),
            "hours_per_week": hours,
        }
        for begin, days, hours in episodes
    )
    expected = count_by_day(register, START, END, overlap, False)
    assert cube_to_dict(weekly_cube(register, overlap, start=START, end=END)) == expected


def simple(n_persons=3000, seed=4):
    rng = np.random.default_rng(seed)
    n_rows = 4 * n_persons
    person = rng.integers(0, n_persons, n_rows)
    begin = pd.Timestamp("2016-06-01") + pd.to_timedelta(rng.integers(0, 1600, n_rows), unit="D")
    end = begin + pd.to_timedelta(rng.geometric(0.01, n_rows), unit="D")
    return pd.DataFrame(
        {
            "person_id": person,
            "birth_year": 1920 + (person * 37) % 95,
            "sex": 1 + person % 2,
            "municipality": np.array(["S001", "S002", "S003"])[rng.integers(0, 3, n_rows)],
            "service": np.array(SERVICE_CODES)[rng.integers(0, 9, n_rows)],
            "start_date": begin,
            "end_date": end.where(rng.random(n_rows) > 0.1),
            "hours_per_week": np.where(rng.random(n_rows) > 0.1, rng.integers(0, 4000, n_rows) / 100, np.nan),
        }
    )


def test_order_files_and_memory_do_not_matter(tmp_path, monkeypatch):
    register = simple()
    cube = weekly_cube(register)
    by_person = register.sort_values("person_id")
    shuffled = register.sample(frac=1, random_state=1)
    for number, part in enumerate(np.array_split(np.arange(len(shuffled)), 3)):
        shuffled.iloc[part].to_parquet(tmp_path / f"part{number}.parquet", row_group_size=700)
    by_person.to_parquet(tmp_path / "sorted.parquet", row_group_size=500)
    parts = [tmp_path / f"part{n}.parquet" for n in (2, 0, 1)]
    monkeypatch.setattr("kostnadsvekst.register.episodes.BATCH_ROWS", 997)
    monkeypatch.setattr("kostnadsvekst.register.weekly.BATCH_ROWS", 997)
    for other in (by_person, tmp_path / "sorted.parquet", parts):
        pd.testing.assert_frame_equal(weekly_cube(other), cube)
    pd.testing.assert_frame_equal(weekly_cube(parts, memory_limit="30KB"), cube)  # several passes


def test_municipalities_sum_to_the_country_where_nobody_has_two():
    register = simple()
    register["municipality"] = "S" + (register["person_id"] % 40).astype(str).str.zfill(3)
    cube = weekly_cube(register)
    places = weekly_cube(register, by_municipality=True)
    keys = ["service", "age_group", "sex", "week"]
    total = places.groupby(keys, observed=True)[["users", "users_with_hours", "hours"]].sum().reset_index()
    pd.testing.assert_frame_equal(total, cube[total.columns])
    assert places["municipality"].nunique() == 40


def test_person_with_many_services_and_places():
    rows = simple(1)
    wide = pd.concat([rows.iloc[:1]] * 200, ignore_index=True)
    wide["municipality"] = [f"S{n:03}" for n in range(200)]
    wide[["start_date", "end_date"]] = pd.Timestamp("2018-05-07")
    cube = weekly_cube(wide, "latest", by_municipality=True)
    assert len(cube) == 200
    assert (cube["users"] == 1).all()


def test_yearly_users_are_distinct_persons_of_the_calendar_year():
    register = simple()
    found = yearly_users(register).groupby(["service", "year"], observed=True)["users"].sum()
    for (service, year), users in found.items():
        rows = register[register["service"] == service]
        touches = (rows["start_date"] <= f"{year}-12-31") & ~(rows["end_date"] < f"{year}-01-01")
        assert users == rows.loc[touches, "person_id"].nunique()


def test_weeks_of_2017_to_2020():
    calendar = week_calendar()
    assert calendar.n_buckets == 209
    assert (calendar.years == 2020).sum() == 53


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"service": "helicopter"}, "service unknown"),
        ({"end_date": pd.Timestamp("2001-01-01")}, "end_date before"),
        ({"birth_year": 1700}, "birth_year"),
        ({"birth_year": 2031}, "birth_year"),
        ({"sex": 3}, "sex"),
        ({"hours_per_week": -1.0}, "hours"),
        ({"hours_per_week": 400.0}, "hours"),
        ({"start_date": pd.NaT}, "start_date missing"),
    ],
)
def test_unusable_rows_are_counted_without_small_numbers(change, fault):
    register = simple(50)
    for column, value in change.items():
        register.loc[:2, column] = value
    with pytest.raises(InvalidDataError, match=fault) as caught:
        weekly_cube(register)
    assert "fewer than 5 row(s)" in str(caught.value)


def test_all_kinds_of_faults_are_reported_at_once():
    register = simple(200)
    register.loc[:9, "sex"] = 9
    register.loc[10:19, "service"] = None
    with pytest.raises(InvalidDataError, match=r"sex missing or not 1 or 2: 10 row") as caught:
        weekly_cube(register)
    assert len(caught.value.problems) == 2


def test_person_with_two_birth_years_is_refused():
    register = simple(50)
    register.loc[0, "birth_year"] -= 1
    with pytest.raises(InvalidDataError, match="more than one birth_year"):
        weekly_cube(register)


def test_wrong_arguments():
    register = simple(5)
    with pytest.raises(SpecificationError, match="not a Monday; the Monday of that week is 2017-01-02"):
        weekly_cube(register, start="2017-01-03")
    with pytest.raises(SpecificationError, match="'max' and 'latest'"):
        weekly_cube(register, "sum")
    with pytest.raises(SpecificationError, match="painter"):
        weekly_cube(register, engine="sas")
    with pytest.raises(SpecificationError, match="2GB"):
        weekly_cube(register, memory_limit="plenty")
    with pytest.raises(DataMissingError, match="no episode file"):
        weekly_cube("nowhere.parquet")
    with pytest.raises(InvalidDataError, match="hours_per_week"):
        weekly_cube(register.drop(columns="hours_per_week"))


def test_rules_are_with_the_result():
    cube = weekly_cube(simple(5), "latest")
    assert cube.attrs["rules"] == counting_rules("latest")
    assert "latest start date" in cube.attrs["rules"]["overlap"]
