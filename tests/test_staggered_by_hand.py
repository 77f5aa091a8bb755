"""Staggered adoption on panels so small that every number is worked out by hand."""

import diff_diff
import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

import kostnadsvekst as kv
from kostnadsvekst.errors import DataWarning, InvalidDataError, SpecificationError

COLUMNS = ("y", "unit", "time", "first")
IDENTITY = 1e-12


def long(units: dict[str, tuple[float | None, list[float]]], start: int = 0) -> pd.DataFrame:
    """Unit -> (first treated period, outcomes from `start` on)."""
    rows = [(unit, start + t, first, y) for unit, (first, ys) in units.items() for t, y in enumerate(ys)]
    return pd.DataFrame(rows, columns=["unit", "time", "first", "y"])


def dummy_residual(data: pd.DataFrame, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Treatment of each row, and what unit and period dummies leave of it, by (weighted) least squares."""
    treated = (data["time"] >= data["first"].fillna(np.inf)).to_numpy(float)
    D = np.column_stack([pd.get_dummies(data[c]).to_numpy(float) for c in ("unit", "time")])
    root = np.sqrt(np.ones(len(data)) if weights is None else weights)
    b = np.linalg.lstsq(D * root[:, None], treated * root, rcond=None)[0]
    return treated, treated - D @ b


# Periods 0, 1, 2; treatment of A is (0, 1, 1), of B (0, 0, 1). Unit means 2/3 and 1/3, period means 0, 1/2
# and 1, mean 1/2: without effects A is (-1, 2, -1) / 6 and B (1, -2, 1) / 6. Cells A1, A2, B2 sum to 2/6.
TWO = long({"A": (1, [0, 1, 3]), "B": (2, [0, 0, 5])})


def test_weights_of_treated_cells_by_hand():
    found = kv.staggered.negative_weights(TWO, *COLUMNS)
    assert found.weights["unit"].tolist() == ["A", "A", "B"]
    assert found.weights["period"].tolist() == [1, 2, 2]
    np.testing.assert_allclose(found.weights["weight"], [1.0, -0.5, 0.5], atol=IDENTITY)
    assert found.share_negative == pytest.approx(1 / 3)
    assert found.sum_negative == pytest.approx(-0.5)
    # (2 * 1 - 1 * 3 + 1 * 0 + 1 * 0 - 2 * 0 + 1 * 5) / 2, for the residual of A and B over 2/6
    assert found.estimate == pytest.approx(2.0)


@pytest.mark.parametrize("sign", [1, -1])
def test_smallest_spread_by_hand(sign):
    # Weights with mean one: 3, -1.5, 1.5; squared distances from one: 4, 6.25, 0.25; variance 10.5 / 3.
    found = kv.staggered.negative_weights(TWO.assign(y=sign * TWO["y"]), *COLUMNS)
    assert found.estimate == pytest.approx(sign * 2.0)
    assert found.smallest_spread == pytest.approx(2.0 / np.sqrt(3.5))


def test_smallest_spread_of_a_single_cell_is_unbounded():
    plain = long({"A": (1, [0.0, 2.0]), "C": (None, [1.0, 1.5])})
    found = kv.staggered.negative_weights(plain, *COLUMNS)
    assert (found.estimate, found.share_negative, found.sum_negative) == (pytest.approx(1.5), 0.0, 0.0)
    assert found.smallest_spread == np.inf


@pytest.mark.parametrize("lost", [[], [5, 12]])
def test_smallest_spread_with_cohorts_of_unequal_size_and_lost_cells(lost):
    data = long(
        {
            "A": (1, [0, 1, 3, 2]),
            "B": (2, [0, 0, 5, 4]),
            "C": (1, [1, 2, 2, 7]),
            "D": (-4, [1, 0, 3, 3]),
            "E": (None, [2, 2, 1, 0]),
        }
    ).drop(index=lost)
    treated, residual = dummy_residual(data)
    weight = residual[treated == 1] / residual[treated == 1].sum()
    estimate = residual @ data["y"].to_numpy() / (residual @ treated)
    found = kv.staggered.negative_weights(data, *COLUMNS)
    cells = found.weights.set_index(["unit", "period"])["weight"]
    expected = data.loc[treated == 1, ["unit", "time"]].apply(tuple, axis=1)
    np.testing.assert_allclose(cells.loc[list(expected)], weight, atol=IDENTITY)
    assert len(cells) == len(weight) == int(treated.sum())
    assert found.estimate == pytest.approx(estimate)
    assert found.smallest_spread == pytest.approx(abs(estimate) / np.std(len(weight) * weight, ddof=0))
    assert found.share_negative == pytest.approx((weight < -1e-12).mean())


def test_two_way_estimate_is_weighted_least_squares():
    data = long({"A": (1, [0, 1, 3]), "B": (2, [0, 0, 5]), "C": (None, [1, 0, 2])})
    assert kv.staggered.two_way_estimate(kv.staggered.read_adoption_panel(TWO, *COLUMNS)) == pytest.approx(2)
    w = np.array([1.0, 2, 1, 3, 1, 1, 2, 2, 1])
    treated, residual = dummy_residual(data, w)
    expected = (w * residual) @ data["y"] / ((w * residual) @ treated)
    panel = kv.staggered.read_adoption_panel(data.assign(w=w), *COLUMNS, weights="w")
    assert kv.staggered.two_way_estimate(panel) == pytest.approx(expected)
    for first, never in ((None, None), (-1, None), (0, 0), (0, ()), (99, None)):
        same = kv.staggered.read_adoption_panel(data.assign(first=first), *COLUMNS, never_treated=never)
        with pytest.raises(SpecificationError, match="nothing is compared"):
            kv.staggered.two_way_estimate(same)


def test_bacon_weights_of_unequal_groups_by_hand():
    # Shares 1/2 early (treated 3/4 of the time), 1/4 late (1/4), 1/4 never. In 256ths: early against never
    # 1/2 1/4 3/4 1/4 -> 6; late against never 1/4 1/4 1/4 3/4 -> 3; early against late
    # 1/2 1/4 (3/4 - 1/4) 1/4 -> 4; late against early 1/2 1/4 1/4 (3/4 - 1/4) -> 4. Together 17.
    data = long(
        {
            "A": (1, [0, 1, 2, 3]),
            "B": (1, [0, 3, 4, 5]),
            "C": (3, [1, 1, 4, 9]),
            "D": (None, [0, 0, 1, 1]),
        }
    )
    table = kv.staggered.bacon(data, *COLUMNS)
    # Mean of early: 0, 2, 3, 4. After less before, treated less control:
    # early-never 3 - (2/3); late-never (9 - 2) - (1 - 1/3); early-late in 0..2: 2.5 - (2.5 - 1);
    # late-early in 1..3: (9 - 2.5) - (4 - 2.5).
    expected = [
        ("treated vs never treated", 1, "never", 6 / 17, 3 - 2 / 3),
        ("treated vs never treated", 3, "never", 3 / 17, 7 - 2 / 3),
        ("earlier vs later (not yet treated)", 1, "3", 4 / 17, 1.0),
        ("later vs earlier (already treated)", 3, "1", 4 / 17, 5.0),
    ]
    found = {(r.kind, r.treated_cohort, r.control_cohort): (r.weight, r.estimate) for r in table.itertuples()}
    assert len(table) == 4
    for *key, weight, estimate in expected:
        assert found[tuple(key)] == pytest.approx((weight, estimate), abs=IDENTITY)
    total = sum(weight * estimate for *_, weight, estimate in expected)
    assert table.attrs["two_way"] == pytest.approx(total)
    shares = kv.staggered.bacon_shares(table)
    assert list(shares.index) == list(kv.staggered.KINDS)
    assert shares["n_comparisons"].tolist() == [2, 1, 1, 0]
    np.testing.assert_allclose(shares["weight"], [9 / 17, 4 / 17, 4 / 17, 0])
    pooled = (6 * (3 - 2 / 3) + 3 * (7 - 2 / 3)) / 9
    np.testing.assert_allclose(shares["estimate"], [pooled, 1.0, 5.0, np.nan])


@pytest.mark.parametrize("before", [0, -3])
def test_bacon_against_always_treated_by_hand(before):
    # Treated from the first period on is always treated, like before it: half of the time 1/2 1/2, and only
    # one comparison: (5 + 7) / 2 - (1 + 2) / 2 less (3 + 3) / 2 - (0 + 1) / 2.
    data = long({"A": (2, [1, 2, 5, 7]), "B": (before, [0, 1, 3, 3])})
    if before == 0:
        data = data.assign(time=data["time"] + 2000, first=data["first"] + 2000)
    table = kv.staggered.bacon(data, *COLUMNS)
    assert table[["kind", "control_cohort"]].to_numpy().tolist() == [["treated vs always treated", "always"]]
    assert table["weight"].tolist() == [1.0]
    assert table["estimate"].item() == pytest.approx(4.5 - 2.5)
    assert table.attrs["two_way"] == pytest.approx(2.0)
    with pytest.raises(SpecificationError, match="nothing is compared"):
        kv.staggered.bacon(data.assign(first=data["first"].max()), *COLUMNS)


def test_missing_cells_of_bacon_are_counted_past_ten():
    data = long({f"u{i:02d}": (1 if i else None, [0.0, 1.0, 2.0]) for i in range(14)})
    assert len(kv.staggered.bacon(data, *COLUMNS)) == 1
    ten = data.drop(index=data[(data["time"] == 2) & (data["unit"] > "u03")].index)
    with pytest.raises(InvalidDataError) as caught:
        kv.staggered.bacon(ten, *COLUMNS)
    assert caught.value.problems == tuple(f"u{i:02d} 2" for i in range(4, 14))
    eleven = data.drop(index=data[(data["time"] == 2) & (data["unit"] > "u02")].index)
    with pytest.raises(InvalidDataError) as caught:
        kv.staggered.bacon(eleven, *COLUMNS)
    assert caught.value.problems[-2:] == ("u12 2", "and 1 more")


# Changes 3, 0, 1. Were A treated: 3 - 1/2 = 2.5; B: 0 - 2 = -2; C: 1 - 1.5 = -0.5.
THREE = {"A": [0.0, 3.0], "B": [1.0, 1.0], "C": [0.0, 1.0]}
IF_TREATED = {"A": 2.5, "B": -2.0, "C": -0.5}


@pytest.mark.parametrize("who", ["A", "B", "C"])
def test_randomisation_p_value_counts_the_data_themselves_and_both_sides(who):
    data = long({unit: (1 if unit == who else None, ys) for unit, ys in THREE.items()})
    n, seed = 19, 5
    found = kv.staggered.randomisation_inference(data, *COLUMNS, n_draws=n, seed=seed)
    rng = np.random.default_rng(seed)
    treated = [list(THREE)[list(rng.permutation(3)).index("ABC".index(who))] for _ in range(n)]
    np.testing.assert_allclose(found.draws, [IF_TREATED[unit] for unit in treated], atol=IDENTITY)
    assert found.estimate == pytest.approx(IF_TREATED[who])
    extreme = sum(abs(IF_TREATED[unit]) >= abs(IF_TREATED[who]) for unit in treated)
    assert 0 < extreme < n or who == "C"
    assert found.p_value == (1 + extreme) / (1 + n)


def test_randomisation_in_an_unbalanced_panel_fits_each_draw_anew():
    data = long({"A": (1, [0, 3, 1]), "B": (2, [1, 1, 4]), "C": (None, [0, 1, 1]), "D": (None, [2, 0, 3])})
    data = data.drop(index=4)
    found = kv.staggered.randomisation_inference(data, *COLUMNS, n_draws=5, seed=2)
    rng = np.random.default_rng(2)
    own = data.drop_duplicates("unit")["first"].to_numpy()
    for draw in found.draws:
        dealt = dict(zip("ABCD", own[rng.permutation(4)], strict=True))
        treated, residual = dummy_residual(data.assign(first=data["unit"].map(dealt)))
        expected = residual @ data["y"].to_numpy() / (residual @ treated)
        assert draw == pytest.approx(expected)
    extreme = (np.abs(found.draws) >= abs(found.estimate) - 1e-12).sum()
    assert found.p_value == (1 + extreme) / 6


# Placebo dates ----------


@pytest.mark.parametrize(("shift", "expected"), [(1, 1 - 1.0), (2, (3 + 1) / 2), (3, (0 + 3 + 1) / 3)])
def test_placebo_lasts_as_long_as_the_shift(shift, expected):
    # A is treated from period 4 on; before that 0, 0, 3, 1. Shifted by one, period 3 stands against the mean
    # of 0, 0, 3; by two, periods 2 and 3 against zero; by three, periods 1, 2 and 3 against zero.
    data = long({"A": (4, [0, 0, 3, 1, 90, 99]), "C": (None, [0] * 6), "D": (None, [2] * 6)})
    found = kv.staggered.placebo(data, *COLUMNS, shift=shift)
    assert found.estimate == pytest.approx(expected, abs=IDENTITY)


@pytest.mark.parametrize("start", [0, 2015])
def test_placebo_ends_where_nobody_is_left_to_compare_with(start):
    # Truly treated from 3 (A) and 5 (B). Shifted by one, A has a placebo in period 2 and B in period 4, when
    # A is gone: period 4 has no comparison. A's unit effect beside B is -1.5, so 6 stands against 3 - 1.5.
    data = long({"A": (start + 3, [0, 0, 6, 50, 50, 50]), "B": (start + 5, [1, 2, 3, 4, 9, 50])}, start)
    found = kv.staggered.placebo(data, *COLUMNS, shift=1)
    assert found.estimate == pytest.approx(4.5, abs=IDENTITY)
    assert found.parts["estimate"].tolist() == pytest.approx([4.5])


def test_placebo_uses_the_last_period_that_has_a_comparison():
    # Shifted by one, A stands in period 2 with 6 against 2 (one below B), A2 in period 3 with 11 against 5.
    data = long({"A": (3, [0, 1, 6, 50, 50]), "A2": (4, [2, 3, 4, 11, 50]), "B": (5, [1, 2, 3, 4, 50])})
    found = kv.staggered.placebo(data, *COLUMNS, shift=1)
    assert found.estimate == pytest.approx((4 + 6) / 2, abs=IDENTITY)


def test_placebo_by_sun_and_abraham_and_what_it_refuses():
    rng = np.random.default_rng(3)
    units = {f"n{i}": (None, list(rng.normal(size=5))) for i in range(4)}
    data = long(units | {f"t{i}": (3, list(rng.normal(size=5))) for i in range(3)})
    found = kv.staggered.placebo(data, *COLUMNS, shift=1, method="sun_abraham")
    mean = data.assign(treated=data["unit"].str[0] == "t").pivot_table(
        values="y", index="treated", columns="time"
    )
    # One cohort without further effects: the change from the period before the placebo date.
    assert found.estimate == pytest.approx(
        (mean.loc[True, 2] - mean.loc[True, 1]) - (mean.loc[False, 2] - mean.loc[False, 1])
    )
    for arguments, message in (
        ({"shift": 0}, "at least one period"),
        ({"shift": 1, "method": "callaway_santanna"}, "unbalanced panels"),
    ):
        with pytest.raises(SpecificationError, match=message):
            kv.staggered.placebo(data, *COLUMNS, **arguments)


def test_placebo_leaves_out_units_that_would_always_have_been_treated():
    data = long({"A": (4, [0, 0, 3, 1, 90]), "B": (1, [7, 9, 9, 9, 9]), "C": (None, [0] * 5)})
    assert kv.staggered.placebo(data, *COLUMNS, shift=2).estimate == pytest.approx(2.0)
    # Moved by three, B would be treated from the first period on and has nothing to be compared with.
    moved = long({"A": (5, [0, 0, 0, 3, 1, 90]), "B": (2, [7, 9, 1, 1, 1, 1]), "C": (None, [0] * 6)})
    assert kv.staggered.placebo(moved, *COLUMNS, shift=3).estimate == pytest.approx((0 + 3 + 1) / 3)
    more = pd.concat([data, long({"Z": (-1, [5, 5, 8, 8, 8])})])
    with pytest.warns(DataWarning, match="1 unit.*first period on.*: Z"):
        found = kv.staggered.placebo(more, *COLUMNS, shift=2)
    assert found.estimate == pytest.approx(2.0)


# Trends before treatment ----------


@pytest.fixture(scope="module")
def study():
    rng = np.random.default_rng(11)
    firsts = [None] * 12 + [4] * 8 + [6] * 8
    return kv.staggered.event_study(
        long({f"u{i:02d}": (first, list(rng.normal(size=9))) for i, first in enumerate(firsts)}), *COLUMNS
    )


@pytest.mark.parametrize("horizons", [1, 2, 4, None])
def test_pre_trend_test_takes_the_last_horizons(study, horizons):
    table = study.horizons
    assert table["horizon"].tolist() == [-6, -5, -4, -3, -2, 0, 1, 2, 3, 4]
    lowest = -6 if horizons is None else -1 - horizons
    at = [i for i, h in enumerate(table["horizon"]) if lowest <= h <= -2]
    b, V = table["estimate"].to_numpy()[at], study.covariance[np.ix_(at, at)]
    test = kv.staggered.pre_trend_test(study, horizons)
    assert test.df == len(at) == (5 if horizons is None else horizons)
    assert test.statistic == pytest.approx(b @ np.linalg.inv(V) @ b)
    assert test.p_value == pytest.approx(chi2.sf(test.statistic, len(at)))


def test_pre_trend_test_of_one_horizon_is_its_squared_z(study):
    line = study.horizons.set_index("horizon").loc[-2]
    test = kv.staggered.pre_trend_test(study, 1)
    assert test.statistic == pytest.approx((line["estimate"] / line["std_error"]) ** 2)
    with pytest.raises(SpecificationError, match="no effects before treatment"):
        kv.staggered.pre_trend_test(study, 0)


@pytest.mark.parametrize("window", [1, 2, 3, None])
def test_sensitivity_uses_the_horizons_of_its_window(study, window, monkeypatch):
    asked = []
    real = diff_diff.compute_honest_did
    monkeypatch.setattr(
        diff_diff, "compute_honest_did", lambda results, **o: asked.append((results, o)) or real(results, **o)
    )
    kv.staggered.sensitivity(study, (0.5, 1.0), window)
    before, after = {
        1: ([-2], [0, 1]),
        2: ([-3, -2], [0, 1, 2]),
        3: ([-4, -3, -2], [0, 1, 2, 3]),
        None: ([-6, -5, -4, -3, -2], [0, 1, 2, 3, 4]),
    }[window]
    assert [options["M"] for _, options in asked] == [0.5, 1.0]
    table = study.horizons.set_index("horizon")
    for results, options in asked:
        assert options["method"] == "relative_magnitude"
        assert (results.pre_periods, results.post_periods) == (before, after)
        assert results.reference_period == -1
        at = [study.horizons["horizon"].tolist().index(h) for h in (*before, *after)]
        np.testing.assert_array_equal(results.vcov, study.covariance[np.ix_(at, at)])
        assert results.interaction_indices == {h: j for j, h in enumerate((*before, *after))}
        assert results.avg_att == pytest.approx(table.loc[after, "estimate"].mean())
        share = np.array([0.0] * len(before) + [1 / len(after)] * len(after))
        assert results.avg_se == pytest.approx(np.sqrt(share @ results.vcov @ share))
        assert results.avg_t_stat == pytest.approx(results.avg_att / results.avg_se)
        half = 1.96 * results.avg_se
        assert results.avg_conf_int == pytest.approx((results.avg_att - half, results.avg_att + half))
        effect = results.period_effects[-2]
        line = table.loc[-2]
        assert (effect.effect, effect.se) == (line["estimate"], line["std_error"])
        assert effect.p_value == pytest.approx(chi2.sf(effect.t_stat**2, 1))
        assert results.avg_p_value == pytest.approx(chi2.sf(results.avg_t_stat**2, 1))
        assert (results.n_obs, results.n_treated, results.n_control) == (28 * 9, 16, 12)


@pytest.mark.parametrize(("window", "length"), [(1, 1.5), (2, 2.0)])
def test_identified_set_by_hand(study, window, length):
    # Differences between neighbouring periods after treatment are at most M times the largest before it, so
    # the violation at horizon h is at most (h + 1) M times that: a mean of 1.5 over 0 and 1, 2 over 0 to 2.
    estimate = study.horizons.set_index("horizon")["estimate"]
    earlier = [*estimate.loc[-1 - window : -2], 0.0]
    largest = np.abs(np.diff(earlier)).max()
    mean = estimate.loc[0:window].mean()
    found = kv.staggered.sensitivity(study, (0.0, 0.5, 1.0), window).set_index("magnitude")
    assert found.index.tolist() == [0.0, 0.5, 1.0]
    for magnitude, line in found.iterrows():
        assert line["set_low"] == pytest.approx(mean - magnitude * length * largest, abs=1e-6)
        assert line["set_high"] == pytest.approx(mean + magnitude * length * largest, abs=1e-6)
        assert line["conf_low"] < line["set_low"] <= line["set_high"] < line["conf_high"]


def test_sensitivity_needs_horizons_before_treatment(study):
    with pytest.raises(SpecificationError, match="to judge trends by"):
        kv.staggered.sensitivity(study, window=0)
