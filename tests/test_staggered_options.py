"""Covariates, clusters, anticipation and first stages against csdid, pyfixest, diff-diff and brute force."""

import contextlib
import io
import warnings
from functools import cache
from importlib.resources import files

import diff_diff as dd
import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
from scipy.optimize import approx_fprime, root

import kostnadsvekst as kv
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.models.staggered.adjusted_contrasts import compare_adjusted

COLUMNS = ("y", "unit", "time", "first")
EXACT = 1e-8
# pyfixest's two stages stop at 1e-6 of the fixed effects.
ITERATED = 2e-5
ADJUSTMENTS = {"doubly_robust": "dr", "regression": "reg", "weighting": "ipw"}


@cache
def adoption(n_units=120, n_periods=8):
    """Selection on x, which also bends the path without treatment; states of about six units."""
    rng = np.random.default_rng(3)
    unit, time = np.divmod(np.arange(n_units * n_periods), n_periods)
    time = time + 1
    x, state = rng.normal(size=n_units), rng.integers(0, 20, n_units)
    first = np.where(rng.random(n_units) < 1 / (1 + np.exp(x)), 0, rng.choice([4, 5, 7], n_units))
    effect = np.where((first[unit] > 0) & (time >= first[unit]), 1 + 0.2 * (time - first[unit]), 0)
    common = rng.normal(size=20)[state][unit] * time * 0.1
    y = 0.2 * x[unit] * time + rng.normal(size=n_units)[unit] + common + effect
    return pd.DataFrame(
        {
            "unit": unit,
            "time": time,
            "first": first[unit],
            "y": y + rng.normal(size=len(unit)),
            "x": x[unit] + 0.3 * rng.normal(size=len(unit)),
            "ability": x[unit],
            "w": 1.0 + rng.integers(0, 3, n_units)[unit],
            "state": state[unit],
        }
    )


def by_csdid(data, adjustment, base, anticipation, weights, cluster, control="notyettreated"):
    from csdid.att_gt import ATTgt

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ATTgt(
            yname="y",
            tname="time",
            idname="unit",
            gname="first",
            data=data.copy(),
            control_group=[control],
            xformla="~x",
            weights_name=weights,
            anticipation=anticipation,
            clustervar=cluster,
        ).fit(est_method=ADJUSTMENTS[adjustment], bstrap=False, base_period=base)
        found = {}
        for kind in kv.staggered.AGGREGATIONS:
            model.aggte(typec=kind, bstrap=False, cband=False)
            found[kind] = [float(np.ravel(model.atte[k])[0]) for k in ("overall_att", "overall_se")]
    cells = {name: np.ravel(model.results[name]).astype(float) for name in ("group", "year", "att", "se")}
    return pd.DataFrame(cells), found


@pytest.mark.parametrize("adjustment", ADJUSTMENTS)
@pytest.mark.parametrize(
    ("base", "anticipation", "weights", "cluster"),
    [
        ("universal", 0, None, None),
        ("universal", 0, "w", "state"),
        ("universal", 2, "w", None),
        ("varying", 0, None, "state"),
        ("varying", 1, "w", None),
    ],
)
def test_callaway_santanna_with_covariates_equals_csdid(adjustment, base, anticipation, weights, cluster):
    data = adoption()
    study = kv.staggered.event_study(
        data,
        *COLUMNS,
        covariates=["x"],
        adjustment=adjustment,
        base_period=base,
        anticipation=anticipation,
        weights=weights,
        cluster=cluster,
    )
    cells, means = by_csdid(data, adjustment, base, anticipation, weights, cluster)
    both = study.group_time().merge(cells, left_on=["cohort", "period"], right_on=["group", "year"])
    assert len(both) == len(study.group_time()) == 21
    np.testing.assert_allclose(both[["estimate", "std_error"]], both[["att", "se"]], atol=EXACT)
    for kind, expected in means.items():
        mean = study.aggregate(kind)
        np.testing.assert_allclose([mean.estimate, mean.std_error], expected, atol=EXACT, err_msg=kind)


