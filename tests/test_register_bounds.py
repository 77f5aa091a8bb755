"""Bounds of the register: calendars, ages, memory, rows in a word, kernels one at a time; all by hand."""

import sys
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.progress import Progress
from kostnadsvekst.register import counting_rules, ingestion, painter, weekly, weekly_cube, yearly_users
from kostnadsvekst.register.episodes import (
    MISSING_DAY,
    OPEN_END,
    CodeBook,
    EpisodeSource,
    open_episodes,
    to_arrays,
)
from kostnadsvekst.register.painter import (
    FAULTS,
    OUTSIDE,
    count_rows,
    find_persons,
    pack_rows,
    scatter_rows,
    year_of_day,
)
from kostnadsvekst.register.schema import (
    AGE_GROUPS,
    SERVICE_CODES,
    age_group_codes,
    faults_to_error,
    masked_count,
    memory_bytes,
    refuse_faults,
    week_calendar,
    year_calendar,
)
from kostnadsvekst.register.tables import RegisterTables

EPOCH = date(1970, 1, 1)


def day(text):
    return (date.fromisoformat(text) - EPOCH).days


# --- Calendars


def test_calendar_of_weeks():
    calendar = week_calendar("2020-12-21", date(2021, 1, 4))
    assert calendar.starts == (date(2020, 12, 21), date(2020, 12, 28), date(2021, 1, 4))
    assert calendar.years.tolist() == [2020, 2020, 2021]  # 28 December is week 53
    assert (calendar.first_day, calendar.last_day) == (day("2020-12-21"), day("2021-01-10"))
    assert calendar.bucket_of_day.tolist() == [0] * 7 + [1] * 7 + [2] * 7
    assert calendar.n_buckets == 3
    assert calendar.unit == "week"
    # 30 December 2019 belongs to the first week of 2020.
    assert week_calendar("2019-12-23", "2019-12-30").years.tolist() == [2019, 2020]


def test_calendar_of_years():
    calendar = year_calendar(2019, 2021)
    assert calendar.starts == (date(2019, 1, 1), date(2020, 1, 1), date(2021, 1, 1))
    assert calendar.years.tolist() == [2019, 2020, 2021]
    assert (calendar.first_day, calendar.last_day) == (day("2019-01-01"), day("2021-12-31"))
    assert np.bincount(calendar.bucket_of_day).tolist() == [365, 366, 365]
    assert calendar.unit == "year"


def test_longest_and_shortest_calendars():
    first = date(2000, 1, 3)
    assert week_calendar(first, first).n_buckets == 1
    assert week_calendar(first, first + timedelta(weeks=1022)).n_buckets == 1023
    with pytest.raises(SpecificationError, match="is 1024 weeks; between 1 and 1023"):
        week_calendar(first, first + timedelta(weeks=1023))
    with pytest.raises(SpecificationError, match="is 0 weeks"):
        week_calendar(first, first - timedelta(weeks=1))
    assert year_calendar(2000, 2000).n_buckets == 1
    assert year_calendar(2000, 2050).n_buckets == 51
    for last in (1999, 2051):
        with pytest.raises(SpecificationError, match=f"years 2000 to {last}: between 1 and 51"):
            year_calendar(2000, last)


@pytest.mark.parametrize(
    ("name", "period"), [("start", ("2020-01-07", "2020-02-03")), ("end", ("2020-01-06", "2020-02-09"))]
)
def test_mondays_are_suggested(name, period):
    monday = "2020-01-06" if name == "start" else "2020-02-03"
    with pytest.raises(SpecificationError, match=rf"{name}=.* is not a Monday; .* is {monday}"):
        week_calendar(*period)


def test_dates_of_any_kind():
    assert week_calendar(pd.Timestamp("2020-01-06 12:00"), "2020-01-06").starts == (date(2020, 1, 6),)
    with pytest.raises(SpecificationError, match=r"end='06\.01\.2020' is not a date"):
        week_calendar("2020-01-06", "06.01.2020")


def test_default_period_is_2017_to_2020():
    calendar = week_calendar()
    assert (calendar.starts[0], calendar.starts[-1]) == (date(2017, 1, 2), date(2020, 12, 28))


# --- Ages, counts, memory


def test_ages_at_the_bounds_of_the_groups():
    ages = np.array([-3, 0, 17, 18, 39, 40, 59, 60, 79, 80, 120])
    assert age_group_codes(ages).tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert AGE_GROUPS == ("0-17", "18-39", "40-59", "60-79", "80+")


def test_small_counts_are_masked():
    assert [masked_count(n) for n in (0, 1, 4, 5, 12)] == ["0", "fewer than 5", "fewer than 5", "5", "12"]
    assert [masked_count(n, 10) for n in (9, 10)] == ["fewer than 10", "10"]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2GB", 2_000_000_000),
        ("500MB", 500_000_000),
        ("64KB", 64_000),
        ("2GiB", 2_147_483_648),
        ("3 MiB", 3_145_728),
        ("5kib", 5_120),
        ("1.5gb", 1_500_000_000),
        ("0.5KB", 500),
    ],
)
def test_memory_limits(text, size):
    assert memory_bytes(text) == size


