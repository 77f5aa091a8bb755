"""How often the intervals of counts, costs and ranks of municipalities hold the truth, on invented data."""

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from kostnadsvekst.errors import DataWarning
from kostnadsvekst.municipal.comparison import intervals
from kostnadsvekst.municipal.count_intervals import poisson_interval
from kostnadsvekst.synthetic.municipal_counts import (
    draw_costs,
    draw_counts,
    draw_proportions,
    draw_sizes,
    draw_true_rates,
)

Floats = NDArray[np.float64]

MEANS = (2, 3, 5, 10, 20, 35, 50, 100, 200, 500, 1000, 2000)
PHIS = (1.0, 2.0, 4.0)
MUNICIPALITIES = (15, 60)
# Shape of the true rates, coefficient of variation.
TRUTHS = (("gamma", 0.15), ("gamma", 0.4), ("lognormal", 0.4), ("two levels", 0.3), ("equal", 0.0))
RANK_MEANS = (5, 20, 100)
RANGES = ((2.0, 5.0), (5.0, 10.0), (10.0, 20.0), (20.0, 50.0), (50.0, 200.0), (200.0, 2000.0))
_SETS_AT_ONCE = 1000
_LIMITS = {
    "exact": "_exact",
    "mid-P": "",
    "overdispersed": "_overdispersed",
    "overdispersed, exact": "_overdispersed_exact",
}


