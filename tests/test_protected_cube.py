"""Protected cubes by hand, rule by rule; and small integer programs that try to undo them."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.register import protect_cube
from kostnadsvekst.register.linked_tables import Limits, no_limits, suppress_linked, suppress_table
from kostnadsvekst.register.rounded_sums import AGE_WIDTHS, HOURS_STEP
from kostnadsvekst.register.schema import AGE_GROUPS

MEASURES = ["users", "users_with_hours", "hours", "hours_per_user", "mean_age"]
# 168 hours for one person, 336 for one with two carers: what is told of a sum must hide either.
WEEK = 168.0


def cube(
    users, with_hours=None, hours=2.0, week="2018-05-07", service="home_health", ages=(10, 30, 50, 70, 85)
):
    """One service and week: users by age group (men, women), so many hours for each user with hours."""
    with_hours = users if with_hours is None else with_hours
    rows = [
        (service, group, sex, pd.Timestamp(week), n, k, hours * k, float(age))
        for group, age, pair, more in zip(AGE_GROUPS, ages, users, with_hours, strict=True)
        for sex, n, k in zip((1, 2), pair, more, strict=True)
        if n
    ]
    names = ["service", "age_group", "sex", "week", "users", "users_with_hours", "hours", "mean_age"]
    return pd.DataFrame(rows, columns=names)


def yearly(*args, **kwargs):
    rows = cube(*args, **kwargs).assign(year=2018)
    return rows[["service", "age_group", "sex", "year", "users", "mean_age"]]


MANY = [(20, 30), (40, 50), (60, 70), (80, 90), (100, 110)]
THOUSANDS = [(2000, 3000), (4000, 5000), (6000, 7000), (8000, 9000), (10000, 11000)]


def cell(shown, group, sex, municipality=None):
    here = shown[(shown["age_group"] == group) & (shown["sex"] == sex)]
    if municipality is not None:
        here = here[here["municipality"] == municipality]
    assert len(here) == 1
    return here.iloc[0]


def hidden(shown, column="status"):
    """Age groups and sexes that are suppressed."""
    rows = shown[shown[column] != ""]
    return set(zip(rows["age_group"], rows["sex"], strict=True))


# --- Users


def test_cube_with_margins_by_hand():
    shown = protect_cube(cube(THOUSANDS))
    assert len(shown) == 6 * 3
    assert (shown[["status", "status_hours"]] == "").all().all()
    assert shown["age_group"].tolist() == [g for g in (*AGE_GROUPS, "all") for _ in range(3)]
    assert shown["sex"].tolist() == ["1", "2", "all"] * 6
    assert cell(shown, "40-59", "2")["users"] == 7000
    assert cell(shown, "40-59", "all")["users"] == 13000
    assert cell(shown, "all", "1")["users"] == 30000
    total = cell(shown, "all", "all")
    assert (total["users"], total["users_with_hours"]) == (65000, 65000)
    # 130,000 hours in five rows, each rounded to 336: at most 5 * 168 off, and what is said of it is true.
    assert total["hours"] == sum(336 * round(2 * sum(pair) / 336) for pair in THOUSANDS)
    assert total["hours_unit"] == 5 * 336
    assert total["hours_per_user"] == total["hours"] / 65000
    ages = sum(age * sum(pair) for age, pair in zip((10, 30, 50, 70, 85), THOUSANDS, strict=True)) / 65000
    assert abs(total["mean_age"] - ages) <= total["mean_age_unit"] / 2


def test_cells_with_nobody_are_zeros_without_means():
    shown = protect_cube(cube([(0, 0), *THOUSANDS[1:]]))
    empty = cell(shown, "0-17", "1")
    assert (empty["users"], empty["hours"], empty["status"], empty["status_hours"]) == (0, 0, "", "")
    assert np.isnan(empty["mean_age"])
    assert np.isnan(empty["hours_per_user"])
    assert cell(shown, "0-17", "all")["users"] == 0


@pytest.mark.parametrize(("users", "small"), [(1, True), (4, True), (5, False)])
def test_small_cells(users, small):
    shown = protect_cube(cube([(users, 30), *MANY[1:]]))
    here = cell(shown, "0-17", "1")
    assert (here["status"] == ":") is small
    for measure in MEASURES:
        assert np.isnan(here[measure]) or not small
    # Its partners: the other sex, and both in another age group (the smallest of them).
    others = {("0-17", "1"), ("0-17", "2"), ("18-39", "1"), ("18-39", "2")}
    assert hidden(shown) == (others if small else set())


def test_another_threshold():
    few = cube([(8, 30), *MANY[1:]])
    assert hidden(protect_cube(few, 8)) == set()
    assert ("0-17", "1") in hidden(protect_cube(few, 9))


def test_a_lone_small_cell_takes_its_margins_with_it():
    """Three persons and nobody else: nothing can be shown of them but where nobody is."""
    shown = protect_cube(cube([(0, 0), (0, 0), (0, 3), (0, 0), (0, 0)]))
    assert hidden(shown) == {("40-59", "2"), ("40-59", "all"), ("all", "2"), ("all", "all")}
    assert cell(shown, "80+", "1")["users"] == 0


def test_a_suppressed_cell_keeps_a_person():
    """Beside cells of 5 the 1 could be 5 at most: the totals are suppressed, with which it can rise by 5."""
    table = with_margins(np.array([[[1, 5], [5, 50]]]))[0]
    found = suppress_table(table, 5, (table > 0) & (table < 5)).hidden[0]
    assert found.tolist() == [[True, False, True], [False, False, False], [True, False, True]]
    table = with_margins(np.array([[[1, 6], [6, 50]]]))[0]
    found = suppress_table(table, 5, (table > 0) & (table < 5)).hidden[0]
    assert found.tolist() == [[True, True, False], [True, True, False], [False, False, False]]


def test_each_service_and_week_is_protected_by_itself():
    few = [(3, 30), *MANY[1:]]
    parts = [
        cube(few, week="2018-05-14", service="practical_bpa"),
        cube(MANY, week="2018-05-07", service="practical_bpa"),
        cube(few, week="2018-05-07"),
        cube(MANY, week="2018-05-14"),
    ]
    shown = protect_cube(pd.concat(parts, ignore_index=True))
    blocks = shown.groupby(["service", "week"], sort=False)["status"].agg(lambda s: (s == ":").sum())
    assert [(s, f"{w:%d}") for s, w in blocks.index] == [
        ("home_health", "07"),
        ("home_health", "14"),
        ("practical_bpa", "07"),
        ("practical_bpa", "14"),
    ]
    assert blocks.tolist() == [4, 0, 0, 4]
    total = shown[(shown["age_group"] == "all") & (shown["sex"] == "all")]
    assert total["users"].tolist() == [633, 650, 650, 633]


def test_order_of_rows_and_labels_as_text_change_nothing():
    rows = pd.concat([cube([(3, 30), *MANY[1:]]), cube(MANY, service="practical_bpa")])
    expected = protect_cube(rows)
    shuffled = rows.sample(frac=1, random_state=1).assign(sex=lambda d: d["sex"].astype(str))
    pd.testing.assert_frame_equal(protect_cube(shuffled), expected)


def test_promises_travel_as_json():
    attrs = json.loads(json.dumps(protect_cube(cube([(3, 30), *MANY[1:]])).attrs))
    assert attrs == {
        "threshold": 5,
        "suppressed": 4,
        "hours_step": 336.0,
        "age_steps": {"0-17": 34, "18-39": 42, "40-59": 38, "60-79": 38, "80+": 80},
    }


# --- Users with hours


@pytest.mark.parametrize(
    ("some", "told"), [(0, True), (1, False), (9, False), (10, True), (20, True), (30, True)]
)
@pytest.mark.parametrize("swap", [False, True])
def test_few_users_with_hours_or_without(some, told, swap):
    """Of 30 men; both sexes are told or neither, and the other age groups in any case."""
    some = 30 - some if swap else some
    told_here = told if some not in (21, 29) else False
    shown = protect_cube(cube([(30, 40), *MANY[1:]], [(some, 40), *MANY[1:]]))
    here, other = cell(shown, "0-17", "1"), cell(shown, "0-17", "2")
    assert (here["users"], here["status"]) == (30, "")
    assert np.isnan(here["users_with_hours"]) == np.isnan(other["users_with_hours"])
    assert np.isnan(here["users_with_hours"]) is np.bool_(not told_here)
    if told_here:
        assert here["users_with_hours"] == some
    assert cell(shown, "18-39", "1")["users_with_hours"] == 40


def test_the_row_is_told_where_a_sex_is_not_and_then_the_sexes_are_not():
    shown = protect_cube(cube([(30, 40), *MANY[1:]], [(3, 30), *MANY[1:]]))
    assert np.isnan(cell(shown, "0-17", "1")["users_with_hours"])
    assert np.isnan(cell(shown, "0-17", "2")["users_with_hours"])
    assert cell(shown, "0-17", "all")["users_with_hours"] == 33
    assert np.isnan(cell(shown, "all", "1")["users_with_hours"]), "it would give the man's cell away"
    assert cell(shown, "all", "all")["users_with_hours"] == 633


def test_a_row_that_is_not_told_leaves_the_total_untold():
    shown = protect_cube(cube([(30, 40), *MANY[1:]], [(3, 4), *MANY[1:]]))
    assert np.isnan(cell(shown, "0-17", "all")["users_with_hours"])
    assert np.isnan(cell(shown, "all", "all")["users_with_hours"])


def test_service_without_hours_or_with_hours_for_all_has_no_secret():
    small = [(3, 30), *MANY[1:]]
    nobody = protect_cube(cube(small, [(0, 0)] * 5))
    rest = nobody[nobody["status"] == ""]
    assert (rest[["users_with_hours", "hours"]] == 0).all().all()
    assert (rest["status_hours"] == "").all()
    everybody = protect_cube(cube(small))
    rest = everybody[everybody["status"] == ""]
    assert (rest["users_with_hours"] == rest["users"]).all()


def test_five_of_whom_some_have_hours_are_few():
    """Shown, five users without a word on their hours would have 1 to 4 with hours."""
    assert ("0-17", "1") in hidden(protect_cube(cube([(5, 30), *MANY[1:]], [(2, 30), *MANY[1:]])))
    for some in (0, 5):
        assert hidden(protect_cube(cube([(5, 30), *MANY[1:]], [(some, 30), *MANY[1:]]))) == set()


# --- Hours


@pytest.mark.parametrize(
    ("hours", "told"),
    [(1511.99, np.nan), (1512, 1680), (1847.99, 1680), (1848, 2016), (10000, 10080), (10500, 10416)],
)
def test_hours_are_told_in_steps_of_two_weeks(hours, told):
    """336 hours; half a step, 168 hours, is rounded up; below five steps nothing is told."""
    rows = cube(THOUSANDS, hours=10.0)
    first = (rows["age_group"] == "0-17") & (rows["sex"] == 1)
    rows.loc[first, "hours"] = hours
    here = cell(protect_cube(rows), "0-17", "1")
    assert here["hours"] == pytest.approx(told, nan_ok=True)
    assert (here["status_hours"] == ":") is bool(np.isnan(told))
    assert here["hours_per_user"] == pytest.approx(told / 2000, nan_ok=True)
    if not np.isnan(told):
        assert (here["hours_unit"], here["hours_per_user_unit"]) == (336, pytest.approx(336 / 2000))


def test_rows_are_rounded_by_themselves_and_totals_are_sums_of_rows():
    rows = cube(THOUSANDS, hours=0.0).assign(hours=1680.0 + 150)
    shown = protect_cube(rows)
    assert cell(shown, "0-17", "1")["hours"] == 1680
    assert cell(shown, "0-17", "all")["hours"] == 3696  # 3660 rounded, not twice 1680
    assert cell(shown, "all", "all")["hours"] == 5 * 3696
    assert cell(shown, "all", "1")["hours"] == 5 * 1680


def test_few_without_hours_leave_the_hours_by_user():
    """25 of 30 have hours: that number is not told, and the mean is by user; its unit covers both."""
    rows = cube([(30, 30), *MANY[1:]], [(25, 30), *MANY[1:]], hours=100.0)
    here = cell(protect_cube(rows), "0-17", "all")
    assert np.isnan(here["users_with_hours"])
    assert here["hours"] == 5376  # 5500, to 336
    assert here["hours_per_user"] == pytest.approx(5376 / 60)
    assert abs(5500 / 55 - here["hours_per_user"]) <= here["hours_per_user_unit"] / 2
    assert abs(5500 / 51 - here["hours_per_user"]) <= here["hours_per_user_unit"] / 2


@pytest.mark.parametrize("most", [100.0, 168.0, 336.0])
def test_dominance_a_person_is_never_most_of_what_is_told(most):
    """One person with nearly all hours of a cell: nothing is told of them."""
    rows = cube([(30, 30), *MANY[1:]])
    first = (rows["age_group"] == "0-17") & (rows["sex"] == 1)
    rows.loc[first, "hours"] = most + 29 * 0.25
    here = cell(protect_cube(rows), "0-17", "1")
    assert here["users"] == 30
    assert np.isnan(here["hours"])
    assert here["status_hours"] == ":"
    # What is told at least: 1,512 hours, of which a person has 336 at most.
    assert 336 / 1512 < 0.85


# --- Ages


@pytest.mark.parametrize(
    ("mean", "told"),
    # 100 men of 18-39: the sum beyond 18 in steps of 42 years, half a step rounded up.
    [(18.0, 18.0), (18.2, 18.0), (18.21, 18.42), (30.0, 18 + 1218 / 100), (39.0, 18 + 2100 / 100)],
)
def test_mean_ages_in_steps_of_twice_the_age_group(mean, told):
    here = cell(
        protect_cube(cube([MANY[0], (100, 50), *MANY[2:]], ages=(10, mean, 50, 70, 85))), "18-39", "1"
    )
    assert here["mean_age"] == pytest.approx(told, abs=1e-12)
    assert here["mean_age_unit"] == pytest.approx(0.42)


@pytest.mark.parametrize(("users", "told"), [(19, False), (20, True)])
def test_mean_ages_of_few_users_are_not_told(users, told):
    assert np.isnan(cell(protect_cube(cube([(users, 30), *MANY[1:]])), "0-17", "1")["mean_age"]) != told


def test_mean_age_over_age_groups_needs_all_of_them():
    """Else the users that are hidden could be dealt out by their ages."""
    shown = protect_cube(cube([(2, 1), *MANY[1:]]))
    assert ("0-17", "all") in hidden(shown)
    assert np.isnan(cell(shown, "all", "all")["mean_age"])
    assert not np.isnan(cell(protect_cube(cube(MANY)), "all", "all")["mean_age"])
    # Within an age group ages say nothing of the sexes.
    assert not np.isnan(cell(protect_cube(cube([(3, 30), *MANY[1:]])), "0-17", "all")["mean_age"])


# --- Weeks: somebody comes or leaves


def told_of_movers(present, hours, rounded):
    """Ranges of each person's hours for one who knows who is there when, and the rounded sums."""
    n_persons = present.shape[1]
    step = HOURS_STEP
    ranges = []
    for person in range(n_persons):
        ends = []
        for sign in (1.0, -1.0):
            goal = np.zeros(n_persons)
            goal[person] = sign
            answer = linprog(
                goal,
                A_ub=np.vstack([present, -present]),
                b_ub=np.concatenate([rounded + step / 2, step / 2 - rounded]),
                bounds=[(0, WEEK)] * n_persons,
            )
            assert answer.status == 0
            ends.append(sign * answer.fun)
        ranges.append(ends[1] - ends[0])
    return np.array(ranges)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_run_of_weeks_tells_anything_of_one_person_s_hours(data):
    """All persons known by their weeks, hours of any size: the range of each stays 168 hours."""
    n_persons, n_weeks = data.draw(st.integers(3, 8)), data.draw(st.integers(2, 6))
    seed = data.draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    first, last = rng.integers(-3, n_weeks, n_persons), rng.integers(0, n_weeks + 3, n_persons)
    week = np.arange(n_weeks)[:, None]
    present = ((week >= first) & (week <= np.maximum(first, last))).astype(float)
    hours = np.round(rng.choice([0.01, 168.0, 84.0, 30.0], n_persons) * rng.uniform(0.9, 1.0, n_persons), 2)
    exact = present @ hours
    rounded = np.floor(exact / HOURS_STEP + 0.5) * HOURS_STEP
    assert (told_of_movers(present, hours, rounded) >= WEEK - 1e-6).all()


