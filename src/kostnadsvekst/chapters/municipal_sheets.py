"""Sheets that all municipal workbooks have: what was read, assumptions, a log of judgements, links."""

import math
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.workbook import Formula, Link, Sheet, SheetColumn, Value
from kostnadsvekst.sources.municipal_book import BookTable, MunicipalBook
from kostnadsvekst.sources.municipal_forms import (
    COUNT,
    NO,
    NUMERIC,
    PERCENT,
    YEAR,
    YES,
    YES_NO,
    Assumption,
    Field,
)

ABOUT = Bilingual("Om", "About")
ASSUMED = Bilingual("Forutsetninger", "Assumptions")
LOG = Bilingual("Vurderinger", "Judgements")
STATUSES = {
    "stated": Bilingual("oppgitt", "stated"),
    "derived": Bilingual("utledet", "derived"),
    "assumed": Bilingual("antatt", "assumed"),
}
NOT_FOR_PUBLICATION = Bilingual("IKKE FOR PUBLISERING", "NOT FOR PUBLICATION")
PUBLIC = Bilingual("Offentlig utgave: små tall er skjult", "Public edition: small numbers are hidden")
MADE_UP = Bilingual(
    "OPPDIKTET EKSEMPEL: sier ingenting om noen kommune",
    "MADE-UP EXAMPLE: no evidence about any municipality",
)
_WIDE = 42.0
# Name of the column of links to inputs; and of the columns that say whose a row is.
LINKS = "inputs"
UNIT_KEYS = ("municipality", "year")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A choice behind the results.

    Attributes
    ----------
    about, choice, reason : Bilingual
    status : str
        ``"stated"``, ``"derived"``, ``"assumed"``, or empty.
    """

    about: Bilingual
    choice: Bilingual
    reason: Bilingual
    status: str = ""


@dataclass(frozen=True, slots=True)
class System:
    """Results of a system, ready to be written.

    Attributes
    ----------
    inputs : tuple of Sheet
        What was read.
    results : tuple of Sheet
    assumptions : tuple of Assumption
        With the values used; those of the book's kind and others that the system has.
    judgements : tuple of Judgement
    public : callable, optional
        Makes the sheets of results that the public may see, small numbers hidden; None where results hold no
        counts of persons or places, and all of them may be seen.
    notes : tuple of str
        What the user is told at the terminal, such as what is left out.
    behind : callable, optional
        Makes, for each row of a sheet of results, the rows of other sheets that it is made of.
    public_notes : callable, optional
        Says it of the public edition; None where the notes tell nothing that is hidden there.
    """

    inputs: tuple[Sheet, ...]
    results: tuple[Sheet, ...]
    assumptions: tuple[Assumption, ...]
    judgements: tuple[Judgement, ...]
    public: Callable[[], tuple[Sheet, ...]] | None = None
    notes: tuple[str, ...] = ()
    behind: Callable[[], tuple[tuple[tuple[int, ...], ...], ...]] | None = None
    public_notes: Callable[[], tuple[str, ...]] | None = None

    def notes_of(self, *, publish: bool) -> tuple[str, ...]:
        """Tell what the user is told of an edition.

        Parameters
        ----------
        publish : bool
        """
        return self.public_notes() if publish and self.public_notes else self.notes


def words(lang: str, norwegian: str, english: str) -> str:
    """Text of a language."""
    return norwegian if lang == "nb" else english


def unit_columns(lang: str) -> tuple[SheetColumn, SheetColumn]:
    """Columns of municipality and year, of all sheets of results."""
    return (
        SheetColumn("municipality", words(lang, "Kommune", "Municipality"), width=24),
        SheetColumn("year", words(lang, "År", "Year"), "", "year", width=8),
    )


def result_column(name: str, label: str, unit: str, look: str = "kr") -> SheetColumn:
    """Column of computed numbers."""
    return SheetColumn(name, label, unit, look, "result", 18)


def links_column(lang: str, width: float) -> SheetColumn:
    """Column of links to the inputs behind a row; the public edition goes without it."""
    return SheetColumn(LINKS, words(lang, "Inndata", "Inputs"), width=width)


def conditions(given: Sheet, sheet: Sheet, row: int, names: Sequence[str] = UNIT_KEYS) -> str:
    """Write the factors of a sum over the rows of one sheet that have the keys of a row of another.

    Parameters
    ----------
    given : Sheet
        Whose rows are summed.
    sheet : Sheet
    row : int
    names : sequence of str
        Columns that both have.
    """
    return "*".join(f"({given.span(name)}={sheet.cell(name, row)})" for name in names)


def row_link(sheet: Sheet, row: int) -> Link:
    """Link to a row of a sheet of inputs."""
    return Link(f"{sheet.name} {sheet.first + row + 1}", sheet.cell(sheet.columns[0].name, row))


def input_sheet(
    table: BookTable, lang: str, more: Sequence[tuple[SheetColumn, Sequence[Value]]] = ()
) -> Sheet:
    """Sheet with what was read, each row with its place in the user's book.

    Parameters
    ----------
    table : BookTable
    lang : {"nb", "en"}
    more : sequence of (SheetColumn, values)
        Columns behind those of the form.
    """
    form = table.form
    columns = [_column(one, lang) for one in form.fields]
    place = SheetColumn("place", words(lang, "Sted i innlest bok", "Place in the book read"), width=22)
    values = [
        [_cell(one, value, lang) for one, value in zip(form.fields, row, strict=True)]
        for row in table.frame.itertuples(index=False, name=None)
    ]
    places = [table.place(k, form.fields[0].name) for k in range(len(values))]
    added = [column for column, _ in more]
    rows = [
        (*row, *(cells[k] for _, cells in more), where)
        for k, (row, where) in enumerate(zip(values, places, strict=True))
    ]
    note = words(lang, "Gule celler kan endres; resultatene følger med.", "Yellow cells may be changed.")
    return Sheet(form.label.get(lang), form.label.get(lang), (*columns, *added, place), tuple(rows), (note,))


def _column(one: Field, lang: str) -> SheetColumn:
    role = "input" if one.holds in NUMERIC and one.holds != YEAR else "text"
    width = 32.0 if one.name in ("reason", "source", "text", "service", "place_type", "name") else 16.0
    return SheetColumn(one.name, one.label.get(lang), one.unit.get(lang), look_of(one), role, width)


def look_of(one: Field) -> str:
    """Look of the numbers of a field."""
    if one.holds not in NUMERIC:
        return "text"
    if one.holds in (YEAR, COUNT, PERCENT):
        return {YEAR: "year", COUNT: "whole", PERCENT: "percent"}[one.holds]
    return "kr" if one.unit.nb == "kr" else "factor" if "index" in one.name else "number"


def _cell(one: Field, value: Any, lang: str) -> Value:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if one.holds == YES_NO:
        return (YES if value else NO).get(lang)
    return float(value) if one.holds in NUMERIC else choice_text(one, str(value), lang)


def choice_text(one: Field, text: str, lang: str) -> str:
    """Text of a cell in a language, where it is one of the form's choices."""
    return next((choice.get(lang) for choice in one.choices if choice.nb == text), text)


