"""Intervals of all municipalities and years: what is computed once is what each row would give by itself."""

import math
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from kostnadsvekst.errors import DataWarning
from kostnadsvekst.municipal import comparison_rows
from kostnadsvekst.municipal.comparison import intervals
from kostnadsvekst.municipal.comparison_intervals import ADDED
from kostnadsvekst.municipal.count_intervals import binomial_interval, poisson_interval
from kostnadsvekst.municipal.extracts import profile_extract, read_extract
from kostnadsvekst.municipal.key_groups import KeyGroups, at_distinct, distinct_rows
from kostnadsvekst.municipal.overdispersion import dispersion_of_one_level, dispersion_within
from kostnadsvekst.municipal.rank_intervals import expected_ranks, rank_limits
from kostnadsvekst.municipal.shrinkage import fit_prior
from kostnadsvekst.synthetic.municipal_extract import make_extract

# What the whole country over twenty years may take, in seconds of a processor that others use too.
MOST_SECONDS = 20.0


def quiet(frame, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return intervals(frame, **options)


@pytest.fixture(scope="module")
def extract():
    found = profile_extract(read_extract(make_extract(7, 4).tables()))
    return found[found["group"].isin(["pu_adults", "elderly_home"])].reset_index(drop=True)


@pytest.fixture
def rng():
    return np.random.default_rng(20)


# --- Ranks


def ranks_by_hand(x, v):
    """Each pair by itself, and both ways."""
    ranks = []
    for i in range(len(x)):
        each = []
        for j in range(len(x)):
            sd = math.sqrt(v[i] + v[j]) or 1.0
            each.append(special.ndtr((x[j] - x[i]) / sd) if i != j else 1.0)
        ranks.append(math.fsum(each))
    return ranks


@pytest.mark.parametrize("n", [1, 2, 47, 48, 49, 130])
def test_expected_ranks_are_the_sum_over_all_pairs(n, rng):
    """Also where blocks end, of equal places, and of places that are far apart."""
    x = np.where(rng.random(n) < 0.2, 1.0, rng.normal(size=n) * 10.0 ** rng.integers(-2, 3, n))
    v = rng.gamma(0.5, size=n)
    groups = KeyGroups.of(np.r_[np.zeros(n), 1, 1])
    found = expected_ranks(np.r_[x, 0, 5], np.r_[v, 0, 0], groups)
    np.testing.assert_allclose(found[:n], ranks_by_hand(x, v), rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[n:], ranks_by_hand([0, 5], [0, 0]), rtol=0, atol=1e-15)
    assert found[:n].sum() == pytest.approx(n * (n + 1) / 2)


def test_ranks_are_missing_where_one_is_and_shared_where_all_are_the_mean():
    assert np.isnan(expected_ranks([1.0, np.nan, 2], [1.0, 1, 1], KeyGroups.of([0, 0, 0]))).all()
    assert expected_ranks([0.0] * 4, [0.0] * 4, KeyGroups.of([0, 0, 0, 1])).tolist() == [2, 2, 2, 1]


@pytest.mark.parametrize("width", [0.01, 0.5, 3.0])
def test_rank_limits_are_counts_of_sure_differences_in_groups_of_any_size(width, rng):
    ids = np.repeat([0, 1, 2, 3], [1, 5, 48, 110])
    r = np.round(rng.uniform(1, 4, ids.size), 1)  # many are equal
    low, high = r - width * rng.uniform(0, 1, r.size), r + width * rng.uniform(0, 1, r.size)
    low[::17] = np.nan
    found = rank_limits(r, low, high, KeyGroups.of(ids))
    same = ids[:, None] == ids
    gap = r - r[:, None]  # how much column is above row
    sure = same & (gap * np.abs(gap) > (r - low) ** 2 + ((high - r) ** 2)[:, None])
    several = same.sum(axis=1) > 1
    np.testing.assert_array_equal(found.low, np.where(several, 1 + sure.sum(axis=1), np.nan))
    np.testing.assert_array_equal(found.high, np.where(several, same.sum(axis=1) - sure.sum(axis=0), np.nan))


# --- Once for those that differ


def test_distinct_rows_are_those_of_python(rng):
    a, b = rng.integers(0, 4, 200).astype(float), rng.choice([0.5, np.nan, 2.0], 200)
    first, back = distinct_rows(a, b)
    seen = {}
    expected = [seen.setdefault((x, str(y)), len(seen)) for x, y in zip(a, b, strict=True)]
    assert back.tolist() == expected
    assert first.tolist() == [expected.index(k) for k in range(len(seen))]
    np.testing.assert_array_equal(at_distinct(np.hypot, a, b), np.hypot(a, b))
    assert all(x.size == 0 for x in distinct_rows(np.zeros(0)))


def test_groups_of_the_same_numbers_are_kept_once():
    groups = KeyGroups.of([0, 0, 1, 2, 2, 3, 3])
    kept, back = groups.distinct([1.0, 2, 1, 1, 2, 2, 1], [True] * 7)
    assert kept.tolist() == [0, 1, 2, 5, 6]
    assert back.tolist() == [0, 1, 2, 0, 1, 3, 4]
    kept, back = groups.distinct([1.0, 2, 1, 1, 2, 2, 1], [True, True, True, True, False, True, True])
    assert kept.tolist() == back.tolist() == list(range(7))


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_pieces_are_whole_groups_and_all_of_them(rows):
    groups = KeyGroups.of(np.repeat(range(6), [2, 1, 4, 1, 1, 3]))
    pieces = list(groups.pieces(rows))
    ids = [groups.of_row[where] - groups.of_row[where][0] for where, _ in pieces]
    assert [part.of_row.tolist() for _, part in pieces] == [x.tolist() for x in ids]
    assert [k for where, _ in pieces for k in range(where.start, where.stop)] == list(range(12))
    assert [size for _, part in pieces for size in part.sizes] == [2, 1, 4, 1, 1, 3]
    assert all(part.starts[0] == 0 for _, part in pieces)
    assert len(pieces) == {1: 6, 3: 3, 100: 1}[rows]


def test_priors_of_many_groups_are_those_of_each_and_solve_their_equation(rng):
    """Paule and Mandel's: squares over variances sum to one less than the municipalities."""
    ids = np.repeat(range(60), rng.integers(2, 400, 60))
    n = rng.uniform(500, 50_000, ids.size)
    r = (
        rng.poisson(
            n * np.repeat(rng.uniform(0.001, 0.02, 60), np.bincount(ids)) * rng.gamma(9, 1 / 9, n.size)
        )
        / n
    )
    found = fit_prior(r, 1 / n, KeyGroups.of(ids), "poisson")
    for k in range(60):
        own = ids == k
        alone = fit_prior(r[own], 1 / n[own], KeyGroups.of(ids[own]), "poisson")
        np.testing.assert_allclose(found.mean[k], alone.mean[0], rtol=1e-12)
        np.testing.assert_allclose(found.variance[k], alone.variance[0], rtol=1e-9)
        if found.variance[k] > 0:
            w = 1 / (found.mean[k] / n[own] + found.variance[k])
            mean = (w * r[own]).sum() / w.sum()
            assert mean == pytest.approx(found.mean[k], rel=1e-9)
            assert (w * (r[own] - mean) ** 2).sum() == pytest.approx(own.sum() - 1, rel=1e-7)


@pytest.mark.parametrize("power", [1, 2])
def test_dispersion_around_one_level_is_that_within_one_unit_and_one_period(power, rng):
    ids = np.repeat([0, 1, 2, 3], [1, 6, 9, 3])
    sizes, groups = rng.uniform(1, 9, ids.size), KeyGroups.of(ids)
    amounts = np.where(ids == 3, 0.0, rng.gamma(3.0, size=ids.size) * sizes)
    found = dispersion_of_one_level(amounts, sizes, groups, power)
    usual = dispersion_within(amounts, sizes, ids, ids, groups, power=power)
    np.testing.assert_allclose(found.phi, usual.phi, rtol=1e-12)
    np.testing.assert_array_equal(found.df, usual.df)
    assert np.isnan(found.phi).tolist() == [True, False, False, True]


# --- All of it


@pytest.mark.parametrize("dispersion", ["municipalities", "years"])
def test_each_comparison_by_itself_has_the_same_numbers(extract, dispersion):
    """Of counts: with other comparisons, some of the same numbers, and without them."""
    found = quiet(extract, dispersion=dispersion)
    counted = extract["measure"].isin(["users_per_1000", "places_per_1000"])
    by = ["group", "age", "service", "provision", "measure"]
    for _, part in list(extract[counted].groupby(by))[::4]:
        alone = quiet(part.reset_index(drop=True), dispersion=dispersion)
        pd.testing.assert_frame_equal(
            alone[list(ADDED)], found.loc[part.index, list(ADDED)].reset_index(drop=True), rtol=1e-9
        )


def test_limits_are_those_of_each_row_by_itself(extract):
    found = quiet(extract)
    for method in ("poisson", "binomial"):
        some = found[found["method"] == method].iloc[::7]
        for _, row in some.iterrows():
            y, n = [row["numerator"]], [row["denominator"]]
            limits = poisson_interval(y) if method == "poisson" else binomial_interval(y, n)
            per = 1000.0 * (1 / n[0] if method == "poisson" else 1.0)
            if row["measure"] != "coverage_80_plus":
                assert row["high"] == pytest.approx(per * limits.high[0], rel=1e-12)
    costs = found[(found["measure"] == "cost_per_recipient") & found["low"].notna()]
    assert len(costs)
    # Degrees of freedom of a whole panel: municipalities less one, times years less one.
    half = stats.t.isf(0.025, 6 * 3) * np.sqrt(costs["spread"] / costs["count"])
    whole = costs.groupby(["group", "service", "provision"])["low"].transform("size") == 7 * 4
    assert whole.any()
    np.testing.assert_allclose(costs["high"][whole], (costs["value"] * np.exp(half))[whole], rtol=1e-12)


def test_combinations_of_columns_are_numbered_in_their_order_also_where_they_are_many(extract, monkeypatch):
    found = quiet(extract)
    monkeypatch.setattr(comparison_rows, "_LARGEST", 50)
    again = quiet(extract)
    pd.testing.assert_frame_equal(again, found)
    assert again.attrs == found.attrs


def test_what_is_left_out_is_one_line_for_each_reason_and_comparison(extract):
    """However many rows: three of them are named, the others counted."""
    lines = [x for x in quiet(extract).attrs["left_out"] if x not in extract.attrs["left_out"]]
    share = [x for x in lines if x.startswith("bought_share, pu_adults, housing, all: ")]
    assert share == [
        "bought_share, pu_adults, housing, all: shares of kroner have no count behind them "
        "(Oppdiktet 001 2021, Oppdiktet 002 2021, Oppdiktet 003 2021, and 25 more)"
    ]
    assert len(lines) < extract.groupby(["group", "age", "service", "provision", "measure"]).ngroups


def test_the_profile_is_left_as_it_was(extract):
    before, attrs = extract.copy(), dict(extract.attrs)
    quiet(extract)
    pd.testing.assert_frame_equal(extract, before)
    assert extract.attrs == attrs


@pytest.mark.slow
def test_the_whole_country_over_twenty_years():
    profile = profile_extract(read_extract(make_extract(356, 20).tables()))
    begun = time.process_time()
    found = quiet(profile)
    assert time.process_time() - begun < MOST_SECONDS
    assert len(found) == len(profile) > 3_500_000
    assert found["low"].notna().sum() > 2_500_000
