"""Files without contents, and contents that two files have."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator

from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.report.doctor.findings import Finding
from kostnadsvekst.report.doctor.folder import Folder, ProjectFile

# Their being there is what they say.
MAY_BE_EMPTY = frozenset({
    "__init__.py", "py.typed", ".gitkeep", ".keep", ".nojekyll", ".gitignore", ".Rprofile", ".here",
})  # fmt: skip
SMALLEST = 32  # bytes: shorter files are alike by chance
_PIECE = 2**20


def check_contents(folder: Folder) -> Iterator[Finding]:
    """Find empty files, files that cannot be read, and files with the same contents.

    Parameters
    ----------
    folder : Folder
    """
    for file in folder.files:
        if not file.size and file.base not in MAY_BE_EMPTY:
            yield Finding("empty-file", file.name)
        elif file.size > folder.most_bytes:
            read, size = (f"{n / 2**20:.0f} MiB" for n in (folder.most_bytes, file.size))
            yield Finding("partly-read", file.name, Bilingual(f"{read} av {size}", f"{read} of {size}"))
    yield from _duplicates(folder)


def hash_file(file: ProjectFile, most_bytes: int | None = None) -> str:
    """Return the sha256 of a file, hexadecimal, or of its first bytes.

    Raises
    ------
    OSError
    """
    digest, left = hashlib.sha256(), file.size if most_bytes is None else most_bytes
    with file.path.open("rb") as stream:
        while left > 0 and (piece := stream.read(min(_PIECE, left))):
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()


def _duplicates(folder: Folder) -> Iterator[Finding]:
    sizes: defaultdict[int, list[ProjectFile]] = defaultdict(list)
    for file in folder.files:
        # Of larger files the beginning only is read, which says nothing of the rest.
        if SMALLEST <= file.size <= folder.most_bytes and file.base not in MAY_BE_EMPTY:
            sizes[file.size].append(file)
    for alike in sizes.values():
        if len(alike) > 1:
            yield from _same_hash(alike)


def _same_hash(alike: list[ProjectFile]) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for file in alike:
        try:
            other = first.setdefault(hash_file(file), file.name)
        except OSError:
            continue  # who searches it says so
        if other != file.name:
            yield Finding("duplicate-file", file.name, both(f"= {other}"))


def check_readable(folder: Folder) -> Iterator[Finding]:
    """Find files that cannot be opened, or have gone.

    Parameters
    ----------
    folder : Folder
    """
    for file in folder.files:
        try:
            with file.path.open("rb") as stream:
                stream.read(1)
        except OSError:
            yield Finding("unreadable-file", file.name)
