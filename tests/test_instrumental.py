"""Two-stage least squares: against dummies, linearmodels, pyfixest, estimatr; identities; refusals."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linearmodels.iv import IV2SLS, IVGMM
from scipy import stats

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.chapters.own_specifications import estimate_all
from kostnadsvekst.errors import DataMissingError, DataWarning, SpecificationError
from kostnadsvekst.models import two_stages
from kostnadsvekst.models.confounding import sensitivity
from kostnadsvekst.models.fixed_effects import estimate as estimate_within
from kostnadsvekst.models.instrument_tests import QuadraticFamily, accepted_set, effective_f, sum_over_two
from kostnadsvekst.models.results import Result
from kostnadsvekst.models.specifications import read_specifications

# The same arithmetic in another order.
SAME = 1e-8
REFERENCE = Path(__file__).resolve().parent / "reference"
FORMULA = "y ~ x | unit | d ~ z1 + z2"
KINDS = (
    "classical", "hc1", "hc2", "hc3", "cluster", "twoway", "driscoll_kraay", "jackknife", "cr2",
    ("cluster", "region"), ("jackknife", "region"),
)  # fmt: skip


def draw(n_units=20, years=6, seed=12):
    """Panel with d, correlated with the error, and three instruments; the effect of d is one."""
    data = make_panel(n_units, years, 5, seed)
    rng = np.random.default_rng(seed)
    n = len(data)
    u = rng.normal(size=n)
    z = rng.normal(size=(n, 3))
    d = 0.6 * z[:, 0] + 0.4 * z[:, 1] + u
    d2 = 0.5 * z[:, 2] - 0.3 * z[:, 0] + rng.normal(size=n)
    extra = {"z1": z[:, 0], "z2": z[:, 1], "z3": z[:, 2], "d": d, "d2": d2}
    return data.assign(y=data["y"] + d + 0.7 * u, **extra)


@pytest.fixture(scope="module")
def data():
    return draw()


@pytest.fixture(scope="module")
def long():
    """Enough years for clusters of years."""
    return draw(15, 14, 3)


@pytest.fixture(scope="module")
def fitted(data):
    return kv.estimate(FORMULA, data, weights="population", covariance="cluster")


def dummies(data, *columns):
    return np.column_stack(
        [(data[c].to_numpy()[:, None] == np.unique(data[c])[None, :]).astype(float) for c in columns]
    )


def by_dummies(data, X, Z, weights=None, effects=("unit",)):
    """b, residuals, projected columns and square root of the weights by the textbook, dummies and all."""
    w = np.ones(len(data)) if weights is None else data[weights].to_numpy(float)
    root = np.sqrt(w * len(w) / w.sum())[:, None]
    D = dummies(data, *effects)
    X, Z = (np.column_stack([part, D]) * root for part in (X, Z))
    y = data["y"].to_numpy() * root[:, 0]
    projected = Z @ np.linalg.lstsq(Z, X, rcond=None)[0]
    b = np.linalg.lstsq(projected, y, rcond=None)[0]
    return b, y - X @ b, projected, root[:, 0]


# Against dummies ----------


@pytest.mark.parametrize("weights", [None, "population"])
@pytest.mark.parametrize("effects", [("unit",), ("unit", "year")])
def test_equals_brute_force_with_dummies(data, weights, effects):
    formula = f"y ~ x | {' + '.join(effects)} | d ~ z1 + z2"
    found = kv.estimate(formula, data, weights=weights)
    X, Z = data[["x", "d"]].to_numpy(), data[["x", "z1", "z2"]].to_numpy()
    b, e, P, _ = by_dummies(data, X, Z, weights, effects)
    np.testing.assert_allclose(found.coefficients["estimate"].iloc[:2], b[:2], rtol=SAME)
    rank = np.linalg.matrix_rank(P)
    df = len(e) - rank
    assert found.df_resid == df
    A = np.linalg.pinv(P.T @ P)
    h = np.einsum("ij,jk,ik->i", P, A, P)
    meats = {
        "classical": P.T @ P * (e @ e) / df,
        "hc1": (P * e[:, None] ** 2).T @ P * len(e) / df,
        "hc2": (P * (e**2 / (1 - h))[:, None]).T @ P,
        "hc3": (P * (e**2 / (1 - h) ** 2)[:, None]).T @ P,
    }
    units = dummies(data, "unit")
    M = units.shape[1]
    sums = units.T @ (P * e[:, None])
    meats["cluster"] = sums.T @ sums * M / (M - 1) * (len(e) - 1) / df
    for kind, meat in meats.items():
        V = (A @ meat @ A)[:2, :2]
        other = found.with_covariance(kind)
        np.testing.assert_allclose(other.covariance.iloc[:2, :2], V, rtol=1e-7)
        again = kv.estimate(formula, data, weights=weights, covariance=kind)
        pd.testing.assert_frame_equal(other.coefficients, again.coefficients)


@pytest.mark.parametrize("cluster", ["unit", "region"])
def test_the_jackknife_is_both_stages_without_each_cluster(data, cluster):
    check_jackknife(data, cluster)


def check_jackknife(data, cluster):
    found = kv.estimate(FORMULA, data, weights="population", covariance=("jackknife", cluster))
    b = found.coefficients["estimate"].to_numpy()
    # The weights' scale does not matter to an estimate.
    changes = np.stack(
        [
            kv.estimate(FORMULA, data[data[cluster] != level], weights="population").coefficients["estimate"]
            - b
            for level in data[cluster].unique()
        ]
    )
    M = len(changes)
    np.testing.assert_allclose(found.covariance, (M - 1) / M * changes.T @ changes, rtol=1e-7)
    assert found.df == M - 1


def test_without_effects_the_constant_is_a_column(data):
    found = kv.estimate("y ~ x | d ~ z1 + z2", data, entity="unit", covariance="hc1")
    exog = data[["x"]].assign(one=1.0)
    other = IV2SLS(data["y"], exog, data[["d"]], data[["z1", "z2"]]).fit(cov_type="robust", debiased=True)
    order = ["x", "d", "one"]
    np.testing.assert_allclose(found.coefficients["estimate"], other.params[order], rtol=SAME)
    np.testing.assert_allclose(found.coefficients["std_error"], other.std_errors[order], rtol=SAME)
    for bar in ("| 0 | d", "| 1 | d"):
        again = kv.estimate(f"y ~ x {bar} ~ z1 + z2", data, entity="unit", covariance="hc1")
        pd.testing.assert_frame_equal(again.coefficients, found.coefficients)


def test_of_endogenous_terms_alone(data):
    found = kv.estimate("y ~ 1 | unit | d ~ z1", data)
    within = data[["y", "d", "z1"]] - data.groupby("unit")[["y", "d", "z1"]].transform("mean")
    assert found.terms == ("d", "constant")
    assert found.coefficients.loc["d", "estimate"] == pytest.approx(
        within["z1"] @ within["y"] / (within["z1"] @ within["d"]), rel=1e-10
    )


# Against other programs ----------


def demeaned(data, columns):
    w, unit = data["population"], data["unit"]
    means = (
        data[columns]
        .mul(w, axis=0)
        .groupby(unit)
        .transform("sum")
        .div(w.groupby(unit).transform("sum"), axis=0)
    )
    return data[columns] - means


@pytest.mark.parametrize("kind", ["unadjusted", "robust", "clustered"])
@pytest.mark.parametrize("endogenous", [["d"], ["d", "d2"]])
def test_equals_linearmodels_on_demeaned_data(data, kind, endogenous):
    instruments = ["z1", "z2", "z3"]
    formula = f"y ~ x | unit | {' + '.join(endogenous)} ~ {' + '.join(instruments)}"
    choice = {"unadjusted": "classical", "robust": "hc1", "clustered": "cluster"}[kind]
    found = kv.estimate(formula, data, weights="population", covariance=choice)
    q = demeaned(data, ["y", "x", *endogenous, *instruments])
    clusters = {"clusters": data["unit"]} if kind == "clustered" else {}
    parts = (q["y"], q[["x"]], q[endogenous], q[instruments])
    other = IV2SLS(*parts, weights=data["population"]).fit(cov_type=kind, debiased=False, **clusters)
    n, G, k = len(data), data["unit"].nunique(), 1 + len(endogenous)
    factor = G / (G - 1) * (n - 1) / (n - G - k) if clusters else n / (n - G - k)
    np.testing.assert_allclose(found.coefficients["estimate"].iloc[:-1], other.params, rtol=SAME)
    np.testing.assert_allclose(found.covariance.iloc[:-1, :-1], other.cov * factor, rtol=SAME)
    J = found.diagnostics.overidentification
    if kind == "unadjusted":
        # Residual variance over n - G and not n: the effects are estimated.
        assert J.statistic == pytest.approx(other.sargan.stat * (n - G) / n, rel=SAME)
        theirs = other.wu_hausman()
        ours = found.diagnostics.wu_hausman
        p = len(endogenous)
        df = n - k - p
        assert ours.statistic == pytest.approx(theirs.stat * (n - G - k - p) / df, rel=SAME)
    else:
        options = {"weight_type": kind} | ({"clusters": data["unit"]} if clusters else {})
        gmm = IVGMM(*parts, weights=data["population"], **options).fit(iter_limit=2)
        assert J.statistic == pytest.approx(gmm.j_stat.stat, rel=1e-6)
    assert J.p_value == pytest.approx(stats.chi2.sf(J.statistic, 3 - len(endogenous)), rel=1e-10)


@pytest.mark.parametrize("weights", [None, "population"])
def test_equals_pyfixest(data, weights):
    pf = pytest.importorskip("pyfixest")
    found = kv.estimate(FORMULA, data, weights=weights, covariance="cluster", convention="none")
    no_factor = pf.ssc(k_adj=False, G_adj=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = pf.feols(FORMULA, data, weights=weights, vcov={"CRV1": "unit"}, ssc=no_factor)
    order = list(other.coef().index)
    np.testing.assert_allclose(found.coefficients.loc[order, "estimate"], other.coef(), rtol=SAME)
    np.testing.assert_allclose(found.coefficients.loc[order, "std_error"], other.se(), rtol=SAME)


def test_effective_f_equals_pyfixest(data):
    """Without other regressors, which are not taken out of the instruments there; its factor is xtreg's."""
    pf = pytest.importorskip("pyfixest")
    formula = "y ~ 1 | unit | d ~ z1 + z2"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = pf.feols(formula, data, weights="population", vcov={"CRV1": "unit"})
        other.IV_Diag()
    found = kv.estimate(formula, data, weights="population", covariance="cluster", convention="xtreg")
    assert found.diagnostics.effective_f.statistic == pytest.approx(other._eff_F, rel=SAME)


