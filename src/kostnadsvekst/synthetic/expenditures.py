"""Synthetic expenditures by function and synthetic KOSTRA groups that show what chapter 4 prints.

The amounts of 2020 are table 1; growth rates are those of section 4.2. What the report does not say (the path
between the years it speaks of, prices) is filled in by a seed and the embedded deflator. Nothing of it is
evidence.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from kostnadsvekst.errors import DataMissingError
from kostnadsvekst.provenance import SYNTHETIC, Provenance
from kostnadsvekst.sources.published import TOTAL_FUNCTION as TOTAL
from kostnadsvekst.sources.published import printed_value

YEARS = tuple(range(2015, 2021))
SEED = 2021
# Share of a function's growth path that the seed moves; small enough that no year shrinks.
_JITTER = 0.15
_SMALL, _LARGE = 5_000, 20_000
_SIXTEEN = 10
# Weight of growth beside income in choosing groups 6, 12 and 16: the smallest tried that is enough.
_TILT = 0.25


@dataclass(frozen=True, slots=True)
class PrintedGrowth:
    """Real growth printed in section 4.2, as factors.

    Attributes
    ----------
    total, total_2018 : float
        2015-2020, and 2017-2018, the steepest year.
    home : float
        Function 254, 2015-2020.
    treatment : float
        Function 241, 2015-2020, steepest in 2020.
    institution_year : float
        Function 253 a year from 2017; level before.
    """

    total: float
    total_2018: float
    home: float
    treatment: float
    institution_year: float

    @classmethod
    def of_the_report(cls) -> Self:
        """Return what the report prints."""

        def factor(measure: str) -> float:
            return 1 + printed_value(measure) / 100

        return cls(
            total=factor(f"growth_real:{TOTAL}:2015:2020"),
            total_2018=factor(f"growth_real:{TOTAL}:2017:2018"),
            home=factor("growth_real:254:2015:2020"),
            treatment=factor("growth_real:241:2015:2020"),
            institution_year=factor("compound_real:253:2017:2020"),
        )


def make_expenditures(
    amounts_2020: pd.Series, price_index: pd.Series, printed: PrintedGrowth | None = None, seed: int = SEED
) -> pd.DataFrame:
    """Net operating expenditure by function and year at current prices.

    Parameters
    ----------
    amounts_2020 : Series
        Function -> 1000 kroner, with `TOTAL` (table 1).
    price_index : Series
        By year, 2015-2020.
    printed : PrintedGrowth, optional
    seed : int
        Of the paths between the printed years.

    Returns
    -------
    DataFrame, index ``year``, one column for each function and `TOTAL`
        Whole thousands of kroner. ``attrs["provenance"]`` is synthetic.

    Notes
    -----
    Other functions than the three largest share what is left of the total in proportion to 2020.
    """
    printed = printed or PrintedGrowth.of_the_report()
    rng = np.random.default_rng(seed)
    paths = {
        TOTAL: _path(printed.total, {2018: printed.total_2018}, rng),
        "253": np.array([1.0, 1.0, 1.0, *np.cumprod([printed.institution_year] * 3)]),
        # services for substance users were entered here from 2018 (table A4): steeper than the total
        "254": _path(printed.home, {2018: printed.total_2018**1.3}, rng),
        # almost a third of the growth in the last year makes it the steepest
        "241": _path(printed.treatment, {2020: printed.treatment**0.3}, rng),
    }
    real = pd.DataFrame(
        {name: amounts_2020[name] * path / path[-1] for name, path in paths.items()}, index=list(YEARS)
    )
    rest = real[TOTAL] - real[["253", "254", "241"]].sum(axis=1)
    others = amounts_2020.drop([TOTAL, "253", "254", "241"])
    for name, amount in others.items():
        real[str(name)] = rest * amount / others.sum()
    prices = price_index.reindex(list(YEARS))
    if prices.isna().any():
        raise DataMissingError(f"prices lack {', '.join(map(str, prices.index[prices.isna()]))}")
    nominal = real.mul(prices / prices.loc[YEARS[-1]], axis=0).round()
    nominal[TOTAL] = nominal.drop(columns=TOTAL).sum(axis=1)
    nominal.loc[YEARS[-1]] = amounts_2020.reindex(nominal.columns)  # table 1 as printed, not as it sums
    out = nominal[[*sorted(c for c in nominal if c != TOTAL), TOTAL]].rename_axis("year")
    out.attrs["provenance"] = Provenance(SYNTHETIC).to_attrs()
    return out


def assign_groups(panel: pd.DataFrame, first: int = 2015, last: int = 2019) -> pd.Series:
    """Synthetic KOSTRA groups of the municipalities of a synthetic panel.

    Parameters
    ----------
    panel : DataFrame
        ``municipality``, ``year``, ``population``, ``net_expenditure``, ``free_income``.
    first, last : int

    Returns
    -------
    Series
        Municipality -> group ("1" to "9", "11" to "16"). By size, then expenditure (standing for bound
        costs) and
        free income, as section 4.3 defines the groups; groups 6, 12 and 16 are made of municipalities with
        high income that grew most, because the report says that these groups grew most.
    """
    start = panel[panel["year"] == first].set_index("municipality").sort_index()
    end = panel[panel["year"] == last].set_index("municipality").sort_index()
    growth = end["net_expenditure"] - start["net_expenditure"]
    score = start["free_income"].rank(pct=True) + _TILT * growth.rank(pct=True)
    groups = pd.Series("13", index=start.index, name="kostra_group")
    by_size = start["population"].sort_values(ascending=False, kind="stable").index
    groups[by_size[1:4]], groups[by_size[0]] = "14", "15"
    below = start["population"] < _LARGE
    rich = below & (start["free_income"] >= start["free_income"].quantile(0.8))
    sixteen = score[rich].sort_values(ascending=False, kind="stable").index[:_SIXTEEN]
    small = start.index[start["population"] < _SMALL].difference(sixteen)
    middle = start.index[below & (start["population"] >= _SMALL)].difference(sixteen)
    for members, low, high in ((small, "123", "456"), (middle, "789", ("11", "12"))):
        costs = start.loc[members, "net_expenditure"]
        dear = costs >= costs.median()
        _deal(groups, start.loc[members[~dear], "free_income"], low)
        best = score[members[dear]].sort_values(ascending=False, kind="stable").index[: dear.sum() // 3]
        groups[best] = high[-1]
        _deal(groups, start.loc[members[dear].difference(best), "free_income"], high[:-1])
    groups[sixteen] = "16"
    return groups


def _deal(groups: pd.Series, income: pd.Series, names: "str | tuple[str, ...]") -> None:
    """Equal parts by income, lowest first."""
    order = income.sort_values(kind="stable").index
    for name, part in zip(names, np.array_split(order.to_numpy(), len(names)), strict=True):
        groups[part] = name


def _path(growth: float, fixed: dict[int, float], rng: np.random.Generator) -> np.ndarray:
    """Level by year, 1 in the first; growth of the years not fixed adds up to what is left."""
    steps = {year: np.log(factor) for year, factor in fixed.items()}
    free = [year for year in YEARS[1:] if year not in steps]
    weights = 1 + _JITTER * rng.uniform(-1, 1, len(free))
    left = np.log(growth) - sum(steps.values())
    steps |= dict(zip(free, left * weights / weights.sum(), strict=True))
    path: np.ndarray = np.exp(np.cumsum([0.0, *(steps[year] for year in YEARS[1:])]))
    return path
