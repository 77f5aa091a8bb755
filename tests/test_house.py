"""The house: rooms in order, no circles, one place for invented data, small bodies, nothing private taken.

That every public name has a static type is in `test_typed_face.py`.
"""

import ast
import graphlib
import subprocess
import sys
import zipfile
from functools import cache

import pytest

from conftest import ROOT

PACKAGE = ROOT / "src" / "kostnadsvekst"

# Each room may import from itself and from the rooms before it.
ROOMS = (
    {"callers", "errors", "progress", "threads", "version"},
    {"generations", "naming", "terminal"},
    {"language", "provenance", "toml_files"},
    {"sources"},
    {"register"},
    {"synthetic"},
    {"panel"},
    {"models", "municipal"},
    {"analysis"},
    {"report"},
    {"chapters"},
    {"commands"},
    {"__main__"},
)
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}
# The exceptions: a façade names a room above by string, and imports it for type checkers only.
UPWARD = {
    ("register/__init__.py", "synthetic"),
    ("models/notebook_face.py", "report"),
    ("models/result_methods.py", "report"),
}

# Chapters see protected tables only: `kostnadsvekst.register.protected_tables.protect_register`.
RAW_COUNTS = {
    "weekly_cube",
    "largest_municipality_cube",
    "yearly_users",
    "decompose_growth",
    "growth_below_age",
}
RAW_MODULES = {"weekly", "decomposition", "painter", "ibis_engine", "episodes"}

# Random numbers outside `synthetic` resample what was observed; they make nothing up.
RESAMPLING = {
    "models/wild_bootstrap.py": "signs of the clusters' scores",
    "models/multiple_testing.py": "correlated normals for the critical value of a band",
    "models/staggered/static.py": "adoption dates dealt out anew among the units",
}

RANDOM = {
    "random",
    "secrets",
    "default_rng",
    "RandomState",
    "rvs()",
    "sample()",
    "shuffle()",
    "permutation()",
}

MOST_LINES = 60
MOST_LINES_OF_NINE_IN_TEN = 22
# Public although they begin with an underscore.
NAMEDTUPLE_METHODS = {"_asdict", "_fields", "_make", "_replace"}


def modules():
    return sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


def short(path):
    return path.relative_to(PACKAGE).as_posix()


each_module = pytest.mark.parametrize("path", modules(), ids=short)


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def dotted(path):
    return ".".join(("kostnadsvekst", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    )


KNOWN = {dotted(path) for path in PACKAGE.rglob("*.py")}


@cache
def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def walk(node, *, typing=False):
    """Each node below, and whether only a type checker reads it."""
    for child in ast.iter_child_nodes(node):
        yield child, typing
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            for branch, read in ((child.body, True), (child.orelse, typing)):
                yield from ((n, read) for n in branch)
                for statement in branch:
                    yield from walk(statement, typing=read)
        else:
            yield from walk(child, typing=typing)


def imports_of(path):
    """(module of this package, line, for type checkers only, by string), also from inside functions."""
    for node, typing in walk(parse(path)):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{short(path)} line {node.lineno}: write the whole name of the module"
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in KNOWN else node.module for name in whole]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Constant) and node.value in KNOWN - {"kostnadsvekst"}:
            yield node.value, node.lineno, typing, True
            continue
        else:
            continue
        yield from ((name, node.lineno, typing, False) for name in names if name in KNOWN)


@each_module
def test_imports_go_one_way(path):
    here = room_of(path)
    assert here in LEVEL, f"a new room {here}: say in ROOMS where it stands"
    for module, line, typing, by_string in imports_of(path):
        there = (*module.split("."), "")[1]
        if not there or there == here:
            assert there, f"{short(path)} line {line}: import from the module, not from the front door"
            continue
        facade = (short(path), there) in UPWARD and (typing or by_string)
        assert LEVEL[there] < LEVEL[here] or facade, (
            f"{short(path)} line {line}: {here} may not import {there}"
        )


def test_the_front_door_imports_nothing_but_the_version():
    assert runtime_imports(PACKAGE / "__init__.py") == {"kostnadsvekst.version"}


def runtime_imports(path):
    return {module for module, _, typing, by_string in imports_of(path) if not (typing or by_string)}


def import_graph():
    """Module -> modules that it imports when it or one of its functions runs, and their packages."""
    graph = {}
    for file in modules():
        name = dotted(file)
        found = runtime_imports(file)
        # Importing a.b.c runs a and a.b, too; a module's own packages are there before it.
        paths = [module.split(".") for module in found]
        packages = {".".join(path[:k]) for path in paths for k in range(2, len(path))}
        graph[name] = (found | {p for p in packages if not name.startswith(f"{p}.")}) - {
            name,
            "kostnadsvekst",
        }
    return graph


def assert_no_circle(graph):
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_no_circle_between_modules():
    assert_no_circle(import_graph())


def test_no_circle_between_rooms_inside_rooms():
    """`models.staggered`, `synthetic.panel` and the like count as one against the modules beside them."""
    inside = {dotted(path) for path in PACKAGE.glob("*/*/__init__.py")}
    assert "kostnadsvekst.models.staggered" in inside

    def whole(name):
        return next((room for room in inside if name == room or name.startswith(f"{room}.")), name)

    graph = {}
    for name, found in import_graph().items():
        graph.setdefault(whole(name), set()).update(whole(module) for module in found)
    assert_no_circle({name: found - {name} for name, found in graph.items()})


