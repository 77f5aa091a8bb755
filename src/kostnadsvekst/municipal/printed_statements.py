"""What printed tables say: numbers with their printed digits, and relations that must hold among them."""

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from numbers import Real

import pandas as pd

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.naming import first_of, nearest_names, require_columns

# What a number does in a relation: sums of parts × factors / divisors × per = result.
ROLES = {
    "part": "part", "net": "part", "refund": "part", "numerator": "part", "value": "part", "amount": "part",
    "cost": "part", "fte": "part", "own": "own",
    "minus": "minus",
    "factor": "factor", "times": "times",
    "divisor": "divisor", "denominator": "divisor", "whole": "divisor", "mean": "divisor",
    "count": "count", "users": "count", "places": "count", "recipients": "persons", "population": "persons",
    "result": "result", "total": "result", "gross": "result", "rate": "result", "share": "result",
    "index": "result", "printed": "result",
    "text": "text",
}  # fmt: skip
_EXACT = {"count", "persons", "times"}
HIGHER = {"higher", "above", "more", "høyere", "over", "flere", "mer"}
LOWER = {"lower", "below", "fewer", "less", "lavere", "under", "færre", "mindre"}
_HIDDEN = re.compile(r"^<\s*(\d+)$")


@dataclass(frozen=True, slots=True)
class Printed:
    """A printed number.

    Attributes
    ----------
    value : float
    half : float
        Half a unit of the last printed digit: how far off the number behind it can be.
    """

    value: float
    half: float = 0.0


@dataclass(frozen=True, slots=True)
class Statement:
    """A relation that printed numbers claim.

    Attributes
    ----------
    id, what, source : str
    parts : tuple of (float, Printed)
        Weight and number; they are summed.
    result : Printed
        What the sum, times `factors`, over `divisors`, times `per` should be.
    factors, divisors : tuple of Printed
    per : float
    text : int
        1 (-1): the text says that the part is higher (lower) than the result; 0: it should equal it.
    """

    id: str
    what: str
    source: str
    parts: tuple[tuple[float, Printed], ...]
    result: Printed
    factors: tuple[Printed, ...] = ()
    divisors: tuple[Printed, ...] = field(default=())
    per: float = 1.0
    text: int = 0


def read_printed(value: object, decimals: int | None = None) -> Printed | None:
    """Read a number with the precision to which it is printed; None where there is none.

    Parameters
    ----------
    value : number or str
        ``"17,48"`` and ``"1 234"`` are read; ``"<6"`` is a number from 1 to 5.
    decimals : int, optional
        Printed decimals, where the value does not show them (17.50 as a number).
    """
    if value is None or isinstance(value, bool) or (isinstance(value, Real) and not math.isfinite(value)):
        return None
    text = re.sub(r"[\s\u00a0\u202f]", "", str(value)).replace(",", ".").replace("\u2212", "-").rstrip("%")
    if hidden := _HIDDEN.match(text):
        least = int(hidden[1])
        return Printed(least / 2, least / 2 - 1)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    shown = decimals_of(number, keep=isinstance(value, str)) if decimals is None else decimals
    return Printed(float(number), 0.5 * 10.0**-shown)


def decimals_of(number: Decimal, *, keep: bool) -> int:
    """Decimals of a number; zeros at its end count in a text only."""
    shown = number if keep else number.normalize()
    return max(0, -int(shown.as_tuple().exponent))


def read_statements(frame: pd.DataFrame, name: str) -> list[Statement]:
    """Relations that are told number by number.

    Parameters
    ----------
    frame : DataFrame
        ``id`` (rows of one relation), ``role`` and ``value``; optionally ``what``, ``source``, ``per``,
        ``decimals``.
    name : str
        What the table is called in messages.

    Raises
    ------
    InvalidDataError
        Unknown roles, values that are no numbers, relations without parts or without one result.
    """
    require_columns(("id", "role", "value"), frame.columns)
    problems: list[str] = []
    found = []
    for key, rows in frame.groupby(frame["id"].map(str), sort=False):
        numbers, texts, wrong = _by_role(rows)
        wrong += _incomplete(numbers, texts)
        problems += [f"{name}, relation {key!r}: {fault}" for fault in wrong]
        if not wrong:
            found.append(_statement(str(key), rows, numbers, texts))
    if problems:
        raise InvalidDataError(f"printed numbers: {len(problems)} problem(s)", first_of(problems))
    return found


