"""Claims from printed numbers, real numbers and the panel: each measure by hand on tiny inputs."""

import csv
import io
import math
from itertools import pairwise

import pandas as pd
import pytest

from conftest import ROOT
from kostnadsvekst.analysis.claims import growth, panel
from kostnadsvekst.analysis.claims.acute_beds import AcuteBedsMaterial, measure_acute_beds
from kostnadsvekst.analysis.claims.measures import NotInDataError
from kostnadsvekst.analysis.claims.national import Country, measure_national
from kostnadsvekst.analysis.claims.printed import COMPUTATIONS, PrintedNumbers, measure_printed, slack_of
from kostnadsvekst.analysis.claims.register import COMPUTATIONS as OF_REGISTER
from kostnadsvekst.analysis.growth import account
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.register.schema import AGE_GROUPS
from kostnadsvekst.sources.published import load_claims

CELL_COLUMNS = ["table", "row", "value", "statistic", "variable", "term", "period", "model"]
CELLS = pd.DataFrame(
    [
        ("1", "253", 30.0, "amount_nok1000", "", "", "2020", ""),
        ("1", "254", 50.0, "amount_nok1000", "", "", "2020", ""),
        ("1", "241", 21.0, "amount_nok1000", "", "", "2020", ""),
        ("1", "FGK9", 100.0, "amount_nok1000", "", "", "2020", ""),
        ("A1", "2015", 100.0, "mean", "free_income", "", "2015", ""),
        ("A1", "2016", 110.0, "mean", "free_income", "", "2016", ""),
        ("A1", "2017", 111.1, "mean", "free_income", "", "2017", ""),
        ("A1", "2018", 122.21, "mean", "free_income", "", "2018", ""),
        ("A1", "2015-2018", 111.0, "mean", "free_income", "", "2015-2018", ""),
        ("A1", "2015", 10.0, "std_dev", "free_income", "", "2015", ""),
        ("A2", "Alder_0-5", 7.0, "mean", "age_0_5", "", "2015-2018", ""),
        ("A2", "Alder_0-5", 1.0, "std_dev", "age_0_5", "", "2015-2018", ""),
        ("A2", "Alder_80+", 4.0, "mean", "age_80_plus", "", "2015-2018", ""),
        ("A2", "Innvandrere", 4.0, "mean", "immigrants", "", "2015-2018", ""),
        ("A3", "x", 0.04, "estimate", "free_income", "free_income", "2015-2019", "A3-3"),
        ("A3", "x", 0.01, "std_error", "free_income", "free_income", "2015-2019", "A3-3"),
        ("A3", "x", 0.02, "estimate", "free_income", "free_income", "2015-2019", "A3-4"),
        *[
            ("A3", str(year), value, "estimate", "year", f"C(year)[T.{year}]:free_income", "", "A3-4")
            for year, value in ((2016, 0.01), (2017, 0.03), (2018, 0.06), (2019, 0.09))
        ],
        *[
            ("A3", str(year), value, statistic, "year", f"C(year)[T.{year}]", "", f"A3-{model}")
            for model in range(1, 5)
            for year in range(2016, 2020)
            for statistic, value in (
                ("estimate", 1.9 if (model, year) == (4, 2016) else -2.0),
                ("std_error", 1.0),
            )
        ],
    ],
    columns=CELL_COLUMNS,
)
NUMBERS = {"C001": 200.0, "C002": 300.0, "C003": 21.0, "C004": 50.0, "C005": 90.0}
INTERVALS = {"C001": (190.0, 210.0), "C002": (300.0, 310.0)}
TINY = PrintedNumbers(CELLS, NUMBERS, INTERVALS)


