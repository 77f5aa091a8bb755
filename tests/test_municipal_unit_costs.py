"""Unit costs by hand, with fractions, and on bad input.

Printed examples: KS, NHO and Virke (2014), sections 4.1 to 4.3.
"""

import math
from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kostnadsvekst as kv
from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.municipal.cost_parameters import working_time

costs = kv.municipal.unit_costs
Hours = costs.Hours

CLOSE = 1e-12  # a handful of operations in doubles
HOURS = Hours(900, 780, 34, 0.085, 3, 2, 10)
ORDINARY = "Ordinær langtidsplass"

money = st.integers(1, 10**12).map(lambda ore: ore / 100)
number = st.integers(1, 10**6).map(lambda n: n / 100)
share = st.integers(0, 90).map(lambda n: n / 100)


def close(value):
    return pytest.approx(float(value), rel=CLOSE)


def exact(value):
    """Fraction of a number as it is written."""
    return Fraction(str(value))


def faults_of(call, *args, **options):
    with pytest.raises(InvalidDataError) as error:
        call(*args, **options)
    return " | ".join(error.value.problems)


def value(frame, measure):
    return frame.set_index("measure").loc[measure, "value"]


# Nursing homes


def test_average_places_as_printed():
    """50 places for 8 months and 45 for 4: 580 / 12 = 48.33, printed 48."""
    assert costs.average_places([(50, 8), (45, 4)]) == close(Fraction(580, 12))
    assert costs.average_places([(50, 12)]) == 50
    assert costs.average_places([(0, 6), (10, 1.5), (20, 4.5)]) == close(Fraction(105, 12))


def test_average_places_names_every_fault():
    told = faults_of(costs.average_places, [(50, 8), (-1, 3), (45, math.nan), (3,)])
    for words in ("places of period 2 is -1", "months of period 3 is missing", "period 4 is (3,)"):
        assert words in told
    assert "sum to 11, not to 12" in faults_of(costs.average_places, [(50, 8), (45, 3)])
    assert "no period" in faults_of(costs.average_places, [])
    assert "'50', not a number" in faults_of(costs.average_places, [("50", 12)])


def test_places_in_use_are_bed_days_by_days():
    assert costs.places_in_use(73_000) == 200
    assert costs.places_in_use(73_200, 366) == 200
    assert "days is 0, must be above 0" in faults_of(costs.places_in_use, 100, 0)


def test_weights_of_places():
    """Annex 1: a short-term place of 863 841 kr against 761 822 kr has weight 1.13."""
    given_costs = {"ordinær": 761_822, "kort": 863_841}
    weights = costs.place_weights(given_costs, "ordinær")
    assert weights["ordinær"] == 1
    assert weights["kort"] == close(Fraction(863_841, 761_822))
    assert round(weights["kort"], 2) == 1.13
    assert costs.place_weights(pd.Series(given_costs), 761_822).equals(weights)
    assert (weights.name, weights.index.name) == ("weight", "place_type")


def test_weights_of_places_need_the_ordinary_one():
    told = faults_of(costs.place_weights, {"kort": 0, "demens": math.nan}, "ordinar")
    for words in (
        "costs 'kort' is 0, must be above 0",
        "costs 'demens' is missing",
        "no cost of the ordinary",
    ):
        assert words in told
    assert "must be above 0" in faults_of(costs.place_weights, {"kort": 1.0}, -5)
    twice = pd.Series([1.0, 2.0], index=["kort", "kort"])
    assert "'kort' (2 times)" in faults_of(costs.place_weights, twice, "kort")


def test_oslo_weights_are_costs_to_two_decimals():
    weights = costs.oslo_weights()
    known = weights.attrs["cost_2012_kr"]
    with_cost = {name: cost for name, cost in known.items() if cost}
    printed = costs.place_weights(with_cost, ORDINARY).round(2)
    pd.testing.assert_series_equal(printed, weights[list(with_cost)])
    assert set(weights.index) - set(with_cost) == {"Barnebolig"}
    assert weights["Barnebolig"] == 1.3


