"""Around models 3 and 4 of table A3: thousands of specifications, influence of units, weighting."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from kostnadsvekst.analysis.influence import Influence, compare_weights, influence
from kostnadsvekst.analysis.specification_curve import (
    OK,
    JointTest,
    SpecificationCurve,
    identify,
    specification_curve,
)
from kostnadsvekst.chapters import ChapterResult, Settings
from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.fixed_effects import Estimate, estimate
from kostnadsvekst.models.grids import grid, subsets
from kostnadsvekst.models.samples import sample_label
from kostnadsvekst.models.specifications import SPECIFICATIONS, Specification
from kostnadsvekst.panel.load import load_panel
from kostnadsvekst.panel.schema import label_of
from kostnadsvekst.progress import Progress
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.output import csv_text
from kostnadsvekst.report.regression_tables import covariance_label, table
from kostnadsvekst.report.specification_figures import draw_curve, draw_influence
from kostnadsvekst.report.tables import Heading, Number, Row, Table, footer, render

FOLDER = "specification-curve"
TERM = "free_income"
DRAWS = 999
PUBLISHED = ("A3-3", "A3-4")

# Indicators of need that go in and out together: 16 sets of controls.
CONTROLS = {
    "age": ("age_0_5", "age_6_15", "age_16_66", "age_67_79", "age_80_plus"),
    "social": ("living_alone_80_plus", "divorced_16_66", "unemployed_15_74", "immigrants"),
    "deaths": ("deaths",),
    "place": ("urban", "population_10k"),
}
INCOME = (
    ("C(year)", TERM),
    ("C(year)", TERM, f"C(year):{TERM}"),
    ("year", TERM),
)
SAMPLES = ((), "without_oslo", "without_errors", ("without_oslo", "without_errors"), "year >= 2016")
COVARIANCES = ("classical", "hc1", "cluster")
# Not part of the grid that was written down first: other standard errors of the published models.
LATER = ("jackknife", "wild_cluster", "twoway", "driscoll_kraay")

_QUANTITY = Bilingual(
    "Kroner mer i utgifter per\nkrone mer i frie inntekter", "Kroner of expenditure per\nkrone of free income"
)
_CURVE_TITLE = Bilingual(
    "Frie inntekter og utgifter: modell 3 og 4 i tabell A3 og spesifikasjonene rundt dem",
    "Free income and expenditure: models 3 and 4 of table A3 and the specifications around them",
)
_INFLUENCE_TITLE = Bilingual(
    "Modell 3 uten én kommune om gangen: de ti som betyr mest",
    "Model 3 without one municipality at a time: the ten that matter most",
)
_UNIT = Bilingual(
    "Utgifter per krone frie inntekter (kroner)", "Expenditure per krone of free income (kroner)"
)


_NOMINAL = Bilingual(
    "p-verdier og intervaller er nominelle, hver etter sine standardfeil: dekningen er ikke simulert.",
    "p values and intervals are nominal, each by its own standard errors: their coverage was not simulated.",
)


def run(settings: Settings) -> ChapterResult:
    """Specification curve, joint test, influence and weighting.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    ChapterResult
        ``specification-curve/``: all estimates as CSV, figures, tables.
    """
    panel = load_panel(settings.data, settings.rename)
    curve = fit_curve(panel, settings.progress)
    published = estimate(SPECIFICATIONS["A3-3"], panel)
    weighting = compare_weights(published)
    units = influence(published)
    files: dict[str, str | bytes] = {f"{FOLDER}/specifications.csv": csv_text(compact(curve))}
    tables = [table_of_curve(curve), table_of_influence(units), table_of_weighting(weighting)]
    labels = {identify(spec): name for name, spec in published_in_grid().items()}
    for lang in settings.languages:
        for made in tables:
            files |= {f"{FOLDER}/{name}": text for name, text in render(made, lang).items()}
        numbered = {k: {"nb": f"modell {v[-1]}", "en": f"model {v[-1]}"}[lang] for k, v in labels.items()}
        files[f"{FOLDER}/curve_{lang}.png"] = draw_curve(
            curve, lang, choices=choices_of(curve), quantity=_QUANTITY, title=_CURVE_TITLE, labels=numbered
        )
        files[f"{FOLDER}/influence_{lang}.png"] = draw_influence(
            units, [TERM], lang, quantities={TERM: _UNIT}, title=_INFLUENCE_TITLE
        )
    origin = (curve.provenance.origin,)
    return ChapterResult(files, summary=_summary(curve, units), data_origin=origin)


def declared_grid() -> tuple[Specification, ...]:
    """Write the grid around models 3 and 4: 2,880 specifications, 960 distinct fits."""
    base = SPECIFICATIONS["A3-1"].adding(TERM)
    return grid(
        base,
        regressors=INCOME,
        controls=subsets(CONTROLS),
        effects=("entity", "none"),
        weights=("population", None),
        sample=SAMPLES,
        covariance=COVARIANCES,
    )


def published_in_grid() -> dict[str, Specification]:
    """Models 3 and 4 with their regressors in the grid's order."""
    every = tuple(term for terms in CONTROLS.values() for term in terms)
    base = SPECIFICATIONS["A3-3"]
    return {
        name: base.vary(regressors=(*income, *every)) for name, income in zip(PUBLISHED, INCOME, strict=False)
    }


