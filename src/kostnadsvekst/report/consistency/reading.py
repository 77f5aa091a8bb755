"""A report's printed numbers and relations from files."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.report.consistency.checking import check, relations_of
from kostnadsvekst.report.consistency.findings import Finding

_KNOWN = ("title", "decimal_mark", "cells", "claims", "relations", "relation")


@dataclass(frozen=True, slots=True)
class PrintedReport:
    """What a report prints, as data.

    Attributes
    ----------
    title : str
    cells, claims : DataFrame
        As `kostnadsvekst.report.consistency.check` takes them.
    relations : tuple of mapping
    decimal_mark : str
    """

    title: str
    cells: pd.DataFrame
    claims: pd.DataFrame | None
    relations: tuple[Mapping[str, Any], ...]
    decimal_mark: str = ""

    def check(self, *, corrections: bool = True) -> tuple[Finding, ...]:
        """Find where the report contradicts itself."""
        return check(
            self.cells,
            self.claims,
            self.relations,
            corrections=corrections,
            decimal_mark=self.decimal_mark,
        )


def read_report(path: str | Path) -> PrintedReport:
    """Read a report from a TOML file and the CSV files that it names.

    Parameters
    ----------
    path : path
        TOML with ``cells`` (a CSV file, or a list of them, beside the TOML file), optionally ``claims``,
        ``title`` and ``decimal_mark``; relations as ``[[relation]]`` tables, or as CSV files named by
        ``relations`` with the columns ``relation``, ``kind``, ``role``, ``member``; or both.

    Raises
    ------
    DataMissingError
        If a file does not exist.
    SpecificationError
        If the TOML cannot be read or has keys that are not known.
    InvalidDataError
        If a CSV file cannot be read.
    """
    file = Path(path)
    said = _read_toml(file)
    unknown = [key for key in said if key not in _KNOWN]
    if unknown or "cells" not in said:
        fault = f"unknown key(s) {', '.join(unknown)}" if unknown else "no key 'cells'"
        raise SpecificationError(f"{file.name}: {fault}; known: {', '.join(_KNOWN)}")
    cells = _read_tables(file, said["cells"])
    claims = _read_tables(file, said["claims"]) if "claims" in said else None
    relations = list(_tables_of_relations(file, said.get("relation", [])))
    if "relations" in said:
        relations += relations_of(_read_tables(file, said["relations"]))
    if not relations:
        raise SpecificationError(f"{file.name}: no relation; write [[relation]] tables or name a CSV file")
    return PrintedReport(
        str(said.get("title", file.stem)), cells, claims, tuple(relations), str(said.get("decimal_mark", ""))
    )


def _tables_of_relations(file: Path, said: object) -> Sequence[Mapping[str, Any]]:
    if not isinstance(said, list) or not all(isinstance(entry, dict) for entry in said):
        raise SpecificationError(f"{file.name}: write each relation as a table [[relation]]")
    return said


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        raise DataMissingError(f"no file {file}; name the TOML file of the report") from None
    except UnicodeDecodeError:
        raise SpecificationError(f"{file.name} is not UTF-8; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as fault:
        raise SpecificationError(f"{file.name} is no TOML: {fault}") from None


def _read_tables(file: Path, named: object) -> pd.DataFrame:
    names = named if isinstance(named, list) else [named]
    return pd.concat([_read_table(file.parent / str(name)) for name in names], ignore_index=True)


def _read_table(path: Path) -> pd.DataFrame:
    """Every field as text: a number is what was printed, not what a reader of CSV makes of it."""
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        raise DataMissingError(f"no file {path}; it is named in the TOML file of the report") from None
    except UnicodeDecodeError:
        raise InvalidDataError(f"{path.name} is not UTF-8; save it as UTF-8") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as fault:
        reason = str(fault).strip()
        raise InvalidDataError(f"{path.name} cannot be read as comma-separated values: {reason}") from None
