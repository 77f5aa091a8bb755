"""The council's page and short report: what they say is in the tables, and what is hidden nowhere."""

import io
import json
import math
import re
from dataclasses import replace

import pypdf
import pytest

from kostnadsvekst.chapters.municipal import compute, write_template
from kostnadsvekst.chapters.municipal_public import public_sheets
from kostnadsvekst.chapters.municipal_report import make_page, render_report
from kostnadsvekst.chapters.municipal_sheets import assumption_sheet, evaluated
from kostnadsvekst.commands import municipal
from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.municipal.effort_ladder import ladder
from kostnadsvekst.report.council_page import CouncilPage, Section, render_council_page, render_council_report
from kostnadsvekst.report.council_page.content import Choice, Column, LadderTrial, PageTable
from kostnadsvekst.report.council_page.drawings import (
    Bar,
    Named,
    Path,
    Spread,
    bars,
    fan,
    funnel,
    ranks,
    waterfall,
)
from kostnadsvekst.report.council_page.printed import standalone
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.sources.municipal_forms import BookKind, Field, Form
from kostnadsvekst.sources.municipal_kinds import CALCULATOR, KINDS, LADDER, USER_GROUPS
from kostnadsvekst.sources.municipal_report_book import REPORT, compose, read_report_book
from municipal_workbooks import headings, small_example, write_book

PARTS = (USER_GROUPS.name, LADDER.name, CALCULATOR.name)
STEPS = ["Kommune", "År", "Trinn", "Navn", "Telles i", "Antall", "Kostnad"]


@pytest.fixture(scope="module")
def blocks():
    return {name: small_example(name) for name in PARTS}


@pytest.fixture(scope="module")
def computed(blocks):
    """Each part computed once for all tests."""
    return {(name, lang): compute(book, lang) for name, book in blocks.items() for lang in ("nb", "en")}


@pytest.fixture(scope="module")
def pages(blocks, computed):
    def looked_up(book, lang):
        return computed[book.kind.name, lang]

    return {publish: make_page(blocks, looked_up, publish=publish) for publish in (False, True)}


def data_of(html):
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])


# --- From the figure to the accounts


def test_a_bar_leads_to_rows_and_each_row_to_the_accounts_that_make_its_numerator(pages):
    page = pages[False]
    tables = {table.key: table for table in page.tables}
    profile, accounts = tables["profile"], tables["accounts"]
    labels = {
        "Netto driftsutgifter per innbygger": "net_kr",
        "Brutto driftsutgifter per innbygger": "gross_kr",
    }
    labels |= {"Brutto kostnad per plass": "gross_kr", "Brutto kostnad per mottaker": "gross_kr"}
    seen = 0
    for k in range(len(profile.rows)):
        column = labels.get(profile.text(k, "measure").nb)
        drills = {drill.table: drill for drill in page.rows_behind.get(("profile", k), ())}
        if column and "accounts" in drills:
            parts = math.fsum(accounts.number(row, column) for row in drills["accounts"].rows)
            assert parts == pytest.approx(profile.number(k, "numerator"), abs=1e-6)
            seen += 1
    assert seen > 50
    drawing = next(p for p in page.sections[0].parts if isinstance(p, Choice)).options[0][1]
    for mark, row in zip(drawing.marks, range(len(drawing.marks)), strict=True):
        drill = page.drills[mark.opens]
        assert drill.table == "profile"
        assert drill.rows
        groups = {profile.text(k, "group").nb for k in drill.rows}
        assert groups == {tables["summary"].text(row * 3, "group").nb}, "the summary has three municipalities"


def test_counts_behind_a_row_add_up(pages):
    page = pages[False]
    tables = {table.key: table for table in page.tables}
    profile, counts = tables["profile"], tables["counts"]
    seen = 0
    for k in range(len(profile.rows)):
        if profile.text(k, "measure").nb == "Plasser per 1000 innbyggere":
            drill = next(d for d in page.rows_behind["profile", k] if d.table == "counts")
            places = math.fsum(counts.number(row, "places") or 0.0 for row in drill.rows)
            assert places == pytest.approx(profile.number(k, "numerator"))
            seen += 1
    assert seen


