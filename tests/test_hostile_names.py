"""Names from data in every format: what stands there is text, whatever it looks like.

A municipality, a variable, a file or an origin may be called anything. Each format is read back by a parser
of its own and must hold the name as text, and nothing else than the table.
"""

import csv
import io
import re
import warnings

import lxml.html
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from kostnadsvekst.language import Bilingual
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.audit import Item, audit_items, render_audit_html
from kostnadsvekst.report.figures import new_figure, render_png
from kostnadsvekst.report.latex_tables import FOOT, HEAD
from kostnadsvekst.report.output import csv_text
from kostnadsvekst.report.tables import Heading, Number, Row, Table, footer, render

NAMES = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- hidden",
    "</td></tr></table><h1>x",
    "&lt;b&gt; &#60; &amp; & AT&T &copy",
    "\" onmouseover=\"alert(1)' x='",
    "[a](javascript:alert(1))",
    "![a](javascript:alert(1))",
    "[a]: javascript:alert(1)",
    "[a][b] [a] [^1]",
    "<javascript:alert(1)>",
    "<https://example.org>",
    "a | b || c \\| d",
    "`code` ``x`` ~~~ ~~gone~~",
    "*a* **b** _c_ __d__ \\*e",
    "# heading",
    "1. list",
    "2) list",
    "- list",
    "> quoted",
    "=====",
    "    code",
    "$x^2$ $$y$$ a$b$c^",
    "line\nbreak\r\nand\ttab\x0bfeed\u2028sep",
    "\x1b[31mred\x07 \x00null",
    "\u202eright to left",
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "  =1+1",
    "\t=1+1",
    "\r=1+1",
    "\ufeff=1+1",
    "\uff1d1+1",
    "=cmd|' /C calc'!A0",
    "a;=1+1",
    "a,=1+1",
    "a\t@x",
    'x";=HYPERLINK("http://e","y");"',
    "-",
    "-|' /C calc'!A0",
    "\\begin{x} \\input{/etc/passwd} 50 % # { } ~ ^",
    '#eval("1") #set page() \\u{41} "',
    "Ås, Ø & Æ",
    "",
    " ",
]
each_name = pytest.mark.parametrize("name", NAMES, ids=ascii)
# What a spreadsheet takes for a formula at the beginning of a cell, of any country's separator.
COMPUTED = re.compile(r"^[\s\"\u200b\ufeff]*[=+@\-\uff1d\uff0b\uff20\uff0d]")
NUMBER = re.compile(r"^\s*[+-]?([\d.,]+)?(\*+)?\s*($|[;,\t])")


def one_line(name):
    """As it is shown: no signs that cannot be printed, blanks drawn together."""
    kept = re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+", " ", name)
    return " ".join(kept.split())


def hostile(name):
    both = Bilingual(name, name)
    provenance = Provenance(name, name, "0" * 64)
    return Table(
        "t",
        both,
        both,
        ((Heading(both, 2),), (Heading(name), Heading("SE"))),
        (
            Row(name, (Number(-1234.5, 1, "**"), name)),
            Row(both, (), rule_above=True),
            Row(name, (Number(-0.25, 2), both), 1),
        ),
        (both, footer(provenance, both)),
        provenance,
    )


def told(element):
    return " ".join(element.text_content().split())


def check_html(page, name):
    tree = lxml.html.document_fromstring(page)
    tags = {element.tag for element in tree.iter() if isinstance(element.tag, str)}
    assert tags <= set(
        re.findall(r"\w+", "html head meta title style body table caption thead tbody tr th td p")
    )
    assert not [e for e in tree.iter() if not isinstance(e.tag, str)]  # no comments
    assert {key for element in tree.iter() for key in element.attrib} <= {
        "lang",
        "charset",
        "class",
        "colspan",
    }
    assert len(tree.findall(".//table")) == 1
    assert told(tree.find(".//caption")) == one_line(name)
    assert [told(cell) for cell in tree.findall(".//tbody/tr")[0]] == [
        one_line(name),
        "−1,234.5**",
        one_line(name),
    ]


def check_markdown(text, name):
    rendered = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)
    tree = lxml.html.document_fromstring(rendered)
    tags = [element.tag for element in tree.iter()]
    assert set(tags) <= {"html", "body", "p", "strong", "table", "thead", "tbody", "tr", "th", "td"}
    assert tags.count("table") == 1
    assert tags.count("tr") == 4
    cells = [told(cell) for cell in tree.findall(".//tbody/tr")[0]]
    # GitHub reads "\$" as a dollar sign, and so does CommonMark.
    assert cells == [one_line(name), "−1,234.5**", one_line(name)]
    if one_line(name):
        assert told(tree.findall(".//p")[1]) == one_line(name)


def check_csv(text, name, separator):
    rows = list(csv.reader(io.StringIO(text), delimiter=separator))
    assert {len(row) for row in rows} == {4}
    assert len(rows) == 4
    assert rows[1][1] in ("-1234.5**", "-1234,5**")
    assert rows[3][1] in ("-0.25", "-0,25")
    for row in rows[1:]:
        assert " ".join(row[0].replace("'", "").split()) == " ".join(one_line(name).replace("'", "").split())
    # Read with the separator of this country or another.
    for other in ";,\t":
        for cell in (
            cell for line in text.splitlines() for cell in next(csv.reader([line], delimiter=other))
        ):
            assert not COMPUTED.match(cell) or NUMBER.match(cell), (cell, other)


