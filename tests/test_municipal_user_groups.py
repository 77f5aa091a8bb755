"""User groups: corrections, shared costs, contribution, refunds, curves, and the profile beside others."""

import math
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.municipal.allocation import spread_ore
from kostnadsvekst.municipal.protection import protect_profile
from kostnadsvekst.municipal.user_group_inputs import AMOUNTS
from kostnadsvekst.municipal.user_group_profile import COLUMNS
from kostnadsvekst.municipal.user_group_terms import (
    GROUPS,
    MEASURES,
    care_functions,
    service_label,
    services,
)
from kostnadsvekst.municipal.user_groups import (
    LogCurve,
    adjust_employer_contribution,
    allocate,
    colour,
    contradictions,
    correct,
    index_to_mean,
    log_curve,
    moved,
    profile,
    refund,
)
from kostnadsvekst.provenance import provenance_of
from municipal_books import made_book
from municipal_brute_force import brute_force

KEYS = ["municipality", "year", "group", "age", "service", "provision", "measure"]
BIG = settings(max_examples=1000)


@pytest.fixture(scope="module")
def book():
    """Counts, accounts, population and need of eight years of two to four invented municipalities."""
    counts, accounts, population, need = made_book(7, years=8)
    rng = np.random.default_rng(7)
    refunds = np.round(accounts["gross_kr"] * rng.uniform(0, 0.3, len(accounts)), 2)
    return counts, accounts.assign(refund_kr=refunds), population, need


