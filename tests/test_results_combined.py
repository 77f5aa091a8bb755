"""Linear combinations, tests by pattern, marginal effects; and what other packages ask of a result."""

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.models.linear_combinations import read_combinations, weights_of
from kostnadsvekst.models.results import TidyResult

# Two solutions of the same least squares.
SAME = 1e-8
# Derivatives by differences: the step's fourth power, and rounding over the step.
DERIVATIVE = 1e-7
X2012 = "C(year)[T.2012]:x"


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    data = make_panel(n_units=10, years=5, n_regions=4)
    income = np.random.default_rng(5).uniform(20, 60, len(data))
    return data.assign(income=income, site=data["unit"] % 3, n=np.arange(len(data)))


@pytest.fixture(scope="module")
def est(panel):
    return kv.estimate(
        "y ~ C(year)*x + z + log(income) | unit", panel, weights="population", covariance="cluster"
    )


def combined(est, weights):
    """r'b, r'Vr and a t test with the estimate's degrees of freedom, written out."""
    r = np.array([weights.get(term, 0.0) for term in est.terms])
    b, error = float(r @ est.coef()), float(np.sqrt(r @ est.vcov().to_numpy() @ r))
    half = stats.t.ppf(0.975, est.df) * error
    return b, error, b / error, 2 * stats.t.sf(abs(b / error), est.df), b - half, b + half


@pytest.mark.parametrize(
    ("what", "weights"),
    [
        ({"x": 1, X2012: 1}, {"x": 1, X2012: 1}),
        (f"x + {X2012}", {"x": 1, X2012: 1}),
        (f"x+{X2012}", {"x": 1, X2012: 1}),
        (f"`x` - 2*`{X2012}`", {"x": 1, X2012: -2}),
        ("2 x + z*3 - constant/4", {"x": 2, "z": 3, "constant": -0.25}),
        ("(x - z)/2 - -z", {"x": 0.5, "z": 0.5}),
        ("0.5*(x + 2*(z - x)) + 1e1 x", {"x": 9.5, "z": 1}),
        ("log(income)", {"log(income)": 1}),
        ("-log(income) - x", {"log(income)": -1, "x": -1}),
        ("x - z = 0", {"x": 1, "z": -1}),
        ("x = z", {"x": 1, "z": -1}),
    ],
)
def test_a_combination_is_weights_of_terms(est, what, weights):
    found = est.combine(what)
    told = (
        *(found.estimate, found.std_error, found.statistic),
        *(found.p_value, found.conf_low, found.conf_high),
    )
    np.testing.assert_allclose(told, combined(est, weights), rtol=SAME)
    assert found.df == est.df == 9
    assert (found.null, found.level) == (0.0, 0.95)
    assert "nominal 95 % interval" in str(found), "its coverage was not simulated"


def test_numbers_move_the_estimate_and_equations_the_null(est):
    """Stata: lincom x - 1 shows x - 1, and test x = 1 tests it."""
    x, error = est.coef()["x"], est.se()["x"]
    moved, tested = est.combine("x - 1"), est.combine("x = 1")
    assert moved.estimate == pytest.approx(x - 1)
    assert (tested.estimate, tested.null) == (pytest.approx(x), 1.0)
    assert moved.std_error == tested.std_error == pytest.approx(error)
    assert moved.statistic == pytest.approx(tested.statistic) == pytest.approx((x - 1) / error)
    assert est.combine("2*x - 1 = z + 3").null == 4.0
    assert est.combine("2*x - 1 = z + 3").estimate == pytest.approx(2 * x - est.coef()["z"])
    wide = est.combine("x", level=0.5)
    assert wide.conf_high - x == pytest.approx(stats.t.ppf(0.75, 9) * error)


