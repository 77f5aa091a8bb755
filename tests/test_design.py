"""Terms to columns: against formulaic, and the errors of terms that cannot be read."""

from itertools import pairwise

import formulaic
import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.design import build_design, columns_of, parse_terms, read_sample

DATA = pd.DataFrame(
    {
        "year": [2015, 2016, 2017] * 4,
        "region": list("abba") * 3,
        "x": np.arange(12.0),
        "z": np.arange(12.0) ** 2,
    }
)


def design(*regressors):
    terms = parse_terms(regressors, DATA.columns)
    return build_design(terms, read_sample(DATA, *columns_of(terms)))


@pytest.mark.parametrize(
    ("regressors", "formula"),
    [
        (("C(year)", "x"), "C(year) + x"),
        (("C(year)", "x", "C(year):x"), "C(year) + x + C(year):x"),
        (("C(year)*x",), "C(year)*x"),
        (("C(year)", "C(year):x"), "C(year) + C(year):x"),
        (("C(region)*C(year)",), "C(region)*C(year)"),
        (("x:z",), "x:z"),
    ],
)
def test_equals_formulaic(regressors, formula):
    ours = design(*regressors)
    theirs = formulaic.model_matrix(formula, DATA).drop(columns="Intercept")
    assert set(ours.terms) == set(theirs.columns)
    np.testing.assert_array_equal(ours.columns, theirs[list(ours.terms)].to_numpy())


def test_terms_keep_their_order_and_occur_once():
    assert design("x", "C(year)*x").terms[:3] == ("x", "C(year)[T.2016]", "C(year)[T.2017]")


def test_levels_that_no_row_has_are_gone():
    terms = parse_terms(("C(year)",), DATA.columns)
    sample = read_sample(DATA, *columns_of(terms)).take(np.flatnonzero(DATA["year"] != 2015))
    assert build_design(terms, sample).terms == ("C(year)[T.2017]",)


def test_a_column_whose_name_looks_like_a_product():
    odd = DATA.rename(columns={"x": "a:b"})
    assert parse_terms(("a:b",), odd.columns) == (("a:b",),)


@pytest.mark.parametrize("term", ["C(year", "log(x", "x + z", "x:x", "", "a|b"])
def test_unreadable_terms(term):
    with pytest.raises(SpecificationError):
        parse_terms((term,), DATA.columns)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"regressors": ()}, "at least one"),
        ({"regressors": ("x", "x")}, "twice"),
        ({"regressors": "x"}, "sequence"),
        ({"regressors": ("y",)}, "both the outcome"),
        ({"covariance": "robustest"}, "unknown covariance"),
        ({"wheights": "w"}, "no wheights"),
    ],
)
def test_specification_refuses_nonsense(change, message):
    spec = kv.Specification("y", ("x",), "unit", "t")
    with pytest.raises(SpecificationError, match=message):
        spec.vary(**change)


def test_published_specifications_differ_by_what_the_report_adds():
    models = [kv.SPECIFICATIONS[f"A3-{m}"] for m in (1, 2, 3, 4)]
    added = [set(b.regressors) - set(a.regressors) for a, b in pairwise(models)]
    assert [len(a) for a in added] == [12, 1, 1]
    assert added[1:] == [{"free_income"}, {"C(year):free_income"}]
    assert models[3].without("C(year):free_income") == models[2]
    with pytest.raises(SpecificationError, match="not among"):
        models[0].without("urban")
