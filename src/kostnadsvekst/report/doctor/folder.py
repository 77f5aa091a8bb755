"""The files of a project folder: walked once, links not followed, what others installed left alone."""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kostnadsvekst.errors import DataMissingError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.doctor.findings import Finding

# Made by programs, or somebody else's: no part of what is handed on.
NOT_ENTERED = frozenset({
    ".git", ".hg", ".svn", "node_modules", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache",
    ".hypothesis", ".benchmarks", ".tox", ".nox", ".ipynb_checkpoints", ".Rproj.user", ".venv", ".cache",
    ".pixi", "__MACOSX",
})  # fmt: skip
# Of file managers, and git's pointer in a worktree.
NOT_READ = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", ".git"})
MOST_FILES = 100_000
MOST_BYTES = 64 * 2**20  # of one file that are read
_GIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """A regular file.

    Attributes
    ----------
    name : str
        Below the folder, with ``/``. Bytes that are no text are surrogates, as Python has them.
    path : Path
    size : int
        Bytes.
    """

    name: str
    path: Path
    size: int

    @property
    def suffix(self) -> str:
        """Ending in small letters, with its dot; that of the packed file for ``.gz``."""
        base = self.name.lower().removesuffix(".gz").rpartition("/")[2]
        return f".{base.rpartition('.')[2]}" if "." in base[1:] else ""

    @property
    def base(self) -> str:
        """Name without the folders."""
        return self.name.rpartition("/")[2]

    @property
    def folders(self) -> tuple[str, ...]:
        """Names of the folders above, in small letters."""
        return tuple(self.name.lower().split("/")[:-1])


@dataclass(frozen=True, slots=True)
class Folder:
    """A project folder as it was found.

    Attributes
    ----------
    root : Path
        Real path.
    files : tuple of ProjectFile
        By name.
    folders : tuple of str
        Their names below the root, with ``/``.
    findings : tuple of Finding
        Of the walk itself: links, what cannot be read, too many files.
    left_out : tuple of str
        Folders that were not entered.
    n_ignored : int
        Files that git ignores and that were therefore not looked at.
    most_bytes : int
        Of one file that are read.
    """

    root: Path
    files: tuple[ProjectFile, ...]
    folders: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    left_out: tuple[str, ...] = ()
    n_ignored: int = 0
    most_bytes: int = MOST_BYTES

    @property
    def n_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    def with_suffix(self, suffixes: frozenset[str]) -> Iterator[ProjectFile]:
        """Files whose name ends in one of some endings."""
        return (file for file in self.files if file.suffix in suffixes)


def walk_folder(
    root: str | Path,
    *,
    most_bytes: int = MOST_BYTES,
    most_files: int = MOST_FILES,
    git: Callable[[Path], frozenset[str] | None] | None = None,
) -> Folder:
    """List the files of a folder.

    Parameters
    ----------
    root : path
    most_bytes : int
        Of one file that are read later.
    most_files : int
        More are not looked at; that is a finding.
    git : callable, optional
        Gives the paths that git ignores (folders end in ``/``), None outside of a repository; asks the
        program ``git`` by default.

    Raises
    ------
    DataMissingError
        If there is no such folder, or it cannot be read.
    """
    try:
        real = Path(os.path.realpath(root))
        if not real.is_dir():
            raise DataMissingError(f"there is no folder {str(root)!r}: name the folder of your project")
        os.scandir(real).close()
    except (OSError, ValueError) as error:
        raise DataMissingError(f"the folder {str(root)!r} cannot be read: check who may read it") from error
    walk = _Walk(real, (git or ignored_by_git)(real) or frozenset(), most_files)
    walk.enter()
    return Folder(
        real,
        tuple(sorted(walk.files, key=lambda file: file.name)),
        tuple(sorted(walk.folders)),
        tuple(walk.findings),
        tuple(sorted(walk.left_out)),
        walk.n_ignored,
        most_bytes,
    )


