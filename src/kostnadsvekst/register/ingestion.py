"""Any delivery of episodes to one Parquet file, checked, without duplicates and sorted by person."""

import csv
import hashlib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numba import njit
from numpy.typing import NDArray

from kostnadsvekst.errors import DataMissingError, InvalidDataError, OutputError, SpecificationError
from kostnadsvekst.register.episodes import CodeBook, find_files
from kostnadsvekst.register.literal_paths import (
    duckdb_path,
    is_utf8,
    opened_parquet,
    parquet_labels,
    utf8_path,
)
from kostnadsvekst.register.masking import RaggedRow, describe_failure, masked, telling_full_disk
from kostnadsvekst.register.painter import year_of_day
from kostnadsvekst.register.progress import RowProgress
from kostnadsvekst.register.schema import (
    EPISODE_COLUMNS,
    FIRST_BIRTH_YEAR,
    HOURS_UNIT,
    LAST_BIRTH_YEAR,
    MAX_HOURS_PER_WEEK,
    OLDEST_AGE,
    SERVICE_CODES,
    masked_count,
    memory_bytes,
)
from kostnadsvekst.register.workspace import workspace

UNKNOWN_MUNICIPALITY = "9999"
_STATISTICS_FILES = (".sas7bdat", ".dta", ".sav")
_TEXT_FILES = (".csv", ".txt", ".tsv")
_RULES_VERSION = 1
_CHUNK_ROWS = 500_000
_MAPPING_TABLES = ("columns", "services", "sex", "dates", "csv")
# Faults in the order in which they are looked for; a row is counted under its first.
REFUSALS = (
    "person_id missing",
    "service unknown or missing",
    "start_date missing or unreadable",
    "end_date unreadable",
    "end_date before start_date",
    "birth_year missing or impossible",
    "sex missing or unknown",
    "hours_per_week unreadable, negative or above 336",
    "duplicate of another row",
)
REPAIRS = (
    "municipality missing or malformed: set to 9999",
    "municipality of three digits: zero put in front",
    "birth_year or sex differs between rows: that of the latest episode used",
)


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What became of the rows that were read.

    Attributes
    ----------
    out : str
        File written.
    rows_read, rows_kept : int
    refused : dict
        Reason -> rows refused; a row is counted under its first fault.
    repaired : dict
        Repair -> rows kept with the repair.
    reused : bool
        The file already held these deliveries and was left as it is.
    """

    out: str
    rows_read: int
    rows_kept: int
    refused: dict[str, int] = field(default_factory=dict)
    repaired: dict[str, int] = field(default_factory=dict)
    reused: bool = False

    @property
    def rows_refused(self) -> int:
        """Rows refused for any reason."""
        return sum(self.refused.values())

    def to_frame(self) -> pd.DataFrame:
        """Return ``what``, ``reason`` and ``rows`` (text) in a form that may leave the secure zone.

        Counts from 1 to 4 are shown as "fewer than 5", and the totals from which one could be worked out
        are left out.
        """
        small = any(0 < n < 5 for n in [*self.refused.values(), self.rows_refused])
        rows = [
            ("read", "", str(self.rows_read)),
            ("kept", "", "about " + str(round(self.rows_kept, -2)) if small else str(self.rows_kept)),
            *(("refused", reason, masked_count(n)) for reason, n in self.refused.items()),
            *(("repaired", repair, masked_count(n)) for repair, n in self.repaired.items()),
        ]
        return pd.DataFrame(rows, columns=["what", "reason", "rows"])

    def __str__(self) -> str:
        lines = [
            f"{row.what:<9} {row.rows:>14}  {row.reason}".rstrip() for row in self.to_frame().itertuples()
        ]
        return "\n".join([f"{self.out}{' (unchanged since last time)' if self.reused else ''}", *lines])


class Delivery(NamedTuple):
    """A file of the user's, and the files that DuckDB reads in its place."""

    name: str
    parts: tuple[Path, ...]


