"""Tables as values, and their rendering to CSV, LaTeX, HTML and Markdown in two languages."""

import csv
import html
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import SYNTHETIC_LABEL, Bilingual, both, translate
from kostnadsvekst.provenance import NORWEGIAN, Provenance
from kostnadsvekst.report.latex_tables import latex_file
from kostnadsvekst.report.numbers import MINUS, NARROW_SPACE, format_number
from kostnadsvekst.report.page_fit import Texts
from kostnadsvekst.report.typst_tables import typst_file
from kostnadsvekst.report.word_tables import word_file


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


def p_value_cell(p: float, decimals: int = 3, *, parentheses: bool = False) -> Cell:
    """Cell with a p value: none is printed as zero, but as below the smallest number that is.

    Parameters
    ----------
    p : float
        NaN, where none was computed, gives its symbol.
    decimals : int
    parentheses : bool
    """
    least = 10.0**-decimals
    if not p < least:
        return Number(float(p), decimals, parentheses=parentheses)
    nb, en = (f"<{format_number(least, decimals, lang)}" for lang in ("nb", "en"))
    return Bilingual(f"({nb})", f"({en})") if parentheses else Bilingual(nb, en)


# A cell with more letters is a sentence and not a name.
_LONGEST_WORD = 45
_A_WORD = re.compile(r"[^\W\d_]{2}")


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


@dataclass(frozen=True, slots=True, repr=False)
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

    def __repr__(self) -> str:
        size = f"{len(self.rows)} rows x {self.n_columns} columns"
        media = ", ".join((*RENDERERS, "typ", "docx"))
        how = f"print() shows it, .to(medium, lang) writes {media}"
        return f"<Table {self.name!r}, {self.title.en!r}: {size}; {how}>"

    def __str__(self) -> str:
        """Write the table in Markdown, in English."""
        return render_markdown(self, "en")

    def _repr_html_(self) -> str:
        text: str = import_module("kostnadsvekst.report.notebook").html_of(self)
        return text

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
        texts = (
            _words(row.label, lang),
            *cells,
            _words(_ORIGINS.get(table.provenance.origin, table.provenance.origin), lang),
        )
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
    """File for LaTeX with booktabs that fits the page; see `kostnadsvekst.report.latex_tables`."""
    return latex_file(texts_of(table, lang))


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
    """Figure for Typst that breaks over pages; see `kostnadsvekst.report.typst_tables`."""
    return typst_file(texts_of(table, lang))


def render_docx(table: Table, lang: str) -> bytes:
    """Word document with the table, its title above and its notes below; the same bytes in every run.

    Raises
    ------
    DataMissingError
        If python-docx is not installed.
    """
    return word_file(texts_of(table, lang), f"kostnadsvekst {table.provenance.package_version}")


def texts_of(table: Table, lang: str) -> Texts:
    """Texts of a table in one language, as they are set on paper.

    Parameters
    ----------
    table : Table
    lang : {"nb", "en"}
    """
    rows = [(_words(row.label, lang), *(_text(cell, lang) for cell in row.cells)) for row in table.rows]
    full = [row for row in rows if len(row) > 1]
    left = [
        prose or _is_of_words([row[j] for row in full if row[j]]) for j, prose in enumerate(table.prose, 1)
    ]
    return Texts(
        name=table.name,
        lang=lang,
        title=table.title_text(lang),
        stub=_words(table.stub, lang),
        headings=tuple(
            tuple((_words(heading.text, lang), heading.span) for heading in line) for line in table.headings
        ),
        rows=tuple(rows),
        indents=tuple(row.indent for row in table.rows),
        rules=tuple(row.rule_above for row in table.rows),
        left=tuple(left),
        notes=tuple(_words(note, lang) for note in table.notes),
    )


def _is_of_words(cells: Sequence[str]) -> bool:
    """Whether every cell of a column has a word in it, so that it is read from the left."""
    return bool(cells) and all(_A_WORD.search(cell) for cell in cells)


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
_ORIGINS = {english: Bilingual(norwegian, english) for english, norwegian in NORWEGIAN.items()}
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


def _html_heading(heading: Heading, lang: str) -> str:
    span = f' colspan="{heading.span}"' if heading.span > 1 else ""
    return f"<th{span}>{html.escape(_words(heading.text, lang))}</th>"
