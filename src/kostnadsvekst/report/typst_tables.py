"""Tables for Typst, set so that they fit the page and break over pages, the headings repeated.

Texts are string literals, so nothing in them is read as markup.
"""

from collections.abc import Iterator

from kostnadsvekst.report.page_fit import Fit, Paper, Texts, fit_table
from kostnadsvekst.report.text_widths import pieces, unbroken, wrap

# A4 with Typst's margins of 2.5 cm.
PAPER = Paper(width=452.0, height=698.0)


def typst_file(texts: Texts) -> str:
    """Write a table as a Typst file: a figure that may break over pages, turned where it has to be.

    Parameters
    ----------
    texts : Texts
    """
    fits = fit_table(texts, PAPER)
    lines = []
    for number, fit in enumerate(fits, 1):
        part = texts.part(fit.start, fit.stop)
        title = texts.title + (f" ({number}/{len(fits)})" if len(fits) > 1 else "")
        lines += ["#page(flipped: true)[" if fit.across else "#["]
        lines += ["#show figure: set block(breakable: true)"]
        lines += [f'#set text(size: {fit.size:g}pt, lang: "{texts.lang}")']
        lines += [
            "#figure(",
            f"  caption: figure.caption(position: top, {_text(title)}),",
            *_table(part, fit),
            ")",
        ]
        if number == len(fits):
            lines += [f"#text(size: 0.9em, {_text(_breakable(note))})\n" for note in texts.notes]
        lines.append("]")
    return "\n".join(lines) + "\n"


def _table(texts: Texts, fit: Fit) -> Iterator[str]:
    sides = ", ".join("left" if left else "right" for left in texts.left)
    inset = PAPER.gap / 2
    widths = [
        f"{width + PAPER.gap:.1f}pt" if wrapped else "auto"
        for width, wrapped in zip(fit.widths, fit.wrapped, strict=True)
    ]
    yield "  table("
    yield f"    columns: ({', '.join(widths)}),"
    yield f"    align: (left, {sides}),"
    yield f"    stroke: none, inset: (x: {inset:g}pt, y: 2.5pt),"
    yield "    table.hline(),"
    yield f"    table.header({', '.join(_head(texts, fit))}),"
    yield "    table.hline(stroke: 0.5pt),"
    for row, indent, rule in zip(texts.rows, texts.indents, texts.rules, strict=True):
        if rule:
            yield "    table.hline(stroke: 0.5pt),"
        label = f"h({indent}em) + {_text(_label(row[0], fit))}"
        if len(row) == 1:
            yield f"    table.cell(colspan: {len(fit.widths)}, {label}),"
            continue
        cells = [
            _text(_breakable(text) if wrapped else unbroken(text))
            for text, wrapped in zip(row[1:], fit.wrapped[1:], strict=True)
        ]
        yield "    " + ", ".join([label, *cells]) + ","
    yield "    table.hline(),"
    yield "  ),"


def _head(texts: Texts, fit: Fit) -> Iterator[str]:
    for number, line in enumerate(texts.headings):
        last = number == len(texts.headings) - 1
        stub = _lines(texts.stub if last else "", fit.widths[0], fit.size)
        yield f"table.cell(align: left + bottom, {stub})" if last else stub
        j = 1
        for text, span in line:
            width = sum(fit.widths[j : j + span]) + PAPER.gap * (span - 1)
            cell = _lines(text, width, fit.size)
            side = "center" if span > 1 else "left" if texts.left[j - 1] else "right"
            yield f"table.cell(colspan: {span}, align: {side} + bottom, {cell})"
            j += span


def _lines(text: str, width: float, size: float) -> str:
    return " + linebreak() + ".join(_text(unbroken(line)) for line in wrap(text, width, size))


def _label(text: str, fit: Fit) -> str:
    return _breakable(text) if fit.wrapped[0] else text


def _breakable(text: str) -> str:
    """Text with invisible blanks where the rule counts on a break that Typst would not make."""
    return "".join(
        piece + (glue or ("\u200b" if piece.endswith("_") or len(piece) >= 24 else ""))
        for piece, glue in pieces(text)
    )


def _text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