def fit_curve(panel: pd.DataFrame, progress: bool = False) -> SpecificationCurve:
    """Fit the grid and what was added later, with the joint test.

    Parameters
    ----------
    panel : DataFrame
        From `load_panel`.
    progress : bool
        Whether to show a progress bar on stderr.
    """
    published = list(published_in_grid().values())
    later = [spec.vary(covariance=kind) for spec in published for kind in LATER]
    specs = declared_grid()

    def fit(tick: Callable[[int], None]) -> SpecificationCurve:
        return specification_curve(
            specs,
            panel,
            terms=[TERM],
            added=later,
            published=published,
            draws=DRAWS,
            tick=tick,
            tested=lambda spec: spec.effects == "entity",
        )

    with Progress("specifications", len(specs) + len(later), shown=progress) as line:
        return fit(line.reach)


def compact(curve: SpecificationCurve) -> pd.DataFrame:
    """Return the tidy frame with short texts, five significant digits and the origin of the data."""
    frame = curve.frame
    specs = [curve.specifications[name] for name in frame["spec"]]
    short = pd.DataFrame({"spec": frame["spec"], "term": frame["term"]})
    for column in ("estimate", "std_error", "p_value", "conf_low", "conf_high"):
        short[column] = [f"{value:.5g}" for value in frame[column]]
    short[["n_obs", "n_entities", "covariance", "sample"]] = frame[
        ["n_obs", "n_entities", "covariance", "sample"]
    ]
    short["weights"], short["effects"] = frame["weights"], frame["effects"]
    short["years"] = ["trend" if "year" in s.regressors else "dummies" for s in specs]
    short["income_by_year"] = [int(f"C(year):{TERM}" in s.regressors) for s in specs]
    short["controls"] = [_controls(spec) for spec in specs]
    short["role"], short["status"] = frame["role"], frame["status"]
    return short.assign(data_origin=curve.provenance.origin)


