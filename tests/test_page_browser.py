"""The report page in Chromium: found, followed, filtered, heard, printed, and nothing asked of the network.

Needs playwright (extra ``browser``), Debian's ``chromium`` and, for axe-core, ``npm``.
"""

import csv
import io
import os
import shutil
import subprocess
import tarfile
from urllib.parse import quote

import pytest

from kostnadsvekst.chapters.page import page_of
from kostnadsvekst.report.page import render_page
from page_from_results import finished, read

pytestmark = pytest.mark.browser
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
CELL = "A3/2019/Modell 1 b"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_page(page_of(finished())), "utf-8")
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


def test_from_the_printed_number_to_the_code_in_three_clicks(opened):
    """2,699.377 in table A3 (model 1, 2019), as somebody who has never seen the page looks for it."""
    tab, clicks = opened(), 0
    tab.fill("#search", "2,699.377")
    tab.wait_for_timeout(300)
    found = tab.locator("button.cell:not(.dim):visible")
    assert found.count() == 1
    found.click()
    clicks += 1
    assert "2699.377" in tab.inner_text("#detail-body")
    tab.click("#detail summary >> nth=0")
    clicks += 1
    shown = tab.locator("#detail details[open] pre")
    assert shown.is_visible()
    assert shown.inner_text().startswith("def estimate(")
    assert "src/kostnadsvekst/models/fixed_effects.py" in tab.inner_text("#detail details[open]")
    assert clicks <= 3


@pytest.mark.parametrize("written", ["2699.377", "2 699,377", "2\u202f699,377", "2,699.377"])
def test_a_number_is_found_however_it_is_written(opened, written):
    tab = opened()
    tab.fill("#search", written)
    tab.wait_for_timeout(300)
    keys = tab.eval_on_selector_all(
        "button.cell:not(.dim)", "all => all.filter(e => e.offsetParent).map(e => e.dataset.key)"
    )
    assert keys == [CELL]


def test_filters_leave_what_they_say(opened):
    claims = read("claims/claims.csv")
    tab = opened()
    tab.select_option("#verdict", "differs")
    tab.select_option("#evidence", "real")
    left = tab.eval_on_selector_all("#claim-list > li:not([hidden])", "all => all.map(e => e.dataset.key)")
    wanted = claims[(claims["verdict"] == "differs") & (claims["evidence"] == "real")]
    assert sorted(left) == sorted(wanted["id"])
    tab.select_option("#evidence", "")
    tab.select_option("#chapter", "kpr")
    left = tab.locator("#claim-list > li:visible").count()
    assert left == ((claims["verdict"] == "differs") & (claims["chapter"] == "kpr")).sum()
    assert tab.locator("#finding-list > li:visible").count() == 0
    tab.click("button[type=reset]")
    tab.wait_for_timeout(100)
    assert tab.locator("#claim-list > li:visible").count() == len(claims)
    assert tab.locator("button.cell.dim").count() == 0
    tab.select_option("#chapter", "consistency")
    assert tab.locator("#finding-list > li:visible").count() == len(read("consistency/findings.csv"))
    assert tab.locator("#claim-list > li:visible").count() == 0


def test_a_file_is_found_by_its_name(opened):
    tab = opened()
    tab.fill("#search", "weekly_users")
    tab.wait_for_timeout(300)
    found = tab.locator("details.files li:visible")
    assert found.all_inner_texts() == ["kpr/weekly_users.csv"]
    tab.click("button[type=reset]")
    tab.wait_for_timeout(100)
    assert tab.locator("details.files:visible").count() >= 9
    assert tab.locator("details.files[open]").count() == 0


