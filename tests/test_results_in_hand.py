"""Results in hand: frames at a level, predictions, effects, measures of fit, equality; against dummies by
hand."""

import contextlib
import io
import pickle
import re
import warnings
from dataclasses import is_dataclass, replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.tools.sm_exceptions import SingularMatrixWarning

import kostnadsvekst as kv
from conftest import ROOT
from invented_panels import make_panel
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.models.ar1 import Ar1Estimate
from kostnadsvekst.models.fit_statistics import fit_statistics
from kostnadsvekst.models.fixed_effects import Estimate, WithinFit
from kostnadsvekst.models.inference import Covariance, TTests
from kostnadsvekst.models.instrumental import InstrumentalEstimate
from kostnadsvekst.models.results import TidyResult, coefficient_frame
from kostnadsvekst.models.staggered.studies import EventStudy, TwoStageStudy
from kostnadsvekst.models.two_stages import InstrumentalFit

# Two solutions of the same least squares: rounding of a dozen rows per unit.
SAME = 1e-8
FORMULA = "y ~ C(year)*x + log(income) + square(z) | unit"
DUMMIES = "y ~ C(year)*x + np.log(income) + I(z**2) + C(unit)"


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    """Units of six years with text labels as index in no order, two values missing."""
    data = make_panel(n_units=9, years=5, n_regions=3).sample(frac=1, random_state=3)
    data.index = [f"row {i}" for i in range(len(data))]
    data.iloc[[4, 17], data.columns.get_loc("x")] = np.nan
    income = np.random.default_rng(5).uniform(20, 60, len(data))
    return data.assign(unit="u" + data["unit"].astype(str), income=income)


def quietly(formula, data, **parts):
    """Estimate where rows are missing on purpose."""
    entity = parts.pop("entity", None)
    spec = kv.Specification.from_formula(formula, entity=entity, **parts)
    if data.isna().any(axis=None):
        with pytest.warns(DataWarning, match="missing values"):
            return kv.estimate(spec, data)
    return kv.estimate(spec, data)


@pytest.fixture(scope="module")
def est(panel):
    return quietly(FORMULA, panel, weights="population")


@pytest.fixture(scope="module")
def lsdv(panel):
    """The same regression with a dummy for each unit."""
    return smf.wls(DUMMIES, panel, weights=panel["population"]).fit()


def test_frames_at_a_level(est):
    df, table = est.df_resid, est.coefficients
    pd.testing.assert_series_equal(est.coef(), table["estimate"])
    pd.testing.assert_series_equal(est.se(), table["std_error"])
    np.testing.assert_allclose(np.sqrt(np.diag(est.vcov())), est.se())
    pd.testing.assert_frame_equal(est.tidy(), table)
    half = stats.t.ppf(0.95, df) * est.se()
    np.testing.assert_allclose(est.confint(0.9)["conf_high"] - est.coef(), half, rtol=1e-10)
    np.testing.assert_allclose(est.coef() - est.tidy(0.9)["conf_low"], half, rtol=1e-10)
    changed = est.tidy()
    changed.iloc[:] = 0.0
    assert est.coefficients["estimate"].ne(0).all(), "what is handed out is a copy"


def test_intervals_of_a_bootstrap_are_known_at_one_level(panel):
    wild = quietly("y ~ x | unit", panel, covariance="wild_cluster").with_covariance("wild_cluster", draws=99)
    assert wild.confint(0.95)["conf_low"].notna()["x"]
    with pytest.raises(SpecificationError, match="95 % only"):
        wild.tidy(0.9)


@pytest.mark.parametrize("level", [0, 1, 1.5, -0.1, 95, "0.9", None, True, np.nan])
def test_a_level_is_between_zero_and_one(est, level):
    with pytest.raises(SpecificationError, match="between 0 and 1"):
        est.tidy(level)


