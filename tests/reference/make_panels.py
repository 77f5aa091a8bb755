"""Write the small panels that the reference programs read: one file for each shape, drawn from a fixed seed.

Run: python tests/reference/make_panels.py
"""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
SEED = 20_151


def make_panels() -> dict[str, pd.DataFrame]:
    """Name of the shape -> frame with unit, region, year, w, y, x, z, rounded so that text is exact."""
    rng = np.random.default_rng(SEED)
    n_units, years = 18, 6
    unit, year = np.repeat(np.arange(1, n_units + 1), years), np.tile(np.arange(2011, 2011 + years), n_units)
    effect, region = rng.normal(size=n_units)[unit - 1], (unit - 1) % 6 + 1
    x = effect + rng.normal(size=len(unit)) + 0.2 * (year - 2013)
    z = rng.normal(size=len(unit)) * (1 + (unit <= 4))
    shock = rng.normal(size=(6, years))[region - 1, year - 2011]
    noise = rng.normal(size=(n_units, years)).cumsum(axis=1).ravel()
    y = 2 + 0.5 * x - 0.3 * z + effect + shock + noise * (0.3 + 0.1 * np.abs(x))
    w = np.exp(rng.normal(0, 0.7, n_units))[unit - 1] * (1 + 0.1 * rng.uniform(size=len(unit)))
    full = pd.DataFrame({"unit": unit, "region": region, "year": year, "w": w, "y": y, "x": x, "z": z}).round(
        {"w": 4, "y": 4, "x": 4, "z": 4}
    )
    keep = rng.uniform(size=len(full)) > 0.25
    first = full.groupby("unit")["year"].transform("min") == full["year"]
    return {
        "balanced": full,
        # Units begin and end at different years.
        "unbalanced": full[(year >= 2011 + unit % 3) & (year <= 2016 - unit % 4 // 2)],
        # Years are absent inside units, and one year for all.
        "gaps": full[(keep | first) & (year != 2014)],
        # The last four units have a single row.
        "singletons": full[(unit <= 14) | (year == 2012)],
    }


def main() -> None:
    """Write the files."""
    for name, panel in make_panels().items():
        panel.to_csv(HERE / f"panel_{name}.csv", index=False)


if __name__ == "__main__":
    main()