def quiet(*tables, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return profile(*tables, **options)


@pytest.fixture(scope="module")
def made(book):
    return quiet(*book)


# --- The profile


def test_every_value_is_that_of_a_plain_loop(book, made):
    ours = made.set_index(KEYS)["value"].to_dict()
    theirs = brute_force(*book)
    assert len(theirs) > 1500
    assert set(theirs) <= set(ours)
    wrong = {key: (ours[key], value) for key, value in theirs.items() if not math.isclose(ours[key], value)}
    assert wrong == {}
    assert {key[-1] for key in theirs} == set(MEASURES) - {"net_per_inhabitant_pu", "places_per_unit"}


def test_columns_and_attributes(made):
    assert tuple(made.columns) == COLUMNS
    assert made["unit"].notna().all()
    assert set(made["status"]) <= {"stated", "derived", "assumed"}
    assert set(made["colour"]) == {"red", "green", ""}
    assert made.attrs["mean"] == "municipalities"


@pytest.mark.parametrize("how", ["municipalities", "ratio_of_sums"])
def test_the_index_of_the_mean_is_100(book, how):
    """More than a thousand means: of the values, and of numerators over denominators."""
    made = quiet(*book, mean=how)
    rows = made[(made["mean"] != 0) & made["mean"].notna()]
    keys = [rows[k] for k in KEYS[1:]]
    unit = [MEASURES[m].kind == "unit_cost" for m in rows["measure"]]
    kept = rows[~np.array(unit) | (rows["value"] != 0)]
    keys = [kept[k] for k in KEYS[1:]]
    if how == "municipalities":
        means = kept["index"].groupby(keys).mean()
    else:
        weighted = (kept["index"] * kept["denominator"]).groupby(keys).sum()
        means = weighted / kept["denominator"].groupby(keys).sum()
    assert len(means) >= 1000
    np.testing.assert_allclose(means, 100.0, rtol=1e-9)


def test_merged_is_summed(book, made):
    """Numerators and denominators of merged municipalities are the sums of their members', row for row."""
    merged = quiet(*book, merged={"Ny": ["Oppdiktet A", "Oppdiktet B"]})
    members = made[made["municipality"].isin(["Oppdiktet A", "Oppdiktet B"])]
    sums = members.groupby(KEYS[1:])[["numerator", "denominator"]].agg(["sum", "size"])
    both = sums[sums["numerator", "size"] == 2]
    ours = merged[merged["municipality"] == "Ny"].set_index(KEYS[1:])
    plain = both.index[
        both.index.get_level_values("measure").isin(["users_per_1000", "gross_per_inhabitant"])
    ]
    assert len(plain) > 100
    for column in ("numerator", "denominator"):
        np.testing.assert_allclose(ours.loc[plain, column], both.loc[plain, (column, "sum")])
    assert "Oppdiktet A" not in set(merged["municipality"])


def counts_of(*rows):
    columns = ["municipality", "year", "group", "service", "provision", "users", "places", "units", "fte"]
    return pd.DataFrame([(*row, *[None] * (9 - len(row))) for row in rows], columns=columns)


def accounts_of(*rows):
    columns = ["municipality", "year", "group", "service", "provision", "gross_kr", "refund_kr"]
    return pd.DataFrame([(*row, *[0.0] * (7 - len(row))) for row in rows], columns=columns)


def population_of(**people):
    return pd.DataFrame(
        {
            "municipality": list(people),
            "year": 2023,
            "population": [float(n) for n in people.values()],
            "population_18_67": [n / 2 for n in people.values()],
            "population_80_plus": [n / 20 for n in people.values()],
        }
    )


COUNTS = counts_of(
    ("A", 2023, "pu_adults", "housing", "own", 10, 10, 2, 25.0),
    ("B", 2023, "pu_adults", "housing", "own", 30, 30, 3, 60.0),
)
ACCOUNTS = accounts_of(
    ("A", 2023, "pu_adults", "housing", "own", 2e7, 5e6), ("B", 2023, "pu_adults", "housing", "own", 9e7)
)
PEOPLE = population_of(A=10_000, B=20_000)


@pytest.fixture(scope="module")
def plain():
    return profile(COUNTS, ACCOUNTS, PEOPLE, 1.0)


def value(made, municipality, measure, **where):
    rows = made[(made["municipality"] == municipality) & (made["measure"] == measure)]
    for name, wanted in ({"service": "housing", "provision": "own", "age": "all"} | where).items():
        rows = rows[rows[name] == wanted]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.fixture(scope="module")
def two():
    need = pd.DataFrame({"municipality": ["A", "B"], "year": 2023, "need_index": [0.8, 1.25]})
    return profile(COUNTS, ACCOUNTS, PEOPLE, need.assign(pu_index=[2.0, 1.0]))


def test_by_hand(two):
    group = {"group": "pu_adults", "service": "all", "provision": "all"}
    assert value(two, "A", "users_per_1000")["value"] == pytest.approx(10 / 8_000 * 1000)
    assert value(two, "A", "users_per_1000", age="18-67")["value"] == pytest.approx(2.0)
    assert value(two, "A", "gross_per_inhabitant", **group)["value"] == pytest.approx(2_500)
    assert value(two, "A", "net_per_inhabitant", **group, age="18-67")["value"] == pytest.approx(3_000)
    assert value(two, "A", "net_per_inhabitant_pu", **group)["value"] == pytest.approx(750)
    assert value(two, "A", "net_per_inhabitant_pu", **group)["status"] == "assumed"
    assert value(two, "A", "refund_share", **group)["value"] == pytest.approx(25.0)
    assert value(two, "A", "places_per_unit")["value"] == pytest.approx(5.0)
    assert value(two, "B", "fte_per_place")["value"] == pytest.approx(2.0)


def test_mean_index_and_colour_by_hand(two):
    costs = {name: value(two, name, "cost_per_recipient") for name in "AB"}
    assert [costs[m]["value"] for m in "AB"] == pytest.approx([2e6, 3e6])
    assert costs["A"]["mean"] == pytest.approx(2.5e6)
    assert [costs[m]["index"] for m in "AB"] == pytest.approx([80.0, 120.0])
    assert [costs[m]["colour"] for m in "AB"] == ["green", "red"]


def test_the_mean_of_ratios_is_not_the_ratio_of_sums():
    made = profile(COUNTS, ACCOUNTS, PEOPLE, 1.0, mean="ratio_of_sums")
    assert value(made, "A", "cost_per_recipient")["mean"] == pytest.approx(11e7 / 40)
    assert value(made, "A", "fte_per_100_recipients")["mean"] == pytest.approx(85 / 40 * 100)


def test_the_mean_can_be_of_some():
    made = profile(COUNTS, ACCOUNTS, PEOPLE, 1.0, reference=["B"])
    assert value(made, "A", "cost_per_recipient")["index"] == pytest.approx(2 / 3 * 100)
    with pytest.raises(SpecificationError, match="'C'"):
        profile(COUNTS, ACCOUNTS, PEOPLE, 1.0, reference=["C"])
    with pytest.raises(SpecificationError, match="ratio_of_sums"):
        profile(COUNTS, ACCOUNTS, PEOPLE, 1.0, mean="median")


def test_zeros_count_in_means_of_rates_and_not_of_unit_costs():
    counts = COUNTS.assign(fte=[0.0, 60.0])
    made = profile(counts, ACCOUNTS, PEOPLE, 1.0)
    assert value(made, "A", "fte_per_1000")["mean"] == pytest.approx(1.5)
    assert value(made, "A", "fte_per_100_recipients")["mean"] == pytest.approx(200.0)
    other = profile(counts, ACCOUNTS, PEOPLE, 1.0, zeros_in_rates=False, zeros_in_unit_costs=True)
    assert value(other, "A", "fte_per_1000")["mean"] == pytest.approx(3.0)
    assert value(other, "A", "fte_per_100_recipients")["mean"] == pytest.approx(100.0)


def test_merged_municipalities_by_hand():
    need = pd.DataFrame({"municipality": ["A", "B"], "year": 2023, "need_index": [0.8, 1.25]})
    made = profile(COUNTS, ACCOUNTS, PEOPLE, need, merged={"AB": ["A", "B"]})
    assert value(made, "AB", "users_per_1000")["value"] == pytest.approx(40 / (8_000 + 25_000) * 1000)
    assert value(made, "AB", "cost_per_recipient")["value"] == pytest.approx(11e7 / 40)


def test_what_one_member_does_not_report_is_named():
    counts = pd.concat([COUNTS, counts_of(("B", 2023, "pu_adults", "meals", "own", 8))])
    with pytest.warns(DataWarning, match="AB 2023, pu_adults, meals: A reports none; counted as zero"):
        made = profile(counts, ACCOUNTS, PEOPLE, 1.0, merged={"AB": ["A", "B"]})
    assert value(made, "AB", "users_per_1000", service="meals")["numerator"] == 8


@pytest.mark.parametrize(
    ("merged", "said"),
    [
        ({"N": ["A", "X"]}, "'X' is no municipality here"),
        ({"N": ["A"], "M": ["A", "B"]}, "'A' is a part of two"),
        ({"B": ["A"]}, "'B' is another municipality"),
    ],
)
def test_merging_that_makes_no_sense_is_refused(merged, said):
    with pytest.raises(SpecificationError, match=said):
        profile(COUNTS, ACCOUNTS, PEOPLE, 1.0, merged=merged)


def test_costs_without_recipients_are_left_out_by_name():
    counts = COUNTS.assign(users=[0, 30])
    with pytest.warns(DataWarning, match="A 2023, pu_adults, housing, own: cost_per_recipient is left out"):
        made = profile(counts, ACCOUNTS, PEOPLE, 1.0)
    assert not ((made["municipality"] == "A") & (made["measure"] == "cost_per_recipient")).any()
    assert value(made, "B", "cost_per_recipient")["value"] == pytest.approx(3e6)
    assert any("cost_per_recipient" in line for line in made.attrs["left_out"])


def test_costs_of_two_provisions_are_not_divided_by_the_users_of_one():
    bought = accounts_of(("A", 2023, "pu_adults", "housing", "bought", 1e6))
    spent = pd.concat([ACCOUNTS, bought])
    with pytest.warns(DataWarning, match="add a row for bought"):
        made = profile(COUNTS, spent, PEOPLE, 1.0)
    unit = made[(made["measure"] == "cost_per_recipient") & (made["municipality"] == "A")]
    assert unit["provision"].tolist() == ["own"]
    both = pd.concat([COUNTS, counts_of(("A", 2023, "pu_adults", "housing", "bought", 6, 6))])
    told = profile(both, spent, PEOPLE, 1.0)
    assert value(told, "A", "cost_per_recipient", provision="all")["value"] == pytest.approx(2.1e7 / 16)


def test_names_in_both_languages_are_codes(plain):
    counts = COUNTS.assign(group=["Utviklingshemming, voksne", "Intellectual disability, adults"])
    counts = counts.assign(service="Bolig med heldøgns tjenester", provision=["Egen regi", "own"])
    pd.testing.assert_frame_equal(profile(counts, ACCOUNTS, PEOPLE, 1.0), plain)


def test_population_can_be_long(plain):
    ages = {"population": "all", "population_18_67": "18-67", "population_80_plus": "80+"}
    parts = [PEOPLE[["municipality", "year"]].assign(age=a, population=PEOPLE[c]) for c, a in ages.items()]
    pd.testing.assert_frame_equal(profile(COUNTS, ACCOUNTS, pd.concat(parts), 1.0), plain)


def test_ages_that_are_not_given_are_named():
    made = profile(COUNTS, ACCOUNTS, PEOPLE[["municipality", "year", "population"]], 1.0)
    assert set(made["age"]) == {"all"}
    assert sum("is not given" in line for line in made.attrs["left_out"]) == 3
    some = profile(COUNTS, ACCOUNTS, PEOPLE.assign(population_18_67=[5e3, None]), 1.0)
    assert set(some.loc[some["age"] == "18-67", "municipality"]) == {"A"}
    assert any(line.startswith("B 2023: population_18_67 is not given") for line in some.attrs["left_out"])


def test_counts_or_accounts_alone_make_a_profile(plain):
    costs = profile(COUNTS.iloc[:0], ACCOUNTS, PEOPLE, 1.0)
    counts = profile(COUNTS, ACCOUNTS.iloc[:0], PEOPLE, 1.0)
    of_costs = {"net_per_inhabitant", "gross_per_inhabitant", "share_of_net", "refund_share", "bought_share"}
    assert set(costs["measure"]) == of_costs
    assert set(counts["measure"]) == {m for m in set(plain["measure"]) - of_costs if not m.startswith("cost")}


def test_net_and_refund_give_gross(plain):
    net = ACCOUNTS.assign(net_kr=ACCOUNTS["gross_kr"] - ACCOUNTS["refund_kr"])
    for left in AMOUNTS[::2]:
        pd.testing.assert_frame_equal(profile(COUNTS, net.drop(columns=left), PEOPLE, 1.0), plain)


def test_nursing_home_places_cost_three_functions():
    counts = counts_of(
        ("A", 2023, "elderly_institution", "long_term_ordinary", "own", None, 40, 2),
        ("A", 2023, "elderly_institution", "acute_beds", "own", None, 10, 1),
    )
    spent = accounts_of(
        *[("A", 2023, "elderly_institution", "nursing_home", "own", 1e6 * k) for k in (5, 3, 1, 4)]
    )
    spent["function"] = ["253", "261", "256", "234"]
    made = profile(counts, spent, population_of(A=10_000), 1.0)
    row = value(made, "A", "cost_per_place", service="institution")
    assert (row["numerator"], row["denominator"]) == (9e6, 50)
    assert value(made, "A", "gross_per_inhabitant", service="nursing_home")["numerator"] == 13e6


TYPED = counts_of(
    ("A", 2023, "elderly_institution", "long_term_ordinary", "own", None, 40, 2),
    ("A", 2023, "elderly_institution", "long_term_ordinary", "bought", None, 8, None),
    ("A", 2023, "elderly_institution", "acute_beds", "own", None, 2.5, 1),
)


def test_places_of_nursing_homes_are_told_by_type_or_in_all():
    whole = ("A", 2023, "elderly_institution", "nursing_home", "own", 45, 50.5, 3, 60.0)
    made = profile(pd.concat([TYPED, counts_of(whole)]), ACCOUNTS, PEOPLE, 1.0)
    row = value(made, "A", "coverage_80_plus", service="institution", age="80+", provision="all")
    assert row["value"] == pytest.approx(50.5 / 500 * 100)
    places = made[made["measure"] == "places_per_1000"]
    assert "nursing_home" not in set(places["service"])
    assert value(made, "A", "fte_per_100_recipients", service="nursing_home")["value"] == pytest.approx(
        60 / 0.45
    )
    alone = profile(counts_of(whole), ACCOUNTS, PEOPLE, 1.0)
    assert value(alone, "A", "fte_per_place", service="institution")["value"] == pytest.approx(60 / 50.5)
    with pytest.raises(
        InvalidDataError, match=r"nursing homes: 51 places are not the sum of the types, 50.5"
    ):
        profile(pd.concat([TYPED, counts_of((*whole[:6], 51.0, 3))]), ACCOUNTS, PEOPLE, 1.0)
    with pytest.raises(
        InvalidDataError, match="45 users and users by type of place; give the one or the other"
    ):
        profile(pd.concat([TYPED.assign(users=9), counts_of(whole)]), ACCOUNTS, PEOPLE, 1.0)


def test_functions_outside_care_are_left_out_by_name():
    spent = pd.concat([ACCOUNTS, accounts_of(("A", 2023, "pu_adults", "housing", "own", 7e5))])
    spent["function"] = ["254", "254", "233"]
    made = profile(COUNTS, spent, PEOPLE, 1.0)
    assert value(made, "A", "gross_per_inhabitant")["numerator"] == 2e7
    assert "A 2023, function 233: 700000.00 kr net is outside care" in made.attrs["left_out"]


# --- Bad input: all faults at once

BAD = [
    (0, {"group": "pu_voksen"}, r"group 'pu_voksen' \(A 2023\) is not known; known are pu_children"),
    (0, {"group": "pu_adult"}, r"group 'pu_adult' \(did you mean 'pu_adults'\?\) \(A 2023\)"),
    (0, {"provision": "egne"}, r"provision 'egne'"),
    (0, {"users": -2}, r"row 1 \(A, 2023, pu_adults, housing, own\): users is -2; a count is not negative"),
    (0, {"users": 2.5}, r"users 2.5 is no whole number"),
    (0, {"users": "ti"}, r"users 'ti' is no number; write digits only"),
    (0, {"places": math.inf}, r"places inf is no number"),
    (0, {"users": 2 + 1j}, r"users \(2\+1j\) is no number"),
    (0, {"year": [2023]}, r"year \[2023\] is no year"),
    (0, {"municipality": None}, r"row 1: municipality is empty"),
    (0, {"year": 2023.5}, r"year 2023.5 is no year"),
    (0, {"year": 2022}, r"population: A 2022 lacks \(it has 2023\)"),
    (0, {"municipality": "C"}, r"population: C 2023 lacks; add the row"),
    (1, {"gross_kr": "1 mill"}, r"gross_kr '1 mill' is no number"),
    (1, {"gross_kr": None}, r"gross_kr is empty; give it, or leave the row out"),
    (2, {"population": -10_000}, r"population is -10000; give the number of inhabitants"),
    (2, {"population": 0}, r"population is 0; give the number of inhabitants"),
    (2, {"population_80_plus": 20_000}, r"population_80_plus 20000 is more than all inhabitants"),
    (3, {"need_index": 97.2}, r"need_index is 97.2; give it as a factor \(97.2 per cent is 0.972\)"),
    (3, {"need_index": None}, r"need_index is empty"),
]


def four():
    need = pd.DataFrame({"municipality": ["A", "B"], "year": 2023, "need_index": 1.0})
    return [table.copy() for table in (COUNTS, ACCOUNTS, PEOPLE, need)]


@pytest.mark.parametrize(("which", "change", "said"), BAD)
def test_bad_cells_are_named_with_a_remedy(which, change, said):
    tables = four()
    for column, bad in change.items():
        tables[which][column] = tables[which][column].astype(object)
        tables[which].loc[0, column] = bad
    with pytest.raises(InvalidDataError, match=said):
        profile(*tables)


def test_all_faults_of_all_tables_come_at_once():
    tables = four()
    tables[0] = pd.concat([tables[0], tables[0].iloc[:1]])
    tables[1] = pd.concat([tables[1], tables[1].iloc[1:]])
    tables[2] = pd.concat([tables[2], tables[2].iloc[:1]])
    tables[3].loc[1, "need_index"] = 125.0
    with pytest.raises(InvalidDataError) as error:
        profile(*tables)
    assert len(error.value.problems) == 4
    assert sum("stands twice" in line for line in error.value.problems) == 3


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (("A", 2023, "pu_adults", "housing", "all", 11), "users 11 is not own \\+ bought, 10"),
        (("A", 2023, "pu_adults", "unique_users", "all", 8), "10 users, but the group has 8 unique users"),
    ],
)
def test_counts_that_contradict_each_other_are_refused(extra, said):
    with pytest.raises(InvalidDataError, match=said):
        profile(pd.concat([COUNTS, counts_of(extra)]), ACCOUNTS, PEOPLE, 1.0)