def test_claims_are_sorted_differences_first(opened):
    claims = read("claims/claims.csv").set_index("id")
    tab = opened()
    tab.select_option("#sort", "verdict")
    order = tab.eval_on_selector_all("#claim-list > li", "all => all.map(e => e.dataset.key)")
    verdicts = [claims["verdict"][key] for key in order]
    count = (claims["verdict"] == "differs").sum()
    assert set(verdicts[:count]) == {"differs"}
    assert set(order) == set(claims.index)
    tab.select_option("#sort", "id")
    order = tab.eval_on_selector_all("#claim-list > li", "all => all.map(e => e.dataset.key)")
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("key", "said"), [(CELL, "2699.377"), ("C001", "8.13"), ("1/FGK9/Prosentandel", "100")]
)
def test_a_permanent_link_opens_its_number(opened, key, said):
    tab = opened("#" + quote(key), locale="en-GB")
    assert tab.locator("#detail").is_visible()
    tab.evaluate("document.querySelector('[data-lang=en]').click()")
    assert said in tab.inner_text("#detail-body")
    assert tab.locator(".hit").get_attribute("data-key") == key
    box = tab.locator(".hit").bounding_box()
    assert 0 <= box["y"] <= 900


def test_a_link_to_what_is_not_there_says_so(opened):
    tab = opened("#A9/1/x")
    assert "A9/1/x" in tab.inner_text("#shown")
    assert not tab.locator("#detail").is_visible()


def test_the_language_changes_in_place(opened):
    tab = opened()
    tab.evaluate("document.querySelector('[data-key=C100]').scrollIntoView({behavior: 'instant'})")
    tab.evaluate("window.scrollBy({top: -200, behavior: 'instant'})")
    first = (
        "[...document.querySelectorAll('#claim-list > li')].find(e => e.getBoundingClientRect().bottom > 0)"
    )
    find, key = f"{first}.getBoundingClientRect().top", f"{first}.dataset.key"
    before = tab.evaluate(find), tab.evaluate(key)
    assert "ett for ett" in tab.title()
    tab.evaluate("document.querySelector('[data-lang=en]').click()")
    tab.wait_for_timeout(100)
    after = tab.evaluate(find), tab.evaluate(key)
    assert after[1] == before[1]
    assert abs(after[0] - before[0]) <= 2
    assert tab.evaluate("document.documentElement.lang") == "en"
    assert "one by one" in tab.title()
    assert tab.locator("h2 .nb:visible").count() == 0
    assert tab.locator("h2 .en:visible").count() == 6
    assert tab.get_attribute("#search", "placeholder").startswith("number or word")


def test_numbers_change_their_signs_with_the_language(opened):
    tab = opened("#" + quote(CELL))
    assert "2\u202f699,377039" in tab.inner_text("#detail-body")
    tab.evaluate("document.querySelector('[data-lang=en]').click()")
    assert "2,699.377039" in tab.inner_text("#detail-body")


def test_a_figure_tells_its_values_to_pointer_and_keys(opened):
    account = read("growth/growth_account.csv")
    real = account[account["function"] == "FGK9"].set_index("year")["index_real"].astype(float)
    tab = opened()
    svg = tab.locator("svg[data-figure=figure-2]")
    svg.scroll_into_view_if_needed()
    box = svg.bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 74 / 720, box["y"] + box["height"] / 2)
    output = tab.locator("[data-values=figure-2]")
    assert output.inner_text() == f"2015: {real['2015']:.1f}".replace(".", ",")
    tab.focus("[data-slider=figure-2]")
    tab.keyboard.press("ArrowRight")
    assert output.inner_text() == f"2016: {real['2016']:.1f}".replace(".", ",")
    assert tab.get_attribute("[data-slider=figure-2]", "aria-valuetext") == output.inner_text()


