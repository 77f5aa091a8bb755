"""The files that describe a run, each made of those before it; the manifest lists all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kostnadsvekst.report.output import csv_text
from kostnadsvekst.report.replication import codebook, data_package, manifest, ro_crate
from kostnadsvekst.report.replication.in_text import numbers_frame
from kostnadsvekst.report.replication.listing import CHAPTER, Made, list_outputs, origins_of, outputs_frame
from kostnadsvekst.report.replication.summary import render_summary

Files = dict[str, str | bytes]


def build_package(
    made: Mapping[str, Made], inputs: Mapping[str, str], languages: Sequence[str], *, own_data: bool
) -> Files:
    """Describe what chapters made.

    Parameters
    ----------
    made : mapping of str to Made
        Chapter -> its files.
    inputs : mapping of str to str
        Name in the manifest -> sha256 of what was read.
    languages : sequence of str
        Of the page for readers.
    own_data : bool
        Whether they are the user's: every part then says that they are not the report's.

    Returns
    -------
    dict of str to str or bytes
        Path below the results folder -> content.
    """
    origins = origins_of(made)
    # Pages and papers have no column that tells: they show what the others made.
    made = {name: one if one.data_origin else replace(one, data_origin=origins) for name, one in made.items()}
    files = _tables(made, origins)
    outputs = list_outputs(made)
    n_numbers = str(files["replication/in_text_numbers.csv"]).count("\n") - 1
    for lang in languages:
        files[f"replication/replication_{lang}.md"] = render_summary(
            outputs, inputs, n_numbers, lang, own_data=own_data
        )
    everything = {**made, CHAPTER: Made(files, origins)}
    files[data_package.FILE] = data_package.build_data_package(
        everything, list_outputs(everything), own_data=own_data
    )
    contents = {path: content for one in everything.values() for path, content in one.files.items()}
    files[ro_crate.FILE] = ro_crate.build_crate(list_outputs(everything), contents, inputs, own_data=own_data)
    contents[ro_crate.FILE] = files[ro_crate.FILE]
    listed = list_outputs(everything)
    return files | {manifest.FILE: manifest.build_manifest(inputs, listed, contents, own_data=own_data)}


def _tables(made: Mapping[str, Made], origins: tuple[str, ...]) -> Files:
    """List outputs and numbers, and describe all columns in the codebook, theirs, too."""
    contents = {path: content for one in made.values() for path, content in one.files.items()}
    files: Files = {
        "replication/outputs.csv": csv_text(outputs_frame(list_outputs(made))),
        "replication/in_text_numbers.csv": csv_text(numbers_frame(contents)),
    }
    described = {**made, CHAPTER: Made(files, origins)}
    return {**files, codebook.FILE: csv_text(codebook.codebook_frame(described))}
