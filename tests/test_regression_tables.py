"""Regression tables: what they show, in every medium and both languages; own specifications from a file."""

import io

import pytest
from docx import Document

import kostnadsvekst as kv
from command_runs import estimate_inside
from invented_panels import make_municipal_panel
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.term_labels import term_label


@pytest.fixture(scope="module")
def fits():
    data = make_municipal_panel(60)
    data = data.assign(population_10k=data["population"] / 10_000)
    first = kv.estimate(kv.SPECIFICATIONS["A3-1"], data)
    second = kv.estimate(kv.SPECIFICATIONS["A3-4"].vary(sample="without_oslo"), data)
    return [first, second, second.with_covariance("cluster")]


def cells(table, label):
    lines = table.to("csv", "en").splitlines()
    rows = [line.split(",") for line in lines]
    at = next(i for i, row in enumerate(rows) if row[0] == label)
    return rows[at][1:-1], rows[at + 1][1:-1]


def test_numbers_stars_and_errors_are_those_of_the_estimates(fits):
    table = kv.table(fits, decimals=4)
    shown, below = cells(table, "Free income")
    for fit, b, se in zip(fits[1:], shown[1:], below[1:], strict=True):
        line = fit.coefficients.loc["free_income"]
        stars = "*" * sum(line["p_value"] < level for level in (0.05, 0.01, 0.001))
        assert b == f"{line['estimate']:.4f}{stars}"
        assert se == f"({line['std_error']:.4f})"
    assert shown[0] == below[0] == ""
    assert cells(table, "N")[0] == ["300", "295", "295"]


def test_stars_follow_the_covariance_that_is_shown(fits):
    """The same coefficient has other stars with other standard errors, at levels set to part them."""
    p = [fit.coefficients.loc["free_income", "p_value"] for fit in fits[1:]]
    assert p[0] != p[1]
    table = kv.table(fits[1:], stars=[sum(p) / 2], keep=["free_income"])
    shown, _ = cells(table, "Free income")
    assert sorted(text.endswith("*") for text in shown) == [False, True]
    assert "*" not in "".join(cells(kv.table(fits, stars=()), "Free income")[0])


def test_intervals_and_other_lines_below(fits):
    line = fits[1].coefficients.loc["free_income"]
    text = kv.table([fits[1]], show="interval", keep=["free_income"]).to("md", "nb")
    ends = [f"{line[c]:.3f}".replace(".", ",").replace("-", "−") for c in ("conf_low", "conf_high")]
    assert f"[{ends[0]}; {ends[1]}]" in text
    assert "Nominelle 95 %-intervaller" in text, "their coverage was not simulated"
    assert f"({line['p_value']:.3f})" in kv.table([fits[1]], show="p_value", keep=["free_income"]).to("md")
    bare = kv.table([fits[1]], show="nothing", keep=["free_income"]).to("md")
    assert "(" not in bare.split("Free income")[1].split("\n")[0]


def test_hide_rename_and_own_rows(fits):
    table = kv.table(
        {"A": fits[0], "B": fits[1]},
        hide=["C(year)", "age_"],
        rename={"free_income": Bilingual("Inntekt", "Income")},
        rows={"Plan": ["yes", 2.5]},
    )
    labels = [row.label for row in table.rows]
    assert Bilingual("Inntekt", "Income") in labels
    assert not any("Alder" in str(label) for label in labels)
    # Hiding the years keeps their products with income.
    assert term_label("C(year)[T.2016]:free_income") in labels
    assert term_label("C(year)[T.2016]") not in labels
    assert "| Plan | yes | 2.500 |" in table.to("md", "en")
    assert "Not shown: 9 other terms" in table.to("md", "en")


def test_every_medium_in_norwegian(fits):
    table = kv.table(fits, hide=["C(year)"])
    b = fits[1].coefficients.loc["free_income", "estimate"]
    number = f"{b:.3f}".replace(".", ",")
    for medium in ("csv", "tex", "html", "md", "typ"):
        text = table.to(medium, "nb")
        assert number in text, medium
        assert "Frie inntekter" in text
        assert ("syntetiske" if medium == "csv" else "SYNTETISKE DATA") in text
    assert r"\toprule" in table.to("tex", "nb")
    assert "klyngerobuste (59 klynger, areg småutvalgsfaktor)" in table.to("md", "nb")
    assert "uten Oslo" in table.to("md", "nb")


