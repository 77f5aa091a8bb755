"""Tables on paper: the rule that makes them fit, LaTeX by its compiler, Typst and Word by their files."""

import io
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace
from itertools import pairwise

import pytest
from docx import Document
from docx.oxml.ns import qn
from docx.shared import Cm
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ROOT
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report import latex_tables, typst_tables, word_tables
from kostnadsvekst.report.page_fit import COMFORTABLE, Paper, Texts, fit_table
from kostnadsvekst.report.tables import Heading, Number, Row, Table, texts_of
from kostnadsvekst.report.text_widths import pieces, text_width, unbroken, wrap

needs_latex = pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex")
PAPERS = (latex_tables.PAPER, typst_tables.PAPER, word_tables.PAPER)
SENTENCE = "Helsestasjonstjeneste, også for ungdom, med foreldreveiledning og svangerskapskontroll"


def table(columns=3, rows=4, *, prose=False, value=1234.5, name="t", headings=None):
    label = Bilingual("Alder 80 år og over", "Age 80 and over")
    cells = tuple(Number(value * (j + 1), 3, "**") for j in range(columns - prose))
    cells += (Bilingual(SENTENCE, SENTENCE),) if prose else ()
    lines = [Row(label, cells, indent=i % 2, rule_above=i == rows - 1) for i in range(rows)]
    heads = headings or (tuple(Heading(f"Modell {j}") for j in range(columns)),)
    title = Bilingual("En tabell med en tittel av vanlig lengde", "A table with a title of common length")
    note = Bilingual("Standardfeil i parentes. * p < 0,05.", "Standard errors in parentheses.")
    rows_ = (Row(both("Gruppe som har et langt navn og står over de andre linjene")), *lines)
    return Table(name, title, both("Variabel"), heads, rows_, (note,), Provenance("synthetic"))


# Widths ----------


@pytest.mark.parametrize(
    ("text", "size", "width"),
    [
        # Knuth's cmr10 at ten points: digits 5.0, comma 2.78, m 8.33, i 2.78, minus (cmsy10) 7.78.
        ("123", 10, 15.0),
        ("1,5", 10, 12.78),
        ("mi", 10, 11.11),
        ("−1", 10, 12.78),
        # cmr8's digits are 0.53126 of the size.
        ("00", 8, 8.5),
        ("å", 10, 5.0),
        ("", 10, 0.0),
    ],
)
def test_widths_of_texts_by_hand(text, size, width):
    assert text_width(text, size) == pytest.approx(width, abs=0.01)


@needs_latex
@pytest.mark.slow
def test_widths_are_not_less_than_those_that_tex_measures(tmp_path):
    """What numbers and words of tables are made of, at all sizes; accents and unknown signs may be wider."""
    texts = ["1234567890", "(0.123)", "[-1.5; 2.5]", "Alder 80+", "Utgifter per innbygger", "***", "WMQkfj"]
    lines = [
        rf"\fontsize{{{s}}}{{{s}}}\selectfont\setbox0\hbox{{{t}}}\typeout{{W {t} {s} \the\wd0}}"
        for t in texts
        for s in (7, 8, 9)
    ]
    log = run_latex(
        "\\documentclass{article}\\begin{document}\n" + "\n".join(lines) + "\\end{document}", tmp_path
    )
    found = re.findall(r"^W (.*) (\d) ([\d.]+)pt", log, re.M)
    assert len(found) == len(lines)
    for text, size, width in found:
        # Kerning and ligatures make words narrower than the sum of their letters.
        assert 0.99 * float(width) <= text_width(text, float(size)) <= 1.12 * float(width), text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1\u202f234,5***", ["1\u202f234,5***"]),
        ("[1,5; 2,5]", ["[1,5; 2,5]"]),
        ("a b", ["a b"]),
        ("Alder 80 og over", ["Alder", "80", "og", "over"]),
        ("Benjamini–Hochberg", ["Benjamini–", "Hochberg"]),
        ("re-/habilitering", ["re-/", "habilitering"]),
        ("synthetic_panel", ["synthetic_", "panel"]),
        ("x" * 50, ["x" * 24, "x" * 24, "xx"]),
    ],
)
def test_where_a_text_may_be_broken(text, expected):
    assert [piece for piece, _ in pieces(text)] == expected
    glued = "".join(piece + glue for piece, glue in pieces(text))
    assert glued == text


def test_blanks_of_numbers_hold_and_those_of_words_do_not():
    assert unbroken("[1; 2]") == "[1;\xa02]"
    assert unbroken("100 %") == "100\xa0%"
    assert unbroken("two words") == "two words"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text("abcdefg-", min_size=1, max_size=9), min_size=1, max_size=12), st.floats(20, 200))
