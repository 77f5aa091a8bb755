"""No count of five or fewer follows from a published profile of user groups."""

import itertools
import warnings
from collections import defaultdict
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.municipal.protection import protect_cells, protect_profile, protect_rows
from kostnadsvekst.municipal.suppressed_sums import PublishedSum, suppress
from kostnadsvekst.municipal.user_groups import profile
from municipal_attack import attack_profile, primary_only, shown_small_counts
from municipal_books import COUNT_COLUMNS, made_book

FEW, MANY, BOOKS_A_CALL = 30, 1000, 50


def made_profile(seed, **options):
    book = made_book(seed, options.pop("years", 1), options.pop("most", 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return profile(*book, **options), book


@pytest.fixture(scope="module")
def few():
    """As many made books as there are years."""
    return made_profile(1, years=FEW, most=3)


@pytest.fixture(scope="module")
def published(few):
    return protect_profile(few[0])


# --- The attack


def test_the_attack_recovers_no_small_count(few, published):
    findings, hidden = attack_profile(published, few[0])
    assert hidden > 10 * FEW
    assert findings == []
    assert shown_small_counts(published).empty


def test_much_is_still_told(published):
    assert (published["hidden"] == "").mean() > 0.5
    of_all = published[(published["service"] == "all") & published["measure"].eq("net_per_inhabitant")]
    assert of_all["value"].notna().all()
    assert of_all["mean"].notna().all()


def test_the_same_attack_recovers_small_counts_where_only_their_own_rows_are_hidden(few):
    some = few[0][few[0]["year"] < 2024]
    findings, hidden = attack_profile(primary_only(some), some)
    assert sum(f.kind == "exact" for f in findings) > 0.8 * hidden > 20


@pytest.mark.slow
@pytest.mark.parametrize("call", range(MANY // BOOKS_A_CALL))
def test_the_attack_recovers_no_small_count_in_a_thousand_books(call):
    mean = ("municipalities", "ratio_of_sums")[call % 2]
    made, _ = made_profile(100 + call, years=BOOKS_A_CALL, mean=mean)
    findings, hidden = attack_profile(protect_profile(made), made)
    assert hidden > 10 * BOOKS_A_CALL
    assert findings == []


# --- By hand: which rows are hidden

POPULATION = pd.DataFrame(
    {
        "municipality": ["A", "B"],
        "year": 2023,
        "population": [10_000, 20_000],
        "population_18_67": [6_000, 12_000],
        "population_80_plus": [500, 900],
    }
)


@cache
def housing():
    return hand_made(HOUSING, COSTS)


def hand_made(rows, accounts=(), **options):
    counts = pd.DataFrame([(r[0], 2023, *r[1:]) for r in rows], columns=COUNT_COLUMNS)
    columns = ["municipality", "year", "group", "service", "provision", "gross_kr", "refund_kr"]
    spent = pd.DataFrame([(r[0], 2023, *r[1:], 0.0) for r in accounts], columns=columns)
    return profile(counts, spent, POPULATION, 1.0, **options), counts


def hidden_in(published, measure, **where):
    rows = published[published["measure"] == measure]
    for column, value in where.items():
        rows = rows[rows[column] == value]
    return {
        tuple(r) for r in rows.loc[rows["hidden"] != "", ["municipality", "service", "provision"]].to_numpy()
    }


HOUSING = [
    ("A", "pu_adults", "housing", "own", 43, 43, 5, 100.0),
    ("A", "pu_adults", "housing", "bought", 3, 3, 1, None),
    ("B", "pu_adults", "housing", "own", 50, 50, 6, 110.0),
    ("B", "pu_adults", "housing", "bought", 9, 9, 1, None),
]
COSTS = [
    ("A", "pu_adults", "housing", "own", 9e7),
    ("A", "pu_adults", "housing", "bought", 2e7),
    ("B", "pu_adults", "housing", "own", 8e7),
    ("B", "pu_adults", "housing", "bought", 1e7),
]


def test_a_small_count_takes_its_sum_its_measures_and_the_mean_along():
    made, _ = housing()
    shown = protect_profile(made)
    for measure in ("users_per_1000", "places_per_1000", "cost_per_recipient", "cost_per_place"):
        assert hidden_in(shown, measure) == {("A", "housing", "bought"), ("A", "housing", "all")}
    assert hidden_in(shown, "bought_share", service="housing") == {("A", "housing", "all")}
    rows = shown[(shown["measure"] == "cost_per_recipient") & (shown["municipality"] == "B")]
    told = rows.set_index("provision")
    assert told.loc["bought", "value"] == pytest.approx(1e7 / 9)
    assert told.loc["own", "mean"] == pytest.approx((9e7 / 43 + 8e7 / 50) / 2)
    assert told.loc[["bought", "all"], ["mean", "index"]].isna().all(axis=None)
    assert (told.loc[["bought", "all"], "colour"] == "").all()
    assert (told.loc[["bought", "all"], "mean_hidden"] == ":").all()


def test_five_is_hidden_and_six_and_zero_are_told():
    expected = {
        "meals": (0, ""),
        "safety_alarm": (1, ":"),
        "support_contact": (5, ":"),
        "care_allowance": (6, ""),
    }
    rows = [("A", "elderly_home", s, "own", n, None, None, None) for s, (n, _) in expected.items()]
    shown = protect_profile(hand_made(rows)[0])
    own = shown[(shown["measure"] == "users_per_1000") & (shown["provision"] == "own")].set_index("service")
    assert own["hidden"].to_dict() == {service: status for service, (_, status) in expected.items()}
    assert own["value"].isna().to_dict() == {s: status == ":" for s, (_, status) in expected.items()}


def test_only_the_own_municipality_and_the_mean_is_as_safe():
    made, _ = housing()
    shown = protect_profile(made, municipalities=["B"])
    assert set(shown["municipality"]) == {"B"}
    bought = shown[(shown["measure"] == "users_per_1000") & (shown["provision"] == "bought")]
    assert bought["mean"].isna().all()
    assert bought["value"].notna().all()
    # The profile without A, whose mean has A in it, would give A's count back.
    with pytest.raises(InvalidDataError, match="mean is not that of the municipalities"):
        protect_profile(made[made["municipality"] == "B"])


def test_a_municipality_outside_the_mean_does_not_hide_it():
    made, _ = hand_made(HOUSING, COSTS, reference=["B"])
    shown = protect_profile(made)
    bought = shown[(shown["measure"] == "users_per_1000") & (shown["provision"] == "bought")]
    assert bought["mean"].notna().all()
    assert bought.loc[bought["municipality"] == "A", "index"].isna().all()


def test_unique_users_are_hidden_where_they_bound_a_small_count():
    services = [("A", "elderly_home", "meals", "own", 6, None, None, None)]
    small = [("A", "elderly_home", "safety_alarm", "own", 5, None, None, None)]
    # 11 persons use a service, 6 of them meals: the alarm has at least 5 users, and it has at most 5.
    tight = [*services, *small, ("A", "elderly_home", "unique_users", "all", 11, None, None, None)]
    loose = [*services, *small, ("A", "elderly_home", "unique_users", "all", 7, None, None, None)]
    for rows, expected in ((tight, True), (loose, False)):
        shown = protect_profile(hand_made(rows)[0])
        assert (("A", "unique_users", "all") in hidden_in(shown, "users_per_1000")) is expected
        assert hidden_in(shown, "services_per_unique_user") == {("A", "all", "all")}


PLACES = [
    ("A", "elderly_institution", "long_term_ordinary", "own", None, 60, 3, None),
    ("A", "elderly_institution", "short_term_ordinary", "own", None, 9, 1, None),
    ("A", "elderly_institution", "acute_beds", "own", None, 3.5, 1, None),
]


def test_coverage_of_nursing_homes_is_told_by_hiding_a_larger_type():
    shown = protect_profile(hand_made(PLACES)[0])
    covered = shown[shown["measure"] == "coverage_80_plus"].set_index("service")
    assert covered.loc["institution", "value"] == pytest.approx(72.5 / 500 * 100)
    assert covered.loc["short_term", "value"] == pytest.approx(12.5 / 500 * 100)
    assert covered.loc["long_term_ordinary", "value"] == pytest.approx(12.0)
    assert covered.loc[["short_term_ordinary", "acute_beds"], "value"].isna().all()


def test_a_sum_with_one_part_is_hidden_with_it():
    shown = protect_profile(hand_made([PLACES[2]])[0])
    covered = shown[shown["measure"] == "coverage_80_plus"]
    assert len(covered) == 3
    assert covered["value"].isna().all()


def test_a_part_that_only_the_sum_tells_is_refused():
    made, _ = housing()
    without = made[~((made["municipality"] == "A") & (made["provision"] == "bought"))]
    without = without.assign(mean=np.nan, index=np.nan)
    with pytest.raises(InvalidDataError, match="own and bought are not all"):
        protect_profile(without)


def test_a_changed_count_is_refused():
    made, _ = housing()
    changed = made.copy()
    row = changed[(changed["measure"] == "cost_per_recipient") & (changed["provision"] == "own")].index[0]
    changed.loc[row, "denominator"] += 1
    with pytest.raises(InvalidDataError, match=r"two numbers of users|mean is not"):
        protect_profile(changed)


def test_a_profile_without_columns_and_an_unknown_municipality_are_named():
    made, _ = housing()
    with pytest.raises(DataMissingError, match="'mean'"):
        protect_profile(made.drop(columns="mean"))
    with pytest.raises(SpecificationError, match="'C'"):
        protect_profile(made, municipalities=["C"])
    with pytest.raises(SpecificationError, match="threshold"):
        protect_profile(made, threshold=1)


def test_remarks_do_not_leave_with_the_profile():
    rows = [*HOUSING, ("A", "pu_adults", "unique_users", "all", 110, None, None, None)]
    rows += [("B", "mh_adults", "housing", "own", 0, 0, None, 4.0)]
    with pytest.warns(match="left out"):
        made, _ = hand_made(rows)
    assert made.attrs["left_out"]
    shown = protect_profile(made)
    assert "left_out" not in shown.attrs
    assert shown.attrs["threshold"] == 6


# --- Inputs and other lists


def test_counts_beside_the_profile_hide_the_same_cells():
    made, counts = housing()
    shown = protect_cells(counts, protect_profile(made))
    assert shown["hidden"].tolist() == ["", ":", "", ""]
    assert shown["users"].isna().tolist() == [False, True, False, False]
    assert shown.loc[1, ["users", "places", "units", "fte"]].isna().all()
    own = protect_cells(counts, protect_profile(made, municipalities=["B"]))
    assert set(own["municipality"]) == {"B"}


def test_counts_of_another_profile_are_refused():
    made, counts = housing()
    other = counts.assign(service="meals")
    with pytest.raises(InvalidDataError, match="A, 2023, pu_adults, meals, own"):
        protect_cells(other, protect_profile(made))


def test_a_list_of_recipients_hides_a_larger_row_beside_a_small_one():
    steps = pd.DataFrame({"step": [1, 2, 3], "recipients": [4, 80, 30], "total": [2.0, 8.0, 3.0]})
    shown = protect_rows(steps, ["recipients"], ["total"])
    assert shown["hidden"].tolist() == [":", "", ":"]
    assert shown["total"].isna().tolist() == [True, False, True]
    assert shown.attrs["totals_hidden"] == []
    alone = protect_rows(steps, ["recipients"], ["total"], totals_are_shown=False)
    assert alone["hidden"].tolist() == [":", "", ""]
    two = protect_rows(steps.iloc[:1], ["recipients"], ["total"])
    assert two.attrs["totals_hidden"] == ["recipients"]
    with pytest.raises(InvalidDataError, match="row 2: recipients -1 is no count"):
        protect_rows(steps.assign(recipients=[4, -1, 30]), ["recipients"], [])


# --- Sums: against all assignments


@st.composite
def tables(draw):
    values = draw(st.lists(st.integers(0, 9), min_size=1, max_size=4))
    cells = {k: float(v) for k, v in enumerate(values)}
    part = draw(st.sets(st.sampled_from(list(cells)), min_size=1))
    return cells, [PublishedSum("all", frozenset(cells)), PublishedSum("part", frozenset(part))]


def possible(cells, sums, hidden, told):
    """Values of each hidden cell over all assignments that agree with what is told; 1 at least."""
    free = sorted(hidden)
    guess = {c: np.array(v) for c, v in cells.items()} | dict(
        zip(free, np.indices([18] * len(free), dtype=np.int8) + 1, strict=True)
    )
    fits = True
    for one in sums:
        if one.name in told:
            fits = fits & (sum(guess[c] for c in one.cells) == sum(cells[c] for c in one.cells))
    return {c: set(np.unique(guess[c][np.broadcast_to(fits, guess[c].shape)]).tolist()) for c in free}


@settings(max_examples=1000)
@given(tables())
def test_every_small_cell_can_be_any_small_count(table):
    cells, sums = table
    found = suppress(cells, sums)
    assert {c for c, v in cells.items() if 0 < v < 6} <= found.cells
    assert all(cells[c] > 0 for c in found.cells)
    if 0 < len(found.cells) <= 3:
        told = {s.name for s in sums} - found.sums
        reach = possible(cells, sums, found.cells, told)
        for c in found.cells:
            if cells[c] < 6:
                assert set(range(1, 6)) <= reach[c]


@pytest.mark.parametrize("total_is_known", [True, False])
def test_who_knows_the_program_learns_no_small_cell_from_the_pattern(total_is_known):
    """Of all tables with the same publication, each hidden small cell has at least two numbers."""
    same = defaultdict(list)
    for numbers in itertools.product([*range(9), 14], repeat=4):
        cells = {k: float(n) for k, n in enumerate(numbers)}
        found = suppress(cells, [PublishedSum("all", frozenset(cells))])
        printed = tuple(None if k in found.cells else n for k, n in enumerate(numbers))
        same[printed, sum(numbers) if total_is_known and not found.sums else None].append(numbers)
    for (printed, _), tables in same.items():
        for k in (k for k, n in enumerate(printed) if n is None):
            assert len({table[k] for table in tables}) > 1 or tables[0][k] > 5, tables


def test_cells_that_equal_the_least_large_one_are_hidden_with_it():
    """By hand: 13 in all, of which 6 told, would leave 7 = 6 + 1, and the order says that the last is 1."""
    cells = {"a": 0.0, "b": 6.0, "c": 6.0, "d": 1.0, "e": 7.0}
    assert suppress(cells, [PublishedSum("all", frozenset(cells))]).cells == {"b", "c", "d"}


def test_a_cell_that_is_alone_in_a_sum_hides_it():
    """Its own count may be large: it is hidden for the sake of another count of the same cell."""
    cells = {"a": 9.0, "b": 0.0}
    found = suppress(cells, [PublishedSum("all", frozenset(cells))], small=["a"])
    assert found.cells == {"a"}
    assert found.sums == {"all"}


def test_small_cells_whose_sum_leaves_no_choice_hide_it():
    """5 + 5: who knows that both are small knows both."""
    cells = {"a": 5.0, "b": 5.0}
    found = suppress(cells, [PublishedSum("all", frozenset(cells), secondary=False)])
    assert found.sums == {"all"}
    with_third = suppress(cells | {"c": 6.0}, [PublishedSum("all", frozenset("abc"))])
    assert with_third.cells == {"a", "b", "c"}
    assert not with_third.sums


def test_a_sum_is_told_where_no_cell_is_small():
    cells = {"a": 6.0, "b": 0.0, "c": 40.0}
    found = suppress(cells, [PublishedSum("all", frozenset(cells))])
    assert not found.cells
    assert not found.sums
