"""Paths in programs and settings that exist on one machine only, or on one system."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.report.doctor.findings import Finding
from kostnadsvekst.report.doctor.folder import Folder
from kostnadsvekst.report.doctor.programs import NAMED, SETTINGS, Program, parse_python

# Where people and institutions keep what is their own. What every system has (/usr/bin, /dev/null) is none.
_ROOTS = "home|Users|Volumes|mnt|media|root|tmp|var|work|scratch|cluster|srv|data|projects?|private|opt"
_NOT_BEFORE = r"(?<![\w./:}>~-])"
_KINDS: tuple[tuple[str, Bilingual], ...] = (
    (
        rf"(?:file://)/?(?:/|[A-Za-z]:)|{_NOT_BEFORE}/(?:(?:{_ROOTS})/[\w.-]|(?:home|Users|Volumes)/(?:$|[{{\"'%<$]))",
        Bilingual("fra roten av filsystemet", "from the root of the file system"),
    ),
    (
        r"(?<![\w/])[A-Za-z]:(?:\\\\?|/(?!/))[\w .()-]",
        Bilingual("med stasjonsbokstav", "with the letter of a drive"),
    ),
    (
        r"(?<!\\)\\\\(?:\\\\)?[A-Za-z][\w.-]+\\\\?[\w$.-]+\\",
        Bilingual("til en delt mappe i nettverket", "to a shared folder of the network"),
    ),
    (
        r"(?<![\w/~])~/[\w.-]",
        Bilingual("fra brukerens egen mappe", "from the user's own folder"),
    ),
)
_ABSOLUTE = tuple((re.compile(pattern), words) for pattern, words in _KINDS)
_ENDINGS = "csv|tsv|txt|dta|xlsx?|parquet|feather|sav|sas7bdat|rds|rdata|py|r|do|json|toml|pdf|png|svg|tex"
_BACKSLASH = re.compile(rf"[\w.-]\\{{1,2}}\w[\w.-]{{1,99}}\.(?:{_ENDINGS})\b", re.IGNORECASE)
_FILE = re.compile(rf"(?<![\w./-])[\w.-][\w./-]{{0,199}}\.(?:{_ENDINGS})\b", re.IGNORECASE)
_QUOTED = re.compile(r"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')""")
_COMMENTS = {".r": "#", ".sh": "#", ".bash": "#", ".jl": "#", ".toml": "#", ".yaml": "#", ".yml": "#",
             ".do": "*", ".ado": "*", ".tex": "%", ".sps": "*", ".sas": "*", ".m": "%", ".ini": "#",
             ".cfg": "#", ".js": "//", ".typ": "//"}  # fmt: skip


def check_written_paths(folder: Folder, programs: Sequence[Program]) -> Iterator[Finding]:
    """Find paths that do not work elsewhere.

    Parameters
    ----------
    folder : Folder
        Whose files the paths may lead to.
    programs : sequence of Program
    """
    names = _by_small_letters(folder)
    for program in programs:
        if program.broken:
            yield Finding("unparsable-program", program.file.name)
        # Whether any line has one is quickly seen; most files have none.
        if not (
            kind_of_path(program.text)
            or has_backslashes(program.text)
            or any(_differ_in_capitals(program, program.text, names))
        ):
            continue
        for line, text in _literals(parse_python(program.text)) if program.python else _lines(program):
            place = line if program.line_known else None
            if words := kind_of_path(text):
                yield Finding("absolute-path", program.file.name, words, place)
            elif has_backslashes(text):
                yield Finding("backslash-path", program.file.name, line=place)
            for name in _differ_in_capitals(program, text, names):
                yield Finding("path-capitals", program.file.name, both(name), place)


def kind_of_path(text: str) -> Bilingual | None:
    """Say what kind of absolute path a text has, None if it has none.

    Parameters
    ----------
    text : str
    """
    return next((words for pattern, words in _ABSOLUTE if pattern.search(text)), None)


def has_backslashes(text: str) -> bool:
    """Whether a text has the path of a file with backslashes.

    Parameters
    ----------
    text : str
    """
    return "\\" in text and _BACKSLASH.search(text) is not None


def _by_small_letters(folder: Folder) -> dict[str, list[str]]:
    """Name without folders, in small letters -> files of that name."""
    names: dict[str, list[str]] = {}
    for file in folder.files:
        names.setdefault(file.base.lower(), []).append(f"/{file.name}")
    return names


def _differ_in_capitals(program: Program, text: str, names: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield files that a text names with other capitals, where no file has those.

    A name without a folder is one at the root of the project or beside the program.
    """
    beside = f"/{program.file.name.rpartition('/')[0]}".rstrip("/")
    for found in _FILE.finditer(text):
        path = re.sub(r"^[./]*", "/", found[0])
        files = names.get(path.rpartition("/")[2].lower(), ())
        alike = [name for name in files if name.lower().endswith(path.lower())]
        if path.count("/") == 1:
            alike = [name for name in alike if name.rpartition("/")[0] in ("", beside)]
        if alike and not any(name.endswith(path) for name in alike):
            yield alike[0].removeprefix("/")


def _literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Texts of Python that do something: neither docstrings nor comments."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def _lines(program: Program) -> Iterator[tuple[int, str]]:
    """Lines of other languages; of settings what stands in quotes or behind the sign of equality."""
    comment = "#" if program.file.base.lower() in NAMED else _COMMENTS.get(program.suffix)
    for number, line in enumerate(program.text.splitlines(), 1):
        bare = line.strip()
        if not bare or (comment and bare.startswith(comment)) or bare.startswith("#!"):
            continue
        yield number, _value_of(bare) if program.file.suffix in SETTINGS else bare


def _value_of(line: str) -> str:
    quoted = _QUOTED.findall(line)
    return " ".join(quoted) if quoted else line.partition("=")[2] or line.partition(":")[2]
