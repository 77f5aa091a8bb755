"""Extracts of user groups: all municipalities and years as Parquet, or as tables of a database.

The columns are those of the sheets of a book (`municipal_kinds.USER_GROUPS`), by their names in the package
or as the template has them. All faults of all files are told at once, each with its file and rows.
"""

import hashlib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kostnadsvekst.errors import DataMissingError, InvalidDataError, OutputError
from kostnadsvekst.naming import first_of, nearest_names
from kostnadsvekst.provenance import SYNTHETIC, UNKNOWN, Provenance, provenance_of
from kostnadsvekst.sources.extract_columns import ExtractPart, ReadPart, read_part
from kostnadsvekst.sources.extract_rows import ExtractTable, check_tables, joined
from kostnadsvekst.sources.files import USER_FILE
from kostnadsvekst.sources.municipal_forms import Form
from kostnadsvekst.sources.municipal_kinds import USER_GROUPS

SUFFIX = ".parquet"
DATABASE = "table of a database"
_NAMES = ("population", "counts", "accounts")
_MOST_TOLD = 60
_ROW_GROUP = 200_000


@dataclass(frozen=True, slots=True)
class MunicipalExtract:
    """An extract that was read and checked.

    Attributes
    ----------
    population, counts, accounts : DataFrame
        One row a line, columns named as the fields of the sheets; columns that no file has lack.
    provenance : Provenance
    unread : tuple of str
        Files and columns that no sheet has.
    """

    population: pd.DataFrame
    counts: pd.DataFrame
    accounts: pd.DataFrame
    provenance: Provenance
    unread: tuple[str, ...] = ()


def read_extract(where: str | Path | Mapping[str, Any]) -> MunicipalExtract:
    """Read an extract and check all of it.

    Parameters
    ----------
    where : path or mapping
        A folder with ``population``, ``counts`` and ``accounts`` as Parquet: one file each
        (``counts.parquet``), several (``counts-2023.parquet``), or a folder (``counts/``, also with folders
        ``year=2023`` in it). Or name -> path, data frame, Arrow table, Ibis expression, or anything else that
        gives its rows as an Arrow stream.

    Returns
    -------
    MunicipalExtract

    Raises
    ------
    DataMissingError
        There is no such folder, or it has no Parquet.
    InvalidDataError
        All faults of all files: tables and columns that lack, files of one table that have different ones,
        columns of a wrong type, rows that hold no number, no year, no known group, a number outside its
        bounds, or stand twice; municipalities under two names, without inhabitants or beside sums of others.
    """
    faults: list[str] = []
    unread: list[str] = []
    parts = _parts(where, faults, unread)
    read = {name: _read_table(USER_GROUPS.form(name), parts[name], faults, unread) for name in _NAMES}
    tables = {name: table for name, table in read.items() if table is not None}
    faults += check_tables(tables)
    if faults:
        told = list(dict.fromkeys(faults))
        raise InvalidDataError(
            f"the extract has {len(told)} fault(s); nothing is computed", first_of(told, _MOST_TOLD)
        )
    provenance = _provenance(where, parts)
    people, counts, accounts = (tables[name].frame for name in _NAMES)
    for frame in (people, counts, accounts):
        frame.attrs = {"provenance": provenance.to_attrs()}
    return MunicipalExtract(people, counts, accounts, provenance, tuple(unread))


def is_extract(path: str | Path) -> bool:
    """Whether a folder is an extract, Parquet and nothing that a book would be made of.

    Parameters
    ----------
    path : path

    Raises
    ------
    InvalidDataError
        It has sheets as CSV beside Parquet: which of them is meant is not known.
    """
    path = Path(path)
    if not path.is_dir() or not _files_below(path):
        return False
    if any(file.suffix.lower() == ".csv" for file in path.iterdir()):
        raise InvalidDataError(
            f"the folder {str(path)!r} has CSV files and Parquet: keep the one kind in a folder of its own"
        )
    return True


