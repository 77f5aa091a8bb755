"""The record of past projections: what editions said, beside what came, by age and years ahead."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from kostnadsvekst.errors import DataWarning, InvalidDataError
from kostnadsvekst.municipal.error_growth import fit_error_growth
from kostnadsvekst.municipal.projection_inputs import (
    AGE,
    AGE_KEY,
    age_key,
    age_order,
    records,
    refuse_projection,
)
from kostnadsvekst.naming import first_of
from kostnadsvekst.provenance import provenance_of
from kostnadsvekst.sources.embedded import embedded_path
from kostnadsvekst.sources.population_projections import MAIN, tidy_population, tidy_projections

RECORD = "parameters/projection_errors.csv"
COLUMNS = [
    AGE,
    "horizon",
    "bias",
    "sd",
    "n",
    "editions",
    "municipalities",
    "mean_square_common",
    "mean_square_counted",
    "smallest_population",
    "largest_population",
]
_COUNTRY = {"hele landet", "the whole country", "norge", "norway"}
# Share of the base year's population by which borders differ rather than registration.
_SAME_BASE = 0.005


def same_borders(
    editions: pd.DataFrame, actual: pd.DataFrame, *, merged: Mapping[str, Sequence[str]] | None = None
) -> pd.DataFrame:
    """Editions of the municipalities that have the same borders in the edition and in what came.

    Parameters
    ----------
    editions : DataFrame
        From `kostnadsvekst.sources.population_projections.read_projections`, or as the StatBank writes it.
    actual : DataFrame
        From `read_population`, in the borders of today.
    merged : mapping of str to names, optional
        Municipality of today -> those that it was made of: they are summed in editions that have all of them.

    Returns
    -------
    DataFrame
        As `editions`. ``attrs["left_out"]`` names what is left out, and why: names without a population that
        came, sums such as the country, and municipalities of which the population of the base year is not
        that which came.

    Raises
    ------
    InvalidDataError
        Nothing is left.
    """
    told, came = tidy_projections(editions), tidy_population(actual)
    for name, parts in (merged or {}).items():
        told = _merge(told, name, list(parts))
    reasons = _other_borders(told, came)
    out = pd.MultiIndex.from_tuples(list(reasons), names=["municipality", "edition"]) if reasons else None
    index = pd.MultiIndex.from_frame(told[["municipality", "edition"]])
    kept = told if out is None else told[~index.isin(out)]
    listed = [f"{edition}: {name}: {why}" for (name, edition), why in reasons.items()]
    if kept.empty:
        raise InvalidDataError(
            "no municipality has the same borders in editions and population", first_of(listed)
        )
    kept = kept.reset_index(drop=True)
    kept.attrs["left_out"] = listed
    return kept


def errors(editions: pd.DataFrame, actual: pd.DataFrame) -> pd.DataFrame:
    """Errors of the main alternative in the record of editions, by age group and years ahead.

    Parameters
    ----------
    editions : DataFrame
        ``municipality``, ``edition`` (its first year), ``alternative`` (MMMM is used), ``year``,
        ``age_group``, ``population``; or as the StatBank writes it. All editions have the same age groups
        (`kostnadsvekst.sources.age_groups.in_age_groups`) and the borders of `actual` (`same_borders`).
    actual : DataFrame
        ``municipality``, ``year``, ``age_group``, ``population`` that came.

    Returns
    -------
    DataFrame, one row for each age group and horizon
        ``age_group``, ``horizon`` (years ahead), ``bias`` and ``sd`` (mean and standard deviation of
        ln(actual / projected)), ``n`` (errors: municipalities × editions; those of one edition share what
        came to all), ``editions`` and ``municipalities`` behind them, ``mean_square_common`` and
        ``mean_square_counted`` (mean square error = common + counted / population, smoothed over horizons),
        ``smallest_population`` and ``largest_population`` (projected) of the record. ``attrs["left_out"]``:
        pairs with zero persons.

    Raises
    ------
    InvalidDataError
        Editions with other borders, without the main alternative, that do not begin in their year, age
        groups that lack, rows twice, years that do not meet; all at once, each named.

    Notes
    -----
    Editions overlap in time: those of 2018 and 2020 had the same pandemic before them, and ``n`` is no number
    of independent errors; ``editions`` is an upper bound of it for what is common to all municipalities.
    The model of the mean square: `kostnadsvekst.municipal.error_growth`.
    """
    told, came = tidy_projections(editions), tidy_population(actual)
    faults = [
        f"edition {edition}: {name}: {why}; leave it out with same_borders, or name merged="
        for (name, edition), why in _other_borders(told, came).items()
    ]
    faults += _edition_faults(told, came)
    refuse_projection("the record of errors", faults)
    met = _meet(told[told["alternative"] == MAIN], came)
    if met.empty:
        years = f"editions from {told['year'].min()}, and what came up to {came['year'].max()}"
        raise InvalidDataError(f"the years do not meet: no projected year has come ({years})")
    left_out = _leave_out_zeros(met)
    met = met[(met["population"] > 0) & (met["came"] > 0)]
    met = met.assign(error=np.log(met["came"] / met["population"]))
    parts = [_of_group(rows) for _, rows in met.groupby(AGE_KEY, sort=False)]
    made = pd.concat(parts).sort_values([AGE, "horizon"], key=_sorting, kind="stable").reset_index(drop=True)
    made = made[COLUMNS]
    made.attrs = {"left_out": left_out, "provenance": provenance_of(editions).to_attrs()}
    return made


def recorded_errors() -> pd.DataFrame:
    """Errors of Statistics Norway's editions of 2010 to 2024 for the municipalities of Telemark.

    Returns
    -------
    DataFrame
        As `errors`, for the ages 0–66, 67–79, 80–89, 90+ and 80+, up to 16 years ahead.

    Notes
    -----
    Made by ``benchmarks/projection_bands.py`` from Statistics Norway's tables 08109, 10213, 11668, 12882,
    13600, 14288 and the population 1 January 2011 to 2026 (CC BY 4.0): 17 municipalities of 1,200 to 57,000
    inhabitants, Bø and Sauherad summed to Midt-Telemark before 2020.
    """
    made = pd.read_csv(embedded_path(RECORD), comment="#")
    made.attrs = {"source": "Statistics Norway, population projections 2010-2024, municipalities of Telemark"}
    return made


def _sorting(column: pd.Series) -> pd.Series:
    return column.map(age_order) if column.name == AGE else column


def _merge(told: pd.DataFrame, name: str, parts: list[str]) -> pd.DataFrame:
    whole = told[told["municipality"].isin(parts)].groupby("edition")["municipality"].nunique()
    editions = set(whole[whole == len(set(parts))].index)
    inside = told["municipality"].isin(parts) & told["edition"].isin(editions)
    keys = ["edition", "alternative", "year", AGE]
    sums = told[inside].groupby(keys, sort=False)["population"].sum().reset_index()
    sums = sums.assign(municipality=name, borders="")
    return pd.concat([told[~inside], sums[told.columns]], ignore_index=True)


def _other_borders(told: pd.DataFrame, came: pd.DataFrame) -> dict[tuple[str, int], str]:
    """Municipality and edition -> why they cannot be compared with what came."""
    main = told[(told["alternative"] == MAIN) & (told["year"] == told["edition"])]
    start = main.groupby(["municipality", "edition"])["population"].sum()
    counted = came.groupby(["municipality", "year"])["population"].sum()
    known = set(came["municipality"])
    sums = _sums_of_others(start)
    found = {}
    for name, edition in told[["municipality", "edition"]].drop_duplicates().itertuples(index=False):
        key = (name, edition)
        if str(name).casefold() in _COUNTRY or key in sums:
            found[key] = "is a sum of municipalities"
        elif name not in known:
            found[key] = "is not among those whose population came"
        elif key in start.index and key in counted.index:
            gap = abs(start[key] - counted[key])
            if gap > _SAME_BASE * counted[key]:
                found[key] = (
                    f"has {start[key]:g} inhabitants in the base year, and {counted[key]:g} came: "
                    "other borders"
                )
    return found


def _sums_of_others(start: pd.Series) -> set[tuple[str, int]]:
    """Regions that have exactly the inhabitants of all smaller ones of the edition, three at least."""
    found = set()
    for edition, rows in start.groupby(level="edition"):
        ordered = rows.sort_values()
        below = ordered.cumsum().shift(fill_value=0)
        equal = (ordered == below) & (np.arange(len(ordered)) >= 3)
        found |= {(name, edition) for name in ordered[equal].index.get_level_values("municipality")}
    return found


def _edition_faults(told: pd.DataFrame, came: pd.DataFrame) -> list[str]:
    faults = []
    known = set(came[AGE].map(age_key))
    labels = {age_key(label): label for label in (*pd.unique(told[AGE]), *pd.unique(came[AGE]))}
    wanted = known | set(told[AGE].map(age_key))
    for edition, rows in told.groupby("edition"):
        main = rows[rows["alternative"] == MAIN]
        if main.empty:
            faults.append(f"edition {edition} has no main alternative {MAIN}")
            continue
        if main["year"].min() != edition:
            faults.append(f"edition {edition} begins in {main['year'].min()}: give its base year, too")
        counted = main.groupby(["municipality", "year"])[AGE].agg(
            lambda one: {age_key(label) for label in one}
        )
        lacking = {key for there in counted for key in wanted - there}
        faults += [
            f"edition {edition} lacks age group {labels[key]!r}; make the groups alike with in_age_groups"
            for key in sorted(lacking)
        ]
    faults += [f"the population that came lacks age group {labels[key]!r}" for key in sorted(wanted - known)]
    twice = told[told.duplicated(["municipality", "edition", "alternative", "year", AGE])]
    faults += [
        f"edition {row['edition']}: {row['municipality']}, {row['year']}, {row[AGE]} stands twice, "
        "with borders of several years"
        for row in records(twice)
    ]
    return faults


def _meet(main: pd.DataFrame, came: pd.DataFrame) -> pd.DataFrame:
    keys = ["municipality", "year", AGE_KEY]
    left = main.assign(**{AGE_KEY: main[AGE].map(age_key)})
    right = came.assign(**{AGE_KEY: came[AGE].map(age_key)}).rename(columns={"population": "came"})
    met = left.merge(right[[*keys, "came"]], on=keys)
    met["horizon"] = met["year"] - met["edition"]
    return met[met["horizon"] > 0]


def _leave_out_zeros(met: pd.DataFrame) -> list[str]:
    """Name pairs with zero persons, which have no relative error."""
    zero = met[(met["population"] <= 0) | (met["came"] <= 0)]
    listed = [
        f"{row['municipality']}, edition {row['edition']}, {row['year']}, {row[AGE]}: {row['population']:g} "
        f"projected and {row['came']:g} came"
        for row in records(zero)
    ]
    if listed:
        warnings.warn(
            "zero persons have no relative error and are left out: " + "; ".join(first_of(listed, 5)),
            DataWarning,
            stacklevel=3,
        )
    return listed


def _of_group(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of an age group."""
    arrays = [rows[name].to_numpy(dtype=float) for name in ("error", "horizon", "population")]
    model = fit_error_growth(*arrays)
    grouped = rows.groupby("horizon")
    made = grouped["error"].agg(bias="mean", sd="std", n="size").reset_index()
    made["editions"] = grouped["edition"].nunique().to_numpy()
    made["municipalities"] = grouped["municipality"].nunique().to_numpy()
    ahead = made["horizon"].to_numpy(dtype=float)
    made["mean_square_common"] = model.mean_square(ahead, np.full_like(ahead, np.inf))
    made["mean_square_counted"] = model.mean_square(ahead, np.ones_like(ahead)) - made["mean_square_common"]
    made["smallest_population"] = float(arrays[2].min())
    made["largest_population"] = float(arrays[2].max())
    return made.assign(**{AGE: str(rows[AGE].iloc[0])})
