"""Books of the municipal cost systems: which sheets and columns each kind of book has, and their units."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.naming import nearest_names

Table = TypeVar("Table")
# What a cell holds.
TEXT, NUMBER, COUNT, YEAR, YES_NO, PERCENT = "text", "number", "count", "year", "yes/no", "percent"
NUMERIC = (NUMBER, COUNT, YEAR, PERCENT)
NOTHING = Bilingual("", "")
YES = Bilingual("ja", "yes")
NO = Bilingual("nei", "no")


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a sheet.

    Attributes
    ----------
    name : str
        As the frame has it: quantity and unit.
    label : Bilingual
        As the sheet has it; the reader takes either language.
    holds : str
        One of `TEXT`, `NUMBER`, `COUNT` (a whole number), `YEAR`, `YES_NO`, `PERCENT` (12 for 12 %).
    unit : Bilingual
    help : Bilingual
        What to write, for the template.
    required : bool
        Whether a row without it is a fault; else an empty cell is missing.
    choices : tuple of Bilingual
        Texts that the template offers.
    only_choices : bool
        Whether any other text is a fault.
    minimum, maximum : float, optional
        Bounds that are allowed themselves.
    positive : bool
        Whether zero is a fault.
    """

    name: str
    label: Bilingual
    holds: str = TEXT
    unit: Bilingual = NOTHING
    help: Bilingual = NOTHING
    required: bool = True
    choices: tuple[Bilingual, ...] = ()
    only_choices: bool = False
    minimum: float | None = None
    maximum: float | None = None
    positive: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """A sheet of a book.

    Attributes
    ----------
    name : str
    label : Bilingual
        Name of the sheet.
    fields : tuple of Field
    key : tuple of str
        Columns that together occur once.
    optional : bool
        Whether the book may lack it, or have it without rows.
    help : Bilingual
    """

    name: str
    label: Bilingual
    fields: tuple[Field, ...]
    key: tuple[str, ...] = ()
    optional: bool = False
    help: Bilingual = NOTHING

    def field(self, name: str) -> Field:
        """Column of a name."""
        return next(one for one in self.fields if one.name == name)


@dataclass(frozen=True, slots=True)
class Assumption:
    """A number that drives results and that the user may change.

    Attributes
    ----------
    name : str
        Also the name of its cell in the workbook.
    label, unit : Bilingual
    value : float
        Used where the book says nothing.
    minimum, maximum : float
    status : {"stated", "derived", "assumed"}
        Whether the source prints it.
    reason : Bilingual
        Why this value, and its source.
    """

    name: str
    label: Bilingual
    unit: Bilingual
    value: float
    minimum: float
    maximum: float
    status: str
    reason: Bilingual


@dataclass(frozen=True, slots=True)
class BookKind:
    """A kind of book.

    Attributes
    ----------
    name : str
        On the command line.
    title : Bilingual
    forms : tuple of Form
    assumptions : tuple of Assumption
    help : Bilingual
    parts : tuple of BookPart
        Kinds whose sheets it has, where it is made of several.
    """

    name: str
    title: Bilingual
    forms: tuple[Form, ...]
    assumptions: tuple[Assumption, ...] = ()
    help: Bilingual = NOTHING
    parts: tuple["BookPart", ...] = ()

    @property
    def sheets(self) -> tuple[Form, ...]:
        """Its sheets, that of assumptions last."""
        return (*self.forms, *([ASSUMPTIONS] if self.assumptions else []))

    def form(self, name: str) -> Form:
        """Sheet of a name."""
        return next(one for one in self.sheets if one.name == name)


@dataclass(frozen=True, slots=True)
class BookPart:
    """A kind of book inside another.

    Attributes
    ----------
    kind : BookKind
    names : mapping of str to str
        Its sheets -> their names in the whole.
    """

    kind: BookKind
    names: Mapping[str, str]

    def tables(self, tables: Mapping[str, Table]) -> dict[str, Table]:
        """Tables of the whole that are its own, under its own names; with the assumptions."""
        found = {own: tables[name] for own, name in self.names.items() if name in tables}
        if ASSUMPTIONS.name in tables and self.kind.assumptions:
            found[ASSUMPTIONS.name] = tables[ASSUMPTIONS.name]
        return found


MUNICIPALITY = Field(
    "municipality",
    Bilingual("Kommune", "Municipality"),
    help=Bilingual("Navn eller kommunenummer", "Name or municipality number"),
)
YEAR_FIELD = Field("year", Bilingual("År", "Year"), YEAR, minimum=1990, maximum=2100)
SOURCE = Field(
    "source",
    Bilingual("Kilde", "Source"),
    required=False,
    help=Bilingual("Hvor tallet er hentet; «oppdiktet» om det er et eksempel", "Where the number is from"),
)
UNIT = (MUNICIPALITY, YEAR_FIELD)

ASSUMPTIONS = Form(
    "assumptions",
    Bilingual("Forutsetninger", "Assumptions"),
    (
        Field("name", Bilingual("Forutsetning", "Assumption")),
        Field("value", Bilingual("Verdi", "Value"), NUMBER),
        Field("reason", Bilingual("Begrunnelse", "Reason"), required=False),
    ),
    key=("name",),
    optional=True,
    help=Bilingual(
        "Tall som driver resultatene. La stå, eller skriv ditt eget og begrunn det.",
        "Numbers that drive the results. Leave them, or write your own and say why.",
    ),
)


def find_kind(name: str, kinds: dict[str, BookKind]) -> BookKind:
    """Kind of book of a name.

    Raises
    ------
    SpecificationError
        There is none; the nearest is suggested.
    """
    if name not in kinds:
        raise SpecificationError(
            f"no kind of book is called {nearest_names([name], kinds)}: choose one of {', '.join(kinds)}"
        )
    return kinds[name]
