"""Writing specifications: formulas, TOML, samples, transformations, grids, and their error messages."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import kostnadsvekst as kv
from invented_panels import make_municipal_panel, make_panel
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.models.samples import sample_mask
from kostnadsvekst.models.specifications import NEEDS, read_specifications
from kostnadsvekst.models.transformations import transformed_columns

from_formula = kv.Specification.from_formula


@pytest.fixture(scope="module")
def panel():
    return make_panel()


@pytest.fixture(scope="module")
def municipal():
    data = make_municipal_panel()
    return data.assign(population_10k=data["population"] / 10_000)


def test_a_formula_equals_a_written_specification():
    spec = from_formula(
        "net_expenditure ~ C(year)*free_income + age_67_79 | municipality", weights="population"
    )
    terms = ("C(year)", "free_income", "C(year):free_income", "age_67_79")
    assert spec == kv.Specification("net_expenditure", terms, "municipality", "year", "population")


def test_needs_are_a_macro_and_users_may_have_their_own():
    spec = from_formula(
        "y ~ ..mine*x + ..needs | unit", macros={"mine": ("a", "b")}, covariance=("cluster", "region")
    )
    assert spec.regressors == ("a", "b", "x", "a:x", "b:x", *NEEDS)


def test_published_model_4_as_a_formula_gives_the_same_numbers(municipal):
    published = kv.SPECIFICATIONS["A3-4"]
    written = from_formula(
        "net_expenditure ~ C(year) + ..needs + free_income + C(year):free_income | municipality",
        weights="population",
    )
    assert written == published
    pd.testing.assert_frame_equal(
        kv.estimate(written, municipal).coefficients, kv.estimate(published, municipal).coefficients
    )


SPECS = [
    kv.SPECIFICATIONS["A3-4"],
    from_formula("log(y) ~ lag(x, 2) + diff(log(z)):C(year) | unit", covariance=("twoway", "a", "b")),
    from_formula("y ~ x", entity="unit", time="month", sample=("without_oslo", "year >= 2016")),
    from_formula("y ~ `share of x` + x | unit", convention="xtreg", covariance="cluster"),
    kv.Specification('q"uote', ("ærlig",), "kommune_nr", "år", sample="small"),
]


@pytest.mark.parametrize("spec", SPECS, ids=range(len(SPECS)))
def test_toml_round_trip(spec):
    assert kv.Specification.from_toml(spec.to_toml()) == spec


def test_a_product_comes_back_as_its_parts():
    spec = kv.Specification("y", ("C(year)*x",), "unit", "year")
    assert kv.Specification.from_toml(spec.to_toml()).regressors == ("C(year)", "x", "C(year):x")


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("y ~ a +", "misplaced"),
        ("y ~ (a | unit", "position 5, '(': the bracket that opens here is not closed"),
        ("y a b | unit", "cannot read the formula"),
        ("~ a | unit", "outcome ~ regressors"),
        ("y + z ~ a | unit", "2 outcomes"),
        ("y ~ a | unit + C(year)", "'a^b'"),
        ("y ~ a | unit +", "joined by '+'"),
        ("y ~ a | unit + year^", "'a^b'"),
        ("y ~ a | unit | year", "single '|'"),
        ("y ~ ..nees | unit", "unknown macro '..nees'"),
        ("y ~ a", "names no entity"),
        ("y ~ 1 | unit", "at least one regressor"),
    ],
)
def test_formulas_that_cannot_be_read(formula, words):
    with pytest.raises(SpecificationError) as caught:
        from_formula(formula)
    assert words in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("formula = ", "not a TOML file"),
        ("time = 'year'", "formula: is missing"),
        ("formula = 'y ~ x | u'\nwieghts = 'w'", "unknown key 'wieghts' (did you mean 'weights'?)"),
    ],
)
def test_toml_that_cannot_be_read(text, words):
    with pytest.raises(SpecificationError) as caught:
        kv.Specification.from_toml(text)
    assert words in str(caught.value)


def test_file_of_specifications(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[first]\nformula = 'y ~ x | unit'\n[second]\nformula = 'y ~ z | unit'\nweights = 'w'\n")
    specs = read_specifications(path)
    assert list(specs) == ["first", "second"]
    assert specs["second"].weights == "w"
    path.write_text(kv.SPECIFICATIONS["A3-3"].to_toml())
    assert read_specifications(path) == {"mine": kv.SPECIFICATIONS["A3-3"]}
    path.write_text("[first]\nformula = 'y ~ (x | unit'\n")
    with pytest.raises(
        SpecificationError,
        match=r"mine\.toml' cannot be used(.|\n)*\[first\] formula \(line 2\): cannot read",
    ):
        read_specifications(path)
    with pytest.raises(DataMissingError, match="there is no file"):
        read_specifications(tmp_path / "other.toml")


# Transformations.


def test_transformations_by_hand(municipal):
    shuffled = municipal.sample(frac=1, random_state=1)
    factors = ["diff(log(free_income))", "lag(urban, 2)", "total(net_expenditure)", "per_capita(deaths)"]
    columns = transformed_columns(shuffled, [*factors, "urban"], "municipality", "year")
    assert list(columns) == factors
    made = shuffled.assign(**columns).sort_values(["municipality", "year"])
    ordered = municipal.sort_values(["municipality", "year"])
    within = ordered.groupby("municipality")
    np.testing.assert_allclose(
        made["diff(log(free_income))"],
        np.log(ordered["free_income"]) - within["free_income"].shift(1).map(np.log),
    )
    np.testing.assert_allclose(made["lag(urban, 2)"], within["urban"].shift(2))
    np.testing.assert_allclose(
        made["total(net_expenditure)"], ordered["net_expenditure"] * ordered["population"]
    )
    np.testing.assert_allclose(made["per_capita(deaths)"], ordered["deaths"] / ordered["population"])


def test_a_lag_over_a_gap_is_missing(panel):
    data = panel[~((panel["unit"] == 3) & (panel["year"] == 2012))]
    columns = transformed_columns(data, ["lag(x)"], "unit", "year")
    made = data.assign(**columns).set_index(["unit", "year"])["lag(x)"]
    assert np.isnan(made[3, 2013])
    assert made[3, 2014] == panel.set_index(["unit", "year"])["x"][3, 2013]


def test_lags_of_months(panel):
    months = panel.assign(month=[f"2012-{year - 2009:02d}" for year in panel["year"]])
    made = transformed_columns(months, ["lag(x)"], "unit", "month")["lag(x)"]
    pd.testing.assert_series_equal(made, panel.groupby("unit")["x"].shift(1), check_names=False)


def test_first_differences_against_statsmodels(panel):
    spec = from_formula("diff(y) ~ diff(x) + diff(z)", entity="unit", weights="population")
    with pytest.warns(DataWarning, match="24 of 144 rows"):
        ours = kv.estimate(spec, panel)
    ordered = panel.sort_values(["unit", "year"])
    change = ordered.groupby("unit")[["y", "x", "z"]].diff().dropna()
    X = sm.add_constant(change[["x", "z"]])
    theirs = sm.WLS(change["y"], X, weights=ordered["population"][change.index]).fit()
    np.testing.assert_allclose(ours.coefficients["estimate"], theirs.params[["x", "z", "const"]], rtol=1e-10)
    np.testing.assert_allclose(ours.coefficients["std_error"], theirs.bse[["x", "z", "const"]], rtol=1e-10)
    clustered = sm.WLS(change["y"], X, weights=ordered["population"][change.index]).fit(
        cov_type="cluster", cov_kwds={"groups": ordered["unit"][change.index].to_numpy()}
    )
    by_unit = ours.with_covariance("cluster").coefficients["std_error"]
    np.testing.assert_allclose(
        by_unit,
        clustered.bse[["x", "z", "const"]],
        rtol=1e-10,
    )


@pytest.mark.parametrize(
    ("formula", "error", "words"),
    [
        ("log(x) ~ z | unit", InvalidDataError, "zero or negative"),
        ("y ~ lag(xx) | unit", DataMissingError, "did you mean 'x'"),
        ("y ~ log(x, 2) | unit", SpecificationError, "lag and diff only"),
        ("y ~ lag(x, 0) | unit", SpecificationError, "at least 1"),
        ("y ~ sqrt(x) | unit", SpecificationError, "log, square"),
        ("y ~ incom | unit", DataMissingError, "lack the column(s) 'incom'"),
        ("y ~ regin | unit", DataMissingError, "did you mean 'region'"),
        ("y ~ region | unit", SpecificationError, "none of the regressors (region) varies within"),
    ],
)
def test_bad_terms(panel, formula, error, words):
    with pytest.raises(error) as caught:
        kv.estimate(from_formula(formula), panel)
    assert words in str(caught.value)


def test_lags_need_whole_periods_and_one_row_each(panel):
    with pytest.raises(InvalidDataError, match="more than one row"):
        kv.estimate(from_formula("y ~ lag(x) | unit"), pd.concat([panel, panel.head(1)]))
    with pytest.raises(InvalidDataError, match="not a whole number"):
        kv.estimate(from_formula("y ~ lag(x) | unit"), panel.assign(year=panel["year"] + 0.5))


def test_perfect_collinearity_names_what_was_dropped(panel):
    fit = kv.estimate(from_formula("y ~ x + x2 | unit"), panel.assign(x2=2 * panel["x"]))
    assert fit.dropped == ("x2",)


# Samples.


def test_samples_by_hand(municipal):
    sizes = municipal.groupby("municipality")["population"].mean()
    largest = sizes.idxmax()
    mask = sample_mask(["without_oslo"], municipal, "municipality")
    assert set(municipal["municipality"]) - set(municipal["municipality"][mask]) == {largest}
    for name, low, high in (("small", 0, 5000), ("medium", 5000, 20000), ("large", 20000, np.inf)):
        kept = set(municipal["municipality"][sample_mask([name], municipal, "municipality")])
        assert kept == set(sizes[(sizes >= low) & (sizes < high)].index)


def test_oslo_is_known_by_its_code_in_real_data(municipal):
    data = municipal.replace({"municipality": {"9005": "0301"}})
    mask = sample_mask(["without_oslo"], data, "municipality")
    assert set(data["municipality"][~mask]) == {"0301"}


def test_evident_errors_are_left_out_row_by_row(municipal):
    """Also where most years of a municipality are wrong: its right years stay."""
    data = municipal.copy()
    wrong = [5, 6, 8, 9, 21]
    data.loc[wrong, "net_expenditure"] /= 100
    assert np.flatnonzero(~sample_mask(["without_errors"], data, "municipality")).tolist() == wrong


def test_sample_equals_the_data_without_the_other_rows(municipal):
    spec = kv.SPECIFICATIONS["A3-1"].adding("free_income")
    ours = kv.estimate(spec.vary(sample=("without_oslo", "year >= 2016")), municipal)
    rest = municipal[(municipal["municipality"] != "9001") & (municipal["year"] >= 2016)]
    pd.testing.assert_frame_equal(ours.coefficients, kv.estimate(spec, rest).coefficients)
    assert (municipal["year"].iloc[ours.rows] >= 2016).all()


def test_expressions_may_compare_and_combine(panel):
    data = panel.assign(name=np.where(panel["unit"] < 9, "a.b()", "c"))
    mask = sample_mask(["(year >= 2012) and not (region in [1, 2])", "name == 'a.b()'"], data, "unit")
    by_hand = (data["year"] >= 2012) & ~data["region"].isin([1, 2]) & (data["unit"] < 9)
    np.testing.assert_array_equal(mask, by_hand)


def test_lags_reach_back_before_the_sample(panel):
    spec = from_formula("y ~ lag(x) | unit", sample="year >= 2011")
    assert kv.estimate(spec, panel).n_obs == 24 * 5


@pytest.mark.parametrize(
    ("sample", "error", "words"),
    [
        ("unit == 3", SpecificationError, "leaves 6 row(s) of 1 unit"),
        ("year > 2050", SpecificationError, "leaves 0 row(s)"),
        (
            "without_olso",
            SpecificationError,
            "unknown sample 'without_olso' (did you mean 'without_oslo'?); known: without_oslo",
        ),
        ("yaer > 2012", DataMissingError, "did you mean 'year'"),
        ("year >> ", SpecificationError, "cannot read the sample"),
        ("year + 1", SpecificationError, "is not true or false"),
        ("year.to_csv('there.csv')", SpecificationError, "but not call functions"),
        ("@pd.read_csv('there.csv')", SpecificationError, "but not call functions"),
        ("abs(x) > 1", SpecificationError, "but not call functions"),
        ("(year) .max() > 1", SpecificationError, "but not call functions"),
    ],
)
def test_samples_that_do_not_work(panel, sample, error, words):
    with pytest.raises(error) as caught:
        kv.estimate(from_formula("y ~ x | unit", sample=sample), panel)
    assert words in str(caught.value)


# Grids.


def test_grid_is_every_combination_once():
    base = kv.Specification("y", ("x",), "unit", "year")
    specs = kv.grid(
        base,
        outcome=["y", "log(y)"],
        controls=kv.subsets({"both": ("a", "b"), "one": ("c",)}),
        weights=[None, "w"],
        covariance=["classical", ("cluster", "region")],
        sample=[(), "small"],
    )
    assert len(specs) == len(set(specs)) == 2 * 4 * 2 * 2 * 2
    assert {s.regressors for s in specs} == {("x",), ("x", "a", "b"), ("x", "c"), ("x", "a", "b", "c")}
    few = kv.grid(
        base, weights=[None, "w"], outcome=["y", "z"], excluding=lambda s: s.weights and s.outcome == "z"
    )
    assert [(s.weights, s.outcome) for s in few] == [(None, "y"), (None, "z"), ("w", "y")]


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"weights": []}, "weights of a grid has no values"),
        ({"outcome": "y"}, "must be a list of choices"),
        ({"wieghts": ["w"]}, "has no wieghts"),
        ({"excluding": lambda spec: True}, "every specification is excluded"),
    ],
)
def test_grids_that_cannot_be(choices, words):
    with pytest.raises(SpecificationError, match=words):
        kv.grid(kv.Specification("y", ("x",), "unit", "year"), **choices)
