"""The command for municipal systems: files, editions, exit codes; what the public edition does not tell."""

import html
import io
import json
import math
import re
import subprocess
import sys
import zipfile
from dataclasses import replace

import openpyxl
import pytest

from conftest import ROOT
from kostnadsvekst.chapters.municipal import compute
from kostnadsvekst.chapters.municipal_public import public_sheets, values_of
from kostnadsvekst.commands import COMMANDS, municipal
from kostnadsvekst.errors import InvalidDataError, OutputError
from kostnadsvekst.municipal.protection import THRESHOLD, protect_profile
from kostnadsvekst.report.workbook import (
    Chart,
    Formula,
    Link,
    Sheet,
    SheetColumn,
    Workbook,
    render_workbook,
)
from kostnadsvekst.sources.municipal_book import read_municipal_book
from kostnadsvekst.sources.municipal_examples import example_book
from kostnadsvekst.sources.municipal_kinds import KINDS, USER_GROUP_NAMES
from municipal_workbooks import small_example, write_book

STEPS = ["Kommune", "År", "Trinn", "Navn", "Telles i", "Antall", "Kostnad"]
PLACES = ["Kommune", "År", "Plasstype", "Plasser i bruk", "Måneder"]
# Words that are the same in both languages.
SAME_IN_BOTH = {
    "Status",
    "total",
    "%",
    "kr",
    "øre",
    "ATA",
    "time",
    "unit-costs",
    "staffing",
    "ladder",
    "calculator",
}


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """Files of each example, both editions; of user groups a part of it."""
    out = tmp_path_factory.mktemp("eksempler")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kostnadsvekst.chapters.municipal.example_book", lambda kind: small_example(kind.name))
        for name in KINDS:
            assert municipal.main([name, "--example", "--out", str(out), "--quiet"]) == 0
            words = [name, "--example", "--publish", "--lang", "nb", "--out", str(out), "--quiet"]
            assert name == "user-groups" or municipal.main(words) == 0
    return out


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_each_example_within_five_seconds(tmp_path, name):
    """Of processor time, with the start of Python, in both languages."""
    code = (
        f"import sys; from kostnadsvekst.commands import municipal; municipal.main(['{name}', '--example'])"
    )
    code += "; import time; print(time.process_time(), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert float(done.stderr) < 5
    assert len(list((tmp_path / "municipal" / name).glob("*.xlsx"))) == 2


def texts_of(path):
    """All texts of a workbook."""
    parts = archive_of(path)
    texts = re.findall(r"<t[^>]*>(.*?)</t>", parts["xl/sharedStrings.xml"].decode(), re.DOTALL)
    sheets = re.findall(r'<sheet name="(.*?)"', parts["xl/workbook.xml"].decode())
    return {html.unescape(text) for text in (*texts, *sheets)}


@pytest.mark.parametrize("name", KINDS)
def test_each_edition_has_a_workbook_a_page_and_tables(examples, name):
    files = {path.name for path in (examples / name).iterdir()}
    for lang in ("nb", "en"):
        assert {f"{name}_{lang}.xlsx", f"{name}_{lang}.html"} <= files
        assert sum(file.endswith(f"_{lang}.csv") for file in files) >= 1


@pytest.mark.parametrize("name", KINDS)
def test_analysts_files_say_that_they_are_not_for_publication(examples, name):
    book = openpyxl.load_workbook(examples / name / f"{name}_nb.xlsx", read_only=True)
    for page in book:
        assert "IKKE FOR PUBLISERING" in page["A2"].value
        assert "OPPDIKTET" in page["A2"].value
    page = (examples / name / f"{name}_en.html").read_text("utf-8")
    assert "NOT FOR PUBLICATION" in page
    assert "MADE-UP EXAMPLE" in page
    for path in (examples / name).glob("*_nb.csv"):
        lines = path.read_text("utf-8").splitlines()
        assert all("oppdiktet" in line for line in lines[1:])