RECORDED = pd.read_csv(REFERENCE / "instruments.csv")


@pytest.mark.parametrize("shape", ["balanced", "gaps"])
@pytest.mark.parametrize("weights", ["none", "w"])
def test_equals_estimatr(shape, weights):
    """HC2, HC3 and CR2 take the leverage of the projected columns there, too."""
    panel = pd.read_csv(REFERENCE / f"panel_{shape}.csv")
    found = kv.estimate("y ~ w | unit | x ~ z + year", panel, weights=None if weights == "none" else weights)
    cases = RECORDED[(RECORDED["shape"] == shape) & (RECORDED["weights"] == weights)]
    assert len(cases) == 16
    for kind, expected in cases.groupby("type"):
        name, _, column = kind.partition(":")
        choice = ({"stata": "cluster"}.get(name, name.lower()), *([column] if column else []))
        other = found.with_covariance(choice if column else choice[0])
        rows = other.coefficients.loc[expected["term"]]
        np.testing.assert_allclose(rows["estimate"], expected["estimate"], rtol=SAME)
        np.testing.assert_allclose(rows["std_error"], expected["std_error"], rtol=SAME)
        df = np.broadcast_to(other.df, (3,))[[other.terms.index(t) for t in expected["term"]]]
        np.testing.assert_allclose(df, expected["df"], rtol=1e-6)


