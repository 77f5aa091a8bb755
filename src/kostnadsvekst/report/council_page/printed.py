"""The short report on paper: the answer, and of each section what it has for paper, as a PDF."""

from collections.abc import Iterator
from typing import Any

from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.council_page import words
from kostnadsvekst.report.council_page.content import CouncilPage, Drawing, PageTable, Part
from kostnadsvekst.report.council_page.rendering import drawing_style
from kostnadsvekst.report.council_page.voice import cell_text
from kostnadsvekst.report.page.markup import escape
from kostnadsvekst.report.paper import PrintedTable, compile_document

# Colours of the page by day; the figures' style sheet names them.
_INKS = {"ink": "#1b1b1b", "soft": "#555555", "edge": "#b9b9b9", "ground": "#ffffff", "link": "#0b4f8a"}
_FONT = "Libertinus Serif"


def render_council_report(page: CouncilPage, lang: str) -> bytes:
    """Typeset the short report.

    Parameters
    ----------
    page : CouncilPage
        Of its sections the parts that are `Section.short`.
    lang : {"nb", "en"}

    Returns
    -------
    bytes
        PDF, the same for the same page.
    """
    parts = [part for section in page.sections for part in section.short]
    tables = {part.key: {lang: _printed(part, lang)} for part in parts if isinstance(part, PageTable)}
    drawings = {f"{p.key}_{lang}.svg": standalone(p, lang) for p in parts if isinstance(p, Drawing)}
    # The frame that it shares with the paper reads these, too.
    of_paper: dict[str, Any] = {"numbers": {}, "sentences": {}, "originals": {}}
    made = {**of_paper, "tables": tables, "council": _content(page, lang)}
    return compile_document("council", made, drawings, lang)


def standalone(drawing: Drawing, lang: str) -> str:
    """Write a figure as a picture of its own: one language, colours by day, no script."""
    width, height = drawing.size
    style = drawing_style()
    for name, ink in _INKS.items():
        style = style.replace(f"var(--{name})", ink)
    texts = "".join(
        f'<text x="{one.x:.1f}" y="{one.y:.1f}" class="{one.look} {one.anchor}">'
        f"{escape(one.text.get(lang))}</text>"
        for one in drawing.texts
    )
    marks = "".join(mark.shape for mark in drawing.marks)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="council" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="{_FONT}"><style>{style}</style>'
        f"{''.join(drawing.ground)}{texts}{marks}</svg>"
    )


def _content(page: CouncilPage, lang: str) -> dict[str, Any]:
    sections = [
        {"heading": one.heading.get(lang), "parts": [*_parts(one.short, lang)]}
        for one in page.sections
        if one.short
    ]
    return {
        "title": page.title.get(lang),
        "description": page.title.get(lang),
        "banners": [banner.get(lang) for banner in page.banners],
        "basis": f"{words.BASIS.get(lang)}: {page.basis.get(lang)}. {words.FOOTER.get(lang)} {page.version}.",
        "answer": [sentence.get(lang) for sentence in page.answer],
        "sections": sections,
    }


def _parts(parts: tuple[Part, ...], lang: str) -> Iterator[dict[str, Any]]:
    for part in parts:
        if isinstance(part, Bilingual):
            yield {"kind": "text", "text": part.get(lang)}
        elif isinstance(part, PageTable):
            told = [isinstance(_first(part, k), Bilingual) for k in range(len(part.columns))]
            yield {"kind": "table", "key": part.key, "title": part.title.get(lang), "words": told}
        elif isinstance(part, Drawing):
            caption = f"{part.title.get(lang)}. {part.about.get(lang)}"
            alt = "; ".join([part.title.get(lang), *(mark.told.get(lang) for mark in part.marks)])
            yield {"kind": "picture", "key": part.key, "title": caption, "alt": alt}


def _first(table: PageTable, k: int) -> object:
    """First cell of a column that is not empty."""
    return next((row[k] for row in table.rows if row[k] is not None), None)


def _printed(table: PageTable, lang: str) -> PrintedTable:
    header = tuple(column.label.get(lang) for column in table.columns)
    rows = tuple(
        tuple(cell_text(cell, column).get(lang) for cell, column in zip(row, table.columns, strict=True))
        for row in table.rows
    )
    return PrintedTable(header, rows, tuple(note.get(lang) for note in table.notes))


__all__ = ["render_council_report", "standalone"]
