"""Speed of the ØHD chapter's engines against named rivals, in one run on the same data.

    python benchmarks/acute_beds.py [--chapter]

Compares (1) 81 outcomes with municipality and month effects and clustered standard errors with pyfixest's
multi-outcome fit; (2) AR(1) for 81 outcomes with month effects with dense dummies, outcome by outcome, of
which a few are timed and scaled up; (3) with --chapter, the time of the whole chapter.
"""

import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import kostnadsvekst as kv
from kostnadsvekst.models.acute_beds import DEMAND, OUTCOMES, SUPPLY, outcome_counts, to_grid
from kostnadsvekst.synthetic.acute_beds import CELLS, simulate

ROOT = Path(__file__).resolve().parents[1]
DENSE_OUTCOMES = 1


def fastest(functions, rounds):
    """Results and shortest times of engines that take turns: other work can only add to a time."""
    results, best = {}, dict.fromkeys(functions, float("inf"))
    for _ in range(rounds):
        for name, function in functions.items():
            results[name], seconds = clocked(function)
            best[name] = min(best[name], seconds)
    return results, best


def clocked(function):
    start = time.perf_counter()
    result = function()
    return result, time.perf_counter() - start


def long_frame(panel: pd.DataFrame) -> pd.DataFrame:
    """Long panel with all 81 outcomes in logs, missing where a month has no contact."""
    grid = to_grid(panel)
    frame = panel[["municipality", "month"]].copy()
    frame["acute_beds"] = grid.treated.ravel()
    for name in (*SUPPLY, *DEMAND):
        frame[f"log_{name}"] = np.log(panel[name])
    counts = {f"y{j}": outcome_counts(grid, name).ravel() for j, name in enumerate(OUTCOMES)}
    logs = {name: np.log(np.where(c > 0, c, np.nan)) for name, c in counts.items()}
    return pd.concat([frame, pd.DataFrame(logs)], axis=1)


def against_pyfixest(panel: pd.DataFrame, frame: pd.DataFrame, terms: list[str], what: str) -> None:
    import pyfixest as pf

    def ours():
        table = kv.acute_beds.estimate_effects(panel, "all", time_effects="month")
        return table["estimate"].to_numpy(), table["std_error"].to_numpy()

    outcomes = " + ".join(f"y{j}" for j in range(81))
    formula = f"{outcomes} ~ {' + '.join(terms)} | municipality + month"

    def rival():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fits = pf.feols(formula, frame, vcov={"CRV1": "municipality"})
        models = fits.to_list()
        return (
            np.array([m.coef()["acute_beds"] for m in models]),
            np.array([m.se()["acute_beds"] for m in models]),
        )

    rival()  # compile
    ours()
    results, best = fastest({"ours": ours, "pyfixest": rival}, rounds=3)
    (b, se), (b_rival, se_rival) = results["ours"], results["pyfixest"]
    fast, slow = best["ours"], best["pyfixest"]
    print(
        f"81 outcomes, two-way, clustered, {what}: ours {fast:.3f} s, pyfixest {slow:.2f} s, "
        f"ratio {slow / fast:.0f}; largest difference b {np.abs(b - b_rival).max():.1e}, "
        f"SE ratio {np.median(se / se_rival):.6f}"
    )


def against_dense_dummies(
    complete: pd.DataFrame, frame: pd.DataFrame, terms: list[str], panel: pd.DataFrame
) -> None:
    def ours(data):
        return kv.acute_beds.estimate_effects(
            data, "all", ar1=True, covariance="classical", time_effects="month"
        )

    ours(complete)

    def dense():
        found = []
        for j in range(DENSE_OUTCOMES):
            spec = kv.Specification(f"y{j}", (*terms, "C(month)"), "municipality", "month")
            found.append(kv.estimate_ar1(spec, frame))
        return found

    results, best = fastest({"ours": lambda: ours(complete), "dense": dense}, rounds=3)
    fits, check, fast, some = results["ours"], results["dense"], best["ours"], best["dense"]
    slow = some / DENSE_OUTCOMES * 81
    gap = max(
        abs(f - c.coefficients["estimate"].iloc[0]) for f, c in zip(fits["estimate"], check, strict=False)
    )
    print(
        f"AR(1), 81 outcomes with month effects, shared rows: ours {fast:.2f} s, dense dummies {slow:.0f} s "
        f"({DENSE_OUTCOMES} timed), ratio {slow / fast:.0f}; largest difference b {gap:.1e}"
    )
    ours(panel)  # compile
    _, best = fastest({"gaps": lambda: ours(panel)}, rounds=3)
    real = best["gaps"]
    print(f"  with gaps where months are lost: {real:.2f} s, ratio {slow / real:.0f}")


def chapter() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "estimate.py"), "--only", "ohd", "--quiet", "--out"]
    _, seconds = clocked(lambda: subprocess.run([*command, str(ROOT / ".benchmarks")], check=True))
    print(f"estimate.py --only ohd: {seconds:.1f} s")


def main() -> None:
    synthetic, seconds = clocked(simulate)
    print(f"synthetic panel: {seconds:.2f} s")
    panel = synthetic.panel
    # The same panel without zeros, so that all outcomes share their rows: for speed only.
    complete = panel.assign(**{cell: panel[cell].clip(lower=1) for cell in CELLS})
    terms = ["acute_beds", *(f"log_{name}" for name in (*SUPPLY, *DEMAND))]
    against_pyfixest(complete, long_frame(complete), terms, "shared rows")
    against_pyfixest(panel, long_frame(panel), terms, "rows of their own")
    against_dense_dummies(complete, long_frame(complete), terms, panel)
    if "--chapter" in sys.argv:
        chapter()


if __name__ == "__main__":
    main()
