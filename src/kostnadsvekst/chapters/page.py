"""The report page: every printed number, claim, contradiction and figure in one file for the browser."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from types import MappingProxyType

import pandas as pd

from kostnadsvekst.chapters import CHAPTERS, ChapterResult, Settings
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
from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.audit import DIFFERS, EVIDENCE_LABELS, IDENTITY, REAL, count_by_evidence, count_once
from kostnadsvekst.report.page import ClaimCard, FindingCard, Page, render_page
from kostnadsvekst.version import __version__

FILE = "report.html"
_CELLS = Bilingual("Celler i trykte tabeller", "Cells of printed tables")
_CLAIMS = Bilingual("Utsagn i teksten", "Claims of the text")
_SURE = "high"


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
    chapters = _finish(settings, finished)
    page = page_of(chapters, own_data=_brought(settings))
    html = render_page(page, settings.languages[0])
    told = Bilingual(
        f"{FILE}: {_size(page).nb}, {len(html.encode()) / 1e6:.1f} MB".replace(".", ",").replace(",html", ".html"),
        f"{FILE}: {_size(page).en}, {len(html.encode()) / 1e6:.1f} MB",
    )
    origins = dict.fromkeys(origin for result in chapters.values() for origin in result.data_origin)
    return ChapterResult({FILE: html}, summary=(told,), data_origin=tuple(origins))


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
        chapters={name: CHAPTERS[name].title for name in CHAPTERS["page"].uses if name in chapters},
        version=__version__,
    )


def _brought(settings: Settings) -> bool:
    return settings.data is not None or settings.register is not None


def _finish(settings: Settings, finished: Mapping[str, ChapterResult]) -> dict[str, ChapterResult]:
    """Take the chapters of this run, and compute what is not there and would run on the same data."""
    done: dict[str, ChapterResult] = {}
    for name in CHAPTERS["page"].uses:
        chapter, uses = import_module(CHAPTERS[name].module), CHAPTERS[name].uses
        if name in finished:
            done[name] = finished[name]
        elif _on_the_same_data(name, settings):
            given = {other: done[other] for other in uses if other in done}
            done[name] = chapter.run(settings, given) if uses else chapter.run(settings)
    return done


def _on_the_same_data(name: str, settings: Settings) -> bool:
    """Whether a chapter would read what the user brought; every one does where nothing is brought."""
    brought = {"panel": settings.data, "register": settings.register}
    if not _brought(settings):
        return True
    return CHAPTERS[name].reads == "chapters" or brought.get(CHAPTERS[name].reads) is not None


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
        once = count_once(audit)
        differing = int((once["verdict"] == DIFFERS).sum())
        yield Bilingual(
            f"{title.nb}: {len(once)} tall og tegn er dømt, {differing} avviker.",
            f"{title.en}: {len(once)} numbers and signs are judged, {differing} differ.",
        )
    if findings:
        hard = sum(card.level == "contradiction" for card in findings)
        yield Bilingual(
            f"Rapporten mot seg selv: {len(findings)} funn, {hard} av dem motsigelser mellom tall.",
            f"The report against itself: {len(findings)} findings, {hard} of them contradictions between numbers.",
        )


def _strongest(
    claims: Sequence[ClaimCard], findings: Sequence[FindingCard]
) -> Iterator[tuple[str, Bilingual]]:
    """Yield contradictions that are sure, and claims that real data or arithmetic contradict."""
    for card in findings:
        if card.level == "contradiction" and card.confidence.en == _SURE:
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
    printed = judged.published or judged.interval
    return Bilingual(
        f"{judged.key} «{claim.quote}»: trykt {printed}, vårt {judged.ours}, {words.nb}",
        f"{judged.key} “{claim.quote}” ({claim.about}): printed {printed}, ours {judged.ours}, {words.en}",
    )


def _size(page: Page) -> Bilingual:
    numbers = (len(page.tables), len(page.claims), len(page.findings), len(page.pictures))
    nb = ("trykte tabeller", "utsagn", "funn", "figurer")
    en = ("printed tables", "claims", "findings", "figures")
    listed = [", ".join(f"{n} {word}" for n, word in zip(numbers, words, strict=True)) for words in (nb, en)]
    return Bilingual(*listed)


