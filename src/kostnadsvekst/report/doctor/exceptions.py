"""What a project has decided to keep: ``doctor.toml``, each exception with its reason."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from kostnadsvekst.language import both
from kostnadsvekst.report.doctor.checks import CHECKS
from kostnadsvekst.report.doctor.findings import Finding
from kostnadsvekst.report.doctor.folder import Folder
from kostnadsvekst.toml_files import CLOSED, Text, Texts, one_of, read_as, read_toml

FILE = "doctor.toml"


@dataclass(frozen=True)
class DoctorException:
    """Findings of one check that a project keeps.

    Attributes
    ----------
    check : str
    reason : str
    paths : tuple of str
        Patterns with ``*``, which also takes ``/``; all by default.
    """

    __pydantic_config__: ClassVar = CLOSED
    check: Annotated[Text, AfterValidator(one_of(CHECKS))]
    reason: Text
    paths: Texts = ("*",)

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is one of those."""
        return finding.check == self.check and any(fnmatchcase(finding.path, one) for one in self.paths)


@dataclass(frozen=True)
class _File:
    __pydantic_config__: ClassVar = CLOSED
    exceptions: tuple[DoctorException, ...] = field(default=())


def read_exceptions(folder: Folder) -> tuple[DoctorException, ...]:
    """Read the exceptions of a folder; none where it has no ``doctor.toml``.

    Parameters
    ----------
    folder : Folder

    Raises
    ------
    SpecificationError
        If the file is no TOML, has an unknown check or key, or an exception without a reason.
    """
    if not any(file.name == FILE for file in folder.files):
        return ()
    return read_as(read_toml(folder.root / FILE, "file of exceptions"), _File).exceptions


def divide(
    findings: Iterable[Finding], exceptions: tuple[DoctorException, ...]
) -> tuple[list[Finding], list[tuple[Finding, str]], list[DoctorException]]:
    """Return what stands, what is excepted with its reason, and exceptions that nothing needs.

    Parameters
    ----------
    findings : iterable of Finding
    exceptions : tuple of DoctorException
    """
    standing, excepted, used = [], [], set()
    for finding in findings:
        cover = next((k for k, one in enumerate(exceptions) if one.covers(finding)), None)
        if cover is None:
            standing.append(finding)
        else:
            used.add(cover)
            excepted.append((finding, exceptions[cover].reason))
    return standing, excepted, [one for k, one in enumerate(exceptions) if k not in used]


def unused_finding(exception: DoctorException) -> Finding:
    """Tell an exception that nothing needs."""
    return Finding("unused-exception", FILE, both(f"{exception.check}: {', '.join(exception.paths)}"))
