"""Rules on words: direction, greatest and least, labels, units, lists and what is named in them."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.consistency.dates import spanned_dates
from kostnadsvekst.report.consistency.directions import DIRECTIONS
from kostnadsvekst.report.consistency.findings import WORDING, Violation, against, number, shown, span, told
from kostnadsvekst.report.consistency.intervals import Interval, exact
from kostnadsvekst.report.consistency.printed import Printed
from kostnadsvekst.report.consistency.relations import Numbers, Relation

# A level that is called stable has changed by no more than this, in per cent, unless the relation says else.
_STABLE_PERCENT = 5.0
_BAND = re.compile(r"(\d+)\s*[-–]\s*(\d+)")


def check_direction(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that what is said to rise, fall or stay does so, between levels or by its growth in per cent."""
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
    """Check that what is called the largest (or the smallest) is so."""
    claim, values = numbers.one(relation, "claim"), numbers.all(relation, "values")
    labels = [str(label) for label in relation.options["labels"]]
    sign = -1.0 if relation.options.get("smallest", False) else 1.0
    sides = [value.interval.scale(sign) for value in values]
    k = labels.index(claim.word)
    first = max(range(len(values)), key=lambda i: sides[i].middle)
    if sides[first].above(sides[k]):
        line = _not_first(claim, values[k], labels[first], values[first])
        yield Violation((claim.id, values[k].id, values[first].id), claim.id, None, line, WORDING)


def _not_first(claim: Printed, named: Printed, label: str, other: Printed) -> Bilingual:
    return told(lambda lang: f"{claim.word}: {shown(named)}; {label}: {shown(other)}; {against(claim, lang)}")


