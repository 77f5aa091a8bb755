"""Client for Statistics Norway's StatBank (PxWebApi v2, with v0 as the fallback)."""

import fnmatch
import json
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd

from kostnadsvekst.errors import (
    DataMissingError,
    DataWarning,
    InvalidDataError,
    SourceError,
    SpecificationError,
)
from kostnadsvekst.sources import addresses
from kostnadsvekst.sources.cache import Answer, Cache, Request, default_folder
from kostnadsvekst.sources.jsonstat import category_codes, check_dimensions, read_dataset
from kostnadsvekst.sources.rate_limits import LONGEST_WINDOW
from kostnadsvekst.sources.transport import Policy, RejectedError, Transport, UnavailableError

__all__ = [
    "BASE_URL",
    "BY_LABEL",
    "FALLBACK_URL",
    "MAX_CELLS",
    "MAX_URL",
    "Dimension",
    "Selection",
    "fetch",
    "planned_request",
    "resolve_selection",
    "split_selection",
]


def __dir__() -> list[str]:
    return sorted(__all__)


BASE_URL = addresses.STATBANK
FALLBACK_URL = "https://data.ssb.no/api/v0/no"
MAX_CELLS = 800_000
# Longer URLs are answered by a web page with status 404 (seen from about 2,100 characters).
MAX_URL = 2_000
# Codes that nobody has seen yet are looked up by their text in the metadata.
BY_LABEL = "label:"
_LISTED = 15

Selection = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Dimension:
    """What the metadata say of one variable of a table.

    Parameters
    ----------
    codes : tuple of str
    eliminable : bool
        Whether the source gives the total when the variable is left out.
    labels : mapping
        Code -> text.
    """

    codes: tuple[str, ...]
    eliminable: bool
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Api:
    """One of the two interfaces: where it is and how it is asked."""

    name: str
    base_url: str

    def metadata(self, table: str) -> Request:
        if self.name == "v2":
            return Request("GET", f"{self.base_url}/tables/{table}/metadata?lang=no")
        return Request("GET", f"{self.base_url}/table/{table}")

    def read_metadata(self, document: Any) -> dict[str, Dimension]:
        read = _read_metadata_v2 if self.name == "v2" else _read_metadata_v0
        try:
            return read(document)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, InvalidDataError):
                raise
            raise SourceError(f"metadata are not as documented ({error!r:.200} not found)") from error

    def data(self, table: str, selection: Mapping[str, Sequence[str]]) -> Request:
        if self.name == "v2":
            return _data_request_v2(self.base_url, table, selection)
        query = [
            {"code": code, "selection": {"filter": "item", "values": list(values)}}
            for code, values in selection.items()
        ]
        body = {"query": query, "response": {"format": "json-stat2"}}
        return Request("POST", f"{self.base_url}/table/{table}", json.dumps(body))


@dataclass
class _Fetched:
    """Chunks of one table as they arrive."""

    frames: list[pd.DataFrame] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    readers: list[Callable[[Any], pd.DataFrame]] = field(default_factory=list)