def choices_of(curve: SpecificationCurve) -> dict[Bilingual, dict[Bilingual, np.ndarray]]:
    """Group the choices of the grid: which rows of the curve's frame made them."""
    specs = [curve.specifications[name] for name in curve.frame["spec"]]

    def mask(condition: Callable[[Specification], bool]) -> np.ndarray:
        return np.array([condition(spec) for spec in specs])

    by_year = f"C(year):{TERM}"
    samples = dict.fromkeys(spec.sample for spec in specs)
    kinds = dict.fromkeys(spec.covariance for spec in specs)
    return {
        Bilingual("Frie inntekter og år", "Free income and years"): {
            Bilingual("samme effekt alle år, årsdummyer", "same effect, year dummies"): mask(
                lambda s: by_year not in s.regressors and "year" not in s.regressors
            ),
            Bilingual("egen effekt hvert år (vist: første)", "effect by year (shown: first)"): mask(
                lambda s: by_year in s.regressors
            ),
            Bilingual("samme effekt, lineær trend", "same effect, linear trend"): mask(
                lambda s: "year" in s.regressors
            ),
        },
        Bilingual("Kontrollvariabler", "Controls"): {
            _CONTROL_LABEL[name]: mask(lambda s, terms=terms: terms[0] in s.regressors)  # type: ignore[misc]
            for name, terms in CONTROLS.items()
        },
        Bilingual("Effekter", "Effects"): {
            Bilingual("kommuneeffekter", "municipality effects"): mask(lambda s: s.effects == "entity"),
            Bilingual("ingen (sammenslått)", "none (pooled)"): mask(lambda s: s.effects == "none"),
        },
        Bilingual("Vekter", "Weights"): {
            Bilingual("folketall", "population"): mask(lambda s: s.weights is not None),
            Bilingual("ingen", "none"): mask(lambda s: s.weights is None),
        },
        Bilingual("Utvalg", "Sample"): {
            sample_label(sample): mask(lambda s, sample=sample: s.sample == sample)  # type: ignore[misc]
            for sample in samples
        },
        Bilingual("Standardfeil", "Standard errors"): {
            _KIND_LABEL[str(kind)]: mask(lambda s, kind=kind: s.covariance == kind)  # type: ignore[misc]
            for kind in kinds
        },
    }


def table_of_curve(curve: SpecificationCurve) -> Table:
    """Table of the curve's spread by choice, and the joint test."""
    frame = curve.frame
    rows = [_spread_row(Bilingual("Alle", "All"), frame)]
    for group, members in choices_of(curve).items():
        rows.append(Row(group))
        rows += [_spread_row(choice, frame[mask], 1) for choice, mask in members.items()]
    headings = (
        Bilingual("Antall", "Number"),
        Bilingual("Minste", "Smallest"),
        Bilingual("Median", "Median"),
        Bilingual("Største", "Largest"),
        Bilingual("Andel positive, p < 0,05", "Share positive, p < 0.05"),
        Bilingual("Andel negative, p < 0,05", "Share negative, p < 0.05"),
    )
    title = Bilingual(
        "Koeffisienten på frie inntekter i alle spesifikasjoner",
        "Coefficient of free income in all specifications",
    )
    notes = [_NOMINAL, *([_joint_note(curve.joint)] if curve.joint else [])]
    failed = int((frame["status"] != OK).sum())
    about = footer(
        curve.provenance,
        Bilingual(
            f"{failed} spesifikasjoner kunne ikke estimeres",
            f"{failed} specifications could not be estimated",
        ),
    )
    stub = Bilingual("Valg", "Choice")
    return Table(
        "table_curve",
        title,
        stub,
        (tuple(Heading(h) for h in headings),),
        tuple(rows),
        (*notes, about),
        curve.provenance,
    )


def table_of_influence(units: Influence, count: int = 10) -> Table:
    """Table of the units whose absence moves the coefficient of free income most, in model 3."""
    rows = []
    for unit, line in units.of(TERM).head(count).iterrows():
        values = (line["estimate_without"], line["change"], line["change_in_se"], 100 * line["weight_share"])
        cells = [Number(float(v), d) for v, d in zip(values, (4, 4, 2, 2), strict=True)]
        rows.append(Row(str(unit), tuple(cells)))
    fitted = units.estimate
    full = format_number(float(fitted.coefficients.loc[TERM, "estimate"]), 4, "en")
    title = Bilingual(
        "Modell 3 uten én kommune om gangen: koeffisienten på frie inntekter",
        "Model 3 without one municipality at a time: coefficient of free income",
    )
    headings = (
        Bilingual("Uten kommunen", "Without it"),
        Bilingual("Endring", "Change"),
        Bilingual("Endring i standardfeil", "Change in standard errors"),
        Bilingual("Andel av vektene (%)", "Share of weights (%)"),
    )
    about = footer(
        fitted.provenance,
        Bilingual(
            f"Alle {len(units.units)} kommuner: {full.replace('.', ',')}",
            f"All {len(units.units)} municipalities: {full}",
        ),
        _errors(fitted),
    )
    stub = Bilingual("Kommune", "Municipality")
    columns = tuple(Heading(h) for h in headings)
    return Table("table_influence", title, stub, (columns,), tuple(rows), (about,), fitted.provenance)


