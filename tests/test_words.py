"""What is said of printed numbers: by class of evidence, real data apart, with the origin, never too much."""

import ast
import html
import io
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kostnadsvekst as kv
from conftest import ROOT
from kostnadsvekst.analysis.claims.growth import explain_top_groups, measure_growth
from kostnadsvekst.analysis.claims.register import (
    COMPUTATIONS,
    SERVICE_SETS,
    below_80_by_service,
    explain_register,
)
from kostnadsvekst.analysis.growth import top_groups
from kostnadsvekst.analysis.specification_curve import specification_curve, stable_order
from kostnadsvekst.chapters import ChapterReport, ChapterResult
from kostnadsvekst.commands.estimate import describe, to_json
from kostnadsvekst.errors import DataWarning, SpecificationError
from kostnadsvekst.language import SYNTHETIC_LABEL, Bilingual
from kostnadsvekst.provenance import NORWEGIAN, Provenance, provenance_of
from kostnadsvekst.register.tables import RegisterTables
from kostnadsvekst.report.audit import (
    Item,
    audit_items,
    below_power,
    count_by_origin,
    render_audit_html,
    tell_counts,
)
from kostnadsvekst.report.latex_tables import FOOT, HEAD
from kostnadsvekst.report.output import csv_text
from kostnadsvekst.report.specification_figures import draw_curve
from kostnadsvekst.sources.published import load_claims

SYNTHETIC, REAL = Provenance("synthetic"), Provenance("Statistics Norway")
TOTALS = {"Statistics Norway": Bilingual("mot virkelige summer", "on real totals")}
README = (ROOT / "README.md").read_text("utf-8")


def item(ours, evidence="input", reason=""):
    return Item("1", "row", "column", "10", ours, None, 10.0, 0, evidence=evidence, reason=reason)


# Counts ----------


def real_audit():
    items = [item(10.0), *[item(9.0, reason="prices")] * 4, *[item(None, reason="no 2018")] * 2]
    return audit_items(items, REAL)


def test_real_numbers_are_told_apart_and_with_what_they_lack():
    told = tell_counts(real_audit(), TOTALS)
    assert [line.en for line in told] == [
        "7 printed numbers on real totals: 1 exact, 4 differ with reason, 2 cannot be computed"
    ]
    assert [line.nb for line in told] == [
        "7 trykte tall mot virkelige summer: 1 nøyaktig, 4 avviker med grunn, 2 lar seg ikke beregne"
    ]
    assert tell_counts(real_audit())[0].en.startswith("7 printed numbers on real data (Statistics Norway):")


def test_synthetic_numbers_are_told_class_by_class_before_the_real_ones():
    items = [item(10.0), item(10.2), item(8.0), item(10.0, "consequence"), item(10.0, "identity"), item(None)]
    audit = pd.concat([real_audit(), audit_items(items, SYNTHETIC)], ignore_index=True)
    assert [line.en for line in tell_counts(audit, TOTALS)] == [
        "1 printed number by arithmetic on printed numbers alone: 1 exact",
        "3 printed numbers put into the synthetic data: 2 calibrated, 1 differs without a known reason",
        "1 printed number following from the synthetic data, not put in: 1 calibrated",
        "1 printed number not in the data: 1 cannot be computed",
        "7 printed numbers on real totals: 1 exact, 4 differ with reason, 2 cannot be computed",
    ]
    counts = count_by_origin(audit)
    assert counts["synthetic"]["input"] == {"calibrated": 2, "differs": 1}
    assert counts["Statistics Norway"] == {
        "real": {"exact": 1, "differs": 4},
        "none": {"not attempted": 2},
    }


def test_rounded_real_numbers_are_not_called_exact():
    (told,) = tell_counts(audit_items([item(10.2), item(10.0)], REAL), TOTALS)
    assert told.en.endswith("1 exact, 1 equal after rounding")


def test_audit_page_counts_by_class():
    items = [item(10.0), item(10.0, "consequence")]
    page = render_audit_html(audit_items(items, SYNTHETIC), Bilingual("R", "A"), [], "en")
    head = page.split("<h2>")[0]
    assert "<td>synthetic</td><td>consequence</td><td>1</td>" in head
    assert "<td>synthetic</td><td>input</td><td>1</td>" in head
    assert "<td>2</td>" not in head


