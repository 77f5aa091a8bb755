"""The committed results of every chapter are what the code makes now."""

import io
import json
import re

import matplotlib.image
import numpy as np
import pypdf

from conftest import ROOT
from kostnadsvekst.chapters import CHAPTERS
from kostnadsvekst.generations import MARKER
from kostnadsvekst.report.chapter_files import BESIDE
from kostnadsvekst.report.replication.manifest import compare, embedded_inputs

RESULTS = ROOT / "results"
# Files that a chapter does not write: studies of coverage, power and made-up reports take up to an hour.
MADE_ELSEWHERE = {
    "ohd/coverage.csv",
    "ohd/power.csv",
    "kpr/coverage.csv",
    "consistency/recall.csv",
    *(f"municipal/coverage_{name}.csv" for name in ("computed", "costs", "counts", "ranks")),
    "projection/coverage_of_bands.csv",
    "projection/range_of_alternatives.csv",
}
# Audits print three digits more than the report, and the curve five significant ones: solvers of linear
# algebra may differ in the last of them.
NEAR = {
    "claims/": {"rtol": 1e-9, "atol": 6e-6},
    "audit.": {"rtol": 1e-9, "atol": 6e-6},
    "specifications.csv": {"rtol": 1e-3, "atol": 1e-7},
    # Holds the numbers of both.
    "report.html": {"rtol": 1e-3, "atol": 6e-6},
}
# Of a drawing: names made of what they name, pixels, and places.
NAMES = re.compile(r"\b(?:p|m|h|image)[0-9a-f]{10}\b")
PIXELS = re.compile(r"base64,[^\"]*")
PLACES = re.compile(r"-?\d+(?:\.\d+)?")
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def folder_of(name):
    """Committed files of a chapter, as paths below results/."""
    folder = RESULTS / name
    files = {str(p.relative_to(RESULTS)) for p in folder.rglob("*") if p.is_file() and p.name != MARKER}
    return files | {path for path, owner in BESIDE.items() if owner == name}


def assert_same_picture(made, kept):
    ours, theirs = (matplotlib.image.imread(io.BytesIO(png)) for png in (made, kept))
    assert ours.shape == theirs.shape
    # A thin line that moves changes some hundred pixels of a million; rounding of edges a few.
    assert (np.abs(ours - theirs).max(axis=-1) > 0.02).mean() < 5e-5


def assert_same_drawing(made, kept):
    """The same strokes; places to two hundredths of a point, and what was drawn as pixels left to the PNG."""
    ours, theirs = (PIXELS.sub("", NAMES.sub("id", text)) for text in (made, kept))
    assert PLACES.sub("0", ours) == PLACES.sub("0", theirs)
    ours, theirs = (np.array([float(n) for n in PLACES.findall(text)]) for text in (ours, theirs))
    np.testing.assert_allclose(ours, theirs, atol=0.021)


def assert_same_numbers(made, kept, **near):
    assert NUMBER.sub("0", made) == NUMBER.sub("0", kept)
    ours, theirs = (np.array([float(n) for n in NUMBER.findall(text)]) for text in (made, kept))
    np.testing.assert_allclose(ours, theirs, **near)


def words_of(pdf):
    """Text of each page: the pictures in it are compared beside it."""
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def check(report):
    """Same files with the same content as the committed ones, and no number that has moved."""
    files = report.result.files
    assert set(files) == folder_of(report.name) - MADE_ELSEWHERE
    for path, made in files.items():
        kept = (RESULTS / path).read_bytes()
        near = next((limits for part, limits in NEAR.items() if part in path), None)
        if path.endswith(".png"):
            assert_same_picture(made, kept)
        elif path.endswith(".pdf"):
            assert words_of(made) == words_of(kept)
        elif path.endswith(".svg"):
            assert_same_drawing(made.decode(), kept.decode())
        elif near:
            assert_same_numbers(made, kept.decode(), **near)
        else:
            assert made.encode() == kept, f"{path}: run scripts/estimate.py and look at the difference"
    assert report.result.moved == ()


def test_appendix(appendix_run):
    check(appendix_run)


def test_background(background_run):
    check(background_run)


def test_explanation(explanation_run):
    check(explanation_run)


def test_growth(growth_run):
    check(growth_run)


def test_kpr(kpr_run):
    check(kpr_run)


def test_ohd(ohd_run):
    check(ohd_run)


def test_case_selection(case_selection_run):
    check(case_selection_run)


def test_specification_curve(specification_curve_run):
    check(specification_curve_run)


def test_claims(claims_run):
    check(claims_run)


def test_consistency(consistency_run):
    check(consistency_run)


def test_paper(paper_run):
    check(paper_run)


def test_page(page_run):
    check(page_run)


DIGESTS = {"sha256", "bytes", "hash", "identifier", "contentSize"}


def without_digests(value):
    """What does not hang on the last digits and pixels, which `check` allows to differ."""
    if isinstance(value, dict):
        return {key: without_digests(inner) for key, inner in value.items() if key not in DIGESTS}
    return [without_digests(inner) for inner in value] if isinstance(value, list) else value


def test_replication(replication_run):
    files = replication_run.result.files
    kept = {path: (RESULTS / path).read_text("utf-8") for path in folder_of("replication")}
    assert set(files) == set(kept)
    for path, made in files.items():
        if path.endswith(".json"):
            assert without_digests(json.loads(made)) == without_digests(json.loads(kept[path])), path
        else:
            assert made == kept[path], f"{path}: run scripts/estimate.py and look at the difference"


def test_the_manifest_is_that_of_the_committed_files():
    assert compare(RESULTS, embedded_inputs()) == ()


def test_every_chapter_has_its_test():
    tested = {name.removeprefix("test_").replace("_", "-") for name in globals() if name.startswith("test_")}
    assert set(CHAPTERS) <= tested
