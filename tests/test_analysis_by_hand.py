"""Growth accounts, descriptives, influence and the true effects of acute beds, worked out by hand."""

import warnings

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.analysis.acute_beds import coverage, effect_path
from kostnadsvekst.analysis.acute_beds.truth import monthly_truth, true_cells
from kostnadsvekst.analysis.descriptives import describe, describe_by_statsmodels
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.panel.functions import RESIDUAL, TOTAL
from kostnadsvekst.synthetic.acute_beds import EffectPath, SyntheticAcuteBeds

# Descriptives ----------


def test_weighted_description_by_hand():
    # Weights scaled to 0.75, 0.75, 1.5; mean 2.75; squares 3.0625, 0.5625, 1.5625: sum 5.0625 over 2.
    values, weights = np.array([1.0, 2.0, 4.0]), np.array([10.0, 10.0, 20.0])
    for found in (describe(values, weights), describe_by_statsmodels(values, weights)):
        assert found.mean == pytest.approx(2.75)
        assert found.std_dev == pytest.approx(np.sqrt(5.0625 / 2))
        assert (found.minimum, found.maximum) == (1.0, 4.0)
    plain = describe(values, np.ones(3))
    assert plain.std_dev == pytest.approx(np.std(values, ddof=1))
    assert describe(values, 7 * weights).std_dev == pytest.approx(np.sqrt(5.0625 / 2))


# Growth ----------


def lines(accounted, *columns):
    return accounted.set_index(["function", "year"])[list(columns)]


def test_account_of_three_years_by_hand():
    # Prices 1, 2, 2. Real: a 100, 60, 90; b 50, 30, 60; total 150, 90, 150.
    spent = pd.DataFrame({"a": [100.0, 120.0, 180.0], "b": [50.0, 60.0, 120.0]}, index=[2015, 2016, 2017])
    found = kv.growth.account(spent, {2015: 1.0, 2016: 2.0, 2017: 2.0}, {2015: 10, 2016: 10, 2017: 20})
    by = lines(
        found,
        "nominal_nok1000",
        "real_nok1000",
        "share_percent",
        "index_nominal",
        "index_real",
        "growth_nominal_percent",
        "growth_real_percent",
        "contribution_points",
        "real_per_inhabitant_nok",
        "index_real_per_inhabitant",
    )
    expected = {
        ("a", 2015): [100, 100, 200 / 3, 100, 100, np.nan, np.nan, 0, 10_000, 100],
        ("a", 2016): [120, 60, 200 / 3, 120, 60, 20, -40, -80 / 3, 6_000, 60],
        ("a", 2017): [180, 90, 60, 180, 90, 50, 50, -20 / 3, 4_500, 45],
        ("b", 2017): [120, 60, 40, 240, 120, 100, 100, 20 / 3, 3_000, 60],
        (TOTAL, 2016): [180, 90, 100, 120, 60, 20, -40, -40, 9_000, 60],
        (TOTAL, 2017): [300, 150, 100, 200, 100, 500 / 9 * 1.2, 500 / 9 * 1.2, 0, 7_500, 50],
    }
    for key, values in expected.items():
        np.testing.assert_allclose(by.loc[key].to_numpy(), values, atol=1e-9)
    assert kv.growth.summarise(found).loc["b"].to_dict() == pytest.approx(
        {
            "share_first_percent": 100 / 3,
            "share_last_percent": 40,
            "growth_nominal_percent": 140,
            "compound_nominal_percent": 100 * (2.4**0.5 - 1),
            "growth_real_percent": 20,
            "compound_real_percent": 100 * (1.2**0.5 - 1),
            "contribution_points": 20 / 3,
        }
    )


