"""Municipal cost systems: read a book, write a workbook that recomputes, CSV and a page.

As ``kostnadsvekst municipal``; see --help.
"""

import sys

from kostnadsvekst.commands import municipal
from kostnadsvekst.terminal import run_program


def main() -> int:
    """Run what the command line asks for and return the exit code."""
    return municipal.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(run_program(main))
