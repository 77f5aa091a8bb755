"""Files of a chapter on disk: one generation, which readers find whole; what others wrote is left to them.

A chapter's folder, or the whole results folder for a chapter that has files beside its folder, is built
beside the old one and takes its place by one exchange (`kostnadsvekst.generations`). Where a folder cannot be
exchanged (a mount point, the folder one works in, no right to write beside it, a home folder) its files are
replaced one by one behind a check that each can be, and put back when one cannot.
"""

import hashlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import MappingProxyType

from filelock import FileLock, Timeout

from kostnadsvekst.errors import DataWarning, KostnadsvekstError, OutputError
from kostnadsvekst.generations import MARKER, read_marker, replacing
from kostnadsvekst.report.look import SOFTWARE

Files = Mapping[str, str | bytes]
Keep = Callable[[str], bool]

# More files than any chapter writes: such a folder holds more than results.
MOST_FILES = 2_000
SECONDS_TO_WAIT = 120
_STAGING, _NEW, _OLD, _PLAN, _DONE = ".kostnadsvekst-staging-", "new", "old", "plan.json", "done"
_PIXELS_PER_METRE = (5906).to_bytes(4, "big")


def write_chapter(
    out: str | Path,
    name: str,
    files: Files,
    keep: Keep | None = None,
    records: Mapping[str, bytes] = MappingProxyType({}),
) -> tuple[Path, ...]:
    """Put the files of a chapter in the place of those of its last run.

    Parameters
    ----------
    out : path
        Results folder; made if it does not exist.
    name : str
        The chapter's, for the marker that says whose files these are.
    files : mapping of str to str or bytes
        Path below the folder -> content; text is written as UTF-8 with line feeds.
    keep : callable, optional
        ``keep(path)`` says which files of the last run stay although this one does not write them; none by
        default.
    records : mapping of str to bytes
        Written with `write_records` behind the files, before any other run may write.

    Returns
    -------
    tuple of Path
        In the order of ``files``.

    Raises
    ------
    OutputError
        The folder cannot be written to; everything in it is as it was.

    Warns
    -----
    DataWarning
        A file that this program did not write, or that was changed since, had a name that is needed: it is
        kept as ``NAME.kept-1``.
    """
    out = Path(out)
    tops = {path.partition("/")[0] if "/" in path else "" for path in files}
    check_folder(out)
    with _told(out), _alone(out):
        base = out if "" in tops else out / tops.pop() if len(tops) == 1 else out
        below = "" if base == out else f"{base.name}/"
        if base == out:
            keep = _with_those_of_others(name, keep)
        own = {path.removeprefix(below): _bytes(content) for path, content in files.items()}
        inner = None if keep is None else (lambda path: keep(below + path))
        kind = _kind(base, name, shared=base == out)
        if _can_be_exchanged(base):
            with replacing(
                base, kind=kind, keep=inner, adopt=lambda folder: _recognised(folder, own), foreign=True
            ) as staged:
                _write(staged, own)
        else:
            _replace_one_by_one(base, own, kind, inner)
        _write_records(out, records)
    return tuple(out / path for path in files)


# What is known of a run, for the next one: in the results folder, and no part of the results.
RECORDS = ".kostnadsvekst"


def write_records(out: str | Path, records: Mapping[str, bytes]) -> None:
    """Write files of `RECORDS`, each whole or not at all, in the order given; git ignores the folder.

    Parameters
    ----------
    out : path
        Results folder.
    records : mapping of str to bytes
        Name of a file -> its content.

    Raises
    ------
    OutputError
        The folder cannot be written to.
    """
    out = Path(out)
    with _told(out), _alone(out):
        _write_records(out, records)


def _write_records(out: Path, records: Mapping[str, bytes]) -> None:
    folder = out / RECORDS
    if records:
        folder.mkdir(parents=True, exist_ok=True)
    for name, content in ({".gitignore": b"*\n"} | dict(records) if records else {}).items():
        # Who writes is alone: what a killed run left under this name is replaced.
        staged = folder / f".{name}.new"
        staged.write_bytes(content)
        os.replace(staged, folder / name)


# Files beside the folders of chapters, and whose they are: the results folder itself has one marker for all.
BESIDE = {
    "audit.csv": "appendix",
    "audit.html": "appendix",
    "report.html": "page",
    "manifest.json": "replication",
    "codebook.csv": "replication",
    "datapackage.json": "replication",
    "ro-crate-metadata.json": "replication",
}


def owner_of(path: str) -> str:
    """Chapter whose file it is, by its path below the results folder."""
    return BESIDE.get(path, path.partition("/")[0])


