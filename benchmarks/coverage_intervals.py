"""Monte Carlo of intervals, shrinkage and ranks of municipalities; writes results/municipal/coverage_*.csv.

python benchmarks/coverage_intervals.py [data sets of a cell] [computed counts ranks costs]
"""

import sys
from pathlib import Path

from kostnadsvekst.analysis.interval_coverage import (
    computed_coverage,
    cost_coverage,
    count_coverage,
    rank_coverage,
)
from kostnadsvekst.report.output import write_files

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    n_sets = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    tables = {
        "computed": computed_coverage,
        "counts": lambda: count_coverage(n_sets),
        "ranks": lambda: rank_coverage(n_sets),
        "costs": lambda: cost_coverage(n_sets),
    }
    for name in sys.argv[2:] or tables:
        table = tables[name]().assign(data_origin="synthetic")
        text = table.to_csv(index=False, lineterminator="\n", float_format="%.4g")
        write_files(ROOT / "results", {f"municipal/coverage_{name}.csv": text})
        print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
