"""The municipal panel as estimators want it: the embedded synthetic one, or a user's own file."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from kostnadsvekst.errors import DataWarning, SpecificationError
from kostnadsvekst.panel.build import build_panel
from kostnadsvekst.panel.own_panels import naming_file, read_own_panel
from kostnadsvekst.panel.periods import period_numbers
from kostnadsvekst.panel.raw import FileMapping, read_mapping
from kostnadsvekst.panel.schema import check_panel
from kostnadsvekst.provenance import provenance_of
from kostnadsvekst.sources.embedded import embedded_path

_checked: list[str] = []
EMBEDDED_PANEL = "synthetic/synthetic_panel_2015_2019.csv"


def load_panel(
    path: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    *,
    sheet: str | None = None,
    decimal: str | None = None,
) -> pd.DataFrame:
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
    sheet, decimal : str, optional
        As in `kostnadsvekst.sources.files.read_table`.

    Returns
    -------
    DataFrame
        Sorted by municipality and year. Municipality codes are text of at least four characters; names that
        stood beside them (``0301 Oslo``, value labels) are in ``municipality_name``. ``attrs["provenance"]``
        says where the data come from (`kostnadsvekst.provenance.provenance_of` reads it).

    Raises
    ------
    DataMissingError
        If the file or columns do not exist.
    InvalidDataError
        If the file cannot be read, or the panel breaks the schema (all problems are listed).

    Warns
    -----
    DataWarning
        If amounts look suspicious inside a municipality, or units without a code stand among codes.
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
    with naming_file(path):
        file = path if path is not None else embedded_path(EMBEDDED_PANEL)
        panel = read_own_panel(file, columns, sheet, decimal)
        if "year" in panel.columns and not pd.api.types.is_numeric_dtype(panel["year"].dtype):
            panel["year"] = period_numbers(panel["year"], "year")
        if path is not None or _is_news():
            check_panel(panel)
    return _finished(panel)


def _is_news() -> bool:
    """Whether the embedded panel is to be checked aloud: once, and where warnings are recorded or errors.

    What Python itself remembers of warnings that were shown is forgotten whenever a filter changes.
    """
    first = not _checked
    _checked.append(EMBEDDED_PANEL)
    action = next((f[0] for f in warnings.filters if issubclass(DataWarning, f[2])), "default")
    return first or action in ("always", "error")


def _finished(panel: pd.DataFrame) -> pd.DataFrame:
    """Types, order and ``population_10k`` of a checked panel; one synthetic row makes the whole synthetic."""
    file = provenance_of(panel)
    panel.attrs = {}
    panel = panel.astype({"year": "int64", "population": "int64"})
    panel = panel.sort_values(["municipality", "year"], ignore_index=True)
    panel["population_10k"] = panel["population"] / 10_000
    known = provenance_of(panel).origin if "data_origin" in panel.columns else file.origin
    panel.attrs["provenance"] = replace(file, origin=known).to_attrs()
    return panel