def _with_those_of_others(name: str, keep: Keep | None) -> Keep:
    """Keep what other chapters have in the results folder itself."""

    def kept(path: str) -> bool:
        owner = owner_of(path)
        others = owner != name and owner in BESIDE.values()
        return others or bool(keep and keep(path))

    return kept


def _kind(base: Path, name: str, *, shared: bool) -> str:
    """Say what the folder is; the one that chapters share stays what the first of them has called it."""
    own = f"results of the chapter {name}"
    found = read_marker(base) if shared and name in BESIDE.values() else None
    sharing = {f"results of the chapter {other}" for other in BESIDE.values()}
    return found.kind if found is not None and found.kind in sharing else own


def check_folder(out: str | Path) -> None:
    """Refuse a results folder that nothing can be written to, before the work rather than after it.

    Parameters
    ----------
    out : path

    Raises
    ------
    OutputError
        It is a file, or may not be written to, or cannot be made.
    """
    out = Path(out)
    with _told(out):
        place = out.resolve()
        while not os.path.lexists(place) and place != place.parent:
            place = place.parent
        if not place.is_dir():
            raise OutputError(f"{str(place)!r} is a file: name a folder that can be written to")
        if not os.access(place, os.W_OK | os.X_OK):
            raise OutputError(f"{str(place)!r} may not be written to: allow it, or name another folder")
        records = out / RECORDS
        if os.path.lexists(records) and not records.is_dir():
            raise OutputError(f"{str(records)!r} is a file where a folder is needed: move it away")


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


@contextmanager
def _told(out: Path) -> Iterator[None]:
    """Say in words that a folder cannot be written to."""
    try:
        yield
    except (OSError, RuntimeError, ValueError) as error:  # the last two: a link to itself, a null in a name
        if isinstance(error, KostnadsvekstError):
            raise
        reason = getattr(error, "strerror", None) or error
        place = getattr(error, "filename", None) or out
        raise OutputError(
            f"{str(place)!r}: {reason}; check that the folder can be written to and that its "
            "disk has room. Its files are as they were"
        ) from error


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Wait until no other run writes to the folder."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    place = hashlib.sha256(os.fsencode(out.resolve())).hexdigest()[:16]
    # Not in the folder itself, which changes places while it is held.
    lock = FileLock(Path(tempfile.gettempdir(), f"kostnadsvekst-{user}-{place}.lock"), mode=0o600)
    try:
        lock.acquire(timeout=SECONDS_TO_WAIT)
    except Timeout as error:
        raise OutputError(
            f"another run has been writing to {out} for {SECONDS_TO_WAIT} seconds: wait for it, or name "
            "another folder"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _can_be_exchanged(base: Path) -> bool:
    """Whether a whole folder can change places with another beside it, and nobody minds."""
    base = base.resolve()
    if not base.is_dir():
        return True
    if os.path.ismount(base) or Path.cwd().is_relative_to(base):
        return False
    return os.access(base.parent, os.W_OK | os.X_OK) and _is_small(base)


def _is_small(base: Path) -> bool:
    disk, count = base.stat().st_dev, 0
    for folder, _, names in os.walk(base):
        count += 1 + len(names)
        if count > MOST_FILES or os.stat(folder).st_dev != disk:
            return False
    return True


def _recognised(folder: Path, new: Mapping[str, bytes]) -> dict[str, str]:
    """Files of an earlier version, which left no marker, among those that are to be replaced."""
    old = {path: (folder / path).read_bytes() for path in new if (folder / path).is_file()}
    return {
        path: hashlib.sha256(text).hexdigest() for path, text in old.items() if looks_like_ours(path, text)
    }


# How a drawing names its maker, in the first of its lines.
_DRAWN_BY, _HEAD_OF_DRAWING = f"<dc:title>{SOFTWARE}</dc:title>".encode(), 4_000


@cache
def _audit_columns() -> bytes:
    """First columns of an audit; looked up only when a file is judged, for audits take long to load."""
    from kostnadsvekst.report.audit import COLUMNS

    return ",".join(COLUMNS[:5]).encode()


def looks_like_ours(path: str, content: bytes) -> bool:
    """Whether a file says by itself that this program wrote it.

    Parameters
    ----------
    path : str
    content : bytes
        Tables say so in their last column or footer, pages by their style, figures in their description (of
        a PNG) or in their list of makers (of an SVG), the paper in its metadata.
    """
    suffix = Path(path).suffix
    first = content.partition(b"\n")[0].rstrip(b"\r")
    if suffix == ".csv":
        # Audits of other versions have other columns at the end.
        return first.endswith((b",data_origin", b";data_origin")) or first.startswith(_audit_columns())
    if suffix == ".html":
        return content.startswith(b"<!DOCTYPE html>") and b"table.audit" in content
    if suffix == ".png":
        description = content[33:80]  # what follows the size
        return SOFTWARE.encode() in description or description.startswith(
            b"\x00\x00\x00\x09pHYs" + 2 * _PIXELS_PER_METRE + b"\x01"
        )
    if suffix == ".svg":
        return content.startswith(b"<?xml") and _DRAWN_BY in content[:_HEAD_OF_DRAWING]
    if suffix == ".pdf":
        return content.startswith(b"%PDF") and f"/Author({SOFTWARE})".encode() in content
    return suffix in (".md", ".tex", ".json") and b"kostnadsvekst " in content


def _replace_one_by_one(base: Path, files: Mapping[str, bytes], kind: str, keep: Keep | None) -> None:
    """Replace files where the folder has to stay; all are put back when one cannot be replaced."""
    base.mkdir(parents=True, exist_ok=True)
    _recover(base)
    found = read_marker(base)
    if found is not None and found.kind != kind:
        raise OutputError(f"{base} holds another kind of output ({found.kind}): name another folder")
    listed = found.files if found is not None else _recognised(base, files)
    ours = {path: digest for path, digest in listed.items() if _is_below(path)}
    stale = {path for path in ours if path not in files and not (keep and keep(path))}
    stale = {path for path in stale if _is_unchanged(base / path, ours[path])}
    left = {path: ours[path] for path in ours if path not in {*files, *stale} and (base / path).exists()}
    new = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    marker = {"kind": kind, "made_by": "kostnadsvekst", "files": dict(sorted({**left, **new}.items()))}
    staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=base))
    try:
        _write(staging / _NEW, {**files, MARKER: _json(marker).encode()})
        moved = _keep_old(base, staging, ours, [*files, *sorted(stale), MARKER])
        _swap(base, staging, [*files, MARKER], stale)
    finally:
        _recover(base)
    if moved:
        warnings.warn(
            f"{base} had files of yours where new ones belong; yours are kept as {', '.join(moved)}",
            DataWarning,
            stacklevel=3,
        )


