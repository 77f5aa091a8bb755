"""Every file that the results hold, with its title, its program and the command that makes it."""

import csv
import html
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import pandas as pd

from kostnadsvekst.errors import DataMissingError
from kostnadsvekst.generations import MARKER
from kostnadsvekst.language import LANGUAGES, SYNTHETIC_LABEL, Bilingual, both
from kostnadsvekst.provenance import NORWEGIAN
from kostnadsvekst.report.chapter_files import owner_of
from kostnadsvekst.sources.embedded import embedded_path

CHAPTER = "replication"
NOT_MADE = "not_made.txt"
COMMAND = "python scripts/estimate.py --only {chapter}"
# Of files that `outputs.csv` does not name: what their ending says.
_KINDS = {
    ".png": "figure",
    ".svg": "figure",
    ".pdf": "paper",
    ".txt": "reason",
    ".html": "page",
    ".csv": "data",
}
_LANGUAGE = re.compile(rf"_(?:{'|'.join(LANGUAGES)})$")
_SVG_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_LABELS = {label.partition(":")[0] for label in SYNTHETIC_LABEL}

KINDS = {
    "table": Bilingual("tabell", "table"),
    "figure": Bilingual("figur", "figure"),
    "data": Bilingual("tallfil", "data file"),
    "audit": Bilingual("etterprøving av trykte tall", "audit of printed numbers"),
    "page": Bilingual("side", "page"),
    "paper": Bilingual("artikkel", "paper"),
    "numbers": Bilingual("tall i løpende tekst", "numbers in running text"),
    "description": Bilingual("beskrivelse", "description"),
    "reason": Bilingual("hvorfor noe ikke er laget", "why something is not made"),
}


@dataclass(frozen=True, slots=True)
class Made:
    """What a chapter made.

    Attributes
    ----------
    files : mapping of str to str or bytes
        Path below the results folder -> content.
    data_origin : tuple of str
        Of the data behind them.
    """

    files: Mapping[str, str | bytes]
    data_origin: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Output:
    """A file below the results folder.

    Attributes
    ----------
    path : str
    kind : str
        Key of `KINDS`.
    chapter : str
        Key of the chapter whose folder it is in.
    title : Bilingual
        As in the file, without the label of synthetic data, which `data_origin` tells.
    program : str
        Module and function that make it.
    command : str
        From the root of a checkout.
    by_estimate : bool
        Whether the command that makes all results makes it; the others are studies of their own.
    data_origin : tuple of str
        Of the data behind the chapter.
    """

    path: str
    kind: str
    chapter: str
    title: Bilingual
    program: str
    command: str
    by_estimate: bool
    data_origin: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Maker:
    """A line of ``data/parameters/outputs.csv``: what makes the files of a name.

    Attributes
    ----------
    output : str
        Path without language and ending.
    kind, program : str
    command : str
        Empty where it is that of the chapter.
    title : Bilingual
        Empty where the file says it itself.
    """

    output: str
    kind: str
    program: str
    command: str
    title: Bilingual


@cache
def read_makers() -> tuple[Maker, ...]:
    """Read what makes each output, in the order of the file."""
    rows = pd.read_csv(embedded_path("parameters/outputs.csv"), dtype=str, keep_default_na=False)
    return tuple(
        Maker(r.output, r.kind, r.program, r.command, Bilingual(r.title_nb, r.title_en))
        for r in rows.itertuples(index=False)
    )


@cache
def made_elsewhere() -> Mapping[str, str]:
    """Files that studies of their own make, and the command of each: they take from minutes to an hour."""
    return {f"{maker.output}.csv": maker.command for maker in read_makers() if maker.command}


def stem_of(path: str) -> str:
    """Path without its ending and language: the same for all media of a table or figure.

    Parameters
    ----------
    path : str
        Below the results folder.
    """
    return _LANGUAGE.sub("", str(PurePosixPath(path).with_suffix("")))


def find_maker(path: str) -> Maker | None:
    """Find what makes a file; None if ``outputs.csv`` does not name it.

    Parameters
    ----------
    path : str
        Below the results folder.
    """
    stem = stem_of(path)
    named = _makers_by_output().get(stem, ())
    by_kind = {maker.kind: maker for maker in named}
    if path in made_elsewhere() or len(named) < 2:
        return named[0] if named else None
    kind = _KINDS.get(PurePosixPath(path).suffix, "table")
    if kind == "data" and path != f"{stem}.csv":
        kind = "table"
    return by_kind.get(kind) or by_kind.get("table") or named[0]


@cache
def _makers_by_output() -> Mapping[str, tuple[Maker, ...]]:
    found: dict[str, tuple[Maker, ...]] = {}
    for maker in read_makers():
        found[maker.output] = (*found.get(maker.output, ()), maker)
    return found


def list_outputs(made: Mapping[str, Made]) -> tuple[Output, ...]:
    """List the files of chapters.

    Parameters
    ----------
    made : mapping of str to Made
        Chapter -> its files; studies of their own are in the folders of their chapters.

    Returns
    -------
    tuple of Output
        In the order of the chapters, each by path.
    """
    files = {path: content for one in made.values() for path, content in one.files.items()}
    return tuple(
        _output(path, chapter, files, one.data_origin)
        for chapter, one in made.items()
        for path in sorted(one.files)
    )


