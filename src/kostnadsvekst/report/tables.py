"""Tables as values, and their rendering to CSV, LaTeX, HTML and Markdown in two languages."""

import csv
import html
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from kostnadsvekst.errors import DataMissingError, SpecificationError
from kostnadsvekst.language import SYNTHETIC_LABEL, Bilingual, both, translate
from kostnadsvekst.provenance import SYNTHETIC, UNKNOWN, Provenance
from kostnadsvekst.report.latex import escape_latex, escape_row_start, label_slug
from kostnadsvekst.report.numbers import MINUS, NARROW_SPACE, format_number
from kostnadsvekst.sources.files import USER_FILE


@dataclass(frozen=True, slots=True)
class Number:
    """A number to be printed.

    Attributes
    ----------
    value : float or None
    decimals : int
    stars : str
        Printed behind the number.
    parentheses : bool
        Whether it is printed in parentheses, as standard errors are.
    """

    value: float | None
    decimals: int
    stars: str = ""
    parentheses: bool = False

    def text(self, lang: str, medium: str = "text") -> str:
        """Return the number as printed."""
        number = format_number(self.value, self.decimals, lang, medium)
        return f"({number})" if self.parentheses else number + self.stars


Cell = Number | Bilingual | str
# A cell with more letters is a sentence and not a name.
_LONGEST_WORD = 45


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table.

    Attributes
    ----------
    label : str or Bilingual
    cells : tuple of Number, str or Bilingual
        Empty for a heading over the rows that follow.
    indent : int
        Depth of the label.
    rule_above : bool
    """

    label: str | Bilingual
    cells: tuple[Cell, ...] = ()
    indent: int = 0
    rule_above: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    """A column heading over ``span`` columns."""

    text: str | Bilingual
    span: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """A table, independent of language and medium.

    Attributes
    ----------
    name : str
        Stem of the files, such as ``"table_a3"``.
    title : Bilingual
    stub : str or Bilingual
        Heading of the label column.
    headings : tuple of tuple of Heading
        One or more lines; the spans of each line add up to the number of columns.
    rows : tuple of Row
    notes : tuple of Bilingual
        Below the table.
    provenance : Provenance
        Of the data; synthetic data put a label above and below the table.
    """

    name: str
    title: Bilingual
    stub: str | Bilingual
    headings: tuple[tuple[Heading, ...], ...]
    rows: tuple[Row, ...]
    notes: tuple[Bilingual, ...]
    provenance: Provenance

    def to(self, medium: str, lang: str = "en") -> str | bytes:
        """Render the table.

        Parameters
        ----------
        medium : {"csv", "tex", "html", "md", "typ", "docx"}
            ``"docx"`` needs python-docx (extra ``word``) and gives bytes.
        lang : {"nb", "en"}

        Raises
        ------
        SpecificationError
            If the medium is not known.
        """
        if medium == "docx":
            return render_docx(self, lang)
        renderers = RENDERERS | {"typ": render_typst}
        if medium not in renderers:
            raise SpecificationError(f"unknown medium {medium!r}; known: {', '.join(renderers)}, docx")
        return renderers[medium](self, lang)

    @property
    def n_columns(self) -> int:
        """Number of columns beside the label column."""
        return sum(heading.span for heading in self.headings[0])

    @property
    def prose(self) -> tuple[bool, ...]:
        """Whether each column beside the labels holds sentences, which are set from the left and broken."""
        found = [False] * self.n_columns
        for row in self.rows:
            for j, cell in enumerate(row.cells):
                texts = () if isinstance(cell, Number) else cell if isinstance(cell, Bilingual) else (cell,)
                found[j] |= any(len(text) > _LONGEST_WORD for text in texts)
        return tuple(found)

    def title_text(self, lang: str) -> str:
        """Title, behind the label of synthetic data where it applies."""
        title = _words(self.title, lang)
        return f"{SYNTHETIC_LABEL.get(lang)}. {title}" if self.provenance.synthetic else title


def render(table: Table, lang: str) -> dict[str, str]:
    """Render a table to every format.

    Parameters
    ----------
    table : Table
    lang : {"nb", "en"}

    Returns
    -------
    dict
        File name -> content, for CSV, LaTeX, HTML and Markdown.
    """
    return {f"{table.name}_{lang}.{suffix}": writer(table, lang) for suffix, writer in RENDERERS.items()}


def render_csv(table: Table, lang: str) -> str:
    """Comma-separated (Norwegian: semicolon-separated with decimal commas), origin in the last column.

    Meant for people and their spreadsheets: a text that one would compute (it begins with ``=``, ``+``,
    ``-`` or ``@``) has an apostrophe in front. Numbers stay numbers.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=";" if lang == "nb" else ",", lineterminator="\n")
    columns = [
        " ".join(filter(None, (headings[j] for headings in _spread(table, lang))))
        for j in range(table.n_columns)
    ]
    writer.writerow([_inert(text) for text in (_words(table.stub, lang), *columns, "data_origin")])
    for row in table.rows:
        cells = [_plain(cell, lang) for cell in row.cells] or [""] * table.n_columns
        texts = _words(row.label, lang), *cells, _words(table.provenance.origin, lang)
        writer.writerow([_inert(text) for text in texts])
    return buffer.getvalue()


