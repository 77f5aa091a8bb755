"""Tables of chapter 6."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kostnadsvekst.analysis.acute_beds.equivalence import EFFECT, NO_EFFECT, NOT_SHOWN, EquivalenceTest
from kostnadsvekst.analysis.acute_beds.survival import EARLY, LATE, Robustness, SurvivalStudy, percent
from kostnadsvekst.chapters.ohd_data import Material
from kostnadsvekst.chapters.ohd_names import (
    KIND_NAMES,
    NAMES,
    NAMES_IN_PRINT,
    OUTCOME_IN_PRINT,
    VARIANT_NAMES,
)
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.models import staggered
from kostnadsvekst.models.acute_beds_results import outcome_label
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.numbers import format_number, significance_stars
from kostnadsvekst.report.tables import Cell, Heading, Number, Row, Table, footer, p_value_cell

ALPHA = 0.05
_P_VALUES = {
    "p_value": Bilingual("p alene", "p alone"),
    "p_romano_wolf": both("Romano–Wolf"),
    "p_westfall_young": both("Westfall–Young"),
    "p_benjamini_hochberg": both("Benjamini–Hochberg"),
    "p_benjamini_yekutieli": both("Benjamini–Yekutieli"),
}


def tables_of(material: Material) -> list[Table]:
    """All tables of the chapter."""
    origin = material.inputs.provenance
    return [
        effects_table(material.late, material.early, material.poisson, origin),
        variants_table(material.variants, origin),
        together_table(material.together, origin),
        *page_tables(material),
    ]


def page_tables(material: Material) -> list[Table]:
    """Tables of the page on whether the effect survives."""
    study, origin = material.study, material.inputs.provenance
    return [
        survival_table(study, origin),
        *robustness_tables(study.robustness, origin),
        equivalence_table(material.equivalence, material.margin, origin),
        *mechanism_tables(material.mechanisms, origin),
        bacon_table(study.comparisons, origin),
        diagnostics_table(study.diagnostics, origin),
    ]


def effects_table(
    late: pd.DataFrame, early: pd.DataFrame, poisson: pd.DataFrame, provenance: Provenance
) -> Table:
    """Build the report's selection: 80+, admissions and day stays, by urgency and department."""
    frames = [early, late.set_index("outcome").loc[early["outcome"]].reset_index()]
    frames.append(poisson.set_index("outcome").loc[early["outcome"]].reset_index())
    rows: list[Row] = []
    for i, outcome in enumerate(early.to_dict("records")):
        if i % 9 == 0:
            rows.append(Row(NAMES["contact"][outcome["contact"]], rule_above=i > 0))
        urgency, department = NAMES["urgency"][outcome["urgency"]], NAMES["department"][outcome["department"]]
        label = Bilingual(f"{urgency.nb}, {department.nb}", f"{urgency.en}, {department.en}")
        cells = [cell for frame in frames for cell in _effect_cells(frame.iloc[i])]
        rows.append(Row(label, (*cells, Number(float(frames[1].iloc[i]["n_zero"]), 0)), 1))
    interval = Bilingual("95 % KI", "95% CI")
    headings = (
        (
            Heading("2010–2014", 2),
            Heading("2010–2017", 2),
            Heading(Bilingual("2010–2017, Poisson", "2010–2017, Poisson"), 2),
            Heading(Bilingual("Måneder uten", "Months without")),
        ),
        (*[Heading(t) for _ in range(3) for t in (both("%"), interval)], Heading(both("log 0"))),
    )
    title = Bilingual(
        "Effekt av kommunale akutte døgnplasser (ØHD) på bruk av sykehus, 80 år og over",
        "Effect of municipal acute beds (ØHD) on the use of hospitals, 80 years and over",
    )
    return Table(
        "table_effects",
        title,
        _OUTCOME_STUB,
        headings,
        tuple(rows),
        (_MODEL_NOTE, _foot(late, provenance)),
        provenance,
    )


