"""One module for each chapter of the report: what it reads, estimates and writes.

A chapter returns the content of its files and writes nothing itself, so a failure leaves the last good
results as they were.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kostnadsvekst.errors import DataWarning
from kostnadsvekst.language import LANGUAGES, Bilingual

if TYPE_CHECKING:
    import pandas as pd


class Chapter(NamedTuple):
    """A chapter on the command line.

    Attributes
    ----------
    module : str
        With ``run(settings) -> ChapterResult``.
    title : Bilingual
    reads : {"panel", "months", "register", "nothing"}
        What data of the user's own it can take: the municipal panel, a monthly panel, care episodes, or none.
    """

    module: str
    title: Bilingual
    reads: str


CHAPTERS = {
    "appendix": Chapter(
        "kostnadsvekst.chapters.appendix",
        Bilingual(
            "Vedlegg 1: tabell A1–A3, fire regresjoner av utgifter per innbygger",
            "Appendix 1: tables A1–A3, four regressions of expenditure per inhabitant",
        ),
        "panel",
    ),
    "growth": Chapter(
        "kostnadsvekst.chapters.growth",
        Bilingual(
            "Kapittel 4: tabell 1, figur 2–4, vekstregnskap",
            "Chapter 4: table 1, figures 2–4, growth accounts",
        ),
        "panel",
    ),
    "kpr": Chapter(
        "kostnadsvekst.chapters.kpr",
        Bilingual(
            "Kapittel 5: brukere per uke fra KPR, figur 5–11, hva som driver veksten",
            "Chapter 5: weekly users from the KPR register, figures 5–11, what drives the growth",
        ),
        "register",
    ),
    "ohd": Chapter(
        "kostnadsvekst.chapters.ohd",
        Bilingual(
            "Kapittel 6: kommunale øyeblikkelig hjelp døgntilbud (ØHD) og bruk av sykehus",
            "Chapter 6: municipal acute beds (ØHD) and the use of hospitals",
        ),
        "months",
    ),
    "specification-curve": Chapter(
        "kostnadsvekst.chapters.specification_curve",
        Bilingual(
            "Spesifikasjonskurve rundt modell 3 og 4 i tabell A3, og kommuners innflytelse",
            "Specification curve around models 3 and 4 of table A3, and influence of municipalities",
        ),
        "panel",
    ),
    "consistency": Chapter(
        "kostnadsvekst.chapters.consistency",
        Bilingual(
            "Rapporten mot seg selv: motsigelser mellom trykte tall",
            "The report against itself: contradictions between printed numbers",
        ),
        "nothing",
    ),
}


# What ``scripts/estimate.py --spec`` runs instead of the report's chapters.
OWN = "own-specifications"
OWN_CHAPTER = Chapter(
    "kostnadsvekst.chapters.own_specifications",
    Bilingual("Egne spesifikasjoner", "Specifications of your own"),
    "panel",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user asked for.

    Attributes
    ----------
    data : Path, optional
        Panel file of the user's own; without it the embedded synthetic panel.
    languages : tuple of str
        Of tables and figures, ``"nb"`` and ``"en"``.
    specifications : Path, optional
        TOML file with specifications of the user's own.
    progress : bool
        Whether progress bars may be shown (on stderr).
    register : Path, optional
        Episodes of the user's own, as written by `kostnadsvekst.register.ingest`; without it a synthetic
        register.
    population : Path, optional
        CSV with ``year``, ``age_group`` and ``persons`` on 1 January, for a register of the user's own.
    """

    data: Path | None = None
    languages: tuple[str, ...] = LANGUAGES
    progress: bool = False
    specifications: Path | None = None
    register: Path | None = None
    population: Path | None = None


@dataclass(frozen=True, slots=True)
class ChapterResult:
    """What a chapter produced.

    Attributes
    ----------
    files : mapping of str to str or bytes
        Path below the results folder -> content.
    audit : DataFrame, optional
        Printed numbers against ours, with the columns of `kostnadsvekst.report.audit.COLUMNS`.
    moved : tuple of str
        Printed numbers that came out differently without an accepted reason, one sentence each.
    summary : tuple of Bilingual
        Lines for the reader at the terminal.
    data_origin : tuple of str
        Every origin of the data behind the files, as their column ``data_origin`` has it.
    """

    files: Mapping[str, str | bytes]
    audit: "pd.DataFrame | None" = None
    moved: tuple[str, ...] = ()
    summary: tuple[Bilingual, ...] = ()
    data_origin: tuple[str, ...] = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class ChapterReport:
    """What became of a chapter.

    Attributes
    ----------
    name : str
    result : ChapterResult
    written : tuple of Path
    notes : tuple of str
        What the user should know about the data, if no chapter before has said it.
    """

    name: str
    result: ChapterResult
    written: tuple[Path, ...]
    notes: tuple[str, ...]


def find_chapter(name: str) -> Chapter:
    """Return the chapter of a name in `CHAPTERS`, or `OWN`."""
    return OWN_CHAPTER if name == OWN else CHAPTERS[name]


def choose_chapters(settings: Settings) -> tuple[str, ...]:
    """Names of the chapters to run when none is named.

    All of them on the embedded data. Where the user brings data, only the chapters that read them: results
    on synthetic data beside one's own would be mistaken for more of the same.
    """
    if settings.specifications is not None:
        return (OWN,)
    brought = {"panel"} if settings.data is not None else set()
    brought |= {"register"} if settings.register is not None else set()
    return tuple(name for name, chapter in CHAPTERS.items() if not brought or chapter.reads in brought)


def run_chapters(
    names: Sequence[str],
    settings: Settings,
    out: Path,
    announce: Callable[[ChapterReport], None] = lambda report: None,
) -> tuple[ChapterReport, ...]:
    """Run chapters one after the other and write the files of each when it has succeeded.

    Parameters
    ----------
    names : sequence of str
        Keys of `CHAPTERS`, or `OWN`.
    settings : Settings
    out : Path
        Results folder.
    announce : callable
        Called after each chapter.

    Returns
    -------
    tuple of ChapterReport
    """
    from kostnadsvekst.report.output import write_files

    reports: list[ChapterReport] = []
    for name in names:
        chapter = import_module(find_chapter(name).module)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DataWarning)
            result: ChapterResult = chapter.run(settings)
        for other in (w for w in caught if not issubclass(w.category, DataWarning)):
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
        said = {note for report in reports for note in report.notes}
        notes = dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, DataWarning))
        new = tuple(note for note in notes if note not in said)
        reports.append(ChapterReport(name, result, write_files(out, result.files), new))
        announce(reports[-1])
    return tuple(reports)
