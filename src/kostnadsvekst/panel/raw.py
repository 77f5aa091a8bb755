"""What a panel is built from: totals and rates by municipality and year, whatever they were read from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import AfterValidator, BeforeValidator, Field

from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.naming import first_of
from kostnadsvekst.panel.periods import period_numbers
from kostnadsvekst.panel.unit_codes import read_municipalities
from kostnadsvekst.provenance import Provenance, provenance_of
from kostnadsvekst.sources.files import read_table
from kostnadsvekst.sources.klass import read_changes
from kostnadsvekst.sources.missing_symbols import MISSING_TEXTS
from kostnadsvekst.sources.number_texts import parse_numbers
from kostnadsvekst.sources.store import Store, read_store
from kostnadsvekst.toml_files import CLOSED, Amount, Text, Texts, Whole, one_of, read_as, read_toml

_MONTHS = 12
COLUMNS = ("municipality", "year", "quantity", "value", "unit")

# Unit -> (what the value is multiplied by to be a total, whether it is a rate of its denominator).
UNITS: dict[str, tuple[float, bool]] = {
    "persons": (1.0, False),
    "nok1000": (1000.0, False),
    "nok": (1.0, False),
    "nok_per_inhabitant": (1.0, True),
    "percent": (0.01, True),
    "per_1000": (0.001, True),
}

AGES = ("age_0_5", "age_6_15", "age_16_66", "age_67_79", "age_80_plus")

# Quantity -> its denominator; "population" is the one at the date that the builder is asked for.
DENOMINATORS: dict[str, str] = {
    "net_expenditure": "population",
    "free_income": "population",
    **dict.fromkeys(AGES, "population_start"),
    "living_alone_80_plus": "age_80_plus",
    "divorced_16_66": "age_16_66",
    "unemployed_15_74": "persons_15_74",
    "immigrants": "population_start",
    "urban": "population_start",
    "deaths": "population",
}
QUANTITIES = (*DENOMINATORS, "population_start", "population_end", "persons_15_74")
POPULATION_DATES = ("end-of-year", "start-of-year")


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """A column of a file, and the unit that it is in."""

    __pydantic_config__: ClassVar = CLOSED
    column: Text
    unit: Annotated[Text, AfterValidator(one_of(UNITS))]


@dataclass(frozen=True, slots=True)
class MappedFile:
    """A file of the user's: its path, its columns of municipality and year, and quantity -> column."""

    __pydantic_config__: ClassVar = CLOSED
    path: Text
    municipality: Text
    year: Text
    columns: dict[Annotated[Text, AfterValidator(one_of(QUANTITIES))], MappedColumn]


Year = Annotated[Whole, Field(ge=1900, le=2100)]


@dataclass(frozen=True, slots=True)
class PanelChoices:
    """Arguments of `kostnadsvekst.build_panel` that a mapping may fix; None leaves its default."""

    __pydantic_config__: ClassVar = CLOSED
    start: Year | None = None
    end: Year | None = None
    base_year: Year | None = None
    borders: Annotated[Text, BeforeValidator(lambda v: str(v) if type(v) is int else v)] | None = None
    exclude: Texts | None = None
    keep: Texts | None = None
    population: Annotated[Text, AfterValidator(one_of(POPULATION_DATES))] | None = None
    prices: dict[Annotated[int, Field(ge=1900, le=2100)], Amount] | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Arguments that are fixed."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class FileMapping:
    """TOML file by which files of the user's become a panel.

    Attributes
    ----------
    files : mapping of str to MappedFile
        Raw data from which the panel is built.
    file : str, optional
        A finished panel instead, relative to the TOML file.
    rename : mapping of str to str
        Columns of the finished panel -> the names of `kostnadsvekst.panel.schema.COLUMNS`.
    origin : str, optional
        Of the data, for tables; "files of the user" if it is not told.
    changes : str, optional
        File of KLASS' changes of borders; else KLASS is asked.
    panel : PanelChoices
    """

    __pydantic_config__: ClassVar = CLOSED
    files: dict[str, MappedFile] = field(default_factory=dict)
    file: Text | None = None
    rename: dict[str, Text] = field(default_factory=dict)
    origin: Text | None = None
    changes: Text | None = None
    panel: PanelChoices = field(default_factory=PanelChoices)

    @property
    def contradiction(self) -> str:
        """What does not go together, or nothing."""
        if self.files and self.file:
            return "has both files and a finished panel (file): keep one"
        if self.files:
            way = "here [files.NAME.columns] names the columns"
            return f"has [rename], which is for a finished panel (file = '...'): {way}" if self.rename else ""
        if not self.file:
            return "has no [files.NAME], and no file = '...' for a finished panel"
        if self.file.lower().endswith(".toml"):
            return f"names {self.file!r} as its finished panel, which is a TOML file: name the table itself"
        unread = [name for name in ("origin", "changes") if getattr(self, name)]
        unread += ["panel"] if self.panel.given else []
        told = "build a panel from [files.NAME], and would not be read for a finished one (file)"
        return f"has {', '.join(unread)}, which {told}" if unread else ""


