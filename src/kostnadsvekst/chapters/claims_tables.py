"""Tables of the chapter on claims: every claim with its verdict, and the counts by class of evidence."""

import re

import pandas as pd

from kostnadsvekst.analysis.claims.descriptions import describe_measure, describe_source
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.provenance import SYNTHETIC, Provenance
from kostnadsvekst.report.audit import (
    EVIDENCE,
    NOT_ATTEMPTED,
    VERDICT_LABELS,
    VERDICTS,
    count_by_evidence,
    count_once,
    tell_counts,
)
from kostnadsvekst.report.tables import Cell, Heading, Number, Row, Table, footer

_NUMBER = re.compile(r"-?\d+(?:\.(\d+))?")
_PLACES = {
    "Sammendrag": Bilingual("Sammendrag", "Summary"),
    "Tabell 1": Bilingual("Tabell 1", "Table 1"),
    "Appendix 1": Bilingual("Vedlegg 1", "Appendix 1"),
}
# Labels that measures return.
_LABELS = {
    "no effect": Bilingual("ingen effekt", "no effect"),
    "effect": Bilingual("effekt", "effect"),
    "not shown": Bilingual("ikke vist", "not shown"),
    "høyest": Bilingual("høyest", "highest"),
    "ikke høyest": Bilingual("ikke høyest", "not highest"),
}
_CLASSES = {
    "identity": Bilingual("regning på trykte tall", "arithmetic on printed numbers"),
    "input": Bilingual("syntetiske data, lagt inn", "synthetic data, put in"),
    "consequence": Bilingual("syntetiske data, følge", "synthetic data, following"),
    "real": Bilingual("virkelige data", "real data"),
    "none": Bilingual("ingen data", "no data"),
}


def claims_table(rows: pd.DataFrame) -> Table:
    """Build the table of all claims.

    Parameters
    ----------
    rows : DataFrame
        From `kostnadsvekst.chapters.claims_rows.one_row_each`.
    """
    texts = (
        Bilingual("Trykt", "Printed"),
        Bilingual("Fra", "From"),
        Bilingual("Til", "To"),
        Bilingual("Vårt", "Ours"),
        Bilingual("Dom", "Verdict"),
        Bilingual("Grunnlag", "Evidence"),
        Bilingual("Beregnet som", "Computed as"),
        Bilingual("Likt med", "Same as"),
    )
    provenance = _provenance(rows["data_origin"])
    return Table(
        "table_claims",
        Bilingual("Rapportens utsagn mot våre tall", "The report's claims against our numbers"),
        Bilingual("Utsagn", "Claim"),
        (tuple(Heading(text) for text in texts),),
        tuple(Row(_name(row), _cells(row)) for row in rows.to_dict("records")),
        (*_NOTES, footer(provenance)),
        provenance,
    )


def counts_table(audit: pd.DataFrame) -> Table:
    """Build the table of counts: verdict by class of evidence, each statement once, nothing added up.

    Parameters
    ----------
    audit : DataFrame
        One row for each claim, with the columns of `kostnadsvekst.report.audit.COLUMNS`.
    """
    counts = count_by_evidence(audit)
    rows = [
        Row(_CLASSES[kind], tuple(Number(float(counts.loc[kind, verdict]), 0) for verdict in VERDICTS))
        for kind in EVIDENCE
    ]
    provenance = _provenance(audit["origin"])
    return Table(
        "table_claim_counts",
        Bilingual("Utsagn etter dom og grunnlag", "Claims by verdict and evidence"),
        Bilingual("Grunnlag", "Evidence"),
        (tuple(Heading(VERDICT_LABELS[verdict]) for verdict in VERDICTS),),
        tuple(rows),
        (_ONCE, footer(provenance)),
        provenance,
    )


def tell_verdicts(audit: pd.DataFrame) -> tuple[Bilingual, ...]:
    """Sentences of the terminal: how many claims, the counts by class, and the ids that no data hold.

    Parameters
    ----------
    audit : DataFrame
        One row for each claim.
    """
    once = count_once(audit)
    absent = audit[audit["verdict"] == NOT_ATTEMPTED]["claim"]
    ids = ", ".join(absent) or "–"
    first = Bilingual(
        f"{len(audit)} utsagn, {len(once)} når gjentakelser telles én gang",
        f"{len(audit)} claims, {len(once)} when repetitions count once",
    )
    last = Bilingual(f"Ikke forsøkt: {ids}", f"Not attempted: {ids}")
    return (first, *tell_counts(audit, _ORIGINS), last)


_ORIGINS = {
    "Statistics Norway": Bilingual("mot virkelige tall (SSB)", "on real numbers (Statistics Norway)"),
    "none": Bilingual("som ingen data her har", "that no data here hold"),
}
_ONCE = Bilingual(
    "Et utsagn som gjentas, telles én gang. Klassene viser ulike ting og legges ikke sammen: «kalibrert» "
    "sier bare at de syntetiske dataene ble som de skulle.",
    "A claim that is repeated counts once. The classes show different things and are not added up: "
    "“calibrated” only says that the synthetic data came out as they should.",
)
_NOTES = (
    Bilingual(
        "«Fra» og «til» er det ordlyden gir rom for. Rang og retning er tall som 1 (størst, øker) og −1 "
        "(synker). Regning på trykte tall har også rom for avrundingen av hvert av dem. Av flere veier til "
        "samme tall står den med sterkest grunnlag.",
        "“From” and “to” are what the wording allows. Ranks and directions are numbers such as 1 (largest, "
        "rises) and −1 (falls). Arithmetic on printed numbers is allowed the rounding of each of them, too. "
        "Of several ways to a number the one with the strongest evidence stands.",
    ),
)


def _name(row: dict[str, str]) -> Bilingual:
    place = _PLACES.get(row["place"], both(row["place"]))
    period = f", {row['period']}" if row["period"] else ""
    return Bilingual(
        f"{row['id']} {place.nb}: «{row['quote']}»", f"{row['id']} {place.en}: {row['quantity']}{period}"
    )


def _cells(row: dict[str, str]) -> tuple[Cell, ...]:
    numbers = tuple(_cell(row[name]) for name in ("printed", "low", "high", "ours"))
    how = describe_measure(row["chapter"], row["measure"])
    if row["verdict"] == NOT_ATTEMPTED and row["settled_by"]:
        how = describe_source(row["settled_by"])
    return (*numbers, VERDICT_LABELS[row["verdict"]], _CLASSES[row["evidence"]], how, row["same_as"])


def _cell(text: str) -> Cell:
    """Cell of a number in the language's own signs, of a label in its words."""
    found = _NUMBER.fullmatch(text)
    if found:
        return Number(float(text), len(found.group(1) or ""))
    label = _LABELS.get(text)
    return label if label is not None else Bilingual(text.replace(" to ", " til "), text)


def _provenance(origins: pd.Series) -> Provenance:
    """Synthetic where any row is, so that the label is never lost."""
    if (origins == SYNTHETIC).any():
        return Provenance(SYNTHETIC)
    return Provenance(", ".join(dict.fromkeys(origins)))
