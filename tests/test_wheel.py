"""The wheel in an environment of its own, far from the checkout: the same results, byte for byte."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT

RESULTS = ROOT / "results"
# Written by programs of benchmarks/ that simulate for long; the chapters quote them.
NOT_OF_THE_CHAPTERS = {
    "kpr/coverage.csv",
    "ohd/coverage.csv",
    "ohd/power.csv",
    "consistency/recall.csv",
    *(f"municipal/coverage_{name}.csv" for name in ("computed", "counts", "ranks", "costs")),
}

pytestmark = pytest.mark.slow


def run(*command, cwd):
    """A process that knows nothing of the checkout."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=cwd, env=alone, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Folder of the programs of an environment that has the wheel and what it requires, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    code = f"from hatchling.build import build_wheel; print(build_wheel({str(folder)!r}))"
    built = run(sys.executable, "-c", code, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    made = run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    assert made.returncode == 0, made.stderr
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    # The versions of the lock, without its digests: the wheel has none there.
    lines = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8").splitlines()
    versions = [line.rstrip(" \\") for line in lines if "==" in line and not line.startswith((" ", "#"))]
    (folder / "versions.txt").write_text("\n".join(versions), encoding="utf-8")
    pip = [programs / "python", "-m", "pip", "install", "--quiet"]
    done = run(*pip, "--constraint", folder / "versions.txt", wheel, cwd=folder)
    assert done.returncode == 0, done.stderr
    return programs


def test_it_is_the_wheel_that_is_asked(installed, tmp_path):
    found = run(
        installed / "python", "-c", "import kostnadsvekst; print(kostnadsvekst.__file__)", cwd=tmp_path
    )
    assert Path(found.stdout.strip()).is_relative_to(installed.parent)
    told = run(installed / "kostnadsvekst", "--version", cwd=tmp_path)
    assert (told.returncode, told.stdout.startswith("kostnadsvekst ")) == (0, True)


def test_every_table_and_figure_is_that_of_the_repository(installed, tmp_path):
    done = run(installed / "kostnadsvekst", "estimate", "--out", "mine", "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    made, committed = files_of(tmp_path / "mine"), files_of(RESULTS)
    assert set(committed) - set(made) == NOT_OF_THE_CHAPTERS
    assert set(made) <= set(committed)
    assert [name for name, content in made.items() if content != committed[name]] == []


def files_of(folder):
    found = [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_it_reads_its_parameters_and_makes_its_panel(installed, tmp_path):
    asked = run(installed / "kostnadsvekst", "fetch", "--dry-run", cwd=tmp_path)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert "/tables/" in asked.stdout
    done = run(installed / "kostnadsvekst", "calibrate", "--out", "panel.csv", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["panel.csv", "panel.manifest.json"]
