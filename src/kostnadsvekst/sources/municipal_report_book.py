"""The book of the report: the sheets of the other kinds of book in one, each part of them optional."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.naming import first_of
from kostnadsvekst.sources.files import USER_FILE
from kostnadsvekst.sources.municipal_book import MOST_TOLD, MunicipalBook, read_municipal_book
from kostnadsvekst.sources.municipal_examples import example_book
from kostnadsvekst.sources.municipal_forms import ASSUMPTIONS, BookKind, BookPart, Form
from kostnadsvekst.sources.municipal_kinds import KINDS, STAFFING, UNIT_COSTS

_TITLE = Bilingual("Rapport til kommunestyret", "Report to the council")
_HELP = Bilingual(
    "Brukergrupper, innsatstrapp, kalkulator og det som ellers er fylt ut, på én side og i en kort PDF. "
    "Ark som ikke gjelder, kan stå tomme.",
    "User groups, effort ladder, calculator and what else is filled in, on one page and in a short PDF. "
    "Sheets that do not apply may stay empty.",
)
# Letters that a workbook takes for the name of a sheet.
_LETTERS = 31


def compose(kinds: Sequence[BookKind]) -> BookKind:
    """Book that has the sheets of several kinds, none of them needed.

    Parameters
    ----------
    kinds : sequence of BookKind
        Sheets that are the same in several of them stand once; where only the name is the same, the later
        one has its kind's before it.
    """
    forms: dict[str, Form] = {}
    given: list[Form] = []
    parts = []
    for kind in kinds:
        names = {form.name: _name_of(kind, form, given) for form in kind.forms}
        for form in kind.forms:
            forms.setdefault(names[form.name], _composed(kind, form, names[form.name], given))
        given += kind.forms
        parts.append(BookPart(kind, names))
    assumptions = {one.name: one for kind in reversed(kinds) for one in kind.assumptions}
    return BookKind("report", _TITLE, (*forms.values(),), (*assumptions.values(),), _HELP, tuple(parts))


def _name_of(kind: BookKind, form: Form, given: Sequence[Form]) -> str:
    """Name of a kind's sheet in the whole book: its own, unless another sheet has that already."""
    others = [other for other in given if other != form]
    taken = any(form.name == other.name or form.label == other.label for other in others)
    return f"{kind.name}-{form.name}" if taken and form not in given else form.name


def _composed(kind: BookKind, form: Form, name: str, given: Sequence[Form]) -> Form:
    if all(form.label != other.label for other in given if other != form):
        return replace(form, name=name, optional=True)
    titles = (f"{form.label.get(lang)} {kind.title.get(lang).casefold()}"[:_LETTERS] for lang in ("nb", "en"))
    return replace(form, name=name, label=Bilingual(*titles), optional=True)


# What sheets of unit costs and staffing tell is no part of the council's page.
REPORT = compose([kind for kind in KINDS.values() if kind not in (UNIT_COSTS, STAFFING)])


def read_report_book(path: str | Path | None) -> dict[str, MunicipalBook]:
    """Read the parts of a report's book that are filled in.

    Parameters
    ----------
    path : path or None
        Workbook or folder of CSV files; None for the made-up examples of all parts.

    Returns
    -------
    dict of str to MunicipalBook
        Kind of book -> its book, as if it stood alone.

    Raises
    ------
    DataMissingError
        There is no such file.
    InvalidDataError
        All faults, each with sheet, cell and remedy; also sheets without those that they need.
    """
    if path is None:
        return _examples()
    whole = read_municipal_book(path, REPORT, USER_FILE)
    faults = list(dict.fromkeys(_lacking(whole)))
    if faults:
        name = whole.provenance.file
        raise InvalidDataError(
            f"the book {name!r} has {len(faults)} fault(s); nothing is written", first_of(faults, MOST_TOLD)
        )
    return {part.kind.name: _part_of(whole, part) for part in REPORT.parts if not _missing(whole, part)}


def _examples() -> dict[str, MunicipalBook]:
    """Read the example of each part; parts with the same sheets have those of the largest of them."""
    books = {part.kind.name: example_book(part.kind) for part in REPORT.parts}
    for part, larger in permutations(REPORT.parts, 2):
        if set(part.kind.forms) < set(larger.kind.forms):
            known = {form.name for form in part.kind.forms}
            tables = {name: table for name, table in books[larger.kind.name].tables.items() if name in known}
            books[part.kind.name] = replace(books[part.kind.name], tables=tables)
    return books


def _missing(book: MunicipalBook, part: BookPart) -> list[Form]:
    """Sheets that a part needs and that are not filled in; of one that needs none, all if none is."""
    needed = [form for form in part.kind.forms if not form.optional]
    if not needed and not any(name in book.tables for name in part.names.values()):
        return list(part.kind.forms)
    return [form for form in needed if part.names[form.name] not in book.tables]


def _lacking(book: MunicipalBook) -> Iterator[str]:
    """Sheets that are filled in and stand in no part that has all it needs."""
    whole = [part for part in book.kind.parts if not _missing(book, part)]
    used = {name for part in whole for name in part.names.values()}
    for part in book.kind.parts:
        filled = [name for name in part.names.values() if name in book.tables and name not in used]
        missing = _missing(book, part)
        for name in filled if missing else ():
            wanted = ", ".join(repr(book.kind.form(part.names[form.name]).label.nb) for form in missing)
            yield (
                f"sheet {book.tables[name].grid.name!r} is filled in, and {wanted} of "
                f"{part.kind.title.nb!r} is not: fill it in, too, or leave both empty"
            )


def _part_of(book: MunicipalBook, part: BookPart) -> MunicipalBook:
    """Part of a book as a book of its own kind."""
    forms = {form.name: form for form in part.kind.forms}
    tables = {
        name: replace(table, form=forms[name])
        for name, table in part.tables(book.tables).items()
        if name != ASSUMPTIONS.name
    }
    known = {one.name for one in part.kind.assumptions}
    return replace(
        book,
        kind=part.kind,
        tables=tables,
        assumptions={name: value for name, value in book.assumptions.items() if name in known},
        reasons={name: why for name, why in book.reasons.items() if name in known},
    )
