"""Seconds until the program answers, beside those of a bare Python in the same run.

Run: python benchmarks/start.py [--rounds N]

Each row is a process of its own, started in turn with the others so that a busy machine is busy for all:
median and range of its wall clock, the median of what that is beyond ``python -c pass``, and the same of its
CPU time, on which another's work has less bearing. What is imported, on which the seconds hang, is tested in
tests/test_command_line.py.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BARE = "python -c pass"
STARTS = {
    BARE: ["-c", "pass"],
    "import kostnadsvekst": ["-c", "import kostnadsvekst"],
    "kostnadsvekst --help": ["-m", "kostnadsvekst", "--help"],
    "kostnadsvekst estimate --help": ["-m", "kostnadsvekst", "estimate", "--help"],
    "kostnadsvekst fetch --help": ["-m", "kostnadsvekst", "fetch", "--help"],
    "kostnadsvekst estimate --list": ["-m", "kostnadsvekst", "estimate", "--list"],
    "import numpy, pandas": ["-c", "import numpy, pandas"],
}


def seconds_of(words: list[str]) -> tuple[float, float]:
    """Wall clock and CPU time of a process that must succeed; no CPU time is known on Windows."""
    path = str(ROOT / "src") + os.pathsep + os.environ.get("PYTHONPATH", "")
    before, begin = os.times(), time.perf_counter()
    subprocess.run(
        [sys.executable, *words], env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.DEVNULL, check=True
    )
    wall, after = time.perf_counter() - begin, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, used


def main() -> None:
    """Print a row for each start."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=20, help="processes of each row (%(default)s)")
    rounds = parser.parse_args().rounds
    for words in STARTS.values():  # from the disk into memory
        seconds_of(words)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in STARTS}
    for _ in range(rounds):
        for name, words in STARTS.items():
            taken[name].append(seconds_of(words))
    columns = ("median, s", "range, s", "beyond bare, s", "CPU, s", "beyond bare, s")
    print(f"{'start':<32}" + "".join(f"{column:>16}" for column in columns))
    for name, values in taken.items():
        (walls, used), (bare, bare_used) = zip(*values, strict=True), zip(*taken[BARE], strict=True)
        numbers = [
            f"{statistics.median(walls):.3f}",
            f"{min(walls):.3f}-{max(walls):.3f}",
            f"{median_difference(walls, bare):.3f}",
            f"{statistics.median(used):.3f}",
            f"{median_difference(used, bare_used):.3f}",
        ]
        print(f"{name:<32}" + "".join(f"{number:>16}" for number in numbers), flush=True)


def median_difference(these: Sequence[float], those: Sequence[float]) -> float:
    """Median of the differences within a round."""
    return statistics.median(a - b for a, b in zip(these, those, strict=True))


if __name__ == "__main__":
    main()
