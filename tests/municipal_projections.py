"""Made-up editions of a projection and the population that came, for tests of bands."""

import numpy as np
import pandas as pd

GROUPS = ("0-66", "67-79", "80-89", "90+")
FIVE = ("Under 67 år", "67-79 år", "80-84 år", "85-89 år", "90 år og over")
# Share of a made-up municipality's inhabitants in each group.
SHARES = (0.82, 0.12, 0.048, 0.012)


def made_up_record(seed=1, editions=(2010, 2012, 2014, 2016), places=12, last=2022, common=0.01, counted=1.0):
    """Editions of which the log errors are known: common to an edition, and of each place by its size."""
    rng = np.random.default_rng(seed)
    sizes = np.exp(rng.uniform(np.log(1500), np.log(50_000), places))
    years = range(min(editions), last + 1)
    came = [
        (f"K{m:02d}", year, group, round(size * share * 1.01 ** (year - min(editions))))
        for m, size in enumerate(sizes)
        for year in years
        for group, share in zip(GROUPS, SHARES, strict=True)
    ]
    actual = pd.DataFrame(came, columns=["municipality", "year", "age_group", "population"])
    told = []
    for edition in editions:
        rows = actual[actual["year"] >= edition].copy()
        horizon = (rows["year"] - edition).to_numpy()
        shock = {g: rng.normal(0, common, last + 1 - edition).cumsum() for g in GROUPS}
        own = np.array([shock[g][h - 1] if h else 0 for g, h in zip(rows["age_group"], horizon, strict=True)])
        spread = np.sqrt(counted * horizon / rows["population"].to_numpy())
        rows["population"] = rows["population"] * np.exp(-own - spread * rng.normal(size=len(rows)))
        told.append(rows.assign(edition=edition, alternative="MMMM"))
    return pd.concat(told, ignore_index=True), actual


def population(years=(2020, 2030, 2050), groups=FIVE, alternatives=("MMMM",), grow=0.02):
    """A made-up projection of five age groups."""
    start = dict(zip(groups, (58_500, 7_200, 1_381, 915, 650), strict=False))
    rows = [
        (alternative, year, group, round(start[group] * (1 + grow * (k + 1)) ** (year - years[0])))
        for k, alternative in enumerate(alternatives)
        for year in years
        for group in groups
    ]
    return pd.DataFrame(rows, columns=["alternative", "year", "age_group", "population"])
