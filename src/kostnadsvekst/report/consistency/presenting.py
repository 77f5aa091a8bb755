"""Findings as a table for readers and as data."""

from collections.abc import Mapping, Sequence

import pandas as pd

from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.consistency.findings import CONFIDENCES, EMPTY, SEVERITIES, Finding, told
from kostnadsvekst.report.consistency.kinds import KINDS
from kostnadsvekst.report.tables import Heading, Row, Table, footer, html_fragment, html_page, render

_HEADINGS = (
    Bilingual("Slag", "Kind"),
    Bilingual("Sted", "Place"),
    Bilingual("Regnestykke", "Arithmetic"),
    Bilingual("Alvor", "Severity"),
    Bilingual("Trolig riktig", "Likely right"),
    Bilingual("Sikkerhet", "Confidence"),
)
_MOST_PLACES = 4


def findings_table(
    findings: Sequence[Finding],
    name: str,
    title: Bilingual,
    provenance: Provenance,
    english: Mapping[str, str] | None = None,
) -> Table:
    """Say findings in a table, one row each.

    Parameters
    ----------
    findings : sequence of Finding
    name : str
        Stem of the files.
    title : Bilingual
    provenance : Provenance
        Of the printed numbers.
    english : mapping, optional
        Words of the places, such as "Tabell", and what the English table says for them.

    Returns
    -------
    Table
    """
    words = english or {}
    rows = tuple(Row(str(k), _cells(finding, words)) for k, finding in enumerate(findings, start=1))
    headings = tuple(Heading(text) for text in _HEADINGS)
    return Table(
        name, title, Bilingual("Nr.", "No."), (headings,), rows, (*_NOTES, footer(provenance)), provenance
    )


# Texts are read from the left; the tables of numbers, whose renderers are used, align them to the right.
_STYLE = "<style>td, th {text-align: left; vertical-align: top; white-space: normal}</style>\n"


def render_findings(table: Table, lang: str) -> dict[str, str]:
    """Render a table of findings to every format, its texts to the left.

    Parameters
    ----------
    table : Table
        As made by `findings_table`.
    lang : {"nb", "en"}

    Returns
    -------
    dict
        File name -> content: CSV, HTML, Markdown and LaTeX.
    """
    files = render(table, lang)
    stem = f"{table.name}_{lang}"
    files[f"{stem}.md"] = files[f"{stem}.md"].replace("---:", "---")
    page = _STYLE + html_fragment(table, lang)
    files[f"{stem}.html"] = html_page(table.title_text(lang), page, lang, table.provenance.synthetic)
    return files


_NOTES = (
    Bilingual(
        "Hvert trykt tall er et intervall: en halv enhet av siste trykte siffer, eller det ordet tillater "
        "(om lag, vel, knapt, nærmest). Et funn står her bare når ingen verdier i intervallene får "
        "regnestykket til å gå opp.",
        "Every printed number is an interval: half a unit of its last printed digit, or what its wording "
        "allows (about, just over, just under, nearly). A finding stands here only where no values inside "
        "the intervals make the arithmetic hold.",
    ),
    Bilingual(
        "Alvor: motsigelse; siste siffer (avrundet feil); ordbruk (ord mot tall eller ord mot ord); ikke "
        "opplyst (tallene røper noe teksten ikke sier). Trolig riktig: den enkleste feilen (siffer byttet, "
        "mistet eller feil) som, rettet, får alle regnestykker til å gå opp.",
        "Severity: contradiction; last digit (rounded wrongly); wording (words against numbers or words); "
        "undeclared (numbers reveal what the text does not say). Likely right: the simplest slip (digits "
        "swapped, lost or wrong) that, undone, makes all arithmetic hold.",
    ),
)


def _cells(finding: Finding, english: Mapping[str, str]) -> tuple[Bilingual, ...]:
    return (
        KINDS[finding.kind].title,
        _in_english(_places(finding), english),
        _in_english(_with_note(finding), english),
        SEVERITIES[finding.severity],
        _likely(finding),
        CONFIDENCES[finding.confidence],
    )


def _in_english(text: Bilingual, english: Mapping[str, str]) -> Bilingual:
    said = text.en
    for word, translation in english.items():
        said = said.replace(word, translation)
    return Bilingual(text.nb, said)


def _places(finding: Finding) -> Bilingual:
    more = " …" if len(finding.places) > _MOST_PLACES else ""
    return both("; ".join(finding.places[:_MOST_PLACES]) + more)


def _with_note(finding: Finding) -> Bilingual:
    return told(lambda lang: ". ".join(filter(None, (finding.arithmetic.get(lang), finding.note.get(lang)))))


def _likely(finding: Finding) -> Bilingual:
    if not finding.likely:
        return EMPTY
    others = finding.alternatives
    more = (
        Bilingual(f" ({others} andre like enkle)", f" ({others} others as simple)")
        if others
        else Bilingual("", "")
    )
    return told(lambda lang: finding.likely + more.get(lang))


def findings_frame(findings: Sequence[Finding]) -> pd.DataFrame:
    """Give findings as data, one row each.

    Returns
    -------
    DataFrame
        ``id``, ``kind``, ``places``, ``numbers`` (ids, the one in doubt first), ``printed``,
        ``implied_low``, ``implied_high`` (NaN where nothing is implied), ``arithmetic_nb``,
        ``arithmetic_en``, ``severity``, ``likely_number``, ``likely_value``, ``alternatives``,
        ``confidence``, ``note_nb``, ``note_en``.
    """
    return pd.DataFrame([_record(finding) for finding in findings], columns=list(_RECORD))


_RECORD = (
    "id", "kind", "places", "numbers", "printed", "implied_low", "implied_high", "arithmetic_nb",
    "arithmetic_en", "severity", "likely_number", "likely_value", "alternatives", "confidence", "note_nb",
    "note_en",
)  # fmt: skip


def _record(finding: Finding) -> dict[str, object]:
    ends = (finding.implied.low, finding.implied.high) if finding.implied else (float("nan"),) * 2
    joined = ("; ".join(texts) for texts in (finding.places, finding.ids, finding.printed))
    values = (
        finding.id, finding.kind, *joined, *ends, *finding.arithmetic, finding.severity, finding.likely_id,
        finding.likely, finding.alternatives, finding.confidence, *finding.note,
    )  # fmt: skip
    return dict(zip(_RECORD, values, strict=True))
