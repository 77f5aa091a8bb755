"""What a reader who was not there needs: README, licence, citation, codebook."""

import re
from collections.abc import Iterator

from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.naming import first_of
from kostnadsvekst.report.doctor.findings import Finding
from kostnadsvekst.report.doctor.folder import Folder, ProjectFile
from kostnadsvekst.report.doctor.tables import READERS, split_line
from kostnadsvekst.report.doctor.texts import READING_FAULTS, read_lines, text_of

_LARGEST = 2**22
_README = re.compile(r"(readme|replication|les_?meg)(\.(md|txt|rst|pdf|html|docx|qmd))?", re.IGNORECASE)
_LICENCE = re.compile(r"(un)?licen[cs]e.*|copying.*|lisens.*", re.IGNORECASE)
_CODEBOOK = re.compile(
    r".*(code_?book|kode_?bok|data_?dictionary|datapackage).*|(readme|replication|sources|variables|variabler)\..*",
    re.IGNORECASE,
)
_CODEBOOK_KINDS = frozenset({".md", ".txt", ".rst", ".csv", ".json", ".toml", ".yaml", ".yml", ".html"})
_DATA = frozenset({"data", "raw", "derived"})
# Parts of the template of the Social Science Data Editors, by words of a heading.
# https://social-science-data-editors.github.io/template_README/
README_PARTS: tuple[tuple[Bilingual, str], ...] = (
    (
        Bilingual("tilgang til data", "data availability"),
        r"data.*(availab|provenance|access|source)|availab.*data|datakild|tilgang.*data|data.*tilgang|^data$",
    ),
    (
        Bilingual("rettigheter til data og kode", "rights to data and code"),
        r"licen[cs]e|lisens|rights|rettighet|terms",
    ),
    (
        Bilingual("krav til maskin og program", "computational requirements"),
        r"requirement|install|krav|software|memory",
    ),
    (
        Bilingual("beskrivelse av programmene", "description of programs"),
        r"program|scripts?\b|\bcode\b|kode\b|skript|modules?",
    ),
    (
        Bilingual("framgangsmåte", "instructions to replicators"),
        r"instruction|re(?:plicat|produc)|\brun\b|how to|gjenta|kjør|framgangsm|kom i gang|start",
    ),
    (
        Bilingual("liste over tabeller og figurer", "list of tables and figures"),
        r"tables?.*(figure|program)|figures?.*table|list of|tabell|results|chapters|resultat",
    ),
    (
        Bilingual("referanser", "references"),
        r"reference|referanse|cit(e|ing|ation)|siter|literature|bibliograph|kilder",
    ),
)
CITATION_FIELDS = ("cff-version", "message", "title", "authors")  # that the format 1.2.0 demands
_SHOWN_COLUMNS = 5


def check_documents(folder: Folder) -> Iterator[Finding]:
    """Find what README, licence, citation and codebook lack.

    Parameters
    ----------
    folder : Folder
    """
    yield from _check_readme(folder)
    if not any(not file.folders and _LICENCE.fullmatch(file.base) for file in folder.files):
        yield Finding("no-licence")
    yield from _check_citation(folder)
    yield from _check_codebook(folder)


def _check_readme(folder: Folder) -> Iterator[Finding]:
    found = [f for f in folder.files if not f.folders and f.size and _README.fullmatch(f.base)]
    if not found:
        yield Finding("no-readme")
        return
    readable = [file for file in found if file.suffix not in (".pdf", ".docx")]
    headings = [heading for file in readable for heading in headings_of(text_of(file, _LARGEST))]
    for part, words in README_PARTS if readable else ():
        if not any(re.search(words, heading, re.IGNORECASE) for heading in headings):
            yield Finding("readme-part", found[0].name, part)


def headings_of(text: str) -> list[str]:
    """Headings of a Markdown, reStructuredText, HTML or plain text.

    Underlined lines, lines that begin with ``#``, and lines in capitals or bold.
    """
    lines, headings = text.splitlines(), []
    fenced = False
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        fenced ^= line.startswith(("```", "~~~"))
        if fenced or not line.strip():
            continue
        mark = re.match(r"\s{0,3}#{1,6}\s+(.+)|\*\*(.+)\*\*:?\s*$|.*<h[1-6][^>]*>(.+?)</h", line)
        if mark:
            headings.append(next(part for part in mark.groups() if part))
        elif re.fullmatch(r"([=~^-])\1{2,}\s*", below) or (line.isupper() and len(line) < 80):
            headings.append(line.strip())
    return headings


def _check_citation(folder: Folder) -> Iterator[Finding]:
    file = next((file for file in folder.files if file.name.lower() == "citation.cff"), None)
    if file is None:
        yield Finding("no-citation")
        return
    text = text_of(file, _LARGEST)
    for name in CITATION_FIELDS:
        if not re.search(rf"^{name}\s*:[ \t]*(\S|\n[ \t]*-)", text, re.MULTILINE):
            yield Finding("citation-part", file.name, both(name))


def _check_codebook(folder: Folder) -> Iterator[Finding]:
    books = [f for f in folder.files if f.suffix in _CODEBOOK_KINDS and _CODEBOOK.fullmatch(f.base)]
    in_data = [f for f in folder.files if f.suffix in READERS and f.folders and f.folders[0] in _DATA]
    tables = [file for file in in_data if file not in books]
    if not tables:
        return
    real = [file for file in books if not _README.fullmatch(file.base) or file.folders]
    if not real:
        detail = Bilingual(f"{len(tables)} fil(er) med data", f"{len(tables)} file(s) of data")
        yield Finding("no-codebook", "", detail)
        return
    text = "\n".join(text_of(book, _LARGEST) for book in books)
    words = frozenset(re.findall(r"\w+", text))
    for table in tables:
        yield from _undescribed(table, text, words)


def _undescribed(table: ProjectFile, text: str, words: frozenset[str]) -> Iterator[Finding]:
    if table.base not in text:
        detail = Bilingual("filen er ikke nevnt", "the file is not named")
        yield Finding("codebook-part", table.name, detail)
        return
    absent = [name for name in _header(table) if name not in words]
    if absent:
        names = ", ".join(first_of(absent, _SHOWN_COLUMNS))
        detail = Bilingual(f"kolonner: {names}", f"columns: {names}")
        yield Finding("codebook-part", table.name, detail)


def _header(table: ProjectFile) -> list[str]:
    """Names of the columns of a text table; only what looks like a name, for the first row may be data."""
    if table.suffix not in (".csv", ".tsv", ".tab"):
        return []
    try:
        first = next(read_lines(table, _LARGEST), "").lstrip("\ufeff")
    except READING_FAULTS:
        return []
    cells = split_line(first, max(",;\t|", key=first.count))
    return [cell for cell in map(str.strip, cells) if re.fullmatch(r"[A-Za-zÆØÅæøå_]\w{0,63}", cell)]
