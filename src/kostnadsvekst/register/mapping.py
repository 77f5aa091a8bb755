"""The mapping by which a delivery of episodes is read, from a TOML file or a mapping in Python."""

import datetime
import os
import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.register.schema import EPISODE_COLUMNS, SERVICE_CODES, SEXES
from kostnadsvekst.toml_files import CLOSED, Text, Whole, as_list, as_toml, one_of, read_as, read_toml


def _one_sign(value: str) -> str:
    if len(value) != 1 or value in "\n\r\0":
        raise ValueError(f"{value!r:.60} must be one character, and no end of a line")
    return value


def _date_format(value: str) -> str:
    unknown = sorted({found for found in _DIRECTIVE.findall(value) if not _KNOWN_DIRECTIVE.fullmatch(found)})
    if unknown or "%" not in value:
        raise ValueError(
            f"{value!r:.60} has {', '.join(map(repr, unknown)) or 'no part with %'}, which is no part of a "
            "date; write such as '%Y-%m-%d' or '%d.%m.%Y'"
        )
    return value


def _encoding(value: str) -> str:
    try:
        b"\0\0\0\0".decode(value)
    except UnicodeError:
        return value
    except (LookupError, ValueError):
        raise ValueError(f"{value!r:.60} is no known encoding; write such as 'utf-8' or 'latin-1'") from None
    return value


def _sex(value: int) -> int:
    if value not in SEXES:
        raise ValueError(f"{value} must be 1 (man) or 2 (woman)")
    return value


def _zone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (LookupError, ValueError, OSError):
        raise ValueError(f"{value!r:.60} is no time zone; write such as 'Europe/Oslo'") from None
    return value


def _day(value: Any) -> Any:
    """Take a date as TOML has it, or as text; nothing else, such as a number, stands for a day."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value
    try:
        return datetime.date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"{str(value)!r:.60} is no date; write such as 1900-01-01") from None


_DIRECTIVE = re.compile(r"%-?.?", re.DOTALL)
_KNOWN_DIRECTIVE = re.compile(r"%-?[aAwdbBmyYHIpMSfgzZjUWcxXnGuV]|%%")
DateFormat = Annotated[Text, AfterValidator(_date_format)]
Day = Annotated[datetime.date, BeforeValidator(_day)]
Sign = Annotated[str, AfterValidator(_one_sign)]
Column = Annotated[Text, AfterValidator(one_of(EPISODE_COLUMNS))]
Service = Annotated[Text, AfterValidator(one_of(SERVICE_CODES))]
Sex = Annotated[Whole, AfterValidator(_sex)]


@dataclass(frozen=True, slots=True)
class DateFormats:
    """How dates are written.

    Attributes
    ----------
    format : tuple of str, optional
        strptime patterns, tried in turn.
    timezone : str, optional
        Whose day is meant where times have a zone.
    placeholders : tuple of date, optional
        Dates that stand for none.
    """

    __pydantic_config__: ClassVar = CLOSED
    format: Annotated[tuple[DateFormat, ...], BeforeValidator(as_list), Field(min_length=1)] | None = None
    timezone: Annotated[Text, AfterValidator(_zone)] | None = None
    placeholders: tuple[Day, ...] | None = None


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How text files are written; what is None is found out from the file."""

    __pydantic_config__: ClassVar = CLOSED
    delimiter: Sign | None = None
    encoding: Annotated[Text, AfterValidator(_encoding)] | None = None
    decimal: Sign | None = None
    thousands: Sign | None = None
    quote: Sign | None = None


@dataclass(frozen=True, slots=True)
class EpisodeMapping:
    """What a delivery calls its columns and codes.

    Attributes
    ----------
    columns : mapping of str to str
        Our column (`kostnadsvekst.register.schema.EPISODE_COLUMNS`) -> theirs.
    services : mapping of str to str
        Their code -> one of `kostnadsvekst.register.schema.SERVICES`.
    sex : mapping of str to int
        Their code -> 1 (man) or 2 (woman).
    dates : DateFormats
    csv : TextFormat
    """

    __pydantic_config__: ClassVar = CLOSED
    columns: dict[Column, Text] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    sex: dict[str, Sex] = field(default_factory=dict)
    dates: DateFormats = field(default_factory=DateFormats)
    csv: TextFormat = field(default_factory=TextFormat)

    @property
    def tables(self) -> dict[str, dict[str, Any]]:
        """Name of each table -> what it says, without what is left to be found out."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: dict(one) if isinstance(one, Mapping) else _given(one) for name, one in told.items()}


def read_mapping(mapping: str | Path | Mapping[str, Any] | None) -> EpisodeMapping:
    """Read the mapping of a delivery.

    Parameters
    ----------
    mapping : path of a TOML file, mapping of tables, or None

    Raises
    ------
    DataMissingError
        If there is no such file.
    SpecificationError
        If it is not TOML, or names what does not exist: all faults at once, each with its key and line.
    """
    if mapping is None:
        return EpisodeMapping()
    if isinstance(mapping, Mapping):
        return read_as(as_toml(mapping, "the mapping"), EpisodeMapping)
    if not isinstance(mapping, str | os.PathLike):
        raise SpecificationError(
            f"a mapping is the path of a TOML file or a mapping of tables, not {type(mapping).__name__}"
        )
    return read_as(read_toml(mapping, "mapping file"), EpisodeMapping)


def _given(table: Any) -> dict[str, Any]:
    values = {one.name: getattr(table, one.name) for one in fields(table)}
    return {name: value for name, value in values.items() if value is not None}
