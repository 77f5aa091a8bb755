"""Chapter 6 of the report: the effect of municipal acute beds (ØHD) on the use of hospitals.

Figure 12, the report's selection of outcomes, all 81 outcomes, the mechanism splits of Swanson and Hagen
(2016), and one page on whether the effect of -4 % survives estimators that compare well.
"""

import html
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.chapters import ChapterResult, Settings
from kostnadsvekst.chapters.ohd_figures import (
    KIND_NAMES,
    NAMES,
    adoption_figure,
    effects_figure,
    survival_figure,
)
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.models import staggered
from kostnadsvekst.models.acute_beds import (
    MAIN_OUTCOME,
    MECHANISMS,
    check_panel,
    collapse_to_quarters,
    cumulative_adoption,
    estimate_effects,
)
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.audit import Item, audit_items, numbers_moved
from kostnadsvekst.report.numbers import format_number, significance_stars
from kostnadsvekst.report.tables import Cell, Heading, Number, Row, Table, footer, html_page, render
from kostnadsvekst.sources.files import read_table
from kostnadsvekst.synthetic.acute_beds import SyntheticAcuteBeds, simulate

EARLY, LATE = "2014-12", "2017-12"
_QUARTERLY = ("log_count", "municipality", "quarter", "first_quarter")
_PLACEBO_QUARTERS = 4
_SENSITIVITY_WINDOW = 8
_N_DRAWS = 999
# Horizons shown in the figure: beyond them few cohorts are left.
_SHOWN = (-12, 20)
_BEFORE_DUTY = "2015Q4"


@dataclass(frozen=True)
class Inputs:
    """The monthly panel, with its truth where it is synthetic.

    Attributes
    ----------
    panel : DataFrame
    synthetic : SyntheticAcuteBeds, optional
    """

    panel: pd.DataFrame
    synthetic: SyntheticAcuteBeds | None

    @property
    def provenance(self) -> Provenance:
        """Origin of the panel."""
        origin: Provenance = self.panel.attrs["provenance"]
        return origin

    @cached_property
    def quarters(self) -> pd.DataFrame:
        """Quarterly panel of the main outcome."""
        return collapse_to_quarters(self.panel)


def run(settings: Settings) -> ChapterResult:
    """Tables, figures and audit of chapter 6.

    Parameters
    ----------
    settings : Settings
        A data file must be a monthly panel (see `kostnadsvekst.models.acute_beds.check_panel`).

    Returns
    -------
    ChapterResult
        Everything in ``ohd/``.
    """
    with _steps(settings.progress) as step:
        return _run(settings, step)


def _run(settings: Settings, step: Callable[[str], None]) -> ChapterResult:
    step("monthly panel")
    inputs = read_inputs(settings)
    step("81 outcomes, four models")
    everything = _all_models(inputs.panel)
    main = everything[(everything["estimator"] == "log") & (everything["covariance"] == "cluster")]
    early = estimate_effects(inputs.panel, "report", EARLY)
    variants = _variants(inputs.panel)
    step("estimators for staggered adoption")
    modern = ModernEstimates(inputs)
    rows = modern.rows(variants)
    diagnostics = modern.diagnostics()
    step("tables and figures")
    tables = [
        effects_table(main, early, everything[everything["estimator"] == "poisson"], inputs.provenance),
        variants_table(variants, inputs.provenance),
        *mechanism_tables(inputs),
        survival_table(rows, inputs),
        bacon_table(modern.comparisons, inputs.provenance),
        diagnostics_table(diagnostics, inputs.provenance),
    ]
    audit = audit_items(_items(main, early, inputs), inputs.provenance)
    files: dict[str, str | bytes] = {
        "ohd/audit.csv": audit.to_csv(index=False, lineterminator="\n"),
        "ohd/effects_all_outcomes.csv": everything.to_csv(
            index=False, lineterminator="\n", float_format="%.6g"
        ),
    }
    for lang in settings.languages:
        for table in tables:
            files |= {f"ohd/{name}": text for name, text in render(table, lang).items()}
        files |= _figures(inputs, main, modern, variants, lang)
        files[f"ohd/does_it_survive_{lang}.html"] = _page(tables[-3:], rows, inputs, lang)
    notes = tuple(Bilingual(f"Merk: {r}", f"Note: {r}") for r in dict.fromkeys(modern.failures))
    summary = (*_summary(rows), *notes)
    return ChapterResult(files, audit, tuple(numbers_moved(audit)), summary)


