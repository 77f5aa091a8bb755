"""Files of a municipal system: the workbook, one CSV a table, and a page, for the analyst or the public."""

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kostnadsvekst.chapters.municipal_public import public_sheets
from kostnadsvekst.chapters.municipal_sheets import (
    MADE_UP,
    NOT_FOR_PUBLICATION,
    PUBLIC,
    System,
    about_sheet,
    assumption_sheet,
    evaluated,
    log_sheet,
    slug,
    words,
)
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.tables import (
    Cell,
    Heading,
    Number,
    Row,
    Table,
    html_fragment,
    html_page,
    render_csv,
)
from kostnadsvekst.report.workbook import Sheet, SheetColumn, Value, Workbook, render_workbook
from kostnadsvekst.sources.files import USER_FILE
from kostnadsvekst.sources.municipal_book import MunicipalBook
from kostnadsvekst.sources.municipal_examples import MADE_UP_ORIGIN

# Digits shown behind the comma, by the look of a column.
_DECIMALS = {"kr": 2, "whole": 0, "year": 0, "number": 2, "percent": 1, "factor": 4, "general": 4}
_ORIGINS = {
    MADE_UP_ORIGIN: Bilingual("oppdiktet eksempel", "made-up example"),
    USER_FILE: Bilingual("brukerens fil", USER_FILE),
}


@dataclass(frozen=True, slots=True)
class _Edition:
    """What one edition in one language shows.

    Attributes
    ----------
    sheets : tuple of Sheet
        Of the workbook.
    tables : tuple of Sheet
        Results, of which CSV and page are made.
    assumptions : Sheet or None
    log : Sheet or None
    banners : tuple of str
    names : mapping of str to str
    """

    sheets: tuple[Sheet, ...]
    tables: tuple[Sheet, ...]
    assumptions: Sheet | None
    log: Sheet | None
    banners: tuple[str, ...]
    names: Mapping[str, str]


def render_system(book: MunicipalBook, system: System, lang: str, *, publish: bool) -> dict[str, str | bytes]:
    """Render the files of a system in a language.

    Parameters
    ----------
    book : MunicipalBook
    system : System
        In that language.
    lang : {"nb", "en"}
    publish : bool
        The public edition: small numbers and all that gives them back are hidden; no formulas, no inputs, no
        names of cells.

    Returns
    -------
    dict of str to str or bytes
        Name -> content.
    """
    edition = _public(book, system, lang) if publish else _analyst(book, system, lang)
    title = book.kind.title.get(lang)
    stem = f"{book.kind.name}-public" if publish else book.kind.name
    made = Workbook(title, edition.sheets, edition.banners, edition.names)
    files: dict[str, str | bytes] = {f"{stem}_{lang}.xlsx": render_workbook(made)}
    provenance = _told(book.provenance, lang, publish=publish)
    tables = [to_table(sheet, provenance, lang) for sheet in edition.tables]
    for table in tables:
        files[f"{stem}_{slug(table.name)}_{lang}.csv"] = render_csv(table, lang)
    files[f"{stem}_{lang}.html"] = _page(edition, tables, provenance, title, lang)
    return files


def _told(provenance: Provenance, lang: str, *, publish: bool) -> Provenance:
    """Say where the numbers are from; a digest of the book would let the public try numbers."""
    origin = _ORIGINS.get(provenance.origin, both(provenance.origin)).get(lang)
    return replace(provenance, origin=origin, file_sha256="" if publish else provenance.file_sha256)


def _analyst(book: MunicipalBook, system: System, lang: str) -> _Edition:
    assumed = assumption_sheet(system.assumptions, lang) if system.assumptions else None
    log = log_sheet(system.judgements, lang)
    inner = (*([assumed] if assumed else []), *system.results, *system.inputs, log)
    names = {}
    if assumed:
        names = {one.name: assumed.cell("value", k) for k, one in enumerate(system.assumptions)}
    sheets = (about_sheet(book, inner, lang, public=False), *inner)
    banners = (NOT_FOR_PUBLICATION.get(lang), *_made_up(book, lang))
    return _Edition(sheets, system.results, assumed, log, banners, names)


def _made_up(book: MunicipalBook, lang: str) -> tuple[str, ...]:
    return (MADE_UP.get(lang),) if book.provenance.origin == MADE_UP_ORIGIN else ()


def _public(book: MunicipalBook, system: System, lang: str) -> _Edition:
    results = public_sheets(system)
    assumed = assumption_sheet(system.assumptions, lang) if system.assumptions else None
    inner = (*results, *([_without_names(assumed)] if assumed else []))
    sheets = (about_sheet(book, inner, lang, public=True), *inner)
    return _Edition(sheets, results, assumed, None, (PUBLIC.get(lang), *_made_up(book, lang)), {})


