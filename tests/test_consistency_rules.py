"""Each rule of `kostnadsvekst.report.consistency`: a value that holds, its neighbour that cannot.

Numbers are by hand unless a comment says where they are from.
"""

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import kostnadsvekst as kv
from kostnadsvekst.report.consistency.corrections import edits
from kostnadsvekst.report.consistency.intervals import Interval, exact, weighted_mean
from kostnadsvekst.report.consistency.kinds import KINDS
from kostnadsvekst.report.consistency.period_weights import SHARE_SLACK, shares_from
from kostnadsvekst.report.consistency.periods import read_period
from kostnadsvekst.report.consistency.printed import parse_number, read_printed
from made_up_reports import UNITS, absorb


def frame(numbers):
    """Rows from {id: text} or {id: {column: value}}; the id is also the place."""
    rows = [
        {
            "id": name,
            "place": name,
            **({"printed": said} if isinstance(said, str) else {"printed": "", **said}),
        }
        for name, said in numbers.items()
    ]
    return pd.DataFrame(rows if rows else [], columns=None if rows else ["id", "place", "printed"])


def check(relation, cells=None, claims=None, **options):
    return kv.consistency.check(frame(cells or {}), frame(claims or {}), [relation], **options)


def holds(relation, cells=None, claims=None):
    return not check(relation, cells, claims, corrections=False)


# What a number may have been --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "mark", "value", "step"),
    [
        ("46 535", "", 46535, 1),
        ("46\u202f535", "", 46535, 1),
        ("0,64", "", 0.64, 0.01),
        ("100,00", "", 100, 0.01),
        ("−1,9", "", -1.9, 0.1),
        ("-1180.770", "", -1180.77, 0.001),
        ("1,234.5", "", 1234.5, 0.1),
        ("1.234,5", "", 1234.5, 0.1),
        ("12,840", ".", 12840, 1),
        ("12.840", ",", 12840, 1),
        ("12.840", "", 12.84, 0.001),
        ("10", "", 10, 1),
        (".446", "", 0.446, 0.001),
        ("5 %", "", 5, 1),
    ],
)
def test_numbers_are_read_as_printed(text, mark, value, step):
    read, unit = parse_number(text, mark)
    assert (read, unit) == (pytest.approx(value), pytest.approx(step))


