"""Municipalities like one's own: distances by hand and in a loop, KOSTRA groups that move, bad input."""

import math

import numpy as np
import pandas as pd
import pytest

from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.municipal.comparison import group_members, similar

CLOSE = 1e-12
TABLE = pd.DataFrame(
    {
        "municipality": ["Vik", "Nes", "Ås", "Li"],
        "need_index": [1.0, 1.1, 1.0, 0.9],
        "income_kr": [50_000.0, 50_000, 54_000, 46_000],
        "county": ["Vest", "Vest", "Øst", "Øst"],
    }
)


def faults_of(*args, **options):
    with pytest.raises(InvalidDataError) as error:
        similar(*args, **options)
    return " | ".join(error.value.problems)


def test_distance_by_hand():
    """Standard deviations √0.005 and √8e6: Li is 0.1²/0.005 = 2 and 4000²/8e6 = 2 away, √((2 + 2) / 2)."""
    found = similar(TABLE, "Vik", ["need_index", "income_kr"], n=3)
    assert found["municipality"].tolist() == ["Nes", "Ås", "Li"]
    turned = similar(TABLE.iloc[::-1], "Vik", ["need_index", "income_kr"], n=3)
    pd.testing.assert_frame_equal(turned, found)  # ties by name
    assert found["distance"].tolist() == pytest.approx([1.0, 1.0, math.sqrt(2)])
    assert found["need_index"].tolist() == pytest.approx([1, 0, 0.5])
    assert found["income_kr"].tolist() == pytest.approx([0, 1, 0.5])


def test_texts_differ_by_two_on_average_like_numbers():
    """Of four municipalities, two in each county, half the pairs differ: 2 / 0.5 = 4 where they do."""
    found = similar(TABLE, "Vik", ["county"], n=3).set_index("municipality")["distance"]
    assert found.to_dict() == {"Nes": 0.0, "Li": 2.0, "Ås": 2.0}
    assert (found**2).sum() / 4 + 0 == pytest.approx(2.0)


def test_weights_move_the_distance_and_nothing_else():
    found = similar(TABLE, "Vik", ["need_index", "income_kr"], n=3, weights={"income_kr": 3})
    expected = {"Nes": math.sqrt(2 / 4), "Ås": math.sqrt(3 * 2 / 4), "Li": math.sqrt((2 + 6) / 4)}
    assert dict(zip(found["municipality"], found["distance"], strict=True)) == pytest.approx(expected)
    zero = similar(TABLE, "Vik", ["need_index", "income_kr"], n=1, weights={"income_kr": 0})
    assert (zero["municipality"].iloc[0], zero["distance"].iloc[0]) == ("Ås", 0.0)
    assert zero[["need_index", "income_kr"]].isna().all(axis=None)


def test_many_against_a_loop_in_any_order_of_rows():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(40, 3)), columns=list("abc"))
    frame.insert(0, "municipality", [f"{k:04d}" for k in range(40)])
    frame["kind"] = rng.choice(["x", "y", "z"], 40)
    weights = {"a": 2.0, "b": 0.5, "c": 1.0, "kind": 1.5}
    found = similar(frame, "0007", [*"abc", "kind"], n=39, weights=weights)
    differ = np.mean([[p != q for p in frame["kind"]] for q in frame["kind"]])
    expected = {}
    for _, row in frame.iterrows():
        parts = [
            w * ((row[f] - frame.loc[7, f]) / frame[f].std(ddof=0)) ** 2 for f, w in list(weights.items())[:3]
        ]
        parts.append(1.5 * 2 / differ * (row["kind"] != frame.loc[7, "kind"]))
        expected[row["municipality"]] = math.sqrt(sum(parts) / 5)
    ours = dict(zip(found["municipality"], found["distance"], strict=True))
    assert ours == pytest.approx({k: v for k, v in expected.items() if k != "0007"})
    assert found["distance"].is_monotonic_increasing
    assert found[["a", "b", "c", "kind"]].sum(axis=1).to_numpy() == pytest.approx(1.0)
    pd.testing.assert_frame_equal(
        similar(frame.sample(frac=1, random_state=1), "0007", [*"abc", "kind"], n=39, weights=weights),
        found,
    )


def test_those_that_lack_a_feature_are_left_out_by_name():
    table = TABLE.copy()
    table.loc[3, "income_kr"] = np.nan
    found = similar(table, "Vik", ["need_index", "income_kr"], n=2)
    assert found.attrs["left_out"] == ["Li lacks income_kr"]
    assert set(found["municipality"]) == {"Nes", "Ås"}
    more = similar(table, "Vik", ["income_kr"])  # ten, where there are two others
    assert set(more["municipality"]) == {"Nes", "Ås"}
    assert more.attrs["left_out"][1] == "n=10: there are 2 other municipalities with every feature"
    assert "own municipality 'Li' lacks a feature" in faults_of(table, "Li", ["income_kr"], n=1)


