"""What I(), references, i(), polynomials and splines compute: against formulaic and R; kept state."""

import warnings

import formulaic
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.models import grammar
from kostnadsvekst.models.bases import fit_basis
from kostnadsvekst.models.design import build_design, columns_of, parse_terms, read_sample
from kostnadsvekst.models.preparation import prepare
from kostnadsvekst.models.transformations import transformed_columns

from_formula = kv.Specification.from_formula


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    data = make_panel(14, 6, 4)
    return data.assign(
        w=np.abs(data["x"]) + 1, area=np.array(list("abcd"))[data["region"]], count=data["year"] - 2000
    )


def design(data, *regressors):
    terms = parse_terms([grammar.canonical(term) for term in regressors], data.columns)
    numeric, categorical = columns_of(terms)
    made = transformed_columns(data, numeric, "unit", "year")
    return build_design(terms, read_sample(data, numeric, categorical, made))


# Against formulaic ----------

EQUAL = [
    ("I(x ** 2)", "I(x**2)"),
    ("I(x^2)", "I(x**2)"),
    ("I(x*z - w/2)", "I(x*z - w/2)"),
    ("I(x > 0)", "I((x > 0).astype(float))"),
    ("I(x > 0):z", "I((x > 0).astype(float)):z"),
    ("log(I(w + 1))", "I(np.log(w + 1))"),
    ("poly(x, 3)", "poly(x, degree=3)"),
    ("poly(count, 4)", "poly(count, degree=4)"),
    ("poly(x, 2, raw=True)", "x + I(x**2)"),
    ("poly(log(w), 2)", "poly(np.log(w), degree=2)"),
    ("poly(x, 2):z", "poly(x, degree=2):z"),
    ("bs(x, df=4)", "bs(x, df=4)"),
    ("bs(x, df=5, degree=2)", "bs(x, df=5, degree=2)"),
    ("bs(x, knots=[-0.5, 0.5], lower_bound=-9, upper_bound=9)",) * 2,
    ("cr(x, df=4)", "cr(x, df=4)"),
    ("cs(x, df=4)", "cs(x, df=4)"),
    ("cr(x, df=3, constraints='center')", "cr(x, df=3, constraints='center')"),
    ('C(area, ref="b")', 'C(area, Treatment("b"))'),
    ('C(area, Treatment("c"))', 'C(area, Treatment("c"))'),
    ('C(area, Treatment(reference="c"))', 'C(area, Treatment("c"))'),
    ('C(area, contr.treatment(base="d"))', 'C(area, contr.treatment(base="d"))'),
    ("C(year, ref=2012)", "C(year, Treatment(2012))"),
    ('C(area, ref="b")*x', 'C(area, Treatment("b"))*x'),
    ('C(area, ref="b"):x', 'C(area, Treatment("b")):x'),
    ("C(area):poly(x, 2)", "C(area):poly(x, degree=2)"),
]


@pytest.mark.parametrize(("ours", "theirs"), EQUAL)
def test_equals_formulaic(panel, ours, theirs):
    found = design(panel, ours)
    expected = formulaic.model_matrix(theirs, panel, context={"np": np}).drop(columns="Intercept")
    assert found.columns.shape == expected.shape
    np.testing.assert_allclose(*(in_order(columns) for columns in (found.columns, expected)), atol=1e-12)


def in_order(columns):
    """Columns sorted by their values: programs differ in what varies first in a product."""
    return np.array(sorted(np.round(np.asarray(columns, dtype=float).T, 11).tolist()))