def test_a_total_beside_its_parts_that_agrees_changes_nothing(plain):
    total = counts_of(("A", 2023, "pu_adults", "housing", "all", 10, 10, 2, 25.0))
    pd.testing.assert_frame_equal(profile(pd.concat([COUNTS, total]), ACCOUNTS, PEOPLE, 1.0), plain)


def test_gross_that_is_not_net_and_refund_is_refused():
    with pytest.raises(InvalidDataError, match=r"gross 20000000.00 is not net 1.00 \+ refund 5000000.00"):
        profile(COUNTS, ACCOUNTS.assign(net_kr=[1.0, 9e7]), PEOPLE, 1.0)


def test_numbers_of_other_kinds_are_numbers(plain):
    counts = COUNTS.astype(object)
    counts.loc[0, "users"], counts.loc[1, "users"], counts.loc[0, "fte"] = Decimal(10), "30", np.float32(25)
    pd.testing.assert_frame_equal(profile(counts, ACCOUNTS, PEOPLE, 1.0), plain)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: index_to_mean("3", 1.0), SpecificationError),
        (lambda: colour([3], 1.0), SpecificationError),
        (lambda: refund("3", threshold=1.0), SpecificationError),
        (lambda: adjust_employer_contribution(None, 0.1, wage_share=0.5), SpecificationError),
        (lambda: adjust_employer_contribution(1.0, "0.1", wage_share=0.5), SpecificationError),
        (lambda: allocate([1], 1.0), InvalidDataError),
        (lambda: allocate({"a": 1}, [1.0]), InvalidDataError),
        (lambda: correct(LEDGER, [1]), InvalidDataError),
        (lambda: moved({"a": 1}), InvalidDataError),
        (
            lambda: contradictions([{"columns": ["a"], "rows": [{"label": "x", "values": 3}]}]),
            InvalidDataError,
        ),
        (lambda: contradictions([{"columns": None, "rows": []}]), InvalidDataError),
        (lambda: protect_profile([1]), InvalidDataError),
        (
            lambda: protect_profile(pd.DataFrame([["x"] * len(COLUMNS)], columns=list(COLUMNS))),
            InvalidDataError,
        ),
    ],
)
def test_no_error_of_another_library_reaches_the_user(call, error):
    with pytest.raises(error):
        call()


