"""The made-up report of docs/consistency.md against itself.

python docs/examples/check_report.py
"""

from pathlib import Path

import kostnadsvekst as kv

REPORT = Path(__file__).parent / "consistency" / "report.toml"


def main():
    """Read the report, print what contradicts itself, and return it."""
    report = kv.consistency.read_report(REPORT)
    findings = report.check()
    for finding in findings:
        proposal = f" (likely {finding.likely})" if finding.likely else ""
        print(f"{finding.id}: {finding.arithmetic.en}{proposal}")
    return findings


if __name__ == "__main__":
    main()
