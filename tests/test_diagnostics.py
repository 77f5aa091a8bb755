"""Tests of specifications, influence and leave-one-out against other software and actual refits."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import kostnadsvekst as kv
from invented_panels import make_municipal_panel, make_panel
from kostnadsvekst.errors import SpecificationError

SAME = 1e-8
SPEC = kv.Specification("y", ("x", "z", "C(year)"), "unit", "year", "population")


@pytest.fixture(scope="module")
def panel():
    return make_panel()


@pytest.fixture(scope="module")
def fitted(panel):
    return kv.estimate(SPEC, panel)


def dummy_design(panel, *extra):
    years = pd.get_dummies(panel["year"], drop_first=True, dtype=float)
    units = pd.get_dummies(panel["unit"], dtype=float)
    years.columns, units.columns = [f"t{c}" for c in years], [f"u{c}" for c in units]
    return pd.concat([panel[["x", "z"]], years, *extra, units], axis=1)


@pytest.mark.parametrize("terms", [["x", "z"], ["x", "C(year)[T.2012]", "C(year)[T.2015]"]])
def test_joint_wald_against_statsmodels(panel, fitted, terms):
    names = {"C(year)[T.2012]": "t2012", "C(year)[T.2015]": "t2015"}
    model = sm.WLS(panel["y"], dummy_design(panel), weights=panel["population"])
    for choice, options in (
        ("classical", {}),
        ("cluster", {"cov_type": "cluster", "cov_kwds": {"groups": panel["unit"].to_numpy()}, "use_t": True}),
    ):
        theirs = model.fit(**options).f_test(", ".join(f"{names.get(t, t)} = 0" for t in terms))
        ours = kv.wald_test(fitted.with_covariance(choice), terms)
        assert ours.statistic == pytest.approx(float(theirs.fvalue), rel=SAME)
        assert ours.p_value == pytest.approx(float(theirs.pvalue), rel=SAME)
        assert (ours.df_numerator, ours.df_denominator) == (len(terms), int(theirs.df_denom))


def test_wald_of_one_term_is_its_squared_t(fitted):
    line = fitted.coefficients.loc["x"]
    test = kv.wald_test(fitted, ["x"])
    assert test.statistic == pytest.approx(line["statistic"] ** 2)
    assert test.p_value == pytest.approx(line["p_value"])
    difference = kv.wald_test(fitted, {"x": 1, "z": -1})
    V = fitted.covariance
    variance = V.loc["x", "x"] + V.loc["z", "z"] - 2 * V.loc["x", "z"]
    b = fitted.coefficients["estimate"]
    assert difference.statistic == pytest.approx((b["x"] - b["z"]) ** 2 / variance)


def test_wald_errors(fitted):
    with pytest.raises(SpecificationError, match="did you mean 'x'"):
        kv.wald_test(fitted, ["xx"])
    with pytest.raises(SpecificationError, match="rank is lower"):
        kv.wald_test(fitted.with_covariance(("cluster", "region")), list(fitted.terms[:-1]))


def test_mundlak_against_statsmodels(panel, fitted):
    w = panel["population"]
    means = pd.DataFrame(
        {
            f"m_{c}": (panel[c] * w).groupby(panel["unit"]).transform("sum")
            / w.groupby(panel["unit"]).transform("sum")
            for c in ("x", "z")
        }
    )
    years = pd.get_dummies(panel["year"], drop_first=True, dtype=float)
    years.columns = [f"t{c}" for c in years]
    X = sm.add_constant(pd.concat([panel[["x", "z"]], years, means], axis=1))
    # The population grows alike everywhere, so the years' weighted means do not vary between units.
    theirs = sm.WLS(panel["y"], X, weights=w).fit(
        cov_type="cluster", cov_kwds={"groups": panel["unit"].to_numpy()}, use_t=True
    )
    test = theirs.f_test("m_x = 0, m_z = 0")
    ours = kv.mundlak_test(fitted)
    assert ours.statistic == pytest.approx(float(test.fvalue), rel=SAME)
    assert ours.p_value == pytest.approx(float(test.pvalue), rel=SAME)
    # Mundlak (1978): beside the means the regressors' coefficients are the within estimates.
    within = fitted.coefficients["estimate"][["x", "z"]]
    np.testing.assert_allclose(theirs.params[["x", "z"]], within, rtol=SAME)
    # x was made from the unit effect: random effects must be rejected.
    assert ours.p_value < 0.05


def test_wooldridge_against_statsmodels(panel):
    spec = SPEC.vary(weights=None)
    ours = kv.wooldridge_test(kv.estimate(spec, panel.sample(frac=1, random_state=2)))
    data = panel.sort_values(["unit", "year"]).reset_index(drop=True)
    years = pd.get_dummies(data["year"], drop_first=True, dtype=float)
    change = pd.concat([data[["y", "x", "z"]], years], axis=1).groupby(data["unit"]).diff()
    used = change.dropna()
    residual = sm.OLS(used["y"], used.drop(columns="y")).fit().resid.reindex(data.index)
    pairs = pd.DataFrame({"e": residual, "lag": residual.groupby(data["unit"]).shift(1)}).dropna()
    groups = data["unit"][pairs.index].to_numpy()
    theirs = sm.OLS(pairs["e"], pairs[["lag"]]).fit(
        cov_type="cluster", cov_kwds={"groups": groups}, use_t=True
    )
    test = theirs.f_test("lag = -0.5")
    assert ours.statistic == pytest.approx(float(test.fvalue), rel=SAME)
    assert ours.p_value == pytest.approx(float(test.pvalue), rel=SAME)
    # The errors are a random walk.
    assert ours.p_value < 0.01


@pytest.mark.parametrize("choice", ["classical", "cluster"])
def test_reset_against_statsmodels(panel, fitted, choice):
    w = panel["population"]
    index = fitted.fit.X @ fitted.fit.coefficients
    centred = index - np.average(index, weights=w)
    centred /= np.sqrt(np.average(centred**2, weights=w))
    powers = pd.DataFrame({"p2": centred**2, "p3": centred**3}, index=panel.index)
    options = {"cov_type": "cluster", "cov_kwds": {"groups": panel["unit"].to_numpy()}, "use_t": True}
    model = sm.WLS(panel["y"], dummy_design(panel, powers), weights=w)
    theirs = model.fit(**(options if choice == "cluster" else {})).f_test("p2 = 0, p3 = 0")
    ours = kv.reset_test(fitted.with_covariance(choice))
    assert ours.statistic == pytest.approx(float(theirs.fvalue), rel=SAME)
    assert ours.p_value == pytest.approx(float(theirs.pvalue), rel=SAME)


def test_reset_finds_a_square(panel):
    data = panel.assign(y=panel["y"] + panel["x"] ** 2)
    assert kv.reset_test(kv.estimate(SPEC, data)).p_value < 1e-3


def test_a_test_says_what_it_is(fitted):
    assert str(kv.mundlak_test(fitted)).startswith("Mundlak: F(2, 23) = ")


@pytest.mark.parametrize("column", ["unit", "region"])
def test_leave_one_out_against_refits(panel, fitted, column):
    left = kv.influence(fitted, by=column)
    for unit in left.units:
        refit = kv.estimate(SPEC, panel[panel[column] != unit])
        np.testing.assert_allclose(
            left.coefficients.loc[unit], refit.coefficients["estimate"], rtol=SAME, atol=1e-10
        )
        for term in ("x", "C(year)[T.2013]"):
            line = left.of(term).loc[unit]
            assert line["std_error_without"] == pytest.approx(
                refit.coefficients.loc[term, "std_error"], rel=SAME
            )
            assert line["change"] == pytest.approx(
                refit.coefficients.loc[term, "estimate"] - fitted.coefficients.loc[term, "estimate"], abs=1e-9
            )


def test_leave_one_out_of_the_published_model_against_refits():
    data = make_municipal_panel(n_units=60)
    data = data.assign(population_10k=data["population"] / 10_000)
    spec = kv.SPECIFICATIONS["A3-4"]
    left = kv.influence(kv.estimate(spec, data))
    for unit in left.units[:5]:
        refit = kv.estimate(spec, data[data["municipality"] != unit])
        np.testing.assert_allclose(left.coefficients.loc[unit], refit.coefficients["estimate"], rtol=SAME)


def test_influence_is_sorted_and_knows_the_weights(panel, fitted):
    frame = kv.influence(fitted).of("x")
    assert (frame["change"].abs().diff().dropna() <= 0).all()
    share = panel.groupby("unit")["population"].sum() / panel["population"].sum()
    np.testing.assert_allclose(frame["weight_share"], share[frame.index])
    se = fitted.coefficients.loc["x", "std_error"]
    np.testing.assert_allclose(frame["change_in_se"], frame["change"] / se)


def test_a_unit_that_identifies_a_term_alone_comes_first(panel):
    data = panel.assign(only=(panel["unit"] == 4) * panel["z"] ** 2)
    left = kv.influence(kv.estimate(SPEC.adding("only"), data))
    assert left.of("only").index[0] == 4
    assert np.isnan(left.of("only")["estimate_without"].iloc[0])
    with pytest.raises(SpecificationError, match="not identified"):
        kv.estimate(SPEC.adding("only"), data).with_covariance("jackknife")


def test_influence_errors(fitted):
    with pytest.raises(SpecificationError, match="did you mean 'x'"):
        kv.influence(fitted).of("xx")
    with pytest.raises(SpecificationError, match="spans several"):
        kv.influence(fitted, by="year")


def test_weights_side_by_side(panel, fitted):
    three = kv.compare_weights(fitted)
    largest = panel.groupby("unit")["population"].sum().idxmax()
    pd.testing.assert_frame_equal(
        three["unweighted"].coefficients, kv.estimate(SPEC.vary(weights=None), panel).coefficients
    )
    pd.testing.assert_frame_equal(
        three["without_largest"].coefficients, kv.estimate(SPEC, panel[panel["unit"] != largest]).coefficients
    )
    with pytest.raises(SpecificationError, match="no weights"):
        kv.compare_weights(three["unweighted"])


def test_estimates_with_serially_correlated_errors_are_refused_where_rho_would_change(panel):
    fit = kv.estimate_ar1(SPEC.vary(weights=None), panel)
    clustered = fit.with_covariance(("cluster", "region"))
    assert clustered.rho == fit.rho
    assert "6 clusters" in clustered.inference.description
    for refused in (kv.influence, kv.mundlak_test, kv.wooldridge_test, kv.reset_test):
        with pytest.raises(SpecificationError, match=r"kostnadsvekst\.estimate"):
            refused(fit)
    with pytest.raises(SpecificationError, match="estimate rho again"):
        fit.with_covariance("jackknife")
    with pytest.raises(SpecificationError, match="absorbed entity effects only"):
        kv.estimate_ar1(SPEC.vary(weights=None, effects="none"), panel)


@pytest.mark.parametrize("covariance", ["classical", "hc1", "cluster", "driscoll_kraay"])
def test_wald_test_of_values_other_than_zero(panel, covariance):
    """(b - 0.3)' V^-1 (b - 0.3) / 2, by the matrix that is printed."""
    fit = kv.estimate(kv.Specification("y", ("x", "z"), "unit", "year", covariance=covariance), panel)
    difference = fit.coefficients["estimate"].to_numpy()[:2] - 0.3
    V = fit.covariance.to_numpy()[:2, :2]
    test = kv.wald_test(fit, ["x", "z"], null=0.3)
    assert test.statistic == pytest.approx(difference @ np.linalg.solve(V, difference) / 2, rel=1e-9)
    combined = kv.wald_test(fit, {"x": 2.0, "z": -1.0}, null=0.3)
    weights = np.array([2.0, -1.0])
    b = fit.coefficients["estimate"].to_numpy()[:2]
    assert combined.statistic == pytest.approx((weights @ b - 0.3) ** 2 / (weights @ V @ weights), rel=1e-9)
