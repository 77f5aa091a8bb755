"""The data that ship with the package: published cells, synthetic panels, parameters."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from kostnadsvekst.errors import DataMissingError

_PACKAGE = Path(__file__).resolve().parents[1]


def embedded_path(name: str) -> Path:
    """Path of an embedded data file.

    Parameters
    ----------
    name : str
        Path below ``data/``, for example ``"published/report_003_tables.csv"``.

    Returns
    -------
    Path
        In an installed wheel the file lies inside the package, in a checkout in the folder ``data``
        beside ``src``.

    Raises
    ------
    DataMissingError
        If neither place has the file.
    """
    places = (_PACKAGE / "data" / name, _PACKAGE.parents[1] / "data" / name)
    for place in places:
        if place.is_file():
            return place
    raise DataMissingError(
        f"embedded data file {name!r} not found (looked in {' and '.join(str(p) for p in places)}); "
        "the installation is incomplete: install the package again"
    )


def embedded_files() -> dict[str, Path]:
    """Every embedded data file.

    Returns
    -------
    dict of str to Path
        Path below ``data/``, with ``/`` -> file; hidden files are left out.
    """
    folder = embedded_path("published/report_003_tables.csv").parents[1]
    names = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    hidden = {name for name in names if any(part.startswith(".") for part in name.parts)}
    return {name.as_posix(): path for name, path in names.items() if name not in hidden}


@cache
def municipal_parameters() -> Mapping[str, Any]:
    """Dated parameters of municipal systems: accounts, weights, prices, services, each with its source."""
    parameters: dict[str, Any] = tomllib.loads(embedded_path("parameters/municipal.toml").read_text("utf-8"))
    return parameters


def paper_folder() -> Path:
    """Folder with the sources of the paper: in the wheel inside the package, in a checkout at its root.

    Raises
    ------
    DataMissingError
        If neither place has it.
    """
    places = (_PACKAGE / "paper", _PACKAGE.parents[1] / "paper")
    for place in places:
        if (place / "paper.typ").is_file():
            return place
    raise DataMissingError(
        f"the sources of the paper were not found (looked in {' and '.join(map(str, places))}); "
        "the installation is incomplete: install the package again"
    )
