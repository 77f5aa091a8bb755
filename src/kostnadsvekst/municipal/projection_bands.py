"""Bands around projections of places, as wide as past projections of the population were wrong.

A band of level 90 is made so that nine of ten hold what comes, if projections stay as good as the record. It
is about the population: that coverage is as assumed is not in it.
"""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import DataMissingError, InvalidDataError
from kostnadsvekst.municipal.given_numbers import number_faults, refuse, year_faults
from kostnadsvekst.municipal.projection_inputs import AGE, refuse_projection
from kostnadsvekst.naming import require_columns
from kostnadsvekst.sources.age_groups import AgeGroup, parse_age_group

Floats = NDArray[np.float64]

# Correlation of the errors of two age groups of a municipality in totals. In the record of Telemark's
# municipalities the largest of six is 0.16, and the mean 0.02.
ERROR_CORRELATION = 0.2
ALL_AGES = "all"
_BASIC = [AGE, "horizon", "bias", "sd"]
_SIZED = ["mean_square_common", "mean_square_counted", "largest_population"]
_NUMBERS = ["horizon", "bias", "sd", *_SIZED]
_TINY = 1e-30


def bands(projection: pd.DataFrame, errors: pd.DataFrame, *, level: float = 0.9) -> pd.DataFrame:
    """Put bands around projected places, from the record of past projections.

    Parameters
    ----------
    projection : DataFrame
        From `kostnadsvekst.municipal.projection.project`: ``alternative``, ``year``, ``age_group``,
        ``places``, and ``population``, on whose size the width hangs, and ``horizon`` (else years from the
        first).
    errors : DataFrame
        From `kostnadsvekst.municipal.projection.errors`, or `recorded_errors`. With ``bias`` and ``sd`` alone
        the width is the same for all sizes.
    level : float
        0.9 for 90 per cent.

    Returns
    -------
    DataFrame
        The projection with ``low``, ``high``, ``extrapolated`` (the horizon is beyond the record, or the age
        group is only a part of one that the record has: nothing is claimed of the level there),
        ``record_age_group`` and ``editions`` (behind the band at that horizon; 0 beyond the record).

    Raises
    ------
    InvalidDataError
        A level outside 0 to 1, age groups that the record does not have, a record with rows twice or
        without numbers; all at once.
    DataMissingError
        Columns that lack.

    Notes
    -----
    places × exp(∓z √(common + counted / population)), z of the normal distribution; both from the record, at
    the horizon. Not moved by the bias of the record, whose square is in the width. Populations above the
    largest of the record are taken to be as uncertain as that: an edition's common error would else rest on
    few municipalities. Beyond the record the mean squares grow as the last two horizons did (a power of the
    years).
    """
    _check(projection, errors, level)
    made = projection.copy()
    errors = errors.assign(**{name: _number(errors[name]) for name in errors.columns.intersection(_NUMBERS)})
    errors = errors[errors["horizon"] > 0]  # of the base year nothing is projected
    horizon = _horizons(made)
    made["low"], made["high"] = math.nan, math.nan
    made["extrapolated"], made["record_age_group"], made["editions"] = False, "", 0
    z = _quantile(level)
    for label in pd.unique(made[AGE]):
        rows = (made[AGE] == label).to_numpy()
        name = _record_of(label, pd.unique(errors[AGE])) or ""
        record = errors[errors[AGE] == name].sort_values("horizon")
        people = made.loc[rows, "population"].to_numpy(float) if "population" in made else None
        root = np.sqrt(_mean_square(record, horizon[rows], people))
        places = made.loc[rows, "places"].to_numpy(float)
        made.loc[rows, "low"] = places * np.exp(-z * root)
        made.loc[rows, "high"] = places * np.exp(z * root)
        beyond = (horizon[rows] > record["horizon"].max()) | _is_part(label, name)
        made.loc[rows, "extrapolated"] = beyond & (horizon[rows] > 0)
        made.loc[rows, "record_age_group"] = name
        made.loc[rows, "editions"] = _editions(record, horizon[rows])
    made.attrs = {**projection.attrs, "level": level, "record_horizon": int(errors["horizon"].max())}
    return made


