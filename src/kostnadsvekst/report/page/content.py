"""What stands on the page, as values: no markup, both languages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.page.code import CodeReference


@dataclass(frozen=True, slots=True)
class Judged:
    """A printed number and what was found of it: a row of an audit.

    Attributes
    ----------
    key : str
        Permanent link: ``"A3/2019/Modell 1 b"``, or the id of a claim.
    place : Bilingual
        Where it is printed.
    chapter : str
        Key of the chapter that computes it.
    published, ours, second_opinion, difference, interval : str
        As the audit has them; empty where there is none.
    verdict, evidence, origin : str
        Of `kostnadsvekst.report.audit`.
    reason : str
        In English, as the audit tells it.
    how : Bilingual
        How it is computed.
    asked : str
        The specification or measure that is computed.
    code : tuple of str
        Keys of `Page.code`: the functions that make it, the computing one first.
    also : str
        What other ways to the number say.
    """

    key: str
    place: Bilingual
    chapter: str
    published: str
    ours: str
    second_opinion: str
    difference: str
    interval: str
    verdict: str
    evidence: str
    origin: str
    reason: str
    how: Bilingual
    asked: str
    code: tuple[str, ...]
    also: str = ""


@dataclass(frozen=True, slots=True)
class PrintedCell:
    """A cell as printed, with its judgements: the number first, then its stars."""

    text: str
    judged: tuple[Judged, ...]


@dataclass(frozen=True, slots=True)
class PrintedRow:
    """A line of a printed table; None where nothing is printed."""

    label: Bilingual
    cells: tuple[PrintedCell | None, ...]


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """A table as the report prints it.

    Attributes
    ----------
    key : str
        Its number in the report.
    title : Bilingual
    groups : tuple of (Bilingual, int)
        Headings over several columns and how many; empty where there are none.
    columns : tuple of Bilingual
    rows : tuple of PrintedRow
    note : Bilingual
    """

    key: str
    title: Bilingual
    groups: tuple[tuple[Bilingual, int], ...]
    columns: tuple[Bilingual, ...]
    rows: tuple[PrintedRow, ...]
    note: Bilingual


@dataclass(frozen=True, slots=True)
class ClaimCard:
    """A claim of the running text.

    Attributes
    ----------
    judged : Judged
    quote : str
        The report's sentence, in Norwegian.
    about : str
        What it is about, in English.
    same_as : str
        Id of the claim that says the same elsewhere.
    """

    judged: Judged
    quote: str
    about: str
    same_as: str


@dataclass(frozen=True, slots=True)
class FindingCard:
    """A contradiction of the report with itself.

    Attributes
    ----------
    key : str
    kind, severity, confidence : Bilingual
    level : str
        Key of the severity.
    places, printed, likely : str
        As printed; ``likely`` is the value that would make the arithmetic hold.
    arithmetic, note : Bilingual
    code : tuple of str
        Keys of `Page.code`.
    """

    key: str
    kind: Bilingual
    level: str
    severity: Bilingual
    confidence: Bilingual
    places: str
    printed: str
    likely: str
    arithmetic: Bilingual
    note: Bilingual
    code: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """A line, or a set of points, of a figure; None for a value that is not there or confidential.

    Attributes
    ----------
    label : Bilingual
    values : tuple of float or None
        One for each label of the figure.
    low, high : tuple of float or None
        Ends of intervals; empty without.
    """

    label: Bilingual
    values: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure.

    Attributes
    ----------
    key : str
    title, unit : Bilingual
        ``unit`` is the quantity with its unit, of the axis of values.
    labels : tuple of Bilingual
        Of the other axis.
    series : tuple of Series
    shape : {"lines", "dots", "intervals"}
        ``"intervals"`` lies: one row for each label.
    decimals : int
        Of the values when shown.
    chapter : str
    source : str
        File of the results that holds the data.
    synthetic : bool
    zero : bool
        Whether the axis of values must reach zero.
    """

    key: str
    title: Bilingual
    unit: Bilingual
    labels: tuple[Bilingual, ...]
    series: tuple[Series, ...]
    shape: Literal["lines", "dots", "intervals"]
    decimals: int
    chapter: str
    source: str
    synthetic: bool
    zero: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page.

    Attributes
    ----------
    own_data : bool
        Whether data of the user's own are behind it: every part then says that they are not the report's.
    synthetic : bool
        Whether any part rests on synthetic data.
    answer : tuple of Bilingual
        Sentences at the top.
    counts : tuple of (Bilingual, DataFrame)
        Heading and counts by class of evidence (index) and verdict (columns), never added up over classes.
    strongest : tuple of (str, Bilingual)
        Link and sentence of the strongest findings.
    tables : tuple of PrintedTable
    claims : tuple of ClaimCard
    findings : tuple of FindingCard
    pictures : tuple of Picture
    code : mapping of str to CodeReference
    files : mapping of str to sequence of str
        Chapter -> its files below the results folder.
    chapters : mapping of str to Bilingual
        Names for the filter, and of the files.
    version : str
        Of the package.
    """

    own_data: bool
    synthetic: bool
    answer: tuple[Bilingual, ...]
    counts: tuple[tuple[Bilingual, pd.DataFrame], ...]
    strongest: tuple[tuple[str, Bilingual], ...]
    tables: tuple[PrintedTable, ...]
    claims: tuple[ClaimCard, ...]
    findings: tuple[FindingCard, ...]
    pictures: tuple[Picture, ...]
    code: Mapping[str, CodeReference]
    files: Mapping[str, Sequence[str]]
    chapters: Mapping[str, Bilingual]
    version: str
