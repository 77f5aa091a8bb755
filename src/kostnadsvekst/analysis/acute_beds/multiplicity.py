"""The 81 outcomes of chapter 6 tested together."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.acute_beds import OUTCOMES
from kostnadsvekst.models.acute_beds_design import build_beds_design
from kostnadsvekst.models.fixed_effects import fit_within
from kostnadsvekst.models.multiple_testing import OneTest, joint_tests
from kostnadsvekst.panel.monthly import MonthlyGrid, outcome_counts, to_grid
from kostnadsvekst.provenance import provenance_of

Floats = NDArray[np.float64]

DRAWS = 9_999


def judge_outcomes(
    panel: pd.DataFrame,
    until: str,
    outcomes: Sequence[str] = OUTCOMES,
    *,
    draws: int = DRAWS,
    seed: int = 20_201,
) -> pd.DataFrame:
    """Test the effect on many outcomes with p values that count how many were tested.

    Parameters
    ----------
    panel : DataFrame
        From `kostnadsvekst.acute_beds.load_panel`.
    until : str
        Last month used.
    outcomes : sequence of str
    draws, seed
        Of the wild cluster bootstrap, by municipality.

    Returns
    -------
    DataFrame
        As `kostnadsvekst.many_outcomes`, for the report's model (log counts, municipality effects, calendar
        months); outcomes without an identified effect are named in ``attrs["refused"]``.
    """
    grid = to_grid(panel, until)
    design = build_beds_design(grid, None, False, (), False)
    X = np.concatenate([design.X, _seasons(grid)])
    refused: list[str] = []

    def tests() -> Iterator[OneTest]:
        for name in outcomes:
            try:
                yield _one(grid, name, X)
            except SpecificationError:
                refused.append(name)

    frame = joint_tests(tests(), draws=draws, seed=seed)
    frame.attrs |= {"refused": refused, "provenance": provenance_of(panel).to_attrs()}
    return frame


def _one(grid: MonthlyGrid, name: str, X: Floats) -> OneTest:
    counts = outcome_counts(grid, name)
    with np.errstate(invalid="ignore"):
        used = grid.present & (counts > 0) & np.isfinite(X).all(axis=0)
    if not used.any():
        raise SpecificationError(f"{name}: no month has a contact")
    unit = np.nonzero(used)[0]
    present, codes = np.unique(unit, return_inverse=True)
    fit = fit_within(np.log(counts[used]), X[:, used].T.copy(), np.ones(len(unit)), codes)
    if 0 not in fit.kept:
        raise SpecificationError(f"{name}: acute beds do not vary")
    # The municipality effects are nested in the clusters.
    return OneTest(name, fit, fit.kept.index(0), grid.municipalities[present], codes, "xtreg")


def _seasons(grid: MonthlyGrid) -> Floats:
    """Dummies of the calendar months but the first, (11, N, T)."""
    month = np.asarray(grid.months.month)
    dummies = np.array([month == m for m in np.unique(month)[1:]], dtype=float)
    return np.repeat(dummies[:, None, :], len(grid.municipalities), axis=1)
