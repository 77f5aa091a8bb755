"""Covariances chosen after estimation, against published numbers, statsmodels, linearmodels, brute force."""

import itertools

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from linearmodels.panel import PanelOLS
from statsmodels.datasets import grunfeld

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.models.covariance_kinds import compute_covariance
from kostnadsvekst.models.wild_bootstrap import draw_signs, wild_test

# Two programs that solve the same equations in different ways.
SAME = 1e-8

SPEC = kv.Specification("y", ("x", "z", "C(year)"), "unit", "year", "population")


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return make_panel()


@pytest.fixture(scope="module")
def fitted(panel):
    return kv.estimate(SPEC, panel)


def se(estimate, term):
    return estimate.coefficients.loc[term, "std_error"]


@pytest.fixture(scope="module")
def grunfeld_estimate():
    """inv ~ capital | firm + year on plm's ten firms (statsmodels ships an eleventh, American Steel)."""
    data = grunfeld.load_pandas().data
    data = data[data["firm"] != "American Steel"]
    spec = kv.Specification("invest", ("capital", "C(year)"), "firm", "year")
    return kv.estimate(spec, data)


# Printed in the vignette "On standard-errors" of the R package fixest, section "Replicating standard-errors
# from other methods" (data: Grunfeld from plm); the third is Stata's xtreg, vce(cluster firm).
@pytest.mark.parametrize(
    ("covariance", "convention", "printed"),
    [
        ("classical", "areg", 0.02597821),
        ("cluster", "areg", 0.06493478),
        ("cluster", "xtreg", 0.06328129),
        ("cluster", "none", 0.05693726),
    ],
)
def test_fixest_vignette(grunfeld_estimate, covariance, convention, printed):
    chosen = grunfeld_estimate.with_covariance(covariance, convention)
    assert se(chosen, "capital") == pytest.approx(printed, abs=0.5e-8 + 1e-12)


def dummies(panel):
    """Least squares with a dummy for every unit; the weighted mean of the effects is areg's constant."""
    X = pd.get_dummies(panel["year"], drop_first=True, dtype=float).to_numpy()
    D = pd.get_dummies(panel["unit"], dtype=float).to_numpy()
    X = np.column_stack([panel[["x", "z"]], X, D])
    k = X.shape[1] - D.shape[1]
    contrast = np.zeros((3, X.shape[1]))
    contrast[0, 0] = contrast[1, 1] = 1
    contrast[2, k:] = panel["population"].to_numpy() @ D / panel["population"].sum()
    return sm.WLS(panel["y"].to_numpy(), X, weights=panel["population"].to_numpy()), contrast


@pytest.mark.parametrize(
    ("covariance", "cov_type", "groups"),
    [
        ("hc1", "HC1", None),
        ("cluster", "cluster", "unit"),
        (("cluster", "region"), "cluster", "region"),
        (("cluster", "year"), "cluster", "year"),
    ],
)
def test_statsmodels(panel, fitted, covariance, cov_type, groups):
    model, contrast = dummies(panel)
    options = {} if groups is None else {"groups": panel[groups].to_numpy(), "use_correction": True}
    theirs = model.fit(cov_type=cov_type, cov_kwds=options)
    ours = fitted.with_covariance(covariance)
    matrix = contrast @ theirs.cov_params() @ contrast.T
    block = ours.covariance.loc[["x", "z", "constant"], ["x", "z", "constant"]].to_numpy()
    np.testing.assert_allclose(block, matrix, rtol=SAME)


def test_statsmodels_two_way(panel):
    """Without year dummies: with them the difference of the three parts is never positive definite."""
    D = pd.get_dummies(panel["unit"], dtype=float)
    model = sm.WLS(panel["y"], pd.concat([panel[["x", "z"]], D], axis=1), weights=panel["population"])
    theirs = model.fit(cov_type="cluster", cov_kwds={"groups": panel[["region", "year"]].to_numpy()})
    ours = kv.estimate(SPEC.without("C(year)"), panel).with_covariance(("twoway", "region", "year"))
    assert "negative" not in ours.inference.description
    expected = theirs.cov_params().loc[["x", "z"], ["x", "z"]]
    np.testing.assert_allclose(ours.covariance.to_numpy()[:2, :2], expected, rtol=SAME)