def test_nursing_home_by_hand():
    """100 ordinary, 20 in dementia units (1.07), 10 short-term (1.13): 130 places, 132.7 ordinary ones."""
    places = {ORDINARY: 100, "PLASS I SKJERMET AVDELING FOR DEMENS": 20, "Korttidsplass": 10}
    home = costs.nursing_home(130_000, places, care_fte=117)
    assert list(home.index) == ["unweighted", "weighted"]
    assert list(home.columns) == ["places", "cost_per_place_kr", "cost_per_day_kr", "care_fte_per_place"]
    assert home.loc["unweighted"].tolist() == [130, 1_000_000, close(Fraction(1_000_000, 365)), 0.9]
    weighted = Fraction("132.7")
    assert home.loc["weighted"].tolist() == [
        close(weighted),
        close(130_000_000 / weighted),
        close(130_000_000 / weighted / 365),
        close(117 / weighted),
    ]
    assert home.attrs["cost_kr"] == 130_000_000
    assert home.attrs["average_weight"] == close(weighted / 130)
    assert costs.weighted_places(places) == close(weighted)
    assert costs.average_weight(130, 132.7) == close(weighted / 130)


def test_nursing_home_of_a_leap_year_and_own_weights():
    home = costs.nursing_home(366, {"a": 1, "b": 1}, {"a": 1, "b": 0.5, "c": 9}, days=366)
    assert home["cost_per_day_kr"].tolist() == [500, close(Fraction(1000) / Fraction("1.5"))]
    assert home["care_fte_per_place"].isna().all()
    assert (
        costs.nursing_home(366, {"a": 2}, {"a": 1}, care_fte=0.5).loc["weighted", "care_fte_per_place"]
        == 0.25
    )
    assert costs.nursing_home(366, {"a": 0.25, "b": 0.25}, {"a": 1, "b": 3}).loc["weighted", "places"] == 1
    assert costs.nursing_home(0.5, 2).loc["unweighted", "cost_per_place_kr"] == 250
    assert costs.nursing_home(366, {"a": 2}, {"a": 1}, care_fte=0)["care_fte_per_place"].tolist() == [0, 0]


def test_places_without_types_have_no_weighted_row():
    home = costs.nursing_home(39_000, 48)
    assert home.index.tolist() == ["unweighted"]
    assert home.loc["unweighted", "cost_per_place_kr"] == 812_500  # printed
    assert "average_weight" not in home.attrs
    assert "give places by type" in faults_of(costs.nursing_home, 39_000, 48, {"a": 1})


def test_dividing_by_the_end_of_the_year():
    """Printed 866 600 and 54 100 are 866 666.67 and 54 166.67 cut off."""
    assert costs.cost_per_unit(39_000_000, 45, "places") == close(Fraction(39_000_000, 45))
    assert costs.cost_difference(39_000_000, 45, 48) == close(Fraction(39_000_000, 45) - 812_500)


def test_nursing_home_names_every_fault():
    told = faults_of(
        costs.nursing_home,
        -1,
        {"Ordinær langtidsplas": 3, "Korttidsplass": -2},
        care_fte=math.inf,
        days=0,
    )
    for words in (
        "cost_thousand is -1, must be above 0; give it in 1000 kroner",
        "care_fte is missing or infinite",
        "days is 0",
        "places 'Korttidsplass' is -2, must be at least 0",
        "did you mean 'Ordinær langtidsplass'",
    ):
        assert words in told


@pytest.mark.parametrize(
    ("places", "weights", "words"),
    [
        ({"a": 0, "b": 0}, {"a": 1, "b": 2}, "no place of any type"),
        ({"a": 1}, {"a": 1.2}, "no type of place has weight 1"),
        ({ORDINARY: 1}, {ORDINARY: 1.2, "a": 1}, "the ordinary place has weight 1, always"),
        ({"a": 1, "b": 1}, {"a": 1}, "no weight for 'b'"),
        ({"a": 1}, {"a": 0}, "weights 'a' is 0, must be above 0"),
        ({}, {"a": 1}, "places are empty"),
        ({"a": True}, {"a": 1}, "not a number"),
    ],
)
def test_places_and_weights_that_do_not_go_together(places, weights, words):
    assert words in faults_of(costs.nursing_home, 1000, places, weights)
    assert words in faults_of(costs.weighted_places, places, weights)


