"""Errors that users can act on.

Every message says what is wrong, where (municipality, year, row, column) and what to do about it.
``exit_code`` is what the program returns when the error reaches it.
"""

from collections.abc import Sequence

__all__ = [
    "CalibrationError",
    "DataMissingError",
    "DataWarning",
    "DisclosureError",
    "InvalidDataError",
    "KostnadsvekstError",
    "OutputError",
    "SourceError",
    "SpecificationError",
]


def __dir__() -> list[str]:
    return sorted(__all__)


class KostnadsvekstError(Exception):
    """Base of all errors raised on purpose by this package."""

    exit_code = 3


class DataMissingError(KostnadsvekstError):
    """A file, table or column that is needed does not exist."""


class InvalidDataError(KostnadsvekstError, ValueError):
    """Data exist but cannot be used; all problems found are listed together.

    Parameters
    ----------
    summary : str
        One line: what was checked and how many problems were found.
    problems : sequence of str
        One line for each problem, naming municipality and year or the row.
    """

    def __init__(self, summary: str, problems: Sequence[str] = ()) -> None:
        self.summary = summary
        self.problems = tuple(problems)
        super().__init__("\n".join([summary, *(f"  - {problem}" for problem in self.problems)]))


class SpecificationError(KostnadsvekstError, ValueError):
    """A specification that cannot be read, or that the data at hand do not identify."""

    exit_code = 2


class OutputError(KostnadsvekstError):
    """Results or data cannot be written where they were asked for; what was there is as it was."""


class SourceError(KostnadsvekstError):
    """A remote source did not answer, or answered something that cannot be trusted."""


class DisclosureError(KostnadsvekstError):
    """A table that would reveal persons was about to leave the register code."""

    exit_code = 4


class DataWarning(UserWarning):
    """Data can be used, but the user should know something about them."""


class CalibrationError(KostnadsvekstError):
    """The solver did not find a synthetic panel that has all published cells."""
