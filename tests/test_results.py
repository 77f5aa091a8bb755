"""One face for all results: what each says of itself, and what a table prints of it."""

import math
import re

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.errors import DataMissingError, SpecificationError
from kostnadsvekst.models.acute_beds import COVARIANCES, ESTIMATORS, TIME_EFFECTS
from kostnadsvekst.models.results import Result, coefficient_frame
from kostnadsvekst.report.numbers import MINUS
from test_ar1 import SPEC as GRUNFELD
from test_ar1 import grunfeld  # noqa: F401  (a fixture)

COLUMNS = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]
MEDIA = ("csv", "tex", "html", "md", "typ")
POOLED = kv.Specification("y", ("x",), "unit", "year", effects="none")


def rows_of(table, lang="en"):
    """Label -> cells of the rows that have one; the first of a label that comes twice."""
    lines = [line.split("|")[1:-1] for line in table.to("md", lang).splitlines() if line.startswith("|")]
    found: dict[str, list[str]] = {}
    for line in lines:
        label, *texts = (cell.strip().replace("\\", "") for cell in line)
        found.setdefault(label, texts)
    return found


def normal_p(z):
    """Two-sided p value by the error function."""
    return math.erfc(abs(z) / math.sqrt(2))


@pytest.fixture(scope="module")
def four_units() -> pd.DataFrame:
    """Two units treated from 2011 on, two never; changes from 2010: 3 and 5 against 1 and 2, then 2 and 6."""
    levels = {"a": (1, 4, 3), "b": (2, 7, 8), "c": (5, 6, 5), "d": (9, 11, 9)}
    rows = [
        {"unit": unit, "year": 2010 + t, "first": 2011.0 if unit in "ab" else np.nan, "y": float(y)}
        for unit, path in levels.items()
        for t, y in enumerate(path)
    ]
    return pd.DataFrame(rows)


def effects_frame(**changes) -> pd.DataFrame:
    """What `estimate_effects` returns, with numbers that are easily followed."""
    row = {
        "outcome": "admissions_acute_internal_80plus",
        "group": "all",
        "estimate": -0.05,
        "std_error": 0.02,
        "df": 10,
        "n_obs": 300,
        "n_municipalities": 11,
        "rho": np.nan,
        "time_effects": "season",
        "until": "2014-12",
        "covariance": "cluster",
        "estimator": "log",
        "data_origin": "synthetic",
    }
    return pd.DataFrame([{**row, **changes}])


def test_every_result_has_the_face(grunfeld, four_units):  # noqa: F811
    results = [
        kv.estimate(GRUNFELD, grunfeld),
        kv.estimate_ar1(GRUNFELD, grunfeld),
        *(
            kv.staggered.event_study(four_units, "y", "unit", "year", "first", m)
            for m in kv.staggered.METHODS
        ),
        kv.staggered.event_study(four_units, "y", "unit", "year", "first").result("group"),
        *kv.acute_beds.results(effects_frame()).values(),
    ]
    for result in results:
        assert isinstance(result, Result)
        assert tuple(result.coefficients.index) == result.terms
        assert list(result.coefficients.columns) == COLUMNS
        assert result.n_obs > result.n_entities > 0
        assert result.df > 0
        assert result.facts.covariance.text.nb
    assert not isinstance(effects_frame(), Result)


def test_ar1_column_says_what_it_is(grunfeld):  # noqa: F811
    """Beside fixed effects on 200 rows of 10 firms; the numbers are those of Stata's manual (test_ar1)."""
    plain, ar1 = kv.estimate(GRUNFELD, grunfeld), kv.estimate_ar1(GRUNFELD, grunfeld)
    fixed = kv.estimate_ar1(GRUNFELD, grunfeld, rho_value=0.25)
    facts = ar1.facts
    assert (facts.estimator, facts.rho_method, facts.n_lost) == ("ar1", "dw", 10)
    assert f"{facts.rho:.8f}" == "0.67210608"
    assert facts.r_squared is None
    assert (ar1.df, ar1.n_obs, ar1.n_entities) == (178, 190, 10)
    shown = rows_of(kv.table([plain, ar1, fixed]))
    assert shown["mvalue"][1] == "0.095***"
    assert shown["Estimator"] == ["Fixed effects", *["Fixed effects, AR(1) disturbances"] * 2]
    assert shown["ρ"] == ["", "0.672", "0.250"]
    assert shown["Type of ρ"] == ["", "dw", "given (fixed)"]
    assert shown["Rows lost to the transformation"] == ["", "10", "10"]
    assert shown["N"] == ["200", "190", "190"]
    assert shown["R²"][1:] == ["", ""]
    assert shown["R²"][0] == f"{plain.r_squared:.3f}"
    assert shown["R² within"][1] == "0.593"
    norwegian = rows_of(kv.table([plain, ar1, fixed]), "nb")
    assert norwegian["Estimator"][1] == "Faste effekter, AR(1)-feilledd"
    assert norwegian["ρ"][1] == "0,672"
    assert norwegian["Type ρ"] == ["", "dw", "gitt (fixed)"]
    assert norwegian["Rader tapt i transformasjonen"] == ["", "10", "10"]