# Chapters ----------

CHAPTERS = (
    "background",
    "appendix",
    "explanation",
    "growth",
    "kpr",
    "ohd",
    "case_selection",
    "specification_curve",
)


@pytest.mark.parametrize("name", CHAPTERS)
def test_origin_of_the_data_stands_in_every_summary(name, request, tmp_path):
    report = request.getfixturevalue(f"{name}_run")
    others = {"growth": ["synthetic", "Statistics Norway"], "background": ["the report"]}
    origins = others.get(name, ["synthetic"])
    assert list(report.result.data_origin) == origins
    for lang in ("nb", "en"):
        line = describe(report, tmp_path, lang).splitlines()[1]
        assert line.startswith(f"  data_origin: {origins[0]}")
        assert (SYNTHETIC_LABEL.get(lang) in line) == ("synthetic" in origins)
        assert all(origin in line for origin in origins)
    told = json.loads(json.dumps(to_json((report,), 0)))["chapters"][report.name]
    assert told["data_origin"] == origins
    audit = report.result.audit
    assert told["printed_numbers"] == ({} if audit is None else count_by_origin(audit))


def test_a_chapter_cannot_forget_where_its_data_come_from():
    with pytest.raises(TypeError, match="data_origin"):
        ChapterResult({})


def test_real_origin_is_not_called_synthetic(tmp_path):
    result = ChapterResult({}, data_origin=("file of the user",))
    text = describe(ChapterReport("appendix", result, (), ()), tmp_path, "en")
    assert "data_origin: file of the user\n" in text
    assert "SYNTHETIC" not in text


@pytest.mark.parametrize("name", ["appendix", "growth", "kpr", "ohd", "claims"])
def test_counts_at_the_terminal_are_those_of_the_audit(name, request):
    """The sentences are parsed again and set against a count made here."""
    result = request.getfixturevalue(f"{name}_run").result
    lines = [line.en for line in result.summary if re.match(r"\d+ printed numbers? ", line.en)]
    audit = result.audit
    # a statement that is repeated counts once
    audit = audit[~audit["same_as"].isin(set(audit["claim"]) - {""})]
    real = audit["origin"] != "synthetic"
    kinds = audit["evidence"].where(~real | (audit["evidence"] == "identity"), "real " + audit["origin"])
    assert sorted(int(line.split()[0]) for line in lines) == sorted(kinds.value_counts())
    told = " ".join(lines)
    for words, verdict in (("calibrated", "calibrated"), ("differs?[^,]*", "differs")):
        counted = sum(int(n) for n in re.findall(rf"(\d+) {words}", told))
        expected = audit["verdict"].eq(verdict) & ~(
            audit["evidence"].eq("identity") & (verdict == "calibrated")
        )
        assert counted == expected.sum()


def test_terminal_never_contradicts_the_audit_on_growth_below_80(kpr_run):
    audit = kpr_run.result.audit
    rows = audit[audit["row"].isin(["C023", "C218"])]
    assert len(rows) == 2
    (line,) = [line for line in kpr_run.result.summary if "nearly all growth" in line.en]
    for row in rows.itertuples():
        assert f"{row.verdict}, lowest in one service {row.ours} per cent" in line.en
        assert f"{row.ours.replace('.', ',')} prosent" in line.nb
        # The reason names every service but practical assistance, and the least of them is ours.
        shares = [float(n) for n in re.findall(r" (\d+\.\d)(?:;|$)", row.reason)]
        assert min(shares) == pytest.approx(float(row.ours), abs=0.051)
        assert len(shares) + row.reason.partition("divide: ")[2].count(",") + 1 == 6
    below = pd.read_csv(
        io.StringIO(kpr_run.result.files["kpr/growth_below_80_en.csv"]), index_col=0, dtype=str
    )
    printed = [float(v) for v in below.iloc[:6, 2] if v not in ("..", ":")]
    assert min(printed) == pytest.approx(float(rows["ours"].iloc[0]), abs=0.051)


