"""Robust intervals of Rambachan and Roth: R's printed values, brute force, and coverage by simulation."""

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import foldnorm

import kostnadsvekst as kv
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.acute_beds import MAIN_OUTCOME, collapse_to_quarters
from kostnadsvekst.models.staggered.robust_intervals import (
    folded_normal_quantile,
    relative_magnitude_interval,
    smoothness_interval,
)
from kostnadsvekst.synthetic.acute_beds import simulate

# Benzarti and Carloni's event study, the example of R's HonestDiD (BCdata_EventStudy): four horizons before
# the base period, four after.
ESTIMATES = np.array(
    [
        0.006696351804,
        0.02934503369,
        -0.006472972222,
        0.0730149895,
        0.1959611177,
        0.3120639026,
        0.2395415455,
        0.1260425001,
    ]
)
LOWER = [
    [8.428358124e-4],
    [4.768686777e-4, 6.425420288e-4],
    [2.618051076e-4, 3.987425007e-4, 5.229949602e-4],
    [2.354220342e-4, 2.435515198e-4, 2.11768609e-4, 3.089595411e-4],
    [1.676371467e-4, 2.201960306e-4, 1.840722252e-4, 1.197866077e-4, 3.59970436e-4],
    [1.128707663e-4, 1.804591157e-4, 1.45852784e-4, 1.334081317e-4, 2.478818642e-4, 4.263949813e-4],
    [
        1.992816215e-5,
        3.84376508e-5,
        7.005197403e-5,
        1.016335009e-4,
        1.749579242e-4,
        2.171437809e-4,
        4.886697861e-4,
    ],
    [
        -1.368265366e-4,
        -2.960421989e-5,
        5.952994979e-5,
        1.079051726e-4,
        1.654256921e-4,
        2.892747871e-4,
        3.805322049e-4,
        7.61739444e-4,
    ],
]
COVARIANCE = np.zeros((8, 8))
for _i, _row in enumerate(LOWER):
    COVARIANCE[_i, : _i + 1] = COVARIANCE[: _i + 1, _i] = _row
FIRST = np.array([1.0, 0, 0, 0])
MEAN = np.full(4, 0.25)
# R takes the folded normal's quantile by simulation and searches on a grid.
R_PRECISION = 5e-4
QUARTERLY = ("log_count", "municipality", "quarter", "first_quarter")


@pytest.mark.parametrize(
    ("bound", "low", "high"),
    [
        (0, 0.131411316, 0.2161696482),
        (0.1, 0.1194440001, 0.4185082143),
        (0.2, 0.01944400015, 0.5185082143),
    ],
)
def test_smoothness_is_what_r_prints(bound, low, high):
    """HonestDiD's createSensitivityResults with method FLCI, first period after treatment."""
    found = smoothness_interval(ESTIMATES, COVARIANCE, 4, FIRST, bound)
    assert found.low == pytest.approx(low, abs=R_PRECISION)
    assert found.high == pytest.approx(high, abs=R_PRECISION)


def test_relative_magnitude_of_zero_is_the_ordinary_interval_that_r_prints():
    found = relative_magnitude_interval(ESTIMATES, COVARIANCE, 4, FIRST, 0.0)
    assert found.low == pytest.approx(0.15877494280765, abs=1e-9)
    assert found.high == pytest.approx(0.233147292681241, abs=1e-9)
    assert found.set_low == pytest.approx(found.set_high) == pytest.approx(ESTIMATES[4])


def test_relative_magnitude_holds_rs_conditional_set_and_is_little_wider():
    """HonestDiD prints (0.0706, 0.3184) for a magnitude of one, first period after treatment."""
    found = relative_magnitude_interval(ESTIMATES, COVARIANCE, 4, FIRST, 1.0)
    assert found.low < 0.07055244362 < 0.3184394077 < found.high
    assert found.high - found.low < 1.15 * (0.3184394077 - 0.07055244362)
    largest = 0.0730149895 + 0.006472972222
    assert found.set_high == pytest.approx(ESTIMATES[4] + largest)
    assert found.set_low == pytest.approx(ESTIMATES[4] - largest)


