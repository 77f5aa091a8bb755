"""How many small faults in the package do the tests find? Mutation testing of a fixed random sample.

    pip install -e ".[test,mutation]"
    python benchmarks/mutation.py --seed TEXT --list                          # the sample, nothing is run
    python benchmarks/mutation.py --coverage map.json --map-only              # which test runs which line
    python benchmarks/mutation.py --seed TEXT --coverage map.json --out results.jsonl --workers 2
    python benchmarks/mutation.py ... --out results.jsonl --resume            # after an interruption
    python benchmarks/mutation.py --coverage new_map.json --only-survivors results.jsonl --out merged.jsonl

Add ``--every-test`` to the last one to try the survivors against the whole suite instead of the tests that
the map chooses, and ``--timeouts`` to try again what timed out. Tests that read a folder beside the
repository see it with ``--beside NAME``, given to every command; without it they are skipped. Not run by
the continuous integration: it takes hours. Linux (it forks).

The mutants are those of Cosmic Ray's operators that need no arguments: arithmetic, comparison, unary and
Boolean operators replaced, a number one more or one less, a decorator removed, a loop not run, an exception
not caught, ``break`` for ``continue``. Each triple (module, operator, occurrence) counts once and has the
same chance; the sample is those with the smallest SHA-256 of seed and mutant, so that it is a function of
source and seed only. Left out, as no test of behaviour can or need see them:

- what lies in an annotation, or in the value of a type alias (``X | None`` alone is a dozen mutants a
  time);
- a union with ``None`` or a quoted name elsewhere, which is an annotation in all but place;
- the bodies of ``if TYPE_CHECKING:`` and of functions under ``@overload``;
- docstrings and other string literals: no operator touches them (the code inside an f-string is mutated);
- a change that does not compile, leaves the syntax tree as it was, or repeats another of the sample.

A mutant is run against the tests that run its statement, cheapest first, until one fails. Which they are is
measured by one run of the suite, where

- a module's fixture counts for every test that uses it, and the caches of functions are emptied between
  tests;
- processes that a test starts count for it;
- statements run at import (constants, class bodies, functions called by those) are tried with the tests
  that run any function of the module; if there are none, with those of the modules that import it;
- decorators and default arguments are tried with the tests that run the function;
- a function that no test seems to run, and any compiled by Numba (whose lines leave no trace), is tried
  with the tests that run any function of the module; a compiled one also with those of the modules that
  import it.

``not covered`` are those left without a test: survivors that cost nothing. ``timeout`` is a test that took
longer than ``--slack`` seconds and ``--factor`` times its usual time (and ``--compiling`` seconds when
kernels are compiled): an endless loop, or nearly, counted apart. The slow tests that plain ``pytest``
leaves out are not used. Everything runs in copies of the repository in a temporary folder. The process that
forks has the libraries imported but not this package; kernels that may see the mutated module are compiled
anew. A list of equivalent mutants (TOML: ``"id" = "reason"``, or CSV: id, reason) is counted apart and
shown with its reasons; more than 3 % of the sample, and it ends with exit code 2. The share killed is of
all sampled mutants, whatever became of them. At the end the tests that killed are run without a mutant, and
named with exit code 1 if they fail then too.
"""

from __future__ import annotations

import argparse
import ast
import collections
import compileall
import contextlib
import csv
import difflib
import functools
import hashlib
import importlib
import json
import multiprocessing
import os
import py_compile
import resource
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("models", "register", "analysis", "chapters", "panel", "sources")
NOT_COPIED = (".*", "__pycache__", "build", "dist", "store", "*.egg-info", "*.duckdb", "*.sas7bdat")
PYTEST = ("-n", "0", "-p", "no:cacheprovider", "-q", "--no-header", "--tb=line")
PYTEST += ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # the libraries are imported before pytest runs
OUTCOMES = ("killed", "timeout", "survived", "not covered")
MOST_EQUIVALENT = 0.03
DEAR = 0.05  # seconds that make a fixture worth sharing
TIMED_OUT = -signal.SIGALRM
WRONG_PACKAGE = 86

Position = tuple[int, int]  # line, column


class UsageError(Exception):
    """Something that the user can mend; exit code 2."""


# --- The source: modules, what they import, where a position lies


@dataclass(frozen=True)
class Source:
    """One module of the package.

    Attributes
    ----------
    path : str
        Relative to the repository, with forward slashes.
    name : str
        Dotted name.
    text : str
    """

    path: str
    name: str
    text: str

    @functools.cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @functools.cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def room(self) -> str:
        return self.name.split(".")[1] if "." in self.name else ""

    @functools.cached_property
    def compiled_functions(self) -> list[ast.AST]:
        return [node for node in ast.walk(self.tree) if is_compiled(node)]

    def span(self, node: Any) -> tuple[Position, Position]:
        """First and last position of a node, in characters (the tree counts bytes)."""
        first = self.lines[node.lineno - 1].encode()[: node.col_offset]
        last = self.lines[node.end_lineno - 1].encode()[: node.end_col_offset]
        return (node.lineno, len(first.decode())), (node.end_lineno, len(last.decode()))

    def around(self, position: Position, kinds: tuple[type, ...]) -> list[Any]:
        """Nodes of some kinds around a position, outermost first."""
        nodes = [node for node in ast.walk(self.tree) if isinstance(node, kinds)]
        around = [(self.span(node), node) for node in nodes]
        inside = [(span, node) for span, node in around if span[0] <= position < span[1]]
        return [node for _, node in sorted(inside, key=lambda pair: (pair[0][0], (-pair[0][1][0],)))]


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
STATEMENTS = (ast.stmt, ast.ExceptHandler)


