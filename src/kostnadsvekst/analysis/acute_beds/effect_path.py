"""Search for the effect path on which the synthetic monthly panel prints the report's two estimates."""

import numpy as np

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.acute_beds import MAIN_OUTCOME, estimate_effects
from kostnadsvekst.sources.published import printed_value
from kostnadsvekst.synthetic.acute_beds import DEFAULT_SEED, EffectPath, simulate

# Section 6.2 of the report: data to the end of 2014 and to the end of 2017.
PERIODS = ("2014-12", "2017-12")
# Well inside half a unit of the last printed digit.
TOLERANCE = 0.015
_STEP = 0.01
_MAX_ITERATIONS = 12


def targets() -> tuple[float, ...]:
    """Return the estimates that the report prints for the main outcome on `PERIODS`, per cent."""
    return tuple(printed_value(f"effect_percent:{MAIN_OUTCOME}:{until}") for until in PERIODS)


def printed_estimates(seed: int, path: EffectPath) -> tuple[float, float]:
    """Estimates of the report's model for the main outcome on the two periods, per cent."""
    panel = simulate(seed, path).panel
    first, second = (
        float(estimate_effects(panel, [MAIN_OUTCOME], until)["effect_percent"].iloc[0]) for until in PERIODS
    )
    return first, second


def find_effect_path(seed: int = DEFAULT_SEED, start: EffectPath | None = None) -> EffectPath:
    """Level and growth of the effect for which the estimates are the `targets`.

    Parameters
    ----------
    seed : int
    start : EffectPath, optional

    Returns
    -------
    EffectPath

    Raises
    ------
    SpecificationError
        If the search does not settle.

    Notes
    -----
    Newton's method with a difference quotient; counts are coupled across paths by their uniform numbers,
    so the estimates are nearly smooth in the path.
    """
    point = np.array([0.01, 0.02]) if start is None else np.array([start.level, start.growth])
    goal = np.array(targets())
    slopes = None
    for _ in range(_MAX_ITERATIONS):
        here = np.array(printed_estimates(seed, EffectPath(*point)))
        if (np.abs(here - goal) < TOLERANCE).all():
            return EffectPath(*point)
        if slopes is None:
            shifted = [printed_estimates(seed, EffectPath(*(point + _STEP * unit))) for unit in np.eye(2)]
            slopes = (np.array(shifted).T - here[:, None]) / _STEP
        point = point - np.linalg.solve(slopes, here - goal)
    raise SpecificationError(f"no effect path found for seed {seed}: last estimates {here}")
