"""Rows that belong to nobody, and what 0 means in a column of adoption dates."""

import warnings

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from kostnadsvekst.errors import DataWarning, InvalidDataError

COLUMNS = ("y", "unit", "time", "first")
EFFECT = 2.0
OUTCOME = "admissions_acute_internal_80plus"


def exact(units=12, periods=6):
    """Every third unit is treated from 3, from 5, or never; a constant effect and no noise."""
    rows = [(f"u{i:02d}", t, [3, 5, 0][i % 3]) for i in range(units) for t in range(1, periods + 1)]
    data = pd.DataFrame(rows, columns=["unit", "time", "first"])
    treated = (data["first"] > 0) & (data["time"] >= data["first"])
    return data.assign(y=data["unit"].str[1:].astype(float) ** 2 + 0.5 * data["time"] + EFFECT * treated)


def ask(data):
    """What every function that reads a panel finds of the constant effect."""
    found = {
        method: kv.staggered.event_study(data, *COLUMNS, method=method).aggregate().estimate
        for method in kv.staggered.METHODS
    }
    found["bacon"] = kv.staggered.bacon(data, *COLUMNS).attrs["two_way"]
    found["weights"] = kv.staggered.negative_weights(data, *COLUMNS).estimate
    found["chance"] = kv.staggered.randomisation_inference(data, *COLUMNS, n_draws=9).estimate
    found["panel"] = kv.staggered.two_way_estimate(kv.staggered.read_adoption_panel(data, *COLUMNS))
    found["placebo"] = EFFECT + kv.staggered.placebo(data, *COLUMNS, shift=1).estimate
    return found


def with_row(data, code, time=6, y=500.0):
    """A further row whose unit is `code`."""
    extra = pd.DataFrame({"unit": [code], "time": [time], "first": [0], "y": [y]})
    return pd.concat([data.astype({"unit": object}), extra.astype({"unit": object})], ignore_index=True)


@pytest.mark.parametrize("code", [None, np.nan, pd.NA, pd.NaT, float("nan")])
@pytest.mark.parametrize("kind", ["object", "category", "string", "Int64", "float64"])
def test_a_row_without_a_unit_is_in_nobodys_cells(code, kind):
    data = with_row(exact(), code)
    if kind in ("Int64", "float64"):
        numbers = [float(u[1:]) if isinstance(u, str) else np.nan for u in data["unit"]]
        data["unit"] = pd.Series(numbers).astype(kind)
    elif kind != "object":
        data["unit"] = data["unit"].astype(kind)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = ask(data)
    assert found == pytest.approx(dict.fromkeys(found, EFFECT), abs=1e-9)
    said = [str(w.message) for w in caught if "belong to nobody" in str(w.message)]
    assert len(said) == len(found)
    assert all(
        "1 row(s) without 'unit' belong to nobody and are left out: row 72 (unit" in text for text in said
    )
    assert all(w.filename == __file__ for w in caught if "belong to nobody" in str(w.message))


def test_a_row_without_a_time_is_left_out_and_many_are_cut_at_ten():
    data = exact().astype({"time": float})
    data.loc[[7, 20], "time"] = np.nan
    with pytest.warns(
        DataWarning, match=r"2 row\(s\) without 'time' .* row 7 \(unit u01, time nan\); row 20"
    ):
        study = kv.staggered.event_study(data, *COLUMNS, method="imputation")
    assert study.n_obs == 70
    assert study.aggregate().estimate == pytest.approx(EFFECT)
    many = pd.concat([exact(), *(with_row(exact().head(0), None) for _ in range(12))], ignore_index=True)
    with pytest.warns(DataWarning, match=r"12 row\(s\).*row 81 \(unit None, time 6\) and 2 more$"):
        kv.staggered.bacon(many, *COLUMNS)
    with pytest.raises(InvalidDataError, match="no row has both a unit in 'unit' and a time in 'time'"):
        kv.staggered.bacon(data.assign(unit=None), *COLUMNS)