@pytest.mark.parametrize("name", KINDS)
def test_norwegian_files_hold_no_english(examples, name):
    """What both workbooks hold are the user's texts, names of cells, and a few words of both languages."""
    both = set.intersection(*(texts_of(examples / name / f"{name}_{lang}.xlsx") for lang in ("nb", "en")))
    example = example_book(KINDS[name])
    own = {str(v) for table in example.tables.values() for v in table.frame.to_numpy().ravel()}
    own |= {one.name for one in KINDS[name].assumptions}
    left = {text for text in both - own - SAME_IN_BOTH if re.search("[A-Za-zÆØÅæøå]{2}", text)}
    left = {text for text in left if not re.match(r"vekt_|.*\.csv!|kostnadsvekst |.*sha256|\d[\d.,]* ", text)}
    if name == "calculator":  # names of the price list, and times of the day
        left = {text for text in left if text not in price_texts()}
    assert left <= {"Oppdiktet 2024, flytting", "10: 11 → 10", "25: 7 → 5"} | own_judgements(name), left


def price_texts():
    from kostnadsvekst.municipal.resource_calculator import prices

    return {str(v) for column in ("service", "time") for v in prices("list2")[column]}


def own_judgements(name):
    """Names of cost centres and lines stand in sentences of both languages."""
    return {"user-groups"} if name == "user-groups" else set()


