"""Terms as printed: columns by their labels, levels, transformations and products."""

import re

from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.grammar import BASES, is_quoted, split, split_call, unquote
from kostnadsvekst.models.results import CONSTANT
from kostnadsvekst.models.transformations import parse_call
from kostnadsvekst.panel.schema import label_of

_CATEGORY = re.compile(r"C\((.+?)\)\[(?:T\.)?(.+)\]")
_BASIS = re.compile(rf"((?:{'|'.join(BASES)})\(.+\))\[(\d+)\]")
_YEAR = Bilingual("År", "Year")


def term_label(term: str) -> Bilingual:
    """Label of a term: of the column, its level, its transformation, products with ``×``."""
    if is_quoted(term):
        return label_of(unquote(term))
    factors = split(term, ":")
    if len(factors) > 1:
        parts = [term_label(factor) for factor in factors]
        return Bilingual(" × ".join(p.nb for p in parts), " × ".join(p.en for p in parts))
    if term == CONSTANT:
        return Bilingual("Konstant", "Constant")
    match = _CATEGORY.fullmatch(term)
    if match:
        column, level = match.groups()
        label = _YEAR if column == "year" else label_of(column)
        return Bilingual(f"{label.nb} {level}", f"{label.en} {level}")
    basis = _BASIS.fullmatch(term)
    if basis:
        whole, number = basis.groups()
        function, (argument, *options) = split_call(whole) or (whole, [whole])
        inner, rest = term_label(argument), ", ".join(["", *options])
        return Bilingual(f"{function}({inner.nb}{rest}) {number}", f"{function}({inner.en}{rest}) {number}")
    call = parse_call(term)
    if call:
        inner = term_label(call.argument)
        extra = f", {call.periods}" if call.periods > 1 else ""
        return Bilingual(f"{call.function}({inner.nb}{extra})", f"{call.function}({inner.en}{extra})")
    return label_of(term)