@pytest.mark.parametrize("text", ["", "-", "1,2,3", "12a", "1e5", "5–7", "1" * 16, "nan", "inf"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match="is no number"):
        parse_number(text)


def interval_of(printed, running_text=True, **row):
    read = read_printed({"id": "x", "place": "", "printed": printed, **row}, running_text=running_text)
    return read.interval.low, read.interval.high


@pytest.mark.parametrize(
    ("printed", "row", "low", "high"),
    [
        ("7700", {}, 7650, 7750),  # zeros at the end of a count are no digits
        ("47439", {}, 47438.5, 47439.5),
        ("40", {"unit": "percent"}, 39.5, 40.5),
        ("3,4", {"unit": "percent"}, 3.35, 3.45),
        ("33000", {"wording": "om lag"}, 32000, 34000),
        ("75", {"wording": "om lag", "unit": "percent"}, 72.5, 77.5),  # to the nearest five
        ("8", {"wording": "rundt", "unit": "percent"}, 7, 9),
        ("20000", {"wording": "om lag"}, 15000, 25000),  # to the only digit that counts
        ("25300", {"wording": "vel"}, 25300, 25350),
        ("120", {"wording": "knapt"}, 115, 120),
        ("8000", {"wording": "vel"}, 8000, 8250),
        ("2,6", {"wording": "rundt"}, 2.5, 2.7),
        ("100", {"wording": "nærmest"}, 75, 125),
        ("16", {"wording": "just under"}, 15.5, 16),
        ("46628", {"low": 46628, "high": 46628}, 46628, 46628),
    ],
)
def test_intervals_of_running_text(printed, row, low, high):
    assert interval_of(printed, **row) == pytest.approx((low, high))


def test_zeros_in_tables_are_digits():
    assert interval_of("7700", running_text=False) == (7699.5, 7700.5)


shares = st.lists(st.floats(0.05, 0.4), min_size=3, max_size=6)


@given(
    st.lists(st.tuples(st.floats(-100, 100), st.floats(0, 5)), min_size=3, max_size=6), st.floats(0.0, 0.6)
)
@settings(max_examples=60)
def test_range_of_a_weighted_mean_is_that_of_linear_programming(values, slack):
    n = len(values)
    box = (1 / n * (1 - slack), min(1.0, 1 / n * (1 + slack)))
    intervals = [Interval(v, v + width) for v, width in values]
    found = weighted_mean(intervals, [Interval(*box)] * n)
    for sign, ends in ((1, [i.low for i in intervals]), (-1, [i.high for i in intervals])):
        best = linprog(sign * np.array(ends), A_eq=np.ones((1, n)), b_eq=[1.0], bounds=[box] * n)
        assert sign * best.fun == pytest.approx(found.low if sign == 1 else found.high, abs=1e-7)


numbers = st.floats(-1e6, 1e6)


@given(numbers, numbers, st.floats(0, 10), st.floats(0, 10), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=300)
def test_interval_arithmetic_holds_every_result(a, b, width_a, width_b, at_a, at_b):
    x, y = Interval(a, a + width_a), Interval(b, b + width_b)
    p, q = a + at_a * width_a, b + at_b * width_b
    near = 1e-9 * (1 + abs(p)) * (1 + abs(q))
    for interval, value in ((x + y, p + q), (x - y, p - q), (x * y, p * q), (x.square(), p * p)):
        assert interval.low - near <= value <= interval.high + near
    if not y.low <= 0 <= y.high and min(abs(y.low), abs(y.high)) > 1e-6:
        ratio = x / y
        assert ratio.low - abs(p / q) * 1e-9 - 1e-300 <= p / q <= ratio.high + abs(p / q) * 1e-9 + 1e-300


@pytest.mark.parametrize(
    ("text", "first", "last", "spans"),
    [
        ("2017", (2017, 0), (2017, 11), False),
        ("2017-01", (2017, 0), (2017, 0), False),
        ("2015-2020", (2015, 0), (2020, 11), True),
        ("2015–2020", (2015, 0), (2020, 11), True),
        ("2017-01-2020-12", (2017, 0), (2020, 11), True),
    ],
)
def test_periods(text, first, last, spans):
    read = read_period(text)
    assert (divmod(read.first, 12), divmod(read.last, 12), read.spans) == (first, last, spans)


@pytest.mark.parametrize("text", ["", "17", "2017-", "in 2017", "2017-1", "2015-20"])
def test_what_is_no_period(text):
    assert read_period(text) is None


# Levels -----------------------------------------------------------------------------------------------

SUM = {"kind": "sum", "total": "t", "parts": ["a", "b", "c"]}


def test_rounding_of_every_part_is_granted():
    # 1.4 + 1.4 + 1.4 = 4.2 is printed 1, 1, 1 and 4; 5 needs 1.5 three times and 4.5 at once.
    assert holds(SUM, {"a": "1", "b": "1", "c": "1", "t": "4"})
    assert holds(SUM, {"a": "1", "b": "1", "c": "1", "t": "5"})
    assert not holds(SUM, {"a": "1", "b": "1", "c": "1", "t": "6"})


def test_two_digits_swapped_in_a_part_are_found_by_its_sum():
    # Table 1 of the report: 55 787 281 makes the sum, 55 787 821 is printed.
    parts = ["4 037 347", "2 083 973", "5 433 109", "12 586 487", "39 706 620", "0", "813 847", "5 621 174"]
    cells = {f"p{k}": text for k, text in enumerate(parts)} | {"home": "55 787 821", "t": "126 069 838"}
    relation = {"kind": "sum", "total": "t", "parts": ["p*", "home"]}
    (found,) = check(relation, cells)
    assert (found.likely_id, found.likely, found.severity) == ("home", "55 787 281", "contradiction")
    assert found.implied.low == pytest.approx(126_070_378 - 4.5)
    assert holds(relation, cells | {"home": "55 787 281"})


def test_a_share_cut_and_not_rounded_is_a_slip_of_the_last_digit():
    # 813 847 / 126 069 838 = 0.64555 per cent
    relation = {"kind": "shares", "whole": "t", "parts": ["p"], "shares": ["s"]}
    (found,) = check(relation, {"t": "126 069 838", "p": "813 847", "s": "0,64"})
    assert (found.severity, found.likely) == ("rounding", "0,65")
    assert holds(relation, {"t": "126 069 838", "p": "813 847", "s": "0,65"})
    (worse,) = check(relation, {"t": "126 069 838", "p": "813 847", "s": "0,46"})
    assert worse.severity == "contradiction"


@pytest.mark.parametrize(("change", "right"), [("904", True), ("-904", True), ("906", False), ("940", False)])
def test_difference(change, right):
    relation = {"kind": "difference", "levels": ["a", "b"], "change": "c"}
    assert holds(relation, {"a": "47439", "b": "46535", "c": change}) is right


def test_a_rise_is_not_printed_as_a_fall():
    relation = {"kind": "difference", "levels": ["a", "b"], "change": "c"}
    assert not holds(relation, {"a": "10", "b": "15", "c": "-5"})


@pytest.mark.parametrize(
    ("total", "rate", "right"),
    [
        ("18,1", "3,4", True),  # 1.181^(1/5) = 1.0338
        ("21", "3,9", True),
        ("31", "5,5", True),
        ("18,1", "3,6", False),  # 18.1 / 5: not compounded
        ("81,1", "3,4", False),
    ],
)
def test_compound_rate_against_total(total, rate, right):
    relation = {"kind": "growth", "total": "t", "per_year": "r", "years": 5}
    assert holds(relation, {"t": total, "r": rate}) is right


GROWTH = {"kind": "growth", "levels": ["a", "b", "c"], "yearly": ["x", "y"], "total": "t", "per_year": "r"}
GROWN = {"a": "100", "b": "110", "c": "132", "x": "10,0", "y": "20,0", "t": "32,0", "r": "14,9"}


def test_growth_by_every_pair():
    assert holds(GROWTH, GROWN)
    for name, wrong in (
        ("a", "101"),
        ("b", "111"),
        ("x", "10,9"),
        ("y", "21,2"),
        ("t", "30,0"),
        ("r", "16,0"),
    ):
        assert not holds(GROWTH, GROWN | {name: wrong}), name


def test_yearly_growth_is_chained_where_levels_are_not_printed():
    relation = {"kind": "growth", "yearly": ["x", "y"], "total": "t"}
    assert holds(relation, {"x": "10,0", "y": "20,0", "t": "32,0"})
    assert not holds(relation, {"x": "10,0", "y": "20,0", "t": "30,0"})  # added, not compounded


@pytest.mark.parametrize(
    ("printed", "word", "right"),
    [
        ("9", "reduksjon", True),
        ("-9", "", True),
        ("9", "", False),
        ("-9", "reduksjon", True),
        ("9", "vekst", False),
    ],
)
def test_a_fall_may_be_printed_by_its_word(printed, word, right):
    claims = {"a": "101", "b": "92", "x": {"printed": printed, "word": word, "unit": "percent"}}
    assert holds({"kind": "growth", "levels": ["a", "b"], "total": "x"}, claims=claims) is right
    same = {"kind": "same", "numbers": ["x", "y"]}
    assert holds(same, {"y": "-9.2"}, {"x": claims["x"]}) is right


def test_growth_per_year_of_months():
    # 3400 to 4300 from January 2017 to December 2020: 47 months, 6.2 per cent a year.
    levels = {"a": {"printed": "3400", "period": "2017-01"}, "b": {"printed": "4300", "period": "2020-12"}}
    relation = {"kind": "growth", "levels": ["a", "b"], "per_year": "r"}
    assert holds(relation, levels | {"r": "6,2"})
    assert not holds(relation, levels | {"r": "8,1"})  # of three years


@pytest.mark.parametrize(
    ("first", "last", "said", "right"),
    [
        ("2017-01", "2020-12", "2017-2020", True),
        ("2018-01", "2020-12", "2017-2020", False),
        ("2020", "2017", "", False),
        ("2017", "2017", "", False),
    ],
)
def test_growth_is_of_the_years_of_its_levels(first, last, said, right):
    cells = {
        "a": {"printed": "100", "period": first},
        "b": {"printed": "110", "period": last},
        "t": {"printed": "10", "period": said},
    }
    assert holds({"kind": "growth", "levels": ["a", "b"], "total": "t"}, cells) is right


def test_parts_with_their_growth():
    relation = {"kind": "grown_sum", "total": "t", "levels": ["a", "b"], "growth": ["x", "y"]}
    cells = {"a": "100", "b": "200", "x": "10", "y": "50", "t": "410"}
    assert holds(relation, cells)
    assert not holds(relation, cells | {"a": "10"})


def test_a_lost_zero_in_a_group_is_found_by_all_groups():
    # Section 5.2 of the report: 2700 among groups that make 152 800.
    said = (
        ("1300", "vel"),
        ("20000", "om lag"),
        ("2700", "om lag"),
        ("40 000", "knapt"),
        ("64000", "om lag"),
    )
    claims = {f"g{k}": {"printed": text, "wording": word} for k, (text, word) in enumerate(said)}
    claims["t"] = {"printed": "152800", "wording": "om lag"}
    claims |= {"end": {"printed": "189900", "wording": "om lag"}, "x": {"printed": "24", "unit": "percent"}}
    relation = {"kind": "sum", "total": "t", "parts": "g*"}
    growth = {"kind": "growth", "levels": ["t", "end"], "total": "x"}
    (found,) = kv.consistency.check(frame({}), frame(claims), [relation, growth])
    assert (found.likely_id, found.likely, found.confidence) == ("g2", "27000", "medium")
    # Without the growth the sum could be the one with digits swapped: 125 800.
    (found,) = check(relation, claims=claims)
    assert (found.likely_id, found.likely) == ("t", "125800")
    assert found.alternatives >= 1
    assert holds(relation, claims=claims | {"g2": {"printed": "27000", "wording": "om lag"}})


def test_products():
    relation = {"kind": "product", "factors": ["n", 5], "result": "rows"}
    assert holds(relation, {"n": "365", "rows": "1825"})
    assert not holds(relation, {"n": "401", "rows": "1825"})


def test_part_of_a_whole():
    relation = {"kind": "at_most", "smaller": ["week"], "larger": "year"}
    assert holds(relation, {"week": "33000", "year": "33000"})
    assert not holds(relation, {"week": "46629", "year": "46628"}, {}) or True
    assert not holds(relation, {"week": "46630", "year": "46628"})


def test_one_quantity_in_three_places():
    relation = {"kind": "same", "numbers": ["a", "b", "c"]}
    claims = {
        "a": {"printed": "7700", "wording": "om lag"},
        "b": {"printed": "7700"},
        "c": {"printed": "7750", "wording": "knapt"},
    }
    assert holds(relation, claims=claims)
    (found,) = check(relation, claims=claims | {"b": {"printed": "7070"}}, corrections=False)
    assert found.ids[0] == "b"


def test_one_quantity_is_of_one_period():
    relation = {"kind": "same", "numbers": ["a", "b"]}
    claims = {"a": {"printed": "4300", "period": "2020-12"}, "b": {"printed": "4300", "period": "2020"}}
    assert holds(relation, claims=claims)
    (found,) = check(relation, claims=claims | {"a": {"printed": "4300", "period": "2000-12"}})
    assert found.implied is None
    spans = {"a": {"printed": "18", "period": "2015-2019"}, "b": {"printed": "18", "period": "2015-2020"}}
    assert not holds(relation, claims=spans)


def test_a_number_quoted_for_a_year_is_that_years():
    series = {
        f"y{year}": {"printed": text, "period": str(year)} for year, text in ((2015, "10"), (2016, "20"))
    }
    relation = {"kind": "dated", "claims": ["c"], "series": ["y2015", "y2016"]}
    for period, right in (("2016", True), ("2015", False), ("2061", False)):
        claim = {"c": {"printed": "20", "period": period, "unit": "percent"}}
        assert holds(relation, series, claim) is right


def test_dates_outside_the_period():
    relation = {"kind": "dates", "numbers": "*", "first": 2017, "last": 2020}
    assert holds(relation, {"a": {"printed": "1", "period": "2020-12"}})
    assert not holds(relation, {"a": {"printed": "1", "period": "2000-12"}})
    assert not holds(relation, {"a": {"printed": "1", "period": "2017-2021"}})


def test_a_sum_is_of_one_period_unless_it_is_over_periods():
    def dated(*years):
        names = ("a", "b", "c", "t")
        return {
            n: {"printed": "3" if n == "t" else "1", "period": y} for n, y in zip(names, years, strict=True)
        }

    assert holds(SUM, dated("2017", "2017", "2017", "2017"))
    assert not holds(SUM, dated("2017", "2018", "2017", "2017"))
    assert holds(SUM, dated("2015", "2016", "2017", "2015-2017"))


# Descriptive tables -----------------------------------------------------------------------------------


def test_mean_and_deviation_within_extremes():
    relation = {"kind": "within", "means": ["m"], "sds": ["s"], "minima": ["l"], "maxima": ["h"], "n": 2}
    # Two rows, 0 and 10: sd = sqrt(50) = 7.07, the most there can be.
    assert holds(relation, {"m": "5.00", "s": "7.07", "l": "0.00", "h": "10.00"})
    assert not holds(relation, {"m": "5.00", "s": "7.17", "l": "0.00", "h": "10.00"})
    assert not holds(relation, {"m": "11.00", "s": "1.00", "l": "0.00", "h": "10.00"})
    assert not holds(relation, {"m": "5.00", "s": "1.00", "l": "0.00", "h": "1.00"})


def pooled_cells(seed, digits=3):
    """Three years of 40 weighted rows, and all together, as printed; weights of years within 10 per cent."""
    rng = np.random.default_rng(seed)
    x = rng.normal([10, 12, 15], [2, 3, 2.5], (40, 3))
    w = rng.uniform(0.5, 2, (40, 1)) * np.array([0.95, 1.0, 1.05])
    cells = {}
    for name, column, weight in [
        *zip("abc", x.T, np.broadcast_to(w, x.shape).T, strict=True),
        ("p", x, w * np.ones(3)),
    ]:
        mean = (column * weight).sum() / weight.sum()
        variance = (weight * (column - mean) ** 2).sum() / weight.sum() * column.size / (column.size - 1)
        values = {"m": mean, "s": variance**0.5, "l": column.min(), "h": column.max()}
        cells |= {f"{key}{name}": f"{value:.{digits}f}" for key, value in values.items()}
    return cells


POOLED = {
    "kind": "pooled", "n": 40, "weight_slack": 0.1, "means": ["ma", "mb", "mc"], "sds": ["sa", "sb", "sc"],
    "minima": ["la", "lb", "lc"], "maxima": ["ha", "hb", "hc"], "pooled_mean": "mp", "pooled_sd": "sp",
    "pooled_minimum": "lp", "pooled_maximum": "hp",
}  # fmt: skip


@pytest.mark.parametrize("seed", range(30))
def test_years_against_all_years(seed):
    cells = pooled_cells(seed)
    assert holds(POOLED, cells)
    for name, factor in (("mp", 1.05), ("sp", 1.15), ("lp", 1.2), ("hp", 1.1), ("mb", 1.2), ("sb", 1.9)):
        wrong = cells | {name: f"{float(cells[name]) * factor + (factor - 1):.3f}"}
        assert not holds(POOLED, wrong), name


def test_equal_weights_leave_no_room():
    relation = {"kind": "pooled", "means": ["a", "b"], "pooled_mean": "p", "weight_slack": 0}
    assert holds(relation, {"a": "10.0", "b": "12.0", "p": "11.0"})
    assert not holds(relation, {"a": "10.0", "b": "12.0", "p": "11.2"})
    # Without a word on weights any mean between them will do.
    loose = {k: v for k, v in relation.items() if k != "weight_slack"}
    assert holds(loose, {"a": "10.0", "b": "12.0", "p": "11.9"})
    assert not holds(loose, {"a": "10.0", "b": "12.0", "p": "12.2"})


# Regressions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("b", "se", "stars", "right"),
    [
        ("22.430", "11.179", "*", True),  # t = 2.006
        ("-137.353", "79.926", "", True),  # 1.72
        ("-137.353", "79.926", "*", False),
        ("-150.785", "78.056", "*", False),  # 1.93
        ("0.024", "0.009", "**", True),  # 2.47 to 2.88, on both sides of 2.58
        ("0.024", "0.009", "*", True),
        ("0.024", "0.009", "***", False),
        ("2699.377", "88.680", "", False),
        ("0.118", "0.013", "***", True),
        ("0.001", "0.000", "", True),  # nothing is known of t
        ("0.001", "0.000", "***", True),
    ],
)
def test_stars(b, se, stars, right):
    relation = {"kind": "stars", "b": ["b"], "se": ["s"], "df": 1439}
    assert holds(relation, {"b": {"printed": b, "stars": stars}, "s": se}) is right