def test_exact_sums_would_tell_the_hours_of_who_leaves():
    present, hours = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]), np.array([10.0, 20.0, 30.0])
    ranges = told_of_movers(np.repeat(present, 1, axis=0), hours, present @ hours)
    assert (ranges >= WEEK - 1e-6).all()  # within 168 hours of the true sums nothing is told
    left = (present @ hours)[0] - (present @ hours)[1]
    assert left == 30.0  # but this is what two exact sums say


@pytest.mark.parametrize("group", range(5))
def test_steps_of_ages_are_even_multiples_of_what_one_person_can_add(group):
    """The theorem rests on it: edges at odd multiples of the width, ends at multiples of it."""
    oldest = (17, 39, 59, 79, 120)[group]
    youngest = (0, 18, 40, 60, 80)[group]
    steps = list(protect_cube(cube(MANY)).attrs["age_steps"].values())
    assert AGE_WIDTHS[group] == oldest - youngest
    assert steps[group] == 2 * (oldest - youngest)


@pytest.mark.parametrize("leaver", [18, 25, 39])
@pytest.mark.parametrize("stayers", [100, 101, 117, 160])
def test_age_of_who_leaves_is_not_told_by_neighbouring_weeks(leaver, stayers):
    """One man of 18-39 leaves, the others stay: from what is printed he can have any age."""
    ages = 18 + np.arange(stayers) % 22
    weeks = {"2018-05-07": [*ages, leaver], "2018-05-14": list(ages)}
    sums = []
    for week, present in weeks.items():
        rows = cube([MANY[0], (len(present), 50), *MANY[2:]], ages=(10, 30, 50, 70, 85), week=week)
        rows.loc[(rows["age_group"] == "18-39") & (rows["sex"] == 1), "mean_age"] = np.mean(present)
        here = cell(protect_cube(rows), "18-39", "1")
        low, high = (here["mean_age"] + e * here["mean_age_unit"] / 2 for e in (-1, 1))
        sums.append((low * len(present), high * len(present)))
    low, high = sums[0][0] - sums[1][1], sums[0][1] - sums[1][0]
    assert low <= 18 + 1e-6
    assert high >= 39 - 1e-6