def by_linearmodels(panel, years=True, **options):
    indexed = panel.set_index(["unit", "year"], drop=False)
    X = pd.get_dummies(indexed["year"], prefix="t", drop_first=True, dtype=float)
    X = pd.concat([indexed[["x", "z"]], X if years else X.iloc[:, :0]], axis=1)
    model = PanelOLS(indexed["y"], X, weights=indexed["population"], entity_effects=True)
    return model.fit(auto_df=False, count_effects=True, debiased=True, **options)


def test_linearmodels_two_way(panel):
    theirs = by_linearmodels(
        panel, years=False, cov_type="clustered", cluster_entity=True, cluster_time=True, group_debias=True
    )
    ours = kv.estimate(SPEC.without("C(year)"), panel).with_covariance("twoway")
    np.testing.assert_allclose(ours.covariance.to_numpy()[:-1, :-1], theirs.cov, rtol=SAME)


@pytest.mark.parametrize("lags", [0, 1, 3])
def test_linearmodels_driscoll_kraay(panel, fitted, lags):
    theirs = by_linearmodels(panel, cov_type="kernel", kernel="bartlett", bandwidth=lags)
    ours = fitted.with_covariance("driscoll_kraay", "none", lags=lags)
    # linearmodels multiplies by n / (n - G - k); the convention "none" by nothing.
    factor = fitted.n_obs / fitted.df_resid
    expected = theirs.cov.to_numpy()
    np.testing.assert_allclose(
        ours.covariance.to_numpy()[:-1, :-1] * factor, expected, atol=SAME * np.abs(expected).max(), rtol=SAME
    )


def test_driscoll_kraay_default_lags_are_those_of_xtscc(fitted):
    assert "6 periods, 2 lag(s)" in fitted.with_covariance("driscoll_kraay").inference.description


def by_pairs(fit, numbers, lags):
    """Driscoll and Kraay's sum over all pairs of periods, without a factor; weight by distance in time."""
    scores = fit.fit.X_within * (fit.fit.weights * fit.fit.residuals)[:, None]
    present = np.unique(numbers)
    sums = {t: scores[numbers == t].sum(axis=0) for t in present}
    meat = sum(
        max(0, 1 - abs(s - t) / (lags + 1)) * np.outer(sums[s], sums[t]) for s in present for t in present
    )
    return fit.fit.bread @ meat @ fit.fit.bread


@pytest.mark.parametrize("lags", [0, 1, 2, 4])
def test_absent_years_are_gaps_for_driscoll_kraay(panel, lags):
    spec = SPEC.without("C(year)")
    data = panel[panel["year"] != 2012]
    fit = kv.estimate(spec, data)
    year = data["year"].to_numpy()
    chosen = fit.with_covariance("driscoll_kraay", "none", lags=lags)
    np.testing.assert_allclose(chosen.covariance.iloc[:2, :2], by_pairs(fit, year, lags), rtol=SAME)
    assert f"5 periods, {lags} lag(s), in calendar time, 1 absent" in chosen.inference.description
    rank = np.unique(year, return_inverse=True)[1]
    by_rank = fit.with_covariance("driscoll_kraay", "none", lags=lags, distance="rank")
    np.testing.assert_allclose(by_rank.covariance.iloc[:2, :2], by_pairs(fit, rank, lags), rtol=SAME)
    assert "in the order of the periods present" in by_rank.inference.description
    facts = chosen.inference.facts
    assert (facts.distance, facts.n_absent, facts.lags) == ("calendar", 1, lags)


