"""Columns of the municipal panel: name, type, unit, bounds, source, labels; and the check of a panel.

The bounds are what is possible, not what is likely: the published tables themselves print minima that are
evident errors in the source (expenditure of 234 kroner per inhabitant, age shares near zero), and these
rows are part of the published regressions. Unlikely values are warned about instead.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kostnadsvekst.callers import level_of_caller
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError
from kostnadsvekst.language import Bilingual, Sentence, in_language
from kostnadsvekst.naming import require_columns
from kostnadsvekst.sources.missing_symbols import STATUSES

_PER_INHABITANT = Bilingual("2019-kroner per innbygger", "2019 kroner per inhabitant")
_PERCENT = Bilingual("prosent av innbyggerne", "per cent of inhabitants")
_PERCENT_OF_GROUP = Bilingual("prosent av gruppen", "per cent of the group")
_KOSTRA = "Statistics Norway, KOSTRA"
_POPULATION = "Statistics Norway, table 07459, at the end of the year"
_LISTED = 20

# A row whose money amount differs from the municipality's own median by more than this factor is suspicious.
SUSPICIOUS_JUMP = 5.0
# Factors around 1000 mean that someone mixed kroner and thousand kroner.
_THOUSAND = (200.0, 5000.0)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the panel.

    Attributes
    ----------
    name : str
    dtype : {"text", "integer", "number"}
    label : Bilingual
        For tables.
    unit : Bilingual
    lower, upper : float
        Inclusive bounds of possible values; NaN where there are none.
    source : str
        Where real data come from.
    """

    name: str
    dtype: str
    label: Bilingual
    unit: Bilingual
    lower: float
    upper: float
    source: str


def _share(name: str, nb: str, en: str, unit: Bilingual, source: str) -> Column:
    return Column(name, "number", Bilingual(nb, en), unit, 0, 100, source)


COLUMNS: dict[str, Column] = {
    column.name: column
    for column in (
        Column(
            "municipality",
            "text",
            Bilingual("Kommune", "Municipality"),
            Bilingual("nummer", "code"),
            float("nan"),
            float("nan"),
            "Statistics Norway, KLASS 131",
        ),
        Column("year", "integer", Bilingual("År", "Year"), Bilingual("år", "year"), 1970, 2100, ""),
        Column(
            "population",
            "integer",
            Bilingual("Folketall", "Population"),
            Bilingual("personer", "persons"),
            1,
            10_000_000,
            _POPULATION,
        ),
        Column(
            "net_expenditure",
            "number",
            Bilingual("Utgifter", "Net expenditure"),
            _PER_INHABITANT,
            0,
            1_000_000,
            f"{_KOSTRA}, table 12362 (net operating expenditure, health and care)",
        ),
        Column(
            "free_income",
            "number",
            Bilingual("Frie inntekter", "Free income"),
            _PER_INHABITANT,
            0,
            1_000_000,
            f"{_KOSTRA}, table 12134 (taxes and general grants)",
        ),
        _share("age_0_5", "Alder 0–5", "Age 0–5", _PERCENT, _POPULATION),
        _share("age_6_15", "Alder 6–15", "Age 6–15", _PERCENT, _POPULATION),
        _share("age_16_66", "Alder 16–66", "Age 16–66", _PERCENT, _POPULATION),
        _share("age_67_79", "Alder 67–79", "Age 67–79", _PERCENT, _POPULATION),
        _share("age_80_plus", "Alder 80+", "Age 80+", _PERCENT, _POPULATION),
        _share("living_alone_80_plus", "Enslige 80+", "Living alone, 80+", _PERCENT_OF_GROUP, _KOSTRA),
        _share("divorced_16_66", "Skilte 16–66", "Divorced or separated, 16–66", _PERCENT_OF_GROUP, _KOSTRA),
        _share(
            "unemployed_15_74",
            "Arbeidsledige 15–74",
            "Unemployed, 15–74",
            _PERCENT_OF_GROUP,
            "Statistics Norway, table 10540",
        ),
        _share("immigrants", "Innvandrere", "Immigrants", _PERCENT, "Statistics Norway, table 09817"),
        _share(
            "urban",
            "Tettsteder, bosatte",
            "Living in urban settlements",
            _PERCENT,
            "Statistics Norway, table 05212",
        ),
        Column(
            "deaths",
            "number",
            Bilingual("Døde (per 1000 innbyggere)", "Deaths (per 1000 inhabitants)"),
            Bilingual("per 1000 innbyggere", "per 1000 inhabitants"),
            0,
            200,
            "Statistics Norway, table 06913",
        ),
    )
}