@pytest.mark.parametrize("which", range(4))
def test_what_is_no_table_is_named(which):
    tables = [*four()[:3], 1.0]
    tables[which] = {"a": 1}
    with pytest.raises(InvalidDataError, match="frame"):
        profile(*tables)


def test_columns_that_lack_are_named():
    with pytest.raises(DataMissingError, match="'group'"):
        profile(COUNTS.drop(columns="group"), ACCOUNTS, PEOPLE, 1.0)
    with pytest.raises(DataMissingError, match="'refund_kr'"):
        profile(COUNTS, ACCOUNTS.drop(columns="refund_kr"), PEOPLE, 1.0)


def test_unknown_services_are_kept_and_told():
    with pytest.warns(DataWarning, match=r"'meal' \(did you mean 'meals'"):
        made = profile(
            pd.concat([COUNTS, counts_of(("A", 2023, "mh_adults", "meal", "own", 9))]), ACCOUNTS, PEOPLE, 1.0
        )
    assert value(made, "A", "users_per_1000", service="meal")["numerator"] == 9


@pytest.mark.parametrize(
    ("function", "year", "said"),
    [
        ("254", 2024, "function 254 ended with 2023; use 257 and 258"),
        ("257", 2023, "function 257 exists from 2024; use 254"),
        ("255", 2016, "function 255 ended with 2015"),
        ("254", 2023, None),
        ("258", 2024, None),
    ],
)
def test_functions_are_dated(function, year, said):
    counts, accounts, people = (t.assign(year=year) for t in (COUNTS, ACCOUNTS, PEOPLE))
    if said is None:
        assert len(profile(counts, accounts.assign(function=function), people, 1.0))
    else:
        with pytest.raises(InvalidDataError, match=said):
            profile(counts, accounts.assign(function=function), people, 1.0)


