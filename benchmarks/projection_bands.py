"""How often bands from the record hold what came, leaving one edition out; writes results/projection/*.csv.

python benchmarks/projection_bands.py FOLDER

FOLDER has editions of Statistics Norway's population projections (``*_YYYY-YYYY.csv.gz``) and the population
that came (``*_hist.csv.gz``), as the StatBank writes them. Also writes the errors that ship with the package
(data/parameters/projection_errors.csv). Only sums over municipalities are written. Source: Statistics Norway,
tables 08109, 10213, 11668, 12882, 13600, 14288, 14746 and population 1 January (CC BY 4.0).
"""

import math
import sys
import warnings
from pathlib import Path

import pandas as pd

from kostnadsvekst.municipal import projection
from kostnadsvekst.report.output import write_files
from kostnadsvekst.sources.age_groups import in_age_groups
from kostnadsvekst.sources.population_projections import MAIN, read_population, read_projections

ROOT = Path(__file__).resolve().parents[1]
GROUPS = ["0-66", "67-79", "80-89", "90+"]
OLD = ["80+"]
# As seed text 001 prints them, per cent of the age group: weights of the ages in a sum of places.
COVERAGE = {"0-66": 0.0005, "67-79": 0.014, "80-89": 0.077, "90+": 0.237}
LEVELS = (0.5, 0.8, 0.9, 0.95)
MERGED = {"Midt-Telemark": ["Bø (Telemark)", "Sauherad"]}
SOURCE = "Statistics Norway, population projections 2010-2024 and population 2010-2026, Telemark"
KEYS = ["municipality", "year", "age_group"]


def read(folder, groups):
    """Editions and the population that came, in the same age groups and borders."""
    editions = read_projections(sorted(Path(folder).glob("*_[0-9]*-[0-9]*.csv.gz")))
    came = in_age_groups(read_population(next(Path(folder).glob("*_hist.csv.gz"))), groups)
    same = projection.same_borders(in_age_groups(editions, groups), came, merged=MERGED)
    return same, came


def leave_one_out(editions, came):
    """Every projected number of each edition, with the band that the other editions give it."""
    parts = []
    came = came.rename(columns={"population": "came"})
    for edition in sorted(editions["edition"].unique()):
        own = editions[(editions["edition"] == edition) & (editions["alternative"] == MAIN)]
        met = own.merge(came[[*KEYS, "came"]], on=KEYS)
        met = met[(met["year"] > edition) & (met["came"] > 0)]
        if met.empty:
            continue
        record = projection.errors(
            editions[editions["edition"] != edition], came.rename(columns={"came": "population"})
        )
        met = met.assign(places=met["population"], horizon=met["year"] - edition)
        parts += [projection.bands(met, record, level=level).assign(level=level) for level in LEVELS]
    return pd.concat(parts, ignore_index=True)


def in_total(banded):
    """The same of places summed over age groups, with the coverage of the ages as weights."""
    weights = banded["age_group"].map(COVERAGE)
    weighted = banded.assign(**{name: banded[name] * weights for name in ("places", "low", "high", "came")})
    parts = []
    for (edition, level), rows in weighted.groupby(["edition", "level"]):
        made = projection.totals(rows)
        sums = rows.groupby(["municipality", "year"])["came"].sum().reset_index()
        made = made.merge(sums, on=["municipality", "year"]).assign(edition=edition, level=level)
        parts.append(made.assign(horizon=made["year"] - edition, editions=0))
    return pd.concat(parts, ignore_index=True)


def shares(rows, age_group, horizon):
    """One row of the table: how many were held, of how many, and how sure that is."""
    held = (rows["came"] >= rows["low"] * (1 - 1e-12)) & (rows["came"] <= rows["high"] * (1 + 1e-12))
    n, editions = len(rows), rows["edition"].nunique()
    share = held.mean()
    by_place = held.groupby(rows["municipality"]).mean()
    return {
        "age_group": age_group,
        "horizon": horizon,
        "level_percent": round(100 * rows["level"].iloc[0]),
        "held_percent": 100 * share,
        "binomial_se_points": 100 * math.sqrt(share * (1 - share) / n),
        "municipality_cluster_se_points": 100 * by_place.std() / math.sqrt(len(by_place)),
        "n": n,
        "editions_tested": editions,
        "editions_behind_the_band": editions - 1,
        "municipalities": rows["municipality"].nunique(),
        "extrapolated": bool(rows["extrapolated"].all()),
    }


def table(banded):
    """By age group and horizon, and all of each together."""
    made = []
    for _, rows in banded.groupby("level"):
        for age, own in rows.groupby("age_group", sort=False):
            made += [shares(part, age, str(h)) for h, part in own.groupby("horizon")]
            made.append(shares(own, age, "all"))
        if len(set(rows["age_group"])) > 1:
            made += [shares(part, "each", str(h)) for h, part in rows.groupby("horizon")]
            made.append(shares(rows, "each", "all"))
    return pd.DataFrame(made)


def alternatives(editions, came):
    """How often the range from LLML to HHMH held what came, by edition and horizon."""
    wide = editions.pivot_table(
        index=["edition", *KEYS], columns="alternative", values="population"
    ).reset_index()
    met = wide.merge(came[[*KEYS, "population"]], on=KEYS)
    met = met[met["year"] > met["edition"]]
    met = met.assign(
        horizon=met["year"] - met["edition"],
        held=(met["population"] >= met["LLML"]) & (met["population"] <= met["HHMH"]),
    )
    grouped = met.groupby(["age_group", "edition", "horizon"])["held"]
    made = grouped.agg(municipalities="size", held_percent="mean").reset_index()
    return made.assign(held_percent=100 * made["held_percent"])


def text_of(frame, digits="%.1f"):
    told = frame.assign(source=SOURCE, data_origin="Statistics Norway")
    return told.to_csv(index=False, lineterminator="\n", float_format=digits)


def main():
    warnings.simplefilter("ignore")
    folder = sys.argv[1]
    (editions, came), (old, old_came) = read(folder, GROUPS), read(folder, OLD)
    banded = leave_one_out(editions, came)
    total = in_total(banded)
    held = pd.concat([table(banded), table(leave_one_out(old, old_came)), table(total)], ignore_index=True)
    record = pd.concat([projection.errors(editions, came), projection.errors(old, old_came)])
    files = {
        "results/projection/coverage_of_bands.csv": text_of(held),
        "results/projection/range_of_alternatives.csv": text_of(
            pd.concat([alternatives(editions, came), alternatives(old, old_came)])
        ),
        "data/parameters/projection_errors.csv": f"# Source: {SOURCE}\n"
        + record.to_csv(index=False, lineterminator="\n", float_format="%.8g"),
    }
    write_files(ROOT, files)
    shown = held[(held["level_percent"] == 90)]
    print(shown.pivot_table(index="horizon", columns="age_group", values="held_percent").round(0).to_string())
    print(held[held["horizon"] == "all"].round(1).to_string())


if __name__ == "__main__":
    main()