def test_several_at_once_are_tested_jointly(est):
    found = est.combine(["x - z", f"{X2012} = 0.1", {"log(income)": 2}])
    R = np.zeros((3, len(est.terms)))
    place = est.terms.index
    R[0, place("x")], R[0, place("z")], R[1, place(X2012)], R[2, place("log(income)")] = 1, -1, 1, 2
    gap = R @ est.coef() - [0, 0.1, 0]
    F = float(gap @ np.linalg.solve(R @ est.vcov().to_numpy() @ R.T, gap)) / 3
    assert found.joint.statistic == pytest.approx(F, rel=SAME)
    assert (found.joint.df_numerator, found.joint.df_denominator) == (3, 9)
    assert found.joint.p_value == pytest.approx(stats.f.sf(F, 3, 9), rel=SAME)
    assert [one.text for one in found.each] == ["x - z", f"{X2012} = 0.1", "2 log(income)"]
    assert found[1].statistic == pytest.approx(est.combine(f"{X2012} = 0.1").statistic)
    assert found.frame.loc["x - z", "std_error"] == pytest.approx(est.combine("x - z").std_error)
    moved = est.combine(["x - z + 1", f"{X2012} - 0.1", {"log(income)": 2}])
    again = est.combine(["x - z + 1 = 1", f"{X2012} = 0.1", {"log(income)": 2}])
    assert moved.each[0].estimate == pytest.approx(again.each[0].estimate + 1)
    below = est.combine(["x - z = -1", f"{X2012} = 0.1", {"log(income)": 2}])
    assert moved.joint.statistic == pytest.approx(below.joint.statistic, rel=SAME)
    assert moved.joint.statistic != pytest.approx(F)
    assert again.joint.statistic == pytest.approx(F, rel=SAME)
    assert len(est.combine(["x"])) == 1


def test_names_of_combinations(est):
    found = est.combine({"effect in 2012": f"x + {X2012}", "gap": {"x": 1, "z": -1}})
    assert found.frame.index.tolist() == ["effect in 2012", "gap"]
    assert "effect in 2012:" in str(found)
    assert "Wald: F(2, 9)" in str(found)


def test_combinations_that_are_not_independent_have_no_joint_test(est):
    found = est.combine(["x - z", "z - x"])
    assert found.joint is None
    assert "rank" in found.why_no_joint
    assert found[0].statistic == pytest.approx(-found[1].statistic)


def test_combinations_are_those_of_statsmodels(panel):
    ours = kv.estimate("y ~ x + z | unit", panel)
    theirs = smf.ols("y ~ x + z + C(unit)", panel).fit()
    found, peer = ours.combine("x + 2*z = 1"), theirs.t_test("x + 2*z = 1")
    assert found.estimate == pytest.approx(peer.effect.item(), rel=SAME)
    assert found.std_error == pytest.approx(peer.sd.item(), rel=SAME)
    assert found.statistic == pytest.approx(peer.tvalue.item(), rel=SAME)
    assert found.p_value == pytest.approx(peer.pvalue.item(), rel=1e-6)
    np.testing.assert_allclose([found.conf_low, found.conf_high], peer.conf_int().ravel(), rtol=SAME)
    joint = theirs.f_test("x + 2*z = 1, z = 0.5")
    assert ours.combine(["x + 2*z = 1", "z = 0.5"]).joint.statistic == pytest.approx(joint.fvalue, rel=SAME)


@pytest.mark.parametrize(
    "covariance", ["classical", "hc1", "hc3", "cluster", "jackknife", ("cr2", "region"), "twoway"]
)
def test_a_combination_is_the_coefficient_of_the_model_written_for_it(panel, covariance):
    """y = a x + b z = (a + b) x + b (z - x): a + b with its error and its degrees of freedom, CR2's too."""
    data = panel.assign(d=lambda f: f["z"] - f["x"])
    found = kv.estimate("y ~ x + z | unit", data, covariance=covariance).combine("x + z")
    told = kv.estimate("y ~ x + d | unit", data, covariance=covariance)
    expected = told.coefficients.loc["x"]
    for name in ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"):
        assert getattr(found, name) == pytest.approx(expected[name], rel=1e-6), name
    assert found.df == pytest.approx(np.broadcast_to(told.df, len(told.terms))[0], rel=1e-6)


