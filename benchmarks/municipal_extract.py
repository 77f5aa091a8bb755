"""An extract of all municipalities through the profile, beside the same arithmetic by hand, in the same run.

Run: python benchmarks/municipal_extract.py [--municipalities 356] [--years 20] [--rounds 3]

A made-up extract is written as Parquet; each row is a process of its own that reads it and writes Parquet,
as a user runs it, and they take turns so that a busy machine is busy for all. The rivals compute values, the
means of municipalities, indices and colours with DuckDB's SQL and with pandas' group-by, for users, places,
man-years and gross costs per inhabitant and costs per recipient, by service: no check of what was given, no
sums of own and bought, no age groups, no shares. The profile has more rows, so CPU seconds for a million rows
are compared; what the whole takes, with the start of the interpreter, and its largest memory are told, too.
A row more reads the profile, adds its intervals, shrunken values and ranks, and writes them.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OURS = "kostnadsvekst"
INTERVALS = "its intervals"
# Where each program writes its rows.
FILES = {OURS: "user-groups/profile.parquet", INTERVALS: "intervals.parquet"}

SQL = """
import sys, duckdb
folder, out = sys.argv[1:3]
c = duckdb.connect()
for name in ("population", "counts", "accounts"):
    c.execute(f"create view {name} as from read_parquet('{folder}/{name}.parquet')")
keys = "municipality, year, \\"group\\", service, provision"
c.execute(f'''create table cells as
    with spent as (select {keys}, sum(gross_kr) as gross_kr from accounts group by all),
    wide as (select * from counts full join spent using ({keys})),
    beside as (select wide.*, population * need_index as adjusted from wide
               join population using (municipality, year))
    select {keys}, m.measure, m.top as numerator, m.bottom as denominator, m.top / m.bottom * m.per as value
    from beside, unnest([
        {{'measure': 'users', 'top': users::double, 'bottom': adjusted, 'per': 1000.0}},
        {{'measure': 'places', 'top': places::double, 'bottom': adjusted, 'per': 1000.0}},
        {{'measure': 'fte', 'top': fte::double, 'bottom': adjusted, 'per': 1000.0}},
        {{'measure': 'gross', 'top': gross_kr::double, 'bottom': adjusted, 'per': 1.0}},
        {{'measure': 'unit_cost', 'top': gross_kr::double, 'bottom': nullif(users, 0)::double, 'per': 1.0}},
    ]) as t(m) where m.top is not null and m.bottom is not null''')
c.execute(f'''copy (select *, value / mean * 100 as "index",
    case when value > mean then 'red' when value < mean then 'green' else '' end as colour
    from (select *, avg(value) over (partition by year, "group", service, provision, measure) as mean
          from cells) order by year, "group", measure, service, provision, municipality)
    to '{out}/profile.parquet' (compression zstd)''')
print(c.execute("select count(*) from cells").fetchone()[0])
"""
PANDAS = """
import sys, pandas as pd, numpy as np
folder, out = sys.argv[1:3]
names = ("population", "counts", "accounts")
people, counts, accounts = (pd.read_parquet(f"{folder}/{n}.parquet") for n in names)
keys = ["municipality", "year", "group", "service", "provision"]
spent = accounts.groupby(keys)["gross_kr"].sum().reset_index()
both = counts.merge(spent, on=keys, how="outer").merge(people, on=["municipality", "year"])
both["adjusted"] = both["population"] * both["need_index"]
parts = []
for measure, top, bottom, per in (
    ("users", "users", "adjusted", 1000),
    ("places", "places", "adjusted", 1000),
    ("fte", "fte", "adjusted", 1000),
    ("gross", "gross_kr", "adjusted", 1),
    ("unit_cost", "gross_kr", "users", 1),
):
    part = both[keys].assign(measure=measure, numerator=both[top])
    part["denominator"] = both[bottom].replace(0, np.nan)
    part["value"] = part["numerator"] / part["denominator"] * per
    parts.append(part.dropna())
rows = pd.concat(parts)
rows["mean"] = rows.groupby(["year", "group", "service", "provision", "measure"])["value"].transform("mean")
rows["index"] = rows["value"] / rows["mean"] * 100
below = np.where(rows["value"] < rows["mean"], "green", "")
rows["colour"] = np.where(rows["value"] > rows["mean"], "red", below)
rows = rows.sort_values(["year", "group", "measure", "service", "provision", "municipality"])
rows.to_parquet(f"{out}/profile.parquet", compression="zstd", index=False)
print(len(rows))
"""

WITH_INTERVALS = """
import sys, warnings, pandas as pd
from kostnadsvekst.municipal.comparison import intervals
folder, out = sys.argv[1:3]
profile = pd.read_parquet(f"{out}/user-groups/profile.parquet")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    found = intervals(profile)
found.attrs["left_out"] = []
found.to_parquet(f"{out}/intervals.parquet", compression="zstd", index=False)
"""


def programs(folder: Path, out: Path) -> dict[str, list[str]]:
    """Command of each row."""
    command = ["-m", "kostnadsvekst", "municipal", "user-groups", str(folder), "--out", str(out), "--quiet"]
    return {
        OURS: command,
        INTERVALS: ["-c", WITH_INTERVALS, str(folder), str(out)],
        "DuckDB's SQL": ["-c", SQL, str(folder), str(out)],
        "pandas by hand": ["-c", PANDAS, str(folder), str(out)],
    }


def run(words: list[str]) -> tuple[float, float]:
    """CPU seconds and largest memory, MB, of a process that must succeed."""
    path = str(ROOT / "src") + os.pathsep + os.environ.get("PYTHONPATH", "")
    process = subprocess.Popen(
        [sys.executable, *words], env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{words[:3]} failed")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    """Print a row for each program."""
    import pyarrow.parquet as pq

    from kostnadsvekst.municipal.extracts import write_extract
    from kostnadsvekst.synthetic.municipal_extract import make_extract

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in (("municipalities", 356), ("years", 20), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value, help="%(default)s")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as where:
        folder, out = Path(where, "extract"), Path(where, "out")
        write_extract(make_extract(given.municipalities, given.years).tables(), folder)
        out.mkdir()
        taken: dict[str, list[tuple[float, float]]] = {}
        rows = {}
        for _ in range(given.rounds):
            for name, words in programs(folder, out).items():
                taken.setdefault(name, []).append(run(words))
                file = out / FILES.get(name, "profile.parquet")
                rows[name] = pq.ParquetFile(file).metadata.num_rows
    print(
        f"{'program':<18}{'rows':>12}{'CPU, s':>10}{'s a million':>14}{'ours over it':>14}{'memory, MB':>12}"
    )
    each = {n: statistics.median(s for s, _ in t) / rows[n] * 1e6 for n, t in taken.items()}
    for name, runs in taken.items():
        seconds, memory = (statistics.median(one) for one in zip(*runs, strict=True))
        ratio = each[OURS] / each[name]
        print(f"{name:<18}{rows[name]:>12,}{seconds:>10.2f}{each[name]:>14.2f}{ratio:>14.2f}{memory:>12.0f}")


if __name__ == "__main__":
    main()
