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
_MAGIC = re.compile(r"^\s*[%!?].*$", re.MULTILINE)
_LARGEST = 2**22  # bytes of a program or notebook that are read


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
    """

    file: ProjectFile
    text: str
    python: bool = False
    broken: bool = False

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
    for file in folder.with_suffix(PROGRAMS | SETTINGS):
        try:
            text = "\n".join(read_lines(file, _LARGEST))
        except READING_FAULTS:
            continue
        code = code_of_notebook(text) if file.suffix in NOTEBOOK else text
        if code is None:
            yield Program(file, "", broken=True)
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
    """Return the code of a notebook's cells, without commands of IPython; None for what is no notebook.

    Cells of other languages, by the notebook's own word, are left out.
    """
    try:
        book = json.loads(text)
        language = str(book.get("metadata", {}).get("kernelspec", {}).get("language", "python"))
        cells = [cell["source"] for cell in book["cells"] if cell["cell_type"] == "code"]
        sources = ["".join(source) for source in cells]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if language.lower() != "python":
        return ""
    return "\n\n".join(_MAGIC.sub("", source) for source in sources if not source.startswith("%%"))
