"""Episodes in batches of bounded size, from Parquet files or from a frame in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kostnadsvekst.errors import DataMissingError, InvalidDataError
from kostnadsvekst.register.literal_paths import opened_parquet
from kostnadsvekst.register.schema import EPISODE_COLUMNS, SERVICE_CODES

BATCH_ROWS = 1 << 18
OPEN_END = np.int32(2**31 - 1)
MISSING_DAY = np.int32(-(2**31))
_TEXT_COLUMNS = ("service", "municipality")

Episodes: TypeAlias = pd.DataFrame | str | Path | Sequence[str | Path]


@dataclass(frozen=True, slots=True)
class EpisodeSource:
    """Where episodes are read from: files, or one table in memory.

    Attributes
    ----------
    files : tuple of Path
        Parquet files, in the order in which they are read; empty if `table` is set.
    table : pyarrow.Table or None
    n_rows : int
    name : str
        For messages.
    """

    files: tuple[Path, ...]
    table: pa.Table | None
    n_rows: int
    name: str

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield record batches with `columns`, text columns dictionary-encoded."""
        if self.table is not None:
            yield from self.table.select(list(columns)).to_batches(max_chunksize=BATCH_ROWS)
            return
        for path in self.files:
            with opened_parquet(path, *_TEXT_COLUMNS) as file:
                yield from file.iter_batches(BATCH_ROWS, columns=list(columns), use_threads=False)


@dataclass(frozen=True, slots=True)
class EpisodeArrays:
    """One batch as arrays, all of shape (n_rows,).

    Attributes
    ----------
    person : ndarray of int64
        Number of the person; negative where missing.
    birth_year : ndarray of int32
        0 where missing.
    sex, service : ndarray of int8
        Service is the index in `SERVICE_CODES`, −1 where unknown; sex 0 where missing.
    municipality : ndarray of int16
        Index in `Municipalities.codes`, −1 where missing; zeros if municipalities were not asked for.
    start, end : ndarray of int32
        Days since 1970-01-01.
    hours : ndarray of float64
        Hours per week, 0 where missing.
    """

    person: NDArray[np.int64]
    birth_year: NDArray[np.int32]
    sex: NDArray[np.int8]
    service: NDArray[np.int8]
    municipality: NDArray[np.int16]
    start: NDArray[np.int32]
    end: NDArray[np.int32]
    hours: NDArray[np.float64]


