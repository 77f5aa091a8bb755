"""One reading of numbers: every storage gives the same float64, or is refused with its rows."""

import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.errors import DataWarning, InvalidDataError
from kostnadsvekst.models.rows import read_levels
from kostnadsvekst.models.transformations import transformed_columns
from kostnadsvekst.panel.columns import read_numbers

DAY = datetime.date(2010, 1, 1)
# Days from 1 January 1970 to 1 January 2010: forty years of 365 days and ten leap days.
DAY_NUMBER = 40 * 365 + 10


def arrow(values, kind):
    return pd.Series(pd.array(values, dtype=pd.ArrowDtype(kind)))


def periods(texts, frequency):
    return pd.Series(pd.PeriodIndex(texts, freq=frequency))


READ = {
    "int8": (pd.Series([1, -2], dtype="int8"), [1, -2]),
    "uint64": (pd.Series([2**64 - 1, 1], dtype="uint64"), [2.0**64, 1]),
    "float16": (pd.Series([0.5, np.nan], dtype="float16"), [0.5, np.nan]),
    "longdouble": (pd.Series(np.array([1, 2], dtype=np.longdouble)), [1, 2]),
    "bool": (pd.Series([True, False]), [1, 0]),
    "nullable bool": (pd.Series([True, None], dtype="boolean"), [1, np.nan]),
    "Int32": (pd.Series([1, None], dtype="Int32"), [1, np.nan]),
    "Float32": (pd.Series([0.5, None], dtype="Float32"), [0.5, np.nan]),
    "sparse": (pd.Series(pd.arrays.SparseArray([1.0, 0.0])), [1, 0]),
    "Arrow integer": (arrow([3, None], pa.int16()), [3, np.nan]),
    "Arrow truth": (arrow([True, None], pa.bool_()), [1, np.nan]),
    "Arrow decimal": (arrow([Decimal("1.25"), None], pa.decimal128(9, 2)), [1.25, np.nan]),
    "Arrow text": (arrow(["1.5", None], pa.string()), [1.5, np.nan]),
    "Arrow nothing": (arrow([None, None], pa.null()), [np.nan, np.nan]),
    "Arrow date": (arrow([DAY, None], pa.date32()), [DAY_NUMBER, np.nan]),
    "Arrow time stamp": (arrow([pd.Timestamp(DAY), None], pa.timestamp("us")), [DAY_NUMBER, np.nan]),
    "Arrow duration": (arrow([pd.Timedelta("36h"), None], pa.duration("ns")), [1.5, np.nan]),
    "decimals": (pd.Series([Decimal("1.25"), None, Decimal("NaN")]), [1.25, np.nan, np.nan]),
    "fractions": (pd.Series([Fraction(1, 4), None], dtype=object), [0.25, np.nan]),
    "mixed": (
        pd.Series([1, "2.5", None, pd.NA, True, np.float32(0.5)], dtype=object),
        [1, 2.5] + [np.nan] * 2 + [1, 0.5],
    ),
    "text": (pd.Series(["1", " 2.5", "-3e2"]), [1, 2.5, -300]),
    "real complex": (pd.Series([1 + 0j, np.nan]), [1, np.nan]),
    "real complex objects": (pd.Series([1 + 0j, None], dtype=object), [1, np.nan]),
    "seconds": (pd.Series([pd.Timestamp(DAY), pd.NaT]).astype("datetime64[s]"), [DAY_NUMBER, np.nan]),
    "nanoseconds": (pd.Series([pd.Timestamp(DAY), pd.NaT]).astype("datetime64[ns]"), [DAY_NUMBER, np.nan]),
    "time zone": (pd.Series([pd.Timestamp("2010-01-01 06:00", tz="Asia/Karachi")]), [DAY_NUMBER + 1 / 24]),
    "durations": (pd.Series(pd.to_timedelta(["36h", None])), [1.5, np.nan]),
    "date objects": (pd.Series([DAY, None], dtype=object), [DAY_NUMBER, np.nan]),
    "early dates": (pd.Series([datetime.date(1, 1, 1), DAY], dtype=object), [-719162, DAY_NUMBER]),
    "duration objects": (pd.Series([datetime.timedelta(hours=36), None], dtype=object), [1.5, np.nan]),
    "years": (periods(["2010", "NaT"], "Y"), [2010, np.nan]),
    "months": (periods(["2010-01", "NaT"], "M"), [480, np.nan]),
    "nothing": (pd.Series([None, pd.NA], dtype=object), [np.nan, np.nan]),
    "large and far apart": (pd.Series([2**60 + 1, 3, 5 * 10**17]), [2.0**60, 3, 5e17]),
    "large and equal": (pd.Series([2**60 + 1] * 2), [2.0**60, 2.0**60]),
}


