"""Municipal borders from KLASS: changes, and the way from any year's codes to fixed borders."""

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.sources import addresses
from kostnadsvekst.sources.cache import Cache, Request, default_folder
from kostnadsvekst.sources.embedded import embedded_path
from kostnadsvekst.sources.transport import Policy, RejectedError, Transport

__all__ = [
    "BASE_URL",
    "CHANGE_COLUMNS",
    "KOSTRA_GROUPS",
    "KOSTRA_GROUP_TABLES",
    "MUNICIPALITIES",
    "SHARES_NOT_KNOWN",
    "UNKNOWN_CODE",
    "boundary_adjustments",
    "fetch_changes",
    "fetch_codes",
    "fetch_kostra_groups",
    "list_splits",
    "municipality_mapping",
    "read_changes",
    "read_codes",
    "read_kostra_groups",
]


def __dir__() -> list[str]:
    return sorted(__all__)


BASE_URL = addresses.KLASS
MUNICIPALITIES = 131
KOSTRA_GROUPS = 112
# Correspondence tables KOSTRA group -> municipality, by the year whose municipalities they hold.
KOSTRA_GROUP_TABLES = {2015: 2476, 2016: 2476, 2017: 190, 2018: 335, 2019: 501, 2020: 978}
UNKNOWN_CODE = "9999"
SHARES_NOT_KNOWN = "shares not known"
CHANGE_COLUMNS = ("changeOccurred", "oldCode", "oldName", "newCode", "newName")


# (code, year or None for every year) -> target and weight of each part.
Shares = dict[tuple[str, int | None], list[tuple[str, float]]]


def fetch_changes(start: int, end: int, **connection: Any) -> pd.DataFrame:
    """Fetch changes of municipal codes and borders.

    Parameters
    ----------
    start, end : int
        Years; changes on 1 January of `start` are included, and those until the end of `end`.
    **connection
        ``base_url``, ``cache``, ``offline``, ``refresh``, ``policy``.

    Returns
    -------
    DataFrame
        ``changeOccurred``, ``oldCode``, ``oldName``, ``newCode``, ``newName``, as KLASS states them.
    """
    path = f"classifications/{MUNICIPALITIES}/changes?from={start}-01-01&to={end}-12-31"
    return _get(path, read_changes, **connection)


def fetch_codes(year: int, **connection: Any) -> pd.DataFrame:
    """Municipalities on 1 January of a year.

    Parameters
    ----------
    year : int
    **connection
        ``base_url``, ``cache``, ``offline``, ``refresh``, ``policy``.

    Returns
    -------
    DataFrame
        ``code``, ``name``; without the code for unknown.
    """
    return _get(f"classifications/{MUNICIPALITIES}/codesAt?date={year}-01-01", read_codes, **connection)


def fetch_kostra_groups(years: Iterable[int], **connection: Any) -> pd.DataFrame:
    """KOSTRA group of each municipality by year.

    Parameters
    ----------
    years : iterable of int
        2015 to 2020.
    **connection
        ``base_url``, ``cache``, ``offline``, ``refresh``, ``policy``.

    Returns
    -------
    DataFrame
        ``year``, ``code`` (municipality), ``kostra_group`` (text, for example ``"EKG16"`` or ``"16"``).
    """
    frames = []
    for year in years:
        if year not in KOSTRA_GROUP_TABLES:
            raise SpecificationError(
                f"no KOSTRA grouping is known for {year}; "
                f"there is one for {', '.join(map(str, KOSTRA_GROUP_TABLES))}"
            )
        groups = _get(f"correspondencetables/{KOSTRA_GROUP_TABLES[year]}", read_kostra_groups, **connection)
        frames.append(groups.assign(year=year))
    return pd.concat(frames, ignore_index=True)[["year", "code", "kostra_group"]]