def read_mapping(path: Path) -> FileMapping:
    """Read a TOML file that maps the columns of files.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DataMissingError
        If there is no such file.
    SpecificationError
        If it is not TOML, or says what a mapping cannot say: all faults at once, with key and line.
    """
    file = read_toml(path, "column mapping")
    if "formula" in file.content:
        raise SpecificationError(f"{file.name} is a specification: give it with --spec, and data with --data")
    mapping = read_as(file, FileMapping)
    if mapping.contradiction:
        raise SpecificationError(f"{file.name} {mapping.contradiction}")
    return mapping


@dataclass(frozen=True)
class RawData:
    """Input of the panel builder.

    Attributes
    ----------
    values : DataFrame
        Columns `COLUMNS`: one row for each municipality code, year and quantity (one of `QUANTITIES`).
    provenance : Provenance
    changes, codes : DataFrame and mapping, optional
        Municipal borders that came with the data.
    updated : mapping
        Source table -> when the source last updated it.
    notes : mapping
        Quantity -> in what it differs from what the panel asks for.
    holes : mapping
        Table that could not be fetched -> why.
    """

    values: pd.DataFrame
    provenance: Provenance
    changes: pd.DataFrame | None = None
    codes: Mapping[int, list[str]] | None = None
    updated: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    holes: Mapping[str, str] = field(default_factory=dict)


def read_raw(raw: pd.DataFrame | Mapping[str, pd.DataFrame] | RawData | Path | str) -> RawData:
    """Bring any kind of input into one shape.

    Parameters
    ----------
    raw : DataFrame, mapping, path or RawData
        A long frame with `COLUMNS`; a mapping quantity -> frame with ``municipality``, ``year``, ``value``,
        ``unit``; the folder of a store written by ``kostnadsvekst fetch``; or a TOML file that maps the
        columns of the user's own files (see `read_mapped_files`).

    Returns
    -------
    RawData

    Raises
    ------
    DataMissingError
        A file, column or quantity does not exist.
    InvalidDataError
        Text in numbers, unknown quantities or units, broken codes: all are listed.
    """
    if isinstance(raw, RawData):
        return raw
    if isinstance(raw, str | Path):
        path = Path(raw)
        return read_stored(read_store(path)) if path.is_dir() else read_mapped_files(path)
    if isinstance(raw, pd.DataFrame):
        return RawData(check_values(raw), provenance_of(raw))
    frames = [frame.assign(quantity=name) for name, frame in raw.items()]
    if not frames:
        raise DataMissingError("there is no data to build a panel from")
    return RawData(check_values(pd.concat(frames, ignore_index=True)), provenance_of(frames[0]))