def test_text_lags_choose_the_distance(panel):
    data = panel[panel["year"] != 2012]
    fit = kv.estimate(SPEC.without("C(year)"), data)
    for distance in ("calendar", "rank"):
        by_name = fit.with_covariance("driscoll_kraay", lags=distance).inference
        np.testing.assert_array_equal(
            by_name.matrix, fit.with_covariance("driscoll_kraay", distance=distance).inference.matrix
        )
        # xtscc's number of lags, floor(4 (5/100)^(2/9)).
        assert by_name.facts.lags == 2


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda year: 2 * year,
        lambda year: [f"{2000 + (y - 2010) // 12}-{1 + y - 2010:02d}" for y in year],
        lambda year: pd.to_datetime([f"2000-{1 + y - 2010:02d}-01" for y in year]),
    ],
    ids=["every second year", "text months", "dates"],
)
def test_steps_and_forms_of_time_do_not_matter(panel, rewrite):
    data = panel[panel["year"] != 2012]
    plain = kv.estimate(SPEC.without("C(year)"), data).with_covariance("driscoll_kraay", lags=2)
    other = data.assign(year=rewrite(data["year"].to_numpy()))
    again = kv.estimate(SPEC.without("C(year)"), other).with_covariance("driscoll_kraay", lags=2)
    np.testing.assert_allclose(again.covariance, plain.covariance, rtol=1e-12)
    assert again.inference.facts.n_absent == 1


def test_times_that_are_no_calendar_are_refused_or_ranked(panel):
    """Waves by letter have an order, but no distances."""
    data = panel.assign(year=[chr(97 + y - 2010) for y in panel["year"]])
    fit = kv.estimate(SPEC.without("C(year)"), data)
    with pytest.raises(InvalidDataError, match="year"):
        fit.with_covariance("driscoll_kraay", lags=1)
    ranked = fit.with_covariance("driscoll_kraay", lags=1, distance="rank")
    plain = kv.estimate(SPEC.without("C(year)"), panel).with_covariance("driscoll_kraay", lags=1)
    np.testing.assert_allclose(ranked.covariance, plain.covariance, rtol=1e-12)


def test_lags_may_reach_across_the_gap(panel):
    data = panel[panel["year"].isin([2010, 2015])]
    fit = kv.estimate(SPEC.without("C(year)"), data)
    fit.with_covariance("driscoll_kraay", lags=1)
    far = kv.estimate(SPEC.without("C(year)"), panel[panel["year"].isin([2010, 2011, 2015])])
    with pytest.raises(SpecificationError, match="between 0 and 5"):
        far.with_covariance("driscoll_kraay", lags=6)
    with pytest.raises(SpecificationError, match="unknown distance 'days'"):
        far.with_covariance("driscoll_kraay", distance="days")


@pytest.mark.filterwarnings("ignore")
def test_pyfixest(panel, fitted):
    """Fixed effects nested in the clusters: pyfixest's default is xtreg's convention."""
    import pyfixest

    theirs = pyfixest.feols(
        "y ~ x + z + C(year) | unit", panel, vcov={"CRV1": "region"}, weights="population"
    )
    ours = fitted.with_covariance(("cluster", "region"), "xtreg")
    for term in ("x", "z"):
        assert ours.coefficients.loc[term, "estimate"] == pytest.approx(theirs.coef()[term], rel=SAME)
        assert se(ours, term) == pytest.approx(theirs.se()[term], rel=SAME)
        assert ours.coefficients.loc[term, "p_value"] == pytest.approx(theirs.pvalue()[term], rel=1e-6)


def test_conventions_differ_by_the_known_factor(fitted):
    k = len(fitted.terms) - 1
    areg, xtreg = (se(fitted.with_covariance("cluster", c), "x") for c in ("areg", "xtreg"))
    assert (areg / xtreg) ** 2 == pytest.approx((fitted.n_obs - k - 1) / fitted.df_resid, rel=1e-12)
    assert "xtreg" in fitted.with_covariance("cluster", "xtreg").inference.description


def test_two_way_with_negative_eigenvalues_says_so(fitted):
    chosen = fitted.with_covariance("twoway")
    assert "negative eigenvalues set to zero" in chosen.inference.description
    deviation = np.sqrt(np.diag(chosen.inference.matrix))
    assert np.linalg.eigvalsh(chosen.inference.matrix / np.outer(deviation, deviation)).min() > -1e-12


def test_specification_and_later_choice_agree(panel, fitted):
    direct = kv.estimate(SPEC.vary(covariance=("cluster", "region")), panel)
    later = fitted.with_covariance(("cluster", "region"))
    pd.testing.assert_frame_equal(direct.coefficients, later.coefficients)
    assert later.specification == direct.specification


