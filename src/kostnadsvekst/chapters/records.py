"""What a chapter made, on disk beside its files, so that the next run, or another process, can take it up.

A record is a JSON file of the folder `kostnadsvekst.report.chapter_files.RECORDS` in the results folder,
which git ignores: what the chapter hung on, the digests of its files, and what it had to say. Its audit lies
beside it as Parquet. Nothing is pickled: a results folder may come from somebody else. Nothing lies outside
of the results folder: with data of the user's own, sentences and names of files would be told where nobody
looks.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from kostnadsvekst.chapters import OWN, ChapterReport, ChapterResult
from kostnadsvekst.errors import InvalidDataError, OutputError
from kostnadsvekst.generations import read_marker
from kostnadsvekst.language import Bilingual, Sentence
from kostnadsvekst.report.chapter_files import RECORDS, owner_of

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of the files of a chapter.

    Attributes
    ----------
    name : str
        The chapter.
    modules : tuple of str
        Modules that it can load.
    inputs : mapping, optional
        From `kostnadsvekst.chapters.fingerprints.inputs_of`; None where it must not be reused.
    used : mapping of str to str
        Chapters whose results it was given -> `Record.output` of each.
    files : mapping of str to str
        Path below the results folder -> sha256.
    texts : tuple of str
        Those of them that are text; the others are bytes.
    audit : str
        sha256 of the audit's file; empty where there is none.
    told : mapping
        ``moved``, ``summary``, ``data_origin``, ``notes`` and ``printed_numbers``: plain JSON.
    seconds, peak_megabytes : float
        Of the run that made it; the second None where the system does not tell it.
    """

    name: str
    modules: tuple[str, ...]
    inputs: Mapping[str, Any] | None
    used: Mapping[str, str]
    files: Mapping[str, str]
    texts: Sequence[str]
    audit: str
    told: Mapping[str, Any]
    seconds: float
    peak_megabytes: float | None

    @property
    def output(self) -> str:
        """Digest of everything that the chapter gives to others."""
        told = {key: value for key, value in self.told.items() if key != "notes"}
        return hashlib.sha256(_json([dict(self.files), self.audit, told])).hexdigest()


@dataclass(frozen=True, slots=True)
class _FilesOnDisk(Mapping[str, str | bytes]):
    """Files of a chapter, read when they are asked for: text where the chapter gave text."""

    out: Path
    record: Record

    def __getitem__(self, path: str) -> str | bytes:
        content = _read_unchanged(self.out / path, self.record.files[path])
        return content.decode() if path in self.record.texts else content

    def __iter__(self) -> Iterator[str]:
        return iter(self.record.files)

    def __len__(self) -> int:
        return len(self.record.files)


def _read_unchanged(path: Path, digest: str) -> bytes:
    """Content of a file; one that was changed after it had been looked at is refused."""
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise OutputError(f"{path} was changed while the run was on: run again")
    return content


def describe_result(
    name: str, result: ChapterResult, files: Mapping[str, str | bytes], notes: tuple[str, ...]
) -> tuple[Record, bytes]:
    """Make the record of a chapter without what it hung on, and its audit as Parquet.

    Parameters
    ----------
    name : str
    result : ChapterResult
    files : mapping of str to str or bytes
        As they are written.
    notes : tuple of str
    """
    told = {
        "moved": [_sentence(text) for text in result.moved],
        "summary": [list(line) for line in result.summary],
        "data_origin": list(result.data_origin),
        "notes": [_sentence(note) for note in notes],
        "printed_numbers": _counts(result.audit),
    }
    texts = {path: text for path, text in files.items() if isinstance(text, str)}
    contents = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}
    audit = b"" if result.audit is None else _to_parquet(name, result.audit)
    digest = hashlib.sha256(audit).hexdigest() if audit else ""
    return Record(name, (), None, {}, digests, tuple(texts), digest, told, 0.0, None), audit


def with_notes_of(record: Record, used: Iterable[Record]) -> Record:
    """Add what chapters that are used had to say of the data, as if they had been computed on the way.

    Parameters
    ----------
    record : Record
    used : iterable of Record
    """
    notes = [note for other in used for note in other.told["notes"]]
    own = [note for note in record.told["notes"] if note not in notes]
    return replace(record, told={**record.told, "notes": [*notes, *own]})


def _counts(audit: "pd.DataFrame | None") -> dict[str, Any]:
    if audit is None:
        return {}
    from kostnadsvekst.report.audit import count_by_origin

    return count_by_origin(audit)


