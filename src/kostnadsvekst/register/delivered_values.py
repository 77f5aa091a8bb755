"""SQL that reads the values of a delivery: what cannot be read is remembered, never guessed.

One reading for text, numbers and dates of every kind of file. Nothing depends on the machine's time zone.
"""

import re
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.register.schema import EPISODE_COLUMNS, SERVICE_CODES
from kostnadsvekst.sources.missing_symbols import MISSING_TEXTS
from kostnadsvekst.sources.number_texts import BLANKS, EXACT

# Dates that programs write where there is none: as a start it is missing, as an end the episode is open.
PLACEHOLDERS = (
    "0001-01-01",
    "1582-10-14",
    "1582-10-15",
    "1753-01-01",
    "1899-12-30",
    "1899-12-31",
    "1900-01-01",
    "1960-01-01",
    "1970-01-01",
    "2099-12-31",
    "2999-12-31",
    "3000-01-01",
    "9999-01-01",
    "9999-12-30",
    "9999-12-31",
)
# ISO 8601 only; other orders of day and month have to be told.
_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")
_DECIMALS = ("DOUBLE", "FLOAT")
_ZONED = "TIMESTAMP WITH TIME ZONE"
_MISSING = "|".join((*map(re.escape, sorted(MISSING_TEXTS)), r"\.[A-Za-z_]"))
# Most values, so that the rest is looked at more closely: whole numbers, ISO dates, names of services.
_ORDINARY = "[0-9]+|[0-9]{4}-[0-9]{2}-[0-9]{2}|[a-z_]{5,}"
_PLACE = r"^(?i:K[-_ ]?)?([0-9]{3,4})(?:(?:\s*[-–:_]\s*|\s+)\pL.*)?$"


