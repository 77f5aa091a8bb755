"""Digests of everything that a run reads and makes: the same bytes, the same manifest on every machine."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kostnadsvekst.errors import DataMissingError, InvalidDataError
from kostnadsvekst.report.replication.listing import Output
from kostnadsvekst.sources.embedded import embedded_files, paper_folder
from kostnadsvekst.version import __version__

FILE = "manifest.json"
# What the report's chapters read of the embedded data; the examples are those of municipal systems.
_READ = ("published/", "parameters/", "synthetic/")
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Difference:
    """A file that is not as the manifest says.

    Attributes
    ----------
    path : str
    kind : {"missing", "changed", "unlisted"}
    part : {"inputs", "outputs"}
    """

    path: str
    kind: str
    part: str


def digest_of(content: str | bytes) -> str:
    """SHA-256 of a content as it lies on the disk, hexadecimal."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file that may be large, hexadecimal.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DataMissingError
        It cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as error:
        raise DataMissingError(f"{path.name}: {error.strerror}; the manifest needs its digest") from error
    return digest.hexdigest()


def embedded_inputs(*, own_data: bool = False) -> dict[str, Path]:
    """List what a run reads of what ships with the package.

    Parameters
    ----------
    own_data : bool
        With the user's own data no synthetic ones are read and no paper is made.

    Returns
    -------
    dict of str to Path
        Name from the root of a checkout, the same in an installed wheel -> file.
    """
    parts = _READ[:2] if own_data else _READ
    found = {f"data/{name}": path for name, path in embedded_files().items() if name.startswith(parts)}
    if not own_data:
        root = paper_folder()
        sources = (p for p in root.rglob("*") if p.is_file() and not _is_hidden(p.relative_to(root)))
        found |= {f"paper/{p.relative_to(root).as_posix()}": p for p in sources}
    return dict(sorted(found.items()))


def own_inputs(given: Sequence[Path]) -> dict[str, Path]:
    """Files of the user's own: a file by its name, a folder file by file; never with the path before it.

    Parameters
    ----------
    given : sequence of Path
        As on the command line.

    Returns
    -------
    dict of str to Path
        ``"own/NAME"`` -> file.
    """
    found: dict[str, Path] = {}
    for path in given:
        if path.is_dir():
            inner = sorted(p for p in path.rglob("*") if p.is_file() and not _is_hidden(p.relative_to(path)))
            found |= {f"own/{path.resolve().name}/{p.relative_to(path).as_posix()}": p for p in inner}
        elif path.exists():
            found[f"own/{path.name}"] = path
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "__pycache__")) for part in path.parts)


def build_manifest(
    inputs: Mapping[str, str], outputs: Sequence[Output], files: Mapping[str, str | bytes], *, own_data: bool
) -> str:
    """Write the manifest of a run.

    Parameters
    ----------
    inputs : mapping of str to str
        Name in the manifest -> sha256.
    outputs : sequence of Output
    files : mapping of str to str or bytes
        Content of every output.
    own_data : bool

    Returns
    -------
    str
        JSON: ``made_by``, ``own_data``, ``inputs`` (name -> sha256) and ``outputs`` (path below the results
        folder -> sha256, bytes, rows of a CSV file, kind, chapter, program, command). No times and nothing of
        the machine, so that an unchanged run changes no byte.
    """
    entries = {one.path: _entry(one, files[one.path]) for one in sorted(outputs, key=lambda one: one.path)}
    manifest = {
        "made_by": f"kostnadsvekst {__version__}",
        "own_data": own_data,
        "inputs": dict(sorted(inputs.items())),
        "outputs": entries,
    }
    return json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"


def _entry(output: Output, content: str | bytes) -> dict[str, Any]:
    data = content.encode() if isinstance(content, str) else content
    entry: dict[str, Any] = {"sha256": digest_of(data), "bytes": len(data)}
    if output.path.endswith(".csv"):
        entry["rows"] = count_rows(data)
    return entry | {
        "kind": output.kind,
        "chapter": output.chapter,
        "program": output.program,
        "command": output.command,
    }


def count_rows(content: bytes) -> int:
    """Rows of a CSV file below its header; a line feed inside quotes ends no row.

    Parameters
    ----------
    content : bytes
    """
    outside = content.split(b'"')[::2]
    lines = sum(part.count(b"\n") for part in outside)
    return max(lines + bool(content and not content.endswith(b"\n")) - 1, 0)


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Read the manifest of a results folder.

    Parameters
    ----------
    folder : path

    Raises
    ------
    DataMissingError
        There is none.
    InvalidDataError
        It is damaged.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise DataMissingError(f"{folder} has no {FILE}: run `kostnadsvekst estimate --out {folder}` whole")
    try:
        found = json.loads(path.read_text("utf-8"))
        _check_digests([*found["inputs"].values(), *(one["sha256"] for one in found["outputs"].values())])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidDataError(
            f"{path} is damaged ({error}): run `kostnadsvekst estimate --out {folder}` again"
        ) from error
    return dict(found)


def _check_digests(digests: Sequence[object]) -> None:
    if not all(isinstance(digest, str) for digest in digests):
        raise ValueError("a digest is no text")


def compare(folder: str | Path, inputs: Mapping[str, Path]) -> tuple[Difference, ...]:
    """Compare a results folder, and what it was made of, with its manifest.

    Parameters
    ----------
    folder : path
    inputs : mapping of str to Path
        As `embedded_inputs` and `own_inputs` give them.

    Returns
    -------
    tuple of Difference
        Empty where everything is as listed; `manifest.json` itself is not listed.

    Raises
    ------
    DataMissingError, InvalidDataError
        As `read_manifest`.
    """
    from kostnadsvekst.report.replication.listing import read_results

    manifest = read_manifest(folder)
    there = {path: digest_of(c) for made in read_results(folder).values() for path, c in made.files.items()}
    there.pop(FILE, None)
    listed = {path: str(entry["sha256"]) for path, entry in manifest["outputs"].items()}
    read = {name: digest_of_file(path) for name, path in inputs.items()}
    return (*_differences(manifest["inputs"], read, "inputs"), *_differences(listed, there, "outputs"))


def _differences(listed: Mapping[str, str], there: Mapping[str, str], part: str) -> Iterator[Difference]:
    for path in sorted({*listed, *there}):
        if path not in there:
            yield Difference(path, "missing", part)
        elif path not in listed:
            yield Difference(path, "unlisted", part)
        elif listed[path] != there[path]:
            yield Difference(path, "changed", part)
