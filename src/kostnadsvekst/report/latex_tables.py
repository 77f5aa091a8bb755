r"""Tables for LaTeX, set so that they fit the page: the file compiles as it stands, and can be included.

A file begins with a preamble that takes effect only where no document has begun, and ends with what closes
it. In a document of one's own it is a table for ``\input``, with ``\usepackage{booktabs}``; a table that is
longer than a page needs longtable, too, and one that lies across the page pdflscape.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.latex import escape_latex, escape_row_start, label_slug
from kostnadsvekst.report.page_fit import LEADING, Fit, Paper, Texts, fit_table
from kostnadsvekst.report.text_widths import pieces, wrap

# Text area of the class article at ten points, on A4 as on letter paper, less a little for other fonts.
PAPER = Paper(width=338.0, height=530.0)
HEAD = r"""% A table by kostnadsvekst. pdflatex sets this file as it stands; in a document, include it with
% \usepackage{booktabs}; with longtable, too, if it is longer than a page, and pdflscape if it lies across.
\expandafter\ifx\csname @nodocument\endcsname\relax\else
\documentclass[a4paper]{article}\usepackage{booktabs,longtable,pdflscape}\pagestyle{empty}
\begin{document}\gdef\kvend{\end{document}}
\fi
"""
FOOT = r"""\ifdefined\kvend\expandafter\kvend\fi
"""
CONTINUED = Bilingual("fortsatt", "continued")
_TABLE = Bilingual("Tabell", "Table")
_PART = Bilingual("del {} av {}", "part {} of {}")
# In a cell of given width, where a line end is to end the row as elsewhere.
_SIDES = (
    r"\def\kvl{\raggedright\let\\\tabularnewline}",
    r"\def\kvr{\raggedleft\let\\\tabularnewline}",
)
_KVL, _KVR = r"\kvl ", r"\kvr "


def latex_file(texts: Texts) -> str:
    """Write a table as a LaTeX file.

    Parameters
    ----------
    texts : Texts
        Plain; every sign of LaTeX's is escaped here.
    """
    fits = fit_table(texts, PAPER)
    lines = [HEAD.rstrip("\n")]
    for number, fit in enumerate(fits, 1):
        part = texts.part(fit.start, fit.stop)
        several = len(fits) > 1
        told = f" ({_PART.get(texts.lang).format(number, len(fits))})" if several else ""
        label = f"{label_slug(texts.name)}-{number}" if several else label_slug(texts.name)
        head = (rf"\caption{{{escape_latex(texts.title + told)}}}", rf"\label{{tab:{label}}}")
        notes = list(map(_note, texts.notes)) if number == len(fits) else []
        body = (_long if fit.over_pages else _floating)(part, fit, head, notes)
        lines += [r"\begin{landscape}", *body, r"\end{landscape}"] if fit.across else body
    return "\n".join(lines) + "\n" + FOOT


def _floating(texts: Texts, fit: Fit, head: tuple[str, str], notes: Sequence[str]) -> list[str]:
    return [
        r"\begin{table}[htbp]",
        r"\centering",
        *_type(texts, fit),
        *head,
        rf"\begin{{tabular}}{{{_columns(texts, fit)}}}",
        *_head(texts, fit),
        *_rows(texts, fit),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\smallskip\parbox{{\linewidth}}{{{note}}}" for note in notes),
        r"\end{table}",
    ]


def _long(texts: Texts, fit: Fit, head: tuple[str, str], notes: Sequence[str]) -> list[str]:
    # All widths given: head and rows agree in the first run.
    fit = replace(fit, wrapped=(True,) * len(fit.wrapped))
    again = rf"\multicolumn{{{len(fit.widths)}}}{{@{{}}l@{{}}}}{{\itshape {CONTINUED.get(texts.lang)}}} \\"
    return [
        r"\begingroup",
        *_type(texts, fit),
        r"\setlength{\LTcapwidth}{\linewidth}",
        rf"\begin{{longtable}}{{{_columns(texts, fit)}}}",
        "".join(head) + r"\\",
        *_head(texts, fit),
        r"\endfirsthead",
        again,
        *_head(texts, fit),
        r"\endhead",
        r"\bottomrule",
        r"\endfoot",
        *_rows(texts, fit),
        r"\end{longtable}",
        *(rf"\par\smallskip\noindent {note}\par" for note in notes),
        r"\endgroup",
    ]


def _type(texts: Texts, fit: Fit) -> list[str]:
    leading = f"{LEADING * fit.size:g}"
    return [
        rf"\def\tablename{{{_TABLE.get(texts.lang)}}}",
        rf"\fontsize{{{fit.size:g}}}{{{leading}}}\selectfont",
        rf"\setlength{{\tabcolsep}}{{{PAPER.gap / 2:g}pt}}",
        *(_SIDES if _sets_widths(texts, fit) else ()),
    ]


def _sets_widths(texts: Texts, fit: Fit) -> bool:
    """Whether a cell is broken: of a column, or a label that is wider than the table."""
    total = fit.total(PAPER.gap)
    heads = [row[0] for row in texts.rows if len(row) == 1]
    return any(fit.wrapped) or any(len(wrap(text, total, fit.size)) > 1 for text in heads)


def _columns(texts: Texts, fit: Fit) -> str:
    """Columns of a tabular; what is broken has a width, numbers have what they need."""
    left = (True, *texts.left)
    kinds = [
        f"p{{{width:.1f}pt}}" if wrapped else "l" if from_left else "r"
        for width, wrapped, from_left in zip(fit.widths, fit.wrapped, left, strict=True)
    ]
    return "@{}" + "".join(kinds) + "@{}"


def _head(texts: Texts, fit: Fit) -> Iterator[str]:
    yield r"\toprule"
    left = (True, *texts.left)
    for number, line in enumerate(texts.headings):
        stub = texts.stub if number == len(texts.headings) - 1 else ""
        cells = [_heading(stub, fit.widths[0], fit.size, "l", escape_row_start)]
        j = 1
        for text, span in line:
            width = sum(fit.widths[j : j + span]) + PAPER.gap * (span - 1)
            side = "c" if span > 1 else "l" if left[j] else "r"
            cell = _heading(text, width, fit.size, side)
            cells.append(rf"\multicolumn{{{span}}}{{c}}{{{cell}}}" if span > 1 else cell)
            j += span
        yield " & ".join(_sided(cells, line, fit, left)) + r" \\"
        yield from _cmidrules(line)
    yield r"\midrule"


def _sided(
    cells: Sequence[str], line: Sequence[tuple[str, int]], fit: Fit, left: Sequence[bool]
) -> Iterator[str]:
    """Headings of columns of given width, set from the side that the columns are."""
    starts = list(accumulate([1, *(span for _, span in line)], initial=0))
    for cell, j, span in zip(cells, starts, [1, *(span for _, span in line)], strict=False):
        given = fit.wrapped[j] and span == 1 and cell
        yield (_KVL if left[j] else _KVR) + cell if given else cell


def _heading(
    text: str, width: float, size: float, side: str, escape: Callable[[str], str] = escape_latex
) -> str:
    lines = wrap(text, width, size)
    if len(lines) == 1:
        return escape(text)
    body = r"\\".join(r"\strut " + escape_latex(line) for line in lines)
    return rf"\shortstack[{side}]{{{body}}}"


def _cmidrules(headings: Sequence[tuple[str, int]]) -> list[str]:
    rules, column = [], 2
    for _, span in headings:
        if span > 1:
            rules.append(rf"\cmidrule(lr){{{column}-{column + span - 1}}}")
        column += span
    return ["".join(rules)] if rules else []


def _rows(texts: Texts, fit: Fit) -> Iterator[str]:
    n = len(fit.widths)
    for row, indent, rule in zip(texts.rows, texts.indents, texts.rules, strict=True):
        if rule:
            yield r"\midrule"
        quads = r"\quad " * indent
        if len(row) == 1:
            yield _above(row[0], quads, fit) + r" \\"
            continue
        label = _cell(row[0], fit.wrapped[0], from_left=True, escape=escape_row_start, before=quads)
        cells = [
            _cell(text, fit.wrapped[j], from_left=texts.left[j - 1])
            for j, text in zip(range(1, n), row[1:], strict=True)
        ]
        yield f"{label} & " + " & ".join(cells) + r" \\"


def _above(text: str, quads: str, fit: Fit) -> str:
    """Label that heads the rows below, over all columns."""
    cell = f"{quads}{escape_row_start(text)}"
    total = fit.total(PAPER.gap)
    if len(wrap(text, fit.widths[0], fit.size)) == 1:
        return cell + " & " * (len(fit.widths) - 1)
    if len(wrap(text, total, fit.size)) > 1:
        cell = _cell(text, True, from_left=True, escape=escape_row_start, before=quads)
        return rf"\multicolumn{{{len(fit.widths)}}}{{@{{}}p{{{total:.1f}pt}}@{{}}}}{{{cell}}}"
    return rf"\multicolumn{{{len(fit.widths)}}}{{@{{}}l@{{}}}}{{{cell}}}"


def _cell(
    text: str,
    wrapped: bool,
    *,
    from_left: bool,
    escape: Callable[[str], str] = escape_latex,
    before: str = "",
) -> str:
    if not wrapped or not text:
        return before + escape(text)
    hang = r"\hangindent=1em " if from_left and before else ""
    return (_KVL if from_left else _KVR) + hang + before + _broken(text, escape)


def _broken(text: str, escape: Callable[[str], str] = escape_latex) -> str:
    """Text with a place to break it wherever the rule counts on one that TeX does not know."""
    parts = pieces(text)
    written = [escape(parts[0][0]), *(escape_latex(piece) for piece, _ in parts[1:])]
    return "".join(
        part + (" " if glue else "" if piece.endswith(("-", "–")) or last else r"\allowbreak{}")
        for part, (piece, glue), last in zip(written, parts, [*[False] * (len(parts) - 1), True], strict=True)
    )


def _note(text: str) -> str:
    return rf"\footnotesize\raggedright {_broken(text)}"