def test_word_document_reads_back(fits):
    table = kv.table(fits, hide=["C(year)"])
    content = table.to("docx", "nb")
    assert content == table.to("docx", "nb")
    document = Document(io.BytesIO(content))
    grid = document.tables[0]
    assert (len(grid.rows), len(grid.columns)) == (2 + len(table.rows), 4)
    texts = {row.cells[0].text: row.cells[2].text for row in grid.rows}
    b = fits[1].coefficients.loc["free_income"]
    assert texts["Frie inntekter"].startswith(f"{b['estimate']:.3f}".replace(".", ","))
    assert "SYNTETISKE DATA" in document.paragraphs[0].text
    assert "areg småutvalgsfaktor" in document.paragraphs[-1].text


def test_typst_compiles(fits, tmp_path):
    import typst

    path = tmp_path / "table.typ"
    path.write_text(kv.table(fits, title='A "quoted" \\ #title').to("typ", "en"), encoding="utf-8")
    assert typst.compile(str(path)).startswith(b"%PDF")


def test_labels_of_terms():
    assert term_label("C(year)[T.2016]").nb == "År 2016"
    assert term_label("C(year)[T.2016]:free_income").en == "Year 2016 × Free income"
    assert term_label("diff(log(free_income))").nb == "diff(log(Frie inntekter))"
    assert term_label("lag(urban, 2)").en == "lag(Living in urban settlements, 2)"
    assert term_label("mine").nb == "mine"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"show": "se"}, "unknown show 'se'"),
        ({"hide": ["fri_income"]}, "did you mean 'free_income'"),
        ({"keep": ["fri_income"]}, "did you mean 'free_income'"),
        ({"rename": {"fri_income": "x"}}, "did you mean 'free_income'"),
        ({"rows": {"Plan": ["yes"]}}, "1 cells for 3 estimates"),
    ],
)
def test_errors(fits, arguments, words):
    with pytest.raises(SpecificationError, match=words):
        kv.table(fits, **arguments)


def test_no_estimates_and_no_such_medium(fits):
    with pytest.raises(SpecificationError, match="at least one"):
        kv.table([])
    with pytest.raises(SpecificationError, match="unknown medium 'pdf'"):
        kv.table(fits).to("pdf")


def test_script_estimates_a_file_of_specifications(tmp_path):
    make_municipal_panel(40).to_csv(tmp_path / "panel.csv", index=False)
    spec = kv.SPECIFICATIONS["A3-3"].vary(covariance="cluster", convention="xtreg")
    (tmp_path / "claim.toml").write_text(spec.to_toml(), encoding="utf-8")
    common = ("--data", tmp_path / "panel.csv", "--out", tmp_path / "out", "--lang", "nb")
    done = estimate_inside("--spec", tmp_path / "claim.toml", *common)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "own-specifications" / "claim_nb.md").read_text(encoding="utf-8")
    fit = kv.estimate(spec, kv.load_panel(tmp_path / "panel.csv"))
    b = f"{fit.coefficients.loc['free_income', 'estimate']:.3f}".replace(".", ",")
    assert f"| Frie inntekter | {b}" in text
    assert "xtreg småutvalgsfaktor" in text
    (tmp_path / "claim.toml").write_text('formula = "net_expenditure ~ fre_income | municipality"')
    done = estimate_inside("--spec", tmp_path / "claim.toml", *common)
    assert (done.returncode, "did you mean 'free_income'" in done.stderr) == (3, True)
    (tmp_path / "claim.toml").write_text('formula = "net_expenditure ~ (free_income"')
    done = estimate_inside("--spec", tmp_path / "claim.toml", *common)
    assert (done.returncode, "cannot read the formula" in done.stderr) == (2, True)
