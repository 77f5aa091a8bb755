"""Any delivery of episodes to one Parquet file, checked, without duplicates and sorted by person."""

import csv
import hashlib
import json
import os
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

from kostnadsvekst.errors import InvalidDataError, OutputError, SpecificationError
from kostnadsvekst.progress import Progress
from kostnadsvekst.register.delivered_values import DeliveredColumns, quoted
from kostnadsvekst.register.episodes import CodeBook, find_files
from kostnadsvekst.register.literal_paths import (
    duckdb_path,
    is_utf8,
    opened_parquet,
    parquet_labels,
    utf8_path,
)
from kostnadsvekst.register.mapping import read_mapping
from kostnadsvekst.register.masking import (
    RaggedRow,
    describe_failure,
    is_full_disk,
    masked,
    telling_full_disk,
)
from kostnadsvekst.register.painter import year_of_day
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
from kostnadsvekst.register.text_deliveries import as_utf8, find_bad_byte, read_form
from kostnadsvekst.register.workspace import workspace
from kostnadsvekst.sources.number_texts import EXACT

UNKNOWN_MUNICIPALITY = "9999"
_STATISTICS_FILES = (".sas7bdat", ".dta", ".sav")
_TEXT_FILES = (".csv", ".txt", ".tsv")
_RULES_VERSION = 2
_CHUNK_ROWS = 500_000
# Faults in the order in which they are looked for; a row is counted under its first.
REFUSALS = (
    "person_id missing",
    "service unknown or missing",
    "start_date missing or unreadable",
    "start_date is a placeholder such as 1900-01-01",
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
    "end_date is a placeholder such as 9999-12-31: the episode is open",
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
        strptime pattern or list of patterns (else ISO 8601), ``timezone`` whose day is meant where times have
        a zone, ``placeholders`` dates that stand for none (else
        `kostnadsvekst.register.delivered_values.PLACEHOLDERS`); ``[csv]`` delimiter, encoding, quote, decimal
        and thousands.
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
    plan = read_mapping(mapping).tables
    files = _delivered_files(paths, target)
    memory_bytes(memory_limit)
    fingerprint = _fingerprint(files, plan)
    done = _stored_report(target, fingerprint)
    root = Path(temp_directory) if temp_directory else target.parent
    with telling_full_disk(target.parent, root), workspace(root, key=fingerprint[:16]) as folder:
        if done is not None:
            return done
        staged = [Delivery(path.name, _stage(path, folder, plan["csv"])) for path in files]
        # A half-written file is personal data too; beside the target, so that it can take its place at once.
        with workspace(target.parent) as private:
            partial = private / "episodes.parquet"
            report = _sort_and_write(staged, partial, plan, fingerprint, memory_limit, folder)
            partial.chmod(file_mode)
            partial.replace(target)
    return replace(report, out=str(target))


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


def _stage(path: Path, folder: Path, options: Mapping[str, Any]) -> tuple[Path, ...]:
    """Files that DuckDB can read: text in UTF-8; statistical formats as Parquet, a chunk at a time."""
    stem = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]
    if path.suffix.lower() in _TEXT_FILES:
        return (as_utf8(path.absolute(), folder, stem, options),)
    if path.suffix.lower() not in _STATISTICS_FILES:
        return (path.absolute(),)
    import pyreadstat

    readers: dict[str, Any] = {
        ".sas7bdat": pyreadstat.read_sas7bdat,
        ".dta": pyreadstat.read_dta,
        ".sav": pyreadstat.read_sav,
    }
    ready = folder / f"{stem}.ready"
    if not ready.exists():
        chunks = pyreadstat.read_file_in_chunks(
            readers[path.suffix.lower()], utf8_path(path, folder), chunksize=_CHUNK_ROWS
        )
        for number, (frame, _) in enumerate(chunks):
            part = folder / f"{stem}-{number:05}.parquet"
            frame.to_parquet(part, index=False)
            part.chmod(0o600)
        _align_types(sorted(folder.glob(f"{stem}-*.parquet")))
        ready.touch()
    parts = tuple(sorted(folder.glob(f"{stem}-*.parquet")))
    if not parts:
        raise InvalidDataError(f"{path.name} has no rows")
    return parts


def _align_types(parts: Sequence[Path]) -> None:
    """Give a column that is empty in one chunk the type that it has in the others."""
    schemas = [pq.read_schema(part) for part in parts]
    if not schemas:
        return
    shared = pa.unify_schemas([one.remove_metadata() for one in schemas], promote_options="permissive")
    for part, schema in zip(parts, schemas, strict=True):
        if schema.remove_metadata() != shared:
            with pq.ParquetFile(part) as file:
                table = file.read().cast(shared)
            pq.write_table(table, part)
            part.chmod(0o600)


def _sort_and_write(
    staged: Sequence[Delivery],
    target: Path,
    plan: Mapping[str, dict[str, Any]],
    fingerprint: str,
    memory_limit: str,
    folder: Path,
) -> IngestReport:
    """Read, check, sort and write; where a text file cannot be read, the row in the way is named."""
    import duckdb

    try:
        return _sort_checked(staged, target, plan, fingerprint, memory_limit, folder)
    except duckdb.Error as error:
        if is_full_disk(error):
            raise
        texts = [d for d in staged if d.parts[0].suffix.lower() in _TEXT_FILES]
        faulty = next((d for d in texts if len(texts) == 1 or str(d.parts[0]) in str(error)), None)
        failure = _explained(error, faulty, plan["csv"])
    # Outside the handler, so that the row is not in the context either.
    raise failure