def test_a_synthetic_table_makes_the_profile_synthetic():
    tables = four()
    tables[0].attrs["provenance"] = {"origin": "file of the user"}
    tables[2].attrs["provenance"] = {"origin": "synthetic"}
    made = profile(*tables)
    assert provenance_of(made).synthetic
    assert provenance_of(protect_profile(made)).synthetic


def test_lists_are_whole():
    assert len(GROUPS) == 7
    assert all(label.nb and label.en for label in GROUPS.values())
    assert {f.code for f in care_functions().values() if f.care} == {
        *("234", "253", "254", "256", "257", "258", "261")
    }
    assert service_label("housing").nb.startswith("Bolig")
    assert service_label("noe eget") == ("noe eget", "noe eget")
    assert len(services()) > 25


# --- Corrections

LEDGER = pd.DataFrame(
    {
        "municipality": "A",
        "year": 2023,
        "function": ["253", "254"],
        "gross_kr": [1000.0, 500.0],
        "refund_kr": 0.0,
    }
)
MOVES = pd.DataFrame(
    {
        "pair": ["8441", "8441", "9", "9"],
        "function": ["253", "254", "254", "233"],
        "amount_kr": [-84.25, 84.25, -10.0, 10.0],
        "reason": ["Natt", "", "Helsestasjon for eldre", "Helsestasjon for eldre"],
    }
)


