"""Specifications that the user wrote in a TOML file: estimated, and put in one table."""

from kostnadsvekst.chapters import ChapterResult, Settings
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.models.fixed_effects import estimate
from kostnadsvekst.models.specifications import read_specifications
from kostnadsvekst.panel.load import load_panel
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
    specs = read_specifications(settings.specifications)
    panel = load_panel(settings.data)
    fits = {name: estimate(spec, panel) for name, spec in specs.items()}
    title = Bilingual("Egne spesifikasjoner", "Specifications of your own")
    made = table(fits, title=title, name=settings.specifications.stem)
    files: dict[str, str | bytes] = {}
    for lang in settings.languages:
        files |= {f"{FOLDER}/{name}": text for name, text in render(made, lang).items()}
    summary = tuple(both(f"{name}: {spec.formula}") for name, spec in specs.items())
    return ChapterResult(files, summary=summary, data_origin=(provenance_of(panel).origin,))