@pytest.mark.parametrize("weights", [FIRST, MEAN, np.array([0.0, 0, 0, 1]), np.array([1.0, -2, 0, 0.5])])
@pytest.mark.parametrize("magnitude", [0.5, 2.0])
def test_identified_set_is_that_of_linear_programmes(weights, magnitude):
    """Largest and smallest mean of differences in trends whose steps after treatment are bounded."""
    changes = np.diff(np.append(ESTIMATES[:4], 0.0))
    most = magnitude * np.abs(changes).max()
    # Differences after treatment are sums of the steps so far.
    cost = np.array([weights[u:].sum() for u in range(4)])
    extreme = -linprog(-cost, bounds=[(-most, most)] * 4, method="highs").fun
    found = relative_magnitude_interval(ESTIMATES, COVARIANCE, 4, weights, magnitude)
    assert found.set_high == pytest.approx(weights @ ESTIMATES[4:] + extreme)
    assert found.set_low == pytest.approx(weights @ ESTIMATES[4:] - extreme)


def worst_bias(line, bound):
    """Largest bias over all differences in trends with bounded changes of slope, by a linear programme."""
    # Free: seven horizons' differences beside the base period, which is zero; -5 ... -2, -1, 0 ... 3.
    place = [0, 1, 2, 3, None, 4, 5, 6, 7]
    rows = []
    for t in range(1, 8):
        row = np.zeros(8)
        for at, factor in ((t - 1, 1), (t, -2), (t + 1, 1)):
            if place[at] is not None:
                row[place[at]] += factor
        rows.append(row)
    A = np.array(rows)
    solution = linprog(
        -line,
        A_ub=np.vstack([A, -A]),
        b_ub=np.full(14, bound),
        bounds=[(None, None)] * 8,
        method="highs",
    )
    return -solution.fun if solution.success else np.inf


@pytest.mark.parametrize("weights", [FIRST, MEAN])
@pytest.mark.parametrize("bound", [0.002, 0.01, 0.05])
def test_no_other_combination_gives_a_shorter_smoothness_interval(weights, bound):
    found = smoothness_interval(ESTIMATES, COVARIANCE, 4, weights, bound)
    half = (found.high - found.low) / 2

    def length(v):
        line = np.concatenate([v, weights])
        sd = np.sqrt(line @ COVARIANCE @ line)
        return sd * foldnorm.ppf(0.95, worst_bias(line, bound) / sd)

    rng, slope = np.random.default_rng(0), np.arange(-4.0, 0)
    need = -(np.arange(1.0, 5) @ weights)
    best = np.inf
    centre = slope * need / (slope @ slope)
    for spread in np.repeat([1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001], 25):
        v = centre + spread * rng.normal(size=4)
        v += slope * ((need - slope @ v) / (slope @ slope))
        if length(v) < best:
            best, centre = length(v), v
    assert half <= best * (1 + 1e-6)
    assert best < 1.2 * half


def test_folded_normal_quantile_is_scipys():
    for bias in (0.0, 0.1, 1.0, 3.0, 12.0):
        assert folded_normal_quantile(bias) == pytest.approx(foldnorm.ppf(0.95, bias), rel=1e-9)


@pytest.mark.parametrize("bound", [0.0, 0.02])
def test_smoothness_covers_95_per_cent_at_the_worst(bound):
    rng = np.random.default_rng(1)
    n_draws, root = 4000, np.linalg.cholesky(COVARIANCE)
    # Slope 0.03, and changes of slope of the size of the bound that all pull the same way.
    steps = 0.03 + bound * np.arange(9)
    levels = np.concatenate([[0.0], np.cumsum(steps[:-1])])
    violation = np.delete(levels - levels[4], 4)
    base = smoothness_interval(violation, COVARIANCE, 4, MEAN, bound)
    unit = [smoothness_interval(e, COVARIANCE, 4, MEAN, bound) for e in np.eye(8)]
    centre = np.array([(u.low + u.high) / 2 for u in unit])
    half = (base.high - base.low) / 2
    draws = violation + rng.normal(size=(n_draws, 8)) @ root.T
    coverage = (np.abs(draws @ centre) <= half).mean()
    # Four standard errors of 4,000 draws.
    assert coverage >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / n_draws)
    assert coverage <= 0.975


