"""Rules on regression tables: stars, R², standard errors of nested models, period dummies, constants."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from scipy import stats

from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.consistency.findings import (
    CONTRADICTION,
    UNDECLARED,
    Violation,
    against,
    number,
    shown,
    span,
    told,
)
from kostnadsvekst.report.consistency.intervals import EVERYTHING, Interval, exact, total
from kostnadsvekst.report.consistency.period_weights import (
    SHARE_SLACK,
    inverse_weights,
    shares_from,
    shares_of_periods,
)
from kostnadsvekst.report.consistency.printed import Printed
from kostnadsvekst.report.consistency.relations import Numbers, Relation

_LEVELS = (0.05, 0.01, 0.001)
_NEGATIVE = Bilingual("en standardfeil er ikke negativ", "no standard error is negative")


def check_stars(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that stars are those of b/SE and its degrees of freedom, anywhere in the intervals of both."""
    levels = tuple(relation.options.get("levels", _LEVELS))
    limits = critical_values(levels, relation.number("df"))
    for b, se in zip(numbers.all(relation, "b"), numbers.all(relation, "se"), strict=True):
        t = t_ratio(b.interval, se.interval)
        if se.interval.high < 0:
            yield _impossible(
                se, Bilingual("en standardfeil er ikke negativ", "no standard error is negative")
            )
        least, most = (sum(end > limit for limit in limits) for end in (t.low, t.high))
        if not least <= len(b.stars) <= most:
            line = _stars_line(b, se, t, limits, (least, most))
            likely = b.text + "*" * least if least == most else ""
            yield Violation((b.id, se.id), b.id, None, line, likely=likely)


def _impossible(item: Printed, words: Bilingual) -> Violation:
    return Violation((item.id,), item.id, None, told(lambda lang: f"{shown(item)}: {words.get(lang)}"))


@lru_cache(maxsize=64)
def critical_values(levels: tuple[float, ...], df: float) -> tuple[float, ...]:
    """Two-sided critical values of t."""
    return tuple(float(stats.t.isf(level / 2, df)) for level in levels)


def t_ratio(b: Interval, se: Interval) -> Interval:
    """Range of |b|/SE."""
    size = b.square().power(0.5)
    return Interval(
        size.low / se.high if se.high > 0 else 0.0, size.high / se.low if se.low > 0 else math.inf
    )


def _stars_line(
    b: Printed, se: Printed, t: Interval, limits: Sequence[float], stars: tuple[int, int]
) -> Bilingual:
    least, most = ("*" * n for n in stars)
    wanted = least if least == most else f"{least}–{most}"
    none = Bilingual("ingen stjerne", "no star")
    text = b.text if not b.stars else f"{b.text}{b.stars}"
    return told(
        lambda lang: (
            f"|t| = |{b.text}|/{se.text} = {span(t, lang)}, "
            + {"nb": "grenser ", "en": "limits "}[lang]
            + "; ".join(number(limit, lang) for limit in limits)
            + f": {wanted or none.get(lang)}, {against(b, lang) if b.stars else none_printed(text, lang)}"
        )
    )


def none_printed(text: str, lang: str) -> str:
    """Say that no star is printed."""
    return {"nb": f"trykt {text} uten stjerne", "en": f"printed {text} without a star"}[lang]