def test_wrapped_lines_hold_all_and_are_no_wider(words, width):
    text = " ".join(words)
    lines = wrap(text, width, 9.0)
    assert re.sub(r"\s", "", "".join(lines)) == re.sub(r"\s", "", text)
    widest = max(text_width(piece, 9.0) for piece, _ in pieces(text))
    assert all(text_width(line, 9.0) <= max(width, widest) + 1e-6 for line in lines)


# The rule ----------


def texts(columns, *, rows=3, cell="1,234.567***", label="Age", heads=None):
    return Texts(
        name="t",
        lang="en",
        title="Title",
        stub="Variable",
        headings=(tuple((head, 1) for head in (heads or [f"({j})" for j in range(columns)])),),
        rows=tuple((label, *[cell] * columns) for _ in range(rows)),
        indents=(0,) * rows,
        rules=(False,) * rows,
        left=(False,) * columns,
    )


PAPER = Paper(width=340.0, height=530.0)


def test_the_steps_of_the_rule_in_order():
    narrow, wide, wider, widest = (fit_table(texts(n), PAPER) for n in (3, 5, 7, 20))
    assert [(f.size, f.across) for f in narrow] == [(9.0, False)]
    assert [(f.size, f.across) for f in wide] == [(9.0, False)]
    assert [(f.size, f.across) for f in wider] == [(9.0, True)]
    assert len(widest) > 1
    assert [f.start for f in widest] == [0, *(f.stop for f in widest[:-1])]
    assert widest[-1].stop == 20
    assert not narrow[0].over_pages
    assert fit_table(texts(3, rows=60), PAPER)[0].over_pages


def test_a_turned_page_is_as_high_as_it_was_wide():
    """Lines of 9 points and a quarter, two for the heading, 40 points of rules, 12.5 of the title.

    On 340 points: (rows + 2) 11.25 + 52.5 <= 340 for 23 rows, not for 24; upright on 530 points 40 and 41.
    """
    for columns, last in ((7, 23), (3, 40)):
        for rows in (last, last + 1):
            (fit,) = fit_table(texts(columns, rows=rows), PAPER)
            assert (fit.size, fit.across) == (9.0, columns == 7)
            assert fit.over_pages == (rows > last)


def test_notes_run_along_the_turned_page():
    """A note of one line across and of two upright is one line of a turned page: 23 rows less one."""
    note = "word " * 20
    assert [len(wrap(note, width, 10.0)) for width in (PAPER.height, PAPER.width)] == [1, 2]
    for rows in (22, 23):
        (fit,) = fit_table(replace(texts(7, rows=rows), notes=(note,)), PAPER)
        assert fit.across
        # 12.5 points of the note beside (rows + 2) 11.25 + 52.5: 335 and 346.25 of 340.
        assert fit.over_pages == (rows > 22)


def test_a_long_word_over_two_columns_widens_them():
    word = "Befolkningsframskriving"
    heads = (((word, 2), ("x", 1)), (("a", 1), ("b", 1), ("c", 1)))
    (fit,) = fit_table(replace(texts(3, cell="1"), headings=heads), PAPER)
    assert fit.widths[1] + fit.widths[2] >= text_width(word, fit.size) - 1e-6
    assert fit.widths[3] < text_width(word, fit.size) / 2


def test_a_smaller_letter_before_a_turned_page():
    cells = ["1" * length for length in range(6, 17)]
    sizes = [(fit.size, fit.across) for cell in cells for fit in fit_table(texts(5, cell=cell), PAPER)]
    assert sizes == sorted(sizes, key=lambda pair: (pair[1], -pair[0]))
    assert (8.0, False) in sizes


def test_headings_break_before_anything_else():
    heads = ["Share of weights in per cent"] * 6
    (fit,) = fit_table(texts(6, cell="1.0", heads=heads), PAPER)
    assert not fit.across
    assert fit.widths[1] < text_width(heads[0], fit.size)
    assert fit.widths[1] >= text_width("weights", fit.size)


def test_parts_are_cut_between_groups():
    heads = ((("A", 5), ("B", 5), ("C", 5), ("D", 5)), tuple(("b", 1) for _ in range(20)))
    whole = texts(20)
    whole = Texts(**{**{n: getattr(whole, n) for n in Texts.__slots__}, "headings": heads})
    for fit in fit_table(whole, PAPER):
        assert fit.start % 5 == fit.stop % 5 == 0


def test_text_shares_the_line_and_numbers_are_whole():
    prose = texts_of(table(3, prose=True), "nb")
    (fit,) = fit_table(prose, PAPER)
    assert fit.wrapped == (True, False, False, True) or fit.wrapped == (False, False, False, True)
    assert fit.widths[-1] >= COMFORTABLE
    assert fit.widths[1] >= text_width(prose.rows[1][1], fit.size)


