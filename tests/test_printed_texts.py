"""Texts with signs that a format takes for its own: every format prints what stands there."""

import csv
import html.parser
import io
import re
import shutil
import subprocess
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import typst
from docx import Document
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.latex import escape_latex, label_slug
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.tables import Heading, Number, Row, Table

NASTY = [
    "a|b", "a\\|b", "a\\b", "*a*", "**", "_a_b_", "`a`", "[a](b)", "![a](b)", "<b>a</b>", "a < b & c > d",
    "&amp; &#65;", "~~a~~", "$a$", "100 %", "#a", "# a", "- a", "+ a", "1. a", "1)", "> a", "{a}", '"a"',
    "'a'", "^a^", "a~b", "[^1]", "æøå ÆØÅ é š ŋ", "∞ − – — … « » ≤ ≥ × · ±", "µ ² ³ ½ ρ Σ", "\\textbf{a}",
    "\\", "a\\\\", "%", "--- a ---", "''a,,",
    "[1, 2]", "*", "=1+1", "http://a.b", "a;b,c", "😀 ☃ 日本", "x̄ β̂", "a‑b", "!`a?`",
]  # fmt: skip
PRINTABLE = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufffe\uffff")
)
SIGNS = st.text("ab |\\*_`[]()<>!&#;~$%{}^\"'-+.:1=,/", max_size=12)


def table_of(text):
    """The text in every place that a table has, beside a number."""
    return Table(
        name=text,
        title=both(text),
        stub=text,
        headings=((Heading(text), Heading(text)),),
        rows=(
            Row(text, (text, Number(-1.5, 1))),
            Row(text, (Bilingual(text, text), text), indent=1, rule_above=True),
        ),
        notes=(both(text),),
        provenance=Provenance("mine", "0"),
    )


def one_line(text):
    return re.sub(r"\s+", " ", text).strip()


class Cells(html.parser.HTMLParser):
    """Texts of the cells, and of the caption and notes, as a browser reads them."""

    def __init__(self):
        super().__init__()
        self.cells, self.open = [], False

    def handle_starttag(self, tag, attrs):
        self.open = tag in ("th", "td", "caption", "p", "title", "strong")
        if self.open:
            self.cells.append("")

    def handle_endtag(self, tag):
        self.open = False

    def handle_data(self, data):
        if self.open:
            self.cells[-1] += data


def cells_of(page):
    reader = Cells()
    reader.feed(page)
    return [one_line(cell.replace("\u2003", " ")) for cell in reader.cells]


def check_markdown(text):
    """Read back by a parser of CommonMark with tables: title, three headings, six cells, a note."""
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(table_of(text).to("md", "en"))
    tags = set(re.findall(r"<(\w+)", page))
    assert tags <= {"p", "strong", "table", "thead", "tbody", "tr", "th", "td"}, page
    expected = one_line(text)
    found = [cell for cell in cells_of(page) if cell]
    assert found == [c for c in [expected] * 6 + ["−1.5"] + [expected] * 4 if c], page


def check_html(text):
    cells = [cell for cell in cells_of(table_of(text).to("html", "en")) if cell]
    expected = one_line(text)
    assert cells == [c for c in [expected] * 7 + ["−1.5"] + [expected] * 4 if c]


def check_csv(text):
    for lang, sign in (("en", ","), ("nb", ";")):
        lines = list(csv.reader(io.StringIO(table_of(text).to("csv", lang)), delimiter=sign))
        assert len(lines) == 3
        # An apostrophe keeps spreadsheets from computing a text; where, is tested with the hostile names.
        lines = [[cell.replace("'", "") for cell in line] for line in lines]
        plain = text.replace("'", "")
        assert lines[0] == [plain, plain, plain, "data_origin"]
        assert lines[1] == [plain, plain, "-1.5" if lang == "en" else "-1,5", "mine"]


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("check", [check_markdown, check_html, check_csv])
def test_a_text_reads_back(text, check):
    check(text)