def _by_role(rows: pd.DataFrame) -> tuple[dict[str, list[Printed]], list[int], list[str]]:
    numbers: dict[str, list[Printed]] = {}
    texts, wrong = [], []
    for row in rows.to_dict("records"):
        role = ROLES.get(str(row["role"]).strip().casefold())
        if role is None:
            wrong.append(f"role {nearest_names([str(row['role'])], ROLES)}; known are {', '.join(ROLES)}")
        elif role == "text":
            texts.append(_direction(row["value"]))
            wrong += [] if texts[-1] else [f"text {row['value']!r} says neither higher nor lower"]
        else:
            number = read_printed(row["value"], _decimals(row))
            if number is None:
                wrong.append(f"{row['role']} {row['value']!r} is no number")
            else:
                hidden = isinstance(row["value"], str) and "<" in row["value"]
                exact = role in _EXACT and _decimals(row) is None and not hidden
                numbers.setdefault(role, []).append(Printed(number.value) if exact else number)
    return numbers, texts, wrong


def _decimals(row: Mapping[str, object]) -> int | None:
    given = row.get("decimals")
    return int(float(given)) if isinstance(given, Real) and math.isfinite(given) else None


def _direction(text: object) -> int:
    words = set(re.findall(r"\w+", str(text).casefold()))
    return bool(words & HIGHER) - bool(words & LOWER)


def _incomplete(numbers: Mapping[str, Sequence[Printed]], texts: Sequence[int]) -> list[str]:
    wrong = []
    if texts:
        if len(numbers.get("own", ())) != 1 or len(numbers.get("divisor", ())) != 1 or len(texts) != 1:
            wrong.append("a text is held against one own and one mean")
        return wrong
    if not any(numbers.get(role) for role in ("part", "own", "count", "factor", "times")):
        wrong.append("no part, count or factor is given")
    if len(numbers.get("result", ())) != 1:
        wrong.append(f"{len(numbers.get('result', ()))} results; a relation has one")
    return wrong


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _statement(
    key: str, rows: pd.DataFrame, numbers: Mapping[str, list[Printed]], texts: Sequence[int]
) -> Statement:
    first = rows.iloc[0]
    what, source = (_text(first.get(c)) for c in ("what", "source"))
    own = [(1.0, n) for role in ("part", "own", "count") for n in numbers.get(role, ())]
    if texts:
        return Statement(key, what, source, tuple(own), numbers["divisor"][0], text=texts[0])
    parts = [*own, *((-1.0, n) for n in numbers.get("minus", ()))]
    given = rows["per"] if "per" in rows else pd.Series(dtype=float)
    pers = pd.to_numeric(given, errors="coerce").dropna()
    return Statement(
        key,
        what,
        source,
        tuple(parts),
        numbers["result"][0],
        (*numbers.get("factor", ()), *numbers.get("times", ())),
        (*numbers.get("divisor", ()), *numbers.get("persons", ())),
        float(pers.iloc[0]) if len(pers) else 1.0,
    )


@dataclass(frozen=True, slots=True)
class Judgement:
    """What follows from the parts of a relation.

    Attributes
    ----------
    computed : float
    slack : float
        By how much rounding of all numbers, the result included, can explain a difference.
    holds : bool
    """

    computed: float
    slack: float
    holds: bool


def judge(statement: Statement) -> Judgement:
    """Hold a relation against its printed result, by interval arithmetic.

    Parameters
    ----------
    statement : Statement

    Raises
    ------
    InvalidDataError
        A divisor that can be zero.
    """
    point, ends = _sum(statement)
    for number in statement.factors:
        point, ends = point * number.value, _range(x * e for x in ends for e in _ends(number))
    for number in statement.divisors:
        point, ends = _divided(point, ends, number, statement)
    a, low, high = (x * statement.per for x in (point, *ends))
    slack = max(high - a, a - low) + statement.result.half
    difference = statement.result.value - a
    beyond = slack + 1e-9 * max(1.0, abs(a), abs(statement.result.value))
    holds = difference * statement.text <= beyond if statement.text else abs(difference) <= beyond
    return Judgement(a, slack, holds)


def _sum(statement: Statement) -> tuple[float, tuple[float, float]]:
    if not statement.parts:
        return 1.0, (1.0, 1.0)
    point = math.fsum(w * n.value for w, n in statement.parts)
    half = math.fsum(abs(w) * n.half for w, n in statement.parts)
    return point, (point - half, point + half)


def _divided(
    point: float, ends: tuple[float, float], number: Printed, statement: Statement
) -> tuple[float, tuple[float, float]]:
    below, above = _ends(number)
    if below <= 0 <= above:
        fault = f"relation {statement.id!r}: {number.value:g} cannot be divided by; give more digits"
        raise InvalidDataError("printed numbers: a divisor that can be zero", [fault])
    return point / number.value, _range(x / e for x, e in itertools.product(ends, (below, above)))


def _ends(number: Printed) -> tuple[float, float]:
    return number.value - number.half, number.value + number.half


def _range(values: Iterable[float]) -> tuple[float, float]:
    ends = list(values)
    return min(ends), max(ends)
