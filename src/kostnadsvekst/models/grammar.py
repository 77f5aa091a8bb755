"""The words of a term: names in backticks, calls, products; shared by formulas and specifications.

A term is a product of factors, joined by ``:`` (or ``*``, with all lower products); a factor is a column,
``C(column)``, or a call such as ``lag(log(x), 2)``, ``poly(x, 3)`` or ``I(x ** 2)``. Backticks make anything
a column's name, and a backtick inside them is doubled: ``"`a:b`"`` is one column, ``"a:b"`` a product.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.arguments import read_arithmetic, read_options

# What a text may ask for: nobody's specification needs more, and a text may come from anybody.
LONGEST_TERM = 2_000  # characters of a term or name
DEEPEST = 20  # brackets inside each other
MOST_TERMS = 5_000  # of a specification
MOST_PERIODS = 10_000  # of a lag or difference

# Transformations, and those of them that go along the time of an entity.
CALLS = ("log", "square", "per_capita", "total", "lag", "diff")
OVER_TIME = ("lag", "diff")
CATEGORY = "C"
# fixest's: a dummy for each level but the reference, whatever else is in the model.
EACH = "i"
# Arithmetic of columns.
EXPRESSION = "I"
# What one column becomes several by.
BASES = ("poly", "bs", "cr", "cs")
FUNCTIONS = (CATEGORY, *CALLS, EACH, EXPRESSION, *BASES)
_WITH_OPTIONS = (CATEGORY, EACH, *BASES)

_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_CALL = re.compile(r"\s*(\w+)\((.*)\)\s*", re.DOTALL)
_SIGNS = set("`:*(),[]")
_MARKS = {"'", '"'}
_EXCERPT = 300


def split(text: str, sign: str, *, texts: bool = False) -> list[str]:
    """Split at a sign that stands outside of backticks and of all brackets.

    A backtick or bracket that is never closed is part of a name. Quotation marks are so, too, but inside
    brackets, and where `texts` says that arguments are split.
    """
    pieces, depth, start, position = [], 0, 0, 0
    while position < len(text):
        character = text[position]
        if character == "`" or ((depth or texts) and _begins_text(text, position)):
            position = _behind_quote(text, position)
            continue
        depth = max(0, depth + (character in "([") - (character in ")]"))
        if character == sign and not depth:
            pieces.append(text[start:position])
            start = position + 1
        position += 1
    return [*pieces, text[start:]]


def split_product(text: str, sign: str) -> list[str]:
    """Split a term at ``:`` or ``*``.

    A text with other signs, outside of backticks and calls, or with nothing beside a sign, is one name.
    """
    pieces = split(text, sign)
    factors = [factor for piece in split(text, ":") for factor in split(piece, "*")]
    return pieces if len(pieces) == 1 or all(map(_is_factor, factors)) else [text]


def refuse_excess(text: str, what: str, longest: int = LONGEST_TERM) -> None:
    """Refuse a text that is no text, is too long, or has brackets too deep inside each other.

    Parameters
    ----------
    text : str
    what : str
        What it is to the user, such as "term".
    longest : int
        Characters.

    Raises
    ------
    SpecificationError
        It names the limit.
    """
    if not isinstance(text, str):
        raise SpecificationError(f"a {what} is a text, not {type(text).__name__} ({text!r:.60})")
    if len(text) > longest:
        raise SpecificationError(
            f"a {what} has {len(text):,} characters, and at most {longest:,} are read: {excerpt(text)}"
        )
    depth, position = 0, 0
    while position < len(text) and depth <= DEEPEST:
        if text[position] == "`" or (depth and _begins_text(text, position)):
            after = _behind_quote(text, position)
            if after == position + 1 and len(text) > LONGEST_TERM:
                return  # not closed: whoever reads a formula gets no further
            position = after
            continue
        depth = max(0, depth + (text[position] in "([") - (text[position] in ")]"))
        position += 1
    if depth > DEEPEST:
        raise SpecificationError(
            f"a {what} has brackets more than {DEEPEST} deep inside each other: {excerpt(text, position - 1)}"
        )


def excerpt(text: str, position: int = 0) -> str:
    """Quote a text for a message: what stands around a position if it is long."""
    if len(text) <= _EXCERPT:
        return repr(text)
    start = max(0, position - _EXCERPT // 2)
    piece = text[start : start + _EXCERPT]
    return f"{'...' if start else ''}{piece!r}{'...' if start + _EXCERPT < len(text) else ''}"


def read_periods(text: str) -> int | None:
    """Read the periods of a lag or difference: 1 to `MOST_PERIODS` in plain digits, else None."""
    readable = text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_PERIODS))
    return int(text) if readable and 1 <= int(text) <= MOST_PERIODS else None


def goes_along_time(factor: str) -> bool:
    """Whether a factor is made by a lag or a difference."""
    call = None if is_quoted(factor.strip()) else split_call(factor)
    if call is None or call[0] == EXPRESSION:
        return False
    return call[0] in OVER_TIME or goes_along_time(call[1][0])


def quote(name: str) -> str:
    """Put a column's name in backticks."""
    return "`" + name.replace("`", "``") + "`"


