"""The within estimator against brute force, linearmodels, Stata's printed output, and identities."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import kostnadsvekst as kv
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.models.second_opinion import ask_linearmodels

# Two solutions of the same equations in double precision, standardised columns.
EQUAL = {"rtol": 1e-9, "atol": 1e-9}


def random_panel(seed, n_entities=12, n_periods=6, n_regressors=3, singletons=2):
    """Unbalanced panel with weights that vary over time and some entities seen only once."""
    rng = np.random.default_rng(seed)
    entity, time = np.divmod(np.arange(n_entities * n_periods), n_periods)
    keep = rng.random(len(entity)) < 0.8
    keep[entity < 3] = True
    for single in range(n_entities - singletons, n_entities):
        keep[entity == single] = False
        keep[np.flatnonzero(entity == single)[0]] = True
    data = pd.DataFrame({"unit": entity[keep], "t": time[keep] + 2000})
    n = len(data)
    level = rng.normal(size=n_entities)
    for j in range(n_regressors):
        data[f"x{j}"] = rng.normal(size=n) + level[data["unit"]] * (j + 1)
    data["w"] = rng.uniform(0.2, 5.0, n)
    data["y"] = 2.0 + data["x0"] - 0.5 * data["x1"] + 3 * level[data["unit"]] + rng.normal(size=n)
    return data


def lsdv(data, outcome, columns, entity, weights):
    """Weighted regression on all regressors, a constant and explicit dummies, by SVD; shares no code."""
    w = weights * len(data) / weights.sum()
    codes = pd.Categorical(data[entity]).codes
    dummies = np.equal.outer(codes, np.arange(1, codes.max() + 1)).astype(float)
    X = np.column_stack([columns, np.ones(len(data)), dummies])
    root = np.sqrt(w)
    y = data[outcome].to_numpy()
    U, s, Vt = np.linalg.svd(X * root[:, None], full_matrices=False)
    assert s.min() > 1e-10 * s.max()
    b = Vt.T @ ((U.T @ (y * root)) / s)
    e = y - X @ b
    df = len(data) - X.shape[1]
    s2 = (w * e**2).sum() / df
    inverse = (Vt.T / s**2) @ Vt
    k = columns.shape[1]
    # areg's constant belongs to the average entity: turn (constant, dummies) into their weighted mean.
    turn = np.zeros((k + 1, X.shape[1]))
    turn[:k, :k] = np.eye(k)
    turn[k, k:] = (w @ X[:, k:]) / w.sum()
    mean = (w * y).sum() / w.sum()
    r2 = 1 - (w * e**2).sum() / (w * (y - mean) ** 2).sum()
    return turn @ b, s2 * turn @ inverse @ turn.T, df, s2, r2


def terms_of(regressors):
    return kv.Specification("y", regressors, "unit", "t", weights="w")


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    n_entities=st.integers(5, 25),
    n_periods=st.integers(3, 8),
    years=st.booleans(),
)
def test_equals_brute_force_on_random_panels(seed, n_entities, n_periods, years):
    data = random_panel(seed, n_entities, n_periods)
    columns = data[["x0", "x1", "x2"]].to_numpy()
    regressors = ["x0", "x1", "x2"]
    if years:
        regressors.append("C(t)")
        levels = np.unique(data["t"])[1:]
        columns = np.column_stack([columns, np.equal.outer(data["t"].to_numpy(), levels)])
    assume(len(data) - data["unit"].nunique() - columns.shape[1] >= 2)
    fitted = kv.estimate(terms_of(regressors), data)
    b, V, df, s2, r2 = lsdv(data, "y", columns, "unit", data["w"].to_numpy())
    np.testing.assert_allclose(fitted.coefficients["estimate"], b, **EQUAL)
    np.testing.assert_allclose(fitted.covariance, V, **EQUAL)
    # A drawn panel may have no row of an entity.
    assert (fitted.df_resid, fitted.n_obs, fitted.n_entities) == (df, len(data), data["unit"].nunique())
    assert fitted.sigma**2 == pytest.approx(s2, rel=1e-9)
    assert fitted.r_squared == pytest.approx(r2, rel=1e-9)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_collinear_columns_change_nothing_and_are_named(seed):
    data = random_panel(seed)
    rng = np.random.default_rng(seed)
    data["fixed"] = rng.normal(size=12)[data["unit"]]
    data["mix"] = 2 * data["x0"] - 3 * data["x1"] + data["fixed"]
    fitted = kv.estimate(terms_of(("fixed", "x0", "x1", "mix", "x2")), data)
    plain = kv.estimate(terms_of(("x0", "x1", "x2")), data)
    assert fitted.dropped == ("fixed", "mix")
    np.testing.assert_allclose(fitted.coefficients, plain.coefficients, **EQUAL)
    assert fitted.df_resid == plain.df_resid


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_equals_linearmodels(seed):
    data = random_panel(seed, singletons=1)
    spec = terms_of(("x0", "x1", "C(t)"))
    ours, theirs = kv.estimate(spec, data), ask_linearmodels(spec, data)
    np.testing.assert_allclose(
        ours.coefficients[["estimate", "std_error", "p_value"]], theirs.coefficients, rtol=1e-8, atol=1e-10
    )
    assert ours.r_squared == pytest.approx(theirs.r_squared, rel=1e-9)


def test_stata_output_on_grunfeld():
    """Stata's printed output of ``xtreg invest mvalue kstock, fe`` (webuse grunfeld), which areg shares."""
    from statsmodels.datasets import grunfeld

    data = grunfeld.load_pandas().data.query("firm != 'American Steel'")
    fitted = kv.estimate(kv.Specification("invest", ("value", "capital"), "firm", "year"), data)
    printed = {
        "value": (0.1101238, 0.0118567),
        "capital": (0.3100653, 0.0173545),
        "constant": (-58.74393, 12.45369),
    }
    for term, (b, se) in printed.items():
        assert fitted.coefficients.loc[term, "estimate"] == pytest.approx(b, rel=2e-6)
        assert fitted.coefficients.loc[term, "std_error"] == pytest.approx(se, rel=2e-5)
    assert fitted.sigma == pytest.approx(52.76797, rel=1e-6)
    assert fitted.r_squared_within == pytest.approx(0.7668, abs=5e-5)
    assert fitted.df_resid == 188