def totals(projection: pd.DataFrame, *, correlation: float = ERROR_CORRELATION) -> pd.DataFrame:
    """Sum places, cost and man-years over age groups and services; bands of the sum, too.

    Parameters
    ----------
    projection : DataFrame
        From `kostnadsvekst.municipal.projection.project`, or from `bands`.
    correlation : float
        Of the errors of two age groups, 0 to 1.

    Returns
    -------
    DataFrame
        ``municipality`` where given, ``alternative``, ``population_alternative`` where given, ``year``,
        ``age_group`` (``"all"``), ``places``, ``cost_mnok``, ``fte``, and of bands ``low``, ``high``,
        ``extrapolated``.

    Raises
    ------
    DataMissingError
        Columns that lack.
    InvalidDataError
        A correlation outside 0 to 1.

    Notes
    -----
    Services of an age group have the same persons behind them and are wrong together. Age groups are taken to
    have the correlation r = 0.2, above all in the record: S² = (1 − r) Σ s² + r (Σ s)², s the places of an
    age group × its log error; the band is places × exp(∓S / places).
    """
    require_columns(["alternative", "year", AGE, "places"], projection.columns)
    refuse("totals", number_faults("correlation", correlation, least=0, most=1))
    keys = [n for n in ("municipality", "alternative", "population_alternative", "year") if n in projection]
    measures = [n for n in ("places", "cost_mnok", "fte") if n in projection]
    grouped = projection.groupby(keys, sort=False)
    made = grouped[measures].sum(min_count=1).reset_index()
    made.insert(len(keys), AGE, ALL_AGES)
    if {"low", "high"} <= set(projection.columns):
        half = _log_half(projection) * projection["places"]
        by_age = half.groupby([projection[name] for name in (*keys, AGE)], sort=False).sum()
        squares = (by_age**2).groupby(level=keys, sort=False).sum().to_numpy()
        sums = by_age.groupby(level=keys, sort=False).sum().to_numpy()
        spread = np.sqrt((1 - correlation) * squares + correlation * sums**2)
        places = made["places"].to_numpy(float)
        root = np.divide(spread, places, out=np.zeros_like(spread), where=places > 0)
        made["low"], made["high"] = places * np.exp(-root), places * np.exp(root)
        if "extrapolated" in projection:
            made["extrapolated"] = grouped["extrapolated"].any().to_numpy()
    made.attrs = dict(projection.attrs)
    return made


def has_record(errors: pd.DataFrame, age_group: str) -> bool:
    """Whether the record has an age group, or one that holds it.

    Parameters
    ----------
    errors : DataFrame
    age_group : str
    """
    return _record_of(age_group, pd.unique(errors[AGE])) is not None


def record_at(errors: pd.DataFrame, age_group: str, horizon: float) -> pd.DataFrame:
    """Record behind the band of an age group at a horizon, as `bands` uses it.

    Parameters
    ----------
    errors : DataFrame
        From `kostnadsvekst.municipal.projection.errors`, with sizes.
    age_group : str
    horizon : float
        Years ahead, above zero.

    Returns
    -------
    DataFrame, one row
        ``age_group`` (of the record), ``horizon``, ``mean_square_common``, ``mean_square_counted``,
        ``largest_population``, ``editions`` (0 beyond the record).
    """
    name = _record_of(age_group, pd.unique(errors[AGE]))
    record = errors[errors[AGE] == name].sort_values("horizon")
    at, ahead = record["horizon"].to_numpy(float), np.array([float(horizon)])
    found = {column: _along(at, record[column].to_numpy(float), ahead) for column in _SIZED[:2]}
    largest, editions = float(record["largest_population"].max()), _editions(record, ahead)
    return pd.DataFrame(
        {AGE: name, "horizon": ahead, **found, "largest_population": largest, "editions": editions}
    )


def _log_half(projection: pd.DataFrame) -> pd.Series:
    """Half the width of a band in logarithms; 0 where there are no places."""
    ratio = projection["high"] / projection["places"].where(projection["places"] > 0)
    return pd.Series(np.log(ratio.fillna(1.0)), index=projection.index)


def _check(projection: pd.DataFrame, errors: pd.DataFrame, level: float) -> None:
    for frame in (projection, errors):
        if not isinstance(frame, pd.DataFrame):
            raise DataMissingError(f"bands take two frames, not a {type(frame).__name__}")
    require_columns(["year", AGE, "places"], projection.columns)
    require_columns(_BASIC, errors.columns)
    faults = number_faults("level", level, above=0, below=1, remedy="90 per cent are 0.9")
    twice = errors[errors.duplicated([AGE, "horizon"])]
    faults += [
        f"the record has {age} {h} years ahead twice"
        for age, h in zip(twice[AGE], twice["horizon"], strict=True)
    ]
    named = [name for name in _SIZED if name in errors]
    needed = named if len(named) == len(_SIZED) else ["bias", "sd"]
    for name in ("horizon", *needed):
        numbers = _number(errors[name])
        least = -math.inf if name == "bias" else 0.0
        bad = errors[~(np.isfinite(numbers) & (numbers >= least))]
        faults += [f"the record's {name} of {age!r} is missing or negative" for age in pd.unique(bad[AGE])]
    faults += _projection_faults(projection)
    known = list(pd.unique(errors.loc[_number(errors["horizon"]) > 0, AGE]))
    faults += [
        f"age group {label!r} is not in the record ({', '.join(map(str, known))}); give errors of it"
        for label in pd.unique(projection[AGE])
        if _record_of(label, known) is None
    ]
    refuse_projection("bands", faults)


