"""One module for each chapter of the report: what it reads, estimates and writes.

A chapter returns the content of its files and writes nothing itself, so a failure leaves the last good
results as they were.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import pandas as pd

from kostnadsvekst.report.language import LANGUAGES, Bilingual

# Name on the command line -> module with ``TITLE`` and ``run(settings) -> ChapterResult``.
CHAPTERS = {
    "appendix": "kostnadsvekst.chapters.appendix",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user asked for.

    Attributes
    ----------
    data : Path, optional
        Panel file of the user's own; without it the embedded synthetic panel.
    languages : tuple of str
        Of tables and figures, ``"nb"`` and ``"en"``.
    progress : bool
        Whether progress bars may be shown (on stderr).
    """

    data: Path | None = None
    languages: tuple[str, ...] = LANGUAGES
    progress: bool = False


@dataclass(frozen=True, slots=True)
class ChapterResult:
    """What a chapter produced.

    Attributes
    ----------
    files : mapping of str to str or bytes
        Path below the results folder -> content.
    audit : DataFrame, optional
        Printed numbers against ours, with the columns of `kostnadsvekst.report.audit.COLUMNS`.
    summary : tuple of Bilingual
        Lines for the reader at the terminal.
    """

    files: Mapping[str, str | bytes]
    audit: pd.DataFrame | None = None
    summary: tuple[Bilingual, ...] = field(default=())


def run_chapter(name: str, settings: Settings) -> ChapterResult:
    """Run one chapter by its name in `CHAPTERS`."""
    result: ChapterResult = import_module(CHAPTERS[name]).run(settings)
    return result
