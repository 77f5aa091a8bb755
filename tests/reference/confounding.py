"""Robustness values and benchmarks by PySensemakr, recorded: it needs Jupyter, which no test shall install.

python -m pip install PySensemakr && PYTHONPATH=src:tests python tests/reference/confounding.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import sensemakr
import statsmodels.api as sm

from test_gelbach import draw

NAMES = ["a", "b", "c", "d"]


def record(term, benchmarks, multiples, q):
    data = draw(21)
    within = data[["y", *NAMES]] - data.groupby("id")[["y", *NAMES]].transform("mean")
    model = sm.OLS(within["y"], within[NAMES]).fit()
    # The units' means are parameters too.
    df = len(data) - data["id"].nunique() - len(NAMES)
    b = float(model.params[term])
    error = float(model.bse[term] * (model.df_resid / df) ** 0.5)
    case = {"term": term, "benchmarks": benchmarks, "multiples": multiples, "q": q}
    case["partial_r2"] = float(sensemakr.partial_r2(t_statistic=float(b / error), dof=df))
    for name, alpha in (("robustness_value", 1.0), ("robustness_value_alpha", 0.05)):
        case[name] = float(
            sensemakr.robustness_value(t_statistic=float(b / error), dof=df, q=q, alpha=alpha).iloc[0]
        )
    bounds = sensemakr.ovb_partial_r2_bound(
        model=model, treatment=term, benchmark_covariates=benchmarks, kd=multiples, ky=multiples
    )
    strength = {"r2dz_x": bounds["r2dz_x"].to_numpy(), "r2yz_dx": bounds["r2yz_dx"].to_numpy()}
    case["r2_treatment"], case["r2_outcome"] = (list(map(float, values)) for values in strength.values())
    known = {**strength, "se": error, "dof": df}
    case["estimate"] = list(map(float, sensemakr.adjusted_estimate(**known, estimate=b)))
    case["std_error"] = list(map(float, sensemakr.adjusted_se(**known)))
    case["statistic"] = list(map(float, sensemakr.adjusted_t(**known, estimate=b)))
    return case


if __name__ == "__main__":
    cases = [
        record("a", {"b": ["b"], "c and d": ["c", "d"]}, [0.1, 0.3], 1.0),
        record("b", {"c": ["c"], "d": ["d"]}, [0.05, 0.2], 0.5),
    ]
    versions = {name: version(name) for name in ("PySensemakr", "statsmodels")}
    text = json.dumps({"made_with": versions, "cases": cases}, indent=1)
    Path(__file__).with_suffix(".json").write_text(text + "\n", encoding="utf-8")