def test_corrections_move_costs_and_keep_their_reason():
    result = correct(LEDGER, MOVES)
    assert result.groupby("function")["gross_kr"].sum().to_dict() == {
        "233": 10.0,
        "253": 915.75,
        "254": 574.25,
    }
    assert result["gross_kr"].sum() == 1500.0
    assert result["correction"].tolist() == ["", "", "8441", "8441", "9", "9"]
    assert result["reason"].tolist()[2:] == ["Natt", "Natt", *["Helsestasjon for eldre"] * 2]
    again = correct(result, MOVES.iloc[:2].assign(pair="x"))
    assert again["correction"].tolist()[-1] == "x"


def test_moved_sums_up():
    sums = moved(MOVES).set_index("function")
    assert sums["amount_kr"].to_dict() == {
        "233": 10,
        "253": -84.25,
        "254": 74.25,
        "outside care": 10,
        "all": 0,
    }
    assert sums.loc["254", "lines"] == 2


@pytest.mark.parametrize(
    ("row", "change", "said"),
    [
        (0, {"amount_kr": -84.0}, "A 2023, pair 8441: the lines sum to 0.25 kr, not to zero"),
        (0, {"reason": ""}, "pair 8441: no reason is given"),
        (0, {"function": "257"}, "function 257 exists from 2024; use 254"),
        (0, {"pair": "other"}, "pair other: one line only"),
        (0, {"amount_kr": "mye"}, "amount_kr 'mye' is no number"),
        (0, {"municipality": "B"}, "B 2023, pair 8441: no accounts of this municipality"),
    ],
)
def test_bad_corrections_are_named(row, change, said):
    moves = MOVES.astype(object).assign(municipality="A", year=2023)
    for column, bad in change.items():
        moves.loc[row, column] = bad
    with pytest.raises(InvalidDataError, match=said):
        correct(LEDGER, moves)


# --- Shared costs


def test_shared_costs_by_hand():
    shared = allocate({"A": 400.0, "B": 250.0, "C": 150.0}, {"it": 120.0, "kitchen": 0.01})
    assert shared.loc["it"].to_dict() == {"A": 60.0, "B": 37.5, "C": 22.5}
    assert shared.loc["kitchen"].to_dict() == {"A": 0.01, "B": 0.0, "C": 0.0}
    assert shared.attrs["totals_kr"] == {"A": 460.01, "B": 287.5, "C": 172.5}


def test_thirds_go_to_the_name_that_comes_first_and_signs_are_alike():
    for sign in (1, -1):
        row = allocate({"b": 1, "a": 1, "c": 1}, sign * 100.0).iloc[0]
        assert row.to_dict() == {"a": sign * 33.34, "b": sign * 33.33, "c": sign * 33.33}


def test_a_key_for_each_line_and_negative_weights():
    key = pd.DataFrame({"a": [1.0, 3.0], "b": [1.0, -1.0]}, index=["x", "y"])
    shared = allocate({"a": 5, "b": 5, "c": 5}, {"y": 10.0, "x": 10.0}, key)
    assert shared.to_numpy().tolist() == [[15.0, -5.0, 0.0], [5.0, 5.0, 0.0]]


WEIGHTS = st.lists(st.integers(-500, 5000), min_size=1, max_size=7).filter(sum)


@BIG
@given(WEIGHTS, st.integers(-(10**9), 10**9))
def test_whole_ore_are_spread_exactly(weights, ore):
    key = {f"g{k}": Fraction(w, 10) for k, w in enumerate(weights)}
    spread = spread_ore(ore, key)
    assert sum(spread.values()) == ore
    for name, w in key.items():
        assert abs(spread[name] - ore * w / sum(key.values())) < 1
        assert spread[name] == 0 or w != 0
    assert spread_ore(ore, dict(reversed(key.items()))) == spread
    assert spread_ore(-ore, key) == {name: -share for name, share in spread.items()}


def test_a_thousand_lines_sum_to_the_ore_in_any_order_of_columns():
    rng = np.random.default_rng(11)
    n, names = 1000, list("abcde")
    key = pd.DataFrame(rng.integers(-30, 200, (n, 5)) / 10, columns=names)
    key = key[key.sum(axis=1).round(6) != 0]
    shared = pd.Series(rng.integers(-(10**9), 10**9, len(key)) / 100, index=key.index)
    direct = dict.fromkeys(names, 0)
    given_back = allocate(direct, shared, key)
    ore = (given_back * 100).round()
    assert ((given_back * 100 - ore).abs() < 1e-4).all(axis=None)
    assert ore.sum(axis=1).tolist() == (shared * 100).round().tolist()
    turned = allocate(dict.fromkeys(names[::-1], 0), shared, key[names[::-1]])
    pd.testing.assert_frame_equal(turned[names], given_back)


@pytest.mark.parametrize(
    ("direct", "shared", "key", "error", "said"),
    [
        ({"a": 1, "b": -1}, 5.0, None, SpecificationError, "the key sums to zero"),
        ({"a": 0.1, "b": 0.2, "c": -0.3}, 5.0, None, SpecificationError, "the key sums to zero"),
        ({"a": 1}, 5.001, None, InvalidDataError, "finer than an øre"),
        ({"a": 1}, {"x": "5", "y": math.nan}, None, InvalidDataError, "line 'x': '5' is no amount"),
        ({"a": None}, 5.0, None, InvalidDataError, "group 'a': None is no number"),
        ({"a": 1}, 5.0, {"b": 1}, InvalidDataError, "group 'b' of the key is not in direct"),
        ({}, 5.0, None, InvalidDataError, "no group"),
    ],
)
def test_shared_costs_that_cannot_be_spread(direct, shared, key, error, said):
    with pytest.raises(error, match=said):
        allocate(direct, shared, key)


