"""Edges of the models and sources that well-behaved data do not reach, each value by hand."""

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.models import ar1, fixed_effects, inference, wild_bootstrap
from kostnadsvekst.models.balanced import poisson
from kostnadsvekst.models.balanced.projection import class_sums
from kostnadsvekst.models.preparation import prepare
from kostnadsvekst.models.staggered.sun_abraham import symmetric_inverse
from kostnadsvekst.register.painter import count_rows
from kostnadsvekst.sources import klass, published


@pytest.fixture
def panel():
    rng = np.random.default_rng(8)
    data = pd.DataFrame([(u, t) for u in range(8) for t in range(5)], columns=["u", "t"])
    return data.assign(x=rng.normal(size=40), y=rng.normal(size=40))


SPEC = kv.Specification("y", ["x"], "u", "t")


# Estimation ----------


def test_well_conditioned_data_take_the_normal_equations(panel, monkeypatch):
    expected = kv.estimate(SPEC, panel).coefficients
    monkeypatch.setattr(fixed_effects, "_independent_columns", None)
    pd.testing.assert_frame_equal(kv.estimate(SPEC, panel).coefficients, expected)
    with pytest.raises(TypeError):
        kv.estimate(SPEC.adding("z"), panel.assign(z=panel["x"] * (1 + 1e-9)))


def test_defaults_are_left_out_of_toml_whoever_built_them():
    assert "convention" not in SPEC.vary(convention="".join(["ar", "eg"])).to_toml()
    assert 'convention = "xtreg"' in SPEC.vary(convention="xtreg").to_toml()


@pytest.mark.parametrize("n", [9, 10, 11])
def test_rows_with_text_are_listed_up_to_ten(panel, n):
    text = panel["x"].astype(object).where(panel.index >= n, "mange")
    with pytest.raises(InvalidDataError) as caught:
        kv.estimate(SPEC, panel.assign(x=text))
    listed = caught.value.problems
    assert listed[:2] == ("row 0: 'mange'", "row 1: 'mange'")
    assert len(listed) == n
    assert (listed[-1] == "and 1 more") == (n == 11)


def test_what_is_prepared_shows_no_columns(panel):
    shown = repr(prepare(SPEC, panel))
    assert "units=" not in shown
    assert "times=" not in shown
    assert "clusters={" not in shown


def test_a_coefficient_without_variance_leaves_the_others_as_they_are():
    matrix, truncated = inference._nearest_semidefinite(np.diag([4.0, 0.0, 1.0]))
    assert not truncated
    np.testing.assert_array_equal(matrix, np.diag([4.0, 0.0, 1.0]))


def test_collinear_columns_share_their_coefficient_in_the_search_for_rho():
    """Two columns that differ in the eighth digit; y is their sum: one each, not a large difference."""
    x = np.arange(1.0, 9.0)
    other = x.copy()
    other[0] += 1e-8
    Z = np.column_stack([x, other, x + other + 1e-6 * np.sin(np.arange(8))])
    direction = ar1._residual_direction(Z.T @ Z)
    np.testing.assert_allclose(direction, [-1.0, -1.0, 1.0], atol=1e-6)


# Bootstrap ----------


@pytest.mark.parametrize("shared", [True, False], ids=["same piece", "two pieces"])
@pytest.mark.parametrize("distribution", ["rademacher", "webb"])
@pytest.mark.parametrize("k", [2, 9])
def test_products_of_scores_are_those_of_a_loop_over_clusters(k, distribution, shared):
    """Six clusters; fewer and more coefficients than clusters take different ways."""
    rng = np.random.default_rng(4)
    values = {"rademacher": [-1.0, 1.0], "webb": [*-np.sqrt([0.5, 1, 1.5]), *np.sqrt([0.5, 1, 1.5])]}
    v = rng.choice(values[distribution], size=(5, 6))
    v[0, 0] = 1.0
    h = rng.normal(size=(6, k))
    left = (rng.normal(size=6), rng.normal(size=(6, k)))
    right = left if shared else (rng.normal(size=6), rng.normal(size=(6, k)))
    expected = [
        sum(
            (draw[g] * left[0][g] - h[g] @ (left[1].T @ draw))
            * (draw[g] * right[0][g] - h[g] @ (right[1].T @ draw))
            for g in range(6)
        )
        for draw in v
    ]
    np.testing.assert_allclose(wild_bootstrap._inner(v, left, right, h), expected, rtol=1e-10)


# Balanced engines ----------


def test_classes_without_a_period_have_a_sum_of_zero():
    np.testing.assert_array_equal(class_sums(np.array([[3.0, 5.0]]), np.array([0, 2]), 3), [[3.0, 0.0, 5.0]])


def test_exact_margins_need_one_step_and_one_to_see_it():
    """Counts that are products of a unit's and a period's factor: the regressor's coefficient is zero."""
    y = np.outer([2.0, 4.0, 8.0], [1.0, 3.0, 5.0, 7.0])
    X = np.array([[[0.0, 1, 0, 2], [1, 0, 3, 0], [0, 0, 1, 1]]])
    fit = poisson.fit_poisson(y, X, np.ones((3, 4), dtype=bool), np.arange(4))
    assert fit.coefficients == pytest.approx([0.0], abs=1e-12)
    assert fit.iterations == 2


def test_one_step_of_poisson_is_never_enough(monkeypatch):
    monkeypatch.setattr(poisson, "MAX_ITERATIONS", 1)
    y = np.outer([2.0, 4.0, 8.0], [1.0, 3.0, 5.0, 7.0])
    X = np.array([[[0.0, 1, 0, 2], [1, 0, 3, 0], [0, 0, 1, 1]]])
    with pytest.raises(SpecificationError, match="not converged in 1 iterations"):
        poisson.fit_poisson(y, X, np.ones((3, 4), dtype=bool), np.arange(4))


