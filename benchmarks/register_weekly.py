"""Weekly cube: CPU time relative to one scan of the needed columns, peak memory, naive pandas.

    python benchmarks/register_weekly.py --millions 1 10 --pandas
    python benchmarks/register_weekly.py --millions 50 --folder /somewhere/with/10GB

Each measurement is a process of its own; compiled code is warm. Synthetic registers, removed at the end.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

ROWS_PER_PERSON = 5.17
COLUMNS = ["person_id", "birth_year", "sex", "service", "start_date", "end_date", "hours_per_week"]


def scan(path: Path) -> int:
    import pyarrow.parquet as pq

    rows = 0
    with pq.ParquetFile(path, read_dictionary=["service"], memory_map=True) as file:
        for batch in file.iter_batches(1 << 18, columns=COLUMNS, use_threads=False):
            rows += batch.num_rows
    return rows


def painter(path: Path) -> int:
    from kostnadsvekst.register import weekly_cube

    return int(weekly_cube(path)["users"].sum())


def duckdb(path: Path) -> int:
    from kostnadsvekst.register import weekly_cube

    return int(weekly_cube(path, engine="duckdb", temp_directory=path.parent)["users"].sum())


def pandas(path: Path) -> int:
    """What an analyst would write first: the weeks of each episode as a range of dates, one row for each."""
    rows = pd.read_parquet(path, columns=COLUMNS)
    start = pd.to_datetime(rows["start_date"]).clip(lower=pd.Timestamp("2017-01-02"))
    end = (
        pd.to_datetime(rows["end_date"])
        .fillna(pd.Timestamp("2021-01-03"))
        .clip(upper=pd.Timestamp("2021-01-03"))
    )
    first = start - pd.to_timedelta(start.dt.weekday, unit="D")
    rows["week"] = [
        pd.date_range(a, b, freq="W-MON") if a <= b else [] for a, b in zip(first, end, strict=True)
    ]
    weeks = rows.explode("week").dropna(subset="week")
    weeks["week"] = pd.to_datetime(weeks["week"])
    weeks["hours_per_week"] = weeks["hours_per_week"].fillna(0)
    keys = ["person_id", "service", "week", "birth_year", "sex"]
    persons = weeks.groupby(keys, observed=True)["hours_per_week"].max().reset_index()
    age = persons["week"].dt.isocalendar().year.astype(int) - persons["birth_year"]
    persons["age_group"] = pd.cut(age, [-1, 17, 39, 59, 79, 200])
    cube = persons.groupby(["service", "age_group", "sex", "week"], observed=True).agg(
        users=("person_id", "nunique"), hours=("hours_per_week", "sum")
    )
    return int(cube["users"].sum())


def pandas_numbers(path: Path) -> int:
    """The same with weeks as numbers, ranges of integers instead of dates."""
    rows = pd.read_parquet(path, columns=COLUMNS)
    monday = pd.Timestamp("2017-01-02")
    first = ((pd.to_datetime(rows["start_date"]) - monday).dt.days // 7).clip(lower=0)
    last = ((pd.to_datetime(rows["end_date"]) - monday).dt.days // 7).fillna(208).clip(upper=208)
    keep = (first <= 208) & (last >= 0)
    rows = rows.assign(week=[range(int(a), int(b) + 1) for a, b in zip(first, last, strict=True)])[keep]
    weeks = rows.explode("week")
    weeks["hours_per_week"] = weeks["hours_per_week"].fillna(0)
    persons = weeks.groupby(["person_id", "service", "week"], observed=True).agg(
        birth_year=("birth_year", "first"), sex=("sex", "first"), hours=("hours_per_week", "max")
    )
    persons = persons.reset_index()
    year = (monday + pd.to_timedelta(persons["week"].astype(int) * 7 + 3, unit="D")).dt.year
    group = pd.cut(year - persons["birth_year"], [-1, 17, 39, 59, 79, 200])
    keys = ["service", "age", "sex", "week"]
    cube = (
        persons.assign(age=group)
        .groupby(keys, observed=True)
        .agg(users=("person_id", "size"), hours=("hours", "sum"))
    )
    return int(cube["users"].sum())


TASKS = {
    "scan": scan,
    "painter": painter,
    "duckdb": duckdb,
    "pandas": pandas,
    "pandas_numbers": pandas_numbers,
}


def peak_mb() -> float:
    """Peak resident memory of this process; ru_maxrss would start at that of the parent."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measure(task: str, path: Path) -> dict:
    """CPU seconds and peak memory of one task in a fresh process."""
    command = [sys.executable, __file__, "--task", task, "--path", str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.loads(answer.splitlines()[-1])


def run_task(task: str, path: Path) -> None:
    if task in ("painter", "duckdb"):  # compile and import before the clock starts
        warm = pd.DataFrame(
            {
                "person_id": [2, 1],
                "birth_year": 1950,
                "sex": 1,
                "municipality": "S001",
                "service": "home_health",
                "start_date": pd.Timestamp("2018-01-01"),
                "end_date": pd.NaT,
                "hours_per_week": 1.0,
            }
        )
        from kostnadsvekst.register import weekly_cube

        for frame in (warm, warm.iloc[::-1]):
            weekly_cube(frame)
    if task == "scan":
        import pyarrow.parquet  # noqa: F401
    before, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    check = TASKS[task](path)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found = {"cpu": cpu, "wall": time.perf_counter() - wall, "peak_mb": peak_mb(), "check": check}
    print(json.dumps(found))


def benchmark(millions: float, folder: Path, with_pandas: bool, with_duckdb: bool) -> None:
    from kostnadsvekst.register import ingest, simulate_episodes

    persons = int(millions * 1e6 / ROWS_PER_PERSON)
    raw, ordered = folder / "raw.parquet", folder / "sorted.parquet"
    begun = time.perf_counter()
    simulate_episodes(persons, out=raw)
    simulated = time.perf_counter()
    report = ingest(raw, ordered)
    print(
        f"\n{millions:g} million: {report.rows_read:,} rows; simulated in {simulated - begun:.0f} s, "
        f"ingested in {time.perf_counter() - simulated:.0f} s (wall)",
        flush=True,
    )
    for order, path in (("sorted", ordered), ("unsorted", raw)):
        base = min((measure("scan", path) for _ in range(3)), key=lambda m: m["cpu"])
        paint = min((measure("painter", path) for _ in range(3)), key=lambda m: m["cpu"])
        show(f"scan, {order}", base, base, None)
        show(f"painter, {order}", paint, base, None)
        if order == "sorted" and with_duckdb:
            show("duckdb, sorted", duck := measure("duckdb", path), base, paint)
            assert duck["check"] == paint["check"]
        if order == "sorted" and with_pandas:
            for task in ("pandas_numbers", "pandas"):
                show(f"{task}, sorted", naive := measure(task, path), base, paint)
                assert naive["check"] == paint["check"]
    raw.unlink()
    ordered.unlink()


def show(name: str, found: dict, base: dict, paint: dict | None) -> None:
    rival = f", {found['cpu'] / paint['cpu']:.0f} x painter" if paint else ""
    print(
        f"  {name:<22} {found['cpu']:8.2f} s CPU = {found['cpu'] / base['cpu']:7.1f} x scan, "
        f"peak {found['peak_mb']:7.0f} MB{rival}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--pandas", action="store_true")
    parser.add_argument("--duckdb", action="store_true")
    parser.add_argument("--task", choices=TASKS)
    parser.add_argument("--path", type=Path)
    options = parser.parse_args()
    if options.task:
        run_task(options.task, options.path)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for millions in options.millions:
            benchmark(millions, Path(folder), options.pandas and millions <= 1, options.duckdb)


if __name__ == "__main__":
    main()
