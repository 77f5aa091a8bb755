"""Sentences of chapter 6, each computed from the estimates: the headline, and what the data cannot tell."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from kostnadsvekst.analysis.acute_beds.coverage import MEASURED_COVERAGE
from kostnadsvekst.analysis.acute_beds.equivalence import EFFECT, NO_EFFECT, NOT_SHOWN, EquivalenceTest
from kostnadsvekst.analysis.acute_beds.survival import (
    Comparison,
    Robustness,
    SurvivalStudy,
    Verdict,
    percent,
)
from kostnadsvekst.chapters.ohd_names import OUTCOME_IN_PRINT, SHORT_METHOD_NAMES
from kostnadsvekst.language import LANGUAGES, Bilingual
from kostnadsvekst.models.confounding import Sensitivity
from kostnadsvekst.models.detectable import detectable_effect
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.numbers import format_number

_PERCENT = {"nb": "\u00a0%", "en": "%"}
_TOLD_STATIC = {
    "report": Bilingual("rapportens modell", "the report's model"),
    "month": Bilingual("toveis", "two-way"),
}
# The bound on violations of parallel trends that the headline speaks of.
_TOLD_MAGNITUDE = 0.5


def headline(study: SurvivalStudy, provenance: Provenance) -> Bilingual:
    """One sentence: whether the report's effect survives, and what the data cannot tell."""
    verdict = study.verdict
    texts = [_HEADLINES[_case(verdict)].get(lang).format(**_facts(verdict, lang)) for lang in LANGUAGES]
    if not provenance.synthetic:
        return Bilingual(*texts)
    return Bilingual(
        f"Syntetiske data, ikke Norge: {_lower(texts[0])}", f"Synthetic data, not Norway: {_lower(texts[1])}"
    )


def estimates_in_words(study: SurvivalStudy) -> Iterator[Bilingual]:
    """Every estimator for staggered adoption with its interval, then the static models, then the truth."""
    modern = {row.name: row for row in study.modern if row.name in SHORT_METHOD_NAMES}
    static = {row.name: row for row in study.static if row.name in _TOLD_STATIC}
    outcome = OUTCOME_IN_PRINT
    if modern:
        listed = [_listed(modern, SHORT_METHOD_NAMES, lang) for lang in LANGUAGES]
        yield Bilingual(f"{outcome.nb}: {listed[0]}", f"{outcome.en}: {listed[1]}")
    if static:
        listed = [_listed(static, _TOLD_STATIC, lang) for lang in LANGUAGES]
        yield Bilingual(f"Statiske modeller: {listed[0]}", f"Static models: {listed[1]}")
    truths = [static["report"].truth if "report" in static else None]
    truths.append(modern["imputation"].truth if "imputation" in modern else None)
    if None not in truths:
        nb, en = ([_percent(truth, lang) for truth in truths] for lang in LANGUAGES)
        yield Bilingual(
            f"Den sanne gjennomsnittseffekten i de syntetiske dataene er {nb[0]} (måneder) og {nb[1]} "
            "(kvartalsutvalget)",
            f"The true mean effect in the synthetic data is {en[0]} (months) and {en[1]} (quarterly sample)",
        )


def detectable_in_words(study: SurvivalStudy, static: pd.Series) -> Iterator[Bilingual]:
    """How large a fall each estimator would have found four times in five, by its own standard error.

    Parameters
    ----------
    study : SurvivalStudy
    static : Series
        The report's model of the main outcome: ``std_error`` and ``df``.
    """
    report = {"report": detectable_effect(static["std_error"], static["df"])}
    errors = {name: one.aggregate("simple").std_error for name, one in study.studies.items()}
    modern = {name: detectable_effect(error) for name, error in errors.items() if np.isfinite(error)}
    names = _TOLD_STATIC | SHORT_METHOD_NAMES
    listed = [
        ", ".join(
            f"{names[name].get(lang)} {_percent(percent(-effect), lang)}"
            for name, effect in {**report, **modern}.items()
        )
        for lang in LANGUAGES
    ]
    yield Bilingual(
        "En nedgang av denne størrelsen ville vært funnet fire ganger av fem (5-prosentnivå, estimatorens "
        f"egen standardfeil): {listed[0]}",
        "A fall of this size would have been found four times in five (5 per cent level, the estimator's own "
        f"standard error): {listed[1]}",
    )


