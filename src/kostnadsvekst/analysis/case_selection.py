"""Selection of case municipalities: growth in a band, evident faults left out by name, then most varied.

Source: report, section 7.2 and table 2.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.models.purposeful_sampling import NOT_CHOSEN, most_varied
from kostnadsvekst.naming import require_columns

POPULATION_CLASS = "population_class"
ATTRIBUTES = (POPULATION_CLASS, "region", "kostra_group")
# Table 2 of the report; persons, the lower limit of each class.
POPULATION_CLASSES = {
    "< 5 000": 0,
    "5 000–9 999": 5_000,
    "10 000–19 999": 10_000,
    "20 000–49 999": 20_000,
    "≥ 50 000": 50_000,
}
HIDDEN = "*"


@dataclass(frozen=True, slots=True)
class Criterion:
    """Municipalities among which some cases are chosen.

    Attributes
    ----------
    name : str
    column : str
        Expenditure whose growth is meant; kroner of the municipality, or per inhabitant.
    low_percent, high_percent : float
        Growth from `low_percent` up to, but not with, `high_percent`.
    n : int
        How many are chosen.
    """

    name: str
    column: str
    low_percent: float
    high_percent: float
    n: int

    def __post_init__(self) -> None:
        if not self.low_percent < self.high_percent:
            raise SpecificationError(
                f"{self.name}: the band from {self.low_percent} to {self.high_percent} is empty"
            )
        if self.n < 0 or self.n != int(self.n):
            raise SpecificationError(f"{self.name}: n={self.n!r} is no number of municipalities")


@dataclass(frozen=True, slots=True)
class CaseSelection:
    """Chosen municipalities, why, and what was left out.

    Attributes
    ----------
    cases : DataFrame
        ``municipality``, ``criterion``, ``growth_percent``, the attributes, ``gain`` (variation that the
        sample would lose without it), ``alone_in`` (attributes of whose category it is the only case),
        ``replacements`` (three municipalities that meet the same criterion, of the same population class and
        then the most alike first).
    left_out : DataFrame
        Every other municipality and why: ``municipality``, ``reason``.
    attributes : DataFrame, index municipality
        Of all municipalities of the panel.
    variation, bound : float
        As in `kostnadsvekst.models.purposeful_sampling.Choice`.
    """

    cases: pd.DataFrame
    left_out: pd.DataFrame
    attributes: pd.DataFrame
    variation: float
    bound: float


def select_cases(
    panel: pd.DataFrame,
    criteria: Sequence[Criterion],
    start: int,
    end: int,
    *,
    attributes: Sequence[str] = ATTRIBUTES,
    merged: Mapping[str, str] | None = None,
    misreported_factor: float = 3.0,
) -> CaseSelection:
    """Choose cases of high growth that are as different as possible.

    Parameters
    ----------
    panel : DataFrame
        ``municipality``, ``year``, ``population``, the columns of the criteria and the attributes;
        `POPULATION_CLASS` is made from the population of `start` where it is not there.
    criteria : sequence of Criterion
    start, end : int
        Years between which growth is counted.
    attributes : sequence of str
        What is to vary.
    merged : mapping of str to str, optional
        Municipality -> what became of it: left out with these words.
    misreported_factor : float
        Expenditure per inhabitant in any year above this many times the municipality's own median over the
        years, or below its inverse, is evident misreporting: such a municipality is left out.

    Returns
    -------
    CaseSelection
        The same for every order of rows.

    Raises
    ------
    InvalidDataError
        A column is missing, a municipality and year occurs twice, or an attribute changes or is missing.
    SpecificationError
        Too few municipalities meet a criterion.
    """
    columns = list(dict.fromkeys(criterion.column for criterion in criteria))
    own = [name for name in attributes if name != POPULATION_CLASS or name in panel]
    require_columns(["municipality", "year", "population", *columns, *own], panel.columns)
    wide = _by_municipality(panel, columns)
    kinds = _attributes(panel, wide, attributes, own, start)
    growth = pd.DataFrame({c.name: _growth(wide[c.column], start, end) for c in criteria})
    reasons = dict(merged or {}) | _misreported(wide, columns, misreported_factor)
    usable = ~growth.index.isin(list(reasons)) & kinds.notna().all(axis=1).to_numpy()
    eligible = pd.DataFrame(
        {
            c.name: usable & (growth[c.name] >= c.low_percent) & (growth[c.name] < c.high_percent)
            for c in criteria
        }
    )
    order = growth.where(eligible).max(axis=1).sort_index().sort_values(ascending=False, kind="stable").index
    kinds, growth, eligible = kinds.loc[order], growth.loc[order], eligible.loc[order]
    codes = np.column_stack([pd.factorize(kinds[name], sort=True)[0] for name in attributes])
    choice = most_varied(codes, eligible.to_numpy(), np.array([c.n for c in criteria]))
    by = pd.Series(choice.criterion, index=order)
    cases = _cases(by[by != NOT_CHOSEN], criteria, kinds, growth, eligible)
    left_out = _left_out(by, eligible, growth, kinds, reasons)
    return CaseSelection(cases, left_out, kinds.sort_index(), choice.variation, choice.bound)


def table_of_classes(selection: CaseSelection, crowd: int = 3) -> pd.DataFrame:
    """Table 2: number, regions and KOSTRA groups of the cases of each population class.

    Parameters
    ----------
    selection : CaseSelection
    crowd : int
        Regions of a class are hidden where a case is alone in its class, or where fewer municipalities of
        the panel than this, among whom a reader would look, are of the class and one of its regions.

    Returns
    -------
    DataFrame
        ``population_class``, ``n_municipalities``, ``regions``, ``kostra_groups``: lists in order, joined by
        commas; regions hidden are ``"*"``.
    """
    size = selection.attributes.groupby([POPULATION_CLASS, "region"]).size()
    rows = []
    for name in POPULATION_CLASSES:
        some = selection.cases[selection.cases[POPULATION_CLASS] == name]
        regions = sorted(some["region"].unique())
        hidden = len(some) == 1 or any(size[name, region] < crowd for region in regions)
        groups = sorted(some["kostra_group"].unique(), key=lambda g: (len(g), g))
        rows.append((name, len(some), HIDDEN if hidden else ", ".join(regions), ", ".join(groups)))
    return pd.DataFrame(rows, columns=[POPULATION_CLASS, "n_municipalities", "regions", "kostra_groups"])


def classify_population(population: pd.Series) -> pd.Series:
    """Return the population classes of table 2 of the report."""
    limits = [*POPULATION_CLASSES.values(), np.inf]
    return pd.cut(population, limits, right=False, labels=list(POPULATION_CLASSES)).astype(str)


def growth_by_type(
    panel: pd.DataFrame, columns: Sequence[str], by: str, start: int, end: int
) -> pd.DataFrame:
    """Growth of expenditures within types of municipality, one column of expenditure at a time.

    Parameters
    ----------
    panel : DataFrame
        ``municipality``, ``year``, `by` and `columns` (kroner of the municipality).
    columns : sequence of str
        Expenditures by function.
    by : str
        Type of municipality.
    start, end : int

    Returns
    -------
    DataFrame, sorted by function and type, all municipalities last
        ``function``, ``type``, ``n_municipalities``, ``growth_percent``, ``above_all_points`` (growth less
        that of all), ``contribution_points`` (of the growth of all; the types sum to it).

    Raises
    ------
    InvalidDataError
        A municipality has only one of the years.

    Notes
    -----
    Sums of kroner over municipalities, not means of rates. Source: report, sections 1.3 and 9.1.
    """
    require_columns(["municipality", "year", by, *columns], panel.columns)
    years = panel[panel["year"].isin([start, end])]
    once = years.groupby("municipality")["year"].nunique()
    if (once < 2).any():
        raise InvalidDataError(f"municipalities without {start} or {end}", sorted(once.index[once < 2]))
    rows = []
    for column in columns:
        sums = years.pivot_table(index=by, columns="year", values=column, aggfunc="sum", observed=True)
        n = years[years["year"] == start].groupby(by, observed=True).size()
        rows += [(column, name, n[name], *sums.loc[name, [start, end]]) for name in sums.index]
        rows.append((column, "all", int(n.sum()), *sums[[start, end]].sum()))
    found = pd.DataFrame(rows, columns=["function", "type", "n_municipalities", "first", "last"])
    whole = found[found["type"] == "all"].set_index("function")
    all_first, all_last = (found["function"].map(whole[name]) for name in ("first", "last"))
    found["growth_percent"] = 100 * (found["last"] / found["first"] - 1)
    found["above_all_points"] = found["growth_percent"] - 100 * (all_last / all_first - 1)
    found["contribution_points"] = 100 * (found["last"] - found["first"]) / all_first
    return found.drop(columns=["first", "last"])


def _by_municipality(panel: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Columns by municipality and year, with the population."""
    twice = panel[panel.duplicated(["municipality", "year"])]
    if len(twice):
        raise InvalidDataError(
            "rows that occur twice", [f"{r.municipality} {r.year}" for r in twice.itertuples()]
        )
    names = list(dict.fromkeys(["population", *columns]))
    return panel.set_index(["municipality", "year"])[names].unstack("year").sort_index()


