"""Chapter 6 of the report: the effect of municipal acute beds (ØHD) on the use of hospitals.

Figure 12, the report's selection of outcomes, all 81 outcomes, the mechanism splits of Swanson and Hagen
(2016), and one page on whether the effect survives estimators that compare well.
"""

import html
from collections.abc import Iterator

import numpy as np
import pandas as pd

from kostnadsvekst.analysis.acute_beds.left_out import sensitivity_of_effect
from kostnadsvekst.analysis.acute_beds.survival import EARLY, LATE
from kostnadsvekst.analysis.claims.acute_beds import AcuteBedsMaterial, measure_acute_beds
from kostnadsvekst.analysis.claims.measures import NotInDataError
from kostnadsvekst.chapters import ChapterResult, Settings
from kostnadsvekst.chapters.ohd_data import Material, gather
from kostnadsvekst.chapters.ohd_figures import figures_of
from kostnadsvekst.chapters.ohd_tables import page_tables, tables_of
from kostnadsvekst.chapters.ohd_words import (
    ARTICLE_NOTE,
    SPLIT_NOTE,
    coverage_in_words,
    detectable_in_words,
    estimates_in_words,
    headline,
    left_out_in_words,
    no_effect_in_words,
    robustness_in_words,
)
from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.acute_beds import MAIN_OUTCOME
from kostnadsvekst.progress import Progress
from kostnadsvekst.report.audit import (
    Item,
    add_accepted_reasons,
    audit_items,
    claim_item,
    load_accepted,
    numbers_moved,
    tell_counts,
)
from kostnadsvekst.report.output import csv_text
from kostnadsvekst.report.tables import html_fragment, html_page, render
from kostnadsvekst.sources.published import load_claims

_PAGE_TITLE = Bilingual("Overlever effekten på fire prosent?", "Does the effect of four per cent survive?")


def run(settings: Settings) -> ChapterResult:
    """Tables, figures and audit of chapter 6.

    Parameters
    ----------
    settings : Settings
        A data file must be a monthly panel (see `kostnadsvekst.acute_beds.check_panel`).

    Returns
    -------
    ChapterResult
        Everything in ``ohd/``.
    """
    with Progress("acute beds", shown=settings.progress) as line:

        def step(text: str) -> None:
            line.advance(label=f"acute beds: {text}")

        material = gather(settings, step)
        step("tables and figures")
        accepted = load_accepted()
        audit = audit_items(list(_items(material)), material.inputs.provenance)
        audit = add_accepted_reasons(audit, accepted)
        files: dict[str, str | bytes] = {
            "ohd/audit.csv": csv_text(audit),
            "ohd/effects_all_outcomes.csv": csv_text(material.everything, digits=6),
            "ohd/many_outcomes.csv": csv_text(
                material.together.assign(data_origin=material.inputs.provenance.origin)
            ),
        }
        for lang in settings.languages:
            for table in tables_of(material):
                files |= {f"ohd/{name}": text for name, text in render(table, lang).items()}
            files |= {f"ohd/{name}_{lang}.png": png for name, png in figures_of(material, lang).items()}
            files[f"ohd/does_it_survive_{lang}.html"] = _page(material, audit, lang)
    notes = (Bilingual(f"Merk: {reason}", f"Note: {reason}") for reason in _failures(material))
    summary = (*_summary(material), *tell_counts(audit), *notes)
    origin = (material.inputs.provenance.origin,)
    moved = tuple(numbers_moved(audit, accepted))
    return ChapterResult(files, audit, moved, summary, data_origin=origin)


def _items(material: Material) -> Iterator[Item]:
    computed_from = AcuteBedsMaterial(
        material.inputs.panel, {EARLY: material.early, LATE: material.late}, material.mechanisms
    )
    for claim in load_claims("ohd").to_dict("records"):
        try:
            yield claim_item(claim, measure_acute_beds(claim["measure"], computed_from))
        except NotInDataError as absence:
            yield claim_item(claim, None, str(absence))


def _page(material: Material, audit: pd.DataFrame, lang: str) -> str:
    """Complete page: verdict, figure, tables, and how far the numbers reach."""
    title = html.escape(_PAGE_TITLE.get(lang))
    first, *others = _summary(material)
    body = [f"<h1>{title}</h1>\n<p><strong>{html.escape(first.get(lang))}.</strong></p>\n"]
    body += [f"<p>{html.escape(line.get(lang))}.</p>\n" for line in others]
    body.append(f'<img src="figure_survival_{lang}.png" alt="{title}" style="max-width: 100%">\n')
    body += [html_fragment(table, lang) for table in page_tables(material)]
    body += [f"<p>{html.escape(note.get(lang))}</p>\n" for note in _notes(material, audit)]
    return html_page(_PAGE_TITLE.get(lang), "".join(body), lang, material.inputs.provenance.synthetic)


def _failures(material: Material) -> tuple[str, ...]:
    """Collect what the panel does not identify, and why."""
    return (*material.study.failures, *material.mechanisms.attrs.get("failures", ()))


def _notes(material: Material, audit: pd.DataFrame) -> Iterator[Bilingual]:
    yield coverage_in_words()
    yield ARTICLE_NOTE
    if not material.mechanisms.empty:
        yield SPLIT_NOTE
    yield from (Bilingual(f"{line.nb}.", f"{line.en}.") for line in tell_counts(audit))


def _summary(material: Material) -> Iterator[Bilingual]:
    """Sentences of the page and the terminal: the verdict first."""
    study = material.study
    yield headline(study, material.inputs.provenance)
    yield from estimates_in_words(study)
    yield from robustness_in_words(study.robustness)
    main = material.late.set_index("outcome").loc[MAIN_OUTCOME]
    if np.isfinite(main["std_error"]):
        yield from detectable_in_words(study, main)
        yield left_out_in_words(sensitivity_of_effect(material.inputs.panel, LATE))
    yield from no_effect_in_words(material.equivalence, material.margin)
