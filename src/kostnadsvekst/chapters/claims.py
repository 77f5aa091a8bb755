"""Every claim of the report judged once, from all chapters, from printed numbers and from real ones."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pandas as pd

from kostnadsvekst.analysis.claims.measures import NotInDataError
from kostnadsvekst.analysis.claims.national import Country, measure_national
from kostnadsvekst.analysis.claims.panel import measure_panel
from kostnadsvekst.analysis.claims.printed import PrintedNumbers, measure_printed, slack_of
from kostnadsvekst.chapters import ChapterResult, Settings, finish_used
from kostnadsvekst.chapters.claims_rows import NO_ORIGIN, one_row_each
from kostnadsvekst.chapters.claims_tables import claims_table, counts_table, tell_verdicts
from kostnadsvekst.language import Bilingual
from kostnadsvekst.panel.load import load_panel
from kostnadsvekst.provenance import Provenance, provenance_of
from kostnadsvekst.report.audit import (
    COLUMNS,
    Item,
    add_accepted_reasons,
    audit_items,
    claim_item,
    load_accepted,
    numbers_moved,
    render_audit_html,
)
from kostnadsvekst.report.output import csv_text
from kostnadsvekst.report.tables import render
from kostnadsvekst.sources.published import load_claims

_HEADING = "claims"
PRINTED = Provenance("printed numbers of the report")
NATIONAL = Provenance("Statistics Norway")
EXTERNAL = Provenance(NO_ORIGIN)
_TITLE = Bilingual("Rapportens utsagn mot våre tall", "The report's claims against our numbers")


def run(settings: Settings, finished: Mapping[str, ChapterResult] = MappingProxyType({})) -> ChapterResult:
    """Table of all claims, one row each, and their counts by verdict and class of evidence.

    Parameters
    ----------
    settings : Settings
        With data of the user's own, claims on other data are not attempted.
    finished : mapping of str to ChapterResult
        Chapters of this run; those among `Chapter.uses` that are not there are computed.

    Returns
    -------
    ChapterResult
        Everything in ``claims/``. Its audit has one row for each claim.
    """
    accepted = load_accepted()
    own = add_accepted_reasons(_own_audit(settings), accepted)
    rows = one_row_each(load_claims(), [*_audits_of(settings, finished), own])
    audit = _as_audit(rows)
    told = tell_verdicts(audit)
    moved = tuple(numbers_moved(own, accepted))
    files: dict[str, str | bytes] = {
        "claims/claims.csv": csv_text(rows),
        "claims/audit.html": render_audit_html(audit, _TITLE, [*(line.en for line in told), *moved], "en"),
    }
    for lang in settings.languages:
        for table in (claims_table(rows), counts_table(audit)):
            files |= {f"claims/{name}": text for name, text in render(table, lang).items()}
    origins = tuple(dict.fromkeys(rows.loc[rows["data_origin"] != NO_ORIGIN, "data_origin"]))
    return ChapterResult(files, audit, moved, told, data_origin=origins)


def _audits_of(settings: Settings, finished: Mapping[str, ChapterResult]) -> Iterator[pd.DataFrame]:
    """Audits of the chapters that compute claims, from this run or computed now in one language."""
    alone = replace(settings, languages=settings.languages[:1])
    for result in finish_used("claims", alone, finished).values():
        if result.audit is not None:
            yield result.audit


def _own_audit(settings: Settings) -> pd.DataFrame:
    """Judge what no other chapter computes."""
    printed = PrintedNumbers.of_the_report()
    country = Country.embedded(printed)
    audits = [
        audit_items(list(_printed_items(printed)), PRINTED),
        audit_items(list(_items("national", lambda m: measure_national(m, country))), NATIONAL),
        audit_items(list(_items("external", _not_here)), EXTERNAL),
    ]
    if settings.data is not None or settings.register is None:
        panel = load_panel(settings.data)
        items = list(_items("panel", lambda measure: measure_panel(measure, panel)))
        audits.append(audit_items(items, provenance_of(panel)))
    return pd.concat(audits, ignore_index=True)


def _items(chapter: str, measure: Callable[[str], float]) -> Iterator[Item]:
    for claim in load_claims(chapter).to_dict("records"):
        try:
            yield claim_item(claim, measure(claim["measure"]), claim["note"], table=_HEADING)
        except NotInDataError as absence:
            yield claim_item(claim, None, str(absence), table=_HEADING)


def _printed_items(printed: PrintedNumbers) -> Iterator[Item]:
    """Arithmetic on printed numbers; where these are rounded, so is the result, and the interval is wider.

    A word of size or direction is held against the numbers as they are printed.
    """
    for item, claim in zip(
        _items("printed", lambda measure: measure_printed(measure, printed)),
        load_claims("printed").to_dict("records"),
        strict=True,
    ):
        yield item if claim["word"] else widened(item, claim, slack_of(claim["measure"], printed))


def widened(item: Item, claim: Mapping[Any, Any], slack: tuple[float, float]) -> Item:
    """Item whose interval meets ours wherever the rounding of the numbers behind ours lets them meet.

    Parameters
    ----------
    item : Item
    claim : mapping
        Its row of `kostnadsvekst.sources.published.load_claims`.
    slack : tuple of float
        From `kostnadsvekst.analysis.claims.printed.slack_of`.
    """
    if not any(slack):
        return item
    half = 0.5 * 10.0**-item.decimals
    low = claim["value"] - half if item.low is None else item.low
    high = claim["value"] + half if item.high is None else item.high
    below, above = slack
    return replace(item, low=low - above, high=high + below)


def _not_here(measure: str) -> float:
    raise NotInDataError("no data at hand hold it")


def _as_audit(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of claims as an audit, for its counts and its page."""
    named = rows.rename(columns={"place": "table", "quote": "published", "data_origin": "origin"})
    allowed = named["low"] + (named["low"] != "").map({True: " to ", False: ""}) + named["high"]
    told = named.assign(
        row=rows["id"], column=rows["quantity"], tolerance=allowed, second_opinion="", claim=rows["id"]
    )
    return told[list(COLUMNS)]
