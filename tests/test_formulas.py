"""One grammar: what a formula says is done or refused, and names are never read as something else."""

import re
from functools import reduce

import formulaic
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.errors import DataMissingError, SpecificationError
from kostnadsvekst.models import grammar
from kostnadsvekst.models.transformations import FUNCTIONS

from_formula = kv.Specification.from_formula


def regressors(right: str) -> tuple[str, ...]:
    return from_formula(f"y ~ {right} | unit").regressors


@pytest.mark.parametrize(
    ("right", "terms"),
    [
        ("x", ("x",)),
        ("1 + x", ("x",)),
        ("x + 1", ("x",)),
        ("+ x + z", ("x", "z")),
        ("(x + z) - z", ("x",)),
        ("x*z - x", ("z", "x:z")),
        ("x*z - z:x", ("x", "z")),
        ("x + x + z", ("x", "z")),
        ("a:b + b:a", ("a:b",)),
        ("a*b*c", ("a", "b", "a:b", "c", "a:c", "b:c", "a:b:c")),
        ("(a + b):c", ("a:c", "b:c")),
        ("(1 + a):b", ("b", "a:b")),
        ("(a + b)**2", ("a", "b", "a:b")),
        ("(a + b + c)^2", ("a", "b", "c", "a:b", "a:c", "b:c")),
        ("(a + b)^1", ("a", "b")),
        ("(a + b)**5", ("a", "b", "a:b")),
        ("C(a)/b", ("C(a)", "C(a):b")),
        ("C( year )*lag( x ,2)", ("C(year)", "lag(x, 2)", "C(year):lag(x, 2)")),
        ("diff(log(x))", ("diff(log(x))",)),
        ("C(lag(x))", ("C(lag(x))",)),
        ("`share of x` + ærlig + x.1", ("share of x", "ærlig", "x.1")),
        ("`a:b` + a:b", ("`a:b`", "a:b")),
        ("`log(x)` + log(x)", ("`log(x)`", "log(x)")),
        ("log(`a, b`):`income (NOK)`", ("log(`a, b`):`income (NOK)`",)),
        ("`x` + x", ("x",)),
        ("`tick``ed`", ("tick`ed",)),
        ("`2015` + `..needs` + ` x`", ("2015", "..needs", "` x`")),
    ],
)
def test_signs_mean_what_wilkinson_and_rogers_say(right, terms):
    assert regressors(right) == terms


