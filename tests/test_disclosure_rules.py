"""Disclosure rules one at a time: thresholds, dominance, room in the cycles, differences, margins."""

import functools
import itertools
import sys
import types

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from kostnadsvekst.errors import DataMissingError, DisclosureError, InvalidDataError
from kostnadsvekst.register import check_differences, protect, require_safe
from kostnadsvekst.register.disclosure import _Network, suppression_pattern


def table(rows):
    return pd.DataFrame(rows, index=list("abcd")[: len(rows)], columns=list("wxyz")[: len(rows[0])])


def with_margins(inner):
    full = inner.copy()
    full["all"] = full.sum(axis=1)
    full.loc["all"] = full.sum(axis=0)
    return full


def suppressed(shown):
    return {f"{r}{c}" for r in shown.index for c in shown.columns if shown.loc[r, c] == ":"}


# --- The threshold


@pytest.mark.parametrize(("persons", "hidden"), [(0, False), (1, True), (4, True), (5, False), (6, False)])
def test_threshold_of_five(persons, hidden):
    shown = protect(table([[persons, 30, 50], [40, 60, 80]]))
    assert ("aw" in suppressed(shown)) is hidden
    assert shown.attrs == {"suppressed": len(suppressed(shown)), "threshold": 5}
    assert bool(suppressed(shown)) is hidden


@pytest.mark.parametrize(("threshold", "hidden"), [(8, False), (9, True)])
def test_other_thresholds(threshold, hidden):
    shown = protect(table([[8, 30, 50], [40, 60, 80]]), threshold)
    assert ("aw" in suppressed(shown)) is hidden
    assert shown.attrs["threshold"] == threshold


def test_small_margin_is_hidden_too():
    # Two persons in row a: its total would tell.
    assert "aall" in suppressed(protect(table([[2, 0, 0], [40, 60, 80], [30, 20, 90]])))


@pytest.mark.parametrize(("persons", "hidden"), [(4, True), (5, False)])
def test_hours_of_few_persons(persons, hidden):
    users = table([[persons, 30], [40, 60]])
    hours = users * 3.0
    assert ("aw" in suppressed(protect(hours, counts=users))) is hidden


def test_persons_are_matched_by_label_with_or_without_margins():
    users = table([[2, 30, 40], [50, 60, 70]])
    hours = users * 3.0
    expected = suppressed(protect(hours, counts=users))
    assert "aw" in expected
    turned = with_margins(users).iloc[::-1, ::-1]
    assert suppressed(protect(hours, counts=turned)) == expected
    assert suppressed(protect(with_margins(hours), counts=users)) == expected


def test_margins_of_another_name():
    inner = table([[2, 30, 40], [50, 60, 70]])
    shown = protect(inner, total="sum")
    assert shown.index.tolist() == ["a", "b", "sum"]
    assert shown.columns.tolist() == ["w", "x", "y", "sum"]
    assert shown.loc["sum", "sum"] == 252
    assert suppressed(shown) == suppressed(protect(inner))


# --- Dominance, in tables where nothing else hides the cell


def dominated(largest, row=(200, 100, 300), column=(400, 100, 500), dominance=0.85):
    """Hours 3 × 3 with many users in every cell; the middle cell has 100 hours, `largest` of one person."""
    hours = table([[300.0, column[0], 350.0], list(row), [320.0, column[2], 380.0]])
    hours.iloc[1] = row
    users = hours * 0 + 20
    top = hours * 0 + 1.0
    top.loc["b", "x"] = largest
    return protect(hours, counts=users, largest=top, dominance=dominance)


def test_one_dominant_person_hides_the_cell():
    shown = dominated(95.0)
    assert "bx" in suppressed(shown)
    assert len(suppressed(shown)) == 4  # with three others, by which it cannot be worked out


@pytest.mark.parametrize(("largest", "hidden"), [(10.0, False), (85.0, False), (86.0, True), (100.0, True)])
def test_dominance_begins_above_its_share(largest, hidden):
    assert ("bx" in suppressed(dominated(largest))) is hidden


@pytest.mark.parametrize(("dominance", "hidden"), [(0.75, True), (0.80, False)])
def test_other_shares_of_dominance(dominance, hidden):
    assert ("bx" in suppressed(dominated(80.0, dominance=dominance))) is hidden