# --- Municipalities below their country


def two_places(first, second, **options):
    rows = [
        cube(first, **options).assign(municipality="0301"),
        cube(second, **options).assign(municipality="1103"),
    ]
    return pd.concat(rows, ignore_index=True)


def country_of(rows):
    keys = ["service", "age_group", "sex", "week"]
    rows = rows.assign(age_sum=rows["mean_age"] * rows["users"])
    sums = rows.groupby(keys, as_index=False)[["users", "users_with_hours", "hours", "age_sum"]].sum()
    return sums.assign(mean_age=sums["age_sum"] / sums["users"]).drop(columns="age_sum")


def test_a_small_municipal_cell_takes_one_of_another_municipality_along():
    rows = two_places([(3, 30), *MANY[1:]], MANY)
    shown = protect_cube(rows)
    assert shown.columns[:3].tolist() == ["municipality", "service", "week"]
    four = {("0-17", "1"), ("0-17", "2"), ("18-39", "1"), ("18-39", "2")}
    for place in ("0301", "1103"):
        assert hidden(shown[shown["municipality"] == place]) == four
    assert hidden(shown[shown["municipality"] == "all"]) == set()
    # Alone the second would be shown, and the country less it is the small cell.
    assert hidden(protect_cube(rows[rows["municipality"] == "1103"].drop(columns="municipality"))) == set()


