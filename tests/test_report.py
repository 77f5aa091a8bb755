"""Numbers, tables, audit and files: what leaves the package."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kostnadsvekst.analysis.descriptives import describe, describe_by_statsmodels
from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.language import SYNTHETIC_LABEL, Bilingual, both
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.audit import (
    COLUMNS,
    Item,
    add_accepted_reasons,
    audit_items,
    check_accepted,
    engine_difference,
    load_accepted,
    numbers_moved,
    render_audit_html,
)
from kostnadsvekst.report.figures import new_figure, render_png
from kostnadsvekst.report.numbers import format_number, significance_stars
from kostnadsvekst.report.output import write_files
from kostnadsvekst.report.tables import Heading, Number, Row, Table, render

SYNTHETIC = Provenance("synthetic", "p.csv", "0" * 64)
REAL = Provenance("file of the user", "p.csv", "0" * 64)


@pytest.mark.parametrize(
    ("value", "decimals", "lang", "expected"),
    [
        (1234567.891, 2, "nb", "1\u202f234\u202f567,89"),
        (1234567.891, 2, "en", "1,234,567.89"),
        (-0.5, 1, "nb", "\u22120,5"),
        (-0.0004, 3, "en", "0.000"),
        (0.0125, 3, "en", "0.012"),
        (2.675, 2, "en", "2.68"),
        (float("nan"), 2, "nb", ".."),
        (None, 2, "en", ".."),
        (12, 0, "nb", "12"),
    ],
)
def test_format_number(value, decimals, lang, expected):
    assert format_number(value, decimals, lang) == expected


def test_format_number_for_latex():
    assert format_number(-1234.5, 1, "nb", "latex") == r"$-$1\,234,5"


@given(st.floats(-1e9, 1e9), st.integers(0, 4))
def test_both_languages_say_the_same(value, decimals):
    norwegian = format_number(value, decimals, "nb").replace("\u202f", "").replace(",", ".")
    assert norwegian == format_number(value, decimals, "en").replace(",", "")


@pytest.mark.parametrize(
    ("p", "stars"), [(0.05, ""), (0.0499, "*"), (0.01, "*"), (0.0099, "**"), (0.001, "**"), (0.0, "***")]
)
def test_stars(p, stars):
    assert significance_stars(p) == stars


def table(provenance):
    rows = (
        Row(Bilingual("Gruppe", "Group")),
        Row("a_b & c%", (Number(-1234.5, 1, "**"), Number(0.25, 2, parentheses=True)), indent=1),
        Row("R²", (Number(None, 3), ""), rule_above=True),
    )
    headings = ((Heading(Bilingual("Modell", "Model"), 2),), (Heading("b"), Heading("SE")))
    note = Bilingual("Notat: < 5 %", "Note: < 5 %")
    return Table("t", Bilingual("Tittel", "Title"), "x", headings, rows, (note,), provenance)


def test_every_rendering_carries_the_synthetic_label():
    for lang in ("nb", "en"):
        files = render(table(SYNTHETIC), lang)
        assert set(files) == {f"t_{lang}.{s}" for s in ("csv", "tex", "html", "md")}
        for name, text in files.items():
            origin = {"nb": "syntetiske", "en": "synthetic"}[lang]
            assert (origin if name.endswith("csv") else SYNTHETIC_LABEL.get(lang)) in text
        for text in render(table(REAL), lang).values():
            assert "synthetic" not in text.lower().replace("p.synthetic", "")
            assert "syntetisk" not in text.lower()
            assert SYNTHETIC_LABEL.get(lang) not in text


def test_csv_is_read_back_as_numbers():
    norwegian = list(csv.reader(io.StringIO(render(table(REAL), "nb")["t_nb.csv"]), delimiter=";"))
    english = list(csv.reader(io.StringIO(render(table(REAL), "en")["t_en.csv"])))
    assert norwegian[0] == ["x", "Modell b", "Modell SE", "data_origin"]
    assert english[2][1:3] == ["-1234.5**", "(0.25)"]
    assert norwegian[2][1:3] == ["-1234,5**", "(0,25)"]


def test_special_characters_are_escaped():
    files = render(table(REAL), "en")
    assert r"\quad a\_b \& c\% & $-$1,234.5** & (0.25) \\" in files["t_en.tex"]
    assert r"\multicolumn{2}{c}{Model}" in files["t_en.tex"]
    assert r"\cmidrule(lr){2-3}" in files["t_en.tex"]
    assert "a_b &amp; c%" in files["t_en.html"]
    assert r"| &emsp;a\_b & c% | −1,234.5\*\* | (0.25) |" in files["t_en.md"]


def items(ours, **other):
    return [Item("A1", "r", "c", "1.25", ours, value=1.25, decimals=2, **other)]


@pytest.mark.parametrize(
    ("ours", "second", "provenance", "verdict"),
    [
        (1.25, 1.25, REAL, "exact"),
        (1.2549, 1.2549, REAL, "rounds"),
        (1.2451, None, REAL, "rounds"),
        (1.2551, 1.2551, REAL, "differs"),
        (1.25, 1.25 * (1 + 1e-7), REAL, "differs"),
        (1.25, 1.25 * (1 + 1e-9), REAL, "exact"),
        (1.25, 1.25, SYNTHETIC, "calibrated"),
        (1.2549, 1.2549, SYNTHETIC, "calibrated"),
        (1.3, 1.3, SYNTHETIC, "differs"),
        (None, None, REAL, "not attempted"),
    ],
)
def test_verdicts(ours, second, provenance, verdict):
    audit = audit_items(items(ours, second_opinion=second), provenance)
    assert list(audit.columns) == list(COLUMNS)
    assert audit["verdict"].item() == verdict


@pytest.mark.parametrize(("ours", "verdict"), [("**", "exact"), ("*", "differs")])
def test_stars_are_audited_as_labels(ours, verdict):
    item = Item("A3", "r", "stars", "**", ours, ours)
    assert audit_items([item], REAL)["verdict"].item() == verdict


def test_synthetic_data_never_give_a_verdict_of_reproduction():
    audit = audit_items([*items(1.25), *items(1.2549), *items(9.0), *items(None)], SYNTHETIC)
    assert set(audit["verdict"]) == {"calibrated", "differs", "not attempted"}


def test_moved_numbers_and_acceptances():
    audit = audit_items(items(1.3), REAL)
    assert numbers_moved(audit) == ["table A1, r, c: printed 1.25, ours 1.30000"]
    accepted = audit[["table", "row", "column", "origin"]].assign(reason="x", reviewer="y", date="z")
    assert numbers_moved(audit, accepted) == []
    assert add_accepted_reasons(audit, accepted)["reason"].tolist() == ["accepted: x"]
    assert add_accepted_reasons(audit, accepted.head(0))["reason"].tolist() == [""]
    healed = audit_items(items(1.25), REAL)
    assert numbers_moved(healed, accepted) == ["table A1, r, c: accepted deviation has disappeared"]
    absent = audit_items(items(None), REAL)
    assert numbers_moved(absent, accepted) == [], "what was not attempted has not healed"
    other_data = audit_items(items(1.3), SYNTHETIC)
    assert numbers_moved(other_data, accepted), "an acceptance holds for one origin of data only"


def test_acceptances_need_reason_reviewer_and_date():
    check_accepted(load_accepted())
    bad = pd.DataFrame(
        [dict.fromkeys(("table", "row", "column", "origin", "reason", "reviewer", "date"), "")]
    )
    with pytest.raises(InvalidDataError, match="3 problem"):
        check_accepted(bad)


def test_engine_difference_is_the_largest():
    pair = [*items(1.0, second_opinion=1.0), *items(2.0, second_opinion=2.0 + 2e-6), *items(None)]
    assert engine_difference(pair) == pytest.approx(1e-6, rel=1e-5)


def test_audit_page_marks_what_differs_and_what_is_synthetic():
    audit = audit_items([*items(1.25), *items(9.0)], SYNTHETIC)
    page = render_audit_html(audit, Bilingual("Revisjon", "Audit"), ["1 < 2"], "en")
    assert page.count('<tr class="differs">') == 1
    assert SYNTHETIC_LABEL.en in page
    assert "1 &lt; 2" in page


def test_describe_is_stata_summarize():
    # By hand: weights 1, 1, 2 scale to 3/4, 3/4, 3/2; mean (1 + 2 + 2*4)/4 = 2.75;
    # variance (0.75*1.75^2 + 0.75*0.75^2 + 1.5*1.25^2)/2 = 2.53125.
    d = describe(np.array([1.0, 2.0, 4.0]), np.array([1.0, 1.0, 2.0]))
    assert (d.mean, d.minimum, d.maximum) == (2.75, 1.0, 4.0)
    assert d.std_dev**2 == pytest.approx(2.53125, rel=1e-14)


@given(st.integers(0, 10**6))
def test_describe_equals_statsmodels(seed):
    rng = np.random.default_rng(seed)
    values, weights = rng.normal(size=9) * 100, rng.uniform(0.1, 10, 9)
    ours, theirs = describe(values, weights), describe_by_statsmodels(values, weights)
    assert ours.mean == pytest.approx(theirs.mean, rel=1e-10, abs=1e-10)
    assert ours.std_dev == pytest.approx(theirs.std_dev, rel=1e-10)


def test_files_are_replaced_all_or_none(tmp_path):
    write_files(tmp_path, {"a.txt": "old", "sub/b.bin": b"old"})
    with pytest.raises(TypeError):
        write_files(tmp_path, {"a.txt": "new", "sub/b.bin": 3})
    assert (tmp_path / "a.txt").read_text() == "old"
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["a.txt", "b.bin"]
    write_files(tmp_path, {"a.txt": "æøå\n"})
    assert (tmp_path / "a.txt").read_bytes() == "æøå\n".encode()


def test_figures_are_the_same_bytes_each_time():
    def draw():
        figure, axes = new_figure(3, 2)
        axes.plot([1, 2, 3], [1, 4, 9])
        return render_png(figure, SYNTHETIC, "nb")

    first = draw()
    assert first.startswith(b"\x89PNG")
    assert first == draw()


def test_sentences_are_set_from_the_left_and_broken():
    long = Bilingual("Helsestasjoner og skolehelsetjeneste, jordmor og barsel", "Clinics")
    rows = (Row("232", (long, Number(1.0, 1))), Row("233", ("kort", Number(2.0, 1))))
    headings = ((Heading("a"), Heading("b")),)
    table = Table("t", both("t"), "s", headings, rows, (), Provenance("x"))
    assert table.prose == (True, False)
    assert "| --- | --- | ---: |" in table.to("md")
    assert '<td class="prose">Clinics</td><td>1.0</td>' in table.to("html")
    assert r"\begin{tabular}{@{}llr@{}}" in table.to("tex")
    assert "align: (left, left, right)" in table.to("typ")