def test_dominance_in_cells_of_less_than_an_hour():
    hours = table([[300.0, 400.0, 500.0], [200.0, 0.5, 600.0]])
    top = hours * 0.1
    assert suppressed(protect(hours, counts=hours * 0 + 20, largest=top)) == set()
    top.loc["b", "x"] = 0.45
    assert "bx" in suppressed(protect(hours, counts=hours * 0 + 20, largest=top))


@pytest.mark.parametrize(("partner", "used"), [(137.0, False), (138.0, True)])
def test_room_where_a_small_share_dominates(partner, used):
    # 95 hours are 40 percent of 237.5: room for 137.5 more is needed.
    shown = dominated(95.0, row=(partner, 100.0, 200.0), dominance=0.4)
    assert ("bw" in suppressed(shown)) is used


def test_dominance_counts_without_numbers_of_persons():
    hours = table([[300.0, 400.0], [200.0, 100.0]])
    top = hours * 0 + 10.0
    assert suppressed(protect(hours, largest=top)) == set()
    top.loc["b", "x"] = 95.0
    assert "bx" in suppressed(protect(hours, largest=top))


def test_largest_is_matched_by_label():
    hours = table([[300.0, 400.0, 500.0], [200.0, 100.0, 600.0]])
    top = hours * 0 + 10.0
    top.loc["b", "x"] = 95.0
    found = suppressed(protect(hours, counts=hours * 0 + 20, largest=top.iloc[::-1, ::-1]))
    assert "bx" in found
    assert "aw" in found or "ay" in found


def test_empty_cell_is_not_dominated():
    hours = table([[300.0, 400.0], [200.0, 0.0]])
    top = hours * 0 + 10.0
    top.loc["b", "x"] = 0.0
    assert suppressed(protect(hours, largest=top)) == set()


@pytest.mark.parametrize(("partner", "used"), [(11.0, False), (12.0, True)])
def test_partners_leave_room_for_the_share_to_fall_to_the_bound(partner, used):
    # 95 of 100 hours are 85 percent of 111.76: the others must be able to give 11.76 hours.
    shown = dominated(95.0, row=(partner, 100.0, 200.0))
    assert ("bw" in suppressed(shown)) is used
    assert ("by" in suppressed(shown)) is not used


@pytest.mark.parametrize(("partner", "used"), [(2.3, False), (2.5, True)])
def test_hours_of_few_persons_are_protected_by_a_fifth(partner, used):
    # 3 persons with 12 hours: partners must be able to give 2.4.
    hours = table([[12.0, partner, 200.0], [300.0, 400.0, 500.0], [350.0, 420.0, 520.0]])
    users = table([[3, 20, 20], [20, 20, 20], [20, 20, 20]])
    found = suppressed(protect(hours, counts=users))
    assert "aw" in found
    assert ("ax" in found) is used


def test_the_larger_of_two_needs_counts():
    # 3 persons with 12 hours, one of whom has 11.9: need 14 - 12 = 2 of dominance, 2.4 of size.
    hours = table([[12.0, 2.2, 200.0], [300.0, 400.0, 500.0], [350.0, 420.0, 520.0]])
    users = table([[3, 20, 20], [20, 20, 20], [20, 20, 20]])
    top = hours * 0.1
    top.loc["a", "w"] = 11.9
    assert "ax" not in suppressed(protect(hours, counts=users, largest=top))
    # With a bound of 60 percent it is 19.83 - 12 = 7.83.
    hours.loc["a", "x"] = 7.5
    assert "ax" not in suppressed(protect(hours, counts=users, largest=top, dominance=0.6))
    hours.loc["a", "x"] = 8.0
    assert "ax" in suppressed(protect(hours, counts=users, largest=top, dominance=0.6))


def test_few_persons_without_any_hours():
    hours = table([[0.0, 30.0, 40.0], [50.0, 60.0, 70.0]])
    users = table([[3, 30, 40], [50, 60, 70]])
    assert "aw" in suppressed(protect(hours, counts=users))


# --- Cheapest cycles, against all cycles there are