@pytest.mark.parametrize("method", ["tscorr", "regress", "freg"])
def test_type_of_rho_is_printed(grunfeld, method):  # noqa: F811
    assert rows_of(kv.table([kv.estimate_ar1(GRUNFELD, grunfeld, rho=method)]))["Type of ρ"] == [method]


def test_ar1_estimate_prints_its_coefficients(grunfeld):  # noqa: F811
    text = repr(kv.estimate_ar1(GRUNFELD, grunfeld))
    assert text.splitlines()[0] == (
        "invest: 190 rows, 10 firm effects, Fixed effects, AR(1) disturbances with rho 0.6721 (dw), "
        "standard errors classical (homoskedastic), data: data frame of the caller"
    )
    assert "mvalue" in text
    assert "array(" not in text


def test_rows_lost_follow_the_units_with_one_row(grunfeld):  # noqa: F811
    """A unit with a single row loses it too; a gap loses nothing."""
    kept = grunfeld[(grunfeld["firm"] != "IBM") | (grunfeld["year"] == 1940)]
    estimate = kv.estimate_ar1(GRUNFELD, kept, rho="regress")
    assert (estimate.n_lost, estimate.n_obs, estimate.n_entities) == (10, 171, 9)


def test_plain_columns_have_no_row_for_the_estimator():
    panel = make_panel(12, 5, 6)
    plain = kv.estimate(kv.Specification("y", ("x",), "unit", "year"), panel)
    assert not {"Estimator", "ρ", "Type of ρ", "Rows lost to the transformation"} & set(
        rows_of(kv.table([plain, plain.with_covariance("hc1")]))
    )
    pooled = kv.estimate(POOLED, panel)
    assert rows_of(kv.table([plain, pooled]))["Estimator"] == ["Fixed effects", "Pooled least squares"]
    assert rows_of(kv.table([pooled]), "nb")["Absorberte effekter"] == ["nei"]
    # One result needs no list.
    assert kv.table(plain) == kv.table([plain])


def test_event_study_by_hand(four_units):
    """Callaway and Sant'Anna: differences of mean changes, with variances of changes divided by n of 2 each.

    Horizon 0: (3 + 5)/2 - (1 + 2)/2 = 2.5, variances 1 and 0.25, so SE = sqrt(1/2 + 0.25/2).
    Horizon 1: (2 + 6)/2 - (0 + 0)/2 = 4, variances 4 and 0, so SE = sqrt(4/2).
    """
    study = kv.staggered.event_study(four_units, "y", "unit", "year", "first")
    assert study.terms == ("horizon[0]", "horizon[1]")
    for term, estimate, std_error in (
        ("horizon[0]", 2.5, math.sqrt(0.625)),
        ("horizon[1]", 4.0, math.sqrt(2)),
    ):
        z = estimate / std_error
        half = 1.959963984540054 * std_error
        expected = [estimate, std_error, z, normal_p(z), estimate - half, estimate + half]
        np.testing.assert_allclose(study.coefficients.loc[term], expected, rtol=1e-12)
    assert (study.n_obs, study.n_entities, study.df) == (12, 4, math.inf)
    mean = study.result("dynamic")
    assert mean.terms == ("average[dynamic]",)
    assert mean.coefficients.loc["average[dynamic]", "estimate"] == pytest.approx(3.25)
    shown = rows_of(kv.table([study, mean], decimals=2))
    # p = 0.0016 and 0.0047: two stars each.
    assert shown["Horizon 0"] == ["2.50**", ""]
    assert shown["Horizon 1"] == ["4.00**", ""]
    assert shown["Average effect over horizons"][1].startswith("3.25")
    assert shown["Estimator"] == ["Callaway and Sant'Anna"] * 2
    assert shown["N"] == ["12", "12"]
    assert not {"R²", "R² within", "Constant", "ρ"} & set(shown)
    text = kv.table([study], show="statistic").to("md", "nb")
    assert "z-verdier i parentes" in text
    assert "Horisont 0 er den første behandlede perioden" in text
    assert "fra enhetenes innflytelsesfunksjoner (4 klynger)" in text


