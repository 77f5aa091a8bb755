"""Projection of places: by hand, the printed checks, properties, alternatives, and bad input."""

import json
import math
import re
import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from conftest import ROOT
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError
from kostnadsvekst.sources.age_groups import AgeGroup, in_age_groups, parse_age_group
from municipal_projections import FIVE, population

projection = kv.municipal.projection
CLOSE = 1e-12
PERSONS = dict(zip(FIVE, (28, 101, 58, 119, 154), strict=True))
# Ålesund 1 January 2020, Statistics Norway; the youngest group is not needed to more than that.
BASE = dict(zip(FIVE, (56_090, 7_222, 1_382, 913, 651), strict=True))


def faults_of(call, *args, **options):
    with pytest.raises(InvalidDataError) as error:
        call(*args, **options)
    return " | ".join(error.value.problems or [str(error.value)])


# --- The printed checks


def table(names, *columns):
    """Coverage of made-up groups; the youngest first."""
    return [dict(zip(names, one, strict=True)) for one in columns]


def answer_sum(given):
    """Long and short term apart, added up: places of the base year."""
    values = given["values"] if "values" in given else [given["long"], given["short"]]
    users = pd.DataFrame(
        {"service": [f"s{k}" for k in range(len(values))], "age_group": "0+", "users": values}
    )
    shares = projection.coverage(users, {"0+": 10 * sum(values) + 1})
    people = pd.DataFrame({"year": [2020], "age_group": "0+", "population": 10 * sum(values) + 1})
    return projection.totals(projection.project(shares, people))["places"].iloc[0]


def answer_share(given):
    persons = given.get("persons", given.get("users"))
    people = given.get("population", given.get("pop_80"))
    if isinstance(persons, list):
        ages = [f"{80 + 5 * k}-{84 + 5 * k}" for k in range(len(persons) - 1)]
        ages.append(f"{80 + 5 * len(ages)}+")
        frame = pd.DataFrame({"age_group": ages, "users": persons, "population": people})
        persons, people = (
            in_age_groups(frame[["age_group", name]], ["80+"], name)[name].iloc[0]
            for name in ("users", "population")
        )
    return 100 * projection.coverage({"80+": persons}, {"80+": people})["80+"]


def answer_growth(given):
    start, end = (given["start"], given["end"]) if "start" in given else (given["a"], given["b"])
    found = projection.growth(start, end, given.get("years"))
    return found.ratio, found.percent, found.percent_per_year


def answer_places(given):
    shares = projection.coverage(*table(FIVE, given["persons"], given["base_pop"]))
    rows = [(2020, *pair) for pair in zip(FIVE, given["base_pop"], strict=True)]
    rows += [(2050, *pair) for pair in zip(FIVE, given.get("future_pop", given["base_pop"]), strict=True)]
    people = pd.DataFrame(rows, columns=["year", "age_group", "population"])
    factor = next((value for name, value in given.items() if name.startswith("factor")), 1)
    made = projection.project(shares, people, factors=dict.fromkeys(FIVE[2:], factor))
    return projection.totals(made)["places"].iloc[-1]


def answer(check):
    given = check["inputs"]
    if "base_pop" in given:
        return answer_places(given)
    if "start" in given or {"a", "b"} <= set(given):
        ratio, percent, yearly = answer_growth(given)
        return yearly if "years" in given else ratio if check["unit"] == "ratio" else percent
    if "bed_days" in given:
        return projection.places_in_use(given["bed_days"], given.get("days", 365))
    return answer_sum(given) if "long" in given or "values" in given else answer_share(given)


def independent(check, given):
    """The same in plain arithmetic, for inputs that nobody has printed."""
    if "base_pop" in given:
        base, future = given["base_pop"], given.get("future_pop", given["base_pop"])
        factor = next((value for name, value in given.items() if name.startswith("factor")), 1)
        factors = [1, 1, factor, factor, factor]
        parts = zip(given["persons"], base, future, factors, strict=True)
        return sum(p / b * f * q for p, b, f, q in parts)
    if "start" in given or {"a", "b"} <= set(given):
        start, end = (given["start"], given["end"]) if "start" in given else (given["a"], given["b"])
        if "years" in given:
            return 100 * (math.exp(math.log(end / start) / given["years"]) - 1)
        return end / start if check["unit"] == "ratio" else 100 * (end - start) / start
    if "long" in given:
        return given["long"] + given["short"]
    if "values" in given:
        return sum(given["values"])
    persons = given.get("persons", given.get("users"))
    people = given.get("population", given.get("pop_80"))
    return 100 * np.sum(persons) / np.sum(people)