@pytest.mark.parametrize("first", [[(3, 30), *MANY[1:]], [(1, 30), *MANY[1:]], MANY])
def test_the_country_is_the_same_with_municipalities_and_without(first):
    rows = two_places(first, [(1, 30), *MANY[1:]])
    alone = protect_cube(country_of(rows))
    inside = protect_cube(rows).query("municipality == 'all'").drop(columns="municipality")
    pd.testing.assert_frame_equal(inside.reset_index(drop=True), alone, check_like=True)


def test_what_the_country_hides_its_municipalities_hide_too():
    """Two men below 18 in the country: somewhere the country's four cells are hidden together."""
    rows = two_places([(2, 30), *MANY[1:]], [(0, 30), *MANY[1:]])
    shown = protect_cube(rows)
    four = hidden(shown[shown["municipality"] == "all"])
    assert len(four) == 4
    assert four <= hidden(shown[shown["municipality"] == "0301"])
    assert cell(shown, "0-17", "1", "1103")["users"] == 0


def test_what_the_country_hides_is_hidden_where_no_municipality_would_hide_it():
    """Five men of whom two have hours are suppressed in the country; to a municipality five are not few."""
    rows = two_places([(5, 30), *MANY[1:]], [(0, 30), *MANY[1:]])
    rows.loc[rows["users"] == 5, ["users_with_hours", "hours"]] = [2, 4.0]
    shown = protect_cube(rows)
    assert cell(shown, "0-17", "1", "all")["status"] == ":"
    assert cell(shown, "0-17", "1", "0301")["status"] == ":"


