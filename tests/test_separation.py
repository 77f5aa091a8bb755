"""Poisson regression where the maximum lies at infinity: what is left out, what is refused, what remains."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import kostnadsvekst as kv
from kostnadsvekst.errors import DataWarning, SpecificationError
from kostnadsvekst.models.balanced.poisson import fit_poisson
from kostnadsvekst.models.balanced.separation import find_separation
from kostnadsvekst.synthetic.acute_beds import simulate

MAIN = "admissions_acute_internal_80plus"
# pyfixest stops its iterations earlier than we do.
PYFIXEST_ESTIMATE, PYFIXEST_ERROR = 1e-6, 3e-5


def by_programme(y, X, present, classes):
    """All separated cells by one linear programme over regressors and dummies of every unit and class."""
    n_units, n_classes = len(y), classes.max() + 1
    unit, period = np.nonzero(present)
    D = np.column_stack([*(x[present] for x in X), np.eye(n_units)[unit], np.eye(n_classes)[classes[period]]])
    positive = y[present] > 0
    zeros, n = int((~positive).sum()), D.shape[1]
    found = np.zeros(len(unit), dtype=bool)
    if zeros:
        solution = linprog(
            np.r_[np.zeros(n), -np.ones(zeros)],
            A_ub=np.hstack([D[~positive], np.eye(zeros)]),
            b_ub=np.zeros(zeros),
            A_eq=np.hstack([D[positive], np.zeros((positive.sum(), zeros))]),
            b_eq=np.zeros(positive.sum()),
            bounds=[(None, None)] * n + [(0, 1)] * zeros,
            method="highs",
        )
        found[~positive] = solution.x[n:] > 0.5
    separated = np.zeros_like(present)
    separated[present] = found
    return separated


def draw_case(seed):
    """Small panel with many zeros, holes, and regressors of several kinds; half of them separating."""
    rng = np.random.default_rng(seed)
    n_units, n_periods, k = rng.integers(2, 7), rng.integers(2, 7), rng.integers(1, 4)
    shape = (n_units, n_periods)
    present = rng.random(shape) < rng.choice([0.6, 0.8, 1.0])
    y = np.where(present, rng.poisson(rng.choice([0.15, 0.4, 0.8, 1.5]), shape), 0).astype(float)
    kinds = (
        rng.integers(0, 3, (k, *shape)).astype(float),
        (rng.random((k, *shape)) < 0.3).astype(float),
        rng.normal(size=(k, *shape)),
    )
    X = kinds[rng.integers(3)]
    if rng.random() < 0.5:
        X[0] = np.where(y > 0, 0.0, X[0])
    classes = np.arange(n_periods)
    if rng.random() < 0.5:
        classes = np.unique(rng.integers(0, n_periods // 2 + 1, n_periods), return_inverse=True)[1]
    return y, np.where(present, X, 0.0), present, classes


def check_separation(seed):
    y, X, present, classes = draw_case(seed)
    found = find_separation(y, X, present, classes)
    np.testing.assert_array_equal(present & ~found.used, by_programme(y, X, present, classes))
    assert found.by_effects + found.by_regressors == present.sum() - found.used.sum()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=200, deadline=None)
def test_separated_cells_are_those_of_the_full_linear_programme(seed):
    check_separation(seed)


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
@settings(max_examples=2000, deadline=None)
def test_separated_cells_are_those_of_the_full_linear_programme_many_times(seed):
    check_separation(seed)


def many_zeros(seed, kind):
    """Counts of which most are zero, a 0/1 regressor that separates wholly, nearly or not, and a number."""
    rng = np.random.default_rng(seed)
    shape = (rng.integers(10, 25), rng.integers(6, 14))
    a, b = (rng.random(shape) < 0.3).astype(float), rng.normal(size=shape)
    y = rng.poisson(np.exp(rng.normal(-1.2, 0.8, (shape[0], 1)) + 0.3 * b - 0.5 * a)).astype(float)
    if kind == "separated":
        y[a > 0] = 0
    if kind == "nearly":
        unit, period = np.argwhere((a > 0) & (y > 0))[0]
        y[a > 0], kept = 0, y[unit, period]
        y[unit, period] = kept
    return y, np.stack([a, b]), rng.random(shape) < 0.95


def by_pyfixest(formula, frame, cluster):
    pf = pytest.importorskip("pyfixest")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pf.fepois(
            formula,
            frame,
            vcov={"CRV1": cluster},
            separation_check=["fe", "ir"],
            ssc=pf.ssc(k_adj=False, G_adj=True),
            iwls_tol=1e-12,
            fixef_tol=1e-12,
        )


def long_form(y, X, present):
    unit, period = np.nonzero(present)
    return pd.DataFrame({"y": y[present], "a": X[0][present], "b": X[1][present], "i": unit, "t": period})


@pytest.mark.parametrize("kind", ["no", "nearly", "separated"])
def test_estimates_and_errors_are_those_of_pyfixest(kind):
    lost = 0
    for seed in range(8):
        y, X, present = many_zeros(seed, kind)
        ours = fit_poisson(y, X, present, np.arange(y.shape[1]))
        theirs = by_pyfixest("y ~ a + b | i + t", long_form(y, X, present), "i")
        estimate, error = theirs.coef(), theirs.se()
        for j, name in enumerate("ab"):
            if name == "a" and kind == "separated":
                assert np.isnan(ours.coefficients[j])
                assert name not in estimate.index  # pyfixest drops it as collinear after the cells are gone
                continue
            assert ours.coefficients[j] == pytest.approx(estimate[name], abs=PYFIXEST_ESTIMATE)
            assert np.sqrt(ours.clustered[j, j]) == pytest.approx(error[name], rel=PYFIXEST_ERROR)
        assert ours.n_obs == theirs._N
        lost += ours.n_separated
    assert lost > 100


def grid_of(*rows):
    y = np.array(rows, dtype=float)
    return y, np.ones(y.shape, dtype=bool), np.arange(y.shape[1])


def test_a_regressor_that_only_zeros_identify_is_refused_by_name():
    y, present, classes = grid_of([3, 4, 0], [5, 6, 7], [2, 9, 3])
    X = np.zeros((1, 3, 3))
    X[0, 0, 2] = 1
    with pytest.raises(SpecificationError, match=r"no estimate exists for beds.* 1 cell\(s\)"):
        fit_poisson(y, X, present, classes, ["beds"])
    # One contact in the cell, and it has one: the cell fits exactly, so the others give the effects. With
    # the effects of (3, 4), (5, 6), (2, 9) and (7, 3) the cell's own are a number to be found below.
    y[0, 2] = 1
    fit = fit_poisson(y, X, present, classes, ["beds"])
    others = present & (X[0] == 0)
    unit, period = np.nonzero(others)
    D = np.column_stack([np.eye(3)[unit], np.eye(3)[period][:, 1:]])
    b = np.zeros(5)
    for _ in range(60):
        mu = np.exp(D @ b)
        b += np.linalg.solve((D * mu[:, None]).T @ D, D.T @ (y[others] - mu))
    assert fit.coefficients[0] == pytest.approx(np.log(1) - b[0] - b[4], abs=1e-9)
    assert fit.n_separated == 0


def test_effects_separate_in_combination():
    """Unit 0 has a count in period 0 only, unit 1 in period 1 only, and unit 1 was not there in period 0.

    The cell of unit 0 in period 1 can go to zero alone: raise the effect of period 1 and lower that of unit
    1 by as much does nothing to their common cell.
    """
    y, present, classes = grid_of([4, 0], [0, 5])
    present[1, 0] = False
    X = np.zeros((1, 2, 2))
    found = find_separation(y, X, present, classes)
    assert found.used.tolist() == [[True, False], [False, True]]
    assert (found.by_effects, found.by_regressors) == (0, 1)
    # With a zero there instead of a hole the path leads back, and nothing is separated.
    present[1, 0] = True
    assert find_separation(y, X, present, classes).used.all()


def test_parts_without_a_way_back_are_separated():
    """Two blocks of units and periods with counts; all cells from the first to the second are zero.

    Raise the effects of the second block's units and lower those of its periods: only the zeros go down.
    """
    rng = np.random.default_rng(7)
    y = np.zeros((6, 6))
    y[:3, :3], y[3:, 3:] = rng.poisson(5, (3, 3)) + 1, rng.poisson(5, (3, 3)) + 1
    present = np.ones((6, 6), dtype=bool)
    present[3:, :3] = False
    X = rng.normal(size=(1, 6, 6))
    found = find_separation(y, X, present, np.arange(6))
    expected = present & (y > 0)
    np.testing.assert_array_equal(found.used, expected)
    np.testing.assert_array_equal(by_programme(y, X, present, np.arange(6)), present & ~expected)
    assert (found.by_effects, found.by_regressors, found.omitted) == (0, 9, ())
    # One cell of zero leads back from the second block to the first: a loop, and nothing is separated.
    present[3, 0] = True
    assert find_separation(y, X, present, np.arange(6)).used.all(where=present)
    assert not by_programme(y, X, present, np.arange(6)).any()


@pytest.mark.parametrize("seed", [1007, 137, 503])
def test_steps_that_overshoot_are_halved(seed):
    """Counts and regressors with heavy tails, where whole Newton steps from the margins run away."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(3, 8), rng.integers(3, 8)
    X = rng.standard_t(2, size=(2, *shape)) * rng.choice([1, 3, 8])
    y = np.floor(np.exp(rng.normal(0, 2.5, shape)))
    fit = fit_poisson(y, X, np.ones(shape, dtype=bool), np.arange(shape[1]))
    assert fit.n_separated == 0
    unit, period = np.nonzero(np.ones(shape))
    D = np.column_stack([*(x.ravel() for x in X), np.eye(shape[0])[unit], np.eye(shape[1])[period][:, 1:]])
    b, counts = np.zeros(D.shape[1]), y.ravel()
    b[2 : 2 + shape[0]] = np.log(counts.mean())

    def loss(b):
        return np.exp(np.minimum(D @ b, 500)).sum() - counts @ D @ b

    for _ in range(200):
        mu = np.exp(D @ b)
        step = np.linalg.lstsq((D * mu[:, None]).T @ D, D.T @ (counts - mu), rcond=None)[0]
        size = 1.0
        while loss(b + size * step) > loss(b) and size > 1e-10:
            size /= 2
        b += size * step
    np.testing.assert_allclose(fit.coefficients, b[:2], atol=1e-6)