def read_changes(document: Mapping[str, Any] | pd.DataFrame | Path | str) -> pd.DataFrame:
    """Read changes into one shape, from KLASS' JSON, a file of it, a CSV file or a frame.

    Parameters
    ----------
    document : mapping, DataFrame or path

    Returns
    -------
    DataFrame
        Columns `CHANGE_COLUMNS`, all text, without repetitions, sorted by date and code.

    Raises
    ------
    DataMissingError
        There is no such file.
    InvalidDataError
        The file cannot be read, columns are missing, dates are none, or codes do not have four digits.
    """
    if isinstance(document, str | Path):
        document = _read_file(Path(document))
    if isinstance(document, pd.DataFrame):
        frame = document
    elif isinstance(document, Mapping) and "codeChanges" not in document:
        frame = pd.DataFrame()
    else:
        frame = pd.DataFrame(_items(document, ("codeChanges",), CHANGE_COLUMNS), columns=list(CHANGE_COLUMNS))
    lacking = [c for c in CHANGE_COLUMNS if c not in frame]
    if lacking:
        raise InvalidDataError(f"list of municipal changes lacks the columns {', '.join(lacking)}")
    frame = frame[list(CHANGE_COLUMNS)].astype(str)
    undated = frame[~frame["changeOccurred"].str.fullmatch(r"\d{4}-\d{2}-\d{2}")]
    if len(undated):
        raise InvalidDataError(
            "changeOccurred must be a date such as 2020-01-01",
            [f"{r.oldCode} -> {r.newCode}: {r.changeOccurred[:40]}" for r in undated.head(20).itertuples()],
        )
    odd = frame[~frame["oldCode"].str.fullmatch(r"\d{4}") | ~frame["newCode"].str.fullmatch(r"\d{4}")]
    if len(odd):
        raise InvalidDataError(
            "municipal codes must have four digits (leading zeros are lost when a file is read as numbers)",
            [f"{r.changeOccurred}: {r.oldCode} -> {r.newCode}" for r in odd.itertuples()],
        )
    return frame.drop_duplicates().sort_values(["changeOccurred", "oldCode", "newCode"], ignore_index=True)


def read_codes(document: Mapping[str, Any]) -> pd.DataFrame:
    """Codes and names of a version or of an answer to codesAt.

    Parameters
    ----------
    document : mapping
        KLASS' JSON.

    Returns
    -------
    DataFrame
        ``code``, ``name``; without the code for unknown.
    """
    items = _items(document, ("codes", "classificationItems"), ("code", "name"))
    frame = pd.DataFrame([(item["code"], item["name"]) for item in items], columns=["code", "name"])
    return frame[frame["code"] != UNKNOWN_CODE].reset_index(drop=True)


def read_kostra_groups(document: Mapping[str, Any]) -> pd.DataFrame:
    """Municipality and KOSTRA group of a correspondence table.

    Parameters
    ----------
    document : mapping
        KLASS' JSON.

    Returns
    -------
    DataFrame
        ``code`` (the side with four digits), ``kostra_group`` (the other).
    """
    rows = []
    for pair in _items(document, ("correspondenceMaps",), ("sourceCode", "targetCode")):
        source, target = str(pair["sourceCode"]), str(pair["targetCode"])
        code, group = (target, source) if len(target) == 4 and target.isdigit() else (source, target)
        rows.append((code, group))
    return pd.DataFrame(rows, columns=["code", "kostra_group"])


def _read_file(path: Path) -> Any:
    """Read a file of changes, CSV or JSON."""
    if not path.is_file():
        raise DataMissingError(f"there is no file {str(path)!r} of municipal changes: check the path")
    try:
        if path.suffix == ".csv":
            return pd.read_csv(path, dtype=str)
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error).partition("\n")[0]
        raise InvalidDataError(
            f"the file {str(path)!r} of municipal changes cannot be read ({what}): write CSV with the "
            f"columns {', '.join(CHANGE_COLUMNS)}, or JSON as KLASS gives it, in UTF-8"
        ) from error


def _items(document: Any, names: tuple[str, ...], keys: tuple[str, ...]) -> list[Mapping[str, Any]]:
    """List under one of the names of KLASS' JSON, each entry with its keys; anything else is named."""
    if not isinstance(document, Mapping):
        raise InvalidDataError(f"KLASS' answer is no JSON object with {' or '.join(names)}")
    listed: Any = next((document[name] for name in names if document.get(name)), [])
    if not isinstance(listed, list):
        raise InvalidDataError(f"{' or '.join(names)} of KLASS' answer is no list")
    wrong = [
        f"entry {i + 1} is no object with {' and '.join(keys)} as text"
        for i, item in enumerate(listed)
        if not isinstance(item, Mapping) or not all(isinstance(item.get(key), str | int) for key in keys)
    ]
    if wrong:
        more = [f"... and {len(wrong) - 20} more"] if len(wrong) > 20 else []
        raise InvalidDataError(f"{len(wrong)} entries of {names[0]} cannot be read", [*wrong[:20], *more])
    entries: list[Mapping[str, Any]] = listed
    return entries