@pytest.mark.parametrize("check", [check_markdown, check_html, check_csv])
@pytest.mark.parametrize("examples", [100, pytest.param(1500, marks=pytest.mark.slow)])
def test_any_signs_read_back(check, examples):
    signs = SIGNS.map(one_line).filter(bool)
    settings(max_examples=examples, deadline=None)(given(signs)(check))()


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\tb", "a\x00b", "a\u2028b", "a\ud800b", "a\x0bb"])
def test_line_ends_and_control_characters_are_spaces_everywhere(text, tmp_path):
    table = table_of(text)
    check_markdown_cells = cells_of(MarkdownIt("commonmark").enable("table").render(table.to("md", "en")))
    assert check_markdown_cells.count("a b") == 10
    assert cells_of(table.to("html", "en")).count("a b") == 11
    assert table.to("csv", "en").splitlines()[0] == "a b,a b,a b,data_origin"
    document = Document(io.BytesIO(table.to("docx", "en")))
    assert [cell.text for cell in document.tables[0].rows[0].cells] == ["a b"] * 3
    assert "a b & a b & a b" in table.to("tex", "en")
    (tmp_path / "a.typ").write_text(table.to("typ", "en"), encoding="utf-8")
    assert '"a b"' in table.to("typ", "en")


def test_word_documents_hold_every_text():
    for text in NASTY:
        document = Document(io.BytesIO(table_of(text).to("docx", "en")))
        cells = [cell.text.replace("\xa0", " ") for cell in document.tables[0].rows[1].cells]
        assert cells == [text.replace("\xa0", " "), text.replace("\xa0", " "), "−1.5"]


def test_typst_compiles_every_text(tmp_path):
    path = tmp_path / "all.typ"
    path.write_text("\n".join(table_of(text).to("typ", "en") for text in NASTY), encoding="utf-8")
    assert typst.compile(str(path)).startswith(b"%PDF")


# LaTeX ----------


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("p < 0.05 > |a|", r"p $<$ 0.05 $>$ \textbar{}a\textbar{}"),
        ("[−∞; ∞]", r"[$-\infty$; $\infty$]"),
        ("50 % & $5 #1 a_b {c}", r"50 \% \& \$5 \#1 a\_b \{c\}"),
        ("~^\\", r"\textasciitilde{}\textasciicircum{}\textbackslash{}"),
        ('say "a"', r"say \texttt{\char34}a\texttt{\char34}"),
        ("a--b ''c'' ,,", r"a-{}-b '{}'c'{}' ,{},"),
        ("2015–2017 — …", r"2015--2017 --- \ldots{}"),
        ("–-—‐", "--{}-{}---{}-"),
        ("“a” ‘‘b’’ ?‘", "``a'' `{}`b'{}' ?{}`"),
        ("1\u202f000,5 m²", "1\\,000,5 m$^2$"),
        ("1\u202f000\xa0kr", r"1\,000~kr"),
        ("R² ½ × ρ ≤ ±", r"R$^2$ $\frac{1}{2}$ $\times$ $\rho$ $\leq$ $\pm$"),
        ("æøå ÆØÅ", "æøå ÆØÅ"),
        ("é š ï Kárášjohka", r"\'{e} \v{s} \"{\i} K\'{a}r\'{a}\v{s}johka"),
        ("ŋ «a»", r"{\fontencoding{T1}\selectfont\ng} {\fontencoding{T1}\selectfont\guillemotleft}a"
                  r"{\fontencoding{T1}\selectfont\guillemotright}"),
        ("x̄ β̂", r"\={x} $\hat{\beta}$"),
        ("ﬁ ① ☃", "fi 1 [U+2603]"),
    ],
)  # fmt: skip
def test_signs_of_latex_by_hand(text, latex):
    assert escape_latex(text) == latex


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("table_a3", "table-a3"),
        ("a & b%", "a-b"),
        ("\\label{x}", "label-x"),
        ("Økonomi på ærlig", "Okonomi-pa-aerlig"),
        ("ÆØÅ", "AeOA"),
        ("", "table"),
        ("😀", "table"),
    ],
)
def test_labels_are_slugs(name, slug):
    assert label_slug(name) == slug
    assert rf"\label{{tab:{slug}}}" in table_of(name).to("tex")


@pytest.mark.parametrize("start", ["[a", "*a", " [a"])
def test_a_row_does_not_begin_with_what_a_line_end_takes(start):
    lines = table_of(start).to("tex").splitlines()
    assert sum(line.startswith("{}") for line in lines) == 2
    assert any(line.startswith(r"\quad {}") for line in lines)


needs_latex = pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex")


