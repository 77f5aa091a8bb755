"""Selection of cases: against brute force, by hand, and what a reader of table 2 may learn."""

import io
import itertools
from math import fsum

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kostnadsvekst.analysis.case_selection import (
    Criterion,
    growth_by_type,
    select_cases,
    table_of_classes,
)
from kostnadsvekst.chapters import Settings, case_selection, run_chapters
from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.models.purposeful_sampling import NOT_CHOSEN, most_varied, variation_of


def harmonic(n):
    return fsum(1 / j for j in range(1, n + 1))


def every_sample(eligible, quotas):
    """Criterion of each unit, for all samples that are allowed."""
    choices = [[NOT_CHOSEN, *np.flatnonzero(row)] for row in eligible]
    for sample in itertools.product(*choices):
        if all(sample.count(k) == n for k, n in enumerate(quotas)):
            yield np.array(sample)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_sample_is_more_varied(data):
    n = data.draw(st.integers(3, 8))
    categories = np.array(data.draw(st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=n, max_size=n)))
    eligible = np.array(data.draw(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=n, max_size=n)))
    quotas = np.array([data.draw(st.integers(1, 3)), data.draw(st.integers(0, 2))])
    samples = list(every_sample(eligible, quotas))
    if not samples:
        with pytest.raises(SpecificationError, match="nobody is chosen twice"):
            most_varied(categories, eligible, quotas)
        return
    found = most_varied(categories, eligible, quotas)
    best = max(
        sum(harmonic(list(column).count(c)) for column in categories[s != NOT_CHOSEN].T for c in range(3))
        for s in samples
    )
    assert found.variation == pytest.approx(best, abs=1e-12)
    assert found.bound == found.variation
    assert any(np.array_equal(found.criterion, s) for s in samples)


def test_variation_by_hand():
    # Sizes 2 and 1: 1 + 1/2 + 1; regions 3: 1 + 1/2 + 1/3.
    assert variation_of(np.array([[0, 5], [0, 5], [1, 5]])) == pytest.approx(2.5 + 11 / 6)


def test_of_equally_varied_samples_the_first_units_are_taken():
    categories = np.array([[0], [1], [0], [1], [2]])
    found = most_varied(categories, np.ones((5, 1), bool), np.array([2]))
    assert list(np.flatnonzero(found.criterion == 0)) == [0, 1]


def test_a_unit_that_meets_two_criteria_is_chosen_once():
    eligible = np.array([[True, True], [True, False]])
    found = most_varied(np.array([[0], [0]]), eligible, np.array([1, 1]))
    assert list(found.criterion) == [1, 0]


def a_panel(rows):
    """Rows of municipality, population, expenditure in 2017 and 2018, region, group."""
    frames = [
        pd.DataFrame(
            {
                "municipality": code,
                "year": [2017, 2018],
                "population": population,
                "spent": [first, last],
                "region": region,
                "kostra_group": group,
            }
        )
        for code, population, first, last, region, group in rows
    ]
    return pd.concat(frames, ignore_index=True)


ROWS = [
    ("0101", 1_000, 100.0, 110.0, "A", "1"),  # 10 %: the lower limit is in
    ("0102", 1_000, 100.0, 130.0, "A", "1"),  # 30 %: the upper limit is not
    ("0103", 6_000, 100.0, 120.0, "B", "2"),
    ("0104", 6_000, 100.0, 115.0, "B", "2"),
    ("0105", 60_000, 100.0, 112.0, "C", "3"),
    ("0106", 60_000, 100.0, 109.9, "C", "3"),
    ("0107", 70_000, 100.0, 125.0, "C", "13"),
    ("0108", 1_200, 100.0, 5_000.0, "A", "1"),
]
BAND = [Criterion("all", "spent", 10, 30, 3)]


