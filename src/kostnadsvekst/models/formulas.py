"""Formulas as text: ``"outcome ~ C(year)*income + ..needs | municipality + region^year"``."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kostnadsvekst.errors import SpecificationError

_COLOURS = re.compile(r"[\x1b\u29db\u29da]?\[[0-9;]*m[\u29da]?|[\u29da\u29db]")
# A column behind the bar: a name, if need be in backticks.
_COLUMN = re.compile(r"`[^`]+`|[^`+*:()|^~]+")
_MACRO = re.compile(r"\.\.(\w+)")


class ParsedFormula(NamedTuple):
    """Outcome, regressors (products written with ``:``) and the absorbed columns in order.

    Levels of several columns at once are written with ``^``.
    """

    outcome: str
    regressors: tuple[str, ...]
    absorbed: tuple[str, ...]


def parse_formula(formula: str, macros: Mapping[str, Sequence[str]]) -> ParsedFormula:
    """Read a formula with formulaic's grammar; what stands behind ``|`` is absorbed.

    Parameters
    ----------
    formula : str
    macros : mapping of str to sequence of str
        ``..name`` stands for the sum of these terms.

    Raises
    ------
    SpecificationError
        If the formula cannot be read; the message shows where.
    """
    from formulaic.errors import FormulaicError
    from formulaic.parser import DefaultFormulaParser

    text, *behind = _split(_expand(formula, macros), "|")
    absorbed = _absorbed(behind, formula)
    try:
        # The parser keeps the terms as they are written; `Formula` would sort them by degree.
        parsed: Any = DefaultFormulaParser().get_terms(text)
    except (FormulaicError, SyntaxError) as error:
        raise SpecificationError(f"cannot read the formula {formula!r}: {_plain(error)}") from error
    if not hasattr(parsed, "rhs") or not hasattr(parsed, "lhs"):
        raise SpecificationError(f"cannot read the formula {formula!r}: write outcome ~ regressors | entity")
    outcomes = _terms(parsed.lhs)
    if len(outcomes) != 1:
        raise SpecificationError(f"the formula {formula!r} has {len(outcomes)} outcomes; it must have one")
    regressors = tuple(term for term in _terms(parsed.rhs) if term != "1")
    return ParsedFormula(outcomes[0], regressors, absorbed)


def _absorbed(behind: list[str], formula: str) -> tuple[str, ...]:
    """Read what stands behind the bar: columns joined by ``+``, levels of several at once by ``^``."""
    if not behind or not behind[0].strip():
        return ()
    sets = [[part.strip() for part in _split(text, "^")] for text in _split(behind[0], "+")]
    if len(behind) > 1 or not all(_COLUMN.fullmatch(part) for parts in sets for part in parts):
        raise SpecificationError(
            f"cannot read {formula!r}: behind a single '|' stand the columns whose effects are absorbed, "
            "joined by '+' (levels of two columns at once: 'a^b'; names with other signs in backticks)"
        )
    return tuple("^".join(part.strip("`") for part in parts) for parts in sets)


def _split(text: str, sign: str) -> list[str]:
    """Split at a sign outside of backticks."""
    pieces = [""]
    for position, piece in enumerate(text.split("`")):
        quoted = position % 2 == 1
        first, *others = [f"`{piece}`"] if quoted else piece.split(sign)
        pieces[-1] += first
        pieces += others
    return pieces


def _expand(formula: str, macros: Mapping[str, Sequence[str]]) -> str:
    def terms(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in macros:
            raise SpecificationError(f"unknown macro '..{name}' in {formula!r}; known: {', '.join(macros)}")
        return "(" + " + ".join(macros[name]) + ")"

    return _MACRO.sub(terms, formula)


def _terms(formula: Any) -> list[str]:
    return [":".join(factor.expr for factor in term.factors) for term in formula]


def _plain(error: Exception) -> str:
    return " ".join(_COLOURS.sub("", str(error)).split())
