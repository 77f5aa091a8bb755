"""Tables in files of the user's own: CSV, Parquet, Stata, SAS, SPSS and Excel."""

import csv
import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.errors import DataMissingError, InvalidDataError
from kostnadsvekst.provenance import Provenance

USER_FILE = "file of the user"
# Statistics Norway's symbols for missing numbers, and what other programs write.
MISSING_TEXTS = ("", ".", "..", ":", "NA", "NaN", "nan", "N/A", "NULL")

_ENCODINGS = ("utf-8-sig", "cp1252")
_BLANKS = re.compile("[\\s\u00a0\u202f\u2009]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_CODE = re.compile(r"0\d+")


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table from a file.

    Parameters
    ----------
    path : str or Path
        ``.csv`` or ``.txt`` (also ``.gz``; comma, semicolon or tab between columns; decimal points or commas;
        blanks between thousands; UTF-8 or Windows encoding), ``.parquet``, ``.dta``, ``.sas7bdat``, ``.sav``,
        ``.xlsx``.

    Returns
    -------
    DataFrame
        Text that looks like a number with leading zeros (a municipality code) stays text. Columns of Stata,
        SAS and SPSS keep their numbers unless all value labels are numbers themselves; the labels are in
        ``attrs["value_labels"]``. Stata's months, quarters and half-years (``%tm``, ``%tq``, ``%th``) are
        text such as ``2010M1``, and its weeks (``%tw``) their first days. ``attrs["provenance"]`` names the
        file and its hash.

    Raises
    ------
    DataMissingError
        If there is no such file.
    InvalidDataError
        If the file is empty, cannot be read, or is of an unknown kind.
    """
    path = Path(path)
    if not path.is_file():
        raise DataMissingError(f"there is no file {str(path)!r}: check the path")
    reader = _reader(path)
    content = path.read_bytes()
    if not content:
        raise InvalidDataError(f"the file {str(path)!r} is empty")
    try:
        table = reader(path)
    except InvalidDataError:
        raise
    except Exception as error:  # readers raise many kinds; each means that the file is not what its name says
        raise InvalidDataError(f"the file {str(path)!r} cannot be read: {error}") from error
    if table.empty:
        raise InvalidDataError(f"the file {str(path)!r} has no rows")
    table.attrs["provenance"] = Provenance(USER_FILE, path.name, hashlib.sha256(content).hexdigest())
    return table


def parse_numbers(column: pd.Series) -> pd.Series:
    """Turn a column of text into numbers where all of it is numbers, Norwegian or English style.

    Parameters
    ----------
    column : Series of str
        ``"1 234,5"``, ``"1,234.5"``, ``"1.234,5"`` and ``"1234.5"`` are all read; where both marks occur
        in the column the last one is the decimal mark, and a comma alone is one too.

    Returns
    -------
    Series
        Numbers with NaN for missing; or the text as it was (missing as NaN) if any value is not a number
        or has leading zeros.
    """
    text = column.where(~column.isin(MISSING_TEXTS))
    values = [_BLANKS.sub("", v).replace("\u2212", "-") for v in text.dropna()]
    plain = _decimal_points(values)
    if not plain or not all(_NUMBER.fullmatch(v) for v in plain) or any(_CODE.fullmatch(v) for v in plain):
        return text
    values_or_nan = np.full(len(column), np.nan)
    values_or_nan[text.notna().to_numpy()] = [float(v) for v in plain]
    numbers = pd.Series(values_or_nan, index=column.index, name=column.name)
    whole = numbers.notna().all() and all("." not in v and "e" not in v.lower() for v in plain)
    return numbers.astype("int64") if whole else numbers


def _decimal_points(values: list[str]) -> list[str]:
    commas, points = any("," in v for v in values), any("." in v for v in values)
    if commas and points:
        both = next((v for v in values if "," in v and "." in v), None)
        if both is None or both.rindex(",") > both.rindex("."):
            return [v.replace(".", "").replace(",", ".") for v in values] if both else values
        return [v.replace(",", "") for v in values]
    return [v.replace(",", ".") if v.count(",") == 1 else v for v in values] if commas else values


def _reader(path: Path) -> Callable[[Path], pd.DataFrame]:
    name = path.name.lower().removesuffix(".gz")
    for suffix, reader in _READERS.items():
        if name.endswith(suffix):
            return reader
    raise InvalidDataError(
        f"cannot tell what kind of file {str(path)!r} is; known endings: {', '.join(_READERS)}"
    )


def _read_csv(path: Path) -> pd.DataFrame:
    text = _decode(path)
    if not text.strip():
        raise InvalidDataError(f"the file {str(path)!r} is empty")
    first = text.lstrip().splitlines()[0]
    delimiter = max((";", "\t", ",", "|"), key=first.count)
    rows = csv.reader(io.StringIO(text), delimiter=delimiter)
    header = next(rows)
    ragged = [str(rows.line_num) for row in rows if row and len(row) != len(header)]
    if ragged:
        raise InvalidDataError(
            f"the file {str(path)!r} has {len(header)} columns in its first line but another number in "
            f"line(s) {', '.join(ragged[:10])}: decimal commas in a comma-separated file must be in quotes"
        )
    table = pd.read_csv(io.StringIO(text), sep=delimiter, dtype=str, keep_default_na=False)
    return table.apply(parse_numbers)


def _decode(path: Path) -> str:
    content = path.read_bytes()
    if path.suffix.lower() == ".gz":
        import gzip

        content = gzip.decompress(content)
    _refuse_mixed_encodings(path, content)
    for encoding in _ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def _refuse_mixed_encodings(path: Path, content: bytes) -> None:
    """Refuse files pasted together from two programs, each with its own way of writing æ, ø and å."""
    broken = []
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            broken.append(str(number))
    if broken and any(letter.encode() in content for letter in "æøåÆØÅ"):
        raise InvalidDataError(
            f"the file {str(path)!r} mixes encodings: line(s) {', '.join(broken[:10])} are not UTF-8 but "
            "others are; save it again in one encoding"
        )


def _read_parquet(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path)


def _read_excel(path: Path) -> pd.DataFrame:
    return pd.read_excel(path)


def _read_labelled(path: Path) -> pd.DataFrame:
    import pyreadstat

    readers: dict[str, Any] = {
        ".dta": pyreadstat.read_dta,
        ".sav": pyreadstat.read_sav,
        ".sas7bdat": pyreadstat.read_sas7bdat,
    }
    table, meta = readers[path.suffix.lower()](path)
    for name, stored in meta.original_variable_types.items():
        kind = str(stored).replace("-", "")[
            :3
        ]  # without the sign of left-justified columns, and what follows
        if kind in (*_STATA_PERIODS, _STATA_WEEKS) and pd.api.types.is_numeric_dtype(table[name].dtype):
            table[name] = (
                _stata_weeks(table[name]) if kind == _STATA_WEEKS else _stata_text(table[name], kind)
            )
    for name, labels in meta.variable_value_labels.items():
        table[name] = _numbers_from_labels(table[name], labels)
    table.attrs["value_labels"] = dict(meta.variable_value_labels)
    return table


# Stata's times that are stored as numbers since 1960: format -> letter that stands for it, parts of a year.
_STATA_PERIODS = {"%tm": ("M", 12), "%tq": ("Q", 4), "%th": ("H", 2)}
# Of these every year has 52, the first beginning on 1 January.
_STATA_WEEKS = "%tw"


def _stata_weeks(column: pd.Series) -> pd.Series:
    """First days of Stata's weeks, as pandas reads them."""
    years, weeks = np.divmod(column, 52)
    january = pd.to_datetime((1960 + years).astype("Int64").astype("string") + "-01-01")
    first_days: pd.Series = january + pd.to_timedelta(7 * weeks, unit="D")
    return first_days


def _stata_text(column: pd.Series, kind: str) -> pd.Series:
    """Months, quarters and half-years as text that `kostnadsvekst.panel.periods` reads, such as 2010M1."""
    letter, parts = _STATA_PERIODS[kind]

    def text(number: float) -> str:
        year, part = divmod(int(number), parts)
        return f"{1960 + year}{letter}{part + 1}"

    return column.astype(object).map(text, na_action="ignore")


def _numbers_from_labels(column: pd.Series, labels: dict[Any, str]) -> pd.Series:
    """Stata's ``encode`` turns years kept as text into 1, 2, ...; the labels then hold the numbers."""
    text = column.map(labels)
    if not (text.notna() | column.isna()).all():
        return column
    numbers = pd.to_numeric(text, errors="coerce")
    return numbers if (numbers.notna() | column.isna()).all() else column


_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _read_csv,
    ".txt": _read_csv,
    ".parquet": _read_parquet,
    ".dta": _read_labelled,
    ".sas7bdat": _read_labelled,
    ".sav": _read_labelled,
    ".xlsx": _read_excel,
}