def test_row_order_does_not_matter(panel, fitted):
    shuffled = kv.estimate(SPEC, panel.sample(frac=1, random_state=5))
    for choice in ("hc1", ("cluster", "region"), "twoway", "driscoll_kraay", "jackknife", "wild_cluster"):
        np.testing.assert_allclose(
            shuffled.with_covariance(choice).coefficients.to_numpy(float),
            fitted.with_covariance(choice).coefficients.to_numpy(float),
            rtol=1e-9,
            atol=1e-12,
        )


def test_later_changes_of_the_callers_frame_do_not_reach_the_estimate(panel):
    data = panel.copy()
    fit = kv.estimate(SPEC, data)
    before = se(fit.with_covariance(("cluster", "region")), "x")
    data.loc[:, "region"] = np.arange(len(data)) % 2
    assert se(fit.with_covariance(("cluster", "region")), "x") == before


@pytest.mark.parametrize(
    ("choice", "options", "error", "words"),
    [
        (("cluster", "regoin"), {}, DataMissingError, "did you mean 'region'"),
        (("cluster", "one"), {}, SpecificationError, "at least two clusters"),
        (("cluster", "gaps"), {}, InvalidDataError, "missing in 1 row"),
        ("hc7", {}, SpecificationError, "unknown covariance"),
        (None, {}, SpecificationError, "unknown covariance None"),
        ((), {}, SpecificationError, "unknown covariance"),
        (("twoway", "region"), {}, SpecificationError, "0 or 2"),
        ("hc1", {"draws": 9}, SpecificationError, "no option draws"),
        ("wild_cluster", {"distribution": "normal"}, SpecificationError, "unknown distribution"),
        ("wild_cluster", {"terms": ["xx"]}, SpecificationError, "did you mean 'x'"),
        ("driscoll_kraay", {"lags": 9}, SpecificationError, "between 0 and 5"),
        (("jackknife", "year"), {}, SpecificationError, "spans several"),
        ("cluster", {"convention": "stata"}, SpecificationError, "unknown convention"),
        (("cluster", "year"), {"convention": "xtreg"}, SpecificationError, "spans several clusters"),
    ],
)
def test_errors(panel, choice, options, error, words):
    data = panel.assign(one=1, gaps=panel["region"].astype(float))
    data.loc[3, "gaps"] = np.nan
    with pytest.raises(error) as caught:
        kv.estimate(SPEC, data).with_covariance(choice, **options)
    assert words in str(caught.value)


def refit_without(panel, spec, column):
    rows = []
    for level in sorted(panel[column].unique()):
        fit = kv.estimate(spec, panel[panel[column] != level])
        rows.append([fit.coefficients["estimate"].to_numpy(), fit.coefficients["std_error"].to_numpy()])
    return np.array(rows)


@pytest.mark.parametrize("column", ["unit", "region"])
def test_jackknife_against_refits(panel, fitted, column):
    left = refit_without(panel, SPEC, column)[:, 0]
    change = left - fitted.coefficients["estimate"].to_numpy()
    n_clusters = len(left)
    expected = (n_clusters - 1) / n_clusters * change.T @ change
    ours = fitted.with_covariance(("jackknife", column)).covariance.to_numpy()
    np.testing.assert_allclose(ours, expected, rtol=SAME)


