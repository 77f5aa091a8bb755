"""Dependencies: the table of the documentation against pyproject.toml and what the code imports."""

import ast
import re
import sys
import tomllib
from functools import cache

import pytest

from conftest import ROOT

PACKAGE = ROOT / "src" / "kostnadsvekst"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Where the name on PyPI is not the one that is imported.
IMPORTED_AS = {"diff-diff": "diff_diff", "ibis-framework": "ibis", "python-docx": "docx"}
# Required by a dependency that is declared, and used to give that one its arguments.
COMES_WITH = {"cycler": "matplotlib"}
# Modules that are themselves imported only where their extra is used.
LOADED_WITH_ITS_EXTRA = {"register/tauargus.py"}


def names_of(requirements):
    return [re.match(r"[A-Za-z0-9._-]+", requirement).group() for requirement in requirements]


RUNTIME = names_of(PROJECT["dependencies"])
EXTRAS = {name: names_of(wanted) for name, wanted in PROJECT["optional-dependencies"].items()}
FOR_USERS = {name: EXTRAS[name] for name in EXTRAS if name not in ("test", "dev", "mutation")}


@cache
def importers():
    """Top name of each foreign package -> modules that import it, also inside functions."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for top in {name.partition(".")[0] for name in names}:
                found.setdefault(top, set()).add(path.relative_to(PACKAGE).as_posix())
    return {n: paths for n, paths in found.items() if n not in sys.stdlib_module_names | {"kostnadsvekst"}}


def importers_of(package):
    return importers().get(IMPORTED_AS.get(package, package), set())


def rows(begin, end):
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    table = text.partition(begin)[2].partition(end)[0]
    lines = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


TABLE = rows("<!-- dependencies:begin -->", "<!-- dependencies:end -->")


def test_the_table_has_every_runtime_dependency_once_and_no_other():
    assert sorted(row[0].strip("`") for row in TABLE) == sorted(RUNTIME)


def test_every_dependency_has_a_reason_a_size_and_a_release():
    for name, why, size, release, _ in TABLE:
        assert len(why) > 10, name
        assert float(size) > 0, name
        assert re.fullmatch(r"[\d.]+, 20\d\d-\d\d-\d\d", release), name


@pytest.mark.parametrize("package", RUNTIME)
def test_every_dependency_is_imported_where_the_table_says(package):
    assert importers_of(package), f"nothing imports {package}: take it out"
    (where,) = (row[4] for row in TABLE if row[0] == f"`{package}`")
    named = set(re.findall(r"`([^`]+)`", where))
    assert named <= importers_of(package)
    assert named or (where == "everywhere" and len(importers_of(package)) > 20)


def test_every_foreign_import_is_declared():
    declared = {*RUNTIME, *(name for wanted in FOR_USERS.values() for name in wanted)}
    known = {IMPORTED_AS.get(name, name) for name in declared} | set(COMES_WITH)
    assert {n: p for n, p in importers().items() if n not in known} == {}


def test_extras_are_explained():
    (table,) = (rows("## Extras", "## What was taken out"),)
    told = {row[0].strip("`"): set(re.findall(r"`([\w-]+)(?:\[\w+\])?`", row[1])) for row in table}
    assert told == {name: set(wanted) for name, wanted in FOR_USERS.items()}


def test_what_was_taken_out_is_not_required_by_the_package():
    table = rows("## What was taken out", "The two-stage")
    out = {row[0].strip("`") for row in table}
    assert out
    assert not out & set(RUNTIME)


def test_what_an_extra_brings_is_imported_when_it_is_used():
    """Else the package could not be imported without the extra."""
    extra = {IMPORTED_AS.get(n, n) for wanted in FOR_USERS.values() for n in wanted}
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            early = bool({name.partition(".")[0] for name in names} & extra)
            assert not early or path.relative_to(PACKAGE).as_posix() in LOADED_WITH_ITS_EXTRA, path
