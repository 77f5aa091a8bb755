"""Growth accounted for by an estimate: by hand, against the data, and its identity."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kostnadsvekst as kv
from kostnadsvekst.errors import SpecificationError
from test_gelbach import draw

SPEC = kv.Specification("y", ("C(year)", "a", "b", "C(year):a"), "id", "year", "w")
REFERENCES = ("start", "mean", "end")


def means(data, year):
    rows = data[data["year"] == year]
    return {name: np.average(rows[name], weights=rows["w"]) for name in ("y", "a", "b")}


@pytest.mark.parametrize("reference", REFERENCES)
def test_by_hand(reference):
    data = draw(1)
    est = kv.estimate(SPEC, data)
    b = est.coefficients["estimate"]
    first, last = means(data, 2016), means(data, 2018)
    slopes = [b["a"] + b[f"C(year)[T.{year}]:a"] for year in (2016, 2018)]
    at = {"start": 0, "mean": 0.5, "end": 1}[reference]
    slope = (1 - at) * slopes[0] + at * slopes[1]
    level = at * first["a"] + (1 - at) * last["a"]
    found = kv.account_for_growth(est, data, 2016, 2018, reference=reference).set_index(["part", "group"])
    value = found["contribution"]
    assert value["means", "a"] == pytest.approx(slope * (last["a"] - first["a"]))
    assert value["means", "b"] == pytest.approx(b["b"] * (last["b"] - first["b"]))
    assert value["coefficients", "a"] == pytest.approx((slopes[1] - slopes[0]) * level)
    assert ("coefficients", "b") not in value.index
    assert value["year effects", ""] == pytest.approx(b["C(year)[T.2018]"] - b["C(year)[T.2016]"])
    assert value["residuals", ""] == pytest.approx(0, abs=1e-10)
    assert value["total", ""] == pytest.approx(last["y"] - first["y"])
    # Units: the mean of y less x'b over the rows of each unit, as the weights of the two years have it.
    line = sum(data[name] * b[name] for name in ("a", "b"))
    line += sum(
        ((data["year"] == y) * (b[f"C(year)[T.{y}]"] + data["a"] * b[f"C(year)[T.{y}]:a"]))
        for y in range(2016, 2020)
    )
    effect = ((data["y"] - line) * data["w"]).groupby(data["id"]).sum() / data.groupby("id")["w"].sum()
    by_year = [
        np.average(data["id"].map(effect)[data["year"] == y], weights=data["w"][data["year"] == y])
        for y in (2016, 2018)
    ]
    assert value["unit effects", ""] == pytest.approx(by_year[1] - by_year[0])


def test_errors_are_those_of_the_combination():
    data = draw(2)
    est = kv.estimate(SPEC.vary(covariance="cluster"), data)
    found = kv.account_for_growth(est, data, 2015, 2019, reference="start").set_index(["part", "group"])
    first, last = means(data, 2015), means(data, 2019)
    V = est.covariance
    # At the first year's coefficients the slope of a is b_a alone, and only the last year's term is new.
    assert found.loc[("means", "a"), "std_error"] == pytest.approx(
        abs(last["a"] - first["a"]) * V.loc["a", "a"] ** 0.5
    )
    name = "C(year)[T.2019]:a"
    assert found.loc[("coefficients", "a"), "std_error"] == pytest.approx(
        abs(last["a"]) * V.loc[name, name] ** 0.5
    )
    name = "C(year)[T.2019]"
    assert found.loc[("year effects", ""), "std_error"] == pytest.approx(V.loc[name, name] ** 0.5)
    row = found.loc[("year effects", "")]
    # t with 11 degrees of freedom: 2.200985 (table).
    assert (row["conf_high"] - row["contribution"]) / row["std_error"] == pytest.approx(2.200985160, rel=1e-8)
    assert found.loc[["unit effects", "residuals", "total"], "std_error"].isna().all()


def check_identity(seed, reference):
    data = draw(seed)
    specs = (
        SPEC,
        SPEC.vary(regressors=("a", "b")),
        SPEC.vary(regressors=("year", "a", "year:b", "C(year):a")),
    )
    for spec in (
        *specs,
        SPEC.vary(effects="none"),
        SPEC.vary(absorb=("year",), regressors=("a", "C(year):b")),
    ):
        found = kv.account_for_growth(kv.estimate(spec, data), data, 2015, 2018, reference=reference)
        growth = means(data, 2018)["y"] - means(data, 2015)["y"]
        scale = 1 + np.abs(found["contribution"]).max()
        assert found["contribution"].iloc[:-1].sum() / scale == pytest.approx(growth / scale, abs=1e-10)
        assert found["contribution"].iloc[-1] == pytest.approx(growth, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(REFERENCES))
def test_parts_sum_to_the_growth(seed, reference):
    check_identity(seed, reference)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(REFERENCES))
def test_parts_sum_to_the_growth_in_a_thousand_panels(seed, reference):
    check_identity(seed, reference)


def test_groups_are_sums():
    data = draw(5)
    est = kv.estimate(SPEC, data)
    each = kv.account_for_growth(est, data, 2015, 2019).set_index(["part", "group"])
    both = kv.account_for_growth(est, data, 2015, 2019, {"needs": ["a", "b"]}).set_index(["part", "group"])
    wanted = each.loc[("means", "a"), "contribution"] + each.loc[("means", "b"), "contribution"]
    assert both.loc[("means", "needs"), "contribution"] == pytest.approx(wanted)
    assert both.loc[("coefficients", "needs"), "contribution"] == pytest.approx(
        each.loc[("coefficients", "a"), "contribution"]
    )


def test_a_trend_is_a_year_effect():
    data = draw(6)
    spec = SPEC.vary(regressors=("year", "a", "year:a"))
    est = kv.estimate(spec, data)
    b = est.coefficients["estimate"]
    found = kv.account_for_growth(est, data, 2015, 2018, reference="start").set_index(["part", "group"])
    first, last = means(data, 2015), means(data, 2018)
    assert found.loc[("year effects", ""), "contribution"] == pytest.approx(3 * b["year"])
    wanted = (b["a"] + 2015 * b["year:a"]) * (last["a"] - first["a"])
    assert found.loc[("means", "a"), "contribution"] == pytest.approx(wanted, rel=1e-6)
    assert found.loc[("coefficients", "a"), "contribution"] == pytest.approx(
        3 * b["year:a"] * last["a"], rel=1e-6
    )


def test_categories_count_as_their_columns():
    data = draw(7).assign(kind=lambda d: np.where(d["c"] > 0, "high", "low"))
    est = kv.estimate(SPEC.vary(regressors=("C(year)", "C(kind)")), data)
    found = kv.account_for_growth(est, data, 2015, 2019).set_index(["part", "group"])
    share = [
        np.average(d["kind"] == "low", weights=d["w"])
        for _, d in data[data["year"].isin([2015, 2019])].groupby("year")
    ]
    slope = est.coefficients.loc["C(kind)[T.low]", "estimate"]
    assert found.loc[("means", "C(kind)[T.low]"), "contribution"] == pytest.approx(
        slope * (share[1] - share[0])
    )


@pytest.mark.parametrize(
    ("spec", "years", "groups", "words"),
    [
        (SPEC, (2015, 2030), None, "no row of 2030 was used; there are 2015, 2016"),
        (SPEC, (2015, 2019), {"one": ["a"]}, "'b' is in no group"),
        (SPEC, (2015, 2019), {"one": ["a", "b"], "two": ["b"]}, "'b' is in 2 groups"),
        (SPEC, (2015, 2019), {"one": ["a", "b", "e"]}, "'e' is no column"),
        (SPEC.vary(covariance="cr2"), (2015, 2019), None, "degrees of freedom for each term"),
        (
            SPEC.vary(regressors=("C(year)", "C(kind)", "C(year):C(kind)")),
            (2015, 2019),
            None,
            "zeros and ones",
        ),
    ],
)
def test_what_cannot_be_accounted_for_is_refused(spec, years, groups, words):
    data = draw(8, n_units=30).assign(kind=lambda d: np.where(d["c"] > 0, "high", "low"))
    with pytest.raises(SpecificationError, match=words):
        kv.account_for_growth(kv.estimate(spec, data), data, *years, groups)


def test_another_panel_is_refused():
    data = draw(9)
    est = kv.estimate(SPEC, data)
    with pytest.raises(SpecificationError, match="not the one of the estimate"):
        kv.account_for_growth(est, data.iloc[1:], 2015, 2019)
    with pytest.raises(SpecificationError, match="not the one of the estimate"):
        kv.account_for_growth(est, data.assign(y=data["y"] + 1), 2015, 2019)


def test_the_published_model_on_the_embedded_panel():
    with pytest.warns(kv.errors.DataWarning):
        panel = kv.load_panel()
    est = kv.estimate(kv.SPECIFICATIONS["A3-3"], panel)
    groups = {"needs": list(kv.NEEDS), "income": ["free_income"]}
    found = kv.account_for_growth(est, panel, 2015, 2019, groups).set_index(["part", "group"])["contribution"]
    # Table A3 prints 3,376.686 for 2019 in model 3; table A1 means of 22,522.397 and 19,927.549.
    assert found["year effects", ""] == pytest.approx(3376.686, abs=0.001)
    assert found["total", ""] == pytest.approx(22522.397 - 19927.549, abs=0.002)
