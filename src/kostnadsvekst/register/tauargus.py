"""Optimal secondary suppression by pytauargus (extra ``sdc``)."""

import tempfile
from contextlib import chdir

import numpy as np
import pandas as pd
import pytauargus
from numpy.typing import NDArray

from kostnadsvekst.errors import DisclosureError

_TOTAL = "T"


def optimal_pattern(values: pd.DataFrame, threshold: int) -> NDArray[np.bool_]:
    """Cells to suppress with the least number of persons hidden.

    Parameters
    ----------
    values : DataFrame of int
        Persons, with margins last.
    threshold : int

    Returns
    -------
    ndarray of bool, same shape

    Raises
    ------
    DisclosureError
        If the solver fails; without its message.

    Notes
    -----
    The solver reads one record for each person from a private folder that is removed at once. It protects a
    cell by its own size at most, so the caller has to see to smaller cells.
    """
    n_rows, n_columns = (size - 1 for size in values.shape)
    people = _people(values.to_numpy(dtype=float)[:-1, :-1].astype(int))
    pattern = np.zeros(values.shape, dtype=bool)
    small = (values.to_numpy(dtype=float) > 0) & (values.to_numpy(dtype=float) < threshold)
    if not small.any():
        return pattern
    # The solver writes logs into the working directory: they are personal data, too.
    with tempfile.TemporaryDirectory(prefix="kostnadsvekst-register-tau-") as folder, chdir(folder):
        labels, safe = _solve(people, threshold, folder)
    rows = {f"r{i:04}": i for i in range(n_rows)}
    columns = {f"c{j:04}": j for j in range(n_columns)}
    for (row_label, column_label), shown in zip(labels, safe, strict=True):
        if shown == "x":
            pattern[rows.get(row_label, n_rows), columns.get(column_label, n_columns)] = True
    return pattern


def _solve(people: pd.DataFrame, threshold: int, folder: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Labels of cells, and ``"x"`` where they are suppressed."""
    try:
        result = pytauargus.protect(
            people,
            ["row", "column"],
            "persons",
            safety_rules=f"FREQ({threshold},100)",
            suppress="OPT(1)",
            totcode=_TOTAL,
            workdir=folder,
        )
        table = result.tables[0]
        return [(cell["row"], cell["column"]) for cell in table.rows], list(table.safe())
    except Exception as error:  # its messages can hold records of persons
        raise DisclosureError(
            f"pytauargus failed ({type(error).__name__}): use method='own', or a smaller table"
        ) from None


def _people(counts: NDArray[np.int_]) -> pd.DataFrame:
    """One record for each person of a table."""
    row, column = np.indices(counts.shape)
    return pd.DataFrame(
        {
            "row": [f"r{i:04}" for i in np.repeat(row.ravel(), counts.ravel())],
            "column": [f"c{j:04}" for j in np.repeat(column.ravel(), counts.ravel())],
            "persons": 1,
        }
    )