@pytest.mark.parametrize("control", kv.staggered.CONTROLS)
def test_covariates_with_either_control_equal_csdid(control):
    names = {"not_yet_treated": "notyettreated", "never_treated": "nevertreated"}
    cells, _ = by_csdid(adoption(), "doubly_robust", "universal", 1, None, None, names[control])
    study = kv.staggered.event_study(
        adoption(), *COLUMNS, control=control, covariates=["x"], anticipation=1
    ).group_time()
    both = study.merge(cells, left_on=["cohort", "period"], right_on=["group", "year"])
    np.testing.assert_allclose(both[["estimate", "std_error"]], both[["att", "se"]], atol=EXACT)
    assert len(both) == 21


@pytest.mark.parametrize("how", ADJUSTMENTS)
def test_adjusted_contrast_is_a_stacked_moment_estimator(how):
    """All steps solved at once as moment conditions; the sandwich by numerical derivatives."""
    rng = np.random.default_rng(7)
    n = 80
    X = np.column_stack([np.ones(n), rng.normal(size=n), rng.uniform(size=n)])
    D = (rng.random(n) < 1 / (1 + np.exp(-X[:, 1] / 2))).astype(float)
    w, change = rng.uniform(0.5, 2, n), X @ [1, 2, -1] + D + rng.normal(size=n)

    def moments(theta):
        gamma, beta, treated, controls = theta[:3], theta[3:6], theta[6], theta[7]
        score = 1 / (1 + np.exp(-X @ gamma))
        residual = change - X @ beta
        odds = w * (1 - D) * (score / (1 - score))
        steps = [X * (w * (D - score))[:, None], X * (w * (1 - D) * residual)[:, None]]
        if how == "regression":
            steps[0] = np.ones((n, 1)) * gamma
            odds = w * (1 - D)
        if how == "weighting":
            steps[1] = np.ones((n, 1)) * beta
        ends = [w * D * (residual - treated), odds * (residual - controls)]
        return np.column_stack([*steps, *ends])

    theta = root(lambda t: moments(t).sum(axis=0), np.zeros(8), tol=1e-13).x
    bread = np.stack([approx_fprime(theta, lambda t, j=j: moments(t)[:, j].sum(), 1e-7) for j in range(8)])
    influence = moments(theta) @ np.linalg.inv(bread).T @ [0, 0, 0, 0, 0, 0, 1, -1]
    found = compare_adjusted(change, X[:, 1:], w, D == 1, how)
    assert found.estimate == pytest.approx(theta[6] - theta[7], abs=1e-9)
    np.testing.assert_allclose(found.influence, -influence, atol=1e-6)


def test_doubly_robust_finds_the_effect_where_means_do_not():
    """The path without treatment rises with ability, and those with much of it are treated."""
    data = adoption(n_units=1500)
    plain, adjusted = (
        kv.staggered.event_study(data, *COLUMNS, covariates=c).aggregate() for c in ((), ("ability",))
    )
    treated = (data["first"] > 0) & (data["time"] >= data["first"])
    truth = (1 + 0.2 * (data["time"] - data["first"]))[treated].mean()
    assert plain.conf_low > truth
    assert adjusted.conf_low < truth < adjusted.conf_high


def test_comparisons_without_overlap_are_left_out_by_name():
    data = adoption().assign(z=lambda d: (d["first"] == 7) * 10.0 + d["x"])
    with pytest.warns(DataWarning, match=r"7 in 1: the covariates foretell who is treated"):
        study = kv.staggered.event_study(data, *COLUMNS, covariates=["z"])
    assert set(study.group_time()["cohort"]) == {4, 5}
    rest = kv.staggered.event_study(data, *COLUMNS, covariates=["z"], adjustment="regression")
    assert set(rest.group_time()["cohort"]) == {4, 5, 7}
    twice = data.assign(twice=2 * data["x"])
    for how in ADJUSTMENTS:
        with pytest.raises(SpecificationError, match=r"no effect is identified: 4 in 1: .* collinear"):
            kv.staggered.event_study(twice, *COLUMNS, covariates=["x", "twice"], adjustment=how)


