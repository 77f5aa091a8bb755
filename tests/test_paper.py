"""The paper: no number of a result is typed, every name is used and there, and the PDF is for all readers."""

import io
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pypdf
import pytest

from conftest import ROOT
from kostnadsvekst.chapters import Settings
from kostnadsvekst.chapters.paper import read_names, run
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.report.named_numbers import NamedNumber, look_up
from kostnadsvekst.report.paper import compile_paper, read_markdown_table
from kostnadsvekst.sources.embedded import paper_folder
from kostnadsvekst.sources.published import load_cells

SOURCES = sorted((ROOT / "paper" / "sections").glob("*.typ"))
# Digits that are no results: years, the report's tables and sections, names of services and of methods.
ALLOWED = re.compile(
    r"\b(?:19|20)\d\d\b|\bA[1-4]\b|\b80 (?:år|years)|AR\(1\)"
    r"|\b(?:[Mm]odell?|[Kk]apittel|[Cc]hapter|uke|week) \d+"
)
CODE = re.compile(
    r"`[^`]*`|#n\([^)]*\)|\$[^$]*\$|@\w+|<\w+>|//.*|#import.*|#(?:set|show).*|#said\([^)]*\)|\d+(?:\.\d+)?(?:pt|mm|em)\b"
)


def prose(path):
    return ALLOWED.sub("", CODE.sub("", path.read_text("utf-8")))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_no_digit_of_a_result_is_typed(path):
    assert re.findall(r".{0,30}\d.{0,10}", prose(path)) == []


@pytest.mark.parametrize("typed", ["grew by 17.5 per cent", "all 286 items", "vokste 18 prosent", "−4%"])
def test_a_typed_digit_would_be_seen(typed, tmp_path):
    path = tmp_path / "section.typ"
    path.write_text(f"#t[{typed}][]", "utf-8")
    assert re.search(r"\d", prose(path))


def test_every_number_has_its_name_and_every_name_its_place():
    text = "".join(path.read_text("utf-8") for path in SOURCES)
    used = {*re.findall(r'\b(?:n|example)\("(\w+)"', text)}
    assert used == {*read_names()}


FILES = {"a.csv": "unit,value,p_value\nx,1234.56,0.01\ny,2,0.5\n", "b.md": "N = 1825. And N = 1825.\n"}


def test_numbers_by_hand():
    names = {
        "value": NamedNumber("a.csv", {"unit": "x"}, column="value", decimals=1, less=1000),
        "count": NamedNumber("a.csv", below={"p_value": 0.05}, count=True),
        "cut": NamedNumber("b.md", pattern=r"N = (\d+)\."),
        "words": NamedNumber("a.csv", {"unit": "y"}, text={"nb": "unit", "en": "value"}),
    }
    assert look_up(names, FILES) == {
        "value": {"nb": "234,6", "en": "234.6"},
        "count": {"nb": "1", "en": "1"},
        "cut": {"nb": "1\u202f825", "en": "1,825"},
        "words": {"nb": "y", "en": "2"},
    }


def test_what_is_not_there_is_named_all_at_once():
    place = NamedNumber("a.csv", {"unit": "x"}, column="value")
    names = {
        "file": replace(place, file="c.csv"),
        "column": replace(place, column="price"),
        "row": replace(place, where={"unit": "z"}),
        "rows": replace(place, where={}),
        "number": replace(place, column="unit"),
        "pattern": NamedNumber("b.md", pattern=r"M = (\d+)"),
    }
    with pytest.raises(SpecificationError) as told:
        look_up(names, FILES)
    assert [line.split(":")[0] for line in str(told.value).splitlines()[1:]] == [*names]


def test_a_markdown_table_is_read_back():
    table = read_markdown_table(
        "**Title**\n\n| A | B |\n| --- | ---: |\n| &emsp;a\\_b\\* | −1 |\n| c \\| d |  |\n\nNote: x.\n"
    )
    assert table.header == ("A", "B")
    assert table.rows == (("\u2003a_b*", "−1"), ("c | d", ""))
    assert table.notes == ("Note: x.",)
    with pytest.raises(SpecificationError, match="no Markdown table"):
        read_markdown_table("text")


