"""Equivalence: where the report says "no effect", is it shown to be small, or only not shown to be there.

A p value above five per cent says that zero cannot be excluded, not that the effect is zero. Two one-sided
tests (Schuirmann 1987) show an effect to be smaller than a margin stated beforehand: both reject at five per
cent when the 90 % interval lies inside the margin.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.acute_beds import MAIN_OUTCOME
from kostnadsvekst.sources.published import printed_value

# Section 6.2: no effect on elective admissions to internal medicine, and on surgical admissions, at 80+.
OUTCOMES_WITHOUT_EFFECT = (
    "admissions_elective_internal_80plus",
    "admissions_all_surgery_80plus",
    "admissions_elective_surgery_80plus",
    "admissions_acute_surgery_80plus",
)
NO_EFFECT, EFFECT, NOT_SHOWN = "no effect", "effect", "not shown"
_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class EquivalenceTest:
    """Two one-sided tests of one outcome in one period; per cent.

    Attributes
    ----------
    outcome, until : str
    effect : float
    low, high : float
        90 % interval, which lies inside the margin when both tests reject at five per cent.
    p_equivalence : float
        The larger of the two one-sided p values.
    p_zero : float
        Of the ordinary test that the effect is zero.
    verdict : str
        `NO_EFFECT`: shown to be within the margin; else `EFFECT`: zero is excluded; else `NOT_SHOWN`.
    """

    outcome: str
    until: str
    effect: float
    low: float
    high: float
    p_equivalence: float
    p_zero: float
    verdict: str


def default_margin() -> float:
    """Half of the effect that the report finds on its main outcome to the end of 2017, per cent."""
    return abs(printed_value(f"effect_percent:{MAIN_OUTCOME}:2017-12")) / 2


def judge_equivalence(effects: pd.DataFrame, margin_percent: float) -> tuple[EquivalenceTest, ...]:
    """Test each row of a frame of effects against a margin.

    Parameters
    ----------
    effects : DataFrame
        From `kostnadsvekst.acute_beds.estimate_effects`: ``outcome``, ``until``, ``estimate`` (log points),
        ``std_error``, ``df``, ``p_value``. Rows without an estimate are not shown to have any effect, or
        none.
    margin_percent : float
        Effects closer to zero than this are none; between 0 and 100.

    Returns
    -------
    tuple of EquivalenceTest

    Raises
    ------
    SpecificationError
        For a margin that is not between 0 and 100.
    """
    if not 0 < margin_percent < 100:
        raise SpecificationError(f"the margin must lie between 0 and 100 per cent, not at {margin_percent:g}")
    return tuple(_test(row, margin_percent) for row in effects.to_dict("records"))


def select_outcomes(frames: Sequence[pd.DataFrame], outcomes: Sequence[str]) -> pd.DataFrame:
    """Rows of some outcomes, outcome by outcome over the frames."""
    every = pd.concat(frames, ignore_index=True)
    return pd.concat([every[every["outcome"] == name] for name in outcomes], ignore_index=True)


def _test(row: dict[str, object], margin_percent: float) -> EquivalenceTest:
    b, se, df = (float(row[name]) for name in ("estimate", "std_error", "df"))  # type: ignore[arg-type]
    below, above = np.log1p(-margin_percent / 100), np.log1p(margin_percent / 100)
    half = stdtrit(df, 1 - _LEVEL) * se
    p = max(stdtr(df, -(b - below) / se), stdtr(df, -(above - b) / se))
    p_zero = float(row["p_value"])  # type: ignore[arg-type]
    verdict = NO_EFFECT if p < _LEVEL else EFFECT if p_zero < _LEVEL else NOT_SHOWN
    low, high = 100 * np.expm1(b - half), 100 * np.expm1(b + half)
    effect = float(100 * np.expm1(b))
    return EquivalenceTest(
        str(row["outcome"]), str(row["until"]), effect, float(low), float(high), float(p), p_zero, verdict
    )