def read_inputs(settings: Settings) -> Inputs:
    """Monthly panel of the user, or the synthetic one with its truth."""
    if settings.data is not None:
        return Inputs(check_panel(read_table(settings.data)), None)
    synthetic = simulate()
    return Inputs(synthetic.panel, synthetic)


@dataclass(frozen=True)
class EstimateRow:
    """An estimate on the page: label, interval in per cent, and the truth for the same cells if known."""

    label: Bilingual
    effect: float
    low: float
    high: float
    truth: float | None
    heading: Bilingual | None = None


class ModernEstimates:
    """Estimators for staggered adoption on the quarterly panel of the main outcome."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.data = inputs.quarters
        self.failures: list[str] = []
        fitted = {method: self._study(self.data, method) for method in staggered.METHODS}
        self.studies = {method: study for method, study in fitted.items() if study is not None}
        before = self.data[self.data["quarter"] <= pd.Period(_BEFORE_DUTY)]
        self.before_duty = self._study(before, "imputation")
        self.comparisons = staggered.bacon(self.data, *_QUARTERLY)

    def rows(self, variants: pd.DataFrame) -> list[EstimateRow]:
        """Estimates of the page, from the report's model to the newest."""
        months_truth = None if self.inputs.synthetic is None else self.inputs.synthetic.true_percent
        static = Bilingual("Statiske modeller, måneder", "Static models, months")
        rows = []
        for j, variant in enumerate(_PAGE_VARIANTS):
            r = variants[(variants["variant"] == variant) & (variants["until"] == LATE)].iloc[0]
            values = (r["effect_percent"], r["conf_low_percent"], r["conf_high_percent"])
            rows.append(EstimateRow(_VARIANTS[variant][0], *values, months_truth, static if j == 0 else None))
        heading = Bilingual(
            "Estimatorer for trinnvis innføring, kvartaler", "Estimators for staggered adoption, quarters"
        )
        for j, (method, study) in enumerate(self.studies.items()):
            truth = self._truth(study)
            rows.append(_study_row(_METHOD_NAMES[method], study, truth, heading if j == 0 else None))
        if self.before_duty is not None:
            rows.append(_study_row(_BEFORE_DUTY_NAME, self.before_duty, self._truth(self.before_duty), None))
        return rows

    def diagnostics(self) -> list[tuple[Bilingual, Number]]:
        """Compute tests and shares that say how far the estimates can be trusted."""
        weights = staggered.negative_weights(self.data, *_QUARTERLY)
        random = staggered.randomisation_inference(self.data, *_QUARTERLY, n_draws=_N_DRAWS)
        lines = [
            (_DIAGNOSTICS["never"], Number(float(self._n_never()), 0)),
            (_DIAGNOSTICS["dropped"], Number(float(self.data.attrs["n_dropped"]), 0)),
            (_DIAGNOSTICS["negative_share"], Number(100 * weights.share_negative, 1)),
            (_DIAGNOSTICS["negative_sum"], Number(weights.sum_negative, 3)),
            (_DIAGNOSTICS["random"], Number(random.p_value, 3)),
        ]
        if "callaway_santanna" in self.studies:
            lines += self._trend_checks(self.studies["callaway_santanna"])
        return lines

    def _trend_checks(self, study: staggered.EventStudy) -> list[tuple[Bilingual, Number]]:
        dates = staggered.placebo(self.data, *_QUARTERLY, shift=_PLACEBO_QUARTERS)
        half = staggered.sensitivity(study, (0.5,), window=_SENSITIVITY_WINDOW).iloc[0]
        trend = staggered.pre_trend_test(study, _SENSITIVITY_WINDOW)
        return [
            (_DIAGNOSTICS["trend"], Number(trend.p_value, 3)),
            (_DIAGNOSTICS["placebo"], Number(_percent(dates.estimate), 1)),
            (_DIAGNOSTICS["placebo_low"], Number(_percent(dates.conf_low), 1)),
            (_DIAGNOSTICS["placebo_high"], Number(_percent(dates.conf_high), 1)),
            (_DIAGNOSTICS["set_low"], Number(_percent(half["set_low"]), 1)),
            (_DIAGNOSTICS["set_high"], Number(_percent(half["set_high"]), 1)),
        ]

    def _study(self, data: pd.DataFrame, method: str) -> staggered.EventStudy | None:
        """Fit, or say why the user's panel does not identify this one."""
        try:
            return staggered.event_study(data, *_QUARTERLY, method=method)
        except SpecificationError as error:
            self.failures.append(f"{method}: {error}")
            return None

    def true_horizons(self) -> pd.Series | None:
        """Mean true log effect by quarters since introduction, over the treated cells."""
        cells = self._true_cells(self.studies["imputation"]) if "imputation" in self.studies else None
        return None if cells is None else cells.groupby("horizon")["log_effect"].mean()

    def _n_never(self) -> int:
        first = self.data.drop_duplicates("municipality")["first_quarter"]
        return int(first.isna().sum())

    def _truth(self, study: staggered.EventStudy) -> float | None:
        cells = self._true_cells(study)
        return None if cells is None else _percent(float(cells["log_effect"].mean()))

    def _true_cells(self, study: staggered.EventStudy) -> pd.DataFrame | None:
        synthetic = self.inputs.synthetic
        if synthetic is None:
            return None
        names = synthetic.panel["municipality"].to_numpy(dtype=str)[:: synthetic.log_effects.shape[1]]
        monthly = np.exp(synthetic.log_effects).reshape(len(names), -1, 3).mean(-1)
        row = {name: i for i, name in enumerate(names)}
        order = [row[str(unit)] for unit in study.panel.units]
        effects = np.log(monthly[order])[:, : study.panel.y.shape[1]]
        treated = study.panel.treated & study.panel.present
        return pd.DataFrame({"horizon": study.panel.horizons[treated], "log_effect": effects[treated]})


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
    for name, (label, _) in _VARIANTS.items():
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