def test_summary_between_chosen_years():
    spent = pd.DataFrame({"a": [100.0, 120.0, 180.0], "b": [0.0, 60.0, 120.0]}, index=[2015, 2016, 2017])
    found = kv.growth.account(spent, dict.fromkeys((2015, 2016, 2017), 1.0))
    part = kv.growth.summarise(found, 2016, 2017)
    assert part.loc["a", "growth_real_percent"] == pytest.approx(50)
    assert part.loc["b", "compound_real_percent"] == pytest.approx(100)
    # In points of the total of 2016, which is 180.
    assert part.loc["a", "contribution_points"] == pytest.approx(100 * 60 / 180)
    assert part.loc[TOTAL, "contribution_points"] == pytest.approx(part.loc[TOTAL, "growth_real_percent"])
    assert kv.growth.summarise(found, first=2016).equals(part)
    assert kv.growth.summarise(found, last=2016).loc["a", "growth_nominal_percent"] == pytest.approx(20)
    # From nothing there is no growth, but there is a contribution.
    whole = kv.growth.summarise(found)
    assert whole.loc["b", ["growth_real_percent", "compound_real_percent"]].isna().all()
    assert whole.loc["b", "contribution_points"] == pytest.approx(120)
    with pytest.raises(DataMissingError, match="the account has no 2014, 2018; it has 2015, 2016, 2017"):
        kv.growth.summarise(found, 2014, 2018)


@pytest.mark.parametrize(
    ("growth", "years", "rate"),
    [(21.0, 2, 10.0), (10.0, 1, 10.0), (0.0, 3, 0.0), (-19.0, 2, -10.0), (33.1, 3, 10.0), (700.0, 3, 100.0)],
)
def test_compound_rates_by_hand(growth, years, rate):
    assert kv.growth.compound_rate(growth, years) == pytest.approx(rate)


@pytest.mark.parametrize("growth", [-100.0, -100.1, float("nan")])
def test_nothing_left_has_no_rate(growth):
    assert np.isnan(kv.growth.compound_rate(growth, 2))


def test_split_by_hand():
    # Nominal times 6 = prices times 1.5, population times 2, the rest times 2; unsorted years.
    split = kv.growth.split_growth(
        {2020: 600.0, 2015: 100.0, 2017: 5.0},
        {2015: 2.0, 2017: 9.0, 2020: 3.0, 2021: 1.0},
        pd.Series({2017: 1.0, 2015: 10.0, 2020: 20.0}),
    )
    assert split["factor"].to_dict() == pytest.approx(
        {"price": 1.5, "population": 2.0, "real_per_inhabitant": 2.0, "nominal": 6.0}
    )
    assert split["growth_percent"].tolist() == pytest.approx([50.0, 100.0, 100.0, 500.0])
    assert split.loc["population", "log_points"] == pytest.approx(100 * np.log(2))
    assert split.loc["price", "share_percent"] == pytest.approx(100 * np.log(1.5) / np.log(6))
    assert split.loc["nominal", "share_percent"] == pytest.approx(100)
    for population, lacking in (({2015: 1.0}, "2020"), ({2015: 0.0, 2020: -1.0}, "2015, 2020")):
        with pytest.raises(DataMissingError, match=f"population lacks {lacking}"):
            kv.growth.split_growth({2015: 1.0, 2020: 1.0}, {2015: 1.0, 2020: 1.0}, population)


GROUPS = pd.DataFrame(
    [
        ("0001", 2015, 100, 10.0, "2"),
        ("0002", 2015, 300, 20.0, "2"),
        ("0003", 2015, 200, 30.0, "10"),
        ("0001", 2019, 100, 20.0, "10"),
        ("0002", 2019, 100, 40.0, "2"),
        ("0003", 2019, 300, 30.0, "10"),
        ("0001", 2017, 999, 99.0, "2"),
    ],
    columns=["municipality", "year", "population", "net_expenditure", "kostra_group"],
)


def test_groups_by_hand():
    found = kv.growth.by_group(GROUPS, 2015, 2019)
    # The group of 2015 counts: 0001 stays in group 2. Levels (1000 + 6000) / 400 and (2000 + 4000) / 200.
    assert list(found.index) == ["2", "10"]
    assert found.loc["2"].to_dict() == pytest.approx(
        {
            "municipalities": 2,
            "population_first": 400,
            "population_last": 200,
            "level_first": 17.5,
            "level_last": 30,
            "growth": 12.5,
            "growth_percent": 100 * 12.5 / 17.5,
        }
    )
    assert found.loc["10", ["level_first", "growth", "growth_percent"]].tolist() == [30, 0, 0]
    million = 1e6 * GROUPS["net_expenditure"]
    shifts = kv.growth.shift_share(kv.growth.by_group(GROUPS.assign(net_expenditure=million), 2015, 2019))
    # Amounts 7000 -> 6000 and 6000 -> 9000: growth -1000 and 3000, of the country 2000, shares 7/13 and 6/13.
    # Population at mean levels 23.75 * -200 = -4750 and 30 * 100 = 3000; kroner at mean populations
    # 300 * 12.5 = 3750 and 0.
    assert shifts["growth"].tolist() == pytest.approx([-1000, 3000])
    assert shifts["national"].tolist() == pytest.approx([2000 * 7 / 13, 2000 * 6 / 13])
    assert shifts["population"].tolist() == pytest.approx([-4750 + 1750 * 7 / 13, 3000 + 1750 * 6 / 13])
    assert shifts["per_inhabitant"].tolist() == pytest.approx([3750 - 3750 * 7 / 13, -3750 * 6 / 13])


