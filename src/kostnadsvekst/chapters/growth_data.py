"""What chapter 4 is computed from: synthetic data, a store, or a panel of the user's own."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kostnadsvekst.chapters import Settings
from kostnadsvekst.panel.functions import read_functions
from kostnadsvekst.panel.kostra_groups import add_groups
from kostnadsvekst.panel.load import load_panel
from kostnadsvekst.panel.prices import price_index
from kostnadsvekst.provenance import Provenance, provenance_of
from kostnadsvekst.sources.published import load_cells
from kostnadsvekst.sources.store import DESCRIPTION, read_store
from kostnadsvekst.synthetic.expenditures import assign_groups, make_expenditures

BASE_YEAR = 2019
FIRST, LAST, LAST_PANEL = 2015, 2020, 2019


@dataclass(frozen=True, slots=True)
class GrowthData:
    """What the chapter computes from; None where the data at hand do not have it.

    Attributes
    ----------
    expenditures : DataFrame, optional
        Current prices, 1000 kroner, index year, one column for each function and the total.
    panel : DataFrame, optional
        With the column ``kostra_group``.
    provenance : Provenance
    """

    expenditures: pd.DataFrame | None
    panel: pd.DataFrame | None
    provenance: Provenance


def load_data(settings: Settings) -> GrowthData:
    """Synthetic data, a store's, or what a user's panel has.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    GrowthData
    """
    if settings.data is None:
        cells = load_cells("1")
        amounts = cells[cells["statistic"] == "amount_nok1000"].set_index("row")["value"]
        made = make_expenditures(amounts, price_index(BASE_YEAR))
        panel = load_panel()
        panel = panel.assign(kostra_group=panel["municipality"].map(assign_groups(panel)))
        return GrowthData(made, panel, provenance_of(made))
    panel = load_panel(settings.data, settings.rename)
    provenance = provenance_of(panel)
    if not (Path(settings.data) / DESCRIPTION).is_file():
        return GrowthData(None, panel if "kostra_group" in panel else None, provenance)
    store = read_store(settings.data)
    spent = store.tables.get("expenditure_by_function")
    grouped = store.tables.get("kostra_groups")
    return GrowthData(
        None if spent is None else read_functions(spent),
        None if grouped is None else add_groups(panel, grouped, LAST_PANEL).dropna(subset="kostra_group"),
        provenance,
    )
