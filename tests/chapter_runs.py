"""Chapters on the embedded data, run once in a whole test run however many processes share it."""

import os
import pickle

from filelock import FileLock

from kostnadsvekst.chapters import Settings, run_chapters


class ChapterRuns:
    """Reports of chapters by name, from a folder that the test processes share."""

    def __init__(self, base):
        self.folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def __getitem__(self, name):
        report, out = self.folder / f"{name}.pickle", self.folder / f"results-{name}"
        with FileLock(f"{report}.lock"):
            if not report.exists():
                (done,) = run_chapters([name], Settings(), out)
                report.write_bytes(pickle.dumps(done))
        return pickle.loads(report.read_bytes())