def _without_names(sheet: Sheet) -> Sheet:
    """Assumptions as they are told to the public: nothing there drives a formula."""
    kept = [k for k, column in enumerate(sheet.columns) if column.name != "name"]
    columns = tuple(replace(sheet.columns[k], role="text") for k in kept)
    return replace(
        sheet, columns=columns, rows=tuple(tuple(row[k] for k in kept) for row in sheet.rows), notes=()
    )


def to_table(sheet: Sheet, provenance: Provenance, lang: str) -> Table:
    """Table of a sheet, for CSV and the page.

    Parameters
    ----------
    sheet : Sheet
    provenance : Provenance
        Its origin in words of the language.
    lang : {"nb", "en"}
    """
    head, *rest = sheet.columns
    headings = tuple(
        Heading(f"{column.label} ({column.unit})" if column.unit else column.label) for column in rest
    )
    rows = tuple(
        Row(str(evaluated(row[0]) or ""), tuple(_cell(c, v) for c, v in zip(rest, row[1:], strict=True)))
        for row in sheet.rows
    )
    notes = tuple(both(note) for note in sheet.notes)
    return Table(sheet.name, both(sheet.title), head.label, (headings,), rows, notes, provenance)


def _cell(column: SheetColumn, value: Value) -> Cell:
    plain = evaluated(value)
    if plain is None or (isinstance(plain, float) and plain != plain):
        return ""
    if isinstance(plain, str):
        return plain
    if column.look == "year":
        return str(int(plain))
    return Number(float(plain), _DECIMALS.get(column.look, 2))


def _page(edition: _Edition, tables: Sequence[Table], provenance: Provenance, title: str, lang: str) -> str:
    lines = [f"<h1>{html.escape(title)}</h1>"]
    lines += [f'<p class="synthetic">{html.escape(banner)}</p>' for banner in edition.banners]
    source = words(lang, "Grunnlag", "Basis")
    digest = f" (sha256 {provenance.file_sha256[:12]})" if provenance.file_sha256 else ""
    lines.append(f"<p>{source}: {html.escape(provenance.file)}{digest}</p>")
    lines.append("<ul>")
    lines += [f'<li><a href="#t{k}">{html.escape(_title(t, lang))}</a></li>' for k, t in enumerate(tables)]
    lines.append("</ul>")
    lefts = [place for k, sheet in enumerate(edition.tables) for place in _columns_of_words(f"#t{k}", sheet)]
    lines.append(f"<style>\n{_STYLE}{', '.join(lefts)} {{ text-align: left; }}\n</style>")
    for k, table in enumerate(tables):
        lines.append(f'<div id="t{k}">\n{html_fragment(table, lang)}</div>')
    for sheet in (edition.assumptions, edition.log):
        if sheet is not None:
            lines.append(_listing(sheet))
    version = f"kostnadsvekst {provenance.package_version}"
    lines.append(f'<p class="note">{html.escape(version)}</p>')
    return html_page(title, "\n".join(lines) + "\n", lang, synthetic=False)


# Wide tables move inside the page, and their headings break.
_STYLE = """div[id] { overflow-x: auto; margin: 1.5rem 0; }
div[id] th { white-space: normal; min-width: 5rem; max-width: 14rem; vertical-align: bottom; }
@page { size: A4 landscape; margin: 12mm; }
@media print {
  div[id] { overflow-x: visible; }
  div[id] th, div[id] td { white-space: normal; font-size: 0.6rem; padding: 0.05rem 0.25rem; min-width: 0; }
}
"""


def _columns_of_words(table: str, sheet: Sheet) -> Iterator[str]:
    """Cells of columns without numbers, as style sheets name them."""
    for k, column in enumerate(zip(*sheet.rows, strict=True), start=1):
        if all(value is None or isinstance(evaluated(value), str) for value in column):
            yield from (f"{table} {cell}:nth-child({k})" for cell in ("th", "td"))


def _title(table: Table, lang: str) -> str:
    return table.title.get(lang)


def _listing(sheet: Sheet) -> str:
    """Table of words, in the style of the audit."""
    kept = [k for k, column in enumerate(sheet.columns) if column.name not in ("name", "signed")]
    head = "".join(f"<th>{html.escape(sheet.columns[k].label)}</th>" for k in kept)
    lines = [
        f"<h2>{html.escape(sheet.title)}</h2>",
        f'<table class="audit">\n<thead><tr>{head}</tr></thead>\n<tbody>',
    ]
    for row in sheet.rows:
        if any(value is not None for value in row):
            cells = "".join(f"<td>{html.escape(_shown(row[k]))}</td>" for k in kept)
            lines.append(f"<tr>{cells}</tr>")
    return "\n".join([*lines, "</tbody>\n</table>"])


def _shown(value: Value) -> str:
    plain = evaluated(value)
    return "" if plain is None else f"{plain:.10g}" if isinstance(plain, float) else str(plain)