def moved(value, k):
    """Inputs that differ from the printed ones; populations stay above their users."""
    if isinstance(value, list):
        return [moved(one, k + j) for j, one in enumerate(value)]
    return value + 1 + k % 3 if isinstance(value, int) else value * 0.9 if isinstance(value, float) else value


@pytest.fixture(scope="module")
def checks():
    path = ROOT.parent / "shared" / "municipal" / "checks.json"
    if not path.is_file():
        pytest.skip(f"the printed checks are not here: {path}")
    listed = json.loads(path.read_text(encoding="utf-8"))["checks"]
    return [check for check in listed if check["system"] == "D"]


def test_printed_checks_and_moved_ones(checks):
    assert len(checks) >= 17
    for check in checks:
        assert answer(check) == pytest.approx(check["expected"], abs=check["tolerance"]), check["id"]
        for k in range(2):
            given = {name: moved(value, k) for name, value in check["inputs"].items()}
            ours = answer({**check, "inputs": given})
            assert ours == pytest.approx(independent(check, given), rel=1e-9), check["id"]


# --- By hand


def test_places_by_hand():
    """80 of 1000 and 90 of 300 users; 1500 and 400 inhabitants: 120 and 120 places, 288 mill. and 264."""
    shares = projection.coverage({"80-89": 80, "90+": 90}, {"80-89": 1000, "90+": 300})
    assert shares.tolist() == [0.08, 0.3]
    assert shares.index.name == "age_group"
    rows = [(2020, "80-89", 1000), (2020, "90+", 300), (2030, "80-89", 1500), (2030, "90+", 400)]
    people = pd.DataFrame(rows, columns=["year", "age_group", "population"])
    made = projection.project(
        shares, people, cost_per_place=1_200_000, fte_per_place={"80-89": 1.0, "90+": 1.2}
    )
    assert made.columns[:6].tolist() == ["alternative", "year", "age_group", "places", "cost_mnok", "fte"]
    assert made["places"].tolist() == pytest.approx([80, 90, 120, 120], rel=CLOSE)
    assert made["cost_mnok"].tolist() == pytest.approx([96, 108, 144, 144], rel=CLOSE)
    assert made["fte"].tolist() == pytest.approx([80, 108, 120, 144], rel=CLOSE)
    assert made["horizon"].tolist() == [0, 0, 10, 10]
    assert made.attrs["base_year"] == 2020
    whole = projection.totals(made)
    assert whole["places"].tolist() == pytest.approx([170, 240], rel=CLOSE)
    assert whole["cost_mnok"].tolist() == pytest.approx([204, 288], rel=CLOSE)


def test_printed_rates_of_aalesund():
    """Seed text 001, lines 1379 to 1395: 1.4, 4.2, 13.0 and 23.7 per cent, long and short term."""
    shares = 100 * projection.coverage(PERSONS, BASE)
    assert [round(share, 1) for share in shares[1:]] == [1.4, 4.2, 13.0, 23.7]
    users = pd.DataFrame(
        {
            "service": ["long"] * 5 + ["short"] * 5,
            "age_group": FIVE * 2,
            "users": [16, 80, 47, 95, 134, 12, 21, 11, 24, 20],
        }
    )
    apart = projection.coverage(users, BASE)
    both = apart.groupby(level="age_group", sort=False).sum()
    assert both.tolist() == pytest.approx((shares / 100).tolist(), rel=CLOSE)
    made = projection.project(apart, population().assign(population=lambda d: d["age_group"].map(BASE)))
    base = made[made["year"] == 2020].groupby("service")["places"].sum()
    assert base.to_dict() == pytest.approx({"long": 372, "short": 88}, rel=CLOSE)


def test_places_in_use():
    assert projection.places_in_use(171_550) == 470
    assert projection.places_in_use(366, 366) == 1
    told = faults_of(projection.places_in_use, -1, 400)
    assert "bed_days is -1" in told
    assert "days is 400" in told


def test_growth_by_hand():
    """460 to 1071 is 132.8 per cent; 100 to 121 in two years 10 per cent a year."""
    found = projection.growth(100, 121, 2)
    assert (found.ratio, found.percent, found.percent_per_year) == pytest.approx((1.21, 21, 10), rel=1e-9)
    assert math.isnan(projection.growth(1, 2).percent_per_year)
    assert "start is 0" in faults_of(projection.growth, 0, 1)