def test_nothing_is_said_of_complete_codes():
    assert ask(exact()) == pytest.approx(dict.fromkeys(ask(exact()), EFFECT), abs=1e-9)


@pytest.mark.parametrize("column", ["municipality", "month"])
def test_months_of_nobody_are_left_out_of_acute_beds(column):
    whole = kv.acute_beds.load_panel()
    whole = whole[whole["municipality"].isin(whole["municipality"].unique()[:12])].reset_index(drop=True)
    gone = whole.copy()
    gone.loc[100:195, column] = None
    rest = whole.drop(index=range(100, 196))
    expected = kv.acute_beds.estimate_effects(rest, [OUTCOME], time_effects="month")["estimate"]
    for panel in (gone, gone.astype({column: "category"})):
        with pytest.warns(DataWarning, match=rf"96 row\(s\) without '{column}' belong to nobody"):
            checked = kv.acute_beds.check_panel(panel)
        assert len(checked) == len(rest)
        found = kv.acute_beds.estimate_effects(checked, [OUTCOME], time_effects="month")["estimate"]
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    for function in (
        lambda p: kv.acute_beds.estimate_effects(p, [OUTCOME], time_effects="month")["estimate"],
        lambda p: kv.acute_beds.to_grid(p).values[OUTCOME],
    ):
        with pytest.warns(DataWarning, match="96 row"):
            found = function(gone)
        np.testing.assert_allclose(found, function(rest), rtol=1e-12)


# Never treated ----------


def shifted(data, by):
    return data.assign(
        time=data["time"] - by, first=np.where(data["first"] > 0, data["first"] - by, data["first"])
    )


@pytest.mark.parametrize("by", [1, 3, 6])
def test_zero_is_refused_where_it_is_a_period(by):
    data = shifted(exact(), by)  # periods 0 to 5, -2 to 3, -5 to 0
    units = data.loc[data["first"] == 0, "unit"].unique()
    for function in (kv.staggered.event_study, kv.staggered.bacon, kv.staggered.read_adoption_panel):
        with pytest.raises(InvalidDataError, match="say never_treated=0 if it means never") as caught:
            function(data, *COLUMNS)
        assert caught.value.problems == tuple(f"unit {unit}" for unit in units)


def test_zero_is_what_it_is_told_to_be():
    data = shifted(exact(), 3)  # from 3 and from 5 are 0 and 2 now, and so 0 is both never and a date
    never = data["unit"].str[1:].astype(int) % 3 == 2
    dated = data.assign(first=data["first"].astype(float).where(~never))
    for function, estimate in (
        (kv.staggered.event_study, lambda s: s.aggregate().estimate),
        (kv.staggered.bacon, lambda t: t.attrs["two_way"]),
        (kv.staggered.negative_weights, lambda w: w.estimate),
        (kv.staggered.randomisation_inference, lambda r: r.estimate),
        (kv.staggered.placebo, lambda m: m.estimate + EFFECT),
    ):
        extra = {"shift": 1} if function is kv.staggered.placebo else {}
        assert estimate(function(dated, *COLUMNS, never_treated=(), **extra)) == pytest.approx(EFFECT)
        coded = dated.assign(first=dated["first"].fillna(-99))
        for told in (-99, [-99], {-99, -98}, np.array([-99])):
            found = estimate(function(coded, *COLUMNS, never_treated=told, **extra))
            assert found == pytest.approx(EFFECT)
    only = kv.staggered.read_adoption_panel(dated, *COLUMNS, never_treated=0)
    assert (only.first == 1_000_000_000).sum() == 8


def test_zero_means_never_where_it_is_no_period_and_text_may_too():
    panel = kv.staggered.read_adoption_panel(exact(), *COLUMNS)
    assert (panel.first == 1_000_000_000).sum() == 4
    text = exact().assign(
        time=lambda d: "2012-0" + d["time"].astype(str),
        first=lambda d: np.where(d["first"] == 0, "never", "2012-0" + d["first"].astype(str)),
    )
    study = kv.staggered.event_study(text, *COLUMNS, never_treated="never")
    assert study.aggregate().estimate == pytest.approx(EFFECT)
    with pytest.raises(InvalidDataError, match="'never'"):
        kv.staggered.event_study(text, *COLUMNS)


