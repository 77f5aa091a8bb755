"""Errors of other libraries while register data are read: what and where, never the row itself.

DuckDB, Arrow, pandas and the readers of statistical files quote what they cannot read. Such a message is the
content of a person's row, and it would end in logs and tracebacks.
"""

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path, PurePath
from traceback import extract_tb
from typing import NamedTuple, ParamSpec, TypeVar

from kostnadsvekst.errors import InvalidDataError, KostnadsvekstError, OutputError

P = ParamSpec("P")
T = TypeVar("T")

_FILE = re.compile(r"^\s*file = (.+)$", re.MULTILINE)
_SNIFFED = re.compile(r"sniffing file \"(.+?)\"")
_LINE = re.compile(r"\bLine: (\d+)")
_FIELDS = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
# Words of a library's message -> (what is wrong, what to do); the first that fits.
_KINDS: tuple[tuple[str, str, str], ...] = (
    (
        "Expected Number of Columns",
        "a row with another number of fields than the header",
        "mend or remove the line; a footnote below the table is such a line",
    ),
    (
        "sniffing file",
        "rows that do not have the header's number of fields, or an unknown delimiter",
        'name the delimiter in the mapping, such as [csv] delimiter = ";", and look for footnotes and for '
        "rows with too many or too few fields",
    ),
    (
        "unicode",
        "text that is not in the file's encoding",
        'name the encoding in the mapping, such as [csv] encoding = "latin-1", or mend the line',
    ),
    (
        "invalid state",
        "lines that end in different ways, or a quote in the middle of a field",
        "save the file again with one kind of line end, and close or double the quotes",
    ),
    ("unterminated quote", "a quote that is not closed", "close or remove the quote in that line"),
    (
        "Out of Memory",
        "they need more memory than the limit allows",
        "give a larger memory_limit, or a temp_directory on a disk with more room",
    ),
    ("Maximum line size", "a line that is too long", "look for a quote that is not closed"),
)
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL_IN_WORDS = ("No space left on device", "Disk quota exceeded", "max_temp_directory_size")
_UNKNOWN = ("values that cannot be read", "compare the columns' types with those of an episode")


def masked(function: Callable[P, T]) -> Callable[P, T]:
    """Turn foreign errors inside a function that reads register data into ours, without their content.

    Parameters
    ----------
    function : callable

    Returns
    -------
    callable
        With the same signature. Our own errors, and the operating system's (no space, no permission), pass.

    Raises
    ------
    InvalidDataError
        Naming the kind of fault, and file and line where the library told them.
    """

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except OutputError as error:
            failure: KostnadsvekstError = OutputError(*error.args)  # without the foreign error behind it
        except KostnadsvekstError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            failure = describe_failure(error)
        # Outside the handler: the foreign error is then not even the context of ours.
        raise failure

    return wrapped


@contextmanager
def telling_full_disk(*folders: Path) -> Iterator[None]:
    """Say that the disk is full in our words, whatever library met it and in which.

    Parameters
    ----------
    *folders : Path
        Where the work writes.

    Raises
    ------
    OutputError
        Naming the folders.
    """
    try:
        yield
    except Exception as error:
        if not is_full_disk(error):
            raise
    else:
        return
    # Outside the handler, as in `masked`.
    places = " and ".join(dict.fromkeys(str(folder) for folder in folders))
    raise OutputError(
        f"no space left on the disk of {places}: make room, or name a temp_directory on another disk; "
        "nothing was left behind, and what was written before is as it was"
    )


def is_full_disk(error: Exception) -> bool:
    """Whether an error says, in any library's words, that the disk is full.

    Parameters
    ----------
    error : Exception
    """
    if isinstance(error, KostnadsvekstError):
        return False
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return any(words in str(error) for words in _FULL_IN_WORDS)


class RaggedRow(NamedTuple):
    """A row of a text file with another number of fields than its header."""

    line: int
    n_fields: int
    n_header: int


def describe_failure(error: Exception, ragged: RaggedRow | None = None) -> InvalidDataError:
    """Our error in place of a foreign one.

    Parameters
    ----------
    error : Exception
        File, line and counts are all that is taken from its message.
    ragged : RaggedRow, optional
        Where a row was found that the message does not name.
    """
    text = str(error)
    if ragged is not None:
        text += (
            f"\nLine: {ragged.line}\nExpected Number of Columns: {ragged.n_header} Found: {ragged.n_fields}"
        )
    what, remedy = next(((what, do) for word, what, do in _KINDS if word.lower() in text.lower()), _UNKNOWN)
    file = _FILE.search(text) or _SNIFFED.search(text)
    line, fields = _LINE.search(text), _FIELDS.search(text)
    place = ", ".join(
        [
            *([PurePath(file.group(1)).name] if file else []),
            *([f"line {line.group(1)}"] if line else []),
        ]
    )
    counts = f" ({fields.group(2)} fields, the header has {fields.group(1)})" if fields else ""
    library = type(error).__module__.partition(".")[0].lstrip("_")
    return InvalidDataError(
        f"register data cannot be read: {what}{counts}" + (f"; {place}" if place else ""),
        [
            remedy,
            f"the message of {library} ({type(error).__name__}{_origin(error)}) is not shown: it may quote a "
            "person's row",
        ],
    )


def _origin(error: Exception) -> str:
    """Place in our code where it happened, for a report of a fault."""
    frames = [frame for frame in extract_tb(error.__traceback__) if "kostnadsvekst" in frame.filename]
    return f" in {PurePath(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