def tables_of(users):
    """Register tables from service -> users of all, and of 80+, in January 2017 and December 2020."""
    rows = [
        (pd.Timestamp(week), service, group, "all", float(count))
        for service, counts in users.items()
        for group, pair in zip(("all", "80+"), counts, strict=True)
        for week, count in zip(("2017-01-16", "2020-12-07"), pair, strict=True)
    ]
    weekly = pd.DataFrame(rows, columns=["week", "service", "age_group", "sex", "users"])
    return RegisterTables(weekly, pd.DataFrame())


def test_growth_below_80_is_judged_service_by_service_by_hand():
    # Together 240 of 250 are below 80, that is 96 per cent, within what the report's words allow; but the
    # smallest service grew by 40, of which 10 below 80: 25 per cent.
    users = {
        "long_term_stay": ((1000, 1005), (700, 650)),  # 0.5 per cent more users: no growth to divide
        "respite_institution": ((100, 140), (10, 40)),
        "time_limited_other": ((100, 90), (20, 20)),
        "time_limited_rehabilitation": ((100, 105), (20, 20)),
        "time_limited_assessment": ((100, 110), (20, 20)),
        "home_health": ((1000, 1200), (500, 530)),
    }
    arguments = ("all_but_practical", "2017-01", "2020-12")
    shares = below_80_by_service(tables_of(users), *arguments)
    assert shares == pytest.approx(
        {
            "time_limited_rehabilitation": 100.0,
            "time_limited_assessment": 100.0,
            "home_health": 85.0,
            "respite_institution": 25.0,
        }
    )
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    least = COMPUTATIONS["growth_below_80_least"](tables_of(users), *arguments)
    assert least == pytest.approx(25.0)
    together = COMPUTATIONS["growth_below_80"](tables_of(users), *arguments)
    assert together == pytest.approx(100 * (1 - 10 / 250))
    reason = explain_register(":".join(["growth_below_80_least", *arguments]), tables_of(users))
    assert "Health services at home 85.0; Respite in institution 25.0; no growth to divide: " in reason
    assert explain_register("users:home_health:all:2017-01:2017-01", tables_of(users)) == ""


def test_growth_below_80_where_nothing_grew_has_no_number():
    nothing = dict.fromkeys(SERVICE_SETS["all_but_practical"], ((100, 100), (10, 10)))
    arguments = ("all_but_practical", "2017-01", "2020-12")
    assert below_80_by_service(tables_of(nothing), *arguments) == {}
    assert np.isnan(COMPUTATIONS["growth_below_80_least"](tables_of(nothing), *arguments))


def test_one_sentence_has_one_base():
    measures = load_claims("kpr").set_index("id")["measure"]
    for rise, back in (("C019", "C020"), ("C210", "C211")):
        assert measures[rise].split(":")[:4] == measures[back].split(":")[:4]
    assert measures["C019"].split(":")[3] == "2017-01"


def test_hours_rise_and_fall_back_from_the_same_january(kpr_run):
    """Recomputed from the weekly table that the chapter writes, without weeks 52, 53 and 1."""
    audit = kpr_run.result.audit.set_index("row")
    text = kpr_run.result.files["kpr/weekly_hours_per_user.csv"]
    hours = pd.read_csv(io.StringIO(text), index_col=0, parse_dates=True)["home_health all"]
    week = hours.index.isocalendar().week
    hours = hours[~week.isin([52, 53, 1]).to_numpy()]
    mean = {month: hours.loc[month].mean() for month in ("2017-01", "2019-01", "2020-12")}
    for claim, month in (("C019", "2019-01"), ("C020", "2020-12"), ("C211", "2020-12")):
        expected = 100 * (mean[month] / mean["2017-01"] - 1)
        assert float(audit.loc[claim, "ours"]) == pytest.approx(expected, abs=0.15)
        assert audit.loc[claim, "verdict"] == "calibrated"


def test_strongest_growth_names_what_grew_more_in_both_units(kpr_run):
    row = kpr_run.result.audit.set_index("row").loc["C213"]
    assert row["verdict"] == "differs"
    percent, users = row["reason"].split("; ")
    assert "in per cent" in percent
    assert "Respite in institution 30.29" in percent
    assert "in users per week" in users
    assert "Health services at home 37,1" in users
    # as many services are named before it as its rank says
    assert percent.partition("more: ")[2].count(",") + 1 == int(float(row["ours"])) - 1


