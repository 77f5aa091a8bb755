"""What stands inside the brackets of a call beside its column: ``ref="a"``, ``Treatment("a")``, ``df=4``.

Texts are read as Python's literals and nothing is ever run. Each call has one way of writing its options,
so that specifications that mean the same are equal.
"""

import ast
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn

from kostnadsvekst.errors import SpecificationError

MOST_DEGREE = 10  # of a polynomial; of a spline 5
MOST_COLUMNS = 50  # of a spline
_SPLINE_DEGREE = 5
_QUOTED_NAME = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`(?:[^`]|``)+`(?!`)")
_TREATMENT = ("Treatment", "contr.treatment")


@dataclass(frozen=True, slots=True)
class CallOptions:
    """Options that a call takes.

    Attributes
    ----------
    names : tuple of str
        In the order in which they are written.
    positional : tuple of str
        Those that may stand without their name.
    bare : tuple of str
        Those that are written without their name.
    defaults : mapping of str to value
        What need not be written.
    check : callable
        Values -> what is wrong with them, or an empty text.
    hint : str
        How the call is written.
    """

    names: tuple[str, ...]
    positional: tuple[str, ...]
    hint: str
    bare: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    check: Callable[[Mapping[str, Any]], str] = field(default=lambda values: "")


def read_options(function: str, texts: Sequence[str]) -> tuple[str, ...]:
    """Write the options of a call the one way that they are kept.

    Parameters
    ----------
    function : str
        A key of `OPTIONS`.
    texts : sequence of str
        Such as ``["Treatment('a')"]`` or ``["df = 4", "degree=2"]``.

    Returns
    -------
    tuple of str
        Such as ``('ref="a"',)`` or ``("df=4", "degree=2")``.

    Raises
    ------
    SpecificationError
        If the call has no such option, or a value of it does not exist; the message says how it is written.
    """
    row = OPTIONS[function]
    values = _values(function, tuple(texts))
    return tuple(
        _written(values[name]) if name in row.bare else f"{name}={_written(values[name])}"
        for name in row.names
        if name in values and values[name] != row.defaults.get(name)
    )


def option_values(function: str, texts: Sequence[str]) -> dict[str, Any]:
    """Give the options of a call as values; parameters and errors as `read_options`."""
    return dict(_values(function, tuple(texts)))


@lru_cache(maxsize=1024)
def _values(function: str, texts: tuple[str, ...]) -> dict[str, Any]:
    row, values = OPTIONS[function], {}
    for position, text in enumerate(texts):
        named = re.fullmatch(r"\s*([^\W\d]\w*)\s*=(?!=)(.*)", text, re.DOTALL)
        name, value = named.groups() if named else ("", text)
        if not name and position < len(row.positional):
            name = row.positional[position]
        name = {"base": "ref", "reference": "ref"}.get(name, name)
        if name not in row.names or name in values:
            _fail(row, f"{text.strip()!r:.80} is no option of {function}")
        values[name] = _value(row, value.strip())
    problem = row.check(values)
    if problem:
        _fail(row, problem)
    return values


def _value(row: CallOptions, text: str) -> Any:
    inside = re.fullmatch(r"([\w.]+)\((.*)\)", text, re.DOTALL)
    if inside and inside.group(1) in _TREATMENT and "ref" in row.names:
        text = re.sub(r"^\s*(reference|base|ref)\s*=(?!=)", "", inside.group(2)).strip()
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        _fail(row, f"{text!r:.80} is no number, text (in quotation marks) or list of numbers")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _fail(row: CallOptions, problem: str) -> NoReturn:
    raise SpecificationError(f"{problem}; write {row.hint}")


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _is_number(value: Any, *, whole: bool = False) -> bool:
    return isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)


def _check_reference(values: Mapping[str, Any]) -> str:
    one = values.get("ref", "")
    return "" if isinstance(one, str | int | float) else f"ref={one!r:.80} is not one level"


def _check_polynomial(values: Mapping[str, Any]) -> str:
    degree, raw = values.get("degree", 0), values.get("raw", False)
    if not _is_number(degree, whole=True) or not 1 <= degree <= MOST_DEGREE:
        return f"a polynomial has a whole degree between 1 and {MOST_DEGREE}"
    return "" if raw is True or raw is False else "raw is True or False"


