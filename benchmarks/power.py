"""Power of the estimators of chapter 6 by resampling residuals; writes results/ohd/power.csv.

python benchmarks/power.py [number of draws for each estimator]
"""

import sys
import warnings
from pathlib import Path

import pandas as pd

import kostnadsvekst as kv
from kostnadsvekst.models.detectable import detectable_effect, resample_power
from kostnadsvekst.report.output import write_files

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ("log_count", "municipality", "quarter", "first_quarter")


def main() -> None:
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 999
    warnings.simplefilter("ignore", kv.errors.DataWarning)
    quarters = kv.acute_beds.collapse_to_quarters(kv.acute_beds.load_panel())
    rows = []
    for method in kv.staggered.METHODS:
        error = kv.staggered.event_study(quarters, *COLUMNS, method=method).aggregate("simple").std_error
        found = resample_power(quarters, *COLUMNS, method=method, draws=draws)
        by_formula = detectable_effect(error)
        power = found.power(by_formula)
        rows.append(
            {
                "method": method,
                "draws": len(found.estimates),
                "detectable_log_points_by_formula": by_formula,
                "detectable_log_points_by_resampling": found.detectable(),
                "power_at_formula_percent": 100 * power,
                "monte_carlo_error_points": 100 * (power * (1 - power) / len(found.estimates)) ** 0.5,
                "false_alarms_percent": 100 * found.false_alarms,
                "data_origin": "synthetic",
            }
        )
        print(pd.DataFrame(rows[-1:]).round(4).to_string(index=False, header=len(rows) == 1), flush=True)
    text = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n", float_format="%.4g")
    write_files(ROOT / "results", {"ohd/power.csv": text})


if __name__ == "__main__":
    main()
