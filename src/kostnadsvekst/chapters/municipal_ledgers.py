"""Sums of a sheet under conditions, as a formula and as its value: both are made of the same conditions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.workbook import Sheet

# Service under which shares of shared costs stand among the accounts.
SHARED = Bilingual("Fellesutgifter", "Shared costs")


@dataclass(frozen=True, slots=True)
class Ledger:
    """A sheet and its numbers.

    Attributes
    ----------
    sheet : Sheet
    frame : DataFrame
        A column for each of the sheet's, as the cells show it.
    columns : mapping of str to array
        The same, found faster.
    found : dict
        Rows with a value of a column, kept once they were looked for.
    """

    sheet: Sheet
    frame: pd.DataFrame
    columns: Mapping[str, NDArray[Any]] = field(init=False, repr=False)
    found: dict[tuple[str, object], NDArray[np.bool_]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Put the frame down: thousands of sums are made of its columns."""
        columns = {str(name): self.frame[name].to_numpy(dtype=object) for name in self.frame.columns}
        object.__setattr__(self, "columns", columns)

    def rows_with(self, name: str, value: object) -> NDArray[np.bool_]:
        """Rows in which a column has a value."""
        key = (name, value)
        if key not in self.found:
            self.found[key] = self.columns[name] == value
        return self.found[key]

    def fitting(
        self, same: Mapping[str, tuple[str, object]], flags: tuple[str, ...] = ()
    ) -> NDArray[np.bool_]:
        """Rows that a sum is over.

        Parameters
        ----------
        same, flags
            As for `total`.
        """
        fits = np.ones(len(self.frame), dtype=bool)
        for name, (_, value) in same.items():
            fits &= self.rows_with(name, value)
        for name in flags:
            fits &= self.rows_with(name, 1.0)
        return fits

    def total(
        self, amount: str, same: Mapping[str, tuple[str, object]], flags: tuple[str, ...] = ()
    ) -> tuple[str, float]:
        """Sum of a column over the rows that fit.

        Parameters
        ----------
        amount : str
            Column of numbers; empty cells count as nothing.
        same : mapping of str to (str, object)
            Column -> cell that it has to equal, and what that holds.
        flags : tuple of str
            Columns that have to be 1.

        Returns
        -------
        formula : str
            Without the equals sign.
        value : float
            NaN where no row fits.
        """
        conditions = [f"({self.sheet.span(name)}={cell})" for name, (cell, _) in same.items()]
        factors = [*conditions, *(self.sheet.span(name) for name in (*flags, amount))]
        fits = self.fitting(same, flags)
        values = self.columns[amount][fits].astype(float)
        known = values[~np.isnan(values)]
        total = float(known.sum()) if len(known) else np.nan
        return f"SUMPRODUCT({'*'.join(factors)})", total
