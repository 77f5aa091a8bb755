"""The weekly cube as Ibis expressions: the same expression on DuckDB and on Spark.

The weeks of an ISO year are the bits of a 64-bit mask. Episodes of a person become masks; a mask loses the
weeks that a stronger episode (larger hours, or later start) already has; the rest is added up bit by bit.
"""

import math
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kostnadsvekst.errors import DataMissingError
from kostnadsvekst.progress import Progress
from kostnadsvekst.register.episodes import EpisodeSource
from kostnadsvekst.register.literal_paths import duckdb_path, plain_path
from kostnadsvekst.register.painter import FAULTS
from kostnadsvekst.register.schema import (
    AGE_GROUPS,
    AGE_LOWER,
    FIRST_BIRTH_YEAR,
    HOURS_UNIT,
    LAST_BIRTH_YEAR,
    MAX_HOURS_PER_WEEK,
    OLDEST_AGE,
    SERVICE_CODES,
    Calendar,
    Overlap,
    refuse_faults,
)
from kostnadsvekst.register.workspace import remove_folder, workspace

if TYPE_CHECKING:
    import ibis.expr.types as ir

# Persons are counted in parts, so that one part's masks fit in memory.
ROWS_PER_PART = 6_000_000
# Java keeps to the first folder it was given, also in later sessions: all are removed after each.
_SPARK_FOLDERS: set[Path] = set()
_OPEN_DAY = 2_000_000  # beyond any calendar


def count_with_masks(
    source: EpisodeSource,
    calendar: Calendar,
    overlap: Overlap,
    by_municipality: bool,
    engine: str,
    memory_limit: str,
    temp_directory: str | Path | None,
) -> pd.DataFrame:
    """Count with DuckDB or Spark; arguments and result as in `kostnadsvekst.register.weekly_cube`.

    Raises
    ------
    DataMissingError
        If the engine is not installed, or Java is missing for Spark.
    InvalidDataError
        As in `weekly_cube`.
    """
    connect = _duckdb if engine == "duckdb" else _spark
    with (
        _quiet_libraries(),
        workspace(temp_directory) as folder,
        connect(source, memory_limit, folder) as episodes,
    ):
        rows = _clean(episodes, by_municipality)
        faults, conflicts = _faults(rows, by_municipality)
        refuse_faults(faults, conflicts, source.name)
        parts = _parts(rows, source.n_rows)
        found = []
        with Progress(f"counting with {engine}", len(parts)) as progress:
            for part in parts:
                wide = weekly_sums(part, calendar, overlap, by_municipality)
                found.append(wide.to_pandas())
                progress.advance(1)
    return _to_long(pd.concat(found), calendar, by_municipality)


def weekly_sums(
    rows: "ir.Table", calendar: Calendar, overlap: Overlap, by_municipality: bool = False
) -> "ir.Table":
    """Weekly sums by service, age group, sex and ISO year, one column for each week of the year.

    Parameters
    ----------
    rows : ibis Table
        ``person``, ``birth_year``, ``sex``, ``service``, ``start_day`` and ``end_day`` (days since
        1970-01-01), ``hundredths`` (hours, 0 where missing), ``municipality`` if asked for.
    calendar : Calendar
        Weeks.
    overlap : {"max", "latest"}
    by_municipality : bool

    Returns
    -------
    ibis Table
        Keys; ``u0`` … users, ``a0`` … sum of ages, ``w0`` … users with hours, ``h0`` … hundredths of hours.
    """
    import ibis

    years = np.unique(calendar.years)
    per_year = [_year_sums(rows, calendar, int(year), overlap, by_municipality) for year in years]
    return ibis.union(*per_year) if len(per_year) > 1 else per_year[0]


def _bit_or() -> Callable[..., Any]:
    """Aggregate that DuckDB and Spark both call bit_or (Ibis has no rule of its own for Spark)."""
    import ibis

    @ibis.udf.agg.builtin(name="bit_or", signature=(("int64",), "int64"))
    def bit_or(mask):  # type: ignore[no-untyped-def]
        """Bitwise or of all rows."""

    aggregate: Callable[..., Any] = bit_or
    return aggregate