def used_assumptions(book: MunicipalBook) -> tuple[Assumption, ...]:
    """Assumptions of the book's kind with the values and reasons that the book has."""
    return tuple(
        replace(one, value=book.assumptions[one.name], reason=_reason(book, one))
        for one in book.kind.assumptions
    )


def _reason(book: MunicipalBook, one: Assumption) -> Bilingual:
    own = book.reasons.get(one.name, "")
    return one.reason if own in ("", *one.reason) else both(own)


def assumption_sheet(assumptions: Sequence[Assumption], lang: str) -> Sheet:
    """Sheet of the named cells that drive the formulas."""
    columns = (
        SheetColumn("label", words(lang, "Forutsetning", "Assumption"), width=_WIDE),
        SheetColumn("value", words(lang, "Verdi", "Value"), "", "general", "input"),
        SheetColumn("unit", words(lang, "Enhet", "Unit"), width=18),
        SheetColumn("status", words(lang, "Status", "Status"), width=12),
        SheetColumn("reason", words(lang, "Begrunnelse og kilde", "Reason and source"), width=70),
        SheetColumn("name", words(lang, "Navn i formlene", "Name in the formulas"), width=30),
    )
    rows = tuple(
        (
            one.label.get(lang),
            float(one.value),
            one.unit.get(lang),
            STATUSES[one.status].get(lang),
            one.reason.get(lang),
            one.name,
        )
        for one in assumptions
    )
    note = words(
        lang,
        "Endre en verdi, og alle resultater som bruker den, regnes om.",
        "Change a value, and all results that use it are computed anew.",
    )
    return Sheet(ASSUMED.get(lang), ASSUMED.get(lang), columns, rows, (note,))