def test_frisch_waugh_lovell():
    data = random_panel(7)
    full = kv.estimate(terms_of(("x0", "x1", "x2")), data)
    fitted = {}
    for name in ("y", "x0"):
        spec = kv.Specification(name, ("x1", "x2"), "unit", "t", weights="w")
        fitted[name] = kv.estimate(spec, data).residuals.to_numpy()
    w = data["w"].to_numpy()
    slope = (w * fitted["x0"] * fitted["y"]).sum() / (w * fitted["x0"] ** 2).sum()
    assert full.coefficients.loc["x0", "estimate"] == pytest.approx(slope, rel=1e-10)


def test_row_order_index_and_weight_scale_do_not_matter():
    data = random_panel(3)
    spec = terms_of(("x0", "x1", "C(t)", "C(t):x2"))
    base = kv.estimate(spec, data)
    shuffled = data.sample(frac=1, random_state=1).set_index("t", drop=False)
    shuffled["w"] *= 1000
    other = kv.estimate(spec, shuffled)
    assert base.terms == other.terms
    np.testing.assert_allclose(base.coefficients, other.coefficients, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(base.covariance, other.covariance, rtol=1e-10, atol=1e-14)


def test_a_singleton_counts_as_an_effect_but_moves_no_slope():
    data = random_panel(5, singletons=0)
    spec = terms_of(("x0", "x1"))
    alone = data.iloc[[0]].assign(unit=999, y=50.0)
    base, with_singleton = kv.estimate(spec, data), kv.estimate(spec, pd.concat([data, alone]))
    assert with_singleton.n_entities == base.n_entities + 1
    assert with_singleton.df_resid == base.df_resid
    np.testing.assert_allclose(
        with_singleton.coefficients["estimate"].iloc[:2], base.coefficients["estimate"].iloc[:2], rtol=1e-10
    )
    assert with_singleton.r_squared > base.r_squared


def test_clustered_errors_against_statsmodels_dummies():
    """areg's factor M/(M-1) (n-1)/(n-G-k) is statsmodels' on explicit dummies."""
    import statsmodels.api as sm

    data = random_panel(11)
    fitted = kv.estimate(terms_of(("x0", "x1")).vary(covariance="cluster"), data)
    X = pd.concat([data[["x0", "x1"]], pd.get_dummies(data["unit"], drop_first=True).astype(float)], axis=1)
    X.columns = X.columns.astype(str)
    w = data["w"] * len(data) / data["w"].sum()
    other = sm.WLS(data["y"], sm.add_constant(X), weights=w).fit(
        cov_type="cluster", cov_kwds={"groups": data["unit"]}
    )
    np.testing.assert_allclose(
        fitted.coefficients.loc[["x0", "x1"], "std_error"], other.bse[["x0", "x1"]], rtol=1e-9
    )
    assert fitted.inference.df == data["unit"].nunique() - 1


def test_hc1_against_statsmodels_dummies():
    import statsmodels.api as sm

    data = random_panel(12)
    fitted = kv.estimate(terms_of(("x0", "x1")).vary(covariance="hc1"), data)
    X = pd.concat([data[["x0", "x1"]], pd.get_dummies(data["unit"], drop_first=True).astype(float)], axis=1)
    X.columns = X.columns.astype(str)
    other = sm.WLS(data["y"], sm.add_constant(X), weights=data["w"]).fit(cov_type="HC1")
    np.testing.assert_allclose(
        fitted.coefficients.loc[["x0", "x1"], "std_error"], other.bse[["x0", "x1"]], rtol=1e-9
    )


def test_nearly_collinear_columns_are_solved_by_qr_and_kept():
    data = random_panel(4)
    rng = np.random.default_rng(4)
    data["close"] = data["x0"] + 1e-5 * rng.normal(size=len(data))
    fitted = kv.estimate(terms_of(("x0", "close")), data)
    columns = data[["x0", "close"]].to_numpy()
    b, V, *_ = lsdv(data, "y", columns, "unit", data["w"].to_numpy())
    assert fitted.dropped == ()
    np.testing.assert_allclose(fitted.coefficients["estimate"], b, rtol=1e-6)
    np.testing.assert_allclose(fitted.covariance, V, rtol=1e-6)


def test_missing_values_are_left_out_and_counted_aloud():
    data = random_panel(6)
    holed = data.copy()
    holed.loc[[3, 8], "x0"] = np.nan
    with pytest.warns(DataWarning, match=r"2 of \d+ rows .* unit 0 t 2003"):
        fitted = kv.estimate(terms_of(("x0", "x1")), holed)
    complete = kv.estimate(terms_of(("x0", "x1")), data.drop(index=[3, 8]))
    assert (fitted.n_incomplete, fitted.n_obs) == (2, len(data) - 2)
    np.testing.assert_allclose(fitted.coefficients, complete.coefficients, rtol=1e-12)


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan])
def test_weights_must_be_positive(weight):
    data = random_panel(6)
    data.loc[4, "w"] = weight
    with pytest.raises(InvalidDataError, match=r"positive.*'w'.*unit 0 t 2004"):
        kv.estimate(terms_of(("x0",)), data)


