"""Weekly series as arrays: weeks of days, terms of shifts and season, faults; the components model."""

import types
from datetime import date

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT
from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.register import ChangingShift, components, components_check, growth, trend
from kostnadsvekst.register.weekly_fit import fit_weekly
from kostnadsvekst.register.weekly_series import (
    holidays,
    season_terms,
    shift_terms,
    turns_of_year,
    week_number,
)

WEEKS = pd.date_range("2017-01-02", periods=105, freq="W-MON")  # the shortest series that is taken
ALL = pd.date_range("2017-01-02", "2020-12-28", freq="W-MON")


def plain(values=None):
    time = np.arange(len(WEEKS))
    return pd.Series(1000.0 + 2 * time if values is None else values, index=WEEKS)


# --- Weeks, shifts and the terms of the regression


def test_week_of_a_day():
    assert week_number(WEEKS, "2017-01-02") == 0
    assert week_number(WEEKS, "2017-01-08") == 0
    assert week_number(WEEKS, date(2017, 1, 9)) == 1
    assert week_number(WEEKS, "2018-12-31") == 104
    assert week_number(WEEKS, "2019-01-06") == 104
    for day in ("2017-01-01", "2019-01-07"):
        with pytest.raises(SpecificationError, match=f"{day} is outside 2017-01-02 to 2018-12-31"):
            week_number(WEEKS, day)


def test_growth_compares_the_weeks_of_its_dates():
    found = growth(plain(), "2017-01-15", "2018-01-14", ())
    assert found["level_start"] == pytest.approx(1002)
    assert found["level_end"] == pytest.approx(1106)
    assert found["change"] == pytest.approx(104)


def test_terms_of_lasting_passing_and_changing_breaks():
    terms = shift_terms(
        WEEKS, ["2017-02-13", ("2017-02-06", "2017-02-27"), ChangingShift("2017-03-06", "2017-04-03")]
    )
    columns = terms.columns.T
    assert columns[0].tolist() == [0] * 6 + [1] * 99
    assert columns[1].tolist() == [0] * 5 + [1] * 3 + [0] * 97
    assert columns[2].tolist() == [0] * 9 + [1] * 4 + [0] * 92
    np.testing.assert_allclose(columns[3], [0] * 9 + [0, 1 / 3, 2 / 3, 1] + [0] * 92)
    assert terms.names == (
        "2017-02-13",
        "2017-02-06 to 2017-02-27",
        "2017-03-06 to 2017-04-03",
        "2017-03-06 to 2017-04-03, change",
    )
    none = shift_terms(WEEKS, ())
    assert none.columns.shape == (105, 0)
    assert none.names == ()


@pytest.mark.parametrize(
    ("item", "fine"),
    [
        ("2017-01-02", False),  # no week before it
        ("2017-01-16", True),
        ("2018-12-17", True),
        (("2017-01-09", "2017-01-09"), False),  # no week in it
        (("2017-01-09", "2017-01-16"), True),
        (("2017-01-16", "2017-01-09"), False),
        (("2017-01-02", "2017-01-09"), False),
        (ChangingShift("2017-01-09", "2017-01-16"), False),  # one week does not change
        (ChangingShift("2017-01-09", "2017-01-23"), True),
    ],
)
def test_breaks_have_weeks_before_and_in_them(item, fine):
    if fine:
        assert shift_terms(WEEKS, [item]).columns[:, 0].sum() >= 1
    else:
        with pytest.raises(SpecificationError, match="weeks before it, and in it"):
            shift_terms(WEEKS, [item])


def test_break_in_weeks_that_do_not_count_is_refused_and_one_that_reaches_beyond_is_not():
    for item in (
        "2017-01-09",
        "2018-12-24",
        ("2017-12-25", "2018-01-08"),
    ):  # ISO weeks 52 and 1 only, before or in them
        with pytest.raises(SpecificationError, match="the weeks at Christmas determine"):
            shift_terms(WEEKS, [item])
    series = plain()
    series[WEEKS >= "2018-12-17"] += 50
    assert trend(series, ("2018-12-17",)).attrs["shifts"]["2018-12-17"] == pytest.approx(50, abs=1e-3)