def log_sheet(judgements: Sequence[Judgement], lang: str) -> Sheet:
    """Sheet of choices and their reasons, with empty rows for the reader's own."""
    columns = (
        SheetColumn("about", words(lang, "Gjelder", "About"), width=34),
        SheetColumn("choice", words(lang, "Valg", "Choice"), width=_WIDE),
        SheetColumn("reason", words(lang, "Begrunnelse", "Reason"), width=70),
        SheetColumn("status", words(lang, "Status", "Status"), width=12),
        SheetColumn("signed", words(lang, "Vurdert av, dato", "Judged by, date"), "", "text", "input", 20),
    )
    rows = tuple(
        (
            one.about.get(lang),
            one.choice.get(lang),
            one.reason.get(lang),
            STATUSES[one.status].get(lang) if one.status else None,
            None,
        )
        for one in judgements
    )
    empty: tuple[Value, ...] = (None,) * len(columns)
    return Sheet(LOG.get(lang), LOG.get(lang), columns, (*rows, *[empty] * 5))


def about_sheet(book: MunicipalBook, sheets: Iterable[Sheet], lang: str, *, public: bool) -> Sheet:
    """First sheet: what the book is, where its numbers are from, and a link to each sheet."""
    columns = (
        SheetColumn("what", words(lang, "Ark", "Sheet"), width=34),
        SheetColumn("about", words(lang, "Innhold", "Content"), width=90),
    )
    origin = book.provenance
    links = [(Link(sheet.name, f"'{sheet.name}'!A1"), sheet.title) for sheet in sheets]
    facts = [
        (words(lang, "Grunnlag", "Basis"), _basis(origin, public=public)),
        (words(lang, "Laget med", "Made with"), f"kostnadsvekst {origin.package_version}"),
        (
            words(lang, "Avrunding", "Rounding"),
            words(
                lang,
                "Ingen tall er avrundet; visningen er. Øre avrundes bort fra null.",
                "No number is rounded; what is shown is. Half an øre is rounded away from zero.",
            ),
        ),
    ]
    notes = [] if public else [("", _COLOURS.get(lang))]
    return Sheet(ABOUT.get(lang), book.kind.title.get(lang), columns, (*links, *facts, *notes))


def _basis(origin: Provenance, *, public: bool) -> str:
    """Name of the book; its digest would let the public try out what is hidden."""
    return origin.file if public else f"{origin.file} (sha256 {origin.file_sha256[:12]})"


_COLOURS = Bilingual(
    "Gult: kan endres. Grønt: regnes ut. Ark med inndata viser hvor i den innleste boken hver rad står.",
    "Yellow: may be changed. Green: computed. Sheets of inputs say where in the book read each row stands.",
)


def assumption_log(assumptions: Sequence[Assumption], kind: Sequence[Assumption]) -> list[Judgement]:
    """Judgements that the assumptions are, and which of them the user has changed."""
    defaults = {one.name: one.value for one in kind}
    out = []
    for one in assumptions:
        changed = one.name in defaults and defaults[one.name] != one.value
        choice = [f"{one.value:.10g} {one.unit.get(lang)}" for lang in ("nb", "en")]
        if changed:
            choice[0] += f" (endret fra {defaults[one.name]:.10g})"
            choice[1] += f" (changed from {defaults[one.name]:.10g})"
        choice[0] = choice[0].replace(".", ",")
        out.append(Judgement(one.label, Bilingual(*choice), one.reason, one.status))
    return out


def slug(text: str, taken: Iterable[str] = ()) -> str:
    """Name of a cell made of a text: small Latin letters and underscores.

    Parameters
    ----------
    text : str
    taken : iterable of str
        Names that are used.
    """
    folded = text.casefold().replace("æ", "ae").replace("ø", "oe").replace("å", "aa")
    plain = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode()
    name = "_".join("".join(c if "a" <= c <= "z" else " " for c in plain).split()) or "navn"
    used, tried = set(taken), name
    while tried in used:
        tried += "_x"
    return tried


def evaluated(value: Value) -> str | int | float | None:
    """Value of a cell without its formula or link."""
    if isinstance(value, Formula):
        return value.value
    return value.text if isinstance(value, Link) else value
