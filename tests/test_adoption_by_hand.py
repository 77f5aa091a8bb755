"""Reading panels with staggered adoption, and effects of single cohorts, by hand."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import kostnadsvekst as kv
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.models.staggered.adoption_panel import NEVER

COLUMNS = ("y", "unit", "time", "first")


def long(units, start=2000):
    """Unit -> (first treated period, outcomes from `start` on)."""
    rows = [(unit, start + t, first, y) for unit, (first, ys) in units.items() for t, y in enumerate(ys)]
    return pd.DataFrame(rows, columns=["unit", "time", "first", "y"])


DATA = long(
    {
        "a": (2001, [1.0, 2, 3]),
        "b": (2003, [4.0, np.nan, 6]),
        "c": (np.inf, [7.0, 8, 9]),
        "d": (1999, [1.0, 1, 1]),
        "e": (2000, [0.0, 0, 0]),
        "f": (2002, [5.0, 5, 7]),
        "g": (0, [2.0, 2, 2]),
        "h": (np.nan, [3.0, 3, 3]),
    }
)


def read(data, **options):
    return kv.staggered.read_adoption_panel(data, *COLUMNS, **options)


def test_arrays_of_a_panel():
    panel = read(DATA.sample(frac=1, random_state=2))
    assert panel.units.tolist() == list("abcdefgh")
    assert panel.periods.tolist() == [2000, 2001, 2002]
    assert panel.first.tolist() == [1, NEVER, NEVER, -1, 0, 2, NEVER, NEVER]
    assert panel.y[1].tolist() == [4.0, 0.0, 6.0]
    assert panel.present[1].tolist() == [True, False, True]
    assert panel.weights[1].tolist() == [1.0, 0.0, 1.0]
    assert panel.treated[[0, 1, 3, 4, 5]].tolist() == [
        [False, True, True],
        [False, False, False],
        [True, True, True],
        [True, True, True],
        [False, False, True],
    ]
    assert panel.horizons[[0, 3]].tolist() == [[-1, 0, 1], [1, 2, 3]]
    assert (panel.horizons[2] < -1000).all()
    assert panel.cohorts.tolist() == [1, 2]
    assert not panel.balanced
    some = panel.take([0, 2])
    assert some.balanced
    assert (some.units.tolist(), some.first.tolist()) == (["a", "c"], [1, NEVER])
    weighted = read(DATA.assign(w=DATA.index + 1.0), weights="w")
    assert weighted.weights[:2].tolist() == [[1, 2, 3], [4, 0, 6]]


def test_an_outcome_in_text_is_refused_by_row_and_numbers_in_text_are_read():
    data = DATA.astype({"y": object})
    data.loc[1, "y"] = "2.5"
    panel = read(data)
    assert panel.present[0].tolist() == [True, True, True]
    assert panel.y[0].tolist() == [1.0, 2.5, 3.0]
    data.loc[0, "y"], data.loc[2, "y"] = "..", "1,5"
    with pytest.raises(InvalidDataError, match=r"'y' has text in 2 row\(s\)") as caught:
        read(data)
    assert caught.value.problems == ("row 0: '..'", "row 2: '1,5'")
    for function in (kv.staggered.event_study, kv.staggered.bacon, kv.staggered.negative_weights):
        with pytest.raises(InvalidDataError, match="text in 2 row"):
            function(data, *COLUMNS)


def test_the_last_period_may_be_the_first_treated():
    panel = read(long({"a": (2002, [1.0, 2, 3]), "b": (2003, [1.0, 2, 3])}))
    assert panel.first.tolist() == [2, NEVER]


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan, np.inf, "x"])
def test_weights_must_be_positive_numbers(weight):
    data = DATA.assign(w=1.0).astype({"w": object})
    data.loc[6, "w"] = weight
    with pytest.raises(
        InvalidDataError, match=r"w is not a positive number in 1 row\(s\)\n  - unit c time 2000"
    ):
        read(data, weights="w")
    gone = data.assign(y=data["y"].where(data.index != 6))  # a row that is not used may be anything
    assert read(gone, weights="w").weights[2].tolist() == [0.0, 1.0, 1.0]


def test_panels_that_cannot_be_read():
    with pytest.raises(InvalidDataError, match="no row has a value of 'y'"):
        read(DATA.assign(y=np.nan))
    with pytest.raises(DataMissingError, match="'w'"):
        read(DATA, weights="w")
    with pytest.raises(InvalidDataError, match=r"y is infinite in 11 row\(s\)") as caught:
        read(DATA.assign(y=[np.inf] * 11 + [1.0] * (len(DATA) - 11)))
    assert len(caught.value.problems) == 10
    assert caught.value.problems[3] == "unit b time 2000"
    gap = long({"a": (2003, [1.0] * 6), "b": (0, [1.0] * 6)})
    with pytest.raises(InvalidDataError, match=r"3 period\(s\) inside the panel have no row") as caught:
        read(gap[~gap["time"].isin([2001, 2002, 2004])])
    assert caught.value.problems == ("after 2000", "after 2003")
    changing = long({f"u{i:02d}": (2001, [1.0, 2.0]) for i in range(11)})
    changing.loc[changing["time"] == 2001, "first"] = 2000
    with pytest.raises(
        InvalidDataError, match="'first' must be constant in a unit and is not in 11"
    ) as caught:
        read(changing)
    assert caught.value.problems == tuple(f"unit u{i:02d}" for i in range(10))


def test_many_names_are_cut_at_ten():
    rng = np.random.default_rng(1)
    always = {f"z{i:02d}": (1990, list(rng.normal(size=4))) for i in range(11)}
    units = {f"u{i}": (2002 if i < 3 else 0, list(rng.normal(size=4))) for i in range(6)}
    for n, end in ((10, "z09"), (11, "z09 and 1 more")):
        data = long(units | dict(list(always.items())[:n]))
        with pytest.warns(DataWarning, match=rf"{n} unit\(s\) treated from the first.*: z00, z01.*{end}$"):
            kv.staggered.event_study(data, *COLUMNS)
    lost = long(units | {f"v{i}": (0, list(rng.normal(size=4))) for i in range(1)}).drop(index=[24])
    with pytest.warns(DataWarning, match=r"same units over time: 1 unit\(s\).*left out: v0$"):
        kv.staggered.event_study(lost, *COLUMNS)
    every = long(units)
    every = every[(every["time"] - 2000) != every["unit"].str[1].astype(int) % 4]
    with pytest.raises(InvalidDataError, match="needs units that are present in every period; there is none"):
        kv.staggered.event_study(every, *COLUMNS)


# Effects ----------

# Treated in 2002 a and b, never c and d. Means of the treated 1, 2, 5, 9, of the others 0, 2, 1, 2.
ONE = long(
    {
        "a": (2002, [0.0, 2, 4, 8]),
        "b": (2002, [2.0, 2, 6, 10]),
        "c": (0, [0.0, 1, 1, 3]),
        "d": (0, [0.0, 3, 1, 1]),
    }
)


@pytest.mark.parametrize("control", kv.staggered.CONTROLS)
def test_one_cohort_by_hand(control):
    study = kv.staggered.event_study(ONE, *COLUMNS, control=control)
    # From the base period 2001: treated -1, 3, 7, others -2, -1, 0.
    assert study.horizons["horizon"].tolist() == [-2, 0, 1]
    assert study.horizons["estimate"].tolist() == pytest.approx([1.0, 4.0, 7.0])
    assert study.horizons["n_cohorts"].tolist() == [1, 1, 1]
    # Changes of a and b from 2001 to 2002: 2, 4; of c and d: 0, -2. Each is 1 from its mean, over two units.
    zero = study.horizons.iloc[1]
    assert zero["std_error"] == pytest.approx(np.sqrt(4 * (1 / 2) ** 2))
    half = norm.ppf(0.975) * zero["std_error"]
    assert (zero["conf_low"], zero["conf_high"]) == pytest.approx((4 - half, 4 + half))
    for kind in kv.staggered.AGGREGATIONS:
        mean = study.aggregate(kind)
        assert mean.estimate == pytest.approx(5.5)
        assert mean.conf_high - mean.estimate == pytest.approx(norm.ppf(0.975) * mean.std_error)
    assert study.aggregate("dynamic").parts["dynamic"].tolist() == [0, 1]
    assert study.aggregate("calendar").parts["calendar"].tolist() == [2002, 2003]
    assert study.aggregate("group").parts["group"].tolist() == [2002]
    varying = kv.staggered.event_study(ONE, *COLUMNS, control=control, base_period="varying")
    # Before treatment from the period before: 2001 against 2000 is 1 less 2.
    assert varying.horizons["horizon"].tolist() == [-1, 0, 1]
    assert varying.horizons["estimate"].tolist() == pytest.approx([-1.0, 4.0, 7.0])


def test_means_over_cohorts_of_unequal_size_by_hand():
    # Cohort 2001 has one unit (effects 1, 2, 3), cohort 2002 three (effects 10, 20); controls never move.
    data = long(
        {
            "a": (2001, [0.0, 1, 2, 3]),
            **{f"b{i}": (2002, [5.0, 5, 15, 25]) for i in range(3)},
            "n": (0, [1.0] * 4),
            "m": (0, [2.0] * 4),
        }
    )
    with pytest.warns(DataWarning, match=r"cohort\(s\) of one unit \(2001\)"):
        study = kv.staggered.event_study(data, *COLUMNS)
    assert study.aggregate("simple").estimate == pytest.approx((1 + 2 + 3 + 3 * (10 + 20)) / 9)
    dynamic = study.aggregate("dynamic")
    # Horizon 0: (1 + 3 * 10) / 4; horizon 1: (2 + 3 * 20) / 4; horizon 2: 3.
    assert dynamic.parts["estimate"].tolist() == pytest.approx([7.75, 15.5, 3.0])
    assert dynamic.estimate == pytest.approx((7.75 + 15.5 + 3) / 3)
    group = study.aggregate("group")
    assert group.parts["estimate"].tolist() == pytest.approx([2.0, 15.0])
    assert group.estimate == pytest.approx((2 + 3 * 15) / 4)
    calendar = study.aggregate("calendar")
    assert calendar.parts["estimate"].tolist() == pytest.approx([1.0, (2 + 3 * 10) / 4, (3 + 3 * 20) / 4])
    assert calendar.estimate == pytest.approx((1 + 8 + 15.75) / 3)
    assert study.horizons.set_index("horizon")["n_cohorts"].to_dict() == {-2: 1, 0: 2, 1: 2, 2: 1}


@pytest.mark.parametrize("method", ["imputation", "two_stage", "sun_abraham"])
def test_other_methods_on_one_cohort(method):
    study = kv.staggered.event_study(ONE, *COLUMNS, method=method)
    after = study.horizons[study.horizons["horizon"] >= 0]
    # Imputation takes the mean of both periods before: treated 1.5, others 1; Sun and Abraham the last one.
    expected = [4.0, 7.0] if method == "sun_abraham" else [5 - 1 - 0.5, 9 - 2 - 0.5]
    assert after["estimate"].tolist() == pytest.approx(expected)
    assert study.aggregate().estimate == pytest.approx(np.mean(expected))
    assert study.aggregate("calendar").estimate == pytest.approx(np.mean(expected))
    assert (study.method, study.control, study.base_period) == (method, "not_yet_treated", "universal")


def test_who_may_be_compared_with():
    data = long({"a": (2001, [0.0, 1, 2]), "b": (2002, [0.0, 0, 1])})
    with pytest.raises(
        SpecificationError, match=r"no unit is untreated in 1 period\(s\) \(2002\).*before 2002"
    ):
        kv.staggered.event_study(data, *COLUMNS)
    with pytest.raises(SpecificationError, match="no never treated unit"):
        kv.staggered.event_study(data, *COLUMNS, control="never_treated")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        study = kv.staggered.event_study(data[data["time"] < 2002], *COLUMNS)
    assert study.horizons["estimate"].tolist() == [1.0]
    for choice, value in (("control", "nobody"), ("base_period", "first"), ("method", "ols")):
        with pytest.raises(SpecificationError, match=f"unknown {choice} '{value}'"):
            kv.staggered.event_study(data, *COLUMNS, **{choice: value})
    for method, controls in (("callaway_santanna", "not_yet_treated"), ("imputation", "never_treated")):
        with pytest.raises(SpecificationError, match="no unit becomes treated inside the panel"):
            kv.staggered.event_study(
                long({"a": (0, [0.0, 1]), "b": (2002, [0.0, 1])}), *COLUMNS, method=method, control=controls
            )


def test_weights_that_vary_are_listed_with_their_first_change():
    data = long({f"u{i:02d}": (2001 if i < 6 else 0, [1.0, 2, float(i)]) for i in range(12)})
    data = data.assign(w=np.where((data["time"] == 2002) & (data["unit"] != "u11"), 3.0, 2.0))
    with pytest.raises(InvalidDataError, match="they vary over time in 11:") as caught:
        kv.staggered.event_study(data, *COLUMNS, weights="w")
    assert caught.value.problems == tuple(f"u{i:02d}: 2, but 3 in 2002" for i in range(10))
    gone = data[(data["time"] != 2002) | (data["unit"] == "u11")]
    with pytest.warns(DataWarning, match="11 unit"), pytest.raises(SpecificationError):
        kv.staggered.event_study(gone, *COLUMNS, weights="w")
