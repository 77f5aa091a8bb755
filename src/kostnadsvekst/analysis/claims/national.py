"""Claims that real numbers of the country settle: population, prices, municipalities, accounts.

Where a printed number is one side of the arithmetic (table A1's income per inhabitant), the other is real.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import pandas as pd

from kostnadsvekst.analysis.claims.measures import NotInDataError, compute_measure
from kostnadsvekst.analysis.claims.printed import PrintedNumbers, measure_printed
from kostnadsvekst.analysis.growth import compound_rate
from kostnadsvekst.panel.prices import price_index
from kostnadsvekst.sources.control_totals import control_series


@dataclass(frozen=True, slots=True)
class Country:
    """Real numbers of the country by year.

    Attributes
    ----------
    expenditure : Series
        Net operating expenditure on health and care, 1000 kroner, current prices.
    population : Series
        Persons on 1 January.
    municipalities : Series
        Number of municipalities on 1 January.
    printed : PrintedNumbers
        What the report prints beside them.
    """

    expenditure: pd.Series
    population: pd.Series
    municipalities: pd.Series
    printed: PrintedNumbers

    @classmethod
    def embedded(cls, printed: PrintedNumbers) -> Self:
        """Return the embedded control totals, with what the report prints."""
        return cls(
            control_series("net_operating_expenditure"),
            control_series("population"),
            control_series("municipalities"),
            printed,
        )


def measure_national(measure: str, country: Country) -> float:
    """Value of a measure from real numbers of the country.

    Parameters
    ----------
    measure : str
        As in the column ``measure`` of the claims of chapter ``national``.
    country : Country

    Raises
    ------
    NotInDataError
        If the numbers lack a year.
    """
    return float(compute_measure(measure, COMPUTATIONS, country))


def _in(series: pd.Series, year: str | int) -> float:
    if int(year) not in series.index:
        raise NotInDataError(f"the {series.name} of {year} is not known")
    return float(series[int(year)])


def _income_growth(country: Country, first: str, last: str) -> float:
    """Growth of free income in all: table A1's kroner per inhabitant times the population of the year's end.

    Table A1 weighs by the population at the end of the year, which the standard errors of table A3 show.
    """
    per_inhabitant = measure_printed(f"cell_growth:free_income:{first}:{last}", country.printed)
    people = _in(country.population, int(last) + 1) / _in(country.population, int(first) + 1)
    return 100 * ((1 + per_inhabitant / 100) * people - 1)


def _income_growth_yearly(country: Country, first: str, last: str) -> float:
    return compound_rate(_income_growth(country, first, last), int(last) - int(first))


def _municipalities(country: Country, year: str) -> float:
    return _in(country.municipalities, year)


def _price_base(country: Country, year: str) -> float:
    """Price index of the embedded deflator in the year that it is based on."""
    return float(price_index(int(year))[int(year)])


def _against_growth_before(country: Country, claim: str, first: str, last: str) -> float:
    """Compare the printed growth of a year with the mean nominal growth of the years before it, ratio."""
    years = range(int(first), int(last) + 1)
    levels = pairwise(_in(country.expenditure, year) for year in years)
    rates = [100 * (b / a - 1) for a, b in levels]
    return country.printed.number(claim) / (sum(rates) / len(rates))


COMPUTATIONS: Mapping[str, Callable[..., float]] = {
    "income_growth": _income_growth,
    "income_growth_yearly": _income_growth_yearly,
    "municipalities": _municipalities,
    "price_base": _price_base,
    "against_growth_before": _against_growth_before,
}