def is_compiled(node: ast.AST) -> bool:
    """Whether a function leaves no trace of its lines, being compiled by Numba."""
    marks = [ast.unparse(mark) for mark in getattr(node, "decorator_list", [])]
    return isinstance(node, FUNCTIONS) and any("jit" in m or "vectorize" in m for m in marks)


def read_sources(root: Path) -> dict[str, Source]:
    """Modules of the package, by path."""
    sources = {}
    for file in sorted((root / "src").rglob("*.py")):
        path = file.relative_to(root)
        if (root / "src" / path.parts[1] / "__init__.py").exists():
            parts = path.with_suffix("").parts[1:]
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            sources[path.as_posix()] = Source(path.as_posix(), name, file.read_text(encoding="utf-8"))
    return sources


def imported_names(source: Source) -> Iterator[tuple[str, ...]]:
    """What a module may import, as dotted names of which the first that is a module counts.

    Import statements, and strings that may be given to `import_module`.
    """
    package = source.name if source.path.endswith("__init__.py") else source.name.rpartition(".")[0]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name,) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((f"{base}.{alias.name}", base) for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield (node.value,)


def read_importers(sources: dict[str, Source]) -> dict[str, set[str]]:
    """Paths of the modules that import each module directly."""
    paths = {source.name: path for path, source in sources.items()}
    importers: dict[str, set[str]] = {path: set() for path in sources}
    for path, source in sources.items():
        for names in imported_names(source):
            target = next((paths[name] for name in names if name in paths), path)
            if target != path:
                importers[target].add(path)
    return importers


def reached(start: str, edges: dict[str, set[str]]) -> set[str]:
    """All that can be reached from a node, itself included."""
    found, waiting = {start}, [start]
    while waiting:
        new = edges[waiting.pop()] - found
        found |= new
        waiting.extend(new)
    return found


# --- Mutants


@dataclass(frozen=True)
class Mutant:
    """One change of one module.

    Attributes
    ----------
    id : str
        Module, operator and occurrence.
    room, module, operator : str
    occurrence : int
        Of the operator in the module, as Cosmic Ray counts.
    line, column : int
    before, after : str
        Source lines that differ.
    text : str
        The whole mutated module.
    """

    id: str
    room: str
    module: str
    operator: str
    occurrence: int
    line: int
    column: int
    before: str = ""
    after: str = ""
    text: str = field(default="", repr=False)


def mutation_operators() -> dict[str, Any]:
    """Operators of all installed providers that need no arguments."""
    from cosmic_ray import plugins

    classes = {name: plugins.get_operator(name) for name in plugins.operator_names()}
    return {name: kind() for name, kind in sorted(classes.items()) if not kind.arguments()}


def annotations_of(node: ast.AST) -> Iterator[ast.AST]:
    """Parts of a node that are there for readers and type checkers only."""
    for name in ("annotation", "returns"):
        if getattr(node, name, None) is not None:
            yield getattr(node, name)
    if type(node).__name__ == "TypeAlias":
        yield node
    if isinstance(node, ast.AnnAssign) and "TypeAlias" in ast.unparse(node.annotation):
        yield node
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [side.value for side in (node.left, node.right) if isinstance(side, ast.Constant)]
        if any(value is None or isinstance(value, str) for value in sides):
            yield node
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        yield from node.body
    if isinstance(node, FUNCTIONS) and any("overload" in ast.unparse(d) for d in node.decorator_list):
        yield from (*node.decorator_list, node)


def excluded_spans(source: Source) -> list[tuple[Position, Position]]:
    nodes = [part for node in ast.walk(source.tree) for part in annotations_of(node)]
    return [source.span(node) for node in nodes]


def candidates_of(source: Source, operators: dict[str, Any]) -> Iterator[Mutant]:
    """All mutants of a module outside annotations; a few of them will turn out not to compile."""
    from cosmic_ray.ast import ast_nodes, get_ast

    nodes = list(ast_nodes(get_ast(source.text)))
    spans = excluded_spans(source)
    short = source.path.split("/", 2)[2]
    for name, operator in operators.items():
        starts = [start for node in nodes for start, _ in operator.mutation_positions(node)]
        label = name.rpartition("/")[2]
        for occurrence, (line, column) in enumerate(starts):
            if not any(first <= (line, column) < last for first, last in spans):
                key = f"{short}:{label}:{occurrence}"
                yield Mutant(key, source.room, source.path, name, occurrence, line, column)


def changed_lines(before: str, after: str) -> tuple[str, str]:
    """Lines that differ between two texts."""
    difference = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    gone = [line[1:].strip() for line in difference if line.startswith("-")]
    new = [line[1:].strip() for line in difference if line.startswith("+")]
    return " ⏎ ".join(gone), " ⏎ ".join(new)


def apply(mutant: Mutant, source: Source, operators: dict[str, Any]) -> Mutant | None:
    """The mutant with its text, or None if the change is none or does not compile."""
    from cosmic_ray.mutating import mutate_code

    text = mutate_code(source.text, operators[mutant.operator], mutant.occurrence)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, mutant.module, "exec", dont_inherit=True)
            if ast.dump(ast.parse(text)) == ast.dump(source.tree):
                return None
    except (SyntaxError, ValueError):
        return None
    before, after = changed_lines(source.text, text)
    known = asdict(mutant) | {"before": before, "after": after, "text": text}
    return Mutant(**known)


def choose_sources(sources: dict[str, Source], rooms: Iterable[str]) -> list[Source]:
    """Modules of the rooms asked for, which are sub-packages or modules of the package."""
    known = {source.room for source in sources.values()}
    missing = sorted(set(rooms) - known)
    if missing:
        raise UsageError(f"no room {', '.join(missing)}; there are {', '.join(sorted(known - {''}))}")
    return [source for source in sources.values() if source.room in rooms]