def together_table(together: pd.DataFrame, provenance: Provenance) -> Table:
    """Build the table of the outcomes whose effect is significant by itself, tested together with the rest.

    Parameters
    ----------
    together : DataFrame
        From `kostnadsvekst.analysis.acute_beds.multiplicity.judge_outcomes`.
    provenance : Provenance
    """
    rows = tuple(
        Row(
            outcome_label(str(line["outcome"])),
            (
                Number(percent(line["estimate"]), 1),
                *(p_value_cell(line[name], 4) for name in _P_VALUES),
            ),
        )
        for _, line in together[together["p_value"] < ALPHA].iterrows()
    )
    headings = (Heading(Bilingual("Effekt, prosent", "Effect, per cent")), *map(Heading, _P_VALUES.values()))
    n, draws = len(together), together.attrs["draws"]
    title = Bilingual(
        f"Hvilke av de {n} utfallene står seg når alle testes sammen?",
        f"Which of the {n} outcomes stand when all are tested together?",
    )
    note = Bilingual(
        "Utfall med p < 0,05 hver for seg; rapportens modell til utgangen av 2017. p-verdier fra vill "
        "klyngebootstrap med nullhypotesen pålagt, samme trekning i alle utfall. Romano–Wolf og "
        "Westfall–Young holder sjansen for minst ett falskt funn, Benjamini–Hochberg og –Yekutieli andelen "
        "falske funn.",
        "Outcomes with p < 0.05 alone; the report's model to the end of 2017. p values from a wild cluster "
        f"bootstrap with the null imposed, the same draws in all outcomes ({draws}). Romano–Wolf and "
        "Westfall–Young hold the chance of any false finding, Benjamini–Hochberg and –Yekutieli the share of "
        "false findings.",
    )
    stub = Bilingual("Utfall", "Outcome")
    notes = (note, tell_together(together), footer(provenance))
    return Table("table_many_outcomes", title, stub, (headings,), rows, notes, provenance)


def tell_together(together: pd.DataFrame) -> Bilingual:
    """Say how many outcomes are significant alone, and how many together.

    Parameters
    ----------
    together : DataFrame
    """
    n = len(together)
    alone, family, share = (
        int((together[name] < ALPHA).sum()) for name in ("p_value", "p_romano_wolf", "p_benjamini_hochberg")
    )
    return Bilingual(
        f"Av {n} utfall er {alone} signifikante på 5-prosentnivået hver for seg; om ingen hadde effekt, "
        f"ventet vi {format_number(ALPHA * n, 0, 'nb')}. Testet sammen står {family} (Romano–Wolf), {share} "
        "(Benjamini–Hochberg).",
        f"Of {n} outcomes {alone} are significant at the 5 per cent level alone; were there no effect at "
        f"all, we should expect {format_number(ALPHA * n, 0, 'en')}. Tested together {family} stand "
        f"(Romano–Wolf), {share} (Benjamini–Hochberg).",
    )


def variants_table(variants: pd.DataFrame, provenance: Provenance) -> Table:
    """Build the table of the main outcome under every named variant of the model."""
    rows = [
        Row(label, _variant_cells(variants[variants["variant"] == name].set_index("until")))
        for name, label in VARIANT_NAMES.items()
        if (variants["variant"] == name).any()
    ]
    interval = Bilingual("95 % KI", "95% CI")
    headings = (
        (Heading("2010–2014", 2), Heading("2010–2017", 2), Heading("2010–2017"), Heading("2010–2017")),
        (*[Heading(t) for _ in range(2) for t in (both("%"), interval)], Heading("N"), Heading("ρ")),
    )
    title = _of_outcome("varianter av modellen", "variants of the model")
    stub = Bilingual("Variant", "Variant")
    notes = (_MODEL_NOTE, _VARIANTS_NOTE, footer(provenance, _CLUSTERED))
    return Table("table_variants", title, stub, headings, tuple(rows), notes, provenance)


def _variant_cells(by_period: pd.DataFrame) -> tuple[Cell, ...]:
    """Cells of a variant; empty for a period in which it is not identified."""
    periods = [by_period.loc[until] if until in by_period.index else None for until in (EARLY, LATE)]
    cells = [cell for row in periods for cell in (("", "") if row is None else _effect_cells(row))]
    late = periods[1]
    if late is None:
        return (*cells, "", "")
    rho = Number(float(late["rho"]), 3) if np.isfinite(late["rho"]) else ""
    return (*cells, Number(float(late["n_obs"]), 0), rho)


