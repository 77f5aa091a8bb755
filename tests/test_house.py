"""The house: imports go one way, and a wheel holds all that the package needs."""

import ast
import subprocess
import sys
import zipfile

import pytest

from conftest import ROOT

PACKAGE = ROOT / "src" / "kostnadsvekst"

# Each room may import from itself and from the rooms before it.
ROOMS = (
    {"errors", "version"},
    {"naming"},
    {"language", "provenance"},
    {"sources"},
    {"register"},
    {"synthetic"},
    {"panel"},
    {"models", "municipal"},
    {"analysis"},
    {"report"},
    {"chapters"},
)
# The one exception: a façade names a room above by string, and imports it for type checkers only.
UPWARD = {("register/__init__.py", "synthetic")}
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}


def imports_of(path):
    """Rooms of this package that a module imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != "kostnadsvekst" else [a.name for a in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.removeprefix("kostnadsvekst.").split(".")
            if name.startswith("kostnadsvekst.") or (
                isinstance(node, ast.ImportFrom) and node.module == "kostnadsvekst"
            ):
                yield parts[0], node


def modules():
    return sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    here = room_of(path)
    assert here in LEVEL, f"a new room {here}: say in ROOMS where it stands"
    for room, node in imports_of(path):
        allowed = (
            room == here or LEVEL[room] < LEVEL[here] or (str(path.relative_to(PACKAGE)), room) in UPWARD
        )
        assert allowed, f"{path.name} line {node.lineno}: {here} may not import {room}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_private_names_stay_private(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kostnadsvekst"):
            private = [a.name for a in node.names if a.name.startswith("_") and not a.name.startswith("__")]
            assert not private, f"{path.name} line {node.lineno} imports {private}"


def test_public_names_exist():
    import kostnadsvekst as kv

    for name in kv.__all__:
        assert getattr(kv, name) is not None


def test_importing_the_package_is_light():
    code = "import sys, kostnadsvekst; assert not {'numpy', 'pandas', 'scipy'} & set(sys.modules)"
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
