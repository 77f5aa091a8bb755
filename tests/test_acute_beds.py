"""The demand model against the general estimators, statsmodels' Poisson regression and its known truth."""

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import kostnadsvekst as kv
from kostnadsvekst.analysis.acute_beds.effect_path import find_effect_path, printed_estimates, targets
from kostnadsvekst.analysis.acute_beds.truth import monthly_truth
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.models import inference
from kostnadsvekst.models.acute_beds import DEMAND, OUTCOMES, SUPPLY
from kostnadsvekst.models.balanced.ar1 import fit_ar1_complete, fit_ar1_with_gaps
from kostnadsvekst.provenance import provenance_of
from kostnadsvekst.synthetic.acute_beds import CELLS, DEFAULT_SEED, EffectPath, simulate

MAIN = "admissions_acute_internal_80plus"
EXACT = 1e-10
# The search for rho rounds period dummies to single precision in one engine and not in the other.
SINGLE_PRECISION = 1e-6


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return kv.acute_beds.load_panel()


@pytest.fixture(scope="module")
def small() -> pd.DataFrame:
    """Sixty municipalities, three years, some zero months."""
    panel = simulate(5, n_municipalities=60).panel
    return panel[panel["month"].between("2011-06", "2014-05")].reset_index(drop=True)


def long_form(panel: pd.DataFrame, outcome: str) -> pd.DataFrame:
    frame = panel[["municipality", "month"]].copy()
    frame["bed"] = (panel["month"] >= panel["first_month"].fillna("9999")).astype(float)
    for name in (*SUPPLY, *DEMAND):
        frame[f"log_{name}"] = np.log(panel[name])
    frame["season"] = panel["month"].str[-2:]
    # From zero: after a gap xtregar's transform of a constant is not constant, so the origin matters.
    months = pd.PeriodIndex(panel["month"], freq="M")
    frame["trend"] = np.asarray((months - months.min()).map(lambda gap: gap.n)) / 12.0
    counts = panel[list(kv.acute_beds.base_cells(outcome))].sum(axis=1)
    return frame.assign(count=counts, y=np.log(counts.where(counts > 0)))


TERMS = ("bed", *(f"log_{name}" for name in (*SUPPLY, *DEMAND)))
TIME_TERMS = {"month": ("C(month)",), "season": ("C(season)",), "season_trend": ("C(season)", "trend")}


@pytest.mark.parametrize("time_effects", list(TIME_TERMS))
@pytest.mark.parametrize("outcome", [MAIN, "day_stays_all_surgery_all"])
def test_equals_the_within_estimator_with_dummies(small, time_effects, outcome):
    spec = kv.Specification("y", (*TERMS, *TIME_TERMS[time_effects]), "municipality", "month")
    frame = long_form(small, outcome)
    check = kv.estimate(spec, frame.dropna())
    for covariance in ("classical", "cluster"):
        ours = kv.acute_beds.estimate_effects(
            small, [outcome], covariance=covariance, time_effects=time_effects
        ).iloc[0]
        V = check.inference.matrix
        if covariance == "cluster":
            V = inference.clustered(check.fit, check.fit.entities, "xtreg").matrix
        assert ours["estimate"] == pytest.approx(check.coefficients.loc["bed", "estimate"], abs=EXACT)
        assert ours["std_error"] == pytest.approx(np.sqrt(V[0, 0]), abs=EXACT)
        assert ours["n_obs"] == check.n_obs
    assert ours["df"] == check.df_resid or covariance == "cluster"
    assert ours["n_zero"] == frame["y"].isna().sum()


