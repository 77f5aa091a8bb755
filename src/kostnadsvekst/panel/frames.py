"""Any table of the user's as estimators take it: no schema, only the columns that a specification names."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from kostnadsvekst.naming import check_renaming
from kostnadsvekst.panel.load import load_panel
from kostnadsvekst.panel.raw import read_mapping
from kostnadsvekst.sources.files import read_table


def load_frame(path: str | Path | None, rename: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Load a table of any columns.

    Parameters
    ----------
    path : str or Path, optional
        File that `kostnadsvekst.sources.files.read_table` reads, or TOML that names one. The folder of a
        store, a TOML file that maps raw data, and nothing (the embedded synthetic panel) are read by
        `kostnadsvekst.load_panel`.
    rename : mapping of str to str, optional
        The file's column names -> those that specifications use.

    Returns
    -------
    DataFrame
        In the order of the file, nothing checked but the new names; ``population_10k`` is added where there
        are numbers in ``population``. `kostnadsvekst.provenance.provenance_of` says where it comes from.

    Raises
    ------
    DataMissingError
        If the file, or a column to be renamed, does not exist.
    InvalidDataError
        If the file cannot be read.
    SpecificationError
        If two columns would have one name.
    """
    source = None if path is None else Path(path)
    if source is not None and source.suffix == ".toml" and source.is_file():
        mapping = read_mapping(source)
        if mapping.file:
            return load_frame(source.parent / mapping.file, {**mapping.rename, **(rename or {})})
    built = source is None or source.is_dir() or source.suffix == ".toml"
    table = load_panel(source) if source is None or built else read_table(source)
    check_renaming(rename or {}, table.columns)
    table = table.rename(columns=dict(rename or {}))
    if "population" in table and _TENS not in table and pd.api.types.is_numeric_dtype(table["population"]):
        table[_TENS] = table["population"] / 10_000
    if "data_origin" in table and not built:
        # The column says where the rows come from; the file is only where they lie.
        table.attrs.pop("provenance", None)
    return table


_TENS = "population_10k"