def test_accounts_say_where_they_stand_in_the_book(pages):
    accounts = next(table for table in pages[False].behind if table.key == "accounts")
    places = {accounts.text(k, "inputs").nb for k in range(len(accounts.rows))}
    assert any(place.startswith("accounts.csv!A") for place in places)
    assert any(place.startswith("corrections.csv!A") for place in places)


# --- The answer


def test_sentences_have_the_numbers_of_the_tables(pages):
    """Direction and size as the table shows them; by hand from the summary's rows."""
    page = pages[False]
    summary = next(table for table in page.tables if table.key == "summary")
    told = {s.nb.partition(":")[0]: s.nb for s in page.answer}
    group = next(k for k in range(len(summary.rows)) if summary.text(k, "group").nb in told)
    index = float(format_number(summary.number(group, "index"), 1, "en"))
    sentence = told[summary.text(group, "group").nb]
    way = "over snittet" if index > 100 else "under snittet"
    assert f"{format_number(abs(index - 100), 1, 'nb')} % {way}" in sentence
    assert f"{format_number(summary.number(group, 'value'), 0, 'nb')} kr per innbygger" in sentence


@pytest.mark.parametrize(
    ("index", "nb", "en"),
    [
        (100.04, "er som snittet", "is as the mean"),
        (100.06, "er 0,1 % over snittet", "is 0.1 % above the mean"),
        (99.94, "er 0,1 % under snittet", "is 0.1 % below the mean"),
        (1250.0, "er 1\u202f150,0 % over snittet", "is 1,150.0 % above the mean"),
    ],
)
def test_above_and_below_follow_the_digits_shown(blocks, computed, index, nb, en):
    """An index that is shown as 100.0 is as the mean, whatever its further digits."""

    def changed(book, lang):
        system = computed[book.kind.name, lang]
        summary, *others = system.results
        place = summary.position("index")
        rows = tuple((*row[:place], index) for row in summary.rows)
        return replace(system, results=(replace(summary, rows=rows), *others))

    answer = make_page({USER_GROUPS.name: blocks[USER_GROUPS.name]}, changed, publish=False).answer
    assert nb in answer[-1].nb
    assert en in answer[-1].en


# --- Marks, languages, safety


def test_made_up_numbers_are_marked_at_every_figure_and_table(pages):
    html = render_council_page(pages[False])
    for what in ("<caption>", '<figcaption><h3 id="'):
        found = re.findall(rf"{what}.*?(?:</caption>|</h3>)", html, re.DOTALL)
        assert found
        assert all("OPPDIKTET EKSEMPEL" in one and "MADE-UP EXAMPLE" in one for one in found)
    assert "oppdiktet eksempel" in html.partition("<main>")[0]


def test_a_norwegian_page_holds_no_english_and_no_switch(pages):
    page = pages[False]
    html = render_council_page(page, ("nb",))
    assert 'lang="en"' not in html.partition("<body>")[2]
    assert "data-lang=" not in html.partition("<script")[0]
    texts = {
        text for table in page.tables for row in table.rows for text in row if isinstance(text, Bilingual)
    }
    texts |= set(page.answer) | {section.heading for section in page.sections}
    english = {t.en for t in texts if t.nb != t.en and len(t.en) > 8} - {t.nb for t in texts}
    assert english
    assert [text for text in english if f">{text}<" in html or f'"{text}"' in html] == []


