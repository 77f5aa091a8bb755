"""Growth accounts: levels and shares, real indices, contributions, and what growth is made of.

Source: report, chapter 4 (table 1, figures 2 to 4).
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.panel.functions import RESIDUAL, TOTAL

__all__ = [
    "RESIDUAL",
    "TOTAL",
    "account",
    "by_group",
    "compound_rate",
    "shift_share",
    "split_growth",
    "summarise",
    "top_groups",
]


def __dir__() -> list[str]:
    return sorted(__all__)


def account(
    expenditures: pd.DataFrame | pd.Series,
    deflator: pd.Series | Mapping[int, float],
    population: pd.Series | Mapping[int, float] | None = None,
) -> pd.DataFrame:
    """Growth account of expenditures by function and year.

    Parameters
    ----------
    expenditures : DataFrame or Series, index (or column) ``year``
        Current prices, 1000 kroner; one column for each function, or a Series of the total. A column `TOTAL`
        is the stated total; where it differs from the sum of the functions the difference becomes the line
        `RESIDUAL`.
    deflator : Series or mapping
        Year -> price index; real kroner are those of the year in which it is one.
    population : Series or mapping, optional
        Year -> persons.

    Returns
    -------
    DataFrame, sorted by function (order of the columns, total last) and year
        ``function``, ``year``, ``nominal_nok1000``, ``share_percent`` (of the year's total),
        ``real_nok1000``,
        ``index_nominal`` and ``index_real`` (first year = 100), ``growth_nominal_percent`` and
        ``growth_real_percent`` (on the year before; NaN where that year is not in the data),
        ``contribution_points`` (real growth since the first year, percentage points of the first year's
        total: the
        functions sum to the growth of the total), and with `population` ``real_per_inhabitant_nok`` and
        ``index_real_per_inhabitant``.

    Raises
    ------
    DataMissingError
        Prices or population lack a year.
    InvalidDataError
        Fewer than two years, a year twice, values that are no numbers, a total that is not positive; all
        listed.

    Notes
    -----
    The index of a function that is zero in the first year is NaN.
    """
    wide = _wide(expenditures)
    prices = _aligned(deflator, wide.index, "price index")
    real = wide.div(prices, axis=0)
    total, first = wide[TOTAL], wide.index[0]
    consecutive = pd.Series(wide.index, wide.index).diff() == 1
    columns = {
        "nominal_nok1000": wide,
        "share_percent": 100 * wide.div(total, axis=0),
        "real_nok1000": real,
        "index_nominal": 100 * wide / _not_zero(wide.loc[first]),
        "index_real": 100 * real / _not_zero(real.loc[first]),
        "growth_nominal_percent": _yearly_growth(wide, consecutive),
        "growth_real_percent": _yearly_growth(real, consecutive),
        "contribution_points": 100 * (real - real.loc[first]) / real.loc[first, TOTAL],
    }
    if population is not None:
        people = _aligned(population, wide.index, "population")
        columns["real_per_inhabitant_nok"] = 1000 * real.div(people, axis=0)
        per_head = columns["real_per_inhabitant_nok"]
        columns["index_real_per_inhabitant"] = 100 * per_head / _not_zero(per_head.loc[first])
    # stack, not melt: all measures share one index of function and year
    long = pd.DataFrame({name: frame.T.stack() for name, frame in columns.items()})  # noqa: PD013
    return long.rename_axis(["function", "year"]).reset_index()


def summarise(accounted: pd.DataFrame, first: int | None = None, last: int | None = None) -> pd.DataFrame:
    """Growth of each function between two years.

    Parameters
    ----------
    accounted : DataFrame
        From `account`.
    first, last : int, optional
        First and last year of the account if not given.

    Returns
    -------
    DataFrame, index ``function``
        ``share_first_percent``, ``share_last_percent``, ``growth_nominal_percent``, ``growth_real_percent``,
        ``compound_nominal_percent``, ``compound_real_percent`` (a year), ``contribution_points`` (of the
        total's real growth between the two years; they sum to it).

    Raises
    ------
    DataMissingError
        A year is not in the account.
    """
    years = sorted(accounted["year"].unique())
    first, last = first or years[0], last or years[-1]
    absent = [str(year) for year in (first, last) if year not in years]
    if absent:
        raise DataMissingError(f"the account has no {', '.join(absent)}; it has {', '.join(map(str, years))}")
    by_year = {year: rows.set_index("function") for year, rows in accounted.groupby("year", sort=False)}
    start, end = by_year[first], by_year[last]
    base = start.loc[TOTAL, "real_nok1000"]
    out = pd.DataFrame(
        {"share_first_percent": start["share_percent"], "share_last_percent": end["share_percent"]}
    )
    for kind in ("nominal", "real"):
        ratio = end[f"{kind}_nok1000"] / _not_zero(start[f"{kind}_nok1000"])
        out[f"growth_{kind}_percent"] = 100 * (ratio - 1)
        out[f"compound_{kind}_percent"] = [
            compound_rate(g, last - first) for g in out[f"growth_{kind}_percent"]
        ]
    out["contribution_points"] = 100 * (end["real_nok1000"] - start["real_nok1000"]) / base
    return out


def compound_rate(growth_percent: float, years: int) -> float:
    """Constant yearly growth that gives a total growth.

    Parameters
    ----------
    growth_percent : float
        Over the whole period.
    years : int
        Steps between first and last year.

    Returns
    -------
    float
        Per cent a year; NaN where the end is negative.
    """
    ratio = 1 + growth_percent / 100
    return 100 * (ratio ** (1 / years) - 1) if ratio > 0 else float("nan")


def split_growth(
    nominal: pd.Series | Mapping[int, float],
    deflator: pd.Series | Mapping[int, float],
    population: pd.Series | Mapping[int, float],
) -> pd.DataFrame:
    """Nominal growth as the product of price, population and real expenditure per inhabitant.

    Parameters
    ----------
    nominal, deflator, population : Series or mapping by year
        The first and last year of `nominal` are compared.

    Returns
    -------
    DataFrame, index ``component`` (``price``, ``population``, ``real_per_inhabitant``, ``nominal``)
        ``factor`` (the first three multiply to the last), ``growth_percent``, ``log_points`` (100 × ln
        factor; the first three add up to the last), ``share_percent`` (of the log growth).
    """
    amounts = pd.Series(nominal, dtype=float).sort_index()
    prices = _aligned(deflator, amounts.index, "price index")
    people = _aligned(population, amounts.index, "population")
    ratios = {name: s.iloc[-1] / s.iloc[0] for name, s in (("price", prices), ("population", people))}
    whole = amounts.iloc[-1] / amounts.iloc[0]
    ratios["real_per_inhabitant"] = whole / ratios["price"] / ratios["population"]
    factor = pd.Series({**ratios, "nominal": whole}, name="factor").rename_axis("component")
    logs = 100 * np.log(factor)
    return pd.DataFrame(
        {
            "factor": factor,
            "growth_percent": 100 * (factor - 1),
            "log_points": logs,
            "share_percent": 100 * logs / logs["nominal"],
        }
    )


def by_group(panel: pd.DataFrame, first: int, last: int, group: str = "kostra_group") -> pd.DataFrame:
    """Expenditure per inhabitant by group of municipalities in two years (figure 4).

    Parameters
    ----------
    panel : DataFrame
        ``year``, ``population``, ``net_expenditure`` (kroner per inhabitant) and the column `group`.
    first, last : int
        Years.
    group : str
        Each municipality belongs to the group of its row in the first year.

    Returns
    -------
    DataFrame, index `group` in natural order
        ``municipalities``, ``population_first``, ``population_last``, ``level_first`` and ``level_last``
        (population-weighted means, kroner per inhabitant), ``growth`` (kroner), ``growth_percent``.

    Raises
    ------
    DataMissingError
        A column or year is missing.
    InvalidDataError
        Municipalities without a group.
    """
    needed = {"municipality", "year", "population", "net_expenditure", group}
    if absent := sorted(needed - set(panel.columns)):
        raise DataMissingError(f"the panel lacks {', '.join(absent)}")
    if absent_years := [str(y) for y in (first, last) if y not in set(panel["year"])]:
        raise DataMissingError(f"the panel has no {', '.join(absent_years)}")
    groups = panel[panel["year"] == first].set_index("municipality")[group]
    ungrouped = sorted(set(panel["municipality"][panel["year"] == last]) - set(groups.dropna().index))
    if ungrouped:
        raise InvalidDataError(f"{len(ungrouped)} municipalities have no group in {first}", ungrouped)
    out = pd.DataFrame({"municipalities": groups.value_counts()})
    for name, year in (("first", first), ("last", last)):
        rows = panel[panel["year"] == year]
        key = rows["municipality"].map(groups)
        people = rows["population"].groupby(key).sum()
        out[f"population_{name}"] = people
        out[f"level_{name}"] = (rows["population"] * rows["net_expenditure"]).groupby(key).sum() / people
    out["growth"] = out["level_last"] - out["level_first"]
    out["growth_percent"] = 100 * out["growth"] / out["level_first"]
    return out.sort_index(key=lambda index: index.map(_natural)).rename_axis(group)


def top_groups(groups: pd.DataFrame, count: int, by: str = "growth") -> tuple[str, ...]:
    """Name the groups that grew most, in natural order.

    Parameters
    ----------
    groups : DataFrame
        From `by_group`.
    count : int
        How many; at equal growth the first in natural order.
    by : {"growth", "growth_percent"}
        Kroner per inhabitant, or per cent of the first level. The two name different groups where dear
        groups grow by many kroner from a high level.

    Raises
    ------
    SpecificationError
        Another `by`.
    """
    if by not in ("growth", "growth_percent"):
        raise SpecificationError(f"groups grow by 'growth' (kroner) or 'growth_percent', not by {by!r}")
    top = groups[by].nlargest(count).index
    return tuple(sorted(map(str, top), key=_natural))


def shift_share(groups: pd.DataFrame) -> pd.DataFrame:
    """Why groups' expenditure grew otherwise than the country's: population, or kroner per inhabitant.

    Parameters
    ----------
    groups : DataFrame
        From `by_group`.

    Returns
    -------
    DataFrame, same index; million kroner
        ``growth`` = ``national`` (the group's first level times the country's growth) + ``population`` +
        ``per_inhabitant``. Sums over groups: ``growth`` and ``national`` to the country's growth, the other
        two to
        zero. Both effects are valued at the mean of the two years, so neither depends on which comes first.
    """
    million = 1e-6
    first = groups["population_first"] * groups["level_first"] * million
    last = groups["population_last"] * groups["level_last"] * million
    level = (groups["level_first"] + groups["level_last"]) / 2
    people = (groups["population_first"] + groups["population_last"]) / 2
    by_people = level * (groups["population_last"] - groups["population_first"]) * million
    by_level = people * (groups["level_last"] - groups["level_first"]) * million
    share = first / first.sum()
    out = pd.DataFrame(index=groups.index)
    out["growth"] = last - first
    out["national"] = share * out["growth"].sum()
    out["population"] = by_people - share * by_people.sum()
    out["per_inhabitant"] = by_level - share * by_level.sum()
    return out


def _wide(expenditures: pd.DataFrame | pd.Series) -> pd.DataFrame:
    frame = expenditures.to_frame(TOTAL) if isinstance(expenditures, pd.Series) else expenditures.copy()
    if "year" in frame.columns:
        frame = frame.set_index("year")
    frame = frame.rename(columns=str).rename_axis(columns=None)
    problems = [f"year {year!r} is not a whole number" for year in frame.index if not _is_year(year)]
    problems += [f"year {year} occurs more than once" for year in frame.index[frame.index.duplicated()]]
    if len(frame) < 2:
        problems.append(f"growth needs two years or more, there are {len(frame)}")
    numbers = frame.apply(pd.to_numeric, errors="coerce")
    for column in frame:
        problems += [
            f"{column} {year} is {str(frame.loc[year, column])!r}, not a number"
            for year in frame.index[~np.isfinite(numbers[column].to_numpy(float))]
        ]
    if problems:
        raise InvalidDataError(f"expenditures cannot be used: {len(problems)} problem(s)", problems)
    numbers = numbers.astype(float).sort_index()
    numbers.index = numbers.index.astype("int64").rename("year")
    parts = numbers.drop(columns=TOTAL, errors="ignore")
    if TOTAL not in numbers:
        numbers[TOTAL] = parts.sum(axis=1)
    elif len(parts.columns) and not np.allclose(numbers[TOTAL], parts.sum(axis=1), rtol=1e-12, atol=1e-6):
        numbers[RESIDUAL] = numbers[TOTAL] - parts.sum(axis=1)
    if (numbers[TOTAL] <= 0).any():
        bad = numbers.index[numbers[TOTAL] <= 0]
        raise InvalidDataError(f"the total is not positive in {', '.join(map(str, bad))}")
    return numbers[[c for c in numbers if c != TOTAL] + [TOTAL]]


def _is_year(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _aligned(values: pd.Series | Mapping[int, float], years: pd.Index, what: str) -> pd.Series:
    series = pd.Series(values, dtype=float)
    lacking = [str(year) for year in years if year not in series.index or not series[year] > 0]
    if lacking:
        raise DataMissingError(f"the {what} lacks {', '.join(lacking)}")
    return series.reindex(years)


def _yearly_growth(frame: pd.DataFrame, consecutive: pd.Series) -> pd.DataFrame:
    before = frame.shift(1)
    growth = 100 * (frame / before.where(before != 0) - 1)
    return growth.where(consecutive, axis=0)


def _not_zero(values: pd.Series) -> pd.Series:
    return values.where(values != 0)


def _natural(label: object) -> tuple[int, str]:
    digits = "".join(c for c in str(label) if c.isdigit())
    return (int(digits) if digits else 0, str(label))