@pytest.mark.parametrize("text", ["2", "GB", "0GB", "0.0MB", "-1GB", "1.2.3GB", "2TB", "", "two GB"])
def test_memory_limits_that_are_none(text):
    with pytest.raises(SpecificationError, match=f"memory_limit={text!r}"):
        memory_bytes(text)


def test_faults_are_refused_before_contradictions():
    refuse_faults({"a": 0, "b": 0}, 0, "file")
    with pytest.raises(InvalidDataError) as caught:
        refuse_faults({"a": 7, "b": 0, "c": 2}, 9, "file")
    assert list(caught.value.problems) == ["a: 7 row(s)", "c: fewer than 5 row(s)"]
    assert str(caught.value).startswith("file: 2 kind(s)")
    with pytest.raises(InvalidDataError) as caught:
        refuse_faults({"a": 0}, 1, "file")
    assert len(caught.value.problems) == 1
    assert "(persons): fewer than 5 row(s)" in caught.value.problems[0]
    assert faults_to_error({"a": 1, "b": 0}, "x").problems == ("a: fewer than 5 row(s)",)


def test_rules_differ_where_the_counting_does():
    rules = counting_rules()
    assert "the largest hours" in rules["overlap"]
    assert "counted once in the country" in rules["municipality"]
    assert rules["users"].endswith("in the week")
    assert rules["age"].startswith("ISO year")
    assert rules["week"].startswith("Monday")
    other = counting_rules("latest", by_municipality=True, unit="year")
    assert "the latest start" in other["overlap"]
    assert "in each municipality" in other["municipality"]
    assert other["users"].endswith("in the year")
    assert other["age"].startswith("calendar year")
    assert other["week"].startswith("1 January")
    assert set(rules) == set(other)


# --- Kernels


KERNELS = [
    painter.year_of_day,
    painter.pack_rows,
    painter.find_persons,
    painter.count_rows,
    painter.scatter_rows,
    painter.paint_persons,
    painter._born_in_time,
    painter._count_faults,
    painter._unpack,
    painter._put_below,
    painter._add_run,
    painter._sort,
    painter._sort_by_start,
    painter._is_after,
    ingestion._settle_persons,
]


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.__name__)
def test_kernels_are_compiled_and_kept(kernel):
    # Fifty million rows in plain Python would take days; without a cache each start takes half a minute.
    assert hasattr(kernel, "py_func")
    assert kernel.stats.cache_path is not None


def test_year_of_each_day():
    for first in (
        "1879-12-30",
        "1899-12-25",
        "1969-12-25",
        "1999-12-25",
        "2000-02-20",
        "2016-12-28",
        "2099-12-28",
    ):
        for number in range(day(first), day(first) + 80):
            assert year_of_day(number) == (EPOCH + timedelta(days=number)).year
    for number in range(day("1880-01-01"), day("2255-12-31"), 97):
        assert year_of_day(number) == (EPOCH + timedelta(days=number)).year


GOOD = {
    "person": 7,
    "birth_year": 1950,
    "sex": 2,
    "service": 5,
    "municipality": 3,
    "start": day("2020-01-08"),
    "end": day("2020-01-20"),
    "hours": 3.25,
}
KINDS = {
    "person": np.int64,
    "birth_year": np.int32,
    "sex": np.int8,
    "service": np.int8,
    "municipality": np.int16,
    "start": np.int32,
    "end": np.int32,
    "hours": np.float64,
}


def packed(*changes, period=("2020-01-06", "2020-02-03")):
    """Words and faults of rows that differ from a good one."""
    calendar = week_calendar(*period)
    rows = [{**GOOD, **change} for change in changes]
    columns = [np.array([row[name] for row in rows], dtype=kind) for name, kind in KINDS.items()]
    words = np.zeros(len(rows), dtype=np.uint64)
    faults = np.zeros(len(FAULTS), dtype=np.int64)
    pack_rows(*columns, calendar.first_day, calendar.last_day, calendar.bucket_of_day, words, faults)
    return [int(word) for word in words], faults.tolist()


def parts_of(word):
    fields = {
        "hours": (0, 16),
        "last": (16, 10),
        "first": (26, 10),
        "municipality": (36, 10),
        "service": (46, 4),
    }
    fields |= {"outside": (50, 1), "sex": (51, 1), "birth_year": (52, 12)}
    return {name: (word >> low) & ((1 << size) - 1) for name, (low, size) in fields.items()}


def test_row_in_a_word():
    (word,), faults = packed({})
    assert parts_of(word) == {
        "hours": 326,
        "first": 0,
        "last": 2,
        "municipality": 3,
        "service": 5,
        "outside": 0,
        "sex": 1,
        "birth_year": 70,
    }
    assert faults == [0] * 8


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ("2020-01-06", "2020-01-06", 0, 0),  # the first day alone
        ("2020-02-09", "2020-02-09", 4, 4),  # the last day alone
        ("2020-01-12", "2020-01-13", 0, 1),
        ("2019-06-01", "2020-01-06", 0, 0),
        ("2020-02-09", "2020-05-01", 4, 4),
        ("2019-06-01", "2020-05-01", 0, 4),
        ("2020-01-20", "2020-01-26", 2, 2),  # Monday to Sunday
    ],
)
def test_buckets_of_an_episode(start, end, first, last):
    (word,), _ = packed({"start": day(start), "end": day(end)})
    found = parts_of(word)
    assert (found["first"], found["last"], found["outside"]) == (first, last, 0)