def mechanism_tables(inputs: Inputs) -> list[Table]:
    """Effects by physician on site and co-location, where the columns exist; else no table."""
    present = [name for name in MECHANISMS if name in inputs.panel.columns]
    rows = []
    for name in present:
        for until in (EARLY, LATE):
            part = estimate_effects(inputs.panel, [MAIN_OUTCOME], until, split=name)
            period = f"2010–{until[:4]}"
            for record in part.to_dict("records"):
                label = _MECHANISM_NAMES[name, str(record["group"]).endswith("1")]
                text = Bilingual(f"{label.nb}, {period}", f"{label.en}, {period}")
                rows.append(Row(text, (*_effect_cells(record), Number(record["p_value"], 3))))
    if not rows:
        return []
    headings = ((Heading("%"), Heading(Bilingual("95 % KI", "95% CI")), Heading("p")),)
    title = Bilingual(
        "Akutte innleggelser ved indremedisinske avdelinger, 80 år og over: hvilke ØHD-er virker",
        "Acute admissions to internal medicine, 80 years and over: which acute beds work",
    )
    stub = Bilingual("ØHD", "Acute beds")
    notes = (_MODEL_NOTE, footer(inputs.provenance, _CLUSTERED))
    return [Table("table_mechanisms", title, stub, headings, tuple(rows), notes, inputs.provenance)]


def survival_table(rows: list[EstimateRow], inputs: Inputs) -> Table:
    """Build the table of the page: estimate by estimate, with the truth where it is known."""
    lines: list[Row] = []
    known = any(row.truth is not None for row in rows)
    for row in rows:
        if row.heading is not None:
            lines.append(Row(row.heading, rule_above=bool(lines)))
        cells: list[Cell] = [Number(row.effect, 1), _interval(row.low, row.high)]
        if known:
            cells.append(Number(row.truth, 1))
        lines.append(Row(row.label, tuple(cells), 1))
    texts = [both("%"), Bilingual("95 % KI", "95% CI")]
    if known:
        texts.append(Bilingual("Sann effekt, %", "True effect, %"))
    headings = (tuple(Heading(t) for t in texts),)
    title = Bilingual(
        "Overlever effekten? Akutte innleggelser ved indremedisinske avdelinger, 80 år og over",
        "Does the effect survive? Acute admissions to internal medicine, 80 years and over",
    )
    notes = (_SURVIVAL_NOTE, footer(inputs.provenance, _CLUSTERED))
    stub = Bilingual("Estimator", "Estimator")
    return Table("table_survival", title, stub, headings, tuple(lines), notes, inputs.provenance)


