"""Faults that only the computing finds, each with its place in the user's book; all are told at once."""

from collections.abc import Callable
from typing import TypeVar

from kostnadsvekst.errors import DataMissingError, InvalidDataError, SpecificationError
from kostnadsvekst.naming import first_of
from kostnadsvekst.sources.municipal_book import MOST_TOLD, MunicipalBook

Found = TypeVar("Found")


class Faults:
    """Faults of a book, collected while it is computed.

    Parameters
    ----------
    book : MunicipalBook
    """

    def __init__(self, book: MunicipalBook) -> None:
        self._book = book
        self._found: list[str] = []

    def attempt(self, form: str, row: int, compute: Callable[[], Found]) -> Found | None:
        """Compute, or keep what is wrong with the place in the book; None then.

        Parameters
        ----------
        form : str
            Name of the sheet's form.
        row : int
            Of its frame.
        compute : callable
        """
        try:
            return compute()
        except (InvalidDataError, SpecificationError, DataMissingError) as error:
            table = self._book.tables[form]
            where = table.place(row, table.form.fields[0].name)
            told = getattr(error, "problems", ()) or (str(error),)
            self._found += [f"{where}: {problem}" for problem in told]
            return None

    def refuse(self) -> None:
        """Raise if anything was found.

        Raises
        ------
        InvalidDataError
        """
        if self._found:
            found = list(dict.fromkeys(self._found))
            name = self._book.provenance.file
            raise InvalidDataError(
                f"the book {name!r} has {len(found)} fault(s); nothing is written", first_of(found, MOST_TOLD)
            )
