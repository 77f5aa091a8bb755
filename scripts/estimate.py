"""Compute every table and figure of the report and audit them against the printed numbers.

As ``kostnadsvekst estimate``, with the results in the folder of the checkout; see --help.
"""

import sys
from pathlib import Path

from kostnadsvekst.commands import estimate
from kostnadsvekst.terminal import run_program

RESULTS = Path(__file__).resolve().parents[1] / "results"


def main() -> int:
    """Run what the command line asks for and return the exit code."""
    return estimate.main(sys.argv[1:], out=RESULTS)


if __name__ == "__main__":
    sys.exit(run_program(main))
