"""Kinds of covariance: a row is all it takes to add one, and both languages come from the same facts."""

import itertools
import re

import numpy as np
import pytest

import kostnadsvekst as kv
from invented_panels import make_municipal_panel, make_panel
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.covariance_facts import CONVENTIONS, CovarianceFacts
from kostnadsvekst.models.covariance_kinds import KINDS, CovarianceKind
from kostnadsvekst.models.inference import Covariance, cluster_sums
from kostnadsvekst.report.regression_tables import covariance_label

SPEC = kv.Specification("y", ("x", "z", "C(year)"), "unit", "year", "population")
# Names of persons, programs and procedures are the same in both languages, and so is the symbol of the
# weights; "negative" is Norwegian too.
SHARED = {
    "areg",
    "xtreg",
    "Driscoll",
    "Kraay",
    "Rademacher",
    "Webb",
    "HC",
    "CV",
    "CR",
    "Bell",
    "McCaffrey",
    "Satterthwaite",
    "w",
    "negative",
}
# Values to try of each option; a new option must be given some here.
VALUES = {
    "lags": [0, 1, 3, "rank"],
    "distance": ["calendar", "rank"],
    "df": ["residual", "satterthwaite"],
    "target": ["identity", "inverse_weights"],
    "ties": ["counted", "uncounted"],
    "draws": [9, 19_999],
    "seed": [7],
    "distribution": ["rademacher", "webb"],
    "terms": [["x"]],
}


@pytest.fixture(scope="module")
def fitted():
    return kv.estimate(SPEC, make_panel(12, 5, 6, seed=3))


def every_choice():
    """Every kind with every number of columns, convention and option."""
    for kind, row in KINDS.items():
        for count in row.n_columns:
            columns = ("region", "unit", "year")[:count]
            # By year the dummies of years are decided by one cluster each.
            if kind in ("jackknife", "cr2"):
                columns = columns[:1]
            choice = (kind, *columns) if columns else kind
            conventions = CONVENTIONS if row.takes_convention else ["areg"]
            options = [{name: value} for name in row.options for value in VALUES[name]]
            for convention, option in itertools.product(conventions, [{}, *options]):
                fast = {"draws": 9, **option} if kind == "wild_cluster" else option
                yield pytest.param(choice, convention, fast, id=f"{choice} {convention} {option}")


def words(text):
    return set(re.findall(r"[^\W\d_]+", re.sub("«.*?»", "", text)))


# xtreg's factor needs the units inside the clusters: region, unit are; one of two suffices.
@pytest.mark.parametrize(("choice", "convention", "options"), list(every_choice()))
def test_norwegian_has_no_english_word(fitted, choice, convention, options):
    label = covariance_label(fitted.with_covariance(choice, convention, **options))
    english = words(label.en) - SHARED
    assert english, "the English text has words of its own"
    assert not english & words(label.nb), label.nb
    # Numbers are the same, however they are grouped.
    numbers = [re.findall(r"\d+", re.sub("(?<=\\d)[,\u202f](?=\\d{3})", "", text)) for text in label]
    assert numbers[0] == numbers[1]


ENGLISH = {
    "classical": "classical (homoskedastic)",
    "hc1": "robust (HC1)",
    "hc2": "robust (HC2)",
    "hc3": "robust (HC3)",
    "cluster": "clustered (12 clusters, areg small-sample factor)",
    ("cluster", "region"): "clustered (6 clusters, areg small-sample factor)",
    "twoway": "two-way clustered (12 unit and 5 year clusters, areg small-sample factor, "
    "negative eigenvalues set to zero)",
    "driscoll_kraay": "Driscoll-Kraay (5 periods, 2 lag(s), areg small-sample factor)",
    "wild_cluster": "wild cluster bootstrap, null imposed (all 4,096 Rademacher vectors); standard errors "
    "clustered (12 clusters, areg small-sample factor)",
    "jackknife": "cluster jackknife CV3 (12 clusters)",
}


@pytest.mark.parametrize("choice", ENGLISH)
def test_english_text_as_always_printed(fitted, choice):
    """The texts as they were before the facts were structured; 4,096 = 2^12 vectors of twelve signs."""
    chosen = fitted.with_covariance(choice)
    assert chosen.inference.description == covariance_label(chosen).en == ENGLISH[choice]