@functools.cache
def all_cycles(shape, cell):
    """Simple cycles through a cell of a table with margins: cells and whether each rises with the first."""
    found = []
    n_rows, n_columns = shape
    row, column = divmod(cell, n_columns)
    others = ([i for i in range(n_rows) if i != row], [j for j in range(n_columns) if j != column])
    for length in range(1, min(len(others[0]), len(others[1])) + 1):
        for rows in itertools.permutations(others[0], length):
            for columns in itertools.permutations(others[1], length):
                # Along the first row to another column, down to another row, and so on, back by the column.
                path = [(row, column)]
                at = row
                for i, j in zip(rows, columns, strict=True):
                    path += [(at, j), (i, j)]
                    at = i
                path.append((at, column))
                found.append(signs_along(path, shape))
    return found


def signs_along(path, shape):
    """Change of each cell when the first rises by one: the equation of each line holds."""
    change, in_row = [1], True
    for here, there in itertools.pairwise(path):
        # In a row, inner cells count +1 and the margin -1; likewise in a column.
        axis = 1 if in_row else 0
        weights = [-1 if place[axis] == shape[axis] - 1 else 1 for place in (here, there)]
        change.append(-change[-1] * weights[0] * weights[1])
        in_row = not in_row
    return [(i * shape[1] + j, sign) for (i, j), sign in zip(path, change, strict=True)]


def cheapest(values, cell, need, floor):
    """Least sum of other cells' values, one more for each, over the cycles on which the cell can rise."""
    flat = values.ravel()
    for _ in range(60):
        prices = [
            sum(flat[k] + 1 for k, _ in cycle[1:])
            for cycle in all_cycles(values.shape, cell)
            if all(flat[k] > 0 and (sign > 0 or flat[k] - floor >= need) for k, sign in cycle[1:])
        ]
        if prices:
            return min(prices)
        need *= 0.8
    return None


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([0, 2, 3, 4, 5, 6, 7, 9, 15, 30]), min_size=8, max_size=8),
    st.integers(0, 8),
    st.integers(1, 4),
    st.sampled_from([0.0, 1.0]),
)
def test_the_cycle_is_the_cheapest_of_all(others, place, small, floor):
    inner = np.insert(np.array(others, dtype=float), place, small).reshape(3, 3)
    full = with_margins(table(inner)).to_numpy()
    need = np.zeros((4, 4))
    need[place // 3, place % 3] = 5.0
    cell = 4 * (place // 3) + place % 3
    best = cheapest(full, cell, 5.0, floor)
    if best is None:
        with pytest.raises(DisclosureError, match="merge categories"):
            suppression_pattern(full, need, floor)
        return
    pattern = suppression_pattern(full, need, floor)
    assert pattern.ravel()[cell]
    assert (full[pattern] + 1).sum() - small - 1 == best


@pytest.mark.parametrize(
    ("inner", "hidden"),
    [
        # No rise by 5 can be had; at four fifths, 4, it can by the 5 (which may fall to 1), not by the 4.
        ([[2, 4, 5], [60, 70, 80]], {"aw", "ay", "bw", "by"}),
        ([[2, 4, 4], [60, 70, 80]], {"aw", "ax", "bw", "bx"}),
        # A fall by 1 is all that the row can give, after eight steps of four fifths.
        ([[2, 2, 0], [60, 70, 80]], {"aw", "ax", "bw", "bx"}),
    ],
)
def test_protection_that_cannot_be_had_in_full_is_had_in_part(inner, hidden):
    full = with_margins(table(inner)).astype(float)
    full["all"] = full.loc["all"] = 0.0  # so that no margin can give way
    need = np.zeros(full.shape)
    need[0, 0] = 5.0
    pattern = suppression_pattern(full.to_numpy(), need)
    assert suppressed(full.astype(object).mask(pattern, ":")) == hidden


@settings(max_examples=40)
@given(
    st.lists(st.integers(5, 40), min_size=9, max_size=9),
    st.permutations(range(9)),
    st.integers(1, 4),
    st.integers(6, 20),
)
def test_largest_need_is_served_first(cells, places, less, more):
    full = with_margins(table(np.array(cells, dtype=float).reshape(3, 3))).to_numpy()
    small, large = np.zeros((4, 4)), np.zeros((4, 4))
    small[divmod(places[0], 3)], large[divmod(places[1], 3)] = less, more
    first = suppression_pattern(full, large, already=small > 0)
    expected = suppression_pattern(full, small, already=first)
    assert (suppression_pattern(full, small + large) == expected).all()


@pytest.mark.parametrize(("partner", "used"), [(5, False), (6, True)])
def test_attacker_knows_that_suppressed_cells_are_not_empty(partner, used):
    # The 2 must be able to rise by 5, so its partner to fall by 5, but not below 1.
    found = suppressed(protect(table([[2, partner, 50], [60, 70, 80], [65, 75, 85]])))
    assert "aw" in found
    assert ("ax" in found) is used


def test_cells_already_suppressed_are_used_first():
    full = with_margins(table([[2.0, 6, 50], [7, 8, 60], [70, 80, 90]])).to_numpy()
    need = np.zeros(full.shape)
    need[0, 0] = 5.0
    already = np.zeros(full.shape, dtype=bool)
    already[[0, 2, 2], [2, 0, 2]] = True  # dearer than 6, 7 and 8, but gone already
    pattern = suppression_pattern(full, need, already=already)
    assert pattern.sum() == 4
    assert pattern[[0, 0, 2, 2], [0, 2, 0, 2]].all()
    assert already.sum() == 3


def test_pattern_without_sensitive_cells():
    full = with_margins(table([[20.0, 30], [40, 50]])).to_numpy()
    assert not suppression_pattern(full, np.zeros_like(full)).any()
    already = np.eye(3, dtype=bool)
    assert (suppression_pattern(full, np.zeros_like(full), already=already) == already).all()


def test_largest_need_is_protected_first():
    # Need 3 in the first column and 40 in the second: the cycle of the second also serves the first.
    full = with_margins(table([[4.0, 60, 90], [50, 61, 91], [9, 10, 92]])).to_numpy()
    need = np.zeros(full.shape)
    need[0, 0], need[0, 1] = 3.0, 40.0
    pattern = suppression_pattern(full, need)
    network = _Network(full, 1.0)
    assert network.rise_within(0, pattern, 3.0) == 3.0
    assert network.rise_within(1, pattern, 40.0) == 40.0


# --- How far a cell can rise, against linear programming


def most(values, hidden, cell, enough, floor):
    number = np.arange(values.size).reshape(values.shape)
    equations = []
    for lines in (number, number.T):
        for line in lines:
            equation = np.zeros(values.size)
            equation[line] = 1
            equation[line[-1]] = -1
            equations.append(equation)
    bounds = [(floor, None) if h else (v, v) for v, h in zip(values.ravel(), hidden.ravel(), strict=True)]
    goal = np.zeros(values.size)
    goal[cell] = -1
    answer = linprog(goal, A_eq=np.array(equations), b_eq=np.zeros(len(equations)), bounds=bounds)
    return enough if answer.status == 3 else min(-answer.fun - values.ravel()[cell], enough)


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 12), min_size=9, max_size=9),
    st.lists(st.booleans(), min_size=16, max_size=16),
    st.integers(0, 15),
)
def test_rise_equals_that_of_linear_programming(cells, hidden, cell):
    full = with_margins(table(np.array(cells, dtype=float).reshape(3, 3))).to_numpy()
    pattern = np.array(hidden).reshape(4, 4)
    pattern.ravel()[cell] = True
    for enough in (2.0, 7.0):
        found = _Network(full, 1.0).rise_within(cell, pattern, enough)
        assert found == pytest.approx(most(full, pattern, cell, enough, 1.0), abs=1e-7)


