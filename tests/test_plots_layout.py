"""Every figure that is shipped can be read: no words overlap or are cut, no legend covers data."""

import xml.etree.ElementTree as ET

import pytest

from kostnadsvekst.report.pictures import Picture

WITH_FIGURES = ("growth", "kpr", "ohd", "explanation", "specification_curve")
# Bytes of a drawing: more than this and its points should be pixels.
LARGEST = 300_000


@pytest.mark.parametrize("name", WITH_FIGURES)
def test_figures_can_be_read(name, request):
    files = request.getfixturevalue(f"{name}_run").result.files
    pictures = {path: content for path, content in files.items() if path.endswith(".png")}
    assert pictures
    assert all(isinstance(picture, Picture) for picture in pictures.values())
    found = {path: picture.layout_faults for path, picture in pictures.items() if picture.layout_faults}
    assert not found


@pytest.mark.parametrize("name", WITH_FIGURES)
def test_each_figure_has_a_drawing_beside_it(name, request):
    files = request.getfixturevalue(f"{name}_run").result.files
    stems = {path.removesuffix(".png") for path in files if path.endswith(".png")}
    assert stems == {path.removesuffix(".svg") for path in files if path.endswith(".svg")}
    for stem in stems:
        drawing = files[f"{stem}.svg"]
        assert len(drawing) < LARGEST, stem
        title = ET.fromstring(drawing).find("{http://www.w3.org/2000/svg}title").text
        label = {"nb": "SYNTETISKE DATA", "en": "SYNTHETIC DATA"}[stem[-2:]]
        assert title == files[f"{stem}.png"].description
        assert label in title


@pytest.mark.parametrize("name", WITH_FIGURES)
def test_norwegian_figures_hold_no_english(name, request):
    """Titles of both languages differ, which they would not if one had been forgotten."""
    files = request.getfixturevalue(f"{name}_run").result.files
    titles = {path: picture.description for path, picture in files.items() if path.endswith("_nb.png")}
    for path, title in titles.items():
        assert (
            title.partition(";")[0] != files[path.replace("_nb.png", "_en.png")].description.partition(";")[0]
        )
