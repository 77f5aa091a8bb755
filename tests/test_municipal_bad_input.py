"""Bad input of comparison, savings and projection that others stumble over; what is no fault."""

import math

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.municipal.given_numbers import municipality_name
from municipal_projections import FIVE

comparison, savings, projection = (
    kv.municipal.comparison,
    kv.municipal.savings,
    kv.municipal.projection,
)
PERSONS, BASE = (28, 101, 58, 119, 154), (58_500, 7200, 1381, 915, 650)


def faults_of(call, *args, **options):
    with pytest.raises(InvalidDataError) as error:
        call(*args, **options)
    return " | ".join(error.value.problems or [str(error.value)])


def costs(name="municipality", own=301, others=(1103, 4601)):
    """Kroner, inhabitants and need; all made up."""
    accounts = pd.DataFrame({name: own, "year": 2024, "function": ["253", "254"], "amount_kr": [5e6, 6e6]})
    parts = [accounts.assign(**{name: other, "amount_kr": [4e6, 5e6]}) for other in others]
    places = [own, *others]
    people = pd.DataFrame({name: places, "year": 2024, "population": [1000, 900, 800]})
    need = pd.DataFrame({name: places, "year": 2024, "need_index": [1.0, 0.9, 1.1]})
    return accounts, pd.concat(parts), people, need


def gap_rows(municipality, users=(60, 140)):
    return pd.DataFrame(
        {
            "municipality": municipality,
            "year": 2024,
            "service": ["s", "h"],
            "users": users,
            "cost_kr": [60e6, 28e6],
            "population": 10_000,
            "need_index": 1.1,
        }
    )


# --- A municipality's number with and without its zero


@pytest.mark.parametrize("number", [301, 301.0, np.int64(301), "301", "0301", " 0301 "])
def test_a_number_that_has_lost_its_zero_is_the_same_municipality(number):
    assert municipality_name(number) == "0301"
    own, others, people, need = costs()
    expected = savings.savings(*costs())
    mixed = savings.savings(
        own.assign(municipality=number), others, people.astype({"municipality": str}), need
    )
    pd.testing.assert_frame_equal(mixed, expected)
    assert "its own references" in faults_of(savings.savings, own, own.assign(municipality=number), 1000, 1.0)
    assert "compared with itself" in faults_of(comparison.gap, gap_rows("0301"), gap_rows(number))
    table = pd.DataFrame({"municipality": [301, 1103, 4601], "need_index": [1.0, 0.9, 1.1]})
    assert comparison.similar(table, number, ["need_index"])["municipality"].tolist() == ["1103", "4601"]
    group = pd.DataFrame({"municipality": [301, 1103], "year": 2024, "kostra_group": 8})
    assert comparison.group_members(group, number, [2024])["municipality"].tolist() == ["1103"]
    users = pd.DataFrame({"municipality": number, "age_group": FIVE, "users": PERSONS})
    people = pd.DataFrame({"municipality": "0301", "year": 2020, "age_group": FIVE, "population": BASE})
    made = projection.project(projection.coverage(users, people), people.assign(municipality=301))
    assert made["places"].tolist() == pytest.approx(PERSONS)
    assert set(made["municipality"]) == {"0301"}


def test_names_and_numbers_of_four_digits_are_as_they_are():
    assert [municipality_name(one) for one in ("Vik", 1103, "12", 12345)] == ["Vik", "1103", "12", "12345"]
    assert [municipality_name(one) for one in (None, math.nan, pd.NA)] == ["", "", ""]


def test_the_grid_finds_its_own_by_number():
    own, others, people, need = costs()
    accounts = pd.concat([own, others]).assign(year="2024")  # years as text, too
    options = {"groups": {"naboer": [1103, "4601"]}, "means": "municipalities"}
    found = savings.grid(accounts, people, {"2024": need}, own="0301", years=2024, **options)
    assert found["saving_mnok"].tolist() == [savings.savings(*costs())["saving_mnok"].sum()]
    told = faults_of(savings.grid, accounts, people, {"k": need}, {"g": [301]}, own="301")
    assert "0301 is in its own group 'g'" in told


# --- What is no number, no year, no name


OWN, OTHERS, PEOPLE, NEED = costs()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((OWN.assign(municipality=math.nan), OTHERS, PEOPLE, NEED), "the municipality is empty"),
        ((OWN.assign(function=["253", None]), OTHERS, PEOPLE, NEED), "the function is empty"),
        ((1e308, [-1e308], 1e9, 1.0), "too large to compute with"),
    ],
)
def test_savings_name_what_is_empty_or_too_large(given, told):
    assert told in faults_of(savings.savings, *given)


