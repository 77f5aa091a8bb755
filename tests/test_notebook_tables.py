"""Results in a notebook and in a terminal, and `kv.table` of every result of the package."""

import html
import re
import warnings
from dataclasses import dataclass
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from invented_panels import make_municipal_panel
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import SYNTHETIC_LABEL, Sentence, in_language
from kostnadsvekst.models.confounding import oster_delta
from kostnadsvekst.models.detectable import ResampledPower
from kostnadsvekst.provenance import NORWEGIAN, provenance_of
from kostnadsvekst.report.notebook import html_of
from kostnadsvekst.report.numbers import compare_p
from kostnadsvekst.report.tables import Bilingual, Heading, Number, Row, Table, p_value_cell


def invented():
    panel = make_municipal_panel(40)
    panel = panel.assign(population_10k=panel["population"] / 10_000)
    panel.attrs["provenance"] = {"origin": "synthetic"}
    return panel


@pytest.fixture(scope="module")
def results():
    """Every kind of result, on one small panel that is marked synthetic."""
    panel = invented()
    short, long = kv.SPECIFICATIONS["A3-1"], kv.SPECIFICATIONS["A3-1"].adding("deaths", "free_income")
    est = kv.estimate(long, panel)
    adoption = panel.assign(first=np.where(panel["municipality"] < "9020", 2017, 0))
    columns = ("net_expenditure", "municipality", "year", "first")
    study = kv.staggered.event_study(adoption, *columns, base_period="universal")
    iv = kv.estimate("net_expenditure ~ C(year) | municipality | free_income ~ deaths + urban", panel)
    curve = kv.specification_curve(kv.grid(long, covariance=["cluster", "hc1"]), panel)
    return {
        "estimate": est,
        "study": study,
        "horizons": study.horizons,
        "band": study.simultaneous(),
        "group_time": study.group_time(),
        "average": study.result("simple"),
        "aggregate": study.aggregate("dynamic"),
        "pre_trend": kv.staggered.pre_trend_test(study),
        "robust": kv.staggered.robust_relative_magnitudes(study, (0.5,), window=1),
        "bacon": kv.staggered.bacon(adoption, *columns),
        "negative_weights": kv.staggered.negative_weights(adoption, *columns),
        "randomisation": kv.staggered.randomisation_inference(adoption, *columns, n_draws=19),
        "decomposition": kv.decompose(short, long, panel),
        "account": kv.account_for_growth(est, panel, 2015, 2019),
        "outcomes": kv.many_outcomes({"one": est, "two": est}, "deaths", draws=49),
        "sensitivity": kv.sensitivity(est, "free_income", ["deaths"]),
        "oster": oster_delta(est, "free_income", ["C(year)[T.2016]"]),
        "wald": kv.wald_test(est, ["free_income", "deaths"]),
        "mundlak": kv.mundlak_test(est),
        "specification": long,
        "curve": curve,
        "curve_frame": curve.frame,
        "influence": kv.influence(est),
        "described": kv.describe(panel, ["free_income"], "year", weights="population"),
        "marginal": est.marginal("free_income"),
        "combination": est.combine("free_income - deaths = 1"),
        "combinations": est.combine(["free_income", "deaths"]),
        "instrumented": iv,
        "instruments": iv.diagnostics,
        "first_stage": iv.first_stage_tests["free_income"],
        "table": kv.table(est),
    }


KINDS = [
    "estimate",
    "study",
    "horizons",
    "band",
    "group_time",
    "average",
    "aggregate",
    "pre_trend",
    "robust",
    "bacon",
    "negative_weights",
    "randomisation",
    "decomposition",
    "account",
    "outcomes",
    "sensitivity",
    "oster",
    "wald",
    "mundlak",
    "specification",
    "curve",
    "curve_frame",
    "influence",
    "described",
    "marginal",
    "combination",
    "combinations",
    "instrumented",
    "instruments",
    "first_stage",
    "table",
]
# A specification is no result of data.
WITHOUT_DATA = {"specification"}