def test_lines_and_groups_that_occur_twice_are_refused():
    twice = pd.Series([1.0, 2.0], index=["x", "x"])
    with pytest.raises(InvalidDataError, match="line 'x': occurs twice"):
        allocate({"a": 1}, twice)
    with pytest.raises(InvalidDataError, match="group 'a': occurs twice"):
        allocate(pd.DataFrame([[1, 2]], columns=["a", "a"]), 1.0)
    with pytest.raises(InvalidDataError, match="line 'z' has no row in the key"):
        allocate({"a": 1}, {"x": 1.0, "z": 1.0}, pd.DataFrame({"a": [1, 1]}, index=["x", "y"]))


# --- Employer's contribution and refund


def test_the_contribution_is_that_of_the_other_rate():
    """Wages, the contribution on them, and other costs, once at each rate; 1000 draws."""
    rng = np.random.default_rng(5)
    for _ in range(1000):
        rate, to = rng.integers(1, 200, 2) / 1000
        wages, other = rng.uniform(1, 1e8), rng.uniform(0, 1e6)
        cost, contribution = wages * (1 + rate) + other, wages * rate
        expected = wages * (1 + to) + other
        ours = adjust_employer_contribution(cost, rate, contribution=contribution, to=to)
        assert math.isclose(ours, expected)
        share = wages * (1 + rate) / cost
        assert math.isclose(adjust_employer_contribution(cost, rate, wage_share=share, to=to), expected)


def test_a_zone_without_contribution_needs_the_wages():
    assert adjust_employer_contribution(100.0, 0.0, wage_share=0.5) == pytest.approx(107.05)
    with pytest.raises(SpecificationError, match="give wage_share"):
        adjust_employer_contribution(100.0, 0.0, contribution=0.0)


def test_the_national_rate_changes_nothing():
    assert adjust_employer_contribution(100.0, 0.141) == 100.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rate": 5.1}, "rate=5.1 is no share"),
        ({"cost": math.nan}, "cost=nan is not finite"),
        ({"wage_share": 1.5}, "wage_share=1.5 is no share of the cost"),
        ({"wage_share": None}, "give one of"),
        ({"contribution": 5.0}, "give one of"),
        ({"wage_share": None, "contribution": 200.0}, "is no part of cost"),
    ],
)
def test_contributions_that_cannot_be_adjusted(change, said):
    with pytest.raises(SpecificationError, match=said):
        adjust_employer_contribution(**({"cost": 100.0, "rate": 0.051, "wage_share": 0.8} | change))


def test_refund_rises_with_cost_and_falls_with_threshold_and_deductions():
    rng = np.random.default_rng(6)
    for _ in range(1000):
        cost, more, threshold, less = rng.uniform(0, [1e7, 1e7, 5e6, 1e6])
        share = rng.uniform()
        base = refund(cost, threshold=threshold, share=share)
        assert refund(cost + more, threshold=threshold, share=share) >= base >= 0
        assert refund(cost, threshold=threshold + more, share=share) <= base
        assert refund(cost, threshold=threshold, share=share, deductions=less) <= base


# --- Curves, indices, colours


def test_the_curve_is_least_squares_on_the_logarithm():
    rng = np.random.default_rng(3)
    for n in (3, 5, 12):
        x, y = rng.uniform(0.2, 9, n), rng.normal(2, 0.5, n)
        design = np.column_stack([np.log(x), np.ones(n)])
        (a, b), *_ = np.linalg.lstsq(design, y, rcond=None)
        curve = log_curve(x, y)
        residual = y - design @ (a, b)
        r2 = 1 - (residual**2).sum() / ((y - y.mean()) ** 2).sum()
        assert (curve.slope, curve.intercept, curve.r_squared) == pytest.approx((a, b, r2))
        assert curve.n == n
        assert curve.at(x[0]) == pytest.approx(y[0] - residual[0])


def test_a_curve_through_printed_coefficients():
    assert LogCurve(-0.391, 2.5948, 0.0695, 14).at(math.e) == pytest.approx(2.2038)
    assert math.isnan(log_curve([1, 2], [3, 3]).r_squared)


@pytest.mark.parametrize(
    ("x", "y", "error", "said"),
    [
        ([1, 1], [2, 3], SpecificationError, "two different x"),
        ([0, 1, 2], [1, 1, None], InvalidDataError, "point 1.*point 3"),
        ([1, 2], [1, "x"], InvalidDataError, "point 2"),
        ([1, 2], [1], InvalidDataError, "2 x and 1 y"),
    ],
)
def test_curves_that_are_not_identified(x, y, error, said):
    with pytest.raises(error, match=f"(?s){said}"):
        log_curve(x, y)


def test_a_curve_ends_at_zero():
    with pytest.raises(SpecificationError, match="above zero"):
        LogCurve(1.0, 1.0, 1.0, 3).at(0.0)