def municipality_mapping(
    start: int,
    end: int,
    borders: int | str,
    *,
    changes: Mapping[str, Any] | pd.DataFrame | Path | str | None = None,
    codes: Mapping[int, Iterable[str]] | None = None,
    weights: pd.DataFrame | None = None,
    base_url: str = BASE_URL,
    cache: Cache | Path | str | None = None,
    offline: bool = False,
    policy: Policy | None = None,
) -> pd.DataFrame:
    """Way from each year's municipal codes to one fixed set of borders.

    Parameters
    ----------
    start, end : int
        First and last year.
    borders : int or str
        Year whose borders are wanted, not before `end`; ``"merged-in-period"`` means those of `end`.
    changes : DataFrame, mapping or path, optional
        Changes as KLASS states them; fetched if not given.
    codes : mapping, optional
        One year -> the codes valid on 1 January of it. Needed with `changes` for years outside 2015-2020.
    weights : DataFrame, optional
        ``code``, ``target``, ``weight`` and optionally ``year``: how a municipality that was split is shared
        out (for example by population of basic units). Must sum to one for each code (and year).
    base_url, cache, offline, policy
        Connection to KLASS.

    Returns
    -------
    DataFrame, sorted by year, code, target
        ``year``, ``code``, ``target``, ``weight``, ``note``. Weights sum to one for each year and code. A
        municipality that was split, and whose shares are not given in `weights`, has no target (empty text)
        and
        weight one; the note says into what it was split. The note is also set on everything that maps to a
        target which received a part of such a municipality or whose border was adjusted: the target is not
        the same area in all years. An empty note means the same area throughout.

    Raises
    ------
    SpecificationError
        `borders` before `end`, or years for which the codes are not known.
    InvalidDataError
        Changes that contradict the codes; weights that do not sum to one.

    Notes
    -----
    Changes are followed date by date. Pooled over dates, renamed municipalities look split (1852, 1903 and
    1940 appear twice as old codes, once for a name in 2018 and once for the number in 2020).
    """
    last = end if borders == "merged-in-period" else _year_of(borders)
    if not start <= end <= last:
        raise SpecificationError(
            f"borders of {last} cannot hold the years {start}-{end}: municipalities merged later "
            f"cannot be taken apart again; ask for borders of {end} or later"
        )
    connection = {"base_url": base_url, "cache": cache, "offline": offline, "policy": policy}
    listed = fetch_changes(start, last, **connection) if changes is None else read_changes(changes)
    by_year = _codes_by_year(start, last, listed, codes, connection if changes is None else None)
    listed = listed[listed["changeOccurred"].between(f"{start}-01-02", f"{last}-01-01")]
    shares = {} if weights is None else _check_weights(weights)
    rows = [row for year in range(start, end + 1) for row in _map_year(year, last, by_year, listed, shares)]
    frame = pd.DataFrame(rows, columns=["year", "code", "target", "weight", "note"])
    frame = _note_affected_targets(frame, listed, last, shares)
    return frame.sort_values(["year", "code", "target"], ignore_index=True)


def _year_of(borders: int | str) -> int:
    if isinstance(borders, str) and not borders.strip().isdecimal():
        raise SpecificationError(f'borders {borders!r} are neither a year nor "merged-in-period"')
    return int(borders)


def list_splits(changes: pd.DataFrame) -> pd.DataFrame:
    """Municipalities that were split, each change date by itself.

    Parameters
    ----------
    changes : DataFrame
        As from `read_changes`.

    Returns
    -------
    DataFrame
        ``date``, ``code``, ``name``, ``targets`` (tuple of new codes).
    """
    distinct = changes.drop_duplicates(["changeOccurred", "oldCode", "newCode"])
    rows = [
        (date, code, group["oldName"].iloc[0], tuple(sorted(group["newCode"])))
        for (date, code), group in distinct.groupby(["changeOccurred", "oldCode"])
        if len(group) > 1
    ]
    return pd.DataFrame(rows, columns=["date", "code", "name", "targets"])


