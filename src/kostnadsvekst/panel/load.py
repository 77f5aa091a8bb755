"""The municipal panel as estimators want it: the embedded synthetic one, or a user's own file."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.naming import check_renaming
from kostnadsvekst.panel.build import build_panel
from kostnadsvekst.panel.periods import period_numbers
from kostnadsvekst.panel.raw import FileMapping, read_mapping
from kostnadsvekst.panel.schema import check_panel
from kostnadsvekst.provenance import Provenance, provenance_of
from kostnadsvekst.sources.embedded import embedded_path
from kostnadsvekst.sources.files import read_table

EMBEDDED_PANEL = "synthetic/synthetic_panel_2015_2019.csv"


def load_panel(path: str | Path | None = None, columns: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Load a municipal panel, check it and add ``population_10k``.

    Parameters
    ----------
    path : str or Path, optional
        File of any kind that `kostnadsvekst.sources.files.read_table` reads; or raw data from which
        `kostnadsvekst.build_panel` makes the panel with the report's rules: the folder of a store, or a TOML
        file that maps the columns of files (or names a finished panel, and how its columns are renamed).
        Without it the embedded panel, which is synthetic: 365 invented
        municipalities, 2015-2019.
    columns : mapping, optional
        The file's column names -> the names of `kostnadsvekst.panel.schema.COLUMNS`.

    Returns
    -------
    DataFrame
        Sorted by municipality and year. Municipality codes are text of at least four characters.
        ``attrs["provenance"]`` says where the data come from.

    Raises
    ------
    DataMissingError
        If the file or columns do not exist.
    InvalidDataError
        If the file cannot be read, or the panel breaks the schema (all problems are listed).

    Warns
    -----
    DataWarning
        If amounts look suspicious inside a municipality.
    """
    if path is not None and (Path(path).is_dir() or Path(path).suffix == ".toml"):
        mapping = FileMapping() if Path(path).is_dir() else read_mapping(Path(path))
        if mapping.file:
            return load_panel(Path(path).parent / mapping.file, {**mapping.rename, **(columns or {})})
        if columns:
            raise SpecificationError(f"columns are renamed in a finished panel, and {str(path)!r} is none")
        panel = build_panel(path, **mapping.panel.given)
        check_panel(panel)
        panel["population_10k"] = panel["population"] / 10_000
        return panel
    panel = read_table(path if path is not None else embedded_path(EMBEDDED_PANEL))
    file: Provenance = panel.attrs.pop("provenance")
    labels: Mapping[str, Mapping[Any, str]] = panel.attrs.pop("value_labels", {})
    check_renaming(columns or {}, panel.columns)
    panel = panel.rename(columns=dict(columns or {}))
    if "municipality" in panel.columns:
        panel["municipality"] = _municipality_codes(panel["municipality"], labels.get("municipality", {}))
    if "year" in panel.columns and not pd.api.types.is_numeric_dtype(panel["year"].dtype):
        panel["year"] = period_numbers(panel["year"], "year")
    check_panel(panel)
    panel = panel.astype({"year": "int64", "population": "int64"})
    panel = panel.sort_values(["municipality", "year"], ignore_index=True)
    panel["population_10k"] = panel["population"] / 10_000
    known = provenance_of(panel).origin if "data_origin" in panel.columns else file.origin
    panel.attrs["provenance"] = replace(file, origin=known)
    return panel


def _municipality_codes(codes: pd.Series, labels: Mapping[Any, str]) -> pd.Series:
    """Codes as text: value labels where a statistics package has them, else four digits."""
    if pd.api.types.is_numeric_dtype(codes.dtype):
        if labels:
            return codes.map(lambda code: labels.get(code, str(code)))
        broken = codes[codes.notna() & (codes % 1 != 0)]
        if len(broken):
            raise InvalidDataError(
                f"municipality codes must be whole numbers or text: {', '.join(map(str, broken[:10]))}"
            )
        return codes.map(lambda code: f"{int(code):04d}", na_action="ignore").astype("str")
    return codes.astype("str")
