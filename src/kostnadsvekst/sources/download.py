"""Everything that the panel and the growth accounts need from Statistics Norway, in one go."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from kostnadsvekst.errors import KostnadsvekstError, SourceError, SpecificationError
from kostnadsvekst.sources import klass, statbank
from kostnadsvekst.sources.cache import Cache
from kostnadsvekst.sources.transport import Policy, UnavailableError

BORDERS = ("klass_changes", "klass_codes", "kostra_groups")

Requests = Mapping[str, Mapping[str, Any]]


def fill_years(requests: Requests, start: int, end: int) -> dict[str, dict[str, Any]]:
    """Put the years of the panel into the requests.

    Parameters
    ----------
    requests : mapping
        From `kostnadsvekst.sources.store.load_requests`.
    start, end : int
        First and last year of the panel. ``{years}`` becomes each of them, ``{next}`` the year after.

    Returns
    -------
    dict
    """
    years = [str(year) for year in range(start, end + 1)]

    def fill(code: str) -> list[str]:
        if "{years}" in code:
            return [code.replace("{years}", year) for year in years]
        return [code.replace("{next}", str(end + 1))]

    return {
        name: {
            **entry,
            "selection": {
                d: [c for code in codes for c in fill(code)] for d, codes in entry["selection"].items()
            },
        }
        for name, entry in requests.items()
    }


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
) -> dict[str, pd.DataFrame]:
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
    dict
        Name -> frame.

    Raises
    ------
    SourceError
        Something could not be fetched. Everything else was, and is in the cache; all failures are listed.
    """
    common: dict[str, Any] = {"cache": cache, "offline": offline, "refresh": refresh, "policy": policy}
    at_klass = {**common, "base_url": klass_url}
    jobs: dict[str, Callable[[], pd.DataFrame]] = {
        name: lambda entry=entry: statbank.fetch(
            entry["table"], entry["selection"], base_url=base_url, **common
        )  # type: ignore[misc]
        for name, entry in requests.items()
    }
    of_borders: dict[str, Callable[[], pd.DataFrame]] = {
        "klass_changes": lambda: klass.fetch_changes(start, end + 1, **at_klass),
        "klass_codes": lambda: klass.fetch_codes(start, **at_klass).assign(year=start),
        "kostra_groups": lambda: klass.fetch_kostra_groups(_grouped_years(start, end), **at_klass),
    }
    jobs |= {name: of_borders[name] for name in borders}
    return _run(jobs, announce)


def _run(
    jobs: Mapping[str, Callable[[], pd.DataFrame]], announce: Callable[[str], None]
) -> dict[str, pd.DataFrame]:
    """Tables by name; all that could not be had is said at once."""
    tables: dict[str, pd.DataFrame] = {}
    failures = []
    for name, job in jobs.items():
        try:
            tables[name] = job()
            announce(name)
        except UnavailableError as error:  # the next table would wait as long in vain
            failures.append(f"{name}: {error}")
            failures += [f"{other}: not tried" for other in list(jobs)[list(jobs).index(name) + 1 :]]
            break
        except KostnadsvekstError as error:
            failures.append(f"{name}: {error}")
    if failures:
        raise SourceError(
            f"{len(failures)} of {len(jobs)} tables could not be fetched (the rest is in the cache); "
            "where a code is wrong, mend its line in data/parameters/statbank.toml:\n"
            + "\n".join(f"  - {f}" for f in failures)
        )
    return tables


def _grouped_years(start: int, end: int) -> list[int]:
    return [year for year in klass.KOSTRA_GROUP_TABLES if start <= year <= end + 1]
