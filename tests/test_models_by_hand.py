"""Samples, transformations, grids, tests of specifications, bootstrap draws and Poisson, by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f as fisher

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.models.balanced.poisson import fit_poisson
from kostnadsvekst.models.jackknife import cluster_products, leave_one_out
from kostnadsvekst.models.samples import SAMPLES, sample_label, sample_mask
from kostnadsvekst.models.second_opinion import ask_linearmodels
from kostnadsvekst.models.transformations import Call, parse_call, source_columns, transformed_columns
from kostnadsvekst.models.wild_bootstrap import DISTRIBUTIONS, draw_signs, wild_test

SPEC = kv.Specification("y", ("x", "z", "C(year)"), "unit", "year", "population")


@pytest.fixture(scope="module")
def panel():
    return make_panel(10, 5, 5, seed=21)


@pytest.fixture(scope="module")
def fitted(panel):
    return kv.estimate(SPEC, panel)


# Samples ----------


def units(**sizes):
    """Each unit in two years with the populations given."""
    rows = [(name, 2015 + t, p) for name, pair in sizes.items() for t, p in enumerate(pair)]
    return pd.DataFrame(rows, columns=["unit", "year", "population"])


def kept(name, data):
    return sorted(set(data["unit"][sample_mask([name], data, "unit")]))


def test_size_classes_hold_their_lower_bound():
    data = units(
        a=(1, 2),
        b=(4999, 5000),
        c=(4999, 5001),
        d=(9000, 30000),
        e=(19999, 20000),
        f=(20000, 20000),
        g=(9e5, 1),
    )
    assert kept("small", data) == ["a", "b"]
    assert kept("medium", data) == ["c", "d", "e"]
    assert kept("large", data) == ["f", "g"]
    assert kept("without_oslo", data) == ["a", "b", "c", "d", "e", "f"]
    with_code = data.assign(unit=data["unit"].replace("a", "0301"))
    assert kept("without_oslo", with_code) == ["b", "c", "d", "e", "f", "g"]
    without = data.drop(columns="population")
    for name in ("small", "without_oslo"):
        with pytest.raises(DataMissingError, match="'population'"):
            sample_mask([name], without, "unit")


@pytest.mark.parametrize("column", ["net_expenditure", "free_income"])
@pytest.mark.parametrize(
    ("value", "fine"), [(20.0, True), (19.99, False), (500.0, True), (500.01, False), (np.nan, False)]
)
def test_evident_errors_are_beyond_a_factor_of_five(column, value, fine):
    data = pd.DataFrame({"unit": [1, 1, 2, 2, 2], "net_expenditure": 100.0, "free_income": 100.0})
    data.loc[1, column] = value
    assert sample_mask(["without_errors"], data, "unit").tolist() == [True, fine, True, True, True]
    with pytest.raises(DataMissingError, match=f"'{column}'"):
        sample_mask(["without_errors"], data.drop(columns=column), "unit")


def test_two_units_are_enough_and_one_is_not():
    data = units(a=(1, 2), b=(3, 4))
    assert sample_mask(["year == 2015"], data, "unit").tolist() == [True, False, True, False]
    assert sample_mask([], data, "unit").all()
    with pytest.raises(SpecificationError) as caught:
        sample_mask(["year > 2015", "population < 3", "population > 9"], data, "unit")
    assert str(caught.value) == (
        "the sample 'year > 2015 and population < 3 and population > 9' leaves 1 row(s) of 1 unit: "
        "at least two are needed (stopped at 'population < 3')"
    )


@pytest.mark.parametrize(
    "expression", ["__import__('os')", "`year`.max() > 1", "(year).max", "f(1)", "year.x", "@x", "(year)(1)"]
)
def test_expressions_that_would_run_code(expression):
    data = units(a=(1, 2), b=(3, 4))
    with pytest.raises(SpecificationError, match="but not call functions"):
        sample_mask([expression], data, "unit")


def test_expressions_that_only_compare():
    data = units(a=(1, 2), b=(3, 4)).assign(name=["f(x)", "a.b", "__", "@"])
    for expression in (
        "name != 'f(y)'",
        "not (year in (2014,))",
        "(year > 1) and (population < 9)",
        "year > 1.5",
    ):
        assert sample_mask([expression], data, "unit").all(), expression
    with pytest.raises(SpecificationError, match="'population' is not true or false for each row"):
        sample_mask(["population"], data, "unit")
    with pytest.raises(SpecificationError, match="'1 < 2' is not true or false for each row"):
        sample_mask(["1 < 2"], data, "unit")


def test_labels_of_samples():
    assert sample_label(()).en == "all municipalities"
    both = sample_label(("small", "year > 2015"))
    assert both.en == f"{SAMPLES['small'].label.en}, year > 2015"
    assert both.nb == f"{SAMPLES['small'].label.nb}, year > 2015"


# Transformations ----------


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("lag(x)", Call("lag", "x", 1)),
        (" lag( x , 2 ) ", Call("lag", "x", 2)),
        ("diff(log(x), 3)", Call("diff", "log(x)", 3)),
        ("log(lag(x, 2))", Call("log", "lag(x, 2)", 1)),
        ("lag(x, 1)", Call("lag", "x", 1)),
        ("sqrt(x)", None),
        ("x", None),
    ],
)
def test_calls_as_written(text, call):
    assert parse_call(text) == call


def test_sources_of_terms():
    assert source_columns("per_capita(log(x))", ["x"]) == ("x", "population")
    assert source_columns("total(x)", ["x"]) == ("x", "population")
    assert source_columns("lag(square(x), 2)", ["x"]) == ("x",)
    assert source_columns("log(x)", ["log(x)"]) == ("log(x)",)
    for text in ("log(x, 1)", "lag(x, 0)", "square(x, 2)"):
        with pytest.raises(SpecificationError, match="goes with lag and diff only"):
            parse_call(text)


def test_transformed_columns_by_hand():
    data = pd.DataFrame(
        {
            "u": [1, 1, 1, 1, 2, 2],
            "t": [3, 1, 2, 5, 1, 2],
            "x": [9.0, 1, 4, 25, 100, 10],
            "population": [2.0] * 6,
        }
    )
    factors = [
        "lag(x)",
        "lag(x, 2)",
        "diff(x, 3)",
        "square(x)",
        "per_capita(x)",
        "total(x)",
        "diff(square(x))",
    ]
    made = transformed_columns(data, factors, "u", "t")
    expected = {
        "lag(x)": [4, np.nan, 1, np.nan, np.nan, 100],
        "lag(x, 2)": [1, np.nan, np.nan, 9, np.nan, np.nan],
        "diff(x, 3)": [np.nan, np.nan, np.nan, 21, np.nan, np.nan],
        "square(x)": [81, 1, 16, 625, 10000, 100],
        "per_capita(x)": [4.5, 0.5, 2, 12.5, 50, 5],
        "total(x)": [18, 2, 8, 50, 200, 20],
        "diff(square(x))": [65, np.nan, 15, np.nan, np.nan, -9900],
    }
    assert list(made) == factors
    for name, values in expected.items():
        np.testing.assert_allclose(made[name], values)
    assert transformed_columns(data, ["x", "u"], "u", "t") == {}
    own = data.assign(**{"log(x)": 7.0})
    assert transformed_columns(own, ["log(x)"], "u", "t") == {}
    nested = transformed_columns(own, ["lag(log(x))"], "u", "t")["lag(log(x))"]
    assert nested.dropna().unique().tolist() == [7.0]
    with pytest.raises(DataMissingError, match="'population'"):
        kv.estimate(kv.Specification("x", ["per_capita(x)"], "u", "t"), data.drop(columns="population"))


@pytest.mark.parametrize("n", [1, 10, 11])
def test_logarithms_that_do_not_exist_are_listed_up_to_ten(n):
    data = pd.DataFrame({"u": range(12), "t": 1, "x": [0.0] * n + [1.0] * (12 - n)})
    data.loc[11, "x"] = np.nan
    data.loc[0, "x"] = -0.5
    with pytest.raises(InvalidDataError, match=rf"log\(x\) does not exist in {n} row\(s\)") as caught:
        transformed_columns(data, ["log(x)"], "u", "t")
    assert len(caught.value.problems) == min(n, 10)
    assert caught.value.problems[0] == "u 0 t 1: -0.5"
    fine = transformed_columns(data.iloc[11:].assign(x=np.e), ["log(x)"], "u", "t")["log(x)"]
    assert fine.tolist() == pytest.approx([1.0])


# Grids ----------


def test_order_of_a_grid():
    base = kv.Specification("y", ("x",), "unit", "year")
    found = kv.grid(base, outcome=["y", "v"], weights=[None, "w"], controls=[(), ("a", "b")])
    assert [(s.outcome, s.weights, s.regressors) for s in found] == [
        (outcome, weights, regressors)
        for outcome in ("y", "v")
        for weights in (None, "w")
        for regressors in (("x",), ("x", "a", "b"))
    ]
    assert kv.grid(base) == (base,)
    assert kv.grid(base, weights=[None, None]) == (base,)
    assert kv.subsets(["a", "b", "c"]) == (
        (), ("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c"), ("a", "b", "c"),
    )  # fmt: skip
    assert kv.subsets({"one": ("a", "b"), "two": ("c",)}) == ((), ("a", "b"), ("c",), ("a", "b", "c"))
    assert kv.subsets([]) == ((),)
    with pytest.raises(SpecificationError, match="controls of a grid has no values"):
        kv.grid(base, controls=())


# Tests of a specification ----------


def test_wald_against_other_nulls_by_matrices(fitted):
    b, V = fitted.coefficients["estimate"], fitted.covariance
    names = ["x", "z", "constant"]
    test = kv.wald_test(fitted, names, 0.25)
    gap = b[names].to_numpy() - 0.25
    expected = gap @ np.linalg.inv(V.loc[names, names].to_numpy()) @ gap / 3
    assert test.statistic == pytest.approx(expected)
    assert (test.df_numerator, test.df_denominator) == (3, fitted.df_resid)
    assert test.p_value == pytest.approx(fisher.sf(expected, 3, fitted.df_resid))
    assert test.null == "x = z = constant = 0.25"
    one = kv.wald_test(fitted, {"x": 2, "z": -0.5}, 1)
    variance = 4 * V.loc["x", "x"] + 0.25 * V.loc["z", "z"] - 2 * V.loc["x", "z"]
    assert one.statistic == pytest.approx((2 * b["x"] - 0.5 * b["z"] - 1) ** 2 / variance)
    assert one.null == "2 x + -0.5 z = 1"
    assert str(one) == (
        f"Wald: F(1, {fitted.df_resid}) = {one.statistic:.4g}, p = {one.p_value:.4g}; "
        f"null: 2 x + -0.5 z = 1; covariance {fitted.inference.description}"
    )
    with pytest.raises(SpecificationError, match=r"not among the terms: $"):
        kv.wald_test(fitted, [])
    with pytest.raises(SpecificationError, match="2 restrictions cannot be tested together"):
        kv.wald_test(fitted, ["x", "x"])
    clustered = kv.wald_test(fitted.with_covariance("cluster"), ["x"])
    assert clustered.df_denominator == 9


def test_mundlak_needs_absorbed_effects_and_variation_between(panel):
    pooled = kv.estimate(SPEC.vary(effects="none"), panel)
    with pytest.raises(SpecificationError, match="absorb the entity first"):
        kv.mundlak_test(pooled)
    within = panel.assign(x=panel["x"] - panel.groupby("unit")["x"].transform("mean"))
    only = kv.estimate(kv.Specification("y", ("x",), "unit", "year"), within)
    with pytest.raises(SpecificationError, match="no regressor varies between entities"):
        kv.mundlak_test(only)
    one = kv.mundlak_test(kv.estimate(kv.Specification("y", ("x",), "unit", "year"), panel))
    assert (one.df_numerator, one.df_denominator, one.name) == (1, 9, "Mundlak")
    assert one.null == "random effects (entity means do not matter)"
    assert "clustered" in one.covariance


def drukker(data):
    """Wooldridge's test by loops over the rows of each unit."""
    at = data.set_index(["unit", "year"]).sort_index()[["y", "x", "z"]]
    rows = [
        (unit, year, *(at.loc[(unit, year)] - at.loc[(unit, year - 1)]))
        for unit, year in at.index
        if (unit, year - 1) in at.index
    ]
    change = pd.DataFrame(rows, columns=["unit", "year", "y", "x", "z"])
    X = change[["x", "z"]].to_numpy()
    e = change["y"] - X @ np.linalg.lstsq(X, change["y"].to_numpy(), rcond=None)[0]
    known = {(u, t): v for u, t, v in zip(change["unit"], change["year"], e, strict=True)}
    pairs = [(u, known[u, t - 1], v) for (u, t), v in known.items() if (u, t - 1) in known]
    pairs = pd.DataFrame(pairs, columns=["unit", "before", "now"])
    slope = (pairs["before"] @ pairs["now"]) / (pairs["before"] @ pairs["before"])
    score = (pairs["before"] * (pairs["now"] - slope * pairs["before"])).groupby(pairs["unit"]).sum()
    m = len(score)
    variance = m / (m - 1) * (score**2).sum() / (pairs["before"] @ pairs["before"]) ** 2
    return (slope + 0.5) ** 2 / variance, m, len(pairs)


