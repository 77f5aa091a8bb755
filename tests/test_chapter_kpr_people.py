"""Chapter 5: ages and sexes, one municipality, and the Directorate's yearly numbers, by hand."""

import csv
import dataclasses
import io

import numpy as np
import pandas as pd
import pytest

from kostnadsvekst.chapters.kpr_data import LAST_LOCAL_DAY, Material
from kostnadsvekst.chapters.kpr_municipality import (
    municipality_figure,
    municipality_tables,
    other_service_figure,
)
from kostnadsvekst.chapters.kpr_profiles import MONTHS, profile_figure, profile_table
from kostnadsvekst.chapters.kpr_tables import yearly_table
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.register.protected_municipality import ProtectedMunicipality
from kostnadsvekst.register.schema import AGE_GROUPS
from kostnadsvekst.register.tables import RegisterTables
from kostnadsvekst.report.figures import render_png
from kostnadsvekst.report.tables import render
from kostnadsvekst.sources.published import load_claims

WEEKS = pd.date_range("2017-01-02", "2020-12-28", freq="W-MON")
LOCAL = ("home_health", "practical_training")
PICTURES = ("figure_mean_age", "figure_share_of_women", "figure_13_municipality_by_age")
TABLES = ("mean_age_and_women", "figure_13_municipality_by_age", "as_figure_14_practical_training")


def local(hidden_group=None):
    """Home health: 10 users more a week in each older group, one more each week; 2,016 hours each group."""
    rows = []
    for service in LOCAL:
        for week_number, week in enumerate(WEEKS):
            for k, group in enumerate((*AGE_GROUPS, "all")):
                gone = group == hidden_group
                users = np.nan if gone else 10.0 * (k + 1) + week_number
                hours = np.nan if gone else 2016.0
                rows.append((service, week, group, "all", users, hours, 672.0))
    names = ["service", "week", "age_group", "sex", "users", "hours", "hours_unit"]
    return ProtectedMunicipality("0301", LOCAL, WEEKS, pd.DataFrame(rows, columns=names))


def profile():
    """Long-term stays: the mean age falls half a year at a time, the share of women rises by one."""
    rows = [("long_term_stay", "all", m, 85 - k / 2, 0.1, 60.0 + k) for k, m in enumerate(MONTHS)]
    rows += [("home_health", "all", m, np.nan, np.nan, 50.0) for m in MONTHS]
    rows += [("home_health", "80+", m, 88.0, 9.9, 66.0) for m in MONTHS]
    names = ["service", "age_group", "month", "mean_age_years", "mean_age_unit_years", "women_percent"]
    return pd.DataFrame(rows, columns=names)


def material(yearly=(), largest=None):
    names = ["service", "age_group", "sex", "year", "users"]
    rows = [(service, "all", "all", year, users) for service, year, users in yearly]
    return Material(
        tables=RegisterTables(pd.DataFrame(), pd.DataFrame(rows, columns=names)),
        claims=load_claims("kpr"),
        trends={},
        growth=pd.DataFrame(),
        told=None,
        profile=profile(),
        largest=local() if largest is None else largest,
        rules={},
        provenance=Provenance("synthetic"),
    )


def lines_of(table, lang="en"):
    text = render(table, lang)[f"{table.name}_{lang}.csv"]
    return list(csv.reader(io.StringIO(text), delimiter=";" if lang == "nb" else ","))


def below(lines, heading):
    """Lines from a heading of rows to the next one."""
    start = [line[0] for line in lines].index(heading) + 1
    rest = lines[start:]
    ends = [k for k, line in enumerate(rest) if line[1] == ""]
    return {line[0]: line[1:-1] for line in rest[: ends[0] if ends else None]}