def raw_counts_in(path):
    for node, _ in walk(parse(path)):
        if isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            last = (node.module or "").split(".")
            if last[:2] == ["kostnadsvekst", "register"]:
                names |= set(last[2:])
                yield from ((node.lineno, name) for name in names & (RAW_COUNTS | RAW_MODULES))
        elif isinstance(node, ast.Import):
            for alias in node.names:
                parts = alias.name.split(".")
                if parts[:2] == ["kostnadsvekst", "register"] and set(parts[2:]) & RAW_MODULES:
                    yield node.lineno, alias.name
        elif isinstance(node, ast.Attribute) and node.attr in RAW_COUNTS:
            yield node.lineno, node.attr


@pytest.mark.parametrize("path", [p for p in modules() if room_of(p) == "chapters"], ids=short)
def test_chapters_see_no_raw_counts(path):
    found = [f"line {line}: {name}" for line, name in raw_counts_in(path)]
    assert not found, f"{short(path)} reads counts that are not protected: {', '.join(found)}"


def random_numbers_in(path):
    for node, _ in walk(parse(path)):
        if isinstance(node, ast.Import):
            parts = {part for alias in node.names for part in alias.name.split(".")}
        elif isinstance(node, ast.ImportFrom):
            parts = {*(node.module or "").split("."), *(alias.name for alias in node.names)}
        elif isinstance(node, ast.Attribute):
            parts = {node.attr}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            parts = {f"{node.func.attr}()"}
        else:
            continue
        if parts & RANDOM:
            yield node.lineno


def test_nothing_outside_synthetic_makes_data_up():
    used = {short(path) for path in modules() if room_of(path) != "synthetic" and [*random_numbers_in(path)]}
    assert used == set(RESAMPLING)


def bodies():
    """(lines of the body without its docstring, where) of every function."""
    for path in [PACKAGE / "__init__.py", *modules()]:
        for node, _ in walk(parse(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[ast.get_docstring(node) is not None :]
                lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                yield lines, f"{short(path)} {node.name}"


def test_no_body_is_long():
    long = sorted({(lines, where) for lines, where in bodies() if lines > MOST_LINES})
    assert not long, f"longer than {MOST_LINES} lines: {long}"


def test_nine_bodies_in_ten_are_short():
    lengths = [lines for lines, _ in bodies()]
    longer = sum(lines > MOST_LINES_OF_NINE_IN_TEN for lines in lengths)
    assert longer <= len(lengths) / 10, (
        f"{longer} of {len(lengths)} bodies have over {MOST_LINES_OF_NINE_IN_TEN} lines"
    )


def is_private(name):
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def defined_in(tree):
    """Names with an underscore that a module gives its own functions, classes, methods and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr if ast.unparse(node.value) in ("self", "cls") else ""


def private_names_taken(tree):
    """Private names, modules, attributes and keywords that are not the module's own."""
    own = {*defined_in(tree), *NAMEDTUPLE_METHODS}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            taken = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            taken = [name for name in taken if is_private(name)]
        elif isinstance(node, ast.Import):
            taken = [alias.name for alias in node.names if any(map(is_private, alias.name.split(".")))]
        elif isinstance(node, ast.Attribute):
            mine = ast.unparse(node.value) in ("self", "cls") or node.attr in own
            taken = [] if mine or not is_private(node.attr) else [ast.unparse(node)]
        elif isinstance(node, ast.keyword):
            taken = [node.arg] if is_private(node.arg or "") and node.arg not in own else []
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr", "hasattr"):
            name = getattr(node.args[1], "value", "")
            taken = [name] if isinstance(name, str) and is_private(name) and name not in own else []
        else:
            continue
        yield from (f"line {getattr(node, 'lineno', '?')}: {name}" for name in taken)


@each_module
def test_private_names_stay_private(path):
    """Of this package as of others: what begins with an underscore may change tomorrow."""
    assert not [*private_names_taken(parse(path))]


def test_modules_are_called_what_they_hold():
    vague = {"utils", "util", "helpers", "misc", "common", "tools"}
    assert not [short(path) for path in modules() if path.stem in vague]


def test_values_that_are_handed_on_are_frozen():
    """Working state may change, and begins with an underscore."""
    found = [
        f"{short(path)} {node.name}"
        for path in modules()
        for node, _ in walk(parse(path))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        for decorator in map(ast.unparse, node.decorator_list)
        if decorator.startswith("dataclass") and "frozen=True" not in decorator
    ]
    assert not found


def test_public_names_exist():
    import kostnadsvekst as kv

    for name in kv.__all__:
        assert getattr(kv, name) is not None


def test_importing_the_package_is_light():
    code = (
        "import sys, kostnadsvekst.register, kostnadsvekst as kv; kv.errors, kv.register; "
        "assert not {'numpy', 'pandas', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_wheel_works_outside_the_repository(tmp_path):
    """Build the wheel, unpack it elsewhere and load the embedded panel from it."""
    code = f"from hatchling.build import build_wheel; print(build_wheel({str(tmp_path)!r}))"
    built = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    use = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r})\n"
        "import warnings; warnings.simplefilter('ignore')\n"
        "import kostnadsvekst as kv\n"
        f"assert kv.__file__.startswith({str(tmp_path)!r}), kv.__file__\n"
        "assert len(kv.load_panel()) == 1825 and len(kv.load_cells()) == 244"
    )
    used = subprocess.run(
        [sys.executable, "-c", use], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert used.returncode == 0, used.stderr
