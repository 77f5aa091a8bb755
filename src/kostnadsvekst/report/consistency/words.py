"""Rules on words: direction, greatest and least, labels, units, lists and what is named in them."""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.consistency.dates import spanned_dates
from kostnadsvekst.report.consistency.findings import WORDING, Violation, against, number, shown, span, told
from kostnadsvekst.report.consistency.intervals import Interval, exact
from kostnadsvekst.report.consistency.printed import Printed
from kostnadsvekst.report.consistency.relations import Numbers, Relation

_UP = ("øker", "økt", "økte", "økning", "vekst", "vokser", "vokst", "økende", "stiger", "steg", "oppgang",
       "increase", "increases", "increased", "growth", "rise", "rises", "rose", "up")  # fmt: skip
_DOWN = ("faller", "falt", "fall", "fallende", "reduksjon", "nedgang", "synker", "avtar", "lav vekst",
         "decrease", "decreases", "decreased", "reduction", "falls", "fell", "down")  # fmt: skip
_STABLE = ("stabil", "stabilt", "konstant", "uendret", "stable", "constant", "unchanged", "no growth",
           "ingen økning")  # fmt: skip
DIRECTIONS = {**dict.fromkeys(_UP, 1), **dict.fromkeys(_DOWN, -1), **dict.fromkeys(_STABLE, 0)}
# A level that is called stable has changed by no more than this, in per cent, unless the relation says else.
_STABLE_PERCENT = 5.0
_BAND = re.compile(r"(\d+)\s*[-–]\s*(\d+)")


