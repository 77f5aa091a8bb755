"""Fixed effects with AR(1) disturbances against printed Stata output and a computation with full matrices."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import kostnadsvekst as kv
from kostnadsvekst.errors import DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.models import ar1

# Stata's manual prints these for `xtregar invest mvalue kstock, fe` on its Grunfeld data ([XT] xtregar,
# example 1); the data have 10 firms and float columns.
PRINTED = {
    "mvalue": (".0949999", ".0091377"),
    "kstock": (".350161", ".0293747"),
    "constant": ("-63.22022", "5.648271"),
}
PRINTED_BELOW = {
    "rho": ".67210608",
    "sigma_u": "91.507609",
    "sigma_e": "40.992469",
    "rho_fov": ".8328647",
    "r_squared_within": "0.5927",
    "r_squared_between": "0.7989",
    "r_squared_overall": "0.7904",
    "corr_u_xb": "-0.0454",
    "f_statistic": "129.49",
    "f_u": "11.53",
}
IDENTITY = 1e-9  # full matrices against moments; single precision in the search bounds the agreement of rho
SPEC = kv.Specification("invest", ("mvalue", "kstock"), "firm", "year")
RANDOM = kv.Specification("y", ("x1", "x2"), "unit", "time")


@pytest.fixture(scope="module")
def grunfeld() -> pd.DataFrame:
    data = sm.datasets.grunfeld.load_pandas().data
    data = data[data["firm"] != "American Steel"].rename(columns={"value": "mvalue", "capital": "kstock"})
    floats = data[["invest", "mvalue", "kstock"]].astype("float32").astype("float64")
    return data.assign(**floats, year=data["year"].astype(int)).reset_index(drop=True)


def as_printed(value: float, printed: str) -> str:
    text = f"{value:.{len(printed.partition('.')[2])}f}"
    return text.replace("0.", ".", 1) if printed.startswith((".", "-.")) else text


def test_grunfeld_prints_every_digit_of_stata(grunfeld):
    estimate = kv.estimate_ar1(SPEC, grunfeld)
    for term, printed in PRINTED.items():
        ours = estimate.coefficients.loc[term, ["estimate", "std_error"]]
        assert tuple(map(as_printed, ours, printed)) == printed
    assert {n: as_printed(getattr(estimate, n), p) for n, p in PRINTED_BELOW.items()} == PRINTED_BELOW
    assert (estimate.n_obs, estimate.n_entities, estimate.df_resid) == (190, 10, 178)


def test_tests_for_autocorrelation_as_stata_prints_them(grunfeld):
    # `xtregar inve mval, fe lbi`: Statalist, 29 September 2010, S. Merryman.
    estimate = kv.estimate_ar1(kv.Specification("invest", ("mvalue",), "firm", "year"), grunfeld)
    assert f"{estimate.durbin_watson:.8f}" == "0.50577251"
    assert f"{estimate.lbi:.8f}" == "0.82334942"


def test_year_dummies_lose_one_more_after_the_transform(grunfeld):
    estimate = kv.estimate_ar1(SPEC.adding("C(year)"), grunfeld)
    assert f"{estimate.r_squared_within:.4f}" == "0.6513"
    assert len(estimate.dropped) == 1
    assert estimate.df_resid == 190 - 10 - 20


def test_two_step_takes_rho_of_the_within_residuals(grunfeld):
    estimate = kv.estimate_ar1(SPEC, grunfeld, two_step=True)
    # 1 - d/2 for d = .6844797, the Durbin-Watson statistic of this regression (plm's pbnftest, Grunfeld).
    assert f"{estimate.rho:.7f}" == f"{1 - 0.6844797 / 2:.7f}"


def random_panel(seed: int, n_units: int = 12, n_periods: int = 15, lost: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    units, periods = np.divmod(np.arange(n_units * n_periods), n_periods)
    x1, x2 = rng.normal(size=(2, len(units)))
    data = pd.DataFrame({"unit": units, "time": 2000 + periods, "x1": x1, "x2": x2})
    data["y"] = x1 - 0.5 * x2 + 0.3 * units + rng.normal(size=len(units)).cumsum() * 0.3
    kept = rng.random(len(data)) >= lost
    return data[kept].sample(frac=1, random_state=seed).reset_index(drop=True)


class FullMatrices:
    """The estimator unit by unit with lag matrices written out, and least squares on dummies."""

    def __init__(self, data: pd.DataFrame) -> None:
        groups = [g for _, g in data.sort_values(["unit", "time"]).groupby("unit")]
        self.columns = [g[["x1", "x2", "y"]].to_numpy() for g in groups]
        self.single = [(z - z.mean(0)).astype("float32").astype(float) for z in self.columns]
        self.times = [g["time"].to_numpy() for g in groups]
        self.pairs = [np.equal.outer(t, t + 1).astype(float) for t in self.times]  # [now, before]

    def winsten(self, rho: float) -> np.ndarray:
        first = [np.where(pair.sum(1) == 1, 1.0, np.sqrt(1 - rho**2)) for pair in self.pairs]
        return np.vstack(
            [(np.diag(f) - rho * pair) @ z for f, pair, z in zip(first, self.pairs, self.single, strict=True)]
        )

    def formula(self, method: str, b: np.ndarray) -> float:
        residuals = [z[:, 2] - z[:, :2] @ b for z in self.single]
        total = sum(e @ e for e in residuals)
        cross = sum(e @ pair @ e for e, pair in zip(residuals, self.pairs, strict=True))
        now = sum(e**2 @ pair.sum(1) for e, pair in zip(residuals, self.pairs, strict=True))
        before = sum(e**2 @ pair.sum(0) for e, pair in zip(residuals, self.pairs, strict=True))
        watson = (now + before - 2 * cross) / total
        return {
            "dw": 1 - watson / 2,
            "tscorr": cross / total,
            "regress": cross / before,
            "freg": cross / now,
        }[method]

    def rho(self, method: str) -> float:
        rho, last = 0.0, 2.0
        while abs(rho - last) >= 1e-6:
            z = self.winsten(rho) if last < 2 else np.vstack(self.single)
            last, rho = rho, self.formula(method, np.linalg.lstsq(z[:, :2], z[:, 2], rcond=None)[0])
        return rho

    def fit(self, rho: float) -> dict[str, np.ndarray | float]:
        rows = []
        for unit, (z, t) in enumerate(zip(self.columns, self.times, strict=True)):
            for i in range(1, len(t)):
                decay = rho ** int(t[i] - t[i - 1])
                rows.append([unit, *(np.sqrt((1 - rho**2) / (1 - decay**2)) * (z[i] - decay * z[i - 1]))])
        star = np.array(rows)
        units = np.unique(star[:, 0])
        A = np.column_stack([star[:, 1:3], star[:, :1] == units])
        b, ssr, *_ = np.linalg.lstsq(A, star[:, 3], rcond=None)
        df = len(star) - len(units) - 2
        V = np.linalg.inv(A.T @ A) * ssr[0] / df
        return {"b": b[:2], "se": np.sqrt(np.diag(V))[:2], "sigma_e": np.sqrt(ssr[0] / df), "df": df}


@pytest.mark.parametrize("method", ["dw", "tscorr", "regress", "freg"])
@pytest.mark.parametrize("lost", [0.0, 0.2])
@pytest.mark.filterwarnings("ignore:.*gap:kostnadsvekst.errors.DataWarning")
def test_equals_full_matrices(method, lost):
    data = random_panel(7, lost=lost)
    ours = kv.estimate_ar1(RANDOM, data, rho=method)
    full = FullMatrices(data)
    assert ours.rho == pytest.approx(full.rho(method), abs=IDENTITY)
    check = full.fit(ours.rho)
    np.testing.assert_allclose(ours.coefficients["estimate"].iloc[:2], check["b"], atol=IDENTITY)
    np.testing.assert_allclose(ours.coefficients["std_error"].iloc[:2], check["se"], atol=IDENTITY)
    assert (ours.sigma_e, ours.df_resid) == (pytest.approx(check["sigma_e"]), check["df"])


def test_fixed_negative_rho_with_gaps_equals_full_matrices():
    data = random_panel(3, lost=0.3)
    ours = kv.estimate_ar1(RANDOM, data, rho="fixed", rho_value=-0.4)
    check = FullMatrices(data).fit(-0.4)
    np.testing.assert_allclose(ours.coefficients["estimate"].iloc[:2], check["b"], atol=IDENTITY)
    np.testing.assert_allclose(ours.coefficients["std_error"].iloc[:2], check["se"], atol=IDENTITY)


def test_fixed_rho_of_zero_is_the_within_estimator_without_first_rows():
    data = random_panel(1)
    ours = kv.estimate_ar1(RANDOM, data, rho_value=0.0)
    plain = kv.estimate(RANDOM, data[data["time"] > 2000])
    pd.testing.assert_frame_equal(ours.coefficients, plain.coefficients, rtol=1e-12)


def test_gap_statistics_by_hand():
    # One unit with residuals 1, -1, 2, -2 in periods 1, 2, 4, 5 (the regressor is all zero). Pairs (1,2)
    # and (4,5): products -1 - 4, squared differences 4 + 16, square after the gap 4, total 10;
    # so d = (20 + 4) / 10 and LBI = 2 + 2 * 5 / 10.
    columns = np.array([[0.0, 1.0], [0.0, -1.0], [0.0, 2.0], [0.0, -2.0]])
    found = ar1.estimate_rho(ar1.lag_moments(columns, np.array([0, 1, 2, 1])), "fixed")
    assert (found.durbin_watson, found.lbi) == (pytest.approx(2.4), pytest.approx(3.0))


def test_row_order_does_not_matter(grunfeld):
    first, second = (kv.estimate_ar1(SPEC, d) for d in (grunfeld, grunfeld.sample(frac=1, random_state=5)))
    pd.testing.assert_frame_equal(first.coefficients, second.coefficients, rtol=1e-10)
    assert first.rho == second.rho


def test_monthly_text_dates_and_periods_are_the_same_time():
    data = random_panel(2)
    months = pd.PeriodIndex.from_ordinals(data["time"].to_numpy() - 1520, freq="M")
    expected = kv.estimate_ar1(RANDOM, data).coefficients
    for times in (months, months.to_timestamp(), months.astype(str)):
        pd.testing.assert_frame_equal(kv.estimate_ar1(RANDOM, data.assign(time=times)).coefficients, expected)


def test_weights_equal_repeated_units():
    data = random_panel(4)
    weights = data["unit"].map(lambda u: 1.0 + u % 3)
    copies = [data[weights > k].assign(unit=lambda d, k=k: d["unit"] + 100 * k) for k in range(3)]
    ours = kv.estimate_ar1(RANDOM.vary(weights="w"), data.assign(w=weights), rho="regress")
    check = kv.estimate_ar1(RANDOM, pd.concat(copies, ignore_index=True), rho="regress")
    assert ours.rho == pytest.approx(check.rho, abs=IDENTITY)
    np.testing.assert_allclose(ours.coefficients["estimate"], check.coefficients["estimate"], rtol=1e-8)


def test_bad_input_is_named():
    data = random_panel(6)
    with pytest.raises(SpecificationError, match="dw, tscorr, regress, freg, fixed"):
        kv.estimate_ar1(RANDOM, data, rho="theil")
    with pytest.raises(SpecificationError, match="outside"):
        kv.estimate_ar1(RANDOM, data, rho_value=1.0)
    with pytest.raises(InvalidDataError, match="unit 3 time 2004"):
        kv.estimate_ar1(RANDOM, pd.concat([data, data.query("unit == 3 and time == 2004")]))
    with pytest.raises(SpecificationError, match=r"weights.*regress"):
        kv.estimate_ar1(RANDOM.vary(weights="w"), data.assign(w=1.0))
    with pytest.raises(InvalidDataError, match="vary over time"):
        kv.estimate_ar1(RANDOM.vary(weights="w"), data.assign(w=data["time"]), rho="regress")
    with pytest.raises(SpecificationError, match="two rows"):
        kv.estimate_ar1(RANDOM, data.query("time == 2001"))
    with pytest.raises(InvalidDataError, match="whole number"):
        kv.estimate_ar1(RANDOM, data.assign(time=data["time"] + 0.5))


def test_missing_values_become_gaps_and_are_counted():
    data = random_panel(8)
    data.loc[(data["unit"] == 2) & (data["time"] == 2005), "y"] = np.nan
    with pytest.warns(DataWarning) as caught:
        estimate = kv.estimate_ar1(RANDOM, data)
    said = [str(w.message) for w in caught]
    assert said[0].startswith("1 of 180 rows have missing values")
    assert said[1].startswith("1 gap(s)")
    assert estimate.n_gaps == 1