@pytest.mark.parametrize("method", kv.staggered.METHODS)
def test_horizons_and_coefficients_agree(four_units, method):
    extra = four_units.assign(unit=four_units["unit"] + "2", y=four_units["y"] * 1.5 + four_units["year"] % 7)
    late = extra.assign(first=extra["first"] + 1, unit=extra["unit"] + "late")
    data = pd.concat([four_units, extra, late], ignore_index=True)
    study = kv.staggered.event_study(data, "y", "unit", "year", "first", method)
    shared = ["estimate", "std_error", "conf_low", "conf_high"]
    np.testing.assert_allclose(study.coefficients[shared], study.horizons[shared], rtol=1e-12)
    assert study.facts.label.nb != method
    negative = f"Horisont {MINUS}2"
    has = negative in kv.table(study).to("md", "nb")
    assert has == (method in ("callaway_santanna", "sun_abraham"))
    for kind in kv.staggered.AGGREGATIONS:
        mean, result = study.aggregate(kind), study.result(kind)
        line = result.coefficients.iloc[0]
        assert list(line[shared]) == pytest.approx(
            [mean.estimate, mean.std_error, mean.conf_low, mean.conf_high], rel=1e-12
        )
    # Of Gardner's means only the simple one has the variance of two stages.
    kinds = [study.result(kind).facts.covariance.kind for kind in ("simple", "group")]
    assert kinds == [method, "imputation" if method == "two_stage" else method]


def test_effects_of_acute_beds_by_hand():
    """t = -2.5 with 10 degrees of freedom: p = 0.0314, and 2.2281 standard errors to each side."""
    split = effects_frame(outcome="day_stays_all_all_all", estimate=0.01, group="co_located = 1", rho=0.4)
    frame = pd.concat([effects_frame(), split], ignore_index=True)
    found = kv.acute_beds.results(frame)
    line = found["admissions_acute_internal_80plus"].coefficients.loc["acute_beds"]
    expected = [-0.05, 0.02, -2.5, 0.03145, -0.05 - 2.22814 * 0.02, -0.05 + 2.22814 * 0.02]
    assert list(line) == pytest.approx(expected, abs=0.5e-5)
    table = kv.table(frame)
    shown = rows_of(table)
    assert table.headings[1][0].text.en == "Admissions, acute, internal medicine, 80 and over"
    assert table.headings[1][1].text.nb == "Dagopphold"
    assert shown["Municipal acute beds (0/1)"] == ["−0.050*", ""]
    assert shown["Municipal acute beds (0/1), co-located with emergency clinic"] == ["", "0.010"]
    assert shown["Absorbed effects"] == ["Municipality (11), calendar month"] * 2
    assert shown["Sample"] == ["through 2014-12"] * 2
    assert (shown["N"], shown["ρ"]) == (["300", "300"], ["", "0.400"])
    assert "Estimator" not in shown
    assert "in per cent 100(exp(b) − 1)" in table.to("md", "en")
    assert "SYNTETISKE DATA" in table.to("md", "nb")


def test_real_effects_are_those_of_the_frame():
    panel = kv.acute_beds.load_panel()
    frame = kv.acute_beds.estimate_effects(
        panel[panel["month"] < "2014"], ["admissions_acute_internal_80plus"], split="physician_on_site"
    )
    (result,) = kv.acute_beds.results(frame).values()
    columns = ["estimate", "std_error", "statistic", "p_value"]
    np.testing.assert_allclose(result.coefficients[columns], frame[columns], rtol=1e-12)
    percent = 100 * np.expm1(result.coefficients[["conf_low", "conf_high"]])
    np.testing.assert_allclose(percent, frame[["conf_low_percent", "conf_high_percent"]], rtol=1e-9)
    assert result.facts.provenance.synthetic