class CodeBook:
    """Numbers given to texts in the order in which they are first seen."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def encode(self, texts: Sequence[str | None]) -> NDArray[np.int64]:
        """Numbers of `texts`; −1 for None."""
        numbers = self.numbers
        return np.array(
            [-1 if text is None else numbers.setdefault(text, len(numbers)) for text in texts], dtype=np.int64
        )


def open_episodes(episodes: Episodes) -> EpisodeSource:
    """Find the files, check that they have the columns of an episode and count the rows.

    Parameters
    ----------
    episodes : DataFrame, path, or sequence of paths
        A folder stands for all Parquet files in it.

    Raises
    ------
    DataMissingError
        No such file, or a folder without Parquet files.
    InvalidDataError
        Columns that are missing, for all files at once.
    """
    if isinstance(episodes, pd.DataFrame):
        _check_columns({"frame": list(map(str, episodes.columns))})
        table = _frame_to_table(episodes)
        _refuse_zones({"frame": table.schema})
        return EpisodeSource((), table, table.num_rows, "frame")
    paths = find_files(episodes, "*.parquet")
    types: dict[str, pa.Schema] = {}
    schemas, n_rows = {}, 0
    for path in paths:
        with opened_parquet(path) as file:
            types[str(path)] = file.schema_arrow
            schemas[str(path)] = file.schema_arrow.names
            n_rows += file.metadata.num_rows
    _check_columns(schemas)
    _refuse_zones(types)
    return EpisodeSource(paths, None, n_rows, ", ".join(path.name for path in paths[:3]))


def find_files(places: str | Path | Sequence[str | Path], pattern: str) -> tuple[Path, ...]:
    """Files named by a path, a folder or a sequence of paths, in order.

    Raises
    ------
    DataMissingError
        Naming every place where nothing was found.
    """
    listed = [places] if isinstance(places, str | Path) else list(places)
    found: list[Path] = []
    missing: list[str] = []
    for place in map(Path, listed):
        # A folder that is called like a file is none.
        inside = [path for path in sorted(place.glob(pattern)) if path.is_file()] if place.is_dir() else []
        inside = inside or ([place] if place.is_file() else [])
        found += inside
        if not inside:
            missing.append(str(place))
    if missing or not found:
        raise DataMissingError(
            f"no episode file found at {', '.join(missing) or 'an empty list of paths'}; "
            "give a file, a folder or a list of files"
        )
    return tuple(found)


def to_arrays(batch: pa.RecordBatch, persons: CodeBook, municipalities: CodeBook) -> EpisodeArrays:
    """Arrays of one batch; the code books grow with the texts that are met."""
    names = set(batch.schema.names)
    n_rows = batch.num_rows
    return EpisodeArrays(
        person=_person_numbers(batch.column("person_id"), persons),
        birth_year=_integers(batch.column("birth_year"), pa.int32(), 0),
        sex=_integers(batch.column("sex"), pa.int8(), 0),
        service=_service_codes(batch.column("service")),
        municipality=_text_codes(batch.column("municipality"), municipalities)
        if "municipality" in names
        else np.zeros(n_rows, dtype=np.int16),
        start=_days(batch.column("start_date"), MISSING_DAY),
        end=_days(batch.column("end_date"), OPEN_END),
        hours=_integers(batch.column("hours_per_week"), pa.float64(), 0.0),
    )


def person_numbers(batch: pa.RecordBatch, persons: CodeBook) -> NDArray[np.int64]:
    """Person numbers of a batch that has the column ``person_id``."""
    return _person_numbers(batch.column("person_id"), persons)


def _check_columns(schemas: dict[str, list[str]]) -> None:
    problems = [
        f"{name}: no column {', '.join(missing)}"
        for name, columns in schemas.items()
        if (missing := [column for column in EPISODE_COLUMNS if column not in columns])
    ]
    if problems:
        raise InvalidDataError("episodes lack columns; name them in a mapping and run ingest", problems)


def _refuse_zones(schemas: dict[str, pa.Schema]) -> None:
    """Refuse times with a zone: on which day they lie depends on whose day is meant."""
    problems = [
        f"{name}: {column} has the time zone {kind.tz}"
        for name, schema in schemas.items()
        for column in ("start_date", "end_date")
        if pa.types.is_timestamp(kind := schema.field(column).type) and kind.tz is not None
    ]
    if problems:
        raise InvalidDataError(
            "episodes have times with a time zone where days are needed; run kv.register.ingest with [dates] "
            'timezone = "Europe/Oslo", or make them dates first',
            problems,
        )


def _frame_to_table(frame: pd.DataFrame) -> pa.Table:
    frame = frame.loc[:, list(EPISODE_COLUMNS)]
    columns = {}
    for name in EPISODE_COLUMNS:
        array = pa.array(frame[name], from_pandas=True)
        if name in _TEXT_COLUMNS:
            array = array.cast(pa.string()).dictionary_encode()
        columns[name] = array
    return pa.table(columns)


def _person_numbers(column: pa.Array, persons: CodeBook) -> NDArray[np.int64]:
    if pa.types.is_integer(column.type):
        return _integers(column, pa.int64(), -1)
    if pa.types.is_floating(column.type):
        raise InvalidDataError("person_id is a decimal number; it must be an integer or a text")
    encoded = column.dictionary_encode()
    numbers = persons.encode(encoded.dictionary.to_pylist())
    return _decode(encoded, numbers, -1)


def _integers(column: pa.Array, kind: pa.DataType, missing: float) -> NDArray[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if column.null_count:
        column = pc.fill_null(column.cast(kind), pa.scalar(missing, kind))
    elif column.type != kind:
        column = column.cast(kind)
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return values


def _days(column: pa.Array, missing: np.int32) -> NDArray[np.int32]:
    if column.type == pa.null():
        return np.full(len(column), missing, dtype=np.int32)
    if column.type != pa.date32():
        column = column.cast(pa.date32(), safe=False)
    return _integers(column.view(pa.int32()), pa.int32(), int(missing))


def _service_codes(column: pa.Array) -> NDArray[np.int8]:
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    known = {name: number for number, name in enumerate(SERVICE_CODES)}
    codes = np.array([known.get(name, -1) for name in encoded.dictionary.to_pylist()], dtype=np.int8)
    return _decode(encoded, codes, -1)


def _text_codes(column: pa.Array, book: CodeBook) -> NDArray[np.int16]:
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    codes = book.encode(encoded.dictionary.to_pylist()).astype(np.int16)
    return _decode(encoded, codes, -1)


def _decode(encoded: pa.DictionaryArray, codes: NDArray[Any], missing: int) -> NDArray[Any]:
    table = np.append(codes, codes.dtype.type(missing))
    indices = encoded.indices
    if indices.null_count:
        indices = pc.fill_null(indices, len(codes))
    # All are inside: no check.
    decoded: NDArray[Any] = table.take(indices.to_numpy(zero_copy_only=False), mode="clip")
    return decoded
