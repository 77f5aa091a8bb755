"""The specification curve: equal to fitting one by one, joint test by brute force, picture, chapter."""

import io

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

import kostnadsvekst as kv
from invented_panels import make_panel
from kostnadsvekst.analysis import specification_curve as engine
from kostnadsvekst.chapters import Settings
from kostnadsvekst.chapters import specification_curve as chapter
from kostnadsvekst.errors import DataMissingError, DataWarning, SpecificationError
from kostnadsvekst.models.wild_bootstrap import draw_signs, null_statistics
from kostnadsvekst.panel.load import EMBEDDED_PANEL
from kostnadsvekst.report.specification_figures import draw_curve, list_choices
from kostnadsvekst.sources.embedded import embedded_path

SAME = 1e-8
SPECIFICATIONS_CSV = "specification-curve/specifications.csv"
BASE = kv.Specification("y", ("x", "C(year)"), "unit", "year")
COLUMNS = ["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"]


@pytest.fixture(scope="module")
def panel():
    data = make_panel()
    data.loc[data["unit"] == 5, "z"] = np.nan
    return data.assign(near=data["x"] + 1e-5 * data["y"] ** 2, only=data["unit"] ** 2)


def grid():
    return kv.grid(
        BASE,
        outcome=["y", "diff(y)"],
        controls=[(), ("z",), ("lag(z)",), ("C(year):x",), ("near",)],
        weights=[None, "population"],
        sample=[(), "year >= 2011", "unit == 3"],
        effects=["entity", "none"],
        covariance=["classical", "hc1", "cluster", ("cluster", "region"), "twoway", "wild_cluster"],
    )


@pytest.mark.filterwarnings("ignore::kostnadsvekst.errors.DataWarning")
def test_every_line_equals_a_fit_of_its_own(panel):
    specs = grid()
    curve = kv.specification_curve(specs, panel, terms=["x", "z"])
    assert list(dict.fromkeys(curve.frame["spec"])) == [engine.identify(s) for s in specs]
    failed = curve.frame[curve.frame["status"] != "ok"]
    assert set(failed["sample"]) == {"unit == 3"}
    assert failed["status"].str.contains("leaves 6 row").all()
    for name, lines in curve.frame[curve.frame["status"] == "ok"].groupby("spec"):
        spec = curve.specifications[name]
        if spec.covariance == "wild_cluster" and spec.weights:
            continue
        fit = kv.estimate(spec.vary(covariance="classical"), panel)
        options = {"terms": list(lines["term"])} if spec.covariance == "wild_cluster" else {}
        own = fit.with_covariance(spec.covariance, **options).coefficients.loc[lines["term"], COLUMNS]
        np.testing.assert_allclose(lines[COLUMNS], own, rtol=SAME, atol=1e-12)
        assert (lines["n_obs"] == fit.n_obs).all()
        assert (lines["n_entities"] == fit.n_entities).all()


def test_nearly_collinear_columns_take_the_slow_way(panel, monkeypatch):
    calls = []
    slow = engine.estimate
    monkeypatch.setattr(engine, "estimate", lambda *a: calls.append(a) or slow(*a))
    kv.specification_curve([BASE, BASE.adding("near")], panel, terms=["x"])
    assert [spec.regressors[-1] for spec, _ in calls] == ["near"]


def test_collinear_terms_say_so(panel):
    specs = [BASE, BASE.vary(regressors=("C(year)", "twice", "x"))]
    curve = kv.specification_curve(specs, panel.assign(twice=2 * panel["x"]), terms=["x"])
    assert curve.frame["status"].tolist() == ["ok", "not estimated: collinear: x"]


def test_identifiers_stay_when_specifications_get_new_parts():
    """As in the committed results since version 0.3."""
    assert engine.identify(kv.SPECIFICATIONS["A3-3"].without(*kv.NEEDS)) == "4e47ef5e"
    other = kv.SPECIFICATIONS["A3-3"].vary(absorb=("urban",))
    assert engine.identify(other) != engine.identify(kv.SPECIFICATIONS["A3-3"])


def test_roles_and_identifiers(panel):
    declared = kv.grid(BASE, weights=[None, "population"])
    later = [BASE.vary(covariance="hc1"), BASE]
    published = BASE.vary(regressors=("C(year)", "x"))
    curve = kv.specification_curve(declared, panel, terms=["x"], added=later, published=[published])
    assert curve.frame["role"].tolist() == ["published", "declared", "added"]
    again = kv.specification_curve(declared[::-1], panel, terms=["x"])
    both = curve.frame.set_index("spec").loc[again.frame["spec"], "estimate"]
    np.testing.assert_array_equal(both, again.frame["estimate"])


def test_mistakes_in_the_grid_are_errors(panel):
    with pytest.raises(DataMissingError, match="did you mean 'region'"):
        kv.specification_curve([BASE, BASE.adding("regoin")], panel)
    with pytest.raises(SpecificationError, match="no specifications"):
        kv.specification_curve([], panel)
    with pytest.raises(SpecificationError, match="one kind of cluster"):
        kv.specification_curve([BASE, BASE.vary(entity="region")], panel, terms=["x"], draws=9)


