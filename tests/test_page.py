"""The report page: every printed number is on it, judged, marked and traced; nothing comes from elsewhere."""

import importlib
import inspect
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from kostnadsvekst.chapters import CHAPTERS, ChapterResult, Settings
from kostnadsvekst.chapters.page import page_of, run
from kostnadsvekst.chapters.page_figures import pictures
from kostnadsvekst.chapters.page_tables import code_of_measure, is_synthetic
from kostnadsvekst.errors import OutputError
from kostnadsvekst.language import SYNTHETIC_LABEL, Bilingual, both
from kostnadsvekst.report.audit import VERDICTS
from kostnadsvekst.report.chapter_files import write_chapter
from kostnadsvekst.report.page import Picture, Series, render_page
from kostnadsvekst.report.page.code import refer_to
from kostnadsvekst.report.page.markup import audited
from kostnadsvekst.report.page.svg import draw, frame_of, ticks_between
from kostnadsvekst.report.page.words import CLASSES, OWN_LABEL, SIGNS
from kostnadsvekst.sources.published import load_cells
from page_from_results import finished, read


class Reader(HTMLParser):
    """Elements with their attributes, the classes around them and the text inside them."""

    VOID = frozenset({"meta", "input", "br", "path", "circle", "rect"})

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        assert self.open == [], "elements that are not closed"

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "text": "", **{name: value or "" for name, value in attrs}}
        element["around"] = [e.get("id", "") for e in self.open]
        self.elements.append(element)
        if tag not in self.VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append({"tag": tag, "text": "", **{name: value or "" for name, value in attrs}})

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag, **wanted):
        names = {name.replace("_", "-").strip("-"): value for name, value in wanted.items()}
        return [
            e
            for e in self.elements
            if e["tag"] == tag and all(value in e.get(name, "").split() for name, value in names.items())
        ]


@pytest.fixture(scope="module")
def page():
    return page_of(finished())


@pytest.fixture(scope="module")
def html(page):
    return render_page(page)


@pytest.fixture(scope="module")
def reader(html):
    return Reader(html)


@pytest.fixture(scope="module")
def data(html):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html)[1])


def test_small_and_the_same_bytes_whatever_the_order(html):
    assert len(html.encode()) < 3_000_000
    backwards = dict(reversed(finished().items()))
    assert render_page(page_of(backwards)) == html


def test_nothing_comes_from_elsewhere(html, reader):
    links = [e[name] for e in reader.elements for name in ("href", "src", "action", "poster") if name in e]
    assert links
    beside = [link for link in links if not link.startswith("#")]
    assert beside == [path for name in CHAPTERS["page"].uses for path in sorted(finished()[name].files)]
    assert not [link for link in beside if ":" in link or link.startswith("/") or ".." in link]
    style = re.search(r"<style>(.*?)</style>", html, re.S)[1]
    assert not re.search(r"url\(|@import|https?:", style)
    (policy,) = reader.all("meta", http_equiv="Content-Security-Policy")
    assert "default-src 'none'" in policy["content"]


def test_links_inside_lead_somewhere(reader, data):
    ids = {e["id"] for e in reader.elements if "id" in e} | {item["key"] for item in data["items"]}
    links = [e["href"] for e in reader.elements if "href" in e]
    targets = [link[1:].replace("%20", " ") for link in links if link.startswith("#")]
    assert [target for target in targets if target not in ids] == []
    everything = [e["id"] for e in reader.elements if e.get("id")]
    assert len(everything) == len(set(everything))


def test_every_printed_cell_stands_as_printed(reader):
    shown = {e["data-key"]: e["text"] for e in reader.all("button", class_="cell")}
    cells = load_cells()
    keys = cells["table"] + "/" + cells["row"] + "/" + cells["column"]
    assert set(shown) == set(keys)
    for key, cell in zip(keys, cells.itertuples(), strict=True):
        text = re.split("|".join(SIGNS.values()), shown[key].replace("-", "minus"))[0].replace("minus", "-")
        error = cell.statistic == "std_error"
        assert text == (f"({cell.printed})" if error else f"{cell.printed}{cell.stars}"), key


