"""Standard errors of nearly collinear regressors, against 80 digits."""

import warnings
from decimal import localcontext

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import kostnadsvekst as kv
from extended_precision import DIGITS, Exact, exact, inverse
from invented_panels import make_panel
from kostnadsvekst.errors import DataWarning
from kostnadsvekst.models.balanced.ar1 import fit_ar1_complete
from kostnadsvekst.models.diagnostics import reset_test, wald_test, wooldridge_test

# What the project asks for up to a condition number of 1e8; rounding alone is eps * 1e8 = 2e-8.
SAME = 1e-6
CONDITION = 1e8


def hostile_panel(seed, n_units, k, digits, level, weighted):
    """Panel whose last regressor is a combination of the others but for 10^-digits of its length."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(3, 6, n_units)
    unit = np.repeat(np.arange(n_units), rows)
    year = np.concatenate([np.sort(rng.permutation(6)[:count]) for count in rows])
    n = len(unit)
    X = rng.normal(size=(n, k))
    X[:, -1] = X[:, :-1] @ rng.uniform(0.5, 1, k - 1) + 10.0**-digits * X[:, -1]
    X = (
        X + rng.normal(size=(n_units, k))[unit] + 10.0**level * rng.uniform(-1, 1, k)
    ) * 10.0 ** rng.integers(-3, 6, k)
    y = (
        rng.normal(size=n) * (1 + (unit % 2))
        + rng.normal(size=n_units)[unit]
        + X[:, 0] / np.abs(X[:, 0]).max()
    )
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(k)])
    w = np.exp(rng.normal(size=n_units))[unit] * rng.uniform(0.9, 1.1, n) if weighted else np.ones(n)
    return frame.assign(unit=unit, region=unit % 5, year=year, y=y, w=w)


def condition_of(fitted):
    """Condition number of the within columns, each of unit length."""
    columns = fitted.within.astype(float) * np.sqrt(fitted.weight.astype(float))[:, None]
    return np.linalg.cond(columns / np.sqrt((columns**2).sum(axis=0)))


def compare(fit, choice, V, scale=None, **options):
    """Largest error of a covariance, in standard errors of the two coefficients."""
    ours = fit.with_covariance(choice, **options).inference
    size = np.sqrt(np.diag(V if scale is None else scale))
    # A constant without a variance has no error.
    matrix = np.where(np.isnan(ours.matrix), V.astype(float), ours.matrix)
    return float(np.abs((exact(matrix) - V) / np.outer(size, size)).max())


def truncated(V):
    """Set negative eigenvalues to zero, on the scale of correlations, where the slopes have some."""
    scale = np.sqrt(np.abs(np.diag(V)))
    correlations = (V / np.outer(scale, scale)).astype(float)
    values, vectors = np.linalg.eigh(correlations)
    if np.linalg.eigvalsh(correlations[:-1, :-1]).min() > -1e-12:
        return V
    return exact((vectors * np.maximum(values, 0)) @ vectors.T) * np.outer(scale, scale)


def worst_errors(panel, k):
    """Kind -> largest relative error of its covariance."""
    spec = kv.Specification("y", tuple(f"x{j}" for j in range(k)), "unit", "year", "w")
    with localcontext(DIGITS):
        columns = panel[list(spec.regressors)].to_numpy()
        codes = [panel[c].to_numpy() for c in ("unit", "region", "year")]
        fitted = Exact(panel["y"].to_numpy(), columns, panel["w"].to_numpy(), *codes)
        assume(condition_of(fitted) < CONDITION)
        fit = kv.estimate(spec, panel)
        assert len(fit.terms) == k + 1
        by_region, by_year = fitted.clustered(fitted.clusters), fitted.clustered(fitted.periods)
        both = fitted.clustered(
            np.unique(np.stack([fitted.clusters, fitted.periods]), axis=1, return_inverse=True)[1]
        )
        errors = {
            "estimate": estimate_error(fit, fitted),
            "classical": compare(fit, "classical", fitted.classical()),
            "hc1": compare(fit, "hc1", fitted.hc1()),
            "hc2": compare(fit, "hc2", fitted.by_leverage(1)),
            "hc3": compare(fit, "hc3", fitted.by_leverage(2)),
            "cluster": compare(fit, ("cluster", "region"), fitted.clustered(fitted.clusters, "areg")),
            "driscoll_kraay": compare(
                fit, "driscoll_kraay", fitted.driscoll_kraay(1), by_year, lags=1, convention="none"
            ),
            "jackknife": compare(fit, ("jackknife", "region"), fitted.jackknife()),
            "cr2": compare(fit, ("cr2", "region"), fitted.cr2(), target="inverse_weights"),
        }
        errors["twoway"] = compare(
            fit,
            ("twoway", "region", "year"),
            truncated(by_region + by_year - both),
            by_region + by_year + both,
            convention="none",
        )
        errors["wild_cluster"] = wild_error(fit, fitted, k - 1)
        return errors


def estimate_error(fit, fitted):
    """Largest error of a coefficient or the constant, in its classical standard errors."""
    right = np.append(fitted.b, fitted.mean[-1] - fitted.mean[:-1] @ fitted.b)
    error = exact(fit.coefficients["estimate"]) - right
    return float(np.abs(error / np.sqrt(np.diag(fitted.classical()))).max())


def wild_error(fit, fitted, j):
    """Error of the bootstrap's statistic, relative where it is above one; its p value must be the same.

    A statistic near zero has the absolute error of its coefficient in standard errors.
    """
    statistic, p_value = fitted.wild(j)
    chosen = fit.with_covariance(("wild_cluster", "region"), "none", terms=[fit.terms[j]]).coefficients.iloc[
        j
    ]
    assert chosen["p_value"] == pytest.approx(p_value, abs=1e-12)
    return abs(abs(chosen["statistic"]) - float(statistic)) / max(1.0, float(statistic))


def panels(k):
    return st.builds(
        hostile_panel,
        seed=st.integers(0, 2**32 - 1),
        n_units=st.integers(6, 9),
        k=st.just(k),
        digits=st.floats(0, 7.6),
        level=st.floats(0, 9),
        weighted=st.booleans(),
    )


unhurried = settings(deadline=None, suppress_health_check=list(HealthCheck))


@given(panel=panels(2))
@settings(unhurried, max_examples=25)
def test_every_kind_against_eighty_digits(panel):
    errors = worst_errors(panel, 2)
    assert max(errors.values()) < SAME, errors


@pytest.mark.slow
@given(panel=panels(3))
@settings(unhurried, max_examples=1_200)
def test_every_kind_against_eighty_digits_at_length(panel):
    errors = worst_errors(panel, 3)
    assert max(errors.values()) < SAME, errors


def with_powers(panel, centre):
    """Year, its square and its cube; the exact integers, from a centre."""
    t = panel["year"].astype(float) - centre
    return panel.assign(t=t, t2=t**2, t3=t**3)


CUBIC = kv.SPECIFICATIONS["A3-3"].without("C(year)").adding("t", "t2", "t3")
KINDS = [
    ("classical", {}),
    ("hc1", {}),
    ("hc2", {}),
    ("hc3", {}),
    ("cluster", {}),
    ("driscoll_kraay", {}),
    ("jackknife", {}),
    (("cr2", "county"), {"target": "inverse_weights"}),
    ("wild_cluster", {"terms": ["free_income"], "draws": 499}),
]


@pytest.fixture(scope="module")
def cubic():
    """The report's third model with a cubic in years, in raw years and around the middle one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        panel = kv.load_panel()
    panel = panel.assign(county=pd.factorize(panel["municipality"])[0] % 18)
    return [kv.estimate(CUBIC, with_powers(panel, centre)) for centre in (0, 2017)]


