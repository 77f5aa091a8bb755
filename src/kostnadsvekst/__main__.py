"""The program ``kostnadsvekst``, also as ``python -m kostnadsvekst``: a command and its words."""

import sys
from collections.abc import Sequence

from kostnadsvekst.commands import COMMANDS, PROGRAM, find_command
from kostnadsvekst.commands.parsing import Parser
from kostnadsvekst.terminal import run_program, say
from kostnadsvekst.version import __version__

USAGE = 2


def build_parser() -> Parser:
    """Return the parser of what stands before the words of a command."""
    lines = [f"  {name:<12} {command.summary}" for name, command in COMMANDS.items()]
    parser = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [-h] [--version] COMMAND ...",
        description="Cost growth in Norwegian municipal health and care services.",
        epilog="\n".join(["commands:", *lines, "", f"{PROGRAM} COMMAND --help says what a command takes."]),
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    parser.add_argument("command", metavar="COMMAND", choices=list(COMMANDS), help="one of those below")
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code, that of the command.

    Parameters
    ----------
    words : sequence of str, optional
        A command and its words; those of the command line if not given.
    """
    given = sys.argv[1:] if words is None else [*words]
    if given and given[0] in COMMANDS:
        return find_command(given[0]).start(given[1:], f"{PROGRAM} {given[0]}")
    return run_program(lambda: explain(given))


def explain(words: Sequence[str]) -> int:
    """Say what the program can do; without a word, or with one that is no command, that is a usage error."""
    parser = build_parser()
    if words:
        parser.parse_args(words)
    say(parser.format_help().rstrip())
    return USAGE


if __name__ == "__main__":
    sys.exit(main())
