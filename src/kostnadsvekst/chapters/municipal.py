"""Municipal cost systems: read a book, compute, and write a workbook that recomputes, CSV and a page."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from kostnadsvekst.chapters.municipal_files import render_system
from kostnadsvekst.chapters.municipal_sheets import System
from kostnadsvekst.errors import InvalidDataError, OutputError
from kostnadsvekst.sources.municipal_book import MunicipalBook, read_municipal_book
from kostnadsvekst.sources.municipal_examples import MADE_UP_ORIGIN, example_book
from kostnadsvekst.sources.municipal_extract import is_extract
from kostnadsvekst.sources.municipal_forms import find_kind
from kostnadsvekst.sources.municipal_kinds import (
    CALCULATOR,
    COMPARE,
    KINDS,
    LADDER,
    SAVINGS,
    STAFFING,
    UNIT_COSTS,
    USER_GROUPS,
)
from kostnadsvekst.sources.municipal_projection_kind import PROJECT
from kostnadsvekst.sources.municipal_report_book import REPORT, read_report_book

MOST_ROWS = 2**20 - 100  # of a sheet of Excel, less titles and notes
# System -> its module and function, loaded when it is used.
_SYSTEMS = {
    UNIT_COSTS.name: ("kostnadsvekst.chapters.municipal_unit_costs", "unit_costs"),
    USER_GROUPS.name: ("kostnadsvekst.chapters.municipal_user_groups", "user_groups"),
    LADDER.name: ("kostnadsvekst.chapters.municipal_ladder", "effort_ladder"),
    CALCULATOR.name: ("kostnadsvekst.chapters.municipal_calculator", "resource_calculator"),
    STAFFING.name: ("kostnadsvekst.chapters.municipal_staffing", "staffing"),
    COMPARE.name: ("kostnadsvekst.chapters.municipal_compare", "compare"),
    SAVINGS.name: ("kostnadsvekst.chapters.municipal_savings", "savings_potential"),
    PROJECT.name: ("kostnadsvekst.chapters.municipal_projection", "projection_of_places"),
}


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes
    ----------
    files : tuple of Path
    unread : tuple of str
        Sheets and columns of the book that are the user's own notes.
    made_up : bool
        Whether the numbers are those of the example.
    notes : tuple of str
        What was left out, and why.
    """

    files: tuple[Path, ...]
    unread: tuple[str, ...]
    made_up: bool
    notes: tuple[str, ...] = ()


def run_system(
    name: str, book: str | Path | None, out: str | Path, languages: tuple[str, ...], *, publish: bool = False
) -> Written:
    """Compute a system from a book and write its files.

    Parameters
    ----------
    name : str
        ``"unit-costs"``, ``"user-groups"``, ``"ladder"``, ``"calculator"``, ``"staffing"``,
        ``"compare"``, ``"savings"``, ``"project"``, or ``"report"`` for a page of all parts of a book.
    book : path or None
        Workbook or folder of CSV files; None for the made-up example. For user groups also a folder of
        Parquet (`kostnadsvekst.sources.municipal_extract.read_extract`): then Parquet is written.
    out : path
        Folder; the files are in ``NAME/`` below it, those for the public in ``NAME-public/``.
    languages : tuple of {"nb", "en"}
    publish : bool
        Whether to write the public edition instead of the analyst's.

    Returns
    -------
    Written

    Raises
    ------
    InvalidDataError
        All faults of the book; nothing is written then.
    OutputError
        The folder cannot be written to.
    """
    from kostnadsvekst.report.chapter_files import check_folder, write_chapter

    if name == REPORT.name:
        return _run_report(book, out, languages, publish=publish)
    kind = find_kind(name, KINDS)
    check_folder(out)
    folder = f"{name}-public" if publish else name
    if kind is USER_GROUPS and book is not None and is_extract(book):
        return _run_extract(book, out, folder, publish=publish)
    read = example_book(kind) if book is None else read_municipal_book(book, kind)
    files: dict[str, str | bytes] = {}
    notes: tuple[str, ...] = ()
    for lang in languages:
        made = compute(read, lang)
        _refuse_too_long(made)
        notes = made.notes_of(publish=publish)
        for path, content in render_system(read, made, lang, publish=publish).items():
            files[f"{folder}/{path}"] = content
    written = write_chapter(out, f"municipal {folder}", files)
    return Written(written, read.unread, read.provenance.origin == MADE_UP_ORIGIN, notes)