def mechanism_tables(mechanisms: pd.DataFrame, provenance: Provenance) -> list[Table]:
    """Build the table of effects by physician on site and co-location; none where the panel has neither."""
    if mechanisms.empty:
        return []
    rows = []
    for record in mechanisms.to_dict("records"):
        label, period = _MECHANISM_NAMES[record["mechanism"], record["value"]], f"2010–{record['until'][:4]}"
        text = Bilingual(f"{label.nb}, {period}", f"{label.en}, {period}")
        cited = _CITED.get((record["mechanism"], record["value"], record["until"]), "")
        rows.append(Row(text, (*_effect_cells(record), p_value_cell(record["p_value"]), cited)))
    article = Bilingual("Swanson og Hagen (2016)", "Swanson and Hagen (2016)")
    headings = ((Heading("%"), Heading(Bilingual("95 % KI", "95% CI")), Heading("p"), Heading(article)),)
    title = _of_outcome("etter hva slags ØHD", "by kind of acute beds")
    stub = Bilingual("ØHD", "Acute beds")
    notes = (_MODEL_NOTE, _CITED_NOTE, footer(provenance, _CLUSTERED))
    return [Table("table_mechanisms", title, stub, headings, tuple(rows), notes, provenance)]


def survival_table(study: SurvivalStudy, provenance: Provenance) -> Table:
    """Build the table of the page: estimate by estimate, with the truth where it is known."""
    known = any(row.truth is not None for row in (*study.static, *study.modern))
    lines: list[Row] = []
    for heading, group in ((_STATIC, study.static), (_MODERN, study.modern)):
        if group:
            lines.append(Row(heading, rule_above=bool(lines)))
        for row in group:
            cells: list[Cell] = [Number(row.effect, 1), interval(row.low, row.high)]
            truth: tuple[Cell, ...] = (Number(row.truth, 1),) if known else ()
            lines.append(Row(NAMES_IN_PRINT[row.name], (*cells, *truth), 1))
    texts = [both("%"), Bilingual("95 % KI", "95% CI")]
    if known:
        texts.append(Bilingual("Sann effekt, %", "True effect, %"))
    headings = (tuple(Heading(t) for t in texts),)
    title = Bilingual(
        f"Overlever effekten? {OUTCOME_IN_PRINT.nb}", f"Does the effect survive? {OUTCOME_IN_PRINT.en}"
    )
    notes = (_SURVIVAL_NOTE, footer(provenance, _CLUSTERED))
    stub = Bilingual("Estimator", "Estimator")
    return Table("table_survival", title, stub, headings, tuple(lines), notes, provenance)


def robustness_tables(rows: tuple[Robustness, ...], provenance: Provenance) -> list[Table]:
    """Build the table of robust intervals; none where they cannot be had."""
    if not rows:
        return []
    lines = []
    for row in rows:
        label = _ROBUSTNESS[row.kind]
        bound = row.bound if row.kind == "magnitude" else percent(row.bound)
        nb, en = (format_number(bound, 1, lang) for lang in ("nb", "en"))
        named = Bilingual(label.nb.format(nb), label.en.format(en))
        known = np.isfinite(row.set_low)
        cells = (interval(row.set_low, row.set_high) if known else "", interval(row.low, row.high))
        lines.append(Row(named, cells))
    headings = (
        (
            Heading(Bilingual("Identifisert mengde, %", "Identified set, %")),
            Heading(Bilingual("Robust 95 % KI, %", "Robust 95% CI, %")),
        ),
    )
    title = _of_outcome("når parallelle trender kan svikte", "when parallel trends may fail")
    stub = Bilingual("Brudd etter innføring, høyst", "Violation after introduction, at most")
    notes = (_ROBUSTNESS_NOTE, footer(provenance))
    return [Table("table_robustness", title, stub, headings, tuple(lines), notes, provenance)]