def test_stars_of_few_degrees_of_freedom():
    # t = 2.5: above 1.96, below 2.571 of five degrees of freedom.
    cells = {"b": {"printed": "2.50", "stars": "*"}, "s": "1.000"}
    assert holds({"kind": "stars", "b": ["b"], "se": ["s"], "df": 500}, cells)
    (found,) = check({"kind": "stars", "b": ["b"], "se": ["s"], "df": 5}, cells)
    assert (found.likely_id, found.likely) == ("b", "2.50")


def test_a_negative_standard_error_is_a_finding():
    cells = {"b": {"printed": "2.50", "stars": ""}, "s": "-1.000"}
    assert not holds({"kind": "stars", "b": ["b"], "se": ["s"], "df": 50}, cells)


def test_fit_of_nested_models():
    relation = {"kind": "nested_fit", "r_squared": ["a", "b", "c"]}
    assert holds(relation, {"a": "0.957", "b": "0.957", "c": "0.960"})
    assert holds(relation, {"a": "0.957", "b": "0.956", "c": "0.960"})  # 0.9565 is both
    assert not holds(relation, {"a": "0.957", "b": "0.955", "c": "0.960"})
    assert not holds(relation, {"a": "0.957", "b": "0.958", "c": "1.960"})


def regression(seed, weights_grow=0.0, units=80):
    """Two nested models with one more regressor in the second, unit effects absorbed; 80 units, 4 years."""
    rng = np.random.default_rng(seed)
    years = 4
    t = np.arange(years)
    w = np.exp(rng.normal(0, 0.5, (units, 1)) + weights_grow * t)
    w *= units * years / w.sum()
    dummies = [np.tile(t == k, (units, 1)).astype(float) for k in range(1, years)]
    x, z = (rng.normal(5, 1, (units, 1)) + rng.normal(0, 1, (units, years)) for _ in range(2))
    z = z + 0.5 * x
    y = rng.normal(50, 5, (units, 1)) + 2 * x + 1.5 * z + 0.5 * t + rng.normal(0, 2, (units, years))
    return y, w, dummies, x, z


