"""One module for each chapter of the report: what it reads, estimates and writes.

A chapter returns the content of its files and writes nothing itself, so a failure leaves the last good
results as they were.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from kostnadsvekst.errors import DataWarning, SpecificationError
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
    reads : {"panel", "months", "register", "chapters", "nothing"}
        What data of the user's own it can take: the municipal panel, a monthly panel, or care episodes; what
        other chapters computed; or nothing. The names are those of `READS`.
    uses : tuple of str
        Chapters whose results its ``run(settings, finished)`` takes where they were run before it.
    also_reads : tuple of str
        Files and folders of the checkout, such as ``"requirements"``, that it reads beside the package, its
        data and what the user brings: it is made again when they change.
    reads_folder : bool
        Whether it reads what lies in the results folder: it is made again when anything there has changed.
    heavy : bool
        Whether it needs so much memory that two such chapters are not made at once.
    """

    module: str
    title: Bilingual
    reads: str
    uses: tuple[str, ...] = ()
    also_reads: tuple[str, ...] = ()
    reads_folder: bool = False
    heavy: bool = False


CHAPTERS = {
    "background": Chapter(
        "kostnadsvekst.chapters.background",
        Bilingual(
            "Bakgrunn: kommuneøkonomien, refusjonsordningen, tabell A4",
            "Background: the municipal economy, the refund scheme, table A4",
        ),
        "nothing",
    ),
    "appendix": Chapter(
        "kostnadsvekst.chapters.appendix",
        Bilingual(
            "Vedlegg 1: tabell A1–A3, fire regresjoner av utgifter per innbygger",
            "Appendix 1: tables A1–A3, four regressions of expenditure per inhabitant",
        ),
        "panel",
    ),
    "explanation": Chapter(
        "kostnadsvekst.chapters.explanation",
        Bilingual(
            "Vedlegg 1 forklart: hvorfor årseffektene endrer seg, hva veksten består av",
            "Appendix 1 explained: why the year effects move, what growth consists of",
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
        heavy=True,
    ),
    "ohd": Chapter(
        "kostnadsvekst.chapters.ohd",
        Bilingual(
            "Kapittel 6: kommunale øyeblikkelig hjelp døgntilbud (ØHD) og bruk av sykehus",
            "Chapter 6: municipal acute beds (ØHD) and the use of hospitals",
        ),
        "months",
        heavy=True,
    ),
    "case-selection": Chapter(
        "kostnadsvekst.chapters.case_selection",
        Bilingual(
            "Kapittel 7: valg av casekommuner, tabell 2, vekst etter kommunetype",
            "Chapter 7: selection of case municipalities, table 2, growth by type of municipality",
        ),
        "panel",
    ),
    "specification-curve": Chapter(
        "kostnadsvekst.chapters.specification_curve",
        Bilingual(
            "Spesifikasjonskurve rundt modell 3 og 4 i tabell A3, og kommuners innflytelse",
            "Specification curve around models 3 and 4 of table A3, and influence of municipalities",
        ),
        "panel",
        heavy=True,
    ),
    "claims": Chapter(
        "kostnadsvekst.chapters.claims",
        Bilingual(
            "Hele rapporten: hvert utsagn med tall dømt én gang",
            "The whole report: every quantitative claim judged once",
        ),
        "chapters",
        ("growth", "kpr", "ohd"),
    ),
    "consistency": Chapter(
        "kostnadsvekst.chapters.consistency",
        Bilingual(
            "Rapporten mot seg selv: motsigelser mellom trykte tall",
            "The report against itself: contradictions between printed numbers",
        ),
        "nothing",
    ),
    "paper": Chapter(
        "kostnadsvekst.chapters.paper",
        Bilingual("Artikkelen, på norsk og engelsk", "The paper, in Norwegian and English"),
        "nothing",
        ("appendix", "explanation", "growth", "kpr", "ohd", "claims", "consistency"),
    ),
    "page": Chapter(
        "kostnadsvekst.chapters.page",
        Bilingual(
            "Rapportsiden: hvert trykt tall i én fil for nettleseren",
            "The report page: every printed number in one file for the browser",
        ),
        "chapters",
        (
            "background",
            "appendix",
            "explanation",
            "growth",
            "kpr",
            "ohd",
            "case-selection",
            "specification-curve",
            "claims",
            "consistency",
            "paper",
        ),
    ),
    "replication": Chapter(
        "kostnadsvekst.chapters.replication",
        Bilingual(
            "Etterprøving: sjekksummer, kodebok, datapakke, hva som er laget av hva",
            "Replication: digests, codebook, data package, what is made of what",
        ),
        "chapters",
        (
            "background",
            "appendix",
            "explanation",
            "growth",
            "kpr",
            "ohd",
            "case-selection",
            "specification-curve",
            "claims",
            "consistency",
            "paper",
            "page",
        ),
        reads_folder=True,
    ),
}


# What a chapter reads, in words, and how it is given.
READS = {
    "panel": ("a municipal panel", "--data PANEL"),
    "months": ("a monthly panel", "--data MONTHS"),
    "register": ("care episodes", "--register EPISODES --population FILE"),
}

# What ``kostnadsvekst estimate --spec`` runs instead of the report's chapters.
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
    rename : mapping of str to str
        Column of `data`, a finished panel -> the name that chapters and specifications use.
    out : Path, optional
        Results folder; what studies of their own have put there is described with the rest.
    """

    data: Path | None = None
    languages: tuple[str, ...] = LANGUAGES
    progress: bool = False
    specifications: Path | None = None
    register: Path | None = None
    population: Path | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    out: Path | None = None

    @property
    def own_data(self) -> bool:
        """Whether the user has brought data."""
        return self.data is not None or self.register is not None


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
    kept : tuple of str
        Files of the user's own that had to make room, and their new names.
    reused : bool
        Whether the files of an earlier run were left as they are, for nothing behind them has changed.
    printed_numbers : mapping, optional
        Counts of `kostnadsvekst.report.audit.count_by_origin` where they were counted when the chapter was
        made: ``result`` is then read from disk and has no ``audit``.
    """

    name: str
    result: ChapterResult
    written: tuple[Path, ...]
    notes: tuple[str, ...]
    kept: tuple[str, ...] = ()
    reused: bool = False
    printed_numbers: Mapping[str, Any] | None = None


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
    told = {"page", "replication"} if brought else set()
    return tuple(
        name for name, chapter in CHAPTERS.items() if not brought or chapter.reads in brought or name in told
    )


def check_choices(names: Sequence[str], settings: Settings) -> None:
    """Refuse what would run on synthetic data beside the user's own, or leave a file unread.

    Parameters
    ----------
    names : sequence of str
        Chapters to run.
    settings : Settings

    Raises
    ------
    SpecificationError
        All that does not go together, each with what to write instead.
    """
    faults = [*_unread_files(names, settings), *_mixed_data(names, settings)]
    if faults:
        lines = [f"  - {fault}" for fault in faults]
        raise SpecificationError("\n".join(["these choices do not go together; nothing is written:", *lines]))


def _unread_files(names: Sequence[str], settings: Settings) -> list[str]:
    """Name what is given and would not be read."""
    reads = {find_chapter(name).reads for name in names}
    chosen = ", ".join(names)
    faults = []
    if settings.specifications is not None and tuple(names) != (OWN,):
        faults.append(f"--spec is estimated instead of chapters: leave out --only ({chosen}), or --spec")
    if settings.data is not None and not reads & {"panel", "months", "chapters"}:
        faults.append("; and ".join(["--data would not be read", *_would_be_synthetic(names)]))
    if settings.register is not None and not reads & {"register", "chapters"}:
        faults.append(
            f"--register would not be read: only kpr reads episodes, not {chosen}; write --only kpr with it"
            if OWN not in names
            else "--register would not be read by --spec: give the data of the specifications with --data"
        )
    if settings.population is not None and settings.register is None:
        faults.append("--population goes with --register: give the episodes, too, or leave it out")
    if settings.register is not None and settings.population is None:
        faults.append("--register needs --population FILE: year, age_group and persons on 1 January")
    if settings.rename and settings.data is None:
        faults.append("--rename is of the columns of --data, which is not given")
    return faults


def _mixed_data(names: Sequence[str], settings: Settings) -> list[str]:
    """Name chapters that would run on synthetic data beside the user's, and data of two kinds at once."""
    reads = {name: find_chapter(name).reads for name in names}
    own = {"register"} if settings.register is not None else set()
    own |= {"panel", "months"} if settings.data is not None else set()
    synthetic = [name for name, kind in reads.items() if kind in READS and kind not in own]
    faults, kinds = [], {*reads.values()}
    if synthetic and own and kinds & {*own, "chapters"}:
        faults.append("; and ".join(["data of your own are given", *_would_be_synthetic(synthetic)]))
    if settings.data is not None and "months" in kinds and kinds & {"panel", "chapters"}:
        faults.append(
            "--data is a municipal panel or a monthly one, not both: run ohd alone, with its own file"
        )
    return faults


def _would_be_synthetic(names: Sequence[str]) -> list[str]:
    """Say which chapters would run on invented data, and how each gets the user's."""
    told = []
    for name in names:
        if find_chapter(name).reads in READS:
            words, option = READS[find_chapter(name).reads]
            way = f"write --only {name} {option}"
            told.append(f"{name} reads {words} and would run on synthetic data ({way})")
    return told


def kept_files(name: str, settings: Settings) -> Callable[[str], bool] | None:
    """Which files of the last run stay: tables of other specifications of the user's own, and no others."""
    if name != OWN or settings.specifications is None:
        return None
    stem = f"{settings.specifications.stem}_"
    return lambda path: not Path(path).name.startswith(stem)


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

    Raises
    ------
    SpecificationError
        As `check_choices`, before anything is run.
    """
    check_choices(names, settings)
    from kostnadsvekst.report.chapter_files import check_folder

    check_folder(out)
    settings = replace(settings, out=out)
    reports: list[ChapterReport] = []
    for name in names:
        result, notes = run_chapter(name, settings, {report.name: report.result for report in reports})
        written, kept = write_result(out, name, result, settings)
        said = {note for report in reports for note in report.notes}
        new = tuple(note for note in notes if note not in said)
        reports.append(ChapterReport(name, result, written, new, kept))
        announce(reports[-1])
    return tuple(reports)


def run_chapter(
    name: str, settings: Settings, finished: Mapping[str, ChapterResult]
) -> tuple[ChapterResult, tuple[str, ...]]:
    """Run a chapter; nothing is written.

    Parameters
    ----------
    name : str
        Key of `CHAPTERS`, or `OWN`.
    settings : Settings
    finished : mapping of str to ChapterResult
        Chapters of this run.

    Returns
    -------
    result : ChapterResult
    notes : tuple of str
        What its warnings about data say, each once. Other warnings are passed on.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        result = _run(name, settings, finished)
    for other in (w for w in caught if not issubclass(w.category, DataWarning)):
        warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    notes = dict.fromkeys(_said(w) for w in caught if issubclass(w.category, DataWarning))
    return result, tuple(notes)


def finish_used(
    name: str, settings: Settings, finished: Mapping[str, ChapterResult]
) -> dict[str, ChapterResult]:
    """Take the chapters that a chapter uses from this run; compute what is not there and has the same data.

    Parameters
    ----------
    name : str
        Key of `CHAPTERS`.
    settings : Settings
    finished : mapping of str to ChapterResult
        Chapters of this run.

    Returns
    -------
    dict of str to ChapterResult
        Without those that would run on the embedded data beside the user's own.
    """
    done: dict[str, ChapterResult] = {}
    for used in CHAPTERS[name].uses:
        if used in finished:
            done[used] = finished[used]
        elif has_its_data(used, settings):
            done[used] = _run(used, settings, done)
    return done


def has_its_data(name: str, settings: Settings) -> bool:
    """Whether a chapter would read what the user brought; every one does where nothing is brought.

    Parameters
    ----------
    name : str
        Key of `CHAPTERS`.
    settings : Settings
    """
    brought = {"panel": settings.data, "register": settings.register}
    reads = CHAPTERS[name].reads
    return not settings.own_data or reads == "chapters" or brought.get(reads) is not None


def _run(name: str, settings: Settings, finished: Mapping[str, ChapterResult]) -> ChapterResult:
    chapter = find_chapter(name)
    run: Callable[..., ChapterResult] = import_module(chapter.module).run
    if not chapter.uses:
        return run(settings)
    return run(settings, {used: finished[used] for used in chapter.uses if used in finished})


def _said(warning: warnings.WarningMessage) -> str:
    """Text of a warning, as it was given: it may know its Norwegian."""
    arguments = getattr(warning.message, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], str) else str(warning.message)