def _attributes(
    panel: pd.DataFrame, wide: pd.DataFrame, attributes: Sequence[str], own: Sequence[str], start: int
) -> pd.DataFrame:
    changing = panel.groupby("municipality")[list(own)].nunique() if own else pd.DataFrame()
    bad = [f"{unit}: {name}" for name in changing for unit in changing.index[changing[name] > 1]]
    if bad:
        raise InvalidDataError("attributes change over the years; give those of one year", bad)
    kinds = panel.groupby("municipality")[list(own)].first() if own else pd.DataFrame(index=wide.index)
    if POPULATION_CLASS not in own:
        kinds[POPULATION_CLASS] = classify_population(wide["population"][start])
    return kinds[list(attributes)]


def _growth(amounts: pd.DataFrame, start: int, end: int) -> pd.Series:
    missing = [year for year in (start, end) if year not in amounts]
    if missing:
        raise InvalidDataError(f"no rows of {', '.join(map(str, missing))}", [])
    return 100 * (amounts[end] / amounts[start].where(amounts[start] > 0) - 1)


def _misreported(wide: pd.DataFrame, columns: Sequence[str], factor: float) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for column in columns:
        per_head = wide[column] / wide["population"]
        ratio = per_head.div(per_head.median(axis=1), axis=0)
        for unit, row in ratio[(ratio > factor) | (ratio < 1 / factor)].dropna(how="all").iterrows():
            worst = ", ".join(f"{year}: {value:.2f}" for year, value in row.dropna().items())
            reasons.setdefault(str(unit), f"{column} per inhabitant against its own median: {worst}")
    return reasons