@pytest.mark.parametrize("lost", [[], [2, 7, 8, 13, 24]])
def test_wooldridge_with_gaps_by_loops(panel, lost):
    data = panel.drop(index=lost)
    spec = kv.Specification("y", ("x", "z"), "unit", "year")
    test = kv.wooldridge_test(kv.estimate(spec, data.sample(frac=1, random_state=4)))
    expected, m, n = drukker(data)
    assert test.statistic == pytest.approx(expected)
    assert (test.df_numerator, test.df_denominator) == (1, m - 1)
    assert test.p_value == pytest.approx(fisher.sf(expected, 1, m - 1))
    assert test.covariance == f"clustered ({m} clusters, {n} rows of residuals)"
    assert test.null == "no first-order serial correlation"


def test_wooldridge_needs_three_periods_in_a_row_twice(panel):
    spec = kv.Specification("y", ("x",), "unit", "year")
    two = panel[(panel["year"] < 2013) & ((panel["unit"] < 2) | (panel["year"] != 2011))]
    assert kv.wooldridge_test(kv.estimate(spec, two)).df_denominator == 1
    one = panel[(panel["year"] < 2013) & ((panel["unit"] < 1) | (panel["year"] != 2011))]
    with pytest.raises(SpecificationError, match="three periods in a row in at least two unit"):
        kv.wooldridge_test(kv.estimate(spec, one))


