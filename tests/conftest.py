"""Fixtures shared by the tests."""

import os
from pathlib import Path

# As many test processes run as the machine has processors: more threads of linear algebra in each would wait
# for one another longer than they work. Tests of other numbers of threads set them; before numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

from chapter_runs import fixture_of

# Fixed examples: a failure is a change of the code, not of the day.
settings.register_profile(
    "fixed", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("fixed")

ROOT = Path(__file__).resolve().parents[1]


background_run = fixture_of("background")
appendix_run = fixture_of("appendix")
explanation_run = fixture_of("explanation")
growth_run = fixture_of("growth")
kpr_run = fixture_of("kpr")
ohd_run = fixture_of("ohd")
claims_run = fixture_of("claims")
case_selection_run = fixture_of("case-selection")
specification_curve_run = fixture_of("specification-curve")
consistency_run = fixture_of("consistency")
paper_run = fixture_of("paper")
page_run = fixture_of("page")
replication_run = fixture_of("replication")


@pytest.fixture
def small_panel():
    """Three municipalities over three years that pass the schema; invented numbers."""
    rng = np.random.default_rng(1)
    rows = [(m, y) for m in ("0101", "0104", "0301") for y in (2015, 2016, 2017)]
    panel = pd.DataFrame(rows, columns=["municipality", "year"])
    n = len(panel)
    panel["population"] = rng.integers(2_000, 60_000, n)
    panel["net_expenditure"] = rng.uniform(15_000, 25_000, n).round(2)
    panel["free_income"] = rng.uniform(50_000, 60_000, n).round(2)
    for name in (
        "age_0_5",
        "age_6_15",
        "age_16_66",
        "age_67_79",
        "age_80_plus",
        "living_alone_80_plus",
        "divorced_16_66",
        "unemployed_15_74",
        "immigrants",
        "urban",
        "deaths",
    ):
        panel[name] = rng.uniform(1, 30, n).round(3)
    return panel