def test_the_directorate_is_compared_by_hand():
    """Long-term stays are 47,439 and 46,535 in the report, 47,508 and 45,866 with the Directorate."""
    ours = [
        ("long_term_stay", 2017, 50_000),
        ("long_term_stay", 2019, 46_535),
        ("long_term_stay", 2018, np.nan),
    ]
    stays = below(lines_of(yearly_table(material(ours))), "Long-term stay in institution")
    # 47,439 / 47,508 is 0.15 per cent less; 50,000 / 47,439 is 5.40 per cent more.
    assert stays["2017"] == ["47439", "47508", "50000", "-0.1", "5.4"]
    assert stays["2018"] == ["..", "..", ":", "..", ".."], "confidential is told from not printed"
    # 46,535 / 45,866 is 1.459 per cent more.
    assert stays["2019"] == ["46535", "45866", "46535", "1.5", "0.0"]
    # -904 of 47,439; -1,642 of 47,508; -3,465 of 50,000.
    assert stays["2017–2019, percent"] == ["-1.9", "-3.5", "-6.9", ".", "."]


def test_bpa_grows_less_with_the_directorate():
    bpa = below(lines_of(yearly_table(material())), "User-controlled personal assistance (BPA)")
    # 4,362 / 4,032 is 8.185 per cent more; from 3,975: 9.74 and 1.43 per cent.
    assert bpa["2019"][3] == "8.2"
    assert bpa["2017–2019, percent"][:3] == ["9.7", "1.4", ":"]


def test_services_without_the_directorate_have_no_change():
    respite = below(lines_of(yearly_table(material())), "Respite in institution")
    assert list(respite) == ["2017", "2018", "2019", "2020"]
    assert {cells[3] for cells in respite.values()} == {".."}


def test_ages_and_women_by_hand():
    lines = {line[0]: line[1:-1] for line in lines_of(profile_table(material()))}
    ages = ["85.00", "84.50", "84.00", "83.50", "83.00", "-2.00"]
    assert lines["Long-term stay in institution"] == [*ages, "60.0", "61.0", "62.0", "63.0", "64.0", "4.0"]
    assert lines["Health services at home"] == [":"] * 6 + ["50.0"] * 5 + ["0.0"]
    assert lines["Respite in institution"] == [":"] * 12, "nobody uses it"


def test_the_note_says_how_far_off_an_age_can_be():
    """Half of the largest unit of all ages, 0.1; the age group's own 9.9 is not in the table."""
    nb, en = (profile_table(material()).notes[0].get(lang) for lang in ("nb", "en"))
    assert "off by 0.050 years at most" in en
    assert "høyst 0,050 år feil" in nb
    gone = dataclasses.replace(material(), profile=profile().assign(mean_age_unit_years=np.nan))
    assert "off by 0 years at most" in profile_table(gone).notes[0].en


def test_one_municipality_by_hand():
    by_age, other = municipality_tables(material())
    old = below(lines_of(by_age), "80+ years")
    # Users of week k are 50 + k: weeks 0-51 have the mean 75.5, weeks 156-194 the mean 225.
    # 52 weeks of 2,016 hours, each off by 336 at most.
    assert old["2017"] == ["52", "76", "104832", "17472", "2016"]
    assert old["2020, Jan–Sept"] == ["39", "225", "78624", "13104", "2016"]
    training = below(lines_of(other), "Practical assistance: training")
    assert training["2018"] == ["52", "138", "104832", "17472", "2016"]  # 60 + 77.5 rounds to even
    assert list(training) == ["2017", "2018", "2019", "2020, Jan–Sept"]
    assert LAST_LOCAL_DAY == "2020-09-30"


def test_cancer_nursing_is_not_attempted():
    _, other = municipality_tables(material())
    for lang, said in (("nb", "ikke forsøkt"), ("en", "not attempted")):
        first = lines_of(other, lang)[1]
        assert "14" in first[0]
        assert first[-2] == said
        assert set(first[1:-2]) == {"."}, "no number stands beside it"
    assert "no service of the register" in other.notes[0].en


