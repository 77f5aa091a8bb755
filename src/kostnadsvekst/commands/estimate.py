"""Compute every table and figure of the report and audit them against the printed numbers.

Exit codes: 0 all as printed, 1 numbers moved, 2 usage or specification, 3 data missing or invalid, 4 refused
to disclose, 130 interrupted, 143 terminated, 141 nobody reads the output any more. With 2 and 3 the results
are as they were before. A chapter whose code, data, options and files are as they were is not made again.
"""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from kostnadsvekst.chapters import (
    CHAPTERS,
    ChapterReport,
    Settings,
    choose_chapters,
    find_chapter,
)
from kostnadsvekst.commands.parsing import Once, Parser, a_path, usage_as_json
from kostnadsvekst.errors import KostnadsvekstError
from kostnadsvekst.language import LANGUAGES, SYNTHETIC_LABEL, Bilingual, in_language
from kostnadsvekst.terminal import complain, failure_of, run_program, say, say_json

LISTED = 20  # numbers that moved, at the terminal
RESULTS = Path("results")
# Chapters made at once if nobody says how many: together they stay below a gigabyte.
MOST_JOBS = 2
MANY_JOBS = 64


def a_renaming(text: str) -> tuple[str, str]:
    """Read ``theirs=ours``; their name may have signs, too, in it, and ours has none."""
    theirs, sign, ours = (part.strip() for part in text.rpartition("="))
    if not (theirs and sign and ours):
        raise argparse.ArgumentTypeError(
            f"{text!r}: write 'their column=our name', such as 'Kommune=municipality'"
        )
    return theirs, ours


