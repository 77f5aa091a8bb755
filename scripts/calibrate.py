"""Make a synthetic panel on which the estimator prints the published tables A1 to A3.

As ``kostnadsvekst calibrate``, with the file among the data of the checkout; see --help.
"""

import sys
from pathlib import Path

from kostnadsvekst.commands import calibrate
from kostnadsvekst.terminal import run_program

OUT = Path(__file__).resolve().parents[1] / "data" / "synthetic" / calibrate.FILE


def main() -> int:
    """Calibrate, check, write; return the exit code."""
    return calibrate.main(sys.argv[1:], out=OUT)


if __name__ == "__main__":
    sys.exit(run_program(main))
