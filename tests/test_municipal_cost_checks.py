"""Printed numbers of the sources: unit costs (A), effort ladder (E), calculator (F) and staffing (G).

The numbers are read in place from a folder beside the repository, and each is computed by one public
function. Their `status` says how: `exact` and `rounding` within the printed precision; `contradiction` equals
what the printed inputs give and differs from what is printed; the others equal what the stated or assumed
formula gives. Where the folder is absent the tests are skipped; the same functions are tested by hand in the
files beside.
"""

import json
from functools import cache

import pandas as pd
import pytest

import kostnadsvekst as kv
from conftest import ROOT

SHARED = ROOT.parent / "shared" / "municipal"
ABSENT = f"no printed numbers in {SHARED}: the checks of the sources are not run"
HALF_ORE = 0.005

costs, ladders = kv.municipal.unit_costs, kv.municipal.effort_ladder
calculator, staffing = kv.municipal.resource_calculator, kv.municipal.staffing


def read(name):
    return json.loads((SHARED / name).read_text("utf-8"))


def checks():
    if not (SHARED / "checks.json").is_file():
        return []
    return [check for check in read("checks.json")["checks"] if check["system"] in "AEFG"]


@cache
def table(name):
    (path,) = (SHARED / "tables").glob(f"*_{name}.json")
    return json.loads(path.read_text("utf-8"))["rows"]


def accounts(name):
    return {int(row["art"]): row["values"][0] for row in table(name)}


def value(frame, measure):
    return frame.set_index("measure").loc[measure, "value"]


def hours(i):
    """Hours of a check; what it does not give is not known."""
    names = ("planned", "delivered", "fte", "sick", "train", "paid", "ph", "hol")
    week = {7.5: 37.5, 7.1: 35.5}[i.get("day", 7.5)]
    return costs.Hours(*(i.get(name) for name in names), weekly_hours=week, weeks=i["weeks"])


def by_hour(measure):
    return lambda i: value(costs.home_service(i["cost"], hours(i), total_is_net_of_refunds=True), measure)


def subtotal(i):
    return costs.account_subtotal(accounts(i["table"]), *i["accounts"])


def summed(measure):
    """Costs or refunds of an annex; both of its tables are read."""

    def compute(i):
        annex = i["table"].removesuffix("_costs").removesuffix("_refunds")
        both = accounts(f"{annex}_costs") | accounts(f"{annex}_refunds")
        return value(costs.home_service(both, None), measure)

    return compute


def net_of_refunds(i):
    given = {"total": i["costs"], 1710: i["refunds"]}
    result = costs.home_service(given, None, total_is_net_of_refunds=False)
    return value(result, "net_cost_excluding_administration")


def with_administration(measure):
    def compute(i):
        result = costs.home_service(i["net"], None, admin=i["admin"], total_is_net_of_refunds=True)
        return value(result, measure)

    return compute


def weight(i):
    return costs.place_weights({"a": i["cost_type"]}, i["cost_ordinary"])["a"]


def weight_of_prices(i):
    return costs.place_weights({"a": i["a"]}, i["b"])["a"]


def per_place(row, cost, places):
    return costs.nursing_home(cost / 1000, {"Ordinær langtidsplass": places}).loc[row, "cost_per_place_kr"]


def step(i, **given):
    """The step of a check in a ladder; where the sum of all is known, with another step that makes it up."""
    rows = [{"step": 5, "name": "Trinn", "recipients": 1.0} | given]
    if "sum_mill" in i and "total_mill" in i:
        rest = {
            "step": 6,
            "name": "Andre trinn",
            "recipients": 1.0,
            "total_mnok": i["sum_mill"] - i["total_mill"],
        }
        rows.append(rest)
    return ladders.ladder(pd.DataFrame(rows)).set_index("step").loc[5]


def shares_as_given(i):
    steps = pd.DataFrame({"step": range(1, len(i["values"]) + 1), "share_percent": i["values"]})
    steps = steps.assign(name="Trinn", recipients=1.0, total_mnok=1.0)
    return ladders.ladder(steps).attrs["share_sum_percent"]


def sum_per_inhabitant(i):
    one = pd.DataFrame([{"step": 5, "name": "Trinn", "recipients": 1.0, "total_mnok": i["sum_mill"]}])
    return ladders.cost_per_inhabitant(ladders.ladder(one), i["inhabitants"])


def moved(i):
    """Prices of the check are in 1000 kr, as is its change."""
    steps = pd.DataFrame(
        {
            "step": [10, 12],
            "name": ["Bolig", "Institusjon"],
            "recipients": [500, 500],
            "price_kr": [i["to_price"], i["from_price"]],
        }
    )
    return ladders.move(ladders.ladder(steps), i["n"], 12, 10).attrs["change_kr"]