@masked
def ingest(
    paths: str | Path | Sequence[str | Path],
    out: str | Path,
    mapping: str | Path | Mapping[str, Any] | None = None,
    memory_limit: str = "2GB",
    temp_directory: str | Path | None = None,
    *,
    file_mode: int = 0o600,
) -> IngestReport:
    """Read deliveries of episodes and write one Parquet file that is checked and sorted by person.

    Parameters
    ----------
    paths : path or sequence of paths
        ``.sas7bdat``, ``.dta``, ``.sav``, ``.csv``/``.txt``/``.tsv`` or ``.parquet``; a folder stands for all
        such files in it.
    out : path
        Parquet file to write, atomically. If it already holds exactly these deliveries nothing is done.
    mapping : path of a TOML file or mapping, optional
        ``[columns]`` our name = theirs; ``[services]`` and ``[sex]`` their code = ours; ``[dates]`` format =
        strptime pattern or list of patterns; ``[csv]`` delimiter, encoding, decimal.
    memory_limit : str
        For sorting; more is spilled to disk.
    temp_directory : path, optional
        Where to spill (personal data): default the folder of `out`. Removed at the end, or at the next start
        after a crash.
    file_mode : int
        Permissions of the file written; by default only its owner may read it. Windows has its own rules.

    Returns
    -------
    IngestReport
        Rows read, kept, repaired and refused by reason; prints itself with small counts masked.

    Raises
    ------
    DataMissingError
        Files that do not exist.
    InvalidDataError
        Columns that are missing in any file (all at once), or no usable row.
    SpecificationError
        A mapping that cannot be read, or a file of an unknown kind.
    OutputError
        The disk is full, or `out` is a file that `ingest` did not write.

    Notes
    -----
    Persons are numbered anew (0, 1, ...) in the order of their identifiers, which are not kept. Faulty rows
    are refused and counted, nothing is dropped silently. Taken up again after a crash: files of SAS, Stata
    and SPSS that had been read are not read again.
    """
    target = Path(out)
    plan = _read_mapping(mapping)
    files = _delivered_files(paths, target)
    memory_bytes(memory_limit)
    fingerprint = _fingerprint(files, plan)
    done = _stored_report(target, fingerprint)
    root = Path(temp_directory) if temp_directory else target.parent
    with telling_full_disk(target.parent, root), workspace(root, key=fingerprint[:16]) as folder:
        if done is not None:
            return done
        staged = [Delivery(path.name, _stage(path, folder)) for path in files]
        # A half-written file is personal data too; beside the target, so that it can take its place at once.
        with workspace(target.parent) as private:
            partial = private / "episodes.parquet"
            report = _sort_and_write(staged, partial, plan, fingerprint, memory_limit, folder)
            partial.chmod(file_mode)
            partial.replace(target)
    return replace(report, out=str(target))