def invented_profile(
    measure: str, numerator: Floats, denominator: Floats, *, age: str = "all", years: int = 1
) -> pd.DataFrame:
    """Profile of many data sets: each is a service of its own.

    Parameters
    ----------
    measure : str
    numerator, denominator : array, shape (sets, municipalities × years)
        The years of a municipality stand together.
    age : str
    years : int

    Returns
    -------
    DataFrame
        Columns of `user_groups.profile`, with data set k in rows k × municipalities × years and on.
    """
    sets, n = numerator.shape
    size = np.broadcast_to(denominator, numerator.shape).ravel()
    per = {"users_per_1000": 1000.0}.get(measure, 1.0)
    frame = pd.DataFrame(
        {
            "municipality": np.tile([f"Oppdiktet {k:03d}" for k in np.arange(n) // years], sets),
            "year": np.tile(2001 + np.arange(n) % years, sets),
            "group": "adults",
            "age": age,
            "service": np.repeat([f"set {k}" for k in range(sets)], n),
            "provision": "all",
            "measure": measure,
            "numerator": numerator.ravel(),
            "denominator": size,
            "value": numerator.ravel() / size * per,
        }
    )
    rest = {"unit": "", "mean": np.nan, "index": np.nan, "colour": "", "status": "assumed"}
    return frame.assign(**rest)


def computed_coverage(ranges: Sequence[tuple[float, float]] = RANGES, points: int = 400) -> pd.DataFrame:
    """Coverage of the limits of a Poisson count at many means, by sums of probabilities: without chance.

    Parameters
    ----------
    ranges : sequence of (float, float)
        Of means.
    points : int
        Means in each range, evenly in logarithms.

    Returns
    -------
    DataFrame
        One row for each range (``from_mean``, ``to_mean``) and ``method``: ``lowest``, ``mean`` and
        ``highest`` coverage of the 95 % limits in per cent.
    """
    most = max(high for _, high in ranges)
    counts = np.arange(0, int(most + 12 * np.sqrt(most)) + 20, dtype=float)
    limits = {"exact": poisson_interval(counts, mid_p=False), "mid-P": poisson_interval(counts)}
    rows: list[dict[str, object]] = []
    for low, high in ranges:
        means = np.geomspace(low, high, points)
        for method, found in limits.items():
            # Limits rise with the count: those that hold a mean are neighbours.
            first = np.searchsorted(found.high, means, "left")
            after = np.searchsorted(found.low, means, "right")
            share = 100 * (stats.poisson.cdf(after - 1, means) - stats.poisson.cdf(first - 1, means))
            told = {"lowest": share.min(), "mean": share.mean(), "highest": share.max()}
            rows.append({"from_mean": low, "to_mean": high, "method": method, **told})
    return pd.DataFrame(rows)


def _with_intervals(profile: pd.DataFrame) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return intervals(profile)


def _parts(n_sets: int) -> Iterator[tuple[int, int]]:
    """Give each part its number, and how many data sets it has."""
    for part, first in enumerate(range(0, n_sets, _SETS_AT_ONCE)):
        yield part, min(_SETS_AT_ONCE, n_sets - first)


def count_coverage(
    n_sets: int = 5000, means: Sequence[float] = MEANS, first_seed: int = 70_000
) -> pd.DataFrame:
    """Coverage of the limits of counts and proportions, with and without overdispersion.

    Parameters
    ----------
    n_sets : int
        Data sets of a cell; of each the first municipality is looked at, so that they are independent.
    means : sequence of float
        Expected count of that municipality.
    first_seed : int

    Returns
    -------
    DataFrame
        One row for each ``counts`` (``"poisson"``, ``"binomial, 10 per cent"``), ``phi`` (variance over that
        of chance), ``municipalities``, ``mean`` and ``method``: ``n_sets``, ``coverage`` of the 95 % limits,
        per cent, ``monte_carlo_error`` and mean ``width`` over the mean. Sizes of the others go from 1/4.5
        to 4.5 times.
    """
    cells = [("poisson", phi, n) for phi in PHIS for n in MUNICIPALITIES]
    cells.append(("binomial, 10 per cent", 1.0, MUNICIPALITIES[0]))
    rows: list[dict[str, object]] = []
    for number, (kind, phi, n) in enumerate(cells):
        for k, mean in enumerate(means):
            seed = first_seed + 1000 * number + 20 * k
            first = pd.concat([_first_of_sets(kind, phi, n, mean, s, seed + p) for p, s in _parts(n_sets)])
            rows += _covered(first, {"counts": kind, "phi": phi, "municipalities": n, "mean": mean})
    return pd.DataFrame(rows)


def _first_of_sets(kind: str, phi: float, n: int, mean: float, sets: int, seed: int) -> pd.DataFrame:
    """Limits of the first municipality of each data set, over its true rate."""
    means = np.broadcast_to(mean * draw_sizes(n), (sets, n))
    if kind == "poisson":
        profile, truth = invented_profile("users_per_1000", draw_counts(means, seed, phi), 10 * means), 100.0
    else:
        sizes = np.ceil(10 * means)
        counts = draw_proportions(sizes, 0.1, seed)
        profile, truth = invented_profile("users_per_1000", counts, sizes, age="18-67"), 100.0
    found = _with_intervals(profile).iloc[::n]
    return found[[f"{side}{name}" for name in _LIMITS.values() for side in ("low", "high")]] / truth


def _covered(first: pd.DataFrame, cell: dict[str, object]) -> Iterator[dict[str, object]]:
    for method, name in _LIMITS.items():
        low, high = first[f"low{name}"], first[f"high{name}"]
        inside = (low <= 1) & (high >= 1)
        yield {**cell, "method": method, **_share(inside), "width": float((high - low).mean())}


def _share(inside: pd.Series) -> dict[str, object]:
    share, n = float(inside.mean()), len(inside)
    error = 100 * float(np.sqrt(share * (1 - share) / n))
    return {"n_sets": n, "coverage": 100 * share, "monte_carlo_error": error}


def rank_coverage(
    n_sets: int = 5000, means: Sequence[float] = RANK_MEANS, first_seed: int = 90_000
) -> pd.DataFrame:
    """Squared error of raw and shrunken ranks and values, and coverage of the limits of ranks.

    Parameters
    ----------
    n_sets : int
        Data sets of a cell.
    means : sequence of float
        Expected count of a municipality of size 1.
    first_seed : int

    Returns
    -------
    DataFrame
        One row for each ``truth`` (shape of the true rates), ``cv``, ``municipalities`` and ``mean``:
        ``squared_error_raw`` and ``squared_error_shrunk`` of ranks, ``rank_gain`` (their difference) and its
        ``monte_carlo_error_gain``; the same of values over their mean (``value_...``); ``coverage`` of the
        95 % limits of ranks over all municipalities with its ``monte_carlo_error`` (between data sets), and
        the ``lowest_coverage`` of one municipality; mean ``width`` of the limits, in ranks. Where true rates
        are equal every rank that they share must be inside.
    """
    rows: list[dict[str, object]] = []
    cells = [(*truth, n) for truth in TRUTHS for n in MUNICIPALITIES]
    for number, (shape, cv, n) in enumerate(cells):
        for k, mean in enumerate(means):
            seed = first_seed + 1000 * number + 20 * k
            parts = [_rank_sets(shape, cv, n, mean, s, seed + p) for p, s in _parts(n_sets)]
            cell = {"truth": shape, "cv": cv, "municipalities": n, "mean": mean}
            rows.append({**cell, **_rank_record(np.concatenate(parts, axis=1))})
    return pd.DataFrame(rows)


def _rank_sets(shape: str, cv: float, n: int, mean: float, sets: int, seed: int) -> Floats:
    """Errors of ranks and values, raw and shrunk, covered, width: shape (6, sets, municipalities)."""
    true = draw_true_rates(shape, cv, sets, n, seed)
    sizes = np.broadcast_to(mean * draw_sizes(n), (sets, n))
    profile = invented_profile("users_per_1000", draw_counts(true * sizes, seed + 500_000), 1000 * sizes)
    found = {name: x.to_numpy().reshape(sets, n) for name, x in _with_intervals(profile).items()}
    best = 1 + (true[:, None, :] > true[:, :, None]).sum(axis=2)
    worst = (true[:, None, :] >= true[:, :, None]).sum(axis=2)
    middle = (best + worst) / 2
    parts = (
        (found["rank_raw"] - middle) ** 2,
        (found["rank"] - middle) ** 2,
        (found["value"] - true) ** 2,
        (found["shrunk"] - true) ** 2,
        (found["rank_low"] <= best) & (found["rank_high"] >= worst),
        found["rank_high"] - found["rank_low"] + 1,
    )
    return np.stack([np.asarray(part, float) for part in parts])


def _rank_record(drawn: Floats) -> dict[str, object]:
    of_set = drawn.mean(axis=2)
    means, root = of_set.mean(axis=1), np.sqrt(of_set.shape[1])
    gain = {"rank": of_set[0] - of_set[1], "value": of_set[2] - of_set[3]}
    return {
        "n_sets": of_set.shape[1],
        "squared_error_raw": means[0],
        "squared_error_shrunk": means[1],
        "rank_gain": gain["rank"].mean(),
        "monte_carlo_error_gain": gain["rank"].std() / root,
        "value_squared_error_raw": means[2],
        "value_squared_error_shrunk": means[3],
        "value_monte_carlo_error_gain": gain["value"].std() / root,
        "coverage": 100 * means[4],
        "monte_carlo_error": 100 * of_set[4].std() / root,
        "lowest_coverage": 100 * drawn[4].mean(axis=0).min(),
        "width": means[5],
    }


def cost_coverage(
    n_sets: int = 5000, means: Sequence[float] = (5, 20, 100), first_seed: int = 120_000
) -> pd.DataFrame:
    """Coverage of the limits of costs for each recipient and each inhabitant.

    Parameters
    ----------
    n_sets : int
    means : sequence of float
        Expected recipients of the first municipality.
    first_seed : int

    Returns
    -------
    DataFrame
        One row for each ``cv`` between recipients, ``years``, ``mean`` and ``measure``, as in
        `count_coverage`. There are 15 municipalities whose true unit costs differ by 20 per cent.
    """
    rows: list[dict[str, object]] = []
    cells = [(cv, years) for cv in (0.5, 1.0) for years in (4,)]
    for number, (cv, years) in enumerate(cells):
        for k, mean in enumerate(means):
            seed = first_seed + 1000 * number + 20 * k
            found = pd.concat([_cost_sets(cv, years, mean, s, seed + p) for p, s in _parts(n_sets)])
            for measure, inside in found.items():
                cell = {"cv": cv, "years": years, "municipalities": MUNICIPALITIES[0], "mean": mean}
                rows.append({**cell, "measure": measure, **_share(inside)})
    return pd.DataFrame(rows)


def _cost_sets(cv: float, years: int, mean: float, sets: int, seed: int) -> pd.DataFrame:
    n = MUNICIPALITIES[0]
    unit = np.repeat(draw_true_rates("lognormal", 0.2, sets, n, seed), years, axis=1)
    means = np.broadcast_to(np.repeat(mean * draw_sizes(n), years), unit.shape)
    drawn = draw_costs(means, unit, cv, seed + 500_000)
    counts, amounts = (np.where(drawn.counts > 0, x, np.nan) for x in (drawn.counts, drawn.amounts))
    profile = pd.concat(
        [
            invented_profile("users_per_1000", drawn.counts, 10 * means, years=years),
            invented_profile("cost_per_recipient", amounts, counts, years=years),
            invented_profile("gross_per_inhabitant", amounts, 10 * means, years=years),
        ],
        ignore_index=True,
    )
    found = _with_intervals(profile)
    truth = unit[:, 0]
    inside = {}
    for measure, true in (("cost_per_recipient", truth), ("gross_per_inhabitant", truth / 10)):
        first = found[found["measure"] == measure].iloc[:: n * years]
        inside[measure] = ((first["low"] <= true) & (first["high"] >= true)).to_numpy()[
            first["low"].notna().to_numpy()
        ]
    least = min(map(len, inside.values()))
    return pd.DataFrame({measure: x[:least] for measure, x in inside.items()})