@pytest.mark.parametrize(("choice", "options"), KINDS)
def test_years_need_not_be_centred(cubic, choice, options):
    """Neither the other coefficients' errors nor that of the cube depend on where years begin."""
    raw, centred = (fit.with_covariance(choice, **options).coefficients for fit in cubic)
    terms = [term for term in raw.index if term not in ("t", "t2", "constant")]
    for column in ("estimate", "std_error", "p_value", "conf_low"):
        np.testing.assert_allclose(raw.loc[terms, column], centred.loc[terms, column], rtol=SAME)


def test_raw_years_against_eighty_digits():
    """Two-way errors, whose negative eigenvalues depend on the choice of columns, and others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        panel = with_powers(kv.load_panel(), 0)
    panel = panel.assign(population_10k=panel["population"] / 10_000)
    fit = kv.estimate(CUBIC, panel)
    unit, year = pd.factorize(panel["municipality"])[0], panel["year"].to_numpy() - 2015
    with localcontext(DIGITS):
        columns = panel[list(fit.terms[:-1])].to_numpy(float)
        y, w = panel["net_expenditure"].to_numpy(float), panel["population"].to_numpy(float)
        fitted = Exact(y, columns, w, unit, unit, year)
        by_unit, by_year, by_row = fitted.clustered(unit), fitted.clustered(year), fitted.hc1()
        # Units and years together are rows; their factor is not that of HC1.
        by_row = by_row * fitted.df / fitted.n
        V, scale = by_unit + by_year - by_row, by_unit + by_year + by_row
        assert compare(fit, "twoway", truncated(V), scale, convention="none") < SAME
        assert compare(fit, "cluster", by_unit, convention="none") < SAME
        # The clustered error of the cube, areg's factor included, as centred years give it to two decimals.
        assert fit.with_covariance("cluster").coefficients.loc["t3", "std_error"] == pytest.approx(
            10.19, abs=0.005
        )
        assert compare(fit, "classical", fitted.classical()) < SAME
        kraay = fitted.driscoll_kraay(2)
        assert compare(fit, "driscoll_kraay", kraay, by_year, convention="none") < SAME


def test_beyond_the_limit_columns_are_named():
    panel = hostile_panel(3, 8, 3, 8.4, 0, False).assign(apart=lambda d: np.cos(np.arange(len(d))))
    spec = kv.Specification("y", ("apart", "x0", "x1", "x2"), "unit", "year")
    with pytest.warns(DataWarning, match=r"nearly collinear within entities: x0, x1, x2 .* about 5 digits"):
        fit = kv.estimate(spec, panel)
    assert np.isfinite(fit.coefficients).all(axis=None)
    assert not fit.dropped


def test_below_the_limit_nothing_is_said():
    panel = hostile_panel(3, 8, 3, 7.0, 0, False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = kv.estimate(kv.Specification("y", ("x0", "x1", "x2"), "unit", "year"), panel)
        for choice in ("hc1", "cluster", "jackknife", "cr2", ("jackknife", "region")):
            assert np.isfinite(fit.with_covariance(choice).coefficients["std_error"]).all()


def test_a_collinear_column_is_dropped_and_not_warned_of():
    panel = hostile_panel(3, 8, 3, 0, 0, False).assign(x2=lambda d: d["x0"] / 3 + d["x1"] * 7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = kv.estimate(kv.Specification("y", ("x0", "x1", "x2"), "unit", "year"), panel)
    assert fit.dropped == ("x2",)


def test_ar1_with_nearly_collinear_columns():
    """Given rho, x and x + 1e-6 z have the errors of x and z in other coordinates."""
    panel = make_panel()
    spec = kv.Specification("y", ("x", "z"), "unit", "year", covariance="cluster")
    plain = kv.estimate_ar1(spec, panel, rho_value=0.3)
    close = kv.estimate_ar1(spec, panel.assign(z=panel["x"] + 2.0**-22 * panel["z"]), rho_value=0.3)
    expected = plain.coefficients.loc["z", "std_error"] * 2.0**22
    assert close.coefficients.loc["z", "std_error"] == pytest.approx(expected, rel=SAME)


@pytest.mark.filterwarnings("ignore:nearly collinear")
@pytest.mark.parametrize(
    "test",
    [
        lambda fit: wald_test(fit, ["age_80_plus", "free_income", "t3"]),
        lambda fit: wald_test(fit, ["t", "t2", "t3", "free_income"]),
        lambda fit: wald_test(fit.with_covariance("hc1"), ["t", "t2", "t3"]),
        lambda fit: wald_test(fit.with_covariance("jackknife"), ["t", "t2", "t3"]),
        lambda fit: wald_test(fit.with_covariance("driscoll_kraay"), ["t2", "t3"]),
        lambda fit: wald_test(fit.with_covariance(("cr2", "county")), ["t", "t2", "t3"]),
        wooldridge_test,
        reset_test,
    ],
    ids=["one", "cluster", "hc1", "jackknife", "driscoll_kraay", "cr2", "wooldridge", "reset"],
)
def test_tests_need_not_have_centred_years(cubic, test):
    raw, centred = (test(fit.with_covariance("cluster")) for fit in cubic)
    assert raw.statistic == pytest.approx(centred.statistic, rel=SAME)
    assert raw.df_denominator == pytest.approx(centred.df_denominator, rel=SAME)


@pytest.mark.parametrize("covariance", ["classical", "cluster", ("cr2", "county")])
def test_ar1_need_not_have_centred_years(cubic, covariance):
    spec = CUBIC.vary(weights=None, covariance=covariance)
    with pytest.warns(DataWarning, match="nearly collinear within entities: t, t2, t3 .*about 6 digits"):
        raw = kv.estimate_ar1(spec, cubic[0].data)
    centred = kv.estimate_ar1(spec, cubic[1].data)
    assert raw.rho == pytest.approx(centred.rho, abs=1e-8)
    terms = [term for term in raw.terms if term not in ("t", "t2", "constant")]
    for column in ("estimate", "std_error"):
        np.testing.assert_allclose(
            raw.coefficients.loc[terms, column], centred.coefficients.loc[terms, column], rtol=SAME
        )
    assert raw.f_u == pytest.approx(centred.f_u, rel=SAME)
    assert raw.sigma_u == pytest.approx(centred.sigma_u, rel=SAME)


def test_ar1_with_gaps_by_its_formula_far_from_zero():
    """z* = sqrt((1 - r^2) / (1 - r^2g)) (z_t - r^g z_before), without first rows, in decimals."""
    panel = make_panel(10, 7, 5, seed=4)
    panel = panel[(panel["unit"] + panel["year"]) % 5 > 0].assign(x=lambda d: d["x"] + 4096.0)
    spec = kv.Specification("y", ("x", "z"), "unit", "year")
    fit = kv.estimate_ar1(spec, panel, rho_value=0.5)
    rows = panel.sort_values(["unit", "year"])
    with localcontext(DIGITS):
        star = []
        for _, unit in rows.groupby("unit"):
            z, year = exact(unit[["x", "z", "y"]]), unit["year"].to_numpy()
            for now in range(1, len(unit)):
                decay = exact(0.5).item() ** int(year[now] - year[now - 1])
                scale = (exact(0.75).item() / (1 - decay**2)).sqrt()
                star.append(scale * (z[now] - decay * z[now - 1]))
        star = np.array(star)
        unit = np.repeat(np.arange(10), rows.groupby("unit").size() - 1)
        means = np.array([sum(star[unit == g]) / int((unit == g).sum()) for g in range(10)])
        within = star - means[unit]
        A = inverse(within[:, :2].T @ within[:, :2])
        b = A @ within[:, :2].T @ within[:, 2]
        e = within[:, 2] - within[:, :2] @ b
        V = A * (e @ e) / (len(e) - 10 - 2)
        constant = (sum(star)[2] - sum(star)[:2] @ b) / len(e) * 2
    np.testing.assert_allclose(fit.coefficients["estimate"], [*b.astype(float), float(constant)], rtol=1e-10)
    np.testing.assert_allclose(fit.covariance.iloc[:2, :2], V.astype(float), rtol=1e-10)


def test_ar1_names_the_columns_beyond_the_limit():
    data = make_panel().assign(close=lambda d: d["x"] + 2e-9 * d["z"])
    spec = kv.Specification("y", ("x", "close"), "unit", "year")
    with pytest.warns(DataWarning, match="nearly collinear within entities: x, close"):
        kv.estimate_ar1(spec, data, rho_value=0.3)


def test_balanced_ar1_with_nearly_collinear_columns():
    """At the rho that it finds, against dummies and the columns x and (second - x) / 2^-14."""
    rng = np.random.default_rng(8)
    n_units, n_periods, close = 14, 9, 2.0**-14
    x = rng.normal(size=(n_units, n_periods))
    second = x + close * rng.normal(size=x.shape)
    y = x + rng.normal(size=x.shape) + rng.normal(size=(n_units, 1))
    fit = fit_ar1_complete(y[None], np.stack([x, second]))[0]
    star = [(z[:, 1:] - fit.rho * z[:, :-1]).ravel() for z in (x, (second - x) / close, y)]
    unit, period = np.indices((n_units, n_periods - 1)).reshape(2, -1)
    dummies = np.column_stack([np.eye(n_units)[unit], np.eye(n_periods - 1)[period][:, 1:]])
    X = np.column_stack([*star[:2], dummies])
    e = star[2] - X @ np.linalg.lstsq(X, star[2], rcond=None)[0]
    steps = np.linalg.pinv(X)[1] * e
    n, K = len(e), 2 + n_periods - 2
    factor = n_units / (n_units - 1) * (n - 1) / (n - K - 1)
    expected = factor * (np.bincount(unit, steps) ** 2).sum() / close**2
    assert fit.clustered[1, 1] == pytest.approx(expected, rel=SAME)
    classical = (e @ e) / (n - n_units - K) * np.linalg.inv(X.T @ X)[1, 1] / close**2
    assert fit.classical[1, 1] == pytest.approx(classical, rel=SAME)


def test_no_error_of_the_constant_is_said():
    """A variance of the constant that is negative alone leaves it without an error, with a reason."""
    spec = kv.Specification("y", ("x", "z"), "unit", "year", "population")
    fit = kv.estimate(spec, make_panel()).with_covariance(("twoway", "region", "year"))
    assert np.isnan(fit.coefficients.loc["constant", "std_error"])
    assert "constant without an error" in fit.inference.description
    assert np.isfinite(fit.coefficients["std_error"].iloc[:-1]).all()


def test_joint_bootstrap_of_a_curve_need_not_have_centred_years(cubic):
    """A fit that the shared normal equations do not bear has the draws of its well-conditioned twin."""
    raw, centred = (
        kv.specification_curve([CUBIC], fit.data, terms=["free_income"], draws=199).joint.results
        for fit in cubic
    )
    np.testing.assert_allclose(raw["observed"], centred["observed"], rtol=SAME)
    np.testing.assert_allclose(raw["p_value"], centred["p_value"], rtol=1e-12)
    plain = cubic[0].with_covariance("cluster").coefficients.loc["free_income", "statistic"]
    assert raw.loc["mean_t", "observed"] == pytest.approx(abs(plain), rel=SAME)