def test_terms_of_season_holidays_and_turns():
    season = season_terms(ALL)
    assert season.shape == (209, 8)
    angle = 2 * np.pi * 13 / 52.1775
    expected = [*(np.sin(k * angle) for k in (1, 2, 3, 4)), *(np.cos(k * angle) for k in (1, 2, 3, 4))]
    np.testing.assert_allclose(season[13], expected)
    # 2017, 2018 and 2019 have 52 ISO weeks, 2020 has 53.
    assert holidays(ALL).tolist() == [0, 51, 52, 103, 104, 155, 156, 207, 208]
    assert turns_of_year(ALL).tolist() == [52, 104, 156]
    # Near the edge a turn of the year is none.
    assert turns_of_year(ALL[:105]).tolist() == [52]
    assert turns_of_year(ALL[40:]).tolist() == [64, 116]
    assert turns_of_year(ALL[39:]).tolist() == [13, 65, 117]


def test_series_are_fitted_with_and_without_season_each_by_its_test():
    time = np.arange(209)
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 10, (209, 6))
    wave = 15 * np.cos(2 * np.pi * time / 52.1775)
    observed = 500 + noise + np.where(np.arange(6) % 2, wave[:, None], 0)
    found = fit_weekly(observed, ALL, shift_terms(ALL, ()))
    assert [one.season for one in found] == [True, False]
    assert found[0].series.tolist() == [1, 3, 5]
    assert found[1].series.tolist() == [0, 2, 4]
    assert (found[0].season_p_values < 1e-6).all()
    assert (found[1].season_p_values > 0.05).all()
    (all_with,) = fit_weekly(observed, ALL, shift_terms(ALL, ()), season=True)
    np.testing.assert_allclose(all_with.fit.line[:, 1::2], found[0].fit.line)
    assert fit_weekly(observed[:, 1::2], ALL, shift_terms(ALL, ()))[0].series.tolist() == [0, 1, 2]


def test_straight_series_has_a_trend_and_nothing_else():
    for values in (np.full(105, 400.0), np.zeros(105), None):
        series = plain(values)
        parts = trend(series, ())
        np.testing.assert_allclose(parts["trend"], series, atol=1e-6)
        for column in ("seasonal", "shift", "residual"):
            np.testing.assert_allclose(parts[column], 0, atol=1e-6)
        np.testing.assert_allclose(parts["conf_high"], parts["conf_low"], atol=1e-3)


# --- Series that cannot be used


def test_shortest_series():
    assert len(trend(plain(), ())) == 105
    with pytest.raises(InvalidDataError) as caught:
        trend(plain().iloc[:104], ())
    assert list(caught.value.problems) == ["104 weeks; at least 105 are needed"]


def test_faults_of_a_series_are_all_named():
    series = plain()
    series.iloc[5] = np.nan
    series = series.drop([WEEKS[20], WEEKS[21]])
    series.index = series.index + pd.Timedelta(days=1)
    with pytest.raises(InvalidDataError) as caught:
        growth(series, WEEKS[0], WEEKS[9])
    assert list(caught.value.problems) == [
        "week 2017-02-07 has no value",
        "103 weeks; at least 105 are needed",
        "after week 2017-05-16 comes 2017-06-06",
        "2017-01-03 is not a Monday",
    ]
    assert "4 problem(s)" in str(caught.value)
    one = plain().iloc[:1]
    with pytest.raises(InvalidDataError) as caught:
        trend(one.set_axis(one.index + pd.Timedelta(days=6)))
    assert list(caught.value.problems) == [
        "1 weeks; at least 105 are needed",
        "2017-01-08 is not a Monday",
    ]
    with pytest.raises(InvalidDataError) as caught:
        trend(plain().iloc[:0])
    assert list(caught.value.problems) == ["0 weeks; at least 105 are needed"]


