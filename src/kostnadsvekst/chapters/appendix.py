"""Appendix 1 of the report: tables A1 and A2 (descriptives), table A3 (four nested regressions), audit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from kostnadsvekst.analysis.descriptives import Description, describe, describe_by_statsmodels
from kostnadsvekst.chapters import ChapterResult, Settings
from kostnadsvekst.language import Bilingual, in_language
from kostnadsvekst.models.fixed_effects import Estimate, estimate
from kostnadsvekst.models.results import CONSTANT
from kostnadsvekst.models.second_opinion import SecondOpinion, ask_linearmodels
from kostnadsvekst.models.specifications import NEEDS, SPECIFICATIONS
from kostnadsvekst.panel.differences import explain_differences
from kostnadsvekst.panel.load import load_panel
from kostnadsvekst.panel.schema import label_of
from kostnadsvekst.provenance import Provenance, provenance_of
from kostnadsvekst.report.audit import (
    ENGINES_AGREE,
    NO_STARS,
    Item,
    add_accepted_reasons,
    audit_items,
    below_power,
    engine_difference,
    load_accepted,
    numbers_moved,
    render_audit_html,
    tell_counts,
)
from kostnadsvekst.report.numbers import significance_stars
from kostnadsvekst.report.output import csv_text
from kostnadsvekst.report.tables import Heading, Number, Row, Table, footer, render
from kostnadsvekst.sources.published import load_cells

MONEY = ("net_expenditure", "free_income")

_STATISTICS = {
    "mean": Bilingual("Gjennomsnitt", "Mean"),
    "std_dev": Bilingual("Std.avvik", "Std. dev."),
    "minimum": Bilingual("Minimum", "Minimum"),
    "maximum": Bilingual("Maksimum", "Maximum"),
}
_WEIGHTED = Bilingual("Vektet med folketall", "Weighted by population")


@dataclass(frozen=True, slots=True)
class Descriptives:
    """Descriptive statistics by (variable, period), from our code and from statsmodels.

    Attributes
    ----------
    ours, second : mappings
    periods : tuple of str
        The years, then the whole period (``"2015-2019"``).
    """

    ours: Mapping[tuple[str, str], Description]
    second: Mapping[tuple[str, str], Description]
    periods: tuple[str, ...]


def run(settings: Settings) -> ChapterResult:
    """Tables A1 to A3 and their audit.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    ChapterResult
        Tables in ``appendix/``, ``audit.csv`` and ``audit.html``.
    """
    panel = load_panel(settings.data, settings.rename)
    descriptives = describe_panel(panel)
    estimates = {name: estimate(spec, panel) for name, spec in SPECIFICATIONS.items()}
    opinions = {
        name: ask_linearmodels(spec, panel, estimates[name].dropped) for name, spec in SPECIFICATIONS.items()
    }
    items = [*_descriptive_items(descriptives), *_regression_items(estimates, opinions)]
    provenance = provenance_of(panel)
    known = explain_differences(panel)
    audit = audit_items([item if item.reason else replace(item, reason=known) for item in items], provenance)
    accepted = load_accepted()
    audit, moved = add_accepted_reasons(audit, accepted), numbers_moved(audit, accepted)
    files: dict[str, str | bytes] = {"audit.csv": csv_text(audit)}
    page_lang = settings.languages[0] if len(settings.languages) == 1 else "en"
    summary = (*tell_counts(audit), _engines(items, opinions))
    notes = [*(line.get(page_lang) for line in summary), *(in_language(line, page_lang) for line in moved)]
    files["audit.html"] = render_audit_html(audit, _AUDIT_TITLE, notes, page_lang)
    tables = [
        table_a1(descriptives, panel),
        table_a2(descriptives, panel),
        table_a3(estimates, provenance),
    ]
    for table in tables:
        for lang in settings.languages:
            files |= {f"appendix/{name}": text for name, text in render(table, lang).items()}
    return ChapterResult(files, audit, tuple(moved), summary, data_origin=(provenance.origin,))


def describe_panel(panel: pd.DataFrame) -> Descriptives:
    """Describe the money columns by year and over the whole period, the others over the whole period.

    Parameters
    ----------
    panel : DataFrame
        From `load_panel`.
    """
    years = sorted(panel["year"].unique())
    pooled = f"{years[0]}-{years[-1]}"
    samples = {str(year): panel[panel["year"] == year] for year in years} | {pooled: panel}
    wanted = [(name, period) for name in MONEY for period in samples] + [(name, pooled) for name in NEEDS]
    ours, second = {}, {}
    for variable, period in wanted:
        values = samples[period][variable].to_numpy(float)
        weights = samples[period]["population"].to_numpy(float)
        ours[variable, period] = describe(values, weights)
        second[variable, period] = describe_by_statsmodels(values, weights)
    return Descriptives(ours, second, tuple(samples))


def table_a1(descriptives: Descriptives, panel: pd.DataFrame) -> Table:
    """Build table A1: expenditure and income by year."""
    rows: list[Row] = []
    for variable in MONEY:
        rows.append(Row(label_of(variable), rule_above=bool(rows)))
        rows += [_descriptive_row(p, descriptives.ours[variable, p], 1) for p in descriptives.periods]
    title = Bilingual(
        f"Tabell A1: Beskrivende statistikk på kommunale netto driftsutgifter og frie inntekter etter år "
        f"(N={len(panel)} kommuner-etter-år)",
        f"Table A1: Municipal net operating expenditure and free income by year "
        f"(N={len(panel)} municipality-years)",
    )
    note = Bilingual(
        "Notat: Kroner per innbygger, justert for inflasjon med 2019 som basisår.",
        "Note: Kroner per inhabitant at 2019 prices.",
    )
    return _descriptive_table("table_a1", title, rows, (note,), panel)


def table_a2(descriptives: Descriptives, panel: pd.DataFrame) -> Table:
    """Build table A2: sociodemographic characteristics."""
    pooled = descriptives.periods[-1]
    rows = [_descriptive_row(label_of(name), descriptives.ours[name, pooled], 0) for name in NEEDS]
    title = Bilingual(
        f"Tabell A2: Beskrivende statistikk på kommunenes sosiodemografiske karakteristikker "
        f"(N={len(panel)} kommuner-etter-år)",
        f"Table A2: Sociodemographic characteristics of the municipalities "
        f"(N={len(panel)} municipality-years)",
    )
    return _descriptive_table("table_a2", title, rows, (), panel)


def table_a3(estimates: Mapping[str, Estimate], provenance: Provenance) -> Table:
    """Build table A3: four nested regressions, the estimate and its standard error side by side."""
    last = list(estimates.values())[-1]
    interactions = [term for term in last.terms if ":" in term]
    years = [term for term in last.terms if term.startswith("C(year)") and term not in interactions]
    rows = [Row(Bilingual("År (referanse: første år)", "Year (reference: first year)"))]
    rows += [_regression_row(_year_of(term), term, estimates, 1) for term in years]
    plain = [t for t in last.terms if t not in (*years, *interactions, CONSTANT)]
    rows += [_regression_row(label_of(term), term, estimates, 0) for term in plain]
    rows.append(Row(Bilingual("Interaksjonsvariabler", "Interactions")))
    for term in interactions:
        year, income = _year_of(term), label_of("free_income")
        label = Bilingual(f"{year} × {income.nb}", f"{year} × {income.en}")
        rows.append(_regression_row(label, term, estimates, 1))
    rows.append(_regression_row(Bilingual("Konstant", "Constant"), CONSTANT, estimates, 0))
    r_squared = [cell for e in estimates.values() for cell in (Number(e.r_squared, 3), "")]
    rows.append(Row("R²", tuple(r_squared), rule_above=True))
    models = [Heading(Bilingual(f"Modell {n[-1]}", f"Model {n[-1]}"), 2) for n in estimates]
    pairs = [Heading(text) for _ in estimates for text in ("b", "SE")]
    title = Bilingual(
        f"Tabell A3: Lineære regresjonsanalyser av netto driftsutgifter på frie inntekter "
        f"(N={last.n_obs} kommuner-etter-år)",
        f"Table A3: Linear regressions of net operating expenditure on free income "
        f"(N={last.n_obs} municipality-years)",
    )
    stars = Bilingual(
        "Notat: Standardfeil (SE) i parentes; * p < 0,05, ** p < 0,01, *** p < 0,001.",
        "Note: Standard errors (SE) in parentheses; * p < 0.05, ** p < 0.01, *** p < 0.001.",
    )
    errors = last.inference.facts.text
    about = footer(
        provenance,
        Bilingual(
            f"Faste effekter for {last.n_entities} kommuner",
            f"Fixed effects of {last.n_entities} municipalities",
        ),
        _WEIGHTED,
        Bilingual(f"Standardfeil: {errors.nb}", f"Standard errors: {errors.en}"),
        Bilingual(f"N = {last.n_obs}", f"N = {last.n_obs}"),
    )
    stub = Bilingual("Uavhengige variabler", "Independent variables")
    return Table(
        "table_a3", title, stub, (tuple(models), tuple(pairs)), tuple(rows), (stars, about), provenance
    )


_AUDIT_TITLE = Bilingual("Tabell A1–A3: trykte tall mot våre", "Tables A1–A3: printed numbers against ours")


def _descriptive_table(
    name: str, title: Bilingual, rows: list[Row], notes: tuple[Bilingual, ...], panel: pd.DataFrame
) -> Table:
    provenance = provenance_of(panel)
    count = panel["municipality"].nunique()
    about = footer(
        provenance,
        _WEIGHTED,
        Bilingual(f"N = {len(panel)} ({count} kommuner)", f"N = {len(panel)} ({count} municipalities)"),
    )
    headings = tuple(Heading(text) for text in _STATISTICS.values())
    stub = Bilingual("Variabel", "Variable")
    return Table(name, title, stub, (headings,), tuple(rows), (*notes, about), provenance)


def _descriptive_row(label: str | Bilingual, description: Description, indent: int) -> Row:
    return Row(label, tuple(Number(getattr(description, s), 3) for s in _STATISTICS), indent)


def _regression_row(label: str | Bilingual, term: str, estimates: Mapping[str, Estimate], indent: int) -> Row:
    cells: list[Number | str] = []
    for fitted in estimates.values():
        if term not in fitted.terms:
            cells += ["", ""]
            continue
        line = fitted.coefficients.loc[term]
        cells.append(Number(line["estimate"], 3, significance_stars(line["p_value"])))
        cells.append(Number(line["std_error"], 3, parentheses=True))
    return Row(label, tuple(cells), indent)


def _year_of(term: str) -> str:
    return term.partition("[T.")[2].partition("]")[0]


def _descriptive_items(descriptives: Descriptives) -> Iterator[Item]:
    for cell in load_cells("A1", "A2").itertuples():
        ours = descriptives.ours.get((cell.variable, cell.period))
        second = descriptives.second.get((cell.variable, cell.period))
        yield Item(
            table=cell.table,
            row=cell.row,
            column=cell.column,
            published=cell.printed,
            ours=getattr(ours, cell.statistic, None),
            second_opinion=getattr(second, cell.statistic, None),
            value=cell.value,
            decimals=cell.decimals,
            reason="" if ours else f"the panel does not cover {cell.period}",
        )


def _regression_items(
    estimates: Mapping[str, Estimate], opinions: Mapping[str, SecondOpinion]
) -> Iterator[Item]:
    for cell in load_cells("A3").itertuples():
        ours, second = estimates[cell.model], opinions[cell.model]
        place = {"table": cell.table, "row": cell.row}
        number = {"published": cell.printed, "value": cell.value, "decimals": cell.decimals}
        if cell.statistic == "r_squared":
            yield Item(
                **place,
                **number,
                column=cell.column,
                ours=float(ours.r_squared),
                second_opinion=float(second.r_squared),
            )
            continue
        if cell.term not in ours.terms:
            reason = f"the data do not identify {cell.term}"
            yield Item(**place, **number, column=cell.column, ours=None, reason=reason)
            continue
        mine, theirs = ours.coefficients.loc[cell.term], second.coefficients.loc[cell.term]
        yield Item(
            **place,
            **number,
            column=cell.column,
            ours=float(mine[cell.statistic]),
            second_opinion=float(theirs[cell.statistic]),
        )
        if cell.statistic == "estimate":
            yield Item(
                **place,
                column=f"{cell.column.removesuffix(' b')} stars",
                published=cell.stars or NO_STARS,
                ours=significance_stars(mine["p_value"]) or NO_STARS,
                second_opinion=significance_stars(theirs["p_value"]) or NO_STARS,
            )


def _engines(items: list[Item], opinions: Mapping[str, SecondOpinion]) -> Bilingual:
    difference = engine_difference(items)
    engine = next(iter(opinions.values())).engine
    same, bound = difference <= ENGINES_AGREE, below_power(difference)
    return Bilingual(
        f"Vår estimator og {engine} {'løser de samme ligningene likt' if same else 'er UENIGE'}: "
        f"største relative forskjell er under {bound}",
        f"Our estimator and {engine} {'solve the same equations alike' if same else 'DISAGREE'}: "
        f"the largest relative difference is below {bound}",
    )