def test_cells_are_marked_by_their_worst_verdict_in_colour_and_sign(reader):
    audits = pd.concat([read("audit.csv"), read("growth/audit.csv")])
    audits = audits[audits["table"].isin(("1", "A1", "A2", "A3"))]
    audits["key"] = audits["table"] + "/" + audits["row"] + "/" + audits["column"].str.replace(" stars", " b")
    # The total of table 1 is judged on real data, too, which stand before synthetic ones.
    twice = audits.duplicated(["table", "row", "column"], keep=False)
    assert [*audits["evidence"][twice]] == ["input", "real"]
    audits = audits[~twice | (audits["evidence"] == "real")]
    worst = audits.groupby("key")["verdict"].agg(lambda v: max(v, key=VERDICTS.index))
    buttons = reader.all("button", class_="cell")
    assert len(buttons) == len(worst)
    for button in buttons:
        verdict = worst[button["data-key"]]
        assert CLASSES[verdict] in button["class"].split()
        assert SIGNS[verdict] in button["text"]
    assert len(set(SIGNS.values())) == len(SIGNS) == len(VERDICTS)


def test_stars_that_differ_mark_a_cell_whose_number_is_right(page):
    table = next(table for table in page.tables if table.key == "A3")
    cell = table.rows[0].cells[0]
    number, stars = cell.judged
    wrong = replace(cell, judged=(number, replace(stars, verdict="differs", ours="*")))
    row = replace(table.rows[0], cells=(wrong, *table.rows[0].cells[1:]))
    html = render_page(replace(page, tables=(replace(table, rows=(row,)),), claims=(), strongest=()))
    marked = [e["data-key"] for e in Reader(html).all("button", class_="v-differs")]
    assert marked == ["A3/2016/Modell 1 b"]


def test_counts_are_those_of_the_claims_by_class_and_never_added_up(reader, page):
    claims = read("claims/claims.csv")
    repeated = set(claims["id"][claims["same_as"] != ""])
    # A repetition is counted where it stands alone; here both are in the file.
    once = claims[~claims["same_as"].isin(set(claims["id"]))]
    assert repeated
    by_hand = pd.crosstab(once["evidence"], once["verdict"])
    (title, counts) = page.counts[1]
    assert title.en == "Claims of the text"
    for kind in by_hand.index:
        for verdict in by_hand.columns:
            assert counts.loc[kind, verdict] == by_hand.loc[kind, verdict]
    answer = next(e for e in reader.all("section") if e["id"] == "answer")["text"]
    totals = {str(len(claims)), str(len(once)), str(int((once["verdict"] == "differs").sum()))}
    shown = {str(n) for n in counts.to_numpy().ravel()}
    table = re.search(r"Claims of the text.*", answer, re.S)[0].partition("classes")[0]
    assert not (totals - shown) & {*re.findall(r"\d+", table)}


def test_every_claim_and_finding_is_there_with_its_words(reader, html):
    claims = read("claims/claims.csv").set_index("id")
    cards = {e["data-key"]: e for e in reader.all("li") if "data-key" in e}
    assert set(cards) == set(claims.index)
    quotes = [e["text"] for e in reader.all("blockquote")]
    assert quotes == [*claims["quote"]]
    findings = read("consistency/findings.csv")
    told = [e["text"] for e in reader.all("li") if e.get("data-finding")]
    assert len(told) == len(findings)
    for text, finding in zip(told, findings.itertuples(), strict=True):
        assert finding.arithmetic_nb in text
        assert finding.arithmetic_en in text


def test_the_printed_number_leads_to_the_code_that_makes_ours(data):
    item = next(item for item in data["items"] if item["key"] == "A3/2019/Modell 1 b")
    assert item["published"] == "2699.377"
    assert item["code"][0] == "kostnadsvekst.models.fixed_effects.estimate"
    assert item["asked"] == "A3-1: net_expenditure ~ C(year)"
    code = data["code"][item["code"][0]]
    assert code["path"] == "src/kostnadsvekst/models/fixed_effects.py"
    assert code["source"].startswith("def estimate(")