def test_every_choice_of_the_demand_model_has_words():
    for time_effects in TIME_EFFECTS:
        for estimator in (*ESTIMATORS, "ar1"):
            for covariance in COVARIANCES:
                frame = effects_frame(time_effects=time_effects, estimator=estimator, covariance=covariance)
                assert kv.table(frame).to("md", "nb")
    for outcome in kv.acute_beds.OUTCOMES:
        assert next(iter(kv.acute_beds.results(effects_frame(outcome=outcome)).values())).facts.labels[
            outcome
        ]
    labels = [
        kv.acute_beds.results(effects_frame(outcome=o))[o].facts.labels[o] for o in kv.acute_beds.OUTCOMES
    ]
    assert len(set(labels)) == len(labels)
    poisson = kv.table(effects_frame(estimator="poisson")).to("md", "nb")
    assert "klyngerobuste (11 klynger, faktor M/(M − 1))" in poisson


def test_all_kinds_stand_in_one_table(grunfeld, four_units):  # noqa: F811
    study = kv.staggered.event_study(four_units, "y", "unit", "year", "first")
    frame = pd.concat([effects_frame(), effects_frame(outcome="day_stays_all_all_all")])
    given = {"AR(1)": kv.estimate_ar1(GRUNFELD, grunfeld), "Study": study, "Beds": frame}
    table = kv.table(given, show="statistic")
    assert [(h.text, h.span) for h in table.headings[0]] == [("AR(1)", 1), ("Study", 1), ("Beds", 2)]
    assert table.n_columns == 4
    numbered = kv.table(list(given.values()))
    assert [h.text for h in numbered.headings[0]] == ["(1)", "(2)", "(3)", "(4)"]
    shown = rows_of(table)
    assert "Estimator" in shown
    assert shown["Constant"][1:] == ["", "", ""]
    for lang in ("nb", "en"):
        for medium in MEDIA:
            assert isinstance(table.to(medium, lang), str)
        assert table.to("docx", lang)[:2] == b"PK"
    # A synthetic column makes the table synthetic.
    assert table.provenance.synthetic
    assert "t statistics (z where the distribution is normal) in parentheses" in table.to("md", "en")


def test_norwegian_tables_hold_no_english(grunfeld, four_units):  # noqa: F811
    """Words that only the English table has must not be in the Norwegian one."""
    study = kv.staggered.event_study(four_units, "y", "unit", "year", "first")
    results = [
        kv.estimate(GRUNFELD, grunfeld),
        kv.estimate_ar1(GRUNFELD, grunfeld, rho_value=0.2).with_covariance("twoway"),
        study,
        *(study.result(kind) for kind in kv.staggered.AGGREGATIONS),
        effects_frame(estimator="poisson", time_effects="season_trend"),
    ]
    table = kv.table(results, show="statistic", hide=["mvalue"])
    # Columns of the user, names of persons and programs, and words that the languages share.
    shared = (
        "y invest kstock mvalue firm unit year Callaway Sant Anna Poisson PPML AR N R M p b exp xtreg areg "
    )
    shared += "Estimator fixed kostnadsvekst trend z t Data DATA "
    shared += "Type R² ρ start over normal"  # Norwegian words too
    words = {
        lang: set(re.findall(r"[^\W\d_]+", re.sub("«.*?»", "", table.to("md", lang))))
        for lang in ("nb", "en")
    }
    assert (words["nb"] & words["en"]) - set(shared.split()) == set()


@pytest.mark.parametrize(
    ("made", "error", "words"),
    [
        (lambda: kv.table([pd.DataFrame({"outcome": ["y"]})]), DataMissingError, "lack the column"),
        (lambda: kv.table(effects_frame().iloc[:0]), SpecificationError, "no rows"),
        (lambda: kv.table(["y"]), SpecificationError, "not of str"),
        (
            lambda: kv.table(pd.concat([effects_frame(), effects_frame(until="2017-12")])),
            SpecificationError,
            "several ways",
        ),
        (
            lambda: kv.table(pd.concat([effects_frame(), effects_frame(until="2017-12", group="x = 1")])),
            SpecificationError,
            "several ways",
        ),
        (lambda: kv.table([]), SpecificationError, "at least one"),
        (lambda: kv.table({}), SpecificationError, "at least one"),
    ],
)
def test_what_is_no_result_is_named(made, error, words):
    with pytest.raises(error, match=words):
        made()


def test_infinite_degrees_of_freedom_are_the_normal_distribution():
    many = coefficient_frame(("x",), np.array([1.0]), np.array([0.5]), 1e12)
    normal = coefficient_frame(("x",), np.array([1.0]), np.array([0.5]))
    np.testing.assert_allclose(many, normal, rtol=1e-9)
    assert normal.loc["x", "p_value"] == pytest.approx(normal_p(2.0), rel=1e-12)
