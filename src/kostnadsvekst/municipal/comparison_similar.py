"""Municipalities like one's own: by a stated distance, or by KOSTRA group with membership that stays put."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.municipal.given_numbers import (
    as_name,
    municipality_name,
    number_faults,
    refuse,
    twice,
    year_faults,
)
from kostnadsvekst.municipal.user_group_inputs import require_frame
from kostnadsvekst.naming import first_of, nearest_names, require_columns
from kostnadsvekst.provenance import provenance_of

__all__ = ["Distances", "distances", "group_members", "similar"]

# Mean squared difference of two draws of a standardised variable.
_SPREAD = 2.0
_ANSWER = ("municipality", "distance")


@dataclass(frozen=True, slots=True)
class Distances:
    """Distances to one municipality.

    Attributes
    ----------
    distance : array, shape (n,)
    share : array, shape (n, k)
        Of each feature in the squared distance; missing where the distance is zero.
    """

    distance: NDArray[np.float64]
    share: NDArray[np.float64]


def distances(squared: NDArray[np.float64], weights: NDArray[np.float64]) -> Distances:
    """Weighted root mean square of standardised differences, and what each feature is of it.

    Parameters
    ----------
    squared : array, shape (n, k)
        Squared standardised differences to one's own municipality.
    weights : array, shape (k,)
        Not negative, at least one above zero.

    Returns
    -------
    Distances
    """
    weighted = squared * (weights / weights.sum())
    total = weighted.sum(axis=1)
    share = weighted / np.where(total > 0, total, np.nan)[:, None]
    return Distances(np.sqrt(total), share)


def similar(
    municipalities: pd.DataFrame,
    own: str,
    on: Sequence[str],
    *,
    n: int = 10,
    weights: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Find the municipalities that are most like one's own, and say which features make the distance.

    Parameters
    ----------
    municipalities : DataFrame
        ``municipality``, one row each (one year), and the features: numbers such as need index, inhabitants,
        free income per inhabitant, centrality; or texts such as county.
    own : str
        One's own municipality, which has a row.
    on : sequence of str
        Columns to compare on.
    n : int
        How many to find; all others where they are fewer, as ``attrs["left_out"]`` then says.
    weights : mapping of str to float, optional
        Feature -> weight, not negative. Default: 1 each.

    Returns
    -------
    DataFrame
        ``municipality``, ``distance``, and for each feature a column of its name: its share in the squared
        distance, missing where the distance is zero. Nearest first, ties by name. ``attrs["left_out"]`` names
        municipalities that lack a feature.

    Raises
    ------
    InvalidDataError
        All faults together: one's own is not there or lacks a feature, municipalities that stand twice,
        features that are the same everywhere or infinite, weights that are negative or all zero, nobody to
        compare with.
    DataMissingError
        Columns that lack.

    Notes
    -----
    distance = √(Σ w_k z_k² / Σ w_k), z_k = (x_k − own_k) / s_k, s_k the standard deviation (divisor n) over
    all municipalities with every feature. Of a text z² is 2 / P(two differ) where it differs and 0 where not,
    so that, like a number, it differs by 2 on average. Euclidean distance on standardised variables as in
    Gower (1971), Biometrics 27(4), for mixed variables. Inhabitants differ by a factor rather than a number:
    give their logarithm.
    """
    require_frame(municipalities, "municipalities")
    features = _features(on)
    require_columns(["municipality", *features], municipalities.columns)
    table = municipalities.assign(municipality=[municipality_name(m) for m in municipalities["municipality"]])
    name = municipality_name(own)
    known, left_out = _complete(table, features)
    used = _weights(features, weights)
    faults = [*_row_faults(table, known, name, features), *_feature_faults(known, features)]
    faults += [*_weight_faults(features, weights, used), *_number_faults(n, known, name)]
    refuse("similar municipalities", faults)
    found = _nearest(known, name, features, np.array(used), int(n))
    if len(found) < n:
        left_out.append(f"n={n}: there are {len(found)} other municipalities with every feature")
    told = {"own": name, "on": features, "weights": used, "left_out": left_out}
    found.attrs = {**told, "provenance": provenance_of(municipalities).to_attrs()}
    return found