# --- What may be exported


def rectangle(inner):
    shown = with_margins(table(inner)).astype(object)
    shown.iloc[[0, 0, 1, 1], [0, 1, 0, 1]] = ":"
    return shown


def test_export_at_the_bounds_of_what_follows():
    # 2 can rise by 3, to 5, as long as both 4s may fall to 1; a 4 by 1, while the 2 falls to 1.
    counts = [[2, 4, 50], [4, 8, 60], [70, 80, 90]]
    require_safe(rectangle(counts), table(counts))
    # With a 3 the 2 can only be 4 at most, and the 3 itself too.
    counts = [[2, 4, 50], [3, 8, 60], [70, 80, 90]]
    with pytest.raises(DisclosureError) as caught:
        require_safe(rectangle(counts), table(counts))
    assert "2 cell(s)" in str(caught.value)
    assert "('a', 'w'): follows" in str(caught.value)
    assert "('b', 'w'): follows" in str(caught.value)


@pytest.mark.parametrize(("persons", "refused"), [(0, False), (1, True), (4, True), (5, False)])
def test_export_of_small_cells(persons, refused):
    inner = table([[persons, 30], [40, 50]])
    for shown in (inner, with_margins(inner)):
        if refused:
            with pytest.raises(DisclosureError, match=r"1 cell\(s\):\n  - \('a', 'w'\): fewer than 5"):
                require_safe(shown, inner)
        else:
            require_safe(shown, inner)


