"""Results against the list of them: what is stale, missing, in no list, or made by nothing."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kostnadsvekst.generations import MARKER
from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.doctor.contents import hash_file
from kostnadsvekst.report.doctor.findings import Finding
from kostnadsvekst.report.doctor.folder import Folder, ProjectFile
from kostnadsvekst.report.doctor.programs import PROGRAMS, Program
from kostnadsvekst.report.doctor.texts import text_of

MANIFEST = "manifest.json"
OUTPUT_FOLDERS = ("results", "resultater", "output", "outputs", "tables", "figures", "bld")
# How an entry of a manifest may name what makes the file.
MAKERS = ("program", "script", "chapter", "command", "module", "made_by")
PACKAGE = "kostnadsvekst"
ENDS = (".py", "/__init__.py")
OWN = "own/"  # before the name of an input that the user gave
_LARGEST = 2**26
_NOT_THERE = Bilingual("finnes ikke", "is not there")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a list of results says.

    Attributes
    ----------
    name : str
        Of the file, below the project.
    inputs : mapping of str to str
        Path below the project -> sha256.
    outputs : mapping of str to mapping
        Path below the folder of results -> ``sha256`` and what else is known.
    made_by : str
        Program and version.
    names_makers : bool
        Whether it is a list that says what makes each file.
    """

    name: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    made_by: str = ""
    names_makers: bool = True


def check_outputs(folder: Folder, programs: Sequence[Program]) -> Iterator[Finding]:
    """Hold each folder of results against its manifest, or else against the programs.

    Parameters
    ----------
    folder : Folder
    programs : sequence of Program
    """
    by_name = {file.name: file for file in folder.files}
    for top in OUTPUT_FOLDERS:
        inside = {
            file.name.removeprefix(f"{top}/"): file
            for file in folder.files
            if file.name.startswith(f"{top}/")
        }
        if not inside:
            continue
        if MANIFEST in inside:
            manifest = read_manifest(inside[MANIFEST])
        else:
            yield Finding("no-manifest", top)
            manifest = _read_markers(inside)
        if manifest is None:
            yield Finding("damaged-manifest", f"{top}/{MANIFEST}")
        elif manifest.outputs:
            yield from _check_inputs(folder, by_name, manifest)
            yield from _check_listed(folder, top, inside, manifest)
            yield from _check_makers(top, by_name, manifest)
        else:
            yield from _named_by_no_program(inside, programs)


def _read_markers(inside: Mapping[str, ProjectFile]) -> Manifest | None:
    """Join what the markers say that this package leaves in the folders that it writes."""
    outputs: dict[str, Mapping[str, Any]] = {}
    for name, file in inside.items():
        if file.base == MARKER:
            try:
                stated = json.loads(text_of(file, _LARGEST))["files"]
                below = name.removesuffix(MARKER)
                outputs |= {f"{below}{one}": {"sha256": _digest(value)} for one, value in stated.items()}
            except _NO_MANIFEST:
                return None
    return Manifest(MARKER, outputs=outputs, names_makers=False)


def read_manifest(file: ProjectFile) -> Manifest | None:
    """Read a manifest; None if it is none.

    Parameters
    ----------
    file : ProjectFile
    """
    try:
        stated = json.loads(text_of(file, _LARGEST))
        inputs = {str(name): _digest(value) for name, value in stated.get("inputs", {}).items()}
        outputs = {str(name): _entry(value) for name, value in stated["outputs"].items()}
    except _NO_MANIFEST:
        return None
    return Manifest(file.name, inputs, outputs, str(stated.get("made_by", "")))


_NO_MANIFEST = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def _entry(value: Any) -> Mapping[str, Any]:
    entry = {"sha256": value} if isinstance(value, str) else dict(value)
    return {**entry, "sha256": _digest(entry)}


def _digest(value: Any) -> str:
    digest = value if isinstance(value, str) else value["sha256"]
    if not isinstance(digest, str):
        raise TypeError("a digest is a text")
    return digest.lower().removeprefix("sha256:")


def _check_inputs(
    folder: Folder, by_name: Mapping[str, ProjectFile], manifest: Manifest
) -> Iterator[Finding]:
    tops = {name.partition("/")[0] for name in (*folder.folders, *by_name)}
    for name, digest in sorted(manifest.inputs.items()):
        found = _candidates(folder, by_name, name)
        if any(not _differs(folder, file, digest) for file in found):
            continue
        if found:
            yield Finding("stale-input", found[0].name)
        elif name.partition("/")[0] in tops:
            yield Finding("stale-input", name, _NOT_THERE)
        else:
            yield Finding("outside-input", name)


