"""Intervals of the rows of a profile: what is left out by name, what is refused, what cannot matter."""

import json
import math
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.municipal.comparison import intervals
from kostnadsvekst.municipal.comparison_intervals import ADDED
from kostnadsvekst.municipal.count_intervals import (
    binomial_interval,
    overdispersed_interval,
    poisson_interval,
)
from kostnadsvekst.municipal.protection import protect_profile
from kostnadsvekst.municipal.user_groups import profile
from municipal_books import made_book

PER = {
    "refund_share": 100.0,
    "users_per_1000": 1000.0,
    "places_per_1000": 1000.0,
    "coverage_80_plus": 100.0,
    "fte_per_1000": 1000.0,
}
PLACES = ("Oppdiktet A", "Oppdiktet B", "Oppdiktet C", "Oppdiktet D", "Oppdiktet E")


def rows(measure, numerator, denominator, *, years=(2023,), **cell):
    """Rows of a profile: municipalities in order, each with its years."""
    top, bottom = np.broadcast_arrays(np.asarray(numerator, float), np.asarray(denominator, float))
    names = PLACES[: top.size // len(years)]
    where = {"group": "adults", "age": "all", "service": "home_nursing", "provision": "all"} | cell
    with np.errstate(divide="ignore", invalid="ignore"):
        value = top / bottom * PER.get(measure, 1.0)
    frame = pd.DataFrame({"municipality": np.repeat(names, len(years)), "year": list(years) * len(names)})
    numbers = {"numerator": top, "denominator": bottom, "value": value}
    rest = {"unit": "x", "mean": 1.0, "index": 100.0, "colour": "", "status": "derived"}
    return frame.assign(**where, measure=measure, **numbers, **rest)


def quiet(frame, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return intervals(frame, **options)


@pytest.fixture(scope="module")
def book():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return profile(*made_book(11, years=4))


@pytest.fixture(scope="module")
def found(book):
    return quiet(book)


def test_six_dwellings():
    found = quiet(rows("places_per_1000", [6.0, 30], [10_000.0, 12_000], service="housing"))
    six = found.iloc[0]
    shares = [round(100 * (six[c] / six["value"] - 1)) for c in ("low_exact", "high_exact", "low", "high")]
    assert shares == [-63, 118, -59, 108]
    assert six["value"] == pytest.approx(0.6)


def test_rows_come_back_as_they_were_with_more_columns(book, found):
    pd.testing.assert_frame_equal(found[list(book.columns)], book.reset_index(drop=True))
    assert tuple(found.columns) == (*book.columns, *ADDED)
    assert found.attrs["reference"] == book.attrs["reference"]
    assert json.loads(json.dumps(found.attrs, allow_nan=False)) == found.attrs


def test_every_row_has_a_method_or_is_left_out_by_name(found):
    none = found[found["method"] == ""]
    assert len(none)
    assert none[["low", "high", "shrunk", "rank"]].isna().all().all()
    told = "\n".join(found.attrs["left_out"])
    for measure in none["measure"].unique():
        assert f"{measure}, " in told
    some = found[found["method"].isin(["poisson", "binomial"])]
    assert some[["low", "high", "low_exact", "high_exact"]].notna().all().all()


def test_limits_hold_the_value_and_are_in_order(found):
    some = found[found["low"].notna()]
    assert (some["low"] <= some["value"] + 1e-9).all()
    assert (some["value"] <= some["high"] + 1e-9).all()
    counts = some[some["method"] != "compound"]
    slack = 1e-9 * (1 + counts["value"])
    assert (counts["low_exact"] <= counts["low"] + slack).all()
    assert (counts["high_exact"] >= counts["high"] - slack).all()
    wide = counts[counts["phi"].notna()]
    assert (wide["low_overdispersed"] <= wide["low"] + slack[wide.index]).all()
    assert (wide["high_overdispersed_exact"] >= wide["high_exact"] - slack[wide.index]).all()
    ranked = found[found["rank"].notna()]
    assert (ranked["rank_low"] <= ranked["rank"]).all()
    assert (ranked["rank"] <= ranked["rank_high"]).all()
    assert ranked["p_above_mean"].between(0, 1).all()


def test_the_order_of_rows_changes_nothing(book, found):
    shuffled = book.sample(frac=1, random_state=1)
    again = quiet(shuffled).set_axis(shuffled.index).sort_index()
    pd.testing.assert_frame_equal(again[found.columns], found, check_exact=True)


def test_other_comparisons_change_nothing(book, found):
    part = book["year"].eq(2021) & book["measure"].str.startswith("users")
    alone = quiet(book[part].reset_index(drop=True))
    pd.testing.assert_frame_equal(alone[list(ADDED)], found[part][list(ADDED)].reset_index(drop=True))


def test_intervals_of_intervals_are_the_same(found):
    pd.testing.assert_frame_equal(quiet(found)[list(found.columns)], found)


def test_counts_are_poisson_and_users_of_an_age_group_binomial():
    y, n = np.array([12.0, 40, 3]), np.array([400.0, 900, 150])
    whole, aged = (quiet(rows("users_per_1000", y, n, age=age)) for age in ("all", "18-67"))
    assert set(whole["method"]) == {"poisson"}
    assert set(aged["method"]) == {"binomial"}
    np.testing.assert_allclose(whole["low"], 1000 * poisson_interval(y).low / n)
    np.testing.assert_allclose(aged["high"], 1000 * binomial_interval(y, n).high)
    np.testing.assert_allclose(aged["low_exact"], 1000 * binomial_interval(y, n, mid_p=False).low)
    assert whole["target"].tolist() == pytest.approx([1000 * 55 / 1450] * 3)


def test_level_is_that_of_the_limits():
    frame = rows("users_per_1000", [12.0, 40, 3], [400.0, 900, 150])
    found = quiet(frame, level=0.8)
    np.testing.assert_allclose(
        found["low"], 1000 * poisson_interval([12, 40, 3], 0.8).low / frame["denominator"]
    )
    assert found.attrs["level"] == 0.8


def test_none_and_all_have_limits_but_nothing_to_compare():
    """Where nobody has any the common rate is zero: nothing is said of differences."""
    found = quiet(rows("users_per_1000", [0.0, 0, 0], [400.0, 900, 150]))
    assert found["low"].tolist() == [0, 0, 0]
    # Mid-P of zero: exp(-mean) / 2 = 0.025.
    np.testing.assert_allclose(found["high"], 1000 * -math.log(0.05) / np.array([400, 900, 150]))
    assert found[["shrunk", "p_above_mean", "phi", "rank"]].isna().all().all()
    assert any("every municipality has none" in line for line in found.attrs["left_out"])
    found = quiet(rows("users_per_1000", [40.0, 90], [40.0, 90], age="0-17"))
    assert found["high"].tolist() == [1000, 1000]
    one = quiet(rows("users_per_1000", [0.0, 0, 1], [400.0, 900, 150]))
    assert one[["shrunk", "p_above_mean", "rank"]].notna().all().all()


def test_one_municipality_has_limits_and_no_rank():
    found = quiet(rows("users_per_1000", [7.0], [400.0]))
    assert found[["low", "high"]].notna().all().all()
    assert found[["rank", "rank_low", "rank_raw", "shrunk", "phi"]].isna().all().all()
    assert "no other municipality" in found.attrs["left_out"][0]
    two = quiet(rows("users_per_1000", [7.0, 70], [400.0, 400]))
    assert two["rank_low"].tolist() == [2, 1]
    assert two["rank_high"].tolist() == [2, 1]


def test_equal_municipalities_share_every_rank():
    found = quiet(rows("users_per_1000", [50.0] * 4, [1000.0] * 4))
    assert found["rank"].tolist() == [2.5] * 4
    assert found["rank_raw"].tolist() == [2.5] * 4
    assert found["rank_low"].tolist() == [1] * 4
    assert found["rank_high"].tolist() == [4] * 4
    assert found["p_above_mean"].tolist() == [0.5] * 4
    np.testing.assert_allclose(found["shrunk"], 50)


def test_the_mean_is_of_the_reference_and_own_is_compared_with_it():
    frame = rows("users_per_1000", [300.0, 50, 60, 40, 55], [1000.0] * 5)
    inside = quiet(frame)
    frame.attrs["reference"] = list(PLACES[1:])
    outside = quiet(frame)
    assert outside["target"].iloc[0] == pytest.approx(205 / 4)
    assert inside["target"].iloc[0] == pytest.approx(505 / 5)
    assert outside["phi"].iloc[0] < inside["phi"].iloc[0]
    assert outside["rank_low"].tolist() == inside["rank_low"].tolist() == [1, 2, 2, 2, 2]


def compound(years, spread=1.3, n=5):
    """Users, and what is spent on them, in several years: true unit costs 100, 110, ..."""
    rng = np.random.default_rng(4)
    users = np.tile([40.0, 90, 60, 30, 120], (len(years), 1)).T.ravel()[: n * len(years)]
    unit = np.repeat(100 + 10 * np.arange(n), len(years)) * (1 + 0.03 * np.tile(range(len(years)), n))
    amounts = users * unit * (1 + spread * rng.normal(size=users.size) / np.sqrt(users))
    people = np.repeat([4000.0, 9000, 6000, 3000, 12000][:n], len(years))
    made = {
        "users_per_1000": (users, people),
        "cost_per_recipient": (amounts, users),
        "gross_per_inhabitant": (amounts, people),
    }
    return pd.concat([rows(m, *x, years=years) for m, x in made.items()], ignore_index=True)


def test_the_spread_of_costs_is_that_of_years_and_else_of_municipalities():
    found = quiet(compound(range(2016, 2024)))
    costs = found[found["measure"] == "cost_per_recipient"]
    # Simulated with 1.3 squared = 1.69, 28 degrees of freedom: a standard error of 0.45.
    assert len(set(costs["spread"])) == 1
    assert abs(costs["spread"].iloc[0] - 1.69) < 3 * 0.45
    assert costs[["shrunk", "rank", "p_above_mean"]].notna().all().all()
    one = quiet(compound([2023]))
    costs = one[one["measure"] == "cost_per_recipient"]
    assert costs[["low", "high", "rank_low", "rank_raw"]].notna().all().all()
    assert costs[["shrunk", "rank", "p_above_mean"]].isna().all().all()
    assert any("give more years" in line for line in one.attrs["left_out"])
    # By hand: squared deviations from the common mean, times recipients, over four degrees of freedom.
    u, n = costs["value"].to_numpy(), costs["denominator"].to_numpy()
    mean = (u * n).sum() / n.sum()
    assert costs["spread"].iloc[0] == pytest.approx((n * (u / mean - 1) ** 2).sum() / 4)
    half = stats.t.isf(0.025, 4) * math.sqrt(costs["spread"].iloc[0] / n[0])
    assert costs["high"].iloc[0] == pytest.approx(u[0] * math.exp(half))


def test_a_cost_for_each_inhabitant_has_the_count_of_its_users_behind_it():
    frame = compound([2022, 2023])
    found = quiet(frame)
    per = found[found["measure"] == "gross_per_inhabitant"]
    assert per["count"].tolist() == found.loc[found["measure"] == "users_per_1000", "numerator"].tolist()
    each = found[found["measure"] == "cost_per_recipient"]
    assert (per["high"] / per["value"]).gt((each["high"] / each["value"]).to_numpy()).all()
    alone = quiet(frame[frame["measure"] == "gross_per_inhabitant"])
    assert alone["low"].isna().all()
    assert "are not counted" in alone.attrs["left_out"][0]


def test_a_whole_group_has_its_unique_users_behind_it():
    net = rows("net_per_inhabitant", [9e6, 5e6, 7e6], [4000.0, 3000, 3500], service="all")
    users = rows("users_per_1000", [90.0, 60, 70], [4000.0, 3000, 3500], service="unique_users")
    found = quiet(pd.concat([net, users], ignore_index=True))
    assert found["count"].tolist()[:3] == [90, 60, 70]
    assert found["low"].notna().all()


def test_shares_of_kroner_and_amounts_of_nobody_are_left_out_by_name():
    share = rows("refund_share", [2e6, 1e6], [9e6, 8e6])
    nothing = rows("cost_per_recipient", [0.0, 5e5, 6e5], [3.0, 5, 7])
    told = quiet(pd.concat([share, nothing], ignore_index=True))
    assert told["low"].notna().tolist() == [False, False, False, True, True]
    lines = "\n".join(told.attrs["left_out"])
    assert "refund_share, adults, home_nursing, all: shares of kroner" in lines
    assert "nothing is spent, or nobody receives it: a spread is not known (Oppdiktet A 2023)" in lines


def test_two_rows_of_one_amount_do_not_tell_a_spread():
    alone = quiet(rows("cost_per_recipient", [5e5], [5.0]))
    assert alone[["low", "high"]].isna().all().all()
    assert "spread between recipients is not identified" in alone.attrs["left_out"][0]


def test_overdispersion_by_years_and_by_municipalities():
    rng = np.random.default_rng(8)
    years = tuple(range(2010, 2020))
    level = np.repeat([20.0, 40, 80, 160, 320], 10)
    frame = rows("users_per_1000", rng.poisson(level), 10_000, years=years)
    across, within = quiet(frame), quiet(frame, dispersion="years")
    assert across["phi"].min() > 20  # municipalities differ very much
    assert len(set(within["phi"])) == 1
    assert within["phi"].iloc[0] == pytest.approx(
        1, abs=0.7
    )  # 36 degrees of freedom: a standard error of 0.24
    one = quiet(frame[frame["year"] == 2010], dispersion="years")
    assert one[["phi", "low_overdispersed"]].isna().all().all()


def test_hidden_cells_are_left_out_and_tell_nothing(book):
    protected = protect_profile(book)
    found = quiet(protected)
    hidden = found["hidden"] == ":"
    assert hidden.any()
    assert (
        found.loc[hidden, [c for c in ADDED if c not in ("method", "target", "phi", "tau")]]
        .isna()
        .all()
        .all()
    )
    assert (found.loc[hidden, "method"] == "").all()
    assert any("hidden: few persons" in line for line in found.attrs["left_out"])
    assert found.loc[~hidden, "low"].notna().any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"numerator": -1.0, "value": -2.5}, "the numerator is negative"),
        ({"numerator": np.inf, "value": np.inf}, "a number is infinite"),
        ({"denominator": -400.0, "value": -30.0}, "the denominator is negative"),
        ({"value": 31.0}, "the value is not numerator / denominator"),
        ({"municipality": "Oppdiktet B"}, "stands twice"),
        ({"measure": "user_per_1000"}, "unknown measure"),
        ({"municipality": None}, "a cell is empty"),
    ],
)
def test_what_is_wrong_is_refused_by_name_and_what_is_right_is_not(change, words):
    frame = rows("users_per_1000", [12.0, 40, 3], [400.0, 900, 150])
    intervals(frame)
    wrong = frame.astype({"municipality": object})
    for column, value in change.items():
        wrong.loc[0, column] = value
    with pytest.raises(InvalidDataError, match=words):
        intervals(wrong)