def test_the_page_asks_for_nothing_and_hostile_names_stay_text(pages):
    hostile = "</script><img src=x onerror=alert(1)>"
    summary = PageTable(
        "t", both(hostile), (Column("a", both("'\"<b>")),), ((both(hostile),), (both("&amp;"),))
    )
    page = CouncilPage(both(hostile), (both(hostile),), both(hostile), (both(hostile),), ())
    page = replace(page, sections=(Section("s", both(hostile), (summary, both(hostile))),))
    html = render_council_page(page)
    assert "<img" not in html
    assert html.count("</script>") == 2
    assert data_of(html)["texts"][0] == hostile
    whole = render_council_page(pages[False])
    assert "default-src 'none'" in whole
    assert not re.search(r'(?:src|href)="(?!#)', whole)
    assert "http://" not in whole.replace("http://www.w3.org", "")


# --- The public edition


def test_the_public_edition_has_neither_accounts_nor_counts_nor_what_is_hidden(pages, tmp_path):
    """4 users, 0.4 per 1,000, 75 man-years per 100 and 250,000 kroner each: none is in any cell."""
    assert {table.key for table in pages[True].behind} == {"profile"}
    assert {table.key for table in pages[False].behind} == {"profile", "accounts", "counts"}
    page = public_page(book_of(tmp_path, "b.xlsx", users={"A": 4, "B": 30}, steps=(40, 60)))
    profile = page.behind[0]
    hidden = [k for k in range(len(profile.rows)) if profile.cell(k, "value") == both(":")]
    measures = {profile.text(k, "measure").nb for k in hidden if profile.text(k, "municipality").nb == "A"}
    assert measures >= {
        "Brukere per 1000 innbyggere",
        "Årsverk per 100 mottakere",
        "Brutto kostnad per mottaker",
    }
    numbers = {cell for table in page.tables for row in table.rows for cell in row if isinstance(cell, float)}
    assert not numbers & {4.0, 0.4, 75.0, 250_000.0}
    assert {drill.table for drills in page.rows_behind.values() for drill in drills} == {"profile"}


def test_the_public_page_has_no_number_that_the_public_sheets_do_not_have(pages, computed):
    shown = {
        float(value)
        for (_, lang), system in computed.items()
        if lang == "nb"
        for sheet in (*public_sheets(system), *([assumption_sheet(system.assumptions, "nb")]))
        for row in sheet.rows
        for value in map(evaluated, row)
        if isinstance(value, int | float)
    }
    page = pages[True]
    told = {cell for table in page.tables for row in table.rows for cell in row if isinstance(cell, float)}
    assert len(told) > 300
    assert told <= shown
    trials = [p for s in page.sections for p in s.parts if isinstance(p, LadderTrial)]
    tried = {v for trial in trials for step in trial.steps for v in step.values() if isinstance(v, float)}
    assert tried
    assert tried <= shown


def test_a_book_of_very_many_municipalities_has_ones_own_and_those_of_its_last_year(monkeypatch, pages):
    """Of three municipalities two are kept: their rows, drills and accounts still belong together."""
    from kostnadsvekst.chapters import municipal_report_sections as sections

    monkeypatch.setattr(sections, "MOST_UNITS", 2)
    page = pages[False]
    by_key = {table.key: table for table in page.tables}
    behind = [page.rows_behind.get(("profile", k), ()) for k in range(len(by_key["profile"].rows))]
    rows = [{d.table: d.rows for d in drills} for drills in behind]
    traced = tuple((row.get("accounts", ()), row.get("counts", ())) for row in rows)
    tables = sections.GroupTables(*(by_key[k] for k in ("summary", "profile", "accounts", "counts")), traced)
    made = sections.user_groups_section(tables, "Tenkt")
    profile, accounts, _ = made.behind
    names = {profile.text(k, "municipality").nb for k in range(len(profile.rows))}
    assert names == {"Tenkt", "Oppdiktet"}
    assert any("1 andre kommuner og år" in p.nb for p in made.section.parts if isinstance(p, Bilingual))
    seen = 0
    for k in range(len(profile.rows)):
        drill = next((d for d in made.rows_behind.get(("profile", k), ()) if d.table == "accounts"), None)
        if drill and profile.text(k, "measure").nb == "Brutto driftsutgifter per innbygger":
            whole = math.fsum(accounts.number(row, "gross_kr") for row in drill.rows)
            assert whole == pytest.approx(profile.number(k, "numerator"))
            seen += 1
    assert seen > 5


