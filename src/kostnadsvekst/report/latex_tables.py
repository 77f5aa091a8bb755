r"""Tables for LaTeX, set so that they fit the page: the file compiles as it stands, and can be included.

A file begins with a preamble that takes effect only where no document has begun, and ends with what closes
it. In a document of one's own it is a table for ``\input``, with ``\usepackage{booktabs}``; a table that is
longer than a page needs longtable, too, and one that lies across the page pdflscape.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

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
_PART = Bilingual("del {} av {}", "part {} of {}")
# In a cell of given width, where a line end is to end the row as elsewhere.
_SIDES = (
    r"\def\kvl{\raggedright\let\\\tabularnewline}",
    r"\def\kvr{\raggedleft\let\\\tabularnewline}",
)


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
        told = f" ({_PART.get(texts.lang).format(number, len(fits))})" if len(fits) > 1 else ""
        label = f"tab:{label_slug(texts.name)}" + (f"-{number}" if len(fits) > 1 else "")
        caption = rf"\caption{{{escape_latex(texts.title + told)}}}"
        notes = list(map(_note, texts.notes)) if number == len(fits) else []
        if fit.over_pages:
            # All widths given: head and rows agree in the first run.
            fit = replace(fit, wrapped=(True,) * len(fit.wrapped))
        write = _long if fit.over_pages else _floating
        body = write(part, fit, caption, rf"\label{{{label}}}", notes)
        lines += [r"\begin{landscape}", *body, r"\end{landscape}"] if fit.across else body
    return "\n".join(lines) + "\n" + FOOT


def _floating(texts: Texts, fit: Fit, caption: str, label: str, notes: Sequence[str]) -> list[str]:
    return [
        r"\begin{table}[htbp]",
        r"\centering",
        caption,
        label,
        *_type(fit),
        rf"\begin{{tabular}}{{{_columns(texts, fit)}}}",
        *_head(texts, fit),
        *_rows(texts, fit),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\smallskip\parbox{{\linewidth}}{{{note}}}" for note in notes),
        r"\end{table}",
    ]


def _long(texts: Texts, fit: Fit, caption: str, label: str, notes: Sequence[str]) -> list[str]:
    again = rf"\multicolumn{{{len(fit.widths)}}}{{@{{}}l@{{}}}}{{\itshape {CONTINUED.get(texts.lang)}}} \\"
    return [
        r"\begingroup",
        *_type(fit),
        r"\setlength{\LTcapwidth}{\linewidth}",
        rf"\begin{{longtable}}{{{_columns(texts, fit)}}}",
        caption + label + r"\\",
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


def _type(fit: Fit) -> list[str]:
    leading = f"{LEADING * fit.size:g}"
    return [
        rf"\fontsize{{{fit.size:g}}}{{{leading}}}\selectfont",
        rf"\setlength{{\tabcolsep}}{{{PAPER.gap / 2:g}pt}}",
        *(_SIDES if any(fit.wrapped) else ()),
    ]


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
    for number, line in enumerate(texts.headings):
        last = number == len(texts.headings) - 1
        cells = [_heading(texts.stub, fit.widths[0], fit.size, "l", escape_row_start)] if last else [""]
        j = 1
        for text, span in line:
            width = sum(fit.widths[j : j + span]) + PAPER.gap * (span - 1)
            side = "c" if span > 1 else "l" if texts.left[j - 1] else "r"
            cell = _heading(text, width, fit.size, side)
            alone = span == 1 and not fit.wrapped[j]
            cells.append(cell if alone else rf"\multicolumn{{{span}}}{{{side}}}{{{cell}}}")
            j += span
        yield " & ".join(cells) + r" \\"
        yield from _cmidrules(line)
    yield r"\midrule"


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
    return (r"\kvl " if from_left else r"\kvr ") + hang + before + _broken(text, escape)


def _broken(text: str, escape: Callable[[str], str] = escape_latex) -> str:
    r"""Text with a place to break it wherever the rule counts on one; TeX knows those at blanks and hyphens."""
    parts = pieces(text)
    written = [escape(parts[0][0]), *(escape_latex(piece) for piece, _ in parts[1:])]
    return "".join(
        part + (" " if glue else "" if piece.endswith(("-", "–")) or last else r"\allowbreak{}")
        for part, (piece, glue), last in zip(written, parts, [*[False] * (len(parts) - 1), True], strict=True)
    )


def _note(text: str) -> str:
    return rf"\footnotesize\raggedright {_broken(text)}"
