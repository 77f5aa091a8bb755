"""What a rule finds, and the words for it in two languages."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from kostnadsvekst.language import LANGUAGES, Bilingual
from kostnadsvekst.report.consistency.intervals import Interval
from kostnadsvekst.report.consistency.printed import Printed
from kostnadsvekst.report.numbers import format_number

CONTRADICTION, ROUNDING, WORDING, UNDECLARED = "contradiction", "rounding", "wording", "undeclared"
SEVERITIES = {
    CONTRADICTION: Bilingual("motsigelse", "contradiction"),
    ROUNDING: Bilingual("siste siffer", "last digit"),
    WORDING: Bilingual("ordbruk", "wording"),
    UNDECLARED: Bilingual("ikke opplyst", "undeclared"),
}
CONFIDENCES = {
    "high": Bilingual("høy", "high"),
    "medium": Bilingual("middels", "medium"),
    "low": Bilingual("lav", "low"),
}
_SIGNIFICANT = 6
EMPTY = Bilingual("", "")


@dataclass(frozen=True, slots=True)
class Violation:
    """A relation that the printed numbers cannot meet.

    Attributes
    ----------
    members : tuple of str
        Ids of every number that took part.
    target : str
        Id of the number set against what the others imply.
    implied : Interval or None
        What the others allow it to be.
    arithmetic : Bilingual
    severity : str
    likely : str
        What the target should print, where the rule itself says it.
    """

    members: tuple[str, ...]
    target: str
    implied: Interval | None
    arithmetic: Bilingual
    severity: str = CONTRADICTION
    likely: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A place where the report contradicts itself.

    Attributes
    ----------
    id : str
        Id of the relation, with a number where it has several findings.
    kind : str
    places : tuple of str
        Where the numbers stand.
    printed : tuple of str
        The numbers as printed, in the order of ``ids``.
    ids : tuple of str
        The number in doubt first.
    implied : Interval or None
        What the other numbers allow the first to be.
    arithmetic : Bilingual
        One line.
    severity : str
        A key of `SEVERITIES`.
    likely_id, likely : str
        Number that is likely misprinted and its likely right value; empty where nothing simple repairs it.
    alternatives : int
        Other repairs as simple.
    confidence : {"high", "medium", "low"}
    note : Bilingual
        Said with the relation; may be empty.
    """

    id: str
    kind: str
    places: tuple[str, ...]
    printed: tuple[str, ...]
    ids: tuple[str, ...]
    implied: Interval | None
    arithmetic: Bilingual
    severity: str
    confidence: str
    likely_id: str = ""
    likely: str = ""
    alternatives: int = 0
    note: Bilingual = EMPTY


def told(line: Callable[[str], str]) -> Bilingual:
    """Say the same line in both languages."""
    return Bilingual(*(line(lang) for lang in LANGUAGES))


def number(value: float, lang: str) -> str:
    """Six significant digits, all digits of larger whole numbers."""
    if not math.isfinite(value) or value == 0:
        return format_number(value, 0, lang)
    decimals = min(max(_SIGNIFICANT - 1 - math.floor(math.log10(abs(value))), 0), 10)
    text = format_number(value, decimals, lang)
    mark = "," if lang == "nb" else "."
    return text.rstrip("0").rstrip(mark) if mark in text else text


def span(interval: Interval, lang: str) -> str:
    """Say both ends of an interval, or one number where they print alike."""
    low, high = number(interval.low, lang), number(interval.high, lang)
    between = {"nb": "til", "en": "to"}[lang]
    return low if low == high else f"{low} {between} {high}"


def shown(item: Printed) -> str:
    """Return a number as printed, with its wording; or the word."""
    return " ".join(filter(None, (item.wording, item.text or item.word))) + item.stars


def against(item: Printed, lang: str) -> str:
    """Say what is printed at the end of a line of arithmetic."""
    text = shown(item)
    return {"nb": f"trykt {text}", "en": f"printed {text}"}[lang]