POPULATION_10K = Column(
    "population_10k",
    "number",
    Bilingual("Folketall (10 000 innbyggere)", "Population (10 000 inhabitants)"),
    Bilingual("10 000 personer", "10 000 persons"),
    0,
    1000,
    "population / 10 000",
)

_MONEY = ("net_expenditure", "free_income")


def label_of(name: str) -> Bilingual:
    """Label of a panel column for tables; an unknown column is its own label."""
    column = POPULATION_10K if name == POPULATION_10K.name else COLUMNS.get(name)
    return column.label if column else Bilingual(name, name)


def check_panel(panel: pd.DataFrame) -> None:
    """Check a municipal panel against the schema, and report everything that is wrong at once.

    Parameters
    ----------
    panel : DataFrame
        One row for each municipality and year, with the columns in `COLUMNS`; others are ignored.

    Raises
    ------
    DataMissingError
        If columns are missing.
    InvalidDataError
        If the panel is empty, a municipality-year occurs twice, a municipality lacks a year, or values are
        missing, text, out of bounds or in the wrong unit. Every problem names municipality and year.

    Warns
    -----
    DataWarning
        If an amount differs from the municipality's own median by a factor above `SUSPICIOUS_JUMP`.
    """
    try:
        require_columns(COLUMNS, panel.columns)
    except DataMissingError as error:
        raise DataMissingError(f"{error}; {_ANY_FRAME}") from None
    if panel.empty:
        raise InvalidDataError("the panel has no rows")
    problems = [*_value_problems(panel), *_key_problems(panel)]
    if problems:
        shown = problems[:_LISTED] + (
            [f"and {len(problems) - _LISTED} more"] if len(problems) > _LISTED else []
        )
        raise InvalidDataError(f"the panel has {len(problems)} problem(s)", shown)
    jumps = suspicious_jumps(panel)
    if jumps:
        warnings.warn(
            Sentence(
                f"{len(jumps)} suspicious amount(s), kept as they are: {'; '.join(jumps[:_LISTED])}",
                f"{len(jumps)} mistenkelige beløp, beholdt som de er: "
                f"{'; '.join(in_language(jump, 'nb') for jump in jumps[:_LISTED])}",
            ),
            DataWarning,
            stacklevel=level_of_caller(),
        )


_ANY_FRAME = (
    "the report's chapters need the whole panel: give other names by columns= (--rename THEIRS=OURS); a "
    "model of your own needs its own columns only: kv.estimate takes any frame (--spec FILE)"
)


def suspicious_jumps(panel: pd.DataFrame) -> list[str]:
    """Amounts far from the municipality's own median, as sentences that name municipality and year.

    Parameters
    ----------
    panel : DataFrame
        With the columns municipality, year, net_expenditure and free_income as numbers.
    """
    found: list[str] = []
    for name in _MONEY:
        value = panel[name].to_numpy(dtype=float)
        usual = panel.groupby("municipality")[name].transform("median").to_numpy(dtype=float)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.maximum(value / usual, usual / value)
        for i in np.flatnonzero(factor > SUSPICIOUS_JUMP):
            thousand = _THOUSAND[0] < factor[i] < _THOUSAND[1]
            place = f"{panel['municipality'].iloc[i]} {panel['year'].iloc[i]}: {name}"
            nb = [f"{number:,.0f}".replace(",", "\u202f") for number in (value[i], usual[i])]
            found.append(
                Sentence(
                    f"municipality {place} {value[i]:,.0f} against its median of {usual[i]:,.0f}"
                    + (" (thousand kroner for kroner?)" if thousand else ""),
                    f"kommune {place} {nb[0]} mot sin egen median på {nb[1]}"
                    + (" (tusen kroner for kroner?)" if thousand else ""),
                )
            )
    return found