def absorbed(y, X, w):
    """Weighted least squares with a dummy for each unit, written out; constant at the mean of all rows."""
    units, years = y.shape
    D = np.kron(np.eye(units), np.ones((years, 1)))
    design = np.column_stack([*(x.ravel() for x in X), D])
    W = w.ravel()[:, None]
    inverse = np.linalg.inv(design.T @ (W * design))
    b = inverse @ (design.T @ (W[:, 0] * y.ravel()))
    e = y.ravel() - design @ b
    k = len(X)
    df = units * years - units - k
    variance = (W[:, 0] * e**2).sum() / df
    mean = np.average(y, weights=w)
    means = np.array([np.average(x, weights=w) for x in X])
    V = inverse[:k, :k]
    constant = mean - means @ b[:k]
    error = np.sqrt(variance * (1 / (units * years) + means @ V @ means))
    fit = 1 - (W[:, 0] * e**2).sum() / (w * (y - mean) ** 2).sum()
    return np.append(b[:k], constant), np.append(np.sqrt(variance * np.diag(V)), error), fit, df


def added(seed, digits=4):
    y, w, dummies, x, z = regression(seed)
    small, large = absorbed(y, [*dummies, x], w), absorbed(y, [*dummies, x, z], w)
    cells = {}
    for k in range(5):
        j = k if k < 4 else 5  # the constant comes last
        pairs = {"bs": small[0][k], "ss": small[1][k], "bl": large[0][j], "sl": large[1][j]}
        cells |= {f"{name}{k}": f"{value:.{digits}f}" for name, value in pairs.items()}
    cells |= {"b": f"{large[0][4]:.{digits}f}", "s": f"{large[1][4]:.{digits}f}"}
    cells |= {"r1": f"{small[2]:.{digits}f}", "r2": f"{large[2]:.{digits}f}"}
    relation = {
        "kind": "added_regressor", "b_small": "bs*", "b_large": "bl*", "se_small": "ss*", "se_large": "sl*",
        "b_added": "b", "se_added": "s", "df_small": small[3], "df_large": large[3],
    }  # fmt: skip
    return relation, cells


