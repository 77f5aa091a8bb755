"""The walk from a specification and a frame to arrays."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError
from kostnadsvekst.models import covariance_kinds, preparation, samples
from kostnadsvekst.models.preparation import needed_columns, prepare, read_needed
from kostnadsvekst.models.rows import sorted_codes

SPEC = kv.Specification("y", ("x", "z", "C(year)"), "unit", "year", "population")


@pytest.fixture
def panel() -> pd.DataFrame:
    return make_panel(12, 5, 6)


def test_needed_columns_follow_from_the_specification_alone():
    spec = kv.Specification(
        "log(cost)",
        ("diff(per_capita(income), 2)", "C(year):old", "x*z"),
        "unit",
        "month",
        weights="w",
        covariance=("twoway", "region", "year"),
    )
    needed = needed_columns(spec)
    assert needed == needed_columns(spec)
    assert needed.numeric == ("diff(per_capita(income), 2)", "old", "x", "z")
    assert needed.categorical == ("year",)
    assert needed.clusters == ("region", "year")
    assert needed.numbers == ("log(cost)", *needed.numeric, "w")
    made_of = {"month", "unit", "cost", "income", "population", "year", "old", "x", "z", "w", "region"}
    assert set(needed.sources) == made_of
    assert len(needed.sources) == len(set(needed.sources))


def test_a_column_that_looks_like_a_term_is_taken_as_it_is():
    spec = kv.Specification("log(y)", ("a:b", "lag(x)"), "unit", "year")
    assert needed_columns(spec).sources == ("year", "unit", "y", "a", "b", "x")
    assert needed_columns(spec, ["log(y)", "a:b"]).sources == ("year", "unit", "log(y)", "a:b", "x")


@pytest.mark.parametrize(
    ("covariance", "clusters"),
    [
        ("classical", ()),
        ("cluster", ("unit",)),
        ("twoway", ("unit", "year")),
        ("driscoll_kraay", ("year",)),
        (("jackknife", "region"), ("region",)),
    ],
)
def test_columns_of_the_covariance(panel, covariance, clusters):
    spec = SPEC.vary(covariance=covariance)
    assert needed_columns(spec).clusters == clusters
    prepared = prepare(spec, panel)
    assert set(prepared.clusters) == {"unit", *clusters}
    for column, codes in prepared.clusters.items():
        assert (codes == panel[column] - panel[column].min()).all()


def test_all_absent_columns_are_named_at_once(panel):
    data = panel.drop(columns=["x", "population", "region"])
    with pytest.raises(DataMissingError) as caught:
        kv.estimate(SPEC.vary(covariance=("cluster", "region")), data)
    for name in ("x", "population", "region"):
        assert f"'{name}'" in str(caught.value)


@pytest.mark.parametrize("fit", [kv.estimate, kv.estimate_ar1])
def test_columns_are_required_once(panel, monkeypatch, fit):
    asked = []
    for module in (preparation, covariance_kinds, samples):
        monkeypatch.setattr(module, "require_columns", lambda needed, present: asked.append(tuple(needed)))
    spec = kv.Specification("y", ("x", "square(z)"), "unit", "year", covariance=("cluster", "region"))
    fit(spec.vary(sample="year > 2010"), panel)
    assert asked == [("year", "unit", "y", "x", "z", "region")]


def test_rows_codes_and_arrays_by_hand(panel):
    data = panel.astype({"region": float}).sample(frac=1, random_state=3)
    data.iloc[4, data.columns.get_loc("y")] = np.nan
    spec = SPEC.vary(sample="year > 2010", covariance=("cluster", "region"))
    gone = (data["year"] <= 2010) | data["y"].isna()
    assert data["year"].iloc[4] > 2010
    with pytest.warns(DataWarning, match="1 of 48 rows"):
        prepared = prepare(spec, data)
    kept = data[~gone]
    assert (prepared.rows == np.flatnonzero(~gone)).all()
    assert (prepared.outcome == kept["y"]).all()
    assert (prepared.weights == kept["population"]).all()
    assert (prepared.entities == kept["unit"]).all()
    assert (prepared.clusters["region"] == kept["region"]).all()
    assert prepared.units.equals(kept["unit"])
    assert prepared.times.equals(kept["year"])
    assert prepared.build_design().columns.shape == (len(kept), 5)
    pooled = prepare(spec.vary(effects="none"), panel)
    assert not pooled.absorbed.any()
    assert (prepare(SPEC.vary(weights=None), panel).weights == 1).all()


@pytest.mark.parametrize("fit", [kv.estimate, kv.estimate_ar1])
def test_the_warning_points_to_the_caller(panel, fit):
    panel.loc[7, "x"] = np.nan
    with pytest.warns(DataWarning) as caught:
        fit(SPEC.vary(weights=None), panel)
    first = caught[0]
    assert str(first.message) == "1 of 60 rows have missing values and are left out: unit 1 year 2012"
    assert {warning.filename for warning in caught} == {__file__}


def test_missing_clusters_are_refused_only_in_rows_that_are_used(panel):
    panel["region"] = panel["region"].astype(float)
    panel.loc[panel["year"] == 2010, "region"] = np.nan
    spec = SPEC.vary(covariance=("cluster", "region"))
    with pytest.raises(InvalidDataError, match=r"clusters 'region' are missing in 12 row"):
        kv.estimate(spec, panel)
    assert kv.estimate(spec.vary(sample="year > 2010"), panel).inference.facts.n_clusters == (6,)


def test_regions_that_the_transformation_takes_are_no_clusters(panel):
    """Unit 5 is alone in region -1 and has one row, which AR(1) takes: five regions are left of six."""
    data = panel[panel["unit"] < 6].assign(region=lambda d: d["region"].where(d["unit"] != 5, -1))
    data = data[(data["unit"] != 5) | (data["year"] == 2012)]
    spec = SPEC.vary(weights=None, covariance=("cluster", "region"))
    direct = kv.estimate_ar1(spec, data, rho_value=0.3)
    assert direct.inference.facts.n_clusters == (5,)
    later = kv.estimate_ar1(spec.vary(covariance="classical"), data, rho_value=0.3)
    pd.testing.assert_frame_equal(
        direct.coefficients, later.with_covariance(("cluster", "region")).coefficients
    )


def test_specifications_are_read_together(panel):
    other = SPEC.vary(outcome="log(population)", regressors=("lag(x)",), weights=None)
    sample = read_needed([needed_columns(SPEC), needed_columns(other)], panel)
    assert set(sample.numbers) == {"y", "x", "z", "population", "log(population)", "lag(x)"}
    np.testing.assert_array_equal(sample.numbers["log(population)"], np.log(panel["population"]))
    assert np.isnan(sample.numbers["lag(x)"]).sum() == 12


def test_a_missing_unit_is_left_out_of_staggered_adoption_as_it_is_here(panel):
    data = panel.assign(first=np.where(panel["unit"] < 6, 2012.0, np.nan), unit=panel["unit"].astype(float))
    data.loc[3, "unit"] = np.nan
    with pytest.warns(DataWarning, match=r"1 row\(s\) without 'unit' .* row 3 \(unit nan, year 2013\)"):
        found = kv.staggered.event_study(data, "y", "unit", "year", "first", "imputation")
    rest = data.dropna(subset="unit")
    expected = kv.staggered.event_study(rest, "y", "unit", "year", "first", "imputation")
    pd.testing.assert_frame_equal(found.horizons, expected.horizons)


@pytest.mark.parametrize(
    "values",
    [
        ["b", "a", None, "b", "ø", "Å", "å", "z", ""],
        [None, None],
        [2019, 2015, 2017, 2015],
        [10**12, 10**12 + 1, 0],
        [-5, 3, -5],
        [2.5, None, -1.0, 2.5],
        pd.Series([-128, 127, 0], dtype="int8"),
        pd.Series([2**63 - 1, -(2**63), 5, 5], dtype="int64"),
        pd.Series([2**63 - 1, 2**63 - 2], dtype="int64"),
        pd.Series([2**64 - 1, 0, 1], dtype="uint64"),
        pd.Series([3, None, 1], dtype="Int64"),
        pd.Series(["b", "a", "b"], dtype="category"),
        pd.Series(["b", None, "a"], dtype=object),
        pd.Series(["b", None, "a"], dtype="string[python]"),
        pd.Series([True, False, True]),
        pd.Series(pd.to_datetime(["2020-01-01", "2019-01-01", None])),
        pd.concat([pd.Series(["x", "b"]), pd.Series(["a", "b"])]),
    ],
    ids=lambda values: f"{getattr(values, 'dtype', 'plain')}",
)
def test_codes_of_sorted_levels_are_those_of_pandas(values):
    column = pd.Series(values)
    codes, levels = sorted_codes(column)
    expected, names = pd.factorize(column, sort=True)
    np.testing.assert_array_equal(codes, expected)
    assert codes.dtype == np.intp
    assert list(levels) == list(names)
    assert len(sorted_codes(column.iloc[:0])[0]) == 0


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=1),
    st.lists(st.integers(-50, 50), min_size=1),
)
def test_codes_of_any_text_and_numbers(text, whole):
    for column in (pd.Series(text, dtype="str"), pd.Series(whole, dtype="int64")):
        codes, levels = sorted_codes(column)
        expected, names = pd.factorize(column, sort=True)
        np.testing.assert_array_equal(codes, expected)
        assert list(levels) == list(names)
