"""The committed results of every chapter are what the code makes now."""

import io
import re

import matplotlib.image
import numpy as np
import pytest

from conftest import ROOT
from kostnadsvekst.chapters import CHAPTERS

RESULTS = ROOT / "results"
# Files that a chapter does not write: the coverage study takes an hour.
MADE_ELSEWHERE = {"ohd/coverage.csv"}
# Audits print three digits more than the report, and the curve five significant ones: solvers of linear
# algebra may differ in the last of them.
NEAR = {"audit.": {"rtol": 1e-9, "atol": 6e-6}, "specifications.csv": {"rtol": 1e-3, "atol": 1e-7}}
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def folder_of(name):
    """Committed files of a chapter, as paths below results/."""
    folder = RESULTS / name
    files = {str(p.relative_to(RESULTS)) for p in folder.rglob("*") if p.is_file()}
    return files | ({"audit.csv", "audit.html"} if name == "appendix" else set())


def assert_same_picture(made, kept):
    ours, theirs = (matplotlib.image.imread(io.BytesIO(png)) for png in (made, kept))
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).mean() < 1e-3


def assert_same_numbers(made, kept, **near):
    assert NUMBER.sub("0", made) == NUMBER.sub("0", kept)
    ours, theirs = (np.array([float(n) for n in NUMBER.findall(text)]) for text in (made, kept))
    np.testing.assert_allclose(ours, theirs, **near)


@pytest.mark.parametrize("name", CHAPTERS)
def test_committed_results_are_those_of_the_code(chapter_runs, name):
    files = chapter_runs[name].result.files
    assert set(files) == folder_of(name) - MADE_ELSEWHERE
    for path, made in files.items():
        kept = (RESULTS / path).read_bytes()
        near = next((limits for part, limits in NEAR.items() if part in path), None)
        if path.endswith(".png"):
            assert_same_picture(made, kept)
        elif near:
            assert_same_numbers(made, kept.decode(), **near)
        else:
            assert made.encode() == kept, f"{path}: run scripts/estimate.py and look at the difference"


@pytest.mark.parametrize("name", CHAPTERS)
def test_nothing_has_moved(chapter_runs, name):
    assert chapter_runs[name].result.moved == ()