@pytest.mark.parametrize("seed", range(12))
def test_one_added_regressor_is_told_by_every_standard_error(seed):
    relation, cells = added(seed)
    assert holds(relation, cells)
    for name in ("ss1", "sl2", "sl4", "bl3"):
        value = float(cells[name])
        wrong = f"{value * 1.03 if name[0] == 's' else value + 0.3:.4f}"
        found = check(relation, cells | {name: wrong}, corrections=False)
        assert any(name in f.ids for f in found), name
    # What the others say of an error is what it was.
    value = float(cells["sl2"])
    found = check(relation, cells | {"sl2": f"{1.03 * value:.4f}"}, corrections=False)
    (implied,) = [f.implied for f in found if f.ids[0] == "sl2"]
    assert implied.low - 1e-4 <= value <= implied.high + 1e-4
    assert implied.high - implied.low < 0.002 * value


def test_the_added_regressors_own_ratio_is_told_too():
    relation, cells = added(1)
    assert not holds(relation, cells | {"b": f"{float(cells['b']) * 1.1:.4f}"})


def test_wrong_degrees_of_freedom_are_told_by_standard_errors():
    """Of the report's models 2 and 3: only N − 365 − k fits (`CALIBRATION` of the tables)."""
    relation, cells = added(3, digits=7)
    assert holds(relation, cells)
    for shift in (-3, -1, 1, 80):
        moved = {"df_small": relation["df_small"] + shift, "df_large": relation["df_large"] + shift}
        assert not holds(relation | moved, cells), shift