def equivalence_table(tests: tuple[EquivalenceTest, ...], margin: float, provenance: Provenance) -> Table:
    """Build the table of what the report calls no effect, tested against a margin."""
    rows: list[Row] = []
    for i, test in enumerate(tests):
        if i == 0 or test.outcome != tests[i - 1].outcome:
            rows.append(Row(outcome_label(test.outcome), rule_above=i > 0))
        cells = (
            Number(test.effect, 1),
            interval(test.low, test.high),
            p_value_cell(test.p_equivalence),
            p_value_cell(test.p_zero),
            _VERDICTS[test.verdict],
        )
        rows.append(Row(f"2010–{test.until[:4]}", cells, 1))
    nb, en = (format_number(margin, 0, lang) for lang in ("nb", "en"))
    headings = (
        (
            Heading(both("%")),
            Heading(Bilingual("90 % KI", "90% CI")),
            Heading(Bilingual(f"p, utenfor ±{nb} %", f"p, outside ±{en}%")),
            Heading(Bilingual("p, null", "p, zero")),
            Heading(Bilingual("Ingen effekt?", "No effect?")),
        ),
    )
    title = Bilingual(
        f"«Ingen effekt» i kapittel 6.2: er effekten vist å være mindre enn {nb} %?",
        f'"No effect" in section 6.2: is the effect shown to be smaller than {en}%?',
    )
    note = Bilingual(
        f"Notat: To ensidige prøver på 5 % (rapportens modell). Marginen på ±{nb} % er halvparten av "
        "effekten som rapporten finner på akutte indremedisinske innleggelser. «Vist» betyr at 90 "
        "%-intervallet ligger innenfor marginen; «ikke vist» at dataene verken utelukker null eller en "
        "effekt utenfor marginen.",
        f"Note: Two one-sided tests at 5% (the report's model). The margin of ±{en}% is half of the effect "
        "that "
        'the report finds on acute admissions to internal medicine. "Shown" means that the 90% interval lies '
        'inside the margin; "not shown" that the data exclude neither zero nor an effect outside it.',
    )
    stub = Bilingual("Utfall og periode", "Outcome and period")
    notes = (note, footer(provenance, _CLUSTERED))
    return Table("table_equivalence", title, stub, headings, tuple(rows), notes, provenance)


def bacon_table(comparisons: pd.DataFrame, provenance: Provenance) -> Table:
    """Build the table of what the static two-way estimate on quarters compares."""
    shares = staggered.bacon_shares(comparisons)
    rows = []
    for kind, r in shares.iterrows():
        estimate = Number(percent(r["estimate"]), 1) if np.isfinite(r["estimate"]) else ""
        cells = (Number(r["n_comparisons"], 0), Number(100 * r["weight"], 1), estimate)
        rows.append(Row(_capital(KIND_NAMES[str(kind)]), cells))
    total = (
        Number(float(len(comparisons)), 0),
        Number(100 * float(comparisons["weight"].sum()), 1),
        Number(percent(comparisons.attrs["two_way"]), 1),
    )
    rows.append(Row(Bilingual("Toveisestimatet", "The two-way estimate"), total, rule_above=True))
    headings = (
        (
            Heading(Bilingual("Sammenlikninger", "Comparisons")),
            Heading(Bilingual("Vekt, %", "Weight, %")),
            Heading(Bilingual("Estimat, %", "Estimate, %")),
        ),
    )
    title = Bilingual(
        "Hva toveismodellen sammenlikner (Goodman-Bacon), kvartaler 2010–2017",
        "What the two-way model compares (Goodman-Bacon), quarters 2010–2017",
    )
    note = Bilingual(
        "Notat: Sammenlikninger med kommuner som allerede eller alltid har hatt ØHD, trekker fra endringen i "
        "deres egen effekt; når effekten vokser, gjør det estimatet for lite.",
        "Note: Comparisons with municipalities that already or always had acute beds subtract the change in "
        "their own effect; when the effect grows, this makes the estimate too small.",
    )
    stub = Bilingual("Nye ØHD-kommuner", "New adopters")
    return Table("table_bacon", title, stub, headings, tuple(rows), (note, footer(provenance)), provenance)


