"""Everything that the panel and the growth accounts need from Statistics Norway, in one go."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from kostnadsvekst.errors import KostnadsvekstError, OutputError, SourceError, SpecificationError
from kostnadsvekst.sources import klass, statbank
from kostnadsvekst.sources.cache import Cache
from kostnadsvekst.sources.transport import Policy, UnavailableError, host_of

# KLASS has municipalities from 1972; a year beyond the other is a slip of the hand.
EARLIEST, LATEST = 1972, 2100
BORDERS = ("klass_changes", "klass_codes", "kostra_groups")

Requests = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What was fetched, and what was not.

    Attributes
    ----------
    tables : dict of str to DataFrame
        By name, in the order of the requests.
    requests : dict of str to mapping
        Entry by which each table was fetched: where it was another than asked for first (``otherwise``), that
        one, with ``instead_of`` (the reason).
    holes : dict of str to str
        Name of each table that could not be had -> why.
    """

    tables: dict[str, pd.DataFrame]
    requests: dict[str, Mapping[str, Any]]
    holes: dict[str, str]

    @property
    def substitutes(self) -> dict[str, str]:
        """Name -> what the table that was fetched in another's place is, and in what it differs."""
        return {
            name: f"table {entry['table']}: {entry['note']}"
            for name, entry in self.requests.items()
            if "instead_of" in entry
        }


def fill_years(requests: Requests, start: int, end: int) -> dict[str, dict[str, Any]]:
    """Put the years of the panel into the requests.

    Parameters
    ----------
    requests : mapping
        From `kostnadsvekst.sources.requests.load_requests`.
    start, end : int
        First and last year of the panel. ``{years}`` becomes each of them, ``{next}`` the year after.

    Returns
    -------
    dict

    Raises
    ------
    SpecificationError
        The years are none, or the last comes before the first.
    """
    if not EARLIEST <= start <= end <= LATEST:
        raise SpecificationError(
            f"the panel cannot be of {start} to {end}: the first year comes before the last, and both are "
            f"between {EARLIEST} and {LATEST}"
        )
    years = [str(year) for year in range(start, end + 1)]

    def fill(code: str) -> list[str]:
        if "{years}" in code:
            return [code.replace("{years}", year) for year in years]
        return [code.replace("{next}", str(end + 1))]

    def filled(entry: Mapping[str, Any]) -> dict[str, Any]:
        codes = {d: [c for code in listed for c in fill(code)] for d, listed in entry["selection"].items()}
        nested = {"otherwise": filled(entry["otherwise"])} if "otherwise" in entry else {}
        return {**entry, "selection": codes, **nested}

    return {name: filled(entry) for name, entry in requests.items()}


def choose(requests: Requests, only: Iterable[str]) -> tuple[dict[str, Mapping[str, Any]], tuple[str, ...]]:
    """Pick requests and border tables by name; all of them if none is named.

    Parameters
    ----------
    requests : mapping
    only : iterable of str

    Returns
    -------
    requests : dict
    borders : tuple of str
        Of `BORDERS`.

    Raises
    ------
    SpecificationError
        A name does not exist.
    """
    names = list(only)
    unknown = sorted(set(names) - set(requests) - set(BORDERS))
    if unknown:
        raise SpecificationError(
            f"nothing to fetch is called {', '.join(unknown)}; there are {', '.join([*requests, *BORDERS])}"
        )
    if not names:
        return dict(requests), BORDERS
    return {n: r for n, r in requests.items() if n in names}, tuple(b for b in BORDERS if b in names)


def describe_plan(
    requests: Requests,
    borders: Iterable[str],
    *,
    base_url: str = statbank.BASE_URL,
    klass_url: str = klass.BASE_URL,
) -> Iterator[str]:
    """Lines for people: what would be asked, and which codes nobody has verified.

    Parameters
    ----------
    requests : mapping
        From `fill_years`.
    borders : iterable of str
    base_url, klass_url : str

    Yields
    ------
    str
    """
    for name, entry in requests.items():
        doubt = "" if entry.get("verified") else f"   [not verified: {entry.get('note', '')}]"
        yield f"{name}: {entry['what']}{doubt}"
        yield f"    {statbank.planned_request(entry['table'], entry['selection'], base_url=base_url)}"
        if "otherwise" in entry:
            other = entry["otherwise"]
            yield f"    otherwise table {other['table']}: {other['what']}; {other['note']}"
    for name in borders:
        yield f"{name}: {klass_url}"


