"""Write a generation of a folder again and again, each time ended at another line of the code.

``python generation_deaths.py HOW WAY FOLDER STEP`` prints one JSON line for each end: what a reader found,
and what the next run left. HOW is ``kill`` (SIGKILL), ``term`` (SIGTERM), ``interrupt`` (Ctrl-C) or ``fail``
(a call of the system that fails); WAY is ``exchange`` or ``renames`` (as where names cannot be exchanged).
"""

import json
import os
import shutil
import signal
import sys
import warnings
from pathlib import Path

from kostnadsvekst import generations

OURS = [f"part_{i}.txt" for i in range(3)]


def write(folder: Path, number: int) -> None:
    with generations.replacing(folder, kind="trial") as staged:
        for name in OURS:
            (staged / name).write_text(str(number))


def lay_out(place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    folder = place / "target"
    write(folder, 1)
    (folder / "own.txt").write_text("own")
    (folder / "notes").mkdir()
    (folder / "notes" / "own.txt").write_text("deep")
    return folder


def found_in(folder: Path) -> dict[str, object]:
    """What a reader finds, and what lies beside."""
    generations.recover(folder)
    texts = {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}
    listed = json.loads(texts.pop(generations.MARKER, '{"files": {}}'))["files"]
    own = {name: texts.pop(name, None) for name in ("own.txt", "notes/own.txt")}
    beside = sorted(p.name for p in folder.parent.iterdir() if p != folder)
    return {"texts": texts, "own": own, "listed": sorted(listed), "beside": len(beside)}


class Ending:
    """A trace function that ends the process, or raises, at the n-th line of the module."""

    def __init__(self, how: str, at: int) -> None:
        self.how, self.at, self.seen = how, at, 0

    def __call__(self, frame, event, argument):
        if frame.f_code.co_filename != generations.__file__:
            return None
        if event == "line":
            self.seen += 1
            if self.seen == self.at:
                self.end()
        return self

    def end(self) -> None:
        sys.settrace(None)
        if self.how == "interrupt":
            raise KeyboardInterrupt
        os.kill(os.getpid(), signal.SIGKILL if self.how == "kill" else signal.SIGTERM)


CALLS = ("rename", "link", "mkdir", "chmod", "rmdir")


class Failing:
    """The n-th call of the system that changes names fails; later ones work again."""

    def __init__(self, at: int) -> None:
        self.at, self.seen = at, 0
        for name in CALLS:
            setattr(os, name, self.wrapped(getattr(os, name)))
        self.exchange = generations._exchange
        generations._exchange = self.wrapped(self.exchange)

    def wrapped(self, call):
        def perhaps(*arguments, **options):
            self.seen += 1
            if self.seen == self.at:
                raise OSError(28, "No space left on device")
            return call(*arguments, **options)

        return perhaps


def one_end(how: str, folder: Path, at: int) -> int:
    """Write in a child that ends at this line; its exit code, 77 if it got to the end."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    ending = Failing(at) if how == "fail" else Ending(how, at)
    if how != "fail":
        sys.settrace(ending)
    try:
        write(folder, 2)
    except (KeyboardInterrupt, generations.OutputError):
        sys.settrace(None)
    except BaseException:
        os._exit(99)
    sys.settrace(None)
    os._exit(77 if ending.seen < at else 0)


def main() -> None:
    how, way, place, step = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    warnings.simplefilter("ignore")
    if way == "renames":
        generations._exchange = lambda first, second: False
    at = 1
    while True:
        folder = lay_out(place / "place")
        code = one_end(how, folder, at)
        if code == 77:
            return
        found = found_in(folder)
        write(folder, 3)
        after = found_in(folder)
        print(json.dumps({"at": at, "code": code, "found": found, "after": after}), flush=True)
        at += step


if __name__ == "__main__":
    main()
