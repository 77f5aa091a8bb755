"""Chapters as steps: those whose inputs and code are unchanged are left as they are, the others are made.

What a chapter hangs on is read, not written down (`kostnadsvekst.chapters.fingerprints`); what it made is
kept beside its files (`kostnadsvekst.chapters.records`) and believed only while every file is as it was
written. A run that was killed has left whole chapters and no others, so the next one goes on where it ended.

Kept libraries were looked at. pytask, doit and snakemake want the inputs of each step written down and own
the folder; joblib's Memory pickles, and compares the source of one function rather than of what it calls;
diskcache stores, and compares nothing. What is left to write is the order and the comparison, here.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kostnadsvekst.chapters import (
    CHAPTERS,
    ChapterReport,
    Settings,
    check_choices,
    find_chapter,
    has_its_data,
)
from kostnadsvekst.chapters.fingerprints import PACKAGE, Snapshot, folder_read, inputs_of, take_snapshot
from kostnadsvekst.chapters.making import Makers, ProcessesBeside, Task, ThisProcess, peak_megabytes
from kostnadsvekst.chapters.records import Record, is_on_disk, read_record, report_of
from kostnadsvekst.errors import DataMissingError
from kostnadsvekst.progress import Progress
from kostnadsvekst.report.chapter_files import check_folder, write_records
from kostnadsvekst.version import __version__

RUN = "run.json"


class _Build:
    """A run on its way."""

    def __init__(self, names: Sequence[str], settings: Settings, out: Path, *, force: bool) -> None:
        self.names, self.settings, self.out, self.force = names, settings, out, force
        self.started, self.began = datetime.now(UTC), time.perf_counter()
        self.before: Snapshot = take_snapshot(settings)
        self.records: dict[str, Record] = {}
        self.reports: dict[str, ChapterReport] = {}
        self.running: list[str] = []

    def waiting(self) -> list[str]:
        """Names of the chapters that are neither made nor being made."""
        return [name for name in self.names if name not in {*self.reports, *self.running}]

    def next_chapter(self) -> str | None:
        """Take the first chapter that can be made; those that need not be are done on the way."""
        while ready := [name for name in self.waiting() if not self.must_wait(name)]:
            reusable = {name: None if self.force else self.still_valid(name) for name in ready}
            made = [name for name, record in reusable.items() if record is None]
            for name, record in reusable.items():
                if record is not None:
                    self.records[name] = record
                    self.reports[name] = report_of(record, self.out, reused=True)
            if free := [name for name in made if not self.needs_too_much(name)]:
                return free[0]
            if len(made) == len(ready):
                break
        return None

    def needs_too_much(self, name: str) -> bool:
        """Whether a chapter has to wait for the memory that another needs."""
        return find_chapter(name).heavy and any(find_chapter(other).heavy for other in self.running)

    def must_wait(self, name: str) -> bool:
        """Whether a chapter uses one that is still to be made in this run."""
        return not {*find_chapter(name).uses}.isdisjoint({*self.waiting(), *self.running} - {name})

    def still_valid(self, name: str) -> Record | None:
        """Record of a chapter whose inputs, code and files are as they were; None where there is none."""
        record = read_record(self.out, name)
        if record is None or record.inputs is None or self.before.own is None:
            return None
        now = inputs_of(name, self.before, record.modules) | folder_read(name, self.out)
        unchanged = record.inputs == now
        used = all(
            self.records[used].output == output
            for used, output in record.used.items()
            if used in self.records
        )
        return record if unchanged and used and is_on_disk(record, self.out) else None

    def task_of(self, name: str) -> Task:
        """Say what is to be done for a chapter; what it uses is of this run, or of one that holds."""
        for used in find_chapter(name).uses:
            sought = used in CHAPTERS and used not in self.records and has_its_data(used, self.settings)
            if sought and (record := self.still_valid(used)):
                self.records[used] = record
        given = tuple(used for used in find_chapter(name).uses if used in self.records)
        settings = replace(self.settings, progress=self.settings.progress and len(self.names) == 1)
        return Task(name, settings, self.out, given, self.before)

    def done(self, name: str, kept: tuple[str, ...]) -> None:
        """Take down what was made."""
        record = read_record(self.out, name)
        if record is None:
            raise DataMissingError(f"what the chapter {name} made is gone from {self.out}: run again")
        self.running.remove(name)
        self.records[name] = record
        self.reports[name] = report_of(record, self.out, reused=False, kept=kept)

    def in_order(self) -> Iterator[ChapterReport]:
        """Yield chapters that can be announced: those before them are done, too; notes are told once."""
        said: set[str] = set()
        for name in self.names:
            if name not in self.reports:
                return
            notes = tuple(note for note in self.reports[name].notes if note not in said)
            yield replace(self.reports[name], notes=notes)
            said |= {*notes}


def build_chapters(
    names: Sequence[str],
    settings: Settings,
    out: Path,
    announce: Callable[[ChapterReport], None] = lambda report: None,
    *,
    jobs: int = 1,
    force: bool = False,
) -> tuple[ChapterReport, ...]:
    """Make the chapters whose inputs, code or files have changed, and take the others as they are.

    Parameters
    ----------
    names : sequence of str
        Keys of `CHAPTERS`, or `kostnadsvekst.chapters.OWN`.
    settings : Settings
    out : Path
        Results folder. Its hidden folder `kostnadsvekst.report.chapter_files.RECORDS` has the records, and in
        `RUN` what this run did.
    announce : callable
        Called for each chapter in the order of ``names``, as soon as those before it are done.
    jobs : int
        Chapters that are made at once, each in a process of its own; the files have the same bytes.
    force : bool
        Make all of them.

    Returns
    -------
    tuple of ChapterReport

    Raises
    ------
    SpecificationError
        As `check_choices`, before anything is made.
    OutputError
        The results folder cannot be written to; or a process was ended from outside.
    """
    check_choices(names, settings)
    check_folder(out)
    build = _Build(names, replace(settings, out=out), out, force=force)
    told: list[ChapterReport] = []
    shown = settings.progress and len(names) > 1
    with Progress("estimate", len(names), shown=shown) as bar, ExitStack() as stack:
        makers: Makers | None = None
        while True:
            makers = _give_all(build, makers, stack, jobs)
            _tell(build, told, announce, bar)
            if makers is None or not build.running:
                break
            build.done(*makers.take())
            _tell(build, told, announce, bar)
    write_records(out, {RUN: _describe_run(build, jobs)})
    return tuple(told)


def _give_all(build: _Build, makers: Makers | None, stack: ExitStack, jobs: int) -> Makers | None:
    """Give out as many chapters as can be made now; who makes them is found when the first is given."""
    while makers is None or makers.has_room():
        name = build.next_chapter()
        if name is None:
            break
        if makers is None:
            most = min(jobs, len(build.waiting()))
            makers = ThisProcess() if most == 1 else stack.enter_context(ProcessesBeside(most))
        makers.give(build.task_of(name))
        build.running.append(name)
    return makers


def _tell(
    build: _Build, told: list[ChapterReport], announce: Callable[[ChapterReport], None], bar: Progress
) -> None:
    """Announce what is new, and say how far the whole has come."""
    new = [*build.in_order()][len(told) :]
    if new:
        bar.clear()
    for report in new:
        told.append(report)
        announce(report)
    bar.reach(len(build.reports), " ".join(["estimate", *build.running]))


def _describe_run(build: _Build, jobs: int) -> bytes:
    """Tell what this run was: versions, digests of inputs and outputs, seconds and memory by chapter."""
    chapters = {
        name: {
            "reused": build.reports[name].reused,
            "seconds": record.seconds,
            "peak_megabytes": record.peak_megabytes,
            "files": dict(record.files),
        }
        for name, record in build.records.items()
        if name in build.reports
    }
    told: dict[str, Any] = {
        "made_by": f"{PACKAGE} {__version__}",
        "started": build.started.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - build.began, 3),
        "peak_megabytes": peak_megabytes(),
        "jobs": jobs,
        "options": dict(build.before.options),
        "environment": dict(build.before.environment),
        "inputs": {**build.before.package, **(build.before.own or {})},
        "chapters": chapters,
    }
    return (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode()