def _candidates(folder: Folder, by_name: Mapping[str, ProjectFile], name: str) -> list[ProjectFile]:
    """Find the files that an input may be: one of the user's own is listed without its folder."""
    file = by_name.get(name) or _inside(folder, name)
    if file is not None:
        return [file]
    own = name.removeprefix(OWN)
    return [f for f in folder.files if name != own and (f.name == own or f.name.endswith(f"/{own}"))]


def _inside(folder: Folder, name: str) -> ProjectFile | None:
    """Find a file that git ignores; a manifest of anybody's leads nowhere outside the folder."""
    try:
        path = (folder.root / name).resolve()
        if path.is_relative_to(folder.root) and path.is_file():
            return ProjectFile(name, path, path.stat().st_size)
    except (OSError, ValueError):
        return None
    return None


def _check_listed(
    folder: Folder, top: str, inside: Mapping[str, ProjectFile], manifest: Manifest
) -> Iterator[Finding]:
    for name, entry in sorted(manifest.outputs.items()):
        file = inside.get(name)
        if file is None:
            yield Finding("missing-output", f"{top}/{name}")
        elif entry.get("bytes", file.size) != file.size or _differs(folder, file, entry["sha256"]):
            yield Finding("stale-output", file.name)
    for name, file in inside.items():
        if name not in manifest.outputs and name != MANIFEST and not file.base.startswith("."):
            yield Finding("unlisted-output", file.name)


def _differs(folder: Folder, file: ProjectFile, digest: str) -> bool:
    """Whether the contents are others; of a file too large to be read nothing is said but its note."""
    if file.size > folder.most_bytes:
        return False
    try:
        return hash_file(file) != digest
    except OSError:
        return False  # said as unreadable


def _check_makers(top: str, by_name: Mapping[str, ProjectFile], manifest: Manifest) -> Iterator[Finding]:
    elsewhere = manifest.made_by.startswith(PACKAGE) and not _has_package(PACKAGE, by_name)
    for name, entry in sorted(manifest.outputs.items()) if manifest.names_makers else ():
        if not any(entry.get(key) for key in MAKERS):
            detail = Bilingual("manifestet nevner ikke noe program", "the manifest names no program")
            yield Finding("unmade-output", f"{top}/{name}", detail)
            continue
        absent = [word for word in _programs_of(entry) if not _is_there(word, by_name)]
        if absent and not elsewhere:
            words = f"{absent[0]} {_NOT_THERE.nb}", f"{absent[0]} {_NOT_THERE.en}"
            yield Finding("unmade-output", f"{top}/{name}", Bilingual(*words))


def _programs_of(entry: Mapping[str, Any]) -> list[str]:
    """Files and modules that an entry says make it."""
    said = [word for key in MAKERS for word in str(entry.get(key) or "").replace("#", " ").split()]
    files = [word for word in said if "/" in word and any(word.endswith(suffix) for suffix in PROGRAMS)]
    module = str(entry.get("program") or "")
    return [*files, *([module] if re.fullmatch(r"\w+(\.\w+)+", module) and module not in files else [])]


def _is_there(program: str, by_name: Mapping[str, ProjectFile]) -> bool:
    """Whether a file or ``package.module.function`` is part of the project, or of something installed."""
    if "/" in program:
        top = program.partition("/")[0]
        return program in by_name or not any(name.startswith(f"{top}/") for name in by_name)
    parts = program.split(".")
    if parts[-1] in ("py", "R", "r", "do") and len(parts) == 2:
        return any(name == program or name.endswith(f"/{program}") for name in by_name)
    tails = ["/".join(parts[:k]) + end for k in (len(parts) - 1, len(parts)) for end in ENDS]
    if not _has_package(parts[0], by_name):
        return True  # it is installed, not part of the project
    return any(f"/{name}".endswith(f"/{tail}") for name in by_name for tail in tails)


def _has_package(name: str, by_name: Mapping[str, ProjectFile]) -> bool:
    return any(f"/{file}".endswith(f"/{name}/__init__.py") for file in by_name)


def _named_by_no_program(inside: Mapping[str, ProjectFile], programs: Sequence[Program]) -> Iterator[Finding]:
    words = "\n".join(program.text for program in programs)
    for file in inside.values():
        stem = file.base.partition(".")[0]
        if stem and file.base not in words and stem not in words:
            yield Finding("unnamed-output", file.name)
