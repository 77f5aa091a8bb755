"""Replication: what is made of what, by which program, with digests, schemas and linked metadata."""

from collections.abc import Mapping
from types import MappingProxyType

from kostnadsvekst.chapters import ChapterResult, Settings, files_of, finish_used
from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.replication.listing import CHAPTER, Made, made_elsewhere
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
        Chapters of this run; those among `Chapter.uses` that are not there are computed.

    Returns
    -------
    ChapterResult
        ``manifest.json``, ``codebook.csv``, ``datapackage.json``, ``ro-crate-metadata.json``, and in
        ``replication/`` the lists of outputs and of numbers in running text.
    """
    chapters = finish_used(CHAPTER, settings, finished)
    made = {name: _made(name, result, settings) for name, result in chapters.items()}
    own = own_inputs([path for path in (settings.data, settings.register, settings.population) if path])
    inputs = embedded_inputs(own_data=settings.own_data) | own
    files = build_package(made, inputs, settings.languages, own_data=settings.own_data)
    count = sum(len(one.files) for one in made.values())
    told = Bilingual(
        f"{count} filer med sjekksum, tittel, program og kommando; {len(inputs)} filer som er lest",
        f"{count} files with digest, title, program and command; {len(inputs)} files that were read",
    )
    origins = dict.fromkeys(origin for result in chapters.values() for origin in result.data_origin)
    return ChapterResult(files, summary=(told,), data_origin=tuple(origins))


def _made(name: str, result: ChapterResult, settings: Settings) -> Made:
    """Files of a chapter, with what longer studies have put beside them."""
    files = dict(files_of(name, result, settings))
    for path in made_elsewhere():
        place = settings.out / path if settings.out is not None else None
        if path.startswith(f"{name}/") and not settings.own_data and place is not None and place.is_file():
            files[path] = place.read_bytes()
    return Made(files, result.data_origin)