def test_fitted_and_residuals_stand_on_the_users_rows(est, lsdv, panel):
    left_out = panel["x"].isna()
    for series, theirs in ((est.fitted, lsdv.fittedvalues), (est.residuals, lsdv.resid)):
        assert series.index.equals(panel.index)
        assert series.isna().equals(left_out)
        np.testing.assert_allclose(series.drop(panel.index[left_out]), theirs.loc[~left_out], atol=SAME)
    np.testing.assert_allclose((est.fitted + est.residuals)[~left_out], panel["y"][~left_out])
    np.testing.assert_allclose(est.predict(kind="residual").dropna(), est.residuals.dropna(), atol=SAME)


def test_predictions_of_new_rows_are_those_of_dummies(est, lsdv, panel):
    new = panel.dropna().iloc[5:20].assign(x=lambda f: f["x"] * 2 + 1, z=3.0)[::-1]
    found = est.predict(new.drop(columns="y"))
    assert found.index.equals(new.index)
    np.testing.assert_allclose(found, lsdv.predict(new), atol=SAME)
    np.testing.assert_allclose(est.predict(new, kind="residual"), new["y"] - lsdv.predict(new), atol=SAME)
    total = est.predict(new, effects=False) + est.predict(new, kind="effects")
    np.testing.assert_allclose(total, found, atol=SAME)


@pytest.mark.parametrize("year", range(2010, 2015))
def test_levels_are_those_of_the_estimation(est, panel, year):
    """One year alone has no first level to be measured from."""
    one = panel.dropna()[lambda f: f["year"] == year]
    np.testing.assert_allclose(est.predict(one), est.fitted[one.index], atol=SAME)


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ poly(x, 3) + C(year, ref=2012) | unit",
        "y ~ bs(x, df=5) + z | unit + year",
        "y ~ cr(x, df=4) + I(z**2) | unit",
        "y ~ i(year, z, ref=2011) + x | unit",
        "log(income) ~ diff(x) + lag(z) | unit",
        "y ~ x + C(region):z | region^year",
    ],
)
def test_knots_and_references_are_those_of_the_estimation(formula, panel):
    data = panel.dropna()
    entity = "unit" if "| unit" not in formula else None
    if "lag" in formula:
        with pytest.warns(DataWarning, match="missing"):
            est = kv.estimate(kv.Specification.from_formula(formula, entity=entity), data)
    else:
        est = quietly(formula, data, entity=entity)
    part = data[data["unit"].isin(["u1", "u4"])].sort_values("x")
    np.testing.assert_allclose(est.predict(part), est.fitted[part.index], atol=SAME)


def test_the_standard_error_of_the_linear_prediction(panel):
    """Of a pooled model it is what statsmodels gives; with effects it is refused: theirs are not counted."""
    data = panel.dropna()
    pooled = quietly("y ~ x + z", data, entity="unit", weights="population")
    theirs = smf.wls("y ~ x + z", data, weights=data["population"]).fit()
    new = data.iloc[:4].assign(x=5.0)
    expected = theirs.get_prediction(new).se_mean
    np.testing.assert_allclose(pooled.predict(new, effects=False, kind="std_error"), expected, rtol=SAME)
    with pytest.raises(SpecificationError, match="effects=False"):
        pooled.predict(new, kind="std_error")
    with pytest.raises(SpecificationError, match="pooled"):
        pooled.predict(new, kind="effects")
    np.testing.assert_allclose(pooled.predict(new), theirs.predict(new), rtol=SAME)


