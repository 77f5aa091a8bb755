"""True effects of the synthetic monthly panel, over the cells that an estimator averages."""

import numpy as np
import pandas as pd

from kostnadsvekst.models.staggered import EventStudy
from kostnadsvekst.synthetic.acute_beds import SyntheticAcuteBeds


def monthly_truth(synthetic: SyntheticAcuteBeds, until: str | None = None) -> float:
    """Mean true log effect over the treated months of municipalities that adopt in the panel.

    Parameters
    ----------
    synthetic : SyntheticAcuteBeds
    until : str, optional
        Last month counted; all of them if left out.
    """
    months = synthetic.panel["month"].to_numpy(dtype=str)[: synthetic.log_effects.shape[1]]
    kept = synthetic.treated & (months <= (until or months[-1]))
    adopters = ~synthetic.treated[:, 0]
    return float(synthetic.log_effects[adopters][kept[adopters]].mean())


def true_cells(synthetic: SyntheticAcuteBeds, study: EventStudy) -> pd.DataFrame:
    """Take the true effects of the treated cells of a quarterly study.

    Parameters
    ----------
    synthetic : SyntheticAcuteBeds
    study : EventStudy
        Of quarters from the panel's first month on.

    Returns
    -------
    DataFrame
        ``horizon`` and ``log_effect``, one row for each treated cell: the log of the mean over the quarter's
        months of the effect on the rate.
    """
    n_months = synthetic.log_effects.shape[1]
    names = synthetic.panel["municipality"].to_numpy(dtype=str)[::n_months]
    row = {name: i for i, name in enumerate(names)}
    order = [row[str(unit)] for unit in study.panel.units]
    quarterly = np.exp(synthetic.log_effects[order]).reshape(len(order), -1, 3).mean(-1)
    treated = study.panel.treated & study.panel.present
    effects = np.log(quarterly)[:, : treated.shape[1]]
    return pd.DataFrame({"horizon": study.panel.horizons[treated], "log_effect": effects[treated]})