def test_a_category_is_a_set_of_dummies():
    data = adoption().assign(group=lambda d: np.where(d["unit"] % 3 == 0, "a", "b"))
    named = kv.staggered.event_study(data, *COLUMNS, covariates=["C(group)"])
    numeric = kv.staggered.event_study(
        data.assign(b=(data["group"] == "b") * 1.0), *COLUMNS, covariates=["b"]
    )
    np.testing.assert_allclose(named.effects.effect, numeric.effects.effect, atol=EXACT)
    assert "Adjusted for C(group)" in [note.en for note in named.facts.notes]


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("cluster", ["unit", "state"])
def test_sun_abraham_with_a_covariate_equals_pyfixest(weights, cluster):
    data = adoption()
    study = kv.staggered.event_study(
        data, *COLUMNS, method="sun_abraham", covariates=["x"], weights=weights, cluster=cluster
    )
    cells = [(g, t) for g in (4, 5, 7) for t in range(1, 9) if t != g - 1]
    dummies = {f"d{g}{t}": ((data["first"] == g) & (data["time"] == t)) * 1.0 for g, t in cells}
    formula = f"y ~ x + {' + '.join(dummies)} | unit + time"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = pf.feols(formula, data.assign(**dummies), vcov={"CRV1": cluster}, weights=weights)
    frame = study.group_time()
    assert list(zip(frame["cohort"], frame["period"], strict=True)) == cells
    np.testing.assert_allclose(frame["estimate"], fit.coef()[list(dummies)], atol=EXACT)
    np.testing.assert_allclose(frame["std_error"], fit.se()[list(dummies)], atol=EXACT)


@pytest.mark.parametrize("anticipation", [0, 1])
@pytest.mark.parametrize("covariates", [(), ("x",)])
@pytest.mark.parametrize("cluster", [None, "state"])
def test_imputation_and_two_stage_with_options_equal_diff_diff(anticipation, covariates, cluster):
    data = adoption()
    for method, other in (("imputation", dd.ImputationDiD), ("two_stage", dd.TwoStageDiD)):
        fitted = other(anticipation=anticipation, cluster=cluster).fit(
            data, "y", "unit", "time", "first", covariates=list(covariates) or None
        )
        study = kv.staggered.event_study(
            data, *COLUMNS, method, covariates=covariates, cluster=cluster, anticipation=anticipation
        )
        expected = fitted.aggregate("event_study").to_dataframe().set_index("event_time")
        ours = study.horizons.set_index("horizon")
        assert ours.index.min() == -anticipation
        expected = expected.loc[ours.index]
        np.testing.assert_allclose(ours["estimate"], expected["att"], atol=EXACT)
        # Clusters that hold several units of a cell: diff-diff takes residuals around a mean over units,
        # the paper (and we, see the direct solve) around one over clusters.
        if method == "two_stage" or cluster is None:
            np.testing.assert_allclose(ours["std_error"], expected["se"], atol=EXACT)


@cache
def heterogeneous():
    """Butts' example data, from the R package did2s, as pyfixest has them."""
    data = pd.read_csv(files("pyfixest") / "did" / "data" / "df_het.csv")
    return data.assign(w=1.0 + data["unit"] % 3, x=np.sin(data.index))


def test_two_stage_with_state_effects_and_clusters_is_as_published():
    """README of did2s: first stage ~ 0 | state + year, clusters by state: 2.152 (0.0476)."""
    study = kv.staggered.event_study(
        heterogeneous(),
        *("dep_var", "unit", "year", "g", "two_stage"),
        first_stage=("state", "year"),
        cluster="state",
    )
    mean = study.aggregate()
    assert f"{mean.estimate:.3f} ({mean.std_error:.4f})" == "2.152 (0.0476)"
    assert study.n_obs == 46_500
    assert [(e.name, e.count) for e in study.facts.effects] == [("state", 40), ("year", 31)]
    assert study.facts.covariance.n_clusters == (40,)