def compile_latex(body, folder):
    document = "\\documentclass{article}\\usepackage{booktabs,longtable,pdflscape}\n"
    document += "\\tracinglostchars=2\n\\begin{document}\n"
    (folder / "a.tex").write_text(document + body + "\n\\end{document}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "a.tex"]
    run = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    log = run.stdout.decode(errors="replace")
    faults = [line for line in log.splitlines() if line.startswith("!") or "Missing character" in line]
    assert (run.returncode, faults) == (0, [])
    assert (folder / "a.pdf").is_file()


@needs_latex
def test_pdflatex_prints_every_text(tmp_path):
    texts = [*NASTY, "".join(map(chr, range(0x20, 0x180))), "".join(map(chr, range(0x370, 0x400)))]
    compile_latex("\n\\clearpage\n".join(table_of(text).to("tex", "nb") for text in texts), tmp_path)


@needs_latex
@pytest.mark.slow
def test_pdflatex_stops_at_no_character_of_the_basic_plane(tmp_path):
    """Every character up to U+FFFF in running text, one paragraph for 256 of them."""
    pages = ["".join(map(chr, range(start, start + 256))) for start in range(0, 0x10000, 256)]
    compile_latex("\n\n".join("\\sloppy " + escape_latex(page) for page in pages), tmp_path)


@settings(max_examples=300, deadline=None)
@given(PRINTABLE)
def test_braces_and_dollars_of_latex_balance(text):
    escaped = re.sub(r"\\[{}$]", "", escape_latex(text))
    assert escaped.count("{") == escaped.count("}")
    assert escaped.count("$") % 2 == 0


# Numbers and rows of one's own ----------


@pytest.fixture(scope="module")
def fits():
    data = make_panel(12, 5, 6)
    data = data.assign(x2=2 * data["x"], **{"a|b": np.cos(np.arange(60.0))})
    first = kv.estimate(kv.Specification("y", ("x", "z"), "unit", "year"), data)
    second = kv.estimate(kv.Specification("y", ("x", "x2", "a|b", "region"), "unit", "year"), data)
    return [first, second, kv.estimate_ar1(second.specification, data)]


MEDIA = ("csv", "tex", "html", "md", "typ")


def texts_of(table, lang):
    document = Document(io.BytesIO(table.to("docx", lang)))
    word = " ".join(cell.text for row in document.tables[0].rows for cell in row.cells)
    return {medium: str(table.to(medium, lang)) for medium in MEDIA} | {"docx": word}


def test_omitted_terms_are_printed_and_stand_in_every_table(fits):
    assert fits[1].dropped == ("x2", "region")
    for fit in fits[1:]:
        assert "omitted: x2, region (collinear)" in repr(fit).splitlines()
    assert "omitted" not in repr(fits[0])
    for medium, text in texts_of(kv.table(fits), "en").items():
        assert text.count("omitted: x2, region") == 2, medium
    for medium, text in texts_of(kv.table(fits), "nb").items():
        assert text.count("utelatt: x2, region") == 2, medium
        assert "omitted" not in text, medium
    for lang, word in (("nb", "utelatt"), ("en", "omitted")):
        assert not any(word in text for text in texts_of(kv.table(fits[:1]), lang).values())


def test_many_omitted_terms_are_counted(fits):
    data = make_panel(12, 5, 6)
    names = [f"copy{i}" for i in range(11)]
    data = data.assign(**dict.fromkeys(names, data["x"]))
    fit = kv.estimate(kv.Specification("y", ("x", *names), "unit", "year"), data)
    assert repr(fit).count("copy") == 11
    assert "copy6, copy7 and 3 more" in kv.table(fit).to("md", "en")
    assert "copy6, copy7 og 3 til" in kv.table(fit).to("md", "nb")


def test_own_rows_take_what_researchers_put_there(fits):
    values = {
        "counts": ([np.int64(1234), 7, np.uint8(3)], ["1,234", "7", "3"]),
        "numbers": ([np.float32(0.5), Decimal("2.25"), 1e6], ["0.500", "2.250", "1,000,000.000"]),
        "missing": ([None, np.nan, pd.NA], ["", "..", ".."]),
        "infinite": ([np.inf, -np.inf, np.float64("inf")], ["∞", "−∞", "∞"]),
        "truth": ([True, np.bool_(False), True], ["yes", "no", "yes"]),
        "texts": (["a|b", Bilingual("ja", "yes"), ""], [r"a\|b", "yes", ""]),
    }
    table = kv.table(fits, rows={name: given_values for name, (given_values, _) in values.items()})
    lines = table.to("md", "en").splitlines()
    for name, (_, expected) in values.items():
        assert f"| {name} | {' | '.join(expected)} |" in lines
    assert "| truth | ja | nei | ja |" in table.to("md", "nb").splitlines()
    assert "| infinite | ∞ | −∞ | ∞ |" in table.to("md", "nb").splitlines()
    for medium in MEDIA:
        assert table.to(medium, "nb")
    tex = table.to("tex", "en").replace(r"\kvl ", "").replace(r"\kvr ", "")
    assert r"infinite & $\infty$ & $-\infty$ & $\infty$" in tex


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([1, 2], "has 2 cells for 3 estimates"),
        ("abc", "has one text for 3 estimates"),
        ([1, [2], 3], r"has \[2\] of type list"),
        ([1, 1j, 3], "of type complex"),
        ([1, {}, 3], "of type dict"),
    ],
)
def test_own_rows_that_cannot_be(fits, row, words):
    with pytest.raises(SpecificationError, match=words):
        kv.table(fits, rows={"mine": row})