def _check_spline(values: Mapping[str, Any]) -> str:
    knots, df, degree = values.get("knots"), values.get("df"), values.get("degree", 3)
    bounds = [values[name] for name in ("lower_bound", "upper_bound") if name in values]
    if (knots is None) == (df is None):
        return "a spline has either df= or knots="
    if df is not None and not (_is_number(df, whole=True) and 1 <= df <= MOST_COLUMNS):
        return f"df is a whole number between 1 and {MOST_COLUMNS}"
    if knots is not None and not (isinstance(knots, list) and all(map(_is_number, knots))):
        return "knots are a list of numbers such as [10, 20]"
    if knots is not None and (len(knots) > MOST_COLUMNS or sorted(set(knots)) != knots):
        return f"knots rise, and are at most {MOST_COLUMNS}"
    if not (_is_number(degree, whole=True) and 0 <= degree <= _SPLINE_DEGREE):
        return f"degree is a whole number between 0 and {_SPLINE_DEGREE}"
    if values.get("constraints", "center") != "center":
        return 'the only constraint is constraints="center"'
    return "" if all(map(_is_number, bounds)) else "bounds are numbers"


_BS = "bs(x, df=4), bs(x, knots=[10, 20], degree=3), with lower_bound= and upper_bound= where they are known"
_CR = 'cr(x, df=4) or cr(x, knots=[10, 20]), with constraints="center", lower_bound= and upper_bound='
_KNOTS = ("df", "knots", "lower_bound", "upper_bound")
_NATURAL = CallOptions((*_KNOTS, "constraints"), ("df",), _CR, check=_check_spline)
OPTIONS: dict[str, CallOptions] = {
    "C": CallOptions(
        ("ref",), ("ref",), 'C(x), C(x, ref="a") or C(x, Treatment("a"))', check=_check_reference
    ),
    "i": CallOptions(
        ("ref",), (), "i(year), i(year, ref=2015) or i(year, income, ref=2015)", check=_check_reference
    ),
    "poly": CallOptions(
        ("degree", "raw"),
        ("degree", "raw"),
        "poly(x, 3) or poly(x, 3, raw=True)",
        bare=("degree",),
        defaults={"raw": False},
        check=_check_polynomial,
    ),
    "bs": CallOptions((*_KNOTS[:2], "degree", *_KNOTS[2:]), ("df",), _BS, (), {"degree": 3}, _check_spline),
    "cr": _NATURAL,
    "cs": _NATURAL,
}


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """An expression inside ``I(...)``.

    Attributes
    ----------
    text : str
        As it is kept: spaces around signs, ``**`` for powers.
    columns : tuple of str
        Names of the columns in it.
    """

    text: str
    columns: tuple[str, ...]


@lru_cache(maxsize=1024)
def read_arithmetic(text: str) -> Arithmetic:
    """Read an expression inside ``I(...)``; ``^`` is a power, and names with signs stand in backticks.

    Raises
    ------
    SpecificationError
        If it cannot be read, calls a function, or has no column.
    """
    quoted: dict[str, str] = {}
    pieces, end = [], 0
    for match in _QUOTED_NAME.finditer(text):
        pieces.append(text[end : match.start()].replace("^", "**"))
        end = match.end()
        name = match[0]
        if name.startswith("`"):
            stand_in = f"quoted_{len(quoted)}_column"
            quoted[stand_in], name = name, stand_in
        pieces.append(name)
    plain = "".join([*pieces, text[end:].replace("^", "**")]).strip()
    tree = _tree(plain, text)
    names = dict.fromkeys(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    if not names:
        raise SpecificationError(f"I({text:.80}) has no column in it")
    written = re.sub(r"quoted_\d+_column", lambda m: quoted.get(m[0], m[0]), ast.unparse(tree))
    return Arithmetic(written, tuple(_bare(quoted.get(name, name)) for name in names))


def _tree(plain: str, text: str) -> ast.Expression:
    try:
        tree = ast.parse(plain, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SpecificationError(
            f"cannot read I({text:.80}) ({getattr(error, 'msg', error)!s:.80}): inside I stand numbers, "
            "columns, + - * / ** and comparisons, such as I(x**2) or I(x / 1000)"
        ) from error
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    if calls:
        raise SpecificationError(
            f"cannot read I({text:.80}): no function is called inside I; {calls[0]:.40} stands outside, "
            "as in log(I(x + 1)), or its result is made a column of the data"
        )
    return tree


def _bare(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name
