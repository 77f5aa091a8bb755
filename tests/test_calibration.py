"""The calibrated panel: what it prints, and the mathematics that finds it."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brute_force import lsdv, printed_items, published_cells, published_items
from kostnadsvekst.errors import CalibrationError
from kostnadsvekst.synthetic.panel import calibrate_panel
from kostnadsvekst.synthetic.panel import covariates as stage_2
from kostnadsvekst.synthetic.panel import expenditure as stage_3
from kostnadsvekst.synthetic.panel import populations as stage_1
from kostnadsvekst.synthetic.panel.printed import (
    COVARIATES,
    DF_RESID,
    HALF_UNIT,
    MODEL_SIZES,
    TERM_SCALE,
    TERMS,
    load_printed,
)
from kostnadsvekst.synthetic.panel.regression import build_design, nest_models
from kostnadsvekst.synthetic.panel.solver import Box, Conditions, System, solve_conditions, squeeze
from kostnadsvekst.synthetic.panel.start import draw_start_panel
from kostnadsvekst.synthetic.panel.targets import complex_step_jacobian, solve_least_norm, solve_targets
from kostnadsvekst.synthetic.panel.verification import find_misses

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "data" / "synthetic" / "synthetic_panel_2015_2019.csv"
REFERENCE = ROOT.parent / "shared" / "published" / "reference_panel_synthetic.csv"
REFERENCE_NAMES = {
    "kommune": "municipality", "aar": "year", "folketall": "population", "utgifter": "net_expenditure",
    "frie_inntekter": "free_income", "alder_0_5": "age_0_5", "alder_6_15": "age_6_15",
    "alder_16_66": "age_16_66", "alder_67_79": "age_67_79", "alder_80p": "age_80_plus",
    "enslige_80p": "living_alone_80_plus", "skilte_16_66": "divorced_16_66",
    "arbeidsledige_15_74": "unemployed_15_74", "innvandrere": "immigrants", "tettsted": "urban",
    "doede_per_1000": "deaths",
}  # fmt: skip
COLUMNS = [
    "municipality", "year", "population", "net_expenditure", "free_income", *COVARIATES, "data_origin",
]  # fmt: skip
# Central differences of quantities of order 1e5 lose about six digits.
GRADIENT_TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def shipped():
    return pd.read_csv(SHIPPED)


@pytest.fixture(scope="module")
def printed():
    return load_printed()


def differing(panel):
    ours, published = printed_items(panel), published_items()
    assert len(published) == 286
    return {key: (ours[key], published[key]) for key in published if ours[key] != published[key]}


def test_shipped_panel_prints_all_286_items(shipped):
    assert differing(shipped) == {}


def test_brute_force_sees_one_moved_cell(shipped):
    moved = shipped.copy()
    moved.loc[700, "free_income"] += 200.0
    assert len(differing(moved)) > 20
    assert len(find_misses(moved)) > 20


def test_shipped_panel_has_its_columns_order_and_label(shipped):
    assert list(shipped.columns) == COLUMNS
    assert (shipped["data_origin"] == "synthetic").all()
    assert shipped["municipality"].tolist() == [f"S{i:03d}" for i in range(1, 366) for _ in range(5)]
    assert shipped["year"].tolist() == list(range(2015, 2020)) * 365
    assert shipped["population"].dtype == np.int64
    assert not shipped.isna().to_numpy().any()


def test_every_value_lies_inside_the_printed_minimum_and_maximum(shipped):
    data = shipped.assign(population_10k=shipped["population"] / 1e4)
    checked = 0
    for cell in published_cells():
        rows = data if "-" in cell["period"] else data[data["year"] == int(cell["period"])]
        if cell["statistic"] == "minimum":
            assert rows[cell["variable"]].min() >= float(cell["value"]) - HALF_UNIT
            checked += 1
        if cell["statistic"] == "maximum":
            assert rows[cell["variable"]].max() <= float(cell["value"]) + HALF_UNIT
            checked += 1
    assert checked == 48  # 2 x (12 in A1, 12 in A2)


def test_manifest_describes_the_shipped_file(shipped):
    manifest = json.loads(SHIPPED.with_suffix(".manifest.json").read_text(encoding="utf-8"))
    assert manifest["sha256"] == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    assert manifest["file"] == SHIPPED.name
    assert list(manifest["columns"]) == COLUMNS
    assert manifest["rows"] == len(shipped)
    assert sum(manifest["calibrated_to"]["items"].values()) == manifest["calibrated_to"]["total"] == 286
    assert "SYNTHETIC" in manifest["what_it_is_not"]["en"]
    assert "SYNTETISKE" in manifest["what_it_is_not"]["nb"]


def test_shipped_panel_looks_like_municipalities(shipped):
    ages = shipped[list(COVARIATES[:5])].sum(axis=1)
    assert ages.quantile([0.05, 0.95]).between(97, 102).all()
    largest = shipped["free_income"].to_numpy()[:5]
    assert np.abs(np.diff(np.log(largest))).max() < 0.10
    for column, limit in (("net_expenditure", 0.125), ("free_income", 0.145), ("population", 0.02)):
        growth = np.diff(np.log(shipped[column].to_numpy(float).reshape(365, 5)), axis=1)
        assert np.abs(np.quantile(growth, [0.05, 0.95])).max() < limit, column


@pytest.mark.skipif(not REFERENCE.is_file(), reason="the reference panel is not beside the repository")
def test_verification_and_brute_force_agree_on_a_panel_made_elsewhere():
    panel = pd.read_csv(REFERENCE).rename(columns=REFERENCE_NAMES)
    assert find_misses(panel) == []
    assert differing(panel) == {}


# --- targets


def test_added_variable_identity_gives_the_t_ratio_of_free_income(printed):
    # Least squares over the 17 printed pairs of standard errors, t being the only unknown.
    t2 = np.linspace(5.2, 5.4, 20001) ** 2
    se2 = np.append(printed.slope_ses[1, :16], printed.constant_ses[1])
    se3 = np.append(printed.slope_ses[2, :16], printed.constant_ses[2])
    moved = np.append(
        printed.slopes[1, :16] - printed.slopes[2, :16], printed.constants[1] - printed.constants[2]
    )
    implied = np.sqrt(1444 / (1443 + t2[:, None]) * se2**2 + moved**2 / t2[:, None])
    misfit = np.abs(implied - se3).max(axis=1)
    assert np.sqrt(t2[misfit.argmin()]) == pytest.approx(5.30858, abs=2e-5)
    assert misfit.min() < 2 * HALF_UNIT


def test_targets_are_consistent_and_round_to_the_printed_cells(printed, shipped):
    persons = shipped["population"].to_numpy(float).reshape(365, 5)
    shares = persons.sum(axis=0) / persons.sum()
    population_mean = (persons**2).sum() / persons.sum() / 1e4
    t = solve_targets(printed, shares, population_mean)
    assert t.income_t == pytest.approx(5.30858, abs=1e-5)
    assert t.displacement < 0.7
    for m, size in enumerate(MODEL_SIZES):
        off = (t.slopes[m, :size] - printed.slopes[m, :size]) / (HALF_UNIT * TERM_SCALE[:size])
        assert np.abs(off).max() < 1
    # Identity (b) for model 4, written out.
    income = t.income_means / 1e4
    xbar = np.r_[shares[1:], t.covariate_means, population_mean, shares @ income, shares[1:] * income[1:]]
    assert t.constants[3] == pytest.approx(t.expenditure_mean - xbar @ t.slopes[3], abs=1e-7)


def test_targets_refuse_shares_that_contradict_the_tables(printed):
    shares = np.array([0.18, 0.19, 0.20, 0.21, 0.22])
    with pytest.raises(CalibrationError, match="half units"):
        solve_targets(printed, shares, 13.885)


def test_least_norm_solution_of_a_circle():
    # The point of the unit circle nearest to (3, 4) is (0.6, 0.8).
    found = solve_least_norm(np.array([3.0, 4.0]), np.ones(2), lambda x: np.array([x @ x - 1.0]))
    np.testing.assert_allclose(found, [0.6, 0.8], atol=1e-8)


def test_complex_steps_differentiate():
    jacobian = complex_step_jacobian(
        lambda x: np.array([x[0] ** 3, x[0] * np.sqrt(x[1])]), np.array([2.0, 9.0])
    )
    np.testing.assert_allclose(jacobian, [[12.0, 0.0], [3.0, 1 / 3]], rtol=1e-12)


# --- stages


def test_derivatives_of_the_weight_statistics(shipped):
    persons = shipped["population"].to_numpy(float).reshape(365, 5)
    change = np.random.default_rng(0).standard_normal(persons.shape) * persons * 1e-5
    up, down = (stage_1.weight_statistics(persons + sign * change).values for sign in (1, -1))
    analytic = np.einsum("rit,it->r", stage_1.weight_statistics(persons).gradient, change)
    np.testing.assert_allclose((up - down) / 2, analytic, rtol=GRADIENT_TOLERANCE)


def test_weight_statistics_are_those_of_a_dummy_regression(shipped):
    values = stage_1.weight_statistics(shipped["population"].to_numpy(float).reshape(365, 5)).values
    fit = lsdv(shipped, "A3-1")
    sigma = fit["constant"][1] / np.sqrt(values[11])
    ses = [fit[f"C(year)[T.{t}]"][1] for t in (2016, 2017, 2018, 2019)]
    np.testing.assert_allclose(sigma * np.sqrt(values[7:11]), ses, rtol=1e-9)


@pytest.fixture(scope="module")
def problem(shipped, printed):
    persons = shipped["population"].to_numpy(float).reshape(365, 5)
    values = stage_1.weight_statistics(persons).values
    targets = solve_targets(printed, values[:5], values[5])
    return stage_2.CovariateProblem(persons, 1197.7, printed, targets)


@pytest.fixture(scope="module")
def cells(shipped):
    covariates = shipped[list(COVARIATES)].to_numpy().reshape(365, 5, 11)
    return np.concatenate([covariates, shipped["free_income"].to_numpy().reshape(365, 5, 1) / 1e4], axis=2)


def test_nested_models_equal_four_dummy_regressions(shipped, problem, cells):
    design = build_design(problem.persons, cells[..., :11], cells[..., 11])
    fits = [lsdv(shipped, model) for model in ("A3-1", "A3-2", "A3-3", "A3-4")]
    b4 = np.array([fits[3][term][0] for term in TERMS]) * TERM_SCALE
    V4 = np.linalg.inv(design.gram)
    sigma_4 = fits[3]["deaths"][1] / np.sqrt(V4[14, 14])
    y_mean = np.average(shipped["net_expenditure"], weights=shipped["population"])
    models = nest_models(design, b4, sigma_4, y_mean)
    for m, size in enumerate(MODEL_SIZES):
        for j in range(size):
            b, se, _ = fits[m][TERMS[j]]
            assert models.slopes[m, j] == pytest.approx(b * TERM_SCALE[j], rel=1e-6, abs=1e-6)
            assert models.slope_ses[m, j] == pytest.approx(se * TERM_SCALE[j], rel=1e-8)
        assert models.constants[m] == pytest.approx(fits[m]["constant"][0], rel=1e-9)
        assert models.constant_ses[m] == pytest.approx(fits[m]["constant"][1], rel=1e-8)
    assert DF_RESID == (1456, 1444, 1443, 1439)


def test_derivatives_of_table_a3_by_covariates_and_income(problem, cells):
    rng = np.random.default_rng(3)
    # An edge of zero wakes all soft conditions; the point is moved off the solution.
    system = stage_2.pose_covariates(replace(problem, edge=0.0), _open_box(cells))
    parameters = stage_2.start_parameters(problem)
    point = cells + 0.01 * rng.standard_normal(cells.shape)
    change = 1e-4 * rng.standard_normal(cells.shape)
    parameter_change = np.array([1, 1, 1, 1, 1, 0.01]) * 1e-3 * rng.standard_normal(6)
    up = system.residuals(point + change, parameters + parameter_change)
    down = system.residuals(point - change, parameters - parameter_change)
    now = system.conditions(point, parameters)
    analytic = np.einsum("ritk,itk->r", now.by_cells, change) + now.by_parameters @ parameter_change
    np.testing.assert_allclose(
        (up - down) / 2, analytic, rtol=1e-4, atol=GRADIENT_TOLERANCE * np.abs(up).max()
    )
    assert len(analytic) == 113


def test_derivatives_of_the_expenditure_conditions(shipped, problem, cells):
    design = build_design(problem.persons, cells[..., :11], cells[..., 11])
    b4 = problem.targets.slopes[-1]
    stage = stage_3.describe_expenditure(design, b4, 1115.0, problem.printed, problem.targets)
    y = shipped["net_expenditure"].to_numpy().reshape(365, 5, 1)
    system = stage_3.pose_expenditure(stage, _open_box(y))
    change = np.random.default_rng(5).standard_normal(y.shape)
    none = np.zeros(0)
    difference = (system.residuals(y + change, none) - system.residuals(y - change, none)) / 2
    analytic = np.einsum("ritk,itk->r", system.conditions(y, none).by_cells, change)
    assert len(analytic) == 32
    np.testing.assert_allclose(difference, analytic, rtol=1e-4, atol=1e-6 * np.abs(analytic).max())


def _open_box(cells):
    return Box(
        cells - 1e5, cells + 1e5, np.ones((365, 1, cells.shape[2])), np.eye(5), np.ones(cells.shape[2])
    )


def test_start_panel_respects_bounds_and_pins(problem, printed):
    start = draw_start_panel(problem.persons, printed, problem.targets, np.random.default_rng(0))
    assert (start.cells >= start.box.lower - 1e-12).all()
    assert (start.cells <= start.box.upper + 1e-12).all()
    pinned = start.cells[start.box.lower == start.box.upper]
    for extreme in (printed.covariates.minimum, printed.covariates.maximum):
        assert np.isin(extreme, pinned).all()


# --- solver


def _linear_system(matrix, goal, box):
    none = np.zeros((1, 1, 0))

    def residuals(cells, parameters):
        return matrix @ cells.ravel() - goal

    def conditions(cells, parameters):
        return Conditions(
            residuals(cells, parameters), matrix.reshape(-1, *cells.shape), np.zeros((len(goal), 0))
        )

    return System(box, Box(none, none, none, np.eye(1), np.zeros(0)), residuals, conditions)


def test_solver_finds_the_nearest_solution_and_keeps_bounds_and_pins():
    lower, upper = np.full((3, 2, 1), -10.0), np.full((3, 2, 1), 10.0)
    lower[0, 0], upper[0, 0] = 0.0, 0.0
    box = Box(lower, upper, np.ones((3, 1, 1)), np.eye(2), np.array([0.5]))
    system = _linear_system(np.ones((1, 6)), np.array([5.0]), box)
    found = solve_conditions(system, np.zeros((3, 2, 1)), np.zeros(0))
    assert found.cells[0, 0, 0] == 0.0
    np.testing.assert_allclose(np.delete(found.cells.ravel(), 0), 1.0, atol=1e-5)


def test_solver_says_how_far_it_came():
    box = Box(np.zeros((1, 2, 1)), np.ones((1, 2, 1)), np.ones((1, 1, 1)), np.eye(2), np.array([0.1]))
    system = _linear_system(np.ones((1, 2)), np.array([3.0]), box)
    with pytest.raises(CalibrationError, match="half units from the printed cells"):
        solve_conditions(system, np.full((1, 2, 1), 0.5), np.zeros(0))


def test_squeeze_keeps_order_and_bounds():
    x = np.linspace(-50, 50, 1001)
    y = squeeze(x, np.array(0.0), np.array(10.0), 2.0)
    assert (np.diff(y) >= 0).all()
    assert y.min() >= 0
    assert y.max() <= 10
    inside = (x >= 2) & (x <= 8)
    np.testing.assert_array_equal(y[inside], x[inside])


# --- the whole


def run_script(*arguments, cwd, **variables):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")} | variables
    script = [sys.executable, str(ROOT / "scripts" / "calibrate.py"), *arguments]
    return subprocess.run(script, env=environment, capture_output=True, text=True, cwd=cwd)


@pytest.mark.slow
def test_another_seed_gives_another_panel_with_all_items(tmp_path, shipped):
    run = run_script("--seed", "7", "--out", "p.csv", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    panel = pd.read_csv(tmp_path / "p.csv")
    assert differing(panel) == {}
    assert not np.allclose(panel["net_expenditure"], shipped["net_expenditure"])
    manifest = json.loads((tmp_path / "p.manifest.json").read_text(encoding="utf-8"))
    assert manifest["seed"] == 7
    assert manifest["sha256"] == hashlib.sha256((tmp_path / "p.csv").read_bytes()).hexdigest()
    assert len(list(tmp_path.iterdir())) == 2


def test_negative_seed_is_refused():
    with pytest.raises(CalibrationError, match="-1"):
        calibrate_panel(-1)


@pytest.mark.slow
def test_script_rebuilds_the_shipped_panel_whatever_the_thread_count_and_hash_seed(tmp_path):
    written = []
    for threads, hash_seed in (("1", "0"), ("2", "1")):
        out = tmp_path / f"panel_{threads}.csv"
        run = run_script(
            "--out", str(out), cwd=tmp_path, OPENBLAS_NUM_THREADS=threads, PYTHONHASHSEED=hash_seed
        )
        assert (run.returncode, run.stderr) == (0, "")
        written.append(out.read_bytes())
    assert written[0] == written[1]
    # Another machine may round differently, so against the shipped file only the cells are compared.
    assert differing(pd.read_csv(tmp_path / "panel_1.csv")) == {}


def test_script_leaves_a_file_of_the_user_alone(tmp_path):
    (tmp_path / "panel.csv").write_text("mine")
    script = [sys.executable, str(ROOT / "scripts" / "calibrate.py"), "--out", str(tmp_path / "panel.csv")]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.returncode == 3
    assert "is there and has no panel.manifest.json of this program beside it: move it" in done.stderr
    assert (tmp_path / "panel.csv").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["panel.csv"]


def test_script_refuses_a_bad_seed_and_writes_nothing(tmp_path):
    run = run_script("--seed", "x", "--out", "p.csv", cwd=tmp_path)
    assert run.returncode == 2
    assert list(tmp_path.iterdir()) == []
