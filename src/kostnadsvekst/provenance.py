"""Where data come from: the label that every table, figure and file carries."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from kostnadsvekst.version import __version__

SYNTHETIC = "synthetic"
UNKNOWN = "data frame of the caller"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Origin of the data behind a result.

    Attributes
    ----------
    origin : str
        ``"synthetic"``, or what is known of real data, such as ``"file of the user"``.
    file : str
        Name of the file (without its folder), empty if none.
    file_sha256 : str
        Hash of the file's bytes, empty if none.
    package_version : str
    """

    origin: str
    file: str = ""
    file_sha256: str = ""
    package_version: str = __version__

    @property
    def synthetic(self) -> bool:
        """Whether the data are synthetic, and so say nothing about Norway."""
        return self.origin == SYNTHETIC

    def __deepcopy__(self, memo: object) -> "Provenance":
        # pandas copies a frame's attributes deeply with every column taken; a frozen value needs no copy.
        return self


def provenance_of(data: pd.DataFrame) -> Provenance:
    """Provenance that a frame carries, in its attributes or in its column ``data_origin``.

    Parameters
    ----------
    data : DataFrame
        A frame from `kostnadsvekst.load_panel` knows its file; any other may have a column
        ``data_origin`` with one value.
    """
    known: Any = data.attrs.get("provenance")
    if isinstance(known, Provenance):
        return known
    if "data_origin" in data.columns:
        origins = data["data_origin"].dropna().unique()
        # One synthetic row makes the whole synthetic: the label must never get lost.
        if SYNTHETIC in origins:
            return Provenance(SYNTHETIC)
        if len(origins) == 1:
            return Provenance(str(origins[0]))
    return Provenance(UNKNOWN)