@pytest.mark.parametrize(("start", "end"), [("2019-12-01", "2020-01-05"), ("2020-02-10", "2020-02-12")])
def test_episodes_outside_keep_who_they_belong_to(start, end):
    (word,), faults = packed({"start": day(start), "end": day(end)})
    assert parts_of(word) | {"outside": 1, "sex": 1, "birth_year": 70} == parts_of(word)
    assert word & ((1 << 50) - 1) == 0
    assert faults == [0] * 8


def test_open_end_lasts_to_the_last_bucket():
    (word,), _ = packed({"end": int(OPEN_END)})
    assert parts_of(word)["last"] == 4


@pytest.mark.parametrize(
    ("hours", "hundredths"),
    [
        (0.0, 0),
        (float("nan"), 0),
        (0.004, 0),
        (0.005, 1),
        (0.01, 1),
        (1.254, 125),
        (1.256, 126),
        (2.5, 250),
        (336.0, 33600),
    ],
)
def test_hours_in_hundredths(hours, hundredths):
    (word,), faults = packed({"hours": hours})
    assert parts_of(word)["hours"] == hundredths + 1
    assert faults == [0] * 8


FAULTY = [
    ({"person": -1}, 0),
    ({"service": -1}, 1),
    ({"start": int(MISSING_DAY)}, 2),
    ({"end": day("2020-01-07")}, 3),
    ({"birth_year": 2021}, 4),
    ({"birth_year": 1899}, 4),
    ({"birth_year": 1879}, 4),
    ({"birth_year": 2136}, 4),
    ({"birth_year": 0}, 4),
    ({"sex": 0}, 5),
    ({"sex": 3}, 5),
    ({"hours": -0.01}, 6),
    ({"hours": 336.01}, 6),
    ({"municipality": -1}, 7),
]


@pytest.mark.parametrize(("change", "fault"), FAULTY)
def test_each_fault_is_counted(change, fault):
    words, faults = packed({}, change, {})
    assert faults == [int(k == fault) for k in range(8)]
    assert words[1] == int(OUTSIDE) == 1 << 50
    assert words[0] == words[2] != words[1]  # the rows after it are packed all the same


def test_row_with_all_faults_is_counted_under_each():
    everything = {"person": -1, "service": -1, "birth_year": 0, "sex": 9, "hours": -1.0, "municipality": -1}
    _, faults = packed(everything, everything)
    assert faults == [2, 2, 0, 0, 2, 2, 2, 2]
    _, faults = packed({**everything, "start": int(MISSING_DAY)})
    assert faults == [1, 1, 1, 0, 0, 1, 1, 1]  # without a start, no order of dates and no age


@pytest.mark.parametrize(
    "change",
    [
        {"person": 0},
        {"service": 0},
        {"municipality": 0},
        {"sex": 1},
        {"birth_year": 2020},
        {"birth_year": 1900},  # 120 years
        {"end": GOOD["start"]},  # on the same day
        {"hours": 336.0},
        {"start": day("2020-01-01"), "birth_year": 2020},
        {"start": day("2020-12-31"), "end": day("2020-12-31"), "birth_year": 1900},
        {"start": day("2000-12-31"), "birth_year": 1880},
    ],
)
def test_rows_just_inside_the_bounds_are_good(change):
    assert packed(change)[1] == [0] * 8


def test_births_just_outside_the_bounds():
    assert packed({"start": day("2019-12-31"), "birth_year": 2020})[1][4] == 1
    assert packed({"start": day("2021-01-01"), "end": int(OPEN_END), "birth_year": 1900})[1][4] == 1
    # The last birth year there is, in its own year and 120 years later.
    for text in ("2135-01-01", "2255-12-31"):
        assert packed({"start": day(text), "end": int(OPEN_END), "birth_year": 2135})[1] == [0] * 8
    assert packed({"start": day("2256-01-01"), "end": int(OPEN_END), "birth_year": 2135})[1][4] == 1


def test_where_persons_begin():
    def found(numbers, previous):
        begins, in_order = find_persons(np.array(numbers, dtype=np.int64), previous)
        return begins.tolist(), in_order

    assert found([3, 3, 5, 5, 5, 9], 2) == ([0, 2, 5], True)
    assert found([3, 3, 5], 3) == ([2], True)
    assert found([3, 3], 3) == ([], True)
    assert found([3, 2, 4], 1) == ([0, 1, 2], False)
    assert found([3, 4], 4) == ([0, 1], False)
    assert found([], 4) == ([], True)


