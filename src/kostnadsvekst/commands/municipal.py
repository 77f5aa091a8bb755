"""Municipal cost systems: read a book, write a workbook that recomputes, CSV and a page.

  unit-costs    nursing homes and home services: cost per place, day and hour
  user-groups   costs, users, places and man-years by user group, beside the mean
  ladder        effort ladder (innsatstrapp), and what moves between its steps change
  calculator    what a package of services costs, and what else the sum buys
  staffing      man-years from decided hours, decisions by size, case handling
  compare       beside the mean with uncertainty, in words; the gap split; who is alike
  savings       savings potential by group, need key, year and mean
  project       places, cost and dwellings ahead, with bands from the record of past projections
  report        a page for the council (results.html) and a short PDF, of all parts that are filled in
  template      a workbook to fill in: template KIND FILE.xlsx

BOOK is a workbook as the template is, or a folder of CSV files named as its sheets. For user-groups it may be
a folder of Parquet (population, counts, accounts; all municipalities and years): then Parquet is written.
What is written is for the analyst and not for publication; --publish writes the public edition instead, in a
folder of its own.

Exit codes: 0 written, 2 usage, 3 the book has faults or is missing, 4 refused to disclose, 130 interrupted,
143 terminated. With 2 to 4 nothing is written and what was there is as it was.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kostnadsvekst.commands.parsing import Once, Parser, a_path, usage_as_json
from kostnadsvekst.errors import KostnadsvekstError
from kostnadsvekst.language import LANGUAGES
from kostnadsvekst.naming import first_of
from kostnadsvekst.terminal import failure_of, run_program, say, say_json

SYSTEMS = (
    "unit-costs",
    "user-groups",
    "ladder",
    "calculator",
    "staffing",
    "compare",
    "savings",
    "project",
    "report",
)
TEMPLATE = "template"
OUT = Path("municipal")
LISTED = 20  # notes at the terminal


def build_parser(program: str | None = None, out: Path = OUT) -> Parser:
    """Return the parser of the command line; ``out`` is the folder if none is named."""
    parser = Parser(prog=program, description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("system", metavar="SYSTEM", choices=[*SYSTEMS, TEMPLATE], help="one of those above")
    add("book", metavar="BOOK", nargs="*", type=a_path, help="workbook or folder; for template: KIND FILE")
    add("--out", metavar="DIR", action=Once, type=a_path, default=out, help="folder to write (%(default)s)")
    add("--lang", choices=LANGUAGES, action=Once, help="language (files: both; template: nb)")
    add("--publish", action="store_true", help="the public edition: small numbers are hidden")
    add("--example", action="store_true", help="compute the made-up example (oppdiktet) instead of a book")
    output = parser.adding_one_of()
    output("--json", action="store_true", help="print the summary as JSON")
    output("--quiet", action="store_true", help="print errors only")
    return parser


def parse_arguments(words: Sequence[str], parser: Parser) -> argparse.Namespace:
    """Read the command line; what does not go together ends with the usage."""
    # Words before and behind options are all of one kind: a book has one name.
    arguments = parser.parse_intermixed_args(words)
    books = arguments.book
    if arguments.system == TEMPLATE:
        if len(books) != 2:
            parser.error("template KIND FILE.xlsx: name the kind of book and the file")
        if str(books[0]) not in SYSTEMS:
            parser.error(f"no kind of book is called {str(books[0])!r}: choose one of {', '.join(SYSTEMS)}")
        if arguments.publish or arguments.example:
            parser.error("--publish and --example go with a system, not with template")
    elif arguments.example and books:
        parser.error("--example is computed instead of a book: leave one of them out")
    elif len(books) != (0 if arguments.example else 1):
        parser.error("name one BOOK, or --example for the made-up one")
    return arguments


def start(words: Sequence[str], program: str | None = None) -> int:
    """Run the command at a terminal and return the exit code."""
    return run_program(lambda: main(words, program))


def main(words: Sequence[str], program: str | None = None, out: Path = OUT) -> int:
    """Run what the command line asks for and return the exit code.

    Parameters
    ----------
    words : sequence of str
        The command line without the name of the program.
    program : str, optional
        What the usage calls the program.
    out : Path
        Folder if the words name none.
    """
    with usage_as_json(words):
        arguments = parse_arguments(words, build_parser(program, out))
    try:
        told = template(arguments) if arguments.system == TEMPLATE else compute(arguments)
    except (KostnadsvekstError, OSError, MemoryError) as error:
        if arguments.json:
            say_json(failure_of(error))
        raise
    if arguments.json:
        say_json({"exit_code": 0, **told})
    elif not arguments.quiet:
        say("\n".join(describe(told, arguments.lang or "nb")))
    return 0


def template(arguments: argparse.Namespace) -> dict[str, object]:
    """Write a template."""
    from kostnadsvekst.chapters.municipal import write_template

    kind, file = arguments.book
    return {"files": [str(write_template(str(kind), file, arguments.lang or "nb"))]}


def compute(arguments: argparse.Namespace) -> dict[str, object]:
    """Compute a system and write its files."""
    from kostnadsvekst.chapters.municipal import run_system

    languages = (arguments.lang,) if arguments.lang else LANGUAGES
    book = None if arguments.example else arguments.book[0]
    written = run_system(arguments.system, book, arguments.out, languages, publish=arguments.publish)
    return {
        "files": [str(path) for path in written.files],
        "unread": list(written.unread),
        "notes": list(written.notes),
        "made_up": written.made_up,
        "public": arguments.publish,
    }


def describe(told: dict[str, object], lang: str) -> list[str]:
    """Summary for a reader: what the files are, and where."""
    nb = lang == "nb"
    files, unread, notes = (told.get(name, []) for name in ("files", "unread", "notes"))
    assert isinstance(files, list)
    assert isinstance(unread, list)
    assert isinstance(notes, list)
    lines = []
    if "made_up" in told:
        if told["made_up"]:
            lines.append("OPPDIKTET EKSEMPEL" if nb else "MADE-UP EXAMPLE")
        public = "Offentlig utgave, små tall er skjult" if nb else "Public edition, small numbers are hidden"
        lines.append(public if told["public"] else "IKKE FOR PUBLISERING" if nb else "NOT FOR PUBLICATION")
    lines += [f"  {path}" for path in files]
    if unread:
        lines.append(f"{'Ikke lest' if nb else 'Not read'}: {', '.join(map(str, unread))}")
    lines += [f"  {'Merk' if nb else 'Note'}: {note}" for note in first_of(map(str, notes), LISTED)]
    return lines