def test_reset_by_restricted_and_unrestricted_sums_of_squares(panel, fitted):
    w = panel["population"].to_numpy() / panel["population"].mean()
    D = pd.get_dummies(panel["unit"], dtype=float).to_numpy()
    years = pd.get_dummies(panel["year"], drop_first=True, dtype=float).to_numpy()
    X = np.column_stack([panel[["x", "z"]], years])
    root = np.sqrt(w)[:, None]

    def ssr(*columns):
        M = np.column_stack([D, X, *columns]) * root
        e = panel["y"] * root[:, 0] - M @ np.linalg.lstsq(M, panel["y"] * root[:, 0], rcond=None)[0]
        return e @ e, len(e) - np.linalg.matrix_rank(M)

    index = X @ fitted.coefficients["estimate"].to_numpy()[:-1]
    index = (index - np.average(index, weights=w)) / np.sqrt(
        np.average((index - np.average(index, weights=w)) ** 2, weights=w)
    )
    for powers in ((2,), (2, 3), (3, 4)):
        (whole, df), (rest, _) = ssr(*(index**p for p in powers)), ssr()
        expected = (rest - whole) / len(powers) / (whole / df)
        test = kv.reset_test(fitted, powers)
        assert test.statistic == pytest.approx(expected, rel=1e-6)
        assert (test.df_numerator, test.df_denominator) == (len(powers), df)
        assert f"powers {', '.join(map(str, powers))} of" in test.null
    with pytest.raises(SpecificationError, match="collinear with the regressors"):
        kv.reset_test(fitted, (1, 2))
    wild = kv.reset_test(fitted.with_covariance("wild_cluster", draws=9, terms=["x"]))
    assert wild.statistic == pytest.approx(kv.reset_test(fitted.with_covariance("cluster")).statistic)