def bacon_table(comparisons: pd.DataFrame, provenance: Provenance) -> Table:
    """Build the table of what the static two-way estimate on quarters compares."""
    shares = staggered.bacon_shares(comparisons)
    rows = []
    for kind, r in shares.iterrows():
        estimate = Number(_percent(r["estimate"]), 1) if np.isfinite(r["estimate"]) else ""
        cells = (Number(r["n_comparisons"], 0), Number(100 * r["weight"], 1), estimate)
        rows.append(Row(_capital(KIND_NAMES[str(kind)]), cells))
    total = (
        Number(float(len(comparisons)), 0),
        Number(100 * float(comparisons["weight"].sum()), 1),
        Number(_percent(comparisons.attrs["two_way"]), 1),
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


def diagnostics_table(diagnostics: list[tuple[Bilingual, Number]], provenance: Provenance) -> Table:
    """Build the table of tests and shares behind the page."""
    rows = tuple(Row(label, (number,)) for label, number in diagnostics)
    title = Bilingual("Hvor langt rekker dataene?", "How far do the data reach?")
    headings = ((Heading(Bilingual("Verdi", "Value")),),)
    stub = Bilingual("Prøve", "Check")
    return Table("table_diagnostics", title, stub, headings, rows, (footer(provenance),), provenance)


# Name -> label and arguments of `estimate_effects`.
_VARIANTS: dict[str, tuple[Bilingual, dict[str, Any]]] = {
    "report": (
        Bilingual("Rapportens modell: kalendermåneder", "The report's model: calendar months"),
        {},
    ),
    "classical": (
        Bilingual("… med klassiske standardfeil", "… with classical standard errors"),
        {"covariance": "classical"},
    ),
    "ar1": (
        Bilingual("… med AR(1)-ledd", "… with AR(1) disturbances"),
        {"ar1": True, "covariance": "classical"},
    ),
    "poisson": (Bilingual("… Poisson (PPML)", "… Poisson (PPML)"), {"estimator": "poisson"}),
    "season_trend": (
        Bilingual("… med lineær trend", "… with a linear trend"),
        {"time_effects": "season_trend"},
    ),
    "month": (
        Bilingual("Toveis: effekt for hver måned", "Two-way: an effect for each month"),
        {"time_effects": "month"},
    ),
    "month_poisson": (
        Bilingual("Toveis, Poisson (PPML)", "Two-way, Poisson (PPML)"),
        {"time_effects": "month", "estimator": "poisson"},
    ),
}
_PAGE_VARIANTS = ("report", "ar1", "poisson", "season_trend", "month")
_METHOD_NAMES = {
    "callaway_santanna": Bilingual(
        "Callaway–Sant'Anna, ennå ikke behandlede", "Callaway–Sant'Anna, not yet treated"
    ),
    "sun_abraham": Bilingual("Sun–Abraham, aldri behandlede", "Sun–Abraham, never treated"),
    "imputation": Bilingual("Imputering (Borusyak m.fl.)", "Imputation (Borusyak et al.)"),
    "two_stage": Bilingual("To steg (Gardner)", "Two-stage (Gardner)"),
}
_BEFORE_DUTY_NAME = Bilingual(
    "Imputering, data til og med 2015 (før plikten)", "Imputation, data to the end of 2015 (before the duty)"
)
_MECHANISM_NAMES = {
    ("physician_on_site", True): Bilingual("Lege til stede", "Physician on site"),
    ("physician_on_site", False): Bilingual("Ikke lege til stede", "No physician on site"),
    ("co_located", True): Bilingual("Samlokalisert med legevakt", "Co-located with emergency clinic"),
    ("co_located", False): Bilingual("Ikke samlokalisert", "Not co-located"),
}
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
_PERCENT = {"nb": " %", "en": "%"}
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


@contextmanager
def _steps(show: bool) -> Iterator[Callable[[str], None]]:
    """Say on stderr what is being done, where somebody watches."""
    if not show:
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True).status("ØHD") as status:
        yield lambda text: status.update(f"ØHD: {text}")