# Identities ----------

NUMBERS = st.floats(-5, 5, allow_nan=False).map(lambda v: round(v, 3))


@st.composite
def panels(draw_from):
    units = draw_from(st.integers(2, 4))
    n = units * 5
    seed = draw_from(st.integers(0, 2**32 - 1))
    frame = pd.DataFrame(np.random.default_rng(seed).normal(size=(n, 5)), columns=["y", "x", "d", "z", "w"])
    own = draw_from(st.lists(NUMBERS, min_size=n, max_size=n))
    return frame.assign(
        unit=np.repeat(np.arange(units), 5), year=np.tile(np.arange(5), units), w=np.exp(frame["w"]),
        y=frame["y"] + own, d=frame["d"] + 0.8 * frame["z"],
    )  # fmt: skip


@pytest.mark.parametrize("examples", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_identities(examples):
    settings(max_examples=examples, deadline=None)(
        given(panels(), st.sampled_from([None, "w"]))(identities)
    )()


def identities(panel, weights):
    """Just identified: the reduced form over the first stage. Its own instrument: least squares."""
    found = kv.estimate("y ~ x | unit | d ~ z", panel, weights=weights, covariance="hc1")
    first = found.first_stages["d"].coefficients.loc["z", "estimate"]
    reduced = found.reduced_form.coefficients.loc["z", "estimate"]
    if abs(first) > 1e-3:
        assert found.coefficients.loc["d", "estimate"] == pytest.approx(reduced / first, rel=1e-7, abs=1e-9)
    own = kv.estimate("y ~ x | unit | d ~ d", panel, weights=weights, covariance="hc1")
    ols = kv.estimate("y ~ x + d | unit", panel, weights=weights, covariance="hc1")
    np.testing.assert_allclose(own.coefficients, ols.coefficients, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_instrument_is_least_squares_by_every_covariance(data, kind):
    own = kv.estimate("y ~ x | unit | d ~ d", data, weights="population", covariance=kind)
    ols = kv.estimate("y ~ x + d | unit", data, weights="population", covariance=kind)
    np.testing.assert_allclose(own.coefficients, ols.coefficients, rtol=1e-7)
    assert own.diagnostics.wu_hausman is None
    assert any("in full" in reason for reason in own.diagnostics.left_out)


def test_order_of_rows_and_scale_of_weights_do_not_matter(data, fitted):
    other = data.sample(frac=1, random_state=1).assign(population=data["population"] * 7)
    found = kv.estimate(FORMULA, other, weights="population", covariance="cluster")
    np.testing.assert_allclose(found.coefficients, fitted.coefficients, rtol=1e-9)
    scaled = kv.estimate(FORMULA, data.assign(z1=data["z1"] * 1e6 + 3), weights="population")
    np.testing.assert_allclose(scaled.coefficients["estimate"], fitted.coefficients["estimate"], rtol=1e-8)


def test_outcome_columns_and_effects_come_back(data, fitted):
    np.testing.assert_allclose(fitted.fit.y, data["y"], rtol=1e-10)
    np.testing.assert_allclose(fitted.fit.X, data[["x", "d"]], atol=1e-10)
    two = kv.estimate("y ~ x | unit + year | d ~ z1", data, weights="population")
    np.testing.assert_allclose(two.fit.y, data["y"], atol=1e-8)
    np.testing.assert_allclose(two.fit.X, data[["x", "d"]], atol=1e-8)
    level = fitted.fit.y - fitted.fit.X @ fitted.fit.coefficients
    assert np.average(level, weights=data["population"]) == pytest.approx(fitted.fit.constant)


# Tests of instruments ----------


@pytest.mark.parametrize("kind", KINDS)
def test_diagnostics_of_every_covariance(long, kind):
    found = kv.estimate(FORMULA, long, covariance=kind).diagnostics
    assert found.first_stage["d"].statistic > 0
    assert found.effective_f.statistic > 0
    assert found.kleibergen_paap_f > 0
    assert 0 < found.wu_hausman.p_value < 1
    assert found.anderson_rubin.df_numerator == 2
    assert str(found).count("\n") >= 6
    assert (found.anderson_rubin_set is None) == (kind == "cr2")


def test_moments_without_a_covariance_leave_tests_out_by_name(data):
    """Six years and weights: the difference of the two-way clusters is no covariance."""
    found = kv.estimate(FORMULA, data, weights="population", covariance="twoway").diagnostics
    assert np.isnan(found.kleibergen_paap_f)
    assert any("rk F: the moments have no inverse" in reason for reason in found.left_out)


def test_the_meat_of_two_clusterings_counts_each_pair_once():
    """Pairs of rows that share a unit or a year, one by one."""
    rng = np.random.default_rng(7)
    moments, unit, year = rng.normal(size=(12, 2)), np.arange(12) // 4, np.arange(12) % 3
    expected = np.zeros((2, 2))
    for i in range(12):
        for j in range(12):
            if unit[i] == unit[j] or year[i] == year[j]:
                expected += np.outer(moments[i], moments[j])
    np.testing.assert_allclose(sum_over_two(moments, unit, year), expected, atol=1e-12)


def test_first_stage_f_is_the_comparison_of_two_fits(data):
    """Classical: from the sums of squares with and without the instruments."""
    found = kv.estimate(FORMULA, data, weights="population").diagnostics
    long = kv.estimate("d ~ x + z1 + z2 | unit", data, weights="population")
    short = kv.estimate("d ~ x | unit", data, weights="population")
    F = (short.fit.ssr - long.fit.ssr) / 2 / (long.fit.ssr / long.df_resid)
    assert found.first_stage["d"].statistic == pytest.approx(F, rel=SAME)
    assert found.cragg_donald_f == pytest.approx(F, rel=SAME)
    assert found.kleibergen_paap_f == pytest.approx(F, rel=SAME)
    assert found.effective_f.statistic == pytest.approx(F, rel=SAME)
    # Anderson's LM: rows less effects times the squared partial correlation.
    n = len(data) - data["unit"].nunique()
    lm = n * (1 - long.fit.ssr / short.fit.ssr)
    assert found.underidentification.statistic == pytest.approx(lm, rel=SAME)


@pytest.mark.parametrize("kind", ["hc1", "cluster", "twoway", "driscoll_kraay"])
def test_with_one_endogenous_column_the_rk_f_is_the_robust_first_stage_f(long, kind):
    found = kv.estimate(FORMULA, long, covariance=kind).diagnostics
    # Two-way: each of its three parts has a factor of its own, the rk F that of the fewest clusters.
    assert found.kleibergen_paap_f == pytest.approx(
        found.first_stage["d"].statistic, rel=0.1 if kind == "twoway" else SAME
    )


@pytest.mark.parametrize("wald", [False, True])
def test_the_rank_test_of_two_endogenous_columns_by_kronecker_products(data, wald):
    """Kleibergen and Paap (2006), with the variance of all coefficients written out; clustered by unit."""
    formula = "y ~ x | unit | d + d2 ~ z1 + z2 + z3"
    found = kv.estimate(formula, data, weights="population", covariance="cluster")
    names = ["z1", "z2", "z3"]
    root = np.sqrt(data["population"] * len(data) / data["population"].sum()).to_numpy()[:, None]
    q = demeaned(data, ["x", "d", "d2", *names]).to_numpy() * root
    rest = q[:, 1:] - q[:, :1] @ np.linalg.lstsq(q[:, :1], q[:, 1:], rcond=None)[0]
    D, Z = rest[:, :2], rest[:, 2:]
    pi = np.linalg.lstsq(Z, D, rcond=None)[0]
    noise = D - Z @ pi if wald else D
    F = np.linalg.cholesky(Z.T @ Z).T
    G = np.linalg.inv(np.linalg.cholesky(noise.T @ noise))
    theta = F @ pi @ G.T
    units = dummies(data, "unit")
    A = np.linalg.inv(F).T
    scores = units.T @ np.einsum("ni,nj->nij", noise @ G.T, Z @ A.T).reshape(len(data), -1)
    W = scores.T @ scores
    U, _, Vt = np.linalg.svd(theta)
    U22, V22 = U[1:, 1:], Vt.T[1:, 1:]

    def root_of(matrix):
        values, vectors = np.linalg.eigh(matrix)
        return vectors @ np.diag(np.sqrt(values)) @ vectors.T

    left = U[:, 1:] @ np.linalg.inv(U22) @ root_of(U22 @ U22.T)
    right = root_of(V22 @ V22.T) @ np.linalg.inv(V22.T) @ Vt[1:, :]
    K = np.kron(right, left.T)
    moved = K @ theta.T.ravel()
    rk = moved @ np.linalg.solve(K @ W @ K.T, moved)
    D = found.diagnostics
    if wald:
        n, M, L = len(data), data["unit"].nunique(), 4
        factor = M / (M - 1) * (n - 1) / (n - M - L)
        assert D.kleibergen_paap_f == pytest.approx(rk / 3 / factor, rel=1e-7)
    else:
        assert D.underidentification.statistic == pytest.approx(rk, rel=1e-7)
        assert D.underidentification.df_numerator == 2
    assert D.effective_f is None
    assert D.anderson_rubin_set is None
    assert len(D.left_out) == 2


def test_cragg_donald_of_two_columns_is_the_least_root(data):
    """Least eigenvalue of explained over unexplained variance, written out."""
    found = kv.estimate("y ~ x | unit | d + d2 ~ z1 + z2 + z3", data)
    firsts = [kv.estimate(f"{d} ~ x + z1 + z2 + z3 | unit", data).fit for d in ("d", "d2")]
    shorts = [kv.estimate(f"{d} ~ x | unit", data).fit for d in ("d", "d2")]
    V, E = (np.column_stack([f.residuals for f in fits]) for fits in (firsts, shorts))
    roots = np.linalg.eigvals(np.linalg.solve(V.T @ V, E.T @ E - V.T @ V))
    df = firsts[0].df_resid
    assert found.diagnostics.cragg_donald_f == pytest.approx(roots.real.min() * df / 3, rel=SAME)


def test_effective_f_by_hand():
    """Two orthonormal instruments with variances 1 and 3: F = (a^2 + b^2) / 4, K by its formula."""
    V = np.diag([1.0, 3.0])
    found = effective_f(np.eye(2), np.array([2.0, 4.0]), V)
    assert found.statistic == pytest.approx(20 / 4)
    # tau = 10 %: K = 16 (1 + 20) / (10 + 20 * 4 * 3).
    assert found.df == pytest.approx(16 * 21 / 250)
    expected = stats.ncx2.ppf(0.95, 16 * 21 / 250, 10 * 16 * 21 / 250) / (16 * 21 / 250)
    assert dict(found.critical)[0.10] == pytest.approx(expected)


def test_critical_values_of_one_instrument_are_those_printed():
    """Montiel Olea and Pflueger (2013), table 1, effective degrees of freedom one."""
    found = dict(effective_f(np.eye(1), np.ones(1), np.eye(1)).critical)
    assert [round(found[tau], 2) for tau in (0.05, 0.10, 0.20, 0.30)] == [37.42, 23.11, 15.06, 12.05]


@pytest.mark.parametrize("kind", ["classical", "hc1", "cluster", "jackknife", "driscoll_kraay"])
@pytest.mark.parametrize("formula", [FORMULA, "y ~ x | unit | d ~ z2"])
def test_the_set_of_anderson_and_rubin_ends_where_the_test_does(data, kind, formula):
    found = kv.estimate(formula, data, weights="population", covariance=kind)
    ((low, high),) = found.diagnostics.anderson_rubin_set
    instruments = [name for name in ("z1", "z2") if name in formula.split("~")[-1]]

    def p_value(value):
        moved = data.assign(y=data["y"] - value * data["d"])
        other = kv.estimate(
            f"y ~ x + {' + '.join(instruments)} | unit", moved, weights="population", covariance=kind
        )
        return kv.wald_test(other, instruments).p_value

    assert p_value(low) == pytest.approx(0.05, rel=1e-5)
    assert p_value(high) == pytest.approx(0.05, rel=1e-5)
    assert p_value((low + high) / 2) > 0.05
    assert p_value(low - 0.1) < 0.05
    assert found.diagnostics.anderson_rubin.p_value == pytest.approx(p_value(0.0), rel=SAME)


def one_dimension(d0, d1, v0, v1, v2):
    return QuadraticFamily((np.array([d0]), np.array([d1])), tuple(np.array([[v]]) for v in (v0, v1, v2)))


@pytest.mark.parametrize(
    ("family", "critical", "expected"),
    [
        # (1 - t)^2 <= 4 * 0.25
        ((1, -1, 0.25, 0, 0), 4, ((0, 2),)),
        # (1 - t)^2 <= 4 t^2: outside of (-1, 1/3)
        ((1, -1, 1e-12, 0, 1), 4, ((-np.inf, -1), (1 / 3, np.inf))),
        # 0.01 (1 - t)^2 <= 4: everything within (-19, 21); with V growing in t the whole line
        ((0.1, -0.1, 1, 0, 1), 4, ((-np.inf, np.inf),)),
    ],
)
def test_sets_that_are_bounded_rays_or_the_line(family, critical, expected):
    found = accepted_set(one_dimension(*family), critical)
    np.testing.assert_allclose(np.array(found), np.array(expected), atol=1e-5)


def test_there_is_no_set_where_the_variance_is_negative_for_some_values():
    assert accepted_set(one_dimension(1, -1, 1, 0, -0.1), 4) is None


def test_a_set_may_be_empty():
    family = QuadraticFamily(
        (np.array([1.0, -1.0]), np.array([1.0, 1.0])), (0.01 * np.eye(2), np.zeros((2, 2)), np.zeros((2, 2)))
    )
    assert accepted_set(family, 4.0) == ()


def test_two_instruments_that_contradict_each_other(data):
    moved = data.assign(z2=data["z2"] + 0.8 * (data["y"] - data.groupby("unit")["y"].transform("mean")))
    found = kv.estimate(FORMULA, moved).diagnostics
    assert found.overidentification.p_value < 0.001


def test_a_constant_without_an_error_does_not_forbid_tests_of_slopes():
    """As first stages by two-way clusters may have it."""
    found = kv.estimate("y ~ x + z | unit", make_panel(20, 6, 5, 26), covariance="twoway")
    assert np.isnan(found.coefficients.loc["constant", "std_error"])
    b, V = found.fit.coefficients, found.covariance.to_numpy()[:2, :2]
    test = kv.wald_test(found, ["x", "z"])
    assert test.statistic == pytest.approx(b @ np.linalg.solve(V, b) / 2, rel=SAME)
    with pytest.raises(SpecificationError, match="cannot be tested together"):
        kv.wald_test(found, ["x", "constant"])


# What is dropped, refused, left out ----------


def test_collinear_instruments_and_regressors_are_dropped_by_name(data):
    more = data.assign(z4=2 * data["z1"] + 1, x2=3 * data["x"], fixed=data["unit"] * 1.0)
    found = kv.estimate("y ~ x + x2 | unit | d ~ z1 + z4 + z2 + fixed", more)
    expected = kv.estimate(FORMULA, data)
    assert found.dropped == ("x2", "z4", "fixed")
    assert found.instruments == ("z1", "z2")
    np.testing.assert_allclose(found.coefficients, expected.coefficients, rtol=1e-8)
    assert found.facts.omitted == ("x2", "z4", "fixed")


def test_instruments_do_not_decide_how_the_equation_is_coded(data):
    """A slope for each region beside an instrument that is their sum: it adds nothing, no slope is lost."""
    found = kv.estimate("y ~ C(region):x | unit | d ~ x + z1", data)
    expected = kv.estimate("y ~ C(region):x | unit | d ~ z1", data)
    assert found.dropped == ("x",)
    assert found.terms == expected.terms
    np.testing.assert_allclose(found.coefficients, expected.coefficients, rtol=1e-8)
    # The sum of these instruments is the endogenous column: its own instrument, though it is not among them.
    own = kv.estimate("y ~ 1 | unit | x ~ C(region):x", data)
    assert own.instruments[0] == "C(region)[0]:x"
    ols = kv.estimate("y ~ x | unit", data)
    np.testing.assert_allclose(own.coefficients["estimate"], ols.coefficients["estimate"], rtol=1e-8)
    # And an instrument whose margin is a regressor is coded beside it.
    by_region = kv.estimate("y ~ x | unit | d ~ C(region):x + z1", data)
    assert by_region.instruments[:2] == ("C(region)[T.1]:x", "C(region)[T.2]:x")


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("y ~ i(year, ref=2012) | unit | d ~ C(year, ref=2011)", "two terms would be called"),
        ("y ~ x | unit | d + d2 ~ z1", "2 endogenous column(s), d, d2, and 1 instrument(s)"),
        ("y ~ x | unit | d ~ fixed", "fixed collinear with the effects"),
        ("y ~ x | unit | d + d2 ~ z1 + z4", "1 instrument(s) for them (z4 collinear"),
        ("y ~ x | unit | fixed ~ z1", "the endogenous fixed does not vary"),
        ("y ~ x | unit | d + d3 ~ z1 + z2", "the endogenous d3 does not vary"),
        ("y ~ x | unit | d ~ orthogonal", "not identified: the instruments do not explain d"),
        ("y ~ x | unit | d ~ x", "a regressor is its own instrument already"),
        ("y ~ x + d | unit | d ~ z1", "both endogenous and a regressor"),
        ("y ~ x | unit | y ~ z1", "'y' is the outcome"),
        ("y ~ x | unit | d ~ y", "'y' is the outcome"),
        ("y ~ C(region)*x | unit | d ~ `x`:C(region)", "leave it out"),
    ],
)
def test_what_is_not_identified_is_refused_by_name(data, formula, words):
    rng = np.random.default_rng(0)
    orthogonal = rng.normal(size=len(data))
    within = data[["x", "d"]] - data.groupby("unit")[["x", "d"]].transform("mean")
    orthogonal -= pd.Series(orthogonal).groupby(data["unit"]).transform("mean")
    for _ in range(3):
        orthogonal = orthogonal - within @ np.linalg.lstsq(within, orthogonal, rcond=None)[0]
    more = data.assign(
        z4=2 * data["z1"] + 1, fixed=data["unit"] * 1.0, d3=2 * data["d"], orthogonal=np.asarray(orthogonal)
    )
    with pytest.raises(SpecificationError) as caught:
        kv.estimate(formula, more)
    assert words in str(caught.value)


