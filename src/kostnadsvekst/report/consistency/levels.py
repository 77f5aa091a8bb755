"""Rules on levels: parts and sums, shares, changes, growth, products, the same quantity twice."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.consistency.dates import (
    growth_dates,
    minority_dates,
    misdated,
    same_dates,
    spanned_dates,
)
from kostnadsvekst.report.consistency.directions import signed
from kostnadsvekst.report.consistency.findings import Violation, against, number, shown, span, told
from kostnadsvekst.report.consistency.intervals import Interval, exact, total
from kostnadsvekst.report.consistency.periods import read_period
from kostnadsvekst.report.consistency.printed import Printed
from kostnadsvekst.report.consistency.relations import Numbers, Relation

_PERCENT = 100.0


def check_sum(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that parts add up to their sum."""
    parts, whole = numbers.all(relation, "parts"), numbers.one(relation, "total")
    implied = total([p.interval for p in parts])
    if not implied.meets(whole.interval):
        line = told(
            lambda lang: (
                " + ".join(shown(p) for p in parts) + f" = {span(implied, lang)}, {against(whole, lang)}"
            )
        )
        yield Violation((*(p.id for p in parts), whole.id), whole.id, implied, line)
    yield from minority_dates([whole, *parts])


def check_grown_sum(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that parts, each grown by its own growth in per cent, add up to the later sum."""
    levels, growth = numbers.all(relation, "levels"), numbers.all(relation, "growth")
    whole = numbers.one(relation, "total")
    implied = total([one.interval * _factor(other) for one, other in zip(levels, growth, strict=True)])
    if not implied.meets(whole.interval):
        terms = [
            f"{shown(one)} × (1 + {shown(other)}/100)" for one, other in zip(levels, growth, strict=True)
        ]
        line = told(lambda lang: f"{' + '.join(terms)} = {span(implied, lang)}, {against(whole, lang)}")
        yield Violation((*(i.id for i in (*levels, *growth)), whole.id), whole.id, implied, line)


def check_shares(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that shares in per cent are the parts over the whole."""
    whole = numbers.one(relation, "whole")
    for part, share in zip(numbers.all(relation, "parts"), numbers.all(relation, "shares"), strict=True):
        implied = (part.interval / whole.interval).scale(_PERCENT)
        if not implied.meets(share.interval):
            yield Violation(
                (part.id, whole.id, share.id),
                share.id,
                implied,
                _over(part, whole, implied, share),
            )
        yield from minority_dates([whole, part, share])


def _over(part: Printed, whole: Printed, implied: Interval, share: Printed) -> Bilingual:
    return told(
        lambda lang: f"100 × {shown(part)} / {shown(whole)} = {span(implied, lang)}, {against(share, lang)}"
    )


def check_difference(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that a change is the last level less the first; a fall may be printed without its sign."""
    first, last = numbers.all(relation, "levels")
    change = numbers.one(relation, "change")
    implied = last.interval - first.interval
    yield from spanned_dates([first, last], change)
    fall = implied.scale(-1)
    if implied.meets(change.interval) or (change.value >= 0 and fall.meets(change.interval)):
        return
    line = told(
        lambda lang: f"{shown(last)} − {shown(first)} = {span(implied, lang)}, {against(change, lang)}"
    )
    yield Violation((first.id, last.id, change.id), change.id, implied, line)


def check_growth(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that levels, yearly growth, growth in all and growth per year agree with each other."""
    yield from growth_dates(relation, numbers)
    levels, yearly = numbers.all(relation, "levels"), numbers.all(relation, "yearly")
    overall, per_year = numbers.maybe(relation, "total"), numbers.maybe(relation, "per_year")
    years = relation.number("years") or _years(levels, yearly)
    if levels and yearly:
        for (first, last), growth in zip(pairwise(levels), yearly, strict=True):
            yield from _growth_between(first, last, growth, 1.0)
    if levels and overall:
        yield from _growth_between(levels[0], levels[-1], overall, 1.0)
    if levels and per_year and years:
        yield from _growth_between(levels[0], levels[-1], per_year, years)
    if yearly and overall:
        yield from _chained(yearly, overall, 1.0)
    if yearly and per_year and not levels:
        yield from _chained(yearly, per_year, float(len(yearly)))
    if overall and per_year and years:
        yield from _compound(per_year, overall, years)


def _years(levels: Sequence[Printed], yearly: Sequence[Printed]) -> float:
    first, last = (read_period(levels[k].period) if levels else None for k in (0, -1))
    if first and last:
        return (last.first - first.first) / 12
    return float(len(yearly) or max(len(levels) - 1, 0))


def _growth_between(first: Printed, last: Printed, growth: Printed, years: float) -> Iterator[Violation]:
    ratio = (last.interval / first.interval).power(1 / years)
    implied = (ratio - exact(1)).scale(_PERCENT)
    if not implied.meets(signed(growth)):
        root = "" if years == 1 else f"^(1/{number(years, 'en')})"
        line = told(
            lambda lang: (
                f"100 × (({shown(last)} / {shown(first)}){root} − 1) = {span(implied, lang)}, "
                + against(growth, lang)
            )
        )
        yield Violation((first.id, last.id, growth.id), growth.id, implied, line)


def _factor(growth: Printed) -> Interval:
    return signed(growth).scale(1 / _PERCENT) + exact(1)


def _chained(yearly: Sequence[Printed], overall: Printed, years: float) -> Iterator[Violation]:
    product = exact(1.0)
    for growth in yearly:
        product *= _factor(growth)
    implied = (product.power(1 / years) - exact(1)).scale(_PERCENT)
    if not implied.meets(signed(overall)):
        chain = ", ".join(map(shown, yearly))
        line = told(
            lambda lang: (
                {"nb": "sammensatt av", "en": "compounded from"}[lang]
                + f" {chain}: {span(implied, lang)}, {against(overall, lang)}"
            )
        )
        yield Violation((*(g.id for g in yearly), overall.id), overall.id, implied, line)


def _compound(per_year: Printed, overall: Printed, years: float) -> Iterator[Violation]:
    implied = (_factor(per_year).power(years) - exact(1)).scale(_PERCENT)
    if not implied.meets(signed(overall)):
        line = told(
            lambda lang: (
                f"100 × ((1 + {shown(per_year)}/100)^{number(years, lang)} − 1) = "
                f"{span(implied, lang)}, {against(overall, lang)}"
            )
        )
        yield Violation((per_year.id, overall.id), overall.id, implied, line)


def check_product(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that factors multiply to their product."""
    factors, result = numbers.all(relation, "factors"), numbers.one(relation, "result")
    implied = exact(1.0)
    for factor in factors:
        implied *= factor.interval
    if not implied.meets(result.interval):
        line = told(
            lambda lang: (
                " × ".join(map(shown, factors)) + f" = {span(implied, lang)}, {against(result, lang)}"
            )
        )
        yield Violation((*(f.id for f in factors), result.id), result.id, implied, line)


def check_at_most(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that what is part of something is no more than it."""
    larger = numbers.one(relation, "larger")
    for smaller in numbers.all(relation, "smaller"):
        if smaller.interval.above(larger.interval):
            yield Violation((smaller.id, larger.id), smaller.id, None, _above(smaller, larger))


def _above(smaller: Printed, larger: Printed) -> Bilingual:
    words = Bilingual("men kan ikke være mer", "but cannot be more")
    return told(lambda lang: f"{shown(smaller)} > {shown(larger)}, {words.get(lang)}")


def check_same(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that one quantity printed twice or more is one number, of one period."""
    items = numbers.all(relation, "numbers")
    apart = [[o for o in items if not signed(o).meets(signed(item))] for item in items]
    if any(apart):
        odd = items[max(range(len(items)), key=lambda k: (len(apart[k]), k))]
        against_odd = next(o for o in items if not signed(o).meets(signed(odd)))
        ids = tuple(item.id for item in items)
        yield Violation(ids, odd.id, against_odd.interval, _places_apart(items))
    yield from same_dates(items)


def _places_apart(items: Sequence[Printed]) -> Bilingual:
    words = Bilingual("uten noen felles verdi", "with no value in common")
    places = "; ".join(f"{item.place}: {shown(item)}" for item in items)
    return told(lambda lang: f"{places}: {words.get(lang)}")


def check_dated(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that a number quoted for a year is the table's number of that year."""
    series = {item.period: item for item in numbers.all(relation, "series")}
    for claim in numbers.all(relation, "claims"):
        item = series.get(claim.period)
        if item is None:
            yield misdated((claim, *series.values()), claim)
        elif not item.interval.meets(claim.interval):
            yield Violation((item.id, claim.id), claim.id, item.interval, _places_apart([item, claim]))