def many_municipalities(cases, years, seed):
    """A thousand made-up municipalities with five age groups, each a case of its own."""
    rng = np.random.default_rng(seed)
    names = np.repeat([f"M{k:04d}" for k in range(cases)], 5)
    base = rng.integers(1, 10 ** rng.integers(1, 7, 5 * cases))
    users = np.floor(base * rng.uniform(0, 1, 5 * cases) ** 3).astype(int)
    keys = {"municipality": names, "age_group": list(FIVE) * cases}
    later = [rng.integers(0, 10**6, 5 * cases) for _ in years[1:]]
    people = [
        pd.DataFrame({**keys, "year": year, "population": inhabitants})
        for year, inhabitants in zip(years, [base, *later], strict=True)
    ]
    return pd.DataFrame({**keys, "users": users}), people


def test_constant_population_gives_constant_places():
    """A thousand cases: to the last bit, whatever the years."""
    users, people = many_municipalities(1000, (2020,), 1)
    shares = projection.coverage(users, people[0])
    still = pd.concat([people[0].assign(year=year) for year in (2020, 2023, 2050)])
    made = projection.project(shares, still)
    places = made["places"].to_numpy().reshape(1000, 3, 5)
    assert np.array_equal(places, np.repeat(places[:, :1], 3, axis=1))
    np.testing.assert_allclose(places[:, 0].ravel(), users["users"], rtol=1e-14)


def test_places_are_the_sum_of_coverage_factor_and_population():
    """A thousand cases in fractions."""
    users, people = many_municipalities(1000, (2020, 2040), 2)
    factors = dict(zip(FIVE, (1.0, 1.0, 0.7, 0.85, 1.3), strict=True))
    made = projection.project(projection.coverage(users, people[0]), pd.concat(people), factors=factors)
    whole = projection.totals(made)
    ours = whole.loc[whole["year"] == 2040, "places"].to_numpy().reshape(1000)
    parts = zip(
        users["users"], people[0]["population"], people[1]["population"], users["age_group"], strict=True
    )
    exact = [Fraction(int(u), int(b)) * int(q) * Fraction(str(factors[age])) for u, b, q, age in parts]
    sums = [float(sum(exact[5 * k : 5 * k + 5])) for k in range(1000)]
    np.testing.assert_allclose(ours, sums, rtol=1e-12)


# --- Alternatives


def test_alternatives_have_factors_from_80_years():
    shares = projection.coverage(PERSONS, BASE)
    frame = pd.DataFrame(
        [("0 today", "80-84", 1.0), *(("1 housing", group, 0.8) for group in FIVE[2:])],
        columns=["alternative", "age_group", "factor"],
    )
    made = projection.project(shares, population(), factors=frame)
    wide = made.pivot_table(index=["year", "age_group"], columns="alternative", values="places")
    ratio = (wide["1 housing"] / wide["0 today"]).unstack("age_group").loc[2050]
    assert ratio[list(FIVE)].tolist() == pytest.approx([1, 1, 0.8, 0.8, 0.8], rel=CLOSE)
    assert set(made["population_alternative"]) == {"MMMM"}
    below = pd.concat([frame, pd.DataFrame([("1 housing", FIVE[1], 0.5)], columns=frame.columns)])
    with pytest.warns(DataWarning, match="67-79 år differs between alternatives"):
        projection.project(shares, population(), factors=below)