def test_all_faults_are_told_at_once():
    frame = rows("users_per_1000", [12.0, 40, 3], [400.0, 900, 150], age="18-67")
    frame.loc[0, ["numerator", "value"]] = [-12.0, -30.0]
    frame.loc[1, ["numerator", "value"]] = [1800.0, 2000.0]
    frame.loc[2, "value"] = 7.0
    with pytest.raises(InvalidDataError) as caught:
        intervals(pd.concat([frame, frame.iloc[[2]]]))
    told = str(caught.value)
    for words in ("numerator is negative", "more users than inhabitants", "is not numerator", "stands twice"):
        assert words in told
    assert "Oppdiktet B, 2023, adults, home_nursing, all, users_per_1000: more users" in told
    with pytest.raises(SpecificationError, match=r"level=95.*dispersion='year'"):
        intervals(frame, level=95, dispersion="year")


def test_texts_and_missing_columns_and_other_things_are_refused():
    frame = rows("users_per_1000", [12.0, 40], [400.0, 900])
    with pytest.raises(InvalidDataError, match="row 2: numerator is no number"):
        intervals(frame.astype({"numerator": object}).assign(numerator=[12.0, "forty"]))
    with pytest.raises(DataMissingError, match="denominator"):
        intervals(frame.drop(columns="denominator"))
    with pytest.raises(InvalidDataError, match="data frame"):
        intervals([1, 2])