# README and words ----------


@pytest.mark.parametrize("name", CHAPTERS)
def test_readme_shows_what_the_terminal_says(name, request, tmp_path):
    report = request.getfixturevalue(f"{name}_run")
    said = describe(report, tmp_path, "en").splitlines()
    block = README.split("```")[5].splitlines()
    start = block.index(said[0])
    shown = [block[start]]
    for line in block[start + 1 :]:
        if not line.startswith("  "):
            break
        shown.append(line)
    assert set(shown) <= set(said), sorted(set(shown) - set(said))
    assert name not in ("appendix", "growth") or len(shown) > 3


OVERCLAIM = re.compile(
    r"\bagree|reproduc|\bstemmer\b|gjenskap|\bbekreft|\bconfirm(s|ed)?\b|\bprove[sdn]?\b|\bbeviser\b",
    re.I,
)


def shown_strings(path):
    """Texts of a module other than docstrings, with their line."""
    tree = ast.parse(path.read_text("utf-8"))
    silent = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield node.lineno, node.value


def test_no_shown_text_claims_more_than_calibration():
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "scripts").glob("*.py")]
    assert len(files) > 100
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text[:80]}"
        for path in files
        for line, text in shown_strings(path)
        if OVERCLAIM.search(text)
    ]
    assert found == []


def test_readme_and_pages_do_not_call_synthetic_numbers_reproduced(appendix_run, growth_run):
    pages = {"README.md": README}
    for run, name in ((appendix_run, "audit.html"), (growth_run, "growth/audit.html")):
        pages[name] = run.result.files[name].split("<h2>")[0]
    for name, text in pages.items():
        found = [m.group() for m in OVERCLAIM.finditer(text)]
        # "prove nothing" is the opposite of a claim
        assert found == re.findall(r"\b(prove) nothing", text), name


def test_curve_says_that_its_intervals_are_nominal(specification_curve_run):
    files = specification_curve_run.result.files
    assert "their coverage was not simulated" in files["specification-curve/table_curve_en.md"]
    assert "dekningen er ikke simulert" in files["specification-curve/table_curve_nb.md"]


# The same bytes on any machine ----------


@pytest.mark.parametrize(
    ("difference", "expected"),
    [(0.0, "1e-9"), (3e-11, "1e-9"), (9.9e-10, "1e-9"), (1e-9, "1e-8"), (2e-6, "1e-5"), (0.5, "1e0")],
)
def test_differences_are_told_by_the_power_they_lie_below(difference, expected):
    assert below_power(difference) == expected
    assert difference < float(expected)


def test_csv_has_ten_digits_no_negative_zero_and_whole_numbers_as_they_are():
    frame = pd.DataFrame(
        {"a": [1 / 3, 126_069_838.0, -0.0], "n": [3, 4, 12_345_678_901_234], "t": ["x", "y", ":"]}
    )
    assert csv_text(frame) == "a,n,t\n0.3333333333,3,x\n126069838,4,y\n0,12345678901234,:\n"
    assert csv_text(frame[["a"]], digits=3).splitlines()[1:] == ["0.333", "1.26e+08", "0"]


def test_last_bits_do_not_reach_a_csv():
    values = np.linspace(0.1, 7, 50)
    moved = pd.DataFrame({"v": values * (1 + 4e-16)})
    assert csv_text(moved) == csv_text(pd.DataFrame({"v": values}))


def test_growth_account_bears_its_digits(growth_run):
    for name in ("growth_account", "growth_account_real_totals"):
        for number in re.findall(r"-?\d+\.\d+", growth_run.result.files[f"growth/{name}.csv"]):
            assert len(number.replace(".", "").lstrip("-0")) <= 10


@settings(max_examples=1_000, deadline=None)
@given(
    st.lists(st.integers(-5_000, 5_000), min_size=1, max_size=40),
    st.integers(0, 2**32 - 1),
)
def test_order_does_not_hang_on_the_last_bits(units, seed):
    """Estimates a ten-thousandth apart, or equal: noise of the machine moves none, ties keep their places."""
    values = np.array(units) * 1e-4
    noise = np.random.default_rng(seed).uniform(-1, 1, len(values)) * 4e-16 * np.abs(values).max()
    expected = sorted(range(len(units)), key=lambda i: (units[i], i))
    assert stable_order(values).tolist() == expected
    assert stable_order(values + noise).tolist() == expected


