"""How strong something left out would have to be to explain the effect of acute beds away."""

import numpy as np
import pandas as pd

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.acute_beds import MAIN_OUTCOME
from kostnadsvekst.models.acute_beds_design import build_beds_design
from kostnadsvekst.models.confounding import Sensitivity, sensitivity
from kostnadsvekst.models.fixed_effects import estimate
from kostnadsvekst.models.specifications import Specification
from kostnadsvekst.panel.monthly import DEMAND, SUPPLY, TREATMENT, outcome_counts, to_grid

BENCHMARKS = {"demand": DEMAND, "supply": SUPPLY}


def sensitivity_of_effect(panel: pd.DataFrame, until: str, outcome: str = MAIN_OUTCOME) -> Sensitivity:
    """Robustness values of the report's model of one outcome, with demand and supply as benchmarks.

    Parameters
    ----------
    panel : DataFrame
        From `kostnadsvekst.acute_beds.load_panel`.
    until : str
        Last month used.
    outcome : str
        One of `kostnadsvekst.acute_beds.OUTCOMES`.

    Returns
    -------
    Sensitivity

    Raises
    ------
    SpecificationError
        The panel does not identify the effect.
    """
    grid = to_grid(panel, until)
    design = build_beds_design(grid, None, False, (), False)
    counts = outcome_counts(grid, outcome)
    with np.errstate(invalid="ignore"):
        used = grid.present & (counts > 0)
    if not used.any():
        raise SpecificationError(f"{outcome}: no month has a contact")
    unit, time = np.nonzero(used)
    columns = {f"x{k}": values[used] for k, values in enumerate(design.X)}
    data = pd.DataFrame(
        {
            "municipality": grid.municipalities[unit],
            "month": time,
            "season": np.asarray(grid.months.month)[time],
            "y": np.log(counts[used]),
            **columns,
        }
    )
    names = dict(zip(design.names, columns, strict=True))
    spec = Specification("y", (*columns, "C(season)"), "municipality", "month")
    groups = {name: [names[f"log {part}"] for part in parts] for name, parts in BENCHMARKS.items()}
    return sensitivity(estimate(spec, data), names[TREATMENT], groups)
