"""The parts of the page as markup: the answer, printed tables, claims, findings, figures."""

from collections.abc import Iterator
from urllib.parse import quote

import pandas as pd

from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.report.audit import CALIBRATED, DIFFERS, EVIDENCE_LABELS, VERDICT_LABELS, VERDICTS
from kostnadsvekst.report.page import words
from kostnadsvekst.report.page.content import ClaimCard, FindingCard, Page, Picture, PrintedCell, PrintedTable
from kostnadsvekst.report.page.markup import audited, escape, in_attributes, said
from kostnadsvekst.report.page.svg import draw, swatch


def mark(page: Page, synthetic: bool | None = None) -> str:
    """Label of a part: data of the user's own, or synthetic data; nothing where neither is behind it."""
    if page.own_data:
        return f'<p class="warning">{said(words.OWN_LABEL)}</p>\n'
    if page.synthetic if synthetic is None else synthetic:
        return f'<p class="warning">{said(words.SYNTHETIC_PART)}</p>\n'
    return ""


def answer(page: Page) -> str:
    """Tell what came out: sentences, counts by class of evidence, strongest findings, key to the signs."""
    sentences = "".join(f"<li>{said(sentence)}</li>\n" for sentence in page.answer)
    strongest = "".join(
        f'<li><a href="#{escape(key.replace(" ", "%20"))}">{said(text)}</a></li>\n'
        for key, text in page.strongest
    )
    heading = f"<h3>{said(words.STRONGEST)}</h3>\n<ol>\n{strongest}</ol>\n" if strongest else ""
    counts = "".join(_counts(title, frame) for title, frame in page.counts)
    key = "".join(
        f'<li><span class="cell {words.CLASSES[v]}"><span class="sign">{words.SIGNS[v]}</span> '
        f"{said(VERDICT_LABELS[v])}</span></li>"
        for v in VERDICTS
    )
    return _section(
        page,
        "answer",
        f"<ul>\n{sentences}</ul>\n{counts}<p>{said(words.ONCE)}</p>\n{heading}"
        f'<h3>{said(words.SIGNS_TOLD)}</h3>\n<ul class="key">{key}</ul>\n',
    )


def _section(page: Page, name: str, body: str, *, synthetic: bool | None = None) -> str:
    about = f"<p>{said(words.ABOUT[name])}</p>\n" if name in words.ABOUT else ""
    return (
        f'<section id="{name}" aria-labelledby="h-{name}">\n<h2 id="h-{name}">'
        f"{said(words.HEADINGS[name])}</h2>\n"
        f"{mark(page, synthetic)}{about}{body}</section>\n"
    )


def _counts(title: Bilingual, counts: pd.DataFrame) -> str:
    """Count by class of evidence and verdict; a zero is left blank, no sum is made."""
    head = "".join(
        f'<th scope="col"><span aria-hidden="true">{words.SIGNS[v]}</span> {said(VERDICT_LABELS[v])}</th>'
        for v in VERDICTS
    )
    rows = "".join(
        f'<tr><th scope="row">{said(EVIDENCE_LABELS[str(kind)])}</th>'
        + "".join(f"<td>{int(counts.loc[kind, v]) or ''}</td>" for v in VERDICTS)
        + "</tr>\n"
        for kind in counts.index
        if counts.loc[kind].sum()
    )
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(title.nb)}" '
        f"{in_attributes(title, 'label')}>"
        f"<table><caption>{said(title)}</caption>\n"
        f'<thead><tr><th scope="col">{said(words.EVIDENCE)}</th>{head}</tr></thead>\n<tbody>'
        f"\n{rows}</tbody></table>"
        "</div>\n"
    )


def tables(page: Page) -> str:
    """Every printed table, its cells coloured and marked by verdict."""
    return (
        _section(page, "tables", "".join(_table(page, table) for table in page.tables)) if page.tables else ""
    )


def _table(page: Page, table: PrintedTable) -> str:
    body = "".join(
        f'<tr><th scope="row">{said(row.label)}</th>{"".join(_cell(cell) for cell in row.cells)}</tr>\n'
        for row in table.rows
    )
    synthetic = any(
        item.origin == "synthetic" for row in table.rows for cell in row.cells if cell for item in cell.judged
    )
    name = f"h-{table.key}"
    return (
        f'<div class="printed" id="{escape(table.key)}">\n'
        f'<h3 id="{escape(name)}">{said(table.title)}</h3>\n{mark(page, synthetic)}'
        f'<div class="scroll" tabindex="0" role="group" aria-labelledby="{escape(name)}"><table '
        f'class="audit">\n'
        f"<thead>{_head(table)}</thead>\n<tbody>\n{body}</tbody>\n</table></div>\n"
        f'<p class="note">{said(table.note)}</p></div>\n'
    )


def _head(table: PrintedTable) -> str:
    columns = "".join(f'<th scope="col">{said(column)}</th>' for column in table.columns)
    groups = "".join(
        f'<th scope="colgroup" colspan="{span}">{said(text)}</th>' for text, span in table.groups
    )
    above = f"<tr><td></td>{groups}</tr>\n" if groups else ""
    return f"{above}<tr><td></td>{columns}</tr>"


def _cell(cell: PrintedCell | None) -> str:
    if cell is None:
        return "<td></td>"
    if not cell.judged:
        return f"<td>{escape(cell.text)}</td>"
    worst = max(cell.judged, key=lambda item: VERDICTS.index(item.verdict)).verdict
    return (
        f'<td><button type="button" class="cell {words.CLASSES[worst]}" tabindex="-1" '
        f'data-key="{escape(cell.judged[0].key)}">{escape(cell.text)}'
        f'<span class="sign" aria-hidden="true">{words.SIGNS[worst]}</span>'
        f'<span class="hidden"> {said(VERDICT_LABELS[worst])}</span></button></td>'
    )