def one_price(price, unit="hour"):
    return pd.DataFrame({"service": ["a"], "unit": [unit], "price_kr": [price]})


def indexed(i):
    return calculator.index_prices(one_price(i["list2"]), i["factor"]).loc[0, "price_kr"]


def premium(i):
    both = pd.DataFrame(
        {
            "service": i.get("what", "a"),
            "unit": "place",
            "provision": ["own", "bought"],
            "price_kr": [i["own"], i["bought"]],
        }
    )
    return calculator.bought_premium(both).loc[0, "difference_kr"]


def yearly(i):
    line = pd.DataFrame({"service": ["a"], "quantity": [i["hours_per_week"]]})
    return calculator.package(line, one_price(i["price"]), weeks=i["weeks"]).loc[0, "kr_per_year"]


UNITS = {"h/week": "hour", "per year": "call_out", "days": "day", "percent": "place"}


def mixed(i):
    names = [str(number) for number in range(len(i["items"]))]
    listed = pd.DataFrame(
        {
            "service": names,
            "unit": [UNITS[unit] for _, _, unit in i["items"]],
            "price_kr": [price for price, _, _ in i["items"]],
        }
    )
    lines = pd.DataFrame({"service": names, "quantity": [quantity for _, quantity, _ in i["items"]]})
    return calculator.package(lines, listed, weeks=i["weeks"]).attrs["kr_per_year"]


def bought(unit, column):
    def compute(i):
        weeks = {"weeks": i["weeks"]} if "weeks" in i else {}
        return calculator.equivalents(i["sum"], one_price(i["price"], unit), **weeks).loc[0, column]

    return compute


def linear(i):
    return calculator.price_at_factor({1.0: i["p1"], 0.1: i["p01"]}, i["f"])


# Unit of the answer -> how a sum is bought for.
BOUGHT = {
    "hours/year": bought("hour", "per_year"),
    "hours/week": bought("hour", "quantity"),
    "percent": bought("place", "quantity"),
    "days": bought("day", "quantity"),
}
# What its inputs are -> the call that computes a check. The first that fits is taken.
BY_INPUTS = {
    "A": {
        ("cost_type", "cost_ordinary"): weight,
        ("periods",): lambda i: costs.average_places(i["periods"]),
        ("cost", "weighted_places"): lambda i: per_place("weighted", i["cost"], i["weighted_places"]),
        ("cost", "places"): lambda i: per_place("unweighted", i["cost"], i["places"]),
        ("weighted", "places"): lambda i: costs.average_weight(i["places"], i["weighted"]),
        ("places",): lambda i: costs.weighted_places(dict(i["places"])),
        ("table", "accounts"): subtotal,
        ("costs", "refunds"): net_of_refunds,
        ("net", "admin"): with_administration("net_cost_including_administration"),
        ("admin", "total"): lambda i: costs.administration_share(i["total"], i["admin"]),
        ("net", "recipients"): lambda i: costs.cost_per_unit(i["net"], i["recipients"]),
        ("available", "delta"): lambda i: costs.extra_hours(i["available"], i["delta"]),
    },
    "E": {
        ("total_mill", "sum_mill"): lambda i: step(i, total_mnok=i["total_mill"])["share_percent"],
        ("values",): shares_as_given,
        ("sum_mill", "inhabitants"): sum_per_inhabitant,
        ("n", "from_price", "to_price"): moved,
    },
    "F": {
        ("list2", "factor"): indexed,
        ("own", "bought"): premium,
        ("price", "hours_per_week"): yearly,
        ("items",): mixed,
        ("p1", "p01", "f"): linear,
        ("a", "b"): weight_of_prices,
    },
    "G": {
        ("hours_per_week", "ata", "net_hours"): lambda i: staffing.fte_from_hours(
            i["hours_per_week"], i["ata"], hours_per_fte_year=i["net_hours"], weeks=i["weeks"]
        ),
        ("hours_year", "ata", "net_hours"): lambda i: staffing.fte_from_yearly_hours(
            i["hours_year"], i["ata"], hours_per_fte_year=i["net_hours"]
        ),
        ("ata_from", "ata_to"): lambda i: staffing.fte_ratio(i["ata_from"], i["ata_to"]),
        ("n", "pct"): lambda i: staffing.implied_total(i["n"], i["pct"]).value,
        ("delivered_fte", "fte"): lambda i: staffing.delivered_share_percent(i["delivered_fte"], i["fte"]),
    },
}
# Words of the formula -> call, where the inputs of several checks are the same.
BY_FORMULA = {
    "cost per planned hour": by_hour("cost_per_planned_hour_excluding_administration"),
    "cost per delivered hour": by_hour("cost_per_delivered_hour_excluding_administration"),
    "cost per worked": by_hour("cost_per_worked_hour_excluding_administration"),
    "available hours": by_hour("available_hours"),
    "delivered/planned": by_hour("share_delivered"),
    "ATA of paid hours": by_hour("ata_paid"),
    "ATA = ": by_hour("ata_available"),
    "sum of refunds": summed("refunds"),
    "sum of cost accounts": summed("gross_cost"),
}


