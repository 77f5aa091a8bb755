"""Store of raw tables: Parquet files and a datapackage.json that says where each byte comes from."""

import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from kostnadsvekst.errors import DataMissingError, InvalidDataError
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.version import __version__

FORMAT_VERSION = 1
DESCRIPTION = "datapackage.json"
LICENCE = {"name": "CC-BY-4.0", "path": "https://creativecommons.org/licenses/by/4.0/", "title": "CC BY 4.0"}
SOURCE = {"title": "Statistics Norway", "path": "https://www.ssb.no"}


@dataclass(frozen=True)
class Store:
    """Raw tables as they were fetched.

    Attributes
    ----------
    folder : Path
    tables : dict
        Name -> cells (one text column for each dimension, ``value``, ``status``), or borders of KLASS.
    requests : dict
        Name -> the entry of ``data/parameters/statbank.toml`` by which the table was fetched.
    provenance : Provenance
    holes : dict
        Name of each table that could not be fetched -> why.
    """

    folder: Path
    tables: Mapping[str, pd.DataFrame]
    requests: Mapping[str, Mapping[str, Any]]
    provenance: Provenance
    holes: Mapping[str, str] = field(default_factory=dict)


def write_store(
    folder: Path | str,
    tables: Mapping[str, pd.DataFrame],
    requests: Mapping[str, Mapping[str, Any]],
    holes: Mapping[str, str] | None = None,
) -> None:
    """Write a store; the old one stays as it is until the new one is complete.

    Parameters
    ----------
    folder : Path
    tables : mapping
        Name -> frame; ``attrs`` of tables from the StatBank go into the description.
    requests : mapping
        Name -> entry that the table was fetched by.
    holes : mapping, optional
        Name of each table that could not be fetched -> why; kept in the description.
    """
    folder = Path(folder).resolve()
    if folder.exists() and not (folder / DESCRIPTION).is_file() and any(folder.iterdir()):
        raise InvalidDataError(f"{folder} is not empty and no store: choose another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        fresh.chmod(0o755)
        resources = [
            _write_table(fresh, name, frame, requests.get(name)) for name, frame in sorted(tables.items())
        ]
        description = {
            "profile": "data-package",
            "name": "kostnadsvekst-store",
            "title": "Raw tables for the municipal panel",
            "version": str(FORMAT_VERSION),
            "created_by": f"kostnadsvekst {__version__}",
            "licenses": [LICENCE],
            "sources": [SOURCE],
            "resources": resources,
            **({"holes": dict(holes)} if holes else {}),
        }
        (fresh / DESCRIPTION).write_text(
            json.dumps(description, ensure_ascii=False, indent=1) + "\n", "utf-8"
        )
        _swap(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def read_store(folder: Path | str) -> Store:
    """Read a store and check that its files are those that were written.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Store

    Raises
    ------
    DataMissingError
        There is no store.
    InvalidDataError
        It was written by another version, or files are missing or altered: all are listed.
    """
    folder = Path(folder)
    if not (folder / DESCRIPTION).is_file():
        raise DataMissingError(f"{folder} holds no {DESCRIPTION}: make a store with scripts/fetch.py")
    try:
        description = json.loads((folder / DESCRIPTION).read_text("utf-8"))
    except ValueError as error:
        raise InvalidDataError(f"{folder / DESCRIPTION} is damaged: {error}") from error
    found = str(description.get("version"))
    if found != str(FORMAT_VERSION):
        raise InvalidDataError(
            f"the store {folder} has format {found}, this version reads {FORMAT_VERSION}: "
            "fetch again with scripts/fetch.py (answers in the cache are not downloaded again)"
        )
    problems: list[str] = []
    tables = {r["name"]: _read_table(folder, r, problems) for r in description["resources"]}
    if problems:
        raise InvalidDataError(f"the store {folder} is damaged: fetch again with scripts/fetch.py", problems)
    requests = {r["name"]: r["request"] for r in description["resources"] if r.get("request")}
    digest = hashlib.sha256("".join(r["hash"] for r in description["resources"]).encode()).hexdigest()
    provenance = Provenance("Statistics Norway", folder.name, digest)
    return Store(folder, tables, requests, provenance, description.get("holes", {}))


def _write_table(
    folder: Path, name: str, frame: pd.DataFrame, request: Mapping[str, Any] | None
) -> dict[str, Any]:
    attrs = frame.attrs
    content = _parquet(frame)
    (folder / f"{name}.parquet").write_bytes(content)
    return {
        "name": name,
        "path": f"{name}.parquet",
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "bytes": len(content),
        "hash": "sha256:" + hashlib.sha256(content).hexdigest(),
        "title": attrs.get("label", ""),
        "rows": len(frame),
        "schema": {"fields": [{"name": str(c), "type": _type_of(frame[c])} for c in frame]},
        "retrieved": attrs.get("retrieved", ""),
        "updated": attrs.get("updated", ""),
        "api": attrs.get("api", ""),
        "answers_sha256": attrs.get("sha256", []),
        "missing_codes": attrs.get("missing", {}),
        "request": dict(request) if request else None,
    }


def _parquet(frame: pd.DataFrame) -> bytes:
    plain = frame.copy()
    plain.attrs = {}
    buffer = io.BytesIO()
    plain.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _type_of(column: pd.Series) -> str:
    return "string" if column.dtype.kind not in "fiu" else "number"


def _read_table(folder: Path, resource: Mapping[str, Any], problems: list[str]) -> pd.DataFrame:
    path = folder / resource["path"]
    if not path.is_file():
        problems.append(f"{path.name} is missing")
        return pd.DataFrame()
    content = path.read_bytes()
    if "sha256:" + hashlib.sha256(content).hexdigest() != resource["hash"]:
        problems.append(f"{path.name} is not the file that was written (another sha256)")
        return pd.DataFrame()
    frame = pd.read_parquet(io.BytesIO(content))
    frame.attrs = {k: resource.get(k) for k in ("title", "retrieved", "updated")}
    return frame


def _swap(fresh: Path, folder: Path) -> None:
    if not folder.exists():
        fresh.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent)) / "store"
    folder.rename(old)
    try:
        fresh.rename(folder)
    except BaseException:
        old.rename(folder)
        raise
    finally:
        shutil.rmtree(old.parent, ignore_errors=True)