def test_every_code_is_a_function_of_the_package_in_its_own_words(data):
    for key, code in data["code"].items():
        module, _, name = key.rpartition(".")
        function = getattr(importlib.import_module(module), name)
        assert inspect.getsource(function).rstrip() == code["source"].rstrip()
    named = {name for item in data["items"] for name in item.get("code", [])}
    assert named <= set(data["code"])


def test_whatever_is_computed_has_code_and_nothing_else_has(data):
    for item in data["items"]:
        assert bool(item.get("code")) == (item["verdict"] != "not attempted"), item["key"]


def test_an_edit_elsewhere_in_a_module_changes_no_byte(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    body = "def ours(x):\n    return x + 1\n"
    (tmp_path / "moved_a.py").write_text(body, "utf-8")
    (tmp_path / "moved_b.py").write_text("A = 1\n\n\n# A comment.\n" + body + "\nB = 2\n", "utf-8")
    first, second = (refer_to(importlib.import_module(name).ours) for name in ("moved_a", "moved_b"))
    assert first.source == second.source == body
    for name in ("moved_a", "moved_b"):
        del sys.modules[name]


def test_a_measure_is_found_by_its_name_and_only_so():
    (code,) = code_of_measure("analysis.claims.growth", "growth_real:FGK9:2015:2020")
    assert code.key == "kostnadsvekst.analysis.claims.growth._growth_real"
    assert [*code_of_measure("analysis.claims.growth", "growth_surreal:FGK9")] == []


def test_everything_is_said_in_both_languages(reader):
    spans = [e for e in reader.elements if e.get("class") in ("nb", "en")]
    languages = [e["class"] for e in spans]
    assert languages == ["nb", "en"] * (len(spans) // 2)
    assert all(e["lang"] == e["class"] and e["text"].strip() for e in spans)
    for name in ("text", "label", "hint"):
        for element in reader.elements:
            assert (f"data-{name}-nb" in element) == (f"data-{name}-en" in element)


def test_synthetic_parts_say_so_and_arithmetic_does_not(reader):
    figures = reader.all("figure")
    tables = [e for e in reader.all("div") if e.get("class") == "printed"]
    assert len(figures) == 13
    assert len(tables) == 4
    for part in figures + tables:
        assert SYNTHETIC_LABEL.nb in part["text"]
        assert SYNTHETIC_LABEL.en in part["text"]
    findings = next(e for e in reader.all("section") if e["id"] == "findings")
    assert SYNTHETIC_LABEL.nb not in findings["text"]


def test_a_page_of_own_data_says_so_on_every_part():
    done = {name: result for name, result in finished().items() if name != "consistency"}
    html = render_page(page_of(done, own_data=True))
    reader = Reader(html)
    parts = [e for e in reader.elements if e["tag"] in ("section", "figure") or e.get("class") == "printed"]
    assert len(parts) == 5 + 13 + 4
    for part in parts:
        assert OWN_LABEL.nb in part["text"]
        assert OWN_LABEL.en in part["text"]
    for card in (e for e in reader.all("li") if "data-key" in e):
        assert OWN_LABEL.en in card["text"]
    data = json.loads(re.search(r'id="data">(.*?)</script>', html)[1])
    assert data["label"] == {"nb": OWN_LABEL.nb, "en": OWN_LABEL.en}
    assert {figure["origin"] for figure in data["figures"].values()} == {"not the report's data"}
    assert "NOT THE REPORT" not in render_page(page_of({}, own_data=False)).partition("<script")[0]


def test_a_word_of_size_is_told_by_what_it_allows(page):
    """N025: "svakt økende" has no number; it allows 0.1 to 10 per cent."""
    told = dict(page.strongest)["N025"]
    assert "ordlyden gir rom for 0,1 – 10, vårt 29,33" in told.nb
    assert "the wording allows 0.1 – 10, ours 29.33" in told.en
    assert "trykt 18,1, vårt 17,4829" in dict(page.strongest)["C059"].nb


def test_the_strongest_are_sure_contradictions_then_real_data_then_arithmetic(page):
    claims, findings = read("claims/claims.csv"), read("consistency/findings.csv")
    sure = findings[(findings["severity"] == "contradiction") & (findings["confidence"] == "high")]
    wanted = [f"finding-{number + 1}" for number in sure.index]
    for evidence in ("real", "identity"):
        chosen = (
            (claims["verdict"] == "differs") & (claims["evidence"] == evidence) & (claims["same_as"] == "")
        )
        wanted += [*claims["id"][chosen]]
    assert [key for key, _ in page.strongest] == wanted


def test_a_chapter_that_was_not_run_leaves_no_empty_part():
    reader = Reader(render_page(page_of({"appendix": finished()["appendix"]})))
    assert [e["id"] for e in reader.all("section")] == ["answer", "tables", "files"]
    assert [e["id"] for e in reader.all("div") if e.get("class") == "printed"] == ["A1", "A2", "A3"]


def test_hostile_texts_stay_texts(page):
    claim = page.claims[0]
    hostile = '</script><script>alert("x")</script><!-- \u2028'
    judged = replace(claim.judged, reason=hostile, ours=hostile, key='C"<1>')
    html = render_page(replace(page, claims=(replace(claim, judged=judged, quote=hostile),), strongest=()))
    assert html.count("<script") == 2
    data = json.loads(re.search(r'id="data">(.*?)</script>', html)[1])
    assert data["items"][-1]["reason"] == hostile
    assert hostile in [e["text"] for e in Reader(html).all("blockquote")]


def test_the_language_asked_for_comes_first():
    result = run(Settings(languages=("en",)), finished())
    assert set(result.files) == {"report.html"}
    assert '<html lang="en"' in result.files["report.html"]
    assert "report.html: 4 printed tables, 345 claims, 44 findings, 13 figures" in result.summary[0].en


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 10, (0, 2, 4, 6, 8, 10)),
        (-4.9, 2.3, (-6, -4, -2, 0, 2, 4)),
        (0.031, 0.118, (0.02, 0.04, 0.06, 0.08, 0.1, 0.12)),
        (0, 33_001, (0, 10_000, 20_000, 30_000, 40_000)),
        (100, 100, (40, 60, 80, 100, 120, 140, 160)),
        (0, 0, (-0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6)),
    ],
)
def test_ticks_by_hand(low, high, ticks):
    assert ticks_between(low, high) == pytest.approx(ticks)