def fetch(
    table: str,
    selection: Selection,
    *,
    base_url: str = BASE_URL,
    cache: Cache | Path | str | None = None,
    offline: bool = False,
    refresh: bool = False,
    fallback_url: str | None = None,
    policy: Policy | None = None,
) -> pd.DataFrame:
    """Cells of a StatBank table.

    Parameters
    ----------
    table : str
        Five digits, for example ``"12362"``.
    selection : mapping
        Dimension code -> codes wanted. A code may hold the wildcards ``*``, ``?`` and ``[0-9]``;
        ``label:*text*``
        is the one code whose text fits. Dimensions left out are summed over by the source where it offers
        that.
    base_url : str
        Of PxWebApi v2.
    cache : Cache or path, optional
        Where answers are kept; the platform's cache folder if not given.
    offline : bool
        Use nothing but the cache.
    refresh : bool
        Ask again for what the cache has.
    fallback_url : str, optional
        Of PxWebApi v0, asked when v2 cannot be reached. Known for data.ssb.no.
    policy : Policy, optional
        Limits and patience; what the source's configuration says otherwise.

    Returns
    -------
    DataFrame, one row for each cell in the order of the metadata
        One text column for each dimension code, ``value`` (float), ``status``. ``attrs``: ``table``,
        ``label``,
        ``updated``, ``retrieved`` (latest), ``sha256`` (one for each request), ``requests``, ``api``,
        ``base_url``, ``missing`` (codes asked for that the table does not have, by dimension), ``labels``,
        ``units``.

    Raises
    ------
    DataMissingError
        Offline, and something was never fetched: everything missing is listed.
    SpecificationError
        The selection names an unknown dimension, no code of the table, or leaves out a mandatory dimension.
    SourceError
        The source refuses, cannot be reached, or answers something that cannot be trusted.

    Notes
    -----
    Each chunk is kept as it arrives, so an interrupted call continues where it stopped. Codes that the table
    does not have are left out with a `DataWarning`, because one of them makes the source refuse the whole
    request.
    """
    transport = Transport(_open_cache(cache), offline=offline, refresh=refresh, policy=policy)
    if fallback_url is None and base_url == BASE_URL:
        fallback_url = FALLBACK_URL
    by = partial(_fetch_named, table=table, selection=selection, transport=transport)
    try:
        return by(_Api("v2", base_url), fixed_policy=policy is not None)
    except (UnavailableError, DataMissingError, RejectedError) as fault:
        # An unknown table or code is HTTP 400; 404 means that v2 is no longer at this address.
        moved = isinstance(fault, RejectedError) and fault.status == 404
        if fallback_url is None or (isinstance(fault, RejectedError) and not moved):
            raise
        try:
            return by(_Api("v0", fallback_url), fixed_policy=True)
        except (UnavailableError, DataMissingError, RejectedError) as second:
            kind = SourceError if isinstance(fault, RejectedError) else type(fault)
            raise kind(f"{fault}\nthe fallback did not help: {second}") from fault


def planned_request(table: str, selection: Selection, *, base_url: str = BASE_URL) -> str:
    """Describe the request that a selection amounts to before the metadata are known.

    Parameters
    ----------
    table : str
    selection : mapping
    base_url : str

    Returns
    -------
    str
        For people to read: method and URL.
    """
    return str(_data_request_v2(base_url, table, {k: _as_list(v) for k, v in selection.items()}))


def _open_cache(cache: Cache | Path | str | None) -> Cache:
    if isinstance(cache, Cache):
        return cache
    return Cache(default_folder() if cache is None else Path(cache))


def _fetch_named(
    api: _Api, *, table: str, selection: Selection, transport: Transport, fixed_policy: bool
) -> pd.DataFrame:
    """Fetch by one interface; what goes wrong names the table."""
    try:
        return _fetch_by(api, table, selection, transport, fixed_policy=fixed_policy)
    except RejectedError as error:
        message = f"table {table}: {error}"
        raise RejectedError(message, error.status, too_large=error.too_large) from error
    except InvalidDataError as error:
        if isinstance(error, SpecificationError):
            raise
        raise InvalidDataError(f"table {table}: {error.summary}", error.problems) from error
    except SourceError as error:
        raise type(error)(f"table {table}: {error}") from error


def _fetch_by(
    api: _Api, table: str, selection: Selection, transport: Transport, *, fixed_policy: bool
) -> pd.DataFrame:
    limit = _read_limits(api, transport, fixed_policy=fixed_policy)
    dimensions, _ = transport.get(api.metadata(table), read=api.read_metadata)
    wanted, missing = resolve_selection(table, selection, dimensions)
    if missing:
        listed = "; ".join(f"{name}: {', '.join(codes)}" for name, codes in missing.items())
        warnings.warn(
            f"table {table} does not have these codes, left out: {listed}", DataWarning, stacklevel=3
        )
    chunks = list(split_selection(wanted, limit))
    if transport.offline:
        _require_all(table, transport, [api.data(table, chunk) for chunk in chunks])
    fetched = _Fetched()
    for chunk in chunks:
        _fetch_chunk(api, table, chunk, transport, fetched)
    _refetch_outdated(transport, fetched)
    frame = _assemble(table, wanted, fetched.frames)
    frame.attrs |= {
        "table": table,
        "api": api.name,
        "base_url": api.base_url,
        "missing": missing,
        "retrieved": max(answer.retrieved for answer in fetched.answers),
        "sha256": [answer.sha256 for answer in fetched.answers],
        "requests": [str(request) for request in fetched.requests],
    }
    return frame