def test_zero_denominators_and_missing_numbers_are_left_out_by_name():
    frame = rows("users_per_1000", [12.0, 4, np.nan, 5], [400.0, 0, 900, 300])
    found = quiet(frame)
    assert found["low"].notna().tolist() == [True, False, False, True]
    lines = "\n".join(found.attrs["left_out"])
    assert "the denominator is zero (Oppdiktet B 2023)" in lines
    assert "a number is missing (Oppdiktet C 2023)" in lines
    assert found["rank_high"].max() == 2


def test_no_rows_give_no_rows():
    found = intervals(rows("users_per_1000", [12.0, 4], [400.0, 300]).iloc[:0])
    assert len(found) == 0
    assert set(ADDED) <= set(found.columns)


def test_one_remark_is_one_warning():
    with pytest.warns(DataWarning, match=r"intervals: 1 remark\(s\)"):
        intervals(rows("users_per_1000", [7.0], [400.0]))


def test_overdispersed_limits_have_the_dispersion_that_is_told():
    """Of the mean's own municipalities with the normal quantile; the exact ones for an upper bound of phi."""
    y, n = np.array([20.0, 60, 90, 35, 150]), np.array([1000.0, 2000, 2100, 1500, 3000])
    found = quiet(rows("users_per_1000", y, n))
    phi = found["phi"].iloc[0]
    # Five are too few to move an end in: Pearson's statistic over four.
    rate = y.sum() / n.sum()
    assert phi == pytest.approx(((y - n * rate) ** 2 / (n * rate)).sum() / 4)
    assert phi > 1.5
    wide = overdispersed_interval(y, n, phi, stats.norm.isf(0.025))
    np.testing.assert_allclose(found["high_overdispersed"], 1000 * wide.high)
    bound = phi * 4 / stats.chi2.ppf(0.005, 4)
    widest = overdispersed_interval(y, n, bound, stats.norm.isf(0.0225), corrected=True)
    np.testing.assert_allclose(found["low_overdispersed_exact"], 1000 * widest.low)
    np.testing.assert_allclose(found["high_overdispersed_exact"], 1000 * widest.high)
