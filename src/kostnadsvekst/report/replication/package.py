"""The files that describe a run, each made of those before it; the manifest lists all of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from kostnadsvekst.report.output import csv_text
from kostnadsvekst.report.replication.listing import CHAPTER, Made, list_outputs, outputs_frame
from kostnadsvekst.report.replication.manifest import FILE, build_manifest


def build_package(
    made: Mapping[str, Made], inputs: Mapping[str, Path], languages: Sequence[str], *, own_data: bool
) -> dict[str, str | bytes]:
    """Describe what chapters made.

    Parameters
    ----------
    made : mapping of str to Made
        Chapter -> its files.
    inputs : mapping of str to Path
        Name in the manifest -> file that was read.
    languages : sequence of str
        Of the summary for readers.
    own_data : bool
        Whether they are the user's: every part then says that they are not the report's.

    Returns
    -------
    dict of str to str or bytes
        Path below the results folder -> content.
    """
    outputs = list_outputs(made)
    files: dict[str, str | bytes] = {"replication/outputs.csv": csv_text(outputs_frame(outputs))}
    everything = list_outputs({**made, CHAPTER: Made(files)})
    contents = {path: content for one in (*made.values(), Made(files)) for path, content in one.files.items()}
    return files | {FILE: build_manifest(inputs, everything, contents, own_data=own_data)}
