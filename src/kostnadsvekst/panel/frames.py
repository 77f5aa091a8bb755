"""Any table of the user's as estimators take it: no schema, only the columns that a specification names."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from kostnadsvekst.naming import check_renaming
from kostnadsvekst.panel.load import load_panel
from kostnadsvekst.sources.files import read_table


def load_frame(path: str | Path | None, rename: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Load a table of any columns.

    Parameters
    ----------
    path : str or Path, optional
        File that `kostnadsvekst.sources.files.read_table` reads. The folder of a store, a TOML file, and
        nothing (the embedded synthetic panel) are read by `kostnadsvekst.load_panel`.
    rename : mapping of str to str, optional
        The file's column names -> those that specifications use.

    Returns
    -------
    DataFrame
        In the order of the file, nothing checked but the names; ``population_10k`` is added where there are
        numbers in ``population``. `kostnadsvekst.provenance.provenance_of` says where it comes from.

    Raises
    ------
    DataMissingError
        If the file, or a column to be renamed, does not exist.
    InvalidDataError
        If the file cannot be read.
    SpecificationError
        If two columns would have one name.
    """
    if path is None or Path(path).is_dir() or Path(path).suffix == ".toml":
        return load_panel(path, rename)
    table = read_table(path)
    check_renaming(rename or {}, table.columns)
    table = table.rename(columns=dict(rename or {}))
    if "population" in table and _TENS not in table and pd.api.types.is_numeric_dtype(table["population"]):
        table[_TENS] = table["population"] / 10_000
    if "data_origin" in table:
        # The column says where the rows come from; the file is only where they lie.
        table.attrs.pop("provenance", None)
    return table


_TENS = "population_10k"