def _nearest(
    known: pd.DataFrame, own: str, features: Sequence[str], weights: NDArray[np.float64], n: int
) -> pd.DataFrame:
    place = int(np.flatnonzero(known["municipality"] == own)[0])
    squared = np.column_stack([_squared(known[name], place) for name in features])
    made = distances(squared, weights)
    columns = {name: made.share[:, k] for k, name in enumerate(features)}
    # Equal distances that floating point tells apart are ties.
    frame = pd.DataFrame({"municipality": known["municipality"], "distance": made.distance, **columns})
    order = frame.assign(tie=[float(f"{d:.10g}") for d in made.distance])
    order = order[order["municipality"] != own].sort_values(["tie", "municipality"], kind="stable")
    return order.drop(columns="tie").head(n).reset_index(drop=True)


def _features(on: object) -> list[str]:
    if isinstance(on, str):
        return [on]
    if not isinstance(on, Iterable):
        raise SpecificationError(f"on= is a list of columns to compare on, not {on!r}")
    return list(on)


def _is_text(column: pd.Series) -> bool:
    return any(isinstance(value, str) for value in column)


def _has_spread(column: pd.Series) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        spread = column.to_numpy(dtype=float).std()
    return bool(np.isfinite(spread) and spread > 0)


def _squared(column: pd.Series, place: int) -> NDArray[np.float64]:
    """Squared standardised differences to the row of one's own."""
    if _is_text(column):
        shares = column.value_counts(normalize=True).to_numpy()
        differs = (column != column.iloc[place]).to_numpy(dtype=float)
        return np.asarray(differs * _SPREAD / (1.0 - (shares**2).sum()), dtype=float)
    values = column.to_numpy(dtype=float)
    return np.asarray(((values - values[place]) / values.std()) ** 2, dtype=float)