class BruteForce:
    """The wild cluster bootstrap as in the textbook: dummies, a new outcome and a new fit in each draw."""

    def __init__(self, panel, cluster, j):
        X = pd.get_dummies(panel["year"], drop_first=True, dtype=float).to_numpy()
        D = pd.get_dummies(panel["unit"], dtype=float).to_numpy()
        self.X = np.column_stack([panel[["x", "z"]], X, D])
        self.root = np.sqrt(panel["population"].to_numpy())
        self.y = panel["y"].to_numpy()
        self.groups = pd.factorize(panel[cluster], sort=True)[0]
        self.j = j

    def fit(self, y):
        return np.linalg.lstsq(self.X * self.root[:, None], y * self.root, rcond=None)[0]

    def t(self, y, null):
        b = self.fit(y)
        scores = self.X * (self.root**2 * (y - self.X @ b))[:, None]
        sums = np.array([scores[self.groups == g].sum(axis=0) for g in range(self.groups.max() + 1)])
        bread = np.linalg.inv((self.X * self.root[:, None] ** 2).T @ self.X)
        return (b[self.j] - null) / np.sqrt((bread @ (sums.T @ sums) @ bread)[self.j, self.j])

    def p(self, null, points):
        others = np.delete(self.X, self.j, axis=1)
        y0 = self.y - null * self.X[:, self.j]
        b = np.linalg.lstsq(others * self.root[:, None], y0 * self.root, rcond=None)[0]
        fitted, e = others @ b + null * self.X[:, self.j], y0 - others @ b
        observed = abs(self.t(self.y, null))
        draws = [
            abs(self.t(fitted + e * np.array(v)[self.groups], null))
            for v in itertools.product(points, repeat=self.groups.max() + 1)
        ]
        return np.mean(np.array(draws) >= observed * (1 - 1e-9)), observed


@pytest.mark.parametrize(
    ("cluster", "term", "distribution"),
    [
        ("region", 0, "rademacher"),
        ("region", 1, "rademacher"),
        ("year", 0, "rademacher"),
        ("three", 0, "webb"),
    ],
)
def test_wild_bootstrap_against_brute_force(cluster, term, distribution):
    panel = make_panel(12, 5, 6, seed=11).assign(three=lambda d: d["unit"] % 3)
    fit = kv.estimate(SPEC, panel)
    codes = fit.grouping.codes(cluster)
    points = {"rademacher": [-1, 1], "webb": [s * np.sqrt(v) for s in (-1, 1) for v in (0.5, 1, 1.5)]}
    brute = BruteForce(panel, cluster, term)
    signs = draw_signs(codes.max() + 1, distribution=distribution)
    assert signs.enumerated
    for null in (0.0, 0.3):
        test = wild_test(fit.fit, codes, np.eye(7)[term][: len(fit.terms) - 1], signs, null)
        p, observed = brute.p(null, points[distribution])
        assert test.p_value == pytest.approx(p, abs=SAME)
        assert abs(test.statistic) == pytest.approx(observed, rel=SAME)
    for end, outside in ((test.conf_low, -1), (test.conf_high, 1)):
        if np.isfinite(end):
            step = 1e-6 * abs(end)
            assert brute.p(end + outside * step, points[distribution])[0] <= 0.05
            assert brute.p(end - outside * step, points[distribution])[0] > 0.05


@pytest.mark.parametrize(("cluster", "distribution"), [("region", "rademacher"), ("three", "webb")])
def test_uncounted_ties_against_brute_force(cluster, distribution):
    """The draw of equal signs is a tie by construction: boottest leaves it out, the default counts it."""
    panel = make_panel(12, 5, 5, seed=11).assign(three=lambda d: d["unit"] % 3)
    fit = kv.estimate(SPEC, panel)
    points = {"rademacher": [-1, 1], "webb": [s * np.sqrt(v) for s in (-1, 1) for v in (0.5, 1, 1.5)]}
    brute = BruteForce(panel, cluster, 0)
    others = np.delete(brute.X, 0, axis=1)
    b = np.linalg.lstsq(others * brute.root[:, None], brute.y * brute.root, rcond=None)[0]
    fitted, e = others @ b, brute.y - others @ b
    observed, M = abs(brute.t(brute.y, 0)), brute.groups.max() + 1
    vectors = itertools.product(points[distribution], repeat=M)
    t = np.array([abs(brute.t(fitted + e * np.array(v)[brute.groups], 0)) for v in vectors])
    ties = int((np.abs(t / observed - 1) < 1e-9).sum())
    assert ties >= 2
    counted, uncounted = (
        fit.with_covariance(
            ("wild_cluster", cluster), terms=["x"], distribution=distribution, ties=ties_are
        ).coefficients.loc["x", "p_value"]
        for ties_are in ("counted", "uncounted")
    )
    assert uncounted == pytest.approx((t > observed * (1 + 1e-9)).mean(), abs=1e-12)
    assert counted - uncounted == pytest.approx(ties / len(t), abs=1e-12)