@pytest.mark.parametrize("storage", READ)
def test_every_storage_gives_the_same_numbers(storage):
    column, expected = READ[storage]
    read = read_numbers(column, "x")
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, np.array(expected, dtype=float))


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pd.Series(["1,5", "2"]), r"'x' has text in 1 row\(s\)(.|\n)*row 0: '1,5'"),
        (pd.Series(["", "2"]), "text in 1 row"),
        (pd.Series(["nan", "2"]), "text in 1 row"),
        (arrow(["n/a", None], pa.string()), "row 0: 'n/a'"),
        (arrow([{"a": 1}, None], pa.struct([("a", pa.int64())])), "text in 1 row"),
        (pd.Series([[1], [2]]), "text in 2 row"),
        (pd.Series([DAY, 5], dtype=object), r"row 0: datetime\.date"),
        (pd.Series([pd.Timestamp(DAY), 5], dtype=object), "row 0: Timestamp"),
        (pd.Series([datetime.time(1)], dtype=object), "text in 1 row"),
        (pd.Series(pd.interval_range(0, 2)), "text in 2 row"),
        (pd.Series([1, 2]).astype("category"), r"write C\(x\)"),
        (pd.Series([1 + 2j, 2]), "imaginary part in 1 row"),
        (pd.Series([1j, 2, None], dtype=object), "imaginary part in 1 row"),
        (pd.Series([np.inf, 2]), "infinite values in 1 row"),
        (pd.Series(["inf", "2"]), "infinite values in 1 row"),
        (pd.Series([10**400, 1], dtype=object), "infinite values in 1 row"),
        (pd.Series([Decimal("1e400"), 1]), "infinite values in 1 row"),
        (pd.Series(np.array(["1e4000", "1"], dtype=np.longdouble)), "infinite values in 1 row"),
        (pd.Series([2**53 + 1, 2**53 + 2]), r"beyond 2\^53"),
        (pd.Series([2**64 - 1, 2**64 - 3], dtype="uint64"), r"beyond 2\^53"),
        (pd.Series([2**53 + 1, 2**53 + 3, None], dtype="Int64"), r"beyond 2\^53"),
        (pd.Series([2**53 + 1, 2**53 + 3, None], dtype=object), r"beyond 2\^53"),
        (arrow([2**53 + 1, 2**53 + 3, None], pa.int64()), r"beyond 2\^53"),
    ],
)
def test_what_is_no_number_is_refused_with_its_rows(column, message):
    with pytest.raises(InvalidDataError, match=message):
        read_numbers(column, "x")


STORAGES = (
    "int64",
    "Int32",
    "int32",
    "float64",
    "Float64",
    "object",
    "str",
    "int64[pyarrow]",
    "string[pyarrow]",
)


@settings(max_examples=1000, deadline=None)
@given(
    st.lists(st.integers(-(2**31), 2**31 - 1) | st.none(), min_size=1, max_size=8),
    st.sampled_from(STORAGES),
    st.booleans(),
)
def test_storage_does_not_matter(values, storage, decimal):
    if storage.startswith("int") and "[" not in storage:
        values = [value or 0 for value in values]
    expected = [np.nan if value is None else float(value) for value in values]
    given_values = [
        None if v is None else Decimal(v) if decimal and storage == "object" else v for v in values
    ]
    column = pd.Series(given_values, dtype=object)
    if storage.startswith("str"):
        column = column.map(lambda v: None if v is None else str(v))
    if storage != "object":
        column = column.astype(storage)
    np.testing.assert_array_equal(read_numbers(column, "x"), expected)


@pytest.mark.parametrize(
    ("column", "codes", "levels"),
    [
        (pd.Series(["b", None, "a"], dtype=object), [1, -1, 0], ["a", "b"]),
        (pd.Series([2.0, np.nan, np.inf]), [0, -1, 1], [2, np.inf]),
        (pd.Series([5, "x", pd.NaT, pd.NA], dtype=object), [0, 1, -1, -1], [5, "x"]),
        (pd.Series([2**60 + 1, 2**60]), [1, 0], [2**60, 2**60 + 1]),
        (pd.Series([(2, 1), (1, 1)], dtype=object), [1, 0], [(1, 1), (2, 1)]),
        (pd.Series([Decimal(3), Decimal(1)]), [1, 0], [1, 3]),
    ],
)
def test_levels_by_hand(column, codes, levels):
    found, names = read_levels(column, "x")
    assert found.tolist() == codes
    assert list(names) == levels


