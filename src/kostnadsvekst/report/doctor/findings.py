"""What a check is, and what it found: a kind, a place, and never a value that was read."""

from dataclasses import dataclass

from kostnadsvekst.language import Bilingual

FAULT, WARNING, NOTE = "fault", "warning", "note"
SEVERITIES = (FAULT, WARNING, NOTE)


@dataclass(frozen=True, slots=True)
class Check:
    """A kind of finding.

    Attributes
    ----------
    group : str
        One of `kostnadsvekst.report.doctor.checks.GROUPS`.
    severity : {"fault", "warning", "note"}
    title, advice : Bilingual
        What is wrong, and what to do about it.
    """

    group: str
    severity: str
    title: Bilingual
    advice: Bilingual


_NOTHING = Bilingual("", "")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    Attributes
    ----------
    check : str
        Name in `kostnadsvekst.report.doctor.checks.CHECKS`.
    path : str
        File or folder below the folder that was examined, with ``/``; empty where it is about the whole.
    detail : Bilingual
        What exactly, without any value of the data.
    line : int, optional
        Of a text file, from 1.
    """

    check: str
    path: str = ""
    detail: Bilingual = _NOTHING
    line: int | None = None
