"""Joint tests of many outcomes against pyfixest's loop, in one run: ratio per outcome and draw.

python benchmarks/joint_tests.py [outcomes of the rival]

Ours: 81 outcomes, 425 clusters, 9,999 shared draws. The rival gets some of the same models with the same
number of draws, and its time is scaled by the number of outcomes.
"""

import sys
import time
import warnings

import numpy as np
import pandas as pd
import pyfixest

import kostnadsvekst as kv

UNITS, MONTHS, OUTCOMES, DRAWS = 425, 36, 81, 9_999


def invented() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    data = pd.DataFrame(
        {"id": np.repeat(np.arange(UNITS), MONTHS), "month": np.tile(np.arange(MONTHS), UNITS)}
    )
    start = rng.integers(6, 60, UNITS)
    data["on"] = (data["month"] >= start[data["id"]]).astype(float)
    data["x"] = rng.normal(size=len(data))
    common = rng.normal(size=len(data))
    outcomes = {f"y{s}": common + rng.normal(size=len(data)) for s in range(OUTCOMES)}
    return pd.concat([data, pd.DataFrame(outcomes)], axis=1)


def main() -> None:
    warnings.simplefilter("ignore")
    n_rival = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    data = invented()
    start = time.perf_counter()
    spec = kv.Specification("y0", ("C(month)", "on", "x"), "id", "month")
    estimates = {f"y{s}": kv.estimate(spec.vary(outcome=f"y{s}"), data) for s in range(OUTCOMES)}
    fitted = time.perf_counter()
    kv.many_outcomes(estimates, "on", draws=DRAWS)
    ours = time.perf_counter() - fitted
    models = [
        pyfixest.feols(f"y{s} ~ on + x + C(month) | id", data, vcov={"CRV1": "id"}) for s in range(n_rival)
    ]
    start_rival = time.perf_counter()
    pyfixest.rwolf(models, "on", reps=DRAWS, seed=1, sampling_method="wild-bootstrap")
    rival = (time.perf_counter() - start_rival) * OUTCOMES / n_rival
    print(f"81 fits {fitted - start:.1f} s, joint tests {ours:.1f} s")
    print(f"pyfixest {pyfixest.__version__} rwolf, scaled from {n_rival} outcomes: {rival:.0f} s")
    print(f"ratio {rival / ours:.0f}")


if __name__ == "__main__":
    main()
