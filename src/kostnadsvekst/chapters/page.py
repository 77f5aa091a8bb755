"""The report page: every printed number, claim, contradiction and figure in one file for the browser."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import pandas as pd

from kostnadsvekst.chapters import CHAPTERS, ChapterResult, Settings, finish_used
from kostnadsvekst.chapters.page_figures import pictures
from kostnadsvekst.chapters.page_tables import (
    CHAPTER_OF,
    all_code,
    claim_cards,
    finding_cards,
    is_synthetic,
    printed_tables,
    read_frame,
    rows_of,
)
from kostnadsvekst.language import LANGUAGES, Bilingual
from kostnadsvekst.report.audit import (
    DIFFERS,
    EVIDENCE_LABELS,
    IDENTITY,
    REAL,
    count_by_evidence,
    tell_counts,
)
from kostnadsvekst.report.consistency.findings import CONTRADICTION, SEVERITIES
from kostnadsvekst.report.numbers import format_number
from kostnadsvekst.report.page import ClaimCard, FindingCard, Page, render_page
from kostnadsvekst.report.page.markup import audited
from kostnadsvekst.version import __version__

FILE = "report.html"
_CELLS = Bilingual("Celler i trykte tabeller", "Cells of printed tables")
_CLAIMS = Bilingual("Utsagn i teksten", "Claims of the text")
_SURE = "high"
_ORIGINS = {
    "Statistics Norway": Bilingual("mot virkelige tall (SSB)", "on real numbers (Statistics Norway)"),
    "none": Bilingual("som ingen data her har", "that no data here hold"),
}


def run(settings: Settings, finished: Mapping[str, ChapterResult] = MappingProxyType({})) -> ChapterResult:
    """Make the report page.

    Parameters
    ----------
    settings : Settings
        With data of the user's own, what can be made of them is on the page, and every part says so.
    finished : mapping of str to ChapterResult
        Chapters of this run; those among `Chapter.uses` that are not there are computed.

    Returns
    -------
    ChapterResult
        ``report.html``, in both languages, whichever are asked for; the first of them is shown first.
    """
    chapters = finish_used("page", settings, finished)
    page = page_of(chapters, own_data=settings.own_data)
    html = render_page(page, settings.languages[0])
    size, told = len(html.encode()) / 1e6, _size(page)
    line = Bilingual(
        f"{FILE}: {told.nb}, {format_number(size, 1, 'nb')} MB",
        f"{FILE}: {told.en}, {format_number(size, 1, 'en')} MB",
    )
    origins = dict.fromkeys(origin for result in chapters.values() for origin in result.data_origin)
    return ChapterResult({FILE: html}, summary=(line,), data_origin=tuple(origins))


def page_of(chapters: Mapping[str, ChapterResult], *, own_data: bool = False) -> Page:
    """Gather the page from what the chapters made.

    Parameters
    ----------
    chapters : mapping of str to ChapterResult
        Those that are not there are left out of it.
    own_data : bool
        Whether the user's own data are behind it.
    """
    tables = printed_tables(chapters)
    claims = claim_cards(chapters["claims"]) if "claims" in chapters else ()
    findings = finding_cards(chapters["consistency"]) if "consistency" in chapters else ()
    found = read_frame(chapters["consistency"], "consistency/findings.csv") if findings else pd.DataFrame()
    audits = [result.audit for result in chapters.values() if result.audit is not None]
    counts = tuple(_counts(chapters))
    named = [name for name in CHAPTERS["page"].uses if name in chapters]
    return Page(
        own_data=own_data,
        synthetic=is_synthetic(audits),
        answer=tuple(_answer(counts, findings)),
        counts=tuple((title, count_by_evidence(audit)) for title, audit in counts),
        strongest=tuple(_strongest(claims, findings)),
        tables=tables,
        claims=claims,
        findings=findings,
        pictures=pictures(chapters),
        code=all_code(tables, claims, found.to_dict("records")),
        files={name: sorted(chapters[name].files) for name in named if chapters[name].files},
        chapters={name: CHAPTERS[name].title for name in named},
        version=__version__,
    )


def _counts(chapters: Mapping[str, ChapterResult]) -> Iterator[tuple[Bilingual, pd.DataFrame]]:
    """Audits that are counted: printed cells, and claims; they overlap, so each has its own."""
    cells = [rows_of(table, chapters) for table, chapter in CHAPTER_OF.items() if chapter in chapters]
    if cells:
        yield _CELLS, pd.concat(cells, ignore_index=True)
    if "claims" in chapters and (audit := chapters["claims"].audit) is not None:
        yield _CLAIMS, audit


def _answer(
    counts: Sequence[tuple[Bilingual, pd.DataFrame]], findings: Sequence[FindingCard]
) -> Iterator[Bilingual]:
    for title, audit in counts:
        for line in tell_counts(audit, _ORIGINS):
            yield Bilingual(f"{title.nb}: {line.nb}", f"{title.en}: {line.en}")
    levels = Counter(card.level for card in findings)
    if levels:
        nb, en = (
            ", ".join(f"{levels[key]} {name.get(lang)}" for key, name in SEVERITIES.items())
            for lang in LANGUAGES
        )
        yield Bilingual(f"Rapporten mot seg selv, funn: {nb}", f"The report against itself, findings: {en}")


def _strongest(
    claims: Sequence[ClaimCard], findings: Sequence[FindingCard]
) -> Iterator[tuple[str, Bilingual]]:
    """Yield contradictions that are sure, and claims that real data or arithmetic contradict."""
    for card in findings:
        if card.level == CONTRADICTION and card.confidence.en == _SURE:
            yield (
                f"finding-{card.key}",
                Bilingual(
                    f"{card.kind.nb.partition('. ')[2]}: {card.note.nb or card.arithmetic.nb}",
                    f"{card.kind.en.partition('. ')[2]}: {card.note.en or card.arithmetic.en}",
                ),
            )
    for evidence in (REAL, IDENTITY):
        for claim in claims:
            judged = claim.judged
            if judged.verdict == DIFFERS and judged.evidence == evidence and not claim.same_as:
                yield judged.key, _differing(claim)


def _differing(claim: ClaimCard) -> Bilingual:
    judged, words = claim.judged, EVIDENCE_LABELS[claim.judged.evidence]
    ours, ends = audited(judged.ours), [audited(end) for end in judged.interval.split(" – ")]
    said = Bilingual(f"trykt {judged.published}", f"printed {judged.published}")
    if not judged.published:
        allowed = [" – ".join(end.get(lang) for end in ends) for lang in LANGUAGES]
        said = Bilingual(f"ordlyden gir rom for {allowed[0]}", f"the wording allows {allowed[1]}")
    return Bilingual(
        f"{judged.key} «{claim.quote}»: {said.nb}, vårt {ours.nb}, {words.nb}",
        f"{judged.key} “{claim.quote}” ({claim.about}): {said.en}, ours {ours.en}, {words.en}",
    )


def _size(page: Page) -> Bilingual:
    numbers = (len(page.tables), len(page.claims), len(page.findings), len(page.pictures))
    nb = ("trykte tabeller", "utsagn", "funn", "figurer")
    en = ("printed tables", "claims", "findings", "figures")
    listed = (
        ", ".join(f"{n} {word}" for n, word in zip(numbers, words, strict=True) if n) for words in (nb, en)
    )
    return Bilingual(*listed)