def test_rows_of_each_person_are_counted_and_put_together():
    person = np.array([12, 10, -1, 12, 9, 13, 10, 12], dtype=np.int64)
    counts = np.zeros(3, dtype=np.int64)
    count_rows(person, 10, counts)
    assert counts.tolist() == [2, 0, 3]
    count_rows(person, 10, counts)
    assert counts.tolist() == [4, 0, 6]
    position = np.array([0, 2, 2])
    words, start = np.arange(8, dtype=np.uint64), np.arange(8, dtype=np.int32) * 10
    out, start_out = np.zeros(5, dtype=np.uint64), np.zeros(5, dtype=np.int32)
    scatter_rows(person, words, start, 10, position, out, start_out)
    assert out.tolist() == [1, 6, 0, 3, 7]
    assert start_out.tolist() == [10, 60, 0, 30, 70]
    assert position.tolist() == [2, 2, 5]
    out[:] = 0
    scatter_rows(person, words, start[:0], 10, np.array([0, 2, 2]), out, start[:0])
    assert out.tolist() == [1, 6, 0, 3, 7]


# --- Cubes of few rows, by hand


def episodes(*rows):
    """Frame of episodes: start, end, hours and what else differs from a woman born in 1950."""
    base = {"person_id": 1, "birth_year": 1950, "sex": 2, "municipality": "0301", "service": "home_health"}
    return pd.DataFrame(
        [
            {
                **base,
                "start_date": date.fromisoformat(a),
                "end_date": b and date.fromisoformat(b),
                "hours_per_week": h,
                **c,
            }
            for a, b, h, c in rows
        ]
    )


PERIOD = {"start": "2020-01-06", "end": "2020-02-03"}


def test_hours_of_overlapping_episodes():
    frame = episodes(
        ("2020-01-06", "2020-02-02", 2.0, {}),
        ("2020-01-14", "2020-01-21", 5.0, {}),
        ("2020-01-20", "2020-01-20", 1.0, {}),
    )
    assert weekly_cube(frame, **PERIOD)["hours"].tolist() == [2, 5, 5, 2]
    assert weekly_cube(frame, "latest", **PERIOD)["hours"].tolist() == [2, 5, 1, 2]


def test_of_equal_starts_the_larger_hours_count():
    frame = episodes(("2020-01-06", "2020-01-12", 2.0, {}), ("2020-01-06", "2020-01-12", 9.0, {}))
    for rows in (frame, frame.iloc[::-1]):
        assert weekly_cube(rows, "latest", **PERIOD)["hours"].tolist() == [9]
        assert weekly_cube(rows, **PERIOD)["hours"].tolist() == [9]


def test_zero_and_missing_hours_are_users_without_hours():
    frame = episodes(
        ("2020-01-06", "2020-01-12", 0.0, {}),
        ("2020-01-13", "2020-01-19", None, {}),
        ("2020-01-20", "2020-01-26", 0.01, {}),
        ("2020-01-27", None, 4.0, {}),
    )
    cube = weekly_cube(frame, **PERIOD)
    assert cube["users"].tolist() == [1] * 5
    assert cube["users_with_hours"].tolist() == [0, 0, 1, 1, 1]
    assert cube["hours"].tolist() == [0, 0, 0.01, 4, 4]
    assert cube["week"].dt.strftime("%m-%d").tolist() == ["01-06", "01-13", "01-20", "01-27", "02-03"]


@pytest.mark.parametrize("engine", ["painter", "duckdb"])
def test_birthdays_are_those_of_the_iso_year(engine):
    # Born 1940: 79 until the week of 23 December 2019, 80 in that of 30 December, which is of 2020.
    frame = episodes(("2019-12-25", "2020-01-02", 1.0, {"birth_year": 1940}))
    cube = weekly_cube(frame, start="2019-12-16", end="2020-01-06", engine=engine)
    assert list(zip(cube["age_group"], cube["mean_age"], strict=True)) == [("60-79", 79), ("80+", 80)]


def test_born_after_the_week_is_of_age_zero():
    # Born in 2021, in the last days of ISO year 2020.
    frame = episodes(("2021-01-01", "2021-01-02", 1.0, {"birth_year": 2021}))
    cube = weekly_cube(frame, start="2020-12-28", end="2021-01-04")
    assert (cube["age_group"].tolist(), cube["mean_age"].tolist()) == (["0-17"], [0])


def test_week_53_has_its_own_row():
    frame = episodes(("2020-12-27", "2021-01-04", 1.0, {}))
    cube = weekly_cube(frame, start="2020-12-21", end="2021-01-04")
    assert cube["week"].dt.strftime("%Y-%m-%d").tolist() == ["2020-12-21", "2020-12-28", "2021-01-04"]
    assert cube["mean_age"].tolist() == [70, 70, 71]