def write_extract(tables: Mapping[str, pd.DataFrame], folder: str | Path) -> tuple[Path, ...]:
    """Write an extract, one Parquet file a table.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        ``population``, ``counts``, ``accounts``.
    folder : path
        Made if it does not exist; files of these names are replaced, each in one step.

    Raises
    ------
    OutputError
        A table of another name, or a folder that cannot be written to.
    """
    strange = [name for name in tables if name not in _NAMES]
    if strange:
        raise OutputError(f"an extract has no table {nearest_names(strange, _NAMES)}")
    folder = Path(folder)
    files = {folder / f"{name}{SUFFIX}": parquet_bytes(table) for name, table in tables.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            staged = path.with_name(f".{path.name}.{os.getpid()}")
            staged.write_bytes(content)
            os.replace(staged, path)
    except OSError as error:
        raise OutputError(f"{str(folder)!r} cannot be written to: {error.strerror or error}") from error
    return tuple(files)


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """Parquet of a frame without its index; its attributes, with the origin of the data, go along.

    Parameters
    ----------
    frame : DataFrame
    """
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table, sink, compression="zstd", row_group_size=_ROW_GROUP)
    content: bytes = sink.getvalue().to_pybytes()
    return content


# --- Which files and tables


def _parts(
    where: str | Path | Mapping[str, Any], faults: list[str], unread: list[str]
) -> dict[str, list[ExtractPart]]:
    given = where if isinstance(where, Mapping) else _in_folder(Path(where), faults, unread)
    strange = [name for name in given if name not in _NAMES]
    if strange:
        faults.append(f"an extract has no table {nearest_names(strange, _NAMES)}: it has {', '.join(_NAMES)}")
    missing = [name for name in _NAMES if name not in given]
    faults += [
        f"there is no table {name!r}: add {name}{SUFFIX}, with the columns of the sheet "
        f"{USER_GROUPS.form(name).label.nb!r}"
        for name in missing
    ]
    return {name: [*_opened(name, given.get(name, ()), faults)] for name in _NAMES}


def _files_below(folder: Path) -> list[Path]:
    """Parquet files of a folder and of those in it, but not what other programs keep beside them."""
    inside = (path for path in folder.rglob("*") if path.suffix.lower() == SUFFIX and path.is_file())
    return sorted(path for path in inside if not any(p[0] in "._" for p in path.relative_to(folder).parts))


def _in_folder(folder: Path, faults: list[str], unread: list[str]) -> dict[str, list[Path]]:
    """Files of each table, by the beginning of their names or by the folder that they are in."""
    if not folder.is_dir():
        raise DataMissingError(f"there is no folder {str(folder)!r}: check the path")
    files = _files_below(folder)
    if not files:
        raise DataMissingError(f"the folder {str(folder)!r} has no Parquet: it needs {', '.join(_NAMES)}")
    found: dict[str, list[Path]] = {}
    for path in files:
        top = path.relative_to(folder).parts[0].casefold().removesuffix(SUFFIX)
        name = next((name for name in USER_GROUPS_NAMES if _begins(top, name)), None)
        if name is None:
            unread.append(f"file {path.relative_to(folder).as_posix()!r}")
        elif USER_GROUPS_NAMES[name] in _NAMES:
            found.setdefault(USER_GROUPS_NAMES[name], []).append(path)
        else:
            faults.append(
                f"{path.relative_to(folder).as_posix()}: an extract holds the accounts as they are to be "
                "used; take corrections and shared costs into them first (user_groups.correct and .allocate)"
            )
    return found


def _begins(text: str, name: str) -> bool:
    """Whether a name of a file is that of a table, perhaps with more behind it: ``counts-2023``."""
    return text == name or (text.startswith(name) and not text[len(name)].isalpha())


USER_GROUPS_NAMES = {
    text.casefold(): form.name
    for form in USER_GROUPS.forms
    for text in (form.name, form.label.nb, form.label.en)
}


def _opened(name: str, given: Any, faults: list[str]) -> Iterator[ExtractPart]:
    """Parts of a table, opened; what cannot be is a fault."""
    several = isinstance(given, Sequence) and not isinstance(given, str)
    for one in given if several else [given]:
        try:
            yield from _open(name, one)
        except InvalidDataError as error:
            faults.append(str(error))