def test_a_control_that_separates_is_left_out_and_the_treatment_keeps_its_value():
    rng = np.random.default_rng(3)
    y, X = rng.poisson(4.0, (12, 8)).astype(float) + 1, rng.normal(size=(2, 12, 8))
    X[1] = 0
    X[1, :3, 2] = [1.0, 2.0, 0.5]
    y[:3, 2] = 0
    present, classes = np.ones(y.shape, dtype=bool), np.arange(8)
    fit = fit_poisson(y, X, present, classes)
    assert fit.separation.omitted == (1,)
    assert np.isnan(fit.coefficients[1])
    assert np.isnan(fit.clustered[1]).all()
    without = fit_poisson(y, X[:1], present & (X[1] == 0), classes)
    assert fit.coefficients[0] == pytest.approx(without.coefficients[0], abs=1e-12)
    assert fit.clustered[0, 0] == pytest.approx(without.clustered[0, 0], rel=1e-10)
    assert fit.n_separated == 3


def test_regressors_that_separate_together_are_all_left_out():
    """Each of two has cells with a count; only the part in which they differ has none."""
    rng = np.random.default_rng(5)
    y = rng.poisson(4.0, (10, 8)).astype(float) + 1
    X = rng.normal(size=(3, 10, 8))
    X[2] = X[1]
    X[2, 0, :2] += 1.0
    y[0, :2] = 0
    present, classes = np.ones(y.shape, dtype=bool), np.arange(8)
    fit = fit_poisson(y, X, present, classes)
    assert fit.separation.omitted == (1, 2)
    kept = present.copy()
    kept[0, :2] = False
    check = fit_poisson(y, X[:2], kept, classes)
    assert fit.coefficients[0] == pytest.approx(check.coefficients[0], abs=1e-10)
    assert np.isnan(fit.coefficients[1:]).all()