@pytest.mark.parametrize("part", ["endogenous", "instruments"])
def test_parts_go_together(part):
    with pytest.raises(SpecificationError, match="go together"):
        kv.Specification("y", ("x",), "unit", **{part: ("d",)})
    with pytest.raises(SpecificationError, match="named twice"):
        kv.Specification(
            "y", ("x",), "unit", **{"endogenous": ("d",), "instruments": ("z",), part: ("a", "a")}
        )


def test_the_wild_bootstrap_is_refused_with_the_reason(data, fitted):
    for make in (
        lambda: kv.estimate(FORMULA, data, covariance="wild_cluster"),
        lambda: fitted.with_covariance("wild_cluster"),
    ):
        with pytest.raises(SpecificationError, match="both equations have to be drawn together"):
            make()


def test_the_jackknife_of_several_sets_inside_clusters(data):
    """Regions hold units whole, so that their effects add nothing; and so it is printed and tested."""
    several = kv.estimate("y ~ x | unit + region | d ~ z1 + z2", data, covariance=("jackknife", "region"))
    expected = kv.estimate(FORMULA, data, covariance=("jackknife", "region"))
    np.testing.assert_allclose(several.coefficients, expected.coefficients, rtol=1e-8)
    assert "first-stage F of d" in repr(several)
    assert several.diagnostics.first_stage["d"].statistic == pytest.approx(
        expected.diagnostics.first_stage["d"].statistic, rel=1e-6
    )


