"""The chapter on municipal acute beds: its files, its audit, and labels that never get lost."""

import io
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from kostnadsvekst.analysis.acute_beds.survival import Comparison, judge_claim
from kostnadsvekst.chapters import Settings, ohd, ohd_data
from kostnadsvekst.chapters.ohd_words import headline
from kostnadsvekst.errors import DataMissingError, DataWarning
from kostnadsvekst.language import LANGUAGES
from kostnadsvekst.models.acute_beds import MAIN_OUTCOME, OUTCOMES
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.synthetic.acute_beds import simulate

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def result(ohd_run):
    return ohd_run.result


def test_audit_agrees_with_section_6_and_says_calibrated(result):
    assert result.moved == ()
    own = result.audit[result.audit["table"] == "6.2"].set_index(["row", "column"])
    assert own.loc[("acute, internal medicine, 80+", "2010-2014, %"), "published"] == "-1,9"
    # "No effect" is shown or not, each with its accepted reason.
    differing = own[own["verdict"] == "differs"]
    assert set(own["verdict"]) == {"calibrated", "differs"}
    assert set(differing["published"]) == {"no effect"}
    assert differing["reason"].str.startswith("accepted: ").all()
    assert dict(differing["ours"].value_counts()) == {"not shown": 3, "effect": 1}


def test_numbers_of_the_earlier_article_are_shown_and_not_judged(result):
    cited = result.audit[result.audit["table"] == "6"].set_index("row")
    assert set(cited["verdict"]) == {"not attempted"}
    assert set(cited["evidence"]) == {"none"}
    split = pd.read_csv(io.StringIO(result.files["ohd/table_mechanisms_en.csv"]), index_col=0)
    article = split["Swanson and Hagen (2016)"].dropna()
    assert article.to_dict() == {
        "Physician on site, 2010–2014": "−3.4%",
        "No physician on site, 2010–2014": "no effect",
    }
    ours = split.loc["Physician on site, 2010–2014", "%"].strip("*")
    assert f"gives {ours} %" in cited.loc["good physician cover (earlier article)", "reason"]


def test_headline_gives_four_estimators_and_one_sentence(result):
    first, second = result.summary[:2]
    for name in ("Callaway–Sant'Anna", "Sun–Abraham", "imputering", "to steg"):
        assert name in second.nb
    assert second.en.count("[") == 4
    assert first.en.startswith("Synthetic data, not Norway: the data cannot tell whether −4% survives")
    assert "−4\u00a0%" in first.nb
    # Computed: the sentence is what the table's intervals say.
    table = pd.read_csv(io.StringIO(result.files["ohd/table_survival_en.csv"].replace("\u2212", "-")))
    limits = table["95% CI"].str.extract(r"\[(.*); (.*)\]").astype(float)[7:11]
    assert ((limits[0] <= -4) & (limits[1] >= -4)).all()
    assert ((limits[0] <= 0) & (limits[1] >= 0)).all()
    for value in (limits[0].min(), limits[1].max()):
        assert f"{value:.1f}%".replace("-", "\u2212") in first.en


def test_page_prints_the_robust_interval_and_counts_by_evidence(result):
    page = result.files["ohd/does_it_survive_en.html"]
    table = pd.read_csv(io.StringIO(result.files["ohd/table_robustness_en.csv"].replace("\u2212", "-")))
    half = table.iloc[1]
    assert half["Robust 95% CI, %"].replace("-", "\u2212") in page
    low, high = (float(x) for x in half["Robust 95% CI, %"].strip("[]").split("; "))
    set_low, set_high = (float(x) for x in half["Identified set, %"].strip("[]").split("; "))
    assert low < set_low < set_high < high
    assert "15 printed numbers put into the synthetic data: 11 calibrated, 4 differ with reason." in page
    assert "3 printed numbers not in the data: 3 cannot be computed." in page
    assert "−1.9% (95% CI −3.0 to −1.0) to all admissions at 80 and over" in page
    for word in ("reproduc", "confirms", "agrees"):
        assert word not in page


def test_equivalence_covers_the_reports_outcomes_in_both_periods(result):
    table = pd.read_csv(io.StringIO(result.files["ohd/table_equivalence_en.csv"].replace("\u2212", "-")))
    rows = table.dropna(subset=["%"])
    assert rows.iloc[:, 0].tolist() == ["2010–2014", "2010–2017"] * 4
    limits = rows["90% CI"].str.extract(r"\[(.*); (.*)\]").astype(float)
    inside = (limits[0] > -2) & (limits[1] < 2)
    assert (rows["No effect?"][inside] == "shown").all()
    assert not (rows["No effect?"][~inside] == "shown").any()


def verdict_of(*intervals):
    rows = [Comparison("imputation", 0.0, low, high, None) for low, high in intervals]
    return SimpleNamespace(verdict=judge_claim(rows, -4.0))


