"""Monte Carlo coverage on synthetic panels: its arithmetic by hand, one panel, and many (slow)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from kostnadsvekst.analysis.acute_beds import coverage
from kostnadsvekst.analysis.acute_beds.coverage import coverage_table
from kostnadsvekst.analysis.acute_beds.truth import monthly_truth, true_cells
from kostnadsvekst.models.acute_beds import MAIN_OUTCOME
from kostnadsvekst.models.staggered import METHODS
from kostnadsvekst.synthetic.acute_beds import EffectPath, simulate


def key(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index(["design", "period", "estimator"]).sort_index()


@pytest.mark.slow
def test_coverage_is_nominal_and_the_two_way_bias_is_seen():
    table = key(coverage_table(n_draws=40, n_municipalities=120, first_seed=9_000))
    modern = table.loc[[("growing effect", "to 2015", m) for m in METHODS], "coverage"]
    # 40 draws of a 95 % interval: fewer than 34 hits happen once in 100,000 times.
    assert (modern >= 85).all()
    assert table.loc[("constant effect", "to 2015", "report's model, Poisson"), "coverage"] >= 85
    assert table.loc[("growing effect", "to 2017", "two-way, log"), "coverage"] < 40
    assert table.loc[("growing effect", "to 2017", "two-way, log"), "bias"] > 2


def test_draws_are_counted_by_hand(monkeypatch):
    """Two draws of one estimator: estimates 0.10 and 0.14 of truths 0.12 and 0.10, one interval covers."""
    draws = iter(
        [
            ("d", "p", "e", 0.12, 0.10, 0.02, 0.06, 0.14),
            ("d", "p", "e", 0.10, 0.14, 0.01, 0.12, 0.16),
        ]
    )
    names = ("design", "period", "estimator", "truth", "estimate", "std_error", "conf_low", "conf_high")
    monkeypatch.setattr(coverage, "DESIGNS", {"d": EffectPath()})
    monkeypatch.setattr(coverage, "_one_panel", lambda *_: [dict(zip(names, next(draws), strict=True))])
    monkeypatch.setattr(coverage, "simulate", lambda *_: None)
    (row,) = coverage_table(n_draws=2).to_dict("records")
    # In log points times 100; standard deviation of 10 and 14 with one degree of freedom: 2 times root 2.
    assert row["n_draws"] == 2
    assert row["truth"] == pytest.approx(11)
    assert row["estimate"] == pytest.approx(12)
    assert row["bias"] == pytest.approx(1)
    assert row["std_dev"] == pytest.approx(2 * 2**0.5)
    assert row["std_error"] == pytest.approx(1.5)
    assert row["coverage"] == 50
    assert row["monte_carlo_error"] == pytest.approx(100 * (0.5 * 0.5 / 2) ** 0.5)


@pytest.mark.filterwarnings("ignore::kostnadsvekst.errors.DataWarning")
def test_a_panel_gives_every_estimator_its_own_truth_and_interval():
    synthetic = simulate(7, EffectPath(), 80, [MAIN_OUTCOME])
    records = pd.DataFrame(coverage._one_panel("growing effect", synthetic))
    assert len(records) == 2 * (len(coverage.STATIC) + len(METHODS))
    assert (records["conf_low"] < records["estimate"]).all()
    assert (records["estimate"] < records["conf_high"]).all()
    found = records.set_index(["period", "estimator"])
    two_way = kv.acute_beds.estimate_effects(
        synthetic.panel, [MAIN_OUTCOME], "2015-12", time_effects="month"
    ).iloc[0]
    row = found.loc[("to 2015", "two-way, log")]
    assert row["estimate"] == two_way["estimate"]
    assert row["conf_low"] == pytest.approx(np.log1p(two_way["conf_low_percent"] / 100))
    assert row["conf_high"] == pytest.approx(np.log1p(two_way["conf_high_percent"] / 100))
    assert row["truth"] == monthly_truth(synthetic, "2015-12")
    quarters = kv.acute_beds.collapse_to_quarters(synthetic.panel)
    quarters = quarters[quarters["quarter"] <= "2015Q4"]
    columns = ("log_count", "municipality", "quarter", "first_quarter")
    study = kv.staggered.event_study(quarters, *columns, method="sun_abraham")
    row = found.loc[("to 2015", "sun_abraham")]
    assert row["estimate"] == study.aggregate().estimate
    assert row["truth"] == true_cells(synthetic, study)["log_effect"].mean()


def test_words_of_the_page_are_those_of_the_committed_table():
    path = Path(__file__).resolve().parents[1] / "results/ohd/coverage.csv"
    table = key(pd.read_csv(path))
    for method, per_cent in coverage.MEASURED_COVERAGE.items():
        assert per_cent == round(table.loc[("growing effect", "to 2017", method), "coverage"])
    # "too short rather than too long"
    assert max(coverage.MEASURED_COVERAGE.values()) < 95
    share = table["coverage"] / 100
    error = 100 * np.sqrt(share * (1 - share) / table["n_draws"])
    np.testing.assert_allclose(table["monte_carlo_error"], error, atol=0.01)