@pytest.mark.parametrize(
    ("formula", "position", "words"),
    [
        ("y ~ x - 1 | unit", 7, "has its constant"),
        ("y ~ 0 + x | unit", 5, "has its constant"),
        ("y ~ x + 0 | unit", 9, "has its constant"),
        ("y ~ -1 + x | unit", 5, "has its constant"),
        ("y ~ (x - 1)*z | unit", 8, "has its constant"),
        ("y ~ x**2 | unit", 6, "square(x)"),
        ("y ~ x^2 | unit", 6, "square(x)"),
        ("y ~ z + C(x)**2 | unit", 13, "square(x)"),
        ("y ~ (a + b)**0.5 | unit", 12, "square(x)"),
        ("y ~ (a + b)**z | unit", 12, "square(x)"),
        ("y ~ x*x | unit", 6, "the same factor twice; a power of a column is square(x)"),
        ("y ~ x:x | unit", 6, "square(x)"),
        ("y ~ a:b:a | unit", 8, "the same factor twice"),
        ("y ~ I(exp(x)) | unit", 7, "no function is called inside I"),
        ("y ~ I(x +) | unit", 7, "inside I stand numbers, columns"),
        ("y ~ I(2) | unit", 7, "no column in it"),
        ("y ~ I(x | unit", 5, "not closed"),
        ("y ~ poly(x) | unit", 5, "write poly(x, 3)"),
        ("y ~ poly(x, 2.5) | unit", 13, "a whole degree between 1 and 10"),
        ("y ~ poly(x, 3, raw=2) | unit", 13, "raw is True or False"),
        ("y ~ bs(x) | unit", 5, "either df= or knots="),
        ("y ~ bs(x, df=4, knots=[1]) | unit", 11, "either df= or knots="),
        ("y ~ bs(x, knots=[2, 1]) | unit", 11, "knots rise"),
        ("y ~ bs(x, df=4, intercept=1) | unit", 11, "no option of bs"),
        ("y ~ cr(x, df=4, constraints='sum') | unit", 11, 'constraints="center"'),
        ("y ~ C(x, ref=) | unit", 10, "C(x, ref="),
        ("y ~ C(x, z) | unit", 10, "in quotation marks"),
        ("y ~ C(x, ref=[1, 2]) | unit", 10, "not one level"),
        ("y ~ C(x, Sum) | unit", 10, "Treatment"),
        ("y ~ i(x, ref=1, ref=2) | unit", 10, "i(year, income, ref=2015)"),
        ("y ~ ns(x, 3) | unit", 5, "write cr(x, df=4)"),
        ("y ~ np.log(x) | unit", 5, "write log(x)"),
        ("y ~ factor(x) | unit", 5, "write C(x)"),
        ("y ~ exp(x) | unit", 5, "make it a column of the data first"),
        ("y ~ log(x + 1) | unit", 11, "log takes one column"),
        ("y ~ log(x**2) | unit", 10, "square(x) is a function"),
        ("y ~ log(1) | unit", 9, "log takes one column"),
        ("y ~ lag(x, -1) | unit", 12, "at least 1"),
        ("y ~ lag(x, z) | unit", 12, "at least 1"),
        ("y ~ a/b | unit", 6, "per_capita(x)"),
        ("y ~ b %in% a | unit", 7, "a + a:b"),
        ("y ~ . | unit", 5, "names no columns"),
        ("y ~ x - z | unit", 9, "z is not among the terms before it"),
        ("y ~ 2*x | unit", 5, "the only number of a formula is 1"),
        ("y ~ 2015x | unit", 5, "begins with a digit"),
        ("y ~ `x | unit", 5, "not closed"),
        ("y ~ a, b | unit", 6, "misplaced"),
        ("y ~ a | b | c", 11, "single '|'"),
        ("y ~ a | b | ~ c", 13, "a column is needed here"),
        ("y ~ a | b | 1 ~ c", 11, "| income ~ grant"),
        ("y ~ a | b | c ~ 1", 11, "| income ~ grant"),
        ("y ~ a | b | c ~ d | e", 19, "misplaced"),
        ("y ~ 'a' | unit", 5, "no meaning"),
        ("poly(y, 2) ~ z | unit", 1, "the outcome is one column"),
        ("i(y) ~ z | unit", 1, "the outcome is one column"),
        ("y ~ a == 1 | unit", 7, "misplaced"),
        ("y ~ & | unit", 5, "no meaning"),
        ("y ~ a) | unit", 6, "misplaced"),
        ("y ~ (a | unit", 5, "not closed"),
        ("y ~ net cost | unit", 9, "stands in backticks"),
        ("y:x ~ z | unit", 1, "the outcome is one column"),
        ("1 ~ z | unit", 1, "the outcome is one column"),
        ("C(y) ~ z | unit", 1, "the outcome is one column"),
        ("y + x ~ z | unit", 1, "2 outcomes"),
        ("y | unit", 3, "'~' is missing"),
    ],
)
def test_what_is_not_done_is_refused_with_the_way_out(formula, position, words):
    with pytest.raises(SpecificationError) as caught:
        from_formula(formula)
    found = re.search(r"at position (\d+), ", str(caught.value))
    assert found, str(caught.value)
    assert int(found.group(1)) == position
    assert words in str(caught.value)


@pytest.mark.parametrize("formula", ["y ~ x +", "y ~ x", "", "y ~", "y"])
def test_what_stops_too_early(formula):
    with pytest.raises(SpecificationError):
        from_formula(formula)


@pytest.mark.parametrize("formula", ["y ~ x - 1", "y ~ 0 + x"])
def test_pooled_without_a_constant_is_refused_too(formula):
    with pytest.raises(SpecificationError, match="has its constant"):
        from_formula(formula, entity="unit")


def test_faults_of_a_macro_name_its_terms():
    with pytest.raises(SpecificationError, match=r"cannot read the formula 'a \+ b\*\*2' at position 6"):
        from_formula("y ~ ..mine | unit", macros={"mine": ("a", "b**2")})


def test_the_functions_of_the_grammar_are_those_that_are_computed():
    assert tuple(FUNCTIONS) == grammar.CALLS


def test_a_product_in_another_order_is_the_same_term_twice():
    with pytest.raises(SpecificationError, match="regressors named twice: log"):
        kv.Specification("y", ("x:log(x)", "log(x):x"), "unit")
    assert len(kv.Specification("y", ("x:z", "x", "z"), "unit").regressors) == 3


@pytest.mark.parametrize("parts", [("y", (5,)), (None, ("x",)), ("y", ("", "x")), (" ", ("x",))])
def test_parts_that_are_no_texts_or_empty(parts):
    with pytest.raises(SpecificationError, match=r"are texts, not|is an empty text"):
        kv.Specification(*parts, "unit", "year")