def _open(name: str, given: Any) -> Iterator[ExtractPart]:
    if isinstance(given, str | Path):
        path = Path(given)
        for file in _files_below(path) if path.is_dir() else [path]:
            yield _parquet_part(file)
    elif isinstance(given, pd.DataFrame):
        yield _frame_part(name, given)
    else:
        yield _streamed_part(name, given)


def _frame_part(name: str, given: pd.DataFrame) -> ExtractPart:
    try:
        table = pa.Table.from_pandas(given.rename(columns=str), preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise InvalidDataError(
            f"{name}: a column holds values of several kinds ({_first_line(error)}); give each column one"
        ) from error
    return ExtractPart(name, table, {}, given.attrs, UNKNOWN)


def _parquet_part(path: Path) -> ExtractPart:
    folders = [part.split("=", 1) for part in path.parts[:-1] if "=" in part]
    name = "/".join([*("=".join(f) for f in folders), path.name])
    try:
        with path.open("rb") as opened, pq.ParquetFile(opened) as file:
            table = file.read()
    except (OSError, pa.ArrowException) as error:
        raise InvalidDataError(
            f"{name}: it cannot be read as Parquet ({_first_line(error)}); write it again"
        ) from error
    metadata = table.schema.pandas_metadata or {}
    return ExtractPart(name, table, dict(folders), metadata.get("attributes") or {}, USER_FILE)


def _streamed_part(name: str, given: Any) -> ExtractPart:
    """Rows of an Ibis expression, of which the database sends the needed columns, or of any Arrow stream."""
    form = USER_GROUPS.form(name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            if hasattr(given, "to_pyarrow"):
                known = {text.casefold() for one in form.fields for text in (one.name, *one.label)}
                needed = [column for column in given.columns if column.casefold() in known]
                table = given.select(*needed or given.columns).to_pyarrow()
            else:
                table = pa.table(given)
            return ExtractPart(name, table, {}, {}, DATABASE)
    except Exception as error:  # each database raises its own kinds
        raise InvalidDataError(
            f"{name}: no rows come from {type(given).__name__} ({_first_line(error)}); give a path, a data "
            "frame, an Arrow table or an Ibis expression"
        ) from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _provenance(where: object, parts: Mapping[str, list[ExtractPart]]) -> Provenance:
    """Origin of all parts; one synthetic part makes the whole synthetic."""
    every = [part for one in parts.values() for part in one]
    synthetic = any(provenance_of(_with_attributes(part.attributes)).synthetic for part in every)
    if isinstance(where, Mapping):
        origins = dict.fromkeys(part.origin for part in every)
        names = ", ".join(dict.fromkeys(part.name for part in every))
        return Provenance(SYNTHETIC if synthetic else " and ".join(origins), names)
    path = Path(str(where))
    digest = hashlib.sha256()
    for file in _files_below(path):
        digest.update(file.read_bytes())
    return Provenance(SYNTHETIC if synthetic else USER_FILE, path.name, digest.hexdigest())


def _with_attributes(attributes: Mapping[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame()
    frame.attrs = dict(attributes)
    return frame


# --- Parts of a table


def _read_table(
    form: Form, parts: list[ExtractPart], faults: list[str], unread: list[str]
) -> ExtractTable | None:
    """Read the rows of all parts; None where they cannot be."""
    read = [read_part(part, form) for part in parts]
    faults += [fault for one in read for fault in one.faults]
    unread += [note for one in read for note in one.unread]
    different = [*_different_columns(form, read)]
    faults += different
    if not read or different or any(one.frame is None for one in read):
        return None
    return joined(form, read)


def _different_columns(form: Form, read: Sequence[ReadPart]) -> Iterator[str]:
    """Files of one table have the same columns: what one lacks would be taken for unknown."""
    union = [one.name for one in form.fields if any(one.name in part.columns for part in read)]
    for part in read:
        lacking = [name for name in union if name not in part.columns]
        optional = [name for name in lacking if not form.field(name).required]
        if optional:
            other = next(p.name for p in read if optional[0] in p.columns)
            yield (
                f"{part.name}: has no column {', '.join(map(repr, optional))}, and {other} has; give all "
                f"files of {form.name} the same columns"
            )
