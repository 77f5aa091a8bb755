"""A report against itself: contradictions found from the printed numbers alone.

`check` takes printed numbers and how they hang together, `read_report` reads both from a TOML file and CSV
files; `findings_frame`, `findings_table` and `render_findings` say what was found. The guide is
``docs/consistency.md``.
"""

from kostnadsvekst.report.consistency.checking import check
from kostnadsvekst.report.consistency.findings import Finding
from kostnadsvekst.report.consistency.kinds import KINDS
from kostnadsvekst.report.consistency.presenting import findings_frame, findings_table, render_findings
from kostnadsvekst.report.consistency.reading import PrintedReport, read_report

__all__ = [
    "KINDS",
    "Finding",
    "PrintedReport",
    "check",
    "findings_frame",
    "findings_table",
    "read_report",
    "render_findings",
]