def test_a_confidential_age_group_is_told_as_such():
    by_age, _ = municipality_tables(material(largest=local(hidden_group="0-17")))
    young = below(lines_of(by_age), "0–17 years")
    assert young["2017"][1:3] == [":", ":"]
    assert young["2017"][0] == "52"
    figure = municipality_figure(material(largest=local(hidden_group="0-17")), "nb")
    assert [text.get_text() for text in figure.axes[0].texts] == [":"] * 4
    assert not figure.axes[0].patches


def test_bars_are_the_tables_numbers():
    figure = municipality_figure(material(), "en")
    top, bottom = figure.axes[4], figure.axes[10]  # 80 years and over
    assert [bar.get_height() for bar in top.patches] == [75.5, 127.5, 179.5, 225.0]
    assert [bar.get_height() for bar in bottom.patches] == pytest.approx([104.832] * 3 + [78.624])
    assert [bool(bar.get_hatch()) for bar in bottom.patches] == [False, False, False, True]
    first = bottom.collections[0].get_segments()[0]  # 52 weeks, each off by 336 hours at most
    assert first[:, 1].tolist() == pytest.approx([104.832 - 17.472, 104.832 + 17.472])
    left, right = other_service_figure(material(), "en").axes
    assert [bar.get_height() for bar in left.patches] == [85.5, 137.5, 189.5, 235.0]
    assert [bar.get_height() for bar in right.patches] == [2016.0] * 4


@pytest.mark.parametrize("lang", ["nb", "en"])
@pytest.mark.parametrize("measure", ["mean_age_years", "women_percent"])
def test_a_panel_says_why_it_is_empty(measure, lang):
    figure = profile_figure(material(), measure, lang)
    texts = [" ".join(text.get_text() for text in axes.texts) for axes in figure.axes]
    assert texts[0] == "", "long-term stays are drawn"
    assert texts[1] == {"nb": "Ingen brukere", "en": "No users"}[lang]
    hidden = {"nb": "Konfidensiell", "en": "Confidential"}[lang]
    assert texts[5].startswith(hidden) == (measure == "mean_age_years")
    assert render_png(figure, Provenance("synthetic"), lang)[:4] == b"\x89PNG"


def test_drawn_months_are_the_profiles_numbers():
    line = profile_figure(material(), "women_percent", "en").axes[0].lines[0]
    assert line.get_ydata().tolist() == [60.0, 61.0, 62.0, 63.0, 64.0]
    low, high = profile_figure(material(), "women_percent", "en").axes[0].get_ylim()
    assert high - low >= 6, "an axis of a few tenths would show noise"


def test_everything_is_written_in_both_languages(kpr_run):
    names = {path.name for path in kpr_run.written}
    for lang in ("nb", "en"):
        assert {f"{name}_{lang}.png" for name in (*PICTURES, "as_figure_14_practical_training")} <= names
        assert {f"{name}_{lang}.{end}" for name in TABLES for end in ("csv", "html", "md", "tex")} <= names
    months = pd.read_csv(io.StringIO(kpr_run.result.files["kpr/mean_age_and_women_by_month.csv"]))
    stays = months[(months["service"] == "long_term_stay") & (months["age_group"] == "all")]
    assert stays["month"].tolist() == [str(m) for m in pd.period_range("2017-01", "2020-12", freq="M")]
    assert set(months["data_origin"]) == {"synthetic"}
    # The report: 85 years at the start of 2017, 83.3 at the end of 2020; 68.7 and 67.5 per cent women.
    ages, women = stays["mean_age_years"].astype(float), stays["women_percent"].astype(float)
    assert ages.iloc[[0, -1]].tolist() == pytest.approx([85.0, 83.3], abs=0.05)
    assert women.iloc[:12].mean() == pytest.approx(68.7, abs=0.1)
    assert women.iloc[36:].mean() == pytest.approx(67.5, abs=0.1)