def test_uncounted_ties_of_drawn_signs_divide_by_the_draws(fitted):
    options = {"terms": ["x"], "draws": 199, "seed": 4}
    counted = fitted.with_covariance("wild_cluster", **options)
    uncounted = fitted.with_covariance("wild_cluster", ties="uncounted", **options)
    p, q = (fit.coefficients.loc["x", "p_value"] for fit in (counted, uncounted))
    assert p * 200 - 1 == pytest.approx(q * 199)
    assert "ties not counted" in uncounted.inference.description
    assert "ties" not in counted.inference.description
    with pytest.raises(SpecificationError, match="unknown ties 'half'; known: counted, uncounted"):
        fitted.with_covariance("wild_cluster", ties="half")


def test_wild_bootstrap_with_few_clusters_has_no_bounds():
    # With 4 clusters the smallest symmetric p value is 2/16 > 0.05: no null can be rejected.
    panel = make_panel(12, 5, 4, seed=11)
    fit = kv.estimate(SPEC, panel).with_covariance(("wild_cluster", "region"), terms=["x"])
    line = fit.coefficients.loc["x"]
    assert np.isinf([line["conf_low"], line["conf_high"]]).all()
    assert line["p_value"] >= 2 / 16
    assert "all 16 Rademacher vectors" in fit.inference.description


def test_wild_bootstrap_paths_agree(panel, fitted):
    """Few clusters use full scores, many the low-rank form: the same draws must give the same answer."""
    by_unit = fitted.fit.entities
    signs = draw_signs(24, 499, seed=2)
    contrast = np.eye(7)[0]
    low_rank = wild_test(fitted.fit, by_unit, contrast, signs)
    # The same model with the year dummies written out in another, larger design.
    brute = BruteForce(panel, "unit", 0)
    others = np.delete(brute.X, 0, axis=1)
    b = np.linalg.lstsq(others * brute.root[:, None], brute.y * brute.root, rcond=None)[0]
    y0, e = others @ b, brute.y - others @ b
    t = [abs(brute.t(y0 + e * v[by_unit], 0)) for v in signs.values[:60]]
    few = wild_test(fitted.fit, by_unit, contrast, signs._replace(values=signs.values[:60]))
    count = (np.array(t) >= abs(few.statistic) * (1 - 1e-9)).sum()
    assert few.p_value == pytest.approx((1 + count) / 61, abs=1e-12)
    assert low_rank.n_draws == 499


def test_wild_bootstrap_records_seed_and_draws(fitted):
    chosen = fitted.with_covariance("wild_cluster", draws=199, seed=42, terms=["x"], distribution="webb")
    assert "199 Webb draws, seed 42" in chosen.inference.description
    again = fitted.with_covariance("wild_cluster", draws=199, seed=42, terms=["x"], distribution="webb")
    assert chosen.coefficients.equals(again.coefficients)
    other = fitted.with_covariance("wild_cluster", draws=199, seed=43, terms=["x"], distribution="webb")
    assert not chosen.coefficients.equals(other.coefficients)
    assert np.isnan(chosen.coefficients.loc["constant", "p_value"])


def test_wild_bootstrap_rejects_as_often_as_it_should():
    """Under a true null with 12 regions, shocks by region and year, the 10 % test rejects about 10 %."""
    rejected = 0
    for seed in range(120):
        panel = make_panel(24, 5, 12, seed=seed)
        panel["y"] = panel["y"] - 0.5 * panel["x"]
        fit = kv.estimate(SPEC, panel).with_covariance(("wild_cluster", "region"), terms=["x"], draws=199)
        rejected += fit.coefficients.loc["x", "p_value"] < 0.1
    # Binomial(120, 0.1): 12 expected, standard deviation 3.3.
    assert 3 <= rejected <= 24


def test_unknown_option_names_the_kind(fitted):
    with pytest.raises(SpecificationError, match="'classical' has no option lags"):
        compute_covariance("classical", fitted.fit, fitted.grouping, lags=1)