@each_name
@pytest.mark.parametrize("lang", ["en", "nb"])
def test_every_format_holds_the_name_as_text(name, lang):
    files = render(hostile(name), lang)
    check_csv(files[f"t_{lang}.csv"], name, ";" if lang == "nb" else ",")
    if lang == "en":
        check_html(files["t_en.html"], name)
        check_markdown(files["t_en.md"], name)


SIGNS = st.text(
    alphabet=st.sampled_from(list("<>&\"'|`*_[]()!#~\\$=+-@;,:. \t\nax1/é\u2028\x1b")), max_size=25
)


@given(SIGNS)
@settings(max_examples=300)
def test_any_name_in_html_and_csv_and_markdown(name):
    files = render(hostile(name), "en")
    check_html(files["t_en.html"], name)
    check_csv(files["t_en.csv"], name, ",")
    check_csv(render(hostile(name), "nb")["t_nb.csv"], name, ";")
    check_markdown(files["t_en.md"], name)


@pytest.mark.slow
@given(SIGNS)
@settings(max_examples=5_000)
def test_any_name_at_length(name):
    files = render(hostile(name), "en")
    check_html(files["t_en.html"], name)
    check_csv(files["t_en.csv"], name, ",")
    check_markdown(files["t_en.md"], name)


@pytest.mark.parametrize("text", ["-1.5", "-1,5", "+2", "-3 %", "-1.5***", "1e-5", "-1e-5", "-"])
def test_numbers_given_as_text_stay_numbers(text):
    table = hostile("x")
    table = Table("t", table.title, "x", table.headings, (Row("x", (text, "")),), (), table.provenance)
    assert next(iter(csv.reader([render(table, "en")["t_en.csv"].splitlines()[1]])))[1] == text


@each_name
def test_typst_and_word_hold_the_name_as_text(name):
    docx = pytest.importorskip("docx")
    typst = pytest.importorskip("typst")
    table = hostile(name)
    grid = docx.Document(io.BytesIO(table.to("docx"))).tables[0]
    assert " ".join(grid.cell(2, 0).text.split()) == one_line(name)
    assert typst.compile(table.to("typ").encode(), format="pdf").startswith(b"%PDF")


@each_name
def test_latex_has_no_sign_of_its_own(name):
    """The commands that a table without names has, and those of single signs, are all there are."""
    text = render(hostile(name), "en")["t_en.tex"]
    assert text.startswith(HEAD)
    assert text.endswith(FOOT)
    text = text.removeprefix(HEAD).removesuffix(FOOT)
    assert r"\input" not in text.replace(r"\textbackslash{}input", "")
    assert not re.search(r"(?<!\\)%", text)
    turned = text.count(r"\begin{landscape}")
    assert text.count(r"\begin{") == text.count(r"\end{") == 2 + turned
    depth = 0
    for sign in re.findall(r"\\.|[{}]", text.replace("\\\\", ""), re.DOTALL):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    assert depth == 0
    assert len(re.findall(r"\\\\$", text, re.MULTILINE)) == 5


@each_name
def test_audit_page(name):
    item = Item(name, name, name, name, name, reason=name)
    audit = audit_items([item], Provenance(name))
    page = render_audit_html(
        audit.rename(columns={"reason": name or "reason"}), Bilingual(name, name), [name], "en"
    )
    tree = lxml.html.document_fromstring(page)
    assert len(tree.findall(".//table")) == 2
    assert not tree.findall(".//script")
    assert not tree.findall(".//img")
    assert {k for e in tree.iter() for k in e.attrib} <= {"lang", "charset", "class"}


@each_name
def test_data_files_hold_the_name_as_it_is(name):
    """Files that programs read are not changed for spreadsheets: only what CSV itself asks for."""
    frame = pd.DataFrame({"name": [name], "value": [-1.5]})
    back = pd.read_csv(
        io.StringIO(csv_text(frame), newline=""), dtype=str, keep_default_na=False, lineterminator="\n"
    )
    if "\x00" not in name and "\r" not in name:
        assert back.loc[0, "name"] == name
        assert back.loc[0, "value"] == "-1.5"


@each_name
def test_figures_print_the_name_as_it_is(name):
    """A pair of dollar signs is no mathematics, which may not even be well-formed."""
    figure, axes = new_figure(14, 6)
    axes.plot([0, 1], [0, 1])
    axes.set_title(name)
    axes.set_xticks([0, 1], [name, "$\\frac{$"])
    axes.text(0, 0, name)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # signs that the font lacks
        png = render_png(figure, Provenance("synthetic"), "nb")
    assert png.startswith(b"\x89PNG")
    assert not [t for t in figure.findobj(lambda a: hasattr(a, "get_parse_math")) if t.get_parse_math()]
    assert np.isfinite(figure.get_size_inches()).all()