def test_groups_that_lack_something():
    with pytest.raises(DataMissingError, match="the panel lacks kostra_group, population"):
        kv.growth.by_group(GROUPS.drop(columns=["population", "kostra_group"]), 2015, 2019)
    with pytest.raises(DataMissingError, match="the panel has no 2014, 2020"):
        kv.growth.by_group(GROUPS, 2014, 2020)
    new = pd.concat([GROUPS, GROUPS.iloc[[3]].assign(municipality="0009")])
    with pytest.raises(InvalidDataError, match=r"1 municipalities have no group in 2015\n.*0009"):
        kv.growth.by_group(new, 2015, 2019)
    named = GROUPS.rename(columns={"kostra_group": "region"})
    named["region"] = named["region"].map({"2": "west 2", "10": "north"})
    assert list(kv.growth.by_group(named, 2015, 2019, "region").index) == ["north", "west 2"]


def test_stated_totals():
    exact = pd.DataFrame({"year": [2016, 2015], "a": [3.0, 1.0], TOTAL: [3.0, 1.0]})
    found = kv.growth.account(exact, {2015: 1.0, 2016: 1.0})
    assert found["function"].unique().tolist() == ["a", TOTAL]
    assert found["year"].tolist() == [2015, 2016, 2015, 2016]
    for more, named in ((1e-7, ["a", TOTAL]), (1e-3, ["a", RESIDUAL, TOTAL])):
        stated = exact.assign(**{TOTAL: [3.0 + more, 1.0]})
        found = kv.growth.account(stated, {2015: 1.0, 2016: 1.0})
        assert found["function"].unique().tolist() == named
    alone = kv.growth.account(pd.Series({2015: 1.0, 2016: 2.0}), {2015: 1.0, 2016: 1.0})
    assert alone["function"].unique().tolist() == [TOTAL]
    with pytest.raises(InvalidDataError, match="year 2015 occurs more than once"):
        kv.growth.account(pd.Series([1.0, 2.0], index=[2015, 2015]), {2015: 1.0})
    with pytest.raises(InvalidDataError, match="year True is not a whole number"):
        kv.growth.account(pd.Series([1.0, 2.0], index=pd.Index([2015, True], dtype=object)), {2015: 1.0})
    with pytest.raises(InvalidDataError, match="not positive in 2016, 2017"):
        kv.growth.account(pd.Series({2015: 1.0, 2016: 0.0, 2017: -1.0}), {2015: 1.0, 2016: 1.0, 2017: 1.0})


# Influence and weights ----------


@pytest.fixture(scope="module")
def fitted():
    panel = make_panel(8, 4, 3, seed=12)
    return kv.estimate(kv.Specification("y", ("x", "z"), "unit", "year", "population"), panel)


def test_influence_by_refits_in_order_of_size(fitted):
    left = kv.influence(fitted)
    assert (left.column, list(left.units)) == ("unit", list(range(8)))
    table = left.of("z")
    whole = fitted.coefficients.loc["z"]
    changes = {}
    for unit in range(8):
        data = fitted.data[fitted.data["unit"] != unit]
        refit = kv.estimate(fitted.specification, data).coefficients.loc["z"]
        changes[unit] = refit["estimate"] - whole["estimate"]
        assert table.loc[unit, "estimate_without"] == pytest.approx(refit["estimate"])
        assert table.loc[unit, "std_error_without"] == pytest.approx(refit["std_error"])
        assert table.loc[unit, "change_in_se"] == pytest.approx(changes[unit] / whole["std_error"])
    assert list(table.index) == sorted(changes, key=lambda unit: -abs(changes[unit]))
    assert table["weight_share"].sum() == pytest.approx(1)
    constant = left.of("constant")
    assert constant["std_error_without"].isna().all()
    assert constant["estimate_without"].notna().all()
    by_region = kv.influence(fitted, "region")
    assert list(by_region.units) == [0, 1, 2]
    without = fitted.data[fitted.data["region"] != 1]
    assert by_region.coefficients.loc[1, "x"] == pytest.approx(
        kv.estimate(fitted.specification, without).coefficients.loc["x", "estimate"]
    )
    with pytest.raises(DataMissingError, match="nowhere"):
        kv.influence(fitted, "nowhere")


