"""One reading of time: the same periods, however they are written."""

import calendar
import datetime
import itertools
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pyreadstat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kostnadsvekst as kv
from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.models.balanced.ar1 import fit_ar1_with_gaps
from kostnadsvekst.models.diagnostics import wooldridge_test
from kostnadsvekst.models.transformations import transformed_columns
from kostnadsvekst.panel.periods import period_numbers, read_periods
from kostnadsvekst.sources.files import read_table

EPOCH = 1970


def _stamps(months: list[int]) -> list[pd.Timestamp]:
    return [pd.Period(ordinal=m, freq="M").start_time for m in months]


# Name -> how a list of years is written.
YEARS = {
    "int64": pd.Series,
    "int16": lambda y: pd.Series(y, dtype="int16"),
    "uint16": lambda y: pd.Series(y, dtype="uint16"),
    "float": lambda y: pd.Series(y, dtype=float),
    "float32": lambda y: pd.Series(y, dtype="float32"),
    "Int64": lambda y: pd.Series(y, dtype="Int64"),
    "arrow int": lambda y: pd.Series(y, dtype=pd.ArrowDtype(pa.int32())),
    "arrow decimal": lambda y: pd.Series(y, dtype=pd.ArrowDtype(pa.decimal128(9, 2))),
    "objects": lambda y: pd.Series(y, dtype=object),
    "text": lambda y: pd.Series([str(v) for v in y]),
    "text with decimals": lambda y: pd.Series([f"{v}.0" for v in y]),
    "arrow text": lambda y: pd.Series([str(v) for v in y], dtype=pd.ArrowDtype(pa.string())),
    "category": lambda y: pd.Series(y).astype("category"),
    "category of text, disordered": lambda y: pd.Series(
        pd.Categorical([str(v) for v in y], [str(v) for v in sorted(set(y), reverse=True)])
    ),
    "dates": lambda y: pd.Series(pd.to_datetime([f"{v}-01-01" for v in y])),
    "last days": lambda y: pd.Series(pd.to_datetime([f"{v}-12-31" for v in y])),
    "some day": lambda y: pd.Series(pd.to_datetime([f"{v}-07-17" for v in y])),
    "end of February": lambda y: pd.Series(pd.to_datetime([f"{v}-03-01" for v in y]) - pd.Timedelta("1D")),
    "dates with a zone": lambda y: pd.Series(
        pd.to_datetime([f"{v}-01-01" for v in y]).tz_localize("Europe/Oslo")
    ),
    "datetime.date": lambda y: pd.Series([datetime.date(v, 1, 1) for v in y], dtype=object),
    "datetime.datetime": lambda y: pd.Series([datetime.datetime(v, 1, 1) for v in y], dtype=object),
    "numpy dates": lambda y: pd.Series([np.datetime64(f"{v}-01-01") for v in y], dtype=object),
    "arrow dates": lambda y: pd.Series([datetime.date(v, 1, 1) for v in y], dtype=pd.ArrowDtype(pa.date32())),
    "arrow stamps": lambda y: pd.Series(
        [pd.Timestamp(v, 1, 1) for v in y], dtype=pd.ArrowDtype(pa.timestamp("us"))
    ),
    "text dates": lambda y: pd.Series([f"{v}-01-01" for v in y]),
    "text dates with hours": lambda y: pd.Series([f"{v}-01-01 00:00:00" for v in y]),
    "Norwegian dates": lambda y: pd.Series([f"01.01.{v}" for v in y]),
    "20150101": lambda y: pd.Series([v * 10_000 + 101 for v in y]),
    "periods": lambda y: pd.Series(pd.PeriodIndex([str(v) for v in y], freq="Y")),
    "objects of periods": lambda y: pd.Series([pd.Period(str(v), "Y") for v in y], dtype=object),
}
MONTH_NAMES = ["jan", "feb", "mar", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "des"]
FULL_NAMES = [calendar.month_name[number] for number in range(1, 13)]
# Name -> how a list of months since January 1970 is written.
MONTHS = {
    "2015-07": lambda m: pd.Series([f"{EPOCH + v // 12}-{v % 12 + 1:02d}" for v in m]),
    "2015-7": lambda m: pd.Series([f"{EPOCH + v // 12}-{v % 12 + 1}" for v in m]),
    "2015/07": lambda m: pd.Series([f"{EPOCH + v // 12}/{v % 12 + 1:02d}" for v in m]),
    "2015M07": lambda m: pd.Series([f"{EPOCH + v // 12}M{v % 12 + 1:02d}" for v in m]),
    "2015m7": lambda m: pd.Series([f"{EPOCH + v // 12}m{v % 12 + 1}" for v in m]),
    "07.2015": lambda m: pd.Series([f"{v % 12 + 1:02d}.{EPOCH + v // 12}" for v in m]),
    "jul 2015": lambda m: pd.Series([f"{MONTH_NAMES[v % 12]} {EPOCH + v // 12}" for v in m]),
    "July 2015": lambda m: pd.Series([f"{FULL_NAMES[v % 12]} {EPOCH + v // 12}" for v in m]),
    "2015 jul.": lambda m: pd.Series([f"{EPOCH + v // 12} {MONTH_NAMES[v % 12]}." for v in m]),
    "201507": lambda m: pd.Series([(EPOCH + v // 12) * 100 + v % 12 + 1 for v in m]),
    "201507.0": lambda m: pd.Series([float((EPOCH + v // 12) * 100 + v % 12 + 1) for v in m]),
    "201507 as text": lambda m: pd.Series([str((EPOCH + v // 12) * 100 + v % 12 + 1) for v in m]),
    "first days": lambda m: pd.Series(_stamps(m)),
    "last days": lambda m: pd.Series([s + pd.offsets.MonthEnd(0) for s in _stamps(m)]),
    "last weekdays": lambda m: pd.Series([s + pd.offsets.BMonthEnd(1) for s in _stamps(m)]),
    "periods": lambda m: pd.Series(pd.PeriodIndex(_stamps(m), freq="M")),
    "category": lambda m: pd.Series([f"{EPOCH + v // 12}-{v % 12 + 1:02d}" for v in m]).astype("category"),
}


@pytest.mark.parametrize("name", YEARS)
@pytest.mark.parametrize(("years", "delta"), [([2015, 2018, 2016, 2015], 1), ([2004, 2000, 2008], 4)])
def test_years_are_years_however_written(name, years, delta):
    times = YEARS[name](years)
    read = read_periods(times)
    assert (read.unit, read.delta, read.first) == ("year", delta, min(years))
    assert read.numbers.tolist() == [(year - min(years)) // delta for year in years]
    assert read.label(1) == str(min(years) + delta)
    assert period_numbers(times).tolist() == years
    assert read.place(times).tolist() == read.numbers.tolist()


@pytest.mark.parametrize("name", MONTHS)
@pytest.mark.parametrize(("months", "delta"), [([539, 540, 541, 548], 1), ([552, 549, 540], 3)])
def test_months_are_months_however_written(name, months, delta):
    read = read_periods(MONTHS[name](months))
    assert (read.unit, read.delta, read.first) == ("month", delta, min(months))
    assert read.numbers.tolist() == [(month - min(months)) // delta for month in months]
    assert read.label(0) == f"{EPOCH + min(months) // 12}-{min(months) % 12 + 1:02d}"


@pytest.mark.parametrize(
    ("times", "unit", "first", "numbers", "label"),
    [
        (["2015Q3", "2016Q1"], "quarter", 182, [0, 1], "2015Q3"),  # delta 2: quarters 182 and 184
        (["2015K3", "2015k4"], "quarter", 182, [0, 1], "2015Q3"),
        (["2015H2", "2016H1"], "half-year", 91, [0, 1], "2015H2"),
        (["2015W53", "2016W01", "2016U03"], "week", 2399, [0, 1, 3], "2015W53"),
        (["2015-03-01", "2015-03-02", "2015-03-05"], "day", 16495, [0, 1, 4], "2015-03-01"),
        (["2015-03-02", "2015-03-09", "2015-03-30"], "day", 16496, [0, 1, 4], "2015-03-02"),
        # each in a month of its own, but too near one another for months
        (["2015-01-31", "2015-02-12", "2015-03-08"], "day", 16466, [0, 1, 3], "2015-01-31"),
        # weeks from 1 January, as Stata's are until the year ends
        (["2015-01-01", "2015-01-08", "2015-01-22"], "day", 16436, [0, 1, 3], "2015-01-01"),
        # one date that can be read in one way only tells how the others are read
        (
            ["01/02/2015", "31/03/2015", "01/03/2015"],
            "day",
            16467,
            [0, 29, 14],
            "2015-02-01",
        ),  # steps of 2 days
        (["01/02/2015", "03/31/2015", "01/30/2015"], "day", 16437, [0, 22, 7], "2015-01-02"),  # of 4
        (["31/12/2015", "31/12/2018"], "year", 2015, [0, 1], "2015"),
        (pd.PeriodIndex(["2015Q3", "2015Q4"], freq="Q"), "quarter", 182, [0, 1], "2015Q3"),
        # the first quarter of a year that ends in March begins in April of the year before
        (pd.PeriodIndex(["2016Q1", "2016Q2"], freq="Q-MAR"), "quarter", 181, [0, 1], "2015Q2"),
        ([201512, 201513], "number", 201512, [0, 1], "201512"),  # there is no month 13
        ([3, 1, 2], "number", 1, [2, 0, 1], "1"),
        ([-2, 0], "number", -2, [0, 1], "-2"),
        (["1", "10", "2"], "number", 1, [0, 9, 1], "1"),
    ],
)
def test_other_units(times, unit, first, numbers, label):
    read = read_periods(pd.Series(times))
    assert (read.unit, read.first, read.numbers.tolist()) == (unit, first, numbers)
    assert read.label(0) == label


def test_hours_are_not_taken_for_days():
    read = read_periods(
        pd.Series(pd.to_datetime(["2015-03-01 06:00", "2015-03-01 18:00", "2015-03-02 18:00"]))
    )
    assert (read.unit, read.delta, read.numbers.tolist()) == ("second", 12 * 3600, [0, 1, 3])
    assert read.step == "43200 seconds"


def test_one_time_alone_is_a_period():
    assert read_periods(pd.Series([2015, 2015])).numbers.tolist() == [0, 0]
    assert read_periods(pd.Series(pd.to_datetime(["2015-01-01"]))).unit == "year"
    assert read_periods(pd.Series(pd.to_datetime(["2015-07-01"]))).unit == "month"
    assert read_periods(pd.Series([], dtype=float)).numbers.tolist() == []


@pytest.mark.parametrize(
    ("times", "reason", "rows"),
    [
        ([2015, "2016"], "is not a number as the other values are", [1]),
        ([datetime.date(2015, 1, 1), 2016, datetime.date(2017, 1, 1)], "is not a date", [1]),
        (["2015", "2016-01", "2017"], "is not a number", [1]),
        (["2015-01", "2016-01-01", "2016-02"], "is not a month", [1]),
        (["2016-01", "2015"], "is not a month", [1]),
        (["2015", "2016-01"], "is not a number", [1]),
        (["2015-13"], "is neither a number, a date nor a month", [0]),
        (["2015-02-30"], "is neither", [0]),
        (["03/04/2015", "2015"], "does not tell the day from the month", [0]),  # 3 April or 4 March
        (["31/12/2015", "12/31/2016"], "does not tell the day from the month", [0, 1]),
        (["31/12/2015", "03/04/2015", "2015"], "is not a date", [2]),
        (["31/13/2015"], "does not tell the day from the month", [0]),
        ([np.iinfo("int64").min, 2015], "is no time", [0]),  # a missing date that was cast to a number
        (["2015", None, "x"], "is missing", [1]),
        (["januar", "februar"], "is neither", [0, 1]),
        (["15-01"], "is neither", [0]),
        (["2015W54"], "is neither", [0]),
        ([2015.5, 2016], "is not a whole number", [0]),
        ([2015, np.inf], "is not a whole number", [1]),
        ([2.0**60], "is not a whole number", [0]),
        ([2015, None], "is missing", [1]),
        ([pd.Timestamp("2015-01-01"), pd.NaT], "is missing", [1]),
        ([True, False], "is no time", [0, 1]),
        ([pd.Timedelta("1D")], "is no time", [0]),
        ([1 + 2j], "is not a whole number", [0]),
        ([[2015]], "is no time", [0]),
        ([pd.Period("2015", "Y"), pd.Period("2015-01", "M")], "is of several frequencies", [0, 1]),
    ],
)
def test_what_is_no_time_is_refused_by_row(times, reason, rows):
    column = pd.Series(times, name="when") if times != [[2015]] else pd.Series([(2015,)], name="when")
    with pytest.raises(InvalidDataError) as caught:
        read_periods(column)
    assert f"time column 'when': {len(rows)} value(s) {reason}" in caught.value.summary
    assert [problem.split(":")[0] for problem in caught.value.problems] == [f"row {row}" for row in rows]


def test_other_times_are_put_on_the_same_scale():
    months = read_periods(MONTHS["2015-07"]([540, 543, 546]))  # January, April, July 2015
    assert months.place(pd.Series(["2015-04", None, "2015-05", "2014-10"])) == pytest.approx(
        [1, np.nan, 4 / 3, -1], nan_ok=True
    )
    # a finer time lies in its period; the same day of every year is no year here
    assert months.place(pd.Series(pd.to_datetime(["2015-07-31", "2016-07-31"]))).tolist() == [2, 6]
    years = read_periods(pd.Series([2014, 2016]))
    assert years.place(pd.Series(["2016M12", "2014M01"])).tolist() == [1, 0]
    assert years.place(pd.Series(pd.PeriodIndex(["2017Q3"], freq="Q"))).tolist() == [1.5]
    # the week of 5 January 2015, a Monday, and of the Sunday before it
    weeks = read_periods(pd.Series(["2015W01", "2015W02", "2015W03"]))
    assert weeks.place(pd.Series(["2015-01-05", "2015-01-04", "2014-12-29"])).tolist() == [1, 0, 0]
    clocks = pd.Series(pd.to_datetime(["2015-04-01 06:00", "2015-05-31 18:00"]))
    assert months.place(clocks) == pytest.approx([1, 4 / 3])
    hours = read_periods(pd.Series(pd.to_datetime(["2015-01-01 00:00", "2015-01-01 12:00"])))
    assert hours.place(pd.Series(["2015-01-02"])).tolist() == [2]
    with pytest.raises(InvalidDataError, match="is a quarter, where a month is needed"):
        months.place(pd.Series(["2015Q1"]))
    with pytest.raises(InvalidDataError, match="is a number, where a month is needed"):
        months.place(pd.Series([2015.0]))


# --- Every use of time, every way of writing it


def panel(years: list[int], n_units: int = 8, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(list(itertools.product(range(n_units), years)), columns=["id", "year"])
    x = rng.normal(size=len(frame))
    return frame.assign(x=x, y=x + rng.normal(size=len(frame)))


SPEC = kv.Specification("y", ("x",), "id", "year")
USES = {
    **{
        f"rho by {rho}": lambda frame, rho=rho: [
            (e := kv.estimate_ar1(SPEC, frame, rho=rho)).rho,
            e.n_gaps,
            *e.coefficients["std_error"],
        ]
        for rho in ("dw", "tscorr", "regress", "freg")
    },
    "lag": lambda frame: (
        kv.estimate(kv.Specification.from_formula("y ~ x + lag(x) | id"), frame)
        .coefficients["estimate"]
        .tolist()
    ),
    "diff": lambda frame: (
        kv.estimate(kv.Specification.from_formula("diff(y) ~ diff(x, 2) | id"), frame)
        .coefficients["estimate"]
        .tolist()
    ),
    "Driscoll-Kraay": lambda frame: (
        kv.estimate(SPEC.vary(covariance="driscoll_kraay"), frame).coefficients["std_error"].tolist()
    ),
    "serial correlation": lambda frame: [wooldridge_test(kv.estimate(SPEC, frame)).statistic],
}


def gapped() -> pd.DataFrame:
    return panel(list(range(2010, 2018))).drop(index=[3, 20, 21]).reset_index(drop=True)


@pytest.fixture(scope="module")
def by_integers() -> dict[str, list[float]]:
    """What every use of time gives with whole numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {use: compute(gapped()) for use, compute in USES.items()}


@pytest.mark.parametrize("name", [*YEARS, *MONTHS])
def test_results_do_not_depend_on_how_time_is_written(name, by_integers):
    frame = gapped()
    years = frame["year"].tolist()
    frame["year"] = YEARS[name](years) if name in YEARS else MONTHS[name]([year - 1470 for year in years])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {use: USES[use](frame) for use in USES}
    assert found == {use: pytest.approx(by_integers[use], rel=1e-12) for use in USES}


def adoption() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    first = rng.choice([0, 2013, 2015], 30)
    frame = pd.DataFrame(list(itertools.product(range(30), range(2010, 2018))), columns=["id", "year"])
    frame["first"] = pd.Series(first[frame["id"]]).astype(object).where(first[frame["id"]] > 0, None)
    return frame.assign(y=rng.normal(size=len(frame)))


def event_study_of(frame: pd.DataFrame) -> list[float]:
    study = kv.staggered.event_study(frame, "y", "id", "year", "first")
    mean = study.aggregate()
    return [mean.estimate, mean.std_error, *study.horizons["estimate"], *study.horizons["std_error"]]


@pytest.fixture(scope="module")
def effects_by_integers() -> list[float]:
    return event_study_of(adoption())


@pytest.mark.parametrize("name", [*YEARS, *MONTHS])
def test_adoption_does_not_depend_on_how_time_is_written(name, effects_by_integers):
    frame = adoption()
    known = frame["first"].notna()

    def write(years: pd.Series) -> list:
        listed = [int(year) for year in years]
        return list(YEARS[name](listed) if name in YEARS else MONTHS[name]([y - 1470 for y in listed]))

    first = pd.Series([None] * len(frame), dtype=object)
    first[known] = pd.Series(write(frame["first"][known]), index=frame.index[known], dtype=object)
    frame["year"], frame["first"] = write(frame["year"]), first
    assert event_study_of(frame) == pytest.approx(effects_by_integers, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("step", [2, 5])
def test_regular_steps_are_periods(use, step):
    years = list(range(2000, 2008))
    frame = panel(years).drop(index=[3, 20, 21])
    wide = frame.assign(year=1900 + step * (frame["year"] - 2000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert USES[use](wide) == pytest.approx(USES[use](frame), rel=1e-12)


def test_a_sample_has_gaps_not_longer_periods():
    """The step is that of the column: what a sample or a missing value leaves out is a gap."""
    frame = panel(list(range(2010, 2018)))
    even = frame["year"] % 2 == 0
    sample = SPEC.vary(sample=("year in [2010, 2012, 2014, 2016]",))
    for spec, data in ((sample, frame), (SPEC, frame.assign(x=frame["x"].where(even)))):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(SpecificationError, match="no id has two rows one period apart"):
                kv.estimate_ar1(spec, data, rho="tscorr")
    with pytest.raises(SpecificationError, match="three periods in a row"):
        wooldridge_test(kv.estimate(sample, frame))
    # in a data frame of their own these years are periods, as every second year is
    alone = kv.estimate_ar1(SPEC, frame[even], rho="tscorr")
    assert alone.step == "2 years"
    assert alone.rho == kv.estimate_ar1(SPEC, frame[even].assign(year=lambda f: f["year"] // 2), "tscorr").rho
    later = kv.estimate_ar1(SPEC.vary(sample=("year >= 2013",)), frame, rho="tscorr")
    assert later.rho == kv.estimate_ar1(SPEC, frame[frame["year"] >= 2013], rho="tscorr").rho


def test_bad_rows_are_named_where_the_user_has_them():
    frame = panel([2010, 2011, 2012]).astype({"year": object, "id": float})
    frame.loc[0, "id"] = np.nan  # left out: the rows after it keep their numbers
    frame.loc[5, "year"] = "?"
    with pytest.raises(InvalidDataError, match="is not a number as the other values are") as caught:
        kv.estimate(kv.Specification.from_formula("y ~ lag(x) | id"), frame)
    assert caught.value.problems == ("row 5: '?'",)
    read = read_periods(pd.Series([None, 2010, 2014, "?"], index=[9, 9, 8, 7])[:3], np.array([2, 1]))
    assert (read.numbers.tolist(), read.delta) == ([1, 0], 4)
    with pytest.raises(InvalidDataError) as caught:
        read_periods(pd.Series([None, 2010, 2014]), np.array([0, 2]))
    assert caught.value.problems == ("row 0: np.float64(nan)",)


def test_ar1_needs_neighbours_on_the_grid_too():
    rng = np.random.default_rng(5)
    y, X = rng.normal(size=(6, 8)), rng.normal(size=(1, 6, 8))
    every_second = np.tile([True, False], (6, 4))
    with pytest.raises(SpecificationError, match="two periods in a row"):
        fit_ar1_with_gaps(y, X, every_second, np.zeros(8, dtype=int))
    one_pair = every_second.copy()
    one_pair[0, 1] = True
    codes, times = np.nonzero(one_pair)
    frame = pd.DataFrame({"id": codes, "year": times, "y": y[one_pair], "x": X[0][one_pair]})
    right = kv.estimate_ar1(SPEC, frame, rho="tscorr")
    assert fit_ar1_with_gaps(y, X, one_pair, np.zeros(8, dtype=int), "tscorr").rho == pytest.approx(right.rho)


def test_the_step_is_stated():
    every_second = panel(list(range(2000, 2016, 2)))
    assert repr(kv.estimate_ar1(SPEC, every_second)).endswith("one period is 2 years")
    assert kv.estimate_ar1(SPEC, panel(list(range(2000, 2008)))).step == "1 year"


def test_one_odd_year_makes_the_step_one():
    # 2000, 2002, ..., 2006 and 2007: only the last two are neighbours
    frame = panel([2000, 2002, 2004, 2006, 2007])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimate = kv.estimate_ar1(SPEC, frame, rho="tscorr")
    assert estimate.n_gaps == 8 * 3
    assert estimate.step == "1 year"


def test_without_neighbours_rho_is_not_identified():
    frame = panel([2000, 2002, 2005])
    for rho in ("dw", "tscorr", "regress", "freg"):
        with pytest.raises(SpecificationError, match=r"no id has two rows one period apart.*1 year"):
            kv.estimate_ar1(SPEC, frame, rho=rho)
    assert kv.estimate_ar1(SPEC, frame, rho_value=0.3).rho == 0.3
    with pytest.raises(SpecificationError, match=r"over 1 period\(s\): no id has two rows that far apart"):
        kv.estimate(kv.Specification.from_formula("y ~ lag(x) | id"), frame)
    # the years are one apart, but no unit's are
    phases = pd.concat(
        [panel([2000, 2002, 2004]), panel([2001, 2003, 2005]).assign(id=lambda f: f["id"] + 8)]
    )
    with pytest.raises(SpecificationError, match="one period apart"):
        kv.estimate_ar1(SPEC, phases)


def test_rows_without_a_unit_are_left_out_of_lags_too():
    frame = panel(list(range(2010, 2018)))
    lost = pd.concat([frame, frame.iloc[[4, 4, 5]].assign(id=np.nan, y=1e6)], ignore_index=True)
    for formula in ("y ~ lag(x) | id", "y ~ x | id", "diff(y) ~ x | id"):
        spec = kv.Specification.from_formula(formula)
        with pytest.warns(kv.errors.DataWarning, match="left out"):
            found = kv.estimate(spec, lost)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            right = kv.estimate(spec, frame)
        assert found.coefficients["estimate"].tolist() == right.coefficients["estimate"].tolist()


@pytest.mark.parametrize("dtype", [object, "str", "category"])
def test_a_row_without_a_unit_may_hold_anything(dtype):
    """As in a file whose last line is a sum, or names its source."""
    frame = panel(list(range(2010, 2018)))
    last = pd.DataFrame({"id": [np.nan], "year": ["sum"], "x": [1.0], "y": [2.0]})
    summed = pd.concat([frame.astype({"year": str}), last], ignore_index=True)
    summed["year"] = summed["year"].astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for use in ("rho by dw", "lag", "diff", "serial correlation"):
            assert USES[use](summed) == pytest.approx(USES[use](frame), rel=1e-12), use


def test_the_same_period_written_twice_is_a_repetition():
    frame = panel(list(range(2010, 2014)))
    frame["year"] = frame["year"].astype(str) + "-01"
    frame.loc[1, "year"] = "2010M1"
    by_lag = kv.Specification.from_formula("y ~ lag(x) | id")
    for attempt in (lambda: kv.estimate_ar1(SPEC, frame), lambda: kv.estimate(by_lag, frame)):
        with pytest.raises(InvalidDataError, match="1 combination") as caught:
            attempt()
        assert caught.value.problems == ("id 0 year 2010-01",)


@settings(max_examples=1000, deadline=None)
@given(
    st.sampled_from([*YEARS, *MONTHS]),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8)), min_size=3, max_size=20, unique=True),
    st.integers(1, 4),
    st.integers(0, 40),
    st.randoms(),
)
def test_numbers_equal_those_counted_by_hand(name, cells, step, start, random):
    """Distances between periods, by brute force, for any calendar, step, gaps and order of rows."""
    random.shuffle(cells)
    times = [start + step * t for _, t in cells]
    yearly = name in YEARS
    written = YEARS[name]([1975 + t for t in times]) if yearly else MONTHS[name]([540 + t for t in times])
    read = read_periods(written)
    distinct = sorted(set(times))
    steps = [b - a for a, b in itertools.pairwise(distinct)]
    delta = next(d for d in range(max(steps, default=1), 0, -1) if all(s % d == 0 for s in steps))
    ambiguous = not yearly and delta % 12 == 0 and "days" in name  # the same day of every year
    if len(distinct) > 1 and not ambiguous:
        assert read.delta == delta
    size = 12 if ambiguous else 1
    assert read.numbers.tolist() == [(t - distinct[0]) // (read.delta * size) for t in times]


def _same_as_integers(name: str, cells: list[tuple[int, int]], step: int, random) -> None:
    """Lags and rho with times written in some way, beside those with integers, rows in another order."""
    rng = np.random.default_rng(len(cells))
    frame = pd.DataFrame(cells, columns=["id", "year"])
    frame = frame.assign(x=rng.normal(size=len(cells)), y=rng.normal(size=len(cells)))
    frame["year"] = 1975 + step * frame["year"]
    order = list(range(len(cells)))
    random.shuffle(order)
    other = frame.iloc[order]
    years = other["year"].tolist()
    write = YEARS[name] if name in YEARS else MONTHS[name]
    times = write(years if name in YEARS else [7 * (year - 1975) + 540 for year in years])
    other = other.assign(year=times.set_axis(other.index))
    found = _lag_and_rho(other)
    right = _lag_and_rho(frame)
    if isinstance(right, str):
        assert found == right
        return
    assert found[0].sort_index().equals(right[0])
    assert found[1] == pytest.approx(right[1], rel=1e-6, abs=1e-9)


def _lag_and_rho(frame: pd.DataFrame):
    try:
        lagged = transformed_columns(frame, ["lag(x)"], "id", "year")["lag(x)"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return lagged, kv.estimate_ar1(SPEC, frame, rho="tscorr", two_step=True).rho
    except SpecificationError as error:
        return type(error).__name__


CELLS_OF_A_PANEL = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 8)), min_size=12, max_size=30, unique=True
)
# Seven months are no regular step that a year of twelve shares, so none of these is taken for years.
WRITTEN = st.tuples(st.sampled_from([*YEARS, *MONTHS]), CELLS_OF_A_PANEL, st.integers(1, 3), st.randoms())


@settings(max_examples=60, deadline=None)
@given(WRITTEN)
def test_lags_and_rho_equal_those_of_integers(example):
    _same_as_integers(*example)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(WRITTEN)
def test_lags_and_rho_equal_those_of_integers_many_times(example):
    _same_as_integers(*example)


# --- Files


@pytest.fixture(scope="module")
def beds() -> pd.DataFrame:
    full = kv.acute_beds.load_panel()
    few = full[full["municipality"].isin(full["municipality"].unique()[:5])].drop(columns="data_origin")
    few.attrs = {}
    return few.reset_index(drop=True)


def test_short_names_fit_stata_and_come_back(beds, tmp_path):
    short = kv.acute_beds.short_names()
    assert len(short) == 15
    assert short["admissions_elective_internal_under80"] == "adm_elective_internal_under80"
    assert short["nursing_home_places_per_1000_80plus"] == "nursing_places_per_1000_80plus"
    columns = beds.rename(columns=short).columns
    assert columns.is_unique
    assert max(map(len, columns)) <= 32
    dated = beds.assign(**{c: pd.to_datetime(beds[c] + "-01") for c in ("month", "first_month")})
    for kind in ("tm", "td"):
        dated.rename(columns=short).to_stata(
            tmp_path / f"{kind}.dta", write_index=False, convert_dates={"month": kind, "first_month": kind}
        )
        read = kv.acute_beds.load_panel(tmp_path / f"{kind}.dta")
        pd.testing.assert_frame_equal(read[beds.columns], beds, check_dtype=False)


# In a file of text, 07.2015 is a number.
def test_a_column_under_two_names_is_refused(beds):
    own = beds.assign(adm_elective_internal_80plus=0, day_acute_surgery_80plus=0)
    with pytest.raises(InvalidDataError, match=r"2 column\(s\) are there twice") as caught:
        kv.acute_beds.check_panel(own)
    assert caught.value.problems == ("admissions_elective_internal_80plus", "day_stays_acute_surgery_80plus")
    # every cell has a short name for reading, also where the full one fits
    renamed = beds.rename(columns={"day_stays_acute_surgery_80plus": "day_acute_surgery_80plus"})
    pd.testing.assert_frame_equal(kv.acute_beds.check_panel(renamed)[beds.columns], beds, check_dtype=False)


@pytest.mark.parametrize("name", [name for name in MONTHS if name != "07.2015"])
def test_monthly_panel_from_any_months(beds, tmp_path, name):
    def written(column: pd.Series) -> pd.Series:
        known = column.notna()
        out = pd.Series(None, index=column.index, dtype=object)
        ordinals = [pd.Period(text, "M").ordinal for text in column[known]]
        out[known] = MONTHS[name](ordinals).astype(object).to_numpy()
        return out

    own = beds.assign(month=written(beds["month"]), first_month=written(beds["first_month"]))
    own.rename(columns={"municipality": "Kommune", "month": "Maaned"}).to_csv(tmp_path / "a.csv", index=False)
    read = kv.acute_beds.load_panel(
        tmp_path / "a.csv", columns={"Kommune": "municipality", "Maaned": "month"}
    )
    assert read["month"].tolist() == beds["month"].tolist()
    assert read["first_month"].fillna("").tolist() == beds["first_month"].fillna("").tolist()


def test_weeks_of_stata_follow_one_another_over_new_year(tmp_path):
    """Every year has 52: the last of them lasts eight days, or nine."""
    firsts = [pd.Timestamp(y, 1, 1) + pd.Timedelta(days=7 * w) for y in (1999, 2000) for w in range(52)]
    frame = pd.DataFrame({"week": [*firsts[40:], None], "x": 1.0})
    frame.to_stata(tmp_path / "a.dta", write_index=False, convert_dates={"week": "tw"})
    week = read_table(tmp_path / "a.dta")["week"]
    assert week.isna().tolist() == [False] * 64 + [True]
    for times in (week[:-1], pd.Series(firsts[40:]), pd.read_stata(tmp_path / "a.dta")["week"][:-1]):
        read = read_periods(times)
        assert read.numbers.tolist() == list(range(64))
        assert (read.step, read.label(11), read.label(12)) == ("1 Stata week", "1999w52", "2000w1")
        assert read.place(pd.Series(["2000-01-09", "1999-12-31"])).tolist() == [13, 11]


def test_stata_counts_of_quarters_and_halves_are_read(tmp_path):
    frame = pd.DataFrame(
        {"q": pd.to_datetime(["1960-01-01", "2015-07-01", "1959-10-01"]), "x": [1.0, 2.0, 3.0]}
    )
    frame["h"] = pd.to_datetime(["2015-07-01", "1960-01-01", "1959-07-01"])
    frame.to_stata(tmp_path / "a.dta", write_index=False, convert_dates={"q": "tq", "h": "th"})
    read = read_table(tmp_path / "a.dta")
    assert read["q"].tolist() == ["1960Q1", "2015Q3", "1959Q4"]
    assert read["h"].tolist() == ["2015H2", "1960H1", "1959H2"]
    assert read_periods(read["q"]).unit == "quarter"


def test_stata_formats_may_be_left_justified_or_have_details(tmp_path):
    frame = pd.DataFrame({"a": [600, 601], "b": [600.0, np.nan], "c": [600, 601], "d": [600, 601]})
    formats = {"a": "%-tm", "b": "%tmMonCCYY", "c": "%tq", "d": "%9.0g"}
    pyreadstat.write_dta(frame, tmp_path / "a.dta", variable_format=formats)
    read = read_table(tmp_path / "a.dta")
    assert read["a"].tolist() == ["2010M1", "2010M2"]  # 600 = 12 (2010 - 1960)
    assert read["b"][0] == "2010M1"
    assert read["b"].isna().tolist() == [False, True]
    assert read["c"].tolist() == ["2110Q1", "2110Q2"]
    assert read["d"].tolist() == [600, 601]


def test_years_of_a_panel_may_be_dates(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = kv.load_panel().drop(columns="population_10k")
        own.assign(year=own["year"].astype(str) + "-01-01").to_csv(tmp_path / "a.csv", index=False)
        read = kv.load_panel(tmp_path / "a.csv")
    assert read["year"].tolist() == own["year"].tolist()