@pytest.mark.parametrize(
    ("ours", "names"),
    [
        ("I(x^2)", ["I(x ** 2)"]),
        ("I(`net cost` / 2)", ["I(`net cost` / 2)"]),
        ("poly(x, 2)", ["poly(x, 2)[1]", "poly(x, 2)[2]"]),
        ("poly(`net cost`, 2)", ["poly(net cost, 2)[1]", "poly(net cost, 2)[2]"]),
        ("bs(x, degree=2, df=2)", ["bs(x, df=2, degree=2)[1]", "bs(x, df=2, degree=2)[2]"]),
        ('C(area, ref="b")', ["C(area)[T.a]", "C(area)[T.c]", "C(area)[T.d]"]),
        ("i(area, ref='d')", ["C(area)[T.a]", "C(area)[T.b]", "C(area)[T.c]"]),
        ("i(area, x, ref='d')", ["C(area)[T.a]:x", "C(area)[T.b]:x", "C(area)[T.c]:x"]),
        ("i(area)", ["C(area)[a]", "C(area)[b]", "C(area)[c]", "C(area)[d]"]),
    ],
)
def test_names_of_terms(panel, ours, names):
    assert list(design(panel.assign(**{"net cost": panel["w"]}), ours).terms) == names


# i(), against dummies and pyfixest ----------


@pytest.mark.parametrize("ref", [2010, 2013])
def test_i_leaves_its_reference_out_whatever_else_is_there(panel, ref):
    found = design(panel, f"i(year, x, ref={ref})")
    years = [year for year in range(2010, 2016) if year != ref]
    expected = np.column_stack([(panel["year"] == year) * panel["x"] for year in years])
    np.testing.assert_array_equal(found.columns, expected)
    # With C() the marginality rule would keep all six years: x alone is not in the model.
    assert design(panel, f"C(year, ref={ref}):x").columns.shape[1] == 6


def test_i_equals_pyfixest(panel):
    pf = pytest.importorskip("pyfixest")
    found = kv.estimate("y ~ i(year, x, ref=2012) + z | unit", panel)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = pf.feols("y ~ i(year, x, ref=2012) + z | unit", panel)
    np.testing.assert_allclose(np.sort(found.coefficients["estimate"][:-1]), np.sort(other.coef()), rtol=1e-8)


def test_a_level_of_either_kind_is_a_reference(panel):
    texts = panel.assign(year=panel["year"].astype(str))
    expected = design(panel, "C(year, ref=2013)")
    for ref in ("2013", '"2013"', "2013.0", "Treatment(2013)"):
        found = design(texts, f"C(year, ref={ref})" if ref[0] != "T" else f"C(year, {ref})")
        np.testing.assert_array_equal(found.columns, expected.columns)
        assert found.terms == expected.terms


def test_changing_the_reference_changes_no_fit(panel):
    first = kv.estimate("y ~ C(year) + x | unit", panel)
    other = kv.estimate("y ~ C(year, ref=2014) + x | unit", panel)
    np.testing.assert_allclose(first.fit.residuals, other.fit.residuals, atol=1e-10)
    moved = first.coefficients.loc["C(year)[T.2012]", "estimate"]
    moved -= first.coefficients.loc["C(year)[T.2014]", "estimate"]
    assert other.coefficients.loc["C(year)[T.2012]", "estimate"] == pytest.approx(moved, rel=1e-9)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("y ~ C(area, ref='e') | unit", "no row that is used has the reference level 'e'"),
        ("y ~ C(area, ref='A') | unit", "levels are a, b, c, d"),
        ("y ~ i(year, x, ref=2022) | unit", "reference level '2022'"),
        ("y ~ C(area) + C(area, ref='b'):x | unit", 'different references: C(area), C(area, ref="b")'),
        ("y ~ i(year, ref=2012) + C(year, ref=2012) | unit", "two terms would be called"),
        ("y ~ poly(area, 2) | unit", "'area' has text in 84 row(s)"),
        ("y ~ poly(year, 6) | unit", "more than 6 different values, and the rows used have 6"),
        ("y ~ bs(x, df=2) | unit", "bs(x, df=2) does not exist for these values"),
        ("y ~ bs(x, knots=[99]) | unit", "the knots 99"),
        ("y ~ bs(x, df=4, lower_bound=0) | unit", "beyond its bounds"),
        ("y ~ cr(region, df=4) | unit", "more than 4 different values"),
        ("y ~ I(area + 1) | unit", "'area' is text"),
        ("y ~ I(x / 0) | unit", "does not exist in 84 row(s), or is infinite"),
        ("y ~ I(x ** z) | unit", "its exponent a number"),
        ("y ~ x | unit | d ~ I(q + 1)", "'q'"),
        ("y ~ I(x if x else 1) | unit", "it may compare columns"),
    ],
)
def test_what_cannot_be_computed_is_refused_by_name(panel, formula, words):
    with pytest.raises((SpecificationError, InvalidDataError, DataMissingError)) as caught:
        kv.estimate(formula, panel)
    assert words in str(caught.value)


