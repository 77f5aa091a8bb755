"""What the report quotes and explains: section 4.1, the refund scheme of 8.2.3, table A4."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kostnadsvekst.chapters import CHAPTERS, Settings, choose_chapters
from kostnadsvekst.errors import DataMissingError, SpecificationError
from kostnadsvekst.municipal.parameters import load_refund_rules, refund_rule
from kostnadsvekst.municipal.user_groups import refund
from kostnadsvekst.panel.functions import FUNCTIONS, RESIDUAL, TOTAL
from kostnadsvekst.sources.published import load_codebook, load_municipal_economy

KRONER = st.floats(0, 1e8)


def test_rule_of_2018_as_the_report_prints_it():
    rule = refund_rule(2018)
    assert (rule.threshold_kr, rule.share, rule.disability_deduction_kr) == (1_270_000, 0.80, 656_000)


def test_years_without_a_source_are_not_made_up():
    with pytest.raises(DataMissingError, match="no refund rule for 2019 \\(known: 2018, 2021\\)"):
        refund_rule(2019)
    assert all(rule.source for rule in load_refund_rules().values())


@pytest.mark.parametrize(
    ("cost", "deductions", "expected"),
    [
        (1_270_000, 0, 0.0),
        (1_270_001, 0, 0.8),
        (3_000_000, 0, 1_384_000.0),  # 0.8 x 1,730,000
        (3_000_000, 656_000, 859_200.0),  # 0.8 x 1,074,000
        (1_900_000, 656_000, 0.0),  # 1,244,000 is below
        (0, 0, 0.0),
    ],
)
def test_refund_by_hand(cost, deductions, expected):
    assert refund(cost, threshold=1_270_000, deductions=deductions) == pytest.approx(expected)


@given(KRONER, KRONER, KRONER, st.floats(0, 1))
def test_refund_rises_with_the_cost_and_never_above_its_share(cost, more, threshold, share):
    low, high = (refund(c, threshold=threshold, share=share) for c in (cost, cost + more))
    assert 0 <= low <= high + 1e-6
    assert high <= share * (cost + more) + 1e-6


@pytest.mark.parametrize(
    "wrong",
    [
        {"wage_cost": -1.0},
        {"threshold": float("nan")},
        {"share": 1.2},
        {"share": -0.1},
        {"deductions": float("inf")},
    ],
)
def test_numbers_that_mean_nothing_are_all_named(wrong):
    given_ = {"wage_cost": 1.0, "threshold": 1.0, "share": 0.8, "deductions": 0.0} | wrong
    with pytest.raises(SpecificationError, match=next(iter(wrong))):
        refund(given_.pop("wage_cost"), **given_)


def test_every_function_is_in_the_codebook():
    book = load_codebook()
    assert list(book["function"]) == [name for name in FUNCTIONS if name not in (RESIDUAL, TOTAL)]
    assert book.notna().all(axis=None)


def test_section_4_1_as_printed():
    economy = load_municipal_economy()
    income = economy[economy["measure"] == "income_growth_real"].set_index("year")["value"]
    assert income.to_dict() == {2015: 3.9, 2017: 2.0, 2018: 3.0, 2019: 0.7}


def rows_of(run, name):
    return list(csv.reader(io.StringIO(run.result.files[f"background/{name}.csv"])))


def test_table_of_refunds(background_run):
    found = {row[0]: row[1:] for row in rows_of(background_run, "table_refund_en") if len(row) == 6}
    # 3 million: 1,384,000 back, 1,616,000 of 3,000,000 borne; with the grant 3,000,000 - 656,000 - 859,200.
    assert found["3,000,000"] == ["1384000", "53.9", "859200", "49.5", "the report"]
    text = background_run.result.files["background/table_refund_nb.md"]
    # 20 x 0.8 x (3 - 1.27) million; 1 - 26/60.
    assert "27,7 millioner" in text
    assert "bar altså 57 prosent selv" in text


def test_nothing_of_a_users_own_is_read_by_it(tmp_path):
    assert CHAPTERS["background"].reads == "nothing"
    assert "background" not in choose_chapters(Settings(data=tmp_path / "mine.csv"))