def test_unseen_levels_are_refused_by_name_or_nan(est, panel):
    data = panel.dropna()
    new = data.iloc[:4].copy()
    new.iloc[0, new.columns.get_loc("unit")] = "u99"
    new.iloc[1, new.columns.get_loc("year")] = 2030
    new.iloc[2, new.columns.get_loc("z")] = np.nan
    with pytest.raises(InvalidDataError, match=r"C\(year\)") as caught:
        est.predict(new)
    assert "2030" in str(caught.value)
    with pytest.raises(InvalidDataError, match="levels of unit") as caught:
        est.predict(new.iloc[[0, 2, 3]])
    assert "u99" in str(caught.value)
    found = est.predict(new, unseen="nan")
    assert found.isna().tolist() == [True, True, True, False]
    np.testing.assert_allclose(found.iloc[3], est.fitted[new.index[3]])
    assert est.predict(new.iloc[[0]], effects=False).notna().all(), "without effects a new unit is no matter"


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda f: f.drop(columns="z"), DataMissingError, "'z'"),
        (lambda f: f.drop(columns="unit"), DataMissingError, "'unit'"),
        (lambda f: f.assign(x="a"), InvalidDataError, "text"),
        (lambda f: f.assign(income=-1.0), InvalidDataError, r"log\(income\)"),
        (lambda f: f.iloc[:0], InvalidDataError, "no rows"),
        (lambda f: f["x"], SpecificationError, "data frame"),
        (lambda f: f.assign(unit=f["unit"].str[1:].astype(int)), InvalidDataError, "levels of unit"),
    ],
)
def test_new_data_that_cannot_be_predicted_are_refused(est, panel, change, error, match):
    with pytest.raises(error, match=match):
        est.predict(change(panel.dropna().iloc[:5]))


def test_words_of_predict(est):
    with pytest.raises(SpecificationError, match="unknown kind"):
        est.predict(kind="xb")
    with pytest.raises(SpecificationError, match="unseen"):
        est.predict(unseen="drop")


def test_effects_are_the_dummies_measured_from_their_mean(est, lsdv, panel):
    data = panel.dropna()
    dummies = pd.Series(
        {u: lsdv.params.get(f"C(unit)[T.{u}]", 0.0) for u in sorted(data["unit"].unique())}, name="effect"
    )
    mean = np.average(dummies[data["unit"]], weights=data["population"])
    found = est.effects
    np.testing.assert_allclose(found["effect"], dummies - mean, atol=SAME)
    assert found.index.name == "unit"
    assert found["n_obs"].sum() == len(data)
    assert found["component"].eq(0).all()
    assert "mean zero" in found.attrs["normalisation"]
    with pytest.raises(SpecificationError, match="region"):
        est.effects_of("region")
    with pytest.raises(SpecificationError, match="pooled"):
        _ = quietly("y ~ x", data, entity="unit").effects