def _read_limits(api: _Api, transport: Transport, *, fixed_policy: bool) -> int:
    """Read the cells in one call, and set the pace by the configuration (0 calls there states nothing)."""
    if api.name != "v2":
        return MAX_CELLS
    try:
        config, _ = transport.get(Request("GET", f"{api.base_url}/config"), read=_read_config)
    except (RejectedError, DataMissingError):
        return MAX_CELLS
    if config.calls and config.window and not fixed_policy:
        transport.policy = replace(transport.policy, calls=config.calls, window=float(config.window))
    return config.cells or MAX_CELLS


@dataclass(frozen=True, slots=True)
class _Config:
    """Limits that the configuration states; 0 where it states nothing that makes sense."""

    cells: int
    calls: int
    window: float


def _read_config(document: Any) -> _Config:
    if not isinstance(document, Mapping):
        raise SourceError("the configuration is no JSON object")

    def number(key: str, most: float) -> float:
        stated = document.get(key)
        usable = isinstance(stated, int | float) and not isinstance(stated, bool) and 0 < stated <= most
        return float(stated) if usable and stated is not None else 0.0

    return _Config(
        int(number("maxDataCells", 1e9)),
        int(number("maxCallsPerTimeWindow", 1e6)),
        number("timeWindow", LONGEST_WINDOW),
    )


def _read_metadata_v0(document: Any) -> dict[str, Dimension]:
    return {
        v["code"]: Dimension(
            tuple(str(c) for c in v["values"]),
            bool(v.get("elimination")),
            dict(zip(map(str, v["values"]), map(str, v.get("valueTexts", ())), strict=False)),
        )
        for v in document["variables"]
    }


def _read_metadata_v2(document: Any) -> dict[str, Dimension]:
    if not isinstance(document, Mapping) or "id" not in document:
        raise KeyError("id")
    described = document["dimension"]
    dimensions = {}
    for name in check_dimensions(document):
        extension = described[name].get("extension", {})
        labels = described[name].get("category", {}).get("label", {})
        dimensions[name] = Dimension(
            tuple(category_codes(described[name])),
            bool(extension.get("elimination", False)),
            {code: str(text) for code, text in labels.items()},
        )
    return dimensions


def resolve_selection(
    table: str, selection: Selection, dimensions: Mapping[str, Dimension]
) -> tuple[dict[str, tuple[str, ...]], dict[str, list[str]]]:
    """Codes to ask for, in the order of the metadata, and codes that the table does not have.

    Parameters
    ----------
    table : str
        For messages.
    selection : mapping
        Dimension -> codes or wildcards.
    dimensions : mapping
        What the metadata say.

    Returns
    -------
    wanted : dict
        Dimension -> codes.
    missing : dict
        Dimension -> codes wanted in vain; only dimensions with such codes.

    Raises
    ------
    SpecificationError
        Everything that makes the selection impossible, listed together.
    """
    problems = [
        f"dimension {name!r} does not exist (the table has {', '.join(dimensions)})"
        for name in selection
        if name not in dimensions
    ]
    wanted: dict[str, tuple[str, ...]] = {}
    missing: dict[str, list[str]] = {}
    for name, dimension in dimensions.items():
        if name not in selection:
            if not dimension.eliminable:
                problems.append(f"dimension {name!r} must be chosen ({_some(dimension.codes)})")
            continue
        asked = _as_list(selection[name])
        matches = {pattern: set(_match(pattern, dimension)) for pattern in asked}
        found = set().union(*matches.values())
        problems += [
            f"{pattern!r} fits several codes of {name!r}: "
            + "; ".join(f"{code} ({dimension.labels[code]})" for code in sorted(hits))
            for pattern, hits in matches.items()
            if pattern.startswith(BY_LABEL) and len(hits) > 1
        ]
        wanted[name] = tuple(code for code in dimension.codes if code in found)
        in_vain = [pattern for pattern, hits in matches.items() if not hits]
        if in_vain:
            missing[name] = in_vain
        if not found:
            nearest = _nearest(asked, dimension)
            shown = [f"{c} {dimension.labels.get(c, '')}".strip() for c in nearest]
            problems.append(f"dimension {name!r} has none of {', '.join(asked)} (it has {_some(shown)})")
    if problems:
        raise SpecificationError(f"selection from table {table} is impossible: " + "; ".join(problems))
    return wanted, missing


