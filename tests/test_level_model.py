"""The kernel of trends against dense generalised least squares, and against what must not change it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.register import level_model
from kostnadsvekst.register.level_model import (
    dependent_columns,
    deviation_of,
    fit_level,
    interval_of,
    level_design,
    mean_of,
    probability_below,
    ratio_below,
    ratio_interval,
    season_p_value,
    whiten,
)

N = 60
TIME = np.arange(N) / 52.1775
RNG = np.random.default_rng(8)
STEP = (np.arange(N) >= 33).astype(float)[:, None]
WAVE = np.column_stack([np.sin(2 * np.pi * TIME * 3), np.cos(2 * np.pi * TIME * 3)])
DESIGN = level_design(STEP, WAVE, np.array([20, 41]), np.array([5, 59]))
Y = 100 + 8 * TIME + 3 * STEP[:, 0] + 2 * WAVE[:, 0] + 4 * np.sin(5 * TIME) + RNG.normal(0, 1, N)
NONE = np.empty((N, 0))
NO_WEEK = np.array([], dtype=int)


def dense(rho, smoothness, bends, design=DESIGN, y=Y):
    """Restricted likelihood, level and its covariance by N x N matrices, without a common step with the code.

    R(ρ) entry by entry, V = R + λ K, b by weighted normal equations, the curve by its conditional mean.
    """
    n = len(y)
    corr = rho ** np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    kernel = design.curves @ design.curves.T
    if bends:
        kernel = kernel + design.bends @ design.bends.T
    x = design.fixed
    v_inverse = np.linalg.inv(corr + smoothness * kernel)
    information = x.T @ v_inverse @ x
    b = np.linalg.solve(information, x.T @ v_inverse @ y)
    e = y - x @ b
    squares = e @ v_inverse @ e
    free = n - x.shape[1]
    log_likelihood = (
        -0.5 * np.linalg.slogdet(corr + smoothness * kernel)[1]
        - 0.5 * np.linalg.slogdet(information)[1]
        - 0.5 * free * np.log(squares)
    )
    mask = np.zeros(x.shape[1])
    mask[: 2 + design.n_shifts] = 1
    of_level = x * mask
    level = of_level @ b + smoothness * kernel @ v_inverse @ e
    left = of_level - smoothness * kernel @ v_inverse @ x
    conditional = smoothness * kernel - smoothness**2 * kernel @ v_inverse @ kernel
    covariance = (conditional + left @ np.linalg.solve(information, left.T)) * squares / free
    return log_likelihood, level, covariance, free


def all_pairs(monkeypatch, rhos=(-0.2, 0.4, 0.9), smoothnesses=(1.0, 100.0)):
    monkeypatch.setattr(level_model, "_AUTOCORRELATIONS", np.array(rhos))
    monkeypatch.setattr(level_model, "_SMOOTHNESSES", np.array(smoothnesses))
    pairs = [(r, s, bends) for r in rhos for bends in (False, True) for s in smoothnesses]
    found = [dense(*pair) for pair in pairs]
    scores = np.array([one[0] for one in found])
    weights = np.exp(scores - scores.max())
    return found, weights / weights.sum()


def test_mixture_is_that_of_dense_generalised_least_squares(monkeypatch):
    found, weights = all_pairs(monkeypatch)
    assert np.sort(weights)[-3] > 0.001  # several pairs count, or the test says nothing
    fit = fit_level(Y[:, None], DESIGN)
    np.testing.assert_allclose(fit.weights[:, 0], np.where(weights < 1e-6, 0, weights), atol=2e-5)
    level = DESIGN.part("level")
    np.testing.assert_allclose(
        mean_of(fit, level)[:, 0], sum(w * f[1] for w, f in zip(weights, found, strict=True)), atol=1e-4
    )
    asked = Y + 0.3
    below = sum(
        w * stats.t.cdf((asked - f[1]) / np.sqrt(np.diag(f[2])), f[3])
        for w, f in zip(weights, found, strict=True)
    )
    np.testing.assert_allclose(probability_below(fit, level, asked)[:, 0], below, atol=1e-4)


@pytest.mark.parametrize("rho", [-0.2, 0.0, 0.95])
@pytest.mark.parametrize("bends", [False, True])
def test_one_pair_is_exact(monkeypatch, rho, bends):
    all_pairs(monkeypatch, (rho,), (10.0,))
    _, level, covariance, free = dense(rho, 10.0, bends)
    fit = fit_level(Y[:, None], DESIGN)
    fit.weights[:] = [[1 - bends], [bends]]
    rows = DESIGN.part("level")
    np.testing.assert_allclose(mean_of(fit, rows)[:, 0], level, rtol=1e-9)
    deviation = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(
        deviation_of(fit, rows)[:, 0], deviation * np.sqrt(free / (free - 2)), rtol=1e-7
    )
    low, high = interval_of(fit, rows, 0.9)
    reach = stats.t.ppf(0.95, free) * deviation
    np.testing.assert_allclose(low, level - reach, rtol=1e-9)
    np.testing.assert_allclose(high, level + reach, rtol=1e-9)


def test_ratio_is_fiellers(monkeypatch):
    all_pairs(monkeypatch, (0.4,), (10.0,))
    _, level, covariance, free = dense(0.4, 10.0, False)
    fit = fit_level(Y[:, None], DESIGN)
    fit.weights[:] = [[1.0], [0.0]]
    rows = DESIGN.part("level")
    low, high = ratio_interval(fit, rows[50], rows[10], 0.95)
    # Fieller (1954): the two roots r of (m1 - r m2)² = t² (v11 - 2 r v12 + r² v22).
    t = stats.t.ppf(0.975, free)
    v = covariance[np.ix_([50, 10], [50, 10])]
    m = level[[50, 10]]
    roots = np.roots(
        [m[1] ** 2 - t**2 * v[1, 1], -2 * (m[0] * m[1] - t**2 * v[0, 1]), m[0] ** 2 - t**2 * v[0, 0]]
    )
    np.testing.assert_allclose([low, high], np.sort(roots), rtol=1e-9)
    at_ends = [ratio_below(fit, rows[50], rows[10], np.array([end]))[0] for end in (low, high)]
    np.testing.assert_allclose(at_ends, [0.025, 0.975], atol=1e-9)


def test_ratio_to_a_level_that_may_be_zero_is_refused_and_to_a_small_one_is_not():
    rows = DESIGN.part("level")
    around_zero = fit_level((Y - Y.mean())[:, None], DESIGN)
    with pytest.raises(SpecificationError, match="not identified"):
        ratio_interval(around_zero, rows[50], rows[30], 0.95)
    small = fit_level((Y - Y.min() + 10)[:, None], DESIGN)
    low, high = ratio_interval(small, rows[50], rows[30], 0.95)
    level = mean_of(small, rows)[:, 0]
    assert low < level[50] / level[30] < high


def test_curves_are_the_integrated_random_walk_without_its_line():
    kernel = np.array(
        [
            [integrate.quad(lambda u, s=s, t=t: (s - u) * (t - u), 0, min(s, t))[0] for t in TIME[::6]]
            for s in TIME[::6]
        ]
    )
    line = np.column_stack([np.ones(N), TIME])
    rest = np.eye(N) - line @ np.linalg.pinv(line)
    first, last = np.minimum.outer(TIME, TIME), np.maximum.outer(TIME, TIME)
    full = first**2 * (3 * last - first) / 6
    np.testing.assert_allclose(full[::6, ::6], kernel, atol=1e-12)
    ours = DESIGN.curves @ DESIGN.curves.T
    np.testing.assert_allclose(ours, rest @ full @ rest, atol=1e-3 * full.max())
    np.testing.assert_allclose(line.T @ DESIGN.curves, 0, atol=1e-10)
    assert DESIGN.curves.shape[1] == 14  # 12 a year for 60 weeks
    np.testing.assert_allclose(DESIGN.bends[:, 1], np.sqrt(10) * np.maximum(TIME - TIME[41], 0))


def test_weeks_left_out_say_nothing_of_the_level():
    spoilt = Y.copy()
    spoilt[[5, 59]] += [1000.0, -500.0]
    before, after = (fit_level(y[:, None], DESIGN) for y in (Y, spoilt))
    rows = DESIGN.part("level")
    np.testing.assert_allclose(mean_of(after, rows), mean_of(before, rows), rtol=1e-8)
    np.testing.assert_allclose(deviation_of(after, rows), deviation_of(before, rows), rtol=1e-5)


def test_parts_share_out_the_terms():
    fit = fit_level(Y[:, None], DESIGN)
    trend, shift, season, level = (
        mean_of(fit, DESIGN.part(name))[:, 0] for name in ("trend", "shift", "season", "level")
    )
    np.testing.assert_allclose(trend + shift, level, rtol=1e-12)
    size = mean_of(fit, DESIGN.coefficients_of("shift"))[0, 0]
    np.testing.assert_allclose(shift, size * STEP[:, 0], rtol=1e-12)
    np.testing.assert_allclose(season, WAVE @ mean_of(fit, DESIGN.coefficients_of("season"))[:, 0])


@pytest.mark.parametrize("value", [0.0, 400.0, -7.5])
def test_straight_series_are_their_own_level(value):
    y = np.full((N, 1), value) + 3 * np.arange(N)[:, None] * (value > 0)
    fit = fit_level(y, DESIGN)
    rows = DESIGN.part("level")
    np.testing.assert_allclose(mean_of(fit, rows), y, atol=1e-7)
    low, high = interval_of(fit, rows, 0.95)
    np.testing.assert_allclose(high, low, atol=1e-4)
    assert season_p_value(fit)[0] > 0.05 or value == 0


def test_season_is_found_where_there_is_one_and_seldom_where_there_is_none():
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 1, (N, 400))
    p_none = season_p_value(fit_level(noise + 50, DESIGN))
    assert 0.02 < (p_none < 0.05).mean() < 0.10
    assert (season_p_value(fit_level(noise + 50 + 2 * WAVE[:, [0]], DESIGN)) < 0.01).mean() > 0.99


def test_whitened_noise_has_variance_one_and_no_correlation():
    for rho in (-0.3, 0.0, 0.6, 0.98):
        corr = rho ** np.abs(np.subtract.outer(np.arange(7), np.arange(7)))
        w = whiten(np.eye(7), rho)
        np.testing.assert_allclose(w @ corr @ w.T, np.eye(7), atol=1e-12)


def test_dependent_columns_by_hand():
    a, b = np.arange(6.0), np.array([0, 0, 1, 1, 0, 0.0])
    assert dependent_columns(np.column_stack([a, b, a - 2 * b, b + 1e-3 * a**2, 0 * a])) == [2, 4]


numbers = st.floats(-50, 50)


def check_line_shift_and_unit(seed, constant, slope, shift, unit):
    """Level(c y + a + b t + d step) = c level(y) + a + b t + d step, and its deviation c times as large."""
    y = np.random.default_rng(seed).normal(0, 1, (N, 1)).cumsum(axis=0)
    added = constant + slope * TIME[:, None] + shift * STEP
    rows = DESIGN.part("level")
    before, after = fit_level(y, DESIGN), fit_level(unit * y + added, DESIGN)
    np.testing.assert_allclose(
        mean_of(after, rows), unit * mean_of(before, rows) + added, atol=1e-6 * max(unit, 1) * 50
    )
    np.testing.assert_allclose(deviation_of(after, rows), unit * deviation_of(before, rows), rtol=1e-4)


LINES = given(st.integers(0, 10**6), numbers, numbers, numbers, st.floats(0.01, 1000))


@settings(max_examples=20)
@LINES
def test_line_shift_and_unit_go_through(seed, constant, slope, shift, unit):
    check_line_shift_and_unit(seed, constant, slope, shift, unit)


@pytest.mark.slow
@settings(max_examples=1000)
@LINES
def test_any_line_shift_and_unit_go_through(seed, constant, slope, shift, unit):
    check_line_shift_and_unit(seed, constant, slope, shift, unit)


@pytest.mark.slow
@settings(max_examples=1000)
@given(st.integers(0, 10**6), st.floats(-0.3, 0.98), st.floats(0, 4))
def test_mixture_is_dense_for_any_series(seed, rho, log_smoothness):
    y = np.random.default_rng(seed).normal(0, 1, N).cumsum()
    pair = (rho, 10.0**log_smoothness, False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(level_model, "_AUTOCORRELATIONS", np.array(pair[:1]))
        patch.setattr(level_model, "_SMOOTHNESSES", np.array(pair[1:2]))
        fit = fit_level(y[:, None], DESIGN)
        fit.weights[:] = [[1.0], [0.0]]
        rows = DESIGN.part("level")
        _, level, covariance, free = dense(*pair, y=y)
        np.testing.assert_allclose(mean_of(fit, rows)[:, 0], level, rtol=1e-6, atol=1e-6)
        expected = np.sqrt(np.diag(covariance) * free / (free - 2))
        np.testing.assert_allclose(deviation_of(fit, rows)[:, 0], expected, rtol=1e-5)


def test_series_are_fitted_alone():
    """A series beside others has the level that it has alone."""
    y = np.random.default_rng(5).normal(0, 1, (N, 4)).cumsum(axis=0) + np.array([0, 10, 100, 1000])
    rows = DESIGN.part("level")
    together = mean_of(fit_level(y, DESIGN), rows)
    for k in range(4):
        np.testing.assert_allclose(
            mean_of(fit_level(y[:, [k]], DESIGN), rows)[:, 0], together[:, k], rtol=1e-9
        )


def test_without_shifts_season_and_turns(monkeypatch):
    all_pairs(monkeypatch, (0.4,), (10.0,))
    design = level_design(NONE, NONE, NO_WEEK, NO_WEEK)
    assert design.fixed.shape == (N, 2)
    assert design.degrees_of_freedom == N - 2
    level = mean_of(fit_level(Y[:, None], design), design.part("level"))[:, 0]
    np.testing.assert_allclose(level, dense(0.4, 10.0, False, design)[1], rtol=1e-9)


def test_grid_with_which_coverage_was_measured():
    rhos, smoothnesses = level_model._AUTOCORRELATIONS, level_model._SMOOTHNESSES
    np.testing.assert_allclose(np.diff(np.arctanh(rhos)), 0.2)
    assert (rhos.size, smoothnesses.tolist()) == (14, [1, 10, 100, 1e3, 1e4, 1e5])
    assert rhos[[0, -1]] == pytest.approx([np.tanh(-0.3), np.tanh(2.3)])
