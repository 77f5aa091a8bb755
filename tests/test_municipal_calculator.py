"""The resource calculator by hand, with fractions, and on bad input.

Prices of `prices` are those of the source.
"""

import json
import math
from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kostnadsvekst as kv
from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.provenance import Provenance

calculator = kv.municipal.resource_calculator
CLOSE = 1e-12  # a handful of operations in doubles
EXAMPLES = [40, pytest.param(1000, marks=pytest.mark.slow)]
OWN_PRICES = pd.DataFrame(
    {
        "service": ["Hjemme", "Hjemme", "Plass", "Plass", "Døgn", "Alarm"],
        "time": ["dag", "natt", None, None, None, None],
        "unit": ["hour", "hour", "place", "place", "day", "call_out"],
        "provision": [None, None, "own", "bought", None, None],
        "price_kr": [500, 800, 1_000_000, 1_100_000, 5000, 600],
    }
)


def faults_of(call, *args, **options):
    with pytest.raises(InvalidDataError) as error:
        call(*args, **options)
    return " | ".join(error.value.problems)


def lines(*rows):
    return pd.DataFrame(rows, columns=["service", "time", "provision", "quantity"])


def test_price_lists_as_printed():
    one, two = calculator.prices("list1"), calculator.prices("list2")
    assert (len(one), len(two)) == (42, 43)
    columns = ["service", "time", "unit", "provision", "step", "price_kr"]
    assert list(one.columns) == list(two.columns) == columns
    keys = columns[:5]
    assert not two.duplicated(keys[:4]).any()
    both = one.merge(two, on=keys, suffixes=("_1", "_2"))
    assert len(both) == 42
    assert set(two["service"]) - set(one["service"]) == {"Trygghetsalarm"}
    # Derived: list 1 is list 2 times 1.047 within a krone, but for one service.
    off = (both["price_kr_1"] - both["price_kr_2"] * 1.047).abs() > 1.03
    assert both.loc[off, "service"].tolist() == ["Utskrivningsklare pasienter fra sykehus"]
    moved = calculator.index_prices(two, 1.047)
    assert moved.loc[moved["unit"] == "day", "price_kr"].tolist() == [pytest.approx(5252.799, rel=CLOSE)]
    with pytest.raises(SpecificationError, match="did you mean 'list2'"):
        calculator.prices("list3")


def test_bought_places_cost_a_constant_more():
    """Derived: 30 636.5 kr, 1.5 kr to either side."""
    premium = calculator.bought_premium(calculator.prices("list2"))
    assert len(premium) == 6
    assert premium["difference_kr"].between(30_635, 30_638).all()
    own = calculator.bought_premium(OWN_PRICES)
    assert own.loc[0].tolist() == ["Plass", "", 1_000_000, 1_100_000, 100_000]
    with pytest.raises(DataMissingError, match="for own and for bought"):
        calculator.bought_premium(OWN_PRICES[:3])


def test_prices_between_two_staffing_factors():
    """Printed: 126 kr at 0.1, 457 kr at 1.0 and 273 kr at 0.5; 126 + 331 × 0.4 / 0.9 = 273.11."""
    known = {1.0: 457, 0.1: 126}
    assert calculator.price_at_factor(known, 0.5) == pytest.approx(126 + 331 * 4 / 9, rel=CLOSE)
    assert calculator.price_at_factor(known, 1.0) == 457
    assert calculator.price_at_factor(known, 0.1) == 126
    assert "no price is known beyond" in faults_of(calculator.price_at_factor, known, 1.1)
    assert "two are needed" in faults_of(calculator.price_at_factor, {1.0: 457}, 0.5)


def test_a_package_by_hand():
    """500 × 10 × 52 + 1 000 000 / 2 + 5000 × 3 + 600 × 12 = 782 200."""
    given_lines = lines(
        ("hjemme", "Dag", None, 10),
        ("Plass", None, "own", 50),
        ("Døgn", "", "", 3),
        ("Alarm", None, None, 12),
    )
    package = calculator.package(given_lines, OWN_PRICES)
    assert package["kr_per_year"].tolist() == [260_000, 500_000, 15_000, 7200]
    assert package["kr_per_week"].tolist() == pytest.approx([5000, 500_000 / 52, 15_000 / 52, 7200 / 52])
    assert package["unit"].tolist() == ["hour", "place", "day", "call_out"]
    assert package["price_kr"].tolist() == [500, 1_000_000, 5000, 600]
    assert list(package.columns[:4]) == list(given_lines.columns)
    assert "step" not in package
    assert package.attrs["kr_per_year"] == 782_200
    longer = calculator.package(given_lines, OWN_PRICES, weeks=365 / 7)
    assert longer.loc[0, "kr_per_year"] == pytest.approx(5000 * 365 / 7, rel=CLOSE)
    assert longer.loc[1, "kr_per_year"] == 500_000