def claims(page: Page) -> str:
    """Claims with their sentences."""
    if not page.claims:
        return ""
    listed = "".join(_claim(page, card) for card in page.claims)
    return _section(page, "claims", f'<ul class="cards" id="claim-list">\n{listed}</ul>\n')


def _claim(page: Page, card: ClaimCard) -> str:
    item = card.judged
    verdict, sign = VERDICT_LABELS[item.verdict], words.SIGNS[item.verdict]
    same = f" · {said(words.SAME_AS)} {escape(card.same_as)}" if card.same_as else ""
    synthetic = item.verdict == CALIBRATED or (item.verdict == DIFFERS and item.origin == "synthetic")
    told = said(words.ORIGINS["synthetic"]) if synthetic and not page.own_data else ""
    label = said(words.OWN_LABEL) if page.own_data else told
    numbers = "".join(
        f"<span>{said(name)} <b>{said(value)}</b></span> "
        for name, value in ((words.PRINTED, both(item.published)), (words.OURS, audited(item.ours)))
        if value.nb
    )
    return (
        f'<li data-key="{escape(item.key)}"><p class="place"><b>{escape(item.key)}</b> · '
        f"{said(item.place)}{same}</p>"
        f'<blockquote lang="nb">{escape(card.quote)}</blockquote>'
        f'<p>{numbers}<span class="cell {words.CLASSES[item.verdict]}"><span class="sign" '
        f'aria-hidden="true">{sign}'
        f"</span> {said(verdict)}</span> {said(EVIDENCE_LABELS[item.evidence])}"
        f"{f' <small>({label})</small>' if label else ''}</p>"
        f'<button type="button" data-key="{escape(item.key)}">{said(words.DETAILS)} '
        f"{escape(item.key)}</button></li>\n"
    )


def findings(page: Page) -> str:
    """Contradictions of the report with itself, with their arithmetic."""
    if not page.findings:
        return ""
    listed = "".join(_finding(page, card) for card in page.findings)
    return _section(
        page, "findings", f'<ul class="cards" id="finding-list">\n{listed}</ul>\n', synthetic=False
    )


def _finding(page: Page, card: FindingCard) -> str:
    rows = "".join(f"<dt>{said(name)}</dt><dd>{text}</dd>" for name, text in _facts(card) if text)
    code = "".join(
        f"<details><summary>{said(words.RULE)}: <code>{escape(page.code[key].key)}</code></summary>"
        f'<pre tabindex="0"><code data-code="{escape(key)}"></code></pre></details>'
        for key in card.code
    )
    return (
        f'<li id="finding-{escape(card.key)}" data-finding="1"><h3><span class="level" aria-hidden="true">'
        f"{_LEVEL_SIGNS[card.level]}</span> {said(card.kind)}</h3>\n<dl>{rows}</dl>{code}</li>\n"
    )


_LEVEL_SIGNS = {"contradiction": "≠", "rounding": "≈", "wording": "„“", "undeclared": "?"}


def _facts(card: FindingCard) -> Iterator[tuple[Bilingual, str]]:
    yield words.SEVERITY, said(card.severity)
    yield words.CONFIDENCE, said(card.confidence)
    yield words.PLACES, f'<span lang="nb">{escape(card.places)}</span>'
    yield words.ARITHMETIC, said(card.arithmetic)
    yield words.LIKELY, escape(card.likely)
    yield words.NOTE, said(card.note)


def figures(page: Page) -> str:
    """Figures with their values and their data."""
    if not page.pictures:
        return ""
    return _section(page, "figures", "".join(_figure(page, picture) for picture in page.pictures))


def _figure(page: Page, picture: Picture) -> str:
    key, last = escape(picture.key), len(picture.labels) - 1
    legend = "".join(
        f"<li>{swatch(number)} {said(series.label)}</li>" for number, series in enumerate(picture.series)
    )
    shown = f'<ul class="legend">{legend}</ul>' if len(picture.series) > 1 else ""
    return (
        f'<figure id="fig-{key}" data-chapter="{escape(picture.chapter)}">\n'
        f'<figcaption><h3 id="h-{key}">{said(picture.title)}</h3></figcaption>{mark(page, picture.synthetic)}'
        f'<div class="scroll" tabindex="0" role="group" aria-labelledby="h-{key}">{draw(picture)}</div>'
        f"{shown}\n"
        f'<div class="values"><label>{said(words.SLIDER)} <input type="range" min="0" max="{last}" '
        f'value="{last}" '
        f'data-slider="{key}"></label><output data-values="{key}"></output>'
        f'<button type="button" data-csv="{key}">{said(words.DOWNLOAD)}'
        f'<span class="hidden">: {said(picture.title)}</span></button>'
        f"<small>{said(words.DATA_FROM)}: <code>{escape(picture.source)}</code></small></div></figure>\n"
    )


def files(page: Page) -> str:
    """Index of what the chapters wrote, in place of hunting through the folder."""
    if not page.files:
        return ""
    listed = "".join(
        f'<details class="files"><summary>{said(page.chapters[name])} ({len(paths)})</summary>\n<ul>'
        + "".join(f'<li><a href="{escape(quote(path))}">{escape(path)}</a></li>\n' for path in paths)
        + "</ul></details>\n"
        for name, paths in page.files.items()
    )
    return _section(page, "files", listed)
