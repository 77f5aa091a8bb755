"""HC2, HC3, CR2 and Satterthwaite degrees of freedom, from the definitions with every dummy written out."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.errors import DataWarning, SpecificationError
from kostnadsvekst.models import few_clusters
from kostnadsvekst.models.diagnostics import wald_test
from kostnadsvekst.report.regression_tables import covariance_label

# Two ways to solve the same equations, one through pseudo-inverses of singular matrices.
SAME = 1e-8
SPEC = kv.Specification("y", ("x", "z"), "unit", "year", "population")


class ByDefinition:
    """Least squares with a column for each unit; the constant is the weighted mean of their effects."""

    def __init__(self, panel, target, effects="entity"):
        w = panel["population"].to_numpy(float)
        self.w = w * len(w) / w.sum()
        self.X = panel[["x", "z"]].to_numpy()
        units = panel["unit"] if effects == "entity" else np.zeros(len(panel))
        D = pd.get_dummies(units, dtype=float).to_numpy()
        U = np.column_stack([self.X, D])
        self.bread = np.linalg.inv((U * self.w[:, None]).T @ U)
        self.weighted = U * self.w[:, None]
        self.M = np.eye(len(w)) - U @ self.bread @ self.weighted.T
        self.phi = np.ones(len(w)) if target == "identity" else 1 / self.w
        self.e = self.M @ panel["y"].to_numpy()
        self.contrasts = np.zeros((3, U.shape[1]))
        self.contrasts[0, 0] = self.contrasts[1, 1] = 1
        self.contrasts[2, 2:] = self.w @ D / self.w.sum()
        # areg's constant: mean y is taken as it is, so that the effects' error is that of mean y - mean x'b.
        self.U = U

    def terms(self, codes):
        """Vectors p_g with p_g'y the clusters' terms of each contrast, (3, M, n)."""
        root_phi = np.sqrt(self.phi)
        found = []
        for g in range(codes.max() + 1):
            one = codes == g
            # The square root is taken in units in which Phi is the identity.
            B = (self.M[one] * root_phi) @ (self.M[one] * root_phi).T
            scale = root_phi[one]
            values, vectors = np.linalg.eigh(B / np.outer(scale, scale))
            root = np.where(values > 1e-10, 1 / np.sqrt(np.where(values > 1e-10, values, 1)), 0)
            A = np.outer(scale, 1 / scale) * ((vectors * root) @ vectors.T)
            found.append(self.contrasts @ self.bread @ self.weighted[one].T @ A @ self.M[one])
        return np.array(found).transpose(1, 0, 2)

    def answer(self, codes):
        """Covariance of the contrasts and degrees of freedom."""
        terms = self.terms(codes)
        y = self.y_terms(terms)
        df = []
        for one in terms:
            gamma = (one * self.phi) @ one.T
            df.append(np.trace(gamma) ** 2 / (gamma**2).sum())
        return y @ y.T, np.array(df)

    def y_terms(self, terms):
        return terms @ self.e


def uneven(seed=5):
    """Panel with units of two to six rows, weights that vary, and few regions."""
    panel = make_panel(14, 6, 5, seed=seed)
    rng = np.random.default_rng(seed)
    keep = (rng.uniform(size=len(panel)) > 0.2) | (panel["year"] < 2012)
    return panel[keep].reset_index(drop=True)


@pytest.mark.parametrize("effects", ["entity", "none"])
@pytest.mark.parametrize("target", ["identity", "inverse_weights"])
@pytest.mark.parametrize("column", ["unit", "region", "year"])
def test_cr2_by_definition(effects, target, column):
    panel = uneven()
    fit = kv.estimate(SPEC.vary(effects=effects), panel).with_covariance(("cr2", column), target=target)
    V, df = ByDefinition(panel, target, effects).answer(fit.grouping.codes(column))
    np.testing.assert_allclose(fit.covariance, V, rtol=SAME, atol=SAME * np.diag(V).min())
    np.testing.assert_allclose(fit.df, df, rtol=SAME)
    t = np.abs(fit.coefficients["estimate"] / np.sqrt(np.diag(V)))
    np.testing.assert_allclose(fit.coefficients["p_value"], 2 * stats.t.sf(t, df), rtol=1e-6)
    half = stats.t.ppf(0.975, df) * np.sqrt(np.diag(V))
    np.testing.assert_allclose(fit.coefficients["conf_high"] - fit.coefficients["estimate"], half, rtol=1e-7)


@pytest.mark.parametrize("column", ["unit", "region"])
def test_small_matrices_and_full_decomposition_agree(column, monkeypatch):
    """Without weights effects inside clusters need k x k matrices only; pretend that they cut through."""
    fit = kv.estimate(SPEC.vary(weights=None), uneven())
    small = fit.with_covariance(("cr2", column))
    monkeypatch.setattr(few_clusters, "nests", lambda clusters, entities: False)
    full = fit.with_covariance(("cr2", column))
    np.testing.assert_allclose(small.covariance, full.covariance, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(small.df, full.df, rtol=1e-10)


def test_cr2_is_unbiased_under_its_working_model():
    """Mean of the variances over 4,000 draws of equal errors, against the variance of the draws' model."""
    panel = uneven().assign(population=1.0)
    fit = kv.estimate(SPEC, panel)
    rng, codes = np.random.default_rng(3), fit.grouping.codes("region")
    exact = ByDefinition(panel, "identity")
    terms = exact.terms(codes)
    draws = np.array([((terms @ e) ** 2).sum(axis=1) for e in rng.normal(size=(4_000, len(panel)))])
    true = np.diag(exact.contrasts @ exact.bread @ exact.contrasts.T)
    error = draws.std(axis=0) / np.sqrt(len(draws))
    # Along the effects of units residuals are zero, so that only the slopes' variance is whole.
    assert (np.abs(draws.mean(axis=0) - true)[:2] < 4 * error[:2]).all()
    plain = fit.with_covariance(("cluster", "region"), "none")
    assert (
        plain.coefficients["std_error"].iloc[0]
        < fit.with_covariance(("cr2", "region")).coefficients["std_error"].iloc[0]
    )


