"""What untreated rows identify, and what they do not: left out by name, against a direct solve."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import kostnadsvekst as kv
from kostnadsvekst.errors import DataWarning, SpecificationError

COLUMNS = ("y", "unit", "time", "first")
DIRECT = 1e-8
QUIET = settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


def long(units, start=2000):
    """Unit -> (first treated period, outcomes from `start` on; None where there is no row)."""
    rows = [
        (unit, start + t, first, float(y))
        for unit, (first, ys) in units.items()
        for t, y in enumerate(ys)
        if y is not None
    ]
    return pd.DataFrame(rows, columns=["unit", "time", "first", "y"])


def estimated(data, method, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        study = kv.staggered.event_study(data, *COLUMNS, method=method, **options)
    return study, [str(w.message) for w in caught]


def says(said, pattern):
    return any(re.search(pattern, text) for text in said)


# By hand ----------

# Periods 2000 to 2003. C and D are never treated, A from 2002; E enters when it is treated.
ENTRANT = {
    "A": (2002, [1, 2, 9, 9]),
    "C": (None, [0, 1, 2, 3]),
    "D": (None, [5, 6, 7, 8]),
    "E": (2001, [None, 40, 50, 60]),
}


@pytest.mark.parametrize("method", ["imputation", "two_stage"])
@pytest.mark.parametrize("level", [0.0, 1e6])
def test_a_unit_that_enters_treated_is_left_out_by_name_whatever_its_level(method, level):
    data = long(ENTRANT)
    data.loc[data["unit"] == "E", "y"] += level
    study, said = estimated(data, method)
    assert says(said, r"3 treated row\(s\).*: E 2001, E 2002, E 2003$")
    # A's path without treatment is 3, 4: effects 6 and 5.
    assert study.aggregate().estimate == pytest.approx(5.5)
    assert study.panel.units.tolist() == ["A", "C", "D"]
    assert study.group_time()["estimate"].tolist() == pytest.approx([6.0, 5.0])


def test_an_entrant_that_is_seen_once_before_treatment_counts():
    data = long(ENTRANT | {"E": (2002, [None, 40, 51, 60])})
    study = kv.staggered.event_study(data, *COLUMNS, method="imputation")
    # E without treatment 41, 42: effects 10 and 18, with A's 6 and 5 a mean of 8 and 11.5.
    assert study.group_time()["estimate"].tolist() == pytest.approx([8.0, 11.5])


def test_parts_that_no_chain_of_untreated_rows_connects():
    # Untreated rows of 2000 to 2001 (A, C) and of 2002 to 2003 (D, F): nothing compares A in 2002.
    data = long(
        {
            "A": (2002, [1, 2, 9, 9]),
            "C": (None, [0, 1, None, None]),
            "D": (None, [None, None, 7, 8]),
            "F": (2003, [None, None, 1, 7]),
        }
    )
    study, said = estimated(data, "imputation")
    assert says(said, r"2 treated row\(s\).*: A 2002, A 2003$")
    assert study.panel.units.tolist() == ["A", "C", "D", "F"]
    frame = study.group_time()
    assert frame[["cohort", "period", "estimate"]].to_numpy().tolist() == [[2003, 2003, 5.0]]
    with pytest.raises(SpecificationError, match=r"no effect is identified.*A 2002, A 2003"):
        kv.staggered.event_study(data[data["unit"] != "F"], *COLUMNS, method="imputation")
    # One more untreated row joins both parts: A's own path goes on at 3, 4.
    joined = pd.concat([data, long({"C": (None, [None, None, 2, None])})])
    study, said = estimated(joined, "imputation")
    assert not says(said, "left out")
    assert says(said, r"period\(s\) 2003 are compared with one untreated unit")
    assert study.group_time()["estimate"].tolist() == pytest.approx([6.0, 5.0, 5.0])


def test_sun_and_abraham_leave_out_a_cohort_without_a_row_before_treatment():
    data = long(ENTRANT | {"B": (2002, [3, 2, 6, 8])})
    rest = kv.staggered.event_study(data[data["unit"] != "E"], *COLUMNS, method="sun_abraham")
    for level in (0.0, 500.0):
        moved = data.assign(y=data["y"] + level * (data["unit"] == "E"))
        study, said = estimated(moved, "sun_abraham")
        assert says(said, r"without a row in the period before .*: 2001 \(units E\)$")
        pd.testing.assert_frame_equal(study.horizons, rest.horizons)
    only = data[data["unit"].isin(["C", "D", "E"])]
    with pytest.raises(SpecificationError, match=r"no effect is identified: cohort.*2001 \(units E\)"):
        kv.staggered.event_study(only, *COLUMNS, method="sun_abraham")
    # With a row before treatment it is compared with that: 40 - 30 less 1.
    seen = pd.concat([data, long({"E": (2001, [30])})])
    study, _ = estimated(seen, "sun_abraham")
    frame = study.group_time().set_index(["cohort", "period"])["estimate"]
    assert frame.loc[(2001, 2001)] == pytest.approx(9.0)


def test_sun_and_abraham_leave_out_cells_that_hang_on_nothing():
    # B is seen after treatment only, and only where no other unit of its cohort is: its level is anything.
    data = long(
        {
            "A": (2002, [1, 2, 9, None]),
            "B": (2002, [None, None, None, 70]),
            "C": (None, [0, 1, 2, 3]),
            "D": (None, [5, 6, 8, 8]),
        }
    )
    study, said = estimated(data, "sun_abraham")
    assert says(said, "no never treated unit connects .*: B 2003$")
    assert study.group_time()["period"].tolist() == [2000, 2002]
    # Effect of 2002: 9 - 2 less the mean of 1 and 2.
    assert study.group_time()["estimate"].tolist()[1] == pytest.approx(5.5)


def test_a_covariate_that_untreated_rows_do_not_know_identifies_nothing_that_has_it():
    # Law 1 holds in treated rows only; A2 never has it.
    data = long(
        {
            "A": (2002, [1, 2, 9, 9]),
            "A2": (2002, [4, 5, 7, 8]),
            "C": (None, [0, 1, 2, 3]),
            "D": (None, [5, 6, 7, 8]),
        }
    )
    data["law"] = ((data["unit"] == "A") & (data["time"] == 2003)) * 1.0
    study, said = estimated(data, "imputation", covariates=["law"])
    assert says(said, "1 treated row.*: A 2003$")
    # In 2002 6 for A and 1 for A2; in 2003 1 for A2.
    assert study.group_time()["estimate"].tolist() == pytest.approx([3.5, 1.0])
    # A covariate that is constant in a unit is nothing new beside the units.
    plain = kv.staggered.event_study(data, *COLUMNS, method="imputation")
    fixed = data.assign(size=data["unit"].map({"A": 1.0, "A2": 2.0, "C": 5.0, "D": 7.0}))
    same = kv.staggered.event_study(fixed, *COLUMNS, method="imputation", covariates=["size"])
    pd.testing.assert_frame_equal(same.group_time(), plain.group_time())


def test_placebo_names_what_its_dates_do_not_identify():
    # Moved by one, E is seen in its placebo period only; A is 4 there, where it would have been 3.
    data = long({**ENTRANT, "A": (2003, [1, 2, 4, 9]), "E": (2003, [None, None, 40, 50])})
    with pytest.warns(DataWarning, match=r"^placebo dates: 1 treated row\(s\) are left out.*: E 2002$"):
        found = kv.staggered.placebo(data, *COLUMNS, shift=1)
    assert found.estimate == pytest.approx(1.0)
    earlier = long({**ENTRANT, "A": (2003, [1, 2, 4, 9]), "E": (2002, [None, 30, 40, 50])})
    with pytest.warns(DataWarning, match=r"^placebo dates: cohort\(s\) without a row .*: 2001 \(units E\)$"):
        found = kv.staggered.placebo(earlier, *COLUMNS, shift=1, method="sun_abraham")
    assert found.estimate == pytest.approx(1.0)
    with pytest.raises(SpecificationError, match="unknown method 'ols'"):
        kv.staggered.placebo(data, *COLUMNS, shift=1, method="ols")


@pytest.mark.parametrize("method", ["imputation", "two_stage"])
def test_a_first_stage_of_units_alone_needs_a_row_of_each_before_treatment(method):
    study, said = estimated(long(ENTRANT), method, first_stage=("unit",))
    assert says(said, r"3 treated row\(s\).*: E 2001, E 2002, E 2003$")
    assert says(said, "all the effects .*: periods have none of their own beside unit$")
    # A's mean before treatment is 1.5.
    assert study.aggregate().estimate == pytest.approx(7.5)
    assert [(e.name, e.count) for e in study.facts.effects] == [("unit", 3)]


# Against a direct solve ----------


@st.composite
def panels(draw, weights=True):
    """Small unbalanced panels with entrants: a few units, each with its own periods."""
    n_units, n_periods = draw(st.integers(3, 8)), draw(st.integers(3, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from([0.0, 0.2, 0.5]))
    unit, time = (part.ravel() for part in np.indices((n_units, n_periods)))
    first = rng.choice([*range(1, n_periods + 1), np.inf, np.inf], n_units)
    enters = np.where(rng.random(n_units) < 0.3, rng.integers(0, n_periods, n_units), 0)
    kept = (rng.random(len(unit)) >= share) & (time >= enters[unit])
    data = pd.DataFrame({"unit": unit, "time": time + 1, "first": first[unit] + 1})
    data["y"] = rng.normal(size=len(data)) + 3 * rng.normal(size=n_units)[unit]
    data["w"] = rng.uniform(0.2, 5, len(data)) if weights and draw(st.booleans()) else 1.0
    data["state"] = unit // 2
    return data[kept].reset_index(drop=True)


def dummies(*columns):
    return np.concatenate([np.asarray(c)[:, None] == np.unique(c) for c in columns], axis=1).astype(float)


def solved_directly(data):
    """Treated rows that the untreated ones identify, their gaps, and the row weights v of the mean gap."""
    treated = (data["time"] >= data["first"]).to_numpy()
    D, y, w = dummies(data["unit"], data["time"]), data["y"].to_numpy(), data["w"].to_numpy()
    known = D[~treated]
    # A row of dummies is in the row space of the untreated ones if it is its own projection on it.
    identified = np.abs(D @ np.linalg.pinv(known) @ known - D).max(axis=1) < 1e-8
    used = treated & identified
    root = np.sqrt(w[~treated])
    inverse = np.linalg.pinv(known * root[:, None])
    gap = y - D @ (inverse @ (root * y[~treated]))
    v = np.where(used, w, 0.0) / max(w[used].sum(), 1e-300)
    v[~treated] = -(v @ D) @ inverse * root
    return used, np.where(treated & ~identified, 0.0, gap), v


def conservative_error(data, used, gap, v, cluster):
    """Borusyak, Jaravel and Spiess (2024), equation 8, row by row: cells are cohorts in periods."""
    residual = gap.copy()
    for _, rows in data[used].groupby(["first", "time"]):
        at = rows.index
        total = pd.Series(v[at]).groupby(data[cluster][at].to_numpy()).sum()
        product = pd.Series(v[at] * gap[at]).groupby(data[cluster][at].to_numpy()).sum()
        residual[at] -= (total * product).sum() / (total**2).sum()
    return np.sqrt((pd.Series(v * residual).groupby(data[cluster].to_numpy()).sum() ** 2).sum())


def two_step_error(data, used, gap, v, cluster):
    """Gardner (2022): residuals of the second step are around the mean of all treated rows."""
    residual = np.where(used, gap - v[used] @ gap[used], gap)
    return np.sqrt((pd.Series(v * residual).groupby(data[cluster].to_numpy()).sum() ** 2).sum())


def usable(data):
    """Without units treated from the start; None where nothing can be compared (other tests)."""
    span = data["time"].max() - data["time"].min() + 1 if len(data) else 0
    if not len(data) or data["time"].nunique() < span:
        return None
    rest = data[data["first"] > data["time"].min()].reset_index(drop=True)
    if not len(rest) or rest["time"].nunique() < span:
        return None
    untreated = rest[rest["time"] < rest["first"]]
    adopting = (rest["first"] <= rest["time"].max()) & (rest["time"] >= rest["first"])
    return rest if untreated["time"].nunique() == span and adopting.any() else None


def check_imputation(data, cluster):
    rest = usable(data)
    assume(rest is not None)
    used, gap, v = solved_directly(rest)
    lost = ((rest["time"] >= rest["first"]).to_numpy() & ~used).sum()
    options = {"weights": "w", "cluster": cluster}
    if not used.any():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(SpecificationError, match="no effect is identified"):
                kv.staggered.event_study(data, *COLUMNS, method="imputation", **options)
        return
    study, said = estimated(data, "imputation", **options)
    named = [int(m[1]) for text in said if (m := re.match(r"(\d+) treated row", text))]
    assert named == ([lost] if lost else [])
    mean = study.aggregate()
    assert mean.estimate == pytest.approx(v[used] @ gap[used], abs=DIRECT)
    if np.isfinite(mean.std_error):
        column = cluster or "unit"
        assert mean.std_error == pytest.approx(conservative_error(rest, used, gap, v, column), abs=DIRECT)
    assert study.n_obs == len(rest) - lost
    # A level of each unit changes nothing.
    level = 100.0 * rest["unit"]
    moved, _ = estimated(rest.assign(y=rest["y"] + level), "imputation", **options)
    np.testing.assert_allclose(moved.effects.effect, study.effects.effect, atol=1e-7)
    np.testing.assert_allclose(moved.effects.influence, study.effects.influence, atol=1e-7)
    if (rest["w"] == 1).all():
        two, _ = estimated(data, "two_stage", cluster=cluster)
        found = two.aggregate()
        assert found.estimate == pytest.approx(mean.estimate, abs=DIRECT)
        if np.isfinite(found.std_error):
            expected = two_step_error(rest, used, gap, v, cluster or "unit")
            assert found.std_error == pytest.approx(expected, abs=DIRECT)


@settings(QUIET, max_examples=150)
@given(panels(), st.sampled_from([None, "state"]))
def test_imputation_equals_a_direct_solve(data, cluster):
    check_imputation(data, cluster)


@pytest.mark.slow
@settings(QUIET, max_examples=2000)
@given(panels(), st.sampled_from([None, "state"]))
def test_imputation_equals_a_direct_solve_at_length(data, cluster):
    check_imputation(data, cluster)


def check_sun_abraham(data, cluster):
    rest = usable(data)
    assume(rest is not None)
    never = ~(rest["first"] <= rest["time"].max())
    assume(never.any())
    in_reference = rest[rest["time"] == rest["first"] - 1].groupby("first").size()
    compared = rest[never | rest["first"].isin(in_reference.index)].reset_index(drop=True)
    compared["first"] = compared["first"].where(compared["first"] <= rest["time"].max(), np.inf)
    inside = np.isfinite(compared["first"]) & (compared["time"] != compared["first"] - 1)
    label = np.where(inside, compared["first"] * 1000 + compared["time"], 0.0)
    cells = np.unique(label[label > 0])
    X = np.column_stack([label[:, None] == cells, dummies(compared["unit"], compared["time"])]).astype(float)
    # A coefficient is identified if its unit vector is in the row space.
    space = np.linalg.pinv(X) @ X
    known = np.abs(space - np.eye(len(space))).max(axis=1)[: len(cells)] < 1e-8
    after = cells % 1000 >= cells // 1000
    options = {"weights": "w", "cluster": cluster}
    if not (known & after).any():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(SpecificationError):
                kv.staggered.event_study(data, *COLUMNS, method="sun_abraham", **options)
        return
    root = np.sqrt(compared["w"].to_numpy())
    b = np.linalg.pinv(X * root[:, None]) @ (root * compared["y"].to_numpy())
    study, _ = estimated(data, "sun_abraham", **options)
    frame = study.group_time()
    assert (frame["cohort"] * 1000 + frame["period"]).tolist() == cells[known].tolist()
    np.testing.assert_allclose(frame["estimate"], b[: len(cells)][known], atol=1e-7)


@settings(QUIET, max_examples=150)
@given(panels(), st.sampled_from([None, "state"]))
def test_sun_abraham_equals_a_direct_solve(data, cluster):
    check_sun_abraham(data, cluster)


@pytest.mark.slow
@settings(QUIET, max_examples=2000)
@given(panels(), st.sampled_from([None, "state"]))
def test_sun_abraham_equals_a_direct_solve_at_length(data, cluster):
    check_sun_abraham(data, cluster)
