"""From the content of the council's page to its one file: markup, style, script and data, all inside."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kostnadsvekst.language import LANGUAGES, Bilingual
from kostnadsvekst.report.council_page import words
from kostnadsvekst.report.council_page.content import (
    CalculatorTrial,
    Cell,
    Choice,
    CouncilPage,
    Drawing,
    Drill,
    LadderTrial,
    PageTable,
    Part,
    Section,
)
from kostnadsvekst.report.council_page.voice import Voice, cell_text, joined
from kostnadsvekst.report.page.markup import escape
from kostnadsvekst.report.page.rendering import page_style, script_data, shared_script

_HERE = Path(__file__).parent
# Longer tables are folded together.
_MOST_ROWS = 40


def render_council_page(page: CouncilPage, languages: tuple[str, ...] = LANGUAGES) -> str:
    """Render the page: one file that needs no other.

    Parameters
    ----------
    page : CouncilPage
    languages : tuple of {"nb", "en"}
        One alone, or both with a switch; the first is shown first.

    Returns
    -------
    str
        HTML. It loads nothing: a policy in its head forbids every request.
    """
    voice = Voice(languages)
    style = page_style() + (_HERE / "council.css").read_text("utf-8") + drawing_style()
    script = (_HERE / "formulas.js").read_text("utf-8") + shared_script()
    script += (_HERE / "council.js").read_text("utf-8")
    body = _answer(page, voice) + "".join(_section(page, section, voice) for section in page.sections)
    return (
        f'<!DOCTYPE html>\n<html lang="{languages[0]}"{voice.attributes("title", page.title)}>\n<head>\n'
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="generator" content="kostnadsvekst {escape(page.version)}">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src '
        "'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
        f"<title>{escape(voice.first(page.title))}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"{_header(page, voice)}<main>\n{body}</main>\n{_footer(page, voice)}{_dialog(voice)}"
        f'<script type="application/json" id="data">{script_data(_data(page, voice))}</script>\n'
        f"<script>\n{script}</script>\n</body>\n</html>\n"
    )


def drawing_style() -> str:
    """Style sheet of the figures."""
    return (_HERE / "drawings.css").read_text("utf-8")


def _dialog(voice: Voice) -> str:
    return (
        '<dialog id="detail" aria-labelledby="detail-title"><div class="bar"><h2 id="detail-title"></h2>'
        f'<span><button type="button" id="back">{voice.said(words.BACK)}</button> '
        f'<button type="button" id="close">{voice.said(words.CLOSE)}</button></span></div>'
        '<div id="detail-body"></div></dialog>\n'
    )


def _banners(page: CouncilPage, voice: Voice) -> str:
    return "".join(f'<p class="warning">{voice.said(banner)}</p>\n' for banner in page.banners)


def _label(page: CouncilPage, voice: Voice) -> str:
    """Say in small letters beside every table and figure what the reader must know."""
    told = _short_banners(page)
    return f' <small class="label">{voice.said(told)}</small>' if told.nb else ""


def _short_banners(page: CouncilPage) -> Bilingual:
    """Banners up to what explains them."""
    short = [
        Bilingual(*(banner.get(lang).partition(":")[0] for lang in LANGUAGES)) for banner in page.banners
    ]
    return joined(short, " · ")


def _header(page: CouncilPage, voice: Voice) -> str:
    headings = {"answer": words.ANSWER} | {one.key: one.heading for one in page.sections}
    links = "".join(f'<li><a href="#{key}">{voice.said(text)}</a></li>' for key, text in headings.items())
    return (
        f'<a class="skip" href="#answer">{voice.said(words.SKIP)}</a>\n<header>\n<div class="bar">'
        f"<h1>{voice.said(page.title)}</h1>{_switches(voice)}</div>\n{_banners(page, voice)}"
        f"<p>{voice.said(words.BASIS)}: {voice.said(page.basis)}</p>\n"
        f"<noscript><p>{voice.said(words.NO_SCRIPT)}</p></noscript>\n"
        f"<nav {voice.labelled(words.CONTENTS)}><ul>{links}</ul></nav>\n</header>\n"
    )


def _switches(voice: Voice) -> str:
    named = {"nb": "Norsk", "en": "English"}
    languages = "".join(
        f'<button type="button" data-lang="{lang}" lang="{lang}" aria-pressed="false">{named[lang]}</button>'
        for lang in (voice.languages if len(voice.languages) > 1 else ())
    )
    group = f'<span role="group" {voice.labelled(words.LANGUAGE)}>{languages}</span>' if languages else ""
    theme = f'<button type="button" id="theme">{voice.said(words.THEME)}</button>'
    return f'<div class="switches">{group}{theme}</div>'


def _footer(page: CouncilPage, voice: Voice) -> str:
    told = f"{voice.said(words.FOOTER)} {escape(page.version)}."
    return f"<footer>{_banners(page, voice)}<p>{told}</p></footer>\n"


def _answer(page: CouncilPage, voice: Voice) -> str:
    sentences = "".join(f"<li>{voice.said(sentence)}</li>\n" for sentence in page.answer)
    return (
        f'<section id="answer" aria-labelledby="h-answer">\n<h2 id="h-answer">{voice.said(words.ANSWER)}'
        f'{_label(page, voice)}</h2>\n<ul class="answer">\n{sentences}</ul>\n</section>\n'
    )


def _section(page: CouncilPage, section: Section, voice: Voice) -> str:
    body = "".join(_part(page, part, voice) for part in section.parts)
    return (
        f'<section id="{section.key}" aria-labelledby="h-{section.key}">\n'
        f'<h2 id="h-{section.key}">{voice.said(section.heading)}</h2>\n{body}</section>\n'
    )


def _part(page: CouncilPage, part: Part, voice: Voice) -> str:
    if isinstance(part, Bilingual):
        return f"<p>{voice.said(part)}</p>\n"
    if isinstance(part, PageTable):
        return _table(page, part, voice)
    if isinstance(part, Drawing):
        return _figure(page, part, voice)
    if isinstance(part, Choice):
        return _choice(page, part, voice)
    return _trial(page, part, voice)


def _choice(page: CouncilPage, part: Choice, voice: Voice) -> str:
    options = "".join(
        f'<option value="{k}"{voice.attributes("text", label)}>{escape(voice.first(label))}</option>'
        for k, (label, _) in enumerate(part.options)
    )
    shown = "".join(
        f'<div data-option="{part.key}" data-number="{k}"{" hidden" if k else ""}>'
        f"{_figure(page, drawing, voice)}</div>\n"
        for k, (_, drawing) in enumerate(part.options)
    )
    chosen = ""
    if len(part.options) > 1:
        chosen = (
            f'<p class="choice"><label>{voice.said(part.label)} '
            f'<select data-choice="{part.key}">{options}</select></label></p>\n'
        )
    return chosen + shown


def _figure(page: CouncilPage, part: Drawing, voice: Voice) -> str:
    hints = [part.about, words.MARKS, *([words.OPENS] if any(mark.opens for mark in part.marks) else [])]
    return (
        f'<figure id="fig-{part.key}">\n<figcaption><h3 id="h-fig-{part.key}">{voice.said(part.title)}'
        f"{_label(page, voice)}</h3><p>{voice.said(part.about)} "
        f'<span class="hint">{voice.said(joined(hints[1:], " "))}</span></p></figcaption>\n'
        f'<div class="scroll">{_svg(part, voice)}</div>\n'
        f'<output class="told" data-told="{part.key}"></output></figure>\n'
    )


def _svg(part: Drawing, voice: Voice) -> str:
    width, height = part.size
    texts = "\n".join(_text(one.x, one.y, one.text, f"{one.look} {one.anchor}", voice) for one in part.texts)
    marks = "\n".join(
        f'<g class="mark" role="{"button" if mark.opens else "img"}" tabindex="{-1 if k else 0}" '
        f"{voice.labelled(mark.told)}"
        f"{f' data-opens={chr(34)}{escape(mark.opens)}{chr(34)}' if mark.opens else ''}>{mark.shape}</g>"
        for k, mark in enumerate(part.marks)
    )
    return (
        f'<svg class="council" viewBox="0 0 {width:.0f} {height:.0f}" role="group" '
        f'aria-labelledby="h-fig-{part.key}" data-figure="{part.key}">\n'
        f'{"".join(part.ground)}\n<g aria-hidden="true">{texts}</g>\n{marks}\n</svg>'
    )


def _text(x: float, y: float, text: Bilingual, look: str, voice: Voice) -> str:
    return voice.svg(x, y, text, f'class="{look}"')


def _table(page: CouncilPage, table: PageTable, voice: Voice) -> str:
    behind = any(key == table.key for key, _ in page.rows_behind)
    head = "".join(
        f'<th scope="col"{"" if _numeric(table, k) else _WORD}>{voice.said(column.label)}</th>'
        for k, column in enumerate(table.columns)
    )
    head += f'<th scope="col">{voice.said(words.BEHIND)}</th>' if behind else ""
    rows = "".join(_row(page, table, k, voice, behind=behind) for k in range(len(table.rows)))
    notes = "".join(f'<p class="note">{voice.said(note)}</p>\n' for note in table.notes)
    body = (
        f'<div class="scroll" tabindex="0" role="group" {voice.labelled(table.title)}><table class="sheet">\n'
        f"<caption>{voice.said(table.title)}{_label(page, voice)}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n{notes}"
        f'<p><button type="button" data-csv="{table.key}">{voice.said(words.DOWNLOAD)}'
        f'<span class="hidden">: {voice.said(table.title)}</span></button></p>\n'
    )
    if len(table.rows) <= _MOST_ROWS:
        return f'<div class="printed">{body}</div>\n'
    count = f"{len(table.rows)} {voice.said(words.ROWS)}"
    return f"<details><summary>{voice.said(table.title)} ({count})</summary>\n{body}</details>\n"


_WORD = ' class="word"'


def _numeric(table: PageTable, k: int) -> bool:
    """Whether a column holds numbers, or signs in their place."""
    return any(isinstance(row[k], int | float) for row in table.rows)


def _row(page: CouncilPage, table: PageTable, number: int, voice: Voice, *, behind: bool) -> str:
    cells = []
    for k, (cell, column) in enumerate(zip(table.rows[number], table.columns, strict=True)):
        text = voice.said(cell_text(cell, column))
        look = "" if _numeric(table, k) else _WORD
        cells.append(f"<td{look}>{text}</td>" if k else f'<th scope="row">{text}</th>')
    if behind:
        opens = (table.key, number) in page.rows_behind
        button = f'<button type="button" data-row="{table.key}:{number}">{voice.said(words.BEHIND)}</button>'
        cells.append(f"<td>{button if opens else ''}</td>")
    return f"<tr>{''.join(cells)}</tr>\n"


def _trial(page: CouncilPage, part: LadderTrial | CalculatorTrial, voice: Voice) -> str:
    kind = "ladder" if isinstance(part, LadderTrial) else "calculator"
    about = words.LADDER_ABOUT if kind == "ladder" else words.CALCULATOR_ABOUT
    return (
        f'<div class="trial" id="trial-{part.key}" data-trial="{kind}" data-key="{part.key}">\n'
        f"<h3>{voice.said(words.TRIAL)}: {voice.said(part.title)}{_label(page, voice)}</h3>\n"
        f'<p>{voice.said(about)}</p>\n<div class="trial-body"></div></div>\n'
    )


# --- Data of the script


def _data(page: CouncilPage, voice: Voice) -> dict[str, Any]:
    texts: dict[Bilingual, int] = {}
    tables = {table.key: _table_data(table, texts, voice) for table in page.tables}
    behind: dict[str, dict[str, Any]] = {}
    for (key, row), several in page.rows_behind.items():
        behind.setdefault(key, {})[str(row)] = [_drill_data(drill, texts) for drill in several]
    trials = {part.key: _trial_data(part, voice) for part in _trials(page)}
    drills = {key: _drill_data(drill, texts) for key, drill in page.drills.items()}
    return {
        "items": [],
        "languages": list(voice.languages),
        "words": voice.words(words.SCRIPT),
        "banners": [voice.data(banner) for banner in page.banners],
        "origin": voice.data(_short_banners(page)),
        "tables": tables,
        "drills": drills,
        "behind": behind,
        "trials": trials,
        "texts": [voice.data(text) for text in texts],
    }


def _trials(page: CouncilPage) -> Iterator[LadderTrial | CalculatorTrial]:
    for section in page.sections:
        yield from (p for p in section.parts if isinstance(p, LadderTrial | CalculatorTrial))


def _place(text: Bilingual, texts: dict[Bilingual, int]) -> int:
    return texts.setdefault(text, len(texts))


def _table_data(table: PageTable, texts: dict[Bilingual, int], voice: Voice) -> dict[str, Any]:
    columns = [
        {"name": column.name, "label": voice.data(column.label), "decimals": column.decimals}
        for column in table.columns
    ]
    rows = [[_cell_data(cell, texts) for cell in row] for row in table.rows]
    return {"title": voice.data(table.title), "columns": columns, "rows": rows}


def _cell_data(cell: Cell, texts: dict[Bilingual, int]) -> Any:
    """Write a text as a list with its place among the texts, a number as it is."""
    if isinstance(cell, Bilingual):
        return [_place(cell, texts)]
    return None if cell is None or cell != cell else cell


def _drill_data(drill: Drill, texts: dict[Bilingual, int]) -> dict[str, Any]:
    made = {"title": _place(drill.title, texts), "table": drill.table, "rows": list(drill.rows)}
    return made | ({"columns": list(drill.columns)} if drill.columns else {})


def _trial_data(part: LadderTrial | CalculatorTrial, voice: Voice) -> dict[str, Any]:
    if isinstance(part, LadderTrial):
        steps = [
            {k: voice.data(v) if isinstance(v, Bilingual) else v for k, v in one.items()}
            for one in part.steps
        ]
        moves = [{"n": n, "origin": origin, "target": target} for n, origin, target in part.moves]
        return {"steps": steps, "moves": moves, "figure": part.figure}
    prices = [
        {k: voice.data(v) if isinstance(v, Bilingual) else v for k, v in one.items()} for one in part.prices
    ]
    return {
        "prices": prices,
        "lines": [dict(one) for one in part.lines],
        "weeks": part.weeks,
        "factor": part.factor,
        "units": voice.words(part.units),
    }
