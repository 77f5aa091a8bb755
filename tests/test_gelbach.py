"""The split of a coefficient's change: against dummies, derivatives, pyfixest, and its own identity."""

import numpy as np
import pandas as pd
import pyfixest
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kostnadsvekst as kv
from kostnadsvekst.errors import SpecificationError

SHORT = kv.Specification("y", ("a",), "id", "year", "w")
LONG = SHORT.adding("b", "c", "d")
GROUPS = {"one": ["b"], "two": ["c", "d"]}


def draw(seed, n_units=12, years=5, share=0.8):
    """Unbalanced weighted panel whose regressors hang together and with the units."""
    rng = np.random.default_rng(seed)
    unit, year = (v.ravel() for v in np.meshgrid(np.arange(n_units), np.arange(years), indexing="ij"))
    keep = rng.random(len(unit)) < share
    # Two rows of every unit at least, so that something varies in each.
    keep |= year < 2
    unit, year = unit[keep], year[keep]
    base = rng.normal(size=(len(unit), 4)) @ rng.normal(size=(4, 4)) + rng.normal(size=(n_units, 4))[unit]
    data = pd.DataFrame(base, columns=list("abcd")).assign(id=unit, year=2015 + year)
    error = rng.normal(size=len(unit)) * (1 + 0.5 * np.abs(data["a"])) + rng.normal(size=n_units)[unit]
    return data.assign(y=data[list("abcd")] @ rng.normal(size=4) + error, w=rng.uniform(0.5, 3, len(unit)))


def by_dummies(data, names, weights=None):
    """Coefficients of the names by least squares on them and a dummy for each unit."""
    w = np.sqrt(data["w"] if weights is None else weights).to_numpy()[:, None]
    X = np.column_stack([data[list(names)], pd.get_dummies(data["id"]).to_numpy(float)])
    return np.linalg.lstsq(X * w, data["y"].to_numpy() * w[:, 0], rcond=None)[0][: len(names)]


def contributions(data, weights=None):
    """Split by the text: b2 of the long model times the slopes of the added columns on the short model's."""
    long = by_dummies(data, "abcd", weights)
    slopes = [by_dummies(data.assign(y=data[name]), "a", weights)[0] for name in "bcd"]
    return np.array([slopes[0] * long[1], slopes[1] * long[2] + slopes[2] * long[3]])