def split_selection(
    wanted: Mapping[str, tuple[str, ...]], limit: int
) -> Iterator[dict[str, tuple[str, ...]]]:
    """Parts of a selection that each have at most `limit` cells, cut along its longest dimension.

    Parameters
    ----------
    wanted : mapping
        Dimension -> codes.
    limit : int
        Cells.

    Yields
    ------
    dict
        Together the parts are the selection; none overlap.
    """
    cells = math.prod(len(codes) for codes in wanted.values())
    longest = max(wanted, key=lambda name: len(wanted[name]))
    codes = wanted[longest]
    if cells <= limit or len(codes) == 1:
        yield dict(wanted)
        return
    parts = min(len(codes), math.ceil(cells / limit))
    step = math.ceil(len(codes) / parts)
    for first in range(0, len(codes), step):
        yield from split_selection({**wanted, longest: codes[first : first + step]}, limit)


def _data_request_v2(base_url: str, table: str, selection: Mapping[str, Sequence[str]]) -> Request:
    url = f"{base_url}/tables/{table}/data"
    common = {"lang": "no", "outputFormat": "json-stat2"}
    query = {**common, **{f"valueCodes[{name}]": ",".join(codes) for name, codes in selection.items()}}
    short = f"{url}?{urlencode(query, safe='[],*?:')}"
    if len(short) <= MAX_URL:
        return Request("GET", short)
    body = {"selection": [{"variableCode": n, "valueCodes": list(c)} for n, c in selection.items()]}
    return Request("POST", f"{url}?{urlencode(common)}", json.dumps(body))


def _require_all(table: str, transport: Transport, requests: list[Request]) -> None:
    missing = transport.missing(requests)
    if missing:
        listed = "\n".join(f"  - {request}" for request in missing)
        raise DataMissingError(
            f"table {table}: offline, and {len(missing)} of {len(requests)} request(s) were never fetched:\n"
            f"{listed}"
        )


def _fetch_chunk(
    api: _Api, table: str, chunk: dict[str, tuple[str, ...]], transport: Transport, fetched: _Fetched
) -> None:
    request, read = api.data(table, chunk), partial(_checked_chunk, table, chunk)
    try:
        frame, answer = transport.get(request, read=read)
    except RejectedError as error:
        cells = math.prod(len(codes) for codes in chunk.values())
        if cells == 1 or not _is_too_large(api, table, chunk, transport, error):
            raise
        for part in _halves(chunk):
            _fetch_chunk(api, table, part, transport, fetched)
        return
    fetched.frames.append(frame)
    fetched.answers.append(answer)
    fetched.requests.append(request)
    fetched.readers.append(read)


def _halves(chunk: Mapping[str, tuple[str, ...]]) -> Iterator[dict[str, tuple[str, ...]]]:
    """Both halves of a selection, cut along its longest dimension."""
    longest = max(chunk, key=lambda name: len(chunk[name]))
    codes, middle = chunk[longest], math.ceil(len(chunk[longest]) / 2)
    for half in (codes[:middle], codes[middle:]):
        yield {**chunk, longest: half}


def _is_too_large(
    api: _Api, table: str, chunk: Mapping[str, tuple[str, ...]], transport: Transport, error: RejectedError
) -> bool:
    """Whether fewer cells would be given, as the refusal says or, if it says nothing, as one cell shows."""
    if error.too_large or error.status != 403:
        return error.too_large
    one = {name: codes[:1] for name, codes in chunk.items()}
    try:
        transport.get(api.data(table, one), read=partial(_checked_chunk, table, one))
    except RejectedError:
        return False
    return True