def _read_mapping(mapping: str | Path | Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    raw = _raw_mapping(mapping)
    plan = {name: dict(raw.get(name, {})) for name in _MAPPING_TABLES}
    problems = [f"unknown table [{name}]" for name in raw if name not in _MAPPING_TABLES]
    problems += [
        f"[columns] {name}: not a column of an episode"
        for name in plan["columns"]
        if name not in EPISODE_COLUMNS
    ]
    problems += [
        f"[services] {code} = {name!r}: not a service"
        for code, name in plan["services"].items()
        if name not in SERVICE_CODES
    ]
    problems += [
        f"[sex] {code} = {value!r}: must be 1 or 2"
        for code, value in plan["sex"].items()
        if value not in (1, 2)
    ]
    if problems:
        lines = [f"  - {problem}" for problem in problems]
        allowed = f"  services are {', '.join(SERVICE_CODES)}"
        raise SpecificationError("\n".join(["mapping cannot be used:", *lines, allowed]))
    return plan


def _raw_mapping(mapping: str | Path | Mapping[str, Any] | None) -> Mapping[str, Any]:
    if mapping is None or isinstance(mapping, Mapping):
        return mapping or {}
    try:
        return tomllib.loads(Path(mapping).read_text("utf-8"))
    except FileNotFoundError as error:
        raise DataMissingError(f"no mapping file {mapping}") from error
    except tomllib.TOMLDecodeError as error:
        raise SpecificationError(f"mapping {mapping}: {error}") from error


def _delivered_files(paths: str | Path | Sequence[str | Path], target: Path) -> tuple[Path, ...]:
    known = (*_STATISTICS_FILES, *_TEXT_FILES, ".parquet")
    found = find_files(paths, "*")
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    in_folders = any(Path(place).is_dir() for place in listed)
    files = tuple(p for p in found if p.suffix.lower() in known and p.resolve() != target.resolve())
    strange = [p.name for p in found if p.suffix.lower() not in known]
    if not files or (strange and not in_folders):
        raise SpecificationError(f"{', '.join(strange) or paths}: files must end in {', '.join(known)}")
    return files


def _fingerprint(files: Sequence[Path], plan: Mapping[str, Any]) -> str:
    facts = [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    text = json.dumps([facts, plan, _RULES_VERSION], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _stored_report(target: Path, fingerprint: str) -> IngestReport | None:
    if not os.path.lexists(target):
        return None
    metadata = _own_metadata(target)
    if metadata.get(b"fingerprint", b"").decode() != fingerprint:
        return None
    return IngestReport(**{**json.loads(metadata[b"report"]), "out": str(target), "reused": True})


def _own_metadata(target: Path) -> dict[bytes, bytes]:
    """Read what an earlier run says of its file; refuse anything else that is in the place."""
    metadata: dict[bytes, bytes] = {}
    if target.is_file():
        with suppress(pa.ArrowInvalid), opened_parquet(target) as file:
            metadata = file.metadata.metadata or {}
    if b"fingerprint" not in metadata:
        raise OutputError(
            f"{str(target)!r} is there and is no file that ingest wrote: move it away, or name another file"
        )
    return metadata


def _stage(path: Path, folder: Path) -> tuple[Path, ...]:
    """Files that DuckDB can read: statistical formats are turned into Parquet, a chunk at a time."""
    if path.suffix.lower() not in _STATISTICS_FILES:
        return (path.absolute(),)
    import pyreadstat

    readers: dict[str, Any] = {
        ".sas7bdat": pyreadstat.read_sas7bdat,
        ".dta": pyreadstat.read_dta,
        ".sav": pyreadstat.read_sav,
    }
    stem = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    ready = folder / f"{stem}.ready"
    if not ready.exists():
        chunks = pyreadstat.read_file_in_chunks(
            readers[path.suffix.lower()], utf8_path(path, folder), chunksize=_CHUNK_ROWS
        )
        for number, (frame, _) in enumerate(chunks):
            part = folder / f"{stem}-{number:05}.parquet"
            frame.to_parquet(part, index=False)
            part.chmod(0o600)
        ready.touch()
    parts = tuple(sorted(folder.glob(f"{stem}-*.parquet")))
    if not parts:
        raise InvalidDataError(f"{path.name} has no rows")
    return parts


def _sort_and_write(
    staged: Sequence[Delivery],
    target: Path,
    plan: Mapping[str, dict[str, Any]],
    fingerprint: str,
    memory_limit: str,
    folder: Path,
) -> IngestReport:
    import duckdb

    spill = folder / "spill"
    spill.mkdir(exist_ok=True)
    if not is_utf8(str(spill)):
        raise SpecificationError(
            f"{str(folder.parent)!r}: the database cannot spill into a folder whose name is not UTF-8; name "
            "another temp_directory"
        )
    size = sum(path.stat().st_size for delivery in staged for path in delivery.parts)
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "temp_directory": str(spill),
        "max_temp_directory_size": f"{20 * size // 10**9 + 4}GB",
    }
    with duckdb.connect(config=config) as connection:
        connection.execute("SET enable_progress_bar = false")  # it would be drawn on standard output
        checked = _checked_rows(connection, staged, plan, folder)
        connection.execute(f"CREATE TEMP VIEW checked AS {checked}")
        refused, repaired, n_read = _count_reasons(connection)
        columns = "person, birth_year, sex, municipality, service, start_day, end_day, hundredths"
        order = "person, service, start_day, end_day, hundredths, municipality, birth_year, sex"
        rows = connection.sql(f"SELECT {columns} FROM checked WHERE reason IS NULL ORDER BY {order}")
        # One synthetic delivery makes the whole synthetic: the label must never get lost.
        synthetic = any(_says_synthetic(path) for delivery in staged for path in delivery.parts)
        counted = IngestReport(target.name, n_read, 0, refused, repaired)
        return _write_sorted(rows, target, counted, synthetic, fingerprint)


def _says_synthetic(path: Path) -> bool:
    if path.suffix.lower() != ".parquet":
        return False
    return parquet_labels(path).get(b"origin") == b"synthetic"


def _checked_rows(
    connection: Any, staged: Sequence[Delivery], plan: Mapping[str, dict[str, Any]], folder: Path
) -> str:
    """Write SQL of all rows in our columns with the reason why a row is refused."""
    relations = [_relation(delivery.parts, plan["csv"], folder) for delivery in staged]
    types = [
        dict(_described(connection, relation, delivery, plan["csv"]))
        for delivery, relation in zip(staged, relations, strict=True)
    ]
    names = {ours: plan["columns"].get(ours, ours) for ours in EPISODE_COLUMNS}
    problems = [
        f"{delivery.name}: no column {theirs}" + (f" (for {ours})" if ours != theirs else "")
        for delivery, columns in zip(staged, types, strict=True)
        for ours, theirs in names.items()
        if theirs not in columns
    ]
    if problems:
        raise InvalidDataError(
            f"episodes: {len(problems)} missing column(s); name them under [columns] of a mapping", problems
        )
    integers = all(columns[names["person_id"]] in _INTEGER_TYPES for columns in types)
    selects = [
        _normalised(relation, columns, names, plan, integers)
        for relation, columns in zip(relations, types, strict=True)
    ]
    return _with_reason(" UNION ALL ".join(selects))


_INTEGER_TYPES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")


def _relation(parts: Sequence[Path], options: Mapping[str, Any], folder: Path) -> str:
    names = ", ".join(_quoted(duckdb_path(path, folder)) for path in parts)
    # A folder called "sex=1" gives no column.
    if parts[0].suffix.lower() == ".parquet":
        return f"read_parquet([{names}], hive_partitioning = false)"
    written = [f"delim = {_quoted(str(options['delimiter']))}"] if "delimiter" in options else []
    written += [f"encoding = {_quoted(str(options['encoding']))}"] if "encoding" in options else []
    fixed = ["header = true", "all_varchar = true", "hive_partitioning = false"]
    return f"read_csv([{names}], {', '.join([*fixed, *written])})"


def _described(
    connection: Any, relation: str, delivery: Delivery, options: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Columns and types; where a text file cannot be made out, the row that is in the way is named."""
    import duckdb

    try:
        return _describe(connection, relation)
    except duckdb.Error as error:
        text = delivery.parts[0].suffix.lower() in _TEXT_FILES
        failure = describe_failure(error, _first_ragged_row(delivery.parts[0], options) if text else None)
    # Outside the handler, so that the row is not in the context either.
    raise failure


def _first_ragged_row(path: Path, options: Mapping[str, Any]) -> RaggedRow | None:
    encoding = str(options.get("encoding", "utf-8"))
    # Such as a field without an end, or an encoding that only the database knows.
    with suppress(csv.Error, LookupError), path.open(encoding=encoding, errors="replace", newline="") as file:
        first = file.readline()
        file.seek(0)
        delimiter = str(options.get("delimiter") or max((";", "\t", ",", "|"), key=first.count))
        rows = csv.reader(file, delimiter=delimiter)
        n_header = len(next(rows, []))
        for row in rows:
            if row and len(row) != n_header:
                return RaggedRow(rows.line_num, len(row), n_header)
    return None


def _describe(connection: Any, relation: str) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _normalised(
    relation: str,
    types: Mapping[str, str],
    names: Mapping[str, str],
    plan: Mapping[str, dict[str, Any]],
    integers: bool,
) -> str:
    """Write SQL of one delivery in our columns and types; what cannot be read becomes NULL, remembered."""

    def column(name: str) -> str:
        return '"' + names[name].replace('"', '""') + '"'

    def text(name: str) -> str:
        plain = f"nullif(trim(CAST({column(name)} AS VARCHAR)), '')"
        return (
            f"regexp_replace({plain}, '\\.0+$', '')" if types[names[name]] in ("DOUBLE", "FLOAT") else plain
        )

    hours_text = f"replace({text('hours_per_week')}, ',', '.')"
    is_number = types[names["hours_per_week"]] not in ("VARCHAR",)
    hours = (
        f"CAST({column('hours_per_week')} AS DOUBLE)" if is_number else f"TRY_CAST({hours_text} AS DOUBLE)"
    )
    start, end = (
        _date_sql(column(n), types[names[n]], text(n), plan["dates"]) for n in ("start_date", "end_date")
    )
    person = f"CAST({column('person_id')} AS BIGINT)" if integers else text("person_id")
    return f"""SELECT {person} AS person,
        TRY_CAST(TRY_CAST({text("birth_year")} AS DOUBLE) AS INTEGER) AS birth_year,
        {_lookup(text("sex"), {"1": 1, "2": 2} | {str(k): v for k, v in plan["sex"].items()})} AS sex,
        {text("municipality")} AS place,
        {_lookup(text("service"), _service_numbers(plan["services"]))} AS service,
        {start} AS start_date,
        {end} AS end_date,
        {text("end_date")} IS NOT NULL AND ({end}) IS NULL AS end_unreadable,
        {hours} AS hours,
        {text("hours_per_week")} IS NOT NULL AND ({hours}) IS NULL AS hours_unreadable
        FROM {relation}"""


def _service_numbers(services: Mapping[str, str]) -> dict[str, int]:
    numbers = {name: number for number, name in enumerate(SERVICE_CODES)}
    return numbers | {str(code): numbers[name] for code, name in services.items()}


def _lookup(expression: str, table: Mapping[str, int]) -> str:
    cases = " ".join(f"WHEN {_quoted(code)} THEN {number}" for code, number in table.items())
    return f"CAST(CASE {expression} {cases} END AS TINYINT)"


def _date_sql(column: str, kind: str, text: str, dates: Mapping[str, Any]) -> str:
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return f"CAST({column} AS DATE)"
    given = dates.get("format", "%Y-%m-%d")
    formats = [given] if isinstance(given, str) else list(given)
    return f"CAST(try_strptime({text}, [{', '.join(map(_quoted, formats))}]) AS DATE)"


def _with_reason(rows: str) -> str:
    year = "year(start_date)"
    tests = (
        "person IS NULL",
        "service IS NULL",
        "start_date IS NULL",
        "end_unreadable",
        "end_date < start_date",
        f"birth_year IS NULL OR birth_year > {year} OR birth_year < {year} - {OLDEST_AGE} "
        f"OR birth_year NOT BETWEEN {FIRST_BIRTH_YEAR} AND {LAST_BIRTH_YEAR}",
        "sex IS NULL",
        f"hours_unreadable OR hours < 0 OR (hours > {MAX_HOURS_PER_WEEK} AND NOT isnan(hours))",
    )
    cases = " ".join(f"WHEN {test} THEN {number}" for number, test in enumerate(tests))
    return f"""SELECT person, CAST(birth_year AS SMALLINT) AS birth_year, sex, service,
        CASE WHEN regexp_full_match(place, '[0-9]{{3}}') THEN '0' || place
             WHEN regexp_full_match(place, '[0-9A-Za-z]{{4}}') THEN place
             ELSE '{UNKNOWN_MUNICIPALITY}' END AS municipality,
        CASE WHEN regexp_full_match(place, '[0-9A-Za-z]{{4}}') THEN NULL
             WHEN regexp_full_match(place, '[0-9]{{3}}') THEN 1 ELSE 0 END AS repair,
        date_diff('day', DATE '1970-01-01', start_date)::INTEGER AS start_day,
        date_diff('day', DATE '1970-01-01', end_date)::INTEGER AS end_day,
        CASE WHEN hours IS NULL OR isnan(hours) OR hours NOT BETWEEN 0 AND {MAX_HOURS_PER_WEEK} THEN -1
             ELSE floor(hours * {HOURS_UNIT} + 0.5) END::INTEGER AS hundredths,
        CASE {cases} END AS reason
        FROM ({rows})"""


def _count_reasons(connection: Any) -> tuple[dict[str, int], dict[str, int], int]:
    found = connection.execute("SELECT reason, repair, count(*) FROM checked GROUP BY ALL").fetchall()
    refused = {
        reason: sum(n for number, _, n in found if number == k) for k, reason in enumerate(REFUSALS[:-1])
    }
    repaired = {
        repair: sum(n for number, kind, n in found if number is None and kind == k)
        for k, repair in enumerate(REPAIRS[:2])
    }
    n_read = sum(n for _, _, n in found)
    if n_read == sum(refused.values()):
        problems = [f"{reason}: {masked_count(n)} row(s)" for reason, n in refused.items() if n]
        raise InvalidDataError("no usable row in the deliveries; is the mapping right?", problems)
    return refused, repaired, n_read


@dataclass(slots=True)
class _Tally:
    kept: int = 0
    duplicates: int = 0
    repaired: int = 0
    persons: int = 0


def _write_sorted(
    relation: Any, partial: Path, counted: IngestReport, synthetic: bool, fingerprint: str
) -> IngestReport:
    """Write rows as they stream by: persons numbered, contradictions settled, no duplicates."""
    tally = _Tally()
    places = CodeBook()
    schema = _out_schema(synthetic)
    with (
        partial.open("wb") as file,  # opened here: its name need not be UTF-8
        pq.ParquetWriter(file, schema, compression="zstd", compression_level=1) as writer,
        RowProgress("sorting", counted.rows_read) as progress,
    ):
        for rows in _whole_persons(_batches(relation, progress), places):
            writer.write_table(_tidy(rows, tally, places, schema), row_group_size=1 << 18)
        report = replace(
            counted,
            rows_kept=tally.kept,
            refused={**counted.refused, REFUSALS[-1]: tally.duplicates},
            repaired={**counted.repaired, REPAIRS[-1]: tally.repaired},
        )
        stored = {key: value for key, value in asdict(report).items() if key != "reused"}
        writer.add_key_value_metadata({"fingerprint": fingerprint, "report": json.dumps(stored)})
    return report


def _batches(relation: Any, progress: RowProgress) -> Iterator[pa.RecordBatch]:
    # Not execute(...).to_arrow_reader(): that one may hand over the batches of a sorted query in any order.
    for batch in relation.to_arrow_reader(1 << 18):
        yield batch
        progress.advance(batch.num_rows)


@dataclass(frozen=True, slots=True)
class _SortedRows:
    """Rows of whole persons; `begins` is true where a person begins."""

    begins: NDArray[np.bool_]
    values: dict[str, NDArray[Any]]


def _whole_persons(batches: Iterator[pa.RecordBatch], places: CodeBook) -> Iterator[_SortedRows]:
    """Yield rows so that no person is cut in two."""
    previous: Any = None
    held: _SortedRows | None = None
    for batch in batches:
        if batch.num_rows == 0:
            continue
        person = batch.column("person")
        begins = np.ones(batch.num_rows, dtype=bool)
        begins[1:] = pc.not_equal(person[1:], person[:-1]).to_numpy(zero_copy_only=False)
        begins[0] = previous is None or person[0].as_py() != previous
        backwards = pc.any(pc.less(person[1:], person[:-1])).as_py()
        if backwards or (previous is not None and person[0].as_py() < previous):
            raise InvalidDataError("the database returned persons out of order; nothing was written")
        previous = person[-1].as_py()
        rows = _SortedRows(begins, _sorted_values(batch, places))
        if held is not None:
            rows = _join(held, rows)
        last = int(np.flatnonzero(rows.begins)[-1])
        if last:
            yield _slice(rows, slice(0, last))
        held = _slice(rows, slice(last, None))
    if held is not None:
        yield held


def _sorted_values(batch: pa.RecordBatch, places: CodeBook) -> dict[str, NDArray[Any]]:
    names = ("birth_year", "sex", "service", "start_day", "hundredths")
    values = {name: batch.column(name).to_numpy(zero_copy_only=False).astype(np.int32) for name in names}
    end = pc.fill_null(batch.column("end_day"), 2**31 - 1)
    values["end_day"] = end.to_numpy(zero_copy_only=False).astype(np.int32)
    encoded = batch.column("municipality").dictionary_encode()
    numbers = places.encode(encoded.dictionary.to_pylist()).astype(np.int32)
    values["municipality"] = numbers[encoded.indices.to_numpy(zero_copy_only=False)]
    return values


def _join(first: _SortedRows, second: _SortedRows) -> _SortedRows:
    return _SortedRows(
        np.concatenate((first.begins, second.begins)),
        {name: np.concatenate((first.values[name], second.values[name])) for name in first.values},
    )


def _slice(rows: _SortedRows, part: slice) -> _SortedRows:
    return _SortedRows(rows.begins[part].copy(), {name: v[part].copy() for name, v in rows.values.items()})


def _tidy(rows: _SortedRows, tally: _Tally, places: CodeBook, schema: pa.Schema) -> pa.Table:
    v = rows.values
    person = tally.persons - 1 + np.cumsum(rows.begins)
    repaired = np.zeros(person.size, dtype=np.bool_)
    keep = _settle_persons(
        rows.begins,
        v["birth_year"],
        v["sex"],
        v["service"],
        v["start_day"],
        v["end_day"],
        v["hundredths"],
        v["municipality"],
        repaired,
    )
    tally.persons += int(rows.begins.sum())
    tally.kept += int(keep.sum())
    tally.duplicates += int((~keep).sum())
    tally.repaired += int((repaired & keep).sum())
    kept = {name: values[keep] for name, values in v.items()}
    return _episode_table(person[keep], kept, places, schema)


def _episode_table(
    person: NDArray[np.int64], rows: Mapping[str, NDArray[Any]], places: CodeBook, schema: pa.Schema
) -> pa.Table:
    names = pa.array(list(places.numbers), pa.string())
    services = pa.array(SERVICE_CODES, pa.string())
    hundredths, end = rows["hundredths"], rows["end_day"]
    return pa.table(
        [
            pa.array(person.astype(np.int32)),
            pa.array(rows["birth_year"].astype(np.int16)),
            pa.array(rows["sex"].astype(np.int8)),
            pa.DictionaryArray.from_arrays(pa.array(rows["municipality"]), names).cast(pa.string()),
            pa.DictionaryArray.from_arrays(pa.array(rows["service"]), services).cast(pa.string()),
            pa.array(rows["start_day"]).cast(pa.date32()),
            pa.array(end, mask=end == 2**31 - 1).cast(pa.date32()),
            pa.array((hundredths / HOURS_UNIT).astype(np.float32), mask=hundredths < 0),
        ],
        schema=schema,
    )


@njit(cache=True)
def _settle_persons(
    begins: NDArray[np.bool_],
    birth_year: NDArray[np.int32],
    sex: NDArray[np.int32],
    service: NDArray[np.int32],
    start: NDArray[np.int32],
    end: NDArray[np.int32],
    hundredths: NDArray[np.int32],
    municipality: NDArray[np.int32],
    repaired: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Give all rows of a person the birth year and sex of the latest episode; mark rows to keep, in place."""
    n_rows = begins.size
    keep = np.ones(n_rows, dtype=np.bool_)
    begin = 0
    while begin < n_rows:
        stop = begin + 1
        latest = begin
        while stop < n_rows and not begins[stop]:
            if start[stop] >= start[latest]:
                latest = stop
            stop += 1
        year, kind = birth_year[latest], sex[latest]
        earliest = begin
        for i in range(begin, stop):
            if start[i] < start[earliest]:
                earliest = i
        if year > year_of_day(start[earliest]):  # born after an episode: believe the first one
            year = max(birth_year[earliest], year_of_day(start[latest]) - OLDEST_AGE)
        for i in range(begin, stop):
            repaired[i] = birth_year[i] != year or sex[i] != kind
            birth_year[i], sex[i] = year, kind
            if i > begin:
                keep[i] = (
                    service[i] != service[i - 1]
                    or start[i] != start[i - 1]
                    or end[i] != end[i - 1]
                    or hundredths[i] != hundredths[i - 1]
                    or municipality[i] != municipality[i - 1]
                )
        begin = stop
    return keep


def _out_schema(synthetic: bool) -> pa.Schema:
    return pa.schema(
        [
            ("person_id", pa.int32()),
            ("birth_year", pa.int16()),
            ("sex", pa.int8()),
            ("municipality", pa.string()),
            ("service", pa.string()),
            ("start_date", pa.date32()),
            ("end_date", pa.date32()),
            ("hours_per_week", pa.float32()),
        ],
        metadata={"origin": "synthetic" if synthetic else "register", "sorted_by": "person_id"},
    )
