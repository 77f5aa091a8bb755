"""Staggered adoption against csdid, pyfixest, diff-diff, dummies by brute force and identities."""

import contextlib
import io
import warnings
from functools import partial

import diff_diff as dd
import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from kostnadsvekst.errors import DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.models.balanced.projection import build_projector

COLUMNS = ("y", "unit", "time", "first")
# 0 is a period of these panels and means never.
event_study, bacon, negative_weights, randomisation_inference, placebo = (
    partial(function, never_treated=0)
    for function in (
        kv.staggered.event_study,
        kv.staggered.bacon,
        kv.staggered.negative_weights,
        kv.staggered.randomisation_inference,
        kv.staggered.placebo,
    )
)
EXACT = 1e-8
IDENTITY = 1e-10


def staggered_panel(seed: int, n_units: int = 60, n_periods: int = 10, cohorts=(0, 4, 5, 7)) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    unit, time = np.divmod(np.arange(n_units * n_periods), n_periods)
    first = np.repeat(rng.choice(cohorts, n_units), n_periods)
    effect = np.where((first > 0) & (time >= first), 0.5 + 0.2 * (time - first), 0.0)
    y = rng.normal(size=n_units)[unit] + 0.3 * time + effect + 0.5 * rng.normal(size=len(unit))
    return pd.DataFrame({"unit": unit, "time": time, "first": first, "y": y})


def by_csdid(data: pd.DataFrame, control: str, base: str):
    from csdid.att_gt import ATTgt

    names = {"not_yet_treated": "notyettreated", "never_treated": "nevertreated"}
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ATTgt(
            yname="y",
            tname="time",
            idname="unit",
            gname="first",
            data=data.astype({"first": float}),
            control_group=[names[control]],
            base_period=base,
        ).fit(est_method="reg", bstrap=False)
        found = {}
        for kind in kv.staggered.AGGREGATIONS:
            model.aggte(typec=kind, bstrap=False, cband=False)
            found[kind] = [float(np.ravel(model.atte[k])[0]) for k in ("overall_att", "overall_se")]
    return found


@pytest.mark.parametrize("control", ["not_yet_treated", "never_treated"])
@pytest.mark.parametrize("base", ["universal", "varying"])
def test_callaway_santanna_equals_csdid_and_diff_diff(control, base):
    data = staggered_panel(3)
    study = event_study(data, *COLUMNS, control=control, base_period=base)
    for kind, expected in by_csdid(data, control, base).items():
        mean = study.aggregate(kind)
        np.testing.assert_allclose([mean.estimate, mean.std_error], expected, atol=EXACT, err_msg=kind)
    fitted = dd.CallawaySantAnna(control_group=control, base_period=base).fit(
        data, "y", "unit", "time", "first"
    )
    other = fitted.aggregate("event_study").to_dataframe().query("~is_reference")
    np.testing.assert_allclose(study.horizons["estimate"], other["att"], atol=EXACT)
    np.testing.assert_allclose(study.horizons["std_error"], other["se"], atol=EXACT)


def test_sun_abraham_equals_pyfixest_saturated_and_diff_diff():
    import pyfixest as pf

    data = staggered_panel(4)
    ours = event_study(data, *COLUMNS, method="sun_abraham")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        saturated = pf.event_study(data, "y", "unit", "time", "first", estimator="saturated", cluster="unit")
        means = saturated.aggregate(weighting="shares")
        other = dd.SunAbraham().fit(data, "y", "unit", "time", "first")
    mine = ours.horizons.set_index("horizon")["estimate"]
    theirs = means["Estimate"].astype(float)
    theirs.index = theirs.index.astype(float).astype(int)
    np.testing.assert_allclose(mine, theirs.loc[mine.index], atol=EXACT)
    errors = ours.horizons.set_index("horizon")["std_error"]
    for horizon, effect in other.event_study_effects.items():
        if horizon in mine.index:
            np.testing.assert_allclose(
                [mine[horizon], errors[horizon]], [effect["effect"], effect["se"]], atol=EXACT
            )


