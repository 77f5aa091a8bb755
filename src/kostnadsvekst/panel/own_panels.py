"""A finished panel in a file of the user's: columns renamed, codes apart from names, faults named by file."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from kostnadsvekst.callers import level_of_caller
from kostnadsvekst.errors import DataMissingError, InvalidDataError
from kostnadsvekst.naming import check_renaming
from kostnadsvekst.panel.unit_codes import place_municipalities
from kostnadsvekst.sources.delimited import STATUS
from kostnadsvekst.sources.files import read_table


def read_own_panel(
    path: str | Path,
    columns: Mapping[str, str] | None = None,
    sheet: str | None = None,
    decimal: str | None = None,
) -> pd.DataFrame:
    """Read a panel as it is in its file, with our names and municipality codes.

    Parameters
    ----------
    path : str or Path
    columns : mapping of str to str, optional
        Name in the file -> name here.
    sheet, decimal : str, optional
        As in `kostnadsvekst.sources.files.read_table`.

    Returns
    -------
    DataFrame
        ``municipality`` as codes, with ``municipality_name`` where names stood beside them; not checked.

    Raises
    ------
    DataMissingError, InvalidDataError, SpecificationError
        As `kostnadsvekst.sources.files.read_table`; municipality codes that are no codes.
    """
    table = read_table(path, sheet=sheet, decimal=decimal)
    provenance, labels = table.attrs["provenance"], table.attrs.get("value_labels", {})
    names = dict(columns or {})
    theirs = next((name for name, ours in names.items() if ours == "municipality"), "municipality")
    check_renaming(names, table.columns)
    beside = {f"{theirs}{STATUS}": f"{ours}{STATUS}" for theirs, ours in names.items()}
    table = table.rename(columns=beside | names)
    table.attrs = {"provenance": provenance}
    if list(table.columns).count("municipality") == 1:
        table = place_municipalities(table, labels.get(theirs), stacklevel=level_of_caller())
    return table


@contextmanager
def naming_file(path: str | Path | None) -> Iterator[None]:
    """Put the file's name before the faults that are found in its data.

    Parameters
    ----------
    path : str, Path or None
        None for data that are not the user's.
    """
    try:
        yield
    except InvalidDataError as error:
        raise InvalidDataError(_named(path, error.summary), error.problems) from None
    except DataMissingError as error:
        raise DataMissingError(_named(path, str(error))) from None


def _named(path: str | Path | None, text: str) -> str:
    return text if path is None or str(path) in text else f"{str(path)!r}: {text}"