def unquote(text: str) -> str:
    """Take the backticks off a name that has them; any other text is itself."""
    return text[1:-1].replace("``", "`") if is_quoted(text) else text


def is_quoted(text: str) -> bool:
    """Whether a text is one name in backticks, and nothing else."""
    return text.startswith("`") and _behind_quote(text, 0) == len(text) > 2 and text.endswith("`")


def split_call(text: str) -> tuple[str, list[str]] | None:
    """Read function and arguments of ``C(column)`` or another call; None if a text is none.

    Options come behind the column as they are written, ``["x", 'ref="a"']``; ``I`` has its expression. The
    second column of ``i(year, income)`` stands at its place.

    Raises
    ------
    SpecificationError
        If a number of periods is given to a function that has none, or is not 1 to `MOST_PERIODS`; or as
        `kostnadsvekst.models.arguments.read_options` and `read_arithmetic`.
    """
    match = _CALL.fullmatch(text)
    if not match or match.group(1) not in FUNCTIONS or len(_closing(text)) != 1:
        return None
    function, inside = match.groups()
    if not inside.strip():
        return None
    if function == EXPRESSION:
        return function, [read_arithmetic(inside.strip()).text]
    arguments = [argument.strip() for argument in split(inside, ",", texts=function in _WITH_OPTIONS)]
    if not arguments[0]:
        return None
    if function in _WITH_OPTIONS:
        beside = arguments[1:2] if function == EACH and _is_factor_beside(arguments) else []
        return function, [arguments[0], *beside, *read_options(function, arguments[1 + len(beside) :])]
    if len(arguments) == 1:
        return function, arguments
    if len(arguments) > 2 or not arguments[1].isdecimal():
        return None
    if function not in OVER_TIME or read_periods(arguments[1]) is None:
        raise SpecificationError(
            f"cannot read {excerpt(text)}: a number of periods, at least 1 and at most {MOST_PERIODS}, goes "
            f"with {' and '.join(OVER_TIME)} only"
        )
    return function, arguments


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """Write a term of a specification the one way that a formula gives back.

    Backticks stay where a name could be read as something else, and around plain names as they were given;
    calls have no spaces but one behind the comma.

    Raises
    ------
    SpecificationError
        As `refuse_excess`.
    """
    refuse_excess(text, "term")
    text = text.strip()
    if is_quoted(text):
        name = unquote(text)
        return canonical_factor(name) if len(_factors(name)) == 1 else quote(name)
    if "`" not in text and not any(_is_call(piece) for piece in _factors(text)):
        return text
    return _joined(text, _part)


def canonical_outcome(text: str) -> str:
    """Write an outcome: as `canonical`, but it is one column or call and never a product."""
    refuse_excess(text, "outcome")
    text = text.strip()
    if is_quoted(text):
        return canonical_factor(unquote(text))
    call = split_call(text)
    if call is None:
        return text
    return _part(text) if call[0] in (*CALLS, EXPRESSION) else quote(text)


def canonical_factor(name: str) -> str:
    """Write a column's name as a factor: in backticks only if it could be read as something else."""
    return quote(name) if _is_call(name) or is_quoted(name) or name != name.strip() else name


def outcome_in_formula(text: str) -> str:
    """Write an outcome for a formula."""
    return _formula_part(text)


def in_formula(text: str) -> str:
    """Write a term of a specification for a formula: whatever is no plain name stands in backticks."""
    if is_quoted(text):
        return text
    return ":".join(
        "*".join(_formula_part(piece) for piece in split_product(one, "*"))
        for one in split_product(text, ":")
    )


def columns_in(text: str) -> tuple[str, ...]:
    """Names of the columns that a term is made of, all signs read as such."""
    return tuple(column for factor in _factors(text) for column in _columns(factor))


def refuse_ambiguous(text: str, known: Iterable[str]) -> None:
    """Refuse a text that is a column's name and a term over other columns.

    Raises
    ------
    SpecificationError
        It says how to write the one and the other.
    """
    present = set(known)
    if text not in present or (_is_call(text) and not _is_readable(text)):
        return
    made_of = columns_in(text)
    if made_of != (text,) and present.issuperset(made_of):
        raise SpecificationError(
            f"{text!r} is a column of the data, and it can be read as a term of {', '.join(made_of)}: write "
            f"{quote(text)} (in backticks) for the column, {_in_quotes(text)} for the term, or rename the "
            "column"
        )