class _Walk:
    """What has been found so far."""

    def __init__(self, root: Path, ignored: frozenset[str], most_files: int) -> None:
        self.root, self.ignored, self.most_files = root, ignored, most_files
        self.files: list[ProjectFile] = []
        self.folders: list[str] = []
        self.findings: list[Finding] = []
        self.left_out: list[str] = []
        self.n_ignored = 0

    def enter(self) -> None:
        """Walk without recursion: folders may lie thousands deep."""
        waiting = [(str(self.root), "")]
        while waiting:
            place, below = waiting.pop()
            try:
                with os.scandir(place) as entries:
                    found = sorted(entries, key=lambda entry: entry.name)
            except OSError:
                self.findings.append(Finding("unreadable-file", below))
                continue
            for entry in found:
                inside = f"{below}/{entry.name}" if below else entry.name
                if self._take(entry, inside):
                    waiting.append((entry.path, inside))
                if len(self.files) > self.most_files:
                    self._too_many()
                    return

    def _take(self, entry: os.DirEntry[str], name: str) -> bool:
        """Note an entry; True for a folder to enter."""
        if name in self.ignored or f"{name}/" in self.ignored:
            self.n_ignored += 1
            return False
        try:
            if entry.is_symlink():
                if entry.name not in NOT_ENTERED:
                    self.findings += _link_findings(self.root, entry, name)
                return False
            if entry.is_dir():
                return self._enters(entry, name)
            state = entry.stat()
        except OSError:
            self.findings.append(Finding("unreadable-file", name))
            return False
        if not stat.S_ISREG(state.st_mode):
            self.findings.append(Finding("not-a-file", name))
        elif entry.name not in NOT_READ:
            self.files.append(ProjectFile(name, Path(entry.path), state.st_size))
        return False

    def _enters(self, entry: os.DirEntry[str], name: str) -> bool:
        other = entry.name in NOT_ENTERED or entry.name.endswith(".egg-info")
        if other or os.path.lexists(os.path.join(entry.path, "pyvenv.cfg")):
            self.left_out.append(name)
            return False
        self.folders.append(name)
        return True

    def _too_many(self) -> None:
        self.files = self.files[: self.most_files]
        detail = Bilingual(f"bare de første {self.most_files}", f"the first {self.most_files} only")
        self.findings.append(Finding("too-many-files", "", detail))


def _link_findings(root: Path, entry: os.DirEntry[str], name: str) -> list[Finding]:
    target = os.readlink(entry.path)
    try:
        real = Path(os.path.realpath(entry.path, strict=True))
    except OSError:
        return [Finding("link", name, Bilingual("fører ingen steder", "leads nowhere"))]
    if os.path.isabs(target) or not real.is_relative_to(root):
        return [Finding("link", name, Bilingual("fører ut av mappen", "leads out of the folder"))]
    return []


def ignored_by_git(root: Path) -> frozenset[str] | None:
    """Paths below a folder that git ignores; None where there is no repository, or no git.

    Parameters
    ----------
    root : Path
    """
    git = shutil.which("git")
    if git is None:
        return None
    # A repository of somebody else's may name programs of its own to be run: of those none is.
    words = [git, "-c", "core.fsmonitor=false", "-C", str(root), "ls-files", "-z", "--others"]
    try:
        done = subprocess.run(
            [*words, "--ignored", "--exclude-standard", "--directory"],
            capture_output=True,
            check=False,
            timeout=_GIT_SECONDS,
            stdin=subprocess.DEVNULL,
            # Inside a hook of another repository, its variables would lead there.
            env={name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
            | {"GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    if done.returncode:
        return None
    found = frozenset(os.fsdecode(name) for name in done.stdout.split(b"\0") if name)
    # A folder that is ignored as a whole (its own name is ".") is examined all the same: it was asked for.
    return found - {"./", ""}
