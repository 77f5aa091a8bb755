"""Alternatives to today's coverage: healthy ageing, more housing, private homes, and a policy by year."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from kostnadsvekst.municipal.given_numbers import number_faults
from kostnadsvekst.municipal.projection_factors import SAME_BELOW
from kostnadsvekst.municipal.projection_inputs import (
    AGE,
    AGE_KEY,
    APART,
    read_numbers,
    records,
    refuse_projection,
    told,
)
from kostnadsvekst.sources.age_groups import OLDEST, AgeGroup, parse_age_group

# Mean age above the lower end of an open group, years. Assumed: of Norwegians aged 90 and above about 92.5.
OPEN_YEARS = 2.5


def healthy_ageing(
    coverage: pd.Series | Mapping[str, float],
    added_years: Mapping[int, float],
    *,
    share: float = 1.0,
    from_age: int = SAME_BELOW,
    open_years: float = OPEN_YEARS,
    alternative: str = "healthy_ageing",
) -> pd.DataFrame:
    """Factors on coverage when the added years of life are years without need.

    Parameters
    ----------
    coverage : Series or mapping
        Share by age group, from `kostnadsvekst.municipal.projection.coverage`.
    added_years : mapping of int to float
        Year -> years that remaining life has grown by since the base year (0 in it).
    share : float
        Of the added years that are free of need: 1 moves all of them, 0.5 half.
    from_age : int
        Age groups that begin below it keep their coverage, as in the report's alternatives.
    open_years : float
        Mean age of the open group above its lower end.
    alternative : str
        Name.

    Returns
    -------
    DataFrame
        ``alternative``, ``service`` and ``municipality`` where the coverage has them, ``year``,
        ``age_group``, ``factor``.

    Raises
    ------
    InvalidDataError
        Age groups that are no ages, a share outside 0 to 1, years that are negative; all at once.

    Notes
    -----
    factor(a, t) = c(m_a − share × added_t) / c(m_a), where m_a is the middle of the age group and c is
    today's coverage, linear between the middles of neighbouring groups and constant below the lowest. That
    coverage of an age moves to a higher age as life grows longer: European Commission, The 2021 Ageing Report
    (Institutional Paper 148), part II, chapter 3, "healthy ageing" (share 1; its reference case has a half).
    Linear between the middles of convex coverage is above the curve, so the factor is rather too near 1.
    """
    shares, faults = read_numbers(coverage, "coverage")
    faults += number_faults("share", share, least=0, most=1)
    faults += number_faults("open_years", open_years, above=0, most=20)
    for year, added in added_years.items():
        faults += number_faults(f"added years of {year}", added, least=0, most=30)
    ages = {label: parse_age_group(label) for label in shares[AGE]}
    faults += [
        f"age group {label!r} is no ages; write it as '80-84'" for label, one in ages.items() if not one
    ]
    refuse_projection("healthy ageing", faults)
    middles = {label: _middle(one, open_years) for label, one in ages.items() if one}
    apart = [name for name in APART if name in shares]
    made = []
    for name, own in shares.groupby(apart or (lambda _: ""), sort=False):
        place = dict(zip(apart, name if isinstance(name, tuple) else (name,), strict=False))
        x = np.array([middles[label] for label in own[AGE]])
        y = own["coverage"].to_numpy()
        order = np.argsort(x)
        for year, added in added_years.items():
            moved = np.interp(x - share * added, x[order], y[order])
            factor = np.divide(moved, y, out=np.ones_like(y), where=y > 0)
            made += [
                {"alternative": alternative, **place, "year": int(year), AGE: label, "factor": float(one)}
                for label, one in zip(own[AGE], factor, strict=True)
                if ages[label].low >= from_age  # type: ignore[union-attr]
            ]
    return pd.DataFrame(made, columns=["alternative", *apart, "year", AGE, "factor"])


def _middle(ages: AgeGroup, open_years: float) -> float:
    return ages.low + open_years if ages.high == OLDEST else (ages.low + ages.high + 1) / 2


def moved_to_housing(
    coverage: pd.Series,
    share: float,
    origin: str | Sequence[str],
    target: str,
    *,
    from_age: int = SAME_BELOW,
    alternative: str = "more_housing",
) -> pd.DataFrame:
    """Factors when a share of those in some steps of the housing ladder live in another one instead.

    Parameters
    ----------
    coverage : Series
        Share by ``service`` (step) and ``age_group``.
    share : float
        Of the users of each origin, 0 to 1.
    origin : str or sequence of str
        Services that they leave: the institution (more housing, alternative 1), or municipal housing (private
        homes, alternative 2).
    target : str
        Service that they have instead.
    from_age : int
        Age groups that begin below it are as they are.
    alternative : str

    Returns
    -------
    DataFrame
        As `healthy_ageing`, for all years.

    Raises
    ------
    InvalidDataError
        Services that the coverage does not have, a share outside 0 to 1, a target that nobody of the age
        group has (a factor cannot make it grow); all at once.

    Notes
    -----
    Factor 1 − share of the origins; 1 + share × Σ coverage of origins / coverage of the target. The sum over
    steps stays: only who lives where changes. Stated in words: seed text 001, lines 1534 to 1546.
    """
    shares, faults = read_numbers(coverage, "coverage")
    faults += number_faults("share", share, least=0, most=1)
    origins = [origin] if isinstance(origin, str) else list(origin)
    have = list(pd.unique(shares["service"])) if "service" in shares else []
    faults += [
        f"service {name!r} has no coverage (there are {have})"
        for name in (*origins, target)
        if name not in have
    ]
    faults += [f"service {target!r} is origin and target; name two"] if target in origins else []
    refuse_projection("the move to housing", faults)
    old = shares[[(parse_age_group(label) or AgeGroup(0, 0)).low >= from_age for label in shares[AGE]]]
    places = [name for name in APART if name in shares and name != "service"]
    left = old[old["service"].isin(origins)]
    came = left.groupby([*places, AGE_KEY])["coverage"].sum().rename("came").reset_index()
    met = old[old["service"] == target].merge(came, on=[*places, AGE_KEY])
    faults = [
        f"{told(row, places)}: nobody has {target!r} today, so its coverage cannot be scaled; "
        "give users of it"
        for row in records(met[(met["coverage"] == 0) & (met["came"] > 0)])
    ]
    refuse_projection("the move to housing", faults)
    grown = met.assign(factor=1 + share * met["came"] / met["coverage"].where(met["coverage"] > 0, 1.0))
    made = pd.concat([left.assign(factor=1 - share), grown]).assign(alternative=alternative)
    return made[["alternative", *places, "service", AGE, "factor"]].reset_index(drop=True)


def policy_factors(
    coverage: pd.Series | Mapping[str, float],
    policy: pd.DataFrame,
    years: Iterable[int],
    *,
    alternative: str = "policy",
) -> pd.DataFrame:
    """Factors that take coverage to what a policy wants in given years.

    Parameters
    ----------
    coverage : Series or mapping
        Today's share by age group.
    policy : DataFrame
        ``year``, ``age_group``, ``coverage`` (share), and ``service`` and ``municipality`` if the coverage
        has them; at least one year an age group that it names.
    years : iterable of int
        Of the projection; the first is the base year, with today's coverage.
    alternative : str

    Returns
    -------
    DataFrame
        As `healthy_ageing`. Linear between the years given and constant after the last.

    Raises
    ------
    InvalidDataError
        Age groups without coverage today, negative or missing numbers, years outside; all at once.
    """
    shares, faults = read_numbers(coverage, "coverage")
    wanted, wrong = read_numbers(policy, "coverage", ("year",))
    faults += wrong
    listed = sorted({int(year) for year in years})
    if "year" not in wanted or not listed:
        refuse_projection("the policy", [*faults, "the policy needs a column year, and years to project"])
    apart = [name for name in APART if name in shares and name in wanted]
    met = wanted.merge(shares, on=[*apart, AGE_KEY], how="left", suffixes=("", "_today"))
    faults += [
        f"policy of {told(row, apart)} in {row['year']}: there is no coverage today to scale"
        for row in records(met[~(met["coverage_today"] > 0)])
    ]
    faults += [
        f"policy of {told(row, apart)}: {row['year']} is not after {listed[0]} and up to {listed[-1]}"
        for row in records(met[~met["year"].between(listed[0] + 1, listed[-1])])
    ]
    refuse_projection("the policy", faults)
    made = []
    for name, own in met.groupby([*apart, AGE], sort=False):
        ordered = own.sort_values("year")
        today = float(ordered["coverage_today"].iloc[0])
        path = np.interp(listed, [listed[0], *ordered["year"]], [1.0, *(ordered["coverage"] / today)])
        place = dict(zip([*apart, AGE], name if isinstance(name, tuple) else (name,), strict=True))
        made += [
            {"alternative": alternative, "year": year, **place, "factor": float(one)}
            for year, one in zip(listed, path, strict=True)
        ]
    return pd.DataFrame(made, columns=["alternative", *apart, "year", AGE, "factor"])