def _checked_chunk(table: str, chunk: Mapping[str, tuple[str, ...]], document: Any) -> pd.DataFrame:
    frame = read_dataset(document)
    for name, codes in chunk.items():
        if name not in frame:
            raise SourceError(f"table {table}: the answer lacks the dimension {name!r}")
        got = frame[name].unique()
        if set(got) != set(codes):
            odd = sorted(set(got) ^ set(codes))
            raise SourceError(
                f"table {table}: the answer has other codes of {name!r} than asked for: {_some(odd)}"
            )
    # Dimensions that the source summed over come back with one code; they are no part of the cell's address.
    summed = [name for name in document["id"] if name not in chunk]
    if any(len(frame[name].unique()) > 1 for name in summed):
        raise SourceError(f"table {table}: the answer was not summed over {', '.join(summed)}")
    attrs = frame.attrs
    frame = frame.drop(columns=summed)
    frame.attrs = attrs
    return frame


def _refetch_outdated(transport: Transport, fetched: _Fetched) -> None:
    """Chunks kept from before the table was updated must not be mixed with those from after."""
    stamps = [frame.attrs["updated"] for frame in fetched.frames]
    latest = max(stamps)
    outdated = [i for i, stamp in enumerate(stamps) if stamp != latest]
    if not outdated:
        return
    if transport.offline:
        raise SourceError(
            "the kept parts of the table were updated at different times "
            f"({', '.join(sorted(set(stamps)))}); fetch them again with a network"
        )
    for i in outdated:
        fetched.frames[i], fetched.answers[i] = transport.get(
            fetched.requests[i], refresh=True, read=fetched.readers[i]
        )
        if fetched.frames[i].attrs["updated"] != latest:
            raise SourceError("the table was updated while it was fetched; run again")


def _assemble(table: str, wanted: Mapping[str, tuple[str, ...]], frames: list[pd.DataFrame]) -> pd.DataFrame:
    frame = pd.concat(frames, ignore_index=True)
    positions = [pd.Index(codes).get_indexer(frame[name]) for name, codes in wanted.items()]
    address = np.ravel_multi_index(positions, tuple(len(codes) for codes in wanted.values()))
    cells = math.prod(len(codes) for codes in wanted.values())
    if len(frame) != cells or len(np.unique(address)) != cells:
        raise SourceError(f"table {table}: {cells} cells asked for, {len(frame)} received")
    frame = frame.iloc[np.argsort(address)].reset_index(drop=True)[[*wanted, "value", "status"]]
    frame.attrs = _merge_descriptions([f.attrs for f in frames if f.attrs])
    return frame


def _merge_descriptions(described: list[dict[str, Any]]) -> dict[str, Any]:
    out = dict(described[0])
    out["labels"] = {
        name: {code: text for d in described for code, text in d["labels"].get(name, {}).items()}
        for name in out["labels"]
    }
    return out


def _match(pattern: str, dimension: Dimension) -> list[str]:
    if pattern.startswith(BY_LABEL):
        text = pattern.removeprefix(BY_LABEL).lower()
        return [code for code, label in dimension.labels.items() if fnmatch.fnmatchcase(label.lower(), text)]
    if any(sign in pattern for sign in "*?["):
        return [code for one in pattern.split("|") for code in fnmatch.filter(dimension.codes, one)]
    return [pattern] if pattern in dimension.codes else []


def _nearest(asked: Sequence[str], dimension: Dimension) -> list[str]:
    """Codes of a dimension, those that are spelled most like what was asked for first."""
    wanted = [pattern.removeprefix(BY_LABEL).lower() for pattern in asked[:_LISTED]]

    def likeness(code: str) -> float:
        texts = (code.lower(), dimension.labels.get(code, "").lower())
        return max(SequenceMatcher(None, pattern, text).ratio() for pattern in wanted for text in texts)

    return sorted(dimension.codes, key=lambda code: -likeness(code))


def _as_list(codes: str | Sequence[str]) -> list[str]:
    return [codes] if isinstance(codes, str) else [str(code) for code in codes]


def _some(codes: Sequence[str]) -> str:
    return ", ".join(codes[:_LISTED]) + (f", … ({len(codes)} in all)" if len(codes) > _LISTED else "")