def read_results(folder: str | Path) -> dict[str, Made]:
    """Read the files of a results folder, by chapter; hidden files and what is kept for others are left out.

    Parameters
    ----------
    folder : path

    Raises
    ------
    DataMissingError
        There is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataMissingError(
            f"there is no results folder {str(folder)!r}: run `kostnadsvekst estimate` first"
        )
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        hidden = path.name == MARKER or any(part.startswith(".") for part in name.split("/"))
        if path.is_file() and not hidden and ".kept-" not in path.name:
            found.setdefault(owner_of(name), {})[name] = path.read_bytes()
    return {chapter: Made(files, origins_in(files)) for chapter, files in found.items()}


def origins_of(made: Mapping[str, Made]) -> tuple[str, ...]:
    """Origins of the data behind chapters, studies in folders of their own left out; sorted.

    Parameters
    ----------
    made : mapping of str to Made
        Chapter -> its files.
    """
    chapters = [one for one in made.values() if not one.files.keys() <= made_elsewhere().keys()]
    return tuple(sorted({origin for one in chapters for origin in one.data_origin}))


def origins_in(files: Mapping[str, str | bytes]) -> tuple[str, ...]:
    """Origins of the data behind files, in English, as the columns of the CSV files tell; sorted.

    Parameters
    ----------
    files : mapping of str to str or bytes
    """
    found: set[str] = set()
    for path, content in files.items():
        if path.endswith(".csv"):
            found |= _origins_of(content, ";" if path.endswith("_nb.csv") else ",")
    return tuple(sorted(_ENGLISH.get(origin, origin) for origin in found))


_ENGLISH = {norwegian: english for english, norwegian in NORWEGIAN.items()}


def _origins_of(content: str | bytes, delimiter: str) -> set[str]:
    text = content if isinstance(content, str) else content.decode("utf-8")
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter)
    header = next(rows, [])
    column = next((header.index(name) for name in ("data_origin", "origin") if name in header), None)
    return set() if column is None else {row[column] for row in rows if len(row) > column and row[column]}


def outputs_frame(outputs: Sequence[Output]) -> pd.DataFrame:
    """Give outputs as a table: one row for a table, figure or file in all its media and languages.

    Parameters
    ----------
    outputs : sequence of Output

    Returns
    -------
    DataFrame
        The columns of `OUTPUT_COLUMNS`; ``output`` is the path without language and ending, ``media`` the
        endings, ``languages`` those that have files of their own.
    """
    groups: dict[tuple[str, str], list[Output]] = {}
    for one in outputs:
        groups.setdefault((stem_of(one.path), one.kind), []).append(one)
    rows = [(stem, kind, *_media(found), *_told(found[0])) for (stem, kind), found in groups.items()]
    return pd.DataFrame(rows, columns=list(OUTPUT_COLUMNS))


OUTPUT_COLUMNS = (
    "output",
    "kind",
    "media",
    "languages",
    "chapter",
    "title_nb",
    "title_en",
    "program",
    "command",
    "data_origin",
)


def _media(outputs: Sequence[Output]) -> tuple[str, str]:
    endings = {PurePosixPath(one.path).suffix.removeprefix(".") for one in outputs}
    found = [_LANGUAGE.search(str(PurePosixPath(one.path).with_suffix(""))) for one in outputs]
    languages = {match[0].removeprefix("_") for match in found if match}
    return " ".join(sorted(endings)), " ".join(lang for lang in LANGUAGES if lang in languages)


def _told(one: Output) -> tuple[str, ...]:
    title = (one.title.nb, one.title.en)
    return (one.chapter, *title, one.program, one.command, "; ".join(one.data_origin))


def _output(path: str, chapter: str, files: Mapping[str, str | bytes], origin: tuple[str, ...]) -> Output:
    maker = find_maker(path)
    suffix = PurePosixPath(path).suffix
    command = COMMAND.format(chapter=chapter)
    if PurePosixPath(path).name == NOT_MADE or maker is None:
        kind = _KINDS.get(suffix, "table")
        program = f"kostnadsvekst.chapters.{chapter.replace('-', '_')}.run"
        return Output(path, kind, chapter, title_in(path, files), program, command, True, origin)
    title = maker.title if maker.title.en else title_in(path, files)
    elsewhere = made_elsewhere().get(path)
    return Output(
        path, maker.kind, chapter, title, maker.program, elsewhere or command, elsewhere is None, origin
    )


def title_in(path: str, files: Mapping[str, str | bytes]) -> Bilingual:
    """Title of a table or figure, as its Markdown or SVG file has it; else the name of the file.

    Parameters
    ----------
    path : str
        Any medium of it.
    files : mapping of str to str or bytes
        Where the other media are.
    """
    stem, figure = stem_of(path), PurePosixPath(path).suffix in (".png", ".svg")
    ending = ".svg" if figure else ".md"
    found = [next(_titles(files.get(f"{stem}_{lang}{ending}")), "") for lang in LANGUAGES]
    some = next(filter(None, found), "")
    return Bilingual(*(title or some for title in found)) if some else both(PurePosixPath(path).name)


def _titles(content: str | bytes | None) -> Iterator[str]:
    if content is None:
        return
    head = content[:4_000]
    text = head if isinstance(head, str) else head.decode("utf-8", "ignore")
    drawn = _SVG_TITLE.search(text)
    line = html.unescape(drawn[1]) if drawn else text.partition("\n")[0].strip("*").replace("\\", "")
    yield _without_label(" ".join(line.split()))


def _without_label(title: str) -> str:
    """Drop the label of synthetic data: before a table's title, behind a figure's."""
    for label in _LABELS:
        if title.startswith(label):
            return title.partition(". ")[2]
        title = title.partition(f"; {label}")[0]
    return title