@pytest.mark.parametrize(
    ("measure", "by_hand"),
    [
        ("growth_of:C001:C002", 50.0),
        ("difference_of:C002:C001", -100.0),
        ("product_of:C001:C004", 10_000.0),
        ("quotient_of:C002:C001", 1.5),
        ("compound_of:C003:2", 10.0),  # 1.1 squared is 1.21
        ("grown:C003:2", 46.41),  # 1.21 squared is 1.4641
        ("growth_of_rest:C002:C001:C004", 150.0),  # from 100 left to 250
        ("rest_of:C002:C001;C004", 50.0),
        ("faster_by:C001:C002:C004:C005", -30.0),  # 50 against 80 per cent
        ("least_faster:C001,C002,C004,C005;C004,C005,C001,C002", -30.0),
        ("least_of:C001;C003;C004", 21.0),
        ("rank_from_below:C004:C003;C004;C001", 2.0),
        ("municipalities_left:C002:C003:2", 277.0),
        ("listed:a;b;a;c", 3.0),
        ("sum:5;3.2", 8.2),
        ("product:50000;20", 1e6),
        ("quotient:720000;160", 4500.0),
        ("growth:500;600", 20.0),
        ("share_left:60;26", 100 * 34 / 60),
        ("years_in:2015:2020", 6.0),
        ("years_between:2015:2019", 4.0),
        ("doubling_rate:1", 100.0),
        ("doubling_years:100", 1.0),
        ("table_share:253", 30.0),
        ("table_share:FGK9", 101.0),  # the parts sum to one more than the total
        ("amount_rank:254", 1.0),
        ("amount_rank:254;253", 2.0),
        ("cell_growth:free_income:2015:2016", 10.0),
        ("least_cell_growth:free_income", 1.0),  # 110 to 111.1
        ("income_growth_rank:2017", 1.0),
        ("income_growth_rank:2017;2016", 2.0),  # 1 in 2017, 10.0 in 2016 and in 2018
        ("age_variables", 2.0),
        ("coefficient:3:free_income", 0.04),
        ("interaction:2018", 0.06),
        ("interaction_ratio:2017:2018", 0.5),
        ("interaction_rank:2018;2019", 2.0),
        ("interaction_rank:2017", 3.0),
        ("t_value:3:free_income", 4.0),
        ("insignificant_years", 1.0),
        ("least_slope", 0.02),
    ],
)
def test_measures_of_printed_numbers_by_hand(measure, by_hand):
    assert measure_printed(measure, TINY) == pytest.approx(by_hand)


def test_every_measure_of_printed_numbers_is_tried_by_hand():
    tried = test_measures_of_printed_numbers_by_hand.pytestmark[0].args[1]
    assert {measure.split(":")[0] for measure, _ in tried} == set(COMPUTATIONS)


def test_what_is_not_printed_is_named():
    with pytest.raises(NotInDataError, match="no number for C099"):
        measure_printed("growth_of:C001:C099", TINY)
    with pytest.raises(NotInDataError, match="prints no deaths in model 3"):
        measure_printed("coefficient:3:deaths", TINY)
    for measure, named in (
        ("table_share:999", "table 1 prints no 999"),
        ("amount_rank:253;999", "table 1 prints no 999"),
        ("cell_growth:free_income:2014:2016", "free_income prints no 2014"),
        ("cell_growth:fees:2015:2016", "fees prints no 2015, 2016"),
        ("income_growth_rank:2015", "growth in table A1 prints no 2015"),
        ("interaction_rank:2015;2018", "table A3 prints no 2015"),
    ):
        with pytest.raises(NotInDataError, match=named):
            measure_printed(measure, TINY)
    with pytest.raises(SpecificationError, match="did you mean 'growth_of'"):
        measure_printed("growths_of:C001:C002", TINY)
    for measure in ("growth_of:C001", "growth_of:C001:C002:C003", "age_variables:C001"):
        with pytest.raises(SpecificationError, match=f"measure '{measure}': .*argument"):
            measure_printed(measure, TINY)


def test_slack_is_over_all_corners_of_the_intervals():
    # 300/210 and 310/190 are the ends; C004 has no interval.
    below, above = slack_of("growth_of:C001:C002", TINY)
    assert below == pytest.approx(50 - 100 * (300 / 210 - 1))
    assert above == pytest.approx(100 * (310 / 190 - 1) - 50)
    assert slack_of("difference_of:C003:C004", TINY) == (0.0, 0.0)
    assert slack_of("years_in:2015:2020", TINY) == (0.0, 0.0)


# The report's own numbers, recomputed from the committed tables without the package ----------


