"""Files of an extract of user groups: profile as Parquet, what was left out, and what its codes mean."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from kostnadsvekst.language import Bilingual
from kostnadsvekst.municipal.extracts import MunicipalExtract, profile_extract, read_extract
from kostnadsvekst.municipal.protection import protect_profile
from kostnadsvekst.municipal.user_group_terms import GROUPS, MEASURES, PROVISIONS, service_label
from kostnadsvekst.report.output import csv_text
from kostnadsvekst.sources.municipal_examples import MADE_UP_ORIGIN
from kostnadsvekst.sources.municipal_extract import parquet_bytes

PUBLIC, ANALYST = "public", "not for publication"


@dataclass(frozen=True, slots=True)
class RenderedExtract:
    """Files of an extract.

    Attributes
    ----------
    files : dict of str to str or bytes
        Name -> content.
    unread, notes : tuple of str
        Files and columns that no sheet has; what was left out, and why.
    made_up : bool
    """

    files: dict[str, str | bytes]
    unread: tuple[str, ...]
    notes: tuple[str, ...]
    made_up: bool


def render_extract(folder: str | Path, *, publish: bool) -> RenderedExtract:
    """Read an extract and render the profile of all its municipalities and years.

    Parameters
    ----------
    folder : path
    publish : bool
        The public edition: small numbers and all that gives them back are missing; no list of what was left
        out, and no digest of the extract, by which numbers could be tried.

    Raises
    ------
    InvalidDataError
        All faults of the extract.
    """
    extract = read_extract(folder)
    found = profile_extract(extract)
    notes = tuple(found.attrs.pop("left_out"))
    if publish:
        found, notes = protect_profile(found), ()
    origin = _origin(extract)
    told = replace(extract.provenance, origin=origin, **({"file_sha256": ""} if publish else {}))
    found.attrs |= {"provenance": told.to_attrs(), "edition": PUBLIC if publish else ANALYST}
    files: dict[str, str | bytes] = {
        "profile.parquet": parquet_bytes(_labelled(found, origin)),
        "codes.csv": csv_text(_labelled(_codes(found), origin)),
    }
    if notes:
        files["left_out.csv"] = csv_text(_labelled(pd.DataFrame({"left_out": list(notes)}), origin))
    made_up = origin == MADE_UP_ORIGIN or told.synthetic
    return RenderedExtract(files, extract.unread, notes, made_up)


def _origin(extract: MunicipalExtract) -> str:
    """Say that numbers are made up where their source does."""
    told = {
        source
        for table in (extract.population, extract.counts, extract.accounts)
        if "source" in table
        for source in table["source"].unique()
    }
    known = extract.provenance
    return MADE_UP_ORIGIN if not known.synthetic and MADE_UP_ORIGIN in told else known.origin


def _labelled(frame: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Say in each row, too, where it is from: programs that read Parquet do not show its labels."""
    return frame.assign(data_origin=origin)


def _codes(found: pd.DataFrame) -> pd.DataFrame:
    """Names of the codes that the profile has, in both languages."""
    rows = [(column, code, *label) for column, code, label in _labels(found)]
    return pd.DataFrame(rows, columns=["column", "code", "nb", "en"])


def _labels(found: pd.DataFrame) -> Iterator[tuple[str, str, Bilingual]]:
    everything = Bilingual("I alt", "All")
    for code in found["group"].unique():
        yield "group", code, GROUPS.get(code, everything)
    for code in found["service"].unique():
        yield "service", code, service_label(code)
    for code in found["provision"].unique():
        yield "provision", code, PROVISIONS[code]
    for code in found["measure"].unique():
        yield "measure", code, MEASURES[code].label
    for code in found["measure"].unique():
        yield "unit of measure", code, MEASURES[code].unit