def test_without_the_largest_weight_is_without_the_largest_sum(fitted):
    """The unit with the largest single weight is not the one with the largest sum of weights."""
    data = fitted.data.assign(w=1.0)
    data.loc[data["unit"] == 2, "w"] = 4.0
    data.loc[data.index[data["unit"] == 5][0], "w"] = 9.0
    spec = fitted.specification.vary(weights="w")
    three = kv.compare_weights(kv.estimate(spec, data))
    assert list(three) == ["weighted", "unweighted", "without_largest"]
    expected = {
        "weighted": kv.estimate(spec, data),
        "unweighted": kv.estimate(spec.vary(weights=None), data),
        "without_largest": kv.estimate(spec, data[data["unit"] != 2]),
    }
    for name, fit in expected.items():
        pd.testing.assert_frame_equal(three[name].coefficients, fit.coefficients)
    with pytest.raises(SpecificationError, match="no weights to compare"):
        kv.compare_weights(kv.estimate_ar1(spec.vary(weights=None), data))


# True effects on acute beds ----------

FIRSTS = {"A": "2015-11", "B": None, "C": "2004-01", "D": "2016-02"}
MONTHS = pd.period_range("2015-10", "2016-06", freq="M").astype(str)


def known_effects() -> SyntheticAcuteBeds:
    """Effects by hand: A -0.1, -0.2, ... from its second month, D -1 from its fifth, C -50 throughout."""
    rows = [(unit, month, first) for unit, first in FIRSTS.items() for month in MONTHS]
    effects = np.zeros((4, 9))
    effects[0, 1:] = -0.1 * np.arange(1, 9)
    effects[2] = -50.0
    effects[3, 4:] = -1.0
    panel = pd.DataFrame(rows, columns=["municipality", "month", "first_month"])
    return SyntheticAcuteBeds(panel, effects, EffectPath())


@pytest.mark.parametrize(
    ("until", "truth"),
    [
        # A's cells until then, and D's from February; the municipality that always had beds is no adopter.
        ("2015-11", -0.1),
        ("2015-12", -(0.1 + 0.2) / 2),
        ("2016-01", -(0.1 + 0.2 + 0.3) / 3),
        ("2016-02", -(0.1 + 0.2 + 0.3 + 0.4 + 1.0) / 5),
        ("2016-06", -(0.1 * 36 + 5 * 1.0) / 13),
        ("2017-12", -(0.1 * 36 + 5 * 1.0) / 13),
    ],
)
def test_true_monthly_effect_is_the_mean_over_treated_cells(until, truth):
    assert monthly_truth(known_effects(), until) == pytest.approx(truth)


