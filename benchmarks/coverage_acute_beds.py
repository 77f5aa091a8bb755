"""Monte Carlo of bias and coverage on synthetic panels; writes results/ohd/coverage.csv.

python benchmarks/coverage_acute_beds.py [number of panels]
"""

import sys
from pathlib import Path

from kostnadsvekst.analysis.acute_beds.coverage import coverage_table
from kostnadsvekst.report.output import write_files

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    table = coverage_table(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
    table["data_origin"] = "synthetic"
    text = table.to_csv(index=False, lineterminator="\n", float_format="%.2f")
    write_files(ROOT / "results", {"ohd/coverage.csv": text})
    print(table.round(2).to_string(index=False))


if __name__ == "__main__":
    main()
