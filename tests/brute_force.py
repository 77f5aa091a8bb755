"""All 286 printed items of tables A1 to A3 by brute force, sharing no code with the package.

Weighted least squares with 365 explicit municipality dummies by numpy's least squares solver, and the stars
from Student's t. Used wherever a test asks what a panel really prints.
"""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

PUBLISHED = Path(__file__).resolve().parents[1] / "data" / "published" / "report_003_tables.csv"
X = [
    "age_0_5", "age_6_15", "age_16_66", "age_67_79", "age_80_plus", "living_alone_80_plus", "divorced_16_66",
    "unemployed_15_74", "immigrants", "urban", "deaths", "population_10k",
]  # fmt: skip
Item = tuple[str, str, str, str]  # table, row, column, "value" or "stars"


def printed_items(panel: pd.DataFrame) -> dict[Item, str]:
    """What the panel prints: (table, row, column, kind) -> text with three decimals, or stars."""
    panel = _with_population_10k(panel)
    fits = {model: lsdv(panel, model) for model in ("A3-1", "A3-2", "A3-3", "A3-4")}
    out: dict[Item, str] = {}
    for cell in published_cells():
        key = (cell["table"], cell["row"], cell["column"])
        number, stars = _compute(panel, fits, cell)
        out[*key, "value"] = f"{number:.3f}"
        if cell["statistic"] == "estimate":
            out[*key, "stars"] = stars
    return out


def published_items() -> dict[Item, str]:
    """What the report prints, in the same form."""
    out: dict[Item, str] = {}
    for cell in published_cells():
        key = (cell["table"], cell["row"], cell["column"])
        out[*key, "value"] = cell["printed"].replace(" ", "").replace(",", ".")
        if cell["statistic"] == "estimate":
            out[*key, "stars"] = cell["stars"]
    return out


def published_cells() -> list[dict[str, str]]:
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["table"] in ("A1", "A2", "A3")]


def lsdv(panel: pd.DataFrame, model: str) -> dict[str, tuple[float, float, float]]:
    """Term -> (estimate, standard error, p-value); "r_squared" -> (R2, nan, nan)."""
    panel = _with_population_10k(panel)
    year = panel["year"].to_numpy()
    columns = {f"C(year)[T.{t}]": (year == t).astype(float) for t in (2016, 2017, 2018, 2019)}
    products = {f"{name}:free_income": column * panel["free_income"] for name, column in columns.items()}
    if model != "A3-1":
        columns |= {name: panel[name].to_numpy(float) for name in X}
    if model in ("A3-3", "A3-4"):
        columns["free_income"] = panel["free_income"].to_numpy(float)
    if model == "A3-4":
        columns |= products
    units, index = np.unique(panel["municipality"], return_inverse=True)
    dummies = np.eye(len(units))[index]
    w = panel["population"].to_numpy(float)
    w = w / w.mean()
    raw = np.column_stack(list(columns.values()))
    size = np.abs(raw).max(axis=0)
    design = np.column_stack([raw / size, dummies]) * np.sqrt(w)[:, None]
    y = panel["net_expenditure"].to_numpy(float)
    b, _, rank, _ = np.linalg.lstsq(design, y * np.sqrt(w), rcond=None)
    assert rank == design.shape[1]
    e = y * np.sqrt(w) - design @ b
    df = len(y) - design.shape[1]
    V = (e @ e / df) * np.linalg.pinv(design.T @ design, hermitian=True)
    k = len(columns)
    # The constant is the weighted mean of the municipality effects (Stata's areg): a linear form in b, whose
    # variance areg takes at fixed mean of y: s2/N + xbar' V xbar.
    xbar = np.average(raw, axis=0, weights=w) / size
    y_mean = np.average(y, weights=w)
    constant = y_mean - xbar @ b[:k]
    constant_se = np.sqrt(e @ e / df / len(y) + xbar @ V[:k, :k] @ xbar)
    estimates = np.append(b[:k] / size, constant)
    ses = np.append(np.sqrt(np.diag(V)[:k]) / size, constant_se)
    p = 2 * stats.t.sf(np.abs(estimates / ses), df)
    r2 = 1 - e @ e / np.sum(w * (y - y_mean) ** 2)
    table = dict(zip([*columns, "constant"], zip(estimates, ses, p, strict=True), strict=True))
    return {**table, "r_squared": (r2, np.nan, np.nan)}


def _with_population_10k(panel: pd.DataFrame) -> pd.DataFrame:
    return panel.assign(population_10k=panel["population"] / 10_000)


def _compute(panel: pd.DataFrame, fits: dict, cell: dict[str, str]) -> tuple[float, str]:
    if cell["statistic"] == "r_squared":
        return fits[cell["model"]]["r_squared"][0], ""
    if cell["table"] == "A3":
        b, se, p = fits[cell["model"]][cell["term"]]
        stars = "***" if p < 0.001 else "**" if p < 0.01 else "*" if p < 0.05 else ""
        return (b, stars) if cell["statistic"] == "estimate" else (se, "")
    rows = panel if "-" in cell["period"] else panel[panel["year"] == int(cell["period"])]
    x, w = rows[cell["variable"]].to_numpy(float), rows["population"].to_numpy(float)
    w = w * len(w) / w.sum()
    mean = np.sum(w * x) / len(x)
    number = {
        "mean": mean,
        "std_dev": np.sqrt(np.sum(w * (x - mean) ** 2) / (len(x) - 1)),
        "minimum": x.min(),
        "maximum": x.max(),
    }[cell["statistic"]]
    return float(number), ""
