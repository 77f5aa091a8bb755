"""TOML files of the user's, read safely and checked against a frozen dataclass; all faults at once.

A file may come from anybody: its size, depth and numbers are limited before anything else looks at them.
"""

import datetime
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BeforeValidator, Field, Strict, TypeAdapter, ValidationError

from kostnadsvekst.errors import DataMissingError, SpecificationError
from kostnadsvekst.naming import first_of, nearest_names

LARGEST_FILE = 1_000_000  # bytes
DEEPEST = 8  # tables and lists inside each other
MOST_VALUES = 20_000
MOST_PARTS = 50  # of a dotted key: the time to read one grows with their square
LISTED = 20
_SHOWN = 60
_LONGEST_KEY = 1_000  # of which the line is looked for
_LARGEST_NUMBER = 2**63
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")

T = TypeVar("T")


def as_list(value: Any) -> Any:
    """Take one text for a list of one."""
    return (value,) if isinstance(value, str) else value


# What a dataclass says to have its keys closed: `__pydantic_config__: ClassVar = CLOSED`.
CLOSED: Final = {"extra": "forbid"}
# Types of fields. Texts and tables are never made of anything else; whole numbers neither.
Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(as_list)]
Whole = Annotated[int, Strict()]
Truth = Annotated[bool, Strict()]
Amount = Annotated[float, Strict(), Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A file that is TOML, whatever it says.

    Attributes
    ----------
    name : str
        For messages.
    content : mapping
    text : str
        In which the line of a fault is looked for; empty where there is none.
    """

    name: str
    content: Mapping[str, Any]
    text: str = field(default="", repr=False)


def one_of(known: Iterable[str]) -> Callable[[str], str]:
    """Make a check of a field: a text that is one of some names.

    Parameters
    ----------
    known : iterable of str
    """
    names = tuple(known)

    def check(value: str) -> str:
        if value not in names:
            raise ValueError(f"{_nearest(value, names)} is none of {', '.join(names)}")
        return value

    return check


def read_toml(path: str | Path, what: str) -> TomlFile:
    """Read a file as TOML.

    Parameters
    ----------
    path : str or Path
    what : str
        What the file is to the user, such as "file of specifications".

    Raises
    ------
    DataMissingError
        If there is no such file.
    SpecificationError
        If it cannot be read, is larger than a million bytes, not in UTF-8, not TOML (line and column are
        named), empty, or nested too deeply.
    """
    if not isinstance(path, str | os.PathLike):
        raise SpecificationError(f"a {what} is named by its path, not by {type(path).__name__}")
    path = Path(path)
    name = f"{what} {str(path)!r}"
    try:
        if not path.exists():
            raise DataMissingError(f"{name}: there is no file of that name; check the path")
        if not path.is_file():
            raise SpecificationError(f"{name}: this is a folder or a device, not a file")
        if path.stat().st_size > LARGEST_FILE:
            raise SpecificationError(f"{name}: larger than {LARGEST_FILE:,} bytes; is it a file of data?")
        raw = path.read_bytes()
    except OSError as error:
        raise SpecificationError(f"{name} cannot be read: {error.strerror or error}") from error
    return parse_toml(_decoded(raw, name), name)


def parse_toml(text: str, name: str) -> TomlFile:
    """Read a text as TOML.

    Parameters
    ----------
    text : str
    name : str
        Of the file, for messages.

    Raises
    ------
    SpecificationError
        As `read_toml`.
    """
    if not isinstance(text, str):
        raise SpecificationError(f"{name} is a text, not {type(text).__name__}")
    if len(text) > LARGEST_FILE:
        raise SpecificationError(f"{name}: longer than {LARGEST_FILE:,} characters; is it a file of data?")
    _refuse_long_keys(text, name)
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecificationError(f"{name} is not a TOML file: {_syntax_fault(error, text)}") from error
    except RecursionError:
        raise SpecificationError(f"{name}: lists or tables stand inside each other without end") from None
    except ValueError:
        # Python refuses to turn thousands of digits into a number.
        raise SpecificationError(f"{name}: a number has thousands of digits") from None
    if not content:
        raise SpecificationError(f"{name} is empty: it has no key and no table")
    refuse(name, list(dict.fromkeys(_excesses(content))))
    return TomlFile(name, content, text)


def as_toml(content: Mapping[str, Any], name: str) -> TomlFile:
    """Take a mapping written in Python as if it had been read.

    Parameters
    ----------
    content : mapping
    name : str
        For messages.

    Raises
    ------
    SpecificationError
        If it is no mapping, or beyond the limits of a file.
    """
    if not isinstance(content, Mapping):
        raise SpecificationError(f"{name} is a table of keys and values, not {type(content).__name__}")
    refuse(name, list(dict.fromkeys(_excesses(content))))
    return TomlFile(name, content)


def read_as(file: TomlFile, shape: type[T]) -> T:
    """Read a file's content as a frozen value.

    Parameters
    ----------
    file : TomlFile
    shape : type
        Dataclass whose fields are the keys, closed by `CLOSED`.

    Raises
    ------
    SpecificationError
        Unknown keys with the nearest known one, keys that are missing, values of a wrong type: all of them,
        each with its key and line.
    """
    value, faults = try_as(file, shape)
    refuse(file.name, faults)
    assert value is not None
    return value


def try_as(file: TomlFile, shape: type[T], within: Sequence[str] = ()) -> tuple[T | None, list[str]]:
    """As `read_as`, for who has more to check: the value, or None and the faults as sentences.

    Parameters
    ----------
    file : TomlFile
    shape : type
    within : sequence of str
        Keys of the table that is read, from the top.
    """
    content: Any = _frozen(file.content)
    for key in within:
        content = content[key]
    try:
        return TypeAdapter(shape).validate_python(content), []
    except ValidationError as error:
        found = error.errors(include_url=False)
        told = [_fault(one, shape, tuple(within), file.text) for one in found[:LISTED]]
        return None, told + ["..."] * (len(found) - LISTED)


def refuse(name: str, faults: Sequence[str]) -> None:
    """Raise if there are faults, listing the first twenty.

    Parameters
    ----------
    name : str
        Of the file.
    faults : sequence of str

    Raises
    ------
    SpecificationError
    """
    if faults:
        lines = [f"  - {fault}" for fault in first_of(faults, LISTED)]
        raise SpecificationError("\n".join([f"{name} cannot be used: {len(faults)} fault(s)", *lines]))


def place(path: Sequence[str | int], text: str = "") -> str:
    """Name a key for a reader: ``[files.income] year (line 7)``.

    Parameters
    ----------
    path : sequence of str or int
        Keys and positions in lists, from the top.
    text : str
        Of the file.
    """
    names = [_named(part) for part in path if isinstance(part, str)]
    items = [f", item {part + 1}" for part in path if isinstance(part, int)]
    tables = f"[{'.'.join(names[:-1])}] " if names[1:] else ""
    line = _line_of(text, [part for part in path if isinstance(part, str)])
    return f"{tables}{names[-1] if names else 'the file'}{''.join(items)}" + (
        f" (line {line})" if line else ""
    )


def _decoded(raw: bytes, name: str) -> str:
    if raw.startswith(_BYTE_ORDER_MARKS) or b"\0" in raw[:100]:
        raise SpecificationError(f"{name} is in UTF-16, or no text at all: save it as text in UTF-8")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise SpecificationError(
            f"{name} is not in UTF-8: line {line}, column {column} has the byte {raw[error.start]:#04x}; "
            "save it in UTF-8"
        ) from error


def _refuse_long_keys(text: str, name: str) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        if line.count(".") > MOST_PARTS and any(
            len(list(filter(str.strip, piece.split(".")))) > MOST_PARTS
            for piece in re.split(r"[=,{}\[\]]", line)
        ):
            raise SpecificationError(
                f"{name}, line {number}: a name of more than {MOST_PARTS} parts joined by dots"
            )


def _syntax_fault(error: tomllib.TOMLDecodeError, text: str) -> str:
    """Say what the parser says, its place first."""
    found = re.search(r"\s*\(at (.*)\)$", str(error), re.DOTALL)
    if not found:
        return str(error)
    at = found[1] if found[1].startswith("line") else f"line {text.count(chr(10)) + 1}, its end"
    return f"{at}: {str(error)[: found.start()][:200]}"


def _excesses(content: Mapping[str, Any]) -> Iterator[str]:
    """Name depth, numbers and values beyond the limits."""
    waiting: list[tuple[Any, int]] = [(content, 1)]
    count = 0
    while waiting:
        value, depth = waiting.pop()
        count += 1
        if count > MOST_VALUES:
            yield f"it has more than {MOST_VALUES:,} values; is it a file of data?"
            return
        if depth > DEEPEST + 1:
            yield f"lists or tables stand more than {DEEPEST} deep inside each other"
        elif isinstance(value, Mapping | list | tuple):
            inside = value.values() if isinstance(value, Mapping) else value
            waiting += [(one, depth + 1) for one in inside]
        elif isinstance(value, int) and not -_LARGEST_NUMBER <= value < _LARGEST_NUMBER:
            yield "a whole number has more than 64 bits"


def _frozen(value: Any) -> Any:
    """Content with tuples for lists and texts for the keys that a mapping written in Python has."""
    if isinstance(value, Mapping):
        return {str(key): _frozen(one) for key, one in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


_MUST_BE = {
    "string_type": "text, in quotes",
    "tuple_type": "a list",
    "dict_type": "a table",
    "dataclass_type": "a table",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "float_type": "a number",
    "finite_number": "a finite number",
}


def _fault(error: Any, shape: type, within: tuple[str, ...], text: str) -> str:
    """One of pydantic's errors as a sentence in our words."""
    kind, path = error["type"], [part for part in error["loc"] if part != "[key]"]
    at = place([*within, *path], text)
    if kind == "unexpected_keyword_argument":
        known = _keys_of(shape, path[:-1])
        return f"{at}: unknown key {_nearest(str(path[-1]), known)}; keys are {', '.join(known)}"
    if kind == "missing":
        return f"{at}: is missing"
    if kind in ("too_short", "string_too_short"):
        return f"{at}: is empty"
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = "at least" if kind == "greater_than_equal" else "at most"
        return f"{at}: must be {bound} {next(iter(error['ctx'].values()))}, not {_shown(error['input'])}"
    if kind in _MUST_BE:
        return f"{at}: must be {_MUST_BE[kind]}, not {_shown(error['input'])}"
    return f"{at}: {error['ctx']['error'] if kind == 'value_error' else error['msg']}"


def _nearest(name: str, known: Iterable[str]) -> str:
    return nearest_names([_cut(name)], known)


def _keys_of(shape: Any, path: Sequence[str | int]) -> list[str]:
    """Fields of the dataclass that stands at a place of another."""
    for part in path:
        if is_dataclass(shape):
            shape = get_type_hints(shape)[str(part)]
        else:
            shape = get_args(shape)[1 if get_origin(shape) is dict else 0]
        shape = _plain(shape)
    return [one.name for one in fields(shape)] if is_dataclass(shape) else []


def _plain(kind: Any) -> Any:
    """Type without its None."""
    options = [one for one in get_args(kind) if one is not NoneType]
    return options[0] if NoneType in get_args(kind) else kind


def _shown(value: Any) -> str:
    """Kind of a value, and the value where it is short."""
    if isinstance(value, bool):
        return str(value).lower()
    kinds: list[tuple[Any, str]] = [
        (int | float, "the number "),
        (str, "the text "),
        (datetime.date | datetime.time, "the date or time "),
    ]
    for kind, words in kinds:
        if isinstance(value, kind):
            return words + (_cut(repr(value) if isinstance(value, str) else str(value)))
    others = {dict: "a table", tuple: "a list", NoneType: "nothing"}
    return others[type(value)] if type(value) in others else f"a {type(value).__name__}"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _named(part: str) -> str:
    return part if re.fullmatch(r"[\w-]{1,60}", part) else _cut(repr(part))


def _line_of(text: str, path: Sequence[str]) -> int | None:
    """Line on which a key, or what is nearest above it, is written; None if it is not found."""
    lines = _written_keys(text) if text else {}
    for length in range(len(path), 0, -1):
        if tuple(path[:length]) in lines:
            return lines[tuple(path[:length])]
    return None


@lru_cache(maxsize=4)
def _written_keys(text: str) -> dict[tuple[str, ...], int]:
    """Keys and tables as they are written, each with its first line."""
    table: list[str] = []
    lines: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        start = line[:_LONGEST_KEY]
        header = re.match(r"\s*\[\[?([^\[\]]+)\]", start)
        key = start.partition("=")[0] if "=" in start else "#"
        if header:
            table = _parts(header[1])
            lines.setdefault(tuple(table), number)
        elif not re.search(r"[#\[\]{}]", key):
            lines.setdefault((*table, *_parts(key)), number)
    return lines


def _parts(name: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.\s]+", name)]
