"""Disclosure control: an attacker with linear programming must not get suppressed cells back."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from kostnadsvekst.errors import DataMissingError, DisclosureError, InvalidDataError, SpecificationError
from kostnadsvekst.register import check_differences, protect, protect_cube, require_safe, weekly_cube
from test_register_weekly import simple

THRESHOLD = 5


def random_table(rng, largest=7):
    shape = rng.integers(2, largest, 2)
    counts = rng.negative_binomial(0.6, 0.04, shape) * (rng.random(shape) > 0.15)
    return pd.DataFrame(
        counts, index=[f"r{i}" for i in range(shape[0])], columns=[f"c{j}" for j in range(shape[1])]
    )


def with_margins(table):
    full = table.copy()
    full["all"] = full.sum(axis=1)
    full.loc["all"] = full.sum(axis=0)
    return full


def attack(shown):
    """Smallest and largest value of each suppressed cell, given what is shown and that it is not empty."""
    n_rows, n_columns = shown.shape
    number = np.arange(shown.size).reshape(shown.shape)
    equations = []
    for i in range(n_rows):
        row = np.zeros(shown.size)
        row[number[i]] = 1
        row[number[i, -1]] = -1
        equations.append(row)
    for j in range(n_columns):
        column = np.zeros(shown.size)
        column[number[:, j]] = 1
        column[number[-1, j]] = -1
        equations.append(column)
    cells = shown.to_numpy().ravel()
    hidden = cells == ":"
    bounds = [(1, None) if h else (float(v), float(v)) for h, v in zip(hidden, cells, strict=True)]
    ranges = {}
    for cell in np.flatnonzero(hidden):
        ends = []
        for sign in (1, -1):
            goal = np.zeros(shown.size)
            goal[cell] = sign
            answer = linprog(goal, A_eq=np.array(equations), b_eq=np.zeros(len(equations)), bounds=bounds)
            ends.append(sign * answer.fun if answer.status == 0 else np.inf)
        ranges[cell] = tuple(ends)
    return ranges


def assert_attack_fails(rng, n_tables):
    attacked = 0
    for _ in range(n_tables):
        table = random_table(rng)
        shown = protect(table, THRESHOLD)
        true = with_margins(table).to_numpy().ravel()
        hidden = (shown == ":").to_numpy().ravel()
        assert (shown.to_numpy().ravel()[~hidden] == true[~hidden]).all()
        assert not (~hidden & (true > 0) & (true < THRESHOLD)).any()
        for cell, (low, high) in attack(shown).items():
            attacked += 1
            assert low - 1e-6 <= true[cell] <= high + 1e-6
            assert high - low > 0.99, f"cell {cell} recovered in\n{table}"
            if true[cell] < THRESHOLD:
                assert high >= THRESHOLD, f"cell {cell} known to be small in\n{table}"
    assert attacked > n_tables


def test_attack_fails():
    assert_attack_fails(np.random.default_rng(1), 70)


@pytest.mark.slow
def test_attack_fails_on_a_thousand_tables():
    assert_attack_fails(np.random.default_rng(2), 1000)


def test_attack_succeeds_where_only_small_cells_are_suppressed():
    # Else the tests above would show nothing.
    rng = np.random.default_rng(3)
    recovered = 0
    for _ in range(30):
        full = with_margins(random_table(rng))
        primary = (full > 0) & (full < THRESHOLD)
        ranges = attack(full.astype(object).mask(primary, ":"))
        recovered += any(high - low < 1e-6 for low, high in ranges.values())
    assert recovered > 20


def test_cheapest_pattern_on_a_small_table():
    # By hand: the cell of 2 needs a partner in its row and column; the cheapest rectangle is 2, 6, 7, 8.
    table = pd.DataFrame([[2, 6, 50], [7, 8, 60], [70, 80, 90]], index=list("abc"), columns=list("xyz"))
    shown = protect(table)
    assert (shown == ":").sum().sum() == 4
    assert shown.loc["a", ["x", "y"]].tolist() == [":", ":"]
    assert shown.loc["b", ["x", "y"]].tolist() == [":", ":"]
    assert shown.loc["all", "all"] == 373


def test_nothing_is_suppressed_without_small_cells():
    table = pd.DataFrame([[5, 0], [10, 20]], index=list("ab"), columns=list("xy"))
    assert protect(table).attrs["suppressed"] == 0


def test_table_of_a_single_person():
    shown = protect(pd.DataFrame([[1, 0], [0, 0]], index=list("ab"), columns=list("xy")))
    assert (shown == ":").sum().sum() == 4
    assert 1 not in shown.to_numpy()


def test_hours_with_few_users_and_dominance():
    users = pd.DataFrame([[3, 20, 30], [15, 25, 35], [30, 30, 30]], index=list("abc"), columns=list("xyz"))
    hours = users * 4.0
    largest = pd.DataFrame(4.0, index=users.index, columns=users.columns)
    largest.loc["b", "y"] = 95.0  # of 100 hours
    shown = protect(hours, counts=users, largest=largest, dominance=0.85)
    assert shown.loc["a", "x"] == ":"
    assert shown.loc["b", "y"] == ":"
    assert (shown == ":").sum(axis=0)["x"] >= 2
    assert shown.loc["all", "all"] == hours.to_numpy().sum()
    with pytest.raises(SpecificationError, match="counts only"):
        protect(hours, counts=users, method="optimal")


def test_wrong_tables():
    table = with_margins(pd.DataFrame([[7, 8], [9, 10]], index=list("ab"), columns=list("xy")))
    table.loc["all", "x"] += 1
    table.loc["a", "all"] += 1
    with pytest.raises(InvalidDataError) as caught:
        protect(table)
    assert len(caught.value.problems) == 2
    with pytest.raises(InvalidDataError, match="negative"):
        protect(pd.DataFrame([[-1.0]], index=["a"], columns=["x"]))
    with pytest.raises(SpecificationError, match="own"):
        protect(table.drop(index="all", columns="all"), method="magic")


def test_export_of_an_unsafe_table_is_refused_with_exit_code_4():
    counts = pd.DataFrame([[2, 6, 50], [7, 8, 60], [70, 80, 90]], index=list("abc"), columns=list("xyz"))
    require_safe(protect(counts), counts)
    with pytest.raises(DisclosureError, match=r"fewer than 5 persons") as caught:
        require_safe(with_margins(counts), counts)
    assert caught.value.exit_code == 4
    assert "2" not in str(caught.value).replace("refused, 1 cell(s)", "")
    primary_only = with_margins(counts).astype(object)
    primary_only.loc["a", "x"] = ":"
    with pytest.raises(DisclosureError, match="follows from what is shown"):
        require_safe(primary_only, counts)


def test_differences_between_published_tables():
    everyone = pd.DataFrame([[20, 30], [40, 50]], index=list("ab"), columns=list("xy"))
    others = everyone.copy()
    check_differences(protect(everyone), protect(others))
    others.loc["a", "x"] = 18  # two persons are in the first table only
    with pytest.raises(DisclosureError, match="a, x: the difference is a group of fewer than 5"):
        check_differences(protect(everyone), protect(others))
    hidden = protect(everyone).copy()
    hidden.loc["b", "y"] = ":"
    with pytest.raises(DisclosureError, match="b, y: suppressed in first only"):
        check_differences(hidden, protect(everyone))


def test_protected_cube_keeps_margins_and_hides_small_cells():
    cube = weekly_cube(simple(400))
    shown = protect_cube(cube)
    true = cube.groupby(["service", "week"], observed=True)["users"].sum()
    total = shown[(shown["age_group"] == "all") & (shown["sex"] == "all")].set_index(["service", "week"])
    seen = total[total["status"] == ""]
    assert (seen["users"] == true.reindex(seen.index)).all()
    users = shown["users"].dropna()
    assert not ((users > 0) & (users < 5)).any()
    assert (shown["status"] == ":").any()
    hidden = shown[shown["status"] == ":"]
    assert hidden[["users", "hours", "mean_age", "users_with_hours"]].isna().all().all()
    without = shown["users"] - shown["users_with_hours"]
    for part in (without, shown["users_with_hours"]):
        some = shown.groupby(["service", "week"], observed=True)["users_with_hours"].transform("max") > 0
        assert not (some & (part > 0) & (part < 5)).any()


def test_protected_cube_withstands_the_attack():
    cube = weekly_cube(simple(400))
    shown = protect_cube(cube)
    for _, block in list(shown.groupby(["service", "week"], observed=True))[::60]:
        table = block.assign(cell=block["users"].astype(object).where(block["status"] == "", ":"))
        wide = table.pivot_table(index="age_group", columns="sex", values="cell", aggfunc="first", sort=False)
        for low, high in attack(wide).values():
            assert high - low > 0.99


@pytest.mark.solver
def test_optimal_pattern_protects_and_leaves_no_files(tmp_path, monkeypatch):
    pytest.importorskip("pytauargus", reason="extra 'sdc' is not installed")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    for _ in range(3):
        table = random_table(rng, 5)
        try:
            shown = protect(table, method="optimal")
        except DataMissingError:
            pytest.skip("pytauargus cannot run here")
        for low, high in attack(shown).values():
            assert high - low > 0.99
    assert not list(tmp_path.iterdir())
