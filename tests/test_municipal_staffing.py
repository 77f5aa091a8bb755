"""Man-years from hours, decisions by size, application offices: by hand, in fractions, on bad input."""

import math
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kostnadsvekst as kv
from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.provenance import Provenance

staffing = kv.municipal.staffing
CLOSE = 1e-12  # a handful of operations in doubles


def faults_of(call, *args, **options):
    with pytest.raises(InvalidDataError) as error:
        call(*args, **options)
    return " | ".join(error.value.problems)


def test_man_years_by_hand():
    """300 hours a week at 60 per cent of 1500: 15 600 / 900 = 17.33; on paid shift hours 300 / 35.5 / 0.6."""
    assert staffing.fte_from_hours(300, 0.6, hours_per_fte_year=1500) == pytest.approx(52 / 3, rel=CLOSE)
    paid = staffing.fte_from_hours(300, 0.6, hours_per_fte_year=1846)
    assert paid == pytest.approx(300 / (35.5 * 0.6), rel=CLOSE)
    assert staffing.fte_from_yearly_hours(15_600, 0.6, hours_per_fte_year=1500) == pytest.approx(52 / 3)
    assert staffing.fte_from_hours(0, 1, hours_per_fte_year=1) == 0
    longer = staffing.fte_from_hours(300, 0.6, hours_per_fte_year=1500, weeks=365 / 7)
    assert longer == pytest.approx(300 * 365 / 7 / 900, rel=CLOSE)
    assert staffing.fte_ratio(0.6, 0.7) == pytest.approx(6 / 7, rel=CLOSE)


def test_man_years_name_every_fault():
    told = faults_of(staffing.fte_from_hours, -1, 60, hours_per_fte_year=0, weeks=60)
    for words in (
        "hours_per_week is -1",
        "weeks is 60, must be above 0 and at most 53; a year has 52, or 365/7",
        "ata is 60, must be above 0 and at most 1; 60 per cent are 0.6",
        "hours_per_fte_year is 0",
    ):
        assert words in told
    told = faults_of(staffing.fte_from_yearly_hours, math.nan, 0, hours_per_fte_year="1500")
    for words in ("hours_per_year is missing", "ata is 0", "hours_per_fte_year is '1500'"):
        assert words in told
    assert "ata_to is 1.5" in faults_of(staffing.fte_ratio, 0.5, 1.5)
    assert "ata_to is 0" in faults_of(staffing.fte_ratio, 0.5, 0)


positive = st.integers(1, 10**6).map(lambda n: n / 100)


@settings(max_examples=1000)
@given(positive, st.integers(1, 99), st.integers(1, 99), positive, st.sampled_from([52, 50.5, 365 / 7]))
def test_man_years_fall_with_ata_and_scale_with_hours(hours, low, more, year, weeks):
    low, high = low / 100, min(1.0, (low + more) / 100)
    given_year = {"hours_per_fte_year": year, "weeks": weeks}
    at_low = staffing.fte_from_hours(hours, low, **given_year)
    at_high = staffing.fte_from_hours(hours, high, **given_year)
    exact = Fraction(hours) * Fraction(weeks) / (Fraction(year) * Fraction(low))
    assert at_low == pytest.approx(float(exact), rel=CLOSE)
    assert at_high < at_low
    assert at_high == pytest.approx(at_low * staffing.fte_ratio(low, high), rel=CLOSE)
    assert staffing.fte_from_hours(3 * hours, low, **given_year) == pytest.approx(3 * at_low, rel=CLOSE)


def test_share_of_man_years_that_is_delivered():
    assert staffing.delivered_share_percent(45, 60) == 75
    assert staffing.delivered_share_percent(60, 60) == 100
    assert "must be at least 0 and at most 60" in faults_of(staffing.delivered_share_percent, 61, 60)
    assert "fte is 0" in faults_of(staffing.delivered_share_percent, 1, 0)


def test_totals_that_printed_shares_imply():
    """30 are 15 per cent of 200; 14.5 and 15.5 round to it: 193.5 to 206.9."""
    total = staffing.implied_total(30, 15)
    assert (total.value, total.low, total.high) == (200, 30 / 0.155, pytest.approx(30 / 0.145, rel=CLOSE))
    sharper = staffing.implied_total(30, 15, decimals=1)
    assert total.low < sharper.low < 200 < sharper.high < total.high
    assert staffing.implied_total(30, 100).low == 30
    told = faults_of(staffing.implied_total, -1, 0.5)
    assert "count is -1" in told
    assert "percent is 0.5, must be at most 100 and above 0.5" in told.replace(
        "above 0.5 and at most 100", "at most 100 and above 0.5"
    )


