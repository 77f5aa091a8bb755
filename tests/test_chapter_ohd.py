"""The chapter on municipal acute beds: its files, its audit, and labels that never get lost."""

import io

import pandas as pd
import pytest

from kostnadsvekst.chapters import Settings, ohd, ohd_data
from kostnadsvekst.errors import DataMissingError, DataWarning
from kostnadsvekst.language import LANGUAGES
from kostnadsvekst.models.acute_beds import MAIN_OUTCOME, OUTCOMES
from kostnadsvekst.synthetic.acute_beds import simulate

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def result(ohd_run):
    return ohd_run.result


def test_audit_agrees_with_section_6_and_says_calibrated(result):
    assert result.moved == ()
    assert set(result.audit["verdict"]) == {"calibrated"}
    printed = result.audit.set_index("column")["published"]
    assert printed["2010-2014, %"] == "-1,9"


def test_every_table_and_figure_in_both_languages(result):
    names = ("effects", "variants", "mechanisms", "survival", "bacon", "diagnostics")
    for lang in LANGUAGES:
        for name in names:
            for suffix in ("csv", "tex", "html", "md"):
                assert f"ohd/table_{name}_{lang}.{suffix}" in result.files
        for figure in ("figure_12", "figure_effects", "figure_survival"):
            assert result.files[f"ohd/{figure}_{lang}.png"].startswith(PNG)
    assert "Overlever effekten" in result.files["ohd/does_it_survive_nb.html"]
    assert "Does the effect" in result.files["ohd/does_it_survive_en.html"]


def test_every_text_carries_the_label(result):
    for name, content in result.files.items():
        if isinstance(content, str):
            assert any(word in content for word in ("SYNTETISKE", "SYNTHETIC", "synthetic")), name


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
