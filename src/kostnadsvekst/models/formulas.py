"""Formulas as text: ``"outcome ~ C(year)*income + ..needs | municipality"``."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kostnadsvekst.errors import SpecificationError

_COLOURS = re.compile(r"[\x1b\u29db\u29da]?\[[0-9;]*m[\u29da]?|[\u29da\u29db]")
_MACRO = re.compile(r"\.\.(\w+)")


class ParsedFormula(NamedTuple):
    """Outcome, regressors (products written with ``:``) and the absorbed column, or None."""

    outcome: str
    regressors: tuple[str, ...]
    entity: str | None


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

    text, _, absorbed = _expand(formula, macros).partition("|")
    entity = absorbed.strip() or None
    if "|" in absorbed or (entity and re.search(r"[+*:()]", entity)):
        raise SpecificationError(
            f"cannot read {formula!r}: one column of effects can be absorbed, behind a single '|'; "
            "write others as C(column)"
        )
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
    return ParsedFormula(outcomes[0], regressors, entity)


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
