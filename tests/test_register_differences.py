"""Two published tables: what both together tell, against all tables of whole numbers that there are."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kostnadsvekst.errors import DisclosureError, InvalidDataError, SpecificationError
from kostnadsvekst.register import check_differences, protect

THRESHOLD = 5


def table(rows, columns="xyz", index="abcd"):
    return pd.DataFrame(rows, index=list(index)[: len(rows)], columns=list(columns)[: len(rows[0])])


def with_margins(inner):
    full = inner.copy()
    full["all"] = full.sum(axis=1)
    full.loc["all"] = full.sum(axis=0)
    return full


def hide(full, *places):
    shown = full.astype(object)
    for row, column in places:
        shown.loc[row, column] = ":"
    return shown


def problems(first, second, **options):
    """Lines of the refusal; none where both may be published."""
    try:
        check_differences(first, second, **options)
    except DisclosureError as error:
        return [line.removeprefix("  - ") for line in str(error).splitlines()[1:]]
    return []


FEWER = "known to be fewer than 5 from both tables"
FOLLOWS = "follows from both tables"


# --- Ages, years and codes that are divided in two ways


def by_age(rows, ages):
    return pd.DataFrame(rows, index=["1", "2"][: len(rows)], columns=ages)


FIRST = by_age([[30, 40, 50], [60, 70, 80]], ["0-17", "18-66", "67+"])


@pytest.mark.parametrize(
    ("men", "women", "small"),
    [(2, 3, [0, 1]), (5, 4, [1]), (5, 5, []), (0, 1, [1]), (0, 0, []), (4, 20, [0])],
)
def test_ages_to_66_beside_ages_to_67(men, women, small):
    # Those of 67 are the difference of two labels of which neither is a cell.
    second = by_age([[30, 40 + men, 50 - men], [60, 70 + women, 80 - women]], ["0-17", "18-67", "68+"])
    expected = [f"{'12'[k]}, 67 (between the tables): {FEWER}" for k in small]
    if 0 < men + women < 5:
        expected.insert(0, f"all, 67 (between the tables): {FEWER}")
    assert problems(FIRST, second) == problems(second, FIRST) == expected
    assert problems(protect(FIRST), protect(second)) == expected


@pytest.mark.parametrize(
    ("ages", "other"),
    [
        (("0-66", "67+"), ("0-67", "68+")),
        (("0–66 år", "67 år og over"), ("0–67 år", "68 år og eldre")),
        (("under 67", "67 years or older"), ("0-67", "68+")),
        (("0 - 66", "67-"), ("0 til 67", "68 +")),
        (("1950-2016", "2017-2020"), ("1950-2017", "2018-2020")),
    ],
)
def test_ranges_however_written(ages, other):
    first, second = by_age([[70, 50]], ages), by_age([[73, 47]], other)
    assert len(problems(first, second)) == 1
    second.iloc[0] = [75, 45]
    assert problems(first, second) == []
    # Rows as well as columns.
    second.iloc[0] = [73, 47]
    assert len(problems(first.T, second.T)) == 1


def test_unions_of_several_labels_are_compared():
    # 0-17 and 18-66 together, taken from 0-67, leave those of 67.
    first, second = by_age([[30, 40]], ["0-17", "18-66"]), by_age([[73]], ["0-67"])
    assert problems(first, second) == [f"1, 67 (between the tables): {FEWER}"]
    second.iloc[0, 0] = 75
    assert problems(first, second) == []


def test_what_a_fine_table_hides_a_coarse_one_may_tell():
    fine = by_age([[3, 30, 50], [60, 70, 80]], ["0-17", "18-66", "67+"])
    coarse = by_age([[33, 50], [130, 80]], ["0-66", "67+"])
    primary = hide(fine, ("1", "0-17"))
    assert problems(primary, coarse) == [f"1, 0-17 (first): {FOLLOWS}"]
    assert problems(hide(fine, ("1", "0-17"), ("1", "18-66")), coarse) == []


def test_points_in_ranges():
    years = by_age([[30, 20, 31]], ["2018", "2019", "2020"])
    periods = by_age([[50, 31]], ["2018-2019", "2020"])
    assert problems(years, periods) == []
    assert problems(hide(years, ("1", "2018")), periods) == [f"1, 2018 (first): {FOLLOWS}"]


def test_labels_that_cannot_be_compared_must_be_told():
    first = table([[30], [40]], index="ab").set_axis(["0301", "1103"])
    second = table([[30], [44]], index="ab").set_axis(["0301", "1130"])
    with pytest.raises(InvalidDataError, match="say with parts=") as caught:
        check_differences(first, second)
    assert list(caught.value.problems) == [
        "row '1103' is in one table only",
        "row '1130' is in one table only",
    ]
    parts = {"1103": ["1103"], "1130": ["1103", "1129"]}
    assert problems(first, second, parts=parts) == [f"1129, x (between the tables): {FEWER}"]
    second.iloc[1] = 46
    assert problems(first, second, parts=parts) == []
    # Nothing in common: two municipalities.
    second.iloc[1] = 44
    assert problems(first, second, parts={"1130": ["1130"]}) == []
    with pytest.raises(InvalidDataError, match="overlap in one table"):
        check_differences(first, second, parts={"1130": ["0301", "1103"]})
    with pytest.raises(InvalidDataError, match="made of nothing"):
        check_differences(first, second, parts={"1130": []})


def test_labels_of_another_type_are_told():
    first = table([[30], [40]])
    with pytest.raises(InvalidDataError, match="row 1 is in both as different types"):
        check_differences(first.set_axis([1, 2]), first.set_axis(["1", "2"]))


# --- With and without a group


OLD = table([[30, 40], [50, 60]])


def test_a_municipality_more():
    small, larger = OLD.copy(), OLD.copy()
    small.loc["c"] = [3, 20]
    larger.loc["c"] = [13, 20]
    found = problems(protect(OLD), protect(small))
    assert any("the difference is a group" in line for line in found)
    assert problems(protect(OLD), protect(larger)) == []
    # Without its row, the totals tell all the same.
    totals = with_margins(small).loc[["all"]]
    assert problems(with_margins(OLD), totals) == ["all, x: the difference is a group of fewer than 5"]


def test_two_municipalities_more_hide_each_other():
    more = OLD.copy()
    more.loc["c"], more.loc["d"] = [3, 20], [9, 30]
    shown = hide(with_margins(more), ("c", "x"), ("d", "x"), ("c", "all"), ("d", "all"))
    assert problems(with_margins(OLD), shown) == []
    one = hide(with_margins(more), ("c", "x"), ("d", "x"), ("c", "all"))
    # Row d: 9 = all of it less 30.
    assert f"c, x (second): {FOLLOWS}" in problems(with_margins(OLD), one)


@pytest.mark.parametrize("group", [1, 4, 5])
def test_a_group_that_one_table_leaves_out(group):
    less = OLD - np.array([[group, 0], [0, 0]])
    found = problems(with_margins(OLD), with_margins(less))
    assert found == problems(with_margins(less), with_margins(OLD))
    places = ("a, x", "a, all", "all, x", "all, all")
    expected = [f"{p}: the difference is a group of fewer than 5" for p in places] if group < 5 else []
    assert found == expected


def test_a_group_that_follows_from_margins():
    # Hidden in both, but row a has 7 more in the first, of whom 5 in column z, and column y has none more.
    first, second = table([[30, 40, 19], [50, 60, 18]]), table([[28, 40, 14], [45, 60, 13]])
    cells = [*itertools.product("ab", "xy")]
    pair = [hide(with_margins(t), *cells) for t in (first, second)]
    assert problems(*pair) == [f"a, x (difference): {FEWER}"]
    assert problems(*pair[::-1]) == [f"a, x (difference): {FEWER}"]
    # Without the totals of the rows, 7 are in two cells, and each can have 5.
    pair = [shown.drop(columns="all") for shown in pair]
    assert problems(*pair) == []
    pair = [hide(with_margins(t), ("a", "x")) for t in (first, second)]
    assert f"a, x (first): {FOLLOWS}" in problems(*pair)


def test_a_corrected_delivery():
    moved = OLD + np.array([[6, -6], [0, 0]])
    assert problems(with_margins(OLD), with_margins(moved)) == []
    moved = OLD + np.array([[4, -4], [0, 0]])
    assert len(problems(with_margins(OLD), with_margins(moved))) == 4  # two cells and two totals


# --- Other margins, and suppression in one table only


def test_margins_in_one_table_only():
    inner = table([[2, 6, 50], [7, 8, 60], [70, 80, 91]])
    bare = hide(inner, ("a", "x"))
    assert problems(bare, bare) == []  # without margins nothing follows
    rows = hide(with_margins(inner).iloc[:3], ("a", "x"), ("a", "y"))
    assert problems(bare.drop(index="a"), rows.drop(index="a")) == []
    only_row = with_margins(inner).loc[["all"]]
    assert problems(bare, only_row) == [f"a, x (first): {FOLLOWS}"]
    assert problems(only_row, bare) == [f"a, x (second): {FOLLOWS}"]
    both = hide(inner, ("a", "x"), ("b", "x"))
    assert problems(both, only_row) == []


def test_two_patterns_of_one_table():
    full = with_margins(table([[2, 6, 50], [7, 8, 60], [70, 80, 91]]))
    one = hide(full, *itertools.product("ab", "xy"))
    other = hide(full, *itertools.product("ac", "xy"))
    found = problems(one, other)
    assert found == [
        *(f"b, {c}: suppressed in first only" for c in "xy"),
        *(f"c, {c}: suppressed in second only" for c in "xy"),
    ]
    assert problems(one, one) == []
    assert problems(one, one.iloc[::-1, ::-1]) == []


def test_cells_of_few_that_a_table_shows_itself():
    shown = table([[3, 30], [40, 50]])
    assert problems(shown, shown) == [f"a, x ({name}): {FEWER}" for name in ("first", "second")]
    shown.iloc[0, 0] = 5
    assert problems(shown, shown) == []


def test_suppressed_cells_are_not_empty():
    # 5 persons in two suppressed cells: neither has more than 4.
    shown = hide(with_margins(table([[2, 3, 50]])), ("a", "x"), ("a", "y")).iloc[:1].drop(columns="z")
    shown["all"] = 5
    assert problems(shown, shown) == [f"a, {c} ({n}): {FEWER}" for n in ("first", "second") for c in "xy"]
    shown["all"] = 6
    assert problems(shown, shown) == []


def test_tables_whose_hidden_cells_may_be_empty():
    nobody = hide(with_margins(table([[0, 0, 7]])), ("a", "x"), ("a", "y")).iloc[:1]
    assert problems(nobody, nobody) == [f"a, {c} ({n}): {FOLLOWS}" for n in ("first", "second") for c in "xy"]
    # Somebody hid empty cells, too: the attacker then knows less, not more.
    full = hide(with_margins(table([[2, 0, 50], [7, 8, 60], [70, 80, 91]])), ("a", "x"), ("a", "y"))
    full = hide(full, ("b", "x"), ("b", "y"))
    assert any(line.startswith("a, x (first)") for line in problems(full, full))
    three = hide(with_margins(table([[2, 0, 0, 9]], "wxyz")), *((r, c) for r in ("a", "all") for c in "wxyz"))
    assert problems(three, three) == []


# --- What cannot be read


@pytest.mark.parametrize(
    "change", [lambda t: t * np.nan, lambda t: -t, lambda t: t * np.inf, lambda t: t + 0.5]
)
def test_cells_that_are_no_counts(change):
    with pytest.raises(InvalidDataError, match=r"later: .*\n.*a, x: "):
        check_differences(OLD, change(OLD), names=("earlier", "later"))
    check_differences(OLD, OLD * 1.0 + 1e-12)
    check_differences(OLD, OLD.astype(str))


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.set_axis(["a", "a"]),
        lambda t: t.set_axis(pd.MultiIndex.from_product([["m"], ["a", "b"]])),
        lambda t: t.iloc[:0],
        lambda t: t["x"],
        lambda t: with_margins(t).rename(index={"all": "I alt"}),
        lambda t: with_margins(t).rename(index={"all": "Norway"}),
        lambda t: t.set_axis(["0-66", "60+"]),
    ],
)
def test_tables_that_cannot_be_compared(change):
    for pair in ((change(OLD), OLD), (OLD, change(OLD))):
        with pytest.raises(InvalidDataError, match="cannot be compared"):
            check_differences(*pair)


def test_margins_that_fit_no_cells():
    wrong = with_margins(OLD)
    wrong.loc["all", "all"] += 6
    with pytest.raises(InvalidDataError, match="fit no cells"):
        check_differences(wrong, with_margins(OLD))


@pytest.mark.parametrize("threshold", [0, 1, True, float("nan"), "5", 10**400])
def test_thresholds(threshold):
    with pytest.raises(SpecificationError, match="threshold"):
        check_differences(OLD, OLD, threshold)


def test_totals_of_another_name():
    full = with_margins(OLD).rename(index={"all": "I alt"}, columns={"all": "I alt"})
    check_differences(full, full, total="I alt")
    equal = table([[20, 30], [20, 30]])
    check_differences(equal, equal, not_totals=["a", "b"])


def test_a_large_table_in_seconds():
    rng = np.random.default_rng(1)
    inner = pd.DataFrame(rng.negative_binomial(0.6, 0.01, (120, 8)))
    shown = protect(inner.set_axis([f"r{k}" for k in inner.index]))
    check_differences(shown, shown)
    assert (shown == ":").sum().sum() > 50


# --- All tables of whole numbers that agree with what is published


MOST = 24
CELLS = np.array(list(itertools.product(range(MOST + 1), repeat=3)))  # ages to 66, of 67, from 68


def expected_of(values, masks):
    """Whether anything is told by 0-66, 67+, all; and 0-67, 68+, all; of a row of persons by age."""
    sums = np.array([[1, 0, 0], [0, 1, 1], [1, 1, 1], [1, 1, 0], [0, 0, 1], [1, 1, 1]])
    true = sums @ values
    agree = np.ones(len(CELLS), dtype=bool)
    for line, value, hidden in zip(sums, true, masks, strict=True):
        agree &= (CELLS @ line >= 1) if hidden else (CELLS @ line == value)
    possible = CELLS[agree]
    told = masks[2] != masks[5]
    for line, hidden in zip([*sums, np.array([0, 1, 0])], [*masks, False], strict=True):
        sizes = possible @ line
        told |= 0 < sizes.max() < THRESHOLD or (hidden and sizes.max() == sizes.min())
    return told


@settings(max_examples=80)
@given(
    st.tuples(*[st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 9])] * 3),
    st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_equals_all_tables_there_are(values, masks):
    young, middle, old = values
    true = [young, middle + old, sum(values), young + middle, old, sum(values)]
    masks = [hidden and value > 0 for hidden, value in zip(masks, true, strict=True)]
    shown = [":" if hidden else value for hidden, value in zip(masks, true, strict=True)]
    first = pd.DataFrame([shown[:3]], index=["r"], columns=["0-66", "67+", "all"])
    second = pd.DataFrame([shown[3:]], index=["r"], columns=["0-67", "68+", "all"])
    lines = ["0-66", "67+", "0-67", "68+"]
    assert bool(problems(first, second, not_totals=lines)) == expected_of(np.array(values), masks)


@pytest.mark.slow
@settings(max_examples=2000)
@given(
    st.tuples(*[st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7, 9])] * 3),
    st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_equals_all_tables_there_are_two_thousand_times(values, masks):
    test_equals_all_tables_there_are.hypothesis.inner_test(values, masks)


def test_codes_are_no_ages():
    ages, codes = (
        table([[30], [40]]).set_axis(["0-17", "18+"]),
        table([[36], [34]]).set_axis(["0301", "1103"]),
    )
    with pytest.raises(InvalidDataError, match="row '0301' is in one table only"):
        check_differences(ages, codes)
    # Of tables by other traits the totals are compared.
    totals = [with_margins(t).loc[["all"]] for t in (ages, codes)]
    check_differences(*totals)
    totals[1] -= 3
    with pytest.raises(DisclosureError, match="the difference is a group of fewer than 5"):
        check_differences(*totals)
