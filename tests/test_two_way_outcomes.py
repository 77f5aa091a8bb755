"""Outcomes with lost cells against least squares on dummies, and AR(1) with gaps against its dense form."""

import numpy as np
import pytest

from kostnadsvekst.models.ar1 import baltagi_wu
from kostnadsvekst.models.balanced.ar1 import fit_ar1_with_gaps
from kostnadsvekst.models.balanced.two_way_outcomes import fit_two_way, share_regressors

EXACT = 1e-10
N, T, K = 12, 24, 3
BY_MONTH, BY_SEASON = np.arange(T), np.arange(T) % 4


def nothing_lost(rng):
    return np.ones((N, T), dtype=bool)


def few_lost(rng):
    used = np.ones((N, T), dtype=bool)
    used[[2, 2, 7], [0, 5, 23]] = False
    return used


def most_lost(rng):
    return rng.random((N, T)) < 0.4


def unit_and_month_lost(rng):
    used = rng.random((N, T)) < 0.9
    used[3], used[:, 6] = False, False
    return used


def two_separate_parts(rng):
    used = np.zeros((N, T), dtype=bool)
    used[:5, :10], used[5:, 10:] = True, True
    return used


PATTERNS = (nothing_lost, few_lost, most_lost, unit_and_month_lost, two_separate_parts)


def columns(rng):
    """A step by unit, as for beds, and two trending columns far from zero; an outcome of them."""
    step = (np.arange(T) >= rng.integers(2, T - 2, N)[:, None]).astype(float)
    other = 5 + rng.normal(size=(K - 1, N, T)).cumsum(-1) + rng.normal(size=(K - 1, N, 1))
    X = np.concatenate([step[None], other])
    return X, 3 + np.tensordot([0.5, -0.2, 0.1], X, 1) + rng.normal(size=(N, T))


def dummies(classes):
    unit, period = np.repeat(np.arange(N), T), np.tile(classes, N)
    return np.column_stack(
        [unit[:, None] == np.arange(N), period[:, None] == np.arange(classes.max() + 1)]
    ).astype(float)


@pytest.mark.parametrize("classes", [BY_MONTH, BY_SEASON], ids=["month", "season"])
@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda p: p.__name__)
def test_equals_least_squares_on_dummies(pattern, classes):
    rng = np.random.default_rng(4)
    used = pattern(rng)
    X, y = columns(rng)
    fit = fit_two_way(np.where(used, y, np.nan), used, share_regressors(X, classes))
    kept = used.ravel()
    D = dummies(classes)[kept]
    flat = np.column_stack([*X.reshape(K, -1), y.ravel()])[kept]
    residual = flat - D @ np.linalg.lstsq(D, flat, rcond=None)[0]
    x, target = residual[:, :K], residual[:, K]
    b = np.linalg.lstsq(x, target, rcond=None)[0]
    e = target - x @ b
    unit = np.repeat(np.arange(N), T)[kept]
    scores = np.stack([(x * e[:, None])[unit == i].sum(0) for i in range(N)])
    np.testing.assert_allclose(fit.gram, x.T @ x, atol=EXACT, rtol=EXACT)
    np.testing.assert_allclose(fit.coefficients, b, atol=EXACT)
    np.testing.assert_allclose(fit.scores, scores, atol=EXACT)
    assert fit.sum_of_squares == pytest.approx(e @ e, rel=EXACT)
    assert fit.n_effects == np.linalg.matrix_rank(D)
    assert (fit.n_obs, fit.n_units) == (used.sum(), used.any(1).sum())


@pytest.mark.parametrize("what", ["zero", "fixed in each unit", "the same in all units"])
def test_regressor_that_varies_in_lost_cells_only_has_no_variation(what):
    rng = np.random.default_rng(5)
    used = few_lost(rng)
    X, y = columns(rng)
    left = {"zero": 0.0, "fixed in each unit": np.arange(N)[:, None], "the same in all units": np.arange(T)}
    X[0] = np.where(used, left[what], rng.normal(size=(N, T)))
    fit = fit_two_way(y, used, share_regressors(X, BY_MONTH))
    assert (fit.gram[0] == 0).all()
    assert np.isnan(fit.coefficients).all()


def test_result_does_not_depend_on_the_order_of_units():
    rng = np.random.default_rng(6)
    used = most_lost(rng)
    X, y = columns(rng)
    order = rng.permutation(N)
    straight = fit_two_way(y, used, share_regressors(X, BY_MONTH))
    mixed = fit_two_way(y[order], used[order], share_regressors(X[:, order], BY_MONTH))
    np.testing.assert_allclose(mixed.coefficients, straight.coefficients, atol=1e-12)
    np.testing.assert_allclose(mixed.scores, straight.scores[order], atol=1e-12)


def brute_ar1(y, X, used, classes, rho):
    """Coefficients, clustered and classical covariance on dense transformed dummies."""
    unit, period = np.nonzero(used)
    same = np.append(False, unit[1:] == unit[:-1])
    gaps = np.where(same, np.diff(period, prepend=0), 0)
    star = baltagi_wu(gaps, rho)
    Z = np.column_stack([*X[:, used], np.eye(classes.max() + 1)[classes[period]][:, 1:], y[used]])
    Z = star.apply(Z)
    owner = unit[star.rows]
    for i in np.unique(owner):
        Z[owner == i] -= Z[owner == i].mean(0)
    D = Z[:, len(X) : -1]
    taken = Z - D @ np.linalg.lstsq(D, Z, rcond=None)[0]
    x, target = taken[:, : len(X)], taken[:, -1]
    bread = np.linalg.inv(x.T @ x)
    b = bread @ (x.T @ target)
    e = target - x @ b
    n, k, rank, units = len(e), len(X), np.linalg.matrix_rank(D), len(np.unique(owner))
    scores = np.stack([(x * e[:, None])[owner == i].sum(0) for i in np.unique(owner)])
    factor = units / (units - 1) * (n - 1) / (n - rank - k - 1)
    classical = bread * (e @ e) / (n - units - rank - k)
    return b, classical, factor * bread @ scores.T @ scores @ bread


@pytest.mark.parametrize("classes", [BY_MONTH, BY_SEASON], ids=["month", "season"])
@pytest.mark.parametrize("pattern", PATTERNS[:4], ids=lambda p: p.__name__)
def test_ar1_with_gaps_equals_its_dense_form(pattern, classes):
    rng = np.random.default_rng(7)
    used = pattern(rng)
    X, y = columns(rng)
    fit = fit_ar1_with_gaps(y, X, used, classes)
    b, classical, clustered = brute_ar1(y, X, used, classes, fit.rho)
    np.testing.assert_allclose(fit.coefficients, b, atol=EXACT)
    np.testing.assert_allclose(fit.classical, classical, atol=EXACT)
    np.testing.assert_allclose(fit.clustered, clustered, atol=EXACT)