def book_of(folder, name, *, users, steps, year=2024):
    """A book with one group of one service and a ladder, of two municipalities."""
    people = [[m, year, 10_000, 2_000, 6_000, 500, 1.0, None] for m in ("A", "B")]
    group, service = USER_GROUPS.form("counts").field("group").choices[1].nb, "Støttekontakt"
    counts = [[m, year, group, service, "Egen regi", n, None, None, 3.0] for m, n in users.items()]
    accounts = [[m, year, group, service, "Egen regi", 1_000_000.0, 0.0] for m in ("A", "B")]
    heads = {form: headings(USER_GROUPS, form)[:-1] for form in ("population", "counts")}
    ladder_rows = [["A", 2024, k + 1, f"Trinn {k}", "mottakere", n, 5.0] for k, n in enumerate(steps)]
    return write_book(
        folder / name,
        {
            "Innbyggere": [heads["population"], *people],
            "Brukere": [heads["counts"], *counts],
            "Regnskap": [
                [*headings(USER_GROUPS, "accounts")[:5], "Brutto driftsutgifter", "Refusjon ressurskrevende"],
                *accounts,
            ],
            "Trinn": [STEPS, *ladder_rows],
        },
    )


def public_page(path):
    """The page, with Norwegian in the place of both languages: what is hidden has none."""
    made = {}

    def once(book, lang):
        return made.setdefault(book.kind.name, compute(book, "nb") if book.kind.name not in made else None)

    return make_page(read_report_book(path), once, publish=True)


def test_files_are_the_same_whatever_the_hidden_number_is(tmp_path):
    """By hand: 2 or 5 users in A are hidden, and nothing that follows from them is told."""
    shown = []
    for n in (2, 5, 8):
        page = public_page(book_of(tmp_path, "b.xlsx", users={"A": n, "B": 30}, steps=(40, 60)))
        shown.append((render_council_page(page), render_council_report(page, "nb") if n < 8 else b""))
    assert shown[0] == shown[1] != shown[2]
    profile = next(table for table in page.behind if table.key == "profile")
    assert profile.number(0, "value") is not None


@pytest.mark.parametrize(
    ("users", "steps", "year", "shown", "tried"),
    [
        (40, (40, 60), 2024, True, True),
        (3, (40, 60), 2024, False, False),  # 40 in the ladder less what the groups tell
        (40, (3, 60), 2024, False, False),
        (3, (40, 60), 2023, False, False),  # the last day of a year is the first of the next
        (40, (3, 60), 2023, False, False),
    ],
)
def test_parts_that_count_the_same_people_do_not_betray_each_other(
    tmp_path, users, steps, year, shown, tried
):
    book = book_of(tmp_path, "b.xlsx", users={"A": users, "B": 30}, steps=steps, year=year)
    section = next(s for s in public_page(book).sections if s.key == "ladder")
    assert any(isinstance(part, PageTable) for part in section.parts) is shown
    assert any(isinstance(part, LadderTrial) for part in section.parts) is tried
    told = [p.nb for p in section.parts if isinstance(p, Bilingual)]
    assert any("vises ikke i den offentlige" in text for text in told) is not shown


# --- The book


def test_sheets_without_those_they_need_are_told_all_at_once(tmp_path):
    people = [headings(USER_GROUPS, "population"), ["A", 2024, 10_000, None, None, None, 1.0, None, None]]
    moves = [headings(LADDER, "moves"), ["A", 2024, 3, 1, 2, None]]
    book = write_book(tmp_path / "b.xlsx", {"Innbyggere": people, "Flyttinger": moves})
    with pytest.raises(InvalidDataError) as raised:
        read_report_book(book)
    told = str(raised.value)
    assert (
        "sheet 'Innbyggere' is filled in, and 'Brukere', 'Regnskap' of 'Brukergruppeanalyse' is not" in told
    )
    assert "sheet 'Flyttinger' is filled in, and 'Trinn' of 'Innsatstrapp' is not" in told
    alone = write_book(tmp_path / "a.xlsx", {"Trinn": [STEPS, ["A", 2024, 1, "Hjem", "mottakere", 40, 5.0]]})
    assert [*read_report_book(alone)] == ["ladder"]