def test_order_of_none_and_of_all_equal():
    assert stable_order(np.array([])).tolist() == []
    assert stable_order(np.zeros(3)).tolist() == [0, 1, 2]
    assert stable_order(np.array([2.0, -1.0, 2.0 + 4e-16])).tolist() == [1, 0, 2]


def test_curve_has_the_same_bytes_whatever_the_last_bits():
    with pytest.warns(DataWarning):
        panel = kv.load_panel()
    specs = kv.grid(
        kv.SPECIFICATIONS["A3-1"].adding("free_income"),
        controls=((), ("deaths",), ("urban",), ("deaths", "urban")),
        covariance=("classical", "hc1", "cluster"),
    )
    curve = specification_curve(specs, panel, terms=["free_income"])
    columns = ["estimate", "conf_low", "conf_high"]
    rng = np.random.default_rng(7)
    noise = 1 + rng.choice([-2e-16, 0.0, 2e-16], (len(curve.frame), len(columns)))
    moved = curve.frame.assign(**(curve.frame[columns] * noise))
    assert (moved["estimate"] != curve.frame["estimate"]).any()
    assert draw_curve(replace(curve, frame=moved)) == draw_curve(curve)
    turned = curve.frame.assign(estimate=curve.frame["estimate"][::-1].to_numpy())
    assert draw_curve(replace(curve, frame=turned)) != draw_curve(curve)


# KOSTRA groups ----------


def test_top_groups_in_both_units_by_hand():
    # From 10, 20, 40 and 100: 5 kroner are 50 per cent of the first, 12 are 12 of the last.
    groups = pd.DataFrame(
        {"growth": [5.0, 6.0, 8.0, 12.0], "growth_percent": [50.0, 30.0, 20.0, 12.0]},
        index=pd.Index(["1", "2", "6", "12"], name="kostra_group"),
    )
    assert top_groups(groups, 2) == ("6", "12")
    assert top_groups(groups, 2, "growth_percent") == ("1", "2")
    with pytest.raises(SpecificationError, match="kroner"):
        top_groups(groups, 2, "level_first")
    assert measure_growth("top_groups:2", None, groups) == "6, 12"
    assert measure_growth("top_groups:2:kroner", None, groups) == "6, 12"
    assert measure_growth("top_groups:2:percent", None, groups) == "1, 2"
    reason = explain_top_groups("top_groups:2:percent", groups)
    assert "draws, 6, 12 grew most, in per cent 1, 2 (1: 50.0; 2: 30.0)" in reason
    assert explain_top_groups("small_highest", groups) == ""
    assert explain_top_groups("top_groups:5:kroner", groups) == ""


def test_both_units_stand_in_audit_table_and_summary(growth_run):
    result = growth_run.result
    rows = result.audit[result.audit["row"].str.startswith("Grupper med høyest vekst")]
    assert rows[["ours", "verdict", "evidence"]].to_numpy().tolist() == [
        ["6, 12, 16", "calibrated", "input"],
        ["6, 7, 16", "differs", "consequence"],
    ]
    told = "groups 6, 12, 16 in kroner, groups 6, 7, 16 in per cent"
    assert told in result.files["growth/table_groups_en.md"]
    assert any(told in line.en for line in result.summary)
    groups = pd.read_csv(io.StringIO(result.files["growth/table_groups_en.csv"]), dtype=str)
    assert "gruppe 6, 7, 16 i prosent" in result.files["growth/table_groups_nb.md"]
    assert len(groups) == 16


# Languages and p values ----------


def test_norwegian_claims_are_told_in_the_reports_own_words(kpr_run):
    rows = kpr_run.result.files["kpr/printed_numbers_nb.md"]
    claims = load_claims("kpr")
    assert all(f"«{quote}»" in rows for quote in claims["quote"])
    assert not any(f": {column} |" in rows for column in claims["column"])