@pytest.mark.parametrize(("kind", "power"), [("hc2", 1), ("hc3", 2)])
def test_leverage_kinds_by_definition(kind, power):
    panel = uneven()
    exact = ByDefinition(panel, "inverse_weights")
    h = 1 - np.diag(exact.M)
    rows = (exact.contrasts @ exact.bread @ exact.weighted.T) * exact.e / (1 - h) ** (power / 2)
    fit = kv.estimate(SPEC, panel).with_covariance(kind)
    np.testing.assert_allclose(fit.covariance, rows @ rows.T, rtol=SAME)
    assert fit.df == fit.df_resid
    A = np.diag((1 - h) ** (-power / 2))
    own = fit.with_covariance(kind, df="satterthwaite")
    for j, vector in enumerate(exact.contrasts @ exact.bread @ exact.weighted.T):
        terms = np.diag(vector) @ A @ exact.M
        gamma = (terms / exact.w) @ terms.T
        assert own.df[j] == pytest.approx(np.trace(gamma) ** 2 / (gamma**2).sum(), rel=SAME)


def test_hc2_is_cr2_with_a_cluster_for_each_row():
    panel = uneven().assign(row=lambda d: np.arange(len(d)))
    fit = kv.estimate(SPEC, panel)
    rows = fit.with_covariance(("cr2", "row"), target="inverse_weights")
    leverage = fit.with_covariance("hc2", df="satterthwaite")
    np.testing.assert_allclose(rows.covariance, leverage.covariance, rtol=SAME)
    np.testing.assert_allclose(rows.df, leverage.df, rtol=SAME)


def treated_panel(*regions):
    """Panel whose only regressor besides z is on in some regions from the fourth year."""
    panel = make_panel(20, 6, 5, seed=9)
    return panel.assign(d=(panel["region"].isin(regions) & (panel["year"] >= 2013)).astype(float))


