"""Download the raw tables of the municipal panel from Statistics Norway into a store.

What arrives is cached, so a run that was interrupted continues where it stopped; the old store stays as it is
until the new one takes its place, whatever ends the run, and files of your own in it stay. A table that
cannot be had is a named hole in the store. Then: kostnadsvekst estimate --data store/

Exit codes: 0 done, 2 usage, 3 something could not be fetched or written, 130 interrupted (Ctrl-C).
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from kostnadsvekst.commands.parsing import Parser
from kostnadsvekst.errors import KostnadsvekstError
from kostnadsvekst.sources import addresses
from kostnadsvekst.terminal import INTERRUPTED


def build_parser(program: str | None = None) -> Parser:
    """Return the parser of the command line."""
    parser = Parser(prog=program, description=__doc__)
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
    add("--start", metavar="YEAR", type=int, default=2015, help="first year of the panel (%(default)s)")
    add("--end", metavar="YEAR", type=int, default=2019, help="last year of the panel (%(default)s)")
    add("--cache", metavar="DIR", type=Path, help="cache folder (the platform's own if not given)")
    add("--base-url", metavar="URL", default=addresses.STATBANK, help="PxWebApi v2 (%(default)s)")
    add("--klass-url", metavar="URL", default=addresses.KLASS, help="KLASS (%(default)s)")
    return parser


def parse_arguments(words: Sequence[str], parser: Parser) -> argparse.Namespace:
    """Read the command line; what does not go together ends with the usage."""
    arguments = parser.parse_args(words)
    if arguments.offline and arguments.refresh:
        parser.error("--refresh asks the network again and --offline does not ask at all: choose one")
    return arguments


def start(words: Sequence[str], program: str | None = None) -> int:
    """Run the command at a terminal and return the exit code."""
    code = main(words, program)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is written and said
    return code


def main(words: Sequence[str], program: str | None = None) -> int:
    """Fetch what the command line asks for and return the exit code.

    Parameters
    ----------
    words : sequence of str
        The command line without the name of the program.
    program : str, optional
        What the usage calls the program.
    """
    arguments = parse_arguments(words, build_parser(program))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without Norwegian letters is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    left = "nothing was asked yet"
    try:
        from kostnadsvekst.commands.fetched_store import fetch, one_line_warnings

        left = "the store is as it was, or already the new one; what has arrived is kept"
        with one_line_warnings():
            return fetch(arguments)
    except KostnadsvekstError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"interrupted: {left}, run again to continue", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the output (head, less) has seen enough
        sys.stdout = None
        return 0
