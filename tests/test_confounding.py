"""Robustness values and Oster's delta: against PySensemakr, a variable really left out, and a known truth."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student

import kostnadsvekst as kv
from conftest import ROOT
from kostnadsvekst.analysis.acute_beds.left_out import sensitivity_of_effect
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import both
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.contours import draw_contours
from test_gelbach import LONG, SHORT, draw

RECORDED = json.loads((ROOT / "tests" / "reference" / "confounding.json").read_text("utf-8"))


@pytest.mark.parametrize("case", RECORDED["cases"], ids=lambda case: case["term"])
def test_equals_pysensemakr(case):
    """PySensemakr on the columns without the units' means, which count in its degrees of freedom here."""
    data = draw(21).assign(w=1.0)
    found = kv.sensitivity(
        kv.estimate(LONG, data), case["term"], case["benchmarks"], multiples=case["multiples"], q=case["q"]
    )
    assert found.partial_r2 == pytest.approx(case["partial_r2"], rel=1e-8)
    assert found.robustness_value == pytest.approx(case["robustness_value"], rel=1e-8)
    assert found.robustness_value_significance == pytest.approx(case["robustness_value_alpha"], rel=1e-8)
    told = found.benchmarks
    for name in ("r2_treatment", "r2_outcome", "estimate", "std_error", "statistic"):
        assert told[name].tolist() == pytest.approx(case[name], rel=1e-8), name


def by_dummies(data, outcome, names):
    """Coefficients and residual sum of squares with weights and a dummy for each unit."""
    w = np.sqrt(data["w"]).to_numpy()
    X = np.column_stack([data[list(names)], pd.get_dummies(data["id"]).to_numpy(float)]) * w[:, None]
    b = np.linalg.lstsq(X, data[outcome].to_numpy() * w, rcond=None)[0]
    return b, float(np.sum((data[outcome].to_numpy() * w - X @ b) ** 2))


def partial(data, outcome, without, with_):
    less, more = (by_dummies(data, outcome, names)[1] for names in (without, with_))
    return 1 - more / less


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_a_variable_really_left_out_moves_the_estimate_as_told(seed):
    data = draw(seed, n_units=8)
    full, part = kv.estimate(LONG, data), kv.estimate(LONG.without("d"), data)
    r2_treatment = partial(data, "a", ["b", "c"], ["b", "c", "d"])
    r2_outcome = partial(data, "y", ["a", "b", "c"], ["a", "b", "c", "d"])
    moved, error = kv.sensitivity(part, "a").adjusted(np.array(r2_treatment), np.array(r2_outcome))
    old, new = (e.coefficients.loc["a", "estimate"] for e in (part, full))
    # Told is the change towards zero; a change away from it has the same size.
    assert abs(moved - old) == pytest.approx(abs(new - old), rel=1e-6, abs=1e-9)
    assert error == pytest.approx(full.coefficients.loc["a", "std_error"], rel=1e-8)


