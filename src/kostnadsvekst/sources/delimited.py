"""Text files with a mark between columns: CSV of every maker, Excel's "Unicode text", the StatBank's."""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.sources.layout import Found, Row, find_table, lengthen
from kostnadsvekst.sources.missing_symbols import statuses
from kostnadsvekst.sources.number_texts import MARKS, Written, how_written, name_unclear, parse_numbers

# In this order where several fit: a semicolon is hardly ever part of a text, a comma often.
DELIMITERS = ("\t", ";", "|", ",")
STATUS = "_status"
_NAMES = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}
_BYTE_ORDER = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATOR = re.compile(r"\s*\"?sep=(.)\"?\s*", re.IGNORECASE)
# What æ, ø and å of DOS and of old Macs look like when they are read as Windows' letters.
_FOREIGN = re.compile("[A-Za-z][‘’›†¾¿Œ\u009d][a-z]")
_SAMPLE = 1000
_LISTED = 10


def read_delimited(
    path: Path, decimal: str | None = None, encoding: str | None = None, delimiter: str | None = None
) -> pd.DataFrame:
    """Read a text file with columns.

    Parameters
    ----------
    path : Path
        Also compressed with gzip (``.gz``).
    decimal, encoding, delimiter : str, optional
        What is otherwise found out: see `kostnadsvekst.sources.files.read_table`.

    Returns
    -------
    DataFrame
        Columns that are all numbers as numbers. ``attrs["layout"]`` says in words how the file was read,
        ``attrs["titles"]`` and ``attrs["notes"]`` hold what stands above and below the table. A column with
        symbols of Statistics Norway has a companion ``NAME_status``.

    Raises
    ------
    InvalidDataError
        If the file cannot be made out, or can be in two ways; lines and columns are named.
    """
    name = str(path)
    text, encoding = decode(_content(path), name, encoding)
    delimiter, text, skipped = find_delimiter(text, delimiter)
    how = f"{_NAMES.get(delimiter, repr(delimiter))} between columns, {encoding}"
    rows = [Row(place + skipped, cells) for place, cells in _rows(text, delimiter, name)]
    if not any(cell.strip() for row in rows for cell in row.cells):
        raise InvalidDataError(f"the file {name!r} is empty")
    found = find_table(rows, name, f" (read with {how})")
    return _to_frame(found, name, how, delimiter, decimal)


def decode(content: bytes, name: str, encoding: str | None = None) -> tuple[str, str]:
    """Text of a file and the encoding in which it is written.

    Parameters
    ----------
    content : bytes
    name : str
        Of the file, for messages.
    encoding : str, optional
        If it is known. Otherwise a byte order mark tells it; then zeros in every second byte (UTF-16); then
        UTF-8 if every byte fits; then Windows' Western European.

    Raises
    ------
    InvalidDataError
        Naming line and byte that do not fit, or lines in several encodings.
    SpecificationError
        An encoding that does not exist.
    """
    chosen = encoding or byte_order(content)
    if chosen:
        return _decode_as(content, chosen, name), chosen
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        _refuse_mixed_encodings(content, name)
    text = _decode_as(content, "cp1252", name)
    foreign = [str(n) for n, line in enumerate(text.split("\n"), 1) if _FOREIGN.search(line)]
    if foreign:
        raise InvalidDataError(
            f"the file {name!r} seems to be written by DOS or an old Mac (line(s) {_some(foreign)}): tell "
            "the "
            'encoding, such as encoding="cp865" or encoding="mac_roman", or save the file again as UTF-8'
        )
    return text, "cp1252"


def _some(items: list[str]) -> str:
    more = f" and {len(items) - _LISTED} more" if len(items) > _LISTED else ""
    return ", ".join(items[:_LISTED]) + more


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if path.suffix.lower() != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidDataError(
            f"the file {str(path)!r} is no whole gzip file ({error}): fetch or compress it again"
        ) from error


def byte_order(content: bytes) -> str | None:
    """Find the encoding that the first bytes tell: a mark, or zeros in every second byte.

    Parameters
    ----------
    content : bytes
    """
    for mark, encoding in _BYTE_ORDER:
        if content.startswith(mark):
            return encoding
    start = content[:_SAMPLE]
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) > len(start) // 4:
        return "utf-16-le" if odd > even else "utf-16-be"
    return None


def _decode_as(content: bytes, encoding: str, name: str) -> str:
    try:
        return content.decode(encoding)
    except LookupError as error:
        raise SpecificationError(
            f"encoding {encoding!r} is not known; known are utf-8, cp1252, latin-1, utf-16, cp865, "
            "mac_roman ..."
        ) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        column = error.start - error.object.rfind(b"\n", 0, error.start)
        raise InvalidDataError(
            f"the file {name!r} is not in {encoding}: byte {error.object[error.start]:#04x} in line {line} "
            f"(byte {column} of the line) is no letter there; save it again as UTF-8, or tell the encoding"
        ) from error


def _refuse_mixed_encodings(content: bytes, name: str) -> None:
    """Refuse files pasted together from two programs, each with its own way of writing æ, ø and å."""
    broken = []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            broken.append(str(number))
    if any(letter.encode() in content for letter in "æøåÆØÅ"):
        raise InvalidDataError(
            f"the file {name!r} mixes encodings: line(s) {', '.join(broken[:10])} are not UTF-8 but "
            "others are; save it again in one encoding"
        )


