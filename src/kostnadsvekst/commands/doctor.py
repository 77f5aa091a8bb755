"""Examine a project folder as a journal's data editor would, and this machine; nothing is written.

  names      that other systems cannot have or cannot tell apart, links
  contents   empty files, the same contents twice, files that cannot be read
  code       absolute paths, backslashes, random numbers without a seed
  versions   libraries without an exact version
  persons    national identity numbers anywhere; e-mail addresses, telephone numbers and coordinates among
             data and results. Told are place and kind, never what was found
  outputs    stale, missing, in no list, made by nothing (results/manifest.json)
  documents  what README, licence, citation and codebook lack
  machine    Python, libraries, memory, disk, fonts, encoding, threads, optional programs

What a project keeps on purpose stands in its doctor.toml, with the reason. FOLDER is the working folder if
none is named. The guide is docs/doctor.md.

Exit codes: 0 no fault (warnings do not count unless --strict), 1 something was found, 2 usage or doctor.toml
cannot be used, 3 the folder is missing, 130 interrupted, 143 terminated.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kostnadsvekst.commands.parsing import Once, Parser, a_path, usage_as_json
from kostnadsvekst.errors import KostnadsvekstError
from kostnadsvekst.language import LANGUAGES
from kostnadsvekst.terminal import failure_of, run_program, say, say_json

# As in `kostnadsvekst.report.doctor.checks`, which the help does not import.
GROUPS = ("names", "contents", "code", "versions", "persons", "outputs", "documents", "machine", "exceptions")


def build_parser(program: str | None = None, folder: Path = Path()) -> Parser:
    """Return the parser of the command line; ``folder`` is examined if none is named."""
    parser = Parser(prog=program, description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("folder", metavar="FOLDER", nargs="?", type=a_path, default=folder, help="folder of the project")
    add(
        "--only",
        metavar="GROUP",
        action="append",
        choices=GROUPS,
        default=[],
        help="one of the groups above; may be repeated",
    )
    add("--strict", action="store_true", help="exit with 1 for warnings, too")
    add("--deep", action="store_true", help="read files of any size to their end (else the first 64 MiB)")
    add("--network", action="store_true", help="ask whether Statistics Norway answers (10 seconds)")
    add("--lang", choices=LANGUAGES, action=Once, default="nb", help="language (%(default)s)")
    output = parser.adding_one_of()
    output("--json", action="store_true", help="print everything as JSON")
    output("--quiet", action="store_true", help="print errors only")
    return parser


def parse_arguments(words: Sequence[str], parser: Parser) -> argparse.Namespace:
    """Read the command line; what does not go together ends with the usage."""
    arguments = parser.parse_intermixed_args(words)
    if arguments.network and arguments.only and "machine" not in arguments.only:
        parser.error("--network is a check of the machine: add --only machine")
    return arguments


def start(words: Sequence[str], program: str | None = None) -> int:
    """Run the command at a terminal and return the exit code."""
    return run_program(lambda: main(words, program))


def main(words: Sequence[str], program: str | None = None, folder: Path = Path()) -> int:
    """Examine what the command line asks for and return the exit code.

    Parameters
    ----------
    words : sequence of str
        The command line without the name of the program.
    program : str, optional
        What the usage calls the program.
    folder : Path
        Folder if the words name none.
    """
    with usage_as_json(words):
        arguments = parse_arguments(words, build_parser(program, folder))
    try:
        return examine_and_tell(arguments)
    except (KostnadsvekstError, OSError, MemoryError) as error:
        if arguments.json:
            say_json(failure_of(error))
        raise


def examine_and_tell(arguments: argparse.Namespace) -> int:
    """Examine, print, and return the exit code."""
    from kostnadsvekst.report.doctor import examine
    from kostnadsvekst.report.doctor.machine import ask_over_https
    from kostnadsvekst.report.doctor.telling import describe, to_json

    examination = examine(
        arguments.folder,
        groups=arguments.only or GROUPS,
        deep=arguments.deep,
        ask=ask_over_https if arguments.network else None,
        shown=not (arguments.json or arguments.quiet),
    )
    if arguments.json:
        say_json(to_json(examination, strict=arguments.strict))
    elif not arguments.quiet:
        say("\n".join(describe(examination, arguments.lang)))
    return examination.exit_code(strict=arguments.strict)