_BEFORE_TEXT = ("", *"(,=[<>+-*/!")
# A name in backticks, or a text in quotation marks.
_QUOTED = re.compile(r"`(?:[^`]|``)+`(?!`)|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'", re.DOTALL)


def _begins_text(text: str, position: int) -> bool:
    """Whether a quotation mark stands where a value does, and is no apostrophe inside a name."""
    return text[position] in "\"'" and text[:position].rstrip()[-1:] in _BEFORE_TEXT


def _behind_quote(text: str, position: int) -> int:
    """Position behind the name or text in quotes that begins here, or behind the sign if it is not closed."""
    match = _QUOTED.match(text, position)
    return match.end() if match else position + 1


def _closing(text: str) -> list[int]:
    """Positions where a bracket closes at depth zero."""
    closed, depth, position = [], 0, 0
    while position < len(text):
        if text[position] == "`" or (depth and _begins_text(text, position)):
            position = _behind_quote(text, position)
            continue
        if text[position] == ")" and depth == 1:
            closed.append(position)
        depth = max(0, depth + (text[position] == "(") - (text[position] == ")"))
        position += 1
    return closed


def _is_factor_beside(arguments: list[str]) -> bool:
    """Whether a second column stands in ``i(year, income)``, and no option."""
    return len(arguments) > 1 and not re.match(r"\s*[^\W\d]\w*\s*=", arguments[1])


def _factors(text: str) -> list[str]:
    return [factor for piece in split_product(text, ":") for factor in split_product(piece, "*")]


def _joined(text: str, write: Callable[[str], str]) -> str:
    """Write each factor of a term, and the signs between them."""
    products = [split_product(piece, "*") for piece in split_product(text, ":")]
    return ":".join("*".join(write(factor) for factor in factors) for factors in products)


def _is_factor(text: str) -> bool:
    """Whether a piece of a term can be a factor of it."""
    text = text.strip()
    return bool(text) and (is_quoted(text) or _is_call(text) or not _SIGNS.intersection(text))


def _is_call(text: str) -> bool:
    return not _is_readable(text) or split_call(text) is not None


def _is_readable(text: str) -> bool:
    try:
        split_call(text)
    except SpecificationError:
        return False
    return True


def _columns(factor: str) -> tuple[str, ...]:
    call = None if is_quoted(factor.strip()) else split_call(factor)
    if call is None:
        return (unquote(factor.strip()),)
    if call[0] == EXPRESSION:
        return read_arithmetic(call[1][0]).columns
    beside = _columns(call[1][1]) if call[0] == EACH and _is_factor_beside(call[1]) else ()
    return (*_columns(call[1][0]), *beside)


def _part(text: str) -> str:
    """Part of a term as `canonical` writes it."""
    call = None if is_quoted(text.strip()) else split_call(text)
    if call:
        return _written(*call, _inside)
    if not is_quoted(text.strip()):
        return text
    name = unquote(text.strip())
    odd = name != name.strip() or _SIGNS.intersection(name)
    return quote(name) if odd or _IDENTIFIER.fullmatch(name) else name


def _inside(text: str) -> str:
    """Part of a term inside a call, where a quotation mark could be read as the beginning of a text."""
    part = _part(text)
    return quote(part) if split_call(part) is None and not is_quoted(part) and _MARKS & {*part} else part


def _written(function: str, arguments: list[str], write: Callable[[str], str]) -> str:
    """Write a call; ``i(year, income)`` is the product that it stands for."""
    argument, *options = arguments
    if function == EXPRESSION:
        return f"{function}({argument})"
    if function == EACH and _is_factor_beside(arguments):
        beside, *options = options
        return f"{function}({', '.join([write(argument), *options])}):{write(beside)}"
    return f"{function}({', '.join([write(argument), *options])})"


def _formula_part(text: str) -> str:
    if is_quoted(text):
        return text
    call = split_call(text)
    if call:
        return _written(*call, _formula_part)
    return text if _IDENTIFIER.fullmatch(text) else quote(text)


def _in_quotes(text: str) -> str:
    """Write a term with all its columns in backticks."""
    call = split_call(text)
    if call:
        return _written(*call, _in_quotes)
    if len(_factors(text)) == 1:
        return quote(unquote(text.strip()))
    return ":".join(
        "*".join(_in_quotes(piece) for piece in split_product(one, "*")) for one in split_product(text, ":")
    )
