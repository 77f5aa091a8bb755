"""The search for personal data: identity numbers everywhere, contacts and places among data and results."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.doctor.findings import Finding
from kostnadsvekst.report.doctor.folder import Folder, ProjectFile
from kostnadsvekst.report.doctor.personal_data import (
    COORDINATES,
    IDENTITY,
    KINDS_OF_NUMBER,
    WatchedColumns,
    is_suspect,
    kinds_in,
)
from kostnadsvekst.report.doctor.tables import DELIMITED, READERS, Row, TooLargeError, read_rows
from kostnadsvekst.report.doctor.texts import READING_FAULTS, is_text, read_head, read_lines

DATA_FOLDERS = frozenset({
    "data", "raw", "derived", "results", "resultater", "output", "outputs", "tables", "tabeller", "figures",
    "figurer", "bld", "out", "store",
})  # fmt: skip
_INPUTS = frozenset({"data", "raw", "derived", "store"})
LINES_AT_ONCE = 200
# Drawings: pairs of numbers in them are places on paper.
_DRAWINGS = frozenset({".svg", ".html", ".htm", ".tex", ".typ", ".ps", ".eps", ".css", ".js", ".pdf"})
# Hold data in a way that is not read here.
_CLOSED = frozenset({
    ".zip", ".7z", ".rar", ".tar", ".tgz", ".bz2", ".xz", ".rds", ".rdata", ".xls", ".ods", ".docx", ".mdb",
    ".accdb", ".sqlite", ".db", ".duckdb", ".por", ".pkl", ".pickle", ".npz", ".npy", ".h5", ".hdf5", ".gpkg",
})  # fmt: skip


@dataclass(slots=True)
class _Tally:
    """Of one kind in one file: how often, and where first."""

    count: int = 0
    first: tuple[int, int, int] = field(default=(0, 0, 0))  # line or row, column, sheet

    def add(self, place: tuple[int, int, int], times: int = 1) -> None:
        if not self.count:
            self.first = place
        self.count += times


def check_persons(folder: Folder, file: ProjectFile) -> Iterator[Finding]:
    """Find personal data in a file; what was found is never part of the finding.

    Parameters
    ----------
    folder : Folder
    file : ProjectFile
    """
    tallies: dict[tuple[str, str], _Tally] = {}
    for check, kind in kinds_in(file.name, people_only=True):
        tallies.setdefault((check, f"{kind} name"), _Tally()).add((0, 0, 0))
    is_table = file.suffix in READERS
    try:
        if is_table:
            _search_table(read_rows(file, folder.most_bytes), tallies)
        elif is_among_data(file) and _is_closed(file):
            yield Finding("unsearched-file", file.name, Bilingual("leses ikke", "is of a kind not read"))
        elif is_text(read_head(file)):
            _search_text(file, folder.most_bytes, tallies)
    except READING_FAULTS:
        yield Finding("unsearched-file", file.name, Bilingual("kan ikke leses", "cannot be read"))
    except TooLargeError:
        detail = Bilingual("for stor; bruk --deep", "too large; use --deep")
        yield Finding("unsearched-file", file.name, detail)
    except Exception as error:  # each reader has its own errors; they may quote the data
        if isinstance(error, MemoryError) or not is_table:
            raise
        detail = Bilingual("er ikke det navnet sier", "is not what its name says")
        yield Finding("unsearched-file", file.name, detail)
    yield from (_told(file, *found) for found in tallies.items())


def _is_closed(file: ProjectFile) -> bool:
    """Whether a file of data holds what is not read here; results are drawings and pages, too."""
    if file.suffix in _CLOSED:
        return True
    return bool(_INPUTS & set(file.folders)) and file.size > 0 and not is_text(read_head(file))


def is_among_data(file: ProjectFile) -> bool:
    """Whether a file lies in a folder of data or results."""
    return bool(DATA_FOLDERS & set(file.folders))


def _search_table(rows: Iterable[Row], tallies: dict[tuple[str, str], _Tally]) -> None:
    watched, sheet = WatchedColumns(()), -1
    for row in rows:
        if row.sheet != sheet:
            _told_without_zero(watched, max(sheet, 0), tallies)
            watched, sheet = WatchedColumns(row.cells), row.sheet
        if is_suspect("\n".join(row.cells)):
            for column, cell in enumerate(row.cells, 1):
                for found in kinds_in(cell, cell=True):
                    tallies.setdefault(found, _Tally()).add((row.number, column, row.sheet))
        for check, kind, position in watched.kinds_in(row.cells):
            tallies.setdefault((check, kind), _Tally()).add((row.number, position + 1, row.sheet))
    _told_without_zero(watched, max(sheet, 0), tallies)


def _told_without_zero(watched: WatchedColumns, sheet: int, tallies: dict[tuple[str, str], _Tally]) -> None:
    for position, count in watched.without_zero():
        tallies.setdefault((IDENTITY, "zero"), _Tally()).add((0, position + 1, sheet), count)


def _search_text(file: ProjectFile, most_bytes: int, tallies: dict[tuple[str, str], _Tally]) -> None:
    people_only = not is_among_data(file)
    numbered = enumerate(read_lines(file, most_bytes), 1)
    while some := tuple(islice(numbered, LINES_AT_ONCE)):
        if not is_suspect("\n".join(line for _, line in some), people_only=people_only):
            continue
        for number, line in some:
            for check, kind in kinds_in(line, people_only=people_only):
                if check != COORDINATES or file.suffix not in _DRAWINGS:
                    tallies.setdefault((check, kind), _Tally()).add((number, 0, 0))


_WHERE = (Bilingual("linje", "line"), Bilingual("kolonne", "column"), Bilingual("ark", "sheet"))


def _told(file: ProjectFile, kinds: tuple[str, str], tally: _Tally) -> Finding:
    check, kind = kinds
    words = KINDS_OF_NUMBER.get(kind.split(" ")[0], Bilingual("", ""))
    if kind == "zero":
        words = Bilingual("uten ledende null", "without its leading zero")
    place = _place(tally.first)
    if kind.endswith("name"):
        place = Bilingual("i navnet på filen", "in the name of the file")
    count = Bilingual(f"{tally.count} stk.", f"{tally.count} found")
    parts = [(words.nb, words.en), (count.nb, count.en), (place.nb, place.en)]
    detail = Bilingual(*(", ".join(part[k] for part in parts if part[k]) for k in (0, 1)))
    is_line = file.suffix in DELIMITED or file.suffix not in READERS
    return Finding(check, file.name, detail, tally.first[0] or None if is_line else None)


def _place(first: tuple[int, int, int]) -> Bilingual:
    """Say where the first one is."""
    told = [(words, n) for words, n in zip(_WHERE, first, strict=True) if n]
    if not told:
        return Bilingual("", "")
    nb, en = (", ".join(f"{words.get(lang)} {n}" for words, n in told) for lang in ("nb", "en"))
    return Bilingual(f"først i {nb}", f"first in {en}")