def test_a_lone_municipality_is_its_country():
    rows = cube([(3, 30), *MANY[1:]]).assign(municipality="0301")
    shown = protect_cube(rows)
    place, country = (shown[shown["municipality"] == m].reset_index(drop=True) for m in ("0301", "all"))
    pd.testing.assert_series_equal(place["users"], country["users"])


def test_five_of_the_country_spread_over_municipalities_close_the_cell():
    """1 + 3 + 1 with one at least in each would be 3 at most: the cell is not told, empty or not."""
    parts = [
        cube([(n, 30), *MANY[1:]]).assign(municipality=place)
        for n, place in ((1, "0301"), (3, "1103"), (1, "4601"), (0, "5001"))
    ]
    shown = protect_cube(pd.concat(parts, ignore_index=True))
    assert cell(shown, "0-17", "1", "all")["users"] == 5
    status = {m: cell(shown, "0-17", "1", m)["status"] for m in ("0301", "1103", "4601")}
    assert set(status.values()) == {".."}


def test_municipalities_do_not_tell_who_has_hours_unless_the_country_does():
    rows = two_places([(30, 40), *MANY[1:]], [(30, 40), *MANY[1:]])
    rows.loc[rows["age_group"] == "0-17", "users_with_hours"] -= 12
    shown = protect_cube(rows)
    assert cell(shown, "0-17", "1", "all")["users_with_hours"] == 36
    assert np.isnan(cell(shown, "0-17", "1", "0301")["users_with_hours"])
    assert cell(shown, "18-39", "1", "0301")["users_with_hours"] == 40  # all have, as the country tells


@pytest.mark.parametrize("some", [0, 1])
def test_what_the_total_tells_of_all_users_is_told_of_municipalities(some):
    """Everybody has hours, or nobody: no secret either where the country's own cell is suppressed."""
    users = [[(3, 30), *MANY[1:]], [(0, 6), (7, 8), *MANY[2:]]]
    rows = two_places(*users)
    rows[["users_with_hours", "hours"]] *= some
    shown = protect_cube(rows)
    assert ("0-17", "2") in hidden(shown[shown["municipality"] == "all"])
    told = shown[shown["users"].notna()]
    assert (told["users_with_hours"] == some * told["users"]).all()


def test_municipal_hours_and_ages_are_sums_of_cells():
    many = [(100 * a, 100 * b) for a, b in MANY]
    shown = protect_cube(two_places(many, many, hours=1.0))
    for place in ("0301", "1103"):
        here = shown[shown["municipality"] == place]
        inner = cell(here, "0-17", "1")["hours"] + cell(here, "0-17", "2")["hours"]
        assert cell(here, "0-17", "all")["hours"] == inner
        assert cell(here, "0-17", "all")["hours_unit"] == 2 * 336