def test_terms_are_taken_away_however_they_were_written():
    spec = kv.Specification("y", ("x", "lag(z,2)", "`net cost`", " w "), "unit", "year")
    assert spec.regressors == ("x", "lag(z, 2)", "net cost", "w")
    assert spec.without("lag( z , 2 )", "`net cost`", "`w`").regressors == ("x",)
    assert spec.without("x").adding("`x`") == spec.without("x").adding("x")


# Against formulaic ----------


def accepted(make, words):
    """Give what is made, or None if it is refused in these words."""
    try:
        return make()
    except SpecificationError as error:
        if not re.search(words, str(error)):
            raise
        return None


PLAIN = st.sampled_from(["a", "b", "c", "C(d)"])
RIGHT = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" + ", ":", "*"]), inner).map("".join),
        inner.map("({})".format),
        inner.map("(a + {} + C(d))**2".format),
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("examples", [100, pytest.param(2000, marks=pytest.mark.slow)])
def test_terms_are_those_of_formulaic(examples):
    settings(max_examples=examples, deadline=None)(given(RIGHT)(check_against_formulaic))()


def check_against_formulaic(right):
    """Where the one does not refuse a factor that a product has twice."""
    ours = accepted(lambda: regressors(right), "same factor twice")
    if ours is None:
        return
    theirs = formulaic.Formula(right)
    assert {frozenset(term.split(":")) for term in ours} == {
        frozenset(str(factor) for factor in term.factors) for term in theirs if str(term) != "1"
    }
    assert len(ours) == len({frozenset(term.split(":")) for term in ours})


# Round trips ----------