def _complete(table: pd.DataFrame, features: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    lacking = table[list(features)].isna()
    rows = lacking.any(axis=1)
    named = [
        f"{table['municipality'].iloc[k]} lacks {', '.join(f for f in features if lacking[f].iloc[k])}"
        for k in np.flatnonzero(rows)
    ]
    return table[~rows].reset_index(drop=True), named


def _row_faults(table: pd.DataFrame, known: pd.DataFrame, own: str, features: Sequence[str]) -> list[str]:
    names = list(table["municipality"])
    faults = twice("municipalities stand", filter(None, names), "choose one year")
    if not features:
        faults.append("on= names no feature; name the columns to compare on")
    faults += [f"on= names {f!r}, a column of the answer; rename it" for f in features if f in _ANSWER]
    faults += ["a municipality has no name; fill it in"] if "" in names else []
    faults += twice("features are named", map(str, features), "name each once; weigh it with weights=")
    if own not in names:
        faults.append(f"one's own municipality {nearest_names([own], names)} has no row")
    elif own not in set(known["municipality"]):
        faults.append(f"one's own municipality {own!r} lacks a feature; fill it in, or compare without it")
    return faults


def _feature_faults(known: pd.DataFrame, features: Sequence[str]) -> list[str]:
    faults = []
    for name in dict.fromkeys(features):
        values = known[name]
        if _is_text(values):
            mixed = [v for v in values if not isinstance(v, str)]
            faults += [f"{name} mixes texts and numbers, such as {mixed[0]!r}"] if mixed else []
        else:
            wrong = [
                f"{name} of {m}: {problem}"
                for m, v in zip(known["municipality"], values, strict=True)
                for problem in number_faults("the value", v)
            ]
            faults += wrong
            if wrong:
                continue
        if values.nunique() < 2:
            faults.append(f"{name} is the same everywhere and tells nobody apart; leave it out")
        elif not _is_text(values) and not _has_spread(values):
            faults.append(f"{name} is too large or too small to be compared; give it in another unit")
    return faults


def _weights(features: Sequence[str], weights: Mapping[str, float] | None) -> list[float]:
    given = {} if not isinstance(weights, Mapping) else weights
    numbers = [given.get(name, 1.0) for name in features]
    return [float(w) if isinstance(w, Real) else np.nan for w in numbers]


def _weight_faults(
    features: Sequence[str], weights: Mapping[str, float] | None, used: Sequence[float]
) -> list[str]:
    if weights is not None and not isinstance(weights, Mapping):
        return [f"weights= is a mapping from feature to number, not {type(weights).__name__}"]
    unknown = [str(name) for name in (weights or {}) if name not in features]
    faults = [f"weights= names {nearest_names(unknown, features)}, not in on="] if unknown else []
    for name in features:
        faults += number_faults(f"the weight of {name}", (weights or {}).get(name, 1.0), least=0)
    if features and not faults and sum(used) == 0:
        faults.append("all weights are zero; give at least one feature a weight")
    return faults


def _number_faults(n: object, known: pd.DataFrame, own: str) -> list[str]:
    others = int((known["municipality"] != own).sum())
    faults = number_faults("n", n, least=1)
    if not faults and float(str(n)) % 1 != 0:
        faults.append(f"n={n} is no whole number of municipalities")
    if not others:
        faults.append("there is no other municipality with every feature; add rows")
    return faults


def group_members(
    membership: pd.DataFrame,
    own: str,
    years: Sequence[int],
    *,
    base: int | None = None,
    moving: bool = False,
) -> pd.DataFrame:
    """Members of the KOSTRA group of one's own municipality, the same in all years unless asked.

    Parameters
    ----------
    membership : DataFrame
        ``municipality``, ``year``, ``kostra_group``.
    own : str
    years : sequence of int
        To be compared.
    base : int, optional
        Year whose membership is used in all years. Default: the last of `years`.
    moving : bool
        Take each year's own membership instead. The groups were made anew in 2020: a change of the mean from
        2019 to 2020 is then a change of members, too.

    Returns
    -------
    DataFrame
        ``year``, ``municipality``: the others of the group, one's own left out. ``attrs["changed"]`` names
        who came and went from year to year where `membership` tells it, whichever is used.

    Raises
    ------
    InvalidDataError
        All faults together: years without one's own, municipalities with two groups in a year, groups with
        no other member.
    DataMissingError
        Columns that lack.
    """
    require_frame(membership, "membership")
    require_columns(["municipality", "year", "kostra_group"], membership.columns)
    table = membership.assign(
        municipality=[municipality_name(m) for m in membership["municipality"]],
        kostra_group=["" if pd.isna(g) else as_name(g) for g in membership["kostra_group"]],
        year=pd.to_numeric(membership["year"], errors="coerce"),
    )
    table = table[table["kostra_group"] != ""]
    asked = [years] if isinstance(years, Real | str) else list(years)
    refuse("the KOSTRA group", year_faults("years=", asked))
    name, wanted = municipality_name(own), [int(float(str(year))) for year in asked]
    source = {year: year if moving else base if base is not None else max(wanted) for year in wanted}
    faults = _member_faults(table, name, sorted(set(source.values())))
    if not wanted:
        faults.append("years= is empty; name the years to compare")
    refuse("the KOSTRA group", faults)
    members = {year: _others(table, name, of) for year, of in source.items()}
    rows = [(year, one) for year in wanted for one in members[year]]
    found = pd.DataFrame(rows, columns=["year", "municipality"])
    told = {"own": name, "moving": moving, "base": None if moving else next(iter(source.values()))}
    found.attrs = {**told, "changed": _changes(table, name, wanted)}
    return found


def _others(table: pd.DataFrame, own: str, year: int) -> list[str]:
    same = table[table["year"] == year]
    group = same.loc[same["municipality"] == own, "kostra_group"]
    if group.empty:
        return []
    inside = same.loc[same["kostra_group"] == group.iloc[0], "municipality"]
    return sorted(set(inside) - {own})


def _member_faults(table: pd.DataFrame, own: str, years: Sequence[int]) -> list[str]:
    faults = [f"row {k + 1}: year is no number" for k in np.flatnonzero(table["year"].isna())]
    again = table[table.duplicated(["municipality", "year"])]
    faults += [f"{r.municipality} {r.year:g} stands twice; keep one group" for r in again.itertuples()]
    for year in years:
        same = table[table["year"] == year]
        if own not in set(same["municipality"]):
            near = nearest_names([own], same["municipality"])
            faults.append(f"{near} has no KOSTRA group in {year}; add the year, or choose base=")
        elif not _others(table, own, year):
            faults.append(f"nobody else is in the KOSTRA group of {own} in {year}")
    return first_of(faults)


def _changes(table: pd.DataFrame, own: str, years: Sequence[int]) -> list[str]:
    told = []
    for before, after in zip(sorted(years), sorted(years)[1:], strict=False):
        if {before, after} <= set(table.loc[table["municipality"] == own, "year"]):
            old, new = set(_others(table, own, before)), set(_others(table, own, after))
            if old != new:
                left, came = sorted(old - new), sorted(new - old)
                told.append(
                    f"{before} to {after}: left {', '.join(left) or 'nobody'}; "
                    f"came {', '.join(came) or 'nobody'}"
                )
    return told
