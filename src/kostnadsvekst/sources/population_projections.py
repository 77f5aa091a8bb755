"""Statistics Norway's population projections and the population that came, from the StatBank or files.

Tables of the StatBank are one an edition; their texts say alternative (``"Hovedalternativet (MMMM)"``),
region with the years of its borders (``"Porsgrunn (-2019)"``) and age. Here all have the same columns.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from kostnadsvekst.errors import DataMissingError, InvalidDataError
from kostnadsvekst.naming import first_of
from kostnadsvekst.sources.cache import Cache
from kostnadsvekst.sources.files import read_table
from kostnadsvekst.sources.statbank import BASE_URL, BY_LABEL, fetch

__all__ = [
    "MAIN",
    "TABLES",
    "fetch_projection",
    "read_population",
    "read_projections",
    "tidy_population",
    "tidy_projections",
]

MAIN = "MMMM"
ALTERNATIVES = ("MMMM", "LLML", "HHMH")
# Edition -> its table in the StatBank.
TABLES: Mapping[int, str] = {
    2010: "08109",
    2014: "10213",
    2018: "11668",
    2020: "12882",
    2022: "13600",
    2024: "14288",
    2026: "14746",
}
_CODE = re.compile(r"(?<![A-ZÆØÅ0-9])([HLMK][HLMK][HLMK][HLMK0])(?![A-ZÆØÅ0-9])")
_BORDERS = re.compile(r"\s*\((\d{4})?\s*[-–]\s*(\d{4})?\)\s*$")
# Names of the columns in files of the StatBank, and here.
_NAMES = {
    "region": "municipality",
    "kommune": "municipality",
    "alder": "age_group",
    "age": "age_group",
    "år": "year",
    "aar": "year",
    "tid": "year",
    "value": "population",
    "personer": "population",
    "framskriving": "edition",
    "statistikkvariabel": "alternative",
    "contentscode": "alternative",
    "kommune2020": "municipality",
}
_PROJECTED = ("municipality", "edition", "alternative", "year", "age_group", "population")
_COUNTED = ("municipality", "year", "age_group", "population")


def read_projections(paths: str | Path | Iterable[str | Path]) -> pd.DataFrame:
    """Read editions of a projection from files as the StatBank writes them.

    Parameters
    ----------
    paths : path, or several
        CSV, also compressed, with the columns ``region``, ``statistikkvariabel``, ``år``, ``alder``,
        ``value`` and ``Framskriving`` (or their English names here).

    Returns
    -------
    DataFrame
        ``municipality`` (without the years of its borders), ``borders`` (those years, such as ``"-2019"``;
        empty where the text has none), ``edition``, ``alternative`` (such as ``"MMMM"``), ``year``,
        ``age_group``, ``population`` (persons, 1 January).

    Raises
    ------
    DataMissingError
        No such file, or a column lacks.
    InvalidDataError
        Alternatives without a code, numbers that are none, rows that stand twice; all at once.
    """
    listed = [paths] if isinstance(paths, str | Path) else list(paths)
    if not listed:
        raise DataMissingError("no file of a projection is named")
    return tidy_projections(pd.concat([read_table(path) for path in listed], ignore_index=True))


def read_population(path: str | Path) -> pd.DataFrame:
    """Read the population that came from a file as the StatBank writes it.

    Parameters
    ----------
    path : path
        CSV, also compressed, with the columns ``region``, ``år``, ``alder`` and ``value``.

    Returns
    -------
    DataFrame
        ``municipality``, ``borders``, ``year``, ``age_group``, ``population`` (persons, 1 January).

    Raises
    ------
    DataMissingError, InvalidDataError
        As `read_projections`.
    """
    return tidy_population(read_table(path))


def tidy_projections(frame: pd.DataFrame) -> pd.DataFrame:
    """Give a frame of editions the columns of this module.

    Parameters
    ----------
    frame : DataFrame
        As the StatBank writes it, or as `read_projections` gives it; without an alternative it is the main
        one.

    Returns
    -------
    DataFrame
        As `read_projections`.

    Raises
    ------
    DataMissingError, InvalidDataError
        As `read_projections`.
    """
    _require_frame(frame, "editions")
    named = frame.rename(columns=_named(frame, "Kilde"))
    if "alternative" not in named:
        named["alternative"] = MAIN
    texts = pd.Series(pd.unique(named["alternative"]))
    codes = dict(zip(texts, texts.astype(str).str.extract(_CODE, expand=False), strict=True))
    unknown = [
        f"alternative {text!r} has no code such as MMMM, LLML or HHMH"
        for text, code in codes.items()
        if code != code
    ]
    named["alternative"] = named["alternative"].map(codes)
    return _tidy(named, _PROJECTED, unknown)


def tidy_population(frame: pd.DataFrame) -> pd.DataFrame:
    """Give a frame of counted persons the columns of this module.

    Parameters
    ----------
    frame : DataFrame
        As the StatBank writes it, or as `read_population` gives it.

    Returns
    -------
    DataFrame
        As `read_population`.

    Raises
    ------
    DataMissingError, InvalidDataError
        As `read_projections`.
    """
    _require_frame(frame, "population")
    return _tidy(frame.rename(columns=_named(frame)), _COUNTED, [])


def fetch_projection(
    edition: int,
    regions: Sequence[str],
    *,
    alternatives: Sequence[str] = ALTERNATIVES,
    cache: Cache | Path | str | None = None,
    offline: bool = False,
    table: str | None = None,
    base_url: str = BASE_URL,
) -> pd.DataFrame:
    """Fetch an edition from the StatBank, by one-year ages.

    Parameters
    ----------
    edition : int
        Year that it starts from, 1 January.
    regions : sequence of str
        Codes of municipalities, such as ``"1507"``.
    alternatives : sequence of str
        Codes, looked up by the texts of the table.
    cache, offline, base_url
        As `kostnadsvekst.sources.statbank.fetch`.
    table : str, optional
        Five digits, for an edition that `TABLES` does not have.

    Returns
    -------
    DataFrame
        As `read_projections`; ``municipality`` is the table's text of the region. Sum the ages with
        `kostnadsvekst.sources.age_groups.in_age_groups`. ``attrs["statbank"]`` names table and time.

    Raises
    ------
    DataMissingError
        The table of the edition is not known, or offline and never fetched.
    SourceError, SpecificationError, InvalidDataError
        As `kostnadsvekst.sources.statbank.fetch`.
    """
    number = table or TABLES.get(edition)
    if number is None:
        known = ", ".join(map(str, TABLES))
        raise DataMissingError(f"no table is known of edition {edition} (known: {known}); name table=")
    wanted = {
        "Region": list(regions),
        "Alder": "*",
        "ContentsCode": [f"{BY_LABEL}*{code}*" for code in alternatives],
        "Tid": "*",
    }
    cells = fetch(number, wanted, cache=cache, offline=offline, base_url=base_url)
    labels = cells.attrs.get("labels", {})
    told = pd.DataFrame(
        {
            "municipality": _label(cells, labels, "Region"),
            "edition": edition,
            "alternative": _label(cells, labels, "ContentsCode"),
            "year": cells["Tid"].astype(int),
            "age_group": _label(cells, labels, "Alder"),
            "population": cells["value"],
        }
    )
    made = tidy_projections(told)
    made.attrs["statbank"] = {"table": number, "retrieved": str(cells.attrs.get("retrieved", ""))}
    return made


def _require_frame(frame: object, name: str) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise InvalidDataError(f"{name}: a data frame is needed, not {type(frame).__name__}")


def _label(cells: pd.DataFrame, labels: Mapping[str, Mapping[str, str]], name: str) -> pd.Series:
    known = labels.get(name, {})
    return cells[name].map(lambda code: known.get(code, code))


def _named(frame: pd.DataFrame, *never: str) -> dict[str, str]:
    """Columns to rename; a name that is there already stays the only one."""
    found: dict[str, str] = {}
    for column in frame.columns:
        name = _NAMES.get(str(column).casefold())
        if name and name not in frame.columns and name not in found.values() and column not in never:
            found[column] = name
    return found


def _tidy(named: pd.DataFrame, columns: Sequence[str], faults: list[str]) -> pd.DataFrame:
    absent = [name for name in columns if name not in named.columns]
    if absent:
        raise DataMissingError(
            f"the projection lacks {', '.join(absent)} (it has {', '.join(map(str, named.columns))}); "
            "give the columns of the StatBank: region, statistikkvariabel, år, alder, value, Framskriving"
        )
    made = named[[*columns, *(["borders"] if "borders" in named else [])]].copy()
    texts = made["municipality"].astype(str).str.strip()
    if "borders" not in made:
        made["borders"] = texts.str.extract(r"\((\d{0,4}\s*[-–]\s*\d{0,4})\)\s*$", expand=False).fillna("")
    made["municipality"] = texts.str.replace(_BORDERS, "", regex=True)
    made["age_group"] = made["age_group"].astype(str).str.strip()
    for name in ("year", "edition", "population"):
        if name in made:
            numbers = pd.to_numeric(made[name], errors="coerce")
            faults += [
                f"row {k + 1}: {name} is {made[name].iloc[k]!r}, no number from 0"
                for k in (~(numbers >= 0)).to_numpy().nonzero()[0]
            ]
            made[name] = numbers if name == "population" else numbers.fillna(0).astype("int64")
    keys = [name for name in columns if name != "population"]
    twice = made[made.duplicated([*keys, "borders"], keep="first")]
    faults += [f"stands twice: {', '.join(map(str, row))}" for row in twice[keys].itertuples(index=False)]
    if faults:
        raise InvalidDataError(f"the projection has {len(faults)} fault(s)", first_of(faults))
    order = ["municipality", "borders", *columns[1:]]
    made = made[order].reset_index(drop=True)
    made.attrs = {name: value for name, value in named.attrs.items() if name == "provenance"}
    return made
