"""Seconds that each group of tests takes, from the report that pytest writes.

    python -m pytest --junitxml=seconds.xml && python benchmarks/test_groups.py seconds.xml

Groups and budgets are the table in docs/contributing.md: a file belongs to the first group of which a pattern
fits its name. A group's seconds are its share of the run: own seconds of its tests, times the run's wall
clock over the own seconds of all tests. Two workers thus count once.
"""

import argparse
import re
from collections import defaultdict
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

PAGE = Path(__file__).resolve().parents[1] / "docs" / "contributing.md"
BEGIN, END = "<!-- groups:begin -->", "<!-- groups:end -->"


class Group(NamedTuple):
    """A row of the table: its name, the patterns of its files, its budget in seconds."""

    name: str
    patterns: tuple[str, ...]
    budget: int


def read_groups() -> list[Group]:
    """Groups in the order of the table, the one that takes the rest last."""
    table = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")][2:]
    return [Group(r[0].strip(), tuple(re.findall(r"`([^`]+)`", r[1])), int(r[2])) for r in rows]


def group_of(file: str, groups: list[Group]) -> str:
    """Name of the first group that a file of tests fits."""
    return next(g.name for g in groups if any(fnmatch(file, pattern) for pattern in g.patterns))


def sum_by_file(report: Path) -> tuple[dict[str, float], float]:
    """Own seconds of the tests in each file, and the run's wall clock."""
    seconds: dict[str, float] = defaultdict(float)
    suite = ElementTree.parse(report).getroot().find("testsuite")
    if suite is None:
        raise SystemExit(f"{report} holds no test suite: make it with python -m pytest --junitxml={report}")
    for case in suite.iter("testcase"):
        module = next(part for part in case.attrib["classname"].split(".") if part.startswith("test_"))
        seconds[f"{module}.py"] += float(case.attrib["time"])
    return seconds, float(suite.attrib["time"])


def main() -> None:
    """Print a line for each group, and the files that take longest."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("report", type=Path, help="written by python -m pytest --junitxml=FILE")
    by_file, wall = sum_by_file(parser.parse_args().report)
    groups = read_groups()
    own: dict[str, float] = defaultdict(float)
    for file, seconds in by_file.items():
        own[group_of(file, groups)] += seconds
    total = sum(by_file.values())
    scale = wall / max(total, 1e-9)
    print(f"{'group':<26}{'own s':>8}{'share of run, s':>17}{'budget, s':>11}")
    for group in groups:
        share = own[group.name] * scale
        over = "  over" if share > group.budget else ""
        print(f"{group.name:<26}{own[group.name]:>8.0f}{share:>17.0f}{group.budget:>11}{over}")
    print(f"{'all':<26}{total:>8.0f}{wall:>17.0f}{sum(g.budget for g in groups):>11}")
    longest = sorted(by_file.items(), key=lambda pair: -pair[1])[:8]
    print("longest:", ", ".join(f"{file} {seconds:.0f}" for file, seconds in longest))


if __name__ == "__main__":
    main()