def _year_sums(
    rows: "ir.Table", calendar: Calendar, year: int, overlap: Overlap, by_municipality: bool
) -> "ir.Table":
    import ibis

    weeks = np.flatnonzero(calendar.years == year)
    first_day = calendar.first_day + 7 * int(weeks[0])
    n_weeks = weeks.size
    keys = ["person", "birth_year", "sex", "service", *(["municipality"] if by_municipality else [])]
    strength = ["start_day", "hundredths"] if overlap == "latest" else ["hundredths"]
    inside = rows.filter((rows.start_day < first_day + 7 * n_weeks) & (rows.end_day >= first_day))
    low = ibis.greatest(inside.start_day - first_day, 0) // 7
    high = ibis.least((inside.end_day - first_day) // 7, n_weeks - 1)
    # A bare literal would be 32 bits wide on Spark, and the shift silently wrong: take the type of a column.
    one = (inside.start_day * 0 + 1).cast("int64")
    mask = (one << (high + 1).cast("int64")) - (one << low.cast("int64"))
    masked = inside.select(*keys, *strength, mask=mask.cast("int64"))
    bit_or = _bit_or()
    merged = masked.group_by([*keys, *strength]).aggregate(mask=bit_or(masked.mask))
    stronger = ibis.window(
        group_by=keys, order_by=[ibis.desc(name) for name in strength], preceding=(None, 1)
    )
    taken = ibis.coalesce(bit_or(merged.mask).over(stronger), ibis.literal(0, "int64")).cast("int64")
    left = merged.mutate(taken=taken)
    left = left.mutate(rest=left.mask - (left.mask & left.taken))
    age = ibis.greatest(ibis.literal(year, "int64") - left.birth_year, 0)
    group = sum((age >= bound).cast("int64") for bound in AGE_LOWER[1:])
    cells = left.mutate(age=age, age_group=group, iso_year=ibis.literal(year, "int64"))
    by = [name for name in keys if name not in ("person", "birth_year")]
    by += ["age_group", "iso_year"]
    return cells.group_by(by).aggregate(**_bit_sums(cells, 53))


def _bit_sums(cells: "ir.Table", n_bits: int) -> dict[str, Any]:
    import ibis

    with_hours = (cells.hundredths > 0).cast("int64")
    one = ibis.literal(1, "int64")
    sums = {}
    for week in range(n_bits):
        bit = (cells.rest >> ibis.literal(week, "int32")) & one
        sums[f"u{week}"] = bit.sum().cast("int64")
        sums[f"a{week}"] = (bit * cells.age).sum().cast("int64")
        sums[f"w{week}"] = (bit * with_hours).sum().cast("int64")
        sums[f"h{week}"] = (bit * cells.hundredths).sum().cast("int64")
    return sums


def _clean(episodes: "ir.Table", by_municipality: bool) -> "ir.Table":
    """Days and hundredths as integers; faults are found before anything is counted."""
    import ibis

    hours = episodes.hours_per_week.cast("float64")
    hours = ibis.ifelse(hours.isnan(), 0.0, hours).fill_null(0.0)
    start, end = episodes.start_date.cast("date"), episodes.end_date.cast("date")
    columns = {
        "person": episodes.person_id,
        "birth_year": episodes.birth_year.cast("int64"),
        "sex": episodes.sex.cast("int64"),
        "service": episodes.service.cast("string"),
        "start_year": start.year().cast("int64"),
        "start_day": start.epoch_days().cast("int64"),
        "end_day": end.epoch_days().cast("int64").fill_null(_OPEN_DAY),
        "hours": hours,
        "hundredths": (hours * HOURS_UNIT + 0.5).floor().cast("int64"),
    }
    if by_municipality:
        columns["municipality"] = episodes.municipality.cast("string")
    return episodes.select(**columns)


def _faults(rows: "ir.Table", by_municipality: bool) -> tuple[dict[str, int], int]:
    import ibis

    year = rows.start_year
    no_start = rows.start_day.isnull()
    birth = rows.birth_year
    wrong_birth = (
        birth.isnull()
        | (birth > year)
        | (birth < year - OLDEST_AGE)
        | (birth < FIRST_BIRTH_YEAR)
        | (birth > LAST_BIRTH_YEAR)
    )
    tests = (
        rows.person.isnull(),
        rows.service.isnull() | ~rows.service.isin(SERVICE_CODES),
        no_start,
        ~no_start & (rows.end_day < rows.start_day),
        ~no_start & wrong_birth,
        rows.sex.isnull() | ~rows.sex.isin([1, 2]),
        (rows.hours < 0) | (rows.hours > MAX_HOURS_PER_WEEK),
        rows.municipality.isnull() if by_municipality else rows.person.isnull() & ~rows.person.isnull(),
    )
    counts = {f"f{k}": ibis.ifelse(test, 1, 0).sum() for k, test in enumerate(tests)}
    found = rows.aggregate(**counts).to_pandas().iloc[0]
    faults = {name: int(found[f"f{k}"] or 0) for k, name in enumerate(FAULTS)}
    if any(faults.values()):
        return faults, 0
    facts = rows.group_by("person").aggregate(
        differs=ibis.ifelse(
            (rows.birth_year.max() > rows.birth_year.min()) | (rows.sex.max() > rows.sex.min()), 1, 0
        )
    )
    return faults, int(facts.aggregate(n=facts.differs.sum()).to_pandas()["n"].iloc[0] or 0)


def _parts(rows: "ir.Table", n_rows: int) -> list["ir.Table"]:
    n_parts = math.ceil(n_rows / ROWS_PER_PART)
    if n_parts <= 1:
        return [rows]
    number = rows.person if rows.person.type().is_integer() else rows.person.hash()
    return [rows.filter(number.abs() % n_parts == part) for part in range(n_parts)]


def _to_long(wide: pd.DataFrame, calendar: Calendar, by_municipality: bool) -> pd.DataFrame:
    keys = ["service", "age_group", "sex", "iso_year", *(["municipality"] if by_municipality else [])]
    sums = wide.groupby(keys, sort=False).sum()
    first_week = {int(y): int(np.flatnonzero(calendar.years == y)[0]) for y in np.unique(calendar.years)}
    index = sums.index.to_frame(index=False)
    parts = []
    for week in range(53):
        part = index.assign(
            bucket=index["iso_year"].map(first_week) + week,
            users=sums[f"u{week}"].to_numpy(),
            users_with_hours=sums[f"w{week}"].to_numpy(),
            hours=sums[f"h{week}"].to_numpy() / HOURS_UNIT,
            mean_age=sums[f"a{week}"].to_numpy(),
        )
        parts.append(part[part["users"] > 0])
    long = pd.concat(parts, ignore_index=True)
    long["mean_age"] = long["mean_age"] / long["users"]
    long["week"] = np.array(calendar.starts, dtype="datetime64[s]")[long.pop("bucket").to_numpy()]
    long["service"] = pd.Categorical(long["service"], SERVICE_CODES, ordered=True)
    long["age_group"] = pd.Categorical.from_codes(long["age_group"].astype(int), AGE_GROUPS, ordered=True)
    long = long.astype({"sex": np.int64, "users": np.int64, "users_with_hours": np.int64})
    order = [*(["municipality"] if by_municipality else []), "service", "age_group", "sex", "week"]
    if by_municipality:
        long["municipality"] = long["municipality"].astype("str")
    columns = [*order, "users", "users_with_hours", "hours", "mean_age"]
    return long[columns].sort_values(order, ignore_index=True)


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Ibis still calls some names that its engines have renamed; users can do nothing about that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield


@contextmanager
def _duckdb(source: EpisodeSource, memory_limit: str, folder: Path) -> Iterator["ir.Table"]:
    try:
        import ibis
    except ImportError as error:
        raise DataMissingError(
            "engine='duckdb' needs the extra: pip install kostnadsvekst[database]; engine='painter' needs "
            "nothing and counts the same"
        ) from error
    connection = ibis.duckdb.connect(
        memory_limit=memory_limit,
        temp_directory=str(folder),
        preserve_insertion_order=False,
    )
    try:
        connection.settings["enable_progress_bar"] = False  # it would be drawn on standard output
        files = [duckdb_path(path, folder) for path in _parquet_files(source, folder)]
        yield connection.read_parquet(files, hive_partitioning=False)
    finally:
        connection.disconnect()


@contextmanager
def _spark(source: EpisodeSource, memory_limit: str, folder: Path) -> Iterator["ir.Table"]:
    if shutil.which("java") is None:
        raise DataMissingError("engine='spark' needs Java 17 or later on the path")
    try:
        import ibis
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise DataMissingError(
            "engine='spark' needs the extra: pip install kostnadsvekst[cluster]"
        ) from error
    _SPARK_FOLDERS.add(folder)
    # An active session (a cluster's) is used as it is; a local one is made otherwise.
    active = SparkSession.getActiveSession()
    session = active or _local_session(SparkSession.builder, memory_limit, folder)
    try:
        files = [plain_path(path, folder) for path in _parquet_files(source, folder)]
        session.read.parquet(*files).createOrReplaceTempView("kostnadsvekst_episodes")
        yield ibis.pyspark.connect(session).table("kostnadsvekst_episodes")
    finally:
        if active is None:
            session.stop()
            for used in _SPARK_FOLDERS:
                remove_folder(used)


def _local_session(builder: Any, memory_limit: str, folder: Path) -> Any:
    return (
        builder.master("local[*]")
        .appName("kostnadsvekst")
        .config("spark.driver.memory", memory_limit.upper().removesuffix("B").replace("I", ""))
        .config("spark.local.dir", str(folder))
        .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )


def _parquet_files(source: EpisodeSource, folder: Path) -> tuple[Path, ...]:
    if source.table is None:
        return source.files
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / "episodes.parquet"
    table = source.table
    for name in ("end_date", "start_date"):
        position = table.schema.get_field_index(name)
        table = table.set_column(position, name, table.column(name).cast(pa.date32(), safe=False))
    for name in ("service", "municipality"):
        position = table.schema.get_field_index(name)
        table = table.set_column(position, name, table.column(name).cast(pa.string()))
    pq.write_table(table, path)
    path.chmod(0o600)
    return (path,)