def picture(shape="lines", **changes):
    made = Picture(
        key="p",
        title=both("P"),
        unit=both("u"),
        labels=tuple(both(str(year)) for year in (2015, 2016, 2017, 2018)),
        series=(Series(both("a"), (0.0, None, 5.0, 10.0)),),
        shape=shape,
        decimals=0,
        chapter="growth",
        source="p.csv",
        synthetic=False,
        zero=True,
    )
    return replace(made, **changes)


def test_a_line_by_hand_breaks_where_nothing_is_known():
    """Room of 720 x 330 less margins of 74, 14, 22 and 34: the axis is 632 wide and 274 high, ticks 0-10."""
    step = 632 / 3
    drawn = draw(picture())
    path = re.search(r'<path class="line" d="([^"]*)"', drawn)[1]
    assert path == f"M74.0 296.0M{74 + 2 * step:.1f} 159.0L706.0 22.0"
    assert drawn.count("<circle") == 3
    assert frame_of(picture())["step"] == pytest.approx(step, abs=1e-4)


def test_intervals_by_hand():
    """Rows of 24 below a margin of 22; ticks -2 to 2 between 274 and 692: 104.5 for one."""
    series = Series(both("a"), (0.0, 1.0), (-2.0, None), (2.0, None))
    drawn = draw(picture("intervals", labels=(both("x"), both("y")), series=(series,)))
    assert re.findall(r'<path class="line" d="([^"]*)"', drawn) == ["M274.0 34.0H692.0"]
    assert re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', drawn) == [("483.0", "34.0"), ("587.5", "58.0")]


