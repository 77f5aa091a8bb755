"""Tables of chapter 6."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kostnadsvekst.analysis.acute_beds.survival import EARLY, LATE, SurvivalStudy, percent
from kostnadsvekst.chapters.ohd_data import Material
from kostnadsvekst.chapters.ohd_names import KIND_NAMES, NAMES, NAMES_IN_PRINT, VARIANT_NAMES
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.models import staggered
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.numbers import format_number, significance_stars
from kostnadsvekst.report.tables import Cell, Heading, Number, Row, Table, footer


def tables_of(material: Material) -> list[Table]:
    """All tables of the chapter."""
    origin = material.inputs.provenance
    return [
        effects_table(material.late, material.early, material.poisson, origin),
        variants_table(material.variants, origin),
        *mechanism_tables(material.mechanisms, origin),
        *page_tables(material),
    ]


def page_tables(material: Material) -> list[Table]:
    """Tables of the page on whether the effect survives."""
    study, origin = material.study, material.inputs.provenance
    return [
        survival_table(study, origin),
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


def variants_table(variants: pd.DataFrame, provenance: Provenance) -> Table:
    """Build the table of the main outcome under every named variant of the model."""
    rows = []
    for name, label in VARIANT_NAMES.items():
        part = variants[variants["variant"] == name].set_index("until")
        cells = [*_effect_cells(part.loc[EARLY]), *_effect_cells(part.loc[LATE])]
        rho = Number(float(part.loc[LATE, "rho"]), 3) if np.isfinite(part.loc[LATE, "rho"]) else ""
        rows.append(Row(label, (*cells, Number(float(part.loc[LATE, "n_obs"]), 0), rho)))
    interval = Bilingual("95 % KI", "95% CI")
    headings = (
        (Heading("2010–2014", 2), Heading("2010–2017", 2), Heading("2010–2017"), Heading("2010–2017")),
        (*[Heading(t) for _ in range(2) for t in (both("%"), interval)], Heading("N"), Heading("ρ")),
    )
    title = Bilingual(
        "Akutte innleggelser ved indremedisinske avdelinger, 80 år og over: varianter av modellen",
        "Acute admissions to internal medicine, 80 years and over: variants of the model",
    )
    stub = Bilingual("Variant", "Variant")
    foot = footer(provenance, _CLUSTERED)
    return Table("table_variants", title, stub, headings, tuple(rows), (_MODEL_NOTE, foot), provenance)


def mechanism_tables(mechanisms: pd.DataFrame, provenance: Provenance) -> list[Table]:
    """Build the table of effects by physician on site and co-location; none where the panel has neither."""
    if mechanisms.empty:
        return []
    rows = []
    for record in mechanisms.to_dict("records"):
        label, period = _MECHANISM_NAMES[record["mechanism"], record["value"]], f"2010–{record['until'][:4]}"
        text = Bilingual(f"{label.nb}, {period}", f"{label.en}, {period}")
        rows.append(Row(text, (*_effect_cells(record), Number(record["p_value"], 3))))
    headings = ((Heading("%"), Heading(Bilingual("95 % KI", "95% CI")), Heading("p")),)
    title = Bilingual(
        "Akutte innleggelser ved indremedisinske avdelinger, 80 år og over: hvilke ØHD-er virker",
        "Acute admissions to internal medicine, 80 years and over: which acute beds work",
    )
    stub = Bilingual("ØHD", "Acute beds")
    notes = (_MODEL_NOTE, footer(provenance, _CLUSTERED))
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
        "Overlever effekten? Akutte innleggelser ved indremedisinske avdelinger, 80 år og over",
        "Does the effect survive? Acute admissions to internal medicine, 80 years and over",
    )
    notes = (_SURVIVAL_NOTE, footer(provenance, _CLUSTERED))
    stub = Bilingual("Estimator", "Estimator")
    return Table("table_survival", title, stub, headings, tuple(lines), notes, provenance)


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
    "set_low": Bilingual(
        "Rambachan–Roth, brudd på halvparten av største før: nedre, %",
        "Rambachan–Roth, violations of half the largest before: lower, %",
    ),
    "set_high": Bilingual("… øvre, %", "… upper, %"),
}
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
