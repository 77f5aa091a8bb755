"""Fits by this package and by others, in one run and as a user runs them; prints medians, ranges and ratios.

Run: python -m pip install pyfixest && python benchmarks/fixed_effects.py [arrays] [frame] [sets] [large]

1. ``arrays``: model A3-4 from ready arrays (design matrix, weights, codes) to estimates and standard errors.
2. ``frame``: the same from a data frame and a specification (formula) to a table of coefficients.
3. ``sets``: two sets of effects, 3,000 and 400 levels, 60,000 rows, weights.
4. ``large``: 1 million rows, 20 regressors, 50,000 entities, clustered; also the memory that a fit takes
   beyond the data, each engine in a process of its own.

No environment variable is set: everybody has the threads that their libraries take. Engines take turns, ten
rounds or more, in one process; first on the machine as it is, then beside a process that keeps one processor
busy. A rival stands at its defaults and at the fastest setting that its documentation names.
"""

import json
import multiprocessing
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

import kostnadsvekst as kv
from kostnadsvekst.models.design import build_design, columns_of, parse_terms, read_sample
from kostnadsvekst.models.fixed_effects import fit_within
from kostnadsvekst.models.inference import classical

SPEC = kv.SPECIFICATIONS["A3-4"]
# pyfixest: no copy of the data, nothing kept for later; its demeaner is by default the fastest, in Rust.
LEAN = {"copy_data": False, "store_data": False, "lean": True}
ENGINES = ("kostnadsvekst", "pyfixest", "pyfixest, lean")

Engines = dict[str, Callable[[], object]]


def main(wanted: list[str]) -> None:
    """Run the parts that are named, or all."""
    parts = {"arrays": from_arrays, "frame": from_frame, "sets": several_sets, "large": large}
    if wanted[:1] == ["memory"]:
        print(json.dumps(peak_of(wanted[1])))
        return
    warnings.simplefilter("ignore")
    for name in wanted or parts:
        parts[name]()


def show(title: str, engines: Engines, rounds: int = 20) -> None:
    """Time the engines, ours first, alone and beside a busy process, and print each as a multiple of ours."""
    print(f"\n{title}")
    for function in engines.values():
        function()
    for state in ("the machine as it is", "beside a busy process"):
        busy = multiprocessing.get_context("spawn").Process(target=spin, daemon=True)
        if state != "the machine as it is":
            busy.start()
            time.sleep(1)
        times = take_turns(engines, rounds)
        if busy.pid:
            busy.terminate()
        base = median(next(iter(times.values())))
        print(f"  {state}: median of {rounds} in ms (least to most), times ours")
        for name, measured in times.items():
            low, middle, high = (1e3 * f(measured) for f in (min, median, max))
            print(f"    {name:<40} {middle:9.2f} ({low:.2f} to {high:.2f}) {middle / 1e3 / base:8.2f} x")


def take_turns(engines: Engines, rounds: int) -> dict[str, list[float]]:
    """Seconds of each engine in each round; of calls that can be done in 5 ms the mean of twenty."""
    calls = {
        name: 20 if min(seconds(function) for _ in range(5)) < 5e-3 else 1
        for name, function in engines.items()
    }
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, function in engines.items():
            times[name].append(seconds(function, calls[name]))
    return times


def seconds(function: Callable[[], object], calls: int = 1) -> float:
    """Mean time of calls in a row."""
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - start) / calls


def spin() -> None:
    """Keep a processor busy."""
    while True:
        pass