def test_a_missing_value_stays_missing(panel):
    """Of comparisons too, which pandas answers with False."""
    gaps = panel.assign(x=panel["x"].where(panel["year"] != 2012))
    with pytest.warns(DataWarning, match="14 of 84 rows"):
        found = kv.estimate("y ~ I(x > 0) + z | unit", gaps)
    expected = kv.estimate("y ~ I(x > 0) + z | unit", panel[panel["year"] != 2012])
    np.testing.assert_array_equal(found.coefficients, expected.coefficients)


def test_what_does_not_exist_outside_the_sample_does_no_harm(panel):
    data = panel.assign(w=panel["w"].where(panel["year"] != 2010, 0.0))
    with pytest.raises(InvalidDataError, match=r"I\(1 / w\) does not exist in 14 row\(s\)"):
        kv.estimate("y ~ I(1/w) + x | unit", data)
    found = kv.estimate("y ~ I(1/w) + x | unit", data, sample="year > 2010")
    expected = kv.estimate("y ~ I(1/w) + x | unit", panel, sample="year > 2010")
    np.testing.assert_array_equal(found.coefficients, expected.coefficients)


def test_whole_numbers_do_not_overflow(panel):
    data = panel.assign(small=np.full(len(panel), 100, dtype=np.int8))
    assert design(data, "I(small * small)").columns[0, 0] == 10_000


# Polynomials ----------


def test_a_polynomial_is_that_of_r():
    """R 4.2.2: print(poly(c(1, 2, 4, 7, 11, 16), 2), digits = 15)."""
    found = fit_basis("poly(x, 2)", np.array([1.0, 2, 4, 7, 11, 16])).columns(
        np.array([1.0, 2, 4, 7, 11, 16])
    )
    expected = R_POLY
    np.testing.assert_allclose(found, expected, atol=1e-12)


R_POLY = np.array(
    [
        [-0.4516223023309454, 0.442497678868710],
        [-0.3742013362170693, 0.189641862372304],
        [-0.2193594039893164, -0.205445350903330],
        [0.0129034943523127, -0.521515121523837],
        [0.3225873588078181, -0.426694190337684],
        [0.7096921893772001, 0.521515121523837],
    ]
)


POINTS = st.lists(st.integers(-1000, 1000), min_size=5, max_size=12, unique=True)


@pytest.mark.parametrize("examples", [100, pytest.param(2000, marks=pytest.mark.slow)])
def test_orthogonal_columns_span_the_powers(examples):
    parts = (POINTS, st.integers(1, 3), st.floats(-10, 10))
    settings(max_examples=examples, deadline=None)(given(*parts)(check_polynomial))()


def check_polynomial(values, degree, point):
    x = np.array(values, dtype=float)
    basis = fit_basis(f"poly(x, {degree})", x)
    Q = np.column_stack([np.full(len(x), len(x) ** -0.5), basis.columns(x)])
    np.testing.assert_allclose(Q.T @ Q, np.eye(degree + 1), atol=1e-8)
    # At any point they are the same combination of powers as at the points that they were made of.
    powers = np.vander(x / 1000, degree + 1)
    weights = np.linalg.lstsq(powers, Q, rcond=None)[0]
    new = np.vander(np.array([point]) / 1000, degree + 1) @ weights
    np.testing.assert_allclose(basis.columns(np.array([point])), new[:, 1:], rtol=1e-4, atol=1e-6)


def test_orthogonal_and_raw_polynomials_are_one_model(panel):
    first, other = (kv.estimate(f"y ~ poly(x, 3{raw}) | unit", panel) for raw in ("", ", raw=True"))
    np.testing.assert_allclose(first.fit.residuals, other.fit.residuals, atol=1e-9)


# Kept state: the columns of other data ----------

