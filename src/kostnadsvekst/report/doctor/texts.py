"""Bytes of a file as text, whatever its encoding and however large it is."""

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import IO, Any, cast

from kostnadsvekst.report.doctor.folder import ProjectFile

_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
_SNIFFED = 8_192
LONGEST_LINE = 2**20  # of a file without line ends, so many bytes are a line
_AT_ONCE = 2**22  # bytes of a file that is read in one go, which is faster
# What opening, unpacking and reading may raise.
READING_FAULTS = (OSError, EOFError, zlib.error)


def read_head(file: ProjectFile, most: int = _SNIFFED) -> bytes:
    """Return the first bytes of a file, unpacked where it ends in ``.gz``."""
    with _opened(file) as stream:
        return stream.read(most)


def is_text(head: bytes) -> bool:
    """Whether bytes look like text: no zero byte, except in UTF-16 that says so."""
    return head[:2] in _MARKS or b"\0" not in head


def encoding_of(head: bytes) -> str:
    """Tell the encoding by the byte order mark, else UTF-8, else Latin-1, which takes any byte."""
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    try:
        head[: max(len(head) - 4, 0)].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 8:
            return "latin-1"
    return "utf-8"


def read_lines(file: ProjectFile, most_bytes: int) -> Iterator[str]:
    """Yield the lines of a text file, up to a number of bytes; nothing for what is no text.

    Parameters
    ----------
    file : ProjectFile
    most_bytes : int
        Of the unpacked file.

    Raises
    ------
    OSError, EOFError, zlib.error
        If it cannot be read or unpacked.
    """
    head = read_head(file)
    if not is_text(head):
        return
    encoding = encoding_of(head)
    if encoding == "utf-16":
        yield from _wide_lines(file, most_bytes)
        return
    left = most_bytes
    with _opened(file) as stream:
        if file.size <= _AT_ONCE and not _is_packed(file):
            yield from _split(stream.read(min(left, file.size)).decode(encoding, "replace"))
            return
        while left > 0 and (line := stream.readline(min(LONGEST_LINE, left))):
            left -= len(line)
            yield line.decode(encoding, "replace").rstrip("\r\n")


def _wide_lines(file: ProjectFile, most_bytes: int) -> Iterator[str]:
    """Yield lines of UTF-16, in which a byte that looks like a line end may be half of a letter."""
    left = most_bytes // 2
    with _opened(file) as stream, io.TextIOWrapper(stream, "utf-16", "replace") as text:
        while left > 0 and (line := text.readline(min(LONGEST_LINE, left))):
            left -= len(line)
            yield line.rstrip("\n")


def _split(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").split("\n")
    return lines if lines[-1] else lines[:-1]


def text_of(file: ProjectFile, most_bytes: int) -> str:
    """Return a text file as one text; empty where it cannot be read or is no text."""
    try:
        return "\n".join(read_lines(file, most_bytes))
    except READING_FAULTS:
        return ""


def _opened(file: ProjectFile) -> IO[bytes]:
    opened: Any = gzip.open if _is_packed(file) else open
    return cast(IO[bytes], opened(file.path, "rb"))


def _is_packed(file: ProjectFile) -> bool:
    return file.name.lower().endswith(".gz")