@settings(max_examples=100)
@given(money, st.lists(st.tuples(number, number), min_size=1, max_size=6), st.sampled_from([365, 366]))
def test_nursing_home_equals_fractions(cost, rows, days):
    places = {"ordinær": 1.0} | {f"type {i}": places for i, (places, _) in enumerate(rows)}
    weights = {"ordinær": 1.0} | {f"type {i}": weight for i, (_, weight) in enumerate(rows)}
    home = costs.nursing_home(cost, places, weights, days=days)
    plain = sum(map(exact, places.values()))
    weighted = sum(exact(places[name]) * exact(weights[name]) for name in places)
    for row, count in (("unweighted", plain), ("weighted", weighted)):
        assert home.loc[row, "cost_per_place_kr"] == close(exact(cost) * 1000 / count)
        assert home.loc[row, "cost_per_day_kr"] == close(exact(cost) * 1000 / count / days)


# Home services


def test_accounts_by_hand():
    """Wages of 1000.10, less a contra account of 60.05, insurance 200, goods 50.55, refunds 90.60."""
    accounts = {1010: 1000.10, "1064": -60.05, 1099: 200, 1110: 50.55, 1710: 75.60, 1729: 15}
    service = costs.home_service(accounts, None, admin=109)
    assert list(service.columns) == ["measure", "value", "unit", "status"]
    assert {row.measure: row.value for row in service.itertuples()} == {
        "gross_cost": close("1190.60"),
        "refunds": close("90.60"),
        "wages": close("940.05"),
        "pension_and_employer_contribution": 200,
        "net_cost_excluding_administration": close("1100"),
        "administration": 109,
        "net_cost_including_administration": close("1209"),
        "administration_share": close(Fraction(10900, 1209)),
    }
    assert set(service["status"]) == {"stated", "derived"}
    assert set(service.attrs["left_out"].values()) == {"no hours are given"}
    frame = pd.DataFrame({"account": accounts.keys(), "amount_kr": accounts.values()})
    pd.testing.assert_frame_equal(costs.home_service(frame, None, admin=109), service)
    pd.testing.assert_frame_equal(costs.home_service(pd.Series(accounts), None, admin=109), service)
    assert costs.account_subtotal(accounts, 1010, 1069) == close("940.05")
    assert costs.account_subtotal(accounts | {"total": 9.0}, 1700, 1729) == close("90.60")
    assert costs.administration_share(1209, 109) == close(Fraction(10900, 1209))


def test_own_accounts_with_more_digits_belong_to_their_art():
    accounts = {101_001: 10, 101_902: 20, 171_005: 3, 10691: 1}
    service = costs.home_service(accounts, None)
    assert value(service, "wages") == 31
    assert value(service, "net_cost_excluding_administration") == 28


def test_sums_are_exact_to_the_ore():
    """A running sum of a million times 0.1 is off by more than a millionth of an øre; ours is not."""
    accounts = {10_000_000 + i: 0.1 for i in range(10_000)}
    assert value(costs.home_service(accounts, None), "gross_cost") == 1000.0


@pytest.mark.parametrize(
    ("given_accounts", "net", "gross", "refunds", "status"),
    [
        (1000.0, True, None, None, None),  # after refunds: what they were is not known
        (1000.0, False, 1000.0, 0.0, "assumed"),  # before refunds, none given
        ({"total": 1000.0, 1710: 100.0}, False, 1000.0, 100.0, "stated"),
        ({"Total": 900.0, 1710: 100.0}, True, 1000.0, 100.0, "stated"),
        ({"total": 1000.0, 1010: 1000.0, 1710: 100.0}, False, 1000.0, 100.0, "stated"),
        ({"total": 900.004, 1010: 1000.0, 1710: 100.0}, True, 1000.0, 100.0, "stated"),  # within half an øre
    ],
)
def test_a_total_before_or_after_refunds(given_accounts, net, gross, refunds, status):
    service = costs.home_service(given_accounts, None, total_is_net_of_refunds=net)
    expected = 1000.0 if gross is None else gross - refunds
    assert value(service, "net_cost_excluding_administration") == expected
    if gross is None:
        assert {"gross_cost", "refunds"} <= set(service.attrs["left_out"])
        assert "gross_cost" not in set(service["measure"])
    else:
        assert value(service, "gross_cost") == gross
        assert value(service, "refunds") == refunds
        assert service.set_index("measure").loc["refunds", "status"] == status