def test_savings_take_an_array_of_references():
    assert savings.savings(20_000, np.array([18_500.0]), 50_000, 0.95)["saving_mnok"].tolist() == [71.25]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"years": ["x"]}, "years= 'x' is no year"),
        ({"accounts": pd.concat([OWN, OTHERS]).assign(year=math.nan)}, "accounts: year 'nan' is no year"),
        ({"groups": ["1103"]}, "groups is a mapping"),
        ({"groups": {"g": "1103"}}, "the group 'g' is a list"),
        ({"need_indices": NEED}, "need_indices is a mapping"),
        ({"only_positive": "no"}, "only_positive='no'"),
        ({"means": []}, "mean=()"),
    ],
)
def test_bad_choices_of_the_grid_are_named(options, told):
    given = {"accounts": pd.concat([OWN, OTHERS]), "population": PEOPLE, "need_indices": {"k": NEED}}
    with pytest.raises((InvalidDataError, SpecificationError)) as error:
        savings.grid(**{**given, "groups": {"g": ["1103"]}, "own": "0301", **options})
    assert told in " | ".join([str(error.value), *getattr(error.value, "problems", [])])


def test_the_gap_names_empty_years_and_municipalities_and_takes_years_as_text():
    own, other = gap_rows("A"), gap_rows("B", (40, 160))
    same = comparison.gap(own.assign(year="2024"), other.assign(year=2024.0))
    assert same["contribution_kr"].tolist() == comparison.gap(own, other)["contribution_kr"].tolist()
    told = faults_of(comparison.gap, own.assign(municipality=math.nan), other.assign(year=math.nan))
    assert "the municipality is empty" in told
    assert "reference: year 'nan' is no year" in told


def test_a_gap_that_floating_point_cannot_split_is_refused_and_a_huge_one_is_split():
    own, other = gap_rows("A"), gap_rows("B", (40, 160))
    assert "too far apart" in faults_of(comparison.gap, own.assign(users=[1e-300, 140.0]), other)
    huge = comparison.gap(own.assign(cost_kr=[1e300, 1e300]), other)
    assert huge["contribution_kr"].sum() == pytest.approx(2e300 / 10_000, rel=1e-12)


def test_groups_that_are_not_told_are_no_group():
    members = pd.DataFrame({"municipality": ["A", "B", "C"], "year": 2024, "kostra_group": [None, None, 2]})
    assert "A has no KOSTRA group in 2024" in faults_of(
        comparison.group_members, members, "A", [2024]
    ).replace("'", "")
    assert "years= 'i fjor' is no year" in faults_of(comparison.group_members, members, "A", "i fjor")


# --- Projection


def people(years=(2020, 2030), groups=FIVE, base=BASE):
    rows = [(year, *pair) for year in years for pair in zip(groups, base, strict=True)]
    return pd.DataFrame(rows, columns=["year", "age_group", "population"])


SHARES = {age: n / m for age, n, m in zip(FIVE, PERSONS, BASE, strict=True)}


@pytest.mark.parametrize(
    ("shares", "population", "told"),
    [
        (SHARES, people((2020, math.inf)), "year 'inf' is no year"),
        (SHARES, people((2020, 2030.5)), "year '2030.5' is no year"),
        (
            {**SHARES, FIVE[-1]: 23.7},
            people(),
            "23.7, more than one user an inhabitant; 13.7 per cent is 0.137",
        ),
        ({"0-79": 0.1, "67+": 0.2}, people(groups=["0-79", "67+"], base=(9, 9)), "share ages"),
    ],
)
def test_years_per_cents_and_ages_that_count_twice_are_named(shares, population, told):
    assert told in faults_of(projection.project, shares, population)


def test_coverage_refuses_ages_that_count_twice_and_keeps_services_apart():
    both = pd.DataFrame({"age_group": ["0-79", "67+"], "users": 1, "population": 9})
    assert "share ages" in faults_of(
        projection.coverage, both[["age_group", "users"]], both[["age_group", "population"]]
    )
    apart = pd.DataFrame({"service": ["long", "short"], "age_group": "0+", "users": [2, 3]})
    assert projection.coverage(apart, {"0+": 10}).tolist() == [0.2, 0.3]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"places": "mange"}, "projection: places of 'Under 67 år' 2020"),
        ({"places": math.nan}, "projection: places of 'Under 67 år' 2020"),
        ({"year": "i fjor"}, "projection: year 'i fjor' is no year"),
    ],
)
def test_bands_name_what_is_no_number_in_the_projection(changed, told):
    made = projection.project(SHARES, people()).assign(**changed)
    assert told in faults_of(projection.bands, made, projection.recorded_errors())


def test_bands_read_numbers_as_text_and_leave_the_base_year_of_the_record_out():
    made, record = projection.project(SHARES, people()), projection.recorded_errors()
    base = record.drop_duplicates("age_group").assign(horizon=0)
    same = projection.bands(made, pd.concat([base, record]).astype({"horizon": str}))
    pd.testing.assert_frame_equal(same, projection.bands(made, record))
    assert "the record's sd of '0-66'" in faults_of(
        projection.bands, made, record[["age_group", "horizon", "bias"]].assign(sd="x")
    )


def test_what_is_no_frame_is_refused():
    assert "editions: a data frame is needed" in faults_of(projection.errors, None, None)