def test_the_choice_and_its_reasons_by_hand():
    found = select_cases(a_panel(ROWS), BAND, 2017, 2018, merged={"0107": "merged in 2020"})
    # One of each size, region and group; of 0103 and 0104 the one that grew most.
    assert list(found.cases["municipality"]) == ["0101", "0103", "0105"]
    assert list(found.cases["gain"]) == [3.0, 3.0, 3.0]
    assert set(found.cases["alone_in"]) == {"population_class, region, kostra_group"}
    assert list(found.cases["replacements"]) == ["", "0104", ""]
    assert found.variation == found.bound == 9.0
    reasons = found.left_out.set_index("municipality")["reason"]
    assert reasons["0107"] == "merged in 2020"
    assert reasons["0102"] == "growth outside the band (all 30.0 %)"
    assert reasons["0106"] == "growth outside the band (all 9.9 %)"
    assert reasons["0104"] == "in the band (all 15.0 %), others vary more"
    assert set(reasons.index) | set(found.cases["municipality"]) == {row[0] for row in ROWS}


def test_evident_misreporting_is_left_out_by_name():
    # 0108 spent 100 and 5,000: its median is 2,550, of which 100 is 0.04.
    band = [Criterion("all", "spent", 10, 10_000, 3)]
    found = select_cases(a_panel(ROWS), band, 2017, 2018)
    reason = found.left_out.set_index("municipality")["reason"]["0108"]
    assert reason == "spent per inhabitant against its own median: 2017: 0.04"
    kept = select_cases(a_panel(ROWS), band, 2017, 2018, misreported_factor=30)
    assert "0108" in set(kept.cases["municipality"]) | set(
        kept.left_out[kept.left_out["reason"].str.startswith("in the band")]["municipality"]
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_rows_does_not_matter(seed):
    panel = a_panel(ROWS)
    found, other = (
        select_cases(p, BAND, 2017, 2018) for p in (panel, panel.sample(frac=1, random_state=seed))
    )
    pd.testing.assert_frame_equal(found.cases, other.cases)
    pd.testing.assert_frame_equal(found.left_out, other.left_out)


def test_regions_that_would_tell_a_case_are_hidden():
    many = [(f"02{k:02}", 1_500, 100.0, 111.0 + k / 10, "A", "1") for k in range(10)]
    others = [(f"03{k:02}", 1_500, 100.0, 111.0 + k / 10, "D", "4") for k in range(10)]
    panel = a_panel([*ROWS[2:5], *many, *others])
    found = select_cases(panel, [Criterion("all", "spent", 10, 30, 4)], 2017, 2018)
    table = table_of_classes(found).set_index("population_class")
    assert list(table["n_municipalities"]) == [2, 1, 0, 0, 1]
    assert table.loc["< 5 000", "regions"] == "A, D"
    assert table.loc["5 000–9 999", "regions"] == "*"
    assert table.loc["≥ 50 000", "regions"] == "*"
    assert table_of_classes(found, crowd=11).set_index("population_class").loc["< 5 000", "regions"] == "*"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda p: p.drop(columns="region"), DataMissingError, "region"),
        (lambda p: pd.concat([p, p.iloc[:1]]), InvalidDataError, "0101 2017"),
        (lambda p: p.assign(kostra_group=p["year"].astype(str)), InvalidDataError, "0101: kostra_group"),
        (lambda p: p[p["year"] == 2017], InvalidDataError, "2018"),
        (lambda p: p.head(4), SpecificationError, "3 units are asked for by the criteria, which 1 meet"),
    ],
)
def test_what_cannot_be_used_is_refused(change, error, words):
    with pytest.raises(error, match=words):
        select_cases(change(a_panel(ROWS)), BAND, 2017, 2018)


@pytest.mark.parametrize("numbers", [(30, 10, 1), (10, 10, 1), (10, 30, -1), (10, 30, 1.5)])
def test_criteria_that_mean_nothing_are_refused(numbers):
    with pytest.raises(SpecificationError):
        Criterion("all", "spent", *numbers)


def test_a_municipality_without_an_attribute_is_left_out():
    panel = a_panel(ROWS)
    panel.loc[panel["municipality"] == "0103", "kostra_group"] = None
    found = select_cases(panel, BAND, 2017, 2018)
    assert found.left_out.set_index("municipality")["reason"]["0103"] == "no kostra_group"
    assert "0104" in set(found.cases["municipality"])


