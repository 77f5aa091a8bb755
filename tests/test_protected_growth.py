"""Growth by age told only as far as the weekly table tells it; all numbers by hand."""

import numpy as np
import pandas as pd
import pytest

from kostnadsvekst.register.protected_growth import (
    _with_sum,
    confidential_groups,
    merge_population,
    protected_growth,
    told_cube,
)
from kostnadsvekst.register.schema import AGE_GROUPS
from register_cubes import cube_of, lasting, population_of, told_of, weekly_of

START, END = "2017-03", "2020-09"
BEFORE, AFTER = "2017-03-06", "2020-09-07"
HOME, DAILY, BPA = "home_health", "practical_daily", "practical_bpa"
PERSONS = (1000, 2000, 3000, 2500, 500)


def two_services():
    """Home health grows by 100, of which 60 below 80; practical help by 50, of which 40."""
    return cube_of(
        [
            (HOME, BEFORE, (20, 40, 60, 80, 100)),
            (HOME, AFTER, (30, 50, 80, 100, 140)),
            (DAILY, BEFORE, (20, 20, 20, 20, 20)),
            (DAILY, AFTER, (30, 30, 30, 30, 30)),
        ]
    )


def told(growth, service):
    return set(growth.parts.loc[growth.parts["service"] == service, "measure"])


def grown(cube, hidden=(), population=None, services=(HOME, DAILY)):
    weekly = told_of(cube[cube["service"].isin(services)], hidden)
    return protected_growth(weekly, lasting(PERSONS) if population is None else population, START, END)


# --- Hours


def test_all_is_told_where_nothing_is_confidential():
    found = grown(two_services())
    assert told(found, HOME) == told(found, DAILY) == {"users", "hours"}
    assert list(found.parts.columns) == [
        "service",
        "measure",
        "age_group",
        "component",
        "contribution",
        "share_percent",
    ]
    assert len(found.parts) == 2 * 5 * (2 + 3)
    # Population and hours per user stay as they are: coverage is all of the growth.
    users = found.parts[(found.parts["measure"] == "users") & (found.parts["component"] == "coverage")]
    assert users["contribution"].to_numpy() == pytest.approx([10, 10, 20, 20, 40, 10, 10, 10, 10, 10])
    hours = found.parts[(found.parts["measure"] == "hours") & (found.parts["component"] == "coverage")]
    assert hours["contribution"].to_numpy() == pytest.approx([20, 20, 40, 40, 80, 20, 20, 20, 20, 20])


@pytest.mark.parametrize("week", [BEFORE, AFTER])
@pytest.mark.parametrize("measure", ["hours", "users"])
def test_hours_are_left_out_where_their_total_is_not_told(week, measure):
    found = grown(two_services(), [(HOME, week, "all", measure)])
    assert told(found, HOME) == ({"users"} if measure == "hours" else set())
    assert told(found, DAILY) == {"users", "hours"}


@pytest.mark.parametrize("week", [BEFORE, AFTER])
def test_hours_that_one_age_group_hides_are_the_rest(week):
    assert_parts_equal(grown(two_services(), [(HOME, week, "80+", "hours")]), grown(two_services()))


def assert_parts_equal(found, expected):
    names = ["service", "measure", "age_group", "component"]
    a, b = (growth.parts.set_index(names)["contribution"] for growth in (found, expected))
    pd.testing.assert_series_equal(a, b, rtol=1e-12)


def test_hours_of_two_age_groups_are_taken_together():
    # 60 + 80 users with 2 hours each become 80 + 100, of constant populations: 80 hours more, by coverage.
    hidden = [(HOME, BEFORE, "40-59", "hours"), (HOME, AFTER, "60-79", "hours")]
    parts = grown(two_services(), hidden).parts.query("service == @HOME and component == 'coverage'")
    by_measure = parts.set_index(["measure", "age_group"])["contribution"]
    assert by_measure["hours"].to_dict() == pytest.approx(
        {"0-17": 20, "18-39": 20, "40-59": 0, "60-79": 80, "80+": 80}
    )
    assert by_measure["users"].to_dict() == pytest.approx(
        {"0-17": 10, "18-39": 10, "40-59": 20, "60-79": 20, "80+": 40}
    )


def test_nothing_but_the_told_table_is_read():
    weekly = told_of(two_services(), [(HOME, AFTER, "0-17", "users"), (HOME, AFTER, "40-59", "users")])
    parts = protected_growth(weekly, lasting(PERSONS), START, END).parts
    assert np.isfinite(parts["contribution"]).all()


# --- Confidential age groups


