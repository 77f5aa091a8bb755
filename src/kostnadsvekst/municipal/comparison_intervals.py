"""Intervals, shrunken values and ranks of the rows of a profile."""

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from kostnadsvekst.errors import DataWarning
from kostnadsvekst.municipal.comparison_rows import (
    BINOMIAL,
    COMPOUND,
    METHODS,
    check_options,
    compared_rows,
    name_rows,
    without_attrs,
)
from kostnadsvekst.municipal.cost_intervals import compound_interval, relative_variance
from kostnadsvekst.municipal.count_intervals import (
    Limits,
    binomial_interval,
    overdispersed_interval,
    poisson_interval,
)
from kostnadsvekst.municipal.key_groups import KeyGroups, at_distinct
from kostnadsvekst.municipal.overdispersion import (
    Dispersion,
    dispersion_between,
    dispersion_of_one_level,
    dispersion_within,
)
from kostnadsvekst.municipal.rank_intervals import expected_ranks, pairwise_level, rank_limits, raw_ranks
from kostnadsvekst.municipal.shrinkage import (
    Posterior,
    fit_prior,
    shrink_counts,
    shrink_normal,
    shrink_proportions,
)
from kostnadsvekst.naming import first_of

Floats = NDArray[np.float64]

DISPERSIONS = ("municipalities", "years")
ADDED = (
    "method",
    "low",
    "high",
    "low_exact",
    "high_exact",
    "low_overdispersed",
    "high_overdispersed",
    "low_overdispersed_exact",
    "high_overdispersed_exact",
    "target",
    "phi",
    "tau",
    "count",
    "spread",
    "shrunk",
    "p_above_mean",
    "rank",
    "rank_low",
    "rank_high",
    "rank_raw",
)
# In the unit of the value.
_SCALED = (*ADDED[1:10], "tau", "shrunk")
# Of the probability outside an interval, what is spent on not knowing the overdispersion.
_SHARE_OF_PHI = 0.1
# Years tell the spread between recipients from so many degrees of freedom.
_LEAST_FREEDOM = 2.0
ALONE = "no other municipality to compare with: no rank, no shrinkage, no overdispersion"
ALIKE = "every municipality has none, or all: no shrinkage, no overdispersion"
NO_SPREAD = "the spread between recipients is not identified: give more years or municipalities"
NO_YEARS = (
    "the spread of unit costs is that between municipalities, so that the limits are rather too wide, and "
    "true differences cannot be told from it (no shrunk, p_above_mean or rank): give more years"
)
REMARKS = ("", ALONE, ALIKE, NO_SPREAD, NO_YEARS)


def intervals(
    profile: pd.DataFrame,
    *,
    level: float = 0.95,
    dispersion: Literal["municipalities", "years"] = "municipalities",
) -> pd.DataFrame:
    """How sure each value of a profile is: limits, shrunken value, rank and its limits.

    Parameters
    ----------
    profile : DataFrame
        From `user_groups.profile`, or protected (`protection.protect_profile`).
    level : float
        Of all limits.
    dispersion : {"municipalities", "years"}
        What the overdispersion of counts is measured by: differences between municipalities in the same year,
        as in funnel plots; or a municipality's own changes from year to year, beside the common change.

    Returns
    -------
    DataFrame
        The rows of the profile in their order, and

        - ``method``: ``"poisson"`` (counts over a corrected population, places), ``"binomial"`` (users of an
          age group, a part of its inhabitants), ``"compound"`` (kroner and man-years); empty: left out;
        - ``low``, ``high``: mid-P limits, the default for display; ``low_exact``, ``high_exact``: Garwood's
          and Clopper-Pearson's, of counts alone;
        - ``low_overdispersed``, ``high_overdispersed``: with `phi` times the variance, where it is above one;
          ``..._exact``: the same for an upper bound of phi, so that they cover at least `level`. Of costs,
          whose spread is measured, all of these are `low` and `high`;
        - ``target``: sum of numerators over sum of denominators of the municipalities of the mean; ``phi``
          (winsorised, multiplicative) and ``tau`` (additive, standard deviation between municipalities):
          overdispersion around it; ``count`` and ``spread``: recipients behind an amount and its squared
          coefficient of variation between them;
        - ``shrunk``: posterior mean of the true value; ``p_above_mean``: probability that it is above the
          mean of the true values of the municipalities of the mean (1/2 where all differ by chance alone);
        - ``rank``: posterior expectation of the rank, no whole number, 1 the highest; ``rank_low``,
          ``rank_high``: limits; ``rank_raw``: of the observed values, ties sharing the mean.

        ``attrs["left_out"]`` names what is not identified.

    Raises
    ------
    InvalidDataError
        All faults of the profile, see `comparison_rows.compared_rows`.
    DataMissingError
        Columns that lack.
    SpecificationError
        A level outside 0 to 1, or an unknown `dispersion`.

    Warns
    -----
    DataWarning
        What is left out.

    Notes
    -----
    Sources are with the parts: `count_intervals`, `cost_intervals`, `overdispersion`, `shrinkage`,
    `rank_intervals`. Denominators are taken as known. The spread of costs is that from year to year within
    municipalities where there are years enough, else between municipalities. ``rank_low`` and ``rank_high``
    hold for one municipality at a time. No random numbers are drawn, and the order of rows changes nothing.
    How often the limits hold the truth is in ``results/municipal/coverage_*.csv``. Limits of a count tell the
    count: protect the profile before its intervals are published.
    """
    check_options(level, dispersion, DISPERSIONS)
    read = compared_rows(profile)
    rows, lines = read.rows, list(read.left_out)
    given = without_attrs(profile)
    added, reasons = _added(rows, len(given), _Options(float(level), dispersion))
    lines += name_rows(given, rows, reasons, REMARKS)
    result = given.drop(columns=list(ADDED), errors="ignore").join(added)
    before = profile.attrs.get("left_out", [])
    result.attrs = {**profile.attrs, "left_out": [*before, *lines], "level": level, "dispersion": dispersion}
    if lines:
        told = "\n".join(f"  - {line}" for line in first_of(lines))
        warnings.warn(f"intervals: {len(lines)} remark(s)\n{told}", DataWarning, stacklevel=2)
    return result


