"""Folders for temporary personal data that do not outlive the work, whatever ends it."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "kostnadsvekst-register-"
_OWNER = "owner.json"


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
    folder = root / f"{_PREFIX}{key}" if key else Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
    remove_abandoned(root, keep=folder)
    if folder.exists() and key and _is_owned(folder):
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))  # another process does the same work
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / _OWNER).write_text(json.dumps({"pid": os.getpid(), "started": _start_of(os.getpid())}))
    try:
        yield folder
    finally:
        remove_folder(folder)


def remove_folder(folder: Path) -> None:
    """Remove a folder into which an engine that is shutting down may still write for a moment."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


def remove_abandoned(root: Path, keep: Path | None = None) -> int:
    """Remove folders of processes that no longer run; return how many."""
    removed = 0
    for folder in root.glob(f"{_PREFIX}*"):
        if folder != keep and folder.is_dir() and not _is_owned(folder):
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    return removed


def remove_partial_files(target: Path) -> int:
    """Remove half-written versions of `target` whose processes no longer run; return how many."""
    removed = 0
    for path in target.parent.glob(f".{target.name}.partial-*"):
        pid = path.name.rpartition("-")[2]
        if not (pid.isdigit() and _runs(int(pid))):
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _is_owned(folder: Path) -> bool:
    try:
        owner = json.loads((folder / _OWNER).read_text())
        return _runs(int(owner["pid"])) and owner["started"] == _start_of(int(owner["pid"]))
    except (OSError, ValueError, KeyError):
        return _is_new(folder)


def _is_new(folder: Path) -> bool:
    """Whether the folder may be so new that its owner has not been written yet."""
    try:
        return time.time() - folder.stat().st_mtime < 5 and not any(folder.iterdir())
    except OSError:
        return True


def _runs(pid: int) -> bool:
    if os.name == "nt":  # os.kill would end the process there
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, pid)  # type: ignore[attr-defined,unused-ignore]
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)  # type: ignore[attr-defined,unused-ignore]
        return bool(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _start_of(pid: int) -> str:
    """When the process started, where the system tells: a number can be given again to another process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
