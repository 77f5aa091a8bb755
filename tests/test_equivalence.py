"""Equivalence tests of "no effect": by hand, at the edge of the margin, and for rows without an estimate."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from kostnadsvekst.analysis.acute_beds.equivalence import (
    EFFECT,
    NO_EFFECT,
    NOT_SHOWN,
    OUTCOMES_WITHOUT_EFFECT,
    default_margin,
    judge_equivalence,
    select_outcomes,
)
from kostnadsvekst.errors import SpecificationError


def frame(estimate, std_error, df=50.0):
    p = 2 * t.sf(abs(estimate / std_error), df)
    row = {"outcome": "o", "until": "2017-12", "estimate": estimate, "std_error": std_error, "df": df}
    return pd.DataFrame([row | {"p_value": p}])


def test_both_one_sided_tests_by_hand():
    (found,) = judge_equivalence(frame(0.004, 0.008), 2.0)
    above, below = np.log(1.02), np.log(0.98)
    expected = max(t.cdf((0.004 - above) / 0.008, 50), t.sf((0.004 - below) / 0.008, 50))
    assert found.p_equivalence == pytest.approx(expected)
    assert found.effect == pytest.approx(100 * (np.exp(0.004) - 1))
    half = t.ppf(0.95, 50) * 0.008
    assert found.low == pytest.approx(100 * (np.exp(0.004 - half) - 1))
    assert found.high == pytest.approx(100 * (np.exp(0.004 + half) - 1))
    assert found.verdict == NO_EFFECT


@pytest.mark.parametrize(
    ("estimate", "std_error", "verdict"),
    [
        (0.0, 0.02, NOT_SHOWN),  # a large p value alone shows nothing
        (0.0, 0.005, NO_EFFECT),
        (0.05, 0.01, EFFECT),
        (-0.05, 0.01, EFFECT),
        (0.01, 0.003, NO_EFFECT),  # not zero, but within the margin
        (0.018, 0.006, EFFECT),  # not zero, and perhaps outside
        (0.018, 0.02, NOT_SHOWN),
        (np.nan, np.nan, NOT_SHOWN),
    ],
)
def test_verdicts(estimate, std_error, verdict):
    (found,) = judge_equivalence(frame(estimate, std_error), 2.0)
    assert found.verdict == verdict
    inside = found.low > -2 and found.high < 2
    assert inside == (verdict == NO_EFFECT)


def test_margin_is_half_of_the_reports_four_per_cent_and_must_make_sense():
    assert default_margin() == 2.0
    for margin in (0, -1, 100, np.nan):
        with pytest.raises(SpecificationError, match="margin"):
            judge_equivalence(frame(0.0, 0.01), margin)


def test_rows_are_taken_outcome_by_outcome_over_the_periods():
    frames = [
        pd.DataFrame({"outcome": ["x", *reversed(OUTCOMES_WITHOUT_EFFECT)], "until": until})
        for until in ("2014-12", "2017-12")
    ]
    chosen = select_outcomes(frames, OUTCOMES_WITHOUT_EFFECT)
    assert chosen["outcome"].tolist() == [o for o in OUTCOMES_WITHOUT_EFFECT for _ in range(2)]
    assert chosen["until"].tolist() == ["2014-12", "2017-12"] * 4
