"""The report to the council: one page and a short PDF of all parts of a book that are filled in."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kostnadsvekst.chapters.municipal_calculator import calculator_trials
from kostnadsvekst.chapters.municipal_public import public_sheets
from kostnadsvekst.chapters.municipal_report_comparison import (
    compare_section,
    projection_section,
    savings_section,
)
from kostnadsvekst.chapters.municipal_report_sections import (
    GroupTables,
    Made,
    calculator_section,
    grounds_section,
    ladder_section,
    user_groups_section,
)
from kostnadsvekst.chapters.municipal_report_tables import (
    Pair,
    Unit,
    hiding_units,
    page_table,
    units_of,
    without_units,
)
from kostnadsvekst.chapters.municipal_sheets import (
    MADE_UP,
    NOT_FOR_PUBLICATION,
    PUBLIC,
    System,
    assumption_sheet,
    log_sheet,
)
from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.language import LANGUAGES, Bilingual, both
from kostnadsvekst.naming import first_of
from kostnadsvekst.report.council_page.content import CouncilPage, PageTable
from kostnadsvekst.sources.municipal_book import MOST_TOLD, MunicipalBook
from kostnadsvekst.sources.municipal_examples import MADE_UP_ORIGIN
from kostnadsvekst.sources.municipal_kinds import CALCULATOR, COMPARE, LADDER, SAVINGS, USER_GROUPS
from kostnadsvekst.sources.municipal_projection_kind import PROJECT
from kostnadsvekst.version import __version__

Compute = Callable[[MunicipalBook, str], System]
_TITLE = Bilingual(
    "Helse- og omsorgstjenestene: hva tallene sier", "Health and care services: what the numbers say"
)


@dataclass(frozen=True, slots=True)
class _Block:
    """A part of the book, computed in both languages.

    Attributes
    ----------
    book : MunicipalBook
    systems : mapping of str to System
        By language.
    publish : bool
    """

    book: MunicipalBook
    systems: Mapping[str, System]
    publish: bool

    @property
    def system(self) -> System:
        """In Norwegian, for what has no words."""
        return self.systems["nb"]

    def tables(self) -> list[PageTable]:
        """Sheets of results as this edition may show them."""
        shown = {
            lang: public_sheets(one) if self.publish else one.results for lang, one in self.systems.items()
        }
        inputs = {sheet.name: sheet for sheet in self.system.inputs}
        pairs: list[Pair] = [*zip(shown["nb"], shown["en"], strict=True)]
        return [page_table(f"{self.book.kind.name}-{k}", pair, inputs) for k, pair in enumerate(pairs)]

    def grounds(self) -> Iterator[PageTable]:
        """Assumptions, and for the analyst the log of judgements, which tells numbers of the book."""
        name = self.book.kind.name
        if self.system.assumptions:
            nb, en = (assumption_sheet(self.systems[lang].assumptions, lang) for lang in LANGUAGES)
            table = _titled(page_table(f"{name}-assumptions", (nb, en)), self.book)
            yield table.keeping([c.name for c in table.columns if c.name != "name"])
        if self.system.judgements and not self.publish:
            nb, en = (log_sheet(self.systems[lang].judgements, lang) for lang in LANGUAGES)
            table = _titled(page_table(f"{name}-log", (nb, en)), self.book)
            filled = [k for k, row in enumerate(table.rows) if any(cell is not None for cell in row)]
            yield table.keeping(["about", "choice", "reason", "status"], filled)


def _titled(table: PageTable, book: MunicipalBook) -> PageTable:
    title = Bilingual(*(f"{table.title.get(lang)}: {book.kind.title.get(lang)}" for lang in LANGUAGES))
    return replace(table, title=title, notes=())


def render_report(
    blocks: Mapping[str, MunicipalBook], compute: Compute, languages: tuple[str, ...], *, publish: bool
) -> tuple[dict[str, str | bytes], tuple[str, ...]]:
    """Render the page and the short report.

    Parameters
    ----------
    blocks : mapping of str to MunicipalBook
        From `kostnadsvekst.sources.municipal_report_book.read_report_book`.
    compute : callable
        Computes a book in a language.
    languages : tuple of {"nb", "en"}
        Both: one page with a switch; one: a page in that language alone. A PDF for each.
    publish : bool

    Returns
    -------
    files : dict of str to str or bytes
        ``results.html`` and ``report_LANG.pdf``.
    notes : tuple of str
        What the user is told at the terminal, such as what is left out.

    Raises
    ------
    InvalidDataError
        What cannot be computed in any part, all at once.
    """
    from kostnadsvekst.report.council_page import render_council_page, render_council_report

    notes: dict[str, None] = {}

    def noting(book: MunicipalBook, lang: str) -> System:
        made = compute(book, lang)
        if lang == languages[0]:
            notes.update(dict.fromkeys(made.notes_of(publish=publish)))
        return made

    page = make_page(blocks, noting, publish=publish)
    files: dict[str, str | bytes] = {"results.html": render_council_page(page, languages)}
    for lang in languages:
        files[f"report_{lang}.pdf"] = render_council_report(page, lang)
    return files, tuple(notes)


def make_page(blocks: Mapping[str, MunicipalBook], compute: Compute, *, publish: bool) -> CouncilPage:
    """Gather what the page says from all parts of a book.

    Parameters
    ----------
    blocks, compute, publish
        As for `render_report`.
    """
    computed = _computed(blocks, compute, publish=publish)
    made = _sections(computed)
    grounds = [table for block in computed.values() for table in block.grounds()]
    made += [grounds_section(grounds)] if grounds else []
    books = [block.book for block in computed.values()]
    parts: dict[str, Any] = {"drills": {}, "rows_behind": {}}
    for one in made:
        parts["drills"] |= one.drills
        parts["rows_behind"] |= one.rows_behind
    return CouncilPage(
        _TITLE,
        _banners(books, publish=publish),
        _basis(books),
        tuple(sentence for one in made for sentence in one.answer),
        tuple(one.section for one in made),
        tuple(table for one in made for table in one.behind),
        version=__version__,
        **parts,
    )


def _basis(books: Sequence[MunicipalBook]) -> Bilingual:
    """Name of the book; of the examples, that they are made up."""
    if _is_made_up(books):
        return Bilingual("oppdiktet eksempel", "made-up example")
    return both(", ".join(dict.fromkeys(book.provenance.file for book in books)))


def _is_made_up(books: Sequence[MunicipalBook]) -> bool:
    return any(book.provenance.origin == MADE_UP_ORIGIN for book in books)


def _banners(books: Sequence[MunicipalBook], *, publish: bool) -> tuple[Bilingual, ...]:
    return (PUBLIC if publish else NOT_FOR_PUBLICATION, *([MADE_UP] if _is_made_up(books) else []))


def _computed(blocks: Mapping[str, MunicipalBook], compute: Compute, *, publish: bool) -> dict[str, _Block]:
    """Compute all parts; what is wrong with any of them is told together."""
    found, faults, first = {}, [], None
    for name, book in blocks.items():
        try:
            systems = {lang: compute(book, lang) for lang in LANGUAGES}
        except InvalidDataError as error:
            first = first or error
            faults += list(error.problems) or [str(error)]
            continue
        found[name] = _Block(book, systems, publish)
    if first is not None:
        told = list(dict.fromkeys(faults))
        name = next(iter(blocks.values())).provenance.file
        raise InvalidDataError(
            f"the book {name!r} has {len(told)} fault(s); nothing is written", first_of(told, MOST_TOLD)
        ) from None
    return found


def _own(blocks: Mapping[str, _Block]) -> str:
    """Municipality that the page is of: as the book says, else the first in its sheets."""
    books = [block.book for block in blocks.values()]
    told = [book.frame("own") for book in books if "own" in book.tables]
    named = [*told, *(t.frame for book in books for t in book.tables.values() if "municipality" in t.frame)]
    return str(named[0]["municipality"].iloc[0])


def _sections(blocks: Mapping[str, _Block]) -> list[Made]:
    made, own = [], _own(blocks)
    tables = {name: block.tables() for name, block in blocks.items()}
    withheld = _withheld(tables)
    for name in sorted(blocks, key=_ORDER.index):
        block = blocks[name]
        shown = [*without_units(tables[name], withheld.get(name, set()))]
        notes = _withheld_notes(withheld.get(name, set()))
        if name == USER_GROUPS.name:
            made.append(user_groups_section(_group_tables(block, shown), own))
        elif name == LADDER.name:
            made.append(ladder_section(shown, notes, hiding_units(shown[:1]), own))
        elif name == COMPARE.name:
            made.append(_compare_section(block, shown))
        elif name == SAVINGS.name:
            made.append(savings_section(block.book.kind.title, shown))
        elif name == PROJECT.name:
            made.append(projection_section(block.book.kind.title, [*shown], notes))
        elif name == CALCULATOR.name:
            trials = calculator_trials(block.book)
            made.append(calculator_section(shown, trials, own))
    return made


def _compare_section(block: _Block, shown: Sequence[PageTable]) -> Made:
    from kostnadsvekst.chapters.municipal_report_spreads import spreads_of

    own, spreads = spreads_of(block.book, publish=block.publish)
    return compare_section(block.book.kind.title, shown, spreads, own)


# Of the sections: what is found comes first.
_ORDER = (COMPARE.name, USER_GROUPS.name, SAVINGS.name, PROJECT.name, LADDER.name, CALCULATOR.name)
# Parts that count the same people: together they tell what each of them hides.
_COUNTING = (USER_GROUPS.name, LADDER.name, PROJECT.name)


def _withheld(tables: Mapping[str, Sequence[PageTable]]) -> dict[str, set[Unit]]:
    """Municipalities and years that a part does not show, since another part counts the same people.

    A count that is told in one part, less those that are told in another, is the count that the other hides.
    As soon as any of them hides a number of a municipality, only the first of them shows it, whatever the
    year: users on the last day of a year are those of the first day of the next, by which a projection is
    called, and coverage times population gives them back in every other year.
    """
    shown: set[str] = set()
    withheld: dict[str, set[Unit]] = {}
    counting = [name for name in _COUNTING if name in tables]
    hiding = {place for name in counting for place, _ in hiding_units(tables[name])}
    for name in counting:
        units = {unit for table in tables[name] for unit in units_of(table)}
        withheld[name] = {unit for unit in units if unit[0] in shown & hiding}
        shown |= {place for place, _ in units}
    return withheld


def _withheld_notes(units: set[Unit]) -> list[Bilingual]:
    if not units:
        return []
    places = ", ".join(sorted({municipality for municipality, _ in units}))
    return [
        Bilingual(
            f"{places}: vises ikke i den offentlige utgaven. Her telles de samme menneskene som i en annen "
            "del av siden, og små tall som er skjult, kunne regnes ut av de to sammen.",
            f"{places}: not shown in the public edition. The same people are counted as in another part of "
            "the page, and small numbers that are hidden could be worked out from the two together.",
        )
    ]


def _group_tables(block: _Block, shown: Sequence[PageTable]) -> GroupTables:
    summary, profile, *others = shown
    named = replace(summary, key="summary"), replace(profile, key="profile")
    if block.publish or block.system.behind is None:
        return GroupTables(*named)
    counts = [
        next(s for s in block.systems[lang].inputs if any(c.name == "users" for c in s.columns))
        for lang in LANGUAGES
    ]
    return GroupTables(
        *named,
        replace(others[-1], key="accounts"),
        page_table("counts", (counts[0], counts[1])),
        block.system.behind(),
        tuple(others[:-1]),
    )