def check_values(frame: pd.DataFrame) -> pd.DataFrame:
    """Check long raw data and bring their columns to their types.

    Parameters
    ----------
    frame : DataFrame
        With `COLUMNS`.

    Returns
    -------
    DataFrame
        Exactly `COLUMNS`.
    """
    lacking = [c for c in COLUMNS if c not in frame]
    if lacking:
        raise DataMissingError(
            f"raw data lack the column(s) {', '.join(lacking)}; they need {', '.join(COLUMNS)}"
        )
    out = frame[list(COLUMNS)].reset_index(drop=True)
    problems = _wrong_labels(out)
    years = _years(out["year"])
    wrong_years = years.isna() | (years % 1 != 0)
    problems += first_of(
        f"year {value!r} is not a whole number" for value in out["year"][wrong_years].unique()
    )
    if not wrong_years.any():
        out["year"] = years.astype("int64")
    numbers = pd.concat([_numbers(values) for _, values in out.groupby("quantity")["value"]]).reindex(
        out.index
    )
    problems += _wrong_numbers(out, numbers)
    if problems:
        raise InvalidDataError(f"raw data cannot be used: {len(problems)} problem(s)", problems)
    return out.assign(municipality=out["municipality"].astype(str), value=numbers)


def _years(column: pd.Series) -> pd.Series:
    """Years as numbers, dates too; NaN for what is none."""
    if column.dtype.kind not in "Mm" and not isinstance(column.dtype, pd.PeriodDtype):
        numbers = pd.to_numeric(column, errors="coerce")
        if (numbers.notna() | column.isna()).all():
            return numbers
    try:
        return pd.Series(period_numbers(column, "year"), index=column.index, name=column.name)
    except InvalidDataError:  # whoever asked names the values
        return pd.to_numeric(column.astype(str), errors="coerce")


def _wrong_labels(out: pd.DataFrame) -> list[str]:
    """Unknown quantities and units, quantities in several units, codes that are no municipality's."""
    problems = [
        f"{column} {value!r} is not one of {', '.join(allowed)}"
        for column, allowed in (("quantity", QUANTITIES), ("unit", tuple(UNITS)))
        for value in sorted(set(out[column].astype(str)) - set(allowed))
    ]
    mixed = out.groupby("quantity")["unit"].unique()
    problems += [f"{q} is given in several units ({', '.join(u)})" for q, u in mixed.items() if len(u) > 1]
    codes = out["municipality"].astype(str)
    problems += first_of(
        f"municipality {code!r} is no code of four digits (numbers lose a leading zero: keep codes as text)"
        for code in sorted(codes[~codes.str.fullmatch(r"\d{4}")].unique())
    )
    return problems


def _wrong_numbers(out: pd.DataFrame, numbers: pd.Series) -> list[str]:
    """Values that are text or infinite, by municipality and year."""
    text = numbers.isna() & out["value"].notna() & ~out["value"].isin(MISSING_TEXTS)
    problems = first_of(
        f"{r.municipality} {r.year}: {r.quantity} is {r.value!r}, not a number"
        for r in out[text].itertuples()
    )
    infinite = np.isinf(numbers)
    return problems + first_of(
        f"{r.municipality} {r.year}: {r.quantity} is infinite" for r in out[infinite].itertuples()
    )


def read_mapped_files(path: Path) -> RawData:
    """Read the user's own files by a mapping of columns.

    Parameters
    ----------
    path : Path
        TOML. One table ``[files.NAME]`` for each file: ``path`` (relative to the TOML file),
        ``municipality`` and ``year`` (names of its columns), and ``[files.NAME.columns]`` with lines such as
        ``net_expenditure = { column = "NETTO", unit = "nok1000" }``. Optionally ``origin`` for the whole,
        ``changes`` (file of KLASS' changes; else KLASS is asked) and ``[panel]`` (see `PanelChoices`).

    Returns
    -------
    RawData
    """
    mapping = read_mapping(path)
    if mapping.file:
        raise SpecificationError(
            f"the column mapping {str(path)!r} is of a finished panel: read it with kv.load_panel"
        )
    frames = [_read_mapped_file(path.parent, entry) for entry in mapping.files.values()]
    return RawData(
        check_values(pd.concat(frames, ignore_index=True)),
        Provenance(mapping.origin or "files of the user", path.name),
        None if mapping.changes is None else read_changes(path.parent / mapping.changes),
    )