@pytest.mark.parametrize("units", [["A", "B", "D"], ["D", "B", "A"], ["B", "A"]])
def test_true_quarterly_effect_is_the_mean_over_treated_cells(units):
    """Counts of a quarter are sums of months: the effect on their log is the log of the mean factor."""
    # In this study A is first treated in 2016Q1, so that its last months of 2015 are not among the cells.
    firsts = {"A": pd.Period("2016Q1"), "B": pd.NaT, "D": pd.Period("2016Q1")}
    quarters = pd.period_range("2015Q4", "2016Q2", freq="Q")
    part = pd.DataFrame(
        [(unit, quarter, firsts[unit]) for unit in units for quarter in quarters],
        columns=["municipality", "quarter", "first_quarter"],
    )
    part["first_quarter"] = pd.Series(pd.PeriodIndex(part["first_quarter"], freq="Q"))
    part["log_count"] = np.random.default_rng(3).normal(size=len(part))
    a = [np.log(np.mean(np.exp([-0.3, -0.4, -0.5]))), np.log(np.mean(np.exp([-0.6, -0.7, -0.8])))]
    d = [np.log((1 + 2 * np.exp(-1.0)) / 3), -1.0]
    for last, n in ((quarters[2], 2), (quarters[1], 1)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            study = kv.staggered.event_study(
                part[part["quarter"] <= last],
                *("log_count", "municipality", "quarter", "first_quarter"),
                method="imputation",
            )
        expected = np.mean(a[:n] + (d[:n] if "D" in units else []))
        cells = true_cells(known_effects(), study)
        assert cells["log_effect"].mean() == pytest.approx(expected)


def test_table_of_coverage_by_hand(monkeypatch):
    """Draws made up so that bias, spread and coverage are known."""
    made = {
        5: [("one", 0.1, 0.2, 0.01, 0.1, 0.3), ("two", 0.0, 0.5, 0.02, 0.4, 0.6)],
        6: [("one", 0.3, 0.2, 0.03, 0.1, 0.3), ("two", 0.0, -0.5, 0.02, -0.6, -0.4)],
        7: [("one", 0.2, 0.5, 0.02, 0.3, 0.7), ("two", 0.0, 0.3, 0.02, -0.1, 0.0)],
    }
    asked = []

    def simulate(seed, path, n_municipalities, outcomes):
        asked.append((seed, path, n_municipalities, outcomes))
        return seed

    def one_panel(design, seed):
        for name, truth, estimate, se, low, high in made[seed]:
            yield coverage._record(design, "to 2015", name, truth, estimate, se, low, high)

    monkeypatch.setattr(coverage, "simulate", simulate)
    monkeypatch.setattr(coverage, "_one_panel", one_panel)
    table = coverage.coverage_table(n_draws=3, n_municipalities=11, first_seed=5)
    paths = [EffectPath(0.05, 0.0)] * 3 + [EffectPath()] * 3
    assert asked == [
        (s, p, 11, ["admissions_acute_internal_80plus"]) for s, p in zip([5, 6, 7] * 2, paths, strict=True)
    ]
    assert table["design"].tolist() == ["constant effect"] * 2 + ["growing effect"] * 2
    one, two = table.iloc[0], table.iloc[1]
    assert (one["estimator"], one["period"], one["n_draws"]) == ("one", "to 2015", 3)
    found = one[["truth", "estimate", "bias", "std_dev", "std_error", "coverage"]].tolist()
    # The bounds belong to the interval: 0.1 and 0.3 are held, 0.2 in 0.3 ... 0.7 is not.
    assert found == pytest.approx([20.0, 30.0, 10.0, 100 * np.std([0.2, 0.2, 0.5], ddof=1), 2.0, 200 / 3])
    assert two["coverage"] == pytest.approx(100 / 3)


@pytest.mark.parametrize("tolerance", [0.0149, 0.0151])
def test_search_for_the_effect_path_by_a_linear_stand_in(monkeypatch, tolerance):
    """Where the estimates are linear in the path one Newton step is exact."""
    asked = []

    def printed(seed, path):
        asked.append((seed, path))
        return -1.9 - 100 * (path.level - 0.02), -4.0 - 50 * (path.growth - 0.03) - 20 * (path.level - 0.02)

    monkeypatch.setattr(effect_path, "printed_estimates", printed)
    found = effect_path.find_effect_path(3)
    assert (found.level, found.growth) == (pytest.approx(0.02), pytest.approx(0.03))
    assert [seed for seed, _ in asked] == [3] * 4
    assert asked[0][1] == EffectPath(0.01, 0.02)
    assert (asked[1][1].level, asked[2][1].growth) == (pytest.approx(0.02), pytest.approx(0.03))
    asked.clear()
    start = EffectPath(0.02 + tolerance / 100, 0.03)
    again = effect_path.find_effect_path(3, start)
    assert (again.level == start.level) == (tolerance < effect_path.TOLERANCE)
    assert effect_path.TOLERANCE == 0.015
    monkeypatch.setattr(effect_path, "printed_estimates", lambda seed, path: (path.level, -path.growth))
    monkeypatch.setattr(effect_path, "targets", lambda: (np.nan, 0.0))
    with pytest.raises(SpecificationError, match="no effect path found for seed 3: last estimates"):
        effect_path.find_effect_path(3)