def render_markdown(table: Table, lang: str) -> str:
    """Pipe table with title above and notes below."""
    columns = [" ".join(filter(None, line)) for line in zip(*_spread(table, lang), strict=True)]
    stub, columns = _escape_markdown(_words(table.stub, lang)), [_escape_markdown(c) for c in columns]
    title = _escape_markdown(table.title_text(lang)).strip()
    lines = [f"**{title}**", ""] if title else []
    lines += [_pipes([stub, *columns]), _pipes(["---", *("---" if text else "---:" for text in table.prose)])]
    for row in table.rows:
        label = "&emsp;" * row.indent + _escape_markdown(_words(row.label, lang))
        cells = [_escape_markdown(_text(cell, lang)) for cell in row.cells] or [""] * table.n_columns
        lines.append(_pipes([label, *cells]))
    lines += [""] + [f"{_escape_line(_words(note, lang))}\n" for note in table.notes]
    return "\n".join(lines).rstrip() + "\n"


def render_latex(table: Table, lang: str) -> str:
    """Floating table for the LaTeX package booktabs."""
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        r"\small",
        rf"\caption{{{escape_latex(table.title_text(lang))}}}",
        rf"\label{{tab:{label_slug(table.name)}}}",
        rf"\begin{{tabular}}{{{_latex_columns(table)}}}",
        r"\toprule",
    ]
    for number, headings in enumerate(table.headings):
        stub = escape_row_start(_words(table.stub, lang)) if number == len(table.headings) - 1 else ""
        lines.append(f"{stub} & " + " & ".join(_latex_heading(h, lang) for h in headings) + r" \\")
        lines += _cmidrules(headings)
    lines.append(r"\midrule")
    for row in table.rows:
        if row.rule_above:
            lines.append(r"\midrule")
        label = r"\quad " * row.indent + escape_row_start(_words(row.label, lang))
        cells = [_latex_cell(cell, lang) for cell in row.cells] or [""] * table.n_columns
        lines.append(f"{label} & " + " & ".join(cells) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    for note in table.notes:
        text = escape_latex(_words(note, lang))
        lines.append(rf"\par\smallskip\parbox{{\linewidth}}{{\footnotesize {text}}}")
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def render_html(table: Table, lang: str) -> str:
    """Complete page with the table, readable without any other file."""
    return html_page(table.title_text(lang), html_fragment(table, lang), lang, table.provenance.synthetic)


def html_fragment(table: Table, lang: str) -> str:
    """Table and its notes, without a page around them."""
    lines = [f"<table>\n<caption>{html.escape(_words(table.title, lang))}</caption>\n<thead>"]
    for number, headings in enumerate(table.headings):
        stub = _words(table.stub, lang) if number == len(table.headings) - 1 else ""
        cells = "".join(_html_heading(heading, lang) for heading in headings)
        lines.append(f"<tr><th>{html.escape(stub)}</th>{cells}</tr>")
    lines.append("</thead>\n<tbody>")
    proses = table.prose
    for row in table.rows:
        label = "&emsp;" * row.indent + html.escape(_words(row.label, lang))
        texts = [html.escape(_text(cell, lang)) for cell in row.cells] or [""] * table.n_columns
        rule = ' class="rule"' if row.rule_above else ""
        kinds = [' class="prose"' if prose else "" for prose in proses]
        cells = "".join(f"<td{kind}>{text}</td>" for kind, text in zip(kinds, texts, strict=True))
        lines.append(f"<tr{rule}><td>{label}</td>{cells}</tr>")
    lines.append("</tbody>\n</table>")
    lines += [f'<p class="note">{html.escape(_words(note, lang))}</p>' for note in table.notes]
    return "\n".join(lines) + "\n"


def render_typst(table: Table, lang: str) -> str:
    """Figure with a table, for Typst.

    Texts are string literals, so nothing in them is read as markup.
    """
    cells = []
    sides = ", ".join("left" if prose else "right" for prose in table.prose)
    widths = ", ".join("1fr" if prose else "auto" for prose in table.prose)
    for number, headings in enumerate(table.headings):
        stub = _words(table.stub, lang) if number == len(table.headings) - 1 else ""
        texts = [_typst_heading(heading, lang) for heading in headings]
        cells.append(", ".join([_typst_text(stub), *texts]))
    lines = [
        "#figure(",
        f"  caption: figure.caption(position: top, {_typst_text(table.title_text(lang))}),",
        "  table(",
        f"    columns: (auto, {widths}),",
        f"    align: (left, {sides}),",
        "    stroke: none,",
        "    table.hline(),",
        f"    table.header({', '.join(cells)}),",
        "    table.hline(stroke: 0.5pt),",
    ]
    for row in table.rows:
        if row.rule_above:
            lines.append("    table.hline(stroke: 0.5pt),")
        label = f"h({row.indent}em) + {_typst_text(_words(row.label, lang))}"
        texts = [_text(cell, lang) for cell in row.cells] or [""] * table.n_columns
        lines.append("    " + ", ".join([label, *map(_typst_text, texts)]) + ",")
    lines += ["    table.hline(),", "  ),", ")"]
    notes = [f"#text(size: 0.8em, {_typst_text(_words(note, lang))})\n" for note in table.notes]
    return "\n".join([*lines, *notes]) + "\n"


def render_docx(table: Table, lang: str) -> bytes:
    """Word document with the table, its title above and its notes below; the same bytes in every run.

    Raises
    ------
    DataMissingError
        If python-docx is not installed.
    """
    try:
        from docx import Document
        from docx.enum.text import WD_ALIGN_PARAGRAPH
    except ImportError as error:
        raise DataMissingError(
            "Word documents need python-docx: python -m pip install 'kostnadsvekst[word]'"
        ) from error
    document = Document()
    document.core_properties.author = f"kostnadsvekst {table.provenance.package_version}"
    document.add_paragraph().add_run(table.title_text(lang)).bold = True
    lines = [[_words(table.stub, lang) if last else "", *spread] for last, spread in _marked(table, lang)]
    for row in table.rows:
        cells = [_text(cell, lang) for cell in row.cells] or [""] * table.n_columns
        lines.append(["\u2003" * row.indent + _words(row.label, lang), *cells])
    grid = document.add_table(rows=len(lines), cols=table.n_columns + 1, style="Light List")
    for line, cells in zip(lines, grid.rows, strict=True):
        for number, (text, cell) in enumerate(zip(line, cells.cells, strict=True)):
            cell.text = text
            if number and not table.prose[number - 1]:
                cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT
    for note in table.notes:
        document.add_paragraph(_words(note, lang))
    buffer = io.BytesIO()
    document.save(buffer)
    return _without_dates(buffer.getvalue())


def _latex_columns(table: Table) -> str:
    """Columns of a tabular; sentences share seven tenths of the line."""
    n = sum(table.prose)
    sentence = rf"p{{{0.7 / n:.2f}\linewidth}}" if n else ""
    return "l" + "".join(sentence if prose else "r" for prose in table.prose)


def html_page(title: str, body: str, lang: str, synthetic: bool) -> str:
    """Wrap a body in a page with the house style.

    Parameters
    ----------
    title : str
        Plain text.
    body : str
        HTML.
    lang : {"nb", "en"}
    synthetic : bool
        Whether to put the label of synthetic data on top.
    """
    label = f'<p class="synthetic">{html.escape(SYNTHETIC_LABEL.get(lang))}</p>\n' if synthetic else ""
    return (
        f'<!DOCTYPE html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        f"{label}{body}</body>\n</html>\n"
    )


def footer(provenance: Provenance, *parts: Bilingual) -> Bilingual:
    """Footer of a table: data origin and version around what the caller adds (weights, SE type, N).

    Parameters
    ----------
    provenance : Provenance
    *parts : Bilingual
        Sentences without a final stop.
    """
    source = f" ({provenance.file}, sha256 {provenance.file_sha256[:12]})" if provenance.file else ""
    origin = _ORIGINS.get(provenance.origin, both(provenance.origin))
    version = f"kostnadsvekst {provenance.package_version}"
    norwegian = [f"Data: {origin.nb}{source}", *(p.nb for p in parts), version]
    english = [f"Data: {origin.en}{source}", *(p.en for p in parts), version]
    return Bilingual(". ".join(norwegian) + ".", ". ".join(english) + ".")


# Origin of what the report prints or quotes, and nobody computed.
PRINTED = "the report"
_ORIGINS = {
    PRINTED: Bilingual("rapporten", PRINTED),
    "printed numbers of the report": Bilingual("rapportens trykte tall", "printed numbers of the report"),
    SYNTHETIC: Bilingual("syntetiske", "synthetic"),
    UNKNOWN: Bilingual("brukerens dataramme", UNKNOWN),
    USER_FILE: Bilingual("brukerens fil", USER_FILE),
}
RENDERERS: dict[str, Callable[[Table, str], str]] = {
    "csv": render_csv,
    "tex": render_latex,
    "html": render_html,
    "md": render_markdown,
}

# Control characters, line ends of every kind, signs that turn the reading direction, halves of characters.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+"
)