def archive_of(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def assert_nothing_to_look_behind(content):
    parts = archive_of(io.BytesIO(content))
    pages = [content.decode() for name, content in parts.items() if name.startswith("xl/worksheets/sheet")]
    book = parts["xl/workbook.xml"].decode()
    assert pages
    assert not any("<f>" in page or "<f " in page for page in pages)
    assert "<definedName" not in book
    assert 'state="' not in book
    assert not any("comments" in name or "externalLink" in name or "customXml" in name for name in parts)
    assert not any('hidden="1"' in page for page in pages)
    assert b"sha256" not in parts["xl/sharedStrings.xml"]


@pytest.mark.parametrize("name", [n for n in KINDS if n != "user-groups"])
def test_public_books_have_nothing_behind_what_is_shown(examples, name):
    book = examples / f"{name}-public" / f"{name}-public_nb.xlsx"
    assert_nothing_to_look_behind(book.read_bytes())
    page = (examples / f"{name}-public" / f"{name}-public_nb.html").read_text("utf-8")
    assert "Offentlig utgave" in page
    assert "IKKE FOR" not in page


def ladder_book(path, few, total_mnok=6.0):
    rows = [
        ["A", 2024, 1, "Alle", "innbyggere", 9000, 2.0],
        ["A", 2024, 5, "Mestring", "mottakere", 90, 3.0],
        ["A", 2024, 6, "Bolig", "boliger", 40, 8.0],
        ["A", 2024, 9, "Opphold", "mottakere", few, total_mnok],
        ["A", 2024, 11, "Institusjon", "plasser", 125, 30.0],
    ]
    moves = [["Kommune", "År", "Antall som flytter", "Fra trinn", "Til trinn"], ["A", 2024, 1, 9, 6]]
    return write_book(path, {"Trinn": [STEPS, *rows], "Flyttinger": moves})


def staffing_book(path, few):
    sizes = [0.5] * few + [1.5] * 20 + [5.0] * 30 + [20.0] * (15 - few)
    rows = [["A", 2024, size] for size in sizes]
    return write_book(path, {"Vedtak": [["Kommune", "År", "Vedtakstimer"], *rows]})


def nursing_book(path, few):
    rows = [["A", 2024, "Ordinær langtidsplass", 40 - few, 12], ["A", 2024, "Korttidsplass", few, 12]]
    cost = [["Kommune", "År", "Korrigerte brutto driftsutgifter"], ["A", 2024, 40_000]]
    return write_book(path, {"Sykehjem": cost, "Plasser": [PLACES, *rows]})


def groups_book(path, few):
    group = USER_GROUP_NAMES["pu_adults"].nb
    people = [["Kommune", "År", "Innbyggere", "18–67 år", "Behovsindeks"]]
    people += [[name, 2023, 9000, 5000, 1.0] for name in "ABC"]
    counts = [
        ["Kommune", "År", "Brukergruppe", "Tjeneste", "Utførelse", "Brukere 31.12.", "Plasser", "Årsverk"]
    ]
    accounts = [["Kommune", "År", "Brukergruppe", "Tjeneste", "Utførelse", "Brutto driftsutgifter"]]
    for name in "ABC":
        n = few if name == "A" else 12
        counts.append([name, 2023, group, "Bolig med heldøgns tjenester", "Egen regi", n, 14, 20])
        counts.append([name, 2023, group, "Støttekontakt", "Egen regi", 17, None, None])
        accounts.append([name, 2023, group, "Bolig med heldøgns tjenester", "Egen regi", 9_000_000])
        accounts.append([name, 2023, group, "Støttekontakt", "Egen regi", 600_000])
    return write_book(path, {"Innbyggere": people, "Brukere": counts, "Regnskap": accounts})


def projection_book(path, few):
    ages = ["67-79", "80+"]
    people = [["Kommune", "År", "Framskrivingsalternativ", "Aldersgruppe", "Innbyggere"]]
    for year, numbers in ((2024, (900, 400)), (2030, (950, 500)), (2040, (900, 700))):
        people += [["A", year, "MMMM", age, n] for age, n in zip(ages, numbers, strict=True)]
    users = [["Kommune", "År", "Tjeneste", "Aldersgruppe", "Brukere"]]
    users += [["A", 2024, "Institusjon, langtid", age, n] for age, n in zip(ages, (few, 70), strict=True)]
    users += [["A", 2024, "Private boliger", age, 40] for age in ages]
    plan = [["Kommune", "Alternativ", "Tjeneste", "Aldersgruppe", "Fra og med år", "Ny dekning"]]
    plan += [["A", "Færre", "Institusjon, langtid", "80+", 2040, 15]]
    return write_book(path, {"Framskriving": people, "Brukere etter alder": users, "Alternativer": plan})


MAKERS = {
    "ladder": ladder_book,
    "staffing": staffing_book,
    "unit-costs": nursing_book,
    "user-groups": groups_book,
    "project": projection_book,
}


def published(folder, name, few, edition="--publish"):
    """Files of a book with so few in a cell."""
    book = MAKERS[name](folder / "bok.xlsx", few)
    words = [name, str(book), "--out", str(folder / "ut"), "--quiet", "--lang", "nb"]
    assert municipal.main([*words, edition] if edition else words) == 0
    place = folder / "ut" / (f"{name}-public" if edition else name)
    return {p.name: p.read_bytes() for p in place.iterdir() if not p.name.startswith(".")}


@pytest.mark.parametrize("name", MAKERS)
def test_the_public_edition_is_the_same_whatever_a_hidden_count_is(tmp_path, name):
    """Two, three or five of them: not a byte of workbook, page or tables differs, so none tells which."""
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir(), (tmp_path / "c").mkdir()
    two, five = published(tmp_path / "a", name, 2), published(tmp_path / "b", name, 5)
    assert two == five
    assert_nothing_to_look_behind(two[f"{name}-public_nb.xlsx"])
    assert any(
        b":" in line.split(b";") for n, c in two.items() if n.endswith(".csv") for line in c.splitlines()
    )
    if name != "user-groups":  # where there are enough of them it is told
        assert published(tmp_path / "c", name, THRESHOLD) != two


def test_shares_of_other_steps_tell_nothing_of_a_hidden_one(tmp_path, monkeypatch):
    """At a price that all know, the total of the step tells the count: it must not follow from the others."""
    monkeypatch.setitem(MAKERS, "ladder", lambda path, few: ladder_book(path, few, 1.3 * few))
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    assert published(tmp_path / "a", "ladder", 2) == published(tmp_path / "b", "ladder", 5)


@pytest.mark.parametrize("name", [n for n in MAKERS if n != "user-groups"])
def test_the_analysts_edition_shows_what_the_public_one_hides(tmp_path, name):
    """The control: else the test above could not fail."""
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    assert published(tmp_path / "a", name, 2, "") != published(tmp_path / "b", name, 5, "")


def test_a_public_profile_shows_what_its_protection_shows(tmp_path):
    """Cell by cell what `protect_profile` lets be seen, which integer programming attacks elsewhere."""
    book = groups_book(tmp_path / "bok.xlsx", 3)
    system = compute(read_municipal_book(book, KINDS["user-groups"]), "nb")
    found = system.public.args[0]
    shown = protect_profile(found)
    table = next(sheet for sheet in public_sheets(system) if sheet.name == "Profil")
    assert 0 < (shown["hidden"] == ":").sum() < len(shown)
    for number, (row, own) in enumerate(zip(table.rows, shown.to_dict("records"), strict=True)):
        for name in ("numerator", "denominator", "value", "mean", "index"):
            cell = row[table.position(name)]
            if math.isnan(own[name]):
                assert cell in (":", None), (number, name)
            else:
                assert cell == own[name], (number, name)


def test_a_larger_step_is_hidden_beside_a_small_one_and_the_next_difference(tmp_path):
    """By hand: 3 on step 9 is hidden, with it the smallest larger count, 40; the next price tells nothing."""
    files = published(tmp_path, "ladder", 3)
    table = next(c for n, c in files.items() if "innsatstrapp" in n).decode()
    rows = {line.split(";")[2]: line.split(";") for line in table.splitlines()[1:]}
    assert rows["9"][4:9] == [":"] * 5
    assert rows["6"][4:9] == [":"] * 5
    assert rows["5"][4:6] == ["90", "33333,33"]  # 3 mill. / 90
    assert rows["11"][4:6] == ["125", "240000,00"]  # 30 mill. / 125
    assert rows["11"][8] == ":"  # 240 000 less 6 mill. / 3 would tell 3
    assert not any("etter_flytting" in n for n in files)
    moved = next(c for n, c in files.items() if "hva_flytting" in n).decode().splitlines()[1].split(";")
    assert moved[2] == ":"
    assert moved[5] == ":"


def test_faults_leave_the_results_as_they_were(tmp_path, capsys):
    book = ladder_book(tmp_path / "bok.xlsx", 30)
    words = ["ladder", str(book), "--out", str(tmp_path / "ut"), "--lang", "nb"]
    assert municipal.main(words) == 0
    told = capsys.readouterr().out
    assert "IKKE FOR PUBLISERING" in told
    before = {p: p.read_bytes() for p in (tmp_path / "ut").rglob("*") if p.is_file()}
    page = openpyxl.load_workbook(book)
    page["Trinn"]["F3"].value = "mange"
    page["Trinn"]["A4"].value = None
    page.save(book)
    with pytest.raises(InvalidDataError) as caught:
        municipal.main([*words, "--json"])
    assert {problem.partition(":")[0] for problem in caught.value.problems} >= {"Trinn!F3", "Trinn!A4"}
    failure = json.loads(capsys.readouterr().out)
    assert failure["exit_code"] == 3
    assert {p: p.read_bytes() for p in (tmp_path / "ut").rglob("*") if p.is_file()} == before


def test_programs_are_told_of_words_that_do_not_go_together(capsys):
    with pytest.raises(SystemExit) as stop:
        municipal.main(["ladder", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["exit_code"] == stop.value.code == 2
    assert told["error"]["kind"] == "usage"


def test_what_only_the_computing_finds_is_told_with_its_place(tmp_path):
    """More hours delivered than the man-years work; a moved recipient from a step without a price."""
    hours = ["Kommune", "År", "Tjeneste", "Administrasjon", "Leverte timer", "Årsverk i produksjon"]
    sheets = {
        "Regnskap hjemmetjenester": [
            ["Kommune", "År", "Tjeneste", "Art", "Beløp"],
            ["A", 2024, "Hjemmesykepleie", "1010", 100],
            ["B", 2024, "Hjemmesykepleie", "1010", -5],
        ],
        "Timer hjemmetjenester": [
            hours,
            ["A", 2024, "Hjemmesykepleie", 0, 500, 1],
            ["B", 2024, "Hjemmesykepleie", 0, 10, 1],
        ],
    }
    book = write_book(tmp_path / "bok.xlsx", sheets)
    with pytest.raises(InvalidDataError) as caught:
        municipal.main(["unit-costs", str(book), "--out", str(tmp_path / "ut")])
    problems = caught.value.problems
    assert any(p.startswith("Timer hjemmetjenester!A2: ") and "hours are delivered" in p for p in problems)
    assert any(p.startswith("Timer hjemmetjenester!A3: ") and "positive kroner" in p for p in problems)
    assert not (tmp_path / "ut").exists()


def test_what_is_left_out_is_told(tmp_path, capsys):
    """Costs without recipients have no unit cost; the profile is written without it, and says so."""
    book = openpyxl.load_workbook(groups_book(tmp_path / "bok.xlsx", 8))
    book["Brukere"]["F3"].value = 0
    book.save(tmp_path / "bok.xlsx")
    words = ["user-groups", str(tmp_path / "bok.xlsx"), "--out", str(tmp_path / "ut"), "--lang", "nb"]
    assert municipal.main(words) == 0
    told = capsys.readouterr().out
    assert "Merk: A 2023, pu_adults, support_contact" in told
    texts = texts_of(tmp_path / "ut" / "user-groups" / "user-groups_nb.xlsx")
    assert any("kommandoen sier hvilke" in text for text in texts)


def test_templates_are_not_written_over(tmp_path):
    file = tmp_path / "ny" / "bok.xlsx"
    assert municipal.main(["template", "staffing", str(file), "--quiet"]) == 0
    assert openpyxl.load_workbook(file).sheetnames[0] == "Veiledning"
    with pytest.raises(OutputError, match="may have been filled in"):
        municipal.main(["template", "staffing", str(file)])
    with pytest.raises(OutputError, match=r"\.xlsx"):
        municipal.main(["template", "staffing", str(tmp_path / "bok.ods")])


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["ladder"],
        ["ladder", "a.xlsx", "b.xlsx"],
        ["ladder", "a.xlsx", "--example"],
        ["stige", "a.xlsx"],
        ["template", "ladder"],
        ["template", "stige", "a.xlsx"],
        ["template", "ladder", "a.xlsx", "--publish"],
        ["ladder", "a.xlsx", "--lang", "sv"],
    ],
)
def test_usage(words, capsys):
    with pytest.raises(SystemExit) as caught:
        municipal.main(words)
    assert caught.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_script_and_command_are_one(tmp_path):
    """Exit codes at a terminal: 3 for a book that is not there."""
    assert "municipal" in COMMANDS
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "municipal.py"), "ladder", str(tmp_path / "x.xlsx")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 3
    assert done.stderr.startswith("error: there is no file or folder")
    assert not (tmp_path / "municipal").exists()