def check_nested_fit(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that R² does not fall when regressors are added."""
    fits = numbers.all(relation, "r_squared")
    for fit in fits:
        if fit.interval.above(exact(1.0)):
            yield _impossible(fit, Bilingual("R² er ikke over 1", "R² is not above 1"))
    for small, large in pairwise(fits):
        if small.interval.above(large.interval):
            yield Violation(
                (small.id, large.id), large.id, Interval(small.interval.low, 1.0), _falls(small, large)
            )


def _falls(small: Printed, large: Printed) -> Bilingual:
    words = Bilingual("R² faller når variabler legges til", "R² falls when regressors are added")
    return told(lambda lang: f"{words.get(lang)}: {shown(small)} → {shown(large)}")


def check_nested_errors(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that added regressors lower a standard error no more than they lower the residual variance.

    SE² = σ² V with V the inverse of the regressors' cross products, which added regressors only enlarge;
    σ² ∝ (1 − R²)/df.
    """
    one = exact(1.0)
    small, large = (one - fit.interval for fit in numbers.all(relation, "r_squared"))
    df_small, df_large = relation.options["df"]
    least = math.sqrt(max((small and large / small).low, 0.0) * df_small / df_large)
    pairs = zip(numbers.all(relation, "se_small"), numbers.all(relation, "se_large"), strict=True)
    for before, after in pairs:
        implied = Interval(before.interval.low * least, math.inf)
        if implied.above(after.interval):
            members = (before.id, after.id, *relation.members["r_squared"])
            yield Violation(members, after.id, implied, _too_small(before, after, least))


def _too_small(before: Printed, after: Printed, least: float) -> Bilingual:
    words = Bilingual("minst", "at least")
    return told(
        lambda lang: (
            f"{words.get(lang)} {number(least, lang)} × {shown(before)} = "
            f"{number(least * before.interval.low, lang)}, {against(after, lang)}"
        )
    )


def check_added_regressor(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that every standard error tells the same t ratio of one added regressor.

    SE_large² = r SE_small² + (b_small − b_large)²/t², r = df_small/(df_large + t²), with t the t ratio of the
    added regressor: the update of an inverse by one column, and of the residual variance.
    """
    roles = ("b_small", "b_large", "se_small", "se_large")
    rows = [*zip(*(numbers.all(relation, role) for role in roles), strict=True)]
    b, se = numbers.one(relation, "b_added"), numbers.one(relation, "se_added")
    dfs = relation.number("df_small"), relation.number("df_large")
    said = [_squared_t(row, dfs) for row in rows]
    own = t_ratio(b.interval, se.interval).square()
    agreed = _most_common([*(s for s in said if s is not None), own])
    for row, squared in zip(rows, said, strict=True):
        if squared is None or squared.common(agreed) is None:
            yield _odd_error(row, agreed, dfs)
    if own.common(agreed) is None:
        yield _odd_ratio(b, se, agreed)


_Row = tuple[Printed, ...]


def _squared_t(row: _Row, dfs: tuple[float, float]) -> Interval | None:
    """Squared t ratios of the added regressor that a row allows."""
    b_small, b_large, se_small, se_large = (item.interval for item in row)
    a, d, s = se_small.square().scale(dfs[0]), (b_small - b_large).square(), se_large.square()
    low = _root(a.low, d.low, s.high, dfs[1])
    high = _root(a.high, d.high, s.low, dfs[1])
    return Interval(max(low, 0.0), high) if high >= 0 and low <= high else None


def _root(a: float, d: float, s: float, df: float) -> float:
    """Solution u of a/(df + u) + d/u = s; the left side falls in u."""
    if s <= 0:
        return math.inf
    p = s * df - a - d
    root = math.sqrt(p * p + 4 * s * d * df)
    # The larger root of s u² + p u − d df, in the form that loses no digits.
    return 2 * d * df / (p + root) if p > 0 else (root - p) / (2 * s)


def _most_common(intervals: Sequence[Interval]) -> Interval:
    """Where the greatest number of intervals meet; the first such place."""
    best, depth = EVERYTHING, 0
    for start in intervals:
        holding = [i for i in intervals if i.low <= start.low <= i.high]
        if len(holding) > depth:
            best, depth = Interval(start.low, min(i.high for i in holding)), len(holding)
    return best


def _odd_error(row: _Row, agreed: Interval, dfs: tuple[float, float]) -> Violation:
    b_small, b_large, se_small, se_large = row
    grown = se_small.interval.square().scale(dfs[0]) / (agreed + exact(dfs[1]))
    moved = (b_small.interval - b_large.interval).square() / agreed if agreed.low > 0 else exact(0.0)
    implied = (grown + moved).power(0.5)
    words = Bilingual("felles t² for tillagt variabel", "common t² of the added regressor")
    line = told(
        lambda lang: (
            f"{words.get(lang)} {span(agreed, lang)}: "
            f"√(r·{shown(se_small)}² + ({b_small.text} − {b_large.text})²/t²) = {span(implied, lang)}, "
            + against(se_large, lang)
        )
    )
    return Violation(tuple(item.id for item in row), se_large.id, implied, line)


def _odd_ratio(b: Printed, se: Printed, agreed: Interval) -> Violation:
    words = Bilingual("de andre standardfeilene sier |t|", "the other standard errors say |t|")
    t = agreed.power(0.5)
    own = t_ratio(b.interval, se.interval)
    line = told(lambda lang: f"{words.get(lang)} = {span(t, lang)}, |{b.text}|/{se.text} = {span(own, lang)}")
    return Violation((b.id, se.id), b.id, None, line)


def check_period_dummies(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check a model of period dummies alone: its weights, its constant, and its degrees of freedom."""
    errors, constant = numbers.all(relation, "se"), numbers.one(relation, "se_constant")
    inverse = inverse_weights(errors, constant)
    if inverse is None:
        words = Bilingual("en årsdummy er ikke sikrere enn konstanten", "no dummy is surer than the constant")
        line = told(lambda lang: f"{', '.join(map(shown, errors))} / {shown(constant)}: {words.get(lang)}")
        yield Violation((*(e.id for e in errors), constant.id), constant.id, None, line)
        return
    yield from _weights_in_box(relation, errors, constant, inverse)
    yield from _constant_and_mean(relation, numbers, inverse)
    yield from _residual_variance(relation, numbers, inverse)
    if not relation.options.get("weights"):
        yield from _unequal_weights(errors)


def _weights_in_box(
    relation: Relation, errors: Sequence[Printed], constant: Printed, inverse: Sequence[Interval]
) -> Iterator[Violation]:
    slack = relation.options.get("weight_slack")
    if slack is None:
        return
    share = 1.0 / len(inverse)
    box = Interval(share * (1 - slack), share * (1 + slack))
    granted = float(relation.options.get("share_slack", SHARE_SLACK))
    for item, told_share in zip((constant, *errors), shares_from(inverse, granted), strict=True):
        if told_share.common(box) is None:
            words = Bilingual("vekt av perioden", "weight of the period")
            line = told(
                lambda lang, s=told_share, w=words, i=item: (
                    f"{w.get(lang)} {span(s, lang)}, "  # type: ignore[misc]
                    + {"nb": "kan være", "en": "can be"}[lang]
                    + f" {span(box, lang)}; {against(i, lang)}"
                )
            )
            yield Violation((item.id, constant.id, *(e.id for e in errors)), item.id, None, line)


def _constant_and_mean(
    relation: Relation, numbers: Numbers, inverse: Sequence[Interval]
) -> Iterator[Violation]:
    """Check that the mean of all rows is the constant and the weighted dummies."""
    mean = numbers.maybe(relation, "mean")
    constant = numbers.maybe(relation, "constant")
    slopes = numbers.all(relation, "b")
    if mean is None or constant is None or not slopes:
        return
    shares = shares_from(inverse, float(relation.options.get("share_slack", SHARE_SLACK)))[1:]
    terms = [s * b.interval for s, b in zip(shares, slopes, strict=True)]
    implied = constant.interval + total(terms)
    if not implied.meets(mean.interval):
        listed = " + ".join(f"s·{b.text}" for b in slopes)
        line = told(lambda lang: f"{constant.text} + {listed} = {span(implied, lang)}, {against(mean, lang)}")
        members = (constant.id, *(b.id for b in slopes), *relation.members["se"], mean.id)
        yield Violation((*members, *relation.members["se_constant"]), mean.id, implied, line)


def _residual_variance(
    relation: Relation, numbers: Numbers, inverse: Sequence[Interval]
) -> Iterator[Violation]:
    """σ from the standard errors is σ from R², the outcome's spread and the degrees of freedom."""
    fit, sd = numbers.maybe(relation, "r_squared"), numbers.maybe(relation, "sd")
    n, df = relation.number("n"), relation.number("df")
    if fit is None or sd is None or not n or not df:
        return
    granted = float(relation.options.get("share_slack", SHARE_SLACK))
    weight = total([exact(1.0) / i for i in inverse]) * Interval(1 - granted, 1 + granted)
    from_errors = (exact(n) / weight).power(0.5)
    unexplained = (exact(1.0) - fit.interval) * sd.interval.square()
    from_fit = unexplained.scale((n - 1) / df).power(0.5)
    if not from_errors.meets(from_fit):
        implied = unexplained.scale(n - 1) / from_errors.square()
        members = (fit.id, sd.id, *relation.members["se"], *relation.members["se_constant"])
        severity = UNDECLARED if relation.options.get("undeclared") else CONTRADICTION
        line = _variance_line((from_errors, from_fit, implied), fit, sd, (n, df))
        yield Violation(members, fit.id, None, line, severity)


def _variance_line(
    said: tuple[Interval, Interval, Interval], fit: Printed, sd: Printed, counts: tuple[float, float]
) -> Bilingual:
    words = Bilingual("standardfeilene sier σ", "the standard errors say σ")
    free = Bilingual("frihetsgrader som passer", "degrees of freedom that fit")
    n, df = counts
    return told(
        lambda lang: (
            f"{words.get(lang)} = {span(said[0], lang)}, √((1 − {fit.text})·{sd.text}²·{n - 1:g}/"
            f"{df:g}) = {span(said[1], lang)}; {free.get(lang)}: {span(said[2], lang)}"
        )
    )


def _unequal_weights(errors: Sequence[Printed]) -> Iterator[Violation]:
    """With equal weights in a balanced panel classical standard errors of all period dummies are equal."""
    low, high = min(errors, key=lambda e: e.value), max(errors, key=lambda e: e.value)
    if not low.interval.meets(high.interval):
        words = Bilingual(
            "ulike standardfeil for årsdummyer i et balansert panel: radene er veid, og vektene varierer "
            "over årene, eller standardfeilene er ikke de klassiske; ingen av delene er opplyst",
            "standard errors of period dummies differ in a balanced panel: rows are weighted and weights "
            "vary over time, or errors are not classical; neither is said",
        )
        line = told(lambda lang: f"{', '.join(map(shown, errors))}: {words.get(lang)}")
        yield Violation(tuple(e.id for e in errors), errors[0].id, None, line, UNDECLARED)


def check_constant(relation: Relation, numbers: Numbers) -> Iterator[Violation]:
    """Check that the constant is the mean of the outcome less every coefficient times a mean."""
    outcome, constant = numbers.one(relation, "mean"), numbers.one(relation, "constant")
    terms = [
        b.interval * x.interval
        for b, x in zip(numbers.all(relation, "b"), numbers.all(relation, "means"), strict=True)
    ]
    periods = numbers.all(relation, "period_b")
    shares = shares_of_periods(relation, numbers, len(periods) + 1)[1:] if periods else []
    terms += [s * b.interval for s, b in zip(shares, periods, strict=True)]
    products = zip(
        numbers.all(relation, "interaction_b"), numbers.all(relation, "interaction_means"), strict=True
    )
    terms += [b.interval * x.interval * s for (b, x), s in zip(products, shares, strict=False)]
    implied = outcome.interval - total(terms)
    if not implied.meets(constant.interval):
        words = Bilingual("gjennomsnitt minus b·x̄", "mean less b·x̄")
        line = told(
            lambda lang: (
                f"{words.get(lang)}: {shown(outcome)} − Σ = {span(implied, lang)}, " + against(constant, lang)
            )
        )
        yield Violation(
            (constant.id, *(i for i in relation.ids if i != constant.id)), constant.id, implied, line
        )