def _read_mapped_file(folder: Path, entry: MappedFile) -> pd.DataFrame:
    table = read_table(folder / entry.path)
    wanted = [entry.municipality, entry.year, *(c.column for c in entry.columns.values())]
    lacking = [c for c in wanted if c not in table]
    if lacking:
        raise DataMissingError(
            f"{entry.path} has no column(s) {', '.join(lacking)}; it has {', '.join(map(str, table.columns))}"
        )
    labels = table.attrs.get("value_labels", {}).get(entry.municipality)
    codes = read_municipalities(table[entry.municipality], labels).codes
    years = _years(table[entry.year])
    years = years.where(years.notna(), table[entry.year].astype(object))
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "municipality": codes.astype(str),
                    "year": years,
                    "quantity": quantity,
                    "value": table[c.column].astype(object),
                    "unit": c.unit,
                }
            )
            for quantity, c in entry.columns.items()
        ],
        ignore_index=True,
    )


def read_stored(store: Store) -> RawData:
    """Raw data of a store: each request's cells become the quantities that the request is for.

    Parameters
    ----------
    store : Store

    Returns
    -------
    RawData
    """
    frames = [
        _quantities_of(store.tables[name], entry)
        for name, entry in store.requests.items()
        if "quantity" in entry or "bands" in entry
    ]
    if not frames:
        raise DataMissingError(f"the store {store.folder} holds no table that a panel is built from")
    codes = None
    if "klass_codes" in store.tables:
        listed = store.tables["klass_codes"]
        codes = {int(year): list(group["code"]) for year, group in listed.groupby("year")}
    values = check_values(pd.concat(frames, ignore_index=True))
    updated = {
        str(e["table"]): str(store.tables[n].attrs.get("updated") or "") for n, e in store.requests.items()
    }
    notes = {
        str(entry.get("quantity", name)): f"table {entry['table']}, {entry['note']}"
        for name, entry in store.requests.items()
        if "instead_of" in entry
    }
    changes = store.tables.get("klass_changes")
    return RawData(values, store.provenance, changes, codes, updated, notes, store.holes)


def _quantities_of(table: pd.DataFrame, entry: Mapping[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            # Some tables put K_ before the codes of municipalities.
            "municipality": table[entry["region"]].str.removeprefix("K_"),
            "year": table[entry.get("time", "Tid")].str[:4].astype(int),
            "value": table["value"],
            "unit": entry["unit"],
        }
    )
    if entry.get("yearly") == "mean":
        frame = _means_of_months(frame)
    if "bands" not in entry:
        return frame.assign(quantity=entry["quantity"])
    ages = table[entry["age"]].str.extract(r"^(\d+)", expand=False).astype(int)
    parts = []
    for quantity, (low, high) in entry["bands"].items():
        chosen = frame[ages.between(low, high)]
        grouped = chosen.groupby(["municipality", "year", "unit"])["value"]
        # A band with a missing age is missing, never a smaller number.
        total = grouped.sum().where(grouped.count() == grouped.size())
        parts.append(total.reset_index().assign(quantity=quantity))
    return pd.concat(parts, ignore_index=True)


def _means_of_months(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean of the twelve months of each year; a year with a month missing has no value."""
    months = frame.groupby(["municipality", "year", "unit"], sort=False)["value"]
    return months.mean().where(months.count() == _MONTHS).reset_index()


def _numbers(column: pd.Series) -> pd.Series:
    """Numbers of one quantity; what is no number becomes NaN, alone."""
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(float)
    text = column.where(column.notna(), "").astype(str)
    parsed = parse_numbers(text)
    if not pd.api.types.is_numeric_dtype(parsed):  # one word makes a column text: find the word
        alone = {t: pd.api.types.is_numeric_dtype(parse_numbers(pd.Series([t]))) for t in text.unique()}
        parsed = parse_numbers(text.where(text.map(alone), ""))
    return pd.to_numeric(parsed, errors="coerce").astype(float)