def write_result(
    out: Path,
    name: str,
    result: ChapterResult,
    settings: Settings,
    records: Mapping[str, bytes] = MappingProxyType({}),
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Put the files of a chapter in their place.

    Parameters
    ----------
    out : Path
        Results folder.
    name : str
    result : ChapterResult
    settings : Settings
    records : mapping of str to bytes
        As for `kostnadsvekst.report.chapter_files.write_chapter`.

    Returns
    -------
    written : tuple of Path
    kept : tuple of str
        What the user should know of files of their own.
    """
    from kostnadsvekst.report.chapter_files import write_chapter

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        files = files_of(name, result, settings)
        written = write_chapter(out, name, files, kept_files(name, settings), records)
    return written, tuple(str(warning.message) for warning in caught)


def files_of(name: str, result: ChapterResult, settings: Settings) -> Mapping[str, str | bytes]:
    """Files of a chapter, or a reason in the place of what is not made.

    Results of an earlier run must not stand for it.

    Parameters
    ----------
    name : str
    result : ChapterResult
    settings : Settings
    """
    return result.files or {f"{name}/not_made.txt": _why(result, settings)}


def _why(result: ChapterResult, settings: Settings) -> str:
    lines = [line.get(lang) for lang in settings.languages for line in result.summary]
    return "\n".join(lines) + "\n"