def call_of(check):
    """The public function that computes a check, as a call without arguments; None if nothing fits."""
    i = check["inputs"]
    if "total_mill" in i and "recipients" in i:
        return lambda: step(i, total_mnok=i["total_mill"], recipients=i["recipients"])["price_kr"]
    if "sum" in i and "price" in i:
        return lambda: BOUGHT[check["unit"]](i)
    for words, call in BY_FORMULA.items():
        if words in check["formula"] and ("table" in i or "weeks" in i):
            # A default argument: the loop's variable would be the last one's.
            return lambda call=call: call(i if "cost" in i else {"cost": 1.0} | i)
    for names, call in BY_INPUTS[check["system"]].items():
        if set(names) <= set(i):
            return lambda call=call: call(i)
    return None


SCALE = {"1000 kr": 1000.0, "1000 kr extra": 1.0}


def half_of_last_digit(number):
    """Half a unit of the last digit that is printed, trailing zeros of whole numbers taken as rounded."""
    text = f"{number:g}" if number != int(number) else str(int(number))
    if "." in text:
        return 0.5 / 10 ** len(text.partition(".")[2])
    return 0.5 * 10 ** (len(text) - len(text.rstrip("0")))


@pytest.mark.parametrize("check", checks() or [None], ids=lambda check: check["id"] if check else "absent")
def test_printed_number(check):
    if check is None:
        pytest.skip(ABSENT)
    call = call_of(check)
    assert call is not None, f"no public function for {check['id']}: {check['formula']}"
    ours = call() / SCALE.get(check["unit"], 1.0)
    assert ours == pytest.approx(check["expected"], rel=0, abs=max(check["tolerance"], 1e-6))
    assert ours == pytest.approx(check["computed"], rel=1e-6, abs=1e-6)
    if check["status"] == "contradiction":
        assert abs(ours - check["printed"]) > half_of_last_digit(check["printed"])


def test_the_ladder_names_the_contradictions_of_its_source():
    """Steps whose printed price or share does not follow from the printed totals."""
    if not SHARED.is_dir():
        pytest.skip(ABSENT)
    columns = ["name", "step", "unit", "recipients", "price_1000", "share_percent", "total_mnok"]
    rows = [[row["label"], *row["values"]] for row in table("asker_effort_ladder")]
    steps = pd.DataFrame(rows, columns=columns)
    steps["price_kr"] = pd.to_numeric(steps["price_1000"]) * 1000
    found = ladders.ladder(steps).attrs["contradictions"]
    named = {(one["column"], one["step"]) for one in found}
    assert named == {
        *(("price_kr", number) for number in (6, 7, 12)),
        *(("share_percent", number) for number in (3, 10, 12)),
    }


def test_embedded_lists_are_the_printed_ones():
    """Prices, weights and names of steps in the order of the source."""
    if not SHARED.is_dir():
        pytest.skip(ABSENT)
    for name in ("list1", "list2"):
        printed = sorted(row["values"][-1] for row in table(f"calculator_prices_{name}"))
        assert sorted(calculator.prices(name)["price_kr"]) == printed
    by_step = [(row["values"][0], row["values"][1]) for row in table("calculator_prices_list2")]
    ours = calculator.prices("list2")[["step", "price_kr"]].itertuples(index=False, name=None)
    assert list(ours) == by_step
    weights = {
        row["label"].partition(" (")[0].casefold(): row["values"] for row in table("ks_v1_place_weights")
    }
    assert {name.casefold(): weight for name, weight in costs.oslo_weights().items()} == {
        name: values[1] for name, values in weights.items()
    }
    known = costs.oslo_weights().attrs["cost_2012_kr"]
    assert {name.casefold(): cost for name, cost in known.items()} == {
        name: values[0] for name, values in weights.items()
    }
    steps = ladders.edition("asker_2021")
    assert list(steps["unit"]) == [row["values"][1] for row in table("asker_effort_ladder")]
