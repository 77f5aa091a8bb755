"""Means by group and tests of their differences, against other programs and brute force; as a table."""

import io

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.oneway import anova_oneway
from statsmodels.stats.weightstats import DescrStatsW

import kostnadsvekst as kv
from kostnadsvekst.analysis.group_means import clustered_tests, group_means, welch_tests
from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError

# The same sums in another order.
ROUNDING = 1e-9


def invented(n=120, seed=1, groups=2):
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"group": rng.integers(0, groups, n), "unit": rng.integers(0, 15, n)})
    data["y"] = rng.normal(size=n) + data["group"] + 0.4 * rng.normal(size=15)[data["unit"]]
    data["z"] = rng.normal(size=n)
    data["w"] = rng.uniform(0.2, 3, n)
    return data


def of(frame, variable, group):
    return frame[(frame["variable"] == variable) & (frame["group"] == group)].iloc[0]


def test_two_groups_are_welchs_t_test():
    data = invented()
    frame = kv.describe(data, ["y", "z"], "group")
    for name in ("y", "z"):
        a, b = (data.loc[data["group"] == g, name] for g in (0, 1))
        expected = stats.ttest_ind(b, a, equal_var=False)
        line = of(frame, name, "1")
        assert line["difference"] == pytest.approx(b.mean() - a.mean(), rel=ROUNDING)
        assert line["df"] == pytest.approx(expected.df, rel=ROUNDING)
        assert line["p_value"] == pytest.approx(expected.pvalue, rel=ROUNDING)
        # Welch's F of two groups is the square of his t.
        assert line["p_equal"] == pytest.approx(expected.pvalue, rel=1e-7)
        assert line["std_dev"] == pytest.approx(b.std(), rel=ROUNDING)
    first = of(frame, "y", "0")
    assert first[["difference", "std_error", "p_value"]].isna().all()


def test_many_groups_are_welchs_f():
    data = invented(groups=4)
    frame = kv.describe(data, ["y"], "group")
    parts = [part["y"].to_numpy() for _, part in data.groupby("group")]
    expected = anova_oneway(parts, use_var="unequal", welch_correction=True)
    assert frame["p_equal"].to_numpy() == pytest.approx([expected.pvalue] * 4, rel=1e-8)


def test_weights_are_analytic_as_in_statsmodels():
    data = invented()
    frame = kv.describe(data, ["y"], "group", weights="w")
    variances = {}
    for g in (0, 1):
        part = data[data["group"] == g]
        n = len(part)
        known = DescrStatsW(part["y"], part["w"] * n / part["w"].sum(), ddof=1)
        line = of(frame, "y", str(g))
        assert (line["mean"], line["std_dev"]) == pytest.approx((known.mean, known.std), rel=ROUNDING)
        assert (line["minimum"], line["maximum"]) == (part["y"].min(), part["y"].max())
        variances[g] = known.var / n
    line = of(frame, "y", "1")
    assert line["std_error"] == pytest.approx(np.sqrt(sum(variances.values())), rel=ROUNDING)
    same = kv.describe(data.assign(w=7.0), ["y"], "group", weights="w").drop(columns=[])
    pd.testing.assert_frame_equal(same, kv.describe(data, ["y"], "group"), check_exact=False, rtol=1e-12)


@pytest.mark.parametrize("groups", [2, 4])
def test_clustered_tests_are_those_of_the_weighted_regression(groups):
    data = invented(groups=groups)
    frame = kv.describe(data, ["y"], "group", weights="w", cluster="unit")
    X = pd.get_dummies(data["group"], drop_first=True, dtype=float)
    X.insert(0, "constant", 1.0)
    fit = sm.WLS(data["y"], X, data["w"]).fit(
        cov_type="cluster", cov_kwds={"groups": data["unit"]}, use_t=True
    )
    shown = frame.iloc[1:]
    assert shown["difference"].to_numpy() == pytest.approx(fit.params.iloc[1:].to_numpy(), rel=ROUNDING)
    assert shown["std_error"].to_numpy() == pytest.approx(fit.bse.iloc[1:].to_numpy(), rel=ROUNDING)
    assert shown["p_value"].to_numpy() == pytest.approx(fit.pvalues.iloc[1:].to_numpy(), rel=1e-7)
    assert (shown["df"] == 14).all()
    restrictions = np.eye(groups)[1:]
    joint = float(fit.f_test(restrictions).pvalue)
    assert shown["p_equal"].iloc[0] == pytest.approx(joint, rel=1e-7)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(6, 40))