@pytest.mark.parametrize("time_effects", list(TIME_TERMS))
def test_ar1_equals_estimate_ar1_with_dummies_and_gaps(small, time_effects):
    ours = kv.acute_beds.estimate_effects(
        small, [MAIN], covariance="classical", ar1=True, time_effects=time_effects
    ).iloc[0]
    spec = kv.Specification("y", (*TERMS, *TIME_TERMS[time_effects]), "municipality", "month")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        check = kv.estimate_ar1(spec, long_form(small, MAIN))
    row = check.coefficients.loc["bed"]
    found = [ours["rho"], ours["estimate"], ours["std_error"]]
    np.testing.assert_allclose(found, [check.rho, row["estimate"], row["std_error"]], atol=SINGLE_PRECISION)
    assert (ours["n_obs"], ours["df"]) == (check.n_obs, check.df_resid)


def test_ar1_on_a_complete_grid_equals_the_general_grid():
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(2, 20, 30)), rng.normal(size=(3, 20, 30)).cumsum(-1)
    everywhere = np.ones((20, 30), dtype=bool)
    for y, fit in zip(Y, fit_ar1_complete(Y, X), strict=True):
        check = fit_ar1_with_gaps(y, X, everywhere, np.arange(30))
        assert fit.rho == pytest.approx(check.rho, abs=SINGLE_PRECISION)
        np.testing.assert_allclose(fit.coefficients, check.coefficients, atol=SINGLE_PRECISION)
        np.testing.assert_allclose(fit.clustered, check.clustered, rtol=1e-5)
        assert fit.df_resid == check.df_resid


@pytest.mark.parametrize("time_effects", ["month", "season"])
def test_poisson_equals_statsmodels_with_dummies(small, time_effects):
    units = small["municipality"].unique()[-30:]
    part = small[small["municipality"].isin(units) & (small["month"] < "2013-06")]
    outcome = "day_stays_acute_internal_80plus"  # rare: some municipalities have none at all
    with pytest.warns(DataWarning, match=r"4 municipality\(ies\) \(S038, S052, S057, S060\)"):
        ours = kv.acute_beds.estimate_effects(
            part, [outcome], estimator="poisson", time_effects=time_effects
        ).iloc[0]
    frame = long_form(part, outcome)
    n_rows = len(frame)
    frame = frame[frame.groupby("municipality")["count"].transform("sum") > 0]
    period = "month" if time_effects == "month" else "season"
    frame = frame[frame.groupby(period)["count"].transform("sum") > 0]
    dummies = [pd.get_dummies(frame["municipality"]), pd.get_dummies(frame[period], drop_first=True)]
    D = np.column_stack([frame[list(TERMS)].to_numpy(), *[d.to_numpy(float) for d in dummies]])
    D[:, 1 : len(TERMS)] -= D[:, 1 : len(TERMS)].mean(axis=0)
    fit = sm.GLM(frame["count"].to_numpy(), D, family=sm.families.Poisson()).fit(tol=1e-12, maxiter=100)
    assert ours["estimate"] == pytest.approx(fit.params[0], abs=1e-7)
    codes = pd.factorize(frame["municipality"])[0]
    scores = D * (frame["count"].to_numpy() - fit.mu)[:, None]
    sums = np.stack([scores[codes == c].sum(0) for c in range(codes.max() + 1)])
    bread = np.linalg.inv((D * fit.mu[:, None]).T @ D)
    n = len(sums)
    V = n / (n - 1) * bread @ sums.T @ sums @ bread
    assert ours["std_error"] == pytest.approx(np.sqrt(V[0, 0]), rel=1e-6)
    assert ours["n_municipalities"] == n < 30
    assert ours["n_separated"] == n_rows - len(frame) > 0


def test_default_panel_prints_the_reports_two_numbers():
    assert [f"{x:.1f}" for x in printed_estimates(DEFAULT_SEED, EffectPath())] == ["-1.9", "-4.0"]
    assert [f"{target:.1f}" for target in targets()] == ["-1.9", "-4.0"]


@pytest.mark.slow
def test_effect_path_is_what_the_search_finds():
    found, used = find_effect_path(), EffectPath()
    assert (found.level, found.growth) == (
        pytest.approx(used.level, abs=5e-4),
        pytest.approx(used.growth, abs=5e-4),
    )