def test_country_with_persons_in_two_municipalities():
    rows = two_places(MANY, MANY)
    country = country_of(rows)
    first = (country["age_group"] == "0-17") & (country["sex"] == 1)
    country.loc[first, ["users", "users_with_hours"]] -= 2
    country.loc[first, "hours"] -= 4.0
    shown = protect_cube(rows, country=country)
    assert cell(shown, "0-17", "1", "all")["users"] == 38
    pd.testing.assert_frame_equal(
        shown.query("municipality == 'all'").drop(columns="municipality").reset_index(drop=True),
        protect_cube(country),
        check_like=True,
    )


def assert_cannot_be_undone(tables, found, above, above_hidden, small, threshold):
    """Solve for each hidden cell: every small one can reach the threshold, none is unique."""
    n_tables, n_rows, n_columns = tables.shape
    number = np.arange(tables.size).reshape(tables.shape)
    matrix, low, high = [], [], []

    def know(cells, least, most):
        row = np.zeros(tables.size)
        np.add.at(row, np.ravel(cells), 1.0)
        matrix.append(row)
        low.append(least)
        high.append(most)

    for t in range(n_tables):
        for i in range(n_rows):
            know(number[t, i, :-1], 0, 0), matrix[-1].__setitem__(number[t, i, -1], -1.0)
        for j in range(n_columns):
            know(number[t, :-1, j], 0, 0), matrix[-1].__setitem__(number[t, -1, j], -1.0)
    for i in range(n_rows):
        for j in range(n_columns):
            if not above_hidden[i, j]:
                know(number[:, i, j], above[i, j], above[i, j])
            else:
                know(number[:, i, j], 1, np.inf)
    least = np.where(found.hidden, np.where(found.closed, 0, 1), tables).ravel().astype(float)
    most = np.where(found.hidden, np.inf, tables).ravel()
    constraints = LinearConstraint(np.array(matrix), np.array(low), np.array(high))
    targets = [([number[c]], tables[c], small[c]) for c in zip(*np.nonzero(found.hidden), strict=True)]
    targets += [
        (list(number[:, i, j]), above[i, j], 0 < above[i, j] < threshold)
        for i, j in zip(*np.nonzero(above_hidden), strict=True)
    ]
    for cells, true, is_small in targets:
        if true == 0:
            continue
        goal = np.zeros(tables.size)
        goal[cells] = 1.0
        ends = []
        for sign in (1.0, -1.0):
            answer = milp(
                sign * goal,
                constraints=constraints,
                integrality=np.ones(tables.size),
                bounds=Bounds(least, most),
            )
            assert answer.status in (0, 3, 4), answer.message
            ends.append(np.inf * -sign if answer.x is None else round(float(goal @ answer.x)))
        assert ends[1] > ends[0], (tables, found, cells)
        assert not is_small or ends[1] >= threshold, (tables, found, cells)


def with_margins(inner):
    full = np.zeros((inner.shape[0], inner.shape[1] + 1, inner.shape[2] + 1), dtype=np.int64)
    full[:, :-1, :-1] = inner
    full[:, :, -1] = full.sum(axis=2)
    full[:, -1, :] = full.sum(axis=1)
    return full


def attack_random_tables(seed, threshold=5):
    rng = np.random.default_rng(seed)
    n_tables, n_rows = rng.integers(1, 6), rng.integers(1, 5)
    mean = rng.choice([0.7, 2.0, 5.0, 12.0])
    inner = rng.poisson(mean * rng.choice([0.1, 1.0, 4.0], (n_tables, n_rows, 1)), (n_tables, n_rows, 2))
    tables = with_margins(inner)
    tables = tables[tables[:, -1, -1] > 0]
    if not len(tables):
        return
    above = tables.sum(axis=0)
    few_above = (above > 0) & (above < threshold)
    pattern = suppress_table(above, threshold, few_above)
    small = (tables > 0) & (tables < threshold)
    found = suppress_linked(tables, threshold, small, pattern.hidden[0], above)
    assert not (small & ~found.hidden).any()
    assert_cannot_be_undone(tables, found, above, pattern.hidden[0], small, threshold)


def test_rows_are_dealt_out_until_no_table_has_few_in_them():
    """Two men and three women in five municipalities, and few others of one sex in the first."""
    inner = np.zeros((5, 3, 2), dtype=np.int64)
    inner[:, 0] = [[1, 0], [1, 0], [0, 1], [0, 1], [0, 1]]
    inner[:, 1] = [[2, 9], [10, 10], [11, 11], [12, 12], [13, 13]]
    inner[:, 2] = [[40, 40], [41, 41], [42, 42], [43, 43], [44, 44]]
    tables = with_margins(inner)
    above = tables.sum(axis=0)
    pattern = suppress_table(above, 5, (above > 0) & (above < 5)).hidden[0]
    small = (tables > 0) & (tables < 5)
    found = suppress_linked(tables, 5, small, pattern, above)
    assert found.closed[:, :3, :2].all(), "the first two rows hold three men of the first municipality"
    assert not found.hidden[:, -1].any()
    assert_cannot_be_undone(tables, found, above, pattern, small, 5)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6))
def test_linked_tables_against_an_integer_program(seed):
    attack_random_tables(seed)