def test_a_coefficient_of_one_cluster_is_named_and_has_no_error_of_its_own():
    spec = kv.Specification("y", ("d",), "unit", "year", "population")
    fit = kv.estimate(spec, treated_panel(1))
    with pytest.warns(DataWarning, match="decided by a single cluster.*: d;"):
        chosen = fit.with_covariance(("cr2", "region"))
    assert np.isnan(chosen.coefficients.loc["d", ["std_error", "p_value", "conf_low"]].to_numpy(float)).all()
    assert np.isnan(chosen.df[0])
    assert chosen.coefficients.loc["d", "estimate"] == fit.coefficients.loc["d", "estimate"]


def test_the_neighbour_with_two_clusters_has_an_error():
    panel = treated_panel(1, 2)
    spec = kv.Specification("y", ("d",), "unit", "year", "population")
    fit = kv.estimate(spec.vary(covariance=("cr2", "region")), panel)
    # Of one regressor, region g has the share s_g of its variation: the adjustment is 1 / sqrt(1 - s_g).
    w = panel["population"].to_numpy()
    plain = kv.estimate(spec, panel)
    x, e = plain.fit.X_within[:, 0], plain.fit.residuals
    inverse = fit.with_covariance(("cr2", "region"), target="inverse_weights")
    w = plain.fit.weights
    codes = plain.grouping.codes("region")
    share = np.bincount(codes, w * x * x) / (w @ x**2)
    score = np.bincount(codes, w * x * e) / (w @ x**2)
    expected = np.sqrt((score**2 / (1 - share)).sum())
    assert inverse.coefficients.loc["d", "std_error"] == pytest.approx(expected, rel=SAME)
    assert np.isfinite(fit.coefficients.loc["d"]).all()


def test_a_coefficient_that_leans_on_one_cluster_is_named_and_equals_the_pseudo_inverse():
    panel = treated_panel(1)
    fit = kv.estimate(kv.Specification("y", ("d", "x"), "unit", "year"), panel)
    with pytest.warns(DataWarning, match=": d;"):
        chosen = fit.with_covariance(("cr2", "region"))
    both = panel.assign(x=panel["x"], z=panel["d"], population=1.0)
    V, df = ByDefinition(both, "identity").answer(fit.grouping.codes("region"))
    swapped = chosen.covariance.loc[["x", "d", "constant"], ["x", "d", "constant"]]
    np.testing.assert_allclose(swapped, V, rtol=1e-7)
    np.testing.assert_allclose(chosen.df, df[[1, 0, 2]], rtol=1e-7)


def test_a_row_that_alone_decides_a_coefficient_is_named():
    panel = make_panel(10, 4, 5).assign(one=lambda d: (d.index == 7).astype(float))
    fit = kv.estimate(kv.Specification("y", ("x", "one"), "unit", "year"), panel)
    for kind in ("hc2", "hc3"):
        with pytest.warns(DataWarning, match=": one;"):
            chosen = fit.with_covariance(kind)
        # Its error is that of the unit's other rows and of x, without the row's own.
        assert chosen.coefficients.loc["one", "std_error"] > 0
        # Without the row and its dummy, x has the same estimate and, by the same rows, the same error.
        rest = kv.estimate(
            kv.Specification("y", ("x",), "unit", "year", covariance=kind), panel.drop(index=7)
        )
        assert chosen.coefficients.loc["x", "std_error"] == pytest.approx(
            rest.coefficients.loc["x", "std_error"], rel=1e-9
        )


def test_year_dummies_by_year_are_decided_by_their_year():
    fit = kv.estimate(SPEC.adding("C(year)"), make_panel())
    with pytest.warns(DataWarning, match=r"C\(year\)\[T.2011\]") as caught:
        fit.with_covariance(("cr2", "year"))
    assert " x," not in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit.with_covariance(("cr2", "region"))
        fit.with_covariance("cr2")


def test_wald_test_of_one_coefficient_is_its_t_test():
    fit = kv.estimate(SPEC, uneven()).with_covariance(("cr2", "region"))
    test = wald_test(fit, ["x"])
    line = fit.coefficients.loc["x"]
    assert test.statistic == pytest.approx(line["statistic"] ** 2, rel=1e-10)
    assert test.df_denominator == pytest.approx(fit.df[0], rel=1e-10)
    assert test.p_value == pytest.approx(line["p_value"], rel=1e-10)