def check_identity(seed):
    data = draw(seed)
    found = kv.decompose(SHORT, LONG, data, GROUPS)
    change = by_dummies(data, "a")[0] - by_dummies(data, "abcd")[0]
    scale = 1 + np.abs(found["contribution"]).max()
    assert found["contribution"].iloc[:2].to_numpy() / scale == pytest.approx(
        contributions(data) / scale, abs=1e-10
    )
    assert found["contribution"].iloc[2] / scale == pytest.approx(change / scale, abs=1e-10)
    assert found["contribution"].iloc[:2].sum() == pytest.approx(found["contribution"].iloc[2], abs=1e-9)
    assert found["share"].iloc[:2].sum() == pytest.approx(1, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_contributions_are_those_of_dummies_and_sum_to_the_change(seed):
    check_identity(seed)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(st.integers(0, 10**9))
def test_contributions_of_a_thousand_panels(seed):
    check_identity(seed)


def derivatives(data, clusters):
    """Change of each contribution when a cluster's weights grow, per unit of their logarithm."""
    step = 1e-5
    rows = []
    for cluster in np.unique(clusters):
        factor = np.where(clusters == cluster, step, 0.0)
        up, down = (contributions(data, data["w"] * np.exp(sign * factor)) for sign in (1, -1))
        rows.append((up - down) / (2 * step))
    return np.array(rows)


@pytest.mark.parametrize("seed", range(5))
def test_clustered_errors_are_the_infinitesimal_jackknife(seed):
    data = draw(seed)
    D = derivatives(data, data["id"].to_numpy())
    D = np.column_stack([D, D.sum(axis=1)])
    n, m = len(data), data["id"].nunique()
    factor = m / (m - 1) * (n - 1) / (n - m - 4)
    found = kv.decompose(SHORT, LONG, data, GROUPS, "cluster")
    assert found["std_error"].to_numpy() == pytest.approx(np.sqrt((D**2).sum(axis=0) * factor), rel=1e-6)
    # t with 11 degrees of freedom: 2.200985 (table).
    width = (found["conf_high"] - found["contribution"]) / found["std_error"]
    assert width.to_numpy() == pytest.approx(2.200985160, rel=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_robust_errors_are_the_infinitesimal_jackknife(seed):
    data = draw(seed)
    D = derivatives(data, np.arange(len(data)))
    n, m = len(data), data["id"].nunique()
    found = kv.decompose(SHORT, LONG, data, GROUPS, "hc1")
    wanted = np.sqrt((D**2).sum(axis=0) * n / (n - m - 4))
    assert found["std_error"].iloc[:2].to_numpy() == pytest.approx(wanted, rel=1e-6)


def test_clusters_of_another_column_and_convention():
    data = draw(3).assign(region=lambda d: d["id"] // 3)
    D = derivatives(data, data["region"].to_numpy())
    n = len(data)
    found = kv.decompose(SHORT, LONG.vary(convention="xtreg"), data, GROUPS, ("cluster", "region"))
    wanted = np.sqrt((D**2).sum(axis=0) * 4 / 3 * (n - 1) / (n - 5))
    assert found["std_error"].iloc[:2].to_numpy() == pytest.approx(wanted, rel=1e-6)


def test_classical_errors_by_the_text():
    data = draw(4)
    long = kv.estimate(LONG, data)
    V = long.covariance.loc[["b", "c", "d"], ["b", "c", "d"]].to_numpy()
    slopes = np.array([by_dummies(data.assign(y=data[name]), "a")[0] for name in "bcd"])
    parts = {"one": data["b"] * long.coefficients.loc["b", "estimate"]}
    parts["two"] = sum(data[k] * long.coefficients.loc[k, "estimate"] for k in "cd")
    found = kv.decompose(SHORT, LONG, data, GROUPS)
    for group, members in {"one": [0], "two": [1, 2], "total": [0, 1, 2]}.items():
        part = parts["one"] + parts["two"] if group == "total" else parts[group]
        on_a = kv.estimate(SHORT, data.assign(y=part)).coefficients.loc["a", "std_error"]
        g = slopes[members]
        wanted = np.sqrt(on_a**2 + g @ V[np.ix_(members, members)] @ g)
        row = found[found["group"] == group].iloc[0]
        assert row["std_error"] == pytest.approx(wanted, rel=1e-9)


@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
@pytest.mark.parametrize("effects", ["none", "entity"])
def test_points_equal_pyfixest(effects):
    """Its short model has no absorbed effects, so that the units are dummies in both models there."""
    data = draw(8).assign(w=1.0)
    dummies = pd.get_dummies(data["id"], prefix="u", drop_first=True, dtype=float)
    beside = list(dummies) if effects == "entity" else []
    formula = " + ".join(["y ~ a + b + c + d", *beside])
    other = pyfixest.feols(formula, pd.concat([data, dummies], axis=1)).decompose(
        decomp_var="a", x1_vars=beside or None, combine_covariates=GROUPS, only_coef=True, digits=12
    )
    found = kv.decompose(SHORT.vary(effects=effects), LONG.vary(effects=effects), data, GROUPS)
    told = other.results
    wanted = [*(told.mediator_effects[name] for name in GROUPS), told.explained_effect]
    assert found["contribution"].tolist() == pytest.approx(wanted, rel=1e-9)
    assert found.attrs["long"]["a"] == pytest.approx(told.full_effect, rel=1e-9)


def test_further_sets_of_effects_and_none():
    data = draw(9, n_units=20)
    both = {"absorb": ("year",)}
    found = kv.decompose(SHORT.vary(**both), LONG.vary(**both), data, GROUPS)
    change = [kv.estimate(s.vary(**both), data).coefficients.loc["a", "estimate"] for s in (SHORT, LONG)]
    assert found["contribution"].iloc[-1] == pytest.approx(change[0] - change[1], rel=1e-9)
    pooled = {"effects": "none"}
    found = kv.decompose(SHORT.vary(**pooled), LONG.vary(**pooled), data, GROUPS)
    change = [kv.estimate(s.vary(**pooled), data).coefficients.loc["a", "estimate"] for s in (SHORT, LONG)]
    assert found["contribution"].iloc[-1] == pytest.approx(change[0] - change[1], rel=1e-9)


def test_both_are_fitted_where_the_long_model_is_complete():
    data = draw(10)
    data.loc[data.index[::7], "d"] = np.nan
    with pytest.warns(kv.errors.DataWarning, match="missing"):
        found = kv.decompose(SHORT, LONG, data, GROUPS)
    complete = data.dropna()
    wanted = [kv.estimate(s, complete).coefficients.loc["a", "estimate"] for s in (SHORT, LONG)]
    assert [found.attrs["short"]["a"], found.attrs["long"]["a"]] == pytest.approx(wanted)


def test_regressors_stand_for_their_terms():
    data = draw(11)
    years = SHORT.vary(regressors=("C(year)",))
    long = years.adding("a", "C(year):a")
    found = kv.decompose(years, long, data, {"level": ["a"], "by year": ["C(year):a"]})
    assert found["term"].unique().tolist() == [f"C(year)[T.{y}]" for y in range(2016, 2020)]
    # Without groups each regressor that was added is one.
    pd.testing.assert_frame_equal(
        found.drop(columns="group"), kv.decompose(years, long, data).drop(columns="group")
    )


@pytest.mark.parametrize(
    ("short", "long", "groups", "covariance", "words"),
    [
        (SHORT, LONG.vary(outcome="b", regressors=("a", "c")), None, None, "they differ in outcome"),
        (SHORT, LONG.vary(weights=None), None, None, "weights \\('w' and None\\)"),
        (LONG, SHORT, None, None, "the long model lacks b, c, d"),
        (SHORT, SHORT, None, None, "adds nothing"),
        (SHORT, LONG.adding("e"), None, None, "collinear in the long model.* e; leave"),
        (SHORT, LONG, {"one": ["b"]}, None, "'c' is in no group; 'd' is in no group"),
        (SHORT, LONG, {"one": ["b", "c"], "two": ["c", "d"]}, None, "'c' is in 2 groups"),
        (SHORT, LONG, {"one": ["b", "c", "d", "bb"]}, None, "does not add 'bb' \\(did you mean 'b'"),
        (SHORT, LONG, {"one": ["a", "b", "c", "d"]}, None, "does not add 'a'"),
        (SHORT, LONG, {"total": ["b", "c", "d"]}, None, "rename it"),
        (SHORT, LONG, None, "driscoll_kraay", "not 'driscoll_kraay'"),
    ],
)
def test_what_cannot_be_split_is_refused_by_name(short, long, groups, covariance, words):
    data = draw(12).assign(e=lambda d: d["b"] - 2 * d["c"], bb=1.0)
    with pytest.raises(SpecificationError, match=words):
        kv.decompose(short, long, data, groups, covariance)


def test_rows_in_another_order_give_the_same():
    data = draw(13)
    one, other = (
        kv.decompose(SHORT, LONG, d, GROUPS, "cluster") for d in (data, data.sample(frac=1, random_state=1))
    )
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("covariance", ["classical", "cluster"])
def test_intervals_cover(covariance):
    """Nominal 95 per cent; 1,000 samples, Monte Carlo error 0.7 points."""
    hits, n = np.zeros(2), 1000
    for seed in range(n):
        rng = np.random.default_rng(seed)
        unit = np.repeat(np.arange(60), 5)
        shock = rng.normal(size=60)[unit] * (covariance == "cluster")
        a = rng.normal(size=300) + rng.normal(size=60)[unit]
        b = 0.8 * a + rng.normal(size=300)
        c = -0.5 * a + rng.normal(size=300)
        slope = np.where(covariance == "cluster", 1 + 0.5 * shock, 1.0)
        y = 2 * a + slope * b + 0.7 * c + rng.normal(size=300)
        data = pd.DataFrame({"id": unit, "year": np.tile(np.arange(5), 60), "y": y, "a": a, "b": b, "c": c})
        short = kv.Specification("y", ("a",), "id", "year")
        found = kv.decompose(short, short.adding("b", "c"), data, covariance=covariance)
        truth = np.array([0.8, -0.35])
        hits += (found["conf_low"].iloc[:2] <= truth) & (found["conf_high"].iloc[:2] >= truth)
    assert (hits / n).tolist() == pytest.approx([0.95, 0.95], abs=0.02)