@pytest.mark.slow
def test_a_thousand_linked_tables_against_an_integer_program():
    for seed in range(1000):
        attack_random_tables(seed + 10**7)


# --- Years beside weeks


def test_a_year_hides_what_its_weeks_would_tell():
    """Of 3 and 30 a year hides both; a week that shows 30 women would leave 3 men at most."""
    year = yearly([(3, 30), (40, 50), *MANY[2:]])
    weeks = cube([(0, 30), (39, 49), *MANY[2:]])
    alone, beside = protect_cube(year), protect_cube(year, beside=weeks)
    assert hidden(alone) == {("0-17", "1"), ("0-17", "2"), ("18-39", "1"), ("18-39", "2")}
    # The other sex cannot be fewer than 30, so the total of the age group is hidden instead.
    assert ("0-17", "all") in hidden(beside)
    assert ("0-17", "2") not in hidden(beside)


def test_a_week_is_not_more_than_its_year():
    """A week with 4 men of an age group, a year with 5: nobody else can be more in the week.

    So the man that may be a fifth takes the place of a man of another age group, and the totals of both go
    along.
    """
    year, weeks = yearly([(5, 30), *MANY[1:]]), cube([(4, 30), *MANY[1:]])
    four = {("0-17", "1"), ("0-17", "2"), ("18-39", "1"), ("18-39", "2")}
    assert hidden(protect_cube(weeks)) == four
    assert hidden(protect_cube(weeks, beside=year)) == {
        (g, s) for g in ("0-17", "18-39") for s in ("1", "all")
    }
    # In a year with room above the week it is as if there were none.
    roomy = yearly([(n + 20, k + 20) for n, k in MANY])
    assert hidden(protect_cube(weeks, beside=roomy)) == four


def test_weeks_across_new_year_are_not_bound():
    weeks = cube([(4, 30), *MANY[1:]], week="2018-12-31")
    assert len(hidden(protect_cube(weeks, beside=yearly([(5, 30), *MANY[1:]])))) == 4


def test_small_in_the_year_and_in_the_week_rise_together():
    same = [(3, 30), *MANY[1:]]
    week, year = protect_cube(cube(same), beside=yearly(same)), protect_cube(yearly(same), beside=cube(same))
    assert ("0-17", "1") in hidden(week)
    assert ("0-17", "1") in hidden(year)
    assert cell(week, "all", "1")["users"] == 283 or ("all", "1") in hidden(week)


@pytest.mark.parametrize("seed", range(30))
def test_floors_and_caps_against_an_integer_program(seed):
    """A year at least as large as its week, a week at most as large as its year: neither is undone."""
    rng = np.random.default_rng(seed)
    year = with_margins(rng.poisson(6.0, (1, 2, 2)))[0]
    week = with_margins(rng.binomial(year[:-1, :-1], 0.7)[None])[0]
    small_year, small_week = ((t > 0) & (t < 5) for t in (year, week))
    above = suppress_table(year, 5, small_year, Limits(np.maximum(week, 1), no_limits(year.shape).caps))
    below = suppress_table(week, 5, small_week, Limits(np.ones_like(week), above.others))
    assert_pair_cannot_be_undone(year, above, week, below, small_year, small_week)


def assert_pair_cannot_be_undone(year, above, week, below, small_year, small_week):
    n = year.size
    number = np.arange(2 * n).reshape(2, *year.shape)

    def one(cells):
        return np.bincount(np.atleast_1d(cells), minlength=2 * n)

    rows = [one(number[t, i, :-1]) - one(number[t, i, -1]) for t in range(2) for i in range(year.shape[0])]
    rows += [one(number[t, :-1, j]) - one(number[t, -1, j]) for t in range(2) for j in range(year.shape[1])]
    low = [0.0] * (len(rows) + n)
    high = [0.0] * len(rows) + [np.inf] * n
    rows += [one(c) - one(n + c) for c in range(n)]
    true = np.concatenate((year.ravel(), week.ravel()))
    hidden_cells = np.concatenate((above.hidden.ravel(), below.hidden.ravel()))
    closed = np.concatenate((above.closed.ravel(), below.closed.ravel()))
    few = np.concatenate((small_year.ravel(), small_week.ravel()))
    bounds = Bounds(
        np.where(hidden_cells, np.where(closed, 0, 1), true), np.where(hidden_cells, np.inf, true)
    )
    for c in np.flatnonzero(hidden_cells & (true > 0)):
        goal = np.bincount([c], minlength=2 * n)
        ends = []
        for sign in (1.0, -1.0):
            answer = milp(
                sign * goal,
                constraints=LinearConstraint(np.array(rows), low, high),
                integrality=np.ones(2 * n),
                bounds=bounds,
            )
            ends.append(-np.inf * sign if answer.x is None else round(float(goal @ answer.x)))
        assert ends[1] > ends[0]
        assert not few[c] or ends[1] >= 5


# --- Input that cannot be protected


def changed(**columns):
    return cube(MANY).assign(**columns)


