"""Findings: sentences read back number by number, limits of the words, faults of the sources, bad input."""

import math
import re

import numpy as np
import pandas as pd
import pytest

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.municipal.comparison import findings
from kostnadsvekst.municipal.comparison_findings import INSEPARABLE, LIMITS, VERDICTS, Beside, judged_limits
from kostnadsvekst.municipal.user_group_terms import MEASURES

KEYS = ["municipality", "year", "group", "age", "service", "provision", "measure"]
SHARES = {code for code, measure in MEASURES.items() if measure.kind == "share"}


def profile(*rows, level=0.95):
    """Rows of (measure, value, mean, low, high), each of a municipality of its own."""
    made = pd.DataFrame(
        [
            (f"Oppdiktet {k}", 2023, "elderly_home", "all", "all", "all", *row)
            for k, row in enumerate(rows, start=1)
        ],
        columns=[*KEYS, "value", "mean", "low", "high"],
    )
    if level is not None:
        made.attrs["level"] = level
    return made


def many(n=1500, seed=4):
    """Values of all sizes near the mean, the limits and the ends of the interval; also negative ones."""
    rng = np.random.default_rng(seed)
    size = 10 ** rng.uniform(-2, 5, n) * np.where(rng.random(n) < 0.1, -1, 1)
    apart = rng.choice([0.0005, 0.0497, 0.0503, 0.1496, 0.1504, 0.2999, 0.3001, 0.02, 0.4, 2.5], n)
    apart *= rng.choice([-1, 1], n) * (1 + rng.normal(0, 1e-3, n))
    value = size + np.abs(size) * apart
    width = np.abs(value - size) * rng.choice([0.2, 0.9, 0.9999, 1.0001, 1.5], n)
    measures = rng.choice(list(MEASURES), n)
    return profile(*zip(measures, value, size, value - width, value + width, strict=True))


def numbers(text, lang):
    """Numbers behind the colon, as the sentence shows them."""
    shown = text.split(": ", 1)[1]
    for unit in (one.unit.get(lang) for one in MEASURES.values()):
        shown = shown.replace(unit, unit if not re.search(r"\d", unit) else "enhet", 1)
    found = re.findall(r"−?\d[\d\u00a0,.]*\d|−?\d", shown.replace("95 prosent intervall", "intervall"))
    clean = [one.replace("−", "-").replace("\u00a0", "") for one in found]
    clean = [one.replace(",", ".") if lang == "nb" else one.replace(",", "") for one in clean]
    return [float(one) for one in clean], [len(one.partition(".")[2]) for one in clean]


def read_back(text, verdict, lang):
    """Value, mean, low, high, difference and direction of a sentence; its decimals."""
    shown, decimals = numbers(text.replace("95 per cent interval", "interval"), lang)
    if verdict == INSEPARABLE:
        value, low, high, mean = shown
        return (value, mean, low, high), None, None, decimals[0]
    value, difference, mean, low, high = shown
    above = (" over snittet " if lang == "nb" else " above the mean ") in text
    below = (" under snittet " if lang == "nb" else " below the mean ") in text
    assert above != below
    return (value, mean, low, high), difference, 1 if above else -1, decimals[0]


@pytest.fixture(scope="module")
def table():
    return many()


@pytest.fixture(scope="module")
def found(table):
    return findings(table)


@pytest.mark.parametrize("lang", ["nb", "en"])
def test_no_sentence_contradicts_its_table(table, found, lang):
    rows = table.set_index("municipality")
    assert len(found) + len(found.attrs["left_out"]) == len(table)
    assert len(found) >= 1400
    for name, measure, text, verdict in zip(
        *(found[c] for c in ("municipality", "measure", f"text_{lang}", "verdict")), strict=True
    ):
        row = rows.loc[name]
        shown, difference, direction, decimals = read_back(text, verdict, lang)
        true = [row[c] for c in ("value", "mean", "low", "high")]
        assert list(shown) == [round(x, decimals) + 0.0 for x in true]
        value, mean, low, high = shown
        assert low <= value <= high
        assert (low <= mean <= high) == (verdict == INSEPARABLE), text
        if verdict == INSEPARABLE:
            continue
        assert direction == np.sign(value - mean) == np.sign(row["value"] - row["mean"])
        percent = abs(100 * (row["value"] - row["mean"]) / row["mean"])
        if measure in SHARES:
            assert ("prosentpoeng" if lang == "nb" else "percentage points") in text
            assert difference == pytest.approx(abs(value - mean), abs=1e-9)
        else:
            assert "poeng" not in text
            assert "points" not in text
            assert difference > 0
            assert abs(difference - percent) <= (0.5 if percent >= 10 else 0.05) + 1e-9
            assert word_of(difference) == verdict
        assert word_of(percent) == verdict
        assert text.endswith(f": {VERDICTS[verdict].get(lang)}.")


