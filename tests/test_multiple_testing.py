"""Many tests at once: against refitting every draw, definitions by loops, pyfixest, and error rates."""

import io
import itertools

import numpy as np
import pandas as pd
import pyfixest
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

import kostnadsvekst as kv
from kostnadsvekst.analysis.acute_beds.multiplicity import judge_outcomes
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.multiple_testing import adjust, simultaneous_critical_value, step_down
from test_gelbach import draw

BASE = kv.Specification("y", ("a", "b"), "id", "year", "w")


def outcomes(seed, n=4, n_units=6, effects=None):
    """Panel with n outcomes that hang together, the first of which a moves."""
    rng = np.random.default_rng(seed)
    data = draw(seed, n_units=n_units)
    common = rng.normal(size=len(data))
    for s in range(n):
        shock = rng.normal(size=n_units)[data["id"]] * data["a"]
        effect = 0.0 if effects is None else effects[s]
        data[f"y{s}"] = effect * data["a"] + common + rng.normal(size=len(data)) + 0.5 * shock
    return data


def fit_all(data, n=4):
    return {f"y{s}": kv.estimate(BASE.vary(outcome=f"y{s}"), data) for s in range(n)}


def refit(data, outcome, signs):
    """|t| of each draw by restricted least squares on dummies, a new outcome and a new regression."""
    w = np.sqrt(data["w"]).to_numpy()[:, None]
    dummies = pd.get_dummies(data["id"]).to_numpy(float)
    X, R = np.column_stack([data[["a", "b"]], dummies]) * w, np.column_stack([data["b"], dummies]) * w
    y = data[outcome].to_numpy() * w[:, 0]
    fitted = R @ np.linalg.lstsq(R, y, rcond=None)[0]
    inverse = np.linalg.inv(X.T @ X)
    codes, statistics = data["id"].to_numpy(), []
    for v in signs:
        new = fitted + v[codes] * (y - fitted)
        b = inverse @ X.T @ new
        scores = X * (new - X @ b)[:, None]
        sums = np.array([scores[codes == g].sum(axis=0) for g in range(len(v))])
        V = inverse @ sums.T @ sums @ inverse
        statistics.append(abs(b[0]) / np.sqrt(V[0, 0]))
    return np.array(statistics)


@pytest.mark.parametrize("seed", range(3))
def test_equals_refitting_every_draw(seed):
    data = outcomes(seed)
    found = kv.many_outcomes(fit_all(data), "a")
    # Six clusters: all vectors of signs, the first of which is fixed, for v and -v give the same.
    signs = np.array([(1.0, *rest) for rest in itertools.product((-1.0, 1.0), repeat=5)])
    drawn = np.stack([refit(data, f"y{s}", signs) for s in range(4)], axis=1)
    observed = np.array([refit(data, f"y{s}", np.ones((1, 6)))[0] for s in range(4)])
    assert found["p_value"].tolist() == pytest.approx(
        [np.mean(drawn[:, s] >= observed[s] * (1 - 1e-9)) for s in range(4)]
    )
    order, before, wanted = np.argsort(-observed), 0.0, np.zeros(4)
    for place, s in enumerate(order):
        largest = drawn[:, order[place:]].max(axis=1)
        before = wanted[s] = max(before, np.mean(largest >= observed[s] * (1 - 1e-9)))
    assert found["p_romano_wolf"].tolist() == pytest.approx(wanted.tolist())
    assert found["statistic"].abs().to_numpy() / observed == pytest.approx(
        np.full(4, found["statistic"].abs().iloc[0] / observed[0])
    )


def test_errors_and_single_tests_are_those_of_the_estimate():
    data = outcomes(4, n_units=15)
    estimates = fit_all(data)
    found = kv.many_outcomes(estimates, "a", draws=999).set_index("outcome")
    for name, est in estimates.items():
        alone = est.with_covariance("wild_cluster", draws=999, terms=["a"]).coefficients.loc["a"]
        assert found.loc[name, "std_error"] == pytest.approx(alone["std_error"])
        assert found.loc[name, "p_value"] == pytest.approx(alone["p_value"])


def test_outcomes_that_lost_clusters_share_the_signs_of_those_they_have():
    data = outcomes(5, n_units=10)
    data.loc[data["id"].isin([2, 7]), "y1"] = np.nan
    with pytest.warns(kv.errors.DataWarning):
        estimates = fit_all(data)
    found = kv.many_outcomes(estimates, "a", draws=199)
    assert found["n_clusters"].tolist() == [10, 8, 10, 10]
    others = kv.many_outcomes({k: v for k, v in estimates.items() if k != "y1"}, "a", draws=199)
    assert found.drop(index=1)["p_value"].tolist() == others["p_value"].tolist()