NAME = st.one_of(
    st.sampled_from(
        ["x", "år", "net cost", "a:b", "log(x)", "C(x)", "lag(x, 0)", "x (NOK)", "2015", "a*b", "æ`ø"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6).filter(str.strip),
    st.text("ab`:*(),[] |~+-^1.", min_size=1, max_size=6).filter(str.strip),
)
COLUMN = NAME.map(grammar.quote)
WRAPPERS = st.lists(
    st.sampled_from(["log({})", "square({})", "total({})", "lag({})", "diff({}, 12)"]), max_size=2
)
FACTOR = st.builds(
    lambda column, calls: reduce(lambda a, call: call.format(a), calls, column), COLUMN, WRAPPERS
)
TERM = st.lists(st.one_of(FACTOR, FACTOR.map("C({})".format)), min_size=1, max_size=3).map(":".join)


def specification(outcome, terms, entity):
    words = "twice|both the outcome|at least 1|empty"
    return accepted(lambda: kv.Specification(outcome, terms, entity, "year"), words)


@pytest.mark.parametrize("examples", [150, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_specification_in_backticks_comes_back(examples):
    entities = NAME.filter(lambda name: "^" not in name)
    parts = (FACTOR, st.lists(TERM, min_size=1, max_size=3), entities)
    settings(max_examples=examples, deadline=None)(given(*parts)(check_round_trip_in_backticks))()


def check_round_trip_in_backticks(outcome, terms, entity):
    spec = specification(outcome, terms, entity)
    if spec is None or any(
        len(set(parts)) < len(parts) for parts in (grammar.split(t, ":") for t in spec.regressors)
    ):
        return
    assert from_formula(spec.formula) == spec
    assert kv.Specification.from_toml(spec.to_toml()) == spec


@settings(max_examples=1000, deadline=None)
@given(NAME, st.lists(NAME, min_size=1, max_size=3))
def test_a_specification_of_bare_names_comes_back(outcome, terms):
    spec = specification(outcome, terms, "unit")
    parts = [grammar.split(t, ":") for t in (spec.regressors if spec else ())]
    if spec is None or any(
        "*" in t or len(set(p)) < len(p) for t, p in zip(spec.regressors, parts, strict=True)
    ):
        return
    assert from_formula(spec.formula) == spec


# Odd names in data ----------


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    data = make_panel(12, 5, 6)
    return data.assign(w=np.abs(data["x"]) + 1)


ODD = [
    "net cost (NOK)", "år", "a|b", "a~b", "a+b", "a-b", "a^b", "2015", "`", "tick`ed", " x", "..needs", ".",
    "a:b", "a*b", "exp(w)", "f(", "100 %", "x\ny", "log(w, 2)",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("place", ["{}", "C({})", "log({})", "z:{}", "C(region):{}", "lag({}, 2)"])
def test_a_column_with_an_odd_name_counts_as_any_other(panel, name, place):
    """In backticks, wherever a column may stand."""
    level = panel["year"] // 2 if place.startswith("C({") else panel["w"]
    formula = f"y ~ {place.format(grammar.quote(name))} | unit"
    sample = "year >= 2012"
    expected = kv.estimate(
        from_formula(f"y ~ {place.format('q')} | unit", sample=sample), panel.assign(q=level)
    )
    found = kv.estimate(from_formula(formula, sample=sample), panel.assign(**{name: level}))
    np.testing.assert_array_equal(found.coefficients, expected.coefficients)
    assert len(found.terms) == len(expected.terms)
    assert all(name in term or grammar.quote(name) in term for term in found.terms[:-1])


@pytest.mark.parametrize("name", ODD)
def test_an_outcome_and_entities_with_odd_names(panel, name):
    odd = grammar.quote(name)
    renamed = panel.rename(columns={"y": name})
    expected = kv.estimate(from_formula("y ~ x | unit"), panel).coefficients
    assert kv.estimate(from_formula(f"{odd} ~ x | unit"), renamed).coefficients.equals(expected)
    renamed = panel.rename(columns={"unit": name})
    assert kv.estimate(from_formula(f"y ~ x | {odd}"), renamed).coefficients.equals(expected)


@pytest.mark.parametrize(
    ("column", "forced"),
    [("log(w)", "log(`w`)"), ("w:z", "`w`:`z`"), ("C(region)", "C(`region`)"), ("lag(w, 2)", "lag(`w`, 2)")],
)
def test_a_column_named_as_a_term_is_never_mistaken(panel, column, forced):
    """With both at hand the bare text is refused, and each of the two is written its own way."""
    alone = panel.assign(own=np.cos(np.arange(60.0)), late=panel["year"] > 2012)
    both = alone.rename(columns={"own": column})
    own = kv.estimate(from_formula("y ~ x + own | unit"), alone).coefficients["estimate"]
    for bare in (
        from_formula(f"y ~ x + {column} | unit"),
        kv.Specification("y", ("x", column), "unit", "year"),
    ):
        with pytest.raises(SpecificationError, match=re.escape(f"write `{column}` (in backticks)")):
            kv.estimate(bare, both)
    found = kv.estimate(from_formula(f"y ~ x + `{column}` | unit"), both)
    assert found.terms == ("x", column, "constant")
    np.testing.assert_array_equal(found.coefficients["estimate"], own)
    if column == "C(region)":
        return
    sample = "late"
    found = kv.estimate(from_formula(f"y ~ x + {forced} | unit", sample=sample), both)
    expected = kv.estimate(from_formula(f"y ~ x + {column} | unit", sample=sample), alone)
    np.testing.assert_array_equal(found.coefficients["estimate"], expected.coefficients["estimate"])


@pytest.mark.parametrize("name", ["log(x)", "C(x)", "x:z"])
def test_a_name_in_backticks_that_is_no_column_is_missing_not_computed(panel, name):
    with pytest.raises(DataMissingError, match=re.escape(repr(name))):
        kv.estimate(from_formula(f"y ~ `{name}` | unit"), panel)
    with pytest.raises(DataMissingError, match=re.escape(repr(name))):
        kv.estimate(from_formula(f"y ~ C(`{name}`) | unit"), panel)


def test_bare_names_of_columns_are_still_columns(panel):
    """Where the text cannot be read as a term of columns that exist."""
    data = panel.rename(columns={"w": "p:q"}).assign(**{"log(v)": panel["z"]})
    found = kv.estimate(kv.Specification("y", ("p:q", "log(v)"), "unit", "year"), data)
    expected = kv.estimate(from_formula("y ~ w + z | unit"), panel)
    np.testing.assert_array_equal(found.coefficients, expected.coefficients)


@pytest.mark.parametrize("fit", [kv.estimate, kv.estimate_ar1])
def test_a_regressor_called_constant_is_refused(panel, fit):
    data = panel.rename(columns={"x": "constant"})
    with pytest.raises(SpecificationError, match="'constant', as the term of the model's own constant"):
        fit(from_formula("y ~ constant | unit"), data)
    product = kv.estimate(from_formula("y ~ constant:z | unit"), data)
    expected = kv.estimate(from_formula("y ~ x:z | unit"), panel)
    np.testing.assert_array_equal(product.coefficients, expected.coefficients)


def test_a_curve_keeps_a_column_and_a_product_apart(panel):
    data = panel.assign(**{"x:z": panel["w"]})
    specs = [kv.Specification("y", (term,), "unit", "year") for term in ("`x:z`", "`x`:`z`")]
    curve = kv.specification_curve(specs, data)
    expected = [
        kv.estimate(from_formula(f"y ~ {t} | unit"), panel).coefficients["estimate"].iloc[0]
        for t in ("w", "x:z")
    ]
    np.testing.assert_allclose(sorted(curve.frame["estimate"]), sorted(expected), rtol=1e-10)
