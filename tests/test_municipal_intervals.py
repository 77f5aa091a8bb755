"""Intervals, overdispersion, shrinkage and ranks as numbers: against other programs, integrals and sums."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from conftest import ROOT
from kostnadsvekst.analysis import interval_coverage as study
from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.municipal.cost_intervals import compound_interval, relative_variance
from kostnadsvekst.municipal.count_intervals import (
    binomial_interval,
    overdispersed_interval,
    poisson_interval,
)
from kostnadsvekst.municipal.key_groups import KeyGroups
from kostnadsvekst.municipal.overdispersion import dispersion_between, dispersion_within, winsorised_normal
from kostnadsvekst.municipal.rank_intervals import expected_ranks, pairwise_level, rank_limits, raw_ranks
from kostnadsvekst.municipal.shrinkage import (
    Prior,
    fit_prior,
    shrink_counts,
    shrink_normal,
    shrink_proportions,
)

# poisson.test(y) and binom.test(y, n) of R 4.2.2, digits = 10.
R_POISSON = {
    (0, 0.95): (0.0, 3.688879454),
    (1, 0.95): (0.02531780798, 5.57164339094),
    (6, 0.95): (2.201894253, 13.059474023),
    (6, 0.9): (2.613014744, 11.842395652),
    (20, 0.95): (12.21651959, 30.88837790),
    (100, 0.95): (81.36399125, 121.62679379),
    (2000, 0.95): (1913.298710, 2089.617439),
}
R_BINOMIAL = {
    (0, 10): (0.0, 0.3084971078),
    (7, 10): (0.3475471499, 0.9332604888),
    (10, 10): (0.6915028922, 1.0),
    (40, 1307): (0.02195238202, 0.04144303787),
}
# R finds its limits to about seven digits.
R_DIGITS = 1e-7


def one_group(n):
    return KeyGroups.of(np.zeros(n))


# --- Counts and proportions


@pytest.mark.parametrize(("count", "level"), R_POISSON)
def test_exact_limits_of_counts_are_those_of_r(count, level):
    found = poisson_interval([count], level, mid_p=False)
    assert (found.low[0], found.high[0]) == pytest.approx(R_POISSON[count, level], rel=R_DIGITS)


@pytest.mark.parametrize(("count", "size"), R_BINOMIAL)
def test_exact_limits_of_proportions_are_those_of_r(count, size):
    found = binomial_interval([count], [size], mid_p=False)
    assert (found.low[0], found.high[0]) == pytest.approx(R_BINOMIAL[count, size], rel=R_DIGITS)


def test_six_dwellings_are_63_per_cent_below_to_118_above():
    found = poisson_interval([6.0], mid_p=False)
    # Quantiles of chi-squared with 12 and 14 degrees of freedom, halved: 2.20 and 13.06.
    assert found.low[0] == pytest.approx(stats.chi2.ppf(0.025, 12) / 2)
    assert found.high[0] == pytest.approx(stats.chi2.ppf(0.975, 14) / 2)
    assert [round(100 * (x / 6 - 1)) for x in (found.low[0], found.high[0])] == [-63, 118]
    mid = poisson_interval([6.0])
    assert [round(100 * (x / 6 - 1)) for x in (mid.low[0], mid.high[0])] == [-59, 108]


def mid_p_of(count, mean, pmf):
    """P(Y > y) + P(Y = y) / 2 by a sum of probabilities."""
    mass = pmf(np.arange(count + 1), mean)
    return 1 - mass[:-1].sum() - mass[-1] / 2


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_mid_p_limits_of_counts_solve_their_equation(count, level):
    found = poisson_interval([count], level)
    tail = (1 - level) / 2
    if count:
        assert mid_p_of(count, found.low[0], stats.poisson.pmf) == pytest.approx(tail, rel=1e-6)
    else:
        assert found.low[0] == 0
    assert 1 - mid_p_of(count, found.high[0], stats.poisson.pmf) == pytest.approx(tail, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.data())
def test_mid_p_limits_of_proportions_solve_their_equation(size, data):
    count = data.draw(st.integers(0, size))
    found = binomial_interval([count], [size])

    def pmf(k, p):
        return stats.binom.pmf(k, size, p)

    if count:
        assert mid_p_of(count, found.low[0], pmf) == pytest.approx(0.025, rel=1e-6)
    else:
        assert found.low[0] == 0
    if count < size:
        assert 1 - mid_p_of(count, found.high[0], pmf) == pytest.approx(0.025, rel=1e-6)
    else:
        assert found.high[0] == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.floats(0.5, 0.999))
def test_mid_p_lies_inside_exact_and_around_the_count(counts, level):
    exact, mid = (poisson_interval(counts, level, mid_p=m) for m in (False, True))
    slack = 1e-9 * (1 + np.array(counts))
    assert (exact.low <= mid.low + slack).all()
    assert (mid.low <= np.array(counts) + slack).all()
    assert (np.array(counts) <= mid.high + slack).all()
    assert (mid.high <= exact.high + slack).all()


def test_limits_of_counts_between_whole_numbers_lie_between_theirs():
    found = poisson_interval([48.0, 48.333, 49.0])
    assert (np.diff(found.low) > 0).all()
    assert (np.diff(found.high) > 0).all()


@pytest.mark.parametrize("counts", [[-1.0], [np.nan], [np.inf], [3, -2, 5]])
def test_counts_that_are_none_are_refused(counts):
    with pytest.raises(InvalidDataError, match="negative, missing or infinite"):
        poisson_interval(counts)
    with pytest.raises(InvalidDataError):
        binomial_interval(counts, 10)


def test_parts_larger_than_their_whole_are_refused_and_equal_ones_are_not():
    with pytest.raises(InvalidDataError, match=r"no part of their size, in places \['1'\]"):
        binomial_interval([10, 11], [10, 10])
    assert binomial_interval([10], [10]).high == 1
    with pytest.raises(InvalidDataError):
        binomial_interval([0], [0])


@pytest.mark.parametrize("level", [0, 1, 95, -0.5, np.nan])
def test_levels_that_are_none_are_refused(level):
    with pytest.raises(SpecificationError, match="between 0 and 1"):
        poisson_interval([3], level)


def test_exact_limits_cover_at_every_mean_and_mid_p_is_within_one_point_from_twenty():
    table = study.computed_coverage(points=150).set_index(["from_mean", "method"])
    exact = table.xs("exact", level="method")
    assert exact["lowest"].min() >= 95
    mid = table.xs("mid-P", level="method").loc[20:]
    assert mid["lowest"].min() > 93.98  # at the worst of all means: 1.01 points
    assert mid["highest"].max() < 96.06
    assert (mid["mean"] - 95).abs().max() < 0.1


def test_mid_p_is_more_than_one_point_off_in_four_narrow_places_alone():
    """Coverage turns at the limits of counts and nowhere else: its extremes are just beside them."""
    limits = poisson_interval(np.arange(2600))
    ends = np.concatenate([limits.low, limits.high])
    ends = ends[(ends >= 20) & (ends <= 2000)]
    means = np.sort(np.concatenate([ends * (1 - 1e-10), ends * (1 + 1e-10)]))
    first = np.searchsorted(limits.high, means, "left")
    last = np.searchsorted(limits.low, means, "right") - 1
    covered = 100 * (stats.poisson.cdf(last, means) - stats.poisson.cdf(first - 1, means))
    assert (covered.min(), covered.max()) == pytest.approx((93.984, 96.057), abs=5e-4)
    off = means[np.abs(covered - 95) > 1]
    places = ((20.58, 20.62), (21.43, 21.68), (22.97, 23.10), (31.51, 31.56))
    assert {k for m in off for k, (low, high) in enumerate(places) if low <= m <= high} == {0, 1, 2, 3}
    assert all(any(low <= m <= high for low, high in places) for m in off)


def test_computed_coverage_is_the_sum_of_probabilities():
    table = study.computed_coverage(((20.0, 20.0),), points=1).set_index("method")
    for method, mid_p in (("exact", False), ("mid-P", True)):
        y = np.arange(200)
        limits = poisson_interval(y, mid_p=mid_p)
        share = stats.poisson.pmf(y, 20)[(limits.low <= 20) & (limits.high >= 20)].sum()
        assert table.loc[method, "lowest"] == pytest.approx(100 * share)


# --- Overdispersion


@pytest.mark.parametrize("proportion", [False, True])
@pytest.mark.parametrize("corrected", [False, True])
def test_overdispersed_limits_solve_their_quadratic(proportion, corrected):
    y, n, phi, c = np.array([3.0, 40.0, 77.0]), np.array([80.0, 90.0, 100.0]), 2.5, 1.8
    found = overdispersed_interval(y, n, phi, c, proportion=proportion, corrected=corrected)
    for limit, sign in ((found.low, -1), (found.high, 1)):
        rate = (y + sign * (0.5 if corrected else 0)) / n
        variance = limit * (1 - limit) if proportion else limit
        np.testing.assert_allclose((rate - limit) ** 2, c**2 * phi * variance / n, rtol=1e-9)
        assert (sign * (limit - rate) > 0).all()


def test_wilson_of_one_proportion_is_that_of_statsmodels():
    from statsmodels.stats.proportion import proportion_confint

    found = overdispersed_interval([7], [10], 1.0, stats.norm.isf(0.025), proportion=True)
    assert (found.low[0], found.high[0]) == pytest.approx(proportion_confint(7, 10, method="wilson"))


@pytest.mark.parametrize("phi", [1.5, 2.0, 4.0])
def test_overdispersed_limits_cover_negative_binomial_counts(phi):
    """By sums of probabilities, phi known: one point of 95 from a mean of 20, and at least 95 corrected."""
    y = np.arange(4000.0)
    z = stats.norm.isf(0.025)
    for mean in (20, 23.7, 31, 50, 100, 200, 1000):
        p = stats.nbinom.pmf(y, mean / (phi - 1), 1 / phi)
        limits = overdispersed_interval(y, 1.0, phi, z)
        assert p[(limits.low <= mean) & (limits.high >= mean)].sum() == pytest.approx(0.95, abs=0.01)
        limits = overdispersed_interval(y, 1.0, phi, z, corrected=True)
        assert p[(limits.low <= mean) & (limits.high >= mean)].sum() >= 0.95


@pytest.mark.parametrize("cut", [0.0, 0.05, 0.1, 0.25])
def test_variance_of_a_winsorised_normal_is_its_integral(cut):
    c = stats.norm.isf(cut) if cut else np.inf

    def square(z):
        return min(z * z, c * c) * stats.norm.pdf(z)

    variance, efficiency = winsorised_normal(cut)
    assert variance == pytest.approx(2 * integrate.quad(square, 0, 12, points=[min(c, 11)])[0], rel=1e-6)
    # Simulated: 2 E(s)^2 / (n Var(s)) of 400 numbers, 4000 times.
    z = np.sort(np.random.default_rng(1).normal(size=(4000, 400)), axis=1)
    k = int(cut * 400)
    s = (np.clip(z, z[:, [k]], z[:, [399 - k]]) ** 2).mean(axis=1)
    assert efficiency == pytest.approx(2 * s.mean() ** 2 / (400 * s.var()), rel=0.08)


def test_dispersion_between_municipalities_by_hand():
    """Ten rates around 10 with variance 4: z is -4, -1, -1, 0, 0, 0, 1, 1, 2, 6; winsorised -1 ... 2."""
    z = np.array([-4, -1, -1, 0, 0, 0, 1, 1, 2, 6.0])
    found = dispersion_between(10 + 2 * z, [10.0], np.full(10, 4.0), one_group(10))
    total = (1 + 1 + 1 + 0 + 0 + 0 + 1 + 1 + 4 + 4) / winsorised_normal(0.1)[0]
    assert found.phi[0] == pytest.approx(total / 9)
    # DerSimonian-Laird with equal weights 1/4: (Q - 9) / (10/4 - 1/4).
    assert found.tau2[0] == pytest.approx((total - 9) / 2.25)
    plain = dispersion_between(10 + 2 * z, [10.0], np.full(10, 4.0), one_group(10), winsorised=0)
    assert plain.phi[0] == pytest.approx(60 / 9)
    assert plain.df[0] == 9


def test_dispersion_is_missing_where_nothing_tells_it():
    groups = KeyGroups.of([0, 1, 1])
    found = dispersion_between([1.0, 0.0, 0.0], [1.0, 0.0], [1.0, 0.0, 0.0], groups)
    assert np.isnan(found.phi).all()
    with pytest.raises(SpecificationError):
        dispersion_between([1.0, 2.0], [1.5], [1.0, 1.0], one_group(2), winsorised=0.5)


def unbalanced():
    rng = np.random.default_rng(5)
    unit, period = (x.ravel() for x in np.meshgrid(np.arange(7), np.arange(5), indexing="ij"))
    keep = rng.random(35) < 0.8
    unit, period = unit[keep], period[keep]
    size = rng.uniform(50, 400, unit.size)
    count = rng.poisson(size * 0.2 * np.exp(unit / 8 - period / 10)).astype(float)
    return unit, period, size, count


def test_dispersion_within_is_pearson_of_a_poisson_regression_with_dummies():
    unit, period, size, count = unbalanced()
    dummies = np.column_stack([unit[:, None] == np.arange(7), period[:, None] == np.arange(1, 5)])
    fit = sm.GLM(count, dummies.astype(float), sm.families.Poisson(), offset=np.log(size)).fit(tol=1e-12)
    found = dispersion_within(count, size, unit, period, one_group(count.size))
    assert found.df[0] == fit.df_resid
    assert found.phi[0] == pytest.approx(fit.pearson_chi2 / fit.df_resid, rel=1e-6)
    squares = dispersion_within(count, size, unit, period, one_group(count.size), power=2)
    rate = fit.fittedvalues / size
    expected = ((count - fit.fittedvalues) ** 2 / (size * rate**2)).sum() / fit.df_resid
    assert squares.phi[0] == pytest.approx(expected, rel=1e-6)
    shares = dispersion_within(count, size, unit, period, one_group(count.size), proportion=True)
    expected = ((count - fit.fittedvalues) ** 2 / (size * rate * (1 - rate))).sum() / fit.df_resid
    assert shares.phi[0] == pytest.approx(expected, rel=1e-6)


def test_dispersion_within_needs_years_and_years_alone_change_nothing():
    one_year = dispersion_within([3.0, 5, 9], [10.0] * 3, [0, 1, 2], [0, 0, 0], one_group(3))
    assert one_year.df[0] == 0
    assert np.isnan(one_year.phi[0])
    # Everybody doubles: the common change is no dispersion.
    doubled = dispersion_within([3.0, 6, 5, 10], [10.0] * 4, [0, 0, 1, 1], [0, 1, 0, 1], one_group(4))
    assert doubled.df[0] == 1
    assert doubled.phi[0] == pytest.approx(0, abs=1e-15)


# --- Costs


def test_compound_limits_by_hand():
    """Fifty recipients, coefficient of variation 0.8, ten degrees of freedom, level 0.9."""
    half = stats.t.isf(0.05, 10) * 0.8 / math.sqrt(50)
    found = compound_interval([7.0], [50], [0.64], [10], 0.9, counted=False)
    assert (found.low[0], found.high[0]) == pytest.approx((7 * math.exp(-half), 7 * math.exp(half)))
    number = poisson_interval([50], 0.9)
    found = compound_interval([7.0], [50], [0.64], [10], 0.9)
    assert found.low[0] == pytest.approx(7 * math.exp(-math.hypot(half, math.log(50 / number.low[0]))))
    assert found.high[0] == pytest.approx(7 * math.exp(math.hypot(half, math.log(number.high[0] / 50))))
    assert relative_variance([50, 50], [0.64, 0.64], [True, False]) == pytest.approx([1.64 / 50, 0.64 / 50])


def test_a_cost_without_spread_has_the_limits_of_its_count():
    found, count = compound_interval([6.0], [6], [0.0], [10]), poisson_interval([6.0])
    assert (found.low[0], found.high[0]) == pytest.approx((count.low[0], count.high[0]))


# --- Shrinkage


RATES = np.array([0.8, 1.4, 1.1, 0.6, 2.2, 1.0])
SIZES = np.array([20.0, 35.0, 10.0, 50.0, 25.0, 60.0])


def paule_mandel(rates, variance_at, share):
    """The equation by a root finder, the mean inside by fixed points."""

    def mean_of(tau2):
        mean = rates.mean()
        for _ in range(300):
            w = 1 / (variance_at(mean) + share * tau2)
            mean = (w * rates).sum() / w.sum()
        return mean, w

    def gap(tau2):
        mean, w = mean_of(tau2)
        return (w * (rates - mean) ** 2).sum() - (len(rates) - 1)

    tau2 = optimize.brentq(gap, 0, 10, xtol=1e-14)
    return mean_of(tau2)[0], tau2


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e5])
def test_prior_of_counts_solves_paule_and_mandel_in_every_unit(scale):
    found = fit_prior(RATES / scale, 1 / (SIZES * scale), one_group(6), "poisson")
    mean, tau2 = paule_mandel(RATES, lambda m: m / SIZES, np.ones(6))
    assert (found.mean[0] * scale, found.variance[0] * scale**2) == pytest.approx((mean, tau2), rel=1e-6)


def test_prior_of_proportions_and_costs_solve_paule_and_mandel():
    p = RATES / 4
    found = fit_prior(p, 1 / SIZES, one_group(6), "binomial")
    mean, tau2 = paule_mandel(p, lambda m: m * (1 - m) / SIZES, 1 - 1 / SIZES)
    assert (found.mean[0], found.variance[0]) == pytest.approx((mean, tau2), rel=1e-6)
    found = fit_prior(RATES, 1 / SIZES, one_group(6), "normal")
    mean, tau2 = paule_mandel(RATES, lambda m: m**2 / SIZES, np.ones(6))
    assert (found.mean[0], found.variance[0]) == pytest.approx((mean, tau2), rel=1e-6)


def test_prior_is_of_the_members_alone_and_groups_do_not_mix():
    member = np.array([True, True, True, True, True, False])
    groups = KeyGroups.of([0] * 6 + [1] * 6)
    both = np.r_[RATES, RATES * 3], np.tile(1 / SIZES, 2)
    found = fit_prior(*both, groups, "poisson", np.r_[member, np.ones(6, dtype=bool)])
    alone = fit_prior(RATES[:5], 1 / SIZES[:5], one_group(5), "poisson")
    whole = fit_prior(RATES * 3, 1 / SIZES, one_group(6), "poisson")
    assert found.mean == pytest.approx([alone.mean[0], whole.mean[0]], rel=1e-9)
    assert found.variance == pytest.approx([alone.variance[0], whole.variance[0]], rel=1e-7)


def test_posterior_of_counts_is_bayes_rule():
    prior = Prior(np.array([1.1]), np.array([0.2]))
    y, n = np.array([0.0, 7.0]), np.array([3.0, 4.0])
    found = shrink_counts(y, n, prior, one_group(2))
    for k in range(2):

        def density(x, k=k):
            return stats.gamma.pdf(x, 1.1**2 / 0.2, scale=0.2 / 1.1) * stats.poisson.pmf(y[k], n[k] * x)

        whole = integrate.quad(density, 0, 20)[0]
        mean = integrate.quad(lambda x, f=density: x * f(x), 0, 20)[0] / whole
        above = integrate.quad(density, 1.1, 20)[0] / whole
        assert (found.mean[k], found.above[k]) == pytest.approx((mean, above), rel=1e-7)


def test_posterior_of_proportions_and_costs_is_bayes_rule():
    prior = Prior(np.array([0.3]), np.array([0.02]))
    found = shrink_proportions([4.0], [20.0], prior, one_group(1))
    strength = 0.3 * 0.7 / 0.02 - 1

    def density(p):
        return stats.beta.pdf(p, 0.3 * strength, 0.7 * strength) * stats.binom.pmf(4, 20, p)

    whole = integrate.quad(density, 0, 1)[0]
    assert found.mean[0] == pytest.approx(integrate.quad(lambda p: p * density(p), 0, 1)[0] / whole)
    assert found.above[0] == pytest.approx(integrate.quad(density, 0.3, 1)[0] / whole)
    # Prior N(10, 4), rate 13 with variance 100 × 0.01 = 1: mean 10 + 0.8 × 3, variance 0.8.
    found = shrink_normal([13.0], [0.01], Prior(np.array([10.0]), np.array([4.0])), one_group(1))
    assert found.mean[0] == pytest.approx(12.4)
    assert found.above[0] == pytest.approx(stats.norm.cdf(2.4 / math.sqrt(0.8)))


def test_where_all_differ_by_chance_alone_all_are_the_mean():
    prior = Prior(np.array([2.0]), np.array([0.0]))
    for found in (
        shrink_counts([1.0, 9.0], [2.0, 3.0], prior, one_group(2)),
        shrink_normal([1.0, 3.0], [0.1, 0.1], prior, one_group(2)),
    ):
        assert found.mean == pytest.approx([2.0, 2.0])
        assert found.above == pytest.approx([0.5, 0.5])
        assert expected_ranks(found.location, found.variance, one_group(2)) == pytest.approx([1.5, 1.5])


# --- Ranks


def test_expected_ranks_are_sums_of_probabilities():
    """Of gamma posteriors, by integration; the cube root is nearly normal, to half a hundredth of a rank."""
    y, n = np.array([0.0, 2.0, 5.0, 9.0]), np.array([3.0, 4.0, 4.0, 5.0])
    prior = Prior(np.array([1.1]), np.array([0.2]))
    found = shrink_counts(y, n, prior, one_group(4))
    shape, scale = 1.1**2 / 0.2 + y, 1 / (1.1 / 0.2 + n)

    def higher(j, i):
        def integrand(x):
            return stats.gamma.pdf(x, shape[i], scale=scale[i]) * stats.gamma.sf(x, shape[j], scale=scale[j])

        return integrate.quad(integrand, 0, 15)[0]

    expected = [1 + sum(higher(j, i) for j in range(4) if j != i) for i in range(4)]
    assert expected_ranks(found.location, found.variance, one_group(4)) == pytest.approx(expected, abs=0.005)


def test_rank_limits_are_counts_of_sure_differences():
    rng = np.random.default_rng(3)
    r = rng.uniform(1, 4, 30)
    low, high = r - rng.uniform(0, 1, 30), r + rng.uniform(0, 1, 30)
    ids = np.repeat([4, 7, 9], [1, 9, 20])
    found = rank_limits(r, low, high, KeyGroups.of(ids))
    for i in range(30):
        mates = [j for j in range(30) if ids[j] == ids[i] and j != i]
        above = [j for j in mates if r[j] - r[i] > math.hypot(r[j] - low[j], high[i] - r[i])]
        below = [j for j in mates if r[i] - r[j] > math.hypot(r[i] - low[i], high[j] - r[j])]
        if mates:
            assert (found.low[i], found.high[i]) == (1 + len(above), 1 + len(mates) - len(below))
        else:
            assert np.isnan(found.low[i])


def test_raw_ranks_are_those_of_scipy_with_ties_shared():
    r = np.array([3.0, 1.0, 3.0, 7.0, 1.0, 1.0])
    assert raw_ranks(r, one_group(6)).tolist() == stats.rankdata(-r).tolist() == [2.5, 5, 2.5, 1, 5, 5]


def test_level_of_pairs_is_that_of_sidak():
    groups = KeyGroups.of([0, 1, 1, 2, 2, 2])
    found = pairwise_level(0.9, groups)
    assert np.isnan(found[0])
    assert found[1:] == pytest.approx([0.9, math.sqrt(0.9)])


# --- The committed study


def committed(name):
    return pd.read_csv(ROOT / "results" / "municipal" / f"coverage_{name}.csv")


def test_committed_coverage_of_counts_is_what_is_promised():
    table = committed("counts")
    assert set(table["data_origin"]) == {"synthetic"}
    assert table["n_sets"].min() >= 5000
    error = 3 * table["monte_carlo_error"] + 0.05
    chance = table["phi"] == 1
    exact = table["method"] == "exact"
    assert (table["coverage"] >= 95 - error)[chance & exact].all()
    assert (table["coverage"] >= 95 - error)[table["method"] == "overdispersed, exact"].all()
    large = table["mean"] >= 20
    within = (table["coverage"] - 95).abs() <= 1 + error
    assert within[large & chance & (table["method"] == "mid-P")].all()
    assert within[large & ~chance & (table["method"] == "overdispersed")].all()
    # What is said of the others: without it, an interval of overdispersed counts is far too short.
    assert table.loc[(table["phi"] == 4) & (table["method"] == "mid-P"), "coverage"].max() < 92


def test_committed_coverage_of_ranks_is_what_is_promised():
    table = committed("ranks")
    assert table["n_sets"].min() >= 5000
    assert (table["rank_gain"] > 5 * table["monte_carlo_error_gain"]).all()
    assert (table["squared_error_shrunk"] < table["squared_error_raw"]).all()
    assert (table["value_squared_error_shrunk"] < table["value_squared_error_raw"]).all()
    assert (table["coverage"] >= 95 - 3 * table["monte_carlo_error"]).all()


def test_the_study_counts_what_it_says(monkeypatch):
    """A small run again: shares are means of what was drawn, and seeds make it the same."""
    monkeypatch.setattr(study, "PHIS", (1.0, 4.0))
    monkeypatch.setattr(study, "MUNICIPALITIES", (15,))
    first, again = (study.count_coverage(40, (20.0,)) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    assert set(first["method"]) == {"exact", "mid-P", "overdispersed", "overdispersed, exact"}
    share = first["coverage"] / 100
    np.testing.assert_allclose(first["monte_carlo_error"], 100 * np.sqrt(share * (1 - share) / 40))
    wide = first.pivot_table(index=["counts", "phi", "municipalities"], columns="method", values="width")
    assert (wide["exact"] > wide["mid-P"]).all()
    assert (wide["overdispersed, exact"] > wide["overdispersed"]).all()


def test_true_ranks_of_the_study_share_their_places_when_equal(monkeypatch):
    monkeypatch.setattr(study, "TRUTHS", (("gamma", 0.4), ("equal", 0.0)))
    monkeypatch.setattr(study, "MUNICIPALITIES", (5, 15))
    found = study.rank_coverage(30, (20.0,))
    equal = found[found["truth"] == "equal"].set_index("municipalities")
    for n in equal.index:
        # Raw ranks of equal rates are uniform on 1..n: mean squared distance to the middle (n^2 - 1) / 12.
        assert equal.loc[n, "squared_error_raw"] == pytest.approx((n**2 - 1) / 12, rel=0.01)
    assert found["n_sets"].unique().tolist() == [30]