def test_means_and_order_of_a_cube():
    frame = episodes(
        ("2020-01-06", "2020-01-07", 2.0, {"person_id": 3, "birth_year": 1955}),
        ("2020-01-06", "2020-01-07", 4.0, {"person_id": 1}),
        ("2020-01-06", "2020-01-07", 1.0, {"person_id": 2, "sex": 1, "service": "long_term_stay"}),
    )
    cube = weekly_cube(frame, **PERIOD)
    assert cube["service"].tolist() == ["long_term_stay", "home_health"]
    assert cube["sex"].tolist() == [1, 2]
    assert cube["users"].tolist() == [1, 2]
    assert cube["hours"].tolist() == [1, 6]
    assert cube["mean_age"].tolist() == [70, 67.5]
    for name, categories in (("service", SERVICE_CODES), ("age_group", AGE_GROUPS)):
        assert cube[name].dtype == pd.CategoricalDtype(categories, ordered=True)


def test_municipalities_of_one_person():
    frame = episodes(
        ("2020-01-06", "2020-01-07", 2.0, {}),
        ("2020-01-08", "2020-01-09", 5.0, {"municipality": "1103"}),
    )
    places = weekly_cube(frame, by_municipality=True, **PERIOD)
    assert places.columns[0] == "municipality"
    assert places["municipality"].tolist() == ["0301", "1103"]
    assert places["hours"].tolist() == [2, 5]
    assert weekly_cube(frame, **PERIOD)["hours"].tolist() == [5]


def test_rules_stand_beside_each_cube():
    frame = episodes(("2020-01-06", "2020-01-07", 2.0, {}))
    assert weekly_cube(frame, **PERIOD).attrs["rules"] == counting_rules()
    places = weekly_cube(frame, "latest", by_municipality=True, **PERIOD)
    assert places.attrs["rules"] == counting_rules("latest", by_municipality=True)
    assert yearly_users(frame).attrs["rules"] == counting_rules(unit="year")


def test_users_of_a_year_at_its_ends():
    frame = episodes(
        ("2017-01-01", "2017-01-01", 2.0, {"person_id": 1}),
        ("2018-12-31", "2019-01-01", 2.0, {"person_id": 2}),
        ("2020-12-31", None, 2.0, {"person_id": 3}),
        ("2016-12-31", "2016-12-31", 2.0, {"person_id": 4}),
        ("2021-01-01", "2021-01-01", 2.0, {"person_id": 5}),
    )
    found = yearly_users(frame)
    assert list(found.columns) == ["service", "age_group", "sex", "year", "users", "mean_age"]
    assert dict(zip(found["year"], found["users"], strict=True)) == {2017: 1, 2018: 1, 2019: 1, 2020: 1}
    assert found["mean_age"].tolist() == [67, 68, 69, 70]
    later = yearly_users(frame, 2021, 2021)
    assert dict(zip(later["year"], later["users"], strict=True)) == {2021: 2}


# --- Passes of the painter


def test_persons_are_cut_into_passes():
    def cut(counts, rows):
        return weekly._cut_persons(np.array(counts), rows).tolist()

    assert cut([2, 2, 2, 2], 8) == [0, 4]
    assert cut([2, 2, 2, 2], 7) == [0, 3, 4]
    assert cut([2, 2, 2, 2], 4) == [0, 2, 4]
    assert cut([2, 2, 2, 2], 3) == [0, 1, 3, 4]
    assert cut([9, 1, 1], 4) == [0, 3]  # a person is never cut in two
    assert cut([1, 9, 1], 4) == [0, 1, 3]
    assert cut([0, 0], 4) == [0, 2]


def test_lowest_number_and_rows_of_each_person():
    source = open_episodes(episodes(("2020-01-06", None, 1.0, {})))

    def found(*batches):
        numbers = [np.array(batch, dtype=np.int64) for batch in batches]
        low, counts = weekly._rows_by_person(lambda: numbers, source)
        return low, counts.tolist()

    assert found([7, 5], [8, 5, 5]) == (5, [3, 0, 1, 1])
    assert found([7]) == (7, [1])
    assert found([-1, 3]) == (0, [0, 0, 0, 1])  # missing persons are passed over
    assert found([]) == (0, [0])
    widest = 8 * 1 + 10_000_000
    assert len(weekly._rows_by_person(lambda: [np.array([1, 1 + widest])], source)[1]) == widest + 1
    with pytest.raises(SpecificationError, match="spread too widely"):
        weekly._rows_by_person(lambda: [np.array([1, 2 + widest])], source)


def test_rows_are_held_where_memory_allows_and_read_again_where_not(monkeypatch):
    frame = episodes(
        *[("2020-01-06", "2020-01-20", float(k % 5), {"person_id": (k * 7) % 20}) for k in range(100)]
    )
    expected = weekly_cube(frame.sort_values("person_id"), **PERIOD)
    calls = {"_pack": 0, "_read_persons": 0}

    def counted(name, real):
        def call(*arguments):
            calls[name] += 1
            return real(*arguments)

        return call

    for name in calls:
        monkeypatch.setattr(weekly, name, counted(name, getattr(weekly, name)))
    monkeypatch.setattr(weekly, "BATCH_ROWS", 30)

    def read(overlap, limit):
        calls.update(_pack=0, _read_persons=0)
        cube = weekly_cube(frame, overlap, memory_limit=limit, **PERIOD)
        if overlap == "max":
            pd.testing.assert_frame_equal(cube, expected)
        return calls["_pack"], calls["_read_persons"]

    # Once until the order is seen to be wrong. Then 100 rows are held if 24 bytes each, 32 where the starts
    # are needed, are at most three quarters of the limit; else the persons are read twice, to be counted.
    assert read("max", "3.2KB") == (2, 0)
    assert read("max", "3.199KB") == (2, 2)
    assert read("latest", "4.267KB") == (2, 0)
    assert read("latest", "4.266KB") == (2, 2)
    # Passes: 16 bytes for each row, 24 with starts, within the limit; at least one batch.
    assert read("max", "1KB") == (1 + 2, 2)
    assert read("latest", "1KB") == (1 + 3, 2)
    assert read("max", "0.1KB") == (1 + 4, 2)