def _cases(
    by: pd.Series,
    criteria: Sequence[Criterion],
    kinds: pd.DataFrame,
    growth: pd.DataFrame,
    eligible: pd.DataFrame,
) -> pd.DataFrame:
    chosen = kinds.loc[by.index]
    counts = {name: chosen[name].map(chosen[name].value_counts()) for name in kinds}
    rows = []
    for unit, number in by.items():
        name = criteria[number].name
        others = eligible.index[eligible[name] & ~eligible.index.isin(by.index)]
        alone = [attribute for attribute in kinds if counts[attribute][unit] == 1]
        rows.append(
            {
                "municipality": unit,
                "criterion": name,
                "growth_percent": growth.loc[unit, name],
                **kinds.loc[unit],
                "gain": sum(1 / counts[attribute][unit] for attribute in kinds),
                "alone_in": ", ".join(alone),
                "replacements": ", ".join(_most_alike(kinds.loc[unit], kinds.loc[others])),
            }
        )
    return pd.DataFrame(rows).sort_values(["criterion", "municipality"], ignore_index=True)


def _most_alike(unit: pd.Series, others: pd.DataFrame, n: int = 3) -> list[str]:
    same = others.eq(unit)
    first = same.iloc[:, 0]
    order = pd.DataFrame(
        {"first": ~first, "different": -same.sum(axis=1), "code": others.index}, index=others.index
    )
    return list(order[first].sort_values(["different", "code"]).index[:n])


def _left_out(
    by: pd.Series,
    eligible: pd.DataFrame,
    growth: pd.DataFrame,
    kinds: pd.DataFrame,
    reasons: Mapping[str, str],
) -> pd.DataFrame:
    rows = []
    for unit in sorted(by.index[by == NOT_CHOSEN]):
        missing = [name for name in kinds if pd.isna(kinds.loc[unit, name])]
        told = ", ".join(f"{name} {value:.1f} %" for name, value in growth.loc[unit].items())
        if unit in reasons:
            reason = reasons[unit]
        elif missing:
            reason = f"no {', '.join(missing)}"
        elif eligible.loc[unit].any():
            reason = f"in the band ({told}), others vary more"
        else:
            reason = f"growth outside the band ({told})"
        rows.append((unit, reason))
    return pd.DataFrame(rows, columns=["municipality", "reason"])
