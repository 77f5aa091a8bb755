"""The kinds of relation: what each takes and the rule that judges it."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.consistency import dates, descriptives, levels, regressions, words
from kostnadsvekst.report.consistency.findings import Violation
from kostnadsvekst.report.consistency.relations import Numbers, Relation, Shape

_WEIGHTS_MANY, _WEIGHTS_ONE = ("weights_se",), ("weights_constant",)
_SLACKS = ("weight_slack", "share_slack")


class Kind(NamedTuple):
    """A kind of relation.

    Attributes
    ----------
    title : Bilingual
    check : callable
        ``check(relation, numbers)`` yields what the printed numbers cannot meet.
    shape : Shape
    """

    title: Bilingual
    check: Callable[[Relation, Numbers], Iterator[Violation]]
    shape: Shape


KINDS: Mapping[str, Kind] = {
    "sum": Kind(
        Bilingual("deler mot sum", "parts against sum"),
        levels.check_sum,
        Shape(one=("total",), many=("parts",)),
    ),
    "grown_sum": Kind(
        Bilingual("delers vekst mot sum", "parts' growth against sum"),
        levels.check_grown_sum,
        Shape(one=("total",), many=("levels", "growth"), paired=(("levels", "growth"),)),
    ),
    "shares": Kind(
        Bilingual("andeler mot nivåer", "shares against levels"),
        levels.check_shares,
        Shape(one=("whole",), many=("parts", "shares"), paired=(("parts", "shares"),)),
    ),
    "difference": Kind(
        Bilingual("endring mot nivåer", "change against levels"),
        levels.check_difference,
        Shape(one=("change",), many=("levels",), least=2),
    ),
    "growth": Kind(
        Bilingual("vekst mot nivåer", "growth against levels"),
        levels.check_growth,
        Shape(maybe_one=("total", "per_year"), maybe_many=("levels", "yearly"), options=("years",)),
    ),
    "product": Kind(
        Bilingual("faktorer mot produkt", "factors against product"),
        levels.check_product,
        Shape(one=("result",), many=("factors",)),
    ),
    "at_most": Kind(
        Bilingual("del mot helhet", "part against whole"),
        levels.check_at_most,
        Shape(one=("larger",), many=("smaller",)),
    ),
    "same": Kind(
        Bilingual("samme størrelse to steder", "one quantity in two places"),
        levels.check_same,
        Shape(many=("numbers",), least=2),
    ),
    "dated": Kind(
        Bilingual("tekst mot tabell", "text against table"),
        levels.check_dated,
        Shape(many=("claims", "series")),
    ),
    "same_period": Kind(
        Bilingual("periode mot periode", "period against period"),
        dates.check_same_period,
        Shape(many=("numbers",), either=("numbers",), least=2),
    ),
    "dates": Kind(
        Bilingual("datoer utenfor perioden", "dates outside the period"),
        dates.check_dates,
        Shape(many=("numbers",), either=("numbers",), needed_options=("first", "last")),
    ),
    "within": Kind(
        Bilingual("gjennomsnitt og standardavvik mot ytterpunkter", "mean and deviation against extremes"),
        descriptives.check_within,
        Shape(
            many=("minima", "maxima"),
            maybe_many=("means", "sds"),
            paired=(("minima", "maxima", "means", "sds"),),
            options=("n",),
        ),
    ),
    "pooled": Kind(
        Bilingual("år mot alle år samlet", "years against all years"),
        descriptives.check_pooled,
        Shape(
            maybe_one=("pooled_mean", "pooled_sd", "pooled_minimum", "pooled_maximum", *_WEIGHTS_ONE),
            maybe_many=("means", "sds", "minima", "maxima", *_WEIGHTS_MANY),
            paired=(("means", "sds", "minima", "maxima"),),
            options=("n", *_SLACKS),
        ),
    ),
    "nested_fit": Kind(
        Bilingual("R² i nøstede modeller", "R² of nested models"),
        regressions.check_nested_fit,
        Shape(many=("r_squared",), least=2),
    ),
    "stars": Kind(
        Bilingual("stjerner mot b/SE", "stars against b/SE"),
        regressions.check_stars,
        Shape(many=("b", "se"), paired=(("b", "se"),), options=("levels",), needed_options=("df",)),
    ),
    "nested_errors": Kind(
        Bilingual("standardfeil i nøstede modeller", "standard errors of nested models"),
        regressions.check_nested_errors,
        Shape(
            many=("se_small", "se_large", "r_squared"),
            paired=(("se_small", "se_large"),),
            needed_options=("df",),
        ),
    ),
    "added_regressor": Kind(
        Bilingual("én tillagt variabel", "one added regressor"),
        regressions.check_added_regressor,
        Shape(
            one=("b_added", "se_added"),
            many=("b_small", "b_large", "se_small", "se_large"),
            paired=(("b_small", "b_large", "se_small", "se_large"),),
            needed_options=("df_small", "df_large"),
        ),
    ),
    "period_dummies": Kind(
        Bilingual("vekter og frihetsgrader bak standardfeil", "weights and degrees of freedom behind errors"),
        regressions.check_period_dummies,
        Shape(
            one=("se_constant",),
            many=("se",),
            maybe_one=("constant", "mean", "sd", "r_squared"),
            maybe_many=("b",),
            paired=(("se", "b"),),
            options=("n", "df", "weights", "undeclared", *_SLACKS),
        ),
    ),
    "constant": Kind(
        Bilingual("konstant mot gjennomsnitt", "constant against means"),
        regressions.check_constant,
        Shape(
            one=("constant", "mean"),
            maybe_one=_WEIGHTS_ONE,
            maybe_many=(
                "b", "means", "period_b", "interaction_b", "interaction_means", *_WEIGHTS_MANY,
            ),
            paired=(
                ("b", "means"), ("period_b", "weights_se"), ("interaction_b", "interaction_means"),
                ("interaction_b", "period_b"),
            ),
            options=_SLACKS,
        ),
    ),
    "direction": Kind(
        Bilingual("ordbruk mot fortegn", "wording against sign"),
        words.check_direction,
        Shape(
            one=("claim",), maybe_one=("growth",), maybe_many=("levels",), options=("stable_percent",),
            wordy=("claim",),
        ),
    ),
    "sign": Kind(
        Bilingual("ordbruk mot fortegn", "wording against sign"),
        words.check_sign,
        Shape(one=("claim", "value"), wordy=("claim",)),
    ),
    "largest": Kind(
        Bilingual("størst eller minst", "largest or smallest"),
        words.check_largest,
        Shape(
            one=("claim",), many=("values",), needed_options=("labels",), options=("smallest",),
            wordy=("claim",),
        ),
    ),
    "same_words": Kind(
        Bilingual("samme utsagn to steder", "one statement in two places"),
        words.check_same_words,
        Shape(many=("numbers",), wordy=("numbers",), least=2),
    ),
    "unit": Kind(
        Bilingual("enheter", "units"),
        words.check_unit,
        Shape(many=("numbers",), either=("numbers",), least=2),
    ),
    "bands": Kind(
        Bilingual("grupper som overlapper", "groups that overlap"),
        words.check_bands,
        Shape(many=("claims",), wordy=("claims",), least=2),
    ),
    "member": Kind(
        Bilingual("henvisninger", "references"),
        words.check_member,
        Shape(many=("claims",), needed_options=("defined",), wordy=("claims",)),
    ),
    "count": Kind(
        Bilingual("antall mot liste", "count against list"),
        words.check_count,
        Shape(one=("claim",), needed_options=("listed",)),
    ),
    "coincide": Kind(
        Bilingual("rangering mot rangering", "ranking against ranking"),
        words.check_coincide,
        Shape(
            one=("claim",), many=("first",), maybe_many=("second", "second_levels"),
            paired=(("first", "second"),), needed_options=("labels", "top"), options=("second_least",),
            wordy=("claim",),
        ),
    ),
    "past": Kind(
        Bilingual("over eller under en grense", "above or below a limit"),
        words.check_past,
        Shape(one=("claim", "limit"), options=("above",)),
    ),
}  # fmt: skip
