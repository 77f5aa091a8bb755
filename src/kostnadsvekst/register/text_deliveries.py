"""Text files of a register: where the names stand, which marks are used, and the same text in UTF-8.

The database would find these out by guessing, and leave out lines that do not fit its guess.
"""

import codecs
import csv
import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.sources.delimited import byte_order, find_delimiter
from kostnadsvekst.sources.layout import Row, header_position

_SAMPLE = 1 << 16
_CHUNK = 1 << 20
_UTF8 = ("utf8", "utf_8", "utf-8", "utf-8-sig", "utf_8_sig", "ascii", "us-ascii")


@dataclass(frozen=True, slots=True)
class TextForm:
    """How a text file is written.

    Attributes
    ----------
    names : tuple of str
        Names of its columns.
    delimiter, quote : str
    skip : int
        Lines above the names.
    """

    names: tuple[str, ...]
    delimiter: str
    quote: str
    skip: int

    def sql(self) -> str:
        """Options of the database's reader; nothing is left to its own guesses."""
        columns = ", ".join(f"{_quoted(name)}: 'VARCHAR'" for name in self.names)
        return (
            f"header = true, auto_detect = false, delim = {_quoted(self.delimiter)}, "
            f"quote = {_quoted(self.quote)}, escape = {_quoted(self.quote)}, skip = {self.skip}, "
            f"columns = {{{columns}}}"
        )


@dataclass(frozen=True, slots=True)
class BadByte:
    """A byte that is no letter in the encoding of a file."""

    line: int
    byte: int
    value: int


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def as_utf8(path: Path, folder: Path, stem: str, options: Mapping[str, Any]) -> Path:
    """Text file in UTF-8: itself, or a private copy.

    Parameters
    ----------
    path : Path
    folder : Path
        Private folder for the copy.
    stem : str
        Of the folder in it that takes the copy; the copy keeps its name, for messages.
    options : mapping
        ``encoding``, if it is told. A byte order mark tells UTF-16 and UTF-32.

    Raises
    ------
    InvalidDataError
        Naming line and byte that are not in the encoding, never what stands there.
    SpecificationError
        An encoding that does not exist.
    """
    with path.open("rb") as file:
        start = file.read(_SAMPLE)
    encoding = str(options.get("encoding") or byte_order(start) or "utf-8").lower()
    if encoding in _UTF8:
        return path
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise SpecificationError(
            f"[csv] encoding = {encoding!r} is not known; write utf-8, cp1252, latin-1, utf-16 or cp865"
        ) from None
    copy = folder / stem / path.name
    copy.parent.mkdir(mode=0o700, exist_ok=True)
    failure = _transcode(path, copy, encoding)
    if failure is not None:
        raise InvalidDataError(
            f"register data cannot be read: {path.name} is not in {encoding}: byte {failure.byte} of line "
            f"{failure.line} ({failure.value:#04x}) is no letter there",
            ['name another encoding in the mapping, such as [csv] encoding = "cp1252", or mend the line'],
        )
    return copy


def _transcode(path: Path, copy: Path, encoding: str) -> BadByte | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as source, copy.open("w", encoding="utf-8", newline="") as target:
        copy.chmod(0o600)
        try:
            while chunk := source.read(_CHUNK):
                target.write(decoder.decode(chunk))
            target.write(decoder.decode(b"", final=True))
        except UnicodeDecodeError:
            pass
        else:
            return None
    return find_bad_byte(path, encoding)


def find_bad_byte(path: Path, encoding: str = "utf-8") -> BadByte | None:
    """First byte of a file that is not in an encoding.

    Parameters
    ----------
    path : Path
    encoding : str
        One in which a line ends with the byte 10.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                return BadByte(number, error.start + 1, line[error.start])
    return None


def read_form(path: Path, name: str, options: Mapping[str, Any]) -> TextForm:
    """Find the names of the columns of a text file, under titles if there are any.

    Parameters
    ----------
    path : Path
        In UTF-8.
    name : str
        Of the user's file.
    options : mapping
        ``delimiter`` and ``quote`` where they are told.

    Raises
    ------
    InvalidDataError
        If the file is empty, or names are missing or there twice.
    """
    quote = str(options.get("quote", '"'))
    text = _start(path)
    delimiter, text, skipped = find_delimiter(text, options.get("delimiter"), quote)
    rows: list[Row] = []
    with suppress(csv.Error):  # the sample may end inside a cell
        reader = csv.reader(io.StringIO(text), delimiter=delimiter, quotechar=quote)
        before = 0
        for cells in reader:
            rows.append(Row(before, cells))
            before = reader.line_num
    if not any(cell.strip() for row in rows for cell in row.cells):
        raise InvalidDataError(f"register data cannot be read: {name} has no text")
    header = rows[header_position(rows)]
    names = tuple(cell.strip().strip("\ufeff") for cell in header.cells)
    _check_names(names, name, skipped + header.place + 1)
    return TextForm(names, delimiter, quote, skipped + header.place)


def _start(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_SAMPLE)
    return content.decode("utf-8-sig", errors="replace")


def _check_names(names: Sequence[str], name: str, line: int) -> None:
    twice = [one for one in dict.fromkeys(names) if names.count(one) > 1]
    if twice:
        # The names themselves are left out: without a header they would be the first person's row.
        raise InvalidDataError(
            f"register data cannot be read: {len(twice)} name(s) of columns in {name}, line {line}, are "
            "empty or there more than once",
            ["the first line must hold a name for each column; is it missing, or the delimiter another?"],
        )