def test_the_jackknife_needs_effects_inside_clusters(data):
    with pytest.raises(SpecificationError, match="every absorbed effect inside one cluster"):
        kv.estimate(FORMULA, data, covariance=("jackknife", "year"))
    only = data.assign(z1=data["z1"] * (data["unit"] == 3))
    with pytest.raises(SpecificationError, match=r"without any one of 1 cluster"):
        kv.estimate("y ~ x | unit | d ~ z1", only, covariance="jackknife")
    # Beside one that identifies without it the instrument is simply gone.
    check_jackknife(only, "unit")


def test_more_moments_than_clusters_leave_tests_out(data):
    found = kv.estimate(
        "y ~ x + C(year) | unit | d ~ z1 + z2", data, covariance=("cluster", "region")
    ).diagnostics
    assert found.overidentification is None
    assert any("8 moments have no inverse" in reason for reason in found.left_out)
    assert found.wu_hausman is not None
    absorbed = kv.estimate(
        "y ~ x | unit + year | d ~ z1 + z2", data, covariance=("cluster", "region")
    ).diagnostics
    assert absorbed.overidentification.p_value > 0


def test_missing_instruments_are_left_out_with_a_warning(data):
    gaps = data.assign(z2=data["z2"].where(data["year"] != 2011))
    with pytest.warns(DataWarning, match="have missing values and are left out") as caught:
        found = kv.estimate(FORMULA, gaps)
    # The line of the caller, and none of the package.
    assert caught[0].filename == __file__
    assert found.n_obs == len(data) - 20
    with pytest.raises(DataMissingError, match=r"'zz1' \(did you mean 'z1'\?\)"):
        kv.estimate("y ~ x | unit | d ~ zz1", data)


