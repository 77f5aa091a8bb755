"""Chapters on the embedded data, run once in a whole test run however many processes share it."""

import os
import pickle
import warnings
from importlib import import_module
from pathlib import Path

import pytest
from filelock import FileLock

from kostnadsvekst.chapters import CHAPTERS, ChapterReport, Settings, run_chapters
from kostnadsvekst.errors import DataWarning
from kostnadsvekst.report.output import write_files

# What studies of their own have put there is described with what the chapters make.
RESULTS = Path(__file__).resolve().parents[1] / "results"


def shared_run(base, name):
    """Report of a chapter, from a folder that the test processes share."""
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    report = folder / f"{name}.pickle"
    with FileLock(f"{report}.lock"):
        if not report.exists():
            done = run_alone(base, name, folder / f"results-{name}")
            report.write_bytes(pickle.dumps(done))
    return pickle.loads(report.read_bytes())


def run_alone(base, name, out):
    """Run a chapter; what it uses of others is taken from their shared runs."""
    uses = CHAPTERS[name].uses
    if not uses:
        (done,) = run_chapters([name], Settings(), out)
        return done
    finished = {other: shared_run(base, other).result for other in uses}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        result = import_module(CHAPTERS[name].module).run(Settings(out=RESULTS), finished)
    return ChapterReport(name, result, write_files(out, result.files), ())


def fixture_of(name):
    """Session fixture with the report of a chapter; one for each, so that a test names what it reads."""

    @pytest.fixture(scope="session", name=f"{name.replace('-', '_')}_run")
    def run(tmp_path_factory):
        return shared_run(tmp_path_factory.getbasetemp(), name)

    return run