def test_panel_has_the_frame_of_the_report(panel):
    assert len(panel) == 425 * 96
    cumulative = kv.acute_beds.cumulative_adoption(panel)
    assert cumulative.iloc[-1] == 416
    assert 0 < cumulative.iloc[0] == cumulative.loc["2012-06"] < cumulative.loc["2012-07"]
    assert cumulative.is_monotonic_increasing
    assert (panel["data_origin"] == "synthetic").all()
    assert provenance_of(panel).synthetic
    assert not panel["municipality"].str.fullmatch(r"\d{4}").any()  # no real municipality number
    assert (panel[list(CELLS)] == 0).any().sum() >= 20  # small municipalities have months without a contact


def test_nothing_happens_on_elective_and_surgical_admissions_at_80_plus(panel):
    table = kv.acute_beds.estimate_effects(panel).set_index("outcome")
    assert len(table) == 18
    for outcome in ("admissions_elective_internal_80plus", "admissions_all_surgery_80plus"):
        assert table.loc[outcome, "p_value"] > 0.05
    assert table.loc[MAIN, "conf_high_percent"] < 0
    assert (table["data_origin"] == "synthetic").all()


def test_outcomes_add_up():
    assert len(OUTCOMES) == len(set(OUTCOMES)) == 81
    assert len(kv.acute_beds.base_cells("outpatient_all_all_all")) == 8
    grid = kv.acute_beds.to_grid(simulate(1, n_municipalities=20).panel)
    total = sum(kv.acute_beds.outcome_counts(grid, f"{c}_all_all_all").sum() for c in kv.acute_beds.CONTACTS)
    assert total == sum(grid.values[cell].sum() for cell in CELLS)


def test_the_same_seed_gives_the_same_panel_and_smaller_means_never_more():
    first, second = simulate(3, n_municipalities=30), simulate(3, n_municipalities=30)
    pd.testing.assert_frame_equal(first.panel, second.panel)
    none = simulate(3, EffectPath(0, 0), 30)
    assert (none.panel[MAIN] >= first.panel[MAIN]).all()
    unaffected = [c for c in CELLS if "acute_internal" not in c]
    pd.testing.assert_frame_equal(none.panel[unaffected], first.panel[unaffected])
    assert monthly_truth(none) == 0 > monthly_truth(first)


def test_poisson_counts_have_mean_and_variance_of_their_rate():
    panels = [simulate(s, EffectPath(0, 0), 40).panel[MAIN].to_numpy() for s in range(3)]
    for counts in panels:
        grid = counts.reshape(40, 96)
        # Variance over mean of a Poisson count mixed with modest variation of its rate: a little above one.
        ratio = np.median(grid.var(axis=1, ddof=1) / grid.mean(axis=1))
        assert 0.9 < ratio < 1.6


def test_row_order_and_files_do_not_matter(small, tmp_path):
    expected = kv.acute_beds.estimate_effects(small, [MAIN])
    shuffled = kv.acute_beds.estimate_effects(small.sample(frac=1, random_state=1), [MAIN])
    pd.testing.assert_frame_equal(expected, shuffled, rtol=1e-10)
    plain = pd.DataFrame(small.to_dict("series"))
    plain.to_csv(tmp_path / "panel.csv", index=False)
    plain.to_parquet(tmp_path / "panel.parquet")
    for name in ("panel.csv", "panel.parquet"):
        loaded = kv.acute_beds.load_panel(tmp_path / name)
        assert provenance_of(loaded).file == name
        assert provenance_of(loaded).synthetic  # a saved synthetic panel keeps its label
        found = kv.acute_beds.estimate_effects(loaded, [MAIN])
        assert found["effect_percent"].iloc[0] == pytest.approx(expected["effect_percent"].iloc[0], abs=1e-8)