def test_quantities_may_stand_in_a_column_for_each_unit():
    """As `test_a_package_by_hand`: 260 000 + 500 000."""
    apart = pd.DataFrame(
        {
            "service": ["Hjemme", "Plass"],
            "time": ["dag", None],
            "provision": [None, "own"],
            "hours_per_week": [10, None],
            "percent_of_year": [None, 50],
        }
    )
    package = calculator.package(apart, OWN_PRICES)
    assert package["kr_per_year"].tolist() == [260_000, 500_000]
    assert package["quantity"].tolist() == [10, 50]
    swapped = apart.rename(columns={"hours_per_week": "percent_of_year", "percent_of_year": "hours_per_week"})
    told = faults_of(calculator.package, swapped, OWN_PRICES)
    assert "line 1 (Hjemme | dag): the quantity is in 'place', the price per 'hour'" in told
    told = faults_of(calculator.package, apart.assign(hours_per_week=[10, 1]), OWN_PRICES)
    assert "line 2: 2 of hours_per_week, percent_of_year are filled in; one is needed" in told
    assert "line 1: 0 of" in faults_of(calculator.package, apart.assign(hours_per_week=None), OWN_PRICES)


def test_a_package_of_the_embedded_list():
    """14 hours of home nursing by day, 3 of practical help, 12 call-outs.

    52 × (14 × 730 + 3 × 498) + 6000.
    """
    package = calculator.package(
        lines(
            ("Helsetjenester, ambulerende", "Dag/kveld", None, 14),
            ("Praktisk bistand, daglig gjøremål, ambulerende", "Dag/kveld", None, 3),
            ("Trygghetsalarm", None, None, 12),
        ),
        calculator.prices("list2"),
    )
    assert package.attrs["kr_per_year"] == 615_128
    assert package["step"].tolist() == [7, 5, 5]
    assert package.attrs["price_list"] == "list2"


def test_alternatives_are_summed_apart_and_other_columns_kept():
    given_lines = lines(("Alarm", None, None, 1), ("Døgn", None, None, 1), ("Alarm", None, None, 2))
    given_lines = given_lines.assign(alternative=["A", "B", "A"], note="x")
    given_lines.attrs["provenance"] = Provenance("synthetic").to_attrs()
    package = calculator.package(given_lines, OWN_PRICES)
    assert package.attrs["alternatives"] == {"A": 1800, "B": 5000}
    assert package["note"].tolist() == ["x"] * 3
    assert package.attrs["provenance"]["origin"] == "synthetic"
    assert json.loads(json.dumps(package.attrs, allow_nan=False)) == package.attrs


def test_what_a_sum_buys_by_hand():
    """782 600 kr: 1565.2 hours by day, 30.1 a week; 78.26 per cent of a place; 156.52 days."""
    bought = calculator.equivalents(782_600, OWN_PRICES).set_index(["service", "time", "provision"])
    by_day, place = bought.loc[("Hjemme", "dag", "")], bought.loc[("Plass", "", "own")]
    assert (by_day["per_year"], by_day["quantity"]) == (1565.2, pytest.approx(30.1, rel=CLOSE))
    assert (place["per_year"], place["quantity"]) == (0.7826, pytest.approx(78.26, rel=CLOSE))
    assert bought.loc[("Døgn", "", ""), "quantity"] == 156.52
    assert bought.loc[("Alarm", "", ""), "per_year"] == pytest.approx(7826 / 6, rel=CLOSE)
    assert by_day["quantity_unit"] == "hours per week"
    assert set(calculator.equivalents(0, OWN_PRICES)["quantity"]) == {0}


def test_what_a_package_buys_costs_the_package():
    package = calculator.package(lines(("Døgn", None, None, 3)), OWN_PRICES)
    bought = calculator.equivalents(package, OWN_PRICES)
    for number in range(len(bought)):
        again = calculator.package(
            bought.loc[[number], ["service", "time", "provision", "quantity"]], OWN_PRICES
        )
        assert again.attrs["kr_per_year"] == pytest.approx(15_000, rel=CLOSE)


def test_weeks_are_not_mixed():
    package = calculator.package(lines(("Alarm", None, None, 1)), OWN_PRICES, weeks=365 / 7)
    assert calculator.equivalents(package, OWN_PRICES, weeks=365 / 7).attrs["total_kr"] == 600
    assert "use one number of weeks" in faults_of(calculator.equivalents, package, OWN_PRICES)
    mixed = lines(("Alarm", None, None, 1), ("Døgn", None, None, 1)).assign(weeks=[52, 48])
    told = faults_of(calculator.package, mixed, OWN_PRICES)
    assert "lines of 48 weeks in a package of 52" in told
    assert calculator.package(mixed.assign(weeks=52), OWN_PRICES).attrs["kr_per_year"] == 5600


