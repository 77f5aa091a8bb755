"""Independent check of a synthetic panel: weighted least squares with explicit municipality dummies.

Shares no formula with the construction: nothing is demeaned, no Gram matrix is updated, every printed cell is
computed from the data frame and compared as printed.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from kostnadsvekst.sources.published import load_cells

REGRESSORS = {
    "A3-1": (),
    "A3-2": (
        "age_0_5",
        "age_6_15",
        "age_16_66",
        "age_67_79",
        "age_80_plus",
        "living_alone_80_plus",
        "divorced_16_66",
        "unemployed_15_74",
        "immigrants",
        "urban",
        "deaths",
        "population_10k",
    ),
}
REGRESSORS["A3-3"] = (*REGRESSORS["A3-2"], "free_income")
REGRESSORS["A3-4"] = REGRESSORS["A3-3"]
STAR_LEVELS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


def find_misses(panel: pd.DataFrame) -> list[str]:
    """Find the printed items of tables A1 to A3 that a panel does not have.

    Parameters
    ----------
    panel : DataFrame
        Columns as in the shipped synthetic panel.

    Returns
    -------
    list of str
        One line for each item that is not printed as published; empty if all 286 are.
    """
    data = panel.assign(population_10k=panel["population"] / 1e4)
    models = {model: _fit_with_dummies(data, model) for model in REGRESSORS}
    misses = []
    for cell in load_cells("A1", "A2", "A3").to_dict("records"):
        name = f"table {cell['table']}, {cell['row']}, {cell['column']}"
        if cell["table"] == "A3":
            value, stars = _regression_item(models[cell["model"]], cell)
        else:
            value, stars = _descriptive_item(data, cell), ""
        if f"{value:.{cell['decimals']}f}" != f"{cell['value']:.{cell['decimals']}f}":
            misses.append(f"{name}: {value:.6f}, printed {cell['printed']}")
        if stars != cell["stars"]:
            misses.append(f"{name}: stars {stars!r}, printed {cell['stars']!r}")
    return misses


def _descriptive_item(data: pd.DataFrame, cell: Mapping[str, object]) -> float:
    period = str(cell["period"])
    rows = data if "-" in period else data[data["year"] == int(period)]
    x = rows[str(cell["variable"])].to_numpy(float)
    if cell["statistic"] in ("minimum", "maximum"):
        return float(x.min() if cell["statistic"] == "minimum" else x.max())
    weights = rows["population"].to_numpy(float)
    mean = np.average(x, weights=weights)
    if cell["statistic"] == "mean":
        return float(mean)
    return float(np.sqrt(np.average((x - mean) ** 2, weights=weights) * len(x) / (len(x) - 1)))


def _regression_item(model: pd.DataFrame, cell: Mapping[str, object]) -> tuple[float, str]:
    if cell["statistic"] == "r_squared":
        return float(model.attrs["r_squared"]), ""
    row = model.loc[str(cell["term"])]
    if cell["statistic"] == "std_error":
        return float(row["std_error"]), ""
    return float(row["estimate"]), next((s for level, s in STAR_LEVELS if row["p_value"] < level), "")


def _fit_with_dummies(data: pd.DataFrame, model: str) -> pd.DataFrame:
    """Estimate, standard error and p-value of each term and of the constant.

    The constant is that of Stata's ``areg``: the weighted mean of the municipality effects.
    """
    years = pd.get_dummies(data["year"], dtype=float).iloc[:, 1:]
    years.columns = [f"C(year)[T.{year}]" for year in years.columns]
    parts = [years, data[list(REGRESSORS[model])]]
    if model == "A3-4":
        products = years.mul(data["free_income"], axis=0)
        parts.append(products.add_suffix(":free_income"))
    X = pd.concat(parts, axis=1)
    dummies = pd.get_dummies(data["municipality"], dtype=float)
    weights = data["population"].to_numpy(float) * len(data) / data["population"].sum()
    root = np.sqrt(weights)[:, None]
    y = data["net_expenditure"].to_numpy(float)
    # Columns of equal size and shifted by their means: the dummies absorb the shift.
    centre = np.average(X, axis=0, weights=weights)
    spread = (X - centre).std(axis=0).to_numpy()
    design = np.hstack([(X - centre) / spread, dummies]) * root
    Q, R = np.linalg.qr(design)
    coefficients = np.linalg.solve(R, Q.T @ (y * root[:, 0]))
    residuals = y * root[:, 0] - design @ coefficients
    df = len(y) - design.shape[1]
    inverse = np.linalg.inv(R)
    covariance = residuals @ residuals / df * (inverse @ inverse.T)
    k = X.shape[1]
    slopes, V = coefficients[:k] / spread, covariance[:k, :k] / np.outer(spread, spread)
    y_mean = np.average(y, weights=weights)
    constant_var = residuals @ residuals / df / len(y) + centre @ V @ centre
    estimate = np.append(slopes, y_mean - centre @ slopes)
    std_error = np.sqrt(np.append(np.diag(V), constant_var))
    table = pd.DataFrame(
        {"estimate": estimate, "std_error": std_error}, index=pd.Index([*X.columns, "constant"], name="term")
    )
    table["p_value"] = 2 * stats.t.sf(np.abs(estimate / std_error), df)
    table.attrs["r_squared"] = 1 - residuals @ residuals / (weights @ (y - y_mean) ** 2)
    return table