def test_split_by_a_mechanism_equals_two_interactions(small):
    ours = kv.acute_beds.estimate_effects(
        small, [MAIN], covariance="classical", time_effects="month", split="physician_on_site"
    )
    frame = long_form(small, MAIN)
    with_doctor = small["physician_on_site"].fillna(0)
    frame = frame.assign(a=frame["bed"] * with_doctor, b=frame["bed"] * (1 - with_doctor)).drop(columns="bed")
    spec = kv.Specification("y", ("a", "b", *TERMS[1:], "C(month)"), "municipality", "month")
    check = kv.estimate(spec, frame.dropna()).coefficients
    np.testing.assert_allclose(ours["estimate"], check.loc[["a", "b"], "estimate"], atol=EXACT)
    assert ours["group"].tolist() == ["physician_on_site = 1", "physician_on_site = 0"]
    broken = small.assign(physician_on_site=small["physician_on_site"].mask(small["municipality"] == "S001"))
    with pytest.raises(InvalidDataError, match="S001"):
        kv.acute_beds.estimate_effects(broken, [MAIN], split="physician_on_site")


def test_quarters_add_months_and_keep_complete_municipalities(panel):
    quarters = kv.acute_beds.collapse_to_quarters(panel)
    n = quarters["municipality"].nunique()
    assert n + quarters.attrs["n_dropped"] == 425
    one = quarters[(quarters["municipality"] == "S010") & (quarters["quarter"] == "2013Q2")].iloc[0]
    months = panel[(panel["municipality"] == "S010") & panel["month"].between("2013-04", "2013-06")]
    assert one["count"] == months[MAIN].sum()
    assert str(one["first_quarter"]) == str(pd.Period(months["first_month"].iloc[0], "Q"))


def test_all_faults_of_a_file_are_reported_at_once(small, tmp_path):
    bad = pd.DataFrame(small.astype({MAIN: float, "gps_per_1000": float}).to_dict("series"))
    bad.loc[3, MAIN], bad.loc[4, MAIN], bad.loc[5, "gps_per_1000"] = -1, 2.5, 0
    bad.loc[6, "first_month"] = "2013-01"
    bad.to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(InvalidDataError) as caught:
        kv.acute_beds.load_panel(tmp_path / "bad.parquet")
    message = str(caught.value)
    for part in ("in 2 row(s): S001 2011-09", "gps_per_1000 is not a positive", "S001: first_month has 2"):
        assert part in message
    with pytest.raises(InvalidDataError, match="S002 month 2012-03"):
        kv.acute_beds.check_panel(
            pd.concat([small, small.query("municipality == 'S002' and month == '2012-03'")])
        )
    with pytest.raises(DataMissingError, match="gps_per_1000"):
        kv.acute_beds.check_panel(small.drop(columns="gps_per_1000"))


def test_choices_are_checked(small):
    for arguments, message in (
        ({"outcomes": ["admissions_acute"]}, "unknown outcome"),
        ({"outcomes": "some"}, "'all', 'report'"),
        ({"covariance": "hac"}, "classical, cluster"),
        ({"time_effects": "year"}, "season, month"),
        ({"estimator": "poisson", "ar1": True}, "without AR"),
    ):
        with pytest.raises(SpecificationError, match=message):
            kv.acute_beds.estimate_effects(small, **arguments)
    with pytest.raises(InvalidDataError, match="begins in 2011-06"):
        kv.acute_beds.estimate_effects(small, until="2009-12")
    nobody = small.assign(first_month=None)
    with pytest.raises(SpecificationError, match="not identified"):
        kv.acute_beds.estimate_effects(nobody, [MAIN])


# Rates, further controls, totals of one's own ----------


