"""Download the raw tables of the municipal panel from Statistics Norway into a store.

What arrives is cached, so a run that was interrupted continues where it stopped; the old store stays as it is
until the new one takes its place, whatever ends the run, and files of your own in it stay. A table that
cannot be had is a named hole in the store. Then: python scripts/estimate.py --data store/

Exit codes: 0 done, 2 usage, 3 something could not be fetched or written, 130 interrupted (Ctrl-C).
"""

import argparse
import contextlib
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

INTERRUPTED = 130

try:  # Ctrl-C in the second that this takes is one line, too
    from kostnadsvekst.errors import DataMissingError, InvalidDataError, KostnadsvekstError, SourceError
    from kostnadsvekst.provenance import Provenance
    from kostnadsvekst.sources import klass, statbank
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
except KeyboardInterrupt:
    print("interrupted before anything was asked", file=sys.stderr)
    sys.exit(INTERRUPTED)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    add = parser.add_argument
    add("--store", metavar="DIR", type=Path, default=Path("store"), help="folder to write (%(default)s)")
    add("--dry-run", action="store_true", help="print the requests and stop")
    add(
        "--only",
        metavar="NAME",
        action="append",
        default=[],
        help="fetch one table; the store keeps the others",
    )
    add("--refresh", action="store_true", help="ask again for what the cache has")
    add("--offline", action="store_true", help="use the cache alone and say what is missing")
    add("--start", type=int, default=2015, help="first year of the panel (%(default)s)")
    add("--end", type=int, default=2019, help="last year of the panel (%(default)s)")
    add("--cache", metavar="DIR", type=Path, help="cache folder (the platform's own if not given)")
    add("--base-url", default=statbank.BASE_URL, help="PxWebApi v2 (%(default)s)")
    add("--klass-url", default=klass.BASE_URL, help="KLASS (%(default)s)")
    arguments = parser.parse_args()
    if arguments.offline and arguments.refresh:
        parser.error("--refresh asks the network again and --offline does not ask at all: choose one")
    return arguments


def main() -> int:
    """Fetch what the command line asks for and return the exit code."""
    arguments = parse_arguments()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without Norwegian letters is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    try:
        with one_line_warnings():
            return fetch(arguments)
    except KostnadsvekstError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        left = "the store is as it was, or already the new one; what has arrived is kept"
        print(f"interrupted: {left}, run again to continue", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the output (head, less) has seen enough
        sys.stdout = None
        return 0


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
    with announcing(len(requests) + len(borders)) as announce:
        done = download(
            requests,
            borders,
            arguments.start,
            arguments.end,
            **urls,
            cache=arguments.cache,
            offline=arguments.offline,
            refresh=arguments.refresh,
            announce=announce,
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


@contextlib.contextmanager
def announcing(count: int) -> Iterator[Callable[[str], None]]:
    """Progress bar on a terminal, silence elsewhere."""
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("Statistics Norway", total=count)
        yield lambda name: bar.update(task, advance=1, description=name)


if __name__ == "__main__":
    code = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is written and said
    sys.exit(code)