LISTS = pd.Series([[unit] for unit in range(12) for _ in range(5)], dtype=object)
BOTH_KINDS = pd.Series([unit if year else str(unit) for unit in range(12) for year in range(5)], dtype=object)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (LISTS, r"in 60 row\(s\) that cannot be told apart(.|\n)*row 0: \[0\]"),
        (
            BOTH_KINDS,
            r"12 level\(s\) both as a number and as a text; the numbers are in 48 row(.|\n)*row 1: 0",
        ),
    ],
)
@pytest.mark.parametrize(
    "formula", ["y ~ x | odd", "y ~ x + C(odd):z | unit", "y ~ x | unit + odd", "cluster", "later"]
)
def test_what_is_no_level_is_refused_with_its_rows(panel, column, words, formula):
    def fit():
        data, spec = panel.assign(odd=column), kv.Specification("y", ("x",), "unit", "year")
        if formula == "cluster":
            return kv.estimate(spec.vary(covariance=("cluster", "odd")), data)
        if formula == "later":
            return kv.estimate(spec, data).with_covariance(("cluster", "odd"))
        return kv.estimate(kv.Specification.from_formula(formula), data)

    with pytest.raises(InvalidDataError, match=words):
        fit()


def test_numbers_and_texts_that_differ_are_levels(panel):
    mixed = panel["unit"].map(lambda unit: unit if unit % 2 else f"u{unit}").astype(object)
    spec = kv.Specification("y", ("x",), "unit", "year", covariance="cluster")
    expected = kv.estimate(spec, panel).coefficients
    np.testing.assert_allclose(kv.estimate(spec, panel.assign(unit=mixed)).coefficients, expected, rtol=1e-9)


def test_an_infinite_level_has_a_name(panel):
    data = panel.assign(size=panel["year"].astype(float).replace(2012, np.inf))
    terms = kv.estimate(kv.Specification("y", ("C(size)",), "unit", "year"), data).terms
    assert terms[-2:] == ("C(size)[T.inf]", "constant")


@pytest.fixture
def panel() -> pd.DataFrame:
    return make_panel(12, 5, 6)


@pytest.mark.parametrize("kind", ["int16", "int32", "uint16", "Int32", "int16[pyarrow]", "uint32[pyarrow]"])
def test_integers_do_not_overflow_in_transformations(panel, kind):
    """300 squared is beyond int16, and so is 300 times a population of 30,000 beyond int32 after squaring."""
    data = panel.assign(x=300, population=30_000).astype({"x": kind, "population": kind})
    made = transformed_columns(
        data, ["square(x)", "total(x)", "square(total(x))", "per_capita(square(x))"], "unit", "year"
    )
    assert {name: set(values) for name, values in made.items()} == {
        "square(x)": {90_000.0},
        "total(x)": {9e6},
        "square(total(x))": {8.1e13},
        "per_capita(square(x))": {3.0},
    }
    assert {values.dtype for values in made.values()} == {np.dtype("float64")}


@pytest.mark.parametrize("kind", ["float32", "Float32", "float[pyarrow]", "float16"])
def test_logarithms_have_all_digits(panel, kind):
    data = panel.assign(x=3).astype({"x": kind})
    made = transformed_columns(data, ["log(x)"], "unit", "year")["log(x)"]
    # ln 3 to 20 digits.
    assert set(made) == {1.0986122886681098}


@pytest.mark.parametrize("function", ["log", "square", "lag", "diff", "total", "per_capita"])
def test_text_in_a_transformation_is_refused_as_elsewhere(panel, function):
    data = panel.assign(x=["5 kr", *["2"] * (len(panel) - 1)])
    for spec in (f"y ~ {function}(x) | unit", f"{function}(x) ~ z | unit"):
        with pytest.raises(InvalidDataError, match=r"'x' has text in 1 row\(s\)(.|\n)*row 0: '5 kr'"):
            kv.estimate(kv.Specification.from_formula(spec), data)


@pytest.mark.parametrize("read", ["Arrow decimal", "objects", "text"])
def test_decimals_in_a_logarithm_are_numbers(panel, read):
    x = [round(abs(v) + 1, 2) for v in panel["x"]]
    decimals = [Decimal(str(v)) for v in x]
    made = {
        "Arrow decimal": pd.array(decimals, dtype=pd.ArrowDtype(pa.decimal128(9, 2))),
        "objects": pd.array(decimals, dtype=object),
        "text": pd.array([str(v) for v in x], dtype="str"),
    }
    spec = kv.Specification.from_formula("y ~ log(x) + z | unit")
    expected = kv.estimate(spec, panel.assign(x=x)).coefficients
    pd.testing.assert_frame_equal(kv.estimate(spec, panel.assign(x=made[read])).coefficients, expected)


