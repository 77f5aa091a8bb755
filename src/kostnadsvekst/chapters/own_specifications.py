"""Specifications that the user wrote in a TOML file: estimated, and put in one table."""

from collections.abc import Mapping

import pandas as pd

from kostnadsvekst.chapters import ChapterResult, Settings
from kostnadsvekst.errors import DataMissingError, KostnadsvekstError, SpecificationError
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.models.estimation import estimate
from kostnadsvekst.models.fixed_effects import Estimate
from kostnadsvekst.models.specifications import Specification, read_specification_file
from kostnadsvekst.panel.frames import load_frame
from kostnadsvekst.provenance import provenance_of
from kostnadsvekst.report.regression_tables import table
from kostnadsvekst.report.tables import render

FOLDER = "own-specifications"


def run(settings: Settings) -> ChapterResult:
    """Estimate every specification of the file.

    Parameters
    ----------
    settings : Settings
        With ``specifications``.

    Returns
    -------
    ChapterResult
        One table in every format, and the specifications as they were read.
    """
    if settings.specifications is None:
        raise SpecificationError("there is no file of specifications")
    file = read_specification_file(settings.specifications)
    specs = file.specifications
    panel = load_frame(settings.data, merge_renaming(file.rename, settings.rename))
    fits = estimate_all(specs, panel)
    title = Bilingual("Egne spesifikasjoner", "Specifications of your own")
    made = table(fits, title=title, name=settings.specifications.stem)
    files: dict[str, str | bytes] = {}
    for lang in settings.languages:
        files |= {f"{FOLDER}/{name}": text for name, text in render(made, lang).items()}
    summary = tuple(both(f"{name}: {spec.formula}") for name, spec in specs.items())
    return ChapterResult(files, summary=summary, data_origin=(provenance_of(panel).origin,))


def merge_renaming(of_file: Mapping[str, str], of_user: Mapping[str, str]) -> dict[str, str]:
    """Put together the renaming of the file of specifications and that of the command line.

    Parameters
    ----------
    of_file, of_user : mapping of str to str
        Column of the data -> name in the specifications.

    Raises
    ------
    SpecificationError
        If they disagree on a column.
    """
    differ = [name for name in of_user if of_file.get(name, of_user[name]) != of_user[name]]
    if differ:
        raise SpecificationError(
            f"[rename] of the file and --rename give other names to {', '.join(map(repr, differ))}: keep one"
        )
    return {**of_file, **of_user}


def estimate_all(specs: Mapping[str, Specification], data: pd.DataFrame) -> dict[str, Estimate]:
    """Estimate specifications on one frame.

    Parameters
    ----------
    specs : mapping of str to Specification
    data : DataFrame

    Raises
    ------
    KostnadsvekstError
        Of the kind of the first that fails; all that fail are told, each with its name.
    """
    fits: dict[str, Estimate] = {}
    failed: dict[str, KostnadsvekstError] = {}
    for name, spec in specs.items():
        try:
            fits[name] = estimate(spec, data)
        except KostnadsvekstError as error:
            failed[name] = error
    if failed:
        told = "\n".join(f"specification {name!r}: {error}" for name, error in failed.items())
        absent = any(isinstance(error, DataMissingError) for error in failed.values())
        raise type(next(iter(failed.values())))(told + (_RENAMING if absent else ""))
    return fits


_RENAMING = (
    "\nrename columns with --rename THEIRS=OURS or in the file's [rename]; in Python kv.estimate takes any "
    "frame that has the columns of the specification"
)
