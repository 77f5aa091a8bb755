"""Savings potential: printed checks and perturbed ones, sums, the grid, real municipalities, bad input."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.municipal.comparison import similar
from kostnadsvekst.municipal.savings import CAVEATS, grid, saving_share_percent, savings
from kostnadsvekst.sources.kostra_book import read_kostra_book

SHARED = ROOT.parent / "shared"
CLOSE = 1e-9
printed = pytest.mark.skipif(
    not (SHARED / "municipal" / "checks.json").is_file(),
    reason="the folder with the printed checks is not beside the repository",
)
real = pytest.mark.skipif(
    not (SHARED / "data" / "municipal").is_dir(),
    reason="the folder with public data of municipalities is not beside the repository",
)


def answer(given):
    """What a check of savings asks for, through the public functions."""
    if "saving" in given:
        return saving_share_percent(given["saving"], given["net"])
    if "own_minus_ref_mill" in given:
        found = savings(20.0 + given["own_minus_ref_mill"], 20.0, 1e6, 1.0)
    elif "adj_pop" in given:
        group = given.get("group", "all")
        found = savings({group: given["own"]}, {"other": {group: given["ref"]}}, given["adj_pop"], 1.0)
    else:
        found = savings(given["own"], given["refs"], given["population"], given["need_index"])
    return found["saving_mnok"].sum()


@printed
def test_every_printed_check_holds():
    checks = json.loads((SHARED / "municipal" / "checks.json").read_text("utf-8"))["checks"]
    ours = [check for check in checks if check["system"] == "C"]
    assert len(ours) >= 10
    wrong = [c["id"] for c in ours if abs(answer(c["inputs"]) - c["expected"]) > max(c["tolerance"], 5e-7)]
    assert wrong == []


def test_other_numbers_by_the_formula():
    rng = np.random.default_rng(5)
    for _ in range(200):
        own, *refs = rng.uniform(500, 30_000, rng.integers(2, 7)).round(0)
        people, need = int(rng.integers(300, 700_000)), round(rng.uniform(0.7, 1.7), 4)
        expected = (own - sum(refs) / len(refs)) * people * need / 1e6
        given = {"own": own, "refs": refs, "population": people, "need_index": need}
        assert answer(given) == pytest.approx(expected, abs=1e-6)
        assert saving_share_percent(expected * 1e6, people) == pytest.approx(expected * 1e8 / people)


def test_thousand_kroner_per_inhabitant_are_about_69_million():
    """Ålesund: 66 258 inhabitants on 1 January 2020, function 253; need index 0.972."""
    found = savings({"253": 9000 + 1041 / 0.972}, {"group": {"253": 9000}}, 66_258, 0.972)
    assert found["per_inhabitant_kr"].tolist() == pytest.approx([1041])
    assert found["saving_mnok"].tolist() == pytest.approx([1041 * 66_258 / 1e6])
    assert round(found["saving_mnok"].iloc[0]) == 69


def accounts(rows):
    return pd.DataFrame(rows, columns=["municipality", "year", "function", "amount_kr"])


COSTS = accounts(
    [
        ("Vik", 2023, "253", 30e6), ("Vik", 2023, "254", 20e6),
        ("Nes", 2023, "253", 50e6), ("Nes", 2023, "254", 50e6),
        ("Li", 2023, "253", 10e6), ("Li", 2023, "254", 15e6),
    ]
)  # fmt: skip
PEOPLE = pd.DataFrame(
    [("Vik", 2023, 2000), ("Nes", 2023, 4000), ("Li", 2023, 1000)],
    columns=["municipality", "year", "population"],
)
NEED = pd.DataFrame(
    [("Vik", 2023, 1.25), ("Nes", 2023, 1.0), ("Li", 2023, 1.0)],
    columns=["municipality", "year", "need_index"],
)
OWN, OTHERS = COSTS[COSTS["municipality"] == "Vik"], COSTS[COSTS["municipality"] != "Vik"]


def test_accounts_in_kroner_by_hand():
    """Vik has 2500 need-adjusted inhabitants; the others 12 500 and 10 000, 12 500 and 15 000 each."""
    found = savings(OWN, OTHERS, PEOPLE, NEED)
    assert found["function"].tolist() == ["253", "254"]
    assert found["own_kr"].tolist() == [12_000, 8_000]
    assert found["reference_kr"].tolist() == [11_250, 13_750]
    assert found["saving_mnok"].tolist() == pytest.approx([750 * 2500 / 1e6, -5750 * 2500 / 1e6])
    assert found["per_inhabitant_kr"].tolist() == pytest.approx([750 * 1.25, -5750 * 1.25])
    pooled = savings(OWN, OTHERS, PEOPLE, NEED, mean="ratio_of_sums")
    assert pooled["reference_kr"].tolist() == [12_000, 13_000]
    assert pooled["saving_mnok"].tolist() == pytest.approx([0, -12.5])
    assert found.attrs["total_mnok"] == pytest.approx(1.875 - 14.375)
    assert found.attrs["municipalities"] == ["Nes", "Li"]
    assert found.attrs["caveats_nb"] == [one.nb for one in CAVEATS]


def test_positive_functions_alone_name_what_they_leave_out():
    found = savings(OWN, OTHERS, PEOPLE, NEED, only_positive=True)
    assert found["function"].tolist() == ["253"]
    assert found.attrs["total_mnok"] == pytest.approx(1.875)
    assert found.attrs["left_out"] == ["function 254: one's own is not dearer"]


def test_need_by_function():
    need = pd.DataFrame(
        [
            (m, f, v)
            for m, a, b in (("Vik", 1.25, 0.8), ("Nes", 1, 1), ("Li", 1, 1))
            for f, v in (("253", a), ("254", b))
        ],
        columns=["municipality", "function", "need_index"],
    )
    found = savings(OWN, OTHERS, PEOPLE, need)
    assert found["own_kr"].tolist() == [12_000, 20e6 / 1600]
    assert found["saving_mnok"].tolist() == pytest.approx([1.875, (12_500 - 13_750) * 1600 / 1e6])
    own_only = savings(
        {"253": 12_000, "254": 12_500}, [{"253": 11_250, "254": 13_750}], 2000, {"253": 1.25, "254": 0.8}
    )
    assert own_only["saving_mnok"].tolist() == pytest.approx(found["saving_mnok"].tolist())


def test_ways_to_give_the_same_numbers():
    own = pd.Series({"253": 12_000, "254": 8_000}, name="Vik")
    others = {"Nes": {"253": 12_500, "254": 12_500}, "Li": {"253": 10_000, "254": 15_000}}
    expected = savings(OWN, OTHERS, PEOPLE, NEED)
    for references in (others, pd.DataFrame(others), [pd.Series(v, name=k) for k, v in others.items()]):
        for population in (2000, {"Vik": 2000}, PEOPLE):
            for need in (1.25, pd.Series({"Vik": 1.25}), NEED):
                found = savings(own, references, population, need)
                pd.testing.assert_frame_equal(found, expected)
    long = pd.DataFrame([(m, f, v) for m, by in others.items() for f, v in by.items()])
    long.columns = ["municipality", "function", "adjusted_kr"]
    pd.testing.assert_frame_equal(savings(own, long.sample(frac=1, random_state=1), PEOPLE, NEED), expected)


def test_a_thousand_savings_add_over_functions():
    rng = np.random.default_rng(6)
    for _ in range(1000):
        n, m = rng.integers(1, 7, 2)
        names = [f"f{k}" for k in range(n)]
        own = dict(zip(names, rng.uniform(0, 20_000, n), strict=True))
        others = [dict(zip(names, rng.uniform(0, 20_000, n), strict=True)) for _ in range(m)]
        people, need = float(rng.integers(200, 700_000)), float(rng.uniform(0.7, 1.7))
        whole = savings(sum(own.values()), [sum(one.values()) for one in others], people, need)
        found = savings(own, others, people, need)
        parts = math.fsum(found["saving_mnok"])
        assert parts == pytest.approx(whole["saving_mnok"].iloc[0], abs=5e-9)  # half an øre, in millions
        assert found.attrs["total_per_inhabitant_kr"] == pytest.approx(
            whole["per_inhabitant_kr"].iloc[0], abs=1e-6
        )


def faults_of(*args, **options):
    with pytest.raises(InvalidDataError) as error:
        savings(*args, **options)
    return " | ".join(error.value.problems)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((OWN, COSTS, PEOPLE, NEED), "Vik is among its own references; leave it out"),
        (
            (OWN, OTHERS.assign(year=2022), PEOPLE, NEED),
            "years do not meet: own has 2023, references have 2022",
        ),
        ((OWN, OTHERS, PEOPLE.assign(population=0), NEED), "population of Vik is 0, must be above 0"),
        ((OWN, OTHERS.iloc[1:], PEOPLE, NEED), "Nes lacks function 253; none is 0"),
        ((OWN.iloc[1:], OTHERS, PEOPLE, NEED), "own lacks function 253 of Nes; none is 0"),
        ((OWN, pd.concat([OTHERS, OTHERS]), PEOPLE, NEED), "references row 5 (Nes, 253): stands twice"),
        ((OWN, OTHERS, PEOPLE.iloc[:2], NEED), "population of Li is not told (of this year)"),
        ((OWN, OTHERS, PEOPLE.assign(year=2020), NEED), "population of Vik is not told (of this year)"),
        ((OWN, OTHERS, PEOPLE, NEED.iloc[1:]), "need_index of Vik is not told"),
        ((OWN, OTHERS, 2000, 1.25), "population of Nes is not told"),
        ((OWN, OTHERS, PEOPLE, NEED.assign(need_index=97.2)), "97.2 per cent is 0.972"),
        ((OWN, OTHERS.assign(amount_kr="ti"), PEOPLE, NEED), "amount_kr is 'ti', not a number"),
        ((OWN, OTHERS.iloc[:0], PEOPLE, NEED), "references has no rows"),
        ((OWN, [], PEOPLE, NEED), "references are empty"),
        ((OWN, "Nes", PEOPLE, NEED), "references are a frame, a mapping or numbers"),
        ((COSTS, OTHERS, PEOPLE, NEED), "own has several municipalities"),
        ((OWN.drop(columns="amount_kr"), OTHERS, PEOPLE, NEED), "own needs the column function, and one of"),
        ((OWN, OTHERS, pd.concat([PEOPLE, PEOPLE]), NEED), "population of Vik stands twice"),
        ((OWN, OTHERS, PEOPLE.drop(columns="population"), NEED), "population needs the columns"),
        ((1.0, [2.0], {"Bø": 1}, 1.0), "its keys are neither of them"),
        ((1.0, [2.0], None, 1.0), "population of own is missing"),
        ((1.0, [math.nan], 5, 1.0), "reference reference 1, function all is missing"),
        (({}, [{}], 5, 1.0), "own has no function"),
        (
            (pd.concat([OWN, OWN.assign(year=2022)]), OTHERS, PEOPLE, NEED),
            "own has several years: 2022, 2023",
        ),
    ],
)
def test_bad_input_is_named(given, told):
    assert told in faults_of(*given)


def test_all_faults_at_once():
    told = faults_of(
        OWN,
        COSTS.assign(year=2022).iloc[1:],
        PEOPLE.assign(population=0),
        NEED.iloc[1:],
        mean="ratio_of_sums",
    )
    for words in ("among its own", "years do not meet", "Vik lacks function 253", "need_index of Vik"):
        assert words in told
    assert "population of" in told
    with pytest.raises(SpecificationError, match="'median'"):
        savings(OWN, OTHERS, PEOPLE, NEED, mean="median")
    with pytest.raises(InvalidDataError, match="net_kr is 0"):
        saving_share_percent(1, 0)


# --- The grid


def years(frame, *wanted):
    return pd.concat([frame.assign(year=year) for year in wanted], ignore_index=True)


def test_grid_is_every_saving_and_says_when_the_answer_turns():
    costs, people, need = (years(f, 2022, 2023) for f in (COSTS, PEOPLE, NEED))
    keys = {"all": need, "care": NEED.drop(columns="year").assign(need_index=1.0)}
    groups = {"both": ["Nes", "Li"], "Nes": ["Nes"]}
    found = grid(costs, people, keys, groups, own="Vik")
    assert len(found) == 2 * 2 * 2 * 2
    for row in found.itertuples():
        of_year = costs[costs["year"] == row.year]
        alone = savings(
            of_year[of_year["municipality"] == "Vik"],
            of_year[of_year["municipality"].isin(groups[row.group])],
            people,
            keys[row.need_key],
            mean=row.mean,
        )
        assert row.saving_mnok == pytest.approx(alone["saving_mnok"].sum())
        assert row.per_inhabitant_kr == pytest.approx(alone["per_inhabitant_kr"].sum())
        assert row.municipalities == len(groups[row.group])
    # Per need-adjusted inhabitant 20 000 against 25 000; without need 25 000 against 25 000.
    assert found.attrs["lowest_mnok"] == pytest.approx(-12.5)
    assert found.attrs["highest_mnok"] == pytest.approx(0, abs=CLOSE)
    assert found.attrs["changes_size"]
    assert not found.attrs["changes_sign"]
    assert "fortegnet er det samme" in found.attrs["text_nb"]
    assert found.attrs["span_mnok"]["need_key"] == pytest.approx(12.5)
    assert found.attrs["span_mnok"]["year"] == pytest.approx(0, abs=CLOSE)


def test_grid_says_when_the_sign_turns_and_when_nothing_does():
    need = {"a": NEED, "b": NEED.assign(need_index=[0.9, 1, 1])}
    found = grid(COSTS, PEOPLE, need, {"g": ["Nes", "Li"]}, own="Vik")
    assert found.attrs["changes_sign"]
    assert set(found["against_first"]) == {"same", "sign"}
    assert "er ikke et funn" in found.attrs["text_nb"]
    assert "−12.5 to 5.0 million" in found.attrs["text_en"]
    one = grid(COSTS, PEOPLE, {"a": NEED}, {"g": ["Nes"]}, own="Vik", means=["municipalities"])
    assert one["saving_mnok"].tolist() == pytest.approx([-12.5])
    assert "uansett valg" in one.attrs["text_nb"]


def test_grid_leaves_out_cells_by_name():
    costs = years(COSTS, 2022, 2023)
    costs = costs[~((costs["municipality"] == "Li") & (costs["year"] == 2022))]
    need, people = years(NEED, 2022, 2023), years(PEOPLE, 2022, 2023)
    with pytest.warns(DataWarning, match="2 cell"):
        found = grid(costs, people, {"all": need}, {"g": ["Nes", "Li"]}, own="Vik")
    assert found["year"].tolist() == [2023, 2023]
    assert found.attrs["left_out"][0] == "g, all, 2022, municipalities: Li has no accounts"


@pytest.mark.parametrize(
    ("options", "groups", "told"),
    [
        ({"own": "Vik"}, {"g": ["Vik", "Nes"]}, "Vik is in its own group 'g'; leave it out"),
        ({"own": "Vik"}, {"g": []}, "the group 'g' has no members"),
        ({"own": "Bø"}, {"g": ["Nes"]}, "Bø has no accounts"),
        ({"own": "Vik", "years": [2020]}, {"g": ["Nes"]}, "Vik has no accounts of 2020"),
        ({"own": "Vik"}, {"g": ["Bø"]}, "g, all, 2023, municipalities: Bø has no accounts"),
    ],
)
def test_bad_grids_are_named(options, groups, told):
    with pytest.raises(InvalidDataError) as error:
        grid(COSTS, PEOPLE, {"all": NEED}, groups, **options)
    assert told in " | ".join(error.value.problems)


def test_grids_without_choices_are_refused():
    with pytest.raises(SpecificationError, match="one comparison group and one need key"):
        grid(COSTS, PEOPLE, {}, {"g": ["Nes"]}, own="Vik")
    with pytest.raises(SpecificationError, match="'median'"):
        grid(COSTS, PEOPLE, {"a": NEED}, {"g": ["Nes"]}, own="Vik", means=["median"])
    with pytest.raises(DataMissingError, match="'function'"):
        grid(COSTS.drop(columns="function"), PEOPLE, {"a": NEED}, {"g": ["Nes"]}, own="Vik")


# --- Real municipalities


CODES = {"Lørenskog": "3222", "Enebakk": "3220", "Rælingen": "3224", "Lillestrøm": "3205", "Oslo": "0301"}
OLD = {"Lørenskog": "3029", "Enebakk": "3028", "Rælingen": "3027", "Lillestrøm": "3030", "Oslo": "0301"}


def public(name):
    return SHARED / "data" / name


def need_of_all():
    given = json.loads(public("municipal/need_index_2025.json").read_text("utf-8"))["kommuner"]
    whole = {code: v if isinstance(v, float) else v["samlet"] for code, v in given.items()}
    return given, whole


@real
def test_real_need_index_population_and_key_figures_go_through():
    """Expenditure of Lørenskog and its neighbours in 2024; the newest inhabitants there are those of 2021."""
    table = read_kostra_book(public("municipal/lorenskog_kostra_2020_2025.xlsx"))
    rows = table[(table["indicator"] == "Utgifter helse og omsorg per innbygger") & (table["year"] == 2024)]
    per_head = rows.set_index("region")["value"]
    people = pd.read_csv(
        public("population/population_1jan_bands_original_codes_2010_2021.csv"), dtype={"kommune": str}
    )
    people = people[people["aar"] == 2021].set_index("kommune")["ialt"]
    given, whole = need_of_all()
    costs = accounts([(n, 2024, "care", per_head[n] * people[OLD[n]]) for n in CODES])
    population = {n: int(people[OLD[n]]) for n in CODES}
    need = {n: whole[CODES[n]] for n in CODES}
    own, others = costs[costs["municipality"] == "Lørenskog"], costs[costs["municipality"] != "Lørenskog"]
    found = savings(own, others, population, need)
    level = np.mean([per_head[n] / need[n] for n in others["municipality"]])
    expected = (per_head["Lørenskog"] - level * need["Lørenskog"]) * population["Lørenskog"] / 1e6
    assert found["saving_mnok"].tolist() == pytest.approx([expected])
    sector = {**need, "Lørenskog": given["3222"]["pleie"]}
    moved = grid(
        costs,
        pd.DataFrame({"municipality": list(population), "population": list(population.values())}),
        {
            "all": pd.DataFrame({"municipality": list(need), "need_index": list(need.values())}),
            "care": pd.DataFrame({"municipality": list(sector), "need_index": list(sector.values())}),
        },
        {"neighbours": list(others["municipality"])},
        own="Lørenskog",
    )
    assert moved.attrs["changes_size"]


@real
def test_similar_among_all_real_municipalities():
    _, whole = need_of_all()
    frame = pd.DataFrame({"municipality": list(whole), "need_index": list(whole.values())})
    frame["county"] = frame["municipality"].str[:2]
    found = similar(frame, "3222", ["need_index", "county"], n=10)
    assert len(whole) > 350
    assert set(found["municipality"].str[:2]) == {"32"}
