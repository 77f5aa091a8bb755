"""Download the raw tables of the municipal panel from Statistics Norway into a store.

As ``kostnadsvekst fetch``; see --help. Then: python scripts/estimate.py --data store/
"""

import sys

from kostnadsvekst.commands import fetch


def main() -> int:
    """Fetch what the command line asks for and return the exit code."""
    return fetch.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(fetch.start(sys.argv[1:]))