@dataclass(frozen=True, slots=True)
class _Options:
    level: float
    dispersion: str


def _added(rows: pd.DataFrame, size: int, options: _Options) -> tuple[pd.DataFrame, NDArray[np.int8]]:
    """Columns in the order of the profile, of so many rows, and the remark of each of the compared rows."""
    parts, start = [], 0
    found = np.full(len(rows), -1)  # where the numbers of each row are among those of the parts
    for number, where in _method_slices(rows["method"].to_numpy()):
        part, back = _of_method(rows.iloc[where], METHODS[number], options)
        found[where] = start + back
        start += part["low"].size
        parts.append(part)
    places = np.full(size, start)  # where nothing is
    places[rows.index.to_numpy()] = found
    columns = {name: _column(name, parts).take(places, mode="clip") for name in ADDED[1:]}
    names = np.zeros(size, dtype=np.int8)
    names[rows.index.to_numpy()] = rows["method"].to_numpy()
    words = pd.array(list(METHODS), dtype="str").take(names)
    remarks = np.concatenate([p["remark"] for p in parts] + [np.zeros(0)]).astype(np.int8)[found]
    return pd.DataFrame({"method": words, **columns}, copy=False), remarks


def _column(name: str, parts: list[dict[str, Any]]) -> Floats:
    """Numbers of a name of all parts, and after them none."""
    found = (part.get(name, np.full(part["low"].size, np.nan)) for part in parts)
    return np.concatenate([*found, [np.nan]])


def _method_slices(sorted_methods: NDArray[np.int8]) -> list[tuple[int, slice]]:
    groups = KeyGroups.of(sorted_methods)
    return [(int(sorted_methods[rows.start]), rows) for rows in groups.slices()]


def _of_method(
    rows: pd.DataFrame, method: str, options: _Options
) -> tuple[dict[str, Any], NDArray[np.int64]]:
    """Numbers of the comparisons that differ, and which of them is that of each row."""
    proportion = method == BINOMIAL
    y, n = rows["numerator"].to_numpy(), rows["denominator"].to_numpy()
    of_years: tuple[Any, ...] = ()
    if method == COMPOUND:
        of_years = _spread_of(rows)
    elif options.dispersion == "years":
        of_years = _within(rows, y, n, proportion=proportion)
    given = (rows[name].to_numpy() for name in ("numerator", "denominator", "count", "member", "per"))
    kept, back = KeyGroups.of(rows["key"]).distinct(*given, *of_years)
    rows, of_years = rows.iloc[kept], tuple(x[kept] for x in of_years)
    if method == COMPOUND:
        found = _costs(rows, of_years, options)
    else:
        found = _counted(rows, proportion, of_years, options)
    alone = np.isnan(found["rank_raw"]) & (found["remark"] == 0)
    found["remark"] = np.where(alone, REMARKS.index(ALONE), found["remark"])
    per = rows["per"].to_numpy()
    return {name: x * per if name in _SCALED else x for name, x in found.items()}, back


