"""Make one chapter, write its files and the record of them: in this process, or in one beside it.

The processes are those of `multiprocessing`, without its pool: a pool's workers outlive a run that was
killed, and cannot be told to stop in the middle of a chapter. Results go from process to process by way of
the disk.
"""

import contextlib
import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from kostnadsvekst.chapters import Settings, files_of, run_chapter, write_result
from kostnadsvekst.chapters.fingerprints import (
    PACKAGE,
    Snapshot,
    files_outside,
    folder_read,
    inputs_of,
    modules_of,
    own_files,
    package_files,
)
from kostnadsvekst.chapters.records import (
    describe_result,
    files_of_record,
    read_record,
    result_of,
    with_notes_of,
)
from kostnadsvekst.errors import KostnadsvekstError, OutputError
from kostnadsvekst.report.look import drawn_as_shipped
from kostnadsvekst.terminal import run_program

# What the libraries of linear algebra, numba and Arrow ask how many threads they may have.
THREADS = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
)
SECONDS_TO_STOP = 10
# What Linux tells a process of itself.
_FACTS = Path(os.sep, "proc", "self")


@dataclass(frozen=True, slots=True)
class Task:
    """A chapter to be made.

    Attributes
    ----------
    name : str
    settings : Settings
    out : Path
        Results folder.
    used : tuple of str
        Chapters that it uses, whose records in ``out`` hold.
    before : Snapshot
        Taken before anything was loaded.
    """

    name: str
    settings: Settings
    out: Path
    used: tuple[str, ...]
    before: Snapshot


class Makers(Protocol):
    """Who makes chapters."""

    def has_room(self) -> bool:
        """Whether another chapter may be given."""

    def give(self, task: Task) -> None:
        """Let a chapter be made."""

    def take(self) -> tuple[str, tuple[str, ...]]:
        """Wait for a chapter; its name, and what became of files of the user's own."""


def make(task: Task) -> tuple[str, ...]:
    """Make a chapter and write its files and its record.

    Parameters
    ----------
    task : Task

    Returns
    -------
    tuple of str
        What the user should know of files of their own.
    """
    began, loaded = time.perf_counter(), set(sys.modules)
    _forget_peak()
    folder = folder_read(task.name, task.out)
    records = {used: record for used in task.used if (record := read_record(task.out, used))}
    finished = {used: result_of(record, task.out) for used, record in records.items()}
    with drawn_as_shipped():
        result, notes = run_chapter(task.name, task.settings, finished)
    files = files_of(task.name, result, task.settings)
    record, audit = describe_result(task.name, result, files, notes)
    modules = modules_of(task.name)
    record = replace(
        with_notes_of(record, records.values()),
        modules=tuple(sorted(modules)),
        inputs=_inputs(task, modules, set(sys.modules) - loaded, folder),
        used={used: other.output for used, other in records.items()},
        seconds=round(time.perf_counter() - began, 3),
        peak_megabytes=peak_megabytes(),
    )
    _, kept = write_result(task.out, task.name, result, task.settings, files_of_record(record, audit))
    return kept


def _inputs(
    task: Task, modules: frozenset[str], loaded: set[str], folder: Mapping[str, str]
) -> Mapping[str, Any] | None:
    """Tell what the chapter hung on; None where that was changed on the way, or not foreseen."""
    foreseen = {name for name in loaded if name.partition(".")[0] == PACKAGE} <= modules
    now = replace(task.before, package=package_files() | files_outside(), own=own_files(task.settings))
    before, after = (inputs_of(task.name, snapshot, modules) for snapshot in (task.before, now))
    held = before == after and folder == folder_read(task.name, task.out)
    return {**before, **folder} if foreseen and held and before["own"] is not None else None