def draw_sample(sources: dict[str, Source], rooms: Iterable[str], seed: str, n: int) -> list[Mutant]:
    """Draw mutants, each with the same chance.

    Parameters
    ----------
    sources : dict
        From `read_sources`.
    rooms : iterable of str
        Sub-packages to draw from.
    seed : str
        Any text.
    n : int

    Returns
    -------
    list of Mutant
        At most `n`, by module and line.
    """
    operators = mutation_operators()
    chosen = choose_sources(sources, rooms)
    candidates = [mutant for source in chosen for mutant in candidates_of(source, operators)]
    candidates.sort(key=lambda mutant: hashlib.sha256(f"{seed}\n{mutant.id}".encode()).digest())
    sample: dict[tuple[str, str], Mutant] = {}
    for candidate in candidates:
        if len(sample) >= n:
            break
        mutant = apply(candidate, sources[candidate.module], operators)
        if mutant:
            sample.setdefault((mutant.module, mutant.text), mutant)
    print(f"{len(sample)} of {len(candidates)} possible mutants of {len(chosen)} modules, seed {seed!r}")
    return sorted(sample.values(), key=lambda mutant: (mutant.module, mutant.line, mutant.column, mutant.id))


def mutants_again(records: Iterable[dict[str, Any]], sources: dict[str, Source]) -> list[Mutant]:
    """Mutants of earlier results, which must be the same changes of the same lines."""
    operators, mutants = mutation_operators(), []
    for record in records:
        source = sources.get(record["module"])
        where = (record["operator"], record["occurrence"], record["line"], record["column"])
        bare = Mutant(record["id"], record["room"], record["module"], *where)
        mutant = apply(bare, source, operators) if source else None
        if mutant is None or (mutant.before, mutant.after) != (record["before"], record["after"]):
            raise UsageError(f"{record['id']} is another mutant now: draw a new sample")
        mutants.append(mutant)
    return mutants


# --- A place of work: a copy of the repository, and tests run in a forked process


def third_party_imports(root: Path, package: str) -> set[str]:
    """Modules of others that the package, its tests and its scripts import."""
    own = {package, *(file.stem for file in (root / "tests").rglob("*.py"))}
    names = set()
    for file in [f for folder in ("src", "tests", "scripts") for f in sorted((root / folder).rglob("*.py"))]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    return {name for name in names if name.partition(".")[0] not in own | {"__future__"}}


