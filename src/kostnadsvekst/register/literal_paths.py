"""Names of files as they stand: no sign in them is a wildcard, a home folder or a partition.

DuckDB, Spark and Arrow take a path for a pattern (``kpr[1].csv`` would be ``kpr1.csv``), and know names in
UTF-8 only.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from kostnadsvekst.errors import SpecificationError

_WILDCARDS = re.compile(r"[*?\[]")
_PLAIN = re.compile(r"[\w./-]+", re.ASCII)


def duckdb_path(path: Path, folder: Path) -> str:
    """Path that DuckDB reads as this file alone; to be quoted as text of SQL.

    Parameters
    ----------
    path : Path
    folder : Path
        Private folder that takes a link where the file's name is not UTF-8, or has wildcards and backslashes.

    Raises
    ------
    SpecificationError
        If the folder has such a name, too.
    """
    # Absolute: a tilde in front would be the home folder.
    text = str(path.absolute())
    if not _can_be_escaped(text):
        text = str(_linked(path, folder, _can_be_escaped))
    return _WILDCARDS.sub(lambda sign: f"[{sign.group()}]", text)


def plain_path(path: Path, folder: Path) -> str:
    """Path of English letters, digits, dots and hyphens to the same file, for Spark.

    Parameters
    ----------
    path : Path
    folder : Path
        Private folder that takes a link where the path is not plain.

    Raises
    ------
    SpecificationError
        If the folder's path is not plain either.
    """
    text = str(path.absolute())
    return text if _is_plain(text) else str(_linked(path, folder, _is_plain))


def utf8_path(path: Path, folder: Path) -> str:
    """Path in UTF-8 to the same file, for readers of statistical files; arguments as of `duckdb_path`."""
    text = str(path)
    return text if is_utf8(text) else str(_linked(path, folder, is_utf8))


def is_utf8(text: str) -> bool:
    """Whether a path can be written in UTF-8, as libraries want it."""
    return not re.search("[\ud800-\udfff]", text)


@contextmanager
def opened_parquet(path: Path, *columns_as_codes: str) -> Iterator[pq.ParquetFile]:
    """Parquet file of any name, open for reading.

    Parameters
    ----------
    path : Path
    *columns_as_codes : str
        Text columns that are to come dictionary-encoded.
    """
    codes = list(columns_as_codes)
    if is_utf8(str(path)):
        with pq.ParquetFile(path, read_dictionary=codes, memory_map=True) as file:
            yield file
    else:
        with path.open("rb") as opened, pq.ParquetFile(opened, read_dictionary=codes) as file:
            yield file


def parquet_labels(path: str | Path) -> dict[bytes, bytes]:
    """Key-value metadata of a Parquet file of any name."""
    with opened_parquet(Path(path)) as file:
        return dict(file.schema_arrow.metadata or {})


def _can_be_escaped(text: str) -> bool:
    # A pattern is cut at backslashes, on every system.
    cut = os.sep != "\\" and "\\" in text and _WILDCARDS.search(text)
    return is_utf8(text) and not cut


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None


def _linked(path: Path, folder: Path, is_good: Callable[[str], bool]) -> Path:
    """Link to the file in our own folder."""
    number = len([entry for entry in folder.iterdir() if entry.is_symlink()])
    link = folder.absolute() / f"delivery-{number:05}{path.suffix if path.suffix.isascii() else ''}"
    if not is_good(str(link)):
        raise SpecificationError(
            f"{str(path)!r} has signs that the database cannot read in a file name, and so has the folder "
            "for temporary files: rename the file, or name another temp_directory"
        )
    os.symlink(path.absolute(), link)
    return link