# Staggered adoption ----------


def test_inverse_of_a_gram_matrix_by_its_rank():
    rng = np.random.default_rng(2)
    A = rng.normal(size=(9, 3))
    inverse, rank = symmetric_inverse(A.T @ A)
    assert rank == 3
    np.testing.assert_allclose(inverse, np.linalg.inv(A.T @ A), rtol=1e-9)
    lacking = np.column_stack([A, A[:, 0] - 2 * A[:, 1]])
    gram = lacking.T @ lacking
    inverse, rank = symmetric_inverse(gram)
    assert rank == 3
    np.testing.assert_allclose(gram @ inverse @ gram, gram, atol=1e-8)


def test_columns_that_differ_by_rounding_count_as_one():
    near = 1 - 5e-13
    inverse, rank = symmetric_inverse(np.array([[1.0, near], [near, 1.0]]))
    assert rank == 1
    np.testing.assert_allclose(inverse, np.full((2, 2), 0.25), rtol=1e-9)


def adoption(weight):
    rng = np.random.default_rng(5)
    firsts = [3, 3, 3, 4, 4, 4, 5, 5, None, None, None, None]
    rows = [(u, t, first, weight * (1 + u % 3)) for u, first in enumerate(firsts) for t in range(1, 7)]
    data = pd.DataFrame(rows, columns=["u", "t", "first", "w"])
    return data.assign(y=rng.normal(size=len(data)) + 0.5 * (data["t"] >= data["first"].fillna(99)))


@pytest.mark.parametrize("kind", ["simple", "dynamic", "group", "calendar"])
def test_the_scale_of_weights_does_not_matter(kind):
    means = [
        kv.staggered.event_study(adoption(weight), "y", "u", "t", "first", weights="w").aggregate(kind)
        for weight in (1.0, 10.0)
    ]
    assert means[0].estimate == pytest.approx(means[1].estimate, rel=1e-12)
    assert means[0].std_error == pytest.approx(means[1].std_error, rel=1e-12)


def test_cohort_shares_are_random_in_the_error_of_a_mean_of_two_cohorts():
    """Callaway and Sant'Anna, corollary 2, written out for two cohorts and one period of treatment each.

    With weights w scaled to mean one, shares p_g of size and effects a_g, unit i adds to the sum of squares
    sum_g p_g psi_gi + w_i (a_g(i) - mean) / size, the last term for treated units only.
    """
    data = adoption(1.0)
    data = data[data["t"] <= 4]
    study = kv.staggered.event_study(data, "y", "u", "t", "first", weights="w")
    effects = study.effects
    chosen = effects.horizon == 0
    cohorts, a, psi = effects.cohort[chosen], effects.effect[chosen], effects.influence[:, chosen]
    w = data.groupby("u")["w"].first().to_numpy() / data.groupby("u")["w"].first().mean()
    first = data.groupby("u")["first"].first()
    mass = np.array([w[(first == study.panel.periods[g]).to_numpy()].sum() for g in cohorts])
    p = mass / mass.sum()
    mean = p @ a
    total = psi @ p
    for g, value in zip(cohorts, a, strict=True):
        inside = (first == study.panel.periods[g]).to_numpy()
        total[inside] += w[inside] * (value - mean) / mass.sum()
    row = study.horizons[study.horizons["horizon"] == 0].iloc[0]
    assert row["estimate"] == pytest.approx(mean, rel=1e-12)
    assert row["std_error"] == pytest.approx(np.sqrt((total**2).sum()), rel=1e-10)


def test_randomisation_draws_999_times_if_nothing_is_said():
    found = kv.staggered.randomisation_inference(adoption(1.0), "y", "u", "t", "first")
    assert len(found.draws) == 999


# Sources ----------


def test_a_code_that_is_used_again_is_followed_from_its_second_life():
    """0001 became 0002 in 2016, and 0003 became a new 0001 in 2017: in 2018 each is itself."""
    listed = pd.DataFrame(
        [("2016-01-01", "0001", "Old", "0002", "New"), ("2017-01-01", "0003", "Other", "0001", "Again")],
        columns=list(klass.CHANGE_COLUMNS),
    )
    codes = {2015: {"0001", "0003"}, 2018: {"0002", "0001"}}
    mapping = klass.municipality_mapping(2015, 2018, "merged-in-period", changes=listed, codes=codes)
    last = mapping[mapping["year"] == 2018].set_index("code")["target"]
    assert last["0001"] != last["0002"]
    assert last["0001"] == "0001"


@pytest.mark.parametrize(("second", "agrees"), [(3.5, True), (3.4, True), (3.3, False), (3.6, False)])
def test_a_rounded_number_may_be_half_a_unit_off(monkeypatch, second, agrees):
    """3,45 rounds to 3,5 or, to even, to 3,4: half a unit of the last digit is 0.05."""
    claims = published.load_claims("growth").head(2).assign(measure="m", value=[3.45, second])
    claims["decimals"] = [2, 1]
    monkeypatch.setattr(published, "_read_claims", lambda: claims)
    if agrees:
        assert published.printed_value("m") == 3.45
    else:
        with pytest.raises(InvalidDataError, match="contradicts itself"):
            published.printed_value("m")


def test_rows_of_persons_outside_are_passed_over_and_touch_nothing():
    memory = np.zeros(10, dtype=np.int64)
    count_rows(np.array([5, 6, 6, 4, 12, 8]), 5, memory[:3])
    assert memory.tolist() == [1, 2, 0, 0, 0, 0, 0, 0, 0, 0]
