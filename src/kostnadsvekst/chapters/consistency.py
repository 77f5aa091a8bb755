"""The report against itself: where its printed numbers contradict each other, by arithmetic alone."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence

import pandas as pd

from kostnadsvekst.chapters import ChapterResult, Settings
from kostnadsvekst.language import Bilingual
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.consistency import (
    Finding,
    PrintedReport,
    findings_frame,
    findings_table,
    render_findings,
)
from kostnadsvekst.report.consistency.findings import SEVERITIES
from kostnadsvekst.report.output import csv_text
from kostnadsvekst.sources.embedded import embedded_path
from kostnadsvekst.sources.published import load_cells

ORIGIN = "printed numbers of the report"
_SHORT = {
    "amount_nok1000": "amount",
    "share_percent": "share",
    "mean": "mean",
    "std_dev": "sd",
    "minimum": "min",
    "maximum": "max",
    "estimate": "b",
    "std_error": "se",
}
# What the report calls its places, in the English table; words that it is quoted with stay Norwegian.
_ENGLISH = {
    "Tabell": "Table",
    "modell": "model",
    "Sammendrag": "Summary",
    "Figur": "Figure",
    "fotnote": "footnote",
}
_TITLE = Bilingual("Rapporten mot seg selv: motsigelser", "The report against itself: contradictions")


def run(settings: Settings) -> ChapterResult:
    """Find the report's contradictions: a table in both languages and every finding as data.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    ChapterResult
        Everything in ``consistency/``.
    """
    report = printed_report()
    findings = report.check()
    table = findings_table(findings, "findings", _TITLE, Provenance(ORIGIN), _ENGLISH)
    files: dict[str, str | bytes] = {}
    for lang in settings.languages:
        files |= {f"consistency/{name}": text for name, text in render_findings(table, lang).items()}
    files["consistency/findings.csv"] = csv_text(findings_frame(findings).assign(data_origin=ORIGIN))
    return ChapterResult(files, summary=(_told(report, findings),), data_origin=(ORIGIN,))


def printed_report() -> PrintedReport:
    """Tables 1, A1, A2 and A3, statements of the running text, and how they hang together.

    Returns
    -------
    PrintedReport
        Cells with ids of table, row and column: ``T1.254.amount``, ``A1.Utgifter.2015.mean``,
        ``A2.Alder_0-5.sd``, ``A3.2.Konstant.se``, ``A3.4.r2``; claims with ids that begin with their
        section.
    """
    claims = pd.read_csv(
        embedded_path("published/consistency_003_claims.csv"), dtype=str, keep_default_na=False
    )
    said = embedded_path("published/consistency_003_relations.toml").read_text(encoding="utf-8")
    return PrintedReport("003", _cells(), claims, tuple(tomllib.loads(said)["relation"]))


def _cells() -> pd.DataFrame:
    printed = load_cells()
    return pd.DataFrame(
        {
            "id": [*_ids(printed)],
            "place": [*_places(printed)],
            "printed": printed["printed"],
            "stars": printed["stars"],
            # Rows of years in table A1 are dated; a period of all years is no date of a single row.
            "period": printed["period"].where(printed["table"].isin(("1", "A1")), ""),
        }
    )


def _ids(printed: pd.DataFrame) -> Iterator[str]:
    for cell in printed.itertuples():
        row = str(cell.row).replace("Utgifter ", "Utgifter.").replace("Frie_inntekter 2", "Frie_inntekter.2")
        if cell.table != "A3":
            yield f"{'T' * (cell.table == '1')}{cell.table}.{row}.{_SHORT[cell.statistic]}"
            continue
        model = str(cell.model).rpartition("-")[2]
        yield (
            f"A3.{model}.r2"
            if cell.statistic == "r_squared"
            else f"A3.{model}.{row}.{_SHORT[cell.statistic]}"
        )


def _places(printed: pd.DataFrame) -> Iterator[str]:
    for cell in printed.itertuples():
        model = f", modell {str(cell.model).rpartition('-')[2]}" if cell.model else ""
        yield f"Tabell {cell.table}{model}, {cell.row}"


def _told(report: PrintedReport, findings: Sequence[Finding]) -> Bilingual:
    counts = Counter(finding.severity for finding in findings)
    claims = 0 if report.claims is None else len(report.claims)
    n = len(report.cells) + claims
    listed = [
        ", ".join(f"{name.get(lang)} {counts[severity]}" for severity, name in SEVERITIES.items())
        for lang in ("nb", "en")
    ]
    return Bilingual(
        f"{len(findings)} funn i {n} trykte tall og utsagn, {len(report.relations)} sammenhenger: "
        f"{listed[0]}",
        f"{len(findings)} findings in {n} printed numbers and statements, {len(report.relations)} relations: "
        f"{listed[1]}",
    )
