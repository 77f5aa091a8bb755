"""Rules on dates: periods that do not fit together, dates outside the period of the report."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.consistency.findings import Violation, told
from kostnadsvekst.report.consistency.periods import Period, read_period
from kostnadsvekst.report.consistency.printed import Printed
from kostnadsvekst.report.consistency.relations import Numbers, Relation


def growth_dates(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that levels come in the order of time, and growth is of the years between them."""
    levels = numbers.all(relation, "levels")
    yield from ordered_dates(levels)
    for role in ("total", "per_year"):
        item = numbers.maybe(relation, role)
        if item and levels:
            yield from spanned_dates([levels[0], levels[-1]], item)
    for growth, ends in zip(numbers.all(relation, "yearly"), pairwise(levels), strict=False):
        yield from spanned_dates(ends, growth)


def ordered_dates(items: Sequence[Printed]) -> Iterator[Violation]:
    """Check that each is of a later period than the one before."""
    for one, other in pairwise(items):
        dates = read_period(one.period), read_period(other.period)
        if dates[0] and dates[1] and dates[1].last <= dates[0].last:
            yield misdated((one, other), other)


def spanned_dates(ends: Sequence[Printed], item: Printed) -> Iterator[Violation]:
    """Check that what is of years from and to is of those of the first and the last number."""
    first, last = (read_period(end.period) for end in (ends[0], ends[-1]))
    date = read_period(item.period)
    if first and last and date and date.spans and not _covers(date, first, last):
        yield misdated((*ends, item), item)


def _covers(date: Period, first: Period, last: Period) -> bool:
    return (date.first_year, date.last_year) == (first.first_year, last.last_year)


def minority_dates(items: Sequence[Printed]) -> Iterator[Violation]:
    """Check that where most numbers of a relation are of one period, so are the others.

    A sum over years has no such period, and nothing is said of it.
    """
    dated = [(item, date) for item in items if (date := read_period(item.period))]
    alike = [[other for other, d in dated if d.meets(date)] for _, date in dated]
    most = max(alike, key=len, default=[])
    if len(most) > len(dated) / 2 and len(most) > 1:
        for item, _ in dated:
            if item not in most:
                yield misdated((most[0], item), item)


def misdated(items: Sequence[Printed], target: Printed) -> Violation:
    """Say which periods do not fit together."""
    words = Bilingual("periodene passer ikke sammen", "periods do not fit")
    listed = ", ".join(f"{item.place}: {item.period}" for item in items)
    line = told(lambda lang: f"{words.get(lang)}: {listed}")
    return Violation(tuple(item.id for item in items), target.id, None, line)


def check_same_period(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that numbers that are said to be of one period have it printed alike."""
    yield from same_dates(numbers.all(relation, "numbers"))


def same_dates(items: Sequence[Printed]) -> Iterator[Violation]:
    """Check that dates of one quantity, where they are printed, can be the same."""
    dated = [(item, date) for item in items if (date := read_period(item.period))]
    apart = [sum(not date.meets(other) for _, other in dated) for _, date in dated]
    if any(apart):
        odd = dated[max(range(len(dated)), key=lambda k: (apart[k], -k))][0]
        yield misdated([item for item, _ in dated], odd)


def check_dates(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that no date lies outside the period of the report."""
    first, last = relation.number("first"), relation.number("last")
    for item in numbers.all(relation, "numbers"):
        date = read_period(item.period) if item.period else None
        if date and not (first <= date.first_year and date.last_year <= last):
            yield Violation((item.id,), item.id, None, _outside(item, first, last))


def _outside(item: Printed, first: float, last: float) -> Bilingual:
    words = Bilingual("utenfor perioden", "outside the period")
    return told(lambda lang: f"{item.period} {words.get(lang)} {first:g}–{last:g}")