# A sign that makes a cell a formula, at the beginning of a cell or behind a sign that separates cells in some
# country; and the same, where no number (with stars or not) follows.
_SIGN = r"(?P<before>(?:^|[;,\t])[\s\"\u200b\ufeff]*)(?=[=+@\-\uff1d\uff0b\uff20\uff0d])"
_FORMULA = re.compile(_SIGN)
_NO_NUMBER = re.compile(_SIGN + r"(?![+-](?:[\d.,]+(?:[eE][+-]?\d+)?\s*%?[*)]*)?\s*(?:$|[;,\t]))")

_STYLE = """\
body { font-family: Georgia, 'Times New Roman', serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; border-top: 2px solid; border-bottom: 2px solid; font-size: 0.92rem; }
caption { text-align: left; font-weight: bold; padding-bottom: 0.5rem; }
th, td { padding: 0.12rem 0.6rem; text-align: right; white-space: nowrap; }
td { font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
td.prose { text-align: left; white-space: normal; min-width: 22rem; }
thead tr:last-child th { border-bottom: 1px solid; }
thead th[colspan] { text-align: center; border-bottom: 1px solid #999; }
table.audit { font-size: 0.8rem; }
table.audit td, table.audit th { text-align: left; white-space: normal; padding: 0.1rem 0.5rem; }
table.audit td:nth-child(n+4):nth-child(-n+8) { text-align: right; white-space: nowrap; }
table.audit thead th { position: sticky; top: 0; background: white; }
tr.rule td { border-top: 1px solid; }
p.note { font-size: 0.85rem; max-width: 60rem; margin: 0.4rem 0; }
p.synthetic { background: #fff3cd; border: 1px solid #b58900; padding: 0.4rem 0.8rem; font-weight: bold; }
.differs { background: #f8d7da; }
.good { color: #1b6e3c; }
.bad { color: #a61b29; font-weight: bold; }
"""