def test_confidential_groups_are_taken_together_in_the_oldest_of_them():
    hidden = [(HOME, BEFORE, "0-17", "users"), (HOME, AFTER, "40-59", "users")]
    found = grown(two_services(), hidden)
    parts = found.parts[(found.parts["service"] == HOME) & (found.parts["component"] == "coverage")]
    users = parts[parts["measure"] == "users"].set_index("age_group")["contribution"]
    # 0-17 and 40-59 together: 20 + 60 users become 30 + 80; nothing is left in the younger one.
    assert users.to_dict() == pytest.approx({"0-17": 0, "18-39": 10, "40-59": 30, "60-79": 20, "80+": 40})
    daily = found.parts[found.parts["service"] == DAILY]
    assert daily.loc[daily["component"] == "coverage", "contribution"].iloc[0] == pytest.approx(10)


@pytest.mark.parametrize("hidden", [("18-39",), ("0-17", "18-39", "80+"), AGE_GROUPS])
def test_any_number_of_groups_can_be_merged(hidden):
    weekly = told_of(cube_of([(HOME, BEFORE, (20, 40, 60, 80, 100))]))
    merged = told_cube(weekly, HOME, (START,), hidden)
    people = merge_population(lasting((1, 2, 4, 8, 16), (2017,)), hidden)
    inside = [group in hidden for group in AGE_GROUPS]
    assert merged.set_index("age_group")["users"][hidden[-1]] == np.dot(inside, (20, 40, 60, 80, 100))
    assert merged.set_index("age_group")["hours"][hidden[-1]] == 2 * np.dot(inside, (20, 40, 60, 80, 100))
    assert people.set_index("age_group")["persons"][hidden[-1]] == np.dot(inside, (1, 2, 4, 8, 16))


def test_part_of_the_population_uses_the_persons_of_all_merged_groups():
    # 300 + 700 persons become 500 + 500: together they stay 1000, apart neither does.
    population = population_of(
        dict.fromkeys((2017, 2018), (300, 700, 3000, 2500, 500))
        | dict.fromkeys((2020, 2021), (500, 500, 3000, 2500, 500))
    )
    hidden = [(HOME, BEFORE, group, "users") for group in ("0-17", "18-39")]
    found = grown(two_services(), hidden, population, (HOME,))
    parts = found.parts[found.parts["measure"] == "users"].set_index(["age_group", "component"])
    assert parts.loc[("18-39", "population"), "contribution"] == pytest.approx(0, abs=1e-9)
    assert parts.loc[("18-39", "coverage"), "contribution"] == pytest.approx(20)
    assert parts.loc[("0-17", "population"), "contribution"] == 0


def test_growing_population_of_merged_groups():
    # 400 + 600 persons become 400 + 1600, users 60 become 80: (2000 - 1000) * (60/1000 + 80/2000) / 2.
    population = population_of(
        dict.fromkeys((2017, 2018), (400, 600, 3000, 2500, 500))
        | dict.fromkeys((2020, 2021), (400, 1600, 3000, 2500, 500))
    )
    hidden = [(HOME, BEFORE, group, "users") for group in ("0-17", "18-39")]
    found = grown(two_services(), hidden, population, (HOME,))
    parts = found.parts[found.parts["measure"] == "users"].set_index(["age_group", "component"])
    assert parts.loc[("18-39", "population"), "contribution"] == pytest.approx(50)
    assert parts.loc[("18-39", "coverage"), "contribution"] == pytest.approx(-30)


def test_merged_persons_and_users():
    weekly = told_of(cube_of([(HOME, BEFORE, (20, 40, 60, 80, 100))]))
    users = told_cube(weekly, HOME, (START,), ("0-17", "40-59")).set_index("age_group")["users"]
    assert users.to_dict() == {"0-17": 0, "18-39": 40, "40-59": 80, "60-79": 80, "80+": 100}
    population = population_of({2017: (1, 2, 4, 8, 16), 2018: (10, 20, 40, 80, 160)})
    people = merge_population(population, ("0-17", "40-59"))
    wide = people.pivot_table(index="year", columns="age_group", values="persons")[list(AGE_GROUPS)]
    # The oldest of them has the persons of both, in each year its own; the others stay.
    assert wide.loc[2017].tolist() == [1, 2, 5, 8, 16]
    assert wide.loc[2018].tolist() == [10, 20, 50, 80, 160]
    assert population["persons"].tolist() == [1, 2, 4, 8, 16, 10, 20, 40, 80, 160]  # not changed in place
    assert merge_population(population, ()) is population


# --- What is left out


def test_service_whose_total_is_confidential_is_left_out_altogether():
    for week in (BEFORE, AFTER):
        found = grown(two_services(), [(HOME, week, "all", "users")])
        assert set(found.parts["service"]) == {DAILY}
        assert found.below["service"].tolist() == [DAILY, "all"]
        assert found.below["growth"].tolist() == [50, 50]


def test_part_below_80_is_left_out_where_80_and_older_is_confidential():
    hidden = [(HOME, AFTER, "60-79", "users"), (HOME, AFTER, "80+", "users")]
    found = grown(two_services(), hidden)
    assert set(found.parts["service"]) == {HOME, DAILY}
    assert found.below["service"].tolist() == [DAILY, "all"]
    assert found.below["growth_below"].tolist() == [40, 40]