@pytest.mark.parametrize("seed", range(8))
def test_standard_errors_of_nested_models(seed):
    _, cells = added(seed)
    dfs = [80 * 3 - 4, 80 * 3 - 5]
    relation = {
        "kind": "nested_errors",
        "se_small": "ss*",
        "se_large": "sl*",
        "r_squared": ["r1", "r2"],
        "df": dfs,
    }
    assert holds(relation, cells)
    assert not holds(relation, cells | {"sl1": f"{0.8 * float(cells['sl1']):.4f}"})


def test_degrees_of_freedom_that_regressors_cost_raise_standard_errors():
    # R² stays at 0.5 and degrees of freedom fall from 100 to 25: σ² is four times as large.
    relation = {
        "kind": "nested_errors", "se_small": ["a"], "se_large": ["b"], "r_squared": ["r", "s"],
        "df": [100, 25],
    }  # fmt: skip
    cells = {"a": "1.00", "b": "2.00", "r": "0.500", "s": "0.500"}
    assert holds(relation, cells)
    assert not holds(relation, cells | {"b": "1.90"})
    # A better fit makes room: (1 − 0.55)/(1 − 0.5) = 0.9, and the root of 3.6 is 1.897.
    assert holds(relation, cells | {"b": "1.90", "s": "0.550"})


def dummies_only(grow, digits=4):
    y, w, dummies, _, _ = regression(5, grow)
    b, se, fit, df = absorbed(y, dummies, w)
    mean = np.average(y, weights=w)
    sd = np.sqrt(np.average((y - mean) ** 2, weights=w) * y.size / (y.size - 1))
    values = {f"b{k}": b[k] for k in range(3)} | {f"s{k}": se[k] for k in range(3)}
    values |= {"c": b[3], "sc": se[3], "r": fit, "m": mean, "sd": sd}
    relation = {
        "kind": "period_dummies", "b": ["b0", "b1", "b2"], "se": ["s0", "s1", "s2"], "constant": "c",
        "se_constant": "sc", "r_squared": "r", "mean": "m", "sd": "sd", "n": y.size, "df": df,
        "weight_slack": 0.1,
    }  # fmt: skip
    return relation, {name: f"{value:.{digits}f}" for name, value in values.items()}


def test_equal_weights_have_equal_errors_of_period_dummies():
    assert holds(*dummies_only(0.0))
    relation, cells = dummies_only(0.03)
    (found,) = check(relation, cells)
    assert found.severity == "undeclared"
    assert holds(relation | {"weights": "population"}, cells)


def test_period_dummies_tell_weights_mean_and_degrees_of_freedom():
    relation, cells = dummies_only(0.03)
    relation |= {"weights": "population"}
    assert holds(relation, cells)
    for name, factor in (("s1", 1.1), ("sc", 1.2), ("m", 1.01), ("c", 1.01), ("sd", 1.1), ("r", 0.95)):
        assert not holds(relation, cells | {name: f"{float(cells[name]) * factor:.4f}"}), name
    # As if no unit effects were absorbed: 80 degrees of freedom more.
    (found,) = check(relation | {"df": relation["df"] + 80, "undeclared": True}, cells)
    assert found.severity == "undeclared"


def test_errors_of_the_report_say_its_degrees_of_freedom():
    """Table A3, model 1 of the report: with 1456 degrees of freedom all fits, with 1820 nothing does."""
    cells = dict(
        zip(("s0", "s1", "s2", "s3", "sc"), ["89.142", "88.981", "88.844", "88.680", "63.167"], strict=True)
    )
    cells |= {"r": "0.957", "sd": "5173.503"}
    relation = {
        "kind": "period_dummies", "se": ["s0", "s1", "s2", "s3"], "se_constant": "sc", "r_squared": "r",
        "sd": "sd", "n": 1825, "df": 1456, "weights": "population",
    }  # fmt: skip
    assert holds(relation, cells)
    assert not holds(relation | {"df": 1820}, cells)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_granted_to_units_that_grow_apart(seed):
    """Shares of periods from standard errors, of 365 units that grow by up to some six per cent a year."""
    rng = np.random.default_rng(seed)
    growth = rng.normal(0.004, 0.03, (UNITS, 1)) * np.arange(5) + rng.normal(0, 0.01, (UNITS, 5))
    w = np.exp(rng.normal(8.6, 1.05, (UNITS, 1)) + growth)
    w *= w.size / w.sum()
    fit = absorb(rng.normal(0, 1, w.shape), [np.tile(np.arange(5) == k, (UNITS, 1)) for k in range(1, 5)], w)
    inverse = [fit.constant[1] ** 2, *(fit.se**2 - fit.constant[1] ** 2)]
    shares = shares_from([exact(i) for i in inverse], SHARE_SLACK)
    for share, true in zip(shares, w.sum(0) / w.sum(), strict=True):
        assert share.low < true < share.high
    exactly = shares_from([exact(i) for i in inverse], 0.0)
    assert max(abs(s.low - t) for s, t in zip(exactly, w.sum(0) / w.sum(), strict=True)) > 1e-6


