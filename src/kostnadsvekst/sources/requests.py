"""What is asked of Statistics Norway's StatBank, as frozen values from a TOML file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator

from kostnadsvekst.sources.embedded import embedded_path
from kostnadsvekst.toml_files import (
    CLOSED,
    Text,
    Texts,
    Truth,
    Whole,
    one_of,
    place,
    read_as,
    read_toml,
    refuse,
)

REQUESTS = "parameters/statbank.toml"
UNITS = ("persons", "nok1000", "nok", "nok_per_inhabitant", "percent", "per_1000")


def _table_number(value: str) -> str:
    if not re.fullmatch(r"[0-9]{5}", value):
        raise ValueError(f"{value!r:.60} is no number of a table: five digits, in quotes")
    return value


Table = Annotated[Text, AfterValidator(_table_number)]
Unit = Annotated[Text, AfterValidator(one_of(UNITS))]
Yearly = Annotated[Text, AfterValidator(one_of(["mean"]))]


@dataclass(frozen=True, slots=True)
class Substitute:
    """Another request, asked where the first is impossible; what is None is as there."""

    __pydantic_config__: ClassVar = CLOSED
    what: Text
    table: Table
    region: Text
    unit: Unit
    selection: dict[str, Texts]
    verified: Truth
    note: Text
    time: Text | None = None
    yearly: Yearly | None = None
    quantity: Text | None = None
    age: Text | None = None


@dataclass(frozen=True, slots=True)
class TableRequest:
    """A request for one table.

    Attributes
    ----------
    what : str
    table : str
        Five digits.
    region, time, age : str
        Dimensions that hold the municipality, the year (Tid if None) and the age.
    unit : str
        One of `UNITS`.
    selection : mapping of str to tuple of str
        Dimension -> codes or patterns.
    verified : bool
        Whether the codes were seen in an answer.
    quantity : str, optional
        What the panel builder uses the cells as.
    bands : mapping of str to pair of int
        Quantity -> lowest and highest age, instead of one quantity.
    yearly : {"mean"}, optional
        The table is monthly, and the year the mean of its months.
    note : str, optional
    otherwise : Substitute, optional
    """

    __pydantic_config__: ClassVar = CLOSED
    what: Text
    table: Table
    region: Text
    unit: Unit
    selection: dict[str, Texts]
    verified: Truth
    time: Text | None = None
    quantity: Text | None = None
    age: Text | None = None
    bands: dict[str, tuple[Whole, Whole]] = field(default_factory=dict)
    yearly: Yearly | None = None
    note: Text | None = None
    otherwise: Substitute | None = None

    @property
    def contradictions(self) -> dict[str, str]:
        """Key -> what is wrong with it beside the others."""
        lacking = {
            key: f"the dimension {dimension!r} is not in selection"
            for key, dimension in (("region", self.region), ("age", self.age))
            if dimension is not None and dimension not in self.selection
        }
        wrong = [name for name, (low, high) in self.bands.items() if not 0 <= low <= high]
        bands = {"bands": f"the lowest age is above the highest in {', '.join(wrong)}"} if wrong else {}
        if self.bands and self.age is None:
            bands = {"bands": "ages need the key age: the dimension that holds them"}
        return lacking | bands


@dataclass(frozen=True, slots=True)
class RequestFile:
    """The file: one table for each request."""

    __pydantic_config__: ClassVar = CLOSED
    requests: dict[str, TableRequest]


def read_requests(path: Path | str) -> Mapping[str, TableRequest]:
    """Read a file of requests.

    Parameters
    ----------
    path : Path or str

    Returns
    -------
    mapping of str to TableRequest

    Raises
    ------
    DataMissingError
        If there is no such file.
    SpecificationError
        If it is not TOML, or a request lacks a key, has an unknown one, or contradicts itself: all faults at
        once, each with its key and line.
    """
    file = read_toml(path, "file of requests")
    requests = read_as(file, RequestFile).requests
    faults = [
        f"{place(('requests', name, key), file.text)}: {fault}"
        for name, request in requests.items()
        for key, fault in request.contradictions.items()
    ]
    refuse(file.name, faults)
    return requests


def load_requests(path: Path | str | None = None) -> dict[str, dict[str, Any]]:
    """Load the requests for the real panel, by name.

    Parameters
    ----------
    path : Path or str, optional
        TOML file; without it ``data/parameters/statbank.toml``: change that file where a code has changed.

    Returns
    -------
    dict
        Entries of the file as they are written, when all have been checked (`read_requests`).
    """
    chosen = embedded_path(REQUESTS) if path is None else path
    read_requests(chosen)
    requests: dict[str, dict[str, Any]] = dict(read_toml(chosen, "file of requests").content["requests"])
    return requests