def test_norwegian_names_the_panels_columns():
    data = make_municipal_panel(30)
    spec = kv.Specification("net_expenditure", ("free_income",), "municipality", "year", "population")
    fit = kv.estimate(spec, data.assign(free_income=data["free_income"] + data["year"] % 3))
    twoway = covariance_label(fit.with_covariance("twoway", "none")).nb
    assert twoway.startswith("toveis klyngerobuste (30 kommuner og 5 år, uten småutvalgsfaktor")
    own = fit.data.assign(region=fit.data["municipality"].astype(str).str[-1])
    regional = kv.estimate(spec.vary(covariance=("twoway", "region", "year")), own)
    n = own["region"].nunique()
    assert f"({n} klynger etter «region» og 5 år," in covariance_label(regional).nb
    wild = covariance_label(fit.with_covariance("wild_cluster", draws=9_999, seed=5, terms=[])).nb
    assert wild == (
        "vill klyngebootstrap under nullhypotesen (9\u202f999 Rademacher-trekninger, frø 5); "
        "standardfeil klyngerobuste (30 klynger, areg småutvalgsfaktor)"
    )


def test_facts_are_structured(fitted):
    facts = fitted.with_covariance(("wild_cluster", "region"), "xtreg", draws=9, seed=4).inference.facts
    assert (facts.kind, facts.columns, facts.convention) == ("wild_cluster", ("region",), None)
    assert (facts.draws.count, facts.draws.distribution, facts.draws.seed) == (9, "rademacher", 4)
    beneath = facts.beneath
    assert (beneath.kind, beneath.columns, beneath.n_clusters) == ("cluster", ("region",), (6,))
    assert beneath.convention == "xtreg"
    twoway = fitted.with_covariance("twoway").inference.facts
    assert (twoway.columns, twoway.n_clusters) == (("unit", "year"), (12, 5))
    assert [c.nb for c in twoway.corrections] == ["negative egenverdier satt til null"]
    kraay = fitted.with_covariance("driscoll_kraay", lags=3).inference.facts
    assert (kraay.columns, kraay.n_periods, kraay.lags) == (("year",), 5, 3)


def halved(fit, clusters, convention, *, share=0.5):
    """A made-up kind: a share of the clustered covariance of the slopes, nothing for the constant."""
    sums = cluster_sums(fit.X_within * (fit.weights * fit.residuals)[:, None], clusters)
    matrix = np.zeros((len(fit.bread) + 1,) * 2)
    matrix[:-1, :-1] = share * fit.bread @ (sums.T @ sums) @ fit.bread
    mark = Bilingual(f"andel {share:g}", f"share {share:g}")
    facts = CovarianceFacts(
        "halved", n_clusters=(int(clusters.max()) + 1,), convention=convention, corrections=(mark,)
    )
    return Covariance(matrix, 7, facts)


def test_one_row_and_its_function_make_a_kind(monkeypatch, fitted):
    with pytest.raises(SpecificationError, match="unknown covariance 'halved'"):
        SPEC.vary(covariance="halved")
    row = CovarianceKind(
        Bilingual("halverte", "halved"),
        halved,
        n_columns=(0, 1),
        defaults=("entity",),
        takes_convention=True,
        options=("share",),
    )
    monkeypatch.setitem(KINDS, "halved", row)
    spec = SPEC.vary(covariance=("halved", "region"), convention="none")
    assert kv.Specification.from_toml(spec.to_toml()) == spec
    direct = kv.estimate(spec, fitted.data)
    later = fitted.with_covariance(("halved", "region"), "none")
    plain = fitted.with_covariance(("cluster", "region"), "none")
    for fit in (direct, later):
        # Without a small-sample factor the made-up kind is half of the clustered one.
        ratio = (fit.coefficients["std_error"] / plain.coefficients["std_error"]).iloc[:-1]
        np.testing.assert_allclose(ratio, np.sqrt(0.5), rtol=1e-12)
    assert later.with_covariance("halved", share=0.25).inference.facts.columns == ("unit",)
    with pytest.raises(SpecificationError, match="no option lags; it has share"):
        fitted.with_covariance("halved", lags=1)
    with pytest.raises(SpecificationError, match="takes 0 or 1 different"):
        SPEC.vary(covariance=("halved", "region", "year"))
    shown = kv.table([later])
    assert "halverte (6 klynger, uten småutvalgsfaktor, andel 0.5)" in shown.to("md", "nb")
    assert "halved (6 clusters, no small-sample factor, share 0.5)" in shown.to("md", "en")
    assert "halved (6 clusters" in repr(later)