def with_distance(panel: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    units = panel["municipality"].unique()
    distance = dict(zip(units, np.exp(rng.normal(3, 1, len(units))), strict=True))
    return panel.assign(distance_to_hospital_km=panel["municipality"].map(distance))


@pytest.mark.parametrize(("age", "share"), [("80plus", 1), ("under80", -1), ("all", 0)])
def test_rates_per_inhabitant_take_population_as_denominator(small, age, share):
    outcome = f"admissions_acute_internal_{age}"
    ours = kv.acute_beds.estimate_effects(small, [outcome], per_inhabitant=True, time_effects="month").iloc[0]
    frame = long_form(small, outcome)
    part = {1: small["share_80_plus_percent"], -1: 100 - small["share_80_plus_percent"], 0: 100.0}[share]
    frame["y"] -= np.log(small["population"] * part)
    terms = [t for t in TERMS if t != "log_population"]
    spec = kv.Specification("y", (*terms, "C(month)"), "municipality", "month")
    check = kv.estimate(spec, frame.dropna())
    assert ours["estimate"] == pytest.approx(check.coefficients.loc["bed", "estimate"], abs=EXACT)
    assert ours["per_inhabitant"]
    # A count with log population as a control is another model.
    count = kv.acute_beds.estimate_effects(small, [outcome], time_effects="month").iloc[0]
    assert abs(count["estimate"] - ours["estimate"]) > 1e-6


@pytest.mark.filterwarnings("ignore::kostnadsvekst.errors.DataWarning")
def test_poisson_rates_are_an_offset(small):
    ours = kv.acute_beds.estimate_effects(small, [MAIN], estimator="poisson", per_inhabitant=True).iloc[0]
    frame = long_form(small, MAIN)
    frame = frame[frame.groupby("municipality")["count"].transform("sum") > 0]
    rows = small.loc[frame.index]
    terms = [t for t in TERMS if t != "log_population"]
    D = np.column_stack(
        [
            frame[terms] - frame[terms].mean(),
            pd.get_dummies(frame["municipality"]).to_numpy(float),
            pd.get_dummies(frame["season"], drop_first=True).to_numpy(float),
        ]
    )
    persons = np.log(rows["population"] * rows["share_80_plus_percent"] / 100).to_numpy()
    fit = sm.GLM(frame["count"].to_numpy(), D, family=sm.families.Poisson(), offset=persons)
    assert ours["estimate"] == pytest.approx(fit.fit(tol=1e-12, maxiter=100).params[0], abs=1e-7)


def test_a_control_enters_in_logs_or_with_time(small):
    frame = with_distance(small)
    ours = kv.acute_beds.estimate_effects(frame, [MAIN], controls=["distance_to_hospital_km"]).iloc[0]
    assert ours["controls"] == "log distance_to_hospital_km × years"
    long = long_form(frame, MAIN)
    far = np.log(frame["distance_to_hospital_km"])
    far -= far.groupby(frame["municipality"]).first().mean()
    fixed = kv.Specification("y", (*TERMS, "far", "C(season)"), "municipality", "month")
    check = kv.estimate(fixed, long.assign(far=far * long["trend"]).dropna())
    assert ours["estimate"] == pytest.approx(check.coefficients.loc["bed", "estimate"], abs=EXACT)
    moved = frame.assign(
        distance_to_hospital_km=frame["distance_to_hospital_km"].where(frame["month"] < "2013", 9)
    )
    ours = kv.acute_beds.estimate_effects(moved, [MAIN], controls=["distance_to_hospital_km"]).iloc[0]
    assert ours["controls"] == "log distance_to_hospital_km"
    check = kv.estimate(fixed, long.assign(far=np.log(moved["distance_to_hospital_km"])).dropna())
    assert ours["estimate"] == pytest.approx(check.coefficients.loc["bed", "estimate"], abs=EXACT)


def test_controls_that_cannot_be_are_named(small):
    frame = with_distance(small)
    without = small.drop(columns="distance_to_hospital_km")
    with pytest.raises(DataMissingError, match="distance_to_hospital_km"):
        kv.acute_beds.estimate_effects(without, [MAIN], controls=["distance_to_hospital_km"])
    frame.loc[40, "distance_to_hospital_km"] = 0
    with pytest.raises(InvalidDataError, match=r"1 row\(s\)\n  - S002 2011-10"):
        kv.acute_beds.estimate_effects(frame, [MAIN], controls=["distance_to_hospital_km"])
    with pytest.raises(SpecificationError, match="already: population"):
        kv.acute_beds.estimate_effects(small, [MAIN], controls=["population"])
    with pytest.raises(SpecificationError, match="sequence of names"):
        kv.acute_beds.estimate_effects(small, [MAIN], controls="distance_to_hospital_km")
    # Missing for a municipality: its rows are left out and counted.
    holes = with_distance(small)
    holes.loc[holes["municipality"] == "S007", "distance_to_hospital_km"] = np.nan
    ours = kv.acute_beds.estimate_effects(holes, [MAIN], controls=["distance_to_hospital_km"]).iloc[0]
    assert (ours["n_municipalities"], ours["n_missing"]) == (59, 36)


def test_table_says_rate_and_controls(small):
    effects = kv.acute_beds.estimate_effects(
        with_distance(small), [MAIN], per_inhabitant=True, controls=["distance_to_hospital_km"]
    )
    notes = kv.acute_beds.results(effects)[MAIN].facts.notes
    assert any("per innbygger" in note.nb for note in notes)
    assert any("× år" in note.nb and "× years" in note.en for note in notes)


def with_totals(panel, *totals):
    """Totals over all departments: internal medicine, surgery, and one contact more for every third row."""
    more = (np.arange(len(panel)) % 3 == 0).astype(int)
    return panel.assign(**{t: panel[list(kv.acute_beds.base_cells(t))].sum(axis=1) + more for t in totals})


def test_a_total_of_ones_own_is_not_forced_to_the_sum(small):
    total = "admissions_acute_all_80plus"
    frame = kv.acute_beds.check_panel(with_totals(small, total))
    assert kv.acute_beds.outcome_columns(total, frame.columns) == (total,)
    grid = kv.acute_beds.to_grid(frame)
    sums = sum(grid.values[c] for c in kv.acute_beds.base_cells(total))
    counts = kv.acute_beds.outcome_counts(grid, total)
    assert np.nansum(counts - sums) == np.ceil(len(frame) / 3)
    ours = kv.acute_beds.estimate_effects(frame, [total]).iloc[0]
    own = long_form(frame, total).assign(y=np.log(frame[total].where(frame[total] > 0)))
    check = kv.estimate(kv.Specification("y", (*TERMS, "C(season)"), "municipality", "month"), own.dropna())
    assert ours["estimate"] == pytest.approx(check.coefficients.loc["bed", "estimate"], abs=EXACT)
    # Departments themselves stay as they are.
    part = "admissions_acute_internal_80plus"
    assert kv.acute_beds.outcome_columns(part, frame.columns) == (part,)


def test_totals_by_age_add_up_and_half_of_them_do_not(small):
    both = ("admissions_acute_all_80plus", "admissions_acute_all_under80")
    frame = with_totals(small, *both)
    assert kv.acute_beds.outcome_columns("admissions_acute_all_all", frame.columns) == both[::-1]
    # Elective departments have no total: all admissions would be half a total and half a sum.
    with pytest.raises(SpecificationError, match="add the column 'admissions_all_all_80plus'"):
        kv.acute_beds.outcome_columns("admissions_all_all_80plus", frame.columns)
    with pytest.warns(DataWarning, match="neither a total nor a sum"):
        table = kv.acute_beds.estimate_effects(frame, ["admissions_all_all_80plus", both[0]])
    assert table["estimate"].isna().tolist() == [True, False]
    added = with_totals(frame, "admissions_all_all_80plus")
    assert kv.acute_beds.estimate_effects(added, ["admissions_all_all_80plus"])["refused"].item() == ""


def test_a_total_below_its_parts_is_a_fault(small):
    total = "admissions_acute_all_80plus"
    frame = with_totals(small, total)
    frame.loc[7, total] = -1 + frame.loc[7, list(kv.acute_beds.base_cells(total))].sum()
    with pytest.raises(
        InvalidDataError, match=r"smaller than the sum of its parts in 1 row\(s\): S001 2012-01"
    ):
        kv.acute_beds.check_panel(frame)
