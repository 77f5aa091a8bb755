"""Folders for temporary personal data that do not outlive the work, whatever ends it."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_PREFIX = "kostnadsvekst-register-"
# Held by the owner for as long as it lives, whatever ends it; only folders that have this file are ours.
_LOCK = "in-use.lock"


@contextmanager
def workspace(temp_directory: str | Path | None = None, key: str | None = None) -> Iterator[Path]:
    """Folder for temporary personal data, readable by its owner only.

    Removed when the work ends, also by an error or Ctrl-C. What a killed process left behind is removed at
    the start of the next, but for a folder with the same `key`, whose finished parts are taken over.

    Parameters
    ----------
    temp_directory : path, optional
        Where the folder is made; default: the system's place for temporary files.
    key : str, optional
        Names the work (a fingerprint of its input) so that it can be taken up again.

    Yields
    ------
    Path
    """
    root = Path(temp_directory) if temp_directory else Path(tempfile.gettempdir())
    root.mkdir(parents=True, exist_ok=True)
    folder, lock = _claim(root, key)
    try:
        remove_abandoned(root)
        yield folder
    finally:
        if os.name == "nt":  # a locked file cannot be removed there
            lock.release()
        remove_folder(folder)
        lock.release()


def remove_folder(folder: Path) -> None:
    """Remove a folder into which an engine that is shutting down may still write for a moment."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def remove_abandoned(root: Path) -> int:
    """Remove folders of ours whose owners no longer live; return how many."""
    removed = 0
    for folder in root.glob(f"{_PREFIX}*"):
        if folder.is_symlink() or not (folder / _LOCK).is_file():
            continue
        lock = _take(folder)
        if lock is None:
            continue
        # Under another name first: its key may be claimed again at once.
        aside = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        try:
            folder.rename(aside / "abandoned")
            removed += 1
        except OSError:  # another process was faster, or it is open on Windows
            pass
        finally:
            lock.release()
            shutil.rmtree(aside, ignore_errors=True)
    return removed


def _claim(root: Path, key: str | None) -> tuple[Path, FileLock]:
    """Folder of the key if nobody works in it, else a new one; and the lock that makes it ours."""
    if key is not None:
        named = root / f"{_PREFIX}{key}"
        named.mkdir(mode=0o700, exist_ok=True)
        lock = _take(named) if _is_private(named) else None
        if lock is not None:
            return named, lock
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
    lock = FileLock(folder / _LOCK, mode=0o600)
    lock.acquire()
    return folder, lock


def _take(folder: Path) -> FileLock | None:
    lock = FileLock(folder / _LOCK, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):  # at work, or gone, or another user's
        return None
    return lock


def _is_private(folder: Path) -> bool:
    """Whether a folder that was there is ours alone: someone else may have laid it out for us."""
    if not hasattr(os, "getuid"):  # Windows, where the temporary folder is the user's own
        return True
    facts = folder.lstat()
    return facts.st_uid == os.getuid() and facts.st_mode & 0o777 == 0o700 and not folder.is_symlink()