def download(
    requests: Requests,
    borders: Iterable[str],
    start: int,
    end: int,
    *,
    base_url: str = statbank.BASE_URL,
    klass_url: str = klass.BASE_URL,
    cache: Cache | Path | str | None = None,
    offline: bool = False,
    refresh: bool = False,
    policy: Policy | None = None,
    announce: Callable[[str], None] = lambda name: None,
) -> Downloaded:
    """Fetch tables and borders.

    Parameters
    ----------
    requests : mapping
        From `fill_years`.
    borders : iterable of str
        Of `BORDERS`.
    start, end : int
        First and last year of the panel.
    base_url, klass_url, cache, offline, refresh, policy
        See `kostnadsvekst.sources.statbank.fetch`.
    announce : callable
        Called with the name of each table when it has arrived.

    Returns
    -------
    Downloaded
        A table that cannot be had is a hole; the others are there.

    Raises
    ------
    SourceError
        The source cannot be reached, or nothing could be fetched; all failures are listed.
    SpecificationError
        An address is none.
    OutputError
        The cache cannot be written.
    """
    for url in (base_url, klass_url):
        host_of(url)
    common: dict[str, Any] = {"cache": cache, "offline": offline, "refresh": refresh, "policy": policy}
    at_klass = {**common, "base_url": klass_url}
    fetch = partial(_fetch_or_otherwise, common={**common, "base_url": base_url})
    jobs: dict[str, Callable[[], _Fetched]] = {
        name: partial(fetch, entry=entry) for name, entry in requests.items()
    }
    of_borders: dict[str, Callable[[], pd.DataFrame]] = {
        "klass_changes": lambda: klass.fetch_changes(start, end + 1, **at_klass),
        "klass_codes": lambda: klass.fetch_codes(start, **at_klass).assign(year=start),
        "kostra_groups": lambda: klass.fetch_kostra_groups(_grouped_years(start, end), **at_klass),
    }
    jobs |= {name: partial(_without_request, of_borders[name]) for name in borders}
    return _run(jobs, announce)


_Fetched = tuple[pd.DataFrame, Mapping[str, Any] | None]


def _without_request(job: Callable[[], pd.DataFrame]) -> _Fetched:
    return job(), None


def _fetch_or_otherwise(entry: Mapping[str, Any], common: Mapping[str, Any]) -> _Fetched:
    """Table of a request, or of its substitute where the table has not got what is asked for."""
    try:
        return statbank.fetch(entry["table"], entry["selection"], **common), entry
    except SpecificationError as error:
        if "otherwise" not in entry:
            raise
        other = {k: v for k, v in entry.items() if k != "otherwise"} | entry["otherwise"]
        try:
            table = statbank.fetch(other["table"], other["selection"], **common)
        except SpecificationError as second:
            raise SpecificationError(f"{error}; and otherwise: {second}") from second
        return table, {**other, "instead_of": str(error)}


def _run(jobs: Mapping[str, Callable[[], _Fetched]], announce: Callable[[str], None]) -> Downloaded:
    """Tables by name; all that could not be had is said at once."""
    done = Downloaded({}, {}, {})
    for name, job in jobs.items():
        try:
            done.tables[name], entry = job()
            if entry is not None:
                done.requests[name] = entry
            announce(name)
        except UnavailableError as error:  # the next table would wait as long in vain
            done.holes[name] = str(error)
            done.holes.update({other: "not tried" for other in jobs if other not in done.tables | done.holes})
            raise SourceError(describe_holes(done.holes, len(jobs))) from error
        except OutputError:  # nothing that arrives could be kept
            raise
        except KostnadsvekstError as error:
            done.holes[name] = str(error)
    if done.holes and not done.tables:
        raise SourceError(describe_holes(done.holes, len(jobs)))
    return done


def describe_holes(holes: Mapping[str, str], n_tables: int) -> str:
    """Message about tables that could not be fetched, of so many."""
    return (
        f"{len(holes)} of {n_tables} tables could not be fetched (the rest is in the cache); "
        "where a code is wrong, mend its line in data/parameters/statbank.toml:\n"
        + "\n".join(f"  - {name}: {reason}" for name, reason in holes.items())
    )


def _grouped_years(start: int, end: int) -> list[int]:
    return [year for year in klass.KOSTRA_GROUP_TABLES if start <= year <= end + 1]