def test_part_below_80_is_told_where_younger_groups_are_confidential():
    found = grown(two_services(), [(HOME, AFTER, group, "users") for group in ("0-17", "60-79")])
    below = found.below.set_index("service")
    assert below.loc[HOME, ["growth", "growth_below"]].tolist() == [100, 60]


def test_sum_over_the_services_shown_stands_last():
    below = grown(two_services()).below
    assert below.index.tolist() == [0, 1, 2]
    assert below["service"].tolist() == [HOME, DAILY, "all"]  # in the order of the services
    assert below["growth"].tolist() == [100, 50, 150]
    assert below["growth_below"].tolist() == [60, 40, 100]
    assert below["share_below_percent"].to_numpy() == pytest.approx([60, 80, 200 / 3])


def test_later_services_are_told_after_one_that_is_left_out():
    cube = pd.concat([two_services(), cube_of([(BPA, w, (20,) * 5) for w in (BEFORE, AFTER)])])
    found = grown(cube, [(DAILY, AFTER, "all", "users")], services=(HOME, DAILY, BPA))
    assert found.below["service"].tolist() == [HOME, BPA, "all"]
    assert set(found.parts["service"]) == {HOME, BPA}


def test_nothing_is_told_where_everything_is_confidential():
    found = grown(two_services(), [(s, AFTER, "all", "users") for s in (HOME, DAILY)])
    assert found.parts.empty
    assert found.below.empty
    assert list(found.parts.columns) == list(grown(two_services()).parts.columns)
    assert list(found.below.columns) == ["service", "growth", "growth_below", "share_below_percent"]


def test_with_sum_by_hand():
    below = pd.DataFrame(
        {
            "service": ["a", "b"],
            "growth": [40.0, -15.0],
            "growth_below": [30.0, -10.0],
            "share_below_percent": [75.0, np.nan],
        },
        index=[7, 7],
    )
    found = _with_sum(below)
    assert found.index.tolist() == [0, 1, 2]
    last = found.iloc[-1]
    assert (last["service"], last["growth"], last["growth_below"]) == ("all", 25, 20)
    assert last["share_below_percent"] == pytest.approx(80)
    assert found["share_below_percent"].iloc[0] == 75
    still = _with_sum(below.assign(growth=[40.0, -40.0]))
    assert np.isnan(still["share_below_percent"].iloc[-1])  # no growth, no share of it


# --- Which groups are confidential


def test_confidential_groups_of_the_months_compared_only():
    weeks = (BEFORE, "2018-05-07", AFTER)
    weekly = weekly_of(
        (HOME, DAILY),
        weeks,
        [
            (HOME, AFTER, "80+", "users"),
            (HOME, BEFORE, "18-39", "users"),
            (HOME, "2018-05-07", "60-79", "users"),
            (DAILY, BEFORE, "0-17", "users"),
        ],
    )
    assert confidential_groups(weekly, HOME, "users", (START, END)) == ("18-39", "80+")  # youngest first
    assert confidential_groups(weekly, HOME, "users", (START,)) == ("18-39",)
    assert confidential_groups(weekly, HOME, "users", ("2018-05",)) == ("60-79",)
    assert confidential_groups(weekly, HOME, "hours", (START, END)) == (
        "18-39",
        "80+",
    )  # no hours without users
    weekly = weekly_of((HOME,), weeks, [(HOME, AFTER, "40-59", "hours")])
    assert confidential_groups(weekly, HOME, "hours", (START, END)) == ("40-59",)
    assert confidential_groups(weekly, HOME, "users", (START, END)) == ()


def test_confidential_cells_of_one_sex_hide_no_age_group():
    weekly = weekly_of((HOME,), (BEFORE, AFTER))
    weekly.loc[weekly["sex"] != "all", "users"] = np.nan
    assert confidential_groups(weekly, HOME, "users", (START, END)) == ()


def test_weeks_of_christmas_and_new_year_hide_nothing():
    weeks = ("2017-01-02", "2017-01-09")  # ISO weeks 1 and 2
    weekly = weekly_of((HOME,), weeks, [(HOME, "2017-01-02", "all", "users")])
    assert confidential_groups(weekly, HOME, "users", ("2017-01",)) == ()
    weekly = weekly_of((HOME,), weeks, [(HOME, "2017-01-09", "all", "users")])
    assert confidential_groups(weekly, HOME, "users", ("2017-01",)) is None


def test_service_or_month_without_rows_is_confidential():
    weekly = weekly_of((HOME,), (BEFORE, AFTER))
    assert confidential_groups(weekly, DAILY, "users", (START, END)) is None
    assert confidential_groups(weekly, HOME, "users", ("2019-03",)) is None
