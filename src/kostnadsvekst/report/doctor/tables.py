"""Tables of a project row by row, whatever program wrote them: text, Parquet, Stata, SAS, SPSS, Excel."""

import csv
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kostnadsvekst.report.doctor.folder import ProjectFile
from kostnadsvekst.report.doctor.texts import read_lines

DELIMITED = frozenset({".csv", ".tsv", ".tab"})
ROWS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Attributes
    ----------
    number : int
        From 1, the header counted.
    cells : tuple of str
    sheet : int
        Of a workbook, from 1; 0 where there are none.
    """

    number: int
    cells: tuple[str, ...]
    sheet: int = 0


def read_rows(file: ProjectFile, most_bytes: int) -> Iterator[Row]:
    """Yield the rows of a table, its header first, up to a number of bytes of text.

    Parameters
    ----------
    file : ProjectFile
    most_bytes : int

    Raises
    ------
    Exception
        Whatever the library that reads the kind raises; its words may hold values of the data and are
        therefore never shown.
    """
    left = most_bytes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for row in READERS[file.suffix](file, most_bytes):
            yield row
            left -= sum(map(len, row.cells))
            if left <= 0:
                return


def _delimited(file: ProjectFile, most_bytes: int) -> Iterator[Row]:
    """Split each line for itself: a cell of several lines is cut, but nothing of it is lost."""
    delimiter = ""
    for number, line in enumerate(read_lines(file, most_bytes), 1):
        if number == 1:
            delimiter = max(",;\t|", key=line.count)
        yield Row(number, split_line(line, delimiter))


def split_line(line: str, delimiter: str) -> tuple[str, ...]:
    """Cells of a line of a table."""
    if '"' not in line:
        return tuple(line.split(delimiter))
    try:
        return tuple(next(csv.reader([line], delimiter=delimiter), ()))
    except csv.Error:
        return tuple(line.split(delimiter))


def _text(value: object) -> str:
    """Write a value as a table has it: a whole number stays one where the file keeps it as a float."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _arrow(batches: Iterator[object], names: Sequence[str]) -> Iterator[Row]:
    yield Row(1, tuple(names))
    number = 1
    for batch in batches:
        columns = [column.to_pylist() for column in batch.columns]  # type: ignore[attr-defined]
        for values in zip(*columns, strict=True):
            number += 1
            yield Row(number, tuple(map(_text, values)))


def _parquet(file: ProjectFile, most_bytes: int) -> Iterator[Row]:
    del most_bytes
    import pyarrow.parquet as pq

    with pq.ParquetFile(file.path) as table:
        batches = table.iter_batches(batch_size=ROWS_AT_ONCE)
        yield from _arrow(batches, table.schema_arrow.names)


def _feather(file: ProjectFile, most_bytes: int) -> Iterator[Row]:
    del most_bytes
    import pyarrow as pa

    with pa.memory_map(str(file.path)) as source, pa.ipc.open_file(source) as table:
        batches = (table.get_batch(k) for k in range(table.num_record_batches))
        yield from _arrow(batches, table.schema.names)


def _labelled(reader: str) -> Callable[[ProjectFile, int], Iterator[Row]]:
    def read(file: ProjectFile, most_bytes: int) -> Iterator[Row]:
        del most_bytes
        import pyreadstat

        chunks = pyreadstat.read_file_in_chunks(
            getattr(pyreadstat, reader), str(file.path), chunksize=ROWS_AT_ONCE
        )
        number = 1
        for frame, meta in chunks:
            if number == 1:
                yield Row(1, tuple(meta.column_names))
                yield Row(1, tuple(_labels(meta)))
            for values in frame.itertuples(index=False, name=None):
                number += 1
                yield Row(number, tuple(map(_text, values)))

    return read


def _labels(meta: Any) -> Iterator[str]:
    """Yield what a file of Stata, SAS or SPSS says beside its values: labels of file, columns and values."""
    texts = [meta.file_label, *(meta.notes or ()), *(meta.column_labels or ())]
    texts += [text for labels in (meta.value_labels or {}).values() for text in labels.values()]
    yield from (str(text) for text in texts if text)


class TooLargeError(Exception):
    """A file that unpacks to more than is read."""


# Parts of a workbook that hold text beside the cells: comments, boxes, who wrote it.
_BESIDE_CELLS = re.compile(r"^(xl/(comments|threadedComments|persons|drawings)|docProps)/?[^/]*\.xml$")


def _workbook(file: ProjectFile, most_bytes: int) -> Iterator[Row]:
    """Read a workbook; one that unpacks to a lot would fill the memory before its first row."""
    from zipfile import ZipFile

    from openpyxl import load_workbook

    with ZipFile(file.path) as parts:
        if sum(part.file_size for part in parts.infolist()) > most_bytes:
            raise TooLargeError
        beside = [parts.read(name) for name in parts.namelist() if _BESIDE_CELLS.search(name)]
    yield Row(0, tuple(re.sub(r"<[^>]*>", " ", part.decode("utf-8", "replace")) for part in beside))
    book = load_workbook(file.path, read_only=True, data_only=True)
    try:
        yield Row(0, tuple(book.sheetnames))
        for sheet, page in enumerate(book.worksheets, 1):
            page.reset_dimensions()
            for number, values in enumerate(page.iter_rows(values_only=True), 1):
                yield Row(number, tuple(map(_text, values)), sheet)
    finally:
        book.close()


READERS: dict[str, Callable[[ProjectFile, int], Iterator[Row]]] = {
    **dict.fromkeys(DELIMITED, _delimited),
    ".parquet": _parquet,
    ".feather": _feather,
    ".arrow": _feather,
    ".dta": _labelled("read_dta"),
    ".sav": _labelled("read_sav"),
    ".zsav": _labelled("read_sav"),
    ".sas7bdat": _labelled("read_sas7bdat"),
    ".xpt": _labelled("read_xport"),
    ".xlsx": _workbook,
    ".xlsm": _workbook,
}
