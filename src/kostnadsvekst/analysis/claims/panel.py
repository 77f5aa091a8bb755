"""Claims that the municipal panel settles: its size, and who grew."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from kostnadsvekst.analysis.claims.measures import NotInDataError, compute_measure


def measure_panel(measure: str, panel: pd.DataFrame) -> float:
    """Value of a measure of the panel.

    Parameters
    ----------
    measure : str
        As in the column ``measure`` of the claims of chapter ``panel``.
    panel : DataFrame
        From `kostnadsvekst.panel.load.load_panel`.

    Raises
    ------
    NotInDataError
        If the panel has one year only, or fewer than three municipalities in its first and its last.
    """
    return float(compute_measure(measure, COMPUTATIONS, panel))


def _panel_rows(panel: pd.DataFrame) -> float:
    return float(len(panel))


def _growth_of_income_gainers(panel: pd.DataFrame) -> float:
    """Growth of expenditure where income grew most less that elsewhere, percentage points.

    Those where income grew most are the third of the municipalities with the highest growth of free income
    per inhabitant from the first to the last year; the growth of a part is that of its kroner per inhabitant.
    """
    ends = _first_and_last(panel)
    income = ends["free_income", "last"] / ends["free_income", "first"]
    gained = (income.rank(method="first") > 2 * len(income) / 3).to_numpy()
    return _growth_per_inhabitant(ends[gained]) - _growth_per_inhabitant(ends[~gained])


def _first_and_last(panel: pd.DataFrame) -> pd.DataFrame:
    """Municipalities of both the first and the last year, with their numbers in both."""
    years = {"first": panel["year"].min(), "last": panel["year"].max()}
    columns = ["population", "net_expenditure", "free_income"]
    frames = [panel[panel["year"] == year].set_index("municipality")[columns] for year in years.values()]
    wide = pd.concat(frames, axis=1, keys=list(years)).swaplevel(axis=1).dropna()
    if years["first"] == years["last"] or len(wide) < 3:
        raise NotInDataError("growth by thirds needs three municipalities in two years")
    return wide


def _growth_per_inhabitant(ends: pd.DataFrame) -> float:
    spent = {
        end: np.average(ends["net_expenditure", end], weights=ends["population", end])
        for end in ("first", "last")
    }
    return float(100 * (spent["last"] / spent["first"] - 1))


COMPUTATIONS: Mapping[str, Callable[..., float]] = {
    "panel_rows": _panel_rows,
    "growth_of_income_gainers": _growth_of_income_gainers,
}
