"""Download the raw tables of the municipal panel from Statistics Norway into a store.

What arrives is cached, so a run that was interrupted continues where it stopped; the old store stays as it is
until the new one is written. A table that cannot be had is a named hole in the store.
Then: python scripts/estimate.py --data store/

Exit codes: 0 done, 2 usage, 3 something could not be fetched.
"""

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from kostnadsvekst.errors import DataMissingError, KostnadsvekstError, SourceError
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.sources import klass, statbank
from kostnadsvekst.sources.download import choose, describe_holes, describe_plan, download, fill_years
from kostnadsvekst.sources.requests import load_requests
from kostnadsvekst.sources.store import Store, read_store, write_store


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
    return parser.parse_args()


def main() -> int:
    """Fetch what the command line asks for and return the exit code."""
    arguments = parse_arguments()
    try:
        filled = fill_years(load_requests(), arguments.start, arguments.end)
        requests, borders = choose(filled, arguments.only)
        if arguments.dry_run:
            urls = {"base_url": arguments.base_url, "klass_url": arguments.klass_url}
            print("\n".join(describe_plan(requests, borders, **urls)))
            return 0
        kept = read_kept(arguments.store)
        with announcing(len(requests) + len(borders)) as announce:
            done = download(
                requests,
                borders,
                arguments.start,
                arguments.end,
                base_url=arguments.base_url,
                klass_url=arguments.klass_url,
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
    except KostnadsvekstError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    rows = sum(map(len, done.tables.values()))
    print(f"{len(done.tables)} tables, {rows} rows in {arguments.store}")
    for name, what in done.substitutes.items():
        print(f"note: {name} is from another table than the first choice, {what}", file=sys.stderr)
    if done.holes:
        print(f"error: {describe_holes(done.holes, len(requests) + len(borders))}", file=sys.stderr)
        left = f"holes: {', '.join(holes)}" if holes else "no holes: it keeps what an earlier run fetched"
        print(f"the store {arguments.store} is usable; {left}", file=sys.stderr)
        return SourceError.exit_code
    return 0


def read_kept(folder: Path) -> Store:
    """Return the store that is there; an empty one if there is none."""
    try:
        return read_store(folder)
    except DataMissingError:
        return Store(folder, {}, {}, Provenance("Statistics Norway"))


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
    sys.exit(main())
