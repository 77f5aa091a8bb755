"""Where data come from: the label that every table, figure and file carries."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from kostnadsvekst.version import __version__

if TYPE_CHECKING:
    import pandas as pd

SYNTHETIC = "synthetic"
UNKNOWN = "data frame of the caller"
# Origins in Norwegian, as Norwegian files have them.
NORWEGIAN = {
    SYNTHETIC: "syntetiske",
    UNKNOWN: "brukerens dataramme",
    "file of the user": "brukerens fil",
    "the report": "rapporten",
    "printed numbers of the report": "rapportens trykte tall",
}
_ENGLISH = {norwegian: english for english, norwegian in NORWEGIAN.items()}


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

    def to_attrs(self) -> dict[str, str]:
        """Return what a frame carries under ``attrs["provenance"]``: text only.

        Frames with anything else in their attributes cannot be saved as Parquet, Feather or Arrow.
        """
        return {field.name: str(getattr(self, field.name)) for field in fields(self)}


def provenance_of(data: "pd.DataFrame") -> Provenance:
    """Provenance that a frame carries, in its attributes or in its column ``data_origin``.

    Parameters
    ----------
    data : DataFrame
        A frame from `kostnadsvekst.load_panel` knows its file, also after it was saved as Parquet, Feather or
        Arrow and read again; any other may have a column ``data_origin`` with one value.
    """
    known: Any = data.attrs.get("provenance")
    if isinstance(known, Provenance):
        return known
    if isinstance(known, Mapping) and isinstance(known.get("origin"), str):
        names = [field.name for field in fields(Provenance)]
        return Provenance(**{name: str(known[name]) for name in names if name in known})
    if "data_origin" in data.columns:
        origins = [_ENGLISH.get(origin, origin) for origin in data["data_origin"].dropna().unique()]
        # One synthetic row makes the whole synthetic: the label must never get lost.
        if SYNTHETIC in origins:
            return Provenance(SYNTHETIC)
        if len(origins) == 1:
            return Provenance(str(origins[0]))
    return Provenance(UNKNOWN)
