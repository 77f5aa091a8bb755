"""Bands of trends and growth: blocks of the bootstrap, quantiles by level, steps, terms of the regression."""

import types
from datetime import date

import numpy as np
import pandas as pd
import pytest

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.register import components_check, growth, trend, trends
from kostnadsvekst.register.trends import (
    _bootstrap,
    _Parts,
    _season_terms,
    _split,
    _steps,
    _trend_terms,
    _week_number,
)

WEEKS = pd.date_range("2017-01-02", periods=105, freq="W-MON")  # the shortest series that is taken


def plain(values=None):
    time = np.arange(len(WEEKS))
    return pd.Series(1000.0 + 2 * time if values is None else values, index=WEEKS)


# --- Blocks of the bootstrap


def drawn_rows(monkeypatch, n_weeks, n_draws, seed=0):
    """Which residual each week got in each draw: the residuals are all different."""
    residual = np.arange(n_weeks) ** 1.5
    fitted = np.linspace(100, 200, n_weeks)
    steps = np.zeros((n_weeks, 1))
    steps[n_weeks // 2 :] = 1
    parts = _Parts(fitted - 7.0, np.full(n_weeks, 7.0), residual, np.array([30.0]))
    made = []

    def split(observed, given):
        assert given is steps
        made.append(observed - fitted - 30.0 * steps[:, 0])
        return _Parts(observed, observed * 0 + 1e6, observed * 0 + 1e6, np.array([5.0]))

    monkeypatch.setattr(trends, "_split", split)
    paths = _bootstrap(parts, steps, n_draws, seed)
    assert paths.shape == (n_draws, n_weeks)
    centred = residual - residual.mean()
    rows = np.abs(np.array(made)[:, :, None] - centred).argmin(axis=2)
    np.testing.assert_allclose(centred[rows], np.array(made), atol=1e-9)  # nothing but centred residuals
    # Paths are trend and shifts of what was made, without its season.
    expected = np.array(made) + fitted + 30.0 * steps[:, 0] + 5.0 * steps[:, 0]
    np.testing.assert_allclose(paths, expected)
    return rows


@pytest.mark.parametrize("n_weeks", [104, 105, 117, 118])
def test_residuals_are_drawn_in_blocks_of_13_weeks(monkeypatch, n_weeks):
    rows = drawn_rows(monkeypatch, n_weeks, 40)
    goes_on = (np.diff(rows, axis=1) - 1) % n_weeks == 0
    inside = (np.arange(1, n_weeks) % 13) != 0
    assert goes_on[:, inside].all()
    assert goes_on[:, ~inside].mean() < 0.1  # a new block begins elsewhere


def test_blocks_begin_at_any_week_and_go_round(monkeypatch):
    rows = drawn_rows(monkeypatch, 105, 300)
    begins = rows[:, ::13]
    assert set(begins.ravel()) == set(range(105))
    assert np.bincount(begins.ravel(), minlength=105).max() < 60  # 2700 begins, 26 for each week
    assert len({tuple(draw) for draw in begins.tolist()}) == 300


def test_draws_depend_on_the_seed_only(monkeypatch):
    first = drawn_rows(monkeypatch, 105, 5, seed=3)
    assert (drawn_rows(monkeypatch, 105, 5, seed=3) == first).all()
    assert (drawn_rows(monkeypatch, 105, 3, seed=3) == first[:3]).all()
    assert (drawn_rows(monkeypatch, 105, 5, seed=4) != first).any()


def test_interval_widens_where_residuals_hang_together(monkeypatch):
    rng = np.random.default_rng(1)
    noise = np.zeros(157)
    for week in range(1, noise.size):
        noise[week] = 0.8 * noise[week - 1] + rng.normal(0, 10)
    weeks = pd.date_range("2017-01-02", periods=157, freq="W-MON")
    series = pd.Series(2000 + noise, index=weeks)

    def width():
        found = growth(series, weeks[20], weeks[137], breaks=(), n_bootstrap=30)
        return found["conf_high_percent"] - found["conf_low_percent"]

    in_blocks = width()
    monkeypatch.setattr(trends, "_BLOCK", 1)
    assert in_blocks > 1.3 * width()


# --- Intervals by level


def levels_of(monkeypatch, draws):
    """Growth and trend of a straight series, with the bootstrap replaced by known paths."""
    monkeypatch.setattr(trends, "_bootstrap", lambda parts, steps, n, seed: np.array(draws[:n]))


@pytest.mark.parametrize(
    ("options", "low", "high"), [({}, 2.5, 97.5), ({"level": 0.95}, 2.5, 97.5), ({"level": 0.9}, 5, 95)]
)
def test_interval_of_growth_has_the_level_that_is_asked_for(monkeypatch, options, low, high):
    # Paths that grow by 0, 1, ..., 100 percent: their quantiles are the percentages themselves.
    grown = np.linspace(0, 100, 101)
    draws = np.full((101, 105), 50.0)
    draws[:, 52] *= 1 + grown / 100
    draws[:, 104] = 1e9
    levels_of(monkeypatch, draws)
    found = growth(plain(np.full(105, 400.0)), WEEKS[0], WEEKS[52], (), n_bootstrap=101, **options)
    assert found["change_percent"] == 0
    # Reflected: twice the estimate, less the other end.
    assert found["conf_low_percent"] == pytest.approx(0 - high)
    assert found["conf_high_percent"] == pytest.approx(0 - low)


def test_interval_of_growth_is_reflected_around_the_estimate(monkeypatch):
    draws = np.full((101, 105), 50.0)
    draws[:, 104] *= 1 + np.linspace(0, 1, 101)
    levels_of(monkeypatch, draws)
    time = np.arange(105)
    found = growth(plain(1000.0 + 2.5 * time), WEEKS[0], WEEKS[104], (), n_bootstrap=101, level=0.8)
    assert found["level_start"] == pytest.approx(1000, rel=1e-6)
    assert found["level_end"] == pytest.approx(1260, rel=1e-6)
    assert found["change"] == pytest.approx(260, rel=1e-6)
    assert found["change_percent"] == pytest.approx(26, rel=1e-5)
    assert found["conf_low_percent"] == pytest.approx(52 - 90, abs=1e-3)
    assert found["conf_high_percent"] == pytest.approx(52 - 10, abs=1e-3)


@pytest.mark.parametrize(
    ("options", "low", "high"), [({}, 2.5, 97.5), ({"level": 0.9}, 5, 95), ({"level": 0.5}, 25, 75)]
)
def test_band_of_the_trend_has_the_level_that_is_asked_for(monkeypatch, options, low, high):
    draws = np.arange(101.0)[:, None] + 1000 * np.arange(105)
    levels_of(monkeypatch, draws)
    parts = trend(plain(np.full(105, 400.0)), (), n_bootstrap=101, **options)
    np.testing.assert_allclose(parts["conf_low"], 800 - high - 1000 * np.arange(105))
    np.testing.assert_allclose(parts["conf_high"], 800 - low - 1000 * np.arange(105))


def test_one_replication_is_a_band_and_none_is_none(monkeypatch):
    levels_of(monkeypatch, np.full((5, 105), 390.0))
    flat = plain(np.full(105, 400.0))
    assert (trend(flat, (), n_bootstrap=1)["conf_low"] == 410).all()
    assert growth(flat, WEEKS[0], WEEKS[9], (), n_bootstrap=1)["conf_low_percent"] == 0
    assert trend(flat, (), n_bootstrap=0)[["conf_low", "conf_high"]].isna().all().all()
    assert growth(flat, WEEKS[0], WEEKS[9], (), n_bootstrap=0)[4:].isna().all()


def test_band_is_that_of_trend_and_shift(monkeypatch):
    values = np.where(np.arange(105) >= 60, 500.0, 400.0)
    levels_of(monkeypatch, np.tile(values, (3, 1)))
    parts = trend(plain(values), (f"{WEEKS[60]:%Y-%m-%d}",), n_bootstrap=3)
    np.testing.assert_allclose(parts["conf_low"], values, atol=1e-6)
    np.testing.assert_allclose(parts["conf_high"], values, atol=1e-6)
    np.testing.assert_allclose(parts["trend"] + parts["shift"], values, atol=1e-6)


def test_replications_and_seed_are_handed_on(monkeypatch):
    asked = []

    def remember(parts, steps, n, seed):
        asked.append((n, seed))
        return np.full((n, 105), 400.0)

    monkeypatch.setattr(trends, "_bootstrap", remember)
    flat = plain(np.full(105, 400.0))
    trend(flat, ())
    growth(flat, WEEKS[0], WEEKS[9], ())
    trend(flat, (), n_bootstrap=7, seed=5)
    growth(flat, WEEKS[0], WEEKS[9], (), n_bootstrap=8, seed=6)
    assert asked == [(200, 0), (200, 0), (7, 5), (8, 6)]


# --- Weeks, steps and the terms of the regression


def test_week_of_a_day():
    assert _week_number(WEEKS, "2017-01-02") == 0
    assert _week_number(WEEKS, "2017-01-08") == 0
    assert _week_number(WEEKS, date(2017, 1, 9)) == 1
    assert _week_number(WEEKS, "2018-12-31") == 104
    assert _week_number(WEEKS, "2019-01-06") == 104
    for day in ("2017-01-01", "2019-01-07"):
        with pytest.raises(SpecificationError, match=f"{day} is outside 2017-01-02 to 2018-12-31"):
            _week_number(WEEKS, day)


def test_growth_compares_the_weeks_of_its_dates():
    found = growth(plain(), "2017-01-15", "2018-01-14", (), n_bootstrap=0)
    assert found["level_start"] == pytest.approx(1002)
    assert found["level_end"] == pytest.approx(1106)
    assert found["change"] == pytest.approx(104)


def test_steps_of_lasting_and_passing_breaks():
    steps, names = _steps(WEEKS[:6], ["2017-01-16", ("2017-01-09", "2017-01-30")])
    assert steps.T.tolist() == [[0, 0, 1, 1, 1, 1], [0, 1, 1, 1, 0, 0]]
    assert names == ["2017-01-16", "2017-01-09 to 2017-01-30"]
    none, names = _steps(WEEKS, ())
    assert none.shape == (105, 0)
    assert names == []


@pytest.mark.parametrize(
    ("item", "fine"),
    [
        ("2017-01-02", False),  # no week before it
        ("2017-01-09", True),
        ("2018-12-31", True),
        (("2017-01-09", "2017-01-09"), False),  # no week in it
        (("2017-01-09", "2017-01-16"), True),
        (("2017-01-16", "2017-01-09"), False),
        (("2017-01-02", "2017-01-09"), False),
    ],
)
def test_breaks_have_weeks_before_and_in_them(item, fine):
    if fine:
        assert _steps(WEEKS, [item])[0].sum() >= 1
    else:
        with pytest.raises(SpecificationError, match="weeks before it, and in it"):
            _steps(WEEKS, [item])


def test_terms_of_season_and_trend():
    season = _season_terms(60)
    assert season.shape == (60, 8)
    angle = 2 * np.pi * 13 / 52.1775
    expected = [*(np.sin(k * angle) for k in (1, 2, 3, 4)), *(np.cos(k * angle) for k in (1, 2, 3, 4))]
    np.testing.assert_allclose(season[13], expected)
    terms = _trend_terms(209)  # knots after one, two and three years
    assert terms.shape == (209, 5)
    np.testing.assert_allclose(terms[0], [1, 0, 0, 0, 0])
    np.testing.assert_allclose(terms[52], [1, 1, 0, 0, 0])
    np.testing.assert_allclose(terms[130], [1, 2.5, 1.5, 0.5, 0])
    np.testing.assert_allclose(terms[208], [1, 4, 3, 2, 1])
    # The last knot has at least half a year after it.
    assert [_trend_terms(n).shape[1] for n in (105, 130, 131, 132, 157)] == [3, 3, 3, 4, 4]


def test_split_takes_the_shifts_out_and_smooths_the_rest_robustly():
    from statsmodels.tsa.seasonal import STL

    rng = np.random.default_rng(4)
    time = np.arange(209)
    weeks = pd.date_range("2017-01-02", periods=209, freq="W-MON")
    steps, _ = _steps(weeks, ["2020-03-09", ("2019-05-06", "2019-08-05")])
    season = 40 * np.sin(2 * np.pi * 3 * time / 52.1775)
    bent = 3000 + 2.0 * time - 3.0 * np.maximum(time - 104, 0)
    exact = _split(bent + season + steps @ [-600, 250], steps)
    np.testing.assert_allclose(exact.shifts, [-600, 250], atol=1e-6)
    observed = bent + season + steps @ [-600, 250] + rng.normal(0, 20, 209)
    observed[77] += 900
    found = _split(observed, steps)
    rest = observed - steps @ found.shifts
    smoother = STL(rest, period=52, trend=53, robust=True, trend_jump=5, low_pass_jump=5)
    expected = smoother.fit(inner_iter=2, outer_iter=5)
    for ours, theirs in (("trend", "trend"), ("seasonal", "seasonal"), ("residual", "resid")):
        np.testing.assert_allclose(getattr(found, ours), getattr(expected, theirs), atol=1e-9)


def test_constant_series_has_a_trend_and_nothing_else():
    found = _split(np.full(105, 400.0), np.zeros((105, 0)))
    assert (found.trend == 400).all()
    assert (found.seasonal == 0).all()
    assert (found.residual == 0).all()
    assert found.shifts.size == 0


# --- Series that cannot be used


def test_shortest_series():
    assert len(trend(plain(), (), n_bootstrap=0)) == 105
    with pytest.raises(InvalidDataError) as caught:
        trend(plain().iloc[:104], (), n_bootstrap=0)
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
    scale = values.std()
    asked = {}

    class Fit:
        params = np.array([9.0, 9.0, 9.0, 2.0, *[7.0] * 8])  # three variances, one step, eight of the season
        bse = np.array([8.0, 8.0, 8.0, 0.5, *[6.0] * 8])
        level = types.MappingProxyType({"smoothed": np.linspace(3, 5, 105)})

    class Model:
        def __init__(self, endog, level, exog):
            asked.update(endog=endog, level=level, exog=exog)

        def fit(self, disp, maxiter):
            asked.update(disp=disp, maxiter=maxiter)
            return Fit

    monkeypatch.setattr(structural, "UnobservedComponents", Model)
    found = components_check(plain(values), (f"{WEEKS[60]:%Y-%m-%d}",)).set_index("what")
    np.testing.assert_allclose(asked["endog"], values / scale)
    assert asked["level"] == "lltrend"
    assert asked["exog"].shape == (105, 9)
    assert asked["exog"][:, 0].tolist() == [0] * 60 + [1] * 45
    assert asked["disp"] is False
    assert asked["maxiter"] == 200
    shift = found.loc["shift 2018-02-26"]
    assert shift["stl"] == pytest.approx(100)
    assert shift["components"] == pytest.approx(2 * scale)
    assert shift["std_error"] == pytest.approx(0.5 * scale)
    grew = found.loc["growth"]
    assert grew["stl"] == pytest.approx(100)
    assert grew["components"] == pytest.approx((5 - 3 + 2) * scale)
    assert np.isnan(grew["std_error"])