def by_dummies(data: pd.DataFrame, weights: pd.Series | None = None) -> float:
    """Mean gap of treated rows from unit and period dummies fitted to the untreated rows."""
    treated = ((data["first"] > 0) & (data["time"] >= data["first"])).to_numpy()
    D = np.column_stack(
        [pd.get_dummies(data["unit"]).to_numpy(float), pd.get_dummies(data["time"]).to_numpy(float)]
    )
    y, w = data["y"].to_numpy(), np.ones(len(data)) if weights is None else weights.to_numpy()
    root = np.sqrt(w[~treated])
    b = np.linalg.lstsq(D[~treated] * root[:, None], y[~treated] * root, rcond=None)[0]
    return float(np.average((y - D @ b)[treated], weights=w[treated]))


@pytest.mark.parametrize("lost", [0.0, 0.15])
def test_imputation_equals_dummies_by_brute_force(lost):
    data = staggered_panel(5)
    data = data[np.random.default_rng(1).random(len(data)) >= lost]
    weights = 1 + (data["unit"] + data["time"]) % 3  # they vary over time
    for column in (None, "w"):
        study = event_study(data.assign(w=weights), *COLUMNS, method="imputation", weights=column)
        expected = by_dummies(data, weights if column else None)
        assert study.aggregate().estimate == pytest.approx(expected, abs=EXACT)


def test_imputation_and_two_stage_equal_diff_diff():
    data = staggered_panel(6)
    for method, other in (("imputation", dd.ImputationDiD()), ("two_stage", dd.TwoStageDiD())):
        fitted = other.fit(data, "y", "unit", "time", "first")
        study = event_study(data, *COLUMNS, method=method)
        mean = study.aggregate()
        assert mean.estimate == pytest.approx(fitted.overall_att, abs=EXACT)
        assert mean.std_error == pytest.approx(fitted.overall_se, abs=EXACT)
        horizons = fitted.aggregate("event_study").to_dataframe().query("event_time >= 0")
        np.testing.assert_allclose(study.horizons["estimate"], horizons["att"], atol=EXACT)
        np.testing.assert_allclose(study.horizons["std_error"], horizons["se"], atol=EXACT)
        cohorts = fitted.aggregate("group").to_dataframe()
        np.testing.assert_allclose(study.aggregate("group").parts["estimate"], cohorts["att"], atol=EXACT)


def two_way_by_dummies(data: pd.DataFrame) -> float:
    treated = ((data["first"] != 0) & (data["time"] >= data["first"])).to_numpy(float)
    D = np.column_stack(
        [treated, pd.get_dummies(data["unit"]).to_numpy(float), pd.get_dummies(data["time"]).to_numpy(float)]
    )
    return float(np.linalg.lstsq(D, data["y"].to_numpy(), rcond=None)[0][0])


@pytest.mark.parametrize("seed", range(4))
def test_bacon_adds_up_to_the_two_way_estimate(seed):
    data = staggered_panel(seed, n_units=30, cohorts=(0, -3, 2, 4, 7))  # -3 is before the panel
    table = bacon(data, *COLUMNS)
    expected = two_way_by_dummies(data)
    assert table["weight"].sum() == pytest.approx(1, abs=IDENTITY)
    assert (table["weight"] * table["estimate"]).sum() == pytest.approx(expected, abs=IDENTITY)
    assert table.attrs["two_way"] == pytest.approx(expected, abs=IDENTITY)
    assert set(table["kind"]) == set(kv.staggered.KINDS)