# A second opinion ----------


@pytest.mark.parametrize("weights", [None, "population"])
def test_second_opinion_agrees(panel, weights):
    data = panel.assign(x2=panel["x"] * 2, big=panel["z"] * 1e6).sample(frac=1, random_state=1)
    spec = SPEC.vary(weights=weights, regressors=("x", "big", "C(year)"))
    ours, theirs = kv.estimate(spec, data), ask_linearmodels(spec, data)
    columns = ["estimate", "std_error", "p_value"]
    assert list(theirs.coefficients.index) == list(ours.coefficients.index)
    np.testing.assert_allclose(theirs.coefficients[columns], ours.coefficients[columns], rtol=1e-8)
    assert theirs.r_squared == pytest.approx(ours.r_squared)
    assert theirs.engine.startswith("linearmodels ")
    more = spec.adding("x2")
    again = ask_linearmodels(more, data, dropped=("x2",))
    np.testing.assert_allclose(again.coefficients, theirs.coefficients, rtol=1e-10)
    for other in (spec.vary(covariance="cluster"), spec.vary(effects="none")):
        with pytest.raises(SpecificationError, match="the second opinion is on"):
            ask_linearmodels(other, data)


# Draws of the wild bootstrap ----------


@pytest.mark.parametrize(
    ("distribution", "m", "vectors"),
    [("rademacher", 1, 1), ("rademacher", 2, 2), ("rademacher", 5, 16), ("webb", 1, 3), ("webb", 3, 108)],
)
def test_all_vectors_are_listed_where_there_are_few(distribution, m, vectors):
    signs = draw_signs(m, vectors, distribution=distribution)
    assert signs.enumerated
    assert signs.values.shape == (vectors, m)
    assert signs.description == f"all {2 * vectors} {distribution.capitalize()} vectors"
    assert len(np.unique(signs.values, axis=0)) == vectors
    both = np.unique(np.vstack([signs.values, -signs.values]), axis=0)
    assert len(both) == 2 * vectors
    assert set(np.unique(both)) == set(DISTRIBUTIONS[distribution])
    if vectors > 1:
        fewer = draw_signs(m, vectors - 1, seed=3, distribution=distribution)
        assert not fewer.enumerated
        assert fewer.values.shape == (vectors - 1, m)
        assert fewer.description == f"{vectors - 1} {distribution.capitalize()} draws, seed 3"


