"""Effects of cohorts in periods by differences in outcome changes between a cohort and its controls."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.staggered.adjusted_contrasts import Contrast, compare_adjusted, compare_means
from kostnadsvekst.models.staggered.adoption_panel import LISTED, NEVER, AdoptionPanel
from kostnadsvekst.models.staggered.group_time import CellEffect, Estimated, collect

Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Which comparisons Callaway and Sant'Anna's estimator makes.

    Attributes
    ----------
    control : {"not_yet_treated", "never_treated"}
    base_period : {"universal", "varying"}
        Before treatment, changes are taken from the last unaffected period, or from the period before.
    anticipation : int
        Periods before treatment in which units may already be affected.
    adjustment : {"doubly_robust", "regression", "weighting"}
        How covariates are used.
    """

    control: str = "not_yet_treated"
    base_period: str = "universal"
    anticipation: int = 0
    adjustment: str = "doubly_robust"

    def base(self, cohort: int, period: int) -> int:
        """Period from which the change up to a period is taken; negative if there is none."""
        last = cohort - 1 - self.anticipation
        return last if self.base_period == "universal" or period > last else period - 1

    def controls(self, first: Ints, cohort: int, period: int, base: int) -> Bools:
        """(N,) units that neither the period nor the base period finds affected."""
        late = NEVER - 1 if self.control == "never_treated" else max(period, base) + self.anticipation
        chosen: Bools = (first > late) & (first != cohort)
        return chosen


def callaway_santanna(panel: AdoptionPanel, comparisons: Comparisons) -> Estimated:
    """Differences in (adjusted) means of outcome changes between a cohort and its controls.

    Parameters
    ----------
    panel : AdoptionPanel
        Balanced, with weights constant in a unit, nobody affected from the start.
    comparisons : Comparisons

    Returns
    -------
    Estimated
        Without the base period itself, where the effect is zero by construction.

    Raises
    ------
    SpecificationError
        If the covariates identify no effect at all.

    Notes
    -----
    Callaway and Sant'Anna (2021), equations 2.3 to 2.5 with anticipation. Not yet treated controls of cohort
    g in period t are units that are first affected after both t and the base period. Covariates are those of
    the earlier one of both periods, as in R's did.
    """
    w = panel.weights[:, 0] / panel.weights[:, 0].mean()
    found: list[CellEffect] = []
    failed: list[str] = []
    for g in (int(cohort) for cohort in panel.cohorts):
        for t in range(panel.y.shape[1]):
            base = comparisons.base(g, t)
            controls = comparisons.controls(panel.first, g, t, base)
            if base < 0 or base == t or not controls.any():
                continue
            chosen = np.flatnonzero(controls | (panel.first == g))
            try:
                contrast = _contrast(panel, chosen, w, (g, t, base), comparisons.adjustment)
            except SpecificationError as error:
                failed.append(f"{panel.periods[g]} in {panel.periods[t]}: {error}")
                continue
            influence = np.zeros(len(w))
            influence[chosen] = contrast.influence
            found.append(
                CellEffect(g, t, contrast.estimate, influence, float(w[panel.first == g].sum()), controls)
            )
    if not found:
        raise SpecificationError("no effect is identified: " + "; ".join(failed[:LISTED]))
    return Estimated(collect(found, panel, w, random_shares=True), panel, _note(failed))


def _contrast(
    panel: AdoptionPanel, chosen: Ints, w: NDArray[np.float64], cell: tuple[int, int, int], adjustment: str
) -> Contrast:
    g, t, base = cell
    change, treated = panel.y[chosen, t] - panel.y[chosen, base], panel.first[chosen] == g
    if not len(panel.covariates):
        return compare_means(change, w[chosen], treated)
    covariates = panel.covariates[:, chosen, min(t, base)].T
    return compare_adjusted(change, covariates, w[chosen], treated, adjustment)


def _note(failed: list[str]) -> tuple[str, ...]:
    if not failed:
        return ()
    more = f" and {len(failed) - LISTED} more" if len(failed) > LISTED else ""
    listed = "; ".join(failed[:LISTED]) + more
    return (f"{len(failed)} effect(s) of a cohort in a period are not identified and are left out: {listed}",)