def test_export_with_another_threshold_and_name_of_the_margins():
    inner = table([[8, 30], [40, 50]])
    require_safe(protect(inner, 10, total="sum"), inner, 10, total="sum")
    with pytest.raises(DisclosureError, match="fewer than 9"):
        require_safe(inner, inner, 9)
    require_safe(inner, inner, 8)
    shown = protect(inner, 10, total="sum").mask(protect(inner, 5, total="sum") == "x")
    shown.loc["a", "x"] = 30
    with pytest.raises(DisclosureError, match="follows"):
        require_safe(shown, inner, 10, total="sum")


def test_export_without_margins_lets_nothing_follow():
    inner = table([[2, 30], [40, 50]])
    shown = inner.astype(object)
    shown.loc["a", "w"] = ":"
    require_safe(shown, inner)
    # The total of its row and that of its column tell it, one as well as the other.
    rows, columns = shown.copy(), shown.copy()
    rows["all"], columns.loc["all"] = inner.sum(axis=1), inner.sum()
    for only_one in (rows, columns):
        with pytest.raises(DisclosureError, match=r"1 cell\(s\):\n  - \('a', 'w'\): follows"):
            require_safe(only_one, inner)
    rows.loc["a", "x"], columns.loc["b", "w"] = ":", ":"
    for only_one in (rows, columns):
        require_safe(only_one, inner)


# --- Differences between tables


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("by", "refused"), [(0, False), (1, True), (2, True), (4, True), (5, False)])
def test_differences_in_either_direction(sign, by, refused):
    first = table([[30, 40], [50, 60]])
    second = first.copy()
    second.loc["a", "w"] += sign * by
    if refused:
        with pytest.raises(
            DisclosureError, match="a, w: the difference is a group of fewer than 5"
        ) as caught:
            check_differences(first, second)
        assert "1 cell(s)" in str(caught.value)
    else:
        check_differences(first, second)


def test_the_smaller_table_may_stand_first():
    with_group = table([[20, 30], [40, 50]])
    without = with_group - np.array([[2, 0], [0, 0]])
    for pair in ((with_group, without), (without, with_group)):
        with pytest.raises(DisclosureError) as caught:
            check_differences(*(protect(one) for one in pair))
        assert "4 cell(s)" in str(caught.value)  # the cell and its three margins


def test_differences_with_another_threshold():
    first = table([[30, 40], [50, 60]])
    second = first + np.array([[9, 0], [0, 0]])
    check_differences(first, second, 9)
    with pytest.raises(DisclosureError, match="fewer than 10"):
        check_differences(first, second, 10)


def test_cells_suppressed_in_one_table_only():
    first = table([[30, 40], [50, 60]]).astype(object)
    second = first.copy()
    second.loc["b", "x"] = ":"
    with pytest.raises(DisclosureError, match="b, x: suppressed in later only"):
        check_differences(first, second, names=("earlier", "later"))
    with pytest.raises(DisclosureError, match="b, x: suppressed in earlier only"):
        check_differences(second, first, names=("earlier", "later"))
    check_differences(second, second)


def test_labels_of_one_table_only_must_be_told():
    first = table([[30, 40], [50, 60]])
    second = table([[30, 44], [50, 60]]).rename(columns={"x": "q"})
    second.loc["new"] = 35
    with pytest.raises(InvalidDataError, match="say with parts=") as caught:
        check_differences(first, second)
    assert list(caught.value.problems) == [
        "column 'x' is in one table only",
        "column 'q' is in one table only",
    ]
    apart = {"x": ["1", "2"], "q": ["3"]}
    check_differences(first, second, parts=apart)
    # Of the same persons, q has four more than x.
    with pytest.raises(DisclosureError, match=r"a, 3 \(between the tables\): known to be fewer than 5"):
        check_differences(first, second, parts={"x": ["1", "2"], "q": ["1", "2", "3"]})
    second.loc["a", "w"] = 29
    with pytest.raises(DisclosureError, match=r"1 cell\(s\)"):
        check_differences(first, second, parts=apart)