def _is_below(path: str) -> bool:
    """Whether a path of a list, which anybody may have written, stays in its folder."""
    return not (Path(path).is_absolute() or ".." in Path(path).parts)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _keep_old(base: Path, staging: Path, ours: Mapping[str, str], paths: list[str]) -> list[str]:
    """Give every file that has to go a second name; that of what is not ours stays, and is returned."""
    kept = []
    for path in paths:
        old = base / path
        if not os.path.lexists(old):
            continue
        _link(old, staging / _OLD / path)
        if path != MARKER and not _is_unchanged(old, ours.get(path)):
            away = _free_name(old)
            _link(old, away)
            kept.append(away.relative_to(base).as_posix())
    return kept


def _swap(base: Path, staging: Path, new: list[str], stale: set[str]) -> None:
    # From here until "done" the next run, or this one on its way out, puts the old files back.
    (staging / _PLAN).write_text(_json([*new, *sorted(stale)]), "utf-8")
    for path in new:
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        os.replace(staging / _NEW / path, base / path)
    for path in stale:
        (base / path).unlink()
    (staging / _DONE).touch()


def _recover(base: Path) -> None:
    """Remove what a run left, the old files put back if it did not end; the caller is alone."""
    for staging in base.iterdir():
        if not staging.name.startswith(_STAGING) or staging.is_symlink() or not staging.is_dir():
            continue
        if (staging / _PLAN).exists() and not (staging / _DONE).exists():
            with suppress(ValueError):  # killed while the plan was written: nothing was done
                for path in json.loads((staging / _PLAN).read_text("utf-8")):
                    _put_back(base / path, staging / _OLD / path, moved=not (staging / _NEW / path).exists())
        shutil.rmtree(staging, ignore_errors=True)


def _put_back(place: Path, old: Path, *, moved: bool) -> None:
    if os.path.lexists(old):
        os.replace(old, place)
    elif moved:
        place.unlink(missing_ok=True)


def _link(source: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, to, follow_symlinks=False)
    except (OSError, NotImplementedError):  # file systems without hard links
        shutil.copy2(source, to, follow_symlinks=False)


def _is_unchanged(path: Path, digest: str | None) -> bool:
    return (
        path.is_file() and not path.is_symlink() and hashlib.sha256(path.read_bytes()).hexdigest() == digest
    )


def _free_name(path: Path) -> Path:
    number = 1
    while os.path.lexists(free := path.with_name(f"{path.name}.kept-{number}")):
        number += 1
    return free