def word_of(percent):
    """The word whose limit is the largest that a difference reaches."""
    return max((limit, word) for word, limit in LIMITS.items() if percent >= limit)[1]


def test_all_words_occur(found):
    assert set(found["verdict"]) == {*LIMITS, INSEPARABLE}


def test_norwegian_and_english_sentence():
    made = findings(profile(("users_per_1000", 12.25, 9.8, 10.1, 14.9), ("share_of_net", 73.0, 60, 71, 75)))
    assert made["text_nb"].tolist() == [
        "Oppdiktet 1 2023, Brukere per 1000 innbyggere (Andre (eldre), hjemmeboende): 12,2 brukere per 1000, "
        "25 prosent over snittet på 9,8; 95 prosent intervall 10,1 til 14,9. Forskjell: tydelig.",
        "Oppdiktet 2 2023, Andel av netto driftsutgifter (Andre (eldre), hjemmeboende): 73,0 prosent, "
        "13,0 prosentpoeng over snittet på 60,0; 95 prosent intervall 71,0 til 75,0. Forskjell: tydelig.",
    ]
    assert made["text_en"].iloc[0] == (
        "Oppdiktet 1 2023, Users per 1000 inhabitants (Others (elderly), at home): 12.2 users per 1000, "
        "25 per cent above the mean of 9.8; 95 per cent interval 10.1 to 14.9. Difference: clear."
    )


def test_six_dwellings_are_not_called_more():
    """Exact Poisson interval of 6 is 2.20 to 13.06 (Garwood 1936): 20 per cent above the mean is within."""
    made = findings(profile(("places_per_1000", 6.0, 5.0, 2.20, 13.06)))
    assert made["verdict"].tolist() == [INSEPARABLE]
    assert "Tallet kan ikke skilles fra snittet, 5,00." in made["text_nb"].iloc[0]
    assert "over" not in made["text_nb"].iloc[0]


def test_what_the_sources_contradict_comes_out_as_the_table_has_it():
    """Harstad 2023: coverage 17.48 beside 15.22 is called lower; 73.0 per cent is told as 70."""
    made = findings(
        profile(
            ("coverage_80_plus", 17.48, 15.22, 16.5, 18.4),
            ("share_of_net", 73.0, 66.0, 72, 74),
            ("users_per_1000", 0.34, 9.3, 0.1, 0.9),
        )
    )
    texts = made["text_nb"].tolist()
    assert "17,5 plasser per 100 innbyggere 80+, 15 prosent under" not in texts[0]
    assert "15 prosent over snittet på 15,2" not in texts[0]  # 14.85 is below the limit of "tydelig"
    assert "14,8 prosent over snittet på 15,2" in texts[0]
    assert texts[0].endswith("Forskjell: noe.")
    assert "73,0 prosent, 7,0 prosentpoeng over snittet på 66,0" in texts[1]
    # 0.34 of 9.3 is 3.66 per cent, 96.34 below.
    assert "96 prosent under snittet på 9,30" in texts[2]


def test_the_ends_of_the_interval_are_inside_it():
    made = findings(profile(("fte_per_1000", 3.0, 2.0, 2.0, 4.0), ("fte_per_1000", 3.0, 4.0, 2.0, 4.0)))
    assert made["verdict"].tolist() == [INSEPARABLE] * 2


def test_more_than_a_negative_mean_is_more():
    """A net income of 100 beside one of 200 per inhabitant: 50 per cent of the mean's size above it."""
    assert Beside(-100.0, -200.0, -110.0, -90.0).percent == 50
    made = findings(profile(("net_per_inhabitant", -100.0, -200.0, -110.0, -90.0)))
    assert "50 prosent over snittet på −200" in made["text_nb"].iloc[0]


def test_own_limits_and_differences_below_the_least():
    limits = {"svakt": 2, "noe": 10, "tydelig": 20, "vesentlig": 50}
    rows = [("fte_per_1000", v, 100.0, v - 0.5, v + 0.5) for v in (101, 102, 110, 120, 150, 50)]
    made = findings(profile(*rows), limits)
    assert made["verdict"].tolist() == ["svakt", "noe", "tydelig", "vesentlig", "vesentlig"]
    assert made.attrs["left_out"][0].endswith("differs by less than 2 per cent")
    assert made.attrs["limits_percent"] == limits