# Scales of time ----------

SCALES = {
    "floats": lambda t: 2000.0 + t,
    "every second year": lambda t: 2000 + 2 * t,
    "text years": lambda t: (2000 + t).astype(str),
    "first of January": lambda t: pd.to_datetime((2000 + t).astype(str) + "-01-01"),
    "years of pandas": lambda t: pd.Series(pd.PeriodIndex((2000 + t).astype(str), freq="Y"), index=t.index),
    "quarters of pandas": lambda t: pd.Series(pd.PeriodIndex.from_ordinals(160 + t, freq="Q"), index=t.index),
    "months": lambda t: "2012-0" + t.astype(str),
    "months of StatBank": lambda t: "2012M0" + t.astype(str),
    "months as numbers": lambda t: 201200 + t,
    "dates": lambda t: pd.to_datetime("2012-0" + t.astype(str) + "-01"),
    "dates of Python": lambda t: pd.to_datetime("2012-0" + t.astype(str) + "-01").dt.date,
    "categories": lambda t: ("2012-0" + t.astype(str)).astype("category"),
}


@pytest.mark.parametrize("scale", SCALES)
def test_adoption_dates_are_read_as_the_times_are(scale):
    data, never = exact(), exact()["first"] == 0
    times = SCALES[scale](data["time"])
    # Where nobody is treated the date is missing, as is natural for dates.
    dated = SCALES[scale](data["first"].where(~never, 1)).astype(object).where(~never, None)
    moved = data.assign(time=times, first=dated)
    assert ask(moved) == pytest.approx(dict.fromkeys(ask(data), EFFECT), abs=1e-9)
    study = kv.staggered.event_study(moved, *COLUMNS)
    assert study.horizons["horizon"].tolist() == [-4, -3, -2, 0, 1, 2, 3]


def test_a_date_between_two_periods_is_treated_from_the_next_one_on():
    data = exact()
    biennial = data.assign(time=2000 + 2 * data["time"])
    for first in (2 * data["first"] + 2000, 2 * data["first"] + 1999):
        panel = kv.staggered.read_adoption_panel(
            biennial.assign(first=first.where(data["first"] > 0)), *COLUMNS
        )
        assert panel.first[:3].tolist() == [2, 4, 1_000_000_000]
    # A year is longer than a quarter, so it does not say which one.
    quarters = data.assign(time="2012Q" + (1 + data["time"] % 4).astype(str))[data["time"] <= 4]
    with pytest.raises(InvalidDataError, match="where a quarter is needed"):
        kv.staggered.read_adoption_panel(quarters.assign(first=2012), *COLUMNS)


# Weights of the static estimate ----------


def test_weights_that_are_zero_but_for_rounding_are_not_negative():
    # Treatment of A is (0, 1, 1), of B (0, 0, 1), C is never treated: A's last cell is 1 - 2/3 - 2/3 + 1/3.
    rows = [(u, t, f) for u, f in (("A", 1.0), ("B", 2.0), ("C", np.inf)) for t in range(3)]
    data = pd.DataFrame(rows, columns=["unit", "time", "first"]).assign(y=[0.0, 1, 3, 0, 0, 5, 1, 0, 2])
    for copies in range(1, 8):
        many = pd.concat([data.assign(unit=data["unit"] + str(i)) for i in range(copies)])
        found = kv.staggered.negative_weights(many, *COLUMNS)
        np.testing.assert_allclose(
            found.weights["weight"],
            [*([1, 0] * copies), *([1] * copies)] / np.float64(2 * copies),
            atol=1e-12,
        )
        assert (found.share_negative, found.sum_negative) == (0.0, 0.0)
