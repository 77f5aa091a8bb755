"""Programs of a project as text and, for Python, as syntax: the pieces that the other checks read."""

import ast
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from kostnadsvekst.report.doctor.folder import Folder, ProjectFile
from kostnadsvekst.report.doctor.texts import READING_FAULTS, read_lines

PYTHON, STATA = frozenset({".py", ".pyw"}), frozenset({".do", ".ado"})
R_FILES = frozenset({".r", ".rmd", ".qmd"})
NOTEBOOK = frozenset({".ipynb"})
OTHERS = frozenset(
    {".jl", ".m", ".sas", ".sps", ".sh", ".bash", ".bat", ".ps1", ".sql", ".js", ".typ", ".tex"}
)
PROGRAMS = PYTHON | R_FILES | STATA | NOTEBOOK | OTHERS
# Settings that programs read; paths in them are as much part of the code.
SETTINGS = frozenset({".toml", ".yaml", ".yml", ".cfg", ".ini", ".env", ".rprofile", ".properties"})
# Programs whose whole name says what they are.
NAMED = frozenset({
    "makefile", "gnumakefile", "snakefile", "dockerfile", "justfile", ".rprofile", ".renviron", ".env",
})  # fmt: skip
# Commands of IPython: a line, or what a name is given.
_MAGIC = re.compile(r"^([^\S\n]*)(?:\w[\w, ]*=[^\S\n]*)?([%!?].*)$", re.MULTILINE)
# First lines of cells whose other lines are Python.
_AROUND = re.compile(r"%%(time|timeit|capture|prun)\b.*")
_LARGEST = 2**22  # bytes of a program or notebook that are read


_SUFFIXES = {"r": ".r", "stata": ".do", "julia": ".jl"}


@dataclass(frozen=True, slots=True)
class Program:
    """A program, or settings of one.

    Attributes
    ----------
    file : ProjectFile
    text : str
        Of a notebook the code of its cells, one after the other.
    python : bool
        Whether it is Python that can be parsed.
    broken : bool
        Whether it should be Python or a notebook and is not.
    language : str
        Of a notebook that is not Python.
    """

    file: ProjectFile
    text: str
    python: bool = False
    broken: bool = False
    language: str = ""

    @property
    def suffix(self) -> str:
        """Ending that the language has; that of R for a notebook in R."""
        return _SUFFIXES.get(self.language, self.file.suffix)

    @property
    def line_known(self) -> bool:
        """Whether lines of the text are lines of the file."""
        return self.file.suffix not in NOTEBOOK


def read_programs(folder: Folder) -> Iterator[Program]:
    """Read the programs and settings of a folder one by one; what cannot be opened is left out.

    Parameters
    ----------
    folder : Folder
    """
    for file in folder.files:
        if file.suffix not in PROGRAMS | SETTINGS and file.base.lower() not in NAMED:
            continue
        try:
            text = "\n".join(read_lines(file, _LARGEST))
        except READING_FAULTS:
            continue
        code = code_of_notebook(text) if file.suffix in NOTEBOOK else text
        language, other = code_in_another_language(text) if code == "" else ("", "")
        if code is None:
            yield Program(file, "", broken=True)
        elif language:
            yield Program(file, other, language=language)
        elif file.suffix in PYTHON | NOTEBOOK:
            valid = is_python(code)
            yield Program(file, code, python=valid, broken=not valid)
        else:
            yield Program(file, code)


def is_python(code: str) -> bool:
    """Whether a text is Python; nothing of it is run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of others' escapes
            # Much faster than to make a tree of Python objects, which few files need.
            compile(code, "program", "exec", dont_inherit=True)
    except _NO_PYTHON:
        return False
    return True


def parse_python(code: str) -> ast.Module:
    """Parse what `is_python`; an empty module for what nests too deeply to be made a tree."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except _NO_PYTHON:
        return ast.Module([], [])


_NO_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)


def code_of_notebook(text: str) -> str | None:
    """Return the code of a notebook's cells; None for what is no notebook.

    Of a notebook in another language, by its own word, it is nothing: `code_in_another_language`.
    """
    try:
        language, sources = _cells_of(text)
    except _NO_NOTEBOOK:
        return None
    if language != "python":
        return ""
    return "\n\n".join(map(_as_python, sources))


_NO_NOTEBOOK = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def _cells_of(text: str) -> tuple[str, list[str]]:
    """Language of a notebook, in small letters, and the sources of its cells of code."""
    book = json.loads(text)
    language = str(book.get("metadata", {}).get("kernelspec", {}).get("language", "python"))
    cells = [cell["source"] for cell in book["cells"] if cell["cell_type"] == "code"]
    return language.lower(), ["".join(source) for source in cells]


def code_in_another_language(text: str) -> tuple[str, str]:
    """Language of a notebook that is not Python, and its code; nothing for others.

    Parameters
    ----------
    text : str
        Of the notebook's file.
    """
    try:
        language, sources = _cells_of(text)
    except _NO_NOTEBOOK:
        return "", ""
    return (language, "\n\n".join(sources)) if language != "python" else ("", "")


def _as_python(source: str) -> str:
    """Cell with commands of IPython, or all of another language, as texts: paths in them are looked for."""
    if is_python(source):
        return source
    first, _, rest = source.lstrip().partition("\n")
    if first.startswith("%%") and not _AROUND.fullmatch(first.rstrip()):
        return f"_ = {source!r}"
    code = rest if first.startswith("%%") else source
    return _MAGIC.sub(lambda found: f"{found[1]}_ = {found[2]!r}", code)