def _number(column: pd.Series) -> pd.Series:
    """Floating point, missing where a cell is no number."""
    return pd.to_numeric(column, errors="coerce").astype(float)


def _projection_faults(projection: pd.DataFrame) -> list[str]:
    faults = year_faults("projection: year", pd.unique(projection["year"]))
    for name in ("places", "population", "horizon"):
        if name in projection:
            numbers = _number(projection[name])
            bad = projection[~(np.isfinite(numbers) & ((numbers >= 0) | (name == "horizon")))]
            where = zip(bad["year"], bad[AGE], strict=True)
            faults += [f"projection: {name} of {age!r} {year} is missing or negative" for year, age in where]
    return faults


def _horizons(projection: pd.DataFrame) -> Floats:
    years = _number(projection["year"])
    if "horizon" in projection:
        ahead = _number(projection["horizon"])
    else:
        ahead = years - projection.attrs.get("base_year", years.min())
    if (ahead < 0).any():
        first = projection.loc[ahead < 0, "year"].min()
        raise InvalidDataError(f"the projection has years before its base year ({first})")
    return np.asarray(ahead, dtype=np.float64)


def _quantile(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2))


def _record_of(label: object, known: object) -> str | None:
    """Age group of the record: the same, else the narrowest that holds it."""
    ages = parse_age_group(label)
    named = [(str(name), parse_age_group(name)) for name in known]  # type: ignore[attr-defined]
    same = [name for name, other in named if name == label or (ages is not None and ages == other)]
    wider = [(other.width, name) for name, other in named if ages and other and other.holds(ages)]
    return same[0] if same else min(wider)[1] if wider else None


def _is_part(label: object, name: str) -> bool:
    ages, other = parse_age_group(label), parse_age_group(name)
    return isinstance(ages, AgeGroup) and ages != other


def _mean_square(record: pd.DataFrame, horizon: Floats, people: Floats | None) -> Floats:
    """Mean square of the log error at horizons; 0 at the base year."""
    at = record["horizon"].to_numpy(dtype=float)
    if people is None or not set(_SIZED) <= set(record.columns):
        squares = record["sd"].to_numpy(float) ** 2 + record["bias"].to_numpy(float) ** 2
        return _along(at, squares, horizon)
    common, counted, largest = (record[name].to_numpy(float) for name in _SIZED)
    size = np.minimum(people, largest.max())
    part = np.divide(_along(at, counted, horizon), size, out=np.zeros_like(size), where=size > 0)
    return np.asarray(_along(at, common, horizon) + part)


def _along(at: Floats, squares: Floats, horizon: Floats) -> Floats:
    """Mean squares at horizons: powers of the years between and beyond those of the record."""
    x, y = np.log(at), np.log(np.maximum(squares, _TINY))
    ahead = np.log(np.maximum(horizon, 1e-9))
    inside = np.interp(ahead, x, y)
    slopes = np.maximum(np.diff(y) / np.diff(x), 0.0) if len(x) > 1 else np.ones(1)
    low, high = y[0] + slopes[0] * (ahead - x[0]), y[-1] + slopes[-1] * (ahead - x[-1])
    logs = np.where(ahead < x[0], low, np.where(ahead > x[-1], high, inside))
    return np.where(horizon > 0, np.exp(logs), 0.0)


def _editions(record: pd.DataFrame, horizon: Floats) -> NDArray[np.int64]:
    if "editions" not in record:
        return np.zeros(len(horizon), dtype=np.int64)
    at = record["horizon"].to_numpy(dtype=float)
    place = np.minimum(np.searchsorted(at, horizon), len(at) - 1)
    behind = record["editions"].to_numpy(dtype=np.int64)[place]
    return np.where((horizon > 0) & (horizon <= at[-1]), behind, 0)