def test_joint_test_by_brute_force():
    """Each draw: restricted fit, signs by unit, a new outcome and a new fit of every specification."""
    data = make_panel(10, 5, 5, seed=4)
    # Two samples of the same size but other units: each must get its own units' signs.
    samples = [(), "unit != 0", "unit != 1"]
    choices = {"weights": [None, "population"], "effects": ["entity", "none"], "sample": samples}
    specs = kv.grid(BASE, controls=[(), ("z",)], **choices)
    curve = kv.specification_curve(specs, data, terms=["x"], draws=25, seed=3)
    signs = np.vstack([np.ones(10), draw_signs(10, 25, 3).values])
    draws, limits = np.zeros((26, len(specs))), np.zeros(len(specs))
    for s, spec in enumerate(specs):
        rest = kv.estimate(spec.without("x"), data)
        used = data.iloc[rest.rows]
        restricted = rest.fit.y - rest.fit.residuals
        for r, v in enumerate(signs):
            # The first draw is the data themselves.
            star = restricted + rest.fit.residuals * v[used["unit"]]
            again = spec.vary(outcome="star", covariance="cluster", sample=())
            draws[r, s] = kv.estimate(again, used.assign(star=star)).coefficients.loc["x", "statistic"]
        limits[s] = student.ppf(0.975, used["unit"].nunique() - 1)
    statistics = {
        "median_t": abs(np.median(draws, axis=1)),
        "share_significant": np.maximum((draws > limits).mean(1), (draws < -limits).mean(1)),
        "mean_t": abs(draws.mean(axis=1)),
    }
    for name, values in statistics.items():
        line = curve.joint.results.loc[name]
        assert line["observed"] == pytest.approx(values[0], rel=SAME)
        assert line["p_value"] == pytest.approx((values >= values[0] * (1 - 1e-9)).mean())
    assert (curve.joint.n_fits, curve.joint.draws, curve.joint.n_clusters) == (24, 25, 10)


def test_curve_needs_one_term(panel):
    curve = kv.specification_curve([BASE.adding("C(year):x")], panel)
    with pytest.raises(SpecificationError, match="one term"):
        draw_curve(curve)


def test_choices_are_listed_by_themselves(panel):
    specs = kv.grid(
        BASE, controls=[(), ("only:x",)], weights=[None, "population"], sample=[(), "year > 2010"]
    )
    curve = kv.specification_curve(specs, panel, terms=["x"])
    listed = {
        group.en: {c.en: mask.sum() for c, mask in members.items()}
        for group, members in list_choices(curve).items()
    }
    assert listed == {
        "Terms": {"only × x": 4},
        "Weights": {"none": 4, "Population": 4},
        "Sample": {"all municipalities": 4, "year > 2010": 4},
    }
    assert draw_curve(curve, "nb").startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def made(specification_curve_run):
    """The chapter on the embedded panel."""
    return specification_curve_run.result


def test_chapter_has_two_thousand_specifications(made):
    lines = made.files[SPECIFICATIONS_CSV].splitlines()
    assert len(lines) - 1 == 2888
    assert all(line.endswith(",synthetic") for line in lines[1:])
    roles = pd.Series([line.split(",")[-3] for line in lines[1:]]).value_counts()
    assert roles.to_dict() == {"declared": 2878, "added": 8, "published": 2}


def test_chapter_marks_everything_synthetic_in_both_languages(made):
    assert len(made.files) == 1 + 2 * (2 * 2 + 3 * 4), "figures as PNG and SVG, tables as csv, tex, html, md"
    for name, content in made.files.items():
        if name.endswith(".png"):
            assert content.startswith(b"\x89PNG")
        else:
            text = content.decode() if isinstance(content, bytes) else content
            assert "synte" in text.lower() or "synthetic" in text.lower(), name
    assert "2888 of 2888 specifications estimated" in made.summary[0].en
    assert "999 trekninger, frø" in made.summary[2].nb


def test_published_lines_print_the_published_coefficients(made):
    """Table A3 of the report: free income .039 (.007) in model 3 and .024 (.009) in model 4."""
    frame = pd.read_csv(io.StringIO(made.files[SPECIFICATIONS_CSV]))
    published = frame[frame["role"] == "published"].sort_values("income_by_year")
    assert published["estimate"].round(3).tolist() == [0.039, 0.024]
    assert published["std_error"].round(3).tolist() == [0.007, 0.009]


def test_row_order_does_not_matter(made, tmp_path):
    panel = pd.read_csv(embedded_path(EMBEDDED_PANEL), dtype=str)
    panel.sample(frac=1, random_state=1).to_csv(tmp_path / "panel.csv", index=False)
    with pytest.warns(DataWarning, match="suspicious amount"):
        again = chapter.run(Settings(data=tmp_path / "panel.csv", languages=("nb",)))
    name = "specification-curve/curve_nb.png"
    assert again.files[name] == made.files[name]
    assert again.files[SPECIFICATIONS_CSV] == made.files[SPECIFICATIONS_CSV]


def test_band_of_all_specifications_at_once():
    """The critical value from the draws of each fit by itself, the same signs for a unit in all of them."""
    panel = make_panel()
    base = kv.Specification("y", ("x",), "unit", "year", "population", covariance="cluster")
    specs = [base, base.adding("z"), base.adding("C(year)"), base.adding("z", "C(year)")]
    curve = kv.specification_curve(specs, panel, terms=["x"], draws=199, seed=5)
    signs = draw_signs(panel["unit"].nunique(), 199, 5).values
    largest = np.zeros(199)
    for spec in specs:
        fit = kv.estimate(spec, panel).fit
        k = len(fit.coefficients)
        drawn = null_statistics(fit, fit.entities, np.eye(k)[0], signs, -fit.coefficients[0]).drawn
        n, m = len(panel), panel["unit"].nunique()
        largest = np.maximum(largest, drawn / np.sqrt(m / (m - 1) * (n - 1) / fit.df_resid))
    assert curve.joint.critical == pytest.approx(np.quantile(largest, 0.95), rel=1e-8)
    band = curve.simultaneous()
    assert len(band) == 4
    half = (band["band_high"] - band["estimate"]) / band["std_error"]
    assert half.to_numpy() == pytest.approx(curve.joint.critical)
    with pytest.raises(SpecificationError, match="draws=999"):
        kv.specification_curve(specs, panel, terms=["x"]).simultaneous()
