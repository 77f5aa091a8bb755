"""The joint test of the specification curve and its frame, by hand and by symmetry."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.analysis.specification_curve import identify
from kostnadsvekst.errors import DataMissingError, SpecificationError
from kostnadsvekst.models.wild_bootstrap import draw_signs

SPEC = kv.Specification("up", ("x",), "unit", "year", covariance="cluster")
SAME = 1e-9


@pytest.fixture(scope="module")
def panel():
    """Two outcomes that rise with x and three that fall, each so clearly that all are significant."""
    data = make_panel(12, 5, 4, seed=8)
    noise = np.random.default_rng(1).normal(0, 0.1, (5, len(data)))
    slopes = {"up": 1.0, "up2": 2.0, "down": -1.0, "down2": -3.0, "down3": -4.0}
    outcomes = {name: b * data["x"] + e for (name, b), e in zip(slopes.items(), noise, strict=True)}
    return data.assign(**outcomes, flat=noise[0] - noise[1])


def curve(panel, outcomes, draws=60, seed=4, **options):
    specs = kv.grid(SPEC, outcome=outcomes)
    return kv.specification_curve(specs, panel, terms=["x"], draws=draws, seed=seed, **options)


@pytest.mark.parametrize(
    ("outcomes", "share"),
    [
        (["up", "up2"], 1.0),
        (["down", "down2"], 1.0),
        (["up", "down", "down2"], 2 / 3),
        (["up", "up2", "down"], 2 / 3),
        (["up", "down"], 0.5),
        (["up", "down", "down2", "down3", "flat"], 0.6),
    ],
)
def test_share_significant_is_of_the_more_frequent_direction(panel, outcomes, share):
    found = curve(panel, outcomes)
    statistics = found.frame.set_index("outcome")["statistic"]
    assert (statistics.drop("flat", errors="ignore").abs() > 10).all()
    observed = found.joint.results["observed"]
    assert observed["share_significant"] == pytest.approx(share)
    # Stata's areg factor in the test and in the lines: the same t.
    assert observed["mean_t"] == pytest.approx(abs(statistics.mean()))
    assert observed["median_t"] == pytest.approx(abs(statistics.median()))


def test_joint_test_does_not_know_the_sign_of_the_regressor(panel):
    data = make_panel(10, 5, 5, seed=4)
    specs = kv.grid(
        SPEC.vary(outcome="y"),
        controls=[(), ("z",)],
        weights=[None, "population"],
        effects=["entity", "none"],
    )
    one, other = (
        kv.specification_curve(specs, data.assign(x=sign * data["x"]), terms=["x"], draws=99, seed=2)
        for sign in (1, -1)
    )
    pd.testing.assert_frame_equal(one.joint.results, other.joint.results, rtol=SAME)
    np.testing.assert_allclose(one.frame["estimate"], -other.frame["estimate"], rtol=SAME)


@pytest.mark.parametrize("outcome", ["up", "down", "flat"])
def test_joint_test_of_one_specification_by_fits_of_its_own(panel, outcome):
    """With one specification the three statistics are |t|, significant or not, and |t|."""
    draws = 39
    found = curve(panel, [outcome], draws=draws, seed=6).joint
    # Without x the fit is the unit's mean.
    fitted = panel.groupby("unit")[outcome].transform("mean").to_numpy()
    residuals = panel[outcome].to_numpy() - fitted
    signs = np.vstack([np.ones(12), draw_signs(12, draws, 6).values])
    t = np.array(
        [
            kv.estimate(SPEC, panel.assign(up=fitted + residuals * v[panel["unit"]])).coefficients.loc[
                "x", "statistic"
            ]
            for v in signs
        ]
    )
    limit = student.ppf(0.975, 11)
    assert found.results.loc["mean_t", "observed"] == pytest.approx(abs(t[0]))
    assert found.results.loc["median_t", "observed"] == pytest.approx(abs(t[0]))
    assert found.results.loc["share_significant", "observed"] == float(abs(t[0]) > limit)
    as_far = (np.abs(t) >= abs(t[0]) * (1 - 1e-9)).mean()
    assert found.results.loc["mean_t", "p_value"] == pytest.approx(as_far)
    shares = (np.abs(t) > limit).astype(float)
    assert found.results.loc["share_significant", "p_value"] == pytest.approx((shares >= shares[0]).mean())
    assert (found.n_fits, found.n_clusters, found.draws, found.seed) == (1, 12, draws, 6)
    assert found.description == "12 clusters, 39 Rademacher draws, seed 6"


def test_only_the_specifications_named_are_tested(panel):
    all_of_them = curve(panel, ["up", "down", "down2"])
    downward = curve(panel, ["up", "down", "down2"], tested=lambda spec: spec.outcome != "up")
    alone = curve(panel, ["down", "down2"])
    pd.testing.assert_frame_equal(downward.frame, all_of_them.frame)
    pd.testing.assert_frame_equal(downward.joint.results, alone.joint.results)
    assert (all_of_them.joint.n_fits, downward.joint.n_fits) == (3, 2)
    assert curve(panel, ["up"], tested=lambda spec: False).joint is None
    assert curve(panel, ["up"], draws=0).joint is None
    every_term = kv.specification_curve([SPEC], panel, draws=9)
    assert every_term.joint is None


def test_specifications_that_differ_in_covariance_only_are_one_fit(panel):
    specs = kv.grid(SPEC, covariance=["classical", "hc1", "cluster", ("cluster", "region")])
    found = kv.specification_curve(specs, panel, terms=["x"], draws=9)
    assert found.joint.n_fits == 1
    assert len(set(found.frame["estimate"])) == 1
    assert len(set(found.frame["std_error"])) == 4


def test_the_first_term_is_the_one_tested(panel):
    spec = SPEC.vary(outcome="y", regressors=("x", "z"))
    first = kv.specification_curve([spec], panel, terms=["z", "x"], draws=19, seed=2)
    alone = kv.specification_curve([spec], panel, terms=["z"], draws=19, seed=2)
    pd.testing.assert_frame_equal(first.joint.results, alone.joint.results)
    t = first.frame.set_index("term")["statistic"]
    assert first.joint.results.loc["mean_t", "observed"] == pytest.approx(abs(t["z"]))


def test_a_fit_of_its_own_is_tested_like_the_others(panel):
    """A nearly collinear control goes the slow way; its draws stand beside those of the others."""
    data = panel.assign(near=panel["x"] + 1e-5 * panel["y"] ** 2)
    spec = SPEC.vary(outcome="y")
    slow = kv.specification_curve([spec.adding("near")], data, terms=["x"], draws=29, seed=3).joint
    orthogonal = data.assign(near=data["near"] - data["x"])
    fast = kv.specification_curve([spec.adding("near")], orthogonal, terms=["near"], draws=29, seed=3).joint
    assert slow.n_fits == fast.n_fits == 1
    line = kv.estimate(spec.adding("near"), data).coefficients.loc["x"]
    assert slow.results.loc["mean_t", "observed"] == pytest.approx(abs(line["statistic"]), rel=1e-6)
    pooled = spec.adding("near").vary(effects="none")
    slow = kv.specification_curve([pooled], data, terms=["x"], draws=29, seed=3).joint
    line = kv.estimate(pooled, data).coefficients.loc["x"]
    assert slow.results.loc["mean_t", "observed"] == pytest.approx(abs(line["statistic"]), rel=1e-6)


# The frame ----------


def test_lines_say_what_they_are(panel):
    specs = [
        SPEC,
        SPEC.vary(regressors=("z", "x"), weights="population", sample=("year >= 2011", "unit > 0")),
        SPEC.vary(covariance=("cluster", "region"), effects="none"),
    ]
    found = kv.specification_curve(specs, panel, terms=["x"])
    frame = found.frame
    assert frame["regressors"].tolist() == ["x", "z + x", "x"]
    assert frame["weights"].tolist() == ["none", "population", "none"]
    assert frame["sample"].tolist() == ["all", "year >= 2011 & unit > 0", "all"]
    assert frame["covariance"].tolist() == ["cluster", "cluster", "cluster:region"]
    assert frame["effects"].tolist() == ["entity", "entity", "none"]
    assert frame["n_obs"].tolist() == [60, 11 * 4, 60]
    assert frame["df"].tolist() == [11, 10, 3]
    assert list(found.specifications) == frame["spec"].tolist() == [identify(s) for s in specs]
    assert frame["spec"].str.fullmatch("[0-9a-f]{8}").all()
    numbers = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
    assert list(frame.columns[:10]) == ["spec", "term", *numbers, "n_obs", "n_entities"]
    assert frame.columns[-1] == "status"
    one = frame.iloc[0]
    assert one["p_value"] == pytest.approx(2 * student.sf(abs(one["statistic"]), 11))
    half = student.ppf(0.975, 11) * one["std_error"]
    assert (one["conf_low"], one["conf_high"]) == pytest.approx(
        (one["estimate"] - half, one["estimate"] + half)
    )


def test_what_cannot_be_estimated_says_why(panel):
    data = panel.assign(
        gap=panel["z"].where(panel["unit"] > 8), zero=panel["population"] * (panel["unit"] > 0)
    )
    specs = [
        SPEC.vary(regressors=("z",)),
        SPEC.vary(weights="zero"),
        SPEC.vary(weights="zero", sample=("unit > 0",)),
        SPEC.adding("gap"),
        SPEC.vary(sample=("year == 2010",)),
        SPEC,
    ]
    frame = kv.specification_curve(specs, data, terms=["x"]).frame
    assert frame["status"].tolist() == [
        "not estimated: none of the terms x is in the specification",
        "not estimated: weights 'zero' are not all positive",
        "ok",
        "ok",
        frame["status"][4],
        "ok",
    ]
    assert frame["status"][4].startswith("not estimated: ")
    assert frame["n_obs"].tolist() == [0, 0, 55, 15, 0, 60]
    assert frame["n_entities"].tolist() == [0, 0, 11, 3, 0, 12]
    assert frame.loc[frame["status"] != "ok", ["estimate", "p_value", "conf_low"]].isna().all(axis=None)


def test_progress_and_every_term(panel):
    seen = []
    specs = kv.grid(SPEC.vary(regressors=("x", "z")), sample=[(), "year > 2010"], outcome=["up", "down"])
    found = kv.specification_curve(specs, panel, tick=seen.append)
    assert seen == [2, 4]
    assert found.frame["term"].tolist() == ["x", "z"] * 4
    slow = kv.specification_curve([specs[0].vary(covariance=kind) for kind in ("jackknife", "hc1")], panel)
    assert slow.frame["term"].tolist() == ["x", "z"] * 2
    jackknife = kv.estimate(specs[0], panel).with_covariance("jackknife").coefficients.loc[["x", "z"]]
    for column in ("estimate", "std_error", "p_value", "conf_low", "conf_high"):
        np.testing.assert_allclose(slow.frame[column][:2], jackknife[column])
    assert slow.frame["df"].tolist() == [11, 11, 46, 46]
    with pytest.raises(DataMissingError, match="nothing"):
        kv.specification_curve([SPEC.vary(outcome="nothing")], panel)
    with pytest.raises(SpecificationError, match="region, unit"):
        kv.specification_curve([SPEC, SPEC.vary(entity="region")], panel, terms=["x"], draws=9)


def test_fits_with_one_degree_of_freedom_left(panel):
    """Four units in two years and three regressors leave one degree of freedom; one more leaves none."""
    data = panel[(panel["year"] < 2012) & (panel["unit"] < 4)].reset_index(drop=True)
    more = np.random.default_rng(3).normal(size=(4, len(data)))
    data = data.assign(a=more[0], b=more[1], c=more[2])
    spec = SPEC.vary(covariance="classical", regressors=("x", "a", "b"))
    frame = kv.specification_curve([spec, spec.adding("c")], data, terms=["x"]).frame
    assert frame["df"][0] == 8 - 4 - 3
    own = kv.estimate(spec, data).coefficients.loc["x"]
    assert frame["std_error"][0] == pytest.approx(own["std_error"], rel=1e-6)
    assert frame["status"][0] == "ok"
    assert frame["status"][1].startswith("not estimated")
