"""The council's page in Chromium: its sums are Python's, its rows lead to the accounts, and it asks nobody.

Needs playwright (extra ``browser``) and Debian's ``chromium``.
"""

import csv
import math
import os
import random
from pathlib import Path

import pandas as pd
import pytest

from kostnadsvekst.chapters.municipal import compute
from kostnadsvekst.chapters.municipal_report import make_page
from kostnadsvekst.municipal.effort_ladder import ladder, move
from kostnadsvekst.municipal.resource_calculator import equivalents, index_prices, package, prices
from kostnadsvekst.report.council_page import render_council_page, rendering
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.sources.municipal_report_book import read_report_book
from municipal_workbooks import small_example
from test_page_browser import axe  # noqa: F401

pytestmark = pytest.mark.browser
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
FORMULAS = (Path(rendering.__file__).parent / "formulas.js").read_text("utf-8")
CASES = 1100
PARTS = ("user-groups", "ladder", "calculator")


@pytest.fixture(scope="module")
def page():
    return make_page({name: small_example(name) for name in PARTS}, compute, publish=False)


@pytest.fixture(scope="module")
def address(page, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "results.html"
    path.write_text(render_council_page(page), "utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def opened(browser, address):
    """Opener of the page; at the end nothing was said on the console and no request left the file."""
    heard, asked, contexts = [], [], []

    def start(anchor="", **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: heard.append(message.text))
        tab.on("pageerror", lambda error: heard.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(address + anchor)
        return tab

    yield start
    for context in contexts:
        context.close()
    assert heard == []
    assert [url for url in asked if not url.startswith((address, "blob:"))] == []


@pytest.fixture(scope="module")
def sums(browser):
    """The formulas alone, as the page has them."""
    tab = browser.new_page()
    tab.add_script_tag(content=FORMULAS)
    yield tab
    tab.close()


# --- Page = Python


def some_ladder(rng):
    """Steps of which some have no price, and moves of which some cannot be made."""
    rows = []
    for step in sorted(rng.sample(range(1, 30), rng.randint(2, 9))):
        priced = rng.random() < 0.85
        count = rng.choice([0, 1, 3, 17, rng.randint(1, 900), rng.randint(10, 9000) / 7])
        cost = None if rng.random() < 0.4 or not count else rng.uniform(0.001, 400)
        price = rng.choice([rng.uniform(10, 2e6), float(rng.randint(1, 10**6))]) if cost is None else None
        if not priced:
            cost, price = rng.uniform(0, 50), None
        unit = "mottakere" if priced else "innbyggere"
        rows.append((step, f"Trinn {step}", unit, float(count), price, cost))
    rows.append((40, "Fast", "mottakere", 10.0, None, 1.5))
    return pd.DataFrame(rows, columns=["step", "name", "unit", "recipients", "price_kr", "total_mnok"])


def some_moves(rng, steps):
    moves = []
    for _ in range(rng.randint(0, 6)):
        origin, target = rng.choice(steps), rng.choice([*steps, 99])
        n = rng.choice([0.0, 1.0, rng.uniform(0, 40), rng.uniform(0, 2000), -1.0])
        moves.append({"n": n, "origin": int(origin), "target": int(target)})
    return moves


def moved_by_python(frame, moves):
    """Moves that the package makes; what it refuses is left out, as in the page."""
    from kostnadsvekst.errors import InvalidDataError

    changes = []
    for one in moves:
        try:
            frame = move(frame, one["n"], one["origin"], one["target"])
            changes.append(frame.attrs["change_kr"])
        except InvalidDataError:
            changes.append(None)
    return frame, changes


def test_ladders_and_moves_are_those_of_python_to_the_last_bit(sums):
    rng = random.Random(7)
    cases, wanted, refused = [], [], 0
    for _ in range(CASES):
        frame = ladder(some_ladder(rng))
        moves = some_moves(rng, frame["step"].tolist())
        steps = frame[["step", "recipients", "price_kr", "total_mnok", "share_percent"]].astype(object)
        cases.append([steps.where(steps.notna(), None).to_dict("records"), moves])
        after, changes = moved_by_python(frame, moves)
        wanted.append((after, changes))
        refused += changes.count(None)
    made = sums.evaluate("cases => cases.map(([steps, moves]) => formulas.ladder(steps, moves))", cases)
    assert refused > CASES / 10
    for got, (after, changes) in zip(made, wanted, strict=True):
        assert got["changes"] == changes
        assert got["change_kr"] == math.fsum(c for c in changes if c is not None)
        for name in ("recipients", "total_mnok", "share_percent"):
            assert [one[name] for one in got["steps"]] == pytest.approx(
                after[name].tolist(), rel=0, abs=0, nan_ok=True
            )


def test_packages_and_what_they_buy_are_those_of_python_to_the_last_bit(sums):
    rng = random.Random(11)
    listed = prices("list2")
    given = listed[["service", "time", "unit", "provision", "price_kr"]].to_dict("records")
    cases, wanted = [], []
    for _ in range(CASES):
        weeks, factor = (
            rng.choice([52.0, 365 / 7, rng.uniform(50, 53)]),
            rng.choice([1.0, 1.047, rng.uniform(0.2, 5)]),
        )
        lines = []
        for _ in range(rng.randint(1, 9)):
            place = rng.randrange(len(given))
            quantity = rng.choice([0.0, rng.uniform(0, 168), rng.randint(0, 400) / 8])
            lines.append({"alternative": rng.choice("ABC"), "price": place, "quantity": quantity})
        cases.append([lines, weeks, factor])
        frame = pd.DataFrame([{**given[one["price"]], **one} for one in lines]).drop(
            columns=["price", "price_kr"]
        )
        used = index_prices(listed, factor)
        costed = package(frame, used, weeks=weeks)
        first = next(iter(costed.attrs["alternatives"].values()))
        wanted.append((costed, equivalents(first, used, weeks=weeks)["quantity"].tolist()))
    code = """([given, cases]) => cases.map(([lines, weeks, factor]) => {
        const made = formulas.packages(lines, given, weeks, factor);
        return { ...made, bought: formulas.equivalents(made.sums[0].kr_per_year, given, weeks, factor) };
    })"""
    for got, (costed, bought) in zip(sums.evaluate(code, [given, cases]), wanted, strict=True):
        for name in ("price_kr", "kr_per_week", "kr_per_year"):
            assert [one[name] for one in got["lines"]] == costed[name].tolist()
        assert {one["alternative"]: one["kr_per_year"] for one in got["sums"]} == costed.attrs["alternatives"]
        assert got["bought"] == bought
        assert got["faults"] == []


def test_numbers_are_written_as_python_writes_them(sums):
    rng = random.Random(13)
    ties = [0.125, 0.5, 1.5, 2.5, -0.004, 0.005, 1e-7, -0.0, 5e-324, 9.995, 999.995, 1e20, 1234567.885]
    cases = [[rng.choice(ties) * rng.choice([1, -1]), rng.randint(0, 4)] for _ in range(CASES)]
    cases += [[rng.uniform(-1, 1) * 10 ** rng.randint(-9, 12), rng.randint(0, 6)] for _ in range(CASES)]
    cases += [[rng.randint(-(10**9), 10**9) / 8, 2] for _ in range(CASES)]
    for lang in ("nb", "en"):
        got = sums.evaluate(f"cases => cases.map(([v, d]) => formulas.written(v, d, '{lang}'))", cases)
        assert got == [format_number(value, decimals, lang) for value, decimals in cases]
    added = [
        [rng.uniform(-1, 1) * 10 ** rng.randint(-12, 12) for _ in range(rng.randint(0, 20))] for _ in cases
    ]
    assert sums.evaluate("cases => cases.map((v) => formulas.sum(v))", added) == [*map(math.fsum, added)]


# --- Trials in the page


def test_a_move_that_is_typed_changes_what_python_says(opened, page):
    """17 from step 12 to step 10 after the moves of the book."""
    tab = opened("#ladder")
    book = small_example("ladder")
    frame = ladder(
        book.frame("steps")[["step", "name", "group", "unit", "recipients", "price_kr", "total_mnok"]]
    )
    moves = book.frame("moves")
    for one in moves.to_dict("records"):
        frame = move(frame, one["n"], one["origin"], one["target"])
    before = math.fsum(one["change_kr"] for one in frame.attrs["moves"])
    outcome = tab.locator(".trial[data-trial=ladder] .outcome")
    assert outcome.inner_text() == f"Endring i kostnad per år: {format_number(before, 2, 'nb')} kr"
    tab.click("[data-do=add]")
    added = tab.locator(".moves li").nth(2)
    assert added.locator("[data-field=n]").evaluate("e => e === document.activeElement")
    added.locator("[data-field=n]").fill("17")
    added.locator("[data-field=origin]").select_option("12")
    added.locator("[data-field=target]").select_option("10")
    frame = move(frame, 17, 12, 10)
    assert format_number(frame.attrs["change_kr"], 2, "nb") in added.inner_text()
    whole = math.fsum(one["change_kr"] for one in frame.attrs["moves"])
    assert outcome.inner_text().endswith(f"{format_number(whole, 2, 'nb')} kr")
    tab.click("[data-lang=en]")
    rows = tab.locator(".trial[data-trial=ladder] table tbody tr")
    for k, row in enumerate(frame.to_dict("records")):
        cells = rows.nth(k).locator("td").all_inner_texts()
        assert cells[1] == format_number(row["recipients"], 0, "en")
        assert cells[4] == format_number(row["total_mnok"], 4, "en")
        assert cells[6] == format_number(row["share_percent"], 1, "en")
    assert tab.locator("svg[data-figure=ladder-0] .after").first.get_attribute("d").startswith("M")


@pytest.mark.parametrize(
    ("n", "told"), [("-1", "Skriv et antall"), ("", "Skriv et antall"), ("29", "Flere enn")]
)
def test_a_move_that_cannot_be_made_is_told_and_changes_nothing(opened, n, told):
    """Step 12 has 28."""
    tab = opened("#ladder")
    outcome = tab.locator(".trial[data-trial=ladder] .outcome").inner_text()
    tab.click("[data-do=add]")
    added = tab.locator(".moves li").nth(2)
    added.locator("[data-field=origin]").select_option("12")
    added.locator("[data-field=n]").fill("28")
    assert tab.locator(".fault").count() == 0
    assert tab.locator(".trial[data-trial=ladder] .outcome").inner_text() != outcome
    added.locator("[data-field=n]").fill(n)
    assert told in added.inner_text()
    assert tab.locator(".trial[data-trial=ladder] .outcome").inner_text() == outcome
    assert added.locator("[data-field=n]").get_attribute("aria-invalid") == "true"
    tab.click(".trial[data-trial=ladder] [data-do=reset]")
    assert tab.locator(".moves li").count() == 2


def test_quantities_weeks_and_factor_that_are_typed(opened):
    tab = opened("#calculator")
    trial = tab.locator(".trial[data-trial=calculator]")
    trial.locator("[data-line='0']").fill("20.5")
    trial.locator("[data-field=weeks]").fill("52.14")
    trial.locator("[data-field=factor]").fill("1.047")
    lines = small_example("calculator").frame("lines")
    own = {"egen regi": "own", "kjøp": "bought"}
    lines = lines.assign(provision=lines["provision"].map(own))
    lines.loc[0, "quantity"] = 20.5
    used = index_prices(prices("list2"), 1.047)
    made = package(lines, used, weeks=52.14)
    shown = trial.locator(".sums tbody tr").all_inner_texts()
    assert len(shown) == len(made.attrs["alternatives"]) == 3
    for text, (name, kr) in zip(shown, made.attrs["alternatives"].items(), strict=True):
        assert text.split("\t") == [name, format_number(kr / 52.14, 2, "nb"), format_number(kr, 2, "nb")]
    trial.locator("[data-field=alternative]").select_option("Sykehjem")
    bought = equivalents(made.attrs["alternatives"]["Sykehjem"], used, weeks=52.14)["quantity"]
    cells = [row.split("\t")[1] for row in trial.locator(".buys tbody tr").all_inner_texts()]
    assert cells == [format_number(value, 2, "nb") for value in bought]
    trial.locator("[data-field=weeks]").fill("80")
    assert "Skriv et tall mellom 50,0 og 53,0." in trial.locator(".faults").inner_text()
    assert trial.locator(".sums tbody tr").count() == 0
    trial.locator("[data-field=weeks]").fill("53")
    assert trial.locator(".faults").inner_text() == ""
    trial.locator("[data-line='0']").fill("-1")
    assert [row.split("\t")[0] for row in trial.locator(".sums tbody tr").all_inner_texts()] == [
        "Bolig",
        "Sykehjem",
    ]


# --- From the figure to the accounts


def test_three_steps_lead_from_a_bar_to_the_accounts(opened, page):
    tab = opened()
    tables = {table.key: table for table in page.tables}
    tab.locator("svg[data-figure=groups-0] .mark").nth(1).click()
    assert "OPPDIKTET EKSEMPEL" in tab.inner_text("#detail-body")
    rows = tab.locator("#detail tbody tr")
    wanted = next(k for k in range(rows.count()) if "Netto driftsutgifter" in rows.nth(k).inner_text())
    rows.nth(wanted).locator("button").click()
    profile = tables["profile"]
    facts = tab.inner_text("#detail dl")
    row = next(
        k for k in page.drills["group-0-3"].rows if "Netto driftsutgifter" in profile.text(k, "measure").nb
    )
    assert format_number(profile.number(row, "numerator"), 2, "nb") in facts
    sums = tab.locator("#detail tr.sum").last.inner_text()
    assert format_number(profile.number(row, "numerator"), 2, "nb") in sums
    assert "accounts.csv!A" in tab.inner_text("#detail-body")
    tab.click("#back")
    assert tab.locator("#detail tbody tr").count() == rows.count()
    tab.keyboard.press("Escape")
    assert not tab.locator("#detail").is_visible()


def test_keys_alone_move_between_marks_and_open_what_is_behind(opened):
    tab = opened()
    tab.focus("svg[data-figure=groups-0] .mark[tabindex='0']")
    told = tab.locator("[data-told=groups-0]")
    first = told.inner_text()
    assert "kr per innbygger" in first
    tab.keyboard.press("ArrowDown")
    assert told.inner_text() not in ("", first)
    assert tab.locator("svg[data-figure=groups-0] .mark[tabindex='0']").count() == 1
    tab.keyboard.press("Enter")
    assert tab.locator("#detail").is_visible()
    tab.keyboard.press("Escape")
    tab.locator("svg[data-figure=groups-0] .mark").nth(0).hover()
    assert told.inner_text() == first


def test_another_municipality_is_chosen(opened):
    tab = opened()
    assert tab.locator("svg[data-figure=groups-1]").is_hidden()
    tab.select_option("[data-choice=groups]", "1")
    assert tab.locator("svg[data-figure=groups-1]").is_visible()
    assert tab.locator("svg[data-figure=groups-0]").is_hidden()


def test_the_other_language_everywhere(opened):
    tab = opened()
    tab.click("[data-lang=en]")
    assert tab.title() == "Health and care services: what the numbers say"
    tab.locator("svg[data-figure=groups-0] .mark").nth(0).hover()
    assert "per inhabitant" in tab.inner_text("[data-told=groups-0]")
    text = tab.inner_text("body")
    for word in ("Svaret", "Endring", "Brukergrupper", "Kommune og", "Bak tallet", "snitt"):
        assert word not in text
    assert "MADE-UP EXAMPLE" in text


def test_files_say_whose_numbers_they_are(opened, page):
    tab = opened()
    with tab.expect_download() as download:
        tab.click("[data-csv=summary]")
    with open(download.value.path(), encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    summary = next(table for table in page.tables if table.key == "summary")
    assert {row["data_origin"] for row in rows} == {"IKKE FOR PUBLISERING · OPPDIKTET EKSEMPEL"}
    column = next(c.label.nb for c in summary.columns if c.name == "value")
    assert [float(row[column]) for row in rows] == [summary.number(k, "value") for k in range(len(rows))]


# --- Widths, colours, paper


@pytest.mark.parametrize("width", [390, 768, 1280, 3840])
def test_no_width_cuts_the_page(opened, width):
    tab = opened(viewport={"width": width, "height": 900})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    code = """[...document.querySelectorAll('svg.council text')].every((text) => {
        const box = text.getBoundingClientRect();
        const drawing = text.closest('svg').getBoundingClientRect();
        return !box.width || (box.left >= drawing.left - 1 && box.right <= drawing.right + 1);
    })"""
    assert tab.evaluate(code)


def test_it_follows_the_dark_and_can_be_switched(opened):
    tab = opened(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = tab.evaluate(ground)
    tab.click("#theme")
    assert tab.evaluate(ground) == "rgb(255, 255, 255)" != dark


def test_it_prints_on_a4_with_nothing_cut(opened, tmp_path):
    import pypdf

    tab = opened()
    tab.emulate_media(media="print")
    assert not tab.locator(".switches").is_visible()
    (tmp_path / "page.pdf").write_bytes(tab.pdf(prefer_css_page_size=True, print_background=True))
    pages = pypdf.PdfReader(tmp_path / "page.pdf").pages
    assert {(round(p.mediabox.width), round(p.mediabox.height)) for p in pages} == {(595, 842)}
    text = "".join(page.extract_text() for page in pages)
    assert "OPPDIKTET EKSEMPEL" in text
    tab.set_viewport_size({"width": 688, "height": 1017})
    inside = "e => e.getBoundingClientRect().right <= document.documentElement.clientWidth + 1"
    assert tab.evaluate(f"[...document.querySelectorAll('table.sheet, svg')].every({inside})")


# --- All parts together


@pytest.mark.parametrize(("width", "publish"), [(1280, False), (390, True)])
def test_the_whole_example_opens_without_a_fault(browser, whole, width, publish):
    heard = []
    context = browser.new_context(viewport={"width": width, "height": 900})
    tab = context.new_page()
    tab.on("console", lambda message: heard.append(message.text))
    tab.on("pageerror", lambda error: heard.append(str(error)))
    tab.goto(whole[publish])
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("ranks", "funnel", "fans"):
        figure = tab.locator(f"[data-option={name}]").first
        figure.locator(".mark").first.focus()
        told = figure.locator(".told").inner_text()
        assert any(sign.isdigit() for sign in told)
        tab.select_option(f"[data-choice={name}]", "1")
        assert tab.locator(f"[data-option={name}][data-number='1']").is_visible()
        assert figure.is_hidden()
    assert tab.locator("svg[data-figure=gap] .mark").count() == 6
    context.close()
    assert heard == []


@pytest.mark.parametrize(("width", "scheme", "lang"), [(1280, "light", "nb"), (390, "dark", "en")])
def test_axe_finds_nothing(
    browser,
    whole,
    axe,  # noqa: F811
    width,
    scheme,
    lang,
):
    """On the page, in a dialog with accounts, and beside a move that cannot be made."""
    view = {"width": width, "height": 844}
    context = browser.new_context(viewport=view, color_scheme=scheme, bypass_csp=True)
    tab = context.new_page()
    tab.goto(whole[False])
    tab.click(f"[data-lang={lang}]")
    tab.evaluate(axe)
    run = "axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes[0].html))"
    tab.locator(".moves [data-field=n]").first.fill("-1")
    assert tab.evaluate(run) == []
    tab.locator("[data-row^='summary:']:visible").first.click()
    tab.locator("#detail [data-row]").first.click()
    assert tab.evaluate(run) == []
    context.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    books = read_report_book(None)
    made = {(name, lang): compute(book, lang) for name, book in books.items() for lang in ("nb", "en")}
    folder, addresses = tmp_path_factory.mktemp("whole"), {}
    for publish in (False, True):
        page = make_page(books, lambda book, lang: made[book.kind.name, lang], publish=publish)
        path = folder / f"{publish}.html"
        path.write_text(render_council_page(page), "utf-8")
        addresses[publish] = path.as_uri()
    return addresses