def westfall_young(observed, drawn):
    """By the definition of Westfall and Young's step-down minP, with the data counted as a draw."""
    n = len(drawn)
    p = np.array([(1 + np.sum(drawn[:, s] >= observed[s])) / (1 + n) for s in range(len(observed))])
    P = np.array(
        [[np.sum(drawn[:, s] >= drawn[r, s]) / (1 + n) for s in range(len(observed))] for r in range(n)]
    )
    order, before, wanted = np.argsort(p, kind="stable"), 0.0, np.zeros(len(p))
    for place, s in enumerate(order):
        before = wanted[s] = max(
            before, (1 + np.sum(P[:, order[place:]].min(axis=1) <= p[s] * (1 + 1e-9))) / (1 + n)
        )
    return wanted


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**9))
def test_definitions_and_order(seed):
    rng = np.random.default_rng(seed)
    s, n = int(rng.integers(1, 7)), 60
    observed, drawn = np.abs(rng.normal(size=s)) + 0.5, np.abs(rng.normal(size=(n, s)))
    found = adjust(observed, drawn)
    assert found["p_westfall_young"] == pytest.approx(westfall_young(observed, drawn))
    ordered = np.sort(found["p_value"])
    rank = np.argsort(np.argsort(found["p_value"], kind="stable"))
    wanted = np.minimum.accumulate((ordered * s / np.arange(1, s + 1))[::-1])[::-1].clip(max=1)[rank]
    assert found["p_benjamini_hochberg"] == pytest.approx(wanted)
    for name in ("p_romano_wolf", "p_westfall_young", "p_benjamini_hochberg", "p_benjamini_yekutieli"):
        assert (found[name] >= found["p_value"] - 1e-12).all()
    assert (found["p_benjamini_yekutieli"] >= found["p_benjamini_hochberg"] - 1e-12).all()


def test_step_down_by_hand():
    drawn = np.array([[1.0, 0.0], [0.0, 3.0], [2.0, 1.0], [0.5, 0.5]])
    # 2.5: one of four maxima (3); then 0.8 alone: of 0, 3, 1, 0.5 two; each with the data as a draw.
    assert step_down(np.array([2.5, 0.8]), drawn).tolist() == [2 / 5, 3 / 5]
    assert step_down(np.array([2.5, 0.8]), drawn, enumerated=True).tolist() == [1 / 4, 2 / 4]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("theirs", "column"), [(pyfixest.rwolf, "RW Pr(>|t|)"), (pyfixest.wyoung, "WY Pr(>|t|)")]
)
def test_near_pyfixest(theirs, column):
    """Other draws: equal within simulation error, 4 standard errors of a share of 1,999.

    pyfixest's Westfall-Young turns t statistics into p-values by the t distribution. Where all outcomes have
    the same degrees of freedom, as here, that orders them as t does, so it is the step-down by largest t.
    Ours turns each outcome's draws into p-values by its own draws, and is tested by its definition above.
    """
    data = outcomes(6, n_units=25, effects=(0.9, 0.4, 0.0, 0.0)).assign(w=1.0)
    found = kv.many_outcomes(fit_all(data), "a", draws=1999)
    models = [pyfixest.feols(f"y{s} ~ a + b | id", data, vcov={"CRV1": "id"}) for s in range(4)]
    other = theirs(models, "a", reps=1999, seed=3, sampling_method="wild-bootstrap")
    told = other.loc[column].to_numpy(float)
    slack = 4 * np.sqrt(told * (1 - told) / 1999) + 2 / 1999
    assert (np.abs(found["p_romano_wolf"].to_numpy() - told) < slack).all(), (found, told)


def test_refused():
    data = outcomes(7)
    estimates = fit_all(data)
    with pytest.raises(SpecificationError, match="no term 'c' in y0, y1, y2, y3"):
        kv.many_outcomes(estimates, "c")
    with pytest.raises(SpecificationError, match="no estimates"):
        kv.many_outcomes({}, "a")


# Simultaneous bands ----------


def test_band_of_one_and_of_independent_coefficients():
    """One: the quantile itself. m independent: (1 + level^(1/m)) / 2; both within simulation error."""
    assert simultaneous_critical_value(np.array([[4.0]])) == pytest.approx(norm.ppf(0.975), abs=0.015)
    wanted = norm.ppf((1 + 0.95 ** (1 / 6)) / 2)
    assert simultaneous_critical_value(np.diag(np.arange(1.0, 7.0))) == pytest.approx(wanted, abs=0.015)
    assert simultaneous_critical_value(np.array([[4.0]]), df=5) == pytest.approx(
        student.ppf(0.975, 5), abs=0.03
    )


def test_band_of_the_same_coefficient_twice_is_that_of_one():
    V = np.ones((3, 3))
    assert simultaneous_critical_value(V) == pytest.approx(norm.ppf(0.975), abs=0.015)
    V[0] = V[:, 0] = 0.0
    assert simultaneous_critical_value(V) == pytest.approx(norm.ppf(0.975), abs=0.015)