def test_what_cannot_be_judged_is_left_out_by_name():
    nan = math.nan
    made = findings(
        profile(
            ("fte_per_1000", nan, 1, nan, nan), ("fte_per_1000", 1, 0, 0.5, 2), ("fte_per_1000", 3, 1, 2, 4)
        )
    )
    assert made["municipality"].tolist() == ["Oppdiktet 3"]
    told = made.attrs["left_out"]
    assert "Oppdiktet 1" in told[0]
    assert "hidden, or without mean or interval" in told[0]
    assert "the mean is zero" in told[1]


def test_numbers_that_no_decimals_tell_apart_are_left_out():
    made = findings(profile(("fte_per_1000", 1 + 1e-12, 1.0, 1 + 5e-13, 1.5)))
    assert made.empty
    assert "nine decimals" in made.attrs["left_out"][0]


def test_limits_with_overdispersion_judge_where_they_are_known():
    """10 of 20 ± 5 by chance, ± 12 with overdispersion; ± 5 where it is not known, or is none."""
    row = ("fte_per_1000", 10.0, 20.0, 5.0, 15.0)
    frame = profile(row, row, row)
    frame["low_overdispersed"], frame["high_overdispersed"] = [1.0, np.nan, 5.0], [22.0, np.nan, 15.0]
    made = findings(frame)
    assert made["verdict"].tolist() == [INSEPARABLE, "vesentlig", "vesentlig"]
    told = ["intervall med overspredning 1,0 til 22,0.", "intervall av tilfeldighet alene 5,0 til 15,0.", ""]
    assert all(one in text for one, text in zip(told, made["text_nb"], strict=True))
    assert "95 per cent interval of chance alone 5.0 to 15.0" in made["text_en"].iloc[1]
    assert "95 per cent interval 5.0 to 15.0" in made["text_en"].iloc[2]
    judged = judged_limits(frame)
    assert judged["high"].tolist() == [22.0, 15.0, 15.0]
    assert judged["basis"].tolist() == ["overdispersed", "chance", ""]


def test_limits_with_overdispersion_are_numbers_around_the_value():
    frame = profile(("fte_per_1000", 10.0, 20.0, 5.0, 15.0)).assign(low_overdispersed=12.0)
    with pytest.raises(InvalidDataError, match="10 is outside 12 to 22"):
        findings(frame.assign(high_overdispersed=22.0))
    with pytest.raises(InvalidDataError, match="high must be finite"):
        findings(frame.assign(high_overdispersed=math.inf))


def test_interval_without_level_is_told_without():
    made = findings(profile(("fte_per_1000", 3.0, 1.0, 2.0, 4.0), level=None))
    assert "; intervall 2,00 til 4,00." in made["text_nb"].iloc[0]


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (profile(("fte_per_1000", 5.0, 1.0, 2.0, 4.0)), "5 is outside 2 to 4"),
        (profile(("fte_per_100", 3.0, 1.0, 2.0, 4.0)), "is no measure"),
        (profile(("fte_per_1000", math.inf, 1.0, 2.0, 4.0)), "value must be finite"),
        (profile(("fte_per_1000", "tre", 1.0, 2.0, 4.0)), "value must be finite"),
        (pd.concat([profile(("fte_per_1000", 3.0, 1.0, 2.0, 4.0))] * 2), "stands twice"),
    ],
)
def test_bad_profiles_are_named(frame, told):
    with pytest.raises(InvalidDataError) as error:
        findings(frame)
    assert told in " | ".join(error.value.problems)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"noe": 5, "tydelig": 15}, "'vesentlig', per cent, is missing"),
        ({"noe": 5, "tydelig": 5, "vesentlig": 30}, "increase"),
        ({"noe": -5, "tydelig": 5, "vesentlig": 30}, "is -5"),
        ({"noe": 5, "tydlig": 15, "vesentlig": 30}, "did you mean 'tydelig'"),
        ([5, 15, 30], "maps words to per cent"),
    ],
)
def test_bad_limits_are_named(limits, told):
    with pytest.raises(SpecificationError, match=re.escape(told)):
        findings(profile(("fte_per_1000", 3.0, 1.0, 2.0, 4.0)), limits)