def check_same_words(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that one thing said twice is said alike."""
    items = numbers.all(relation, "numbers")
    said = [item.word.casefold() for item in items]
    if len(set(said)) > 1:
        odd = items[min(range(len(items)), key=lambda k: (said.count(said[k]), -k))]
        listed = "; ".join(f"{item.place}: {item.word}" for item in items)
        yield Violation(tuple(i.id for i in items), odd.id, None, told(lambda _: listed), WORDING)


def check_sign(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that what is called a fall is not printed with a minus sign as well."""
    claim, value = numbers.one(relation, "claim"), numbers.one(relation, "value")
    if DIRECTIONS[claim.word] < 0 and value.interval.high < 0:
        words = Bilingual("et fall med minustegn er en økning", "a fall with a minus sign is a rise")
        line = told(lambda lang: f"{claim.word} {shown(value)}: {words.get(lang)}")
        yield Violation((claim.id, value.id), value.id, None, line, WORDING)


# Units in both languages; others are shown as the user wrote them.
_UNITS = {
    "percent": Bilingual("prosent", "per cent"),
    "percentage points": Bilingual("prosentpoeng", "percentage points"),
    "percent growth": Bilingual("vekst i prosent", "growth in per cent"),
    "percent of all expenditure": Bilingual("prosent av alle utgifter", "per cent of all expenditure"),
    "NOK per NOK": Bilingual("kroner per krone", "kroner per krone"),
    "NOK per capita": Bilingual("kroner per innbygger", "kroner per inhabitant"),
    "NOK per municipality": Bilingual("kroner per kommune", "kroner per municipality"),
}


def check_unit(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that one quantity has one unit wherever it is printed."""
    items = [item for item in numbers.all(relation, "numbers") if item.unit]
    if len({item.unit for item in items}) > 1:
        line = told(lambda lang: "; ".join(_with_unit(item, lang) for item in items))
        yield Violation(tuple(item.id for item in items), items[-1].id, None, line, WORDING)


def _with_unit(item: Printed, lang: str) -> str:
    unit = _UNITS.get(item.unit, Bilingual(item.unit, item.unit)).get(lang)
    return f"{item.place}: {shown(item)} {unit}" if item.is_number else f"{item.place}: {unit}"


def check_bands(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that groups that divide a whole do not overlap and leave no gap."""
    claims = numbers.all(relation, "claims")
    bands = [(claim, band) for claim in claims if (band := read_band(claim.word))]
    for (one, (_, last)), (other, (first, _)) in pairwise(bands):
        if first != last + 1:
            words = (
                Bilingual("overlapper", "overlap")
                if first <= last
                else Bilingual("hull mellom", "gap between")
            )
            line = told(lambda lang, w=words, a=one, b=other: f"{w.get(lang)}: {a.word}, {b.word}")  # type: ignore[misc]
            yield Violation((one.id, other.id), other.id, None, line, WORDING)


def read_band(word: str) -> tuple[int, int] | None:
    """First and last of a group such as ``18-39``; None where the word is none."""
    match = _BAND.fullmatch(word)
    return (int(match[1]), int(match[2])) if match else None


def check_member(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that what is referred to is in the list that defines it."""
    defined = [str(label) for label in relation.options["defined"]]
    for claim in numbers.all(relation, "claims"):
        if claim.word not in defined:
            words = Bilingual("finnes ikke blant", "is not among")
            line = told(lambda lang, c=claim, w=words: f"{c.word} {w.get(lang)} {_brief(defined)}")  # type: ignore[misc]
            yield Violation((claim.id,), claim.id, None, line, WORDING)


def _brief(labels: Sequence[str]) -> str:
    return ", ".join(labels) if len(labels) <= 12 else f"{', '.join(labels[:11])}, …, {labels[-1]}"


def check_count(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that the number of things listed is the number said."""
    claim = numbers.one(relation, "claim")
    listed = dict.fromkeys(str(label) for label in relation.options["listed"])
    implied = exact(float(len(listed)))
    if not implied.meets(claim.interval):
        line = told(lambda lang: f"{_brief(list(listed))}: {len(listed)}, {against(claim, lang)}")
        yield Violation((claim.id,), claim.id, implied, line)


def check_coincide(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that the places where one series is greatest are those where another is greatest (or least).

    The second series may be the changes of ``second_levels``.
    """
    first, levels = numbers.all(relation, "first"), numbers.all(relation, "second_levels")
    second = [item.interval for item in numbers.all(relation, "second")]
    second = second or [b.interval - a.interval for a, b in pairwise(levels)]
    labels, k = [str(label) for label in relation.options["labels"]], int(relation.number("top"))
    least = bool(relation.options.get("second_least", False))
    series = [[item.interval for item in first], second]
    turned = [series[0], [i.scale(-1) for i in second] if least else second]
    tops = [_surely_top(intervals, k) for intervals in turned]
    if tops[0] and tops[1] and tops[0] != tops[1]:
        claim = numbers.one(relation, "claim")
        line = _tops_line(labels, series, [tops[0], tops[1]], least=least)
        yield Violation((claim.id, *relation.ids), claim.id, None, line, WORDING)


def _tops_line(
    labels: Sequence[str], series: Sequence[Sequence[Interval]], tops: Sequence[set[int]], *, least: bool
) -> Bilingual:
    most, lowest = Bilingual("størst", "greatest"), Bilingual("minst", "least")
    words = (most, lowest if least else most)
    named = [", ".join(labels[i] for i in sorted(top)) for top in tops]

    def side(k: int, lang: str) -> str:
        values = "; ".join(number(i.middle, lang) for i in series[k])
        return f"{words[k].get(lang)}: {named[k]} ({values})"

    return told(lambda lang: f"{side(0, lang)} – {side(1, lang)}")


def _surely_top(intervals: Sequence[Interval], k: int) -> set[int] | None:
    """Positions of the k greatest, None where rounding leaves it open."""
    order = sorted(range(len(intervals)), key=lambda i: -intervals[i].middle)
    least = min((intervals[i].low for i in order[:k]), default=float("inf"))
    most = max((intervals[i].high for i in order[k:]), default=-float("inf"))
    return set(order[:k]) if least > most else None


def check_past(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that a threshold said to be passed, or not reached, is so."""
    claim, limit = numbers.one(relation, "claim"), numbers.one(relation, "limit")
    above = bool(relation.options.get("above", True))
    high, low = (limit, claim) if above else (claim, limit)
    if high.interval.above(low.interval):
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