@pytest.mark.parametrize("q", [1.0, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_something_of_the_robustness_value_takes_the_part_away(seed, q):
    found = kv.sensitivity(kv.estimate(LONG, draw(seed)), "b", q=q)
    strength = np.array(found.robustness_value)
    moved, _ = found.adjusted(strength, strength)
    assert moved == pytest.approx((1 - q) * found.estimate, abs=1e-10 * abs(found.estimate) + 1e-12)


def test_something_of_the_second_value_leaves_just_significance():
    found = kv.sensitivity(kv.estimate(LONG, draw(31)), "a")
    assert 0 < found.robustness_value_significance < found.robustness_value
    strength = np.array(found.robustness_value_significance)
    moved, error = found.adjusted(strength, strength)
    assert abs(moved / error) == pytest.approx(student.ppf(0.975, found.df - 1), rel=1e-6)


def test_all_of_the_outcome_must_explain_the_partial_r2_of_the_term():
    found = kv.sensitivity(kv.estimate(LONG, draw(32)), "a")
    moved, _ = found.adjusted(np.array(found.partial_r2), np.array(1.0))
    assert moved == pytest.approx(0, abs=1e-10)


def test_benchmarks_with_weights_by_dummies():
    data = draw(33)
    found = kv.sensitivity(kv.estimate(LONG, data), "a", {"one": ["b"], "two": ["c", "d"]}, multiples=[0.1])
    for name, members in {"one": ["b"], "two": ["c", "d"]}.items():
        others = [c for c in "bcd" if c not in members]
        d = partial(data, "a", others, "bcd")
        y = partial(data, "y", ["a", *others], "abcd")
        row = found.benchmarks.set_index("benchmark").loc[name]
        assert row["r2_treatment"] == pytest.approx(0.1 * d / (1 - d), rel=1e-8)
        eta = 0.1 * d**2 / ((1 - 0.1 * d) * (1 - d))
        wanted = (np.sqrt(0.1) + np.sqrt(eta)) ** 2 / (1 - eta) * y / (1 - y)
        assert row["r2_outcome"] == pytest.approx(wanted, rel=1e-8)


def test_what_no_variable_can_be_is_named():
    data = draw(34).assign(b=lambda d: d["a"] + 0.1 * d["b"])
    found = kv.sensitivity(kv.estimate(LONG, data), "a", ["b", "c"], multiples=[1, 50])
    assert "50 x b" in found.impossible
    assert len(found.impossible) + len(found.benchmarks) == 4


def population(beta, delta, seed):
    """Panel without noise in its moments: y = beta a + controls + left out, selection in the ratio delta."""
    rng = np.random.default_rng(seed)
    n = 400
    raw = rng.normal(size=(n, 4))
    raw -= raw.mean(axis=0)
    # Exactly uncorrelated columns of variance one: control, left out, own part of the treatment, error.
    control, left, own, _ = np.linalg.qr(raw)[0].T * np.sqrt(n)
    size = 0.7
    # Cov(a, left) / Var(left index) is delta times Cov(a, control) / Var(control index).
    a = 0.5 * control + delta * 0.5 * size * left + own
    y = beta * a + control + size * left
    return pd.DataFrame({"id": 0, "year": np.arange(n), "y": y, "a": a, "x": control})


@pytest.mark.parametrize("beta", [0.0, 0.7])
@pytest.mark.parametrize("delta", [0.5, 1.0, 1.7, -0.6])
def test_delta_is_that_of_a_population_in_which_it_is_known(beta, delta):
    """Control index of variance 1, index left out of variance 0.49; with both R squared is one."""
    data = population(beta, delta, 5)
    est = kv.estimate(kv.Specification("y", ("a", "x"), "id", "year", effects="none"), data)
    found = kv.oster_delta(est, "a", r_max=1.0, beta=beta)
    assert found.delta == pytest.approx(delta, rel=1e-8)


def test_what_is_always_there_is_no_control():
    data = draw(35)
    spec = SHORT.vary(regressors=("C(year)", "a", "b", "c"))
    years = [f"C(year)[T.{y}]" for y in range(2016, 2020)]
    found = kv.oster_delta(kv.estimate(spec, data), "a", years)
    short = kv.estimate(spec.without("b", "c"), data)
    assert found.short_estimate == pytest.approx(short.coefficients.loc["a", "estimate"])
    assert found.estimate == pytest.approx(kv.estimate(spec, data).coefficients.loc["a", "estimate"])
    dummies = kv.estimate(spec.vary(regressors=("C(year)",)), data).fit.ssr
    assert found.short_r_squared == pytest.approx(1 - short.fit.ssr / dummies)
    assert found.r_max == pytest.approx(min(1.3 * found.r_squared, 1))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda e: kv.sensitivity(e, "aa"), "no term 'aa' \\(did you mean 'a'"),
        (lambda e: kv.sensitivity(e, "a", ["a"]), "holds 'a' itself"),
        (lambda e: kv.sensitivity(e, "a", ["b"], multiples=[0]), "not positive"),
        (lambda e: kv.sensitivity(e, "a", q=0), "q=0"),
        (lambda e: kv.sensitivity(e, "a", alpha=1), "alpha=1"),
        (lambda e: kv.oster_delta(e, "a", ["b", "c", "d"]), "no controls"),
        (lambda e: kv.oster_delta(e, "a", r_max=1.1), "r_max=1.1"),
        (lambda e: kv.oster_delta(e, "a", r_max=0.0), "r_max=0"),
    ],
)
def test_what_means_nothing_is_refused(call, words):
    with pytest.raises(SpecificationError, match=words):
        call(kv.estimate(LONG, draw(36)))


def test_the_effect_of_acute_beds_as_its_t_statistic_has_it():
    panel = kv.acute_beds.load_panel()
    found = sensitivity_of_effect(panel, "2014-12")
    main = "admissions_acute_internal_80plus"
    row = kv.acute_beds.estimate_effects(panel, [main], "2014-12", covariance="classical").iloc[0]
    assert found.estimate == pytest.approx(row["estimate"], rel=1e-9)
    assert found.std_error == pytest.approx(row["std_error"], rel=1e-9)
    f2 = row["statistic"] ** 2 / row["df"]
    assert found.robustness_value == pytest.approx((np.sqrt(f2**2 + 4 * f2) - f2) / 2, rel=1e-9)
    assert set(found.benchmarks["benchmark"]) <= {"demand", "supply"}


def test_contours_are_the_same_bytes_each_time():
    found = kv.sensitivity(kv.estimate(LONG, draw(31)), "a", ["b"], multiples=[0.1, 0.2])
    words = {"title": both("t"), "labels": {"b": both("b")}, "treatment": both("x"), "outcome": both("y")}
    one, other = (draw_contours(found, "en", **words, provenance=Provenance("synthetic")) for _ in range(2))
    assert one == other
    assert one.startswith(b"\x89PNG")
