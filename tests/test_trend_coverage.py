"""Coverage of trends and growth: its arithmetic, the process of old, the committed table."""

import inspect

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT
from kostnadsvekst.analysis.trend_coverage import coverage_table
from kostnadsvekst.chapters import kpr_figures, kpr_tables
from kostnadsvekst.register import growth, trend
from kostnadsvekst.register.schema import SERVICES
from kostnadsvekst.synthetic.weekly_series import WEEKS, WeeklyDesign, simulate_weekly, weekly_designs

TIME = np.arange(len(WEEKS), dtype=float)
TABLE = ROOT / "results" / "kpr" / "coverage.csv"


def old_process(rho=0.0):
    """Of `test_register_trends.series`: 63 % of the level was covered there, 65 % of growth."""
    season = 120 * np.cos(2 * np.pi * TIME / 52.1775)
    return WeeklyDesign("straight", "white", 3000 + 2.0 * TIME, ("2020-03-09",), (-600.0,), season, 15.0, rho)


@pytest.mark.parametrize("rho", [0.0, 0.5])
@pytest.mark.parametrize("n_draws", [150, pytest.param(1000, marks=pytest.mark.slow)])
def test_band_and_growth_cover_in_the_process_of_old(rho, n_draws):
    (row,) = coverage_table(n_draws, 1, [old_process(rho)]).to_dict("records")
    assert row["coverage_level"] == pytest.approx(95, abs=2 + 3 * row["mc_error_level"])
    assert row["coverage_growth"] == pytest.approx(95, abs=2 + 3 * row["mc_error_growth"])
    assert row["coverage_worst_week"] > 90
    assert row["season_found"] == 100


def test_coverage_is_that_of_the_printed_bands():
    """The same series through `trend` and `growth`, counted by hand."""
    design = old_process()
    (row,) = coverage_table(3, 40, [design]).to_dict("records")
    drawn = simulate_weekly(design, 3, 40)
    judged = [*range(0, 209, 4), 208]
    weeks, grown = [], []
    for k in range(3):
        series = pd.Series(drawn.observed[:, k], index=WEEKS)
        parts, level = trend(series), drawn.level[:, k]
        weeks.append(((parts["conf_low"] <= level) & (level <= parts["conf_high"])).to_numpy()[judged])
        found = growth(series, "2017-01-09", "2020-12-14")
        true = 100 * (level[206] / level[1] - 1)
        grown.append(found["conf_low_percent"] <= true <= found["conf_high_percent"])
    assert row["coverage_level"] == pytest.approx(100 * np.mean(weeks))
    assert row["coverage_worst_week"] == pytest.approx(100 * np.mean(weeks, axis=0).min())
    assert row["coverage_growth"] == pytest.approx(100 * np.mean(grown))


def test_simulated_series_are_what_their_design_says():
    design = old_process(0.8)
    drawn = simulate_weekly(design, 300, 3)
    np.testing.assert_allclose(drawn.level[:, 0], 3000 + 2 * TIME - 600 * (TIME >= 166))
    noise = drawn.observed - drawn.level - design.season[:, None]
    assert noise.std() == pytest.approx(15, rel=0.05)
    assert noise[0].std() == pytest.approx(15, rel=0.15)  # stationary from the first week
    correlation = np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]
    assert correlation == pytest.approx(0.8, abs=0.02)
    assert (simulate_weekly(design, 2, 3).observed == simulate_weekly(design, 2, 3).observed).all()


def test_services_have_the_levels_that_the_report_prints():
    designs = {design.name: design for design in weekly_designs()}
    january, december = slice(2, 4), slice(203, 205)
    for service, first, last in (("home_health", 152_800, 189_900), ("practical_daily", 64_000, 82_500)):
        assert designs[service].trend[january].mean() == pytest.approx(first, rel=0.005)
        assert designs[service].trend[december].mean() == pytest.approx(last, rel=0.005)
    noises = {design.noise for design in weekly_designs()}
    assert noises == {"white", "AR(1) 0.5", "AR(1) 0.8", "register"}


@pytest.fixture(scope="module")
def committed():
    return pd.read_csv(TABLE)


def test_committed_table_has_every_design_2000_times(committed):
    designs = list(weekly_designs())
    assert committed["trend"].tolist() == [design.name for design in designs]
    assert committed["noise"].tolist() == [design.noise for design in designs]
    assert (committed["n_draws"] >= 2000).all()
    assert (committed["mc_error_level"] < 0.5).all()
    assert (committed["mc_error_growth"] < 1).all()
    assert set(committed["data_origin"]) == {"synthetic"}


def test_committed_coverage_is_95_give_or_take_2_or_says_why_not(committed):
    outside = np.maximum(
        (committed["coverage_level"] - 95).abs() - 2, (committed["coverage_growth"] - 95).abs() - 2
    )
    np.testing.assert_allclose(committed["outside"], outside.clip(lower=0), atol=0.011)
    # Never too narrow but for growth of the service with two shifts and a bend within half a year.
    assert (committed["coverage_level"] > 93).all()
    narrow = committed[committed["coverage_growth"] < 93]
    assert set(narrow["trend"]) <= {"time_limited_other"}
    assert (narrow["coverage_growth"] > 90).all()
    # Too wide by more than a point and a half only where a trend turns quickly.
    wide = committed[(committed["outside"] > 1.5) & (committed["coverage_growth"] > 93)]
    assert set(wide["trend"]) <= {"quick S", "sharp bend"}
    assert (committed["outside"] < 3).all()
    assert (committed["outside"] <= 1).mean() > 0.8
    assert ((committed["reason"].fillna("") == "") == (committed["outside"] == 0)).all()


def test_captions_say_what_the_table_measures(committed):
    services = committed[committed["trend"].isin(SERVICES)]
    level, of_growth = services["coverage_level"], services["coverage_growth"]
    for lang in ("nb", "en"):
        assert f"{level.min():.0f}–{level.max():.0f}" in kpr_figures._BAND.get(lang)
    source = inspect.getsource(kpr_tables.growth_table)
    assert source.count(f"{of_growth.min():.0f}–{of_growth.max():.0f} p") == 2


@pytest.mark.slow
def test_committed_row_is_made_again(committed):
    (design, *_) = weekly_designs()
    made = coverage_table(designs=[design]).iloc[0]
    for column in ("coverage_level", "coverage_growth", "coverage_worst_week", "season_found", "std_error"):
        assert made[column] == pytest.approx(committed.iloc[0][column], abs=0.06)