def test_no_chart_is_cut_by_the_end_of_a_page(examples):
    """Sheets with a chart print on one page, sheets without on as many as they need."""
    charted = 0
    for name in KINDS:
        for page in openpyxl.load_workbook(examples / name / f"{name}_nb.xlsx").worksheets:
            charted += len(page._charts)
            assert page.sheet_properties.pageSetUpPr.fitToPage
            # One is what a file that does not say it means; zero is "as many as are needed".
            assert (page.page_setup.fitToHeight in (None, 1)) == bool(page._charts), page.title
    assert charted >= 5


def test_bars_begin_at_zero(examples):
    """Else a small difference looks large; where a value is negative the program chooses the ends."""
    for name in KINDS:
        parts = archive_of(examples / name / f"{name}_nb.xlsx")
        charts = [part.decode() for path, part in parts.items() if path.startswith("xl/charts/chart")]
        assert all('<c:min val="0"/>' in chart for chart in charts), name
    sheet = Sheet("A", "A", (SheetColumn("a", "A"), SheetColumn("b", "B")), (("x", 2), ("y", -1)))
    drawn = replace(sheet, charts=(Chart("B", ("a", "a"), "b"),))
    content = render_workbook(Workbook("A", (drawn,), (), {}))
    assert b"<c:min " not in archive_of(io.BytesIO(content))["xl/charts/chart1.xml"]