def test_checks_of_the_parts_are_made_in_the_whole_book(tmp_path):
    """A move from a step that is not there, of the ladder; a price that is not there, of the calculator."""
    sheets = {
        "Trinn": [STEPS, ["A", 2024, 1, "Hjem", "mottakere", 40, 5.0]],
        "Flyttinger": [headings(LADDER, "moves"), ["A", 2024, 3, 1, 7, None]],
        "Tiltak": [headings(CALCULATOR, "lines"), ["A", 2024, "X", "Måne", None, None, 3, None]],
        "Priser": [headings(CALCULATOR, "prices"), ["Sol", None, "time", None, None, 100.0, None]],
        "Forutsetninger": [["Forutsetning", "Verdi"], ["Uker per år", 70]],
    }
    with pytest.raises(InvalidDataError) as raised:
        read_report_book(write_book(tmp_path / "b.xlsx", sheets))
    told = str(raised.value)
    for part in ("has no step 7", "'Måne' has no price", "'Uker per år' is 70"):
        assert part in told


def test_what_only_the_computing_finds_is_told_of_all_parts(tmp_path):
    """Costs of nobody in the ladder, and two prices that fit a line."""
    sheets = {
        "Trinn": [STEPS, ["A", 2024, 1, "Hjem", "mottakere", 40, 0.0]],
        "Tiltak": [headings(CALCULATOR, "lines"), ["A", 2024, "X", "Sol", None, None, 3, None]],
        "Priser": [
            headings(CALCULATOR, "prices"),
            *(["Sol", time, "time", None, None, 100.0, None] for time in ("Dag", "Natt")),
        ],
    }
    blocks = read_report_book(write_book(tmp_path / "b.xlsx", sheets))
    with pytest.raises(InvalidDataError) as raised:
        render_report(blocks, compute, ("nb",), publish=False)
    assert "shares need a positive sum" in str(raised.value)
    assert "several prices fit" in str(raised.value)
    assert "has 2 fault(s)" in str(raised.value)


def test_sheets_of_one_name_and_two_forms_are_told_apart():
    people = Form("population", Bilingual("Innbyggere", "Inhabitants"), (Field("age", both("Alder")),))
    other = BookKind("other", Bilingual("Framskriving", "Projection"), (people,))
    whole = compose([USER_GROUPS, other, USER_GROUPS])
    names = [form.name for form in whole.forms]
    assert len(names) == len(set(names)) == len(USER_GROUPS.forms) + 1
    assert whole.parts[1].names == {"population": "other-population"}
    assert whole.form("other-population").label.nb == "Innbyggere framskriving"
    assert whole.parts[1].tables({"other-population": 1, "population": 2}) == {"population": 1}
    assert all(form.optional for form in whole.forms)


def test_the_template_of_the_report_has_a_sheet_for_each_part(tmp_path):
    import openpyxl

    path = write_template("report", tmp_path / "bok.xlsx", "nb")
    sheets = openpyxl.load_workbook(path, read_only=True).sheetnames
    assert {form.label.nb for form in REPORT.sheets} <= set(sheets)
    assert {part.kind.name for part in REPORT.parts} == set(KINDS) - {"unit-costs", "staffing"}