TEXT = st.text("abc de,1", max_size=40).map(lambda t: " ".join(t.split()) or "x")


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 9),
    st.lists(st.tuples(TEXT, TEXT, st.integers(0, 10**9)), min_size=1, max_size=6),
    st.sampled_from(PAPERS),
)
def test_every_part_of_any_table_is_inside_the_page(columns, lines, paper):
    """Total width, no number narrower than it is, all columns shown once."""
    rows = tuple(
        (label, *[f"{number:,}" if j % 2 else text for j in range(columns)]) for label, text, number in lines
    )
    n = len(rows)
    heads = (tuple((f"Heading {j}", 1) for j in range(columns)),)
    no = (False,) * columns
    whole = Texts("t", "en", "T", "Stub", heads, rows, (0,) * n, (False,) * n, no)
    fits = fit_table(whole, paper)
    assert [k for fit in fits for k in range(fit.start, fit.stop)] == list(range(columns))
    for fit in fits:
        assert fit.total(paper.gap) <= (paper.height if fit.across else paper.width) + 1e-6
        for row in whole.part(fit.start, fit.stop).rows:
            for text, width in zip(row, fit.widths, strict=True):
                widest = max(text_width(piece, fit.size * paper.stretch) for piece, _ in pieces(text))
                assert widest <= width + 1e-6


# LaTeX ----------


def run_latex(text, folder, name="a", runs=1):
    (folder / f"{name}.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", f"{name}.tex"]
    for _ in range(runs):
        run = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
        assert run.returncode == 0, run.stdout.decode(errors="replace")[-2000:]
    return (folder / f"{name}.log").read_text("latin-1")


def faults(log):
    """What a compiler complains of that a reader would see: errors, what sticks out, what is too high."""
    over = [float(points) for points in re.findall(r"Overfull \\[hv]box \(([\d.]+)pt", log)]
    told = re.findall(r"^! .*|Float too large.*|Missing character.*", log, re.M)
    return [*told, *(points for points in over if points > 1)]


EXAMPLES = {
    "upright": table(3),
    "across": table(7),
    "parts": table(16),
    "long": table(3, 65),
    "sentences": table(2, 40, prose=True),
    "groups": table(4, headings=(
        (Heading("Gruppe en med langt navn", 2), Heading("To", 2)),
        tuple(Heading("Andel av vekten, prosent") for _ in range(4)),
    )),
}  # fmt: skip


@needs_latex
def test_examples_compile_as_they_stand_and_inside_a_document(tmp_path):
    whole = "\n\\clearpage\n".join(made.to("tex", "nb") for made in EXAMPLES.values())
    packages = "\\usepackage{booktabs,longtable,pdflscape}"
    log = run_latex(
        f"\\documentclass{{article}}{packages}\\begin{{document}}{whole}\\end{{document}}", tmp_path
    )
    assert faults(log) == []
    assert faults(run_latex(EXAMPLES["long"].to("tex", "en"), tmp_path)) == []


@needs_latex
def test_a_table_that_is_upright_and_short_needs_booktabs_alone(tmp_path):
    text = EXAMPLES["upright"].to("tex", "en")
    document = f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}{text}\\end{{document}}"
    assert faults(run_latex(document, tmp_path)) == []


@needs_latex
@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "results").rglob("*.tex")), ids=lambda path: path.stem)
def test_every_table_of_the_results_compiles_as_it_stands_and_fits_the_page(path, tmp_path):
    log = run_latex(path.read_text("utf-8"), tmp_path, runs=2)
    assert faults(log) == []


def test_parts_of_a_file_by_their_size():
    made = {name: example.to("tex", "nb") for name, example in EXAMPLES.items()}
    assert all(
        text.startswith(latex_tables.HEAD) and text.endswith(latex_tables.FOOT) for text in made.values()
    )
    assert {name for name, text in made.items() if r"\begin{longtable}" in text} >= {"long", "sentences"}
    assert r"\begin{landscape}" in made["across"]
    assert made["parts"].count(r"\caption") == made["parts"].count(r"\toprule") > 1
    assert "(del 1 av" in made["parts"]
    assert "(part 1 of" in EXAMPLES["parts"].to("tex", "en")
    assert r"\def\tablename{Tabell}" in made["upright"]
    assert "fortsatt" in made["long"]
    assert made["long"].count("Modell 0") == 2, "headings stand again on each page"
    assert made["upright"].count(r"\midrule") == 2, "below the headings, and above the last row"


# Typst ----------