def quoted(text: str) -> str:
    """Text as SQL.

    Parameters
    ----------
    text : str
    """
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class DeliveredColumns:
    """Columns of one delivery and how they are to be read.

    Attributes
    ----------
    types : mapping of str to str
        Their name -> type of the database.
    names : mapping of str to str
        Our name -> theirs.
    plan : mapping of str to mapping
        The user's mapping.
    """

    types: Mapping[str, str]
    names: Mapping[str, str]
    plan: Mapping[str, Mapping[str, Any]]

    def column(self, name: str) -> str:
        """Write SQL of a column as it is."""
        return '"' + self.names[name].replace('"', '""') + '"'

    def type_of(self, name: str) -> str:
        """Type of the database of one of our columns."""
        return self.types[self.names[name]]

    def text(self, name: str) -> str:
        """Write SQL of a column as text: NULL for every symbol of missing, whole numbers without a point."""
        column = self.column(name)
        if self.type_of(name) in _DECIMALS:
            whole = f"{column} = floor({column}) AND abs({column}) <= {EXACT}"
            integer = f"CAST(CAST({column} AS BIGINT) AS VARCHAR)"
            column = f"CASE WHEN {whole} THEN {integer} ELSE CAST({column} AS VARCHAR) END"
        elif self.type_of(name) != "VARCHAR":
            column = f"CAST({column} AS VARCHAR)"
        plain = f"trim({column}, {quoted(BLANKS)})"
        # No list of values: the database would make a join of it.
        return (
            f"CASE WHEN regexp_full_match({column}, {quoted(_ORDINARY)}) THEN {column} "
            f"WHEN regexp_full_match({plain}, {quoted(_MISSING)}) THEN NULL "
            f"WHEN contains({plain}, '.') THEN regexp_replace({plain}, '^([0-9]+)\\.0+$', '\\1') "
            f"ELSE {plain} END"
        )

    def select(self, relation: str, integers: bool) -> str:
        """Write SQL of all rows in our columns and types.

        Parameters
        ----------
        relation : str
            SQL of the rows.
        integers : bool
            Whether the persons of all deliveries are integers.
        """
        person = f"CAST({self.column('person_id')} AS BIGINT)" if integers else self.text("person_id")
        kept = [f"{self._kept(name)} AS {name}" for name in EPISODE_COLUMNS if name != "person_id"]
        sexes = {"1": 1, "2": 2} | {str(code): sex for code, sex in self.plan["sex"].items()}
        # Each stage names what the next one uses more than once, so that it is computed once.
        texts = f"SELECT {person} AS person, {', '.join(kept)} FROM {relation}"
        read = f"""SELECT person, service, sex, municipality, birth_year,
        hours_per_week IS NOT NULL AS has_hours, {self._hours()} AS hours,
        {self._day("start_date")} AS start_day,
        end_date IS NOT NULL AS has_end, {self._day("end_date")} AS end_day,
        {self._birth_day()} AS birth_day FROM ({texts})"""
        return f"""SELECT person,
        {self._birth_year()} AS birth_year,
        {_lookup("sex", sexes)} AS sex,
        CASE WHEN regexp_full_match(municipality, '[0-9A-Za-z]{{3,4}}') THEN municipality
             ELSE coalesce(nullif(regexp_extract(municipality, {quoted(_PLACE)}, 1), ''), municipality)
             END AS place,
        {_lookup("service", _service_numbers(self.plan["services"]))} AS service,
        {self._is_placeholder("start_day")} AS start_placeholder,
        CASE WHEN start_placeholder THEN NULL ELSE start_day END AS start_date,
        {self._is_placeholder("end_day")} AS end_placeholder,
        CASE WHEN end_placeholder THEN NULL ELSE end_day END AS end_date,
        has_end AND end_day IS NULL AS end_unreadable,
        hours,
        has_hours AND hours IS NULL AS hours_unreadable
        FROM ({read})"""

    def _is_date(self, name: str) -> bool:
        return self.type_of(name) == "DATE" or self.type_of(name).startswith("TIMESTAMP")

    def _kept(self, name: str) -> str:
        """Write SQL of a column for the next stage: dates and hours that are no text as they are."""
        number = name == "hours_per_week" and self.type_of(name) != "VARCHAR"
        return self.column(name) if number or self._is_date(name) else self.text(name)

    def _hours(self) -> str:
        """Write SQL of hours; NULL where they are no number with the decimal mark that was told."""
        if self.type_of("hours_per_week") != "VARCHAR":
            return "CAST(hours_per_week AS DOUBLE)"
        told = self.plan["csv"]
        decimal, text = told.get("decimal"), "hours_per_week"
        for sign in _signs(told.get("thousands")):
            text = f"replace({text}, {quoted(sign)}, '')"
        if decimal is None:
            return f"TRY_CAST(replace({text}, ',', '.') AS DOUBLE)"
        other = "," if decimal == "." else "."
        number = f"TRY_CAST(replace({text}, {quoted(str(decimal))}, '.') AS DOUBLE)"
        return f"CASE WHEN contains({text}, {quoted(other)}) THEN NULL ELSE {number} END"

    def _day(self, name: str, formats: Sequence[str] | None = None) -> str:
        """Write SQL of a date; timestamps with a zone lie on the day of the zone that was told."""
        if self.type_of(name) == _ZONED:
            return f"CAST(timezone({quoted(_zone(self.plan))}, {name}) AS DATE)"
        if self._is_date(name):
            return f"CAST({name} AS DATE)"
        read = [self._strptime(name, one) for one in formats or _formats(self.plan)]
        return f"coalesce({', '.join(read)})"

    def _strptime(self, text: str, pattern: str) -> str:
        if "%z" not in pattern.lower():
            return f"CAST(try_strptime({text}, {quoted(pattern)}) AS DATE)"
        # The database does not know the letter that means UTC.
        told = f"try_strptime(regexp_replace({text}, 'Z$', '+00:00'), {quoted(pattern)})"
        return f"CAST(timezone({quoted(_zone(self.plan))}, {told}) AS DATE)"

    def _birth_day(self) -> str:
        """Write SQL of a date of birth, where a date was delivered; NULL for a year."""
        if self._is_date("birth_year"):
            return self._day("birth_year")
        dates = self._day("birth_year", (*_formats(self.plan), "%Y%m%d", "%d.%m.%Y"))
        return f"CASE WHEN length(birth_year) <= 4 THEN NULL ELSE {dates} END"

    def _birth_year(self) -> str:
        """Write SQL of a year of birth: four digits, or the year of a date that cannot be mistaken."""
        of_date = f"CASE WHEN {self._is_placeholder('birth_day')} THEN NULL ELSE year(birth_day) END"
        if self._is_date("birth_year"):
            return f"CAST({of_date} AS INTEGER)"
        year = "regexp_full_match(birth_year, '[0-9]{4}')"
        return f"CAST(CASE WHEN {year} THEN CAST(birth_year AS INTEGER) ELSE {of_date} END AS INTEGER)"

    def _is_placeholder(self, date: str) -> str:
        told = self.plan["dates"].get("placeholders", PLACEHOLDERS)
        days = ", ".join(f"DATE {quoted(str(day))}" for day in told)
        return f"coalesce(list_contains([{days}], {date}), false)" if days else "false"

    def problems(self) -> list[str]:
        """List what cannot be read without being told more: times with a zone, no zone told."""
        if self.plan["dates"].get("timezone"):
            _zone(self.plan)
            return []
        zoned = [name for name in ("start_date", "end_date", "birth_year") if self.type_of(name) == _ZONED]
        return [
            f"{self.names[name]}: times with a time zone lie on different days in different zones; tell "
            'whose day is meant, such as [dates] timezone = "Europe/Oslo"'
            for name in zoned
        ]


def _signs(thousands: str | None) -> tuple[str, ...]:
    """List the marks between thousands: none, one, or every kind of blank."""
    if not thousands:
        return ()
    return tuple(BLANKS) if thousands in BLANKS else (thousands,)


def _formats(plan: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    given = plan["dates"].get("format", _FORMATS)
    return (given,) if isinstance(given, str) else tuple(given)


def _zone(plan: Mapping[str, Mapping[str, Any]]) -> str:
    told = plan["dates"].get("timezone")
    if told is None:
        raise SpecificationError(
            '[dates] format has a time zone (%z): tell whose day is meant, such as timezone = "Europe/Oslo"'
        )
    try:
        zoneinfo.ZoneInfo(str(told))
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise SpecificationError(
            f"[dates] timezone = {str(told)!r:.60} is no time zone; write one such as Europe/Oslo or UTC"
        ) from None
    return str(told)


def _service_numbers(services: Mapping[str, str]) -> dict[str, int]:
    numbers = {name: number for number, name in enumerate(SERVICE_CODES)}
    return numbers | {str(code): numbers[name] for code, name in services.items()}


def _lookup(expression: str, table: Mapping[str, int]) -> str:
    cases = " ".join(f"WHEN {quoted(code)} THEN {number}" for code, number in table.items())
    return f"CAST(CASE {expression} {cases} END AS TINYINT)"
