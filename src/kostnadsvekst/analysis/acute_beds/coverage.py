"""How often the intervals of each estimator hold the truth, on synthetic panels with known effects."""

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd

from kostnadsvekst.analysis.acute_beds.truth import monthly_truth, true_cells
from kostnadsvekst.errors import DataWarning
from kostnadsvekst.models import staggered
from kostnadsvekst.models.acute_beds import MAIN_OUTCOME, collapse_to_quarters, estimate_effects
from kostnadsvekst.synthetic.acute_beds import EffectPath, SyntheticAcuteBeds, simulate

DESIGNS = {"constant effect": EffectPath(0.05, 0.0), "growing effect": EffectPath()}
# Static models: name -> arguments of `estimate_effects`.
STATIC = {
    "report's model, log": {},
    "report's model, AR(1)": {"ar1": True},
    "report's model, Poisson": {"estimator": "poisson"},
    "two-way, log": {"time_effects": "month"},
    "two-way, Poisson": {"time_effects": "month", "estimator": "poisson"},
}
PERIODS = {"to 2015": "2015-12", "to 2017": "2017-12"}
# Coverage of the 95 % intervals from data to the end of 2017 under a growing effect, per cent: rounded from
# results/ohd/coverage.csv, which `benchmarks/coverage_acute_beds.py` makes.
MEASURED_COVERAGE = {"callaway_santanna": 91, "sun_abraham": 88, "imputation": 94, "two_stage": 94}
_QUARTERLY = ("log_count", "municipality", "quarter", "first_quarter")


def coverage_table(n_draws: int = 200, n_municipalities: int = 200, first_seed: int = 50_000) -> pd.DataFrame:
    """Bias and coverage of every estimator of the chapter, under a constant and a growing effect.

    Parameters
    ----------
    n_draws : int
        Panels for each design.
    n_municipalities : int
        Of each panel.
    first_seed : int
        Seeds are this and the following numbers.

    Returns
    -------
    DataFrame
        One row for each design, period and estimator: ``n_draws``, mean ``truth``, mean ``estimate``,
        ``bias``, ``std_dev`` of the estimates, mean ``std_error`` (all in log points × 100), and
        ``coverage`` of the 95 % intervals in per cent with its ``monte_carlo_error``, the standard error of
        a share of so many draws. The truth is the mean effect over the treated cells that an estimator's
        sample holds.
    """
    rows = [
        record
        for design, path in DESIGNS.items()
        for seed in range(first_seed, first_seed + n_draws)
        for record in _one_panel(design, simulate(seed, path, n_municipalities, [MAIN_OUTCOME]))
    ]
    draws = pd.DataFrame.from_records(rows)
    draws["covered"] = (draws["conf_low"] <= draws["truth"]) & (draws["truth"] <= draws["conf_high"])
    groups = draws.groupby(["design", "period", "estimator"], sort=False)
    table = 100 * groups[["truth", "estimate", "std_error"]].mean()
    table.insert(2, "bias", table["estimate"] - table["truth"])
    table.insert(3, "std_dev", 100 * groups["estimate"].std())
    share, n = groups["covered"].mean(), groups.size()
    table["coverage"] = 100 * share
    table["monte_carlo_error"] = 100 * np.sqrt(share * (1 - share) / n)
    table.insert(0, "n_draws", n)
    return table.reset_index()


def _one_panel(design: str, synthetic: SyntheticAcuteBeds) -> Iterator[dict[str, object]]:
    quarters = collapse_to_quarters(synthetic.panel)
    for period, until in PERIODS.items():
        truth = monthly_truth(synthetic, until)
        for name, arguments in STATIC.items():
            r = estimate_effects(synthetic.panel, [MAIN_OUTCOME], until, **arguments).iloc[0]  # type: ignore[arg-type]
            low, high = (np.log1p(r[f"conf_{side}_percent"] / 100) for side in ("low", "high"))
            yield _record(design, period, name, truth, r["estimate"], r["std_error"], low, high)
        part = quarters[quarters["quarter"] <= str(pd.Period(until, "Q"))]
        for method in staggered.METHODS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DataWarning)
                study = staggered.event_study(part, *_QUARTERLY, method=method)
                mean = study.aggregate("simple")
            true = float(true_cells(synthetic, study)["log_effect"].mean())
            yield _record(
                design, period, method, true, mean.estimate, mean.std_error, mean.conf_low, mean.conf_high
            )


def _record(
    design: str, period: str, name: str, truth: float, estimate: float, se: float, low: float, high: float
) -> dict[str, object]:
    return {
        "design": design,
        "period": period,
        "estimator": name,
        "truth": truth,
        "estimate": estimate,
        "std_error": se,
        "conf_low": low,
        "conf_high": high,
    }
