"""What a profile of user groups may show in public: no count of five or fewer can be worked out from it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.municipal.suppressed_sums import PublishedSum, suppress
from kostnadsvekst.municipal.user_group_inputs import AMOUNTS, CELL, COUNTS, read_cell_names, require_frame
from kostnadsvekst.municipal.user_group_profile import COLUMNS, KEYS
from kostnadsvekst.municipal.user_group_terms import (
    ALL,
    BOUGHT,
    INSTITUTION,
    OWN,
    PLACE_KINDS,
    SHORT_TERM,
    UNIQUE,
    services,
)
from kostnadsvekst.naming import first_of, nearest_names, require_columns
from kostnadsvekst.register.table_checks import CONFIDENTIAL, check_threshold

__all__ = ["THRESHOLD", "protect_cells", "protect_profile", "protect_rows"]

THRESHOLD = 6  # "five or fewer" is hidden
# Where a row of a measure has a count of persons or places.
_COUNT_IN = {
    "users_per_1000": ("numerator", "users"),
    "places_per_1000": ("numerator", "places"),
    "coverage_80_plus": ("numerator", "places"),
    "places_per_unit": ("numerator", "places"),
    "fte_per_100_recipients": ("denominator", "users"),
    "fte_per_place": ("denominator", "places"),
    "cost_per_recipient": ("denominator", "users"),
    "cost_per_place": ("denominator", "places"),
}
_SERVICES_PER_USER = "services_per_unique_user"
_SUMS = (INSTITUTION, SHORT_TERM)
_GROUP = list(CELL[:3])
_VALUES = ["numerator", "denominator", "value"]

Key = tuple[str, str]  # service and provision


def protect_profile(
    profile: pd.DataFrame, *, threshold: int = THRESHOLD, municipalities: Sequence[str] | None = None
) -> pd.DataFrame:
    """Profile as it may be published.

    Parameters
    ----------
    profile : DataFrame
        From `user_groups.profile`, whole: all municipalities of the mean, all services.
    threshold : int
        Users and places from 1 to one below it are hidden; 6 is "five or fewer".
    municipalities : sequence of str, optional
        Those that are shown; the others still stand behind the mean. Default: all.

    Returns
    -------
    DataFrame
        The columns of the profile, and ``hidden`` and ``mean_hidden``: ``":"`` where numbers
        (numerator, denominator, value; mean, index, colour) are missing because they tell a small count.

    Raises
    ------
    InvalidDataError
        A profile that was cut, or changed, so that counts or members of the mean cannot be seen.
    SpecificationError
        An unknown municipality, a threshold below 2.
    DataMissingError
        Columns that lack.

    Notes
    -----
    A rate times a public population is a count, and so is a cost over a unit cost. So all measures of a
    cell (municipality, year, group, service, own or bought) are hidden together where its users or its places
    are few; so is the sum of own and bought, services for each unique user, the unique users where they bound
    a hidden count from below, and mean, index and colour of a measure as soon as one municipality in the mean
    is hidden (the others would give it back). Of the sums of nursing-home places those are told that
    `suppressed_sums.suppress` can make safe by hiding a larger type of place. Sums of costs are told.

    The promise is for one profile: two profiles of the same users that are cut differently (merged and not)
    must not both be published. Nobody is hidden in zero. Do not give sums over services as services.
    """
    threshold = check_threshold(threshold)
    rows = _read_profile(profile)
    _check_whole(rows, profile.attrs.get("reference"))
    shown = _known(municipalities, sorted(rows["municipality"].unique()))
    hidden = _hidden_rows(rows, threshold)
    mean_hidden = _hidden_means(rows, hidden, profile.attrs.get("reference"))
    result = rows.assign(hidden=np.where(hidden, CONFIDENTIAL, ""))
    result["mean_hidden"] = np.where(mean_hidden, CONFIDENTIAL, "")
    result.loc[hidden, _VALUES] = np.nan
    result.loc[mean_hidden | hidden, ["index"]] = np.nan
    result.loc[mean_hidden | hidden, ["colour"]] = ""
    result.loc[mean_hidden, ["mean"]] = np.nan
    result = result[result["municipality"].isin(shown)].reset_index(drop=True)
    kept = {name: value for name, value in profile.attrs.items() if name != "left_out"}
    result.attrs = {**kept, "threshold": threshold, "hidden": int((result["hidden"] != "").sum())}
    return result


def protect_cells(table: pd.DataFrame, protected: pd.DataFrame) -> pd.DataFrame:
    """Hide in counts or accounts what a protected profile hides.

    Parameters
    ----------
    table : DataFrame
        Counts or accounts as given to `user_groups.profile`.
    protected : DataFrame
        From `protect_profile`.

    Returns
    -------
    DataFrame
        Rows of the municipalities that are shown, all counts and amounts of hidden cells missing, and
        ``hidden``.

    Raises
    ------
    InvalidDataError
        Cells with counts that the profile does not know: it was made from other counts.
    """
    keys = list(CELL)
    require_frame(protected, "protected profile")
    require_columns([*keys, "hidden"], protected.columns)
    named = read_cell_names(table)
    require_columns(keys, named.columns)
    inside = named["municipality"].isin(set(protected["municipality"]))
    named, given = named[inside], table.loc[inside.to_numpy()].copy()
    status = protected.groupby(keys)["hidden"].max()
    found = status.reindex(pd.MultiIndex.from_frame(named[keys]))
    columns = [c for c in (*COUNTS, *AMOUNTS) if c in given]
    counted = given[[c for c in columns if c in COUNTS]].notna().any(axis=1).to_numpy()
    unknown = named[found.isna().to_numpy() & counted]
    if len(unknown):
        cells = [", ".join(map(str, row)) for row in unknown[keys].itertuples(index=False)]
        raise InvalidDataError(
            "counts: cells that the protected profile does not have; make it from these counts",
            first_of(cells),
        )
    given["hidden"] = found.fillna("").to_numpy()
    for column in columns:
        given[column] = given[column].where(given["hidden"].eq(""))
    return given.reset_index(drop=True)


def protect_rows(
    table: pd.DataFrame,
    counts: Sequence[str],
    beside: Sequence[str],
    *,
    totals_are_shown: bool = True,
    threshold: int = THRESHOLD,
) -> pd.DataFrame:
    """Hide small counts of a list, such as recipients by step, and what gives them back.

    Parameters
    ----------
    table : DataFrame
        One row for each step, type of place or office.
    counts : sequence of str
        Columns of persons or places.
    beside : sequence of str
        Columns from which a count follows (prices, totals, shares): hidden in the same rows.
    totals_are_shown : bool
        Whether the sums of the counts are published: then a larger row is hidden beside a small one.
    threshold : int

    Returns
    -------
    DataFrame
        The table with ``hidden`` (``":"``). ``attrs["totals_hidden"]`` lists the counts of which the sum must
        not be told.

    Raises
    ------
    InvalidDataError
        Counts that are negative or no numbers.
    """
    threshold = check_threshold(threshold)
    require_frame(table, "list")
    require_columns([*counts, *beside], table.columns)
    numbers = {c: pd.to_numeric(table[c], errors="coerce").to_numpy(dtype=float) for c in counts}
    wrong = [
        f"row {k + 1}: {column} {table[column].iloc[k]} is no count"
        for column, values in numbers.items()
        for k in np.flatnonzero((values < 0) | np.isnan(values) & table[column].notna().to_numpy())
    ]
    if wrong:
        raise InvalidDataError(f"counts: {len(wrong)} problem(s)", first_of(wrong))
    hidden, totals = _hide_rows(numbers, totals_are_shown, threshold)
    result = table.assign(hidden=[CONFIDENTIAL if k in hidden else "" for k in range(len(table))])
    for column in (*counts, *beside):
        result[column] = result[column].where(result["hidden"].eq(""))
    result.attrs = {**table.attrs, "totals_hidden": sorted(totals)}
    return result


def _hide_rows(
    numbers: Mapping[str, NDArray[np.float64]], totals_are_shown: bool, threshold: int
) -> tuple[set[int], set[str]]:
    """Rows to hide, and totals; a row that one count hides is hidden for all."""
    hidden: set[int] = set()
    while True:
        before = set(hidden)
        totals: set[str] = set()
        for column, values in numbers.items():
            cells = dict(enumerate(values.tolist()))
            sums = [PublishedSum(column, frozenset(cells))] if totals_are_shown else []
            found = suppress(cells, sums, small=sorted(hidden), threshold=threshold)
            hidden |= found.cells
            totals |= found.sums
        if hidden == before:
            return hidden, totals


# --- The pattern of a profile


def _read_profile(profile: pd.DataFrame) -> pd.DataFrame:
    """Rows with their types; what `user_groups.profile` did not make is refused."""
    require_frame(profile, "profile")
    require_columns(COLUMNS, profile.columns)
    rows = pd.DataFrame({name: profile[name].array for name in COLUMNS}).copy()  # and no attributes
    problems = []
    for column in ("year", *_VALUES, "mean", "index"):
        known = _are_numbers(rows[column])
        missing = rows[column].isna().to_numpy() & (column in ("mean", "index"))
        problems += [f"row {k + 1}: {column} is no number" for k in np.flatnonzero(~(known | missing))]
        rows[column] = rows[column].where(known).astype(float)
    for column in ("municipality", *KEYS[1:]):
        texts = _are_texts(rows[column])
        problems += [f"row {k + 1}: {column} is no text" for k in np.flatnonzero(~texts)]
    if problems:
        raise InvalidDataError(f"profile: {len(problems)} problem(s)", first_of(problems))
    return rows.astype({"year": "int64"})


def _are_numbers(column: pd.Series) -> NDArray[np.bool_]:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iuf":
        return np.asarray(column.notna(), dtype=bool)
    return np.array([isinstance(v, Real) and v == v for v in column], dtype=bool)


def _are_texts(column: pd.Series) -> NDArray[np.bool_]:
    if isinstance(column.dtype, pd.StringDtype):
        return np.asarray(column.notna(), dtype=bool)
    return np.array([isinstance(v, str) for v in column], dtype=bool)


@dataclass(frozen=True, slots=True)
class _Group:
    """Counts of one municipality, year and group, by service and provision."""

    users: dict[Key, float]
    places: dict[Key, float]
    sums: dict[Key, float]

    @property
    def cells(self) -> set[Key]:
        return {*self.users, *self.places}


def _hidden_rows(rows: pd.DataFrame, threshold: int) -> NDArray[np.bool_]:
    group = rows.groupby(_GROUP, sort=False).ngroup().rename("at")
    name = rows["service"].mask(rows["measure"] == _SERVICES_PER_USER, _SERVICES_PER_USER)
    cells = pd.concat([group, name, rows["provision"]], axis=1)
    told = _told_counts(rows, group)
    where = rows.loc[~group.duplicated(), _GROUP].itertuples(index=False, name=None)
    found: list[tuple[int, str, str]] = []
    for (at, part), place in zip(told, where, strict=True):
        found += [(at, *key) for key in _pattern(_read_group(part, place), threshold)]
    hidden = pd.DataFrame(found, columns=list(cells.columns)).astype(cells.dtypes).assign(hidden=True)
    return np.asarray(cells.merge(hidden, how="left", validate="m:1")["hidden"].notna(), dtype=bool)


def _told_counts(
    rows: pd.DataFrame, group: pd.Series
) -> Iterator[tuple[int, list[tuple[str, str, str, float]]]]:
    """By group: users or places, service, provision and number, each once however many measures tell it."""
    counted = rows["measure"].isin(_COUNT_IN).to_numpy()
    inside = rows[counted]
    above, count = (inside["measure"].map({m: one[k] for m, one in _COUNT_IN.items()}) for k in (0, 1))
    number = np.where(above == "numerator", inside["numerator"], inside["denominator"])
    told = pd.DataFrame(
        {
            "at": group[counted],
            "count": count,
            "service": inside["service"],
            "provision": inside["provision"],
            "number": number,
        }
    ).drop_duplicates()
    parts: list[list[tuple[str, str, str, float]]] = (
        [[] for _ in range(int(group.max()) + 1)] if len(group) else []
    )
    for at, *one in zip(*(told[name].tolist() for name in told), strict=True):
        parts[at].append(tuple(one))
    yield from enumerate(parts)


def _read_group(rows: Sequence[tuple[str, str, str, float]], where: tuple[object, ...]) -> _Group:
    """Cells without the sums of own and bought; sums of places apart."""
    found: dict[str, dict[Key, float]] = {"users": {}, "places": {}}
    for count, service, provision, value in rows:
        before = found[count].setdefault((service, provision), value)
        if abs(before - value) > 1e-6:
            raise InvalidDataError(
                f"profile: {', '.join(map(str, where))}, {service}, {provision} has two numbers of "
                f"{count}; give it as user_groups.profile made it"
            )
    sums = {key: v for key, v in found["places"].items() if key[0] in _SUMS}
    users, places = (_parts(found[count], where) for count in ("users", "places"))
    return _Group(users, places, sums)


def _parts(cells: Mapping[Key, float], where: tuple[object, ...]) -> dict[Key, float]:
    """Own and bought where they are told, else all; a part that only the sum tells is refused."""
    parts: dict[Key, float] = {}
    for service in sorted({key[0] for key in cells} - set(_SUMS)):
        split = {p: cells[service, p] for p in (OWN, BOUGHT) if (service, p) in cells}
        whole = cells.get((service, ALL))
        if split and whole is not None and abs(sum(split.values()) - whole) > 1e-6:
            raise InvalidDataError(
                f"profile: {', '.join(map(str, where))}, {service}: own and bought are not all; give the "
                "profile whole, and name municipalities= to show some"
            )
        parts |= {(service, p): v for p, v in split.items()}
        if not split and whole is not None:
            parts[service, ALL] = whole
    return parts


def _pattern(group: _Group, threshold: int) -> set[Key]:
    """Services and provisions of which all measures are hidden, sums included."""
    small = {key for key, n in (*group.users.items(), *group.places.items()) if 0 < n < threshold}
    hidden, sums = _hide_places(group, small, threshold)
    if (UNIQUE, ALL) not in hidden and _bounds_hidden(group, hidden):
        hidden.add((UNIQUE, ALL))
    if hidden & set(group.users):
        sums.add((_SERVICES_PER_USER, ALL))
    return hidden | sums | {(service, ALL) for service, _ in hidden}


def _hide_places(group: _Group, small: set[Key], threshold: int) -> tuple[set[Key], set[Key]]:
    """Small cells, larger ones that keep sums of places secret, and sums that cannot be told."""
    kinds = {code: service.kind for code, service in services().items()}
    typed = {key for key in group.places if kinds.get(key[0]) in PLACE_KINDS}
    of = {
        INSTITUTION: typed or {key for key in group.places if kinds.get(key[0]) == "institution"},
        SHORT_TERM: {key for key in typed if kinds[key[0]] == "short_term"},
    }
    wanted = [
        PublishedSum(f"{name}|{provision}", frozenset(k for k in of[name] if provision in (ALL, k[1])))
        for provision in (ALL, OWN, BOUGHT)
        for name in _SUMS
        if (name, provision) in group.sums
    ]
    told = [s for s in wanted if _is_sum(group, s)]
    found = suppress(group.places, told, small=sorted(small), threshold=threshold)
    unclear = {s.name for s in wanted if s not in told} if found.cells | small else set()
    refused = {tuple(name.split("|")) for name in found.sums | unclear}
    return set(found.cells) | small, {(service, provision) for service, provision in refused}


def _is_sum(group: _Group, wanted: PublishedSum[Key]) -> bool:
    """Whether a sum is that of the cells that we take it to be of."""
    service, provision = wanted.name.split("|")
    total = sum(group.places[key] for key in wanted.cells)
    return abs(total - group.sums[service, provision]) < 1e-6


def _bounds_hidden(group: _Group, hidden: set[Key]) -> bool:
    """Whether unique users tell that hidden services have more than one user each.

    Everybody who is counted once uses a service that is counted: the services' users are as many at least.
    """
    unique = group.users.get((UNIQUE, ALL))
    if unique is None:
        return False
    kinds = {code: service.kind for code, service in services().items()}
    used = {k: n for k, n in group.users.items() if kinds.get(k[0]) not in ("unique", "register")}
    secret = [k for k in used if k in hidden]
    return bool(secret) and unique > sum(n for k, n in used.items() if k not in hidden) + len(secret)


# --- Means


def _hidden_means(
    rows: pd.DataFrame, hidden: NDArray[np.bool_], reference: Sequence[str] | None
) -> NDArray[np.bool_]:
    inside = np.ones(len(rows), dtype=bool) if reference is None else rows["municipality"].isin(reference)
    cells = rows.groupby(list(KEYS), sort=False).ngroup().to_numpy()
    behind = np.unique(cells[np.asarray(hidden & inside, dtype=bool)])
    return np.isin(cells, behind)


def _check_whole(rows: pd.DataFrame, reference: Sequence[str] | None) -> None:
    """Refuse a profile of which municipalities behind the mean are not there."""
    cell = rows.groupby(list(KEYS)).ngroup()
    numbers = rows[[*_VALUES, "mean"]].assign(cell=cell)
    members = numbers if reference is None else numbers[rows["municipality"].isin(reference)]
    pool = members.assign(
        per=members["value"] * members["denominator"] / members["numerator"].replace(0, np.nan)
    )
    candidates = [
        _mean_of(part, how)
        for part in (pool, pool[pool["value"] != 0])
        for how in ("municipalities", "ratio_of_sums")
    ]
    told = numbers.groupby("cell")["mean"].first().dropna()
    agrees = np.zeros(len(told), dtype=bool)
    for candidate in candidates:
        agrees |= np.isclose(candidate.reindex(told.index), told, rtol=1e-9, atol=1e-12)
    if not agrees.all():
        first = rows.loc[~cell.duplicated(), list(KEYS)].set_axis(cell[~cell.duplicated()])
        keys = first.loc[told.index[~agrees]].itertuples(index=False, name=None)
        cut = [", ".join(map(str, key)) for key in keys]
        raise InvalidDataError(
            "profile: the mean is not that of the municipalities in it; give the profile whole, and name "
            "municipalities= to show some",
            first_of(cut),
        )


def _mean_of(pool: pd.DataFrame, how: str) -> pd.Series:
    grouped = pool.groupby("cell")
    if how == "municipalities":
        return grouped["value"].mean()
    sums = grouped.agg(top=("numerator", "sum"), bottom=("denominator", "sum"), per=("per", "max"))
    return sums["top"] / sums["bottom"] * sums["per"].fillna(1.0)


def _known(municipalities: Sequence[str] | None, known: Sequence[str]) -> Sequence[str]:
    if municipalities is None:
        return known
    unknown = [str(m) for m in municipalities if str(m) not in known]
    if unknown:
        raise SpecificationError(f"municipalities: {nearest_names(unknown, known)} is not in the profile")
    return [str(m) for m in municipalities]