def table_of_weighting(weighting: Mapping[str, Estimate]) -> Table:
    """Table of model 3 weighted as published, unweighted, and weighted without the largest unit."""
    cluster = {name: fitted.with_covariance("cluster") for name, fitted in weighting.items()}
    headings = {
        "weighted": Bilingual("Vektet, som publisert", "Weighted, as published"),
        "unweighted": Bilingual("Uvektet", "Unweighted"),
        "without_largest": Bilingual("Vektet, uten den største", "Weighted, without the largest"),
    }
    title = Bilingual(
        "Modell 3 med og uten vekter, standardfeil gruppert på kommune",
        "Model 3 with and without weights, standard errors clustered by municipality",
    )
    made = table(list(cluster.values()), title=title, name="table_weighting", hide=["C(year)"])
    top = tuple(Heading(headings[name]) for name in cluster)
    share = weighting["weighted"]
    largest = influence(share).left_out.weight_share.max()
    note = Bilingual(
        f"Den største kommunen har {format_number(100 * largest, 1, 'nb')} % av vektene.",
        f"The largest municipality has {format_number(100 * largest, 1, 'en')}% of the weights.",
    )
    return Table(made.name, made.title, made.stub, (top,), made.rows, (*made.notes, note), made.provenance)


_CONTROL_LABEL = {
    "age": Bilingual("alderssammensetning (5)", "age composition (5)"),
    "social": Bilingual("enslige, skilte, ledige, innvandrere", "alone, divorced, unemployed, immigrants"),
    "deaths": label_of("deaths"),
    "place": Bilingual("tettsted og folketall", "urban settlement and population"),
}
_KIND_LABEL = {
    "classical": Bilingual("klassiske", "classical"),
    "hc1": Bilingual("robuste (HC1)", "robust (HC1)"),
    "cluster": Bilingual("gruppert på kommune", "clustered by municipality"),
    "jackknife": Bilingual("klyngejackknife (CV3)", "cluster jackknife (CV3)"),
    "wild_cluster": Bilingual("wild cluster bootstrap", "wild cluster bootstrap"),
    "twoway": Bilingual("gruppert på kommune og år", "clustered by municipality and year"),
    "driscoll_kraay": Bilingual("Driscoll–Kraay", "Driscoll–Kraay"),
}


def _errors(fitted: Estimate) -> Bilingual:
    label = covariance_label(fitted)
    return Bilingual(f"Standardfeil: {label.nb}", f"Standard errors: {label.en}")


def _controls(spec: Specification) -> str:
    return "+".join(name for name, terms in CONTROLS.items() if terms[0] in spec.regressors) or "none"


def _spread_row(label: Bilingual, frame: pd.DataFrame, indent: int = 0) -> Row:
    good = frame[frame["status"] == OK]
    if good.empty:
        return Row(label, (Number(0.0, 0), *[Number(None, 3)] * 5), indent)
    b, significant = good["estimate"], good["p_value"] < 0.05
    cells = (
        Number(float(len(good)), 0),
        *(Number(float(value), 3) for value in (b.min(), b.median(), b.max())),
        Number(float((significant & (b > 0)).mean()), 3),
        Number(float((significant & (b < 0)).mean()), 3),
    )
    return Row(label, cells, indent)