def boundary_adjustments(start: int, end: int) -> pd.DataFrame:
    """Parts of municipalities that went elsewhere than the rest, which the changes of codes do not tell.

    Parameters
    ----------
    start, end : int
        Years; what happened after 1 January of `start`, until 1 January of `end`.

    Returns
    -------
    DataFrame
        ``date``, ``origin`` and ``destination`` (names), ``codes`` (tuple: the municipalities whose area is
        not the same before and after), ``what``, ``source``.

    Notes
    -----
    Source: the notes of KLASS' versions; see ``data/parameters/municipalities.toml``.
    """
    rows = [
        (a["date"].isoformat(), a.get("from", ""), a.get("to", ""), tuple(a["codes"]), a["what"], a["source"])
        for a in _load_parameters()["boundary_adjustment"]
    ]
    frame = pd.DataFrame(rows, columns=["date", "origin", "destination", "codes", "what", "source"])
    within = (frame["date"] > f"{start}-01-01") & (frame["date"] <= f"{end}-01-01")
    return frame[within].reset_index(drop=True)


def _get(
    path: str,
    read: Callable[[Any], pd.DataFrame],
    *,
    base_url: str = BASE_URL,
    cache: Cache | Path | str | None = None,
    offline: bool = False,
    refresh: bool = False,
    policy: Policy | None = None,
) -> pd.DataFrame:
    kept = cache if isinstance(cache, Cache) else Cache(Path(cache) if cache else default_folder())
    transport = Transport(kept, offline=offline, refresh=refresh, policy=policy)
    try:
        found, _ = transport.get(Request("GET", f"{base_url}/{path}"), read=read)
    except InvalidDataError as error:
        raise InvalidDataError(f"KLASS {path}: {error.summary}", error.problems) from error
    except RejectedError as error:
        raise RejectedError(f"KLASS {path}: {error}", error.status) from error
    frame: pd.DataFrame = found
    return frame


def _load_parameters() -> dict[str, Any]:
    return tomllib.loads(embedded_path("parameters/municipalities.toml").read_text("utf-8"))


def _codes_by_year(
    start: int,
    last: int,
    changes: pd.DataFrame,
    codes: Mapping[int, Iterable[str]] | None,
    connection: dict[str, Any] | None,
) -> dict[int, set[str]]:
    if codes is not None:
        anchor, known = next((int(year), set(map(str, listed))) for year, listed in codes.items())
    elif connection is not None:
        anchor, known = start, set(fetch_codes(start, **connection)["code"])
    else:
        anchor, known = _codes_from_changes(start, last, changes)
    if anchor > start:
        raise SpecificationError(f"codes are given for {anchor}; give those of {start} or an earlier year")
    return _walk_codes(anchor, last, known - {UNKNOWN_CODE}, changes)


def _codes_from_changes(start: int, last: int, changes: pd.DataFrame) -> tuple[int, set[str]]:
    """Codes of the first year that the parameters know: those that never changed and those replaced later."""
    unchanged = _load_parameters()["unchanged"]
    first, until = unchanged["from"], unchanged["to"]
    later = changes[changes["changeOccurred"].between(f"{first}-01-02", f"{until}-01-01")]
    first_as_old = later.groupby("oldCode")["changeOccurred"].min()
    first_as_new = later.groupby("newCode")["changeOccurred"].min().reindex(first_as_old.index)
    before = first_as_new.isna() | (first_as_old <= first_as_new)
    codes = set(first_as_old.index[before]) | set(unchanged["codes"])
    if start < first or last > until or len(codes) != unchanged["municipalities"]:
        raise SpecificationError(
            f"the municipalities of {start} do not follow from these changes alone "
            f"(they do for {first}-{until}, if the list holds every change of those years); "
            f"pass codes={{{start}: [...]}} (KLASS: classifications/131/codesAt?date={start}-01-01)"
        )
    return first, codes


def _walk_codes(anchor: int, last: int, known: set[str], changes: pd.DataFrame) -> dict[int, set[str]]:
    by_year, current = {anchor: known}, set(known)
    for year in range(anchor + 1, last + 1):
        for date in sorted(changes.loc[_in_year(changes, year), "changeOccurred"].unique()):
            step = changes[changes["changeOccurred"] == date]
            unknown = sorted(set(step["oldCode"]) - current)
            if unknown:
                raise InvalidDataError(
                    f"changes on {date} concern codes that did not exist then; codes and changes do not fit",
                    unknown,
                )
            current = (current - set(step["oldCode"])) | set(step["newCode"])
        by_year[year] = set(current)
    return by_year