@pytest.mark.parametrize("limit", ["2GB", "3KB", "0.1KB"])
@pytest.mark.parametrize("in_order", [True, False])
def test_faults_and_contradictions_are_counted_once_in_however_many_passes(monkeypatch, limit, in_order):
    monkeypatch.setattr(weekly, "BATCH_ROWS", 30)
    monkeypatch.setattr("kostnadsvekst.register.episodes.BATCH_ROWS", 30)
    frame = episodes(*[("2020-01-06", "2020-01-20", 1.0, {"person_id": k // 5}) for k in range(100)])
    if not in_order:
        frame = frame.sample(frac=1, random_state=1)
    wrong = frame.copy()
    wrong.loc[[3, 17, 18, 41, 66, 99], "sex"] = 5
    with pytest.raises(InvalidDataError) as caught:
        weekly_cube(wrong, memory_limit=limit, **PERIOD)
    assert list(caught.value.problems) == ["sex missing or not 1 or 2: 6 row(s)"]
    wrong = frame.copy()
    wrong.loc[[2, 7, 12, 17, 22, 27, 28], "birth_year"] = 1951
    wrong.loc[93, "sex"] = 1
    with pytest.raises(InvalidDataError) as caught:
        weekly_cube(wrong, memory_limit=limit, **PERIOD)
    assert [problem.rpartition(": ")[2] for problem in caught.value.problems] == ["7 row(s)"]
    found = weekly_cube(frame, memory_limit=limit, **PERIOD)
    assert found["users"].tolist() == [20, 20, 20]


def test_most_municipalities():
    def frame(n):
        rows = episodes(*[("2020-01-06", "2020-01-07", 2.0, {"person_id": 1})] * n)
        return rows.assign(municipality=[f"{k:04}" for k in range(n)])

    cube = weekly_cube(frame(1024), by_municipality=True, **PERIOD)
    assert cube["municipality"].tolist() == [f"{k:04}" for k in range(1024)]
    with pytest.raises(SpecificationError, match="1025 municipality codes; at most 1024"):
        weekly_cube(frame(1025), by_municipality=True, **PERIOD)


def test_age_pieces_say_how_long_a_person_stays_in_a_group():
    calendar = week_calendar("2019-12-23", "2021-01-04")  # one week of 2019, 53 of 2020, one of 2021
    pieces = weekly._age_pieces(calendar, 6)
    assert pieces.shape == (256, 3, 3)

    def of(birth_year):
        return pieces[birth_year - 1880].tolist()

    # 59 in 2019, 60 from 2020 on.
    assert of(1960) == [[1, 12, 1960], [55, 18, 1960], [55, 18, 1960]]
    # 79, 79, 80.
    assert of(1941) == [[54, 18, 1941], [54, 18, 1941], [55, 24, 1941]]
    assert of(1950) == [[55, 18, 1950]] * 3
    # Born in 2021: of age 0 until then, as if born in the year itself.
    assert of(2021) == [[1, 0, 2019], [54, 0, 2020], [55, 0, 2021]]


# --- Episodes as arrays


def test_frame_becomes_arrays():
    frame = episodes(
        ("2020-01-06", "2020-01-07", 2.5, {"person_id": 9}),
        ("1969-12-31", None, None, {"person_id": 4, "municipality": "1103", "service": "circus"}),
    )
    source = open_episodes(frame)
    assert (source.n_rows, source.name, source.files) == (2, "frame", ())
    (batch,) = source.batches(list(frame.columns))
    places = CodeBook()
    arrays = to_arrays(batch, CodeBook(), places)
    assert arrays.person.tolist() == [9, 4]
    assert arrays.birth_year.tolist() == [1950, 1950]
    assert arrays.sex.tolist() == [2, 2]
    assert arrays.service.tolist() == [5, -1]
    assert arrays.municipality.tolist() == [0, 1]
    assert arrays.start.tolist() == [day("2020-01-06"), -1]
    assert arrays.end.tolist() == [day("2020-01-07"), 2**31 - 1]
    assert arrays.hours.tolist() == [2.5, 0]
    kinds = [getattr(arrays, name).dtype for name in KINDS]
    assert kinds == [np.dtype(kind) for kind in KINDS.values()]
    assert places.numbers == {"0301": 0, "1103": 1}


def test_missing_values_of_each_column():
    frame = pd.DataFrame(
        {
            "person_id": [None, "a"],
            "birth_year": [None, 1950.0],
            "sex": [None, 1.0],
            "municipality": [None, "0301"],
            "service": [None, "practical_bpa"],
            "start_date": [pd.NaT, pd.Timestamp("2020-01-06 13:00")],
            "end_date": [pd.NaT, pd.NaT],
            "hours_per_week": [None, 1.0],
        }
    )
    (batch,) = open_episodes(frame).batches(list(frame.columns))
    arrays = to_arrays(batch, CodeBook(), CodeBook())
    assert arrays.person.tolist() == [-1, 0]
    assert arrays.birth_year.tolist() == [0, 1950]
    assert arrays.sex.tolist() == [0, 1]
    assert arrays.municipality.tolist() == [-1, 0]
    assert arrays.service.tolist() == [-1, 8]
    assert arrays.start.tolist() == [int(MISSING_DAY), day("2020-01-06")]
    assert arrays.end.tolist() == [int(OPEN_END)] * 2
    nothing = to_arrays(
        batch.select([n for n in batch.schema.names if n != "municipality"]), CodeBook(), CodeBook()
    )
    assert nothing.municipality.tolist() == [0, 0]


def test_missing_whole_numbers_of_persons():
    frame = episodes(*[("2020-01-06", None, 1.0, {})] * 2).assign(
        person_id=pd.array([None, 3], dtype="Int64")
    )
    (batch,) = open_episodes(frame).batches(list(frame.columns))
    assert to_arrays(batch, CodeBook(), CodeBook()).person.tolist() == [-1, 3]
    decimal = frame.assign(person_id=[0.5, 1.0])
    with pytest.raises(InvalidDataError, match="person_id is a decimal number"):
        weekly_cube(decimal, **PERIOD)


def test_columns_as_plain_texts_and_as_numbered_ones_are_the_same():
    plain = pa.RecordBatch.from_pydict(
        {
            "person_id": ["b", "a", None],
            "birth_year": pa.array([1950, None, 1960], pa.int64()),
            "sex": pa.array([1, 2, None], pa.int32()),
            "municipality": ["1103", None, "0301"],
            "service": ["practical_bpa", "circus", None],
            "start_date": pa.array([0, 86_400_000, None], pa.timestamp("ms")),
            "end_date": pa.array([5, None, 6], pa.date32()),
            "hours_per_week": pa.array([1.5, None, 2.5], pa.float32()),
        }
    )
    numbered = pa.RecordBatch.from_arrays(
        [c.dictionary_encode() if k in (1, 2, 3, 4) else c for k, c in enumerate(plain.columns)],
        names=plain.schema.names,
    )
    for batch in (plain, numbered):
        arrays = to_arrays(batch, CodeBook(), CodeBook())
        assert arrays.person.tolist() == [0, 1, -1]
        assert arrays.birth_year.tolist() == [1950, 0, 1960]
        assert arrays.sex.tolist() == [1, 2, 0]
        assert arrays.municipality.tolist() == [0, -1, 1]
        assert arrays.service.tolist() == [8, -1, -1]
        assert arrays.start.tolist() == [0, 1, int(MISSING_DAY)]
        assert arrays.end.tolist() == [5, int(OPEN_END), 6]
        assert arrays.hours.tolist() == [1.5, 0, 2.5]
        source = EpisodeSource((), pa.Table.from_batches([batch]), 3, "table")
        assert list(weekly._municipality_codes(source).numbers) == ["1103", "0301"]


def test_numbers_of_texts_stay():
    book = CodeBook()
    assert book.encode(["b", None, "a", "b"]).tolist() == [0, -1, 1, 0]
    assert book.encode(["c", "a"]).tolist() == [2, 1]


def test_batches_of_a_table_are_bounded(monkeypatch):
    monkeypatch.setattr("kostnadsvekst.register.episodes.BATCH_ROWS", 3)
    source = open_episodes(episodes(*[("2020-01-06", None, 1.0, {})] * 7))
    assert [batch.num_rows for batch in source.batches(["sex"])] == [3, 3, 1]
    assert all(batch.schema.names == ["sex"] for batch in source.batches(["sex"]))


def test_names_of_files_in_messages(tmp_path):
    frame = episodes(("2020-01-06", None, 1.0, {}))
    for name in "dbca":
        frame.to_parquet(tmp_path / f"{name}.parquet")
    source = open_episodes(tmp_path)
    assert source.n_rows == 4
    assert source.name == "a.parquet, b.parquet, c.parquet"
    assert [path.stem for path in source.files] == list("abcd")
    assert [path.stem for path in open_episodes([tmp_path / "d.parquet", tmp_path / "a.parquet"]).files] == [
        "d",
        "a",
    ]


def test_places_without_files_are_all_named(tmp_path):
    (tmp_path / "empty").mkdir()
    frame = episodes(("2020-01-06", None, 1.0, {}))
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataMissingError) as caught:
        open_episodes([tmp_path / "empty", tmp_path / "a.parquet", tmp_path / "none.parquet"])
    message = str(caught.value)
    assert "empty, " in message
    assert "none.parquet;" in message
    assert "a.parquet" not in message
    with pytest.raises(DataMissingError, match="an empty list of paths"):
        open_episodes([])


def test_missing_columns_of_each_file(tmp_path):
    frame = episodes(("2020-01-06", None, 1.0, {}))
    frame.drop(columns=["sex", "service"]).to_parquet(tmp_path / "a.parquet")
    frame.to_parquet(tmp_path / "b.parquet")
    with pytest.raises(InvalidDataError) as caught:
        open_episodes(tmp_path)
    assert [p.rpartition(": ")[2] for p in caught.value.problems] == ["no column sex, service"]


# --- Protected tables, read


def tables():
    week = pd.to_datetime(["2020-01-13", "2020-01-06"])
    rows = [
        (s, w, g, x, base + 10 * k + (100 if x == "1" else 0), 2.0 + k, 50.0 + k)
        for base, s in ((1, "home_health"), (5, "practical_daily"))
        for k, w in enumerate(week)
        for g in ("80+", "all")
        for x in ("1", "all")
    ]
    weekly_table = pd.DataFrame(
        rows, columns=["service", "week", "age_group", "sex", "users", "hours_per_user", "mean_age"]
    )
    yearly = pd.DataFrame(
        [
            ("home_health", y, g, x, n)
            for y, n in ((2019, 70.0), (2020, np.nan))
            for g in ("80+", "all")
            for x in ("1", "all")
        ],
        columns=["service", "year", "age_group", "sex", "users"],
    )
    yearly.loc[(yearly["age_group"] != "all") | (yearly["sex"] != "all"), "users"] = 1.0
    return RegisterTables(weekly_table, yearly)


def test_tables_are_read_in_the_order_of_weeks():
    both = tables().users(["home_health", "practical_daily"])
    assert both.index.strftime("%m-%d").tolist() == ["01-06", "01-13"]
    assert both.tolist() == [11 + 15, 1 + 5]
    assert tables().users(["home_health"], sex="1").tolist() == [111, 101]
    assert tables().users(["home_health"], "80+").tolist() == [11, 1]
    assert tables().hours_per_user(["practical_daily"]).tolist() == [3, 2]
    assert tables().mean_age(["practical_daily"], "80+").tolist() == [51, 50]


def test_sum_over_services_is_missing_where_a_part_is():
    part = tables()
    here = (part.weekly["service"] == "home_health") & (part.weekly["week"] == "2020-01-06")
    part.weekly.loc[here, "users"] = np.nan
    found = part.users(["home_health", "practical_daily"])
    assert np.isnan(found.iloc[0])
    assert found.iloc[1] == 6
    gone = RegisterTables(part.weekly[~here | (part.weekly["service"] != "home_health")], part.yearly)
    assert np.isnan(gone.users(["home_health"]).iloc[0])
    assert np.isnan(gone.users(["home_health", "practical_daily"]).iloc[0])


def test_users_of_a_year_are_those_of_the_whole_country():
    assert tables().users_of_year(["home_health"], 2019) == 70
    assert np.isnan(tables().users_of_year(["home_health"], 2020))
    assert np.isnan(tables().users_of_year(["home_health"], 2018))
    assert np.isnan(tables().users_of_year(["practical_daily"], 2019))


# --- Progress


def test_no_line_unless_someone_watches(monkeypatch, capsys):
    with Progress("painting", 10) as progress:
        progress.advance(4)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress("painting", 10, shown=False) as progress:
        progress.advance(4)
    assert capsys.readouterr() == ("", "")


def test_a_line_says_how_far_it_is_and_is_gone_at_the_end(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("kostnadsvekst.progress._SECONDS", 0)
    with Progress("painting", 2_000) as progress:
        progress.advance(400)
        progress.advance(300)
        progress.reach(1_990, "\u00d8HD")
    out, told = capsys.readouterr()
    first, *steps, _, end = told.split("\r")[1:]
    assert out == ""
    assert first == "painting: 0 % (0 of 2,000)"
    assert [step.rstrip() for step in steps] == [
        "painting: 20 % (400 of 2,000)",
        "painting: 35 % (700 of 2,000)",
        "?HD: 99 % (1,990 of 2,000)",
    ]
    assert len(steps[-1]) == len(steps[-2]), "blanks over what was longer"
    assert end == ""
    assert told.split("\r")[-2] == " " * len("?HD: 99 % (1,990 of 2,000)")


def test_a_line_is_not_written_for_every_row(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("kostnadsvekst.progress.time.monotonic", lambda: 5.0)
    with Progress("painting", 1_000) as progress:
        for _ in range(1_000):
            progress.advance()
    assert capsys.readouterr().err.count("painting") == 1


def test_a_terminal_that_has_gone_stops_no_work(monkeypatch):
    class Gone:
        def isatty(self):
            return True

        def write(self, text):
            raise BrokenPipeError

        flush = write

    monkeypatch.setattr(sys, "stderr", Gone())
    with Progress("painting", 10) as progress:
        progress.advance(10)