def test_errors_of_a_bootstrap_are_those_beneath_it(panel):
    wild = kv.estimate("y ~ x + z | unit", panel).with_covariance("wild_cluster", draws=19)
    beneath = kv.estimate("y ~ x + z | unit", panel, covariance="cluster")
    assert wild.combine("x + z").std_error == pytest.approx(beneath.combine("x + z").std_error, rel=SAME)
    assert "clustered" in wild.combine("x + z").covariance
    assert "bootstrap" not in wild.combine("x + z").covariance


@pytest.mark.parametrize(
    ("what", "match"),
    [
        ("x + zz", "did you mean 'z'"),
        ("C(year)[T.2012]:zz", r"not among the terms: 'C\(year\)\[T.2012\]:zz'"),
        ({"zz": 1}, "not among the terms"),
        ("x * z", "not linear"),
        ("x / z", "divides"),
        ("x / 0", "divides"),
        ("x z", "sign"),
        ("x +", "missing"),
        ("", "missing"),
        ("(x", "not closed"),
        ("x)", "sign"),
        ("x = z = 0", "more than one"),
        ("x - x", "weights of all terms are zero"),
        ("3", "weights of all terms are zero"),
        ({"x": 0}, "weights of all terms are zero"),
        ({"x": "a"}, "not among the terms"),
        ({"x": np.nan}, "finite"),
        ({"x": None}, "finite"),
        ({}, "weights"),
        ([], "no combination"),
        (3, "combination is"),
        (None, "combination is"),
        ("(" * 50 + "x" + ")" * 50, "deep"),
        ("x + " * 9000 + "x", "characters"),
        ("x; z", "not among"),
        ("__import__('os')", "not among"),
    ],
)
def test_combinations_that_cannot_be_read_are_refused(est, what, match):
    with pytest.raises(SpecificationError, match=match):
        est.combine(what)


def test_a_term_left_out_has_no_coefficient(panel):
    est = kv.estimate("y ~ x + double + z | unit", panel.assign(double=2 * panel["x"]))
    with pytest.raises(SpecificationError, match=r"left out as collinear.*double"):
        est.combine("x + double")
    with pytest.raises(SpecificationError, match=r"left out as collinear.*double"):
        est.combine({"double": 1})
    with pytest.raises(SpecificationError, match="not among the terms"):
        est.combine("x + doubles")
    assert est.combine("x + z").estimate == pytest.approx(est.coef()["x"] + est.coef()["z"])


def test_a_name_with_signs_stands_in_backticks_where_it_is_a_sum_too(panel):
    data = panel.rename(columns={"income": "x - z"})
    est = kv.estimate("y ~ x + z + `x - z` | unit", data)
    with pytest.raises(SpecificationError, match="backticks"):
        est.combine("x - z")
    coef = est.coef()
    assert est.combine("`x - z`").estimate == coef["x - z"]
    assert est.combine("z - x").estimate == pytest.approx(coef["z"] - coef["x"])
    assert est.combine({"x": 1, "z": -1}).estimate == pytest.approx(coef["x"] - coef["z"])
    # Where it is no sum of other terms there is nothing to be confused.
    odd = kv.estimate("y ~ x + `a - b` | unit", data.rename(columns={"x - z": "a - b"}))
    assert odd.combine("a - b - x").estimate == pytest.approx(odd.coef()["a - b"] - odd.coef()["x"])


NAMES = ("a", "b1", "C(g)[T.2]", "C(g)[T.2]:a", "lag(a, 2)")


def sums(depth=3):
    """Text of a linear expression and its weights with, last, its number."""
    unit = {name: np.eye(len(NAMES) + 1)[j] for j, name in enumerate(NAMES)}
    whole = st.integers(0, 9)
    base = st.one_of(
        st.sampled_from(NAMES).map(lambda n: (n, unit[n])),
        whole.map(lambda k: (str(k), k * np.eye(len(NAMES) + 1)[-1])),
    )
    return st.recursive(
        base,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda p: (f"{p[0][0]} + {p[1][0]}", p[0][1] + p[1][1])),
            st.tuples(inner, inner).map(lambda p: (f"{p[0][0]}-({p[1][0]})", p[0][1] - p[1][1])),
            st.tuples(whole, inner).map(lambda p: (f"{p[0]}*({p[1][0]})", p[0] * p[1][1])),
            st.tuples(inner, st.integers(1, 9)).map(lambda p: (f"({p[0][0]}) / {p[1]}", p[0][1] / p[1])),
            inner.map(lambda p: (f"-({p[0]})", -p[1])),
        ),
        max_leaves=6,
    )


