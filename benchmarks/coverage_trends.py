"""Monte Carlo of coverage of trends and growth on synthetic weekly series; writes results/kpr/coverage.csv.

python benchmarks/coverage_trends.py [number of series for each design]
"""

import sys
from pathlib import Path

from kostnadsvekst.analysis.trend_coverage import coverage_table
from kostnadsvekst.report.output import write_files

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    table = coverage_table(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
    table["data_origin"] = "synthetic"
    text = table.to_csv(index=False, lineterminator="\n", float_format="%.2f")
    write_files(ROOT / "results", {"kpr/coverage.csv": text})
    print(table.round(2).to_string(index=False))


if __name__ == "__main__":
    main()