def test_no_p_value_of_acute_beds_is_zero(ohd_run):
    for language, zero, least in (("en", "0.000", "<0.001"), ("nb", "0,000", "<0,001")):
        split = ohd_run.result.files[f"ohd/table_mechanisms_{language}.md"]
        assert f"| {zero} |" not in split
        assert least in split.replace("\\<", "<").replace("&lt;", "<")


# Words that Norwegian and English write alike, names, and what the report or a formula is quoted with.
BOTH_LANGUAGES = set(
    re.findall(
        r"\S+",
        """
    Alder Alle All Andel av Appendix Elektive Estimator Hagen Jan Kommune Kroner Median Minimum Minus Per
    Placebo Region Robust Std Sum Trend Variant Yekutieli all at bootstrap case cluster dummy et exp
    fall fixed for fra gang helse i in kiosk knapt kroner krone kr lag log median medio minus most
    negative note of og om omsorgstjenester over panel per perioden positive prosent re reduksjon region
    rundt screening september starten sum svak test til to trend under vekst vel wild økende øker økning
    inntekter ingen kapittel
    """,
    )
)
NAMES = set(
    re.findall(
        r"\S+",
        """
    AR Abraham Anna BMJ BPA Bacon Benjamini Borusyak CV Callaway DATA Data Driscoll Ervik FGK Frie
    Gardner Goodman HC Helsedirektoratet Hochberg IPLOS ISO Jaravel KLASS KMD KOSTRA KPR Kommunale Kraay
    Lunder NPR Open Oslo PPML Poisson Prop Rambachan Romano Roth SE Sammendrag Sant Shapley Spiess Sun
    Swanson TBU UnobservedComponents Utgifter Westfall Wolf Young areg coverage csv data emsp
    kostnadsvekst kpr ohd origin results sha synthetic xtreg year ØHD R² synthetic_panel
    """,
    )
)
TABLES = (*CHAPTERS, "claims", "consistency")


def words_of(name, text):
    """Words of two letters or more that stand in a file, without quotations and what its format needs."""
    if name.endswith("html"):
        text = html.unescape(re.sub(r"<style.*?</style>|<[^>]*>", " ", text, flags=re.DOTALL))
    if name.endswith("tex"):
        text = text.removeprefix(HEAD).removesuffix(FOOT)
        text = re.sub(r"\\fontencoding\{T1\}\\selectfont\\guillemot(left|right)", "«", text)
        for layout in (r"^\\begin\{(tabular|longtable)\}.*|\\def.*", r"\(lr\)|\d(\.\d+)?(pt|em)"):
            text = re.sub(layout, " ", text, flags=re.MULTILINE)
        text = re.sub(r"\\(begin|end|label)\{[^}]*\}(\[\w+\])?|\\[A-Za-z@]+", " ", text)
    text = re.sub(r"synthetic.{0,3}panel[\w.\\{}]*|«[^»]*»|«[^«]*«|results/\S*|kr\. ", " ", text)
    return set(re.findall(r"[^\W\d_]{2,}", text))


@pytest.mark.parametrize("name", TABLES)
def test_norwegian_files_hold_no_english(name, request):
    """A word that stands in a file of both languages is a name, or written alike in both."""
    files = request.getfixturevalue(f"{name}_run").result.files
    found = {}
    for path, text in files.items():
        if path.endswith(("_nb.csv", "_nb.md", "_nb.html", "_nb.tex")):
            shared = words_of(path, text) & words_of(path, files[path.replace("_nb.", "_en.")])
            left = shared - BOTH_LANGUAGES - NAMES
            if left:
                found[path] = sorted(left)
    assert found == {}


@pytest.mark.parametrize("name", TABLES)
def test_origin_of_norwegian_csv_files_is_norwegian_and_read_back(name, request):
    files = request.getfixturevalue(f"{name}_run").result.files
    made = {path: text for path, text in files.items() if path.endswith("_nb.csv")}
    for path, text in made.items():
        frame = pd.read_csv(io.StringIO(text), sep=";", dtype=str)
        other = pd.read_csv(io.StringIO(files[path.replace("_nb.", "_en.")]), dtype=str)
        assert set(frame["data_origin"]) <= set(NORWEGIAN.values()), path
        assert provenance_of(frame) == provenance_of(other), path