def test_a_figure_without_any_value_is_drawn_empty():
    drawn = draw(picture(series=(Series(both("a"), (None,) * 4),)))
    assert '<path class="line" d=""' in drawn


def test_numbers_of_an_audit_in_both_languages():
    assert audited("-1180.770") == Bilingual("−1\u202f180,770", "−1,180.770")
    assert audited("***") == both("***")
    assert audited("2017 to 2018") == both("2017 to 2018")


def test_chapters_that_share_the_results_folder_keep_each_other(tmp_path):
    appendix = {"audit.csv": "table,row\n", "appendix/table_a1_nb.md": "kostnadsvekst 1\n"}
    write_chapter(tmp_path / "r", "appendix", appendix)
    write_chapter(tmp_path / "r", "growth", {"growth/a.md": "kostnadsvekst 1\n"})
    write_chapter(tmp_path / "r", "page", {"report.html": "first"})
    write_chapter(tmp_path / "r", "page", {"report.html": "second"})
    assert (tmp_path / "r" / "report.html").read_text("utf-8") == "second"
    write_chapter(tmp_path / "r", "appendix", {"audit.csv": "table,row\n1,2\n"})
    left = {p.relative_to(tmp_path / "r").as_posix() for p in (tmp_path / "r").rglob("*.*") if p.is_file()}
    assert left == {
        ".kostnadsvekst.json",
        "audit.csv",
        "growth/.kostnadsvekst.json",
        "growth/a.md",
        "report.html",
    }


def test_a_folder_of_another_kind_is_still_refused(tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / ".kostnadsvekst.json").write_text('{"kind": "store", "files": {}}', "utf-8")
    with pytest.raises(OutputError, match="another kind of output"):
        write_chapter(tmp_path / "r", "page", {"report.html": "x"})


def test_a_file_of_the_users_in_its_place_is_kept(tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "report.html").write_text("mine", "utf-8")
    with pytest.warns(UserWarning, match="kept"):
        write_chapter(tmp_path / "r", "page", {"report.html": "ours"})
    kept = [p for p in (tmp_path / "r").iterdir() if p.name.startswith("report.html.kept")]
    assert [p.read_text("utf-8") for p in kept] == ["mine"]


def figure_of(path, frame):
    """Picture that a page has of one file."""
    csv = frame.to_csv(index=False)
    (made,) = pictures({path.partition("/")[0]: ChapterResult({path: csv}, data_origin=("synthetic",))})
    return made


def test_effects_are_those_of_the_longest_data_and_their_intervals_are_nominal():
    path = "ohd/effects_all_outcomes.csv"
    whole = read(path)
    shorter = whole.assign(until="2015-12", effect_percent="99")
    made = figure_of(path, pd.concat([shorter, whole]))
    assert made.title.en.endswith("until 2017-12")
    shown = whole[(whole["age"] == "80plus") & (whole["group"] == "all") & (whole["refused"] == "")]
    shown = shown[shown["contact"].isin(["admissions", "day_stays"])].drop_duplicates("outcome")
    assert made.series[0].values == tuple(shown["effect_percent"].astype(float))
    assert ("nominelt" in made.unit.nb, "nominal" in made.unit.en) == (True, True)


def test_a_curve_rises_whatever_the_order_of_the_file():
    frame = pd.DataFrame(
        {"spec": ["a", "b", "c", "d"], "term": ["free_income"] * 3 + ["x"], "estimate": [3.0, -1.0, 2.0, 0.0]}
    ).assign(data_origin="synthetic")
    made = figure_of("specification-curve/specifications.csv", frame)
    assert made.series[0].values == (-1.0, 2.0, 3.0)
    assert [label.en for label in made.labels] == ["b", "c", "a"]


def test_one_synthetic_row_makes_the_page_synthetic():
    real, mixed = (
        pd.DataFrame({"origin": ["Statistics Norway", origin]}) for origin in ("none", "synthetic")
    )
    assert is_synthetic([real, mixed])
    assert not is_synthetic([real])