SEVERAL = "y ~ poly(x, 2) + bs(w, df=4) + cr(z, df=3) + C(year, ref=2012) + i(area, x, ref='b') + I(x*z)"


def state_of(spec, data):
    return prepare(spec, data).build_design().state


def columns_of_new(spec, old, new):
    return kv.estimate(spec, old).terms_of_estimate.columns_of(new)


def test_new_data_get_the_columns_of_the_old(panel):
    """Whatever rows they are: the same rows have the same columns as in the estimate."""
    spec = from_formula(f"{SEVERAL} | unit")
    whole = prepare(spec, panel).build_design()
    some = panel.iloc[[5, 30, 61]]
    est = kv.estimate(spec, panel)
    found = est.terms_of_estimate.columns_of(some[["x", "w", "z", "year", "area"]])
    kept = [whole.terms.index(term) for term in est.terms[:-1]]
    np.testing.assert_allclose(found, whole.columns[np.ix_([5, 30, 61], kept)], atol=1e-12)


def test_new_data_by_formulaic(panel):
    old, new = (
        panel.iloc[:60],
        panel.iloc[60:].assign(w=lambda f: f["w"].clip(upper=panel["w"].iloc[:60].max())),
    )
    for ours, theirs in (("poly(x, 3)", "poly(x, degree=3)"), ("bs(w, df=4)",) * 2, ("cr(x, df=4)",) * 2):
        spec = from_formula(f"y ~ {ours} | unit")
        fitted = formulaic.model_matrix(f"0 + {theirs}", old)
        est = kv.estimate(spec, old)
        kept = [prepare(spec, old).build_design().terms.index(term) for term in est.terms[:-1]]
        wanted = fitted.model_spec.get_model_matrix(new).to_numpy()[:, kept]
        np.testing.assert_allclose(est.terms_of_estimate.columns_of(new), wanted, atol=1e-10)


def test_a_natural_spline_goes_on_in_a_straight_line(panel):
    basis = fit_basis("cr(x, df=4)", panel["x"].to_numpy())
    far = basis.columns(panel["x"].max() + np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(far[2] - far[1], far[1] - far[0], atol=1e-9)


def test_new_data_with_missing_values_and_lags(panel):
    spec = from_formula("y ~ lag(x) + poly(z, 2) + C(area) | unit")
    with pytest.warns(DataWarning, match="14 of 70"):
        terms = kv.estimate(spec, panel[panel["year"] < 2015]).terms_of_estimate
    new = panel.assign(z=panel["z"].where(panel.index != 3), area=panel["area"].where(panel.index != 4))
    found = terms.columns_of(new)
    missing = np.isnan(found)
    assert (missing.all(axis=1) == missing.any(axis=1)).all()
    expected = (panel["year"] == 2010) | panel.index.isin([3, 4])
    np.testing.assert_array_equal(missing.any(axis=1), expected)
    lagged = panel.groupby("unit")["x"].shift()
    np.testing.assert_array_equal(found[~expected, 0], lagged[~expected])
    with pytest.raises(DataMissingError, match="'year'"):
        terms.columns_of(new.drop(columns="year"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"area": "e"}, "levels of C(area) that the estimation does not have"),
        ({"w": 99.0}, "1 value(s) lie outside"),
        ({"x": "much"}, "where numbers are needed"),
    ],
)
def test_new_data_that_cannot_be_used(panel, change, words):
    spec = from_formula("y ~ x + bs(w, df=4) + C(area) | unit")
    new = panel.iloc[:1].assign(**change)
    with pytest.raises(InvalidDataError) as caught:
        columns_of_new(spec, panel, new)
    assert words in str(caught.value)


def test_state_is_that_of_the_rows_used(panel):
    """Levels, knots and coefficients know nothing of rows outside of the sample."""
    spec = from_formula("y ~ poly(x, 2) + C(year) | unit", sample="year > 2011")
    expected = state_of(spec.vary(sample=()), panel[panel["year"] > 2011])
    found = state_of(spec, panel)
    np.testing.assert_allclose(found.bases["poly(`x`, 2)"].centres, expected.bases["poly(`x`, 2)"].centres)
    assert list(found.levels["year"]) == [2012, 2013, 2014, 2015]


