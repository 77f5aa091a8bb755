"""Standard errors, degrees of freedom and tests against R and gretl, from their recorded output."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from kostnadsvekst.models.diagnostics import mundlak_test, reset_test, wald_test, wooldridge_test

REFERENCE = Path(__file__).resolve().parent / "reference"
# The programs print 15 (R) and 12 (gretl) digits of numbers that all solve in double precision.
SAME = 1e-8
SHAPES = ("balanced", "unbalanced", "gaps", "singletons")
PLAIN = {"classical", "hc1", "hc2", "hc3"}


def read_recorded() -> pd.DataFrame:
    files = ("r_output.csv", "gretl_output.csv")
    return pd.concat([pd.read_csv(REFERENCE / name) for name in files], ignore_index=True)


RECORDED = read_recorded()
CASES = sorted(set(zip(RECORDED["shape"], RECORDED["weights"], RECORDED["program"], strict=True)))


def fit_shape(shape: str, weights: str) -> kv.Estimate:
    data = pd.read_csv(REFERENCE / f"panel_{shape}.csv")
    spec = kv.Specification("y", ("x", "z"), "unit", "year", None if weights == "none" else weights)
    return kv.estimate(spec, data)


def choose(fit: kv.Estimate, quantity: str) -> kv.Estimate:
    """Choose the standard errors that a recorded quantity names."""
    name, _, rest = quantity.partition(":")
    column = rest.split(":")[0]
    if name == "panel":
        return (
            fit.with_covariance("classical")
            if column == "classical"
            else fit.with_covariance("cluster", "xtreg")
        )
    if name in PLAIN:
        return fit.with_covariance(name, **({"df": "satterthwaite"} if column == "satterthwaite" else {}))
    if name == "scc":
        return fit.with_covariance("driscoll_kraay", "none", lags=int(column), distance="rank")
    options = {"target": "inverse_weights"} if name == "cr2_inverse" else {}
    choice, convention = {
        "cluster": (("cluster", column), "areg"),
        "none": (("cluster", column), "none"),
        "arellano": ("cluster", "none"),
        "cr2": (("cr2", column), None),
        "cr2_inverse": (("cr2", column), None),
        "cr3": (("jackknife", column), None),
        "twoway": ("twoway", "none") if column == "none" else (("twoway", "region", "year"), "areg"),
        "htz": (("cr2", column), None),
        "wald": ("classical", None) if column == "classical" else ("cluster", None),
    }[name]
    return fit.with_covariance(choice, convention, **options)


def run_test(fit: kv.Estimate, quantity: str) -> Mapping[str, float]:
    """Statistic, degrees of freedom and p value of a test."""
    name = quantity.partition(":")[0]
    if name in ("htz", "wald"):
        test = wald_test(choose(fit, quantity), ["x", "z"])
    else:
        test = {"mundlak": mundlak_test, "reset": reset_test, "wooldridge": wooldridge_test}[name](fit)
    return {
        "F": test.statistic,
        "Fstat": test.statistic,
        "df_denom": test.df_denominator,
        "p_val": test.p_value,
    }


def factor(fit: kv.Estimate, quantity: str) -> float:
    """What the program's variance has more than ours, by its manual."""
    name, _, kind = quantity.partition(":")
    n, k = fit.n_obs, 2
    if quantity == "arellano:sss":
        return fit.n_entities / (fit.n_entities - 1) * (n - 1) / (n - k)
    if name == "cr3":
        clusters = fit.grouping.codes(kind).max() + 1
        return clusters / (clusters - 1)
    return 1.0


def ours(fit: kv.Estimate, quantity: str, terms: list[str]) -> list[float]:
    if quantity.partition(":")[0] in ("htz", "wald", "mundlak", "reset", "wooldridge"):
        tested = run_test(fit, quantity)
        return [tested[term] for term in terms]
    if quantity == "estimate":
        return list(fit.coefficients.loc[terms, "estimate"])
    chosen = choose(fit, quantity)
    if quantity.endswith(":df"):
        by_term = pd.Series(np.broadcast_to(chosen.df, len(chosen.terms)), chosen.terms)
        return list(by_term[terms])
    if quantity.endswith(":p"):
        return list(chosen.coefficients.loc[terms, "p_value"])
    return list(chosen.coefficients.loc[terms, "std_error"] * np.sqrt(factor(fit, quantity)))


def undefined(shape: str, program: str, quantity: str, value: pd.Series) -> bool:
    """Whether the program has no number: 0/0 at leverage one, and a negative variance, which we truncate."""
    assert np.isfinite(value).all() or quantity in ("hc2", "hc3", "twoway")
    return (shape == "singletons" and program == "gretl" and quantity in ("hc2", "hc3")) or (
        quantity == "twoway" and not np.isfinite(value).all()
    )


@pytest.mark.parametrize(("shape", "weights", "program"), CASES)
def test_same_number(shape: str, weights: str, program: str) -> None:
    fit = fit_shape(shape, weights)
    chosen = RECORDED[
        (RECORDED["shape"] == shape) & (RECORDED["weights"] == weights) & (RECORDED["program"] == program)
    ]
    differing = {}
    for quantity, lines in chosen.groupby("quantity"):
        value = lines.set_index("term")["value"]
        if undefined(shape, program, quantity, value):
            continue
        mine = ours(fit, quantity, list(value.index))
        if not np.allclose(mine, value, rtol=SAME, atol=0):
            differing[quantity] = dict(zip(value.index, zip(mine, value, strict=True), strict=True))
    assert not differing


def test_every_kind_and_shape_is_compared() -> None:
    """A recorded file that lost its lines must not pass."""
    assert set(RECORDED["shape"]) == set(SHAPES)
    assert set(RECORDED["weights"]) == {"none", "w"}
    per_program = RECORDED.groupby("program")["quantity"].nunique()
    assert per_program.to_dict() == {
        "clubSandwich": 22,
        "clubSandwich_plm": 4,
        "estimatr": 13,
        "estimatr_absorbed": 4,
        "gretl": 10,
        "lm": 4,
        "lmtest": 2,
        "plm": 7,
        "sandwich": 8,
    }


@pytest.mark.parametrize("kind", ["hc2", "hc3"])
def test_only_rows_add_nothing_to_leverage_covariances(kind: str) -> None:
    """R divides zero by zero there; without the single rows it gives the same number up to nothing."""
    data = pd.read_csv(REFERENCE / "panel_singletons.csv")
    several = data[data.groupby("unit")["year"].transform("size") > 1]
    spec = kv.Specification("y", ("x", "z"), "unit", "year", covariance=kind)
    with_single, without = kv.estimate(spec, data), kv.estimate(spec, several)
    for column in ("estimate", "std_error", "p_value"):
        np.testing.assert_allclose(
            with_single.coefficients[column].iloc[:2], without.coefficients[column].iloc[:2], rtol=1e-10
        )