def test_bacon_weights_of_two_cohorts_by_hand():
    # One unit treated in period 1 of 0..2, one in period 2, no other. Shares 1/2 each, treated shares 2/3
    # and 1/3. Early against late: 1/4 * (1/3)(1/3); late against early: 1/4 * (1/3)(1/3): weights 1/2, 1/2.
    # y early 0, 1, 3; late 0, 0, 5. Early vs late in periods 0, 1: (1 - 0) - 0 = 1.
    # Late vs early in periods 1, 2: (5 - 0) - (3 - 1) = 3.
    data = pd.DataFrame({"unit": [1] * 3 + [2] * 3, "time": [0, 1, 2] * 2, "first": [1] * 3 + [2] * 3})
    table = bacon(data.assign(y=[0.0, 1, 3, 0, 0, 5]), *COLUMNS).set_index("kind")
    early = table.loc["earlier vs later (not yet treated)", ["weight", "estimate"]]
    late = table.loc["later vs earlier (already treated)", ["weight", "estimate"]]
    assert [*early, *late] == pytest.approx([0.5, 1.0, 0.5, 3.0], abs=IDENTITY)


def test_negative_weights_reproduce_the_estimate_from_true_effects():
    # Without noise the static estimate is the weighted sum of the cells' effects, with these weights.
    data = staggered_panel(9)
    effect = np.where(
        (data["first"] > 0) & (data["time"] >= data["first"]), 1.0 + (data["time"] - data["first"]) ** 2, 0.0
    )
    exact = data.assign(y=0.1 * data["unit"] - data["time"] + effect)
    found = negative_weights(exact, *COLUMNS)
    cells = found.weights.merge(
        exact.assign(effect=effect), left_on=["unit", "period"], right_on=["unit", "time"], validate="1:1"
    )
    assert found.weights["weight"].sum() == pytest.approx(1, abs=IDENTITY)
    assert (cells["weight"] * cells["effect"]).sum() == pytest.approx(found.estimate, abs=1e-9)
    assert found.estimate == pytest.approx(two_way_by_dummies(exact), abs=1e-9)


def test_two_way_is_biased_under_growing_effects_and_the_others_are_not():
    # No noise, effects 1, 2, 3, ...: every cell's effect is known.
    data = staggered_panel(2, cohorts=(0, 3, 6))
    treated = (data["first"] > 0) & (data["time"] >= data["first"])
    truth = (data["time"] - data["first"] + 1.0)[treated].mean()
    exact = data.assign(y=data["unit"] + np.where(treated, data["time"] - data["first"] + 1.0, 0.0))
    for method in kv.staggered.METHODS:
        mean = event_study(exact, *COLUMNS, method=method).aggregate().estimate
        assert mean == pytest.approx(truth, abs=1e-9), method
    assert two_way_by_dummies(exact) < 0.85 * truth


def test_sensitivity_equals_honest_did_on_diff_diffs_own_event_study():
    data = staggered_panel(3)
    study = event_study(data, *COLUMNS)
    ours = kv.staggered.sensitivity(study, (0.0, 1.0))
    fitted = dd.CallawaySantAnna(control_group="not_yet_treated", base_period="universal").fit(
        data, "y", "unit", "time", "first"
    )
    for row in ours.itertuples():
        bounds = dd.compute_honest_did(fitted.aggregate("event_study"), M=row.magnitude)
        np.testing.assert_allclose([row.set_low, row.set_high], [bounds.lb, bounds.ub], atol=1e-6)
    # Its interval takes the largest violation before treatment as known: right only where it does not count.
    plain = dd.compute_honest_did(fitted.aggregate("event_study"), M=0.0)
    np.testing.assert_allclose(
        [ours["conf_low"][0], ours["conf_high"][0]], [plain.ci_lb, plain.ci_ub], atol=1e-6
    )
    assert ours["conf_low"][1] < bounds.ci_lb
    assert ours["conf_high"][1] > bounds.ci_ub
    robust = kv.staggered.robust_relative_magnitudes(study, (0.0, 1.0))
    np.testing.assert_array_equal(ours["conf_low"], robust["conf_low"])


def test_pre_trend_test_is_a_wald_test():
    data = staggered_panel(3)
    study = event_study(data, *COLUMNS)
    test = kv.staggered.pre_trend_test(study, 3)
    picked = study.horizons["horizon"].between(-4, -2).to_numpy()
    b, V = study.horizons["estimate"].to_numpy()[picked], study.covariance[np.ix_(picked, picked)]
    assert test.statistic == pytest.approx(b @ np.linalg.inv(V) @ b)
    assert test.df == 3
    with pytest.raises(SpecificationError, match="no effects before"):
        kv.staggered.pre_trend_test(event_study(data, *COLUMNS, method="imputation"))


