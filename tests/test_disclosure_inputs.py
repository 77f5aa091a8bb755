"""What `protect` and `require_safe` are given: read right or refused by label, never mistaken."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from kostnadsvekst.errors import DisclosureError, InvalidDataError, SpecificationError
from kostnadsvekst.register import protect, protect_layers, require_safe

GOOD = pd.DataFrame([[2, 6, 50], [7, 8, 60], [70, 80, 91]], index=list("abc"), columns=list("xyz"))
SECRET = "6174"  # a value that no message may hold


def with_margins(inner, label="all"):
    full = inner.copy()
    full[label] = full.sum(axis=1)
    full.loc[label] = full.sum(axis=0)
    return full


def primary_only(full):
    shown = full.astype(object)
    shown.iloc[0, 0] = ":"
    return shown


def refused(call, *parts, kind=InvalidDataError):
    with pytest.raises(kind) as caught:
        call()
    for part in parts:
        assert part in str(caught.value)
    assert SECRET not in str(caught.value)


# --- Thresholds and shares


BAD_THRESHOLDS = [0, -1, 1, True, np.True_, 4.5, float("nan"), float("inf"), "5", None, 10**10, 10**400, [5]]


@pytest.mark.parametrize("threshold", BAD_THRESHOLDS)
def test_a_threshold_is_a_whole_number_from_two(threshold):
    for call in (lambda: protect(GOOD, threshold), lambda: require_safe(GOOD, GOOD, threshold)):
        refused(call, "threshold", "such as 5" if "whole" in str(threshold) else "5", kind=SpecificationError)


@pytest.mark.parametrize("threshold", [5, np.int64(5), np.int8(5), 5.0, np.float64(5)])
def test_a_whole_number_of_any_type_is_a_threshold(threshold):
    shown = protect(GOOD, threshold)
    pd.testing.assert_frame_equal(shown, protect(GOOD))
    assert shown.attrs == {"suppressed": 4, "threshold": 5}
    require_safe(shown, GOOD, threshold)


def test_the_smallest_and_the_largest_threshold():
    assert (protect(GOOD, 2) == ":").sum().sum() == 0
    assert (protect(GOOD, 10**9) == ":").all(axis=None)


@pytest.mark.parametrize("dominance", [0, 1, 1.5, -0.1, True, float("nan"), "0.85", None])
def test_a_share_is_between_none_and_all(dominance):
    refused(lambda: protect(GOOD, dominance=dominance), "dominance", "0.85", kind=SpecificationError)
    protect(GOOD, dominance=0.99)


# --- Cells


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.inf, "not finite"),
        (-np.inf, "not finite"),
        (10**400, "not finite"),
        ("1e999", "not finite"),
        (np.nan, "missing"),
        (None, "missing"),
        (pd.NA, "missing"),
        (pd.NaT, "missing"),
        (-1, "negative"),
        (2.5, "not a whole number of persons"),
        (10**12, "more persons than there are"),
        ("<5", "not a number"),
        ("", "not a number"),
        (":", "not a number"),
        ("6174x", "not a number"),
        ("6_174", "not a number"),
        (True, "not a number"),
        (1 + 2j, "not a number"),
        (pd.Timestamp("2020-01-01"), "not a number"),
        (pd.Timedelta(5), "not a number"),
        ((6174,), "not a number"),
    ],
)
def test_cells_that_are_no_numbers_of_persons(value, reason):
    table = GOOD.astype(object)
    table.iloc[1, 1] = value
    refused(lambda: protect(table), f"b, y: {reason}")
    refused(lambda: protect(GOOD * 3.0, counts=table), f"counts: 1 problem(s)\n  - b, y: {reason}")
    refused(lambda: require_safe(GOOD, table), f"b, y: {reason}")


@pytest.mark.parametrize("value", [8, "8", " 8 ", "8.0", 8.0, np.int8(8), np.float32(8), Decimal(8)])
def test_numbers_of_any_type_are_numbers(value):
    table = GOOD.astype(object)
    table.iloc[1, 1] = value
    pd.testing.assert_frame_equal(protect(table), protect(GOOD))


@pytest.mark.parametrize("dtype", [str, "Int64", "float32", "int8", "string", "category"])
def test_columns_of_any_type_are_numbers(dtype):
    shown = protect(GOOD.astype(dtype))
    pd.testing.assert_frame_equal(shown, protect(GOOD))
    require_safe(shown, GOOD.astype(dtype))


def test_all_faults_are_told_at_once_and_no_value():
    table = GOOD.astype(object)
    table.iloc[0] = [-6174, 6174.5, "6174 "]
    table.iloc[2] = [np.inf, None, "?"]
    with pytest.raises(InvalidDataError) as caught:
        protect(table)
    assert len(caught.value.problems) == 5
    assert SECRET not in str(caught.value)


# --- Labels


def relabelled(rows):
    return GOOD.set_axis(rows)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (relabelled(["a", "a", "b"]), "label 'a' occurs twice"),
        (relabelled([1, "1", "b"]), "row label 1 occurs both as text and as another type"),
        (relabelled(["a", "a ", "b"]), "row label a occurs both"),
        (relabelled(["a", np.nan, "b"]), "a row has no label"),
        (relabelled(pd.MultiIndex.from_product([["m"], list("abc")])), "row labels have 2 levels"),
        (relabelled(list("abc")).T.set_axis(["x", "x", "y"], axis=1).set_axis(list("uvw")), "label 'x'"),
        (
            GOOD.set_axis(pd.MultiIndex.from_product([["m"], list("abc")]), axis=1),
            "column labels have 2 levels",
        ),
        (pd.DataFrame(), "there are no cells"),
        (GOOD.iloc[:0], "there are no cells"),
        (GOOD.iloc[:, :0], "there are no cells"),
        (GOOD["x"], "a Series, not a DataFrame"),
        (GOOD.to_numpy(), "a ndarray, not a DataFrame"),
    ],
)
def test_tables_without_usable_labels(table, reason):
    refused(lambda: protect(table), reason)
    refused(lambda: require_safe(table, GOOD), reason)
    refused(lambda: require_safe(GOOD, table), reason)


def test_nothing_but_totals_is_no_table():
    refused(lambda: protect(with_margins(GOOD).loc[["all"]]), "nothing but totals")


@pytest.mark.parametrize(
    "rows", [[1, 2, 3], pd.CategoricalIndex(list("abc")), [pd.Timestamp(2020, 1, k) for k in (1, 2, 3)]]
)
def test_labels_of_any_type(rows):
    shown = protect(relabelled(rows))
    assert (shown.to_numpy() == protect(GOOD).to_numpy()).all()
    require_safe(shown, relabelled(rows))


@pytest.mark.parametrize(
    ("inner", "hidden"),
    [
        ([[2]], 4),
        ([[7]], 0),
        ([[0]], 0),
        ([[2, 6, 50]], 4),
        ([[2], [6], [50]], 4),
        ([[0, 0], [0, 0]], 0),
        ([[10, 20, 31]], 0),
    ],
)
def test_tables_of_one_row_column_or_cell(inner, hidden):
    table = pd.DataFrame(inner)
    shown = protect(table)
    assert (shown == ":").sum().sum() == hidden
    require_safe(shown, table)


# --- Totals under other names


@pytest.mark.parametrize(
    "name", ["Total", "Sum", "I alt", "alle", "ALL", " totalt ", "begge kjønn", "Hele landet"]
)
def test_totals_by_name_are_asked_for(name):
    full = with_margins(GOOD, name)
    lines = full.iloc[:, :3], full.iloc[:3]
    for table, kinds in ((full, ("row", "column")), (lines[0], ("row",)), (lines[1], ("column",))):
        refused(
            lambda table=table: protect(table), *(f"{kind} {name!r} is called like a total" for kind in kinds)
        )
        refused(lambda table=table: require_safe(table, table), "is called like a total", "total=")
        shown = protect(table, total=name)
        assert (shown.to_numpy() == protect(GOOD).to_numpy()).all()
        require_safe(shown, table, total=name)


def test_a_total_by_name_that_is_not_the_sum_is_asked_for():
    table = GOOD.copy()
    table.loc["Total"] = [80, 95, 200]
    refused(lambda: protect(table), "row 'Total' is called like a total")
    # Somebody's row is called so.
    assert (protect(table, not_totals=["Total"]) == ":").sum().sum() == 4


@pytest.mark.parametrize("place", [0, 1, 3])
def test_totals_are_known_by_arithmetic(place):
    for turn in (False, True):
        table = GOOD.T.copy() if turn else GOOD.copy()
        table.insert(place, "Norway", table.sum(axis=1))
        refused(lambda table=table: protect(table), "column 'Norway' is the sum of the others")
        refused(lambda table=table: protect(table.T), "row 'Norway' is the sum of the others")
        refused(lambda table=table: require_safe(table, table), "'Norway'")
        table["Norway"] += 1
        protect(table)


def test_a_second_total_beside_the_first():
    table = with_margins(GOOD)
    table.loc["Norway"] = table.loc["all"]
    refused(lambda: protect(table), "row 'Norway' is the sum of the others")


def test_subtotals_are_known_where_chance_is_not():
    table = pd.DataFrame(
        [[200, 600, 501], [71, 800, 600], [271, 1400, 1101], [70, 80, 910], [300, 20, 111]],
        index=["a", "b", "a and b", "c", "d"],
        columns=list("xyz"),
    )
    refused(lambda: protect(table), "row 'a and b' is the sum of 2 lines beside it")
    refused(lambda: protect(table.T), "column 'a and b' is the sum of 2 lines beside it")
    table.loc["a and b", "x"] -= 1
    protect(table)
    # Three small numbers agree by chance more often than not in a table of many rows.
    protect(pd.DataFrame([[1, 0, 2], [0, 1, 3], [1, 1, 5], [20, 30, 40]], index=list("abcd")))


def test_ages_that_overlap_are_no_parts_of_a_whole():
    refused(lambda: protect(relabelled(["0-66", "67+", "80+"])), "rows '67+' and '80+' overlap")
    refused(lambda: protect(relabelled(["under 18", "17–66 år", "67 år og over"])), "overlap")
    protect(relabelled(["under 18", "18–66 år", "67 år og over"]))
    protect(relabelled(["0-66", "67-79", "80+"]))
    protect(relabelled(["0-66", "67+", "80+"]), not_totals=["67+"])


def test_sums_by_chance_must_be_told():
    table = pd.DataFrame([[20, 30], [20, 30]], index=list("ab"), columns=list("xy"))
    refused(lambda: protect(table), "row 'a' is the sum of the others", "row 'b'", "not_totals=")
    refused(lambda: require_safe(table, table), "not_totals=")
    assert protect(table, not_totals=["a", "b"]).loc["all", "all"] == 100
    require_safe(table, table, not_totals=["a", "b"])
    refused(lambda: protect(table, not_totals="ab"), "row 'a'")  # one label, not two letters


def test_why_an_unknown_total_matters():
    # Counted as a cell, the total of the row doubles the sums, and half of what is shown gives the 3 back.
    table = pd.DataFrame([[3, 40], [30, 50]], index=list("ab"), columns=list("xy"))
    table["Norway"] = table.sum(axis=1)
    refused(lambda: protect(table), "Norway")
    shown = protect(table, not_totals=["Norway"])
    assert shown.loc["all", "all"] == 2 * 123


# --- Counts and largest contributors of a magnitude


HOURS, LARGEST = GOOD * 3.0, GOOD * 0 + 4.0
CODES, NUMBERS = ["0301", "1103", "4601"], [301, 1103, 4601]


@pytest.mark.parametrize("name", ["counts", "largest"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda x: x.set_axis(NUMBERS), "1103, 301, 4601 stand in both as different types"),
        (lambda x: x.iloc[:2], "row labels '4601' are not in"),
        (lambda x: pd.concat([x, x.set_axis(list("def"))]), "row labels 'd', 'e', 'f' are in"),
        (lambda x: x.rename(columns={"x": "X"}), "column labels 'x' are not in"),
        (lambda x: x.T.set_axis(CODES), "column labels"),
        (lambda x: x.reindex(["0301", "4601", "1103"]).shift(-1).set_axis(x.index), "4601, x: missing"),
        (lambda x: -x, "0301, x: negative"),
        (lambda x: x * np.inf, "0301, x: not finite"),
    ],
)
def test_what_goes_with_a_magnitude_has_its_labels(name, change, reason):
    hours = HOURS.set_axis(CODES)
    good = {"counts": GOOD.set_axis(CODES), "largest": LARGEST.set_axis(CODES)}
    refused(lambda: protect(hours, **good | {name: change(good[name])}), name, reason)


@pytest.mark.parametrize(
    "change", [lambda x: x, lambda x: x.iloc[::-1, ::-1], with_margins, lambda x: x.astype(str)]
)
def test_order_margins_and_types_of_what_goes_with_a_magnitude_do_not_matter(change):
    expected = protect(HOURS, counts=GOOD, largest=LARGEST)
    pd.testing.assert_frame_equal(protect(HOURS, counts=change(GOOD), largest=change(LARGEST)), expected)
    assert expected.loc["a", "x"] == ":"


def test_categories_are_the_labels_they_show():
    top = LARGEST.set_axis(pd.CategoricalIndex(list("abc"))).set_axis(
        pd.CategoricalIndex(list("xyz")), axis=1
    )
    top.loc["b", "y"] = 23.0
    shown = protect(HOURS, counts=GOOD * 10, largest=top)
    assert shown.loc["b", "y"] == ":"


def test_a_magnitude_that_its_counts_or_contributors_contradict():
    refused(lambda: protect(HOURS, counts=GOOD * 0), "counts: nobody in cells that are not empty", "a, x")
    refused(lambda: protect(HOURS, largest=HOURS * 1.01), "largest: more than the whole cell", "c, z")
    refused(lambda: protect(HOURS, largest=HOURS * 0), "nothing in a cell that is not empty")
    refused(lambda: protect(HOURS, counts=GOOD + 0.5), "counts", "a, x: not a whole number of persons")
    refused(lambda: protect(HOURS, method="optimal", largest=LARGEST), "counts only", kind=SpecificationError)
    protect(HOURS, largest=HOURS * (1 + 1e-12), counts=GOOD)  # but for rounding
    empty = HOURS.copy()
    empty.loc["b", "y"] = 0.0
    protect(empty, counts=GOOD, largest=LARGEST.where(empty > 0, 0.0))


def test_one_person_can_dominate_a_margin():
    # Row b: 100 hours, 95 of one person, and 2 hours of others: of 102 hours in the margin 93 per cent.
    hours = pd.DataFrame(
        [[300.0, 400.0], [100.0, 2.0], [200.0, 500.0]], index=list("abc"), columns=list("xy")
    )
    top = hours / 10
    top.loc["b", "x"] = 95.0
    shown = protect(hours, counts=GOOD.iloc[:, :2].set_axis(list("xy"), axis=1) * 10, largest=top)
    assert shown.loc["b", "x"] == shown.loc["b", "all"] == ":"
    top.loc["b", "x"] = 84.0  # of 100: not dominant
    shown = protect(hours, counts=GOOD.iloc[:, :2].set_axis(list("xy"), axis=1) * 10, largest=top)
    assert shown.loc["b", "all"] == 102.0


# --- What may be exported


@pytest.mark.parametrize("turn", [False, True])
def test_one_margin_is_enough_to_work_a_cell_out(turn):
    full = with_margins(GOOD)
    for margin in (full.iloc[:3], full.iloc[:, :3]):
        shown = primary_only(margin)
        shown, counts = (shown.T, GOOD.T) if turn else (shown, GOOD)
        refused(
            lambda s=shown, c=counts: require_safe(s, c), "follows from what is shown", kind=DisclosureError
        )
    # Without any margin nothing follows; nor with the margin of the row where another of the row is hidden.
    require_safe(primary_only(GOOD), GOOD)
    two = primary_only(full.iloc[:3])
    two.iloc[0, 1] = ":"
    require_safe(two, GOOD)


def test_hidden_margins_tell_nothing_and_hidden_zeros_help_nobody():
    shown = primary_only(with_margins(GOOD))
    shown.loc["all"] = ":"
    refused(lambda: require_safe(shown, GOOD), "('a', 'x'): follows", kind=DisclosureError)
    shown["all"] = ":"
    require_safe(shown, GOOD)
    # 2 and an empty cell are hidden: the 2 is 2 at most.
    zero = GOOD.copy()
    zero.loc["a", "y"] = 0
    shown = with_margins(zero).astype(object)
    shown.loc[["a", "b"], ["x", "y"]] = ":"
    refused(lambda: require_safe(shown, zero), "('a', 'x'): follows", kind=DisclosureError)
    require_safe(protect(zero), zero)


@pytest.mark.parametrize("value", [np.nan, None, "", "*", "<5", "1-4", "...", np.inf, -1, True])
def test_what_is_neither_number_nor_suppressed_cannot_be_judged(value):
    shown = protect(GOOD)
    shown.iloc[2, 2] = value
    refused(lambda: require_safe(shown, GOOD), "c, z:")


def test_tables_that_the_counts_do_not_fit():
    shown = protect(GOOD)
    refused(
        lambda: require_safe(shown.rename(index={"a": "A"}), GOOD), "'A' are in table only", "'a' are not in"
    )
    refused(lambda: require_safe(shown.drop(index="c"), GOOD), "row labels 'c' are not in table")
    refused(lambda: require_safe(shown, GOOD.drop(index="c")), "row labels 'c' are in table only")
    refused(lambda: require_safe(shown.set_axis([*NUMBERS, "all"]), GOOD.set_axis(CODES)), "different types")
    refused(
        lambda: require_safe(shown.rename(index={"all": "I alt"}), GOOD),
        "'I alt' are in table only",
        "total=",
    )
    wrong = shown.copy()
    wrong.loc["all", "all"] += 1
    refused(lambda: require_safe(wrong, GOOD), "all, all: the total is not that of the counts")
    require_safe(shown.iloc[::-1, ::-1], GOOD.iloc[[1, 2, 0]])
    require_safe(shown.astype(str), with_margins(GOOD))


def test_a_magnitude_is_judged_by_its_persons():
    hours = protect(HOURS + 0.25, counts=GOOD)
    require_safe(hours, GOOD)
    refused(lambda: require_safe(with_margins(HOURS), GOOD), "('a', 'x'): fewer than 5", kind=DisclosureError)
    refused(
        lambda: require_safe(primary_only(with_margins(HOURS)), GOOD),
        "('a', 'x'): follows",
        kind=DisclosureError,
    )


# --- Layers of a table of three ways


LAYERS = {"1": GOOD, "2": GOOD.iloc[::-1] + 20}


def test_layers_and_their_sum_by_hand():
    shown = protect_layers(LAYERS)
    assert list(shown) == ["1", "2", "all"]
    whole = with_margins(GOOD + LAYERS["2"])
    assert (shown["all"] == whole).all(axis=None)  # no small cell in the sum
    # The 2 needs a rectangle in its layer, and the same in the other, since the sum is shown.
    for label in ("1", "2"):
        hidden = shown[label] == ":"
        assert hidden.sum().sum() == 4
        assert hidden.loc[["a", "b"], ["x", "y"]].all(axis=None)
        table = with_margins(LAYERS[label]).loc[whole.index, whole.columns]
        assert (shown[label] == table).mask(hidden, True).all(axis=None)
    assert shown["1"].attrs == {"suppressed": 4, "threshold": 5}
    assert protect_layers({**LAYERS, "all": GOOD + LAYERS["2"]})["1"].equals(shown["1"])


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ({}, "give a mapping"),
        ([GOOD, GOOD], "give a mapping"),
        ({"all": GOOD}, "one besides the total"),
        ({"1": GOOD, "2": GOOD.rename(index={"a": "A"})}, "layer '1': row labels 'a' are not in layer '2'"),
        ({"1": GOOD, "2": GOOD.astype(object).replace(2, 6174.5)}, "layer '2': 1 problem(s)"),
        (
            {"1": GOOD, "2": GOOD + 9, "sum of both": 2 * GOOD + 9},
            "row 'sum of both' is the sum of the others",
        ),
        ({"1": GOOD, "2": GOOD + 9, "I alt": 2 * GOOD + 9}, "'I alt' is called like a total"),
        ({"1": GOOD, "2": GOOD + 9, "all": 2 * GOOD}, "layer 'all' is not the sum of the others"),
        ({"1": with_margins(GOOD, "Norway"), "2": GOOD}, "row 'Norway' is the sum of the others"),
    ],
)
def test_layers_that_are_no_layers(layers, reason):
    refused(lambda: protect_layers(layers), reason)


def test_one_layer_is_a_table():
    shown = protect_layers({"1": GOOD})
    assert (shown["1"] == ":").sum().sum() == (shown["all"] == ":").sum().sum() == 4
    refused(lambda: protect_layers(LAYERS, 1), "threshold", kind=SpecificationError)