def test_alternatives_of_the_population_are_kept_apart():
    shares = projection.coverage(PERSONS, BASE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        made = projection.project(shares, population(alternatives=("MMMM", "LLML", "HHMH")))
    assert list(dict.fromkeys(made["alternative"])) == ["HHMH", "LLML", "MMMM"]
    assert len(made) == 3 * 3 * 5


def test_healthy_ageing_by_hand():
    """Middles 82.5 and 87.5; one year of five: a fifth of the way from 0.10 down to 0.05 is 0.09."""
    shares = {"67-79": 0.01, "80-84": 0.05, "85-89": 0.10, "90+": 0.25}
    made = projection.healthy_ageing(shares, {2020: 0, 2040: 1})
    by = made.set_index(["year", "age_group"])["factor"]
    assert by[2040, "85-89"] == pytest.approx(0.9, rel=CLOSE)
    assert by[2040, "90+"] == pytest.approx((0.25 - 0.15 / 5) / 0.25, rel=CLOSE)
    # 80-84 moves towards the middle of 67-79, 73.5, nine years below.
    assert by[2040, "80-84"] == pytest.approx((0.05 - 0.04 / 9) / 0.05, rel=CLOSE)
    assert by[2020].tolist() == [1, 1, 1]
    assert "67-79" not in by[2040]
    half = projection.healthy_ageing(shares, {2040: 1}, share=0.5).set_index("age_group")["factor"]
    assert half["85-89"] == pytest.approx(0.95, rel=CLOSE)
    told = faults_of(projection.healthy_ageing, {"old": 0.1}, {2040: -1}, share=2)
    for words in ("'old' is no ages", "added years of 2040 is -1", "share is 2"):
        assert words in told


def test_moves_on_the_housing_ladder_keep_the_sum():
    users = pd.DataFrame(
        {
            "service": ["institution"] * 3 + ["housing_24h"] * 3,
            "age_group": ["67-79", "80-89", "90+"] * 2,
            "users": [20, 80, 60, 10, 40, 20],
        }
    )
    shares = projection.coverage(users, {"67-79": 2000, "80-89": 800, "90+": 200})
    factors = projection.moved_to_housing(shares, 0.25, "institution", "housing_24h")
    people = pd.DataFrame(
        {"year": 2020, "age_group": ["67-79", "80-89", "90+"], "population": [2000, 800, 200]}
    )
    made = projection.project(shares, people, factors=factors)
    by = made.set_index(["service", "age_group"])["places"]
    assert by["institution"].tolist() == pytest.approx([20, 60, 45], rel=CLOSE)
    assert by["housing_24h"].tolist() == pytest.approx([10, 60, 35], rel=CLOSE)
    steps = projection.housing_ladder(made, {"housing_24h": 90}).set_index("service")
    assert steps.loc["institution", "cost_mnok"] == pytest.approx(125 * 1.2, rel=CLOSE)
    assert steps.loc["housing_24h", "cost_mnok"] == pytest.approx(105 * 0.7, rel=CLOSE)
    assert steps.loc["housing_24h", "dwellings_needed"] == pytest.approx(15, rel=1e-9)
    told = faults_of(projection.moved_to_housing, shares, 2, "institution", "castle")
    assert "share is 2" in told
    assert "'castle' has no coverage" in told
    told = faults_of(projection.housing_ladder, made, {"castle": -1})
    assert "there is no such step" in told
    assert "is -1" in told


def test_ladder_has_the_printed_unit_costs():
    assert [step.cost_mnok for step in projection.HOUSING_LADDER] == [1.2, 0.7, 0.2, 0.2]
    with pytest.raises(DataMissingError):
        projection.housing_ladder(projection.project({"80+": 0.1}, population(groups=("80+",))))


def test_policy_is_linear_between_its_years():
    """20 per cent today and 15 in 2030: 17.5 halfway, 15 after."""
    policy = pd.DataFrame({"year": [2030], "age_group": ["80+"], "coverage": [0.15]})
    made = projection.policy_factors({"80+": 0.20}, policy, [2020, 2025, 2030, 2040])
    assert made["factor"].tolist() == pytest.approx([1, 0.875, 0.75, 0.75], rel=CLOSE)
    told = faults_of(projection.policy_factors, {"80+": 0.2}, policy.assign(year=2060), [2020, 2040])
    assert "2060 is not after 2020 and up to 2040" in told
    told = faults_of(projection.policy_factors, {"80+": 0.0}, policy, [2020, 2040])
    assert "no coverage today" in told


# --- Bad input, all at once


def test_coverage_names_every_fault():
    told = faults_of(
        projection.coverage,
        {"67-79": 20, "80-84": -1, "85-89": 900, "90+": 5, "0-66": math.nan},
        {"67-79": 1000, "80-84": 100, "85-89": 800, "90+": 0, "100 år": 3, "0-66": 5000},
    )
    for words in (
        "'80-84' is negative",
        "'85-89': 900 users are more than 800",
        "'90+': the population is zero",
        "'0-66' is no number",
        "'100 år': users lack it",
    ):
        assert words in told
    told = faults_of(projection.coverage, {"80+": 1}, {"90+": 10})
    assert "'80+': the population lacks it" in told
    assert "'90+': users lack it" in told
    assert "stands twice" in faults_of(projection.coverage, {"80+": 1, "80 år og over": 2}, {"80+": 10})


def test_years_of_users_and_population_meet():
    users = pd.DataFrame({"year": 2020, "age_group": ["80+"], "users": [10]})
    people = pd.DataFrame({"year": [2020, 2021], "age_group": "80+", "population": [100, 125]})
    assert projection.coverage(users, people)["80+"] == 0.1
    assert projection.coverage(users, people).attrs["base_year"] == 2020
    assert "do not meet" in faults_of(projection.coverage, users.assign(year=2019), people)
    assert "2020, 2021" in faults_of(projection.coverage, {"80+": 10}, people)


def test_projection_names_every_fault():
    shares = {"67-79 år": 0.01, "80-84 år": 0.05, "90+": 0.2}
    frame = population(alternatives=("MMMM", "LLML")).drop(index=[0, 7, 20])
    told = faults_of(projection.project, shares, pd.concat([frame, frame.iloc[[3]]]))
    for words in (
        "stands twice",
        "no coverage of age group '85-89 år'",
        "MMMM, 2030: the population lacks age group '80-84 år'",
    ):
        assert words in told
    good = dict.fromkeys(FIVE, 0.1)
    shorter = population(alternatives=("MMMM", "LLML")).query("not (alternative == 'LLML' and year == 2030)")
    assert "LLML: the years 2030 lack" in faults_of(projection.project, good, shorter)
    negative = population().assign(population=-1)
    assert "is negative" in faults_of(projection.project, good, negative)
    told = faults_of(projection.project, good, population(), factors={"95+": 1, FIVE[4]: -0.1})
    assert "no such group" in told
    assert "is negative" in told
    told = faults_of(
        projection.project, good, population(), cost_per_place=1.2, fte_per_place={FIVE[0]: -1.0}
    )
    assert "give kroner" in told
    assert "is -1" in told
    assert f"fte_per_place of {FIVE[1]!r} is missing" in told


def test_projection_begins_at_the_base_year():
    users = pd.DataFrame({"year": 2020, "age_group": FIVE, "users": [PERSONS[a] for a in FIVE]})
    shares = projection.coverage(users, BASE)
    later = population(years=(2022, 2030))
    assert "begins in 2022 and the coverage is of 2020" in faults_of(projection.project, shares, later)
    with pytest.warns(DataWarning, match="are the borders the same"):
        projection.project(shares, population())


def test_municipalities_are_kept_apart():
    users = pd.DataFrame({"municipality": ["A", "B"], "age_group": "80+", "users": [10, 30]})
    there = pd.DataFrame({"municipality": ["A", "B"], "age_group": "80+", "population": [100, 200]})
    shares = projection.coverage(users, there)
    people = pd.concat([there.assign(year=2020), there.assign(year=2030, population=[200, 100])])
    made = projection.project(shares, people)
    assert made.set_index(["municipality", "year"])["places"].tolist() == pytest.approx([10, 20, 30, 15])
    told = faults_of(projection.project, shares, people[people["municipality"] == "A"])
    assert "'B': there is no population" in told
    assert "by municipality" in faults_of(projection.project, {"80+": 0.1}, people)


# --- Age groups


@pytest.mark.parametrize(
    ("text", "ages"),
    [
        ("67-79 år", (67, 79)),
        ("67 – 79 år", (67, 79)),
        ("80 år og over", (80, 200)),
        ("90 år eller eldre", (90, 200)),
        ("105+", (105, 200)),
        ("105 år +", (105, 200)),
        ("80 years or older", (80, 200)),
        ("Under 67 år", (0, 66)),
        ("003", (3, 3)),
        (7, (7, 7)),
        ("1 year", (1, 1)),
    ],
)
def test_age_groups_are_understood(text, ages):
    assert parse_age_group(text) == AgeGroup(*ages)


@pytest.mark.parametrize("text", ["eldre", "79-67", "", "I alt", "Under 0 år"])
def test_other_texts_are_no_ages(text):
    assert parse_age_group(text) is None


def test_one_year_ages_are_summed_to_groups():
    ages = pd.DataFrame(
        {"year": 2020, "age_group": [f"{a:03d}" for a in range(105)] + ["105+"], "population": 2}
    )
    made = in_age_groups(ages, ["0-66", "67-79", "80+"])
    assert made["population"].tolist() == [134, 26, 52]
    told = faults_of(in_age_groups, ages[ages["age_group"] != "070"], ["67-79", "80+"])
    assert "'67-79': ages lack" in told
    told = faults_of(in_age_groups, pd.concat([ages, ages.iloc[[90]]]), ["80+"])
    assert "ages stand twice" in told
    wide = pd.DataFrame({"age_group": ["0-79", "80-89"], "population": [1, 2]})
    assert "lies across the border" in faults_of(in_age_groups, wide, ["67-84"])
    assert "overlap" in faults_of(in_age_groups, wide, ["0-80", "80-89"])
    assert re.search("'old' is no age group", faults_of(in_age_groups, wide, ["old"]))
