"""Tables for Word: A4, three lines, the headings repeated on every page, the same bytes in every run."""

import io
import zipfile
from collections.abc import Sequence
from typing import Any

from kostnadsvekst.errors import DataMissingError
from kostnadsvekst.report.page_fit import Fit, Paper, Texts, fit_table
from kostnadsvekst.report.text_widths import unbroken

# A4 with margins of 2.5 cm. Where Times is not installed its substitutes are wider by as much.
PAPER = Paper(width=453.0, height=700.0, stretch=1.25)
_A4 = (11906, 16838)
_MARGIN = 1417
_FONT = "Times New Roman"
_BEFORE = "\u2003"
# Twentieths of a point in a point.
_TWIPS = 20
# English Metric Units of a point.
_EMU = 12_700
_THICK, _THIN = "8", "4"


def word_file(texts: Texts, author: str) -> bytes:
    """Write a table as a Word document, its title above and its notes below.

    Parameters
    ----------
    texts : Texts
    author : str

    Raises
    ------
    DataMissingError
        If python-docx is not installed.
    """
    try:
        from docx import Document
    except ImportError as error:
        raise DataMissingError(
            "Word documents need python-docx: python -m pip install 'kostnadsvekst[word]'"
        ) from error
    fits = fit_table(texts, PAPER)
    document = Document()
    document.core_properties.author = author
    _set_page(document.sections[0], across=any(fit.across for fit in fits))
    for number, fit in enumerate(fits, 1):
        part = f" ({number}/{len(fits)})" if len(fits) > 1 else ""
        _write(document.add_paragraph(), texts.title + part, 10, bold=True, stays=True)
        _fill(document, texts.part(fit.start, fit.stop), fit)
    for note in texts.notes:
        _write(document.add_paragraph(), note, 8, above=4)
    buffer = io.BytesIO()
    document.save(buffer)
    return _without_dates(buffer.getvalue())


def _set_page(section: Any, *, across: bool) -> None:
    from docx.enum.section import WD_ORIENT
    from docx.shared import Twips

    width, height = reversed(_A4) if across else _A4
    section.orientation = WD_ORIENT.LANDSCAPE if across else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = Twips(width), Twips(height)
    for side in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
        setattr(section, side, Twips(_MARGIN))


def _fill(document: Any, texts: Texts, fit: Fit) -> None:
    heads = len(texts.headings)
    grid = document.add_table(rows=heads + len(texts.rows), cols=len(fit.widths))
    grid.autofit = False
    for column, width in zip(grid.columns, fit.widths, strict=True):
        column.width = round((width + PAPER.gap) * _EMU)
    # Cells of python-docx are looked up anew each time: once for all.
    lines = [list(row.cells) for row in grid.rows]
    for cells in lines:
        for cell, width in zip(cells, fit.widths, strict=True):
            cell.width = round((width + PAPER.gap) * _EMU)
    _fill_head(lines, texts, fit)
    for cells, row, indent in zip(lines[heads:], texts.rows, texts.indents, strict=True):
        _write(cells[0].paragraphs[0], _BEFORE * indent + row[0], fit.size)
        if len(row) == 1:
            cells[0].merge(cells[-1])
        for cell, text, left in zip(cells[1:], row[1:], texts.left, strict=False):
            _write(cell.paragraphs[0], unbroken(text), fit.size, side="left" if left else "right")
    _draw_lines(list(document.element.body.iter(_tag("w:tbl")))[-1], heads, texts.rules)


def _draw_lines(grid: Any, heads: int, rules: Sequence[bool]) -> None:
    """Three lines, those between parts of the table, headings that repeat, rows that stay together."""
    margins = _element("w:tblCellMar")
    for side in ("w:left", "w:right"):
        margins.append(_element(side, {"w:w": str(round(PAPER.gap / 2 * _TWIPS)), "w:type": "dxa"}))
    _put(grid.tblPr, margins, before=("w:tblLook", "w:tblCaption"))
    rows = list(grid.tr_lst)
    for number, row in enumerate(rows):
        properties = row.get_or_add_trPr()
        properties.append(_element("w:cantSplit"))
        if number < heads:
            properties.append(_element("w:tblHeader"))
    for cell in (cell for row in rows[: heads - 1] for cell in row.tc_lst if cell.grid_span > 1):
        _rule([cell], "bottom", _THIN)
    _rule(rows[heads - 1].tc_lst, "bottom", _THIN)
    _rule(rows[0].tc_lst, "top", _THICK)
    for row, rule in zip(rows[heads:], rules, strict=True):
        if rule:
            _rule(row.tc_lst, "top", _THIN)
    _rule(rows[-1].tc_lst, "bottom", _THICK)


def _fill_head(lines: Sequence[Sequence[Any]], texts: Texts, fit: Fit) -> None:
    for number, (cells, line) in enumerate(zip(lines, texts.headings, strict=False)):
        if number == len(texts.headings) - 1:
            _write(cells[0].paragraphs[0], texts.stub, fit.size, low=cells[0])
        j = 1
        for text, span in line:
            cell = cells[j].merge(cells[j + span - 1]) if span > 1 else cells[j]
            side = "center" if span > 1 else "left" if texts.left[j - 1] else "right"
            _write(cell.paragraphs[0], text, fit.size, side=side, low=cell)
            j += span


def _write(
    paragraph: Any,
    text: str,
    size: float,
    *,
    side: str = "left",
    bold: bool = False,
    stays: bool = False,
    above: float = 0,
    low: Any = None,
) -> None:
    from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    run = paragraph.add_run(text)
    run.bold, run.font.size, run.font.name = bold or None, Pt(size), _FONT
    form = paragraph.paragraph_format
    form.space_before, form.space_after, form.line_spacing = Pt(above), Pt(2 if stays else 0), 1.0
    form.keep_with_next = stays or None
    if side != "left":
        paragraph.alignment = getattr(WD_ALIGN_PARAGRAPH, side.upper())
    if low is not None:
        low.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.BOTTOM


def _tag(name: str) -> str:
    from docx.oxml.ns import qn

    return str(qn(name))


def _element(name: str, values: dict[str, str] | None = None) -> Any:
    from docx.oxml import OxmlElement

    element = OxmlElement(name)
    for key, value in (values or {}).items():
        element.set(_tag(key), value)
    return element


def _put(parent: Any, element: Any, before: Sequence[str]) -> None:
    """Add an element where the order of the schema wants it."""
    tags = [_tag(name) for name in before]
    place = next((k for k, child in enumerate(parent) if child.tag in tags), len(parent))
    parent.insert(place, element)


def _rule(cells: Sequence[Any], side: str, thickness: str) -> None:
    for cell in cells:
        properties = cell.get_or_add_tcPr()
        borders = properties.find(_tag("w:tcBorders"))
        if borders is None:
            borders = _element("w:tcBorders")
            _put(properties, borders, before=("w:shd", "w:noWrap", "w:tcMar", "w:vAlign"))
        line = {"w:val": "single", "w:sz": thickness, "w:space": "0", "w:color": "auto"}
        _put(borders, _element(f"w:{side}", line), before=("w:bottom",) if side == "top" else ())


def _without_dates(document: bytes) -> bytes:
    """Compressed archive again with one date for all its members."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(document)) as old, zipfile.ZipFile(made, "w") as new:
        for member in old.infolist():
            new.writestr(
                zipfile.ZipInfo(member.filename, (1980, 1, 1, 0, 0, 0)),
                old.read(member),
                compress_type=zipfile.ZIP_DEFLATED,
            )
    return made.getvalue()