def test_randomisation_and_placebo():
    data = staggered_panel(3)
    found = randomisation_inference(data, *COLUMNS, n_draws=99)
    assert found.p_value == 0.01  # none of 99 draws is as far from zero
    assert found.estimate == pytest.approx(two_way_by_dummies(data), abs=IDENTITY)
    order = np.random.default_rng(1).permutation(60)
    first = data.drop_duplicates("unit")["first"].to_numpy()[order]
    assert found.draws[0] == pytest.approx(
        two_way_by_dummies(data.assign(first=np.repeat(first, 10))), abs=IDENTITY
    )
    null = placebo(data, *COLUMNS, shift=2)
    assert null.conf_low < 0 < null.conf_high
    # A trend before treatment is found out.
    rising = data.assign(y=data["y"] + np.where(data["first"] > 0, 0.5 * (data["time"] - data["first"]), 0))
    assert placebo(rising, *COLUMNS, shift=2).conf_low > 0


@pytest.mark.parametrize("code", [0, np.nan, np.inf, 999])
def test_never_treated_may_be_zero_missing_infinite_or_later(code):
    data = staggered_panel(3)
    expected = event_study(data, *COLUMNS).horizons
    recoded = data.assign(first=data["first"].astype(float).replace(0, code))
    pd.testing.assert_frame_equal(event_study(recoded, *COLUMNS).horizons, expected)


def test_results_do_not_depend_on_row_order_or_labels():
    data = staggered_panel(3)
    shuffled = data.sample(frac=1, random_state=1).assign(
        time=lambda d: d["time"] + 2000,
        first=lambda d: d["first"].where(d["first"] == 0, d["first"] + 2000),
        unit=lambda d: "u" + d["unit"].astype(str).str.zfill(3),
    )
    for method in ("callaway_santanna", "sun_abraham", "imputation"):
        first, second = (event_study(d, *COLUMNS, method=method).horizons for d in (data, shuffled))
        pd.testing.assert_frame_equal(first, second, rtol=1e-10)


def test_always_treated_are_left_out_and_named():
    data = staggered_panel(3)
    extra = data[data["unit"] < 2].assign(unit=lambda d: d["unit"] + 900, first=-5)
    expected = event_study(data, *COLUMNS).horizons
    with pytest.warns(DataWarning, match="900, 901"):
        found = event_study(pd.concat([data, extra]), *COLUMNS).horizons
    pd.testing.assert_frame_equal(found, expected)


def test_cohort_of_one_is_named_and_has_no_error_of_its_own():
    data = staggered_panel(3)
    data.loc[data["unit"] == 0, "first"] = 8
    with pytest.warns(DataWarning, match=r"cohort\(s\) of one unit \(8\)"):
        study = event_study(data, *COLUMNS)
    parts = study.aggregate("group").parts.set_index("group")
    assert np.isfinite(parts["estimate"]).all()
    assert parts.index[parts["std_error"].isna()].tolist() == [8]
    assert np.isfinite(study.aggregate("group").std_error)


@pytest.mark.parametrize("method", ["callaway_santanna", "imputation", "two_stage"])
def test_period_without_untreated_unit_is_named(method):
    data = staggered_panel(3, cohorts=(3, 6))
    with pytest.raises(SpecificationError, match=r"4 period\(s\) \(6, 7, 8, 9\).*before 6"):
        event_study(data, *COLUMNS, method=method)
    with pytest.raises(SpecificationError, match="no never treated"):
        event_study(data, *COLUMNS, method="sun_abraham")
    shorter = data[data["time"] < 6]
    assert np.isfinite(event_study(shorter, *COLUMNS, method=method).aggregate().estimate)