def left_out_in_words(known: Sensitivity) -> Bilingual:
    """How strong something left out would have to be, beside the demand variables of the model."""
    values = [100 * v for v in (known.robustness_value, known.robustness_value_significance)]
    nb, en = ([format_number(value, 1, lang) for value in values] for lang in LANGUAGES)
    told = known.benchmarks[known.benchmarks["benchmark"] == "demand"].head(1)
    beside = Bilingual("", "")
    if len(told):
        left = [_percent(percent(float(told["estimate"].iloc[0])), lang) for lang in LANGUAGES]
        beside = Bilingual(
            f"; noe så sterkt som modellens behovsvariabler ville latt {left[0]} stå igjen",
            f"; something as strong as the model's demand variables would leave {left[1]}",
        )
    return Bilingual(
        f"Noe utelatt måtte forklare {nb[0]} prosent av resten av både innføringen og innleggelsene for å "
        f"ta hele effekten i rapportens modell, {nb[1]} prosent for å gjøre den ikke-signifikant{beside.nb}",
        f"Something left out would have to explain {en[0]} per cent of the rest of both introduction and "
        f"admissions to take all of the effect in the report's model, {en[1]} per cent to make it not "
        f"significant{beside.en}",
    )


def robustness_in_words(rows: Sequence[Robustness]) -> Iterator[Bilingual]:
    """Tell the robust interval at the bound that the headline speaks of."""
    for row in rows:
        if row.kind == "magnitude" and row.bound == _TOLD_MAGNITUDE:
            nb, en = (_interval(row.low, row.high, lang) for lang in LANGUAGES)
            yield Bilingual(
                "Om trendene etter innføring bryter med inntil halvparten av det største bruddet før "
                f"(Rambachan–Roth), er det robuste intervallet {nb}",
                "If trends after introduction break by up to half of the largest break before "
                f"(Rambachan–Roth), the robust interval is {en}",
            )


def no_effect_in_words(tests: Sequence[EquivalenceTest], margin: float) -> Iterator[Bilingual]:
    """For how many of the outcomes and periods that the report names "no effect" is shown."""
    if not tests:
        return
    counts = {kind: sum(t.verdict == kind for t in tests) for kind in (NO_EFFECT, NOT_SHOWN, EFFECT)}
    nb, en = (f"±{_percent(margin, lang, 0)}" for lang in LANGUAGES)
    yield Bilingual(
        f"«Ingen effekt» på elektive og kirurgiske innleggelser, 80 år og over: vist innenfor {nb} for "
        f"{counts[NO_EFFECT]} av {len(tests)} utfall og perioder, ikke vist for {counts[NOT_SHOWN]}, og null "
        f"er utelukket for {counts[EFFECT]}",
        f'"No effect" on elective and surgical admissions, 80 and over: shown within {en} for '
        f"{counts[NO_EFFECT]} of {len(tests)} outcomes and periods, not shown for {counts[NOT_SHOWN]}, and "
        f"zero is excluded for {counts[EFFECT]}",
    )


def coverage_in_words() -> Bilingual:
    """How often the intervals held the truth on other synthetic panels."""
    low, high = min(MEASURED_COVERAGE.values()), max(MEASURED_COVERAGE.values())
    return Bilingual(
        "Intervallene er prøvd på syntetiske paneler der sannheten er kjent: fra data for 2010–2017 holder "
        f"de fire estimatorenes 95 %-intervaller sannheten i {low} til {high} % av panelene "
        "(results/ohd/coverage.csv), så de er heller for korte enn for lange.",
        "The intervals were tried on synthetic panels whose truth is known: from data for 2010–2017 the 95% "
        f"intervals of the four estimators hold the truth in {low} to {high}% of the panels "
        "(results/ohd/coverage.csv), so they are too short rather than too long.",
    )