def test_the_data_of_a_figure_are_those_of_the_results(opened):
    users = read("kpr/weekly_users.csv")
    tab = opened()
    with tab.expect_download() as download:
        tab.click("[data-csv=figure-5]")
    with open(download.value.path(), encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert download.value.suggested_filename == "figure-5.csv"
    assert [row["label"] for row in rows] == [*users["week"]]
    assert [row["80+ år"] for row in rows] == [*users["long_term_stay 80+"]]
    assert {row["data_origin"] for row in rows} == {"synthetic"}


def test_keys_alone_reach_a_number_and_come_back(opened):
    tab = opened()
    tab.focus("#A3 button.cell[tabindex='0']")
    for key in ("ArrowDown", "ArrowDown", "ArrowDown"):
        tab.keyboard.press(key)
    assert tab.evaluate("document.activeElement.dataset.key") == CELL
    tab.keyboard.press("Enter")
    assert tab.locator("#detail").is_visible()
    tab.keyboard.press("Escape")
    assert not tab.locator("#detail").is_visible()
    assert tab.evaluate("document.activeElement.dataset.key") == CELL
    assert tab.locator("#A3 button.cell[tabindex='0']").count() == 1


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    """The script of axe-core, from npm's registry or from a file that is named."""
    if named := os.environ.get("AXE_CORE"):
        with open(named, encoding="utf-8") as file:
            return file.read()
    folder = tmp_path_factory.mktemp("axe")
    npm = shutil.which("npm")
    assert npm, "npm is needed, or AXE_CORE with the path of axe.min.js"
    done = subprocess.run([npm, "pack", "axe-core@4"], cwd=folder, capture_output=True, text=True, check=True)
    with tarfile.open(folder / done.stdout.split()[-1]) as archive:
        return io.TextIOWrapper(archive.extractfile("package/axe.min.js"), "utf-8").read()


@pytest.mark.parametrize(
    ("width", "scheme", "lang", "anchor"),
    [
        (1280, "light", "nb", ""),
        (390, "light", "en", ""),
        (1280, "dark", "en", ""),
        (390, "dark", "nb", "#" + quote(CELL)),
        (1280, "light", "en", "#C001"),
    ],
)
def test_axe_finds_nothing(opened, axe, width, scheme, lang, anchor):
    view = {"width": width, "height": 844}
    tab = opened(anchor, viewport=view, color_scheme=scheme, bypass_csp=True)
    tab.evaluate(f"document.querySelector('[data-lang={lang}]').click()")
    tab.evaluate(axe)
    found = tab.evaluate("axe.run().then(r => r.violations.map(v => v.id + ': ' + v.nodes[0].html))")
    assert found == []


@pytest.mark.parametrize("width", [390, 768, 1280, 1920, 3840])
def test_no_width_cuts_the_page(opened, width):
    tab = opened(viewport={"width": width, "height": 900})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    if width >= 1280:
        tables = "[...document.querySelectorAll('.printed .scroll')]"
        assert tab.evaluate(f"{tables}.every(e => e.scrollWidth <= e.clientWidth + 1)")


def test_it_opens_within_a_second(opened):
    seconds = []
    for _ in range(3):
        tab = opened()
        timing = "performance.getEntriesByType('navigation')[0].loadEventEnd"
        seconds.append(tab.evaluate(timing) / 1000)
    assert min(seconds) < 1


def test_it_follows_the_dark_and_can_be_switched(opened):
    tab = opened(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = tab.evaluate(ground)
    tab.click("#theme")
    assert tab.evaluate(ground) == "rgb(255, 255, 255)" != dark


def test_it_prints_on_a4(opened, tmp_path):
    import pypdf

    tab = opened()
    tab.emulate_media(media="print")
    assert not tab.locator("#tools").is_visible()
    assert not tab.locator(".switches").is_visible()
    (tmp_path / "page.pdf").write_bytes(tab.pdf(prefer_css_page_size=True, print_background=True))
    pages = pypdf.PdfReader(tmp_path / "page.pdf").pages
    assert {(round(p.mediabox.width), round(p.mediabox.height)) for p in pages} == {(595, 842)}
    text = "".join(page.extract_text() for page in pages)
    assert "2699.377***" in text
    # The widest table stands whole within the margins.
    inside = "e => e.getBoundingClientRect().right <= document.documentElement.clientWidth + 1"
    tab.set_viewport_size({"width": 688, "height": 1017})
    assert tab.evaluate(f"[...document.querySelectorAll('table.audit')].every({inside})")