def test_unbalanced_months_are_named_or_used():
    data = staggered_panel(3).query("not (unit == 7 and time == 5)")
    with pytest.raises(InvalidDataError, match="7 5"):
        bacon(data, *COLUMNS)
    with pytest.warns(DataWarning, match="1 unit.*left out: 7"):
        found = event_study(data, *COLUMNS).horizons
    expected = event_study(data[data["unit"] != 7], *COLUMNS).horizons
    pd.testing.assert_frame_equal(found, expected)
    study = event_study(data, *COLUMNS, method="imputation")
    assert study.aggregate().estimate == pytest.approx(by_dummies(data), abs=EXACT)


def test_constant_weights_equal_repeated_units():
    data = staggered_panel(3)
    weights = 1 + data["unit"] % 3
    repeated = pd.concat(
        [data[weights > k].assign(unit=lambda d, k=k: d["unit"] + 1000 * k) for k in range(3)]
    )
    ours = event_study(data.assign(w=weights), *COLUMNS, weights="w")
    check = event_study(repeated, *COLUMNS)
    for kind in kv.staggered.AGGREGATIONS:
        assert ours.aggregate(kind).estimate == pytest.approx(check.aggregate(kind).estimate, abs=EXACT)


def test_weights_that_vary_are_refused_by_name():
    data = staggered_panel(3).assign(w=1.0)
    data.loc[(data["unit"] == 4) & (data["time"] == 6), "w"] = 2.0
    for method in ("callaway_santanna", "two_stage"):
        with pytest.raises(InvalidDataError, match="4: 1, but 2 in 6"):
            event_study(data, *COLUMNS, method=method, weights="w")
    assert np.isfinite(event_study(data, *COLUMNS, method="imputation", weights="w").aggregate().estimate)


def test_bad_input_is_named():
    data = staggered_panel(3)
    changing = data.copy()
    changing.loc[5, "first"] = 9
    for bad, message in (
        (changing, "constant in a unit"),
        (pd.concat([data, data.query("unit == 3 and time == 4")]), "unit 3 time 4"),
        (data.assign(y=data["y"].where(data["unit"] != 2, np.inf)), "infinite in 10 row"),
        (data[data["time"] != 5], "after 4"),
    ):
        with pytest.raises(InvalidDataError, match=message):
            event_study(bad, *COLUMNS)
    with pytest.raises(SpecificationError, match="becomes treated"):
        event_study(data.assign(first=0), *COLUMNS)
    with pytest.raises(SpecificationError, match="known: callaway_santanna"):
        event_study(data, *COLUMNS, method="stacked")
    with pytest.raises(SpecificationError, match="known: simple"):
        event_study(data, *COLUMNS).aggregate("total")


@pytest.mark.parametrize("classes", [None, np.arange(24) % 12])
@pytest.mark.parametrize("kind", ["complete", "holes", "weights", "two islands"])
def test_projector_equals_dummies(classes, kind):
    rng = np.random.default_rng(8)
    weights = np.ones((15, 24))
    if kind != "complete":
        weights = (rng.random((15, 24)) > 0.2) * 1.0
    if kind == "weights":
        weights *= rng.random((15, 24))
    if kind == "two islands":
        weights[:7, 12:] = weights[7:, :12] = 0.0
    columns = rng.normal(size=(2, 15, 24))
    projector = build_projector(weights, classes)
    codes = np.arange(24) if classes is None else classes
    D = np.column_stack(
        [np.kron(np.eye(15), np.ones((24, 1))), np.tile(np.eye(codes.max() + 1)[codes], (15, 1))]
    )
    root = np.sqrt(weights.ravel())
    b = np.linalg.lstsq(D * root[:, None], columns.reshape(2, -1).T * root[:, None], rcond=None)[0]
    expected = (columns.reshape(2, -1) - (D @ b).T) * (root > 0)
    np.testing.assert_allclose(projector.residuals(columns).reshape(2, -1), expected, atol=1e-10)
    assert projector.n_effects == np.linalg.matrix_rank(D * root[:, None])
