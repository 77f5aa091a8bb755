"""How large an effect a design would have found: by formula, and by resampling what is left of the data.

Sources: Bloom (1995), Minimum detectable effects, Evaluation Review 19, 547-556; Burlig, Preonas and Woerman
(2020), Panel data and experimental design, Journal of Development Economics 144, 102458, for errors that are
correlated over time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.fixed_effects import fit_within
from kostnadsvekst.models.notebook_face import Shown
from kostnadsvekst.models.origins import with_origin
from kostnadsvekst.models.staggered import AdoptionPanel, event_study, read_adoption_panel
from kostnadsvekst.models.staggered.adoption_panel import NEVER
from kostnadsvekst.models.wild_bootstrap import draw_signs
from kostnadsvekst.provenance import UNKNOWN, Provenance

Floats = NDArray[np.float64]

POWER, ALPHA = 0.8, 0.05


@dataclass(frozen=True, slots=True, repr=False)
class ResampledPower(Shown):
    """Estimates of an effect that is zero, from resampled data.

    Attributes
    ----------
    estimates, std_errors : (R,) array
        Of the draws that gave both.
    critical : float
        Of the test: zero is rejected where the estimate is this many standard errors away.
    provenance : Provenance
        Origin of the data.
    """

    estimates: Floats
    std_errors: Floats
    critical: float
    provenance: Provenance = field(default=Provenance(UNKNOWN), repr=False, compare=False, kw_only=True)

    def power(self, effect: float) -> float:
        """Share of draws in which an effect of this size would have been found.

        Notes
        -----
        The estimators are linear in the outcome and have the effect among what they fit: an effect that is
        the same in all treated cells moves each draw's estimate by itself and leaves its standard error.
        """
        found = np.abs(self.estimates + effect) > self.critical * self.std_errors
        return float(found.mean())

    def detectable(self, power: float = POWER) -> float:
        """Smallest positive effect found with this probability, interpolated between the draws."""
        # A draw finds every effect above critical x error - estimate: a quantile of these thresholds.
        return float(np.quantile(self.critical * self.std_errors - self.estimates, power))

    @property
    def false_alarms(self) -> float:
        """Share of draws that find an effect where there is none."""
        return self.power(0.0)


def detectable_effect(
    std_error: float, df: float = np.inf, power: float = POWER, alpha: float = ALPHA
) -> float:
    """Effect that a two-sided test finds with a given probability, in units of the estimate.

    Parameters
    ----------
    std_error : float
        Of the estimate, as clustered and weighted as it will be tested.
    df : float
        Degrees of freedom of the test.
    power, alpha : float

    Returns
    -------
    float
        (t at 1 - alpha/2 plus t at power) standard errors: 2.80 with many clusters. NaN without an error.

    Raises
    ------
    SpecificationError
        A power or level that is no probability, or a power below the level.
    """
    if not (0 < alpha < power < 1):
        raise SpecificationError(f"power={power!r} and alpha={alpha!r}: 0 < alpha < power < 1 is needed")
    quantiles = stdtrit(min(df, 1e12), np.array([1 - alpha / 2, power]))
    return float(quantiles.sum() * std_error)


@with_origin
def resample_power(
    data: pd.DataFrame,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    *,
    method: str = "imputation",
    draws: int = 199,
    seed: int = 15_4,
    alpha: float = ALPHA,
    step: Callable[[], None] = lambda: None,
) -> ResampledPower:
    """Estimate an effect that is zero again and again, on the adoption path and with the errors of the data.

    Parameters
    ----------
    data : DataFrame
    outcome, unit, time, first_treated : str
        As in `kostnadsvekst.staggered.event_study`.
    method : str
        One of `kostnadsvekst.staggered.METHODS`.
    draws, seed : int
    alpha : float
        Two-sided level of the test of the mean effect.
    step : callable
        Called after each draw.

    Returns
    -------
    ResampledPower

    Raises
    ------
    SpecificationError
        The method gives no standard error.

    Notes
    -----
    The residuals of the outcome on units, periods and the effect of each time since treatment keep their path
    over time and get one random sign for each unit: serial correlation and spread that differ between units
    stay as they are, what units have in common at a time does not.
    """
    panel = read_adoption_panel(data, outcome, unit, time, first_treated)
    frame, residuals = _residuals(panel)
    estimates, errors = [], []
    for v in draw_signs(len(panel.units), draws, seed).values:
        drawn = frame.assign(y=residuals * v[frame["unit"].to_numpy()])
        mean = event_study(drawn, "y", "unit", "time", "first", method=method).aggregate("simple")
        estimates.append(mean.estimate)
        errors.append(mean.std_error)
        step()
    known = np.isfinite(errors)
    if not known.any():
        raise SpecificationError(f"{method} gives no standard error of the mean effect")
    critical = float(stdtrit(1e12, 1 - alpha / 2))
    return ResampledPower(np.array(estimates)[known], np.array(errors)[known], critical)


def _residuals(panel: AdoptionPanel) -> tuple[pd.DataFrame, Floats]:
    """Rows of the panel (unit and time as numbers), and the residuals of their outcomes."""
    unit, time = np.nonzero(panel.present)
    first = panel.first[unit].astype(float)
    first[panel.first[unit] >= NEVER] = np.nan
    since = np.where(panel.treated, panel.horizons, -1)[unit, time]
    found = np.unique(since[since >= 0])
    X = (since[:, None] == found).astype(float)
    codes = [np.unique(c, return_inverse=True)[1].astype(np.intp) for c in (unit, time)]
    fit = fit_within(panel.y[unit, time], X, np.ones(len(unit)), codes[0], absorb=[codes[1]])
    return pd.DataFrame({"unit": unit, "time": time, "first": first}), fit.residuals