def with_dummies(formula, data, weights=None):
    """Dummies that are not all independent: what is identified does not depend on which are left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingularMatrixWarning)
        return smf.wls(formula, data, weights=1.0 if weights is None else weights).fit()


def two_islands(seed=0):
    """Units 0-3 in firms a and b, units 4-7 in firms c and d: two connected components."""
    rng = np.random.default_rng(seed)
    unit = np.repeat(np.arange(8), 6)
    firm = np.where(unit < 4, "ab", "cd")
    firm = np.array([names[k % 2] for names, k in zip(firm, rng.integers(0, 2, 48), strict=True)])
    data = pd.DataFrame({"unit": unit, "firm": firm, "year": np.tile(np.arange(6), 8)})
    data["x"] = rng.normal(size=48)
    data["w"] = rng.uniform(1, 3, 48)
    data["y"] = data["x"] + unit / 3 + data["firm"].map({"a": 0.0, "b": 1.0, "c": 5.0, "d": 7.0})
    return data.assign(y=lambda f: f["y"] + rng.normal(size=48) / 10)


def test_effects_of_two_sets_hold_inside_connected_components():
    data = two_islands()
    est = quietly("y ~ x | unit + firm", data, weights="w")
    unit, firm = est.effects, est.effects_of("firm")
    # Components: units 0-3 with a and b, units 4-7 with c and d.
    assert unit["component"].nunique() == 2
    assert unit["component"].tolist() == [unit["component"][0]] * 4 + [unit["component"][4]] * 4
    assert firm["component"]["a"] == firm["component"]["b"] == unit["component"][0]
    for part in (["a", "b"], ["c", "d"]):
        rows = data[data["firm"].isin(part)]
        mean = np.average(firm["effect"][rows["firm"]], weights=rows["w"])
        assert abs(mean) < SAME
    lsdv = with_dummies("y ~ x + C(unit) + C(firm)", data, data["w"])
    gap = lsdv.params["C(firm)[T.b]"]
    assert firm["effect"]["b"] - firm["effect"]["a"] == pytest.approx(gap, abs=SAME)
    total = est.fit.constant + est.coef()["x"] * data["x"]
    total += unit["effect"][data["unit"]].to_numpy() + firm["effect"][data["firm"]].to_numpy()
    np.testing.assert_allclose(total, lsdv.fittedvalues, atol=SAME)
    np.testing.assert_allclose(est.fitted, lsdv.fittedvalues, atol=SAME)


def test_a_sum_of_effects_across_components_is_refused():
    data = two_islands()
    est = quietly("y ~ x | unit + firm", data)
    lsdv = with_dummies("y ~ x + C(unit) + C(firm)", data)
    # Unit 1 was in both firms of its island only by chance: a combination inside is identified anyway.
    inside = pd.DataFrame({"unit": [1, 1], "firm": ["a", "b"], "x": [0.0, 0.0]})
    np.testing.assert_allclose(est.predict(inside), lsdv.predict(inside), atol=SAME)
    across = pd.DataFrame({"unit": [1, 5], "firm": ["c", "d"], "x": [0.0, 0.0]})
    with pytest.raises(InvalidDataError, match="no chain of rows") as caught:
        est.predict(across)
    assert "unit 1" in str(caught.value)
    assert est.predict(across, unseen="nan").isna().tolist() == [True, False]


def three_sets(seed=4):
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({name: rng.integers(0, 4, 90) for name in ("a", "b", "c")})
    data["x"] = rng.normal(size=90)
    return data.assign(y=lambda f: f["x"] + f["a"] - f["b"] / 2 + f["c"] ** 2 + rng.normal(size=90) / 5)


def test_effects_of_three_sets_where_they_are_identified():
    data = three_sets()
    est = quietly("y ~ x | a + b + c", data)
    lsdv = smf.ols("y ~ x + C(a) + C(b) + C(c)", data).fit()
    for name in "abc":
        found = est.effects_of(name)["effect"]
        gaps = [lsdv.params[f"C({name})[T.{j}]"] for j in (1, 2, 3)]
        np.testing.assert_allclose(found.iloc[1:] - found.iloc[0], gaps, atol=SAME)
    new = pd.DataFrame({"a": [3], "b": [0], "c": [2], "x": [1.0]})
    np.testing.assert_allclose(est.predict(new), lsdv.predict(new), atol=SAME)


def test_effects_of_three_sets_that_are_not_identified_are_refused():
    """With c = a + b a linear trend can wander between the three sets: one more free constant than sets."""
    data = three_sets().assign(c=lambda f: f["a"] + f["b"])
    est = quietly("y ~ x | a + b + c", data)
    with pytest.raises(SpecificationError, match="not identified one by one"):
        est.effects_of("b")
    lsdv = with_dummies("y ~ x + C(a) + C(b) + C(c)", data)
    np.testing.assert_allclose(est.fitted, lsdv.fittedvalues, atol=SAME)
    seen = data.iloc[:3].assign(x=2.0)
    np.testing.assert_allclose(est.predict(seen), lsdv.predict(seen), atol=SAME)
    with pytest.raises(InvalidDataError, match="no chain"):
        est.predict(data.iloc[:1].assign(c=lambda f: (f["c"] + 1) % 6))


def test_what_a_term_left_out_would_have_changed_is_not_predicted(panel):
    """A column that does not vary within units was left out: with another value nothing is known."""
    data = panel.dropna().assign(level=lambda f: f["unit"].str[1:].astype(float), double=lambda f: 2 * f["x"])
    est = quietly("y ~ x + level + double | unit", data)
    assert est.dropped == ("level", "double")
    np.testing.assert_allclose(est.predict(data), est.fitted, atol=SAME)
    moved = data.iloc[:3].assign(level=[0.0, *data["level"].iloc[1:3]], double=lambda f: f["double"] + 1e-9)
    with pytest.raises(InvalidDataError, match="level was left out"):
        est.predict(moved.iloc[[0]].assign(level=77.0))
    assert est.predict(moved.assign(level=77.0), unseen="nan").isna().all()
    both = data.iloc[:3].assign(x=lambda f: f["x"] + 1, double=lambda f: f["double"] + 2)
    np.testing.assert_allclose(est.predict(both) - est.fitted[both.index], est.coef()["x"], atol=SAME)
    with pytest.raises(InvalidDataError, match="double was left out"):
        est.predict(both.assign(double=0.0))
    # A row without a unit has no effect to be added: missing, whatever its level; not another unit's.
    nowhere = data.iloc[:2].assign(unit=[None, data["unit"].iloc[1]], level=[77.0, data["level"].iloc[1]])
    assert est.predict(nowhere).isna().tolist() == [True, False]


def test_measures_of_fit_are_those_of_dummies_and_of_statas_formulas(est, lsdv, panel):
    """statsmodels' likelihood counts half the logarithms of the weights, areg's does not."""
    w = panel.dropna()["population"]
    n, df = len(w), est.df_resid
    ssr = float((w * n / w.sum() * lsdv.resid.dropna() ** 2).sum())
    assert est.root_mse == est.sigma == pytest.approx(np.sqrt(ssr / df), rel=SAME)
    by_hand = -n / 2 * (np.log(2 * np.pi * ssr / n) + 1)
    assert est.log_likelihood == pytest.approx(by_hand, rel=SAME)
    assert est.log_likelihood + 0.5 * np.log(w * n / w.sum()).sum() == pytest.approx(lsdv.llf, rel=SAME)
    k = len(est.terms) - 1
    assert est.aic == pytest.approx(-2 * by_hand + 2 * (k + 1), rel=SAME)
    assert est.bic == pytest.approx(-2 * by_hand + np.log(n) * (k + 1), rel=SAME)
    whole = est.fit_statistics("all")
    assert whole.n_parameters == len(lsdv.params)
    assert whole.root_mse == pytest.approx(est.root_mse, rel=SAME)
    assert whole.aic - -2 * by_hand == pytest.approx(lsdv.aic - -2 * lsdv.llf, rel=SAME)
    assert whole.bic - -2 * by_hand == pytest.approx(lsdv.bic - -2 * lsdv.llf, rel=SAME)
    with pytest.raises(SpecificationError, match="count"):
        est.fit_statistics("slopes")


def test_an_unweighted_likelihood_is_that_of_statsmodels_and_pyfixest_counts_all(panel):
    data = panel.dropna()
    est, theirs = quietly("y ~ x + z | unit", data), smf.ols("y ~ x + z + C(unit)", data).fit()
    found = est.fit_statistics("all")
    for name, value in (("log_likelihood", theirs.llf), ("aic", theirs.aic), ("bic", theirs.bic)):
        assert getattr(found, name) == pytest.approx(value, rel=SAME)
    assert est.root_mse == pytest.approx(np.sqrt(theirs.mse_resid), rel=SAME)


def test_f_tests_are_those_of_dummies_and_of_linearmodels(est, lsdv, panel):
    slopes = [name for name in lsdv.params.index if "unit" not in name and name != "Intercept"]
    theirs = lsdv.f_test(np.eye(len(lsdv.params))[[lsdv.params.index.get_loc(name) for name in slopes]])
    found = est.f_test()
    assert (found.df_numerator, found.df_denominator) == (theirs.df_num, theirs.df_denom)
    assert found.statistic == pytest.approx(float(theirs.fvalue), rel=SAME)
    assert found.p_value == pytest.approx(float(theirs.pvalue), rel=1e-6)
    dummies = [name for name in lsdv.params.index if "unit" in name]
    theirs = lsdv.f_test(np.eye(len(lsdv.params))[[lsdv.params.index.get_loc(name) for name in dummies]])
    found = est.effects_test()
    assert (found.df_numerator, found.df_denominator) == (theirs.df_num, theirs.df_denom)
    assert found.statistic == pytest.approx(float(theirs.fvalue), rel=SAME)

    from linearmodels.panel import PanelOLS

    data = panel.dropna().set_index(["unit", "year"])
    peer = PanelOLS(data["y"], data[["x", "z"]], entity_effects=True).fit()
    ours = quietly("y ~ x + z | unit", panel.dropna())
    assert ours.f_test().statistic == pytest.approx(peer.f_statistic.stat, rel=SAME)
    assert ours.effects_test().statistic == pytest.approx(peer.f_pooled.stat, rel=SAME)
    # With clusters it is the Wald test of the slopes, and has the clusters less one as degrees of freedom.
    robust = ours.with_covariance("cluster")
    V, b = robust.vcov().loc[["x", "z"], ["x", "z"]], robust.coef()[["x", "z"]]
    assert robust.f_test().statistic == pytest.approx(float(b @ np.linalg.solve(V, b)) / 2, rel=SAME)
    assert robust.f_test().df_denominator == data.index.get_level_values(0).nunique() - 1


def test_measures_that_do_not_exist_are_refused(panel):
    data = panel.dropna()
    with pytest.raises(SpecificationError, match="nothing was absorbed"):
        quietly("y ~ x", data, entity="unit").effects_test()
    exact = quietly("y ~ x | unit", data.assign(y=lambda f: 2 * f["x"]))
    with pytest.raises(SpecificationError, match="fits every row"):
        _ = exact.log_likelihood
    sums = {"n": 10, "k": 1, "n_effects": 1, "squares": 4.0, "count": "terms"}
    with pytest.raises(SpecificationError, match="fits every row"):
        fit_statistics(ssr=4e-24, **sums)
    # Residuals of 1e-10 of the outcome's size are more than rounding: -10/2 (1 + ln 2 pi + ln(4e-20/10)).
    assert fit_statistics(ssr=4e-20, **sums).log_likelihood == pytest.approx(
        -5 * (1 + np.log(2 * np.pi) + np.log(4e-21)), rel=SAME
    )
    few = quietly("y ~ x + z + square(x) | unit", data, covariance=("cluster", "region"))
    with pytest.raises(SpecificationError, match="rank is lower"):
        few.f_test()
    assert "F(" not in str(few.summary()), "a summary leaves out what does not exist"
    assert "F(2, 2)" in str(quietly("y ~ x + z | unit", data, covariance=("cluster", "region")).summary())


def test_equal_content_is_equal(est, panel):
    again = quietly(FORMULA, panel.copy(), weights="population")
    assert again is not est
    assert again == est
    assert hash(again) == hash(est)
    assert {est: 1}[again] == 1
    back = pickle.loads(pickle.dumps(est))
    assert back == est
    assert hash(back) == hash(est)
    pd.testing.assert_series_equal(back.fitted, est.fitted)
    moved = panel.assign(y=lambda f: f["y"] + (np.arange(len(f)) == 0) * 1e-9)
    others = [
        est.with_covariance("hc1"),
        quietly(FORMULA, panel, weights=None),
        quietly("y ~ x | unit", panel),
        quietly(FORMULA, moved, weights="population"),
        replace(est, n_incomplete=7),
        "est",
        None,
    ]
    assert all(est != other for other in others)
    few = ("cr2", "region")
    assert est.with_covariance(few) == again.with_covariance(few)
    assert est.fit == again.fit
    assert hash(est.inference) == hash(again.inference)
    assert est.inference != est.with_covariance("hc1").inference
    # The same specification, and an option of its covariance.
    assert est.with_covariance("hc2") == est.with_covariance("hc2")
    assert est.with_covariance("hc2") != est.with_covariance("hc2", df="satterthwaite")
    assert len({est, again, back, *others[:3]}) == 4


PARTS = (WithinFit, InstrumentalFit, Covariance, TTests)


def test_minus_zero_and_nan_are_what_they_are_in_comparisons(est):
    table = coefficient_frame(("a",), np.array([0.0]), np.array([np.nan]))
    minus = coefficient_frame(("a",), np.array([-0.0]), np.array([np.nan]))
    one, other = (TidyResult(t, 3, 2, 4.0, est.facts) for t in (table, minus))
    assert one == other
    assert hash(one) == hash(other)
    assert one != replace(one, df=5.0)
    assert one != replace(one, coefficients=table.rename(index={"a": "b"}))


@pytest.mark.parametrize(
    "kind", [Estimate, Ar1Estimate, InstrumentalEstimate, EventStudy, TwoStageStudy, TidyResult, *PARTS]
)
def test_each_kind_of_result_compares_its_content(kind):
    """A dataclass would write a comparison of its own over it, which fails on arrays."""
    assert is_dataclass(kind)
    assert "__eq__" not in vars(kind)
    assert "__hash__" not in vars(kind)


def ar1(panel, **parts):
    data = panel.dropna()
    with pytest.warns(DataWarning, match="gap"):
        return kv.estimate_ar1(kv.Specification.from_formula("y ~ x + C(year) | unit", **parts), data), data


def test_predictions_with_ar1_disturbances(panel):
    """x'b + constant + u of the untransformed rows, u the unit's mean over the rows used."""
    est, data = ar1(panel)
    used = data.iloc[est.rows]
    slopes = est.coef()
    years = pd.Series({y: slopes.get(f"C(year)[T.{y}]", 0.0) for y in range(2010, 2015)})
    xb = used["x"] * slopes["x"] + used["year"].map(years)
    u = (used["y"] - xb).groupby(used["unit"]).mean() - slopes["constant"]
    np.testing.assert_allclose(est.effects["effect"], u, atol=SAME)
    assert "unweighted" in est.effects.attrs["normalisation"]
    expected = slopes["constant"] + xb + used["unit"].map(u)
    np.testing.assert_allclose(est.fitted[used.index], expected, atol=SAME)
    np.testing.assert_allclose(est.predict(used), expected, atol=SAME)
    np.testing.assert_allclose(est.predict(used, effects=False), slopes["constant"] + xb, atol=SAME)
    assert est.sigma_u == pytest.approx(np.std(u, ddof=1), rel=SAME)
    # Innovations: residuals of the transformed rows, on the rows used.
    assert est.residuals.notna().sum() == len(used) < len(data)
    assert est.residuals.pow(2).sum() == pytest.approx(est.sigma_e**2 * est.df_resid, rel=SAME)


def test_what_ar1_does_not_have_is_refused(panel):
    est, data = ar1(panel)
    for ask in (lambda: est.log_likelihood, lambda: est.aic, est.effects_test):
        with pytest.raises(SpecificationError, match=r"AR\(1\)"):
            ask()
    with pytest.raises(SpecificationError, match="another scale"):
        est.combine("x + constant")
    with pytest.raises(SpecificationError, match="another scale"):
        est.predict(data, effects=False, kind="std_error")
    assert est.combine("constant").std_error == pytest.approx(est.se()["constant"])
    assert est.combine("x").estimate == pytest.approx(est.coef()["x"])
    assert est.f_test().statistic == pytest.approx(est.f_statistic, rel=SAME)
    assert est.marginal("x")["estimate"][0] == pytest.approx(est.coef()["x"], rel=SAME)
    assert "rho" in str(est.summary())


def test_predictions_with_instruments_are_of_the_regressors_themselves(panel):
    """y - X b with the endogenous column, not its projection; b by the textbook's formula with dummies."""
    data = panel.dropna().assign(grant=lambda f: f["x"] + f["income"] / 20, need=lambda f: f["income"] ** 0.5)
    est = quietly("y ~ z + C(year) | unit | x ~ grant + need", data)
    exogenous = pd.get_dummies(data[["year", "unit"]].astype(str), drop_first=True, dtype=float)
    exogenous = exogenous.assign(one=1.0, z=data["z"])
    X = exogenous.assign(x=data["x"]).to_numpy()
    Z = exogenous.join(data[["grant", "need"]]).to_numpy()
    P = Z @ np.linalg.pinv(Z)
    b = np.linalg.solve(X.T @ P @ X, X.T @ P @ data["y"].to_numpy())
    np.testing.assert_allclose(est.fitted, X @ b, atol=SAME)
    np.testing.assert_allclose(est.residuals, data["y"] - X @ b, atol=SAME)
    new = data.iloc[3:9].drop(columns=["grant", "need", "y"]).assign(x=lambda f: f["x"] + 2)
    np.testing.assert_allclose(est.predict(new), (X @ b)[3:9] + 2 * b[-1], atol=SAME)
    assert est.marginal("x")["estimate"][0] == pytest.approx(b[-1], rel=1e-7)
    assert est.marginal("x")["std_error"][0] == pytest.approx(est.se()["x"], rel=1e-7)
    assert est.combine("x - z").estimate == pytest.approx(b[-1] - b[-2], rel=SAME)
    for ask in (lambda: est.log_likelihood, est.effects_test):
        with pytest.raises(SpecificationError, match="2SLS"):
            ask()
    again = quietly("y ~ z + C(year) | unit | x ~ grant + need", data)
    assert again == est
    assert again != est.with_covariance("hc1")
    assert "instruments: grant, need" in str(est.summary())