def test_cells_with_tiny_expectations_are_no_separation():
    """A regressor that runs far out in cells of zero has a finite estimate where one count lies there."""
    rng = np.random.default_rng(8)
    y = rng.poisson(5.0, (10, 6)).astype(float) + 1
    x = np.zeros((10, 6))
    x[:5, 3] = [1.0, 20.0, 40.0, 60.0, 80.0]
    y[:5, 3] = [1, 0, 0, 0, 0]
    fit = fit_poisson(y, x[None], np.ones(y.shape, dtype=bool), np.arange(6))
    assert fit.n_separated == 0
    unit, period = np.nonzero(np.ones(y.shape, dtype=bool))
    D = np.column_stack([x.ravel(), np.eye(10)[unit], np.eye(6)[period][:, 1:]])
    b = np.zeros(16)
    b[1:11] = np.log(y.mean())
    for _ in range(200):
        mu = np.exp(np.clip(D @ b, -500, 50))
        step = np.linalg.solve((D * mu[:, None]).T @ D, D.T @ (y.ravel() - mu))
        b += step / max(1.0, np.abs(step).max())
    assert fit.coefficients[0] == pytest.approx(b[0], rel=1e-6)
    assert -3 < b[0] < -0.5


def test_an_offset_is_a_regressor_with_coefficient_one():
    rng = np.random.default_rng(11)
    y, x, offset = rng.poisson(3.0, (9, 7)).astype(float), rng.normal(size=(1, 9, 7)), rng.normal(size=(9, 7))
    present, classes = rng.random((9, 7)) < 0.9, np.arange(7)
    fit = fit_poisson(y, x, present, classes, offset=offset)
    unit, period = np.nonzero(present)
    D = np.column_stack([x[0][present], np.eye(9)[unit], np.eye(7)[period][:, 1:]])
    b = np.zeros(D.shape[1])
    for _ in range(60):
        mu = np.exp(D @ b + offset[present])
        b += np.linalg.solve((D * mu[:, None]).T @ D, D.T @ (y[present] - mu))
    assert fit.coefficients[0] == pytest.approx(b[0], abs=1e-9)