def test_index_and_colour():
    assert index_to_mean(3.0, 4.0) == 75.0
    assert math.isnan(index_to_mean(3.0, 0.0))
    with pytest.raises(SpecificationError, match="finite"):
        index_to_mean(math.inf, 1.0)
    assert [colour(*pair) for pair in ((2, 1), (1, 2), (1, 1), (math.nan, 1))] == ["red", "green", "", ""]
    assert colour(0.1 + 0.2, 0.3) == ""


# --- Contradictions


def told(*numbers, **columns):
    return pd.DataFrame(numbers, columns=["role", "value"]).assign(id="x", **columns)


@pytest.mark.parametrize(
    ("numbers", "per", "a", "slack"),
    [
        ([("part", "1.5"), ("part", "2.25"), ("total", "4.0")], 1, 3.75, 0.105),
        ([("net", 100), ("refund", 20), ("gross", 125)], 1, 120, 1.5),
        ([("users", 12), ("population", 4000), ("rate", "3.1")], 1000, 3.0, 0.05),
        ([("part", 30), ("whole", 200), ("share", 16)], 100, 15.0, 0.5 + 30.5 / 199.5 * 100 - 15),
        ([("own", 4), ("mean", 2), ("index", 300)], 100, 200.0, 0.5 + 450 / 1.5 - 200),
        ([("factor", 10), ("times", 3), ("minus", 0), ("result", 40)], 1, 30.0, None),
        ([("places", "<6"), ("places", 4), ("total", 10)], 1, 7.0, 2.5),
        ([("part", 2), ("part", "1 000"), ("total", "1003,5")], 1, 1002.0, 1.05),
    ],
)
def test_relations_by_hand(numbers, per, a, slack):
    if slack is None:
        numbers = [pair for pair in numbers if pair[0] != "minus"]
    row = contradictions([told(*numbers, per=per)], agreeing=True).iloc[0]
    assert row["a"] == pytest.approx(a)
    assert row["difference"] == pytest.approx(row["b"] - a)
    if slack is not None:
        assert row["slack"] == pytest.approx(slack)


@pytest.mark.parametrize(
    ("printed", "contradicts"),
    [("121", False), ("121.0", False), ("121.1", True), ("119", False), ("118", True)],
)
def test_rounding_explains_up_to_its_slack(printed, contradicts):
    found = contradictions([told(("net", 100), ("refund", 20), ("gross", printed))])
    assert len(found) == contradicts


@pytest.mark.parametrize(
    ("text", "own", "mean", "contradicts"),
    [
        ("svakt lavere dekningsgrad enn snittet", 17.48, 15.22, True),
        ("higher than the mean", 17.48, 15.22, False),
        ("flere mottakere", 5.0, 7.2, True),
        ("flere mottakere", 5.0, 5.02, False),
    ],
)
def test_a_sentence_is_held_against_its_table(text, own, mean, contradicts):
    assert len(contradictions([told(("own", own), ("mean", mean), ("text", text))])) == contradicts


def test_printed_frames_are_read_by_their_words():
    gross = pd.DataFrame({"A": [10, 5], "B": [7, 3]}, index=["Bolig", "Avlastning"])
    gross.attrs = {"title": "Brutto, psykisk helse voksne", "unit": "kr"}
    net = pd.DataFrame({"A": [12, 3], "B": [9, 4]}, index=["Netto voksne", "Refusjon voksne"])
    net.attrs = {"title": "Psykisk helse", "unit": "kr", "source": "page 3"}
    found = contradictions({"gross": gross, "net": net})
    assert found[["a", "b", "difference", "slack"]].to_numpy().tolist() == [[13.0, 10.0, -3.0, 2.0]]
    assert found["source"].tolist() == ["gross; page 3"]


def test_totals_shares_and_negatives_of_one_table():
    places = pd.DataFrame({"plasser": [10, 5, 16], "kjøp": [1, 2, 3]}, index=["a", "b", "Sum"])
    places.attrs["unit"] = "plasser"
    found = contradictions([places])
    assert found[["a", "b"]].to_numpy().tolist() == [[15.0, 16.0]]
    shares = pd.DataFrame([[50.0, 30.0, 20.0], [40.0, 40.0, 21.5]], index=["A", "B"])
    shares.attrs["unit"] = "prosent"
    assert contradictions([shares])["a"].tolist() == [101.5]
    fte = pd.DataFrame({"A": [1.25, -0.17]}, index=["x", "y"])
    fte.attrs["unit"] = "årsverk"
    assert contradictions([fte])["b"].tolist() == [-0.17]


def test_tables_that_cannot_be_read_are_named_together():
    bad = [
        told(("parts", 1), ("total", 2)),
        told(("part", "many"), ("part", 2)),
        told(("own", 1), ("text", "so")),
    ]
    with pytest.raises(InvalidDataError) as error:
        contradictions({"one": bad[0], "two": bad[1], "three": bad[2]})
    said = "\n".join(error.value.problems)
    for words in (
        "role 'parts' (did you mean 'part'",
        "'many' is no number",
        "0 results",
        "neither higher nor lower",
    ):
        assert words in said
    with pytest.raises(InvalidDataError, match="cannot be divided by"):
        contradictions([told(("part", 1), ("divisor", 0), ("result", 1))])
    with pytest.raises(SpecificationError, match="mapping or a sequence"):
        contradictions(3)
    with pytest.raises(InvalidDataError, match="3 values in 2 columns"):
        contradictions([{"columns": ["a", "b"], "rows": [{"label": "x", "values": [1, 2, 3]}]}])
