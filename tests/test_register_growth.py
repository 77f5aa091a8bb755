"""Growth and what drives it: months, days, population in between and Shapley parts, all by hand."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.register import decompose_growth, growth_below_age
from kostnadsvekst.register.decomposition import _mean_of_weeks, _middle, _persons, _weeks_of, shapley_product
from kostnadsvekst.register.schema import AGE_GROUPS, weeks_of_month
from register_cubes import cube_of, lasting, population_of

HOME, DAILY = "home_health", "practical_daily"
MARCH = ("2017-03-06", "2017-03-13", "2017-03-20", "2017-03-27")
PERSONS = (1000, 2000, 3000, 2500, 500)
NOBODY = (0, 0, 0, 0, 0)


def rising(weeks=MARCH, service=HOME):
    """10, 20, 30, ... users in each age group, week by week."""
    return cube_of([(service, week, (10 * (k + 1),) * 5) for k, week in enumerate(weeks)])


# --- Weeks of a month


def test_month_has_the_weeks_whose_monday_lies_in_it():
    weeks = pd.date_range("2016-12-26", "2021-01-11", freq="W-MON")

    def days(month):
        return weeks[weeks_of_month(weeks, month)].strftime("%m-%d").tolist()

    assert days("2017-03") == ["03-06", "03-13", "03-20", "03-27"]
    assert days("2017-01") == ["01-09", "01-16", "01-23", "01-30"]  # without ISO week 1
    assert days("2020-12") == ["12-07", "12-14"]  # without 52 and 53
    assert days("2019-12") == ["12-02", "12-09", "12-16"]  # without 52 and, from 30 December, 1
    assert days("2021-01") == ["01-11"]  # 4 January is ISO week 1
    assert days("2022-01") == []


def test_level_of_a_month_is_the_mean_of_all_its_weeks():
    found = _mean_of_weeks(rising(), "2017-03")
    assert found["users"].tolist() == [25.0] * 5
    assert found["hours"].tolist() == [50.0] * 5


def test_level_of_a_month_leaves_the_weeks_around_new_year_out():
    weeks = ("2017-01-02", "2017-01-09", "2017-01-16")
    cube = cube_of([(HOME, weeks[0], (1000,) * 5), *[(HOME, w, (40,) * 5) for w in weeks[1:]]])
    assert _mean_of_weeks(cube, "2017-01")["users"].tolist() == [40.0] * 5


def test_weeks_without_a_row_count_as_nobody():
    cube = cube_of(
        [(HOME, week, (0, 0, 40, 0, 0) if k == 2 else (8, 0, 0, 0, 0)) for k, week in enumerate(MARCH)]
        + [(DAILY, "2018-05-07", (2, 2, 2, 2, 2))]
    )
    found = _mean_of_weeks(cube, "2017-03")["users"]
    assert found[HOME].tolist() == [6, 0, 10, 0, 0]
    assert found[DAILY].tolist() == [0, 0, 0, 0, 0]
    assert found.index.names == ["service", "age_group"]


@pytest.mark.parametrize("day", ["2017-03-13", "2017-03-19", date(2017, 3, 16), pd.Timestamp("2017-03-14")])
def test_any_day_stands_for_its_week(day):
    assert _weeks_of(rising(), day).tolist() == [pd.Timestamp("2017-03-13")]
    assert _mean_of_weeks(rising(), day)["users"].tolist() == [20.0] * 5


@pytest.mark.parametrize("day", ["2017-03-05", "2017-04-03", "2017-02", "2017-04"])
def test_days_and_months_outside_name_the_period(day):
    with pytest.raises(SpecificationError) as caught:
        _weeks_of(rising(), day)
    assert f"{day}: " in str(caught.value)
    assert "2017-03-06 to 2017-03-27" in str(caught.value)


def test_weeks_come_in_order_whatever_the_order_of_the_rows():
    turned = rising().iloc[::-1]
    assert _weeks_of(turned, "2017-03").tolist() == [pd.Timestamp(w) for w in MARCH]
    with pytest.raises(SpecificationError, match="2017-03-06 to 2017-03-27"):
        _weeks_of(turned, "2018-03")


def test_middle_of_a_month_and_of_a_week():
    # From Monday 6 to Sunday 2 April: the middle of Thursday 9 and Thursday 30.
    assert _middle(rising(), "2017-03") == pd.Timestamp("2017-03-19 12:00")
    assert _middle(rising(), "2017-03-12") == pd.Timestamp("2017-03-09")
    assert _middle(rising(MARCH[:2]), "2017-03") == pd.Timestamp("2017-03-12 12:00")


# --- Population


def test_population_is_interpolated_to_the_day():
    population = population_of({2017: PERSONS, 2018: tuple(2 * n for n in PERSONS)})
    # 19 March is day 78 of the year: 77 days after 1 January.
    for day, share in (("2017-03-19", 77 / 365.25), ("2017-01-01", 0), ("2017-12-31", 364 / 365.25)):
        found = _persons(population, [pd.Timestamp(day)])[0]
        for group, n in zip(AGE_GROUPS, PERSONS, strict=True):
            assert found[group] == pytest.approx(n * (1 + share), rel=1e-12)


def test_population_of_each_day_is_its_own():
    population = population_of({2017: PERSONS, 2018: (1100, 2000, 3000, 2500, 500), 2019: PERSONS})
    first, second = _persons(population, [pd.Timestamp("2017-01-01"), pd.Timestamp("2018-01-01")])
    assert (first["0-17"], second["0-17"]) == (1000, 1100)


def test_population_by_sex_is_summed():
    by_sex = pd.concat([lasting(PERSONS).assign(sex=1), lasting(PERSONS).assign(sex=2)])
    assert _persons(by_sex, [pd.Timestamp("2018-05-05")])[0]["80+"] == 1000


def test_population_part_is_that_of_the_middle_of_the_month():
    # 100 users in both months; 1000 persons on 1 January 2017 become 2000 on 1 January 2018.
    cube = cube_of([(HOME, week, (100,) * 5) for week in (*MARCH, "2017-10-02", "2017-10-09", "2017-10-16")])
    population = population_of({2017: (1000,) * 5, 2018: (2000,) * 5})
    # Middles: 19 March 12:00 (77 days into the year), and 9 October + 3 days = 12 October (284 days).
    before, after = 1000 * (1 + 77 / 365.25), 1000 * (1 + 284 / 365.25)
    expected = (after - before) * (100 / before + 100 / after) / 2
    parts = decompose_growth(cube, population, "2017-03", "2017-10")
    parts = parts[parts["measure"] == "users"].set_index(["component", "age_group"])["contribution"]
    for group in AGE_GROUPS:
        assert parts["population", group] == pytest.approx(expected, rel=1e-9)
        assert parts["coverage", group] == pytest.approx(-expected, rel=1e-9)


def test_all_that_is_wrong_with_a_population_is_named():
    population = population_of({2017: PERSONS, 2018: PERSONS, 2020: PERSONS})
    population.loc[(population["year"] == 2018) & (population["age_group"] == "0-17"), "persons"] = 0
    population = population[(population["age_group"] != "18-39")]
    days = [pd.Timestamp("2017-12-31"), pd.Timestamp("2018-01-01"), pd.Timestamp("2020-05-05")]
    with pytest.raises(InvalidDataError) as caught:
        _persons(population, days)
    others = [g for g in AGE_GROUPS if g != "18-39"]
    expected = {f"{year}, {g}: no population" for year in (2019, 2021) for g in others}
    expected |= {f"{year}, 18-39: no population" for year in (2017, 2018, 2019, 2020, 2021)}
    expected |= {"2018, 0-17: 0 persons"}
    assert list(caught.value.problems) == sorted(expected)


def test_one_person_is_a_population():
    assert _persons(lasting((1, 1, 1, 1, 1)), [pd.Timestamp("2018-01-01")])[0]["0-17"] == 1


# --- Shapley parts


def test_shapley_parts_by_hand():
    # Two factors: the change of one times the mean of the other.
    assert shapley_product([2, 10], [5, 14]).tolist() == pytest.approx([3 * 12, 4 * 3.5])
    # Three, from 2·3·4 to 3·5·7, the first: 1·((3·4 + 5·7)/3 + (3·7 + 5·4)/6); together 105 - 24.
    assert shapley_product([2, 3, 4], [3, 5, 7]).tolist() == pytest.approx([22.5, 28, 30.5])
    assert shapley_product([4], [7]).tolist() == [3]


def test_parts_of_the_hours_by_hand():
    # 100 of 1000 persons with 2 hours each become 150 of 1000 with 4: hours 200 to 600.
    cube = cube_of([(HOME, "2017-03-06", (100,) * 5, 2.0), (HOME, "2020-09-07", (150,) * 5, 4.0)])
    parts = decompose_growth(cube, lasting((1000,) * 5), "2017-03", "2020-09")
    assert list(zip(parts["measure"], parts["component"], strict=True))[:2] == [
        ("users", "population"),
        ("users", "coverage"),
    ]
    hours = parts[parts["measure"] == "hours"].set_index(["age_group", "component"])
    assert hours["contribution"].xs("60-79").to_dict() == pytest.approx(
        {"population": 0, "coverage": 50 * 3, "hours_per_user": 2 * 125}
    )
    assert hours["share_percent"].xs("60-79").to_dict() == pytest.approx(
        {"population": 0, "coverage": 100 * 150 / 2000, "hours_per_user": 100 * 250 / 2000}
    )


def test_group_without_users_at_the_start():
    cube = cube_of(
        [(HOME, "2017-03-06", (100, 100, 100, 100, 0)), (HOME, "2020-09-07", (100, 100, 100, 100, 10))]
    )
    parts = decompose_growth(cube, lasting((1000,) * 5), "2017-03", "2020-09")
    eldest = parts[(parts["age_group"] == "80+") & (parts["measure"] == "hours")].set_index("component")
    # No coverage and no hours at the start: 20 hours are shared alike by the two that rose from zero.
    assert eldest["contribution"].to_dict() == pytest.approx(
        {"population": 0, "coverage": 10, "hours_per_user": 10}
    )


def test_no_growth_has_no_shares():
    cube = cube_of(
        [(s, week, (20,) * 5) for week in ("2017-03-06", "2020-09-07") for s in (HOME,)]
        + [(DAILY, "2017-03-06", (20,) * 5), (DAILY, "2020-09-07", (10,) * 5)]
    )
    parts = decompose_growth(cube, lasting((1000,) * 5), "2017-03", "2020-09")
    assert parts.loc[parts["service"] == HOME, "share_percent"].isna().all()
    daily = parts[(parts["service"] == DAILY) & (parts["component"] == "coverage")]
    assert daily.loc[daily["measure"] == "users", "contribution"].tolist() == pytest.approx([-10] * 5)
    assert daily.loc[daily["measure"] == "users", "share_percent"].tolist() == pytest.approx([20] * 5)


def test_parts_come_by_service_measure_and_age():
    cube = cube_of([(s, w, (20,) * 5) for s in (DAILY, HOME) for w in ("2017-03-06", "2020-09-07")])
    parts = decompose_growth(cube, lasting((1000,) * 5), "2017-03", "2020-09")
    assert parts["service"].drop_duplicates().tolist() == [HOME, DAILY]
    assert parts["age_group"].tolist() == [
        g for _ in range(2) for n in (2, 3) for g in AGE_GROUPS for _ in range(n)
    ]


# --- Growth below an age


def grown():
    return cube_of(
        [
            (HOME, "2017-03-06", (10, 20, 40, 80, 160)),
            (HOME, "2020-09-07", (12, 24, 48, 96, 192)),  # +2, 4, 8, 16, 32
            (DAILY, "2017-03-06", (100, 100, 100, 100, 100)),
            (DAILY, "2020-09-07", (100, 100, 100, 140, 110)),
        ]
    )


@pytest.mark.parametrize(("age", "home", "daily"), [(18, 2, 0), (40, 6, 0), (60, 14, 0), (80, 30, 40)])
def test_growth_below_each_bound(age, home, daily):
    found = growth_below_age(grown(), "2017-03", "2020-09", age).set_index("service")
    assert found["growth_below"].to_dict() == {HOME: home, DAILY: daily, "all": home + daily}
    assert found["growth"].to_dict() == {HOME: 62, DAILY: 50, "all": 112}
    assert found["share_below_percent"].to_dict() == pytest.approx(
        {HOME: 100 * home / 62, DAILY: 2 * daily, "all": 100 * (home + daily) / 112}
    )


def test_growth_below_80_is_the_default():
    pd.testing.assert_frame_equal(
        growth_below_age(grown(), "2017-03", "2020-09"), growth_below_age(grown(), "2017-03", "2020-09", 80)
    )


@pytest.mark.parametrize("age", [0, 17, 19, 67, 79, 81])
def test_ages_that_are_no_bound_are_refused(age):
    with pytest.raises(SpecificationError, match=rf"age={age}: must be one of 18, 40, 60, 80$"):
        growth_below_age(grown(), "2017-03", "2020-09", age)


def test_services_asked_for_are_summed_in_their_order():
    found = growth_below_age(grown(), "2017-03", "2020-09", services=(DAILY,))
    assert found["service"].tolist() == [DAILY, "all"]
    assert found["growth"].tolist() == [50, 50]
    both = growth_below_age(grown(), "2017-03", "2020-09", services=(DAILY, HOME))
    assert both["service"].tolist() == [DAILY, HOME, "all"]


@pytest.mark.parametrize(("growth", "told"), [(-2, False), (0, False), (10, False), (12, True)])
def test_growth_of_one_percent_is_too_little_to_divide(growth, told):
    # 1000 users at the start: a hundredth is 10, and must be exceeded.
    cube = cube_of(
        [(HOME, "2017-03-06", (200,) * 5), (HOME, "2020-09-07", (200 + growth, 200, 200, 200, 200))]
    )
    found = growth_below_age(cube, "2017-03", "2020-09").set_index("service")
    assert found["share_below_percent"].notna().tolist() == [told, told]
    assert found["growth"].tolist() == [growth, growth]


def test_share_of_the_sum_looks_at_the_sum_of_the_services():
    # The one grows by a tenth of its 100 users; together it is 10 of 1100, less than a hundredth.
    cube = cube_of(
        [
            (HOME, "2017-03-06", (20,) * 5),
            (HOME, "2020-09-07", (30, 20, 20, 20, 20)),
            (DAILY, "2017-03-06", (200,) * 5),
            (DAILY, "2020-09-07", (200,) * 5),
        ]
    )
    found = growth_below_age(cube, "2017-03", "2020-09").set_index("service")["share_below_percent"]
    assert found[HOME] == 100
    assert np.isnan(found[DAILY])
    assert np.isnan(found["all"])
