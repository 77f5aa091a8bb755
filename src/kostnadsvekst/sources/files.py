"""Tables in files of the user's own: CSV, Parquet, Feather, Stata, SAS, SPSS and Excel."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kostnadsvekst.errors import DataMissingError, InvalidDataError, KostnadsvekstError, SpecificationError
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.sources.delimited import read_delimited
from kostnadsvekst.sources.labelled import read_labelled, refuse_rounded
from kostnadsvekst.sources.workbooks import read_workbook

USER_FILE = "file of the user"
_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Reading:
    """What the user tells of a file beyond its name.

    Attributes
    ----------
    sheet : str, optional
        Sheet of a workbook.
    decimal : {".", ","}, optional
        Decimal mark of numbers in text.
    encoding, delimiter : str, optional
        Of a text file.
    """

    sheet: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    delimiter: str | None = None


def read_table(
    path: str | Path,
    *,
    sheet: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> pd.DataFrame:
    """Read a table from a file.

    Parameters
    ----------
    path : str or Path
        ``.csv``, ``.tsv`` or ``.txt`` (also ``.gz``), ``.parquet``, ``.feather``, ``.xlsx``, ``.dta``,
        ``.sas7bdat``, ``.xpt``, ``.sav``, ``.zsav`` or ``.por``.
    sheet : str, optional
        Sheet of a workbook; needed where several hold a table.
    decimal : {".", ","}, optional
        Decimal mark of numbers in text; needed where all of them can be read in two ways (``"1,234"``).
    encoding, delimiter : str, optional
        Of a text file, where what is found out (`docs/own_files.md` has the rules) is not right.

    Returns
    -------
    DataFrame
        Text that looks like a number with leading zeros (a municipality code) stays text. Columns of Stata,
        SAS and SPSS keep their numbers; the labels are in ``attrs["value_labels"]``. Years side by side
        become rows. A column of numbers with Statistics Norway's symbols has a companion ``NAME_status``.
        ``attrs["layout"]`` says how a text file or sheet was read, ``attrs["provenance"]`` names the file and
        its hash.

    Raises
    ------
    DataMissingError
        If there is no such file.
    InvalidDataError
        If the file is empty, cannot be read, is of an unknown kind or of another kind than its name says, or
        can be read in two ways.
    SpecificationError
        If an option does not fit the kind of file.
    """
    path = Path(path)
    if not path.is_file():
        raise DataMissingError(f"there is no file {str(path)!r}: check the path")
    suffix = _suffix(path)
    reading = Reading(sheet, decimal, encoding, delimiter)
    _refuse_options(path, suffix, reading)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataMissingError(
            f"the file {str(path)!r} cannot be opened ({error.strerror}): check who may read it"
        ) from error
    if not content:
        raise InvalidDataError(f"the file {str(path)!r} is empty")
    _refuse_other_kind(path, suffix, content)
    try:
        table = _READERS[suffix](path, reading)
    except KostnadsvekstError:
        raise
    except Exception as error:  # readers raise many kinds; each means that the file is not what its name says
        raise InvalidDataError(
            f"the file {str(path)!r} cannot be read as {suffix}: {error}; open it in the program that made "
            "it and "
            "save it again"
        ) from error
    if table.empty:
        raise InvalidDataError(f"the file {str(path)!r} has no rows")
    refuse_rounded(table, str(path))
    _refuse_repeated_names(table, path)
    digest = hashlib.sha256(content).hexdigest()
    table.attrs["provenance"] = Provenance(USER_FILE, path.name, digest).to_attrs()
    return table


def _suffix(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    found = next((suffix for suffix in _READERS if name.endswith(suffix)), None)
    if found is not None:
        return found
    other = next((way for suffix, way in _WAYS_OUT.items() if name.endswith(suffix)), None)
    if other:
        raise InvalidDataError(f"the file {str(path)!r} is {other}")
    raise InvalidDataError(
        f"cannot tell what kind of file {str(path)!r} is; known endings: {', '.join(_READERS)}"
    )


def _refuse_options(path: Path, suffix: str, reading: Reading) -> None:
    allowed = {"sheet", "decimal"} if suffix in _WORKBOOKS else set()
    allowed = {"decimal", "encoding", "delimiter"} if suffix in _TEXTS else allowed
    given = [n for n in ("sheet", "decimal", "encoding", "delimiter") if getattr(reading, n) is not None]
    wrong = [name for name in given if name not in allowed]
    if wrong:
        raise SpecificationError(
            f"{', '.join(wrong)}: nothing to choose in {str(path)!r}; a file {suffix} has "
            f"{', '.join(sorted(allowed)) or 'no such options'}"
        )


def _refuse_other_kind(path: Path, suffix: str, content: bytes) -> None:
    """Refuse a file whose first bytes are those of another kind than its name says."""
    start = content[:1024]
    if content[:8] == _OLE and suffix in _WORKBOOKS and "EncryptedPackage".encode("utf-16-le") in content:
        raise InvalidDataError(
            f"the file {str(path)!r} is protected by a password: open it in Excel and save it without one"
        )
    for signature, what, suffixes in _SIGNATURES:
        if (
            start.lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith(signature.lower())
            and suffix not in suffixes
        ):
            if signature == b"\x1f\x8b" and path.suffix.lower() == ".gz":
                continue
            raise InvalidDataError(
                f"the file {str(path)!r} is not what its name says: it is {what}; give it its right name, "
                "or save it "
                f"again as {suffix}"
            )


def _refuse_repeated_names(table: pd.DataFrame, path: Path) -> None:
    twice = list(dict.fromkeys(map(str, table.columns[table.columns.duplicated()])))
    if twice:
        raise InvalidDataError(f"the file {str(path)!r} has several columns of one name; rename them", twice)


def _read_arrow(path: Path, reading: Reading) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.feather
    import pyarrow.parquet

    stored = (
        pyarrow.parquet.ParquetFile(path).read()
        if path.suffix.lower() == ".parquet"
        else pyarrow.feather.read_table(path)
    )
    table = stored.to_pandas()
    for name, column in zip(stored.column_names, stored.columns, strict=True):
        # pandas makes decimals of whole numbers among which one is missing.
        if name in table.columns and pa.types.is_integer(column.type) and column.null_count:
            exact = pd.array(column.to_pylist(), dtype="Int64")
            if (exact.dropna() > _EXACT).any() or (exact.dropna() < -_EXACT).any():
                table[name] = exact
    if any(name is not None for name in table.index.names):
        table = table.reset_index()
    return table


def _read_text(path: Path, reading: Reading) -> pd.DataFrame:
    return read_delimited(path, reading.decimal, reading.encoding, reading.delimiter)


def _read_workbook(path: Path, reading: Reading) -> pd.DataFrame:
    return read_workbook(path, reading.sheet, reading.decimal)


def _read_labelled(path: Path, reading: Reading) -> pd.DataFrame:
    return read_labelled(path)


_TEXTS = (".csv", ".txt", ".tsv")
_WORKBOOKS = (".xlsx", ".xlsm")
_STATISTICS = (".dta", ".sas7bdat", ".sav", ".xpt", ".zsav", ".por")
_READERS: dict[str, Callable[[Path, Reading], pd.DataFrame]] = {
    ".csv": _read_text,
    ".txt": _read_text,
    ".parquet": _read_arrow,
    **dict.fromkeys(_STATISTICS, _read_labelled),
    ".xlsx": _read_workbook,
    ".xlsm": _read_workbook,
    ".feather": _read_arrow,
    ".tsv": _read_text,
}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SAVE = "open it there and save it as .xlsx, or as CSV in UTF-8"
# Kinds that are not read, and what to do.
_WAYS_OUT = {
    ".xls": f"a workbook of Excel 97-2003, which is not read: {_SAVE}",
    ".xlsb": f"a binary workbook of Excel, which is not read: {_SAVE}",
    ".ods": f"a workbook of LibreOffice, which is not read: {_SAVE}",
    ".numbers": "a workbook of Apple's Numbers, which is not read: export it as Excel (.xlsx) or CSV",
    ".sas7bcat": "a catalogue of SAS formats, which holds no data: give the .sas7bdat file",
    ".rds": "a file of R, which is not read: write it with arrow::write_parquet or haven::write_dta",
    ".rdata": "a file of R, which is not read: write it with arrow::write_parquet or haven::write_dta",
    ".json": "JSON, which is not read here: for the StatBank's JSON-stat use kv.statbank, else save it as "
    "CSV",
    ".zip": "an archive: unpack it and give the file inside",
    ".pdf": "a document, not a table: take the table from its source",
}
# First bytes, what they are the mark of, and the endings that such a file has.
_SIGNATURES: tuple[tuple[bytes, str, tuple[str, ...]], ...] = (
    (b"PK\x03\x04", "an Excel workbook (.xlsx) or another ZIP archive", _WORKBOOKS),
    (_OLE, "a workbook of Excel 97-2003 (.xls) or another old Office file", ()),
    (b"PAR1", "a Parquet file", (".parquet",)),
    (b"ARROW1", "a Feather file", (".feather",)),
    (b"\x1f\x8b", "compressed with gzip (.gz)", ()),
    (b"$FL2", "an SPSS file (.sav)", (".sav", ".zsav")),
    (b"$FL3", "an SPSS file (.zsav)", (".sav", ".zsav")),
    (b"<stata_dta>", "a Stata file (.dta)", (".dta",)),
    (b"HEADER RECORD*******LIBRARY HEADER", "a SAS transport file (.xpt)", (".xpt",)),
    (b"SR\x00", "a file of IDL, which is not read", ()),
    (b"SQLite format 3", "a database of SQLite", ()),
    (b"%PDF", "a PDF document", ()),
    (b"<!doctype html", "a web page", ()),
    (b"<html", "a web page", ()),
    (b"<table", "a web page", ()),
    (b"<?xml", "XML, perhaps an Excel 2003 workbook", ()),
    (b'{"', "JSON", ()),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself", ()),
)