def printed_cells():
    with (ROOT / "data/published/report_003_tables.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def cell(table, row, column):
    (found,) = [c for c in printed_cells() if (c["table"], c["row"], c["column"]) == (table, row, column)]
    return float(found["printed"].replace(" ", "").replace(",", "."))


def means(variable):
    rows = [
        c
        for c in printed_cells()
        if (c["table"], c["variable"], c["statistic"]) == ("A1", variable, "mean") and len(c["period"]) == 4
    ]
    return [float(c["printed"]) for c in sorted(rows, key=lambda c: c["period"])]


@pytest.fixture(scope="module")
def ours(claims_run):
    file = io.StringIO(claims_run.result.files["claims/claims.csv"])
    return pd.read_csv(file, dtype=str, keep_default_na=False, index_col="id")


def test_prose_of_the_appendix_against_the_committed_tables(ours):
    spent, income = means("net_expenditure"), means("free_income")
    recomputed = {
        "C250": 100 * (spent[4] / spent[0] - 1),
        "C271": 100 * (spent[4] / spent[0] - 1),
        "C251": 100 * (income[4] / income[0] - 1),
        "C261": cell("A3", "Alder_67-79", "Modell 2 b"),
        "C262": cell("A3", "Skilte_16-66", "Modell 2 b"),
        "C263": cell("A3", "Frie_inntekter", "Modell 3 b"),
        "C265": 10_000 * cell("A3", "Frie_inntekter", "Modell 3 b"),
        "N064": min(100 * (b / a - 1) for a, b in pairwise(spent)),
    }
    for name, number in recomputed.items():
        assert float(ours.loc[name, "ours"]) == pytest.approx(number, abs=0.006), name
        assert ours.loc[name, "verdict"] in ("exact", "rounds"), name
        assert ours.loc[name, "evidence"] == "identity", name
    interactions = {year: cell("A3", f"{year} X Frie_inntekter", "Modell 4 b") for year in (2017, 2018)}
    assert float(ours.loc["C267", "ours"]) == pytest.approx(interactions[2018])
    assert float(ours.loc["C268", "ours"]) == pytest.approx(interactions[2017] / interactions[2018], abs=5e-4)


def test_income_of_the_municipalities_from_table_a1_and_the_population(ours):
    # 1 January 2016 and 2020: the ends of 2015 and 2019 (Statistics Norway, table 07459).
    income = means("free_income")
    total = (income[4] * 5_367_580) / (income[0] * 5_213_985)
    assert float(ours.loc["C007", "ours"]) == pytest.approx(100 * (total ** (1 / 4) - 1), abs=6e-4)
    assert ours.loc["C007", ["verdict", "evidence"]].tolist() == ["rounds", "real"]
    assert float(ours.loc["N013", "ours"]) == pytest.approx(100 * (total - 1), abs=6e-3)
    assert ours.loc["C200", "verdict"] == "differs", "the report says that there was no growth"


def test_growth_of_sector_and_total_against_the_committed_accounts(ours, growth_run):
    made = pd.read_csv(
        io.StringIO(growth_run.result.files["growth/growth_account.csv"]), dtype={"function": str}
    )
    wide = made.pivot_table(index="year", columns="function", values="nominal_nok1000")
    care = wide["253"] + wide["254"]
    growths = [100 * (care[y] / care[y - 1] - 1) for y in (2016, 2017, 2018)]
    assert float(ours.loc["C024", "ours"]) == pytest.approx(growths[2], abs=6e-3)
    assert float(ours.loc["C002", "ours"]) == pytest.approx(growths[2] / (sum(growths[:2]) / 2), abs=6e-3)
    real = made[~made["function"].isin(["FGK9", "residual", "255"])]
    real = real.pivot_table(index="year", columns="function", values="real_nok1000")
    grown = (real.loc[2019] / real.loc[2016]).sort_values(ascending=False)
    assert float(ours.loc["C179", "ours"]) == list(grown.index).index("241") + 1
    # Real totals, 1000 kroner; price growth of the municipal deflator is in data/parameters/prices.toml.
    rates = [100 * (101_043_830 / 95_045_027 - 1), 100 * (105_682_428 / 101_043_830 - 1)]
    assert f": {8 / (sum(rates) / 2):.2f}, differs" in ours.loc["C002", "also"]


# Accounts ----------

PRICES = {2015: 1.0, 2016: 1.0, 2017: 1.0, 2018: 1.0}
ACCOUNT = account(
    pd.DataFrame(
        {"253": [100, 102, 104, 104], "254": [100, 110, 132, 171.6], "255": [5, 0, 0, 0]},
        index=pd.Index([2015, 2016, 2017, 2018], name="year"),
    ),
    PRICES,
)


@pytest.mark.parametrize(
    ("measure", "by_hand"),
    [
        ("growth_nominal:253+254:2015:2016", 6.0),
        ("acceleration:254:2015:2018", 2.0),  # 30 per cent after 10 and 20
        ("amount:254:2018", 171.6),
        ("index_base:254:2015", 100.0),
        ("growth_rank:254:2015:2018", 1.0),
        ("growth_rank:253:2015:2018", 2.0),
        ("least_function_growth:2015:2018", 4.0),  # 255 ended: it has no growth
        ("least_yearly_growth:253", 0.0),
        ("steepest_at_start:253:2017", 1.0),
        ("steepest_at_start:254:2017", 2.0),
    ],
)
def test_measures_of_accounts_by_hand(measure, by_hand):
    assert growth.measure_growth(measure, ACCOUNT, None) == pytest.approx(by_hand)


def test_a_gap_in_the_years_is_crossed_by_its_mean_and_never_by_a_year_that_is_not_there():
    gap = account(pd.Series({2015: 100.0, 2016: 110.0, 2018: 110.0 * 1.05**2}, name="FGK9"), PRICES)
    assert growth.measure_growth("least_yearly_growth:FGK9", gap, None) == pytest.approx(5.0)
    with pytest.raises(NotInDataError, match="no 2017"):
        growth.measure_growth("acceleration:FGK9:2015:2018", gap, None)
    with pytest.raises(NotInDataError, match="total only"):
        growth.measure_growth("least_function_growth:2015:2018", gap, None)
    with pytest.raises(NotInDataError, match="no 999"):
        growth.measure_growth("growth_nominal:254+999:2015:2018", ACCOUNT, None)


def test_other_readings_of_the_sector_are_told_with_its_growth():
    four = ACCOUNT.assign(function=ACCOUNT["function"].replace({"255": "234"}))
    told = growth.explain_care_growth("growth_nominal:253+254:2015:2016", four)
    assert told == "of other readings of the sector, 234+253+254+261: 3.41; FGK9: 3.41"
    assert growth.explain_care_growth("growth_real:254:2015:2016", four) == ""


# The country and the panel ----------


def test_measures_of_the_country_by_hand():
    years = pd.Series({2015: 100.0, 2016: 104.0, 2017: 104.0 * 1.06}, name="expenditure")
    people = pd.Series({2016: 100.0, 2017: 110.0, 2019: 121.0}, name="population")
    units = pd.Series({2015: 428.0}, name="number of municipalities")
    country = Country(years, people, units, PrintedNumbers(CELLS, {"C024": 10.0}))
    assert measure_national("income_growth:2015:2016", country) == pytest.approx(21.0)  # 1.1 times 1.1
    total = 1.2221 * 1.21
    assert measure_national("income_growth:2015:2018", country) == pytest.approx(100 * (total - 1))
    yearly = measure_national("income_growth_yearly:2015:2018", country)
    assert yearly == pytest.approx(100 * (math.exp(math.log(total) / 3) - 1))
    assert measure_national("municipalities:2015", country) == 428
    assert measure_national("price_base:2019", country) == 1
    assert measure_national("against_growth_before:C024:2015:2017", country) == pytest.approx(2.0)  # 10 to 5
    with pytest.raises(NotInDataError, match="number of municipalities of 2016 is not known"):
        measure_national("municipalities:2016", country)
    with pytest.raises(NotInDataError, match="population of 2018"):
        measure_national("income_growth:2015:2017", country)


def small(rows):
    columns = ["municipality", "year", "population", "net_expenditure", "free_income"]
    return pd.DataFrame(rows, columns=columns)


def test_measures_of_the_panel_by_hand():
    rows = small(
        [
            ("a", 2015, 100, 10.0, 50.0),
            ("b", 2015, 100, 10.0, 50.0),
            ("c", 2015, 300, 20.0, 50.0),
            ("a", 2019, 100, 15.0, 100.0),
            ("b", 2019, 100, 10.0, 55.0),
            ("c", 2019, 100, 25.0, 50.0),
        ]
    )
    assert panel.measure_panel("panel_rows", rows) == 6
    # a gained most: from 10 to 15. The others from (100*10 + 300*20) / 400 = 17.5 to (10 + 25) / 2 = 17.5.
    assert panel.measure_panel("growth_of_income_gainers", rows) == pytest.approx(50.0)
    assert panel.measure_panel(
        "growth_of_income_gainers", rows.sample(frac=1, random_state=1)
    ) == pytest.approx(50.0)
    for few in (rows[rows["year"] == 2015], rows[rows["municipality"] != "c"]):
        with pytest.raises(NotInDataError, match="three municipalities in two years"):
            panel.measure_panel("growth_of_income_gainers", few)


# Register and acute beds ----------

WEEKS = pd.date_range("2017-01-02", "2020-12-28", freq="W-MON")


class Flat:
    """Tables of a register with constant users by year, service and age group."""

    def __init__(self, by_year):
        self.by_year = by_year

    def users(self, services, group="all", sex="all"):
        years = WEEKS.isocalendar().year.to_numpy()
        users = pd.Series([self.by_year[group][year - 2017] for year in years], index=WEEKS, dtype=float)
        return users.where((WEEKS < "2020-11") | (group != "60-79"), 1.0)


FLAT = Flat(
    {
        "all": (100, 110, 99, 120),
        "80+": (80, 80, 80, 72),
        "0-17": (10, 10, 10, 30),
        "18-39": (10, 10, 10, 9),
        "60-79": (10, 10, 10, 10),
    }
)


@pytest.mark.parametrize(
    ("measure", "by_hand"),
    [
        # January to January: +10, -10 and +21.2 per cent; within 2020 nothing
        ("users_least_yearly_rise:home_health:all", -10.0),
        # the last year ends in December, when one of ten is left
        ("users_least_yearly_rise:home_health:60-79", -90.0),
        ("users_most_rise:home_health:0-17;18-39:2017-01:2020-12", 200.0),
        ("share_80_change:home_health:2017-01:2020-12", 100 * (0.6 / 0.8 - 1)),
    ],
)
def test_measures_of_the_register_by_hand(measure, by_hand):
    name, *arguments = measure.split(":")
    assert OF_REGISTER[name](FLAT, *arguments) == pytest.approx(by_hand)
    assert set(AGE_GROUPS) >= {"0-17", "18-39", "80+"}


def test_rank_of_an_effect_is_among_the_outcomes_of_the_chapter():
    frame = pd.DataFrame(
        {
            "outcome": [
                "admissions_acute_internal_80plus",
                "admissions_acute_surgery_80plus",
                "outpatient_acute_internal_under80",
            ],
            "effect_percent": [-4.0, -1.0, -9.0],
        }
    )
    material = AcuteBedsMaterial(pd.DataFrame(), {"2017-12": frame})
    # the largest fall of all is that of an outcome that the chapter does not look at
    assert measure_acute_beds("effect_rank:admissions_acute_internal_80plus:2017-12", material) == 1
    assert measure_acute_beds("effect_rank:admissions_acute_surgery_80plus:2017-12", material) == 2
    with pytest.raises(NotInDataError, match="not among the outcomes"):
        measure_acute_beds("effect_rank:outpatient_acute_internal_under80:2017-12", material)
    with pytest.raises(NotInDataError, match="no estimate up to 2014-12"):
        measure_acute_beds("effect_rank:admissions_acute_surgery_80plus:2014-12", material)


def test_all_measures_of_the_file_on_printed_numbers_have_their_numbers():
    numbers = PrintedNumbers.of_the_report()
    for claim in load_claims("printed").itertuples():
        assert math.isfinite(measure_printed(claim.measure, numbers)), claim.id