@settings(max_examples=80, deadline=None)
@given(sums(), sums())
def test_texts_are_read_as_arithmetic(left, right):
    (text, weights), (other, minus) = left, right
    if weights[:-1].any():
        one = read_combinations(text, NAMES)[0]
        np.testing.assert_allclose(weights_of([one], NAMES)[0], weights[:-1], atol=1e-12)
        assert one.form.number == pytest.approx(weights[-1])
    gap = weights - minus
    if np.abs(gap[:-1]).max() > 1e-9:
        one = read_combinations(f"{text} = {other}", NAMES)[0]
        np.testing.assert_allclose(weights_of([one], NAMES)[0], gap[:-1], atol=1e-12)
        assert one.null == pytest.approx(-gap[-1])
        assert one.form.number == 0


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab1C(g)[T.2]:, lag+-*/=`'\"\\ ", max_size=30))
def test_any_text_is_read_or_refused(text):
    try:
        read = read_combinations(text, NAMES)
    except SpecificationError:
        return
    assert np.isfinite(weights_of(read, NAMES)).all()


@pytest.mark.parametrize(
    ("pattern", "options", "expected"),
    [
        ("C(year)[*]", {}, [f"C(year)[T.{y}]" for y in range(2011, 2015)]),
        ("C(year)[*]:x", {}, [f"C(year)[T.{y}]:x" for y in range(2011, 2015)]),
        ("C(year)[T.201?]:*", {}, [f"C(year)[T.{y}]:x" for y in range(2011, 2015)]),
        (["x", "z"], {}, ["x", "z"]),
        (r"^C\(year\)\[T\.201[12]\]$", {"regex": True}, ["C(year)[T.2011]", "C(year)[T.2012]"]),
        ("log(*", {}, ["log(income)"]),
        (["constant", "z"], {}, ["z", "constant"]),
    ],
)
def test_tests_by_pattern(est, pattern, options, expected):
    found, told = est.wald(pattern, **options), kv.wald_test(est, expected)
    assert (found.df_numerator, found.statistic) == (len(expected), pytest.approx(told.statistic, rel=SAME))
    assert found.null == told.null


def test_a_pattern_means_slopes_and_exact_names_stand_for_themselves(panel):
    est = kv.estimate("y ~ x + z | unit", panel)
    assert est.wald("*").df_numerator == 2
    assert est.wald("*").statistic == pytest.approx(est.f_test().statistic, rel=SAME)
    assert est.wald("x", 0.5).statistic == pytest.approx(est.combine("x = 0.5").statistic ** 2, rel=SAME)
    odd = kv.estimate("y ~ `z*` + z1 | unit", panel.rename(columns={"x": "z*", "z": "z1"}))
    assert odd.wald("z*").df_numerator == 2, "an exact name and a pattern"
    for pattern in ("q*", "", [], "C(year)[*]"):
        with pytest.raises(SpecificationError, match="not among the terms"):
            est.wald(pattern)
    with pytest.raises(SpecificationError, match="regular expression"):
        est.wald("(", regex=True)


def test_terms_left_out_are_not_tested_and_said(panel):
    est = kv.estimate("y ~ x + xx + z | unit", panel.assign(xx=2 * panel["x"]))
    with pytest.warns(DataWarning, match="not tested: xx"):
        found = est.wald("x*")
    assert found.df_numerator == 1


def test_studies_and_frames_answer_the_same_questions():
    rng = np.random.default_rng(2)
    unit, year = np.repeat(np.arange(30), 6), np.tile(np.arange(2010, 2016), 30)
    first = np.where(unit % 3 == 0, 0, 2012 + unit % 3)
    y = (first > 0) * (year >= first) + unit / 10 + rng.normal(size=180)
    data = pd.DataFrame({"unit": unit, "year": year, "first": first, "y": y})
    study = kv.staggered.event_study(data, "y", "unit", "year", "first")
    terms = [t for t in study.terms if "-" not in t]
    V = study.vcov().loc[terms, terms].to_numpy()
    b = study.coef()[terms].to_numpy()
    mean = study.combine({term: 1 / len(terms) for term in terms})
    assert mean.estimate == pytest.approx(study.aggregate("dynamic").estimate, rel=SAME)
    assert mean.std_error == pytest.approx(np.sqrt(V.mean()), rel=SAME)
    assert mean.std_error == pytest.approx(study.aggregate("dynamic").std_error, rel=SAME)
    np.testing.assert_allclose(np.sqrt(np.diag(study.vcov())), study.horizons["std_error"], rtol=SAME)
    assert mean.p_value == pytest.approx(2 * stats.norm.sf(abs(mean.statistic)), rel=SAME)
    chi2 = float(b @ np.linalg.solve(V, b))
    joint = study.wald(terms)
    assert joint.statistic == pytest.approx(chi2 / len(terms), rel=SAME)
    assert joint.p_value == pytest.approx(stats.chi2.sf(chi2, len(terms)), rel=SAME)
    half = stats.norm.ppf(0.95) * study.se()
    np.testing.assert_allclose(study.confint(0.9)["conf_high"], study.coef() + half, rtol=SAME)
    assert "Callaway" in str(study.summary())
    assert "P>|z|" in str(study.summary())
    again = kv.staggered.event_study(data.copy(), "y", "unit", "year", "first")
    assert study == again
    assert hash(study) == hash(again)
    assert study != kv.staggered.event_study(data, "y", "unit", "year", "first", "sun_abraham")

    average = study.result()
    assert average.combine("average[simple]").std_error == average.se().iloc[0]
    assert average.vcov().iloc[0, 0] == pytest.approx(average.se().iloc[0] ** 2)
    assert average == study.result()
    two = TidyResult(study.coefficients, 180, 30, np.inf, study.facts)
    assert two.combine(terms[0]).statistic == pytest.approx(study.combine(terms[0]).statistic)
    for ask in (lambda: two.combine(f"{terms[0]} - {terms[1]}"), two.vcov, lambda: two.wald(terms[:2])):
        with pytest.raises(SpecificationError, match="no covariances"):
            ask()


def averages(est, panel, formula, variable, by, weights=None):
    """Differences of predictions of the same regression with dummies, by statsmodels."""
    theirs = smf.wls(formula, panel, weights=1.0 if weights is None else panel[weights]).fit()
    h = 1e-4 * panel[variable].std()
    up, down = (theirs.predict(panel.assign(**{variable: panel[variable] + s * h})) for s in (1, -1))
    w = np.ones(len(panel)) if weights is None else panel[weights]
    slope = (up - down) / (2 * h) * w
    return slope.groupby(panel[by]).sum() / pd.Series(w, panel.index).groupby(panel[by]).sum()


@pytest.mark.parametrize(
    ("ours", "theirs", "variable"),
    [
        ("y ~ C(year)*x + z | unit", "y ~ C(year)*x + z + C(unit)", "x"),
        ("y ~ x*z + square(x) | unit", "y ~ x*z + I(x**2) + C(unit)", "x"),
        ("y ~ log(income)*x + income | unit", "y ~ np.log(income)*x + income + C(unit)", "income"),
        ("y ~ poly(x, 3) + z | unit", "y ~ x + I(x**2) + I(x**3) + z + C(unit)", "x"),
        ("y ~ I(x**3 / 10) + z | unit", "y ~ I(x**3/10) + z + C(unit)", "x"),
        ("y ~ bs(x, df=5) | unit", "y ~ bs(x, df=5) + C(unit)", "x"),
    ],
)
def test_marginal_effects_are_differences_of_predictions(panel, ours, theirs, variable):
    est = kv.estimate(ours, panel, weights="population", covariance="cluster")
    found = est.marginal(variable, by="year")
    if "bs" in ours:
        # Differences would leave the bounds: compared inside, where both exist.
        inside = panel[panel["x"].between(panel["x"].quantile(0.05), panel["x"].quantile(0.95))]
        h = 1e-4
        ends = [est.predict(inside.assign(x=inside["x"] + s * h)) for s in (1, -1)]
        rows = est.marginal("x", by="n").set_index("n")["estimate"]
        np.testing.assert_allclose(rows[inside["n"]], (ends[0] - ends[1]) / (2 * h), rtol=1e-5, atol=1e-6)
        return
    expected = averages(est, panel, theirs, variable, "year", "population")
    np.testing.assert_allclose(found["estimate"], expected, rtol=1e-5)
    assert found["year"].tolist() == list(range(2010, 2015))
    assert found["n_obs"].eq(10).all()


def test_marginal_effects_through_interactions_are_combinations(est):
    found = est.marginal("x", by="year", level=0.9).set_index("year")
    shown = kv.table(est.marginal("x", by="year", level=0.9))
    assert "nominal 90% interval" in shown.to("md", "en")
    assert "nominelt 90 %-intervall" in shown.to("md", "nb")
    for year in range(2010, 2015):
        told = est.combine("x" if year == 2010 else f"x + C(year)[T.{year}]:x", level=0.9)
        for name in ("estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"):
            assert found.loc[year, name] == pytest.approx(getattr(told, name), rel=DERIVATIVE), name
    assert found.attrs["level"] == 0.9
    assert found.attrs["variable"] == "x"
    assert found.attrs["outcome"] == "y"


def test_marginal_effects_at_values_and_their_errors(panel):
    """d/dx of a x + c x^2 + d x z at x = 2, z = -1 is a + 4 c - d; its variance by the delta method."""
    est = kv.estimate("y ~ x*z + square(x) | unit", panel, covariance=("cr2", "region"))
    found = est.marginal("x", at={"x": [2, 3], "z": -1})
    told = est.combine(["x + 4*square(x) - x:z", "x + 6*square(x) - x:z"]).frame
    for name in ("estimate", "std_error", "p_value", "conf_low"):
        np.testing.assert_allclose(found[name], told[name], rtol=1e-6)
    assert found[["x", "z"]].to_numpy().tolist() == [[2, -1], [3, -1]]
    assert found["n_obs"].eq(len(panel)).all()


def test_averages_are_weighted_as_the_estimation_is_unless_told(panel):
    est = kv.estimate("y ~ x*z | unit", panel, weights="population")
    slope = est.coef()["x"] + est.coef()["x:z"] * panel["z"]
    weighted, plain = est.marginal("x"), est.marginal("x", weighted=False)
    assert weighted["estimate"][0] == pytest.approx(
        np.average(slope, weights=panel["population"]), rel=DERIVATIVE
    )
    assert plain["estimate"][0] == pytest.approx(slope.mean(), rel=DERIVATIVE)
    two = est.marginal("x", by=["region", "site"])
    groups = panel.groupby(["region", "site"])
    expected = groups.apply(
        lambda g: np.average(slope[g.index], weights=g["population"]), include_groups=False
    )
    np.testing.assert_allclose(two["estimate"], expected, rtol=DERIVATIVE)
    assert two[["region", "site"]].to_numpy().tolist() == [list(key) for key in expected.index]


def test_a_step_does_not_leave_what_is_positive(panel):
    """Values that are tiny beside their spread: d/dx of b log(x) is b/x, exact to the step's fourth power."""
    data = panel.assign(size=np.exp(3 * panel["z"]))
    est = kv.estimate("y ~ log(size) | unit", data)
    rows = est.marginal("size", by="n")["estimate"]
    np.testing.assert_allclose(rows, est.coef()["log(size)"] / data["size"], rtol=1e-7)


def test_a_derivative_of_a_straight_line_is_its_slope_everywhere(panel):
    est = kv.estimate("y ~ x + z | unit", panel)
    found = est.marginal("x", at={"z": [0.0, 1.0], "x": [-3.0, 7.0]})
    np.testing.assert_allclose(found["estimate"], est.coef()["x"], rtol=DERIVATIVE)
    np.testing.assert_allclose(found["std_error"], est.se()["x"], rtol=DERIVATIVE)
    assert found[["z", "x"]].to_numpy().tolist() == [[0, -3], [0, 7], [1, -3], [1, 7]]


@pytest.mark.parametrize(
    ("formula", "arguments", "error", "match"),
    [
        ("y ~ C(year) + x | unit", ("year",), SpecificationError, "levels have no derivative"),
        ("y ~ i(year, x, ref=2010) + z | unit", ("year",), SpecificationError, "levels have no derivative"),
        ("y ~ x + lag(x) | unit", ("x",), SpecificationError, "lag or difference"),
        ("y ~ x | unit", ("z",), SpecificationError, "no term is made of"),
        ("y ~ x | unit", ("zz",), SpecificationError, "no term is made of"),
        ("y ~ x | unit", (3,), SpecificationError, "name of a column"),
        ("y ~ x + year:x | unit + year", ("year",), SpecificationError, "absorbed effects"),
        ("y ~ x | unit", ("x", "x"), SpecificationError, "at once"),
        ("y ~ x | unit", ("x", "nothing"), DataMissingError, "nothing"),
        ("y ~ x | unit", ("x", None, {"nothing": 1}), DataMissingError, "nothing"),
        ("y ~ x | unit", ("x", "year", {"year": 2010}), SpecificationError, "different columns"),
        ("y ~ x | unit", ("x", None, {"x": np.nan}), SpecificationError, "missing value"),
        ("y ~ x | unit", ("x", None, {"x": []}), SpecificationError, "combinations"),
        ("y ~ x | unit", ("x", None, {"x": range(2000)}), SpecificationError, "combinations"),
        ("y ~ x*C(region) | unit", ("x", None, {"region": 9}), InvalidDataError, "9"),
        ("y ~ bs(x, df=4) | unit", ("x", None, {"x": 1e6}), InvalidDataError, "x"),
        ("y ~ x | unit", ("x", None, None, 95), SpecificationError, "between 0 and 1"),
        ("y ~ x + gap | unit", ("x", "gap"), SpecificationError, "missing in rows"),
    ],
)
def test_derivatives_that_do_not_exist_are_refused(panel, formula, arguments, error, match):
    data = panel.assign(gap=np.where(panel["n"] == 3, np.nan, panel["z"]))
    formula = formula.replace("+ gap ", "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        est = kv.estimate(formula, data)
    with pytest.raises(error, match=match):
        est.marginal(*arguments)


def test_a_derivative_is_refused_where_terms_left_out_could_change_it(panel):
    """Twice x is in the model too: only the sum of a and twice b is known, and that only if both move."""
    data = panel.assign(double=2 * panel["x"], level=panel["unit"] + 0.5)
    est = kv.estimate("y ~ x + double + z | unit", data)
    with pytest.raises(SpecificationError, match="double was left out"):
        est.marginal("x")
    assert est.marginal("z")["estimate"][0] == pytest.approx(est.coef()["z"], rel=DERIVATIVE)
    fixed = kv.estimate("y ~ level*z | unit", data)
    assert fixed.dropped == ("level",)
    with pytest.raises(SpecificationError, match="level was left out"):
        fixed.marginal("level")
    found = fixed.marginal("z")["estimate"][0]
    assert found == pytest.approx(
        fixed.coef()["z"] + fixed.coef()["level:z"] * data["level"].mean(), rel=DERIVATIVE
    )


def test_a_derivative_is_known_where_the_term_left_out_follows_from_the_others(panel):
    """A natural spline's columns add up to one: the last is left out, and the curve is known."""
    est = kv.estimate("y ~ cr(x, df=4) | unit", panel)
    assert est.dropped == ("cr(x, df=4)[4]",)
    inside = panel[panel["x"].between(*panel["x"].quantile([0.1, 0.9]))]
    rows = est.marginal("x", by="n").set_index("n")["estimate"][inside["n"]]
    ends = [est.predict(inside.assign(x=inside["x"] + s * 1e-4)) for s in (1, -1)]
    np.testing.assert_allclose(rows, (ends[0] - ends[1]) / 2e-4, rtol=1e-5, atol=1e-6)


def test_maketables_takes_every_kind_of_result(est, panel):
    from maketables import ETable

    ar1 = kv.estimate_ar1(kv.Specification.from_formula("y ~ x + z | unit"), panel)
    text = ETable([est, ar1]).make(type="tex")
    for model in (est, ar1):
        assert f"{model.coef()['x']:.3f}" in text
        assert f"({model.se()['x']:.3f})" in text
        assert str(model.n_obs) in text
    assert f"{est.r_squared:.3f}" in text
    assert f"{ar1.rho:.3f}" in text
    assert "unit" in text


def test_what_maketables_asks(est, panel):
    table = est.__maketables_coef_table__
    assert table.columns.tolist() == ["b", "se", "t", "p", "ci95l", "ci95u"]
    assert table.index.name == "Coefficient"
    np.testing.assert_array_equal(table["se"], est.se())
    assert est.__maketables_stat__("rmse") == est.sigma
    assert est.__maketables_stat__("ll") == est.log_likelihood
    assert est.__maketables_stat__("N") == len(panel)
    assert est.__maketables_stat__("r2") == est.r_squared
    assert est.__maketables_stat__("nothing") is None
    assert est.__maketables_fixef_string__ == "unit"
    assert est.__maketables_vcov_info__["clustervar"] == "unit"
    pooled = kv.estimate("y ~ x", panel, entity="unit")
    assert pooled.__maketables_fixef_string__ is None
    ar1 = kv.estimate_ar1(kv.Specification.from_formula("y ~ x + z | unit"), panel)
    assert ar1.__maketables_stat__("ll") is None, "a likelihood that does not exist is no number"
    assert ar1.__maketables_stat__("rho") == ar1.rho


def test_notebooks_show_what_the_report_writes(est, monkeypatch):
    import sys
    import types

    stub = types.ModuleType("kostnadsvekst.report.notebook")
    stub.html_of = lambda result: f"<p>{result.n_obs}</p>"
    monkeypatch.setitem(sys.modules, "kostnadsvekst.report.notebook", stub)
    assert est._repr_html_() == "<p>50</p>"


@pytest.mark.peers
def test_marginaleffects_takes_an_estimate(panel):
    """The package itself: same slopes, errors and tests.

    Its errors come from differences of differences: a wider step than its own leaves them five digits.
    """
    from marginaleffects import avg_comparisons, avg_predictions, avg_slopes, hypotheses

    est = kv.estimate(
        "y ~ C(year)*x + square(x) + log(income) | unit", panel, weights="population", covariance="cluster"
    )
    model = est.for_marginaleffects()
    theirs = (
        avg_slopes(model, variables="x", by="year", wts="population", eps=1e-2)
        .to_pandas()
        .sort_values("year")
    )
    ours = est.marginal("x", by="year")
    for name in ("estimate", "std_error", "p_value", "conf_low"):
        np.testing.assert_allclose(theirs[name], ours[name], rtol=5e-5)
    assert avg_predictions(model)["estimate"][0] == pytest.approx(est.fitted.mean(), rel=1e-6)
    pairs = hypotheses(model, hypothesis=["b0 = b1"]).to_pandas()
    told = est.combine(f"{est.terms[0]} - {est.terms[1]}")
    assert pairs["std_error"][0] == pytest.approx(told.std_error, rel=1e-6)
    years = avg_comparisons(model, variables="year").to_pandas()
    assert len(years) == 4
    flat = kv.estimate("y ~ C(year) + x | unit", panel)
    years = avg_comparisons(flat.for_marginaleffects(), variables="year").to_pandas()
    np.testing.assert_allclose(years["estimate"], flat.coef()[:4], rtol=1e-6)
    np.testing.assert_allclose(years["std_error"], flat.se()[:4], rtol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        lagged = kv.estimate("y ~ lag(x) | unit", panel)
    with pytest.raises(SpecificationError, match="lag"):
        lagged.for_marginaleffects()


def test_without_marginaleffects_a_sentence_says_what_is_missing(est, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "marginaleffects.classes", None)
    with pytest.raises(DataMissingError, match="pip install marginaleffects"):
        est.for_marginaleffects()