def bare_numpy(
    y: np.ndarray, X: np.ndarray, w: np.ndarray, codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return b and its standard errors with nothing but numpy: no checks, no collinearity, no constant."""
    n, G = len(y), int(codes.max()) + 1
    w = w * (n / w.sum())
    totals = np.bincount(codes, w, G)
    Z = np.column_stack([X, y])
    means = np.column_stack([np.bincount(codes, w * Z[:, j], G) for j in range(Z.shape[1])]) / totals[:, None]
    Z = (Z - means[codes]) * np.sqrt(w)[:, None]
    gram = Z.T @ Z
    inverse = np.linalg.inv(gram[:-1, :-1])
    b = inverse @ gram[:-1, -1]
    s2 = (gram[-1, -1] - b @ gram[:-1, -1]) / (n - G - len(b))
    return b, np.sqrt(s2 * np.diag(inverse))


def from_arrays() -> None:
    """Ready arrays to estimates and standard errors."""
    import statsmodels.api as sm
    from linearmodels.iv.absorbing import AbsorbingLS
    from linearmodels.panel import PanelOLS

    panel = kv.load_panel()
    terms = parse_terms(SPEC.regressors, panel.columns)
    numeric, categorical = columns_of(terms)
    sample = read_sample(panel, [SPEC.outcome, SPEC.weights, *numeric], [SPEC.entity, *categorical])
    design = build_design(terms, sample)
    y, w, codes = sample.numbers[SPEC.outcome], sample.numbers[SPEC.weights], sample.codes[SPEC.entity]
    index = pd.MultiIndex.from_arrays([panel["municipality"], panel["year"]])
    X = pd.DataFrame(design.columns, index, design.terms).assign(constant=1.0)
    y_frame, w_frame = pd.Series(y, index, name="y"), pd.Series(w, index, name="w")
    absorb = pd.DataFrame({"municipality": pd.Categorical(panel["municipality"])}, index)
    dummies = pd.get_dummies(panel["municipality"], dtype=float).set_axis(index)

    def panel_ols() -> object:
        fit = PanelOLS(y_frame, X, weights=w_frame, entity_effects=True).fit()
        return fit.params, fit.std_errors

    def panel_ols_low_memory() -> object:
        fit = PanelOLS(y_frame, X, weights=w_frame, entity_effects=True).fit(low_memory=True)
        return fit.params, fit.std_errors

    def absorbing_ls() -> object:
        fit = AbsorbingLS(y_frame, X.drop(columns="constant"), absorb=absorb, weights=w_frame).fit(
            cov_type="unadjusted"
        )
        return fit.params, fit.std_errors

    def statsmodels_dummies() -> object:
        fit = sm.WLS(y_frame, pd.concat([X.drop(columns="constant"), dummies], axis=1), weights=w_frame).fit()
        return fit.params, fit.bse

    def ours() -> object:
        fit = fit_within(y, design.columns, w, codes)
        return fit.coefficients, classical(fit)

    fitted = kv.estimate(SPEC, panel)
    b, se = bare_numpy(y, design.columns, w, codes)
    np.testing.assert_allclose(fitted.coefficients["estimate"].iloc[:-1], b, rtol=1e-7)
    np.testing.assert_allclose(fitted.coefficients["std_error"].iloc[:-1], se, rtol=1e-7)
    engines: Engines = {
        "kostnadsvekst.fit_within + classical": ours,
        "bare numpy (no checks, no constant)": lambda: bare_numpy(y, design.columns, w, codes),
        "linearmodels PanelOLS": panel_ols,
        "linearmodels PanelOLS, low_memory": panel_ols_low_memory,
        "linearmodels AbsorbingLS": absorbing_ls,
        "statsmodels WLS on 365 dummies": statsmodels_dummies,
    }
    show("from arrays to estimates and errors: model A3-4, 1825 rows, 21 regressors, 365 effects", engines)


def from_frame() -> None:
    """From a data frame and a formula to a table of coefficients."""
    import pyfixest as pf
    from linearmodels.panel import PanelOLS

    panel = kv.load_panel()
    formula = f"{SPEC.outcome} ~ " + " + ".join(SPEC.regressors)
    indexed = panel.set_index(["municipality", "year"], drop=False).rename_axis([None, None])

    def panel_ols() -> object:
        with_effects = f"{formula} + 1 + EntityEffects"
        fit = PanelOLS.from_formula(with_effects, indexed, weights=indexed["population"]).fit()
        return fit.params, fit.std_errors

    def feols(**settings: object) -> pd.DataFrame:
        return pf.feols(
            f"{formula} | municipality", panel, weights="population", vcov="iid", **settings
        ).tidy()

    engines: Engines = {
        "kostnadsvekst.estimate": lambda: kv.estimate(SPEC, panel).coefficients,
        "linearmodels PanelOLS.from_formula": panel_ols,
        "pyfixest.feols": feols,
        "pyfixest.feols, lean": lambda: feols(**LEAN),
    }
    show("from a frame and a specification to a table: model A3-4", engines)


def several_sets() -> None:
    """Two sets of effects on random data, where every level meets many of the other set."""
    import pyfixest as pf

    rng = np.random.default_rng(0)
    n = 60_000
    data = pd.DataFrame({"id": rng.integers(0, 3_000, n), "f2": rng.integers(0, 400, n), "year": 2000})
    for name in ("x1", "x2", "x3", "y"):
        data[name] = rng.normal(size=n) + data["id"] % 7 + data["f2"] % 5
    data["w"] = rng.uniform(0.5, 2, n)
    spec = kv.Specification.from_formula("y ~ x1 + x2 + x3 | id + f2", weights="w", covariance="cluster")

    def feols(**settings: object) -> pd.DataFrame:
        vcov = {"CRV1": "id"}
        return pf.feols("y ~ x1 + x2 + x3 | id + f2", data, weights="w", vcov=vcov, **settings).tidy()

    ours = kv.estimate(spec, data).coefficients["estimate"].iloc[:-1]
    exact = feols(demeaner=pf.MapDemeaner(fixef_tol=1e-12))["Estimate"]
    np.testing.assert_allclose(ours, exact, rtol=1e-8)
    engines: Engines = {
        "kostnadsvekst.estimate": lambda: kv.estimate(spec, data).coefficients,
        "pyfixest.feols (to 1e-6)": feols,
        "pyfixest.feols, lean (to 1e-6)": lambda: feols(**LEAN),
        "pyfixest.feols, lean, to 1e-12": lambda: feols(demeaner=pf.MapDemeaner(fixef_tol=1e-12), **LEAN),
    }
    show("two sets of effects: 60,000 rows, 3,000 and 400 levels, 3 regressors, weights, clusters", engines)


def large_fits(data: pd.DataFrame) -> Engines:
    """One million rows by each engine."""
    formula = "y ~ " + " + ".join(f"x{j}" for j in range(20)) + " | id"
    spec = kv.Specification.from_formula(formula, covariance="cluster")

    def feols(**settings: object) -> pd.DataFrame:
        import pyfixest as pf

        return pf.feols(formula, data, vcov={"CRV1": "id"}, **settings).tidy()

    fits = (lambda: kv.estimate(spec, data).coefficients, feols, lambda: feols(**LEAN))
    return dict(zip(ENGINES, fits, strict=True))


def large_data() -> pd.DataFrame:
    """One million rows of 20 regressors and 50,000 entities."""
    rng = np.random.default_rng(0)
    n = 1_000_000
    data = pd.DataFrame({f"x{j}": rng.normal(size=n) for j in range(20)})
    return data.assign(id=rng.integers(0, 50_000, n), year=2000, y=data["x0"] + rng.normal(size=n))


def large() -> None:
    """Time and memory of a large fit."""
    show(
        "1 million rows, 20 regressors, 50,000 entities, clustered errors",
        large_fits(large_data()),
        rounds=10,
    )
    print("  memory of a fit beyond the data, and of a second one after it, each in a process of its own, GB")
    for name in ENGINES:
        ran = subprocess.run(
            [sys.executable, __file__, "memory", name], capture_output=True, text=True, check=True
        )
        first, second = json.loads(ran.stdout)
        print(f"    {name:<40} {first:9.2f} {second:9.2f}")


def peak_of(name: str) -> list[float]:
    """Gigabytes beyond the data at the highest, after one fit and after two."""
    warnings.simplefilter("ignore")
    data = large_data()
    before = peak_kib()
    fit, peaks = large_fits(data)[name], []
    for _ in range(2):
        fit()
        peaks.append((peak_kib() - before) * 1024 / 1e9)
    return peaks


def peak_kib() -> int:
    """Largest memory of this process so far; ``ru_maxrss`` would begin with that of its parent."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main(sys.argv[1:])