def at_first(column, value):
    rows = cube(MANY).astype({column: object})
    rows.loc[0, column] = value
    return rows.infer_objects()


BAD = {
    "no users": (cube(MANY).drop(columns="users"), "column 'users' is missing"),
    "no service and no sex": (cube(MANY).drop(columns=["service", "sex"]), "column 'sex' is missing"),
    "no week": (cube(MANY).drop(columns="week"), "either the column 'week' or 'year'"),
    "week and year": (changed(year=2018), "not both"),
    "hours without users with hours": (cube(MANY).drop(columns="users_with_hours"), "without the other"),
    "unknown age group": (changed(age_group="18-66"), "'18-66', allowed are 0-17"),
    "unknown sex": (changed(sex=3), "'3', allowed are 1, 2"),
    "missing sex": (at_first("sex", None), "sex: missing"),
    "missing service": (at_first("service", None), "service: missing"),
    "a cell twice": (pd.concat([cube(MANY), cube(MANY)[:1]]), "occurs twice"),
    "negative users": (at_first("users", -1), "not a whole number from 0 on"),
    "half a user": (at_first("users", 20.5), "not a whole number from 0 on"),
    "missing users": (at_first("users", np.nan), "not a whole number from 0 on"),
    "infinite users": (at_first("users", np.inf), "not a whole number from 0 on"),
    "users as text": (cube(MANY).astype({"users": str}), "users: .*must be numbers"),
    "more with hours than users": (at_first("users_with_hours", 21), "more than users"),
    "hours of nobody": (at_first("users_with_hours", 0), "more than 336 a user with hours"),
    "negative hours": (at_first("hours", -0.01), "missing, negative or infinite"),
    "too many hours": (at_first("hours", 336.0 * 20 + 1), "more than 336"),
    "missing age": (at_first("mean_age", np.nan), "outside the age group"),
    "age of another group": (at_first("mean_age", 18.5), "outside the age group"),
    "the country among municipalities": (changed(municipality="all"), "'all' is the country"),
    "missing municipality": (
        at_first("service", "home_health").assign(municipality=None),
        "municipality: missing",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_cubes_that_cannot_be_protected(kind):
    rows, message = BAD[kind]
    with pytest.raises(InvalidDataError, match=message) as caught:
        protect_cube(rows)
    assert "KeyError" not in str(caught.value)


def test_all_faults_are_named_at_once_by_cell_and_without_numbers():
    rows = cube(MANY)
    rows.loc[0, "users"] = -17
    rows.loc[3, "hours"] = -4321.5
    with pytest.raises(InvalidDataError) as caught:
        protect_cube(rows)
    text = str(caught.value)
    assert "home_health, 2018-05-07, 0-17, 1" in text
    assert "home_health, 2018-05-07, 18-39, 2" in text
    assert "17," not in text.replace("0-17,", "")
    assert "4321" not in text


@pytest.mark.parametrize("threshold", [0, 1, -5, True, 5.0, "5", None, np.nan])
def test_thresholds_that_are_none(threshold):
    with pytest.raises(SpecificationError, match="whole number"):
        protect_cube(cube(MANY), threshold)
    assert len(protect_cube(cube(MANY), np.int64(2))) == 18


def test_an_empty_cube_has_no_rows():
    assert len(protect_cube(cube(MANY)[:0])) == 0


def test_countries_that_are_of_another_register():
    rows = two_places(MANY, MANY)
    country = country_of(rows)
    with pytest.raises(SpecificationError, match="by municipality only"):
        protect_cube(country, country=country)
    with pytest.raises(SpecificationError, match="has municipalities"):
        protect_cube(rows, country=rows)
    for change in (+1, -25):
        wrong = country.copy()
        wrong.loc[0, "users"] += change
        wrong["users_with_hours"] = np.minimum(wrong["users_with_hours"], wrong["users"])
        with pytest.raises(InvalidDataError, match="not of the same register"):
            protect_cube(rows, country=wrong)
    with pytest.raises(InvalidDataError, match=r"practical_bpa.*in one of them only"):
        protect_cube(rows, country=pd.concat([country, cube(MANY, service="practical_bpa")]))
    with pytest.raises(InvalidDataError, match="hours: in one of them only"):
        protect_cube(rows, country=country.drop(columns=["hours", "users_with_hours"]))


def test_beside_is_the_other_unit_of_time():
    with pytest.raises(SpecificationError, match="years beside weeks"):
        protect_cube(cube(MANY), beside=cube(MANY))
    with pytest.raises(SpecificationError, match="beside: has municipalities"):
        protect_cube(cube(MANY), beside=yearly(MANY).assign(municipality="0301"))


def test_yearly_users_have_no_hours():
    shown = protect_cube(yearly([(3, 30), *MANY[1:]]))
    assert list(shown.columns) == [
        "service", "year", "age_group", "sex", "users", "mean_age", "status", "mean_age_unit",
    ]  # fmt: skip
    assert cell(shown, "0-17", "1")["status"] == ":"
    assert cell(shown, "all", "all")["users"] == 633