# --- The components model


def test_components_model_is_read_and_scaled_back(monkeypatch):
    from statsmodels.tsa.statespace import structural

    values = np.where(np.arange(105) >= 60, 500.0, 400.0)
    counting = np.isin(np.arange(105), [0, 51, 52, 103, 104], invert=True)
    kept = np.where(counting, values, np.nan)
    scale = np.nanstd(np.diff(kept))
    asked = []

    def fit_of(llf, step):
        states = np.vstack([np.linspace(3, 5, 105), np.zeros(105), np.full(105, step)])
        cov = np.zeros((3, 3, 105))
        cov[2, 2] = 0.25
        return types.SimpleNamespace(llf=llf, smoothed_state=states, smoothed_state_cov=cov)

    class Model:
        def __init__(self, endog, level, exog, mle_regression):
            asked.append({"endog": endog, "level": level, "exog": exog, "in_state": not mle_regression})

        def fit(self, start_params, disp, **search):
            asked.append({"start": start_params, "disp": disp, **search})
            return fit_of(-10.0, 7.0) if len(asked) == 2 else fit_of(-9.0, 2.0)

    monkeypatch.setattr(structural, "UnobservedComponents", Model)
    found = components_check(plain(values), (f"{WEEKS[60]:%Y-%m-%d}",), season=False).set_index("what")
    np.testing.assert_allclose(asked[0]["endog"], kept / scale)
    assert asked[0]["level"] == "lltrend"
    assert asked[0]["in_state"] is True
    assert asked[0]["exog"].T.tolist() == [[0] * 60 + [1] * 45]
    assert [one["disp"] for one in asked[1:]] == [False, False]
    assert asked[1]["start"] != asked[2]["start"]
    shift = found.loc["shift 2018-02-26"]
    assert shift["trend"] == pytest.approx(100)
    assert shift["components"] == pytest.approx(2 * scale)  # of the likelier of the two
    assert shift["std_error"] == pytest.approx(0.5 * scale)
    grew = found.loc["growth"]
    assert grew["trend"] == pytest.approx(100)
    assert grew["components"] == pytest.approx((5 - 3 + 2) * scale)
    assert np.isnan(grew["std_error"])


def test_growth_of_components_is_that_of_the_days_asked_for_and_the_season_goes_along():
    rng = np.random.default_rng(4)
    time = np.arange(209)
    season = 60 * np.cos(2 * np.pi * time / 52.1775)
    series = pd.Series(3000 + 4.0 * time + season + rng.normal(0, 10, 209), index=ALL)
    whole = components_check(series, ()).set_index("what").loc["growth"]
    part = components_check(series, (), start="2018-01-03", end="2018-12-20").set_index("what").loc["growth"]
    # 4 a week by hand, for 208 weeks and from week 52 to week 102.
    assert whole["components"] == pytest.approx(832, abs=15)
    assert part["components"] == pytest.approx(200, abs=15)
    assert part["trend"] == pytest.approx(200, abs=15)


def test_growth_of_components_bears_the_decimal_that_is_printed(monkeypatch):
    """From either start alone, growth in per cent is the same to a hundredth of the last printed digit."""
    users = pd.read_csv(ROOT / "results" / "kpr" / "weekly_users.csv", parse_dates=["week"]).set_index("week")
    for service in ("practical_daily", "practical_bpa", "long_term_stay"):
        series = users[f"{service} all"].astype(float)
        grown = []
        for start in components._STARTS:
            monkeypatch.setattr(components, "_STARTS", (start,))
            check = components_check(series, (), start="2017-01-09", end="2020-12-14", season=False)
            grown.append(100 * check.set_index("what").loc["growth", "components"] / series.iloc[1])
            monkeypatch.undo()
        assert grown[0] == pytest.approx(grown[1], abs=0.001)