# --- Counts and proportions


def _counted(
    rows: pd.DataFrame, proportion: bool, of_years: tuple[Any, ...], options: _Options
) -> dict[str, Any]:
    y, n = rows["numerator"].to_numpy(), rows["denominator"].to_numpy()
    groups, rate = KeyGroups.of(rows["key"]), y / n
    member = rows["member"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        target = groups.sum(y * member) / groups.sum(n * member)
    common = groups.spread(target)
    variance = common * (1 - common if proportion else 1.0) / n
    between = _among_members(rate, common, variance, rows)
    phi, df = of_years or (between.phi, between.df)
    prior = fit_prior(rate, 1 / n, groups, "binomial" if proportion else "poisson", member)
    shrink = shrink_proportions if proportion else shrink_counts
    own = member & (options.dispersion == "municipalities")
    limits = _count_limits(y, n, phi, np.where(own, np.inf, df), df, proportion, options.level)
    alike = np.isnan(groups.spread(prior.mean)) & (groups.spread(groups.sizes) > 1)
    return {
        **limits,
        **_compared(rate, shrink(y, n, prior, groups), _rank_bounds(rows, proportion, options), groups),
        "target": common,
        "phi": phi,
        "tau": np.sqrt(between.tau2),
        "remark": np.where(alike, REMARKS.index(ALIKE), 0),
    }


def _among_members(rate: Floats, target: Floats, variance: Floats, rows: pd.DataFrame) -> Dispersion:
    """Overdispersion of the municipalities of the mean, beside every row of their comparison."""
    member = rows["member"].to_numpy()
    keys = rows["key"].to_numpy()
    inside = KeyGroups.of(keys[member])
    found = dispersion_between(rate[member], target[member][inside.starts], variance[member], inside)
    at = pd.Index(keys[member][inside.starts]).get_indexer(keys)
    parts = (np.where(at >= 0, np.r_[x, np.nan][at], np.nan) for x in (found.phi, found.df, found.tau2))
    return Dispersion(*parts)


def _within(
    rows: pd.DataFrame, amounts: Floats, sizes: Floats, *, power: int = 1, proportion: bool = False
) -> tuple[Floats, Floats]:
    """Dispersion from year to year, and its degrees of freedom, beside every row."""
    order = np.argsort(rows["cell"].to_numpy(), kind="stable")
    cells, unit, period = (x[order] for x in _numbers_of(rows))
    groups = KeyGroups.of(cells)
    found = dispersion_within(
        amounts[order], sizes[order], unit, period, groups, power=power, proportion=proportion
    )
    phi, df = np.empty(len(rows)), np.empty(len(rows))
    phi[order], df[order] = groups.spread(found.phi), groups.spread(found.df)
    return phi, df


def _numbers_of(rows: pd.DataFrame) -> tuple[NDArray[np.int64], ...]:
    """Numbers of comparison without its year, of its municipality, of its year."""
    cell, who = rows["cell"].to_numpy(), rows["who"].to_numpy()
    return cell, cell * (who.max(initial=0) + 1) + who, rows["key"].to_numpy()


def _plain(y: Floats, n: Floats, level: Any, proportion: bool, mid_p: bool) -> Limits:
    if proportion:
        return binomial_interval(y, n, level, mid_p=mid_p)
    limits = poisson_interval(y, level, mid_p=mid_p)
    return Limits(limits.low / n, limits.high / n)


def _count_limits(
    y: Floats, n: Floats, phi: Floats, freedom: Floats, df: Floats, proportion: bool, level: float
) -> dict[str, Floats]:
    """Limits of a rate by name: by chance alone, and with its overdispersion.

    `freedom` is that of Student's t. It is infinite where the municipality's own deviation is a part of phi:
    one that is large makes phi large, and the quantile of the normal distribution is enough.
    """
    mid, exact = (_plain(y, n, level, proportion, mid_p) for mid_p in (True, False))
    outside = 1 - level
    spent = _SHARE_OF_PHI * outside
    with np.errstate(invalid="ignore"):
        bound = phi * df / at_distinct(lambda x: stats.chi2.ppf(spent, x), df)
        wide = overdispersed_interval(
            y,
            n,
            phi,
            at_distinct(lambda x: stats.t.isf(outside / 2, x), np.where(df > 0, freedom, np.nan)),
            proportion=proportion,
        )
    widest = overdispersed_interval(
        y,
        n,
        np.maximum(bound, 1.0),
        stats.norm.isf((outside - spent) / 2),
        proportion=proportion,
        corrected=True,
    )
    over, known = phi > 1, np.isfinite(phi)
    low, high = np.minimum(wide.low, mid.low), np.maximum(wide.high, mid.high)
    chosen = {
        "overdispersed": (np.where(over, low, mid.low), np.where(over, high, mid.high)),
        "overdispersed_exact": (np.minimum(widest.low, exact.low), np.maximum(widest.high, exact.high)),
    }
    found = {"low": mid.low, "high": mid.high, "low_exact": exact.low, "high_exact": exact.high}
    for name, (low, high) in chosen.items():
        found |= {f"low_{name}": np.where(known, low, np.nan), f"high_{name}": np.where(known, high, np.nan)}
    return found


def _rank_bounds(rows: pd.DataFrame, proportion: bool, options: _Options) -> Limits:
    groups = KeyGroups.of(rows["key"])
    level = groups.spread(np.nan_to_num(pairwise_level(options.level, groups), nan=options.level))
    y, n = rows["numerator"].to_numpy(), rows["denominator"].to_numpy()
    return _plain(y, n, level, proportion, mid_p=False)


def _compared(rate: Floats, posterior: Posterior, limits: Limits, groups: KeyGroups) -> dict[str, Floats]:
    """Shrunken values and ranks, missing where there is nobody to compare with."""
    alone = groups.spread(groups.sizes) < 2
    ranks = rank_limits(rate, limits.low, limits.high, groups)
    expected = expected_ranks(posterior.location, posterior.variance, groups)
    return {
        "shrunk": np.where(alone, np.nan, posterior.mean),
        "p_above_mean": np.where(alone, np.nan, posterior.above),
        "rank": np.where(alone, np.nan, np.clip(expected, ranks.low, ranks.high)),
        "rank_low": ranks.low,
        "rank_high": ranks.high,
        "rank_raw": np.where(alone, np.nan, raw_ranks(rate, groups)),
    }


# --- Costs and man-years


def _costs(rows: pd.DataFrame, of_years: tuple[Any, ...], options: _Options) -> dict[str, Any]:
    spread, df, by_years = of_years
    groups = KeyGroups.of(rows["key"])
    rate, count = (rows["numerator"] / rows["denominator"]).to_numpy(), rows["count"].to_numpy()
    counted = (rows["count"] != rows["denominator"]).to_numpy()
    known = df > 0
    spread, df = np.where(known, spread, np.nan), np.where(known, df, np.nan)
    limits = compound_interval(rate, count, spread, df, options.level, counted=counted)
    level = groups.spread(np.nan_to_num(pairwise_level(options.level, groups), nan=options.level))
    pairs = compound_interval(rate, count, spread, df, level, counted=counted)
    noise = np.where(by_years & known, relative_variance(count, spread, counted), np.nan)
    member = rows["member"].to_numpy()
    prior = fit_prior(rate, noise, groups, "normal", member & (noise > 0))
    found = _compared(rate, shrink_normal(rate, noise, prior, groups), pairs, groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        top, bottom = (groups.sum(rows[c].to_numpy() * member) for c in ("numerator", "denominator"))
        target = groups.spread(top / bottom)
    names = ("", "_overdispersed", "_overdispersed_exact")
    return {
        **{f"low{name}": limits.low for name in names},
        **{f"high{name}": limits.high for name in names},
        **found,
        "rank_low": np.where(known, found["rank_low"], np.nan),
        "rank_high": np.where(known, found["rank_high"], np.nan),
        "target": target,
        "spread": spread,
        "tau": np.sqrt(groups.spread(prior.variance)),
        "count": count,
        "remark": np.where(known, np.where(by_years, 0, REMARKS.index(NO_YEARS)), REMARKS.index(NO_SPREAD)),
    }


def _spread_of(rows: pd.DataFrame) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Squared coefficient of variation between recipients, degrees of freedom, and whether years tell it."""
    amount, count = rows["numerator"].to_numpy(), rows["count"].to_numpy()
    years, freedom = _within(rows, amount, count, power=2)
    keys = KeyGroups.of(rows["key"])
    common = dispersion_of_one_level(amount, count, keys, power=2)
    by_years = freedom >= _LEAST_FREEDOM
    spread = np.where(by_years, years, keys.spread(common.phi))
    return spread, np.where(by_years, freedom, keys.spread(common.df)), by_years
