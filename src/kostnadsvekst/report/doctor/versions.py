"""Libraries whose version is not fixed: what runs today runs otherwise next year."""

import re
import sys
import tomllib
from collections.abc import Iterator, Sequence

from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.report.doctor.findings import Finding
from kostnadsvekst.report.doctor.folder import Folder, ProjectFile
from kostnadsvekst.report.doctor.programs import NOTEBOOK, PYTHON, R_FILES, STATA, Program
from kostnadsvekst.report.doctor.texts import text_of

# Each names every library with its version; what else asks for a range is resolved by it.
LOCKS = frozenset({
    "uv.lock", "poetry.lock", "pdm.lock", "pixi.lock", "pipfile.lock", "conda-lock.yml", "pylock.toml",
    "renv.lock", "manifest.toml", "constraints.txt",
})  # fmt: skip
_ENVIRONMENTS = frozenset({"pyproject.toml", "setup.py", "setup.cfg", "pipfile", "pixi.toml", "description"})
_IMPORTS = re.compile(r"^[ \t]*(?:import[ \t]+(\w+)|from[ \t]+(\w+)[\w.]*[ \t]+import\b)", re.MULTILINE)
_R_CALLS = re.compile(r"(?:library|require)\s*\(\s*['\"]?([A-Za-z][\w.]*)|([A-Za-z][\w.]*)::")
_STATA_PACKAGES = re.compile(r"^\s*(?:ssc\s+install|net\s+install)\s+([\w.]+)", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_LARGEST = 2**24


def check_versions(folder: Folder, programs: Sequence[Program]) -> Iterator[Finding]:
    """Find requirements without an exact version, and programs whose libraries no file states.

    Parameters
    ----------
    folder : Folder
    programs : sequence of Program
    """
    locked = any(_is_lock(file) or _pins_all(file) for file in folder.files)
    for file in folder.files:
        if is_requirements(file):
            yield from _unpinned_lines(file)
        elif file.base.lower() in ("environment.yml", "environment.yaml"):
            yield from (_unpinned(file, *found) for found in loose_in_conda(text_of(file, _LARGEST)))
        elif file.base.lower() == "pyproject.toml" and not locked:
            yield from _unpinned_project(file)
    if not locked and not any(is_requirements(file) or _is_environment(file) for file in folder.files):
        yield from _nothing_states(programs)


def is_requirements(file: ProjectFile) -> bool:
    """Whether a file is one of pip's: ``requirements*.txt``, or a text in a folder of that name."""
    name = file.base.lower()
    in_folder = bool(file.folders) and file.folders[-1] == "requirements"
    return name.endswith(".txt") and (name.startswith(("requirements", "constraints")) or in_folder)


def _pins_all(file: ProjectFile) -> bool:
    """Whether a file for pip does the work of a lock."""
    if not is_requirements(file):
        return False
    text = text_of(file, _LARGEST)
    return bool(re.search(r"^[A-Za-z0-9]", text, re.MULTILINE)) and not any(loose_in_requirements(text))


def loose_in_requirements(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, library) of each requirement of a file for pip that is not ``name==version``."""
    joined = ""
    for number, line in enumerate(text.splitlines(), 1):
        bare = re.sub(r"(^|\s)#.*$", "", line).strip()
        joined = f"{joined} {bare.rstrip(chr(92))}".strip()
        if bare.endswith("\\"):
            continue
        asked, joined = joined, ""
        name = _NAME.match(asked)
        if name and not _is_exact(asked):
            yield number, name[0]


def _is_exact(asked: str) -> bool:
    """``name==1.2``, a file's address with a digest, or a commit: what is after ``;`` says when only."""
    wanted = asked.partition(";")[0]
    exact = re.search(r"===?\s*[\w.+!-]+", wanted) and ".*" not in wanted
    return bool(exact or re.search(r"@\s*\S+(#sha256=|@[0-9a-f]{7,40}\b)", wanted))


def loose_in_conda(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, library) of each dependency of a conda environment without a version."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\S", line):
            inside = line.startswith("dependencies:") or (inside and line.startswith("-"))
        found = re.match(r"\s*-\s*['\"]?([\w:./-]+)(.*)$", line) if inside else None
        if found and not found[1].endswith(":"):
            exact = re.search(r"(?<![<>!~])==?\s*\d", found[2]) and "*" not in found[2]
            if not exact and found[1] != "pip":
                yield number, found[1]


def _unpinned(file: ProjectFile, line: int, library: str) -> Finding:
    return Finding("unpinned-version", file.name, both(library), line)


def _unpinned_lines(file: ProjectFile) -> Iterator[Finding]:
    found = loose_in_requirements(text_of(file, _LARGEST))
    yield from (_unpinned(file, *one) for one in found)


def _unpinned_project(file: ProjectFile) -> Iterator[Finding]:
    try:
        project = tomllib.loads(text_of(file, _LARGEST)).get("project", {})
        asked = [str(one) for one in project.get("dependencies", [])]
    except (ValueError, AttributeError, TypeError, RecursionError):
        yield Finding("unparsable-program", file.name)
        return
    for one in asked:
        name = _NAME.match(one)
        if name and not _is_exact(one):
            detail = Bilingual(f"{name[0]}, og ingen låsefil", f"{name[0]}, and no lock file")
            yield Finding("unpinned-version", file.name, detail)


def _is_lock(file: ProjectFile) -> bool:
    name = file.base.lower()
    return name in LOCKS or (name.startswith("pylock.") and name.endswith(".toml"))


def _is_environment(file: ProjectFile) -> bool:
    name = file.base.lower()
    return name in _ENVIRONMENTS or name in ("environment.yml", "environment.yaml")


def _nothing_states(programs: Sequence[Program]) -> Iterator[Finding]:
    """Tell the libraries of programs for which no file says anything."""
    kinds = (("Python", PYTHON | NOTEBOOK), ("R", R_FILES))
    for language, suffixes in kinds:
        own = [program for program in programs if program.file.suffix in suffixes]
        if any(_asks_for_libraries(program, programs) for program in own):
            detail = Bilingual(f"{len(own)} fil(er) i {language}", f"{len(own)} file(s) in {language}")
            yield Finding("no-environment", "", detail)
    yield from _unpinned_in_stata(programs)


def _asks_for_libraries(program: Program, programs: Sequence[Program]) -> bool:
    """Whether a program imports what neither the language nor the project itself has."""
    if program.file.suffix in R_FILES:
        return bool(_R_CALLS.search(program.text))
    own = {name for one in programs for name in (*one.file.folders, one.file.base.partition(".")[0].lower())}
    asked = {name.lower() for pair in _IMPORTS.findall(program.text) for name in pair if name}
    return bool(asked - own - {name.lower() for name in sys.stdlib_module_names})


def _unpinned_in_stata(programs: Sequence[Program]) -> Iterator[Finding]:
    for program in programs:
        if program.file.suffix in STATA:
            for found in _STATA_PACKAGES.finditer(program.text):
                line = program.text.count("\n", 0, found.start(1)) + 1
                detail = Bilingual(
                    f"{found[1]}: legg .ado-filen i prosjektet",
                    f"{found[1]}: put its .ado file into the project",
                )
                yield Finding("unpinned-version", program.file.name, detail, line)