def test_decisions_by_size_by_hand():
    """On a limit: 1 and 2.5 are not under it, 15 is not over it."""
    sizes = [0, 0.5, 1, 2, 2.5, 10, 15, 15.5, 20, 0.9]
    table = staffing.decisions(sizes)
    assert table["recipients"].tolist() == [3, 2, 3, 2]
    assert table["share_percent"].tolist() == [30, 20, 30, 20]
    assert table["cumulative_percent"].tolist() == [30, 50, 80, 100]
    assert table["hours_per_week"].tolist() == [1.4, 3, 27.5, 35.5]
    assert table["hours_share_percent"].tolist() == pytest.approx(
        [100 * h / 67.4 for h in (1.4, 3, 27.5, 35.5)]
    )
    assert table["from_hours"].tolist() == [0, 1, 2.5, 15]
    assert table["to_hours"].tolist()[:3] == [1, 2.5, 15]
    assert math.isnan(table["to_hours"].iloc[3])
    one = staffing.decisions(sizes, limits=(15,))
    assert one["recipients"].tolist() == [8, 2]


def test_decisions_may_have_names_and_an_origin():
    named = {"a": 0.5, "b": 3.0, "c": 20.0}
    series = pd.Series(named)
    series.attrs["provenance"] = Provenance("synthetic").to_attrs()
    table = staffing.decisions(series)
    pd.testing.assert_frame_equal(table, staffing.decisions(named), check_like=True)
    assert table.attrs["provenance"]["origin"] == "synthetic"
    assert staffing.decisions([0, 0])["hours_share_percent"].isna().all()


def test_decisions_name_every_fault():
    told = faults_of(staffing.decisions, [1, -2, math.nan, "3"], limits=(2.5, 1, 1))
    for words in (
        "hours of decision 2 is -2",
        "hours of decision 3 is missing",
        "hours of decision 4 is '3'",
        "'1' (2 times)",
    ):
        assert words in told
    assert "do not rise" in faults_of(staffing.decisions, [1], limits=(2, 1))
    assert "no decision" in faults_of(staffing.decisions, [])
    assert "no limit" in faults_of(staffing.decisions, [1], limits=())


@settings(max_examples=50)
@given(st.lists(st.sampled_from([0, 0.5, 1, 1.5, 2.5, 2.6, 15, 15.1, 30]), min_size=1, max_size=40))
def test_every_decision_is_in_one_size(sizes):
    table = staffing.decisions(sizes)
    counted = [
        sum(size < 1 for size in sizes),
        sum(1 <= size < 2.5 for size in sizes),
        sum(2.5 <= size <= 15 for size in sizes),
        sum(size > 15 for size in sizes),
    ]
    assert table["recipients"].tolist() == counted
    assert math.fsum(table["hours_per_week"]) == pytest.approx(math.fsum(sizes), rel=CLOSE)
    assert table["cumulative_percent"].iloc[-1] == 100


def test_application_office_by_hand():
    """12 man-years, 2 of them on other tasks, 25 000 inhabitants at 80 per cent of need: 10 / 20 000."""
    assert staffing.application_office(12, 25_000, 0.8, excluded_fte=2) == pytest.approx(5, rel=CLOSE)
    assert staffing.application_office(10, 20_000, 1) == 5
    assert staffing.application_office(0.5, 10_000, 0.5, excluded_fte=0.25) == 0.5
    assert staffing.application_office(np.float64(2), np.int64(10_000), 1.0, excluded_fte=2) == 0


def test_application_office_names_every_fault():
    told = faults_of(staffing.application_office, 2, 0, 97.2, excluded_fte=3)
    for words in (
        "excluded_fte is 3, must be at least 0 and at most 2; it is a part of fte",
        "population is 0",
        "need_index is 97.2",
        "97.2 per cent are 0.972",
    ):
        assert words in told
    assert "fte is -1" in faults_of(staffing.application_office, -1, 1, 1)


@settings(max_examples=100)
@given(positive, st.integers(0, 100), positive, st.integers(1, 500), st.integers(1, 99))
def test_shares_and_rates_equal_fractions(fte, part, population, index, percent):
    excluded = fte * part / 100
    exact = Fraction(fte) - Fraction(excluded)
    rate = staffing.application_office(fte, population, index / 100, excluded_fte=excluded)
    expected = exact / (Fraction(population) * Fraction(index, 100)) * 10_000
    assert rate == pytest.approx(float(expected), rel=1e-10, abs=1e-9 * fte / population)
    assert staffing.delivered_share_percent(excluded, fte) == pytest.approx(part, rel=1e-10, abs=1e-10)
    total = staffing.implied_total(fte, percent)
    ends = (
        Fraction(100 * fte) / Fraction(2 * percent + 1, 2),
        Fraction(100 * fte) / Fraction(2 * percent - 1, 2),
    )
    assert (total.low, total.high) == (pytest.approx(float(ends[0])), pytest.approx(float(ends[1])))
    assert total.value == pytest.approx(float(Fraction(100 * fte) / percent), rel=CLOSE)