@pytest.mark.parametrize(
    ("table", "own", "on", "options", "told"),
    [
        (TABLE, "Vig", ["need_index"], {}, "'Vig' (did you mean 'Vik'?) has no row"),
        (TABLE, "Vik", [], {}, "on= names no feature"),
        (TABLE, "Vik", ["need_index"] * 2, {}, "'need_index' (2 times)"),
        (pd.concat([TABLE, TABLE]), "Vik", ["need_index"], {}, "'Vik' (2 times)"),
        (TABLE.assign(need_index=1.0), "Vik", ["need_index"], {}, "need_index is the same everywhere"),
        (TABLE.assign(county="Vest"), "Vik", ["county"], {}, "county is the same everywhere"),
        (TABLE.assign(need_index=[1, math.inf, 1, 2]), "Vik", ["need_index"], {}, "infinite"),
        (TABLE.assign(county=["a", 1, "b", "b"]), "Vik", ["county"], {}, "mixes texts and numbers"),
        (TABLE.head(1), "Vik", ["need_index"], {}, "there is no other municipality"),
        (TABLE.assign(distance=[1, 2, 3, 4]), "Vik", ["distance"], {}, "a column of the answer"),
        (TABLE.assign(need_index=[1e308, -1e308, 1, 2]), "Vik", ["need_index"], {}, "too large or too small"),
        (
            TABLE.assign(need_index=[1e-300, 2e-300, 0, 0]),
            "Vik",
            ["need_index"],
            {},
            "too large or too small",
        ),
        (TABLE, "Vik", ["need_index"], {"n": 1.5}, "n=1.5"),
        (TABLE, "Vik", ["need_index"], {"n": "to"}, "n is 'to'"),
        (TABLE, "Vik", ["need_index"], {"weights": {"need_index": -1}}, "weight of need_index is -1"),
        (TABLE, "Vik", ["need_index"], {"weights": {"need_index": 0}}, "all weights are zero"),
        (TABLE, "Vik", ["need_index"], {"weights": {"behov": 1}}, "'behov'"),
        (TABLE, "Vik", ["need_index"], {"weights": [1]}, "weights= is a mapping"),
    ],
)
def test_bad_input_is_named(table, own, on, options, told):
    assert told in faults_of(table, own, on, **{"n": 1, **options})


def test_all_faults_at_once():
    told = faults_of(TABLE.assign(need_index=1.0), "X", ["need_index"], n=9.5, weights={"need_index": -1})
    assert all(w in told for w in ("has no row", "the same everywhere", "n=9.5", "is -1"))
    with pytest.raises(SpecificationError, match="on= is a list of columns"):
        similar(TABLE, "Vik", None)
    with pytest.raises(DataMissingError, match="'need'"):
        similar(TABLE, "Vik", ["need"])


MEMBERS = pd.DataFrame(
    [
        ("Vik", 2019, 8), ("Nes", 2019, 8), ("Li", 2019, 8), ("Ås", 2019, 11),
        ("Vik", 2020, 8), ("Nes", 2020, 8), ("Li", 2020, 11), ("Ås", 2020, 8),
    ],
    columns=["municipality", "year", "kostra_group"],
)  # fmt: skip


def members(found, year):
    return found.loc[found["year"] == year, "municipality"].tolist()


def test_members_stay_put_unless_asked():
    """The group of Vik loses Li and gets Ås in 2020."""
    fixed = group_members(MEMBERS, "Vik", [2019, 2020])
    assert members(fixed, 2019) == members(fixed, 2020) == ["Nes", "Ås"]
    earlier = group_members(MEMBERS, "Vik", [2019, 2020], base=2019)
    assert members(earlier, 2019) == members(earlier, 2020) == ["Li", "Nes"]
    moving = group_members(MEMBERS, "Vik", [2019, 2020], moving=True)
    assert (members(moving, 2019), members(moving, 2020)) == (["Li", "Nes"], ["Nes", "Ås"])
    assert fixed.attrs["changed"] == ["2019 to 2020: left Li; came Ås"]


def test_bad_membership_is_named():
    alone = MEMBERS.assign(kostra_group=range(8))
    cases = [
        (MEMBERS, {"base": 2018}, "'Vik' has no KOSTRA group in 2018"),
        (pd.concat([MEMBERS, MEMBERS]), {}, "Vik 2019 stands twice"),
        (alone, {}, "nobody else is in the KOSTRA group of Vik in 2020"),
        (MEMBERS.assign(year="i fjor"), {}, "row 1: year is no number"),
    ]
    for frame, options, told in cases:
        with pytest.raises(InvalidDataError) as error:
            group_members(frame, "Vik", [2019, 2020], **options)
        assert told in " | ".join(error.value.problems)
    with pytest.raises(InvalidDataError, match="years= is empty"):
        group_members(MEMBERS, "Vik", [])