def _value_problems(panel: pd.DataFrame) -> Iterator[str]:
    for column in COLUMNS.values():
        if column.dtype == "text":
            yield from _at(panel, panel[column.name].isna().to_numpy(), f"{column.name} is missing")
            continue
        given = panel[column.name]
        value = pd.to_numeric(given, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        missing = given.isna().to_numpy()
        text = np.isnan(value) & ~missing
        yield from _missing(panel, column.name, missing)
        yield from _at(panel, text, f"{column.name} is not a number", given)
        bounds = f"{column.lower:g} to {column.upper:g} {column.unit.en}"
        with np.errstate(invalid="ignore"):
            outside = (value < column.lower) | (value > column.upper)
            broken = (column.dtype == "integer") & (value != np.floor(value)) & ~np.isnan(value)
        yield from _at(panel, outside, f"{column.name} is outside {bounds}", given)
        yield from _at(panel, broken & ~outside, f"{column.name} is not a whole number", given)
        if column.name in _MONEY:
            yield from _unit_problems(column, value)


def _missing(panel: pd.DataFrame, name: str, missing: np.ndarray) -> Iterator[str]:
    """Name missing values, with what Statistics Norway's symbol in their place says."""
    symbols = panel.get(f"{name}_status", pd.Series("", index=panel.index)).fillna("").astype(str)
    for place, symbol in zip(_at(panel, missing, f"{name} is missing"), symbols[missing], strict=True):
        yield f"{place} ({symbol!r}: {STATUSES[symbol]})" if symbol in STATUSES else place


def _unit_problems(column: Column, value: np.ndarray) -> Iterator[str]:
    middle = np.nanmedian(value) if not np.isnan(value).all() else np.nan
    if middle < 1_000:
        yield (
            f"{column.name}: the median is {middle:,.1f}, which looks like thousand kroner; the column must "
            f"be in {column.unit.en}: multiply it by 1000"
        )
    elif middle > 500_000:
        yield (
            f"{column.name}: the median is {middle:,.0f}, which looks like totals; the column must be in "
            f"{column.unit.en}: divide it by the population"
        )


def _key_problems(panel: pd.DataFrame) -> Iterator[str]:
    keys = panel[["municipality", "year"]]
    twice = keys[keys.duplicated()].drop_duplicates()
    for key in twice.itertuples():
        yield f"municipality {key.municipality} {key.year}: occurs more than once"
    years = sorted(panel["year"].dropna().unique(), key=str)
    present = set(zip(panel["municipality"], panel["year"], strict=True))
    for municipality in panel["municipality"].dropna().unique():
        absent = [str(year) for year in years if (municipality, year) not in present]
        if absent:
            yield (
                f"municipality {municipality}: has no row for {', '.join(absent)}; the panel must be "
                "balanced: add the row or leave the municipality out"
            )


def _at(
    panel: pd.DataFrame, where: np.ndarray, what: str, values: "pd.Series | None" = None
) -> Sequence[str]:
    positions = np.flatnonzero(where)
    places = panel[["municipality", "year"]].iloc[positions]
    found = [f"municipality {m} {y}: {what}" for m, y in places.itertuples(index=False)]
    if values is None:
        return found
    return [f"{text}: {values.iloc[i]!r}" for text, i in zip(found, positions, strict=True)]