def _all_models(panel: pd.DataFrame) -> pd.DataFrame:
    models: tuple[dict[str, Any], ...] = (
        {},
        {"covariance": "classical"},
        {"ar1": True, "covariance": "classical"},
        {"estimator": "poisson"},
    )
    frames = [estimate_effects(panel, "all", LATE, **m) for m in models]
    return pd.concat(frames, ignore_index=True)


def _variants(panel: pd.DataFrame) -> pd.DataFrame:
    frames = [
        estimate_effects(panel, [MAIN_OUTCOME], until, **arguments).assign(variant=name)
        for name, (_, arguments) in _VARIANTS.items()
        for until in (EARLY, LATE)
    ]
    return pd.concat(frames, ignore_index=True)


def _study_row(
    label: Bilingual, study: staggered.EventStudy, truth: float | None, heading: Bilingual | None
) -> EstimateRow:
    mean = study.aggregate("simple")
    low, high = _percent(mean.conf_low), _percent(mean.conf_high)
    return EstimateRow(label, _percent(mean.estimate), low, high, truth, heading)


def _figures(
    inputs: Inputs, effects: pd.DataFrame, modern: ModernEstimates, variants: pd.DataFrame, lang: str
) -> dict[str, bytes]:
    late = variants[variants["until"] == LATE].set_index("variant")["effect_percent"]
    static = {
        Bilingual("Rapportens modell", "The report's model"): float(late["report"]),
        Bilingual("Toveismodellen", "The two-way model"): float(late["month"]),
    }
    studies = {
        _METHOD_NAMES[name].get(lang): _shown(modern.studies[name].horizons)
        for name in ("callaway_santanna", "imputation")
        if name in modern.studies
    }
    truth = modern.true_horizons()
    if truth is not None:
        truth = truth[truth.index <= _SHOWN[1]]
    n = inputs.panel["municipality"].nunique()
    origin = inputs.provenance
    return {
        f"ohd/figure_12_{lang}.png": adoption_figure(cumulative_adoption(inputs.panel), n, origin, lang),
        f"ohd/figure_effects_{lang}.png": effects_figure(effects, origin, lang),
        f"ohd/figure_survival_{lang}.png": survival_figure(
            studies, truth, static, modern.comparisons, origin, lang
        ),
    }


def _shown(horizons: pd.DataFrame) -> pd.DataFrame:
    return horizons[horizons["horizon"].between(*_SHOWN)]


def _page(tables: list[Table], rows: list[EstimateRow], inputs: Inputs, lang: str) -> str:
    """Complete page: verdict, figure, tables."""
    title = {
        "nb": "Overlever effekten på fire prosent?",
        "en": "Does the effect of four per cent survive?",
    }[lang]
    paragraphs = "".join(f"<p>{html.escape(line.get(lang))}</p>\n" for line in _summary(rows))
    body = [f"<h1>{html.escape(title)}</h1>\n{paragraphs}"]
    body.append(
        f'<img src="figure_survival_{lang}.png" alt="{html.escape(title)}" style="max-width: 100%">\n'
    )
    body += [_inner(render(table, lang)[f"{table.name}_{lang}.html"]) for table in tables]
    return html_page(title, "".join(body), lang, inputs.provenance.synthetic)


def _inner(page: str) -> str:
    """Table of a page without the page around it."""
    return page[page.index("<table>") : page.index("</body>")]