def test_columns_of_words_stand_to_the_left_on_the_page(examples):
    page = (examples / "user-groups" / "user-groups_nb.html").read_text("utf-8")
    style = page.rpartition("<style>")[2].partition("</style>")[0]
    heads = page.partition('<div id="t1">')[2].partition("</thead>")[0]
    names = re.findall(r"<th[^>]*>([^<]*)</th>", heads)
    lefts = {int(k) for k in re.findall(r"#t1 td:nth-child\((\d+)\)", style)}
    assert {names[k - 1] for k in lefts} >= {"Kommune", "Brukergruppe", "Tjeneste"}
    assert "År" not in {names[k - 1] for k in lefts}


def test_a_public_sheet_holds_values_alone():
    """A formula, a link or the row of the inputs would tell where what is hidden comes from."""
    columns = (
        SheetColumn("count", "Count", role="result"),
        SheetColumn("assumed", "Assumed", role="input"),
        SheetColumn("inputs", "Inputs"),
    )
    row = (Formula("=SUM(A1:A2)", 12.0), 3.0, Link("Accounts, row 5", "'Accounts'!A5"))
    made = values_of(Sheet("Sheet", "Title", columns, (row,)))
    assert [(column.name, column.role) for column in made.columns] == [("count", "text"), ("assumed", "text")]
    assert made.rows == ((12.0, 3.0),)
