"""Replication: what is made of what, by which program, with digests, schemas and linked metadata."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from kostnadsvekst.chapters import CHAPTERS, READS, ChapterResult, Settings, files_of, finish_used
from kostnadsvekst.errors import DataMissingError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.replication.folder import chapters_in, digests_behind, studies_alone, studies_in
from kostnadsvekst.report.replication.listing import CHAPTER, Made, origins_in, origins_of
from kostnadsvekst.report.replication.manifest import embedded_inputs, own_inputs
from kostnadsvekst.report.replication.package import build_package


def run(settings: Settings, finished: Mapping[str, ChapterResult] = MappingProxyType({})) -> ChapterResult:
    """Describe what the other chapters made.

    Parameters
    ----------
    settings : Settings
        With data of the user's own, what was made of them is described, and every part says that they are
        not the report's.
    finished : mapping of str to ChapterResult
        Chapters of this run. Of the others those are described that earlier runs on the same data left in
        ``settings.out``; without a folder they are computed.

    Returns
    -------
    ChapterResult
        ``manifest.json``, ``codebook.csv``, ``datapackage.json``, ``ro-crate-metadata.json``, and in
        ``replication/`` the lists of outputs and of numbers in running text.

    Raises
    ------
    DataMissingError
        There is nothing to describe.
    """
    own = own_inputs([path for path in (settings.data, settings.register, settings.population) if path])
    made = _made(settings, finished, own)
    if not made:
        raise DataMissingError(
            f"{settings.out} has no results that could be described: run `kostnadsvekst estimate --out "
            f"{settings.out}` whole, or name chapters beside `--only {CHAPTER}`"
        )
    read = embedded_inputs(own_data=settings.own_data) | own
    earlier = any(name in CHAPTERS and name not in finished for name in made)
    inputs = digests_behind(settings.out, read, earlier=earlier)
    files = build_package(made, inputs, settings.languages, own_data=settings.own_data)
    count = sum(len(one.files) for one in made.values())
    told = Bilingual(
        f"{count} filer med sjekksum, tittel, program og kommando; {len(inputs)} filer som er lest",
        f"{count} files with digest, title, program and command; {len(inputs)} files that were read",
    )
    return ChapterResult(files, summary=(told,), data_origin=origins_of(made))


def _made(
    settings: Settings, finished: Mapping[str, ChapterResult], own: Mapping[str, Path]
) -> dict[str, Made]:
    """Chapters of this run, and those that earlier runs on the same data left in the results folder."""
    uses = CHAPTERS[CHAPTER].uses
    if settings.out is None:
        results = finish_used(CHAPTER, settings, finished)
        return {name: _of_run(name, result, settings) for name, result in results.items()}
    made = {name: _of_run(name, finished[name], settings) for name in uses if name in finished}
    absent = [name for name in uses if name not in made]
    reads_data = [name for name in uses if CHAPTERS[name].reads in READS]
    made |= chapters_in(settings.out, absent, own, reads_data=reads_data)
    if not settings.own_data:
        made = {
            n: Made({**one.files, **studies_in(settings.out, n)}, one.data_origin) for n, one in made.items()
        }
        made |= studies_alone(settings.out, uses)
    return {name: made[name] for name in (*uses, *made) if name in made}


def _of_run(name: str, result: ChapterResult, settings: Settings) -> Made:
    files = files_of(name, result, settings)
    return Made(files, origins_in(files))