def words_of(pdf):
    """(page, text, x, y, size) of each piece of text of a PDF file; y from the bottom."""
    import pypdf

    found = []
    for number, page in enumerate(pypdf.PdfReader(io.BytesIO(pdf)).pages):

        def seen(text, cm, tm, font, size, number=number):
            if text.strip():
                x = cm[0] * tm[4] + cm[2] * tm[5] + cm[4]
                y = cm[1] * tm[4] + cm[3] * tm[5] + cm[5]
                found.append((number, text.strip(), x, y, size))

        page.extract_text(visitor_text=seen)
    return found


@pytest.mark.parametrize("name", ["long", "sentences"])
def test_typst_breaks_over_pages_and_repeats_the_headings(name):
    import typst

    made = EXAMPLES[name]
    pdf = typst.compile(made.to("typ", "nb").encode(), format="pdf")
    words = words_of(pdf)
    pages = {page for page, *_ in words}
    assert len(pages) > 1
    for page in pages:
        assert any("Variabel" in text for number, text, *_ in words if number == page), page
        # A4 with margins of 2.5 cm: nothing stands below the lower one.
        assert min(y for number, _, _, y, _ in words if number == page) > 50
    assert "Tabell\xa01" in " ".join(text for _, text, *_ in words)


def test_typst_prints_nothing_over_anything_else():
    """On a line every piece of text begins behind the one before it."""
    import typst

    for made in (EXAMPLES["across"], EXAMPLES["groups"], EXAMPLES["parts"]):
        lines = {}
        for page, text, x, y, size in words_of(typst.compile(made.to("typ", "nb").encode(), format="pdf")):
            lines.setdefault((page, round(y)), []).append((x, text, size))
        assert len(lines) > 5
        for line in lines.values():
            for (x, text, size), (after, *_) in pairwise(sorted(line)):
                # Typst's own font is narrower than the one measured, by a tenth or so.
                assert x + 0.85 * text_width(text, size) <= after + 1, (text, line)


def test_typst_turns_the_page_by_the_rule():
    assert "#page(flipped: true)[" in EXAMPLES["parts"].to("typ")
    assert "#page(" not in EXAMPLES["upright"].to("typ")


# Word ----------


def test_word_is_a4_compressed_and_has_three_lines():
    content = EXAMPLES["long"].to("docx", "nb")
    assert content == EXAMPLES["long"].to("docx", "nb")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_DEFLATED}
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    document = Document(io.BytesIO(content))
    section = document.sections[0]
    assert (round(section.page_width.cm, 1), round(section.page_height.cm, 1)) == (21.0, 29.7)
    assert abs(section.left_margin - Cm(2.5)) < Cm(0.01)
    grid = document.element.body.find(qn("w:tbl"))
    rows = grid.tr_lst
    assert [row.find(f".//{qn('w:tblHeader')}") is not None for row in rows] == [True] + [False] * 66
    assert all(row.find(f".//{qn('w:cantSplit')}") is not None for row in rows)
    lines = [
        sorted({border.tag.split("}")[1] for border in row.iter(qn("w:top"), qn("w:bottom"))}) for row in rows
    ]
    assert lines[0] == ["bottom", "top"]
    # The rule above the last row, which the table has, and its end.
    assert lines[-1] == ["bottom", "top"]
    assert not any(lines[1:-1])


def test_word_headings_span_their_columns_and_wide_tables_lie_across():
    grid = Document(io.BytesIO(EXAMPLES["groups"].to("docx", "nb"))).element.body.find(qn("w:tbl"))
    assert [cell.grid_span for cell in grid.tr_lst[0].tc_lst] == [1, 2, 2]
    assert sum(row.find(f".//{qn('w:tblHeader')}") is not None for row in grid.tr_lst) == 2
    wide = Document(io.BytesIO(EXAMPLES["across"].to("docx", "nb"))).sections[0]
    assert wide.page_width > wide.page_height


def test_word_columns_are_inside_the_margins():
    for made in EXAMPLES.values():
        document = Document(io.BytesIO(made.to("docx", "nb")))
        section = document.sections[0]
        room = section.page_width - section.left_margin - section.right_margin
        for grid in document.tables:
            assert sum(column.width for column in grid.columns) <= room + Cm(0.35)


def test_numbers_of_word_do_not_break():
    row = Row("x", (Bilingual("[1 234,5; 2 345,5]", "[1,234.5, 2,345.5]"), "two words"))
    made = Table("t", both("t"), "s", ((Heading("a"), Heading("b")),), (row,), (), Provenance("x"))
    cells = Document(io.BytesIO(made.to("docx", "nb"))).tables[0].rows[1].cells
    assert cells[1].text == "[1\xa0234,5;\xa02\xa0345,5]"
    assert cells[2].text == "two words"