def a_number_of_jobs(text: str) -> int:
    """Read how many chapters may be made at once."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MANY_JOBS):
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number from 1 to {MANY_JOBS}")
    return int(text)


def build_parser(program: str | None = None, out: Path = RESULTS) -> Parser:
    """Return the parser of the command line; ``out`` is the results folder if none is named."""
    parser = Parser(prog=program, description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    once = {"action": Once, "type": a_path}
    add("--list", action="store_true", help="list the chapters and stop")
    add("--only", metavar="NAME", action="append", choices=list(CHAPTERS), help="run one chapter")
    add("--spec", metavar="FILE", **once, help="estimate the specifications in a TOML file instead")
    add(
        "--data",
        metavar="PATH",
        **once,
        help="panel of your own (CSV, Parquet, .dta, ...), store of fetch, or TOML; with --spec any table "
        "that has the columns of the specifications",
    )
    add(
        "--rename",
        metavar="THEIRS=OURS",
        action="append",
        type=a_renaming,
        default=[],
        help="rename a column of --data; may be repeated",
    )
    add("--register", metavar="PATH", **once, help="KPR episodes of your own, from kv.register.ingest")
    add("--population", metavar="PATH", **once, help="CSV with year, age_group, persons, for --register")
    add("--out", metavar="DIR", **once, default=out, help="results folder (%(default)s)")
    add("--lang", choices=LANGUAGES, action=Once, help="language of tables and messages (tables: both)")
    add("--force", action="store_true", help="make every chapter again, also where nothing has changed")
    add(
        "--jobs",
        metavar="N",
        action=Once,
        type=a_number_of_jobs,
        default=min(MOST_JOBS, os.cpu_count() or 1),
        help="chapters made at once, each in a process of its own (%(default)s); the files are the same",
    )
    output = parser.adding_one_of()
    output("--json", action="store_true", help="print the summary as JSON")
    output("--quiet", action="store_true", help="print errors only")
    return parser


def parse_arguments(words: Sequence[str], parser: Parser) -> argparse.Namespace:
    """Read the command line; what does not go together ends with the usage."""
    arguments = parser.parse_args(words)
    renamed = [theirs for theirs, _ in arguments.rename]
    if len(set(renamed)) < len(renamed):
        parser.error(f"--rename names a column twice: {', '.join(sorted(renamed))}")
    files = [f"--{name}" for name in ("spec", "data", "register", "population") if getattr(arguments, name)]
    if arguments.list and (files or arguments.only or renamed):
        parser.error(
            f"--list only lists the chapters: leave out {', '.join(files or ['--only and --rename'])}"
        )
    return arguments


def start(words: Sequence[str], program: str | None = None) -> int:
    """Run the command at a terminal and return the exit code."""
    return run_program(lambda: main(words, program))


def main(words: Sequence[str], program: str | None = None, out: Path = RESULTS) -> int:
    """Run what the command line asks for and return the exit code.

    Parameters
    ----------
    words : sequence of str
        The command line without the name of the program.
    program : str, optional
        What the usage calls the program.
    out : Path
        Results folder if the words name none.
    """
    with usage_as_json(words):
        arguments = parse_arguments(words, build_parser(program, out))
    return list_chapters(arguments) if arguments.list else run(arguments)


def list_chapters(arguments: argparse.Namespace) -> int:
    """Say what the chapters are called."""
    titles = {name: chapter.title.get(arguments.lang or "en") for name, chapter in CHAPTERS.items()}
    if arguments.json:
        say_json({"exit_code": 0, "chapters": titles})
    else:
        say("\n".join(f"{name:<20} {title}" for name, title in titles.items()))
    return 0


def run(arguments: argparse.Namespace) -> int:
    """Run the chapters and tell what came of each."""
    from kostnadsvekst.chapters.build import build_chapters

    settings = Settings(
        data=arguments.data,
        languages=(arguments.lang,) if arguments.lang else LANGUAGES,
        specifications=arguments.spec,
        progress=sys.stderr.isatty() and not arguments.quiet,
        register=arguments.register,
        population=arguments.population,
        rename=dict(arguments.rename),
    )
    done: list[ChapterReport] = []

    def announce(report: ChapterReport) -> None:
        done.append(report)
        if not (arguments.json or arguments.quiet):
            say(describe(report, arguments.out, arguments.lang or "en"))
        for sentence in report.kept if arguments.json or arguments.quiet else ():
            complain(sentence)

    names = tuple(dict.fromkeys(arguments.only or choose_chapters(settings)))
    try:
        build_chapters(names, settings, arguments.out, announce, jobs=arguments.jobs, force=arguments.force)
    except (KostnadsvekstError, OSError, MemoryError) as error:
        if arguments.json:
            say_json(to_json(done, 0) | failure_of(error))
        raise
    exit_code = int(any(report.result.moved for report in done))
    if arguments.json:
        say_json(to_json(done, exit_code))
    return exit_code


_REUSED = Bilingual(
    ", fra før: ingenting de bygger på er endret", ", from before: nothing behind them has changed"
)


def describe(report: ChapterReport, out: Path, lang: str) -> str:
    """Summary of a chapter for a reader."""
    lines = [f"{find_chapter(report.name).title.get(lang)}", f"  data_origin: {_origins(report, lang)}"]
    lines += [f"  {line.get(lang)}" for line in report.result.summary]
    note = {"nb": "Merk", "en": "Note"}[lang]
    lines += [f"  {note}: {in_language(sentence, lang)}" for sentence in (*report.notes, *report.kept)]
    moved = {"nb": "flyttet", "en": "moved"}[lang]
    lines += [f"  {moved}: {in_language(sentence, lang)}" for sentence in report.result.moved[:LISTED]]
    if len(report.result.moved) > LISTED:
        more = {"nb": "og {} til", "en": "and {} more"}[lang].format(len(report.result.moved) - LISTED)
        lines.append(f"  {moved}: {more}")
    count = {"nb": "filer i", "en": "files in"}[lang]
    lines.append(f"  {len(report.written)} {count} {out}{_REUSED.get(lang) if report.reused else ''}")
    return "\n".join(lines)


def _origins(report: ChapterReport, lang: str) -> str:
    """Origins of a chapter's data, the synthetic one with what it means."""
    from kostnadsvekst.provenance import SYNTHETIC

    label = SYNTHETIC_LABEL.get(lang)
    return ", ".join(f"{o} ({label})" if o == SYNTHETIC else o for o in report.result.data_origin)


def to_json(reports: Sequence[ChapterReport], exit_code: int) -> dict[str, object]:
    """Summary of a run for programs; printed numbers by origin of the data and class of evidence."""
    chapters = {}
    for report in reports:
        chapters[report.name] = {
            "files": [str(path) for path in report.written],
            "data_origin": list(report.result.data_origin),
            "printed_numbers": _printed_numbers(report),
            "summary": [line.en for line in report.result.summary],
            "moved": list(report.result.moved),
            "notes": list(report.notes),
            "reused": report.reused,
        }
    return {"exit_code": exit_code, "chapters": chapters}


def _printed_numbers(report: ChapterReport) -> Mapping[str, object]:
    if report.printed_numbers is not None:
        return report.printed_numbers
    from kostnadsvekst.report.audit import count_by_origin

    return {} if report.result.audit is None else count_by_origin(report.result.audit)