def test_draws_have_mean_zero_and_variance_one():
    assert DISTRIBUTIONS["rademacher"].tolist() == [-1.0, 1.0]
    np.testing.assert_allclose(DISTRIBUTIONS["webb"] ** 2, [1.5, 1.0, 0.5, 0.5, 1.0, 1.5])
    for points in DISTRIBUTIONS.values():
        assert points.mean() == pytest.approx(0)
        assert (points**2).mean() == pytest.approx(1)
    many = draw_signs(64, 2, seed=1)
    assert many.values.shape == (2, 64)
    assert not many.enumerated
    assert not draw_signs(70, 9_999).enumerated
    for draws in (0, -1):
        with pytest.raises(SpecificationError, match=f"at least one draw, not {draws}"):
            draw_signs(3, draws)
    assert draw_signs(10, 1).values.shape == (1, 10)


@pytest.mark.parametrize("side", [1, -1])
def test_interval_of_the_bootstrap_holds_what_is_not_rejected(panel, side):
    fit = kv.estimate(kv.Specification("y", ("x",), "unit", "year"), panel.assign(x=side * panel["x"]))
    signs = draw_signs(10, 199, seed=5)
    for level in (0.9, 0.95):
        test = wild_test(fit.fit, fit.fit.entities, np.ones(1), signs, level=level)
        assert test.estimate == pytest.approx(fit.coefficients.loc["x", "estimate"])
        assert test.conf_low < test.estimate < test.conf_high
        for end, out in ((test.conf_low, -1), (test.conf_high, 1)):
            step = 1e-6 * abs(test.conf_high - test.conf_low)
            outside = wild_test(fit.fit, fit.fit.entities, np.ones(1), signs, end + out * step).p_value
            inside = wild_test(fit.fit, fit.fit.entities, np.ones(1), signs, end - out * step).p_value
            assert outside <= 1 - level + 1e-12 < inside
    assert (test.n_clusters, test.n_draws, test.enumerated) == (10, 199, False)
    assert test.description == "10 clusters, 199 Rademacher draws, seed 5"