def test_refunds_may_be_all_of_the_costs():
    service = costs.home_service({1010: 100.0, 1710: 100.0}, HOURS)
    assert value(service, "net_cost_excluding_administration") == 0
    assert value(service, "cost_per_delivered_hour_including_administration") == 0
    assert service.attrs["left_out"]["administration_share"] == "there is no cost"


def test_a_total_must_say_what_it_is():
    for accounts in (1000.0, {"total": 1000.0}):
        with pytest.raises(SpecificationError, match="total_is_net_of_refunds=True or False"):
            costs.home_service(accounts, HOURS)


@pytest.mark.parametrize(
    ("accounts", "net", "words"),
    [
        ({"total": 999.0, 1010: 1000.0}, False, "-1.00 kr; mend one of them"),
        ({"total": 1000.0, 1010: 1000.0, 1710: 50.0}, True, "costs less refunds sum to 950.00 kr"),
        ({"total": 1000.0, 1010: 1000.01}, False, "-0.01 kr"),
        ({1010: 100.0, 1710: -50.0}, None, "turn the sign of a ledger"),
        ({1010: 100.0, 1710: 150.0}, None, "refunds of 150.00 kr are more than the costs"),
        ({1010: 100.0, 1600: 50.0}, None, "account 1600 is an income"),
        ({"lønn": 100.0}, None, "'lønn' is no account"),
        ({101: 100.0}, None, "'101' is no account"),
        ({2010: 100.0}, None, "'2010' is no account"),
        ({1710: 100.0}, None, "no account of costs and no total"),
        ({1010: -5.0}, None, "sum to -5.00 kr"),
        ({"total": -5.0}, True, "the total is -5.00 kr"),
        ({1010: math.nan}, None, "accounts '1010' is missing"),
        ({1010: "1 000"}, None, "'1 000', not a number"),
        ({1010: 1.0, "1010": 2.0}, None, "'1010' (2 times)"),
        ({}, None, "accounts are empty"),
        (math.inf, True, "the total, kr, is missing or infinite"),
        ("1000", True, "not a number"),
    ],
)
def test_accounts_that_cannot_be_used(accounts, net, words):
    assert words in faults_of(costs.home_service, accounts, None, total_is_net_of_refunds=net)


def test_all_faults_of_a_service_at_once():
    accounts = {"lønn": 1.0, 1600: 2.0, 1010: math.nan}
    late = Hours(None, 2000, 10, 0.1, 0, 0, 0)
    told = faults_of(costs.home_service, accounts, late, admin=-1)
    for words in (
        "'lønn' is no account",
        "1600 is an income",
        "'1010' is missing",
        "admin is -1",
        "an ATA of",
    ):
        assert words in told
    with pytest.raises(DataMissingError, match="'amount_kr'"):
        costs.home_service(pd.DataFrame({"account": [1010], "amount": [1.0]}), None)
    with pytest.raises(SpecificationError, match="not dict"):
        costs.home_service(1.0, {"planned": 1})