def test_wald_test_of_a_combination_has_its_own_degrees_of_freedom():
    """A combination is the coefficient of x in a model written with x and z - x."""
    panel = uneven()
    combined = wald_test(kv.estimate(SPEC, panel).with_covariance(("cr2", "region")), {"x": 1.0, "z": 1.0})
    turned = kv.estimate(SPEC, panel.assign(z=panel["z"] - panel["x"])).with_covariance(("cr2", "region"))
    alone = wald_test(turned, ["x"])
    # y = x b + z c = x (b + c) + (z - x) c.
    assert combined.statistic == pytest.approx(alone.statistic, rel=1e-8)
    assert combined.df_denominator == pytest.approx(alone.df_denominator, rel=1e-8)


def test_joint_test_with_more_restrictions_than_the_clusters_bear_is_refused():
    fit = kv.estimate(SPEC.adding("C(year)").vary(weights=None), make_panel(12, 5, 4, seed=2))
    chosen = fit.with_covariance(("cr2", "region"))
    with pytest.raises(SpecificationError, match="cannot be tested together"):
        wald_test(chosen, list(fit.terms[:-1]))
    assert 0 < wald_test(chosen, ["x"]).p_value < 1


@pytest.mark.parametrize(
    ("choice", "options", "words"),
    [
        ("cr2", {"target": "none"}, "unknown target 'none'; known: identity, inverse_weights"),
        ("hc2", {"df": "normal"}, "unknown df 'normal'; known: residual, satterthwaite"),
        (("cr2", "one"), {}, "at least two clusters"),
        ("cr2", {"lags": 1}, "no option lags; it has target"),
    ],
)
def test_errors(choice, options, words):
    fit = kv.estimate(SPEC, uneven().assign(one=1))
    with pytest.raises(SpecificationError, match=words):
        fit.with_covariance(choice, **options)


def test_clusters_too_large_to_decompose_are_refused_where_small_matrices_do_not_serve(monkeypatch):
    monkeypatch.setattr(few_clusters, "MAX_ROWS", 10)
    fit = kv.estimate(SPEC, uneven())
    with pytest.raises(SpecificationError, match="use 'jackknife', or"):
        fit.with_covariance(("cr2", "region"))
    served = fit.with_covariance(("cr2", "region"), target="inverse_weights")
    assert np.isfinite(served.coefficients["std_error"]).all()


def test_what_is_printed():
    fit = kv.estimate(SPEC, uneven()).with_covariance(("cr2", "region"))
    low, high = fit.df.min(), fit.df.max()
    label = covariance_label(fit)
    assert label.en == (
        "clustered CR2 (Bell-McCaffrey) (5 clusters, working model of equal variances, "
        f"Satterthwaite degrees of freedom {low:.1f} to {high:.1f})"
    )
    assert f"Satterthwaite-frihetsgrader {low:.1f} til {high:.1f}".replace(".", ",") in label.nb
    assert label.nb.startswith("klyngerobuste CR2 (Bell–McCaffrey) (5 klynger, arbeidsmodell med lik varians")
    assert label.en in kv.table([fit]).to("md", "en")
    unweighted = kv.estimate(SPEC.vary(weights=None, covariance="cr2"), uneven())
    assert "working model" not in unweighted.inference.description


def test_ar1_and_specification_curve_take_the_kinds():
    panel = make_panel()
    plain = kv.Specification("y", ("x", "z"), "unit", "year")
    ar1 = kv.estimate_ar1(plain.vary(covariance=("cr2", "region")), panel)
    assert ar1.df.shape == (3,)
    assert (ar1.df < 6).all()
    curve = kv.specification_curve([plain.vary(covariance=("cr2", "region"))], panel, terms=["x"]).frame
    alone = kv.estimate(plain.vary(covariance=("cr2", "region")), panel)
    assert curve["df"].iloc[0] == pytest.approx(alone.df[0])
    assert curve["p_value"].iloc[0] == pytest.approx(alone.coefficients.loc["x", "p_value"])