def _in_year(changes: pd.DataFrame, year: int) -> pd.Series:
    # A change during a year holds from the next year's codes on; 1 January belongs to its own year.
    date = changes["changeOccurred"]
    return (date > f"{year - 1}-01-01") & (date <= f"{year}-01-01")


def _map_year(
    year: int, last: int, by_year: dict[int, set[str]], changes: pd.DataFrame, shares: Shares
) -> list[tuple[int, str, str, float, str]]:
    later = changes[
        (changes["changeOccurred"] > f"{year}-01-01") & (changes["changeOccurred"] <= f"{last}-01-01")
    ]
    steps = [_step(group) for _, group in later.groupby("changeOccurred")]
    rows = []
    for code in sorted(by_year[year]):
        given = shares.get((code, year)) or shares.get((code, None)) or []
        if given:
            rows += [(year, code, target, weight, "") for target, weight in given]
            continue
        current, note = code, ""
        for date, step in zip(sorted(later["changeOccurred"].unique()), steps, strict=True):
            targets = step.get(current, (current,))
            if len(targets) > 1:
                note = f"{current} was split on {date} into {', '.join(targets)}: {SHARES_NOT_KNOWN}"
                current = ""
                break
            current = targets[0]
        rows.append((year, code, current, 1.0, note))
    return rows


def _step(changes: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    return {old: tuple(sorted(set(group["newCode"]))) for old, group in changes.groupby("oldCode")}


def _check_weights(weights: pd.DataFrame) -> Shares:
    frame = weights.assign(year=weights["year"] if "year" in weights else float("nan"))
    frame = frame.astype({"code": str, "target": str, "weight": float})
    totals = frame.groupby(["code", "year"], dropna=False)["weight"].sum()
    wrong = totals[(totals - 1).abs() > 1e-9]
    if len(wrong) or (frame["weight"] < 0).any():
        raise InvalidDataError(
            "weights of a split municipality must be positive and sum to one",
            [f"{code} ({year:g}): {total:.6g}" for (code, year), total in wrong.items()],
        )
    shares: Shares = {}
    for row in frame.itertuples():
        year = None if pd.isna(row.year) else int(row.year)
        shares.setdefault((row.code, year), []).append((row.target, row.weight))
    return shares


def _note_affected_targets(
    frame: pd.DataFrame, changes: pd.DataFrame, last: int, shares: Shares
) -> pd.DataFrame:
    notes: dict[str, list[str]] = {}
    given = {code for code, _ in shares}
    unplaced = frame.loc[frame["target"] == "", "note"]
    for split in list_splits(changes).itertuples():
        # Shares of some years only, or of the code but not of an earlier name of it, leave others without.
        some_left = unplaced.str.startswith(f"{split.code} was split on {split.date} ").any()
        if split.code in given and not some_left:
            continue
        for part in split.targets:
            target = _follow(part, split.date, changes)
            notes.setdefault(target, []).append(
                f"received a part of {split.code} {split.name}, split on {split.date}: {SHARES_NOT_KNOWN}"
            )
    for moved in boundary_adjustments(int(frame["year"].min()), last).itertuples():
        for code in moved.codes:
            # The code may be the one used after a change on the same day or before it.
            target = _follow(_follow(code, moved.date, changes, inclusive=True), moved.date, changes)
            notes.setdefault(target, []).append(f"{moved.what} on {moved.date}: population moved not known")
    added = frame["target"].map(lambda target: "; ".join(dict.fromkeys(notes.get(target, []))))
    joined = frame["note"].where(frame["note"] != "", added)
    return frame.assign(note=joined)


def _follow(code: str, date: str, changes: pd.DataFrame, *, inclusive: bool = False) -> str:
    """Code at the end of the changes; a further split ends the search."""
    later = changes["changeOccurred"] >= date if inclusive else changes["changeOccurred"] > date
    for _, group in changes[later].groupby("changeOccurred"):
        targets = _step(group).get(code, (code,))
        if len(targets) != 1:
            return code
        code = targets[0]
    return code
