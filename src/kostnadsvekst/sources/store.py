"""Store of raw tables: Parquet files and a datapackage.json that says where each byte comes from."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from kostnadsvekst.errors import DataMissingError, InvalidDataError
from kostnadsvekst.generations import check_place, recover, replacing
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.version import __version__

FORMAT_VERSION = 1
DESCRIPTION = "datapackage.json"
KIND = "store"
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
    """Write a store; the old one stays as it is until the new one is complete, and files of others stay.

    Parameters
    ----------
    folder : Path
    tables : mapping
        Name -> frame; ``attrs`` of tables from the StatBank go into the description.
    requests : mapping
        Name -> entry that the table was fetched by.
    holes : mapping, optional
        Name of each table that could not be fetched -> why; kept in the description.

    Raises
    ------
    OutputError
        The folder holds something else than a store of this program, or cannot be replaced.

    Warns
    -----
    DataWarning
        A file of somebody else had the name of one of the store: it is kept under another.
    """
    with replacing(folder, kind=KIND, adopt=_adopt) as fresh:
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


def check_store_place(folder: Path | str) -> None:
    """Check that a store can be written to a folder, before anything is fetched.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    OutputError
        The folder holds something else than a store of this program, or cannot be replaced.
    """
    check_place(folder, kind=KIND, adopt=_adopt)


def _adopt(folder: Path) -> Mapping[str, str] | None:
    """Files of a store that was written before stores had a marker."""
    problems: list[str] = []
    description = _read_description(folder, problems)
    if problems or not str(description.get("created_by")).startswith("kostnadsvekst "):
        return None
    if description.get("name") != "kostnadsvekst-store":
        return None
    own = hashlib.sha256((folder / DESCRIPTION).read_bytes()).hexdigest()
    files = {r["path"]: r["hash"].removeprefix("sha256:") for r in description["resources"]}
    return {**files, DESCRIPTION: own}


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
    recover(folder)
    if not (folder / DESCRIPTION).is_file():
        raise DataMissingError(f"{folder} holds no {DESCRIPTION}: make a store with kostnadsvekst fetch")
    problems: list[str] = []
    description = _read_description(folder, problems)
    found = str(description.get("version"))
    if not problems and found != str(FORMAT_VERSION):
        raise InvalidDataError(
            f"the store {folder} has format {found}, this version reads {FORMAT_VERSION}: "
            "fetch again with kostnadsvekst fetch (answers in the cache are not downloaded again)"
        )
    resources = [] if problems else description["resources"]
    tables = {r["name"]: _read_table(folder, r, problems) for r in resources}
    if problems:
        raise InvalidDataError(
            f"the store {folder} is damaged: fetch again with kostnadsvekst fetch", problems
        )
    requests = {r["name"]: r["request"] for r in resources if r.get("request")}
    digest = hashlib.sha256("".join(r["hash"] for r in resources).encode()).hexdigest()
    provenance = Provenance("Statistics Norway", folder.name, digest)
    return Store(folder, tables, requests, provenance, description.get("holes", {}))


def _read_description(folder: Path, problems: list[str]) -> dict[str, Any]:
    """Read the description of a store; what is wrong with it is added to the problems."""
    try:
        description = json.loads((folder / DESCRIPTION).read_text("utf-8"))
    except FileNotFoundError:
        description = None
    except (OSError, ValueError, RecursionError) as error:
        problems.append(f"{DESCRIPTION} cannot be read: {_briefly(error)}")
        return {}
    if not isinstance(description, dict) or not isinstance(description.get("resources"), list):
        problems.append(f"{DESCRIPTION} is no description of a store (an object with a list of resources)")
        return {}
    for i, resource in enumerate(description["resources"]):
        problems += [f"{DESCRIPTION}: resource {i + 1} {what}" for what in _wrong_with(resource)]
    if not isinstance(description.get("holes", {}), dict):
        problems.append(f"{DESCRIPTION}: holes must be an object of names and reasons")
    return description


def _wrong_with(resource: Any) -> list[str]:
    if not isinstance(resource, dict):
        return [f"is a {type(resource).__name__}, not an object"]
    wrong = [f"has no {key}" for key in ("name", "path", "hash") if not isinstance(resource.get(key), str)]
    path = resource.get("path")
    if isinstance(path, str) and (path in ("", ".", "..") or Path(path).name != path or "\\" in path):
        wrong.append(f"has the path {path!r}, which leads out of the store")
    if not isinstance(resource.get("request"), dict | None):
        wrong.append("has a request that is no object")
    return wrong


def _briefly(error: BaseException) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error).partition("\n")[0][:200]


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
    try:
        content = path.read_bytes()
        if "sha256:" + hashlib.sha256(content).hexdigest() != resource["hash"]:
            problems.append(f"{path.name} is not the file that was written (another sha256)")
            return pd.DataFrame()
        frame = pd.read_parquet(io.BytesIO(content))
    except (OSError, ValueError) as error:  # those of Arrow are ValueErrors
        problems.append(f"{path.name} cannot be read: {_briefly(error)}")
        return pd.DataFrame()
    frame.attrs = {k: resource.get(k) for k in ("title", "retrieved", "updated")}
    return frame