@pytest.mark.parametrize(
    ("intervals", "nb", "en"),
    [
        ([(-6, -2), (-9, -1)], "−4\u00a0% står seg", "−4% survives: the intervals of all 2"),
        ([(-6, 2), (-9, 1)], "Dataene kan ikke avgjøre", "The data cannot tell whether −4% survives"),
        ([(-3, 2), (-2, 1)], "−4\u00a0% overlever ikke: ", "−4% does not survive: none of the 2"),
        ([(-3, -2), (-2, -1)], "overlever ikke i størrelse", "does not survive in size"),
        (
            [(-6, -2), (-3, 1)],
            "1 av 2 intervaller rommer −4",
            "1 of 2 intervals hold −4% and 1 of 2 hold zero",
        ),
        ([], "kan ikke avgjøres: ingen", "cannot be told: none"),
    ],
)
def test_the_headline_follows_the_intervals(intervals, nb, en):
    sentence = headline(verdict_of(*intervals), Provenance("file", file="mine.csv"))
    assert nb in sentence.nb
    assert en in sentence.en
    assert "yntetiske" not in sentence.nb
    synthetic = headline(verdict_of(*intervals), Provenance("synthetic"))
    assert synthetic.nb.startswith("Syntetiske data, ikke Norge: ")


def test_every_table_and_figure_in_both_languages(result):
    names = (
        "effects",
        "variants",
        "mechanisms",
        "survival",
        "robustness",
        "equivalence",
        "bacon",
        "diagnostics",
    )
    for lang in LANGUAGES:
        for name in names:
            for suffix in ("csv", "tex", "html", "md"):
                assert f"ohd/table_{name}_{lang}.{suffix}" in result.files
        for figure in ("figure_12", "figure_effects", "figure_survival"):
            assert result.files[f"ohd/{figure}_{lang}.png"].startswith(PNG)
    assert "Overlever effekten" in result.files["ohd/does_it_survive_nb.html"]
    assert "Does the effect" in result.files["ohd/does_it_survive_en.html"]


def test_latex_of_the_variants_is_plain_latex(result):
    """A Greek letter as it stands stops pdflatex."""
    for lang in LANGUAGES:
        text = result.files[f"ohd/table_variants_{lang}.tex"]
        assert r"$\rho$" in text
        assert "ρ" not in text


def test_every_text_carries_the_label(result):
    for name, content in result.files.items():
        if isinstance(content, str):
            assert any(word in content.lower() for word in ("syntetiske", "synthetic")), name


def test_all_outcomes_under_four_models(result):
    table = pd.read_csv(io.StringIO(result.files["ohd/effects_all_outcomes.csv"]))
    assert len(table) == 4 * 81
    assert set(table["outcome"]) == set(OUTCOMES)
    log = table[table["estimator"] == "log"].groupby("outcome")["effect_percent"].nunique()
    assert (log == 1).all()  # the covariance does not change the estimate


def test_page_holds_the_truth_and_the_bias(result):
    table = pd.read_csv(io.StringIO(result.files["ohd/table_survival_en.csv"].replace("\u2212", "-")))
    table = table.set_index("Estimator")
    truth = table["True effect, %"].dropna().iloc[0]
    two_way = table.loc["Two-way: an effect for each month", "%"]
    poisson = table.loc["… Poisson (PPML)", "%"]
    assert abs(two_way - truth) > 3 > 1 > abs(poisson - truth)


@pytest.mark.slow
def test_same_bytes_again(result):
    with pytest.warns(DataWarning):
        assert ohd.run(Settings()).files == result.files


def test_file_that_is_no_monthly_panel_is_refused(tmp_path):
    (tmp_path / "annual.csv").write_text("municipality,year\n0301,2015\n", encoding="utf-8")
    with pytest.raises(DataMissingError, match="first_month"):
        ohd_data.read_inputs(Settings(data=tmp_path / "annual.csv"))


def test_file_of_the_user_has_no_truth(tmp_path):
    panel = simulate(4, n_municipalities=80).panel.drop(columns="data_origin")
    pd.DataFrame(panel.to_dict("series")).to_parquet(tmp_path / "mine.parquet")
    inputs = ohd_data.read_inputs(Settings(data=tmp_path / "mine.parquet"))
    assert not inputs.provenance.synthetic
    assert inputs.synthetic is None
    assert MAIN_OUTCOME in inputs.panel.columns


@pytest.mark.slow
def test_chapter_runs_on_a_users_panel_without_never_treated(tmp_path):
    panel = simulate(4, n_municipalities=80).panel.drop(columns=["data_origin", "co_located"])
    panel = panel[panel["first_month"].notna() & (panel["municipality"] != "S001")]
    pd.DataFrame(panel.to_dict("series")).to_parquet(tmp_path / "mine.parquet")
    with pytest.warns(DataWarning):
        result = ohd.run(Settings(data=tmp_path / "mine.parquet", languages=("en",)))
    assert any("no never treated" in line.en for line in result.summary)
    assert "SYNTHETIC" not in result.files["ohd/table_survival_en.md"]
    assert "True effect" not in result.files["ohd/table_survival_en.md"]
    assert "Co-located" not in result.files["ohd/table_mechanisms_en.md"]
    assert result.moved  # other data, other numbers


def test_the_fall_that_would_have_been_found_is_by_its_own_standard_error(result):
    """2.8016 standard errors of the main outcome (t with 424 degrees of freedom: 1.9656 + 0.8425)."""
    effects = pd.read_csv(io.StringIO(result.files["ohd/effects_all_outcomes.csv"]))
    chosen = (effects["outcome"] == MAIN_OUTCOME) & (effects["covariance"] == "cluster")
    error = effects[chosen & (effects["estimator"] == "log")]["std_error"].item()
    wanted = 100 * (np.exp(-(1.9656 + 0.8425) * error) - 1)
    line = next(line.en for line in result.summary if "found four times in five" in line.en)
    told = line.partition("the report's model ")[2].partition("%")[0].replace("\u2212", "-")
    assert float(told) == pytest.approx(wanted, abs=0.051)
    assert float(told) < 0
