"""Trends, growth and what drives it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.register import components_check, decompose_growth, growth, growth_below_age, trend
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


def test_parts_sum_to_the_observed():
    observed, _ = series()
    parts = trend(observed, n_bootstrap=20)
    total = parts[["trend", "seasonal", "shift", "residual"]].sum(axis=1)
    np.testing.assert_allclose(total, observed.to_numpy(), rtol=1e-12)
    assert parts["week"].tolist() == list(WEEKS)


def test_known_shift_is_found_and_does_not_leak_before_the_break():
    observed, level = series()
    parts = trend(observed, n_bootstrap=0)
    assert parts.attrs["shifts"]["2020-03-09"] == pytest.approx(-600, abs=25)
    ours = (parts["trend"] + parts["shift"]).to_numpy()
    assert np.abs(ours - level)[BREAK - 12 : BREAK + 12].max() < 40
    # Without the step the smooth trend starts to fall well before the break: the fault that is avoided.
    plain = trend(observed, breaks=(), n_bootstrap=0)["trend"].to_numpy()
    assert (plain - level)[BREAK - 12 : BREAK].min() < -80
    assert parts["conf_low"].isna().all()


def test_band_covers_two_thirds_of_the_true_level():
    """Far from its nominal 95 %: the band holds the residuals' error, not the smoother's bias.

    24 independent series have 66 % (standard error 3) of their weeks inside; six of them 63 %.
    """
    inside = []
    for seed in range(6):
        observed, level = series(seed=seed)
        parts = trend(observed, n_bootstrap=60, seed=seed)
        inside.append(((parts["conf_low"] <= level) & (level <= parts["conf_high"])).mean())
        assert (parts["conf_low"] < parts["conf_high"]).all()
    assert np.mean(inside) == pytest.approx(0.627, abs=0.03)


def test_temporary_shift():
    observed, _ = series(shift=0)
    observed.loc["2019-05-06":"2019-07-29"] -= 500
    parts = trend(observed, breaks=(("2019-05-06", "2019-08-05"),), n_bootstrap=0)
    assert parts.attrs["shifts"]["2019-05-06 to 2019-08-05"] == pytest.approx(-500, abs=25)
    assert (parts.set_index("week").loc["2019-08-05":, "shift"] == 0).all()


def test_same_seed_same_band():
    observed, _ = series()
    first, second = (trend(observed, n_bootstrap=5, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_growth_between_any_two_dates():
    observed, level = series(shift=0)
    found = growth(observed, "2018-01-03", "2019-12-25", breaks=(), n_bootstrap=30)
    first, last = WEEKS.get_loc("2018-01-01"), WEEKS.get_loc("2019-12-23")
    assert found["change_percent"] == pytest.approx(100 * (level[last] / level[first] - 1), abs=1)
    assert found["conf_low_percent"] < found["change_percent"] < found["conf_high_percent"]


def test_components_model_agrees():
    observed, _ = series()
    check = components_check(observed).set_index("what")
    shift = check.loc["shift 2020-03-09"]
    assert abs(shift["components"] - shift["stl"]) < 3 * shift["std_error"] + 25
    assert check.loc["growth", "components"] == pytest.approx(check.loc["growth", "stl"], abs=80)


def test_unusable_series_name_their_weeks():
    observed, _ = series()
    holes = observed.copy()
    holes.iloc[[3, 7]] = np.nan
    with pytest.raises(InvalidDataError, match="2017-01-23 has no value") as caught:
        trend(holes.drop(WEEKS[50]))
    assert len(caught.value.problems) == 3
    with pytest.raises(InvalidDataError, match="at least 105"):
        trend(observed.iloc[:60])
    with pytest.raises(SpecificationError, match="outside"):
        trend(observed, breaks=("2021-03-01",))
    with pytest.raises(SpecificationError, match="weeks before it"):
        trend(observed, breaks=("2017-01-02",))


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