def test_one_unit_with_counts_gives_no_clustered_error():
    y, present, classes = grid_of([3, 4, 5], [0, 0, 0])
    X = np.array([[[0.0, 0, 0], [0, 1, 0]]])
    with pytest.raises(SpecificationError, match=r"collinear|two units"):
        fit_poisson(y, X, present, classes)


# The demand model ----------


def test_what_is_left_out_is_counted_and_named():
    """One municipality and one month without any contact: 36 + 30 - 1 rows of 30 municipalities."""
    panel = simulate(5, n_municipalities=30).panel
    panel = panel[panel["month"].between("2012-01", "2014-12")].reset_index(drop=True)
    gone = (panel["municipality"] == "S003") | (panel["month"] == "2013-07")
    panel[MAIN] = panel[MAIN].mask(gone, 0)
    message = r"65 row\(s\) .*, 1 municipality\(ies\) \(S003\), 1 month\(s\) \(2013-07\)"
    with pytest.warns(DataWarning, match=message):
        ours = kv.acute_beds.estimate_effects(panel, [MAIN], estimator="poisson", time_effects="month")
    assert ours["n_separated"].item() == 65
    assert ours["n_municipalities"].item() == 29
    check = kv.acute_beds.estimate_effects(panel[~gone], [MAIN], estimator="poisson", time_effects="month")
    assert ours["estimate"].item() == pytest.approx(check["estimate"].item(), abs=1e-12)
    assert ours["std_error"].item() == pytest.approx(check["std_error"].item(), rel=1e-10)


@pytest.fixture(scope="module")
def panel():
    return simulate(5, n_municipalities=40).panel


def treated_months(panel):
    return panel["month"] >= panel["first_month"].fillna("9999")


def without_treated_contacts(panel, *outcomes):
    changed = panel.copy()
    cells = list(dict.fromkeys(c for o in outcomes for c in kv.acute_beds.base_cells(o)))
    changed.loc[treated_months(panel), cells] = 0
    return changed


@pytest.mark.parametrize("time_effects", ["season", "month", "season_trend"])
@pytest.mark.parametrize("n", [10, 20, 40])
def test_no_contact_under_treatment_means_no_estimate(panel, n, time_effects):
    part = panel[panel["municipality"].isin(panel["municipality"].unique()[:n])]
    separated = without_treated_contacts(part, MAIN)
    with pytest.raises(SpecificationError, match="no estimate exists for acute_beds"):
        kv.acute_beds.estimate_effects(separated, [MAIN], estimator="poisson", time_effects=time_effects)