def test_a_population_of_zero_is_named(panel):
    data = panel.astype({"population": float})
    data.loc[[3, 4], "population"] = [0, np.nan]
    spec = kv.Specification.from_formula("y ~ per_capita(x) | unit")
    with pytest.raises(
        InvalidDataError, match=r"1 row\(s\) where population is zero(.|\n)*unit 0 year 2013: 0"
    ):
        kv.estimate(spec, data)
    data.loc[3, "x"] = np.nan
    with pytest.warns(DataWarning, match="2 of 60 rows"):
        assert kv.estimate(spec, data).n_obs == 58


@pytest.mark.parametrize("factor", ["log(w)", "log(lag(w))", "diff(log(w))", "per_capita(x)"])
def test_what_does_not_exist_outside_of_the_sample_does_no_harm(panel, factor):
    """In the sample's rows it is refused, also where they are made of a row before the sample."""
    data = panel.assign(w=np.abs(panel["x"]) + 1).astype({"population": float})
    broken = data.copy()
    broken.loc[broken["year"] == 2010, ["w", "population"]] = [-1.0, 0.0]
    spec = kv.Specification.from_formula(f"y ~ {factor} + z | unit", sample="year >= 2012")
    expected = kv.estimate(spec, data)
    assert expected.n_obs == 36
    pd.testing.assert_frame_equal(kv.estimate(spec, broken).coefficients, expected.coefficients)
    curve = kv.specification_curve(kv.grid(spec, outcome=["y"], covariance=["classical"]), broken)
    assert curve.frame["estimate"].notna().all()
    for sample in ("year >= 2011", "year >= 2010"):
        if sample == "year >= 2010" or factor in ("log(lag(w))", "diff(log(w))"):
            with pytest.raises(InvalidDataError, match=r"does not exist in 12 row\(s\)"):
                kv.estimate(spec.vary(sample=sample), broken)
        else:
            assert kv.estimate(spec.vary(sample=sample), broken).n_obs == 48


def test_what_is_too_large_is_refused(panel):
    with pytest.raises(InvalidDataError, match=r"'square\(x\)' holds infinite values in 60 row"):
        kv.estimate(kv.Specification.from_formula("y ~ square(x) | unit"), panel.assign(x=1e200))


def test_a_missing_date_is_a_missing_value(panel):
    days = np.arange(60) * 37 % 400
    when = pd.Series(pd.Timestamp("2010-01-01") + pd.to_timedelta(days, "D"))
    when[7] = pd.NaT
    spec = kv.Specification.from_formula("y ~ x + when | unit")
    numbers = panel.assign(when=np.where(np.arange(60) == 7, np.nan, days))
    with pytest.warns(DataWarning, match="1 of 60 rows"):
        dated, counted = (kv.estimate(spec, data) for data in (panel.assign(when=when), numbers))
    assert dated.n_obs == 59
    np.testing.assert_allclose(dated.coefficients.loc[["x", "when"]], counted.coefficients.loc[["x", "when"]])


TWICE = {
    "a regressor": ("x", lambda data: kv.estimate(SPEC, data)),
    "the outcome": ("y", lambda data: kv.estimate(SPEC, data)),
    "the entity": ("unit", lambda data: kv.estimate(SPEC, data)),
    "the time": ("year", lambda data: kv.estimate(SPEC, data)),
    "the weights": ("population", lambda data: kv.estimate(SPEC.vary(weights="population"), data)),
    "a cluster": ("region", lambda data: kv.estimate(SPEC.vary(covariance=("cluster", "region")), data)),
    "a later cluster": (
        "region",
        lambda data: kv.estimate(SPEC, data).with_covariance(("cluster", "region")),
    ),
    "AR(1)": ("x", lambda data: kv.estimate_ar1(SPEC, data)),
    "a curve": (
        "x",
        lambda data: kv.specification_curve(kv.grid(SPEC, covariance=["classical", "hc1"]), data),
    ),
    "adoption": ("y", lambda data: kv.staggered.event_study(data, "y", "unit", "year", "first")),
}
SPEC = kv.Specification("y", ("x", "z"), "unit", "year")


@pytest.mark.parametrize("where", TWICE)
def test_two_columns_of_one_name_are_refused(panel, where):
    name, use = TWICE[where]
    data = panel.assign(first=np.where(panel["unit"] < 6, 2012.0, np.nan))
    with pytest.raises(InvalidDataError, match=rf"several columns of one name: '{name}' \(2 times\)"):
        use(pd.concat([data, data[[name]]], axis=1))


def test_two_columns_that_nobody_needs_do_no_harm(panel):
    doubled = pd.concat([panel, panel[["region"]]], axis=1)
    assert kv.estimate(SPEC, doubled).coefficients.equals(kv.estimate(SPEC, panel).coefficients)
