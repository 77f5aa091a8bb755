"""Examine a project folder as a journal's data editor would, and this machine.

As ``kostnadsvekst doctor``, with the checkout as the folder; see --help.
"""

import sys
from pathlib import Path

from kostnadsvekst.commands import doctor
from kostnadsvekst.terminal import run_program

CHECKOUT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Examine what the command line asks for and return the exit code."""
    return doctor.main(sys.argv[1:], folder=CHECKOUT)


if __name__ == "__main__":
    sys.exit(run_program(main))