def test_hours_by_hand():
    """34 × (37.5 × 52 − 40 × 7.5) × (1 − 0.085) = 34 × 1650 × 0.915 = 51 331.5 available, 66 300 paid."""
    assert HOURS.paid_hours == 66_300
    assert HOURS.available_hours == close("51331.5")
    service = costs.home_service(1_000_000, HOURS, admin=100_000, total_is_net_of_refunds=True)
    expected = {
        "planned_hours": 46_800,
        "delivered_hours": 40_560,
        "share_delivered": Fraction(78_000, 900),
        "ata_available": Fraction(4_056_000) / Fraction("51331.5"),
        "ata_paid": Fraction(4_056_000, 66_300),
        "cost_per_planned_hour_excluding_administration": Fraction(1_000_000, 46_800),
        "cost_per_planned_hour_including_administration": Fraction(1_100_000, 46_800),
        "cost_per_delivered_hour_excluding_administration": Fraction(1_000_000, 40_560),
        "cost_per_delivered_hour_including_administration": Fraction(1_100_000, 40_560),
        "cost_per_worked_hour_excluding_administration": 1_000_000 / Fraction("51331.5"),
        "cost_per_worked_hour_including_administration": 1_100_000 / Fraction("51331.5"),
    }
    assert {name: value(service, name) for name in expected} == {k: close(v) for k, v in expected.items()}
    units = service.set_index("measure")["unit"]
    assert units["ata_paid"] == "percent"
    assert units["planned_hours"] == "hours/year"
    assert units["cost_per_worked_hour_excluding_administration"] == "kr/hour"
    assert service.set_index("measure").loc["share_delivered", "status"] == "stated"


def test_what_hours_do_not_give_is_left_out_by_name():
    planned = costs.home_service(1000, Hours(10, *[None] * 6), total_is_net_of_refunds=True)
    assert value(planned, "cost_per_planned_hour_excluding_administration") == close(Fraction(1000, 520))
    left_out = planned.attrs["left_out"]
    assert left_out["ata_paid"] == "not given: delivered_per_week, fte"
    assert "sick_leave" in left_out["cost_per_worked_hour_including_administration"]
    without_leave = Hours(None, 100, 10, None, 3, 2, 10)
    delivered = costs.home_service(1000, without_leave, total_is_net_of_refunds=True)
    assert value(delivered, "ata_paid") == close(Fraction(520_000, 19_500))
    assert delivered.attrs["left_out"]["ata_available"] == "not given: sick_leave"


def test_defaults_are_the_dated_parameters():
    known = {name: one.value for name, one in working_time().items()}
    assert HOURS.holiday_days == known["holiday_days"]
    assert HOURS.weekly_hours == known["weekly_hours_day"]
    assert HOURS.weeks == known["weeks_per_year"]
    assert {one.status for one in working_time().values()} == {"assumed"}
    shift = Hours(None, 10, 1, 0, 0, 0, 0, holiday_days=0, weekly_hours=known["weekly_hours_shift"])
    assert shift.paid_hours == shift.available_hours == 1846


def test_hours_name_every_fault():
    told = faults_of(Hours, -1, math.nan, 0, 8.5, -3, 400, "x", holiday_days=25, weekly_hours=0, weeks=54)
    for words in (
        "planned_per_week is -1, must be above 0",
        "delivered_per_week is missing",
        "fte is 0",
        "sick_leave is 8.5, must be at least 0 and below 1; it is a share: 8.5 per cent are 0.085",
        "training_days is -3",
        "paid_leave_days is 400",
        "public_holidays is 'x'",
        "weekly_hours is 0",
        "weeks is 54",
    ):
        assert words in told
    assert "one of them is needed" in faults_of(Hours, None, None, 1, 0, 0, 0, 0)
    assert "260 days off leave nothing of 260" in faults_of(Hours, 1, 1, 1, 0, 100, 100, 35)
    assert Hours(1, 1, 1, 0, 100, 100, 34.99).available_hours > 0


def test_more_hours_than_are_worked_are_refused_and_as_many_are_not():
    """One man-year without absence has 1950 hours: 37.5 a week are all of them."""
    full = Hours(None, 37.5, 1, 0, 0, 0, 0, holiday_days=0)
    service = costs.home_service(1950, full, total_is_net_of_refunds=True)
    assert value(service, "ata_available") == value(service, "ata_paid") == 100
    more = Hours(None, 37.6, 1, 0, 0, 0, 0, holiday_days=0)
    told = faults_of(costs.home_service, 1950, more, total_is_net_of_refunds=True)
    assert "an ATA of 100.3 per cent" in told
    assert "100.3" in faults_of(
        costs.home_service, 1950, Hours(None, 37.6, 1, None, 0, 0, 0), total_is_net_of_refunds=True
    )