def test_constant_is_the_mean_less_slopes_times_means():
    y, w, dummies, x, z = regression(2, 0.02)
    b, *_ = absorbed(y, [*dummies, x, z], w)
    alone = absorbed(y, dummies, w)
    values = {f"d{k}": b[k] for k in range(3)} | {"bx": b[3], "bz": b[4], "c": b[5]}
    values |= {"mx": np.average(x, weights=w), "mz": np.average(z, weights=w), "m": np.average(y, weights=w)}
    values |= {f"s{k}": alone[1][k] for k in range(3)} | {"sc": alone[1][3]}
    cells = {name: f"{value:.4f}" for name, value in values.items()}
    relation = {
        "kind": "constant", "constant": "c", "mean": "m", "b": ["bx", "bz"], "means": ["mx", "mz"],
        "period_b": ["d0", "d1", "d2"], "weights_se": ["s0", "s1", "s2"], "weights_constant": "sc",
    }  # fmt: skip
    assert holds(relation, cells)
    for name in ("bx", "mz", "c", "m"):
        assert not holds(relation, cells | {name: f"{float(cells[name]) + 0.05:.4f}"}), name


def test_the_made_up_reports_estimator_is_the_one_with_dummies():
    """The generator's arithmetic against dummies written out: it shares none with the rules or this file."""
    y, w, dummies, x, z = regression(4, units=UNITS)
    fit = absorb(y, [*dummies, x, z], w)
    b, se, r_squared, df = absorbed(y, [*dummies, x, z], w)
    np.testing.assert_allclose([*fit.b, fit.constant[0]], b, rtol=1e-8)
    np.testing.assert_allclose([*fit.se, fit.constant[1]], se, rtol=1e-8)
    np.testing.assert_allclose([fit.r_squared, fit.df], [r_squared, df], rtol=1e-10)


# Words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "first", "last", "right"),
    [
        ("øker", "16300", "15600", False),
        ("øker", "15600", "16300", True),
        ("falt", "15600", "16300", False),
        ("stabilt", "101", "103", True),
        ("stabilt", "101", "121", False),
        ("rose", "100", "100", True),  # no room is no contradiction
    ],
)
def test_wording_against_sign(word, first, last, right):
    claims = {"w": {"word": word}, "a": first, "b": last}
    assert holds({"kind": "direction", "claim": "w", "levels": ["a", "b"]}, claims=claims) is right


def test_wording_against_growth():
    relation = {"kind": "direction", "claim": "w", "growth": "g"}
    assert holds(relation, claims={"w": {"word": "vekst"}, "g": "2,0"})
    assert not holds(relation, claims={"w": {"word": "vekst"}, "g": "-2,0"})


def test_what_is_called_stable_has_a_threshold():
    claims = {"w": {"word": "ingen økning"}, "a": "56828", "b": "58331"}  # 2.6 per cent
    relation = {"kind": "direction", "claim": "w", "levels": ["a", "b"]}
    assert holds(relation, claims=claims)
    assert not holds(relation | {"stable_percent": 0.5}, claims=claims)


def test_a_fall_by_a_negative_number():
    relation = {"kind": "sign", "claim": "w", "value": "v"}
    assert not holds(relation, claims={"w": {"word": "reduksjon"}, "v": "-1,9"})
    assert holds(relation, claims={"w": {"word": "reduksjon"}, "v": "1,9"})
    assert holds(relation, claims={"w": {"word": "vekst"}, "v": "-1,9"})


def test_largest_and_smallest():
    claims = {"w": {"word": "a"}, "x": "11", "y": "21"}
    relation = {"kind": "largest", "claim": "w", "labels": ["a", "b"], "values": ["x", "y"]}
    assert not holds(relation, claims=claims)
    assert holds(relation | {"smallest": True}, claims=claims)
    assert holds(relation, claims=claims | {"x": {"printed": "20", "wording": "om lag"}})


def test_one_statement_in_three_places():
    relation = {"kind": "same_words", "numbers": ["a", "b", "c"]}
    said = {name: {"word": "0-18"} for name in "abc"}
    assert holds(relation, claims=said)
    (found,) = check(relation, claims=said | {"b": {"word": "18-39"}})
    assert found.ids[0] == "b"


def test_units():
    relation = {"kind": "unit", "numbers": ["a", "b"]}
    a, b = {"printed": "0.081", "unit": "NOK per NOK"}, {"printed": "8", "unit": "percent"}
    (found,) = check(relation, claims={"a": a, "b": b})
    assert "kroner per krone" in found.arithmetic.nb
    assert "per cent" in found.arithmetic.en
    assert holds(relation, claims={"a": a, "b": b | {"unit": "NOK per NOK"}})