@pytest.mark.parametrize(
    ("first_stage", "formula", "covariates", "weights"),
    [
        (None, "~ 0 | unit + year", (), None),
        (("state", "year"), "~ 0 | state + year", (), "w"),
        (("unit", "year"), "~ x | unit + year", ("x",), "w"),
    ],
)
def test_two_stage_equals_pyfixest(first_stage, formula, covariates, weights):
    data = heterogeneous().query("unit % 4 == 0")
    study = kv.staggered.event_study(
        data,
        *("dep_var", "unit", "year", "g", "two_stage"),
        first_stage=first_stage,
        covariates=covariates,
        weights=weights,
        cluster="state",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = pf.did2s(data, "dep_var", formula, "~i(treat, ref=False)", "treat", "state", weights=weights)
        path = pf.did2s(data, "dep_var", formula, "~i(rel_year, ref=-1.0)", "treat", "state", weights=weights)
    mean = study.aggregate()
    np.testing.assert_allclose(mean.estimate, fit.coef().iloc[0], atol=ITERATED)
    np.testing.assert_allclose(mean.std_error, fit.se().iloc[0], atol=ITERATED)
    terms = [f"rel_year::{h}.0" for h in study.horizons["horizon"]]
    np.testing.assert_allclose(study.horizons["estimate"], path.coef()[terms], atol=ITERATED)
    np.testing.assert_allclose(study.horizons["std_error"], path.se()[terms], atol=ITERATED)


@pytest.mark.parametrize("method", ["imputation", "two_stage"])
def test_combined_effects_of_a_first_stage_equal_dummies(method):
    data = adoption().assign(region=lambda d: d["unit"] % 4)
    data = data[(data["unit"] + 3 * data["time"]) % 11 > 0].reset_index(drop=True)
    study = kv.staggered.event_study(
        data, *COLUMNS, method=method, first_stage=("unit", "region^time"), covariates=["x"]
    )
    treated = ((data["first"] > 0) & (data["time"] >= data["first"])).to_numpy()
    both = data["region"] * 100 + data["time"]
    D = np.column_stack(
        [pd.get_dummies(data["unit"]).to_numpy(float), pd.get_dummies(both).to_numpy(float), data["x"]]
    )
    b = np.linalg.lstsq(D[~treated], data["y"][~treated], rcond=None)[0]
    assert study.aggregate().estimate == pytest.approx((data["y"] - D @ b)[treated].mean(), abs=EXACT)
    assert [e.name for e in study.facts.effects] == ["unit", "region^time"]


def test_a_first_stage_without_effects_of_units_says_so():
    data = adoption().assign(cell=lambda d: d["unit"] % 4 * 100 + d["time"])
    with pytest.warns(DataWarning, match="units have none of their own beside cell$"):
        alone = kv.staggered.event_study(data, *COLUMNS, "two_stage", first_stage=("cell",))
    whole = kv.staggered.event_study(data, *COLUMNS, "two_stage", first_stage=("unit", "time", "cell"))
    assert abs(alone.aggregate().estimate - whole.aggregate().estimate) > 0.01


def test_options_that_do_not_fit_are_refused():
    data = adoption()
    for options, message in (
        ({"first_stage": ("state", "time")}, "callaway_santanna has no first stage"),
        ({"first_stage": "state", "method": "two_stage"}, "must be a sequence"),
        ({"first_stage": (), "method": "imputation"}, "must be a sequence"),
        ({"covariates": "x"}, r"a sequence of columns, such as \['x'\]"),
        ({"anticipation": -1}, "whole number"),
        ({"anticipation": 0.5}, "whole number"),
        ({"adjustment": "matching"}, "known: doubly_robust, regression, weighting"),
    ):
        with pytest.raises(SpecificationError, match=message):
            kv.staggered.event_study(data, *COLUMNS, **options)
    with pytest.raises(DataMissingError, match="'county'"):
        kv.staggered.event_study(data, *COLUMNS, method="two_stage", first_stage=("unit", "county^time"))
    moving = data.assign(state=np.where((data["unit"] == 7) & (data["time"] == 3), 99, data["state"]))
    with pytest.raises(InvalidDataError, match=r"'state' must be constant in a unit.*\n  - unit 7"):
        kv.staggered.event_study(moving, *COLUMNS, cluster="state")
    lost = data.assign(state=data["state"].astype(float).where(data["unit"] != 7))
    with pytest.raises(InvalidDataError, match=r"clusters 'state' are missing in 8 row.*\n  - unit 7 time 1"):
        kv.staggered.event_study(lost, *COLUMNS, cluster="state")
    text = data.assign(x=np.where(data["unit"] == 7, "1,5", "2.5"))
    with pytest.raises(InvalidDataError, match="'x' has text in 8 row"):
        kv.staggered.event_study(text, *COLUMNS, covariates=["x"])


def test_rows_without_a_covariate_are_left_out_by_name():
    data = adoption().assign(x=lambda d: d["x"].where((d["unit"] != 7) | (d["time"] != 3)))
    with pytest.warns(DataWarning, match=r"1 row\(s\) without a covariate .*: unit 7 time 3"):
        study = kv.staggered.event_study(data, *COLUMNS, method="imputation", covariates=["x"])
    rest = kv.staggered.event_study(data.dropna(), *COLUMNS, method="imputation", covariates=["x"])
    pd.testing.assert_frame_equal(study.horizons, rest.horizons)
    assert study.n_obs == len(data) - 1


# Anticipation ----------


def long(units, start=2000):
    rows = [
        (unit, start + t, first, float(y)) for unit, (first, ys) in units.items() for t, y in enumerate(ys)
    ]
    return pd.DataFrame(rows, columns=["unit", "time", "first", "y"])


# Treated in 2003, and 2 better off a year before; from 2003 on by 5 and 6. Nothing else happens.
EARLY = long(
    {
        "a": (2003, [1, 1, 3, 6, 7]),
        "b": (2003, [4, 4, 6, 9, 10]),
        "c": (None, [0, 0, 0, 0, 0]),
        "d": (None, [9, 9, 9, 9, 9]),
    }
)


@pytest.mark.parametrize("method", kv.staggered.METHODS)
def test_anticipation_by_hand(method):
    study = kv.staggered.event_study(EARLY, *COLUMNS, method=method, anticipation=1)
    table = study.horizons.set_index("horizon")["estimate"]
    assert table.loc[[-1, 0, 1]].tolist() == pytest.approx([2.0, 5.0, 6.0])
    assert study.aggregate().estimate == pytest.approx(5.5)
    if method in ("callaway_santanna", "sun_abraham"):
        assert table.index.tolist() == [-3, -1, 0, 1]
        assert table.loc[-3] == pytest.approx(0.0)
    # Without it what they had before counts as no effect.
    blind = kv.staggered.event_study(EARLY, *COLUMNS, method=method).aggregate().estimate
    assert blind == pytest.approx(5.5 - (2.0 if method in ("callaway_santanna", "sun_abraham") else 2 / 3))


@pytest.mark.parametrize("method", kv.staggered.METHODS)
def test_who_is_to_be_treated_soon_after_the_panel_is_no_control_then(method):
    """E is treated the year after the panel and moves in its last year: with one year of anticipation."""
    soon = pd.concat([EARLY, long({"e": (2005, [5, 5, 5, 5, 500]), "f": (2005, [7, 7, 7, 7, 700])})])
    study = kv.staggered.event_study(soon, *COLUMNS, method=method, anticipation=1)
    assert study.horizons.set_index("horizon")["estimate"].loc[[0, 1]].tolist() == pytest.approx([5.0, 6.0])
    far = soon.assign(first=soon["first"].replace(2005, 2006))
    spoiled = kv.staggered.event_study(far, *COLUMNS, method=method, anticipation=1)
    assert abs(spoiled.aggregate().estimate - 5.5) > 10


def test_units_that_anticipate_from_the_start_are_left_out_by_name():
    warned = pytest.warns(DataWarning, match=r"first period on \(or 3 before it\) .*: a, b")
    with warned, pytest.raises(SpecificationError, match="no unit becomes treated"):
        kv.staggered.event_study(EARLY, *COLUMNS, anticipation=3)


# Tests before treatment, and sensitivity ----------


@pytest.mark.parametrize("anticipation", [0, 1])
@pytest.mark.parametrize(("base", "last"), [("universal", -2), ("varying", -1)])
def test_pre_trend_test_takes_the_horizons_of_its_base(base, last, anticipation):
    study = kv.staggered.event_study(adoption(), *COLUMNS, base_period=base, anticipation=anticipation)
    last -= anticipation
    table = study.horizons
    for horizons, expected in (
        (1, [last]),
        (2, [last - 1, last]),
        (None, [h for h in table["horizon"] if h <= last]),
    ):
        at = [i for i, h in enumerate(table["horizon"]) if h in expected]
        b, V = table["estimate"].to_numpy()[at], study.covariance[np.ix_(at, at)]
        test = kv.staggered.pre_trend_test(study, horizons)
        assert test.df == len(expected)
        assert test.statistic == pytest.approx(b @ np.linalg.inv(V) @ b)


def test_pre_trend_test_with_too_few_clusters_says_so():
    data = adoption().assign(state=lambda d: d["unit"] % 3)
    study = kv.staggered.event_study(data, *COLUMNS, cluster="state")
    assert len(study.horizons.query("horizon < -1")) == 5
    with pytest.warns(DataWarning, match="5 horizons has rank [23], .*: [23] of their combinations"):
        assert kv.staggered.pre_trend_test(study).df <= 3
    assert kv.staggered.pre_trend_test(study, 1).df == 1


def test_sensitivity_refuses_changes_from_period_to_period():
    varying = kv.staggered.event_study(adoption(), *COLUMNS, base_period="varying")
    with pytest.raises(SpecificationError, match="base_period='universal'"):
        kv.staggered.sensitivity(varying)
    # Sun and Abraham have one base period, whatever is said of Callaway and Sant'Anna's.
    first, second = (
        kv.staggered.event_study(adoption(), *COLUMNS, method="sun_abraham", base_period=base)
        for base in kv.staggered.BASE_PERIODS
    )
    pd.testing.assert_frame_equal(
        kv.staggered.sensitivity(first, (1.0,), 2), kv.staggered.sensitivity(second, (1.0,), 2)
    )
    assert kv.staggered.pre_trend_test(first, 1) == kv.staggered.pre_trend_test(second, 1)


def test_sensitivity_with_anticipation_by_hand():
    # From the base -2: horizons -1, 0, 1 may drift by 1, 2, 3 steps; the mean is over 0 and 1.
    study = kv.staggered.event_study(adoption(), *COLUMNS, anticipation=1)
    estimate = study.horizons.set_index("horizon")["estimate"]
    largest = np.abs(np.diff([estimate.loc[-3], 0.0])).max()
    found = kv.staggered.sensitivity(study, (0.0, 1.0), window=1).set_index("magnitude")
    mean = estimate.loc[0:1].mean()
    assert found.loc[0.0, ["set_low", "set_high"]].tolist() == pytest.approx([mean, mean], abs=1e-6)
    assert found.loc[1.0, "set_high"] == pytest.approx(mean + 2.5 * largest, abs=1e-6)
    assert found.loc[1.0, "set_low"] == pytest.approx(mean - 2.5 * largest, abs=1e-6)
    own = kv.staggered.robust_relative_magnitudes(study, (0.0, 1.0), window=1).set_index("magnitude")
    np.testing.assert_allclose(own[["set_low", "set_high"]], found[["set_low", "set_high"]], atol=1e-6)
    varying = kv.staggered.event_study(adoption(), *COLUMNS, base_period="varying")
    with pytest.raises(SpecificationError, match="base_period='universal'"):
        kv.staggered.robust_relative_magnitudes(varying)


def test_horizons_without_an_error_are_not_tested_but_named():
    data = adoption().copy()
    data.loc[data["unit"] == 0, "first"] = 8
    with pytest.warns(DataWarning, match=r"one unit \(8\)"):
        study = kv.staggered.event_study(data, *COLUMNS)
    table = study.horizons.set_index("horizon")
    assert table.index[table["std_error"].isna()].tolist() == [-7]
    with pytest.warns(DataWarning, match="are not tested: -7"):
        assert kv.staggered.pre_trend_test(study).df == 5
    with pytest.raises(SpecificationError, match=r"missing are \[-7\]"):
        kv.staggered.sensitivity(study)
    assert len(kv.staggered.sensitivity(study, (1.0,), window=4)) == 1


# The frame of effects ----------


def test_frame_of_effects_by_cohort_and_period():
    study = kv.staggered.event_study(EARLY, *COLUMNS)
    frame = study.group_time()
    assert frame["cohort"].tolist() == [2003] * 4
    assert frame["period"].tolist() == [2000, 2001, 2003, 2004]
    assert frame["horizon"].tolist() == [-3, -2, 0, 1]
    assert frame["estimate"].tolist() == pytest.approx([-2.0, -2.0, 3.0, 4.0])
    assert frame[["n_treated", "n_control"]].to_numpy().tolist() == [[2, 2]] * 4
    # One cohort: an effect by cohort and period is that of its horizon.
    shared = ["estimate", "std_error", "conf_low", "conf_high"]
    np.testing.assert_allclose(frame[shared], study.horizons[shared], rtol=1e-12)


@pytest.mark.parametrize("method", kv.staggered.METHODS)
def test_a_cohort_of_one_unit_or_cluster_has_no_error_of_its_own(method):
    data = adoption().copy()
    data.loc[data["unit"] == 0, "first"] = 8
    with pytest.warns(DataWarning, match=r"cohort\(s\) of one unit \(8\)"):
        study = kv.staggered.event_study(data, *COLUMNS, method=method)
    frame = study.group_time()
    assert (frame["std_error"].isna() == (frame["cohort"] == 8)).all()
    assert (frame["conf_low"].isna() == (frame["cohort"] == 8)).all()
    assert np.isfinite(frame["estimate"]).all()
    for kind in kv.staggered.AGGREGATIONS:
        assert study.aggregate(kind).std_error > 0.01
    together = adoption().assign(state=lambda d: np.where(d["first"] == 7, 99, d["state"]))
    with pytest.warns(DataWarning, match=r"cohort\(s\) of one cluster \(7\)"):
        clustered = kv.staggered.event_study(together, *COLUMNS, method=method, cluster="state")
    frame = clustered.group_time()
    assert (frame["std_error"].isna() == (frame["cohort"] == 7)).all()


@pytest.mark.parametrize("method", kv.staggered.METHODS)
def test_one_treated_unit_alone_has_an_effect_but_no_error(method):
    data = EARLY[EARLY["unit"] != "b"]
    with pytest.warns(DataWarning, match=r"cohort\(s\) of one unit \(2003\)"):
        study = kv.staggered.event_study(data, *COLUMNS, method=method)
    mean = study.aggregate()
    assert np.isfinite(mean.estimate)
    assert np.isnan([mean.std_error, mean.conf_low, mean.conf_high]).all()
    assert study.horizons["std_error"].isna().all()
    assert study.coefficients["p_value"].isna().all()
