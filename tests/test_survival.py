"""Does the effect survive: the study against its parts, and the truth of the synthetic panel by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from kostnadsvekst.analysis.acute_beds import survival
from kostnadsvekst.analysis.acute_beds.truth import monthly_truth, true_cells
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.acute_beds import MAIN_OUTCOME, collapse_to_quarters, estimate_effects
from kostnadsvekst.synthetic.acute_beds import EffectPath, SyntheticAcuteBeds, simulate

# Units that are left out and cohorts of one unit are warned about, rightly.
pytestmark = pytest.mark.filterwarnings("ignore::kostnadsvekst.errors.DataWarning")

QUARTERLY = ("log_count", "municipality", "quarter", "first_quarter")


@pytest.fixture
def by_hand():
    """Three municipalities over six months: beds before the panel, from the third month, never."""
    months = pd.period_range("2010-01", "2010-06", freq="M").astype(str)
    first = {"A": "2004-01", "B": "2010-03", "C": None}
    rows = [(name, month, start) for name, start in first.items() for month in months]
    effects = np.zeros((3, 6))
    effects[0] = -0.9
    effects[1, 2:] = [-0.1, -0.2, -0.3, -0.4]
    panel = pd.DataFrame(rows, columns=["municipality", "month", "first_month"])
    return SyntheticAcuteBeds(panel, effects, EffectPath())


def test_monthly_truth_is_the_mean_over_treated_months_of_those_that_adopt_in_the_panel(by_hand):
    assert monthly_truth(by_hand) == pytest.approx((-0.1 - 0.2 - 0.3 - 0.4) / 4)
    assert monthly_truth(by_hand, "2010-04") == pytest.approx((-0.1 - 0.2) / 2)


def test_quarterly_truth_is_the_log_of_the_mean_rate(by_hand):
    """B is treated from the first quarter on, in part: mean of exp(0), exp(0), exp(-0.1)."""
    treated = np.array([[True, True], [False, False]])
    panel = SimpleNamespace(
        units=np.array(["B", "C"]),
        treated=treated,
        present=np.ones((2, 2), dtype=bool),
        horizons=np.array([[0, 1], [-1, -1]]),
    )
    cells = true_cells(by_hand, SimpleNamespace(panel=panel))
    expected = [
        np.log((2 + np.exp(-0.1)) / 3),
        np.log((np.exp(-0.2) + np.exp(-0.3) + np.exp(-0.4)) / 3),
    ]
    assert cells["horizon"].tolist() == [0, 1]
    np.testing.assert_allclose(cells["log_effect"], expected, rtol=1e-14)


def test_units_of_a_study_may_stand_in_any_order(by_hand):
    panel = SimpleNamespace(
        units=np.array(["C", "B"]),
        treated=np.array([[False, False], [False, True]]),
        present=np.array([[True, True], [True, True]]),
        horizons=np.array([[-1, -1], [-1, 0]]),
    )
    cells = true_cells(by_hand, SimpleNamespace(panel=panel))
    assert cells["log_effect"].tolist() == [
        pytest.approx(np.log((np.exp(-0.2) + np.exp(-0.3) + np.exp(-0.4)) / 3))
    ]


@pytest.fixture(scope="module")
def small():
    synthetic = simulate(6, n_municipalities=90, cells=[MAIN_OUTCOME])
    variants = survival.estimate_variants(synthetic.panel)
    study = survival.study_survival(synthetic.panel, variants, synthetic)
    quarters = collapse_to_quarters(synthetic.panel)
    imputed = kv.staggered.event_study(quarters, *QUARTERLY, method="imputation")
    early = quarters[quarters["quarter"] <= "2015Q4"]
    before = kv.staggered.event_study(early, *QUARTERLY, method="imputation")
    return SimpleNamespace(
        synthetic=synthetic, variants=variants, study=study, quarters=quarters, imputed=imputed, before=before
    )


def percent(x):
    return 100 * (np.exp(x) - 1)


def test_variants_are_the_named_models(small):
    assert list(dict.fromkeys(small.variants["variant"])) == list(survival.VARIANTS)
    rate = estimate_effects(small.synthetic.panel, [MAIN_OUTCOME], per_inhabitant=True)
    mine = small.variants.query("variant == 'rate' and until == '2017-12'")
    assert mine["estimate"].item() == rate["estimate"].item()
    assert set(small.variants["until"]) == {"2014-12", "2017-12"}
    two_way = estimate_effects(small.synthetic.panel, [MAIN_OUTCOME], "2014-12", time_effects="month")
    mine = small.variants.query("variant == 'month' and until == '2014-12'")
    assert mine["estimate"].item() == two_way["estimate"].item()


def test_static_rows_are_the_late_variants_with_the_monthly_truth(small):
    assert [row.name for row in small.study.static] == ["report", "ar1", "poisson", "season_trend", "month"]
    late = small.variants[small.variants["until"] == "2017-12"].set_index("variant")
    for row in small.study.static:
        assert row.effect == late.loc[row.name, "effect_percent"]
        assert row.low == late.loc[row.name, "conf_low_percent"] < row.effect
        assert row.high == late.loc[row.name, "conf_high_percent"] > row.effect
        assert row.truth == pytest.approx(percent(monthly_truth(small.synthetic)))


def test_modern_rows_are_simple_means_with_the_truth_of_their_own_cells(small):
    rows = {row.name: row for row in small.study.modern}
    assert set(rows) == {*kv.staggered.METHODS, "before_duty"}
    for name, study in (("imputation", small.imputed), ("before_duty", small.before)):
        mean = study.aggregate("simple")
        assert rows[name].effect == pytest.approx(percent(mean.estimate))
        assert rows[name].low == pytest.approx(percent(mean.conf_low))
        assert rows[name].high == pytest.approx(percent(mean.conf_high))
        true = true_cells(small.synthetic, study)["log_effect"].mean()
        assert rows[name].truth == pytest.approx(percent(true))
    assert rows["before_duty"].truth > rows["imputation"].truth, "the effect grows with time"


def test_diagnostics_are_those_of_the_public_functions(small):
    found, quarters = small.study.diagnostics, small.quarters
    weights = kv.staggered.negative_weights(quarters, *QUARTERLY)
    assert found["negative_share"] == 100 * weights.share_negative
    assert found["negative_sum"] == weights.sum_negative
    random = kv.staggered.randomisation_inference(quarters, *QUARTERLY, n_draws=999)
    assert found["random"] == random.p_value
    never = quarters.groupby("municipality")["first_quarter"].first().isna().sum()
    assert found["never"] == never > 0
    assert found["dropped"] == 90 - quarters["municipality"].nunique() == quarters.attrs["n_dropped"]
    dates = kv.staggered.placebo(quarters, *QUARTERLY, shift=4)
    assert found["placebo"] == pytest.approx(percent(dates.estimate))
    assert found["placebo_low"] == pytest.approx(percent(dates.conf_low))
    assert found["placebo_high"] == pytest.approx(percent(dates.conf_high))
    study = small.study.studies["callaway_santanna"]
    assert found["trend"] == kv.staggered.pre_trend_test(study, 8).p_value


def test_robust_intervals_are_those_of_the_public_functions(small):
    study = small.study.studies["callaway_santanna"]
    sizes = kv.staggered.robust_relative_magnitudes(study, survival.MAGNITUDES, 8)
    slopes = kv.staggered.robust_smoothness(study, survival.SLOPE_CHANGES, 8)
    rows = small.study.robustness
    assert [(row.kind, row.bound) for row in rows] == [
        *(("magnitude", m) for m in survival.MAGNITUDES),
        *(("slope", c) for c in survival.SLOPE_CHANGES),
    ]
    for row, expected in zip(rows[:3], sizes.to_dict("records"), strict=True):
        assert row.low == pytest.approx(percent(expected["conf_low"]))
        assert row.high == pytest.approx(percent(expected["conf_high"]))
        assert row.low < row.set_low <= row.set_high < row.high
    for row, expected in zip(rows[3:], slopes.to_dict("records"), strict=True):
        assert row.low == pytest.approx(percent(expected["conf_low"]))
        assert np.isnan(row.set_low)


def comparison(low, high, name="imputation"):
    return survival.Comparison(name, (low + high) / 2, low, high, None)


def test_a_claim_is_judged_by_counting_intervals():
    rows = [comparison(-5, -1), comparison(-3, 2), comparison(-9, 8), comparison(np.nan, np.nan)]
    verdict = survival.judge_claim(rows, -4.0)
    assert (verdict.n, verdict.n_with_claim, verdict.n_with_zero) == (3, 2, 2)
    assert (verdict.low, verdict.high) == (-9, 8)
    nothing = survival.judge_claim([], -4.0)
    assert (nothing.n, nothing.n_with_claim) == (0, 0)
    assert np.isnan(nothing.low)


def test_the_verdict_is_on_the_four_estimators_only(small):
    verdict = small.study.verdict
    rows = {row.name: row for row in small.study.modern if row.name != "before_duty"}
    assert verdict.claimed == -4.0
    assert verdict.n == len(rows) == 4
    assert verdict.low == min(row.low for row in rows.values())
    assert verdict.n_with_zero == sum(row.low <= 0 <= row.high for row in rows.values())


def test_a_variant_that_is_not_identified_is_named_and_the_others_stand():
    """Everybody adopts in the same month: with an effect for every month nothing is left to compare."""
    panel = simulate(4, n_municipalities=60, cells=[MAIN_OUTCOME]).panel.assign(first_month="2013-01")
    variants = survival.estimate_variants(panel)
    assert "month" not in set(variants["variant"])
    assert {"report", "poisson", "rate", "distance"} <= set(variants["variant"])
    assert any(text.startswith("month to 2014-12: ") for text in variants.attrs["failures"])
    without = survival.estimate_variants(panel.drop(columns="distance_to_hospital_km"))
    assert "distance" not in set(without["variant"])
    with pytest.raises(SpecificationError, match="no variant of the model is identified"):
        survival.estimate_variants(panel.assign(first_month=None))


def test_true_horizons_are_means_over_the_cells_of_imputation(small):
    cells = true_cells(small.synthetic, small.imputed)
    expected = cells[cells["horizon"] == 3]["log_effect"].mean()
    assert small.study.true_horizons[3] == pytest.approx(expected)
    assert small.study.true_horizons.index.min() == 0


def test_mechanisms_are_split_and_named():
    panel = simulate(6, n_municipalities=60, cells=[MAIN_OUTCOME]).panel
    found = survival.estimate_mechanisms(panel.drop(columns="co_located"))
    assert found["mechanism"].tolist() == ["physician_on_site"] * 4
    assert found["value"].tolist() == [True, False, True, False]
    assert found["until"].tolist() == ["2014-12"] * 2 + ["2017-12"] * 2
    split = estimate_effects(panel, [MAIN_OUTCOME], "2017-12", split="physician_on_site")
    np.testing.assert_array_equal(found["estimate"].iloc[2:], split["estimate"])
    # With a physician the effect is 1.8 times the mean one, without it none.
    assert found["estimate"].iloc[2] < found["estimate"].iloc[3]
    assert survival.estimate_mechanisms(panel.drop(columns=["co_located", "physician_on_site"])).empty


def test_a_mechanism_that_everybody_has_is_named_and_left_out():
    panel = simulate(6, n_municipalities=60, cells=[MAIN_OUTCOME]).panel.assign(physician_on_site=1.0)
    found = survival.estimate_mechanisms(panel)
    assert set(found["mechanism"]) == {"co_located"}
    assert [text[:28] for text in found.attrs["failures"]] == [
        "physician_on_site to 2014-12",
        "physician_on_site to 2017-12",
    ]


def test_what_a_panel_does_not_identify_is_named_and_has_no_truth():
    panel = simulate(4, n_municipalities=60, cells=[MAIN_OUTCOME]).panel
    panel = panel[panel["first_month"].notna()]
    study = survival.study_survival(panel, survival.estimate_variants(panel))
    assert any(reason.startswith("sun_abraham: ") for reason in study.failures)
    assert "sun_abraham" not in study.studies
    assert all(row.truth is None for row in (*study.static, *study.modern))
    assert study.true_horizons is None
