"""Folders that are replaced whole: readers find all of the old or all of the new, whatever ends the work.

A new generation is built in a hidden folder beside the target (``.NAME.kostnadsvekst-...``), which its owner
holds by a lock. It gets a marker that lists what it is made of, and takes the target's place by one exchange
of two names (Linux, macOS) or by two renames (elsewhere). What a killed process left is put in order by the
next that writes or reads there: the state follows from what lies on the disk. Files that the marker does not
list are somebody else's: they are carried along, under another name where the new generation needs theirs.
"""

import ctypes
import errno
import glob
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from kostnadsvekst.errors import DataWarning, InvalidDataError, OutputError

__all__ = ["MARKER", "Generation", "check_place", "read_marker", "recover", "replacing"]


def __dir__() -> list[str]:
    return sorted(__all__)


MARKER = ".kostnadsvekst.json"
_LOCK = "in-use.lock"
_STAGED = "staged"  # inode of the folder that is built: says which is which after an exchange of names
_COMPLETE = "complete"  # holds the files of ours in the generation before
_NEW, _OLD = "new", "old"
_ATTEMPTS = 50
_NO_SUCH_CALL = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}

_PLACE_IS_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}

Keep = Callable[[str], bool]
Adopt = Callable[[Path], Mapping[str, str] | None]


@dataclass(frozen=True, slots=True)
class Generation:
    """What a marker says of its folder.

    Attributes
    ----------
    kind : str
        What the folder is, for example ``"store"``.
    files : mapping of str to str
        Path inside the folder (with ``/``) -> sha256, hexadecimal, of every file that this package wrote.
    """

    kind: str
    files: Mapping[str, str] = field(default_factory=dict)


