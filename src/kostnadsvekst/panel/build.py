"""The balanced municipal panel: mergers as one unit, real kroner per inhabitant, a log of what is out."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from kostnadsvekst.callers import level_of_caller
from kostnadsvekst.errors import DataMissingError, DataWarning, SpecificationError
from kostnadsvekst.panel.municipalities import check_codes, describe_unused, sum_to_borders
from kostnadsvekst.panel.prices import price_index
from kostnadsvekst.panel.raw import DENOMINATORS, POPULATION_DATES, UNITS, RawData, read_raw
from kostnadsvekst.sources.klass import SHARES_NOT_KNOWN, municipality_mapping

MONEY = ("net_expenditure", "free_income")
_SCALE = {**dict.fromkeys(DENOMINATORS, 100.0), **dict.fromkeys(MONEY, 1.0), "deaths": 1000.0}


@dataclass
class _Log:
    steps: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)

    def count(self, step: str, units: Iterable[str]) -> set[str]:
        kept = set(units)
        self.steps.append({"step": step, "units": len(kept)})
        return kept

    def leave_out(self, units: set[str], reasons: Mapping[str, str], step: str) -> set[str]:
        for unit in sorted(units & set(reasons)):
            self.left_out.append({"municipality": unit, "step": step, "reason": reasons[unit]})
        return self.count(step, units - set(reasons))


def build_panel(
    raw: pd.DataFrame | Mapping[str, pd.DataFrame] | RawData | Path | str,
    start: int = 2015,
    end: int = 2019,
    base_year: int = 2019,
    borders: str | int = "merged-in-period",
    exclude: Iterable[str] = (),
    *,
    keep: Iterable[str] = (),
    population: str = "end-of-year",
    prices: Mapping[int, float] | None = None,
    changes: pd.DataFrame | Path | str | None = None,
    weights: pd.DataFrame | None = None,
    **connection: Any,
) -> pd.DataFrame:
    """Build the balanced panel of the report's appendix from raw totals.

    Parameters
    ----------
    raw : DataFrame, mapping or path
        See `kostnadsvekst.panel.raw.read_raw`: a store folder, a TOML mapping of the user's files, or frames.
    start, end : int
        First and last year.
    base_year : int
        Kroner are those of this year.
    borders : {"merged-in-period", "as-is"} or year
        ``"merged-in-period"``: municipalities merged until `end` are one unit throughout (the report's rule);
        a year such as ``"2020"``: the borders of that year; ``"as-is"``: the units of the data, no mapping.
    exclude : iterable of str
        Further units (codes on the chosen borders) to leave out.
    keep : iterable of str
        Units to keep although their border was adjusted. Units that received a part of a municipality whose
        shares are not known cannot be kept: pass `weights`.
    population : {"end-of-year", "start-of-year"}
        Denominator of kroner and deaths, and the column ``population``. The end of a year is 1 January of
        the next. Shares of the population are always taken inside their own date.
    prices : mapping, optional
        Year -> price growth, per cent; the embedded municipal deflator if not given.
    changes, weights, **connection
        Passed to `kostnadsvekst.sources.klass.municipality_mapping`; a store brings its own changes.

    Returns
    -------
    DataFrame, sorted by municipality and year
        The columns of the panel's schema that the data can give; ``attrs["log"]`` is a list with one
        dictionary
        (``municipality``, ``step``, ``reason``) for each unit left out, ``attrs["steps"]`` one (``step``,
        ``units``) for each step, ``attrs["choices"]`` what was chosen, ``attrs["updated"]`` when the source
        tables were updated, ``attrs["notes"]`` the variables that are not quite what the report has, and in
        what they differ, ``attrs["provenance"]`` the origin.

    Raises
    ------
    DataMissingError
        A quantity is missing altogether, or prices for a year.
    InvalidDataError
        Data that cannot be used; every problem is listed.
    SpecificationError
        Choices that contradict each other or the borders.

    Notes
    -----
    Source of the rules: report, appendix 1 (page with note 8). Rates (such as income per inhabitant) are
    turned into totals before they are summed, so a merged unit's rate is the ratio of the sums.
    """
    if population not in POPULATION_DATES:
        raise SpecificationError(f"population {population!r} is not one of {', '.join(POPULATION_DATES)}")
    data = read_raw(raw)
    index = price_index(base_year, prices)
    _require_years(index, range(start, end + 1))

    def find(first: int, last: int, at: str | int) -> pd.DataFrame:
        return _find_mapping(data, first, last, at, changes, weights, connection)

    mapping = find(start, end, borders)
    check_codes(data.values[data.values["year"].between(start, end)], mapping)
    log = _Log()
    units = _keep_comparable(mapping, borders, end, set(exclude), set(keep), log)
    derive = population == "end-of-year" and "population_end" not in set(data.values["quantity"])
    later = _next_year(data, mapping, end, borders, find) if derive else None
    totals = _totals_on_borders(data, mapping, population, later, end)
    complete, reasons = _balanced(totals, units, range(start, end + 1))
    log.leave_out(units, reasons, "with every variable in every year (balanced)")
    panel = _rates(complete, index)
    panel.attrs = {
        "log": log.left_out,
        "steps": log.steps,
        "choices": {
            "start": start,
            "end": end,
            "base_year": base_year,
            "borders": str(borders),
            "population": population,
        },
        "updated": dict(data.updated),
        "notes": dict(data.notes),
        "provenance": data.provenance.to_attrs(),
    }
    return panel


def _find_mapping(
    data: RawData,
    start: int,
    end: int,
    borders: str | int,
    changes: pd.DataFrame | Path | str | None,
    weights: pd.DataFrame | None,
    connection: Mapping[str, Any],
) -> pd.DataFrame:
    if borders == "as-is":
        inside = data.values[data.values["year"].between(start, end)]
        own = inside[["year", "municipality"]].drop_duplicates().rename(columns={"municipality": "code"})
        return own.assign(target=own["code"], weight=1.0, note="")
    given = data.changes if changes is None else changes
    return municipality_mapping(
        start,
        end,
        borders,
        changes=given,
        codes=data.codes if given is data.changes else None,
        weights=weights,
        **connection,
    )


def _require_years(index: pd.Series, years: Iterable[int]) -> None:
    lacking = [str(year) for year in years if year not in index.index]
    if lacking:
        raise DataMissingError(
            f"no prices for {', '.join(lacking)}: pass prices={{year: growth in per cent}}"
        )


def _keep_comparable(
    mapping: pd.DataFrame, borders: str | int, end: int, exclude: set[str], keep: set[str], log: _Log
) -> set[str]:
    first = mapping[mapping["year"] == mapping["year"].min()]
    log.count(f"municipalities on 1 January {first['year'].iloc[0]}", first["code"])
    noted = mapping[mapping["note"] != ""]
    for row in noted[noted["target"] == ""].drop_duplicates("code").itertuples():
        log.left_out.append({"municipality": row.code, "step": "split", "reason": row.note})
    targets = mapping.loc[mapping["target"] != "", "target"]
    named = {"merged-in-period": f"those merged until {end} as one unit", "as-is": "units as they are"}
    units = log.count(named.get(str(borders), f"on the borders of {borders}"), targets)
    reasons = noted[noted["target"] != ""].drop_duplicates("target").set_index("target")["note"].to_dict()
    unplaced = sorted(unit for unit in keep & set(reasons) if SHARES_NOT_KNOWN in reasons[unit])
    unknown = sorted((keep | exclude) - units)
    if unplaced or unknown:
        raise SpecificationError(
            "; ".join(
                [f"{unit} cannot be kept without weights: {reasons[unit]}" for unit in unplaced]
                + [f"{unit} is no unit on these borders" for unit in unknown]
            )
        )
    units = log.leave_out(
        units, {u: r for u, r in reasons.items() if u not in keep}, "without changes of borders"
    )
    return log.leave_out(
        units, dict.fromkeys(exclude, "left out by choice"), "without those left out by choice"
    )


def _totals_on_borders(
    data: RawData, mapping: pd.DataFrame, population: str, later: pd.DataFrame | None, end: int
) -> pd.DataFrame:
    """Totals of every quantity, denominators of those given as rates (``per:``), and the dated population."""
    start = int(mapping["year"].min())
    values = data.values[data.values["year"].between(start, end)]
    dated = "population_end" if population == "end-of-year" else "population_start"
    present = set(values["quantity"])
    derived = later is not None
    needed = {*DENOMINATORS, *DENOMINATORS.values(), dated} - {"population"} - ({dated} if derived else set())
    lacking = sorted(needed - present)
    if lacking:
        holes = "".join(f"\n  - not fetched: {name}: {reason}" for name, reason in data.holes.items())
        raise DataMissingError(
            f"the data lack {', '.join(lacking)}; without them the panel cannot be built{holes}"
        )
    totals = _to_totals(values, "population_start" if derived else dated)
    unused = describe_unused(totals, mapping)
    if unused:
        warnings.warn(
            f"{len(unused)} value(s) stand on codes that did not exist in their year and are not used: "
            + "; ".join(unused[:10]),
            DataWarning,
            stacklevel=level_of_caller(),
        )
    summed = sum_to_borders(totals, mapping)
    people = _population_a_year_later(data.values, mapping, later) if later is not None else summed
    people = people[people["quantity"] == dated].assign(quantity="population")
    return pd.concat([summed[summed["quantity"] != "population_end"], people], ignore_index=True)


def _next_year(
    data: RawData, mapping: pd.DataFrame, end: int, borders: str | int, find: Callable[..., pd.DataFrame]
) -> pd.DataFrame:
    """Way from next year's codes to the chosen borders, for the population at the end of the last year."""
    if borders == "as-is":
        own = mapping[mapping["year"] == end].drop_duplicates("code")
        return own.assign(year=end + 1)
    if borders != "merged-in-period" and int(borders) > end:
        return find(end + 1, end + 1, borders)
    # A later merger cannot be taken apart; units that live on alone, perhaps renumbered, can be followed.
    onward = find(end, end + 1, end + 1)
    onward = onward[(onward["year"] == end) & (onward["target"] != "")]
    alone = onward[(onward["note"] == "") & ~onward["target"].duplicated(keep=False)]
    return pd.DataFrame(
        {"year": end + 1, "code": alone["target"], "target": alone["code"], "weight": 1.0, "note": ""}
    )


def _population_a_year_later(
    values: pd.DataFrame, mapping: pd.DataFrame, later: pd.DataFrame
) -> pd.DataFrame:
    """Take the population on 1 January of the next year, on the chosen borders, for the end of the year."""
    both = pd.concat([mapping, later], ignore_index=True)
    people = values[values["quantity"] == "population_start"]
    people = people[people["year"].isin(both["year"])]
    summed = sum_to_borders(people, both)
    first = mapping["year"].min()
    return summed[summed["year"] > first].assign(year=lambda f: f["year"] - 1, quantity="population_end")


def _to_totals(values: pd.DataFrame, dated: str) -> pd.DataFrame:
    """Turn rates into totals by the denominator of the same municipality and year, kept beside them."""
    keys = ["municipality", "year"]
    factor = values["unit"].map({unit: scale for unit, (scale, _) in UNITS.items()})
    is_rate = values["unit"].map({unit: rate for unit, (_, rate) in UNITS.items()})
    counts = values[~is_rate].set_index([*keys, "quantity"])["value"]
    counts = counts[~counts.index.duplicated()]
    named = values["quantity"].map(DENOMINATORS).replace({"population": dated}).fillna("")
    wanted = pd.MultiIndex.from_arrays([values["municipality"], values["year"], named])
    denominator = pd.Series(counts.reindex(wanted).to_numpy(), index=values.index)
    total = values["value"] * factor * denominator.where(is_rate, 1.0)
    totals = values[[*keys, "quantity"]].assign(value=total)
    rates = values[is_rate]
    beside = rates[keys].assign(quantity="per:" + rates["quantity"], value=denominator[is_rate])
    return pd.concat([totals, beside], ignore_index=True)


def _balanced(
    totals: pd.DataFrame, units: set[str], years: Iterable[int]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Wide totals of the units that have everything; and why the others have not."""
    years = list(years)
    grid = pd.MultiIndex.from_product([sorted(units), years], names=["municipality", "year"])
    wide = totals.pivot(index=["municipality", "year"], columns="quantity", values="value").reindex(grid)
    parts = totals.set_index(["municipality", "year", "quantity"])["gaps"]
    divisors = {*DENOMINATORS.values()} & set(wide)
    reasons: dict[str, list[str]] = {}
    for quantity in sorted(set(wide) - {q for q in wide if q.startswith("per:")}):
        column = wide[quantity]
        unusable = column.isna() | ((column <= 0) if quantity in divisors else False)
        for unit, year in wide.index[unusable]:
            gap = parts.get((unit, year, quantity), "")
            what = f" of {gap}" if gap and gap != unit else ""
            reasons.setdefault(unit, []).append(f"{quantity} {year}{what}")
    kept = wide[~wide.index.get_level_values("municipality").isin(reasons)].reset_index()
    return kept, {unit: "missing: " + "; ".join(found) for unit, found in reasons.items()}


def _rates(wide: pd.DataFrame, index: pd.Series) -> pd.DataFrame:
    panel = wide[["municipality", "year"]].copy()
    panel["population"] = wide["population"].round().astype("int64")
    deflator = wide["year"].map(index)
    for name, denominator in DENOMINATORS.items():
        # What came as a rate goes out by the denominator that it came in with.
        per = f"per:{name}" if f"per:{name}" in wide else denominator
        rate = _SCALE[name] * wide[name] / wide[per]
        panel[name] = rate / deflator if name in MONEY else rate
    return panel.rename_axis(columns=None).sort_values(["municipality", "year"], ignore_index=True)