def test_unknown_column_names_the_nearest():
    with pytest.raises(DataMissingError, match=r"'xx0'.*did you mean 'x0'"):
        kv.estimate(terms_of(("xx0",)), random_panel(6))


def test_text_and_infinity_are_named():
    data = random_panel(6).astype({"x0": object})
    data.loc[2, "x0"] = "many"
    with pytest.raises(InvalidDataError, match=r"'x0' has text in 1 row(.|\n)*row 2: 'many'"):
        kv.estimate(terms_of(("x0",)), data)
    data = random_panel(6)
    data.loc[2, "x0"] = np.inf
    with pytest.raises(InvalidDataError, match="infinite"):
        kv.estimate(terms_of(("x0",)), data)


def test_nothing_varies_within_entities():
    data = random_panel(6)
    data["fixed"] = data["unit"] * 0.1
    with pytest.raises(SpecificationError, match=r"fixed.*varies within"):
        kv.estimate(terms_of(("fixed",)), data)


def test_no_degrees_of_freedom():
    data = random_panel(6).groupby("unit").head(1)
    data = pd.concat([data, data.head(1).assign(x0=9.0, t=3000)])
    with pytest.raises(SpecificationError, match="degrees of freedom"):
        kv.estimate(terms_of(("x0",)), data)


def test_empty_data():
    with pytest.raises(InvalidDataError, match="no rows"):
        kv.estimate(terms_of(("x0",)), random_panel(6).head(0))


def test_provenance_is_carried():
    data = random_panel(6).assign(data_origin="synthetic")
    fitted = kv.estimate(terms_of(("x0",)), data)
    assert fitted.provenance.origin == "synthetic"
    assert fitted.provenance.package_version == kv.__version__
    assert kv.estimate(terms_of(("x0",)), random_panel(6)).provenance.origin == "data frame of the caller"


def test_no_warning_on_complete_data():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kv.estimate(terms_of(("x0",)), random_panel(6))