def _marked(table: Table, lang: str) -> list[tuple[bool, list[str]]]:
    """Heading lines, and whether each is the last."""
    spread = _spread(table, lang)
    return [(number == len(spread) - 1, line) for number, line in enumerate(spread)]


def _without_dates(document: bytes) -> bytes:
    """Zip archive again with one date for all its members."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(document)) as old,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for member in old.infolist():
            new.writestr(zipfile.ZipInfo(member.filename, (1980, 1, 1, 0, 0, 0)), old.read(member))
    return made.getvalue()


def _typst_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _typst_heading(heading: Heading, lang: str) -> str:
    text = _typst_text(_words(heading.text, lang))
    return text if heading.span == 1 else f"table.cell(colspan: {heading.span}, align: center, {text})"


def _spread(table: Table, lang: str) -> list[list[str]]:
    """Heading texts by line, one for each column."""
    return [
        [_words(heading.text, lang) for heading in line for _ in range(heading.span)]
        for line in table.headings
    ]


def _text(cell: Cell, lang: str, medium: str = "text") -> str:
    return cell.text(lang, medium) if isinstance(cell, Number) else _words(cell, lang)


def _plain(cell: Cell, lang: str) -> str:
    """Cell for CSV: no thousands separator, a hyphen for minus, so that programs read it."""
    text = _text(cell, lang)
    if not isinstance(cell, Number):
        return text
    return text.replace(MINUS, "-").replace(NARROW_SPACE if lang == "nb" else ",", "")


def _inert(text: str) -> str:
    """Cell that no spreadsheet computes, also where it cuts at another separator than ours."""
    found = _FORMULA if '"' in text else _NO_NUMBER
    return found.sub(r"\g<before>'", text)


def _pipes(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escape_markdown(text: str) -> str:
    """Write a text so that Markdown prints it; ``<`` and ``&`` stay where they begin no tag or entity."""
    text = re.sub(r"[\\|*_`$]", r"\\\g<0>", text)
    text = re.sub(r"\](?=[(\[:])", r"\]", text).replace("[^", r"\[^").replace("~~", r"\~\~")
    return re.sub(r"<(?=[A-Za-z/!?])|&(?=#|\w+;)", r"\\\g<0>", text)


def _escape_line(text: str) -> str:
    """As `_escape_markdown`, of a line of its own, which could be a heading, quotation, list or code."""
    line = _escape_markdown(text.strip())
    return re.sub(r"^(\d*)([#>+=-]|(?<=\d)[.)](?=\s|$))", r"\1\\\2", line)


def _words(text: str | Bilingual, lang: str) -> str:
    """Text in one language and on one line, without signs that no format can print."""
    return _UNPRINTABLE.sub(" ", translate(text, lang))


def _latex_cell(cell: Cell, lang: str) -> str:
    return cell.text(lang, "latex") if isinstance(cell, Number) else escape_latex(_words(cell, lang))


def _latex_heading(heading: Heading, lang: str) -> str:
    text = escape_latex(_words(heading.text, lang))
    return text if heading.span == 1 else rf"\multicolumn{{{heading.span}}}{{c}}{{{text}}}"


def _cmidrules(headings: Sequence[Heading]) -> list[str]:
    rules, column = [], 2
    for heading in headings:
        if heading.span > 1:
            rules.append(rf"\cmidrule(lr){{{column}-{column + heading.span - 1}}}")
        column += heading.span
    return ["".join(rules)] if rules else []


def _html_heading(heading: Heading, lang: str) -> str:
    span = f' colspan="{heading.span}"' if heading.span > 1 else ""
    return f"<th{span}>{html.escape(_words(heading.text, lang))}</th>"