def test_infinite_numbers():
    assert [format_number(v, 2, "nb") for v in (np.inf, -np.inf, np.nan, None)] == ["∞", "−∞", "..", ".."]
    assert format_number(-np.inf, 2, "en", "latex") == r"$-\infty$"
    assert format_number(np.inf, 2, "en", "latex") == r"$\infty$"


def test_headings_with_signs_keep_the_columns_apart(fits):
    table = kv.table(
        {"a|b": fits[0], "c\\|d": fits[1], "e\nf": fits[2]}, title="T*i|tle_", rename={"x": "x|z"}
    )
    page = MarkdownIt("commonmark").enable("table").render(table.to("md", "en"))
    cells = [cell for cell in cells_of(page) if cell]
    assert cells[0] == "T*i|tle_"
    assert [cell.split()[0] for cell in cells[2:5]] == ["a|b", "c\\|d", "e"]
    assert "x|z" in cells
    assert len({line.count("<td") for line in page.replace("\n", "").split("<tr>")[2:]}) == 1


# R squared of what does not vary ----------


@pytest.mark.parametrize("level", [0.0, 0.1, 7.0, 1e9, -1e-9])
def test_a_constant_outcome_has_no_r_squared(level):
    data = make_panel(12, 5, 6).assign(y=level)
    for weights in (None, "population"):
        fit = kv.estimate(kv.Specification("y", ("x", "z"), "unit", "year", weights), data)
        assert np.isnan([fit.r_squared, fit.r_squared_within, fit.r_squared_adjusted]).all()
        assert fit.facts.r_squared is fit.facts.r_squared_within is None
        assert "no R2" in repr(fit).splitlines()[0]
        assert not any("R²" in str(row.label) for row in kv.table(fit).rows)


def test_an_outcome_that_is_constant_within_units_has_no_r_squared_within():
    data = make_panel(12, 5, 6)
    fit = kv.estimate(
        kv.Specification("level", ("x",), "unit", "year"), data.assign(level=0.1 * data["unit"])
    )
    assert fit.r_squared == pytest.approx(1)
    assert np.isnan(fit.r_squared_within)
    other = kv.estimate(kv.Specification("y", ("x",), "unit", "year"), data)
    table = kv.table([fit, other]).to("md", "en")
    assert f"| R² within |  | {other.r_squared_within:.3f} |" in table


@pytest.mark.parametrize("size", [1e-6, 1e-3])
def test_a_small_variation_beside_a_large_level_has_its_r_squared(size):
    """Beside 1000 a variation of a millionth is small, but no rounding."""
    data = make_panel(12, 5, 6)
    near = data.assign(y=1000 + size * data["y"])
    spec = kv.Specification("y", ("x", "z"), "unit", "year")
    expected, found = kv.estimate(spec, data), kv.estimate(spec, near)
    assert found.r_squared == pytest.approx(expected.r_squared, rel=1e-6)
    assert found.r_squared_within == pytest.approx(expected.r_squared_within, rel=1e-6)


def test_labels_of_columns_with_signs_are_their_names():
    data = make_panel(12, 5, 6).rename(columns={"x": "x:z2"}).assign(t=["10:00", "11:00"] * 30)
    fit = kv.estimate(kv.Specification.from_formula("y ~ `x:z2` + C(t):z | unit"), data)
    labels = [row.label for row in kv.table(fit).rows]
    assert both("x:z2") in labels
    assert both("t 10:00 × z") in labels
