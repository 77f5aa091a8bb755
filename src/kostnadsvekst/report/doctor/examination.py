"""All checks on a folder and a machine, in one walk."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from kostnadsvekst.language import Bilingual
from kostnadsvekst.progress import Progress
from kostnadsvekst.report.doctor.checks import CHECKS, GROUPS
from kostnadsvekst.report.doctor.contents import check_contents, check_readable
from kostnadsvekst.report.doctor.documents import check_documents
from kostnadsvekst.report.doctor.exceptions import divide, read_exceptions, unused_finding
from kostnadsvekst.report.doctor.findings import FAULT, SEVERITIES, WARNING, Finding
from kostnadsvekst.report.doctor.folder import MOST_BYTES, Folder, walk_folder
from kostnadsvekst.report.doctor.machine import Ask, Machine, check_machine, inspect_machine
from kostnadsvekst.report.doctor.names import check_names
from kostnadsvekst.report.doctor.outputs import check_outputs
from kostnadsvekst.report.doctor.personal_data import mask
from kostnadsvekst.report.doctor.persons import check_persons
from kostnadsvekst.report.doctor.programs import Program, read_programs
from kostnadsvekst.report.doctor.seeds import check_seeds
from kostnadsvekst.report.doctor.versions import check_versions
from kostnadsvekst.report.doctor.written_paths import check_written_paths

_PATIENCE = 1.0  # seconds before a line of progress is worth it
_EVERYTHING = 2**62


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found.

    Attributes
    ----------
    root : Path
    groups : tuple of str
        Of the checks that were made.
    findings : tuple of Finding
        By weight, check, path and line. Personal data in the names of files are masked.
    excepted : tuple of (Finding, str)
        What ``doctor.toml`` keeps, with the reason.
    n_files, n_bytes, n_ignored : int
    left_out : tuple of str
        Folders that were not entered.
    machine : Machine, optional
    """

    root: Path
    groups: tuple[str, ...]
    findings: tuple[Finding, ...]
    excepted: tuple[tuple[Finding, str], ...]
    n_files: int
    n_bytes: int
    n_ignored: int
    left_out: tuple[str, ...]
    machine: Machine | None

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings by severity."""
        counted = Counter(CHECKS[finding.check].severity for finding in self.findings)
        return {severity: counted[severity] for severity in SEVERITIES}

    def exit_code(self, *, strict: bool = False) -> int:
        """1 where there is a fault, or, if strict, a warning; else 0."""
        counts = self.counts
        return int(bool(counts[FAULT] or (strict and counts[WARNING])))


def examine(
    root: str | Path = ".",
    *,
    groups: Sequence[str] = tuple(GROUPS),
    deep: bool = False,
    ask: Ask | None = None,
    shown: bool = False,
) -> Examination:
    """Examine a folder and the machine.

    Parameters
    ----------
    root : path
    groups : sequence of str
        Of checks, from ``GROUPS``.
    deep : bool
        Read files of any size to their end; by default the first 64 MiB.
    ask : callable, optional
        How to ask Statistics Norway (`kostnadsvekst.report.doctor.machine.ask_over_https`); by default it is
        not asked.
    shown : bool
        Say on standard error how far it has come, if it takes more than a second and that is a terminal.

    Raises
    ------
    DataMissingError
        If there is no such folder.
    SpecificationError
        If ``doctor.toml`` cannot be used.
    """
    folder = walk_folder(root, most_bytes=_EVERYTHING if deep else MOST_BYTES)
    exceptions = read_exceptions(folder)
    machine = inspect_machine(folder.root, ask=ask) if "machine" in groups else None
    found = [f for f in _found(folder, groups, shown=shown) if CHECKS[f.check].group in groups]
    found += check_machine(machine) if machine else ()
    standing, excepted, unused = divide(found, exceptions)
    if "exceptions" in groups:
        # Of a group that was not looked at nothing is known.
        standing += [unused_finding(one) for one in unused if CHECKS[one.check].group in groups]
    return Examination(
        folder.root,
        tuple(groups),
        tuple(sorted(map(_masked, standing), key=_order)),
        tuple((_masked(finding), reason) for finding, reason in excepted),
        len(folder.files),
        folder.n_bytes,
        folder.n_ignored,
        tuple(map(mask, folder.left_out)),
        machine,
    )


class _Watch:
    """Progress over all checks, in bytes of files; not shown before it is worth a line.

    Parameters
    ----------
    total : int
        Bytes to be searched, which takes most of the time.
    """

    def __init__(self, stack: ExitStack, total: int, *, shown: bool) -> None:
        self._stack, self._total, self._shown = stack, total, shown
        self._begun = time.monotonic()
        self._progress: Progress | None = None

    def reach(self, done: int, label: str) -> None:
        """Say what is done now, and how far it is."""
        if self._progress is None and time.monotonic() - self._begun > _PATIENCE:
            self._progress = self._stack.enter_context(Progress(label, self._total, shown=self._shown))
        if self._progress is not None:
            self._progress.reach(done)


def _found(folder: Folder, groups: Sequence[str], *, shown: bool) -> Iterator[Finding]:
    yield from folder.findings
    with ExitStack() as stack:
        watch = _Watch(stack, sum(_sizes(folder)), shown=shown)
        needs_programs = {"code", "versions", "outputs"} & {*groups}
        programs = _read(folder, watch) if needs_programs else ()
        checks: dict[str, Callable[[], Iterable[Finding]]] = {
            "names": lambda: check_names(folder),
            "contents": lambda: [*check_readable(folder), *check_contents(folder)],
            "code": lambda: [*check_written_paths(folder, programs), *check_seeds(programs)],
            "versions": lambda: check_versions(folder, programs),
            "outputs": lambda: check_outputs(folder, programs),
            "documents": lambda: check_documents(folder),
            "persons": lambda: _search(folder, watch),
        }
        for group, check in checks.items():
            if group in groups:
                watch.reach(0, _LABEL)
                yield from check()


_LABEL = "bytes searched"


def _read(folder: Folder, watch: _Watch) -> tuple[Program, ...]:
    programs = []
    for program in read_programs(folder):
        programs.append(program)
        watch.reach(0, _LABEL)
    return tuple(programs)


def _sizes(folder: Folder) -> list[int]:
    return [min(file.size, folder.most_bytes) for file in folder.files]


def _search(folder: Folder, watch: _Watch) -> Iterator[Finding]:
    """Search every file for personal data."""
    done = 0
    for file, size in zip(folder.files, _sizes(folder), strict=True):
        yield from check_persons(folder, file)
        done += size
        watch.reach(done, _LABEL)


def _masked(finding: Finding) -> Finding:
    """Blot out personal data in names of files."""
    detail = Bilingual(mask(finding.detail.nb), mask(finding.detail.en))
    return replace(finding, path=mask(finding.path), detail=detail)


def _order(finding: Finding) -> tuple[int, int, str, int, str]:
    names = list(CHECKS)
    weight = SEVERITIES.index(CHECKS[finding.check].severity)
    return weight, names.index(finding.check), finding.path, finding.line or 0, finding.detail.en
