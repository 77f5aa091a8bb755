"""An examination for a reader and for a program."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import groupby

from kostnadsvekst.language import Bilingual
from kostnadsvekst.naming import first_of
from kostnadsvekst.report.doctor.checks import CHECKS, GROUPS
from kostnadsvekst.report.doctor.examination import Examination
from kostnadsvekst.report.doctor.findings import FAULT, NOTE, SEVERITIES, WARNING, Finding
from kostnadsvekst.report.doctor.machine import Machine

SCHEMA = "kostnadsvekst-doctor/1"
LISTED = 10  # findings of one check at the terminal
_SEVERITIES = {
    FAULT: Bilingual("FEIL", "FAULT"),
    WARNING: Bilingual("ADVARSEL", "WARNING"),
    NOTE: Bilingual("MERK", "NOTE"),
}


def to_json(examination: Examination, *, strict: bool = False) -> dict[str, object]:
    """Return an examination as programs read it; keys are only ever added under one ``schema``.

    Parameters
    ----------
    examination : Examination
    strict : bool
        Warnings fail, too.
    """
    machine = examination.machine
    return {
        "schema": SCHEMA,
        "exit_code": examination.exit_code(strict=strict),
        "folder": printable(examination.root.name),
        "n_files": examination.n_files,
        "n_bytes": examination.n_bytes,
        "n_ignored": examination.n_ignored,
        "not_entered": [printable(name) for name in examination.left_out],
        "groups": list(examination.groups),
        "counts": examination.counts,
        "findings": [_as_json(finding) for finding in examination.findings],
        "excepted": [{**_as_json(finding), "reason": reason} for finding, reason in examination.excepted],
        "machine": None if machine is None else asdict(machine),
    }


def _as_json(finding: Finding) -> dict[str, object]:
    check = CHECKS[finding.check]
    return {
        "check": finding.check,
        "group": check.group,
        "severity": check.severity,
        "path": printable(finding.path),
        "line": finding.line,
        **_both("title", check.title),
        **_both("detail", finding.detail),
        **_both("advice", check.advice),
    }


def _both(key: str, text: Bilingual) -> Mapping[str, str]:
    return {f"{key}_{lang}": printable(text.get(lang)) for lang in ("nb", "en")}


def printable(name: str) -> str:
    """Return a name that any program can read: bytes that are no text by their number."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def describe(examination: Examination, lang: str) -> list[str]:
    """Lines for a reader: findings by check, then the machine, then the sum.

    Parameters
    ----------
    examination : Examination
    lang : {"nb", "en"}
    """
    return [
        *_told_findings(examination, lang),
        *(_told_machine(examination.machine, lang) if examination.machine else ()),
        *_told_sum(examination, lang),
    ]


def _told_findings(examination: Examination, lang: str) -> Iterator[str]:
    for name, found in groupby(examination.findings, key=lambda finding: finding.check):
        check, listed = CHECKS[name], list(found)
        head = f"{_SEVERITIES[check.severity].get(lang)}  {check.title.get(lang)} [{name}]"
        yield f"{head}: {check.advice.get(lang)}"
        lines = [_line_of(finding, lang) for finding in listed]
        yield from (f"  {line}" for line in _first(lines, lang) if line)


def _first(lines: list[str], lang: str) -> list[str]:
    shown = first_of(lines, LISTED)
    if lang == "nb" and len(lines) > LISTED:
        shown[-1] = f"og {len(lines) - LISTED} til"
    return shown


def _line_of(finding: Finding, lang: str) -> str:
    place = printable(finding.path) + (f":{finding.line}" if finding.line else "")
    detail = printable(finding.detail.get(lang))
    return f"{place}: {detail}" if place and detail else place or detail


def _told_machine(machine: Machine, lang: str) -> Iterator[str]:
    nb = lang == "nb"
    yield f"{GROUPS['machine'].get(lang)}: Python {machine.python}, {machine.system}"
    room = [
        (machine.memory_bytes, "minne", "memory"),
        (machine.free_memory_bytes, "ledig minne", "free memory"),
        (machine.free_disk_bytes, "ledig på disken", "free on the disk"),
    ]
    sizes = [
        f"{_one_decimal(size / 2**30, lang)} GiB {a if nb else b}" for size, a, b in room if size is not None
    ]
    yield "  " + ", ".join([*sizes, f"{machine.processors} {'prosessor(er)' if nb else 'processor(s)'}"])
    there = [name for name, path in machine.tools.items() if path]
    yield f"  {'Program som er her' if nb else 'Programs that are here'}: {', '.join(there) or '-'}"
    if machine.network == "answers":
        yield f"  {'Statistisk sentralbyrå svarer' if nb else 'Statistics Norway answers'}"


def _told_sum(examination: Examination, lang: str) -> Iterator[str]:
    nb = lang == "nb"
    if examination.excepted:
        n = len(examination.excepted)
        yield f"{n} unntak etter doctor.toml" if nb else f"{n} excepted by doctor.toml"
    if examination.left_out or examination.n_ignored:
        folders, ignored = len(examination.left_out), examination.n_ignored
        yield (
            f"Ikke sett på: {folders} mappe(r) av program, {ignored} som git overser"
            if nb
            else f"Not looked at: {folders} folder(s) of programs, {ignored} that git ignores"
        )
    files, size = examination.n_files, _one_decimal(examination.n_bytes / 1e6, lang)
    counts = examination.counts
    words = ("feil", "advarsler", "merknader") if nb else ("faults", "warnings", "notes")
    told = ", ".join(f"{counts[s]} {word}" for s, word in zip(SEVERITIES, words, strict=True))
    yield f"{files} {'filer' if nb else 'files'}, {size} MB: {told}"


def _one_decimal(number: float, lang: str) -> str:
    return f"{number:.1f}".replace(".", "," if lang == "nb" else ".")