def read_marker(directory: Path | str) -> Generation | None:
    """Read what a folder says of itself; None if it is not one of ours.

    Parameters
    ----------
    directory : path

    Returns
    -------
    Generation or None

    Raises
    ------
    InvalidDataError
        There is a marker that cannot be read.
    """
    path = Path(directory) / MARKER
    if not path.is_file():
        return None
    try:
        stated = json.loads(path.read_text("utf-8"))
        return Generation(str(stated["kind"]), {str(k): str(v) for k, v in stated["files"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidDataError(
            f"the marker {path} is damaged: move the folder {directory} away (or, if everything in it may be "
            "replaced, delete it) and run again"
        ) from error


@contextmanager
def replacing(
    directory: Path | str,
    *,
    kind: str,
    keep: Keep | None = None,
    adopt: Adopt | None = None,
    foreign: bool = False,
) -> Iterator[Path]:
    """Build a new generation of a folder; it takes the folder's place when the block ends without an error.

    Parameters
    ----------
    directory : path
        Created if it is not there. A link is followed.
    kind : str
        What the folder is; one of another kind is refused.
    keep : callable, optional
        ``keep(path)`` says which files of the old generation stay part of the new one although it has not
        written them. None of them by default.
    adopt : callable, optional
        ``adopt(folder)`` gives the files (path -> sha256) of a folder that an earlier version wrote without a
        marker; None where it is not such a folder.
    foreign : bool
        Take a folder that has files but no marker, too: all of them are carried along.

    Yields
    ------
    Path
        Folder to write into. Nothing else looks at it.

    Raises
    ------
    OutputError
        The place cannot hold the folder (a file, no right to write, a mount point, the working directory), or
        it is not ours. The old generation is as it was.

    Warns
    -----
    DataWarning
        A file that somebody else wrote or changed had a name that is needed: it is kept under another.
    """
    target = check_place(directory, kind=kind, adopt=adopt, foreign=foreign)
    with _told(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        work, lock = _claim(target)
    moved, settled = [], True
    try:
        with _told(target):
            staged = work / _NEW
            staged.mkdir()
            (work / _STAGED).write_text(str(staged.stat().st_ino), encoding="ascii")
        with _told(target, within=work):
            yield staged
        with _turn(target), _told(target):
            settled = False
            try:
                ours = _old_files(target, kind, adopt, foreign=foreign)
                moved = _finish(work, target, ours, kind, keep)
            finally:
                _settle(work, target)
                settled = True
    finally:
        if settled:  # else the next run tries again
            _remove(work, lock)
        lock.release()
    if moved:
        warnings.warn(
            f"{target} had files of yours where new ones belong; yours are kept as {', '.join(moved)}",
            DataWarning,
            stacklevel=3,
        )


def check_place(
    directory: Path | str,
    *,
    kind: str,
    adopt: Adopt | None = None,
    foreign: bool = False,
) -> Path:
    """Check that a folder can be replaced, before the work that fills it.

    Parameters
    ----------
    directory, kind, adopt, foreign
        As for `replacing`.

    Returns
    -------
    Path
        Real path of the folder.

    Raises
    ------
    OutputError
        The place cannot hold the folder, or it is not ours.
    InvalidDataError
        Its marker is damaged.
    """
    recover(directory)
    # In turn: another writer's swap may take the folder away for a moment.
    with _turn(_where(directory)):
        target = _checked_place(Path(directory))
        with _told(target):
            _old_files(target, kind, adopt, foreign=foreign)
    with _told(target):
        nearest = next(parent for parent in target.parents if parent.exists())
        if not nearest.is_dir():
            raise OutputError(f"{directory} cannot be a folder: {nearest} is a file")
        # Rights as stated are not enough to know: the administrator has all of them on any disk.
        trial = tempfile.mkdtemp(prefix=_prefix(target), dir=nearest)
        with suppress(FileNotFoundError):  # another process that looks for what was left took it
            os.rmdir(trial)
    return target


def recover(directory: Path | str) -> None:
    """Put in order what a killed process left beside a folder; work in progress is left alone.

    Readers call this too: where names cannot be exchanged, a process that was killed between two renames
    leaves both generations in its own folder and none in their place.

    Parameters
    ----------
    directory : path
    """
    target = _where(directory)
    if target is None:  # no path at all: whoever opens it will be told
        return
    for _ in range(_ATTEMPTS):
        found = sorted(target.parent.glob(f"{glob.escape(_prefix(target))}*"))
        between_two_renames = [work for work in found if not _recover_one(work, target)]
        if os.path.exists(target) or not between_two_renames:
            return
        time.sleep(0.01)


def _where(directory: Path | str) -> Path | None:
    """Real path of a folder, whether it is there or not; None for what is no path."""
    try:
        return Path(os.path.realpath(directory))
    except (OSError, ValueError):
        return None


def _recover_one(work: Path, target: Path) -> bool:
    """Put in order what nobody works on; False where a living process has the target in its hands."""
    if work.is_symlink() or not work.is_dir():
        return True
    if not (work / _LOCK).is_file():
        _remove_if_empty(work)
        return True
    lock = _take(work)
    if lock is None:
        return not (work / _OLD).exists()
    try:
        with _turn(target):
            _settle(work, target)
        _remove(work, lock)  # nothing is removed that could not be put in its place
    finally:
        lock.release()
    return True


@contextmanager
def _turn(target: Path | None) -> Iterator[None]:
    """Take turns in putting generations into the place; where folders have no locks, try without."""
    try:
        import fcntl

        handle = None if target is None else os.open(target.parent, os.O_RDONLY)
    except (ImportError, OSError):
        handle = None
    if handle is None:
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _checked_place(directory: Path) -> Path:
    """Real path of the folder, where a folder can be."""
    try:
        if directory.is_symlink() and not directory.exists():
            raise OutputError(f"{directory} is a link to {os.readlink(directory)}, which does not exist")
        target = directory.resolve()
        if target.exists() and not target.is_dir():
            raise OutputError(f"{directory} is a file: name a folder")
        inside = Path.cwd().is_relative_to(target)
    except (OSError, ValueError, RuntimeError) as error:
        raise OutputError(f"{str(directory)!r} cannot be a folder: {error}") from error
    if os.path.ismount(target):
        raise OutputError(f"{directory} is a mount point and cannot be replaced whole: name a folder in it")
    if target.is_dir() and inside:
        raise OutputError(
            f"{directory} is replaced whole, and you are working in it: run from another folder"
        )
    if target.is_dir() and not target.stat().st_mode & 0o222:
        raise OutputError(f"{directory} is read-only: allow writing, or name another folder")
    return target


def _old_files(
    target: Path,
    kind: str,
    adopt: Adopt | None,
    *,
    foreign: bool,
) -> Mapping[str, str]:
    """Files of ours in the folder; refuses one that is not ours."""
    if not target.is_dir() or not any(target.iterdir()):
        return {}
    found = read_marker(target)
    if found is not None and found.kind == kind:
        return found.files
    if found is not None:
        raise OutputError(f"{target} holds another kind of output ({found.kind}): name another folder")
    adopted = adopt(target) if adopt else None
    if adopted is None and not foreign:
        raise OutputError(
            f"{target} is not empty and no {kind} of this program (it has no {MARKER}): name another folder"
        )
    return adopted or {}


def _prefix(target: Path) -> str:
    return f".{target.name}.kostnadsvekst-"


def _claim(target: Path) -> tuple[Path, FileLock]:
    """Folder for the work, and the lock that makes it ours."""
    for _ in range(_ATTEMPTS):
        work = Path(tempfile.mkdtemp(prefix=_prefix(target), dir=target.parent))
        lock = _take(work)
        # Another process that looks for what was left may have been there before our lock.
        if lock is not None and (work / _LOCK).is_file():
            return work, lock
        _remove_if_empty(work)
        time.sleep(0.01)
    raise OutputError(f"files cannot be locked in {target.parent}: name a folder on another disk")


def _take(work: Path) -> FileLock | None:
    lock = FileLock(work / _LOCK, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError, NotImplementedError):  # at work, gone, another user's, or no locks here
        return None
    return lock


def _finish(work: Path, target: Path, ours: Mapping[str, str], kind: str, keep: Keep | None) -> list[str]:
    """Complete the new generation and put it in its place; names of files that had to give way."""
    staged = work / _NEW
    files = {name: _sha256(staged / name) for name in _walk(staged) if not (staged / name).is_symlink()}
    moved: list[str] = []
    if target.is_dir():
        shutil.copymode(target, staged)
        moved = _carry(target, staged, ours)
        for name in filter(keep or (lambda name: False), ours):
            if name not in files and _is_ours(target / name, ours[name]) and not (staged / name).exists():
                _link(target / name, staged / name)
                files[name] = ours[name]
    marker = {"kind": kind, "made_by": "kostnadsvekst", "files": dict(sorted(files.items()))}
    (staged / MARKER).write_text(json.dumps(marker, ensure_ascii=False, indent=1) + "\n", "utf-8")
    (work / _COMPLETE).write_text(json.dumps(dict(ours)), "utf-8")
    _swap(work, target)
    return moved


def _swap(work: Path, target: Path) -> None:
    staged = work / _NEW
    for _ in range(_ATTEMPTS):
        try:
            if not target.exists():
                os.rename(staged, target)
                return
            if _exchange(staged, target):
                return
            os.rename(target, work / _OLD)
        except (FileNotFoundError, FileExistsError):  # another process puts its own there
            continue
        try:
            os.rename(staged, target)
        except OSError:
            os.rename(work / _OLD, target)
            raise
        return
    raise OutputError(f"{target} is replaced by others all the time: run again when they have ended")


def _exchange(first: Path, second: Path) -> bool:
    """Exchange the names of two folders at once; False where the system cannot."""
    if sys.platform == "win32":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(first), os.fsencode(second)
    if hasattr(libc, "renameat2"):
        at_working_directory, exchange = -100, 2
        failed = libc.renameat2(at_working_directory, names[0], at_working_directory, names[1], exchange)
    elif hasattr(libc, "renamex_np"):
        failed = libc.renamex_np(*names, 2)
    else:
        return False
    if failed and (number := ctypes.get_errno()) not in _NO_SUCH_CALL:
        raise OSError(number, os.strerror(number), str(second))
    return not failed


def _settle(work: Path, target: Path) -> None:
    """Bring the target to the old or the new generation, whatever has happened so far."""
    try:
        stated = (work / _STAGED).read_text(encoding="ascii")
    except OSError:  # ended before anything was built
        return
    present = [folder for folder in (work / _NEW, work / _OLD) if folder.is_dir()]
    staged = [folder for folder in present if str(folder.stat().st_ino) == stated]
    before = [folder for folder in present if folder not in staged]
    if before and not target.exists():
        _put_back(staged if (work / _COMPLETE).exists() else [], before, target)
    try:
        for folder in before:
            if folder.is_dir():  # what was written there after it had been carried along
                _carry(folder, target, _listed(folder, work))
    except OSError as error:
        raise OutputError(
            f"{target} is in its place, but what lies in {work} could not all be moved there: "
            f"{error.strerror or error}; the next run tries again"
        ) from error


def _put_back(staged: list[Path], before: list[Path], target: Path) -> None:
    for folder in [*staged, *before]:
        try:
            os.rename(folder, target)
        except OSError:
            continue
        return
    raise OutputError(f"{target} could not be put back: it lies in {before[0]}; move it by hand")


def _listed(folder: Path, work: Path) -> Mapping[str, str]:
    """Files of ours in a generation that has been replaced; one without a marker had been adopted."""
    try:
        if found := read_marker(folder):
            return found.files
        listed: dict[str, str] = json.loads((work / _COMPLETE).read_text("utf-8"))
    except (InvalidDataError, OSError, ValueError):
        return {}
    return listed


def _carry(old: Path, new: Path, ours: Mapping[str, str]) -> list[str]:
    """Take along what is not ours; the names of what could not keep its own."""
    moved = []
    # Those that can keep their names first, so that nobody else gets them.
    for name in sorted(_walk(old), key=lambda name: os.path.lexists(new / name)):
        source = old / name
        if name == MARKER or _is_ours(source, ours.get(name)):
            continue
        placed = _place(source, new, name)
        if placed != name:
            moved.append(placed)
    for folder, below, files in os.walk(old, onerror=_raise):
        if not (below or files):
            (new / os.path.relpath(folder, old)).mkdir(parents=True, exist_ok=True)
    return moved


def _place(source: Path, folder: Path, name: str) -> str:
    """Put a file under its name, or under the first free name like it; a copy of it may be there."""
    parents = [folder / parent for parent in Path(name).parents]
    wanted = name.replace("/", "_") if any(p.exists() and not p.is_dir() for p in parents) else name
    for number in range(1_000):
        free = wanted if number == 0 else f"{wanted}.kept-{number}"
        if os.path.lexists(folder / free):
            if _is_same(source, folder / free):
                return free
            continue
        _link(source, folder / free)
        return free
    raise OutputError(f"no name is left for {source}: clear up the files called {wanted}.kept-...")


def _link(source: Path, to: Path) -> None:
    """Give a file a second name: nothing that is written to it in the meantime is lost."""
    to.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        os.symlink(os.readlink(source), to)
        return
    try:
        os.link(source, to)
    except (OSError, NotImplementedError):  # file systems without hard links
        shutil.copy2(source, to)


def _walk(folder: Path) -> Iterator[str]:
    """Files below a folder, links included and not followed, by name with ``/``."""
    for place, below, files in os.walk(folder, onerror=_raise):
        links = [name for name in below if os.path.islink(os.path.join(place, name))]
        for name in sorted([*files, *links]):
            yield Path(place, name).relative_to(folder).as_posix()


def _raise(error: OSError) -> None:
    """Stop at a folder that cannot be read: it is no empty one, and what is in it would be lost."""
    raise error


def _is_ours(path: Path, expected: str | None) -> bool:
    return expected is not None and path.is_file() and not path.is_symlink() and _sha256(path) == expected


def _is_same(first: Path, second: Path) -> bool:
    if first.is_symlink() or second.is_symlink():
        return first.is_symlink() and second.is_symlink() and os.readlink(first) == os.readlink(second)
    if not (first.is_file() and second.is_file()):
        return False
    return os.path.samefile(first, second) or _sha256(first) == _sha256(second)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove(work: Path, lock: FileLock) -> None:
    """Remove our own folder, the lock last: without it nobody knows that the folder is ours."""
    for entry in sorted(work.iterdir()) if work.is_dir() else []:
        if entry.name != _LOCK:
            _remove_entry(entry)
    if os.name == "nt":  # a locked file cannot be removed there
        lock.release()
    if work.is_dir() and [entry.name for entry in work.iterdir()] == [_LOCK]:
        (work / _LOCK).unlink(missing_ok=True)
    lock.release()
    _remove_if_empty(work)


def _remove_entry(entry: Path) -> None:
    """Remove what can be removed; the next run tries again."""
    with suppress(OSError):
        if entry.is_symlink() or not entry.is_dir():
            entry.unlink()
            return
        for place, _, _ in os.walk(entry):
            os.chmod(place, 0o700)
    shutil.rmtree(entry, ignore_errors=True)


def _remove_if_empty(work: Path) -> None:
    try:
        work.rmdir()
    except OSError:  # in use, or not empty
        return


@contextmanager
def _told(target: Path, *, within: Path | None = None) -> Iterator[None]:
    """Turn failures of the system into an error that says where; in the block only those of writing."""
    try:
        yield
    except OSError as error:
        of_writing = str(within) in str(error.filename) or error.errno in _PLACE_IS_FULL
        if within is not None and not of_writing:
            raise
        raise OutputError(
            f"{target} cannot be written: {error.strerror or error} (a new one is built beside it, in "
            f"{target.parent}, and then takes its place); what was there is as it was"
        ) from error