ARTICLE_NOTE = Bilingual(
    "Rapporten gjengir −1,9 % fra Swanson og Hagen (2016) etter en setning om akutte innleggelser ved "
    "indremedisinske avdelinger. Sammendraget i artikkelen (BMJ Open 6:e012892) knytter −1,9 % (95 % KI −3,0 "
    "til −1,0) til alle innleggelser for 80 år og over, 2010–2014.",
    "The report cites −1.9% from Swanson and Hagen (2016) after a sentence on acute admissions to internal "
    "medicine. The abstract of the article (BMJ Open 6:e012892) attaches −1.9% (95% CI −3.0 to −1.0) to all "
    "admissions at 80 and over, 2010–2014.",
)
SPLIT_NOTE = Bilingual(
    "Tallene −3,4 % med god legeberedskap og ingen effekt uten er også fra artikkelen: tabellen viser hva "
    "modellen gir på samme deling av dataene her, og sier ingenting om artikkelens tall.",
    "The numbers −3.4% with good physician cover and no effect without are the article's as well: the table "
    "shows what the model gives on the same split of the data at hand, not a confirmation.",
)


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _case(verdict: Verdict) -> str:
    """How the intervals stand to the claimed effect and to zero: of all, none or some estimators."""
    if verdict.n == 0:
        return "nothing"
    claim, zero = verdict.n_with_claim, verdict.n_with_zero
    if {claim, zero} <= {0, verdict.n}:
        return f"{'with' if claim else 'without'} claim, {'with' if zero else 'without'} zero"
    return "mixed"


def _facts(verdict: Verdict, lang: str) -> dict[str, str]:
    return {
        "claim": _percent(verdict.claimed, lang, 0),
        "n": str(verdict.n),
        "with_claim": str(verdict.n_with_claim),
        "with_zero": str(verdict.n_with_zero),
        "low": _percent(verdict.low, lang),
        "high": _percent(verdict.high, lang),
    }


def _listed(rows: dict[str, Comparison], names: dict[str, Bilingual], lang: str) -> str:
    return ", ".join(
        f"{names[name].get(lang)} {_percent(rows[name].effect, lang)} "
        f"{_interval(rows[name].low, rows[name].high, lang)}"
        for name in names
        if name in rows
    )


def _percent(value: float | None, lang: str, decimals: int = 1) -> str:
    return format_number(value, decimals, lang) + _PERCENT[lang]


def _interval(low: float, high: float, lang: str) -> str:
    if not (np.isfinite(low) and np.isfinite(high)):
        return {"nb": "(uten intervall)", "en": "(no interval)"}[lang]
    return f"[{format_number(low, 1, lang)}; {format_number(high, 1, lang)}]"


_HEADLINES = {
    "nothing": Bilingual(
        "Om {claim} overlever, kan ikke avgjøres: ingen av estimatorene for trinnvis innføring lar seg "
        "beregne på disse dataene",
        "Whether {claim} survives cannot be told: none of the estimators for staggered adoption can be "
        "computed on these data",
    ),
    "with claim, without zero": Bilingual(
        "{claim} står seg: intervallene til alle {n} estimatorene rommer {claim}, og ingen rommer null; hvor "
        "stor effekten er mellom {low} og {high}, kan dataene ikke si",
        "{claim} survives: the intervals of all {n} estimators hold {claim} and none holds zero; how large "
        "the effect is between {low} and {high} the data cannot tell",
    ),
    "with claim, with zero": Bilingual(
        "Dataene kan ikke avgjøre om {claim} overlever: intervallene til alle {n} estimatorene rommer både "
        "{claim} og null, og alt fra {low} til {high} er forenlig med minst én av dem",
        "The data cannot tell whether {claim} survives: the intervals of all {n} estimators hold both "
        "{claim} and zero, and everything from {low} to {high} is compatible with at least one of them",
    ),
    "without claim, with zero": Bilingual(
        "{claim} overlever ikke: ingen av de {n} estimatorenes intervaller rommer {claim}, og alle rommer "
        "null; om det er en mindre effekt mellom {low} og {high}, kan dataene ikke si",
        "{claim} does not survive: none of the {n} estimators' intervals holds {claim}, and all hold zero; "
        "whether there is a smaller effect between {low} and {high} the data cannot tell",
    ),
    "without claim, without zero": Bilingual(
        "{claim} overlever ikke i størrelse: ingen av de {n} estimatorenes intervaller rommer {claim}, og "
        "ingen rommer null; samlet går de fra {low} til {high}",
        "{claim} does not survive in size: none of the {n} estimators' intervals holds {claim}, and none "
        "holds zero; together they run from {low} to {high}",
    ),
    "mixed": Bilingual(
        "Estimatorene gir ikke samme svar på om {claim} overlever: {with_claim} av {n} intervaller rommer "
        "{claim} og {with_zero} av {n} rommer null; alt fra {low} til {high} er forenlig med minst én av dem",
        "The estimators differ on whether {claim} survives: {with_claim} of {n} intervals hold {claim} "
        "and {with_zero} of {n} hold zero; everything from {low} to {high} is compatible with at least one "
        "of them",
    ),
}