def test_a_summary_says_what_the_result_rests_on(est):
    text = str(est.summary(0.9))
    table = est.tidy(0.9)
    for term in est.terms:
        row = next(line for line in text.splitlines() if line.startswith(term + " ")).split()
        assert row[-1] == f"{table.loc[term, 'conf_high']:.6g}"
        assert row[1] == f"{table.loc[term, 'estimate']:.6g}"
    said = ("90 % interval", "43 rows, 9 units", "Weights: population", "R² within", "root MSE", "F(11, 23)")
    assert "intervals are nominal" in text, "their coverage was not simulated"
    assert all(words in text for words in said)
    assert f"log L: {est.log_likelihood:.7g}" in text
    assert "SYNTHETIC" not in text
    shown = est.summary()._repr_html_()
    assert "font-family: monospace" in shown
    assert ">y: Fixed effects" in shown
    norwegian = str(est.summary(lang="nb"))
    said = ("95 %-intervall", "43 rader, 9 enheter", "Vekter: population", "R² innen", "Standardfeil: klass")
    assert all(words in norwegian for words in (*said, "intervallene er nominelle"))
    assert f"R²: {est.r_squared:.4f}".replace(".", ",") in norwegian
    assert "rows" not in norwegian
    with pytest.raises(SpecificationError, match="language"):
        est.summary(lang="sv")