def _run_extract(book: str | Path, out: str | Path, folder: str, *, publish: bool) -> Written:
    """Parquet of an extract: no workbook holds its rows, and what is written hangs on no number of them."""
    from kostnadsvekst.chapters.municipal_extract import render_extract
    from kostnadsvekst.report.chapter_files import write_chapter

    made = render_extract(book, publish=publish)
    files = {f"{folder}/{path}": content for path, content in made.files.items()}
    return Written(write_chapter(out, f"municipal {folder}", files), made.unread, made.made_up, made.notes)


def _refuse_too_long(system: System) -> None:
    long = [sheet for sheet in (*system.inputs, *system.results) if len(sheet.rows) > MOST_ROWS]
    if long:
        raise InvalidDataError(
            f"{len(long[0].rows)} rows would stand in the sheet {long[0].name!r}, and a sheet of Excel holds "
            f"{MOST_ROWS}: give the numbers as Parquet (user-groups only), or fewer municipalities and years"
        )


def _run_report(
    book: str | Path | None, out: str | Path, languages: tuple[str, ...], *, publish: bool
) -> Written:
    """Compute all parts of a report's book, and write its page and PDF."""
    from kostnadsvekst.chapters.municipal_report import render_report
    from kostnadsvekst.report.chapter_files import check_folder, write_chapter

    check_folder(out)
    blocks = read_report_book(book)
    folder = f"{REPORT.name}-public" if publish else REPORT.name
    made, notes = render_report(blocks, compute, languages, publish=publish)
    written = write_chapter(out, f"municipal {folder}", {f"{folder}/{path}": made[path] for path in made})
    books = [*blocks.values()]
    unread = tuple(dict.fromkeys(note for one in books for note in one.unread))
    return Written(written, unread, any(one.provenance.origin == MADE_UP_ORIGIN for one in books), notes)


def compute(book: MunicipalBook, lang: str) -> System:
    """Compute the system of a book.

    Parameters
    ----------
    book : MunicipalBook
    lang : {"nb", "en"}

    Returns
    -------
    System
        Sheets, assumptions and judgements in that language.

    Raises
    ------
    InvalidDataError
        What cannot be computed, each with its place in the book.
    """
    module, function = _SYSTEMS[book.kind.name]
    made: Callable[[MunicipalBook, str], System] = getattr(import_module(module), function)
    return made(book, lang)


def write_template(name: str, path: str | Path, lang: str) -> Path:
    """Write a workbook to fill in.

    Parameters
    ----------
    name : str
        Kind of book.
    path : path
        File that does not exist yet: what somebody has filled in is not written over.
    lang : {"nb", "en"}

    Raises
    ------
    OutputError
        There is a file, the name does not end in ``.xlsx``, or it cannot be written.
    """
    from kostnadsvekst.report.municipal_template import render_template
    from kostnadsvekst.report.output import write_files

    kind, path = find_kind(name, {**KINDS, REPORT.name: REPORT}), Path(path)
    if path.suffix.lower() != ".xlsx":
        raise OutputError(f"{str(path)!r}: a template is a workbook; let the name end in .xlsx")
    if path.exists():
        raise OutputError(f"{str(path)!r} is there already and may have been filled in: name another file")
    content = render_template(kind, lang)
    try:
        return write_files(path.parent, {path.name: content})[0]
    except OSError as error:
        raise OutputError(f"{str(path)!r} cannot be written: {error.strerror or error}") from error


__all__ = ["Written", "compute", "run_system", "write_template"]