def test_leave_one_out_by_refits(panel, fitted):
    left = leave_one_out(fitted.fit, fitted.grouping.codes("region"))
    for region in range(5):
        refit = kv.estimate(SPEC, panel[panel["region"] != region])
        np.testing.assert_allclose(left.coefficients[region], refit.coefficients["estimate"], rtol=1e-8)
        np.testing.assert_allclose(
            left.std_error[region], refit.coefficients["std_error"].iloc[:-1], rtol=1e-8
        )
        assert left.df_resid[region] == refit.df_resid
        share = panel.loc[panel["region"] == region, "population"].sum() / panel["population"].sum()
        assert left.weight_share[region] == pytest.approx(share)
    X, w, codes = np.array([[1.0, 2], [3, 4], [5, 6]]), np.array([1.0, 2, 3]), np.array([1, 0, 1])
    expected = [2 * np.outer(X[1], X[1]), np.outer(X[0], X[0]) + 3 * np.outer(X[2], X[2])]
    np.testing.assert_allclose(cluster_products(X, w, codes), expected)


# Poisson regression ----------


def grids(*ys):
    y = np.array(ys, dtype=float)
    return y, np.ones(y.shape, dtype=bool), np.arange(y.shape[1])


def test_poisson_of_a_two_by_two_by_hand():
    # Two units in two periods with the treatment of one fit exactly: a ratio of ratios, (8 / 2) / (6 / 3).
    y, present, classes = grids([2, 8], [3, 6])
    X = np.array([[[0.0, 1.0], [0.0, 0.0]]])
    fit = fit_poisson(y, X, present, classes)
    assert fit.coefficients[0] == pytest.approx(np.log(2))
    assert (fit.n_obs, fit.n_units, fit.n_separated) == (4, 2, 0)
    assert fit.clustered[0, 0] == pytest.approx(0, abs=1e-12)
    # Units of zeros only, and periods of zeros only, tell nothing; nor does a cell without an observation.
    y, present, classes = grids([2, 8, 0], [3, 6, 0], [0, 0, 0])
    X = np.array([[[0.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 1.0]]])
    more = fit_poisson(y, X, present, classes)
    assert more.coefficients[0] == pytest.approx(np.log(2))
    assert (more.n_obs, more.n_units, more.n_separated) == (4, 2, 5)


def test_poisson_clusters_by_unit():
    rng = np.random.default_rng(4)
    y, X = rng.poisson(5, (6, 4)).astype(float), rng.normal(size=(1, 6, 4))
    present = np.ones((6, 4), dtype=bool)
    present[2, 1] = False
    fit = fit_poisson(y, X, present, np.arange(4))
    unit, period = np.nonzero(present)
    D = np.column_stack([X[0][present], np.eye(6)[unit], np.eye(4)[period][:, 1:]])
    b = np.zeros(D.shape[1])
    for _ in range(50):
        mu = np.exp(D @ b)
        b += np.linalg.solve((D * mu[:, None]).T @ D, D.T @ (y[present] - mu))
    mu = np.exp(D @ b)
    bread = np.linalg.inv((D * mu[:, None]).T @ D)
    scores = np.stack([(D * (y[present] - mu)[:, None])[unit == i].sum(0) for i in range(6)])
    V = 6 / 5 * bread @ (scores.T @ scores) @ bread
    assert fit.coefficients[0] == pytest.approx(b[0], abs=1e-7)
    assert fit.clustered[0, 0] == pytest.approx(V[0, 0], rel=1e-6)
    assert (fit.n_obs, fit.n_units, fit.n_separated) == (23, 6, 0)


def test_poisson_that_cannot_be():
    y, present, classes = grids([0, 0], [0, 0])
    X = np.array([[[0.0, 1.0], [0.0, 0.0]]])
    with pytest.raises(SpecificationError, match="no unit has a positive count"):
        fit_poisson(y, X, present, classes)
    with pytest.raises(SpecificationError, match="collinear"):
        fit_poisson(y + 1.0, np.ones((1, 2, 2)), present, classes)
    with pytest.raises(SpecificationError, match="collinear"):
        fit_poisson(y + 1.0, np.concatenate([X, X]), present, classes)