def check_direction(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """What is said to rise, fall or stay does so between two levels, or by its growth in per cent."""
    claim = numbers.one(relation, "claim")
    levels, growth = numbers.all(relation, "levels"), numbers.maybe(relation, "growth")
    if levels:
        yield from spanned_dates(levels, claim)
        change = (levels[-1].interval / levels[0].interval - exact(1)).scale(100)
        ends = f"{shown(levels[0])} → {shown(levels[-1])}"
    elif growth:
        change, ends = growth.interval, shown(growth)
    else:
        return
    sign, most = DIRECTIONS[claim.word], float(relation.options.get("stable_percent", _STABLE_PERCENT))
    allowed = {1: Interval(0, float("inf")), -1: Interval(-float("inf"), 0), 0: Interval(-most, most)}[sign]
    if not allowed.meets(change):
        words = Bilingual("endring i prosent", "change in per cent")
        line = told(lambda lang: f"{ends}: {words.get(lang)} {span(change, lang)}, {against(claim, lang)}")
        yield Violation(
            (claim.id, *(i for i in relation.ids if i != claim.id)), claim.id, None, line, WORDING
        )


def check_largest(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """What is called the largest (or the smallest) is so."""
    claim, values = numbers.one(relation, "claim"), numbers.all(relation, "values")
    labels = [str(label) for label in relation.options["labels"]]
    if claim.word not in labels or len(labels) != len(values):
        return
    least = bool(relation.options.get("smallest", False))
    named = values[labels.index(claim.word)]
    for label, other in zip(labels, values, strict=True):
        wrong = (
            other.interval.high < named.interval.low if least else other.interval.low > named.interval.high
        )
        if wrong:
            yield Violation(
                (claim.id, named.id, other.id),
                claim.id,
                None,
                _not_first(claim, named, label, other),
                WORDING,
            )


def _not_first(claim: Printed, named: Printed, label: str, other: Printed) -> Bilingual:
    return told(lambda lang: f"{claim.word}: {shown(named)}; {label}: {shown(other)}; {against(claim, lang)}")


def check_same_words(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """One thing said twice is said alike."""
    for one, other in combinations(numbers.all(relation, "numbers"), 2):
        if one.word.casefold() != other.word.casefold():
            line = told(lambda lang, a=one, b=other: f"{a.place}: {a.word}; {b.place}: {b.word}")  # type: ignore[misc]
            yield Violation((one.id, other.id), other.id, None, line, WORDING)


def check_unit(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """One quantity has one unit wherever it is printed."""
    for one, other in combinations(numbers.all(relation, "numbers"), 2):
        if one.unit and other.unit and one.unit != other.unit:
            line = told(
                lambda lang, a=one, b=other: f"{a.place}: {shown(a)} {a.unit}; {b.place}: {shown(b)} {b.unit}"  # type: ignore[misc]
            )
            yield Violation((one.id, other.id), other.id, None, line, WORDING)


def check_bands(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Groups that divide a whole do not overlap and leave no gap."""
    claims = numbers.all(relation, "claims")
    bands = [match for match in map(_BAND.fullmatch, (c.word for c in claims)) if match]
    ends = [(int(b[1]), int(b[2]), claim) for b, claim in zip(bands, claims, strict=False)]
    for (_, last, one), (first, _, other) in pairwise(ends):
        if first != last + 1:
            words = (
                Bilingual("overlapper", "overlap")
                if first <= last
                else Bilingual("hull mellom", "gap between")
            )
            line = told(lambda lang, w=words, a=one, b=other: f"{w.get(lang)}: {a.word}, {b.word}")  # type: ignore[misc]
            yield Violation((one.id, other.id), other.id, None, line, WORDING)


def check_member(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """What is referred to is in the list that defines it."""
    defined = [str(label) for label in relation.options["defined"]]
    for claim in numbers.all(relation, "claims"):
        if claim.word not in defined:
            words = Bilingual("finnes ikke blant", "is not among")
            line = told(lambda lang, c=claim, w=words: f"{c.word} {w.get(lang)} {_brief(defined)}")  # type: ignore[misc]
            yield Violation((claim.id,), claim.id, None, line, WORDING)


def _brief(labels: Sequence[str]) -> str:
    return ", ".join(labels) if len(labels) <= 12 else f"{', '.join(labels[:11])}, …, {labels[-1]}"


def check_count(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """The number of things listed is the number said."""
    claim = numbers.one(relation, "claim")
    listed = dict.fromkeys(str(label) for label in relation.options["listed"])
    implied = exact(float(len(listed)))
    if not implied.meets(claim.interval):
        line = told(lambda lang: f"{_brief(list(listed))}: {len(listed)}, {against(claim, lang)}")
        yield Violation((claim.id,), claim.id, implied, line)


def check_coincide(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """The places where one series is greatest are those where another is greatest (or least)."""
    first, second = numbers.all(relation, "first"), numbers.all(relation, "second")
    labels = [str(label) for label in relation.options["labels"]]
    k = int(relation.number("top"))
    sign = -1.0 if relation.options.get("second_least") else 1.0
    sets = [_surely_top(first, k, 1.0), _surely_top(second, k, sign)]
    if None in sets or sets[0] == sets[1]:
        return
    named = [", ".join(labels[i] for i in sorted(s or ())) for s in sets]
    claim = numbers.one(relation, "claim")
    words = (
        Bilingual("størst", "greatest"),
        (Bilingual("minst", "least") if sign < 0 else Bilingual("størst", "greatest")),
    )
    series = [", ".join(map(shown, items)) for items in (first, second)]
    line = told(
        lambda lang: (
            f"{words[0].get(lang)}: {named[0]} ({series[0]}); {words[1].get(lang)}: {named[1]} ({series[1]})"
        )
    )
    yield Violation(relation.ids, claim.id, None, line, WORDING)


def _surely_top(items: Sequence[Printed], k: int, sign: float) -> set[int] | None:
    """Positions of the k greatest, None where rounding leaves it open."""
    order = sorted(range(len(items)), key=lambda i: -sign * items[i].value)
    inside, outside = order[:k], order[k:]
    least = min(sign * items[i].value - _half(items[i]) for i in inside)
    most = max((sign * items[i].value + _half(items[i]) for i in outside), default=-float("inf"))
    return set(inside) if least > most else None


def _half(item: Printed) -> float:
    return (item.interval.high - item.interval.low) / 2


def check_past(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """A threshold said to be passed, or not reached, is so."""
    claim, limit = numbers.one(relation, "claim"), numbers.one(relation, "limit")
    above = bool(relation.options.get("above", True))
    wrong = claim.interval.high < limit.interval.low if above else claim.interval.low > limit.interval.high
    if wrong:
        sign = "<" if above else ">"
        words = (
            Bilingual("men sagt å ligge", "but said to lie"),
            (Bilingual("over", "above") if above else Bilingual("under", "below")),
        )
        line = told(
            lambda lang: (
                f"{number(claim.value, lang)} {sign} {number(limit.value, lang)}, "
                + " ".join(w.get(lang) for w in words)
            )
        )
        yield Violation((claim.id, limit.id), claim.id, limit.interval, line, WORDING)