def test_growth_by_type_by_hand():
    panel = a_panel(ROWS[:4])
    found = growth_by_type(panel, ["spent"], "region", 2017, 2018).set_index("type")
    # A: 200 to 240; B: 200 to 235; all: 400 to 475.
    assert list(found["growth_percent"]) == pytest.approx([20.0, 17.5, 18.75])
    assert list(found["above_all_points"]) == pytest.approx([1.25, -1.25, 0.0])
    assert list(found["contribution_points"]) == pytest.approx([10.0, 8.75, 18.75])
    assert list(found["n_municipalities"]) == [2, 2, 4]
    with pytest.raises(InvalidDataError, match="0101"):
        growth_by_type(panel.drop(index=0), ["spent"], "region", 2017, 2018)


def own_panel(small_panel, units=40):
    """Panel of a user's own, municipalities of four counties, growing by 4 to 31 per cent."""
    one = small_panel[small_panel["municipality"] == "0101"].iloc[[0] * 5].assign(year=range(2015, 2020))
    one["net_expenditure"] = 20_000.0
    parts = []
    for k in range(units):
        part = one.assign(
            municipality=f"{k % 4 + 1:02}{k:02}", population=1_000 * (k + 1), kostra_group=str(k % 7 + 1)
        )
        part.loc[part["year"] >= 2018, "net_expenditure"] *= 1.01 + k / 160
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def test_a_users_panel_has_its_counties_as_regions(small_panel, tmp_path):
    path = tmp_path / "panel.csv"
    own_panel(small_panel).to_csv(path, index=False)
    result = case_selection.run(Settings(data=path, languages=("en",)))
    cases = pd.read_csv(io.StringIO(result.files["case-selection/cases.csv"]), dtype=str)
    assert len(cases) == 15
    assert (cases["region"] == cases["municipality"].str[:2]).all()
    assert cases["kostra_group"].nunique() == 7
    # Prices rose by 3.1 per cent from 2017 to 2018 (the package's deflator): growth is in current prices.
    growth = cases["growth_percent"].astype(float)
    assert growth.min() >= 10
    assert growth.max() < 30
    labelled = [n for n, t in result.files.items() if "synthetic data" in str(t).lower()]
    assert labelled == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p.drop(columns="kostra_group"), "columns kostra_group, region"),
        (lambda p: p[p["year"] < 2018], "No cases are selected: no rows of 2018"),
        (lambda p: p[p["population"] < 20_000], "15 units are asked for by the criteria"),
    ],
)
def test_without_what_is_needed_the_chapter_says_so(change, words, small_panel, tmp_path):
    path = tmp_path / "panel.csv"
    change(own_panel(small_panel)).to_csv(path, index=False)
    result = case_selection.run(Settings(data=path))
    assert result.files == {}
    assert words in result.summary[0].en


def test_the_chapter_shows_its_best_sample(case_selection_run):
    files = case_selection_run.result.files
    assert "ingen utvalg har over" in case_selection_run.result.summary[0].nb
    assert files["case-selection/cases.csv"].count("\n") == 16
    cases = pd.read_csv(io.StringIO(files["case-selection/cases.csv"]))
    # Section 7.2: twelve from about 10 to just under 30 per cent, three by home services.
    care = cases[cases["criterion"] == "all_care"]["growth_percent"]
    assert (len(care), len(cases)) == (12, 15)
    assert care.between(10, 30, inclusive="left").all()
    left = files["case-selection/left_out.csv"]
    outside = pd.read_csv(io.StringIO(left))["reason"].str.extract(
        r"outside the band \(all_care ([-\d.]+) %"
    )[0]
    # Told to a tenth: nobody in the band was called outside.
    assert not outside.dropna().astype(float).between(10.05, 29.95).any()
    assert left.count("\n") == 351
    assert 'S327,"expenditure_nok per inhabitant against its own median' in left


def test_a_reason_takes_the_place_of_what_is_not_made(small_panel, tmp_path):
    data, out = tmp_path / "panel.csv", tmp_path / "out"
    (out / "case-selection").mkdir(parents=True)
    own_panel(small_panel).to_csv(data, index=False)
    run_chapters(["case-selection"], Settings(data=data, languages=("en",)), out)
    assert (out / "case-selection" / "cases.csv").is_file()
    own_panel(small_panel).drop(columns="kostra_group").to_csv(data, index=False)
    run_chapters(["case-selection"], Settings(data=data, languages=("en",)), out)
    assert not (out / "case-selection" / "cases.csv").exists()
    assert "kostra_group, region" in (out / "case-selection" / "not_made.txt").read_text("utf-8")