def test_lines_name_every_fault():
    bad = lines(
        ("Hjemm", "dag", None, 1),
        ("Hjemme", None, None, 1),
        ("Hjemme", "kveld", None, 1),
        ("Alarm", None, None, -1),
        ("Døgn", None, None, math.nan),
        ("Plass", None, "own", "halv"),
    )
    told = faults_of(calculator.package, bad, OWN_PRICES, weeks=0)
    for words in (
        "weeks is 0, must be above 0 and at most 53",
        "line 1 (Hjemm | dag): no price of service 'Hjemm' (did you mean 'Hjemme'?)",
        "line 2 (Hjemme): several prices fit; say which by time and provision: Hjemme | dag; Hjemme | natt",
        "line 3 (Hjemme | kveld): no price fits",
        "line 4 (Alarm): quantity is -1",
        "line 5 (Døgn): quantity is missing",
        "line 6 (Plass | own): quantity is 'halv'",
    ):
        assert words in told
    unit = lines(("Plass", None, "own", 5)).assign(unit="hour")
    assert "the quantity is in 'hour', the price per 'place'; give percent of a year" in faults_of(
        calculator.package, unit, OWN_PRICES
    )
    assert "has no line" in faults_of(calculator.package, bad[:0], OWN_PRICES)
    with pytest.raises(DataMissingError, match="'quantity'"):
        calculator.package(bad.drop(columns="quantity"), OWN_PRICES)


def test_price_lists_name_every_fault():
    bad = OWN_PRICES.astype({"price_kr": object})
    bad.loc[0, "price_kr"] = 0
    bad.loc[1, "unit"] = "hours"
    bad.loc[2, "service"] = None
    bad.loc[4, "price_kr"] = "5 000"
    bad = pd.concat([bad, bad[5:]])
    for call in (
        lambda: calculator.package(lines(("Alarm", None, None, 1)), bad),
        lambda: calculator.equivalents(1, bad),
        lambda: calculator.index_prices(bad, 1),
        lambda: calculator.bought_premium(bad),
    ):
        told = faults_of(call)
        for words in (
            "price row 1 (Hjemme | dag): price_kr is 0",
            "price row 2 (Hjemme | natt): unit 'hours' (did you mean 'hour'?)",
            "price row 3 (own): no service",
            "price row 5 (Døgn): price_kr is '5 000', not a number",
            "'Alarm' (2 times); keep one row",
        ):
            assert words in told
    assert "no row" in faults_of(calculator.equivalents, 1, OWN_PRICES[:0])
    assert "weeks is 0" in faults_of(calculator.equivalents, 1, OWN_PRICES, weeks=0)
    assert "total_kr is -1" in faults_of(calculator.equivalents, -1, OWN_PRICES)
    assert "4.7 per cent are 1.047" in faults_of(calculator.index_prices, OWN_PRICES, 0)
    with pytest.raises(DataMissingError, match="'price_kr'"):
        calculator.equivalents(1, OWN_PRICES.drop(columns="price_kr"))


PER_YEAR = {"hour": Fraction(52), "place": Fraction(1, 100), "day": Fraction(1), "call_out": Fraction(1)}


@pytest.mark.parametrize("examples", EXAMPLES)
def test_the_calculator_is_linear(examples):
    """Costs are those in fractions; twice the quantities cost twice; packages add up."""
    services = st.tuples(st.integers(1, 10**8), st.sampled_from(sorted(PER_YEAR)), st.integers(0, 10**5))

    @settings(max_examples=examples)
    @given(st.lists(services, min_size=1, max_size=5), st.integers(0, 50))
    def check(rows, factor):
        names = [f"s{i}" for i in range(len(rows))]
        listed = pd.DataFrame(
            {"service": names, "unit": [row[1] for row in rows], "price_kr": [row[0] / 100 for row in rows]}
        )
        wanted = pd.DataFrame({"service": names, "quantity": [row[2] / 100 for row in rows]})
        cost = [float(Fraction(price, 100) * Fraction(n, 100) * PER_YEAR[unit]) for price, unit, n in rows]
        package = calculator.package(wanted, listed)
        assert package["kr_per_year"].to_numpy() == pytest.approx(cost, rel=CLOSE)
        both = pd.concat([wanted, wanted.assign(quantity=wanted["quantity"] * factor)])
        whole = calculator.package(both, listed).attrs["kr_per_year"]
        assert whole == pytest.approx((1 + factor) * package.attrs["kr_per_year"], rel=CLOSE)
        bought = calculator.equivalents(package, listed)
        back = [
            float(Fraction(one["price_kr"]) * Fraction(one["per_year"])) for one in bought.to_dict("records")
        ]
        assert back == pytest.approx([package.attrs["kr_per_year"]] * len(rows), rel=CLOSE)

    check()


@settings(max_examples=100)
@given(
    st.integers(1, 99), st.integers(1, 99), st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 100)
)
def test_a_price_between_two_equals_fractions(low, more, low_price, high_price, part):
    ends = Fraction(low, 100), Fraction(low + more, 100)
    at = float(ends[0] + (ends[1] - ends[0]) * Fraction(part, 100))
    at = min(max(at, float(ends[0])), float(ends[1]))
    ours = calculator.price_at_factor({float(ends[1]): high_price, float(ends[0]): low_price}, at)
    exact = low_price + Fraction(part, 100) * (high_price - low_price)
    assert ours == pytest.approx(float(exact), abs=(low_price + high_price) * 1e-10)