def _sort_checked(
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
        # A table: the deliveries are read once; where it is large it is spilled to the private folder.
        connection.execute(f"CREATE TEMP TABLE checked AS {checked}")
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
    relations = [_relation(delivery, plan["csv"], folder) for delivery in staged]
    types = [dict(_describe(connection, relation)) for relation in relations]
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
    delivered = [DeliveredColumns(columns, names, plan) for columns in types]
    _refuse_unclear(connection, staged, relations, delivered)
    selects = [one.select(relation, integers) for one, relation in zip(delivered, relations, strict=True)]
    return _with_reason(" UNION ALL ".join(selects))


_NO_PERSONS = (
    "is kept as decimal numbers beyond 2^53, which makes one person of several; export it as text or as "
    "64-bit integers",
    "has decimals, so it is no identifier",
)


def _refuse_unclear(
    connection: Any, staged: Sequence[Delivery], relations: Sequence[str], columns: Sequence[DeliveredColumns]
) -> None:
    """Refuse deliveries in which days or persons cannot be told, whatever the rows say."""
    problems = []
    for delivery, relation, one in zip(staged, relations, columns, strict=True):
        problems += [f"{delivery.name}: {problem}" for problem in one.problems()]
        if one.type_of("person_id") in ("DOUBLE", "FLOAT"):
            person = one.column("person_id")
            found = f"bool_or(abs({person}) > {EXACT}), bool_or({person} <> floor({person}))"
            query = f"SELECT {found} FROM {relation} WHERE NOT isnan({person})"
            faults = connection.execute(query).fetchall()[0]
            column = f"{delivery.name}: {one.names['person_id']}"
            problems += [f"{column} {what}" for what, bad in zip(_NO_PERSONS, faults, strict=True) if bad]
    if problems:
        raise InvalidDataError("episodes: values that cannot be told apart", problems)


_INTEGER_TYPES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")


def _relation(delivery: Delivery, options: Mapping[str, Any], folder: Path) -> str:
    names = ", ".join(quoted(duckdb_path(path, folder)) for path in delivery.parts)
    # A folder called "sex=1" gives no column.
    if delivery.parts[0].suffix.lower() == ".parquet":
        return f"read_parquet([{names}], hive_partitioning = false)"
    form = read_form(delivery.parts[0], delivery.name, options)
    return f"read_csv([{names}], hive_partitioning = false, {form.sql()})"


def _explained(error: Exception, faulty: Delivery | None, options: Mapping[str, Any]) -> InvalidDataError:
    if faulty is None:
        return describe_failure(error)
    told = "Line: " in str(error)
    failure = describe_failure(error, None if told else _first_ragged_row(faulty.parts[0], options))
    bad = find_bad_byte(faulty.parts[0]) if "unicode" in str(error).lower() else None
    if bad is None:
        return failure
    where = f", byte {bad.byte} of the line ({bad.value:#04x})"
    return InvalidDataError(failure.summary + where, failure.problems)


def _first_ragged_row(path: Path, options: Mapping[str, Any]) -> RaggedRow | None:
    # Such as a field without an end.
    with suppress(csv.Error), path.open(encoding="utf-8", errors="replace", newline="") as file:
        form = read_form(path, path.name, options)
        rows = csv.reader(file, delimiter=form.delimiter, quotechar=form.quote)
        for row in rows:
            if rows.line_num > form.skip and row and len(row) != len(form.names):
                return RaggedRow(rows.line_num, len(row), len(form.names))
    return None


def _describe(connection: Any, relation: str) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()]


def _with_reason(rows: str) -> str:
    year = "year(start_date)"
    tests = (
        "person IS NULL",
        "service IS NULL",
        "start_date IS NULL AND NOT start_placeholder",
        "start_placeholder",
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
        end_placeholder,
        CASE WHEN hours IS NULL OR isnan(hours) OR hours NOT BETWEEN 0 AND {MAX_HOURS_PER_WEEK} THEN -1
             ELSE floor(hours * {HOURS_UNIT} + 0.5) END::INTEGER AS hundredths,
        CASE {cases} END AS reason
        FROM ({rows})"""


def _count_reasons(connection: Any) -> tuple[dict[str, int], dict[str, int], int]:
    query = "SELECT reason, repair, end_placeholder, count(*) FROM checked GROUP BY ALL"
    found = connection.execute(query).fetchall()
    refused = {
        reason: sum(n for number, _, _, n in found if number == k) for k, reason in enumerate(REFUSALS[:-1])
    }
    repaired = {
        repair: sum(n for number, kind, _, n in found if number is None and kind == k)
        for k, repair in enumerate(REPAIRS[:2])
    }
    repaired[REPAIRS[2]] = sum(n for number, _, opened, n in found if number is None and opened)
    n_read = sum(n for *_, n in found)
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
        Progress("sorting", counted.rows_read) as progress,
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


def _batches(relation: Any, progress: Progress) -> Iterator[pa.RecordBatch]:
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