# --- Tables that cannot be protected


def test_problems_of_a_table_are_all_named():
    wrong = pd.DataFrame([[7, -1], [np.nan, 10]], index=list("aa"), columns=list("xy"))
    with pytest.raises(InvalidDataError) as caught:
        protect(wrong.set_axis(["a", "b"]))
    assert list(caught.value.problems) == ["a, y: negative", "b, x: missing"]
    with pytest.raises(InvalidDataError, match="label 'a' occurs twice"):
        protect(pd.DataFrame([[7, 8], [9, 10]], index=list("aa"), columns=list("xy")))
    with pytest.raises(InvalidDataError, match="label 'x' occurs twice"):
        protect(pd.DataFrame([[7, 8], [9, 10]], index=list("ab"), columns=list("xx")))


def test_one_given_margin_is_checked_and_the_other_made():
    inner = table([[7, 8], [9, 10]])
    full = with_margins(inner)
    for one in (full.drop(columns="all"), full.drop(index="all"), full, inner):
        pd.testing.assert_frame_equal(protect(one).astype(float), full.astype(float))
    rows, columns = full.drop(columns="all"), full.drop(index="all")
    rows.loc["all", "x"] += 1
    columns.loc["a", "all"] += 1
    with pytest.raises(InvalidDataError) as caught:
        protect(rows)
    assert list(caught.value.problems) == ["x: the row total is not the sum"]
    with pytest.raises(InvalidDataError) as caught:
        protect(columns)
    assert list(caught.value.problems) == ["a: the column total is not the sum"]


def test_margins_of_hours_may_differ_by_rounding_only():
    inner = table([[7.1, 8.2], [9.3, 10.4]])
    full = with_margins(inner * 1e6)
    users = (inner * 10).round()
    full.loc["all", "all"] *= 1 + 1e-12
    protect(full, counts=users)
    full.loc["all", "all"] *= 1 + 1e-7
    with pytest.raises(InvalidDataError, match="not the sum"):
        protect(full, counts=users)


# --- Patterns of the optimal method


def with_solver(monkeypatch, pattern):
    module = types.ModuleType("kostnadsvekst.register.tauargus")
    module.optimal_pattern = pattern
    monkeypatch.setitem(sys.modules, "kostnadsvekst.register.tauargus", module)


def test_optimal_pattern_is_kept_and_completed(monkeypatch):
    inner = table([[2, 6, 50], [7, 8, 60], [70, 80, 90]])
    given = np.zeros((4, 4), dtype=bool)
    given[[0, 0, 2, 2], [0, 2, 0, 2]] = True
    seen = []
    with_solver(monkeypatch, lambda values, threshold: seen.append((values, threshold)) or given)
    assert suppressed(protect(inner, 5, method="optimal")) == {"aw", "ay", "cw", "cy"}
    assert seen[0][1] == 5
    pd.testing.assert_frame_equal(seen[0][0], with_margins(inner))
    with_solver(monkeypatch, lambda values, threshold: np.zeros((4, 4), dtype=bool))
    assert suppressed(protect(inner, 5, method="optimal")) == {"aw", "ax", "bw", "bx"}


def test_what_the_solver_says_when_it_fails_is_not_told(monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("record 6174 of r0000")

    fake = types.ModuleType("pytauargus")
    fake.protect = fail
    monkeypatch.setitem(sys.modules, "pytauargus", fake)
    monkeypatch.delitem(sys.modules, "kostnadsvekst.register.tauargus", raising=False)
    with pytest.raises(
        DisclosureError, match=r"pytauargus failed \(RuntimeError\): use method='own'"
    ) as caught:
        protect(table([[2, 6, 50], [7, 8, 60], [70, 80, 91]]), method="optimal")
    assert "6174" not in str(caught.value)
    assert caught.value.__cause__ is None
    # Nothing small, nothing to solve.
    assert protect(table([[12, 6], [7, 8]]), method="optimal").loc["all", "all"] == 33
    monkeypatch.delitem(sys.modules, "kostnadsvekst.register.tauargus")


def test_optimal_pattern_without_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "kostnadsvekst.register.tauargus", None)
    with pytest.raises(DataMissingError, match="sdc"):
        protect(table([[2, 6], [7, 8]]), method="optimal")