# One way of writing ----------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("I(x**2)", "I( x ^ 2 )"),
        ("I(x**2 + `net cost`**3)", "I(x^2 + `net cost`^3)"),
        ("C(a, ref='b')", 'C(a, Treatment("b"))'),
        ("C(a, ref='b')", 'C(a, Treatment(reference = "b"))'),
        ("C(a, ref=2)", "C(a, ref=2.0)"),
        ("poly(x, 3)", "poly(x, degree=3, raw=False)"),
        ("bs(x, df=4)", "bs(x, 4, degree=3)"),
        ("i(year, x, ref=1)", "i(year, ref=1):x"),
    ],
)
def test_two_ways_of_writing_are_one_specification(one, other):
    assert from_formula(f"y ~ {one} | unit") == from_formula(f"y ~ {other} | unit")
    assert kv.Specification("y", (one,), "unit") == kv.Specification("y", (other,), "unit")


COLUMN = st.sampled_from(["x", "net cost", "a:b", "C(x)", "æ`ø", "poly(x, 2)", '"quoted"', "it's"]).map(
    grammar.quote
)
LEVEL = st.one_of(
    st.integers(-99, 2030),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.text("ab`:*(),[]\"'\\ |~", max_size=5),
).map(repr)
CALL = st.one_of(
    st.builds("C({}, ref={})".format, COLUMN, LEVEL),
    st.builds("C({}, Treatment({}))".format, COLUMN, LEVEL),
    st.builds("i({}, {}, ref={})".format, COLUMN, COLUMN, LEVEL),
    st.builds("poly({}, {})".format, COLUMN, st.integers(1, 10)),
    st.builds("bs(log({}), df={}, degree=2)".format, COLUMN, st.integers(1, 50)),
    st.builds("cr({}, knots={})".format, COLUMN, st.sets(st.integers(-9, 9), min_size=1).map(sorted)),
    st.builds("I({} {} {}.5)".format, COLUMN, st.sampled_from("+-*/<"), st.integers(0, 99)),
    st.builds("log(I({} ** 2 + 1))".format, COLUMN),
)


@pytest.mark.parametrize("examples", [60, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_specification_of_calls_comes_back(examples):
    parts = (st.lists(CALL, min_size=1, max_size=3), st.booleans())
    settings(max_examples=examples, deadline=None)(given(*parts)(check_calls))()


def check_calls(calls, product):
    term = ":".join(calls) if product else calls[0]
    # A column that i() has beside it may be in the product once more.
    if len({grammar.canonical(call) for call in calls}) < len(calls) or ("i(" in term and product):
        return
    spec = from_formula(f"y ~ {term} | unit")
    assert from_formula(spec.formula) == spec
    assert kv.Specification("y", spec.regressors, "unit") == spec
    assert kv.Specification.from_toml(spec.to_toml()) == spec


def test_the_curve_and_groups_know_the_terms(panel):
    spec = from_formula("y ~ x + poly(z, 2) | unit")
    curve = kv.specification_curve([spec, spec.without("poly(z, 2)")], panel)
    expected = kv.estimate(spec, panel).coefficients.loc["x", "estimate"]
    assert np.isclose(curve.frame["estimate"], expected, rtol=1e-10).any()
    split = kv.decompose(spec.without("poly(z, 2)"), spec, panel)
    assert set(split["group"]) == {"poly(z, 2)", "total"}


def test_functions_of_time_are_time_where_growth_is_accounted_for(panel):
    """A trend is a year effect, however it is written."""
    shares = []
    for trend in ("poly(year, 2)", "I(year - 2010) + I((year - 2010)**2)"):
        est = kv.estimate(f"y ~ x + {trend} | unit", panel)
        found = kv.account_for_growth(est, panel, 2010, 2015).set_index("part")["contribution"]
        assert set(found.index) == {
            "means", "coefficients", "year effects", "unit effects", "residuals", "total"
        } - ({"coefficients"} - set(found.index))  # fmt: skip
        shares.append(found["year effects"])
    assert shares[0] == pytest.approx(shares[1], rel=1e-6)