def test_functions_of_least_squares_refuse_instruments(data, fitted):
    spec = fitted.specification
    refused = [
        lambda: kv.estimate_ar1(spec.vary(weights=None), data),
        lambda: estimate_within(spec, data),
        lambda: kv.specification_curve([spec], data),
        lambda: kv.decompose(spec, spec.adding("z3"), data),
        lambda: sensitivity(fitted, "d"),
        lambda: kv.oster_delta(fitted, "d"),
        lambda: kv.many_outcomes({"a": fitted}, "d"),
        lambda: kv.mundlak_test(fitted),
        lambda: kv.reset_test(fitted),
        lambda: kv.influence(fitted),
        lambda: kv.account_for_growth(fitted, data, 2010, 2012),
    ]
    for use in refused:
        with pytest.raises(SpecificationError):
            use()


def test_a_plain_specification_has_no_second_stage(data):
    from kostnadsvekst.models.instrumental import estimate_instrumented

    with pytest.raises(SpecificationError, match="has no instruments"):
        estimate_instrumented(kv.Specification("y", ("x",), "unit"), data)


# The face of a result ----------


def test_it_has_the_face_of_a_result(fitted):
    assert isinstance(fitted, Result)
    assert isinstance(fitted, kv.Estimate)
    assert fitted.facts.estimator == "2sls"
    assert fitted.facts.r_squared is None
    text = repr(fitted)
    assert "d instrumented by z1, z2" in text
    assert "Two-stage least squares" in text
    table = kv.table({"2SLS": fitted, "first": fitted.first_stages["d"]})
    english, norwegian = table.to("md", "en"), table.to("md", "nb")
    assert "Endogenous regressors: d; instruments: z1, z2" in english
    assert "Two-stage least squares (2SLS)" in english
    assert "Endogene regressorer: d; instrumenter: z1, z2" in norwegian
    assert "To-trinns minste kvadrater" in norwegian
    assert "instruments" not in norwegian