def peak_megabytes() -> float | None:
    """Most memory that this process had at once, since the peak was forgotten; None where nobody tells it."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        status = (_FACTS / "status").read_text("utf-8").partition("VmHWM:")[2]
        return round(int(status.split()[0]) / 1024, 1)
    with contextlib.suppress(ImportError):
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round(most / (1024**2 if sys.platform == "darwin" else 1024), 1)
    return None


def _forget_peak() -> None:
    """Begin to measure anew, where the system can."""
    with contextlib.suppress(OSError):
        (_FACTS / "clear_refs").write_text("5", encoding="ascii")


class ThisProcess:
    """Makes one chapter after the other."""

    def __init__(self) -> None:
        self._task: Task | None = None

    def has_room(self) -> bool:
        """Whether another chapter may be given."""
        return self._task is None

    def give(self, task: Task) -> None:
        """Let a chapter be made when it is waited for."""
        self._task = task

    def take(self) -> tuple[str, tuple[str, ...]]:
        """Make the chapter; its name, and what became of files of the user's own."""
        task, self._task = self._task, None
        assert task is not None
        return task.name, make(task)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left behind."""


class _Worker:
    """A process that makes chapters."""

    def __init__(self, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, threads), daemon=True)
        self.process.start()
        theirs.close()
        self.task: Task | None = None


class ProcessesBeside:
    """Makes as many chapters at once as there are processes, which are started when they are needed.

    Parameters
    ----------
    jobs : int
        Most processes. Each may use its share of the machine's processors, or what the user's own variables
        of the environment say.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self._workers: list[_Worker] = []

    def has_room(self) -> bool:
        """Whether another chapter may be given."""
        return len(self._busy()) < self._jobs

    def give(self, task: Task) -> None:
        """Let a process make a chapter."""
        free = [worker for worker in self._workers if worker.task is None]
        if not free:
            free = [_Worker(max(1, (os.cpu_count() or 1) // self._jobs))]
            self._workers += free
        free[0].task = task
        with contextlib.suppress(BrokenPipeError):  # it ended: who waits for the chapter is told so
            free[0].connection.send(task)

    def take(self) -> tuple[str, tuple[str, ...]]:
        """Wait for a chapter; its name, and what became of files of the user's own."""
        (ready, *_) = wait([worker.connection for worker in self._busy()])
        worker = next(worker for worker in self._workers if worker.connection is ready)
        assert worker.task is not None
        name, worker.task = worker.task.name, None
        try:
            answer = worker.connection.recv()
        except (EOFError, ConnectionError):
            worker.process.join(SECONDS_TO_STOP)
            raise OutputError(
                f"the process that made the chapter {name} was ended from outside "
                f"({worker.process.exitcode}), perhaps for want of memory: run again, with --jobs 1 if needed"
            ) from None
        if isinstance(answer, BaseException):
            raise answer
        return name, answer

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.task is not None]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes: in order, what they were making is not written."""
        for worker in self._workers:
            worker.connection.close()
            if worker.task is not None:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(SECONDS_TO_STOP)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def _work(connection: Connection, threads: int) -> None:
    """Make chapters until nobody asks for more."""
    for name in THREADS:
        os.environ.setdefault(name, str(threads))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.exit(run_program(lambda: _answer(connection), tell=False))


def _answer(connection: Connection) -> int:
    for task in _tasks(connection):
        answer: object
        try:
            answer = make(task)
        except Exception as error:
            answer = _portable(error)
        with contextlib.suppress(BrokenPipeError):
            connection.send(answer)
        _give_memory_back()
    return 0


def _give_memory_back() -> None:
    """Return what a chapter has left, where the system can; the next begins with as little as may be."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _tasks(connection: Connection) -> Iterator[Task]:
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            yield connection.recv()


def _portable(error: Exception) -> Exception:
    """Error as the other process can raise it; one that nobody foresaw tells where it came from."""
    if isinstance(error, KostnadsvekstError | OSError | MemoryError):
        return error
    return RuntimeError("".join(traceback.format_exception(error)))


def _end_with_parent() -> None:
    """Stop when the process that asks is gone, however it ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(SECONDS_TO_STOP)
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
