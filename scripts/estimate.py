"""Compute every table and figure of the report and audit them against the printed numbers.

Exit codes: 0 all as printed, 1 numbers moved, 2 usage, 3 data missing or invalid, 4 refused to disclose,
130 interrupted, 143 terminated, 141 nobody reads the output any more.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from kostnadsvekst import terminal
from kostnadsvekst.chapters import (
    CHAPTERS,
    ChapterReport,
    Settings,
    choose_chapters,
    find_chapter,
    run_chapters,
)
from kostnadsvekst.errors import KostnadsvekstError
from kostnadsvekst.language import LANGUAGES, SYNTHETIC_LABEL
from kostnadsvekst.terminal import complain, run_program, say

RESULTS = Path(__file__).resolve().parents[1] / "results"


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=layout)
    add = parser.add_argument
    add("--list", action="store_true", help="list the chapters and stop")
    add("--only", metavar="NAME", action="append", choices=list(CHAPTERS), help="run one chapter")
    add("--spec", metavar="FILE", type=Path, help="estimate the specifications in a TOML file instead")
    add(
        "--data",
        metavar="PATH",
        type=Path,
        help="panel of your own (CSV, Parquet, .dta, ...), store of fetch.py, or TOML",
    )
    add("--register", metavar="PATH", type=Path, help="KPR episodes of your own, from kv.register.ingest")
    add("--population", metavar="PATH", type=Path, help="CSV with year, age_group, persons, for --register")
    add("--out", metavar="DIR", type=Path, default=RESULTS, help="results folder (%(default)s)")
    add("--lang", choices=LANGUAGES, help="language of tables and messages (tables: both)")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print the summary as JSON")
    output.add_argument("--quiet", action="store_true", help="print errors only")
    return parser.parse_args()


def main() -> int:
    """Run what the command line asks for and return the exit code."""
    try:
        arguments = parse_arguments()
    except SystemExit as stop:
        if stop.code and "--json" in sys.argv:
            say_json({"exit_code": stop.code, "error": {"kind": "usage", "message": "see standard error"}})
        raise
    lang = arguments.lang or "en"
    if arguments.list:
        titles = {name: chapter.title.get(lang) for name, chapter in CHAPTERS.items()}
        lines = "\n".join(f"{name:<20} {title}" for name, title in titles.items())
        if arguments.json:
            say_json({"exit_code": 0, "chapters": titles})
        else:
            say(lines)
        return 0
    settings = Settings(
        data=arguments.data,
        languages=(arguments.lang,) if arguments.lang else LANGUAGES,
        specifications=arguments.spec,
        progress=sys.stderr.isatty() and not arguments.quiet,
        register=arguments.register,
        population=arguments.population,
    )

    done: list[ChapterReport] = []

    def announce(report: ChapterReport) -> None:
        done.append(report)
        if not (arguments.json or arguments.quiet):
            say(describe(report, arguments.out, lang))
        for sentence in report.kept if arguments.json or arguments.quiet else ():
            complain(sentence)

    names = arguments.only or choose_chapters(settings)
    try:
        run_chapters(names, settings, arguments.out, announce)
    except (KostnadsvekstError, OSError, MemoryError) as error:
        if arguments.json:
            code = error.exit_code if isinstance(error, KostnadsvekstError) else KostnadsvekstError.exit_code
            failure = {"kind": type(error).__name__, "message": terminal.describe(error)}
            say_json({**to_json(done, code), "error": failure})
        raise
    exit_code = int(any(report.result.moved for report in done))
    if arguments.json:
        say_json(to_json(done, exit_code))
    return exit_code


def say_json(value: dict[str, object]) -> None:
    """Print a summary for programs: always JSON, in ASCII where the terminal has no more."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1)
    say(text if terminal.writable(text) else json.dumps(value, allow_nan=False, indent=1))


def describe(report: ChapterReport, out: Path, lang: str) -> str:
    """Summary of a chapter for a reader."""
    lines = [f"{find_chapter(report.name).title.get(lang)}", f"  data_origin: {_origins(report, lang)}"]
    lines += [f"  {line.get(lang)}" for line in report.result.summary]
    note = {"nb": "Merk", "en": "Note"}[lang]
    lines += [f"  {note}: {sentence}" for sentence in (*report.notes, *report.kept)]
    moved = {"nb": "flyttet", "en": "moved"}[lang]
    lines += [f"  {moved}: {sentence}" for sentence in report.result.moved[:20]]
    count = {"nb": "filer i", "en": "files in"}[lang]
    lines.append(f"  {len(report.written)} {count} {out}")
    return "\n".join(lines)


def _origins(report: ChapterReport, lang: str) -> str:
    """Origins of a chapter's data, the synthetic one with what it means."""
    from kostnadsvekst.provenance import SYNTHETIC

    label = SYNTHETIC_LABEL.get(lang)
    return ", ".join(f"{o} ({label})" if o == SYNTHETIC else o for o in report.result.data_origin)


def to_json(reports: Sequence[ChapterReport], exit_code: int) -> dict[str, object]:
    """Summary of a run for programs; printed numbers by origin of the data and class of evidence."""
    from kostnadsvekst.report.audit import count_by_origin

    chapters = {}
    for report in reports:
        audit = report.result.audit
        chapters[report.name] = {
            "files": [str(path) for path in report.written],
            "data_origin": list(report.result.data_origin),
            "printed_numbers": {} if audit is None else count_by_origin(audit),
            "summary": [line.en for line in report.result.summary],
            "moved": list(report.result.moved),
            "notes": list(report.notes),
        }
    return {"exit_code": exit_code, "chapters": chapters}


if __name__ == "__main__":
    sys.exit(run_program(main))
