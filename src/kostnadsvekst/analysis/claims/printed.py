"""Claims that printed numbers settle among themselves: text against tables, growth against levels, parts.

What comes out right here is an identity: it says that the report agrees with itself, not that it is right.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise, product
from math import log, prod
from typing import Self

import pandas as pd

from kostnadsvekst.analysis.claims.measures import NotInDataError, compute_measure
from kostnadsvekst.analysis.growth import compound_rate
from kostnadsvekst.panel.functions import TOTAL
from kostnadsvekst.sources.published import load_cells, load_claims

# Two-sided five per cent of the normal distribution: the tables have about 1,450 degrees of freedom.
_CRITICAL = 1.96
_CLAIM = re.compile(r"[CN]\d{3}")


@dataclass(frozen=True, slots=True)
class PrintedNumbers:
    """What the report prints.

    Attributes
    ----------
    cells : DataFrame
        Of its tables, from `kostnadsvekst.sources.published.load_cells`.
    claims : mapping of str to float
        Id of a claim of the running text -> its number.
    intervals : mapping of str to tuple
        Id -> what its wording or its rounding allows; without one, the number itself.
    """

    cells: pd.DataFrame
    claims: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of_the_report(cls) -> Self:
        """Return the embedded ones."""
        claims = load_claims()
        known = claims[claims["value"].notna() & (claims["role"] == "")]
        half = 0.5 * 10.0 ** -known["decimals"]
        low, high = known["low"].fillna(known["value"] - half), known["high"].fillna(known["value"] + half)
        intervals = dict(zip(known["id"], zip(low, high, strict=True), strict=True))
        return cls(load_cells(), dict(zip(known["id"], known["value"], strict=True)), intervals)

    def number(self, claim: str) -> float:
        """Return the number of a claim.

        Raises
        ------
        NotInDataError
            If the report prints none.
        """
        if claim not in self.claims:
            raise NotInDataError(f"the report prints no number for {claim}")
        return float(self.claims[claim])


def measure_printed(measure: str, printed: PrintedNumbers) -> float:
    """Value of a measure by arithmetic on printed numbers alone.

    Parameters
    ----------
    measure : str
        As in the column ``measure`` of the claims of chapter ``printed``.
    printed : PrintedNumbers

    Raises
    ------
    NotInDataError
        If a number that it needs is not printed.
    """
    return float(compute_measure(measure, COMPUTATIONS, printed))


def slack_of(measure: str, printed: PrintedNumbers) -> tuple[float, float]:
    """How far a measure may lie below and above its value, its numbers being rounded or worded as they are.

    Parameters
    ----------
    measure : str
        Monotone in each of the claims that it names, as all are.
    printed : PrintedNumbers

    Returns
    -------
    below, above : float
        Not negative: over all corners of the intervals of the claims that the measure names.
    """
    named = list(dict.fromkeys(_CLAIM.findall(measure)))
    middle = measure_printed(measure, printed)
    ends = [printed.intervals.get(claim, (printed.number(claim),) * 2) for claim in named]
    corners = []
    for corner in product(*ends):
        moved = {**printed.claims, **dict(zip(named, corner, strict=True))}
        corners.append(measure_printed(measure, replace(printed, claims=moved)))
    return max(0.0, middle - min(corners)), max(0.0, max(corners) - middle)


# Numbers of the running text ----------


def _growth_of(p: PrintedNumbers, start: str, end: str) -> float:
    return 100 * (p.number(end) / p.number(start) - 1)


def _difference_of(p: PrintedNumbers, start: str, end: str) -> float:
    return p.number(end) - p.number(start)


def _product_of(p: PrintedNumbers, one: str, other: str) -> float:
    return p.number(one) * p.number(other)


def _quotient_of(p: PrintedNumbers, over: str, under: str) -> float:
    return p.number(over) / p.number(under)


def _compound_of(p: PrintedNumbers, growth: str, years: str) -> float:
    """Yearly growth that a printed growth over several years implies, per cent."""
    return compound_rate(p.number(growth), int(years))


def _grown(p: PrintedNumbers, rate: str, years: str) -> float:
    """Growth over several years that a printed yearly growth implies, per cent."""
    return float(100 * ((1 + p.number(rate) / 100) ** int(years) - 1))


def _growth_of_rest(p: PrintedNumbers, total: str, start: str, end: str) -> float:
    """Growth of what a constant total leaves beside a part, per cent."""
    whole = p.number(total)
    return 100 * ((whole - p.number(end)) / (whole - p.number(start)) - 1)


def _rest_of(p: PrintedNumbers, total: str, parts: str) -> float:
    """Take the other parts from a total."""
    return p.number(total) - sum(p.number(part) for part in parts.split(";"))


def _faster_by(p: PrintedNumbers, start: str, end: str, other_start: str, other_end: str) -> float:
    """Growth of one pair of levels beyond that of another, percentage points."""
    return _growth_of(p, start, end) - _growth_of(p, other_start, other_end)


def _least_faster(p: PrintedNumbers, quartets: str) -> float:
    return min(_faster_by(p, *quartet.split(",")) for quartet in quartets.split(";"))


def _least_of(p: PrintedNumbers, claims: str) -> float:
    return min(p.number(claim) for claim in claims.split(";"))


def _rank_from_below(p: PrintedNumbers, wanted: str, among: str) -> float:
    return float(sorted(p.number(claim) for claim in among.split(";")).index(p.number(wanted)) + 1)


def _municipalities_left(p: PrintedNumbers, universe: str, missing: str, excluded: str) -> float:
    return p.number(universe) - int(excluded) - p.number(missing)


# Numbers of one sentence ----------


def _listed(p: PrintedNumbers, names: str) -> float:
    """Different things that a sentence, a list or a table names."""
    return float(len(set(names.split(";"))))


def _sum(p: PrintedNumbers, numbers: str) -> float:
    return sum(_numbers(numbers))


def _product(p: PrintedNumbers, numbers: str) -> float:
    return prod(_numbers(numbers))


def _quotient(p: PrintedNumbers, numbers: str) -> float:
    over, under = _numbers(numbers)
    return over / under


def _growth(p: PrintedNumbers, numbers: str) -> float:
    start, end = _numbers(numbers)
    return 100 * (end / start - 1)


def _share_left(p: PrintedNumbers, numbers: str) -> float:
    """Share of a whole that is not its part, per cent."""
    whole, part = _numbers(numbers)
    return 100 * (1 - part / whole)


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(";")]


def _years_in(p: PrintedNumbers, first: str, last: str) -> float:
    return float(int(last) - int(first) + 1)


def _years_between(p: PrintedNumbers, first: str, last: str) -> float:
    return float(int(last) - int(first))


def _doubling_rate(p: PrintedNumbers, years: str) -> float:
    """Yearly growth that doubles in so many years, per cent."""
    return compound_rate(100.0, int(years))


def _doubling_years(p: PrintedNumbers, percent: str) -> float:
    return log(2) / log(1 + float(percent) / 100)


# Cells of tables ----------


def _known(wanted: str, known: pd.Index, what: str) -> list[str]:
    """Names separated by semicolons, all of which must be printed."""
    names = wanted.split(";")
    if lacking := [name for name in names if name not in known.astype(str)]:
        raise NotInDataError(f"{what} prints no {', '.join(lacking)}")
    return names


def _amounts(p: PrintedNumbers) -> pd.Series:
    cells = p.cells[(p.cells["table"] == "1") & (p.cells["statistic"] == "amount_nok1000")]
    return cells.set_index("row")["value"].astype(float)


def _table_share(p: PrintedNumbers, function: str) -> float:
    """Share of a function in the printed total, per cent; of the total itself, the sum of its parts."""
    amounts = _amounts(p)
    _known(function, amounts.index, "table 1")
    part = amounts.drop(TOTAL).sum() if function == TOTAL else amounts[function]
    return float(100 * part / amounts[TOTAL])


def _amount_rank(p: PrintedNumbers, functions: str) -> float:
    """Worst rank of functions among all by amount, 1 the largest."""
    order = _amounts(p).drop(TOTAL).sort_values(ascending=False).index
    return float(max(order.get_loc(name) + 1 for name in _known(functions, order, "table 1")))


def _yearly_means(p: PrintedNumbers, variable: str) -> pd.Series:
    """Means of a variable of table A1 by year."""
    chosen = (p.cells["table"] == "A1") & (p.cells["variable"] == variable) & (p.cells["statistic"] == "mean")
    means = p.cells[chosen & (p.cells["period"].str.len() == 4)]
    return means.set_index(means["period"].astype(int))["value"].astype(float).sort_index()


def _cell_growth(p: PrintedNumbers, variable: str, first: str, last: str) -> float:
    means = _yearly_means(p, variable)
    _known(f"{first};{last}", means.index, f"table A1 on {variable}")
    return float(100 * (means[int(last)] / means[int(first)] - 1))


def _least_cell_growth(p: PrintedNumbers, variable: str) -> float:
    years = [str(year) for year in _yearly_means(p, variable).index]
    return min(_cell_growth(p, variable, *pair) for pair in pairwise(years))


def _income_growth_rank(p: PrintedNumbers, years: str) -> float:
    """Worst rank of years from below by growth of free income on the year before; 1 is the weakest."""
    growth = _yearly_means(p, "free_income").pct_change().dropna()
    order = growth.sort_values().index
    return float(max(order.get_loc(int(y)) + 1 for y in _known(years, order, "growth in table A1")))


def _age_variables(p: PrintedNumbers) -> float:
    """Age groups among the variables of table A2."""
    names = p.cells.loc[p.cells["table"] == "A2", "row"]
    return float(names[names.str.startswith("Alder_")].nunique())


def _estimate(p: PrintedNumbers, model: str, term: str, statistic: str = "estimate") -> float:
    cells = p.cells[(p.cells["model"] == f"A3-{model}") & (p.cells["statistic"] == statistic)]
    found = cells[cells["term"] == term]["value"]
    if found.empty:
        raise NotInDataError(f"table A3 prints no {term} in model {model}")
    return float(found.item())


def _interaction(p: PrintedNumbers, year: str) -> float:
    return _estimate(p, "4", f"C(year)[T.{year}]:free_income")


def _interaction_ratio(p: PrintedNumbers, over: str, under: str) -> float:
    return _interaction(p, over) / _interaction(p, under)


def _interaction_rank(p: PrintedNumbers, years: str) -> float:
    """Worst rank of years by the interaction of year and income, 1 the strongest."""
    order = pd.Index(sorted(("2016", "2017", "2018", "2019"), key=lambda year: -_interaction(p, year)))
    return float(max(order.get_loc(year) + 1 for year in _known(years, order, "table A3")))


def _t_value(p: PrintedNumbers, model: str, term: str) -> float:
    return _estimate(p, model, term) / _estimate(p, model, term, "std_error")


def _insignificant_years(p: PrintedNumbers) -> float:
    """Year dummies of all four models that are not significant at five per cent."""
    years = [f"C(year)[T.{year}]" for year in range(2016, 2020)]
    values = [_t_value(p, str(model), year) for model in range(1, 5) for year in years]
    return float(sum(abs(value) < _CRITICAL for value in values))


def _least_slope(p: PrintedNumbers) -> float:
    return min(_estimate(p, model, "free_income") for model in ("3", "4"))


COMPUTATIONS: Mapping[str, Callable[..., float]] = {
    "growth_of": _growth_of,
    "difference_of": _difference_of,
    "product_of": _product_of,
    "quotient_of": _quotient_of,
    "compound_of": _compound_of,
    "grown": _grown,
    "growth_of_rest": _growth_of_rest,
    "rest_of": _rest_of,
    "faster_by": _faster_by,
    "least_faster": _least_faster,
    "least_of": _least_of,
    "rank_from_below": _rank_from_below,
    "municipalities_left": _municipalities_left,
    "listed": _listed,
    "sum": _sum,
    "product": _product,
    "quotient": _quotient,
    "growth": _growth,
    "share_left": _share_left,
    "years_in": _years_in,
    "years_between": _years_between,
    "doubling_rate": _doubling_rate,
    "doubling_years": _doubling_years,
    "table_share": _table_share,
    "amount_rank": _amount_rank,
    "cell_growth": _cell_growth,
    "least_cell_growth": _least_cell_growth,
    "income_growth_rank": _income_growth_rank,
    "age_variables": _age_variables,
    "coefficient": _estimate,
    "interaction": _interaction,
    "interaction_ratio": _interaction_ratio,
    "interaction_rank": _interaction_rank,
    "t_value": _t_value,
    "insignificant_years": _insignificant_years,
    "least_slope": _least_slope,
}