hour_sets = st.fixed_dictionaries(
    {
        "planned": number,
        "share": st.integers(1, 100).map(lambda n: n / 100),
        "fte": number,
        "sick": share,
        "days": st.tuples(*[st.integers(0, 20)] * 4),
        "week": st.sampled_from([37.5, 35.5, 33.6]),
        "weeks": st.sampled_from([52, 365 / 7, 50.5]),
    }
)


def worked(h):
    """Available hours of drawn numbers, in fractions."""
    week, weeks = exact(h["week"]), Fraction(h["weeks"])
    days = sum(map(exact, h["days"]))
    return exact(h["fte"]) * (week * weeks - days * week / 5) * (1 - exact(h["sick"]))


def hours_of(h):
    """Hours of which a share of the available ones is delivered."""
    delivered = float(worked(h) * exact(h["share"]) / Fraction(h["weeks"]))
    return Hours(
        h["planned"],
        delivered,
        h["fte"],
        h["sick"],
        *h["days"],
        weekly_hours=h["week"],
        weeks=h["weeks"],
    )


@settings(max_examples=1000)
@given(hour_sets)
def test_hours_equal_fractions_and_scale(h):
    hours = hours_of(h)
    assert hours.available_hours == pytest.approx(float(worked(h)), rel=1e-10)
    assert hours.paid_hours == close(exact(h["fte"]) * exact(h["week"]) * Fraction(h["weeks"]))
    twice = hours_of(h | {"fte": 2 * h["fte"]})
    assert twice.available_hours == pytest.approx(2 * hours.available_hours, rel=1e-12)
    assert twice.delivered_per_year == pytest.approx(2 * hours.delivered_per_year, rel=1e-10)
    later = hours_of(h | {"sick": (1 + h["sick"]) / 2})
    assert later.available_hours == pytest.approx(hours.available_hours / 2, rel=1e-10)


@settings(max_examples=60)
@given(hour_sets, money, money)
def test_home_service_equals_fractions(h, net, admin):
    hours = hours_of(h)
    service = costs.home_service(net, hours, admin=admin, total_is_net_of_refunds=True)
    delivered = Fraction(hours.delivered_per_week) * Fraction(h["weeks"])
    available = worked(h)
    both = exact(net) + exact(admin)
    for measure, expected in {
        "ata_available": 100 * delivered / available,
        "share_delivered": 100 * Fraction(hours.delivered_per_week) / Fraction(h["planned"]),
        "cost_per_delivered_hour_including_administration": both / delivered,
        "cost_per_planned_hour_excluding_administration": exact(net)
        / (exact(h["planned"]) * Fraction(h["weeks"])),
        "cost_per_worked_hour_including_administration": both / available,
        "administration_share": 100 * exact(admin) / both,
    }.items():
        assert value(service, measure) == pytest.approx(float(expected), rel=1e-10)


# Sensitivity


def test_sensitivity_by_hand():
    """51 331.5 available hours: at 60 per cent 592.29 a week, 1 000 000 / 30 798.9 = 32.47 kr each."""
    table = costs.ata_sensitivity(1_000_000, HOURS, [0.6, 0.5])
    assert list(table.columns) == ["ata", "delivered_per_week", "cost_per_delivered_hour_kr"]
    assert table["ata"].tolist() == [0.6, 0.5]
    assert table.loc[0].tolist() == [
        0.6,
        close(Fraction("30798.9") / 52),
        close(1_000_000 / Fraction("30798.9")),
    ]
    paid = costs.ata_sensitivity(1_000_000, Hours(1, None, 34, *[None] * 4), [0.5], base="paid")
    assert paid.loc[0].tolist() == [0.5, 637.5, close(Fraction(1_000_000, 33_150))]
    assert (table.attrs["base"], paid.attrs["base"]) == ("available", "paid")
    assert costs.extra_hours(51_331.5, 0.10) == close("5133.15")
    assert costs.ata_sensitivity(1_000_000, HOURS, 0.6).loc[0].equals(table.loc[0])
    assert "a share is '0.6', not a number" in faults_of(costs.ata_sensitivity, 1, HOURS, "0.6")


