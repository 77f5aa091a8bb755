"""The largest municipality beside the country, and its users and hours by year."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

import kostnadsvekst as kv
from kostnadsvekst.errors import DataMissingError, SpecificationError
from kostnadsvekst.register.protected_municipality import (
    ProtectedMunicipality,
    protect_largest,
    users_and_hours_by_year,
)

HOME = "home_health"
WEEKS = pd.date_range("2017-01-02", "2020-12-28", freq="W-MON")
ONE_WEEK = ("2018-03-05", "2018-03-11")


def episodes_of(groups):
    """Episodes from (municipality, sex, birth year, persons) of one week, or with first person and days."""
    rows, person = [], 0
    for municipality, sex, born, n, *more in groups:
        first, days = more or (person, ONE_WEEK)
        rows += [(first + k, born, sex, municipality, HOME, *days, 10.0) for k in range(n)]
        person = max(person, first + n)
    names = ["person_id", "birth_year", "sex", "municipality", "service", "start_date", "end_date"]
    frame = pd.DataFrame(rows, columns=[*names, "hours_per_week"])
    dates = ["start_date", "end_date"]
    return frame.assign(**{name: pd.to_datetime(frame[name]) for name in dates})


def largest_of(episodes, services=(HOME,)):
    cube, years = kv.register.weekly_cube(episodes), kv.register.yearly_users(episodes)
    return protect_largest(episodes, cube, years, services), kv.register.protect_cube(cube, beside=years)


def cell(table, group="all", sex="all", column="users"):
    rows = table[(table["age_group"] == group) & (table["sex"] == sex)]
    return rows[column].item()


# Born 1930: 88 years old; born 1940: 78.
BIG = [("0301", 1, 1930, 60), ("0301", 2, 1930, 90), ("0301", 1, 1940, 40), ("0301", 2, 1940, 50)]
SMALL = [("4601", 1, 1930, 20), ("4601", 2, 1930, 30), ("4601", 1, 1940, 25), ("4601", 2, 1940, 35)]


def test_the_largest_is_told_exactly_where_nobody_is_few():
    found, _ = largest_of(episodes_of(BIG + SMALL))
    assert found.municipality == "0301"
    assert cell(found.weekly) == 240
    assert cell(found.weekly, "80+") == 150
    assert cell(found.weekly, "80+", "2") == 90
    assert cell(found.weekly, "0-17") == 0
    # 60 men and 90 women, 10 hours each: 600 and 900 to the nearest 336 are 672 and 1008, together 1680.
    assert cell(found.weekly, "80+", column="hours") == 1680
    assert cell(found.weekly, "80+", column="hours_unit") == 2 * 336
    assert found.weeks.tolist() == [pd.Timestamp("2018-03-05")]
    assert "municipality" not in found.weekly


def test_what_is_left_of_the_country_is_not_small():
    # The country has 93 women of 80 and over, 90 of them in the largest: 3 would be left.
    few = [("4601", 1, 1930, 20), ("4601", 2, 1930, 3), ("4601", 1, 1940, 25), ("4601", 2, 1940, 35)]
    found, country = largest_of(episodes_of(BIG + few))
    assert cell(country, "80+", "2") == 93
    assert np.isnan(cell(found.weekly, "80+", "2"))
    # One more is enough for nothing to hide; at five the remainder is told.
    enough = [("4601", 2, 1930, 2, 1000, ONE_WEEK)]
    found, country = largest_of(episodes_of(BIG + few + enough))
    assert cell(country, "80+", "2") == 95
    assert cell(found.weekly, "80+", "2") == 90


@given(
    st.lists(st.integers(0, 12), min_size=8, max_size=8), st.lists(st.integers(0, 12), min_size=8, max_size=8)
)
@settings(max_examples=12, deadline=None)
def test_nothing_small_is_shown_nor_left(inside, outside):
    kinds = [(sex, born) for sex in (1, 2) for born in (2010, 1985, 1940, 1930)]
    groups = [("0301", *kind, n + 3) for kind, n in zip(kinds, inside, strict=True)]
    groups += [("4601", *kind, n) for kind, n in zip(kinds, outside, strict=True)]
    found, country = largest_of(episodes_of(groups))
    keys = ["service", "week", "age_group", "sex"]
    both = found.weekly.merge(country, on=keys, suffixes=("", "_country"))
    assert len(both) == len(found.weekly)
    left = both["users_country"] - both["users"]
    for shown in (both["users"], left):
        assert not ((shown > 0) & (shown < 5)).any()
    if found.municipality == "0301":
        true = sum(n + 3 for n in inside)
        assert cell(found.weekly) == true or np.isnan(cell(found.weekly))


def test_the_same_as_a_country_of_two_municipalities():
    """Where nobody is in two places the rest of the country is one municipality."""
    rest = [
        ("4601", 1, 1930, 20),
        ("4601", 2, 1930, 3),
        ("1103", 1, 1940, 25),
        ("1103", 2, 1940, 35),
        ("1103", 2, 1985, 7),
    ]
    episodes = episodes_of([*BIG, *rest])
    found, _ = largest_of(episodes)
    two = episodes.assign(
        municipality=episodes["municipality"].where(episodes["municipality"] == "0301", "x")
    )
    cube, years = kv.register.weekly_cube(two), kv.register.yearly_users(two)
    places = kv.register.weekly_cube(two, by_municipality=True)
    shown = kv.register.protect_cube(places, country=cube, beside=years)
    shown = shown[shown["municipality"] == "0301"].drop(columns="municipality").reset_index(drop=True)
    assert_frame_equal(found.weekly, shown.astype({"service": found.weekly["service"].dtype}))
    assert found.weekly["users"].isna().any()


def test_persons_with_episodes_in_two_municipalities():
    """All 50 of the small one are in the large one too: one user of the country each."""
    again = [("4601", 2, 1930, 50, 60, ONE_WEEK)]  # persons 60 to 149 are the women born in 1930
    found, country = largest_of(episodes_of(BIG + again))
    assert (cell(country), cell(found.weekly)) == (240, 240)
    assert cell(found.weekly, "80+", "2") == 90


def test_a_person_whose_hours_are_elsewhere():
    """In the largest without hours, elsewhere with them: the country has more with hours than the largest."""
    both = episodes_of([*BIG, *SMALL, ("4601", 2, 1930, 15, 60, ONE_WEEK)])
    here = (both["municipality"] == "0301") & both["person_id"].between(60, 74)
    both.loc[here, "hours_per_week"] = np.nan
    found, country = largest_of(both)
    assert cell(country, "80+", "2", "users_with_hours") == 120
    assert cell(found.weekly, "80+", "2") == 90


def test_a_register_of_one_municipality_is_the_country():
    found, country = largest_of(episodes_of(BIG))
    merged = found.weekly.merge(country, on=["service", "week", "age_group", "sex"])
    assert (merged["users_x"] == merged["users_y"]).all()


@pytest.mark.parametrize("name", ["all", "elsewhere", "largest", "Ålesund", "0"])
def test_a_municipality_may_be_called_anything(name):
    groups = [(name, *rest) for _, *rest in BIG]
    found, _ = largest_of(episodes_of(groups + SMALL))
    assert (found.municipality, cell(found.weekly)) == (name, 240)


def test_of_equals_the_first_code_is_taken():
    same = [("1103", *rest) for _, *rest in BIG]
    for groups in (BIG + same, same + BIG):
        assert largest_of(episodes_of(groups))[0].municipality == "0301"


def test_the_order_of_rows_does_not_matter():
    episodes = episodes_of(BIG + SMALL)
    shuffled = episodes.sample(frac=1, random_state=1)
    assert_frame_equal(largest_of(episodes)[0].weekly, largest_of(shuffled)[0].weekly)


def test_a_register_without_users_has_no_largest():
    before = [("0301", 1, 1930, 10, 0, ("2015-01-01", "2015-02-01"))]
    episodes = episodes_of(before)
    cube, years = kv.register.weekly_cube(episodes), kv.register.yearly_users(episodes)
    with pytest.raises(DataMissingError, match="no municipality is largest"):
        protect_largest(episodes, cube, years, (HOME,))


def test_a_service_that_nobody_uses_is_zero_not_confidential():
    found, _ = largest_of(episodes_of(BIG + SMALL), (HOME, "practical_bpa"))
    years = users_and_hours_by_year(found, "practical_bpa", "2018-12-31")
    assert (years["users_per_week"] == 0).all()
    assert (years["hours"] == 0).all()


# Years ----------


def place_of(users, hours=2016.0, hidden=(), weeks=WEEKS):
    """One age group (80+) and the total, `users(k)` in week k; week numbers of `hidden` have no numbers."""
    rows = [
        (
            HOME,
            week,
            group,
            "all",
            np.nan if k in hidden else users(k),
            np.nan if k in hidden else hours,
            672.0,
        )
        for k, week in enumerate(weeks)
        for group in ("80+", "all")
    ]
    names = ["service", "week", "age_group", "sex", "users", "hours", "hours_unit"]
    return ProtectedMunicipality("0301", (HOME,), weeks, pd.DataFrame(rows, columns=names))


def by_year(place, last_day="2020-09-30", group="80+"):
    found = users_and_hours_by_year(place, HOME, last_day)
    return found[found["age_group"] == group].set_index("year")


def test_years_are_counted_by_hand():
    found = by_year(place_of(lambda k: 100.0 + k))
    # Weeks 0-51 lie in 2017, 52-103 in 2018, 104-155 in 2019; of 2020 weeks 156-194 end by 27 September.
    assert found["weeks"].to_dict() == {2017: 52, 2018: 52, 2019: 52, 2020: 39}
    assert found["whole_year"].tolist() == [True, True, True, False]
    assert found["users_per_week"].tolist() == [125.5, 177.5, 229.5, 275.0]
    assert found["hours"].tolist() == [52 * 2016.0] * 3 + [39 * 2016.0]
    assert found["hours_per_week"].tolist() == [2016.0] * 4
    assert found["hours_unit"].tolist() == [52 * 672.0] * 3 + [39 * 672.0]


@pytest.mark.parametrize(
    ("last_day", "weeks", "whole"),
    [
        ("2020-09-26", 38, False),
        ("2020-09-27", 39, False),
        ("2020-10-03", 39, False),
        ("2020-10-04", 40, False),
        ("2020-12-31", 52, False),
        ("2021-01-03", 53, True),
    ],
)
def test_a_week_counts_where_it_has_ended(last_day, weeks, whole):
    last = by_year(place_of(lambda _: 50.0), last_day).loc[2020]
    assert (last["weeks"], last["whole_year"]) == (weeks, whole)
    assert last["users_per_week"] == 50.0


def test_one_suppressed_week_hides_its_year_alone():
    found = by_year(place_of(lambda _: 50.0, hidden=(60,)))
    assert found["users_per_week"].isna().tolist() == [False, True, False, False]
    assert found["hours"].isna().tolist() == [False, True, False, False]


def test_a_week_without_rows_has_nobody():
    place = place_of(lambda _: 52.0)
    gone = place.weekly[place.weekly["week"] != WEEKS[3]]
    found = by_year(ProtectedMunicipality("0301", (HOME,), WEEKS, gone))
    assert found["users_per_week"].tolist() == [51.0, 52.0, 52.0, 52.0]
    assert found.loc[2017, "hours"] == 51 * 2016.0


def test_a_register_that_begins_in_2019_has_no_earlier_years():
    found = by_year(place_of(lambda _: 50.0, weeks=WEEKS[WEEKS >= "2018-12-31"]))
    assert found.index.tolist() == [2019, 2020]
    assert found["whole_year"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("service", "last_day", "said"),
    [
        ("practical_bpa", "2020-09-30", "tells of home_health only"),
        ("home health", "2020-09-30", "tells of home_health only"),
        (HOME, "30.09.2020", "YYYY-MM-DD"),
        (HOME, 2020, "YYYY-MM-DD"),
        (HOME, None, "YYYY-MM-DD"),
        (HOME, "2020-02-30", "YYYY-MM-DD"),
        (HOME, "2017-01-07", "no week of the register ends by then"),
    ],
)
def test_bad_arguments_are_named(service, last_day, said):
    with pytest.raises(SpecificationError, match=said):
        users_and_hours_by_year(place_of(lambda _: 50.0), service, last_day)