def test_the_command_writes_the_parts_that_are_filled_in(tmp_path, capsys):
    """A book with a ladder alone; with a fault nothing is written and what was there stays."""
    sheets = {
        "Trinn": [
            STEPS,
            ["A", 2024, 1, "Hjem", "mottakere", 40, 5.0],
            ["A", 2024, 2, "Hus", "boliger", 9, 3.0],
        ]
    }
    book = write_book(tmp_path / "bok.xlsx", sheets)
    out = tmp_path / "ut"
    assert municipal.main(["report", str(book), "--out", str(out), "--lang", "nb"]) == 0
    written = {path.relative_to(out).as_posix() for path in out.rglob("*.*") if path.is_file()}
    assert written >= {"report/results.html", "report/report_nb.pdf"}
    assert "report/report_en.pdf" not in written
    html = (out / "report" / "results.html").read_text("utf-8")
    assert "IKKE FOR PUBLISERING" in html
    assert "OPPDIKTET" not in html
    assert "bok.xlsx" in html
    assert 'id="user-groups"' not in html
    assert "IKKE FOR PUBLISERING" in capsys.readouterr().out
    assert (
        municipal.main(["report", str(book), "--out", str(out), "--publish", "--lang", "en", "--quiet"]) == 0
    )
    assert "Public edition" in (out / "report-public" / "results.html").read_text("utf-8")
    faulty = write_book(
        tmp_path / "bok.xlsx", {"Trinn": [*sheets["Trinn"], ["A", 2024, 2, "Hus", "boliger", 9, 3.0]]}
    )
    with pytest.raises(InvalidDataError):
        municipal.main(["report", str(faulty), "--out", str(out), "--lang", "nb"])
    assert (out / "report" / "results.html").read_text("utf-8") == html


# --- Figures, by hand


def rectangles(drawing, kind):
    found = re.findall(
        rf'class="{kind}" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', "".join(m.shape for m in drawing.marks)
    )
    return [(float(x), float(width)) for x, width in found]


NAMED = Named("k", both("Tittel"), both("kr"), both("om"))


def test_bars_are_as_long_as_their_values_and_hidden_ones_have_a_sign():
    told = both("x")
    drawing = bars(NAMED, [Bar(told, 100.0, told, 50.0), Bar(told, 200.0, told), Bar(told, None, told)])
    (_, one), (_, two) = rectangles(drawing, "bar")
    assert two == pytest.approx(2 * one, abs=0.2)
    assert ">:</text>" in drawing.marks[2].shape
    line = float(re.search(r'class="mean" d="M([\d.]+)', drawing.marks[0].shape)[1])
    assert line - rectangles(drawing, "bar")[0][0] == pytest.approx(one / 2, abs=0.2)


def test_a_waterfall_ends_where_it_says():
    """900 + 200 − 50 = 1,050: each step starts where the one before ended."""
    told = both("x")
    steps = [Bar(told, 200.0, told), Bar(told, -50.0, told)]
    drawing = waterfall(NAMED, Bar(told, 900.0, told), steps, Bar(told, 1050.0, told))
    (start_x, start), (end_x, end) = rectangles(drawing, "bar ")
    ((up_x, up),) = rectangles(drawing, "bar up")
    ((down_x, down),) = rectangles(drawing, "bar down")
    assert up == pytest.approx(4 * down, abs=0.3)
    assert up_x == pytest.approx(start_x + start, abs=0.15)
    assert down_x + down == pytest.approx(up_x + up, abs=0.15)
    assert end_x + end == pytest.approx(down_x, abs=0.15)
    assert ">+</text>" in drawing.marks[1].shape
    assert ">\u2212</text>" in drawing.marks[2].shape


def test_a_fan_tells_the_band_of_the_record_from_the_rest():
    told = tuple(both(str(y)) for y in (2020, 2021, 2022, 2023))
    path = Path(
        both("a"),
        (2020, 2021, 2022, 2023),
        (10.0, 11.0, None, 13.0),
        told,
        (10.0, 9.0, 8.0, 7.0),
        (10.0, 13.0, 15.0, 17.0),
    )
    within = fan(NAMED, path)
    assert sum('class="band"' in g for g in within.ground) == 1
    assert not any("beyond" in g for g in within.ground)
    assert len(within.marks) == 3, "a year that is not known has no mark"
    beyond = fan(NAMED, replace(path, extrapolated=(False, False, True, True)))
    (band,) = [g for g in beyond.ground if 'class="band"' in g]
    (rest,) = [g for g in beyond.ground if "beyond" in g]
    assert band.count("L") == 3
    assert rest.count("L") == 5, "from the last year of the record"


