"""Chapter 6 of the report: the effect of municipal acute beds (ØHD) on the use of hospitals.

Figure 12, the report's selection of outcomes, all 81 outcomes, the mechanism splits of Swanson and Hagen
(2016), and one page on whether the effect survives estimators that compare well.
"""

import html
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kostnadsvekst.analysis.acute_beds.survival import EARLY, LATE, Comparison, SurvivalStudy
from kostnadsvekst.analysis.claims.acute_beds import AcuteBedsMaterial, measure_acute_beds
from kostnadsvekst.analysis.claims.measures import NotInDataError
from kostnadsvekst.chapters import ChapterResult, Settings
from kostnadsvekst.chapters.ohd_data import Material, gather
from kostnadsvekst.chapters.ohd_figures import figures_of
from kostnadsvekst.chapters.ohd_tables import interval, page_tables, tables_of
from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.audit import Item, audit_items, claim_item, numbers_moved, tell_counts
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.tables import html_fragment, html_page, render
from kostnadsvekst.sources.published import load_claims

_PERCENT = {"nb": " %", "en": "%"}
_PAGE_TITLE = Bilingual("Overlever effekten på fire prosent?", "Does the effect of four per cent survive?")
# What the summary tells of, in its words.
_TOLD = {
    "report": Bilingual("rapportens modell", "the report's model"),
    "month": Bilingual("toveis", "two-way"),
    "imputation": Bilingual("imputering", "imputation"),
}


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
    with _steps(settings.progress) as step:
        material = gather(settings, step)
        step("tables and figures")
        audit = audit_items(list(_items(material)), material.inputs.provenance)
        everything = material.everything.to_csv(index=False, lineterminator="\n", float_format="%.6g")
        files: dict[str, str | bytes] = {
            "ohd/audit.csv": audit.to_csv(index=False, lineterminator="\n"),
            "ohd/effects_all_outcomes.csv": everything,
        }
        for lang in settings.languages:
            for table in tables_of(material):
                files |= {f"ohd/{name}": text for name, text in render(table, lang).items()}
            files |= {f"ohd/{name}_{lang}.png": png for name, png in figures_of(material, lang).items()}
            files[f"ohd/does_it_survive_{lang}.html"] = _page(material, lang)
    notes = (Bilingual(f"Merk: {reason}", f"Note: {reason}") for reason in material.study.failures)
    summary = (*tell_counts(audit), *_summary(material.study), *notes)
    origin = (material.inputs.provenance.origin,)
    return ChapterResult(files, audit, tuple(numbers_moved(audit)), summary, data_origin=origin)


def _items(material: Material) -> Iterator[Item]:
    computed_from = AcuteBedsMaterial(material.inputs.panel, {EARLY: material.early, LATE: material.late})
    for claim in load_claims("ohd").to_dict("records"):
        try:
            yield claim_item(claim, measure_acute_beds(claim["measure"], computed_from))
        except NotInDataError as absence:
            yield claim_item(claim, None, str(absence))


def _page(material: Material, lang: str) -> str:
    """Complete page: verdict, figure, tables."""
    title = html.escape(_PAGE_TITLE.get(lang))
    body = [f"<h1>{title}</h1>\n"]
    body += [f"<p>{html.escape(line.get(lang))}</p>\n" for line in _summary(material.study)]
    body.append(f'<img src="figure_survival_{lang}.png" alt="{title}" style="max-width: 100%">\n')
    body += [html_fragment(table, lang) for table in page_tables(material)]
    return html_page(_PAGE_TITLE.get(lang), "".join(body), lang, material.inputs.provenance.synthetic)


def _summary(study: SurvivalStudy) -> Iterator[Bilingual]:
    estimates = {row.name: row for row in (*study.static, *study.modern)}
    told = {name: estimates[name] for name in _TOLD if name in estimates}
    nb, en = (
        ", ".join(f"{_TOLD[name].get(lang)} {_effect(row, lang)}" for name, row in told.items())
        for lang in ("nb", "en")
    )
    yield Bilingual(
        f"Akutte indremedisinske innleggelser, 80+: {nb}",
        f"Acute admissions to internal medicine, 80+: {en}",
    )
    truths = [told[name].truth for name in ("report", "imputation") if name in told]
    if len(truths) < 2 or None in truths:
        return
    nb_truths, en_truths = ([format_number(truth, 1, lang) for truth in truths] for lang in ("nb", "en"))
    yield Bilingual(
        f"Den sanne gjennomsnittseffekten i de syntetiske dataene er {nb_truths[0]} % (måneder) og "
        f"{nb_truths[1]} % (kvartalsutvalget)",
        f"The true mean effect in the synthetic data is {en_truths[0]}% (months) and {en_truths[1]}% "
        "(quarterly sample)",
    )


def _effect(row: Comparison, lang: str) -> str:
    return f"{format_number(row.effect, 1, lang)}{_PERCENT[lang]} {interval(row.low, row.high).get(lang)}"


@contextmanager
def _steps(show: bool) -> Iterator[Callable[[str], None]]:
    """Say on stderr what is being done, where somebody watches."""
    if not show:
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True).status("ØHD") as status:
        yield lambda text: status.update(f"ØHD: {text}")
