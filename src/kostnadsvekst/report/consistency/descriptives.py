"""Rules on descriptive tables: means within extremes, years against all years together."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.consistency.dates import ordered_dates, spanned_dates
from kostnadsvekst.report.consistency.findings import Violation, against, number, shown, span, told
from kostnadsvekst.report.consistency.intervals import Interval, exact, weighted_mean
from kostnadsvekst.report.consistency.period_weights import shares_of_periods
from kostnadsvekst.report.consistency.printed import Printed
from kostnadsvekst.report.consistency.relations import Numbers, Relation


def check_within(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that a mean lies between the extremes, a standard deviation below what they allow.

    sd² <= (max - mean)(mean - min) n/(n - 1): Bhatia and Davis (2000), whatever the weights.
    """
    roles = [numbers.all(relation, role) for role in ("minima", "maxima", "means", "sds")]
    n = relation.number("n")
    for k, (low, high) in enumerate(zip(roles[0], roles[1], strict=True)):
        mean = roles[2][k] if roles[2] else None
        yield from _ordered([item for item in (low, mean, high) if item])
        if mean and roles[3]:
            yield from _spread(low, mean, high, roles[3][k], n / (n - 1) if n > 1 else 1.0)


def _ordered(items: Sequence[Printed]) -> Iterator[Violation]:
    for one, other in pairwise(items):
        if one.interval.above(other.interval):
            words = Bilingual("i gal rekkefølge", "in the wrong order")
            line = told(lambda lang, a=one, b=other, w=words: f"{shown(a)} > {shown(b)}: {w.get(lang)}")  # type: ignore[misc]
            yield Violation((one.id, other.id), one.id, None, line)


def _spread(
    low: Printed, mean: Printed, high: Printed, sd: Printed, correction: float
) -> Iterator[Violation]:
    product = (high.interval - mean.interval) * (mean.interval - low.interval)
    most = product.scale(correction).power(0.5)
    if sd.interval.above(most):
        line = told(
            lambda lang: (
                f"√(({shown(high)} − {shown(mean)})({shown(mean)} − {shown(low)})) = "
                f"{number(most.high, lang)} < {shown(sd)}"
            )
        )
        yield Violation((low.id, mean.id, high.id, sd.id), sd.id, Interval(0.0, most.high), line)


def check_pooled(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check years against all years together: extremes, mean and standard deviation.

    The weights of the years are what the standard errors of period dummies say of them, or any within
    ``weight_slack`` of equal ones.
    """
    yield from _extreme(relation, numbers, "minima", "pooled_minimum", smallest=True)
    yield from _extreme(relation, numbers, "maxima", "pooled_maximum", smallest=False)
    means, pooled = numbers.all(relation, "means"), numbers.maybe(relation, "pooled_mean")
    if not means or pooled is None:
        return
    yield from ordered_dates(means)
    yield from spanned_dates(means, pooled)
    weights = shares_of_periods(relation, numbers, len(means))
    yield from _pooled_mean(means, pooled, weights)
    sds, pooled_sd = numbers.all(relation, "sds"), numbers.maybe(relation, "pooled_sd")
    if sds and pooled_sd:
        yield from _pooled_sd(means, sds, pooled, pooled_sd, weights, relation.number("n"))


def _extreme(
    relation: Relation, numbers: Numbers, role: str, pooled_role: str, *, smallest: bool
) -> Iterator[Violation]:
    each, pooled = numbers.all(relation, role), numbers.maybe(relation, pooled_role)
    if not each or pooled is None:
        return
    pick = min if smallest else max
    implied = Interval(pick(e.interval.low for e in each), pick(e.interval.high for e in each))
    if not implied.meets(pooled.interval):
        name = "min" if smallest else "max"
        listed = ", ".join(map(shown, each))
        line = told(lambda lang: f"{name}({listed}) = {span(implied, lang)}, {against(pooled, lang)}")
        yield Violation((*(e.id for e in each), pooled.id), pooled.id, implied, line)


def _pooled_mean(
    means: Sequence[Printed], pooled: Printed, weights: Sequence[Interval]
) -> Iterator[Violation]:
    implied = weighted_mean([m.interval for m in means], weights)
    equal = all(weight.low == weight.high for weight in weights)
    if not implied.meets(pooled.interval):
        yield Violation(
            (*(m.id for m in means), pooled.id),
            pooled.id,
            implied,
            _mean_line(means, implied, pooled, equal=equal),
        )


def _mean_line(means: Sequence[Printed], implied: Interval, pooled: Printed, *, equal: bool) -> Bilingual:
    weighted = Bilingual("veid gjennomsnitt av", "weighted mean of")
    words = Bilingual("gjennomsnitt av", "mean of") if equal else weighted
    listed = ", ".join(map(shown, means))
    return told(lambda lang: f"{words.get(lang)} {listed}: {span(implied, lang)}, {against(pooled, lang)}")


def _pooled_sd(
    means: Sequence[Printed],
    sds: Sequence[Printed],
    pooled: Printed,
    pooled_sd: Printed,
    weights: Sequence[Interval],
    n: float,
) -> Iterator[Violation]:
    """Total variance is variance within the years and between their means."""
    smaller = (n - 1) / n if n > 1 else 1.0
    larger = n * len(means) / (n * len(means) - 1) if n > 1 else 1.0
    squares = [
        sd.interval.square() * exact(smaller) + (mean.interval - pooled.interval).square()
        for sd, mean in zip(sds, means, strict=True)
    ]
    implied = weighted_mean(squares, weights).scale(larger).power(0.5)
    if not implied.meets(pooled_sd.interval):
        members = (*(m.id for m in means), *(s.id for s in sds), pooled.id, pooled_sd.id)
        words = Bilingual("varians i og mellom år", "variance within and between years")
        line = told(lambda lang: f"{words.get(lang)}: √ = {span(implied, lang)}, {against(pooled_sd, lang)}")
        yield Violation(members, pooled_sd.id, implied, line)