def find_delimiter(text: str, given: str | None = None, quote: str = '"') -> tuple[str, str, int]:
    """Mark between columns, the text without a line that tells it, and the number of lines left out.

    Parameters
    ----------
    text : str
        The file, or its beginning.
    given : str, optional
        The mark if it is known. Otherwise Excel's line ``sep=;`` tells it; then the mark with which most rows
        have the same number of columns, the first of `DELIMITERS` where several do.
    quote : str
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    first, _, rest = text.partition("\n")
    told = _SEPARATOR.fullmatch(first.lstrip("\ufeff"))
    if told:
        return given or told[1], rest, 1
    return given or max(DELIMITERS, key=lambda mark: _fit(text, mark, quote)), text, 0


def _fit(text: str, delimiter: str, quote: str) -> tuple[int, int]:
    """How many rows have the usual number of columns with a delimiter, and how few have not."""
    sample = "\n".join(text.split("\n", _SAMPLE)[:_SAMPLE])
    widths: list[int] = []
    # A quote in the middle of a cell says that the mark is another, or the sample ends inside a cell.
    with suppress(csv.Error):
        reader = csv.reader(io.StringIO(sample), delimiter=delimiter, quotechar=quote, strict=True)
        widths.extend(len(cells) for cells in reader)
    wide = [width for width in widths if width > 1]
    usual = max((wide.count(width) for width in set(wide)), default=0)
    return (usual, usual - len(wide))


def _rows(text: str, delimiter: str, name: str) -> Iterator[Row]:
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InvalidDataError(
            f"the file {name!r} has a zero byte in line {line}: it is no text file, or damaged"
        )
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for cells in reader:
            yield Row(reader.line_num, cells)
            begins = reader.line_num + 1
    except csv.Error as error:
        raise InvalidDataError(
            f"the file {name!r} cannot be read from line {begins} on: {error}; look for a quote that is "
            "not closed, "
            "or that stands inside a text (write it twice there)"
        ) from error


def _to_frame(found: Found, name: str, how: str, delimiter: str, decimal: str | None) -> pd.DataFrame:
    columns = (
        zip(*(row.cells for row in found.rows), strict=True) if found.rows else ([] for _ in found.names)
    )
    text = pd.DataFrame(dict(zip(found.names, columns, strict=True)), dtype="str")
    text = lengthen(text)
    table = parse_columns(text, name, decimal, point_is_decimal=delimiter == ",")
    table.attrs = {"layout": f"{how}, {found.in_words()}"}
    for what, lines in (("titles", found.titles), ("notes", found.notes)):
        if lines:
            table.attrs[what] = list(lines)
    return table


def parse_columns(
    text: pd.DataFrame, name: str, decimal: str | None = None, *, point_is_decimal: bool = True
) -> pd.DataFrame:
    """Numbers of all columns of a file; the decimal mark of one column is that of the others.

    Parameters
    ----------
    text : DataFrame of str
    name : str
        Of the file, for messages.
    decimal : {".", ","}, optional
    point_is_decimal : bool
        Whether a point is the decimal mark where nothing in the file says so (``1.234``); a comma is never
        taken for one unasked.

    Returns
    -------
    DataFrame

    Raises
    ------
    InvalidDataError
        If columns can be read in two ways.
    """
    if decimal not in (None, *MARKS):
        raise SpecificationError(f'decimal={decimal!r}; allowed are "," and "."')
    written = {column: how_written(text[column]) for column in text.columns}
    proved = {w.mark for w in written.values() if w.mark}
    default = decimal or (next(iter(proved)) if len(proved) == 1 else None)
    unclear = {c: w for c, w in written.items() if w.unclear and default is None}
    if point_is_decimal:
        unclear = {c: w for c, w in unclear.items() if any("," in value for value in w.unclear)}
    if unclear:
        raise _two_ways(unclear, name)
    marks = {c: w.mark or default or "." for c, w in written.items()} if decimal is None else {}
    parsed = {c: parse_numbers(text[c], marks.get(c, decimal)) for c in text.columns}
    return pd.DataFrame(dict(_with_statuses(text, parsed)))


def _with_statuses(text: pd.DataFrame, parsed: dict[str, pd.Series]) -> Iterable[tuple[str, pd.Series]]:
    """Columns, those of numbers followed by Statistics Norway's symbols where they have any."""
    for name, column in parsed.items():
        yield name, column
        gaps = pd.api.types.is_numeric_dtype(column) and column.isna().any()
        symbols = statuses(text[name].str.strip()) if gaps else None
        if symbols is not None and f"{name}{STATUS}" not in parsed:
            yield f"{name}{STATUS}", symbols


def _two_ways(unclear: dict[str, Written], name: str) -> InvalidDataError:
    return InvalidDataError(
        f"the file {name!r}: {len(unclear)} column(s) can be read in two ways, and nothing else in the "
        "file tells the "
        'decimal mark; tell it with decimal="," or decimal="."',
        [f"column {column!r}: {name_unclear(written)}" for column, written in unclear.items()],
    )