def test_transformed_terms_are_endogenous_and_instruments(data):
    panel = data.assign(d=np.exp(data["d"]))
    found = kv.estimate(
        "y ~ poly(x, 2) | unit | log(d) ~ lag(z1) + I(z2**2) + z2", panel, sample="year > 2010"
    )
    assert found.terms == ("poly(x, 2)[1]", "poly(x, 2)[2]", "log(d)", "constant")
    assert found.instruments == ("lag(z1)", "I(z2 ** 2)", "z2")
    by_hand = data.sort_values(["unit", "year"]).assign(
        lagged=lambda f: f.groupby("unit")["z1"].shift(), squared=lambda f: f["z2"] ** 2
    )
    other = kv.estimate(
        "y ~ x + square(x) | unit | d ~ lagged + squared + z2", by_hand[by_hand["year"] > 2010]
    )
    assert found.coefficients.loc["log(d)", "estimate"] == pytest.approx(
        other.coefficients.loc["d", "estimate"], rel=SAME
    )


@pytest.mark.parametrize(
    "formula",
    [FORMULA, "y ~ 1 | unit + year | d:x + d ~ `z 1` + C(region):z2", "y ~ x | d ~ z1"],
)
def test_round_trips(formula):
    spec = kv.Specification.from_formula(formula, entity="unit", covariance="cluster")
    assert kv.Specification.from_formula(spec.formula, entity="unit", covariance="cluster") == spec
    assert kv.Specification.from_toml(spec.to_toml()) == spec
    parts = kv.Specification(
        "y", spec.regressors, "unit", covariance="cluster", effects=spec.effects, absorb=spec.absorb,
        endogenous=spec.endogenous, instruments=spec.instruments,
    )  # fmt: skip
    assert parts == spec


def test_a_file_of_specifications_may_have_instruments(data, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(f'[iv]\nformula = "{FORMULA}"\ncovariance = "cluster"\n', encoding="utf-8")
    found = estimate_all(read_specifications(path), data)["iv"]
    expected = kv.estimate(FORMULA, data, covariance="cluster")
    pd.testing.assert_frame_equal(found.coefficients, expected.coefficients)


def test_arrays_alone(data):
    """The second stage on arrays is what the estimate says."""
    units = np.unique(data["unit"], return_inverse=True)[1]
    columns = two_stages.Columns(
        data["y"].to_numpy(), data[["x"]].to_numpy(), data[["d"]].to_numpy(), data[["z1"]].to_numpy(),
        np.ones(len(data)), (units,), (("x",), ("d",), ("z1",)),
    )  # fmt: skip
    fit = two_stages.fit_two_stages(columns).second
    expected = kv.estimate("y ~ x | unit | d ~ z1", data)
    np.testing.assert_array_equal(fit.coefficients, expected.fit.coefficients)
    # Moments of two-stage least squares are zero.
    np.testing.assert_allclose(fit.X_within.T @ fit.residuals, 0, atol=1e-9)
