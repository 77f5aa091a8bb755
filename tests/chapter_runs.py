"""Chapters on the embedded data, run once in a whole test run however many processes share it."""

import os
import pickle

import pytest
from filelock import FileLock

from kostnadsvekst.chapters import Settings, run_chapters


def shared_run(base, name):
    """Report of a chapter, from a folder that the test processes share."""
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    report = folder / f"{name}.pickle"
    with FileLock(f"{report}.lock"):
        if not report.exists():
            (done,) = run_chapters([name], Settings(), folder / f"results-{name}")
            report.write_bytes(pickle.dumps(done))
    return pickle.loads(report.read_bytes())


def fixture_of(name):
    """Session fixture with the report of a chapter; one for each, so that a test names what it reads."""

    @pytest.fixture(scope="session", name=f"{name.replace('-', '_')}_run")
    def run(tmp_path_factory):
        return shared_run(tmp_path_factory.getbasetemp(), name)

    return run