def _joint_note(joint: JointTest) -> Bilingual:
    names: dict[str, Any] = {
        "median_t": Bilingual("median t-verdi (tallverdi)", "median t statistic (absolute)"),
        "share_significant": Bilingual(
            "andel signifikante i samme retning", "share significant in the same direction"
        ),
        "mean_t": Bilingual("gjennomsnittlig t-verdi (tallverdi)", "mean t statistic (absolute)"),
    }
    parts: dict[str, list[str]] = {"nb": [], "en": []}
    for name, line in joint.results.iterrows():
        for lang, listed in parts.items():
            value, p = (format_number(float(line[c]), 3, lang) for c in ("observed", "p_value"))
            listed.append(f"{names[str(name)].get(lang)} {value} (p = {p})")
    counts = (joint.n_fits, joint.n_clusters, joint.draws, joint.seed)
    nb = (
        "Felles test av at koeffisienten er null i alle {} estimeringer med kommuneeffekter, wild cluster "
        "bootstrap ({} klynger, {} trekninger, frø {}): "
    )
    en = (
        "Joint test that the coefficient is zero in all {} fits with municipality effects, wild cluster "
        "bootstrap ({} clusters, {} draws, seed {}): "
    )
    return Bilingual(
        nb.format(*counts) + "; ".join(parts["nb"]) + ".", en.format(*counts) + "; ".join(parts["en"]) + "."
    )


def _summary(curve: SpecificationCurve, units: Influence) -> tuple[Bilingual, ...]:
    good = curve.frame[curve.frame["status"] == OK]
    low, middle, high = np.quantile(good["estimate"], [0, 0.5, 1])
    positive = ((good["p_value"] < 0.05) & (good["estimate"] > 0)).mean()
    counts = len(good), len(curve.specifications)
    top = units.of(TERM).iloc[0]

    def spread(lang: str) -> list[str]:
        return [format_number(float(v), 3, lang) for v in (low, middle, high)]

    nb, en = spread("nb"), spread("en")
    lines = [
        Bilingual(
            f"{counts[0]} av {counts[1]} spesifikasjoner estimert: koeffisienten på frie inntekter går fra "
            f"{nb[0]} til {nb[2]} (median {nb[1]}); {100 * positive:.0f} % er positive med p < 0,05",
            f"{counts[0]} of {counts[1]} specifications estimated: the coefficient of free income runs from "
            f"{en[0]} to {en[2]} (median {en[1]}); {100 * positive:.0f}% are positive with p < 0.05",
        ),
        Bilingual(
            f"Mest innflytelse på modell 3: {units.of(TERM).index[0]}; uten den er koeffisienten "
            f"{format_number(float(top['estimate_without']), 3, 'nb')}",
            f"Most influential on model 3: {units.of(TERM).index[0]}; without it the coefficient is "
            f"{format_number(float(top['estimate_without']), 3, 'en')}",
        ),
    ]
    return (*lines, _joint_note(curve.joint), _band_note(curve)) if curve.joint else tuple(lines)


def _band_note(curve: SpecificationCurve) -> Bilingual:
    """Say how many coefficients are told apart from zero alone, and all at once."""
    band = curve.simultaneous()
    alone = int(((band["conf_low"] > 0) | (band["conf_high"] < 0)).sum())
    together = int(((band["band_low"] > 0) | (band["band_high"] < 0)).sum())
    critical = [
        format_number(curve.joint.critical if curve.joint else None, 2, lang) for lang in ("nb", "en")
    ]
    return Bilingual(
        f"Med klyngerobuste feil er {alone} av {len(band)} koeffisienter ulike null hver for seg; i det "
        f"nominelle 95-prosentsbåndet for alle samtidig (± {critical[0]} standardfeil, sup-t) er {together}",
        f"With clustered errors {alone} of {len(band)} coefficients differ from zero alone; in the nominal "
        f"95 per cent band of all at once (± {critical[1]} standard errors, sup-t) {together} do",
    )