@pytest.mark.parametrize("magnitude", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("size", [0.0, 0.02, 0.1])
def test_relative_magnitudes_cover_at_least_95_per_cent(magnitude, size):
    """The mean effect is zero and the difference in trends as bad as the bound allows, from one step."""
    rng = np.random.default_rng(2)
    n_draws, root = 1500, np.linalg.cholesky(COVARIANCE)
    before = size * np.array([0.3, -0.2, 1.0, 0.0])
    violation = np.concatenate([before, magnitude * size * 1.2 * np.arange(1, 5)])
    assert np.abs(np.diff(np.append(before, 0.0))).max() == pytest.approx(size * 1.2)
    covered = 0
    for draw in violation + rng.normal(size=(n_draws, 8)) @ root.T:
        found = relative_magnitude_interval(draw, COVARIANCE, 4, MEAN, magnitude)
        covered += found.low <= 0 <= found.high
    assert covered / n_draws >= 0.95 - 4 * np.sqrt(0.95 * 0.05 / n_draws)


def test_the_error_of_the_mean_alone_covers_too_seldom():
    """Why the interval is not the identified set with the mean's error on both sides."""
    rng = np.random.default_rng(2)
    n_draws, root = 2000, np.linalg.cholesky(COVARIANCE)
    violation = np.concatenate([[0.03, -0.02, 0.1, 0.0], 0.12 * np.arange(1, 5)])
    half = 1.96 * np.sqrt(MEAN @ COVARIANCE[4:, 4:] @ MEAN)
    naive = ours = 0
    for draw in violation + rng.normal(size=(n_draws, 8)) @ root.T:
        found = relative_magnitude_interval(draw, COVARIANCE, 4, MEAN, 1.0)
        naive += found.set_low - half <= 0 <= found.set_high + half
        ours += found.low <= 0 <= found.high
    assert naive / n_draws < 0.85
    assert ours / n_draws > 0.95


@pytest.fixture(scope="module")
def quarters():
    return collapse_to_quarters(simulate(6, n_municipalities=90, cells=[MAIN_OUTCOME]).panel)


@pytest.mark.filterwarnings("ignore::kostnadsvekst.errors.DataWarning")
def test_of_a_study_the_mean_over_its_horizons(quarters):
    study = kv.staggered.event_study(quarters, *QUARTERLY)
    table = kv.staggered.robust_relative_magnitudes(study, (0.0, 0.5), window=4)
    picked = study.horizons["horizon"].between(-5, 4).to_numpy()
    values, V = study.horizons["estimate"].to_numpy()[picked], study.covariance[np.ix_(picked, picked)]
    after = study.horizons["horizon"].to_numpy()[picked] >= 0
    mean, se = values[after].mean(), np.sqrt(V[np.ix_(after, after)].mean())
    assert table["conf_low"][0] == pytest.approx(mean - 1.959963984540054 * se)
    assert table["set_low"][1] < mean < table["set_high"][1]
    assert table["conf_low"][1] < table["set_low"][1]
    assert table["conf_high"][1] > table["set_high"][1]
    smooth = kv.staggered.robust_smoothness(study, (0.0, 0.001), window=4)
    by_hand = smoothness_interval(values, V, int((~after).sum()), np.full(5, 0.2), 0.001)
    assert smooth["conf_low"][1] == pytest.approx(by_hand.low)
    assert smooth["bound"].tolist() == [0.0, 0.001]


@pytest.mark.filterwarnings("ignore::kostnadsvekst.errors.DataWarning")
def test_what_has_no_robust_interval_is_refused_by_name(quarters):
    imputed = kv.staggered.event_study(quarters, *QUARTERLY, method="imputation")
    with pytest.raises(SpecificationError, match="imputation has no effects before treatment"):
        kv.staggered.robust_relative_magnitudes(imputed)
    varying = kv.staggered.event_study(quarters, *QUARTERLY, base_period="varying")
    with pytest.raises(SpecificationError, match="base_period='universal'"):
        kv.staggered.robust_relative_magnitudes(varying, window=4)
    study = kv.staggered.event_study(quarters, *QUARTERLY)
    with pytest.raises(SpecificationError, match="must not be negative"):
        kv.staggered.robust_smoothness(study, [-0.1], window=4)
    with pytest.raises(SpecificationError, match="no effects before treatment"):
        kv.staggered.robust_smoothness(study, [0.1], window=0)