def test_band_that_does_not_exist():
    with pytest.raises(SpecificationError, match="no band"):
        simultaneous_critical_value(np.zeros((2, 2)))
    with pytest.raises(SpecificationError, match="level"):
        simultaneous_critical_value(np.eye(2), 1.0)


@pytest.mark.slow
def test_family_wise_error_and_power():
    """2,000 families of eight outcomes, 25 clusters, 199 draws; error of a rate of 5 per cent: 0.5 points."""
    n, errors, singles, power, bonferroni = 2000, 0, 0, 0, 0
    rng = np.random.default_rng(11)
    unit = np.repeat(np.arange(25), 4)
    for replication in range(n):
        data = pd.DataFrame({"id": unit, "year": np.tile(np.arange(4), 25), "w": 1.0})
        data["a"], data["b"] = rng.normal(size=(2, 100)) + rng.normal(size=(2, 25))[:, unit]
        common = rng.normal(size=100)
        for s in range(8):
            effect = 0.6 if s == 0 and replication % 2 else 0.0
            data[f"y{s}"] = effect * data["a"] + common + rng.normal(size=100)
        found = kv.many_outcomes(fit_all(data, 8), "a", draws=199, seed=replication)
        null = found.iloc[1:] if replication % 2 else found
        errors += (null["p_romano_wolf"] <= 0.05).any()
        singles += (null["p_value"] <= 0.05).any()
        power += replication % 2 and found["p_romano_wolf"].iloc[0] <= 0.05
        bonferroni += replication % 2 and 8 * found["p_value"].iloc[0] <= 0.05
    assert 0.04 <= errors / n <= 0.06
    assert singles / n > 0.15
    # The outcomes hang together, which Bonferroni's bound does not use.
    assert power > 1.05 * bonferroni > 0.5 * n / 2


@pytest.fixture(scope="module")
def beds():
    return kv.acute_beds.load_panel()


def test_outcomes_of_acute_beds_have_the_estimates_of_the_report_model(beds):
    some = kv.acute_beds.OUTCOMES[:6]
    found = judge_outcomes(beds, "2014-12", some, draws=199)
    wanted = kv.acute_beds.estimate_effects(beds, some, "2014-12")
    assert found["estimate"].tolist() == pytest.approx(wanted["estimate"].tolist(), rel=1e-10)
    assert found["std_error"].tolist() == pytest.approx(wanted["std_error"].tolist(), rel=1e-10)
    assert found["n_clusters"].tolist() == wanted["n_municipalities"].tolist()


def test_what_is_not_identified_is_named(beds):
    panel = beds.copy()
    some = list(kv.acute_beds.OUTCOMES[:3])
    cells = [c for c in panel if c.startswith("admissions_") and c.endswith("80plus")]
    panel[cells] = 0
    found = judge_outcomes(panel, "2014-12", some, draws=99)
    lost = [name for name in some if name.endswith("80plus")]
    assert list(found.attrs["refused"]) == lost
    assert found["outcome"].tolist() == [name for name in some if name not in lost]


def test_the_chapter_says_how_many_stand(ohd_run):
    frame = pd.read_csv(io.StringIO(ohd_run.result.files["ohd/many_outcomes.csv"]))
    text = ohd_run.result.files["ohd/table_many_outcomes_en.md"]
    alone, stand = ((frame[name] < 0.05).sum() for name in ("p_value", "p_romano_wolf"))
    assert f"Of 81 outcomes {alone} are significant" in text
    assert f"Tested together {stand} stand" in text
    assert set(frame["data_origin"]) == {"synthetic"}


def test_band_of_an_event_study():
    from test_detectable import COLUMNS, staggered_panel

    study = kv.staggered.event_study(staggered_panel(3), *COLUMNS, method="callaway_santanna")
    band = study.simultaneous(between=(-2, 3))
    critical = band.attrs["critical"]
    assert band["horizon"].tolist() == [h for h in study.horizons["horizon"] if -2 <= h <= 3]
    # Wider than a single interval, narrower than Bonferroni's.
    assert norm.ppf(0.975) < critical < norm.ppf(1 - 0.025 / len(band))
    assert (band["band_high"] - band["estimate"]).to_numpy() == pytest.approx(
        critical * band["std_error"].to_numpy()
    )


@pytest.mark.slow
def test_bands_cover_all_horizons_at_once():
    """600 panels without an effect; error of 95 per cent: 0.9 points, beside that of 60 clusters."""
    from test_detectable import COLUMNS, staggered_panel

    inside = pointwise = 0
    for seed in range(600):
        study = kv.staggered.event_study(staggered_panel(seed), *COLUMNS, method="callaway_santanna")
        band = study.simultaneous(between=(-2, 3))
        inside += ((band["band_low"] <= 0) & (band["band_high"] >= 0)).all()
        pointwise += ((band["conf_low"] <= 0) & (band["conf_high"] >= 0)).all()
    assert inside / 600 == pytest.approx(0.95, abs=0.04)
    assert pointwise / 600 < 0.88