@pytest.mark.filterwarnings("ignore::kostnadsvekst.errors.DataWarning")
def test_one_contact_under_treatment_is_enough(panel):
    separated = without_treated_contacts(panel, MAIN)
    rows = np.flatnonzero(treated_months(panel) & (panel["first_month"] > "2012") & (panel[MAIN] > 0))
    separated.loc[rows[10], MAIN] = 1
    ours = kv.acute_beds.estimate_effects(separated, [MAIN], estimator="poisson").iloc[0]
    frame = separated.assign(bed=treated_months(separated).astype(float), season=separated["month"].str[-2:])
    logs = [*kv.acute_beds.SUPPLY, *kv.acute_beds.DEMAND]
    frame[logs] = np.log(frame[logs])
    theirs = by_pyfixest(f"{MAIN} ~ bed + {' + '.join(logs)} | municipality + season", frame, "municipality")
    assert ours["estimate"] == pytest.approx(theirs.coef()["bed"], abs=1e-5)
    assert ours["std_error"] == pytest.approx(theirs.se()["bed"], rel=1e-4)
    assert -20 < ours["estimate"] < -3
    assert ours["n_obs"] == theirs._N


def test_of_several_outcomes_the_one_without_an_estimate_is_named(panel):
    other = "admissions_elective_internal_80plus"
    separated = without_treated_contacts(panel, MAIN)
    with pytest.warns(DataWarning) as caught:
        table = kv.acute_beds.estimate_effects(separated, [MAIN, other], estimator="poisson")
    said = [str(w.message) for w in caught]
    assert any(
        f"1 outcome(s) without an estimate: {MAIN}: no estimate exists for acute_beds" in t for t in said
    )
    refused, estimated = table.iloc[0], table.iloc[1]
    assert np.isnan(refused[["estimate", "std_error", "p_value", "effect_percent", "df"]].astype(float)).all()
    assert "acute_beds" in refused["refused"]
    assert estimated["refused"] == ""
    alone = kv.acute_beds.estimate_effects(panel, [other], estimator="poisson").iloc[0]
    assert estimated["estimate"] == pytest.approx(alone["estimate"], abs=1e-12)
    assert list(kv.acute_beds.results(table)) == [other]
    with pytest.raises(SpecificationError, match="no estimate"):
        kv.acute_beds.results(table.iloc[:1])


def test_of_a_split_only_the_group_without_contacts_is_refused(panel):
    separated = panel.copy()
    separated.loc[treated_months(panel) & (panel["physician_on_site"] == 1), MAIN] = 0
    with pytest.warns(DataWarning, match=r"no coefficient for acute_beds\[physician_on_site = 1\]"):
        table = kv.acute_beds.estimate_effects(
            separated, [MAIN], estimator="poisson", split="physician_on_site"
        )
    assert table["estimate"].isna().tolist() == [True, False]
    assert "physician_on_site = 1" in table["refused"][0]
    assert table["refused"][1] == ""
    cells = treated_months(panel) & (panel["physician_on_site"] == 1)
    check = kv.acute_beds.estimate_effects(separated[~cells], [MAIN], estimator="poisson").iloc[0]
    assert table["estimate"][1] == pytest.approx(check["estimate"], abs=1e-8)
    assert table["std_error"][1] == pytest.approx(check["std_error"], rel=1e-6)


def test_log_effect_that_is_not_identified_is_named_beside_others(panel):
    """Without logs of zeros the treated months are gone: the log model refuses as well."""
    separated = without_treated_contacts(panel, MAIN)
    other = "admissions_acute_surgery_under80"
    with pytest.warns(DataWarning, match=f"without an estimate: {MAIN}: the effect is not identified"):
        table = kv.acute_beds.estimate_effects(separated, [MAIN, other])
    assert table["estimate"].isna().tolist() == [True, False]
    assert "(acute_beds)" in table["refused"][0]
    with pytest.raises(SpecificationError, match=MAIN):
        kv.acute_beds.estimate_effects(separated, [MAIN])


@pytest.mark.parametrize("time_effects", ["season", "month"])
def test_ar1_names_what_it_does_not_identify_beside_others(panel, time_effects):
    separated = without_treated_contacts(panel, MAIN)
    other = "admissions_acute_surgery_under80"
    with pytest.warns(DataWarning, match=rf"{MAIN}: .*collinear.* \(acute_beds\)"):
        table = kv.acute_beds.estimate_effects(separated, [MAIN, other], ar1=True, time_effects=time_effects)
    alone = kv.acute_beds.estimate_effects(panel, [other], ar1=True, time_effects=time_effects)
    assert np.isnan(table["estimate"][0])
    assert table["estimate"][1] == pytest.approx(alone["estimate"].item(), abs=1e-12)
