"""The CSV files as a data package: paths, digests, and a schema for each, as the codebook has it.

Source: Data Package, version 1 (specs.frictionlessdata.io).
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kostnadsvekst.language import SYNTHETIC_LABEL
from kostnadsvekst.provenance import SYNTHETIC
from kostnadsvekst.report.replication.codebook import (
    ColumnDescription,
    delimiter_of,
    describe_column,
    language_of,
    read_header,
)
from kostnadsvekst.report.replication.listing import Made, Output
from kostnadsvekst.report.replication.manifest import count_rows, digest_of
from kostnadsvekst.report.replication.rights import DATA_LICENCE, NOT_THE_REPORTS
from kostnadsvekst.version import __version__

FILE = "datapackage.json"
# Kind of a column -> type of a field; a number as printed is text to a program.
_TYPES = {
    "number": "number",
    "integer": "integer",
    "date": "date",
    "month": "yearmonth",
    "boolean": "boolean",
}
_SIGNS = {"empty": ""}


def build_data_package(made: Mapping[str, Made], outputs: tuple[Output, ...], *, own_data: bool) -> str:
    """Describe the CSV files of chapters.

    Parameters
    ----------
    made : mapping of str to Made
        Chapter -> its files.
    outputs : tuple of Output
        Of the same files.
    own_data : bool
        Whether they are the user's; their licence is not ours to give.

    Returns
    -------
    str
        JSON.
    """
    files = {path: content for one in made.values() for path, content in one.files.items()}
    tables = [one for one in outputs if one.path.endswith(".csv")]
    title = "Results on data of the user" if own_data else "Results of kostnadsvekst"
    package: dict[str, Any] = {
        "profile": "data-package",
        "name": "kostnadsvekst-results",
        "title": f"{title}{f': {NOT_THE_REPORTS.en}' if own_data else ''}",
        "version": __version__,
        "made_by": f"kostnadsvekst {__version__}",
    }
    if not own_data:
        package["licenses"] = [DATA_LICENCE]
    package["resources"] = [_resource(one, files[one.path], own_data) for one in tables]
    return json.dumps(package, ensure_ascii=False, indent=1) + "\n"


def _resource(output: Output, content: str | bytes, own_data: bool) -> dict[str, Any]:
    data = content.encode() if isinstance(content, str) else content
    lang = language_of(output.path)
    labels = [NOT_THE_REPORTS.get(lang)] if own_data else []
    labels += [SYNTHETIC_LABEL.get(lang)] if SYNTHETIC in output.data_origin else []
    return {
        "profile": "tabular-data-resource",
        "name": re.sub(r"[^a-z0-9._-]", "-", output.path.removesuffix(".csv").lower().replace("/", ".")),
        "path": output.path,
        "title": ". ".join([*labels, output.title.get(lang)]),
        "format": "csv",
        "mediatype": "text/csv",
        "encoding": "utf-8",
        "bytes": len(data),
        "hash": f"sha256:{digest_of(data)}",
        "rows": count_rows(data),
        "dialect": {"delimiter": delimiter_of(output.path), "lineTerminator": "\n"},
        "schema": schema_of(output.path, content),
    }


def schema_of(path: str, content: str | bytes) -> dict[str, Any]:
    """Table schema of a CSV file.

    Parameters
    ----------
    path : str
    content : str or bytes

    Returns
    -------
    dict
        ``fields`` with name, type, title, description and unit, and ``missingValues``.
    """
    described = [(name, describe_column(path, name)) for name in read_header(path, content)]
    lang = language_of(path)
    signs = {sign for _, found in described for sign in _missing(found)}
    return {
        "fields": [_field(name, found, lang) for name, found in described],
        "missingValues": sorted({"", *signs}),
    }


def _missing(found: ColumnDescription | None) -> Iterator[str]:
    # A sign counts for a whole file here, so that of a column of text would take its letters away.
    if found is not None and found.kind in _TYPES:
        yield from (_SIGNS.get(sign, sign) for sign in found.missing)


def _field(name: str, found: ColumnDescription | None, lang: str) -> dict[str, str]:
    if found is None:
        return {"name": name, "type": "string"}
    field = {
        "name": name,
        "type": _TYPES.get(found.kind, "string"),
        "title": found.label.get(lang),
        "description": found.meaning.get(lang),
    }
    return field | ({"unit": found.unit.get(lang)} if found.unit.en else {})