def _to_parquet(name: str, audit: "pd.DataFrame") -> bytes:
    """Audit as Parquet, from which the same frame comes back."""
    import pandas as pd

    content = audit.to_parquet()
    try:
        pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(content)), audit)
    except AssertionError as error:
        raise InvalidDataError(
            f"the audit of the chapter {name} changes when it is saved: {error}"
        ) from error
    return bytes(content)


def _sentence(text: str) -> list[str]:
    """Text, and its Norwegian where it knows it."""
    return [str(text), text.nb] if isinstance(text, Sentence) else [str(text)]


def _text(told: list[str]) -> str:
    return Sentence(*told) if len(told) > 1 else told[0]


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def files_of_record(record: Record, audit: bytes) -> dict[str, bytes]:
    """Return the files of a record by name; the one that vouches for the other comes last.

    Parameters
    ----------
    record : Record
    audit : bytes
        From `describe_result`; empty where there is none.
    """
    plain = {key: getattr(record, key) for key in Record.__dataclass_fields__}
    beside = {f"{record.name}.parquet": audit} if audit else {}
    return beside | {f"{record.name}.json": _json({"format": FORMAT} | plain)}


def read_record(out: Path, name: str) -> Record | None:
    """Read a record; None where there is none that can be understood.

    Parameters
    ----------
    out : Path
        Results folder.
    name : str
        Chapter.
    """
    try:
        stated = json.loads((out / RECORDS / f"{name}.json").read_bytes())
        if stated.pop("format") != FORMAT or stated["name"] != name:
            return None
        record = Record(**stated)
        safe = all(_is_below(path) for path in record.files) and record.files and record.output
        _ = [_text(told) for told in (*record.told["moved"], *record.told["notes"])]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return None
    return record if safe else None


def _is_below(path: str) -> bool:
    return not (PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts)


def is_on_disk(record: Record, out: Path) -> bool:
    """Whether the files of a record lie in the results folder as they were written, and no others of theirs.

    Parameters
    ----------
    record : Record
    out : Path
    """
    from kostnadsvekst.chapters.fingerprints import digest_of

    try:
        if _listed(record, out) != dict(record.files):
            return False
        there = all(
            (out / path).is_file() and not (out / path).is_symlink() and digest_of(out / path) == digest
            for path, digest in record.files.items()
        )
        audit = out / RECORDS / f"{record.name}.parquet"
        return there and (not record.audit or digest_of(audit) == record.audit)
    except (OSError, InvalidDataError):
        return False


def _listed(record: Record, out: Path) -> dict[str, str]:
    """Files of the chapter in the list of its folder: what another run has left there is in it, too."""
    tops = {path.partition("/")[0] if "/" in path else "" for path in record.files}
    base = out if "" in tops or len(tops) != 1 else out / min(tops)
    marker = read_marker(base)
    below = "" if base == out else f"{base.name}/"
    listed = {} if marker is None else {f"{below}{path}": digest for path, digest in marker.files.items()}
    if record.name == OWN:  # tables of other specifications stay
        return {path: digest for path, digest in listed.items() if path in record.files}
    return {path: d for path, d in listed.items() if base != out or owner_of(path) == record.name}


def result_of(record: Record, out: Path, *, audit: bool = True) -> ChapterResult:
    """Read the result of a chapter from its record and its files.

    Parameters
    ----------
    record : Record
    out : Path
    audit : bool
        Whether the audit is read, too.
    """
    frame = None
    if audit and record.audit:
        import pandas as pd

        content = _read_unchanged(out / RECORDS / f"{record.name}.parquet", record.audit)
        frame = pd.read_parquet(io.BytesIO(content))
    return ChapterResult(
        _FilesOnDisk(out, record),
        frame,
        tuple(map(_text, record.told["moved"])),
        tuple(Bilingual(*line) for line in record.told["summary"]),
        data_origin=tuple(record.told["data_origin"]),
    )


def report_of(record: Record, out: Path, *, reused: bool, kept: tuple[str, ...] = ()) -> ChapterReport:
    """Make the report of a chapter, all of its notes in it; pandas is not needed for it.

    Parameters
    ----------
    record : Record
    out : Path
    reused : bool
    kept : tuple of str
        What the user should know of files of their own.
    """
    return ChapterReport(
        record.name,
        result_of(record, out, audit=False),
        tuple(out / path for path in record.files),
        tuple(map(_text, record.told["notes"])),
        kept,
        reused,
        record.told["printed_numbers"],
    )