def diagnostics_table(diagnostics: Mapping[str, float], provenance: Provenance) -> Table:
    """Build the table of tests and shares behind the page."""
    rows = tuple(
        Row(_DIAGNOSTICS[name], (Number(value, _DIAGNOSTIC_DECIMALS.get(name, 1)),))
        for name, value in diagnostics.items()
    )
    title = Bilingual("Hvor langt rekker dataene?", "How far do the data reach?")
    headings = ((Heading(Bilingual("Verdi", "Value")),),)
    stub = Bilingual("Prøve", "Check")
    return Table("table_diagnostics", title, stub, headings, rows, (footer(provenance),), provenance)


_STATIC = Bilingual("Statiske modeller, måneder", "Static models, months")
_MODERN = Bilingual(
    "Estimatorer for trinnvis innføring, kvartaler", "Estimators for staggered adoption, quarters"
)
_MECHANISM_NAMES = {
    ("physician_on_site", True): Bilingual("Lege til stede", "Physician on site"),
    ("physician_on_site", False): Bilingual("Ikke lege til stede", "No physician on site"),
    ("co_located", True): Bilingual("Samlokalisert med legevakt", "Co-located with emergency clinic"),
    ("co_located", False): Bilingual("Ikke samlokalisert", "Not co-located"),
}
# Of those with other than one.
_DIAGNOSTIC_DECIMALS = {"never": 0, "dropped": 0, "negative_sum": 3, "random": 3, "trend": 3}
_DIAGNOSTICS = {
    "never": Bilingual("Kommuner uten ØHD i hele perioden", "Municipalities without acute beds throughout"),
    "dropped": Bilingual(
        "Kommuner utelatt: et kvartal uten innleggelse",
        "Municipalities left out: a quarter without admission",
    ),
    "negative_share": Bilingual(
        "Behandlede celler med negativ vekt i toveisestimatet, %",
        "Treated cells with negative weight in the two-way estimate, %",
    ),
    "negative_sum": Bilingual("Sum av de negative vektene", "Sum of the negative weights"),
    "trend": Bilingual(
        "Felles test av effekter i åtte kvartaler før innføring, p",
        "Joint test of effects in eight quarters before introduction, p",
    ),
    "placebo": Bilingual(
        "Placebo: datoer fire kvartaler tidligere, %", "Placebo: dates four quarters earlier, %"
    ),
    "placebo_low": Bilingual("Placebo, nedre grense (95 %)", "Placebo, lower limit (95%)"),
    "placebo_high": Bilingual("Placebo, øvre grense (95 %)", "Placebo, upper limit (95%)"),
    "random": Bilingual(
        "Tilfeldige innføringsdatoer: p for toveisestimatet",
        "Random adoption dates: p of the two-way estimate",
    ),
}
_VERDICTS = {
    NO_EFFECT: Bilingual("vist", "shown"),
    NOT_SHOWN: Bilingual("ikke vist", "not shown"),
    EFFECT: Bilingual("nei: null er utelukket", "no: zero is excluded"),
}
_ROBUSTNESS = {
    "magnitude": Bilingual(
        "{} ganger det største bruddet mellom kvartaler før",
        "{} times the largest step between quarters before",
    ),
    "slope": Bilingual(
        "stigningen endres {} prosentpoeng fra kvartal til kvartal",
        "the slope changes by {} percentage points from quarter to quarter",
    ),
}
# Numbers that the report cites from the earlier article.
_CITED = {
    ("physician_on_site", True, EARLY): Bilingual("−3,4 %", "−3.4%"),
    ("physician_on_site", False, EARLY): Bilingual("ingen effekt", "no effect"),
}
_CITED_NOTE = Bilingual(
    "Siste kolonne: det rapporten gjengir fra Swanson og Hagen (2016), målt på deres data; vist ved siden "
    "av, og ikke bedømt.",
    "Last column: what the report cites from Swanson and Hagen (2016), measured on their data; shown beside, "
    "and not judged.",
)
_VARIANTS_NOTE = Bilingual(
    "Rater per innbygger har folketallet i aldersgruppen som nevner og ikke som kontroll. Avstanden til "
    "sykehus er fast for en kommune, så kommuneeffekten tar nivået; varianten gir avviket fra "
    "gjennomsnittlig log avstand en lineær trend.",
    "Rates per inhabitant have the population of the age group as denominator and not as a control. The "
    "distance to hospital is fixed for a municipality, so that its effect takes the level; the variant gives "
    "the deviation from mean log distance a linear trend.",
)
_ROBUSTNESS_NOTE = Bilingual(
    "Notat: Rambachan og Roth (2023); gjennomsnitt over kvartal 0 til 8 etter innføring, Callaway–Sant'Anna. "
    "Den identifiserte mengden regner estimatene som uten feil og er ikke et konfidensintervall; det robuste "
    "intervallet rommer gjennomsnittet med minst 95 % sannsynlighet når bruddet holder seg innenfor grensen.",
    "Note: Rambachan and Roth (2023); mean over quarters 0 to 8 after introduction, Callaway–Sant'Anna. The "
    "identified set takes the estimates as free of error and is no confidence interval; the robust interval "
    "holds the mean with at least 95% probability when the violation stays within the bound.",
)
_OUTCOME_STUB = Bilingual("Kontakter", "Contacts")
_CLUSTERED = Bilingual(
    "Standardfeil: klynger av kommuner der ikke annet er sagt",
    "Standard errors: clustered by municipality unless said otherwise",
)
_MODEL_NOTE = Bilingual(
    "Notat: Effekt = 100(exp(b) − 1) av en dummy for ØHD i log–log-modellen med kommuneeffekter, "
    "sykehjemsplasser, fastleger, folketall og alderssammensetning. Måneder uten kontakt faller ut av log; "
    "Poisson beholder dem. * p < 0,05, ** p < 0,01, *** p < 0,001.",
    "Note: Effect = 100(exp(b) − 1) of a dummy for acute beds in the log–log model with municipality "
    "effects, nursing-home places, GPs, population and age composition. Months without a contact are lost "
    "to the log; Poisson keeps them. * p < 0.05, ** p < 0.01, *** p < 0.001.",
)
_SURVIVAL_NOTE = Bilingual(
    "Notat: Statiske modeller gir ett tall for en effekt som vokser. Kvartalsestimatene er enkle "
    "gjennomsnitt over behandlede celler i kommuner med innleggelser i alle kvartaler og uten kommuner som "
    "alltid har hatt ØHD; i de siste kvartalene er det bare kommunene uten ØHD å sammenlikne med.",
    "Note: Static models give one number for an effect that grows. The quarterly estimates are simple means "
    "over treated cells of municipalities with admissions in every quarter, without those that always had "
    "acute beds; in the last quarters only the municipalities without beds are left to compare with.",
)


def _of_outcome(nb: str, en: str) -> Bilingual:
    return Bilingual(f"{OUTCOME_IN_PRINT.nb}: {nb}", f"{OUTCOME_IN_PRINT.en}: {en}")


def _effect_cells(record: "pd.Series | dict[str, float]") -> tuple[Cell, Cell]:
    number = Number(float(record["effect_percent"]), 1, significance_stars(float(record["p_value"])))
    return number, interval(float(record["conf_low_percent"]), float(record["conf_high_percent"]))


def interval(low: float, high: float) -> Bilingual:
    """Interval in brackets, one decimal."""
    texts = [f"[{format_number(low, 1, lang)}; {format_number(high, 1, lang)}]" for lang in ("nb", "en")]
    return Bilingual(*texts)


def _foot(effects: pd.DataFrame, provenance: Provenance) -> Bilingual:
    n = int(effects["n_municipalities"].max())
    return footer(provenance, Bilingual(f"{n} kommuner", f"{n} municipalities"), _CLUSTERED)


def _capital(text: Bilingual) -> Bilingual:
    return Bilingual(text.nb[0].upper() + text.nb[1:], text.en[0].upper() + text.en[1:])
