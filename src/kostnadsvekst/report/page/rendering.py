"""From the content of the page to its one file: markup, style, script and data, nothing from elsewhere."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kostnadsvekst.language import LANGUAGES
from kostnadsvekst.report.audit import EVIDENCE, EVIDENCE_LABELS, VERDICT_LABELS, VERDICTS
from kostnadsvekst.report.page import words
from kostnadsvekst.report.page.content import Judged, Page, Picture
from kostnadsvekst.report.page.markup import escape, in_attributes, said
from kostnadsvekst.report.page.sections import answer, claims, figures, files, findings, mark, tables
from kostnadsvekst.report.page.svg import frame_of

_HERE = Path(__file__).parent
_DIGITS = 7


def render_page(page: Page, lang: str = "nb") -> str:
    """Render the page: one file that needs no other, with both languages in it.

    Parameters
    ----------
    page : Page
    lang : {"nb", "en"}
        Shown first.

    Returns
    -------
    str
        HTML. It loads nothing: a policy in its head forbids every request.
    """
    title = words.OWN_TITLE if page.own_data else words.TITLE
    style = page_style()
    script = shared_script() + (_HERE / "page.js").read_text("utf-8")
    parts = [answer(page), tables(page), claims(page), findings(page), figures(page), files(page)]
    return (
        f'<!DOCTYPE html>\n<html lang="{lang}" {in_attributes(title, "title")}>\n<head>\n<meta '
        f'charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="generator" content="kostnadsvekst {escape(page.version)}">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src '
        "'unsafe-inline'; "
        "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
        f"<title>{escape(title.get(lang))}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"{_header(page)}<main>\n{''.join(parts)}</main>\n{_footer(page)}{_DIALOG}"
        f'<script type="application/json" id="data">{_data(page)}</script>\n<script>\n{script}</script>\n'
        "</body>\n</html>\n"
    )


def page_style() -> str:
    """Return the style sheet of the pages."""
    return (_HERE / "page.css").read_text("utf-8")


def shared_script() -> str:
    """Return how a page's script begins: elements, words, numbers; the page's own closes what it opens."""
    return (_HERE / "shared.js").read_text("utf-8")


_DIALOG = (
    '<dialog id="detail" aria-labelledby="detail-title"><div class="bar"><h2 id="detail-title"></h2>'
    f'<button type="button" id="close">{said(words.SCRIPT["close"])}</button></div>'
    '<div id="detail-body"></div></dialog>\n'
)


def _header(page: Page) -> str:
    title = words.OWN_TITLE if page.own_data else words.TITLE
    links = "".join(
        f'<li><a href="#{name}">{said(heading)}</a></li>' for name, heading in _sections(page).items()
    )
    return (
        f'<a class="skip" href="#answer">{said(words.SKIP)}</a>\n<header>\n<div class="bar">'
        f"<h1>{said(title)}</h1>{_switches()}</div>\n<p>{said(words.INTRODUCTION)}</p>\n{mark(page)}"
        f"<noscript><p>{said(words.NO_SCRIPT)}</p></noscript>\n"
        f'<nav aria-label="{escape(words.CONTENTS.nb)}" {in_attributes(words.CONTENTS, "label")}>'
        f"<ul>{links}</ul></nav>\n</header>\n{_tools(page)}"
    )


def _sections(page: Page) -> dict[str, Any]:
    filled = {
        "tables": page.tables,
        "claims": page.claims,
        "findings": page.findings,
        "figures": page.pictures,
        "files": page.files,
    }
    return {name: text for name, text in words.HEADINGS.items() if filled.get(name, True)}


def _switches() -> str:
    named = {"nb": "Norsk", "en": "English"}
    languages = "".join(
        f'<button type="button" data-lang="{lang}" lang="{lang}" aria-pressed="false">{named[lang]}</button>'
        for lang in LANGUAGES
    )
    return (
        f'<div class="switches"><span role="group" aria-label="{escape(words.LANGUAGE.nb)}" '
        f"{in_attributes(words.LANGUAGE, 'label')}>{languages}</span>"
        f'<button type="button" id="theme">{said(words.THEME)}</button></div>'
    )


def _tools(page: Page) -> str:
    """Search, filters and sorting; they act on tables, claims and findings at once."""
    chosen = [
        _choice("verdict", words.VERDICT, {v: VERDICT_LABELS[v] for v in VERDICTS}),
        _choice("evidence", words.EVIDENCE, {e: EVIDENCE_LABELS[e] for e in EVIDENCE}),
        _choice("chapter", words.CHAPTER, _judged_chapters(page)),
        _choice("sort", words.SORT, words.SORTS, every=False),
    ]
    return (
        f'<form id="tools" role="search" aria-label="{escape(words.TOOLS.nb)}" '
        f"{in_attributes(words.TOOLS, 'label')}>\n"
        f'<label>{said(words.SEARCH)} <input type="search" id="search" autocomplete="off" '
        f'placeholder="{escape(words.SEARCH_HINT.nb)}" {in_attributes(words.SEARCH_HINT, "hint")}></label>\n'
        + "\n".join(chosen)
        + f'\n<button type="reset">{said(words.RESET)}</button> '
        '<output id="shown" aria-live="polite"></output>\n'
        "</form>\n"
    )


def _judged_chapters(page: Page) -> dict[str, Any]:
    """Chapters that something on the page can be filtered by."""
    used = {item.chapter for item in _all_judged(page)} | {picture.chapter for picture in page.pictures}
    used |= {"consistency"} if page.findings else set()
    return {name: title for name, title in page.chapters.items() if name in used}


def _choice(name: str, label: Any, options: dict[str, Any], *, every: bool = True) -> str:
    offered = ({"": words.ALL} if every else {}) | options
    items = "".join(
        f'<option value="{escape(value)}" {in_attributes(text)}>{escape(text.nb)}</option>'
        for value, text in offered.items()
    )
    return f'<label>{said(label)} <select id="{name}">{items}</select></label>'


def _footer(page: Page) -> str:
    return f"<footer>{mark(page)}<p>{said(words.FOOTER)} {escape(page.version)}.</p></footer>\n"


def _data(page: Page) -> str:
    """Numbers behind the page as JSON, safe inside a script element."""
    held = {
        "items": [_item(judged) for judged in _all_judged(page)],
        "code": {
            key: {"name": code.key, "path": code.path, "call": code.name, "source": code.source}
            for key, code in page.code.items()
        },
        "figures": {picture.key: _figure(picture, page) for picture in page.pictures},
        "label": _both(words.OWN_LABEL) if page.own_data else None,
        "synthetic": _both(words.SYNTHETIC_PART),
        "signs": words.SIGNS,
        "classes": words.CLASSES,
        **words.for_script(),
    }
    return script_data(held)


def script_data(held: Mapping[str, Any]) -> str:
    """Write data as JSON that is safe inside a script element."""
    text = json.dumps(held, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _all_judged(page: Page) -> Iterator[Judged]:
    for table in page.tables:
        for row in table.rows:
            for cell in row.cells:
                yield from cell.judged if cell is not None else ()
    for claim in page.claims:
        yield claim.judged


def _item(judged: Judged) -> dict[str, Any]:
    told = {
        "key": judged.key,
        "place": _both(judged.place),
        "chapter": judged.chapter,
        "published": judged.published,
        "ours": judged.ours,
        "second": judged.second_opinion,
        "difference": judged.difference,
        "interval": judged.interval,
        "verdict": judged.verdict,
        "evidence": judged.evidence,
        "origin": judged.origin,
        "reason": judged.reason,
        "how": _both(judged.how),
        "asked": judged.asked,
        "code": list(judged.code),
        "also": judged.also,
    }
    return {name: value for name, value in told.items() if value}


def _both(text: Any) -> dict[str, str] | str:
    return str(text.nb) if text.nb == text.en else {"nb": text.nb, "en": text.en}


def _figure(picture: Picture, page: Page) -> dict[str, Any]:
    series = [
        {"label": _both(s.label), "values": _short(s.values), "low": _short(s.low), "high": _short(s.high)}
        for s in picture.series
    ]
    return {
        "labels": [_both(label) for label in picture.labels],
        "series": series,
        "unit": _both(picture.unit),
        "decimals": picture.decimals,
        "frame": frame_of(picture),
        "origin": "not the report's data" if page.own_data else "synthetic" if picture.synthetic else "real",
    }


def _short(values: tuple[float | None, ...]) -> list[float | None]:
    return [None if value is None else float(f"{value:.{_DIGITS}g}") for value in values]
