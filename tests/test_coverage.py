"""Monte Carlo coverage on synthetic panels, and the committed table of a larger one."""

import numpy as np
import pandas as pd
import pytest

from conftest import ROOT
from kostnadsvekst.analysis.acute_beds.coverage import coverage_table
from kostnadsvekst.models.staggered import METHODS


def key(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index(["design", "period", "estimator"]).sort_index()


@pytest.mark.slow
def test_coverage_is_nominal_and_the_two_way_bias_is_seen():
    table = key(coverage_table(n_draws=40, n_municipalities=120, first_seed=9_000))
    modern = table.loc[[("growing effect", "to 2015", m) for m in METHODS], "coverage"]
    # 40 draws of a 95 % interval: fewer than 34 hits happen once in 100,000 times.
    assert (modern >= 85).all()
    assert table.loc[("constant effect", "to 2015", "report's model, Poisson"), "coverage"] >= 85
    assert table.loc[("growing effect", "to 2017", "two-way, log"), "coverage"] < 40
    assert table.loc[("growing effect", "to 2017", "two-way, log"), "bias"] > 2


def test_committed_table_of_coverage_is_nominal_where_it_should_be():
    table = key(pd.read_csv(ROOT / "results" / "ohd" / "coverage.csv"))
    draws = int(table["n_draws"].iloc[0])
    slack = 100 * 3 * np.sqrt(0.95 * 0.05 / draws)
    for design in ("constant effect", "growing effect"):
        found = table.loc[[(design, "to 2015", m) for m in METHODS], "coverage"]
        assert (found >= 95 - slack).all(), found
    assert (table["data_origin"] == "synthetic").all()
    assert table.loc[("growing effect", "to 2017", "two-way, log"), "coverage"] < 50
