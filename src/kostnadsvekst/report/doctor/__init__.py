"""A project folder and a machine, examined as a journal's data editor would.

`examine` runs every check on a folder and returns findings; nothing is written and nothing is mended. The
guide is ``docs/doctor.md``.
"""

from kostnadsvekst.report.doctor.checks import CHECKS, GROUPS
from kostnadsvekst.report.doctor.examination import Examination, examine
from kostnadsvekst.report.doctor.findings import Check, Finding

__all__ = ["CHECKS", "GROUPS", "Check", "Examination", "Finding", "examine"]
