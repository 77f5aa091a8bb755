"""Estimation straight from a text: the same numbers as a specification's, and a sentence for each slip."""

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.errors import DataMissingError, DataWarning, SpecificationError

FORMULA = "y ~ x + C(year) | unit"


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return make_panel(12, 5, 6)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"weights": "population", "covariance": "cluster"},
        {"covariance": ("cluster", "region"), "convention": "areg", "sample": "year > 2010"},
        {"absorb": "region^year", "time": "year"},
        {"entity": "region", "absorb": ()},
        {"effects": "entity"},
    ],
)
def test_a_text_is_the_specification_that_it_stands_for(panel, parts):
    formula = "y ~ x + z | unit"
    spec = kv.Specification.from_formula(formula, **parts)
    found, expected = kv.estimate(formula, panel, **parts), kv.estimate(spec, panel)
    assert found.specification == spec
    pd.testing.assert_frame_equal(found.coefficients, expected.coefficients)


def test_macros_and_parts_beside_a_specification(panel):
    mine = kv.estimate("y ~ ..both | unit", panel, macros={"both": ("x", "z")})
    spec = kv.Specification("y", ("x", "z"), "unit")
    assert mine.terms == ("x", "z", "constant")
    found = kv.estimate(spec, panel, covariance="hc1", weights="population")
    assert found.specification == spec.vary(covariance="hc1", weights="population")
    np.testing.assert_array_equal(found.coefficients, kv.estimate(found.specification, panel).coefficients)
    with pytest.raises(SpecificationError, match="macros belongs to a formula"):
        kv.estimate(spec, panel, macros={"a": ("x",)})


@pytest.mark.parametrize(
    ("arguments", "keywords", "words"),
    [
        (("{data}", FORMULA), {}, "the formula comes first and the data second"),
        (("{data}", "{data}"), {}, "a frame was given where the formula is due"),
        ((), {"data": "{data}"}, "the first argument is a formula or a Specification, not nothing"),
        ((FORMULA,), {}, "the data are missing"),
        ((), {}, "the first argument is a formula"),
        ((["y", "x", "z"], "{data}"), {}, 'a list of names is no formula: write "y ~ x + z | unit"'),
        ((("y",), "{data}"), {}, 'write "y ~ x | unit"'),
        ((7, "{data}"), {}, "not int (7)"),
        ((FORMULA, "panel.csv"), {}, "read the file first"),
        ((FORMULA, None), {}, "not NoneType (None)"),
        ((FORMULA, {"y": [1]}), {}, "the data are a pandas DataFrame, not dict"),
        ((FORMULA, "{data}", "population"), {}, 'name the rest, as in weights="population"'),
        ((FORMULA, "{data}"), {"weight": "population"}, "'weight': write weights='population'"),
        ((FORMULA, "{data}"), {"wieghts": "population"}, "(did you mean 'weights'?)"),
        ((FORMULA, "{data}"), {"vcov": "hetero"}, "'vcov': write covariance=\"hc1\""),
        ((FORMULA, "{data}"), {"vce": "robust"}, "'vce': write covariance=\"hc1\""),
        ((FORMULA, "{data}"), {"cluster": "region"}, "covariance=(\"cluster\", 'region')"),
        ((FORMULA, "{data}"), {"fixef": "unit"}, "write the effects behind a bar in the formula"),
        ((FORMULA, "{data}"), {"subset": "x > 0"}, 'write sample="year >= 2016"'),
        ((FORMULA, "{data}"), {"id": "unit"}, "write entity='unit'"),
        ((FORMULA, "{data}"), {"instruments": "z"}, "behind the last bar of the formula"),
        (("{data}",), {"formula": FORMULA}, "the formula is the first argument"),
        ((FORMULA,), {"df": "{data}"}, "the data are the second argument"),
        ((FORMULA, "{data}"), {"qqq": 1, "vcov": "iid"}, "estimate has no keyword 'qqq'; 'vcov'"),
        (("y ~ x", "{data}"), {}, "names no entity"),
        (("y x", "{data}"), {}, "a sign such as + is missing"),
        ((FORMULA, "{data}"), {"covariance": "clusters"}, "unknown covariance 'clusters'"),
        ((FORMULA, "{data}"), {"effects": "both"}, "unknown effects 'both'"),
    ],
)
def test_wrong_arguments_get_a_sentence(panel, arguments, keywords, words):
    put = {"{data}": panel}
    given = [put.get(a, a) if isinstance(a, str) else a for a in arguments]
    named = {name: put.get(a, a) if isinstance(a, str) else a for name, a in keywords.items()}
    with pytest.raises(SpecificationError) as caught:
        kv.estimate(*given, **named)
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["xx", "poplation"])
def test_an_unknown_column_comes_with_the_nearest_name(panel, name):
    near = {"xx": "x", "poplation": "population"}[name]
    with pytest.raises(DataMissingError, match=rf"'{name}' \(did you mean '{near}'\?\)"):
        kv.estimate("y ~ x | unit", panel, weights=name)


def test_a_warning_points_at_the_caller(panel):
    gaps = panel.assign(x=panel["x"].where(panel["year"] > 2010))
    for spec in (FORMULA, kv.Specification.from_formula(FORMULA)):
        with pytest.warns(DataWarning, match="have missing values") as caught:
            kv.estimate(spec, gaps)
        assert caught[0].filename == __file__


def test_keywords_by_name_alone(panel):
    found = kv.estimate(spec=FORMULA, data=panel)
    pd.testing.assert_frame_equal(found.coefficients, kv.estimate(FORMULA, panel).coefficients)
