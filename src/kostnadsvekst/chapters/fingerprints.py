"""What a chapter's files hang on, as digests: its code, data, options, the libraries and the environment.

Code is followed through the imports of the package as they stand in the sources, those inside of functions
and those by the name of a module included. The other way, to note what a run has loaded, would be shorter,
but a process that has made one chapter has loaded more than the next needs. It is the check instead: where a
run loads what this reading has not found, the chapter is not reused (`kostnadsvekst.chapters.making`).
"""

import ast
import hashlib
import json
import os
import platform
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kostnadsvekst.chapters import CHAPTERS, Settings, find_chapter
from kostnadsvekst.report.chapter_files import owner_of

PACKAGE = "kostnadsvekst"
ROOT = Path(__file__).resolve().parents[1]
# They name modules of others for whoever asks by name, and are asked by none of the chapters.
TABLES_OF_NAMES = frozenset({PACKAGE, f"{PACKAGE}.chapters", f"{PACKAGE}.commands"})
# Variables of the environment that linear algebra, figures, compiled code, dates or this package heed.
VARIABLES = re.compile(
    r"(OPENBLAS|OMP|MKL|BLIS|VECLIB|GOTO|NPY|NUMBA|ARROW|DUCKDB|MPL|MATPLOTLIB|TYPST|KOSTNADSVEKST|LC|KMP)_?.*"
    r"|SOURCE_DATE_EPOCH|PYTHONHASHSEED|PYTHONOPTIMIZE|TZ|LANG|LANGUAGE"
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What there was when a run began.

    Attributes
    ----------
    package : mapping of str to str
        Every file of the package, its data and the paper -> sha256. Names begin with ``code/``, ``data/`` or
        ``paper/``; ``checkout/`` what chapters read beside them, ``module/`` chapters of other packages.
    own : mapping of str to str, optional
        Files that the user brought -> sha256; None where one cannot be read twice, such as a pipe.
    options : mapping
        What was asked for.
    environment : mapping
        Python, libraries, machine and variables.
    """

    package: Mapping[str, str]
    own: Mapping[str, str] | None
    options: Mapping[str, Any]
    environment: Mapping[str, Any]


def take_snapshot(settings: Settings) -> Snapshot:
    """Digest everything that the chapters could hang on.

    Parameters
    ----------
    settings : Settings
    """
    return Snapshot(package_files() | files_outside(), own_files(settings), _options(settings), environment())


def package_files(root: Path = ROOT) -> dict[str, str]:
    """Digest every file of the package, of its data and of the paper.

    Parameters
    ----------
    root : Path
        Folder of the package; its data lie in it or, in a checkout, two folders above.
    """
    found = {f"code/{name}": digest for name, digest in _digests(root, skip={"data", "paper"})}
    for part in ("data", "paper"):
        folder = next((place for place in (root / part, root.parents[1] / part) if place.is_dir()), None)
        found |= {f"{part}/{name}": digest for name, digest in _digests(folder)} if folder else {}
    return found


def _digests(folder: Path, skip: Iterable[str] = ()) -> Iterator[tuple[str, str]]:
    for place, below, names in os.walk(folder):
        below[:] = [n for n in below if n != "__pycache__" and not (Path(place) == folder and n in skip)]
        for name in sorted(names):
            path = Path(place, name)
            if path.is_file() and not name.endswith((".pyc", ".pyo")):
                yield path.relative_to(folder).as_posix(), digest_of(path)


def digest_of(path: Path) -> str:
    """Return the sha256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def inputs_of(name: str, snapshot: Snapshot, modules: Iterable[str]) -> dict[str, Any]:
    """Everything that a chapter hangs on.

    Parameters
    ----------
    name : str
        Key of `CHAPTERS`, or `kostnadsvekst.chapters.OWN`.
    snapshot : Snapshot
    modules : iterable of str
        From `modules_of`: the same modules with the same sources have the same imports, so that a record
        need not be read again to be compared.

    Returns
    -------
    dict
        Plain JSON.
    """
    places = {place: f"code/{place}" for module in modules for place in _places(module)}
    code = {key: snapshot.package[key] for key in places.values() if key in snapshot.package}
    folders = {key.rpartition("/")[0] for key in code}
    beside = {
        key: digest
        for key, digest in snapshot.package.items()
        if key.rpartition("/")[0] in folders and not key.endswith(".py")
    }
    asked = ["data/", *(["paper/"] if reads_paper(modules) else [])]
    asked += [f"checkout/{also}" for used in all_uses(name) for also in find_chapter(used).also_reads]
    data = {key: digest for key, digest in snapshot.package.items() if key.startswith(tuple(asked))}
    others = {key: snapshot.package[key] for m in modules if (key := f"module/{m}") in snapshot.package}
    files = dict(sorted({**code, **beside, **data, **others}.items()))
    return {
        "files": files,
        "own": None if snapshot.own is None else dict(snapshot.own),
        "options": dict(snapshot.options),
        "environment": dict(snapshot.environment),
    }


def folder_read(name: str, out: Path) -> dict[str, str]:
    """Digest of the results folder for a chapter that reads it: all but the chapter's own files.

    Parameters
    ----------
    name : str
        Key of `CHAPTERS`, or `kostnadsvekst.chapters.OWN`.
    out : Path
        Results folder.

    Returns
    -------
    dict of str to str
        Empty for chapters that do not read it.
    """
    if not find_chapter(name).reads_folder:
        return {}
    files = [
        pair
        for pair in _digests(out)
        if owner_of(pair[0]) != name and not any(part.startswith(".") for part in pair[0].split("/"))
    ]
    return {"folder": hashlib.sha256(json.dumps(sorted(files)).encode()).hexdigest()}


def _places(module: str) -> tuple[str, str]:
    inside = module.removeprefix(PACKAGE).strip(".").replace(".", "/")
    return (f"{inside}/__init__.py".lstrip("/"), f"{inside}.py")


def files_outside() -> dict[str, str]:
    """Digest what chapters read in the checkout beside the package, and chapters of other packages."""
    found: dict[str, str] = {}
    for also in {also for chapter in CHAPTERS.values() for also in chapter.also_reads}:
        place = ROOT.parents[1] / also
        inside = _digests(place) if place.is_dir() else []
        found |= {f"checkout/{also}/{below}": digest for below, digest in inside}
        if place.is_file():
            found[f"checkout/{also}"] = digest_of(place)
    for module in {chapter.module for chapter in CHAPTERS.values()}:
        if module.partition(".")[0] != PACKAGE and (path := _file_of_another(module)):
            found[f"module/{module}"] = digest_of(path)
    return found


def all_uses(name: str) -> tuple[str, ...]:
    """Return a chapter, those that it uses, those that they use, and so on."""
    found: dict[str, None] = {name: None}
    waiting = [name]
    while waiting:
        new = [used for used in find_chapter(waiting.pop()).uses if used in CHAPTERS and used not in found]
        found |= dict.fromkeys(new)
        waiting += new
    return tuple(found)


def reads_paper(modules: Iterable[str]) -> bool:
    """Whether any of the modules asks for the folder of the paper."""
    return any(
        b"paper_folder" in path.read_bytes()
        for module in modules
        if module != f"{PACKAGE}.sources.embedded" and (path := _file_of(module))
    )


def modules_of(name: str) -> frozenset[str]:
    """Modules that a chapter can load, those of the chapters that it uses included.

    Parameters
    ----------
    name : str
        Key of `CHAPTERS`, or `kostnadsvekst.chapters.OWN`.
    """
    return reachable([find_chapter(used).module for used in all_uses(name)])


def reachable(starts: Iterable[str]) -> frozenset[str]:
    """Modules of the package that modules can load, directly or through others; with themselves.

    Parameters
    ----------
    starts : iterable of str
        Dotted names. A module that makes up names of modules can load the whole package.
    """
    found: set[str] = set()
    waiting = [*starts]
    while waiting:
        module = waiting.pop()
        path = _file_of(module)
        if module in found or path is None:
            continue
        found.add(module)
        waiting += imports_in(path.read_bytes(), all_modules(), names=module not in TABLES_OF_NAMES)
    return frozenset(found)


@cache
def all_modules() -> frozenset[str]:
    """Every module of the package, by its dotted name."""
    paths = (path.relative_to(ROOT).with_suffix("").parts for path in ROOT.rglob("*.py"))
    return frozenset(".".join((PACKAGE, *parts)).removesuffix(".__init__") for parts in paths)


def _file_of(module: str) -> Path | None:
    if module in all_modules():
        return next((path for place in _places(module) if (path := ROOT / place).is_file()), None)
    return _file_of_another(module)


def _file_of_another(module: str) -> Path | None:
    """File of a module that is none of the package's; none where it cannot be found."""
    from importlib.util import find_spec

    with suppress(ImportError, ValueError, AttributeError):
        found = find_spec(module)
        return Path(found.origin) if found and found.origin and Path(found.origin).is_file() else None
    return None


@cache
def imports_in(source: bytes | str, known: frozenset[str], *, names: bool = True) -> frozenset[str]:
    """Modules that a source can import, anywhere in it.

    Parameters
    ----------
    source : bytes or str
    known : frozenset of str
        Modules of the package; others are left out.
    names : bool
        Whether a text that is the name of a module counts as an import of it: so façades load.

    Returns
    -------
    frozenset of str
        With the packages that a module lies in; all of ``known`` where names of modules are made up.
    """
    found: set[str] = set()
    for node in _run_time_nodes(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif names and isinstance(node, ast.Constant) and node.value in known:
            found.add(node.value)
        elif names and _makes_up_a_name(node):
            return known
    paths = [module.split(".") for module in found & known]
    return frozenset(".".join(path[:k]) for path in paths for k in range(1, len(path) + 1))


def _run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every node, but for what only type checkers read."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        only_types = isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        waiting += node.orelse if only_types else ast.iter_child_nodes(node)  # type: ignore[attr-defined]


def _makes_up_a_name(node: ast.AST) -> bool:
    """Whether a text is put together that begins as the name of a module."""
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    first = parts[0] if parts else node.left if isinstance(node, ast.BinOp) else None
    value = getattr(first, "value", None)
    return isinstance(value, str) and value.startswith(f"{PACKAGE}.") and value.endswith(".")


def own_files(settings: Settings) -> dict[str, str] | None:
    """Digest the files that the user brought: folders with all in them, TOML files with what they name.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    dict of str to str, or None
        A number and the name of the file, or the folder's and the path below it -> sha256. The folders above
        are left out: they may hold names of persons, and a results folder is handed on. None where something
        is neither a file nor a folder: it can be read only once.
    """
    found: dict[str, str] = {}
    given = (settings.data, settings.specifications, settings.register, settings.population)
    waiting = [path for path in given if path is not None]
    seen: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        own = f"{len(seen)}/{path.resolve().name}"
        if path.is_dir():
            found |= {f"{own}/{name}": digest for name, digest in _digests(path)}
        elif path.is_file():
            found[own] = digest_of(path)
            waiting += _named_in(path) if path.suffix.lower() == ".toml" else []
        elif path.exists():
            return None
    return dict(sorted(found.items()))


def _named_in(path: Path) -> list[Path]:
    """Files and folders that a TOML file names, relative to itself."""
    try:
        texts = [*_texts(tomllib.loads(path.read_text("utf-8-sig")))]
    except (OSError, ValueError):  # whoever reads it will say what is wrong
        return []
    places = [path.parent / text for text in texts]
    inside = path.resolve()
    found = []
    for place in places:
        with suppress(OSError, ValueError):  # texts that are no path
            if place.exists() and not inside.is_relative_to(place.resolve()):
                found.append(place)
    return found


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from [value] if value.strip() else []
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _options(settings: Settings) -> dict[str, Any]:
    """Options as plain JSON; of paths the names only, as in `own_files`."""
    told = asdict(settings)
    del told["progress"], told["out"]
    plain: dict[str, Any] = json.loads(json.dumps(told, default=_name_of))
    return plain


def _name_of(value: object) -> str:
    return value.resolve().name if isinstance(value, Path) else str(value)


def environment() -> dict[str, Any]:
    """Python, the machine, the libraries and the variables that results could hang on."""
    return {
        "python": f"{platform.python_implementation()} {sys.version}",
        "optimized": sys.flags.optimize,
        "machine": f"{platform.system()} {platform.machine()}",
        "libraries": _libraries(),
        "variables": {
            n: _without_folder(os.environ[n]) for n in sorted(os.environ) if VARIABLES.fullmatch(n)
        },
    }


def _without_folder(value: str) -> str:
    """Value of a variable; of a path, such as a cache in somebody's home folder, the last name."""
    return Path(value).name if os.path.isabs(value) else value


def _libraries() -> list[str]:
    """Name and version of everything installed, from the names of the folders that say so."""
    found = set()
    for place in sys.path:
        with suppress(OSError):
            found |= {name for name in os.listdir(place or ".") if name.endswith((".dist-info", ".egg-info"))}
    return sorted(name.rpartition(".")[0] for name in found)
