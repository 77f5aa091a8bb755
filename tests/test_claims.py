"""Printed claims: their schema, their measures by hand, and the one judge that gives verdicts on them."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from kostnadsvekst.analysis.claims import acute_beds, growth, national, panel, printed, register
from kostnadsvekst.analysis.claims.measures import NotInDataError, compute_measure
from kostnadsvekst.analysis.growth import account
from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.audit import EVIDENCE, Item, audit_items, claim_item, count_by_evidence
from kostnadsvekst.sources.published import check_claims, load_claims, printed_value
from register_cubes import protected_tables_of

SYNTHETIC, REAL = Provenance("synthetic"), Provenance("file of the user")
WEEKS = pd.date_range("2017-01-02", "2020-12-28", freq="W-MON")
GROUPS = ("0-17", "18-39", "40-59", "60-79", "80+")


# Schema ----------


def test_every_claim_has_a_computation():
    known = {"growth": {**growth.OF_ACCOUNTS, **growth.OF_GROUPS}, "table-1": growth.OF_ACCOUNTS}
    known |= {"kpr": register.COMPUTATIONS, "ohd": acute_beds.COMPUTATIONS}
    known |= {"printed": printed.COMPUTATIONS, "national": national.COMPUTATIONS}
    known |= {"panel": panel.COMPUTATIONS}
    for claim in load_claims().itertuples():
        if claim.evidence != "none":
            assert claim.measure.split(":")[0] in known[claim.chapter], claim.id


def test_what_no_data_hold_has_no_computation():
    external = load_claims("kpr", "ohd").query("evidence == 'none'")["measure"]
    directorate = external.str.startswith("directorate_")
    assert directorate.sum() == 11, "the Directorate of Health's numbers in chapter 5, counted there"
    # Chapter 6 cites three numbers of an earlier article: ours stand beside them, as no agreement.
    assert external[~directorate].str.startswith("earlier_article:").sum() == 3 == (~directorate).sum()


def test_faults_of_claims_are_reported_at_once():
    claims = load_claims("growth").head(5).copy()
    claims.loc[1, "id"] = claims.loc[0, "id"]
    claims.loc[1, "evidence"] = "proof"
    claims.loc[2, ["low", "quote"]] = [5.0, ""]
    claims.loc[3, "measure"] = ""
    claims.loc[4, ["value", "low", "high"]] = [3.0, 1.0, 2.0]
    claims.loc[4, ["role", "evidence", "same_as"]] = ["aside", "none", "C999"]
    with pytest.raises(InvalidDataError) as caught:
        check_claims(claims)
    assert len(caught.value.problems) == 9
    text = str(caught.value)
    for fault in (
        "occurs twice",
        "'proof' is not one of",
        "no quote",
        "one end",
        "no measure",
        "3 is outside 1",
        "role 'aside' is not one of blank, evidence, part, wording",
        "no settled_by",
        "same as 'C999', which is no claim of its own",
    ):
        assert fault in text
    with pytest.raises(InvalidDataError, match="lack the columns low"):
        check_claims(claims.drop(columns="low"))


@pytest.mark.parametrize(
    ("measure", "value"),
    [
        # Section 4.2 prints 18,1 and the summary 18 for the same growth: the one with more decimals counts.
        ("growth_real:FGK9:2015:2020", 18.1),
        ("growth_real:FGK9:2017:2018", 5.4),
        ("effect_percent:admissions_acute_internal_80plus:2014-12", -1.9),
        ("effect_percent:admissions_acute_internal_80plus:2017-12", -4.0),
        ("adopters:2017-12", 416.0),
        ("municipalities", 425.0),
    ],
)
def test_printed_values_are_those_of_the_report(measure, value):
    assert printed_value(measure) == value


def test_printed_value_that_does_not_exist_or_contradicts_itself():
    with pytest.raises(InvalidDataError, match="prints no number for 'growth_real:999"):
        printed_value("growth_real:999:2015:2020")
    # The summary says that BPA hours are highest at 0-17, section 5.3.3 that they are second highest there.
    with pytest.raises(InvalidDataError, match="contradicts itself") as caught:
        printed_value("hours_rank:practical_bpa:0-17:2017-01:2020-12")
    assert [problem.split(":")[1] for problem in caught.value.problems] == [" 1", " 1", " 2"]


def test_unknown_measures_suggest_the_nearest():
    with pytest.raises(SpecificationError, match="did you mean 'users_change'"):
        compute_measure("user_change:home_health", register.COMPUTATIONS, None)


# Register ----------


def cube_of(rows):
    names = ["service", "age_group", "sex", "week", "users", "users_with_hours", "hours", "mean_age"]
    return protected_tables_of(pd.DataFrame(rows, columns=names))


@pytest.fixture(scope="module")
def tables():
    """Service -> users a sex and group, growing by a number of users a week; hours 2 + group, falling.

    Home health grows by group number (0 for the youngest), training shrinks, assessment stands still but for
    a fall of 100 in week 11 of 2020 and a dip at Christmas.
    """
    rows = []
    for w, week in enumerate(WEEKS):
        for k, group in enumerate(GROUPS):
            fall = 100 if week >= pd.Timestamp("2020-03-09") else 0
            dip = 200 if week.isocalendar().week in (52, 53) else 0
            for sex in (1, 2):
                users = {
                    "home_health": 1000 * (5 - k) + k * w,
                    "practical_training": 2000 + 100 * k - (k + 1) * w,
                    "time_limited_assessment": 1000 + 10 * k - fall - dip,
                }
                hours = (2 + k) * (1 + (w / 1000 if k else 2 * w / 1000))
                rows += [
                    (s, group, sex, week, n, n, hours * n, 10.0 + 20 * k + 4 * (sex == 2))
                    for s, n in users.items()
                ]
    return cube_of(rows)


def measure(tables, text):
    return compute_measure(text, register.COMPUTATIONS, tables)


# January 2017 without ISO week 1 is weeks 1 to 4, mean 2.5; December 2020 without weeks 52 and 53 has the
# Mondays of the 7th and 14th, weeks 205 and 206 counted from 0.
START, END = 2.5, 205.5


def users_by_hand(group, w):
    return 2 * (1000 * (5 - group) + group * w)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("users:home_health:80+:2017-01:2017-01", users_by_hand(4, START)),
        ("users:home_health:0-17;80+:2017-01:2017-01", 2 * 5000 + users_by_hand(4, START)),
        (
            "users_change:home_health:80+:2017-01:2020-12",
            100 * (users_by_hand(4, END) / users_by_hand(4, START) - 1),
        ),
        # The least of the rises is that of the smallest growth relative to size: group 1.
        (
            "users_least_rise:home_health:18-39;40-59:2017-01:2020-12",
            100 * (users_by_hand(1, END) / users_by_hand(1, START) - 1),
        ),
        ("size_rank:home_health:0-17:2017-01:2017-01", 1.0),
        ("size_rank:home_health:18-39;40-59:2017-01:2017-01", 3.0),  # ranks 2 and 3: the worse counts
        ("size_rank_from_below:home_health:80+:2017-01:2017-01", 1.0),
        ("size_rank_from_below:home_health:0-17:2017-01:2017-01", 5.0),
        ("relative_growth_rank:home_health:80+:2017-01:2020-12", 1.0),
        ("absolute_growth_rank:home_health:60-79;80+:2017-01:2020-12", 2.0),
        ("absolute_growth_rank:practical_training:0-17:2017-01:2020-12", 1.0),
        ("service_growth_rank:home_health:2017-01:2020-12", 1.0),
        ("service_growth_rank:practical_training:2017-01:2020-12", 3.0),
        ("hours_rank:home_health:0-17:2017-01:2017-01", 5.0),
        # Hours per user 2 (1 + 2w/1000) in the youngest group, (2 + k)(1 + w/1000) in the others.
        ("hours:home_health:18-39;80+:2017-01:2017-01", (3 + 6) / 2 * (1 + START / 1000)),
        ("hours_difference:home_health:18-39:2017-01:2020-12", 3 * (END - START) / 1000),
        (
            "hours_least_rise:home_health:0-17;18-39:2017-01:2020-12",
            100 * ((1 + END / 1000) / (1 + START / 1000) - 1),
        ),
        (
            "hours_least_fall:home_health:0-17;18-39:2017-01:2020-12",
            100 * ((1 + 2 * END / 1000) / (1 + 2 * START / 1000) - 1),
        ),
        ("share_women:home_health:2017:2020", 50.0),
        # Women are 4 years older and as many: 90 + 2.
        ("mean_age:home_health:80+:2017-01:2020-12", 92.0),
        # Users grow by 0, 1, 2, 3 and 4 a week of each sex: 6 of 10 below 80.
        ("growth_below_80:home_health:2017-01:2020-12", 60.0),
        # 51 weeks, and week 52 with 200 fewer in each group.
        ("share_80:time_limited_assessment:2017:2017", 100 * (51 * 1040 / 5100 + 840 / 4100) / 52),
        # The year's largest number of each group and sex, the weeks of 2017 counted from 0 to 51.
        ("users_of_year:home_health:2017", 2 * (15_000 + 10 * 51)),
        ("users_of_year_bound:home_health:2017", 2 * (15_000 + 10 * 51)),
        ("users_of_year_difference:home_health:2017:2018", 2 * 10 * 53),
        ("week_of_fall:time_limited_assessment:2020", 11.0),
        ("number_of_services:short_stays", 4.0),
        # Growth slows down relative to the level: the first year is the strongest.
        ("year_growth_rank:home_health:2017", 1.0),
        ("year_growth_rank:home_health:2019", 3.0),
    ],
)
def test_register_measures_by_hand(tables, text, expected):
    assert measure(tables, text) == pytest.approx(expected, rel=1e-12)


def test_christmas_against_the_weeks_before_it(tables):
    # Weeks 52 and 53: in 2017-2019 week 52, in 2020 weeks 52 and 53; 5100 a sex of all ages, 4600 from
    # March 2020 on; at Christmas 1000 less a sex.
    before = (3 * 3 * 5100 + 3 * 4600) / 12
    at = (3 * 4100 + 2 * 3600) / 5
    assert measure(tables, "christmas_change:time_limited_assessment") == pytest.approx(
        100 * (at / before - 1)
    )


def test_summer_to_november_against_the_year_before(tables):
    found = measure(tables, "summer_to_november_change:time_limited_assessment:2019:2020")
    assert found == pytest.approx(100 * (4600 / 5100 - 1))


def test_new_year_rise_is_ranked_with_the_worst_of_the_years():
    """Users 1000, but 1300 in weeks 3-5 of 2018, 1200 of 2020 and 1100 of 2019."""
    more = {2018: 300, 2019: 100, 2020: 200}
    rows = []
    for week in WEEKS:
        day = week.strftime("%m-%d")
        users = 1000 + (more.get(week.year, 0) if "01-15" <= day <= "02-05" else 0)
        rows += [("time_limited_other", "80+", sex, week, users, users, 0.0, 85.0) for sex in (1, 2)]
    found = cube_of(rows)
    assert measure(found, "new_year_rise_rank:time_limited_other:2018;2020") == 2
    assert measure(found, "new_year_rise_rank:time_limited_other:2019") == 3


def test_confidential_groups_stay_out_of_the_least_and_make_ranks_unknown():
    rows = [
        ("practical_bpa", group, sex, week, users, users, 10.0 * users, age)
        for week in WEEKS
        for group, users, age in (
            ("18-39", 50, 30.0),
            ("40-59", 1, 50.0),
            ("60-79", 1, 70.0),
            ("80+", 40, 85.0),
        )
        for sex in (1, 2)
    ]
    found = cube_of(rows)
    assert np.isnan(measure(found, "users_change:practical_bpa:40-59:2017-01:2020-12"))
    assert measure(found, "users_least_rise:practical_bpa:18-39;40-59:2017-01:2020-12") == 0
    assert np.isnan(measure(found, "users_least_rise:practical_bpa:40-59:2017-01:2020-12"))
    assert np.isnan(measure(found, "size_rank:practical_bpa:40-59:2017-01:2020-12"))


# Growth ----------


@pytest.fixture
def accounted():
    """Function 253 of 100, 110, 132 and 254 of 300, 360, 378; total their sum; no price growth."""
    spent = pd.DataFrame(
        {"253": [100.0, 110.0, 132.0], "254": [300.0, 360.0, 378.0], "FGK9": [400.0, 470.0, 510.0]},
        index=pd.Index([2015, 2016, 2017], name="year"),
    )
    return account(spent, pd.Series(1.0, index=spent.index))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("growth_real:253:2015:2017", 32.0),
        ("growth_real:253:2016:2017", 20.0),
        ("compound_real:253:2015:2017", 100 * (1.32**0.5 - 1)),
        ("share:254:2016", 100 * 360 / 470),
        ("strongest_year:254", "2016"),
        ("strongest_year:253", "2017"),
        ("faster:253:254", "253"),
        ("faster:254:253", "253"),
    ],
)
def test_growth_measures_by_hand(accounted, text, expected):
    found = growth.measure_growth(text, accounted, None)
    assert found == (expected if isinstance(expected, str) else pytest.approx(expected, rel=1e-12))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("growth_real:253:2015:2020", "no 2020"),
        ("faster:241:256", "no 241, 256"),
        ("top_groups:3", "no KOSTRA groups"),
    ],
)
def test_growth_measures_that_the_data_lack_say_so(accounted, text, reason):
    with pytest.raises(NotInDataError, match=reason):
        growth.measure_growth(text, accounted, None)
    with pytest.raises(NotInDataError, match="the data have no"):
        growth.measure_growth(text, None, None)


def test_strongest_year_needs_all_years(accounted):
    gap = accounted[accounted["year"] != 2016].copy()
    gap.loc[gap["year"] == 2017, "growth_real_percent"] = np.nan
    with pytest.raises(NotInDataError, match="years are missing"):
        growth.measure_growth("strongest_year:253", gap, None)


def groups_of(level_first, population):
    index = pd.Index([str(n) for n in (1, 6, 7, 15, 16)], name="kostra_group")
    growth_of = [100.0, 900.0, 200.0, 300.0, 800.0]
    return pd.DataFrame(
        {"level_first": level_first, "growth": growth_of, "population_first": population}, index
    )


def test_groups_are_ranked_and_weighted_by_population():
    # Groups 1-6: (30 * 100 + 20 * 300) / 400 = 22.5; 7-15: (22 * 100 + 24 * 300) / 400 = 23.5, though their
    # unweighted mean is 23 against 25; group 16, the richest, is on neither side.
    groups = groups_of([30.0, 20.0, 22.0, 24.0, 900.0], [100.0, 300.0, 100.0, 300.0, 50.0])
    assert growth.measure_growth("top_groups:3", None, groups) == "6, 15, 16"
    assert growth.measure_growth("small_highest", None, groups) == "ikke høyest"
    even = groups_of([30.0, 20.0, 22.0, 24.0, 900.0], [1.0, 1.0, 1.0, 1.0, 1.0])
    assert growth.measure_growth("small_highest", None, even) == "høyest"


# Acute beds ----------


def beds(first_months):
    """Municipalities with given first months (None: never), over January to June 2012."""
    months = pd.period_range("2012-01", "2012-06", freq="M").astype(str)
    rows = [(f"M{i}", month, first) for i, first in enumerate(first_months) for month in months]
    return pd.DataFrame(rows, columns=["municipality", "month", "first_month"])


def effects(**estimates):
    """Frame of effects: outcome -> estimate in log points with a standard error of 0.01, normal."""
    rows = [
        {
            "outcome": name,
            "effect_percent": -2.5,
            "estimate": b,
            "std_error": 0.01,
            "df": 1e6,
            "p_value": 2 * norm.sf(abs(b) / 0.01),
        }
        for name, b in estimates.items()
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def material():
    panel = beds(["2009-05", "2012-04", "2012-04", "2012-06", None])
    return acute_beds.AcuteBedsMaterial(panel, {"2012-06": effects(surgery=0.001, acute=0.021, day=-0.015)})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("effect_percent:acute:2012-06", -2.5),
        # Margin 2 %: log 1.02 = 0.0198 and log 0.98 = -0.0202; one-sided limit 0.0164.
        ("no_effect:surgery:2012-06", "no effect"),
        ("no_effect:acute:2012-06", "effect"),
        ("no_effect:day:2012-06", "not shown"),
        ("municipalities", 5.0),
        ("adopters:2012-03", 1.0),
        ("adopters:2012-06", 4.0),
        ("adopters_at_start", 1.0),
        ("dummy_values", "0, 1"),
        ("starts_above_zero", "true"),
        ("first_new_month:2012-04:2012-05", "2012-04 to 2012-05"),
        ("first_new_month:2012-03:2012-04", "2012-03 to 2012-04"),
        ("first_new_month:2012-05:2012-06", "2012-04"),
    ],
)
def test_acute_beds_measures_by_hand(material, text, expected):
    assert acute_beds.measure_acute_beds(text, material) == expected


def test_acute_beds_measures_that_the_panel_lacks(material):
    for text in ("adopters:2017-12", "effect_percent:acute:2017-12", "no_effect:elective:2012-06"):
        with pytest.raises(NotInDataError):
            acute_beds.measure_acute_beds(text, material)
    refused = effects(acute=np.nan).assign(refused="no estimate exists")
    with pytest.raises(NotInDataError, match="no estimate exists"):
        acute_beds.measure_acute_beds(
            "effect_percent:acute:2012-06", acute_beds.AcuteBedsMaterial(material.panel, {"2012-06": refused})
        )
    none_before = acute_beds.AcuteBedsMaterial(beds(["2012-02", None]), {})
    assert acute_beds.measure_acute_beds("starts_above_zero", none_before) == "false"


def test_numbers_of_the_earlier_article_are_never_judged(material):
    """The reason says what the model gives on the same split of the data at hand."""
    mechanisms = pd.DataFrame(
        {
            "mechanism": "physician_on_site",
            "value": [True, False],
            "until": "2014-12",
            "effect_percent": [-4.04, 1.26],
            "conf_low_percent": [-5.9, -1.1],
            "conf_high_percent": [-2.1, 3.6],
        }
    )
    with_split = acute_beds.AcuteBedsMaterial(material.panel, {}, mechanisms)
    for value, told in (("1", "gives -4.0 % (95 % interval -5.9 to -2.1)"), ("0", "gives 1.3 %")):
        with pytest.raises(NotInDataError) as caught:
            acute_beds.measure_acute_beds(f"earlier_article:physician_on_site:{value}:2014-12", with_split)
        assert told in str(caught.value)
        assert "Swanson and Hagen" in str(caught.value)
    for panel_without in (material, acute_beds.AcuteBedsMaterial(material.panel, {}, mechanisms.iloc[:0])):
        with pytest.raises(NotInDataError, match="has no physician_on_site"):
            acute_beds.measure_acute_beds("earlier_article:physician_on_site:1:2014-12", panel_without)
    with pytest.raises(NotInDataError, match=r"all admissions at 80\+"):
        acute_beds.measure_acute_beds("earlier_article:everybody:1:2014-12", with_split)


# The judge ----------


def interval_item(ours, **other):
    arguments = {"value": 8000.0, "low": 8000.0, "high": 8250.0, "evidence": "input"} | other
    return Item("KPR", "C011", "users", "vel 8000", ours, **arguments)


@pytest.mark.parametrize(
    ("ours", "provenance", "verdict"),
    [
        (8000.0, REAL, "exact"),
        (8100.0, REAL, "rounds"),
        (8250.0, REAL, "rounds"),
        (8250.1, REAL, "differs"),
        (7999.9, REAL, "differs"),  # inside half a hundred, but "vel" is above
        (8100.0, SYNTHETIC, "calibrated"),
        (8000.0, SYNTHETIC, "calibrated"),
        (7999.9, SYNTHETIC, "differs"),
        (None, SYNTHETIC, "not attempted"),
    ],
)
def test_an_interval_is_what_the_wording_allows(ours, provenance, verdict):
    audit = audit_items([interval_item(ours)], provenance)
    assert audit["verdict"].item() == verdict
    assert audit["tolerance"].item() == "8000 to 8250"


def test_claims_become_items_with_their_interval_and_evidence():
    claims = load_claims("kpr").set_index("id", drop=False)
    item = claim_item(claims.loc["C011"], 8300.0, table="KPR")
    assert (item.table, item.row, item.low, item.high, item.evidence) == ("KPR", "C011", 8000, 8250, "input")
    assert item.published == "til vel 8000 per uke ved inngangen til 2020"
    assert audit_items([item], SYNTHETIC)["verdict"].item() == "differs"
    label = claim_item(load_claims("ohd").set_index("id", drop=False).loc["C187"], "effect")
    assert audit_items([label], SYNTHETIC)["verdict"].item() == "differs"


def test_evidence_is_real_only_for_real_data_and_identities_stay_identities():
    items = [
        interval_item(8100.0),
        interval_item(8100.0, evidence="consequence"),
        interval_item(8100.0, evidence="identity"),
        interval_item(None),
    ]
    assert audit_items(items, SYNTHETIC)["evidence"].tolist() == ["input", "consequence", "identity", "none"]
    assert audit_items(items, REAL)["evidence"].tolist() == ["real", "real", "identity", "none"]


def test_items_are_counted_by_class_and_never_added_up():
    items = [interval_item(8100.0), interval_item(9000.0), interval_item(8100.0, evidence="consequence")]
    counts = count_by_evidence(audit_items([*items, interval_item(None)], SYNTHETIC))
    assert list(counts.index) == list(EVIDENCE)
    assert counts.loc["input"].to_dict() == {
        "exact": 0,
        "rounds": 0,
        "calibrated": 1,
        "differs": 1,
        "not attempted": 0,
    }
    assert counts.loc["consequence", "calibrated"] == 1
    assert counts.loc["none", "not attempted"] == 1
    assert counts.to_numpy().sum() == 4