def test_a_missing_number_is_refused():
    with pytest.raises(SpecificationError, match="no number is called"):
        compile_paper({"numbers": {}, "tables": {}, "sentences": {}, "originals": {}}, {}, "nb")


SENTENCES = {
    "nb": ("Syntetiske data, ikke Norge: ", "fire ganger av fem", "størst steg", "motsigelse"),
    "en": ("Synthetic data, not Norway: ", "four times in five", "largest step", "contradiction"),
}


@pytest.mark.parametrize("lang", ["nb", "en"])
def test_the_pdf_is_tagged_whole_and_the_same_each_time(paper_run, lang):
    pdf = paper_run.result.files[f"paper/paper_{lang}.pdf"]
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"].startswith(lang)
    assert root["/StructTreeRoot"]["/K"]
    metadata = root["/Metadata"].get_object().get_data().decode()
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
    assert "<pdfaid:part>2</pdfaid:part>" in metadata
    fonts = {
        id(f.get_object()): f.get_object()
        for page in reader.pages
        for f in page["/Resources"]["/Font"].values()
    }
    assert fonts
    for font in fonts.values():
        (inner,) = font.get("/DescendantFonts", (font,))
        descriptor = inner.get_object()["/FontDescriptor"].get_object()
        assert any(f"/FontFile{kind}" in descriptor for kind in ("", "2", "3")), font
    text = "".join(page.extract_text() for page in reader.pages)
    assert {"nb": "ingen evidens om Norge", "en": "no evidence about Norway"}[lang] in text
    told = " ".join(text.replace("\xad", "").split())
    # Sentences of chapters come by their place: these are the ones that the paper means.
    assert all(part in told for part in SENTENCES[lang])


def figures(node):
    """Alternative texts of every figure in the tree of tags."""
    node = node.get_object()
    if isinstance(node, list):
        return [found for child in node for found in figures(child)]
    if not isinstance(node, dict):
        return []
    own = [node.get("/Alt")] if node.get("/S") in ("/Figure", "/Formula") else []
    return own + (figures(node["/K"]) if "/K" in node else [])


def test_every_picture_and_formula_has_words(paper_run):
    reader = pypdf.PdfReader(io.BytesIO(paper_run.result.files["paper/paper_en.pdf"]))
    texts = figures(reader.trailer["/Root"]["/StructTreeRoot"]["/K"])
    assert len(texts) >= 4
    assert all(text and len(text) > 40 for text in texts)


@pytest.mark.parametrize(("lang", "printed"), [("nb", "2\u202f699,377***"), ("en", "2,699.377***")])
def test_each_printed_number_leads_to_its_grounds_on_the_page(paper_run, lang, printed):
    reader = pypdf.PdfReader(io.BytesIO(paper_run.result.files[f"paper/paper_{lang}.pdf"]))
    notes = [note.get_object() for page in reader.pages for note in page.get("/Annots", ())]
    links = [note["/A"]["/URI"] for note in notes if "/A" in note]
    cells = load_cells("A3")
    cells = cells[~cells["column"].str.endswith("stars")]
    assert links == [
        f"../report.html#{quote('/'.join(('A3', row, column)), safe='')}"
        for row, column in zip(cells["row"], cells["column"], strict=True)
    ]
    assert printed in "".join(page.extract_text() for page in reader.pages)


@pytest.mark.parametrize("own", [{"data": "panel.dta"}, {"register": "register.parquet"}])
def test_data_of_ones_own_make_no_paper(own):
    """Its sentences are about the report and the synthetic data."""
    made = run(Settings(**{name: Path(path) for name, path in own.items()}))
    assert dict(made.files) == {}
    assert "not made from data of your own" in made.summary[0].en


def test_references_are_all_cited():
    text = "".join(path.read_text("utf-8") for path in SOURCES)
    entries = re.findall(r"^@\w+\{(\w+),", (paper_folder() / "references.bib").read_text("utf-8"), re.M)
    assert {*entries} == {*re.findall(r"@(\w+)", text)} - {*re.findall(r"<(\w+)>", text)}