def test_a_summary_does_not_wait_for_a_test_that_takes_minutes(panel, monkeypatch):
    """Hotelling's degrees of freedom for all slopes: 100 s with seventeen of them and 365 clusters."""
    few = quietly("y ~ x + z | unit", panel.dropna(), covariance=("cr2", "region"))
    monkeypatch.setattr(Estimate, "f_test", lambda self: pytest.fail("was asked for"))
    assert "root MSE" in str(few.summary())


def test_a_summary_of_synthetic_data_says_so(panel):
    data = panel.dropna().assign(data_origin="synthetic")
    assert str(quietly("y ~ x | unit", data).summary()).startswith("SYNTHETIC DATA")
    assert str(quietly("y ~ x | unit", data).summary(lang="nb")).startswith("SYNTETISKE DATA")


def test_p_values_are_never_zero(panel):
    steep = panel.dropna().assign(y=lambda f: f["y"] / 100 + 3 * f["x"])
    text = str(quietly("y ~ x | unit", steep).summary())
    assert "<0.001" in text
    assert " 0.000 " not in text


def test_the_page_on_results_runs():
    """Every block of docs/results_in_hand.md, one after the other."""
    page = (ROOT / "docs" / "results_in_hand.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    space: dict[str, object] = {}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()) as said:
        warnings.simplefilter("ignore", DataWarning)
        for block in blocks:
            exec(compile(block, "results_in_hand.md", "exec"), space)
    assert len(blocks) == 7
    assert said.getvalue().startswith("SYNTHETIC DATA")
    assert space["both"].joint.df_numerator == 2
    assert space["panel"]["residual"].notna().all()


def test_without_data_the_rows_are_positions_and_names_are_missing(est):
    bare = replace(est, data=None)
    assert bare.residuals.index.tolist() == est.rows.tolist()
    assert bare.predict(effects=False).notna().all()
    new = pd.DataFrame({"x": [1.0]})
    for ask in (lambda: bare.effects, lambda: bare.predict(new), lambda: bare.marginal("x")):
        with pytest.raises(SpecificationError, match="no data"):
            ask()