def test_groups_are_as_if_each_stood_alone(seed, groups, n):
    """Every statistic of a group is that of its rows alone; a group without rows has none."""
    rng = np.random.default_rng(seed)
    codes, x, w = rng.integers(0, groups, n), rng.normal(size=n), rng.uniform(0.5, 2, n)
    means = group_means(x, w, codes, groups + 1)
    assert means.n.sum() == n
    assert np.isnan(means.mean[groups])
    assert np.isnan(means.minimum[groups])
    for g in range(groups):
        own = codes == g
        if own.any():
            assert means.mean[g] == pytest.approx(np.average(x[own], weights=w[own]))
            assert (means.minimum[g], means.maximum[g]) == (x[own].min(), x[own].max())
        assert np.isnan(means.std_dev[g]) == (own.sum() < 2)
    # Scaling the weights changes nothing.
    again = welch_tests(group_means(x, 10 * w, codes, groups))
    assert again.std_error == pytest.approx(
        welch_tests(group_means(x, w, codes, groups)).std_error, nan_ok=True
    )


def test_each_row_its_own_cluster_is_heteroskedasticity_robust():
    data = invented(n=40)
    x, codes = data["y"].to_numpy(), data["group"].to_numpy()
    tests = clustered_tests(x, np.ones(40), codes, np.arange(40), group_means(x, np.ones(40), codes, 2))
    X = sm.add_constant(codes.astype(float))
    fit = sm.OLS(x, X).fit(cov_type="HC1")
    assert tests.std_error[1] == pytest.approx(fit.bse[1], rel=ROUNDING)


def test_missing_values_count_column_by_column():
    data = invented()
    data.loc[:9, "y"] = np.nan
    frame = kv.describe(data, ["y", "z"], "group")
    assert frame.groupby("variable")["n"].sum().to_dict() == {"y": 110, "z": 120}
    table = kv.table(frame)
    assert table.to("md").count(" N |") == 2, "numbers of rows have a column where they differ"
    assert "(N = " in kv.table(kv.describe(data, ["z"], "group")).to("md")


def test_a_group_of_one_has_a_mean_and_no_test():
    data = pd.DataFrame({"g": ["a", "b", "b"], "y": [1.0, 2.0, 4.0], "u": [True, False, False]})
    frame = kv.describe(data, ["y", "u"], "g")
    assert of(frame, "y", "a")["mean"] == 1.0
    assert of(frame, "y", "b")["difference"] == 2.0
    assert np.isnan(of(frame, "y", "b")["p_value"])
    assert of(frame, "u", "a")["mean"] == 1.0
    assert ".." in kv.table(frame).to("md")


def test_categories_keep_their_order():
    order = pd.CategoricalDtype(["small", "large", "none"], ordered=True)
    data = pd.DataFrame({"g": pd.Series(["large", "small"] * 4, dtype=order), "y": np.arange(8.0)})
    frame = kv.describe(data, ["y"], "g")
    assert frame["group"].tolist() == ["small", "large"]
    assert "Difference: large less small" in kv.table(frame).to("md")
    assert "Differanse: large minus small" in kv.table(frame).to("md", "nb")


@pytest.mark.parametrize(
    ("columns", "options", "error", "words"),
    [
        (["nope"], {}, DataMissingError, "nope"),
        ([], {}, SpecificationError, "at least one column"),
        (["y", "name"], {"weights": "bad", "by": "gap"}, InvalidDataError, "name.*(\n.*)*gap"),
        (["y"], {"weights": "bad"}, InvalidDataError, "not positive in 1 rows .index 3"),
        (["y"], {"cluster": "one"}, SpecificationError, "fewer than two clusters"),
    ],
)
def test_what_cannot_be_described_is_told_at_once(columns, options, error, words):
    data = invented(8).assign(name="x", bad=[1, 1, 1, 0, 1, 1, 1, 1], gap=[None, *"abababa"], one=1)
    with pytest.raises(error, match=words):
        kv.describe(data, columns, **options)


def test_table_a2_of_the_report_is_an_instance(appendix_run):
    """The same means, deviations and ranges, weighted by population, as the appendix prints."""
    with pytest.warns(kv.errors.DataWarning):
        panel = kv.load_panel()
    table = kv.table(kv.describe(panel, kv.NEEDS, weights="population"))
    mine = pd.read_csv(io.StringIO(table.to("csv", "en")), index_col=0)
    printed = pd.read_csv(io.StringIO(appendix_run.result.files["appendix/table_a2_en.csv"]), index_col=0)
    assert mine.drop(columns="data_origin").to_numpy().tolist() == (
        printed.drop(columns="data_origin").to_numpy().tolist()
    )
    assert list(mine.index) == list(printed.index)
    assert len(mine) == len(kv.NEEDS) == 12
    assert "Vektet med folketall" in table.to("md", "nb")


def test_more_groups_than_clusters_have_no_joint_test():
    """Two clusters give the two differences of three groups a covariance of rank one."""
    for seed in range(1, 9):
        data = invented(groups=3, seed=seed).assign(unit=lambda f: f["unit"] % 2)
        frame = kv.describe(data, ["y"], "group", cluster="unit")
        assert frame["p_equal"].isna().all(), "rounding alone makes the covariance look regular"
    assert frame["p_value"].notna().tolist() == [False, True, True]
    three = data.assign(unit=invented(groups=3, seed=8)["unit"] % 3)
    assert kv.describe(three, ["y"], "group", cluster="unit")["p_equal"].notna().all()
