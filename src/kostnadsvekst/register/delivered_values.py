"""SQL that reads the values of a delivery: what cannot be read is remembered, never guessed.

One reading for text, numbers and dates of every kind of file. Nothing depends on the machine's time zone.
"""

import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.register.schema import SERVICE_CODES
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
            column = (
                f"CASE WHEN {whole} THEN CAST(CAST({column} AS BIGINT) AS VARCHAR) ELSE {column}::VARCHAR END"
            )
        plain = f"trim(CAST({column} AS VARCHAR), {quoted(BLANKS)})"
        missing = ", ".join(map(quoted, sorted(MISSING_TEXTS)))
        return (
            f"CASE WHEN {plain} IN ({missing}) OR regexp_full_match({plain}, '\\.[A-Za-z_]') THEN NULL "
            f"ELSE regexp_replace({plain}, '^([0-9]+)\\.0+$', '\\1') END"
        )

    def place(self) -> str:
        """Write SQL of a municipality without what stands before and after its code."""
        text = self.text("municipality")
        return f"coalesce(nullif(regexp_extract({text}, {quoted(_PLACE)}, 1), ''), {text})"

    def hours(self) -> str:
        """Write SQL of hours; NULL where they are no number with the decimal mark that was told."""
        if self.type_of("hours_per_week") != "VARCHAR":
            return f"CAST({self.column('hours_per_week')} AS DOUBLE)"
        told = self.plan["csv"]
        decimal = told.get("decimal")
        text = self.text("hours_per_week")
        for sign in _signs(told.get("thousands")):
            text = f"replace({text}, {quoted(sign)}, '')"
        if decimal is None:
            return f"TRY_CAST(replace({text}, ',', '.') AS DOUBLE)"
        other = "," if decimal == "." else "."
        number = f"TRY_CAST(replace({text}, {quoted(str(decimal))}, '.') AS DOUBLE)"
        return f"CASE WHEN contains({text}, {quoted(other)}) THEN NULL ELSE {number} END"

    def birth_year(self) -> str:
        """Write SQL of a year of birth: four digits, or a date whose year cannot be mistaken."""
        kind = self.type_of("birth_year")
        if kind == "DATE" or kind.startswith("TIMESTAMP"):
            date = self.day("birth_year")
            return f"CASE WHEN {self.is_placeholder(date)} THEN NULL ELSE year({date})::INTEGER END"
        text = self.text("birth_year")
        day_first = rf"regexp_extract({text}, '^[0-9]{{1,2}}[.][0-9]{{1,2}}[.]([0-9]{{4}})$', 1)"
        date = self.day("birth_year", (*_formats(self.plan), "%Y%m%d", "%d.%m.%Y"))
        return (
            f"CASE WHEN regexp_full_match({text}, '[0-9]{{4}}') THEN CAST({text} AS INTEGER) "
            f"WHEN {self.is_placeholder(date)} THEN NULL "
            f"ELSE coalesce(year({date}), TRY_CAST({day_first} AS INTEGER))::INTEGER END"
        )

    def day(self, name: str, formats: Sequence[str] | None = None) -> str:
        """Write SQL of a date; timestamps with a zone lie on the day of the zone that was told."""
        kind = self.type_of(name)
        if kind == _ZONED:
            return f"CAST(timezone({quoted(_zone(self.plan))}, {self.column(name)}) AS DATE)"
        if kind == "DATE" or kind.startswith("TIMESTAMP"):
            return f"CAST({self.column(name)} AS DATE)"
        text = self.text(name)
        read = [self._strptime(text, one) for one in formats or _formats(self.plan)]
        return f"coalesce({', '.join(read)})"

    def _strptime(self, text: str, pattern: str) -> str:
        if "%z" not in pattern.lower():
            return f"CAST(try_strptime({text}, {quoted(pattern)}) AS DATE)"
        # The database does not know the letter that means UTC.
        told = f"try_strptime(regexp_replace({text}, 'Z$', '+00:00'), {quoted(pattern)})"
        return f"CAST(timezone({quoted(_zone(self.plan))}, {told}) AS DATE)"

    def is_placeholder(self, date: str) -> str:
        """Write SQL of whether a date stands for none."""
        told = self.plan["dates"].get("placeholders", PLACEHOLDERS)
        days = ", ".join(f"DATE {quoted(str(day))}" for day in told)
        return f"coalesce(({date}) IN ({days}), false)" if days else "false"

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
        start, end, hours = self.day("start_date"), self.day("end_date"), self.hours()
        sexes = {"1": 1, "2": 2} | {str(code): sex for code, sex in self.plan["sex"].items()}
        return f"""SELECT {person} AS person,
        {self.birth_year()} AS birth_year,
        {_lookup(self.text("sex"), sexes)} AS sex,
        {self.place()} AS place,
        {_lookup(self.text("service"), _service_numbers(self.plan["services"]))} AS service,
        {self.is_placeholder(start)} AS start_placeholder,
        CASE WHEN start_placeholder THEN NULL ELSE {start} END AS start_date,
        {self.is_placeholder(end)} AS end_placeholder,
        CASE WHEN end_placeholder THEN NULL ELSE {end} END AS end_date,
        {self.text("end_date")} IS NOT NULL AND ({end}) IS NULL AS end_unreadable,
        {hours} AS hours,
        {self.text("hours_per_week")} IS NOT NULL AND ({hours}) IS NULL AS hours_unreadable
        FROM {relation}"""

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