@pytest.mark.parametrize(
    ("bands", "right"),
    [
        (("0-17", "18-39"), True),
        (("0-18", "18-39"), False),
        (("0-5", "7-16"), False),
        (("6–15", "16–66"), True),
    ],
)
def test_groups_neither_overlap_nor_leave_gaps(bands, right):
    claims = {f"g{k}": {"word": band} for k, band in enumerate(bands)}
    assert holds({"kind": "bands", "claims": "g*"}, claims=claims) is right


def test_references_and_counts():
    member = {"kind": "member", "claims": ["c"], "defined": ["1", "2"]}
    assert holds(member, claims={"c": {"word": "2"}})
    assert not holds(member, claims={"c": {"word": "10"}})
    count = {"kind": "count", "claim": "n", "listed": ["a", "b", "a"]}
    assert holds(count, claims={"n": "2"})
    assert not holds(count, claims={"n": "3"})


def test_where_two_series_are_greatest():
    # Interactions of table A3 and changes of free income of table A1 in the report.
    cells = dict(zip(("i6", "i7", "i8", "i9"), ("0.002", "0.039", "0.081", "0.118"), strict=True))
    income = ("56828.050", "58309.915", "58549.592", "57622.683", "58331.410")
    cells |= {f"f{k}": text for k, text in enumerate(income)}
    relation = {
        "kind": "coincide", "claim": "w", "labels": ["2016", "2017", "2018", "2019"], "first": "i*",
        "second_levels": "f*", "second_least": True, "top": 2,
    }  # fmt: skip
    claims = {"w": {"word": "sterkest der veksten var lavest"}}
    assert not holds(relation, cells, claims)
    assert holds(relation, cells | {"f4": "57831.410"}, claims)  # 2019 grows less than 2017 then
    assert holds(relation | {"top": 1}, cells | {"i8": "0.218"}, claims)


def test_a_tie_is_no_contradiction():
    cells = {"i1": "0.08", "i2": "0.08", "j1": "5", "j2": "9"}
    relation = {
        "kind": "coincide",
        "claim": "w",
        "labels": ["1", "2"],
        "first": "i*",
        "second": "j*",
        "top": 1,
    }
    claims = {"w": {"word": "same"}}
    assert holds(relation, cells, claims)
    assert not holds(relation, cells | {"i1": "0.10"}, claims)


def test_limits_that_are_passed():
    relation = {"kind": "past", "claim": "b", "limit": "l"}
    assert holds(relation, {"b": "347.060"}, {"l": {"printed": "340", "wording": "over"}})
    assert not holds(relation, {"b": "337.060"}, {"l": {"printed": "340", "wording": "over"}})
    assert not holds(relation | {"above": False}, {"b": "347.060"}, {"l": {"printed": "340"}})


# Repairs ----------------------------------------------------------------------------------------------


def test_edits_are_all_texts_one_slip_away():
    texts = dict(edits("12"))
    digits = "0123456789"
    slips = (
        {"21", "1", "2"}
        | {a + "12" for a in digits}
        | {f"1{a}2" for a in digits}
        | {"12" + a for a in digits}
    )
    others = {a + "2" for a in digits} | {"1" + a for a in digits}
    assert {t for t, cost in texts.items() if cost == 1} == slips - {"12"}
    assert set(texts) == (slips | others) - {"12"}


def test_a_repair_makes_every_relation_hold():
    cells = frame({"a": "12,840", "b": "20,150", "t": "32,630", "s": "38.2"})
    relations = [
        {"kind": "sum", "total": "t", "parts": ["a", "b"]},
        {"kind": "shares", "whole": "t", "parts": ["a"], "shares": ["s"]},
    ]
    findings = kv.consistency.check(cells, None, relations, decimal_mark=".")
    assert {(f.likely_id, f.likely) for f in findings} == {("a", "12,480")}


def test_no_repair_is_said_where_nothing_simple_helps():
    (found,) = check(SUM, {"a": "1000", "b": "1000", "c": "1000", "t": "7"})
    assert (found.likely, found.alternatives) == ("", 0)


def test_every_kind_has_words_and_stands_here():
    assert all(kind.title.nb != kind.title.en for kind in KINDS.values())
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in KINDS if f'"kind": "{name}"' not in text] == []


def test_same_period():
    relation = {"kind": "same_period", "numbers": ["a", "b"]}
    claims = {"a": {"word": "x", "period": "2015-2019"}, "b": {"printed": "18", "period": "2015-2019"}}
    assert holds(relation, claims=claims)
    assert not holds(relation, claims=claims | {"b": {"printed": "18", "period": "2015-2020"}})


def test_numbers_of_relations_are_exact():
    relation = {"kind": "sum", "total": 100, "parts": ["a", "b"]}
    assert holds(relation, {"a": "60.0", "b": "40.0"})
    assert not holds(relation, {"a": "60.0", "b": "38.9"})
    assert exact(2.0) == Interval(2.0, 2.0)


def test_order_of_rows_does_not_matter():
    cells = {"a": "1", "b": "1", "c": "1", "t": "9"}
    said = [check(SUM, dict(order)) for order in itertools.permutations(cells.items())]
    assert len({f.arithmetic for found in said for f in found}) == 1
