"""Specification curve and wild cluster bootstrap against rivals, in one run; prints ratios.

Run: python -m pip install pyfixest && python benchmarks/inference.py

1. The specifications of the chapter ``specification-curve`` against pyfixest's ``feols``, one call for each,
   with standard errors of the same kind. pyfixest fits a random part of the list and its time is scaled up.
2. 9,999 draws of the wild cluster bootstrap, 365 clusters, weights, against a loop that makes each draw's
   outcome, demeans it and solves the normal equations (with the design demeaned once); the loop's time is
   scaled up from fewer draws.
"""

import time
import warnings

import numpy as np

import kostnadsvekst as kv
from kostnadsvekst.analysis.specification_curve import identify
from kostnadsvekst.chapters.specification_curve import TERM, declared_grid
from kostnadsvekst.models.absorption import demean
from kostnadsvekst.models.specifications import Specification

PART, LOOP_DRAWS, DRAWS = 60, 300, 9_999


def pyfixest_call(spec: Specification) -> tuple[str, dict[str, object]]:
    """Return formula and arguments of the same model; interactions as products with year dummies."""
    terms = " + ".join(
        t.replace("C(year):free_income", "i(year, free_income, ref=2015)") for t in spec.regressors
    )
    absorbed = f" | {spec.entity}" if spec.effects == "entity" else ""
    vcov = {"classical": "iid", "hc1": "hetero", "cluster": {"CRV1": spec.entity}}[str(spec.covariance)]
    return f"{spec.outcome} ~ {terms}{absorbed}", {"vcov": vcov, "weights": spec.weights}


def time_curve(panel: object) -> None:
    """Time the whole grid and a part of it in pyfixest, and compare the coefficients."""
    import pyfixest as pf

    specs = declared_grid()
    kv.specification_curve(specs[:3], panel, terms=[TERM])
    ours = min(_seconds(lambda: kv.specification_curve(specs, panel, terms=[TERM])) for _ in range(3))
    curve = kv.specification_curve(specs, panel, terms=[TERM]).frame.set_index("spec")["estimate"]
    plain = [spec for spec in specs if not spec.sample]
    chosen = np.random.default_rng(1).choice(len(plain), PART, replace=False)
    pf.feols("net_expenditure ~ free_income | municipality", panel)
    calls = [(plain[i], *pyfixest_call(plain[i])) for i in chosen]
    worst, seconds = 0.0, 0.0
    for spec, formula, arguments in calls:
        start = time.perf_counter()
        theirs = pf.feols(formula, panel, **arguments).coef()[TERM]
        seconds += time.perf_counter() - start
        worst = max(worst, abs(theirs / curve[identify(spec)] - 1))
    theirs_all = seconds / PART * len(specs)
    print(f"{len(specs)} specifications: {ours:.2f} s; pyfixest {theirs_all:.0f} s (from {PART} of them)")
    print(f"  {theirs_all / ours:.0f} times as fast; coefficients differ by at most {worst:.0e} (relative)")


def time_bootstrap(panel: object) -> None:
    """Time the bootstrap of one coefficient and the same by a loop over draws."""
    fitted = kv.estimate(kv.SPECIFICATIONS["A3-3"], panel)
    fitted.with_covariance("wild_cluster", terms=[TERM], draws=99)
    ours = min(_seconds(lambda: fitted.with_covariance("wild_cluster", terms=[TERM])) for _ in range(3))
    loop = _seconds(lambda: refitting_loop(fitted, LOOP_DRAWS)) / LOOP_DRAWS * DRAWS
    print(f"wild cluster bootstrap, {DRAWS:,} draws, 365 clusters, weights, with interval: {ours:.2f} s")
    print(f"  refitting loop, p value only: {loop:.0f} s (from {LOOP_DRAWS} draws), {loop / ours:.0f} times")


def refitting_loop(fitted: kv.Estimate, draws: int) -> float:
    """P value of the focal term by one weighted within regression for each draw."""
    fit, j = fitted.fit, fitted.terms.index(TERM)
    X, w, units, k = fit.X_within, fit.weights, fit.entities, fit.X_within.shape[1]
    others = np.delete(np.arange(k), j)
    rest = X[:, others]
    y = X @ fit.coefficients + fit.residuals
    restricted = rest @ np.linalg.solve((rest * w[:, None]).T @ rest, rest.T @ (w * y))
    e = y - restricted
    rng = np.random.default_rng(1)

    def statistic(outcome: np.ndarray) -> float:
        within = demean(outcome[:, None], w, units, fit.n_entities)[:, 0]
        bread = np.linalg.inv((X * w[:, None]).T @ X)
        b = bread @ (X.T @ (w * within))
        scores = (X * (w * (within - X @ b))[:, None]) @ bread[j]
        sums = np.bincount(units, scores)
        return float(b[j] ** 2 / (sums @ sums))

    observed = statistic(y)
    signs = rng.integers(0, 2, (draws, fit.n_entities)) * 2 - 1
    return float(np.mean([statistic(restricted + e * v[units]) >= observed for v in signs]))


def _seconds(function: object) -> float:
    start = time.perf_counter()
    function()  # type: ignore[operator]
    return time.perf_counter() - start


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    data = kv.load_panel()
    time_curve(data)
    time_bootstrap(data)
