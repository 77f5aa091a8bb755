"""Trends, growth and what drives it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.register import (
    ChangingShift,
    components_check,
    decompose_growth,
    growth,
    growth_below_age,
    trend,
)
from kostnadsvekst.register.decomposition import shapley_product
from kostnadsvekst.register.schema import AGE_GROUPS

WEEKS = pd.date_range("2017-01-02", "2020-12-28", freq="W-MON")
BREAK = WEEKS.get_loc("2020-03-09")


def series(shift=-600.0, noise=15.0, seed=1):
    rng = np.random.default_rng(seed)
    time = np.arange(len(WEEKS))
    season = 120 * np.cos(2 * np.pi * time / 52.1775)
    level = 3000 + 2.0 * time + shift * (time >= BREAK)
    return pd.Series(level + season + rng.normal(0, noise, len(WEEKS)), index=WEEKS), level


def level_of(parts):
    return parts.set_index("week")["level"]


def test_parts_sum_to_the_observed():
    observed, _ = series()
    parts = trend(observed)
    total = parts[["trend", "seasonal", "shift", "residual"]].sum(axis=1)
    np.testing.assert_allclose(total, observed.to_numpy(), rtol=1e-12)
    np.testing.assert_allclose(parts["trend"] + parts["shift"], parts["level"], rtol=1e-12)
    assert parts["week"].tolist() == list(WEEKS)
    assert ((parts["conf_low"] < parts["level"]) & (parts["level"] < parts["conf_high"])).all()
    assert parts.attrs["conf_level"] == 0.95
    assert parts.attrs["season_p_value"] < 1e-6
    assert abs(parts.attrs["autocorrelation"]) < 0.2


def test_known_shift_is_found_and_does_not_leak_before_the_break():
    observed, level = series()
    parts = trend(observed)
    assert parts.attrs["shifts"]["2020-03-09"] == pytest.approx(-600, abs=15)
    assert np.abs(parts["level"] - level)[BREAK - 12 : BREAK + 12].max() < 15
    # Without the step the smooth trend falls well before the break: the fault that is avoided.
    plain = trend(observed, breaks=())["trend"].to_numpy()
    assert (plain - level)[BREAK - 12 : BREAK].min() < -80


def test_band_covers_the_true_level_and_interval_the_true_growth():
    """The process above, 12 series (many more in `test_trend_coverage.py`), where a bootstrap had 63 %."""
    inside, of_growth = [], 0
    for seed in range(12):
        observed, level = series(seed=seed)
        parts = trend(observed)
        inside.append(((parts["conf_low"] <= level) & (level <= parts["conf_high"])).mean())
        found = growth(observed, WEEKS[1], WEEKS[-3])
        true = 100 * (level[-3] / level[1] - 1)
        of_growth += found["conf_low_percent"] <= true <= found["conf_high_percent"]
    assert np.mean(inside) >= 0.9
    assert of_growth >= 10  # fewer happen twice in a hundred times at 95 %


def test_wider_level_is_a_wider_band():
    observed, _ = series()
    widths = [
        (parts["conf_high"] - parts["conf_low"]).mean()
        for parts in (trend(observed, level=one) for one in (0.5, 0.95, 0.99))
    ]
    # Quantiles of a t with about 188 degrees of freedom: 0.676, 1.973, 2.602; mixtures have longer tails.
    assert widths[1] / widths[0] == pytest.approx(1.973 / 0.676, rel=0.1)
    assert widths[2] / widths[1] == pytest.approx(2.602 / 1.973, rel=0.1)


def test_temporary_shift():
    observed, _ = series(shift=0)
    observed.loc["2019-05-06":"2019-07-29"] -= 500
    parts = trend(observed, breaks=(("2019-05-06", "2019-08-05"),))
    assert parts.attrs["shifts"]["2019-05-06 to 2019-08-05"] == pytest.approx(-500, abs=25)
    assert (parts.set_index("week").loc["2019-08-05":, "shift"] == 0).all()


def test_shift_that_changes_evenly():
    observed, level = series(shift=0)
    inside = slice("2020-03-09", "2020-06-08")  # 14 weeks, from -800 to -150
    path = np.linspace(-800, -150, 14)
    observed.loc[inside] += path
    parts = trend(observed, breaks=(ChangingShift("2020-03-09", "2020-06-15"),))
    sizes = parts.attrs["shifts"]
    assert sizes["2020-03-09 to 2020-06-15"] == pytest.approx(-800, abs=30)
    assert sizes["2020-03-09 to 2020-06-15, change"] == pytest.approx(650, abs=40)
    shift = parts.set_index("week")["shift"]
    np.testing.assert_allclose(shift.loc[inside], path, atol=40)
    assert (shift.drop(shift.loc[inside].index) == 0).all()
    assert np.abs(parts["level"] - level - shift.to_numpy()).max() < 20


def test_season_is_the_same_every_year_and_takes_no_part_of_the_trend():
    """Growth that turns into a fall, as practical assistance has it: the season must not take it."""
    time = np.arange(len(WEEKS))
    rng = np.random.default_rng(2)
    true = 64_000 + 120.0 * np.minimum(time, 156) - 8.0 * np.maximum(time - 156, 0)
    season = 500 * np.cos(2 * np.pi * time / 52.1775)
    observed = pd.Series(true + season + rng.normal(0, 100, time.size), index=WEEKS)
    parts = trend(observed, ())
    seasonal = parts.set_index("week")["seasonal"]
    december = seasonal[seasonal.index.month == 12].groupby(lambda week: week.year).mean()
    assert december.max() - december.min() < 40  # weeks fall on other days; before: 528 to -1090
    assert seasonal.groupby(lambda week: week.year).mean().abs().max() < 40
    level = level_of(parts)
    assert level["2020-12-14"] < level["2020-03-02"] - 150
    assert level["2020-12-14"] == pytest.approx(true[205], abs=150)


def test_no_season_where_a_test_finds_none():
    time = np.arange(len(WEEKS))
    observed = pd.Series(3000 + 2.0 * time + np.random.default_rng(7).normal(0, 50, time.size), index=WEEKS)
    tested = trend(observed, ())
    assert tested.attrs["season_p_value"] > 0.05
    assert (tested["seasonal"] == 0).all()
    pd.testing.assert_frame_equal(tested, trend(observed, (), season=False), check_exact=False, rtol=1e-12)
    asked = trend(observed, (), season=True)
    assert (asked["seasonal"] != 0).any()
    assert asked.attrs["season_p_value"] is None


def test_weeks_at_christmas_are_left_to_themselves():
    observed, _ = series()
    dips = observed.copy()
    dips[np.isin(WEEKS.isocalendar().week, (52, 53, 1))] -= 900
    before, after = trend(observed), trend(dips)
    for column in ("level", "seasonal", "conf_low", "conf_high"):
        np.testing.assert_allclose(after[column], before[column], atol=1e-4)
    fallen = (after["residual"] - before["residual"]).to_numpy()
    assert fallen[np.isin(WEEKS.isocalendar().week, (52, 53, 1))] == pytest.approx(-900, abs=1e-4)


def test_same_series_same_numbers_whatever_the_last_bits():
    observed, _ = series()
    again = observed * (1 + 1e-14 * np.random.default_rng(0).normal(size=len(WEEKS)))
    first, second = trend(observed), trend(again)
    pd.testing.assert_frame_equal(first, second, rtol=1e-8, atol=1e-5)


def test_committed_register_agrees_with_the_sentences_of_the_report():
    """Seed 003, 5.3.1: growth in 2017, weaker afterwards, constant around 83,000 in 2020, a slight fall."""
    users = pd.read_csv(ROOT / "results" / "kpr" / "weekly_users.csv", parse_dates=["week"])
    daily = users.set_index("week")["practical_daily all"].astype(float)
    level = level_of(trend(daily, ()))
    assert level["2017-01-16"] == pytest.approx(64_000, abs=1_000)
    assert level["2017-12-11"] - level["2017-01-16"] > 2 * (level["2018-12-10"] - level["2018-01-15"]) * 0.8
    in_2020 = level["2020-01-13":"2020-12-14"]
    assert in_2020.between(82_000, 84_000).all()
    assert -1_000 < in_2020.iloc[-1] - in_2020.max() < -100
    found = growth(daily, "2020-09-07", "2020-12-14", ())
    assert -1.5 < found["change_percent"] < 0


def test_bootstrap_arguments_are_told_to_have_no_effect():
    observed, _ = series()
    with pytest.warns(DeprecationWarning, match="have no effect"):
        parts = trend(observed, n_bootstrap=20, seed=3)
    pd.testing.assert_frame_equal(parts, trend(observed))
    with pytest.warns(DeprecationWarning, match="have no effect"):
        growth(observed, WEEKS[0], WEEKS[9], n_bootstrap=0)


def test_growth_between_any_two_dates():
    observed, level = series(shift=0)
    found = growth(observed, "2018-01-03", "2019-12-25", breaks=())
    first, last = WEEKS.get_loc("2018-01-01"), WEEKS.get_loc("2019-12-23")
    assert found["change_percent"] == pytest.approx(100 * (level[last] / level[first] - 1), abs=1)
    assert found["conf_low_percent"] < found["change_percent"] < found["conf_high_percent"]
    parts = trend(observed, breaks=())
    assert found["level_start"] == pytest.approx(parts["level"][first])
    assert found["level_end"] == pytest.approx(parts["level"][last])


def test_growth_backwards_is_the_other_way_round():
    observed, _ = series()
    there, back = growth(observed, WEEKS[5], WEEKS[190]), growth(observed, WEEKS[190], WEEKS[5])
    assert back["change"] == pytest.approx(-there["change"])
    # The interval of a ratio's inverse is the inverse of its ends.
    ends = 100 / (1 + there[["conf_high_percent", "conf_low_percent"]].to_numpy() / 100) - 100
    np.testing.assert_allclose(back[["conf_low_percent", "conf_high_percent"]], ends, rtol=1e-6)
    same = growth(observed, WEEKS[5], WEEKS[5])
    np.testing.assert_allclose(same[["change", "conf_low_percent", "conf_high_percent"]], 0, atol=1e-6)


def test_growth_from_a_level_that_may_be_zero_is_refused():
    observed, _ = series(shift=0)
    with pytest.raises(InvalidDataError, match=r"2017-01-09.*not identified"):
        growth(observed - observed.iloc[1] + 5, "2017-01-09", "2020-12-14", breaks=())
    found = growth(observed - observed.iloc[1] + 300, "2017-01-09", "2020-12-14", breaks=())
    assert found["change_percent"] == pytest.approx(100 * found["change"] / found["level_start"])


def test_components_model_agrees():
    observed, _ = series()
    check = components_check(observed).set_index("what")
    shift = check.loc["shift 2020-03-09"]
    assert abs(shift["components"] - shift["trend"]) < 3 * shift["std_error"]
    assert check.loc["growth", "components"] == pytest.approx(check.loc["growth", "trend"], abs=40)


def test_unusable_series_name_their_weeks():
    observed, _ = series()
    holes = observed.copy()
    holes.iloc[[3, 7]] = np.nan
    with pytest.raises(InvalidDataError, match="2017-01-23 has no value") as caught:
        trend(holes.drop(WEEKS[50]))
    assert len(caught.value.problems) == 3
    with pytest.raises(InvalidDataError, match="2017-01-23 is infinite"):
        trend(observed.where(observed.index != WEEKS[3], np.inf))
    with pytest.raises(InvalidDataError, match="at least 105"):
        trend(observed.iloc[:60])
    with pytest.raises(SpecificationError, match="outside"):
        trend(observed, breaks=("2021-03-01",))
    with pytest.raises(SpecificationError, match="weeks before it"):
        trend(observed, breaks=("2017-01-02",))


@pytest.mark.parametrize(
    ("breaks", "named"),
    [
        (("2019-05-06", "2019-05-06"), "2019-05-06"),
        # The parts make up the whole.
        (
            (("2019-05-06", "2019-08-05"), ("2019-05-06", "2019-06-03"), ("2019-06-03", "2019-08-05")),
            "2019-06-03 to 2019-08-05",
        ),
        ((("2018-12-31", "2019-01-07"),), "2018-12-31 to 2019-01-07"),  # the first week of a year only
    ],
)
def test_breaks_that_others_determine_are_named(breaks, named):
    observed, _ = series()
    with pytest.raises(SpecificationError, match=f"break\\(s\\) {named}: other breaks"):
        trend(observed, breaks)
    fine = trend(observed, ("2019-05-06", "2019-05-13"))  # one week apart: two breaks
    assert len(fine.attrs["shifts"]) == 2


@pytest.mark.parametrize("level", [0, 1, 95, -0.5, np.nan])
def test_level_is_a_share(level):
    observed, _ = series()
    with pytest.raises(SpecificationError, match="between 0 and 1"):
        trend(observed, level=level)
    with pytest.raises(SpecificationError, match="between 0 and 1"):
        growth(observed, WEEKS[0], WEEKS[9], level=level)


@given(
    st.lists(st.floats(0.01, 100), min_size=3, max_size=3),
    st.lists(st.floats(0.01, 100), min_size=3, max_size=3),
)
def test_shapley_parts_sum_and_are_symmetric(before, after):
    parts = shapley_product(np.array(before), np.array(after))
    assert parts.sum() == pytest.approx(np.prod(after) - np.prod(before), rel=1e-9, abs=1e-9)
    turned = shapley_product(np.array(before[::-1]), np.array(after[::-1]))
    np.testing.assert_allclose(turned[::-1], parts, rtol=1e-9, atol=1e-9)


def test_shapley_of_two_factors_by_hand():
    # 2*3 -> 4*5: population (4-2)*(3+5)/2 = 8, coverage (5-3)*(2+4)/2 = 6, together 14.
    assert shapley_product(np.array([2.0, 3.0]), np.array([4.0, 5.0])).tolist() == [8.0, 6.0]


def small_cube():
    rows = [
        ("home_health", g, sex, pd.Timestamp(week), users, users - 1, 4.0 * users * factor, 50.0)
        for k, g in enumerate(AGE_GROUPS)
        for sex in (1, 2)
        for week, users, factor in (("2017-03-06", 100 + k, 1.0), ("2020-09-07", 130 + 10 * k, 1.1))
    ]
    names = ["service", "age_group", "sex", "week", "users", "users_with_hours", "hours", "mean_age"]
    return pd.DataFrame(rows, columns=names)


def population(growth_factor=1.1):
    return pd.DataFrame(
        [(y, g, 1000 * growth_factor ** (y - 2017)) for y in range(2017, 2022) for g in AGE_GROUPS],
        columns=["year", "age_group", "persons"],
    )


def test_decomposition_sums_to_the_growth():
    cube = small_cube()
    parts = decompose_growth(cube, population(), "2017-03", "2020-09-10")
    for measure in ("users", "hours"):
        sums = cube.groupby("week")[measure].sum()
        part = parts[parts["measure"] == measure]
        assert part["contribution"].sum() == pytest.approx(sums.iloc[1] - sums.iloc[0], rel=1e-12)
        assert part["share_percent"].sum() == pytest.approx(100)
    assert set(parts["component"]) == {"population", "coverage", "hours_per_user"}


def test_no_population_growth_no_population_part():
    parts = decompose_growth(small_cube(), population(1.0), "2017-03", "2020-09")
    assert parts.loc[parts["component"] == "population", "contribution"].abs().max() < 1e-9


def test_growth_below_80():
    found = growth_below_age(small_cube(), "2017-03", "2020-09").set_index("service")
    # By hand: from 2*(100+k) to 2*(130+10k): 60, 78, 96, 114, 132.
    assert found.loc["home_health", "growth"] == 480
    assert found.loc["all", "growth_below"] == 348
    assert found.loc["all", "share_below_percent"] == pytest.approx(72.5)


def test_wrong_population_and_dates():
    with pytest.raises(InvalidDataError) as caught:
        decompose_growth(small_cube(), population().query("year < 2020"), "2017-03", "2020-09")
    assert "2020, 80+: no population" in caught.value.problems
    with pytest.raises(SpecificationError, match="no such week"):
        decompose_growth(small_cube(), population(), "2016-03", "2020-09")
    with pytest.raises(SpecificationError, match="must be one of"):
        growth_below_age(small_cube(), "2017-03", "2020-09", age=67)