class Page(HTMLParser):
    """Tags that are open, and the texts."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lang", ["nb", "en"])
def test_every_result_is_a_table_in_a_notebook_and_says_where_its_data_come_from(results, kind, lang):
    page = Page(html_of(results[kind], lang))
    assert page.open == []
    assert page.tags[0] == ("div", {"class": "kv-result", "lang": lang})
    assert {"table", "td"} <= {tag for tag, _ in page.tags}
    assert not {"script", "link", "img"} & {tag for tag, _ in page.tags}
    assert (SYNTHETIC_LABEL.get(lang) in page.texts) == (kind not in WITHOUT_DATA)


@pytest.mark.parametrize("kind", KINDS)
def test_every_result_makes_a_table_in_every_medium(results, kind):
    made = kv.table(results[kind])
    for medium in ("csv", "tex", "html", "md", "typ"):
        assert made.to(medium, "nb")
    assert made.to("docx").startswith(b"PK")


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in {"curve_frame", "estimate", "instrumented"}])
def test_a_result_tells_itself_in_a_few_lines(results, kind):
    if isinstance(results[kind], pd.DataFrame):
        return
    told = repr(results[kind])
    assert 0 < len(told) < 900
    assert told.count("\n") < 20
    assert "array(" not in told


@pytest.mark.parametrize("kind", KINDS)
def test_a_notebook_asks_the_result_itself(results, kind):
    if not isinstance(results[kind], pd.DataFrame):
        assert results[kind]._repr_html_() == html_of(results[kind])


def test_texts_of_users_are_no_markup():
    evil = "<script>alert(1)</script>"
    table = Table("t", Bilingual(evil, evil), evil, ((Heading(evil),),), (Row(evil, (evil,)),), (), ORIGIN)
    text = html_of(table)
    assert "<script" not in text
    assert text.count(html.escape(evil)) == 5


def test_style_touches_nothing_else_and_knows_light_and_dark():
    style = html_of(kv.SPECIFICATIONS["A3-1"]).partition("<style>")[2].partition("</style>")[0]
    flat = re.sub(r"@media [^{]*\{([^{}]*\{[^{}]*\})\s*\}", r"\1", style)
    selectors = [part for rule in re.findall(r"([^{}]+)\{[^{}]*\}", flat) for part in rule.split(",")]
    assert len(selectors) > 10
    assert all(".kv-result" in selector for selector in selectors)
    assert "prefers-color-scheme: dark" in style
    for theme in ('[data-jp-theme-light="true"]', '[data-jp-theme-light="false"]'):
        assert theme in style
    # Ink and paper change together, whichever rule holds: contrast of each pair at least 7 (WCAG AAA).
    pairs = re.findall(r"--kv-ink: (#\w+); --kv-paper: (#\w+)", style)
    assert len(pairs) == 4
    assert min(contrast(*pair) for pair in pairs) > 7


def contrast(one, other):
    """Ratio of relative luminances, as WCAG 2 defines it."""
    light = sorted(map(luminance, (one, other)))
    return (light[1] + 0.05) / (light[0] + 0.05)


def luminance(colour):
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


# kv.table ----------


def cells(table, label, lang="en"):
    rows = [line.split("|")[1:-1] for line in table.to("md", lang).splitlines() if line.startswith("|")]
    return next(
        [cell.strip() for cell in row[1:]] for row in rows if row[0].replace("&emsp;", "").strip() == label
    )


def test_numbers_of_a_decomposition_stand_in_its_table(results):
    frame = results["decomposition"]
    line = frame[(frame["term"] == "C(year)[T.2019]") & (frame["group"] == "total")].iloc[0]
    rows = [r for r in kv.table(frame, decimals=2).to("md").splitlines() if "Total" in r]
    shown = [cell.strip() for cell in rows[-1].split("|")[2:-1]]
    number = f"{line['contribution']:,.2f}".replace("-", "−")
    assert shown[0] == number
    assert shown[1] == f"({line['std_error']:,.2f})"
    assert shown[3] == "100.0"


def test_parts_of_an_account_sum_to_the_growth_as_printed(results):
    frame = results["account"]
    table = kv.table(frame, decimals=6)
    first = [
        row.cells[0].value for row in table.rows if row.cells and row.label != Bilingual("I alt", "Total")
    ]
    total = cells(table, "Total")[0].replace(",", "").replace("−", "-")
    assert sum(first) == pytest.approx(float(total), abs=1e-5)
    assert cells(table, "Total")[1] == "", "the growth is a datum and has no error"


def test_frames_of_one_kind_stand_side_by_side(results):
    frame = results["decomposition"]
    table = kv.table({"A": frame, "B": frame[frame["group"] != "deaths"]}, rename={"deaths": "Dead"})
    shown = cells(table, "Dead")
    assert shown[:4] != shown[4:]
    assert shown[4:] == [""] * 4
    assert "| A Contribution |" in table.to("md")


def test_tests_stand_below_each_other(results):
    wald = results["wald"]
    table = kv.table({"Both": wald, "Random": results["mundlak"]}, decimals=2)
    shown = cells(table, "Both")
    assert shown[0] == f"{wald.statistic:,.2f}"
    assert shown[1] == f"F({wald.df_numerator}, {wald.df_denominator:g})"
    assert "tilfeldige effekter" in table.to("md", "nb")
    assert "klyngerobuste (40 klynger" in table.to("md", "nb")


def test_benchmarks_and_values_of_a_sensitivity(results):
    found = results["sensitivity"]
    text = kv.table(found).to("md")
    assert f"must explain {100 * found.robustness_value:.1f}% of the rest" in text
    assert f"| {found.estimate:.3f}".replace("-", "−") in text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("y ~ x", "not of str"),
        (3, "not of int"),
        (None, "not of NoneType"),
        ([], "at least one"),
        (pd.DataFrame({"a": [1], "b": [2]}), "a frame with the columns a, b"),
        (pd.DataFrame(), "a frame without columns"),
        (kv.Specification, "not of type"),
    ],
)
def test_what_is_no_result_gets_a_sentence(given, words):
    with pytest.raises(SpecificationError, match=words):
        kv.table(given)


def test_mixtures_and_options_that_mean_nothing_are_refused_by_name(results):
    wald, frame = results["wald"], results["decomposition"]
    with pytest.raises(SpecificationError, match="HypothesisTest, Specification do not stand in one table"):
        kv.table([wald, results["specification"]])
    with pytest.raises(SpecificationError, match="several kinds"):
        kv.table([frame, results["account"]])
    with pytest.raises(SpecificationError, match="keep: only tables of estimates"):
        kv.table(frame, keep=["x"])
    with pytest.raises(SpecificationError, match="cannot rename: 'deahts'"):
        kv.table(frame, rename={"deahts": "x"})
    with pytest.raises(SpecificationError, match="not of str"):
        kv.table([results["estimate"], "x"])


def test_one_result_needs_no_list(results):
    est = results["estimate"]
    assert kv.table(est) == kv.table([est]) == kv.table(iter([est]))


@dataclass(frozen=True)
class Unknown:
    """A result of the future."""

    share: float
    words: str
    many: tuple = ()


def test_an_unknown_dataclass_is_shown_by_its_single_values():
    text = html_of(Unknown(0.25, "a < b"))
    assert "0.250" in text
    assert "a &lt; b" in text


def test_power_by_hand():
    # Four estimates of zero with errors of one: found are effects above 1.96 - estimate.
    power = ResampledPower(np.array([-1.0, 0.0, 1.0, 2.0]), np.ones(4), 1.96)
    assert cells(kv.table(power), "False alarms, %") == ["25.0"]


# p values and languages ----------


@pytest.mark.parametrize(
    ("p", "nb", "en"),
    [
        (0.0, "<0,001", "<0.001"),
        (0.00099, "<0,001", "<0.001"),
        (0.001, "0,001", "0.001"),
        (0.0005, "<0,001", "<0.001"),
        (0.5, "0,500", "0.500"),
        (1.0, "1,000", "1.000"),
        (np.nan, "..", ".."),
    ],
)
def test_no_p_value_is_printed_as_zero(p, nb, en):
    cell = p_value_cell(p)
    texts = [cell.text(lang) if isinstance(cell, Number) else cell.get(lang) for lang in ("nb", "en")]
    assert texts == [nb, en]
    assert compare_p(p, "nb") == "p " + (f"< {nb[1:]}" if nb.startswith("<") else f"= {nb}")


def test_p_values_below_coefficients_are_not_zero(results):
    text = kv.table(results["estimate"], show="p_value").to("md", "nb")
    assert "(<0,001)" in text
    assert "(0,000)" not in text


def test_origins_are_norwegian_in_norwegian_files_and_read_back():
    for english, norwegian in NORWEGIAN.items():
        assert provenance_of(pd.DataFrame({"data_origin": [norwegian]})).origin == english
    mixed = pd.DataFrame({"data_origin": ["brukerens fil", "syntetiske"]})
    assert provenance_of(mixed).synthetic, "one synthetic row makes the whole synthetic"


def test_a_sentence_is_text_and_knows_its_norwegian():
    told = Sentence("moved", "flyttet")
    assert told == "moved"
    assert in_language(told, "nb") == "flyttet"
    assert in_language("plain", "nb") == "plain"
    assert type(in_language(told, "en")) is str


def test_the_embedded_panels_warning_is_said_once_and_recorded_always():
    with pytest.warns(kv.errors.DataWarning, match="3 suspicious") as told:
        kv.load_panel()
    assert "3 mistenkelige beløp" in in_language(told[0].message.args[0], "nb")
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        kv.load_panel()
    assert shown == []


ORIGIN = provenance_of(pd.DataFrame({"data_origin": ["mine"]}))
