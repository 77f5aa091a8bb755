"""Several sets of absorbed effects against regressions on all dummies, pyfixest, and counts by hand."""

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

import kostnadsvekst as kv
from kostnadsvekst.errors import DataMissingError, DataWarning, SpecificationError
from kostnadsvekst.models import absorption
from kostnadsvekst.models.absorption import project, read_sets
from kostnadsvekst.models.covariance_kinds import KINDS
from kostnadsvekst.models.fixed_effects import fit_within
from kostnadsvekst.models.inference import classical, clustered, hc1
from kostnadsvekst.models.wild_bootstrap import draw_signs, wild_test

from_formula = kv.Specification.from_formula
# Two solutions of the same equations in double precision, standardised columns.
EQUAL = {"rtol": 1e-9, "atol": 1e-9}
# Conjugate gradients stop at 1e-10 of the right side, in each of their rounds.
ITERATED = {"rtol": 1e-8, "atol": 1e-8}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Thousands of small decompositions by numpy: threads would wait for one another."""
    with threadpool_limits(1):
        yield


def in_use(codes):
    return np.unique(codes, return_inverse=True)[1].reshape(-1).astype(np.intp)


def dummies(sets):
    return np.hstack([np.eye(codes.max() + 1)[codes] for codes in sets])


def lsdv(y, X, w, sets, clusters):
    """Weighted regression on all dummies by SVD: (b, constant), three covariances, degrees of freedom.

    The constant is the weighted mean of the effects: that is determined although single effects are not.
    """
    n, k = X.shape
    w = w * n / w.sum()
    design = np.hstack([X, dummies(sets)])
    U, s, Vt = np.linalg.svd(design * np.sqrt(w)[:, None], full_matrices=False)
    rank = int((s > 1e-9 * s.max()).sum())
    U, s, Vt = U[:, :rank], s[:rank], Vt[:rank]
    b = Vt.T @ ((U.T @ (y * np.sqrt(w))) / s)
    e = y - design @ b
    turn = np.zeros((k + 1, design.shape[1]))
    turn[:k, :k] = np.eye(k)
    turn[k, k:] = w @ design[:, k:] / n
    bread = turn @ (Vt.T / s**2) @ Vt
    scores = design * (w * e)[:, None]
    sums = np.stack([scores[clusters == g].sum(0) for g in range(clusters.max() + 1)])
    m, df = len(sums), n - rank
    covariances = {
        "classical": turn @ (Vt.T / s**2) @ Vt @ turn.T * (w @ e**2 / df),
        "hc1": bread @ scores.T @ scores @ bread.T * (n / df),
        "cluster": bread @ sums.T @ sums @ bread.T * (m / (m - 1) * (n - 1) / df),
    }
    return turn @ b, covariances, df


@st.composite
def graphs(draw):
    """Two to four sets over at most 40 rows: random, in separate blocks, chained, nested, or copies."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(8, 40))
    blocks = np.sort(rng.integers(0, draw(st.integers(1, 3)), n))

    def one(kind, sets):
        if kind == "nested" and sets:
            return in_use(sets[0] // 2)
        if kind == "chain":
            return in_use((np.arange(n) + rng.integers(0, 2)) // 2)
        return in_use(blocks * n + rng.integers(0, draw(st.integers(1, max(2, n // 3))), n))

    sets = []
    for kind in draw(st.lists(st.sampled_from(["random", "nested", "chain"]), min_size=2, max_size=4)):
        sets.append(one(kind, sets))
    w = np.exp(rng.normal(size=n) * draw(st.sampled_from([0.0, 1.0, 2.0])))
    return rng, sets, w


@given(graphs())
@settings(max_examples=1_000, deadline=None)
def test_equals_regression_on_all_dummies(graph):
    rng, sets, w = graph
    n = len(w)
    X, y = rng.normal(size=(n, 2)), rng.normal(size=n)
    D = dummies(sets)
    root = np.sqrt(w)[:, None]
    left = X * root - D * root @ np.linalg.lstsq(D * root, X * root, rcond=1e-10)[0]
    # Identified, and with a degree of freedom.
    assume(n - np.linalg.matrix_rank(D) > 2 and np.linalg.svd(left, compute_uv=False)[-1] > 0.05)
    clusters = in_use(rng.integers(0, 4, n))
    assume(clusters.max() > 0)
    b, V, df = lsdv(y, X, w, sets, clusters)
    fit = fit_within(y, X, w, sets[0], absorb=sets[1:])
    assert (fit.df_resid, fit.counts_exactly) == (df, True)
    np.testing.assert_allclose(np.append(fit.coefficients, fit.constant), b, **EQUAL)
    np.testing.assert_allclose(classical(fit).matrix, V["classical"], **EQUAL)
    np.testing.assert_allclose(hc1(fit).matrix, V["hc1"], **EQUAL)
    np.testing.assert_allclose(clustered(fit, clusters).matrix, V["cluster"], **EQUAL)
    np.testing.assert_allclose(np.column_stack([fit.X, fit.y]), np.column_stack([X, y]), **EQUAL)


@given(graphs())
@settings(max_examples=200, deadline=None)
def test_conjugate_gradients_find_the_same_projection_and_bound_the_count(graph):
    rng, sets, w = graph
    Z = rng.normal(size=(len(w), 3))
    exact, rank = read_sets(sets), np.linalg.matrix_rank(dummies(sets))
    assert (exact.rank, exact.exact) == (rank, True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(absorption, "DENSE", 0)
        found = read_sets(sets)
        iterated = project(Z, w, found)
    assert found.exact == (len(found.spanning) <= 2)
    assert found.rank == rank if found.exact else found.rank >= rank
    np.testing.assert_allclose(iterated.within, project(Z, w, exact).within, **ITERATED)


@pytest.mark.parametrize(
    ("first", "second", "rank"),
    [
        # Both levels occur with both: one component.
        ([0, 0, 1, 1], [0, 1, 0, 1], 3),
        # Levels 0 and 1 never meet: two components.
        ([0, 0, 1, 1], [0, 0, 1, 1], 2),
        ([0, 0, 1, 1], [0, 1, 2, 3], 4),
        # A chain 0-0-1-1-2-2 is one component whatever its length.
        ([0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 2, 3], 6),
        # The same without the rows in its middle: two.
        ([0, 0, 1, 2, 2], [0, 1, 2, 2, 3], 5),
    ],
)
def test_two_sets_lose_one_effect_for_each_component(first, second, rank):
    assert read_sets([np.array(first), np.array(second)]).rank == rank


def test_a_third_set_is_counted_exactly_where_pairs_are_not_enough(monkeypatch):
    """Third = first + second modulo 3: each pair of sets has one component.

    The dummies of 0, 1, 2 on a Latin square are independent but for their sums: 3 + 2 + 2 = 7.
    """
    a, b = np.divmod(np.arange(9), 3)
    square = [a, b, (a + b) % 3]
    assert read_sets(square).rank == 7 == np.linalg.matrix_rank(dummies(square))
    # Two squares that share the third set only: it is joined to each pair once, but the pairs are apart.
    apart = [np.r_[a, a + 3], np.r_[b, b + 3], np.r_[(a + b) % 3, (a + b) % 3]]
    assert read_sets(apart).rank == np.linalg.matrix_rank(dummies(apart)) == 6 + 4 + 2
    hidden = [np.r_[0, 0, 1, 1], np.r_[0, 1, 0, 1], np.r_[0, 1, 1, 2]]
    assert read_sets(hidden).rank == np.linalg.matrix_rank(dummies(hidden)) == 4
    monkeypatch.setattr(absorption, "DENSE", 1)
    bound = read_sets(hidden)
    assert (bound.rank, bound.exact) == (5, False)
    # The third joins the first in one piece and the second in two: the larger number is subtracted.
    first, second, third = ([0, 1, 2, 0, 1, 4, 3, 2], [0, 1, 0, 1, 2, 3, 2, 3], [0, 0, 1, 1, 2, 2, 3, 3])
    assert read_sets([np.array(s) for s in (first, second, third)]).rank == 13 - 1 - 2


def test_weights_that_hardly_connect_levels():
    """Rows of weight 1e-20 join two halves: the others are fitted as if the halves were apart."""
    first = np.array([0, 0, 1, 1, 0, 2, 2, 3, 3, 2])
    second = np.array([0, 1, 0, 1, 2, 2, 3, 2, 3, 1])
    heavy = np.array([0, 1, 2, 3, 5, 6, 7, 8])
    w = np.full(10, 1e-20)
    w[heavy] = 1.0
    Z = np.random.default_rng(3).normal(size=(10, 2))
    within = project(Z, w, read_sets([first, second])).within
    halves = read_sets([in_use(first[heavy]), in_use(second[heavy])])
    np.testing.assert_allclose(within[heavy], project(Z[heavy], w[heavy], halves).within, atol=1e-9)


def test_long_chains_are_eliminated_where_the_iteration_creeps(monkeypatch):
    monkeypatch.setattr(absorption, "DENSE", 0)
    length = 3_000
    first = np.repeat(np.arange(length), 4)
    second = first + np.tile([0, 0, 1, 1], length)
    rng = np.random.default_rng(1)
    Z, w = rng.normal(size=(len(first), 2)), rng.uniform(0.5, 2, len(first))
    sets = read_sets([first, second])
    within = project(Z, w, sets).within
    assert sets.rank == 2 * length
    for codes in (first, second):
        sums = np.array([np.bincount(codes, w * within[:, j]) for j in range(2)])
        assert np.abs(sums).max() < 1e-10


def test_sets_that_do_not_converge_are_refused(monkeypatch):
    """Three chained sets, for which there is no elimination, and too few iterations."""
    first = np.repeat(np.arange(2_000), 4)
    second = first + np.tile([0, 0, 1, 1], 2_000)
    Z, ones = np.random.default_rng(1).normal(size=(len(first), 1)), np.ones(len(first))
    chained = [first, second, (first + second) // 3]
    monkeypatch.setattr(absorption, "DENSE", 0)
    found = project(Z, ones, read_sets(chained)).within[:, 0]
    assert max(np.abs(np.bincount(codes, found)).max() for codes in chained) < 1e-9
    monkeypatch.setattr(absorption, "_ITERATIONS", 2)
    monkeypatch.setattr(absorption, "_ROUNDS", 3)
    with pytest.raises(SpecificationError, match=r"2,000, 2,001, 1,334 levels are connected by so few rows"):
        project(Z, ones, read_sets(chained))


# ---------------------------------------------------------------------------------- from a frame


@pytest.fixture(scope="module")
def panel():
    """600 rows: units, sectors that units move between, regions that hold units, years; and weights."""
    rng = np.random.default_rng(7)
    n = 600
    data = pd.DataFrame({"unit": rng.integers(0, 60, n), "year": rng.integers(2010, 2016, n)})
    data["sector"] = rng.choice(["a", "b", "c", "d"], n)
    data["region"] = data["unit"] // 10
    level = {"unit": rng.normal(size=60)[data["unit"]], "year": 0.3 * (data["year"] - 2010)}
    data["x"] = rng.normal(size=n) + level["unit"] + level["year"]
    data["z"] = rng.normal(size=n) + level["year"]
    data["w"] = rng.uniform(0.2, 3, n)
    data["y"] = data["x"] - 0.5 * data["z"] + 2 * level["unit"] - level["year"] + rng.normal(size=n)
    return data


def arrays(data, *sets):
    return (
        data["y"].to_numpy(),
        data[["x", "z"]].to_numpy(),
        data["w"].to_numpy(),
        [in_use(data[name]) for name in sets],
    )


@pytest.mark.parametrize(
    ("absorbed", "sets"),
    [
        ("unit + year", ("unit", "year")),
        ("unit + year + sector", ("unit", "year", "sector")),
        ("unit + region + sector + year", ("unit", "region", "sector", "year")),
    ],
)
def test_estimate_equals_all_dummies(panel, absorbed, sets):
    fitted = kv.estimate(from_formula(f"y ~ x + z | {absorbed}", weights="w"), panel)
    clusters = in_use(panel["unit"])
    b, V, df = lsdv(*arrays(panel, *sets), clusters)
    np.testing.assert_allclose(fitted.coefficients["estimate"], b, **EQUAL)
    np.testing.assert_allclose(fitted.covariance, V["classical"], **EQUAL)
    np.testing.assert_allclose(fitted.with_covariance("cluster").covariance, V["cluster"], **EQUAL)
    assert (fitted.df_resid, fitted.n_effects, fitted.n_entities) == (df, 600 - 2 - df, 60)
    y, X, w, codes = arrays(panel, *sets)
    total = w @ (y - w @ y / w.sum()) ** 2
    root = np.sqrt(w)

    def left(design):
        return np.sum(
            (y * root - design * root[:, None] @ np.linalg.lstsq(design * root[:, None], y * root)[0]) ** 2
        )

    residual, effects_only = left(np.hstack([X, dummies(codes)])), left(dummies(codes))
    assert fitted.r_squared == pytest.approx(1 - residual / total, rel=1e-9)
    assert fitted.r_squared_within == pytest.approx(1 - residual / effects_only, rel=1e-9)


def test_levels_of_two_columns_at_once(panel):
    joint = panel.assign(cell=panel["region"].astype(str) + "-" + panel["sector"])
    once = kv.estimate(from_formula("y ~ x + z | unit + region^sector", weights="w"), panel)
    twice = kv.estimate(from_formula("y ~ x + z | unit + cell", weights="w"), joint)
    pd.testing.assert_frame_equal(once.coefficients, twice.coefficients)
    assert once.facts.effects[1].count == 24 == joint["cell"].nunique()
    # A column of that very name is taken as it is.
    named = joint.rename(columns={"cell": "region^sector"}).assign(region=0)
    again = kv.estimate(from_formula("y ~ x + z | unit + `region^sector`", weights="w"), named)
    pd.testing.assert_frame_equal(again.coefficients, once.coefficients)


def test_equals_dummies_among_the_regressors(panel):
    """The same model written both ways: slopes, errors by the xtreg factor, too, and degrees of freedom."""
    absorbed = kv.estimate(from_formula("y ~ x + z | unit + sector", weights="w"), panel)
    written = kv.estimate(from_formula("y ~ x + z + C(sector) | unit", weights="w"), panel)
    assert absorbed.df_resid == written.df_resid
    for choice in ("classical", "hc1", "cluster", ("cluster", "region"), "twoway", "driscoll_kraay"):
        for convention in ("areg", "xtreg", "none"):
            pair = [
                f.with_covariance(choice, convention).covariance.loc[["x", "z"], ["x", "z"]]
                for f in (absorbed, written)
            ]
            np.testing.assert_allclose(*pair, rtol=1e-9)


def test_xtreg_factor_counts_what_is_not_nested(panel):
    """reghdfe: effects nested in the clusters are not counted; the others are, less the constant."""
    n, k = 600, 2
    fitted = kv.estimate(from_formula("y ~ x + z | unit + sector + year", weights="w"), panel)
    plain = fitted.with_covariance(("cluster", "region"), "none").covariance.to_numpy()
    # Regions hold units: the 3 + 5 further effects of sectors and years beside the constant count.
    factor = 6 / 5 * (n - 1) / (n - k - 1 - 8)
    np.testing.assert_allclose(
        fitted.with_covariance(("cluster", "region"), "xtreg").covariance, factor * plain
    )
    # Where all sets are nested none counts.
    nested = kv.estimate(from_formula("y ~ x + z | unit + region", weights="w"), panel)
    plain = nested.with_covariance(("cluster", "region"), "none").covariance.to_numpy()
    factor = 6 / 5 * (n - 1) / (n - k - 1)
    np.testing.assert_allclose(
        nested.with_covariance(("cluster", "region"), "xtreg").covariance, factor * plain
    )
    with pytest.raises(SpecificationError, match="use convention='areg'"):
        fitted.with_covariance(("cluster", "z_sign"), "xtreg") if "z_sign" in panel else kv.estimate(
            from_formula("y ~ x | unit + sector", covariance=("cluster", "sign"), convention="xtreg"),
            panel.assign(sign=panel["z"] > 0, sector=panel["unit"] % 7),
        )


@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")
@pytest.mark.parametrize(
    ("absorbed", "cluster", "counted_twice"),
    [
        ("unit + sector", "unit", 0),
        ("unit + sector", "region", 0),
        ("unit + sector + year", "unit", 0),
        ("unit + sector + year", "region", 0),
        ("unit + region + sector", "region", 0),
        # fixest takes one level from each set but the first and does not see that units span regions.
        ("unit + region + sector", "unit", 5),
    ],
)
def test_equals_pyfixest(panel, absorbed, cluster, counted_twice):
    """The nested rule of fixest, with its factor written as ours: (n - 1)/(n - K), M/(M - 1)."""
    theirs = pf.feols(
        f"y ~ x + z | {absorbed}",
        panel,
        weights="w",
        vcov={"CRV1": cluster},
        ssc=pf.ssc(k_adj=True, k_fixef="nonnested", G_adj=True, G_df="min"),
        fixef_rm="none",
        demeaner=pf.MapDemeaner(fixef_tol=1e-12),
    )
    ours = kv.estimate(
        from_formula(
            f"y ~ x + z | {absorbed}", weights="w", covariance=("cluster", cluster), convention="xtreg"
        ),
        panel,
    ).coefficients.iloc[:-1]
    np.testing.assert_allclose(ours["estimate"], theirs.coef(), rtol=1e-9)
    # Beside two slopes and the constant it is sectors (3) and years (5) that count.
    left = 600 - 3 - (3 if "sector" in absorbed else 0) - (5 if "year" in absorbed else 0)
    factor = np.sqrt(left / (left - counted_twice))
    np.testing.assert_allclose(ours["std_error"] * factor, theirs.se(), rtol=1e-9)


def test_without_effects_of_the_entity(panel):
    """The clusters stay those of the entity; one set alone is the one-way model."""
    spec = from_formula("y ~ x + z | sector", entity="unit", covariance="cluster")
    assert (spec.entity, spec.effects, spec.absorb) == ("unit", "none", ("sector",))
    fitted = kv.estimate(spec, panel)
    one_way = kv.estimate(from_formula("y ~ x + z | sector", covariance=("cluster", "unit")), panel)
    pd.testing.assert_frame_equal(fitted.coefficients, one_way.coefficients)
    assert [(e.name, e.count) for e in fitted.facts.effects] == [("sector", 4)]
    assert fitted.facts.estimator == "fixed_effects"
    assert "4 sector effects" in repr(fitted)
    two = kv.estimate(from_formula("y ~ x + z | sector + year", entity="unit", weights="w"), panel)
    np.testing.assert_allclose(
        two.coefficients["estimate"],
        lsdv(*arrays(panel, "sector", "year"), in_use(panel["unit"]))[0],
        **EQUAL,
    )


def test_what_the_effects_span_is_dropped_by_name(panel):
    data = panel.assign(of_unit=panel["unit"] * 1.5, both=panel["year"] * 10.0 + panel["unit"] % 7)
    fitted = kv.estimate(from_formula("y ~ x + of_unit + both + C(region) + z | unit + year"), data)
    assert fitted.terms == ("x", "z", "constant")
    assert fitted.dropped == ("of_unit", "both", *(f"C(region)[T.{r}]" for r in range(1, 6)))
    with pytest.raises(SpecificationError, match=r"\(of_unit, both\) varies within entities and the other"):
        kv.estimate(from_formula("y ~ of_unit + both | unit + year"), data)


def test_levels_with_one_row_stay(panel):
    """As in areg: they change neither slopes nor residual degrees of freedom."""
    row = panel.iloc[[0]].assign(sector="only here", y=1e3)
    with_one = kv.estimate(
        from_formula("y ~ x + z | unit + sector"), pd.concat([panel, row], ignore_index=True)
    )
    without = kv.estimate(from_formula("y ~ x + z | unit + sector"), panel)
    np.testing.assert_allclose(
        with_one.coefficients[["estimate", "std_error"]].iloc[:2],
        without.coefficients[["estimate", "std_error"]].iloc[:2],
        rtol=1e-9,
    )
    assert (with_one.df_resid, with_one.n_effects) == (without.df_resid, without.n_effects + 1)


def test_missing_levels_are_left_out_and_named(panel):
    gaps = panel.assign(sector=panel["sector"].where(panel.index > 2))
    with pytest.warns(DataWarning, match=r"3 of 600 rows .* left out: unit \d+ year 201\d"):
        fitted = kv.estimate(from_formula("y ~ x + z | unit + year^sector"), gaps)
    whole = kv.estimate(from_formula("y ~ x + z | unit + year^sector"), panel.iloc[3:])
    pd.testing.assert_frame_equal(fitted.coefficients, whole.coefficients)
    with pytest.raises(DataMissingError, match="did you mean 'sector'"):
        kv.estimate(from_formula("y ~ x | unit + year^secter"), panel)


def test_no_degrees_of_freedom_are_left(panel):
    few = panel.drop_duplicates(["unit", "sector"]).head(30).assign(cell=lambda d: np.arange(len(d)) // 1)
    with pytest.raises(SpecificationError, match="none of the regressors"):
        kv.estimate(from_formula("y ~ x | unit + cell"), few)
    square = pd.DataFrame({"unit": [0, 0, 1, 1], "f": [0, 1, 0, 1], "x": [1.0, 2, 3, 5], "y": [1.0, 0, 2, 2]})
    with pytest.raises(
        SpecificationError, match="4 rows, 3 absorbed effects and 1 regressors leave no degrees"
    ):
        kv.estimate(from_formula("y ~ x | unit + f"), square.assign(year=1))


def test_a_bound_is_stated(panel, monkeypatch):
    monkeypatch.setattr(absorption, "DENSE", 2)
    fitted = kv.estimate(from_formula("y ~ x + z | unit + year + sector"), panel)
    assert not fitted.fit.counts_exactly
    assert "at most 68 independent" in repr(fitted)
    note = fitted.facts.notes[0]
    assert "at most 68 independent effects" in note.en
    assert "høyst 68 uavhengige effekter" in note.nb
    assert any(note.nb in printed.nb and note.en in printed.en for printed in kv.table({"m": fitted}).notes)
    assert not kv.estimate(from_formula("y ~ x + z | unit + year"), panel).facts.notes


def test_tables_and_print_name_every_set(panel):
    fitted = kv.estimate(from_formula("y ~ x + z | unit + year^sector + region"), panel)
    assert "60 unit + 24 year^sector + 6 region effects (83 independent)" in repr(fitted)
    row = next(r for r in kv.table({"m": fitted}).rows if getattr(r.label, "en", "") == "Absorbed effects")
    assert row.cells[0].en == "unit (60), Year × sector (24), region (6)"
    assert row.cells[0].nb == "unit (60), År × sector (24), region (6)"


# ------------------------------------------------------------------- as a value, and what refuses it


@pytest.mark.parametrize(
    ("formula", "entity", "absorb", "effects"),
    [
        ("y ~ x | unit + sector", "unit", ("sector",), "entity"),
        ("y ~ x | unit + region^year + sector", "unit", ("region^year", "sector"), "entity"),
        ("y ~ x | `my unit` + `a|b` + `a+b`^year", "my unit", ("a|b", "a+b^year"), "entity"),
        ("y ~ x | unit", "unit", (), "entity"),
    ],
)
def test_formula_and_toml_come_back(formula, entity, absorb, effects):
    spec = from_formula(formula, weights="w")
    assert (spec.entity, spec.absorb, spec.effects) == (entity, absorb, effects)
    assert spec.formula == formula
    assert kv.Specification.from_toml(spec.to_toml()) == spec
    assert spec == kv.Specification("y", ("x",), entity, "year", "w", absorb=absorb)
    pooled = spec.vary(effects="none")
    assert kv.Specification.from_toml(pooled.to_toml()) == pooled


def test_absorb_beside_a_formula_and_in_a_grid():
    spec = from_formula("y ~ x | unit + a", absorb="b")
    assert spec.absorb == ("a", "b")
    assert from_formula("y ~ x | a + unit", entity="unit").absorb == ("a",)
    grid = kv.grid(from_formula("y ~ x | unit"), absorb=[(), "a", ("a", "b")])
    assert [s.absorb for s in grid] == [(), ("a",), ("a", "b")]
    toml = "formula = 'y ~ x | unit'\nabsorb = ['a', 'b']"
    assert kv.Specification.from_toml(toml).absorb == ("a", "b")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"absorb": ("a", "a")}, "absorbed twice: a"),
        ({"absorb": ("unit",)}, "is the entity, whose effects are absorbed already"),
        ({"absorb": ("unit",), "effects": "none"}, "effects='entity'"),
        ({"absorb": ("a^a",)}, "different columns as a^b"),
        ({"absorb": ("a^",)}, "different columns as a^b"),
    ],
)
def test_sets_that_make_no_sense_are_refused(parts, words):
    with pytest.raises(SpecificationError) as caught:
        kv.Specification("y", ("x",), "unit", "year", **parts)
    assert words in str(caught.value)


def test_estimators_of_one_set_refuse_and_name_the_way(panel):
    fitted = kv.estimate(from_formula("y ~ x + z | unit + region^year"), panel)
    way = r"write C\(region\):C\(year\) among the regressors"
    for refused in (
        lambda: fitted.with_covariance("jackknife"),
        lambda: fitted.with_covariance("wild_cluster"),
        lambda: kv.estimate(fitted.specification.vary(covariance="jackknife"), panel),
        lambda: kv.influence(fitted),
        lambda: kv.mundlak_test(fitted),
        lambda: kv.wooldridge_test(fitted),
        lambda: kv.estimate_ar1(fitted.specification, panel),
    ):
        with pytest.raises(SpecificationError, match=way):
            refused()
    # Whatever kind is added is refused until it is shown to be right.
    known = {"classical", "hc1", "hc2", "hc3", "cr2", "cluster", "twoway", "driscoll_kraay"}
    for kind in set(KINDS) - known:
        with pytest.raises(SpecificationError, match=way):
            fitted.with_covariance(kind)
    # The way exists.
    written = kv.estimate(from_formula("y ~ x + z + C(region):C(year) | unit"), panel)
    assert (
        written.with_covariance("wild_cluster", terms=["x"], draws=99).coefficients.loc["x", "p_value"] < 0.05
    )


def test_wild_bootstrap_is_exact_where_effects_are_nested(panel):
    """Draw by draw against a regression on all dummies, with every unit and sector inside one region."""
    data = panel.assign(sector=panel["region"].astype(str) + panel["sector"]).head(250)
    fitted = kv.estimate(from_formula("y ~ x + z | unit + sector", weights="w"), data)
    clusters = in_use(data["region"])
    signs = draw_signs(6, 99)
    test = wild_test(fitted.fit, clusters, np.array([1.0, 0.0]), signs)
    y, X, w, sets = arrays(data, "unit", "sector")

    def statistic(outcome):
        b, V, _ = lsdv(outcome, X, w, sets, clusters)
        return b[0] ** 2 / V["cluster"][0, 0]

    restricted = np.hstack([X[:, 1:], dummies(sets)])
    root = np.sqrt(w)[:, None]
    mean = restricted @ np.linalg.lstsq(restricted * root, y * root[:, 0], rcond=1e-10)[0]
    draws = [statistic(mean + (y - mean) * v[clusters]) for v in signs.values]
    assert signs.enumerated
    assert test.p_value == pytest.approx(np.mean(np.array(draws) >= statistic(y) * (1 - 1e-9)))


def test_reset_uses_all_sets(panel):
    absorbed = kv.estimate(from_formula("y ~ x + z | unit + sector", weights="w"), panel)
    fit = absorbed.fit
    index = fit.X @ fit.coefficients
    w = panel["w"] / panel["w"].sum()
    scaled = (index - w @ index) / np.sqrt(w @ (index - w @ index) ** 2)
    powers = panel.assign(p2=scaled**2, p3=scaled**3)
    by_hand = kv.estimate(from_formula("y ~ x + z + p2 + p3 | unit + sector", weights="w"), powers)
    assert kv.reset_test(absorbed).statistic == pytest.approx(kv.wald_test(by_hand, ["p2", "p3"]).statistic)


def test_specification_curve_fits_them_as_estimate_does(panel):
    base = from_formula("y ~ x + z | unit", weights="w")
    specs = kv.grid(base, absorb=[(), "sector", ("sector", "year")], covariance=["classical", "cluster"])
    curve = kv.specification_curve(specs, panel, terms=["x"])
    for spec, (_, line) in zip(specs, curve.frame.iterrows(), strict=True):
        expected = kv.estimate(spec, panel).coefficients.loc["x"]
        np.testing.assert_allclose(
            line[["estimate", "std_error", "p_value"]].astype(float),
            expected[["estimate", "std_error", "p_value"]],
            rtol=1e-9,
        )
    assert curve.frame["absorb"].tolist() == ["none"] * 2 + ["sector"] * 2 + ["sector + year"] * 2
    gaps = panel.assign(sector=panel["sector"].where(panel.index > 40))
    rows = kv.specification_curve(specs[:4], gaps, terms=["x"]).frame["n_obs"]
    assert rows.tolist() == [600, 600, 559, 559]
    alone = kv.specification_curve(specs[:2], panel, terms=["x"])
    assert "absorb" not in alone.frame
    assert alone.frame["spec"].tolist() == curve.frame["spec"].tolist()[:2]
    with pytest.raises(SpecificationError, match="4 specification"):
        kv.specification_curve(specs, panel, terms=["x"], draws=9)
    tested = kv.specification_curve(specs, panel, terms=["x"], draws=9, tested=lambda s: not s.absorb)
    assert tested.joint.n_fits == 1
