"""What the analyses of user groups print: every check by a public function, every contradiction found."""

import json
import warnings

import pandas as pd
import pytest

from conftest import ROOT
from kostnadsvekst.municipal.user_groups import contradictions
from municipal_checks import answers, statements

FOLDER = ROOT.parent / "shared" / "municipal"

pytestmark = pytest.mark.skipif(
    not (FOLDER / "checks.json").is_file(),
    reason="the folder with the printed checks is not beside the repository",
)


@pytest.fixture(scope="module")
def printed():
    return json.loads((FOLDER / "checks.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def tables():
    read = [json.loads(p.read_text("utf-8")) for p in sorted((FOLDER / "tables").glob("*.json"))]
    return {table["id"]: table for table in read if isinstance(table, dict)}


def test_every_check_holds(printed, tables):
    checks = [check for check in printed["checks"] if check["system"] == "B"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = answers(checks, tables)
    assert set(ours) == {check["id"] for check in checks}
    assert [c["id"] for c in checks if not holds(c, ours[c["id"]])] == []


def holds(check, value):
    expected, printed = check["expected"], check.get("printed")
    if isinstance(expected, str):
        return value == expected
    apart = check["status"] != "contradiction" or printed is None or abs(value - printed) > check["tolerance"]
    return apart and abs(value - expected) <= max(check["tolerance"], 5e-7)


def test_relations_contradict_where_the_checks_say_so(printed):
    checks = [check for check in printed["checks"] if check["system"] == "B"]
    relations = statements(checks)
    judged = contradictions(relations, agreeing=True)
    found = set(contradictions(relations)["id"])
    said = {check["id"] for check in checks if check["status"] == "contradiction"}
    assert len(judged) > 120
    assert found == said & set(judged["id"])
    assert {"B-S8", "B-D9", "B-D10", "B-G62", "B-Y16", "B-Y45"} <= found


# Municipality, and what follows from the parts against what is printed: as the sources have them.
GROSS = {
    ("harstad_pu_children", "Lier"): (4114, 4169),
    ("harstad_pu_children", "Kristiansund"): (11064, 10910),
    ("harstad_pu_children", "Ulstein"): (7874, 7725),
    ("harstad_pu_adults", "Halden"): (16392, 17070),
    ("harstad_pu_adults", "Kristiansund"): (17055, 17130),
    ("harstad_mh_adults", "Harstad"): (3565, 3334),
    ("harstad_mh_adults", "Ulstein"): (3418, 3362),
    ("lier_pu_adults", "Fredrikstad"): (8597, 8573),
}
SUMS = {"Østre Toten": (14272, 15948), "Hamar": (16209, 17059), "Snitt 12 utvalgte": (15322, 15730)}
TWICE = {"Mandal": (2793, 2531), "Hamar": (2775, 4047), "Snitt 12 utvalgte": (3353, 3814)}


@pytest.fixture(scope="module")
def found(tables):
    return contradictions(tables)


def pairs(found, *words):
    rows = found[[all(word in what for word in words) for what in found["what"]]]
    return {(a, b) for a, b in zip(rows["a"], rows["b"], strict=True)}


def test_printed_tables_give_their_contradictions(found):
    for (table, place), both in GROSS.items():
        assert both in pairs(found, "gross = net + refund", table, place)
    for place, both in SUMS.items():
        assert both in pairs(found, "sum of lier_net_per_capita_by_group", place)
    for place, both in TWICE.items():
        assert both in pairs(found, "printed twice", place)
    assert (0.0, -0.17) in pairs(found, "negative", "Kristiansund")
    assert len(found) < 40


def test_frames_without_title_and_unit_give_the_same(tables, found):
    frames = {
        name: pd.DataFrame(
            [
                [*row["values"], *[None] * (len(table["columns"]) - len(row["values"]))]
                for row in table["rows"]
            ],
            index=[row["label"] for row in table["rows"]],
            columns=table["columns"],
        )
        for name, table in tables.items()
    }
    again = contradictions(frames)
    assert set(zip(again["a"], again["b"], strict=True)) == set(zip(found["a"], found["b"], strict=True))


def test_columns_that_agree_are_not_reported(found, tables):
    """Columns in which the checks find only rounding."""
    for table, place in (("pu_adults", "Lier"), ("pu_adults", "Ulstein"), ("mh_adults", "Eidsvoll")):
        assert not pairs(found, "gross = net + refund", f"harstad_{table}", place)
    assert len(contradictions(tables, agreeing=True)) > 2 * len(found)


def test_conflicts_between_pages_come_out_number_by_number(printed):
    numeric = [c for c in printed["source_conflicts"] if not isinstance(c["a"], str)]
    # Rates are printed with a decimal, also the one that is printed as none.
    rows = [
        {"id": c["id"], "role": role, "value": value, "what": c["what"], "source": c["source"]}
        for c in numeric
        for role, value in (("part", c["a"]), ("result", c["b"] if c["a"] % 1 == 0 else f"{c['b']:.1f}"))
    ]
    found = contradictions([pd.DataFrame(rows)])
    assert found["id"].tolist() == [c["id"] for c in numeric]
    assert found["source"].tolist() == [c["source"] for c in numeric]
    assert found["a"].tolist() == [c["a"] for c in numeric]