def test_sensitivity_at_the_present_ata_is_the_present_cost():
    service = costs.home_service(1_000_000, HOURS, total_is_net_of_refunds=True)
    for base in ("available", "paid"):
        now = value(service, f"ata_{base}") / 100
        row = costs.ata_sensitivity(1_000_000, HOURS, [now], base=base).loc[0]
        assert row["delivered_per_week"] == close(780)
        assert row["cost_per_delivered_hour_kr"] == close(Fraction(1_000_000, 40_560))


@settings(max_examples=50)
@given(hour_sets, st.lists(st.floats(0.01, 1), min_size=2, max_size=30, unique=True), money)
def test_cost_falls_with_ata(h, shares, cost):
    table = costs.ata_sensitivity(cost, hours_of(h), sorted(shares))
    assert table["delivered_per_week"].is_monotonic_increasing
    assert table["cost_per_delivered_hour_kr"].is_monotonic_decreasing
    yearly = table["delivered_per_week"] * h["weeks"] * table["cost_per_delivered_hour_kr"]
    assert yearly.to_numpy() == pytest.approx(cost, rel=1e-12)


def test_sensitivity_names_every_fault():
    without = Hours(1, None, None, None, 0, 0, 0)
    told = faults_of(costs.ata_sensitivity, 0, without, [60, 0.5, 0.5, math.nan])
    for words in (
        "net_cost is 0",
        "a share is 60, must be at most 1 and above 0; 60 per cent are 0.6",
        "'0.5' (2 times)",
        "a share is missing",
        "available hours are not known: fte, sick_leave not given",
    ):
        assert words in told.replace("above 0 and at most 1", "at most 1 and above 0")
    assert "no share" in faults_of(costs.ata_sensitivity, 1, HOURS, [])
    assert "not dict" in faults_of(costs.ata_sensitivity, 1, {}, [0.5])
    with pytest.raises(SpecificationError, match="not available or paid"):
        costs.ata_sensitivity(1, HOURS, [0.5], base="net")
    assert "ten points are 0.10" in faults_of(costs.extra_hours, 100, 10)


@pytest.mark.parametrize(
    ("call", "args", "words"),
    [
        (costs.cost_per_unit, (1.0, 0), "number of recipients is 0"),
        (costs.cost_per_unit, (math.nan, 1), "the cost, kr, is missing"),
        (costs.cost_difference, (1.0, 1, 0), "number of places is 0"),
        (costs.average_weight, (0, 1), "places is 0"),
        (costs.administration_share, (100, 101), "must be at least 0 and at most 100"),
        (costs.administration_share, (0, 0), "the cost with administration, kr, is 0"),
    ],
)
def test_divisions_without_a_base(call, args, words):
    assert words in faults_of(call, *args)


@settings(max_examples=150)
@given(st.lists(st.tuples(number, st.integers(1, 100)), min_size=1, max_size=5), money, number, number)
def test_averages_weights_and_divisions_equal_fractions(parts, cost, count, other):
    whole = sum(part for _, part in parts)
    periods = [(places, 12 * part / whole) for places, part in parts]
    average = sum(exact(places) * Fraction(part, whole) for places, part in parts)
    assert costs.average_places(periods) == pytest.approx(float(average), rel=CLOSE)
    by_type = {f"type {i}": places for i, (places, _) in enumerate(parts)}
    weights = costs.place_weights(by_type, "type 0")
    assert weights.tolist() == [close(exact(places) / exact(parts[0][0])) for places, _ in parts]
    assert costs.cost_per_unit(cost, count) == close(exact(cost) / exact(count))
    difference = exact(cost) / exact(count) - exact(cost) / exact(other)
    scale = cost / min(count, other)
    assert costs.cost_difference(cost, count, other) == pytest.approx(float(difference), abs=scale * CLOSE)
    assert costs.average_weight(count, other) == close(exact(other) / exact(count))
    assert costs.places_in_use(cost, count) == close(exact(cost) / exact(count))
    assert costs.extra_hours(0.5, 1) == 0.5
