"""The work of ``fetch``: ask Statistics Norway, write the store, say what came of it."""

import argparse
import contextlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from kostnadsvekst.errors import DataMissingError, InvalidDataError, SourceError
from kostnadsvekst.progress import Progress
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.sources.download import (
    Downloaded,
    choose,
    describe_holes,
    describe_plan,
    download,
    fill_years,
)
from kostnadsvekst.sources.requests import load_requests
from kostnadsvekst.sources.store import Store, check_store_place, read_store, write_store

__all__ = ["fetch", "one_line_warnings"]


def __dir__() -> list[str]:
    return sorted(__all__)


def fetch(arguments: argparse.Namespace) -> int:
    """Fetch, write the store and say what came of it; return the exit code."""
    filled = fill_years(load_requests(), arguments.start, arguments.end)
    requests, borders = choose(filled, arguments.only)
    urls = {"base_url": arguments.base_url, "klass_url": arguments.klass_url}
    if arguments.dry_run:
        print("\n".join(describe_plan(requests, borders, **urls)))
        return 0
    check_store_place(arguments.store)  # before minutes of fetching rather than after
    kept = read_kept(arguments.store, needed=bool(arguments.only))
    with Progress("Statistics Norway", len(requests) + len(borders)) as line:
        done = download(
            requests,
            borders,
            arguments.start,
            arguments.end,
            **urls,
            cache=arguments.cache,
            offline=arguments.offline,
            refresh=arguments.refresh,
            announce=lambda name: line.advance(label=name),
        )
    # A complete run replaces the store; what failed, or was not asked for, stays as it is there.
    names = set(kept.tables) if arguments.only else set(done.holes)
    tables = {n: t for n, t in kept.tables.items() if n in names} | done.tables
    asked = {n: r for n, r in kept.requests.items() if n in names} | done.requests
    holes = {**(kept.holes if arguments.only else {}), **done.holes}
    holes = {name: reason for name, reason in holes.items() if name not in tables}
    write_store(arguments.store, tables, asked, holes)
    return report(arguments.store, done, holes, len(requests) + len(borders))


def report(store: Path, done: Downloaded, holes: dict[str, str], n_asked: int) -> int:
    """Say what was written and what is missing; return the exit code."""
    print(f"{len(done.tables)} tables, {sum(map(len, done.tables.values()))} rows in {store}")
    for name, what in done.substitutes.items():
        print(f"note: {name} is from another table than the first choice, {what}", file=sys.stderr)
    if not done.holes:
        return 0
    print(f"error: {describe_holes(done.holes, n_asked)}", file=sys.stderr)
    left = f"holes: {', '.join(holes)}" if holes else "no holes: it keeps what an earlier run fetched"
    print(f"the store {store} is usable; {left}", file=sys.stderr)
    return SourceError.exit_code


def read_kept(folder: Path, *, needed: bool) -> Store:
    """Return the store that is there; an empty one if there is none, or none that can be used."""
    nothing = Store(folder, {}, {}, Provenance("Statistics Norway"))
    try:
        return read_store(folder)
    except DataMissingError:
        return nothing
    except InvalidDataError as error:
        if needed:
            raise InvalidDataError(
                f"{error}\n  - --only keeps the other tables of the store and these cannot be read: "
                "fetch all of them (without --only)"
            ) from error
        print(f"warning: the store that was there is not used: {error}", file=sys.stderr)
        return nothing


@contextlib.contextmanager
def one_line_warnings() -> Iterator[None]:
    """Warnings as lines for people, without the place in the code."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *place: print(f"warning: {message}", file=sys.stderr)
        yield