def preload(root: Path, package: str) -> None:
    """Import the libraries once: every test process is forked from this one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in sorted(third_party_imports(root, package) | {"pytest"}):
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    if package in sys.modules:
        raise RuntimeError(f"{package} was imported by a library: mutants would not be seen")


@dataclass(frozen=True)
class Place:
    """A folder with a copy of the repository to run tests in.

    Attributes
    ----------
    folder : Path
        Holds the copy and all files that the tests make.
    package : str
    memory : float
        Most memory of a process in gigabytes.
    beside : tuple of Path
        Folders that tests expect beside the repository.
    """

    folder: Path
    package: str
    memory: float
    beside: tuple[Path, ...] = ()

    def elsewhere(self, folder: Path) -> Place:
        """A place like this in another folder."""
        return replace(self, folder=folder)

    def furnish(self, repository: Path) -> None:
        """Empty the folder and put a copy of the repository and of what stands beside it there."""
        shutil.rmtree(self.folder, ignore_errors=True)
        original = repository == ROOT
        ignore = shutil.ignore_patterns(*NOT_COPIED) if original else None
        shutil.copytree(repository, self.root, ignore=ignore)
        for folder in self.beside:
            shutil.copytree(folder, self.folder / folder.name)

    @property
    def root(self) -> Path:
        return self.folder / "repository"

    def enter(self) -> None:
        """Make this process, just forked, one that sees the copy and nothing else."""
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        log = os.open(self.folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(log, stream)
        limit = int(self.memory * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        os.chdir(self.root)
        source = str(self.root / "src")
        sys.path[:] = [source, *(p for p in sys.path if p != str(Path(__file__).parent))]
        for name in ("tmp", "cache"):
            (self.folder / name).mkdir(exist_ok=True)
        os.environ |= {
            "PYTHONPATH": source,
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self.folder / "tmp"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self.folder / "cache" / "hypothesis"),
        }
        sys.dont_write_bytecode = True
        tempfile.tempdir = None

    def run_pytest(self, arguments: Iterable[str], plugin: object) -> int:
        """Run tests here and now, in a process that has entered the place."""
        import pytest

        base = ("--basetemp", str(self.folder / "pytest"), "--rootdir", str(self.root))
        code = int(pytest.main([*PYTEST, *base, *arguments], plugins=[plugin]))
        found = sys.modules.get(self.package)
        if found and not str(found.__file__).startswith(str(self.root)):
            return WRONG_PACKAGE
        return code


def forked(work: Callable[[], int], limit: float) -> int:
    """Exit code of a function run in a forked process; negative for a signal, SIGALRM if it took too long."""
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        code = 70
        try:
            code = work()
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)
    try:
        return wait(process, limit)
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process, signal.SIGKILL)


def wait(process: int, limit: float) -> int:
    """Exit code of a child, which is killed after the limit."""
    end = time.monotonic() + limit
    try:
        while time.monotonic() < end:
            done, status = os.waitpid(process, os.WNOHANG)
            if done:
                process = 0
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        return TIMED_OUT
    finally:
        if process:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)


def without_shrinking() -> None:
    """Hypothesis neither minimises a failure nor keeps it: finding it is enough."""
    from hypothesis import Phase, settings

    phases = (Phase.explicit, Phase.generate)
    profile = settings(settings.default, phases=phases, database=None)
    settings.register_profile("mutation", parent=profile)
    settings.load_profile("mutation")


# --- The map: which test runs which line, and how long it takes


RCFILE = """[run]
data_file = {data}
parallel = true
include = {include}
context = ${{MUTATION_CONTEXT-}}
disable_warnings = no-data-collected, module-not-measured, already-imported, couldnt-parse
"""


class Tracer:
    """Plug-in of the mapping run: says which test or shared fixture is at work, and times both."""

    def __init__(self, coverage: Any) -> None:
        self.coverage = coverage
        self.contexts: list[str] = []
        self.tests: dict[str, dict[str, Any]] = {}
        self.fixtures: dict[str, float] = {}

    @contextlib.contextmanager
    def context(self, name: str) -> Iterator[None]:
        self.contexts.append(name)
        self._switch()
        try:
            yield
        finally:
            self.contexts.pop()
            self._switch()

    def _switch(self) -> None:
        name = self.contexts[-1] if self.contexts else ""
        self.coverage.switch_context(name)
        os.environ["MUTATION_CONTEXT"] = name

    def pytest_configure(self) -> None:
        without_shrinking()

    def pytest_runtest_protocol(self, item: Any) -> Iterator[Any]:
        empty_caches()
        self.tests[item.nodeid] = {"seconds": 0.0, "passed": True, "uses": list(item.fixturenames)}
        with self.context(f"test {item.nodeid}"):
            return (yield)

    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[Any]:
        if fixturedef.scope == "function":
            return (yield)
        name = f"{fixturedef.baseid}::{fixturedef.argname}"
        start = time.perf_counter()
        with self.context(f"fixture {name}"):
            try:
                return (yield)
            finally:
                seconds = time.perf_counter() - start
                self.fixtures[name] = max(seconds, self.fixtures.get(name, 0.0))
                test = self.contexts[0].removeprefix("test ")
                self.tests[test]["seconds"] -= seconds

    def pytest_runtest_logreport(self, report: Any) -> None:
        test = self.tests[report.nodeid]
        test["seconds"] += report.duration
        test["passed"] &= report.passed


def as_wrappers(kind: type, *names: str) -> None:
    """Mark methods as pytest hooks that wrap others (pytest is imported late)."""
    import pytest

    for name in names:
        setattr(kind, name, pytest.hookimpl(wrapper=True, tryfirst=True)(getattr(kind, name)))


def empty_caches() -> None:
    """Forget what functions of package and tests have kept, so that each test runs its own lines."""
    cached = type(functools.lru_cache(str))
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if file.startswith(os.getcwd()) and not name.startswith("_"):
            for value in list(vars(module).values()):
                if isinstance(value, cached):
                    value.cache_clear()


def measure(place: Place, names: Iterable[str], folder: Path) -> int:
    """Run the suite under coverage, in a process that has entered the place."""
    from coverage import Coverage

    place.enter()
    rcfile = folder / "coveragerc"
    os.environ |= {"COVERAGE_PROCESS_START": str(rcfile), "COVERAGE_CORE": "ctrace"}
    coverage = Coverage(config_file=str(rcfile))
    coverage.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:  # what an import runs belongs to no test
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    as_wrappers(Tracer, "pytest_runtest_protocol", "pytest_fixture_setup")
    tracer = Tracer(coverage)
    code = place.run_pytest([], tracer)
    coverage.stop()
    coverage.save()
    (folder / "tests.json").write_text(json.dumps({"tests": tracer.tests, "fixtures": tracer.fixtures}))
    return code


def digest(root: Path) -> str:
    """Hash of all that a map depends on."""
    total = hashlib.sha256()
    for folder in ("src", "tests", "scripts"):
        for file in sorted((root / folder).rglob("*.py")):
            total.update(f"{file.relative_to(root)}\n".encode() + file.read_bytes())
    return total.hexdigest()


def make_map(place: Place, sources: dict[str, Source], file: Path) -> None:
    """Run the suite once in a copy of the repository and write which test runs which line.

    Parameters
    ----------
    place : Place
    sources : dict
        From `read_sources`.
    file : Path
        JSON file to write.
    """
    from coverage import Coverage

    place.furnish(ROOT)
    folder = place.folder / "coverage"
    folder.mkdir()
    settings = RCFILE.format(data=folder / "data", include=place.root / "src" / "*")
    (folder / "coveragerc").write_text(settings)
    hook = "import coverage\n\ncoverage.process_startup()\n"
    (place.root / "src" / "sitecustomize.py").write_text(hook)  # tests may set PYTHONPATH to src alone
    names = [source.name for source in sources.values()]
    start = time.perf_counter()
    code = forked(lambda: measure(place, names, folder), float("inf"))
    if code not in (0, 1):
        raise RuntimeError(f"pytest ended with {code}:\n{(place.folder / 'log.txt').read_text()[-3000:]}")
    known = json.loads((folder / "tests.json").read_text())
    coverage = Coverage(config_file=str(folder / "coveragerc"))
    coverage.combine([str(folder)])
    answer = map_of(known, coverage.get_data(), place.root, sources)
    file.write_text(json.dumps(answer | {"digest": digest(ROOT)}))
    failed = [name for name, test in known["tests"].items() if not test["passed"]]
    print(f"{len(known['tests'])} tests mapped in {time.perf_counter() - start:.0f} s")
    print("".join(f"  not used, as it does not pass: {name}\n" for name in failed), end="")


def users_of(known: dict[str, Any]) -> dict[str, list[int]]:
    """Positions of the tests that each context stands for."""
    users = {f"test {name}": [i] for i, name in enumerate(known["tests"])}
    for fixture in known["fixtures"]:
        base, _, argument = fixture.rpartition("::")
        users[f"fixture {fixture}"] = [
            i
            for i, (name, test) in enumerate(known["tests"].items())
            if argument in test["uses"] and name.startswith(base)
        ]
    return users


def map_of(known: dict[str, Any], data: Any, root: Path, sources: dict[str, Source]) -> dict[str, Any]:
    """The map as it is written: tests, fixtures and, by module and line, positions of tests (-1: import)."""
    users = users_of(known)
    shared = {name: name.rpartition("::") for name in known["fixtures"]}
    for name, test in known["tests"].items():
        uses = set(test["uses"])
        test["uses"] = [f for f, (base, _, a) in shared.items() if a in uses and name.startswith(base)]
    lines = {}
    for path in sources:
        found = data.contexts_by_lineno(str(root / path)) or {}
        lines[path] = {
            line: sorted({i for context in contexts for i in users.get(context, [-1])})
            for line, contexts in found.items()
        }
    return known | {"lines": lines}


class CoverageMap:
    """Tests that may notice a mutant, with what they cost.

    Parameters
    ----------
    file : Path
        Written by `make_map`.
    sources : dict
        From `read_sources`.
    """

    def __init__(self, file: Path, sources: dict[str, Source]) -> None:
        known = json.loads(file.read_text())
        if known["digest"] != digest(ROOT):
            raise UsageError(f"{file} is of another state of the repository: remove it, or name another file")
        self.sources = sources
        self.importers = read_importers(sources)
        self.names = list(known["tests"])
        self.tests: dict[str, dict[str, Any]] = known["tests"]
        self.fixtures: dict[str, float] = known["fixtures"]
        self.lines = {
            path: {int(line): set(tests) for line, tests in of.items()} for path, of in known["lines"].items()
        }

    def every_test(self) -> list[str]:
        return [name for name, test in self.tests.items() if test["passed"]]

    def tests_for(self, mutant: Mutant) -> list[str]:
        """Passing tests that a mutant is tried with."""
        numbers = self._numbers(mutant) - {-1}
        return [self.names[i] for i in sorted(numbers) if self.tests[self.names[i]]["passed"]]

    def _numbers(self, mutant: Mutant) -> set[int]:
        source, position = self.sources[mutant.module], (mutant.line, mutant.column)
        function = self._function(source, position)
        if function is None:
            return self._at_import(mutant.module)
        body = self._lines(mutant.module, function.body[0].lineno, function.end_lineno)
        in_header = mutant.line < function.body[0].lineno
        if is_compiled(function) or any(is_compiled(f) for f in source.around(position, FUNCTIONS)):
            return body | self._compiled(mutant.module)
        if not body - {-1} and -1 not in body:
            return self._bodies(mutant.module)
        found = body if in_header else self._statement(source, mutant)
        return found | self._at_import(mutant.module) if -1 in found else found

    def _function(self, source: Source, position: Position) -> Any:
        """The innermost function around a position, counting its decorators as its own."""
        for node in ast.walk(source.tree):
            if isinstance(node, FUNCTIONS):
                for mark in node.decorator_list:
                    first, last = source.span(mark)
                    if (first[0], first[1] - 1) <= position < last:
                        return node
        around = source.around(position, FUNCTIONS)
        return around[-1] if around else None

    def _statement(self, source: Source, mutant: Mutant) -> set[int]:
        """Tests that run any line of the statement (of its head, if it has a body) that holds the mutant."""
        node = source.around((mutant.line, mutant.column), STATEMENTS)[-1]
        body = getattr(node, "body", None)
        last = body[0].lineno - 1 if isinstance(body, list) and body else node.end_lineno
        here = self.lines[mutant.module].get(mutant.line, set())
        return here | self._lines(mutant.module, node.lineno, max(node.lineno, last))

    def _lines(self, path: str, first: int, last: int) -> set[int]:
        lines = self.lines.get(path, {})
        return set().union(*(lines.get(line, ()) for line in range(first, last + 1)))

    def _bodies(self, path: str) -> set[int]:
        """Tests that run a line of any function of a module."""
        functions = [node for node in ast.walk(self.sources[path].tree) if isinstance(node, FUNCTIONS)]
        spans = [(node.body[0].lineno, node.end_lineno) for node in functions]
        return set().union(*(self._lines(path, *span) for span in spans)) - {-1}

    def _at_import(self, path: str) -> set[int]:
        """Tests that run functions of a module or, if none, of the nearest modules that import it."""
        seen, nearest = set(), {path}
        while nearest:
            tests = set().union(*(self._bodies(p) for p in nearest))
            if tests:
                return tests
            seen |= nearest
            nearest = set().union(*(self.importers[p] for p in nearest)) - seen
        return set()

    def _compiled(self, path: str) -> set[int]:
        """Tests that may run compiled functions of a module, perhaps from those of another module."""
        kernels = {p: of if self.sources[p].compiled_functions else set() for p, of in self.importers.items()}
        return set().union(*(self._bodies(p) for p in reached(path, kernels)))

    def cost(self, test: str) -> float:
        """Seconds of a test that is run alone."""
        known = self.tests[test]
        return max(known["seconds"], 0.0) + sum(self.fixtures[name] for name in known["uses"])

    def total(self, tests: Iterable[str]) -> float:
        """Seconds of tests that are run together."""
        chosen = [self.tests[test] for test in tests]
        shared = {name for test in chosen for name in test["uses"]}
        return sum(max(t["seconds"], 0.0) for t in chosen) + sum(self.fixtures[name] for name in shared)

    def in_order(self, tests: Iterable[str]) -> list[str]:
        """Cheapest first; tests that share a dear fixture stay together, so that it is made only once."""
        groups = collections.defaultdict(list)
        for test in tests:
            dear = sum(self.fixtures[name] for name in self.tests[test]["uses"]) > DEAR
            groups[test.partition("::")[0] if dear else test].append(test)
        blocks = [sorted(group, key=self.cost) for group in groups.values()]
        blocks.sort(key=lambda block: self.total(block) / len(block))
        return [test for block in blocks for test in block]


# --- Running one mutant


@dataclass(frozen=True)
class Limits:
    """How long tests may take: ``slack + factor * usual`` each, and together at most `cap` seconds.

    `compiling` is added to the slack when kernels have to be compiled, which the first test that needs them
    waits for.
    """

    slack: float
    factor: float
    cap: float
    compiling: float

    def of(self, seconds: float) -> float:
        return self.slack + self.factor * seconds

    def together(self, seconds: float) -> float:
        """The cap never cuts off what the tests need without a mutant."""
        return max(min(self.of(seconds), self.cap), self.slack + 2 * seconds)


class Chosen:
    """Plug-in of a mutant's run: the chosen tests in their order, each with an alarm."""

    def __init__(self, tests: dict[str, float], report: Path) -> None:
        self.tests = tests
        self.report = report
        self.failed: list[str] = []

    def pytest_configure(self) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, also inside compiled code
        without_shrinking()

    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        found = {item.nodeid for item in items}
        # Parameters may have got other names by the mutation: then all of the function.
        renamed = {name.partition("[")[0] for name in self.tests if name not in found}
        place = {name: i for i, name in enumerate(self.tests)}
        kept = [i for i in items if i.nodeid in place or i.nodeid.partition("[")[0] in renamed]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = sorted(kept, key=lambda item: place.get(item.nodeid, len(place)))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.report.write_text(nodeid)
        usual = self.tests.get(nodeid, max(self.tests.values()))
        signal.setitimer(signal.ITIMER_REAL, usual)

    def pytest_runtest_logfinish(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.report.write_text(f"collection of {report.nodeid}")


@dataclass
class Worker:
    """Runs mutants one after another in a folder of its own.

    Attributes
    ----------
    place : Place
        Where the tests run; made anew for every mutant.
    pristine : Path
        The repository without a mutant, with byte code and, as they come, compiled kernels.
    coverage : CoverageMap
    limits : Limits
    everything : bool
        Whether every mutant is tried with all tests.
    """

    place: Place
    pristine: Path
    coverage: CoverageMap
    limits: Limits
    everything: bool = False

    def run(self, mutant: Mutant) -> dict[str, Any]:
        """Result of a mutant, as it is written to the file."""
        start = time.perf_counter()
        tests = self.coverage.every_test() if self.everything else self.coverage.tests_for(mutant)
        status, test = self._try(mutant, self.coverage.in_order(tests)) if tests else ("not covered", "")
        known = {name: value for name, value in asdict(mutant).items() if name != "text"}
        seconds = round(time.perf_counter() - start, 2)
        return known | {"status": status, "killed_by": test, "tests": len(tests), "seconds": seconds}

    def _try(self, mutant: Mutant, tests: list[str]) -> tuple[str, str]:
        stale = self._prepare(mutant)
        report = self.place.folder / "at.txt"
        limits = self._limits()
        allowed = {test: limits.of(self.coverage.cost(test)) for test in tests}
        limit = limits.together(self.coverage.total(tests))
        code = forked(lambda: self._test(allowed, report, "-x"), limit)
        at = report.read_text() if report.exists() else "start of pytest"
        if code >= 0:
            self._keep_kernels(stale)
        if code in (0, 5):
            return "survived", ""
        if code == TIMED_OUT:
            return "timeout", at
        if code in (1, 2, 3) or code < 0:  # a failure, an error of collection or in a hook, a crash
            return "killed", at if code >= 0 else f"{at} (signal {-code})"
        log = (self.place.folder / "log.txt").read_text(errors="replace")
        if code == 4 and "ImportError while loading conftest" in log:
            return "killed", "conftest"
        raise RuntimeError(f"{mutant.id}: pytest ended with {code}:\n{log[-3000:]}")

    def _test(self, allowed: dict[str, float], report: Path, *arguments: str) -> int:
        """Run tests in the forked process; the report names the last one that was started."""
        self.place.enter()
        files = sorted({test.partition("::")[0] for test in allowed})
        signal.setitimer(signal.ITIMER_REAL, 2 * self.limits.slack)  # collection, until the first test
        plugin = Chosen(allowed, report)
        code = self.place.run_pytest([*arguments, *files], plugin)
        (self.place.folder / "failed.json").write_text(json.dumps(plugin.failed))
        return code

    def failing(self, tests: list[str]) -> list[str]:
        """Which of some tests fail here without any mutant: what they killed counts for nothing."""
        if not tests:
            return []
        self.place.furnish(self.pristine)
        allowed = {test: self.limits.of(self.coverage.cost(test)) for test in self.coverage.in_order(tests)}
        code = forked(lambda: self._test(allowed, self.place.folder / "at.txt"), float("inf"))
        file = self.place.folder / "failed.json"
        if not file.exists():
            log = (self.place.folder / "log.txt").read_text(errors="replace")
            raise RuntimeError(f"pytest without a mutant ended with {code}:\n{log[-3000:]}")
        return json.loads(file.read_text())

    def _prepare(self, mutant: Mutant) -> set[str]:
        """Write the mutated module into a fresh copy; modules whose kernels may depend on it."""
        self.place.furnish(self.pristine)
        stale = reached(mutant.module, self.coverage.importers)
        for module in stale:
            for kept in self._cached(self.place.root / module, "nb?"):
                kept.unlink()
        target = self.place.root / mutant.module
        for kept in self._cached(target, "pyc"):
            kept.unlink()
        target.write_text(mutant.text, encoding="utf-8")
        with warnings.catch_warnings():  # "is" with a literal must not fail for its warning
            warnings.simplefilter("ignore")
            py_compile.compile(target, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
        return stale

    def _limits(self) -> Limits:
        """Limits with time for compilation, if any kernel is missing."""
        sources = self.coverage.sources
        kernels = [path for path, source in sources.items() if source.compiled_functions]
        missing = any(not self._cached(self.place.root / path, "nbi") for path in kernels)
        more = self.limits.compiling if missing else 0.0
        return replace(self.limits, slack=self.limits.slack + more)

    @staticmethod
    def _cached(module: Path, kind: str) -> list[Path]:
        return list((module.parent / "__pycache__").glob(f"{module.stem}.*.{kind}"))

    def _keep_kernels(self, stale: set[str]) -> None:
        """Keep the kernels compiled during a run that cannot have seen the mutant."""
        for module in set(self.coverage.sources) - stale:
            for made in self._cached(self.place.root / module, "nb?"):
                kept = self.pristine / made.relative_to(self.place.root)
                if not kept.exists() or kept.stat().st_mtime_ns != made.stat().st_mtime_ns:
                    shutil.copy2(made, kept)


def warm(place: Place) -> None:
    """Copy the repository and write byte code of package and tests, so that no mutant has to."""
    place.furnish(ROOT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compileall.compile_dir(place.root / "src", quiet=1)

    def collect() -> int:
        place.enter()
        sys.dont_write_bytecode = False
        return place.run_pytest(["--collect-only"], object())

    code = forked(collect, 600)
    if code:
        log = (place.folder / "log.txt").read_text(errors="replace")
        raise RuntimeError(f"the tests cannot be collected ({code}):\n{log[-3000:]}")


# --- Running the sample


def read_records(file: Path) -> list[dict[str, Any]]:
    """Results written before; a last line cut off by an interruption is left out."""
    records = []
    for line in file.read_text(encoding="utf-8").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            records.append(json.loads(line))
    return records


def write_record(file: Path, record: dict[str, Any]) -> None:
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(record, ensure_ascii=False) + "\n")


def run_all(
    mutants: list[Mutant], template: Place, make: Callable[[Place, Path], Worker], options: Any
) -> None:
    """Run mutants in worker processes, which take the next one when they are free.

    Parameters
    ----------
    mutants : list of Mutant
    template : Place
        With a warmed copy of the repository.
    make : callable
        A worker from its place and its pristine copy.
    options : Namespace
        With `workers` and `out`.
    """
    context = multiprocessing.get_context("fork")
    taken, done, writing = context.Value("i", 0), context.Value("i", 0), context.Lock()

    def work(number: int) -> None:
        folder = template.folder.parent / f"worker-{number}"
        shutil.copytree(template.root, folder / "pristine")
        worker = make(template.elsewhere(folder / "run"), folder / "pristine")
        while True:
            with taken.get_lock():
                turn, taken.value = taken.value, taken.value + 1
            if turn >= len(mutants):
                break
            record = worker.run(mutants[turn])
            with writing:
                done.value += 1
                write_record(options.out, record)
                label = f"{done.value}/{len(mutants)} {record['status']:11} {record['seconds']:6.1f} s"
                print(f"{label}  {record['id']}  {record['killed_by']}", flush=True)

    processes = [context.Process(target=work, args=(k,), daemon=True) for k in range(options.workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        raise RuntimeError("a worker has failed; what is done can be taken up with --resume")


# --- The report


def read_equivalents(file: Path | None) -> dict[str, str]:
    """Reasons by mutant, from a TOML or CSV file."""
    if file is None:
        return {}
    if file.suffix == ".toml":
        known = tomllib.loads(file.read_text(encoding="utf-8"))
        return {str(key): str(value) for key, value in known.items()}
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.reader(lines) if row]
    return {row[0].strip(): ",".join(row[1:]).strip() for row in rows if row[0].strip() != "id"}


def table_of(records: list[dict[str, Any]], equivalent: dict[str, str]) -> str:
    """Counts by room; the share killed is of all."""
    heads = ("room", "sampled", *OUTCOMES, "equivalent", "% killed")
    rows = []
    for room in [*sorted({record["room"] for record in records}), "all"]:
        here = [record for record in records if room in (record["room"], "all")]
        same = [record for record in here if record["id"] in equivalent]
        counts = collections.Counter(record["status"] for record in here if record["id"] not in equivalent)
        share = 100 * counts["killed"] / len(here)
        numbers = [len(here), *(counts[name] for name in OUTCOMES), len(same)]
        rows.append((room, *map(str, numbers), f"{share:.1f}"))
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    lines = [[cell.rjust(width) for cell, width in zip(row, widths, strict=True)] for row in (heads, *rows)]
    return "\n".join("  ".join(line) for line in lines)


def show(record: dict[str, Any], note: str = "") -> None:
    """One mutant as a difference."""
    print(f"\n{record['id']}  {record.get('status', '')}{note}")
    print(f"  {record['module']}:{record['line']}")
    print(f"  - {record['before']}\n  + {record['after']}")


def report(records: list[dict[str, Any]], equivalent: dict[str, str]) -> int:
    """Print the table, the survivors and the equivalents; exit code 2 for too many or wrong equivalents."""
    by_id = {record["id"]: record for record in records}
    wrong = [key for key in equivalent if by_id.get(key, {}).get("status") in ("killed", "timeout")]
    same = {key: why for key, why in equivalent.items() if key in by_id and key not in wrong}
    for record in records:
        if record["status"] in ("survived", "not covered") and record["id"] not in same:
            show(record)
    for key, why in same.items():
        show(by_id[key], f", equivalent: {why}")
    print("\n" + table_of(records, same))
    print(f"\n{sum(record['seconds'] for record in records):.0f} s of work")
    if wrong:
        print(f"not equivalent, as a test fails: {', '.join(wrong)}", file=sys.stderr)
    if len(same) > MOST_EQUIVALENT * len(records):
        print(f"{len(same)} equivalents of {len(records)} are more than 3 %", file=sys.stderr)
    return 2 if wrong or len(same) > MOST_EQUIVALENT * len(records) else 0


# --- The command


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Mutation testing of a fixed random sample.")
    add = parser.add_argument
    add("rooms", nargs="*", metavar="ROOM", help=f"further rooms than {', '.join(ROOMS)}")
    add("--n", type=int, default=300, help="mutants to draw")
    add("--seed", default="0", help="any text, such as a commit's hash")
    add("--list", action="store_true", help="print the sample and stop")
    add("--coverage", type=Path, metavar="FILE", help="map of tests and lines; made if it does not exist")
    add("--map-only", action="store_true", help="make the map and stop")
    add("--out", type=Path, metavar="FILE", help="results, one JSON object a line")
    add("--resume", action="store_true", help="leave out what the results hold already")
    add("--only-survivors", type=Path, metavar="FILE", help="run only what survived in earlier results")
    add("--timeouts", action="store_true", help="with --only-survivors: what timed out again too")
    add("--every-test", action="store_true", help="try each mutant with the whole suite")
    add("--equivalent", type=Path, metavar="FILE", help="equivalent mutants and why: TOML or CSV")
    add("--workers", type=int, default=1)
    add("--slack", type=float, default=30, help="seconds that any test may take on top of ...")
    add("--factor", type=float, default=4, help="... this many times its usual time")
    add("--compiling", type=float, default=90, help="more slack when Numba has to compile")
    add("--cap", type=float, default=1200, help="most seconds of a mutant, if its tests need less than half")
    add("--beside", action="append", default=[], metavar="NAME", help="folder beside the repository to copy")
    add("--memory", type=float, default=12, help="most gigabytes of address space of a process")
    options = parser.parse_args(arguments)
    if not options.list and options.coverage is None:
        parser.error("--coverage FILE is needed")
    if not (options.list or options.map_only) and options.out is None:
        parser.error("--out FILE is needed")
    return options


def planned(options: Any, sources: dict[str, Source]) -> tuple[list[Mutant], list[dict[str, Any]]]:
    """Mutants to run, and results that stand already."""
    if options.only_survivors:
        earlier = read_records(options.only_survivors)
        retried = ("survived", "not covered", *(["timeout"] if options.timeouts else []))
        again = [r for r in earlier if r["status"] in retried]
        mutants, standing = mutants_again(again, sources), [r for r in earlier if r not in again]
    else:
        rooms = dict.fromkeys((*ROOMS, *options.rooms))
        mutants, standing = draw_sample(sources, rooms, options.seed, options.n), []
    if options.list or options.map_only or not options.out.exists():
        return mutants, standing
    if not options.resume:
        raise UsageError(f"{options.out} exists: add --resume, or name another file")
    done = {record["id"]: record for record in read_records(options.out)}
    strange = set(done) - {mutant.id for mutant in mutants} - {record["id"] for record in standing}
    if strange:
        raise UsageError(f"{options.out} is of another sample: {min(strange)} is not in this one")
    mutants_again(done.values(), sources)
    left = [mutant for mutant in mutants if mutant.id not in done]
    return left, [record for record in standing if record["id"] not in done]


def beside(names: list[str]) -> Iterator[Path]:
    """Folders beside the repository."""
    for name in names:
        folder = ROOT.parent / name
        if not folder.is_dir():
            raise UsageError(f"there is no folder {name} beside the repository")
        yield folder


def work_in(base: Path, options: Any, sources: dict[str, Source]) -> int:
    """Make the map if need be, run the sample, report."""
    package = next(iter(sources.values())).name.partition(".")[0]
    mutants, standing = ([], []) if options.map_only else planned(options, sources)
    os.environ.setdefault("MPLCONFIGDIR", str(base / "matplotlib"))
    preload(ROOT, package)
    template = Place(base / "template", package, options.memory, tuple(beside(options.beside)))
    if not options.coverage.exists():
        make_map(template.elsewhere(base / "map"), sources, options.coverage)
    coverage = CoverageMap(options.coverage, sources)
    if options.map_only:
        return 0
    warm(template)
    limits = Limits(options.slack, options.factor, options.cap, options.compiling)
    for record in standing:
        write_record(options.out, record)
    run_all(mutants, template, lambda p, q: Worker(p, q, coverage, limits, options.every_test), options)
    records = sorted(read_records(options.out), key=lambda r: (r["module"], r["line"], r["column"], r["id"]))
    code = report(records, read_equivalents(options.equivalent))
    checker = Worker(template.elsewhere(base / "check"), template.root, coverage, limits)
    killers = {record["killed_by"] for record in records if record["status"] == "killed"}
    wrong = checker.failing(sorted(killers & set(coverage.every_test())))
    print(f"{len(killers)} tests killed; {len(wrong)} of them fail without a mutant too")
    if wrong:
        print("counted wrongly are the mutants killed by " + ", ".join(wrong), file=sys.stderr)
    return 1 if wrong else code


def stop(*_: object) -> None:
    raise SystemExit(143)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    sources = read_sources(ROOT)
    signal.signal(signal.SIGTERM, stop)
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # the workers share the cores
    os.environ.pop("NUMBA_CACHE_DIR", None)  # kernels lie beside their module, so that copies keep them
    try:
        if options.list:
            for mutant in planned(options, sources)[0]:
                show(asdict(mutant))
            return 0
        with tempfile.TemporaryDirectory(prefix="mutation-", ignore_cleanup_errors=True) as base:
            return work_in(Path(base).resolve(), options, sources)
    except UsageError as error:
        print(f"mutation.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