def _summary(rows: list[EstimateRow]) -> tuple[Bilingual, ...]:
    by_label = {row.label: row for row in rows}
    report, two_way = by_label[_VARIANTS["report"][0]], by_label[_VARIANTS["month"][0]]
    told = [
        (Bilingual("rapportens modell", "the report's model"), report),
        (Bilingual("toveis", "two-way"), two_way),
    ]
    chosen = by_label.get(_METHOD_NAMES["imputation"])
    if chosen is not None:
        told.append((Bilingual("imputering", "imputation"), chosen))
    nb, en = (
        ", ".join(f"{name.get(lang)} {_told(row, lang)}" for name, row in told) for lang in ("nb", "en")
    )
    lines = [
        Bilingual(
            f"Akutte indremedisinske innleggelser, 80+: {nb}",
            f"Acute admissions to internal medicine, 80+: {en}",
        )
    ]
    if report.truth is not None and chosen is not None and chosen.truth is not None:
        truths = (report.truth, chosen.truth)
        norwegian, english = ([format_number(t, 1, lang) for t in truths] for lang in ("nb", "en"))
        lines.append(
            Bilingual(
                f"Den sanne gjennomsnittseffekten i de syntetiske dataene er {norwegian[0]} % (måneder) og "
                f"{norwegian[1]} % (kvartalsutvalget)",
                f"The true mean effect in the synthetic data is {english[0]}% (months) and {english[1]}% "
                "(quarterly sample)",
            )
        )
    return tuple(lines)


def _told(row: EstimateRow, lang: str) -> str:
    return f"{format_number(row.effect, 1, lang)}{_PERCENT[lang]} {_interval(row.low, row.high).get(lang)}"


def _items(late: pd.DataFrame, early: pd.DataFrame, inputs: Inputs) -> list[Item]:
    """Numbers that section 6 prints, and what we have for them."""
    cumulative = cumulative_adoption(inputs.panel)
    by_late, by_early = late.set_index("outcome"), early.set_index("outcome")
    n = float(inputs.panel["municipality"].nunique())
    first_new = str(cumulative.index[int((cumulative > cumulative.iloc[0]).argmax())])
    summer, acute = "2012-06 to 2012-08", "acute, internal medicine, 80+"
    starts = summer if "2012-06" <= first_new <= "2012-08" else first_new
    items = [
        Item("6.2", acute, "2010-2014, %", "-1,9", _value(by_early), None, -1.9, 1),
        Item("6.2", acute, "2010-2017, %", "- 4", _value(by_late), None, -4.0, 0),
        Item("6.2", "municipalities with ØHD", "31.12.2017", "416", float(cumulative.iloc[-1]), None, 416.0),
        Item("6.2", "municipalities", "31.12.2017", "425", n, None, 425.0),
        Item("6.2", "figure 12 does not start at 0", "", "true", str(cumulative.iloc[0] > 0).lower()),
        Item("6.2", "first new ØHD", "", summer, starts),
    ]
    for outcome, label in (
        ("admissions_elective_internal_80plus", "elective, internal medicine, 80+"),
        ("admissions_all_surgery_80plus", "all, surgery, 80+"),
    ):
        found = "no effect" if by_late.loc[outcome, "p_value"] >= 0.05 else "effect"
        items.append(Item("6.2", label, "2010-2017", "no effect", found))
    return items


def _value(table: pd.DataFrame) -> float:
    return float(table.loc[MAIN_OUTCOME, "effect_percent"])


def _effect_cells(record: "pd.Series | dict[str, float]") -> tuple[Cell, Cell]:
    number = Number(float(record["effect_percent"]), 1, significance_stars(float(record["p_value"])))
    return number, _interval(float(record["conf_low_percent"]), float(record["conf_high_percent"]))


def _interval(low: float, high: float) -> Bilingual:
    texts = [f"[{format_number(low, 1, lang)}; {format_number(high, 1, lang)}]" for lang in ("nb", "en")]
    return Bilingual(*texts)


def _foot(effects: pd.DataFrame, provenance: Provenance) -> Bilingual:
    n = int(effects["n_municipalities"].max())
    return footer(provenance, Bilingual(f"{n} kommuner", f"{n} municipalities"), _CLUSTERED)


def _capital(text: Bilingual) -> Bilingual:
    return Bilingual(text.nb[0].upper() + text.nb[1:], text.en[0].upper() + text.en[1:])


def _percent(log_effect: float) -> float:
    return float(100 * np.expm1(log_effect))