def test_a_funnel_places_size_and_value_and_a_rank_its_interval():
    rows = [
        Spread(both("A"), 10.0, 5.0, 20.0, both("A 10"), own=True, x=100.0),
        Spread(both("B"), 20.0, 15.0, 25.0, both("B 20"), x=300.0),
        Spread(both("C"), None, None, None, both("C :"), x=500.0),
    ]
    limits = [[(100.0, 0.0, 40.0), (300.0, 10.0, 25.0)]]
    drawing = funnel(NAMED, rows, 15.0, limits)
    assert len(drawing.marks) == 2, "what is hidden is not drawn"
    assert 'class="own"' in drawing.marks[0].shape
    assert 'class="other"' in drawing.marks[1].shape
    assert sum("limit1" in g for g in drawing.ground) == 2
    ranked = ranks(NAMED, rows, 15.0)
    low, high = map(
        float, re.search(r'class="span" d="M([\d.]+) [\d.]+H([\d.]+)', ranked.marks[1].shape).groups()
    )
    middle = float(re.search(r'cx="([\d.]+)"', ranked.marks[1].shape)[1])
    assert middle - low == pytest.approx(high - middle, abs=0.15)
    assert "span" not in ranked.marks[2].shape


def test_a_figure_stands_alone_in_one_language():
    import xml.etree.ElementTree as ET

    drawing = bars(NAMED, [Bar(Bilingual("norsk & <b>", "english"), 1.0, both("x"))])
    svg = standalone(drawing, "nb")
    assert "english" not in svg
    assert "var(" not in svg
    ET.fromstring(svg)


# --- The report on paper


def test_the_pdf_says_the_answer_and_is_for_all_readers(pages, blocks, computed):
    def looked_up(book, lang):
        return computed[book.kind.name, lang]

    files, notes = render_report(blocks, looked_up, ("nb",), publish=True)
    assert render_council_page(pages[True], ("nb",)) == files["results.html"]
    assert render_council_report(pages[True], "nb") == files["report_nb.pdf"]
    assert set(notes) == {note for (_, lang), made in computed.items() if lang == "nb" for note in made.notes}
    reader = pypdf.PdfReader(io.BytesIO(files["report_nb.pdf"]))
    assert {(round(p.mediabox.width), round(p.mediabox.height)) for p in reader.pages} == {(595, 842)}
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert reader.trailer["/Root"]["/Lang"] == "nb-NO"
    text = " ".join("".join(page.extract_text() for page in reader.pages).split())
    plain = text.replace("\u00ad", "").replace("- ", "")
    for page in reader.pages:
        assert "OPPDIKTET EKSEMPEL" in page.extract_text()
    for sentence in pages[True].answer:
        number = re.findall(r"\d[\d\u202f]*(?:,\d+)?", sentence.nb)[-1]
        assert " ".join(number.split()) in plain
    assert "NOT FOR" not in text
    assert "IKKE FOR PUBLISERING" not in text


def test_the_ladder_of_the_trial_is_that_of_the_book(pages, blocks):
    """The numbers that the page computes with are those of the package, with all their digits."""
    trial = next(p for s in pages[False].sections for p in s.parts if isinstance(p, LadderTrial))
    frame = blocks[LADDER.name].frame("steps")
    steps = frame[["step", "name", "group", "unit", "recipients", "price_kr", "total_mnok"]].assign(
        in_cost=True
    )
    found = ladder(steps)
    assert [one["total_mnok"] for one in trial.steps] == found["total_mnok"].tolist()
    given = blocks[LADDER.name].frame("moves")[["n", "origin", "target"]].to_numpy().tolist()
    assert [list(move) for move in trial.moves] == given
